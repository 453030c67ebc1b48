/* The outbox's life, what comes in, and its figures. The other parts: outbox_priv.h. */
#include "gurnard/relay/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/relay/record.h"

#include "outbox_priv.h"

#define LABELS_MAX       128
#define FREE_TURN_MS     100 /* longest wait of one turn while the last attempts end */
#define SCRATCH_KEEP_MAX ((size_t)1 << 20) /* a larger record's memory is given back at once */
#define HOT_PART         4                 /* the hot ring gets this part of memory_bytes at most */

/* ---- figures ---- */

/* Pending deliveries that are not under way. */
static uint64_t queued_now(const struct gn_outbox *ob)
{
    return ob->pending - (ob->in_flight - ob->again_in_flight);
}

static void collect(void *ctx)
{
    struct gn_outbox *ob = ctx;

    gn_metric_set(ob->queued_now, (double)queued_now(ob));
    gn_metric_set(ob->in_flight_now, ob->in_flight);
    gn_metric_set(ob->bytes_now, (double)ob->bytes);
    gn_metric_set(ob->sinks_now, ob->sinks_open);
    gn_metric_set(ob->sinks_down_now, ob->sinks_down);
    gn_metric_set(ob->behind_now, ob->sinks_behind);
}

static void register_transport(struct gn_metrics *metrics, const char *name,
                               struct gn_outbox_figures *figures)
{
    static const char *const outcomes[GN_OUTCOMES] = {
        [GN_DELIVERED] = "delivered",
        [GN_DEAD] = "dead",
        [GN_EXPIRED] = "expired",
        [GN_SHED] = "shed",
        [GN_UNSUBSCRIBED] = "unsubscribed",
        [GN_DROPPED] = "dropped",
        [GN_LOST] = "lost",
    };
    char labels[LABELS_MAX];

    for (int i = 0; i < GN_OUTCOMES; i++) {
        (void)snprintf(labels, sizeof(labels), "transport=\"%s\",outcome=\"%s\"", name,
                       outcomes[i]);
        figures->ended[i] =
            gn_metrics_counter(metrics, "gurnard_deliveries_total", labels,
                               "Deliveries (one event for one subscription) by how they ended.");
    }
    (void)snprintf(labels, sizeof(labels), "transport=\"%s\"", name);
    figures->retries = gn_metrics_counter(metrics, "gurnard_delivery_retries_total", labels,
                                          "Failed attempts that are to be repeated.");
}

static void register_metrics(struct gn_outbox *ob, struct gn_metrics *metrics)
{
    static const double bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                    0.25,   0.5,   1,      2.5,   5,    10,    30,   60};

    for (size_t i = 0; i < ob->transport_count; i++)
        register_transport(metrics, ob->transports[i]->ops->name, &ob->figures[i]);
    ob->seconds = gn_metrics_histogram(metrics, "gurnard_delivery_seconds", NULL,
                                       "Time from an event's arrival until a subscriber took it.",
                                       bounds, GN_LEN(bounds));
    ob->queued_now = gn_metrics_gauge(metrics, "gurnard_outbox_queued", NULL,
                                      "Deliveries that wait for their attempt.");
    ob->in_flight_now =
        gn_metrics_gauge(metrics, "gurnard_outbox_in_flight", NULL, "Attempts under way.");
    ob->bytes_now = gn_metrics_gauge(metrics, "gurnard_outbox_bytes", NULL,
                                     "Bytes of the events in the windows.");
    ob->sinks_now =
        gn_metrics_gauge(metrics, "gurnard_outbox_sinks", NULL, "Subscriptions with a way out.");
    ob->sinks_down_now = gn_metrics_gauge(metrics, "gurnard_outbox_sinks_down", NULL,
                                          "Of these, the ones that do not answer.");
    ob->behind_now = gn_metrics_gauge(metrics, "gurnard_outbox_behind", NULL,
                                      "Of these, the ones that read from the journal.");
    ob->reads = gn_metrics_counter(metrics, "gurnard_outbox_reads_total", NULL,
                                   "Reads of the journal for subscriptions that are behind.");
    gn_metrics_on_collect(metrics, collect, ob);
}

void gn_outbox_status(const struct gn_outbox *ob, struct gn_outbox_status *status)
{
    uint64_t now_ms = gn_loop_now_ms(ob->loop);
    const struct gn_sink *sink;

    *status = (struct gn_outbox_status){
        .queued = queued_now(ob),
        .in_flight = ob->in_flight,
        .memory_bytes = ob->bytes,
        .delivered = ob->delivered,
        .dead = ob->dead,
        .expired = ob->expired,
        .shed = ob->shed_count,
        .retries = ob->retries,
        .replayed = ob->replayed,
        .out_10s = gn_rate_per_second(&ob->out, now_ms, 10),
        .out_60s = gn_rate_per_second(&ob->out, now_ms, 60),
        .is_shedding = ob->is_shedding,
    };
    TAILQ_FOREACH (sink, &ob->sinks, link) {
        struct gn_sink_status one;

        if (sink->is_closed)
            continue;
        gn_sink_status(sink, &one);
        if (status->oldest_age_ms < one.oldest_age_ms)
            status->oldest_age_ms = one.oldest_age_ms;
    }
}

