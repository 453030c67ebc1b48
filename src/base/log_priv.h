/* Between the reader of log formats (log.c) and the writer of lines (log_line.c). */
#ifndef GURNARD_BASE_LOG_PRIV_H
#define GURNARD_BASE_LOG_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/log.h"
#include "gurnard/base/str.h"

/* One value on its way into a line. Bytes beyond GN_LOG_FIELD_MAX are dropped. */
struct gn_log_value {
    char bytes[GN_LOG_FIELD_MAX];
    size_t len;
    bool was_cut;
    bool is_number; /* may stand bare in JSON */
};

/* A line being put together. */
struct gn_log_line {
    enum gn_log_format format;
    char bytes[GN_LOG_LINE_MAX];
    size_t len;
    bool was_cut; /* a field had no room; no later one is taken */
};

/* Appends raw bytes to a value, up to its limit. */
void gn_log_value_add(struct gn_log_value *value, struct gn_str bytes);

/* Starts a line: time (RFC 3339 with milliseconds), level, event. */
void gn_log_line_start(struct gn_log_line *line, const char *time, const char *level,
                       struct gn_log_value *event);

/* Appends one field, whole or not at all. */
void gn_log_line_field(struct gn_log_line *line, struct gn_str key, struct gn_log_value *value);

/* Closes the line with its line feed. */
void gn_log_line_end(struct gn_log_line *line);

#endif
