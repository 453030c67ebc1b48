/* Views of bytes: comparing, trimming, cutting, copying. */
#include "gurnard/base/str.h"

#include <stdint.h>
#include <stdlib.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool gn_str_eq_nocase(struct gn_str a, struct gn_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool gn_str_has_prefix(struct gn_str s, struct gn_str part)
{
    return s.len >= part.len && gn_str_eq((struct gn_str){s.p, part.len}, part);
}

bool gn_str_has_suffix(struct gn_str s, struct gn_str part)
{
    if (s.len < part.len)
        return false;
    return part.len == 0 || memcmp(s.p + (s.len - part.len), part.p, part.len) == 0;
}

struct gn_str gn_str_trim(struct gn_str s)
{
    while (s.len > 0 && is_space(s.p[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_space(s.p[0])) {
        s.p++;
        s.len--;
    }
    return s;
}

struct gn_str gn_str_cut(struct gn_str s, char sep, struct gn_str *rest)
{
    const char *at = s.len == 0 ? NULL : memchr(s.p, sep, s.len);
    size_t before;

    if (at == NULL) {
        *rest = GN_STR_NONE;
        return s;
    }
    before = (size_t)(at - s.p);
    *rest = (struct gn_str){at + 1, s.len - before - 1};
    return (struct gn_str){s.p, before};
}

char *gn_str_dup(struct gn_str s)
{
    char *copy;

    if (s.len == SIZE_MAX)
        return NULL;
    copy = malloc(s.len + 1);
    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.p, s.len);
    copy[s.len] = '\0';
    return copy;
}

bool gn_str_to_u64(struct gn_str s, unsigned long long max, unsigned long long *value)
{
    unsigned long long sum = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(sum, 10ULL, &sum) ||
            __builtin_add_overflow(sum, digit, &sum) || sum > max)
            return false;
    }
    *value = sum;
    return true;
}
