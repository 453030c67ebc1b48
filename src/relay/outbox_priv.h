/* The inside of the outbox, shared by its parts:
 *   outbox.c         life, push, figures
 *   outbox_sink.c    sinks and their lanes: what may start, what waits, down and up
 *   outbox_attempt.c one attempt from start to its end, and what follows from it
 *   outbox_shed.c    what is given up by age or for want of room
 *
 * A delivery is one event for one sink. It hangs in the queue of its lane (order) and in the list
 * of its sink (age), until gn_delivery_end(), the only way out. A lane lives as long as it has
 * deliveries; its first one is the one being tried. */
#ifndef GURNARD_RELAY_OUTBOX_PRIV_H
#define GURNARD_RELAY_OUTBOX_PRIV_H

#define HASH_NONFATAL_OOM 1 /* a lane without memory makes the push fail, not the program */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/id.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/ce/event.h"
#include "gurnard/loop/loop.h"
#include "gurnard/relay/outbox.h"
#include "gurnard/transport/transport.h"

#define GN_SINK_ERROR_MAX   128   /* bytes of the last error kept for people to read */
#define GN_SINK_GONE_LOG_MS 60000 /* at most one line in this time for each sink that is gone */

/* How a delivery ended; the label outcome="" of gurnard_deliveries_total. */
enum gn_outcome {
    GN_DELIVERED,
    GN_FAILED,       /* refused for good, or its last attempt while draining failed */
    GN_EXPIRED,      /* too old */
    GN_SHED,         /* for want of room */
    GN_UNSUBSCRIBED, /* the sink was closed */
    GN_DROPPED,      /* the receiver said that it is gone, or the outbox was freed */
    GN_OUTCOMES
};

/* An event in the outbox, shared by its deliveries. */
struct gn_item {
    struct gn_event *event; /* a reference */
    uint64_t number;        /* order of push */
    uint64_t pushed_at_ms;
    uint32_t deliveries; /* the last one frees it */
};

struct gn_delivery {
    struct gn_item *item;
    struct gn_lane *lane;
    TAILQ_ENTRY(gn_delivery) lane_link;
    TAILQ_ENTRY(gn_delivery) age_link;
};
TAILQ_HEAD(gn_delivery_list, gn_delivery);

_Static_assert(sizeof(struct gn_delivery) <= 48, "there may be millions of them");

enum gn_lane_state {
    GN_LANE_IDLE,      /* between two of the others, and before its first delivery */
    GN_LANE_READY,     /* in sink->ready */
    GN_LANE_IN_FLIGHT, /* its first delivery is being attempted */
    GN_LANE_WAITING,   /* for its timer, before the next attempt */
};

struct gn_lane {
    uint64_t key; /* gn_event.lane */
    struct gn_sink *sink;
    struct gn_delivery_list deliveries;
    enum gn_lane_state state;
    uint32_t attempts; /* failed ones since one ended; of the first delivery as a rule */
    uint32_t refusals; /* of the first delivery, with GN_EREFUSED */
    bool was_answered; /* the last failure was an answer: a sink that comes up changes nothing */
    struct gn_timer timer; /* initialised at the first retry */
    TAILQ_ENTRY(gn_lane) ready_link;
    UT_hash_handle hh;
};

/* One attempt under way: the message and all it points to. */
struct gn_attempt {
    struct gn_lane *lane;
    struct gn_transport *transport;
    struct gn_sending *sending;
    struct gn_message_out message;
    const char *headers[3];
    char event_id[sizeof("Gurnard-Event-Id: ") + GN_ID_LEN];
    TAILQ_ENTRY(gn_attempt) link;
};

/* Counters of one transport. */
struct gn_outbox_figures {
    struct gn_metric *ended[GN_OUTCOMES];
    struct gn_metric *retries;
};

struct gn_sink {
    struct gn_outbox *outbox;
    struct gn_transport *transport;
    const struct gn_outbox_figures *figures;
    char *id;
    char *address;
    struct gn_lane *lanes; /* by key */
    TAILQ_HEAD(, gn_lane) ready;
    struct gn_delivery_list by_age; /* those under way included */
    TAILQ_HEAD(, gn_attempt) attempts;
    uint64_t queued; /* without those under way */
    uint32_t in_flight;
    uint32_t window;  /* attempts that may be under way side by side */
    bool is_runnable; /* in outbox->runnable */
    bool is_closed;
    bool is_down;
    bool is_gone;                  /* the receiver said so (410) */
    enum gn_outcome close_outcome; /* of what is still under way when it is closed */
    uint32_t unanswered;           /* attempts without an answer, in a row */
    uint32_t probes;               /* since it is down */
    struct gn_timer probe_timer;   /* runs between two of them */
    uint64_t failing_since_ms;     /* first failure since the last success, 0: none */
    uint64_t gone_until_ms;
    uint64_t gone_log_at_ms;
    uint64_t delivered, failed, shed;
    struct gn_delivery *shed_at; /* only inside outbox_shed.c, as shed_link */
    TAILQ_ENTRY(gn_sink) shed_link;
    char last_error[GN_SINK_ERROR_MAX];
    TAILQ_ENTRY(gn_sink) link;
    TAILQ_ENTRY(gn_sink) runnable_link;
};
TAILQ_HEAD(gn_sink_list, gn_sink);

