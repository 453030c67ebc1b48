/* Writes events as the v1 consumers expect them. The order of members is that of the enums. */
#include "gurnard/redfish/event_write.h"

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/text.h"
#include "event_priv.h"

/* What may come on top of the bytes received: names in full, quotes around numbers. A hint only. */
#define GROWTH_BYTES 128

/* An object that is being written. */
struct writer {
    struct gn_buf *out;
    bool has_members;
};

static void begin_member(struct writer *w, struct gn_str key_and_colon)
{
    if (w->has_members)
        gn_buf_putc(w->out, ',');
    w->has_members = true;
    gn_buf_add_str(w->out, key_and_colon);
}

static bool is_container(enum gn_json_type type)
{
    return type == GN_JSON_OBJECT || type == GN_JSON_ARRAY;
}

/* A value as received. White space can only be inside containers. */
static void add_value(struct gn_buf *out, struct gn_str raw)
{
    if (raw.p[0] == '{' || raw.p[0] == '[')
        gn_json_add_compact(out, raw);
    else
        gn_buf_add_str(out, raw);
}

/* A container as a string that holds its text. */
static void add_as_text(struct gn_buf *out, struct gn_str raw)
{
    struct gn_buf text = gn_buf_with_limit(raw.len);

    gn_json_add_compact(&text, raw);
    if (gn_buf_err(&text) == GN_OK)
        gn_text_add_json(out, gn_buf_str(&text));
    else if (out->err == GN_OK)
        out->err = gn_buf_err(&text);
    gn_buf_free(&text);
}

/* Any value but null as a string. */
static void add_as_string(struct gn_buf *out, struct gn_str raw, enum gn_json_type type)
{
    if (is_container(type)) {
        add_as_text(out, raw);
    } else if (type == GN_JSON_STRING) {
        gn_buf_add_str(out, raw);
    } else {
        gn_buf_putc(out, '"');
        gn_buf_add_str(out, raw);
        gn_buf_putc(out, '"');
    }
}

static bool is_empty_string(const struct gn_redfish_value *value)
{
    return value->type == GN_JSON_STRING && value->raw.len == 2;
}

static void add_string_member(struct writer *w, struct gn_str key,
                              const struct gn_redfish_value *value)
{
    if (value->raw.p == NULL || is_empty_string(value))
        return;
    begin_member(w, key);
    add_as_string(w->out, value->raw, value->type);
}

static void add_raw_member(struct writer *w, struct gn_str key,
                           const struct gn_redfish_value *value)
{
    if (value->raw.p == NULL)
        return;
    begin_member(w, key);
    add_value(w->out, value->raw);
}

/* A string member that the registry may have a text for. */
static void add_filled_member(struct writer *w, struct gn_str key,
                              const struct gn_redfish_value *value, struct gn_str fill)
{
    if (fill.p == NULL) {
        add_string_member(w, key, value);
    } else if (fill.len > 0) {
        begin_member(w, key);
        gn_text_add_json(w->out, fill);
    }
}

/* Whether value is an integer that a Go int holds; anything else is a decoding error there. */
static bool is_integer(const struct gn_redfish_value *value)
{
    struct gn_str digits = value->raw;
    unsigned long long number;

    if (digits.p == NULL || value->type != GN_JSON_NUMBER)
        return false;
    if (digits.p[0] == '-')
        digits = (struct gn_str){digits.p + 1, digits.len - 1};
    return gn_str_to_u64(digits, INT64_MAX, &number);
}

static void add_event_group_id(struct writer *w, struct gn_str key,
                               const struct gn_redfish_value *value)
{
    begin_member(w, key);
    gn_buf_add_str(w->out, is_integer(value) ? value->raw : GN_STR("0"));
}

/* The elements of MessageArgs as strings. null keeps its place as "", as in a Go []string. */
static void add_args(struct writer *w, struct gn_str key, struct gn_str array)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    bool is_first = true;
    enum gn_err err;

    gn_json_scan_init(&scan, array, &gn_redfish_value_limits);
    err = gn_json_next(&scan, &token); /* the bracket */
    while (err == GN_OK) {
        struct gn_str raw;

        err = gn_json_next(&scan, &token);
        if (err != GN_OK || token.type == GN_JSON_ARRAY_END)
            break;
        if (is_first)
            begin_member(w, key);
        gn_buf_putc(w->out, is_first ? '[' : ',');
        is_first = false;
        err = gn_json_skip(&scan, &token, &raw);
        if (token.type == GN_JSON_NULL)
            gn_buf_add_str(w->out, GN_STR("\"\""));
        else
            add_as_string(w->out, raw, token.type);
    }
    if (!is_first)
        gn_buf_putc(w->out, ']');
}

static void add_message_args(struct writer *w, struct gn_str key,
                             const struct gn_redfish_value *value)
{
    if (value->raw.p == NULL || is_empty_string(value))
        return;
    if (value->type == GN_JSON_ARRAY) {
        add_args(w, key, value->raw);
        return;
    }
    begin_member(w, key);
    gn_buf_putc(w->out, '[');
    add_as_string(w->out, value->raw, value->type);
    gn_buf_putc(w->out, ']');
}

static void add_extra(struct writer *w, const struct gn_redfish_extra *extra)
{
    begin_member(w, extra->key);
    gn_buf_putc(w->out, ':');
    add_value(w->out, extra->value);
}

