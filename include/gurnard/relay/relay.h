/* The heart: takes what arrived, makes events of it, finds the subscribers and hands over to the
 * outbox. Whoever receives something (webhook, REST, later SSE, log polls, AMQP) calls an intake
 * function here and answers its peer by the outcome. Nothing in here waits. */
#ifndef GURNARD_RELAY_RELAY_H
#define GURNARD_RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cloudevent.h"
#include "gurnard/ce/cne.h"
#include "gurnard/loop/loop.h"
#include "gurnard/redfish/registry.h"
#include "gurnard/relay/acks.h"
#include "gurnard/relay/alarms.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/relay/interest.h"
#include "gurnard/relay/outbox.h"
#include "gurnard/store/clients.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/pubsub.h"
#include "gurnard/store/quarantine.h"
#include "gurnard/store/state.h"

struct gn_relay;

/* What becomes of metric reports. They are events of the type GN_CNE_TYPE_METRICS. */
enum gn_relay_metrics {
    GN_RELAY_METRICS_APART, /* published under gn_relay_metrics_address() */
    GN_RELAY_METRICS_WITH,  /* published with the Redfish events */
    GN_RELAY_METRICS_DROP,  /* counted, answered, gone */
};

struct gn_relay_config {
    const char *node;        /* NODE_NAME; events are published under /cluster/node/NODE */
    bool overwrite_severity; /* true: the registry's severity replaces the BMC's (as the original
                              * did); false: it only fills what is missing */
    size_t max_body_bytes;   /* of one POST */
    const char *instance;    /* this process' mark in the header Gurnard-Via; NULL: a random one */
    enum gn_relay_metrics metric_reports;
    uint32_t storm_rate;  /* records a second of one BMC beyond which repeats are folded; 0: off */
    uint32_t storm_burst; /* and how many at once, at least 1 */
};

/* Borrowed by the relay as long as it lives. */
struct gn_relay_parts {
    struct gn_loop *loop;
    struct gn_journal *journal;
    struct gn_outbox *outbox;
    struct gn_state *state;
    struct gn_quarantine *quarantine; /* may be NULL: unreadable bodies are then only counted */
    struct gn_metrics *metrics;
    struct gn_alarms *alarms; /* told of each record; may be NULL */
    struct gn_acks *acks; /* told when nobody is subscribed to a publisher's event; may be NULL */
    struct gn_cne_figures *cne; /* may be NULL */
};

/* config's texts are copied. NULL when there is no memory. */
struct gn_relay *gn_relay_new(const struct gn_relay_config *config,
                              const struct gn_relay_parts *parts);
/* Frees the relay, not the sinks: they are the outbox's, which may be gone already. NULL is fine.
 */
void gn_relay_free(struct gn_relay *relay);

/* Puts a new set of registries in place and frees the old one. Takes set; NULL: none. */
void gn_relay_set_registries(struct gn_relay *relay, struct gn_registry_set *set);
/* The set in use, borrowed until the next change; NULL before the first. */
const struct gn_registry_set *gn_relay_registries(const struct gn_relay *relay);

/* The pubsub observer's two ends: opens and closes the sink of a subscription (item->user), v1 or
 * native. */
void gn_relay_subscription_added(void *relay, struct gn_pubsub_item *item);
void gn_relay_subscription_removed(void *relay, struct gn_pubsub_item *item);
/* A native subscription's config has changed: its sink follows. */
void gn_relay_subscription_changed(void *relay, struct gn_pubsub_item *item);
/* The same for what clients subscribed to (sub->user). A proxy's sink has the id CLIENT:SUB. */
void gn_relay_client_sub_added(void *relay, struct gn_client_sub *sub);
void gn_relay_client_sub_removed(void *relay, struct gn_client_sub *sub);
/* The client's end point has changed: what waits goes to the new one. */
void gn_relay_client_sub_moved(struct gn_relay *relay, struct gn_client_sub *sub);

