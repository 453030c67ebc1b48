/* A view of bytes that somebody else owns. Not NUL-terminated, may hold any byte. */
#ifndef GURNARD_BASE_STR_H
#define GURNARD_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct gn_str {
    const char *p; /* NULL means absent; len is 0 then */
    size_t len;    /* bytes */
};

#define GN_STR_NONE ((struct gn_str){NULL, 0})

/* A view of a string literal. GN_STR_INIT is the same for the initialiser of a static object, where
 * C17 wants no compound literal. */
#define GN_STR_INIT(literal)                                                                       \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define GN_STR(literal) ((struct gn_str){(literal), sizeof(literal) - 1})

/* A view of the NUL-terminated s; NULL gives the absent view. */
static inline struct gn_str gn_str_of(const char *s)
{
    return s == NULL ? GN_STR_NONE : (struct gn_str){s, strlen(s)};
}

/* Same bytes. Absent equals empty. */
static inline bool gn_str_eq(struct gn_str a, struct gn_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Same bytes but for the case of ASCII letters. */
bool gn_str_eq_nocase(struct gn_str a, struct gn_str b);

/* Whether s begins (ends) with part. */
bool gn_str_has_prefix(struct gn_str s, struct gn_str part);
bool gn_str_has_suffix(struct gn_str s, struct gn_str part);

/* s without ASCII white space at both ends. */
struct gn_str gn_str_trim(struct gn_str s);

/* Cuts s at the first sep: returns what is before it and leaves in *rest what is behind it; without
 * sep returns all of s and leaves *rest absent. rest may be the address of the variable given as s.
 */
struct gn_str gn_str_cut(struct gn_str s, char sep, struct gn_str *rest);

/* A heap copy with a NUL behind it, owned by the caller (free). NULL when there is no memory. */
char *gn_str_dup(struct gn_str s);

/* Parses the whole of s as decimal digits. false when s is empty, has another byte or is above max.
 */
bool gn_str_to_u64(struct gn_str s, unsigned long long max, unsigned long long *value);

#endif
