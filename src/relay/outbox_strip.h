/* One segment of the journal rewritten without the events that are given up, and what this means
 * for the sinks that had them to get (the victims). For outbox_shed.c. */
#ifndef GURNARD_RELAY_OUTBOX_STRIP_H
#define GURNARD_RELAY_OUTBOX_STRIP_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/relay/shed.h"

#include "outbox_priv.h"

struct gn_strip;

/* What a rewrite has done. */
struct gn_strip_result {
    enum gn_err err;      /* else nothing was given up */
    bool is_bare;         /* no events are left in the segment */
    uint64_t ended;       /* deliveries given up: events, counted for each victim */
    uint64_t bytes_freed; /* on disk */
};

/* A rewrite by this plan. NULL: no memory. */
struct gn_strip *gn_strip_new(struct gn_outbox *outbox, const struct gn_shed_plan *plan);
/* Not while it is under way. NULL is fine. */
void gn_strip_free(struct gn_strip *strip);

/* Adds a victim: before the start. Those that are not added must not need the segment. GN_ENOMEM.
 */
GN_MUST_CHECK enum gn_err gn_strip_add(struct gn_strip *strip, struct gn_sink *sink);

/* Starts it. done: once, in a later turn; the deliveries have ended by then. On an error it is not
 * called: that of gn_journal_rewrite(). */
GN_MUST_CHECK enum gn_err
gn_strip_start(struct gn_strip *strip,
               void (*done)(void *ctx, const struct gn_strip_result *result), void *ctx);

/* The sink is being closed: nothing more is done to it. */
void gn_strip_forget(struct gn_strip *strip, const struct gn_sink *sink);

#endif
