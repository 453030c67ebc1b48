/* Tests of the Redfish client: redirects, packed and endless bodies, what is no HTTP. */
#ifndef GN_TESTS_CLIENT_HOSTILE_H
#define GN_TESTS_CLIENT_HOSTILE_H

#include <zlib.h>

#include "client_bed.h"
#include "client_priv.h"
#include "http_peer.h"

/* ---- redirects ---- */

static void a_redirect_on_the_same_host_is_followed(void **state)
{
    static const struct row rows[] = {
        {"GET", "/redfish/v1", BASIC, 0, 308, {"Location", "/redfish/v1/", NULL}, NULL},
        {"GET", "/redfish/v1/", BASIC, 0, 200, {NULL}, "{}"},
        {"GET", "/a/b", BASIC, 0, 301, {"Location", "../redfish/v1/", NULL}, NULL},
        {"GET", "/302", BASIC, 0, 302, {"Location", "a/b?x=1", NULL}, NULL},
        {"GET", "/a/b?x=1", BASIC, 0, 200, {NULL}, "{}"},
        {"POST", "/307", BASIC, 0, 307, {"Location", "/post/", NULL}, NULL},
        {"POST", "/301", BASIC, 0, 301, {"Location", "/post/", NULL}, NULL},
        {"POST", "/post/", BASIC, 0, 201, {NULL}, "{}"},
        {"POST", "/303", BASIC, 0, 303, {"Location", "/redfish/v1/", NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_BASIC);
    assert_int_equal(ask_now(bed, "GET", "/redfish/v1").status, 200);
    assert_int_equal(ask_now(bed, "GET", "/a/b").status, 200);
    assert_int_equal(ask_now(bed, "GET", "/302").status, 200);
    assert_int_equal(ask_now(bed, "POST", "/307").status, 201);
    assert_string_equal(bed->seen[bed->seen_count - 1].body, "{\"a\":1}");
    assert_int_equal(ask_now(bed, "POST", "/301").status, 201);
    assert_int_equal(ask_now(bed, "POST", "/303").status, 200);
    assert_string_equal(bed->seen[bed->seen_count - 1].body, "");
}

static void a_redirect_elsewhere_is_hostile_and_nothing_is_sent_there(void **state)
{
    static const struct peer_row silent[] = {{NULL, NULL, 0, false}};
    struct bed *bed = *state;
    struct peer *other = peer_new(bed->loop, silent);
    char elsewhere[3][64];
    struct row rows[] = {
        {"GET", "/port", NULL, 0, 302, {"Location", elsewhere[0], NULL}, NULL},
        {"GET", "/scheme", NULL, 0, 301, {"Location", elsewhere[1], NULL}, NULL},
        {"GET", "/no-scheme", NULL, 0, 308, {"Location", elsewhere[2], NULL}, NULL},
        {"GET", "/host", NULL, 0, 307, {"Location", "http://other.invalid/", NULL}, NULL},
        {"GET", "/file", NULL, 0, 302, {"Location", "file:///etc/passwd", NULL}, NULL},
        {"GET", "/none", NULL, 0, 302, {NULL}, NULL},
        LAST_ROW,
    };

    snprintf(elsewhere[0], sizeof(elsewhere[0]), "http://127.0.0.1:%u/", other->port);
    snprintf(elsewhere[1], sizeof(elsewhere[1]), "https://127.0.0.1:%u/", bed->port);
    snprintf(elsewhere[2], sizeof(elsewhere[2]), "//127.0.0.1:%u/", other->port);
    use(bed, rows, GN_BMC_AUTH_BASIC);
    for (size_t i = 0; rows[i].method != NULL; i++)
        assert_int_equal(ask_now(bed, "GET", rows[i].path).end, GN_BMC_END_HOSTILE);
    settle(bed);
    assert_int_equal(other->accepted, 0);
    assert_int_equal(bed->seen_count, GN_LEN(rows) - 1);
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"hostile\"} 6\n"));
    peer_free(other);
}

