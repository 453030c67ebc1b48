/* Writes and reads the sections of an AMQP 1.0 message. The wire form of a value is a constructor
 * byte and what follows from it; the upper half of that byte tells the width, so that what is not
 * known can be passed over without looking inside. */
#include "gurnard/net/amqp_message.h"

#include "gurnard/base/text.h"

#include "amqp_codec.h"

enum section {
    SECTION_HEADER = 0x70,
    SECTION_DELIVERY_ANNOTATIONS = 0x71,
    SECTION_MESSAGE_ANNOTATIONS = 0x72,
    SECTION_PROPERTIES = 0x73,
    SECTION_APPLICATION_PROPERTIES = 0x74,
    SECTION_DATA = 0x75,
    SECTION_SEQUENCE = 0x76,
    SECTION_VALUE = 0x77,
    SECTION_FOOTER = 0x78,
};

/* Fields of the properties section, by their place in its list. */
enum { FIELD_TO = 2, FIELD_SUBJECT = 3, FIELD_REPLY_TO = 4, FIELD_CONTENT_TYPE = 6 };

/* ---- writing ---- */

static bool is_text_good(struct gn_str text, enum gn_err *err)
{
    if (text.len > GN_AMQP_TEXT_MAX)
        *err = GN_ELIMIT;
    else if (!gn_text_is_utf8(text))
        *err = GN_EINVAL;
    return *err == GN_OK;
}

static enum gn_err check(const struct gn_amqp_message *message)
{
    enum gn_err err = GN_OK;

    if (message->property_count > GN_AMQP_PROPERTIES_MAX || message->body.len > GN_AMQP_MESSAGE_MAX)
        return GN_ELIMIT;
    if (!is_text_good(message->content_type, &err) || !is_text_good(message->subject, &err) ||
        !is_text_good(message->to, &err) || !is_text_good(message->reply_to, &err))
        return err;
    for (size_t i = 0; i < message->property_count; i++) {
        const struct gn_amqp_property *property = &message->properties[i];

        if (!is_text_good(property->name, &err))
            return err;
        if (property->type == GN_AMQP_STRING && !is_text_good(property->text, &err))
            return err;
        if (property->type == GN_AMQP_BINARY && property->text.len > GN_AMQP_TEXT_MAX)
            return GN_ELIMIT;
    }
    return GN_OK;
}

static void put_section(struct gn_buf *out, enum section section)
{
    gn_buf_putc(out, GN_AMQP_CODE_DESCRIBED);
    gn_buf_putc(out, GN_AMQP_CODE_SMALL_ULONG);
    gn_buf_putc(out, (char)section);
}

static void put_header(struct gn_buf *out, bool is_durable)
{
    static const char durable[] = {GN_AMQP_CODE_LIST8, 2, 1, GN_AMQP_CODE_TRUE};

    put_section(out, SECTION_HEADER);
    if (is_durable)
        gn_buf_add(out, durable, sizeof durable);
    else
        gn_buf_putc(out, GN_AMQP_CODE_LIST0);
}

static void put_field(struct gn_buf *out, struct gn_str text, bool is_symbol)
{
    if (text.p == NULL)
        gn_buf_putc(out, GN_AMQP_CODE_NULL);
    else
        gn_amqp_put_text(out, is_symbol ? GN_AMQP_TEXT_SYMBOL : GN_AMQP_TEXT_STRING, text);
}

static void put_properties(struct gn_buf *out, const struct gn_amqp_message *message)
{
    size_t at;

    if (message->content_type.p == NULL && message->subject.p == NULL && message->to.p == NULL &&
        message->reply_to.p == NULL)
        return;
    put_section(out, SECTION_PROPERTIES);
    at = gn_amqp_open_compound(out, GN_AMQP_CODE_LIST32);
    gn_buf_putc(out, GN_AMQP_CODE_NULL); /* message-id */
    gn_buf_putc(out, GN_AMQP_CODE_NULL); /* user-id */
    put_field(out, message->to, false);
    put_field(out, message->subject, false);
    put_field(out, message->reply_to, false);
    gn_buf_putc(out, GN_AMQP_CODE_NULL); /* correlation-id */
    put_field(out, message->content_type, true);
    gn_amqp_close_compound(out, at, FIELD_CONTENT_TYPE + 1);
}

