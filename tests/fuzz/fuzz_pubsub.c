/* fuzz folder: store   the text of a sub.json and of a native.json: whatever is read is written so
 * that it reads the same. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/store/pubsub.h"

#include "store_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory only: no folder, no lock. */
struct target {
    struct gn_pubsub store;
    enum gn_pubsub_kind kind;
};

static enum gn_err insert(void *ctx, const struct gn_pubsub_record *record)
{
    struct target *target = ctx;
    struct gn_pubsub_item *item;
    enum gn_err err = GN_OK;

    if (record->problem == NULL)
        err = gn_pubsub_insert(&target->store, target->kind, record, &item);
    GN_ASSERT(err != GN_ENOMEM);
    return GN_OK; /* the others are left out, as at start */
}

/* Reads text into target and appends what the store would write. */
static enum gn_err read_and_write(struct gn_str text, struct target *target, struct gn_buf *out)
{
    const enum gn_err err = gn_pubsub_parse(target->kind, text, insert, target);

    if (err == GN_OK)
        gn_pubsub_write_all(&target->store, target->kind, out);
    return err;
}

static void check_rewrite(struct gn_str first, enum gn_pubsub_kind kind, size_t count)
{
    struct target target = {.kind = kind};
    struct gn_buf second = GN_BUF_INIT;
    const enum gn_err err = read_and_write(first, &target, &second);

    GN_ASSERT(err == GN_OK);
    GN_ASSERT(gn_pubsub_count(&target.store, kind) == count);
    GN_ASSERT(gn_str_eq(gn_buf_str(&second), first));
    gn_pubsub_remove_all(&target.store, kind);
    gn_buf_free(&second);
}

static void check_kind(struct gn_str text, enum gn_pubsub_kind kind)
{
    struct target target = {.kind = kind};
    struct gn_buf out = GN_BUF_INIT;

    if (read_and_write(text, &target, &out) == GN_OK)
        check_rewrite(gn_buf_str(&out), kind, gn_pubsub_count(&target.store, kind));
    gn_pubsub_remove_all(&target.store, kind);
    GN_ASSERT(target.store.text_bytes[kind] == 0);
    gn_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str text = {(const char *)data, size};

    check_kind(text, GN_SUBSCRIPTION);
    check_kind(text, GN_NATIVE);
    return 0;
}