/* A way out for all that is published under resource. Borrowed during the call. */
struct gn_relay_bus {
    const char *id; /* of the sink, unique */
    const char *address, *resource;
    uint32_t window; /* messages under way at most */
    bool is_native;  /* CloudEvents 1.0, one for each record; else as another proxy gets them */
    enum gn_ce_mode mode; /* of native ones: binary or structured */
};

/* Opens it. NULL: it was logged why not. */
struct gn_sink *gn_relay_open_bus(struct gn_relay *relay, const struct gn_relay_bus *bus);
void gn_relay_close_bus(struct gn_relay *relay, struct gn_sink *sink);

/* What is published here may come back by a bus that we listen to: from now on it is recognised as
 * ours, by its id. */
void gn_relay_expect_echo(struct gn_relay *relay);

/* By which way a body came. Messages of one BMC that came by different ways and tell of the same
 * incident (redfish/incident.h) are one event: the later is a repeat. */
enum gn_relay_way {
    GN_WAY_PUSH,
    GN_WAY_STREAM, /* server-sent events */
    GN_WAY_LOG,    /* from a log, after an outage */
    GN_WAY_OWN,    /* of gurnard's own registry; published under gn_relay_own_address() */
    GN_WAYS
};

/* Where a body came from. */
struct gn_relay_source {
    struct gn_str name; /* from the webhook's path; absent when the path had none */
    struct gn_str peer; /* address of the sender */
    bool is_again;      /* from the quarantine: an unreadable body is not kept once more */
    bool is_known;      /* name is a BMC of the inventory: incidents are compared over the ways */
    enum gn_relay_way way;
};

enum gn_intake {
    GN_INTAKE_STORED,   /* an event; queued for its subscribers. Also what storm control folded
                         * (relay/storm.h): it is counted in memory, and told of within
                         * GN_STORM_FOLD_MS; and metric reports, whatever becomes of them */
    GN_INTAKE_REPEATED, /* the BMC repeats itself; nothing was queued again */
    GN_INTAKE_UNPARSED, /* JSON without a Redfish event; forwarded as it is */
    GN_INTAKE_NOT_JSON, /* unreadable; kept in quarantine */
    GN_INTAKE_FULL,     /* no room, no memory, or the journal fails: nothing was kept, try later */
};

/* A record had a MessageId that no registry knows (gn_relay_on_miss()). Called in the midst of the
 * intake: only to be noted. */
typedef void (*gn_relay_miss_fn)(void *ctx, struct gn_str bmc, struct gn_str message_id);
void gn_relay_on_miss(struct gn_relay *relay, gn_relay_miss_fn fn, void *ctx);

/* Whether body has a record that wants a text which no registry has; gn_relay_on_miss()'s function
 * is told of each. Takes nothing in. */
bool gn_relay_lacks_text(struct gn_relay *relay, struct gn_str bmc, struct gn_str body);

/* Whether all that body tells has come already of that BMC of the inventory, by whatever way
 * (redfish/incident.h). Takes nothing in. */
bool gn_relay_knows(struct gn_relay *relay, struct gn_str bmc, struct gn_str body);

/* One event of gurnard's own registry. All borrowed. */
struct gn_relay_own {
    struct gn_str bmc;         /* whose lane it is in, and Oem.Gurnard.Bmc; absent: of none */
    const char *key;           /* of registries/Gurnard.1.0.0.json */
    const struct gn_str *args; /* MessageArgs */
    size_t arg_count;
    const char *severity; /* "OK", "Warning", "Critical" */
    const char *origin;   /* OriginOfCondition; NULL: /gurnard/bmcs/<bmc>, or /gurnard */
};

/* Makes it and publishes it as what came by GN_WAY_OWN. Not from within the intake's callbacks. */
enum gn_intake gn_relay_tell(struct gn_relay *relay, const struct gn_relay_own *own);

/* Before the end, while journal and outbox are there: publishes what storm control has folded. */
void gn_relay_flush(struct gn_relay *relay);

