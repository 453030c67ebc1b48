/* Building an event in a buffer, for its two makers: gn_event_new() and gn_event_unpack(). */
#ifndef GURNARD_CE_EVENT_PRIV_H
#define GURNARD_CE_EVENT_PRIV_H

#include <stddef.h>

#include "gurnard/base/buf.h"
#include "gurnard/ce/event.h"

/* Begins an event of about size bytes in the empty buf. Its maker appends the tail next. */
void gn_event_begin(struct gn_buf *buf, size_t size);

/* Appends the texts and returns the event, which has taken the bytes from buf. data_at: where the
 * bytes of parts->data stand in buf. Of parts, data_schema is not looked at. NULL when anything was
 * not appended: buf says why, and is still to be freed. */
struct gn_event *gn_event_end(struct gn_buf *buf, const struct gn_event_parts *parts,
                              size_t data_at);

/* The bytes that stand behind the tail. */
size_t gn_event_texts_size(const struct gn_event_parts *parts);

#endif
