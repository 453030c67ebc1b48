/* The gauges of cloud-event-proxy: for each family a table from label to handles, so that only the
 * first use of a label builds a text. */
#include "gurnard/base/text.h"

/* Labels come from outside: the hash is keyed. Set before uthash.h is included. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = (unsigned)gn_text_hash((struct gn_str){(const char *)(key), (length)}))
/* Without memory an element is not added; hh.tbl is NULL then. */
#define HASH_NONFATAL_OOM 1

#include "gurnard/relay/cne_figures.h"

#include <stdlib.h>
#include <uthash.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"

#define OTHER GN_STR("other") /* the label of all that are beyond the limits */

/* One label of one family, and its series as far as they were used. */
struct entry {
    struct gn_metric *gauges[GN_CNE_STATUSES];
    UT_hash_handle hh; /* by label */
    size_t label_len;
    char label[];
};

struct gn_cne_figures {
    struct gn_metrics *metrics;
    struct entry *entries[GN_CNE_FAMILIES];
};

enum label { NO_LABEL, ADDRESS, TYPE };

static const struct {
    const char *name;
    const char *help;
    enum label label;
    bool has_status;
} families[] = {
    [GN_CNE_API_EVENTS_PUBLISHED] = {"cne_api_events_published", "Events taken by create/event.",
                                     ADDRESS, true},
    [GN_CNE_API_SUBSCRIPTIONS] = {"cne_api_subscriptions", "Subscriptions of the REST API.",
                                  NO_LABEL, true},
    [GN_CNE_API_PUBLISHERS] = {"cne_api_publishers", "Publishers of the REST API.", NO_LABEL, true},
    [GN_CNE_API_STATUS_PING] = {"cne_api_status_ping", "Status pings asked for.", NO_LABEL, true},
    [GN_CNE_EVENTS_ACK] = {"cne_events_ack", "Acknowledgements to publishers.", TYPE, true},
    [GN_CNE_EVENTS_RECEIVED] = {"cne_events_received", "Events of BMCs and publishers.", TYPE,
                                true},
    [GN_CNE_STATUS_CHECK_RECEIVED] = {"cne_status_check_received",
                                      "Current states that other proxies asked for.", TYPE, true},
    [GN_CNE_TRANSPORT_EVENTS_RECEIVED] = {"cne_transport_events_received",
                                          "Events of other proxies.", ADDRESS, true},
    [GN_CNE_TRANSPORT_EVENTS_PUBLISHED] = {"cne_transport_events_published",
                                           "Events to other proxies.", ADDRESS, true},
    [GN_CNE_TRANSPORT_CONNECTION_RESET] = {"cne_transport_connection_reset",
                                           "Connections to other proxies that were made again.",
                                           NO_LABEL, false},
    [GN_CNE_TRANSPORT_SENDER] = {"cne_transport_sender", "Proxies and clients that get events.",
                                 ADDRESS, true},
    [GN_CNE_TRANSPORT_RECEIVER] = {"cne_transport_receiver", "What other proxies send here.",
                                   ADDRESS, true},
    [GN_CNE_TRANSPORT_STATUS_CHECK_PUBLISHED] = {"cne_transport_status_check_published",
                                                 "Current states asked of other proxies.", ADDRESS,
                                                 true},
};
_Static_assert(GN_LEN(families) == GN_CNE_FAMILIES, "a row for each family");

static const char *const statuses[] = {
    [GN_CNE_SUCCESS] = "success",
    [GN_CNE_FAILED] = "failed",
    [GN_CNE_FAIL] = "fail",
    [GN_CNE_ACTIVE] = "active",
    [GN_CNE_RESET] = "connection reset",
    [GN_CNE_FAILED_TO_CREATE] = "failed to create",
    [GN_CNE_FAILED_TO_DELETE] = "failed to delete",
};
_Static_assert(GN_LEN(statuses) == GN_CNE_STATUSES, "a text for each status");

struct gn_cne_figures *gn_cne_figures_new(struct gn_metrics *metrics)
{
    struct gn_cne_figures *figures = calloc(1, sizeof *figures);

    if (figures != NULL)
        figures->metrics = metrics;
    return figures;
}

void gn_cne_figures_free(struct gn_cne_figures *figures)
{
    if (figures == NULL)
        return;
    for (size_t i = 0; i < GN_CNE_FAMILIES; i++) {
        struct entry *entry;
        struct entry *next;

        HASH_ITER (hh, figures->entries[i], entry, next) {
            HASH_DELETE(hh, figures->entries[i], entry);
            free(entry);
        }
    }
    free(figures);
}

