/* Group commit: the syncing thread is given all that is pending, one batch at a time. And what
 * happens when that fails: the segment is left as it is, what is not durable goes to a new one. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#include "journal_priv.h"

/* ---- on the syncing thread ---- */

static bool make_file(struct gn_journal *j, struct gn_journal_seg *seg)
{
    struct gn_journal_batch *batch = &j->batch;
    enum gn_err err;

    err = gn_segment_create(j->dir_fd, &seg->header, j->config.segment_bytes, &seg->fd);
    if (err == GN_EIO && errno == ENOENT && !j->is_memory) {
        batch->is_folder_new = gn_journal_remake_folder(j);
        if (batch->is_folder_new)
            err = gn_segment_create(j->dir_fd, &seg->header, j->config.segment_bytes, &seg->fd);
    }
    if (err == GN_EEXIST) {
        batch->is_number_taken = true;
        errno = EEXIST;
    }
    seg->is_made = err == GN_OK;
    return seg->is_made;
}

/* Whether the file's number cannot be given once more. The folder is synced with the number's next
 * file; should a crash bring the old one back before that, nothing in it was acknowledged. */
static bool is_number_stuck(const struct gn_journal *j, uint64_t number)
{
    char name[GN_SEGMENT_NAME_MAX];

    gn_segment_name(number, name);
    return unlinkat(j->dir_fd, name, 0) != 0 && errno != ENOENT;
}

/* A segment that failed is not touched again. With nothing durable in it the file goes. */
static void give_up_file(struct gn_journal *j, struct gn_journal_seg *seg)
{
    const int os_error = errno;
    const bool is_empty = seg->durable_end == 0;

    j->batch.failed = seg;
    j->batch.os_error = os_error;
    if (!seg->is_made || (j->is_memory && !is_empty))
        return;
    if (is_empty && !j->is_memory)
        j->batch.is_number_taken = is_number_stuck(j, seg->header.number);
    (void)close(seg->fd); /* whatever it says: nothing of it is relied on */
    seg->fd = -1;
    seg->is_made = !is_empty;
}

/* Gives back the room that the segment does not use. A failure costs no more than that room. */
static void finish_file(struct gn_journal *j, struct gn_journal_seg *seg, uint64_t end)
{
    if (j->is_memory)
        return;
    if (gn_segment_cut(seg->fd, end) != GN_OK)
        gn_log_warn("journal.cut_failed journal=%s segment=%" PRIu64 " reason=\"%s\"", j->name,
                    seg->header.number, strerror(errno));
    (void)close(seg->fd); /* what was written is synced */
    seg->fd = -1;
}

static bool write_chunk(struct gn_journal *j, const struct gn_journal_chunk *chunk)
{
    const struct gn_journal_chunk *next = TAILQ_NEXT(chunk, link);
    const bool is_last = next == NULL || next->seg != chunk->seg;
    const bool sync = is_last && !j->is_memory;

    if (!chunk->seg->is_made && !make_file(j, chunk->seg))
        return false;
    if (gn_segment_write(chunk->seg->fd, gn_buf_str(&chunk->bytes), chunk->offset, sync) != GN_OK)
        return false;
    j->batch.syncs += sync ? 1 : 0;
    if (chunk->is_end)
        finish_file(j, chunk->seg, chunk->offset + chunk->bytes.len);
    return true;
}

/* What a failed segment holds behind its durable part stands in a later one by now. If it cannot be
 * cut, recovery passes over that. */
static bool cut_abandoned(struct gn_journal *j, const struct gn_journal_seg *seg)
{
    const int fd = gn_journal_seg_open(j, seg->header.number, O_RDWR);
    bool is_cut;

    if (fd < 0)
        return false;
    is_cut = gn_segment_cut(fd, seg->durable_end) == GN_OK;
    (void)close(fd); /* nothing was written to it */
    return is_cut;
}

