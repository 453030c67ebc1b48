/* The inside of the relay, shared by its parts:
 *   relay.c   life, publishing
 *   subs.c    subscriptions of all kinds become sinks
 *   routes.c  which sinks want an event
 *   intake.c  a webhook's body becomes events
 *   ce_in.c   a CloudEvent becomes one
 *   recover.c what the journal is told and tells
 *   enrich.c  what a registry adds to a record (pure) */
#ifndef GURNARD_RELAY_RELAY_PRIV_H
#define GURNARD_RELAY_RELAY_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/ce/event.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/redfish/event_write.h"
#include "gurnard/redfish/registry.h"
#include "gurnard/relay/dedup.h"
#include "gurnard/relay/rate.h"
#include "gurnard/relay/relay.h"

/* How the look-up of one record ended. */
enum gn_lookup {
    GN_LOOKUP_EXACT,
    GN_LOOKUP_NEAREST, /* another version of the registry */
    GN_LOOKUP_BARE,    /* by its key alone */
    GN_LOOKUP_MISS,
    GN_LOOKUP_NONE, /* nothing was looked up: the record is complete or has no MessageId */
};
#define GN_LOOKUP_HITS 3 /* the first of them are hits */

struct gn_relay_figures {
    struct gn_metric *received_webhook, *received_api, *received_peer;
    struct gn_metric *parsed, *unparsed, *repeated, *quarantined, *refused, *unrouted;
    struct gn_metric *records, *loops;
    struct gn_metric *hits[GN_LOOKUP_HITS], *misses;
};

/* What recovery has found, for the log. */
struct gn_relay_recovery {
    uint64_t events, ids, states;
    uint64_t strangers; /* progress of subscriptions that no longer exist */
    bool may_forget;    /* them */
};

struct gn_relay {
    struct gn_relay_parts parts;
    bool overwrite_severity;
    size_t max_body_bytes;
    char *node;
    char *address;         /* /cluster/node/NODE/redfish/v1/Systems */
    struct gn_id instance; /* this process, in what it sends */
    struct gn_registry_set *registries;
    struct gn_dedup *dedup;
    struct gn_routes *routes;
    bool is_echoed; /* what is published may come back */
    struct gn_relay_figures figures;
    struct gn_buf name, value, data, attributes; /* scratch of one message */
    struct gn_buf ids;    /* of the events in the journal's running segment */
    struct gn_buf packed; /* scratch of one checkpoint */
    struct gn_rate rate;
    struct gn_relay_recovery recovery;
    struct gn_log_limit unparsed_log, quarantine_log, refused_log, unrouted_log, state_log,
        loop_log, peer_log;
};

/* ---- relay.c ---- */

/* Hands events, of one canonical resource, to its subscribers and to the journal and remembers the
 * last as that resource's. count 0 is fine. GN_EFULL, GN_EIO, GN_ENOMEM: nobody got any. */
GN_MUST_CHECK enum gn_err gn_relay_publish(struct gn_relay *relay, struct gn_event *const *events,
                                           size_t count);

/* An event was not accepted for want of room, memory, or by what it is: counted, logged. */
void gn_relay_note_refused(struct gn_relay *relay, struct gn_str source, enum gn_err err,
                           size_t count);

/* ---- routes.c ---- */

/* NULL: no memory. */
struct gn_routes *gn_routes_new(void);
/* NULL is fine. */
void gn_routes_free(struct gn_routes *routes);

/* sink is opened with this interest, or closed, or about to get another. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_routes_add(struct gn_routes *routes, struct gn_sink *sink,
                                        struct gn_interest *interest);
void gn_routes_remove(struct gn_routes *routes, const struct gn_sink *sink,
                      const struct gn_interest *interest);

/* The sinks that want at least one of the events (of one resource and flags), none twice. Valid
 * until the next call. GN_ENOMEM: some are missing. */
GN_MUST_CHECK enum gn_err gn_routes_find(struct gn_routes *routes, struct gn_event *const *events,
                                         size_t count, const char *node,
                                         struct gn_sink *const **sinks, size_t *sink_count);

/* ---- ce_in.c ---- */

/* The key by which repeats of CloudEvents of this source are known. */
GN_MUST_CHECK enum gn_err gn_relay_source_key(struct gn_relay *relay, struct gn_str source,
                                              uint64_t *key);

/* ---- recover.c ---- */

/* Remembers the ids of events that were just stored, to recognise their repeats: now, and after a
 * restart. */
void gn_relay_note_ids(struct gn_relay *relay, struct gn_event *const *events, size_t count);

/* ---- enrich.c ---- */

/* How much is lost with a record that is completed by fill. */
enum gn_rank gn_enrich_rank(const struct gn_redfish_record *record,
                            const struct gn_redfish_fill *fill, struct gn_arena *arena);

/* Finds out what set (may be NULL) adds to record; *fill must be zeroed. Texts point into set, into
 * record or into arena. */
enum gn_lookup gn_enrich_record(const struct gn_registry_set *set, bool overwrite_severity,
                                const struct gn_redfish_record *record, struct gn_arena *arena,
                                struct gn_redfish_fill *fill);

#endif
