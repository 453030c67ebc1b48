/* What a replay takes from the journal: where it begins, and which events are meant. The sending is
 * the outbox's: gn_outbox_replay(). */
#ifndef GURNARD_RELAY_REPLAY_H
#define GURNARD_RELAY_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/str.h"
#include "gurnard/store/journal.h"

struct gn_replay_range {
    int64_t since_ns, until_ns; /* calendar time of arrival; the second is not included */
};

/* Whether an event that arrived then is meant. */
bool gn_replay_has(const struct gn_replay_range *range, int64_t received_ns);

/* The sequence number to begin with: that of the first event of the newest segment that was begun
 * at since_ns or before; of the oldest one when all are younger. What is before it arrived earlier,
 * unless the calendar was set back. */
uint64_t gn_replay_first(const struct gn_journal *journal, int64_t since_ns);

#endif
