/* The records in files: the lock, loading at start, and commits. A commit turns memory into text in
 * the loop; the helper thread puts the text in the file's place. One write for each kind runs at a
 * time; what is committed meanwhile goes into the next. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"

#include "store_priv.h"

static const char *const file_names[GN_PUBSUB_KINDS] = {
    [GN_SUBSCRIPTION] = "sub.json",
    [GN_PUBLISHER] = "pub.json",
    [GN_NATIVE] = "native.json",
};

/* ---- writing records ---- */

/* Appends the four members, each with its separator in front. */
static void write_members(const struct gn_pubsub_item *item, const char *const separators[4],
                          const char *absent, struct gn_buf *out)
{
    gn_buf_puts(out, separators[0]);
    gn_text_add_json(out, gn_str_of(item->id));
    gn_buf_puts(out, separators[1]);
    if (item->endpoint_uri != NULL)
        gn_text_add_json(out, gn_str_of(item->endpoint_uri));
    else
        gn_buf_puts(out, absent);
    gn_buf_puts(out, separators[2]);
    gn_text_add_json(out, gn_str_of(item->uri_location));
    gn_buf_puts(out, separators[3]);
    gn_text_add_json(out, gn_str_of(item->resource));
}

void gn_pubsub_write_item(const struct gn_pubsub_item *item, struct gn_buf *out)
{
    static const char *const separators[] = {"{\"id\":", ",\"endpointUri\":", ",\"uriLocation\":",
                                             ",\"resource\":"};

    write_members(item, separators, "\"\"", out);
    gn_buf_putc(out, '}');
}

void gn_pubsub_write_file_item(const struct gn_pubsub_item *item, struct gn_buf *out)
{
    static const char *const separators[] = {" {\n  \"id\": ", ",\n  \"endpointUri\": ",
                                             ",\n  \"uriLocation\": ", ",\n  \"resource\": "};

    if (item->kind == GN_NATIVE) {
        gn_buf_puts(out, item->config);
        return;
    }
    write_members(item, separators, "null", out);
    gn_buf_puts(out, "\n }");
}

/* The text being written. */
struct list_writer {
    struct gn_buf *out;
    bool has_items;
};

static bool write_list_item(void *ctx, struct gn_pubsub_item *item)
{
    struct list_writer *list = ctx;

    gn_buf_puts(list->out, list->has_items ? ",\n" : "[\n");
    list->has_items = true;
    gn_pubsub_write_file_item(item, list->out);
    return true;
}

void gn_pubsub_write_all(struct gn_pubsub *store, enum gn_pubsub_kind kind, struct gn_buf *out)
{
    struct list_writer list = {.out = out};

    gn_pubsub_each(store, kind, write_list_item, &list);
    gn_buf_puts(out, list.has_items ? "\n]" : "[]");
}

/* ---- open and close ---- */

static enum gn_err take_lock(struct gn_pubsub *store, const char *folder)
{
    char *path = gn_store_join_path(folder, "lock");
    enum gn_err err = GN_OK;

    if (path == NULL)
        return GN_ENOMEM;
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (store->lock_fd < 0)
        err = GN_EIO;
    else if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK ? GN_EEXIST : GN_EIO;
    free(path);
    return err;
}

enum gn_err gn_pubsub_files_open(struct gn_pubsub *store, const char *folder)
{
    enum gn_err err;

    store->lock_fd = -1;
    for (unsigned kind = 0; kind < GN_PUBSUB_KINDS; kind++) {
        struct gn_pubsub_file *file = &store->files[kind];

        file->store = store;
        file->kind = (enum gn_pubsub_kind)kind;
        file->text = gn_buf_with_limit(GN_PUBSUB_FILE_MAX);
        STAILQ_INIT(&file->running);
        STAILQ_INIT(&file->next);
        file->path = gn_store_join_path(folder, file_names[kind]);
        if (file->path == NULL)
            return GN_ENOMEM;
    }
    err = gn_file_mkdirs(folder);
    return err == GN_OK ? take_lock(store, folder) : err;
}

void gn_pubsub_files_close(struct gn_pubsub *store)
{
    for (unsigned kind = 0; kind < GN_PUBSUB_KINDS; kind++) {
        GN_ASSERT(!store->files[kind].is_running);
        gn_buf_free(&store->files[kind].text);
        free(store->files[kind].path);
    }
    if (store->lock_fd >= 0)
        (void)close(store->lock_fd); /* gives the lock back; nothing was written */
}

/* ---- loading ---- */

/* One file being loaded. */
struct loading {
    struct gn_pubsub_file *file;
    unsigned index; /* of the record, from 0 */
    unsigned skipped;
};

static enum gn_err load_record(void *ctx, const struct gn_pubsub_record *record)
{
    struct loading *loading = ctx;
    struct gn_pubsub_file *file = loading->file;
    const char *problem = record->problem;
    struct gn_pubsub_item *item;
    enum gn_err err;

