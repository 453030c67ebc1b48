/* What load.c and the sinks share: the mark that an event carries, the clock, the histogram. */
#ifndef GURNARD_BENCH_H
#define GURNARD_BENCH_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An event's EventId: run, sequence number, due time on CLOCK_MONOTONIC in ns, digits of fixed
 * width. */
#define MARK        "gb-"
#define RUN_DIGITS  6
#define SEQ_DIGITS  12
#define DUE_DIGITS  19
#define MARK_SAMPLE MARK "000000-000000000000-0000000000000000000"
#define RUN_AT      (sizeof MARK - 1)
#define SEQ_AT      (RUN_AT + RUN_DIGITS + 1)
#define DUE_AT      (SEQ_AT + SEQ_DIGITS + 1)

#define NS_PER_S UINT64_C(1000000000)

static inline uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static inline void put_digits(char *at, int digits, uint64_t value)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

static inline uint64_t get_digits(const char *at, int digits)
{
    uint64_t value = 0;

    for (int i = 0; i < digits; i++)
        value = value * 10 + (uint64_t)(at[i] - '0');
    return value;
}

struct mark {
    uint64_t run, seq, due_ns;
};

/* Reads the mark of an event, wherever it stands in the bytes; false: there is none. */
static inline bool find_mark(const char *bytes, size_t len, struct mark *mark)
{
    const char *at = memmem(bytes, len, MARK, sizeof MARK - 1);

    if (at == NULL || (size_t)(bytes + len - at) < sizeof MARK_SAMPLE - 1)
        return false;
    mark->run = get_digits(at + RUN_AT, RUN_DIGITS);
    mark->seq = get_digits(at + SEQ_AT, SEQ_DIGITS);
    mark->due_ns = get_digits(at + DUE_AT, DUE_DIGITS);
    return true;
}

/* 64 steps for each power of two: exact to 1.6 percent. Zero-initialised. */
#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS     (1U << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_SIZE      ((64U - HISTOGRAM_STEP_BITS + 1U) * HISTOGRAM_STEPS)

struct histogram {
    uint64_t counts[HISTOGRAM_SIZE];
    uint64_t total;
    uint64_t max;
};

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    unsigned shift = 0;

    if (value >= 2 * HISTOGRAM_STEPS)
        shift = 63U - HISTOGRAM_STEP_BITS - (unsigned)__builtin_clzll(value);
    h->counts[shift * HISTOGRAM_STEPS + (unsigned)(value >> shift)]++;
    h->total++;
    if (value > h->max)
        h->max = value;
}

/* The value that a share of all values does not pass, as the middle of its step. */
static inline uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->total * share);
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
        seen += h->counts[i];
        if (seen > wanted && i < 2 * HISTOGRAM_STEPS)
            return i;
        if (seen > wanted) {
            unsigned shift = i / HISTOGRAM_STEPS - 1;
            uint64_t low = (uint64_t)(i - shift * HISTOGRAM_STEPS) << shift;

            return low + (UINT64_C(1) << shift) / 2;
        }
    }
    return h->max;
}

/* Prints "p50_us":..., without braces. */
static inline void histogram_print(const struct histogram *h)
{
    static const struct {
        const char *name;
        double share;
    } rows[] = {{"p50_us", .5}, {"p95_us", .95}, {"p99_us", .99}, {"p999_us", .999}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("\"%s\":%.1f,", rows[i].name, (double)histogram_at(h, rows[i].share) / 1000);
    printf("\"max_us\":%.1f", (double)h->max / 1000);
}

#endif
