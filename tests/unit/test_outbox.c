/* The outbox: order, retries, what is given up and when, and that nobody waits for somebody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/log.h"
#include "gurnard/relay/outbox.h"

#include "fake_transport.h"

#define TURN_MS   20   /* longest wait of one turn */
#define TURNS_MAX 2000 /* bound of any wait; never reached when the code is right */

struct rig {
    struct gn_metrics *metrics;
    struct gn_loop *loop;
    struct fake_transport *fake;
    struct gn_outbox *outbox;
    unsigned event_number;
};

static const struct gn_outbox_config quick = {
    .backoff = {.min_ms = 1, .max_ms = 4},
    .attempt_timeout_ms = 2000,
    .expire_ms = 60000,
    .refused_tries = 3,
    .sink_concurrency = 4,
    .max_in_flight = 100,
    .sink_max_events = 1000,
    .limit_bytes = 1 << 20,
};

static void open_outbox(struct rig *rig, const struct gn_outbox_config *config)
{
    struct gn_transport *transports[] = {&rig->fake->base, NULL};

    gn_outbox_free(rig->outbox);
    rig->outbox = gn_outbox_new(rig->loop, config, transports, rig->metrics);
    assert_non_null(rig->outbox);
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    rig->metrics = gn_metrics_new();
    rig->loop = gn_loop_new(NULL);
    rig->fake = fake_transport_new(rig->loop);
    open_outbox(rig, &quick);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    gn_outbox_free(rig->outbox);
    rig->fake->base.ops->free(&rig->fake->base);
    gn_loop_free(rig->loop);
    gn_metrics_free(rig->metrics);
    free(rig);
    return 0;
}

static struct gn_sink *open_sink(struct rig *rig, const char *address)
{
    struct gn_sink *sink = NULL;

    assert_int_equal(gn_outbox_open_sink(rig->outbox, "sub-1", address, &sink), GN_OK);
    return sink;
}

/* An event whose data is its number. */
static struct gn_event *make_event(struct rig *rig, uint64_t lane, size_t padding)
{
    struct gn_buf data = GN_BUF_INIT;
    struct gn_event *event;

    gn_buf_printf(&data, "{\"n\":%u", rig->event_number++);
    for (size_t i = 0; i < padding; i++)
        gn_buf_putc(&data, ' ');
    gn_buf_putc(&data, '}');
    event = gn_event_new(&(struct gn_event_parts){.id = gn_id_random(),
                                                  .type = GN_STR("t"),
                                                  .source = GN_STR("/s"),
                                                  .resource = GN_STR("/r"),
                                                  .data = gn_buf_str(&data),
                                                  .received_us = gn_loop_now_us(rig->loop),
                                                  .lane = lane});
    gn_buf_free(&data);
    assert_non_null(event);
    return event;
}

static enum gn_err push_event(struct rig *rig, struct gn_event *event, struct gn_sink **sinks,
                              size_t count)
{
    enum gn_err err = gn_outbox_push(rig->outbox, event, sinks, count);

    gn_event_unref(event);
    return err;
}

static void push(struct rig *rig, struct gn_sink *sink, uint64_t lane)
{
    assert_int_equal(push_event(rig, make_event(rig, lane, 0), &sink, 1), GN_OK);
}

static void turn(struct rig *rig)
{
    assert_int_equal(gn_loop_turn(rig->loop, TURN_MS), GN_OK);
}

