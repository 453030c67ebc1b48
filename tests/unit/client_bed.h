/* A BMC on loopback for the tests of the Redfish client: our own HTTP server, which answers by a
 * table of rows, keeps what it was asked, and holds back what a test wants to answer itself. */
#ifndef GN_TESTS_CLIENT_BED_H
#define GN_TESTS_CLIENT_BED_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"
#include "gurnard/bmc/client.h"
#include "gurnard/net/http_server.h"
#include "gurnard/net/listen.h"

#define WAIT_MS  8000 /* longest wait for anything */
#define SEEN_MAX 64
#define HELD_MAX 64
#define HOLD     0  /* status of a row: the test answers */
#define DROP     -1 /* the connection is closed */
#define STREAM   -2 /* an answer that goes on; the test writes it */

#define USER     "root"
#define PASSWORD "hunter2-geheim"
#define BASIC    "Basic cm9vdDpodW50ZXIyLWdlaGVpbQ=="
#define OTHER    "another-geheim"
#define SESSIONS "/redfish/v1/SessionService/Sessions"
#define LOGIN_AS(t)                                                                                \
    {                                                                                              \
        "X-Auth-Token", t, "Location", SESSIONS "/" t                                              \
    }
#define LAST_ROW                                                                                   \
    {                                                                                              \
        NULL, NULL, NULL, 0, 0, {NULL}, NULL                                                       \
    }

/* One answer. The first row that fits and is not used up counts; none: 404. */
struct row {
    const char *method, *path;
    const char *auth; /* NULL: any; else what Authorization or X-Auth-Token must be, "": neither */
    unsigned uses;    /* 0: without end */
    int status;
    const char *headers[9];
    const char *body; /* JSON; NULL: none */
};

struct seen {
    char method[8], path[256], auth[128], if_match[64], body[256], last_id[32], accept[64];
};

struct bed {
    struct gn_loop *loop;
    struct gn_http_client *http;
    struct gn_metrics *metrics;
    struct gn_bmc_client *client;
    struct gn_bmc_link *link;
    struct gn_http_server *server;
    uint16_t port;
    char base[64];
    const struct row *rows;
    unsigned used[64]; /* by row */
    struct seen seen[SEEN_MAX];
    unsigned seen_count;
    struct gn_http_request *held[HELD_MAX];
    unsigned held_count;
    unsigned released;  /* of them those that were answered */
    unsigned most_held; /* at a time */
    struct gn_http_stream *stream;
    struct gn_str body; /* of a row whose body is "*" */
    int log_fd;         /* of a captured log, else -1 */
    int log_out;
};

/* What a done function was told, copied. */
struct got {
    unsigned count;
    enum gn_bmc_end end;
    int status;
    bool has_json;
    char raw[512], etag[64], location[GN_SERVICE_URI_MAX], reason[256];
    struct gn_service_error error;
    size_t raw_len;
};

/* ---- the BMC's side ---- */

static const char *copy_header(struct gn_http_request *request, const char *name, char *to,
                               size_t size)
{
    struct gn_str value = gn_http_header(request, name);

    snprintf(to, size, "%.*s", (int)value.len, value.p == NULL ? "" : value.p);
    return to;
}

static struct seen *note_request(struct bed *bed, struct gn_http_request *request)
{
    struct seen *seen = &bed->seen[bed->seen_count];
    struct gn_str method = gn_http_method(request);
    struct gn_str path = gn_http_path(request);
    struct gn_str query = gn_http_query(request);
    struct gn_str body = gn_http_body(request);

    assert_true(bed->seen_count + 1 < SEEN_MAX);
    bed->seen_count++;
    snprintf(seen->method, sizeof(seen->method), "%.*s", (int)method.len, method.p);
    snprintf(seen->path, sizeof(seen->path), "%.*s%s%.*s", (int)path.len, path.p,
             query.len > 0 ? "?" : "", (int)query.len, query.p == NULL ? "" : query.p);
    snprintf(seen->body, sizeof(seen->body), "%.*s", (int)body.len, body.p == NULL ? "" : body.p);
    if (copy_header(request, "Authorization", seen->auth, sizeof(seen->auth))[0] == '\0')
        copy_header(request, "X-Auth-Token", seen->auth, sizeof(seen->auth));
    copy_header(request, "If-Match", seen->if_match, sizeof(seen->if_match));
    copy_header(request, "Last-Event-ID", seen->last_id, sizeof(seen->last_id));
    copy_header(request, "Accept", seen->accept, sizeof(seen->accept));
    return seen;
}

