/* What a replay takes from the journal. */
#include "gurnard/relay/replay.h"

bool gn_replay_has(const struct gn_replay_range *range, int64_t received_ns)
{
    return received_ns >= range->since_ns && received_ns < range->until_ns;
}

uint64_t gn_replay_first(const struct gn_journal *journal, int64_t since_ns)
{
    struct gn_journal_segment segment;
    uint64_t first = 1;

    for (size_t place = 0; gn_journal_segment_at(journal, place, &segment); place++)
        if (place == 0 || segment.created_ns <= since_ns)
            first = segment.first_sequence;
    return first;
}
