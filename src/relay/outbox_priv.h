/* The inside of the outbox, shared by its parts:
 *   outbox.c          life, push, figures
 *   outbox_sink.c     sinks: what may start, what waits, down, paused and up
 *   outbox_delivery.c items, lanes and deliveries
 *   outbox_attempt.c  one attempt from start to its end, and what follows from it
 *   outbox_hot.c      the newest events in memory; sorted lists of sequences
 *   outbox_window.c   which deliveries are in memory: live or behind, and refill
 *   outbox_unload.c   what leaves memory again
 *   outbox_progress.c progress records out and in, recovery, what the journal must keep
 *   outbox_shed.c     what is given up by age or for want of room
 *   outbox_again.c    replays and single events sent once more
 *
 * A delivery is one event for one sink. It hangs in the queue of its lane (order) and in a list of
 * its sink, until gn_delivery_end(), the only way out. A lane lives as long as it has deliveries;
 * its first one is the one being tried.
 *
 * Where the events of a sink are that it has not got yet, by sequence:
 *     in its window (sink->window), which includes those under way;
 *     in sink->keep: below next_sequence, not in memory;
 *     from next_sequence on: all that are the sink's; none while is_live.
 *
 * In each lane the window holds the oldest of these, without a gap. What was ever started or ended
 * is not above top_sequence. */
#ifndef GURNARD_RELAY_OUTBOX_PRIV_H
#define GURNARD_RELAY_OUTBOX_PRIV_H

#define HASH_NONFATAL_OOM 1 /* without memory for a lane its event is read again later */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/ce/event.h"
#include "gurnard/loop/loop.h"
#include "gurnard/relay/outbox.h"
#include "gurnard/relay/rate.h"
#include "gurnard/relay/shape.h"
#include "gurnard/store/journal.h"
#include "gurnard/transport/transport.h"

#define GN_SINK_ERROR_MAX 128          /* bytes of the last error kept for people to read */
#define GN_OUTBOX_TICK_MS 1000U        /* what is looked at now and then */
#define GN_HOT_BYTES      (8ULL << 20) /* of the newest events kept for sinks that are behind */
#define GN_HOT_EVENTS     65536U
#define GN_EVENTS_MAX     65535U /* of one push: what a record can count */

/* How a delivery ended; the label outcome="" of gurnard_deliveries_total. */
enum gn_outcome {
    GN_DELIVERED,
    GN_DEAD,         /* refused for good: a dead letter */
    GN_EXPIRED,      /* too old */
    GN_SHED,         /* for want of room */
    GN_UNSUBSCRIBED, /* the sink was closed */
    GN_DROPPED,      /* nothing lasts: given up at shutdown */
    GN_LOST,         /* the journal could not give it back */
    GN_OUTCOMES,
    GN_LEFT = GN_OUTCOMES, /* at shutdown: it stays in the journal; not counted */
};

/* An event in memory, shared by its deliveries and the hot ring. */
struct gn_item {
    struct gn_event *event; /* a reference */
    uint64_t sequence;      /* 0: of an event that is sent again */
    uint64_t told;       /* the same as it is told to the receiver, also of a replay's; 0: none */
    uint64_t clock_ms;   /* the journal's clock from which its age counts */
    uint32_t refs;       /* deliveries, and the hot ring */
    uint32_t deliveries; /* its bytes count as memory while there are any */
};

struct gn_delivery {
    struct gn_item *item;
    struct gn_lane *lane;
    TAILQ_ENTRY(gn_delivery) lane_link;
    TAILQ_ENTRY(gn_delivery) sink_link; /* in window, by sequence; or in agains */
};
TAILQ_HEAD(gn_delivery_list, gn_delivery);

_Static_assert(sizeof(struct gn_delivery) <= 48, "there may be millions of them");

enum gn_lane_state {
    GN_LANE_IDLE,      /* between two of the others, and before its first delivery */
    GN_LANE_READY,     /* in sink->ready */
    GN_LANE_IN_FLIGHT, /* its first delivery is being attempted */
    GN_LANE_WAITING,   /* for its timer, before the next attempt */
};

/* What a lane's deliveries are. Only those of GN_KIND_STORED are in the window, count as pending
 * and show in progress and in gurnard_deliveries_total. */
enum gn_kind { GN_KIND_STORED, GN_KIND_REPLAY, GN_KIND_AGAIN };

