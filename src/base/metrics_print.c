/* A set of metrics as text: the Prometheus format 0.0.4 and OpenMetrics 1.0. */
#include "gurnard/base/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/str.h"
#include "metrics_priv.h"

#define NUMBER_MAX  32   /* bytes of a printed value with its NUL */
#define WHOLE_MAX   1e15 /* up to here doubles are printed as integers, which they are exactly */
#define LE_TENTHS   1e6  /* whole bounds below are printed with ".0" in OpenMetrics */
#define TOTAL_CHARS 6    /* of "_total" */

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

struct printer {
    struct gn_buf *out;
    enum gn_metrics_format format;
};

/* Writes the shortest text that reads back as value. */
static void shortest_text(double value, char text[NUMBER_MAX])
{
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, NUMBER_MAX, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

static void number_text(double value, char text[NUMBER_MAX])
{
    if (isnan(value))
        (void)snprintf(text, NUMBER_MAX, "NaN");
    else if (isinf(value))
        (void)snprintf(text, NUMBER_MAX, "%sInf", value > 0 ? "+" : "-");
    else if (fabs(value) < WHOLE_MAX && (double)(long long)value == value)
        (void)snprintf(text, NUMBER_MAX, "%lld", (long long)value);
    else
        shortest_text(value, text);
}

/* OpenMetrics wants the bound of a bucket in one spelling, in which 1 is "1.0". */
static void bound_text(enum gn_metrics_format format, double value, char text[NUMBER_MAX])
{
    if (format == GN_METRICS_PROMETHEUS || isinf(value))
        number_text(value, text);
    else if (fabs(value) < LE_TENTHS && (double)(long long)value == value)
        (void)snprintf(text, NUMBER_MAX, "%.1f", value);
    else
        shortest_text(value, text);
}

static void print_help(const struct printer *printer, const char *help)
{
    for (; *help != '\0'; help++) {
        if (*help == '\\')
            gn_buf_puts(printer->out, "\\\\");
        else if (*help == '\n')
            gn_buf_puts(printer->out, "\\n");
        else if (*help == '"' && printer->format == GN_METRICS_OPENMETRICS)
            gn_buf_puts(printer->out, "\\\"");
        else
            gn_buf_putc(printer->out, *help);
    }
    gn_buf_putc(printer->out, '\n');
}

/* One line. le: the bucket's bound, or NULL. */
static void print_line(const struct printer *printer, const struct family *family,
                       const char *suffix, const char *labels, const char *le, double value)
{
    struct gn_buf *out = printer->out;
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

static void print_histogram(const struct printer *printer, const struct family *family,
                            const struct series *series)
{
    const struct gn_histogram *histogram = &series->histogram;
    uint64_t sum = 0;

    for (size_t i = 0; i <= histogram->bound_count; i++) {
        char le[NUMBER_MAX];

        sum += histogram->counts[i];
        bound_text(printer->format,
                   i < histogram->bound_count ? histogram->bounds[i] : (double)INFINITY, le);
        print_line(printer, family, "_bucket", series->labels, le, (double)sum);
    }
    print_line(printer, family, "_sum", series->labels, NULL, histogram->sum);
    print_line(printer, family, "_count", series->labels, NULL, (double)sum);
}

/* The unit that a name ends in, or NULL. */
static const char *unit_of(struct gn_str name)
{
    static const char *const units[] = {"seconds", "bytes"};

    for (size_t i = 0; i < GN_LEN(units); i++) {
        struct gn_str unit = gn_str_of(units[i]);

        if (gn_str_has_suffix(name, unit) && name.len > unit.len &&
            name.p[name.len - unit.len - 1] == '_')
            return units[i];
    }
    return NULL;
}

/* In OpenMetrics a counter's family has the name without _total. Where another family has that name
 * already, it stays whole, and the type is not told: families must differ. */
static void print_head(const struct printer *printer, const struct gn_metrics *metrics,
                       const struct family *family)
{
    struct gn_str name = gn_str_of(family->name);
    const char *type = kind_names[family->kind];
    const char *unit;

    if (printer->format == GN_METRICS_OPENMETRICS && family->kind == KIND_COUNTER) {
        if (gn_metrics_family(metrics, name.p, name.len - TOTAL_CHARS, NULL) == NULL)
            name.len -= TOTAL_CHARS;
        else
            type = "unknown";
    }
    gn_buf_printf(printer->out, "# HELP %.*s ", (int)name.len, name.p);
    print_help(printer, family->help);
    gn_buf_printf(printer->out, "# TYPE %.*s %s\n", (int)name.len, name.p, type);
    unit = unit_of(name);
    if (printer->format == GN_METRICS_OPENMETRICS && unit != NULL)
        gn_buf_printf(printer->out, "# UNIT %.*s %s\n", (int)name.len, name.p, unit);
}

static void print_series(const struct printer *printer, const struct family *family)
{
    for (const struct series *series = family->first; series != NULL; series = series->next) {
        if (family->kind == KIND_HISTOGRAM)
            print_histogram(printer, family, series);
        else
            print_line(printer, family, "", series->labels, NULL, series->metric.value);
    }
}

void gn_metrics_print_as(struct gn_metrics *metrics, enum gn_metrics_format format,
                         struct gn_buf *out)
{
    const struct printer printer = {out, format};

    for (struct collector *at = metrics->collectors; at != NULL; at = at->next)
        at->fn(at->ctx);
    for (size_t i = 0; i < metrics->family_count; i++) {
        print_head(&printer, metrics, metrics->families[i]);
        print_series(&printer, metrics->families[i]);
    }
    if (format == GN_METRICS_OPENMETRICS)
        gn_buf_puts(out, "# EOF\n");
}

void gn_metrics_print(struct gn_metrics *metrics, struct gn_buf *out)
{
    gn_metrics_print_as(metrics, GN_METRICS_PROMETHEUS, out);
}