static void redirects_in_a_circle_end(void **state)
{
    static const struct row rows[] = {
        {"GET", "/a", NULL, 0, 302, {"Location", "/b", NULL}, NULL},
        {"GET", "/b", NULL, 0, 302, {"Location", "/a", NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_HOSTILE);
    assert_int_equal(bed->seen_count, GN_BMC_REDIRECTS_MAX + 1);
}

static void where_a_redirect_leads_is_told_by_the_rules_of_uris(void **state)
{
    static const struct {
        const char *location;
        enum gn_err err;
        const char *want;
    } rows[] = {
        {"/c", GN_OK, "/c"},
        {"/c/#part", GN_OK, "/c/"},
        {" c ", GN_OK, "/a/c"},
        {"../c/", GN_OK, "/c/"},
        {"../../../c", GN_OK, "/c"},
        {"?y=2", GN_OK, "/a/b?y=2"},
        {"c?y=/..", GN_OK, "/a/c?y=/.."},
        {"https://bmc.example/c?d", GN_OK, "/c?d"},
        {"HTTPS://BMC.example:443", GN_OK, "/"},
        {"//bmc.example/c", GN_OK, "/c"},
        {"//bmc.example:8443/c", GN_EREFUSED, NULL},
        {"http://bmc.example/c", GN_EREFUSED, NULL},
        {"http://bmc.example:443/c", GN_EREFUSED, NULL},
        {"https://bmc.example.evil/c", GN_EREFUSED, NULL},
        {"https://root:x@bmc.example/c", GN_EREFUSED, NULL},
        {"https://bmc.example@evil/", GN_EREFUSED, NULL},
        {"https:c", GN_EPARSE, NULL},
        {"javascript:alert(1)", GN_EPARSE, NULL},
        {"///evil/", GN_EPARSE, NULL},
        {"/\\evil/", GN_EPARSE, NULL},
        {"/a b", GN_EPARSE, NULL},
        {"", GN_EPARSE, NULL},
        {"#x", GN_EPARSE, NULL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = gn_buf_with_limit(GN_SERVICE_URI_MAX);

        assert_int_equal(gn_bmc_redirect("https://bmc.example", "/a/b?x=1",
                                         gn_str_of(rows[i].location), &out),
                         rows[i].err);
        if (rows[i].want != NULL)
            assert_string_equal(out.data, rows[i].want);
        gn_buf_free(&out);
    }
}

/* ---- bodies ---- */

/* len bytes packed as gzip; of fill, or of text where it is given. Owned by the caller. */
static struct gn_str packed(const char *text, size_t len)
{
    char *plain = text == NULL ? calloc(1, len) : NULL;
    size_t room = len + 1024;
    unsigned char *to = malloc(room);
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)(text != NULL ? text : plain);
    z.avail_in = (unsigned)len;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    room -= z.avail_out;
    deflateEnd(&z);
    free(plain);
    return (struct gn_str){(char *)to, room};
}

static const struct row packed_rows[] = {
    {"GET", "/gzip", NULL, 0, 200, {"Content-Encoding", "gzip", NULL}, "*"},
    {"GET", "/x-gzip", NULL, 0, 200, {"Content-Encoding", "x-gzip", NULL}, "*"},
    {"GET", "/silent", NULL, 0, 200, {NULL}, "*"},
    {"GET", "/lie", NULL, 0, 200, {"Content-Encoding", "gzip", NULL}, "{\"a\":2}"},
    LAST_ROW,
};

static void a_packed_body_is_unpacked(void **state)
{
    struct bed *bed = *state;

    bed->body = packed("{\"b\":17}", 8);
    use(bed, packed_rows, GN_BMC_AUTH_NONE);
    for (size_t i = 0; i < 3; i++) {
        struct got got = ask_now(bed, "GET", packed_rows[i].path);

        assert_true(got.has_json);
        assert_string_equal(got.raw, "{\"b\":17}");
    }
    assert_string_equal(ask_now(bed, "GET", "/lie").raw, "{\"a\":2}");
    free((void *)(uintptr_t)bed->body.p);
}

static void a_raw_body_of_gzip_stays_packed(void **state)
{
    struct bed *bed = *state;
    struct gn_bmc_request request = {.method = "GET", .uri = "/gzip", .is_raw = true};
    struct got got = {0};

    bed->body = packed("{\"b\":17}", 8);
    use(bed, packed_rows, GN_BMC_AUTH_NONE);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 1);
    assert_int_equal(got.raw_len, bed->body.len);
    request.uri = "/silent"; /* a file that is packed itself */
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 2);
    assert_int_equal(got.raw_len, bed->body.len);
    free((void *)(uintptr_t)bed->body.p);
}

