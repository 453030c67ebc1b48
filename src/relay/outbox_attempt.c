/* One attempt: started for the first delivery of a ready lane, ended by the transport; and what its
 * end means for the delivery, the lane and the sink. */
#include "outbox_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#define REFILLS_MAX 32 /* attempts of one sink started when one of them ends */

/* ---- the end ---- */

static void note_seconds(struct gn_outbox *ob, const struct gn_event *event)
{
    uint64_t now_us;

    if (event->received_us == 0)
        return; /* it came to an earlier process */
    now_us = gn_clock_mono_us();
    gn_histogram_observe(ob->seconds, now_us > event->received_us
                                          ? (double)(now_us - event->received_us) / 1e6
                                          : 0);
}

/* One of its messages is done with, and there are more. */
static void go_on(struct gn_lane *lane, uint32_t next_part)
{
    lane->part = next_part;
    lane->attempts = 0;
    lane->refusals = 0;
    gn_lane_ready(lane);
}

static void on_part_taken(struct gn_lane *lane, uint32_t next_part)
{
    gn_sink_note_success(lane->sink);
    go_on(lane, next_part);
}

static void on_taken(struct gn_lane *lane, struct gn_delivery *dv)
{
    struct gn_sink *sink = lane->sink;
    struct gn_outbox *ob = sink->outbox;

    if (lane->key.kind == GN_KIND_STORED)
        note_seconds(ob, dv->item->event);
    gn_rate_add(&ob->out, gn_loop_now_ms(ob->loop), 1);
    gn_log_debug("event.delivered event=%s sink=%s attempts=%u", dv->item->event->id.text, sink->id,
                 lane->attempts + 1);
    gn_sink_note_success(sink);
    gn_delivery_end(dv, lane->is_buried ? GN_DEAD : GN_DELIVERED);
}

