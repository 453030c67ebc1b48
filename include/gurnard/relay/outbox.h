/* Outbox: sees to it that every sink gets every event that was pushed for it, until it has taken
 * it, or the event is given up for a reason that is counted.
 *
 * A sink is one subscription's way out: an address, and an interest (which events, in which face;
 * an event may be several messages, which go one after another). Events of one lane (one BMC) go to
 * a sink one at a time and in the order of their push; lanes go side by side, up to
 * sink_concurrency. A failed attempt holds back only its lane; a sink that does not answer at all
 * is tried with one attempt at a time.
 *
 * An event is stored once, in the journal. Each sink has a window: the deliveries that are in
 * memory with their event's bytes, shared with other sinks. A sink that keeps up (is live) gets
 * each event into its window at the push, before the disk has seen it. One whose window is full, or
 * that is down, lets events pass and reads them from the journal later, in the same order: the
 * backlog takes no memory. A lane that waits for its next attempt stays in the window; others
 * overtake it, until GN_WINDOW_HELD_EVENTS deliveries wait in it.
 *
 * How far a sink is (its progress) is written to the journal at most GN_OUTBOX_PROGRESS_MS after it
 * changed: a crash repeats what was under way and the deliveries of that time. */
#ifndef GURNARD_RELAY_OUTBOX_H
#define GURNARD_RELAY_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/event.h"
#include "gurnard/loop/loop.h"
#include "gurnard/relay/backoff.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/relay/interest.h"
#include "gurnard/store/deadletter.h"
#include "gurnard/store/journal.h"
#include "gurnard/transport/transport.h"

#define GN_OUTBOX_STARTS_MAX  256     /* attempts started by one deferred call */
#define GN_OUTBOX_DOWN_AFTER  3       /* attempts without any answer, in a row: the sink is down */
#define GN_OUTBOX_SILENT_MS   600000U /* without success while failing: its backlog may be shed */
#define GN_OUTBOX_PROGRESS_MS 80U     /* longest time from a delivery to its being noted */

#define GN_WINDOW_EVENTS      16384U       /* deliveries in the window of a live sink */
#define GN_WINDOW_READ_BYTES  (256U << 10) /* read at a time for one that is behind */
/* Kept in the window of a sink that is down; more only when those are of few lanes. */
#define GN_WINDOW_DOWN_EVENTS 16U
#define GN_WINDOW_HELD_EVENTS                                                                      \
    65536U /* beyond, also lanes that could go wait for those that cannot */

/* Attempts side by side for a sink that has not shown that it can take more. */
#define GN_SINK_WINDOW_MIN 4U

struct gn_outbox;
struct gn_sink;

struct gn_outbox_config {
    struct gn_backoff backoff;
    uint32_t attempt_timeout_ms; /* one attempt, from connect to the end of the answer */
    uint64_t expire_ms;          /* age (by the journal's clock) at which an undelivered event is
                                  * given up */
    uint32_t refused_tries;      /* refusals (GN_EREFUSED) of an event after which it becomes a dead
                                  * letter */
    uint32_t gone_pause_ms;    /* after GN_ENOTFOUND (410): how long the sink is paused; its events
                                * are kept as those of one that is down */
    uint32_t sink_concurrency; /* most attempts under way for one sink, over its lanes; it begins
                                * with GN_SINK_WINDOW_MIN and gets one more with each success */
    uint32_t max_in_flight;    /* attempts under way for all sinks, at least 1: each may need a
                                * descriptor; sinks that wait for room get it in turn, those that
                                * are down or paused no more than half of it together */
    uint64_t quota_events;     /* a sink with a longer backlog, in events or in bytes of journal */
    uint64_t quota_bytes;      /* behind its position, may be shed when room is needed */
    uint64_t memory_bytes; /* event bytes held in all windows; a window may always hold one read */
};

