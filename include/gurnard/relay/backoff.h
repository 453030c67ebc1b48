/* How long to wait before the next attempt. Pure. */
#ifndef GURNARD_RELAY_BACKOFF_H
#define GURNARD_RELAY_BACKOFF_H

#include <stdint.h>

struct gn_backoff {
    uint32_t min_ms; /* upper bound of the first delay, at least 1 */
    uint32_t max_ms; /* upper bound that the doubling ends at */
};

/* The upper bound after attempts failures (1 ...): min_ms doubled each time, at most max_ms. */
uint32_t gn_backoff_ceiling_ms(const struct gn_backoff *backoff, uint32_t attempts);

/* Full jitter: a delay between half of min_ms and the ceiling, chosen by random (any 32 bits).
 * retry_after_ms, the receiver's own wish, is the least delay (at most GN_RETRY_AFTER_MAX_MS). */
#define GN_RETRY_AFTER_MAX_MS 300000U
uint32_t gn_backoff_ms(const struct gn_backoff *backoff, uint32_t attempts, uint32_t retry_after_ms,
                       uint32_t random);

#endif
