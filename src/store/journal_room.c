/* Room: what may be appended still, which old segments go, how much the file system has left. Files
 * are removed on the reading thread, one after another from the oldest on, so that their numbers
 * never have a gap. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#include "journal_priv.h"

#define REFUSE_PART 20 /* of max_bytes: what is kept back for records without events */
#define TIGHT_PCT   90 /* of max_bytes: from here on nothing is kept for its age */

/* ---- what there is ---- */

/* A checkpoint may be larger than a segment should be; half of that is left to what follows it. */
static uint64_t end_of_current(const struct gn_journal *j)
{
    const uint64_t least = j->current->begin_end + j->config.segment_bytes / 2;

    return least > j->config.segment_bytes ? least : j->config.segment_bytes;
}

bool gn_journal_fits(const struct gn_journal *j, size_t size)
{
    return j->current->fill == j->current->begin_end ||
           j->current->fill + size <= end_of_current(j);
}

uint64_t gn_journal_growth(const struct gn_journal *j, size_t size)
{
    const uint64_t needed = GN_SEGMENT_HEADER + size;

    if (j->is_memory)
        return size;
    if (!gn_journal_fits(j, size))
        return needed > j->config.segment_bytes ? needed : j->config.segment_bytes;
    return j->current->fill + size > j->current->bytes ? j->current->fill + size - j->current->bytes
                                                       : 0;
}

uint64_t gn_journal_refuse_at(const struct gn_journal *j)
{
    return j->config.max_bytes - j->config.max_bytes / REFUSE_PART;
}

/* Nobody needs it: neither its events, nor what else it holds. */
static bool is_free(const struct gn_journal *j, const struct gn_journal_seg *seg)
{
    return seg->header.number < j->checkpoint_number && gn_journal_seg_is_closed(seg) &&
           (seg->end_sequence <= j->needed || seg->end_sequence == seg->header.first_sequence);
}

bool gn_journal_can_grow(const struct gn_journal *j, uint64_t bytes)
{
    const struct gn_journal_seg *seg = TAILQ_FIRST(&j->segs);
    uint64_t taken = j->bytes;

    while (taken + bytes > gn_journal_refuse_at(j) && seg != NULL && is_free(j, seg)) {
        taken -= seg->bytes;
        seg = TAILQ_NEXT(seg, link);
    }
    return taken + bytes <= gn_journal_refuse_at(j);
}

/* ---- old segments go ---- */

/* Removes one; in memory its memory goes with the last reference. */
static bool remove_one(const struct gn_journal *j, const struct gn_journal_seg *seg)
{
    return j->is_memory || gn_segment_remove(j->dir_fd, seg->header.number) == GN_OK ||
           errno == ENOENT;
}

static void run_drop(void *ctx)
{
    struct gn_journal *j = ctx;
    struct gn_journal_seg *seg;

    j->drop.os_error = 0;
    TAILQ_FOREACH (seg, &j->drop.segs, link) {
        if (!remove_one(j, seg)) {
            j->drop.os_error = errno;
            return;
        }
        if (seg->fd >= 0)
            (void)close(seg->fd); /* a memfd: it gives its memory back here, not in the loop */
        seg->fd = -1;
        seg->is_made = false;
    }
}

static void start_drop(struct gn_journal *j);

static void on_drop_done(void *ctx)
{
    struct gn_journal *j = ctx;
    struct gn_journal_drop *drop = &j->drop;
    struct gn_journal_seg *seg;

    drop->is_running = false;
    while ((seg = TAILQ_FIRST(&drop->segs)) != NULL && !seg->is_made) {
        gn_log_debug("journal.dropped journal=%s segment=%" PRIu64, j->name, seg->header.number);
        TAILQ_REMOVE(&drop->segs, seg, link);
        gn_journal_seg_unref(seg);
    }
    TAILQ_CONCAT(&drop->segs, &j->doomed, link);
    TAILQ_CONCAT(&j->doomed, &drop->segs, link);
    if (drop->os_error == 0)
        start_drop(j);
    else /* tried again at the next tick */
        gn_log_error("journal.remove_failed journal=%s reason=\"%s\"", j->name,
                     strerror(drop->os_error));
}

