/* Events a second, from a ring of counts by second. */
#include "gurnard/relay/rate.h"

#include <string.h>

#include "gurnard/base/assert.h"

/* Moves on to second: those that have passed without an addition count nothing. */
static void move_on(struct gn_rate *rate, uint64_t second)
{
    if (second - rate->second >= GN_RATE_SECONDS) {
        memset(rate->counts, 0, sizeof(rate->counts));
        rate->second = second;
    }
    while (rate->second < second)
        rate->counts[++rate->second % GN_RATE_SECONDS] = 0;
}

void gn_rate_add(struct gn_rate *rate, uint64_t now_ms, uint32_t n)
{
    uint64_t second = now_ms / 1000;

    if (!rate->has_begun) {
        rate->has_begun = true;
        rate->second = rate->first_second = second;
    }
    GN_ASSERT(second >= rate->second);
    move_on(rate, second);
    rate->counts[second % GN_RATE_SECONDS] += n;
}

double gn_rate_per_second(const struct gn_rate *rate, uint64_t now_ms, uint32_t seconds)
{
    uint64_t now = now_ms / 1000;
    uint64_t sum = 0;

    GN_ASSERT(seconds >= 1 && seconds < GN_RATE_SECONDS);
    if (!rate->has_begun || now <= rate->first_second)
        return 0;
    if (seconds > now - rate->first_second)
        seconds = (uint32_t)(now - rate->first_second);
    for (uint64_t second = now - seconds; second < now && second <= rate->second; second++)
        sum += rate->counts[second % GN_RATE_SECONDS];
    return (double)sum / seconds;
}
