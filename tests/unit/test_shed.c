/* What is given up for want of room: whether, and in which order. Then the same with an outbox and
 * a journal in memory: what is given up is given up for good, counted, and nobody else's. */
#include "gurnard/base/file.h"
#include "gurnard/relay/shed.h"

#include "outbox_bed.h"
#include "outbox_priv.h"

/* ---- whether ---- */

struct look {
    uint64_t needed_bytes;
    bool is_disk_short;
    double disk_free_pct; /* five are to be spared */
    bool want;
};

static void assert_looks(const struct look *looks, size_t count)
{
    struct gn_shed_state state = {0};

    for (size_t i = 0; i < count; i++) {
        const struct gn_journal_status status = {
            .refuse_at_bytes = 1000,
            .is_disk_short = looks[i].is_disk_short,
            .disk_free_pct = looks[i].disk_free_pct,
            .disk_spare_pct = 5,
        };
        bool got = gn_shed_look(&state, &status, looks[i].needed_bytes);

        if (got != looks[i].want || got != state.is_shedding)
            fail_msg("look %zu: %d", i, got);
    }
}

static void room_is_wanted_from_85_percent_down_to_75(void **state)
{
    static const struct look looks[] = {
        {0, false, 100, false},   {850, false, 100, false}, {851, false, 100, true},
        {800, false, 100, true},  {751, false, 100, true},  {750, false, 100, false},
        {800, false, 100, false}, {5000, false, 100, true}, {0, false, 100, false},
    };

    (void)state;
    assert_looks(looks, GN_LEN(looks));
}

static void room_is_wanted_from_a_point_above_the_spare_part_of_the_disk_up_to_two(void **state)
{
    static const struct look looks[] = {
        {0, false, 6, false},  {0, false, 5.9, true}, {0, true, 4.9, true},
        {0, false, 5.1, true}, {0, false, 6.9, true}, {0, false, 7, false},
        {0, false, 6, false},  {0, true, 2, true},    {0, false, 50, false},
    };

    (void)state;
    assert_looks(looks, GN_LEN(looks));
}

static void while_the_journal_can_make_room_on_the_disk_nothing_else_does(void **state)
{
    struct gn_journal_status status = {
        .bytes = 100, .refuse_at_bytes = 1000, .disk_free_pct = 5.5, .disk_spare_pct = 5};
    struct gn_shed_state shed = {0};

    (void)state;
    assert_false(gn_shed_look(&shed, &status, 99));
    assert_true(gn_shed_look(&shed, &status, 100));
    assert_false(gn_shed_look(&shed, &status, 99));
    status.is_disk_short = true;
    assert_true(gn_shed_look(&shed, &status, 99));
}

static void large_numbers_do_not_overflow(void **state)
{
    const struct gn_journal_status status = {.refuse_at_bytes = UINT64_MAX, .disk_free_pct = 100};
    struct gn_shed_state shed = {0};

    (void)state;
    assert_false(gn_shed_look(&shed, &status, UINT64_MAX / 2));
    assert_true(gn_shed_look(&shed, &status, UINT64_MAX));
}

/* ---- in which order ---- */

#define EXPIRE_MS 1000U
#define CLOCK_MS  5000U
#define NOBODY    UINT64_MAX

/* Segments of ten events each, the first from 1 on. */
static struct gn_journal_segment segment(uint64_t number, uint64_t end_clock_ms)
{
    return (struct gn_journal_segment){
        .number = number,
        .first_sequence = number * 10 - 9,
        .end_sequence = number * 10 + 1,
        .end_clock_ms = end_clock_ms,
        .is_closed = true,
    };
}

static struct gn_shed_facts facts_of(uint64_t silent, uint64_t slow, uint64_t good)
{
    struct gn_shed_facts facts;

    gn_shed_facts_init(&facts, CLOCK_MS, EXPIRE_MS, true);
    gn_shed_add_sink(&facts, GN_SHED_SILENT_SINK, silent);
    gn_shed_add_sink(&facts, GN_SHED_SLOW_SINK, slow);
    gn_shed_add_sink(&facts, GN_SHED_GOOD_SINK, good);
    return facts;
}