struct gn_lane_key {
    uint64_t lane; /* gn_event.lane */
    uint64_t kind; /* enum gn_kind; without padding, since the bytes are hashed */
};

struct gn_lane {
    struct gn_lane_key key;
    struct gn_sink *sink;
    struct gn_delivery_list deliveries;
    uint64_t bytes; /* of their events */
    uint32_t count; /* of them */
    enum gn_lane_state state;
    uint32_t attempts; /* failed ones since one ended; of the first delivery as a rule */
    uint32_t refusals; /* of the first delivery, with GN_EREFUSED */
    uint32_t part;     /* of the first delivery: the message that is next */
    bool is_buried;    /* one of its messages was refused for good, and is a dead letter */
    struct gn_shape_memory *memory; /* of its messages; or NULL */
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
    struct gn_shaped shaped;
    char *address;                /* the sink's, which may change meanwhile; and: */
    struct gn_interest *interest; /* a reference */
    bool is_probe;                /* counts in outbox->probing */
    TAILQ_ENTRY(gn_attempt) link;
};

/* Counters of one transport. */
struct gn_outbox_figures {
    struct gn_metric *ended[GN_OUTCOMES];
    struct gn_metric *retries;
};

/* Sequences in rising order, each once. Zero-initialised. */
struct gn_keep {
    uint64_t *all; /* those left begin at all[first] */
    size_t first, count, cap;
};

struct gn_replay; /* outbox_again.c */
struct gn_shed;   /* outbox_shed.c */

struct gn_sink {
    struct gn_outbox *outbox;
    struct gn_transport *transport;
    const struct gn_outbox_figures *figures;
    char *id;
    char *address;
    struct gn_interest *interest; /* a reference */
    struct gn_backoff backoff;
    uint64_t expire_ms;

    /* attempts (outbox_sink.c) */
    struct gn_lane *lanes; /* by key */
    TAILQ_HEAD(, gn_lane) ready;
    TAILQ_HEAD(, gn_attempt) attempts;
    uint32_t in_flight;       /* of all kinds */
    uint32_t again_in_flight; /* of these, not GN_KIND_STORED */
    uint32_t concurrency;     /* attempts that may be under way side by side */
    uint32_t max_concurrency;
    bool is_runnable; /* in outbox->runnable */
    bool is_closed;
    bool is_down;
    bool is_paused;                /* the receiver said that it is gone (410) */
    enum gn_outcome close_outcome; /* of what is still under way when it is closed */
    uint32_t unanswered;           /* attempts without an answer, in a row */
    uint32_t probes;               /* since it is down or paused */
    struct gn_timer probe_timer;   /* runs between two of them */
    uint64_t failing_since_ms;     /* first failure since the last success, 0: none */

    /* what is to be delivered (outbox_window.c) */
    struct gn_delivery_list window; /* by sequence, those under way included */
    uint64_t window_count, window_bytes;
    uint64_t held_count, held_bytes; /* of the window: in lanes that wait for their timer */
    uint64_t pending;                /* all not finished: window, keep, and from next_sequence on */
    bool is_live;                    /* all that is pending is in the window */
    bool is_hungry;                  /* in outbox->hungry */
    bool is_reading;
    bool was_miscounted;    /* pending was found wrong and that was logged */
    bool was_changed;       /* its interest was, while it was behind: pending is a guess */
    uint64_t next_sequence; /* unless is_live */
    uint64_t top_sequence;  /* nothing above was ever started or ended */
    struct gn_keep keep;
    struct gn_journal_reader *reader; /* or NULL */
    uint64_t reader_next;             /* what it gives next */

    /* progress (outbox_progress.c) */
    bool is_dirty;            /* in outbox->dirty */
    bool has_progress;        /* during recovery: a record was seen */
    uint64_t progress_at;     /* the sequence of that record: its pending covers what is below */
    struct gn_keep unsettled; /* dead letters that may not be durable yet: not finished on disk */

    /* once more (outbox_again.c) */
    struct gn_delivery_list agains; /* those not GN_KIND_STORED */
    struct gn_replay *replay;       /* or NULL */
    bool is_replaying;
    uint64_t replayed; /* by the replay under way or the last one */

    /* figures */
    uint64_t delivered, dead, expired, shed, retries;
    int64_t last_success_ns, last_error_ns;
    char last_error[GN_SINK_ERROR_MAX];

