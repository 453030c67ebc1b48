/* The outbox's life, what comes in, and its figures. The other parts: outbox_priv.h. */
#include "gurnard/relay/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#include "outbox_priv.h"

#define LABELS_MAX   128
#define FREE_TURN_MS 100 /* longest wait of one turn while the last attempts end */

/* ---- figures ---- */

static void collect(void *ctx)
{
    struct gn_outbox *ob = ctx;

    gn_metric_set(ob->queued_now, (double)ob->queued);
    gn_metric_set(ob->in_flight_now, ob->in_flight);
    gn_metric_set(ob->bytes_now, (double)ob->bytes);
    gn_metric_set(ob->sinks_now, ob->sinks_open);
    gn_metric_set(ob->sinks_down_now, ob->sinks_down);
}

static void register_transport(struct gn_metrics *metrics, const char *name,
                               struct gn_outbox_figures *figures)
{
    static const char *const outcomes[GN_OUTCOMES] = {
        [GN_DELIVERED] = "delivered",       [GN_FAILED] = "failed",
        [GN_EXPIRED] = "expired",           [GN_SHED] = "shed",
        [GN_UNSUBSCRIBED] = "unsubscribed", [GN_DROPPED] = "dropped",
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
    ob->metrics = metrics;
    ob->seconds = gn_metrics_histogram(metrics, "gurnard_delivery_seconds", NULL,
                                       "Time from an event's arrival until a subscriber took it.",
                                       bounds, GN_LEN(bounds));
    ob->queued_now = gn_metrics_gauge(metrics, "gurnard_outbox_queued", NULL,
                                      "Deliveries that wait for their attempt.");
    ob->in_flight_now =
        gn_metrics_gauge(metrics, "gurnard_outbox_in_flight", NULL, "Attempts under way.");
    ob->bytes_now = gn_metrics_gauge(metrics, "gurnard_outbox_bytes", NULL,
                                     "Bytes of the events that are held.");
    ob->sinks_now =
        gn_metrics_gauge(metrics, "gurnard_outbox_sinks", NULL, "Subscriptions with a way out.");
    ob->sinks_down_now = gn_metrics_gauge(metrics, "gurnard_outbox_sinks_down", NULL,
                                          "Of these, the ones that do not answer.");
    gn_metrics_on_collect(metrics, collect, ob);
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

static void free_parts(struct gn_outbox *ob)
{
    free(ob->transports);
    free(ob->figures);
    free(ob);
}

struct gn_outbox *gn_outbox_new(struct gn_loop *loop, const struct gn_outbox_config *config,
                                struct gn_transport *const *transports, struct gn_metrics *metrics)
{
    struct gn_outbox *ob = calloc(1, sizeof(*ob));
    size_t count = 0;

    if (ob == NULL)
        return NULL;
    while (transports[count] != NULL)
        count++;
    ob->transports = calloc(count + 1, sizeof(struct gn_transport *));
    ob->figures = calloc(count + 1, sizeof(*ob->figures));
    if (ob->transports == NULL || ob->figures == NULL) {
        free_parts(ob);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        ob->transports[i] = transports[i];
    ob->transport_count = count;
    ob->loop = loop;
    ob->config = *config;
    ob->random = random_seed();
    TAILQ_INIT(&ob->sinks);
    TAILQ_INIT(&ob->runnable);
    gn_timer_init(&ob->sweep, loop, gn_outbox_sweep, ob);
    register_metrics(ob, metrics);
    return ob;
}

static void close_all_sinks(struct gn_outbox *ob)
{
    struct gn_sink *next;

    for (struct gn_sink *sink = TAILQ_FIRST(&ob->sinks); sink != NULL; sink = next) {
        next = TAILQ_NEXT(sink, link);
        if (!sink->is_closed)
            gn_sink_close(sink, GN_DROPPED);
    }
}

void gn_outbox_free(struct gn_outbox *ob)
{
    if (ob == NULL)
        return;
    close_all_sinks(ob);
    while (!TAILQ_EMPTY(&ob->sinks) && gn_loop_turn(ob->loop, FREE_TURN_MS) == GN_OK)
        ;
    GN_ASSERT(TAILQ_EMPTY(&ob->sinks));
    GN_ASSERT(ob->queued == 0 && ob->in_flight == 0 && ob->bytes == 0);
    gn_defer_cancel(&ob->run);
    gn_timer_fini(&ob->sweep);
    gn_metrics_off_collect(ob->metrics, collect, ob);
    free_parts(ob);
}

uint64_t gn_outbox_pending(const struct gn_outbox *ob)
{
    return ob->queued + ob->in_flight;
}

void gn_outbox_drain(struct gn_outbox *ob)
{
    struct gn_sink *sink;

    ob->is_draining = true;
    TAILQ_FOREACH (sink, &ob->sinks, link)
        gn_sink_drain(sink);
}

/* ---- deliveries ---- */

static void item_release(struct gn_outbox *ob, struct gn_item *item)
{
    GN_ASSERT(item->deliveries > 0);
    if (--item->deliveries > 0)
        return;
    ob->bytes -= item->event->bytes_held;
    gn_event_unref(item->event);
    free(item);
}

static void count_end(struct gn_sink *sink, enum gn_outcome outcome)
{
    gn_metric_add(sink->figures->ended[outcome], 1);
    switch (outcome) {
    case GN_DELIVERED:
        sink->delivered++;
        break;
    case GN_FAILED:
    case GN_EXPIRED:
        sink->failed++;
        break;
    case GN_SHED:
    case GN_DROPPED:
        sink->shed++;
        break;
    case GN_UNSUBSCRIBED:
    case GN_OUTCOMES:
        break;
    }
}

/* The lane's first delivery has gone and the next one starts afresh. A wait outlives it: else a
 * receiver that asked for one would be tried again with each event that is shed. */
static void lane_next(struct gn_lane *lane)
{
    lane->refusals = 0;
    if (lane->state == GN_LANE_WAITING)
        return;
    lane->attempts = 0;
    if (lane->state == GN_LANE_IDLE)
        gn_lane_ready(lane);
}

void gn_delivery_end(struct gn_delivery *dv, enum gn_outcome outcome)
{
    struct gn_lane *lane = dv->lane;
    struct gn_sink *sink = lane->sink;
    bool was_first = TAILQ_FIRST(&lane->deliveries) == dv;

    GN_ASSERT(!gn_delivery_is_in_flight(dv));
    TAILQ_REMOVE(&lane->deliveries, dv, lane_link);
    TAILQ_REMOVE(&sink->by_age, dv, age_link);
    sink->queued--;
    sink->outbox->queued--;
    count_end(sink, outcome);
    item_release(sink->outbox, dv->item);
    free(dv);
    if (TAILQ_EMPTY(&lane->deliveries))
        gn_lane_free(lane);
    else if (was_first)
        lane_next(lane);
}

/* ---- push ---- */

/* Prepares a delivery; it is in no list of its sink or lane yet. */
static struct gn_delivery *delivery_new(struct gn_sink *sink, struct gn_item *item)
{
    struct gn_delivery *dv = malloc(sizeof(*dv));

    if (dv == NULL)
        return NULL;
    dv->item = item;
    dv->lane = gn_lane_get(sink, item->event->lane);
    if (dv->lane == NULL) {
        free(dv);
        return NULL;
    }
    return dv;
}

static void undo(struct gn_delivery_list *prepared)
{
    struct gn_delivery *dv;

    while ((dv = TAILQ_FIRST(prepared)) != NULL) {
        TAILQ_REMOVE(prepared, dv, age_link);
        if (TAILQ_EMPTY(&dv->lane->deliveries))
            gn_lane_free(dv->lane);
        free(dv);
    }
}

static enum gn_err prepare(struct gn_item *item, struct gn_sink *const *sinks, size_t count,
                           struct gn_delivery_list *prepared)
{
    for (size_t i = 0; i < count; i++) {
        struct gn_delivery *dv;

        if (sinks[i]->is_gone)
            continue;
        dv = delivery_new(sinks[i], item);
        if (dv == NULL) {
            undo(prepared);
            return GN_ENOMEM;
        }
        TAILQ_INSERT_TAIL(prepared, dv, age_link);
    }
    return GN_OK;
}

static void commit(struct gn_outbox *ob, struct gn_item *item, struct gn_delivery_list *prepared)
{
    struct gn_delivery *dv;

    item->number = ob->next_number++;
    item->pushed_at_ms = gn_loop_now_ms(ob->loop);
    ob->bytes += item->event->bytes_held;
    item->deliveries = 1; /* of this function: shedding below must not end the item */
    while ((dv = TAILQ_FIRST(prepared)) != NULL) {
        struct gn_lane *lane = dv->lane;
        struct gn_sink *sink = lane->sink;

        TAILQ_REMOVE(prepared, dv, age_link);
        TAILQ_INSERT_TAIL(&lane->deliveries, dv, lane_link);
        TAILQ_INSERT_TAIL(&sink->by_age, dv, age_link);
        item->deliveries++;
        sink->queued++;
        ob->queued++;
        if (lane->state == GN_LANE_IDLE)
            gn_lane_ready(lane);
        if (sink->queued > ob->config.sink_max_events)
            gn_sink_shed_oldest(sink);
    }
    item_release(ob, item);
    gn_outbox_sweep_later(ob);
}

/* Whether one of the sinks is to get events at all. */
static bool some_listen(struct gn_sink *const *sinks, size_t count)
{
    bool found = false;

    for (size_t i = 0; i < count; i++)
        if (!gn_sink_is_gone(sinks[i]))
            found = true;
    return found;
}

static void count_gone(struct gn_sink *const *sinks, size_t count, uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        struct gn_sink *sink = sinks[i];

        if (!sink->is_gone)
            continue;
        count_end(sink, GN_DROPPED);
        if (now_ms < sink->gone_log_at_ms)
            continue;
        sink->gone_log_at_ms = now_ms + GN_SINK_GONE_LOG_MS;
        gn_log_warn("sink.gone sink=%s dropped=%llu", sink->id, (unsigned long long)sink->shed);
    }
}

enum gn_err gn_outbox_push(struct gn_outbox *ob, struct gn_event *event,
                           struct gn_sink *const *sinks, size_t count)
{
    struct gn_delivery_list prepared = TAILQ_HEAD_INITIALIZER(prepared);
    struct gn_item *item;
    enum gn_err err;

    if (some_listen(sinks, count)) {
        err = gn_outbox_make_room(ob, event->bytes_held);
        if (err != GN_OK)
            return err;
        item = calloc(1, sizeof(*item));
        if (item == NULL)
            return GN_ENOMEM;
        item->event = event;
        err = prepare(item, sinks, count, &prepared);
        if (err != GN_OK) {
            free(item);
            return err;
        }
        (void)gn_event_ref(event); /* given back by item_release() */
        commit(ob, item, &prepared);
    }
    count_gone(sinks, count, gn_loop_now_ms(ob->loop));
    return GN_OK;
}
