/* Rewriting a closed segment without the records that nobody needs: a copy beside it, which then
 * takes its name. On the reading thread, so that no read is under way meanwhile. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#include "journal_priv.h"

#define COPY_BYTES   ((size_t)1 << 20) /* written at once */
#define TMP_NAME_MAX (GN_SEGMENT_NAME_MAX + sizeof ".tmp")

struct gn_journal_rewriting {
    struct gn_job job;
    struct gn_journal *journal;
    struct gn_journal_seg *seg; /* with a reference */
    gn_journal_keep_fn keep;
    void (*done)(void *ctx, enum gn_err err);
    void *ctx;
    /* of the job */
    int from, to;
    struct gn_buf out;
    uint64_t offset;       /* in the copy, of what is in out */
    uint64_t index_offset; /* in the copy */
    enum gn_err err;
    int os_error;
    struct gn_journal_harms harms;
};

/* ---- on the reading thread ---- */

static enum gn_err write_out(struct gn_journal_rewriting *w)
{
    enum gn_err err = gn_buf_err(&w->out);

    if (err == GN_OK)
        err = gn_segment_write(w->to, gn_buf_str(&w->out), w->offset, false);
    w->offset += w->out.len;
    gn_buf_reset(&w->out);
    return err;
}

/* The MARK is not copied: without all of its records a checkpoint is none. The SEAL is made anew.
 */
static bool is_kept(struct gn_journal_rewriting *w, const struct gn_record *record, bool is_index)
{
    if (record->type < GN_RECORD_OWNER)
        return false;
    return is_index || w->keep(w->ctx, record);
}

static enum gn_err copy_record(void *ctx, const struct gn_record *record, uint64_t offset)
{
    struct gn_journal_rewriting *w = ctx;
    const bool is_index = offset == w->seg->index_offset;

    if (atomic_load(&w->journal->is_ending))
        return GN_ECANCELED;
    if (gn_journal_seg_is_copy(record, w->seg->end_sequence))
        return GN_OK;
    gn_journal_harms_pass(&w->harms, record);
    if (!is_kept(w, record, is_index))
        return GN_OK;
    if (is_index)
        w->index_offset = w->offset + w->out.len;
    gn_frame_add(&w->out, w->seg->header.salt, record);
    return w->out.len >= COPY_BYTES ? write_out(w) : gn_buf_err(&w->out);
}

static void copy_damage(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes)
{
    struct gn_journal_rewriting *w = ctx;

    gn_journal_harms_add(&w->harms, damage, bytes);
}

static enum gn_err copy_header(struct gn_journal_rewriting *w)
{
    char header[GN_SEGMENT_HEADER];

    if (pread(w->from, header, sizeof header, 0) != (ssize_t)sizeof header)
        return GN_EIO;
    return gn_segment_write(w->to, (struct gn_str){header, sizeof header}, 0, false);
}

/* Writes the copy: header, what is kept, a SEAL. */
static enum gn_err copy(struct gn_journal_rewriting *w)
{
    const struct gn_segment_visitor visitor = {copy_record, copy_damage, w};
    const struct gn_journal_seg *seg = w->seg;
    enum gn_err err = copy_header(w);
    uint64_t end;

    w->offset = GN_SEGMENT_HEADER;
    if (err == GN_OK)
        err = gn_segment_scan(w->from, seg->header.salt, GN_SEGMENT_HEADER, seg->durable_end,
                              &visitor, &end);
    if (err != GN_OK)
        return err;
    gn_journal_harms_end(&w->harms, seg->end_sequence);
    gn_journal_seg_add_seal(seg, w->index_offset, &w->out);
    return write_out(w);
}

/* Syncs the copy and gives it the segment's name. */
static enum gn_err replace(const struct gn_journal_rewriting *w, const char *tmp, const char *name)
{
    const int dir_fd = w->journal->dir_fd;

    if (fsync(w->to) != 0 || renameat(dir_fd, tmp, dir_fd, name) != 0)
        return GN_EIO;
    (void)fsync(dir_fd); /* should a power failure bring the old file back, it holds all, too */
    return GN_OK;
}

static enum gn_err rewrite_file(struct gn_journal_rewriting *w)
{
    const int dir_fd = w->journal->dir_fd;
    char name[GN_SEGMENT_NAME_MAX], tmp[TMP_NAME_MAX];
    enum gn_err err = GN_EIO;

