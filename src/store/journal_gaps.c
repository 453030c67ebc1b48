/* Gaps in the numbers of segments, at start. One is fine where we have set the segment aside
 * ourselves, or where somebody has accepted it: then an empty file <first>-<last>.gap stands in the
 * folder, both numbers of missing segments, for as long as older segments are there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/file.h"

#include "journal_priv.h"

#define GAP_NAME_MAX (2 * GN_SEGMENT_NAME_MAX)

struct gap {
    uint64_t first, last;
};

struct gaps {
    const struct gn_journal *journal;
    struct gn_buf accepted; /* struct gap, one after another */
};

static void gap_name(const struct gap *gap, char name[GAP_NAME_MAX])
{
    (void)snprintf(name, GAP_NAME_MAX, "%010" PRIu64 "-%010" PRIu64 ".gap", gap->first, gap->last);
}

/* Only names that we would give. */
static bool parse_name(const char *name, struct gap *gap)
{
    char again[GAP_NAME_MAX], *end;

    gap->first = strtoull(name, &end, 10);
    gap->last = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
    gap_name(gap, again);
    return strcmp(name, again) == 0 && gap->first <= gap->last && gap->last < UINT64_MAX;
}

static enum gn_err add_accepted(void *ctx, const char *name)
{
    struct gaps *gaps = ctx;
    struct gap gap;

    if (!parse_name(name, &gap))
        return GN_OK;
    gn_buf_add(&gaps->accepted, &gap, sizeof gap);
    return gn_buf_err(&gaps->accepted);
}

static struct gap accepted_at(const struct gaps *gaps, size_t offset)
{
    struct gap gap;

    memcpy(&gap, gaps->accepted.data + offset, sizeof gap);
    return gap;
}

/* The number behind the gap that number lies in; number itself when it is in none. */
static uint64_t behind_accepted(const struct gaps *gaps, uint64_t number)
{
    for (size_t at = 0; at < gaps->accepted.len; at += sizeof(struct gap)) {
        const struct gap gap = accepted_at(gaps, at);

        if (gap.first <= number && number <= gap.last)
            return gap.last + 1;
    }
    return number;
}

/* The first number from missing on that nothing explains, at most next. Each step takes a file, be
 * the gap as wide as it may. */
static uint64_t unexplained(const struct gaps *gaps, uint64_t missing, uint64_t next)
{
    while (missing < next) {
        const uint64_t behind = behind_accepted(gaps, missing);

        if (behind == missing && !gn_journal_is_aside(gaps->journal, missing))
            return missing;
        missing = behind > missing ? behind : missing + 1;
    }
    return next;
}

/* The new name is synced, since the next start relies on it. */
static enum gn_err accept_gap(const struct gn_journal *j, const struct gap *gap)
{
    char name[GAP_NAME_MAX];
    int fd;

    gap_name(gap, name);
    fd = openat(j->dir_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return GN_EIO;
    (void)close(fd); /* nothing was written */
    if (fsync(j->dir_fd) != 0)
        return GN_EIO;
    gn_log_warn("journal.incomplete journal=%s missing=%" PRIu64 " next=%" PRIu64 " state=accepted",
                j->name, gap->first, gap->last + 1);
    return GN_OK;
}

static enum gn_err check_before(const struct gaps *gaps, uint64_t first, uint64_t next)
{
    const struct gn_journal *j = gaps->journal;
    const struct gap gap = {unexplained(gaps, first, next), next - 1};

    if (gap.first == next)
        return GN_OK;
    if (j->config.accept_gaps)
        return accept_gap(j, &gap);
    gn_log_error("journal.incomplete journal=%s folder=%s missing=%" PRIu64 " next=%" PRIu64
                 " hint=\"bring the file back, or set journal.repair to go on without\"",
                 j->name, j->folder, gap.first, next);
    return GN_EPARSE;
}

/* Gaps before the oldest segment are of no interest any more. */
static void forget_old(const struct gaps *gaps)
{
    const struct gn_journal *j = gaps->journal;
    const struct gn_journal_seg *oldest = TAILQ_FIRST(&j->segs);
    char name[GAP_NAME_MAX];

    for (size_t at = 0; at < gaps->accepted.len; at += sizeof(struct gap)) {
        const struct gap gap = accepted_at(gaps, at);

        if (oldest != NULL && gap.last > oldest->header.number)
            continue;
        gap_name(&gap, name);
        (void)unlinkat(j->dir_fd, name, 0); /* what stays is tried again at the next start */
    }
}

enum gn_err gn_journal_check_gaps(const struct gn_journal *j)
{
    struct gaps gaps = {j, gn_buf_with_limit(SIZE_MAX)};
    enum gn_err err = gn_file_each(j->folder, add_accepted, &gaps);
    const struct gn_journal_seg *seg, *before = NULL;

    TAILQ_FOREACH (seg, &j->segs, link) {
        if (err == GN_OK && before != NULL)
            err = check_before(&gaps, before->header.number + 1, seg->header.number);
        before = seg;
    }
    if (err == GN_OK)
        forget_old(&gaps);
    gn_buf_free(&gaps.accepted);
    return err == GN_ENOTFOUND ? GN_EIO : err;
}
