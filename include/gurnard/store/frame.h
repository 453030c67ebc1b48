/* The records of a journal as they stand in a segment (docs/journal.md, "Records"). Pure.
 *
 * A frame is a header of GN_FRAME_HEADER bytes, the payload, and zeros up to the next multiple of
 * GN_FRAME_ALIGN. The checksum is keyed by the store's salt, so that bytes inside a payload, which
 * come from outside, can never be taken for a frame. */
#ifndef GURNARD_STORE_FRAME_H
#define GURNARD_STORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/str.h"

#define GN_FRAME_HEADER      32U
#define GN_FRAME_ALIGN       8U
#define GN_FRAME_PAYLOAD_MAX (96U << 20) /* more than the events of the largest POST take */

/* One record. payload: a view. */
struct gn_record {
    uint64_t sequence; /* count > 0: of its first event, the others follow; else the number that the
                        * next event will get */
    uint64_t clock_ms; /* the journal's clock when it was written (journal.h) */
    uint32_t count;    /* events in it: they take as many sequence numbers; at most 65535 */
    uint8_t type;      /* GN_RECORD_ */
    struct gn_str payload;
};

/* Types. Those below GN_RECORD_OWNER belong to the journal itself; the others to its user. */
enum gn_record_type {
    GN_RECORD_MARK = 1, /* the records before it in this segment are a whole checkpoint */
    GN_RECORD_SEAL = 2, /* the last of a segment that was ended in good order */
    GN_RECORD_OWNER = 16,
};

/* The bytes that a frame with this payload takes. */
size_t gn_frame_size(size_t payload_len);

/* Appends record's frame. A payload above GN_FRAME_PAYLOAD_MAX is our mistake. */
void gn_frame_add(struct gn_buf *out, uint32_t salt, const struct gn_record *record);

enum gn_frame_found {
    GN_FRAME_OK,    /* *record is set, *size is the frame's */
    GN_FRAME_SHORT, /* what is there may be the beginning of a frame of *size bytes (at least) */
    GN_FRAME_NONE,  /* zeros, or nothing at all: no frame was ever written here */
    GN_FRAME_BAD,   /* bytes that are no frame */
};

/* Looks at the frame that bytes begins with. bytes must begin where a frame may: at a multiple of
 * GN_FRAME_ALIGN from the segment's start. */
enum gn_frame_found gn_frame_parse(struct gn_str bytes, uint32_t salt, struct gn_record *record,
                                   size_t *size);

/* Behind damage: the distance from the beginning of bytes to the next place, at a multiple of
 * GN_FRAME_ALIGN and above 0, where a whole valid frame stands; bytes.len when there is none. */
size_t gn_frame_resync(struct gn_str bytes, uint32_t salt);

/* The next frame of bytes that were checked already (a gn_journal_block): moves *bytes behind it.
 * false at the end. */
bool gn_frame_next(struct gn_str *bytes, struct gn_record *record);

#endif
