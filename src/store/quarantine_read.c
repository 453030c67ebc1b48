/* Looking at what is kept and dropping it by hand. A name from outside is only ever compared with
 * the names in the list; the file system gets to see the list's. The helper thread runs jobs in
 * order, so that a body is written before it is read or unlinked. */
#include "quarantine_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/file.h"

#define META_MAX_BYTES ((size_t)256 << 10) /* a longer one is not ours */

/* One body to be read. From submission to done everything but owner belongs to the helper thread.
 */
struct reading {
    struct gn_job job;
    struct gn_quarantine *owner;
    const char *folder; /* borrowed: never changes */
    char stem[GN_QUARANTINE_STEM_MAX];
    size_t max_bytes;
    gn_quarantine_read_fn done;
    void *ctx;
    enum gn_err err;
    struct gn_buf body, meta;
};

/* Pairs of files to be unlinked. */
struct removal {
    struct gn_job job;
    struct gn_quarantine *owner;
    const char *folder; /* borrowed: never changes */
    struct gn_kept_list doomed;
};

/* ---- on the helper thread ---- */

static enum gn_err read_end(const struct reading *reading, const char *end, size_t max_bytes,
                            struct gn_buf *out)
{
    char path[PATH_MAX];

    if (!gn_quarantine_path(path, reading->folder, reading->stem, end))
        return GN_EIO;
    return gn_file_read(path, max_bytes, out);
}

/* A body without a readable meta file is still worth having. */
static void run_read(void *ctx)
{
    struct reading *reading = ctx;

    reading->err = read_end(reading, GN_QUARANTINE_BODY_END, reading->max_bytes, &reading->body);
    if (reading->err == GN_ELIMIT)
        reading->err = GN_EIO; /* it has grown: not as we left it */
    if (reading->err == GN_OK &&
        read_end(reading, GN_QUARANTINE_META_END, META_MAX_BYTES, &reading->meta) == GN_ENOMEM)
        reading->err = GN_ENOMEM;
}

static void run_removal(void *ctx)
{
    const struct removal *removal = ctx;

    gn_quarantine_unlink(removal->folder, &removal->doomed);
}

/* ---- on the loop's thread ---- */

static void end_read(void *ctx)
{
    struct reading *reading = ctx;
    const bool is_read = reading->err == GN_OK;

    reading->owner->pending_others--;
    reading->done(reading->ctx, reading->err, is_read ? gn_buf_str(&reading->body) : GN_STR_NONE,
                  is_read ? gn_buf_str(&reading->meta) : GN_STR_NONE);
    gn_buf_free(&reading->body);
    gn_buf_free(&reading->meta);
    free(reading);
}

static void end_removal(void *ctx)
{
    struct removal *removal = ctx;

    removal->owner->pending_others--;
    gn_quarantine_free_list(&removal->doomed);
    free(removal);
}

static struct removal *removal_new(struct gn_quarantine *q)
{
    struct removal *removal = calloc(1, sizeof *removal);

    if (removal == NULL)
        return NULL;
    removal->job = (struct gn_job){.run = run_removal, .done = end_removal, .ctx = removal};
    removal->owner = q;
    removal->folder = q->folder;
    TAILQ_INIT(&removal->doomed);
    return removal;
}

static void doom(struct gn_quarantine *q, struct gn_kept *kept, struct removal *removal)
{
    gn_quarantine_let_go(q, kept);
    TAILQ_INSERT_TAIL(&removal->doomed, kept, link);
}

static void removal_start(struct removal *removal)
{
    struct gn_quarantine *q = removal->owner;

    gn_quarantine_show(q);
    q->pending_others++;
    gn_worker_submit(q->worker, &removal->job);
}

static struct gn_kept *find(const struct gn_quarantine *q, struct gn_str name)
{
    struct gn_kept *kept;

    TAILQ_FOREACH (kept, &q->kept, link)
        if (gn_str_eq(gn_str_of(kept->stem), name))
            return kept;
    return NULL;
}

uint64_t gn_quarantine_count(const struct gn_quarantine *q)
{
    return q->files;
}

uint64_t gn_quarantine_bytes(const struct gn_quarantine *q)
{
    return q->bytes;
}

void gn_quarantine_each(const struct gn_quarantine *q,
                        bool (*fn)(void *ctx, const char *name, uint64_t bytes), void *ctx)
{
    const struct gn_kept *kept;

    TAILQ_FOREACH (kept, &q->kept, link)
        if (!fn(ctx, kept->stem, kept->bytes))
            return;
}

enum gn_err gn_quarantine_read(struct gn_quarantine *q, struct gn_str name,
                               gn_quarantine_read_fn done, void *ctx)
{
    const struct gn_kept *kept = find(q, name);
    struct reading *reading;

    if (kept == NULL)
        return GN_ENOTFOUND;
    reading = calloc(1, sizeof *reading);
    if (reading == NULL)
        return GN_ENOMEM;
    reading->job = (struct gn_job){.run = run_read, .done = end_read, .ctx = reading};
    reading->owner = q;
    reading->folder = q->folder;
    memcpy(reading->stem, kept->stem, sizeof reading->stem);
    reading->max_bytes = (size_t)q->config.max_bytes;
    reading->done = done;
    reading->ctx = ctx;
    reading->body = GN_BUF_INIT;
    reading->meta = GN_BUF_INIT;
    q->pending_others++;
    gn_worker_submit(q->worker, &reading->job);
    return GN_OK;
}

enum gn_err gn_quarantine_remove(struct gn_quarantine *q, struct gn_str name)
{
    struct gn_kept *kept = find(q, name);
    struct removal *removal;

    if (kept == NULL)
        return GN_ENOTFOUND;
    removal = removal_new(q);
    if (removal == NULL)
        return GN_ENOMEM;
    doom(q, kept, removal);
    removal_start(removal);
    return GN_OK;
}

uint64_t gn_quarantine_purge(struct gn_quarantine *q)
{
    struct removal *removal = removal_new(q);
    struct gn_kept *kept;
    uint64_t count = q->files;

    if (removal == NULL)
        return 0;
    while ((kept = TAILQ_FIRST(&q->kept)) != NULL)
        doom(q, kept, removal);
    removal_start(removal);
    return count;
}