struct gn_outbox {
    struct gn_loop *loop;
    struct gn_outbox_config config;
    struct gn_transport **transports;  /* borrowed each */
    struct gn_outbox_figures *figures; /* of each transport */
    size_t transport_count;
    struct gn_histogram *seconds;
    struct gn_metrics *metrics;
    struct gn_metric *queued_now, *in_flight_now, *bytes_now, *sinks_now, *sinks_down_now;
    struct gn_sink_list sinks;    /* closed ones too, until their last attempt has ended */
    struct gn_sink_list runnable; /* those with something to start, in turn */
    struct gn_defer run;
    struct gn_timer sweep; /* runs while something is pending */
    uint64_t queued, bytes;
    uint32_t in_flight, sinks_open, sinks_down;
    uint64_t next_number;
    uint32_t random; /* xorshift, never 0 */
    bool is_draining;
    bool is_crowded;           /* runnable sinks wait for an attempt of another to end */
    uint64_t shed_again_at_ms; /* shedding did not make room: before this it would not either */
    struct gn_log_limit failed_log, expired_log, shed_log;
};

/* ---- outbox.c ---- */

/* Ends a delivery that is not under way: counts it, frees it, and its lane or item when it was
 * their last; else the lane's next one gets its turn. */
void gn_delivery_end(struct gn_delivery *delivery, enum gn_outcome outcome);

/* Jitter: any 32 bits. */
uint32_t gn_outbox_random(struct gn_outbox *outbox);

/* ---- outbox_sink.c ---- */

/* The sink's lane of this key, made when missing. NULL when there is no memory. */
struct gn_lane *gn_lane_get(struct gn_sink *sink, uint64_t key);
/* Frees an empty lane that is not under way. */
void gn_lane_free(struct gn_lane *lane);
/* To the end of the sink's ready ones, from idle or waiting. */
void gn_lane_ready(struct gn_lane *lane);
/* Out of the ready ones and under way, with its first delivery; and back from there to idle. */
void gn_lane_take_off(struct gn_lane *lane);
void gn_lane_land(struct gn_lane *lane);
/* Idle to waiting. */
void gn_lane_wait(struct gn_lane *lane, uint32_t delay_ms);

/* Whether delivery is being attempted. */
static inline bool gn_delivery_is_in_flight(const struct gn_delivery *delivery)
{
    return delivery->lane->state == GN_LANE_IN_FLIGHT &&
           TAILQ_FIRST(&delivery->lane->deliveries) == delivery;
}

/* Whether the receiver, or what stands before it, has said something. */
static inline bool gn_sent_is_answer(const struct gn_sent *sent)
{
    return sent->err != GN_ECONN && sent->err != GN_ETIMEOUT && sent->err != GN_ENOMEM;
}

/* Whether the sink itself lets one more attempt start now. */
bool gn_sink_can_start(const struct gn_sink *sink);
/* Whether all sinks together leave room for one more. */
static inline bool gn_outbox_has_slot(const struct gn_outbox *outbox)
{
    return outbox->in_flight < outbox->config.max_in_flight;
}
/* Puts the sink among the runnable ones if it can start. */
void gn_sink_wake(struct gn_sink *sink);
/* What an attempt's end says about the sink as a whole. */
void gn_sink_note_success(struct gn_sink *sink);
void gn_sink_note_failure(struct gn_sink *sink, const struct gn_sent *sent);
/* The receiver is gone: drops the backlog and what comes. */
void gn_sink_set_gone(struct gn_sink *sink);
/* Whether events for it are dropped now; ends the pause when its time is over. */
bool gn_sink_is_gone(struct gn_sink *sink);
/* Releases what waits and drops the waiting for the next probe. */
void gn_sink_drain(struct gn_sink *sink);
/* Closes; outcome: of what is dropped. */
void gn_sink_close(struct gn_sink *sink, enum gn_outcome outcome);
/* Frees a closed sink whose last attempt has ended. */
void gn_sink_free(struct gn_sink *sink);

/* ---- outbox_attempt.c ---- */

/* The deferred call: starts attempts for the runnable sinks in turn. */
void gn_outbox_run(void *outbox);

/* ---- outbox_shed.c ---- */

/* The sweep timer: ends what has expired. */
void gn_outbox_sweep(void *outbox);
/* Starts it unless it runs. */
void gn_outbox_sweep_later(struct gn_outbox *outbox);
/* Drops the oldest queued delivery of a sink that has too many. */
void gn_sink_shed_oldest(struct gn_sink *sink);

#endif
