/* The inside of the relay, shared by its parts:
 *   relay.c   life, publishing
 *   subs.c    subscriptions of all kinds become sinks
 *   routes.c  which sinks want an event
 *   intake.c  a BMC's body becomes events (its parts: intake_priv.h)
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
#include "gurnard/redfish/severity.h"
#include "gurnard/relay/dedup.h"
#include "gurnard/relay/incidents.h"
#include "gurnard/relay/rate.h"
#include "gurnard/relay/relay.h"
#include "gurnard/relay/storm.h"

/* How the look-up of one record ended. */
enum gn_lookup {
    GN_LOOKUP_EXACT,
    GN_LOOKUP_NEAREST, /* another version of the registry */
    GN_LOOKUP_BARE,    /* by its key alone */
    GN_LOOKUP_MISS,
    GN_LOOKUP_NEEDLESS_MISS, /* the record is complete: it was for the alarms only */
    GN_LOOKUP_NONE,          /* nothing was needed: the record is complete or has no MessageId */
};
#define GN_LOOKUP_HITS 3 /* the first of them are hits */

struct gn_relay_figures {
    struct gn_metric *received[GN_WAYS]; /* from BMCs, and gurnard's own */
    struct gn_metric *received_api, *received_peer;
    struct gn_metric *parsed, *unparsed, *repeated, *quarantined, *refused, *unrouted;
    struct gn_metric *records, *loops, *folded;
    struct gn_metric *reports_published, *reports_dropped;
    struct gn_metric *hits[GN_LOOKUP_HITS], *misses;
};

/* What recovery has found, for the log. */
struct gn_relay_recovery {
    uint64_t events, ids, incidents, states;
    uint64_t strangers; /* progress of subscriptions that no longer exist */
    bool may_forget;    /* them */
};

struct gn_relay {
    struct gn_relay_parts parts;
    bool overwrite_severity;
    size_t max_body_bytes;
    char *node;
    enum gn_relay_metrics metric_reports;
    char *address;         /* /cluster/node/NODE/redfish/v1/Systems */
    char *metrics_address; /* of metric reports, apart */
    char *own_address;     /* of gurnard's own events */
    struct gn_id instance; /* this process, in what it sends */
    struct gn_registry_set *registries;
    gn_relay_miss_fn on_miss;
    void *on_miss_ctx;
    struct gn_dedup *dedup;
    struct gn_incidents *incidents;
    struct gn_storm *storm; /* NULL: off */
    struct gn_timer storm_timer;
    struct gn_routes *routes;
    bool is_echoed; /* what is published may come back */
    struct gn_relay_figures figures;
    struct gn_buf name, value, data, attributes; /* scratch of one message */
    struct gn_buf ids; /* of the events in the journal's running segment */
    struct gn_buf incident_ids, new_incident_ids; /* likewise; of the body at hand */
    struct gn_buf unnoted;  /* events that alarms are told of when there are registries: references
                             */
    struct gn_buf textless; /* events of known BMCs that came before their registry, packed */
    struct gn_buf packed;   /* scratch of one checkpoint */
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

/* Remembers the keys of a record's incident, source by gn_incidents_source(). is_stored: its event
 * was; then, after all records of a body, they are stored, too, since the event does not tell by
 * which way it came. */
void gn_relay_note_incidents(struct gn_relay *relay, uint64_t source, const struct gn_id *keys,
                             size_t count, bool is_stored);
void gn_relay_store_incidents(struct gn_relay *relay);

/* ---- intake_textless.c ---- */

/* Registries have been loaded: the keys of events that lacked one are made anew. */
void gn_relay_note_textless(struct gn_relay *relay);

/* ---- intake_note.c ---- */

/* An event was read back from the journal: the alarms are told, unless they know. */
void gn_relay_note_recovered(struct gn_relay *relay, struct gn_event *event, uint64_t sequence);

/* Tells the alarms of those that waited for registries; is_end: only lets go of them. */
void gn_relay_note_waiting(struct gn_relay *relay, bool is_end);

/* ---- intake_storm.c ---- */

/* GN_ENOMEM. rate 0: none. */
GN_MUST_CHECK enum gn_err gn_relay_storm_init(struct gn_relay *relay, uint32_t rate,
                                              uint32_t burst);
void gn_relay_storm_fini(struct gn_relay *relay);

/* ---- enrich.c ---- */

/* Severity and text of a record that is completed by fill. */
enum gn_severity gn_enrich_severity(const struct gn_redfish_record *record,
                                    const struct gn_redfish_fill *fill, struct gn_arena *arena);
struct gn_str gn_enrich_message(const struct gn_redfish_record *record,
                                const struct gn_redfish_fill *fill, struct gn_arena *arena);

/* How much is lost with a record of this severity. */
enum gn_rank gn_enrich_rank(enum gn_severity severity);

/* Finds out what set (may be NULL) adds to record; *fill must be zeroed. Texts point into set, into
 * record or into arena. found: NULL, or zeroed: then a complete record is looked up, too, and
 * *found is what was found. */
enum gn_lookup gn_enrich_record(const struct gn_registry_set *set, bool overwrite_severity,
                                const struct gn_redfish_record *record, struct gn_arena *arena,
                                struct gn_redfish_fill *fill, struct gn_message *found);

/* Whether the registry that the MessageId id names is not there. A key met in another one is a help
 * only: the texts of two registries differ. */
bool gn_enrich_lacks_registry(enum gn_lookup lookup, struct gn_str id);

#endif
