/* The HTTP client against a scripted peer in the same loop. Name look-ups are answered by a
 * getaddrinfo() of our own, so nothing leaves this machine. */
#include "gurnard/net/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <semaphore.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/defs.h"
#include "http_client_priv.h"

#include "aborting_child.h"
#include "http_peer.h"

#define WAIT_MS     5000 /* longest wait for anything */
#define MANY        200
#define LONG_PART   40000
#define TURN_MAX_MS 1000 /* what should go on at once and takes longer was blocked */

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
    {NULL, NULL, 0, false},
};

/* What a call's done function was told, copied. */
struct outcome {
    struct gn_loop *loop;
    unsigned count;
    struct gn_http_result result;
    char type[64];
    char origin[64]; /* "absent" without one */
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

static const char *last_body(struct fixture *fx)
{
    return strstr(fx->peer->last.data, "\r\n\r\n") + 4;
}

/* A port that refuses: bound, never listening. */
static int refusing_port(struct fixture *fx)
{
    uint16_t port;
    int fd = peer_bind(&port);

    (void)snprintf(fx->url, sizeof(fx->url), "http://127.0.0.1:%u/", port);
    return fd;
}

/* ---- answers ---- */

static void an_answer_comes_with_status_type_body_and_peer(void **state)
{
    struct fixture *fx = *state;
    const struct gn_http_result *result = get(fx, "/200");
    char peer[64];

    (void)snprintf(peer, sizeof(peer), "127.0.0.1:%u", fx->peer->port);
    assert_int_equal(result->err, GN_OK);
    assert_int_equal(result->status, 200);
    assert_string_equal(fx->outcome.type, "application/json");
    assert_string_equal(fx->outcome.body.data, "{\"a\":1}");
    assert_string_equal(result->peer, peer);
    assert_string_equal(fx->outcome.reason, "");
    assert_int_equal(result->retry_after_ms, 0);
    assert_int_equal(result->os_errno, 0);
    assert_false(result->is_dns_failure);
}

static void an_answer_without_body_has_none(void **state)
{
    struct fixture *fx = *state;
    const struct gn_http_result *result = get(fx, "/204");

    assert_int_equal(result->err, GN_OK);
    assert_int_equal(result->status, 204);
    assert_int_equal(result->body.len, 0);
    assert_int_equal(result->content_type.len, 0);
}

static void an_answer_ended_by_close_is_whole(void **state)
{
    struct fixture *fx = *state;
    const struct gn_http_result *result = get(fx, "/close");

    assert_int_equal(result->err, GN_OK);
    assert_string_equal(fx->outcome.body.data, "hello");
}

static void a_long_answer_is_cut_and_the_connection_kept(void **state)
{
    static const size_t limits[] = {1, 10, 4096, 99999, 100000, 200000, 0};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(limits); i++) {
        struct gn_http_out out = request(fx, "GET", "/long");
        size_t want = limits[i] < 100000 ? limits[i] : 100000;

        out.max_answer_bytes = limits[i];
        assert_int_equal(perform(fx, &out)->err, GN_OK);
        assert_int_equal(fx->outcome.result.status, 200);
        assert_int_equal(fx->outcome.body.len, want);
    }
    assert_int_equal(fx->peer->accepted, 1);
}

static void an_answer_too_long_to_drain_still_counts(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/endless");

    out.max_answer_bytes = 10;
    assert_int_equal(perform(fx, &out)->err, GN_OK);
    assert_int_equal(fx->outcome.result.status, 200);
    assert_string_equal(fx->outcome.body.data, "xxxxxxxxxx");
    assert_string_equal(fx->outcome.reason, "");
}

static void retry_after_is_reported_and_not_kept_for_the_next_call(void **state)
{
    struct fixture *fx = *state;

    assert_int_equal(get(fx, "/busy")->retry_after_ms, 7000);
    assert_int_equal(fx->outcome.result.status, 503);
    assert_int_equal(get(fx, "/204")->retry_after_ms, 0);
    assert_true(get(fx, "/busy-date")->retry_after_ms > 0);
    assert_int_equal(fx->outcome.result.status, 429);
}

