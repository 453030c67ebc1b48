/* What the parts of store/journal share. Everything belongs to the loop's thread, unless it says
 * otherwise. */
#ifndef GURNARD_STORE_JOURNAL_PRIV_H
#define GURNARD_STORE_JOURNAL_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/loop/worker.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/segment.h"

#define GN_JOURNAL_CHUNK_BYTES ((size_t)64 << 10) /* pending records are held in pieces of this */
#define GN_JOURNAL_MEMORY_BYTES                                                                    \
    ((uint64_t)1 << 20)           /* in memory: pending before it is handed over */
#define GN_JOURNAL_DAMAGED_MAX 64 /* files kept in the folder of damaged records */
#define GN_JOURNAL_DAMAGED     "damaged"
#define GN_JOURNAL_SEAL_BYTES  (GN_FRAME_HEADER + GN_SEGMENT_SEAL_PAYLOAD) /* of its frame */
#define GN_JOURNAL_HARMS_MAX   16 /* damaged places told of by one job; of further ones the rest */

/* ---- segments ---- */

/* One segment. The list holds a reference, and so does each job of the reading thread. */
struct gn_journal_seg {
    TAILQ_ENTRY(gn_journal_seg) link;
    unsigned refs;
    struct gn_segment_header header;
    uint64_t end_sequence; /* behind its last event */
    uint64_t durable_next; /* behind its last durable event */
    uint64_t fill;         /* place of the next frame */
    uint64_t begin_end;    /* place behind its checkpoint */
    uint64_t durable_end;  /* up to here it can be read; 0: nothing yet */
    uint64_t bytes;        /* what it takes, as counted in the journal's sum */
    uint64_t index_offset; /* 0: no index */
    uint64_t end_clock_ms;
    int64_t sealed_ns;
    bool is_ended;       /* nothing more is appended */
    bool is_listed;      /* not dropped yet */
    bool is_sealed;      /* found so at start */
    bool is_rescued;     /* its header was damaged: where it begins is a guess */
    struct gn_buf harms; /* offsets of the damaged places that were told of, 64 bits each */
    /* of the syncing thread until the segment has ended; in memory: then of the reading one */
    int fd;              /* -1: not open for writing */
    bool is_made;        /* the file was made, or was there */
    unsigned generation; /* of the reading thread: how often it was rewritten */
};
TAILQ_HEAD(gn_journal_segs, gn_journal_seg);

/* ---- writing ---- */

/* A piece of what is pending: frames that stand one after another in one segment. */
struct gn_journal_chunk {
    TAILQ_ENTRY(gn_journal_chunk) link;
    struct gn_journal_seg *seg;
    uint64_t offset;
    uint64_t next; /* behind the last event of the segment up to here */
    struct gn_buf bytes;
    bool has_mark; /* a whole checkpoint ends in it */
    bool is_end;   /* the segment ends with it */
};
TAILQ_HEAD(gn_journal_chunks, gn_journal_chunk);

/* What the syncing thread is given; untouched by the loop while is_running. */
struct gn_journal_batch {
    struct gn_job job;
    bool is_running;
    struct gn_journal_chunks chunks;
    struct gn_journal_seg
        *abandoned; /* left after a failure: to be cut, when all else went well; or NULL */
    /* result */
    struct gn_journal_seg *failed; /* NULL: all is durable */
    int os_error;
    bool is_number_taken; /* a file with the failed segment's number stays behind */
    bool is_folder_new;   /* it was gone and has been made again */
    bool is_cut;          /* abandoned is */
    uint64_t took_us, syncs;
};

TAILQ_HEAD(gn_journal_waits, gn_journal_wait);

/* ---- damage ---- */

/* One damaged place, and what it has cost as far as sequence numbers tell. */
struct gn_journal_harm {
    struct gn_segment_damage damage;
    uint64_t lost_first, lost_count;
};

/* What a job of the reading thread has found in a segment. */
struct gn_journal_harms {
    const struct gn_journal *journal;
    uint64_t number;
    struct gn_journal_harm list[GN_JOURNAL_HARMS_MAX];
    size_t count;
    struct gn_journal_harm *open; /* its cost is not known yet */
    uint64_t expected;            /* sequence behind the last event seen */
};

