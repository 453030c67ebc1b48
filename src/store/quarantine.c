/* Files of unreadable bodies. The loop keeps the list of what is in the folder and decides; a job
 * of the helper thread unlinks what has to go and writes the new pair. Jobs run in order, so a file
 * can be given up by a later job before it was written. Nothing is synced: after a power failure
 * the last ones may be missing. Looking at what is kept: quarantine_read.c. */
#include "gurnard/store/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"

#include "quarantine_priv.h"

#define PENDING_MAX 1000 /* bodies waiting for the helper thread: small ones have to end too */
#define STEM_CHARS  "0123456789-"

/* One body to be written. From submission to done everything but owner belongs to the helper
 * thread. */
struct put {
    struct gn_job job;
    struct gn_quarantine *owner;
    const char *folder; /* borrowed: never changes */
    char stem[GN_QUARANTINE_STEM_MAX];
    struct gn_kept_list doomed; /* to be unlinked first */
    struct gn_buf meta;
    int os_error; /* 0: all written */
    size_t body_len;
    char body[];
};

bool gn_quarantine_path(char path[PATH_MAX], const char *folder, const char *stem, const char *end)
{
    const int len = snprintf(path, PATH_MAX, "%s/%s%s", folder, stem, end);

    return len > 0 && len < PATH_MAX;
}

static void unlink_end(const char *folder, const char *stem, const char *end)
{
    char path[PATH_MAX];

    if (gn_quarantine_path(path, folder, stem, end))
        (void)unlink(path); /* what stays is counted again at the next start */
}

static void unlink_pair(const char *folder, const char *stem)
{
    unlink_end(folder, stem, GN_QUARANTINE_BODY_END);
    unlink_end(folder, stem, GN_QUARANTINE_META_END);
}

void gn_quarantine_unlink(const char *folder, const struct gn_kept_list *doomed)
{
    const struct gn_kept *kept;

    TAILQ_FOREACH (kept, doomed, link)
        unlink_pair(folder, kept->stem);
}

/* ---- on the helper thread ---- */

/* Writes a new file. Returns 0 or an errno. */
static int write_new(const char *path, struct gn_str data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int os_error = 0;
    ssize_t put;

    if (fd < 0)
        return errno;
    while (data.len > 0 && os_error == 0) {
        put = write(fd, data.p, data.len);
        if (put < 0) {
            os_error = errno == EINTR ? 0 : errno;
            continue;
        }
        data.p += put;
        data.len -= (size_t)put;
    }
    if (close(fd) != 0 && os_error == 0)
        os_error = errno;
    return os_error;
}

static int write_end(const struct put *put, const char *end, struct gn_str data)
{
    char path[PATH_MAX];

    return gn_quarantine_path(path, put->folder, put->stem, end) ? write_new(path, data)
                                                                 : ENAMETOOLONG;
}

static void run_put(void *ctx)
{
    struct put *put = ctx;

    gn_quarantine_unlink(put->folder, &put->doomed);
    put->os_error =
        write_end(put, GN_QUARANTINE_BODY_END, (struct gn_str){put->body, put->body_len});
    if (put->os_error == 0)
        put->os_error = write_end(put, GN_QUARANTINE_META_END, gn_buf_str(&put->meta));
    if (put->os_error != 0)
        unlink_pair(put->folder, put->stem);
}

/* ---- on the loop's thread ---- */

void gn_quarantine_free_list(struct gn_kept_list *list)
{
    struct gn_kept *kept;

    while ((kept = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, kept, link);
        free(kept);
    }
}

void gn_quarantine_show(struct gn_quarantine *q)
{
    gn_metric_set(q->files_metric, (double)q->files);
    gn_metric_set(q->bytes_metric, (double)q->bytes);
}

static bool keep(struct gn_quarantine *q, const char *stem, uint64_t bytes)
{
    struct gn_kept *kept = calloc(1, sizeof *kept);

    if (kept == NULL)
        return false;
    (void)snprintf(kept->stem, sizeof kept->stem, "%s", stem); /* checked by all callers */
    kept->bytes = bytes;
    TAILQ_INSERT_TAIL(&q->kept, kept, link);
    q->files++;
    q->bytes += bytes;
    return true;
}

