/* What is given up before it was delivered: by age, and for want of room. */
#include "outbox_priv.h"

#include "gurnard/base/assert.h"

#define SWEEP_MAX_MS   1000U
#define SWEEP_ENDS_MAX 4096 /* deliveries ended by one sweep */

/* So that a full outbox stays quick: deliveries looked at for one push; the part of limit_bytes
 * that is freed beyond what the push needs, for the next ones; and how long pushes are refused
 * without a look when looking has not helped. */
#define SHED_LOOKS_MAX  65536
#define SHED_EXTRA_PART 1024
#define SHED_PAUSE_MS   100

/* ---- age ---- */

void gn_outbox_sweep_later(struct gn_outbox *ob)
{
    uint32_t every_ms = ob->config.expire_ms / 8;

    if (gn_outbox_pending(ob) == 0 || gn_timer_is_running(&ob->sweep))
        return;
    if (every_ms > SWEEP_MAX_MS)
        every_ms = SWEEP_MAX_MS;
    gn_timer_start(&ob->sweep, every_ms == 0 ? 1 : every_ms);
}

static struct gn_delivery *skip_in_flight(struct gn_delivery *dv)
{
    while (dv != NULL && gn_delivery_is_in_flight(dv))
        dv = TAILQ_NEXT(dv, age_link);
    return dv;
}

/* Ends at most max of them; returns how many. */
static int expire_sink(struct gn_sink *sink, uint64_t now_ms, int max)
{
    struct gn_delivery *dv = skip_in_flight(TAILQ_FIRST(&sink->by_age));
    int ended = 0;

    while (dv != NULL && ended < max &&
           now_ms - dv->item->pushed_at_ms >= sink->outbox->config.expire_ms) {
        struct gn_delivery *next = skip_in_flight(TAILQ_NEXT(dv, age_link));

        gn_delivery_end(dv, GN_EXPIRED);
        ended++;
        dv = next;
    }
    return ended;
}

static void log_expired(struct gn_outbox *ob, const struct gn_sink *sink, int count)
{
    uint64_t held;

    if (gn_log_allow(&ob->expired_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_warn("delivery.expired sink=%s count=%d held=%llu", sink->id, count,
                    (unsigned long long)held);
}

static void expire(struct gn_outbox *ob)
{
    uint64_t now_ms = gn_loop_now_ms(ob->loop);
    int left = SWEEP_ENDS_MAX;
    struct gn_sink *sink;

    TAILQ_FOREACH (sink, &ob->sinks, link) {
        int ended = sink->is_closed ? 0 : expire_sink(sink, now_ms, left);

        if (ended > 0)
            log_expired(ob, sink, ended);
        left -= ended;
    }
}

void gn_outbox_sweep(void *ctx)
{
    struct gn_outbox *ob = ctx;

    expire(ob);
    gn_outbox_sweep_later(ob);
}

/* ---- room ---- */

static void log_shed(struct gn_outbox *ob, const struct gn_sink *sink, const char *why)
{
    uint64_t held;

    if (gn_log_allow(&ob->shed_log, gn_loop_now_ms(ob->loop), &held))
        gn_log_warn("delivery.shed sink=%s why=%s queued=%llu bytes=%llu held=%llu", sink->id, why,
                    (unsigned long long)sink->queued, (unsigned long long)ob->bytes,
                    (unsigned long long)held);
}

void gn_sink_shed_oldest(struct gn_sink *sink)
{
    struct gn_delivery *dv = skip_in_flight(TAILQ_FIRST(&sink->by_age));

    GN_ASSERT(dv != NULL);
    gn_delivery_end(dv, GN_SHED);
    log_shed(sink->outbox, sink, "sink_max_events");
}

/* Whether the sink has not answered lately. */
static bool is_silent(const struct gn_sink *sink, uint64_t now_ms)
{
    if (sink->is_closed)
        return false;
    return sink->is_down ||
           (sink->failing_since_ms != 0 && now_ms - sink->failing_since_ms >= GN_OUTBOX_SILENT_MS);
}

/* The oldest item at which some silent sink stands, and how many of them stand at it. */
static struct gn_item *oldest_item(const struct gn_sink_list *silent, uint32_t *standing,
                                   int *looks)
{
    struct gn_item *oldest = NULL;
    struct gn_sink *sink;

    *standing = 0;
    TAILQ_FOREACH (sink, silent, shed_link) {
        (*looks)++;
        if (oldest == NULL || sink->shed_at->item->number < oldest->number) {
            oldest = sink->shed_at->item;
            *standing = 0;
        }
        if (sink->shed_at->item == oldest)
            (*standing)++;
    }
    return oldest;
}

/* Moves all that stand at item on; drops its deliveries there when asked to. */
static void step(struct gn_sink_list *silent, const struct gn_item *item, bool drop)
{
    struct gn_sink *next;

    for (struct gn_sink *sink = TAILQ_FIRST(silent); sink != NULL; sink = next) {
        struct gn_delivery *dv = sink->shed_at;

        next = TAILQ_NEXT(sink, shed_link);
        if (dv->item != item)
            continue;
        sink->shed_at = skip_in_flight(TAILQ_NEXT(dv, age_link));
        if (sink->shed_at == NULL)
            TAILQ_REMOVE(silent, sink, shed_link);
        if (!drop)
            continue;
        gn_delivery_end(dv, GN_SHED);
        log_shed(sink->outbox, sink, "limit_bytes");
    }
}

static bool fits(const struct gn_outbox *ob, uint64_t bytes)
{
    return bytes <= ob->config.limit_bytes && ob->bytes <= ob->config.limit_bytes - bytes;
}

/* Goes through the backlogs of the silent sinks side by side, oldest event first. An event that
 * others hold too would free nothing: it stays. */
static void shed_silent(struct gn_outbox *ob, uint64_t bytes)
{
    struct gn_sink_list silent = TAILQ_HEAD_INITIALIZER(silent);
    uint64_t now_ms = gn_loop_now_ms(ob->loop);
    int looks = 0;
    struct gn_sink *sink;

    TAILQ_FOREACH (sink, &ob->sinks, link) {
        sink->shed_at = is_silent(sink, now_ms) ? skip_in_flight(TAILQ_FIRST(&sink->by_age)) : NULL;
        if (sink->shed_at != NULL)
            TAILQ_INSERT_TAIL(&silent, sink, shed_link);
    }
    while (!fits(ob, bytes) && looks < SHED_LOOKS_MAX && !TAILQ_EMPTY(&silent)) {
        uint32_t standing;
        struct gn_item *item = oldest_item(&silent, &standing, &looks);

        step(&silent, item, standing == item->deliveries);
    }
}

enum gn_err gn_outbox_make_room(struct gn_outbox *ob, uint64_t bytes)
{
    const uint64_t extra = ob->config.limit_bytes / SHED_EXTRA_PART;
    const uint64_t most = ob->config.limit_bytes - extra;
    uint64_t now_ms = gn_loop_now_ms(ob->loop);

    if (fits(ob, bytes))
        return GN_OK;
    if (bytes > ob->config.limit_bytes || now_ms < ob->shed_again_at_ms)
        return GN_EFULL;
    expire(ob);
    shed_silent(ob, bytes < most ? bytes + extra : ob->config.limit_bytes);
    if (fits(ob, bytes))
        return GN_OK;
    ob->shed_again_at_ms = now_ms + SHED_PAUSE_MS;
    return GN_EFULL;
}
