/* The pieces that reports are made of: sizes, ages, texts, tables, bodies. */
#include "report_priv.h"

#include "cli_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/text.h"
#include "gurnard/cli/report.h"

#define SPAN_DAYS_MAX 99999.0 /* more is not told apart */
#define DUMP_WIDE     16U     /* bytes in a line of a hex dump */
#define S_PER_MINUTE  60U
#define S_PER_HOUR    3600U
#define S_PER_DAY     86400U

/* ---- texts and numbers ---- */

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t gn_report_columns(struct gn_str visible)
{
    size_t columns = 0;

    for (size_t i = 0; i < visible.len; i++)
        columns += begins_character(visible.p[i]);
    return columns;
}

void gn_report_add_cut(struct gn_buf *out, struct gn_str visible, size_t columns)
{
    const struct gn_str dots = GN_STR("...");
    size_t keep = columns > dots.len ? columns - dots.len : 0;
    size_t len = 0;

    if (gn_report_columns(visible) <= columns) {
        gn_buf_add_str(out, visible);
        return;
    }
    while (keep > 0) {
        len++;
        while (len < visible.len && !begins_character(visible.p[len]))
            len++;
        keep--;
    }
    gn_buf_add(out, visible.p, len);
    gn_buf_add_str(out, dots);
}

void gn_report_add_text(struct gn_buf *out, const json_t *text)
{
    if (json_string_length(text) > 0)
        gn_cli_add_visible(out, (struct gn_str){json_string_value(text), json_string_length(text)});
    else
        gn_buf_putc(out, '-');
}

void gn_report_add_count(struct gn_buf *out, const json_t *number)
{
    if (json_is_integer(number))
        gn_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    else
        gn_buf_putc(out, '-');
}

void gn_report_add_short_count(struct gn_buf *out, double number, unsigned width)
{
    static const char units[] = "kMGTPE";
    size_t unit = 0;
    double most = 10;

    for (unsigned i = 1; i < width; i++)
        most *= 10;
    if (number < 0) {
        gn_buf_putc(out, '-');
        return;
    }
    if (number < most) {
        gn_buf_printf(out, "%.0f", number);
        return;
    }
    for (number /= 1000; number >= 999.5 && units[unit + 1] != '\0'; unit++)
        number /= 1000;
    gn_buf_printf(out, number < 9.95 ? "%.1f%c" : "%.0f%c", number, units[unit]);
}

void gn_report_add_id(struct gn_buf *out, const json_t *id, bool wide)
{
    const struct gn_str text = {json_string_value(id), json_string_length(id)};

    if (!wide && gn_id_is_valid(text))
        gn_buf_add(out, text.p, REPORT_ID_SHORT);
    else
        gn_report_add_text(out, id);
}

