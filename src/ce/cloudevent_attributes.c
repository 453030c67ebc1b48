/* The binary mode of bindings other than HTTP: attributes as plain texts, data as a body. */
#include "gurnard/base/text.h"

#include "cloudevent_priv.h"

static enum gn_err take_attribute(struct gn_ce_decoder *d, const struct gn_ce_extension *attribute,
                                  struct gn_ce_found *found)
{
    const enum gn_ce_core core = gn_ce_core_of(attribute->name, true);
    const struct gn_str value = attribute->value;

    if (value.len > GN_CE_VALUE_MAX)
        return GN_ELIMIT;
    if (!gn_text_is_utf8(value))
        return gn_ce_wrong(d, attribute->name, "MUST be UTF-8");
    if (core == GN_CE_CORES)
        return gn_ce_add_extension(d, found, attribute->name, value, attribute->is_literal);
    found->core[core] = value;
    return GN_OK;
}

enum gn_err gn_ce_decode_attributes(const struct gn_ce_extension *attributes, size_t count,
                                    struct gn_str body, const struct gn_json_limits *limits,
                                    struct gn_arena *arena, struct gn_cloudevent *event,
                                    char error[GN_CE_ERROR_MAX])
{
    struct gn_ce_found found = {.extension_count = 0};
    struct gn_ce_decoder d;
    enum gn_err err = GN_OK;

    gn_ce_decoder_init(&d, limits, arena, error);
    for (size_t i = 0; err == GN_OK && i < count; i++)
        err = take_attribute(&d, &attributes[i], &found);
    if (err == GN_OK)
        err = gn_ce_settle(&d, &found, event);
    if (err == GN_OK)
        err = gn_ce_take_body(&d, body, &found, event);
    gn_ce_decoder_fini(&d);
    return err;
}