void gn_quarantine_let_go(struct gn_quarantine *q, struct gn_kept *kept)
{
    TAILQ_REMOVE(&q->kept, kept, link);
    q->files--;
    q->bytes -= kept->bytes;
}

/* Moves the oldest to doomed until there is room for more. */
static void make_room(struct gn_quarantine *q, uint64_t files, uint64_t bytes,
                      struct gn_kept_list *doomed)
{
    struct gn_kept *oldest;

    while ((oldest = TAILQ_FIRST(&q->kept)) != NULL &&
           (q->files + files > q->config.max_files || q->bytes + bytes > q->config.max_bytes)) {
        gn_quarantine_let_go(q, oldest);
        TAILQ_INSERT_TAIL(doomed, oldest, link);
    }
}

/* A write that failed left nothing behind; its place in the list may be gone already. */
static void forget(struct gn_quarantine *q, const struct put *put)
{
    uint64_t held;
    struct gn_kept *kept;

    gn_metric_add(q->dropped_metric, 1);
    TAILQ_FOREACH_REVERSE(kept, &q->kept, gn_kept_list, link)
    {
        if (strcmp(kept->stem, put->stem) == 0) {
            gn_quarantine_let_go(q, kept);
            free(kept);
            break;
        }
    }
    if (gn_log_allow(&q->log_limit, gn_clock_mono_ms(), &held))
        gn_log_warn("quarantine.write_failed folder=%s reason=%s held=%" PRIu64, q->folder,
                    strerror(put->os_error), held);
}

static void put_free(struct put *put)
{
    if (put == NULL)
        return;
    gn_quarantine_free_list(&put->doomed);
    gn_buf_free(&put->meta);
    free(put);
}

static void end_put(void *ctx)
{
    struct put *put = ctx;
    struct gn_quarantine *q = put->owner;

    q->pending_puts--;
    q->pending_bytes -= put->body_len;
    if (put->os_error != 0)
        forget(q, put);
    gn_quarantine_show(q);
    put_free(put);
}

static void write_meta(struct gn_buf *out, int64_t now_ns, struct gn_str source, const char *reason,
                       size_t bytes)
{
    char time[GN_TIME_TEXT_MAX];

    gn_time_format(now_ns, time);
    gn_buf_printf(out, "{\"received\":\"%s\",\"source\":", time);
    gn_text_add_json(out, source);
    gn_buf_puts(out, ",\"reason\":");
    gn_text_add_json(out, gn_str_of(reason));
    gn_buf_printf(out, ",\"bytes\":%zu}\n", bytes);
}

static struct put *put_new(struct gn_quarantine *q, struct gn_str body, struct gn_str source,
                           const char *reason)
{
    const int64_t now_ns = gn_clock_real_ns();
    struct put *put = calloc(1, sizeof *put + body.len);

    if (put == NULL)
        return NULL;
    put->job = (struct gn_job){.run = run_put, .done = end_put, .ctx = put};
    put->owner = q;
    put->folder = q->folder;
    TAILQ_INIT(&put->doomed);
    put->meta = GN_BUF_INIT;
    put->body_len = body.len;
    if (body.len > 0)
        memcpy(put->body, body.p, body.len);
    /* of one width, so that the order of names is the order of time */
    (void)snprintf(put->stem, sizeof put->stem, "%019" PRId64 "-%" PRIu64, now_ns,
                   q->next_number++);
    write_meta(&put->meta, now_ns, source, reason, body.len);
    if (gn_buf_err(&put->meta) != GN_OK) {
        put_free(put);
        return NULL;
    }
    return put;
}

/* Whether a body may be kept at all, and may wait for the helper thread now. */
static bool is_welcome(const struct gn_quarantine *q, size_t bytes)
{
    return bytes <= q->config.max_bytes && bytes <= q->config.max_pending_bytes &&
           q->pending_bytes <= q->config.max_pending_bytes - bytes && q->pending_puts < PENDING_MAX;
}

void gn_quarantine_put(struct gn_quarantine *q, struct gn_str body, struct gn_str source,
                       const char *reason)
{
    struct put *put = is_welcome(q, body.len) ? put_new(q, body, source, reason) : NULL;

    if (put == NULL) {
        gn_metric_add(q->dropped_metric, 1);
        return;
    }
    make_room(q, 1, body.len, &put->doomed);
    (void)keep(q, put->stem, body.len); /* without memory it is counted at the next start only */
    q->pending_puts++;
    q->pending_bytes += body.len;
    gn_quarantine_show(q);
    gn_worker_submit(q->worker, &put->job);
}