/* What is done, one step after the other, as "segment why rank", until nothing is left. */
static void assert_steps(const struct gn_shed_facts *facts,
                         const struct gn_journal_segment *segments, size_t count, const char *want)
{
    unsigned stripped[8] = {0};
    char got[512] = "";
    size_t len = 0;

    assert_true(count < GN_LEN(stripped));
    for (int i = 0; i < 30; i++) {
        struct gn_shed_plan plan = GN_SHED_PLAN_INIT;

        for (size_t k = 0; k < count; k++)
            gn_shed_offer(&plan, facts, &segments[k], stripped[segments[k].number]);
        if (plan.why == GN_SHED_NOTHING)
            break;
        assert_true(plan.rank >= stripped[plan.segment.number] || plan.why == GN_SHED_EXPIRED);
        stripped[plan.segment.number] = (unsigned)plan.rank + 1;
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%llu %s %d", len == 0 ? "" : ", ",
                                (unsigned long long)plan.segment.number, gn_shed_why_text(plan.why),
                                (int)plan.rank);
        assert_true(len < sizeof got);
    }
    assert_string_equal(got, want);
}

static void the_expired_go_first_then_the_silent_then_the_slow(void **state)
{
    const struct gn_journal_segment segments[] = {
        segment(1, CLOCK_MS - EXPIRE_MS),
        segment(2, CLOCK_MS - EXPIRE_MS + 1),
        segment(3, CLOCK_MS),
        segment(4, CLOCK_MS),
        segment(5, CLOCK_MS),
    };
    const struct gn_shed_facts facts = facts_of(1, 31, 41);

    (void)state;
    assert_steps(&facts, segments, GN_LEN(segments),
                 "1 expired 2, 2 silent 0, 3 silent 0, 2 silent 1, 3 silent 1, 2 silent 2, "
                 "3 silent 2, 4 quota 0, 4 quota 1, 4 quota 2");
}

