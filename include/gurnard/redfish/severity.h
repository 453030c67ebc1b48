/* Severity as Redfish means it now: OK, Warning, Critical; and the words that BMCs use for it.
 * Pure. */
#ifndef GURNARD_REDFISH_SEVERITY_H
#define GURNARD_REDFISH_SEVERITY_H

#include "gurnard/base/str.h"

enum gn_severity { GN_SEVERITY_NONE, GN_SEVERITY_OK, GN_SEVERITY_WARNING, GN_SEVERITY_CRITICAL };

/* Reads a word in any case: OK, Informational, Information, Info, Notification; Warning, Degraded,
 * Caution, Minor, Major; Critical, Fatal, Emergency, Non-recoverable, NonRecoverable. Anything
 * else: GN_SEVERITY_NONE. */
enum gn_severity gn_severity_parse(struct gn_str word);

/* "OK", "Warning", "Critical"; "" for GN_SEVERITY_NONE. */
const char *gn_severity_text(enum gn_severity severity);

#endif
