/* The attributes of CloudEvents: their names, and what makes them valid. The encodings are in
 * cloudevent_json.c, cloudevent_http.c and cloudevent_attributes.c. */
#include "gurnard/ce/cloudevent.h"

#include <stdarg.h>
#include <stdio.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"

#include "cloudevent_priv.h"

#define QUOTED_MAX 96 /* bytes of the sender's text that an error repeats */

static const struct gn_str core_names[GN_CE_CORES] = {
    [GN_CE_SPECVERSION] = GN_STR_INIT("specversion"),
    [GN_CE_ID] = GN_STR_INIT("id"),
    [GN_CE_SOURCE] = GN_STR_INIT("source"),
    [GN_CE_TYPE] = GN_STR_INIT("type"),
    [GN_CE_SUBJECT] = GN_STR_INIT("subject"),
    [GN_CE_TIME] = GN_STR_INIT("time"),
    [GN_CE_SCHEMA] = GN_STR_INIT("dataschema"),
    [GN_CE_MEDIA_TYPE] = GN_STR_INIT("datacontenttype"),
    [GN_CE_ENCODING] = GN_STR_INIT("datacontentencoding"),
};

/* ---- a decoding ---- */

void gn_ce_decoder_init(struct gn_ce_decoder *d, const struct gn_json_limits *limits,
                        struct gn_arena *arena, char error[GN_CE_ERROR_MAX])
{
    *d = (struct gn_ce_decoder){
        .limits = *limits, .arena = arena, .scratch = GN_BUF_INIT, .error = error};
    d->limits.repair_utf8 = false; /* what is passed on as received must be right */
    error[0] = '\0';
}

void gn_ce_decoder_fini(struct gn_ce_decoder *d)
{
    gn_buf_free(&d->scratch);
}

/* Copies the beginning of text, with '?' for all but printable ASCII. */
static void put_printable(char to[QUOTED_MAX + 1], struct gn_str text)
{
    size_t len = text.len < QUOTED_MAX ? text.len : QUOTED_MAX;

    for (size_t i = 0; i < len; i++)
        to[i] = text.p[i] >= 0x20 && text.p[i] < 0x7F ? text.p[i] : '?';
    to[len] = '\0';
}

enum gn_err gn_ce_wrong(struct gn_ce_decoder *d, struct gn_str name, const char *format, ...)
{
    char printable[QUOTED_MAX + 1];
    va_list args;
    int len;

    put_printable(printable, name);
    len = snprintf(d->error, GN_CE_ERROR_MAX, "%s: ", printable);
    va_start(args, format);
    (void)vsnprintf(d->error + len, GN_CE_ERROR_MAX - (size_t)len, format, args); /* may cut */
    va_end(args);
    return GN_EINVAL;
}

enum gn_err gn_ce_keep_scratch(struct gn_ce_decoder *d, struct gn_str *text)
{
    if (gn_buf_err(&d->scratch) != GN_OK)
        return gn_buf_err(&d->scratch);
    text->len = d->scratch.len;
    text->p = gn_arena_strdup(d->arena, gn_buf_str(&d->scratch));
    return text->p == NULL ? GN_ENOMEM : GN_OK;
}

/* ---- names ---- */

enum gn_ce_core gn_ce_core_of(struct gn_str name, bool nocase)
{
    bool (*const eq)(struct gn_str, struct gn_str) = nocase ? gn_str_eq_nocase : gn_str_eq;

    for (unsigned i = 0; i < GN_CE_CORES; i++)
        if (eq(name, core_names[i]))
            return (enum gn_ce_core)i;
    return eq(name, GN_STR("schemaurl")) ? GN_CE_SCHEMA : GN_CE_CORES;
}

bool gn_ce_is_extension_name(struct gn_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && !(name.p[i] >= '0' && name.p[i] <= '9'))
            return false;
    return name.len > 0 && name.len <= GN_CE_NAME_MAX && !gn_str_eq(name, GN_STR("data")) &&
           gn_ce_core_of(name, false) == GN_CE_CORES;
}