static void start_drop(struct gn_journal *j)
{
    struct gn_journal_drop *drop = &j->drop;

    if (drop->is_running || TAILQ_EMPTY(&j->doomed))
        return;
    TAILQ_CONCAT(&drop->segs, &j->doomed, link);
    drop->is_running = true;
    drop->job = (struct gn_job){.run = run_drop, .done = on_drop_done, .ctx = j};
    gn_worker_submit(j->read, &drop->job);
}

/* Whether room on the disk is needed, or soon will be. */
static bool is_disk_tight(const struct gn_journal *j)
{
    return j->is_disk_short || (j->config.disk_spare_pct > 0 && !j->is_memory &&
                                j->disk_free_pct < (double)j->config.disk_spare_pct + 1);
}

/* Whether it should go, with bytes more to come. */
static bool is_over(const struct gn_journal *j, const struct gn_journal_seg *seg, uint64_t bytes)
{
    return seg->end_sequence == seg->header.first_sequence || is_disk_tight(j) ||
           gn_journal_clock_ms(j) - seg->end_clock_ms >= j->config.keep_ms ||
           j->bytes + bytes > j->config.max_bytes / 100 * TIGHT_PCT;
}

void gn_journal_make_room(struct gn_journal *j, uint64_t bytes)
{
    struct gn_journal_seg *seg;

    while ((seg = TAILQ_FIRST(&j->segs)) != NULL && is_free(j, seg) && is_over(j, seg, bytes)) {
        gn_journal_seg_unlist(j, seg);
        TAILQ_INSERT_TAIL(&j->doomed, seg, link);
    }
    start_drop(j);
}

/* ---- the file system ---- */

static double part_pct(uint64_t free, uint64_t all)
{
    return all == 0 ? 100 : 100.0 * (double)free / (double)all;
}

/* The lower part of what we may use: of space, or of inodes where there are such. */
static bool look(int dir_fd, double *free_pct)
{
    struct statvfs fs;
    double inodes_pct;

    if (fstatvfs(dir_fd, &fs) != 0)
        return false;
    *free_pct = part_pct(fs.f_bavail, fs.f_blocks);
    inodes_pct = part_pct(fs.f_favail, fs.f_files);
    if (inodes_pct < *free_pct)
        *free_pct = inodes_pct;
    return true;
}

static void take_look(struct gn_journal *j, double free_pct)
{
    const bool is_short = free_pct < (double)j->config.disk_spare_pct;

    if (is_short != j->is_disk_short)
        gn_log_warn("journal.disk journal=%s state=%s free_pct=%.1f spare_pct=%u", j->name,
                    is_short ? "short" : "enough", free_pct, j->config.disk_spare_pct);
    j->disk_free_pct = free_pct;
    j->is_disk_short = is_short;
}

void gn_journal_look_now(struct gn_journal *j)
{
    double free_pct;

    if (!j->is_memory && look(j->dir_fd, &free_pct))
        take_look(j, free_pct);
}

static void run_look(void *ctx)
{
    struct gn_journal *j = ctx;

    j->look.is_known = look(j->dir_fd, &j->look.free_pct);
}

static void on_look_done(void *ctx)
{
    struct gn_journal *j = ctx;

    j->look.is_running = false;
    if (j->look.is_known)
        take_look(j, j->look.free_pct);
}

void gn_journal_on_tick(void *ctx)
{
    struct gn_journal *j = ctx;

    gn_timer_start(&j->tick_timer, GN_JOURNAL_TICK_MS);
    if (!j->is_recovered)
        return;
    gn_journal_make_room(j, 0);
    if (j->is_memory || j->look.is_running)
        return;
    j->look.is_running = true;
    j->look.job = (struct gn_job){.run = run_look, .done = on_look_done, .ctx = j};
    gn_worker_submit(j->sync, &j->look.job);
}
