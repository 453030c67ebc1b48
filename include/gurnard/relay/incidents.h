/* Remembers which incidents each BMC told of, and by which way: pushed, streamed, read from a log.
 * In memory; no clock of its own. Beside dedup.h, which knows repeats by the same way. */
#ifndef GURNARD_RELAY_INCIDENTS_H
#define GURNARD_RELAY_INCIDENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/id.h"
#include "gurnard/relay/relay.h"

#define GN_INCIDENTS_WINDOW_MS  3600000U /* how long one is remembered */
#define GN_INCIDENTS_PER_SOURCE 4096U    /* keys of one BMC and way, up to three an incident */
#define GN_INCIDENTS_BMCS_MAX   20000U   /* by all ways; the longest silent one makes room */
#define GN_INCIDENTS_KEYS_MAX   2000000U /* of all; likewise (16 bytes each) */

struct gn_incidents;

/* Remembers nothing yet. NULL: no memory. */
struct gn_incidents *gn_incidents_new(void);
void gn_incidents_free(struct gn_incidents *incidents);

/* By what a BMC's (lane) incidents that came by way are kept; the same in every process. */
uint64_t gn_incidents_source(uint64_t lane, enum gn_relay_way way);

/* Whether one of the keys came by another way than this. */
bool gn_incidents_seen(struct gn_incidents *incidents, uint64_t lane, enum gn_relay_way way,
                       const struct gn_id *keys, size_t count, uint64_t now_ms);

/* Remembers a key. Without memory it is not remembered. */
void gn_incidents_add(struct gn_incidents *incidents, uint64_t source, const struct gn_id *key,
                      uint64_t now_ms);

#endif
