/* Reading the text of pub.json and sub.json, in the spelling of either version of the API. Pure. */
#include <stddef.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"

#include "store_priv.h"

/* What a record may nest and how many values a full file has: four members and room for others. */
#define DEPTH_MAX  16
#define TOKENS_MAX (GN_PUBSUB_ITEMS_MAX * 64)

static const struct gn_json_limits limits = {.max_bytes = GN_PUBSUB_FILE_MAX,
                                             .max_depth = DEPTH_MAX,
                                             .max_tokens = TOKENS_MAX};

enum field { FIELD_ID, FIELD_RESOURCE, FIELD_ENDPOINT, FIELD_LOCATION, FIELDS };

/* Names are compared without regard to case, as Go does, and to white space around them. */
static const struct {
    struct gn_str name;
    enum field field;
} names[] = {
    {GN_STR_INIT("id"), FIELD_ID},
    {GN_STR_INIT("SubscriptionId"), FIELD_ID},
    {GN_STR_INIT("resource"), FIELD_RESOURCE},
    {GN_STR_INIT("ResourceAddress"), FIELD_RESOURCE},
    {GN_STR_INIT("endpointUri"), FIELD_ENDPOINT},
    {GN_STR_INIT("uriLocation"), FIELD_LOCATION},
};

/* One parse; the buffers are used again for each record. */
struct reader {
    struct gn_json_scan scan;
    struct gn_buf name;
    struct gn_buf texts[FIELDS];
    const char *problem;
};

/* The next token of text that was checked. */
static struct gn_json_token next(struct reader *r)
{
    struct gn_json_token token;
    const enum gn_err err = gn_json_next(&r->scan, &token);

    GN_ASSERT(err == GN_OK);
    return token;
}

static void skip(struct reader *r, const struct gn_json_token *value)
{
    struct gn_str raw;
    const enum gn_err err = gn_json_skip(&r->scan, value, &raw);

    GN_ASSERT(err == GN_OK);
}

/* The field that a key stands for; FIELDS for an unknown one. */
static enum field field_of(struct reader *r, struct gn_str key)
{
    struct gn_str name;

    gn_buf_reset(&r->name);
    gn_json_unescape(key, &r->name);
    name = gn_str_trim(gn_buf_str(&r->name));
    for (size_t i = 0; i < GN_LEN(names); i++)
        if (gn_str_eq_nocase(name, names[i].name))
            return names[i].field;
    return FIELDS;
}

/* One known member. The last of several counts; null is like absent. */
static void read_member(struct reader *r, enum field field, const struct gn_json_token *value)
{
    gn_buf_reset(&r->texts[field]);
    if (value->type == GN_JSON_STRING)
        gn_json_unescape(value->text, &r->texts[field]);
    else if (value->type != GN_JSON_NULL)
        r->problem = "a member is no text";
}

/* The members of one record, behind its opening brace. */
static void read_members(struct reader *r)
{
    struct gn_json_token key, value;
    enum field field;

    for (key = next(r); key.type == GN_JSON_KEY; key = next(r)) {
        value = next(r);
        field = field_of(r, key.text);
        if (field != FIELDS)
            read_member(r, field, &value);
        skip(r, &value);
    }
}

static enum gn_err reader_err(const struct reader *r)
{
    enum gn_err err = gn_buf_err(&r->name);

    for (size_t i = 0; err == GN_OK && i < FIELDS; i++)
        err = gn_buf_err(&r->texts[i]);
    return err;
}

static enum gn_err read_record(struct reader *r, const struct gn_json_token *element,
                               struct gn_pubsub_record *record)
{
    r->problem = NULL;
    for (size_t i = 0; i < FIELDS; i++)
        gn_buf_reset(&r->texts[i]);
    if (element->type == GN_JSON_OBJECT) {
        read_members(r);
    } else {
        r->problem = "no object";
        skip(r, element);
    }
    if (r->problem == NULL && r->texts[FIELD_ID].len == 0)
        r->problem = "no id";
    *record = (struct gn_pubsub_record){
        .id = gn_buf_str(&r->texts[FIELD_ID]),
        .resource = gn_buf_str(&r->texts[FIELD_RESOURCE]),
        .endpoint_uri = gn_buf_str(&r->texts[FIELD_ENDPOINT]),
        .uri_location = gn_buf_str(&r->texts[FIELD_LOCATION]),
        .problem = r->problem,
    };
    return reader_err(r);
}

static void reader_fini(struct reader *r)
{
    gn_buf_free(&r->name);
    for (size_t i = 0; i < FIELDS; i++)
        gn_buf_free(&r->texts[i]);
}

static enum gn_err read_records(struct gn_str text, gn_pubsub_record_fn fn, void *ctx)
{
    struct reader r = {.name = GN_BUF_INIT};
    struct gn_pubsub_record record;
    struct gn_json_token element;
    enum gn_err err = GN_OK;

    for (size_t i = 0; i < FIELDS; i++)
        r.texts[i] = GN_BUF_INIT;
    gn_json_scan_init(&r.scan, text, &limits);
    element = next(&r);
    if (element.type == GN_JSON_NULL)
        return GN_OK; /* what Go makes of an empty list */
    if (element.type != GN_JSON_ARRAY)
        return GN_EPARSE;
    while (err == GN_OK && (element = next(&r)).type != GN_JSON_ARRAY_END) {
        err = read_record(&r, &element, &record);
        if (err == GN_OK)
            err = fn(ctx, &record);
    }
    reader_fini(&r);
    return err;
}

enum gn_err gn_pubsub_parse(struct gn_str text, gn_pubsub_record_fn fn, void *ctx)
{
    enum gn_err err;

    if (gn_str_trim(text).len == 0)
        return GN_OK; /* the original leaves empty files */
    err = gn_json_check(text, &limits);
    return err == GN_OK ? read_records(text, fn, ctx) : err;
}