/* ---- life ---- */

static uint32_t random_seed(void)
{
    uint32_t seed = 0;

    /* Jitter needs no secrecy: when the kernel has none yet, the clock will do. */
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = (uint32_t)gn_clock_mono_us();
    return seed == 0 ? 1 : seed;
}

uint32_t gn_outbox_random(struct gn_outbox *ob)
{
    ob->random ^= ob->random << 13;
    ob->random ^= ob->random >> 17;
    ob->random ^= ob->random << 5;
    return ob->random;
}

static void on_tick(void *ctx)
{
    struct gn_outbox *ob = ctx;
    struct gn_sink *sink;

    gn_timer_start(&ob->tick, GN_OUTBOX_TICK_MS);
    gn_hot_trim(&ob->hot, gn_journal_durable_next(ob->journal));
    gn_shed_tick(ob);
    gn_progress_set_needed(ob);
    if (ob->sinks_behind == 0)
        return;
    TAILQ_FOREACH (sink, &ob->sinks, link)
        gn_window_wake(sink);
}

static void free_parts(struct gn_outbox *ob)
{
    gn_timer_fini(&ob->sweep);
    gn_timer_fini(&ob->tick);
    gn_timer_fini(&ob->progress);
    gn_hot_fini(&ob->hot);
    gn_buf_free(&ob->scratch);
    free(ob->transports);
    free(ob->via);
    free(ob->figures);
    free(ob);
}

static enum gn_err copy_transports(struct gn_outbox *ob, struct gn_transport *const *transports)
{
    size_t count = 0;

    while (transports[count] != NULL)
        count++;
    ob->transports = calloc(count + 1, sizeof(struct gn_transport *));
    ob->figures = calloc(count + 1, sizeof(*ob->figures));
    if (ob->transports == NULL || ob->figures == NULL)
        return GN_ENOMEM;
    for (size_t i = 0; i < count; i++)
        ob->transports[i] = transports[i];
    ob->transport_count = count;
    return GN_OK;
}

static bool is_lasting(const struct gn_journal *journal)
{
    struct gn_journal_status status;

    gn_journal_status(journal, &status);
    return !status.is_in_memory;
}

static void init_parts(struct gn_outbox *ob, const struct gn_outbox_parts *parts)
{
    ob->loop = parts->loop;
    ob->journal = parts->journal;
    ob->letters = parts->letters;
    ob->metrics = parts->metrics;
    ob->cne = parts->cne;
    ob->ended = parts->ended;
    ob->ended_ctx = parts->ended_ctx;
    ob->is_lasting = is_lasting(parts->journal);
    ob->random = random_seed();
    ob->hot.max_bytes = GN_HOT_BYTES;
    if (ob->hot.max_bytes > ob->config.memory_bytes / HOT_PART)
        ob->hot.max_bytes = ob->config.memory_bytes / HOT_PART;
    ob->scratch = gn_buf_with_limit(GN_FRAME_PAYLOAD_MAX);
    TAILQ_INIT(&ob->sinks);
    TAILQ_INIT(&ob->runnable);
    TAILQ_INIT(&ob->hungry);
    TAILQ_INIT(&ob->dirty);
    gn_timer_init(&ob->sweep, ob->loop, gn_outbox_sweep, ob);
    gn_timer_init(&ob->tick, ob->loop, on_tick, ob);
    gn_timer_init(&ob->progress, ob->loop, gn_progress_on_timer, ob);
}

struct gn_outbox *gn_outbox_new(const struct gn_outbox_config *config,
                                const struct gn_outbox_parts *parts)
{
    struct gn_outbox *ob = calloc(1, sizeof(*ob));

    if (ob == NULL)
        return NULL;
    ob->config = *config;
    init_parts(ob, parts);
    ob->via = parts->via == NULL ? NULL : strdup(parts->via);
    if ((parts->via != NULL && ob->via == NULL) ||
        copy_transports(ob, parts->transports) != GN_OK || gn_shed_init(ob) != GN_OK) {
        free_parts(ob);
        return NULL;
    }
    register_metrics(ob, parts->metrics);
    gn_again_init(ob);
    return ob;
}

static void close_all_sinks(struct gn_outbox *ob)
{
    struct gn_sink *next;

    for (struct gn_sink *sink = TAILQ_FIRST(&ob->sinks); sink != NULL; sink = next) {
        next = TAILQ_NEXT(sink, link);
        if (!sink->is_closed)
            gn_sink_close(sink, ob->is_lasting ? GN_LEFT : GN_DROPPED);
    }
}