static void settle(struct rig *rig)
{
    for (int i = 0; gn_outbox_pending(rig->outbox) > 0; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
}

static double figure(struct rig *rig, const char *outcome)
{
    char labels[96];

    (void)snprintf(labels, sizeof(labels), "transport=\"fake\",outcome=\"%s\"", outcome);
    return gn_metrics_counter(rig->metrics, "gurnard_deliveries_total", labels, "")->value;
}

static struct gn_sink_status status_of(const struct gn_sink *sink)
{
    struct gn_sink_status status;

    gn_sink_status(sink, &status);
    return status;
}

static unsigned number_in(const struct fake_note *note)
{
    const char *at = strstr(note->body, "{\"n\":");

    assert_non_null(at);
    return (unsigned)strtoul(at + 5, NULL, 10);
}

/* ---- the message ---- */

static void a_pushed_event_arrives_with_its_id_and_type_of_content(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct gn_event *event = make_event(rig, 1, 0);
    char want[64];

    (void)snprintf(want, sizeof(want), "Gurnard-Event-Id: %s", event->id.text);
    assert_int_equal(push_event(rig, event, &sink, 1), GN_OK);
    assert_int_equal(rig->fake->note_count, 0); /* never inside push */
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_string_equal(rig->fake->notes[0].content_type, "Content-Type: application/json");
    assert_string_equal(rig->fake->notes[0].event_id, want);
    assert_string_equal(rig->fake->notes[0].body,
                        "{\"id\":\"sub-1\",\"type\":\"t\",\"source\":\"/s\","
                        "\"dataContentType\":\"application/json\","
                        "\"time\":\"1970-01-01T00:00:00Z\",\"data\":{\"n\":0}}");
    assert_true(figure(rig, "delivered") == 1);
}

static void an_address_that_no_transport_takes_is_unsupported(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink;

    assert_int_equal(gn_outbox_open_sink(rig->outbox, "s", "gopher://x", &sink), GN_EUNSUPPORTED);
}

static void a_push_to_nobody_is_fine(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(push_event(rig, make_event(rig, 1, 0), NULL, 0), GN_OK);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
}

/* ---- order ---- */

static void a_lane_keeps_its_order_with_one_attempt_at_a_time(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    for (int i = 0; i < 20; i++)
        push(rig, sink, 7);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(number_in(&rig->fake->notes[i]), i);
    assert_int_equal(fake_rule(rig->fake, "fake://a")->most_active, 1);
}

static void lanes_go_side_by_side_up_to_the_concurrency(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    for (uint64_t lane = 0; lane < 10; lane++)
        push(rig, sink, lane);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 10);
    assert_int_equal(fake_rule(rig->fake, "fake://a")->most_active, quick.sink_concurrency);
}

static void order_holds_over_retries(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_EBUSY;
    rule->status = 503;
    rule->times = 2;
    for (int i = 0; i < 3; i++)
        push(rig, sink, 1);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(number_in(&rig->fake->notes[i]), i < 2 ? 0 : i - 2);
    assert_string_equal(rig->fake->notes[0].event_id, rig->fake->notes[2].event_id);
    assert_true(
        gn_metrics_counter(rig->metrics, "gurnard_delivery_retries_total", "transport=\"fake\"", "")
            ->value == 2);
}

static void a_retried_lane_does_not_hold_back_another(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_EBUSY;
    rule->times = 1;
    rule->retry_after_ms = 60000;
    push(rig, sink, 1); /* waits for a minute */
    turn(rig);
    turn(rig);
    for (int i = 0; i < 5; i++)
        push(rig, sink, 2);
    while (status_of(sink).delivered < 5)
        turn(rig);
    assert_int_equal(status_of(sink).queued, 1);
    assert_false(status_of(sink).is_down);
}

static void one_deferred_call_starts_a_bounded_number(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;

    config.max_in_flight = 1000;
    open_outbox(rig, &config);
    fake_rule(rig->fake, "fake://a")->hangs = true;
    for (int i = 0; i < 100; i++) {
        struct gn_sink *sink = open_sink(rig, "fake://a");

        for (uint64_t lane = 0; lane < 4; lane++)
            push(rig, sink, lane);
    }
    turn(rig);
    assert_int_equal(rig->fake->active, GN_OUTBOX_STARTS_MAX);
    turn(rig);
    assert_int_equal(rig->fake->active, 400);
}

static void a_sink_gets_more_attempts_side_by_side_as_it_takes_events(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.sink_concurrency = 10;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    for (uint64_t lane = 0; lane < 40; lane++)
        push(rig, sink, lane);
    turn(rig);
    assert_int_equal(rig->fake->active, GN_SINK_WINDOW_MIN);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 40);
    assert_int_equal(fake_rule(rig->fake, "fake://a")->most_active, 10);
}

