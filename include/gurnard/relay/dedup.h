/* Recognises a BMC's repeated delivery: remembers the ids of what each source sent lately. In
 * memory; no clock of its own. */
#ifndef GURNARD_RELAY_DEDUP_H
#define GURNARD_RELAY_DEDUP_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/id.h"

#define GN_DEDUP_WINDOW_MS   600000U  /* how long an id is remembered */
#define GN_DEDUP_PER_SOURCE  1024U    /* and how many of one source */
#define GN_DEDUP_SOURCES_MAX 20000U   /* sources remembered; the longest silent one makes room */
#define GN_DEDUP_IDS_MAX     2000000U /* ids of all sources; likewise (16 bytes each) */

struct gn_dedup;

/* How much is remembered, where it is not the above. */
struct gn_dedup_limits {
    uint64_t window_ms;
    uint32_t per_source; /* a power of two */
    uint32_t sources_max, ids_max;
};

/* Remembers nothing yet. NULL when there is no memory. Freed by gn_dedup_free(). */
struct gn_dedup *gn_dedup_new(void);
struct gn_dedup *gn_dedup_new_with(const struct gn_dedup_limits *limits);
void gn_dedup_free(struct gn_dedup *dedup);

/* Whether source (a hash of its name) sent id within the window. */
bool gn_dedup_seen(struct gn_dedup *dedup, uint64_t source, const struct gn_id *id,
                   uint64_t now_ms);

/* Remembers it. Without memory nothing is remembered: a repeat then counts as new. */
void gn_dedup_add(struct gn_dedup *dedup, uint64_t source, const struct gn_id *id, uint64_t now_ms);

#endif
