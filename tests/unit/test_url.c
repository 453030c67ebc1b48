/* URLs and request paths. */
#include "gurnard/base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void assert_view(struct gn_str got, const char *want)
{
    assert_int_equal(got.p == NULL, want == NULL);
    assert_true(gn_str_eq(got, gn_str_of(want)));
}

static void an_url_falls_into_its_parts(void **state)
{
    static const struct {
        const char *text, *scheme, *userinfo, *host, *path, *query;
        uint16_t port;
        bool has_port, is_ipv6;
    } rows[] = {
        {"http://localhost:9089/event", "http", NULL, "localhost", "/event", NULL, 9089, true,
         false},
        {"https://bmc.example.com", "https", NULL, "bmc.example.com", "", NULL, 443, false, false},
        {"http://h/", "http", NULL, "h", "/", NULL, 80, false, false},
        {"HTTP://H", "HTTP", NULL, "H", "", NULL, 80, false, false},
        {"amqp://router", "amqp", NULL, "router", "", NULL, 5672, false, false},
        {"amqps://router", "amqps", NULL, "router", "", NULL, 5671, false, false},
        {"coap+tcp://h", "coap+tcp", NULL, "h", "", NULL, 0, false, false},
        {"http://192.0.2.7:65535", "http", NULL, "192.0.2.7", "", NULL, 65535, true, false},
        {"http://[::1]", "http", NULL, "::1", "", NULL, 80, false, true},
        {"http://[2001:db8::1]:8080/a", "http", NULL, "2001:db8::1", "/a", NULL, 8080, true, true},
        {"http://[::ffff:192.0.2.1]", "http", NULL, "::ffff:192.0.2.1", "", NULL, 80, false, true},
        {"http://u:p%40@h:1/", "http", "u:p%40", "h", "/", NULL, 1, true, false},
        {"http://@h", "http", "", "h", "", NULL, 80, false, false},
        {"http://h?a=b", "http", NULL, "h", "", "a=b", 80, false, false},
        {"http://h/?", "http", NULL, "h", "/", "", 80, false, false},
        {"http://h/a?b?c=/d", "http", NULL, "h", "/a", "b?c=/d", 80, false, false},
        {"http://h//a/../b;c=1,2/@:!$&'()*+=~_-.%2F", "http", NULL, "h",
         "//a/../b;c=1,2/@:!$&'()*+=~_-.%2F", NULL, 80, false, false},
        {"http://my_host-1.local~/", "http", NULL, "my_host-1.local~", "/", NULL, 80, false, false},
        {"http://h:0080/", "http", NULL, "h", "/", NULL, 80, true, false},
        {"http://h/x@y:1", "http", NULL, "h", "/x@y:1", NULL, 80, false, false},
        {"http://h?x@y", "http", NULL, "h", "", "x@y", 80, false, false},
    };
    struct gn_url url;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_url_parse(gn_str_of(rows[i].text), &url), GN_OK);
        assert_view(url.scheme, rows[i].scheme);
        assert_view(url.userinfo, rows[i].userinfo);
        assert_view(url.host, rows[i].host);
        assert_view(url.path, rows[i].path);
        assert_view(url.query, rows[i].query);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.has_port, rows[i].has_port);
        assert_int_equal(url.is_ipv6, rows[i].is_ipv6);
    }
}

static void what_is_no_url_is_refused(void **state)
{
    static const struct gn_str rows[] = {
        {NULL, 0},
        GN_STR_INIT(""),
        GN_STR_INIT("localhost:9089/event"),
        GN_STR_INIT("/event"),
        GN_STR_INIT("//host/event"),
        GN_STR_INIT("http:/h"),
        GN_STR_INIT("http:h"),
        GN_STR_INIT("http"),
        GN_STR_INIT("http:"),
        GN_STR_INIT("http://"),
        GN_STR_INIT("http:///path"),
        GN_STR_INIT("http://?q"),
        GN_STR_INIT("http://u@"),
        GN_STR_INIT("http://:80"),
        GN_STR_INIT("://h"),
        GN_STR_INIT("1http://h"),
        GN_STR_INIT("ht_tp://h"),
        GN_STR_INIT("-http://h"),
        GN_STR_INIT("http://h:"),
        GN_STR_INIT("http://h:/"),
        GN_STR_INIT("http://h:0"),
        GN_STR_INIT("http://h:65536"),
        GN_STR_INIT("http://h:99999999999999999999"),
        GN_STR_INIT("http://h:-1"),
        GN_STR_INIT("http://h:+1"),
        GN_STR_INIT("http://h:8a"),
        GN_STR_INIT("http://h:80:81"),
        GN_STR_INIT("http://a@b@h"),
        GN_STR_INIT("http://h/#part"),
        GN_STR_INIT("http://h#"),
        GN_STR_INIT(" http://h"),
        GN_STR_INIT("http://h "),
        GN_STR_INIT("http://h/a b"),
        GN_STR_INIT("http://h/a\tb"),
        GN_STR_INIT("http://h/\r\nX: y"),
        GN_STR_INIT("http://h/\0"),
        GN_STR_INIT("http://h\0.example/"),
        GN_STR_INIT("http://h/\x7F"),
        GN_STR_INIT("http://h/\xC3\xA9"),
        GN_STR_INIT("http://h\xC3\xA9/"),
        GN_STR_INIT("http://h\\x"),
        GN_STR_INIT("http://h/a\\b"),
        GN_STR_INIT("http://h/<a>"),
        GN_STR_INIT("http://h/{a}"),
        GN_STR_INIT("http://h/%"),
        GN_STR_INIT("http://h/%4"),
        GN_STR_INIT("http://h/%zz"),
        GN_STR_INIT("http://h/?%4"),
        GN_STR_INIT("http://u%4@h"),
        GN_STR_INIT("http://%68/"),
        GN_STR_INIT("http://a,b/"),
        GN_STR_INIT("http://[]"),
        GN_STR_INIT("http://[::1"),
        GN_STR_INIT("http://::1"),
        GN_STR_INIT("http://::1]"),
        GN_STR_INIT("http://[::1]x"),
        GN_STR_INIT("http://[::1]80"),
        GN_STR_INIT("http://[::1]:"),
        GN_STR_INIT("http://[h]"),
        GN_STR_INIT("http://[1.2.3.4]"),
        GN_STR_INIT("http://[fe80::1%25eth0]"),
        GN_STR_INIT("http://[::1\0]"),
        GN_STR_INIT("http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"),
    };
    struct gn_url url;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_url_parse(rows[i], &url), GN_EPARSE);
}

