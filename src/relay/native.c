/* The native face: which kind of event it is, what is kept of it, and what filters see. */
#include "gurnard/relay/native.h"

#include <stddef.h>

#include "native_priv.h"

const struct gn_json_limits gn_native_limits = {
    .max_bytes = SIZE_MAX,
    .max_depth = GN_JSON_DEPTH_MAX,
    .max_tokens = UINT32_MAX,
    .repair_utf8 = true,
};

/* ---- kinds ---- */

/* Goes into the container that key, a member of the open object, has as its value. */
static bool enter_member(struct gn_json_scan *scan, struct gn_str key, enum gn_json_type type)
{
    struct gn_json_token token;
    struct gn_str ignored;

    while (gn_json_next(scan, &token) == GN_OK && token.type == GN_JSON_KEY) {
        const bool is_it = gn_json_text_eq(token.text, token.has_escape, key, false);

        if (gn_json_next(scan, &token) != GN_OK)
            return false;
        if (is_it)
            return token.type == type;
        if (gn_json_skip(scan, &token, &ignored) != GN_OK)
            return false;
    }
    return false;
}

/* Reads the members of an element of `values`: whether it is a Redfish event, and its value. */
static bool read_redfish_value(struct gn_json_scan *scan, struct gn_str *value)
{
    struct gn_json_token key, token;
    struct gn_str raw;
    bool is_redfish = false;

    *value = GN_STR_NONE;
    while (gn_json_next(scan, &key) == GN_OK && key.type == GN_JSON_KEY) {
        if (gn_json_next(scan, &token) != GN_OK || gn_json_skip(scan, &token, &raw) != GN_OK)
            return false;
        if (gn_json_text_eq(key.text, key.has_escape, GN_STR("value"), false))
            *value = raw;
        else if (gn_json_text_eq(key.text, key.has_escape, GN_STR("valueType"), false))
            is_redfish =
                token.type == GN_JSON_STRING &&
                gn_json_text_eq(token.text, token.has_escape, GN_STR("redfish-event"), false);
    }
    return key.type == GN_JSON_OBJECT_END && is_redfish && value->p != NULL;
}

bool gn_native_redfish_value(struct gn_str data, struct gn_str *value)
{
    struct gn_json_scan scan;
    struct gn_json_token token;

    gn_json_scan_init(&scan, data, &gn_native_limits);
    return gn_json_next(&scan, &token) == GN_OK && token.type == GN_JSON_OBJECT &&
           enter_member(&scan, GN_STR("values"), GN_JSON_ARRAY) &&
           gn_json_next(&scan, &token) == GN_OK && token.type == GN_JSON_OBJECT &&
           read_redfish_value(&scan, value);
}

static struct gn_native_view read_event(struct native_reading *rd, enum gn_native_split split)
{
    struct gn_str value;

    gn_native_read_attributes(rd);
    if (rd->event->flags & GN_EVENT_PLAIN)
        return gn_native_plain(rd);
    if (gn_native_redfish_value(rd->event->data, &value))
        return gn_native_redfish(rd, value, split);
    return gn_native_cne(rd);
}

enum gn_err gn_native_view(struct gn_native_cache *cache, enum gn_native_split split,
                           uint64_t sequence, struct gn_native_view *view)
{
    struct gn_native_view *kept = split == GN_SPLIT_RECORD ? &cache->records : &cache->whole;
    struct native_reading rd = {
        .event = cache->event,
        .node = cache->node,
        .arena = cache->arena,
        .sequence = sequence,
    };

    if (kept->count == 0) {
        const struct gn_native_view fresh = read_event(&rd, split);

        if (rd.err != GN_OK)
            return rd.err;
        *kept = fresh;
    }
    *view = *kept;
    return GN_OK;
}

/* ---- filters ---- */

struct place {
    struct gn_str name;
    size_t offset; /* of its text in struct gn_native_event */
};

#define PLACE(name, member)                                                                        \
    {                                                                                              \
        GN_STR_INIT(name), offsetof(struct gn_native_event, member)                                \
    }

static const struct place core[] = {
    PLACE("type", ce.type),
    PLACE("source", ce.source),
    PLACE("subject", ce.subject),
    PLACE("id", ce.id),
    PLACE("time", ce.time),
    PLACE("datacontenttype", ce.datacontenttype),
    PLACE("dataschema", ce.dataschema),
};
static const struct place besides[] = {
    PLACE("severity", severity),
    PLACE("messagekey", messagekey),
    PLACE("origin", origin),
    PLACE("resource", resource),
};

static bool find_place(const struct place *places, size_t count, struct gn_str name,
                       const struct gn_native_event *event, struct gn_str *text)
{
    for (size_t i = 0; i < count; i++) {
        if (gn_str_eq_nocase(name, places[i].name)) {
            *text = *(const struct gn_str *)(const void *)((const char *)event + places[i].offset);
            return true;
        }
    }
    return false;
}

/* An event's own attribute goes before what is told beside it. */
static struct gn_str attribute(const void *ctx, struct gn_str name)
{
    const struct gn_native_event *event = ctx;
    struct gn_str text = GN_STR_NONE;

    if (find_place(core, GN_LEN(core), name, event, &text))
        return text;
    for (size_t i = 0; i < event->ce.extension_count; i++) {
        if (gn_str_eq_nocase(name, event->ce.extensions[i].name))
            return event->ce.extensions[i].value;
    }
    if (!find_place(besides, GN_LEN(besides), name, event, &text) &&
        gn_str_eq_nocase(name, GN_STR("specversion")))
        text = GN_STR("1.0");
    return text;
}

static bool has_type(const struct gn_native_spec *spec, struct gn_str type)
{
    for (size_t i = 0; i < spec->type_count; i++) {
        if (gn_str_eq(type, gn_str_of(spec->types[i])))
            return true;
    }
    return spec->type_count == 0;
}

bool gn_native_passes(const struct gn_native_spec *spec, const struct gn_native_event *event)
{
    if (spec->source != NULL && !gn_str_eq(event->ce.source, gn_str_of(spec->source)))
        return false;
    return has_type(spec, event->ce.type) && gn_filter_passes(spec->filter, attribute, event);
}
