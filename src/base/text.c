/* UTF-8, percent codes, JSON strings and the hash for tables that are fed from outside. */
#include "gurnard/base/text.h"

#include <pthread.h>
#include <string.h>

#include "random_priv.h"
#include "siphash_priv.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct gn_siphash_key hash_key;
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void)
{
    gn_random_fill(&hash_key, sizeof hash_key);
}

/* Number of leading bytes of s that are ASCII, counted in steps of eight; may fall short. */
static size_t ascii_run(struct gn_str s)
{
    size_t at = 0;

    while (s.len - at >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, s.p + at, sizeof word);
        if ((word & 0x8080808080808080U) != 0)
            break;
        at += sizeof word;
    }
    return at;
}

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* The second byte is where overlong forms, surrogates and what is above U+10FFFF show themselves
 * (table 3-7 of the Unicode standard). */
static bool is_second(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return is_continuation(second);
    }
}

/* Length of a character by its first byte; 0 for a byte that begins none. */
static size_t len_by_first(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

size_t gn_text_utf8_len(struct gn_str s)
{
    unsigned char first;
    size_t len;

    if (s.len == 0)
        return 0;
    first = (unsigned char)s.p[0];
    len = len_by_first(first);
    if (len <= 1)
        return len;
    if (len > s.len || !is_second(first, (unsigned char)s.p[1]))
        return 0;
    for (size_t i = 2; i < len; i++) {
        if (!is_continuation((unsigned char)s.p[i]))
            return 0;
    }
    return len;
}

/* Number of leading bytes of s that are well-formed UTF-8. */
static size_t utf8_run(struct gn_str s)
{
    size_t at = 0;

    while (at < s.len) {
        const struct gn_str rest = {s.p + at, s.len - at};
        size_t len = ascii_run(rest);

        if (len == 0)
            len = gn_text_utf8_len(rest);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

bool gn_text_is_utf8(struct gn_str s)
{
    return utf8_run(s) == s.len;
}

struct gn_str gn_text_clip(struct gn_str s, size_t max)
{
    size_t at = 0;

    while (s.p != NULL) {
        size_t len = gn_text_utf8_len((struct gn_str){s.p + at, s.len - at});

        if (len == 0 || len > max - at)
            return (struct gn_str){s.p, at};
        at += len;
    }
    return s;
}

void gn_text_add_utf8(struct gn_buf *out, struct gn_str s)
{
    while (s.len > 0) {
        size_t len = utf8_run(s);

        if (len > 0) {
            gn_buf_add(out, s.p, len);
        } else {
            gn_buf_puts(out, REPLACEMENT);
            len = 1;
        }
        s.p += len;
        s.len -= len;
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that the escape at the start of s stands for; -1 when broken or NUL. */
static int escape_value(struct gn_str s)
{
    int high, low;

    if (s.len < 3)
        return -1;
    high = hex_value(s.p[1]);
    low = hex_value(s.p[2]);
    if (high < 0 || low < 0 || high + low == 0)
        return -1;
    return high * 16 + low;
}

enum gn_err gn_text_percent_decode(struct gn_str s, struct gn_buf *out)
{
    size_t before = out->len;

    while (s.len > 0) {
        const char *percent = memchr(s.p, '%', s.len);
        size_t plain = percent == NULL ? s.len : (size_t)(percent - s.p);
        int value;

        gn_buf_add(out, s.p, plain);
        s.p += plain;
        s.len -= plain;
        if (s.len == 0)
            break;
        value = escape_value(s);
        if (value < 0) {
            gn_buf_truncate(out, before);
            return GN_EPARSE;
        }
        gn_buf_putc(out, (char)value);
        s.p += 3;
        s.len -= 3;
    }
    return gn_buf_err(out);
}

static void add_escape(struct gn_buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        gn_buf_add(out, "\\\"", 2);
        break;
    case '\\':
        gn_buf_add(out, "\\\\", 2);
        break;
    case '\b':
        gn_buf_add(out, "\\b", 2);
        break;
    case '\f':
        gn_buf_add(out, "\\f", 2);
        break;
    case '\n':
        gn_buf_add(out, "\\n", 2);
        break;
    case '\r':
        gn_buf_add(out, "\\r", 2);
        break;
    case '\t':
        gn_buf_add(out, "\\t", 2);
        break;
    default:
        gn_buf_printf(out, "\\u%04x", (unsigned)c);
        break;
    }
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Number of leading bytes of s that a JSON string holds unchanged. */
static size_t json_run(struct gn_str s)
{
    size_t at = 0;

    while (at < s.len && !needs_escape((unsigned char)s.p[at])) {
        size_t len = gn_text_utf8_len((struct gn_str){s.p + at, s.len - at});

        if (len == 0)
            break;
        at += len;
    }
    return at;
}

void gn_text_add_json(struct gn_buf *out, struct gn_str s)
{
    gn_buf_putc(out, '"');
    while (s.len > 0) {
        size_t len = json_run(s);

        if (len > 0) {
            gn_buf_add(out, s.p, len);
        } else {
            len = 1;
            if (needs_escape((unsigned char)s.p[0]))
                add_escape(out, (unsigned char)s.p[0]);
            else
                gn_buf_puts(out, REPLACEMENT);
        }
        s.p += len;
        s.len -= len;
    }
    gn_buf_putc(out, '"');
}

uint64_t gn_text_hash(struct gn_str s)
{
    (void)pthread_once(&hash_key_once, draw_hash_key); /* fails on a bad control only */
    return gn_siphash24(hash_key, s.p, s.len);
}

void gn_text_add_base64(struct gn_buf *out, struct gn_str bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.p[i] << 16;

        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.p[i + 1] << 8;
        if (left > 2)
            group |= (unsigned char)bytes.p[i + 2];
        gn_buf_putc(out, base64_digits[group >> 18 & 63]);
        gn_buf_putc(out, base64_digits[group >> 12 & 63]);
        gn_buf_putc(out, left > 1 ? base64_digits[group >> 6 & 63] : '=');
        gn_buf_putc(out, left > 2 ? base64_digits[group & 63] : '=');
    }
}

/* The value of a digit, or -1. */
static int base64_value(char c)
{
    const char *at = c == '\0' ? NULL : strchr(base64_digits, c);

    return at == NULL ? -1 : (int)(at - base64_digits);
}

/* Four characters to as many bytes as they hold; only the last group may be padded. */
static bool add_group(struct gn_buf *out, const char *text, bool is_last)
{
    unsigned digits = 4;
    uint32_t group = 0;

    while (is_last && digits > 2 && text[digits - 1] == '=')
        digits--;
    for (unsigned i = 0; i < digits; i++) {
        int value = base64_value(text[i]);

        if (value < 0)
            return false;
        group |= (uint32_t)value << (18 - 6 * i);
    }
    for (unsigned i = 0; i + 1 < digits; i++)
        gn_buf_putc(out, (char)(unsigned char)(group >> (16 - 8 * i)));
    return true;
}

enum gn_err gn_text_base64_decode(struct gn_str text, struct gn_buf *out)
{
    size_t before = out->len;

    if (text.len % 4 != 0)
        return GN_EPARSE;
    for (size_t i = 0; i < text.len; i += 4)
        if (!add_group(out, text.p + i, i + 4 == text.len)) {
            gn_buf_truncate(out, before);
            return GN_EPARSE;
        }
    return gn_buf_err(out);
}
