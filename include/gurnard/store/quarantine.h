/* Bodies that could not be read, kept for people to look at: one file each in <store>/quarantine,
 * the oldest make room for new ones. Written by the helper thread; losing one is not an error. */
#ifndef GURNARD_STORE_QUARANTINE_H
#define GURNARD_STORE_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/worker.h"

struct gn_quarantine;

struct gn_quarantine_config {
    const char *folder;         /* copied; made when missing */
    uint32_t max_files;         /* at least 1 */
    uint64_t max_bytes;         /* of all bodies */
    uint64_t max_pending_bytes; /* bodies waiting for the helper thread; beyond, new ones are only
                                 * counted */
};

/* Opens the folder and counts what is in it. Blocks; at start only. worker, metrics: borrowed;
 * gurnard_quarantine_files, gurnard_quarantine_bytes, gurnard_quarantine_dropped_total. */
GN_MUST_CHECK enum gn_err gn_quarantine_open(const struct gn_quarantine_config *config,
                                             struct gn_worker *worker, struct gn_metrics *metrics,
                                             struct gn_quarantine **quarantine);
/* Jobs must have been run (gn_worker_free()). NULL is fine. */
void gn_quarantine_close(struct gn_quarantine *quarantine);

/* Keeps a copy of body. The file's name is <time in ns>-<n>.body; a second one, .meta, holds one
 * JSON object {"received","source","reason","bytes"}. source and reason are plain text. */
void gn_quarantine_put(struct gn_quarantine *quarantine, struct gn_str body, struct gn_str source,
                       const char *reason);

/* How much is kept. */
uint64_t gn_quarantine_count(const struct gn_quarantine *quarantine);
uint64_t gn_quarantine_bytes(const struct gn_quarantine *quarantine);

/* Calls fn for each body kept, oldest first, until it returns false. name: the file's name without
 * its end, borrowed for the call. fn changes nothing here. */
void gn_quarantine_each(const struct gn_quarantine *quarantine,
                        bool (*fn)(void *ctx, const char *name, uint64_t bytes), void *ctx);

/* Reads one. done: once, in a later turn; meta is the JSON text of the .meta file (absent when
 * there is none); both are views for the call. GN_ENOTFOUND (also when it has just been dropped),
 * GN_EIO, GN_ENOMEM. GN_ENOTFOUND or GN_ENOMEM here: done is not called. name may be any text from
 * outside. */
typedef void (*gn_quarantine_read_fn)(void *ctx, enum gn_err err, struct gn_str body,
                                      struct gn_str meta);
GN_MUST_CHECK enum gn_err gn_quarantine_read(struct gn_quarantine *quarantine, struct gn_str name,
                                             gn_quarantine_read_fn done, void *ctx);

/* Drops one (GN_ENOTFOUND, GN_ENOMEM), or all: the number of those dropped, 0 also when there is no
 * memory for it. The files go soon after. */
GN_MUST_CHECK enum gn_err gn_quarantine_remove(struct gn_quarantine *quarantine,
                                               struct gn_str name);
uint64_t gn_quarantine_purge(struct gn_quarantine *quarantine);

#endif