static void all_sinks_together_stay_below_their_limit_and_take_turns(void **state)
{
    static const char *const addresses[] = {"fake://a", "fake://b", "fake://c"};
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    unsigned seen[GN_LEN(addresses)] = {0};

    config.max_in_flight = 2;
    open_outbox(rig, &config);
    for (size_t i = 0; i < GN_LEN(addresses); i++) {
        struct gn_sink *sink = open_sink(rig, addresses[i]);

        for (uint64_t lane = 0; lane < 10; lane++)
            push(rig, sink, lane);
    }
    turn(rig);
    assert_int_equal(rig->fake->active, 2);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 30);
    for (size_t i = 0; i < 9; i++)
        for (size_t a = 0; a < GN_LEN(addresses); a++)
            seen[a] += strcmp(rig->fake->notes[i].address, addresses[a]) == 0;
    for (size_t a = 0; a < GN_LEN(addresses); a++) {
        assert_int_equal(seen[a], 3);
        assert_in_range(fake_rule(rig->fake, addresses[a])->most_active, 1, 2);
    }
}

/* ---- sinks by themselves ---- */

static void a_dead_sink_does_not_delay_another(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[] = {open_sink(rig, "fake://dead"), open_sink(rig, "fake://b")};

    fake_rule(rig->fake, "fake://dead")->hangs = true;
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(push_event(rig, make_event(rig, i % 5, 0), sinks, 2), GN_OK);
    for (int i = 0; status_of(sinks[1]).delivered < 50; i++) {
        assert_true(i < 200);
        turn(rig);
    }
    assert_int_equal(status_of(sinks[0]).in_flight, quick.sink_concurrency);
}

static void a_sink_without_answers_goes_down_and_comes_up_with_the_first_success(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_ECONN;
    for (uint64_t lane = 0; lane < 8; lane++)
        push(rig, sink, lane);
    while (!status_of(sink).is_down)
        turn(rig);
    while (rule->active > 0)
        turn(rig);
    rule->most_active = 0;
    for (int i = 0; i < 30; i++)
        turn(rig);
    assert_int_equal(rule->most_active, 1);
    assert_non_null(strstr(status_of(sink).last_error, gn_err_text(GN_ECONN)));
    rule->err = GN_OK;
    settle(rig);
    assert_false(status_of(sink).is_down);
    assert_int_equal(status_of(sink).delivered, 8);
}

static void a_down_sink_tries_all_lanes_in_turn(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    bool tried[3] = {false};

    fake_rule(rig->fake, "fake://a")->err = GN_ETIMEOUT;
    for (uint64_t lane = 0; lane < 3; lane++)
        push(rig, sink, lane);
    while (!status_of(sink).is_down)
        turn(rig);
    for (size_t seen = rig->fake->note_count; rig->fake->note_count < seen + 6;)
        turn(rig);
    for (size_t i = rig->fake->note_count - 3; i < rig->fake->note_count; i++)
        tried[number_in(&rig->fake->notes[i])] = true;
    assert_true(tried[0] && tried[1] && tried[2]);
}

static void busy_answers_do_not_take_a_sink_down(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_EBUSY;
    rule->times = 10;
    push(rig, sink, 1);
    while (gn_outbox_pending(rig->outbox) > 0) {
        assert_false(status_of(sink).is_down);
        turn(rig);
    }
    assert_int_equal(rig->fake->note_count, 11);
}

static void want_of_memory_here_says_nothing_about_the_receiver(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_ECONN;
    push(rig, sink, 1);
    while (rig->fake->note_count < GN_OUTBOX_DOWN_AFTER - 1)
        turn(rig);
    rule->send_err = GN_ENOMEM;
    for (int i = 0; strstr(status_of(sink).last_error, gn_err_text(GN_ENOMEM)) == NULL; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
    assert_false(status_of(sink).is_down);
    rule->send_err = GN_OK;
    while (rig->fake->note_count < GN_OUTBOX_DOWN_AFTER)
        turn(rig);
    turn(rig);
    assert_true(status_of(sink).is_down);
}

/* ---- what is given up ---- */

static void a_refusal_is_given_up_after_its_tries_and_the_next_goes(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_EREFUSED;
    rule->status = 422;
    rule->times = 3;
    push(rig, sink, 1);
    push(rig, sink, 1);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 4);
    assert_int_equal(number_in(&rig->fake->notes[3]), 1);
    assert_true(figure(rig, "failed") == 1);
    assert_true(figure(rig, "delivered") == 1);
    assert_non_null(strstr(status_of(sink).last_error, "422"));
}

