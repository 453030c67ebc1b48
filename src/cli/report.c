/* The screen of `gurnard status`: labelled lines that wrap, then the table of subscriptions. What
 * counts trouble is only shown when there is some. */
#include "gurnard/cli/report.h"

#include "cli_priv.h"
#include "report_priv.h"

#define RATE_MAX  1e9 /* events a second; more is shown as this */
#define ITEM_ROOM (GN_REPORT_COLUMNS - REPORT_LABEL - 1) /* a comma may follow */

/* A labelled line made of items with commas between them. */
struct screen {
    struct gn_buf *out;
    struct gn_buf item; /* appended to, then item_end() */
    size_t column;      /* where the line stands */
    int64_t now_ns;
    bool is_wide;
};

/* ---- lines ---- */

static void line_begin(struct screen *screen, const char *label)
{
    gn_buf_printf(screen->out, "%-*s", REPORT_LABEL, label);
    screen->column = REPORT_LABEL;
}

static void line_end(struct screen *screen)
{
    gn_buf_putc(screen->out, '\n');
}

static void item_end(struct screen *screen)
{
    const struct gn_str item = gn_buf_str(&screen->item);
    size_t columns = gn_report_columns(item);

    if (columns > ITEM_ROOM)
        columns = ITEM_ROOM;
    if (screen->column > REPORT_LABEL) {
        if (screen->column + columns + 3 > GN_REPORT_COLUMNS) {
            gn_buf_printf(screen->out, ",\n%-*s", REPORT_LABEL, "");
            screen->column = REPORT_LABEL;
        } else {
            gn_buf_puts(screen->out, ", ");
            screen->column += 2;
        }
    }
    gn_report_add_cut(screen->out, item, columns);
    screen->column += columns;
    gn_buf_reset(&screen->item);
}

static void words(struct screen *screen, const char *text)
{
    gn_buf_puts(&screen->item, text);
    item_end(screen);
}

static void count(struct screen *screen, const json_t *number, const char *one, const char *many)
{
    gn_report_add_count(&screen->item, number);
    gn_buf_printf(&screen->item, " %s", json_integer_value(number) == 1 ? one : many);
    item_end(screen);
}

/* Nothing when it is 0 or missing. */
static void trouble(struct screen *screen, const json_t *number, const char *what)
{
    if (json_integer_value(number) != 0)
        count(screen, number, what, what);
}

static void add_rate(struct gn_buf *out, const json_t *rate)
{
    double value = json_number_value(rate);

    if (!json_is_number(rate))
        gn_buf_puts(out, "-");
    else
        gn_buf_printf(out, "%.1f/s", value > RATE_MAX ? RATE_MAX : value);
}

static void rates(struct screen *screen, const json_t *section)
{
    add_rate(&screen->item, json_object_get(section, "rate_10s"));
    gn_buf_puts(&screen->item, " (last minute ");
    add_rate(&screen->item, json_object_get(section, "rate_60s"));
    gn_buf_putc(&screen->item, ')');
    item_end(screen);
}

/* "4.0 KiB of 16.0 MiB (0 %)" */
static void share(struct screen *screen, const json_t *used, const json_t *most)
{
    double part = json_number_value(used);
    double whole = json_number_value(most);

    gn_report_add_bytes(&screen->item, used);
    gn_buf_puts(&screen->item, " of ");
    gn_report_add_bytes(&screen->item, most);
    if (part >= 0 && whole > 0)
        gn_buf_printf(&screen->item, " (%.0f %%)", part / whole * 100);
    item_end(screen);
}

/* The age of the oldest event that waits: none where nothing does. */
static void add_oldest(struct gn_buf *out, const json_t *section, const char *key)
{
    bool is_waiting = json_integer_value(json_object_get(section, "queued")) != 0 ||
                      json_integer_value(json_object_get(section, "in_flight")) != 0;

    gn_report_add_seconds(out, is_waiting ? json_object_get(section, key) : NULL);
}

/* ---- the daemon ---- */

static void checks(struct screen *screen, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *check = json_array_get(list, i);

        if (json_is_true(json_object_get(check, "ok")))
            continue;
        gn_report_add_text(&screen->item, json_object_get(check, "name"));
        gn_buf_puts(&screen->item, ": ");
        gn_report_add_text(&screen->item, json_object_get(check, "reason"));
        item_end(screen);
    }
}

