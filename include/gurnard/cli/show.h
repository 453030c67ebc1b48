/* Turns a delivered event (CloudNativeEvent JSON, or a CloudEvent in the JSON format) into lines
 * for people. Pure. */
#ifndef GURNARD_CLI_SHOW_H
#define GURNARD_CLI_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

/* Appends one line for each record: time, severity, MessageId, origin, text, and whether it was
 * read from a BMC's log. color: with terminal colours by severity. Control characters in the texts
 * are escaped. Returns the number of lines; a body that is no such event gives one line that says
 * so. */
unsigned gn_show_event(struct gn_str body, bool color, struct gn_buf *out);

#endif