static void what_a_transport_cannot_send_fails_at_once(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    fake_rule(rig->fake, "fake://a")->send_err = GN_EINVAL;
    push(rig, sink, 1);
    settle(rig);
    assert_true(figure(rig, "failed") == 1);
}

static void a_send_without_memory_is_tried_again(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    fake_rule(rig->fake, "fake://a")->send_err = GN_ENOMEM;
    push(rig, sink, 1);
    turn(rig);
    turn(rig);
    assert_int_equal(gn_outbox_pending(rig->outbox), 1);
    fake_rule(rig->fake, "fake://a")->send_err = GN_OK;
    settle(rig);
    assert_true(figure(rig, "delivered") == 1);
}

static void a_receiver_that_is_gone_loses_backlog_and_what_comes(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_ENOTFOUND;
    rule->status = 410;
    for (int i = 0; i < 5; i++)
        push(rig, sink, 1);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_true(figure(rig, "dropped") == 5);
    push(rig, sink, 1);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
    assert_true(figure(rig, "dropped") == 6);
    assert_int_equal(status_of(sink).shed, 6);
}

static void a_receiver_that_was_gone_is_tried_again_after_the_pause(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.gone_pause_ms = 5;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    fake_rule(rig->fake, "fake://a")->err = GN_ENOTFOUND;
    fake_rule(rig->fake, "fake://a")->times = 1;
    push(rig, sink, 1);
    settle(rig);
    turn(rig); /* waits longer than the pause */
    push(rig, sink, 1);
    settle(rig);
    assert_int_equal(status_of(sink).delivered, 1);
}

static void an_event_expires_while_it_waits(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.expire_ms = 10;
    config.backoff = (struct gn_backoff){.min_ms = 60000, .max_ms = 60000};
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    fake_rule(rig->fake, "fake://a")->err = GN_EBUSY;
    fake_rule(rig->fake, "fake://a")->times = 1;
    push(rig, sink, 1);
    push(rig, sink, 1);
    settle(rig);
    assert_true(figure(rig, "expired") == 2);
    assert_int_equal(status_of(sink).failed, 2);
    push(rig, sink, 1);
    settle(rig);
    assert_int_equal(status_of(sink).delivered, 1);
}

static void an_event_that_fails_past_its_age_expires(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;

    config.expire_ms = 0;
    open_outbox(rig, &config);
    push(rig, open_sink(rig, "fake://a"), 1);
    settle(rig);
    assert_true(figure(rig, "expired") == 1);
    assert_int_equal(rig->fake->note_count, 0);
}

static void beyond_its_maximum_a_sink_sheds_its_oldest(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.sink_max_events = 3;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    for (uint64_t i = 0; i < 5; i++)
        push(rig, sink, i % 2);
    assert_int_equal(status_of(sink).queued, 3);
    assert_true(figure(rig, "shed") == 2);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(number_in(&rig->fake->notes[i]) >= 2);
}

static void the_receivers_wish_to_wait_outlives_the_event_that_is_shed(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");
    struct gn_sink *sink;

    config.sink_max_events = 1;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    rule->err = GN_EBUSY;
    rule->retry_after_ms = 60000;
    for (unsigned i = 0; i < 5; i++) {
        push(rig, sink, 1);
        for (int turns = 0; turns < 3; turns++)
            assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    }
    assert_int_equal(status_of(sink).shed, 4);
    assert_int_equal(rig->fake->note_count, 1);
}

static void what_is_under_way_is_not_shed(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.sink_max_events = 2;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    push(rig, sink, 1);
    assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    assert_int_equal(status_of(sink).in_flight, 1);
    for (int i = 0; i < 4; i++)
        push(rig, sink, 1);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 3);
    assert_int_equal(number_in(&rig->fake->notes[0]), 0);
    assert_int_equal(number_in(&rig->fake->notes[1]), 3);
    assert_int_equal(number_in(&rig->fake->notes[2]), 4);
}

/* ---- room ---- */

#define BIG 1000

static uint64_t big_bytes(struct rig *rig)
{
    struct gn_event *event = make_event(rig, 0, BIG);
    uint64_t bytes = event->bytes_held;

    gn_event_unref(event);
    return bytes + 8; /* the number may get longer */
}

