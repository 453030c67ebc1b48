/* Reports on what is kept for people: dead letters, quarantined bodies; and on a replay. */
#include "gurnard/cli/report.h"

#include <stdlib.h>

#include "cli_priv.h"
#include "report_priv.h"

/* ---- fields, one a line ---- */

static void label(struct gn_buf *out, const char *name)
{
    gn_buf_printf(out, "%-*s", REPORT_LABEL, name);
}

static void text_field(struct gn_buf *out, const char *name, const json_t *text)
{
    label(out, name);
    gn_report_add_text(out, text);
    gn_buf_putc(out, '\n');
}

static void count_field(struct gn_buf *out, const char *name, const json_t *number)
{
    label(out, name);
    gn_report_add_count(out, number);
    gn_buf_putc(out, '\n');
}

static void size_field(struct gn_buf *out, const json_t *number)
{
    label(out, "size");
    gn_report_add_bytes(out, number);
    gn_buf_putc(out, '\n');
}

static void time_field(struct gn_buf *out, const char *name, const json_t *when, int64_t now_ns)
{
    label(out, name);
    gn_report_add_text(out, when);
    if (json_is_string(when)) {
        gn_buf_puts(out, " (");
        gn_report_add_age(out, when, now_ns);
        gn_buf_puts(out, " ago)");
    }
    gn_buf_putc(out, '\n');
}

/* Says when a list does not hold all that is kept. */
static void more(struct gn_buf *out, const json_t *list, const char *hint)
{
    const json_t *kept = json_object_get(list, "count");
    size_t shown = json_array_size(json_object_get(list, "items"));

    if (json_integer_value(kept) > (json_int_t)shown)
        gn_buf_printf(out, "%zu of %" JSON_INTEGER_FORMAT " kept; %s\n", shown,
                      json_integer_value(kept), hint);
}

/* ---- replay ---- */

void gn_report_replay(const json_t *answer, struct gn_buf *out)
{
    const json_t *from = json_object_get(answer, "available_from");

    gn_buf_puts(out, "replaying to ");
    gn_report_add_text(out, json_object_get(answer, "subscription"));
    gn_buf_puts(out, " what came from ");
    gn_report_add_text(out, json_object_get(answer, "since"));
    gn_buf_puts(out, " until ");
    gn_report_add_text(out, json_object_get(answer, "until"));
    gn_buf_putc(out, '\n');
    if (!json_is_false(json_object_get(answer, "complete")))
        return;
    if (json_is_string(from)) {
        gn_buf_puts(out, "what came before ");
        gn_report_add_text(out, from);
        gn_buf_puts(out, " is not stored any more\n");
    } else {
        gn_buf_puts(out, "nothing is stored\n");
    }
}

/* ---- dead letters ---- */

/* No status: there was no answer. */
static void add_status(struct gn_buf *out, const json_t *status)
{
    gn_report_add_count(out, json_integer_value(status) == 0 ? NULL : status);
}

static void letter_row(struct report_table *table, const json_t *letter, int64_t now_ns)
{
    gn_report_add_count(&table->cell, json_object_get(letter, "number"));
    gn_report_cell(table);
    gn_report_add_text(&table->cell, json_object_get(letter, "subscription"));
    gn_report_cell(table);
    gn_report_add_id(&table->cell, json_object_get(letter, "event"), false);
    gn_report_cell(table);
    gn_report_add_age(&table->cell, json_object_get(letter, "last"), now_ns);
    gn_report_cell(table);
    add_status(&table->cell, json_object_get(letter, "status"));
    gn_report_cell(table);
    gn_report_add_count(&table->cell, json_object_get(letter, "attempts"));
    gn_report_cell(table);
    gn_report_add_bytes(&table->cell, json_object_get(letter, "bytes"));
    gn_report_cell(table);
}