void gn_outbox_free(struct gn_outbox *ob)
{
    if (ob == NULL)
        return;
    gn_shed_stop(ob);
    while (gn_shed_is_busy(ob) && gn_loop_turn(ob->loop, FREE_TURN_MS) == GN_OK)
        ; /* what it gives up has to be in the checkpoint */
    if (ob->is_started)
        (void)gn_outbox_checkpoint(ob); /* what is missing repeats a little */
    gn_timer_stop(&ob->tick);           /* sinks that are closed count as needing nothing */
    close_all_sinks(ob);
    while ((!TAILQ_EMPTY(&ob->sinks) || ob->again_count > 0) &&
           gn_loop_turn(ob->loop, FREE_TURN_MS) == GN_OK)
        ;
    GN_ASSERT(TAILQ_EMPTY(&ob->sinks) && !gn_shed_is_busy(ob) && ob->again_count == 0);
    GN_ASSERT(ob->pending == 0 && ob->in_flight == 0 && ob->bytes == 0);
    GN_ASSERT(TAILQ_EMPTY(&ob->hungry) && TAILQ_EMPTY(&ob->dirty));
    gn_shed_fini(ob);
    gn_defer_cancel(&ob->run);
    gn_defer_cancel(&ob->fill);
    gn_metrics_off_collect(ob->metrics, collect, ob);
    free_parts(ob);
}

uint64_t gn_outbox_pending(const struct gn_outbox *ob)
{
    return ob->pending;
}

void gn_outbox_drain(struct gn_outbox *ob)
{
    struct gn_sink *sink;

    ob->is_draining = true;
    TAILQ_FOREACH (sink, &ob->sinks, link)
        gn_sink_drain(sink);
}

/* Whether something of the sink can go out without a wait. */
static bool is_busy(const struct gn_sink *sink)
{
    if (gn_sink_can_start(sink))
        return true;
    return !sink->is_closed && !sink->is_live && !gn_sink_is_held(sink) &&
           sink->window_count == sink->held_count && (sink->is_reading || sink->is_hungry);
}

bool gn_outbox_is_drained(const struct gn_outbox *ob)
{
    const struct gn_sink *sink;

    if (ob->in_flight > 0 || !ob->is_lasting)
        return ob->in_flight == 0 && ob->pending == 0;
    if (ob->letters != NULL && !gn_deadletters_is_durable(ob->letters))
        return false;
    TAILQ_FOREACH (sink, &ob->sinks, link)
        if (is_busy(sink))
            return false;
    return true;
}

/* ---- push ---- */

static enum gn_err pack_events(struct gn_outbox *ob, struct gn_event *const *events, size_t count)
{
    gn_buf_reset(&ob->scratch);
    for (size_t i = 0; i < count; i++)
        gn_event_pack(events[i], &ob->scratch);
    return gn_buf_err(&ob->scratch);
}

static enum gn_err store(struct gn_outbox *ob, struct gn_event *const *events, size_t count)
{
    enum gn_err err = pack_events(ob, events, count);
    uint64_t sequence = 0;

    if (err == GN_OK)
        err = gn_journal_append(ob->journal, GN_RECORD_EVENTS, (uint32_t)count,
                                gn_buf_str(&ob->scratch), &sequence);
    GN_ASSERT(err != GN_OK || sequence == ob->hot.next);
    if (ob->scratch.cap > SCRATCH_KEEP_MAX)
        gn_buf_free(&ob->scratch);
    return err;
}

static void queue_for(struct gn_sink *sink, uint64_t first, uint64_t end)
{
    struct gn_outbox *ob = sink->outbox;

    sink->pending += end - first;
    ob->pending += end - first;
    for (uint64_t at = first; at < end; at++)
        gn_window_push(sink, gn_hot_at(&ob->hot, at));
}

/* Of several events some may be for the sink and others not. */
static void queue_wanted(struct gn_sink *sink, uint64_t first, uint64_t end)
{
    for (uint64_t at = first; at < end; at++)
        if (gn_interest_wants(sink->interest, gn_hot_at(&sink->outbox->hot, at)->event, NULL))
            queue_for(sink, at, at + 1);
}

enum gn_err gn_outbox_push(struct gn_outbox *ob, struct gn_event *const *events, size_t event_count,
                           struct gn_sink *const *sinks, size_t count)
{
    uint64_t first = ob->hot.next;
    enum gn_err err;

    GN_ASSERT(ob->is_started && event_count > 0 && event_count <= GN_EVENTS_MAX);
    err = gn_hot_prepare(&ob->hot, events, event_count, gn_journal_clock_ms(ob->journal));
    if (err != GN_OK)
        return err;
    err = store(ob, events, event_count);
    if (err != GN_OK) {
        gn_hot_discard(&ob->hot, event_count);
        if (err == GN_EFULL)
            gn_shed_wanted(ob);
        return err;
    }
    gn_hot_commit(&ob->hot, event_count);
    for (size_t i = 0; i < count; i++)
        if (event_count > 1 && sinks[i]->interest->face == GN_FACE_NATIVE)
            queue_wanted(sinks[i], first, first + event_count);
        else
            queue_for(sinks[i], first, first + event_count);
    if (gn_hot_is_over(&ob->hot))
        gn_hot_trim(&ob->hot, gn_journal_durable_next(ob->journal));
    return GN_OK;
}
