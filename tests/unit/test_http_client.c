/* The HTTP client against a scripted peer in the same loop. Name look-ups are answered by a
 * getaddrinfo() of our own, so nothing leaves this machine. */
#include "gurnard/net/http_client.h"

#include <errno.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/defs.h"
#include "http_client_priv.h"

#include "aborting_child.h"
#include "http_client_bed.h"
#include "http_client_streams.h"
#include "http_client_tls.h"

#define MANY        200
#define LONG_PART   40000
#define TURN_MAX_MS 1000 /* what should go on at once and takes longer was blocked */

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

static void the_headers_told_are_those_of_the_answer(void **state)
{
    static const struct {
        const char *path;
        bool follows;
        const char *want;
    } cases[] = {
        {"/told", false, "|/redfish/v1/S/1|W/\"7\"|s3cr3t|gzip"},
        {"/200", false, "|absent|absent|absent|absent"},
        {"/told-empty", false, "|||absent|absent"},
        {"/told-and-leads-on", false, "|/204|1|s3cr3t|absent"},
        {"/told-and-leads-on", true, "|absent|absent|absent|absent"},
        {"/told-behind", false, "|absent|absent|absent|absent"},
        {"/drops", false, "|absent|absent|absent|absent"},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct gn_http_out out = request(fx, "POST", cases[i].path);

        out.follow_redirects = cases[i].follows;
        (void)perform(fx, &out);
        assert_string_equal(fx->outcome.told, cases[i].want);
    }
}

static void assert_no_token_left(struct gn_http_call *call, int request)
{
    struct curl_header *field = NULL;

    assert_null(call->token.bytes);
    assert_int_equal(curl_easy_header(call->easy, "X-Auth-Token", 0, CURLH_HEADER, request, &field),
                     CURLHE_OK);
    assert_string_equal(field->value, "");
}

static void the_token_and_our_headers_are_wiped_behind_the_call(void **state)
{
    static const char *const headers[] = {"X-Auth-Token: mine", NULL};
    static const char *const paths[] = {"/told", "/told-and-leads-on"};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        struct gn_http_out out = request(fx, "GET", paths[i]);
        struct gn_http_call *call;

        out.headers = headers;
        out.follow_redirects = true;
        call = start(fx, &out); /* kept when it has ended */
        wait_for_all(fx);
        assert_int_equal(fx->outcome.result.err, GN_OK);
        assert_true(last_request_has(fx, "\r\nX-Auth-Token: mine\r\n"));
        assert_no_token_left(call, 0);
        assert_true(call->header_text.len > 0);
        for (size_t k = 0; k < call->header_text.len; k++)
            assert_int_equal(call->header_text.data[k], '\0');
    }
}

static void our_own_address_is_told_when_a_connection_was_made(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out;
    int fd;

    assert_string_equal(get(fx, "/200")->local, "127.0.0.1");
    assert_string_equal(get(fx, "/200")->local, "127.0.0.1"); /* kept */
    assert_int_equal(fx->peer->accepted, 1);
    out = request(fx, "GET", "/");
    out.url = "http://nosuch.invalid/";
    assert_string_equal(perform(fx, &out)->local, "");
    fd = refusing_port(fx);
    out.url = fx->url;
    assert_int_equal(perform(fx, &out)->os_errno, ECONNREFUSED);
    assert_string_equal(fx->outcome.result.local, "");
    close(fd);
}

