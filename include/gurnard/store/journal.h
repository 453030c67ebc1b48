/* The journal: what was appended and synced survives kill -9 and power failure (docs/journal.md).
 *
 * A row of segments, each a file of frames (frame.h, segment.h), numbered without gaps. The loop
 * appends to memory; one helper thread writes and syncs all that has come since its last round
 * (group commit); another one reads and rewrites. The journal knows records, not events: its user,
 * the owner, gives them meaning, says which are still needed and writes the checkpoint with which
 * each segment begins, so that recovery scans the last segments only.
 *
 * Sequence numbers count events, from 1, and are never given twice in a store.
 *
 * The journal's clock counts the milliseconds in which a daemon had the store open. It never goes
 * back and does not care what happens to the calendar; ages are reckoned by it.
 *
 * When a write or a sync fails, the segment is left for good, everybody who waits gets GN_EIO, and
 * a new segment is tried at once and then each GN_JOURNAL_RETRY_MS; what was not synced is written
 * again there. Until that works nothing more is taken.
 *
 * Used by the loop's thread only. */
#ifndef GURNARD_STORE_JOURNAL_H
#define GURNARD_STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/store/frame.h"

#define GN_JOURNAL_RETRY_MS  1000U
#define GN_JOURNAL_ANSWER_MS 10000U /* longest wait of gn_journal_wait() */
#define GN_JOURNAL_TICK_MS   1000U  /* old segments and room on disk are looked at this often */
#define GN_JOURNAL_LAZY_MS   10U    /* longest stay in memory of records without events */
#define GN_JOURNAL_GROUP_MS                                                                        \
    4U /* shortest time from one write to the next, so that who comes in                           \
        * between shares a sync; after a pause nobody waits */
#define GN_JOURNAL_GROUP_EVENTS 16U /* nor when so many records with events have come */

struct gn_journal;
struct gn_journal_reader;

struct gn_journal_config {
    const char *name;        /* for logs and the label journal="": events, deadletters */
    const char *folder;      /* copied; made when missing; "" : in memory, nothing survives */
    uint64_t max_bytes;      /* of all segments; see gn_journal_append() */
    uint32_t segment_bytes;  /* where a segment ends; at most an eighth of max_bytes */
    uint32_t disk_spare_pct; /* part of the file system's space and inodes left to others; 0: all
                              * may be used */
    uint64_t pending_bytes;  /* appended and not yet written; beyond it append refuses */
    uint64_t keep_ms;        /* how long records that nobody needs are kept, if there is room */
    bool accept_gaps;        /* open although segments are missing */
};

/* What the journal asks of its owner. Any may be NULL. */
struct gn_journal_owner {
    /* A segment begins: append what a later recovery must know (the checkpoint). Before it the last
     * one ends: append one record by which recovery can do without reading the segment (its index);
     * it is told apart by being the last. Both with gn_journal_append(), never refused. begin gives
     * false when it could not append all: then a recovery goes back to the checkpoint before. */
    bool (*begin)(void *ctx);
    void (*end)(void *ctx);
    /* During recovery: a record, in order. is_index: it stands for its whole segment, whose records
     * are not given; an index that comes without it must be ignored: a crash may have left it and
     * not the records before it. Sequences never come twice. payload is borrowed for the call. */
    enum gn_err (*record)(void *ctx, const struct gn_record *record, bool is_index);
    /* Records could not be read: about this many events are missing. At most, since what the gap
     * held is not known. */
    void (*lost)(void *ctx, uint64_t first_sequence, uint64_t count);
    void *ctx;
};

/* Opens the folder: reads the headers of its segments. Blocks; at start only. The owner of the
 * store holds its lock (pubsub.h). metrics: docs/metrics.md, "Journal". On an error one line was
 * logged that says what to do. GN_EUNSUPPORTED: another version; GN_EPARSE: segments are missing;
 * GN_EIO: folder or files cannot be used; GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_journal_open(struct gn_loop *loop,
                                          const struct gn_journal_config *config,
                                          struct gn_metrics *metrics, struct gn_journal **journal);

/* Reads what recovery must know and gives it to owner (copied): for each segment that ended not
 * longer than index_ms ago (by the journal's clock) and is older than the last checkpoint, its
 * index, or all its records when it has none; then all records from the last checkpoint on. A torn
 * tail is cut, damaged records are set aside in the folder "damaged" (the newest 64), counted and
 * logged. Then begins a new segment. Blocks; at start only, once. GN_EIO, GN_ENOMEM, what record
 * returned; one line was logged. */
GN_MUST_CHECK enum gn_err gn_journal_recover(struct gn_journal *journal,
                                             const struct gn_journal_owner *owner,
                                             uint64_t index_ms);

/* Writes and syncs what is pending, seals nothing, ends the threads. Waits and reads under way are
 * called back with GN_ECANCELED from inside this call. NULL is fine. */
void gn_journal_close(struct gn_journal *journal);

/* ---- writing ---- */

/* Appends a record with count events (0: none) and gives the sequence number of the first. Records
 * with events: GN_EFULL when max_bytes less a twentieth, or the spare part of the disk, or
 * pending_bytes is reached; GN_EIO while the journal fails. Records without are refused only when
 * twice pending_bytes are pending: GN_EFULL. GN_ELIMIT: with its header it is above pending_bytes
 * or above half of max_bytes, and would never be taken. GN_ENOMEM. On an error nothing was
 * appended. payload is copied. Handed over for writing at the end of the turn at the latest, unless
 * a write is under way, the last one was just now (GN_JOURNAL_GROUP_MS), or only records without
 * events are pending that nobody waits for (GN_JOURNAL_LAZY_MS). */
