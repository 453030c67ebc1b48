/* The records in memory: two hash tables for each kind, one by id, one by resource and endpoint
 * (natives are never taken for the same and are in the first only). The files are pubsub_file.c's.
 */
#include "gurnard/base/text.h"

/* Resources come from outside: the hash is keyed. Set before uthash.h is included. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = (unsigned)gn_text_hash((struct gn_str){(const char *)(key), (length)}))
/* Without memory an element is not added; hh.tbl is NULL then. */
#define HASH_NONFATAL_OOM 1

#include "gurnard/store/pubsub.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/id.h"
#include "gurnard/ce/cne.h"

#include "store_priv.h"

#define JOIN_BYTES 4 /* what stands between two records of a file, at most */

/* A native object with its id: {"id":"...", and the rest. */
#define CONFIG_MAX (GN_PUBSUB_OBJECT_MAX + GN_PUBSUB_ID_MAX + 16)

/* A record and its texts in one allocation. The address, what no two records created here share, is
 * the resource, a NUL and the endpoint: exactly as the texts lie. The endpoint and the object of a
 * native one, which may change, are allocated apart. */
struct gn_pubsub_entry {
    struct gn_pubsub_item item; /* first: an item's address is its entry's */
    size_t text_bytes;          /* in the file */
    UT_hash_handle by_address;
    char texts[]; /* resource, endpoint, id, link, each with its NUL */
};

static struct gn_pubsub_entry *entry_of(struct gn_pubsub_item *item)
{
    return GN_CONTAINER_OF(item, struct gn_pubsub_entry, item);
}

static enum gn_err check_record(enum gn_pubsub_kind kind, const struct gn_pubsub_record *r)
{
    if (r->id.len > GN_PUBSUB_ID_MAX || r->resource.len > GN_PUBSUB_RESOURCE_MAX ||
        r->endpoint_uri.len > GN_PUBSUB_URI_MAX || r->uri_location.len > GN_PUBSUB_URI_MAX ||
        r->config.len > CONFIG_MAX)
        return GN_ELIMIT;
    if (kind == GN_NATIVE && r->endpoint_uri.len == 0)
        return GN_EINVAL;
    if (r->id.len == 0 || !gn_cne_id_is_plain(r->id)) /* bodies hold it between quotes as it is */
        return GN_EINVAL;
    return gn_store_is_clean(r->resource) && gn_store_is_clean(r->endpoint_uri) &&
                   gn_store_is_clean(r->uri_location)
               ? GN_OK
               : GN_EINVAL;
}

/* NULL is fine. */
static void entry_free(struct gn_pubsub_entry *entry)
{
    if (entry != NULL && entry->item.kind == GN_NATIVE) {
        free(entry->item.endpoint_uri);
        free(entry->item.config);
    }
    free(entry);
}

static struct gn_pubsub_entry *entry_new(enum gn_pubsub_kind kind, const struct gn_pubsub_record *r)
{
    const struct gn_str fixed = kind == GN_NATIVE ? GN_STR_NONE : r->endpoint_uri;
    const size_t texts = r->resource.len + fixed.len + r->id.len + r->uri_location.len;
    struct gn_pubsub_entry *entry = calloc(1, sizeof *entry + texts + 4);
    char *at, *endpoint;

    if (entry == NULL)
        return NULL;
    at = entry->texts;
    entry->item.kind = kind;
    entry->item.resource = gn_store_put_text(&at, r->resource);
    endpoint = gn_store_put_text(&at, fixed);
    entry->item.endpoint_uri = fixed.len > 0 ? endpoint : NULL;
    entry->item.id = gn_store_put_text(&at, r->id);
    entry->item.uri_location = gn_store_put_text(&at, r->uri_location);
    if (kind != GN_NATIVE)
        return entry;
    entry->item.endpoint_uri = gn_str_dup(r->endpoint_uri);
    entry->item.config = gn_str_dup(r->config);
    if (entry->item.endpoint_uri != NULL && entry->item.config != NULL)
        return entry;
    entry_free(entry);
    return NULL;
}

/* Bytes that item takes in its file; 0 when there is no memory to find out. */
static size_t measure(const struct gn_pubsub_item *item)
{
    struct gn_buf text = GN_BUF_INIT;
    size_t bytes;

    gn_pubsub_write_file_item(item, &text);
    bytes = gn_buf_err(&text) == GN_OK ? text.len + JOIN_BYTES : 0;
    gn_buf_free(&text);
    return bytes;
}

/* Adds to the tables, or to none. */
static bool link_entry(struct gn_pubsub *store, struct gn_pubsub_entry *entry)
{
    struct gn_pubsub_item *item = &entry->item;
    const enum gn_pubsub_kind kind = item->kind;
    const size_t resource_len = strlen(item->resource);
    const size_t endpoint_len = item->endpoint_uri != NULL ? strlen(item->endpoint_uri) : 0;

    HASH_ADD_KEYPTR(hh, store->by_id[kind], item->id, strlen(item->id), item);
    if (item->hh.tbl == NULL)
        return false;
    store->text_bytes[kind] += entry->text_bytes;
    if (kind == GN_NATIVE)
        return true;
    HASH_ADD_KEYPTR(by_address, store->by_address[kind], entry->texts,
                    resource_len + 1 + endpoint_len, entry);
    if (entry->by_address.tbl == NULL) {
        HASH_DELETE(hh, store->by_id[kind], item);
        store->text_bytes[kind] -= entry->text_bytes;
        return false;
    }
    return true;
}

