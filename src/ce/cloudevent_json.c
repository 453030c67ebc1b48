/* The JSON format of CloudEvents, alone and in batches. An event's object is gone through once;
 * what is found is judged when it is over, since specversion may come last. */
#include "gurnard/base/text.h"

#include "cloudevent_priv.h"

#define ESCAPED_MAX ((size_t)6 * GN_CE_VALUE_MAX) /* a value of which each byte is a \u escape */

/* What was found of one object. A member that is not there has the type GN_JSON_END. */
struct members {
    struct gn_ce_found found;
    struct gn_json_token data, data_base64;
};

/* ---- decoding ---- */

/* The meaning of a string: a view into the text, or in the arena when it has escapes. */
static enum gn_err plain(struct gn_ce_decoder *d, const struct gn_json_token *token,
                         struct gn_str *text)
{
    *text = token->text;
    if (!token->has_escape)
        return GN_OK;
    gn_buf_reset(&d->scratch);
    gn_json_unescape(token->text, &d->scratch);
    return gn_ce_keep_scratch(d, text);
}

/* An attribute's value as text; absent for null. */
static enum gn_err attribute(struct gn_ce_decoder *d, const struct gn_json_token *token,
                             struct gn_str *text)
{
    enum gn_err err = GN_OK;

    *text = GN_STR_NONE;
    if (token->raw.len > ESCAPED_MAX + 2)
        return GN_ELIMIT;
    if (token->type == GN_JSON_STRING)
        err = plain(d, token, text);
    else if (token->type != GN_JSON_NULL)
        *text = token->raw;
    return err == GN_OK && text->len > GN_CE_VALUE_MAX ? GN_ELIMIT : err;
}

static enum gn_err take_attribute(struct gn_ce_decoder *d, struct gn_str name,
                                  const struct gn_json_token *value, struct gn_ce_found *found)
{
    const enum gn_ce_core core = gn_ce_core_of(name, false);
    const bool is_text = value->type == GN_JSON_STRING || value->type == GN_JSON_NULL;
    struct gn_str text;
    enum gn_err err;

    if (core != GN_CE_CORES && !is_text)
        return gn_ce_wrong(d, name, "MUST be a string");
    if (value->type == GN_JSON_OBJECT || value->type == GN_JSON_ARRAY)
        return gn_ce_wrong(d, name, "MUST be a string, a number or a boolean");
    err = attribute(d, value, &text);
    if (err != GN_OK)
        return err;
    if (core == GN_CE_CORES)
        return gn_ce_add_extension(d, found, name, text, !is_text);
    found->core[core] = text;
    return GN_OK;
}

/* Takes the member of that key; the scan stands at its value, and then behind it. */
static enum gn_err take_member(struct gn_ce_decoder *d, struct gn_json_scan *scan,
                               const struct gn_json_token *key, struct members *members)
{
    struct gn_json_token value;
    struct gn_str name, raw;
    enum gn_err err = gn_json_next(scan, &value);

    if (err == GN_OK)
        err = gn_json_skip(scan, &value, &raw);
    if (err != GN_OK)
        return err;
    value.raw = raw;
    err = plain(d, key, &name);
    if (err != GN_OK)
        return err;
    if (gn_str_eq(name, GN_STR("data"))) {
        members->data = value;
        return GN_OK;
    }
    if (gn_str_eq(name, GN_STR("data_base64"))) {
        if (value.type == GN_JSON_NULL)
            value.type = GN_JSON_END;
        members->data_base64 = value;
        return GN_OK;
    }
    return take_attribute(d, name, &value, &members->found);
}

static enum gn_err take_base64(struct gn_ce_decoder *d, struct gn_str name,
                               const struct gn_json_token *token, struct gn_cloudevent *event)
{
    struct gn_str text;
    enum gn_err err;

    if (token->type != GN_JSON_STRING)
        return gn_ce_wrong(d, name, "MUST be a string in base64");
    err = plain(d, token, &text);
    return err == GN_OK ? gn_ce_take_base64(d, name, text, event) : err;
}

static enum gn_err take_data(struct gn_ce_decoder *d, const struct members *members,
                             struct gn_cloudevent *event)
{
    const struct gn_json_token *data = &members->data;
    const bool has_base64 = members->data_base64.type != GN_JSON_END;
    const bool is_json =
        event->datacontenttype.p == NULL || gn_ce_is_json_type(event->datacontenttype);

    if (has_base64 && data->type != GN_JSON_END)
        return gn_ce_wrong(d, GN_STR("data_base64"), "MUST NOT be given together with data");
    if (has_base64)
        return take_base64(d, GN_STR("data_base64"), &members->data_base64, event);
    if (data->type == GN_JSON_END)
        return GN_OK;
    if (members->found.core[GN_CE_ENCODING].len > 0)
        return take_base64(d, GN_STR("data"), data, event);
    if (data->type == GN_JSON_STRING && !is_json) {
        event->kind = GN_CE_BYTES;
        return plain(d, data, &event->data);
    }
    event->kind = GN_CE_JSON;
    event->data = data->raw;
    return GN_OK;
}

/* Decodes the event whose opening bracket is token. */
static enum gn_err take_event(struct gn_ce_decoder *d, struct gn_json_scan *scan,
                              const struct gn_json_token *token, struct gn_cloudevent *event)
{
    struct members members;
    struct gn_json_token key;
    enum gn_err err;

    if (token->type != GN_JSON_OBJECT)
        return GN_EPARSE;
    members = (struct members){.data.type = GN_JSON_END, .data_base64.type = GN_JSON_END};
    err = gn_json_next(scan, &key);
    while (err == GN_OK && key.type == GN_JSON_KEY) {
        err = take_member(d, scan, &key, &members);
        if (err == GN_OK)
            err = gn_json_next(scan, &key);
    }
    if (err == GN_OK)
        err = gn_ce_settle(d, &members.found, event);
    return err == GN_OK ? take_data(d, &members, event) : err;
}

