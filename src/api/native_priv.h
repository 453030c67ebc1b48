/* The native API's inside, shared by its files. */
#ifndef GURNARD_API_NATIVE_PRIV_H
#define GURNARD_API_NATIVE_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/api/native_api.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/log.h"
#include "gurnard/relay/native_spec.h"
#include "durable_priv.h"

struct native_op;

struct gn_native_api {
    struct gn_native_parts parts;
    char *link_prefix; /* of a subscription's link: the id is appended */
    char *origin;      /* who we are for sinks */
    char *origin_line; /* as a header of a handshake */
    char *via_line;    /* likewise: this daemon's mark */
    uint32_t handshake_timeout_ms;
    TAILQ_HEAD(, native_op) shaking; /* changes that wait for their handshake */
    uint32_t handshakes;
    struct gn_durable events; /* answers that wait for the journal */
    struct gn_metric *consented, *refused, *failed;
    struct gn_log_limit handshake_log;
    bool is_stopping;
};

/* ---- the object of a subscription (native_object.c) ---- */

/* The object of a stored subscription, owned by the caller. NULL: no memory. */
json_t *gn_native_object_read(const struct gn_pubsub_item *item);

/* Whoever sends back what was shown to him has null where a header's value is hidden: puts the
 * value that stored has there, if the sink is still the same, for else a secret could be sent
 * anywhere. stored: NULL when asked is to be a new one. GN_EINVAL and error: a value is missing.
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_native_object_keep(json_t *asked, const json_t *stored,
                                                char error[GN_NATIVE_ERROR_MAX]);

/* Appends what is stored of an object that spec was read from: the members in their fixed order,
 * with mode, split and handshake also where they were not given; no id. */
void gn_native_object_write(const json_t *asked, const struct gn_native_spec *spec,
                            struct gn_buf *out);

/* Appends what is shown of a subscription: all but the values of its headers. */
GN_MUST_CHECK enum gn_err gn_native_object_show(const struct gn_pubsub_item *item,
                                                struct gn_buf *out);

/* Whether there must be a handshake before stored (NULL: nothing) becomes what spec says. */
bool gn_native_object_needs_handshake(const struct gn_native_spec *spec, const json_t *stored);

/* ---- subscriptions (native_subs.c) ---- */

/* POST of the collection; PUT and DELETE of an item: answered when the change is on disk. */
void gn_native_create(struct gn_native_api *native, struct gn_http_request *request);
void gn_native_change(struct gn_native_api *native, struct gn_http_request *request,
                      struct gn_pubsub_item *item);
void gn_native_remove(struct gn_native_api *native, struct gn_http_request *request,
                      struct gn_pubsub_item *item);
/* Cancels the handshakes and answers 503. */
void gn_native_subs_stop(struct gn_native_api *native);

/* ---- events (native_events.c) ---- */

/* Once, before the next one. */
void gn_native_events_init(struct gn_native_api *native);
/* POST /events. */
void gn_native_take_events(struct gn_native_api *native, struct gn_http_request *request);

#endif
