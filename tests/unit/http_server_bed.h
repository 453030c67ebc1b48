/* A bed for the tests of the HTTP server: a server in a loop that the test turns, and clients that
 * speak to it byte by byte over loopback sockets. */
#ifndef GN_TESTS_HTTP_SERVER_BED_H
#define GN_TESTS_HTTP_SERVER_BED_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"
#include "gurnard/net/listen.h"

#define GIVE_UP_MS 20000 /* bound of any wait; never reached when the code is right */
#define TURN_MS    5
#define MAX_BODY   4096
#define ANSWER_MAX 65536
#define HELD_MAX   8

#define HEAD(line)   line " HTTP/1.1\r\nHost: h\r\n"
#define GET(path)    HEAD("GET " path) "\r\n"
#define POST(length) HEAD("POST /") "Content-Length: " length "\r\n"
#define CHUNKED_HEAD HEAD("POST /") "Transfer-Encoding: chunked\r\n"

/* A server whose handler echoes, or holds the request when is_holding. */
struct bed {
    struct gn_loop *loop;
    struct gn_metrics *metrics;
    struct gn_http_server *server;
    uint16_t port;
    int buffer_bytes; /* of the sockets at both ends, 0: the system's */
    const struct gn_http_server_tls *tls;
    void (*handle)(struct bed *bed, struct gn_http_request *request); /* NULL: as said above */
    void *handle_ctx;
    bool is_holding;
    struct gn_http_request *held[HELD_MAX];
    unsigned held_count;
    unsigned handled;
    bool body_is_static;
    const char *content_type;
    const char *const *headers;
    const char *answer_text; /* NULL: echo */
    int status;
    char seen[512]; /* "METHOD path query body" of the last request */
    char peer[64];
    char seen_header[64];
    const char *prefix; /* of the headers to be listed */
    size_t list_max;    /* headers after which the list ends; 0: all */
    char listed[256];   /* "name=value;" of each */
    size_t listed_count;
};

struct client {
    struct bed *bed;
    int fd;
    char text[ANSWER_MAX];
    size_t len;
    bool is_closed;
};

/* ---- the bed ---- */

static bool list_header(void *ctx, struct gn_str name, struct gn_str value)
{
    struct bed *bed = ctx;
    size_t used = strlen(bed->listed);

    (void)snprintf(bed->listed + used, sizeof(bed->listed) - used, "%.*s=%.*s;", (int)name.len,
                   name.p, (int)value.len, value.p);
    return ++bed->listed_count != bed->list_max;
}

static void show(struct bed *bed, const struct gn_http_request *request)
{
    struct gn_str method = gn_http_method(request);
    struct gn_str path = gn_http_path(request);
    struct gn_str query = gn_http_query(request);
    struct gn_str body = gn_http_body(request);
    struct gn_str header = gn_http_header(request, "x-test");
    struct gn_str peer = gn_http_peer(request);

    snprintf(bed->seen, sizeof(bed->seen), "%.*s %.*s %s%.*s %.*s", (int)method.len, method.p,
             (int)path.len, path.p, query.p == NULL ? "-" : "?", (int)query.len,
             query.p == NULL ? "" : query.p, (int)body.len, body.p == NULL ? "" : body.p);
    snprintf(bed->seen_header, sizeof(bed->seen_header), "%.*s",
             header.p == NULL ? 6 : (int)header.len, header.p == NULL ? "absent" : header.p);
    snprintf(bed->peer, sizeof(bed->peer), "%.*s", (int)peer.len, peer.p);
    bed->listed[0] = '\0';
    bed->listed_count = 0;
    if (bed->prefix != NULL)
        gn_http_each_header(request, bed->prefix, list_header, bed);
    assert_true(gn_http_arrived_us(request) > 0);
}

static void answer(struct bed *bed, struct gn_http_request *request)
{
    struct gn_http_reply reply = {
        .status = bed->status,
        .content_type = bed->content_type,
        .body = bed->answer_text == NULL ? gn_http_body(request) : gn_str_of(bed->answer_text),
        .body_is_static = bed->body_is_static,
        .headers = bed->headers,
    };

    gn_http_reply(request, &reply);
}

static void on_request(void *ctx, struct gn_http_request *request)
{
    struct bed *bed = ctx;

    bed->handled++;
    show(bed, request);
    if (bed->handle != NULL) {
        bed->handle(bed, request);
        return;
    }
    if (!bed->is_holding) {
        answer(bed, request);
        return;
    }
    assert_true(bed->held_count < HELD_MAX);
    bed->held[bed->held_count++] = request;
}

