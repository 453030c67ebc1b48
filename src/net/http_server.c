/* The HTTP server's life and how libmicrohttpd is driven: its epoll descriptor stands in ours, it
 * is run when that is readable, once a tick, and in the next turn whenever it says that it has more
 * to do. The tick also finds what no event tells: connections past their deadline, and descriptors
 * that are free again after the process had none left. */
#include "gurnard/net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gurnard/base/assert.h"

#include "http_server_priv.h"

/* Memory of a connection; bounds the head of a request too. */
#define POOL_BYTES  ((size_t)8 << 10)
#define TICK_MAX_MS 1000
#define TICK_MIN_MS 10
#define STOP_ROUNDS 16 /* runs of the library to get the last answers out */

/* ---- metrics ---- */

static void register_metrics(struct gn_http_server *server, struct gn_metrics *metrics)
{
    static const unsigned counted[] = {200, 201, 202, 204, 400, 401, 403, 404, 405, 409,
                                       413, 415, 429, 431, 500, 501, 503, 505, 507};
    static const char name[] = "gurnard_http_requests_total";
    static const char help[] = "Requests answered, by server and status code.";
    struct gn_metric *other;
    char labels[96];

    if (metrics == NULL)
        return;
    (void)snprintf(labels, sizeof(labels), "server=\"%.32s\"", server->name);
    server->open_conns = gn_metrics_gauge(metrics, "gurnard_http_connections", labels,
                                          "Connections open, by server.");
    (void)snprintf(labels, sizeof(labels), "server=\"%.32s\",code=\"other\"", server->name);
    other = gn_metrics_counter(metrics, name, labels, help);
    for (size_t i = 0; i < GN_LEN(server->by_status); i++)
        server->by_status[i] = other;
    for (size_t i = 0; i < GN_LEN(counted); i++) {
        (void)snprintf(labels, sizeof(labels), "server=\"%.32s\",code=\"%u\"", server->name,
                       counted[i]);
        server->by_status[counted[i]] = gn_metrics_counter(metrics, name, labels, help);
    }
}

void gn_http_count(struct gn_http_server *server, unsigned status)
{
    if (status < GN_HTTP_STATUS_END && server->by_status[status] != NULL)
        gn_metric_add(server->by_status[status], 1);
}

/* ---- driving the library ---- */

/* Runs the library once; true when it has more to do at once. */
static bool run_once(struct gn_http_server *server)
{
    bool was_full = server->conn_count >= server->config.max_connections;
    MHD_UNSIGNED_LONG_LONG wait_ms = 1;

    GN_ASSERT(!server->is_running);
    server->is_running = true;
    if (MHD_run(server->daemon) != MHD_YES)
        gn_log_error("http.failed server=%s errno=%d", server->name, errno);
    server->is_running = false;
    /* At its limit the library does not listen, and begins to only when it runs the next time. */
    if (was_full && server->conn_count < server->config.max_connections)
        return true;
    return MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && wait_ms == 0;
}

static void run(struct gn_http_server *server)
{
    if (run_once(server))
        gn_http_run_later(server);
}

static void on_more(void *ctx)
{
    run(ctx);
}

void gn_http_run_later(struct gn_http_server *server)
{
    gn_defer_call(server->loop, &server->more, on_more, server);
}

static void on_ready(void *ctx, unsigned ready)
{
    (void)ready;
    run(ctx);
}

static void on_tick(void *ctx)
{
    struct gn_http_server *server = ctx;

    gn_timer_start(&server->tick, server->tick_ms);
    gn_http_conns_sweep(server);
    run(server);
}

/* Short enough to meet the shortest deadline within a quarter of it. */
static uint32_t tick_ms_for(const struct gn_http_server_config *config)
{
    uint32_t ms = config->idle_timeout_ms;

    if (config->header_deadline_ms < ms)
        ms = config->header_deadline_ms;
    if (config->body_deadline_ms < ms)
        ms = config->body_deadline_ms;
    ms /= 4;
    if (ms > TICK_MAX_MS)
        return TICK_MAX_MS;
    return ms < TICK_MIN_MS ? TICK_MIN_MS : ms;
}

/* ---- life ---- */

/* The path stays as it was sent: nothing is decoded. */
static size_t keep_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static bool start_daemon(struct gn_http_server *server, struct gn_http_tls_texts *tls)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, server->config.listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)server->config.max_connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)gn_http_on_target, server},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escaped, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)gn_http_on_connection, server},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)gn_http_on_completed, server},
        {MHD_OPTION_END, 0, NULL},
    };

    if (server->config.tls != NULL)
        flags |= MHD_USE_TLS;
    server->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, gn_http_on_access, server, MHD_OPTION_ARRAY, options,
                         MHD_OPTION_ARRAY, tls->options, MHD_OPTION_END);
    return server->daemon != NULL;
}

