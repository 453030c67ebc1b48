/* Reports on BMCs and alarms. Tables whose columns are as wide as what is in them, within bounds:
 * what is left of the line belongs to the last column, the text for people. */
#include "gurnard/cli/report.h"

#include <stdlib.h>

#include "cli_priv.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "report_priv.h"

#define COLUMNS_MAX 16
#define GAP         2  /* blanks between columns */
#define LAST_LEAST  20 /* columns that the last one keeps, even when the line gets longer */

/* One cell's text. */
typedef void (*cell_fn)(struct gn_buf *out, const json_t *row, int64_t now_ns);

struct wanted {
    const char *title;
    unsigned limit; /* what is wider is cut, unless wide; 0: never */
    bool is_right;  /* aligned */
    bool is_wide;   /* only shown when wide */
    cell_fn add;
};

/* ---- tables that fit ---- */

/* The columns that the widest cell takes, its title included. */
static unsigned width_of(const struct wanted *column, const json_t *rows, int64_t now_ns)
{
    struct gn_buf cell = GN_BUF_INIT;
    size_t most = gn_report_columns(gn_str_of(column->title));

    for (size_t i = 0; i < json_array_size(rows); i++) {
        size_t columns;

        gn_buf_reset(&cell);
        column->add(&cell, json_array_get(rows, i), now_ns);
        columns = gn_report_columns(gn_buf_str(&cell));
        most = columns > most ? columns : most;
    }
    gn_buf_free(&cell);
    return column->limit > 0 && most > column->limit ? column->limit : (unsigned)most;
}

/* Fills columns and fns for those that are shown. Returns how many. */
static size_t fit(const struct wanted *wanted, size_t count, const json_t *rows, int64_t now_ns,
                  bool wide, struct report_column *columns, cell_fn *fns)
{
    size_t used = 0, shown = 0;

    GN_ASSERT(count <= COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct wanted column = wanted[i];
        bool is_last = i + 1 == count;

        if (column.is_wide && !wide)
            continue;
        if (wide)
            column.limit = 0;
        fns[shown] = column.add;
        columns[shown] = (struct report_column){.title = column.title,
                                                .is_right = column.is_right,
                                                .may_cut = column.limit > 0};
        if (!is_last)
            columns[shown].width = width_of(&column, rows, now_ns);
        used += columns[shown++].width + GAP;
    }
    if (wide)
        return shown; /* the last one ends the line, however long */
    columns[shown - 1].may_cut = true;
    columns[shown - 1].width = used - GAP + LAST_LEAST > GN_REPORT_BMC_COLUMNS
                                   ? LAST_LEAST
                                   : (unsigned)(GN_REPORT_BMC_COLUMNS - (used - GAP));
    return shown;
}

static void add_table(struct gn_buf *out, const struct wanted *wanted, size_t count,
                      const json_t *rows, int64_t now_ns, bool wide)
{
    struct report_column columns[COLUMNS_MAX];
    cell_fn fns[COLUMNS_MAX];
    size_t shown = fit(wanted, count, rows, now_ns, wide, columns, fns);
    struct report_table table = gn_report_table(out, columns, shown);

    for (size_t i = 0; i < json_array_size(rows); i++)
        for (size_t at = 0; at < shown; at++) {
            fns[at](&table.cell, json_array_get(rows, i), now_ns);
            gn_report_cell(&table);
        }
    gn_report_table_end(&table);
}