/* The members that v1 does not know, in the order received. MessageSeverity is one of them there;
 * its place among the others shows in where its bytes lie. */
static void add_record_extras(struct writer *w, const struct gn_redfish_record *record)
{
    const struct gn_str key = gn_redfish_record_keys[GN_REC_MESSAGE_SEVERITY];
    const struct gn_redfish_value *severity = &record->known[GN_REC_MESSAGE_SEVERITY];
    bool is_due = severity->raw.p != NULL;

    for (uint32_t i = 0; i < record->extra_count; i++) {
        if (is_due && severity->raw.p < record->extras[i].key.p) {
            add_raw_member(w, key, severity);
            is_due = false;
        }
        add_extra(w, &record->extras[i]);
    }
    if (is_due)
        add_raw_member(w, key, severity);
}

static void add_record_member(struct writer *w, enum gn_redfish_record_member member,
                              const struct gn_redfish_value *value,
                              const struct gn_redfish_fill *fill)
{
    const struct gn_str key = gn_redfish_record_keys[member];

    switch (member) {
    case GN_REC_ACTIONS:
    case GN_REC_OEM:
    case GN_REC_ORIGIN_OF_CONDITION:
        add_raw_member(w, key, value);
        return;
    case GN_REC_EVENT_GROUP_ID:
        add_event_group_id(w, key, value);
        return;
    case GN_REC_MESSAGE:
        add_filled_member(w, key, value, fill->message);
        return;
    case GN_REC_SEVERITY:
        add_filled_member(w, key, value, fill->severity);
        return;
    case GN_REC_RESOLUTION:
        add_filled_member(w, key, value, fill->resolution);
        return;
    case GN_REC_MESSAGE_ARGS:
        add_message_args(w, key, value);
        return;
    case GN_REC_CONTEXT:
    case GN_REC_EVENT_ID:
    case GN_REC_EVENT_TIMESTAMP:
    case GN_REC_MESSAGE_ID:
    case GN_REC_MEMBER_ID:
    case GN_REC_EVENT_TYPE:
        add_string_member(w, key, value);
        return;
    case GN_REC_MESSAGE_SEVERITY: /* add_record_extras() */
    case GN_REC_COUNT:
        return;
    }
}

static void add_record(struct gn_buf *out, const struct gn_redfish_record *record,
                       const struct gn_redfish_fill *fill)
{
    static const struct gn_redfish_fill no_fill;
    struct writer w = {.out = out};

    gn_buf_putc(out, '{');
    for (unsigned i = 0; i < GN_REC_COUNT; i++)
        add_record_member(&w, (enum gn_redfish_record_member)i, &record->known[i],
                          fill != NULL ? fill : &no_fill);
    add_record_extras(&w, record);
    gn_buf_putc(out, '}');
}

static void add_events_member(struct writer *w, const struct gn_redfish_event *event,
                              const struct gn_redfish_fill *fills)
{
    if (event->record_count == 0)
        return;
    begin_member(w, gn_redfish_envelope_keys[GN_ENV_EVENTS]);
    for (uint32_t i = 0; i < event->record_count; i++) {
        gn_buf_putc(w->out, i == 0 ? '[' : ',');
        add_record(w->out, &event->records[i], fills != NULL ? &fills[i] : NULL);
    }
    gn_buf_putc(w->out, ']');
}

static void add_event(struct gn_buf *out, const struct gn_redfish_event *event,
                      const struct gn_redfish_fill *fills)
{
    struct writer w = {.out = out};

    gn_buf_putc(out, '{');
    for (unsigned i = 0; i < GN_ENV_COUNT; i++) {
        const struct gn_str key = gn_redfish_envelope_keys[i];

        if (i == GN_ENV_EVENTS)
            add_events_member(&w, event, fills);
        else if (i == GN_ENV_ACTIONS || i == GN_ENV_OEM)
            add_raw_member(&w, key, &event->known[i]);
        else
            add_string_member(&w, key, &event->known[i]);
    }
    for (uint32_t i = 0; i < event->extra_count; i++)
        add_extra(&w, &event->extras[i]);
    gn_buf_putc(out, '}');
}

/* Bad bytes can only be inside strings, so the text as a whole is repaired: keys, values, and what
 * lies deep in Oem alike. */
static void add_event_repaired(struct gn_buf *out, const struct gn_redfish_event *event,
                               const struct gn_redfish_fill *fills)
{
    struct gn_buf text = gn_buf_with_limit(out->limit);

    add_event(&text, event, fills);
    if (gn_buf_err(&text) == GN_OK)
        gn_text_add_utf8(out, gn_buf_str(&text));
    else if (out->err == GN_OK)
        out->err = gn_buf_err(&text);
    gn_buf_free(&text);
}

/* Room for the usual case in one step, within what out may hold. */
static void reserve(struct gn_buf *out, size_t bytes)
{
    const size_t left = out->limit > out->len ? out->limit - out->len : 0;

    gn_buf_reserve(out, bytes < left ? bytes : left);
}

void gn_redfish_write_v1(const struct gn_redfish_event *event, const struct gn_redfish_fill *fills,
                         struct gn_buf *out)
{
    reserve(out, event->raw.len + GROWTH_BYTES);
    if (event->had_bad_utf8)
        add_event_repaired(out, event, fills);
    else
        add_event(out, event, fills);
}