/* name in lower case: name itself, or a copy in the arena. */
static enum gn_err lower(struct gn_ce_decoder *d, struct gn_str *name)
{
    char *copy = NULL;

    for (size_t i = 0; i < name->len; i++) {
        if (name->p[i] < 'A' || name->p[i] > 'Z')
            continue;
        if (copy == NULL)
            copy = gn_arena_strdup(d->arena, *name);
        if (copy == NULL)
            return GN_ENOMEM;
        copy[i] = (char)(name->p[i] + ('a' - 'A'));
    }
    if (copy != NULL)
        name->p = copy;
    return GN_OK;
}

/* The place of the extension; extension_count when it is new. */
static size_t find_extension(const struct gn_ce_found *found, struct gn_str name)
{
    size_t at = 0;

    while (at < found->extension_count && !gn_str_eq(found->extensions[at].name, name))
        at++;
    return at;
}

enum gn_err gn_ce_add_extension(struct gn_ce_decoder *d, struct gn_ce_found *found,
                                struct gn_str name, struct gn_str value, bool is_literal)
{
    struct gn_ce_extension *place;
    enum gn_err err;
    size_t at;

    if (name.len > GN_CE_NAME_MAX)
        return GN_ELIMIT;
    err = lower(d, &name);
    if (err != GN_OK)
        return err;
    if (!gn_ce_is_extension_name(name))
        return gn_ce_wrong(d, name,
                           "MUST be the name of an attribute: lower-case letters and digits");
    at = find_extension(found, name);
    place = &found->extensions[at];
    if (value.p == NULL && at < found->extension_count) {
        found->extension_count--;
        memmove(place, place + 1, (found->extension_count - at) * sizeof *place);
    }
    if (value.p == NULL)
        return GN_OK;
    if (at == GN_CE_EXTENSIONS_MAX)
        return GN_ELIMIT;
    *place = (struct gn_ce_extension){.name = name, .value = value, .is_literal = is_literal};
    if (at == found->extension_count)
        found->extension_count++;
    return GN_OK;
}

/* ---- values ---- */

static bool is_blank(struct gn_str text)
{
    return gn_str_trim(text).len == 0;
}

/* Whether text has a control character, U+0000 to U+001F or U+007F to U+009F. text is UTF-8. */
static bool has_control(struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.p[i];

        if (c < 0x20 || c == 0x7F)
            return true;
        if (c == 0xC2 && i + 1 < text.len && (unsigned char)text.p[i + 1] < 0xA0)
            return true;
    }
    return false;
}

/* Whether text is a token of RFC 2045. */
static bool is_token(struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7F ||
            strchr("()<>@,;:\\\"/[]?=", text.p[i]) != NULL)
            return false;
    return text.len > 0;
}

/* Whether text begins like a media type and can stand in a header. As Go does, a type without
 * subtype is let through. */
static bool is_media_type(struct gn_str text)
{
    struct gn_str subtype, rest;
    const struct gn_str full = gn_str_trim(gn_str_cut(text, ';', &rest));
    const struct gn_str type = gn_str_cut(full, '/', &subtype);

    for (size_t i = 0; i < rest.len; i++)
        if (rest.p[i] < 0x20 || rest.p[i] >= 0x7F)
            return false;
    return is_token(type) && (subtype.p == NULL || is_token(subtype));
}

bool gn_ce_is_json_type(struct gn_str media_type)
{
    static const struct gn_str suffix = GN_STR_INIT("+json");
    struct gn_str rest;
    const struct gn_str full = gn_str_trim(gn_str_cut(media_type, ';', &rest));

    if (gn_str_eq_nocase(full, GN_STR("application/json")))
        return true;
    return full.len > suffix.len &&
           gn_str_eq_nocase((struct gn_str){full.p + full.len - suffix.len, suffix.len}, suffix);
}