/* Borrowed as long as the outbox lives. */
struct gn_outbox_parts {
    struct gn_loop *loop;
    struct gn_journal *journal;
    struct gn_deadletters *letters;         /* may be NULL: refused events are then only counted */
    struct gn_transport *const *transports; /* ended by NULL; the first that takes an address gets
                                             * it; the array itself is copied */
    struct gn_metrics *metrics;             /* docs/metrics.md, "Deliveries out" */
    const char *via;                        /* this daemon's mark in what it sends; may be NULL */
    struct gn_cne_figures *cne;             /* events to peers; may be NULL */
    /* Told how a stored event's delivery ended (not: unsubscribed, left at shutdown). May be NULL.
     * In a turn of its own or another; must not call the outbox. */
    void (*ended)(void *ctx, const struct gn_event *event, bool is_delivered);
    void *ended_ctx;
};

/* NULL when there is no memory. Attempts begin with gn_outbox_start(). */
struct gn_outbox *gn_outbox_new(const struct gn_outbox_config *config,
                                const struct gn_outbox_parts *parts);

/* Writes the progress of all sinks, cancels what is under way and turns the loop until all of it
 * has ended; so never from inside a turn. What was not delivered stays in the journal (in memory:
 * it is counted "dropped"). All sinks are gone afterwards. NULL is fine. */
void gn_outbox_free(struct gn_outbox *outbox);

/* ---- recovery: between new and start, in the journal's order ---- */

/* The record of a sink's progress; that of a subscription which no longer exists is passed over. */
void gn_outbox_recover_progress(struct gn_outbox *outbox, const struct gn_record *record);
/* An event that was found for these sinks. */
void gn_outbox_recover_event(struct gn_outbox *outbox, uint64_t sequence,
                             struct gn_sink *const *sinks, size_t count);
/* Recovery is over (or there was none): sinks opened before and without a progress begin with the
 * next event. */
void gn_outbox_start(struct gn_outbox *outbox);

/* Appends the progress of every sink to the journal, as part of a checkpoint. false: that of some
 * is missing. */
bool gn_outbox_checkpoint(struct gn_outbox *outbox);

/* ---- sinks ---- */

/* What a sink is opened with. Texts are copied. */
struct gn_sink_config {
    const char *id; /* unique; that of its progress in the journal. V1: the subscription's, put into
                     * the bodies */
    const char *address;
    struct gn_interest *interest;        /* the sink takes its own reference */
    uint32_t retry_min_ms, retry_max_ms; /* 0: those of the outbox */
    uint32_t concurrency;                /* 0: sink_concurrency of the outbox */
    uint64_t expire_ms;                  /* 0: that of the outbox, which is the most */
};

/* Opens a sink, beginning with the next event. GN_EUNSUPPORTED: no transport takes the address.
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_outbox_open_sink(struct gn_outbox *outbox,
                                              const struct gn_sink_config *config,
                                              struct gn_sink **sink);

/* Changes an open sink to config, whose id is the same. Of what waits, that which both the old and
 * the new interest want is still delivered, to the new address; the rest counts as unsubscribed.
 * Errors as above: nothing has changed. */
GN_MUST_CHECK enum gn_err gn_outbox_change_sink(struct gn_sink *sink,
                                                const struct gn_sink_config *config);

/* Closes it for good: what is queued is dropped (counted as "unsubscribed"), what is under way is
 * cancelled. The pointer is invalid at once; the inside goes when the last attempt has ended. */
void gn_outbox_close_sink(struct gn_sink *sink);

/* What was given at its opening, or last change. */
enum gn_face gn_sink_face(const struct gn_sink *sink);
struct gn_interest *gn_sink_interest(const struct gn_sink *sink);

/* The open sink of a subscription, or NULL. */
struct gn_sink *gn_outbox_find_sink(struct gn_outbox *outbox, struct gn_str id);

/* ---- events ---- */

/* Stores events (of one POST, equal resource and flags, at least one) as one record and queues them
 * for count sinks, those whose interest wants one of them, none twice; all or nothing. Returns at
 * once; first attempts are made in a later turn; whether it is stored says gn_journal_wait(). The
 * outbox takes its own references. Stored also without sinks. GN_EFULL: no room; GN_ELIMIT: there
 * can never be room for so much; GN_EIO: the journal fails; GN_ENOMEM. On any error nothing was
 * stored. */
