/* Shedding: whether room is wanted in the journal, and what is given up next for it. Pure: the
 * outbox gathers the facts and does what is said.
 *
 * A sink is one of three: silent (it has not answered lately), slow (its backlog is over the
 * quota), or neither, and then nothing of it is given up before its time. A segment is looked at as
 * a whole: whoever has an undelivered event below its end may need it. */
#ifndef GURNARD_RELAY_SHED_H
#define GURNARD_RELAY_SHED_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/ce/event.h"
#include "gurnard/store/journal.h"

/* Shedding begins when more than the first part of the bytes at which the journal refuses is
 * needed, and ends at the second. */
#define GN_SHED_BEGIN_PCT 85U
#define GN_SHED_END_PCT   75U
/* It also begins when less than so many percentage points above the disk's spare part are free, and
 * ends at twice as many. */
#define GN_SHED_DISK_PCT  1.0

/* Kept from look to look; zero-initialised. */
struct gn_shed_state {
    bool is_shedding;    /* room is wanted, in the journal or on the disk */
    bool is_disk_wanted; /* on the disk */
};

/* Looks at the journal's figures. needed_bytes: of the segments that somebody needs; while there
 * are others the journal makes room on the disk by itself. Returns whether room is wanted:
 * state->is_shedding. */
bool gn_shed_look(struct gn_shed_state *state, const struct gn_journal_status *status,
                  uint64_t needed_bytes);

/* What a sink is, the worst first in the order of giving up. */
enum gn_shed_class { GN_SHED_SILENT_SINK, GN_SHED_SLOW_SINK, GN_SHED_GOOD_SINK, GN_SHED_CLASSES };

/* What is known of all sinks together: the lowest undelivered event of each class, UINT64_MAX
 * without one. */
struct gn_shed_facts {
    uint64_t lowest[GN_SHED_CLASSES];
    uint64_t clock_ms;  /* the journal's */
    uint64_t expire_ms; /* age at which events are given up */
    bool is_wanted;     /* room is; otherwise only what has expired goes */
};
/* Begins without sinks. */
void gn_shed_facts_init(struct gn_shed_facts *facts, uint64_t clock_ms, uint64_t expire_ms,
                        bool is_wanted);
/* Adds a sink. */
void gn_shed_add_sink(struct gn_shed_facts *facts, enum gn_shed_class klass, uint64_t lowest);

/* In the order of giving up. */
enum gn_shed_why {
    GN_SHED_EXPIRED, /* all its events are too old */
    GN_SHED_SILENT,  /* only silent sinks need it */
    GN_SHED_QUOTA,   /* only silent and slow sinks need it */
    GN_SHED_NOTHING  /* there is nothing to be given up */
};

/* What is to be done: the segment is rewritten without the events of this rank and below. */
struct gn_shed_plan {
    enum gn_shed_why why;
    enum gn_rank rank; /* the highest for what has expired: nothing stays */
    struct gn_journal_segment segment;
};
#define GN_SHED_PLAN_INIT ((struct gn_shed_plan){.why = GN_SHED_NOTHING})

/* Puts segment into the plan when it is to be given up before what is there. Called for each, the
 * oldest first. stripped: so many ranks, from the lowest on, are gone from it already. */
void gn_shed_offer(struct gn_shed_plan *plan, const struct gn_shed_facts *facts,
                   const struct gn_journal_segment *segment, unsigned stripped);

/* Whether sinks of this class lose events by a plan of this reason. */
bool gn_shed_hits(enum gn_shed_why why, enum gn_shed_class klass);

/* The reason's name: expired, silent, quota. */
const char *gn_shed_why_text(enum gn_shed_why why);

#endif
