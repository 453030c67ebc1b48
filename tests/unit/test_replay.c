/* Events that are sent once more: which ones a replay takes, that it comes behind nothing and holds
 * nothing back, and how it and single events end. */
#include "outbox_bed.h"

#include "gurnard/relay/replay.h"

/* The calendar time of arrival of the event with this number. */
#define TIME_OF(number) ((int64_t)(number)*1000)

#define FOREVER INT64_MAX

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
    open_outbox(rig, &quick);
    *state = rig;
    return 0;
}

static int teardown_lasting(void **state)
{
    struct rig *rig = *state;
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf %s", rig->folder);
    rig_free(rig);
    return system(command);
}

static void forget_notes(struct rig *rig)
{
    for (size_t i = 0; i < rig->fake->note_count; i++)
        free(rig->fake->notes[i].body);
    rig->fake->note_count = 0;
}

static struct gn_event *make_timed(struct rig *rig, struct gn_str resource)
{
    unsigned number = rig->event_number++;
    struct gn_buf data = GN_BUF_INIT;
    struct gn_event *event;

    gn_buf_printf(&data, "{\"n\":%u}", number);
    event = gn_event_new(&(struct gn_event_parts){.id = gn_id_random(),
                                                  .type = GN_STR("t"),
                                                  .source = GN_STR("/s"),
                                                  .resource = resource,
                                                  .data = gn_buf_str(&data),
                                                  .received_ns = TIME_OF(number),
                                                  .lane = number % 3});
    gn_buf_free(&data);
    assert_non_null(event);
    return event;
}

/* Stores so many events that are delivered to nobody. */
static void store(struct rig *rig, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(push_event(rig, make_timed(rig, GN_STR("/r")), NULL, 0), GN_OK);
}

/* The process ends and another one begins. Returns the sink. */
static struct gn_sink *restart(struct rig *rig)
{
    struct gn_sink *sink;

    gn_outbox_free(rig->outbox);
    gn_journal_close(rig->journal);
    open_journal(rig);
    new_outbox(rig, &quick);
    sink = open_sink(rig, "fake://a");
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
    return sink;
}

static void settle_replay(struct rig *rig, const struct gn_sink *sink)
{
    for (int i = 0; status_of(sink).is_replaying; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
}

/* The numbers of the events that address got by a replay, each lane in its order, are those from
 * first to end. */
static void assert_replayed(const struct rig *rig, const char *address, unsigned first,
                            unsigned end)
{
    unsigned next[3] = {0}, count = 0;

    for (unsigned number = first + 3; number-- > first;)
        next[number % 3] = number;
    for (size_t i = 0; i < rig->fake->note_count; i++) {
        const struct fake_note *note = &rig->fake->notes[i];
        unsigned number;

        if (!note->is_replay || strcmp(note->address, address) != 0)
            continue;
        number = number_in(note);
        assert_int_equal(number, next[number % 3]);
        next[number % 3] += 3;
        count++;
    }
    assert_int_equal(count, end - first);
}

static double replayed_total(struct rig *rig)
{
    return gn_metrics_counter(rig->metrics, "gurnard_replayed_total", NULL, "")->value;
}

/* ---- which ---- */

static void a_range_has_its_first_moment_and_not_its_last(void **state)
{
    static const struct {
        int64_t received_ns;
        bool want;
    } rows[] = {
        {99, false}, {100, true}, {199, true}, {200, false}, {INT64_MIN, false},
    };
    const struct gn_replay_range range = {100, 200};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_true(gn_replay_has(&range, rows[i].received_ns) == rows[i].want);
}

static void it_begins_in_the_newest_segment_begun_by_then(void **state)
{
    struct rig *rig = *state;
    struct gn_journal_segment segment;
    size_t place;

    for (unsigned i = 0; i < 40; i++) /* segments of 1 MiB */
        assert_int_equal(push_event(rig, make_event(rig, 0, 100000), NULL, 0), GN_OK);
    assert_true(gn_journal_segment_at(rig->journal, 0, &segment));
    assert_true(gn_replay_first(rig->journal, INT64_MIN) == segment.first_sequence);
    for (place = 1; gn_journal_segment_at(rig->journal, place, &segment); place++) {
        struct gn_journal_segment next;

        if (gn_journal_segment_at(rig->journal, place + 1, &next) &&
            next.created_ns == segment.created_ns)
            continue; /* begun at the same moment */
        assert_true(gn_replay_first(rig->journal, segment.created_ns) == segment.first_sequence);
    }
    assert_true(place > 2);
    assert_true(gn_replay_first(rig->journal, INT64_MAX) == segment.first_sequence);
}

/* ---- replays ---- */

static void a_replay_sends_what_arrived_in_its_time(void **state)
{
    static const struct {
        int64_t since_ns, until_ns;
        unsigned first, end;
    } rows[] = {
        {INT64_MIN, FOREVER, 0, 600},
        {TIME_OF(100), TIME_OF(500), 100, 500},
        {TIME_OF(100) + 1, TIME_OF(101), 101, 101},
        {TIME_OF(599), FOREVER, 599, 600},
        {FOREVER, FOREVER, 600, 600},
    };
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    store(rig, 600);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        forget_notes(rig);
        assert_int_equal(gn_outbox_replay(sink, rows[i].since_ns, rows[i].until_ns), GN_OK);
        settle_replay(rig, sink);
        assert_replayed(rig, "fake://a", rows[i].first, rows[i].end);
        assert_true(status_of(sink).replayed == rows[i].end - rows[i].first);
    }
    assert_true(replayed_total(rig) == 600 + 400 + 1);
}