static void a_cut_body_is_told(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        size_t max;
        bool want;
    } cases[] = {
        {"GET", "/200", 7, false}, {"GET", "/200", 6, true},      {"GET", "/200", 0, true},
        {"GET", "/204", 0, false}, {"HEAD", "/head", 0, false},   {"GET", "/long", 100000, false},
        {"GET", "/long", 9, true}, {"GET", "/endless", 10, true}, {"GET", "/200", 7, false},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct gn_http_out out = request(fx, cases[i].method, cases[i].path);

        out.max_answer_bytes = cases[i].max;
        assert_int_equal(perform(fx, &out)->err, GN_OK);
        assert_int_equal(fx->outcome.result.is_cut, cases[i].want);
    }
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
    static const struct {
        const char *method;
        bool has_length;
    } cases[] = {
        {"GET", false}, {"DELETE", false}, {"OPTIONS", false}, {"POST", true},
        {"GET", false}, {"PUT", true},     {"PATCH", true},    {"DELETE", false},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct gn_http_out out = request(fx, cases[i].method, "/200");
        char line[64];

        (void)snprintf(line, sizeof(line), "%s /200 HTTP/1.1\r\n", cases[i].method);
        assert_int_equal(perform(fx, &out)->status, 200);
        assert_memory_equal(fx->peer->last.data, line, strlen(line));
        assert_int_equal(last_request_has(fx, "Content-Length"), cases[i].has_length);
    }
}

/* The next call over the same handle and connection has a body again. */
static void head_asks_for_the_header_only(void **state)
{
    static const char *const after[] = {"GET", "POST", "PATCH", "DELETE"};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(after); i++) {
        struct gn_http_out out = request(fx, "HEAD", "/head");

        assert_int_equal(perform(fx, &out)->status, 200);
        assert_memory_equal(fx->peer->last.data, "HEAD /head ", strlen("HEAD /head "));
        assert_int_equal(fx->outcome.body.len, 0);
        assert_string_equal(fx->outcome.told, "|absent|5|absent|absent");
        out = request(fx, after[i], "/200");
        assert_int_equal(perform(fx, &out)->status, 200);
        assert_memory_equal(fx->peer->last.data, after[i], strlen(after[i]));
        assert_int_equal(fx->outcome.body.len, 7);
    }
    assert_int_equal(fx->peer->accepted, 1);
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
    static const char *const methods[] = {"POST", "DELETE", "PUT", "PATCH"};
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
        {"HEAD", "http://127.0.0.1/", good, "body", false},
        {"DELETE", "http://127.0.0.1/", good, NULL, true},
        {"PATCH", "http://127.0.0.1/", good, NULL, true},
        {"HEAD", "http://127.0.0.1/", good, NULL, true},
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
        T(the_headers_told_are_those_of_the_answer),
        T(the_token_and_our_headers_are_wiped_behind_the_call),
        T(our_own_address_is_told_when_a_connection_was_made),
        T(a_cut_body_is_told),
        T(libcurl_refused_memory_ends_the_process),
        T(headers_are_sent_as_given),
        T(nothing_is_sent_that_nobody_asked_for),
        T(the_environment_sets_no_proxy),
        T(a_post_without_body_says_length_zero),
        T(methods_without_body_send_none),
        T(head_asks_for_the_header_only),
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
        T(an_answer_of_2xx_is_told_piece_by_piece),
        T(an_answer_that_is_no_success_is_no_stream),
        T(an_answer_of_another_type_is_no_stream),
        T(a_stream_opens_before_its_first_bytes),
        T(a_stream_that_breaks_off_has_told_what_came),
        T(a_stream_refused_is_not_told_of_again),
        T(a_stream_may_outlast_the_default_timeout),
        T(a_call_may_be_sent_from_inside_a_stream),
        T(a_stream_has_a_new_connection_that_the_kernel_watches),
        T(a_certificate_is_judged_as_the_call_says),
        T(a_ca_file_that_cannot_be_read_fails_the_call),
        T(a_call_without_ca_file_is_refused_at_once),
        T(tls_below_1_2_is_refused),
        T(what_fails_before_tls_is_no_fault_of_it),
        T(a_connection_serves_calls_of_the_same_tls_only),
        T(another_certificate_is_noticed_at_the_next_connection),
        T(a_session_is_not_resumed_for_a_call_with_tls_of_its_own),
        T(a_certificate_may_be_shown_again_when_its_call_is_gone),
        T(a_stream_comes_over_tls),
#undef T
    };

    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