enum gn_err gn_pubsub_insert(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                             const struct gn_pubsub_record *record, struct gn_pubsub_item **item)
{
    struct gn_pubsub_entry *entry = NULL;
    enum gn_err err = check_record(kind, record);

    if (err != GN_OK)
        return err;
    if (gn_pubsub_find(store, kind, record->id) != NULL)
        return GN_EEXIST;
    if (gn_pubsub_count(store, kind) >= GN_PUBSUB_ITEMS_MAX)
        return GN_ELIMIT;
    entry = entry_new(kind, record);
    if (entry == NULL)
        return GN_ENOMEM;
    err = GN_ENOMEM;
    entry->text_bytes = measure(&entry->item);
    if (entry->text_bytes == 0)
        goto out;
    if (entry->text_bytes > GN_PUBSUB_FILE_MAX - JOIN_BYTES - store->text_bytes[kind]) {
        err = GN_ELIMIT; /* never write what could not be read again */
        goto out;
    }
    if (!link_entry(store, entry))
        goto out;
    *item = &entry->item;
    entry = NULL; /* the tables own it now */
    err = GN_OK;
    if (store->observer.added != NULL)
        store->observer.added(store->observer.ctx, *item);
out:
    entry_free(entry);
    return err;
}

static struct gn_pubsub_item *find_address(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                                           struct gn_str resource, struct gn_str endpoint_uri)
{
    char key[GN_PUBSUB_RESOURCE_MAX + 1 + GN_PUBSUB_URI_MAX + 1];
    struct gn_pubsub_entry *entry;
    char *at = key;

    (void)gn_store_put_text(&at, resource);
    (void)gn_store_put_text(&at, endpoint_uri);
    HASH_FIND(by_address, store->by_address[kind], key, resource.len + 1 + endpoint_uri.len, entry);
    return entry != NULL ? &entry->item : NULL;
}

/* Inserts record with the link that its id and uri_prefix make. */
static enum gn_err insert_linked(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                                 struct gn_pubsub_record *record, const char *uri_prefix,
                                 struct gn_pubsub_item **item)
{
    struct gn_buf link = gn_buf_with_limit(GN_PUBSUB_URI_MAX);
    enum gn_err err;

    gn_buf_puts(&link, uri_prefix);
    gn_buf_add_str(&link, record->id);
    err = gn_buf_err(&link);
    if (err == GN_OK) {
        record->uri_location = gn_buf_str(&link);
        err = gn_pubsub_insert(store, kind, record, item);
    }
    gn_buf_free(&link);
    return err;
}

enum gn_err gn_pubsub_add(struct gn_pubsub *store, enum gn_pubsub_kind kind, struct gn_str resource,
                          struct gn_str endpoint_uri, const char *uri_prefix,
                          struct gn_pubsub_item **item)
{
    const struct gn_id id = gn_id_random();
    struct gn_pubsub_record record = {.id = gn_str_of(id.text),
                                      .resource = resource,
                                      .endpoint_uri = endpoint_uri};
    enum gn_err err;

    GN_ASSERT(kind != GN_NATIVE);
    *item = NULL;
    err = check_record(kind, &record);
    if (err != GN_OK)
        return err;
    *item = find_address(store, kind, resource, endpoint_uri);
    if (*item != NULL)
        return GN_EEXIST;
    return insert_linked(store, kind, &record, uri_prefix, item);
}

/* ---- natives ---- */

/* Appends object with the id as its first member. */
static enum gn_err write_config(struct gn_str id, struct gn_str object, struct gn_buf *out)
{
    enum gn_err err = gn_pubsub_check_object(object);
    struct gn_buf compact = GN_BUF_INIT;
    struct gn_str rest;

    if (err != GN_OK)
        return err;
    gn_json_add_compact(&compact, object);
    err = gn_buf_err(&compact);
    if (err == GN_OK) {
        rest = (struct gn_str){compact.data + 1, compact.len - 1};
        gn_buf_puts(out, "{\"id\":");
        gn_text_add_json(out, id);
        gn_buf_puts(out, rest.len > 1 ? "," : "");
        gn_buf_add_str(out, rest);
        err = gn_buf_err(out);
    }
    gn_buf_free(&compact);
    return err;
}

enum gn_err gn_pubsub_add_native(struct gn_pubsub *store, struct gn_str sink, struct gn_str object,
                                 const char *uri_prefix, struct gn_pubsub_item **item)
{
    const struct gn_id id = gn_id_random();
    struct gn_pubsub_record record = {.id = gn_str_of(id.text), .endpoint_uri = sink};
    struct gn_buf config = GN_BUF_INIT;
    enum gn_err err;

    *item = NULL;
    err = write_config(record.id, object, &config);
    if (err == GN_OK) {
        record.config = gn_buf_str(&config);
        err = insert_linked(store, GN_NATIVE, &record, uri_prefix, item);
    }
    gn_buf_free(&config);
    return err;
}

