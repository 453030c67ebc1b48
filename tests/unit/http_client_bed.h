/* What all tests of the HTTP client need: a loop, a client, a scripted peer, and name look-ups that
 * are answered here. */
#ifndef GN_TESTS_HTTP_CLIENT_BED_H
#define GN_TESTS_HTTP_CLIENT_BED_H

#include <netdb.h>
#include <semaphore.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/defs.h"
#include "gurnard/net/http_client.h"

#include "http_peer.h"

#define WAIT_MS 5000 /* longest wait for anything */

/* ---- name look-ups ---- */

static sem_t slow_lookup; /* posted by the test that starts one */

/* Takes the place of the C library's, for libcurl too. Runs in libcurl's thread. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **res)
{
    (void)service;
    (void)hints;
    (void)res;
    if (strcmp(node, "slow.invalid") == 0) {
        while (sem_wait(&slow_lookup) != 0)
            continue;
    }
    return EAI_NONAME;
}

/* ---- what every test needs ---- */

static const struct peer_row rows[] = {
    {"/204", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/200",
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}", 0,
     false},
    {"/close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", 0, true},
    {"/busy", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/busy-date",
     "HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
     0, false},
    {"/allows",
     "HTTP/1.1 200 OK\r\nwebhook-allowed-ORIGIN:  a.example \r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/allows-twice",
     "HTTP/1.1 204 N\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Origin: x\r\n\r\n", 0, false},
    {"/allows-empty", "HTTP/1.1 204 N\r\nWebHook-Allowed-Origin:\r\n\r\n", 0, false},
    {"/allows-and-leads-on",
     "HTTP/1.1 302 F\r\nWebHook-Allowed-Origin: *\r\nLocation: /204\r\nContent-Length: 0\r\n\r\n",
     0, false},
    {"/silent", NULL, 0, false},
    {"/drops", "", 0, true},
    {"/broken-off", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 0, true},
    {"/garbage", "\x16\x03\x01 this is no HTTP at all, whatever the port says\r\n\r\n", 0, true},
    {"/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, true},
    {"/cut/version", "HTT", 0, true},
    {"/cut/status", "HTTP/1.1 20", 0, true},
    {"/cut/after-status", "HTTP/1.1 200 OK\r\n", 0, true},
    {"/cut/name", "HTTP/1.1 200 OK\r\nContent-Le", 0, true},
    {"/cut/value", "HTTP/1.1 200 OK\r\nContent-Length: 0", 0, true},
    {"/cut/carriage-return", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r", 0, true},
    {"/cut/before-empty-line", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 0, true},
    {"/cut/204", "HTTP/1.1 204 No Content\r\nServer: x\r\n", 0, true},
    {"/cut/after-100", "HTTP/1.1 100 Continue\r\n\r\n", 0, true},
    {"/cut/after-103", "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n", 0, true},
    {"/cut/status-after-100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 20", 0, true},
    {"/cut/name-after-100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nCo", 0, true},
    {"/cut/switched", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", 0, true},
    {"/cut/body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx", 0, true},
    {"/cut/before-body", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", 0, true},
    {"/cut/before-chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, true},
    {"/cut/chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 0, true},
    {"/cut/last-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", 0, true},
    {"/to-cut-status", "HTTP/1.1 302 F\r\nLocation: /cut/status\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/to-cut-name", "HTTP/1.1 302 F\r\nLocation: /cut/name\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/to-drops", "HTTP/1.1 302 F\r\nLocation: /drops\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/100-200", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/bare-lines", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", 0, false},
    {"/no-fields", "HTTP/1.1 200 OK\r\n\r\n", 0, true},
    {"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
     0, false},
    {"/long", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 100000, false},
    {"/endless", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", 1000000, false},
    {"/301", "HTTP/1.1 301 Moved\r\nLocation: /204\r\nContent-Length: 4\r\n\r\ngone", 0, false},
    {"/302", "HTTP/1.1 302 Found\r\nLocation: /204\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/303", "HTTP/1.1 303 Other\r\nLocation: /204\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/307", "HTTP/1.1 307 Temporary\r\nLocation: /204\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/308", "HTTP/1.1 308 Permanent\r\nLocation: /204\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/to-ftp", "HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/told",
     "HTTP/1.1 201 Created\r\nlocation: /redfish/v1/S/1\r\nETAG:W/\"7\"\r\nX-Auth-Token: s3cr3t "
     "\r\n"
     "Content-Encoding: gzip\r\nX-Auth-Tokens: no\r\nContent-Length: 2\r\n\r\n{}",
     0, false},
    {"/told-empty",
     "HTTP/1.1 200 OK\r\nLocation:\r\nETag: \r\nX-Auth-Token:\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/told-and-leads-on",
     "HTTP/1.1 302 F\r\nETag: 1\r\nX-Auth-Token: s3cr3t\r\nLocation: /204\r\nContent-Length: 0\r\n"
     "\r\n",
     0, false},
    {"/told-behind",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nETag: 1\r\n"
     "X-Auth-Token: s3cr3t\r\n\r\n",
     0, false},
    {"/head", "HTTP/1.1 200 OK\r\nETag: 5\r\nContent-Length: 1000\r\n\r\n", 0, false},
    {"/open", "HTTP/1.1 200 OK\r\n\r\nhello", 0, false},
    {"/breaks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0, true},
    {"/busy-body", "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait", 0, false},
    {"/to-200", "HTTP/1.1 302 F\r\nLocation: /200\r\nContent-Length: 2\r\n\r\nno", 0, false},
    {NULL, NULL, 0, false},
};

/* What a call's done function was told, copied. */
struct outcome {
    struct gn_loop *loop;
    unsigned count;
    struct gn_http_result result;
    char type[64];
    char origin[64]; /* "absent" without one */
    char told[128];  /* location, ETag, token and encoding, each behind a '|' */
    char reason[256];
    struct gn_buf body;
};

struct fixture {
    struct gn_loop *loop;
    struct gn_http_client *client;
    struct peer *peer;
    struct outcome outcome;
    char url[256];
    uint64_t longest_turn_ms;
};

static int set_up(void **state)
{
    static const struct gn_http_client_config config = {.max_idle_connections = 300,
                                                        .connect_timeout_ms = 3000,
                                                        .user_agent = "gurnard-test/1"};
    struct fixture *fx = calloc(1, sizeof(*fx));

    assert_non_null(fx);
    assert_int_equal(sem_init(&slow_lookup, 0, 0), 0);
    fx->loop = gn_loop_new(NULL);
    assert_non_null(fx->loop);
    fx->client = gn_http_client_new(fx->loop, &config);
    assert_non_null(fx->client);
    fx->peer = peer_new(fx->loop, rows);
    fx->outcome.loop = fx->loop;
    fx->outcome.body = GN_BUF_INIT;
    *state = fx;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    gn_http_client_free(fx->client);
    peer_free(fx->peer);
    gn_buf_free(&fx->outcome.body);
    gn_loop_free(fx->loop);
    free(fx);
    return 0;
}

/* Each view behind a '|'. */
static void add_view(char *told, size_t size, struct gn_str view)
{
    size_t len = strlen(told);

    (void)snprintf(told + len, size - len, "|%.*s", view.p == NULL ? 6 : (int)view.len,
                   view.p == NULL ? "absent" : view.p);
}

static void on_done(void *ctx, const struct gn_http_result *result)
{
    struct outcome *outcome = ctx;

    outcome->count++;
    outcome->result = *result;
    (void)snprintf(outcome->type, sizeof(outcome->type), "%.*s", (int)result->content_type.len,
                   result->content_type.len > 0 ? result->content_type.p : "");
    (void)snprintf(outcome->origin, sizeof(outcome->origin), "%.*s",
                   result->allowed_origin.p == NULL ? 6 : (int)result->allowed_origin.len,
                   result->allowed_origin.p == NULL ? "absent" : result->allowed_origin.p);
    outcome->told[0] = '\0';
    add_view(outcome->told, sizeof(outcome->told), result->location);
    add_view(outcome->told, sizeof(outcome->told), result->etag);
    add_view(outcome->told, sizeof(outcome->told), result->auth_token);
    add_view(outcome->told, sizeof(outcome->told), result->encoding);
    (void)snprintf(outcome->reason, sizeof(outcome->reason), "%s", result->reason);
    gn_buf_reset(&outcome->body);
    gn_buf_add_str(&outcome->body, result->body);
}

static const char *url_to(struct fixture *fx, const char *path)
{
    (void)snprintf(fx->url, sizeof(fx->url), "http://127.0.0.1:%u%s", fx->peer->port, path);
    return fx->url;
}

static struct gn_http_out request(struct fixture *fx, const char *method, const char *path)
{
    return (struct gn_http_out){.method = method,
                                .url = url_to(fx, path),
                                .timeout_ms = WAIT_MS,
                                .max_answer_bytes = GN_HTTP_ANSWER_MAX};
}

static void turn(struct fixture *fx)
{
    uint64_t began_ms = gn_clock_mono_ms();
    uint64_t spent_ms;

    assert_int_equal(gn_loop_turn(fx->loop, 10), GN_OK);
    spent_ms = gn_clock_mono_ms() - began_ms;
    if (spent_ms > fx->longest_turn_ms)
        fx->longest_turn_ms = spent_ms;
}

static void wait_for_all(struct fixture *fx)
{
    uint64_t until_ms = gn_clock_mono_ms() + 2 * WAIT_MS;

    while (gn_http_client_active(fx->client) > 0) {
        assert_true(gn_clock_mono_ms() < until_ms);
        turn(fx);
    }
}

static struct gn_http_call *start(struct fixture *fx, const struct gn_http_out *out)
{
    struct gn_http_call *call = NULL;

    fx->outcome.count = 0;
    assert_int_equal(gn_http_send(fx->client, out, on_done, &fx->outcome, &call), GN_OK);
    assert_non_null(call);
    assert_int_equal(fx->outcome.count, 0);
    return call;
}

static const struct gn_http_result *perform(struct fixture *fx, const struct gn_http_out *out)
{
    (void)start(fx, out);
    wait_for_all(fx);
    assert_int_equal(fx->outcome.count, 1);
    return &fx->outcome.result;
}

static const struct gn_http_result *get(struct fixture *fx, const char *path)
{
    struct gn_http_out out = request(fx, "GET", path);

    return perform(fx, &out);
}

static bool last_request_has(struct fixture *fx, const char *text)
{
    return strstr(fx->peer->last.data, text) != NULL;
}

#endif
