/* Which deliveries are in memory. A sink is live while all that it has to get is in its window;
 * else it is behind, and its window is refilled in order, from the hot ring where that reaches back
 * far enough, else from the journal. */
#include "outbox_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/relay/record.h"

#define LOW_BYTES       (GN_WINDOW_READ_BYTES / 2) /* in the window: below, more is read */
#define DOWN_READ_BYTES (16U << 10)                /* read at a time for a sink that is held */
#define DOWN_EVENTS_MAX 256U   /* in the window of a sink that is held, in all */
#define DOWN_LANES_FEW  8U     /* in such a window: below, others may stand behind a long one */
#define PROBES_IN_VAIN  3U     /* after so many one looks for them */
#define SKIP_MAX        16384U /* events over which a reader goes on instead of being set anew */
#define LOOKS_MAX       16384U /* events of the hot ring looked at in one turn */

/* One refill under way. */
struct fill {
    struct gn_sink *sink;
    uint64_t bytes_left; /* to be taken at most, about */
    uint64_t clock_ms;   /* the present */
    bool is_starved;     /* memory was wanting */
};

/* ---- room ---- */

/* Whether the memory of all windows lets this one hold more bytes. */
static bool has_memory(const struct gn_sink *sink, uint64_t bytes, uint64_t least)
{
    const struct gn_outbox *ob = sink->outbox;

    return sink->window_count == 0 || sink->window_bytes + bytes <= least ||
           ob->bytes + bytes <= ob->config.memory_bytes;
}

/* Whether a sink that is held should see more than its small window: the receiver may drop the
 * connection over the events of one lane and take those of the others. */
static bool looks_further(const struct gn_sink *sink)
{
    const struct gn_outbox *ob = sink->outbox;

    return sink->probes >= PROBES_IN_VAIN && HASH_COUNT(sink->lanes) < DOWN_LANES_FEW &&
           ob->bytes + DOWN_READ_BYTES <= ob->config.memory_bytes / 2;
}

/* Deliveries in lanes that wait for their timer count for less: the others must not wait for them,
 * and a sink that is down needs one that can be tried. */
static bool has_places(const struct gn_sink *sink)
{
    uint64_t able = sink->window_count - sink->held_count;

    if (gn_sink_is_held(sink))
        return sink->window_count < DOWN_EVENTS_MAX &&
               (able < GN_WINDOW_DOWN_EVENTS || looks_further(sink));
    return able < GN_WINDOW_EVENTS && sink->window_count < GN_WINDOW_HELD_EVENTS;
}

uint32_t gn_window_held_max(const struct gn_sink *sink)
{
    return sink->probes < PROBES_IN_VAIN ? GN_WINDOW_DOWN_EVENTS : DOWN_EVENTS_MAX;
}

/* Where a refill goes on. */
static uint64_t position(const struct gn_sink *sink)
{
    uint64_t lowest = gn_keep_lowest(&sink->keep);

    return lowest < sink->next_sequence ? lowest : sink->next_sequence;
}

static bool is_hungry_now(const struct gn_sink *sink)
{
    const struct gn_outbox *ob = sink->outbox;

    if (sink->is_live || sink->is_closed || sink->is_reading || !ob->is_started)
        return false;
    if (ob->is_draining && ob->is_lasting && gn_sink_is_held(sink))
        return false;
    if (position(sink) == ob->hot.next)
        return true; /* nothing more to be had: live */
    if (gn_sink_is_held(sink))
        return has_places(sink) &&
               (sink->window_count - sink->held_count < GN_WINDOW_DOWN_EVENTS / 2 ||
                looks_further(sink));
    if (!has_places(sink) || !has_memory(sink, GN_WINDOW_READ_BYTES, LOW_BYTES * 3))
        return false;
    return sink->window_bytes - sink->held_bytes < LOW_BYTES ||
           (TAILQ_EMPTY(&sink->ready) && sink->in_flight < sink->concurrency);
}

void gn_window_wake(struct gn_sink *sink)
{
    struct gn_outbox *ob = sink->outbox;

    if (sink->is_live || sink->is_hungry || !is_hungry_now(sink))
        return;
    sink->is_hungry = true;
    TAILQ_INSERT_TAIL(&ob->hungry, sink, hungry_link);
    gn_defer_call(ob->loop, &ob->fill, gn_outbox_fill, ob);
}

/* ---- live and behind ---- */

