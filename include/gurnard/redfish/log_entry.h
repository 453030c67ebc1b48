/* Log entries as events: what a BMC wrote into its log while nobody listened. Pure. */
#ifndef GURNARD_REDFISH_LOG_ENTRY_H
#define GURNARD_REDFISH_LOG_ENTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"
#include "gurnard/redfish/event_service.h"

#define GN_LOG_ID_MAX 128 /* bytes of an entry's Id that is kept, with NUL */

/* What of an entry tells it from others. */
struct gn_log_mark {
    char id[GN_LOG_ID_MAX]; /* Id, else the last part of @odata.id */
    int64_t created_ns;     /* Created; INT64_MIN when absent, all zero or unreadable */
    int64_t updated_ns;     /* iLO: when it was last updated in place; INT64_MIN: never */
    uint64_t hash;          /* of Id, Created, Message, MessageId and (iLO: entries are updated in
                             * place) Oem Count and Updated: gn_id_digest() of them */
};

/* Reads it. false: no object or no id at all. */
bool gn_log_mark_read(const json_t *entry, struct gn_log_mark *mark);

/* Whether b was written after a: by number when the ids are alike but for their last run of digits,
 * else by Created, else (same second, no times) by id. Equal ids with another hash: after (updated
 * in place). */
bool gn_log_mark_is_after(const struct gn_log_mark *a, const struct gn_log_mark *b);

/* Appends the entry as a Redfish event that the intake takes, marked as recovered:
 *   {"@odata.type":"#Event.v1_7_0.Event","Id":"<id>","Name":"Recovered Log Entry","Events":[{
 *     "EventId","Severity","MessageSeverity","Message","MessageId","MessageArgs","EventTimestamp",
 *     "OriginOfCondition" (Links too),"LogEntry":{"@odata.id"},"Resolution" (iLO:
 *     RecommendedAction),"Oem":{...,"Gurnard":{"Recovered":true}}}]}
 * Members that the entry lacks are left out, also those nested too deep for the intake.
 * EventTimestamp is Created, as written; EventTimestamp of the entry when Created is useless (see
 * GN_INCIDENT_TIME_MIN), Oem Updated when the entry was updated after it was created; then
 * Gurnard has its "Count" too. SEL entries without MessageId keep EntryCode, SensorType and the
 * like under Gurnard as they came. uri: of the entry; may be empty. */
void gn_log_entry_event(const json_t *entry, struct gn_str uri, struct gn_buf *out);

/* Whether a log service is worth reading: not the noise of OpenBMC (Journal, HostLogger, PostCodes,
 * Dump, FaultLog, BIOS POST codes), not audit or debug logs. id: its Id or the last part of its
 * URI. FaultList of iDRAC, which repeats the Lclog, neither. */
bool gn_log_is_wanted(struct gn_str id);

#endif