static void retry_after_is_read_as_seconds_or_date(void **state)
{
    static const struct {
        const char *text;
        time_t now;
        uint32_t want_ms;
    } cases[] = {
        {"0", 0, 0},
        {"120", 0, 120000},
        {" 5 ", 0, 5000},
        {"4294967", 0, 4294967000U},
        {"4294968", 0, UINT32_MAX},
        {"18446744073709551615", 0, UINT32_MAX},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 30, 30000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111778, 0},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111776, 1000},
        {"Sun Nov  6 08:49:37 1994", 784111776, 1000},
        {"-5", 0, 0},
        {"soon", 0, 0},
        {"", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(cases); i++)
        assert_int_equal(gn_http_retry_after_ms(cases[i].text, cases[i].now), cases[i].want_ms);
}

/* ---- memory ---- */

static void the_allowed_origin_is_that_of_the_answer(void **state)
{
    static const struct {
        const char *path;
        bool follows;
        const char *want;
    } cases[] = {
        {"/allows", false, "a.example"},      {"/204", false, "absent"},
        {"/allows-twice", false, "*"},        {"/allows-empty", false, ""},
        {"/allows-and-leads-on", false, "*"}, {"/allows-and-leads-on", true, "absent"},
        {"/drops", false, "absent"},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct gn_http_out out = request(fx, "GET", cases[i].path);

        out.follow_redirects = cases[i].follows;
        (void)perform(fx, &out);
        assert_string_equal(fx->outcome.origin, cases[i].want);
    }
}

static void have_libcurl_copy_too_much(void)
{
    CURL *easy = curl_easy_init();

    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)HUGE_BYTES);
    (void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "short");
}

static void libcurl_refused_memory_ends_the_process(void **state)
{
    (void)state; /* its client has set libcurl up */
    assert_aborts(have_libcurl_copy_too_much, " error memory.exhausted in=libcurl bytes=");
}

/* ---- requests ---- */

static void headers_are_sent_as_given(void **state)
{
    static const char *const headers[] = {"Content-Type: text/x",
                                          "X-Empty:", "X-Blank:  ", "X-Colon: a:b;c", NULL};
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/204");

    out.headers = headers;
    out.body[0] = GN_STR("x");
    assert_int_equal(perform(fx, &out)->err, GN_OK);
    assert_true(last_request_has(fx, "POST /204 HTTP/1.1\r\n"));
    assert_true(last_request_has(fx, "\r\nContent-Type: text/x\r\n"));
    assert_true(last_request_has(fx, "\r\nX-Empty:\r\n"));
    assert_true(last_request_has(fx, "\r\nX-Blank:\r\n"));
    assert_true(last_request_has(fx, "\r\nX-Colon: a:b;c\r\n"));
    assert_true(last_request_has(fx, "\r\nUser-Agent: gurnard-test/1\r\n"));
}

static void nothing_is_sent_that_nobody_asked_for(void **state)
{
    static char long_body[LONG_PART];
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/204");

    memset(long_body, 'b', sizeof(long_body));
    for (int i = 0; i < GN_HTTP_BODY_PARTS; i++)
        out.body[i] = (struct gn_str){long_body, sizeof(long_body)};
    assert_int_equal(perform(fx, &out)->err, GN_OK);
    assert_false(last_request_has(fx, "Expect"));
    assert_false(last_request_has(fx, "Content-Type"));
    assert_false(last_request_has(fx, "Accept-Encoding"));
    assert_false(last_request_has(fx, "Transfer-Encoding"));
}

static void the_environment_sets_no_proxy(void **state)
{
    struct fixture *fx = *state;

    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(get(fx, "/204")->status, 204);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void a_post_without_body_says_length_zero(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/204");

    assert_int_equal(perform(fx, &out)->status, 204);
    assert_true(last_request_has(fx, "POST /204 HTTP/1.1\r\n"));
    assert_true(last_request_has(fx, "\r\nContent-Length: 0\r\n"));
    assert_string_equal(last_body(fx), "");
}

static void methods_without_body_send_none(void **state)
{
    static const char *const methods[] = {"GET", "DELETE", "OPTIONS", "POST", "GET"};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(methods); i++) {
        struct gn_http_out out = request(fx, methods[i], "/200");
        char line[64];

        (void)snprintf(line, sizeof(line), "%s /200 HTTP/1.1\r\n", methods[i]);
        assert_int_equal(perform(fx, &out)->status, 200);
        assert_memory_equal(fx->peer->last.data, line, strlen(line));
        assert_int_equal(last_request_has(fx, "Content-Length"), strcmp(methods[i], "POST") == 0);
    }
}

