/* The folder of segments, at start: which there are, what to do with those whose header is damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/file.h"
#include "gurnard/base/id.h"

#include "journal_priv.h"

#define TMP_END      ".seg.tmp" /* of a rewrite that did not come to its end */
#define DAMAGED_NAME (sizeof GN_JOURNAL_DAMAGED + GN_SEGMENT_NAME_MAX)
#define PARENTS      2U /* folders above ours that may have been made with it */
#define LOOK_BYTES   ((size_t)4 << 10)

static uint32_t random_salt(void)
{
    const struct gn_id id = gn_id_random();
    uint8_t bytes[GN_ID_BYTES];
    uint32_t salt;

    gn_id_pack(&id, bytes);
    memcpy(&salt, bytes, sizeof salt); /* of the bytes that are all random */
    return salt;
}

/* ---- the folder itself ---- */

/* A new folder is as durable as its name in the one above. Where that one may not be opened, or not
 * be synced, there is nothing that could be done. */
static void sync_parents(int dir_fd)
{
    char path[] = "../../";

    for (size_t up = 1; up <= PARENTS; up++) {
        int fd;

        path[3 * up - 1] = '\0';
        fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        path[3 * up - 1] = '/';
        if (fd < 0)
            return;
        (void)fsync(fd);
        (void)close(fd);
    }
}

static int open_folder(const struct gn_journal *j)
{
    int fd;

    if (gn_file_mkdirs(j->folder) != GN_OK)
        return -1;
    fd = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        sync_parents(fd);
    return fd;
}

bool gn_journal_remake_folder(const struct gn_journal *j)
{
    const int fd = open_folder(j);
    bool is_done;

    if (fd < 0)
        return false;
    is_done = dup3(fd, j->dir_fd, O_CLOEXEC) >= 0; /* in one step: another thread may use it */
    (void)close(fd);
    if (is_done)
        gn_log_error("journal.folder_gone journal=%s folder=%s state=remade", j->name, j->folder);
    return is_done;
}

/* ---- listing ---- */

struct listing {
    struct gn_journal *journal;
    struct gn_buf numbers; /* 64 bits each */
};

static enum gn_err list_one(void *ctx, const char *name)
{
    struct listing *listing = ctx;
    uint64_t number;

    if (gn_str_has_suffix(gn_str_of(name), GN_STR(TMP_END)))
        (void)unlinkat(listing->journal->dir_fd, name, 0); /* the next rewrite removes it, too */
    if (!gn_segment_parse_name(name, &number))
        return GN_OK;
    gn_buf_add(&listing->numbers, &number, sizeof number);
    return gn_buf_err(&listing->numbers);
}