static enum gn_err check_version(struct gn_ce_decoder *d, struct gn_str text,
                                 struct gn_cloudevent *event)
{
    char printable[QUOTED_MAX + 1];

    if (is_blank(text))
        return gn_ce_wrong(d, core_names[GN_CE_SPECVERSION], "REQUIRED");
    event->version = gn_str_eq(text, GN_STR("0.3")) ? GN_CE_0_3 : GN_CE_1_0;
    if (event->version == GN_CE_0_3 || gn_str_eq(text, GN_STR("1.0")))
        return GN_OK;
    put_printable(printable, text);
    (void)gn_ce_wrong(d, core_names[GN_CE_SPECVERSION], "unknown value: %s", printable);
    return GN_EUNSUPPORTED;
}

static enum gn_err check_required(struct gn_ce_decoder *d, const struct gn_ce_found *found)
{
    if (is_blank(found->core[GN_CE_ID]))
        return gn_ce_wrong(d, core_names[GN_CE_ID], "MUST be a non-empty string");
    if (is_blank(found->core[GN_CE_SOURCE]))
        return gn_ce_wrong(d, core_names[GN_CE_SOURCE], "REQUIRED");
    if (is_blank(found->core[GN_CE_TYPE]))
        return gn_ce_wrong(d, core_names[GN_CE_TYPE], "MUST be a non-empty string");
    return GN_OK;
}

static enum gn_err check_time(struct gn_ce_decoder *d, struct gn_str text)
{
    char printable[QUOTED_MAX + 1];
    int64_t ns;

    if (text.len == 0 || gn_time_parse(text, &ns) == GN_OK)
        return GN_OK;
    put_printable(printable, text);
    return gn_ce_wrong(d, core_names[GN_CE_TIME],
                       "cannot convert \"%s\" to time.Time: not in RFC3339 format", printable);
}

/* The optional ones; empty is like absent. */
static enum gn_err check_optional(struct gn_ce_decoder *d, const struct gn_ce_found *found)
{
    const struct gn_str *core = found->core;
    enum gn_err err;

    if (core[GN_CE_SUBJECT].len > 0 && is_blank(core[GN_CE_SUBJECT]))
        return gn_ce_wrong(d, core_names[GN_CE_SUBJECT], "if present, MUST be a non-empty string");
    err = check_time(d, core[GN_CE_TIME]);
    if (err != GN_OK)
        return err;
    if (core[GN_CE_MEDIA_TYPE].len > 0 && !is_media_type(core[GN_CE_MEDIA_TYPE]))
        return gn_ce_wrong(d, core_names[GN_CE_MEDIA_TYPE],
                           "if present, MUST adhere to the format specified in RFC 2046");
    if (core[GN_CE_ENCODING].len > 0 && !gn_str_eq_nocase(core[GN_CE_ENCODING], GN_STR("base64")))
        return gn_ce_wrong(d, core_names[GN_CE_ENCODING],
                           "if present, MUST adhere to RFC 2045 Section 6.1");
    return GN_OK;
}

static enum gn_err check_controls(struct gn_ce_decoder *d, const struct gn_ce_found *found)
{
    static const char what[] = "MUST NOT hold control characters";

    for (unsigned i = 0; i < GN_CE_CORES; i++)
        if (has_control(found->core[i]))
            return gn_ce_wrong(d, core_names[i], what);
    for (size_t i = 0; i < found->extension_count; i++)
        if (has_control(found->extensions[i].value))
            return gn_ce_wrong(d, found->extensions[i].name, what);
    return GN_OK;
}

static struct gn_str unless_empty(struct gn_str text)
{
    return text.len > 0 ? text : GN_STR_NONE;
}

static enum gn_err copy_extensions(struct gn_ce_decoder *d, const struct gn_ce_found *found,
                                   struct gn_cloudevent *event)
{
    const size_t size = found->extension_count * sizeof found->extensions[0];
    struct gn_ce_extension *copy;

