/* From views of JSON to what they mean: the texts that look-ups and identities are made of. */
#include "gurnard/redfish/event_scan.h"

#include <string.h>

#include "gurnard/base/buf.h"
#include "event_priv.h"

/* What one byte of a text can become at most: an invalid one becomes U+FFFD. */
#define REPLACEMENT_BYTES ((size_t)3)

/* The meaning of text, which holds escapes. */
static struct gn_str unescaped(struct gn_str text, struct gn_arena *arena)
{
    struct gn_buf meaning = gn_buf_with_limit(REPLACEMENT_BYTES * text.len);
    struct gn_str copy = GN_STR_NONE;

    gn_json_unescape(text, &meaning);
    if (gn_buf_err(&meaning) == GN_OK) {
        copy.p = gn_arena_strdup(arena, gn_buf_str(&meaning));
        copy.len = copy.p == NULL ? 0 : meaning.len;
    }
    gn_buf_free(&meaning);
    return copy;
}

struct gn_str gn_redfish_text(const struct gn_redfish_value *value, struct gn_arena *arena)
{
    struct gn_str text;

    if (value->raw.p == NULL)
        return GN_STR_NONE;
    if (value->type == GN_JSON_NUMBER || value->type == GN_JSON_TRUE ||
        value->type == GN_JSON_FALSE)
        return value->raw;
    if (value->type != GN_JSON_STRING)
        return GN_STR_NONE;
    text = (struct gn_str){value->raw.p + 1, value->raw.len - 2};
    if (text.len == 0 || memchr(text.p, '\\', text.len) == NULL)
        return text;
    return unescaped(text, arena);
}

/* One argument. It keeps its place whatever it is, because messages count them: null is empty,
 * objects and arrays are their JSON text. */
static struct gn_str arg_text(const struct gn_redfish_value *value, struct gn_arena *arena)
{
    if (value->type == GN_JSON_OBJECT || value->type == GN_JSON_ARRAY)
        return value->raw;
    if (value->type == GN_JSON_NULL)
        return GN_STR("");
    return gn_redfish_text(value, arena);
}

/* Reads the elements of an array into found; returns their number. */
static size_t read_args(struct gn_str array, struct gn_arena *arena, struct gn_str *found)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    size_t count = 0;
    enum gn_err err;

    gn_json_scan_init(&scan, array, &gn_redfish_value_limits);
    err = gn_json_next(&scan, &token); /* the bracket */
    while (err == GN_OK && count < GN_REDFISH_ARGS_MAX) {
        struct gn_redfish_value value;

        err = gn_json_next(&scan, &token);
        if (err != GN_OK || token.type == GN_JSON_ARRAY_END)
            break;
        value.type = token.type;
        err = gn_json_skip(&scan, &token, &value.raw);
        found[count++] = arg_text(&value, arena);
    }
    return count;
}

size_t gn_redfish_args(const struct gn_redfish_record *record, struct gn_arena *arena,
                       struct gn_str **args)
{
    const struct gn_redfish_value *value = &record->known[GN_REC_MESSAGE_ARGS];
    struct gn_str found[GN_REDFISH_ARGS_MAX];
    size_t count = 0;

    *args = NULL;
    if (value->raw.p == NULL)
        return 0;
    if (value->type == GN_JSON_ARRAY) {
        count = read_args(value->raw, arena, found);
    } else {
        found[0] = arg_text(value, arena);
        count = found[0].len > 0 ? 1 : 0; /* a lone "" says that there are none */
    }
    if (count > 0)
        *args = gn_arena_alloc(arena, count * sizeof **args);
    if (*args == NULL)
        return 0;
    memcpy(*args, found, count * sizeof **args);
    return count;
}

/* The member @odata.id of an object. */
static struct gn_str odata_id(struct gn_str object, struct gn_arena *arena)
{
    struct gn_redfish_value value = {.raw = GN_STR_NONE};
    struct gn_json_scan scan;
    struct gn_json_token token;
    enum gn_err err;

    gn_json_scan_init(&scan, object, &gn_redfish_value_limits);
    err = gn_json_next(&scan, &token); /* the brace */
    while (err == GN_OK) {
        struct gn_str ignored;
        bool is_id;

        err = gn_json_next(&scan, &token);
        if (err != GN_OK || token.type == GN_JSON_OBJECT_END)
            break;
        is_id = gn_json_text_eq(token.text, token.has_escape, GN_STR("@odata.id"), true);
        err = gn_json_next(&scan, &token);
        if (err == GN_OK && is_id)
            value = (struct gn_redfish_value){token.raw, token.type};
        if (err == GN_OK)
            err = gn_json_skip(&scan, &token, &ignored);
    }
    return value.type == GN_JSON_STRING ? gn_redfish_text(&value, arena) : GN_STR_NONE;
}

struct gn_str gn_redfish_origin(const struct gn_redfish_record *record, struct gn_arena *arena)
{
    const struct gn_redfish_value *value = &record->known[GN_REC_ORIGIN_OF_CONDITION];

    if (value->raw.p == NULL)
        return GN_STR_NONE;
    if (value->type == GN_JSON_OBJECT)
        return odata_id(value->raw, arena);
    return value->type == GN_JSON_STRING ? gn_redfish_text(value, arena) : GN_STR_NONE;
}
