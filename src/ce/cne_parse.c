/* Reading what publishers POST. The body is checked as a whole first, so that what follows can only
 * meet wrong types and values; then each object is gone through once for the members we know, as
 * views. Of members given twice the last counts, and null is like absent, both as in Go. */

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json_scan.h"

#include "cne_priv.h"

#define QUOTED_MAX 160 /* bytes of the client's text that an error repeats */

enum event_member { EVENT_ID, EVENT_TYPE, EVENT_SOURCE, EVENT_SCHEMA, EVENT_TIME, EVENT_DATA };
static const struct gn_str event_members[] = {
    GN_STR_INIT("id"),         GN_STR_INIT("type"), GN_STR_INIT("source"),
    GN_STR_INIT("dataSchema"), GN_STR_INIT("time"), GN_STR_INIT("data"),
};

enum data_member { DATA_VERSION, DATA_VALUES };
static const struct gn_str data_members[] = {GN_STR_INIT("version"), GN_STR_INIT("values")};

enum value_member { VALUE_RESOURCE, VALUE_DATA_TYPE, VALUE_TYPE, VALUE_VALUE };
static const struct gn_str value_members[] = {
    GN_STR_INIT("resource"),
    GN_STR_INIT("dataType"),
    GN_STR_INIT("valueType"),
    GN_STR_INIT("value"),
};

/* One parse. */
struct parser {
    struct gn_json_limits limits;
    struct gn_cne_request *request;
    char *error; /* GN_CNE_ERROR_MAX bytes */
    size_t body_bytes;
};

/* text.len for %.*s, cut so that the words behind it still fit, and not inside a character. */
static int quoted_len(struct gn_str text)
{
    if (text.len > QUOTED_MAX) {
        text.len = QUOTED_MAX;
        while (text.len > 0 && ((unsigned char)text.p[text.len] & 0xC0) == 0x80)
            text.len--;
    }
    return (int)text.len;
}

/* The next token of text that was checked. */
static struct gn_json_token next(struct gn_json_scan *scan)
{
    struct gn_json_token token;
    const enum gn_err err = gn_json_next(scan, &token);

    GN_ASSERT(err == GN_OK);
    return token;
}

/* Goes past the value and leaves all its bytes in value->raw. */
static void widen(struct gn_json_scan *scan, struct gn_json_token *value)
{
    struct gn_str raw;
    const enum gn_err err = gn_json_skip(scan, value, &raw);

    GN_ASSERT(err == GN_OK);
    value->raw = raw;
}

/* Finds the members of object (one or null; refused else) by name. What is absent or null keeps the
 * type GN_JSON_END. */
static enum gn_err collect(struct parser *p, struct gn_str object, const struct gn_str *names,
                           struct gn_json_token *found, size_t count)
{
    struct gn_json_token key, value;
    struct gn_json_scan scan;

    for (size_t i = 0; i < count; i++)
        found[i] = (struct gn_json_token){.type = GN_JSON_END};
    gn_json_scan_init(&scan, object, &p->limits);
    value = next(&scan);
    if (value.type == GN_JSON_NULL)
        return GN_OK;
    if (value.type != GN_JSON_OBJECT) {
        gn_cne_say(p->error, "ReadObject: expect { or , or } or n, but found %c", *value.raw.p);
        return GN_EPARSE;
    }
    for (key = next(&scan); key.type == GN_JSON_KEY; key = next(&scan)) {
        value = next(&scan);
        widen(&scan, &value);
        if (value.type == GN_JSON_NULL)
            value.type = GN_JSON_END;
        for (size_t i = 0; i < count; i++)
            if (gn_json_text_eq(key.text, key.has_escape, names[i], false))
                found[i] = value;
    }
    return GN_OK;
}

static enum gn_err expect_string(struct parser *p, const struct gn_json_token *token)
{
    if (token->type == GN_JSON_STRING || token->type == GN_JSON_END)
        return GN_OK;
    gn_cne_say(p->error, "ReadString: expects \" or n, but found %c", *token->raw.p);
    return GN_EPARSE;
}

/* The meaning of a string as a view: into the body, or into request->plain when it has escapes. */
static enum gn_err read_string(struct parser *p, const struct gn_json_token *token,
                               struct gn_str *text)
{
    struct gn_buf *plain = &p->request->plain;
    size_t start = plain->len;
    enum gn_err err = expect_string(p, token);

