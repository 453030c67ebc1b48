/* The clients in memory: one hash table of clients, and for subscriptions one by resource and one
 * by id. Adding what was asked for is clients_add.c's, the files are clients_file.c's. */
#include "gurnard/base/text.h"

/* Ids and resources come from outside: the hash is keyed. Set before uthash.h is included. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = (unsigned)gn_text_hash((struct gn_str){(const char *)(key), (length)}))
/* Without memory an element is not added; hh.tbl is NULL then. */
#define HASH_NONFATAL_OOM 1

#include "gurnard/store/clients.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#include "clients_priv.h"

/* What a file holds besides the subscriptions: mostly the end point, whose characters take up to
 * six bytes each. */
#define FRAME_BYTES ((size_t)6 * GN_CLIENTS_URI_MAX + 512)
#define JOIN_BYTES  4 /* what stands between two subscriptions of a file, at most */

struct gn_client_entry *gn_client_entry_of(struct gn_client *client)
{
    return GN_CONTAINER_OF(client, struct gn_client_entry, client);
}

static struct gn_client_sub_entry *sub_entry_of(struct gn_client_sub *sub)
{
    return GN_CONTAINER_OF(sub, struct gn_client_sub_entry, sub);
}

bool gn_client_read_id(struct gn_str text, struct gn_id *id)
{
    if (!gn_id_is_valid(text))
        return false;
    for (size_t i = 0; i < GN_ID_LEN; i++)
        id->text[i] = (char)tolower((unsigned char)text.p[i]);
    id->text[GN_ID_LEN] = '\0';
    return true;
}

/* ---- subscriptions ---- */

static enum gn_err check_record(const struct gn_pubsub_record *r)
{
    if (r->id.len > GN_CLIENTS_ID_MAX || r->resource.len > GN_CLIENTS_RESOURCE_MAX ||
        r->uri_location.len > GN_CLIENTS_URI_MAX || r->endpoint_uri.len > GN_CLIENTS_URI_MAX)
        return GN_ELIMIT;
    if (r->id.len == 0 || r->resource.len == 0)
        return GN_EINVAL;
    return gn_store_is_clean(r->id) && gn_store_is_clean(r->resource) &&
                   gn_store_is_clean(r->uri_location) && gn_store_is_clean(r->endpoint_uri)
               ? GN_OK
               : GN_EINVAL;
}

/* The id's key: of a proxy's subscription it begins with the client. */
static struct gn_str id_key(const struct gn_client *client, const struct gn_client_sub *sub)
{
    const size_t own = strlen(sub->id);

    return client->kind == GN_CLIENT_V2 ? (struct gn_str){sub->id, own}
                                        : (struct gn_str){sub->id - GN_ID_LEN, GN_ID_LEN + own};
}

struct gn_client_sub *gn_client_find_id(const struct gn_client_entry *entry, struct gn_str id)
{
    const enum gn_client_kind kind = entry->client.kind;
    struct gn_client_sub *sub = NULL;
    char key[GN_ID_LEN + GN_CLIENTS_ID_MAX];
    size_t len = 0;

    GN_ASSERT(id.len > 0 && id.len <= GN_CLIENTS_ID_MAX);
    if (kind == GN_CLIENT_PROXY) {
        memcpy(key, entry->id.text, GN_ID_LEN);
        len = GN_ID_LEN;
    }
    memcpy(key + len, id.p, id.len);
    HASH_FIND(hh, entry->owner->subs_by_id[kind], key, len + id.len, sub);
    return sub;
}

struct gn_client_sub *gn_clients_find_resource(struct gn_client *client, struct gn_str resource)
{
    const struct gn_client_entry *entry = gn_client_entry_of(client);
    struct gn_client_sub_entry *found = NULL;
    char key[GN_ID_LEN + GN_CLIENTS_RESOURCE_MAX];

