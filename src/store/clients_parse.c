/* Reading the file of one client, in the spelling of either version. Pure. */
#include <stddef.h>

#include "gurnard/base/json_scan.h"

#include "clients_priv.h"

/* As for the files of records: four members for each subscription and room for others. */
#define DEPTH_MAX  16
#define TOKENS_MAX (GN_CLIENTS_SUBS_MAX * 64)

static const struct gn_json_limits limits = {.max_bytes = GN_CLIENTS_FILE_MAX,
                                             .max_depth = DEPTH_MAX,
                                             .max_tokens = TOKENS_MAX};

/* A key without white space around it, in name. */
static struct gn_str read_key(const struct gn_json_token *key, struct gn_buf *name)
{
    gn_buf_reset(name);
    gn_json_unescape(key->text, name);
    return gn_str_trim(gn_buf_str(name));
}

/* The bytes of the object that stands under this key in object, a checked text; absent when there
 * is none. The last of several counts. */
static struct gn_str find_object(struct gn_str object, struct gn_str wanted, struct gn_buf *name)
{
    struct gn_str found = GN_STR_NONE;
    struct gn_json_token key, value;
    struct gn_json_scan scan;
    struct gn_str raw;

    gn_json_scan_init(&scan, object, &gn_store_checked);
    (void)gn_store_next(&scan); /* the opening brace */
    for (key = gn_store_next(&scan); key.type == GN_JSON_KEY; key = gn_store_next(&scan)) {
        value = gn_store_next(&scan);
        raw = gn_store_skip(&scan, &value);
        if (gn_str_eq_nocase(read_key(&key, name), wanted))
            found = value.type == GN_JSON_OBJECT ? raw : GN_STR_NONE;
    }
    return found;
}

/* The end point of the client; spelled as version 2 does it, the kind too. */
static void read_end_point(struct gn_str object, struct gn_client_text *head, struct gn_buf *name)
{
    struct gn_json_token key, value;
    struct gn_json_scan scan;
    struct gn_str spelled;

    gn_json_scan_init(&scan, object, &gn_store_checked);
    (void)gn_store_next(&scan); /* the opening brace */
    for (key = gn_store_next(&scan); key.type == GN_JSON_KEY; key = gn_store_next(&scan)) {
        value = gn_store_next(&scan);
        spelled = read_key(&key, name);
        if (gn_str_eq_nocase(spelled, GN_STR("endPointURI"))) {
            gn_buf_reset(&head->end_point);
            if (value.type == GN_JSON_STRING)
                gn_json_unescape(value.text, &head->end_point);
            if (gn_str_eq(spelled, GN_STR("EndpointUri")))
                head->kind = GN_CLIENT_V2;
        }
        (void)gn_store_skip(&scan, &value); /* its bytes were looked at */
    }
}

/* Notes that a subscription has version 2's members. */
static enum gn_err look_at_version(void *ctx, const struct gn_pubsub_record *record)
{
    struct gn_client_text *head = ctx;

    if (record->is_v2)
        head->kind = GN_CLIENT_V2;
    return GN_OK;
}

static enum gn_err read_head(struct gn_str object, struct gn_client_text *head)
{
    struct gn_buf name = GN_BUF_INIT;
    enum gn_err err;

    head->store = find_object(object, GN_STR("subStore"), &name);
    if (head->store.p != NULL)
        head->store = find_object(head->store, GN_STR("store"), &name);
    read_end_point(object, head, &name);
    err = gn_buf_err(&name);
    if (err == GN_OK)
        err = gn_buf_err(&head->end_point);
    if (err == GN_OK && head->kind == GN_CLIENT_PROXY)
        err = gn_clients_parse_subs(head, look_at_version, head);
    gn_buf_free(&name);
    return err;
}

enum gn_err gn_clients_parse(struct gn_str text, struct gn_client_text *head)
{
    struct gn_json_token value;
    struct gn_json_scan scan;
    enum gn_err err;

    *head = (struct gn_client_text){.end_point = GN_BUF_INIT, .kind = GN_CLIENT_PROXY};
    if (gn_str_trim(text).len == 0)
        return GN_OK; /* the original truncates before it writes */
    err = gn_json_check(text, &limits);
    if (err != GN_OK)
        return err;
    gn_json_scan_init(&scan, text, &gn_store_checked);
    value = gn_store_next(&scan);
    if (value.type == GN_JSON_NULL)
        return GN_OK;
    return value.type == GN_JSON_OBJECT ? read_head(gn_store_skip(&scan, &value), head) : GN_EPARSE;
}

/* Reads one subscription. The map's key stands in for an id that is missing; only id and resource
 * decide whether it can be used. */
static enum gn_err read_sub(struct gn_record_reader *reader, const struct gn_json_token *key,
                            struct gn_str value, struct gn_buf *key_id,
                            struct gn_pubsub_record *record)
{
    enum gn_err err = gn_record_read(reader, GN_SUBSCRIPTION, value, record);

    if (err != GN_OK)
        return err;
    if (record->resource.len == 0) {
        record->problem = "no resource";
        return GN_OK;
    }
    gn_buf_reset(key_id);
    gn_json_unescape(key->text, key_id);
    if (record->id.len == 0)
        record->id = gn_buf_str(key_id);
    record->problem = record->id.len == 0 ? "no id" : NULL;
    return gn_buf_err(key_id);
}

enum gn_err gn_clients_parse_subs(const struct gn_client_text *head, gn_pubsub_record_fn fn,
                                  void *ctx)
{
    struct gn_buf key_id = GN_BUF_INIT;
    struct gn_record_reader reader;
    struct gn_pubsub_record record;
    struct gn_json_token key, value;
    struct gn_json_scan scan;
    enum gn_err err = GN_OK;

    if (head->store.p == NULL)
        return GN_OK;
    gn_record_reader_init(&reader);
    gn_json_scan_init(&scan, head->store, &gn_store_checked);
    (void)gn_store_next(&scan); /* the opening brace */
    while (err == GN_OK && (key = gn_store_next(&scan)).type == GN_JSON_KEY) {
        value = gn_store_next(&scan);
        err = read_sub(&reader, &key, gn_store_skip(&scan, &value), &key_id, &record);
        if (err == GN_OK)
            err = fn(ctx, &record);
    }
    gn_record_reader_fini(&reader);
    gn_buf_free(&key_id);
    return err;
}
