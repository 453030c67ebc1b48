/* Reports for people from answers of the admin API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "gurnard/cli/report.h"
#include "report_priv.h"

#define ID  "6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b11"
#define NOW "2026-11-21T09:00:42Z"

static json_t *json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    assert_non_null(value);
    return value;
}

static int64_t now_ns(void)
{
    int64_t ns;

    assert_int_equal(gn_time_parse(GN_STR(NOW), &ns), GN_OK);
    return ns;
}

static void is_text(struct gn_buf *out, const char *want)
{
    assert_int_equal(gn_buf_err(out), GN_OK);
    gn_buf_puts(out, "");
    assert_string_equal(out->data == NULL ? "" : out->data, want);
    gn_buf_free(out);
}

/* What every report keeps to, whatever the answer was. */
static void is_harmless(const struct gn_buf *out, size_t columns)
{
    struct gn_str rest = gn_buf_str(out);

    assert_int_equal(gn_buf_err(out), GN_OK);
    assert_true(gn_text_is_utf8(rest));
    while (rest.p != NULL) {
        struct gn_str line = gn_str_cut(rest, '\n', &rest);

        assert_true(gn_report_columns(line) <= columns);
        for (size_t i = 0; i < line.len; i++) {
            assert_true((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f);
            assert_false(line.p[i] == '\xc2' && (unsigned char)line.p[i + 1] < 0xa0);
        }
    }
}

/* ---- pieces ---- */

static void sizes_are_readable(void **state)
{
    static const struct {
        const char *bytes, *want;
    } rows[] = {
        {"0", "0 B"},
        {"1023", "1023 B"},
        {"1024", "1.0 KiB"},
        {"101376", "99.0 KiB"},
        {"102400", "100 KiB"},
        {"1048575", "1.0 MiB"},
        {"268435456", "256 MiB"},
        {"9223372036854775807", "8.0 EiB"},
        {"-1", "-"},
        {"1.5", "-"},
        {"\"8\"", "-"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;
        json_t *value = json(rows[i].bytes);

        gn_report_add_bytes(&out, value);
        is_text(&out, rows[i].want);
        json_decref(value);
    }
}

static void spans_are_readable_and_at_most_six_columns(void **state)
{
    static const struct {
        double seconds;
        const char *want;
    } rows[] = {
        {-5, "0.0s"},        {0, "0.0s"},       {4.2, "4.2s"},     {9.94, "9.9s"},
        {9.96, "9s"},        {59.99, "59s"},    {60, "1m00s"},     {750, "12m30s"},
        {3599.9, "59m59s"},  {3600, "1h00m"},   {86399, "23h59m"}, {86400, "1d00h"},
        {8639999, "99d23h"}, {8640000, "100d"}, {1e300, "99999d"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_report_add_span(&out, rows[i].seconds);
        assert_true(out.len <= 6);
        is_text(&out, rows[i].want);
    }
}

static void ages_are_counted_from_now(void **state)
{
    static const struct {
        const char *when, *want;
    } rows[] = {
        {"\"2026-11-21T09:00:00Z\"", "42s"},
        {"\"2026-11-21T10:00:00+01:00\"", "42s"},
        {"\"2030-01-01T00:00:00Z\"", "0.0s"},
        {"\"yesterday\"", "-"},
        {"null", "-"},
        {"7", "-"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;
        json_t *value = json(rows[i].when);

        gn_report_add_age(&out, value, now_ns());
        is_text(&out, rows[i].want);
        json_decref(value);
    }
}

static void counts_fit_their_column(void **state)
{
    static const struct {
        double number;
        unsigned width;
        const char *want;
    } rows[] = {
        {-1, 5, "-"},        {0, 5, "0"},         {99999, 5, "99999"},  {100000, 5, "100k"},
        {999499, 5, "999k"}, {999500, 5, "1.0M"}, {1234567, 5, "1.2M"}, {9.3e18, 5, "9.3E"},
        {2.8e19, 5, "28E"},  {1e6, 9, "1000000"}, {1e9, 9, "1.0G"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_report_add_short_count(&out, rows[i].number, rows[i].width);
        assert_true(out.len <= rows[i].width);
        is_text(&out, rows[i].want);
    }
}

static void texts_are_cut_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
        const char *want;
    } rows[] = {
        {"", 5, ""},
        {"abcde", 5, "abcde"},
        {"abcdef", 5, "ab..."},
        {"\xc3\xa4\xc3\xb6\xc3\xbc", 3, "\xc3\xa4\xc3\xb6\xc3\xbc"},
        {"\xc3\xa4\xe2\x82\xac\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 5, "\xc3\xa4\xe2\x82\xac..."},
        {"abcdef", 3, "..."},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_report_add_cut(&out, gn_str_of(rows[i].text), rows[i].columns);
        is_text(&out, rows[i].want);
    }
}

static void ids_are_shortened_where_they_are_ids(void **state)
{
    static const struct {
        const char *id;
        bool wide;
        const char *want;
    } rows[] = {
        {"\"" ID "\"", false, "6c9e7ab0"},
        {"\"" ID "\"", true, ID},
        {"\"another id\"", false, "another id"},
        {"\"\\u001b[2J\"", false, "\\x1b[2J"},
        {"7", false, "-"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;
        json_t *value = json(rows[i].id);

        gn_report_add_id(&out, value, rows[i].wide);
        is_text(&out, rows[i].want);
        json_decref(value);
    }
}

/* ---- status ---- */

#define IN                                                                                         \
    "\"in\":{\"events\":120,\"rate_10s\":1.2,\"rate_60s\":0.9,\"repeated\":3,\"unparsed\":0,"      \
    "\"quarantined\":1,\"refused\":0,\"unrouted\":0}"
#define OUT                                                                                        \
    "\"out\":{\"delivered\":240,\"rate_10s\":2.4,\"rate_60s\":1.8,\"retries\":7,\"dead\":1,"       \
    "\"expired\":0,\"shed\":0,\"replayed\":0,\"queued\":12,\"in_flight\":1,"                       \
    "\"oldest_undelivered_s\":4.2,\"memory_bytes\":12288,\"shedding\":false}"
#define JOURNAL                                                                                    \
    "\"journal\":{\"durability\":\"journal\",\"bytes\":8388608,\"max_bytes\":268435456,"           \
    "\"refuse_at_bytes\":255013683,\"segments\":1,\"pending_bytes\":0,\"next_sequence\":121,"      \
    "\"durable_next\":121,\"oldest\":\"2026-11-21T08:00:00Z\",\"syncs\":118,\"damaged\":0,"        \
    "\"disk_free_pct\":61.5,\"disk_short\":false,\"failing\":false,\"error\":\"\"}"
#define KEPT                                                                                       \
    "\"deadletters\":{\"count\":1,\"bytes\":4096,\"max_bytes\":16777216,\"dropped\":0},"           \
    "\"quarantine\":{\"count\":1,\"bytes\":8}"
#define SUBSCRIPTION(more)                                                                         \
    "{\"id\":\"" ID "\",\"resource\":\"/cluster/node/n1/redfish/v1/Systems\","                     \
    "\"endpoint\":\"http://127.0.0.1:9000/event\",\"state\":\"up\",\"queued\":12,"                 \
    "\"in_flight\":1,\"oldest_s\":4.2,\"delivered\":120,\"dead\":1,\"expired\":2,\"shed\":3,"      \
    "\"retries\":7,\"last_success\":\"2026-11-21T09:00:00Z\"," more "}"
#define FINE                                                                                       \
    "\"behind\":false,\"last_error\":\"answer 500\",\"last_error_at\":\"2026-11-21T08:59:00Z\","   \
    "\"replaying\":false,\"replayed\":0"
#define BUSY                                                                                       \
    "\"behind\":true,\"last_error\":\"connection refused\","                                       \
    "\"last_error_at\":\"2026-11-21T08:59:00Z\",\"replaying\":true,\"replayed\":17"
#define STATUS(ready, list)                                                                        \
    "{\"version\":\"0.1.0\",\"node\":\"n1\",\"uptime_s\":3601.5," ready "," IN "," OUT "," JOURNAL \
    "," KEPT ",\"subscriptions\":[" list "]}"
#define READY "\"ready\":true,\"checks\":[{\"name\":\"webhook\",\"ok\":true,\"reason\":\"\"}]"

static void shows_status(const char *text, bool wide, const char *want)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *status = json(text);

    gn_report_status(status, now_ns(), wide, &out);
    is_harmless(&out, wide ? SIZE_MAX : GN_REPORT_COLUMNS);
    is_text(&out, want);
    json_decref(status);
}

static void the_status_is_one_screen(void **state)
{
    (void)state;
    shows_status(
        STATUS(READY, SUBSCRIPTION(FINE)), false,
        "gurnardd      0.1.0, node n1, up 1h00m, ready\n"
        "in            120 events, 1.2/s (last minute 0.9/s), 3 repeated, 1 quarantined\n"
        "out           240 delivered, 2.4/s (last minute 1.8/s), 7 tried again\n"
        "waiting       12 queued, 1 in flight, oldest 4.2s, 12.0 KiB of memory\n"
        "journal       8.0 MiB of 256 MiB (3 %), reserve 12.8 MiB, oldest 1h00m, 1 segment, disk "
        "62 % free\n"
        "dead letters  1, 4.0 KiB of 16.0 MiB (0 %)\n"
        "quarantine    1 body, 8 B\n"
        "given up      1 dead, 0 expired, 0 shed\n"
        "\n"
        "SUBSCR    STATE   QUEUED  FLYING  OLDEST  DELIVERED   LOST  LAST OK  LAST ERROR\n"
        "6c9e7ab0  up          12       1    4.2s        120      6      42s  1m42s ago: answer "
        "500\n");
}

static void a_wide_status_has_ids_errors_resources_and_endpoints_whole(void **state)
{
    static const char *const wanted[] = {
        ID "  up ",
        "behind; replaying 17; 1m42s ago: connection refused\n",
        "\n  /cluster/node/n1/redfish/v1/Systems to http://127.0.0.1:9000/event\n",
    };
    struct gn_buf out = GN_BUF_INIT;
    json_t *status = json(STATUS(READY, SUBSCRIPTION(BUSY)));

    (void)state;
    gn_report_status(status, now_ns(), true, &out);
    for (size_t i = 0; i < GN_LEN(wanted); i++)
        assert_non_null(strstr(out.data, wanted[i]));
    gn_buf_reset(&out);
    gn_report_status(status, now_ns(), false, &out);
    is_harmless(&out, GN_REPORT_COLUMNS);
    assert_non_null(strstr(out.data, "  behind; replaying 17; 1m42s ...\n"));
    json_decref(status);
    gn_buf_free(&out);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *status, *want;
    } rows[] = {
        {"{\"ready\":false,\"checks\":[{\"name\":\"webhook\",\"ok\":true},{\"name\":\"store\","
         "\"ok\":false,\"reason\":\"disk full\"},{\"name\":\"shutdown\",\"ok\":false,\"reason\":"
         "\"stopping\"}]}",
         ", not ready, store: disk full, shutdown: stopping\n"},
        {"{\"journal\":{\"failing\":true,\"error\":\"I/O error\"}}", "failing: I/O error, "},
        {"{\"journal\":{\"disk_short\":true}}", "the disk is short of room, "},
        {"{\"journal\":{\"damaged\":2}}", "2 damaged, "},
        {"{\"journal\":{\"durability\":\"memory\"}}", "journal       durability memory, "},
        {"{\"journal\":{\"pending_bytes\":2048}}", ", 2.0 KiB not yet on disk\n"},
        {"{\"out\":{\"shed\":7,\"shedding\":true}}", ", 7 shed, shedding now\n"},
        {"{\"deadletters\":{\"dropped\":4}}", ", 4 dropped for want of room\n"},
        {"{\"in\":{\"refused\":5,\"unrouted\":6,\"unparsed\":8}}",
         "8 unparsed, 5 refused, 6 unrouted\n"},
        {"{\"subscriptions\":[]}", "\nno subscriptions\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;
        json_t *status = json(rows[i].status);

        gn_report_status(status, now_ns(), false, &out);
        is_harmless(&out, GN_REPORT_COLUMNS);
        if (strstr(out.data, rows[i].want) == NULL)
            fail_msg("%s is not in:\n%s", rows[i].want, out.data);
        json_decref(status);
        gn_buf_free(&out);
    }
}

static void what_is_missing_is_a_dash(void **state)
{
    static const char *const texts[] = {"{}", "[]", "7", "null", "{\"in\":[],\"out\":\"x\"}"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++)
        shows_status(texts[i], false,
                     "gurnardd      -, node -, up -, not ready\n"
                     "in            - events, - (last minute -)\n"
                     "out           - delivered, - (last minute -)\n"
                     "waiting       - queued, - in flight, oldest -, - of memory\n"
                     "journal       - of -, oldest -, - segments\n"
                     "dead letters  -, - of -\n"
                     "quarantine    - bodies, -\n"
                     "given up      - dead, - expired, - shed\n"
                     "\n"
                     "no subscriptions\n");
    shows_status("{\"subscriptions\":[7]}", false,
                 "gurnardd      -, node -, up -, not ready\n"
                 "in            - events, - (last minute -)\n"
                 "out           - delivered, - (last minute -)\n"
                 "waiting       - queued, - in flight, oldest -, - of memory\n"
                 "journal       - of -, oldest -, - segments\n"
                 "dead letters  -, - of -\n"
                 "quarantine    - bodies, -\n"
                 "given up      - dead, - expired, - shed\n"
                 "\n"
                 "SUBSCR    STATE   QUEUED  FLYING  OLDEST  DELIVERED   LOST  LAST OK  LAST ERROR\n"
                 "-         -            -       -       -          -      -        -\n");
}

/* Each text is put into every place that shows one, each number into every place for those. */
static void hostile_values_neither_reach_the_terminal_nor_break_the_screen(void **state)
{
    static const char *const texts[] = {
        "\"\\u001b[2J\\n\\r\\t\\u0000\\u007f\\u009b\"",
        "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
        "\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"",
        "{}",
    };
    static const char *const numbers[] = {"9223372036854775807", "-9223372036854775808", "1e308",
                                          "-1e308"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++)
        for (size_t k = 0; k < GN_LEN(numbers); k++) {
            const char *t = texts[i], *n = numbers[k];
            struct gn_buf text = GN_BUF_INIT, out = GN_BUF_INIT;
            json_t *status;

            gn_buf_printf(&text,
                          "{\"version\":%s,\"node\":%s,\"uptime_s\":%s,\"ready\":false,\"checks\":"
                          "[{\"name\":%s,\"reason\":%s}],\"in\":{\"events\":%s,\"rate_10s\":%s,"
                          "\"refused\":%s},\"out\":{\"delivered\":%s,\"retries\":%s,\"queued\":%s,"
                          "\"in_flight\":%s,\"oldest_undelivered_s\":%s,\"memory_bytes\":%s},",
                          t, t, n, t, t, n, n, n, n, n, n, n, n, n);
            gn_buf_printf(&text,
                          "\"journal\":{\"durability\":%s,\"bytes\":%s,\"max_bytes\":%s,"
                          "\"refuse_at_bytes\":%s,\"segments\":%s,\"oldest\":%s,\"failing\":true,"
                          "\"error\":%s,\"disk_free_pct\":%s,\"pending_bytes\":%s},"
                          "\"deadletters\":{\"count\":%s,\"bytes\":%s,\"max_bytes\":1},",
                          t, n, n, n, n, t, t, n, n, n, n);
            gn_buf_printf(
                &text,
                "\"subscriptions\":[{\"id\":%s,\"state\":%s,\"queued\":%s,\"in_flight\":%s,"
                "\"oldest_s\":%s,\"delivered\":%s,\"dead\":%s,\"expired\":%s,\"shed\":%s,"
                "\"last_success\":%s,\"last_error\":%s,\"last_error_at\":%s,"
                "\"replaying\":true,\"replayed\":%s,\"resource\":%s,\"endpoint\":%s}]}",
                t, t, n, n, n, n, n, n, n, t, t, t, n, t, t);
            assert_int_equal(gn_buf_err(&text), GN_OK);
            status = json(text.data);
            gn_report_status(status, now_ns(), false, &out);
            is_harmless(&out, GN_REPORT_COLUMNS);
            gn_buf_reset(&out);
            gn_report_status(status, now_ns(), true, &out);
            is_harmless(&out, SIZE_MAX);
            json_decref(status);
            gn_buf_free(&text);
            gn_buf_free(&out);
        }
}

/* ---- the others ---- */

static void with_now(void (*report)(const json_t *, int64_t, struct gn_buf *), const char *text,
                     const char *want)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *value = json(text);

    report(value, now_ns(), &out);
    is_harmless(&out, SIZE_MAX);
    is_text(&out, want);
    json_decref(value);
}

static void a_replay_says_what_is_sent_and_what_is_not_stored_any_more(void **state)
{
#define AGREED(more)                                                                               \
    "{\"subscription\":\"" ID "\",\"since\":\"2026-11-21T08:00:00Z\","                             \
    "\"until\":\"2026-11-21T09:00:00Z\"," more "}"
#define LINE "replaying to " ID " what came from 2026-11-21T08:00:00Z until 2026-11-21T09:00:00Z\n"
    static const struct {
        const char *answer, *want;
    } rows[] = {
        {AGREED("\"available_from\":\"2026-11-20T12:31:07Z\",\"complete\":true"), LINE},
        {AGREED("\"available_from\":\"2026-11-21T08:31:07Z\",\"complete\":false"),
         LINE "what came before 2026-11-21T08:31:07Z is not stored any more\n"},
        {AGREED("\"available_from\":null,\"complete\":false"), LINE "nothing is stored\n"},
        {"{\"subscription\":\"\\u001b\"}", "replaying to \\x1b what came from - until -\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;
        json_t *answer = json(rows[i].answer);

        gn_report_replay(answer, &out);
        is_text(&out, rows[i].want);
        json_decref(answer);
    }
}

static void dead_letters_are_a_table(void **state)
{
    (void)state;
    with_now(gn_report_deadletters,
             "{\"count\":3,\"items\":[{\"number\":7,\"subscription\":\"" ID "\",\"event\":\"" ID
             "\",\"status\":400,\"attempts\":3,\"last\":\"2026-11-21T09:00:00Z\",\"bytes\":1204},"
             "{\"number\":123456789012,\"status\":0,\"last\":null}]}",
             "  NUMBER  SUBSCRIPTION                          EVENT        AGE  STATUS  TRIES      "
             "SIZE\n"
             "       7  " ID "  6c9e7ab0     42s     400      3   1.2 KiB\n"
             "123456789012  -                                     -              -       -      -  "
             "       -\n"
             "2 of 3 kept; --limit and --after show others\n");
    with_now(gn_report_deadletters, "{\"count\":0,\"items\":[]}", "no dead letters\n");
    with_now(gn_report_deadletters, "{\"count\":2,\"items\":[]}",
             "no dead letters\n0 of 2 kept; --limit and --after show others\n");
}

static void a_dead_letter_is_shown_with_its_event(void **state)
{
    (void)state;
    with_now(gn_report_deadletter,
             "{\"number\":7,\"subscription\":\"" ID "\",\"event\":\"" ID "\",\"status\":400,"
             "\"attempts\":3,\"first\":\"2026-11-21T08:00:42Z\",\"last\":\"2026-11-21T09:00:00Z\","
             "\"bytes\":1204,\"endpoint\":\"http://127.0.0.1/\",\"error\":\"answer 400\","
             "\"answer\":\"no\\nthanks\",\"source\":\"bmc-1\",\"body\":{\"b\":1,\"a\":[\"x\\u007f"
             "\\u001b\"]}}",
             "number        7\n"
             "subscription  " ID "\n"
             "endpoint      http://127.0.0.1/\n"
             "event         " ID "\n"
             "source        bmc-1\n"
             "arrived       2026-11-21T08:00:42Z (1h00m ago)\n"
             "last tried    2026-11-21T09:00:00Z (42s ago)\n"
             "attempts      3\n"
             "status        400\n"
             "error         answer 400\n"
             "answer        no\\x0athanks\n"
             "size          1.2 KiB\n"
             "\n"
             "{\n  \"b\": 1,\n  \"a\": [\n    \"x\\x7f\\u001B\"\n  ]\n}\n");
}

static void quarantine_is_a_table(void **state)
{
    (void)state;
    with_now(gn_report_quarantine,
             "{\"count\":3,\"bytes\":8,\"items\":[{\"name\":\"1795251600000000000-0\",\"bytes\":8},"
             "{\"name\":\"\\u001bx\",\"bytes\":null}]}",
             "NAME                         AGE      SIZE\n"
             "1795251600000000000-0        42s       8 B\n"
             "\\x1bx                          -         -\n"
             "2 of 3 kept; --limit shows more\n");
    with_now(gn_report_quarantine, "{}", "nothing in quarantine\n");
    with_now(
        gn_report_quarantined,
        "{\"name\":\"1763712000000000000-0\",\"bytes\":8,\"received\":\"2026-11-21T09:00:00Z\","
        "\"source\":\"10.0.0.1\",\"reason\":\"not \\u009bJSON\"}",
        "name          1763712000000000000-0\n"
        "received      2026-11-21T09:00:00Z (42s ago)\n"
        "source        10.0.0.1\n"
        "reason        not \\x9bJSON\n"
        "size          8 B\n");
}

static void a_body_is_shown_as_it_is_only_if_it_is_text(void **state)
{
    static const struct {
        struct gn_str body;
        const char *want;
    } rows[] = {
        {GN_STR_INIT(""), ""},
        {GN_STR_INIT("{\"a\":\t1}\r\nx\xc3\xa9"), "{\"a\":\t1}\r\nx\xc3\xa9\n"},
        {GN_STR_INIT("line\n"), "line\n"},
        {GN_STR_INIT("over\rwritten"),
         "00000000  6f 76 65 72 0d 77 72 69  74 74 65 6e              |over.written|\n"},
        {GN_STR_INIT("\033[2J"),
         "00000000  1b 5b 32 4a                                       |.[2J|\n"},
        {GN_STR_INIT("\xc2\x9b"),
         "00000000  c2 9b                                             |..|\n"},
        {GN_STR_INIT("a\0b"),
         "00000000  61 00 62                                          |a.b|\n"},
        {GN_STR_INIT("0123456789abcdef\xff"),
         "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
         "00000010  ff                                                |.|\n"},
        {GN_STR_INIT("end\r"),
         "00000000  65 6e 64 0d                                       |end.|\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_report_body(rows[i].body, &out);
        is_text(&out, rows[i].want);
    }
}

#include "report_bmcs.h"

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_readable),
        cmocka_unit_test(spans_are_readable_and_at_most_six_columns),
        cmocka_unit_test(ages_are_counted_from_now),
        cmocka_unit_test(counts_fit_their_column),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(ids_are_shortened_where_they_are_ids),
        cmocka_unit_test(the_status_is_one_screen),
        cmocka_unit_test(a_wide_status_has_ids_errors_resources_and_endpoints_whole),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(what_is_missing_is_a_dash),
        cmocka_unit_test(hostile_values_neither_reach_the_terminal_nor_break_the_screen),
        cmocka_unit_test(a_replay_says_what_is_sent_and_what_is_not_stored_any_more),
        cmocka_unit_test(dead_letters_are_a_table),
        cmocka_unit_test(a_dead_letter_is_shown_with_its_event),
        cmocka_unit_test(quarantine_is_a_table),
        cmocka_unit_test(a_body_is_shown_as_it_is_only_if_it_is_text),
        cmocka_unit_test(bmcs_are_a_table_as_wide_as_what_is_in_it),
        cmocka_unit_test(bmcs_whose_certificates_are_not_looked_at_are_counted),
        cmocka_unit_test(long_texts_of_bmcs_are_cut_unless_wide),
        cmocka_unit_test(a_long_name_is_whole_and_leaves_room_for_the_reason),
        cmocka_unit_test(alarms_are_a_table_with_short_ids),
        cmocka_unit_test(of_a_bmc_all_is_shown_that_is_known),
        cmocka_unit_test(the_status_has_bmcs_and_alarms_where_there_are_any),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