/* ---- jobs ---- */

/* Removal of old segments, on the reading thread. */
struct gn_journal_drop {
    struct gn_job job;
    bool is_running;
    struct gn_journal_segs segs; /* what is left of it could not be removed */
    int os_error;
};

/* A look at the file system, on the syncing thread. */
struct gn_journal_look {
    struct gn_job job;
    bool is_running;
    bool is_known;
    double free_pct;
};

/* Which of these segments are still in the folder; on the reading thread. */
struct gn_journal_roll {
    struct gn_job job;
    bool is_running;
    bool is_wanted;               /* again, when it is done */
    struct gn_journal_seg **segs; /* owned, with a reference each */
    bool *is_gone;                /* owned */
    size_t count;
};

struct gn_journal_rewriting; /* journal_rewrite.c */

/* A segment and its place in the list; NULL: none, the list has changed. */
struct gn_journal_place {
    const struct gn_journal_seg *seg;
    size_t place;
};

struct gn_journal_reader {
    LIST_ENTRY(gn_journal_reader) link;
    struct gn_journal *journal; /* NULL: closed */
    uint64_t next;              /* all below were given, or are no more */
    /* where the last read ended: good while the segment is the same and was not rewritten */
    uint64_t number, offset;
    unsigned generation;
    bool is_busy, is_freed;
    gn_journal_read_fn done;
    void *ctx;
    struct gn_defer defer; /* a read that finds nothing */
    /* of the job */
    struct gn_job job;
    struct gn_journal_seg *seg;
    uint64_t end, end_sequence; /* of the segment, as far as durable */
    size_t max_bytes;
    struct gn_buf out;
    struct gn_str frames; /* in out */
    enum gn_err err;
    int os_error;
    bool is_at_end; /* of the segment */
    struct gn_journal_harms harms;
};
LIST_HEAD(gn_journal_readers, gn_journal_reader);

/* ---- the journal ---- */

struct gn_journal_metrics {
    struct gn_metrics *set; /* borrowed */
    struct gn_metric *bytes, *limit_bytes, *segments, *pending_bytes, *failing, *disk_free;
    struct gn_metric *syncs, *records, *failures, *damaged, *torn, *lost_events;
    struct gn_histogram *sync_seconds;
};

struct gn_journal {
    struct gn_loop *loop; /* borrowed */
    struct gn_journal_config config;
    char *name, *folder; /* owned; config points to them */
    struct gn_journal_owner owner;
    struct gn_worker *sync, *read;
    int dir_fd; /* -1 in memory; keeps its number when the folder is made again */
    bool is_memory;
    uint32_t salt;
    bool is_recovered, is_closing;
    atomic_bool is_ending; /* tells long jobs to give up */
    struct gn_journal_metrics metrics;

    struct gn_journal_segs segs; /* oldest first */
    struct gn_journal_place last_looked;
    struct gn_journal_place *looked; /* to that: the one thing that looking at a journal changes */
    struct gn_journal_seg *current;
    uint64_t segments, bytes;
    uint64_t last_number;       /* at start: of the last segment that there is or was */
    uint64_t skipped_bytes;     /* at start: unreadable ones behind the last known event */
    bool is_last_aside;         /* at start: among them a segment that was put aside */
    uint64_t checkpoint_number; /* of the last segment with a durable checkpoint; 0: none */
    bool is_framing;            /* the owner is writing a checkpoint or an index */
    bool is_frame_missing;      /* and one of its records was refused */
    uint64_t last_offset;       /* of the last frame appended */

    uint64_t next, durable_next, needed;
    uint64_t clock_base_ms, opened_at_ms;

