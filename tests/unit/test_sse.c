/* Server-sent events: whole streams and what is told of them, however they are cut. */
#include "gurnard/net/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"

#define BOM "\xef\xbb\xbf"

/* A stream and what is told of it: "id|type|data" of each event, one behind another with a ';'. */
struct row {
    const char *stream;
    const char *want;
};

struct listener {
    struct gn_sse sse;
    struct gn_buf told;
};

static void on_event(void *ctx, const struct gn_sse_event *event)
{
    struct listener *ear = ctx;

    assert_true(event->data.len > 0);
    gn_buf_add_str(&ear->told, event->id);
    gn_buf_putc(&ear->told, '|');
    gn_buf_add_str(&ear->told, event->type);
    gn_buf_putc(&ear->told, '|');
    gn_buf_add_str(&ear->told, event->data);
    gn_buf_putc(&ear->told, ';');
}

static void listen_to(struct listener *ear)
{
    ear->told = GN_BUF_INIT;
    gn_buf_puts(&ear->told, "");
    gn_sse_init(&ear->sse, on_event, ear);
}

static void stop_listening(struct listener *ear)
{
    gn_sse_fini(&ear->sse);
    gn_buf_free(&ear->told);
}

/* A copy of its own size, so that the sanitizer sees a byte read too far. */
static enum gn_err feed(struct listener *ear, struct gn_str bytes)
{
    char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    enum gn_err err;

    assert_non_null(copy);
    if (bytes.len > 0)
        memcpy(copy, bytes.p, bytes.len);
    err = gn_sse_feed(&ear->sse, (struct gn_str){copy, bytes.len});
    free(copy);
    return err;
}

static void assert_told(struct listener *ear, const char *want)
{
    assert_int_equal(gn_buf_err(&ear->told), GN_OK);
    assert_string_equal(ear->told.data, want);
}

static void assert_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct listener ear;

        listen_to(&ear);
        assert_int_equal(feed(&ear, gn_str_of(rows[i].stream)), GN_OK);
        assert_told(&ear, rows[i].want);
        stop_listening(&ear);
    }
}