static void a_body_arrives_in_order_of_its_parts(void **state)
{
    static const struct {
        const char *parts[GN_HTTP_BODY_PARTS];
        const char *want;
    } cases[] = {
        {{"one", "two", "three", "four"}, "onetwothreefour"},
        {{"one", NULL, NULL, NULL}, "one"},
        {{NULL, NULL, "three", NULL}, "three"},
        {{"one", "", NULL, "four"}, "onefour"},
        {{"", "", "", ""}, ""},
    };
    static const char *const methods[] = {"POST", "DELETE"};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases) * GN_LEN(methods); i++) {
        struct gn_http_out out = request(fx, methods[i % GN_LEN(methods)], "/204");
        size_t row = i / GN_LEN(methods);

        for (size_t k = 0; k < GN_HTTP_BODY_PARTS; k++)
            out.body[k] = gn_str_of(cases[row].parts[k]);
        assert_int_equal(perform(fx, &out)->status, 204);
        assert_string_equal(last_body(fx), cases[row].want);
    }
    assert_int_equal(fx->peer->accepted, 1);
}

/* Fills the parts with letters a, b ... of LONG_PART bytes each. */
static void give_long_body(struct gn_http_out *out, char text[GN_HTTP_BODY_PARTS][LONG_PART])
{
    for (int k = 0; k < GN_HTTP_BODY_PARTS; k++) {
        memset(text[k], 'a' + k, LONG_PART);
        out->body[k] = (struct gn_str){text[k], LONG_PART};
    }
}

static void assert_long_body_came(struct fixture *fx)
{
    const char *body = last_body(fx);

    assert_int_equal(strlen(body), GN_HTTP_BODY_PARTS * LONG_PART);
    for (size_t k = 0; k < GN_HTTP_BODY_PARTS; k++) {
        assert_int_equal(body[k * LONG_PART], 'a' + (int)k);
        assert_int_equal(body[(k + 1) * LONG_PART - 1], 'a' + (int)k);
    }
}

static void a_long_body_of_parts_arrives_in_order(void **state)
{
    static char text[GN_HTTP_BODY_PARTS][LONG_PART];
    struct fixture *fx = *state;

    for (int i = 0; i < 2; i++) {
        struct gn_http_out out = request(fx, "POST", "/204");

        give_long_body(&out, text);
        assert_int_equal(perform(fx, &out)->status, 204);
        assert_long_body_came(fx);
    }
}

static void a_bad_request_is_refused_at_once(void **state)
{
    static const char *const good[] = {"A: b", NULL};
    static const char *const newline[] = {"A: b\r\nC: d", NULL};
    static const char *const control[] = {"A: \x01", NULL};
    static const char *const delete[] = {"A: \x7f", NULL};
    static const char *const no_colon[] = {"A", NULL};
    static const char *const no_name[] = {": b", NULL};
    static const char *const blank_name[] = {"A B: c", NULL};
    static const struct {
        const char *method;
        const char *url;
        const char *const *headers;
        const char *body;
        bool follow;
    } cases[] = {
        {"GET", "", good, NULL, false},
        {"GET", "ftp://127.0.0.1/", good, NULL, false},
        {"GET", "file:///etc/passwd", good, NULL, false},
        {"GET", "127.0.0.1/", good, NULL, false},
        {"GET", "http:///x", good, NULL, false},
        {"GET", "http://127.0.0.1/a b", good, NULL, false},
        {"GET", "http://127.0.0.1/a\r\nb", good, NULL, false},
        {"GET", "http://user:word@127.0.0.1/", good, NULL, false},
        {"BREW", "http://127.0.0.1/", good, NULL, false},
        {"GET", "http://127.0.0.1/", good, "body", false},
        {"DELETE", "http://127.0.0.1/", good, NULL, true},
        {"POST", "http://127.0.0.1/", newline, NULL, false},
        {"POST", "http://127.0.0.1/", control, NULL, false},
        {"POST", "http://127.0.0.1/", delete, NULL, false},
        {"POST", "http://127.0.0.1/", no_colon, NULL, false},
        {"POST", "http://127.0.0.1/", no_name, NULL, false},
        {"POST", "http://127.0.0.1/", blank_name, NULL, false},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct gn_http_out out = {.method = cases[i].method,
                                  .url = cases[i].url,
                                  .headers = cases[i].headers,
                                  .body = {gn_str_of(cases[i].body)},
                                  .follow_redirects = cases[i].follow};

        assert_int_equal(gn_http_send(fx->client, &out, on_done, &fx->outcome, NULL), GN_EINVAL);
    }
    assert_int_equal(gn_http_client_active(fx->client), 0);
    assert_int_equal(fx->outcome.count, 0);
}