static struct gn_sink *make_down(struct rig *rig, const char *address)
{
    struct gn_sink *sink = open_sink(rig, address);

    fake_rule(rig->fake, address)->err = GN_ECONN;
    push(rig, sink, 99);
    while (!status_of(sink).is_down)
        turn(rig);
    return sink;
}

static void room_for_four(struct rig *rig)
{
    struct gn_outbox_config config = quick;

    config.limit_bytes = 4 * big_bytes(rig);
    config.backoff = (struct gn_backoff){.min_ms = 3, .max_ms = 60000};
    open_outbox(rig, &config);
}

static void a_full_outbox_refuses_and_queues_nothing(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];

    room_for_four(rig);
    sinks[0] = open_sink(rig, "fake://a");
    sinks[1] = open_sink(rig, "fake://b");
    for (int i = 0; i < 4; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1, BIG), sinks, 2), GN_OK);
    assert_int_equal(push_event(rig, make_event(rig, 1, BIG), sinks, 2), GN_EFULL);
    assert_int_equal(gn_outbox_pending(rig->outbox), 8);
    assert_true(figure(rig, "shed") == 0);
    settle(rig);
    assert_int_equal(push_event(rig, make_event(rig, 1, BIG), sinks, 2), GN_OK);
}

static void a_full_outbox_takes_events_again_once_a_sink_is_down(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink;

    room_for_four(rig);
    sink = open_sink(rig, "fake://a");
    fake_rule(rig->fake, "fake://a")->err = GN_ECONN;
    for (int i = 0; i < 4; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &sink, 1), GN_OK);
    assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &sink, 1), GN_EFULL);
    for (int i = 0; push_event(rig, make_event(rig, 1, BIG), &sink, 1) != GN_OK; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
    assert_true(status_of(sink).is_down);
    assert_true(status_of(sink).shed > 0);
}

static void an_event_larger_than_the_limit_sheds_nothing(void **state)
{
    struct rig *rig = *state;

    room_for_four(rig);
    (void)make_down(rig, "fake://dead");
    assert_int_equal(gn_outbox_make_room(rig->outbox, 100 * BIG), GN_EFULL);
    assert_true(figure(rig, "shed") == 0);
}

static void the_backlog_of_a_dead_sink_makes_room_oldest_first(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *dead, *live;

    room_for_four(rig);
    dead = make_down(rig, "fake://dead");
    live = open_sink(rig, "fake://live");
    for (int i = 0; i < 3; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &dead, 1), GN_OK);
    assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &live, 1), GN_OK);
    assert_int_equal(status_of(dead).shed, 1);
    assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &live, 1), GN_OK);
    assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &live, 1), GN_OK);
    assert_true(status_of(dead).shed >= 2);
    assert_int_equal(status_of(live).queued, 3);
    assert_int_equal(status_of(live).shed, 0);
    fake_rule(rig->fake, "fake://dead")->err = GN_OK;
    settle(rig);
    assert_int_equal(status_of(live).delivered, 3);
}

static void an_event_that_a_live_sink_holds_too_is_not_shed(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];
    uint64_t queued;

    room_for_four(rig);
    sinks[0] = make_down(rig, "fake://dead");
    sinks[1] = open_sink(rig, "fake://live");
    for (int i = 0; i < 3; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1, BIG), sinks, 2), GN_OK);
    queued = status_of(sinks[0]).queued;
    assert_int_equal(push_event(rig, make_event(rig, 1, 2 * BIG), sinks, 2), GN_EFULL);
    assert_true(status_of(sinks[0]).queued + 1 >= queued); /* only its very first was its own */
    assert_int_equal(status_of(sinks[1]).queued, 3);
}

static void two_dead_sinks_that_share_an_event_both_lose_it(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *dead[2], *live;

    room_for_four(rig);
    dead[0] = make_down(rig, "fake://dead1");
    dead[1] = make_down(rig, "fake://dead2");
    live = open_sink(rig, "fake://live");
    for (int i = 0; i < 3; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1, BIG), dead, 2), GN_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &live, 1), GN_OK);
    assert_int_equal(status_of(live).queued, 3);
    assert_true(status_of(dead[0]).shed >= 2);
    assert_true(status_of(dead[1]).shed >= 2);
}