    if (resource.len == 0 || resource.len > GN_CLIENTS_RESOURCE_MAX)
        return NULL;
    memcpy(key, entry->id.text, GN_ID_LEN);
    memcpy(key + GN_ID_LEN, resource.p, resource.len);
    HASH_FIND(by_resource, entry->owner->by_resource, key, GN_ID_LEN + resource.len, found);
    return found != NULL ? &found->sub : NULL;
}

/* Copies the client's id and s behind it. */
static char *put_key(char **at, const struct gn_client_entry *entry, struct gn_str s)
{
    memcpy(*at, entry->id.text, GN_ID_LEN);
    *at += GN_ID_LEN;
    return gn_store_put_text(at, s);
}

static struct gn_client_sub_entry *sub_new(struct gn_client_entry *entry,
                                           const struct gn_pubsub_record *r)
{
    const size_t texts =
        2 * GN_ID_LEN + r->resource.len + r->id.len + r->uri_location.len + r->endpoint_uri.len;
    struct gn_client_sub_entry *made = calloc(1, sizeof *made + texts + 4);
    char *at;

    if (made == NULL)
        return NULL;
    at = made->texts;
    made->sub.client = &entry->client;
    made->sub.resource = put_key(&at, entry, r->resource);
    made->sub.id = put_key(&at, entry, r->id);
    made->sub.uri_location = gn_store_put_text(&at, r->uri_location);
    made->endpoint_uri = gn_store_put_text(&at, r->endpoint_uri);
    return made;
}

/* Bytes that sub takes in a file, whatever its client's end point is; 0 when there is no memory to
 * find out. */
static size_t measure(const struct gn_client_sub *sub)
{
    struct gn_buf text = GN_BUF_INIT;
    size_t bytes;

    gn_client_write_file_sub(sub, &text);
    bytes = gn_buf_err(&text) == GN_OK ? text.len + JOIN_BYTES : 0;
    gn_buf_free(&text);
    return bytes;
}

/* Adds to the tables and lists, or to none. */
static bool link_sub(struct gn_client_entry *entry, struct gn_client_sub_entry *made)
{
    struct gn_clients *clients = entry->owner;
    struct gn_client_sub *sub = &made->sub;
    const enum gn_client_kind kind = entry->client.kind;
    const struct gn_str key = id_key(&entry->client, sub);

    HASH_ADD_KEYPTR(hh, clients->subs_by_id[kind], key.p, key.len, sub);
    if (sub->hh.tbl == NULL)
        return false;
    HASH_ADD_KEYPTR(by_resource, clients->by_resource, made->texts,
                    GN_ID_LEN + strlen(sub->resource), made);
    if (made->by_resource.tbl == NULL) {
        HASH_DELETE(hh, clients->subs_by_id[kind], sub);
        return false;
    }
    TAILQ_INSERT_TAIL(&entry->client.subs, sub, link);
    entry->client.sub_count++;
    entry->text_bytes += made->text_bytes;
    clients->sub_count[kind]++;
    return true;
}

/* Takes sub out of everything and frees it. */
static void drop_sub(struct gn_client_sub *sub)
{
    struct gn_client_sub_entry *gone = sub_entry_of(sub);
    struct gn_client_entry *entry = gn_client_entry_of(sub->client);
    struct gn_clients *clients = entry->owner;
    const enum gn_client_kind kind = entry->client.kind;

    HASH_DELETE(hh, clients->subs_by_id[kind], sub);
    HASH_DELETE(by_resource, clients->by_resource, gone);
    TAILQ_REMOVE(&entry->client.subs, sub, link);
    entry->client.sub_count--;
    entry->text_bytes -= gone->text_bytes;
    clients->sub_count[kind]--;
    free(gone);
}

enum gn_err gn_client_add_sub(struct gn_client_entry *entry, const struct gn_pubsub_record *record,
                              struct gn_client_sub **sub)
{
    const struct gn_clients *clients = entry->owner;
    struct gn_client_sub_entry *made;
    enum gn_err err = check_record(record);