/* Reads the journal back, once, when the subscriptions are there: the ids by which repeats are
 * known, last states, how far each subscription is, and what the alarms (loaded before) have not
 * seen; then starts the outbox. Blocks; at start only.
 * may_forget: false: a journal that speaks of subscriptions which are not there is left as it is:
 * GN_EREFUSED. GN_EIO, GN_ENOMEM; logged. */
GN_MUST_CHECK enum gn_err gn_relay_recover(struct gn_relay *relay, bool may_forget);

/* Takes the body of a POST to the webhook. What is STORED, REPEATED or UNPARSED is under way to its
 * subscribers, but a promise to the sender only when gn_journal_wait() has said so. Identity of the
 * BMC: source->name, else the event's Context together with the peer address, else the peer
 * address. */
enum gn_intake gn_relay_redfish(struct gn_relay *relay, const struct gn_relay_source *source,
                                struct gn_str body);

/* Takes an event that a publisher created through the API. publisher: the record whose id the
 * request named; its resource, in canonical form, is the address published under and remembered in
 * state; without a source in the request the resource as spelled is the source. As above, a promise
 * only after gn_journal_wait(). GN_EINVAL: without type or data, nothing can be sent (counted).
 * GN_EFULL, GN_ELIMIT (too large to be ever stored), GN_EIO (the journal fails), GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_relay_cne(struct gn_relay *relay,
                                       const struct gn_pubsub_item *publisher,
                                       const struct gn_cne_request *request);

/* Where a CloudEvent came from. All may be absent. */
struct gn_relay_ce_source {
    struct gn_str peer;      /* address of the sender */
    struct gn_str bmc;       /* the header Gurnard-Bmc: the BMC that it came from, of a gurnardd */
    struct gn_str via;       /* the header Gurnard-Via: the gurnardd that sent it */
    struct gn_str publisher; /* id of the publisher that created it through the API */
    bool is_proxy;           /* by the transport: it is not sent on to proxies */
};

/* Takes a CloudEvent. Published under its source, in canonical form; CNE data, or v2's, makes it an
 * event for every API, other data one for native subscriptions only. Order is kept for each BMC, or
 * without one for each source. Its id is a UUID of the event's, or the UUIDv5 of source and id: who
 * sends the same again is recognised. As above, a promise only after gn_journal_wait().
 * GN_EEXIST: a repeat, or our own event come back (counted); to be answered like GN_OK. GN_EINVAL:
 * the source is too long (GN_PUBSUB_RESOURCE_MAX), or data cannot be told. GN_EFULL, GN_ELIMIT,
 * GN_EIO, GN_ENOMEM: as above. */
GN_MUST_CHECK enum gn_err gn_relay_cloudevent(struct gn_relay *relay,
                                              const struct gn_relay_ce_source *source,
                                              const struct gn_cloudevent *event);

/* The last event of an address, borrowed until the next turn; NULL: there was none. resource: as
 * spelled, may be an O-RAN address. */
const struct gn_event *gn_relay_last_event(struct gn_relay *relay, struct gn_str resource);

/* The last event of any address that pattern (gn_address_resolve()) covers; the latest of them.
 * NULL: none. */
const struct gn_event *gn_relay_last_below(struct gn_relay *relay, struct gn_str pattern);

/* This daemon's mark in the header Gurnard-Via. */
const char *gn_relay_instance(const struct gn_relay *relay);
/* node.name */
const char *gn_relay_node(const struct gn_relay *relay);

/* What came in since the start. */
struct gn_relay_status {
    uint64_t received, repeated, unparsed, quarantined, refused, unrouted;
    double in_10s, in_60s; /* events a second */
};
void gn_relay_status(const struct gn_relay *relay, struct gn_relay_status *status);

/* The address that Redfish events are published under: /cluster/node/NODE/redfish/v1/Systems. */
const char *gn_relay_redfish_address(const struct gn_relay *relay);
/* And metric reports, apart: /cluster/node/NODE/redfish/v1/TelemetryService/MetricReports. */
const char *gn_relay_metrics_address(const struct gn_relay *relay);
/* And gurnard's own: /cluster/node/NODE/gurnard. */
const char *gn_relay_own_address(const struct gn_relay *relay);

#endif