static void put_value(struct gn_buf *out, const struct gn_amqp_property *property)
{
    switch (property->type) {
    case GN_AMQP_STRING:
        gn_amqp_put_text(out, GN_AMQP_TEXT_STRING, property->text);
        return;
    case GN_AMQP_BINARY:
        gn_amqp_put_text(out, GN_AMQP_TEXT_BINARY, property->text);
        return;
    case GN_AMQP_BOOLEAN:
        gn_buf_putc(out, property->number != 0 ? GN_AMQP_CODE_TRUE : GN_AMQP_CODE_FALSE);
        return;
    case GN_AMQP_INTEGER:
        gn_amqp_put_integer(out, property->number);
        return;
    case GN_AMQP_TIMESTAMP:
        gn_buf_putc(out, (char)GN_AMQP_CODE_TIMESTAMP);
        gn_amqp_put_u64(out, (uint64_t)property->number);
        return;
    case GN_AMQP_OTHER:
        break;
    }
    gn_buf_putc(out, GN_AMQP_CODE_NULL);
}

static void put_application_properties(struct gn_buf *out, const struct gn_amqp_message *message)
{
    size_t at;

    if (message->property_count == 0)
        return;
    put_section(out, SECTION_APPLICATION_PROPERTIES);
    at = gn_amqp_open_compound(out, GN_AMQP_CODE_MAP32);
    for (size_t i = 0; i < message->property_count; i++) {
        gn_amqp_put_text(out, GN_AMQP_TEXT_STRING, message->properties[i].name);
        put_value(out, &message->properties[i]);
    }
    gn_amqp_close_compound(out, at, (uint32_t)message->property_count * 2);
}

enum gn_err gn_amqp_message_encode(const struct gn_amqp_message *message, struct gn_buf *out)
{
    enum gn_err err = check(message);

    if (err != GN_OK)
        return err;
    if (message->is_durable || !message->has_body) /* some section must be there */
        put_header(out, message->is_durable);
    put_properties(out, message);
    put_application_properties(out, message);
    if (message->has_body) {
        put_section(out, SECTION_DATA);
        gn_amqp_put_text(out, GN_AMQP_TEXT_BINARY, message->body);
    }
    return gn_buf_err(out);
}

/* ---- reading ---- */

/* A message that is being read. */
struct reading {
    struct gn_amqp_in in;
    struct gn_arena *arena;
    struct gn_amqp_message *message;
    unsigned seen;     /* bit for each section but data */
    size_t data_bytes; /* of the data sections so far */
    unsigned data_count;
};

static enum gn_err copy(struct reading *rd, struct gn_str text, struct gn_str *out)
{
    char *bytes = gn_arena_strdup(rd->arena, text);

    if (bytes == NULL)
        return GN_ENOMEM;
    *out = (struct gn_str){bytes, text.len};
    return GN_OK;
}

/* A text for people or routers: limited, UTF-8. */
static enum gn_err copy_text(struct reading *rd, struct gn_str text, struct gn_str *out)
{
    if (text.len > GN_AMQP_TEXT_MAX)
        return GN_ELIMIT;
    if (!gn_text_is_utf8(text))
        return GN_EPARSE;
    return copy(rd, text, out);
}

static enum gn_err read_header(struct reading *rd)
{
    struct gn_amqp_in list;
    uint32_t count;
    struct gn_amqp_value value;

    if (!gn_amqp_read_list(&rd->in, &list, &count))
        return GN_EPARSE;
    for (uint32_t i = 0; i < count; i++) {
        if (!gn_amqp_read_value(&list, &value))
            return GN_EPARSE;
        if (i == 0 && value.kind == GN_AMQP_KIND_BOOLEAN)
            rd->message->is_durable = value.number != 0;
        else if (i == 0 && value.kind != GN_AMQP_KIND_NULL)
            return GN_EPARSE;
    }
    return list.left == 0 ? GN_OK : GN_EPARSE;
}

