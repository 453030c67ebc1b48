/* The v2 API's inside, shared by its files. */
#ifndef GURNARD_API_V2_PRIV_H
#define GURNARD_API_V2_PRIV_H

#include <jansson.h>
#include <sys/queue.h>

#include "gurnard/api/v2.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/id.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/log.h"
#include "published_priv.h"

struct gn_v2_create;

struct gn_v2 {
    struct gn_v2_parts parts;
    char *link_base;
    uint32_t notify_timeout_ms;
    TAILQ_HEAD(, gn_v2_create) creates; /* waiting for their endpoint */
    uint32_t probes;
    struct gn_published published; /* create/event */
    struct gn_metric *probes_ok, *probes_failed;
    struct gn_log_limit probe_log;
    bool is_stopping;
};

/* What bodies of this API may be. */
extern const struct gn_json_limits gn_v2_limits;

/* A request of this API: where it goes and by which prefix it came. */
struct gn_v2_call {
    struct gn_http_request *http;
    struct gn_str prefix; /* e.g. /api/ocloudNotifications/v2 */
    struct gn_str rest;   /* of the path, with its '/' */
};

/* 503 with Retry-After and, as all errors of this API, without a body. */
void gn_v2_reply_later(struct gn_http_request *request);

/* Counts a create or delete that did not come about. */
void gn_v2_count_failed(struct gn_v2 *v2, bool is_publisher, enum gn_cne_status status);

/* ---- addresses ---- */

/* Appends the resolved form of an address as spelled. GN_EINVAL: nobody can subscribe to it.
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_v2_resolve(const struct gn_v2 *v2, struct gn_str address,
                                        struct gn_buf *out);

/* Whether events are published, by gurnardd itself or by somebody who registered, at an address
 * that relates to this resolved one: relates(resolved, address published under). */
bool gn_v2_has_publisher(const struct gn_v2 *v2, struct gn_str resolved,
                         bool (*relates)(struct gn_str, struct gn_str));

/* ---- creating ---- */

/* One POST of a collection under way. */
struct gn_v2_create {
    struct gn_v2 *v2;
    struct gn_http_request *http; /* NULL once it was answered */
    struct gn_http_call *call;    /* to the endpoint */
    /* The endpoint has answered: 2xx, or something else. Both take create. */
    void (*on_passed)(struct gn_v2_create *create);
    void (*on_failed)(struct gn_v2_create *create);
    bool is_publisher;
    char *resource;             /* as spelled */
    char *resolved;             /* the same, resolved */
    char *endpoint;             /* NULL: none, a publisher's only */
    char *uri_prefix;           /* of the link in the answer */
    char *id;                   /* of the record added, to take it back when the disk refuses */
    char *location;             /* the link */
    struct gn_buf notification; /* body of the POST to the endpoint */
    struct gn_buf answer;
    TAILQ_ENTRY(gn_v2_create) link; /* while the endpoint is asked */
};

/* Reads the request's body and makes a create of it: a valid address, and an endpoint that can be
 * POSTed to. GN_EINVAL, GN_EPARSE, GN_ELIMIT: the body is not what it should be; GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_v2_create_new(struct gn_v2 *v2, const struct gn_v2_call *call,
                                           bool is_publisher, struct gn_v2_create **create);
void gn_v2_create_free(struct gn_v2_create *create);
/* Answers with a status, and an error text unless that is absent, or with 503; counts and frees. */
void gn_v2_create_refuse(struct gn_v2_create *create, int status, struct gn_str error);
void gn_v2_create_later(struct gn_v2_create *create);

/* POSTs create->notification to its endpoint; on_passed or on_failed follows in a later turn. Takes
 * create: when the endpoint cannot be asked now, the request is answered 503. */
void gn_v2_create_ask(struct gn_v2_create *create, const char *const *headers,
                      bool follow_redirects);
/* Cancels the asking and answers 503. */
void gn_v2_create_stop(struct gn_v2 *v2);

/* POST /subscriptions: initial notification, add, commit, answer. */
void gn_v2_subscribe(struct gn_v2 *v2, const struct gn_v2_call *call);

/* ---- the other routes ---- */

/* /publishers, id absent, or /publishers/{id}. */
void gn_v2_publishers(struct gn_v2 *v2, const struct gn_v2_call *call, struct gn_str id);

/* Once, before the first of the following. */
void gn_v2_events_init(struct gn_v2 *v2);
/* POST /create/event, POST /log, GET /{ResourceAddress}/CurrentState. address: as sent, with '/' in
 * front unless it is empty. */
void gn_v2_create_event(struct gn_v2 *v2, struct gn_http_request *request);
void gn_v2_log_event(struct gn_http_request *request);
void gn_v2_current_state(struct gn_v2 *v2, struct gn_http_request *request, struct gn_str address);

#endif