    *text = token->type == GN_JSON_STRING ? token->text : GN_STR_NONE;
    if (err != GN_OK || !token->has_escape)
        return err;
    if (start == 0) /* never grows again: escapes only get shorter, and views must stay */
        gn_buf_reserve(plain, p->body_bytes);
    gn_json_unescape(token->text, plain);
    if (gn_buf_err(plain) != GN_OK)
        return gn_buf_err(plain);
    *text = (struct gn_str){plain->data + start, plain->len - start};
    return GN_OK;
}

static enum gn_err read_time(struct parser *p, const struct gn_json_token *token)
{
    struct gn_str text;
    enum gn_err err = read_string(p, token, &text);

    if (err != GN_OK || text.len == 0)
        return err;
    if (gn_time_parse(text, &p->request->time_ns) == GN_OK)
        return GN_OK;
    gn_cne_say(p->error, "cannot convert \"%.*s\" to time.Time: not in RFC3339 format",
               quoted_len(text), text.p);
    return GN_EINVAL;
}

static enum gn_err bad_decimal(struct parser *p, struct gn_str text, enum gn_err why)
{
    if (why == GN_ENOMEM)
        return why;
    gn_cne_say(p->error, "strconv.ParseFloat: parsing \"%.*s\": %s", quoted_len(text), text.p,
               why == GN_ELIMIT ? "value out of range" : "invalid syntax");
    return GN_EINVAL;
}

/* A decimal value as a JSON string. */
static enum gn_err add_decimal(struct parser *p, const struct gn_json_token *token,
                               struct gn_buf *out)
{
    struct gn_str text = token->raw;
    enum gn_err err = GN_OK;

    if (token->type == GN_JSON_STRING)
        err = read_string(p, token, &text);
    else if (token->type != GN_JSON_NUMBER)
        err = GN_EINVAL;
    if (err == GN_EINVAL)
        gn_cne_say(p->error, "value of value type decimal64.3 must be a number or a string");
    if (err != GN_OK)
        return err;
    gn_buf_putc(out, '"');
    err = gn_cne_add_decimal(text, out);
    if (err != GN_OK)
        return bad_decimal(p, text, err);
    gn_buf_putc(out, '"');
    return GN_OK;
}

/* A state name as a JSON string; a number becomes its text. */
static enum gn_err add_enumeration(struct parser *p, const struct gn_json_token *token,
                                   struct gn_buf *out)
{
    if (token->type == GN_JSON_STRING) {
        gn_buf_add_str(out, token->raw);
        return GN_OK;
    }
    if (token->type == GN_JSON_NUMBER) {
        gn_buf_putc(out, '"');
        gn_buf_add_str(out, token->raw);
        gn_buf_putc(out, '"');
        return GN_OK;
    }
    gn_cne_say(p->error, "value of value type enumeration must be a string");
    return GN_EINVAL;
}

static enum gn_err add_value(struct parser *p, const struct gn_json_token *type,
                             const struct gn_json_token *value, struct gn_buf *out)
{
    struct gn_str name;
    enum gn_err err = read_string(p, type, &name);

    if (err != GN_OK)
        return err;
    if (gn_str_eq(name, GN_STR("decimal64.3")))
        return add_decimal(p, value, out);
    if (gn_str_eq(name, GN_STR("enumeration")))
        return add_enumeration(p, value, out);
    if (gn_str_eq(name, GN_STR("redfish-event"))) {
        gn_json_add_compact(out, value->type == GN_JSON_END ? GN_STR("null") : value->raw);
        return GN_OK;
    }
    gn_cne_say(p->error, "value type %.*s is not supported", quoted_len(name),
               name.p != NULL ? name.p : "");
    return GN_EINVAL;
}

/* Appends `name":"text"` with the string as received, or an empty one. */
static enum gn_err add_string(struct parser *p, const char *name, const struct gn_json_token *token,
                              struct gn_buf *out)
{
    const enum gn_err err = expect_string(p, token);

    gn_buf_puts(out, name);
    gn_buf_add_str(out, token->type == GN_JSON_STRING ? token->raw : GN_STR("\"\""));
    return err;
}

static enum gn_err add_element(struct parser *p, struct gn_str element, struct gn_buf *out)
{
    struct gn_json_token found[GN_LEN(value_members)];
    enum gn_err err = collect(p, element, value_members, found, GN_LEN(found));

