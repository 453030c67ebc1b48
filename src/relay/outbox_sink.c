/* Sinks: what may start, what waits, who is down or paused; open and close. */
#include "outbox_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/str.h"

#define PROBE_ROOM_MS 500U /* about the wait for a probe's turn when too many are under way */

/* even_answered: also those whose receiver asked for the wait. */
static void release_waiting(struct gn_sink *sink, bool even_answered)
{
    for (struct gn_lane *lane = sink->lanes; lane != NULL; lane = lane->hh.next)
        if (lane->state == GN_LANE_WAITING && (even_answered || !lane->was_answered))
            gn_lane_ready(lane);
}

/* ---- what may start ---- */

/* Those who do not answer take their time: half of all attempts is kept from them. */
static bool has_probe_slot(const struct gn_outbox *ob)
{
    return ob->probing < (ob->config.max_in_flight + 1) / 2;
}

static bool wants_probe(const struct gn_sink *sink)
{
    return gn_sink_is_held(sink) && !sink->is_closed && !TAILQ_EMPTY(&sink->ready) &&
           sink->in_flight == 0 && !gn_timer_is_running(&sink->probe_timer);
}

bool gn_sink_can_start(const struct gn_sink *sink)
{
    const struct gn_outbox *ob = sink->outbox;

    if (sink->is_closed || TAILQ_EMPTY(&sink->ready))
        return false;
    if (!gn_sink_is_held(sink))
        return sink->in_flight < sink->concurrency;
    if (ob->is_draining)
        return sink->in_flight == 0 && !ob->is_lasting;
    return wants_probe(sink) && has_probe_slot(ob);
}

/* It waits by its timer. The time is by chance, or the same ones would come too late each time. */
static void wait_for_probe_slot(struct gn_sink *sink)
{
    gn_timer_start(&sink->probe_timer,
                   PROBE_ROOM_MS / 2 + gn_outbox_random(sink->outbox) % PROBE_ROOM_MS);
}

