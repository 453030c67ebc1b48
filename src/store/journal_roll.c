/* Segments that somebody removed behind our back, with the whole folder or alone. What was in them
 * is lost; the journal goes on without. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gurnard/base/assert.h"

#include "journal_priv.h"

/* Takes seg off the list; returns how many events from *first on went with it. */
static uint64_t forget(struct gn_journal *j, struct gn_journal_seg *seg, uint64_t *first)
{
    const uint64_t end = seg->end_sequence;

    *first = seg->header.first_sequence > j->needed ? seg->header.first_sequence : j->needed;
    gn_log_error("journal.segment_gone journal=%s segment=%" PRIu64, j->name, seg->header.number);
    gn_journal_seg_unlist(j, seg);
    gn_journal_seg_unref(seg);
    return end > *first ? end - *first : 0;
}

void gn_journal_seg_vanished(struct gn_journal *j, struct gn_journal_seg *seg)
{
    uint64_t first, count;

    if (!seg->is_listed || seg == j->current || !gn_journal_seg_is_closed(seg))
        return; /* the next write to it will find out */
    count = forget(j, seg, &first);
    if (count > 0)
        gn_journal_tell_lost(j, first, count);
}

/* ---- calling the roll ---- */

/* On the reading thread. What cannot be found out counts as there. */
static void run_roll(void *ctx)
{
    struct gn_journal *j = ctx;
    struct gn_journal_roll *roll = &j->roll;
    char name[GN_SEGMENT_NAME_MAX];
    struct stat st;

    for (size_t i = 0; i < roll->count; i++) {
        gn_segment_name(roll->segs[i]->header.number, name);
        roll->is_gone[i] =
            fstatat(j->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
    }
}

static void roll_fini(struct gn_journal_roll *roll)
{
    for (size_t i = 0; i < roll->count; i++)
        gn_journal_seg_unref(roll->segs[i]);
    roll->count = 0;
    free(roll->segs);
    free(roll->is_gone);
    roll->segs = NULL;
    roll->is_gone = NULL;
}

/* One call for each row of segments that went. */
static void on_roll_done(void *ctx)
{
    struct gn_journal *j = ctx;
    struct gn_journal_roll *roll = &j->roll;
    uint64_t lost_first = 0, lost_end = 0, first, count;

    roll->is_running = false;
    for (size_t i = 0; i < roll->count; i++) {
        if (!roll->is_gone[i] || !roll->segs[i]->is_listed)
            continue;
        count = forget(j, roll->segs[i], &first);
        if (count == 0)
            continue;
        if (first != lost_end && lost_end > lost_first)
            gn_journal_tell_lost(j, lost_first, lost_end - lost_first);
        if (first != lost_end)
            lost_first = first;
        lost_end = first + count;
    }
    if (lost_end > lost_first)
        gn_journal_tell_lost(j, lost_first, lost_end - lost_first);
    roll_fini(roll);
    if (roll->is_wanted && !j->is_closing)
        gn_journal_call_roll(j);
}

/* Only segments to which nothing more is written: the others are found missing by the next write.
 */
static bool list_closed(struct gn_journal *j)
{
    struct gn_journal_roll *roll = &j->roll;
    struct gn_journal_seg *seg;

    roll->segs = calloc(j->segments + 1, sizeof(struct gn_journal_seg *));
    roll->is_gone = calloc(j->segments + 1, sizeof(bool));
    if (roll->segs == NULL || roll->is_gone == NULL) {
        roll_fini(roll);
        return false;
    }
    TAILQ_FOREACH (seg, &j->segs, link) {
        if (!gn_journal_seg_is_closed(seg))
            continue;
        seg->refs++;
        roll->segs[roll->count++] = seg;
    }
    return true;
}

void gn_journal_call_roll(struct gn_journal *j)
{
    struct gn_journal_roll *roll = &j->roll;

    roll->is_wanted = roll->is_running;
    if (roll->is_running || j->is_memory || !list_closed(j))
        return; /* without memory the readers will find out */
    roll->is_running = true;
    roll->job = (struct gn_job){.run = run_roll, .done = on_roll_done, .ctx = j};
    gn_worker_submit(j->read, &roll->job);
}
