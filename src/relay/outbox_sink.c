/* Sinks and their lanes: what may start, what waits, who is down. */
#include "outbox_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/str.h"

/* ---- lanes ---- */

struct gn_lane *gn_lane_get(struct gn_sink *sink, uint64_t key)
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

void gn_lane_free(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;

    GN_ASSERT(TAILQ_EMPTY(&lane->deliveries));
    GN_ASSERT(lane->state != GN_LANE_IN_FLIGHT);
    if (lane->state == GN_LANE_READY)
        TAILQ_REMOVE(&sink->ready, lane, ready_link);
    gn_timer_fini(&lane->timer);
    HASH_DELETE(hh, sink->lanes, lane);
    free(lane);
}

void gn_lane_ready(struct gn_lane *lane)
{
    GN_ASSERT(lane->state == GN_LANE_IDLE || lane->state == GN_LANE_WAITING);
    gn_timer_stop(&lane->timer);
    lane->state = GN_LANE_READY;
    TAILQ_INSERT_TAIL(&lane->sink->ready, lane, ready_link);
    gn_sink_wake(lane->sink);
}

void gn_lane_take_off(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;

    GN_ASSERT(lane->state == GN_LANE_READY);
    TAILQ_REMOVE(&sink->ready, lane, ready_link);
    lane->state = GN_LANE_IN_FLIGHT;
    sink->queued--;
    sink->in_flight++;
    sink->outbox->queued--;
    sink->outbox->in_flight++;
}

void gn_lane_land(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;

    GN_ASSERT(lane->state == GN_LANE_IN_FLIGHT);
    lane->state = GN_LANE_IDLE;
    sink->queued++;
    sink->in_flight--;
    sink->outbox->queued++;
    sink->outbox->in_flight--;
}

static void on_lane_timer(void *ctx)
{
    gn_lane_ready(ctx);
}

void gn_lane_wait(struct gn_lane *lane, uint32_t delay_ms)
{
    GN_ASSERT(lane->state == GN_LANE_IDLE);
    if (lane->timer.loop == NULL)
        gn_timer_init(&lane->timer, lane->sink->outbox->loop, on_lane_timer, lane);
    lane->state = GN_LANE_WAITING;
    gn_timer_start(&lane->timer, delay_ms);
}

/* even_answered: also those whose receiver asked for the wait. */
static void release_waiting(struct gn_sink *sink, bool even_answered)
{
    for (struct gn_lane *lane = sink->lanes; lane != NULL; lane = lane->hh.next)
        if (lane->state == GN_LANE_WAITING && (even_answered || !lane->was_answered))
            gn_lane_ready(lane);
}

/* ---- what may start ---- */

bool gn_sink_can_start(const struct gn_sink *sink)
{
    const struct gn_outbox *ob = sink->outbox;

    if (sink->is_closed || TAILQ_EMPTY(&sink->ready))
        return false;
    if (!sink->is_down)
        return sink->in_flight < sink->window;
    return sink->in_flight == 0 && (ob->is_draining || !gn_timer_is_running(&sink->probe_timer));
}

void gn_sink_wake(struct gn_sink *sink)
{
    struct gn_outbox *ob = sink->outbox;

    if (sink->is_runnable || !gn_sink_can_start(sink))
        return;
    sink->is_runnable = true;
    TAILQ_INSERT_TAIL(&ob->runnable, sink, runnable_link);
    if (gn_outbox_has_slot(ob))
        gn_defer_call(ob->loop, &ob->run, gn_outbox_run, ob);
    else
        ob->is_crowded = true; /* whoever ends an attempt calls */
}

static void on_probe_timer(void *ctx)
{
    gn_sink_wake(ctx);
}

/* ---- down and up ---- */

static uint32_t least_window(const struct gn_outbox *ob)
{
    return ob->config.sink_concurrency < GN_SINK_WINDOW_MIN ? ob->config.sink_concurrency
                                                            : GN_SINK_WINDOW_MIN;
}