/* "3 BMCs: 2 proven, 1 degraded": rows counted by a member, in the order in which they come. */
static void add_summary(struct gn_buf *out, const json_t *rows, const char *member, const char *one,
                        const char *many)
{
    size_t total = json_array_size(rows);
    json_t *counts = json_object();
    const char *between = ": ";
    const char *word;
    json_t *count;

    for (size_t i = 0; i < total; i++) {
        const char *value = json_string_value(json_object_get(json_array_get(rows, i), member));
        json_int_t before;

        if (value == NULL)
            continue;
        before = json_integer_value(json_object_get(counts, value));
        (void)json_object_set_new(counts, value, json_integer(before + 1)); /* else one less */
    }
    gn_buf_printf(out, "%zu %s", total, total == 1 ? one : many);
    json_object_foreach (counts, word, count) {
        gn_buf_printf(out, "%s%" JSON_INTEGER_FORMAT " ", between, json_integer_value(count));
        gn_cli_add_visible(out, gn_str_of(word));
        between = ", ";
    }
    gn_buf_putc(out, '\n');
    json_decref(counts);
}

/* ---- cells that BMCs and alarms share ---- */

#define TEXT_CELL(name, member)                                                                    \
    static void name(struct gn_buf *out, const json_t *row, int64_t now_ns)                        \
    {                                                                                              \
        (void)now_ns;                                                                              \
        gn_report_add_text(out, json_object_get(row, member));                                     \
    }
#define COUNT_CELL(name, member)                                                                   \
    static void name(struct gn_buf *out, const json_t *row, int64_t now_ns)                        \
    {                                                                                              \
        (void)now_ns;                                                                              \
        gn_report_add_count(out, json_object_get(row, member));                                    \
    }
#define AGE_CELL(name, member)                                                                     \
    static void name(struct gn_buf *out, const json_t *row, int64_t now_ns)                        \
    {                                                                                              \
        gn_report_add_age(out, json_object_get(row, member), now_ns);                              \
    }

/* ---- BMCs ---- */

TEXT_CELL(bmc_name, "name")
TEXT_CELL(bmc_state, "state")
TEXT_CELL(bmc_way, "way")
TEXT_CELL(bmc_model, "model")
TEXT_CELL(bmc_firmware, "firmware")
AGE_CELL(bmc_last_event, "last_event")
COUNT_CELL(bmc_subscriptions, "subscriptions_used")
TEXT_CELL(bmc_reason, "reason")

static void add_ms(struct gn_buf *out, double ms)
{
    gn_buf_printf(out, "%.*f ms", ms < 10 ? 1 : 0, ms);
}

/* How long the test event took, or what became of it. */
static void bmc_proof(struct gn_buf *out, const json_t *row, int64_t now_ns)
{
    const json_t *proof = json_object_get(row, "proof");
    const json_t *latency = json_object_get(proof, "latency_ms");
    const struct gn_str result = gn_json_str(proof, "result");

    (void)now_ns;
    if (gn_str_eq(result, GN_STR("proven")) && json_is_number(latency))
        add_ms(out, json_number_value(latency));
    else if (gn_str_eq(result, GN_STR("none")))
        gn_buf_putc(out, '-');
    else
        gn_report_add_text(out, json_object_get(proof, "result"));
}

/* Nobody shall forget that. */
static void add_unchecked(struct gn_buf *out, const json_t *bmcs)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(bmcs); i++)
        count += gn_str_eq(gn_json_str(json_array_get(bmcs, i), "tls"), GN_STR("off"));
    if (count > 0)
        gn_buf_printf(out, "%zu with tls: off, whoever answers there is believed\n", count);
}

void gn_report_bmcs(const json_t *list, int64_t now_ns, bool wide, struct gn_buf *out)
{
    static const struct wanted columns[] = {
        {.title = "NAME", .add = bmc_name},
        {.title = "STATE", .add = bmc_state},
        {.title = "WAY", .add = bmc_way},
        {.title = "MODEL", .limit = 20, .add = bmc_model},
        {.title = "FIRMWARE", .limit = 16, .add = bmc_firmware},
        {.title = "LAST EVENT", .is_right = true, .add = bmc_last_event},
        {.title = "PROOF", .is_right = true, .add = bmc_proof},
        {.title = "SUBS", .is_right = true, .add = bmc_subscriptions},
        {.title = "REASON", .add = bmc_reason},
    };
    const json_t *bmcs = json_object_get(list, "bmcs");

    if (json_array_size(bmcs) == 0) {
        gn_buf_puts(out, "no BMCs\n");
        return;
    }
    add_table(out, columns, GN_LEN(columns), bmcs, now_ns, wide);
    add_summary(out, bmcs, "state", "BMC", "BMCs");
    add_unchecked(out, bmcs);
}

