/* The v1 API's inside, shared by its files. */
#ifndef GURNARD_API_V1_PRIV_H
#define GURNARD_API_V1_PRIV_H

#include <jansson.h>
#include <sys/queue.h>

#include "gurnard/api/v1.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/log.h"
#include "published_priv.h"

struct create;
struct ask;

struct gn_v1 {
    struct gn_v1_config config;
    struct gn_v1_parts parts;
    TAILQ_HEAD(, create) creates; /* waiting for their probe */
    uint32_t probes;
    TAILQ_HEAD(, ask) asks; /* waiting for publishers */
    uint32_t ask_count;
    struct gn_published published; /* create/event */
    struct gn_metric *probes_ok, *probes_failed;
    struct gn_metric *subscriptions, *publishers;
    struct gn_log_limit probe_log;
    bool is_stopping;
};

/* What bodies of this API may be. */
extern const struct gn_json_limits gn_v1_limits;

/* A request of this API: where it goes and by which prefix it came. */
struct gn_v1_call {
    struct gn_http_request *http;
    struct gn_str prefix;     /* e.g. /api/ocloudNotifications/v1 */
    struct gn_str rest;       /* of the path, with its '/' */
    enum gn_pubsub_kind kind; /* of collections */
};

/* "subscriptions" or "publishers", "subscription" or "publisher". */
const char *gn_v1_plural(enum gn_pubsub_kind kind);
const char *gn_v1_singular(enum gn_pubsub_kind kind);

/* Counts a create or a delete that was refused or has failed. */
void gn_v1_count_failed(struct gn_v1 *v1, enum gn_pubsub_kind kind, enum gn_cne_status status);

/* Whether some v1 prefix begins path; *prefix and *rest get its halves. */
bool gn_v1_split(struct gn_str path, struct gn_str *prefix, struct gn_str *rest);

/* What a POST of a collection asks for. Views into body. */
struct gn_v1_wish {
    json_t *body; /* owned */
    struct gn_str resource;
    struct gn_str endpoint; /* absent: events are only logged */
};

/* Reads text. Names in any case; the URIs also the other way round, as old examples have them.
 * GN_EPARSE, GN_ELIMIT: not JSON, or beyond gn_v1_limits; GN_EINVAL: a member of a wrong type;
 * GN_ENOMEM. In every case to be finished. */
GN_MUST_CHECK enum gn_err gn_v1_wish_read(struct gn_str text, struct gn_v1_wish *wish);
void gn_v1_wish_fini(struct gn_v1_wish *wish);

/* Whether the endpoint, if there is one, can be POSTed to. If not, problem says why, in Go's words
 * where Go has some. */
bool gn_v1_wish_is_usable(const struct gn_v1_wish *wish, struct gn_buf *problem);

/* POST of a collection: probe, add, commit, answer. */
void gn_v1_create(struct gn_v1 *v1, const struct gn_v1_call *call);
/* Cancels the probes and answers 503. */
void gn_v1_create_stop(struct gn_v1 *v1);

/* Once, before the first of the following. */
void gn_v1_events_init(struct gn_v1 *v1);
/* POST /create/event, POST /log. */
void gn_v1_create_event(struct gn_v1 *v1, struct gn_http_request *request);
void gn_v1_log_event(struct gn_http_request *request);

/* Once, before the first of the following. */
void gn_v1_state_init(struct gn_v1 *v1);
/* Forgets what was asked of publishers and answers 503. */
void gn_v1_state_stop(struct gn_v1 *v1);
/* GET /{resource}/CurrentState, PUT /subscriptions/status/{id}. */
void gn_v1_current_state(struct gn_v1 *v1, struct gn_http_request *request, struct gn_str resource);
void gn_v1_ping(struct gn_v1 *v1, struct gn_http_request *request, struct gn_str id);

#endif