static void go_down(struct gn_sink *sink)
{
    sink->is_down = true;
    sink->window = least_window(sink->outbox);
    sink->probes = 0;
    sink->outbox->sinks_down++;
    gn_log_warn("sink.down sink=%s address=%s queued=%llu error=%s", sink->id, sink->address,
                (unsigned long long)sink->queued, sink->last_error);
}

static void go_up(struct gn_sink *sink)
{
    sink->is_down = false;
    sink->outbox->sinks_down--;
    gn_timer_stop(&sink->probe_timer);
    gn_log_info("sink.up sink=%s address=%s queued=%llu probes=%u", sink->id, sink->address,
                (unsigned long long)sink->queued, sink->probes);
    release_waiting(sink, false);
}

void gn_sink_note_success(struct gn_sink *sink)
{
    if (sink->window < sink->outbox->config.sink_concurrency)
        sink->window++;
    sink->unanswered = 0;
    sink->failing_since_ms = 0;
    if (sink->is_down)
        go_up(sink);
}

static void probe_later(struct gn_sink *sink, uint32_t retry_after_ms)
{
    struct gn_outbox *ob = sink->outbox;

    sink->probes++;
    gn_timer_start(&sink->probe_timer, gn_backoff_ms(&ob->config.backoff, sink->probes,
                                                     retry_after_ms, gn_outbox_random(ob)));
}

static void note_receiver(struct gn_sink *sink, bool is_answer)
{
    if (sink->failing_since_ms == 0)
        sink->failing_since_ms = gn_loop_now_ms(sink->outbox->loop);
    sink->unanswered = is_answer ? 0 : sink->unanswered + 1;
}

void gn_sink_note_failure(struct gn_sink *sink, const struct gn_sent *sent)
{
    (void)snprintf(sink->last_error, sizeof(sink->last_error), "%s%s%s (%d)",
                   gn_err_text(sent->err), sent->reason[0] == '\0' ? "" : ": ", sent->reason,
                   sent->status);
    if (sent->err != GN_ENOMEM) /* want of memory is ours and says nothing about the receiver */
        note_receiver(sink, gn_sent_is_answer(sent));
    /* Who refuses is there and decides by the event; "try again later" may come from something that
     * stands before a dead receiver. */
    if (sink->is_down && (sent->err == GN_EREFUSED || sent->err == GN_ENOTFOUND))
        go_up(sink);
    if (!sink->is_down && sink->unanswered >= GN_OUTBOX_DOWN_AFTER)
        go_down(sink);
    /* Attempts begun before the sink went down end together; they count as one probe. */
    if (sink->is_down && sink->in_flight == 0 && !gn_timer_is_running(&sink->probe_timer))
        probe_later(sink, sent->retry_after_ms);
}

/* ---- backlog ---- */

static void drop_backlog(struct gn_sink *sink, enum gn_outcome outcome)
{
    struct gn_delivery *next;

    for (struct gn_delivery *dv = TAILQ_FIRST(&sink->by_age); dv != NULL; dv = next) {
        next = TAILQ_NEXT(dv, age_link);
        if (!gn_delivery_is_in_flight(dv))
            gn_delivery_end(dv, outcome);
    }
}

void gn_sink_set_gone(struct gn_sink *sink)
{
    const struct gn_outbox_config *config = &sink->outbox->config;
    uint64_t now_ms = gn_loop_now_ms(sink->outbox->loop);

    if (!sink->is_gone)
        gn_log_warn("sink.gone sink=%s address=%s dropped=%llu pause_ms=%u", sink->id,
                    sink->address, (unsigned long long)sink->queued, config->gone_pause_ms);
    sink->is_gone = true;
    sink->gone_until_ms = config->gone_pause_ms == 0 ? UINT64_MAX : now_ms + config->gone_pause_ms;
    sink->gone_log_at_ms = now_ms + GN_SINK_GONE_LOG_MS;
    drop_backlog(sink, GN_DROPPED);
}