GN_MUST_CHECK enum gn_err gn_journal_append(struct gn_journal *journal, uint8_t type,
                                            uint32_t count, struct gn_str payload,
                                            uint64_t *sequence);

/* Whether a record with events of this size would be taken: what append would say. */
GN_MUST_CHECK enum gn_err gn_journal_has_room(const struct gn_journal *journal, size_t bytes);

/* Whether all that was appended is durable. In memory: always. */
bool gn_journal_is_durable(const struct gn_journal *journal);

/* Lives in its owner; zero-initialised. */
struct gn_journal_wait {
    void (*done)(void *ctx, enum gn_err err);
    void *ctx;
    uint64_t until_bytes, deadline_ms, order; /* private */
    TAILQ_ENTRY(gn_journal_wait) link;        /* private */
    bool is_waiting;
};

/* Calls done once, in a later turn, when all that was appended before is durable. GN_EIO: it could
 * not be written (it will be tried again, but nobody should rely on it); GN_ETIMEOUT: not within
 * GN_JOURNAL_ANSWER_MS; GN_ECANCELED. */
void gn_journal_wait(struct gn_journal *journal, struct gn_journal_wait *wait,
                     void (*done)(void *ctx, enum gn_err err), void *ctx);
/* Takes it back; nothing happens when it does not wait. */
void gn_journal_wait_cancel(struct gn_journal *journal, struct gn_journal_wait *wait);

/* The sequence number that the next event gets, and the one behind the last durable event. */
uint64_t gn_journal_next(const struct gn_journal *journal);
uint64_t gn_journal_durable_next(const struct gn_journal *journal);

/* The journal's clock. */
uint64_t gn_journal_clock_ms(const struct gn_journal *journal);

/* ---- what is needed ---- */

/* Events below sequence are no longer needed by anybody: their segments may go when keep_ms has
 * passed or room is needed. Called with rising numbers; cheap. */
void gn_journal_set_needed(struct gn_journal *journal, uint64_t sequence);

/* ---- reading ---- */

/* Reads in order, from the event with this number on (or the first one after it that is still
 * there). NULL when there is no memory. */
struct gn_journal_reader *gn_journal_reader_new(struct gn_journal *journal, uint64_t sequence);
/* Frees it; a read under way is called back no more. NULL is fine. */
void gn_journal_reader_free(struct gn_journal_reader *reader);

/* What a read found. */
struct gn_journal_block {
    enum gn_err err;      /* GN_EIO, GN_ENOMEM: try again later */
    struct gn_str frames; /* gn_frame_next(); borrowed for the call. Whole records: the first may
                           * begin below the wanted number. May be empty though is_end is false */
    uint64_t next;        /* all durable events below this number were given by now */
    bool is_end;          /* and there are no further durable ones */
};
typedef void (*gn_journal_read_fn)(void *ctx, const struct gn_journal_block *block);

/* Reads on, about max_bytes; done is called once, in a later turn. One read at a time. */
void gn_journal_read(struct gn_journal_reader *reader, size_t max_bytes, gn_journal_read_fn done,
                     void *ctx);

/* ---- making room ---- */

struct gn_journal_segment {
    uint64_t number;
    uint64_t first_sequence, end_sequence; /* the second is behind the last event */
    uint64_t bytes;                        /* on disk */
    uint64_t end_clock_ms;                 /* journal's clock at its end */
    int64_t created_ns;
    bool is_closed; /* nothing more is written to it: it can be rewritten */
};
/* The segments, oldest first; false behind the last. */
bool gn_journal_segment_at(const struct gn_journal *journal, size_t place,
                           struct gn_journal_segment *segment);

/* Whether a record of a segment that is rewritten stays. On the reading thread. */
typedef bool (*gn_journal_keep_fn)(void *ctx, const struct gn_record *record);

/* Rewrites a closed segment with those records only for which keep says so (its index stays), and
 * replaces the old file in one step. done: once, in a later turn; GN_EIO, GN_ENOMEM: the old one
 * stands. One at a time (GN_EBUSY); GN_ENOTFOUND: no such closed segment. ctx is left alone by the
 * loop until done. */
GN_MUST_CHECK enum gn_err gn_journal_rewrite(struct gn_journal *journal, uint64_t number,
                                             gn_journal_keep_fn keep,
                                             void (*done)(void *ctx, enum gn_err err), void *ctx);

/* ---- figures ---- */

struct gn_journal_status {
    uint64_t bytes, max_bytes;
    uint64_t refuse_at_bytes; /* events are refused beyond */
    uint64_t segments;
    uint64_t first_sequence, next_sequence, durable_next;
    uint64_t pending_bytes;
    int64_t oldest_ns;       /* calendar time at which the oldest segment begins */
    uint64_t syncs;          /* since the start */
    uint64_t damaged;        /* records, or places, that could not be read, since the start */
    double disk_free_pct;    /* of the file system, space or inodes, the lower; 100 in memory */
    uint32_t disk_spare_pct; /* below it is_disk_short: as configured; 0 in memory */
    bool is_failing;         /* the last write failed */
    bool is_disk_short;      /* the spare part of the disk is reached */
    bool is_in_memory;
    int os_error; /* errno of the failure, 0 */
};
/* How it stands now. */
void gn_journal_status(const struct gn_journal *journal, struct gn_journal_status *status);

#endif