    if (size == 0)
        return GN_OK;
    copy = gn_arena_alloc(d->arena, size);
    if (copy == NULL)
        return GN_ENOMEM;
    memcpy(copy, found->extensions, size);
    event->extensions = copy;
    event->extension_count = found->extension_count;
    return GN_OK;
}

enum gn_err gn_ce_settle(struct gn_ce_decoder *d, const struct gn_ce_found *found,
                         struct gn_cloudevent *event)
{
    enum gn_err err;

    *event = (struct gn_cloudevent){
        .id = found->core[GN_CE_ID],
        .source = found->core[GN_CE_SOURCE],
        .type = found->core[GN_CE_TYPE],
        .subject = unless_empty(found->core[GN_CE_SUBJECT]),
        .time = unless_empty(found->core[GN_CE_TIME]),
        .datacontenttype = unless_empty(gn_str_trim(found->core[GN_CE_MEDIA_TYPE])),
        .dataschema = unless_empty(found->core[GN_CE_SCHEMA]),
    };
    err = check_version(d, found->core[GN_CE_SPECVERSION], event);
    if (err == GN_OK)
        err = check_required(d, found);
    if (err == GN_OK)
        err = check_optional(d, found);
    if (err == GN_OK)
        err = check_controls(d, found);
    return err == GN_OK ? copy_extensions(d, found, event) : err;
}

/* ---- data ---- */

enum gn_err gn_ce_json_value(const struct gn_ce_decoder *d, struct gn_str text,
                             struct gn_str *value)
{
    struct gn_json_token token;
    struct gn_json_scan scan;
    enum gn_err err;

    gn_json_scan_init(&scan, text, &d->limits);
    err = gn_json_next(&scan, &token);
    if (err == GN_OK)
        err = gn_json_skip(&scan, &token, value);
    return err == GN_OK ? gn_json_next(&scan, &token) : err;
}

enum gn_err gn_ce_take_base64(struct gn_ce_decoder *d, struct gn_str name, struct gn_str text,
                              struct gn_cloudevent *event)
{
    struct gn_str bytes, value;
    enum gn_err err;

    gn_buf_reset(&d->scratch);
    err = gn_text_base64_decode(text, &d->scratch);
    if (err == GN_EPARSE)
        return gn_ce_wrong(d, name, "MUST be base64");
    if (err == GN_OK)
        err = gn_ce_keep_scratch(d, &bytes);
    if (err != GN_OK)
        return err;
    event->kind = GN_CE_BYTES;
    event->data = bytes;
    if (gn_ce_is_json_type(event->datacontenttype) && gn_ce_json_value(d, bytes, &value) == GN_OK) {
        event->kind = GN_CE_JSON;
        event->data = value;
    }
    return GN_OK;
}

enum gn_err gn_ce_take_body(struct gn_ce_decoder *d, struct gn_str body,
                            const struct gn_ce_found *found, struct gn_cloudevent *event)
{
    if (body.len == 0)
        return GN_OK;
    if (body.len > d->limits.max_bytes)
        return GN_ELIMIT;
    if (found->core[GN_CE_ENCODING].len > 0)
        return gn_ce_take_base64(d, GN_STR("data"), body, event);
    if (event->datacontenttype.p == NULL || gn_ce_is_json_type(event->datacontenttype)) {
        event->kind = GN_CE_JSON;
        return gn_ce_json_value(d, body, &event->data);
    }
    event->kind = GN_CE_BYTES;
    event->data = body;
    return GN_OK;
}

struct gn_str gn_ce_body_type(const struct gn_cloudevent *event)
{
    if (event->datacontenttype.p != NULL)
        return event->datacontenttype;
    switch (event->kind) {
    case GN_CE_JSON:
        return GN_STR("application/json");
    case GN_CE_BYTES:
        return GN_STR("application/octet-stream");
    case GN_CE_NO_DATA:
        break;
    }
    return GN_STR_NONE;
}
