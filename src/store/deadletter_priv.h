/* What the parts of store/deadletter share. */
#ifndef GURNARD_STORE_DEADLETTER_PRIV_H
#define GURNARD_STORE_DEADLETTER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/store/deadletter.h"
#include "gurnard/store/journal.h"

enum {
    GN_RECORD_LETTER = GN_RECORD_OWNER, /* one letter; its sequence is the letter's number */
    GN_RECORD_FORGET,                   /* numbers that are no more wanted */
};

/* ---- deadletter_index.c: what is in memory of them ---- */

struct gn_letter {
    uint64_t number;
    int64_t last_ns;
    STAILQ_ENTRY(gn_letter) link; /* once it is forgotten */
    int status;
    uint32_t attempts, bytes;
    uint8_t event_id[GN_ID_BYTES];
    char subscription[];
};
STAILQ_HEAD(gn_letters, gn_letter);

/* A row in rising order of numbers, without those taken out. Zero-initialised. */
struct gn_letter_index {
    struct gn_letter **slots; /* owned; used from first to end */
    size_t first, end, cap;
};

/* A new one (not in any index), owned by the caller (free). NULL: no memory. */
struct gn_letter *gn_letter_new(struct gn_str subscription);

/* Makes room for one more. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_letter_index_reserve(struct gn_letter_index *index);
/* Takes letter; its number is above all others, and room was made. */
void gn_letter_index_add(struct gn_letter_index *index, struct gn_letter *letter);
/* The place of the first one with this number or a higher one; index->end behind the last. */
size_t gn_letter_index_place(const struct gn_letter_index *index, uint64_t number);
/* The one with this number, or NULL. */
struct gn_letter *gn_letter_index_find(const struct gn_letter_index *index, uint64_t number);
/* Takes it out (the caller owns it then); NULL when it is not there. */
struct gn_letter *gn_letter_index_take(struct gn_letter_index *index, uint64_t number);
/* Moves all of a subscription to list. Returns how many. */
uint64_t gn_letter_index_take_all(struct gn_letter_index *index, struct gn_str subscription,
                                  struct gn_letters *list);
/* Frees all below number. Returns how many. */
uint64_t gn_letter_index_drop_below(struct gn_letter_index *index, uint64_t number);
/* Frees all. */
void gn_letter_index_fini(struct gn_letter_index *index);

/* ---- deadletter_pack.c: payloads (pure) ---- */

/* Appends the payload of a letter. */
void gn_letter_pack(const struct gn_deadletter *letter, struct gn_buf *out);
/* Reads it back but for number and event (NULL). Views point into payload. GN_EPARSE. */
GN_MUST_CHECK enum gn_err gn_letter_unpack(struct gn_str payload, struct gn_deadletter *letter,
                                           struct gn_packed_event *event);

/* Appends the payload that forgets all below a number, and at most max of list. Returns how many of
 * list. */
size_t gn_letter_pack_forget(uint64_t below, const struct gn_letters *list, size_t max,
                             struct gn_buf *out);
/* Takes what the payload says out of index. GN_EPARSE: some of it may have been. */
GN_MUST_CHECK enum gn_err gn_letter_unpack_forget(struct gn_str payload,
                                                  struct gn_letter_index *index);

/* ---- all of it ---- */

struct gn_letter_get; /* deadletter_get.c */
LIST_HEAD(gn_letter_gets, gn_letter_get);

struct gn_deadletters {
    struct gn_loop *loop; /* borrowed */
    struct gn_journal *journal;
    struct gn_letter_index index;
    struct gn_hook hook;
    struct gn_letters forgotten; /* to be written at the end of the turn */
    uint64_t forget_below;       /* the same, for a purge; 0: nothing */
    struct gn_letter_gets gets;
    struct gn_id shown; /* text given by gn_deadletters_each() */
    uint64_t dropped;
    struct gn_log_limit unreadable_log;
    /* segments that are emptied */
    bool is_shedding;
    uint64_t shed_next, shed_last; /* numbers */
    bool is_closing;
    struct gn_metrics *metrics; /* borrowed */
    struct gn_metric *count_metric, *bytes_metric, *total_metric, *dropped_metric;
};

/* Drops those whose segment the journal has given up. */
void gn_deadletters_reap(struct gn_deadletters *letters);

/* Calls all gets under way back with GN_ECANCELED. */
void gn_deadletters_cancel_gets(struct gn_deadletters *letters);

#endif