static void a_replay_from_the_disk_sends_the_same(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink;

    store(rig, 1000);
    sink = restart(rig);
    assert_int_equal(gn_outbox_replay(sink, TIME_OF(10), TIME_OF(990)), GN_OK);
    settle_replay(rig, sink);
    assert_replayed(rig, "fake://a", 10, 990);
    assert_true(status_of(sink).delivered == 0);
}

static void events_of_other_resources_are_not_replayed(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    assert_int_equal(push_event(rig, make_timed(rig, GN_STR("/other")), NULL, 0), GN_OK);
    store(rig, 3);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    settle_replay(rig, sink);
    assert_replayed(rig, "fake://a", 1, 4);
}

static void a_replay_ends_with_what_was_stored_at_its_call(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    store(rig, 5);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    store(rig, 5);
    settle_replay(rig, sink);
    assert_replayed(rig, "fake://a", 0, 5);
}

static void current_events_are_not_held_back_by_a_replay(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct gn_event *event;
    size_t at = 0;

    store(rig, 900);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    turn(rig);
    event = make_timed(rig, GN_STR("/r"));
    assert_int_equal(push_event(rig, event, &sink, 1), GN_OK);
    assert_true(gn_outbox_pending(rig->outbox) == 1); /* a replay is not pending */
    settle(rig);
    assert_true(status_of(sink).is_replaying);
    while (rig->fake->notes[at].is_replay)
        at++;
    assert_int_equal(number_in(&rig->fake->notes[at]), 900);
    settle_replay(rig, sink);
    assert_replayed(rig, "fake://a", 0, 900);
}

static void a_replay_holds_few_events_in_memory(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct gn_event *event = make_timed(rig, GN_STR("/r"));
    uint64_t most = 0;

    fake_rule(rig->fake, "fake://a")->hangs = true;
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(gn_outbox_push(rig->outbox, &event, 1, NULL, 0), GN_OK);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    for (unsigned i = 0; i < 20; i++)
        turn(rig);
    most = memory_bytes(rig);
    assert_true(most > 0 && most <= 256 * (uint64_t)event->bytes_held);
    gn_event_unref(event);
}

