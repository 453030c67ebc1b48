/* Acknowledgements: a queue for each publisher, of which the first is being told. Equal ones in a
 * row are one entry with a number, since a burst of events gives a burst of equal ones. */
#define HASH_NONFATAL_OOM 1 /* without memory for a lane the acknowledgement is dropped */

#include "gurnard/relay/acks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/log.h"

/* Equal acknowledgements one after another. */
struct run {
    TAILQ_ENTRY(run) link;
    uint32_t count;
    bool is_success;
    size_t address_len;
    char address[];
};

TAILQ_HEAD(run_list, run);

/* A publisher that has something to be told. Is in waiting or in sending. */
struct lane {
    struct gn_acks *acks;
    TAILQ_ENTRY(lane) link;
    UT_hash_handle hh; /* by publisher */
    struct run_list runs;
    struct gn_sending *sending;    /* NULL: none under way */
    struct gn_message_out message; /* the one under way; points into the lane */
    char *endpoint;
    char publisher[];
};

TAILQ_HEAD(lane_list, lane);

struct gn_acks {
    struct gn_acks_parts parts;
    struct lane *lanes;
    struct lane_list waiting;
    struct lane_list sending;
    uint32_t active; /* lanes in sending */
    uint32_t queued; /* acknowledgements not ended yet */
    bool is_stopped;
    struct gn_defer pump;
    struct gn_metric *told[2]; /* by is_success */
    struct gn_metric *untold;
    struct gn_metric *dropped;
    struct gn_log_limit told_log, untold_log, dropped_log;
};

static const char *const headers[] = {"Content-Type: application/json", NULL};

static struct gn_metric *total(struct gn_metrics *metrics, const char *labels)
{
    return gn_metrics_counter(metrics, "gurnard_acks_total", labels,
                              "Acknowledgements to publishers.");
}

struct gn_acks *gn_acks_new(const struct gn_acks_parts *parts)
{
    struct gn_acks *acks = calloc(1, sizeof(*acks));

    if (acks == NULL)
        return NULL;
    acks->parts = *parts;
    TAILQ_INIT(&acks->waiting);
    TAILQ_INIT(&acks->sending);
    acks->told[true] = total(parts->metrics, "status=\"success\"");
    acks->told[false] = total(parts->metrics, "status=\"failed\"");
    acks->untold = total(parts->metrics, "status=\"untold\"");
    acks->dropped = gn_metrics_counter(parts->metrics, "gurnard_acks_dropped_total", NULL,
                                       "Acknowledgements dropped because too many waited.");
    return acks;
}

/* ---- lanes ---- */

static struct run *first_run(struct lane *lane)
{
    return TAILQ_FIRST(&lane->runs);
}

/* Takes the first count of the first run away. */
static void drop_first(struct lane *lane, uint32_t count)
{
    struct run *run = first_run(lane);

    lane->acks->queued -= count;
    run->count -= count;
    if (run->count > 0)
        return;
    TAILQ_REMOVE(&lane->runs, run, link);
    free(run);
}

/* The lane is in no list. */
static void lane_free(struct lane *lane)
{
    while (!TAILQ_EMPTY(&lane->runs))
        drop_first(lane, first_run(lane)->count);
    HASH_DELETE(hh, lane->acks->lanes, lane);
    free(lane->endpoint);
    free(lane);
}

static struct lane *lane_new(struct gn_acks *acks, const struct gn_pubsub_item *publisher)
{
    size_t len = strlen(publisher->id);
    struct lane *lane = calloc(1, sizeof(*lane) + len + 1);

    if (lane == NULL)
        return NULL;
    lane->acks = acks;
    TAILQ_INIT(&lane->runs);
    memcpy(lane->publisher, publisher->id, len);
    lane->endpoint = strdup(publisher->endpoint_uri);
    if (lane->endpoint == NULL)
        goto out;
    HASH_ADD_KEYPTR(hh, acks->lanes, lane->publisher, len, lane);
    if (lane->hh.tbl == NULL)
        goto out;
    TAILQ_INSERT_TAIL(&acks->waiting, lane, link);
    return lane;
out:
    free(lane->endpoint);
    free(lane);
    return NULL;
}