    *sub = NULL;
    if (err != GN_OK)
        return err;
    if (gn_client_find_id(entry, record->id) != NULL ||
        gn_clients_find_resource(&entry->client, record->resource) != NULL)
        return GN_EEXIST;
    if (clients->sub_count[GN_CLIENT_PROXY] + clients->sub_count[GN_CLIENT_V2] >=
        GN_CLIENTS_SUBS_MAX)
        return GN_ELIMIT;
    made = sub_new(entry, record);
    if (made == NULL)
        return GN_ENOMEM;
    err = GN_ENOMEM;
    made->text_bytes = measure(&made->sub);
    if (made->text_bytes == 0)
        goto out;
    if (made->text_bytes > GN_CLIENTS_FILE_MAX - FRAME_BYTES - entry->text_bytes) {
        err = GN_ELIMIT; /* never write what could not be read again */
        goto out;
    }
    if (!link_sub(entry, made))
        goto out;
    *sub = &made->sub;
    made = NULL; /* the tables own it now */
    err = GN_OK;
out:
    free(made);
    return err;
}

void gn_client_tell_added(const struct gn_clients *clients, struct gn_client_sub *sub)
{
    if (clients->observer.added != NULL)
        clients->observer.added(clients->observer.ctx, sub);
}

enum gn_err gn_client_insert_sub(struct gn_client_entry *entry,
                                 const struct gn_pubsub_record *record, struct gn_client_sub **sub)
{
    const enum gn_err err = gn_client_add_sub(entry, record, sub);

    if (err == GN_OK)
        gn_client_tell_added(entry->owner, *sub);
    return err;
}

/* ---- clients ---- */

void gn_client_entry_free(struct gn_client_entry *entry)
{
    gn_buf_free(&entry->text);
    free(entry->client.end_point);
    free(entry);
}

void gn_client_mark_dirty(struct gn_client_entry *entry)
{
    if (entry->is_dirty)
        return;
    entry->is_dirty = true;
    TAILQ_INSERT_TAIL(&entry->owner->dirty, entry, dirty_link);
}

enum gn_err gn_client_insert(struct gn_clients *clients, enum gn_client_kind kind,
                             const struct gn_id *id, struct gn_str end_point,
                             struct gn_client_entry **entry)
{
    struct gn_client_entry *made;
    struct gn_client *client;

    if (HASH_COUNT(clients->by_id) >= GN_CLIENTS_MAX)
        return GN_ELIMIT;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return GN_ENOMEM;
    made->owner = clients;
    made->id = *id;
    made->text = gn_buf_with_limit(GN_CLIENTS_FILE_MAX);
    client = &made->client;
    client->kind = kind;
    client->id = made->id.text;
    TAILQ_INIT(&client->subs);
    client->end_point = gn_str_dup(end_point);
    if (client->end_point != NULL)
        HASH_ADD_KEYPTR(hh, clients->by_id, client->id, GN_ID_LEN, client);
    if (client->hh.tbl == NULL) {
        gn_client_entry_free(made);
        return GN_ENOMEM;
    }
    clients->client_count[kind]++;
    *entry = made;
    return GN_OK;
}

/* Takes the client out of the table. */
static void unlink_client(struct gn_client_entry *entry)
{
    struct gn_clients *clients = entry->owner;
    struct gn_client *client = &entry->client;

    GN_ASSERT(client->sub_count == 0 && !entry->is_gone);
    HASH_DELETE(hh, clients->by_id, client);
    clients->client_count[client->kind]--;
}

void gn_client_drop(struct gn_client_entry *entry)
{
    GN_ASSERT(!entry->is_dirty && !entry->is_writing);
    unlink_client(entry);
    gn_client_entry_free(entry);
}

struct gn_client *gn_clients_find(struct gn_clients *clients, struct gn_str client_id)
{
    struct gn_client *client = NULL;
    struct gn_id id;

    if (gn_client_read_id(client_id, &id))
        HASH_FIND(hh, clients->by_id, id.text, GN_ID_LEN, client);
    return client;
}

