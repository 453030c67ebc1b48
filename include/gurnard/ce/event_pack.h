/* Events as bytes for the journal (docs/journal.md, "Events"), and back. Pure.
 *
 * The id must be a UUID. A packed event is self-contained: several stand one after another in one
 * record. */
#ifndef GURNARD_CE_EVENT_PACK_H
#define GURNARD_CE_EVENT_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/id.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/event.h"

/* Appends event. */
void gn_event_pack(const struct gn_event *event, struct gn_buf *out);

/* What can be known of a packed event without building it. Views point into the bytes. */
struct gn_packed_event {
    struct gn_str bytes; /* this event's own */
    uint8_t id[GN_ID_BYTES];
    uint64_t lane;
    int64_t received_ns;
    enum gn_rank rank;
    bool is_named;
    unsigned flags; /* enum gn_event_flags */
    struct gn_str resource;
};

/* Looks at the event that *bytes begins with and moves *bytes behind it. GN_EPARSE: it is cut, or
 * not such bytes; *bytes stays. Never reads beyond. */
GN_MUST_CHECK enum gn_err gn_event_peek(struct gn_str *bytes, struct gn_packed_event *packed);

/* Builds the event, equal to the one packed but for received_us, which is 0. The caller owns the
 * reference. GN_EPARSE, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_event_unpack(const struct gn_packed_event *packed,
                                          struct gn_event **event);

#endif