static void run_batch(void *ctx)
{
    struct gn_journal *j = ctx;
    struct gn_journal_batch *batch = &j->batch;
    const uint64_t start_us = gn_clock_mono_us();
    struct gn_journal_chunk *chunk;

    TAILQ_FOREACH (chunk, &batch->chunks, link) {
        if (!write_chunk(j, chunk)) {
            give_up_file(j, chunk->seg);
            break;
        }
    }
    batch->took_us = gn_clock_mono_us() - start_us;
    if (batch->failed == NULL && batch->abandoned != NULL)
        batch->is_cut = cut_abandoned(j, batch->abandoned);
}

/* ---- when it has ended ---- */

static void settle_chunk(struct gn_journal *j, struct gn_journal_chunk *chunk)
{
    struct gn_journal_seg *seg = chunk->seg;

    seg->durable_end = chunk->offset + chunk->bytes.len;
    seg->durable_next = chunk->next;
    if (chunk->next > j->durable_next)
        j->durable_next = chunk->next;
    j->durable_bytes += chunk->bytes.len;
    if (chunk->has_mark)
        j->checkpoint_number = seg->header.number;
    if (chunk->is_end)
        gn_journal_seg_set_bytes(j, seg, seg->durable_end);
    TAILQ_REMOVE(&j->batch.chunks, chunk, link);
    gn_journal_chunk_free(chunk);
}

/* Takes over what has become durable; the rest stays. */
static void settle(struct gn_journal *j)
{
    struct gn_journal_batch *batch = &j->batch;
    struct gn_journal_chunk *chunk;

    while ((chunk = TAILQ_FIRST(&batch->chunks)) != NULL && chunk->seg != batch->failed)
        settle_chunk(j, chunk);
    j->syncs += batch->syncs;
    gn_metric_add(j->metrics.syncs, (double)batch->syncs);
    if (batch->syncs > 0)
        gn_histogram_observe(j->metrics.sync_seconds, (double)batch->took_us / 1e6);
}

/* Moves the numbers of seg and all behind it up by one. */
static void renumber(struct gn_journal_seg *seg)
{
    for (; seg != NULL; seg = TAILQ_NEXT(seg, link))
        seg->header.number++;
}

static void log_failure(struct gn_journal *j)
{
    uint64_t held;

    if (gn_log_allow(&j->failed_log, gn_clock_mono_ms(), &held))
        gn_log_error("journal.write_failed journal=%s segment=%" PRIu64
                     " reason=\"%s\" held=%" PRIu64,
                     j->name, j->batch.failed->header.number, strerror(j->batch.os_error), held);
}

static void on_failure(struct gn_journal *j)
{
    struct gn_journal_batch *batch = &j->batch;

    log_failure(j);
    gn_metric_add(j->metrics.failures, 1);
    j->is_failing = true;
    j->failures_in_row++;
    j->os_error = batch->os_error;
    TAILQ_CONCAT(&batch->chunks, &j->pending, link);
    TAILQ_CONCAT(&j->pending, &batch->chunks, link);
    if (batch->failed->durable_end > 0)
        j->broken = batch->failed;
    else if (batch->is_number_taken)
        renumber(batch->failed);
}

static void end_abandoned(struct gn_journal *j)
{
    struct gn_journal_seg *seg = j->batch.abandoned;

    if (seg == NULL)
        return;
    if (j->batch.is_cut && seg->is_listed)
        gn_journal_seg_set_bytes(j, seg, seg->durable_end);
    j->batch.abandoned = NULL;
    gn_journal_seg_unref(seg);
}

static void on_success(struct gn_journal *j)
{
    end_abandoned(j);
    if ((j->batch.is_folder_new || j->os_error == ENOENT) && !j->is_closing)
        gn_journal_call_roll(j);
    if (!j->is_failing)
        return;
    gn_log_info("journal.healthy journal=%s attempts=%" PRIu64, j->name, j->failures_in_row);
    j->is_failing = false;
    j->failures_in_row = 0;
    j->os_error = 0;
}