static void a_segment_that_a_good_sink_needs_stays(void **state)
{
    const struct gn_journal_segment segments[] = {segment(1, CLOCK_MS), segment(2, CLOCK_MS),
                                                  segment(3, CLOCK_MS)};
    static const struct {
        uint64_t good;
        const char *want;
    } rows[] = {
        {1, ""},
        {10, ""},
        {11, "1 silent 0, 1 silent 1, 1 silent 2"},
        {20, "1 silent 0, 1 silent 1, 1 silent 2"},
        {21, "1 silent 0, 2 silent 0, 1 silent 1, 2 silent 1, 1 silent 2, 2 silent 2"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_shed_facts facts = facts_of(1, NOBODY, rows[i].good);

        assert_steps(&facts, segments, GN_LEN(segments), rows[i].want);
    }
}

static void a_segment_that_nobody_needs_is_left_to_the_journal(void **state)
{
    const struct gn_journal_segment segments[] = {segment(1, 0), segment(2, CLOCK_MS)};
    const struct gn_shed_facts all_done = facts_of(NOBODY, NOBODY, NOBODY);
    const struct gn_shed_facts one_done = facts_of(11, NOBODY, NOBODY);

    (void)state;
    assert_steps(&all_done, segments, GN_LEN(segments), "");
    assert_steps(&one_done, segments, GN_LEN(segments), "2 silent 0, 2 silent 1, 2 silent 2");
}

static void without_want_of_room_only_the_expired_go(void **state)
{
    const struct gn_journal_segment segments[] = {segment(1, 0), segment(2, CLOCK_MS)};
    struct gn_shed_facts facts = facts_of(1, NOBODY, NOBODY);

    (void)state;
    facts.is_wanted = false;
    assert_steps(&facts, segments, GN_LEN(segments), "1 expired 2");
}

static void the_segment_being_written_stays(void **state)
{
    struct gn_journal_segment segments[] = {segment(1, 0), segment(2, CLOCK_MS)};
    const struct gn_shed_facts facts = facts_of(1, NOBODY, NOBODY);

    (void)state;
    segments[0].is_closed = false;
    segments[1].is_closed = false;
    assert_steps(&facts, segments, GN_LEN(segments), "");
}

static void a_clock_that_is_behind_lets_nothing_expire(void **state)
{
    const struct gn_journal_segment segments[] = {segment(1, CLOCK_MS + 10)};
    struct gn_shed_facts facts = facts_of(1, NOBODY, NOBODY);

    (void)state;
    facts.is_wanted = false;
    assert_steps(&facts, segments, GN_LEN(segments), "");
}

static void each_reason_hits_its_classes(void **state)
{
    static const struct {
        enum gn_shed_why why;
        bool silent, slow, good;
    } rows[] = {
        {GN_SHED_EXPIRED, true, true, true},
        {GN_SHED_SILENT, true, false, false},
        {GN_SHED_QUOTA, true, true, false},
        {GN_SHED_NOTHING, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_true(gn_shed_hits(rows[i].why, GN_SHED_SILENT_SINK) == rows[i].silent);
        assert_true(gn_shed_hits(rows[i].why, GN_SHED_SLOW_SINK) == rows[i].slow);
        assert_true(gn_shed_hits(rows[i].why, GN_SHED_GOOD_SINK) == rows[i].good);
    }
}

/* ---- with an outbox ---- */

#define MAX_BYTES     (512U << 10)
#define SEGMENT_BYTES (32U << 10)
#define PADDING       1000U
#define LANES         4U

static void forget_notes(struct rig *rig)
{
    for (size_t i = 0; i < rig->fake->note_count; i++)
        free(rig->fake->notes[i].body);
    rig->fake->note_count = 0;
}

/* A turn; the attempts that fail are not looked at. */
static void turn_and_forget(struct rig *rig)
{
    turn(rig);
    if (rig->fake->note_count > FAKE_NOTES_MAX / 2)
        forget_notes(rig);
}

/* The dead ones answer again; notes are of what they take. */
static void revive(struct rig *rig)
{
    forget_notes(rig);
    fake_rule(rig->fake, "fake://dead")->err = GN_OK;
}

/* spare_pct: of the disk, 100: it is short from the beginning. */
static void open_on(struct rig *rig, const struct gn_outbox_config *config, uint32_t spare_pct)
{
    const struct gn_journal_config journal = {
        .name = "events",
        .folder = rig->folder,
        .max_bytes = MAX_BYTES,
        .segment_bytes = SEGMENT_BYTES,
        .disk_spare_pct = spare_pct,
        .pending_bytes = 16 << 20,
        .keep_ms = 60000,
    };

    gn_outbox_free(rig->outbox);
    gn_journal_close(rig->journal);
    rig->outbox = NULL;
    assert_int_equal(gn_journal_open(rig->loop, &journal, rig->metrics, &rig->journal), GN_OK);
    new_outbox(rig, config);
}

static void open_small(struct rig *rig, const struct gn_outbox_config *config)
{
    open_on(rig, config, 0);
}

static void start(struct rig *rig)
{
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
}

static int setup(void **state)
{
    *state = rig_new();
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
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf %s", rig->folder);
    rig_free(rig);
    return system(command);
}

/* As bed's make_event(), with a rank: that of its number. */
static enum gn_err push_ranked(struct rig *rig, struct gn_sink **sinks, size_t count)
{
    unsigned number = rig->event_number;
    struct gn_buf data = GN_BUF_INIT;
    struct gn_event *event;
    enum gn_err err;

    gn_buf_printf(&data, "{\"n\":%u%*s}", number, (int)PADDING, "");
    event = gn_event_new(&(struct gn_event_parts){.id = gn_id_random(),
                                                  .type = GN_STR("t"),
                                                  .source = GN_STR("/s"),
                                                  .resource = GN_STR("/r"),
                                                  .data = gn_buf_str(&data),
                                                  .lane = number % LANES,
                                                  .rank = (enum gn_rank)(number % GN_RANKS)});
    gn_buf_free(&data);
    assert_non_null(event);
    err = gn_outbox_push(rig->outbox, &event, 1, sinks, count);
    gn_event_unref(event);
    if (err == GN_OK)
        rig->event_number++;
    return err;
}

/* Pushes so many; a push that is refused is tried again in a later turn. */
static void push_many(struct rig *rig, struct gn_sink **sinks, size_t count, unsigned events)
{
    for (unsigned i = 0, turns = 0; i < events;) {
        enum gn_err err = push_ranked(rig, sinks, count);

        if (err == GN_OK && ++i % 16 != 0)
            continue;
        assert_true(err == GN_OK || err == GN_EFULL);
        assert_true(turns++ < TURNS_MAX);
        turn_and_forget(rig);
    }
}

static uint64_t fill(struct rig *rig, struct gn_sink **sinks, size_t count)
{
    uint64_t pushed = 0;

    for (int turns = 0; turns < 100; turns++) {
        while (push_ranked(rig, sinks, count) == GN_OK)
            pushed++;
        turn_and_forget(rig);
    }
    return pushed;
}

static double shed_figure(struct rig *rig, const char *why)
{
    char labels[32];

    (void)snprintf(labels, sizeof(labels), "why=\"%s\"", why);
    return gn_metrics_counter(rig->metrics, "gurnard_shed_events_total", labels, "")->value;
}

static struct gn_sink *open_dead(struct rig *rig, const char *id)
{
    fake_rule(rig->fake, "fake://dead")->err = GN_ECONN;
    return open_sink_as(rig, id, "fake://dead");
}

static void bring_down(struct rig *rig, struct gn_sink *sink)
{
    push_many(rig, &sink, 1, LANES);
    for (int i = 0; !status_of(sink).is_down; i++) {
        assert_true(i < TURNS_MAX);
        turn_and_forget(rig);
    }
}

/* Each event that address has got, by number; asserts that none came twice and lanes kept their
 * order. Returns how many of each rank. */
static void count_ranks(const struct rig *rig, const char *address, unsigned counts[GN_RANKS])
{
    bool seen[4096] = {false};
    unsigned last[LANES] = {0};

    memset(counts, 0, GN_RANKS * sizeof(*counts));
    for (size_t i = 0; i < rig->fake->note_count; i++) {
        const struct fake_note *note = &rig->fake->notes[i];
        unsigned number;

        if (strcmp(note->address, address) != 0)
            continue;
        number = number_in(note);
        assert_true(number < GN_LEN(seen) && number >= last[number % LANES]);
        last[number % LANES] = number;
        counts[number % GN_RANKS] += !seen[number];
        seen[number] = true;
    }
}

static void a_silent_sink_loses_the_low_ranks_first(void **state)
{
    struct rig *rig = *state;
    unsigned counts[GN_RANKS];
    struct gn_sink *sink;

    open_small(rig, &quick);
    start(rig);
    sink = open_dead(rig, "sub-1");
    bring_down(rig, sink);
    push_many(rig, &sink, 1, 600); /* of about 1.2 KiB: more than there is room for */
    assert_true(status_of(sink).shed > 0);
    assert_true(figure(rig, "shed") == (double)status_of(sink).shed);
    assert_true(shed_figure(rig, "silent") == (double)status_of(sink).shed);
    assert_true(shed_figure(rig, "quota") == 0 && shed_figure(rig, "expired") == 0);

    revive(rig);
    settle(rig);
    assert_true(status_of(sink).delivered + status_of(sink).shed == rig->event_number);
    assert_true(figure(rig, "lost") == 0);
    count_ranks(rig, "fake://dead", counts);
    /* While a slow disk still writes, only the first segments can be given up, and go whole. */
    assert_true(counts[GN_RANK_HIGH] >= counts[GN_RANK_MIDDLE]);
    assert_true(counts[GN_RANK_MIDDLE] > counts[GN_RANK_LOW]);
    assert_true(counts[GN_RANK_HIGH] >= rig->event_number / GN_RANKS * 9 / 10);
}

static void many_silent_sinks_lose_the_same(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[3];
    char id[16];

    open_small(rig, &quick);
    start(rig);
    for (size_t i = 0; i < GN_LEN(sinks); i++) {
        (void)snprintf(id, sizeof(id), "sub-%zu", i);
        sinks[i] = open_dead(rig, id);
        bring_down(rig, sinks[i]);
    }
    push_many(rig, sinks, GN_LEN(sinks), 600);
    for (size_t i = 0; i < GN_LEN(sinks); i++)
        assert_true(status_of(sinks[i]).shed > 0);
    assert_true(shed_figure(rig, "silent") == figure(rig, "shed"));
    gn_outbox_close_sink(sinks[1]);
    revive(rig);
    settle(rig);
    assert_true(figure(rig, "lost") == 0);
    assert_true(status_of(sinks[0]).delivered + status_of(sinks[0]).shed == 600 + LANES);
    assert_true(status_of(sinks[2]).delivered + status_of(sinks[2]).shed == 600 + LANES);
}

static void what_a_good_sink_needs_is_not_shed_but_pushes_are_refused(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sinks[2];
    uint64_t pushed;

    open_small(rig, &quick);
    start(rig);
    sinks[0] = open_dead(rig, "sub-1");
    bring_down(rig, sinks[0]);
    sinks[1] = open_sink_as(rig, "sub-2", "fake://slow");
    fake_rule(rig->fake, "fake://slow")->hangs = true;
    pushed = fill(rig, sinks, 2);
    assert_true(pushed > 0);
    assert_int_equal(push_ranked(rig, sinks, 2), GN_EFULL);
    assert_true(figure(rig, "shed") == LANES || figure(rig, "shed") == 0);
    assert_true(status_of(sinks[1]).shed == 0);
    assert_true(status_of(sinks[1]).queued + status_of(sinks[1]).in_flight == pushed);
}

static void a_sink_over_its_quota_is_shed_after_the_silent(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.quota_events = 50;
    open_small(rig, &config);
    start(rig);
    sink = open_sink_as(rig, "sub-1", "fake://slow");
    fake_rule(rig->fake, "fake://slow")->hangs = true;
    push_many(rig, &sink, 1, 600);
    assert_true(status_of(sink).shed > 0);
    assert_true(shed_figure(rig, "quota") == (double)status_of(sink).shed);
    assert_true(shed_figure(rig, "silent") == 0);
    assert_int_equal(status_of(sink).in_flight, 4); /* what is under way is not given up */
    assert_true(status_of(sink).queued + status_of(sink).in_flight + status_of(sink).shed == 600);
}

static void a_backlog_in_bytes_counts_as_over_the_quota(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.quota_bytes = 64 << 10;
    open_small(rig, &config);
    start(rig);
    sink = open_sink_as(rig, "sub-1", "fake://slow");
    fake_rule(rig->fake, "fake://slow")->hangs = true;
    push_many(rig, &sink, 1, 600);
    assert_true(shed_figure(rig, "quota") > 0);
}

static void what_has_expired_goes_without_want_of_room(void **state)
{
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sink;

    config.expire_ms = 100;
    open_small(rig, &config);
    start(rig);
    sink = open_dead(rig, "sub-1");
    push_many(rig, &sink, 1, 200);
    settle(rig);
    assert_true(status_of(sink).expired == 200);
    assert_true(figure(rig, "expired") == 200 && figure(rig, "lost") == 0);
    assert_true(figure(rig, "shed") == 0);
}

static void a_sink_can_be_closed_while_its_events_go(void **state)
{
    struct rig *rig = *state;

    for (unsigned turns = 0; turns < 12; turns++) {
        struct gn_sink *sinks[2];

        open_small(rig, &quick);
        start(rig);
        sinks[0] = open_dead(rig, "sub-1");
        sinks[1] = open_dead(rig, "sub-2");
        bring_down(rig, sinks[0]);
        bring_down(rig, sinks[1]);
        while (push_ranked(rig, sinks, 2) == GN_OK)
            ;
        for (unsigned i = 0; i < turns; i++)
            assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
        gn_outbox_close_sink(sinks[0]);
        if (turns % 2 == 0)
            push_many(rig, &sinks[1], 1, 20);
        /* the rest goes with the outbox */
    }
}

static void what_is_shed_stays_so_after_a_restart(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink;
    uint64_t shed;

    open_small(rig, &quick);
    start(rig);
    sink = open_dead(rig, "sub-1");
    bring_down(rig, sink);
    push_many(rig, &sink, 1, 600);
    assert_true(status_of(sink).shed > 0);

    open_small(rig, &quick); /* perhaps in the middle of a further step */
    shed = (uint64_t)figure(rig, "shed");
    revive(rig);
    sink = open_sink_as(rig, "sub-1", "fake://dead");
    start(rig);
    assert_true(gn_outbox_pending(rig->outbox) == rig->event_number - shed);
    settle(rig);
    /* An attempt that began while its segment was rewritten has left no trace. */
    assert_true(figure(rig, "lost") <= LANES);
    assert_true((double)status_of(sink).delivered + figure(rig, "lost") ==
                (double)(rig->event_number - shed));
}

static void a_segment_that_cannot_be_rewritten_does_not_keep_the_others(void **state)
{
    struct rig *rig = *state;
    char path[128];
    struct gn_sink *sink;

    open_small(rig, &quick);
    start(rig);
    (void)snprintf(path, sizeof(path), "%s/0000000001.seg.tmp/in-the-way", rig->folder);
    assert_int_equal(gn_file_mkdirs(path), GN_OK);
    sink = open_dead(rig, "sub-1");
    bring_down(rig, sink);
    push_many(rig, &sink, 1, 600);
    assert_true(status_of(sink).shed > 0);
    revive(rig);
    settle(rig);
    assert_true(status_of(sink).delivered + status_of(sink).shed == rig->event_number);
    assert_true(figure(rig, "lost") == 0);
}

/* A backlog that fits, on a disk that is short after a restart. */
static struct gn_sink *restart_on_short_disk(struct rig *rig)
{
    struct gn_sink *sink;

    open_small(rig, &quick);
    start(rig);
    sink = open_dead(rig, "sub-1");
    bring_down(rig, sink);
    push_many(rig, &sink, 1, 100);
    assert_true(status_of(sink).shed == 0);

    open_on(rig, &quick, 100);
    sink = open_dead(rig, "sub-1");
    start(rig);
    for (int i = 0; !status_of(sink).is_down; i++) {
        assert_true(i < TURNS_MAX);
        turn_and_forget(rig);
    }
    return sink;
}

static void a_short_disk_sheds_whatever_the_journal_holds(void **state)
{
    struct rig *rig = *state;
    struct gn_sink *sink = restart_on_short_disk(rig);

    gn_shed_tick(rig->outbox);
    for (int i = 0; status_of(sink).shed == 0; i++) {
        assert_true(i < TURNS_MAX);
        turn_and_forget(rig);
    }
    assert_true(shed_figure(rig, "silent") == (double)status_of(sink).shed);
}

static uint64_t letters(const struct rig *rig)
{
    struct gn_deadletters_status status;

    gn_deadletters_status(rig->letters, &status);
    return status.count;
}

static void on_a_short_disk_dead_letters_go_before_backlogs(void **state)
{
    struct rig *rig = *state;
    struct gn_deadletter letter = {.subscription = GN_STR("s"), .address = GN_STR("fake://dead")};
    struct gn_sink *sink;

    assert_int_equal(gn_deadletters_open(rig->loop, "", 512 << 10, rig->metrics, &rig->letters),
                     GN_OK);
    letter.event = make_event(rig, 0, PADDING);
    for (int i = 0; i < 200; i++)
        assert_int_equal(gn_deadletters_put(rig->letters, &letter), GN_OK);
    gn_event_unref(letter.event);
    rig->event_number = 0;
    sink = restart_on_short_disk(rig);

    gn_shed_tick(rig->outbox);
    assert_true(letters(rig) > 0 && letters(rig) < 200);
    gn_shed_tick(rig->outbox); /* too early: the disk's figures have to follow */
    turn_and_forget(rig);
    assert_true(status_of(sink).shed == 0);
}

/* Pushes, failures and closings at random, on too little room: each delivery ends once. */
static void every_delivery_ends_exactly_once(void **state)
{
    static const char *const outcomes[] = {"delivered", "dead",         "expired", "shed",
                                           "lost",      "unsubscribed", "dropped"};
    struct rig *rig = *state;
    struct gn_outbox_config config = quick;
    struct gn_sink *sinks[3];
    unsigned random = 7;
    double pushed = 0, ended = 0;

    config.quota_events = 100;
    config.memory_bytes = 64 << 10;
    open_small(rig, &config);
    start(rig);
    sinks[0] = open_dead(rig, "sub-1");
    sinks[1] = open_sink_as(rig, "sub-2", "fake://good");
    sinks[2] = open_sink_as(rig, "sub-3", "fake://moody");
    for (unsigned i = 0; i < 1200 || (figure(rig, "shed") == 0 && i < 60000); i++) {
        random = random * 1103515245U + 12345U;
        fake_rule(rig->fake, "fake://moody")->err = random >> 16 & 3 ? GN_ECONN : GN_OK;
        fake_rule(rig->fake, "fake://dead")->err = random >> 20 & 31 ? GN_ECONN : GN_OK;
        if (push_ranked(rig, sinks, GN_LEN(sinks)) == GN_OK)
            pushed += GN_LEN(sinks);
        if (i % 8 == 0)
            turn_and_forget(rig);
    }
    forget_notes(rig);
    fake_rule(rig->fake, "fake://moody")->err = GN_OK;
    fake_rule(rig->fake, "fake://dead")->err = GN_OK;
    settle(rig);
    for (size_t i = 0; i < GN_LEN(outcomes); i++)
        ended += figure(rig, outcomes[i]);
    assert_true(pushed == ended);
    assert_true(figure(rig, "shed") > 0 && figure(rig, "delivered") > 0);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LASTING(name) cmocka_unit_test_setup_teardown(name, setup_lasting, teardown_lasting)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_wanted_from_85_percent_down_to_75),
        cmocka_unit_test(room_is_wanted_from_a_point_above_the_spare_part_of_the_disk_up_to_two),
        cmocka_unit_test(while_the_journal_can_make_room_on_the_disk_nothing_else_does),
        cmocka_unit_test(large_numbers_do_not_overflow),
        cmocka_unit_test(the_expired_go_first_then_the_silent_then_the_slow),
        cmocka_unit_test(a_segment_that_a_good_sink_needs_stays),
        cmocka_unit_test(a_segment_that_nobody_needs_is_left_to_the_journal),
        cmocka_unit_test(without_want_of_room_only_the_expired_go),
        cmocka_unit_test(the_segment_being_written_stays),
        cmocka_unit_test(a_clock_that_is_behind_lets_nothing_expire),
        cmocka_unit_test(each_reason_hits_its_classes),
        TEST(a_silent_sink_loses_the_low_ranks_first),
        TEST(many_silent_sinks_lose_the_same),
        TEST(what_a_good_sink_needs_is_not_shed_but_pushes_are_refused),
        TEST(a_sink_over_its_quota_is_shed_after_the_silent),
        TEST(a_backlog_in_bytes_counts_as_over_the_quota),
        TEST(what_has_expired_goes_without_want_of_room),
        TEST(a_sink_can_be_closed_while_its_events_go),
        LASTING(what_is_shed_stays_so_after_a_restart),
        LASTING(a_segment_that_cannot_be_rewritten_does_not_keep_the_others),
        LASTING(a_short_disk_sheds_whatever_the_journal_holds),
        LASTING(on_a_short_disk_dead_letters_go_before_backlogs),
        TEST(every_delivery_ends_exactly_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