static void a_replay_waits_for_a_sink_that_is_down(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    store(rig, 30);
    fake_rule(rig->fake, "fake://a")->err = GN_ECONN;
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    for (int i = 0; !status_of(sink).is_down; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
    assert_true(status_of(sink).is_replaying && status_of(sink).replayed == 0);
    forget_notes(rig);
    fake_rule(rig->fake, "fake://a")->err = GN_OK;
    settle_replay(rig, sink);
    assert_true(status_of(sink).replayed == 30);
    assert_replayed(rig, "fake://a", 0, 30);
}

static void what_is_refused_in_a_replay_is_only_counted(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    store(rig, 3);
    *fake_rule(rig->fake, "fake://a") =
        (struct fake_rule){.address = "fake://a", .err = GN_EINVAL, .status = 400, .times = 2};
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    settle_replay(rig, sink);
    assert_true(status_of(sink).replayed == 1);
    assert_true(status_of(sink).dead == 0 && figure(rig, "dead") == 0);
}

static void one_replay_at_a_time(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct gn_sink *other = open_sink_as(rig, "sub-2", "fake://b");

    store(rig, 3);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_EEXIST);
    assert_int_equal(gn_outbox_replay(other, 0, FOREVER), GN_OK);
    settle_replay(rig, sink);
    settle_replay(rig, other);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    settle_replay(rig, sink);
    assert_replayed(rig, "fake://b", 0, 3);
}

static void a_stopped_replay_drops_what_is_not_under_way(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    assert_false(gn_outbox_replay_stop(sink));
    store(rig, 50);
    for (unsigned turns = 0; turns < 6; turns++) {
        size_t noted;

        assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
        for (unsigned i = 0; i < turns; i++)
            turn(rig);
        assert_true(gn_outbox_replay_stop(sink));
        assert_false(status_of(sink).is_replaying);
        noted = rig->fake->note_count;
        for (unsigned i = 0; i < 4; i++)
            turn(rig);
        assert_true(rig->fake->note_count == noted);
        assert_true(memory_bytes(rig) == 0);
    }
    /* the next one is not troubled by what was under way */
    forget_notes(rig);
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    turn(rig);
    turn(rig);
    assert_true(gn_outbox_replay_stop(sink));
    assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
    settle_replay(rig, sink);
    assert_true(status_of(sink).replayed == 50);
}

static void a_sink_can_be_closed_at_any_time_of_a_replay(void **state)
{
    struct rig *rig = *state;

    store(rig, 600);
    for (unsigned turns = 0; turns < 8; turns++) {
        struct gn_sink *sink = open_sink(rig, "fake://a");

        fake_rule(rig->fake, "fake://a")->hangs = turns % 2 == 1;
        assert_int_equal(gn_outbox_replay(sink, 0, FOREVER), GN_OK);
        for (unsigned i = 0; i < turns; i++)
            turn(rig);
        gn_outbox_close_sink(sink);
        turn(rig);
        turn(rig);
        assert_true(memory_bytes(rig) == 0);
        forget_notes(rig);
    }
}

/* ---- single events ---- */

struct ended {
    unsigned calls;
    enum gn_err err;
};

static void on_done(void *ctx, enum gn_err err)
{
    struct ended *ended = ctx;

    ended->calls++;
    ended->err = err;
}

static void send(struct rig *rig, struct gn_sink *sink, struct ended *ended)
{
    struct gn_event *event = make_timed(rig, GN_STR("/elsewhere"));

    *ended = (struct ended){0};
    assert_int_equal(gn_outbox_send_again(sink, event, on_done, ended), GN_OK);
    assert_int_equal(ended->calls, 0);
    gn_event_unref(event);
}

static void wait_ended(struct rig *rig, const struct ended *ended)
{
    for (int i = 0; ended->calls == 0; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
    assert_int_equal(ended->calls, 1);
}

static void a_single_event_is_sent_marked_and_its_end_is_told(void **state)
{
    static const struct {
        enum gn_err err;
        uint32_t times;
        enum gn_err want;
    } rows[] = {
        {GN_OK, 0, GN_OK},       {GN_ECONN, 2, GN_OK},          {GN_EINVAL, 0, GN_EREFUSED},
        {GN_EREFUSED, 2, GN_OK}, {GN_EREFUSED, 0, GN_EREFUSED},
    };
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct ended ended;

        fake_rule(rig->fake, "fake://a")->err = rows[i].err;
        fake_rule(rig->fake, "fake://a")->times = rows[i].times;
        send(rig, sink, &ended);
        assert_true(gn_outbox_pending(rig->outbox) == 0);
        wait_ended(rig, &ended);
        assert_int_equal(ended.err, rows[i].want);
    }
    for (size_t i = 0; i < rig->fake->note_count; i++)
        assert_true(rig->fake->notes[i].is_replay);
    assert_true(replayed_total(rig) == 3);
    assert_true(figure(rig, "delivered") == 0 && figure(rig, "dead") == 0);
}

