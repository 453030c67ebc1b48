/* Writes a scanned event as the `value` that v1 consumers decode (docs/api.md): the known members
 * first, in their fixed order and spelling and of the types that the consumers' Go structs need,
 * then all others as received. Values keep their bytes; only white space between tokens goes. Pure.
 */
#ifndef GURNARD_REDFISH_EVENT_WRITE_H
#define GURNARD_REDFISH_EVENT_WRITE_H

#include "gurnard/base/buf.h"
#include "gurnard/redfish/event_scan.h"

/* What the registry adds to one record; absent views add nothing. A view that is present replaces
 * what the record had. Texts are plain (not JSON). */
struct gn_redfish_fill {
    struct gn_str message;
    struct gn_str severity;
    struct gn_str resolution;
};

/* Appends event as one JSON object. fills: one for each record, or NULL. Rules by member: string
 * members given as numbers, booleans or containers become strings that hold that text;
 * MessageArgs becomes an array of strings; EventGroupId an integer (0 when absent or not one);
 * Oem, Actions, OriginOfCondition pass as received. Left out, as the original leaves them out:
 * absent members and null ones, empty strings, an empty MessageArgs, Events without records.
 * Unknown members follow the known ones in their order, MessageSeverity among them. When the body
 * had invalid UTF-8, each such byte becomes U+FFFD. Failure sticks in out. */
void gn_redfish_write_v1(const struct gn_redfish_event *event, const struct gn_redfish_fill *fills,
                         struct gn_buf *out);

#endif
