/* Series of counters, gauges and histograms. Families stand in order of name from the start; the
 * series of one family keep the order of their registration. */
#include "gurnard/base/metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/must_alloc.h"
#include "gurnard/base/str.h"
#include "metrics_priv.h"

#define FAMILIES_START 32

/* How memory.exhausted names this module. */
static const char us[] = "metrics";

void *gn_metrics_alloc(struct gn_metrics *metrics, size_t size)
{
    struct block *block = gn_must_calloc(us, 1, sizeof *block + size);

    block->next = metrics->blocks;
    metrics->blocks = block;
    return block->bytes;
}

struct gn_metrics *gn_metrics_new(void)
{
    struct gn_metrics *metrics = gn_must_calloc(us, 1, sizeof *metrics);

    metrics->family_room = FAMILIES_START;
    metrics->families = gn_must_calloc(us, metrics->family_room, sizeof(struct family *));
    return metrics;
}

static void series_free(struct series *series)
{
    if (series == NULL)
        return;
    free(series->histogram.bounds);
    free(series->histogram.counts);
    free(series->labels);
    free(series);
}

static void family_free(struct family *family)
{
    struct series *series;

    if (family == NULL)
        return;
    while ((series = family->first) != NULL) {
        family->first = series->next;
        series_free(series);
    }
    free(family->name);
    free(family->help);
    free(family);
}

void gn_metrics_free(struct gn_metrics *metrics)
{
    struct collector *collector;
    struct block *block;

    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->family_count; i++)
        family_free(metrics->families[i]);
    while ((collector = metrics->collectors) != NULL) {
        metrics->collectors = collector->next;
        free(collector);
    }
    while ((block = metrics->blocks) != NULL) {
        metrics->blocks = block->next;
        free(block);
    }
    free(metrics->families);
    free(metrics);
}

/* [a-zA-Z_:][a-zA-Z0-9_:]* */
static bool is_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";

    return name[0] != '\0' && strchr(first, name[0]) != NULL && name[strspn(name, more)] == '\0';
}

/* Below 0: name comes before the len bytes of other. */
static int compare(const char *name, const char *other, size_t len)
{
    int order = strncmp(name, other, len);

    return order != 0 ? order : name[len] != '\0';
}

