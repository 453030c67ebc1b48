/* fuzz folder: bmc   the index of a model in the registry cache, as found on disk.
 *
 * Properties: what was read is bounded and makes sense; written and read again it stays the same.
 */
#include "regcache_priv.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_entry(void *ctx, const struct gn_regcache_entry *entry)
{
    const struct gn_str file = gn_str_of(entry->file);

    (void)ctx;
    require(entry->state != GN_REGCACHE_NONE && entry->bytes == 0);
    require((entry->state == GN_REGCACHE_HAVE) == gn_regcache_is_file_name(file));
    require(entry->state == GN_REGCACHE_HAVE || (file.len == 0 && entry->uri[0] != '\0'));
    (void)gn_regcache_need(entry, GN_STR("/s"), 0);
}

/* Reads text into a cache of its own; writes what was read to out. */
static enum gn_err read_and_write(struct gn_str text, struct gn_buf *out)
{
    static char folder[] = "/nowhere";
    struct gn_regcache cache = {.folder = folder};
    struct gn_regcache_model *model;
    enum gn_err err;

    TAILQ_INIT(&cache.models);
    model = gn_regcache_model_add(&cache, "m", GN_STR_NONE, GN_STR_NONE);
    require(model != NULL);
    err = gn_regcache_index_read(model, text);
    require(model->slot_count <= GN_REGCACHE_REGISTRIES_MAX);
    gn_regcache_each(model, check_entry, NULL);
    if (err == GN_OK)
        gn_regcache_index_write(model, out);
    gn_regcache_model_drop(model);
    require(cache.bytes == 0 && cache.model_count == 0);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_buf once = GN_BUF_INIT, again = GN_BUF_INIT;

    if (read_and_write((struct gn_str){(const char *)data, size}, &once) == GN_OK) {
        require(read_and_write(gn_buf_str(&once), &again) == GN_OK);
        require(gn_str_eq(gn_buf_str(&once), gn_buf_str(&again)));
    }
    gn_buf_free(&once);
    gn_buf_free(&again);
    return 0;
}
