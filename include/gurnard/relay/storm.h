/* Storm control: a BMC that sends more than its share has its repeats folded. Pure but for memory;
 * the clock is the caller's.
 *
 * Each BMC has a bucket of burst tokens, refilled at rate a second; each record that goes on takes
 * one. When the bucket is empty a body that tells the same as one before (registry key, origin,
 * severity, finished text) within GN_STORM_FOLD_MS is folded: it does not go on, but is counted. Of
 * the last one folded a summary goes out when the fold ends (GN_STORM_FOLD_MS after it began, or
 * when the bucket has tokens again, of which it takes its share): its body, with the count and the
 * time of the last. Until then all that tells the same joins the fold. Critical ones, and those
 * that tell something new, are never folded. What is folded lives in memory only. */
#ifndef GURNARD_RELAY_STORM_H
#define GURNARD_RELAY_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

#define GN_STORM_FOLD_MS  10000U
#define GN_STORM_POLL_MS  250U   /* shortest time from one gn_storm_poll() to the next */
#define GN_STORM_KINDS    256U   /* different records remembered of a BMC in a storm */
#define GN_STORM_BMCS_MAX 20000U /* the longest calm ones make room */
#define GN_STORM_BYTES_MAX                                                                         \
    ((size_t)64 << 20)                       /* bodies kept in all; beyond it nothing is folded    \
                                              */
#define GN_STORM_BODY_MAX ((size_t)16 << 10) /* larger ones are not folded */

struct gn_storm;

/* rate: records a second of one BMC, 0: off. burst: at least 1. NULL: no memory. */
struct gn_storm *gn_storm_new(uint32_t rate, uint32_t burst);
void gn_storm_free(struct gn_storm *storm);

enum gn_storm_verdict {
    GN_STORM_PASS,   /* goes on */
    GN_STORM_BEGINS, /* folded, the first one of a storm: to be told once */
    GN_STORM_FOLDED, /* does not go on: it is counted */
};

/* Asks for one body of records records. name: of the BMC. kind: hash of what it tells. may_fold:
 * false for Critical ones and what has no kind. body: kept (copied) for the summary when folded.
 * Without memory it passes. */
enum gn_storm_verdict gn_storm_take(struct gn_storm *storm, struct gn_str name, uint64_t kind,
                                    uint32_t records, bool may_fold, struct gn_str body,
                                    uint64_t now_ms);

/* A fold that has ended. Views are valid during the call. */
struct gn_storm_fold {
    struct gn_str name;
    struct gn_str body; /* of the last one folded */
    uint64_t count;     /* folded; 0: nothing, body is absent */
    uint64_t last_ms;   /* when the last one came */
    bool is_calm;       /* not a fold: the BMC's bucket has filled up, its storm is over */
    uint64_t total;     /* folded in the whole storm so far */
};
typedef void (*gn_storm_fold_fn)(void *ctx, const struct gn_storm_fold *fold);

/* Tells all folds and storms that have ended at now_ms. fn must not call storm. Returns the
 * milliseconds after which it should be asked again, 0: no bucket is empty. */
uint64_t gn_storm_poll(struct gn_storm *storm, uint64_t now_ms, gn_storm_fold_fn fn, void *ctx);

/* Whether some bucket is empty: gn_storm_poll() is to be called, now and then. */
bool gn_storm_is_on(const struct gn_storm *storm);

/* Tells all that is folded, ended or not: before the daemon ends. */
void gn_storm_flush(struct gn_storm *storm, gn_storm_fold_fn fn, void *ctx);

#endif