static void as_many_headers_as_allowed_pass_and_one_more_does_not(void **state)
{
    const char *headers[GN_HTTP_HEADERS_MAX + 2];
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/204");

    for (size_t i = 0; i <= GN_HTTP_HEADERS_MAX; i++)
        headers[i] = "X-Many: yes";
    headers[GN_HTTP_HEADERS_MAX] = NULL;
    out.headers = headers;
    assert_int_equal(perform(fx, &out)->status, 204);
    headers[GN_HTTP_HEADERS_MAX] = "X-Many: yes";
    headers[GN_HTTP_HEADERS_MAX + 1] = NULL;
    assert_int_equal(gn_http_send(fx->client, &out, on_done, &fx->outcome, NULL), GN_EINVAL);
}

/* ---- connections ---- */

static void a_connection_is_used_again(void **state)
{
    struct fixture *fx = *state;

    for (int i = 0; i < 5; i++)
        assert_int_equal(get(fx, i % 2 == 0 ? "/200" : "/204")->err, GN_OK);
    assert_int_equal(fx->peer->accepted, 1);
    assert_int_equal(fx->peer->requests, 5);
}

static void a_kept_connection_that_died_is_replaced(void **state)
{
    static char text[GN_HTTP_BODY_PARTS][LONG_PART];
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/204");

    give_long_body(&out, text);
    assert_int_equal(get(fx, "/204")->status, 204);
    peer_drop_all(fx->peer);
    out.url = url_to(fx, "/204");
    assert_int_equal(perform(fx, &out)->status, 204); /* not a turn between */
    assert_long_body_came(fx);
    peer_drop_all(fx->peer);
    for (int i = 0; i < 3; i++)
        turn(fx);
    assert_int_equal(get(fx, "/204")->status, 204);
    assert_int_equal(fx->peer->accepted, 3);
}

/* The idle connection's watch must not spin: nothing to do means a turn waits its time. */
static void an_idle_connection_that_died_wakes_the_loop_once(void **state)
{
    struct fixture *fx = *state;
    uint64_t began_ms;

    assert_int_equal(get(fx, "/204")->status, 204);
    peer_drop_all(fx->peer);
    turn(fx);
    turn(fx);
    began_ms = gn_clock_mono_ms();
    for (int i = 0; i < 3; i++)
        turn(fx);
    assert_true(gn_clock_mono_ms() - began_ms >= 20);
}

static void a_refused_connection_names_peer_and_errno(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/");
    const struct gn_http_result *result;
    int fd;

    assert_int_equal(get(fx, "/204")->err, GN_OK); /* leaves another peer in the easy handle */
    fd = refusing_port(fx);
    result = perform(fx, &out);
    assert_int_equal(result->err, GN_ECONN);
    assert_int_equal(result->status, 0);
    assert_int_equal(result->os_errno, ECONNREFUSED);
    assert_memory_equal(result->peer, fx->url + strlen("http://"), strlen(result->peer));
    assert_true(strlen(result->peer) > strlen("127.0.0.1:"));
    assert_true(strlen(fx->outcome.reason) > 0);
    assert_false(result->is_dns_failure);
    close(fd);
    assert_int_equal(get(fx, "/204")->os_errno, 0);
}

/* ---- failures ---- */

