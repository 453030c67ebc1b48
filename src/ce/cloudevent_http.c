/* The HTTP binding of CloudEvents: which mode a request is in, and attributes as headers. */
#include "gurnard/base/text.h"

#include "cloudevent_priv.h"

static const struct gn_str header_prefix = GN_STR_INIT("ce-");

/* Whether s begins with part, in any case. If so, it is cut off. */
static bool cut_prefix_nocase(struct gn_str *s, struct gn_str part)
{
    if (s->len < part.len || !gn_str_eq_nocase((struct gn_str){s->p, part.len}, part))
        return false;
    s->p += part.len;
    s->len -= part.len;
    return true;
}

/* ---- modes ---- */

enum gn_err gn_ce_mode_of(struct gn_str content_type, enum gn_ce_mode *mode)
{
    struct gn_str rest;
    struct gn_str format = gn_str_trim(gn_str_cut(content_type, ';', &rest));

    *mode = GN_CE_BINARY;
    if (cut_prefix_nocase(&format, GN_STR("application/cloudevents-batch")))
        *mode = GN_CE_BATCH;
    else if (cut_prefix_nocase(&format, GN_STR("application/cloudevents")))
        *mode = GN_CE_STRUCTURED;
    else
        return GN_OK;
    return format.len == 0 || gn_str_eq_nocase(format, GN_STR("+json")) ? GN_OK : GN_EUNSUPPORTED;
}

static bool has_specversion(const struct gn_ce_http *http)
{
    for (size_t i = 0; i < http->header_count; i++)
        if (gn_str_eq_nocase(http->headers[i].name, GN_STR("ce-specversion")))
            return true;
    return false;
}

bool gn_ce_is_http(const struct gn_ce_http *http)
{
    enum gn_ce_mode mode;
    const enum gn_err err = gn_ce_mode_of(http->content_type, &mode);

    return err != GN_OK || mode != GN_CE_BINARY || has_specversion(http);
}

/* ---- decoding of the binary mode ---- */

/* The text between the quotes of a quoted string. GN_EPARSE: the last quote is an escaped one. */
static enum gn_err unquote(struct gn_ce_decoder *d, struct gn_str inner, struct gn_str *text)
{
    gn_buf_reset(&d->scratch);
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.p[i] == '\\' && ++i == inner.len)
            return GN_EPARSE;
        gn_buf_putc(&d->scratch, inner.p[i]);
    }
    return gn_ce_keep_scratch(d, text);
}

/* Senders that know nothing of the encoding (the SDKs for Go and JavaScript) write "100%": what is
 * no code stays as it is. */
static enum gn_err percent_decode(struct gn_ce_decoder *d, struct gn_str *text)
{
    enum gn_err err;

    if (text->len == 0 || memchr(text->p, '%', text->len) == NULL)
        return GN_OK;
    gn_buf_reset(&d->scratch);
    err = gn_text_percent_decode(*text, &d->scratch);
    if (err == GN_EPARSE)
        return GN_OK;
    return err == GN_OK ? gn_ce_keep_scratch(d, text) : err;
}

/* The text that a header's value stands for. name: of the attribute. */
static enum gn_err header_text(struct gn_ce_decoder *d, struct gn_str name, struct gn_str value,
                               struct gn_str *text)
{
    enum gn_err err = GN_OK;

    *text = value.p == NULL ? GN_STR("") : gn_str_trim(value);
    if (text->len > (size_t)6 * GN_CE_VALUE_MAX) /* each byte behind a backslash, as %XX */
        return GN_ELIMIT;
    if (text->len >= 2 && text->p[0] == '"' && text->p[text->len - 1] == '"')
        err = unquote(d, (struct gn_str){text->p + 1, text->len - 2}, text);
    if (err == GN_OK)
        err = percent_decode(d, text);
    if (err == GN_EPARSE || (err == GN_OK && !gn_text_is_utf8(*text)))
        return gn_ce_wrong(d, name, "MUST be percent-encoded UTF-8");
    return err == GN_OK && text->len > GN_CE_VALUE_MAX ? GN_ELIMIT : err;
}

static enum gn_err take_header(struct gn_ce_decoder *d, const struct gn_ce_header *header,
                               struct gn_ce_found *found)
{
    struct gn_str name = header->name, text;
    enum gn_ce_core core;
    enum gn_err err;

    if (!cut_prefix_nocase(&name, header_prefix))
        return GN_OK;
    core = gn_ce_core_of(name, true);
    if (core == GN_CE_MEDIA_TYPE)
        return gn_ce_wrong(d, name, "MUST NOT have a header but Content-Type");
    err = header_text(d, name, header->value, &text);
    if (err != GN_OK)
        return err;
    if (core == GN_CE_CORES)
        return gn_ce_add_extension(d, found, name, text, false);
    found->core[core] = text;
    return GN_OK;
}