    TAILQ_ENTRY(gn_sink) link;
    TAILQ_ENTRY(gn_sink) runnable_link, hungry_link, dirty_link;
    TAILQ_ENTRY(gn_sink) shed_link; /* for outbox_shed.c */
    UT_hash_handle hh;              /* in outbox->sinks_by_id */
};
TAILQ_HEAD(gn_sink_list, gn_sink);

/* The newest events, by sequence without a gap: always those not yet durable. */
struct gn_hot {
    struct gn_item **items; /* that of sequence s at s % cap */
    size_t cap;             /* a power of two */
    uint64_t first, next;   /* sequences; equal: empty */
    uint64_t bytes;         /* of the events */
    uint64_t max_bytes;
};

struct gn_outbox {
    struct gn_loop *loop;
    struct gn_journal *journal;
    struct gn_deadletters *letters; /* or NULL */
    struct gn_outbox_config config;
    char *via;                                                                 /* or NULL */
    struct gn_cne_figures *cne;                                                /* or NULL */
    void (*ended)(void *ctx, const struct gn_event *event, bool is_delivered); /* or NULL */
    void *ended_ctx;
    struct gn_transport **transports;  /* borrowed each */
    struct gn_outbox_figures *figures; /* of each transport */
    size_t transport_count;
    struct gn_metrics *metrics;
    struct gn_histogram *seconds;
    struct gn_metric *queued_now, *in_flight_now, *bytes_now, *sinks_now, *sinks_down_now,
        *behind_now, *reads;
    struct gn_sink_list sinks;    /* closed ones too, until their last attempt has ended */
    struct gn_sink *sinks_by_id;  /* the open ones */
    struct gn_sink_list runnable; /* those with something to start, in turn */
    struct gn_sink_list hungry;   /* those whose window wants more */
    struct gn_sink_list dirty;    /* those whose progress is to be written */
    struct gn_defer run, fill;
    struct gn_timer sweep;    /* runs while something is pending */
    struct gn_timer tick;     /* GN_OUTBOX_TICK_MS */
    struct gn_timer progress; /* runs while something is dirty */
    struct gn_hot hot;
    uint64_t needed;       /* told to the journal last */
    struct gn_buf scratch; /* a record on its way to the journal */
    uint64_t pending;      /* of all sinks */
    uint64_t bytes;        /* of the events with deliveries */
    uint32_t in_flight, again_in_flight;
    uint32_t probing; /* of those in flight, begun for sinks that were held */
    uint32_t sinks_open, sinks_down, sinks_behind;
    uint32_t again_count; /* deliveries of GN_KIND_AGAIN; kept by outbox_again.c */
    uint32_t random;      /* xorshift, never 0 */
    bool is_lasting;      /* the journal is on disk */
    bool is_started;
    bool is_draining;
    bool is_crowded;      /* runnable sinks wait for an attempt of another to end */
    bool is_shedding;     /* kept by outbox_shed.c */
    struct gn_shed *shed; /* kept by outbox_shed.c */
    uint64_t delivered, dead, expired, shed_count, retries;
    uint64_t replayed;                /* kept by outbox_again.c */
    struct gn_metric *replayed_total; /* set by gn_again_init() */
    struct gn_rate out;               /* deliveries taken */
    struct gn_log_limit dead_log, letter_log, expired_log, shed_log, lost_log, read_log;
};

/* ---- outbox.c ---- */

/* Jitter: any 32 bits. */
uint32_t gn_outbox_random(struct gn_outbox *outbox);

/* ---- outbox_delivery.c ---- */

/* An item with one reference, the caller's; it takes its own to event. NULL: no memory. */
struct gn_item *gn_item_new(struct gn_event *event, uint64_t sequence, uint64_t clock_ms);
/* Gives one reference back (not one of a delivery: gn_delivery_end() does that). */
void gn_item_unref(struct gn_item *item);

/* Queues item (its own reference is taken) in the lane of its event and of this kind: into the
 * window at its place by sequence, or at the end of agains. dv: from malloc(), or part of what is;
 * the lists' until its end. Does not touch pending. GN_ENOMEM: nothing happened. */
GN_MUST_CHECK enum gn_err gn_delivery_queue(struct gn_sink *sink, struct gn_delivery *dv,
                                            struct gn_item *item, enum gn_kind kind);

