/* The last event of each address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/store/state.h"

static struct gn_event *new_event(const char *resource, int64_t time_ns)
{
    const struct gn_event_parts parts = {.resource = gn_str_of(resource), .time_ns = time_ns};

    return gn_event_new(&parts);
}

static void put_new(struct gn_state *state, const char *resource, int64_t time_ns)
{
    struct gn_event *ev = new_event(resource, time_ns);

    assert_int_equal(gn_state_put(state, ev), GN_OK);
    gn_event_unref(ev);
}

static void the_last_event_of_an_address_is_remembered(void **state)
{
    struct gn_state *st = gn_state_new();

    (void)state;
    put_new(st, "/a", 1);
    put_new(st, "/b", 2);
    put_new(st, "/a", 3);
    assert_int_equal(gn_state_get(st, GN_STR("/a"))->time_ns, 3);
    assert_int_equal(gn_state_get(st, GN_STR("/b"))->time_ns, 2);
    gn_state_free(st);
}

static void only_the_exact_address_answers(void **state)
{
    struct gn_state *st = gn_state_new();

    (void)state;
    assert_null(gn_state_get(st, GN_STR("/a")));
    put_new(st, "/a", 1);
    assert_null(gn_state_get(st, GN_STR("/a/")));
    assert_null(gn_state_get(st, GN_STR("/A")));
    assert_null(gn_state_get(st, GN_STR_NONE));
    put_new(st, "", 2);
    assert_int_equal(gn_state_get(st, GN_STR_NONE)->time_ns, 2);
    gn_state_free(st);
}

static void an_event_is_kept_by_reference_until_the_next(void **state)
{
    struct gn_state *st = gn_state_new();
    struct gn_event *ev = new_event("/a", 1);

    (void)state;
    assert_int_equal(gn_state_put(st, ev), GN_OK);
    assert_int_equal(ev->refs, 2);
    assert_int_equal(gn_state_put(st, ev), GN_OK); /* the same one again */
    assert_int_equal(ev->refs, 2);
    put_new(st, "/a", 2);
    assert_int_equal(ev->refs, 1);
    gn_event_unref(ev);
    gn_state_free(st);
}

static void beyond_the_limit_only_known_addresses_are_updated(void **state)
{
    struct gn_state *st = gn_state_new();
    struct gn_event *ev = new_event("/one-too-many", 1);
    char resource[32];

    (void)state;
    for (int i = 0; i < GN_STATE_RESOURCES_MAX; i++) {
        (void)snprintf(resource, sizeof resource, "/r/%d", i);
        put_new(st, resource, i);
    }
    assert_int_equal(gn_state_put(st, ev), GN_ELIMIT);
    assert_null(gn_state_get(st, ev->resource));
    assert_int_equal(ev->refs, 1);
    put_new(st, "/r/17", 99);
    assert_int_equal(gn_state_get(st, GN_STR("/r/17"))->time_ns, 99);
    gn_event_unref(ev);
    gn_state_free(st);
    gn_state_free(NULL);
}

static struct gn_event *big_event(const char *resource, size_t bytes)
{
    char *data = malloc(bytes);
    struct gn_event_parts parts = {.type = GN_STR("t"), .resource = gn_str_of(resource)};
    struct gn_event *ev;

    assert_non_null(data);
    memset(data, '1', bytes);
    parts.data = (struct gn_str){data, bytes};
    ev = gn_event_new(&parts);
    assert_non_null(ev);
    free(data);
    return ev;
}

static void the_bytes_held_are_bounded_and_given_back(void **state)
{
    struct gn_state *st = gn_state_new();
    struct gn_event *half = big_event("/a", GN_STATE_BYTES_MAX / 2);
    struct gn_event *more = big_event("/b", GN_STATE_BYTES_MAX / 2);

    (void)state;
    assert_int_equal(gn_state_put(st, half), GN_OK);
    assert_int_equal(gn_state_put(st, more), GN_ELIMIT);
    assert_null(gn_state_get(st, GN_STR("/b")));
    put_new(st, "/a", 1);
    assert_int_equal(gn_state_put(st, more), GN_OK);
    gn_event_unref(half);
    gn_event_unref(more);
    gn_state_free(st);
}

static bool note_two(void *ctx, const struct gn_event *event)
{
    int64_t *times = ctx;

    times[times[0] == 0 ? 0 : 1] = event->time_ns;
    return times[1] == 0;
}

static void each_event_held_is_shown_until_told_to_stop(void **state)
{
    struct gn_state *st = gn_state_new();
    int64_t times[2] = {0, 0};

    (void)state;
    gn_state_each(st, note_two, times);
    assert_int_equal(times[0], 0);
    put_new(st, "/a", 1);
    put_new(st, "/b", 2);
    put_new(st, "/c", 3);
    gn_state_each(st, note_two, times);
    assert_int_equal(times[0], 1);
    assert_int_equal(times[1], 2);
    gn_state_free(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_event_of_an_address_is_remembered),
        cmocka_unit_test(only_the_exact_address_answers),
        cmocka_unit_test(an_event_is_kept_by_reference_until_the_next),
        cmocka_unit_test(beyond_the_limit_only_known_addresses_are_updated),
        cmocka_unit_test(the_bytes_held_are_bounded_and_given_back),
        cmocka_unit_test(each_event_held_is_shown_until_told_to_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
