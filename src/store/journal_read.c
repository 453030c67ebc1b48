/* Reading in order, a block at a time, on the reading thread. Only what is durable is read, so that
 * a reader never sees what a crash could take back. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gurnard/base/assert.h"

#include "journal_priv.h"

/* ---- on the reading thread ---- */

/* The bytes of the file, at most up to what is durable: a rewrite may have made it shorter. */
static uint64_t end_of(int fd, uint64_t end)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size < end)
        return (uint64_t)st.st_size;
    return end;
}

/* Goes through the frames read from offset on, with the damaged places among them: what did those
 * cost? In the file, frames and damaged places stand one behind another. */
static void pass_frames(struct gn_journal_reader *r, uint64_t offset, size_t first_harm)
{
    struct gn_str rest = gn_buf_str(&r->out);
    struct gn_record record;
    size_t next = first_harm, before;

    for (before = rest.len; gn_frame_next(&rest, &record); before = rest.len) {
        while (next < r->harms.count && r->harms.list[next].damage.offset <= offset) {
            r->harms.open = &r->harms.list[next];
            offset += r->harms.open->damage.bytes;
            next++;
        }
        gn_journal_harms_pass(&r->harms, &record);
        offset += before - rest.len;
    }
    if (next < r->harms.count)
        r->harms.open = &r->harms.list[r->harms.count - 1];
}

/* The block ends right behind a damaged place: what that has cost, the next event tells. */
static void look_ahead(struct gn_journal_reader *r, int fd, uint64_t end)
{
    const struct gn_segment_visitor visitor = {0};
    struct gn_buf ahead = GN_BUF_INIT;
    uint64_t offset = r->offset;
    struct gn_record record;
    struct gn_str rest;

    while (r->harms.open != NULL) {
        if (gn_segment_read(fd, r->seg->header.salt, &offset, end, r->max_bytes, &visitor,
                            &ahead) != GN_OK)
            break; /* the next read has the same trouble */
        if (ahead.len == 0)
            gn_journal_harms_end(&r->harms, r->end_sequence);
        for (rest = gn_buf_str(&ahead); gn_frame_next(&rest, &record);)
            if (gn_journal_seg_is_copy(&record, r->end_sequence))
                gn_journal_harms_end(&r->harms, r->end_sequence);
            else
                gn_journal_harms_pass(&r->harms, &record);
    }
    gn_buf_free(&ahead);
}

/* What is left of bytes when the records before the wanted event are gone; empty: no such event. */
static struct gn_str from_wanted(struct gn_str bytes, uint64_t wanted)
{
    struct gn_str rest = bytes;
    struct gn_record record;

    for (bytes = rest; gn_frame_next(&rest, &record); bytes = rest)
        if (record.count > 0 && record.sequence + record.count > wanted)
            return bytes;
    return GN_STR_NONE;
}

/* Takes off what was read from the first copy on. Whether there was one: the segment ends there. */
static bool drop_copies(struct gn_journal_reader *r)
{
    struct gn_str rest = gn_buf_str(&r->out);
    struct gn_record record;
    size_t at;

    for (at = 0; gn_frame_next(&rest, &record); at = r->out.len - rest.len) {
        if (!gn_journal_seg_is_copy(&record, r->end_sequence))
            continue;
        gn_buf_truncate(&r->out, at);
        return true;
    }
    return false;
}

/* Reads on until something wanted has come, or the end. */
static enum gn_err read_on(struct gn_journal_reader *r, int fd)
{
    const struct gn_segment_visitor visitor = {.damage = gn_journal_harms_add, .ctx = &r->harms};
    const uint64_t end = end_of(fd, r->end);
    uint64_t offset;
    size_t first_harm;
    enum gn_err err;

    do {
        offset = r->offset;
        first_harm = r->harms.count;
        err = gn_segment_read(fd, r->seg->header.salt, &r->offset, end, r->max_bytes, &visitor,
                              &r->out);
        if (err != GN_OK)
            return err;
        r->is_at_end = drop_copies(r) || r->out.len == 0 || r->offset >= end;
        pass_frames(r, offset, first_harm);
        r->frames = from_wanted(gn_buf_str(&r->out), r->next);
    } while (r->frames.len == 0 && !r->is_at_end);
    if (r->is_at_end)
        gn_journal_harms_end(&r->harms, r->end_sequence);
    else
        look_ahead(r, fd, end);
    return GN_OK;
}

static void run_read(void *ctx)
{
    struct gn_journal_reader *r = ctx;
    struct gn_journal_seg *seg = r->seg;
    const bool is_memory = r->journal->is_memory;
    int fd = seg->fd;

    if (!is_memory)
        fd = gn_journal_seg_open(r->journal, seg->header.number, O_RDONLY);
    if (fd < 0) {
        r->os_error = errno;
        r->err = GN_EIO;
        return;
    }
    r->harms.expected = r->next;
    if (r->number != seg->header.number || r->generation != seg->generation) {
        r->offset = GN_SEGMENT_HEADER;
        r->harms.expected = seg->header.first_sequence;
    }
    r->number = seg->header.number;
    r->generation = seg->generation;
    r->err = read_on(r, fd);
    r->os_error = r->err == GN_OK ? 0 : errno;
    if (!is_memory)
        (void)close(fd); /* only read */
}

/* ---- on the loop's thread ---- */

/* The first segment with durable events that the reader has not seen. */
static struct gn_journal_seg *wanted_seg(const struct gn_journal_reader *r)
{
    struct gn_journal_seg *seg;

