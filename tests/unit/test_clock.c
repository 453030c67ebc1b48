/* Clocks and time texts. */
#include "gurnard/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NS INT64_C(1000000000)

static void the_monotonic_clock_does_not_go_back(void **state)
{
    uint64_t us = gn_clock_mono_us();

    (void)state;
    assert_true(us > 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t next = gn_clock_mono_us();

        assert_true(next >= us);
        us = next;
    }
    assert_true(gn_clock_mono_ms() >= us / 1000);
}

static void the_real_clock_is_past_the_day_this_was_written(void **state)
{
    (void)state;
    assert_true(gn_clock_real_ns() > INT64_C(1700000000) * NS);
}

static void times_are_written_as_go_writes_them(void **state)
{
    static const struct {
        int64_t ns;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {-NS, "1969-12-31T23:59:59Z"},
        {100000000, "1970-01-01T00:00:00.1Z"},
        {120000, "1970-01-01T00:00:00.00012Z"},
        {86399 * NS, "1970-01-01T23:59:59Z"},
        {86400 * NS, "1970-01-02T00:00:00Z"},
        {-86400 * NS, "1969-12-31T00:00:00Z"},
        {-86401 * NS, "1969-12-30T23:59:59Z"},
        {951782399 * NS, "2000-02-28T23:59:59Z"},
        {951782400 * NS, "2000-02-29T00:00:00Z"},
        {951868800 * NS, "2000-03-01T00:00:00Z"},
        {978220800 * NS, "2000-12-31T00:00:00Z"},
        {1709164800 * NS, "2024-02-29T00:00:00Z"},
        {INT64_C(4107542400) * NS, "2100-03-01T00:00:00Z"},
        {1795232970 * NS + 136201331, "2026-11-21T03:49:30.136201331Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    char text[GN_TIME_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_time_format(rows[i].ns, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void what_was_written_is_read_back(void **state)
{
    char text[GN_TIME_TEXT_MAX];
    int64_t back;

    (void)state;
    /* some 1500 times over the whole range, on ever other days and fractions */
    for (int64_t ns = INT64_MIN + NS; ns < INT64_MAX - INT64_C(12345678987654321);
         ns += INT64_C(12345678987654321)) {
        gn_time_format(ns, text);
        assert_int_equal(gn_time_parse(gn_str_of(text), &back), GN_OK);
        assert_true(back == ns);
        assert_int_equal(gn_time_parse_bmc(gn_str_of(text), &back), GN_OK);
        assert_true(back == ns);
    }
}

static void every_day_of_four_centuries_follows_the_one_before(void **state)
{
    int64_t day = -INT64_C(106751) * 86400 * NS;
    char text[GN_TIME_TEXT_MAX], before[GN_TIME_TEXT_MAX] = "";
    int64_t back;

    (void)state;
    for (int i = 0; i < 2 * 106751; i++, day += 86400 * NS) {
        gn_time_format(day, text);
        assert_true(strcmp(text, before) > 0);
        assert_int_equal(gn_time_parse(gn_str_of(text), &back), GN_OK);
        assert_true(back == day);
        memcpy(before, text, sizeof before);
    }
}

static void rfc_3339_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00+00:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T19:00:00-05:00", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"1970-01-01T00:00:00.5Z", 500000000},
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"1970-01-01T00:00:00.0000000019999999999999Z", 1},
        {"1969-12-31T23:59:59.25Z", -750000000},
        {"2000-02-29T00:00:00Z", 951782400 * NS},
        {"2016-12-31T23:59:60Z", 1483228800 * NS},
        {"2016-12-31T18:59:60-05:00", 1483228800 * NS},
        {"2026-11-21T03:49:30.136201331Z", 1795232970 * NS + 136201331},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        int64_t ns = 7;

        assert_int_equal(gn_time_parse(gn_str_of(rows[i].text), &ns), GN_OK);
        assert_true(ns == rows[i].ns);
        ns = 7;
        assert_int_equal(gn_time_parse_bmc(gn_str_of(rows[i].text), &ns), GN_OK);
        assert_true(ns == rows[i].ns);
    }
}

static void what_bmcs_write_is_read_but_is_not_rfc_3339(void **state)
{
    static const struct {
        const char *text;
        int64_t s;
    } rows[] = {
        {"2020-11-14T17:15:06-0500", 1605392106}, /* iDRAC 8 */
        {"2020-11-14T17:15:06+0530", 1605354306}, {"2020-11-14T17:15:06+00", 1605374106},
        {"2020-11-14T17:15:06-05", 1605392106},   {"2020-11-14T17:15:06", 1605374106},
        {"2020-11-14 17:15:06Z", 1605374106},     {"2020-11-14 17:15:06", 1605374106},
        {"2020-11-14t17:15:06z", 1605374106},     {"2020-11-14T17:15:06.000-0500", 1605392106},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        int64_t ns = 7;

        assert_int_equal(gn_time_parse(gn_str_of(rows[i].text), &ns), GN_EPARSE);
        assert_true(ns == 7);
        assert_int_equal(gn_time_parse_bmc(gn_str_of(rows[i].text), &ns), GN_OK);
        assert_true(ns == rows[i].s * NS);
    }
}

