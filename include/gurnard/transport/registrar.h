/* The consumer's side of proxy to proxy: keeps this daemon registered with publishers, so that they
 * send it the events of each resource that somebody here has subscribed to (docs/proxies.md).
 *
 * For every publisher a state machine: unknown, then registered once the publisher has taken all
 * resources, lost when its /health does not answer. A registration is a POST
 * <publisher>/subscription of a binary CloudEvent 0.3 (type SUBSCRIBER, subject NEW), one for each
 * resource. It is repeated with growing pauses until it is answered 2xx; made again for all
 * resources when the publisher was not reachable and answers again; and, since a publisher that
 * lost its store says nothing, renewed every renew_ms. A resource that is no longer wanted is
 * announced with subject DELETE (header Gurnard-Partial: 1: this one only; a publisher that does
 * not know the header forgets the whole client, so the others are registered again right behind
 * it). */
#ifndef GURNARD_TRANSPORT_REGISTRAR_H
#define GURNARD_TRANSPORT_REGISTRAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"

#define GN_REGISTRAR_PUBLISHERS_MAX 64
#define GN_REGISTRAR_POST_MS        2000U /* timeout of a registration and of a health probe */
#define GN_REGISTRAR_CALLS_MAX      4U    /* under way with one publisher */
#define GN_REGISTRAR_ANSWER_MAX     ((size_t)1 << 20) /* of a CurrentState */

struct gn_registrar;

struct gn_registrar_config {
    const char *own_url; /* our transport URL, as given: the endPointURI, and what the client id
                          * is made of (UUIDv3 in the URL namespace) */
    const char *const *publishers; /* URLs as given ("http://" is put in front where there is no
                                    * scheme); equal ones count once; our own is left out */
    size_t publisher_count;        /* at most GN_REGISTRAR_PUBLISHERS_MAX */
    uint32_t retry_min_ms,
        retry_max_ms;   /* pauses after a failed POST or probe, doubling, jittered */
    uint32_t health_ms; /* between two probes of a publisher that is well */
    uint32_t renew_ms;  /* between two registrations of everything, or up to an eighth sooner */
    uint32_t status_ms; /* longest wait for a CurrentState */
};

/* A CurrentState that was asked for. */
struct gn_registrar_state {
    enum gn_err err;    /* GN_OK: some publisher has answered 2xx with body. GN_ENOTFOUND: all have
                         * answered otherwise, but for those that cannot be reached; body is
                         * what the last of them said. GN_ETIMEOUT: not all have answered in time,
                         * none with 2xx. GN_ECONN: there is no publisher, or none can be reached.
                         * GN_ECANCELED */
    struct gn_str body; /* valid during the call only */
};
typedef void (*gn_registrar_state_fn)(void *ctx, const struct gn_registrar_state *state);
struct gn_registrar_query;

/* config is copied; loop, client, metrics borrowed. metrics: gurnard_registrations_total{result},
 * gurnard_publishers, gurnard_publishers_lost. NULL: no memory. */
struct gn_registrar *gn_registrar_new(const struct gn_registrar_config *config,
                                      struct gn_loop *loop, struct gn_http_client *client,
                                      struct gn_metrics *metrics);

/* From now on calls are made; before, resources are only noted. */
void gn_registrar_start(struct gn_registrar *registrar);

/* Also before it was started. Cancels everything, without taking leave of the publishers; queries
 * end with GN_ECANCELED in a later turn. */
void gn_registrar_stop(struct gn_registrar *registrar);
/* After gn_registrar_stop() and when gn_registrar_active() is 0. NULL is fine. */
void gn_registrar_free(struct gn_registrar *registrar);
uint32_t gn_registrar_active(const struct gn_registrar *registrar);

/* One more, or one fewer, subscription to resource (counted: registered while there is at least
 * one). id: the subscription's, told to the publisher. resource is told as spelled here. The id may
 * be that of any of them. The empty one is ignored: a registration cannot name it. GN_ENOMEM: not
 * counted; to be wanted again, or not to be unwanted. */
GN_MUST_CHECK enum gn_err gn_registrar_want(struct gn_registrar *registrar, struct gn_str resource,
                                            struct gn_str id);
void gn_registrar_unwant(struct gn_registrar *registrar, struct gn_str resource);

/* Asks all publishers at once: GET <publisher><resource>/<clientID>/CurrentState. done: once, in a
 * later turn, with the first 2xx. GN_ENOMEM: it is not called. */
GN_MUST_CHECK enum gn_err gn_registrar_ask(struct gn_registrar *registrar, struct gn_str resource,
                                           gn_registrar_state_fn done, void *ctx,
                                           struct gn_registrar_query **query);
/* Nobody waits for it any more: done is not called. Not from inside done or after it. */
void gn_registrar_forget(struct gn_registrar_query *query);

/* Whether any publisher is configured. */
bool gn_registrar_has_publishers(const struct gn_registrar *registrar);
/* Our client id. */
const char *gn_registrar_client_id(const struct gn_registrar *registrar);

/* What is to be seen of a publisher. */
struct gn_registrar_publisher {
    const char *url;
    bool is_reachable;           /* answered the last time */
    uint32_t wanted, registered; /* resources */
    const char *last_error;      /* "" without one */
};
size_t gn_registrar_publisher_count(const struct gn_registrar *registrar);
void gn_registrar_publisher_at(const struct gn_registrar *registrar, size_t place,
                               struct gn_registrar_publisher *publisher);

#endif