    TAILQ_FOREACH (seg, &r->journal->segs, link)
        if (seg->durable_next > r->next && seg->durable_end > 0)
            return seg;
    return NULL;
}

static void reader_free(struct gn_journal_reader *r)
{
    if (r->journal != NULL)
        LIST_REMOVE(r, link);
    gn_buf_free(&r->out);
    free(r);
}

/* Calls the user back. r may be gone. */
static void finish(struct gn_journal_reader *r, enum gn_err err, struct gn_str frames)
{
    const struct gn_journal *j = r->journal;
    const struct gn_journal_block block = {
        .err = err,
        .frames = frames,
        .next = r->next,
        .is_end = err == GN_OK && r->next >= j->durable_next,
    };

    r->is_busy = false;
    r->done(r->ctx, &block);
}

/* The number behind the last event in frames. */
static uint64_t end_of_frames(struct gn_str frames, uint64_t next)
{
    struct gn_record record;

    while (gn_frame_next(&frames, &record))
        if (record.count > 0 && record.sequence + record.count > next)
            next = record.sequence + record.count;
    return next;
}

/* Moves the reader behind what the job has read. */
static void move_on(struct gn_journal_reader *r)
{
    r->next = end_of_frames(r->frames, r->next);
    if (r->is_at_end && r->end_sequence > r->next)
        r->next = r->end_sequence;
}

static void log_failure(struct gn_journal *j, const struct gn_journal_reader *r, uint64_t number)
{
    uint64_t held;

    if (gn_log_allow(&j->damaged_log, gn_loop_now_ms(j->loop), &held))
        gn_log_error("journal.read_failed journal=%s segment=%" PRIu64
                     " reason=\"%s\" held=%" PRIu64,
                     j->name, number,
                     r->err == GN_EIO ? strerror(r->os_error) : gn_err_text(r->err), held);
}

/* Its file is gone: dropped while the job waited for its turn, or taken away by somebody. */
static void pass_gone(struct gn_journal_reader *r, struct gn_journal_seg *seg)
{
    gn_journal_seg_vanished(r->journal, seg);
    r->err = GN_OK;
    r->is_at_end = true;
    r->frames = GN_STR_NONE;
}

static void on_read_done(void *ctx)
{
    struct gn_journal_reader *r = ctx;
    struct gn_journal *j = r->journal;
    struct gn_journal_seg *seg = r->seg;

    gn_journal_harms_tell(j, seg, &r->harms);
    if (r->err == GN_EIO && r->os_error == ENOENT)
        pass_gone(r, seg);
    else if (r->err != GN_OK)
        log_failure(j, r, seg->header.number);
    r->seg = NULL; /* only now: the owner may have freed the reader when it was told of a loss */
    gn_journal_seg_unref(seg);
    if (r->is_freed) {
        reader_free(r);
        return;
    }
    if (j->is_closing)
        r->err = GN_ECANCELED;
    if (r->err == GN_OK)
        move_on(r);
    finish(r, r->err, r->err == GN_OK ? r->frames : GN_STR_NONE);
}

/* There is nothing durable to be read. */
static void on_nothing(void *ctx)
{
    struct gn_journal_reader *r = ctx;

    if (r->next < r->journal->durable_next && wanted_seg(r) == NULL)
        r->next = r->journal->durable_next; /* what was there has been dropped */
    finish(r, GN_OK, GN_STR_NONE);
}

void gn_journal_read(struct gn_journal_reader *r, size_t max_bytes, gn_journal_read_fn done,
                     void *ctx)
{
    struct gn_journal *j = r->journal;
    struct gn_journal_seg *seg;

    GN_ASSERT(j != NULL && !r->is_busy);
    r->is_busy = true;
    r->done = done;
    r->ctx = ctx;
    seg = wanted_seg(r);
    if (seg == NULL) {
        j->is_flush_wanted = true; /* what is pending can be found by a later read */
        gn_journal_want_flush(j);
        gn_defer_call(j->loop, &r->defer, on_nothing, r);
        return;
    }
    r->seg = seg;
    seg->refs++;
    r->end = seg->durable_end;
    r->end_sequence = seg->durable_next;
    r->max_bytes = max_bytes > 0 ? max_bytes : 1;
    r->frames = GN_STR_NONE;
    r->err = GN_OK;
    r->is_at_end = false;
    r->harms = (struct gn_journal_harms){.journal = j, .number = seg->header.number};
    r->job = (struct gn_job){.run = run_read, .done = on_read_done, .ctx = r};
    gn_worker_submit(j->read, &r->job);
}

struct gn_journal_reader *gn_journal_reader_new(struct gn_journal *j, uint64_t sequence)
{
    struct gn_journal_reader *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->journal = j;
    r->next = sequence;
    r->out = GN_BUF_INIT;
    LIST_INSERT_HEAD(&j->readers, r, link);
    return r;
}

void gn_journal_reader_free(struct gn_journal_reader *r)
{
    if (r == NULL)
        return;
    gn_defer_cancel(&r->defer);
    if (r->seg != NULL)
        r->is_freed = true; /* when the job is done */
    else
        reader_free(r);
}

/* The jobs have ended; what is left are reads that find nothing. */
void gn_journal_readers_close(struct gn_journal *j)
{
    struct gn_journal_reader *r;

    while ((r = LIST_FIRST(&j->readers)) != NULL) {
        LIST_REMOVE(r, link);
        gn_defer_cancel(&r->defer);
        r->journal = NULL;
        if (r->is_busy)
            finish(r, GN_ECANCELED, GN_STR_NONE); /* r may be gone */
    }
}
