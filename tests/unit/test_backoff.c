/* The delays between attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/relay/backoff.h"

static void the_ceiling_doubles_up_to_its_cap(void **state)
{
    static const struct {
        uint32_t attempts, want_ms;
    } rows[] = {
        {0, 200},    {1, 200},    {2, 400},
        {3, 800},    {8, 25600},  {9, 30000},
        {32, 30000}, {33, 30000}, {UINT32_MAX, 30000},
    };
    const struct gn_backoff b = {.min_ms = 200, .max_ms = 30000};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_backoff_ceiling_ms(&b, rows[i].attempts), rows[i].want_ms);
}

static void the_largest_bounds_do_not_overflow(void **state)
{
    const struct gn_backoff b = {.min_ms = UINT32_MAX, .max_ms = UINT32_MAX};

    (void)state;
    assert_int_equal(gn_backoff_ceiling_ms(&b, 32), UINT32_MAX);
    assert_int_equal(gn_backoff_ms(&b, 32, 0, UINT32_MAX), UINT32_MAX);
    assert_int_equal(gn_backoff_ms(&b, 1, 0, 0), UINT32_MAX / 2 + 1);
}

static void jitter_reaches_both_ends_and_never_leaves_them(void **state)
{
    static const struct {
        uint32_t attempts, random, want_ms;
    } rows[] = {
        {1, 0, 100},           {1, UINT32_MAX, 200}, {1, UINT32_MAX / 2, 150}, {4, 0, 100},
        {4, UINT32_MAX, 1600}, {20, 0, 100},         {20, UINT32_MAX, 30000},
    };
    const struct gn_backoff b = {.min_ms = 200, .max_ms = 30000};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_backoff_ms(&b, rows[i].attempts, 0, rows[i].random), rows[i].want_ms);
}

static void the_receivers_wish_is_the_least_delay_up_to_its_own_cap(void **state)
{
    static const struct {
        uint32_t wish_ms, want_ms;
    } rows[] = {
        {0, 200},
        {150, 200},
        {5000, 5000},
        {GN_RETRY_AFTER_MAX_MS, GN_RETRY_AFTER_MAX_MS},
        {UINT32_MAX, GN_RETRY_AFTER_MAX_MS},
    };
    const struct gn_backoff b = {.min_ms = 200, .max_ms = 30000};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_backoff_ms(&b, 1, rows[i].wish_ms, UINT32_MAX), rows[i].want_ms);
}

static void a_delay_is_never_zero(void **state)
{
    const struct gn_backoff b = {.min_ms = 1, .max_ms = 4};

    (void)state;
    assert_int_equal(gn_backoff_ms(&b, 1, 0, 0), 1);
    assert_int_equal(gn_backoff_ms(&b, 9, 0, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ceiling_doubles_up_to_its_cap),
        cmocka_unit_test(the_largest_bounds_do_not_overflow),
        cmocka_unit_test(jitter_reaches_both_ends_and_never_leaves_them),
        cmocka_unit_test(the_receivers_wish_is_the_least_delay_up_to_its_own_cap),
        cmocka_unit_test(a_delay_is_never_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
