/* The last event of each resource address, from which CurrentState is answered. In memory. */
#ifndef GURNARD_STORE_STATE_H
#define GURNARD_STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/ce/event.h"

#define GN_STATE_RESOURCES_MAX 10000              /* addresses remembered; further ones are not */
#define GN_STATE_BYTES_MAX     ((size_t)64 << 20) /* of all events held; beyond, old ones stay */

struct gn_state;

/* An empty one; NULL when there is no memory. */
struct gn_state *gn_state_new(void);
void gn_state_free(struct gn_state *state);

/* Remembers event (takes a reference) as the last one of event->resource. GN_ELIMIT, GN_ENOMEM: not
 * remembered. */
GN_MUST_CHECK enum gn_err gn_state_put(struct gn_state *state, struct gn_event *event);

/* The last event of exactly this address, borrowed until the next put; NULL when there is none. */
struct gn_event *gn_state_get(struct gn_state *state, struct gn_str resource);

/* Calls fn for each event held, until it returns false. */
void gn_state_each(const struct gn_state *state,
                   bool (*fn)(void *ctx, const struct gn_event *event), void *ctx);

#endif
