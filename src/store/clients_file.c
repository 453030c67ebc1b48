/* The clients in files: loading at start, and commits. A commit turns each changed client into text
 * in the loop; the helper thread puts the texts in the files' places and removes the files of those
 * that are gone. One write runs at a time; what is committed meanwhile goes into the next. */
#include "gurnard/store/clients.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"

#include "clients_priv.h"

#define NAME_END ".json"

/* ---- writing text ---- */

const struct gn_client_sub_entry *gn_client_sub_entry_of(const struct gn_client_sub *sub)
{
    return (const struct gn_client_sub_entry *)(const void *)sub; /* its first member */
}

static void add_or_null(struct gn_buf *out, const char *text)
{
    if (text[0] == '\0')
        gn_buf_puts(out, "null");
    else
        gn_text_add_json(out, gn_str_of(text));
}

void gn_clients_write_v2(const struct gn_client_sub *sub, struct gn_buf *out)
{
    gn_buf_puts(out, "{\"ResourceAddress\":");
    gn_text_add_json(out, gn_str_of(sub->resource));
    gn_buf_puts(out, ",\"EndpointUri\":");
    gn_text_add_json(out, gn_str_of(sub->client->end_point));
    gn_buf_puts(out, ",\"SubscriptionId\":");
    gn_text_add_json(out, gn_str_of(sub->id));
    gn_buf_puts(out, ",\"UriLocation\":");
    gn_text_add_json(out, gn_str_of(sub->uri_location));
    gn_buf_putc(out, '}');
}

void gn_client_write_file_sub(const struct gn_client_sub *sub, struct gn_buf *out)
{
    const bool is_v2 = sub->client->kind == GN_CLIENT_V2;

    gn_buf_puts(out, "   ");
    gn_text_add_json(out, gn_str_of(sub->id));
    gn_buf_puts(out, is_v2 ? ": {\n    \"ResourceAddress\": " : ": {\n    \"id\": ");
    gn_text_add_json(out, gn_str_of(is_v2 ? sub->resource : sub->id));
    gn_buf_puts(out, is_v2 ? ",\n    \"EndpointUri\": " : ",\n    \"endpointUri\": ");
    add_or_null(out, is_v2 ? sub->client->end_point : gn_client_sub_entry_of(sub)->endpoint_uri);
    if (is_v2) {
        gn_buf_puts(out, ",\n    \"SubscriptionId\": ");
        gn_text_add_json(out, gn_str_of(sub->id));
    }
    gn_buf_puts(out, is_v2 ? ",\n    \"UriLocation\": " : ",\n    \"uriLocation\": ");
    add_or_null(out, sub->uri_location);
    if (!is_v2) {
        gn_buf_puts(out, ",\n    \"resource\": ");
        gn_text_add_json(out, gn_str_of(sub->resource));
    }
    gn_buf_puts(out, "\n   }");
}

static int by_sub_id(const void *a, const void *b)
{
    return strcmp((*(const struct gn_client_sub *const *)a)->id,
                  (*(const struct gn_client_sub *const *)b)->id);
}

/* The subscriptions in the order in which Go writes a map; owned by the caller. NULL: no memory. */
static const struct gn_client_sub **sorted_subs(const struct gn_client *client)
{
    const struct gn_client_sub **subs =
        calloc(client->sub_count, sizeof *subs); /* a client has one at least */
    const struct gn_client_sub *sub;
    size_t count = 0;

    if (subs == NULL)
        return NULL;
    TAILQ_FOREACH (sub, &client->subs, link)
        subs[count++] = sub;
    qsort(subs, count, sizeof *subs, by_sub_id);
    return subs;
}

void gn_client_write_file(const struct gn_client *client, struct gn_buf *out)
{
    const struct gn_client_sub **subs = sorted_subs(client);

    if (subs == NULL) {
        out->err = GN_ENOMEM;
        return;
    }
    gn_buf_printf(out, "{\n \"clientID\": \"%s\",\n \"subStore\": {\n  \"store\": {\n", client->id);
    for (size_t i = 0; i < client->sub_count; i++) {
        if (i > 0)
            gn_buf_puts(out, ",\n");
        gn_client_write_file_sub(subs[i], out);
    }
    gn_buf_puts(out, client->kind == GN_CLIENT_V2 ? "\n  }\n },\n \"EndpointUri\": "
                                                  : "\n  }\n },\n \"endPointURI\": ");
    gn_text_add_json(out, gn_str_of(client->end_point));
    gn_buf_puts(out, ",\n \"status\": 1,\n \"action\": 0\n}");
    free(subs);
}

/* ---- loading ---- */

struct loading {
    struct gn_clients *clients;
    char path[PATH_MAX];           /* of the file being loaded */
    struct gn_client_entry *entry; /* of the client being loaded */
    unsigned index;                /* of the subscription, from 0 */
    unsigned skipped;              /* subscriptions and clients */
};

