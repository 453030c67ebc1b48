/* What event_scan.c and event_write.c share: the names of the members, and the limits under which
 * a value that was scanned once is walked again. */
#ifndef GURNARD_REDFISH_EVENT_PRIV_H
#define GURNARD_REDFISH_EVENT_PRIV_H

#include <stdbool.h>

#include "gurnard/base/json_scan.h"
#include "gurnard/base/str.h"
#include "gurnard/redfish/event_scan.h"

/* Each member's name as it is written: with quotes and colon. */
extern const struct gn_str gn_redfish_envelope_keys[GN_ENV_COUNT];
extern const struct gn_str gn_redfish_record_keys[GN_REC_COUNT];

/* For values that come from a scan: they are well-formed and within that scan's limits. */
extern const struct gn_json_limits gn_redfish_value_limits;

/* The member that a key means, in any case of letters; GN_ENV_COUNT or GN_REC_COUNT when it is none
 * of them. name is the text of a key token, has_escape as told there. */
enum gn_redfish_envelope_member gn_redfish_envelope_member(struct gn_str name, bool has_escape);
enum gn_redfish_record_member gn_redfish_record_member(struct gn_str name, bool has_escape);

#endif
