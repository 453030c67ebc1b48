/* What is given up before it was delivered: by age, and for want of room in the journal. The order
 * of the latter is shed.c's; one segment is rewritten at a time, and after each it is looked again
 * whether that is enough. */
#include "outbox_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/relay/shed.h"

#include "outbox_strip.h"

#define SWEEP_MAX_MS   1000U
#define SWEEP_ENDS_MAX 4096U /* deliveries ended by one sweep */

#define PAUSE_MS        100U /* between two looks that pushes asked for, when one has not helped */
#define FAILED_RETRY_MS 60000U /* a segment that could not be rewritten is left alone so long */
#define DISK_EVERY_MS   1000U  /* steps for want of disk: its figures have to follow */
#define LETTERS_FIRST   8U     /* rounds of dead letters before the backlogs have to go too */

/* What is remembered of a segment. */
struct mark {
    uint64_t number;
    unsigned stripped;    /* ranks that are gone from it */
    uint64_t retry_at_ms; /* before that it is left alone */
    UT_hash_handle hh;
};

struct gn_shed {
    struct gn_shed_state state;
    struct gn_shed_plan plan;
    struct gn_strip *strip; /* under way, or NULL */
    struct mark *marks;     /* by segment number */
    struct gn_defer look;
    uint64_t look_at_ms;     /* pushes do not make it look before */
    uint64_t letters_at_ms;  /* next round of dead letters */
    uint32_t letters_rounds; /* since the disk wants room */
    bool is_stopping;
    struct gn_metric *total[GN_SHED_NOTHING];
};

/* The segments as they stand in one look. */
struct segments {
    struct gn_journal_segment *all;
    uint64_t *behind; /* bytes of this one and all that follow */
    size_t count;
};

/* ---- age ---- */

void gn_outbox_sweep_later(struct gn_outbox *ob)
{
    uint64_t every_ms = ob->config.expire_ms / 8;

    if (gn_outbox_pending(ob) == 0 || gn_timer_is_running(&ob->sweep))
        return;
    if (every_ms > SWEEP_MAX_MS)
        every_ms = SWEEP_MAX_MS;
    gn_timer_start(&ob->sweep, every_ms == 0 ? 1 : every_ms);
}

/* The next one in the window that is not under way. */
static struct gn_delivery *skip_in_flight(struct gn_delivery *dv)
{
    while (dv != NULL && gn_delivery_is_in_flight(dv))
        dv = TAILQ_NEXT(dv, sink_link);
    return dv;
}

/* Ends at most max of them; returns how many. */
static uint32_t expire_sink(struct gn_sink *sink, uint32_t max)
{
    struct gn_delivery *dv = skip_in_flight(TAILQ_FIRST(&sink->window));
    uint32_t ended = 0;

    while (dv != NULL && ended < max && gn_sink_is_expired(sink, dv->item->clock_ms)) {
        struct gn_delivery *next = skip_in_flight(TAILQ_NEXT(dv, sink_link));

        gn_delivery_end(dv, GN_EXPIRED);
        ended++;
        dv = next;
    }
    return ended;
}

