/* The outbox: order, retries, what is given up and when, what is in memory, what outlives the
 * process, and that nobody waits for somebody else. */
#include "outbox_bed.h"

#include <unistd.h>

#include "outbox_priv.h"

static int setup(void **state)
{
    struct rig *rig = rig_new();

    open_outbox(rig, &quick);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static int setup_lasting(void **state)
{
    struct rig *rig = rig_new();

    (void)snprintf(rig->folder, sizeof(rig->folder), "/tmp/gurnard-test-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    *state = rig;
    return 0;
}

static int teardown_lasting(void **state)
{
    struct rig *rig = *state;
    char command[256];

    rig->folder[strcspn(rig->folder, ".")] = '\0'; /* the first of them */
    (void)snprintf(command, sizeof(command), "rm -rf %s %s.*", rig->folder, rig->folder);
    rig_free(rig);
    return system(command);
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

    assert_int_equal(try_open_sink(rig, "s", "gopher://x", "/r", &sink), GN_EUNSUPPORTED);
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

static void dead_sinks_leave_attempts_to_the_others(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct fake_rule *dead = fake_rule(rig->fake, "fake://dead");
    struct gn_sink *sink;

    config.max_in_flight = 4;
    open_outbox(rig, &config);
    dead->err = GN_ECONN;
    for (int i = 0; i < 8; i++)
        push(rig, open_sink(rig, "fake://dead"), 1);
    for (int i = 0; rig->outbox->sinks_down < 8; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
    dead->hangs = true;
    while (dead->active < 2)
        turn(rig);
    sink = open_sink(rig, "fake://b");
    for (int i = 0; i < 20; i++)
        push(rig, sink, (uint64_t)i);
    for (int i = 0; status_of(sink).delivered < 20; i++) {
        assert_true(i < 200);
        turn(rig);
    }
    assert_int_equal(dead->active, 2);
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

static void a_down_sink_tries_also_who_stands_behind_a_long_lane(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    bool is_tried = false;

    fake_rule(rig->fake, "fake://a")->err = GN_ETIMEOUT;
    for (int i = 0; i < 100; i++)
        push(rig, sink, 1);
    while (!status_of(sink).is_down)
        turn(rig);
    push(rig, sink, 2);
    while (sink->probes < 10)
        turn(rig);
    gn_window_wake(sink); /* as the tick does */
    for (int i = 0; !is_tried && i < 200; i++) {
        turn(rig);
        is_tried = number_in(&rig->fake->notes[rig->fake->note_count - 1]) == 100;
    }
    assert_true(is_tried);
    assert_int_equal(sink->window_count, 101);
    fake_rule(rig->fake, "fake://a")->err = GN_OK;
    settle(rig);
    assert_int_equal(status_of(sink).delivered, 101);
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

static void a_refusal_ends_dead_after_its_tries_and_the_next_goes(void **state)
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
    assert_true(figure(rig, "dead") == 1);
    assert_true(figure(rig, "delivered") == 1);
    assert_non_null(strstr(status_of(sink).last_error, "422"));
}

static void what_a_transport_cannot_send_is_dead_at_once(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    fake_rule(rig->fake, "fake://a")->send_err = GN_EINVAL;
    push(rig, sink, 1);
    settle(rig);
    assert_true(figure(rig, "dead") == 1);
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

static void a_receiver_that_says_it_is_gone_is_paused_and_loses_nothing(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_ENOTFOUND;
    rule->status = 410;
    for (int i = 0; i < 5; i++)
        push(rig, sink, 1);
    while (!status_of(sink).is_paused)
        turn(rig);
    push(rig, sink, 2);
    for (int i = 0; i < 5; i++)
        turn(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_int_equal(status_of(sink).queued, 6);
    assert_false(status_of(sink).is_down);
    assert_non_null(strstr(status_of(sink).last_error, "410"));
}

static void a_paused_receiver_is_tried_after_the_pause_and_a_success_ends_it(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.gone_pause_ms = 5;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    fake_rule(rig->fake, "fake://a")->err = GN_ENOTFOUND;
    fake_rule(rig->fake, "fake://a")->times = 2;
    push(rig, sink, 1);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 3);
    assert_int_equal(status_of(sink).delivered, 1);
    assert_false(status_of(sink).is_paused);
}

static void other_failures_do_not_end_a_pause(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");
    struct gn_sink *sink;

    config.gone_pause_ms = 1;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    rule->err = GN_ENOTFOUND;
    push(rig, sink, 1);
    push(rig, sink, 2);
    while (!status_of(sink).is_paused)
        turn(rig);
    while (rule->active > 0)
        turn(rig);
    rule->err = GN_EREFUSED;
    rule->most_active = 0;
    while (rig->fake->note_count < 6)
        turn(rig);
    assert_true(status_of(sink).is_paused);
    assert_int_equal(rule->most_active, 1);
}

/* ---- dead letters ---- */

static void open_letters(struct rig *rig)
{
    char folder[80];

    (void)snprintf(folder, sizeof(folder), "%s.letters", rig->folder);
    assert_int_equal(gn_deadletters_open(rig->loop, folder, 1 << 20, rig->metrics, &rig->letters),
                     GN_OK);
    open_outbox(rig, &quick);
}

static void note_letter(void *ctx, enum gn_err err, const struct gn_deadletter *letter)
{
    char **said = ctx;
    struct gn_buf out = GN_BUF_INIT;

    if (err != GN_OK) {
        *said = strdup(gn_err_text(err));
        return;
    }
    gn_buf_printf(&out, "%.*s %.*s %d %.*s %u", (int)letter->subscription.len,
                  letter->subscription.p, (int)letter->address.len, letter->address.p,
                  letter->status, (int)letter->answer.len, letter->answer.p, letter->attempts);
    *said = gn_buf_take(&out);
}

static bool note_number(void *ctx, const struct gn_deadletter_entry *entry)
{
    uint64_t *number = ctx;

    *number = entry->number;
    return true;
}

static void what_is_refused_for_good_becomes_a_dead_letter(void **state)
{
    struct rig *rig = *state;
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");
    uint64_t number = 0;
    char *said = NULL;

    open_letters(rig);
    rule->err = GN_EREFUSED;
    rule->status = 422;
    rule->answer = "no such thing";
    push(rig, open_sink(rig, "fake://a"), 1);
    settle(rig);
    assert_true(figure(rig, "dead") == 1);
    gn_deadletters_each(rig->letters, 0, note_number, &number);
    assert_int_equal(gn_deadletters_get(rig->letters, number, note_letter, &said), GN_OK);
    while (said == NULL)
        turn(rig);
    assert_string_equal(said, "sub-1 fake://a 422 no such thing 3");
    free(said);
}

/* ---- what expires ---- */

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
    assert_int_equal(status_of(sink).expired, 2);
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

/* ---- in memory ---- */

static void forget_notes(struct rig *rig)
{
    for (size_t i = 0; i < rig->fake->note_count; i++)
        free(rig->fake->notes[i].body);
    rig->fake->note_count = 0;
}

#define BIG 1000

static struct gn_sink *make_down(struct rig *rig, const char *address)
{
    struct gn_sink *sink = open_sink(rig, address);

    fake_rule(rig->fake, address)->err = GN_ECONN;
    push(rig, sink, 99);
    while (!status_of(sink).is_down)
        turn(rig);
    return sink;
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

/* memory: of all windows together, with a hot ring so small that all else is read. */
static struct gn_sink *open_narrow(struct rig *rig, const char *address)
{
    struct gn_outbox_config config = quick;

    config.memory_bytes = 4000;
    open_outbox(rig, &config);
    return open_sink(rig, address);
}

static void a_sink_without_room_reads_the_rest_and_keeps_the_order(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_narrow(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_EBUSY; /* so that all is on disk before the first is taken */
    rule->times = 1;
    rule->retry_after_ms = 500;
    for (int i = 0; i < 900; i++)
        assert_int_equal(push_event(rig, make_event(rig, 7, BIG), &sink, 1), GN_OK);
    assert_true(status_of(sink).is_behind);
    assert_int_equal(status_of(sink).queued, 900);
    while (!gn_journal_is_durable(rig->journal) || status_of(sink).retries == 0)
        turn(rig);
    push(rig, sink, 7); /* the others need not be held in memory any more */
    assert_true(memory_bytes(rig) <= GN_WINDOW_READ_BYTES);
    while (gn_outbox_pending(rig->outbox) > 0) {
        turn(rig);
        assert_true(memory_bytes(rig) <= 2 * GN_WINDOW_READ_BYTES);
    }
    assert_int_equal(rig->fake->note_count, 902);
    for (unsigned i = 0; i < 901; i++)
        assert_int_equal(number_in(&rig->fake->notes[i + 1]), i);
    assert_true(reads(rig) >= 2);
    turn(rig);
    assert_false(status_of(sink).is_behind);
}

static void a_sink_a_little_behind_needs_no_read(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.memory_bytes = 1 << 20;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    fake_rule(rig->fake, "fake://a")->err = GN_ECONN;
    for (uint64_t i = 0; i < 200; i++)
        push(rig, sink, i % 3);
    while (!status_of(sink).is_behind)
        turn(rig);
    fake_rule(rig->fake, "fake://a")->err = GN_OK;
    settle(rig);
    assert_int_equal(status_of(sink).delivered, 200);
    assert_true(reads(rig) == 0);
}

static void a_sink_that_is_down_keeps_few_events_in_memory_and_loses_none(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    unsigned last[5] = {0};
    uint64_t one;

    fake_rule(rig->fake, "fake://a")->err = GN_ECONN;
    assert_int_equal(push_event(rig, make_event(rig, 0, BIG), &sink, 1), GN_OK);
    one = memory_bytes(rig) + 8;
    for (uint64_t i = 1; i < 500; i++)
        assert_int_equal(push_event(rig, make_event(rig, i % 5, BIG), &sink, 1), GN_OK);
    while (!status_of(sink).is_down || status_of(sink).in_flight > 0)
        turn(rig);
    assert_int_equal(status_of(sink).queued, 500);
    assert_true(memory_bytes(rig) <= GN_WINDOW_DOWN_EVENTS * one);
    assert_true(status_of(sink).is_behind);
    for (uint64_t i = 0; i < 100; i++)
        push(rig, sink, i % 5);
    fake_rule(rig->fake, "fake://a")->err = GN_OK;
    forget_notes(rig);
    settle(rig);
    assert_int_equal(status_of(sink).delivered, 600);
    assert_int_equal(rig->fake->note_count, 600);
    for (size_t i = 0; i < 600; i++) {
        unsigned number = number_in(&rig->fake->notes[i]);

        assert_true(last[number % 5] <= number); /* of one lane, in order */
        last[number % 5] = number;
    }
}

/* A lane waits while the others go on; then the sink goes down, and most of the lane has to leave
 * memory, from between what has been delivered. */
static void what_leaves_memory_in_between_comes_back_one_by_one(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");
    unsigned next = 0;

    rule->err = GN_EBUSY;
    rule->times = 1;
    rule->retry_after_ms = 60000;
    push(rig, sink, 1);
    while (status_of(sink).retries == 0)
        turn(rig);
    rule->retry_after_ms = 0;
    for (int i = 0; i < 80; i++)
        push(rig, sink, i % 2 == 0 ? 1 : 2);
    while (status_of(sink).delivered < 40)
        turn(rig);
    rule->err = GN_ECONN;
    push(rig, sink, 3);
    while (!status_of(sink).is_down || status_of(sink).in_flight > 0)
        turn(rig);
    assert_int_equal(sink->window_count, GN_WINDOW_DOWN_EVENTS);
    assert_int_equal(sink->keep.count, 42 - sink->window_count);
    rule->err = GN_OK;
    forget_notes(rig);
    gn_outbox_drain(rig->outbox); /* ends the wait */
    settle(rig);
    assert_int_equal(rig->fake->note_count, 42);
    for (size_t i = 0; i < rig->fake->note_count; i++) {
        unsigned number = number_in(&rig->fake->notes[i]);

        if (number == 81)
            continue; /* of lane 3 */
        assert_int_equal(number, next);
        next = next == 0 ? 1 : next + 2;
    }
    assert_true(figure(rig, "lost") == 0);
}

static void others_overtake_a_lane_that_waits_also_from_the_journal(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_narrow(rig, "fake://a");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    rule->err = GN_EBUSY;
    rule->times = 1;
    rule->retry_after_ms = 60000;
    push(rig, sink, 1);
    while (status_of(sink).retries == 0)
        turn(rig);
    for (int i = 0; i < 100; i++)
        push(rig, sink, 1);
    for (uint64_t i = 0; i < 600; i++)
        assert_int_equal(push_event(rig, make_event(rig, 2 + i % 3, BIG), &sink, 1), GN_OK);
    assert_true(status_of(sink).is_behind);
    for (int i = 0; status_of(sink).delivered < 600; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
    assert_int_equal(status_of(sink).queued, 101);
}

static void events_of_other_resources_are_passed_over(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *all = open_narrow(rig, "fake://a");
    struct gn_sink *none = NULL;

    assert_int_equal(try_open_sink(rig, "none", "fake://n", "/other", &none), GN_OK);
    for (int i = 0; i < 600; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1, BIG), &all, 1), GN_OK);
    settle(rig);
    assert_int_equal(fake_count(rig->fake, "fake://n"), 0);
    assert_false(status_of(none).is_behind);
}

static void the_events_of_one_post_are_one_record(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct gn_event *events[3];
    uint64_t next = gn_journal_next(rig->journal);

    for (size_t i = 0; i < GN_LEN(events); i++)
        events[i] = make_event(rig, 1, 0);
    assert_int_equal(gn_outbox_push(rig->outbox, events, GN_LEN(events), &sink, 1), GN_OK);
    for (size_t i = 0; i < GN_LEN(events); i++)
        gn_event_unref(events[i]);
    assert_int_equal(gn_journal_next(rig->journal), next + 3);
    settle(rig);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(number_in(&rig->fake->notes[i]), i);
}

static void lists_of_sequences_stay_sorted(void **state)
{
    static const uint64_t first[] = {3, 9, 20}, more[] = {1, 4, 8, 21};
    static const uint64_t want[] = {1, 3, 4, 8, 9, 15, 20, 21};
    struct gn_keep keep = {0};

    (void)state;
    assert_true(gn_keep_lowest(&keep) == UINT64_MAX && gn_keep_highest(&keep) == 0);
    assert_int_equal(gn_keep_merge(&keep, first, GN_LEN(first)), GN_OK);
    assert_int_equal(gn_keep_merge(&keep, more, GN_LEN(more)), GN_OK);
    assert_int_equal(gn_keep_add(&keep, 15), GN_OK);
    assert_int_equal(gn_keep_add(&keep, 15), GN_OK);
    assert_int_equal(keep.count, GN_LEN(want));
    for (size_t i = 0; i < GN_LEN(want); i++)
        assert_int_equal(keep.all[keep.first + i], want[i]);
    assert_true(gn_keep_take(&keep, 8) && gn_keep_take(&keep, 1) && !gn_keep_take(&keep, 2));
    assert_true(gn_keep_has(&keep, 9) && !gn_keep_has(&keep, 8));
    gn_keep_cut(&keep, 15);
    assert_int_equal(gn_keep_highest(&keep), 15);
    assert_int_equal(gn_keep_lowest(&keep), 3);
    for (uint64_t i = 100; i < 300; i++)
        assert_int_equal(gn_keep_add(&keep, i), GN_OK);
    assert_int_equal(gn_keep_highest(&keep), 299);
    gn_keep_free(&keep);
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
    assert_true(figure(rig, "dropped") == 4);
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

/* ---- what outlives the process ---- */

/* The process ends and another one begins, with the store in folder. Opens the sinks a and b. */
static void restart(struct rig *rig, const struct gn_outbox_config *config, struct gn_sink **sinks)
{
    gn_outbox_free(rig->outbox);
    gn_journal_close(rig->journal);
    forget_notes(rig);
    open_journal(rig);
    new_outbox(rig, config);
    sinks[0] = open_sink_as(rig, "sub-a", "fake://a");
    sinks[1] = open_sink_as(rig, "sub-b", "fake://b");
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
}

/* What is written by now is what a crash leaves: the next restart() begins with it. */
static void crash(struct rig *rig)
{
    char command[256];

    (void)snprintf(command, sizeof(command), "cp -r %s %s.crash", rig->folder, rig->folder);
    assert_int_equal(system(command), 0);
    (void)snprintf(rig->folder + strlen(rig->folder), 7, ".crash");
}

/* Until progress and events are on disk. */
static void wait_written(struct rig *rig)
{
    uint64_t until_ms = gn_loop_now_ms(rig->loop) + 2 * GN_OUTBOX_PROGRESS_MS;

    while (gn_loop_now_ms(rig->loop) < until_ms || !gn_journal_is_durable(rig->journal))
        turn(rig);
}

static void what_was_not_delivered_comes_after_a_restart_and_nothing_twice(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];

    restart(rig, &quick, sinks);
    fake_rule(rig->fake, "fake://b")->err = GN_ECONN;
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(push_event(rig, make_event(rig, i % 3, 0), sinks, 2), GN_OK);
    while (status_of(sinks[0]).delivered < 40 || !status_of(sinks[1]).is_down)
        turn(rig);
    fake_rule(rig->fake, "fake://b")->err = GN_OK;
    restart(rig, &quick, sinks);
    assert_true(figure(rig, "dropped") == 0);
    assert_int_equal(status_of(sinks[0]).queued, 0);
    assert_int_equal(status_of(sinks[1]).queued, 40);
    settle(rig);
    assert_int_equal(fake_count(rig->fake, "fake://a"), 0);
    assert_int_equal(fake_count(rig->fake, "fake://b"), 40);
    assert_true(figure(rig, "lost") == 0);
    restart(rig, &quick, sinks);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
}

static void a_crash_repeats_only_what_was_under_way(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];

    restart(rig, &quick, sinks);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(push_event(rig, make_event(rig, i, 0), sinks, 1), GN_OK);
    settle(rig);
    fake_rule(rig->fake, "fake://a")->hangs = true;
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(push_event(rig, make_event(rig, i, 0), sinks, 1), GN_OK);
    wait_written(rig);
    crash(rig);
    fake_rule(rig->fake, "fake://a")->hangs = false;
    restart(rig, &quick, sinks);
    assert_int_equal(status_of(sinks[0]).queued, 6);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_in_range(number_in(&rig->fake->notes[i]), 10, 15);
}

static void a_lane_that_was_held_back_is_remembered_one_by_one(void **state)
{
    struct rig *rig = *state;
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");
    struct gn_sink *sinks[2];

    restart(rig, &quick, sinks);
    rule->err = GN_EBUSY;
    rule->times = 1;
    rule->retry_after_ms = 60000;
    assert_int_equal(push_event(rig, make_event(rig, 1, 0), sinks, 1), GN_OK);
    while (status_of(sinks[0]).retries == 0)
        turn(rig);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(push_event(rig, make_event(rig, 1 + i % 2, 0), sinks, 1), GN_OK);
    while (status_of(sinks[0]).delivered < 10)
        turn(rig);
    wait_written(rig);
    crash(rig);
    restart(rig, &quick, sinks);
    assert_int_equal(status_of(sinks[0]).queued, 11);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 11);
    assert_int_equal(number_in(&rig->fake->notes[0]), 0);
    for (unsigned i = 1; i < 11; i++)
        assert_int_equal(number_in(&rig->fake->notes[i]), 2 * i - 1);
    assert_true(figure(rig, "lost") == 0);
}

static void a_sink_without_progress_begins_with_the_next_event(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];
    struct gn_sink *late;

    restart(rig, &quick, sinks);
    for (int i = 0; i < 3; i++)
        push(rig, sinks[0], 1);
    late = open_sink_as(rig, "late", "fake://late");
    push(rig, late, 1);
    settle(rig);
    assert_int_equal(fake_count(rig->fake, "fake://late"), 1);
    restart(rig, &quick, sinks);
    late = open_sink_as(rig, "later", "fake://late");
    push(rig, late, 1);
    settle(rig);
    assert_int_equal(fake_count(rig->fake, "fake://late"), 1);
}

static void the_progress_of_a_subscription_that_is_gone_is_passed_over(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];
    struct gn_sink *gone;

    restart(rig, &quick, sinks);
    gone = open_sink_as(rig, "gone", "fake://gone");
    fake_rule(rig->fake, "fake://gone")->err = GN_ECONN;
    push(rig, gone, 1);
    wait_written(rig);
    restart(rig, &quick, sinks);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
    assert_null(gn_outbox_find_sink(rig->outbox, GN_STR("gone")));
    assert_ptr_equal(gn_outbox_find_sink(rig->outbox, GN_STR("sub-a")), sinks[0]);
}

static void broken_progress_is_no_progress(void **state)
{
    static const struct gn_str bad[] = {
        GN_STR_INIT(""),                                  /* nothing */
        GN_STR_INIT("\x05sub-a"),                         /* cut */
        GN_STR_INIT("\x05sub-a\x00\x00\x00"),             /* sequence 0 */
        GN_STR_INIT("\x05sub-a\x09\x01\x02\x03"),         /* one listed is missing */
        GN_STR_INIT("\x05sub-a\x09\x01\x01\x09"),         /* not below */
        GN_STR_INIT("\x05sub-a\x09\x02\x02\x03\x00"),     /* twice the same */
        GN_STR_INIT("\x05sub-a\x09\x01\xff\xff\x7f\x01"), /* more than there is */
    };
    struct rig *rig = *state;

    open_journal(rig);
    new_outbox(rig, &quick);
    (void)open_sink_as(rig, "sub-a", "fake://a");
    for (size_t i = 0; i < GN_LEN(bad); i++)
        gn_outbox_recover_progress(
            rig->outbox, &(struct gn_record){.sequence = 10, .clock_ms = 1, .payload = bad[i]});
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
}

/* A journal that left a failed segment writes a checkpoint, and behind it the older records that it
 * had in memory. */
static void progress_that_was_overtaken_is_passed_over(void **state)
{
    static const struct gn_str newer = GN_STR_INIT("\x05sub-a\x01\x02\x00"); /* two pending */
    static const struct gn_str older = GN_STR_INIT("\x05sub-a\x01\x00\x00"); /* none */
    struct rig *rig = *state;
    struct gn_sink *sink;

    open_journal(rig);
    new_outbox(rig, &quick);
    sink = open_sink_as(rig, "sub-a", "fake://a");
    gn_outbox_recover_progress(rig->outbox,
                               &(struct gn_record){.sequence = 3, .clock_ms = 1, .payload = newer});
    gn_outbox_recover_progress(rig->outbox,
                               &(struct gn_record){.sequence = 1, .clock_ms = 1, .payload = older});
    gn_outbox_recover_event(rig->outbox, 2, &sink, 1);
    assert_int_equal(gn_outbox_pending(rig->outbox), 2);
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
    assert_true(status_of(sink).is_behind);
}

static void events_the_journal_has_lost_are_counted(void **state)
{
    /* from the first event on, two pending; the journal is empty */
    static const struct gn_str progress = GN_STR_INIT("\x05sub-a\x01\x02\x00");
    struct rig *rig = *state;
    struct gn_sink *sink;

    open_journal(rig);
    new_outbox(rig, &quick);
    sink = open_sink_as(rig, "sub-a", "fake://a");
    gn_outbox_recover_progress(
        rig->outbox, &(struct gn_record){.sequence = 1, .clock_ms = 1, .payload = progress});
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
    assert_int_equal(gn_outbox_pending(rig->outbox), 2);
    settle(rig);
    assert_true(figure(rig, "lost") == 2);
    assert_false(status_of(sink).is_behind);
}

static void a_long_backlog_is_read_back_after_a_restart(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];

    restart(rig, &quick, sinks);
    fake_rule(rig->fake, "fake://a")->err = GN_ECONN;
    for (uint64_t i = 0; i < 1500; i++)
        assert_int_equal(push_event(rig, make_event(rig, i % 7, BIG), sinks, 1), GN_OK);
    while (!status_of(sinks[0]).is_down)
        turn(rig);
    fake_rule(rig->fake, "fake://a")->err = GN_OK;
    restart(rig, &quick, sinks);
    assert_int_equal(status_of(sinks[0]).queued, 1500);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1500);
    assert_true(figure(rig, "lost") == 0);
}

static void a_drained_outbox_on_disk_lets_out_what_can_go(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];

    restart(rig, &quick, sinks);
    for (int i = 0; i < 5; i++)
        push(rig, sinks[0], 1);
    assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    gn_outbox_drain(rig->outbox);
    assert_false(gn_outbox_is_drained(rig->outbox));
    while (!gn_outbox_is_drained(rig->outbox))
        turn(rig);
    assert_int_equal(rig->fake->note_count, 5);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
}