void gn_window_fall_behind(struct gn_sink *sink, uint64_t next_sequence)
{
    GN_ASSERT(sink->is_live);
    sink->is_live = false;
    sink->next_sequence = next_sequence;
    sink->outbox->sinks_behind++;
    gn_window_wake(sink);
}

/* Nobody can tell why: the count of what is pending does not fit what there is. */
static void log_miscounted(struct gn_sink *sink, uint64_t found)
{
    if (!sink->was_miscounted)
        gn_log_warn("sink.miscounted sink=%s pending=%llu found=%llu", sink->id,
                    (unsigned long long)sink->pending, (unsigned long long)found);
    sink->was_miscounted = true;
}

static void log_lost(struct gn_sink *sink, uint64_t count)
{
    struct gn_outbox *ob = sink->outbox;
    uint64_t held;

    if (gn_log_allow(&ob->lost_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_error("delivery.lost sink=%s count=%llu held=%llu", sink->id,
                     (unsigned long long)count, (unsigned long long)held);
}

void gn_window_catch_up(struct gn_sink *sink)
{
    uint64_t lost = sink->pending - sink->window_count;

    GN_ASSERT(!sink->is_live && sink->keep.count == 0);
    sink->is_live = true;
    sink->outbox->sinks_behind--;
    gn_keep_free(&sink->keep);
    gn_window_reread(sink);
    if (lost > 0 && !sink->was_changed)
        log_miscounted(sink, sink->window_count);
    if (lost > 0)
        gn_sink_count_ends(sink, sink->was_changed ? GN_UNSUBSCRIBED : GN_LOST, lost);
    sink->was_changed = false;
}

void gn_window_push(struct gn_sink *sink, struct gn_item *item)
{
    uint64_t bytes = item->deliveries > 0 ? 0 : item->event->bytes_held;
    struct gn_delivery *dv;

    if (!sink->is_live)
        return;
    if (has_places(sink) && has_memory(sink, bytes, GN_WINDOW_READ_BYTES)) {
        dv = malloc(sizeof(*dv));
        if (dv != NULL && gn_delivery_queue(sink, dv, item, GN_KIND_STORED) == GN_OK)
            return;
        free(dv);
    }
    gn_window_fall_behind(sink, item->sequence);
}

/* ---- refill ---- */

/* Everything below sequence has been seen: what was to be there is lost. */
static void lose_below(struct gn_sink *sink, uint64_t sequence)
{
    uint64_t lost = 0;

    while (gn_keep_lowest(&sink->keep) < sequence) {
        gn_keep_pop(&sink->keep);
        lost++;
    }
    if (lost == 0)
        return;
    log_lost(sink, lost);
    gn_sink_count_ends(sink, GN_LOST, lost);
}

static void pass(struct gn_sink *sink, uint64_t next)
{
    lose_below(sink, next);
    if (sink->next_sequence < next)
        sink->next_sequence = next;
}

/* Whether the event of this sequence was, or was not, to be delivered, as far as that is known
 * already; those before it have been seen. */
enum known { KNOWN_WANTED, KNOWN_UNWANTED, NOT_KNOWN };

static enum known look_up(struct gn_sink *sink, uint64_t sequence)
{
    lose_below(sink, sequence);
    if (gn_keep_lowest(&sink->keep) == sequence)
        return KNOWN_WANTED;
    return sequence < sink->next_sequence ? KNOWN_UNWANTED : NOT_KNOWN;
}

static bool wants_item(struct gn_sink *sink, const struct gn_item *item)
{
    enum known known = look_up(sink, item->sequence);

    return known == NOT_KNOWN ? gn_interest_wants(sink->interest, item->event, NULL)
                              : known == KNOWN_WANTED;
}

static bool wants_packed(struct gn_sink *sink, uint64_t sequence,
                         const struct gn_packed_event *packed)
{
    enum known known = look_up(sink, sequence);

    return known == NOT_KNOWN ? gn_interest_wants_packed(sink->interest, packed)
                              : known == KNOWN_WANTED;
}

/* The wanted event is accounted for from now on by the window, or by its end. */
static void claim(struct gn_sink *sink, uint64_t sequence)
{
    if (gn_keep_lowest(&sink->keep) == sequence)
        gn_keep_pop(&sink->keep);
    if (sink->next_sequence <= sequence)
        sink->next_sequence = sequence + 1;
}

/* pending is at least what is known to be pending, that is the window, keep, and more. */
static void count_found(struct gn_sink *sink, uint64_t more)
{
    uint64_t known = sink->window_count + sink->keep.count + more;

    if (sink->pending >= known)
        return;
    if (!sink->was_changed)
        log_miscounted(sink, known);
    sink->outbox->pending += known - sink->pending;
    sink->pending = known;
}

/* Takes the wanted event, which item is made for. false: no memory, nothing happened. */
static bool take_item(struct fill *fill, struct gn_item *item)
{
    struct gn_sink *sink = fill->sink;
    struct gn_delivery *dv = malloc(sizeof(*dv));
    uint64_t bytes = item->event->bytes_held;

    if (dv == NULL || gn_delivery_queue(sink, dv, item, GN_KIND_STORED) != GN_OK) {
        free(dv);
        fill->is_starved = true;
        return false;
    }
    claim(sink, item->sequence);
    count_found(sink, 0);
    fill->bytes_left -= bytes < fill->bytes_left ? bytes : fill->bytes_left;
    return true;
}

/* Ends the wanted event, too old to be taken. */
static void take_expired(struct gn_sink *sink, uint64_t sequence)
{
    claim(sink, sequence);
    count_found(sink, 1);
    if (sink->top_sequence < sequence)
        sink->top_sequence = sequence;
    gn_sink_count_ends(sink, GN_EXPIRED, 1);
}

static bool is_too_old(const struct fill *fill, uint64_t clock_ms)
{
    return fill->clock_ms - clock_ms >= fill->sink->expire_ms;
}

/* Whether one more may be taken in this refill. */
static bool goes_on(const struct fill *fill)
{
    return fill->bytes_left > 0 && has_places(fill->sink);
}

static struct fill fill_of(struct gn_sink *sink)
{
    return (struct fill){.sink = sink,
                         .bytes_left = GN_WINDOW_READ_BYTES,
                         .clock_ms = gn_journal_clock_ms(sink->outbox->journal)};
}

/* ---- from the hot ring ---- */

/* false: no more in this refill. */
static bool take_hot(struct fill *fill, struct gn_item *item)
{
    if (!wants_item(fill->sink, item))
        return true;
    if (is_too_old(fill, item->clock_ms)) {
        take_expired(fill->sink, item->sequence);
        return true;
    }
    return goes_on(fill) && take_item(fill, item);
}

/* Looks at most at *looks events. */
static void fill_from_hot(struct gn_sink *sink, uint32_t *looks)
{
    const struct gn_hot *hot = &sink->outbox->hot;
    struct fill fill = fill_of(sink);
    uint64_t at = position(sink);

    while (at<hot->next && * looks> 0 && take_hot(&fill, gn_hot_at(hot, at))) {
        at++;
        (*looks)--;
    }
    pass(sink, at);
    if (at == hot->next)
        gn_window_catch_up(sink);
    else if (!fill.is_starved) /* else the tick tries again */
        gn_window_wake(sink);
}

/* ---- from the journal ---- */

/* false: no memory, nothing happened. An event that cannot be built is passed over: it will be
 * found to be lost. */
static bool take_packed(struct fill *fill, const struct gn_packed_event *packed, uint64_t sequence,
                        uint64_t clock_ms)
{
    struct gn_event *event = NULL;
    enum gn_err err = gn_event_unpack(packed, &event);
    struct gn_item *item = err == GN_OK ? gn_item_new(event, sequence, clock_ms) : NULL;
    bool is_taken = item != NULL && take_item(fill, item);

    gn_item_unref(item);
    gn_event_unref(event);
    fill->is_starved = !is_taken && (err == GN_OK || err == GN_ENOMEM);
    return !fill->is_starved;
}

/* false: no more in this refill. */
static bool look_at_packed(struct fill *fill, const struct gn_packed_event *packed,
                           uint64_t sequence, uint64_t clock_ms)
{
    if (!wants_packed(fill->sink, sequence, packed))
        return true;
    if (is_too_old(fill, clock_ms)) {
        take_expired(fill->sink, sequence);
        return true;
    }
    return goes_on(fill) && take_packed(fill, packed, sequence, clock_ms);
}

/* false: no more in this refill. */
static bool take_record(struct fill *fill, const struct gn_record *record)
{
    struct gn_packed_event packed;
    struct gn_str payload = record->payload;

    if (record->type != GN_RECORD_EVENTS)
        return true;
    for (uint32_t i = 0; i < record->count; i++) {
        uint64_t sequence = record->sequence + i;

        if (gn_event_peek(&payload, &packed) != GN_OK)
            return true;
        if (!look_at_packed(fill, &packed, sequence, record->clock_ms))
            return false;
        pass(fill->sink, sequence + 1);
    }
    return true;
}

static void log_read(struct gn_sink *sink, enum gn_err err)
{
    struct gn_outbox *ob = sink->outbox;
    uint64_t held;

    if (gn_log_allow(&ob->read_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_warn("sink.read_failed sink=%s reason=\"%s\" held=%llu", sink->id, gn_err_text(err),
                    (unsigned long long)held);
}

static void on_read(void *ctx, const struct gn_journal_block *block)
{
    struct gn_sink *sink = ctx;
    struct fill fill = fill_of(sink);
    struct gn_str frames = block->frames;
    struct gn_record record;
    bool is_whole = true;

    sink->is_reading = false;
    if (block->err != GN_OK) {
        log_read(sink, block->err);
        return; /* the tick tries again */
    }
    fill.bytes_left = UINT64_MAX; /* all of it, it is bounded */
    sink->reader_next = block->next;
    while (is_whole && gn_frame_next(&frames, &record))
        is_whole = take_record(&fill, &record);
    if (!is_whole)
        return; /* it is full, or the tick tries again */
    pass(sink, block->next);
    gn_window_wake(sink);
}

static void start_read(struct gn_sink *sink)
{
    struct gn_outbox *ob = sink->outbox;
    uint64_t from = position(sink);

    if (sink->reader != NULL && (from < sink->reader_next || from - sink->reader_next > SKIP_MAX))
        gn_window_reread(sink);
    if (sink->reader == NULL) {
        sink->reader = gn_journal_reader_new(ob->journal, from);
        sink->reader_next = from;
    }
    if (sink->reader == NULL)
        return; /* the tick tries again */
    sink->is_reading = true;
    gn_metric_add(ob->reads, 1);
    gn_journal_read(sink->reader, gn_sink_is_held(sink) ? DOWN_READ_BYTES : GN_WINDOW_READ_BYTES,
                    on_read, sink);
}

void gn_window_reread(struct gn_sink *sink)
{
    gn_journal_reader_free(sink->reader);
    sink->reader = NULL;
    if (!sink->is_reading)
        return;
    sink->is_reading = false;
    gn_window_wake(sink);
}

void gn_outbox_fill(void *ctx)
{
    struct gn_outbox *ob = ctx;
    uint32_t looks = LOOKS_MAX;
    struct gn_sink *sink;

    while ((sink = TAILQ_FIRST(&ob->hungry)) != NULL && looks > 0) {
        TAILQ_REMOVE(&ob->hungry, sink, hungry_link);
        sink->is_hungry = false;
        looks--;
        if (!is_hungry_now(sink))
            continue;
        if (position(sink) >= ob->hot.first)
            fill_from_hot(sink, &looks);
        else
            start_read(sink);
    }
    if (sink != NULL)
        gn_defer_call(ob->loop, &ob->fill, gn_outbox_fill, ob);
}

/* ---- what is not in memory ---- */

bool gn_window_is_unread(const struct gn_sink *sink, uint64_t sequence)
{
    if (sink->is_live)
        return false;
    return sequence >= sink->next_sequence || gn_keep_has(&sink->keep, sequence);
}

bool gn_window_end_unread(struct gn_sink *sink, uint64_t sequence, enum gn_outcome outcome)
{
    if (!gn_window_is_unread(sink, sequence))
        return false;
    (void)gn_keep_take(&sink->keep, sequence); /* not in it: it is from next_sequence on */
    count_found(sink, 1);
    gn_sink_count_ends(sink, outcome, 1);
    return true;
}

uint64_t gn_window_lowest(const struct gn_sink *sink)
{
    const struct gn_delivery *first = TAILQ_FIRST(&sink->window);
    uint64_t unread = sink->is_live ? UINT64_MAX : position(sink);

    return first != NULL && first->item->sequence < unread ? first->item->sequence : unread;
}

uint64_t gn_window_boundary(const struct gn_sink *sink)
{
    uint64_t lowest = gn_window_lowest(sink);

    return lowest > sink->top_sequence + 1 && lowest != UINT64_MAX ? lowest - 1
                                                                   : sink->top_sequence;
}
