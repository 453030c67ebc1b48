/* The native face: a stored event as CloudEvents 1.0 that a program can use without knowing Redfish
 * (docs/api.md, "Native events"). One for each EventRecord, or one for the whole. Pure.
 *
 * Redfish (split by record):
 *   id          that of the stored event when it has one record, else the UUIDv5 of it and the
 *               record's place: stable
 *   source      /redfish/<bmc>, or the event's resource when the BMC is not known
 *   type        org.dmtf.redfish.event.<RegistryPrefix>.<MessageKey>, of a bare key (iDRAC 8)
 *               org.dmtf.redfish.event.<MessageKey>; without a usable MessageId
 *               org.dmtf.redfish.event; of a metric report org.dmtf.redfish.metricreport
 *   subject     OriginOfCondition as a path
 *   time        EventTimestamp in RFC 3339, or the time of arrival when it cannot be read
 *   dataschema  from @odata.type: https://redfish.dmtf.org/schemas/v1/Event.v1_x_y.json
 *   data        the record, as stored; whole: the Redfish event
 *   extensions  severitytext, severitynumber (OK INFO 9, Warning WARN 13, Critical ERROR 17),
 *               partitionkey (the BMC), messageid, registry, node, bmc, recordedtime, sequence,
 *               traceparent (follows from the id)
 * Whole: those of the record with the highest severity; type org.dmtf.redfish.event unless all
 * records have the same.
 *
 * What is not known, or cannot be an attribute's value (control characters, longer than
 * GN_CE_VALUE_MAX), is left off.
 *
 * Events of publishers with CNE data: type (event.unknown for none), time and data as they are;
 * source is the resource, subject the CNE source where it differs; extensions node, recordedtime,
 * sequence, traceparent. Events of the native intake (GN_EVENT_PLAIN): as they came, nothing added.
 * Extensions that came with an event stand in the place of ours of the same name.
 *
 * For filters an event has besides: severity (as in Redfish), messagekey, origin, resource. */
#ifndef GURNARD_RELAY_NATIVE_H
#define GURNARD_RELAY_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cloudevent.h"
#include "gurnard/ce/event.h"
#include "gurnard/relay/native_spec.h"

/* One CloudEvent and what filters see beside it. */
struct gn_native_event {
    struct gn_cloudevent ce;
    struct gn_str severity;   /* OK, Warning, Critical; absent */
    struct gn_str messagekey; /* the last part of MessageId */
    struct gn_str origin;     /* as subject, of Redfish events */
    struct gn_str resource;
};

struct gn_native_view {
    const struct gn_native_event *events;
    size_t count; /* at least 1 */
};

/* The whole and the records of one event, read at most once each. Zero-initialised; the arena is
 * the owner's. */
struct gn_native_cache {
    const struct gn_event *event;
    const char *node; /* of this daemon */
    struct gn_arena *arena;
    struct gn_native_view records, whole; /* count 0: not read yet */
};

/* Reads event for this split, or takes what the cache has. sequence: the journal's, 0: none is
 * told. Views live as long as event and the arena. GN_ENOMEM, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_native_view(struct gn_native_cache *cache, enum gn_native_split split,
                                         uint64_t sequence, struct gn_native_view *view);

/* Whether this one passes the spec's source, types and filter. */
bool gn_native_passes(const struct gn_native_spec *spec, const struct gn_native_event *event);

#endif
