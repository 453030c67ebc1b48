/* The JSON pull scanner. gn_json_next() and the skipping of whole values share one inlined step;
 * when skipping, its token is NULL and the compiler drops all that fills it. */
#include "gurnard/base/json_scan.h"

#include <string.h>

#include "gurnard/base/assert.h"
#include "json_scan_priv.h"

#define LIKELY(cond) __builtin_expect(!!(cond), 1)

/* What the grammar allows next. */
enum expect {
    EXPECT_VALUE, /* a value: at the start, or behind a key and its colon */
    EXPECT_FIRST, /* the first member or element, or the end of the container */
    EXPECT_NEXT,  /* a comma with a further member or element, or the end of the container */
    EXPECT_TAIL,  /* nothing but white space and NUL bytes */
};

GN_JSON_INLINE enum gn_err fail(struct gn_json_scan *s, const char *at, enum gn_err err)
{
    s->at = at;
    s->err = err;
    return err;
}

GN_JSON_INLINE const char *space_end(const char *at, const char *end)
{
    if (LIKELY(at < end && (uint8_t)*at > ' '))
        return at;
    /* One blank behind a colon or comma is the usual case. */
    if (end - at >= 2 && *at == ' ' && (uint8_t)at[1] > ' ')
        return at + 1;
    return gn_json_space_end(at, end);
}

/* As gn_json_string_end(), with the short plain strings that most are decided inline. */
GN_JSON_INLINE struct gn_json_span string_end(const char *at, const char *end, bool repair)
{
#if defined(__SSE2__)
    if (LIKELY(end - at >= 16)) {
        const unsigned mask = gn_json_special_mask(at);

        if (mask == 0) {
            at += 16;
        } else {
            at += __builtin_ctz(mask);
            if (LIKELY(*at == '"'))
                return (struct gn_json_span){at, 0};
        }
    }
#endif
    return gn_json_string_end(at, end, repair);
}