GN_MUST_CHECK enum gn_err gn_outbox_push(struct gn_outbox *outbox, struct gn_event *const *events,
                                         size_t event_count, struct gn_sink *const *sinks,
                                         size_t count);

/* Deliveries not finished: queued or under way. */
uint64_t gn_outbox_pending(const struct gn_outbox *outbox);

/* At shutdown: no retry is waited for. Journal on disk: what can go out goes on to, but not to who
 * is down or paused; what fails stays. In memory: an attempt that fails is the last of its event.
 */
void gn_outbox_drain(struct gn_outbox *outbox);
/* Whether nothing is left to wait for after that. */
bool gn_outbox_is_drained(const struct gn_outbox *outbox);

/* ---- once more ---- */

/* Sends the stored events again that arrived from since_ns to until_ns (calendar time, the second
 * not included) and are the sink's, with the header Gurnard-Replay: 1, in lanes of their own behind
 * each other as stored. Ends with the events stored at the call. A restart ends it. GN_EEXIST: one
 * is under way for this sink. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_outbox_replay(struct gn_sink *sink, int64_t since_ns,
                                           int64_t until_ns);
/* Ends it; what is in the window is dropped. false: there was none. */
bool gn_outbox_replay_stop(struct gn_sink *sink);

/* Delivers one event once more, marked as above: until it is taken, refused, or expired (counted
 * from now). done: once, in a later turn: GN_OK, GN_EREFUSED, GN_ETIMEOUT (expired) or GN_ECANCELED
 * (sink closed, outbox freed). GN_ENOMEM, GN_EFULL (GN_AGAIN_MAX are under way): done is not
 * called. */
#define GN_AGAIN_MAX 1024U
GN_MUST_CHECK enum gn_err gn_outbox_send_again(struct gn_sink *sink, struct gn_event *event,
                                               void (*done)(void *ctx, enum gn_err err), void *ctx);

/* ---- figures ---- */

/* What is to be seen of one sink. Texts are borrowed until the next turn. */
struct gn_sink_status {
    const char *id;
    const char *address;
    const char *resource;
    enum gn_face face;
    uint64_t failing_ms; /* since the first failure after the last success; 0: it does not fail */
    uint64_t queued;     /* deliveries waiting, in the window or not, those under way not counted */
    uint32_t in_flight;
    bool is_down;           /* has not answered lately: one attempt at a time */
    bool is_paused;         /* answered 410 */
    bool is_behind;         /* reads from the journal */
    uint64_t oldest_age_ms; /* of the oldest undelivered event that is in the window, 0: none */
    uint64_t delivered;
    uint64_t dead; /* refused: became dead letters */
    uint64_t expired;
    uint64_t shed; /* dropped for want of room */
    uint64_t retries;
    int64_t last_success_ns; /* calendar; 0: none since the start */
    const char *last_error;  /* "" when there was none since the start */
    int64_t last_error_ns;
    bool is_replaying;
    uint64_t replayed; /* deliveries of the replay under way, or the last one, that were taken */
};
/* Fills *status. */
void gn_sink_status(const struct gn_sink *sink, struct gn_sink_status *status);

/* Calls fn for each open sink, in order of opening. */
void gn_outbox_each_sink(const struct gn_outbox *outbox,
                         void (*fn)(void *ctx, const struct gn_sink *sink), void *ctx);

/* All sinks together. */
struct gn_outbox_status {
    uint64_t queued, in_flight;
    uint64_t memory_bytes;                                      /* of the events in windows */
    uint64_t oldest_age_ms;                                     /* over all sinks */
    uint64_t delivered, dead, expired, shed, retries, replayed; /* since the start */
    double out_10s, out_60s;                                    /* deliveries a second */
    bool is_shedding;
};
/* Fills *status. Looks at all sinks. */
void gn_outbox_status(const struct gn_outbox *outbox, struct gn_outbox_status *status);

#endif
