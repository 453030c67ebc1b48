/* Series of counters, gauges and histograms and their Prometheus text form. Families stand in order
 * of name from the start; the series of one family keep the order of their registration. */
#include "gurnard/base/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/defs.h"
#include "metrics_priv.h"

#define NUMBER_MAX     32   /* bytes of a printed value with its NUL */
#define WHOLE_MAX      1e15 /* up to here doubles are printed as integers, which they are exactly */
#define FAMILIES_START 32

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

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

static void *must_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    GN_ASSERT(memory != NULL);
    return memory;
}

static char *must_strdup(const char *s)
{
    char *copy = strdup(s);

    GN_ASSERT(copy != NULL);
    return copy;
}

void *gn_metrics_alloc(struct gn_metrics *metrics, size_t size)
{
    struct block *block = must_alloc(1, sizeof *block + size);

    block->next = metrics->blocks;
    metrics->blocks = block;
    return block->bytes;
}

struct gn_metrics *gn_metrics_new(void)
{
    struct gn_metrics *metrics = must_alloc(1, sizeof *metrics);

    metrics->family_room = FAMILIES_START;
    metrics->families = must_alloc(metrics->family_room, sizeof(struct family *));
    return metrics;
}

static void family_free(struct family *family)
{
    struct series *series;

    while ((series = family->first) != NULL) {
        family->first = series->next;
        free(series->histogram.bounds);
        free(series->histogram.counts);
        free(series->labels);
        free(series);
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

/* Index of the first family whose name does not come before name. */
static size_t family_place(const struct gn_metrics *metrics, const char *name)
{
    size_t low = 0, high = metrics->family_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (strcmp(metrics->families[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void families_grow(struct gn_metrics *metrics)
{
    struct family **more;

    if (metrics->family_count < metrics->family_room)
        return;
    metrics->family_room *= 2;
    more = reallocarray(metrics->families, metrics->family_room, sizeof(struct family *));
    GN_ASSERT(more != NULL);
    metrics->families = more;
}

static struct family *family_get(struct gn_metrics *metrics, const char *name, const char *help,
                                 enum kind kind)
{
    const size_t place = family_place(metrics, name);
    struct family *family;

    if (place < metrics->family_count && strcmp(metrics->families[place]->name, name) == 0) {
        family = metrics->families[place];
        GN_ASSERT(family->kind == kind);
        return family;
    }
    GN_ASSERT(is_name(name));
    families_grow(metrics);
    memmove(&metrics->families[place + 1], &metrics->families[place],
            (metrics->family_count - place) * sizeof(struct family *));
    family = must_alloc(1, sizeof *family);
    family->name = must_strdup(name);
    family->help = must_strdup(help);
    family->kind = kind;
    metrics->families[place] = family;
    metrics->family_count++;
    return family;
}

static struct series *series_get(struct gn_metrics *metrics, const char *name, const char *labels,
                                 const char *help, enum kind kind)
{
    struct family *family = family_get(metrics, name, help, kind);
    struct series *series;

    if (labels == NULL)
        labels = "";
    for (series = family->first; series != NULL; series = series->next)
        if (strcmp(series->labels, labels) == 0)
            return series;
    series = must_alloc(1, sizeof *series);
    series->labels = must_strdup(labels);
    if (family->last == NULL)
        family->first = series;
    else
        family->last->next = series;
    family->last = series;
    return series;
}

struct gn_metric *gn_metrics_counter(struct gn_metrics *metrics, const char *name,
                                     const char *labels, const char *help)
{
    GN_ASSERT(gn_str_has_suffix(gn_str_of(name), GN_STR("_total")));
    return &series_get(metrics, name, labels, help, KIND_COUNTER)->metric;
}

struct gn_metric *gn_metrics_gauge(struct gn_metrics *metrics, const char *name, const char *labels,
                                   const char *help)
{
    return &series_get(metrics, name, labels, help, KIND_GAUGE)->metric;
}

struct gn_histogram *gn_metrics_histogram(struct gn_metrics *metrics, const char *name,
                                          const char *labels, const char *help,
                                          const double *bounds, size_t count)
{
    struct gn_histogram *histogram =
        &series_get(metrics, name, labels, help, KIND_HISTOGRAM)->histogram;

    if (histogram->counts != NULL)
        return histogram;
    GN_ASSERT(count > 0);
    for (size_t i = 1; i < count; i++)
        GN_ASSERT(bounds[i - 1] < bounds[i]);
    histogram->bounds = must_alloc(count, sizeof(double));
    memcpy(histogram->bounds, bounds, count * sizeof(double));
    histogram->counts = must_alloc(count + 1, sizeof(uint64_t));
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
    *end = must_alloc(1, sizeof **end);
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

/* Writes the shortest text that reads back as value. */
static void number_text(double value, char text[NUMBER_MAX])
{
    if (isnan(value)) {
        (void)snprintf(text, NUMBER_MAX, "NaN");
    } else if (isinf(value)) {
        (void)snprintf(text, NUMBER_MAX, "%sInf", value > 0 ? "+" : "-");
    } else if (fabs(value) < WHOLE_MAX && (double)(long long)value == value) {
        (void)snprintf(text, NUMBER_MAX, "%lld", (long long)value);
    } else {
        for (int digits = 1; digits <= 17; digits++) {
            (void)snprintf(text, NUMBER_MAX, "%.*g", digits, value);
            if (strtod(text, NULL) == value)
                break;
        }
    }
}

static void print_help(struct gn_buf *out, const char *help)
{
    for (; *help != '\0'; help++) {
        if (*help == '\\')
            gn_buf_puts(out, "\\\\");
        else if (*help == '\n')
            gn_buf_puts(out, "\\n");
        else
            gn_buf_putc(out, *help);
    }
}

/* One line. le: the bucket's bound, or NULL. */
static void print_line(struct gn_buf *out, const struct family *family, const char *suffix,
                       const char *labels, const char *le, double value)
{
    char text[NUMBER_MAX];

    gn_buf_puts(out, family->name);
    gn_buf_puts(out, suffix);
    if (labels[0] != '\0' || le != NULL) {
        gn_buf_putc(out, '{');
        gn_buf_puts(out, labels);
        if (le != NULL)
            gn_buf_printf(out, "%sle=\"%s\"", labels[0] != '\0' ? "," : "", le);
        gn_buf_putc(out, '}');
    }
    number_text(value, text);
    gn_buf_printf(out, " %s\n", text);
}

static void print_histogram(struct gn_buf *out, const struct family *family,
                            const struct series *series)
{
    const struct gn_histogram *histogram = &series->histogram;
    uint64_t sum = 0;

    for (size_t i = 0; i <= histogram->bound_count; i++) {
        char le[NUMBER_MAX];

        sum += histogram->counts[i];
        number_text(i < histogram->bound_count ? histogram->bounds[i] : (double)INFINITY, le);
        print_line(out, family, "_bucket", series->labels, le, (double)sum);
    }
    print_line(out, family, "_sum", series->labels, NULL, histogram->sum);
    print_line(out, family, "_count", series->labels, NULL, (double)sum);
}

static void print_family(struct gn_buf *out, const struct family *family)
{
    gn_buf_printf(out, "# HELP %s ", family->name);
    print_help(out, family->help);
    gn_buf_printf(out, "\n# TYPE %s %s\n", family->name, kind_names[family->kind]);
    for (const struct series *series = family->first; series != NULL; series = series->next) {
        if (family->kind == KIND_HISTOGRAM)
            print_histogram(out, family, series);
        else
            print_line(out, family, "", series->labels, NULL, series->metric.value);
    }
}

void gn_metrics_print(struct gn_metrics *metrics, struct gn_buf *out)
{
    for (struct collector *at = metrics->collectors; at != NULL; at = at->next)
        at->fn(at->ctx);
    for (size_t i = 0; i < metrics->family_count; i++)
        print_family(out, metrics->families[i]);
}