static struct gn_str *field_at(struct gn_amqp_message *message, uint32_t place)
{
    switch (place) {
    case FIELD_TO:
        return &message->to;
    case FIELD_SUBJECT:
        return &message->subject;
    case FIELD_REPLY_TO:
        return &message->reply_to;
    case FIELD_CONTENT_TYPE:
        return &message->content_type;
    default:
        return NULL;
    }
}

static enum gn_err read_properties(struct reading *rd)
{
    struct gn_amqp_in list;
    uint32_t count;

    if (!gn_amqp_read_list(&rd->in, &list, &count))
        return GN_EPARSE;
    for (uint32_t i = 0; i < count; i++) {
        struct gn_str *field = field_at(rd->message, i);
        struct gn_amqp_value value;
        enum gn_err err;

        if (!gn_amqp_read_value(&list, &value))
            return GN_EPARSE;
        if (field == NULL || value.kind == GN_AMQP_KIND_NULL)
            continue;
        if (value.kind != GN_AMQP_KIND_STRING)
            return GN_EPARSE;
        err = copy_text(rd, value.text, field);
        if (err != GN_OK)
            return err;
    }
    return list.left == 0 ? GN_OK : GN_EPARSE;
}

static enum gn_err take_value(struct reading *rd, const struct gn_amqp_value *value,
                              struct gn_amqp_property *property)
{
    property->number = value->number;
    switch (value->kind) {
    case GN_AMQP_KIND_STRING:
        property->type = GN_AMQP_STRING;
        return copy_text(rd, value->text, &property->text);
    case GN_AMQP_KIND_BINARY:
        property->type = GN_AMQP_BINARY;
        return value->text.len > GN_AMQP_TEXT_MAX ? GN_ELIMIT
                                                  : copy(rd, value->text, &property->text);
    case GN_AMQP_KIND_BOOLEAN:
        property->type = GN_AMQP_BOOLEAN;
        return GN_OK;
    case GN_AMQP_KIND_INTEGER:
        property->type = GN_AMQP_INTEGER;
        return GN_OK;
    case GN_AMQP_KIND_TIMESTAMP:
        property->type = GN_AMQP_TIMESTAMP;
        return GN_OK;
    case GN_AMQP_KIND_NULL:
    case GN_AMQP_KIND_OTHER:
        break;
    }
    property->type = GN_AMQP_OTHER;
    return GN_OK;
}

static enum gn_err read_application_properties(struct reading *rd)
{
    struct gn_amqp_property *properties;
    struct gn_amqp_in map;
    uint32_t count;

    if (!gn_amqp_read_map(&rd->in, &map, &count) || count % 2 != 0)
        return GN_EPARSE;
    count /= 2;
    if (count > GN_AMQP_PROPERTIES_MAX)
        return GN_ELIMIT;
    if (count == 0)
        return map.left == 0 ? GN_OK : GN_EPARSE;
    properties = gn_arena_alloc(rd->arena, count * sizeof *properties);
    if (properties == NULL)
        return GN_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct gn_amqp_value name, value;
        enum gn_err err;

        if (!gn_amqp_read_value(&map, &name) || name.kind != GN_AMQP_KIND_STRING ||
            !gn_amqp_read_value(&map, &value))
            return GN_EPARSE;
        err = copy_text(rd, name.text, &properties[i].name);
        if (err == GN_OK)
            err = take_value(rd, &value, &properties[i]);
        if (err != GN_OK)
            return err;
    }
    rd->message->properties = properties;
    rd->message->property_count = count;
    return map.left == 0 ? GN_OK : GN_EPARSE;
}

/* Several data sections are joined in a second pass, when their length is known. */
static enum gn_err read_data(struct reading *rd)
{
    struct gn_amqp_value value;