static void daemon_line(struct screen *screen, const json_t *status)
{
    line_begin(screen, "gurnardd");
    gn_report_add_text(&screen->item, json_object_get(status, "version"));
    item_end(screen);
    gn_buf_puts(&screen->item, "node ");
    gn_report_add_text(&screen->item, json_object_get(status, "node"));
    item_end(screen);
    gn_buf_puts(&screen->item, "up ");
    gn_report_add_seconds(&screen->item, json_object_get(status, "uptime_s"));
    item_end(screen);
    if (json_is_true(json_object_get(status, "ready"))) {
        words(screen, "ready");
    } else {
        words(screen, "not ready");
        checks(screen, json_object_get(status, "checks"));
    }
    line_end(screen);
}

static void in_line(struct screen *screen, const json_t *in)
{
    line_begin(screen, "in");
    count(screen, json_object_get(in, "events"), "event", "events");
    rates(screen, in);
    trouble(screen, json_object_get(in, "repeated"), "repeated");
    trouble(screen, json_object_get(in, "unparsed"), "unparsed");
    trouble(screen, json_object_get(in, "quarantined"), "quarantined");
    trouble(screen, json_object_get(in, "refused"), "refused");
    trouble(screen, json_object_get(in, "unrouted"), "unrouted");
    line_end(screen);
}

static void out_lines(struct screen *screen, const json_t *out)
{
    line_begin(screen, "out");
    count(screen, json_object_get(out, "delivered"), "delivered", "delivered");
    rates(screen, out);
    trouble(screen, json_object_get(out, "retries"), "tried again");
    trouble(screen, json_object_get(out, "replayed"), "replayed");
    line_end(screen);
    line_begin(screen, "waiting");
    count(screen, json_object_get(out, "queued"), "queued", "queued");
    count(screen, json_object_get(out, "in_flight"), "in flight", "in flight");
    gn_buf_puts(&screen->item, "oldest ");
    add_oldest(&screen->item, out, "oldest_undelivered_s");
    item_end(screen);
    gn_report_add_bytes(&screen->item, json_object_get(out, "memory_bytes"));
    gn_buf_puts(&screen->item, " of memory");
    item_end(screen);
    line_end(screen);
}

static void reserve(struct screen *screen, const json_t *journal)
{
    const json_t *most = json_object_get(journal, "max_bytes");
    const json_t *refuse_at = json_object_get(journal, "refuse_at_bytes");
    json_t *bytes;

    if (!json_is_integer(most) || !json_is_integer(refuse_at) || json_integer_value(most) < 0 ||
        json_integer_value(refuse_at) < 0)
        return;
    bytes = json_integer(json_integer_value(most) - json_integer_value(refuse_at));
    gn_buf_puts(&screen->item, "reserve ");
    gn_report_add_bytes(&screen->item, bytes);
    item_end(screen);
    json_decref(bytes);
}

static void journal_troubles(struct screen *screen, const json_t *journal)
{
    const json_t *durability = json_object_get(journal, "durability");

    if (json_is_string(durability) &&
        !gn_str_eq(gn_str_of(json_string_value(durability)), GN_STR("journal"))) {
        gn_buf_puts(&screen->item, "durability ");
        gn_report_add_text(&screen->item, durability);
        item_end(screen);
    }
    if (json_is_true(json_object_get(journal, "failing"))) {
        gn_buf_puts(&screen->item, "failing: ");
        gn_report_add_text(&screen->item, json_object_get(journal, "error"));
        item_end(screen);
    }
    if (json_is_true(json_object_get(journal, "disk_short")))
        words(screen, "the disk is short of room");
    trouble(screen, json_object_get(journal, "damaged"), "damaged");
}

static void journal_line(struct screen *screen, const json_t *journal)
{
    const json_t *free_pct = json_object_get(journal, "disk_free_pct");
    const json_t *pending = json_object_get(journal, "pending_bytes");

    line_begin(screen, "journal");
    journal_troubles(screen, journal);
    share(screen, json_object_get(journal, "bytes"), json_object_get(journal, "max_bytes"));
    reserve(screen, journal);
    gn_buf_puts(&screen->item, "oldest ");
    gn_report_add_age(&screen->item, json_object_get(journal, "oldest"), screen->now_ns);
    item_end(screen);
    count(screen, json_object_get(journal, "segments"), "segment", "segments");
    if (json_integer_value(pending) > 0) {
        gn_report_add_bytes(&screen->item, pending);
        gn_buf_puts(&screen->item, " not yet on disk");
        item_end(screen);
    }
    if (json_is_number(free_pct)) {
        gn_buf_printf(&screen->item, "disk %.0f %% free", json_number_value(free_pct));
        item_end(screen);
    }
    line_end(screen);
}

