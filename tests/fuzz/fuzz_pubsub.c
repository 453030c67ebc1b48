/* fuzz folder: store   the text of a sub.json: whatever is read is written so that it reads the
 * same. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/store/pubsub.h"

#include "store_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KIND GN_SUBSCRIPTION

static enum gn_err insert(void *ctx, const struct gn_pubsub_record *record)
{
    struct gn_pubsub_item *item;
    enum gn_err err = GN_OK;

    if (record->problem == NULL)
        err = gn_pubsub_insert(ctx, KIND, record, &item);
    GN_ASSERT(err != GN_ENOMEM);
    return GN_OK; /* the others are left out, as at start */
}

/* Reads text into store and appends what the store would write. */
static enum gn_err read_and_write(struct gn_str text, struct gn_pubsub *store, struct gn_buf *out)
{
    const enum gn_err err = gn_pubsub_parse(text, insert, store);

    if (err == GN_OK)
        gn_pubsub_write_all(store, KIND, out);
    return err;
}

static void check_rewrite(struct gn_str first, size_t count)
{
    struct gn_pubsub second_store = {.worker = NULL};
    struct gn_buf second = GN_BUF_INIT;
    const enum gn_err err = read_and_write(first, &second_store, &second);

    GN_ASSERT(err == GN_OK);
    GN_ASSERT(gn_pubsub_count(&second_store, KIND) == count);
    GN_ASSERT(gn_str_eq(gn_buf_str(&second), first));
    gn_pubsub_remove_all(&second_store, KIND);
    gn_buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_pubsub store = {.worker = NULL}; /* memory only: no folder, no lock */
    struct gn_buf out = GN_BUF_INIT;

    if (read_and_write((struct gn_str){(const char *)data, size}, &store, &out) == GN_OK)
        check_rewrite(gn_buf_str(&out), gn_pubsub_count(&store, KIND));
    gn_pubsub_remove_all(&store, KIND);
    GN_ASSERT(store.text_bytes[KIND] == 0);
    gn_buf_free(&out);
    return 0;
}
