/* Items, lanes and deliveries: how they come to be, hang together, and end. */
#include "outbox_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"

/* ---- lanes ---- */

/* The sink's lane of this key, made when missing. NULL when there is no memory. */
static struct gn_lane *lane_get(struct gn_sink *sink, struct gn_lane_key key)
{
    struct gn_lane *lane;

    HASH_FIND(hh, sink->lanes, &key, sizeof(key), lane);
    if (lane != NULL)
        return lane;
    lane = calloc(1, sizeof(*lane));
    if (lane == NULL)
        return NULL;
    lane->key = key;
    lane->sink = sink;
    TAILQ_INIT(&lane->deliveries);
    HASH_ADD(hh, sink->lanes, key, sizeof(lane->key), lane);
    if (lane->hh.tbl == NULL) {
        free(lane);
        return NULL;
    }
    return lane;
}

/* Frees an empty lane that is not under way. */
static void lane_free(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;

    GN_ASSERT(TAILQ_EMPTY(&lane->deliveries));
    GN_ASSERT(lane->state != GN_LANE_IN_FLIGHT);
    if (lane->state == GN_LANE_READY)
        TAILQ_REMOVE(&sink->ready, lane, ready_link);
    gn_timer_fini(&lane->timer);
    gn_shape_memory_free(lane->memory);
    HASH_DELETE(hh, sink->lanes, lane);
    free(lane);
}

/* A delivery with an event of this size came to the lane; or, below, went. */
static void lane_count(struct gn_lane *lane, uint32_t bytes)
{
    struct gn_sink *sink = lane->sink;

    lane->count++;
    lane->bytes += bytes;
    if (lane->key.kind != GN_KIND_STORED)
        return;
    sink->window_count++;
    sink->window_bytes += bytes;
    if (lane->state != GN_LANE_WAITING)
        return;
    sink->held_count++;
    sink->held_bytes += bytes;
}

static void lane_uncount(struct gn_lane *lane, uint32_t bytes)
{
    struct gn_sink *sink = lane->sink;

    lane->count--;
    lane->bytes -= bytes;
    if (lane->key.kind != GN_KIND_STORED)
        return;
    sink->window_count--;
    sink->window_bytes -= bytes;
    if (lane->state != GN_LANE_WAITING)
        return;
    sink->held_count--;
    sink->held_bytes -= bytes;
}

void gn_lane_ready(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;

    GN_ASSERT(lane->state == GN_LANE_IDLE || lane->state == GN_LANE_WAITING);
    gn_timer_stop(&lane->timer);
    if (lane->state == GN_LANE_WAITING && lane->key.kind == GN_KIND_STORED) {
        sink->held_count -= lane->count;
        sink->held_bytes -= lane->bytes;
    }
    lane->state = GN_LANE_READY;
    TAILQ_INSERT_TAIL(&sink->ready, lane, ready_link);
    gn_sink_wake(sink);
}

void gn_lane_take_off(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;
    uint64_t sequence = TAILQ_FIRST(&lane->deliveries)->item->sequence;

    GN_ASSERT(lane->state == GN_LANE_READY);
    TAILQ_REMOVE(&sink->ready, lane, ready_link);
    lane->state = GN_LANE_IN_FLIGHT;
    sink->in_flight++;
    sink->outbox->in_flight++;
    if (lane->key.kind != GN_KIND_STORED) {
        sink->again_in_flight++;
        sink->outbox->again_in_flight++;
        return;
    }
    if (sink->top_sequence < sequence)
        sink->top_sequence = sequence;
    gn_window_wake(sink);
}

void gn_lane_land(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;

    GN_ASSERT(lane->state == GN_LANE_IN_FLIGHT);
    lane->state = GN_LANE_IDLE;
    sink->in_flight--;
    sink->outbox->in_flight--;
    if (lane->key.kind == GN_KIND_STORED)
        return;
    sink->again_in_flight--;
    sink->outbox->again_in_flight--;
}

static void on_lane_timer(void *ctx)
{
    gn_lane_ready(ctx);
}

void gn_lane_wait(struct gn_lane *lane, uint32_t delay_ms)
{
    struct gn_sink *sink = lane->sink;

    GN_ASSERT(lane->state == GN_LANE_IDLE);
    if (lane->timer.loop == NULL)
        gn_timer_init(&lane->timer, sink->outbox->loop, on_lane_timer, lane);
    lane->state = GN_LANE_WAITING;
    gn_timer_start(&lane->timer, delay_ms);
    if (lane->key.kind != GN_KIND_STORED)
        return;
    sink->held_count += lane->count;
    sink->held_bytes += lane->bytes;
    gn_window_wake(sink);
}

/* ---- items ---- */

struct gn_item *gn_item_new(struct gn_event *event, uint64_t sequence, uint64_t clock_ms)
{
    struct gn_item *item = malloc(sizeof(*item));

    if (item == NULL)
        return NULL;
    *item = (struct gn_item){
        .event = gn_event_ref(event),
        .sequence = sequence,
        .told = sequence,
        .clock_ms = clock_ms,
        .refs = 1,
    };
    return item;
}

void gn_item_unref(struct gn_item *item)
{
    if (item == NULL || --item->refs > 0)
        return;
    gn_event_unref(item->event);
    free(item);
}

/* ---- deliveries ---- */

/* At its place by sequence: at the end as a rule, else a little before it. */
static void window_insert(struct gn_sink *sink, struct gn_delivery *dv)
{
    struct gn_delivery *before = TAILQ_LAST(&sink->window, gn_delivery_list);

    while (before != NULL && before->item->sequence > dv->item->sequence)
        before = TAILQ_PREV(before, gn_delivery_list, sink_link);
    if (before == NULL)
        TAILQ_INSERT_HEAD(&sink->window, dv, sink_link);
    else
        TAILQ_INSERT_AFTER(&sink->window, before, dv, sink_link);
}