    uint64_t appended_bytes, durable_bytes; /* of frames, since the start */
    struct gn_journal_chunks pending;
    uint32_t pending_events; /* records with events that wait for the next batch */
    bool is_flush_wanted;
    struct gn_journal_batch batch;
    struct gn_hook hook;
    struct gn_defer turn;   /* sees to it that a turn ends after an append */
    uint64_t flushed_at_ms; /* when the last batch was handed over */
    struct gn_timer lazy_timer, retry_timer, wait_timer, tick_timer;

    bool is_failing;
    uint64_t failures_in_row;
    int os_error;
    struct gn_journal_seg *broken; /* failed: what is pending of it goes to a new one */
    struct gn_log_limit failed_log;

    struct gn_journal_waits waits; /* in the order of their bytes and deadlines */
    uint64_t next_order;
    struct gn_defer waits_defer;

    struct gn_journal_readers readers;
    struct gn_journal_rewriting *rewriting;
    struct gn_journal_segs doomed; /* dropped, not yet removed */
    struct gn_journal_drop drop;
    struct gn_journal_look look;
    struct gn_journal_roll roll;
    double disk_free_pct;
    bool is_disk_short;

    uint64_t syncs, damaged;
    struct gn_log_limit damaged_log, lost_log;
};

/* ---- journal_segs.c: the list ---- */

/* A new segment, not yet listed: its header but for number and first sequence is filled in. NULL:
 * no memory. */
struct gn_journal_seg *gn_journal_seg_new(const struct gn_journal *journal, uint64_t number,
                                          uint64_t first_sequence);
/* Takes a reference away; with the last one, closes and frees it. */
void gn_journal_seg_unref(struct gn_journal_seg *seg);
/* Puts seg (takes the reference) into the list behind other, at its end when that is NULL. */
void gn_journal_seg_list(struct gn_journal *journal, struct gn_journal_seg *seg,
                         struct gn_journal_seg *other);
/* Takes seg out; the caller owns the list's reference. */
void gn_journal_seg_unlist(struct gn_journal *journal, struct gn_journal_seg *seg);
/* Says what seg takes. */
void gn_journal_seg_set_bytes(struct gn_journal *journal, struct gn_journal_seg *seg,
                              uint64_t bytes);
/* Whether all of seg is written and nothing more will be. */
bool gn_journal_seg_is_closed(const struct gn_journal_seg *seg);
/* Whether seg may be rewritten: closed, older than the checkpoint, and not waiting to be cut. */
bool gn_journal_seg_is_rewritable(const struct gn_journal *journal,
                                  const struct gn_journal_seg *seg);
/* Whether record has events that belong to the next segment, as one does that begins where this one
 * ends: a failed sync has left it here, in what shape nobody knows, and it was written again there.
 */
bool gn_journal_seg_is_copy(const struct gn_record *record, uint64_t end_sequence);
/* Appends the frame of its SEAL, GN_JOURNAL_SEAL_BYTES, with this place of the index. */
void gn_journal_seg_add_seal(const struct gn_journal_seg *seg, uint64_t index_offset,
                             struct gn_buf *out);
/* Opens its file with these flags; -1 with errno. */
int gn_journal_seg_open(const struct gn_journal *journal, uint64_t number, int flags);

/* ---- journal.c ---- */

/* Begins the segment current, which is empty: the owner's checkpoint and a MARK. */
void gn_journal_begin(struct gn_journal *journal);
/* An empty piece for at least bytes; NULL: no memory. */
struct gn_journal_chunk *gn_journal_chunk_new(struct gn_journal_seg *seg, size_t bytes);
void gn_journal_chunk_free(struct gn_journal_chunk *chunk);

/* ---- journal_wait.c ---- */

/* Ends the waits for what is durable by now, and all others with rest unless that is GN_OK. Those
 * that begin meanwhile wait on. */
void gn_journal_waits_end(struct gn_journal *journal, enum gn_err rest);
/* Ends all with GN_ECANCELED. */
void gn_journal_waits_cancel(struct gn_journal *journal);
void gn_journal_on_wait_timer(void *ctx);

/* ---- journal_flush.c ---- */

