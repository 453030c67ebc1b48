/* CloudEvents as AMQP messages and back. */
#include "gurnard/transport/amqp_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/net/amqp_message.h"

#define PREFIX_LEN     (sizeof("cloudEvents:") - 1) /* that with '_' is as long */
#define CORES_MAX      7                            /* attributes that are no extensions */
#define ATTRIBUTES_MAX (CORES_MAX + GN_CE_EXTENSIONS_MAX)
#define NS_PER_MS      1000000
#define NUMBER_MAX     24 /* an integer's text */

static const struct gn_json_limits limits = {
    .max_bytes = GN_AMQP_MESSAGE_MAX,
    .max_depth = 32,
    .max_tokens = 262144,
};

/* ---- encoding ---- */

/* The application properties of one event. */
struct properties {
    enum gn_amqp_prefix prefix;
    size_t count;
    struct gn_amqp_property list[ATTRIBUTES_MAX];
    char names[ATTRIBUTES_MAX][PREFIX_LEN + GN_CE_NAME_MAX];
};

/* Adds a property of that name, which has no value yet. Names are at most GN_CE_NAME_MAX long. */
static struct gn_amqp_property *add_property(struct properties *properties, struct gn_str name)
{
    char *text = properties->names[properties->count];
    struct gn_amqp_property *property = &properties->list[properties->count++];

    memcpy(text, properties->prefix == GN_AMQP_PREFIX_UNDERSCORE ? "cloudEvents_" : "cloudEvents:",
           PREFIX_LEN);
    memcpy(text + PREFIX_LEN, name.p, name.len);
    property->name = (struct gn_str){text, PREFIX_LEN + name.len};
    return property;
}

static void add_text(struct properties *properties, const char *name, struct gn_str text)
{
    struct gn_amqp_property *property;

    if (text.p == NULL)
        return;
    property = add_property(properties, gn_str_of(name));
    property->type = GN_AMQP_STRING;
    property->text = text;
}

static void add_time(struct properties *properties, struct gn_str time, bool as_timestamp)
{
    struct gn_amqp_property *property;
    int64_t ns;

    if (time.p == NULL || !as_timestamp || gn_time_parse(time, &ns) != GN_OK) {
        add_text(properties, "time", time);
        return;
    }
    property = add_property(properties, GN_STR("time"));
    property->type = GN_AMQP_TIMESTAMP;
    property->number = ns / NS_PER_MS - (ns % NS_PER_MS < 0); /* rounded down, as all fractions */
}