void gn_sink_wake(struct gn_sink *sink)
{
    struct gn_outbox *ob = sink->outbox;

    if (wants_probe(sink) && !has_probe_slot(ob) && !ob->is_draining)
        wait_for_probe_slot(sink);
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

/* ---- down, paused and up ---- */

static uint32_t least_concurrency(const struct gn_sink *sink)
{
    return sink->max_concurrency < GN_SINK_WINDOW_MIN ? sink->max_concurrency : GN_SINK_WINDOW_MIN;
}

static uint64_t queued(const struct gn_sink *sink)
{
    return sink->pending - (sink->in_flight - sink->again_in_flight);
}

/* The window shrinks when the attempt that has failed is done with (outbox_attempt.c). */
static void begin_hold(struct gn_sink *sink)
{
    if (gn_sink_is_held(sink))
        return;
    sink->concurrency = least_concurrency(sink);
    sink->probes = 0;
}

/* It can be tried as usual again. */
static void end_hold(struct gn_sink *sink)
{
    if (gn_sink_is_held(sink))
        return;
    gn_timer_stop(&sink->probe_timer);
    release_waiting(sink, false);
    gn_window_wake(sink);
}

static void go_down(struct gn_sink *sink)
{
    begin_hold(sink);
    sink->is_down = true;
    sink->outbox->sinks_down++;
    gn_log_warn("sink.down sink=%s address=%s queued=%llu error=%s", sink->id, sink->address,
                (unsigned long long)queued(sink), sink->last_error);
}

static void go_up(struct gn_sink *sink)
{
    sink->is_down = false;
    sink->outbox->sinks_down--;
    gn_log_info("sink.up sink=%s address=%s queued=%llu probes=%u", sink->id, sink->address,
                (unsigned long long)queued(sink), sink->probes);
    end_hold(sink);
}

/* The receiver says that it is gone (410). Its events are kept: it may be asked again. */
static void pause_sink(struct gn_sink *sink)
{
    uint32_t pause_ms = sink->outbox->config.gone_pause_ms;

    if (!sink->is_paused)
        gn_log_warn("sink.paused sink=%s address=%s queued=%llu pause_ms=%u", sink->id,
                    sink->address, (unsigned long long)queued(sink), pause_ms);
    begin_hold(sink);
    sink->is_paused = true;
    gn_timer_start(&sink->probe_timer, pause_ms);
}

static void resume(struct gn_sink *sink)
{
    sink->is_paused = false;
    gn_log_info("sink.resumed sink=%s address=%s queued=%llu", sink->id, sink->address,
                (unsigned long long)queued(sink));
    end_hold(sink);
}

void gn_sink_note_success(struct gn_sink *sink)
{
    if (sink->concurrency < sink->max_concurrency)
        sink->concurrency++;
    sink->unanswered = 0;
    sink->failing_since_ms = 0;
    sink->last_success_ns = gn_clock_real_ns();
    if (sink->is_down)
        go_up(sink);
    if (sink->is_paused)
        resume(sink);
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
    sink->last_error_ns = gn_clock_real_ns();
    if (sent->err == GN_ECONN && sink->interest->face == GN_FACE_PEER)
        gn_cne_add(sink->outbox->cne, GN_CNE_TRANSPORT_CONNECTION_RESET, GN_STR_NONE,
                   GN_CNE_SUCCESS, 1);
    if (sent->err != GN_ENOMEM) /* want of memory is ours and says nothing about the receiver */
        note_receiver(sink, gn_sent_is_answer(sent));
    /* Who refuses is there and decides by the event; "try again later" may come from something that
     * stands before a dead receiver. */
    if (sink->is_down && (sent->err == GN_EREFUSED || sent->err == GN_ENOTFOUND))
        go_up(sink);
    if (sent->err == GN_ENOTFOUND)
        pause_sink(sink);
    if (!sink->is_down && sink->unanswered >= GN_OUTBOX_DOWN_AFTER)
        go_down(sink);
    /* Attempts begun before the sink was held end together; they count as one probe. */
    if (gn_sink_is_held(sink) && sink->in_flight == 0 && !gn_timer_is_running(&sink->probe_timer))
        probe_later(sink, sent->retry_after_ms);
}

void gn_sink_drain(struct gn_sink *sink)
{
    if (sink->is_closed || sink->outbox->is_lasting)
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

static void free_sink(struct gn_sink *sink)
{
    gn_keep_free(&sink->keep);
    gn_keep_free(&sink->unsettled);
    gn_interest_unref(sink->interest);
    free(sink->id);
    free(sink->address);
    free(sink);
}

static struct gn_sink *sink_new(const struct gn_sink_config *config)
{
    struct gn_sink *sink = calloc(1, sizeof(*sink));

    if (sink == NULL)
        return NULL;
    sink->id = strdup(config->id);
    sink->address = strdup(config->address);
    sink->interest = gn_interest_ref(config->interest);
    if (sink->id == NULL || sink->address == NULL) {
        free_sink(sink);
        return NULL;
    }
    TAILQ_INIT(&sink->ready);
    TAILQ_INIT(&sink->attempts);
    TAILQ_INIT(&sink->window);
    TAILQ_INIT(&sink->agains);
    sink->is_live = true;
    return sink;
}

/* Among the outbox's sinks. */
static enum gn_err enter_sink(struct gn_outbox *ob, struct gn_sink *sink)
{
    HASH_ADD_KEYPTR(hh, ob->sinks_by_id, sink->id, strlen(sink->id), sink);
    if (sink->hh.tbl == NULL)
        return GN_ENOMEM;
    TAILQ_INSERT_TAIL(&ob->sinks, sink, link);
    ob->sinks_open++;
    return GN_OK;
}

/* What may change in its life, but for the address and the interest. */
static void configure(struct gn_sink *sink, const struct gn_sink_config *config, size_t transport)
{
    struct gn_outbox *ob = sink->outbox;

    sink->transport = ob->transports[transport];
    sink->figures = &ob->figures[transport];
    sink->backoff = ob->config.backoff;
    if (config->retry_min_ms != 0)
        sink->backoff.min_ms = config->retry_min_ms;
    if (config->retry_max_ms != 0)
        sink->backoff.max_ms = config->retry_max_ms;
    if (sink->backoff.max_ms < sink->backoff.min_ms)
        sink->backoff.max_ms = sink->backoff.min_ms;
    sink->max_concurrency =
        config->concurrency != 0 ? config->concurrency : ob->config.sink_concurrency;
    sink->expire_ms = ob->config.expire_ms;
    if (config->expire_ms != 0 && config->expire_ms < sink->expire_ms)
        sink->expire_ms = config->expire_ms;
}

enum gn_err gn_outbox_open_sink(struct gn_outbox *ob, const struct gn_sink_config *config,
                                struct gn_sink **sink)
{
    size_t place = find_transport(ob, config->address);
    struct gn_sink *made;

    if (place == ob->transport_count)
        return GN_EUNSUPPORTED;
    made = sink_new(config);
    if (made == NULL)
        return GN_ENOMEM;
    made->outbox = ob;
    configure(made, config, place);
    made->concurrency = least_concurrency(made);
    if (enter_sink(ob, made) != GN_OK) {
        free_sink(made);
        return GN_ENOMEM;
    }
    gn_timer_init(&made->probe_timer, ob->loop, on_probe_timer, made);
    if (ob->is_started) {
        made->top_sequence = gn_journal_next(ob->journal) - 1;
        gn_progress_mark(made);
        gn_progress_write(ob); /* its birth is told at once */
    }
    *sink = made;
    return GN_OK;
}

enum gn_err gn_outbox_change_sink(struct gn_sink *sink, const struct gn_sink_config *config)
{
    size_t place = find_transport(sink->outbox, config->address);
    char *address;

    if (place == sink->outbox->transport_count)
        return GN_EUNSUPPORTED;
    address = strdup(config->address);
    if (address == NULL)
        return GN_ENOMEM;
    free(sink->address);
    sink->address = address;
    gn_interest_unref(sink->interest);
    sink->interest = gn_interest_ref(config->interest);
    configure(sink, config, place);
    sink->was_changed = !sink->is_live;
    if (!sink->is_live)
        gn_window_reread(sink);
    gn_window_wake(sink);
    return GN_OK;
}

enum gn_face gn_sink_face(const struct gn_sink *sink)
{
    return sink->interest->face;
}

struct gn_interest *gn_sink_interest(const struct gn_sink *sink)
{
    return sink->interest;
}

struct gn_sink *gn_outbox_find_sink(struct gn_outbox *ob, struct gn_str id)
{
    struct gn_sink *sink;

    HASH_FIND(hh, ob->sinks_by_id, id.p, id.len, sink);
    return sink;
}

void gn_sink_free(struct gn_sink *sink)
{
    GN_ASSERT(sink->is_closed && sink->in_flight == 0 && sink->pending == 0);
    GN_ASSERT(sink->lanes == NULL);
    gn_again_free(sink);
    TAILQ_REMOVE(&sink->outbox->sinks, sink, link);
    free_sink(sink);
}

/* Drops what is queued, in the window or not. */
static void drop_backlog(struct gn_sink *sink, enum gn_outcome outcome)
{
    uint64_t unread = sink->pending - sink->window_count;
    struct gn_delivery *next;

    for (struct gn_delivery *dv = TAILQ_FIRST(&sink->window); dv != NULL; dv = next) {
        next = TAILQ_NEXT(dv, sink_link);
        if (!gn_delivery_is_in_flight(dv))
            gn_delivery_end(dv, outcome);
    }
    for (struct gn_delivery *dv = TAILQ_FIRST(&sink->agains); dv != NULL; dv = next) {
        next = TAILQ_NEXT(dv, sink_link);
        if (!gn_delivery_is_in_flight(dv))
            gn_delivery_end(dv, outcome);
    }
    if (unread > 0)
        gn_sink_count_ends(sink, outcome, unread);
}

/* Out of all lists but that of all sinks, and out of the figures. */
static void leave_lists(struct gn_sink *sink)
{
    struct gn_outbox *ob = sink->outbox;

    HASH_DELETE(hh, ob->sinks_by_id, sink);
    ob->sinks_open--;
    if (sink->is_down)
        ob->sinks_down--;
    if (!sink->is_live)
        ob->sinks_behind--;
    if (sink->is_runnable)
        TAILQ_REMOVE(&ob->runnable, sink, runnable_link);
    if (sink->is_hungry)
        TAILQ_REMOVE(&ob->hungry, sink, hungry_link);
    if (sink->is_dirty)
        TAILQ_REMOVE(&ob->dirty, sink, dirty_link);
    sink->is_live = true; /* it reads no more */
    sink->is_runnable = false;
    sink->is_hungry = false;
    sink->is_dirty = false;
}

void gn_sink_close(struct gn_sink *sink, enum gn_outcome outcome)
{
    struct gn_attempt *attempt;

    GN_ASSERT(!sink->is_closed);
    sink->is_closed = true;
    sink->close_outcome = outcome;
    leave_lists(sink);
    gn_shed_forget(sink);
    gn_timer_fini(&sink->probe_timer);
    gn_window_reread(sink);
    gn_again_close(sink);
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

/* ---- figures ---- */

void gn_sink_status(const struct gn_sink *sink, struct gn_sink_status *status)
{
    const struct gn_delivery *oldest = TAILQ_FIRST(&sink->window);
    uint64_t clock_ms = gn_journal_clock_ms(sink->outbox->journal);

    *status = (struct gn_sink_status){
        .id = sink->id,
        .address = sink->address,
        .resource = sink->interest->resource,
        .face = sink->interest->face,
        .failing_ms = sink->failing_since_ms == 0
                          ? 0
                          : gn_loop_now_ms(sink->outbox->loop) - sink->failing_since_ms,
        .queued = queued(sink),
        .in_flight = sink->in_flight,
        .is_down = sink->is_down,
        .is_paused = sink->is_paused,
        .is_behind = !sink->is_live,
        .oldest_age_ms = oldest == NULL ? 0 : clock_ms - oldest->item->clock_ms,
        .delivered = sink->delivered,
        .dead = sink->dead,
        .expired = sink->expired,
        .shed = sink->shed,
        .retries = sink->retries,
        .last_success_ns = sink->last_success_ns,
        .last_error = sink->last_error,
        .last_error_ns = sink->last_error_ns,
        .is_replaying = sink->is_replaying,
        .replayed = sink->replayed,
    };
}

void gn_outbox_each_sink(const struct gn_outbox *ob,
                         void (*fn)(void *ctx, const struct gn_sink *sink), void *ctx)
{
    const struct gn_sink *sink;

    TAILQ_FOREACH (sink, &ob->sinks, link)
        if (!sink->is_closed)
            fn(ctx, sink);
}