/* Puts other texts in the place of the old ones. */
static enum gn_err replace_texts(struct gn_pubsub *store, struct gn_pubsub_entry *entry,
                                 const struct gn_pubsub_record *record)
{
    struct gn_pubsub_item *item = &entry->item;
    const size_t others = store->text_bytes[GN_NATIVE] - entry->text_bytes;
    const size_t bytes = record->config.len + JOIN_BYTES;
    char *endpoint, *config;

    if (bytes > GN_PUBSUB_FILE_MAX - JOIN_BYTES - others)
        return GN_ELIMIT;
    endpoint = gn_str_dup(record->endpoint_uri);
    config = gn_str_dup(record->config);
    if (endpoint == NULL || config == NULL) {
        free(endpoint);
        free(config);
        return GN_ENOMEM;
    }
    free(item->endpoint_uri);
    free(item->config);
    item->endpoint_uri = endpoint;
    item->config = config;
    entry->text_bytes = bytes;
    store->text_bytes[GN_NATIVE] = others + bytes;
    return GN_OK;
}

enum gn_err gn_pubsub_change_native(struct gn_pubsub *store, struct gn_pubsub_item *item,
                                    struct gn_str sink, struct gn_str object)
{
    struct gn_pubsub_record record = {.id = gn_str_of(item->id), .endpoint_uri = sink};
    struct gn_buf config = GN_BUF_INIT;
    enum gn_err err;

    GN_ASSERT(item->kind == GN_NATIVE);
    err = write_config(record.id, object, &config);
    record.config = gn_buf_str(&config);
    if (err == GN_OK)
        err = check_record(GN_NATIVE, &record);
    if (err == GN_OK)
        err = replace_texts(store, entry_of(item), &record);
    gn_buf_free(&config);
    if (err == GN_OK && store->observer.changed != NULL)
        store->observer.changed(store->observer.ctx, item);
    return err;
}

/* ---- looking up, removing ---- */

struct gn_pubsub_item *gn_pubsub_find(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                                      struct gn_str id)
{
    struct gn_pubsub_item *item = NULL;

    if (id.len > 0 && id.len <= GN_PUBSUB_ID_MAX)
        HASH_FIND(hh, store->by_id[kind], id.p, id.len, item);
    return item;
}

/* Takes item out of the tables and frees it. */
static void drop(struct gn_pubsub *store, struct gn_pubsub_item *item)
{
    struct gn_pubsub_entry *entry = entry_of(item);
    const enum gn_pubsub_kind kind = item->kind;

    store->text_bytes[kind] -= entry->text_bytes;
    HASH_DELETE(hh, store->by_id[kind], item);
    if (kind != GN_NATIVE)
        HASH_DELETE(by_address, store->by_address[kind], entry);
    entry_free(entry);
}

void gn_pubsub_remove(struct gn_pubsub *store, struct gn_pubsub_item *item)
{
    if (store->observer.removed != NULL)
        store->observer.removed(store->observer.ctx, item);
    drop(store, item);
}

void gn_pubsub_remove_all(struct gn_pubsub *store, enum gn_pubsub_kind kind)
{
    while (store->by_id[kind] != NULL)
        gn_pubsub_remove(store, store->by_id[kind]);
}

size_t gn_pubsub_count(const struct gn_pubsub *store, enum gn_pubsub_kind kind)
{
    return HASH_COUNT(store->by_id[kind]);
}

void gn_pubsub_each(struct gn_pubsub *store, enum gn_pubsub_kind kind, gn_pubsub_each_fn fn,
                    void *ctx)
{
    struct gn_pubsub_item *item, *next;

    HASH_ITER (hh, store->by_id[kind], item, next) {
        if (!fn(ctx, item))
            return;
    }
}

void gn_pubsub_observe(struct gn_pubsub *store, const struct gn_pubsub_observer *observer)
{
    store->observer = *observer;
}

enum gn_err gn_pubsub_open(const char *folder, struct gn_worker *worker,
                           const struct gn_pubsub_observer *observer, struct gn_pubsub **store)
{
    struct gn_pubsub *s = calloc(1, sizeof *s);
    enum gn_err err;

    *store = NULL;
    if (s == NULL)
        return GN_ENOMEM;
    s->worker = worker;
    if (observer != NULL)
        s->observer = *observer;
    err = gn_pubsub_files_open(s, folder);
    if (err != GN_OK) {
        gn_pubsub_close(s);
        return err;
    }
    *store = s;
    return GN_OK;
}

void gn_pubsub_close(struct gn_pubsub *store)
{
    if (store == NULL)
        return;
    for (unsigned kind = 0; kind < GN_PUBSUB_KINDS; kind++)
        while (store->by_id[kind] != NULL)
            drop(store, store->by_id[kind]);
    gn_pubsub_files_close(store);
    free(store);
}