/* Checks all of the text and counts the elements of the array that it is. */
static enum gn_err count_elements(const struct gn_ce_decoder *d, struct gn_str text, size_t *count)
{
    struct gn_json_token token;
    struct gn_json_scan scan;
    struct gn_str raw;
    enum gn_err err;

    *count = 0;
    gn_json_scan_init(&scan, text, &d->limits);
    err = gn_json_next(&scan, &token);
    if (err == GN_OK && token.type != GN_JSON_ARRAY)
        return GN_EPARSE;
    while (err == GN_OK) {
        err = gn_json_next(&scan, &token);
        if (err == GN_OK && token.type == GN_JSON_ARRAY_END)
            return gn_json_next(&scan, &token);
        if (err == GN_OK)
            err = gn_json_skip(&scan, &token, &raw);
        if (err == GN_OK && ++*count > GN_CE_BATCH_MAX)
            err = GN_ELIMIT;
    }
    return err;
}

static enum gn_err decode_batch(struct gn_ce_decoder *d, struct gn_str text,
                                struct gn_ce_events *events)
{
    struct gn_json_token token;
    struct gn_json_scan scan;
    size_t count;
    enum gn_err err = count_elements(d, text, &count);

    if (err != GN_OK || count == 0)
        return err;
    events->events = gn_arena_alloc(d->arena, count * sizeof *events->events);
    if (events->events == NULL)
        return GN_ENOMEM;
    gn_json_scan_init(&scan, text, &d->limits);
    err = gn_json_next(&scan, &token); /* the bracket */
    for (; err == GN_OK && events->count < count; events->count++) {
        err = gn_json_next(&scan, &token);
        if (err == GN_OK)
            err = take_event(d, &scan, &token, &events->events[events->count]);
    }
    return err;
}

static enum gn_err decode_one(struct gn_ce_decoder *d, struct gn_str text,
                              struct gn_ce_events *events)
{
    struct gn_json_token token;
    struct gn_json_scan scan;
    enum gn_err err;

    events->events = gn_arena_alloc(d->arena, sizeof *events->events);
    if (events->events == NULL)
        return GN_ENOMEM;
    events->count = 1;
    gn_json_scan_init(&scan, text, &d->limits);
    err = gn_json_next(&scan, &token);
    if (err == GN_OK)
        err = take_event(d, &scan, &token, events->events);
    return err == GN_OK ? gn_json_next(&scan, &token) : err;
}

enum gn_err gn_ce_decode_json(struct gn_str text, bool is_batch,
                              const struct gn_json_limits *limits, struct gn_arena *arena,
                              struct gn_ce_events *events, char error[GN_CE_ERROR_MAX])
{
    const enum gn_ce_mode mode = is_batch ? GN_CE_BATCH : GN_CE_STRUCTURED;
    struct gn_ce_decoder d;
    enum gn_err err;

    gn_ce_decoder_init(&d, limits, arena, error);
    *events = (struct gn_ce_events){.mode = mode};
    err = is_batch ? decode_batch(&d, text, events) : decode_one(&d, text, events);
    if (err != GN_OK)
        *events = (struct gn_ce_events){.mode = mode};
    gn_ce_decoder_fini(&d);
    return err;
}

/* ---- encoding ---- */

/* Appends `,"name":"text"` unless text is absent. */
static void add_text(struct gn_buf *out, struct gn_str name, struct gn_str text)
{
    if (text.p == NULL)
        return;
    gn_buf_puts(out, ",\"");
    gn_buf_add_str(out, name);
    gn_buf_puts(out, "\":");
    gn_text_add_json(out, text);
}

static void add_extension(struct gn_buf *out, const struct gn_ce_extension *extension)
{
    if (!extension->is_literal) {
        add_text(out, extension->name, extension->value.p != NULL ? extension->value : GN_STR(""));
        return;
    }
    gn_buf_puts(out, ",\"");
    gn_buf_add_str(out, extension->name);
    gn_buf_puts(out, "\":");
    gn_buf_add_str(out, extension->value);
}

static void add_data(struct gn_buf *out, const struct gn_cloudevent *event)
{
    switch (event->kind) {
    case GN_CE_NO_DATA:
        break;
    case GN_CE_JSON:
        gn_buf_puts(out, ",\"data\":");
        gn_json_add_compact(out, event->data);
        break;
    case GN_CE_BYTES:
        gn_buf_puts(out, event->version == GN_CE_0_3
                             ? ",\"datacontentencoding\":\"base64\",\"data\":\""
                             : ",\"data_base64\":\"");
        gn_text_add_base64(out, event->data);
        gn_buf_putc(out, '"');
        break;
    }
}

void gn_ce_write_json(const struct gn_cloudevent *event, struct gn_buf *out)
{
    const bool is_0_3 = event->version == GN_CE_0_3;

    gn_buf_puts(out, is_0_3 ? "{\"specversion\":\"0.3\"" : "{\"specversion\":\"1.0\"");
    add_text(out, GN_STR("id"), event->id);
    add_text(out, GN_STR("source"), event->source);
    add_text(out, GN_STR("type"), event->type);
    add_text(out, GN_STR("subject"), event->subject);
    add_text(out, GN_STR("datacontenttype"), event->datacontenttype);
    add_text(out, is_0_3 ? GN_STR("schemaurl") : GN_STR("dataschema"), event->dataschema);
    add_text(out, GN_STR("time"), event->time);
    for (size_t i = 0; i < event->extension_count; i++)
        add_extension(out, &event->extensions[i]);
    add_data(out, event);
    gn_buf_putc(out, '}');
}
