/* Why a body is not JSON, in the words of Go's decoder, which v1 clients and their tests know. Runs
 * only after a scan has failed: it scans again up to the failing byte and looks at what the grammar
 * expected there. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/assert.h"

#include "cne_priv.h"

#define CHARACTER_TEXT_MAX 16

/* What the grammar expected behind the last whole token. */
enum place {
    PLACE_VALUE,
    PLACE_KEY,
    PLACE_BEHIND_MEMBER,
    PLACE_BEHIND_ELEMENT,
    PLACE_BEHIND_ALL,
};

/* The text from the byte behind the last whole token, and the byte that did not fit. */
struct failure {
    const char *at;  /* first byte of the token that failed */
    const char *bad; /* the byte that cannot be there */
    const char *end;
};

void gn_cne_say(char error[GN_CNE_ERROR_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error, GN_CNE_ERROR_MAX, format, args); /* callers bound it */
    va_end(args);
}

/* Writes c as Go quotes it: a byte above ASCII stands for the Latin-1 character. */
static void quote_character(unsigned char c, char text[CHARACTER_TEXT_MAX])
{
    static const char named[] = "\aa\bb\ff\nn\rr\tt\vv\\\\''";

    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if (c == (unsigned char)named[i]) {
            (void)snprintf(text, CHARACTER_TEXT_MAX, "'\\%c'", named[i + 1]);
            return;
        }
    }
    if (c < 0x20 || c == 0x7F)
        (void)snprintf(text, CHARACTER_TEXT_MAX, "'\\x%02x'", (unsigned)c);
    else if (c < 0x7F)
        (void)snprintf(text, CHARACTER_TEXT_MAX, "'%c'", (int)c);
    else if (c <= 0xA0 || c == 0xAD)
        (void)snprintf(text, CHARACTER_TEXT_MAX, "'\\u%04x'", (unsigned)c);
    else
        (void)snprintf(text, CHARACTER_TEXT_MAX, "'%c%c'", 0xC0 | c >> 6, 0x80 | (c & 0x3F));
}

static void say_character(char error[GN_CNE_ERROR_MAX], const struct failure *f,
                          const char *context)
{
    char quoted[CHARACTER_TEXT_MAX];

    if (f->bad >= f->end) {
        gn_cne_say(error, "unexpected end of JSON input");
        return;
    }
    quote_character((unsigned char)*f->bad, quoted);
    gn_cne_say(error, "invalid character %s %s", quoted, context);
}

/* The byte of a broken escape that does not fit; f->bad is its backslash. */
static void explain_escape(char error[GN_CNE_ERROR_MAX], struct failure f)
{
    f.bad++;
    if (f.bad >= f.end || *f.bad != 'u') {
        say_character(error, &f, "in string escape code");
        return;
    }
    do
        f.bad++;
    while (f.bad < f.end && *f.bad != '\0' && strchr("0123456789abcdefABCDEF", *f.bad) != NULL);
    say_character(error, &f, "in \\u hexadecimal character escape");
}

static void explain_string(char error[GN_CNE_ERROR_MAX], const struct failure *f)
{
    if (f->bad < f->end && *f->bad == '\\')
        explain_escape(error, *f);
    else if (f->bad < f->end && (unsigned char)*f->bad >= 0x80)
        gn_cne_say(error, "invalid UTF-8 in string literal");
    else
        say_character(error, f, "in string literal");
}

/* Whether the string that begins at f->at is closed before the failing byte. */
static bool is_closed_string(const struct failure *f)
{
    for (const char *p = f->at + 1; p < f->bad; p++) {
        if (*p == '"')
            return true;
        if (*p == '\\')
            p++;
    }
    return false;
}

/* One of the three words is begun but not spelled to its end. */
static void explain_literal(char error[GN_CNE_ERROR_MAX], struct failure f, const char *word)
{
    char context[sizeof "in literal false (expecting 'x')"];
    size_t same = 1;

    while (f.at + same < f.end && f.at[same] == word[same])
        same++;
    f.bad = f.at + same;
    (void)snprintf(context, sizeof context, "in literal %s (expecting '%c')", word, word[same]);
    say_character(error, &f, context);
}

static void explain_number(char error[GN_CNE_ERROR_MAX], const struct failure *f)
{
    if (f->bad[-1] == '.')
        say_character(error, f, "after decimal point in numeric literal");
    else if (f->bad - f->at > 1)
        say_character(error, f, "in exponent of numeric literal");
    else
        say_character(error, f, "in numeric literal");
}

static void explain_value(char error[GN_CNE_ERROR_MAX], const struct failure *f)
{
    switch (f->at < f->end ? *f->at : '\0') {
    case '"':
        explain_string(error, f);
        return;
    case 't':
        explain_literal(error, *f, "true");
        return;
    case 'f':
        explain_literal(error, *f, "false");
        return;
    case 'n':
        explain_literal(error, *f, "null");
        return;
    default:
        break;
    }
    if (f->bad > f->at)
        explain_number(error, f);
    else
        say_character(error, f, "looking for beginning of value");
}

static void explain_key(char error[GN_CNE_ERROR_MAX], const struct failure *f)
{
    if (f->bad == f->at)
        say_character(error, f, "looking for beginning of object key string");
    else if (is_closed_string(f))
        say_character(error, f, "after object key");
    else
        explain_string(error, f);
}

static const char *space_end(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* The expectation behind a token, before any comma. */
static enum place place_behind(enum gn_json_type last, const struct gn_json_scan *scan)
{
    if (last == GN_JSON_KEY || last == GN_JSON_ARRAY || last == GN_JSON_END)
        return PLACE_VALUE; /* END stands for: no token yet */
    if (last == GN_JSON_OBJECT)
        return PLACE_KEY;
    if (scan->depth == 0)
        return PLACE_BEHIND_ALL;
    return (scan->is_object >> (scan->depth - 1)) & 1 ? PLACE_BEHIND_MEMBER : PLACE_BEHIND_ELEMENT;
}

static void explain(char error[GN_CNE_ERROR_MAX], struct failure f, enum place place)
{
    f.at = space_end(f.at, f.end);
    if (f.at < f.bad && *f.at == ',') {
        f.at = space_end(f.at + 1, f.end);
        place = place == PLACE_BEHIND_MEMBER ? PLACE_KEY : PLACE_VALUE;
    }
    switch (place) {
    case PLACE_VALUE:
        explain_value(error, &f);
        break;
    case PLACE_KEY:
        explain_key(error, &f);
        break;
    case PLACE_BEHIND_MEMBER:
        say_character(error, &f, "after object key:value pair");
        break;
    case PLACE_BEHIND_ELEMENT:
        say_character(error, &f, "after array element");
        break;
    case PLACE_BEHIND_ALL:
        say_character(error, &f, "after top-level value");
        break;
    }
}

void gn_cne_explain(struct gn_str body, const struct gn_json_limits *limits,
                    char error[GN_CNE_ERROR_MAX])
{
    enum gn_json_type last = GN_JSON_END;
    struct gn_json_token token;
    struct gn_json_scan scan;
    struct failure f;

    gn_json_scan_init(&scan, body, limits);
    f = (struct failure){.at = scan.at, .end = scan.end};
    while (gn_json_next(&scan, &token) == GN_OK) {
        GN_ASSERT(token.type != GN_JSON_END); /* the body failed a scan before */
        last = token.type;
        f.at = scan.at;
    }
    f.bad = scan.start + gn_json_offset(&scan);
    explain(error, f, place_behind(last, &scan));
}