static void a_silent_peer_times_out(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/silent");
    uint64_t began_ms = gn_clock_mono_ms();

    out.timeout_ms = 60;
    assert_int_equal(perform(fx, &out)->err, GN_ETIMEOUT);
    assert_in_range(gn_clock_mono_ms() - began_ms, 60, 1000);
    assert_int_equal(fx->outcome.result.status, 0);
    assert_true(strlen(fx->outcome.reason) > 0);
    assert_true(strlen(fx->outcome.result.peer) > 0);
    assert_int_equal(get(fx, "/204")->status, 204); /* not over the connection given up */
    assert_int_equal(fx->peer->accepted, 2);
}

static void a_broken_answer_is_an_error_of_its_kind(void **state)
{
    static const struct {
        const char *path;
        enum gn_err want;
    } cases[] = {
        {"/garbage", GN_EPARSE},
        {"/drops", GN_ECONN},
        {"/broken-off", GN_ECONN},
        {"/bad-chunk", GN_ECONN},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        assert_int_equal(get(fx, cases[i].path)->err, cases[i].want);
        assert_int_equal(fx->outcome.result.status, 0);
        assert_int_equal(fx->outcome.body.len, 0);
        assert_true(strlen(fx->outcome.reason) > 0);
    }
}

static void an_answer_that_breaks_off_is_none(void **state)
{
    static const char *const paths[] = {
        "/cut/version",
        "/cut/status",
        "/cut/after-status",
        "/cut/name",
        "/cut/value",
        "/cut/carriage-return",
        "/cut/before-empty-line",
        "/cut/204",
        "/cut/after-100",
        "/cut/after-103",
        "/cut/status-after-100",
        "/cut/name-after-100",
        "/cut/switched",
        "/cut/body",
        "/cut/before-body",
        "/cut/before-chunks",
        "/cut/chunk",
        "/cut/last-chunk",
        "/to-cut-status",
        "/to-cut-name",
        "/to-drops",
    };
    static const char *const methods[] = {"GET", "POST"};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(paths) * GN_LEN(methods); i++) {
        const char *path = paths[i / GN_LEN(methods)];
        const struct gn_http_result *result;
        struct gn_http_out out;

        assert_int_equal(get(fx, "/200")->status, 200); /* leaves nothing for the next call */
        out = request(fx, methods[i % GN_LEN(methods)], path);
        out.follow_redirects = true;
        result = perform(fx, &out);
        if (result->err != GN_ECONN || result->status != 0 || fx->outcome.body.len != 0)
            fail_msg("%s: err=%d status=%d", path, (int)result->err, result->status);
        assert_true(strlen(fx->outcome.reason) > 0);
        assert_string_not_equal(fx->outcome.reason, "No error");
    }
}

static void an_answer_counts_from_the_end_of_its_header(void **state)
{
    static const char *const paths[] = {"/100-200", "/bare-lines", "/no-fields", "/chunked"};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        assert_int_equal(get(fx, paths[i])->err, GN_OK);
        assert_int_equal(fx->outcome.result.status, 200);
    }
}

static void a_name_that_does_not_resolve_is_told_apart(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/");

    out.url = "http://nosuch.invalid/";
    assert_int_equal(perform(fx, &out)->err, GN_ECONN);
    assert_true(fx->outcome.result.is_dns_failure);
    assert_string_equal(fx->outcome.result.peer, "");
    assert_int_equal(fx->outcome.result.os_errno, 0);
}

static void a_hanging_look_up_blocks_neither_others_nor_its_own_timeout(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out slow = request(fx, "POST", "/");
    struct gn_http_out out = request(fx, "GET", "/204");
    struct outcome other = {.body = GN_BUF_INIT};

    slow.url = "http://slow.invalid/";
    slow.timeout_ms = 100;
    (void)start(fx, &slow);
    assert_int_equal(gn_http_send(fx->client, &out, on_done, &other, NULL), GN_OK);
    while (other.count == 0)
        turn(fx);
    assert_int_equal(other.result.status, 204);
    assert_int_equal(fx->outcome.count, 0);
    wait_for_all(fx);
    assert_int_equal(fx->outcome.result.err, GN_ETIMEOUT);
    assert_true(fx->longest_turn_ms < TURN_MAX_MS);
    assert_int_equal(sem_post(&slow_lookup), 0);
    gn_buf_free(&other.body);
}

