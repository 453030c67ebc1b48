/* What the texts inside JSON tokens mean, and values without their white space. */
#include "gurnard/base/json_scan.h"

#include <string.h>

#include "json_scan_priv.h"

/* Stands for what has no meaning as text: invalid bytes, lone surrogates, U+0000. */
#define REPLACEMENT 0xFFFDu

/* One character of a string's meaning. */
struct meaning {
    size_t taken; /* bytes of the text that it stands for */
    size_t len;   /* bytes of UTF-8 */
    char bytes[4];
};

static void set_utf8(struct meaning *m, uint32_t code)
{
    if (code < 0x80) {
        m->bytes[0] = (char)code;
        m->len = 1;
        return;
    }
    if (code < 0x800) {
        m->bytes[0] = (char)(0xC0 | code >> 6);
        m->len = 2;
    } else if (code < 0x10000) {
        m->bytes[0] = (char)(0xE0 | code >> 12);
        m->bytes[1] = (char)(0x80 | (code >> 6 & 0x3F));
        m->len = 3;
    } else {
        m->bytes[0] = (char)(0xF0 | code >> 18);
        m->bytes[1] = (char)(0x80 | (code >> 12 & 0x3F));
        m->bytes[2] = (char)(0x80 | (code >> 6 & 0x3F));
        m->len = 4;
    }
    m->bytes[m->len - 1] = (char)(0x80 | (code & 0x3F));
}

static uint32_t hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    return (uint32_t)((c | 0x20) - 'a' + 10) & 0xF;
}

/* The four digits behind "\u" at at, or the replacement when there is no such escape. */
static uint32_t hex_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return REPLACEMENT;
    return hex_digit(at[2]) << 12 | hex_digit(at[3]) << 8 | hex_digit(at[4]) << 4 |
           hex_digit(at[5]);
}

static void unicode_escape(struct meaning *m, const char *at, const char *end)
{
    uint32_t code = hex_unit(at, end);
    uint32_t low;

    m->taken = end - at < 6 ? (size_t)(end - at) : 6;
    if (code == 0 || (code >= 0xDC00 && code <= 0xDFFF))
        code = REPLACEMENT;
    if (code >= 0xD800 && code <= 0xDBFF) {
        low = hex_unit(at + 6, end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            m->taken = 12;
        } else {
            code = REPLACEMENT;
        }
    }
    set_utf8(m, code);
}

static char short_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c; /* quote, backslash and slash */
    }
}

/* Reads the character at at, where at least one byte is left. */
static struct meaning read_meaning(const char *at, const char *end)
{
    struct meaning m = {.taken = 1, .len = 1};

    if (*at == '\\') {
        if (end - at >= 2 && at[1] != 'u') {
            m.bytes[0] = short_escape(at[1]);
            m.taken = 2;
        } else {
            unicode_escape(&m, at, end);
        }
        return m;
    }
    if ((uint8_t)*at < 0x80) {
        m.bytes[0] = *at;
        return m;
    }
    m.len = gn_json_utf8_len(at, end);
    if (m.len == 0) {
        set_utf8(&m, REPLACEMENT);
        return m;
    }
    memcpy(m.bytes, at, m.len);
    m.taken = m.len;
    return m;
}

void gn_json_unescape(struct gn_str text, struct gn_buf *out)
{
    const char *at = text.p != NULL ? text.p : "";
    const char *const end = at + text.len;

    while (at < end) {
        const char *plain = gn_json_plain_end(at, end);
        struct meaning m;

        if (plain > at)
            gn_buf_add(out, at, (size_t)(plain - at));
        if (plain == end)
            break;
        m = read_meaning(plain, end);
        gn_buf_add(out, m.bytes, m.len);
        at = plain + m.taken;
    }
}

bool gn_json_text_eq(struct gn_str text, bool has_escape, struct gn_str word, bool nocase)
{
    const char *at = text.p;

    if (!has_escape)
        return nocase ? gn_str_eq_nocase(text, word) : gn_str_eq(text, word);
    while (at < text.p + text.len) {
        const struct meaning m = read_meaning(at, text.p + text.len);
        const struct gn_str got = {m.bytes, m.len};
        struct gn_str want;

        if (word.len < m.len)
            return false;
        want = (struct gn_str){word.p, m.len};
        if (nocase ? !gn_str_eq_nocase(got, want) : !gn_str_eq(got, want))
            return false;
        word.p += m.len;
        word.len -= m.len;
        at += m.taken;
    }
    return word.len == 0;
}

void gn_json_add_compact(struct gn_buf *out, struct gn_str raw)
{
    const char *at = raw.p != NULL ? raw.p : "";
    const char *const end = at + raw.len;
    const char *kept = at; /* from here on nothing was appended yet */

    while (at < end) {
        if (*at == '"') {
            const struct gn_json_span span = gn_json_string_end(at + 1, end, true);

            at = span.at < end ? span.at + 1 : end;
        } else if (gn_json_is_space(*at)) {
            gn_buf_add(out, kept, (size_t)(at - kept));
            at = gn_json_space_end(at, end);
            kept = at;
        } else {
            at++;
        }
    }
    gn_buf_add(out, kept, (size_t)(at - kept));
}