static const struct row *find_row(struct bed *bed, const struct seen *seen)
{
    for (size_t i = 0; bed->rows[i].method != NULL; i++) {
        const struct row *row = &bed->rows[i];

        if (strcmp(row->method, seen->method) != 0 || strcmp(row->path, seen->path) != 0 ||
            (row->auth != NULL && strcmp(row->auth, seen->auth) != 0) ||
            (row->uses > 0 && bed->used[i] >= row->uses))
            continue;
        bed->used[i]++;
        return row;
    }
    return NULL;
}

static void on_stream_closed(void *ctx)
{
    struct bed *bed = ctx;

    bed->stream = NULL;
}

static void on_request(void *ctx, struct gn_http_request *request)
{
    struct bed *bed = ctx;
    const struct row *row = find_row(bed, note_request(bed, request));
    struct gn_http_reply reply = {.status = 404};

    if (row != NULL && row->status == HOLD) {
        bed->held[bed->held_count++] = request;
        if (bed->held_count - bed->released > bed->most_held)
            bed->most_held = bed->held_count - bed->released;
        return;
    }
    if (row != NULL && row->status == DROP) {
        gn_http_drop(request);
        return;
    }
    if (row != NULL) {
        reply.status = row->status == STREAM ? 200 : row->status;
        reply.headers = row->headers;
        reply.content_type = "application/json";
        reply.body =
            row->body != NULL && strcmp(row->body, "*") == 0 ? bed->body : gn_str_of(row->body);
    }
    if (row == NULL || row->status != STREAM) {
        gn_http_reply(request, &reply);
        return;
    }
    reply.content_type = "text/event-stream; charset=utf-8";
    bed->stream = gn_http_reply_stream(request, &reply, on_stream_closed, bed);
    assert_non_null(bed->stream);
}

/* Answers the oldest request that is held. */
static void release(struct bed *bed, int status, const char *const *headers, const char *body)
{
    struct gn_http_reply reply = {.status = status, .headers = headers, .body = gn_str_of(body)};

    assert_true(bed->released < bed->held_count);
    gn_http_reply(bed->held[bed->released++], &reply);
}

static void start_server(struct bed *bed, const struct gn_http_server_tls *tls)
{
    struct gn_http_server_config config = {.name = "bmc",
                                           .max_connections = 50,
                                           .max_body_bytes = 65536,
                                           .idle_timeout_ms = 60000,
                                           .header_deadline_ms = 60000,
                                           .body_deadline_ms = 60000,
                                           .on_request = on_request,
                                           .ctx = bed,
                                           .tls = tls};

    assert_int_equal(gn_listen_tcp("127.0.0.1", bed->port, &config.listen_fd, &bed->port), GN_OK);
    assert_int_equal(gn_http_server_new(bed->loop, &config, &bed->server), GN_OK);
    snprintf(bed->base, sizeof(bed->base), "%s://127.0.0.1:%u", tls != NULL ? "https" : "http",
             bed->port);
}

/* ---- our side ---- */

static void turn(struct bed *bed)
{
    assert_int_equal(gn_loop_turn(bed->loop, 10), GN_OK);
}

static void turns(struct bed *bed, unsigned count)
{
    while (count-- > 0)
        assert_int_equal(gn_loop_turn(bed->loop, 0), GN_OK);
}

static void wait_for(struct bed *bed, const unsigned *value, unsigned want)
{
    uint64_t until_ms = gn_loop_now_ms(bed->loop) + WAIT_MS;

    while (*value < want && gn_loop_now_ms(bed->loop) < until_ms)
        turn(bed);
    assert_int_equal(*value, want);
}

/* Until nothing is under way that could still come. */
static void settle(struct bed *bed)
{
    uint64_t until_ms = gn_loop_now_ms(bed->loop) + 60;

    while (gn_loop_now_ms(bed->loop) < until_ms)
        turn(bed);
}

static void on_answer(void *ctx, const struct gn_bmc_answer *answer)
{
    struct got *got = ctx;

    got->count++;
    got->end = answer->end;
    got->status = answer->status;
    got->has_json = answer->body != NULL;
    got->raw_len = answer->raw.len;
    snprintf(got->raw, sizeof(got->raw), "%.*s", (int)answer->raw.len,
             answer->raw.p == NULL ? "" : answer->raw.p);
    snprintf(got->etag, sizeof(got->etag), "%.*s", (int)answer->etag.len,
             answer->etag.p == NULL ? "" : answer->etag.p);
    memcpy(got->location, answer->location, sizeof(got->location));
    snprintf(got->reason, sizeof(got->reason), "%s", answer->reason);
    got->error = answer->error;
}

