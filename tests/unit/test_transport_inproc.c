/* The in-process transport keeps the contract of all transports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/transport/transport_inproc.h"

/* A receiver and the story of its sends. */
struct rig {
    struct gn_loop *loop;
    struct gn_transport *transport;
    const struct gn_message_out *seen;
    int calls;
    bool hangs;
    struct gn_sent answer; /* written over the preset when its err is set */
    struct gn_sent ended;
    int ends;
};

static const struct gn_message_out message = {.address = "inproc://x", .body = {{"b", 1}}};

static bool receive(void *ctx, const struct gn_message_out *got, struct gn_sent *sent)
{
    struct rig *rig = ctx;

    rig->calls++;
    rig->seen = got;
    assert_int_equal(sent->err, GN_OK);
    assert_int_equal(sent->status, 200);
    if (rig->answer.err != GN_OK)
        *sent = rig->answer;
    return !rig->hangs;
}

static void on_sent(void *ctx, const struct gn_sent *sent)
{
    struct rig *rig = ctx;

    rig->ends++;
    rig->ended = *sent;
}

static int setup(void **state)
{
    static struct rig rig;

    rig = (struct rig){.loop = gn_loop_new(NULL)};
    assert_non_null(rig.loop);
    rig.transport = gn_transport_inproc_new(rig.loop, receive, &rig);
    assert_non_null(rig.transport);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    rig->transport->ops->free(rig->transport);
    gn_loop_free(rig->loop);
    return 0;
}

static struct gn_sending *send_one(struct rig *rig)
{
    struct gn_sending *sending = NULL;

    assert_int_equal(rig->transport->ops->send(rig->transport, &message, on_sent, rig, &sending),
                     GN_OK);
    return sending;
}

static void turn(struct rig *rig)
{
    assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
}

static void it_takes_its_own_addresses_only(void **state)
{
    const struct rig *rig = *state;
    const struct gn_transport_ops *ops = rig->transport->ops;

    assert_true(ops->takes(rig->transport, "inproc://x"));
    assert_false(ops->takes(rig->transport, "http://x"));
    assert_false(ops->takes(rig->transport, ""));
    assert_string_equal(ops->name, "inproc");
}

static void a_message_is_handed_over_in_the_next_turn(void **state)
{
    struct rig *rig = *state;

    (void)send_one(rig);
    assert_int_equal(rig->calls, 0);
    turn(rig);
    assert_int_equal(rig->calls, 1);
    assert_ptr_equal(rig->seen, &message);
    assert_int_equal(rig->ends, 1);
    assert_int_equal(rig->ended.err, GN_OK);
    assert_string_equal(rig->ended.reason, "");
}

static void the_receivers_answer_is_passed_on(void **state)
{
    struct rig *rig = *state;

    rig->answer =
        (struct gn_sent){.err = GN_EBUSY, .status = 503, .retry_after_ms = 7, .reason = "full"};
    (void)send_one(rig);
    turn(rig);
    assert_int_equal(rig->ended.err, GN_EBUSY);
    assert_int_equal(rig->ended.retry_after_ms, 7);
}

static void a_cancelled_send_ends_once_and_later(void **state)
{
    struct rig *rig = *state;
    struct gn_sending *sending;

    rig->hangs = true;
    sending = send_one(rig);
    turn(rig);
    turn(rig);
    assert_int_equal(rig->ends, 0);
    rig->transport->ops->cancel(rig->transport, sending);
    rig->transport->ops->cancel(rig->transport, sending);
    assert_int_equal(rig->ends, 0);
    turn(rig);
    turn(rig);
    assert_int_equal(rig->ends, 1);
    assert_int_equal(rig->ended.err, GN_ECANCELED);
}

static void a_send_cancelled_before_its_turn_is_never_handed_over(void **state)
{
    struct rig *rig = *state;

    rig->transport->ops->cancel(rig->transport, send_one(rig));
    turn(rig);
    assert_int_equal(rig->calls, 0);
    assert_int_equal(rig->ended.err, GN_ECANCELED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_takes_its_own_addresses_only),
        TEST(a_message_is_handed_over_in_the_next_turn),
        TEST(the_receivers_answer_is_passed_on),
        TEST(a_cancelled_send_ends_once_and_later),
        TEST(a_send_cancelled_before_its_turn_is_never_handed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