static void kept_lines(struct screen *screen, const json_t *letters, const json_t *quarantine)
{
    line_begin(screen, "dead letters");
    gn_report_add_count(&screen->item, json_object_get(letters, "count"));
    item_end(screen);
    share(screen, json_object_get(letters, "bytes"), json_object_get(letters, "max_bytes"));
    trouble(screen, json_object_get(letters, "dropped"), "dropped for want of room");
    line_end(screen);
    line_begin(screen, "quarantine");
    count(screen, json_object_get(quarantine, "count"), "body", "bodies");
    gn_report_add_bytes(&screen->item, json_object_get(quarantine, "bytes"));
    item_end(screen);
    line_end(screen);
}

static void given_up_line(struct screen *screen, const json_t *out)
{
    line_begin(screen, "given up");
    count(screen, json_object_get(out, "dead"), "dead", "dead");
    count(screen, json_object_get(out, "expired"), "expired", "expired");
    count(screen, json_object_get(out, "shed"), "shed", "shed");
    if (json_is_true(json_object_get(out, "shedding")))
        words(screen, "shedding now");
    line_end(screen);
}

/* Only those that are not well are named. */
static void publishers_line(struct screen *screen, const json_t *list)
{
    const json_t *row;
    size_t at;

    if (json_array_size(list) == 0)
        return;
    line_begin(screen, "publishers");
    gn_buf_printf(&screen->item, "%zu", json_array_size(list));
    item_end(screen);
    json_array_foreach (list, at, row) {
        if (json_is_true(json_object_get(row, "reachable")) &&
            json_integer_value(json_object_get(row, "registered")) ==
                json_integer_value(json_object_get(row, "wanted")))
            continue;
        gn_report_add_text(&screen->item, json_object_get(row, "url"));
        gn_buf_puts(&screen->item, json_is_true(json_object_get(row, "reachable"))
                                       ? " not registered: "
                                       : " lost: ");
        gn_report_add_text(&screen->item, json_object_get(row, "last_error"));
        item_end(screen);
    }
    line_end(screen);
}

/* States in which none is are not named. */
static void bmcs_line(struct screen *screen, const json_t *bmcs)
{
    const json_t *total = json_object_get(bmcs, "count");
    json_t *states = json_object_get(bmcs, "states");
    json_t *number;
    const char *state;
    const json_t *wrong = json_object_get(bmcs, "wrong");

    if (json_integer_value(total) == 0 && json_integer_value(wrong) == 0)
        return;
    line_begin(screen, "BMCs");
    gn_report_add_count(&screen->item, total);
    item_end(screen);
    json_object_foreach (states, state, number) {
        if (json_integer_value(number) == 0)
            continue;
        gn_report_add_count(&screen->item, number);
        gn_buf_putc(&screen->item, ' ');
        gn_cli_add_visible(&screen->item, gn_str_of(state));
        item_end(screen);
    }
    trouble(screen, wrong, "wrong in the inventory");
    line_end(screen);
}

static void alarms_line(struct screen *screen, const json_t *alarms)
{
    const json_t *critical = json_object_get(alarms, "critical");
    const json_t *warning = json_object_get(alarms, "warning");

    if (json_integer_value(critical) == 0 && json_integer_value(warning) == 0)
        return;
    line_begin(screen, "alarms");
    count(screen, critical, "critical", "critical");
    count(screen, warning, "warning", "warning");
    line_end(screen);
}

/* ---- the subscriptions ---- */

static void add_remarks(struct gn_buf *cell, const json_t *row, int64_t now_ns)
{
    const json_t *error = json_object_get(row, "last_error");
    const json_t *error_at = json_object_get(row, "last_error_at");

    if (json_is_true(json_object_get(row, "behind")))
        gn_buf_puts(cell, "behind");
    if (json_is_true(json_object_get(row, "replaying"))) {
        gn_buf_puts(cell, cell->len > 0 ? "; replaying " : "replaying ");
        gn_report_add_count(cell, json_object_get(row, "replayed"));
    }
    if (json_string_length(error) == 0)
        return;
    if (cell->len > 0)
        gn_buf_puts(cell, "; ");
    if (json_is_string(error_at)) {
        gn_report_add_age(cell, error_at, now_ns);
        gn_buf_puts(cell, " ago: ");
    }
    gn_report_add_text(cell, error);
}