static enum gn_err load_sub(void *ctx, const struct gn_pubsub_record *record)
{
    struct loading *loading = ctx;
    const char *problem = record->problem;
    struct gn_client_sub *sub;
    enum gn_err err;

    if (problem == NULL) {
        err = gn_client_insert_sub(loading->entry, record, &sub);
        if (err == GN_ENOMEM)
            return err;
        problem = err == GN_EEXIST ? "id or resource seen before" : gn_store_insert_problem(err);
    }
    if (problem != NULL) {
        loading->skipped++;
        gn_log_warn("store.record_skipped file=%s index=%u reason=%s", loading->path,
                    loading->index, problem);
    }
    loading->index++;
    return GN_OK;
}

static enum gn_err skip_client(struct loading *loading, const char *problem)
{
    loading->skipped++;
    gn_log_warn("store.client_skipped file=%s reason=%s", loading->path, problem);
    return GN_OK;
}

/* The client of a file that was read. */
static enum gn_err load_client(struct loading *loading, const struct gn_id *id,
                               const struct gn_client_text *head)
{
    const struct gn_str end_point = gn_buf_str(&head->end_point);
    enum gn_err err;

    if (end_point.len == 0)
        return skip_client(loading, "it has no end point");
    if (end_point.len > GN_CLIENTS_URI_MAX || !gn_store_is_clean(end_point))
        return skip_client(loading, "its end point is too long or has odd characters");
    err = gn_client_insert(loading->clients, head->kind, id, end_point, &loading->entry);
    if (err == GN_ELIMIT)
        return skip_client(loading, "there are too many");
    if (err != GN_OK)
        return err;
    loading->index = 0;
    err = gn_clients_parse_subs(head, load_sub, loading);
    if (loading->entry->client.sub_count > 0)
        return err;
    gn_client_drop(loading->entry);
    return err == GN_OK ? skip_client(loading, "it has no subscriptions") : err;
}

static enum gn_err load_file(struct loading *loading, const struct gn_id *id)
{
    struct gn_client_text head = {.end_point = GN_BUF_INIT};
    struct gn_buf text = GN_BUF_INIT;
    enum gn_err err = gn_file_read(loading->path, GN_CLIENTS_FILE_MAX, &text);

    if (err == GN_EIO)
        gn_log_error("store.read_failed file=%s reason=%s", loading->path, strerror(errno));
    if (err == GN_OK)
        err = gn_clients_parse(gn_buf_str(&text), &head);
    if (err == GN_OK)
        err = load_client(loading, id, &head);
    else if (err == GN_EPARSE || err == GN_ELIMIT)
        err = gn_store_put_aside(loading->path, err);
    else if (err == GN_ENOTFOUND)
        err = GN_OK; /* removed just now */
    gn_buf_free(&head.end_point);
    gn_buf_free(&text);
    return err;
}

/* Whether name is a client's: its id in lower case, and the end. */
static bool read_name(const char *name, struct gn_id *id)
{
    const struct gn_str whole = gn_str_of(name);

    if (whole.len != GN_ID_LEN + sizeof NAME_END - 1 ||
        !gn_str_has_suffix(whole, GN_STR(NAME_END)) ||
        !gn_id_is_valid((struct gn_str){name, GN_ID_LEN}))
        return false;
    memcpy(id->text, name, GN_ID_LEN);
    id->text[GN_ID_LEN] = '\0';
    return strpbrk(id->text, "ABCDEF") == NULL;
}

static bool make_path(const struct gn_clients *clients, const struct gn_id *id, char path[PATH_MAX])
{
    const int len = snprintf(path, PATH_MAX, "%s/%s" NAME_END, clients->folder, id->text);

    return len > 0 && len < PATH_MAX;
}

static enum gn_err load_entry(void *ctx, const char *name)
{
    struct loading *loading = ctx;
    struct gn_id id;

    if (!read_name(name, &id))
        return GN_OK;
    return make_path(loading->clients, &id, loading->path) ? load_file(loading, &id) : GN_EIO;
}

enum gn_err gn_clients_load(struct gn_clients *clients)
{
    struct loading loading = {.clients = clients};
    enum gn_err err = gn_file_each(clients->folder, load_entry, &loading);

    if (err == GN_ENOTFOUND)
        return GN_EIO; /* the folder is there by contract */
    if (err == GN_OK)
        gn_log_info("store.clients_loaded folder=%s proxies=%zu v2=%zu subscriptions=%zu "
                    "skipped=%u",
                    clients->folder, clients->client_count[GN_CLIENT_PROXY],
                    clients->client_count[GN_CLIENT_V2],
                    clients->sub_count[GN_CLIENT_PROXY] + clients->sub_count[GN_CLIENT_V2],
                    loading.skipped);
    return err;
}

