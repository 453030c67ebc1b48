/* Whether two messages, come in different ways (pushed, streamed, read from a log), tell of the
 * same incident. Pure.
 *
 * An incident has up to three keys; two messages of one BMC tell of the same when one key is
 * common:
 *   A  MessageId's key, EventTimestamp to the second, MessageArgs (or OriginOfCondition without)
 *   B  EventTimestamp to the second and the finished Message
 *   C  the URI of the log entry: LogEntry, or EventId as ZT writes it (Redfish:Chassis:Self:...).
 *      An entry that was updated in place (iLO) is another with each Count.
 * A key whose parts are missing is not there; without a usable time there is no A and no B. */
#ifndef GURNARD_REDFISH_INCIDENT_H
#define GURNARD_REDFISH_INCIDENT_H

#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/id.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/redfish/event_write.h"

#define GN_INCIDENT_KEYS 3

/* Before 2010 (in nanoseconds since 1970) a time is none: clocks that were never set begin at 1970,
 * 1980 or 2000, and tell the same of different days. */
#define GN_INCIDENT_TIME_MIN INT64_C(1262304000000000000)

/* Finds the keys of record; fill (may be NULL): what the registry added. Each is made of salt (the
 * caller's: which BMC, and the way it came) and the parts, as gn_id_v5(). arena: for texts with
 * escapes. Returns their number, in the order A, B, C; where memory is refused keys are missing.
 * Times with different offsets of the same moment are equal; a time without zone counts as UTC. */
size_t gn_incident_keys(const struct gn_redfish_record *record, const struct gn_redfish_fill *fill,
                        struct gn_str salt, struct gn_arena *arena,
                        struct gn_id keys[GN_INCIDENT_KEYS]);

#endif
