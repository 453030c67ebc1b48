/* Counters, gauges and histograms, printed in the Prometheus text format 0.0.4 or as OpenMetrics
 * 1.0.
 *
 * A series is registered once and gives a handle that lives as long as the set; adding to it is a
 * plain addition. Registering allocates; without memory it logs memory.exhausted in=metrics and
 * aborts, since it happens at start. What appears later goes by gn_metrics_try_gauge(). Used by one
 * thread. Every name must have a row in docs/metrics.md (lint). */
#ifndef GURNARD_BASE_METRICS_H
#define GURNARD_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"

struct gn_metrics;
struct gn_histogram;

/* A counter's or gauge's value. */
struct gn_metric {
    double value;
};

/* A new empty set, owned by the caller. */
struct gn_metrics *gn_metrics_new(void);
void gn_metrics_free(struct gn_metrics *metrics);

/* Registers a counter (name must end in _total) or gauge. labels: NULL or `key="value",key="value"`
 * with values already fit for the format. The same name and labels give the same handle. help: one
 * sentence; that of the first registration counts. All arguments are copied. A name registered as
 * another kind, or one that the format does not allow, is our mistake and aborts. */
struct gn_metric *gn_metrics_counter(struct gn_metrics *metrics, const char *name,
                                     const char *labels, const char *help);
struct gn_metric *gn_metrics_gauge(struct gn_metrics *metrics, const char *name, const char *labels,
                                   const char *help);

/* As gn_metrics_gauge() at any time: NULL when there is no memory, and nothing has changed. Looks
 * at all series of that name: keep the handle. */
GN_MUST_CHECK struct gn_metric *gn_metrics_try_gauge(struct gn_metrics *metrics, const char *name,
                                                     const char *labels, const char *help);

/* Registers a histogram with count upper bounds in rising order (+Inf is added). */
struct gn_histogram *gn_metrics_histogram(struct gn_metrics *metrics, const char *name,
                                          const char *labels, const char *help,
                                          const double *bounds, size_t count);

/* Called before each print, to set gauges that are cheaper to compute than to keep. fn and ctx must
 * outlive the set or be taken back with the same pair. */
typedef void (*gn_metrics_collect_fn)(void *ctx);
void gn_metrics_on_collect(struct gn_metrics *metrics, gn_metrics_collect_fn fn, void *ctx);
void gn_metrics_off_collect(struct gn_metrics *metrics, gn_metrics_collect_fn fn, void *ctx);

static inline void gn_metric_add(struct gn_metric *metric, double by)
{
    metric->value += by;
}

static inline void gn_metric_set(struct gn_metric *metric, double value)
{
    metric->value = value;
}

/* Counts one observation, in the unit of the histogram's name. */
void gn_histogram_observe(struct gn_histogram *histogram, double value);

enum gn_metrics_format {
    GN_METRICS_PROMETHEUS,  /* text/plain; version=0.0.4 */
    GN_METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0: a counter's family is
                             * named without _total (of type unknown, and with it, where that name
                             * is taken), units are told, and the text ends with # EOF */
};

/* Appends all series, families in order of name; the first without format is in that of
 * Prometheus. */
void gn_metrics_print(struct gn_metrics *metrics, struct gn_buf *out);
void gn_metrics_print_as(struct gn_metrics *metrics, enum gn_metrics_format format,
                         struct gn_buf *out);

/* Adds process_resident_memory_bytes, process_cpu_seconds_total, process_open_fds,
 * process_start_time_seconds and gurnard_build_info{version}. Read from /proc at each print. */
void gn_metrics_add_process(struct gn_metrics *metrics, const char *version);

#endif