static enum gn_err decode_binary(struct gn_ce_decoder *d, const struct gn_ce_http *http,
                                 struct gn_ce_events *events)
{
    struct gn_ce_found found = {.core[GN_CE_MEDIA_TYPE] = gn_str_trim(http->content_type)};
    struct gn_cloudevent *event = gn_arena_alloc(d->arena, sizeof *event);
    enum gn_err err = event == NULL ? GN_ENOMEM : GN_OK;

    if (http->content_type.len > GN_CE_VALUE_MAX)
        return GN_ELIMIT;
    for (size_t i = 0; err == GN_OK && i < http->header_count; i++)
        err = take_header(d, &http->headers[i], &found);
    if (err == GN_OK)
        err = gn_ce_settle(d, &found, event);
    if (err == GN_OK)
        err = gn_ce_take_body(d, http->body, &found, event);
    if (err == GN_EUNSUPPORTED)
        d->error[0] = '\0'; /* as if it were no CloudEvent */
    if (err != GN_OK)
        return err;
    events->events = event;
    events->count = 1;
    return GN_OK;
}

enum gn_err gn_ce_decode_http(const struct gn_ce_http *http, const struct gn_json_limits *limits,
                              struct gn_arena *arena, struct gn_ce_events *events,
                              char error[GN_CE_ERROR_MAX])
{
    struct gn_ce_decoder d;
    enum gn_err err;

    *events = (struct gn_ce_events){.mode = GN_CE_BINARY};
    error[0] = '\0';
    err = gn_ce_mode_of(http->content_type, &events->mode);
    if (err != GN_OK)
        return err;
    if (events->mode == GN_CE_BINARY && !has_specversion(http))
        return GN_EUNSUPPORTED;
    if (events->mode != GN_CE_BINARY)
        return gn_ce_decode_json(http->body, events->mode == GN_CE_BATCH, limits, arena, events,
                                 error);
    gn_ce_decoder_init(&d, limits, arena, error);
    err = decode_binary(&d, http, events);
    gn_ce_decoder_fini(&d);
    return err;
}

/* ---- encoding ---- */

static void add_percent(struct gn_buf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char code[3] = {'%', digits[c >> 4], digits[c & 15]};

    gn_buf_add(out, code, sizeof code);
}

static void add_encoded(struct gn_buf *out, struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.p[i];

        if (c > 0x20 && c < 0x7F && c != '"' && c != '%')
            gn_buf_putc(out, c);
        else
            add_percent(out, (unsigned char)c);
    }
}

/* Appends a header line unless text is absent; returns how many lines. */
static size_t add_header(struct gn_buf *out, const char *name, struct gn_str text)
{
    if (text.p == NULL)
        return 0;
    gn_buf_puts(out, name);
    add_encoded(out, text);
    gn_buf_putc(out, '\0');
    return 1;
}

/* An extension's name has only its first letter raised, as Go writes header names. */
static void add_extension(struct gn_buf *out, const struct gn_ce_extension *extension)
{
    const struct gn_str name = extension->name;

    gn_buf_puts(out, "Ce-");
    for (size_t i = 0; i < name.len; i++) {
        const bool is_raised = i == 0 && name.p[i] >= 'a' && name.p[i] <= 'z';

        gn_buf_putc(out, is_raised ? (char)(name.p[i] - ('a' - 'A')) : name.p[i]);
    }
    gn_buf_puts(out, ": ");
    add_encoded(out, extension->value);
    gn_buf_putc(out, '\0');
}

/* Content-Type is no attribute's header: nothing of it is encoded that may stand in a header. */
static size_t add_content_type(struct gn_buf *out, struct gn_str type)
{
    if (type.p == NULL)
        return 0;
    gn_buf_puts(out, "Content-Type: ");
    for (size_t i = 0; i < type.len; i++) {
        if (type.p[i] >= 0x20 && type.p[i] < 0x7F)
            gn_buf_putc(out, type.p[i]);
        else
            add_percent(out, (unsigned char)type.p[i]);
    }
    gn_buf_putc(out, '\0');
    return 1;
}

size_t gn_ce_write_headers(const struct gn_cloudevent *event, struct gn_buf *out)
{
    const bool is_0_3 = event->version == GN_CE_0_3;
    size_t count = 0;

    count += add_header(out, "Ce-Id: ", event->id);
    count += add_header(out, "Ce-Source: ", event->source);
    count += add_header(out, "Ce-Specversion: ", is_0_3 ? GN_STR("0.3") : GN_STR("1.0"));
    count += add_header(out, "Ce-Subject: ", event->subject);
    count += add_header(out, "Ce-Time: ", event->time);
    count += add_header(out, "Ce-Type: ", event->type);
    count += add_header(out, is_0_3 ? "Ce-Schemaurl: " : "Ce-Dataschema: ", event->dataschema);
    for (size_t i = 0; i < event->extension_count; i++)
        add_extension(out, &event->extensions[i]);
    return count + event->extension_count + add_content_type(out, gn_ce_body_type(event));
}