/* ---- what libcurl does with its sockets ---- */

struct seen {
    unsigned count;
    curl_socket_t fd;
};

static void on_seen(void *ctx, curl_socket_t fd, int mask)
{
    struct seen *seen = ctx;

    (void)mask;
    seen->count++;
    seen->fd = fd;
}

static curl_socket_t open_socket(struct gn_http_sockets *sockets)
{
    struct curl_sockaddr addr = {.family = AF_INET, .socktype = SOCK_STREAM};

    return gn_http_sockets_open(sockets, &addr);
}

/* libcurl closes a socket that did not get connected by itself, without the callback. */
static void a_number_used_again_is_watched_for_its_new_use(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_sockets sockets;
    struct seen seen = {0};
    curl_socket_t fd;
    int pair[2];

    gn_http_sockets_init(&sockets, fx->loop, on_seen, &seen);
    fd = open_socket(&sockets);
    gn_http_sockets_want(&sockets, fd, CURL_POLL_OUT);
    close(fd);
    assert_int_equal(open_socket(&sockets), fd); /* the same call's; libcurl says nothing new */
    turn(fx);
    assert_int_equal(seen.fd, fd);
    close(fd);
    gn_http_sockets_want(&sockets, fd, CURL_POLL_REMOVE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0); /* a look-up's */
    assert_int_equal(pair[0], fd);
    assert_int_equal(write(pair[1], "x", 1), 1);
    seen.count = 0;
    gn_http_sockets_want(&sockets, fd, CURL_POLL_OUT);
    turn(fx);
    assert_int_equal(seen.count, 1);
    gn_http_sockets_want(&sockets, fd, CURL_POLL_REMOVE);
    close(pair[0]);
    close(pair[1]);
    gn_http_sockets_fini(&sockets);
}

/* ---- redirects ---- */

static void a_redirect_is_an_answer_unless_followed(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/302");

    assert_int_equal(perform(fx, &out)->status, 302);
    assert_int_equal(fx->peer->requests, 1);
}

static void a_redirect_is_followed_as_go_does(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *want_line;
        const char *want_body;
    } cases[] = {
        {"POST", "/301", "GET /204 ", ""},        {"POST", "/302", "GET /204 ", ""},
        {"POST", "/303", "GET /204 ", ""},        {"POST", "/307", "POST /204 ", "onetwo"},
        {"POST", "/308", "POST /204 ", "onetwo"}, {"GET", "/301", "GET /204 ", ""},
        {"GET", "/308", "GET /204 ", ""},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct gn_http_out out = request(fx, cases[i].method, cases[i].path);

        out.follow_redirects = true;
        if (strcmp(cases[i].method, "POST") == 0) {
            out.body[0] = GN_STR("one");
            out.body[1] = GN_STR("two");
        }
        assert_int_equal(perform(fx, &out)->status, 204);
        assert_int_equal(fx->outcome.body.len, 0);
        assert_memory_equal(fx->peer->last.data, cases[i].want_line, strlen(cases[i].want_line));
        assert_string_equal(last_body(fx), cases[i].want_body);
    }
}

static void a_long_body_is_repeated_behind_a_redirect(void **state)
{
    static char text[GN_HTTP_BODY_PARTS][LONG_PART];
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/307");

    give_long_body(&out, text);
    out.follow_redirects = true;
    assert_int_equal(perform(fx, &out)->status, 204);
    assert_true(last_request_has(fx, "POST /204 "));
    assert_long_body_came(fx);
}

static void after_ten_redirects_the_next_is_the_answer(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/loop");

    out.follow_redirects = true;
    assert_int_equal(perform(fx, &out)->err, GN_OK);
    assert_int_equal(fx->outcome.result.status, 302);
    assert_int_equal(fx->peer->requests, 11);
}

static void a_redirect_to_another_scheme_is_not_followed(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/to-ftp");

    out.follow_redirects = true;
    assert_int_equal(perform(fx, &out)->err, GN_EPARSE);
}

/* ---- giving up ---- */