static struct gn_bmc_call *ask(struct gn_bmc_link *link, const char *method, const char *uri,
                               struct got *got)
{
    const struct gn_bmc_request request = {.method = method,
                                           .uri = uri,
                                           .body = strcmp(method, "GET") == 0
                                                       ? GN_STR_NONE
                                                       : GN_STR("{\"a\":1}")};
    struct gn_bmc_call *call = NULL;

    assert_int_equal(gn_bmc_send(link, &request, on_answer, got, &call), GN_OK);
    return call;
}

/* Asks and waits for the end. */
static struct got ask_now(struct bed *bed, const char *method, const char *uri)
{
    struct got got = {0};

    ask(bed->link, method, uri, &got);
    wait_for(bed, &got.count, 1);
    return got;
}

static struct gn_bmc_link *new_link(struct bed *bed, enum gn_bmc_auth auth)
{
    const struct gn_bmc_link_config config = {
        .name = "b1", .base = bed->base, .auth = auth, .tls = GN_BMC_TLS_OFF};
    struct gn_bmc_link *link = gn_bmc_link_new(bed->client, &config, NULL, NULL);

    assert_non_null(link);
    return link;
}

static void log_in_as(struct gn_bmc_link *link, const char *user, const char *password)
{
    assert_int_equal(gn_bmc_link_credentials(link, gn_str_of(user), gn_str_of(password)), GN_OK);
}

/* The link of the test, with credentials unless auth says none. */
static void use(struct bed *bed, const struct row *rows, enum gn_bmc_auth auth)
{
    bed->rows = rows;
    bed->link = new_link(bed, auth);
    if (auth != GN_BMC_AUTH_NONE)
        log_in_as(bed->link, USER, PASSWORD);
}

static unsigned count_seen(const struct bed *bed, const char *method, const char *path)
{
    unsigned count = 0;

    for (unsigned i = 0; i < bed->seen_count; i++)
        count += strcmp(bed->seen[i].method, method) == 0 && strcmp(bed->seen[i].path, path) == 0;
    return count;
}

static void new_client(struct bed *bed, uint32_t concurrency)
{
    const struct gn_bmc_client_config config = {.concurrency = concurrency,
                                                .timeout_ms = 5000,
                                                .lockout_ms = 300,
                                                .task_ms = 300,
                                                .task_poll_ms = 10,
                                                .metrics = bed->metrics};

    gn_bmc_client_free(bed->client);
    bed->client = gn_bmc_client_new(bed->loop, bed->http, &config);
    assert_non_null(bed->client);
}

static bool prints(struct bed *bed, const char *line)
{
    struct gn_buf text = GN_BUF_INIT;
    bool does;

    gn_metrics_print(bed->metrics, &text);
    does = strstr(text.data, line) != NULL;
    gn_buf_free(&text);
    return does;
}

static void capture_log(struct bed *bed)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    bed->log_fd = fds[0];
    bed->log_out = fds[1];
    gn_log_init(GN_LOG_DEBUG, GN_LOG_TEXT, fds[1]);
}

static int set_up(void **state)
{
    static const struct gn_http_client_config config = {.max_idle_connections = 50,
                                                        .connect_timeout_ms = 3000,
                                                        .user_agent = "gurnard-test/1"};
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    bed->loop = gn_loop_new(NULL);
    bed->http = gn_http_client_new(bed->loop, &config);
    bed->metrics = gn_metrics_new();
    assert_true(bed->loop != NULL && bed->http != NULL && bed->metrics != NULL);
    bed->log_fd = -1;
    new_client(bed, 10);
    start_server(bed, NULL);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;

    gn_bmc_link_free(bed->link);
    gn_bmc_client_free(bed->client);
    while (gn_http_client_active(bed->http) > 0)
        turn(bed);
    gn_http_server_free(bed->server);
    turns(bed, 3); /* streams are told of it */
    gn_http_client_free(bed->http);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    if (bed->log_fd >= 0) {
        close(bed->log_fd);
        close(bed->log_out);
    }
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    free(bed);
    return 0;
}

#endif
