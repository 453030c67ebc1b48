/* Events a second over the last seconds: a ring of counts. Pure. */
#ifndef GURNARD_RELAY_RATE_H
#define GURNARD_RELAY_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define GN_RATE_SECONDS 61U /* the running one and sixty whole ones */

/* Zero-initialised. */
struct gn_rate {
    uint32_t counts[GN_RATE_SECONDS]; /* by second modulo GN_RATE_SECONDS */
    uint64_t second;                  /* the running one */
    uint64_t first_second;            /* of the first addition */
    bool has_begun;                   /* there was one */
};

/* Counts n at now_ms (monotonic, never below an earlier one). */
void gn_rate_add(struct gn_rate *rate, uint64_t now_ms, uint32_t n);

/* The mean over the last whole seconds (1 to 60), or over those that have passed since the first
 * addition when they are fewer; 0 before the first whole second. */
double gn_rate_per_second(const struct gn_rate *rate, uint64_t now_ms, uint32_t seconds);

#endif
