/* How a set of metrics lies in memory, for the files that fill and print it. */
#ifndef GURNARD_BASE_METRICS_PRIV_H
#define GURNARD_BASE_METRICS_PRIV_H

#include <stddef.h>

#include "gurnard/base/metrics.h"

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

struct gn_histogram {
    double *bounds;   /* rising; the bucket above the last one is implied */
    uint64_t *counts; /* per bucket, not summed up; one more than bounds */
    size_t bound_count;
    double sum;
};

struct series {
    struct series *next;
    char *labels; /* "" when there are none */
    struct gn_metric metric;
    struct gn_histogram histogram;
};

struct family {
    char *name, *help;
    enum kind kind;
    struct series *first, *last;
};

struct collector {
    struct collector *next;
    gn_metrics_collect_fn fn;
    void *ctx;
};

/* Memory that gn_metrics_free() gives back. */
struct block {
    struct block *next;
    max_align_t bytes[];
};

struct gn_metrics {
    struct family **families; /* in order of name */
    size_t family_count, family_room;
    struct collector *collectors;
    struct block *blocks;
};

/* The family whose name these len bytes are, or NULL. *place, which may be NULL: where it stands or
 * would have to. */
struct family *gn_metrics_family(const struct gn_metrics *metrics, const char *name, size_t len,
                                 size_t *place);

/* size zeroed bytes, freed by gn_metrics_free(), for collectors that have no other owner. Aborts
 * when there is no memory. */
void *gn_metrics_alloc(struct gn_metrics *metrics, size_t size);

#endif