struct family *gn_metrics_family(const struct gn_metrics *metrics, const char *name, size_t len,
                                 size_t *place)
{
    size_t low = 0, high = metrics->family_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare(metrics->families[middle]->name, name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (place != NULL)
        *place = low;
    if (low == metrics->family_count || compare(metrics->families[low]->name, name, len) != 0)
        return NULL;
    return metrics->families[low];
}

/* Room for one more. false: no memory. */
static bool families_grow(struct gn_metrics *metrics)
{
    struct family **more;

    if (metrics->family_count < metrics->family_room)
        return true;
    more = reallocarray(metrics->families, 2 * metrics->family_room, sizeof(struct family *));
    if (more == NULL)
        return false;
    metrics->families = more;
    metrics->family_room *= 2;
    return true;
}

static struct family *family_new(const char *name, const char *help, enum kind kind)
{
    struct family *family = calloc(1, sizeof *family);

    if (family == NULL)
        return NULL;
    family->name = gn_str_dup(gn_str_of(name));
    family->help = gn_str_dup(gn_str_of(help));
    family->kind = kind;
    if (family->name != NULL && family->help != NULL)
        return family;
    family_free(family);
    return NULL;
}

static struct series *series_new(const char *labels)
{
    struct series *series = calloc(1, sizeof *series);

    if (series == NULL)
        return NULL;
    series->labels = gn_str_dup(gn_str_of(labels));
    if (series->labels != NULL)
        return series;
    series_free(series);
    return NULL;
}

static struct series *series_find(const struct family *family, const char *labels)
{
    struct series *series = family->first;

    while (series != NULL && strcmp(series->labels, labels) != 0)
        series = series->next;
    return series;
}

static void series_append(struct family *family, struct series *series)
{
    if (family->last == NULL)
        family->first = series;
    else
        family->last->next = series;
    family->last = series;
}

/* A family with its first series at place. NULL: no memory, nothing has changed. */
static struct series *family_add(struct gn_metrics *metrics, size_t place, struct family *family,
                                 struct series *series)
{
    if (family == NULL || series == NULL || !families_grow(metrics)) {
        family_free(family);
        series_free(series);
        return NULL;
    }
    memmove(&metrics->families[place + 1], &metrics->families[place],
            (metrics->family_count - place) * sizeof(struct family *));
    metrics->families[place] = family;
    metrics->family_count++;
    series_append(family, series);
    return series;
}

/* NULL: no memory. */
static struct series *series_get(struct gn_metrics *metrics, const char *name, const char *labels,
                                 const char *help, enum kind kind)
{
    struct series *series;
    struct family *family;
    size_t place;

    if (labels == NULL)
        labels = "";
    family = gn_metrics_family(metrics, name, strlen(name), &place);
    if (family == NULL) {
        GN_ASSERT(is_name(name));
        return family_add(metrics, place, family_new(name, help, kind), series_new(labels));
    }
    GN_ASSERT(family->kind == kind);
    series = series_find(family, labels);
    if (series != NULL)
        return series;
    series = series_new(labels);
    if (series != NULL)
        series_append(family, series);
    return series;
}

/* The same for those who cannot be refused. */
static struct series *series_must(struct gn_metrics *metrics, const char *name, const char *labels,
                                  const char *help, enum kind kind)
{
    struct series *series = series_get(metrics, name, labels, help, kind);

    if (series == NULL)
        gn_must_give_up(us, sizeof *series);
    return series;
}

struct gn_metric *gn_metrics_counter(struct gn_metrics *metrics, const char *name,
                                     const char *labels, const char *help)
{
    GN_ASSERT(gn_str_has_suffix(gn_str_of(name), GN_STR("_total")));
    return &series_must(metrics, name, labels, help, KIND_COUNTER)->metric;
}

struct gn_metric *gn_metrics_gauge(struct gn_metrics *metrics, const char *name, const char *labels,
                                   const char *help)
{
    return &series_must(metrics, name, labels, help, KIND_GAUGE)->metric;
}

struct gn_metric *gn_metrics_try_gauge(struct gn_metrics *metrics, const char *name,
                                       const char *labels, const char *help)
{
    struct series *series = series_get(metrics, name, labels, help, KIND_GAUGE);

    return series == NULL ? NULL : &series->metric;
}

struct gn_histogram *gn_metrics_histogram(struct gn_metrics *metrics, const char *name,
                                          const char *labels, const char *help,
                                          const double *bounds, size_t count)
{
    struct gn_histogram *histogram =
        &series_must(metrics, name, labels, help, KIND_HISTOGRAM)->histogram;

    if (histogram->counts != NULL)
        return histogram;
    GN_ASSERT(count > 0);
    for (size_t i = 1; i < count; i++)
        GN_ASSERT(bounds[i - 1] < bounds[i]);
    histogram->bounds = gn_must_calloc(us, count, sizeof(double));
    memcpy(histogram->bounds, bounds, count * sizeof(double));
    histogram->counts = gn_must_calloc(us, count + 1, sizeof(uint64_t));
    histogram->bound_count = count;
    return histogram;
}

void gn_histogram_observe(struct gn_histogram *histogram, double value)
{
    size_t i = 0;

    while (i < histogram->bound_count && value > histogram->bounds[i])
        i++;
    histogram->counts[i]++;
    histogram->sum += value;
}

void gn_metrics_on_collect(struct gn_metrics *metrics, gn_metrics_collect_fn fn, void *ctx)
{
    struct collector **end = &metrics->collectors;

    while (*end != NULL)
        end = &(*end)->next;
    *end = gn_must_calloc(us, 1, sizeof **end);
    (*end)->fn = fn;
    (*end)->ctx = ctx;
}

void gn_metrics_off_collect(struct gn_metrics *metrics, gn_metrics_collect_fn fn, void *ctx)
{
    for (struct collector **at = &metrics->collectors; *at != NULL; at = &(*at)->next) {
        struct collector *gone = *at;

        if (gone->fn != fn || gone->ctx != ctx)
            continue;
        *at = gone->next;
        free(gone);
        return;
    }
}
