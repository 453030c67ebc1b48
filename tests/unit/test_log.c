/* Unit tests of the logger. Lines are caught by a socket that keeps each write apart. */
#include "gurnard/base/log.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"

#define TIME_PATTERN "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"
#define TIME_LEN     24 /* of what the pattern matches */

static int ends[2] = {-1, -1}; /* where the logger writes, where the test reads */
static char line[2 * GN_LOG_LINE_MAX];

static int catch_lines(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

static int let_lines_go(void **state)
{
    (void)state;
    gn_log_init(GN_LOG_INFO, GN_LOG_TEXT, STDERR_FILENO);
    return close(ends[0]) + close(ends[1]);
}

static void start(enum gn_log_level level, enum gn_log_format format)
{
    gn_log_init(level, format, ends[0]);
}

/* Reads the next line; false when there is none. Checks what holds for every line. */
static bool next_line(void)
{
    const ssize_t len = read(ends[1], line, sizeof line - 1);

    if (len < 0) {
        assert_int_equal(errno, EAGAIN);
        return false;
    }
    line[len] = '\0';
    assert_true(len <= GN_LOG_LINE_MAX);
    assert_int_equal(strlen(line), len);
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
    assert_true(gn_text_is_utf8(gn_str_of(line)));
    return true;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t compiled;
    int result;

    assert_int_equal(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    result = regexec(&compiled, text, 0, NULL, 0);
    regfree(&compiled);
    return result == 0;
}

/* Expects one text line: time, a blank, then want. */
static void expect_text(const char *want)
{
    assert_true(next_line());
    assert_true(matches(line, "^" TIME_PATTERN " "));
    line[strlen(line) - 1] = '\0';
    assert_string_equal(line + TIME_LEN + 1, want);
    assert_false(next_line());
}

/* Expects one JSON line: the time's member, then want. */
static void expect_json(const char *want)
{
    static const struct gn_json_limits limits = {.max_bytes = GN_LOG_LINE_MAX,
                                                 .max_depth = 1,
                                                 .max_tokens = 1000};

    assert_true(next_line());
    assert_true(matches(line, "^\\{\"time\":\"" TIME_PATTERN "\",\"level\":\""));
    assert_int_equal(gn_json_check(gn_str_of(line), &limits), GN_OK);
    line[strlen(line) - 1] = '\0';
    assert_string_equal(line + strlen("{\"time\":\"\",") + TIME_LEN, want);
    assert_false(next_line());
}

static void a_text_line_has_time_level_event_and_fields(void **state)
{
    (void)state;
    start(GN_LOG_DEBUG, GN_LOG_TEXT);
    gn_log_info("listen.ready port=%d path=%s", 9087, "/webhook");
    expect_text("info listen.ready port=9087 path=/webhook");
    gn_log_error("start.failed");
    expect_text("error start.failed");
}

static void a_json_line_has_time_level_event_and_members(void **state)
{
    (void)state;
    start(GN_LOG_DEBUG, GN_LOG_JSON);
    gn_log_warn("sink.down sink=%s attempts=%u share=%.2f code=%x", "http://x/", 3u, 0.5, 255u);
    expect_json("\"level\":\"warn\",\"event\":\"sink.down\",\"sink\":\"http://x/\",\"attempts\":3,"
                "\"share\":0.50,\"code\":\"ff\"}");
    gn_log_debug("event.done");
    expect_json("\"level\":\"debug\",\"event\":\"event.done\"}");
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    start(GN_LOG_WARN, GN_LOG_TEXT);
    assert_int_equal(gn_log_level(), GN_LOG_WARN);
    gn_log_debug("a.b");
    gn_log_info("a.b");
    assert_false(next_line());
    gn_log_warn("a.b");
    expect_text("warn a.b");
    start(GN_LOG_DEBUG, GN_LOG_TEXT);
    gn_log_debug("a.b");
    expect_text("debug a.b");
}

static void integers_of_every_size_are_fetched_right(void **state)
{
    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    gn_log_info("n.s d=%d i=%i hh=%hhd h=%hd l=%ld ll=%lld z=%zd j=%jd t=%td", INT_MIN, -1,
                (signed char)-128, (short)-32768, LONG_MIN, LLONG_MIN, (ssize_t)-2, INTMAX_MIN,
                PTRDIFF_MIN);
    expect_text("info n.s d=-2147483648 i=-1 hh=-128 h=-32768 l=-9223372036854775808 "
                "ll=-9223372036854775808 z=-2 j=-9223372036854775808 t=-9223372036854775808");
    gn_log_info("n.u u=%u hh=%hhu h=%hu l=%lu ll=%llu z=%zu j=%ju x=%x llx=%llx", UINT_MAX,
                (unsigned char)255, (unsigned short)65535, ULONG_MAX, ULLONG_MAX, SIZE_MAX,
                UINTMAX_MAX, 0xBEEFu, ULLONG_MAX);
    expect_text("info n.u u=4294967295 hh=255 h=65535 l=18446744073709551615 "
                "ll=18446744073709551615 z=18446744073709551615 j=18446744073709551615 x=beef "
                "llx=ffffffffffffffff");
}

static void strings_characters_and_floats_are_fetched_right(void **state)
{
    const char *volatile none = NULL; /* the compiler must not see that it is NULL */

    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    gn_log_info("s.s a=%.*s b=%.*s c=%.2s d=%c e=%s f=%s", 3, "abcdef", 0, none, "xyz", 'q', "",
                none);
    expect_text("info s.s a=abc b=\"\" c=xy d=q e=\"\" f=\"\"");
    gn_log_info("f.s g=%g f=%f p=%.1f q=%.3g big=%g", 0.25, 1.5, 2.25, 12345.0, 1e300);
    expect_text("info f.s g=0.25 f=1.500000 p=2.2 q=1.23e+04 big=1e+300");
}

static void floats_that_json_has_no_number_for_are_quoted(void **state)
{
    (void)state;
    start(GN_LOG_INFO, GN_LOG_JSON);
    gn_log_info("f.s a=%g b=%g", (double)NAN, (double)INFINITY);
    expect_json("\"level\":\"info\",\"event\":\"f.s\",\"a\":\"nan\",\"b\":\"inf\"}");
}

static void literal_text_stands_in_values(void **state)
{
    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    gn_log_info("j.s size=%zuKiB why=none at=%s:%d full=%d%%", (size_t)4, "host", 80, 7);
    expect_text("info j.s size=4KiB why=none at=host:80 full=7%");
    start(GN_LOG_INFO, GN_LOG_JSON);
    gn_log_info("j.s size=%zuKiB n=7", (size_t)4);
    expect_json("\"level\":\"info\",\"event\":\"j.s\",\"size\":\"4KiB\",\"n\":\"7\"}");
}

static void quotes_in_the_format_hold_blanks_together(void **state)
{
    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    gn_log_info("r.s reason=\"%s at %d\" next=%s plain=\"%s\"", "no \"x\"", 5, "n", "word");
    expect_text("info r.s reason=\"no \\\"x\\\" at 5\" next=n plain=word");
}

static void values_are_quoted_only_where_they_must(void **state)
{
    static const struct {
        const char *value, *text, *json;
    } rows[] = {
        {"a/b:c-d.e,f{g}", "a/b:c-d.e,f{g}", "\"a/b:c-d.e,f{g}\""},
        {"a b", "\"a b\"", "\"a b\""},
        {"a=b", "\"a=b\"", "\"a=b\""},
        {"a\"b", "\"a\\\"b\"", "\"a\\\"b\""},
        {"a\\b", "\"a\\\\b\"", "\"a\\\\b\""},
        {"x\ninfo fake.line k=v", "\"x\\ninfo fake.line k=v\"", "\"x\\ninfo fake.line k=v\""},
        {"\r\t", "\"\\r\\t\"", "\"\\r\\t\""},
        {"\x1B[31m", "\"\\u001b[31m\"", "\"\\u001b[31m\""},
        {"\x7F", "\"\\u007f\"", "\"\\u007f\""},
        {"\xC2\x9B", "\"\\u009b\"", "\"\\u009b\""},
        {"\xE2\x80\xA8", "\"\\u2028\"", "\"\\u2028\""},
        {"\xE2\x80\xAE", "\"\\u202e\"", "\"\\u202e\""},
        {"\xC3\xA9", "\"\xC3\xA9\"", "\"\xC3\xA9\""},
        {"\xF0\x9F\x94\xA5", "\"\xF0\x9F\x94\xA5\"", "\"\xF0\x9F\x94\xA5\""},
        {"a\xFFz", "\"a\\xffz\"", "\"a\\ufffdz\""},
        {"\xC3", "\"\\xc3\"", "\"\\ufffd\""},
        {"", "\"\"", "\"\""},
        {"12", "12", "\"12\""},
        {"%s%n", "%s%n", "\"%s%n\""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char want[256];

        start(GN_LOG_INFO, GN_LOG_TEXT);
        gn_log_info("q.s v=%s end=1", rows[i].value);
        (void)snprintf(want, sizeof want, "info q.s v=%s end=1", rows[i].text);
        expect_text(want);
        start(GN_LOG_INFO, GN_LOG_JSON);
        gn_log_info("q.s v=%s", rows[i].value);
        (void)snprintf(want, sizeof want, "\"level\":\"info\",\"event\":\"q.s\",\"v\":%s}",
                       rows[i].json);
        expect_json(want);
    }
}

static void an_event_from_outside_is_quoted_as_well(void **state)
{
    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    gn_log_info("%s", "a\nb");
    expect_text("info \"a\\nb\"");
}

static void words_without_a_key_become_notes(void **state)
{
    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    gn_log_info("w.s  ready  k=%d %s", 1, "x y");
    expect_text("info w.s note=ready k=1 note=\"x y\"");
}

static void long_values_are_cut_between_characters(void **state)
{
    char value[1000], want[400];

    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    memset(value, 'a', sizeof value);
    gn_log_info("c.s v=%.*s w=1", GN_LOG_FIELD_MAX, value);
    (void)snprintf(want, sizeof want, "info c.s v=%.*s w=1", GN_LOG_FIELD_MAX, value);
    expect_text(want);
    gn_log_info("c.s v=%.*s w=1", GN_LOG_FIELD_MAX + 1, value);
    (void)snprintf(want, sizeof want, "info c.s v=%.*s... w=1", GN_LOG_FIELD_MAX - 3, value);
    expect_text(want);
    memcpy(value + GN_LOG_FIELD_MAX - 4, "\xE2\x82\xAC", 3);
    gn_log_info("c.s v=%.*s w=1", (int)sizeof value, value);
    (void)snprintf(want, sizeof want, "info c.s v=%.*s... w=1", GN_LOG_FIELD_MAX - 4, value);
    expect_text(want);
}

static void long_lines_are_cut_between_fields(void **state)
{
    char wild[GN_LOG_FIELD_MAX + 1];

    (void)state;
    memset(wild, '\x01', GN_LOG_FIELD_MAX);
    wild[GN_LOG_FIELD_MAX] = '\0';
    start(GN_LOG_INFO, GN_LOG_TEXT);
    gn_log_info("l.s a=%s b=%s c=1", wild, wild);
    assert_true(next_line());
    assert_true(matches(line, "^[^ ]+ info l\\.s a=\"(\\\\u0001)+\" cut=true\n$"));
    start(GN_LOG_INFO, GN_LOG_JSON);
    gn_log_info("l.s a=%s b=%s c=1", wild, wild);
    assert_true(next_line());
    assert_true(matches(line, "\"event\":\"l\\.s\",\"a\":\"(\\\\u0001)+\",\"cut\":true\\}\n$"));
    gn_log_info("%s", wild);
    assert_true(next_line());
    assert_false(next_line());
}

static void errno_is_kept_and_a_dead_reader_does_no_harm(void **state)
{
    int dead[2];

    (void)state;
    assert_int_equal(pipe(dead), 0);
    assert_int_equal(close(dead[0]) + close(dead[1]), 0);
    gn_log_init(GN_LOG_INFO, GN_LOG_TEXT, dead[1]);
    errno = ENOENT;
    gn_log_info("e.s");
    assert_int_equal(errno, ENOENT);
}

/* Reached through a pointer, for the compiler would refuse the conversion that the test is about.
 */
static void an_unknown_conversion_ends_the_line(void **state)
{
    void (*volatile write_raw)(enum gn_log_level, const char *, ...) = gn_log_write;

    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    write_raw(GN_LOG_INFO, "u.s a=%d b=%Q c=%s", 1, 2, 3);
    expect_text("info u.s a=1 b=?");
    write_raw(GN_LOG_INFO, "u.s a=%");
    expect_text("info u.s a=?");
}

static void level_names_are_read_in_any_case(void **state)
{
    static const struct {
        const char *name;
        enum gn_err want;
        enum gn_log_level level;
    } rows[] = {
        {"debug", GN_OK, GN_LOG_DEBUG},    {"DEBUG", GN_OK, GN_LOG_DEBUG},
        {"trace", GN_OK, GN_LOG_DEBUG},    {"Info", GN_OK, GN_LOG_INFO},
        {"warn", GN_OK, GN_LOG_WARN},      {"WARNING", GN_OK, GN_LOG_WARN},
        {"error", GN_OK, GN_LOG_ERROR},    {"fatal", GN_OK, GN_LOG_ERROR},
        {"panic", GN_OK, GN_LOG_ERROR},    {"", GN_EINVAL, GN_LOG_INFO},
        {"warns", GN_EINVAL, GN_LOG_INFO}, {"loud", GN_EINVAL, GN_LOG_INFO},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        enum gn_log_level level = GN_LOG_INFO;

        assert_int_equal(gn_log_level_parse(rows[i].name, &level), rows[i].want);
        assert_int_equal(level, rows[i].level);
    }
}

static void repeated_lines_are_held_back_for_a_second(void **state)
{
    static const struct {
        uint64_t now_ms;
        bool want;
        uint64_t held;
    } rows[] = {
        {5000, true, 0},  {5000, false, 0}, {5999, false, 0}, {6000, true, 2},
        {6500, false, 0}, {9000, true, 1},  {20000, true, 0},
    };
    struct gn_log_limit limit = {0};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        uint64_t held = 0;

        assert_int_equal(gn_log_allow(&limit, rows[i].now_ms, &held), rows[i].want);
        assert_int_equal(held, rows[i].held);
    }
}

#define THREAD_LINES 50

static void *log_some(void *ctx)
{
    for (int i = 0; i < THREAD_LINES; i++)
        gn_log_info("t.s who=%s i=%d", (const char *)ctx, i);
    return NULL;
}

static void lines_of_several_threads_stay_whole(void **state)
{
    char names[2][8] = {"one", "two"};
    pthread_t threads[2];
    int count = 0;

    (void)state;
    start(GN_LOG_INFO, GN_LOG_TEXT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_some, names[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (; next_line(); count++)
        assert_true(matches(line, "^" TIME_PATTERN " info t\\.s who=(one|two) i=[0-9]+\n$"));
    assert_int_equal(count, 2 * THREAD_LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_has_time_level_event_and_fields),
        cmocka_unit_test(a_json_line_has_time_level_event_and_members),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(integers_of_every_size_are_fetched_right),
        cmocka_unit_test(strings_characters_and_floats_are_fetched_right),
        cmocka_unit_test(floats_that_json_has_no_number_for_are_quoted),
        cmocka_unit_test(literal_text_stands_in_values),
        cmocka_unit_test(quotes_in_the_format_hold_blanks_together),
        cmocka_unit_test(values_are_quoted_only_where_they_must),
        cmocka_unit_test(an_event_from_outside_is_quoted_as_well),
        cmocka_unit_test(words_without_a_key_become_notes),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(long_lines_are_cut_between_fields),
        cmocka_unit_test(errno_is_kept_and_a_dead_reader_does_no_harm),
        cmocka_unit_test(an_unknown_conversion_ends_the_line),
        cmocka_unit_test(level_names_are_read_in_any_case),
        cmocka_unit_test(repeated_lines_are_held_back_for_a_second),
        cmocka_unit_test(lines_of_several_threads_stay_whole),
    };

    return cmocka_run_group_tests(tests, catch_lines, let_lines_go);
}
