/* fuzz folder: relay   subscription objects of the native API: what is accepted keeps to its
 * bounds, what is refused is explained in UTF-8. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "gurnard/base/url.h"
#include "gurnard/relay/native_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    GN_ASSERT(text != NULL && text[0] != '\0' && strlen(text) <= GN_NATIVE_TEXT_MAX);
}

/* No line ends or begins anything but itself, and none is ours. */
static void check_header(const char *line)
{
    const struct gn_str text = gn_str_of(line);
    struct gn_str value, name = gn_str_cut(text, ':', &value);

    GN_ASSERT(name.len > 0 && value.len >= 2 && value.p[0] == ' ');
    for (size_t i = 0; i < text.len; i++)
        GN_ASSERT(text.p[i] >= ' ' && text.p[i] <= '~');
    GN_ASSERT(memchr(name.p, ' ', name.len) == NULL);
    GN_ASSERT(!gn_str_eq_nocase(name, GN_STR("host")));
    GN_ASSERT(name.len < 3 || !gn_str_eq_nocase((struct gn_str){name.p, 3}, GN_STR("ce-")));
}

static void check_spec(const struct gn_native_spec *spec)
{
    struct gn_url url;
    enum gn_err err = gn_url_parse(gn_str_of(spec->sink), &url);

    GN_ASSERT(err == GN_OK && gn_url_is_web(&url));
    if (spec->source != NULL)
        check_text(spec->source);
    GN_ASSERT(spec->type_count <= GN_NATIVE_TYPES_MAX);
    for (size_t i = 0; i < spec->type_count; i++)
        check_text(spec->types[i]);
    GN_ASSERT(spec->retry_min_ms <= 3600000 && spec->retry_max_ms <= 3600000);
    GN_ASSERT(spec->retry_max_ms == 0 || spec->retry_max_ms >= spec->retry_min_ms);
    GN_ASSERT(spec->expire_ms == 0 || spec->expire_ms >= 1000);
    GN_ASSERT(spec->expire_ms <= UINT64_C(720) * 3600000);
    for (size_t i = 0; spec->headers[i] != NULL; i++)
        check_header(spec->headers[i]);
    GN_ASSERT(spec->headers[GN_NATIVE_HEADERS_MAX] == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_native_spec *spec;
    char error[GN_NATIVE_ERROR_MAX];
    json_t *object;
    enum gn_err err;

    if (gn_json_parse((struct gn_str){(const char *)data, size}, NULL, &object) != GN_OK)
        return 0;
    err = gn_native_spec_parse(object, &spec, error);
    GN_ASSERT(strlen(error) < GN_NATIVE_ERROR_MAX && gn_text_is_utf8(gn_str_of(error)));
    GN_ASSERT((err == GN_EINVAL) == (error[0] != '\0') && (err == GN_OK) == (spec != NULL));
    if (err == GN_OK)
        check_spec(spec);
    gn_native_spec_free(spec);
    json_decref(object);
    return 0;
}
