/* Reading one record of a file: an object in the spelling of either version of the API, or one of
 * the native API. Pure. */
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/assert.h"

#include "store_priv.h"

const struct gn_json_limits gn_store_checked = {.max_bytes = SIZE_MAX,
                                                .max_depth = GN_JSON_DEPTH_MAX,
                                                .max_tokens = UINT32_MAX};

struct field_name {
    struct gn_str name;
    enum gn_store_field field;
    bool is_v2;
};

/* These are compared without regard to case, as Go does, and to white space around them. */
static const struct field_name names[] = {
    {GN_STR_INIT("id"), GN_FIELD_ID, false},
    {GN_STR_INIT("SubscriptionId"), GN_FIELD_ID, false},
    {GN_STR_INIT("resource"), GN_FIELD_RESOURCE, false},
    {GN_STR_INIT("ResourceAddress"), GN_FIELD_RESOURCE, true},
    {GN_STR_INIT("endpointUri"), GN_FIELD_ENDPOINT, false},
    {GN_STR_INIT("uriLocation"), GN_FIELD_LOCATION, false},
};

/* These are our own. */
static const struct field_name native_names[] = {
    {GN_STR_INIT("id"), GN_FIELD_ID, false},
    {GN_STR_INIT("sink"), GN_FIELD_ENDPOINT, false},
};

struct gn_json_token gn_store_next(struct gn_json_scan *scan)
{
    struct gn_json_token token;
    const enum gn_err err = gn_json_next(scan, &token);

    GN_ASSERT(err == GN_OK);
    return token;
}

struct gn_str gn_store_skip(struct gn_json_scan *scan, const struct gn_json_token *value)
{
    struct gn_str raw;
    const enum gn_err err = gn_json_skip(scan, value, &raw);

    GN_ASSERT(err == GN_OK);
    return raw;
}

void gn_record_reader_init(struct gn_record_reader *reader)
{
    reader->name = GN_BUF_INIT;
    reader->config = GN_BUF_INIT;
    for (size_t i = 0; i < GN_FIELDS; i++)
        reader->texts[i] = GN_BUF_INIT;
}

void gn_record_reader_fini(struct gn_record_reader *reader)
{
    gn_buf_free(&reader->name);
    gn_buf_free(&reader->config);
    for (size_t i = 0; i < GN_FIELDS; i++)
        gn_buf_free(&reader->texts[i]);
}

/* What a key stands for; NULL for an unknown one. */
static const struct field_name *name_of(struct gn_record_reader *reader, enum gn_pubsub_kind kind,
                                        struct gn_str key)
{
    struct gn_str name;

    gn_buf_reset(&reader->name);
    gn_json_unescape(key, &reader->name);
    name = gn_buf_str(&reader->name);
    if (kind == GN_NATIVE) {
        for (size_t i = 0; i < GN_LEN(native_names); i++)
            if (gn_str_eq(name, native_names[i].name))
                return &native_names[i];
        return NULL;
    }
    name = gn_str_trim(name);
    for (size_t i = 0; i < GN_LEN(names); i++)
        if (gn_str_eq_nocase(name, names[i].name))
            return &names[i];
    return NULL;
}

/* One known member. The last of several counts; null is like absent. */
static void read_member(struct gn_buf *text, const struct gn_json_token *value,
                        const char **problem)
{
    gn_buf_reset(text);
    if (value->type == GN_JSON_STRING)
        gn_json_unescape(value->text, text);
    else if (value->type != GN_JSON_NULL)
        *problem = "a member is no text";
}

/* The members of an object, behind its opening brace. */
static void read_members(struct gn_record_reader *reader, enum gn_pubsub_kind kind,
                         struct gn_json_scan *scan, struct gn_pubsub_record *record)
{
    const struct field_name *name;
    struct gn_json_token key, value;

    for (key = gn_store_next(scan); key.type == GN_JSON_KEY; key = gn_store_next(scan)) {
        value = gn_store_next(scan);
        name = name_of(reader, kind, key.text);
        if (name != NULL) {
            read_member(&reader->texts[name->field], &value, &record->problem);
            record->is_v2 = record->is_v2 || name->is_v2;
        }
        (void)gn_store_skip(scan, &value); /* its bytes were looked at */
    }
}

static enum gn_err reader_err(const struct gn_record_reader *reader)
{
    enum gn_err err = gn_buf_err(&reader->name);

    for (size_t i = 0; err == GN_OK && i < GN_FIELDS; i++)
        err = gn_buf_err(&reader->texts[i]);
    return err == GN_OK ? gn_buf_err(&reader->config) : err;
}

enum gn_err gn_record_read(struct gn_record_reader *reader, enum gn_pubsub_kind kind,
                           struct gn_str value, struct gn_pubsub_record *record)
{
    struct gn_json_scan scan;

    *record = (struct gn_pubsub_record){.problem = NULL};
    for (size_t i = 0; i < GN_FIELDS; i++)
        gn_buf_reset(&reader->texts[i]);
    gn_buf_reset(&reader->config);
    gn_json_scan_init(&scan, value, &gn_store_checked);
    if (gn_store_next(&scan).type == GN_JSON_OBJECT)
        read_members(reader, kind, &scan, record);
    else
        record->problem = "no object";
    if (kind == GN_NATIVE)
        gn_json_add_compact(&reader->config, value);
    if (record->problem == NULL && reader->texts[GN_FIELD_ID].len == 0)
        record->problem = "no id";
    if (record->problem == NULL && kind == GN_NATIVE && reader->texts[GN_FIELD_ENDPOINT].len == 0)
        record->problem = "no sink";
    record->id = gn_buf_str(&reader->texts[GN_FIELD_ID]);
    record->resource = gn_buf_str(&reader->texts[GN_FIELD_RESOURCE]);
    record->endpoint_uri = gn_buf_str(&reader->texts[GN_FIELD_ENDPOINT]);
    record->uri_location = gn_buf_str(&reader->texts[GN_FIELD_LOCATION]);
    record->config = gn_buf_str(&reader->config);
    return reader_err(reader);
}