static void a_single_event_expires_counted_from_its_sending(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct ended ended;
    struct gn_sink *sink;

    config.expire_ms = 30;
    open_outbox(rig, &config);
    sink = open_sink(rig, "fake://a");
    fake_rule(rig->fake, "fake://a")->err = GN_EBUSY;
    send(rig, sink, &ended);
    wait_ended(rig, &ended);
    assert_int_equal(ended.err, GN_ETIMEOUT);
    assert_true(figure(rig, "expired") == 0);
}

static void closing_the_sink_cancels_a_single_event(void **state)
{
    struct rig *rig = *state;

    for (unsigned turns = 0; turns < 3; turns++) {
        struct gn_sink *sink = open_sink(rig, "fake://a");
        struct ended ended[2];

        fake_rule(rig->fake, "fake://a")->hangs = true;
        for (size_t i = 0; i < GN_LEN(ended); i++)
            send(rig, sink, &ended[i]);
        for (unsigned i = 0; i < turns; i++)
            turn(rig);
        gn_outbox_close_sink(sink);
        for (size_t i = 0; i < GN_LEN(ended); i++)
            assert_int_equal(ended[i].calls, 0);
        for (size_t i = 0; i < GN_LEN(ended); i++) {
            wait_ended(rig, &ended[i]);
            assert_int_equal(ended[i].err, GN_ECANCELED);
        }
    }
}

static void freeing_the_outbox_tells_the_end_of_each_single_event(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct ended ended[2];

    for (size_t i = 0; i < GN_LEN(ended); i++)
        send(rig, sink, &ended[i]);
    gn_outbox_free(rig->outbox);
    rig->outbox = NULL;
    for (size_t i = 0; i < GN_LEN(ended); i++) {
        assert_int_equal(ended[i].calls, 1);
        assert_int_equal(ended[i].err, GN_ECANCELED);
    }
}

static void there_is_a_limit_of_single_events_under_way(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = open_sink(rig, "fake://a");
    struct gn_event *event = make_timed(rig, GN_STR("/r"));
    struct ended ended = {0};

    fake_rule(rig->fake, "fake://a")->hangs = true;
    for (unsigned i = 0; i < GN_AGAIN_MAX; i++)
        assert_int_equal(gn_outbox_send_again(sink, event, on_done, &ended), GN_OK);
    assert_int_equal(gn_outbox_send_again(sink, event, on_done, &ended), GN_EFULL);
    gn_event_unref(event);
    gn_outbox_close_sink(sink);
    for (int i = 0; ended.calls < GN_AGAIN_MAX; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LASTING(name) cmocka_unit_test_setup_teardown(name, setup_lasting, teardown_lasting)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_has_its_first_moment_and_not_its_last),
        TEST(it_begins_in_the_newest_segment_begun_by_then),
        TEST(a_replay_sends_what_arrived_in_its_time),
        TEST(events_of_other_resources_are_not_replayed),
        TEST(a_replay_ends_with_what_was_stored_at_its_call),
        TEST(current_events_are_not_held_back_by_a_replay),
        TEST(a_replay_holds_few_events_in_memory),
        TEST(a_replay_waits_for_a_sink_that_is_down),
        TEST(what_is_refused_in_a_replay_is_only_counted),
        TEST(one_replay_at_a_time),
        TEST(a_stopped_replay_drops_what_is_not_under_way),
        TEST(a_sink_can_be_closed_at_any_time_of_a_replay),
        TEST(a_single_event_is_sent_marked_and_its_end_is_told),
        TEST(a_single_event_expires_counted_from_its_sending),
        TEST(closing_the_sink_cancels_a_single_event),
        TEST(freeing_the_outbox_tells_the_end_of_each_single_event),
        TEST(there_is_a_limit_of_single_events_under_way),
        LASTING(a_replay_from_the_disk_sends_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