static void assert_canceled_in_a_later_turn(struct fixture *fx, struct gn_http_call *call)
{
    gn_http_cancel(call);
    gn_http_cancel(call);
    assert_int_equal(fx->outcome.count, 0);
    assert_int_equal(gn_http_client_active(fx->client), 1);
    wait_for_all(fx);
    for (int i = 0; i < 3; i++)
        turn(fx);
    assert_int_equal(fx->outcome.count, 1);
    assert_int_equal(fx->outcome.result.err, GN_ECANCELED);
    assert_int_equal(fx->outcome.result.status, 0);
}

static void a_call_canceled_before_it_began_is_never_sent(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/204");

    assert_canceled_in_a_later_turn(fx, start(fx, &out));
    assert_int_equal(fx->peer->accepted, 0);
}

static void a_call_canceled_on_its_way_closes_its_connection(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/silent");
    struct gn_http_call *call = start(fx, &out);

    while (fx->peer->requests == 0)
        turn(fx);
    assert_canceled_in_a_later_turn(fx, call);
    assert_int_equal(fx->peer->open, 0);
}

/* The answer is there, only not reported yet. */
static void a_call_canceled_after_its_answer_came_is_still_canceled(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/204");
    struct gn_http_call *call = start(fx, &out);

    while (fx->peer->requests == 0)
        turn(fx);
    turn(fx); /* reads the answer; reports in the next turn */
    assert_canceled_in_a_later_turn(fx, call);
}

static void cancel_does_not_wait_for_a_look_up(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/");
    struct gn_http_call *call;
    uint64_t began_ms;

    out.url = "http://slow.invalid/";
    call = start(fx, &out);
    for (int i = 0; i < 5; i++)
        turn(fx);
    began_ms = gn_clock_mono_ms();
    assert_canceled_in_a_later_turn(fx, call);
    assert_true(gn_clock_mono_ms() - began_ms < TURN_MAX_MS);
    assert_int_equal(sem_post(&slow_lookup), 0);
}

/* ---- many, and calls from inside done ---- */

static void two_hundred_calls_at_once_all_complete(void **state)
{
    static struct outcome outcomes[MANY];
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "POST", "/204");

    out.body[0] = GN_STR("one");
    out.body[1] = GN_STR("two");
    memset(outcomes, 0, sizeof(outcomes));
    for (size_t i = 0; i < MANY; i++) {
        outcomes[i].body = GN_BUF_INIT;
        assert_int_equal(gn_http_send(fx->client, &out, on_done, &outcomes[i], NULL), GN_OK);
    }
    assert_int_equal(gn_http_client_active(fx->client), MANY);
    wait_for_all(fx);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(outcomes[i].count, 1);
        assert_int_equal(outcomes[i].result.status, 204);
    }
    assert_int_equal(fx->peer->requests, MANY);
}

static void calls_that_wait_start_although_those_before_are_canceled(void **state)
{
    static struct outcome outcomes[MANY];
    struct gn_http_call *calls[MANY];
    struct fixture *fx = *state;
    struct gn_http_out silent;
    struct gn_http_out out;
    uint64_t began_ms;

    assert_int_equal(get(fx, "/204")->status, 204); /* a kept connection sets no short timers */
    silent = request(fx, "GET", "/silent");
    (void)start(fx, &silent); /* keeps libcurl's clock busy with something far away */
    while (fx->peer->requests == 1)
        turn(fx);
    out = request(fx, "GET", "/204");
    memset(outcomes, 0, sizeof(outcomes));
    for (size_t i = 0; i < MANY; i++) {
        outcomes[i].body = GN_BUF_INIT;
        assert_int_equal(gn_http_send(fx->client, &out, on_done, &outcomes[i], &calls[i]), GN_OK);
    }
    for (size_t i = 0; i < MANY - 10; i++)
        gn_http_cancel(calls[i]);
    began_ms = gn_clock_mono_ms();
    while (gn_http_client_active(fx->client) > 1)
        turn(fx);
    assert_true(gn_clock_mono_ms() - began_ms < TURN_MAX_MS); /* else a timer of the silent one */
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(outcomes[i].count, 1);
        assert_int_equal(outcomes[i].result.err, i < MANY - 10 ? GN_ECANCELED : GN_OK);
    }
    peer_drop_all(fx->peer);
    wait_for_all(fx);
}

