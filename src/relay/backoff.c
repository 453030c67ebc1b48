/* Exponential backoff with full jitter. */
#include "gurnard/relay/backoff.h"

uint32_t gn_backoff_ceiling_ms(const struct gn_backoff *backoff, uint32_t attempts)
{
    uint32_t doublings = attempts <= 1 ? 0 : attempts - 1;
    uint64_t ceiling = backoff->min_ms;

    if (doublings >= 32)
        return backoff->max_ms;
    ceiling <<= doublings;
    return ceiling > backoff->max_ms ? backoff->max_ms : (uint32_t)ceiling;
}

uint32_t gn_backoff_ms(const struct gn_backoff *backoff, uint32_t attempts, uint32_t retry_after_ms,
                       uint32_t random)
{
    uint32_t ceiling = gn_backoff_ceiling_ms(backoff, attempts);
    uint32_t floor = backoff->min_ms / 2 + backoff->min_ms % 2; /* never 0 */
    uint32_t wish = retry_after_ms > GN_RETRY_AFTER_MAX_MS ? GN_RETRY_AFTER_MAX_MS : retry_after_ms;
    uint32_t delay = floor;

    if (ceiling > floor)
        delay += (uint32_t)(((uint64_t)random * ((uint64_t)ceiling - floor + 1)) >> 32);
    return delay < wish ? wish : delay;
}
