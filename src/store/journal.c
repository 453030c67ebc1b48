/* The journal's life and its appending end. Records become frames in memory here, segment by
 * segment; journal_flush.c has them written. */
#include "gurnard/store/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#include "journal_priv.h"

#define THREAD_NAME_SIZE 16
#define COUNT_MAX        65535U

/* ---- pieces ---- */

struct gn_journal_chunk *gn_journal_chunk_new(struct gn_journal_seg *seg, size_t bytes)
{
    struct gn_journal_chunk *chunk = calloc(1, sizeof *chunk);

    if (chunk == NULL)
        return NULL;
    chunk->bytes = gn_buf_with_limit(bytes); /* so that not more than that is taken */
    gn_buf_reserve(&chunk->bytes, bytes);
    if (gn_buf_err(&chunk->bytes) != GN_OK) {
        gn_journal_chunk_free(chunk);
        return NULL;
    }
    chunk->seg = seg;
    chunk->next = seg->end_sequence;
    return chunk;
}

void gn_journal_chunk_free(struct gn_journal_chunk *chunk)
{
    gn_buf_free(&chunk->bytes);
    free(chunk);
}

/* The piece that takes the next frame; NULL: no memory. */
static struct gn_journal_chunk *chunk_for(struct gn_journal *j, size_t size)
{
    struct gn_journal_chunk *last = TAILQ_LAST(&j->pending, gn_journal_chunks);

    if (last != NULL && last->seg == j->current && last->bytes.cap - last->bytes.len > size)
        return last;
    last = gn_journal_chunk_new(j->current,
                                size < GN_JOURNAL_CHUNK_BYTES ? GN_JOURNAL_CHUNK_BYTES : size);
    if (last == NULL)
        return NULL;
    last->offset = j->current->fill;
    TAILQ_INSERT_TAIL(&j->pending, last, link);
    return last;
}

/* ---- frames ---- */

/* size bytes were added to the end of current. */
static void account(struct gn_journal *j, size_t size)
{
    struct gn_journal_seg *seg = j->current;

    j->last_offset = seg->fill;
    seg->fill += size;
    j->appended_bytes += size;
    gn_metric_add(j->metrics.records, 1);
    if (j->is_memory || seg->fill > seg->bytes)
        gn_journal_seg_set_bytes(j, seg, seg->fill);
    gn_journal_want_flush(j);
}

static enum gn_err add_frame(struct gn_journal *j, uint8_t type, uint32_t count,
                             struct gn_str payload)
{
    const struct gn_record record = {.sequence = j->next,
                                     .clock_ms = gn_journal_clock_ms(j),
                                     .count = count,
                                     .type = type,
                                     .payload = payload};
    struct gn_journal_chunk *chunk = chunk_for(j, gn_frame_size(payload.len));

    if (chunk == NULL)
        return GN_ENOMEM;
    gn_frame_add(&chunk->bytes, j->salt, &record);
    GN_ASSERT(gn_buf_err(&chunk->bytes) == GN_OK); /* there was room */
    j->current->end_clock_ms = record.clock_ms;
    if (count > 0) {
        j->next += count;
        j->current->end_sequence = j->next;
        chunk->next = j->next;
        j->pending_events++;
    }
    account(j, gn_frame_size(payload.len));
    return GN_OK;
}

/* ---- segments ---- */

void gn_journal_begin(struct gn_journal *j)
{
    bool is_whole;

    j->is_framing = true;
    j->is_frame_missing = false;
    is_whole = j->owner.begin == NULL || j->owner.begin(j->owner.ctx);
    is_whole =
        is_whole && !j->is_frame_missing && add_frame(j, GN_RECORD_MARK, 0, GN_STR_NONE) == GN_OK;
    if (is_whole)
        TAILQ_LAST(&j->pending, gn_journal_chunks)->has_mark = true;
    else /* the one before it stands for both */
        gn_log_warn("journal.no_checkpoint journal=%s reason=memory", j->name);
    j->is_framing = false;
    j->current->begin_end = j->current->fill;
}

/* Ends the current segment with its index and with seal, an empty piece that has room for it. */
static void end_segment(struct gn_journal *j, struct gn_journal_chunk *seal)
{
    struct gn_journal_seg *seg = j->current;
    const uint64_t fill = seg->fill;

    j->is_framing = true;
    j->is_frame_missing = false;
    if (j->owner.end != NULL)
        j->owner.end(j->owner.ctx);
    j->is_framing = false;
    if (seg->fill > fill && !j->is_frame_missing)
        seg->index_offset = j->last_offset;
    seg->sealed_ns = gn_clock_real_ns();
    seg->end_clock_ms = gn_journal_clock_ms(j);
    gn_journal_seg_add_seal(seg, seg->index_offset, &seal->bytes);
    seal->offset = seg->fill;
    seal->next = seg->end_sequence;
    seal->is_end = true;
    TAILQ_INSERT_TAIL(&j->pending, seal, link);
    account(j, seal->bytes.len);
    seg->is_ended = true;
}