/* ---- alarms ---- */

TEXT_CELL(alarm_severity, "severity")
TEXT_CELL(alarm_bmc, "bmc")
TEXT_CELL(alarm_message_id, "message_id")
TEXT_CELL(alarm_origin, "origin")
TEXT_CELL(alarm_whole_id, "id")
AGE_CELL(alarm_raised, "raised")
AGE_CELL(alarm_last, "last")
COUNT_CELL(alarm_count, "count")
TEXT_CELL(alarm_message, "message")

static void alarm_short_id(struct gn_buf *out, const json_t *row, int64_t now_ns)
{
    (void)now_ns;
    gn_report_add_id(out, json_object_get(row, "id"), false);
}

void gn_report_alarms(const json_t *list, int64_t now_ns, bool wide, struct gn_buf *out)
{
    const struct wanted columns[] = {
        {.title = "ID", .add = wide ? alarm_whole_id : alarm_short_id},
        {.title = "SEVERITY", .add = alarm_severity},
        {.title = "BMC", .add = alarm_bmc},
        {.title = "MESSAGE ID", .limit = 36, .add = alarm_message_id},
        {.title = "ORIGIN", .is_wide = true, .add = alarm_origin},
        {.title = "RAISED", .is_right = true, .add = alarm_raised},
        {.title = "LAST", .is_right = true, .add = alarm_last},
        {.title = "COUNT", .is_right = true, .add = alarm_count},
        {.title = "MESSAGE", .add = alarm_message},
    };
    const json_t *alarms = json_object_get(list, "alarms");

    if (json_array_size(alarms) == 0) {
        gn_buf_puts(out, "no alarms\n");
        return;
    }
    add_table(out, columns, GN_LEN(columns), alarms, now_ns, wide);
    add_summary(out, alarms, "severity", "alarm", "alarms");
}

/* ---- one BMC ---- */

static void label(struct gn_buf *out, const char *name)
{
    gn_buf_printf(out, "%-*s", REPORT_LABEL, name);
}

static void add_ago(struct gn_buf *out, const json_t *when, int64_t now_ns)
{
    gn_buf_puts(out, " (");
    gn_report_add_age(out, when, now_ns);
    gn_buf_puts(out, " ago)");
}

/* A line for a member, unless it is missing. */
static void field(struct gn_buf *out, const char *name, const json_t *value)
{
    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0))
        return;
    label(out, name);
    if (json_is_boolean(value))
        gn_buf_puts(out, json_is_true(value) ? "yes" : "no");
    else if (json_is_integer(value))
        gn_report_add_count(out, value);
    else
        gn_report_add_text(out, value);
    gn_buf_putc(out, '\n');
}

static void time_field(struct gn_buf *out, const char *name, const json_t *when, int64_t now_ns)
{
    if (!json_is_string(when))
        return;
    label(out, name);
    gn_report_add_text(out, when);
    add_ago(out, when, now_ns);
    gn_buf_putc(out, '\n');
}

static void state_field(struct gn_buf *out, const json_t *bmc, int64_t now_ns)
{
    const json_t *since = json_object_get(bmc, "since");

    label(out, "state");
    gn_report_add_text(out, json_object_get(bmc, "state"));
    if (json_is_string(since)) {
        gn_buf_puts(out, " since ");
        gn_report_add_text(out, since);
        add_ago(out, since, now_ns);
    }
    gn_buf_putc(out, '\n');
}

