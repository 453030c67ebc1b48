/* MessageId: `Registry.Major.Minor.Key`, with a patch number, with vN_N_N, without version, or a
 * bare key (iDRAC 8, Intel). Pure. */
#ifndef GURNARD_REDFISH_MESSAGE_ID_H
#define GURNARD_REDFISH_MESSAGE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_MESSAGE_ID_MAX 256 /* bytes of a MessageId */

struct gn_message_id {
    struct gn_str prefix; /* registry, absent for a bare key; may hold dots and underscores */
    struct gn_str key;    /* what is behind the last dot */
    bool has_version;
    uint16_t major, minor, patch; /* missing parts are 0; above 65535 count as 65535 */
};

/* Parses from the right: key, then numeric (or vN_N_N) parts as version, the rest is the prefix.
 * White space at the ends is left off. Views point into text. GN_EPARSE: empty key or longer than
 * GN_MESSAGE_ID_MAX. */
GN_MUST_CHECK enum gn_err gn_message_id_parse(struct gn_str text, struct gn_message_id *id);

/* Splits what names a registry (`iLOEvents.2.3.0`, `Messages`, `1.4.0`) into prefix and version by
 * the same rule; key is left absent. Views point into name, prefix begins where name begins. */
void gn_message_id_split(struct gn_str name, struct gn_message_id *id);

#endif