static void event_bytes_are_counted_once_for_all_sinks(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[10];
    struct gn_event *event = make_event(rig, 1, BIG);
    struct gn_buf text = GN_BUF_INIT;
    char want[64];

    for (size_t i = 0; i < GN_LEN(sinks); i++)
        sinks[i] = open_sink(rig, "fake://a");
    (void)snprintf(want, sizeof(want), "gurnard_outbox_bytes %u\n", (unsigned)event->bytes_held);
    assert_int_equal(push_event(rig, event, sinks, GN_LEN(sinks)), GN_OK);
    gn_metrics_print(rig->metrics, &text);
    assert_non_null(strstr(text.data, want));
    assert_non_null(strstr(text.data, "gurnard_outbox_queued 10\n"));
    assert_non_null(strstr(text.data, "gurnard_outbox_sinks 10\n"));
    gn_buf_free(&text);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 10);
}

/* ---- ends ---- */

static void a_closed_sink_drops_its_queue_and_cancels_what_is_under_way(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    fake_rule(rig->fake, "fake://a")->hangs = true;
    for (uint64_t lane = 0; lane < 10; lane++)
        push(rig, sink, lane);
    turn(rig);
    assert_int_equal(rig->fake->active, 4);
    gn_outbox_close_sink(sink);
    assert_int_equal(gn_outbox_pending(rig->outbox), 4);
    assert_true(figure(rig, "unsubscribed") == 6);
    settle(rig);
    assert_int_equal(rig->fake->canceled, 4);
    assert_true(figure(rig, "unsubscribed") == 10);
}

static void a_sink_can_be_closed_in_every_state(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *idle = open_sink(rig, "fake://a");
    struct gn_sink *ready = open_sink(rig, "fake://a");
    struct gn_sink *waiting = open_sink(rig, "fake://w");
    struct gn_sink *down = make_down(rig, "fake://d");

    fake_rule(rig->fake, "fake://w")->err = GN_EBUSY;
    fake_rule(rig->fake, "fake://w")->retry_after_ms = 60000;
    push(rig, waiting, 1);
    while (status_of(waiting).in_flight == 0)
        turn(rig);
    while (status_of(waiting).in_flight > 0)
        turn(rig);
    push(rig, ready, 1);
    gn_outbox_close_sink(idle);
    gn_outbox_close_sink(ready);
    gn_outbox_close_sink(waiting);
    gn_outbox_close_sink(down);
    settle(rig);
    assert_true(figure(rig, "unsubscribed") == 3);
}

static void freeing_the_outbox_ends_everything(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    fake_rule(rig->fake, "fake://a")->hangs = true;
    for (uint64_t lane = 0; lane < 10; lane++)
        push(rig, sink, lane);
    turn(rig);
    gn_outbox_free(rig->outbox);
    rig->outbox = NULL;
    assert_int_equal(rig->fake->canceled, 4);
    assert_true(figure(rig, "dropped") == 10);
}

static void a_drained_outbox_gives_each_event_one_more_attempt(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct gn_sink *down = make_down(rig, "fake://d");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");
    size_t before;

    rule->err = GN_EBUSY;
    rule->retry_after_ms = 60000;
    push(rig, sink, 1);
    while (rig->fake->note_count == 0 || status_of(sink).in_flight > 0 || rule->active > 0)
        turn(rig);
    push(rig, sink, 1);
    push(rig, down, 2);
    before = fake_count(rig->fake, "fake://a");
    gn_outbox_drain(rig->outbox);
    settle(rig);
    assert_int_equal(fake_count(rig->fake, "fake://a"), before + 2);
    assert_true(figure(rig, "failed") == 4);
}

