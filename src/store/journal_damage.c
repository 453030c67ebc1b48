/* What could not be read: counted, logged, and the bytes kept for people to look at, in files named
 * <segment>-<offset>.bin. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/file.h"

#include "journal_priv.h"

#define SAVED_END ".bin"

/* ---- telling, on the loop's thread ---- */

void gn_journal_tell_lost(struct gn_journal *j, uint64_t first, uint64_t count)
{
    uint64_t held;

    gn_metric_add(j->metrics.lost_events, (double)count);
    if (gn_log_allow(&j->lost_log, gn_clock_mono_ms(), &held))
        gn_log_error("journal.lost journal=%s first=%" PRIu64 " events=%" PRIu64 " held=%" PRIu64,
                     j->name, first, count, held);
    if (j->owner.lost != NULL)
        j->owner.lost(j->owner.ctx, first, count);
}

void gn_journal_tell_damage(struct gn_journal *j, uint64_t number,
                            const struct gn_segment_damage *damage)
{
    uint64_t held;

    j->damaged++;
    gn_metric_add(j->metrics.damaged, 1);
    if (gn_log_allow(&j->damaged_log, gn_clock_mono_ms(), &held))
        gn_log_error("journal.damaged journal=%s segment=%" PRIu64 " offset=%" PRIu64
                     " bytes=%" PRIu64 " held=%" PRIu64,
                     j->name, number, damage->offset, damage->bytes, held);
}

/* ---- keeping the bytes, on any thread ---- */

/* The names in the folder come in the order of segments and offsets: the first ones are the oldest.
 */
struct prune {
    int dir_fd;
    size_t count, too_many;
};

static enum gn_err count_saved(void *ctx, const char *name)
{
    struct prune *prune = ctx;

    prune->count += gn_str_has_suffix(gn_str_of(name), GN_STR(SAVED_END)) ? 1 : 0;
    return GN_OK;
}

static enum gn_err remove_saved(void *ctx, const char *name)
{
    struct prune *prune = ctx;

    if (prune->too_many == 0 || !gn_str_has_suffix(gn_str_of(name), GN_STR(SAVED_END)))
        return GN_OK;
    prune->too_many--;
    (void)unlinkat(prune->dir_fd, name, 0); /* what stays is tried again at the next damage */
    return GN_OK;
}

static void prune_saved(const struct gn_journal *j, int dir_fd)
{
    struct prune prune = {.dir_fd = dir_fd};
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/" GN_JOURNAL_DAMAGED, j->folder) >= (int)sizeof path)
        return;
    if (gn_file_each(path, count_saved, &prune) != GN_OK || prune.count <= GN_JOURNAL_DAMAGED_MAX)
        return;
    prune.too_many = prune.count - GN_JOURNAL_DAMAGED_MAX;
    if (gn_file_each(path, remove_saved, &prune) != GN_OK)
        gn_log_debug("journal.prune_failed journal=%s", j->name); /* tried again at the next one */
}

/* A file that cannot be written in full is of use still. */
static void write_saved(int dir_fd, const char *name, struct gn_str bytes)
{
    const int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t put = 0;

    if (fd < 0)
        return; /* as a rule it is there already: the damage was seen by an earlier start */
    while (bytes.len > 0 && (put >= 0 || errno == EINTR)) {
        put = write(fd, bytes.p, bytes.len);
        if (put > 0)
            bytes = (struct gn_str){bytes.p + put, bytes.len - (size_t)put};
    }
    (void)close(fd); /* a copy for people, nothing depends on it */
}

void gn_journal_save_damage(const struct gn_journal *j, uint64_t number,
                            const struct gn_segment_damage *damage, struct gn_str bytes)
{
    char name[64];
    int dir_fd;

    if (j->is_memory)
        return;
    if (mkdirat(j->dir_fd, GN_JOURNAL_DAMAGED, 0700) != 0 && errno != EEXIST)
        return;
    dir_fd = openat(j->dir_fd, GN_JOURNAL_DAMAGED, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir_fd < 0)
        return;
    (void)snprintf(name, sizeof name, "%010" PRIu64 "-%010" PRIu64 SAVED_END, number,
                   damage->offset);
    write_saved(dir_fd, name, bytes);
    prune_saved(j, dir_fd);
    (void)close(dir_fd);
}

/* ---- found by a job ---- */

void gn_journal_harms_add(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes)
{
    struct gn_journal_harms *harms = ctx;

    gn_journal_save_damage(harms->journal, harms->number, damage, bytes);
    if (harms->count == GN_JOURNAL_HARMS_MAX)
        return; /* a file in such a state is noticed anyway */
    harms->open = &harms->list[harms->count++];
    *harms->open = (struct gn_journal_harm){.damage = *damage};
}

/* The events up to sequence are known now. */
static void reach(struct gn_journal_harms *harms, uint64_t sequence)
{
    if (harms->open == NULL)
        return;
    if (sequence > harms->expected) {
        harms->open->lost_first = harms->expected;
        harms->open->lost_count = sequence - harms->expected;
    }
    harms->open = NULL;
}

void gn_journal_harms_pass(struct gn_journal_harms *harms, const struct gn_record *record)
{
    if (record->count == 0)
        return;
    reach(harms, record->sequence);
    if (record->sequence + record->count > harms->expected)
        harms->expected = record->sequence + record->count;
}

void gn_journal_harms_end(struct gn_journal_harms *harms, uint64_t sequence)
{
    reach(harms, sequence);
}

/* Whether the place is new; it is noted then. Without memory it is told of again. */
static bool is_new(struct gn_journal_seg *seg, uint64_t offset)
{
    uint64_t known;

    for (size_t at = 0; at + sizeof known <= seg->harms.len; at += sizeof known) {
        memcpy(&known, seg->harms.data + at, sizeof known);
        if (known == offset)
            return false;
    }
    gn_buf_add(&seg->harms, &offset, sizeof offset);
    return true;
}

void gn_journal_harms_tell(struct gn_journal *j, struct gn_journal_seg *seg,
                           const struct gn_journal_harms *harms)
{
    for (size_t i = 0; i < harms->count; i++) {
        const struct gn_journal_harm *harm = &harms->list[i];

        if (!is_new(seg, harm->damage.offset))
            continue;
        gn_journal_tell_damage(j, seg->header.number, &harm->damage);
        if (harm->lost_count > 0)
            gn_journal_tell_lost(j, harm->lost_first, harm->lost_count);
    }
}
