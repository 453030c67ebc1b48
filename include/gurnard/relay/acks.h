/* Acknowledgements to publishers: when a subscriber has taken an event that a publisher created
 * through the API, or it was given up for it, the publisher's endpointUri is told, in the words of
 * cloud-event-proxy (not valid JSON): {eventId:"<publisher id>",status:"SUCCESS"}, or FAILED; also
 * FAILED when nobody is subscribed. One POST at a time for each publisher, 2 s each, no retry. */
#ifndef GURNARD_RELAY_ACKS_H
#define GURNARD_RELAY_ACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/store/pubsub.h"
#include "gurnard/transport/transport.h"

#define GN_ACKS_TIMEOUT_MS 2000U
#define GN_ACKS_QUEUED_MAX                                                                         \
    10000U                         /* of all publishers; beyond, acknowledgements are dropped,     \
                                    * counted and logged */
#define GN_ACKS_PUBLISHERS_MAX 64U /* POSTs under way */

struct gn_acks;

/* Borrowed as long as the acks live. */
struct gn_acks_parts {
    struct gn_loop *loop;
    struct gn_pubsub *pubsub; /* where the publishers are */
    struct gn_transport *transport;
    struct gn_cne_figures *figures; /* cne_events_ack; may be NULL */
    struct gn_metrics *metrics;     /* gurnard_acks_total{status}, gurnard_acks_dropped_total */
};

/* parts is copied. NULL: no memory. */
struct gn_acks *gn_acks_new(const struct gn_acks_parts *parts);

/* Drops what waits, cancels what is under way and takes no more. */
void gn_acks_stop(struct gn_acks *acks);
/* After gn_acks_stop() and once all has ended: gn_acks_active() is 0. NULL is fine. */
void gn_acks_free(struct gn_acks *acks);
/* POSTs under way. */
uint32_t gn_acks_active(const struct gn_acks *acks);

/* Tells the publisher with this id, if there is one and it has an endpoint, in a later turn;
 * without an endpoint it is only counted. address: of the event, the value of the label `type` of
 * cne_events_ack, as the original has it. */
void gn_acks_tell(struct gn_acks *acks, struct gn_str publisher, struct gn_str address,
                  bool is_success);

#endif
