/* Reading the text of sub.json, pub.json and native.json: an array of records. Pure. */
#include <stddef.h>

#include "gurnard/base/json_scan.h"

#include "store_priv.h"

/* What a record may nest and how many values a full file has: four members and room for others. */
#define DEPTH_MAX        16
#define TOKENS_MAX       (GN_PUBSUB_ITEMS_MAX * 64)
/* A native object holds filters, which nest; its values are bounded by its bytes alone. */
#define NATIVE_DEPTH_MAX 48

static const struct gn_json_limits limits = {.max_bytes = GN_PUBSUB_FILE_MAX,
                                             .max_depth = DEPTH_MAX,
                                             .max_tokens = TOKENS_MAX};
static const struct gn_json_limits native_limits = {.max_bytes = GN_PUBSUB_FILE_MAX,
                                                    .max_depth = NATIVE_DEPTH_MAX,
                                                    .max_tokens = GN_PUBSUB_FILE_MAX};
static const struct gn_json_limits object_limits = {.max_bytes = GN_PUBSUB_OBJECT_MAX,
                                                    .max_depth = NATIVE_DEPTH_MAX - 1,
                                                    .max_tokens = GN_PUBSUB_OBJECT_MAX};

static enum gn_err read_records(enum gn_pubsub_kind kind, struct gn_str text,
                                gn_pubsub_record_fn fn, void *ctx)
{
    struct gn_record_reader reader;
    struct gn_pubsub_record record;
    struct gn_json_token element;
    struct gn_json_scan scan;
    enum gn_err err = GN_OK;

    gn_json_scan_init(&scan, text, &gn_store_checked);
    element = gn_store_next(&scan);
    if (element.type == GN_JSON_NULL)
        return GN_OK; /* what Go makes of an empty list */
    if (element.type != GN_JSON_ARRAY)
        return GN_EPARSE;
    gn_record_reader_init(&reader);
    while (err == GN_OK && (element = gn_store_next(&scan)).type != GN_JSON_ARRAY_END) {
        err = gn_record_read(&reader, kind, gn_store_skip(&scan, &element), &record);
        if (err == GN_OK)
            err = fn(ctx, &record);
    }
    gn_record_reader_fini(&reader);
    return err;
}

enum gn_err gn_pubsub_parse(enum gn_pubsub_kind kind, struct gn_str text, gn_pubsub_record_fn fn,
                            void *ctx)
{
    enum gn_err err;

    if (gn_str_trim(text).len == 0)
        return GN_OK; /* the original leaves empty files */
    err = gn_json_check(text, kind == GN_NATIVE ? &native_limits : &limits);
    return err == GN_OK ? read_records(kind, text, fn, ctx) : err;
}

enum gn_err gn_pubsub_check_object(struct gn_str object)
{
    enum gn_err err;

    if (object.len < 2 || object.p[0] != '{' || object.p[object.len - 1] != '}')
        return GN_EINVAL;
    err = gn_json_check(object, &object_limits);
    return err == GN_EPARSE ? GN_EINVAL : err;
}
