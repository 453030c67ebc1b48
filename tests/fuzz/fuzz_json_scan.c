/* fuzz folder: base   any bytes as a JSON text.
 *
 * Properties: pulling, skipping and checking agree; what is accepted is accepted again without its
 * white space; what strings mean is valid UTF-8 and equal to them; the vector searches find what
 * the scalar ones find; jansson accepts the same texts but for named differences. */
#include "gurnard/base/json_scan.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/text.h"
#include "json_scan_priv.h"

static const struct gn_json_limits strict = {.max_bytes = 1 << 20,
                                             .max_depth = GN_JSON_DEPTH_MAX,
                                             .max_tokens = UINT32_MAX};
static const struct gn_json_limits repairing = {.max_bytes = 1 << 20,
                                                .max_depth = GN_JSON_DEPTH_MAX,
                                                .max_tokens = UINT32_MAX,
                                                .repair_utf8 = true};
static const struct gn_json_limits tight = {.max_bytes = 512, .max_depth = 3, .max_tokens = 12};

static void check_string(const struct gn_json_token *token)
{
    struct gn_buf meaning = GN_BUF_INIT;

    gn_json_unescape(token->text, &meaning);
    GN_ASSERT(gn_buf_err(&meaning) == GN_OK);
    GN_ASSERT(gn_text_is_utf8(gn_buf_str(&meaning)));
    if (token->has_escape || gn_text_is_utf8(token->text))
        GN_ASSERT(gn_json_text_eq(token->text, token->has_escape, gn_buf_str(&meaning), false));
    gn_buf_free(&meaning);
}

static enum gn_err pull_all(struct gn_str text, const struct gn_json_limits *limits)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    enum gn_err err;

    gn_json_scan_init(&scan, text, limits);
    do {
        err = gn_json_next(&scan, &token);
        GN_ASSERT(gn_json_offset(&scan) <= text.len);
        if (token.type == GN_JSON_STRING || token.type == GN_JSON_KEY)
            check_string(&token);
    } while (err == GN_OK && token.type != GN_JSON_END);
    return err;
}

/* Skips every second value, to enter and leave containers both ways. */
static enum gn_err pull_and_skip(struct gn_str text, const struct gn_json_limits *limits)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    struct gn_str raw;
    enum gn_err err;
    unsigned turn = 0;

    gn_json_scan_init(&scan, text, limits);
    do {
        err = gn_json_next(&scan, &token);
        if (err == GN_OK && (token.type == GN_JSON_OBJECT || token.type == GN_JSON_ARRAY) &&
            turn++ % 2 == 1)
            err = gn_json_skip(&scan, &token, &raw);
    } while (err == GN_OK && token.type != GN_JSON_END);
    return err;
}

static enum gn_err check_all_ways(struct gn_str text, const struct gn_json_limits *limits)
{
    const enum gn_err err = gn_json_check(text, limits);

    GN_ASSERT(err == GN_OK || err == GN_EPARSE || err == GN_ELIMIT);
    GN_ASSERT(pull_all(text, limits) == err);
    GN_ASSERT(pull_and_skip(text, limits) == err);
    return err;
}

/* text without the byte order mark and the tail that only our scanner takes. */
static struct gn_str bare_value(struct gn_str text)
{
    if (gn_str_has_prefix(text, GN_STR("\xEF\xBB\xBF"))) {
        text.p += 3;
        text.len -= 3;
    }
    while (text.len > 0 && (text.p[text.len - 1] == '\0' || gn_json_is_space(text.p[text.len - 1])))
        text.len--;
    return text;
}

static void check_compact(struct gn_str text)
{
    struct gn_buf once = GN_BUF_INIT, twice = GN_BUF_INIT;

    gn_json_add_compact(&once, bare_value(text));
    GN_ASSERT(check_all_ways(gn_buf_str(&once), &repairing) == GN_OK);
    gn_json_add_compact(&twice, gn_buf_str(&once));
    GN_ASSERT(gn_str_eq(gn_buf_str(&once), gn_buf_str(&twice)));
    gn_buf_free(&once);
    gn_buf_free(&twice);
}

/* Whether text may hold a lone surrogate, which jansson refuses and the grammar allows. */
static bool has_surrogate(struct gn_str text)
{
    for (size_t i = 0; i + 2 < text.len; i++)
        if (text.p[i] == '\\' && text.p[i + 1] == 'u' && (text.p[i + 2] | 0x20) == 'd')
            return true;
    return false;
}

static void check_jansson(struct gn_str text, enum gn_err ours)
{
    const struct gn_str value = bare_value(text);
    json_error_t at;
    json_t *tree;

    if (ours == GN_ELIMIT)
        return;
    tree = json_loadb(value.p, value.len, JSON_DECODE_ANY, &at);
    if (tree != NULL) {
        /* jansson 2.14 overlooks a NUL byte behind a real number. */
        GN_ASSERT(ours == GN_OK || memchr(value.p, '\0', value.len) != NULL);
    } else if (ours == GN_OK) {
        const enum json_error_code code = json_error_code(&at);

        GN_ASSERT(code == json_error_numeric_overflow || code == json_error_null_character ||
                  code == json_error_null_byte_in_key || has_surrogate(value));
    }
    json_decref(tree);
}

static void check_searches(const char *at, const char *end)
{
    for (int repair = 0; repair <= 1; repair++) {
        const struct gn_json_span fast = gn_json_string_end(at, end, repair == 1);
        const struct gn_json_span slow = gn_json_string_end_scalar(at, end, repair == 1);

        GN_ASSERT(fast.at == slow.at && fast.flags == slow.flags);
    }
    GN_ASSERT(gn_json_space_end(at, end) == gn_json_space_end_scalar(at, end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str text = {size > 0 ? (const char *)data : "", size};
    enum gn_err ours, repaired;

    check_searches(text.p, text.p + text.len);
    ours = check_all_ways(text, &strict);
    repaired = check_all_ways(text, &repairing);
    (void)check_all_ways(text, &tight); /* only the agreement of the three ways matters */
    GN_ASSERT(ours != GN_OK || repaired == GN_OK);
    if (repaired == GN_OK)
        check_compact(text);
    check_jansson(text, ours);
    return 0;
}
