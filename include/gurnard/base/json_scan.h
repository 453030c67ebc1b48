/* A validating pull scanner over JSON bytes: one pass, no tree, no copies. It follows RFC 8259 to
 * the letter, checks UTF-8 inside strings, and bounds size, depth and number of tokens. What it
 * returns are views into the input.
 *
 *     struct gn_json_scan s;
 *     struct gn_json_token t;
 *     gn_json_scan_init(&s, body, &limits);
 *     while (gn_json_next(&s, &t) == GN_OK && t.type != GN_JSON_END)
 *         ...
 */
#ifndef GURNARD_BASE_JSON_SCAN_H
#define GURNARD_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_JSON_DEPTH_MAX 64 /* the deepest nesting any limit may allow */

struct gn_json_limits {
    size_t max_bytes;    /* of the whole text */
    uint32_t max_depth;  /* objects and arrays inside each other, at most GN_JSON_DEPTH_MAX */
    uint32_t max_tokens; /* values and keys in all */
    bool repair_utf8;    /* true: invalid UTF-8 in strings is let through and sets had_bad_utf8;
                          * false: GN_EPARSE */
};

enum gn_json_type {
    GN_JSON_END, /* the text is over; all brackets are closed */
    GN_JSON_OBJECT,
    GN_JSON_OBJECT_END,
    GN_JSON_ARRAY,
    GN_JSON_ARRAY_END,
    GN_JSON_KEY,
    GN_JSON_STRING,
    GN_JSON_NUMBER,
    GN_JSON_TRUE,
    GN_JSON_FALSE,
    GN_JSON_NULL,
};

struct gn_json_token {
    enum gn_json_type type;
    struct gn_str raw;  /* the token's bytes as received; strings and keys with their quotes */
    struct gn_str text; /* strings and keys: the bytes between the quotes, escapes untouched */
    bool has_escape;    /* text holds a backslash: use gn_json_unescape() to compare or print it */
};

struct gn_json_scan {
    const char *start, *at, *end;
    const struct gn_json_limits *limits;
    uint64_t is_object; /* bit d: the container at depth d is an object */
    uint32_t depth;     /* containers open now */
    uint32_t tokens;    /* seen so far */
    uint8_t expect;     /* private: what the grammar allows next */
    bool had_bad_utf8;  /* see repair_utf8 */
    enum gn_err err;    /* the first error, sticky */
};

/* Starts a scan of text, which must outlive it; limits is borrowed. A UTF-8 byte order mark in
 * front and NUL bytes or white space behind the value are skipped (BMCs send both). */
void gn_json_scan_init(struct gn_json_scan *scan, struct gn_str text,
                       const struct gn_json_limits *limits);

/* The next token. GN_EPARSE: not JSON. GN_ELIMIT: a limit was passed. Both stick; gn_json_offset()
 * tells where. After GN_JSON_END further calls return GN_JSON_END again. */
GN_MUST_CHECK enum gn_err gn_json_next(struct gn_json_scan *scan, struct gn_json_token *token);

/* token is a value's first token (not a key, not an end). Goes past the whole value and gives its
 * bytes as received. */
GN_MUST_CHECK enum gn_err gn_json_skip(struct gn_json_scan *scan, const struct gn_json_token *token,
                                       struct gn_str *raw);

/* Byte offset at which the scan stands, for messages. */
size_t gn_json_offset(const struct gn_json_scan *scan);

/* Scans all of text and returns whether it is one well-formed JSON value within limits. */
GN_MUST_CHECK enum gn_err gn_json_check(struct gn_str text, const struct gn_json_limits *limits);

/* Appends the meaning of a string token's text, always valid UTF-8: escapes resolved, U+FFFD for
 * \u0000, lone surrogates and each invalid byte that repair_utf8 let through. text must come from a
 * scan. */
void gn_json_unescape(struct gn_str text, struct gn_buf *out);

/* Whether the string or key whose text is given means word. nocase: ASCII letters of any case. */
bool gn_json_text_eq(struct gn_str text, bool has_escape, struct gn_str word, bool nocase);

/* Appends raw (a well-formed value) without the white space between its tokens. */
void gn_json_add_compact(struct gn_buf *out, struct gn_str raw);

#endif