static void a_drained_outbox_on_disk_waits_for_nobody_and_keeps_the_rest(void **state)
{
    struct gn_outbox_config patient = quick;
    struct rig *rig = *state;
    struct gn_sink *sinks[2];

    patient.backoff = (struct gn_backoff){.min_ms = 60000, .max_ms = 60000};
    restart(rig, &patient, sinks);
    fake_rule(rig->fake, "fake://a")->err = GN_EBUSY;
    for (int i = 0; i < 5; i++)
        push(rig, sinks[0], 1);
    assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    gn_outbox_drain(rig->outbox);
    while (!gn_outbox_is_drained(rig->outbox))
        turn(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_int_equal(gn_outbox_pending(rig->outbox), 5);
    fake_rule(rig->fake, "fake://a")->err = GN_OK;
    restart(rig, &quick, sinks);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 5);
}

/* Else the next start would send again what was refused. */
static void an_outbox_is_not_drained_before_its_dead_letters_are_on_disk(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];
    char folder[96];

    (void)snprintf(folder, sizeof(folder), "%s.letters", rig->folder);
    assert_int_equal(gn_deadletters_open(rig->loop, folder, 1 << 20, rig->metrics, &rig->letters),
                     GN_OK);
    while (!gn_deadletters_is_durable(rig->letters))
        turn(rig);
    restart(rig, &quick, sinks);
    fake_rule(rig->fake, "fake://a")->send_err = GN_EINVAL;
    push(rig, sinks[0], 1);
    gn_outbox_drain(rig->outbox);
    while (figure(rig, "dead") == 0)
        turn(rig);
    assert_false(gn_deadletters_is_durable(rig->letters));
    assert_false(gn_outbox_is_drained(rig->outbox));
    while (!gn_outbox_is_drained(rig->outbox))
        turn(rig);
    assert_true(gn_deadletters_is_durable(rig->letters));
    restart(rig, &quick, sinks);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
}