static void an_etag_that_fits_no_header_is_hostile(void **state)
{
    static const struct row rows[] = {
        {"PATCH", "/a", NULL, 0, 412, {NULL}, NULL},
        {"GET", "/a", NULL, 0, 200, {NULL}, "{\"@odata.etag\":\"1\\r\\nX-Evil: 2\"}"},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(ask_now(bed, "PATCH", "/a").end, GN_BMC_END_HOSTILE);
    assert_int_equal(bed->seen_count, 2);
}

static void a_body_that_unpacks_beyond_measure_is_hostile(void **state)
{
    struct bed *bed = *state;
    struct got got;

    bed->body = packed(NULL, (size_t)64 << 20);
    use(bed, packed_rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "GET", "/gzip");
    assert_int_equal(got.end, GN_BMC_END_HOSTILE);
    assert_string_equal(got.reason, "the body unpacks to more than is allowed");
    bed->body.len -= 100;
    assert_int_equal(ask_now(bed, "GET", "/gzip").end, GN_BMC_END_HOSTILE);
    bed->body.len = 100;
    got = ask_now(bed, "GET", "/gzip");
    assert_int_equal(got.end, GN_BMC_END_HOSTILE);
    assert_string_equal(got.reason, "the body's gzip is broken");
    free((void *)(uintptr_t)bed->body.p);
}

static void a_body_without_end_is_hostile(void **state)
{
    static const struct peer_row endless[] = {
        {"/endless", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", 8000000, false},
        {NULL, NULL, 0, false}};
    static const struct row rows[] = {{"GET", "/a", NULL, 0, 200, {NULL}, "[1,2,3,4,5,6,7,8,9]"},
                                      LAST_ROW};
    struct bed *bed = *state;
    struct gn_bmc_request request = {.method = "GET", .uri = "/a", .max_bytes = 10};
    struct peer *peer = peer_new(bed->loop, endless);
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 1);
    assert_int_equal(got.end, GN_BMC_END_HOSTILE);
    request.max_bytes = 19;
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 2);
    assert_int_equal(got.end, GN_BMC_END_ANSWER);
    gn_bmc_link_free(bed->link);
    snprintf(bed->base, sizeof(bed->base), "http://127.0.0.1:%u", peer->port);
    use(bed, rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "GET", "/endless");
    assert_int_equal(got.end, GN_BMC_END_HOSTILE);
    assert_string_equal(got.reason, "the body is longer than is allowed");
    peer_free(peer);
}

static void json_too_deep_is_hostile(void **state)
{
    static const struct row rows[] = {
        {"GET", "/deep", NULL, 0, 200, {NULL}, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["},
        LAST_ROW};
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(ask_now(bed, "GET", "/deep").end, GN_BMC_END_HOSTILE);
}

static void what_is_no_http_is_hostile_and_a_closed_port_unreachable(void **state)
{
    static const struct peer_row garbage[] = {
        {"/garbage", "\x16\x03\x01 this is no HTTP at all, whatever the port says\r\n\r\n", 0,
         true},
        {"/dropped", "", 0, true},
        {"/broken-off", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 0, true},
        {NULL, NULL, 0, false}};
    struct bed *bed = *state;
    struct peer *peer = peer_new(bed->loop, garbage);
    struct got got;

    snprintf(bed->base, sizeof(bed->base), "http://127.0.0.1:%u", peer->port);
    use(bed, NULL, GN_BMC_AUTH_NONE);
    assert_int_equal(ask_now(bed, "GET", "/garbage").end, GN_BMC_END_HOSTILE);
    assert_int_equal(ask_now(bed, "GET", "/dropped").end, GN_BMC_END_UNREACHABLE);
    assert_int_equal(ask_now(bed, "GET", "/broken-off").end, GN_BMC_END_UNREACHABLE);
    peer_free(peer);
    got = ask_now(bed, "GET", "/garbage");
    assert_int_equal(got.end, GN_BMC_END_UNREACHABLE);
    assert_string_not_equal(got.reason, "");
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"unreachable\"} 3\n"));
}

static void silence_is_a_timeout(void **state)
{
    static const struct row rows[] = {{"GET", "/held", NULL, 0, HOLD, {NULL}, NULL}, LAST_ROW};
    struct bed *bed = *state;
    const struct gn_bmc_request request = {.method = "GET", .uri = "/held", .timeout_ms = 50};
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 1);
    assert_int_equal(got.end, GN_BMC_END_TIMEOUT);
    assert_int_equal(got.status, 0);
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"timeout\"} 1\n"));
    release(bed, 200, NULL, NULL);
}

#endif
