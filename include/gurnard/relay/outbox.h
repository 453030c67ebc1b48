/* Outbox: keeps events until every sink has taken them or they are given up.
 *
 * A sink is one subscription's way out. Events of one lane (one BMC) go to a sink one at a time and
 * in the order of their push; lanes go side by side, up to sink_concurrency. A failed attempt holds
 * back only its lane; a sink that does not answer at all is tried with one attempt at a time. An
 * event pushed to many sinks is held once. What the outbox took is in memory for now: a restart
 * loses it (the journal takes its place behind this header). */
#ifndef GURNARD_RELAY_OUTBOX_H
#define GURNARD_RELAY_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/ce/event.h"
#include "gurnard/loop/loop.h"
#include "gurnard/relay/backoff.h"
#include "gurnard/transport/transport.h"

#define GN_OUTBOX_STARTS_MAX 256     /* attempts started by one deferred call */
#define GN_OUTBOX_DOWN_AFTER 3       /* attempts without any answer, in a row: the sink is down */
#define GN_OUTBOX_SILENT_MS  600000U /* without success while failing: may be shed as if down */

struct gn_outbox;
struct gn_sink;

/* Attempts side by side for a sink that has not shown that it can take more. */
#define GN_SINK_WINDOW_MIN 4U

struct gn_outbox_config {
    struct gn_backoff backoff;
    uint32_t attempt_timeout_ms; /* one attempt, from connect to the end of the answer */
    uint32_t expire_ms;          /* age at which an undelivered event is given up */
    uint32_t refused_tries;      /* refusals (GN_EREFUSED) of an event after which it is given up */
    uint32_t gone_pause_ms;    /* after GN_ENOTFOUND (410): how long events for the sink are dropped
                                * before it is tried again; 0: until it is closed */
    uint32_t sink_concurrency; /* most attempts under way for one sink, over its lanes; it begins
                                * with GN_SINK_WINDOW_MIN and gets one more with each success */
    uint32_t max_in_flight;    /* attempts under way for all sinks, at least 1: each may need a
                                * descriptor; sinks that wait for room get it in turn */
    uint32_t sink_max_events;  /* queued for one sink; beyond, its oldest is shed */
    uint64_t limit_bytes;      /* event bytes held in all; see push */
};

/* transports: borrowed, ended by NULL; the first that takes an address gets it; the array itself is
 * copied. metrics: borrowed; docs/metrics.md lists gurnard_deliveries_total,
 * gurnard_delivery_retries_total, gurnard_delivery_seconds, gurnard_outbox_*. NULL when there is no
 * memory. */
struct gn_outbox *gn_outbox_new(struct gn_loop *loop, const struct gn_outbox_config *config,
                                struct gn_transport *const *transports, struct gn_metrics *metrics);

/* Drops what is queued (counted "dropped"), cancels what is under way and turns the loop until all
 * of it has ended; so never from inside a turn. All sinks are gone afterwards. NULL is fine. */
void gn_outbox_free(struct gn_outbox *outbox);

/* Opens a sink. id: the subscription's, printed in logs and put into v1 bodies. GN_EUNSUPPORTED: no
 * transport takes the address. GN_ENOMEM. id and address are copied. */
GN_MUST_CHECK enum gn_err gn_outbox_open_sink(struct gn_outbox *outbox, const char *id,
                                              const char *address, struct gn_sink **sink);

/* Closes it: what is queued is dropped (counted as "unsubscribed"), what is under way is cancelled.
 * The pointer is invalid at once; the inside goes when the last attempt has ended. */
void gn_outbox_close_sink(struct gn_sink *sink);

/* Queues event for count sinks (none twice), for all or for none, and returns; first attempts are
 * made in a later turn. The outbox takes its own references. When limit_bytes would be passed, the
 * backlogs of sinks that have not answered lately are shed first, oldest event first and a little
 * more than is needed (counted "shed", one log line each second); GN_EFULL: that did not suffice,
 * now or less than a tenth of a second ago. GN_ENOMEM. On any error nothing was queued. count 0 is
 * fine. */
GN_MUST_CHECK enum gn_err gn_outbox_push(struct gn_outbox *outbox, struct gn_event *event,
                                         struct gn_sink *const *sinks, size_t count);

/* Sees to it that bytes more fit, by the same shedding, so that several events can be pushed all or
 * none. GN_EFULL. */
GN_MUST_CHECK enum gn_err gn_outbox_make_room(struct gn_outbox *outbox, uint64_t bytes);

/* Deliveries not finished: queued or under way. */
uint64_t gn_outbox_pending(const struct gn_outbox *outbox);

/* From now on no retry is waited for: an attempt that fails is the last of its event (at shutdown).
 */
void gn_outbox_drain(struct gn_outbox *outbox);

/* What is to be seen of one sink. Texts are borrowed until the next turn. */
struct gn_sink_status {
    uint64_t queued; /* deliveries waiting, those under way not counted */
    uint32_t in_flight;
    bool is_down;           /* has not answered lately: one attempt at a time */
    uint64_t oldest_age_ms; /* of the oldest undelivered event, 0 when there is none */
    uint64_t delivered;
    uint64_t failed;        /* given up: refused or expired */
    uint64_t shed;          /* left out for want of room, or dropped while the receiver was gone */
    const char *last_error; /* "" when there was none */
};
/* Fills *status. */
void gn_sink_status(const struct gn_sink *sink, struct gn_sink_status *status);

#endif
