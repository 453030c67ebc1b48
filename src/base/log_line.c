/* Lines of the log in their two forms. Whatever bytes a value holds, what comes out is one field of
 * one line, printable, valid UTF-8 and without anything that a terminal takes for a command. */
#include "log_priv.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/text.h"

/* Kept free for what closes a line. */
#define END_TEXT " cut=true\n"
#define END_JSON ",\"cut\":true}\n"
#define END_ROOM sizeof END_JSON

#define CUT_MARK "..."

void gn_log_value_add(struct gn_log_value *value, struct gn_str bytes)
{
    const size_t room = sizeof value->bytes - value->len;

    if (bytes.len > room) {
        bytes.len = room;
        value->was_cut = true;
    }
    if (bytes.len > 0)
        memcpy(value->bytes + value->len, bytes.p, bytes.len);
    value->len += bytes.len;
}

/* Puts the mark at the end of a cut value, not leaving half a character before it. */
static void mark_cut(struct gn_log_value *value)
{
    if (!value->was_cut)
        return;
    value->len = sizeof value->bytes - strlen(CUT_MARK);
    while (value->len > 0 && ((uint8_t)value->bytes[value->len] & 0xC0) == 0x80)
        value->len--;
    memcpy(value->bytes + value->len, CUT_MARK, strlen(CUT_MARK));
    value->len += strlen(CUT_MARK);
    value->was_cut = false;
}

static void add(struct gn_log_line *line, struct gn_str bytes)
{
    if (bytes.len > sizeof line->bytes - END_ROOM - line->len) {
        line->was_cut = true;
        return;
    }
    if (bytes.len > 0)
        memcpy(line->bytes + line->len, bytes.p, bytes.len);
    line->len += bytes.len;
}

static void add_text(struct gn_log_line *line, const char *text)
{
    add(line, gn_str_of(text));
}

/* Code of the well-formed character at p of len bytes. */
static uint32_t code_point(const char *p, size_t len)
{
    uint32_t code = len == 1 ? (uint8_t)p[0] : (uint8_t)p[0] & (0xFFu >> (len + 1));

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((uint8_t)p[i] & 0x3F);
    return code;
}

/* Control characters of both ranges, line and paragraph separators, marks of text direction. */
static bool is_unprintable(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Appends the character of len bytes at p, or the invalid byte there when len is 0. */
static void add_char(struct gn_log_line *line, const char *p, size_t len)
{
    const uint32_t code = len > 0 ? code_point(p, len) : 0;
    char escape[8];

    if (len == 0 && line->format == GN_LOG_JSON)
        (void)snprintf(escape, sizeof escape, "\\ufffd");
    else if (len == 0)
        (void)snprintf(escape, sizeof escape, "\\x%02x", (uint8_t)*p);
    else if (code == '"' || code == '\\')
        (void)snprintf(escape, sizeof escape, "\\%c", *p);
    else if (code == '\n' || code == '\r' || code == '\t')
        (void)snprintf(escape, sizeof escape, "\\%c",
                       code == '\n'   ? 'n'
                       : code == '\r' ? 'r'
                                      : 't');
    else if (is_unprintable(code))
        (void)snprintf(escape, sizeof escape, "\\u%04x", code & 0xFFFF);
    else {
        add(line, (struct gn_str){p, len});
        return;
    }
    add_text(line, escape);
}

static void add_quoted(struct gn_log_line *line, struct gn_str s)
{
    add_text(line, "\"");
    while (s.len > 0) {
        const size_t len = gn_text_utf8_len(s);
        const size_t step = len > 0 ? len : 1;

        add_char(line, s.p, len);
        s.p += step;
        s.len -= step;
    }
    add_text(line, "\"");
}

/* Whether a logfmt reader takes s for one value as it stands. Other scripts are quoted as well. */
static bool is_plain(struct gn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7F || strchr("\"\\=", s.p[i]) != NULL)
            return false;
    return s.len > 0;
}

static void add_value(struct gn_log_line *line, const struct gn_log_value *value)
{
    const struct gn_str s = {value->bytes, value->len};
    const bool is_bare = line->format == GN_LOG_JSON ? value->is_number : is_plain(s);

    if (is_bare)
        add(line, s);
    else
        add_quoted(line, s);
}

static void add_key(struct gn_log_line *line, struct gn_str key)
{
    if (line->format == GN_LOG_JSON) {
        add_text(line, ",");
        add_quoted(line, key);
        add_text(line, ":");
    } else {
        add_text(line, " ");
        add(line, key);
        add_text(line, "=");
    }
}

void gn_log_line_start(struct gn_log_line *line, const char *time, const char *level,
                       struct gn_log_value *event)
{
    mark_cut(event);
    if (line->format == GN_LOG_JSON) {
        add_text(line, "{\"time\":\"");
        add_text(line, time);
        add_text(line, "\",\"level\":\"");
        add_text(line, level);
        add_text(line, "\",\"event\":");
    } else {
        add_text(line, time);
        add_text(line, " ");
        add_text(line, level);
        add_text(line, " ");
    }
    add_value(line, event);
}

void gn_log_line_field(struct gn_log_line *line, struct gn_str key, struct gn_log_value *value)
{
    const size_t start = line->len;

    if (line->was_cut)
        return;
    mark_cut(value);
    add_key(line, key);
    add_value(line, value);
    if (line->was_cut)
        line->len = start;
}

void gn_log_line_end(struct gn_log_line *line)
{
    const bool is_json = line->format == GN_LOG_JSON;
    const char *end = is_json ? "}\n" : "\n";

    if (line->was_cut)
        end = is_json ? END_JSON : END_TEXT;
    memcpy(line->bytes + line->len, end, strlen(end));
    line->len += strlen(end);
}