    gn_segment_name(w->seg->header.number, name);
    (void)snprintf(tmp, sizeof tmp, "%s.tmp", name);
    (void)unlinkat(dir_fd, tmp, 0); /* of a rewrite that a crash cut off */
    w->from = gn_journal_seg_open(w->journal, w->seg->header.number, O_RDONLY);
    if (w->from >= 0)
        w->to = openat(dir_fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->to >= 0)
        err = copy(w);
    if (err == GN_OK)
        err = replace(w, tmp, name);
    w->os_error = errno;
    if (w->to >= 0 && err != GN_OK)
        (void)unlinkat(dir_fd, tmp, 0); /* the next start removes what stays */
    return err;
}

static enum gn_err rewrite_memory(struct gn_journal_rewriting *w)
{
    enum gn_err err;

    w->from = w->seg->fd;
    err = gn_segment_create(-1, &w->seg->header, 0, &w->to);
    if (err == GN_OK)
        err = copy(w);
    w->os_error = errno;
    if (err == GN_OK) {
        w->seg->fd = w->to;
        w->to = -1;
    } else {
        w->from = -1; /* stays the segment's */
    }
    return err;
}

static void run_rewrite(void *ctx)
{
    struct gn_journal_rewriting *w = ctx;

    w->err = w->journal->is_memory ? rewrite_memory(w) : rewrite_file(w);
    if (w->err == GN_OK)
        w->seg->generation++;
    if (w->from >= 0)
        (void)close(w->from); /* only read */
    if (w->to >= 0)
        (void)close(w->to); /* synced, or given up */
    gn_buf_free(&w->out);
}

/* ---- on the loop's thread ---- */

static void take_result(struct gn_journal *j, struct gn_journal_rewriting *w)
{
    struct gn_journal_seg *seg = w->seg;

    seg->durable_end = seg->fill = w->offset;
    seg->index_offset = w->index_offset;
    seg->is_sealed = true;
    gn_buf_reset(&seg->harms); /* the copy has none of the damaged places */
    if (seg->is_listed)
        gn_journal_seg_set_bytes(j, seg, w->offset);
}

static void on_rewritten(void *ctx)
{
    struct gn_journal_rewriting *w = ctx;
    struct gn_journal *j = w->journal;

    j->rewriting = NULL;
    gn_journal_harms_tell(j, w->seg, &w->harms);
    if (w->err == GN_OK)
        take_result(j, w);
    else if (w->err != GN_ECANCELED)
        gn_log_warn("journal.rewrite_failed journal=%s segment=%" PRIu64 " reason=\"%s\"", j->name,
                    w->seg->header.number,
                    w->err == GN_EIO ? strerror(w->os_error) : gn_err_text(w->err));
    if (w->err == GN_EIO && w->os_error == ENOENT)
        gn_journal_seg_vanished(j, w->seg);
    gn_journal_seg_unref(w->seg);
    w->done(w->ctx, w->err);
    free(w);
}

static struct gn_journal_seg *find_closed(struct gn_journal *j, uint64_t number)
{
    struct gn_journal_seg *seg;

    TAILQ_FOREACH (seg, &j->segs, link)
        if (seg->header.number == number)
            return gn_journal_seg_is_rewritable(j, seg) ? seg : NULL;
    return NULL;
}

enum gn_err gn_journal_rewrite(struct gn_journal *j, uint64_t number, gn_journal_keep_fn keep,
                               void (*done)(void *ctx, enum gn_err err), void *ctx)
{
    struct gn_journal_seg *seg = find_closed(j, number);
    struct gn_journal_rewriting *w;

    if (j->rewriting != NULL)
        return GN_EBUSY;
    if (seg == NULL)
        return GN_ENOTFOUND;
    w = calloc(1, sizeof *w);
    if (w == NULL)
        return GN_ENOMEM;
    w->job = (struct gn_job){.run = run_rewrite, .done = on_rewritten, .ctx = w};
    w->journal = j;
    w->seg = seg;
    seg->refs++;
    if (seg->sealed_ns == 0) /* it was not: a crash ended it */
        seg->sealed_ns = gn_clock_real_ns();
    w->keep = keep;
    w->done = done;
    w->ctx = ctx;
    w->from = w->to = -1;
    w->out = gn_buf_with_limit(SIZE_MAX);
    w->harms = (struct gn_journal_harms){.journal = j,
                                         .number = number,
                                         .expected = seg->header.first_sequence};
    j->rewriting = w;
    gn_worker_submit(j->read, &w->job);
    return GN_OK;
}