static void log_dead(struct gn_sink *sink, const struct gn_event *event, const struct gn_sent *sent)
{
    struct gn_outbox *ob = sink->outbox;
    uint64_t held;

    if (gn_log_allow(&ob->dead_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_warn("delivery.dead event=%s sink=%s status=%d error=%s held=%llu", event->id.text,
                    sink->id, sent->status, gn_err_text(sent->err), (unsigned long long)held);
}

/* Keeps what was refused. false: it could not be kept now, so the delivery must not end. */
static bool bury(struct gn_lane *lane, const struct gn_delivery *dv, const struct gn_sent *sent)
{
    struct gn_sink *sink = lane->sink;
    struct gn_outbox *ob = sink->outbox;
    struct gn_event *event = dv->item->event;
    const struct gn_deadletter letter = {
        .subscription = gn_str_of(sink->id),
        .address = gn_str_of(sink->address),
        .status = sent->status,
        .error = gn_str_of(sink->last_error),
        .answer = sent->answer,
        .attempts = lane->attempts + 1,
        .first_ns = event->received_ns,
        .last_ns = gn_clock_real_ns(),
        .event = event,
    };
    enum gn_err err;
    uint64_t held;

    if (ob->letters == NULL || lane->key.kind != GN_KIND_STORED || lane->is_buried)
        return true;
    err = gn_deadletters_put(ob->letters, &letter);
    if (err == GN_OK) {
        gn_progress_unsettled(sink, dv->item->sequence);
        return true;
    }
    if (gn_log_allow(&ob->letter_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_error("delivery.not_buried event=%s sink=%s reason=\"%s\" held=%llu", event->id.text,
                     sink->id, gn_err_text(err), (unsigned long long)held);
    return err != GN_EIO && err != GN_EFULL && err != GN_ENOMEM;
}

static bool is_refused(struct gn_lane *lane, const struct gn_sent *sent)
{
    if (sent->err == GN_EINVAL)
        return true;
    return sent->err == GN_EREFUSED && ++lane->refusals >= lane->sink->outbox->config.refused_tries;
}

/* How a failed attempt ends its delivery; GN_LEFT: not at all, it is to be tried again. */
static enum gn_outcome verdict(struct gn_lane *lane, const struct gn_delivery *dv,
                               const struct gn_sent *sent)
{
    struct gn_sink *sink = lane->sink;
    const struct gn_outbox *ob = sink->outbox;

    if (is_refused(lane, sent) && bury(lane, dv, sent)) {
        log_dead(sink, dv->item->event, sent);
        return GN_DEAD;
    }
    if (ob->is_draining && !ob->is_lasting)
        return GN_DROPPED;
    return gn_sink_is_expired(sink, dv->item->clock_ms) ? GN_EXPIRED : GN_LEFT;
}

static void try_again(struct gn_lane *lane, const struct gn_sent *sent)
{
    struct gn_sink *sink = lane->sink;
    struct gn_outbox *ob = sink->outbox;

    lane->attempts++;
    lane->was_answered = gn_sent_is_answer(sent);
    sink->retries++;
    ob->retries++;
    gn_metric_add(sink->figures->retries, 1);
    if (gn_sink_is_held(sink)) {
        gn_lane_ready(lane); /* behind the others; the sink's own timer holds all of them back */
        return;
    }
    gn_lane_wait(lane, gn_backoff_ms(&sink->backoff, lane->attempts, sent->retry_after_ms,
                                     gn_outbox_random(ob)));
}

static void on_failed(struct gn_lane *lane, struct gn_delivery *dv, const struct gn_sent *sent,
                      uint32_t next_part)
{
    struct gn_sink *sink = lane->sink;
    enum gn_outcome outcome;

    gn_sink_note_failure(sink, sent);
    gn_log_debug("event.retry event=%s sink=%s attempts=%u status=%d error=%s",
                 dv->item->event->id.text, sink->id, lane->attempts + 1, sent->status,
                 gn_err_text(sent->err));
    outcome = verdict(lane, dv, sent);
    if (outcome == GN_LEFT) {
        try_again(lane, sent);
    } else if (outcome == GN_DEAD && next_part != 0) { /* the others may be taken */
        lane->is_buried = true;
        go_on(lane, next_part);
    } else {
        gn_delivery_end(dv, outcome);
    }
    if (gn_sink_is_held(sink)) /* dv and lane may go with it */
        gn_window_unload(sink, gn_window_held_max(sink));
}

/* next_part: of the delivery; 0: this message was the last. */
static void attempt_ended(struct gn_lane *lane, const struct gn_sent *sent, uint32_t next_part)
{
    struct gn_delivery *dv = TAILQ_FIRST(&lane->deliveries);
    struct gn_sink *sink = lane->sink;
    bool is_delivered = sent->err == GN_OK && next_part == 0;

    gn_lane_land(lane);
    if (sink->is_closed)
        gn_delivery_end(dv, is_delivered ? GN_DELIVERED : sink->close_outcome);
    else if (is_delivered)
        on_taken(lane, dv);
    else if (sent->err == GN_OK)
        on_part_taken(lane, next_part);
    else
        on_failed(lane, dv, sent, next_part);
}

/* ---- the start ---- */

static void refill(struct gn_sink *sink);

static void attempt_free(struct gn_attempt *attempt)
{
    if (attempt == NULL)
        return;
    gn_shaped_fini(&attempt->shaped);
    gn_interest_unref(attempt->interest);
    free(attempt->address);
    free(attempt);
}

static void on_sent(void *ctx, const struct gn_sent *sent)
{
    struct gn_attempt *attempt = ctx;
    struct gn_lane *lane = attempt->lane;
    struct gn_sink *sink = lane->sink;
    struct gn_outbox *ob = sink->outbox;
    uint32_t next_part = attempt->shaped.next_part;

    TAILQ_REMOVE(&sink->attempts, attempt, link);
    ob->probing -= attempt->is_probe;
    attempt_free(attempt);
    attempt_ended(lane, sent, next_part); /* lane may be gone */
    if (!TAILQ_EMPTY(&ob->runnable))      /* others may have waited for this slot */
        gn_defer_call(ob->loop, &ob->run, gn_outbox_run, ob);
    if (!sink->is_closed)
        refill(sink);
    else if (sink->in_flight == 0)
        gn_sink_free(sink);
}

/* An attempt for the lane's first delivery. NULL: no memory. */
static struct gn_attempt *attempt_new(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;
    struct gn_attempt *attempt = calloc(1, sizeof(*attempt));

    if (attempt == NULL)
        return NULL;
    attempt->lane = lane;
    attempt->transport = sink->transport;
    attempt->address = strdup(sink->address);
    attempt->interest = gn_interest_ref(sink->interest);
    if (attempt->address != NULL)
        return attempt;
    attempt_free(attempt);
    return NULL;
}

/* Makes the message. GN_ENOTFOUND: there is nothing to be sent. */
static enum gn_err shape(struct gn_attempt *attempt)
{
    struct gn_lane *lane = attempt->lane;
    const struct gn_sink *sink = lane->sink;
    const struct gn_item *item = TAILQ_FIRST(&lane->deliveries)->item;
    const struct gn_shape_in in = {
        .interest = attempt->interest,
        .event = item->event,
        .subscription = gn_str_of(sink->id),
        .sequence = item->told,
        .via = sink->outbox->via,
        .is_again = lane->key.kind != GN_KIND_STORED,
        .part = lane->part,
        .memory = &lane->memory,
        .wants_event = attempt->transport->ops->takes_events,
    };
    enum gn_err err = gn_shape(&in, &attempt->shaped);

    attempt->message.address = attempt->address;
    attempt->message.headers = attempt->shaped.headers;
    attempt->message.event = in.wants_event ? &attempt->shaped.event : NULL;
    attempt->message.mode = attempt->shaped.mode;
    attempt->message.timeout_ms = sink->outbox->config.attempt_timeout_ms;
    for (size_t i = 0; i < GN_MESSAGE_PARTS; i++)
        attempt->message.body[i] = attempt->shaped.body[i];
    return err;
}

static enum gn_err send(struct gn_attempt *attempt)
{
    return attempt->transport->ops->send(attempt->transport, &attempt->message, on_sent, attempt,
                                         &attempt->sending);
}

static void start_attempt(struct gn_lane *lane)
{
    struct gn_sink *sink = lane->sink;
    struct gn_attempt *attempt = attempt_new(lane);
    struct gn_sent sent = {.err = attempt == NULL ? GN_ENOMEM : shape(attempt), .reason = ""};
    uint32_t next_part;

    if (sent.err == GN_ENOTFOUND) { /* its subscription has changed */
        attempt_free(attempt);
        gn_delivery_end(TAILQ_FIRST(&lane->deliveries), GN_UNSUBSCRIBED);
        return;
    }
    gn_lane_take_off(lane);
    if (sent.err == GN_OK)
        sent.err = send(attempt);
    if (sent.err == GN_OK) {
        attempt->is_probe = gn_sink_is_held(sink);
        sink->outbox->probing += attempt->is_probe;
        TAILQ_INSERT_TAIL(&sink->attempts, attempt, link);
        return;
    }
    next_part = attempt == NULL ? 0 : attempt->shaped.next_part;
    attempt_free(attempt);
    attempt_ended(lane, &sent, next_part);
}

/* Starts the next ready lane of a sink that can start. */
static void start_next(struct gn_sink *sink)
{
    struct gn_lane *lane = TAILQ_FIRST(&sink->ready);
    struct gn_delivery *dv = TAILQ_FIRST(&lane->deliveries);

    if (gn_sink_is_expired(sink, dv->item->clock_ms))
        gn_delivery_end(dv, GN_EXPIRED);
    else
        start_attempt(lane);
}

/* An attempt has ended: what it made room for starts in the same turn, unless others wait for room.
 */
static void refill(struct gn_sink *sink)
{
    const struct gn_outbox *ob = sink->outbox;

    for (int i = 0; i < REFILLS_MAX && !ob->is_crowded && gn_outbox_has_slot(ob); i++) {
        if (!gn_sink_can_start(sink))
            return;
        start_next(sink);
    }
    gn_sink_wake(sink);
}

void gn_outbox_run(void *ctx)
{
    struct gn_outbox *ob = ctx;

    for (int i = 0;
         i < GN_OUTBOX_STARTS_MAX && !TAILQ_EMPTY(&ob->runnable) && gn_outbox_has_slot(ob); i++) {
        struct gn_sink *sink = TAILQ_FIRST(&ob->runnable);

        TAILQ_REMOVE(&ob->runnable, sink, runnable_link);
        sink->is_runnable = false;
        if (gn_sink_can_start(sink))
            start_next(sink);
        gn_sink_wake(sink); /* behind the other sinks */
    }
    ob->is_crowded = !TAILQ_EMPTY(&ob->runnable) && !gn_outbox_has_slot(ob);
    if (!TAILQ_EMPTY(&ob->runnable) && !ob->is_crowded)
        gn_defer_call(ob->loop, &ob->run, gn_outbox_run, ob);
}