/* Hands what is pending over to the syncing thread, unless it is at work. */
void gn_journal_flush(struct gn_journal *journal);
/* The same, if it is time to. */
void gn_journal_flush_if_due(struct gn_journal *journal);
/* Has it looked at whether it is time in the end of this turn, or in the next one at once. */
void gn_journal_want_flush(struct gn_journal *journal);
/* For the hook at the end of a turn. */
void gn_journal_on_turn_end(void *ctx);
void gn_journal_on_retry_timer(void *ctx);
void gn_journal_on_lazy_timer(void *ctx);

/* ---- journal_room.c ---- */

/* What the file system would have to give for a record with a frame of size bytes. */
uint64_t gn_journal_growth(const struct gn_journal *journal, size_t size);
/* Whether the current segment takes it. */
bool gn_journal_fits(const struct gn_journal *journal, size_t size);
/* Whether there is room to grow by bytes once all that may go is gone. */
bool gn_journal_can_grow(const struct gn_journal *journal, uint64_t bytes);
uint64_t gn_journal_refuse_at(const struct gn_journal *journal);
/* Lets old segments go: for age, and for bytes more. */
void gn_journal_make_room(struct gn_journal *journal, uint64_t bytes);
/* Looks at the file system at once; at open only. */
void gn_journal_look_now(struct gn_journal *journal);
void gn_journal_on_tick(void *ctx);

/* ---- journal_roll.c ---- */

/* Finds out which segments are gone from the folder; they are taken off the list. */
void gn_journal_call_roll(struct gn_journal *journal);
/* seg's file is gone: takes it off the list and says what is lost. */
void gn_journal_seg_vanished(struct gn_journal *journal, struct gn_journal_seg *seg);

/* ---- journal_damage.c ---- */

/* Says that events are missing. */
void gn_journal_tell_lost(struct gn_journal *journal, uint64_t first, uint64_t count);
/* Counts one damaged place and logs it. */
void gn_journal_tell_damage(struct gn_journal *journal, uint64_t number,
                            const struct gn_segment_damage *damage);
/* Writes damaged bytes to the folder of such, keeps the newest GN_JOURNAL_DAMAGED_MAX. On any
 * thread. */
void gn_journal_save_damage(const struct gn_journal *journal, uint64_t number,
                            const struct gn_segment_damage *damage, struct gn_str bytes);
/* For a visitor: saves, and notes in the gn_journal_harms at ctx. */
void gn_journal_harms_add(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes);
/* A valid record follows: what the open harm has cost is known. */
void gn_journal_harms_pass(struct gn_journal_harms *harms, const struct gn_record *record);
/* The segment ends, its events before sequence. */
void gn_journal_harms_end(struct gn_journal_harms *harms, uint64_t sequence);
/* Tells of those that were not told of before. */
void gn_journal_harms_tell(struct gn_journal *journal, struct gn_journal_seg *seg,
                           const struct gn_journal_harms *harms);

/* ---- journal_figures.c ---- */

void gn_journal_metrics_init(struct gn_journal *journal, struct gn_metrics *metrics);
void gn_journal_metrics_fini(struct gn_journal *journal);

/* ---- journal_folder.c ---- */

/* Makes the folder if need be, opens it and lists its segments. One line was logged on an error:
 * GN_EUNSUPPORTED, GN_EPARSE, GN_EIO, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_journal_folder_open(struct gn_journal *journal);

/* Makes the folder again after it vanished, and lets dir_fd lead to it. On the syncing thread. */
bool gn_journal_remake_folder(const struct gn_journal *journal);

/* Whether mending has put the segment with this number aside, now or in an earlier start. */
bool gn_journal_is_aside(const struct gn_journal *journal, uint64_t number);

/* ---- journal_gaps.c ---- */

/* Whether all segments from the first to the last listed one are there, or known not to be. With
 * accept_gaps those missing are noted as such, for good. GN_EPARSE: some are, and a line was
 * logged; GN_EIO, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_journal_check_gaps(const struct gn_journal *journal);

/* ---- journal_read.c ---- */

/* Calls the reads under way back with GN_ECANCELED and lets go of the readers. */
void gn_journal_readers_close(struct gn_journal *journal);

#endif
