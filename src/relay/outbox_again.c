/* Events that are sent once more: replays of what the journal still has, and single events. Their
 * deliveries have lanes of their own and never touch what is pending or the progress.
 *
 * A replay reads in order up to the last event stored when it was asked for, and holds a small
 * number of deliveries in memory. */
#include "outbox_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/relay/record.h"
#include "gurnard/relay/replay.h"
#include "gurnard/relay/shed.h"

#define REPLAY_EVENTS     256U        /* deliveries of one replay in memory */
#define REPLAY_LOW_EVENTS 128U        /* below, more is read */
#define REPLAY_READ_BYTES (64U << 10) /* at a time */
#define REPLAY_LOOKS_MAX  4096U       /* events of the hot ring looked at in one turn */
#define REPLAY_RETRY_MS   1000U       /* after a failed read */

struct gn_replay {
    struct gn_sink *sink;
    struct gn_journal_reader *reader; /* or NULL */
    uint64_t reader_next;             /* what it gives next */
    uint64_t next, end;               /* sequences: the next to look at, and where it ends */
    struct gn_replay_range range;
    uint32_t loaded; /* deliveries in memory */
    uint64_t failed;
    bool is_reading;
    struct gn_defer more;
    struct gn_timer retry;
};

/* A delivery of a replay. */
struct replayed {
    struct gn_delivery delivery; /* first: the outbox knows only this */
    struct gn_replay *replay;    /* NULL: that has ended meanwhile */
};

/* A single event. */
struct again {
    struct gn_delivery delivery; /* first, as above */
    struct gn_outbox *outbox;
    void (*done)(void *ctx, enum gn_err err);
    void *ctx;
    enum gn_err result;
    struct gn_defer defer; /* the call of done */
};

static void count_taken(struct gn_outbox *ob)
{
    ob->replayed++;
    gn_metric_add(ob->replayed_total, 1);
}

/* ---- a replay's deliveries ---- */

/* A delivery of event, in a lane behind those before it. */
static enum gn_err queue_event(struct gn_replay *replay, struct gn_event *event, uint64_t sequence)
{
    struct gn_outbox *ob = replay->sink->outbox;
    struct replayed *made = calloc(1, sizeof(*made));
    struct gn_item *item = gn_item_new(event, 0, gn_journal_clock_ms(ob->journal));
    enum gn_err err = GN_ENOMEM;

    if (item != NULL)
        item->told = sequence;
    if (made != NULL && item != NULL)
        err = gn_delivery_queue(replay->sink, &made->delivery, item, GN_KIND_REPLAY);
    gn_item_unref(item);
    if (err != GN_OK) {
        free(made);
        return err;
    }
    made->replay = replay;
    replay->loaded++;
    return GN_OK;
}

static bool is_full(const struct gn_replay *replay)
{
    return replay->loaded >= REPLAY_EVENTS;
}

/* ---- its end ---- */

/* Its deliveries are nobody's any more; those not under way end when drop is set. */
static void disown(struct gn_replay *replay, bool drop)
{
    struct gn_delivery *next;

    for (struct gn_delivery *dv = TAILQ_FIRST(&replay->sink->agains); dv != NULL; dv = next) {
        next = TAILQ_NEXT(dv, sink_link);
        if (dv->lane->key.kind != GN_KIND_REPLAY)
            continue;
        GN_CONTAINER_OF(dv, struct replayed, delivery)->replay = NULL;
        if (drop && !gn_delivery_is_in_flight(dv))
            gn_delivery_end(dv, GN_DROPPED);
    }
}

static void replay_end(struct gn_replay *replay)
{
    struct gn_sink *sink = replay->sink;

    gn_log_info("replay.ended sink=%s sent=%llu failed=%llu", sink->id,
                (unsigned long long)sink->replayed, (unsigned long long)replay->failed);
    sink->replay = NULL;
    sink->is_replaying = false;
    gn_journal_reader_free(replay->reader);
    gn_defer_cancel(&replay->more);
    gn_timer_fini(&replay->retry);
    free(replay);
}

/* ---- reading ---- */

static void take_more(void *ctx);

static void go_on(struct gn_replay *replay)
{
    if (!replay->is_reading && !gn_timer_is_running(&replay->retry))
        gn_defer_call(replay->sink->outbox->loop, &replay->more, take_more, replay);
}

static void on_retry(void *ctx)
{
    go_on(ctx);
}

static void retry_later(struct gn_replay *replay, enum gn_err err)
{
    gn_log_warn("replay.waits sink=%s reason=\"%s\"", replay->sink->id, gn_err_text(err));
    gn_timer_start(&replay->retry, REPLAY_RETRY_MS);
}