static struct entry *find(struct entry *entries, struct gn_str label)
{
    const char *key = label.p != NULL ? label.p : "";
    struct entry *entry;

    HASH_FIND(hh, entries, key, label.len, entry);
    return entry;
}

static struct entry *add(struct entry **entries, struct gn_str label)
{
    struct entry *entry = calloc(1, sizeof *entry + label.len + 1);

    if (entry == NULL)
        return NULL;
    if (label.len > 0)
        memcpy(entry->label, label.p, label.len);
    entry->label_len = label.len;
    HASH_ADD_KEYPTR(hh, *entries, entry->label, entry->label_len, entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return NULL;
    }
    return entry;
}

static struct entry *entry_of(struct entry **entries, struct gn_str label)
{
    struct entry *entry = find(*entries, label);

    if (entry != NULL)
        return entry;
    if (label.len > GN_CNE_LABEL_BYTES_MAX || HASH_COUNT(*entries) >= GN_CNE_LABELS_MAX) {
        label = OTHER;
        entry = find(*entries, label);
    }
    return entry != NULL ? entry : add(entries, label);
}

static bool is_special(char c)
{
    return c == '\\' || c == '"' || c == '\n' || c == '\0';
}

/* A label's value as the text format wants it. The series is named by a C string, so a NUL is
 * replaced like broken UTF-8. */
static void add_value(struct gn_buf *out, struct gn_str value)
{
    while (value.len > 0) {
        size_t plain = 0;

        while (plain < value.len && !is_special(value.p[plain]))
            plain++;
        gn_text_add_utf8(out, (struct gn_str){value.p, plain});
        if (plain == value.len)
            return;
        if (value.p[plain] == '\0') {
            gn_text_add_utf8(out, GN_STR("\xff"));
        } else {
            gn_buf_putc(out, '\\');
            gn_buf_putc(out, value.p[plain] == '\n' ? 'n' : value.p[plain]);
        }
        value.p += plain + 1;
        value.len -= plain + 1;
    }
}

/* In order of the names, as the original prints them. */
static void add_labels(struct gn_buf *out, enum gn_cne_family family, const struct entry *entry,
                       enum gn_cne_status status)
{
    const struct gn_str label = {entry->label, entry->label_len};

    if (families[family].label == ADDRESS) {
        gn_buf_puts(out, "address=\"");
        add_value(out, label);
        gn_buf_puts(out, "\",");
    }
    if (families[family].has_status)
        gn_buf_printf(out, "status=\"%s\"", statuses[status]);
    if (families[family].label == TYPE) {
        gn_buf_puts(out, ",type=\"");
        add_value(out, label);
        gn_buf_putc(out, '"');
    }
}

static struct gn_metric *register_gauge(struct gn_cne_figures *figures, enum gn_cne_family family,
                                        const struct entry *entry, enum gn_cne_status status)
{
    struct gn_buf labels = GN_BUF_INIT;
    struct gn_metric *gauge = NULL;

    add_labels(&labels, family, entry, status);
    if (gn_buf_err(&labels) == GN_OK)
        gauge = gn_metrics_try_gauge(figures->metrics, families[family].name, labels.data,
                                     families[family].help);
    gn_buf_free(&labels);
    return gauge;
}

/* NULL without memory. */
static struct gn_metric *gauge_of(struct gn_cne_figures *figures, enum gn_cne_family family,
                                  struct gn_str label, enum gn_cne_status status)
{
    struct entry *entry;

    GN_ASSERT(family < GN_CNE_FAMILIES && status < GN_CNE_STATUSES);
    if (families[family].label == NO_LABEL)
        label = GN_STR_NONE;
    entry = entry_of(&figures->entries[family], label);
    if (entry == NULL)
        return NULL;
    if (entry->gauges[status] == NULL)
        entry->gauges[status] = register_gauge(figures, family, entry, status);
    return entry->gauges[status];
}

void gn_cne_add(struct gn_cne_figures *figures, enum gn_cne_family family, struct gn_str label,
                enum gn_cne_status status, double by)
{
    struct gn_metric *gauge = NULL;

    if (figures != NULL)
        gauge = gauge_of(figures, family, label, status);
    if (gauge != NULL)
        gn_metric_add(gauge, by);
}

void gn_cne_set(struct gn_cne_figures *figures, enum gn_cne_family family, struct gn_str label,
                enum gn_cne_status status, double value)
{
    struct gn_metric *gauge = NULL;

    if (figures != NULL)
        gauge = gauge_of(figures, family, label, status);
    if (gauge != NULL)
        gn_metric_set(gauge, value);
}