/* ---- one POST ---- */

static void pump(void *ctx);

static void note_told(struct gn_acks *acks, const struct lane *lane)
{
    uint64_t held;

    if (!gn_log_allow(&acks->told_log, gn_loop_now_ms(acks->parts.loop), &held))
        return;
    /* Tests of cloud-event-proxy look for these words. */
    gn_log_info("ack.sent what=\"SUCCESS to publisher\" publisher=%s held=%llu", lane->publisher,
                (unsigned long long)held);
}

static void note_untold(struct gn_acks *acks, const struct lane *lane, int status,
                        const char *reason)
{
    uint64_t held;

    gn_metric_add(acks->untold, 1);
    if (gn_log_allow(&acks->untold_log, gn_loop_now_ms(acks->parts.loop), &held))
        gn_log_warn("ack.failed publisher=%s status=%d reason=%s held=%llu", lane->publisher,
                    status, reason, (unsigned long long)held);
}

static void count_verdict(struct gn_acks *acks, const struct run *run)
{
    gn_cne_add(acks->parts.figures, GN_CNE_EVENTS_ACK,
               (struct gn_str){run->address, run->address_len},
               run->is_success ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
}

/* The first acknowledgement of the lane, which is in no list, has ended. */
static void go_on(struct lane *lane)
{
    struct gn_acks *acks = lane->acks;

    drop_first(lane, 1);
    if (TAILQ_EMPTY(&lane->runs)) {
        lane_free(lane);
    } else {
        TAILQ_INSERT_TAIL(&acks->waiting, lane, link);
    }
    if (!TAILQ_EMPTY(&acks->waiting))
        gn_defer_call(acks->parts.loop, &acks->pump, pump, acks);
}

static void on_sent(void *ctx, const struct gn_sent *sent)
{
    struct lane *lane = ctx;
    struct gn_acks *acks = lane->acks;
    const struct run *run = first_run(lane);

    TAILQ_REMOVE(&acks->sending, lane, link);
    acks->active--;
    lane->sending = NULL;
    if (acks->is_stopped) {
        lane_free(lane);
        return;
    }
    count_verdict(acks, run);
    if (sent->err != GN_OK) {
        note_untold(acks, lane, sent->status,
                    sent->reason[0] != '\0' ? sent->reason : gn_err_text(sent->err));
    } else {
        gn_metric_add(acks->told[run->is_success], 1);
        if (run->is_success)
            note_told(acks, lane);
    }
    go_on(lane);
}

/* Not valid JSON, and told so since the beginning of cloud-event-proxy. */
static void write_message(struct lane *lane)
{
    bool is_success = first_run(lane)->is_success;

    lane->message = (struct gn_message_out){
        .address = lane->endpoint,
        .headers = headers,
        .body = {GN_STR("{eventId:\""), gn_str_of(lane->publisher),
                 is_success ? GN_STR("\",status:\"SUCCESS\"}") : GN_STR("\",status:\"FAILED\"}")},
        .timeout_ms = GN_ACKS_TIMEOUT_MS,
    };
}

/* Sends the first acknowledgement of the lane, which is in no list. */
static void send_first(struct lane *lane)
{
    struct gn_acks *acks = lane->acks;
    struct gn_transport *transport = acks->parts.transport;
    enum gn_err err = GN_EINVAL;

    if (gn_pubsub_find(acks->parts.pubsub, GN_PUBLISHER, gn_str_of(lane->publisher)) == NULL) {
        lane_free(lane); /* deleted meanwhile */
        return;
    }
    write_message(lane);
    if (transport->ops->takes(transport, lane->endpoint))
        err = transport->ops->send(transport, &lane->message, on_sent, lane, &lane->sending);
    if (err == GN_OK) {
        TAILQ_INSERT_TAIL(&acks->sending, lane, link);
        acks->active++;
        return;
    }
    count_verdict(acks, first_run(lane));
    note_untold(acks, lane, 0, gn_err_text(err));
    go_on(lane);
}

/* At most so many tries a turn; a lane that cannot be told goes behind the others. */
static void pump(void *ctx)
{
    struct gn_acks *acks = ctx;
    uint32_t room = GN_ACKS_PUBLISHERS_MAX - acks->active;

    while (room > 0 && !TAILQ_EMPTY(&acks->waiting)) {
        struct lane *lane = TAILQ_FIRST(&acks->waiting);

        TAILQ_REMOVE(&acks->waiting, lane, link);
        send_first(lane);
        room--;
    }
}

/* ---- public ---- */

static void note_dropped(struct gn_acks *acks)
{
    uint64_t held;

    gn_metric_add(acks->dropped, 1);
    if (gn_log_allow(&acks->dropped_log, gn_loop_now_ms(acks->parts.loop), &held))
        gn_log_warn("ack.dropped queued=%u held=%llu", acks->queued, (unsigned long long)held);
}

/* The run that the acknowledgement joins: the lane's last one if it is equal, else
 * a new one. NULL: no memory. */
static struct run *run_for(struct lane *lane, struct gn_str address, bool is_success)
{
    struct run *last = TAILQ_LAST(&lane->runs, run_list);

    if (last != NULL && last->is_success == is_success &&
        gn_str_eq((struct gn_str){last->address, last->address_len}, address))
        return last;
    last = calloc(1, sizeof(*last) + address.len + 1);
    if (last == NULL)
        return NULL;
    last->is_success = is_success;
    last->address_len = address.len;
    if (address.len > 0)
        memcpy(last->address, address.p, address.len);
    TAILQ_INSERT_TAIL(&lane->runs, last, link);
    return last;
}

/* false: no memory. */
static bool enqueue(struct gn_acks *acks, const struct gn_pubsub_item *item, struct gn_str address,
                    bool is_success)
{
    struct lane *lane;
    struct run *run;

    HASH_FIND_STR(acks->lanes, item->id, lane);
    if (lane == NULL)
        lane = lane_new(acks, item);
    if (lane == NULL)
        return false;
    run = run_for(lane, address, is_success);
    if (run != NULL) {
        run->count++;
        acks->queued++;
    } else if (TAILQ_EMPTY(&lane->runs)) {
        TAILQ_REMOVE(&acks->waiting, lane, link); /* made just now */
        lane_free(lane);
    }
    return run != NULL;
}

void gn_acks_tell(struct gn_acks *acks, struct gn_str publisher, struct gn_str address,
                  bool is_success)
{
    const struct gn_pubsub_item *item;

    if (acks->is_stopped)
        return;
    item = gn_pubsub_find(acks->parts.pubsub, GN_PUBLISHER, publisher);
    if (item == NULL)
        return;
    if (item->endpoint_uri == NULL) {
        gn_cne_add(acks->parts.figures, GN_CNE_EVENTS_ACK, address,
                   is_success ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
        return;
    }
    if (address.len > GN_CNE_LABEL_BYTES_MAX)
        address = GN_STR("other"); /* as it will be counted */
    if (acks->queued >= GN_ACKS_QUEUED_MAX || !enqueue(acks, item, address, is_success)) {
        note_dropped(acks);
        return;
    }
    gn_defer_call(acks->parts.loop, &acks->pump, pump, acks);
}

void gn_acks_stop(struct gn_acks *acks)
{
    struct lane *lane;

    acks->is_stopped = true;
    gn_defer_cancel(&acks->pump);
    while ((lane = TAILQ_FIRST(&acks->waiting)) != NULL) {
        TAILQ_REMOVE(&acks->waiting, lane, link);
        lane_free(lane);
    }
    TAILQ_FOREACH (lane, &acks->sending, link)
        acks->parts.transport->ops->cancel(acks->parts.transport, lane->sending);
}

void gn_acks_free(struct gn_acks *acks)
{
    if (acks == NULL)
        return;
    GN_ASSERT(acks->is_stopped && acks->active == 0);
    free(acks);
}

uint32_t gn_acks_active(const struct gn_acks *acks)
{
    return acks->active;
}
