/* EventDestination: which subscriptions a BMC has, which are ours, and how one is asked for. Pure.
 *
 * BMCs differ in what they take (docs/redfish.md). A request is made in a shape; a shape that was
 * refused is followed by a poorer one. Which shape a model and firmware takes is learnt by
 * src/bmc. */
#ifndef GURNARD_REDFISH_DESTINATION_H
#define GURNARD_REDFISH_DESTINATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/redfish/event_service.h"
#include "gurnard/redfish/service_error.h"

#define GN_DESTINATION_CONTEXT_MAX 256 /* bytes of Context (bmcweb), without NUL */
#define GN_DESTINATION_URL_MAX     2000
#define GN_DESTINATION_HEADERS_MAX 16
#define GN_DESTINATION_FILTERS_MAX 32 /* entries of one filter */

/* ---- what is wanted ---- */

/* A filter: names, none: everything. Borrowed. */
struct gn_destination_filter {
    const char *const *items;
    size_t count;
};

enum gn_destination_policy {
    GN_POLICY_NONE, /* not asked for: the BMC's default */
    GN_POLICY_TERMINATE,
    GN_POLICY_SUSPEND,
    GN_POLICY_RETRY_FOREVER,
    GN_POLICY_BACKOFF, /* RetryForeverWithBackoff */
};

/* What one subscription of ours shall be. All borrowed. */
struct gn_destination_want {
    const char *url;     /* Destination */
    const char *context; /* at most GN_DESTINATION_CONTEXT_MAX bytes */
    struct gn_destination_filter prefixes, message_ids, severities, resource_types;
    const char *const *header_names; /* HttpHeaders */
    const char *const *header_values;
    size_t header_count;
    enum gn_destination_policy policy;
    uint32_t heartbeat_minutes; /* 0: none */
    bool verify_certificate;    /* VerifyCertificate, where url is https; bmcweb's own default is
                                 * true, the schema's false, so it is always said where known */
    bool metric_reports;        /* EventFormatType MetricReport instead of Event */
};

/* ---- how it is asked for ---- */

/* Bits of members that a shape leaves out. The minimal form keeps Destination, Protocol and Context
 * (by which we know our own again). */
enum gn_destination_omit {
    GN_OMIT_SUBSCRIPTION_TYPE = 1,
    GN_OMIT_FORMAT = 2,
    GN_OMIT_PREFIXES = 4,
    GN_OMIT_MESSAGE_IDS = 8,
    GN_OMIT_SEVERITIES = 16,
    GN_OMIT_RESOURCE_TYPES = 32,
    GN_OMIT_POLICY = 64,
    GN_OMIT_HEARTBEAT = 128,
    GN_OMIT_VERIFY = 256,
    GN_OMIT_HEADERS = 512,
    GN_OMIT_CONTEXT = 1024,
    GN_OMIT_ALL = 2047,
    GN_OMIT_MINIMAL = GN_OMIT_ALL - GN_OMIT_CONTEXT,
};

/* How to say it. Kept per model and firmware as text, see gn_shape_format(). */
struct gn_destination_shape {
    unsigned omit;           /* of enum gn_destination_omit */
    bool has_event_types;    /* EventTypes ["Alert"], or ["MetricReport"] (iDRAC) */
    bool has_object_headers; /* HttpHeaders as one object (iLO 4, ZT) instead of an array */
    bool has_bare_keys;      /* MessageIds without registry (bmcweb) */
    bool has_plain_policy;   /* RetryForever instead of RetryForeverWithBackoff: without any policy
                              * most BMCs would give the subscription up */
    bool has_turned;         /* private: the last step changed EventTypes alone; not in the text */
};

/* The first shape for such a service: what it says that it takes (form A). Where MessageIds and
 * RegistryPrefixes are both wanted only MessageIds are said (bmcweb takes one of them). */
struct gn_destination_shape gn_shape_first(const struct gn_event_service *service,
                                           const struct gn_destination_want *want);

/* The next shape after a refusal: rejected properties are left out (EventTypes too; HttpHeaders
 * first change their form, DeliveryRetryPolicy its value), one missing EventTypes is added; without
 * a hint (also: only properties that we did not say or may not leave out) the minimal form, then
 * the minimal form with EventTypes. attempt: refusals so far, from 1. No body of want is ever
 * repeated. false, and the shape as it was: nothing is left to try, attempt is GN_SHAPE_ATTEMPTS,
 * or the fault is one that no shape helps (all but NONE, PROPERTY, MISSING and OTHER). */
#define GN_SHAPE_ATTEMPTS 8
bool gn_shape_next(struct gn_destination_shape *shape, const struct gn_destination_want *want,
                   const struct gn_service_error *error, unsigned attempt);