/* The first new attempt is made at once, the others wait. */
static void try_again(struct gn_journal *j)
{
    if (j->is_closing)
        return;
    if (j->failures_in_row == 1)
        gn_journal_flush(j);
    else
        gn_timer_start(&j->retry_timer, GN_JOURNAL_RETRY_MS);
}

static void on_batch_done(void *ctx)
{
    struct gn_journal *j = ctx;
    const bool is_ok = j->batch.failed == NULL;

    j->batch.is_running = false;
    settle(j);
    if (is_ok)
        on_success(j);
    else
        on_failure(j);
    gn_journal_waits_end(j, is_ok ? GN_OK : GN_EIO);
    if (!is_ok) {
        try_again(j);
        return;
    }
    if (j->is_closing)
        gn_journal_flush(j);
    else
        gn_journal_flush_if_due(j);
}

/* ---- leaving a failed segment ---- */

/* Lets the pieces of old that are in moved stand behind what fresh has by now. */
static void move_chunks(struct gn_journal_chunks *moved, const struct gn_journal_seg *old,
                        struct gn_journal_seg *fresh)
{
    const uint64_t shift = fresh->fill - old->durable_end;
    struct gn_journal_chunk *chunk;

    TAILQ_FOREACH (chunk, moved, link) {
        if (chunk->seg != old)
            continue;
        chunk->seg = fresh;
        chunk->offset = fresh->fill;
        fresh->fill += chunk->bytes.len;
        if (!chunk->is_end)
            continue;
        /* a SEAL has a piece of its own; an index that stayed behind is none of the new segment */
        if (old->index_offset >= old->durable_end)
            fresh->index_offset = old->index_offset + shift;
        gn_buf_reset(&chunk->bytes);
        gn_journal_seg_add_seal(fresh, fresh->index_offset, &chunk->bytes);
    }
}

/* Waits that began before bytes were put in front of what they wait for. */
static void put_off_waits(struct gn_journal *j, uint64_t bytes)
{
    struct gn_journal_wait *wait;

    TAILQ_FOREACH (wait, &j->waits, link)
        wait->until_bytes += bytes;
}

/* fresh takes old's place in what is appended. */
static void take_over(struct gn_journal *j, struct gn_journal_seg *old,
                      struct gn_journal_seg *fresh)
{
    fresh->end_sequence = old->end_sequence;
    fresh->is_ended = old->is_ended;
    fresh->end_clock_ms = old->end_clock_ms;
    fresh->sealed_ns = old->sealed_ns;
    old->end_sequence = old->durable_next;
    if (!j->is_memory)
        gn_journal_seg_set_bytes(j, fresh, j->config.segment_bytes);
}

static void close_broken(struct gn_journal *j, struct gn_journal_seg *old)
{
    old->fill = old->durable_end;
    old->index_offset = 0;
    old->is_ended = true;
    j->broken = NULL;
    if (j->is_memory || j->batch.abandoned != NULL)
        return; /* one is cut, others keep their size: failures are rare */
    j->batch.abandoned = old;
    old->refs++;
}

/* Puts a new segment behind the one that failed; all that is pending of that one goes there. Until
 * there is memory for it, everything waits. */
static enum gn_err leave_broken(struct gn_journal *j)
{
    struct gn_journal_seg *old = j->broken;
    struct gn_journal_seg *fresh = gn_journal_seg_new(j, old->header.number + 1, old->durable_next);
    struct gn_journal_seg *current = j->current == old ? fresh : j->current;
    struct gn_journal_chunks moved = TAILQ_HEAD_INITIALIZER(moved);
    const uint64_t appended_bytes = j->appended_bytes;

    if (fresh == NULL)
        return GN_ENOMEM;
    TAILQ_CONCAT(&moved, &j->pending, link);
    renumber(TAILQ_NEXT(old, link));
    gn_journal_seg_list(j, fresh, old);
    j->current = fresh;
    gn_journal_begin(j);
    j->current = current;
    put_off_waits(j, j->appended_bytes - appended_bytes);
    take_over(j, old, fresh);
    move_chunks(&moved, old, fresh);
    if (j->is_memory || fresh->fill > fresh->bytes)
        gn_journal_seg_set_bytes(j, fresh, fresh->fill);
    TAILQ_CONCAT(&j->pending, &moved, link);
    close_broken(j, old);
    return GN_OK;
}