/* Whether text is an Integer of CloudEvents: 32 bits, in the one form that it has as text. */
static bool is_integer(struct gn_str text, int64_t *number)
{
    const bool is_negative = text.len > 0 && text.p[0] == '-';
    const struct gn_str digits = {text.p + is_negative, text.len - is_negative};
    unsigned long long value;

    if (!gn_str_to_u64(digits, (unsigned long long)INT32_MAX + is_negative, &value))
        return false;
    if (digits.p[0] == '0' && text.len > 1)
        return false;
    *number = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static void add_extension(struct properties *properties, const struct gn_ce_extension *extension)
{
    struct gn_amqp_property *property = add_property(properties, extension->name);
    const bool is_true = gn_str_eq(extension->value, GN_STR("true"));

    property->type = GN_AMQP_STRING;
    property->text = extension->value;
    if (!extension->is_literal)
        return;
    if (is_true || gn_str_eq(extension->value, GN_STR("false"))) {
        property->type = GN_AMQP_BOOLEAN;
        property->number = is_true;
    } else if (is_integer(extension->value, &property->number)) {
        property->type = GN_AMQP_INTEGER;
    }
}

static enum gn_err add_attributes(struct properties *properties, const struct gn_cloudevent *event,
                                  bool time_as_timestamp)
{
    const bool is_0_3 = event->version == GN_CE_0_3;

    if (event->extension_count > GN_CE_EXTENSIONS_MAX)
        return GN_ELIMIT;
    add_text(properties, "specversion", is_0_3 ? GN_STR("0.3") : GN_STR("1.0"));
    add_text(properties, "id", event->id);
    add_text(properties, "source", event->source);
    add_text(properties, "type", event->type);
    add_text(properties, "subject", event->subject);
    add_text(properties, is_0_3 ? "schemaurl" : "dataschema", event->dataschema);
    add_time(properties, event->time, time_as_timestamp);
    for (size_t i = 0; i < event->extension_count; i++) {
        if (event->extensions[i].name.len > GN_CE_NAME_MAX)
            return GN_ELIMIT;
        add_extension(properties, &event->extensions[i]);
    }
    return GN_OK;
}

static enum gn_err encode_binary(const struct gn_cloudevent *event, enum gn_amqp_prefix prefix,
                                 bool time_as_timestamp, bool is_durable, struct gn_buf *out)
{
    struct properties properties;
    struct gn_amqp_message message = {
        .content_type = gn_ce_body_type(event),
        .is_durable = is_durable,
        .properties = properties.list,
        .body = event->data,
        .has_body = true,
    };
    enum gn_err err;

    properties.prefix = prefix;
    properties.count = 0;
    err = add_attributes(&properties, event, time_as_timestamp);
    if (err != GN_OK)
        return err;
    message.property_count = properties.count;
    return gn_amqp_message_encode(&message, out);
}

static enum gn_err encode_structured(const struct gn_cloudevent *event, bool is_durable,
                                     struct gn_buf *out)
{
    struct gn_buf json = gn_buf_with_limit(GN_AMQP_MESSAGE_MAX);
    struct gn_amqp_message message = {
        .content_type = GN_STR(GN_CE_TYPE_STRUCTURED),
        .is_durable = is_durable,
        .has_body = true,
    };
    enum gn_err err;

    gn_ce_write_json(event, &json);
    err = gn_buf_err(&json);
    message.body = gn_buf_str(&json);
    if (err == GN_OK)
        err = gn_amqp_message_encode(&message, out);
    gn_buf_free(&json);
    return err;
}

enum gn_err gn_amqp_event_encode(const struct gn_cloudevent *event, enum gn_ce_mode mode,
                                 enum gn_amqp_prefix prefix, bool time_as_timestamp,
                                 bool is_durable, struct gn_buf *out)
{
    switch (mode) {
    case GN_CE_BINARY:
        return encode_binary(event, prefix, time_as_timestamp, is_durable, out);
    case GN_CE_STRUCTURED:
        return encode_structured(event, is_durable, out);
    case GN_CE_BATCH:
        break;
    }
    return GN_EUNSUPPORTED;
}

/* ---- decoding ---- */

/* Cuts the prefix off the name of a property. false: it is no attribute. */
static bool cut_prefix(struct gn_str *name)
{
    if (!gn_str_has_prefix(*name, GN_STR("cloudEvents:")) &&
        !gn_str_has_prefix(*name, GN_STR("cloudEvents_")))
        return false;
    name->p += PREFIX_LEN;
    name->len -= PREFIX_LEN;
    return true;
}

static enum gn_err keep(struct gn_arena *arena, struct gn_str text, struct gn_str *kept)
{
    kept->p = gn_arena_strdup(arena, text);
    kept->len = text.len;
    return kept->p == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err keep_number(struct gn_arena *arena, int64_t number, struct gn_str *kept)
{
    char text[NUMBER_MAX];

    (void)snprintf(text, sizeof text, "%" PRId64, number);
    return keep(arena, gn_str_of(text), kept);
}

/* What is beyond the years of ns stays a number, which is no time. */
static enum gn_err keep_timestamp(struct gn_arena *arena, int64_t ms, struct gn_str *kept)
{
    char text[GN_TIME_TEXT_MAX];

    if (ms > INT64_MAX / NS_PER_MS || ms < INT64_MIN / NS_PER_MS)
        return keep_number(arena, ms, kept);
    gn_time_format(ms * NS_PER_MS, text);
    return keep(arena, gn_str_of(text), kept);
}

static enum gn_err keep_base64(struct gn_arena *arena, struct gn_str bytes, struct gn_str *kept)
{
    struct gn_buf text = GN_BUF_INIT;
    enum gn_err err;

    if (bytes.len > GN_CE_VALUE_MAX)
        return GN_ELIMIT;
    gn_text_add_base64(&text, bytes);
    err = gn_buf_err(&text);
    if (err == GN_OK)
        err = keep(arena, gn_buf_str(&text), kept);
    gn_buf_free(&text);
    return err;
}

/* The value in its canonical text; absent for what has none. */
static enum gn_err read_value(const struct gn_amqp_property *property, struct gn_arena *arena,
                              struct gn_ce_extension *attribute)
{
    switch (property->type) {
    case GN_AMQP_STRING:
        attribute->value = property->text.p == NULL ? GN_STR("") : property->text;
        return GN_OK;
    case GN_AMQP_BINARY:
        return keep_base64(arena, property->text, &attribute->value);
    case GN_AMQP_BOOLEAN:
        attribute->is_literal = true;
        attribute->value = property->number != 0 ? GN_STR("true") : GN_STR("false");
        return GN_OK;
    case GN_AMQP_INTEGER:
        attribute->is_literal = true;
        return keep_number(arena, property->number, &attribute->value);
    case GN_AMQP_TIMESTAMP:
        return keep_timestamp(arena, property->number, &attribute->value);
    case GN_AMQP_OTHER:
        break;
    }
    return GN_OK;
}

/* The attributes among the properties. has_version: whether specversion is one of them. */
static enum gn_err read_attributes(const struct gn_amqp_message *message, struct gn_arena *arena,
                                   struct gn_ce_extension *attributes, size_t *count,
                                   bool *has_version)
{
    *count = 0;
    *has_version = false;
    for (size_t i = 0; i < message->property_count; i++) {
        struct gn_ce_extension attribute = {.name = message->properties[i].name};
        enum gn_err err;

        if (!cut_prefix(&attribute.name))
            continue;
        err = read_value(&message->properties[i], arena, &attribute);
        if (err != GN_OK)
            return err;
        if (attribute.value.p == NULL)
            continue;
        if (gn_str_eq_nocase(attribute.name, GN_STR("specversion")))
            *has_version = true;
        attributes[(*count)++] = attribute;
    }
    return GN_OK;
}

static enum gn_err decode_binary(const struct gn_amqp_message *message, struct gn_arena *arena,
                                 struct gn_cloudevent *event, char error[GN_CE_ERROR_MAX])
{
    struct gn_ce_extension *attributes =
        gn_arena_alloc(arena, (message->property_count + 1) * sizeof *attributes);
    bool has_version;
    enum gn_err err;
    size_t count;

    if (attributes == NULL)
        return GN_ENOMEM;
    err = read_attributes(message, arena, attributes, &count, &has_version);
    if (err != GN_OK)
        return err;
    if (!has_version)
        return GN_EUNSUPPORTED;
    if (message->content_type.p != NULL)
        attributes[count++] = (struct gn_ce_extension){.name = GN_STR("datacontenttype"),
                                                       .value = message->content_type};
    return gn_ce_decode_attributes(attributes, count, message->body, &limits, arena, event, error);
}

static enum gn_err decode_structured(struct gn_str body, struct gn_arena *arena,
                                     struct gn_cloudevent *event, char error[GN_CE_ERROR_MAX])
{
    struct gn_ce_events events;
    const enum gn_err err = gn_ce_decode_json(body, false, &limits, arena, &events, error);

    if (err == GN_OK)
        *event = events.events[0];
    return err;
}

enum gn_err gn_amqp_event_decode(struct gn_str message, struct gn_arena *arena,
                                 struct gn_cloudevent *event, char error[GN_CE_ERROR_MAX])
{
    struct gn_amqp_message read;
    enum gn_ce_mode mode;
    enum gn_err err;

    error[0] = '\0';
    err = gn_amqp_message_decode(message, arena, &read);
    if (err == GN_OK)
        err = gn_ce_mode_of(read.content_type, &mode);
    if (err != GN_OK)
        return err;
    switch (mode) {
    case GN_CE_BINARY:
        return decode_binary(&read, arena, event, error);
    case GN_CE_STRUCTURED:
        return decode_structured(read.body, arena, event, error);
    case GN_CE_BATCH:
        break;
    }
    return GN_EUNSUPPORTED;
}