static void what_is_no_time_is_refused_by_both(void **state)
{
    static const struct gn_str rows[] = {
        {NULL, 0},
        GN_STR_INIT(""),
        GN_STR_INIT("now"),
        GN_STR_INIT("0000-00-00T00:00:00Z"), /* iLO 5 without a clock */
        GN_STR_INIT("0000-00-00T00:00:00+00:00"),
        GN_STR_INIT("2020-11-14"),
        GN_STR_INIT("2020-11-14T"),
        GN_STR_INIT("2020-11-14T17:15"),
        GN_STR_INIT("2020-11-14T17:15Z"),
        GN_STR_INIT("2020-11-14X17:15:06Z"),
        GN_STR_INIT("2020-00-14T17:15:06Z"),
        GN_STR_INIT("2020-13-14T17:15:06Z"),
        GN_STR_INIT("2020-11-00T17:15:06Z"),
        GN_STR_INIT("2020-11-31T17:15:06Z"),
        GN_STR_INIT("2021-02-29T00:00:00Z"),
        GN_STR_INIT("2100-02-29T00:00:00Z"),
        GN_STR_INIT("2020-11-14T24:00:00Z"),
        GN_STR_INIT("2020-11-14T17:60:00Z"),
        GN_STR_INIT("2020-11-14T17:15:60Z"),
        GN_STR_INIT("2020-11-14T23:59:61Z"),
        GN_STR_INIT("2020-11-14T23:59:60-05:00"),
        GN_STR_INIT("2020-11-14T17:15:06.Z"),
        GN_STR_INIT("2020-11-14T17:15:06,5Z"),
        GN_STR_INIT("2020-11-14T17:15:06.5.5Z"),
        GN_STR_INIT("2020-11-14T17:15:06ZZ"),
        GN_STR_INIT("2020-11-14T17:15:06Z "),
        GN_STR_INIT(" 2020-11-14T17:15:06Z"),
        GN_STR_INIT("2020-11-14T17:15:06 Z"),
        GN_STR_INIT("2020-11-14T17:15:06Z\0"),
        GN_STR_INIT("2020-11-14T17:15:06\0"),
        GN_STR_INIT("2020-11-14T17:15:06+24:00"),
        GN_STR_INIT("2020-11-14T17:15:06+05:60"),
        GN_STR_INIT("2020-11-14T17:15:06+05:"),
        GN_STR_INIT("2020-11-14T17:15:06+5"),
        GN_STR_INIT("2020-11-14T17:15:06+053"),
        GN_STR_INIT("2020-11-14T17:15:06+05300"),
        GN_STR_INIT("2020-11-14T17:15:06+05:3"),
        GN_STR_INIT("2020-11-14T17:15:06*05:30"),
        GN_STR_INIT("20-11-14T17:15:06Z"),
        GN_STR_INIT("+020-11-14T17:15:06Z"),
        GN_STR_INIT("2020-1-14T17:15:06Z"),
        GN_STR_INIT("20201114T171506Z"),
        GN_STR_INIT("2020/11/14T17:15:06Z"),
        GN_STR_INIT("1605374106"),
        GN_STR_INIT("0001-01-01T00:00:00Z"), /* Go's zero time: does not fit */
        GN_STR_INIT("9999-12-31T23:59:59Z"),
        GN_STR_INIT("2262-04-11T23:47:16.854775808Z"),
        GN_STR_INIT("1677-09-21T00:12:43Z"),
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        int64_t ns = 7;

        assert_int_equal(gn_time_parse(rows[i], &ns), GN_EPARSE);
        assert_int_equal(gn_time_parse_bmc(rows[i], &ns), GN_EPARSE);
        assert_true(ns == 7);
    }
}

static void the_zone_of_the_process_does_not_matter(void **state)
{
    int64_t ns;

    (void)state;
    assert_int_equal(setenv("TZ", "Asia/Kolkata", 1), 0);
    assert_int_equal(gn_time_parse_bmc(GN_STR("1970-01-01T00:00:00"), &ns), GN_OK);
    assert_true(ns == 0);
    assert_int_equal(unsetenv("TZ"), 0);
}

static void durations_are_a_number_and_a_unit(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        {"0ms", 0},      {"250ms", 250},       {"10s", 10000},
        {"5m", 300000},  {"24h", 86400000},    {"007s", 7000},
        {"1h", 3600000}, {"720h", 2592000000}, {"1099511627776h", 3958241859993600000},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        uint64_t ms = 1;

        assert_int_equal(gn_duration_parse(gn_str_of(rows[i].text), &ms), GN_OK);
        assert_int_equal(ms, rows[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const rows[] = {"",
                                       "s",
                                       "10",
                                       "10 s",
                                       " 10s",
                                       "10s ",
                                       "-1s",
                                       "1.5s",
                                       "10S",
                                       "10d",
                                       "1h30m",
                                       "ms",
                                       "0x1s",
                                       "1099511627777ms",
                                       "99999999999999999999999s"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        uint64_t ms = 1;

        assert_int_equal(gn_duration_parse(gn_str_of(rows[i]), &ms), GN_EPARSE);
        assert_int_equal(ms, 1);
    }
    assert_int_equal(gn_duration_parse(GN_STR_NONE, &(uint64_t){0}), GN_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
        cmocka_unit_test(the_real_clock_is_past_the_day_this_was_written),
        cmocka_unit_test(times_are_written_as_go_writes_them),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(every_day_of_four_centuries_follows_the_one_before),
        cmocka_unit_test(rfc_3339_is_read),
        cmocka_unit_test(what_bmcs_write_is_read_but_is_not_rfc_3339),
        cmocka_unit_test(what_is_no_time_is_refused_by_both),
        cmocka_unit_test(the_zone_of_the_process_does_not_matter),
        cmocka_unit_test(durations_are_a_number_and_a_unit),
        cmocka_unit_test(what_is_no_duration_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