static void the_age_of_the_oldest_is_told(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    assert_int_equal(status_of(sink).oldest_age_ms, 0);
    fake_rule(rig->fake, "fake://a")->hangs = true;
    push(rig, sink, 1);
    for (int i = 0; status_of(sink).oldest_age_ms == 0; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
    assert_string_equal(status_of(sink).last_error, "");
}

/* ---- many at once ---- */

/* Random pushes, failures and closings; what was pushed must be accounted for in full. */
static void every_delivery_ends_exactly_once(void **state)
{
    static const enum gn_err errors[] = {GN_OK,     GN_OK,        GN_EBUSY,
                                         GN_ECONN,  GN_ETIMEOUT,  GN_EREFUSED,
                                         GN_EINVAL, GN_ENOTFOUND, GN_OK};
    static const char *const outcomes[] = {"delivered", "failed",       "expired",
                                           "shed",      "unsubscribed", "dropped"};
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sinks[8] = {NULL};
    double pushed = 0, ended = 0;
    unsigned seed = 12345;

    config.sink_max_events = 20;
    config.limit_bytes = 40000;
    config.gone_pause_ms = 1;
    open_outbox(rig, &config);
    for (int i = 0; i < 1000; i++) {
        char address[32];
        size_t s;

        seed = seed * 1103515245U + 12345U;
        s = (seed >> 16) % GN_LEN(sinks);
        (void)snprintf(address, sizeof(address), "fake://%zu", s);
        if (sinks[s] == NULL) {
            sinks[s] = open_sink(rig, address);
        } else if ((seed >> 8) % 37 == 0) {
            gn_outbox_close_sink(sinks[s]);
            sinks[s] = NULL;
            continue;
        }
        fake_rule(rig->fake, address)->err = errors[(seed >> 20) % GN_LEN(errors)];
        if (push_event(rig, make_event(rig, (seed >> 12) % 4, 50), &sinks[s], 1) == GN_OK)
            pushed++;
        if ((seed >> 10) % 3 == 0)
            assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    }
    gn_outbox_drain(rig->outbox);
    settle(rig);
    for (size_t i = 0; i < GN_LEN(outcomes); i++)
        ended += figure(rig, outcomes[i]);
    assert_true(pushed == ended);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_pushed_event_arrives_with_its_id_and_type_of_content),
        TEST(an_address_that_no_transport_takes_is_unsupported),
        TEST(a_push_to_nobody_is_fine),
        TEST(a_lane_keeps_its_order_with_one_attempt_at_a_time),
        TEST(lanes_go_side_by_side_up_to_the_concurrency),
        TEST(order_holds_over_retries),
        TEST(a_retried_lane_does_not_hold_back_another),
        TEST(one_deferred_call_starts_a_bounded_number),
        TEST(a_sink_gets_more_attempts_side_by_side_as_it_takes_events),
        TEST(all_sinks_together_stay_below_their_limit_and_take_turns),
        TEST(a_dead_sink_does_not_delay_another),
        TEST(a_sink_without_answers_goes_down_and_comes_up_with_the_first_success),
        TEST(a_down_sink_tries_all_lanes_in_turn),
        TEST(busy_answers_do_not_take_a_sink_down),
        TEST(want_of_memory_here_says_nothing_about_the_receiver),
        TEST(a_refusal_is_given_up_after_its_tries_and_the_next_goes),
        TEST(what_a_transport_cannot_send_fails_at_once),
        TEST(a_send_without_memory_is_tried_again),
        TEST(a_receiver_that_is_gone_loses_backlog_and_what_comes),
        TEST(a_receiver_that_was_gone_is_tried_again_after_the_pause),
        TEST(an_event_expires_while_it_waits),
        TEST(an_event_that_fails_past_its_age_expires),
        TEST(beyond_its_maximum_a_sink_sheds_its_oldest),
        TEST(the_receivers_wish_to_wait_outlives_the_event_that_is_shed),
        TEST(what_is_under_way_is_not_shed),
        TEST(a_full_outbox_refuses_and_queues_nothing),
        TEST(a_full_outbox_takes_events_again_once_a_sink_is_down),
        TEST(an_event_larger_than_the_limit_sheds_nothing),
        TEST(the_backlog_of_a_dead_sink_makes_room_oldest_first),
        TEST(an_event_that_a_live_sink_holds_too_is_not_shed),
        TEST(two_dead_sinks_that_share_an_event_both_lose_it),
        TEST(event_bytes_are_counted_once_for_all_sinks),
        TEST(a_closed_sink_drops_its_queue_and_cancels_what_is_under_way),
        TEST(a_sink_can_be_closed_in_every_state),
        TEST(freeing_the_outbox_ends_everything),
        TEST(a_drained_outbox_gives_each_event_one_more_attempt),
        TEST(the_age_of_the_oldest_is_told),
        TEST(every_delivery_ends_exactly_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