/* From the hot ring, as far as it goes in one turn. */
static void take_hot(struct gn_replay *replay)
{
    const struct gn_hot *hot = &replay->sink->outbox->hot;

    for (uint32_t looks = 0; looks < REPLAY_LOOKS_MAX; looks++) {
        struct gn_event *event;
        enum gn_err err = GN_OK;

        if (replay->next >= replay->end || is_full(replay))
            break;
        event = gn_hot_at(hot, replay->next)->event;
        if (gn_replay_has(&replay->range, event->received_ns) &&
            gn_interest_wants(replay->sink->interest, event, NULL))
            err = queue_event(replay, event, replay->next);
        if (err != GN_OK) {
            retry_later(replay, err);
            return;
        }
        replay->next++;
    }
    if (!is_full(replay))
        go_on(replay);
}

/* GN_EFULL: not now, there are enough. */
static enum gn_err take_packed(struct gn_replay *replay, const struct gn_packed_event *packed,
                               uint64_t sequence)
{
    struct gn_event *event = NULL;
    enum gn_err err;

    if (!gn_replay_has(&replay->range, packed->received_ns) ||
        !gn_interest_wants_packed(replay->sink->interest, packed))
        return GN_OK;
    if (is_full(replay))
        return GN_EFULL;
    err = gn_event_unpack(packed, &event);
    if (err == GN_EPARSE)
        return GN_OK; /* it cannot be sent to anybody */
    if (err == GN_OK)
        err = queue_event(replay, event, sequence);
    gn_event_unref(event);
    return err;
}

static enum gn_err take_record(struct gn_replay *replay, const struct gn_record *record)
{
    struct gn_str payload = record->payload;
    struct gn_packed_event packed;

    if (record->type != GN_RECORD_EVENTS)
        return GN_OK;
    for (uint32_t i = 0; i < record->count; i++) {
        uint64_t sequence = record->sequence + i;
        enum gn_err err;

        if (sequence >= replay->end || gn_event_peek(&payload, &packed) != GN_OK)
            return GN_OK;
        if (sequence < replay->next)
            continue;
        err = take_packed(replay, &packed, sequence);
        if (err != GN_OK)
            return err;
        replay->next = sequence + 1;
    }
    return GN_OK;
}

static void on_read(void *ctx, const struct gn_journal_block *block)
{
    struct gn_replay *replay = ctx;
    struct gn_str frames = block->frames;
    struct gn_record record;
    enum gn_err err = block->err;

    replay->is_reading = false;
    if (err == GN_OK)
        replay->reader_next = block->next;
    while (err == GN_OK && gn_frame_next(&frames, &record))
        err = take_record(replay, &record);
    if (err == GN_OK && replay->next < block->next)
        replay->next = block->next;
    if (err == GN_OK)
        go_on(replay);
    else if (err != GN_EFULL)
        retry_later(replay, err);
}

static void start_read(struct gn_replay *replay)
{
    struct gn_journal *journal = replay->sink->outbox->journal;

    if (replay->reader != NULL && replay->reader_next != replay->next) {
        gn_journal_reader_free(replay->reader); /* it is ahead: not all of a block was taken */
        replay->reader = NULL;
    }
    if (replay->reader == NULL)
        replay->reader = gn_journal_reader_new(journal, replay->next);
    if (replay->reader == NULL) {
        retry_later(replay, GN_ENOMEM);
        return;
    }
    replay->is_reading = true;
    gn_journal_read(replay->reader, REPLAY_READ_BYTES, on_read, replay);
}

static void take_more(void *ctx)
{
    struct gn_replay *replay = ctx;
    const struct gn_outbox *ob = replay->sink->outbox;

    if (replay->is_reading || gn_timer_is_running(&replay->retry))
        return;
    if (replay->next >= replay->end) {
        if (replay->loaded == 0)
            replay_end(replay);
        return;
    }
    if (ob->is_draining || replay->loaded > REPLAY_LOW_EVENTS)
        return;
    if (replay->next >= ob->hot.first)
        take_hot(replay);
    else
        start_read(replay);
}

/* ---- start and stop ---- */

enum gn_err gn_outbox_replay(struct gn_sink *sink, int64_t since_ns, int64_t until_ns)
{
    struct gn_outbox *ob = sink->outbox;
    struct gn_replay *replay;

    GN_ASSERT(!sink->is_closed && ob->is_started);
    if (sink->replay != NULL)
        return GN_EEXIST;
    replay = calloc(1, sizeof(*replay));
    if (replay == NULL)
        return GN_ENOMEM;
    replay->sink = sink;
    replay->range = (struct gn_replay_range){
        .since_ns = since_ns,
        .until_ns = until_ns,
    };
    replay->next = gn_replay_first(ob->journal, since_ns);
    replay->end = gn_journal_next(ob->journal);
    gn_timer_init(&replay->retry, ob->loop, on_retry, replay);
    sink->replay = replay;
    sink->is_replaying = true;
    sink->replayed = 0;
    gn_log_info("replay.started sink=%s from=%llu to=%llu", sink->id,
                (unsigned long long)replay->next, (unsigned long long)replay->end);
    go_on(replay);
    return GN_OK;
}