    if (!gn_amqp_read_value(&rd->in, &value) || value.kind != GN_AMQP_KIND_BINARY)
        return GN_EPARSE;
    if ((rd->seen & (1U << (SECTION_VALUE - SECTION_HEADER))) != 0)
        return GN_EPARSE;
    rd->message->has_body = true;
    rd->message->body = value.text; /* copied at the end */
    rd->data_bytes += value.text.len;
    rd->data_count++;
    return GN_OK;
}

static enum gn_err read_body_value(struct reading *rd)
{
    struct gn_amqp_value value;

    if (rd->data_count > 0 || !gn_amqp_read_value(&rd->in, &value))
        return GN_EPARSE;
    if (value.kind == GN_AMQP_KIND_NULL)
        return GN_OK;
    if ((value.kind != GN_AMQP_KIND_STRING && value.kind != GN_AMQP_KIND_BINARY) || value.is_symbol)
        return GN_EPARSE;
    rd->message->has_body = true;
    rd->message->body = value.text;
    return GN_OK;
}

static enum gn_err read_section(struct reading *rd, uint64_t section)
{
    struct gn_amqp_value ignored;
    unsigned bit;

    if (section < SECTION_HEADER || section > SECTION_FOOTER)
        return GN_EPARSE;
    if (section == SECTION_DATA)
        return read_data(rd);
    bit = 1U << (section - SECTION_HEADER);
    if ((rd->seen & bit) != 0)
        return GN_EPARSE;
    rd->seen |= bit;
    switch ((enum section)section) {
    case SECTION_HEADER:
        return read_header(rd);
    case SECTION_PROPERTIES:
        return read_properties(rd);
    case SECTION_APPLICATION_PROPERTIES:
        return read_application_properties(rd);
    case SECTION_VALUE:
        return read_body_value(rd);
    case SECTION_DELIVERY_ANNOTATIONS:
    case SECTION_MESSAGE_ANNOTATIONS:
    case SECTION_FOOTER:
        return gn_amqp_read_value(&rd->in, &ignored) ? GN_OK : GN_EPARSE;
    case SECTION_DATA:
    case SECTION_SEQUENCE:
        break;
    }
    return GN_EPARSE;
}

/* Copies the data sections of bytes, known to be well-formed, one behind the other. */
static enum gn_err join_body(struct reading *rd, struct gn_str bytes)
{
    struct gn_amqp_in in = gn_amqp_in_of(bytes);
    struct gn_amqp_value value;
    char *joined;
    size_t at = 0;
    uint64_t section;

    if (rd->data_count <= 1)
        return rd->message->has_body ? copy(rd, rd->message->body, &rd->message->body) : GN_OK;
    joined = gn_arena_alloc(rd->arena, rd->data_bytes + 1);
    if (joined == NULL)
        return GN_ENOMEM;
    while (gn_amqp_read_section(&in, &section) && gn_amqp_read_value(&in, &value)) {
        if (section != SECTION_DATA || value.text.len == 0)
            continue;
        memcpy(joined + at, value.text.p, value.text.len);
        at += value.text.len;
    }
    rd->message->body = (struct gn_str){joined, at};
    return GN_OK;
}

enum gn_err gn_amqp_message_decode(struct gn_str bytes, struct gn_arena *arena,
                                   struct gn_amqp_message *message)
{
    struct reading rd = {.in = gn_amqp_in_of(bytes), .arena = arena, .message = message};

    *message = (struct gn_amqp_message){0};
    if (bytes.len == 0)
        return GN_EPARSE;
    if (bytes.len > GN_AMQP_MESSAGE_MAX)
        return GN_ELIMIT;
    while (rd.in.left > 0) {
        uint64_t section;
        enum gn_err err;

        if (!gn_amqp_read_section(&rd.in, &section))
            return GN_EPARSE;
        err = read_section(&rd, section);
        if (err != GN_OK)
            return err;
    }
    return join_body(&rd, bytes);
}