/* The sum of what was given up of a subscription's events, in whatever way; -1 when nothing says.
 */
static double lost_of(const json_t *row)
{
    static const char *const ways[] = {"dead", "expired", "shed"};
    double lost = -1;

    for (size_t i = 0; i < GN_LEN(ways); i++) {
        const json_t *number = json_object_get(row, ways[i]);

        if (json_is_integer(number))
            lost = (lost < 0 ? 0 : lost) + json_number_value(number);
    }
    return lost;
}

static void count_cell(struct report_table *table, const json_t *number)
{
    gn_report_add_short_count(&table->cell,
                              json_is_integer(number) ? json_number_value(number) : -1,
                              table->columns[table->at].width);
    gn_report_cell(table);
}

static void subscription(struct screen *screen, struct report_table *table, const json_t *row)
{
    gn_report_add_id(&table->cell, json_object_get(row, "id"), screen->is_wide);
    gn_report_cell(table);
    gn_report_add_text(&table->cell, json_object_get(row, "state"));
    gn_report_cell(table);
    count_cell(table, json_object_get(row, "queued"));
    count_cell(table, json_object_get(row, "in_flight"));
    add_oldest(&table->cell, row, "oldest_s");
    gn_report_cell(table);
    count_cell(table, json_object_get(row, "delivered"));
    gn_report_add_short_count(&table->cell, lost_of(row), table->columns[table->at].width);
    gn_report_cell(table);
    gn_report_add_age(&table->cell, json_object_get(row, "last_success"), screen->now_ns);
    gn_report_cell(table);
    add_remarks(&table->cell, row, screen->now_ns);
    gn_report_cell(table);
    if (!screen->is_wide)
        return;
    gn_buf_puts(screen->out, "  ");
    gn_report_add_text(screen->out, json_object_get(row, "resource"));
    gn_buf_puts(screen->out, " to ");
    gn_report_add_text(screen->out, json_object_get(row, "endpoint"));
    if (json_string_length(json_object_get(row, "api")) > 0) {
        gn_buf_puts(screen->out, " as ");
        gn_report_add_text(screen->out, json_object_get(row, "api"));
    }
    gn_buf_putc(screen->out, '\n');
}

static void subscriptions(struct screen *screen, const json_t *list)
{
    static const struct report_column narrow[] = {
        {"SUBSCR", REPORT_ID_SHORT, false, true},
        {"STATE", 6, false, true},
        {"QUEUED", 6, true, false},
        {"FLYING", 6, true, false},
        {"OLDEST", 6, true, false},
        {"DELIVERED", 9, true, false},
        {"LOST", 5, true, false},
        {"LAST OK", 7, true, false},
        {"LAST ERROR", 31, false, true},
    };
    static const struct report_column wide[] = {
        {"SUBSCRIPTION", 36, false, false}, {"STATE", 6, false, false},
        {"QUEUED", 6, true, false},         {"FLYING", 6, true, false},
        {"OLDEST", 6, true, false},         {"DELIVERED", 9, true, false},
        {"LOST", 5, true, false},           {"LAST OK", 7, true, false},
        {"LAST ERROR", 0, false, false},
    };
    struct report_table table;

    gn_buf_putc(screen->out, '\n');
    if (json_array_size(list) == 0) {
        gn_buf_puts(screen->out, "no subscriptions\n");
        return;
    }
    table = gn_report_table(screen->out, screen->is_wide ? wide : narrow, GN_LEN(narrow));
    for (size_t i = 0; i < json_array_size(list); i++)
        subscription(screen, &table, json_array_get(list, i));
    gn_report_table_end(&table);
}

void gn_report_status(const json_t *status, int64_t now_ns, bool wide, struct gn_buf *out)
{
    struct screen screen = {.out = out, .item = GN_BUF_INIT, .now_ns = now_ns, .is_wide = wide};

    daemon_line(&screen, status);
    in_line(&screen, json_object_get(status, "in"));
    out_lines(&screen, json_object_get(status, "out"));
    journal_line(&screen, json_object_get(status, "journal"));
    kept_lines(&screen, json_object_get(status, "deadletters"),
               json_object_get(status, "quarantine"));
    given_up_line(&screen, json_object_get(status, "out"));
    publishers_line(&screen, json_object_get(status, "publishers"));
    bmcs_line(&screen, json_object_get(status, "bmcs"));
    alarms_line(&screen, json_object_get(status, "alarms"));
    subscriptions(&screen, json_object_get(status, "subscriptions"));
    gn_buf_free(&screen.item);
}
