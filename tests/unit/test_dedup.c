/* Which repeats are recognised, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gurnard/relay/dedup.h"

#define START_MS 1000000U

static struct gn_id id_of(unsigned number)
{
    struct gn_id id;

    (void)snprintf(id.text, sizeof(id.text), "00000000-0000-5000-8000-%012u", number);
    return id;
}

static int setup(void **state)
{
    *state = gn_dedup_new();
    assert_non_null(*state);
    return 0;
}

static int teardown(void **state)
{
    gn_dedup_free(*state);
    return 0;
}

static void an_id_is_known_after_it_was_added_and_only_for_its_source(void **state)
{
    const struct gn_id id = id_of(1);

    assert_false(gn_dedup_seen(*state, 1, &id, START_MS));
    gn_dedup_add(*state, 1, &id, START_MS);
    assert_true(gn_dedup_seen(*state, 1, &id, START_MS));
    assert_false(gn_dedup_seen(*state, 2, &id, START_MS));
    assert_false(gn_dedup_seen(*state, 1, &(struct gn_id){"other"}, START_MS));
}

static void an_id_is_forgotten_at_the_end_of_the_window(void **state)
{
    const struct gn_id id = id_of(1);

    gn_dedup_add(*state, 1, &id, START_MS);
    assert_true(gn_dedup_seen(*state, 1, &id, START_MS + GN_DEDUP_WINDOW_MS - 1));
    assert_false(gn_dedup_seen(*state, 1, &id, START_MS + GN_DEDUP_WINDOW_MS));
}

static void of_one_source_the_latest_are_remembered(void **state)
{
    const unsigned count = GN_DEDUP_PER_SOURCE + 10;

    for (unsigned i = 0; i < count; i++) {
        struct gn_id id = id_of(i);

        gn_dedup_add(*state, 1, &id, START_MS + i);
    }
    for (unsigned i = 0; i < count; i++) {
        struct gn_id id = id_of(i);

        assert_int_equal(gn_dedup_seen(*state, 1, &id, START_MS + count), i >= 10);
    }
}

static void too_many_sources_push_out_the_longest_silent(void **state)
{
    const struct gn_id id = id_of(1);

    for (uint64_t source = 0; source < GN_DEDUP_SOURCES_MAX; source++)
        gn_dedup_add(*state, source, &id, START_MS);
    gn_dedup_add(*state, 0, &id, START_MS + 1); /* not the longest silent any more */
    gn_dedup_add(*state, GN_DEDUP_SOURCES_MAX, &id, START_MS + 2);
    assert_true(gn_dedup_seen(*state, 0, &id, START_MS + 3));
    assert_false(gn_dedup_seen(*state, 1, &id, START_MS + 3));
    assert_true(gn_dedup_seen(*state, 2, &id, START_MS + 3));
    assert_true(gn_dedup_seen(*state, GN_DEDUP_SOURCES_MAX, &id, START_MS + 3));
}

static void the_ids_of_all_sources_are_bounded(void **state)
{
    const uint64_t sources = GN_DEDUP_IDS_MAX / GN_DEDUP_PER_SOURCE + 2;
    const struct gn_id last = id_of(GN_DEDUP_PER_SOURCE - 1);

    for (uint64_t source = 0; source < sources; source++)
        for (unsigned i = 0; i < GN_DEDUP_PER_SOURCE; i++) {
            struct gn_id id = id_of(i);

            gn_dedup_add(*state, source, &id, START_MS);
        }
    assert_false(gn_dedup_seen(*state, 0, &last, START_MS));
    assert_true(gn_dedup_seen(*state, sources - 1, &last, START_MS));
}

static void sources_past_the_window_are_cleared_by_the_way(void **state)
{
    const struct gn_id id = id_of(1);

    for (uint64_t source = 0; source < 10; source++)
        gn_dedup_add(*state, source, &id, START_MS);
    for (int i = 0; i < 10; i++)
        gn_dedup_add(*state, 100, &id, START_MS + GN_DEDUP_WINDOW_MS);
    assert_false(gn_dedup_seen(*state, 3, &id, START_MS)); /* even by the old clock */
    assert_true(gn_dedup_seen(*state, 100, &id, START_MS + GN_DEDUP_WINDOW_MS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_id_is_known_after_it_was_added_and_only_for_its_source),
        TEST(an_id_is_forgotten_at_the_end_of_the_window),
        TEST(of_one_source_the_latest_are_remembered),
        TEST(too_many_sources_push_out_the_longest_silent),
        TEST(the_ids_of_all_sources_are_bounded),
        TEST(sources_past_the_window_are_cleared_by_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