/* ---- handing over ---- */

void gn_journal_flush(struct gn_journal *j)
{
    struct gn_journal_batch *batch = &j->batch;

    if (batch->is_running || TAILQ_EMPTY(&j->pending))
        return;
    if (j->broken != NULL && (j->is_closing || leave_broken(j) != GN_OK)) {
        if (!j->is_closing)
            gn_timer_start(&j->retry_timer, GN_JOURNAL_RETRY_MS);
        return; /* the owner of a journal that is closed is not asked for a checkpoint any more */
    }
    gn_timer_stop(&j->lazy_timer);
    gn_defer_cancel(&j->turn);
    j->flushed_at_ms = gn_loop_now_ms(j->loop);
    TAILQ_CONCAT(&batch->chunks, &j->pending, link);
    j->pending_events = 0;
    j->is_flush_wanted = false;
    batch->failed = NULL;
    batch->os_error = 0;
    batch->is_number_taken = false;
    batch->is_folder_new = false;
    batch->is_cut = false;
    batch->syncs = 0;
    batch->is_running = true;
    batch->job = (struct gn_job){.run = run_batch, .done = on_batch_done, .ctx = j};
    gn_worker_submit(j->sync, &batch->job);
}

/* In memory there is nothing to wait for: only readers want it written. */
static bool is_due_in_memory(const struct gn_journal *j)
{
    const uint64_t limit = j->config.pending_bytes / 2 < GN_JOURNAL_MEMORY_BYTES
                               ? j->config.pending_bytes / 2
                               : GN_JOURNAL_MEMORY_BYTES;

    return j->appended_bytes - j->durable_bytes > limit ||
           TAILQ_FIRST(&j->pending)->seg != j->current;
}

/* Each sync costs about as much processor time as an event, and the disk's time. */
static void flush_on_disk(struct gn_journal *j)
{
    const uint64_t since_ms = gn_loop_now_ms(j->loop) - j->flushed_at_ms;

    if (j->pending_events == 0 && TAILQ_EMPTY(&j->waits)) {
        if (!gn_timer_is_running(&j->lazy_timer))
            gn_timer_start(&j->lazy_timer, GN_JOURNAL_LAZY_MS);
    } else if (since_ms < GN_JOURNAL_GROUP_MS && j->pending_events < GN_JOURNAL_GROUP_EVENTS) {
        gn_timer_start(&j->lazy_timer, GN_JOURNAL_GROUP_MS - since_ms);
    } else {
        gn_journal_flush(j);
    }
}

void gn_journal_flush_if_due(struct gn_journal *j)
{
    if (j->batch.is_running || j->is_failing || TAILQ_EMPTY(&j->pending))
        return;
    if (j->is_flush_wanted || (j->is_memory && is_due_in_memory(j)))
        gn_journal_flush(j);
    else if (!j->is_memory)
        flush_on_disk(j);
}

static void on_turn(void *ctx)
{
    gn_journal_flush_if_due(ctx);
}

void gn_journal_want_flush(struct gn_journal *j)
{
    if (!j->batch.is_running && !j->is_failing)
        gn_defer_call(j->loop, &j->turn, on_turn, j);
}

void gn_journal_on_turn_end(void *ctx)
{
    struct gn_journal *j = ctx;

    gn_defer_cancel(&j->turn);
    gn_journal_flush_if_due(j);
}

void gn_journal_on_lazy_timer(void *ctx)
{
    struct gn_journal *j = ctx;

    j->is_flush_wanted = true;
    gn_journal_flush_if_due(j);
}

void gn_journal_on_retry_timer(void *ctx)
{
    gn_journal_flush(ctx);
}