bool gn_outbox_replay_stop(struct gn_sink *sink)
{
    struct gn_replay *replay = sink->replay;

    if (replay == NULL)
        return false;
    disown(replay, true);
    replay_end(replay);
    return true;
}

uint64_t gn_again_lowest(const struct gn_sink *sink)
{
    struct gn_journal_status status;

    if (sink->replay == NULL || sink->replay->next >= sink->replay->end)
        return UINT64_MAX;
    /* What only a replay wants must not be the reason that new events are refused. */
    gn_journal_status(sink->outbox->journal, &status);
    if (sink->outbox->is_shedding ||
        status.bytes > status.refuse_at_bytes / 100 * GN_SHED_BEGIN_PCT)
        return UINT64_MAX;
    return sink->replay->next;
}

/* ---- single events ---- */

static void on_again_done(void *ctx)
{
    struct again *again = ctx;
    void (*done)(void *, enum gn_err) = again->done;
    void *done_ctx = again->ctx;
    enum gn_err result = again->result;

    again->outbox->again_count--;
    free(again);
    done(done_ctx, result);
}

enum gn_err gn_outbox_send_again(struct gn_sink *sink, struct gn_event *event,
                                 void (*done)(void *ctx, enum gn_err err), void *ctx)
{
    struct gn_outbox *ob = sink->outbox;
    struct again *again;
    struct gn_item *item;
    enum gn_err err = GN_ENOMEM;

    GN_ASSERT(!sink->is_closed && ob->is_started);
    if (ob->again_count >= GN_AGAIN_MAX)
        return GN_EFULL;
    again = calloc(1, sizeof(*again));
    item = gn_item_new(event, 0, gn_journal_clock_ms(ob->journal));
    if (again != NULL && item != NULL)
        err = gn_delivery_queue(sink, &again->delivery, item, GN_KIND_AGAIN);
    gn_item_unref(item);
    if (err != GN_OK) {
        free(again);
        return err;
    }
    again->outbox = ob;
    again->done = done;
    again->ctx = ctx;
    ob->again_count++;
    return GN_OK;
}

static void again_ended(struct gn_outbox *ob, struct again *again, enum gn_outcome outcome)
{
    if (outcome == GN_DELIVERED) {
        count_taken(ob);
        again->result = GN_OK;
    } else if (outcome == GN_DEAD) {
        again->result = GN_EREFUSED;
    } else {
        again->result = outcome == GN_EXPIRED ? GN_ETIMEOUT : GN_ECANCELED;
    }
    gn_defer_call(ob->loop, &again->defer, on_again_done, again);
}

/* ---- for the other parts ---- */

static void replayed_ended(struct gn_sink *sink, struct gn_replay *replay, enum gn_outcome outcome)
{
    if (outcome == GN_DELIVERED)
        count_taken(sink->outbox);
    if (replay == NULL)
        return;
    if (outcome == GN_DELIVERED)
        sink->replayed++;
    else
        replay->failed++;
    replay->loaded--;
    if (replay->loaded <= REPLAY_LOW_EVENTS)
        go_on(replay);
}

void gn_again_ended(struct gn_sink *sink, struct gn_delivery *dv, enum gn_kind kind,
                    enum gn_outcome outcome)
{
    struct replayed *replayed;
    struct gn_replay *replay;

    if (kind == GN_KIND_AGAIN) {
        again_ended(sink->outbox, GN_CONTAINER_OF(dv, struct again, delivery), outcome);
        return;
    }
    GN_ASSERT(kind == GN_KIND_REPLAY);
    replayed = GN_CONTAINER_OF(dv, struct replayed, delivery);
    replay = replayed->replay;
    free(replayed);
    replayed_ended(sink, replay, outcome);
}

void gn_again_init(struct gn_outbox *ob)
{
    ob->replayed_total =
        gn_metrics_counter(ob->metrics, "gurnard_replayed_total", NULL,
                           "Events sent once more, by a replay or one by one, that were taken.");
}

void gn_again_close(struct gn_sink *sink)
{
    if (sink->replay == NULL)
        return;
    disown(sink->replay, false);
    replay_end(sink->replay);
}

void gn_again_free(struct gn_sink *sink)
{
    GN_ASSERT(sink->replay == NULL && TAILQ_EMPTY(&sink->agains));
}