static void bed_start(struct bed *bed, const struct gn_http_server_config *limits)
{
    struct gn_http_server_config config = *limits;
    int fd = -1;

    assert_int_equal(gn_listen_tcp("", 0, &fd, &bed->port), GN_OK);
    if (bed->buffer_bytes > 0) /* what is accepted inherits it */
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bed->buffer_bytes, sizeof(int)), 0);
    config.name = "test";
    config.listen_fd = fd;
    config.max_body_bytes = MAX_BODY;
    config.on_request = on_request;
    config.ctx = bed;
    config.metrics = bed->metrics;
    config.tls = bed->tls;
    assert_int_equal(gn_http_server_new(bed->loop, &config, &bed->server), GN_OK);
    assert_int_equal(gn_http_server_port(bed->server), bed->port);
}

static const struct gn_http_server_config patient = {
    .max_connections = 300,
    .idle_timeout_ms = 600000,
    .header_deadline_ms = 600000,
    .body_deadline_ms = 600000,
};

static void bed_open(struct bed *bed, const struct gn_http_server_config *limits)
{
    bed->status = 200;
    bed->metrics = gn_metrics_new();
    bed->loop = gn_loop_new(NULL);
    assert_non_null(bed->loop);
    bed_start(bed, limits);
}

static struct bed *bed_new(const struct gn_http_server_config *limits)
{
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    bed_open(bed, limits);
    return bed;
}

static void bed_free(struct bed *bed)
{
    gn_http_server_free(bed->server);
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    free(bed);
}

static int setup(void **state)
{
    *state = bed_new(&patient);
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

#define BED_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void turn(struct bed *bed)
{
    assert_int_equal(gn_loop_turn(bed->loop, TURN_MS), GN_OK);
}

static unsigned counted(struct bed *bed, const char *code)
{
    char labels[64];

    snprintf(labels, sizeof(labels), "server=\"test\",code=\"%s\"", code);
    return (unsigned)gn_metrics_counter(bed->metrics, "gurnard_http_requests_total", labels, "")
        ->value;
}

static unsigned connections(struct bed *bed)
{
    return (unsigned)gn_metrics_gauge(bed->metrics, "gurnard_http_connections", "server=\"test\"",
                                      "")
        ->value;
}

/* ---- the client ---- */

static void client_open(struct client *client, struct bed *bed)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(bed->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *client = (struct client){.bed = bed};
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(client->fd >= 0);
    if (bed->buffer_bytes > 0)
        assert_int_equal(
            setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &bed->buffer_bytes, sizeof(int)), 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

/* Reads what is there, without waiting. */
static void client_read(struct client *client)
{
    ssize_t got;

    while (!client->is_closed) {
        got = recv(client->fd, client->text + client->len, ANSWER_MAX - 1 - client->len,
                   MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (got <= 0)
            client->is_closed = true;
        else
            client->len += (size_t)got;
    }
    client->text[client->len] = '\0';
}

/* Turns the loop until the answer holds text, or the connection is closed. */
static bool client_sees(struct client *client, const char *text)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    for (;;) {
        client_read(client);
        if (strstr(client->text, text) != NULL)
            return true;
        if (client->is_closed || gn_clock_mono_ms() > end_ms)
            return false;
        turn(client->bed);
    }
}

static bool client_sees_end(struct client *client)
{
    (void)client_sees(client, "\a never sent");
    return client->is_closed;
}

static void client_send_bytes(struct client *client, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EAGAIN) {
            turn(client->bed);
            continue;
        }
        assert_true(sent > 0);
        data += sent;
        len -= (size_t)sent;
    }
}

static void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

/* The end is in the kernel before the library has read anything: it comes with the data. */
static void client_send_and_end(struct client *client, struct bed *bed, const char *text)
{
    client_open(client, bed);
    client_send(client, text);
    assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
}

static void client_close(struct client *client)
{
    close(client->fd);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

static void turn_until_held(struct bed *bed, unsigned count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (bed->held_count < count && gn_clock_mono_ms() < end_ms)
        turn(bed);
    assert_int_equal(bed->held_count, count);
}

static void turn_until_connections(struct bed *bed, unsigned count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (connections(bed) != count && gn_clock_mono_ms() < end_ms)
        turn(bed);
    assert_int_equal(connections(bed), count);
}

#endif