void gn_report_deadletters(const json_t *list, int64_t now_ns, struct gn_buf *out)
{
    static const struct report_column columns[] = {
        {"NUMBER", 8, true, false}, {"SUBSCRIPTION", 36, false, false}, {"EVENT", 8, false, true},
        {"AGE", 6, true, false},    {"STATUS", 6, true, false},         {"TRIES", 5, true, false},
        {"SIZE", 8, true, false},
    };
    const json_t *items = json_object_get(list, "items");
    struct report_table table;

    if (json_array_size(items) == 0) {
        gn_buf_puts(out, "no dead letters\n");
    } else {
        table = gn_report_table(out, columns, GN_LEN(columns));
        for (size_t i = 0; i < json_array_size(items); i++)
            letter_row(&table, json_array_get(items, i), now_ns);
        gn_report_table_end(&table);
    }
    more(out, list, "--limit and --after show others");
}

/* JSON over several lines. The encoder escapes line ends and other C0 in texts, so those that are
 * left are its own. */
static void add_json(struct gn_buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    struct gn_str rest = gn_str_of(text);

    while (rest.p != NULL) {
        gn_cli_add_visible(out, gn_str_cut(rest, '\n', &rest));
        gn_buf_putc(out, '\n');
    }
    free(text);
}

void gn_report_deadletter(const json_t *letter, int64_t now_ns, struct gn_buf *out)
{
    count_field(out, "number", json_object_get(letter, "number"));
    text_field(out, "subscription", json_object_get(letter, "subscription"));
    text_field(out, "endpoint", json_object_get(letter, "endpoint"));
    text_field(out, "event", json_object_get(letter, "event"));
    text_field(out, "source", json_object_get(letter, "source"));
    time_field(out, "arrived", json_object_get(letter, "first"), now_ns);
    time_field(out, "last tried", json_object_get(letter, "last"), now_ns);
    count_field(out, "attempts", json_object_get(letter, "attempts"));
    label(out, "status");
    add_status(out, json_object_get(letter, "status"));
    gn_buf_putc(out, '\n');
    text_field(out, "error", json_object_get(letter, "error"));
    text_field(out, "answer", json_object_get(letter, "answer"));
    size_field(out, json_object_get(letter, "bytes"));
    gn_buf_putc(out, '\n');
    add_json(out, json_object_get(letter, "body"));
}

/* ---- quarantine ---- */

/* A name begins with the time of arrival in nanoseconds. */
static void add_age_by_name(struct gn_buf *out, const json_t *name, int64_t now_ns)
{
    const struct gn_str text = {json_string_value(name), json_string_length(name)};
    struct gn_str rest;
    unsigned long long ns;

    if (gn_str_to_u64(gn_str_cut(text, '-', &rest), INT64_MAX, &ns))
        gn_report_add_span(out, ((double)now_ns - (double)ns) / REPORT_NS_PER_S);
    else
        gn_buf_putc(out, '-');
}

void gn_report_quarantine(const json_t *list, int64_t now_ns, struct gn_buf *out)
{
    static const struct report_column columns[] = {{"NAME", 24, false, false},
                                                   {"AGE", 6, true, false},
                                                   {"SIZE", 8, true, false}};
    const json_t *items = json_object_get(list, "items");
    struct report_table table;

    if (json_array_size(items) == 0) {
        gn_buf_puts(out, "nothing in quarantine\n");
    } else {
        table = gn_report_table(out, columns, GN_LEN(columns));
        for (size_t i = 0; i < json_array_size(items); i++) {
            const json_t *item = json_array_get(items, i);

            gn_report_add_text(&table.cell, json_object_get(item, "name"));
            gn_report_cell(&table);
            add_age_by_name(&table.cell, json_object_get(item, "name"), now_ns);
            gn_report_cell(&table);
            gn_report_add_bytes(&table.cell, json_object_get(item, "bytes"));
            gn_report_cell(&table);
        }
        gn_report_table_end(&table);
    }
    more(out, list, "--limit shows more");
}

void gn_report_quarantined(const json_t *item, int64_t now_ns, struct gn_buf *out)
{
    text_field(out, "name", json_object_get(item, "name"));
    time_field(out, "received", json_object_get(item, "received"), now_ns);
    text_field(out, "source", json_object_get(item, "source"));
    text_field(out, "reason", json_object_get(item, "reason"));
    size_field(out, json_object_get(item, "bytes"));
}