/* As text and back, e.g. "omit=0x40 event_types=1 object_headers=0 bare_keys=0 plain_policy=0".
 * false: not exactly such a text; shape is empty then. */
void gn_shape_format(const struct gn_destination_shape *shape, struct gn_buf *out);
bool gn_shape_parse(struct gn_str text, struct gn_destination_shape *shape);

/* What of want the shape leaves unsaid, as words for the operator: "Severities,
 * DeliveryRetryPolicy"; nothing when all that was asked for is said. A certificate that need not be
 * verified is not missed, and filters of events are not for metric reports. */
void gn_shape_missing(const struct gn_destination_shape *shape,
                      const struct gn_destination_want *want, struct gn_buf *out);

/* Appends the body of the POST. Of filters and headers the first GN_DESTINATION_FILTERS_MAX and
 * GN_DESTINATION_HEADERS_MAX are said; filters only for events, not for metric reports. */
void gn_destination_body(const struct gn_destination_want *want,
                         const struct gn_destination_shape *shape, struct gn_buf *out);

/* ---- what came back ---- */

/* The URI of a subscription that was just made: Location; else @odata.id of the body when it lies
 * behind collection or ends with Id; else @odata.id or collection + "/" + Id (text or number; ZT);
 * else message when it is a path (RIE). Never collection itself. location: may be absent. body: may
 * be NULL. false: it must be looked for in the collection; uri is "" then. */
bool gn_destination_created_uri(struct gn_str location, const json_t *body, const char *collection,
                                char uri[GN_SERVICE_URI_MAX]);

/* One subscription that a BMC has. Texts are "" when absent. */
struct gn_destination {
    char uri[GN_SERVICE_URI_MAX];
    char url[GN_DESTINATION_URL_MAX + 1]; /* Destination */
    char context[GN_DESTINATION_CONTEXT_MAX + 1];
    char state[24];                  /* Status.State */
    char policy[32];                 /* DeliveryRetryPolicy */
    char type[24];                   /* SubscriptionType */
    char resume[GN_SERVICE_URI_MAX]; /* target of ResumeSubscription */
    bool is_suspended;               /* State is Disabled or StandbyOffline, or
                                      * Oem.Supermicro.EnableSubscription is false */
    int64_t ttl_s;                   /* seconds left (iLO 4: TTLCount, TTLUnits); -1: none */
};

/* Reads a member. uri: where it was found, which is better than its own @odata.id (some give that
 * of the collection, or none); absent: only @odata.id. A Destination that is too long is "". false:
 * it is no object. */
bool gn_destination_read(const json_t *resource, struct gn_str uri, struct gn_destination *out);

/* ---- whose it is ---- */

/* How a subscription is recognised. All borrowed. An empty prefix or token recognises nothing. */
struct gn_destination_owner {
    const char *prefix;  /* what Context of all of ours on this BMC begins with */
    const char *context; /* the Context that is wanted now */
    const char *url;     /* the Destination that is wanted now */
    const char *token;   /* secret part of url's path; never empty */
};

enum gn_ownership {
    GN_OWN_NONE,    /* somebody else's */
    GN_OWN_CURRENT, /* ours, as wanted: url is right (but for the case of the host, a default port
                     * and a trailing slash) and Context too (or absent or cut) */
    GN_OWN_STALE,   /* ours by Context or by the token in its path, but not as wanted */
};

/* Whose destination is; see the values. */
enum gn_ownership gn_destination_owned(const struct gn_destination *destination,
                                       const struct gn_destination_owner *owner);

/* ---- what to do ---- */

#define GN_DESTINATION_REMOVE_MAX 64 /* removed at one go; the rest the next time */

/* What the collection asks for. Indices are into the list given. */
struct gn_destination_plan {
    bool creates; /* a new one is to be made, before any is removed */
    bool resumes; /* keep is suspended; where it has no resume target the caller decides whether
                   * it is made anew (a BMC may always call it Disabled) */
    size_t keep;  /* the current one; SIZE_MAX: none */
    size_t remove[GN_DESTINATION_REMOVE_MAX]; /* ours that are stale or double, after the creation;
                                               * never one without URI, nor one whose URI is also
                                               * that of keep or of somebody else's */
    size_t remove_count;
};

/* Decides. renew_before_s: one whose ttl_s is below is made anew. Of several current ones the first
 * that is not suspended stays. Takes time with the square of count, which the caller bounds. */
void gn_destination_plan(const struct gn_destination *list, size_t count,
                         const struct gn_destination_owner *owner, int64_t renew_before_s,
                         struct gn_destination_plan *plan);

#endif
