/* The AMQP transport: a message is a transfer on a link whose address is the sink's. It takes the
 * sinks' addresses that begin with its URL: amqp://host:port/<address>, the address
 * percent-encoded.
 *
 * Outcomes: accepted is taken; released, modified, a broken link or connection, and no outcome
 * within the time are GN_EBUSY or GN_ECONN (again later); rejected is GN_EREFUSED. A link is made
 * for each address that is sent to, and kept. Also the receiving side: a link for each resource
 * wanted, status requests and their answers. */
#ifndef GURNARD_TRANSPORT_TRANSPORT_AMQP_H
#define GURNARD_TRANSPORT_TRANSPORT_AMQP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cloudevent.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/amqp.h"
#include "gurnard/transport/amqp_event.h"
#include "gurnard/transport/transport.h"

#define GN_BUS_RESOURCES_MAX 10000
#define GN_BUS_ASK_MS        5000U   /* longest wait for a current state, as the original */
#define GN_BUS_WAITING_MAX   256U    /* messages that wait for one address; more are GN_EBUSY */
#define GN_BUS_IDLE_MS       300000U /* links for sending that are not used for so long go */

/* Texts are copied. */
struct gn_transport_amqp_config {
    const char *name;    /* of the connection, for logs and the metric label connection="" */
    const char *url;     /* amqp(s)://host:port, no slash behind: sinks' addresses begin so */
    const char *pattern; /* gn_amqp_pattern_of() */
    enum gn_amqp_prefix prefix;
    bool time_as_timestamp; /* gn_amqp_event_encode(); as the original: true */
    bool is_durable;
    /* Addresses that begin so are sent to settled. Borrowed as long as the transport lives. */
    const char *const *presettled;
    size_t presettled_count;
    uint32_t outcome_ms;
    uint32_t credit;          /* of each receiver */
    size_t max_message_bytes; /* taken */
};

/* One event that came. It is to be settled once by gn_bus_settle(), now or later, unless it goes
 * before (gone below). When its resource is wanted no more, or the transport was stopped, the peer
 * has it back; it is still to be settled, to no effect, or it ends with the transport. */
struct gn_bus_event;

/* The resource that was wanted, as it was given; valid until it is settled or gone. */
struct gn_str gn_bus_event_resource(const struct gn_bus_event *event);

/* What the owner does with what comes; the functions must not free the transport. */
struct gn_bus_handler {
    /* An event for a resource that is wanted. ce: valid during the call. */
    void (*event)(void *ctx, struct gn_bus_event *event, const struct gn_cloudevent *ce);
    /* It is gone unsettled, and not to be settled any more: the peer will send it again. */
    void (*gone)(void *ctx, struct gn_bus_event *event);
    /* Somebody asks for the state of resource: fills in the event to answer with, in the arena or
     * views that last until the loop goes on, and does nothing else. false: none is known. */
    bool (*state)(void *ctx, struct gn_str resource, struct gn_arena *arena,
                  struct gn_cloudevent *ce);
    void *ctx;
};

/* amqp: borrowed, not started yet: the owner starts it and frees it after the transport. metrics:
 * borrowed. handler: copied; may be NULL when nothing is received. NULL: no memory. Freed by its
 * ops->free, after gn_transport_amqp_stop() and when all sends have ended. */
struct gn_transport *gn_transport_amqp_new(struct gn_loop *loop, struct gn_amqp *amqp,
                                           const struct gn_transport_amqp_config *config,
                                           const struct gn_bus_handler *handler,
                                           struct gn_metrics *metrics);

/* Ends what is under way: sends and questions end with GN_ECANCELED in a later turn, receivers are
 * detached. To be called before gn_amqp_stop(). Nothing is attached or sent any more. */
void gn_transport_amqp_stop(struct gn_transport *transport);
/* Stopped, and all sends and questions have ended; also those that answered status requests. */
bool gn_transport_amqp_is_stopped(const struct gn_transport *transport);

/* The address of a sink that sends to resource by this transport: URL and percent-encoded address.
 * Appends. */
void gn_transport_amqp_sink(const struct gn_transport *transport, struct gn_str resource,
                            struct gn_buf *out);

/* One more, one fewer who wants the events of resource: a receiver is attached while there is one.
 * GN_ENOMEM, GN_ELIMIT: not counted. */
GN_MUST_CHECK enum gn_err gn_bus_want(struct gn_transport *transport, struct gn_str resource);
void gn_bus_unwant(struct gn_transport *transport, struct gn_str resource);

/* accepted: stored; rejected: it can never be taken, reason says why (else NULL); released: later
 * perhaps. */
void gn_bus_settle(struct gn_bus_event *event, enum gn_amqp_settlement settlement,
                   const char *reason);

/* Answers status requests for resource: listens on <resource>/status while somebody publishes it.
 */
GN_MUST_CHECK enum gn_err gn_bus_answer(struct gn_transport *transport, struct gn_str resource);
void gn_bus_answer_no_more(struct gn_transport *transport, struct gn_str resource);

/* Asks for the current state of resource: a message to <resource>/status whose source is a return
 * address of ours, on which the answer is waited for. done: once, in a later turn: GN_OK and the
 * event; GN_ETIMEOUT; GN_ECONN; GN_ECANCELED (stopped). GN_ENOMEM: it is not called. */
typedef void (*gn_bus_state_fn)(void *ctx, enum gn_err err, const struct gn_cloudevent *ce);
struct gn_bus_query;
GN_MUST_CHECK enum gn_err gn_bus_ask(struct gn_transport *transport, struct gn_str resource,
                                     gn_bus_state_fn done, void *ctx, struct gn_bus_query **query);
/* Nobody waits for it any more: done is not called. */
void gn_bus_forget(struct gn_bus_query *query);

#endif
