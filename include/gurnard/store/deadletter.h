/* Dead letters: deliveries that were given up because the receiver refused them. Kept on disk in a
 * journal of their own, bounded: the oldest make room. A short entry of each is in memory (about
 * 100 bytes). Used by the loop's thread only. */
#ifndef GURNARD_STORE_DEADLETTER_H
#define GURNARD_STORE_DEADLETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/event.h"
#include "gurnard/loop/loop.h"

#define GN_DEADLETTER_ANSWER_MAX 1024U /* bytes kept of the receiver's answer */

struct gn_deadletters;

/* One of them. Views are borrowed. */
struct gn_deadletter {
    uint64_t number;            /* given by put, never given twice in a store */
    struct gn_str subscription; /* its id */
    struct gn_str address;      /* where it was sent */
    int status;                 /* of the last answer, 0 without one */
    struct gn_str error;        /* one line of English */
    struct gn_str answer;       /* the beginning of the last answer's body, any bytes */
    uint32_t attempts;
    int64_t first_ns, last_ns; /* calendar time of the event's arrival and of the last attempt */
    struct gn_event *event;    /* borrowed */
};

/* What is in memory of it. Texts are borrowed until the next call. */
struct gn_deadletter_entry {
    uint64_t number;
    const char *subscription;
    struct gn_str event_id;
    int status;
    uint32_t attempts;
    int64_t last_ns;
    uint32_t bytes;
};

/* Opens the folder (made when missing; "": in memory) and reads what is in it. Blocks; at start
 * only. max_bytes: raised to 512 KiB if below. metrics: gurnard_deadletters,
 * gurnard_deadletters_bytes, gurnard_deadletters_total, gurnard_deadletters_dropped_total. What
 * failed was logged. */
GN_MUST_CHECK enum gn_err gn_deadletters_open(struct gn_loop *loop, const char *folder,
                                              uint64_t max_bytes, struct gn_metrics *metrics,
                                              struct gn_deadletters **letters);
/* Writes what is pending. Gets under way are called back with GN_ECANCELED. NULL is fine. */
void gn_deadletters_close(struct gn_deadletters *letters);

/* Keeps one (number is not read; the answer is cut). It is durable when
 * gn_deadletters_is_durable() says so. GN_EIO, GN_EFULL, GN_ELIMIT (there can never be room for
 * it), GN_ENOMEM: it was not kept; counted as dropped. */
GN_MUST_CHECK enum gn_err gn_deadletters_put(struct gn_deadletters *letters,
                                             const struct gn_deadletter *letter);
bool gn_deadletters_is_durable(const struct gn_deadletters *letters);

/* Calls fn for each whose number is above after, oldest first, until it returns false. fn may
 * remove letters. */
void gn_deadletters_each(struct gn_deadletters *letters, uint64_t after,
                         bool (*fn)(void *ctx, const struct gn_deadletter_entry *entry), void *ctx);

/* Reads one. done: once, in a later turn; letter is NULL on an error: GN_ENOTFOUND, GN_EIO,
 * GN_EPARSE (damaged), GN_ENOMEM, GN_ECANCELED. GN_ENOTFOUND or GN_ENOMEM here: done is not called.
 */
typedef void (*gn_deadletter_fn)(void *ctx, enum gn_err err, const struct gn_deadletter *letter);
GN_MUST_CHECK enum gn_err gn_deadletters_get(struct gn_deadletters *letters, uint64_t number,
                                             gn_deadletter_fn done, void *ctx);

/* Forgets one: GN_ENOTFOUND; or all of a subscription, or all (absent): the number of those
 * forgotten. Written soon after the end of the turn, not waited for: a crash before may bring them
 * back. */
GN_MUST_CHECK enum gn_err gn_deadletters_remove(struct gn_deadletters *letters, uint64_t number);
uint64_t gn_deadletters_purge(struct gn_deadletters *letters, struct gn_str subscription);

/* Frees room on the disk: the oldest tenth or a little more goes (counted as dropped), but for what
 * stands in the segment that is being written. Returns how many went; 0 also while the files of the
 * last call are still being emptied. */
uint64_t gn_deadletters_shed(struct gn_deadletters *letters);

struct gn_deadletters_status {
    uint64_t count;
    uint64_t bytes, max_bytes; /* on disk, with what is forgotten but not yet removed */
    uint64_t dropped;          /* to make room, or not kept; since the start */
    bool is_failing;           /* the last write failed */
};
/* Fills in status. */
void gn_deadletters_status(const struct gn_deadletters *letters,
                           struct gn_deadletters_status *status);

#endif
