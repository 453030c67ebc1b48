/* Getters over jansson values, and the one way from bytes to such a value. */
#include "gurnard/base/json.h"

#include <stdlib.h>

#include "gurnard/base/json_scan.h"
#include "gurnard/base/must_alloc.h"

static const struct gn_json_limits default_limits = {
    .max_bytes = (size_t)1 << 20,
    .max_depth = 32,
    .max_tokens = 16384,
};

/* text without what the scanner tolerates around a value and jansson does not. */
static struct gn_str bare_value(struct gn_str text)
{
    const struct gn_str mark = GN_STR("\xEF\xBB\xBF");

    if (gn_str_has_prefix(text, mark)) {
        text.p += mark.len;
        text.len -= mark.len;
    }
    while (text.len > 0 && (text.p[text.len - 1] == '\0' || text.p[text.len - 1] == ' ' ||
                            text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r' ||
                            text.p[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static void *must_malloc(size_t bytes)
{
    return gn_must_malloc("jansson", bytes);
}

void gn_json_use_must_alloc(void)
{
    json_set_alloc_funcs(must_malloc, free);
}

enum gn_err gn_json_parse(struct gn_str text, const struct gn_json_limits *limits, json_t **value)
{
    const enum gn_err err = gn_json_check(text, limits != NULL ? limits : &default_limits);
    json_error_t at;

    *value = NULL;
    if (err != GN_OK)
        return err;
    text = bare_value(text);
    *value = json_loadb(text.p, text.len, JSON_DECODE_ANY, &at);
    if (*value != NULL)
        return GN_OK;
    return json_error_code(&at) == json_error_out_of_memory ? GN_ENOMEM : GN_EPARSE;
}

json_t *gn_json_mutable(const json_t *value)
{
    const union {
        const json_t *given;
        json_t *wanted;
    } view = {.given = value};

    return view.wanted;
}

json_t *gn_json_get_nocase(const json_t *obj, const char *key)
{
    const struct gn_str want = gn_str_of(key);
    json_t *found = json_object_get(obj, key);
    void *at;

    if (found != NULL && !json_is_null(found))
        return found;
    for (at = json_object_iter(gn_json_mutable(obj)); at != NULL;
         at = json_object_iter_next(gn_json_mutable(obj), at)) {
        const struct gn_str name = gn_str_trim(gn_str_of(json_object_iter_key(at)));

        found = json_object_iter_value(at);
        if (gn_str_eq_nocase(name, want) && !json_is_null(found))
            return found;
    }
    return NULL;
}

struct gn_str gn_json_str(const json_t *obj, const char *key)
{
    const json_t *value = json_object_get(obj, key);

    if (!json_is_string(value))
        return GN_STR_NONE;
    return (struct gn_str){json_string_value(value), json_string_length(value)};
}

long long gn_json_int(const json_t *obj, const char *key, long long fallback)
{
    const json_t *value = json_object_get(obj, key);

    return json_is_integer(value) ? json_integer_value(value) : fallback;
}
