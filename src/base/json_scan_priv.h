/* What json_scan.c and json_text.c share: finding the end of strings and of white space. Each
 * search has a scalar form, which is the reference, and an SSE2 form that a test holds against it.
 */
#ifndef GURNARD_BASE_JSON_SCAN_PRIV_H
#define GURNARD_BASE_JSON_SCAN_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define GN_JSON_INLINE static inline __attribute__((always_inline))

enum gn_json_span_flags {
    GN_JSON_SPAN_ESCAPE = 1,   /* a backslash was passed */
    GN_JSON_SPAN_BAD_UTF8 = 2, /* invalid UTF-8 was passed (only when repairing) */
    GN_JSON_SPAN_FAILED = 4,   /* not well-formed; at is the offending byte or the end */
};

/* Where a search ended; small enough to travel in registers. */
struct gn_json_span {
    const char *at;
    unsigned flags; /* of enum gn_json_span_flags */
};

/* Goes to the closing quote of the string whose text begins at at. repair: lets invalid UTF-8 pass.
 * The first form is the quickest of this build, the second never uses vector instructions. */
struct gn_json_span gn_json_string_end(const char *at, const char *end, bool repair);
struct gn_json_span gn_json_string_end_scalar(const char *at, const char *end, bool repair);

/* Goes past the plain bytes of a string: ASCII from 0x20 but for quote and backslash. */
const char *gn_json_plain_end_scalar(const char *at, const char *end);

/* Goes past white space. */
const char *gn_json_space_end(const char *at, const char *end);
const char *gn_json_space_end_scalar(const char *at, const char *end);

GN_JSON_INLINE bool gn_json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#if defined(__SSE2__)
/* Bit n: byte n of the 16 at at is not plain. The signed comparison takes control characters and
 * bytes from 0x80 in one step. */
GN_JSON_INLINE unsigned gn_json_special_mask(const char *at)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    const __m128i odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(odd, _mm_or_si128(quote, slash)));
}
#endif

/* The quickest search of this build for the first byte that is not plain. */
GN_JSON_INLINE const char *gn_json_plain_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    while (end - at >= 16) {
        const unsigned mask = gn_json_special_mask(at);

        if (mask != 0)
            return at + __builtin_ctz(mask);
        at += 16;
    }
#endif
    return gn_json_plain_end_scalar(at, end);
}

/* Length of the well-formed UTF-8 character of two to four bytes at at, 0 when there is none. Kept
 * here, and not taken from base/text.h, to be inlined into the scan of strings. */
GN_JSON_INLINE size_t gn_json_utf8_len(const char *at, const char *end)
{
    const uint8_t *p = (const uint8_t *)at;
    const size_t left = (size_t)(end - at);

    if (left < 2 || p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    if (p[0] < 0xE0)
        return (p[1] & 0xC0) == 0x80 ? 2 : 0;
    if (left < 3 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80)
        return 0;
    if (p[0] < 0xF0) {
        const bool is_overlong = p[0] == 0xE0 && p[1] < 0xA0;
        const bool is_surrogate = p[0] == 0xED && p[1] > 0x9F;

        return is_overlong || is_surrogate ? 0 : 3;
    }
    if (left < 4 || (p[3] & 0xC0) != 0x80)
        return 0;
    return (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F) ? 0 : 4;
}

#endif