    if (err == GN_OK)
        err = add_string(p, "{\"resource\":", &found[VALUE_RESOURCE], out);
    if (err == GN_OK)
        err = add_string(p, ",\"dataType\":", &found[VALUE_DATA_TYPE], out);
    if (err == GN_OK)
        err = add_string(p, ",\"valueType\":", &found[VALUE_TYPE], out);
    if (err != GN_OK)
        return err;
    gn_buf_puts(out, ",\"value\":");
    err = add_value(p, &found[VALUE_TYPE], &found[VALUE_VALUE], out);
    gn_buf_putc(out, '}');
    return err;
}

static enum gn_err add_elements(struct parser *p, const struct gn_json_token *values,
                                struct gn_buf *out)
{
    struct gn_json_token element;
    struct gn_json_scan scan;
    enum gn_err err = GN_OK;
    bool is_first = true;

    if (values->type == GN_JSON_END)
        return GN_OK;
    if (values->type != GN_JSON_ARRAY) {
        gn_cne_say(p->error, "ReadArray: expect [ or , or ] or n, but found %c", *values->raw.p);
        return GN_EPARSE;
    }
    gn_json_scan_init(&scan, values->raw, &p->limits);
    (void)next(&scan); /* the bracket */
    for (element = next(&scan); err == GN_OK && element.type != GN_JSON_ARRAY_END;
         element = next(&scan)) {
        widen(&scan, &element);
        if (!is_first)
            gn_buf_putc(out, ',');
        is_first = false;
        err = add_element(p, element.raw, out);
    }
    return err;
}

static enum gn_err read_data(struct parser *p, const struct gn_json_token *data)
{
    struct gn_json_token found[GN_LEN(data_members)];
    struct gn_buf *out = &p->request->data;
    enum gn_err err;

    if (data->type == GN_JSON_END)
        return GN_OK;
    err = collect(p, data->raw, data_members, found, GN_LEN(found));
    if (err == GN_OK)
        err = add_string(p, "{\"version\":", &found[DATA_VERSION], out);
    if (err != GN_OK)
        return err;
    gn_buf_puts(out, ",\"values\":[");
    err = add_elements(p, &found[DATA_VALUES], out);
    gn_buf_puts(out, "]}");
    return err != GN_OK ? err : gn_buf_err(out);
}

static enum gn_err read_event(struct parser *p, struct gn_str body)
{
    struct gn_json_token found[GN_LEN(event_members)];
    struct gn_cne_request *r = p->request;
    enum gn_err err = collect(p, body, event_members, found, GN_LEN(found));

    if (err == GN_OK)
        err = read_string(p, &found[EVENT_ID], &r->id);
    if (err == GN_OK)
        err = read_string(p, &found[EVENT_TYPE], &r->type);
    if (err == GN_OK)
        err = read_string(p, &found[EVENT_SOURCE], &r->source);
    if (err == GN_OK)
        err = read_string(p, &found[EVENT_SCHEMA], &r->data_schema);
    if (err == GN_OK)
        err = read_time(p, &found[EVENT_TIME]);
    if (err == GN_OK)
        err = read_data(p, &found[EVENT_DATA]);
    return err;
}

enum gn_err gn_cne_parse(struct gn_str body, const struct gn_json_limits *limits,
                         struct gn_cne_request *request, char error[GN_CNE_ERROR_MAX])
{
    struct parser p = {
        .limits = *limits, .request = request, .error = error, .body_bytes = body.len};
    enum gn_err err;

    p.limits.repair_utf8 = false; /* what is passed on as received must be right */
    *request = (struct gn_cne_request){.plain = GN_BUF_INIT, .data = GN_BUF_INIT};
    error[0] = '\0';
    err = gn_json_check(body, &p.limits);
    if (err == GN_EPARSE)
        gn_cne_explain(body, &p.limits, error);
    if (err == GN_OK)
        err = read_event(&p, body);
    if (err != GN_OK)
        gn_cne_request_fini(request);
    return err;
}

void gn_cne_request_fini(struct gn_cne_request *request)
{
    gn_buf_free(&request->plain);
    gn_buf_free(&request->data);
    *request = (struct gn_cne_request){.plain = GN_BUF_INIT, .data = GN_BUF_INIT};
}
