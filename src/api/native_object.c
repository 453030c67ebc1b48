/* The object of a native subscription: as it is asked for, as it is stored, as it is shown. */
#include <stdio.h>

#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "native_priv.h"

#define QUOTE_MAX 64 /* bytes of a name that an error repeats */

static const char *const mode_names[] = {
    [GN_CE_BINARY] = "binary",
    [GN_CE_STRUCTURED] = "structured",
    [GN_CE_BATCH] = "batch",
};
static const char *const split_names[] = {
    [GN_SPLIT_RECORD] = "record",
    [GN_SPLIT_WHOLE] = "whole",
};
static const char *const handshake_names[] = {
    [GN_HANDSHAKE_OFF] = "off",
    [GN_HANDSHAKE_TRY] = "try",
    [GN_HANDSHAKE_REQUIRED] = "required",
};

json_t *gn_native_object_read(const struct gn_pubsub_item *item)
{
    json_t *object = NULL;

    return gn_json_parse(gn_str_of(item->config), NULL, &object) == GN_OK ? object : NULL;
}

static json_t *headers_of(const json_t *object)
{
    return json_object_get(json_object_get(object, "protocolsettings"), "headers");
}

static bool is_same_sink(const json_t *a, const json_t *b)
{
    return gn_str_eq(gn_json_str(a, "sink"), gn_json_str(b, "sink"));
}

enum gn_err gn_native_object_keep(json_t *asked, const json_t *stored,
                                  char error[GN_NATIVE_ERROR_MAX])
{
    json_t *headers = headers_of(asked);
    const json_t *kept = stored != NULL && is_same_sink(asked, stored) ? headers_of(stored) : NULL;

    for (void *at = json_object_iter(headers); at != NULL;
         at = json_object_iter_next(headers, at)) {
        const char *name = json_object_iter_key(at);
        json_t *value = json_object_get(kept, name);

        if (!json_is_null(json_object_iter_value(at)))
            continue;
        if (value == NULL) {
            struct gn_str quoted = gn_text_clip(gn_str_of(name), QUOTE_MAX);

            (void)snprintf(error, GN_NATIVE_ERROR_MAX,
                           "protocolsettings.headers.%.*s: the value must be given",
                           (int)quoted.len, quoted.p);
            return GN_EINVAL;
        }
        if (json_object_iter_set(headers, at, value) != 0)
            return GN_ENOMEM;
    }
    return GN_OK;
}

/* ---- writing ---- */

static int add_dumped(const char *text, size_t len, void *out)
{
    gn_buf_add(out, text, len);
    return 0; /* the buffer remembers a failure */
}

static void put_key(struct gn_buf *out, const char *key)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        gn_buf_putc(out, ',');
    gn_buf_printf(out, "\"%s\":", key);
}

static void put_text(struct gn_buf *out, const char *key, const char *value)
{
    put_key(out, key);
    gn_text_add_json(out, gn_str_of(value));
}

static void dump(struct gn_buf *out, const json_t *value)
{
    if (json_dump_callback(value, add_dumped, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        out->err = out->err == GN_OK ? GN_ENOMEM : out->err;
}

/* The member of from, unless there is none or it says nothing. */
static void put_given(struct gn_buf *out, const json_t *from, const char *key)
{
    const json_t *value = json_object_get(from, key);
    bool is_empty = value == NULL || json_is_null(value) ||
                    (json_is_array(value) && json_array_size(value) == 0) ||
                    (json_is_object(value) && json_object_size(value) == 0);

    if (is_empty)
        return;
    put_key(out, key);
    dump(out, value);
}

void gn_native_object_write(const json_t *asked, const struct gn_native_spec *spec,
                            struct gn_buf *out)
{
    const json_t *config = json_object_get(asked, "config");

    gn_buf_putc(out, '{');
    put_given(out, asked, "source");
    put_given(out, asked, "types");
    put_key(out, "config");
    gn_buf_putc(out, '{');
    put_text(out, "mode", mode_names[spec->mode]);
    put_text(out, "split", split_names[spec->split]);
    put_given(out, config, "retry");
    put_given(out, config, "expire");
    put_text(out, "handshake", handshake_names[spec->handshake]);
    gn_buf_putc(out, '}');
    put_given(out, asked, "filters");
    put_text(out, "sink", spec->sink);
    put_text(out, "protocol", "HTTP");
    put_given(out, asked, "protocolsettings");
    gn_buf_putc(out, '}');
}

/* ---- showing ---- */

static bool hide_values(json_t *headers)
{
    for (void *at = json_object_iter(headers); at != NULL; at = json_object_iter_next(headers, at))
        if (json_object_iter_set_new(headers, at, json_null()) != 0)
            return false;
    return true;
}

enum gn_err gn_native_object_show(const struct gn_pubsub_item *item, struct gn_buf *out)
{
    json_t *object = gn_native_object_read(item);

    if (object == NULL || !hide_values(headers_of(object))) {
        json_decref(object);
        return GN_ENOMEM;
    }
    dump(out, object);
    json_decref(object);
    return gn_buf_err(out);
}

bool gn_native_object_needs_handshake(const struct gn_native_spec *spec, const json_t *stored)
{
    const struct gn_str name = gn_str_of(handshake_names[spec->handshake]);

    if (spec->handshake == GN_HANDSHAKE_OFF)
        return false;
    return !gn_str_eq(gn_json_str(stored, "sink"), gn_str_of(spec->sink)) ||
           !gn_str_eq(gn_json_str(json_object_get(stored, "config"), "handshake"), name);
}