static void the_longest_url_is_taken_and_one_byte_more_is_not(void **state)
{
    static char text[GN_URL_MAX + 1];
    struct gn_url url;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "http://", 7);
    assert_int_equal(gn_url_parse((struct gn_str){text, GN_URL_MAX}, &url), GN_OK);
    assert_int_equal(url.host.len, GN_URL_MAX - 7);
    assert_int_equal(gn_url_parse((struct gn_str){text, GN_URL_MAX + 1}, &url), GN_ELIMIT);
}

static void parts_do_not_reach_beyond_the_view(void **state)
{
    struct gn_url url;

    (void)state;
    assert_int_equal(gn_url_parse((struct gn_str){"http://host:80/path", 11}, &url), GN_OK);
    assert_view(url.host, "host");
    assert_false(url.has_port);
    assert_view(url.path, "");
}

static void events_are_posted_to_plain_http_and_https_only(void **state)
{
    static const struct {
        const char *text;
        bool is_web;
    } rows[] = {
        {"http://h", true}, {"https://h/x", true}, {"HtTpS://h", true},     {"amqp://h", false},
        {"ftp://h", false}, {"httpx://h", false},  {"http://u:p@h", false}, {"https://@h", false},
    };
    struct gn_url url;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_url_parse(gn_str_of(rows[i].text), &url), GN_OK);
        assert_int_equal(gn_url_is_web(&url), rows[i].is_web);
    }
}

static void a_path_is_cleaned_as_go_does(void **state)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/", "/a/"},
        {"/a/b/c", "/a/b/c"},
        {"//", "/"},
        {"///", "/"},
        {"//a", "/a"},
        {"/a//b", "/a/b"},
        {"/a//", "/a/"},
        {"/.", "/"},
        {"/./", "/"},
        {"/a/.", "/a"},
        {"/a/./", "/a/"},
        {"/a/./b", "/a/b"},
        {"/..", "/"},
        {"/../", "/"},
        {"/../../a", "/a"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/a/b/..", "/a"},
        {"/a/b/../", "/a/"},
        {"/a/b/../c", "/a/c"},
        {"/a/b/../../../c/", "/c/"},
        {"/api/ocloudNotifications/v1//subscriptions", "/api/ocloudNotifications/v1/subscriptions"},
        {"/...", "/..."},
        {"/a/..b/.c", "/a/..b/.c"},
        {"/%2e%2e/a", "/%2e%2e/a"},
        {"a/b", "/a/b"},
        {"", "/"},
        {"..", "/"},
        {"*", "/*"},
    };
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        bool is_changed;

        gn_buf_reset(&out);
        is_changed = gn_url_clean_path(gn_str_of(rows[i].path), &out);
        assert_string_equal(out.data, rows[i].want);
        assert_int_equal(is_changed, strcmp(rows[i].path, rows[i].want) != 0);
    }
    gn_buf_free(&out);
}

static void cleaning_leaves_what_the_buffer_held_before(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_buf_puts(&out, "http://h/x");
    assert_true(gn_url_clean_path(GN_STR("/a/../../.."), &out));
    assert_string_equal(out.data, "http://h/x/");
    gn_buf_reset(&out);
    gn_buf_puts(&out, "x");
    assert_false(gn_url_clean_path(GN_STR("/a"), &out));
    assert_string_equal(out.data, "x/a");
    gn_buf_free(&out);
}

static void a_full_buffer_shows_in_its_error(void **state)
{
    struct gn_buf out = gn_buf_with_limit(3);

    (void)state;
    assert_true(gn_url_clean_path(GN_STR("/abcdef/../g"), &out));
    assert_int_equal(gn_buf_err(&out), GN_ELIMIT);
    gn_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_url_falls_into_its_parts),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(the_longest_url_is_taken_and_one_byte_more_is_not),
        cmocka_unit_test(parts_do_not_reach_beyond_the_view),
        cmocka_unit_test(events_are_posted_to_plain_http_and_https_only),
        cmocka_unit_test(a_path_is_cleaned_as_go_does),
        cmocka_unit_test(cleaning_leaves_what_the_buffer_held_before),
        cmocka_unit_test(a_full_buffer_shows_in_its_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