static void a_line_ends_with_cr_lf_or_both(void **state)
{
    static const struct row rows[] = {
        {"data: a\n\n", "||a;"},
        {"data: a\r\r", "||a;"},
        {"data: a\r\n\r\n", "||a;"},
        {"data: a\n\r", "||a;"},
        {"data: a\r\n\n", "||a;"},
        {"data: a\r\n\r", "||a;"},
        {"data: a\n\r\n", "||a;"},
        {"data: a\rdata: b\ndata: c\r\n\r\n", "||a\nb\nc;"},
        {"data: a\n\r\ndata: b\r\r", "||a;||b;"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void only_a_whole_event_with_data_is_told(void **state)
{
    static const struct row rows[] = {
        {"", ""},
        {"\n\n\r\n\r", ""},
        {"data: a", ""},
        {"data: a\n", ""},
        {"event: e\n\n", ""},
        {"id: 1\n\n", ""},
        {"data\n\n", ""},
        {"data:\n\n", ""},
        {"data: \n\n", ""},
        {"data\ndata\n\n", "||\n;"},
        {"event: e\n\ndata: a\n\n", "||a;"},
        {"data: a\n\n\n\n", "||a;"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void lines_of_data_are_joined_by_lf(void **state)
{
    static const struct row rows[] = {
        {"data: a\ndata: b\n\n", "||a\nb;"},
        {"data\ndata: b\n\n", "||\nb;"},
        {"data: a\ndata\n\n", "||a\n;"},
        {"data: {\ndata:   \"a\": 1\ndata: }\n\n", "||{\n  \"a\": 1\n};"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void one_space_behind_the_colon_is_dropped(void **state)
{
    static const struct row rows[] = {
        {"data:a\n\n", "||a;"},     {"data: a\n\n", "||a;"},          {"data:  a\n\n", "|| a;"},
        {"data:\ta\n\n", "||\ta;"}, {"data: a \n\n", "||a ;"},        {"data:a:b\n\n", "||a:b;"},
        {"data: :\n\n", "||:;"},    {"event:e\ndata:a\n\n", "|e|a;"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void fields_are_known_by_their_exact_name(void **state)
{
    static const struct row rows[] = {
        {"Data: a\n\n", ""},
        {" data: a\n\n", ""},
        {"data : a\n\n", ""},
        {"datum: a\n\n", ""},
        {"foo: bar\ndata: a\nfoo\n\n", "||a;"},
        {": note\ndata: a\n:\n:data: b\n\n", "||a;"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void a_type_counts_for_its_event_only(void **state)
{
    static const struct row rows[] = {
        {"event: x\ndata: a\n\ndata: b\n\n", "|x|a;||b;"},
        {"event: x\nevent: y\ndata: a\n\n", "|y|a;"},
        {"event: x\nevent\ndata: a\n\n", "||a;"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void an_id_stays_until_another_comes(void **state)
{
    static const struct row rows[] = {
        {"id: 1\ndata: a\n\ndata: b\n\n", "1||a;1||b;"},
        {"data: a\nid: 1\n\nid: 2\ndata: b\n\n", "1||a;2||b;"},
        {"id: 1\ndata: a\n\nid\ndata: b\n\n", "1||a;||b;"},
        {"id: 1\n\ndata: a\n\n", "1||a;"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void an_id_with_nul_or_too_long_is_ignored(void **state)
{
    static const char with_nul[] = "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n";
    char text[GN_SSE_ID_MAX + 64];
    struct listener ear;

    (void)state;
    listen_to(&ear);
    assert_int_equal(feed(&ear, GN_STR(with_nul)), GN_OK);
    assert_told(&ear, "1||a;1||b;");
    (void)snprintf(text, sizeof(text), "id: %0*d\n\n", GN_SSE_ID_MAX + 1, 7);
    assert_int_equal(feed(&ear, gn_str_of(text)), GN_OK);
    assert_true(gn_str_eq(gn_buf_str(&ear.sse.id), GN_STR("1")));
    (void)snprintf(text, sizeof(text), "id: %0*d\n\n", GN_SSE_ID_MAX, 7);
    assert_int_equal(feed(&ear, gn_str_of(text)), GN_OK);
    assert_int_equal(ear.sse.id.len, GN_SSE_ID_MAX);
    stop_listening(&ear);
}

static void a_byte_order_mark_is_passed_over_in_front_only(void **state)
{
    static const struct row rows[] = {
        {BOM "data: a\n\n", "||a;"},
        {BOM "\ndata: a\n\n", "||a;"},
        {BOM BOM "data: a\n\n", ""},
        {"\n" BOM "data: a\n\n", ""},
        {"\xef\xbb"
         "data: a\n\n",
         ""},
        {"data: " BOM "\n\n", "||" BOM ";"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void retry_takes_digits_only(void **state)
{
    static const struct {
        const char *stream;
        uint64_t want_ms;
    } rows[] = {
        {"data: a\n\n", 0},
        {"retry: 3000\n", 3000},
        {"retry:7\nretry: 8\n", 8},
        {"retry: 5\nretry: 5s\n", 5},
        {"retry: 5\nretry: -1\n", 5},
        {"retry: 5\nretry\n", 5},
        {"retry: 5\nretry:  6\n", 5},
        {"retry: 18446744073709551615\n", UINT64_MAX},
        {"retry: 5\nretry: 18446744073709551616\n", 5},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct listener ear;

        listen_to(&ear);
        assert_int_equal(feed(&ear, gn_str_of(rows[i].stream)), GN_OK);
        assert_int_equal(ear.sse.retry_ms, rows[i].want_ms);
        stop_listening(&ear);
    }
}

static void events_and_comments_are_counted(void **state)
{
    struct listener ear;

    (void)state;
    listen_to(&ear);
    assert_int_equal(feed(&ear, GN_STR(":\n: b\n\ndata: a\n\n:c\ndata: b\n\ndata\n\n")), GN_OK);
    assert_int_equal(ear.sse.comments, 3);
    assert_int_equal(ear.sse.events, 2);
    stop_listening(&ear);
}

/* OME-Modular prints its JSON without the field name on the lines behind the first. */
static void a_nameless_line_goes_on_with_incomplete_json(void **state)
{
    static const struct row rows[] = {
        {"id: 1\ndata: {\n\"Events\": [\n{\"a\": 1}\n]\n}\n\n",
         "1||{\n\"Events\": [\n{\"a\": 1}\n]\n};"},
        {"data: {\n  \"id\": 5,\n  \"data\": 6\n}\n\n", "||{\n  \"id\": 5,\n  \"data\": 6\n};"},
        {"data: [\n1\n]\nfoo: bar\n\n", "||[\n1\n];"},
        {"data: {\"a\": \"}\"\n}\n\n", "||{\"a\": \"}\"\n};"},
        {"data: {\"a\": \"\\\"}\"\n}\n\n", "||{\"a\": \"\\\"}\"\n};"},
        {"data: {\"a\\\\\": 1}\nfoo: bar\n\n", "||{\"a\\\\\": 1};"},
        {"data:  {\nid: 2\n}\n\n", "2|| {\n};"},
        {"data: {\n: note\n}\n\n", "||{\n};"},
        {"data: {}\nfoo\n\n", "||{};"},
        {"data: text\n{\n}\n\n", "||text;"},
        {"data: } {\nfoo\n\n", "||} {;"},
        {"data:\ndata: {\n}\n\n", "||\n{\n};"},
        {"data: {\n\nfoo\n\ndata: a\nfoo\n\n", "||{;||a;"},
        {"foo\n{\n}\n\n", ""},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static const char mixed[] =
    BOM ": hello\r\n\r\nid: 7\r\nevent: alert\r\ndata: {\r\n\"a\": \"\\\"\"\r\n}"
        "\r\n\r\nretry: 20\rdata: x\rdata: y\r\rdata:\xc3\xa4\n\n\rid:\0\n"
        "data: z\n\n";

static const char mixed_told[] = "7|alert|{\n\"a\": \"\\\"\"\n};7||x\ny;7||\xc3\xa4;7||z;";

static void a_cut_anywhere_changes_nothing(void **state)
{
    size_t len = sizeof(mixed) - 1;

    (void)state;
    for (size_t first = 0; first <= len; first++) {
        for (size_t second = first; second <= len; second++) {
            struct listener ear;

            listen_to(&ear);
            assert_int_equal(feed(&ear, (struct gn_str){mixed, first}), GN_OK);
            assert_int_equal(feed(&ear, (struct gn_str){mixed + first, second - first}), GN_OK);
            assert_int_equal(feed(&ear, (struct gn_str){mixed + second, len - second}), GN_OK);
            assert_told(&ear, mixed_told);
            assert_int_equal(ear.sse.retry_ms, 20);
            assert_int_equal(ear.sse.comments, 1);
            stop_listening(&ear);
        }
    }
}

static void bytes_may_come_one_by_one(void **state)
{
    struct listener ear;

    (void)state;
    listen_to(&ear);
    for (size_t i = 0; i < sizeof(mixed) - 1; i++)
        assert_int_equal(feed(&ear, (struct gn_str){mixed + i, 1}), GN_OK);
    assert_told(&ear, mixed_told);
    stop_listening(&ear);
}

static void a_restart_forgets_what_was_begun_but_not_id_and_retry(void **state)
{
    struct listener ear;

    (void)state;
    listen_to(&ear);
    assert_int_equal(feed(&ear, GN_STR("retry: 9\nid: 1\ndata: a\n\nid: 2\nevent: e\ndata: {\nda")),
                     GN_OK);
    gn_sse_restart(&ear.sse);
    assert_true(gn_str_eq(gn_buf_str(&ear.sse.id), GN_STR("1"))); /* 2 has not come whole */
    assert_int_equal(feed(&ear, GN_STR(BOM "data: b\nfoo\n\n")), GN_OK);
    assert_told(&ear, "1||a;1||b;");
    assert_int_equal(ear.sse.retry_ms, 9);
    assert_int_equal(feed(&ear, GN_STR("data: c\r")), GN_OK);
    gn_sse_restart(&ear.sse);
    assert_int_equal(feed(&ear, GN_STR("\ndata: d\n\n")), GN_OK);
    assert_told(&ear, "1||a;1||b;1||d;");
    stop_listening(&ear);
}

static char *filler(size_t len)
{
    char *text = malloc(len);

    assert_non_null(text);
    memset(text, 'x', len);
    return text;
}

static void a_line_has_a_limit(void **state)
{
    char *text = filler(GN_SSE_LINE_MAX + 1);
    struct listener ear;

    (void)state;
    listen_to(&ear);
    memcpy(text, "data:", 5);
    assert_int_equal(feed(&ear, (struct gn_str){text, GN_SSE_LINE_MAX}), GN_OK);
    assert_int_equal(feed(&ear, GN_STR("\n\n")), GN_OK);
    assert_int_equal(ear.told.len, GN_SSE_LINE_MAX - 5 + strlen("||;"));
    assert_int_equal(feed(&ear, (struct gn_str){text, GN_SSE_LINE_MAX + 1}), GN_ELIMIT);
    gn_sse_restart(&ear.sse);
    assert_int_equal(feed(&ear, (struct gn_str){text, GN_SSE_LINE_MAX}), GN_OK);
    assert_int_equal(feed(&ear, GN_STR("x")), GN_ELIMIT);
    gn_sse_restart(&ear.sse);
    gn_buf_reset(&ear.told);
    assert_int_equal(feed(&ear, GN_STR("data: a\n\n")), GN_OK);
    assert_told(&ear, "||a;");
    stop_listening(&ear);
    free(text);
}

static void the_data_of_an_event_has_a_limit(void **state)
{
    static const size_t lines = GN_SSE_EVENT_MAX / (GN_SSE_LINE_MAX / 2);
    char *text = filler(GN_SSE_LINE_MAX / 2 + 5);
    struct listener ear;

    (void)state;
    listen_to(&ear);
    memcpy(text, "data:", 5);
    text[GN_SSE_LINE_MAX / 2 + 4] = '\n'; /* with the LF that joins them each is half a line */
    for (size_t i = 0; i < lines; i++)
        assert_int_equal(feed(&ear, (struct gn_str){text, GN_SSE_LINE_MAX / 2 + 5}), GN_OK);
    assert_int_equal(feed(&ear, GN_STR("data\n")), GN_OK);
    assert_int_equal(feed(&ear, GN_STR("data\n")), GN_ELIMIT);
    gn_sse_restart(&ear.sse);
    assert_int_equal(feed(&ear, GN_STR("data: a\n\n")), GN_OK);
    assert_told(&ear, "||a;");
    stop_listening(&ear);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_ends_with_cr_lf_or_both),
        cmocka_unit_test(only_a_whole_event_with_data_is_told),
        cmocka_unit_test(lines_of_data_are_joined_by_lf),
        cmocka_unit_test(one_space_behind_the_colon_is_dropped),
        cmocka_unit_test(fields_are_known_by_their_exact_name),
        cmocka_unit_test(a_type_counts_for_its_event_only),
        cmocka_unit_test(an_id_stays_until_another_comes),
        cmocka_unit_test(an_id_with_nul_or_too_long_is_ignored),
        cmocka_unit_test(a_byte_order_mark_is_passed_over_in_front_only),
        cmocka_unit_test(retry_takes_digits_only),
        cmocka_unit_test(events_and_comments_are_counted),
        cmocka_unit_test(a_nameless_line_goes_on_with_incomplete_json),
        cmocka_unit_test(a_cut_anywhere_changes_nothing),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(a_restart_forgets_what_was_begun_but_not_id_and_retry),
        cmocka_unit_test(a_line_has_a_limit),
        cmocka_unit_test(the_data_of_an_event_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
