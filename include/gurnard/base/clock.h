/* Clocks, time texts and durations. Only gn_clock_* reads the system; the rest is pure. */
#ifndef GURNARD_BASE_CLOCK_H
#define GURNARD_BASE_CLOCK_H

#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

/* CLOCK_MONOTONIC, never goes back, unrelated to the calendar. */
uint64_t gn_clock_mono_ms(void);
uint64_t gn_clock_mono_us(void);

/* CLOCK_REALTIME in nanoseconds since 1970 UTC. */
int64_t gn_clock_real_ns(void);

#define GN_TIME_TEXT_MAX 40 /* room for any text that gn_time_format() writes, with its NUL */

/* Writes ns as RFC 3339 in UTC with up to nine fraction digits, trailing zeros cut, no fraction
 * when it is zero: 2026-11-21T03:49:30.136201331Z (as Go's RFC3339Nano, which consumers of v1 see).
 */
void gn_time_format(int64_t ns, char text[GN_TIME_TEXT_MAX]);

/* Parses strict RFC 3339 (zone with colon or Z, any number of fraction digits, of which
 * nine count). A leap second, 23:59:60 UTC, is the second behind it. GN_EPARSE, also for what does
 * not fit ns: before 1677-09-21T00:12:44Z or after 2262-04-11T23:47:16Z. */
GN_MUST_CHECK enum gn_err gn_time_parse(struct gn_str text, int64_t *ns);

/* Parses what BMCs write as EventTimestamp: RFC 3339, an offset without colon (iDRAC 8:
 * 2020-11-14T17:15:06-0500), +00, no zone at all (taken as UTC), a space for the T, lower-case t or
 * z. GN_EPARSE for anything else, also for the all-zero date of iLO 5. */
GN_MUST_CHECK enum gn_err gn_time_parse_bmc(struct gn_str text, int64_t *ns);

/* Parses a duration as people write it, digits and one unit: 250ms, 10s, 5m, 24h. GN_EPARSE for
 * anything else, also for more than 2^40 of a unit. */
GN_MUST_CHECK enum gn_err gn_duration_parse(struct gn_str text, uint64_t *ms);

#endif