/* Has what follows go to a new segment. GN_ENOMEM: nothing has changed. */
static enum gn_err rotate(struct gn_journal *j)
{
    struct gn_journal_chunk *seal = gn_journal_chunk_new(j->current, GN_JOURNAL_SEAL_BYTES);
    struct gn_journal_seg *fresh = gn_journal_seg_new(j, j->current->header.number + 1, j->next);

    if (seal == NULL || fresh == NULL) {
        if (seal != NULL)
            gn_journal_chunk_free(seal);
        if (fresh != NULL)
            gn_journal_seg_unref(fresh);
        return GN_ENOMEM;
    }
    end_segment(j, seal);
    gn_journal_seg_list(j, fresh, NULL);
    j->current = fresh;
    if (!j->is_memory)
        gn_journal_seg_set_bytes(j, fresh, j->config.segment_bytes);
    gn_journal_begin(j);
    return GN_OK;
}

/* Whether a record belongs into the next segment. Those without events go on in this one when there
 * is no room for another, and all do while the journal fails. */
static bool is_rotation_due(const struct gn_journal *j, uint32_t count, size_t size)
{
    if (j->is_failing || gn_journal_fits(j, size))
        return false;
    return count > 0 || j->bytes + gn_journal_growth(j, size) <= j->config.max_bytes;
}

/* ---- appending ---- */

static uint64_t pending_bytes(const struct gn_journal *j)
{
    return j->appended_bytes - j->durable_bytes;
}

/* Whether records with events are taken at all now, but for the room in segments. */
static enum gn_err check_events(const struct gn_journal *j, size_t size)
{
    if (j->is_failing)
        return GN_EIO;
    if (pending_bytes(j) + size > j->config.pending_bytes || j->is_disk_short)
        return GN_EFULL;
    return GN_OK;
}

enum gn_err gn_journal_has_room(const struct gn_journal *j, size_t bytes)
{
    const size_t size = gn_frame_size(bytes);
    enum gn_err err = check_events(j, size);

    if (err == GN_OK && !gn_journal_can_grow(j, gn_journal_growth(j, size)))
        err = GN_EFULL;
    return err;
}

static enum gn_err check(struct gn_journal *j, uint32_t count, size_t payload_len)
{
    const size_t size = gn_frame_size(payload_len);

    if (size > j->config.pending_bytes || size > j->config.max_bytes / 2)
        return GN_ELIMIT;
    if (count == 0)
        return pending_bytes(j) + size > 2 * j->config.pending_bytes ? GN_EFULL : GN_OK;
    return gn_journal_has_room(j, payload_len);
}

/* What the owner adds to a checkpoint or an index. */
static enum gn_err append_framing(struct gn_journal *j, uint8_t type, struct gn_str payload)
{
    enum gn_err err = add_frame(j, type, 0, payload);

    if (err != GN_OK)
        j->is_frame_missing = true;
    return err;
}

enum gn_err gn_journal_append(struct gn_journal *j, uint8_t type, uint32_t count,
                              struct gn_str payload, uint64_t *sequence)
{
    const size_t size = gn_frame_size(payload.len);
    enum gn_err err;

    GN_ASSERT(j->is_recovered && type >= GN_RECORD_OWNER && count <= COUNT_MAX);
    *sequence = j->next;
    if (j->is_framing) {
        GN_ASSERT(count == 0);
        return append_framing(j, type, payload);
    }
    err = check(j, count, payload.len);
    if (err == GN_OK && !gn_journal_fits(j, size))
        gn_journal_make_room(j, gn_journal_growth(j, size));
    if (err == GN_OK && is_rotation_due(j, count, size))
        err = rotate(j);
    return err == GN_OK ? add_frame(j, type, count, payload) : err;
}

bool gn_journal_is_durable(const struct gn_journal *j)
{
    return j->is_memory || j->durable_bytes == j->appended_bytes;
}

uint64_t gn_journal_next(const struct gn_journal *j)
{
    return j->next;
}

uint64_t gn_journal_durable_next(const struct gn_journal *j)
{
    return j->durable_next;
}

uint64_t gn_journal_clock_ms(const struct gn_journal *j)
{
    return j->clock_base_ms + (gn_clock_mono_ms() - j->opened_at_ms);
}

void gn_journal_set_needed(struct gn_journal *j, uint64_t sequence)
{
    if (sequence > j->needed)
        j->needed = sequence;
}

/* ---- life ---- */

/* "events" has the names that the documents tell of; others get a short one each. */
static bool start_threads(struct gn_journal *j)
{
    const bool is_main = strcmp(j->name, "events") == 0;
    char name[THREAD_NAME_SIZE];

    (void)snprintf(name, sizeof name, is_main ? "gurnard-sync" : "gn-%.7s-sync", j->name);
    j->sync = gn_worker_new(j->loop, name);
    (void)snprintf(name, sizeof name, is_main ? "gurnard-read" : "gn-%.7s-read", j->name);
    j->read = gn_worker_new(j->loop, name);
    return j->sync != NULL && j->read != NULL;
}