enum gn_err gn_delivery_queue(struct gn_sink *sink, struct gn_delivery *dv, struct gn_item *item,
                              enum gn_kind kind)
{
    const struct gn_lane_key key = {.lane = item->event->lane, .kind = kind};
    struct gn_lane *lane = lane_get(sink, key);

    if (lane == NULL)
        return GN_ENOMEM;
    dv->item = item;
    dv->lane = lane;
    item->refs++;
    if (item->deliveries++ == 0)
        sink->outbox->bytes += item->event->bytes_held;
    TAILQ_INSERT_TAIL(&lane->deliveries, dv, lane_link);
    if (kind == GN_KIND_STORED)
        window_insert(sink, dv);
    else
        TAILQ_INSERT_TAIL(&sink->agains, dv, sink_link);
    lane_count(lane, item->event->bytes_held);
    if (lane->state == GN_LANE_IDLE)
        gn_lane_ready(lane);
    gn_outbox_sweep_later(sink->outbox);
    return GN_OK;
}

/* The lane's first delivery has gone and the next one starts afresh. A wait outlives it: else a
 * receiver that asked for one would be tried again with each event that is shed. */
static void lane_next(struct gn_lane *lane)
{
    lane->refusals = 0;
    lane->part = 0;
    lane->is_buried = false;
    gn_shape_memory_free(lane->memory);
    lane->memory = NULL;
    if (lane->state == GN_LANE_WAITING)
        return;
    lane->attempts = 0;
    if (lane->state == GN_LANE_IDLE)
        gn_lane_ready(lane);
}

/* Out of all lists; gives its item and perhaps its lane back. */
static void unlink_delivery(struct gn_delivery *dv)
{
    struct gn_lane *lane = dv->lane;
    struct gn_sink *sink = lane->sink;
    bool was_first = TAILQ_FIRST(&lane->deliveries) == dv;

    GN_ASSERT(!gn_delivery_is_in_flight(dv));
    TAILQ_REMOVE(&lane->deliveries, dv, lane_link);
    if (lane->key.kind == GN_KIND_STORED)
        TAILQ_REMOVE(&sink->window, dv, sink_link);
    else
        TAILQ_REMOVE(&sink->agains, dv, sink_link);
    lane_uncount(lane, dv->item->event->bytes_held);
    if (--dv->item->deliveries == 0)
        sink->outbox->bytes -= dv->item->event->bytes_held;
    gn_item_unref(dv->item);
    if (TAILQ_EMPTY(&lane->deliveries))
        lane_free(lane);
    else if (was_first)
        lane_next(lane);
}

/* Who wants to know how it ended for an event. */
static void tell_end(const struct gn_sink *sink, const struct gn_event *event, bool is_delivered)
{
    const struct gn_outbox *ob = sink->outbox;

    gn_cne_add(ob->cne,
               sink->interest->face == GN_FACE_PEER ? GN_CNE_TRANSPORT_EVENTS_PUBLISHED
                                                    : GN_CNE_EVENTS_RECEIVED,
               event->resource, is_delivered ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
    if (ob->ended != NULL)
        ob->ended(ob->ended_ctx, event, is_delivered);
}

void gn_delivery_end(struct gn_delivery *dv, enum gn_outcome outcome)
{
    struct gn_sink *sink = dv->lane->sink;
    enum gn_kind kind = (enum gn_kind)dv->lane->key.kind;
    uint64_t sequence = dv->item->sequence;

    if (kind == GN_KIND_STORED && outcome != GN_LEFT && outcome != GN_UNSUBSCRIBED)
        tell_end(sink, dv->item->event, outcome == GN_DELIVERED);
    unlink_delivery(dv);
    if (kind != GN_KIND_STORED) {
        gn_again_ended(sink, dv, kind, outcome);
        return;
    }
    free(dv);
    if (sink->top_sequence < sequence)
        sink->top_sequence = sequence;
    gn_sink_count_ends(sink, outcome, 1);
    gn_window_wake(sink);
}

void gn_delivery_unload(struct gn_delivery *dv)
{
    GN_ASSERT(dv->lane->key.kind == GN_KIND_STORED);
    unlink_delivery(dv);
    free(dv);
}

static void count_outcome(struct gn_sink *sink, enum gn_outcome outcome, uint64_t count)
{
    struct gn_outbox *ob = sink->outbox;

    switch (outcome) {
    case GN_DELIVERED:
        sink->delivered += count;
        ob->delivered += count;
        break;
    case GN_DEAD:
        sink->dead += count;
        ob->dead += count;
        break;
    case GN_EXPIRED:
        sink->expired += count;
        ob->expired += count;
        break;
    case GN_SHED:
        sink->shed += count;
        ob->shed_count += count;
        break;
    case GN_UNSUBSCRIBED:
    case GN_DROPPED:
    case GN_LOST:
    case GN_OUTCOMES:
        break;
    }
}

void gn_sink_count_ends(struct gn_sink *sink, enum gn_outcome outcome, uint64_t count)
{
    GN_ASSERT(sink->pending >= count);
    sink->pending -= count;
    sink->outbox->pending -= count;
    if (outcome == GN_LEFT)
        return;
    gn_metric_add(sink->figures->ended[outcome], (double)count);
    count_outcome(sink, outcome, count);
    gn_progress_mark(sink);
}
