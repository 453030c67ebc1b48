/* Bodies that could not be read, kept for people to look at: one file each in <store>/quarantine,
 * the oldest make room for new ones. Written by the helper thread; losing one is not an error. */
#ifndef GURNARD_STORE_QUARANTINE_H
#define GURNARD_STORE_QUARANTINE_H

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

#endif