/* ---- commits ---- */

/* On the helper thread: one client. Returns 0 or an errno. */
static int write_one(const struct gn_clients *clients, const struct gn_client_entry *entry)
{
    char path[PATH_MAX];

    if (!make_path(clients, &entry->id, path))
        return ENAMETOOLONG;
    if (entry->is_removal)
        return unlink(path) == 0 || errno == ENOENT ? 0 : errno;
    if (entry->result != GN_OK)
        return ENOMEM; /* there was no memory for the text */
    return gn_file_replace(path, gn_buf_str(&entry->text)) == GN_OK ? 0 : errno;
}

/* On the helper thread: whether the files that were unlinked stay so. */
static void sync_removals(struct gn_clients *clients, bool has_removed)
{
    struct gn_client_entry *entry;

    if (!has_removed || gn_file_sync_folder(clients->folder) == GN_OK)
        return;
    if (clients->os_error == 0)
        clients->os_error = errno;
    TAILQ_FOREACH (entry, &clients->writing, write_link)
        if (entry->is_removal)
            entry->result = GN_EIO;
}

/* On the helper thread. */
static void run_write(void *ctx)
{
    struct gn_clients *clients = ctx;
    struct gn_client_entry *entry;
    bool has_removed = false;
    int os_error;

    TAILQ_FOREACH (entry, &clients->writing, write_link) {
        os_error = write_one(clients, entry);
        entry->result = os_error == 0 ? GN_OK : GN_EIO;
        has_removed = has_removed || entry->is_removal;
        if (os_error != 0 && clients->os_error == 0)
            clients->os_error = os_error;
    }
    sync_removals(clients, has_removed);
}

static void end_write(void *ctx);

/* Moves a dirty client to the write. One that is gone and came back has its file from the new one,
 * which is dirty too. */
static void prepare(struct gn_clients *clients, struct gn_client_entry *entry)
{
    TAILQ_REMOVE(&clients->dirty, entry, dirty_link);
    entry->is_dirty = false;
    if (entry->is_gone && gn_clients_find(clients, gn_str_of(entry->id.text)) != NULL) {
        gn_client_entry_free(entry);
        return;
    }
    entry->is_writing = true;
    entry->is_removal = entry->is_gone;
    TAILQ_INSERT_TAIL(&clients->writing, entry, write_link);
    if (!entry->is_removal)
        gn_client_write_file(&entry->client, &entry->text);
    entry->result = gn_buf_err(&entry->text);
}

/* Turns what has changed into text and sends the helper thread off; who waited for the next write
 * now waits for this one. */
static void start_write(struct gn_clients *clients)
{
    GN_ASSERT(!clients->is_running && STAILQ_EMPTY(&clients->running));
    STAILQ_CONCAT(&clients->running, &clients->next);
    while (!TAILQ_EMPTY(&clients->dirty))
        prepare(clients, TAILQ_FIRST(&clients->dirty));
    clients->os_error = 0;
    clients->is_running = true;
    clients->job = (struct gn_job){.run = run_write, .done = end_write, .ctx = clients};
    gn_worker_submit(clients->worker, &clients->job);
}

/* Takes a client back from the helper thread. Returns whether all is on disk as it was then. */
static bool take_back(struct gn_clients *clients, struct gn_client_entry *entry)
{
    const bool is_done = entry->result == GN_OK;

    TAILQ_REMOVE(&clients->writing, entry, write_link);
    entry->is_writing = false;
    gn_buf_free(&entry->text);
    if (!is_done)
        gn_client_mark_dirty(entry);
    else if (entry->is_removal)
        gn_client_entry_free(entry);
    return is_done;
}

/* In a turn of the loop, when a write has ended. */
static void end_write(void *ctx)
{
    struct gn_clients *clients = ctx;
    struct gn_store_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
    bool is_done = true;

    while (!TAILQ_EMPTY(&clients->writing))
        if (!take_back(clients, TAILQ_FIRST(&clients->writing)))
            is_done = false;
    if (!is_done)
        gn_log_error("store.write_failed folder=%s reason=%s", clients->folder,
                     strerror(clients->os_error));
    clients->is_running = false;
    clients->has_failed = !is_done;
    STAILQ_CONCAT(&waiters, &clients->running);
    if (!STAILQ_EMPTY(&clients->next))
        start_write(clients);
    gn_store_waiters_tell(&waiters, is_done ? GN_OK : GN_EIO); /* last: may free the store */
}

enum gn_err gn_clients_commit(struct gn_clients *clients, gn_clients_done_fn done, void *ctx)
{
    if (!gn_store_waiters_add(&clients->next, done, ctx))
        return GN_ENOMEM;
    if (!clients->is_running)
        start_write(clients);
    return GN_OK;
}

bool gn_clients_write_failed(const struct gn_clients *clients)
{
    return clients->has_failed;
}