static void init_lists(struct gn_journal *j)
{
    TAILQ_INIT(&j->segs);
    TAILQ_INIT(&j->doomed);
    TAILQ_INIT(&j->drop.segs);
    TAILQ_INIT(&j->pending);
    TAILQ_INIT(&j->batch.chunks);
    TAILQ_INIT(&j->waits);
    LIST_INIT(&j->readers);
}

static void start_timers(struct gn_journal *j)
{
    gn_timer_init(&j->lazy_timer, j->loop, gn_journal_on_lazy_timer, j);
    gn_timer_init(&j->retry_timer, j->loop, gn_journal_on_retry_timer, j);
    gn_timer_init(&j->wait_timer, j->loop, gn_journal_on_wait_timer, j);
    gn_timer_init(&j->tick_timer, j->loop, gn_journal_on_tick, j);
    gn_hook_add(j->loop, &j->hook, gn_journal_on_turn_end, j);
    gn_timer_start(&j->tick_timer, GN_JOURNAL_TICK_MS);
}

static void stop_timers(struct gn_journal *j)
{
    if (j->hook.fn != NULL)
        gn_hook_remove(j->loop, &j->hook);
    gn_defer_cancel(&j->turn);
    gn_defer_cancel(&j->waits_defer);
    gn_timer_fini(&j->lazy_timer);
    gn_timer_fini(&j->retry_timer);
    gn_timer_fini(&j->tick_timer);
}

static struct gn_journal *journal_new(struct gn_loop *loop, const struct gn_journal_config *config)
{
    struct gn_journal *j = calloc(1, sizeof *j);

    if (j == NULL)
        return NULL;
    j->loop = loop;
    j->looked = &j->last_looked;
    j->config = *config;
    j->dir_fd = -1;
    j->is_memory = config->folder[0] == '\0';
    j->next = 1;
    j->durable_next = 1;
    j->disk_free_pct = 100;
    j->opened_at_ms = gn_clock_mono_ms();
    init_lists(j);
    j->name = gn_str_dup(gn_str_of(config->name));
    j->folder = gn_str_dup(gn_str_of(config->folder));
    if (j->name == NULL || j->folder == NULL) {
        gn_journal_close(j);
        return NULL;
    }
    j->config.name = j->name;
    j->config.folder = j->folder;
    return j;
}

enum gn_err gn_journal_open(struct gn_loop *loop, const struct gn_journal_config *config,
                            struct gn_metrics *metrics, struct gn_journal **journal)
{
    struct gn_journal *j = journal_new(loop, config);
    enum gn_err err = GN_ENOMEM;

    GN_ASSERT(config->segment_bytes >= GN_SEGMENT_HEADER &&
              config->segment_bytes <= config->max_bytes / 8);
    *journal = NULL;
    if (j == NULL || !start_threads(j)) {
        gn_log_error("journal.open_failed journal=%s reason=\"no memory or no thread\"",
                     config->name);
        goto out;
    }
    gn_journal_metrics_init(j, metrics);
    err = gn_journal_folder_open(j);
    if (err != GN_OK)
        goto out;
    gn_journal_look_now(j);
    gn_log_info("journal.opened journal=%s folder=%s segments=%llu bytes=%llu", j->name,
                j->is_memory ? "none" : j->folder, (unsigned long long)j->segments,
                (unsigned long long)j->bytes);
    start_timers(j);
    *journal = j;
    j = NULL;
out:
    gn_journal_close(j);
    return err;
}

static void free_segs(struct gn_journal_segs *segs)
{
    struct gn_journal_seg *seg;

    while ((seg = TAILQ_FIRST(segs)) != NULL) {
        TAILQ_REMOVE(segs, seg, link);
        gn_journal_seg_unref(seg);
    }
}

/* What could not be written even now is lost with the process; nobody was told that it is safe. */
static void free_pending(struct gn_journal *j)
{
    struct gn_journal_chunk *chunk;

    if (!j->is_memory && pending_bytes(j) > 0)
        gn_log_error("journal.unwritten journal=%s bytes=%llu", j->name,
                     (unsigned long long)pending_bytes(j));
    while ((chunk = TAILQ_FIRST(&j->pending)) != NULL) {
        TAILQ_REMOVE(&j->pending, chunk, link);
        gn_journal_chunk_free(chunk);
    }
}

void gn_journal_close(struct gn_journal *j)
{
    if (j == NULL)
        return;
    j->is_closing = true;
    atomic_store(&j->is_ending, true);
    stop_timers(j);
    gn_journal_waits_cancel(j);
    gn_timer_fini(&j->wait_timer);
    if (!j->is_memory)
        gn_journal_flush(j); /* goes on until nothing is pending, or it fails */
    gn_worker_free(j->sync);
    gn_worker_free(j->read);
    gn_journal_readers_close(j);
    gn_journal_metrics_fini(j);
    free_pending(j);
    if (j->batch.abandoned != NULL)
        gn_journal_seg_unref(j->batch.abandoned);
    j->current = NULL;
    free_segs(&j->segs);
    free_segs(&j->doomed);
    if (j->dir_fd >= 0)
        (void)close(j->dir_fd); /* nothing to lose in it */
    free(j->name);
    free(j->folder);
    free(j);
}
