/* What is given up when there is no room: the order, and nothing but the order. */
#include "gurnard/relay/shed.h"

#include "gurnard/base/assert.h"

/* Whether held is above this part of limit, without overflow. */
static bool is_above(uint64_t held, uint64_t limit, unsigned pct)
{
    return held > limit / 100 * pct + limit % 100 * pct / 100;
}

/* Before the disk is short what nobody needs goes, and only then what somebody does. */
static bool is_disk_wanted(const struct gn_shed_state *state,
                           const struct gn_journal_status *status, uint64_t needed_bytes)
{
    double above_pct = state->is_disk_wanted ? 2 * GN_SHED_DISK_PCT : GN_SHED_DISK_PCT;

    if (status->is_disk_short)
        return true;
    return status->disk_free_pct < status->disk_spare_pct + above_pct &&
           status->bytes <= needed_bytes;
}

bool gn_shed_look(struct gn_shed_state *state, const struct gn_journal_status *status,
                  uint64_t needed_bytes)
{
    unsigned pct = state->is_shedding ? GN_SHED_END_PCT : GN_SHED_BEGIN_PCT;

    state->is_disk_wanted = is_disk_wanted(state, status, needed_bytes);
    state->is_shedding =
        is_above(needed_bytes, status->refuse_at_bytes, pct) || state->is_disk_wanted;
    return state->is_shedding;
}

void gn_shed_facts_init(struct gn_shed_facts *facts, uint64_t clock_ms, uint64_t expire_ms,
                        bool is_wanted)
{
    *facts = (struct gn_shed_facts){
        .clock_ms = clock_ms,
        .expire_ms = expire_ms,
        .is_wanted = is_wanted,
    };
    for (int i = 0; i < GN_SHED_CLASSES; i++)
        facts->lowest[i] = UINT64_MAX;
}

void gn_shed_add_sink(struct gn_shed_facts *facts, enum gn_shed_class klass, uint64_t lowest)
{
    if (lowest < facts->lowest[klass])
        facts->lowest[klass] = lowest;
}

static bool has_expired(const struct gn_shed_facts *facts, const struct gn_journal_segment *segment)
{
    return facts->clock_ms >= segment->end_clock_ms &&
           facts->clock_ms - segment->end_clock_ms >= facts->expire_ms;
}

/* Why the segment may be given up. */
static enum gn_shed_why why_of(const struct gn_shed_facts *facts,
                               const struct gn_journal_segment *segment)
{
    const bool silent_need = facts->lowest[GN_SHED_SILENT_SINK] < segment->end_sequence;
    const bool slow_need = facts->lowest[GN_SHED_SLOW_SINK] < segment->end_sequence;
    const bool good_need = facts->lowest[GN_SHED_GOOD_SINK] < segment->end_sequence;

    if (!silent_need && !slow_need && !good_need)
        return GN_SHED_NOTHING; /* history: the journal removes it */
    if (has_expired(facts, segment))
        return GN_SHED_EXPIRED;
    if (!facts->is_wanted || good_need)
        return GN_SHED_NOTHING;
    return slow_need ? GN_SHED_QUOTA : GN_SHED_SILENT;
}

void gn_shed_offer(struct gn_shed_plan *plan, const struct gn_shed_facts *facts,
                   const struct gn_journal_segment *segment, unsigned stripped)
{
    enum gn_shed_why why;
    enum gn_rank rank;

    if (!segment->is_closed || stripped >= GN_RANKS)
        return;
    why = why_of(facts, segment);
    rank = why == GN_SHED_EXPIRED ? GN_RANK_HIGH : (enum gn_rank)stripped;
    if (why > plan->why || (why == plan->why && rank >= plan->rank))
        return; /* what is there is older, or less is lost by it */
    *plan = (struct gn_shed_plan){.why = why, .rank = rank, .segment = *segment};
}

bool gn_shed_hits(enum gn_shed_why why, enum gn_shed_class klass)
{
    switch (why) {
    case GN_SHED_EXPIRED:
        return true;
    case GN_SHED_SILENT:
        return klass == GN_SHED_SILENT_SINK;
    case GN_SHED_QUOTA:
        return klass != GN_SHED_GOOD_SINK;
    case GN_SHED_NOTHING:
        break;
    }
    return false;
}

const char *gn_shed_why_text(enum gn_shed_why why)
{
    static const char *const names[] = {
        [GN_SHED_EXPIRED] = "expired",
        [GN_SHED_SILENT] = "silent",
        [GN_SHED_QUOTA] = "quota",
    };

    GN_ASSERT(why < GN_SHED_NOTHING);
    return names[why];
}