static bool start_watch(struct gn_http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    if (info == NULL)
        return false;
    server->watch =
        gn_watch_new(server->loop, info->epoll_fd, GN_WATCH_READ, GN_WATCH_INPUT, on_ready, server);
    return server->watch != NULL;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_UNSPEC};
    socklen_t size = sizeof(addr);

    if (getsockname(fd, (void *)&addr, &size) != 0)
        return 0;
    return ntohs(addr.sin6_port); /* at the same place in sockaddr_in */
}

/* Frees everything; the library must have no request with the handler. */
static void destroy(struct gn_http_server *server)
{
    gn_watch_close(server->watch);
    gn_timer_fini(&server->tick);
    gn_defer_cancel(&server->more);
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon); /* completes all requests, closes the listening socket */
    gn_http_streams_free(server);
    gn_http_shared_free(server);
    free(server->name);
    free(server);
}

/* Why the library has not started: errno, set to 0 before, is all there is to know. */
static enum gn_err start_failure(const struct gn_http_server *server)
{
    if (errno == ENOMEM)
        return GN_ENOMEM;
    if (errno == EMFILE || errno == ENFILE || server->config.tls == NULL)
        return GN_EIO;
    return GN_EINVAL; /* the certificate or its key; GnuTLS leaves anything in errno */
}

static enum gn_err start_library(struct gn_http_server *server)
{
    struct gn_http_tls_texts tls = {0};
    enum gn_err err = gn_http_tls_texts_init(&tls, server->config.tls);

    errno = 0;
    if (err == GN_OK && !start_daemon(server, &tls))
        err = start_failure(server);
    gn_http_tls_texts_fini(&tls); /* the library has parsed them */
    server->config.tls = NULL;    /* the caller's */
    return err;
}

static enum gn_err start(struct gn_http_server *server)
{
    enum gn_err err;

    server->name = gn_str_dup(gn_str_of(server->config.name));
    if (server->name == NULL || !gn_http_shared_init(server))
        return GN_ENOMEM;
    server->config.name = server->name;
    register_metrics(server, server->config.metrics);
    server->port = port_of(server->config.listen_fd);
    err = start_library(server);
    if (err != GN_OK)
        return err;
    errno = 0; /* of malloc or epoll */
    if (start_watch(server))
        return GN_OK;
    return errno == ENOMEM ? GN_ENOMEM : GN_EIO;
}

/* The library may or may not have closed the socket of a daemon that did not start. */
static void close_if_open(int fd)
{
    if (fcntl(fd, F_GETFD) >= 0)
        (void)close(fd); /* nothing was accepted on it */
}

enum gn_err gn_http_server_new(struct gn_loop *loop, const struct gn_http_server_config *config,
                               struct gn_http_server **server)
{
    struct gn_http_server *made = calloc(1, sizeof(*made));
    enum gn_err err;

    if (made == NULL) {
        close_if_open(config->listen_fd);
        return GN_ENOMEM;
    }
    made->config = *config;
    made->loop = loop;
    made->tick_ms = tick_ms_for(config);
    LIST_INIT(&made->conns);
    LIST_INIT(&made->handed);
    LIST_INIT(&made->spare);
    LIST_INIT(&made->streams);
    made->hangup_fd = -1;
    gn_timer_init(&made->tick, loop, on_tick, made);
    err = start(made);
    if (err != GN_OK) {
        destroy(made);
        close_if_open(config->listen_fd);
        return err;
    }
    gn_timer_start(&made->tick, made->tick_ms);
    gn_http_run_later(made);
    *server = made;
    return GN_OK;
}

void gn_http_server_quiesce(struct gn_http_server *server)
{
    int fd;

    if (server->is_quiescing)
        return;
    server->is_quiescing = true;
    fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0)
        (void)close(fd); /* who still waits in its queue is told by the kernel */
    gn_http_streams_end(server);
}

/* Answers what the handler still has, and lets the library send it. */
static void answer_all(struct gn_http_server *server)
{
    struct gn_http_reply reply = {
        .status = gn_http_stopping.status,
        .content_type = "text/plain",
        .body = gn_str_of(gn_http_stopping.text),
        .body_is_static = true,
    };
    struct gn_http_request *request;

    while ((request = LIST_FIRST(&server->handed)) != NULL)
        gn_http_reply(request, &reply);
    for (int i = 0; i < STOP_ROUNDS && run_once(server); i++)
        continue;
}

void gn_http_server_free(struct gn_http_server *server)
{
    if (server == NULL)
        return;
    GN_ASSERT(!server->is_running);
    gn_http_server_quiesce(server);
    server->is_stopping = true;
    answer_all(server);
    destroy(server);
}

uint32_t gn_http_server_pending(const struct gn_http_server *server)
{
    return server->handed_count;
}

uint16_t gn_http_server_port(const struct gn_http_server *server)
{
    return server->port;
}