bool gn_sink_is_gone(struct gn_sink *sink)
{
    if (sink->is_gone && gn_loop_now_ms(sink->outbox->loop) >= sink->gone_until_ms)
        sink->is_gone = false;
    return sink->is_gone;
}

void gn_sink_drain(struct gn_sink *sink)
{
    if (sink->is_closed)
        return;
    gn_timer_stop(&sink->probe_timer);
    release_waiting(sink, true);
    gn_sink_wake(sink);
}

/* ---- open and close ---- */

static size_t find_transport(const struct gn_outbox *ob, const char *address)
{
    size_t i = 0;

    while (i < ob->transport_count && !ob->transports[i]->ops->takes(ob->transports[i], address))
        i++;
    return i;
}

enum gn_err gn_outbox_open_sink(struct gn_outbox *ob, const char *id, const char *address,
                                struct gn_sink **sink)
{
    size_t place = find_transport(ob, address);
    struct gn_sink *made;

    if (place == ob->transport_count)
        return GN_EUNSUPPORTED;
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        return GN_ENOMEM;
    made->id = strdup(id);
    made->address = strdup(address);
    if (made->id == NULL || made->address == NULL) {
        free(made->id);
        free(made->address);
        free(made);
        return GN_ENOMEM;
    }
    made->outbox = ob;
    made->transport = ob->transports[place];
    made->figures = &ob->figures[place];
    made->window = least_window(ob);
    TAILQ_INIT(&made->ready);
    TAILQ_INIT(&made->by_age);
    TAILQ_INIT(&made->attempts);
    gn_timer_init(&made->probe_timer, ob->loop, on_probe_timer, made);
    TAILQ_INSERT_TAIL(&ob->sinks, made, link);
    ob->sinks_open++;
    *sink = made;
    return GN_OK;
}

void gn_sink_free(struct gn_sink *sink)
{
    GN_ASSERT(sink->is_closed && sink->in_flight == 0 && sink->queued == 0);
    GN_ASSERT(sink->lanes == NULL);
    TAILQ_REMOVE(&sink->outbox->sinks, sink, link);
    free(sink->id);
    free(sink->address);
    free(sink);
}

void gn_sink_close(struct gn_sink *sink, enum gn_outcome outcome)
{
    struct gn_outbox *ob = sink->outbox;
    struct gn_attempt *attempt;

    GN_ASSERT(!sink->is_closed);
    sink->is_closed = true;
    sink->close_outcome = outcome;
    ob->sinks_open--;
    if (sink->is_down)
        ob->sinks_down--;
    if (sink->is_runnable)
        TAILQ_REMOVE(&ob->runnable, sink, runnable_link);
    sink->is_runnable = false;
    gn_timer_fini(&sink->probe_timer);
    drop_backlog(sink, outcome);
    TAILQ_FOREACH (attempt, &sink->attempts, link)
        attempt->transport->ops->cancel(attempt->transport, attempt->sending);
    if (sink->in_flight == 0)
        gn_sink_free(sink);
}

void gn_outbox_close_sink(struct gn_sink *sink)
{
    gn_sink_close(sink, GN_UNSUBSCRIBED);
}

void gn_sink_status(const struct gn_sink *sink, struct gn_sink_status *status)
{
    const struct gn_delivery *oldest = TAILQ_FIRST(&sink->by_age);
    uint64_t now_ms = gn_loop_now_ms(sink->outbox->loop);

    *status = (struct gn_sink_status){
        .queued = sink->queued,
        .in_flight = sink->in_flight,
        .is_down = sink->is_down,
        .oldest_age_ms = oldest == NULL ? 0 : now_ms - oldest->item->pushed_at_ms,
        .delivered = sink->delivered,
        .failed = sink->failed,
        .shed = sink->shed,
        .last_error = sink->last_error,
    };
}