static void log_expired(struct gn_outbox *ob, const struct gn_sink *sink, uint32_t count)
{
    uint64_t held;

    if (gn_log_allow(&ob->expired_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_warn("delivery.expired sink=%s count=%u held=%llu", sink->id, count,
                    (unsigned long long)held);
}

void gn_outbox_sweep(void *ctx)
{
    struct gn_outbox *ob = ctx;
    uint32_t left = SWEEP_ENDS_MAX;
    struct gn_sink *sink;

    TAILQ_FOREACH (sink, &ob->sinks, link) {
        uint32_t ended = sink->is_closed ? 0 : expire_sink(sink, left);

        if (ended > 0)
            log_expired(ob, sink, ended);
        left -= ended;
    }
    gn_outbox_sweep_later(ob);
}

/* ---- marks ---- */

static struct mark *find_mark(const struct gn_shed *shed, uint64_t number)
{
    struct mark *mark;

    HASH_FIND(hh, shed->marks, &number, sizeof(number), mark);
    return mark;
}

/* NULL: no memory. */
static struct mark *get_mark(struct gn_shed *shed, uint64_t number)
{
    struct mark *mark = find_mark(shed, number);

    if (mark != NULL)
        return mark;
    mark = calloc(1, sizeof(*mark));
    if (mark == NULL)
        return NULL;
    mark->number = number;
    HASH_ADD(hh, shed->marks, number, sizeof(mark->number), mark);
    if (mark->hh.tbl != NULL)
        return mark;
    free(mark);
    return NULL;
}

/* Forgets those of segments that are gone. */
static void forget_marks(struct gn_shed *shed, uint64_t below)
{
    struct mark *next;

    for (struct mark *mark = shed->marks; mark != NULL; mark = next) {
        next = mark->hh.next;
        if (mark->number >= below)
            continue;
        HASH_DELETE(hh, shed->marks, mark);
        free(mark);
    }
}

/* So many ranks need not be looked for in this segment; all of them while it is to be left alone.
 */
static unsigned stripped_of(const struct gn_shed *shed, uint64_t number, uint64_t now_ms)
{
    const struct mark *mark = find_mark(shed, number);

    if (mark == NULL)
        return 0;
    return now_ms < mark->retry_at_ms ? GN_RANKS : mark->stripped;
}

/* ---- segments ---- */

static void segments_free(struct segments *segments)
{
    free(segments->all);
    free(segments->behind);
}

static enum gn_err segments_get(const struct gn_journal *journal, uint64_t count,
                                struct segments *segments)
{
    size_t max = (size_t)count;
    uint64_t bytes = 0;

    *segments = (struct segments){0};
    segments->all = calloc(max + 1, sizeof(*segments->all));
    segments->behind = calloc(max + 1, sizeof(*segments->behind));
    if (segments->all == NULL || segments->behind == NULL) {
        segments_free(segments);
        return GN_ENOMEM;
    }
    while (segments->count < max &&
           gn_journal_segment_at(journal, segments->count, &segments->all[segments->count]))
        segments->count++;
    for (size_t i = segments->count; i-- > 0;) {
        bytes += segments->all[i].bytes;
        segments->behind[i] = bytes;
    }
    return GN_OK;
}

/* Bytes of the segments that have events from sequence on, and of all that follow. */
static uint64_t bytes_from(const struct segments *segments, uint64_t sequence)
{
    size_t low = 0, high = segments->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (segments->all[middle].end_sequence <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low == segments->count ? 0 : segments->behind[low];
}

/* ---- facts ---- */

static bool is_silent(const struct gn_sink *sink)
{
    uint64_t now_ms = gn_loop_now_ms(sink->outbox->loop);

    return gn_sink_is_held(sink) ||
           (sink->failing_since_ms != 0 && now_ms - sink->failing_since_ms >= GN_OUTBOX_SILENT_MS);
}

/* The lowest event that the sink needs stored; UINT64_MAX: none. */
static uint64_t lowest_of(const struct gn_sink *sink)
{
    uint64_t window = gn_window_lowest(sink);
    uint64_t unsettled = gn_keep_lowest(&sink->unsettled);

    return window < unsettled ? window : unsettled;
}

static enum gn_shed_class class_of(const struct gn_sink *sink, const struct segments *segments)
{
    const struct gn_outbox_config *config = &sink->outbox->config;

    if (is_silent(sink))
        return GN_SHED_SILENT_SINK;
    if (sink->pending > config->quota_events ||
        bytes_from(segments, lowest_of(sink)) > config->quota_bytes)
        return GN_SHED_SLOW_SINK;
    return GN_SHED_GOOD_SINK;
}

static uint64_t lowest_of_all(const struct gn_outbox *ob)
{
    uint64_t lowest = UINT64_MAX;
    const struct gn_sink *sink;

    TAILQ_FOREACH (sink, &ob->sinks, link)
        if (!sink->is_closed && lowest_of(sink) < lowest)
            lowest = lowest_of(sink);
    return lowest;
}

static void make_plan(struct gn_outbox *ob, const struct segments *segments)
{
    struct gn_shed *shed = ob->shed;
    uint64_t now_ms = gn_loop_now_ms(ob->loop);
    struct gn_shed_facts facts;
    const struct gn_sink *sink;

    gn_shed_facts_init(&facts, gn_journal_clock_ms(ob->journal), ob->config.expire_ms,
                       ob->is_shedding);
    TAILQ_FOREACH (sink, &ob->sinks, link)
        if (!sink->is_closed && lowest_of(sink) != UINT64_MAX)
            gn_shed_add_sink(&facts, class_of(sink, segments), lowest_of(sink));
    shed->plan = GN_SHED_PLAN_INIT;
    for (size_t i = 0; i < segments->count; i++)
        gn_shed_offer(&shed->plan, &facts, &segments->all[i],
                      stripped_of(shed, segments->all[i].number, now_ms));
}

/* ---- one step ---- */

/* true: some went, and there is hope that it is enough. */
static bool shed_letters(struct gn_outbox *ob)
{
    struct gn_shed *shed = ob->shed;
    uint64_t now_ms = gn_loop_now_ms(ob->loop);
    uint64_t count;

    if (now_ms < shed->letters_at_ms)
        return shed->letters_rounds <= LETTERS_FIRST;
    count = gn_deadletters_shed(ob->letters);
    if (count == 0)
        return false;
    shed->letters_at_ms = now_ms + DISK_EVERY_MS;
    shed->letters_rounds++;
    gn_log_warn("deadletters.shed count=%llu why=disk", (unsigned long long)count);
    return shed->letters_rounds <= LETTERS_FIRST;
}

static void look(void *ctx);

static void log_shed(struct gn_outbox *ob, const struct gn_strip_result *result)
{
    static const char *const ranks[GN_RANKS] = {
        [GN_RANK_LOW] = "ok", [GN_RANK_MIDDLE] = "warning", [GN_RANK_HIGH] = "critical"};
    const struct gn_shed_plan *plan = &ob->shed->plan;
    uint64_t held;

    if (gn_log_allow(&ob->shed_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_warn("delivery.shed segment=%llu why=%s rank=%s events=%llu bytes_freed=%llu "
                    "held=%llu",
                    (unsigned long long)plan->segment.number, gn_shed_why_text(plan->why),
                    ranks[plan->rank], (unsigned long long)result->ended,
                    (unsigned long long)result->bytes_freed, (unsigned long long)held);
}

static void leave_alone(struct gn_outbox *ob, struct mark *mark)
{
    mark->retry_at_ms = gn_loop_now_ms(ob->loop) + FAILED_RETRY_MS;
    gn_log_warn("delivery.shed_failed segment=%llu", (unsigned long long)mark->number);
}

static void on_stripped(void *ctx, const struct gn_strip_result *result)
{
    struct gn_outbox *ob = ctx;
    struct gn_shed *shed = ob->shed;
    struct mark *mark = get_mark(shed, shed->plan.segment.number);

    gn_strip_free(shed->strip);
    shed->strip = NULL;
    if (mark == NULL)
        return; /* the tick goes on */
    if (result->err != GN_OK) {
        if (result->err != GN_ECANCELED)
            leave_alone(ob, mark);
        return;
    }
    mark->stripped = result->is_bare ? GN_RANKS : (unsigned)shed->plan.rank + 1;
    gn_metric_add(shed->total[shed->plan.why], (double)result->ended);
    log_shed(ob, result);
    gn_progress_set_needed(ob);
    if (shed->state.is_disk_wanted) /* its figures follow later: the tick looks again */
        shed->look_at_ms = gn_loop_now_ms(ob->loop) + DISK_EVERY_MS;
    else if (!shed->is_stopping)
        gn_defer_call(ob->loop, &shed->look, look, ob);
}

/* Those that are in the plan and need the segment. */
static enum gn_err add_victims(struct gn_outbox *ob, struct gn_strip *strip,
                               const struct segments *segments)
{
    const struct gn_shed_plan *plan = &ob->shed->plan;
    struct gn_sink *sink;

    TAILQ_FOREACH (sink, &ob->sinks, link) {
        enum gn_err err;

        if (sink->is_closed || lowest_of(sink) >= plan->segment.end_sequence)
            continue;
        GN_ASSERT(gn_shed_hits(plan->why, class_of(sink, segments)));
        err = gn_strip_add(strip, sink);
        if (err != GN_OK)
            return err;
    }
    return GN_OK;
}

static void start_strip(struct gn_outbox *ob, const struct segments *segments)
{
    struct gn_shed *shed = ob->shed;
    struct gn_strip *strip = gn_strip_new(ob, &shed->plan);

    if (strip != NULL && add_victims(ob, strip, segments) == GN_OK &&
        gn_strip_start(strip, on_stripped, ob) == GN_OK) {
        shed->strip = strip;
        return;
    }
    gn_strip_free(strip); /* the tick tries again */
}

static void take_step(struct gn_outbox *ob, const struct segments *segments)
{
    struct gn_shed *shed = ob->shed;

    make_plan(ob, segments);
    if (!shed->state.is_disk_wanted)
        shed->letters_rounds = 0;
    else if (shed->plan.why != GN_SHED_EXPIRED && ob->letters != NULL && shed_letters(ob))
        return; /* the tick looks whether it was enough */
    if (shed->plan.why != GN_SHED_NOTHING)
        start_strip(ob, segments);
}

/* Looks whether room is wanted, and takes the next step to it. */
static void look(void *ctx)
{
    struct gn_outbox *ob = ctx;
    struct gn_shed *shed = ob->shed;
    struct gn_journal_status status;
    struct segments segments;

    if (shed->strip != NULL || shed->is_stopping || !ob->is_started)
        return;
    gn_journal_status(ob->journal, &status);
    if (segments_get(ob->journal, status.segments, &segments) != GN_OK)
        return;
    if (segments.count > 0)
        forget_marks(shed, segments.all[0].number);
    ob->is_shedding = gn_shed_look(&shed->state, &status, bytes_from(&segments, lowest_of_all(ob)));
    take_step(ob, &segments);
    segments_free(&segments);
    if (shed->strip == NULL)
        shed->look_at_ms = gn_loop_now_ms(ob->loop) + PAUSE_MS;
}

/* ---- for the others ---- */

void gn_shed_tick(struct gn_outbox *ob)
{
    look(ob);
}

void gn_shed_wanted(struct gn_outbox *ob)
{
    struct gn_shed *shed = ob->shed;

    if (shed->strip == NULL && !shed->is_stopping && gn_loop_now_ms(ob->loop) >= shed->look_at_ms)
        gn_defer_call(ob->loop, &shed->look, look, ob);
}

void gn_shed_forget(struct gn_sink *sink)
{
    const struct gn_shed *shed = sink->outbox->shed;

    if (shed->strip != NULL)
        gn_strip_forget(shed->strip, sink);
}

enum gn_err gn_shed_init(struct gn_outbox *ob)
{
    static const char *const labels[GN_SHED_NOTHING] = {
        [GN_SHED_EXPIRED] = "why=\"expired\"",
        [GN_SHED_SILENT] = "why=\"silent\"",
        [GN_SHED_QUOTA] = "why=\"quota\"",
    };
    struct gn_shed *shed = calloc(1, sizeof(*shed));

    if (shed == NULL)
        return GN_ENOMEM;
    for (int i = 0; i < GN_SHED_NOTHING; i++)
        shed->total[i] = gn_metrics_counter(
            ob->metrics, "gurnard_shed_events_total", labels[i],
            "Events removed from the journal before they were delivered, by each subscription.");
    ob->shed = shed;
    return GN_OK;
}

void gn_shed_fini(struct gn_outbox *ob)
{
    struct gn_shed *shed = ob->shed;

    if (shed == NULL)
        return;
    GN_ASSERT(shed->strip == NULL);
    gn_defer_cancel(&shed->look);
    forget_marks(shed, UINT64_MAX);
    free(shed);
    ob->shed = NULL;
}

void gn_shed_stop(struct gn_outbox *ob)
{
    ob->shed->is_stopping = true;
    gn_defer_cancel(&ob->shed->look);
}

bool gn_shed_is_busy(const struct gn_outbox *ob)
{
    return ob->shed->strip != NULL;
}