static void segments_go_when_all_sinks_have_their_events(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];
    struct gn_outbox_status status;

    restart(rig, &quick, sinks);
    for (int i = 0; i < 5; i++)
        push(rig, sinks[0], 1);
    settle(rig);
    gn_outbox_status(rig->outbox, &status);
    assert_int_equal(status.delivered, 5);
    gn_progress_set_needed(rig->outbox);
    assert_int_equal(rig->outbox->needed, gn_journal_next(rig->journal));
    fake_rule(rig->fake, "fake://a")->hangs = true;
    push(rig, sinks[0], 1);
    push(rig, sinks[1], 1);
    while (status_of(sinks[1]).delivered == 0)
        turn(rig);
    gn_progress_set_needed(rig->outbox);
    assert_int_equal(rig->outbox->needed, gn_journal_next(rig->journal) - 2);
}

struct glance {
    const struct gn_outbox *outbox;
    uint64_t needed;
};

static void take_glance(void *ctx)
{
    struct glance *glance = ctx;

    glance->needed = glance->outbox->needed;
}

static void what_is_left_at_the_end_stays_needed(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];
    struct glance glance;
    struct gn_timer timer = {0};

    restart(rig, &quick, sinks);
    fake_rule(rig->fake, "fake://a")->hangs = true;
    push(rig, sinks[0], 1);
    while (status_of(sinks[0]).in_flight == 0)
        turn(rig);
    glance = (struct glance){.outbox = rig->outbox};
    gn_timer_init(&timer, rig->loop, take_glance, &glance);
    gn_timer_start(&rig->outbox->tick, 0); /* due while the attempt is being cancelled */
    gn_timer_start(&timer, 0);
    gn_outbox_free(rig->outbox);
    rig->outbox = NULL;
    assert_true(glance.needed <= 1);
    gn_timer_fini(&timer);
}

