/* The ring of counts behind "events a second". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/relay/rate.h"

#define START_MS 5000700U /* somewhere inside a second */

static void assert_rate(const struct gn_rate *rate, uint64_t now_ms, uint32_t seconds, double want)
{
    double got = gn_rate_per_second(rate, now_ms, seconds);

    if (got < want - 1e-9 || got > want + 1e-9)
        fail_msg("at %llu ms over %u s: %g instead of %g", (unsigned long long)now_ms, seconds, got,
                 want);
}

static void is_nothing_before_the_first_addition(void **state)
{
    const struct gn_rate rate = {0};

    (void)state;
    assert_rate(&rate, 0, 1, 0);
    assert_rate(&rate, START_MS, 10, 0);
    assert_rate(&rate, UINT64_MAX, 60, 0);
}

static void does_not_count_the_running_second(void **state)
{
    struct gn_rate rate = {0};

    (void)state;
    gn_rate_add(&rate, START_MS, 7);
    assert_rate(&rate, START_MS + 299, 10, 0);
    assert_rate(&rate, START_MS + 300, 10, 7);
    gn_rate_add(&rate, START_MS + 300, 100);
    assert_rate(&rate, START_MS + 1299, 10, 7);
}

static void begins_at_the_start_of_the_clock(void **state)
{
    struct gn_rate rate = {0};

    (void)state;
    gn_rate_add(&rate, 0, 3);
    assert_rate(&rate, 1000, 60, 3);
}

/* In each second as many additions as its number. */
static void is_the_mean_of_the_last_whole_seconds(void **state)
{
    static const struct {
        uint32_t at_second; /* when it is asked: all before have passed */
        uint32_t seconds;
        double want;
    } rows[] = {
        {1, 1, 0},      {2, 1, 1},      {2, 60, 0.5},    {10, 10, 4.5},   {11, 10, 5.5},
        {60, 60, 29.5}, {61, 60, 30.5}, {100, 60, 69.5}, {100, 10, 94.5}, {100, 1, 99},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_rate rate = {0};

        for (uint32_t second = 0; second < rows[i].at_second; second++) {
            gn_rate_add(&rate, second * 1000U, second / 2);
            gn_rate_add(&rate, second * 1000U + 999, second - second / 2);
        }
        assert_rate(&rate, rows[i].at_second * 1000U, rows[i].seconds, rows[i].want);
    }
}

static void falls_when_nothing_comes(void **state)
{
    static const struct {
        uint32_t later_s, seconds;
        double want;
    } rows[] = {
        {1, 10, 60}, {2, 10, 30}, {10, 10, 6}, {11, 10, 0}, {60, 60, 1}, {61, 60, 0}, {9999, 60, 0},
    };
    struct gn_rate rate = {0};

    (void)state;
    gn_rate_add(&rate, 1000, 60);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_rate(&rate, 1000 + rows[i].later_s * 1000U, rows[i].seconds, rows[i].want);
}

static void forgets_what_a_pause_has_made_old(void **state)
{
    static const struct {
        uint32_t pause_s;
        double want_sum; /* of the minute before the second behind the last addition */
    } rows[] = {{1, 605}, {58, 605}, {59, 605}, {60, 5}, {61, 5}, {62, 5}, {122, 5}, {100000, 5}};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_rate rate = {0};
        uint32_t later_s = 1 + rows[i].pause_s;
        uint32_t passed_s = rows[i].pause_s + 1;

        gn_rate_add(&rate, 1000, 600);
        gn_rate_add(&rate, later_s * 1000U, 5);
        assert_rate(&rate, (later_s + 1) * 1000U, 1, 5);
        assert_rate(&rate, (later_s + 1) * 1000U, 60,
                    rows[i].want_sum / (passed_s < 60 ? passed_s : 60));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_nothing_before_the_first_addition),
        cmocka_unit_test(does_not_count_the_running_second),
        cmocka_unit_test(begins_at_the_start_of_the_clock),
        cmocka_unit_test(is_the_mean_of_the_last_whole_seconds),
        cmocka_unit_test(falls_when_nothing_comes),
        cmocka_unit_test(forgets_what_a_pause_has_made_old),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