/* ---- open and close ---- */

/* The part of a file's name before end, when it is one that we give; else the absent view. */
static struct gn_str stem_of(struct gn_str name, struct gn_str end)
{
    if (!gn_str_has_suffix(name, end) || name.len - end.len >= GN_QUARANTINE_STEM_MAX)
        return GN_STR_NONE;
    name.len -= end.len;
    for (size_t i = 0; i < name.len; i++)
        if (name.p[i] == '\0' || strchr(STEM_CHARS, name.p[i]) == NULL)
            return GN_STR_NONE;
    return name;
}

/* Names come in byte order, so that a body's name stands before that of its meta file. */
static enum gn_err count_file(void *ctx, const char *name)
{
    struct gn_quarantine *q = ctx;
    const struct gn_kept *last = TAILQ_LAST(&q->kept, gn_kept_list);
    const struct gn_str body_stem = stem_of(gn_str_of(name), GN_STR(GN_QUARANTINE_BODY_END));
    const struct gn_str meta_stem = stem_of(gn_str_of(name), GN_STR(GN_QUARANTINE_META_END));
    char path[PATH_MAX], stem[GN_QUARANTINE_STEM_MAX];
    struct stat st;

    if (meta_stem.len > 0 && (last == NULL || !gn_str_eq(gn_str_of(last->stem), meta_stem)))
        unlink_end(q->folder, "", name); /* its body is gone */
    if (body_stem.len == 0)
        return GN_OK; /* not ours, or a meta file */
    if (!gn_quarantine_path(path, q->folder, "", name) || lstat(path, &st) != 0 ||
        !S_ISREG(st.st_mode))
        return GN_OK;
    memcpy(stem, body_stem.p, body_stem.len);
    stem[body_stem.len] = '\0';
    return keep(q, stem, (uint64_t)st.st_size) ? GN_OK : GN_ENOMEM;
}

static void add_metrics(struct gn_quarantine *q, struct gn_metrics *metrics)
{
    q->files_metric = gn_metrics_gauge(metrics, "gurnard_quarantine_files", NULL,
                                       "Unreadable bodies kept in the quarantine folder.");
    q->bytes_metric = gn_metrics_gauge(metrics, "gurnard_quarantine_bytes", NULL,
                                       "Bytes of the bodies kept in the quarantine folder.");
    q->dropped_metric = gn_metrics_counter(metrics, "gurnard_quarantine_dropped_total", NULL,
                                           "Unreadable bodies that could not be kept.");
}

enum gn_err gn_quarantine_open(const struct gn_quarantine_config *config, struct gn_worker *worker,
                               struct gn_metrics *metrics, struct gn_quarantine **quarantine)
{
    struct gn_kept_list doomed = TAILQ_HEAD_INITIALIZER(doomed);
    struct gn_quarantine *q = calloc(1, sizeof *q);
    enum gn_err err = GN_ENOMEM;

    GN_ASSERT(config->max_files > 0);
    *quarantine = NULL;
    if (q == NULL)
        return GN_ENOMEM;
    TAILQ_INIT(&q->kept);
    q->worker = worker;
    q->config = *config;
    q->folder = gn_str_dup(gn_str_of(config->folder));
    q->config.folder = q->folder;
    if (q->folder == NULL)
        goto out;
    err = gn_file_mkdirs(q->folder);
    if (err == GN_OK)
        err = gn_file_each(q->folder, count_file, q);
    if (err != GN_OK)
        goto out;
    make_room(q, 0, 0, &doomed);
    gn_quarantine_unlink(q->folder, &doomed);
    add_metrics(q, metrics);
    gn_quarantine_show(q);
    *quarantine = q;
    q = NULL;
out:
    gn_quarantine_free_list(&doomed);
    gn_quarantine_close(q);
    return err;
}

void gn_quarantine_close(struct gn_quarantine *q)
{
    if (q == NULL)
        return;
    GN_ASSERT(q->pending_puts == 0 && q->pending_others == 0);
    gn_quarantine_free_list(&q->kept);
    free(q->folder);
    free(q);
}