/* Ends a delivery that is not under way: takes it out of its lists, and frees its lane or item when
 * it was their last; else the lane's next one gets its turn. GN_KIND_STORED: counted, marks the
 * progress, freed. Others: handed to gn_again_ended(), which frees it. */
void gn_delivery_end(struct gn_delivery *delivery, enum gn_outcome outcome);
/* Takes a delivery that is not under way out of the window without an end; it stays pending. */
void gn_delivery_unload(struct gn_delivery *delivery);

/* Counts the end of count pending events of the sink that are in no delivery (any more): figures,
 * pending, progress. */
void gn_sink_count_ends(struct gn_sink *sink, enum gn_outcome outcome, uint64_t count);

/* Whether an event with this time is too old to be delivered. */
static inline bool gn_sink_is_expired(const struct gn_sink *sink, uint64_t clock_ms)
{
    return gn_journal_clock_ms(sink->outbox->journal) - clock_ms >= sink->expire_ms;
}

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

/* ---- outbox_sink.c ---- */

/* Whether the receiver, or what stands before it, has said something. */
static inline bool gn_sent_is_answer(const struct gn_sent *sent)
{
    return sent->err != GN_ECONN && sent->err != GN_ETIMEOUT && sent->err != GN_ENOMEM;
}

/* Whether the sink is tried with one attempt at a time and keeps a small window. */
static inline bool gn_sink_is_held(const struct gn_sink *sink)
{
    return sink->is_down || sink->is_paused;
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
/* Releases what waits and drops the waiting for the next probe. */
void gn_sink_drain(struct gn_sink *sink);
/* Closes; outcome: of what is dropped. */
void gn_sink_close(struct gn_sink *sink, enum gn_outcome outcome);
/* Frees a closed sink whose last attempt has ended. */
void gn_sink_free(struct gn_sink *sink);

/* ---- outbox_attempt.c ---- */

/* The deferred call: starts attempts for the runnable sinks in turn. */
void gn_outbox_run(void *outbox);

/* ---- outbox_hot.c ---- */

/* Prepares items for the next events, in memory only. Either commit or discard follows. GN_ENOMEM:
 * nothing happened. */
GN_MUST_CHECK enum gn_err gn_hot_prepare(struct gn_hot *hot, struct gn_event *const *events,
                                         size_t count, uint64_t clock_ms);
void gn_hot_commit(struct gn_hot *hot, size_t count);
void gn_hot_discard(struct gn_hot *hot, size_t count);
/* The item of a sequence from hot->first on and below hot->next, or prepared. */
static inline struct gn_item *gn_hot_at(const struct gn_hot *hot, uint64_t sequence)
{
    return hot->items[sequence & (hot->cap - 1)];
}
/* Lets go what is too much and below durable_next. */
static inline bool gn_hot_is_over(const struct gn_hot *hot)
{
    return hot->bytes > hot->max_bytes || hot->next - hot->first > GN_HOT_EVENTS;
}
void gn_hot_trim(struct gn_hot *hot, uint64_t durable_next);
void gn_hot_fini(struct gn_hot *hot);

/* Sequences. Adding in any order; GN_ENOMEM: nothing happened. take: false when it is not there. */
GN_MUST_CHECK enum gn_err gn_keep_add(struct gn_keep *keep, uint64_t sequence);
/* Adds count rising ones that are not in it. GN_ENOMEM: nothing happened. */
GN_MUST_CHECK enum gn_err gn_keep_merge(struct gn_keep *keep, const uint64_t *more, size_t count);
/* Forgets those above sequence. */
void gn_keep_cut(struct gn_keep *keep, uint64_t sequence);
bool gn_keep_has(const struct gn_keep *keep, uint64_t sequence);
bool gn_keep_take(struct gn_keep *keep, uint64_t sequence);
static inline uint64_t gn_keep_lowest(const struct gn_keep *keep)
{
    return keep->count == 0 ? UINT64_MAX : keep->all[keep->first];
}
static inline uint64_t gn_keep_highest(const struct gn_keep *keep)
{
    return keep->count == 0 ? 0 : keep->all[keep->first + keep->count - 1];
}
/* Drops the lowest. */
static inline void gn_keep_pop(struct gn_keep *keep)
{
    keep->first++;
    keep->count--;
}
void gn_keep_free(struct gn_keep *keep);

/* ---- outbox_window.c ---- */

/* A new event of the sink, already counted as pending: into the window, or left for later. */
void gn_window_push(struct gn_sink *sink, struct gn_item *item);
/* Has the window refilled in a later turn if it wants more. Called after each change. */
void gn_window_wake(struct gn_sink *sink);
/* The deferred call: refills the hungry ones. */
void gn_outbox_fill(void *outbox);
/* Deliveries that a sink which is held may keep in its window when an attempt has failed. */
uint32_t gn_window_held_max(const struct gn_sink *sink);
/* Forgets a read under way and what the reader knows: journal segments have changed. */
void gn_window_reread(struct gn_sink *sink);
/* From now on the sink's events from next_sequence on are to be read. */
void gn_window_fall_behind(struct gn_sink *sink, uint64_t next_sequence);
/* There is nothing more to be read: the sink is live. What is missing then is lost. */
void gn_window_catch_up(struct gn_sink *sink);
/* Whether the event (one of the sink's) is still to be delivered and is not in memory. */
bool gn_window_is_unread(const struct gn_sink *sink, uint64_t sequence);
/* Such an event is no longer there: it ends with outcome. Once for each event. false: it was not
 * unread, nothing happened. The caller has called gn_window_reread(). */
bool gn_window_end_unread(struct gn_sink *sink, uint64_t sequence, enum gn_outcome outcome);
/* The lowest sequence that is not finished; UINT64_MAX: none. */
uint64_t gn_window_lowest(const struct gn_sink *sink);
/* A sequence above which all of the sink's events are unfinished, as high as is known. */
uint64_t gn_window_boundary(const struct gn_sink *sink);

/* ---- outbox_unload.c ---- */

/* Takes out of memory what is not under way, but for the first deliveries; a read under way is
 * forgotten. Nothing happens when there is no memory for its bookkeeping. */
void gn_window_unload(struct gn_sink *sink, uint32_t first);

/* ---- outbox_progress.c ---- */

/* The progress of the sink has changed. */
void gn_progress_mark(struct gn_sink *sink);
/* A dead letter was put: on disk the event counts as finished once the letter is durable. */
void gn_progress_unsettled(struct gn_sink *sink, uint64_t sequence);
/* Writes that of the dirty ones now. */
void gn_progress_write(struct gn_outbox *outbox);
/* Writes it and tells the journal what is needed from now on. */
void gn_progress_set_needed(struct gn_outbox *outbox);
/* The timer. */
void gn_progress_on_timer(void *outbox);

/* ---- outbox_shed.c ---- */

/* At the end of gn_outbox_new(); GN_ENOMEM. fini: nothing is under way any more. */
GN_MUST_CHECK enum gn_err gn_shed_init(struct gn_outbox *outbox);
void gn_shed_fini(struct gn_outbox *outbox);
/* The sweep timer: ends what has expired in the windows. */
void gn_outbox_sweep(void *outbox);
/* Starts it unless it runs. */
void gn_outbox_sweep_later(struct gn_outbox *outbox);
/* Each GN_OUTBOX_TICK_MS while started: makes room before it is wanted. */
void gn_shed_tick(struct gn_outbox *outbox);
/* A push was refused with GN_EFULL, or a segment has begun: looks, in a later turn, whether room is
 * wanted, unless it is being made or that has just failed. */
void gn_shed_wanted(struct gn_outbox *outbox);
/* The sink is being closed: it is in no list of the shedding any more. */
void gn_shed_forget(struct gn_sink *sink);
/* The outbox is being freed: ends as soon as it can; busy: the journal still works for it. */
void gn_shed_stop(struct gn_outbox *outbox);
bool gn_shed_is_busy(const struct gn_outbox *outbox);

/* ---- outbox_again.c ---- */

/* At the end of gn_outbox_new(): metrics. */
void gn_again_init(struct gn_outbox *outbox);
/* A delivery of its has ended and is in no list any more; frees it. Its item and lane may be gone.
 * GN_DEAD: refused (no letter was put). */
void gn_again_ended(struct gn_sink *sink, struct gn_delivery *delivery, enum gn_kind kind,
                    enum gn_outcome outcome);
/* The sink is being closed; its agains follow one by one with gn_again_ended(). No reads, no
 * further deliveries. */
void gn_again_close(struct gn_sink *sink);
/* The sink is freed: what is left of it. */
void gn_again_free(struct gn_sink *sink);
/* The lowest sequence that its replay still has to read; UINT64_MAX: none. */
uint64_t gn_again_lowest(const struct gn_sink *sink);

#endif