void gn_report_add_bytes(struct gn_buf *out, const json_t *number)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = json_number_value(number);
    size_t unit = 0;

    if (!json_is_integer(number) || value < 0) {
        gn_buf_putc(out, '-');
        return;
    }
    if (value < 1024) {
        gn_buf_printf(out, "%.0f B", value);
        return;
    }
    /* 1023.96 KiB would be printed as 1024 KiB */
    for (value /= 1024; value >= 1023.5 && unit + 1 < GN_LEN(units); unit++)
        value /= 1024;
    gn_buf_printf(out, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void gn_report_add_span(struct gn_buf *out, double seconds)
{
    unsigned long long whole;

    if (!(seconds > 0))
        seconds = 0;
    if (seconds > SPAN_DAYS_MAX * S_PER_DAY)
        seconds = SPAN_DAYS_MAX * S_PER_DAY;
    whole = (unsigned long long)seconds;
    if (seconds < 9.95)
        gn_buf_printf(out, "%.1fs", seconds);
    else if (whole < S_PER_MINUTE)
        gn_buf_printf(out, "%llus", whole);
    else if (whole < S_PER_HOUR)
        gn_buf_printf(out, "%llum%02llus", whole / S_PER_MINUTE, whole % S_PER_MINUTE);
    else if (whole < S_PER_DAY)
        gn_buf_printf(out, "%lluh%02llum", whole / S_PER_HOUR, whole % S_PER_HOUR / S_PER_MINUTE);
    else if (whole < (unsigned long long)S_PER_DAY * 100)
        gn_buf_printf(out, "%llud%02lluh", whole / S_PER_DAY, whole % S_PER_DAY / S_PER_HOUR);
    else
        gn_buf_printf(out, "%llud", whole / S_PER_DAY);
}

void gn_report_add_seconds(struct gn_buf *out, const json_t *seconds)
{
    if (json_is_number(seconds))
        gn_report_add_span(out, json_number_value(seconds));
    else
        gn_buf_putc(out, '-');
}

void gn_report_add_age(struct gn_buf *out, const json_t *when, int64_t now_ns)
{
    const struct gn_str text = {json_string_value(when), json_string_length(when)};
    int64_t ns;

    if (gn_time_parse(text, &ns) == GN_OK)
        gn_report_add_span(out, ((double)now_ns - (double)ns) / REPORT_NS_PER_S);
    else
        gn_buf_putc(out, '-');
}

/* ---- tables ---- */

struct report_table gn_report_table(struct gn_buf *out, const struct report_column *columns,
                                    size_t count)
{
    struct report_table table = {
        .out = out, .columns = columns, .count = count, .cell = GN_BUF_INIT};

    for (size_t i = 0; i < count; i++) {
        gn_buf_puts(&table.cell, columns[i].title);
        gn_report_cell(&table);
    }
    return table;
}

static void add_blanks(struct gn_buf *out, size_t count)
{
    for (; count > 0; count--)
        gn_buf_putc(out, ' ');
}

void gn_report_cell(struct report_table *table)
{
    const struct report_column *column = &table->columns[table->at];
    const struct gn_str text = gn_buf_str(&table->cell);
    size_t columns = gn_report_columns(text);
    size_t blanks = columns < column->width ? column->width - columns : 0;

    if (table->at > 0)
        gn_buf_puts(table->out, "  ");
    if (column->is_right)
        add_blanks(table->out, blanks);
    if (column->may_cut)
        gn_report_add_cut(table->out, text, column->width);
    else
        gn_buf_add_str(table->out, text);
    table->at++;
    if (table->at == table->count) {
        if (gn_buf_err(table->out) == GN_OK)
            while (table->out->len > 0 && table->out->data[table->out->len - 1] == ' ')
                gn_buf_truncate(table->out, table->out->len - 1);
        gn_buf_putc(table->out, '\n');
        table->at = 0;
    } else if (!column->is_right) {
        add_blanks(table->out, blanks);
    }
    gn_buf_reset(&table->cell);
}

void gn_report_table_end(struct report_table *table)
{
    gn_buf_free(&table->cell);
}

/* ---- bodies ---- */

/* A carriage return alone would let a text write over its own beginning. */
static bool is_line_end(struct gn_str s)
{
    return s.p[0] == '\n' || (s.p[0] == '\r' && s.len > 1 && s.p[1] == '\n');
}

static bool is_text(struct gn_str body)
{
    if (!gn_text_is_utf8(body))
        return false;
    for (size_t i = 0; i < body.len; i++) {
        const struct gn_str rest = {body.p + i, body.len - i};

        if (body.p[i] != '\t' && !is_line_end(rest) && gn_cli_control_len(rest) > 0)
            return false;
    }
    return true;
}

static void dump_line(const unsigned char *bytes, size_t count, size_t offset, struct gn_buf *out)
{
    gn_buf_printf(out, "%08zx ", offset);
    for (size_t i = 0; i < DUMP_WIDE; i++) {
        if (i == DUMP_WIDE / 2)
            gn_buf_putc(out, ' ');
        if (i < count)
            gn_buf_printf(out, " %02x", bytes[i]);
        else
            gn_buf_puts(out, "   ");
    }
    gn_buf_puts(out, "  |");
    for (size_t i = 0; i < count; i++)
        gn_buf_putc(out, bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.');
    gn_buf_puts(out, "|\n");
}

void gn_report_body(struct gn_str body, struct gn_buf *out)
{
    if (is_text(body)) {
        gn_buf_add_str(out, body);
        if (body.len > 0 && body.p[body.len - 1] != '\n')
            gn_buf_putc(out, '\n');
        return;
    }
    for (size_t at = 0; at < body.len; at += DUMP_WIDE)
        dump_line((const unsigned char *)body.p + at,
                  body.len - at < DUMP_WIDE ? body.len - at : DUMP_WIDE, at, out);
}