static void proof_field(struct gn_buf *out, const json_t *proof, int64_t now_ns)
{
    const json_t *latency = json_object_get(proof, "latency_ms");
    const json_t *reason = json_object_get(proof, "reason");
    const json_t *when = json_object_get(proof, "at");

    if (!json_is_object(proof))
        return;
    label(out, "proof");
    gn_report_add_text(out, json_object_get(proof, "result"));
    if (json_is_number(latency)) {
        gn_buf_puts(out, " in ");
        add_ms(out, json_number_value(latency));
    }
    if (json_is_string(when))
        add_ago(out, when, now_ns);
    if (json_string_length(reason) > 0) {
        gn_buf_puts(out, ": ");
        gn_report_add_text(out, reason);
    }
    gn_buf_putc(out, '\n');
}

/* Which logs are read after an outage, and up to which entry they were. */
static void log_fields(struct gn_buf *out, const json_t *logs)
{
    for (size_t i = 0; i < json_array_size(logs); i++) {
        const json_t *log = json_array_get(logs, i);
        const json_t *mark = json_object_get(log, "read_to");

        label(out, i == 0 ? "logs" : "");
        gn_report_add_text(out, json_object_get(log, "uri"));
        if (json_string_length(mark) > 0) {
            gn_buf_puts(out, ", read to entry ");
            gn_report_add_text(out, mark);
        }
        gn_buf_putc(out, '\n');
    }
}

static void settings_fields(struct gn_buf *out, const json_t *settings)
{
    char *text = json_is_object(settings) ? json_dumps(settings, JSON_INDENT(2)) : NULL;
    struct gn_str rest = gn_str_of(text);

    if (text != NULL)
        gn_buf_puts(out, "\nsettings\n");
    while (rest.p != NULL) {
        gn_cli_add_visible(out, gn_str_cut(rest, '\n', &rest));
        gn_buf_putc(out, '\n');
    }
    free(text);
}

/* Fields that are printed as they are. */
struct plain {
    const char *name, *member;
};

static void plain_fields(struct gn_buf *out, const json_t *bmc, const struct plain *rows,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        field(out, rows[i].name, json_object_get(bmc, rows[i].member));
}

void gn_report_bmc(const json_t *bmc, int64_t now_ns, struct gn_buf *out)
{
    static const struct plain what[] = {
        {"reason", "reason"},   {"vendor", "vendor"},           {"product", "product"},
        {"model", "model"},     {"firmware", "firmware"},       {"uuid", "uuid"},
        {"manager", "manager"}, {"Redfish", "redfish_version"}, {"tls", "tls"},
        {"way", "way"},
    };
    static const struct plain subscription[] = {
        {"subscription", "subscription"},
        {"its state", "subscription_state"},
        {"for metrics", "metrics_subscription"},
        {"context", "context"},
        {"not taken", "missing"},
        {"condition", "event_service_condition"},
        {"subs there", "subscriptions_used"},
    };
    static const struct plain figures[] = {
        {"events", "events"},          {"from logs", "recovered"},   {"gap", "gap"},
        {"streams", "streams_opened"}, {"heartbeats", "heartbeats"},
    };

    label(out, "name");
    gn_report_add_text(out, json_object_get(bmc, "name"));
    gn_buf_putc(out, '\n');
    field(out, "address", json_object_get(bmc, "address"));
    field(out, "from", json_object_get(bmc, "origin"));
    state_field(out, bmc, now_ns);
    plain_fields(out, bmc, what, GN_LEN(what));
    plain_fields(out, bmc, subscription, GN_LEN(subscription));
    proof_field(out, json_object_get(bmc, "proof"), now_ns);
    time_field(out, "last event", json_object_get(bmc, "last_event"), now_ns);
    plain_fields(out, bmc, figures, GN_LEN(figures));
    time_field(out, "last beat", json_object_get(bmc, "last_heartbeat"), now_ns);
    log_fields(out, json_object_get(bmc, "logs"));
    settings_fields(out, json_object_get(bmc, "settings"));
}