struct chain {
    struct fixture *fx;
    struct gn_http_call *call; /* another one, given up by the first end */
    unsigned left;
    unsigned ends;
    unsigned turn_of_cancel;
    unsigned turns;
};

static void on_chain_done(void *ctx, const struct gn_http_result *result)
{
    struct chain *chain = ctx;
    struct gn_http_out out = request(chain->fx, "GET", "/204");

    assert_int_equal(result->err, GN_OK);
    chain->ends++;
    if (chain->call != NULL) {
        gn_http_cancel(chain->call);
        chain->call = NULL;
        chain->turn_of_cancel = chain->turns;
    }
    if (chain->left == 0)
        return;
    chain->left--;
    assert_int_equal(gn_http_send(chain->fx->client, &out, on_chain_done, chain, NULL), GN_OK);
}

static void on_victim_done(void *ctx, const struct gn_http_result *result)
{
    struct chain *chain = ctx;

    assert_int_equal(result->err, GN_ECANCELED);
    assert_true(chain->turns > chain->turn_of_cancel);
    chain->ends += 1000;
}

static void done_may_send_and_cancel(void **state)
{
    struct fixture *fx = *state;
    struct chain chain = {.fx = fx, .left = 20};
    struct gn_http_out out = request(fx, "GET", "/silent");

    assert_int_equal(gn_http_send(fx->client, &out, on_victim_done, &chain, &chain.call), GN_OK);
    out = request(fx, "GET", "/204");
    assert_int_equal(gn_http_send(fx->client, &out, on_chain_done, &chain, NULL), GN_OK);
    while (gn_http_client_active(fx->client) > 0) {
        chain.turns++;
        turn(fx);
    }
    assert_int_equal(chain.ends, 1021);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(an_answer_comes_with_status_type_body_and_peer),
        T(an_answer_without_body_has_none),
        T(an_answer_ended_by_close_is_whole),
        T(a_long_answer_is_cut_and_the_connection_kept),
        T(an_answer_too_long_to_drain_still_counts),
        T(retry_after_is_reported_and_not_kept_for_the_next_call),
        cmocka_unit_test(retry_after_is_read_as_seconds_or_date),
        T(the_allowed_origin_is_that_of_the_answer),
        T(libcurl_refused_memory_ends_the_process),
        T(headers_are_sent_as_given),
        T(nothing_is_sent_that_nobody_asked_for),
        T(the_environment_sets_no_proxy),
        T(a_post_without_body_says_length_zero),
        T(methods_without_body_send_none),
        T(a_body_arrives_in_order_of_its_parts),
        T(a_long_body_of_parts_arrives_in_order),
        T(a_bad_request_is_refused_at_once),
        T(as_many_headers_as_allowed_pass_and_one_more_does_not),
        T(a_connection_is_used_again),
        T(a_kept_connection_that_died_is_replaced),
        T(an_idle_connection_that_died_wakes_the_loop_once),
        T(a_refused_connection_names_peer_and_errno),
        T(a_silent_peer_times_out),
        T(a_broken_answer_is_an_error_of_its_kind),
        T(an_answer_that_breaks_off_is_none),
        T(an_answer_counts_from_the_end_of_its_header),
        T(a_name_that_does_not_resolve_is_told_apart),
        T(a_hanging_look_up_blocks_neither_others_nor_its_own_timeout),
        T(a_number_used_again_is_watched_for_its_new_use),
        T(a_redirect_is_an_answer_unless_followed),
        T(a_redirect_is_followed_as_go_does),
        T(a_long_body_is_repeated_behind_a_redirect),
        T(after_ten_redirects_the_next_is_the_answer),
        T(a_redirect_to_another_scheme_is_not_followed),
        T(a_call_canceled_before_it_began_is_never_sent),
        T(a_call_canceled_on_its_way_closes_its_connection),
        T(a_call_canceled_after_its_answer_came_is_still_canceled),
        T(cancel_does_not_wait_for_a_look_up),
        T(two_hundred_calls_at_once_all_complete),
        T(calls_that_wait_start_although_those_before_are_canceled),
        T(done_may_send_and_cancel),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