    if (problem == NULL) {
        err = gn_pubsub_insert(file->store, file->kind, record, &item);
        if (err == GN_ENOMEM)
            return err;
        problem = gn_store_insert_problem(err);
    }
    if (problem != NULL) {
        loading->skipped++;
        gn_log_warn("store.record_skipped file=%s index=%u reason=%s", file->path, loading->index,
                    problem);
    }
    loading->index++;
    return GN_OK;
}

static enum gn_err put_aside(struct gn_pubsub_file *file, enum gn_err why)
{
    const enum gn_err err = gn_store_put_aside(file->path, why);

    file->is_missing = err == GN_OK;
    return err;
}

static enum gn_err load_file(struct gn_pubsub_file *file)
{
    struct loading loading = {.file = file};
    struct gn_buf text = GN_BUF_INIT;
    enum gn_err err = gn_file_read(file->path, GN_PUBSUB_FILE_MAX, &text);

    file->was_there = err != GN_ENOTFOUND;
    file->is_missing = !file->was_there;
    if (err == GN_OK)
        err = gn_pubsub_parse(file->kind, gn_buf_str(&text), load_record, &loading);
    gn_buf_free(&text);
    if (err == GN_ENOTFOUND)
        return GN_OK;
    if (err == GN_EPARSE || err == GN_ELIMIT)
        return put_aside(file, err);
    if (err == GN_OK)
        gn_log_info("store.loaded file=%s records=%zu skipped=%u", file->path,
                    gn_pubsub_count(file->store, file->kind), loading.skipped);
    return err;
}

enum gn_err gn_pubsub_load(struct gn_pubsub *store)
{
    enum gn_err err = GN_OK;

    for (unsigned kind = 0; err == GN_OK && kind < GN_PUBSUB_KINDS; kind++)
        err = load_file(&store->files[kind]);
    return err;
}

enum gn_err gn_pubsub_make_files(struct gn_pubsub *store)
{
    enum gn_err err = GN_OK;

    for (unsigned kind = 0; err == GN_OK && kind < GN_PUBSUB_KINDS; kind++)
        if (store->files[kind].is_missing)
            err = gn_file_replace(store->files[kind].path, GN_STR(""));
    return err;
}

/* ---- commits ---- */

/* On the helper thread. */
static void run_write(void *ctx)
{
    struct gn_pubsub_file *file = ctx;

    if (file->result != GN_OK)
        return; /* there was no memory for the text */
    file->result = gn_file_replace(file->path, gn_buf_str(&file->text));
    if (file->result != GN_OK)
        file->os_error = errno;
}

static void end_write(void *ctx);

/* Turns memory into text and sends the helper thread off; who waited for the next write now waits
 * for this one. */
static void start_write(struct gn_pubsub_file *file)
{
    GN_ASSERT(!file->is_running && STAILQ_EMPTY(&file->running));
    STAILQ_CONCAT(&file->running, &file->next);
    gn_pubsub_write_all(file->store, file->kind, &file->text);
    file->result = gn_buf_err(&file->text);
    file->os_error = ENOMEM;
    file->is_running = true;
    file->job = (struct gn_job){.run = run_write, .done = end_write, .ctx = file};
    gn_worker_submit(file->store->worker, &file->job);
}

/* In a turn of the loop, when a write has ended. */
static void end_write(void *ctx)
{
    struct gn_pubsub_file *file = ctx;
    const enum gn_err result = file->result == GN_OK ? GN_OK : GN_EIO;
    struct gn_store_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);

    if (result != GN_OK)
        gn_log_error("store.write_failed file=%s reason=%s", file->path, strerror(file->os_error));
    gn_buf_free(&file->text);
    file->is_running = false;
    file->has_failed = result != GN_OK;
    STAILQ_CONCAT(&waiters, &file->running);
    if (!STAILQ_EMPTY(&file->next))
        start_write(file);
    gn_store_waiters_tell(&waiters, result); /* last: the last of them may close the store */
}

enum gn_err gn_pubsub_commit(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                             gn_pubsub_done_fn done, void *ctx)
{
    struct gn_pubsub_file *file = &store->files[kind];

    if (!gn_store_waiters_add(&file->next, done, ctx))
        return GN_ENOMEM;
    if (!file->is_running)
        start_write(file);
    return GN_OK;
}

bool gn_pubsub_had_file(const struct gn_pubsub *store, enum gn_pubsub_kind kind)
{
    return store->files[kind].was_there;
}

bool gn_pubsub_write_failed(const struct gn_pubsub *store)
{
    for (unsigned kind = 0; kind < GN_PUBSUB_KINDS; kind++)
        if (store->files[kind].has_failed)
            return true;
    return false;
}
