/* The O-RAN v2 face of an event, as cloud-event-proxy 2 delivers and shows it: CloudEvents 1.0 in
 * JSON with the data in v2's layout. Pure. */
#ifndef GURNARD_CE_ORAN_H
#define GURNARD_CE_ORAN_H

#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/event.h"

/* Appends data, a CNE data object, in v2's layout: "version":"v1" becomes "version":"1.0", and in
 * each value `resource` becomes `ResourceAddress`, `dataType` `data_type`, `valueType`
 * `value_type`; order and everything else stay byte for byte, members of other names too. Absent
 * data: an object without values. GN_EPARSE: it is not of that layout, which is an object with a
 * string `version` and an array `values` of objects. GN_ENOMEM, GN_ELIMIT as the buffer says. On
 * any error nothing was appended. */
GN_MUST_CHECK enum gn_err gn_oran_data(struct gn_str data, struct gn_buf *out);

/* The other way: what a v2 publisher sends becomes CNE data; CNE data stays as it is. White space
 * stays too. Errors as above; GN_EPARSE: it is neither, or absent. */
GN_MUST_CHECK enum gn_err gn_oran_data_to_cne(struct gn_str data, struct gn_buf *out);

/* Appends event as structured CloudEvent: specversion 1.0, id, source, type, time, data; no
 * subject, no datacontenttype. source: the event's resource behind /cluster/node/NODE, or all of a
 * resource of another form. As above, and GN_EINVAL: the event is GN_EVENT_PLAIN. */
GN_MUST_CHECK enum gn_err gn_oran_write(const struct gn_event *event, struct gn_buf *out);

/* The same for a resource that has no event yet: data without values, type GN_CNE_TYPE_REDFISH, a
 * random id, the time given. */
GN_MUST_CHECK enum gn_err gn_oran_write_empty(struct gn_str resource, int64_t time_ns,
                                              struct gn_buf *out);

/* The part of a canonical address behind /cluster/node/NODE; all of any other, and of one that ends
 * there. A view of resource. */
struct gn_str gn_oran_source(struct gn_str resource);

#endif
