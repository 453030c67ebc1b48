/* Tests of what the webhook holds back for a moment (src/api/hold.c). Included by test_webhook.c.
 */
#ifndef GN_TESTS_WEBHOOK_HOLD_H
#define GN_TESTS_WEBHOOK_HOLD_H

#include "gurnard/loop/loop.h"
#include "hold_priv.h"

#define HOLD_MS 30U

/* What went on, in its order: one letter for each request. */
struct held_bed {
    struct gn_loop *loop;
    struct gn_hold hold;
    char order[2 * GN_HOLD_MAX];
    size_t count;
    char requests[2 * GN_HOLD_MAX]; /* stand for requests by their addresses */
};

static void note_released(void *ctx, struct gn_http_request *request, struct gn_str name)
{
    struct held_bed *bed = ctx;
    size_t index = (size_t)((char *)(void *)request - bed->requests);

    assert_true(name.len > 0);
    bed->order[bed->count++] = (char)('a' + index % 26);
}

static struct gn_http_request *stand_in(struct held_bed *bed, size_t index)
{
    return (struct gn_http_request *)(void *)&bed->requests[index];
}

static int setup_hold(void **state)
{
    struct held_bed *bed = calloc(1, sizeof *bed);

    assert_non_null(bed);
    bed->loop = gn_loop_new(NULL);
    gn_hold_init(&bed->hold, bed->loop, HOLD_MS, note_released, bed);
    *state = bed;
    return 0;
}

static int teardown_hold(void **state)
{
    struct held_bed *bed = *state;

    gn_hold_fini(&bed->hold);
    gn_loop_free(bed->loop);
    free(bed);
    return 0;
}

static void what_is_held_goes_on_in_its_order_when_its_registry_comes(void **state)
{
    struct held_bed *bed = *state;

    assert_false(gn_hold_has(&bed->hold, GN_STR("x")));
    assert_true(gn_hold_put(&bed->hold, stand_in(bed, 0), GN_STR("x")));
    assert_true(gn_hold_put(&bed->hold, stand_in(bed, 1), GN_STR("y")));
    assert_true(gn_hold_put(&bed->hold, stand_in(bed, 2), GN_STR("x")));
    assert_true(gn_hold_has(&bed->hold, GN_STR("x")));
    assert_false(gn_hold_has(&bed->hold, GN_STR("xx")));
    assert_int_equal(bed->count, 0);
    gn_hold_release(&bed->hold);
    assert_string_equal(bed->order, "abc");
    assert_false(gn_hold_has(&bed->hold, GN_STR("x")));
}

static void what_is_held_goes_on_when_its_time_is_over(void **state)
{
    struct held_bed *bed = *state;

    assert_true(gn_hold_put(&bed->hold, stand_in(bed, 0), GN_STR("x")));
    assert_int_equal(gn_loop_turn(bed->loop, HOLD_MS / 2), GN_OK);
    assert_true(gn_hold_put(&bed->hold, stand_in(bed, 1), GN_STR("x")));
    while (bed->count < 2)
        assert_int_equal(gn_loop_turn(bed->loop, 100), GN_OK);
    assert_string_equal(bed->order, "ab");
}

static void only_so_many_are_held(void **state)
{
    struct held_bed *bed = *state;

    for (size_t i = 0; i < GN_HOLD_MAX; i++)
        assert_true(gn_hold_put(&bed->hold, stand_in(bed, i), GN_STR("x")));
    assert_false(gn_hold_put(&bed->hold, stand_in(bed, GN_HOLD_MAX), GN_STR("x")));
    gn_hold_fini(&bed->hold); /* none is left behind */
    assert_int_equal(bed->count, GN_HOLD_MAX);
}

#endif