GN_JSON_INLINE const char *digits_end(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Goes past the digits at at, of which there must be one. */
static struct gn_json_span some_digits(const char *at, const char *end)
{
    const char *behind = digits_end(at, end);

    return (struct gn_json_span){behind, behind == at ? GN_JSON_SPAN_FAILED : 0};
}

/* The rest of a number behind its integer part. */
static struct gn_json_span fraction_end(const char *at, const char *end)
{
    struct gn_json_span span = {at, 0};

    if (at < end && *at == '.')
        span = some_digits(at + 1, end);
    if (span.flags == 0 && span.at < end && (*span.at | 0x20) == 'e') {
        span.at++;
        if (span.at < end && (*span.at == '+' || *span.at == '-'))
            span.at++;
        span = some_digits(span.at, end);
    }
    return span;
}

GN_JSON_INLINE struct gn_json_span number_end(const char *at, const char *end)
{
    if (*at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else if (at < end && *at >= '1' && *at <= '9')
        at = digits_end(at + 1, end);
    else
        return (struct gn_json_span){at, GN_JSON_SPAN_FAILED};
    if (at < end && (*at == '.' || (*at | 0x20) == 'e'))
        return fraction_end(at, end);
    return (struct gn_json_span){at, 0};
}

GN_JSON_INLINE struct gn_json_span literal_end(const char *at, const char *end, const char *word,
                                               size_t len)
{
    const bool is_there = (size_t)(end - at) >= len && memcmp(at, word, len) == 0;

    return (struct gn_json_span){is_there ? at + len : at, is_there ? 0 : GN_JSON_SPAN_FAILED};
}

GN_JSON_INLINE void fill(struct gn_json_token *token, enum gn_json_type type, const char *from,
                         const char *to)
{
    if (token == NULL)
        return;
    token->type = type;
    token->raw = (struct gn_str){from, (size_t)(to - from)};
    token->text = GN_STR_NONE;
    token->has_escape = false;
}

/* Goes past the string at at, an opening quote. */
GN_JSON_INLINE enum gn_err take_string(struct gn_json_scan *s, struct gn_json_token *token,
                                       enum gn_json_type type, const char *at)
{
    const struct gn_json_span span = string_end(at + 1, s->end, s->limits->repair_utf8);

    if (span.flags & GN_JSON_SPAN_FAILED)
        return fail(s, span.at, GN_EPARSE);
    if (span.flags & GN_JSON_SPAN_BAD_UTF8)
        s->had_bad_utf8 = true;
    s->at = span.at + 1;
    if (token != NULL) {
        fill(token, type, at, span.at + 1);
        token->text = (struct gn_str){at + 1, (size_t)(span.at - at - 1)};
        token->has_escape = (span.flags & GN_JSON_SPAN_ESCAPE) != 0;
    }
    return GN_OK;
}

GN_JSON_INLINE enum gn_err count_token(struct gn_json_scan *s, const char *at)
{
    if (s->tokens >= s->limits->max_tokens)
        return fail(s, at, GN_ELIMIT);
    s->tokens++;
    return GN_OK;
}

/* The key at at, its colon, and nothing of the value. */
GN_JSON_INLINE enum gn_err take_key(struct gn_json_scan *s, struct gn_json_token *token,
                                    const char *at)
{
    enum gn_err err;

    if (*at != '"')
        return fail(s, at, GN_EPARSE);
    err = count_token(s, at);
    if (err == GN_OK)
        err = take_string(s, token, GN_JSON_KEY, at);
    if (err != GN_OK)
        return err;
    at = space_end(s->at, s->end);
    if (at == s->end || *at != ':')
        return fail(s, at, GN_EPARSE);
    s->at = at + 1;
    s->expect = EXPECT_VALUE;
    return GN_OK;
}

GN_JSON_INLINE enum gn_err take_open(struct gn_json_scan *s, struct gn_json_token *token,
                                     enum gn_json_type type, const char *at)
{
    if (s->depth >= s->limits->max_depth || s->depth >= GN_JSON_DEPTH_MAX)
        return fail(s, at, GN_ELIMIT);
    if (type == GN_JSON_OBJECT)
        s->is_object |= UINT64_C(1) << s->depth;
    else
        s->is_object &= ~(UINT64_C(1) << s->depth);
    s->depth++;
    s->at = at + 1;
    s->expect = EXPECT_FIRST;
    fill(token, type, at, at + 1);
    return GN_OK;
}

/* Whether the innermost open container is an object. One is open. */
GN_JSON_INLINE bool in_object(const struct gn_json_scan *s)
{
    return (s->is_object >> (s->depth - 1)) & 1;
}

GN_JSON_INLINE uint8_t expect_behind(const struct gn_json_scan *s)
{
    return s->depth > 0 ? EXPECT_NEXT : EXPECT_TAIL;
}

GN_JSON_INLINE enum gn_err take_close(struct gn_json_scan *s, struct gn_json_token *token,
                                      const char *at)
{
    const bool is_object = in_object(s);

    if (*at != (is_object ? '}' : ']'))
        return fail(s, at, GN_EPARSE);
    s->depth--;
    s->at = at + 1;
    s->expect = expect_behind(s);
    fill(token, is_object ? GN_JSON_OBJECT_END : GN_JSON_ARRAY_END, at, at + 1);
    return GN_OK;
}

/* A number or one of the three words. */
GN_JSON_INLINE enum gn_err take_word(struct gn_json_scan *s, struct gn_json_token *token,
                                     const char *at)
{
    enum gn_json_type type = GN_JSON_NUMBER;
    struct gn_json_span span;

    switch (*at) {
    case 't':
        type = GN_JSON_TRUE;
        span = literal_end(at, s->end, "true", 4);
        break;
    case 'f':
        type = GN_JSON_FALSE;
        span = literal_end(at, s->end, "false", 5);
        break;
    case 'n':
        type = GN_JSON_NULL;
        span = literal_end(at, s->end, "null", 4);
        break;
    default:
        span = number_end(at, s->end);
        break;
    }
    if (span.flags != 0)
        return fail(s, span.at, GN_EPARSE);
    s->at = span.at;
    fill(token, type, at, span.at);
    return GN_OK;
}

GN_JSON_INLINE enum gn_err take_value(struct gn_json_scan *s, struct gn_json_token *token,
                                      const char *at)
{
    enum gn_err err = count_token(s, at);

    if (err != GN_OK)
        return err;
    s->expect = expect_behind(s);
    if (LIKELY(*at == '"'))
        return take_string(s, token, GN_JSON_STRING, at);
    if (*at == '{')
        return take_open(s, token, GN_JSON_OBJECT, at);
    if (*at == '[')
        return take_open(s, token, GN_JSON_ARRAY, at);
    return take_word(s, token, at);
}

GN_JSON_INLINE enum gn_err take_tail(struct gn_json_scan *s, struct gn_json_token *token,
                                     const char *at)
{
    while (at < s->end && (*at == '\0' || gn_json_is_space(*at)))
        at++;
    if (at < s->end)
        return fail(s, at, GN_EPARSE);
    s->at = at;
    fill(token, GN_JSON_END, at, at);
    return GN_OK;
}

/* Takes one token. token: NULL when nobody wants to see it. */
GN_JSON_INLINE enum gn_err step(struct gn_json_scan *s, struct gn_json_token *token)
{
    const char *at = space_end(s->at, s->end);
    bool wants_key = false;

    if (s->expect == EXPECT_TAIL)
        return take_tail(s, token, at);
    if (at == s->end)
        return fail(s, at, GN_EPARSE);
    if (s->expect == EXPECT_NEXT) {
        if (*at != ',')
            return take_close(s, token, at);
        at = space_end(at + 1, s->end);
        if (at == s->end)
            return fail(s, at, GN_EPARSE);
        wants_key = in_object(s);
    } else if (s->expect == EXPECT_FIRST) {
        if (*at == '}' || *at == ']')
            return take_close(s, token, at);
        wants_key = in_object(s);
    }
    return wants_key ? take_key(s, token, at) : take_value(s, token, at);
}

/* Takes tokens until no more than depth containers are open behind a whole value. Works on a copy
 * of the scan, which the compiler holds in registers. */
static enum gn_err skip_to_depth(struct gn_json_scan *scan, uint32_t depth)
{
    struct gn_json_scan s = *scan;
    enum gn_err err;

    do {
        err = step(&s, NULL);
    } while (err == GN_OK && (s.depth > depth || s.expect == EXPECT_VALUE));
    *scan = s;
    return err;
}

void gn_json_scan_init(struct gn_json_scan *scan, struct gn_str text,
                       const struct gn_json_limits *limits)
{
    const char *start = text.p != NULL ? text.p : "";
    const bool has_mark = text.len >= 3 && memcmp(start, "\xEF\xBB\xBF", 3) == 0;

    *scan = (struct gn_json_scan){
        .start = start,
        .at = start + (has_mark ? 3 : 0),
        .end = start + text.len,
        .limits = limits,
        .expect = EXPECT_VALUE,
        .err = text.len > limits->max_bytes ? GN_ELIMIT : GN_OK,
    };
}

enum gn_err gn_json_next(struct gn_json_scan *scan, struct gn_json_token *token)
{
    enum gn_err err = scan->err;

    if (err == GN_OK)
        err = step(scan, token);
    if (err != GN_OK)
        *token = (struct gn_json_token){.type = GN_JSON_END};
    return err;
}

enum gn_err gn_json_skip(struct gn_json_scan *scan, const struct gn_json_token *token,
                         struct gn_str *raw)
{
    enum gn_err err = GN_OK;

    *raw = token->raw;
    if (scan->err != GN_OK)
        return scan->err;
    GN_ASSERT(token->type != GN_JSON_END && token->type != GN_JSON_KEY);
    GN_ASSERT(token->type != GN_JSON_OBJECT_END && token->type != GN_JSON_ARRAY_END);
    if (token->type == GN_JSON_OBJECT || token->type == GN_JSON_ARRAY) {
        GN_ASSERT(scan->expect == EXPECT_FIRST && scan->at == token->raw.p + 1);
        err = skip_to_depth(scan, scan->depth - 1);
        raw->len = (size_t)(scan->at - raw->p);
    }
    return err;
}

size_t gn_json_offset(const struct gn_json_scan *scan)
{
    return (size_t)(scan->at - scan->start);
}

enum gn_err gn_json_check(struct gn_str text, const struct gn_json_limits *limits)
{
    struct gn_json_scan scan;
    enum gn_err err;

    gn_json_scan_init(&scan, text, limits);
    err = scan.err;
    if (err == GN_OK)
        err = skip_to_depth(&scan, 0);
    if (err == GN_OK)
        err = step(&scan, NULL);
    return err;
}
