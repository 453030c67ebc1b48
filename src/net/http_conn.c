/* Connections of the HTTP server and their deadlines. libmicrohttpd only knows a timeout of
 * inactivity, which a client that sends a byte a second never meets; so each connection has an
 * absolute deadline for what it is doing, and a sweep shuts down those that passed it. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http_server_priv.h"

/* The slowest client that is waited for. */
#define BODY_BYTES_PER_SECOND   (4 << 10)
#define ANSWER_BYTES_PER_SECOND (256 << 10)

#define US_PER_SECOND UINT64_C(1000000)

static const char *phase_name(enum gn_http_phase phase)
{
    switch (phase) {
    case GN_HTTP_OPENED:
        return "opened";
    case GN_HTTP_IDLE:
        return "idle";
    case GN_HTTP_HEADERS:
        return "headers";
    case GN_HTTP_BODY:
        return "body";
    case GN_HTTP_HANDLER:
        return "handler";
    case GN_HTTP_ANSWER:
        return "answer";
    case GN_HTTP_STREAM:
        return "stream";
    }
    return "unknown";
}

static uint64_t phase_limit_ms(const struct gn_http_server *server, enum gn_http_phase phase)
{
    switch (phase) {
    case GN_HTTP_OPENED:
    case GN_HTTP_HEADERS:
        return server->config.header_deadline_ms;
    case GN_HTTP_IDLE:
        return server->config.idle_timeout_ms;
    case GN_HTTP_BODY:
    case GN_HTTP_ANSWER:
        return server->config.body_deadline_ms;
    case GN_HTTP_HANDLER:
    case GN_HTTP_STREAM:
        break;
    }
    return UINT64_MAX;
}

void gn_http_conn_extend(struct gn_http_conn *conn, uint64_t bytes)
{
    uint64_t limit_ms = phase_limit_ms(conn->server, conn->phase);
    uint64_t rate = conn->phase == GN_HTTP_ANSWER ? ANSWER_BYTES_PER_SECOND : BODY_BYTES_PER_SECOND;

    if (limit_ms == UINT64_MAX)
        conn->deadline_us = UINT64_MAX;
    else
        conn->deadline_us = conn->begin_us + limit_ms * 1000 + bytes / rate * US_PER_SECOND;
}

void gn_http_conn_enter(struct gn_http_conn *conn, enum gn_http_phase phase, uint64_t bytes)
{
    conn->phase = phase;
    conn->has_ended = false;
    conn->begin_us = gn_loop_now_us(conn->server->loop);
    gn_http_conn_extend(conn, bytes);
}

struct gn_http_conn *gn_http_conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void count_conns(struct gn_http_server *server)
{
    if (server->open_conns != NULL)
        gn_metric_set(server->open_conns, server->conn_count);
}

static void conn_open(struct gn_http_server *server, struct MHD_Connection *mhd, void **context)
{
    struct gn_http_conn *conn = calloc(1, sizeof(*conn));

    *context = conn;
    if (conn == NULL)
        return; /* its first request is answered 503 */
    conn->server = server;
    conn->mhd = mhd;
    conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    gn_http_conn_enter(conn, GN_HTTP_OPENED, 0);
    LIST_INSERT_HEAD(&server->conns, conn, link);
    server->conn_count++;
    count_conns(server);
}

static void conn_close(struct gn_http_conn *conn, void **context)
{
    struct gn_http_server *server = conn->server;

    LIST_REMOVE(conn, link);
    free(conn);
    *context = NULL;
    server->conn_count--;
    count_conns(server);
}

void gn_http_on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                           enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_open(cls, mhd, socket_context);
    else if (*socket_context != NULL)
        conn_close(*socket_context, socket_context);
}

/* ---- peer ---- */

static void format_peer(const struct sockaddr *addr, char text[INET6_ADDRSTRLEN])
{
    static const char mapped_prefix[] = "::ffff:";
    const struct sockaddr_in6 *v6 = (const void *)addr;
    const struct sockaddr_in *v4 = (const void *)addr;
    size_t skip = sizeof(mapped_prefix) - 1;

    if (addr->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN); /* has room */
    if (addr->sa_family != AF_INET6)
        return;
    (void)inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN); /* has room */
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        memmove(text, text + skip, strlen(text + skip) + 1);
}

struct gn_str gn_http_conn_peer(struct gn_http_conn *conn)
{
    if (conn->peer[0] == '\0')
        format_peer(
            MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
            conn->peer);
    return gn_str_of(conn->peer);
}

/* ---- deadlines ---- */

void gn_http_conn_break(struct gn_http_conn *conn)
{
    (void)shutdown(conn->fd, SHUT_RDWR); /* fails only when the peer was faster */
}

static void cut_off(struct gn_http_conn *conn)
{
    struct gn_http_server *server = conn->server;
    uint64_t held;

    conn->deadline_us = UINT64_MAX;
    gn_http_conn_break(conn);
    if (conn->phase == GN_HTTP_IDLE || conn->phase == GN_HTTP_OPENED)
        return; /* the usual end of a connection */
    if (gn_log_allow(&server->cut_log, gn_loop_now_ms(server->loop), &held))
        gn_log_warn("http.cut server=%s peer=%s phase=%s held=%llu", server->name,
                    gn_http_conn_peer(conn).p, phase_name(conn->phase), (unsigned long long)held);
}

static bool awaits_bytes(const struct gn_http_conn *conn)
{
    return conn->phase != GN_HTTP_HANDLER && conn->phase != GN_HTTP_ANSWER &&
           conn->phase != GN_HTTP_STREAM;
}

/* libmicrohttpd watches sockets edge-triggered and takes a short read for the end of what there is,
 * so an end that came together with the last bytes it does not see. Only what is seen at two sweeps
 * in a row counts: in between, the library has worked off all that it had read before. */
static bool is_left(struct gn_http_conn *conn)
{
    bool was_ended = conn->has_ended;
    char byte;

    conn->has_ended =
        awaits_bytes(conn) && recv(conn->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) == 0;
    return was_ended && conn->has_ended;
}

void gn_http_conns_sweep(struct gn_http_server *server)
{
    uint64_t now_us = gn_loop_now_us(server->loop);
    struct gn_http_conn *conn;

    LIST_FOREACH (conn, &server->conns, link) {
        if (conn->deadline_us <= now_us)
            cut_off(conn);
        else if (is_left(conn))
            gn_http_conn_break(conn);
    }
}
