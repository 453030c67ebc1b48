/* One file of a journal (docs/journal.md, "Segments"): blocking operations on it, for start and for
 * helper threads. No state beside the descriptor; the journal keeps the list. Where GN_EIO is
 * returned, errno tells the cause. */
#ifndef GURNARD_STORE_SEGMENT_H
#define GURNARD_STORE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/store/frame.h"

#define GN_SEGMENT_VERSION  1U
#define GN_SEGMENT_HEADER   64U /* bytes before the first frame */
#define GN_SEGMENT_NAME_MAX 25U /* "0000000042.seg", up to twenty digits, and its NUL */

/* What a segment begins with. */
struct gn_segment_header {
    uint64_t number;         /* also its name, ten digits or more */
    uint64_t first_sequence; /* the number that the first event in it gets */
    uint64_t clock_ms;       /* the journal's clock at its beginning */
    int64_t created_ns;      /* the calendar's, UTC */
    uint32_t salt;           /* of the whole store */
};

/* Writes the file's name. */
void gn_segment_name(uint64_t number, char name[GN_SEGMENT_NAME_MAX]);
/* Reads it; false: it is no segment's (one number has one name: "42.seg" is none). */
bool gn_segment_parse_name(const char *name, uint64_t *number);

/* Makes the file in dir_fd, or in memory (memfd) when dir_fd is -1: header, and room for bytes in
 * all taken from the file system at once (where that is not offered, later); file and folder are
 * synced. *fd: owned by the caller, open for reading and writing. GN_EEXIST; GN_EIO: nothing is
 * left behind. */
GN_MUST_CHECK enum gn_err gn_segment_create(int dir_fd, const struct gn_segment_header *header,
                                            uint64_t bytes, int *fd);

/* Writes bytes at offset and, when sync is set, syncs them. Also GN_EIO (errno ENOENT) when the
 * file has been unlinked meanwhile, and when a sync failed: then nothing that was written to the
 * file since the last good sync may be relied on, and the file must not be synced again. */
GN_MUST_CHECK enum gn_err gn_segment_write(int fd, struct gn_str bytes, uint64_t offset, bool sync);

/* Cuts the file at end, which is behind its last frame, and syncs it. */
GN_MUST_CHECK enum gn_err gn_segment_cut(int fd, uint64_t end);

/* Opens a segment of dir_fd for reading (and gn_segment_cut()) and reads its header. *size: of the
 * file. GN_EPARSE: no header, a damaged one (its version, too), or that of another number;
 * GN_EUNSUPPORTED: of another version, written to *version; GN_ENOTFOUND, GN_EIO. On an error *fd
 * is -1 and *header untouched.
 */
GN_MUST_CHECK enum gn_err gn_segment_open(int dir_fd, uint64_t number,
                                          struct gn_segment_header *header, uint64_t *size,
                                          uint32_t *version, int *fd);

/* The salt as it stands in a damaged header, which may be wrong; 0: there is none. */
uint32_t gn_segment_guess_salt(int fd);

/* Removes the file's name and syncs the folder. GN_EIO. */
GN_MUST_CHECK enum gn_err gn_segment_remove(int dir_fd, uint64_t number);

/* A stretch of a segment that holds no valid frame. */
struct gn_segment_damage {
    uint64_t offset, bytes;
    bool is_tail; /* nothing valid follows: a write that a crash cut off, or damage to the last */
};

/* Called for each thing found, in order. What is given is borrowed for the call. Either may be
 * NULL.
 */
struct gn_segment_visitor {
    /* offset: of the frame. An error ends the scan and is its result. */
    enum gn_err (*record)(void *ctx, const struct gn_record *record, uint64_t offset);
    /* bytes: the damaged ones, or the first GN_SEGMENT_DAMAGE_SHOWN of them. */
    void (*damage)(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes);
    void *ctx;
};
#define GN_SEGMENT_DAMAGE_SHOWN ((size_t)1 << 20)

/* Goes through the frames from offset, where a frame may begin, up to end (at most the file's
 * size), with memory for one frame and one read-ahead. *end_of_frames gets the place behind the
 * last valid frame (offset when there is none). Zeros behind it are no damage, and damage at the
 * end does not count the zeros behind it. GN_EIO, GN_ENOMEM, what record returned. */
GN_MUST_CHECK enum gn_err gn_segment_scan(int fd, uint32_t salt, uint64_t offset, uint64_t end,
                                          const struct gn_segment_visitor *visitor,
                                          uint64_t *end_of_frames);

/* Reads frames from offset on, at most max_bytes of them but at least one if there is one before
 * end, into out (reset first, its limit is set as needed): valid frames only, one after another as
 * gn_frame_next() takes them. *offset moves behind what was looked at, which is end when no further
 * frame stands before it. visitor->damage is told of damage; ->record is not used. out stays empty
 * at the end. GN_EIO, GN_ENOMEM: out is empty, *offset stands, and damage may be told again. */
GN_MUST_CHECK enum gn_err gn_segment_read(int fd, uint32_t salt, uint64_t *offset, uint64_t end,
                                          size_t max_bytes,
                                          const struct gn_segment_visitor *visitor,
                                          struct gn_buf *out);

/* The payload of a SEAL: the number behind its last event, the place of its index frame (0: none),
 * the calendar time of sealing; 64 bits each. */
#define GN_SEGMENT_SEAL_PAYLOAD 24U

/* Looks whether the segment was sealed: finds the SEAL frame at the end of the file. GN_OK: *record
 * is it, its payload in out (reset first); GN_ENOTFOUND: it was not, or its last frame is damaged,
 * or it was not cut behind it; GN_EIO, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_segment_find_seal(int fd, uint32_t salt, uint64_t size,
                                               struct gn_record *record, struct gn_buf *out);

#endif