static int by_number(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* Adds a segment to the list; is_made tells whether its header is good. */
static enum gn_err add_segment(struct gn_journal *j, uint64_t number)
{
    struct gn_journal_seg *seg = gn_journal_seg_new(j, number, 0);
    uint64_t size = 0;
    uint32_t version;
    enum gn_err err;
    int fd;

    if (seg == NULL)
        return GN_ENOMEM;
    err = gn_segment_open(j->dir_fd, number, &seg->header, &size, &version, &fd);
    if (err == GN_OK) {
        (void)close(fd); /* only read */
        j->salt = seg->header.salt;
        seg->is_made = true;
    }
    if (err == GN_EUNSUPPORTED)
        gn_log_error("journal.version journal=%s folder=%s segment=%" PRIu64 " version=%" PRIu32
                     " hint=\"start the version that wrote it\"",
                     j->name, j->folder, number, version);
    if (err != GN_OK && err != GN_EPARSE) {
        gn_journal_seg_unref(seg);
        return err;
    }
    gn_journal_seg_list(j, seg, NULL);
    gn_journal_seg_set_bytes(j, seg, size);
    j->last_number = number;
    return GN_OK;
}

static enum gn_err list_folder(struct gn_journal *j)
{
    struct listing listing = {j, gn_buf_with_limit(SIZE_MAX)};
    enum gn_err err = gn_file_each(j->folder, list_one, &listing);
    uint64_t number;

    if (listing.numbers.len > 0)
        qsort(listing.numbers.data, listing.numbers.len / sizeof number, sizeof number, by_number);
    for (size_t at = 0; err == GN_OK && at < listing.numbers.len; at += sizeof number) {
        memcpy(&number, listing.numbers.data + at, sizeof number);
        err = add_segment(j, number);
    }
    gn_buf_free(&listing.numbers);
    return err == GN_ENOTFOUND ? GN_EIO : err;
}

/* ---- damaged headers ---- */

/* What the records say in the header's place: the first one, and the first with events. */
struct rescue {
    struct gn_segment_header *header;
    bool is_found;
};

static enum gn_err rescue_record(void *ctx, const struct gn_record *record, uint64_t offset)
{
    struct rescue *rescue = ctx;
    struct gn_segment_header *header = rescue->header;

    (void)offset;
    if (!rescue->is_found) {
        header->first_sequence = record->sequence;
        header->clock_ms = record->clock_ms;
    }
    if (record->sequence < header->first_sequence)
        header->first_sequence = record->sequence;
    rescue->is_found = true;
    return record->count > 0 ? GN_EEXIST : GN_OK; /* enough is known then */
}

/* Takes the header from the records, with the salt that the other segments have. Where there is no
 * other one, records will tell whether its own was hit. */
static enum gn_err rescue_header(struct gn_journal *j, struct gn_journal_seg *seg, int fd,
                                 bool *is_rescued)
{
    const uint32_t salt = j->salt != 0 ? j->salt : gn_segment_guess_salt(fd);
    struct rescue rescue = {.header = &seg->header};
    const struct gn_segment_visitor visitor = {.record = rescue_record, .ctx = &rescue};
    const struct gn_segment_damage damage = {.bytes = GN_SEGMENT_HEADER};
    struct stat st;
    enum gn_err err;
    uint64_t end;

    *is_rescued = false;
    if (salt == 0)
        return GN_OK;
    err = gn_segment_scan(fd, salt, GN_SEGMENT_HEADER, seg->bytes, &visitor, &end);
    if (err != GN_OK && err != GN_EEXIST)
        return err;
    if (!rescue.is_found)
        return GN_OK;
    seg->header.salt = j->salt = salt;
    if (fstat(fd, &st) == 0)
        seg->header.created_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    seg->is_made = true;
    seg->is_rescued = true;
    *is_rescued = true;
    gn_journal_tell_damage(j, seg->header.number, &damage);
    return GN_OK;
}

/* Whether nothing was ever written behind the header. */
static enum gn_err is_blank(int fd, bool *blank)
{
    static const char zeros[LOOK_BYTES];
    char *bytes = malloc(LOOK_BYTES);
    uint64_t offset = GN_SEGMENT_HEADER;
    ssize_t got = -1;

    *blank = true;
    if (bytes == NULL)
        return GN_ENOMEM;
    while (*blank && (got = pread(fd, bytes, LOOK_BYTES, (off_t)offset)) > 0) {
        *blank = memcmp(bytes, zeros, (size_t)got) == 0;
        offset += (uint64_t)got;
    }
    free(bytes);
    return *blank && got < 0 ? GN_EIO : GN_OK;
}

/* A crash while it was made: there is nothing in it. */
static enum gn_err remove_blank(struct gn_journal *j, struct gn_journal_seg *seg)
{
    const uint64_t number = seg->header.number;

    if (gn_segment_remove(j->dir_fd, number) != GN_OK)
        return GN_EIO;
    gn_log_info("journal.blank journal=%s segment=%" PRIu64 " state=removed", j->name, number);
    j->last_number = number - 1;
    return GN_OK;
}

static void damaged_name(uint64_t number, char name[DAMAGED_NAME])
{
    memcpy(name, GN_JOURNAL_DAMAGED "/", sizeof GN_JOURNAL_DAMAGED);
    gn_segment_name(number, name + sizeof GN_JOURNAL_DAMAGED);
}

bool gn_journal_is_aside(const struct gn_journal *j, uint64_t number)
{
    char name[DAMAGED_NAME];
    struct stat st;

    damaged_name(number, name);
    return fstatat(j->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum gn_err set_aside(struct gn_journal *j, struct gn_journal_seg *seg)
{
    const struct gn_segment_damage damage = {.bytes = seg->bytes};
    char name[GN_SEGMENT_NAME_MAX], aside[DAMAGED_NAME];

    gn_segment_name(seg->header.number, name);
    damaged_name(seg->header.number, aside);
    if ((mkdirat(j->dir_fd, GN_JOURNAL_DAMAGED, 0700) != 0 && errno != EEXIST) ||
        renameat(j->dir_fd, name, j->dir_fd, aside) != 0 || fsync(j->dir_fd) != 0)
        return GN_EIO;
    gn_journal_tell_damage(j, seg->header.number, &damage);
    j->is_last_aside = TAILQ_NEXT(seg, link) == NULL;
    if (j->is_last_aside)
        j->skipped_bytes += seg->bytes;
    return GN_OK;
}

/* Decides about one whose header is damaged. */
static enum gn_err mend(struct gn_journal *j, struct gn_journal_seg *seg)
{
    const bool is_last = TAILQ_NEXT(seg, link) == NULL;
    const int fd = gn_journal_seg_open(j, seg->header.number, O_RDONLY);
    bool is_rescued = false, blank = false;
    enum gn_err err;

    if (fd < 0)
        return GN_EIO;
    err = rescue_header(j, seg, fd, &is_rescued);
    if (err == GN_OK && !is_rescued && is_last)
        err = is_blank(fd, &blank);
    (void)close(fd); /* only read */
    if (err != GN_OK || is_rescued)
        return err;
    err = blank ? remove_blank(j, seg) : set_aside(j, seg);
    if (err != GN_OK)
        return err;
    gn_journal_seg_unlist(j, seg);
    gn_journal_seg_unref(seg);
    return GN_OK;
}

static enum gn_err mend_all(struct gn_journal *j)
{
    struct gn_journal_seg *next;
    enum gn_err err = GN_OK;

    for (struct gn_journal_seg *seg = TAILQ_FIRST(&j->segs); seg != NULL && err == GN_OK;
         seg = next) {
        next = TAILQ_NEXT(seg, link);
        if (!seg->is_made)
            err = mend(j, seg);
    }
    return err;
}

enum gn_err gn_journal_folder_open(struct gn_journal *j)
{
    enum gn_err err = GN_EIO;

    if (j->is_memory) {
        j->salt = random_salt();
        return GN_OK;
    }
    j->dir_fd = open_folder(j);
    if (j->dir_fd >= 0)
        err = list_folder(j);
    if (err == GN_OK)
        err =
            gn_journal_check_gaps(j); /* before anything is changed, so that it can be put right */
    if (err == GN_OK)
        err = mend_all(j);
    if (err == GN_EIO || err == GN_ENOMEM)
        gn_log_error("journal.open_failed journal=%s folder=%s reason=\"%s\"", j->name, j->folder,
                     err == GN_EIO ? strerror(errno) : gn_err_text(err));
    if (err != GN_OK)
        return err;
    while (j->salt == 0)
        j->salt = random_salt(); /* a new store; 0 stands for none */
    return GN_OK;
}