struct gn_client_sub *gn_clients_find_v2(struct gn_clients *clients, struct gn_str id)
{
    struct gn_client_sub *sub = NULL;

    if (id.len > 0 && id.len <= GN_CLIENTS_ID_MAX)
        HASH_FIND(hh, clients->subs_by_id[GN_CLIENT_V2], id.p, id.len, sub);
    return sub;
}

/* ---- removing ---- */

static void tell_and_drop(struct gn_client_sub *sub)
{
    const struct gn_clients *clients = gn_client_entry_of(sub->client)->owner;

    if (clients->observer.removed != NULL)
        clients->observer.removed(clients->observer.ctx, sub);
    drop_sub(sub);
}

void gn_clients_remove(struct gn_clients *clients, struct gn_client *client)
{
    struct gn_client_entry *entry = gn_client_entry_of(client);

    GN_ASSERT(entry->owner == clients);
    while (!TAILQ_EMPTY(&client->subs))
        tell_and_drop(TAILQ_FIRST(&client->subs));
    unlink_client(entry);
    entry->is_gone = true; /* lives on until its file is removed */
    gn_client_mark_dirty(entry);
}

void gn_clients_remove_sub(struct gn_clients *clients, struct gn_client_sub *sub)
{
    struct gn_client *client = sub->client;

    if (client->sub_count == 1) {
        gn_clients_remove(clients, client);
        return;
    }
    tell_and_drop(sub);
    gn_client_mark_dirty(gn_client_entry_of(client));
}

/* ---- figures and walks ---- */

size_t gn_clients_sub_count(const struct gn_clients *clients, enum gn_client_kind kind)
{
    return clients->sub_count[kind];
}

size_t gn_clients_count(const struct gn_clients *clients, enum gn_client_kind kind)
{
    return clients->client_count[kind];
}

void gn_clients_each(struct gn_clients *clients, enum gn_client_kind kind, gn_clients_each_fn fn,
                     void *ctx)
{
    struct gn_client *client, *next_client;
    struct gn_client_sub *sub, *next;

    HASH_ITER (hh, clients->by_id, client, next_client) {
        if (client->kind != kind)
            continue;
        for (sub = TAILQ_FIRST(&client->subs); sub != NULL; sub = next) {
            next = TAILQ_NEXT(sub, link); /* without one, the client may go with sub */
            if (!fn(ctx, sub))
                return;
        }
    }
}

/* ---- life ---- */

struct gn_clients *gn_clients_new(const char *folder, struct gn_worker *worker,
                                  const struct gn_clients_observer *observer)
{
    struct gn_clients *clients = calloc(1, sizeof *clients);

    if (clients == NULL)
        return NULL;
    clients->folder = gn_str_dup(gn_str_of(folder));
    if (clients->folder == NULL) {
        free(clients);
        return NULL;
    }
    clients->worker = worker;
    if (observer != NULL)
        clients->observer = *observer;
    TAILQ_INIT(&clients->dirty);
    TAILQ_INIT(&clients->writing);
    STAILQ_INIT(&clients->running);
    STAILQ_INIT(&clients->next);
    return clients;
}

void gn_clients_observe(struct gn_clients *clients, const struct gn_clients_observer *observer)
{
    clients->observer = *observer;
}

void gn_clients_free(struct gn_clients *clients)
{
    struct gn_client_entry *entry;

    if (clients == NULL)
        return;
    GN_ASSERT(!clients->is_running);
    while ((entry = TAILQ_FIRST(&clients->dirty)) != NULL) {
        TAILQ_REMOVE(&clients->dirty, entry, dirty_link);
        entry->is_dirty = false;
        if (entry->is_gone)
            gn_client_entry_free(entry);
    }
    while (clients->by_id != NULL) {
        entry = gn_client_entry_of(clients->by_id);
        while (!TAILQ_EMPTY(&entry->client.subs))
            drop_sub(TAILQ_FIRST(&entry->client.subs));
        gn_client_drop(entry);
    }
    free(clients->folder);
    free(clients);
}
