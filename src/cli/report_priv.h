/* What report.c (status), report_lists.c, report_bmcs.c and report_text.c share: sizes, ages,
 * texts, tables. */
#ifndef GURNARD_CLI_REPORT_PRIV_H
#define GURNARD_CLI_REPORT_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

#define REPORT_NS_PER_S 1e9
#define REPORT_LABEL    14 /* columns in front of what a labelled line says */
#define REPORT_ID_SHORT 8  /* characters of an id that tell it from others on one screen */

/* Columns that visible takes: its characters. */
size_t gn_report_columns(struct gn_str visible);

/* Appends visible, cut with "..." behind it when it takes more than columns. */
void gn_report_add_cut(struct gn_buf *out, struct gn_str visible, size_t columns);

/* Appends a string member, controls escaped; "-" when it is none or empty. */
void gn_report_add_text(struct gn_buf *out, const json_t *text);

/* Appends an integer; "-" when it is none. */
void gn_report_add_count(struct gn_buf *out, const json_t *number);

/* Appends a number in at most width columns, at least 5: exactly, or as "123k", "1.2M". "-" below
 * 0.
 */
void gn_report_add_short_count(struct gn_buf *out, double number, unsigned width);

/* Appends an id: its first REPORT_ID_SHORT characters, or all when wide or no id. */
void gn_report_add_id(struct gn_buf *out, const json_t *id, bool wide);

/* Appends a number of bytes: "8 B", "4.0 KiB", "243 MiB". */
void gn_report_add_bytes(struct gn_buf *out, const json_t *number);

/* Appends a time span in at most six columns: "4.2s", "42s", "12m30s", "3h05m", "12d04h", "123d".
 * Below 0 it is 0. */
void gn_report_add_span(struct gn_buf *out, double seconds);

/* The same for a member that holds seconds; "-" when it is no number. */
void gn_report_add_seconds(struct gn_buf *out, const json_t *seconds);

/* The same for the time since an RFC 3339 text; "-" when it is none. */
void gn_report_add_age(struct gn_buf *out, const json_t *when, int64_t now_ns);

/* A table that is filled cell by cell. */
struct report_column {
    const char *title;
    unsigned width;
    bool is_right; /* aligned */
    bool may_cut;  /* what is wider than width; otherwise it shifts the columns behind */
};

struct report_table {
    struct gn_buf *out;
    const struct report_column *columns;
    size_t count;       /* of columns */
    size_t at;          /* the column that comes next */
    struct gn_buf cell; /* appended to, then gn_report_cell() */
};

/* Writes the line of titles. Ended by gn_report_table_end(). */
struct report_table gn_report_table(struct gn_buf *out, const struct report_column *columns,
                                    size_t count);

/* Moves what is in table->cell into its place; ends the line behind the last column. */
void gn_report_cell(struct report_table *table);

void gn_report_table_end(struct report_table *table);

#endif
