/* The searches that the JSON scanner spends its time in: the end of a string and of white space. */
#include "json_scan_priv.h"

/* Whether c ends a plain run of a string. */
GN_JSON_INLINE bool is_special(char c)
{
    return (uint8_t)((uint8_t)c - 0x20) >= 0x60 || c == '"' || c == '\\';
}

const char *gn_json_plain_end_scalar(const char *at, const char *end)
{
    while (at < end && !is_special(*at))
        at++;
    return at;
}

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Length of the escape at at, which is a backslash; 0 when it is none. */
static size_t escape_len(const char *at, const char *end)
{
    if (end - at < 2)
        return 0;
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        if (end - at < 6)
            return 0;
        return is_hex_digit(at[2]) && is_hex_digit(at[3]) && is_hex_digit(at[4]) &&
                       is_hex_digit(at[5])
                   ? 6
                   : 0;
    default:
        return 0;
    }
}

/* Passes the special byte at span.at, which is no quote. */
GN_JSON_INLINE struct gn_json_span pass_special(struct gn_json_span span, const char *end,
                                                bool repair)
{
    size_t len;

    if (*span.at == '\\') {
        len = escape_len(span.at, end);
        span.flags |= GN_JSON_SPAN_ESCAPE;
    } else if ((uint8_t)*span.at < 0x20) {
        len = 0;
    } else {
        len = gn_json_utf8_len(span.at, end);
        if (len == 0 && repair) {
            span.flags |= GN_JSON_SPAN_BAD_UTF8;
            len = 1;
        }
    }
    if (len == 0)
        span.flags |= GN_JSON_SPAN_FAILED;
    span.at += len;
    return span;
}

/* A special byte seldom comes alone (other scripts, escaped quotes): passes all that follow. */
GN_JSON_INLINE struct gn_json_span pass_specials(struct gn_json_span span, const char *end,
                                                 bool repair)
{
    do {
        span = pass_special(span, end, repair);
    } while ((span.flags & GN_JSON_SPAN_FAILED) == 0 && span.at < end && *span.at != '"' &&
             is_special(*span.at));
    return span;
}

struct gn_json_span gn_json_string_end_scalar(const char *at, const char *end, bool repair)
{
    struct gn_json_span span = {at, 0};

    while ((span.flags & GN_JSON_SPAN_FAILED) == 0) {
        span.at = gn_json_plain_end_scalar(span.at, end);
        if (span.at == end)
            span.flags |= GN_JSON_SPAN_FAILED;
        else if (*span.at == '"')
            break;
        else
            span = pass_specials(span, end, repair);
    }
    return span;
}

struct gn_json_span gn_json_string_end(const char *at, const char *end, bool repair)
{
    struct gn_json_span span = {at, 0};

    while ((span.flags & GN_JSON_SPAN_FAILED) == 0) {
        span.at = gn_json_plain_end(span.at, end);
        if (span.at == end)
            span.flags |= GN_JSON_SPAN_FAILED;
        else if (*span.at == '"')
            break;
        else
            span = pass_specials(span, end, repair);
    }
    return span;
}

const char *gn_json_space_end_scalar(const char *at, const char *end)
{
    while (at < end && gn_json_is_space(*at))
        at++;
    return at;
}

const char *gn_json_space_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    /* Indented texts have runs of blanks; a single one is dearer this way, callers test for it. */
    while (end - at >= 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        const __m128i blank = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '));
        const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
        const __m128i feed = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
        const __m128i back = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'));
        const __m128i space = _mm_or_si128(_mm_or_si128(blank, tab), _mm_or_si128(feed, back));
        const unsigned other = (unsigned)_mm_movemask_epi8(space) ^ 0xFFFFu;

        if (other != 0)
            return at + __builtin_ctz(other);
        at += 16;
    }
#endif
    return gn_json_space_end_scalar(at, end);
}