/* ---- many at once ---- */

/* Random pushes, failures and closings; what was pushed must be accounted for in full. */
static void every_delivery_ends_exactly_once(void **state)
{
    static const enum gn_err errors[] = {GN_OK,     GN_OK,        GN_EBUSY,
                                         GN_ECONN,  GN_ETIMEOUT,  GN_EREFUSED,
                                         GN_EINVAL, GN_ENOTFOUND, GN_OK};
    static const char *const outcomes[] = {"delivered",    "dead",    "expired", "shed",
                                           "unsubscribed", "dropped", "lost"};
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sinks[8] = {NULL};
    double pushed = 0, ended = 0;
    unsigned seed = 12345;

    config.memory_bytes = 4000; /* so that much is read back */
    config.gone_pause_ms = 1;
    open_outbox(rig, &config);
    for (int i = 0; i < 1000; i++) {
        char address[32];
        size_t s;

        seed = seed * 1103515245U + 12345U;
        s = (seed >> 16) % GN_LEN(sinks);
        (void)snprintf(address, sizeof(address), "fake://%zu", s);
        if (sinks[s] == NULL) {
            assert_int_equal(try_open_sink(rig, address, address, address, &sinks[s]), GN_OK);
        } else if ((seed >> 8) % 37 == 0) {
            gn_outbox_close_sink(sinks[s]);
            sinks[s] = NULL;
            continue;
        }
        fake_rule(rig->fake, address)->err = errors[(seed >> 20) % GN_LEN(errors)];
        if (push_event(rig, make_event_of(rig, address, (seed >> 12) % 4, 50), &sinks[s], 1) ==
            GN_OK)
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

#define STORM_SINKS  4U
#define STORM_LANES  5U
#define STORM_ROUNDS 8U
#define STORM_PUSHES 400U
#define STORM_TURNS  60

/* What was pushed and what was seen, by sink and lane; events are known by their number. */
struct storm {
    struct gn_sink *sinks[STORM_SINKS];
    char names[STORM_SINKS][16]; /* id and resource */
    char addresses[STORM_SINKS][32];
    uint8_t sink_of[STORM_ROUNDS * STORM_PUSHES], lane_of[STORM_ROUNDS * STORM_PUSHES];
    bool is_seen[STORM_ROUNDS * STORM_PUSHES];
    unsigned seed;
};

static unsigned storm_random(struct storm *storm, unsigned below)
{
    storm->seed = storm->seed * 1103515245U + 12345U;
    return (storm->seed >> 16) % below;
}

/* A message may come again, but when one comes, those before it in its lane have come. */
static void storm_check(struct rig *rig, struct storm *storm)
{
    for (size_t i = 0; i < rig->fake->note_count; i++) {
        unsigned number = number_in(&rig->fake->notes[i]);

        assert_string_equal(rig->fake->notes[i].address, storm->addresses[storm->sink_of[number]]);
        storm->is_seen[number] = true;
        for (unsigned n = 0; n < number; n++)
            assert_true(storm->is_seen[n] || storm->sink_of[n] != storm->sink_of[number] ||
                        storm->lane_of[n] != storm->lane_of[number]);
    }
    forget_notes(rig);
}

static void storm_restart(struct rig *rig, struct storm *storm)
{
    struct gn_outbox_config config = quick;

    config.memory_bytes = 4000;
    config.gone_pause_ms = 2;
    gn_outbox_free(rig->outbox);
    gn_journal_close(rig->journal);
    storm_check(rig, storm);
    open_journal(rig);
    new_outbox(rig, &config);
    for (unsigned i = 0; i < STORM_SINKS; i++) {
        (void)snprintf(storm->names[i], sizeof(storm->names[i]), "/r%u", i);
        (void)snprintf(storm->addresses[i], sizeof(storm->addresses[i]), "fake://%u", i);
        fake_rule(rig->fake, storm->addresses[i])->hangs = false;
        assert_int_equal(try_open_sink(rig, storm->names[i], storm->addresses[i], storm->names[i],
                                       &storm->sinks[i]),
                         GN_OK);
    }
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
}

/* Another sink answers otherwise. */
static void storm_change(struct rig *rig, struct storm *storm)
{
    static const enum gn_err errors[] = {GN_OK,    GN_OK,       GN_OK,       GN_EBUSY,
                                         GN_ECONN, GN_ETIMEOUT, GN_ENOTFOUND};
    unsigned sink = storm_random(storm, STORM_SINKS);

    fake_rule(rig->fake, storm->addresses[sink])->err = errors[storm_random(storm, 7)];
}

static void storm_push(struct rig *rig, struct storm *storm)
{
    unsigned sink = storm_random(storm, STORM_SINKS), lane = storm_random(storm, STORM_LANES);

    storm->sink_of[rig->event_number] = (uint8_t)sink;
    storm->lane_of[rig->event_number] = (uint8_t)lane;
    assert_int_equal(push_event(rig, make_event_of(rig, storm->names[sink], lane, BIG),
                                &storm->sinks[sink], 1),
                     GN_OK);
    if (storm_random(storm, 4) > 0)
        return;
    storm_change(rig, storm);
    assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    storm_check(rig, storm);
}

static void storm_go_on(struct rig *rig, struct storm *storm)
{
    for (int i = 0; i < STORM_TURNS || !gn_journal_is_durable(rig->journal); i++) {
        storm_change(rig, storm);
        assert_int_equal(gn_loop_turn(rig->loop, 2), GN_OK);
        storm_check(rig, storm);
    }
}

/* Sinks that fail in all ways, go down, are paused, have next to no memory; the process ends well
 * or in the middle of everything. */
static void over_restarts_and_crashes_nothing_is_lost_and_lanes_keep_their_order(void **state)
{
    struct rig *rig = *state;
    struct storm *storm = calloc(1, sizeof(*storm));

    assert_non_null(storm);
    storm->seed = 4711;
    for (unsigned round = 0; round < STORM_ROUNDS; round++) {
        storm_restart(rig, storm);
        for (unsigned i = 0; i < STORM_PUSHES; i++)
            storm_push(rig, storm);
        storm_go_on(rig, storm);
        if (round % 2 == 0) {
            storm_check(rig, storm);
            crash(rig);
        }
    }
    for (unsigned i = 0; i < STORM_SINKS; i++)
        fake_rule(rig->fake, storm->addresses[i])->err = GN_OK;
    storm_restart(rig, storm);
    for (int i = 0; gn_outbox_pending(rig->outbox) > 0; i++) {
        assert_true(i < 5 * TURNS_MAX);
        turn(rig);
        storm_check(rig, storm);
    }
    for (unsigned n = 0; n < rig->event_number; n++)
        assert_true(storm->is_seen[n]);
    assert_true(figure(rig, "lost") == 0);
    free(storm);
}

int main(void)
{
#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LASTING(name) cmocka_unit_test_setup_teardown(name, setup_lasting, teardown_lasting)
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
        TEST(dead_sinks_leave_attempts_to_the_others),
        TEST(a_sink_without_answers_goes_down_and_comes_up_with_the_first_success),
        TEST(a_down_sink_tries_all_lanes_in_turn),
        TEST(a_down_sink_tries_also_who_stands_behind_a_long_lane),
        TEST(busy_answers_do_not_take_a_sink_down),
        TEST(want_of_memory_here_says_nothing_about_the_receiver),
        TEST(a_refusal_ends_dead_after_its_tries_and_the_next_goes),
        TEST(what_a_transport_cannot_send_is_dead_at_once),
        TEST(a_send_without_memory_is_tried_again),
        TEST(a_receiver_that_says_it_is_gone_is_paused_and_loses_nothing),
        TEST(a_paused_receiver_is_tried_after_the_pause_and_a_success_ends_it),
        TEST(other_failures_do_not_end_a_pause),
        LASTING(what_is_refused_for_good_becomes_a_dead_letter),
        TEST(an_event_expires_while_it_waits),
        TEST(an_event_that_fails_past_its_age_expires),
        TEST(event_bytes_are_counted_once_for_all_sinks),
        LASTING(a_sink_without_room_reads_the_rest_and_keeps_the_order),
        TEST(a_sink_a_little_behind_needs_no_read),
        TEST(a_sink_that_is_down_keeps_few_events_in_memory_and_loses_none),
        TEST(what_leaves_memory_in_between_comes_back_one_by_one),
        LASTING(others_overtake_a_lane_that_waits_also_from_the_journal),
        TEST(events_of_other_resources_are_passed_over),
        TEST(the_events_of_one_post_are_one_record),
        TEST(lists_of_sequences_stay_sorted),
        TEST(a_closed_sink_drops_its_queue_and_cancels_what_is_under_way),
        TEST(a_sink_can_be_closed_in_every_state),
        TEST(freeing_the_outbox_ends_everything),
        TEST(a_drained_outbox_gives_each_event_one_more_attempt),
        TEST(the_age_of_the_oldest_is_told),
        LASTING(what_was_not_delivered_comes_after_a_restart_and_nothing_twice),
        LASTING(a_crash_repeats_only_what_was_under_way),
        LASTING(a_lane_that_was_held_back_is_remembered_one_by_one),
        LASTING(a_sink_without_progress_begins_with_the_next_event),
        LASTING(the_progress_of_a_subscription_that_is_gone_is_passed_over),
        LASTING(broken_progress_is_no_progress),
        LASTING(progress_that_was_overtaken_is_passed_over),
        LASTING(events_the_journal_has_lost_are_counted),
        LASTING(a_long_backlog_is_read_back_after_a_restart),
        LASTING(a_drained_outbox_on_disk_lets_out_what_can_go),
        LASTING(a_drained_outbox_on_disk_waits_for_nobody_and_keeps_the_rest),
        LASTING(an_outbox_is_not_drained_before_its_dead_letters_are_on_disk),
        LASTING(what_is_left_at_the_end_stays_needed),
        LASTING(segments_go_when_all_sinks_have_their_events),
        TEST(every_delivery_ends_exactly_once),
        LASTING(over_restarts_and_crashes_nothing_is_lost_and_lanes_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
