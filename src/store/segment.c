/* A segment as a file: its name, its header, making, writing, cutting and removing it. What stands
 * in it is looked at in segment_scan.c. */
#include "gurnard/store/segment.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/crc32c.h"
#include "segment_priv.h"

/* The line ends show a copy that was taken as text. */
static const char magic[8] = {'g', 'n', 'j', 'r', 'n', 'l', '\r', '\n'};

/* The header as it stands in the file, numbers little-endian; no gaps. */
struct disk_header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* of the whole header with this field zero */
    uint64_t number;
    uint64_t first_sequence;
    uint64_t clock_ms;
    uint64_t created_ns;
    uint32_t salt;
    char rest[12];
};
_Static_assert(sizeof(struct disk_header) == GN_SEGMENT_HEADER, "the header has gaps");

/* Closes without touching errno, which tells why the file is given up. */
static void close_quietly(int fd)
{
    int saved = errno;

    (void)close(fd); /* nothing that was written depends on it */
    errno = saved;
}

/* Some file systems cannot sync a folder and say EINVAL; there a name is as safe as it gets. */
static bool sync_folder(int dir_fd)
{
    return fsync(dir_fd) == 0 || errno == EINVAL;
}

void gn_segment_name(uint64_t number, char name[GN_SEGMENT_NAME_MAX])
{
    (void)snprintf(name, GN_SEGMENT_NAME_MAX, "%010" PRIu64 ".seg", number);
}

bool gn_segment_parse_name(const char *name, uint64_t *number)
{
    char again[GN_SEGMENT_NAME_MAX];
    uint64_t value = strtoull(name, NULL, 10);

    gn_segment_name(value, again); /* differs when there was a sign, a blank or an overflow */
    if (strcmp(name, again) != 0)
        return false;
    *number = value;
    return true;
}

static struct disk_header encode(const struct gn_segment_header *header)
{
    struct disk_header disk = {
        .version = htole32(GN_SEGMENT_VERSION),
        .number = htole64(header->number),
        .first_sequence = htole64(header->first_sequence),
        .clock_ms = htole64(header->clock_ms),
        .created_ns = htole64((uint64_t)header->created_ns),
        .salt = htole32(header->salt),
    };

    memcpy(disk.magic, magic, sizeof magic);
    disk.crc = htole32(gn_crc32c(0, &disk, sizeof disk));
    return disk;
}

static bool has_checksum(const struct disk_header *disk)
{
    struct disk_header without = *disk;

    without.crc = 0;
    return gn_crc32c(0, &without, sizeof without) == le32toh(disk->crc);
}

/* Whether nothing but the version is damaged. */
static bool is_version_damaged(const struct disk_header *disk)
{
    struct disk_header ours = *disk;

    ours.version = htole32(GN_SEGMENT_VERSION);
    return has_checksum(&ours);
}

/* len: of the bytes that the file had, the rest of disk is zero. */
static enum gn_err decode(const struct disk_header *disk, size_t len,
                          struct gn_segment_header *header, uint32_t *version)
{
    uint32_t found = le32toh(disk->version);

    if (memcmp(disk->magic, magic, sizeof magic) != 0 || found == 0)
        return GN_EPARSE;
    if (found != GN_SEGMENT_VERSION && is_version_damaged(disk))
        return GN_EPARSE;
    *version = found;
    if (found != GN_SEGMENT_VERSION)
        return GN_EUNSUPPORTED; /* where its checksum stands, only it knows */
    if (len < sizeof *disk || !has_checksum(disk))
        return GN_EPARSE;
    *header = (struct gn_segment_header){
        .number = le64toh(disk->number),
        .first_sequence = le64toh(disk->first_sequence),
        .clock_ms = le64toh(disk->clock_ms),
        .created_ns = (int64_t)le64toh(disk->created_ns),
        .salt = le32toh(disk->salt),
    };
    return GN_OK;
}

/* Takes the room now, so that later writes never meet a full disk. */
static bool take_room(int fd, uint64_t bytes)
{
    int rc;

    do
        rc = fallocate(fd, 0, 0, (off_t)bytes);
    while (rc != 0 && errno == EINTR);
    return rc == 0 || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
}

static bool fill_new_file(int dir_fd, int fd, struct gn_str header, uint64_t bytes)
{
    return take_room(fd, bytes) && gn_segment_write(fd, header, 0, false) == GN_OK &&
           fsync(fd) == 0 && sync_folder(dir_fd);
}

static enum gn_err create_file(int dir_fd, uint64_t number, struct gn_str header, uint64_t bytes,
                               int *fd)
{
    char name[GN_SEGMENT_NAME_MAX];
    int made, saved;

    gn_segment_name(number, name);
    made = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made < 0)
        return errno == EEXIST ? GN_EEXIST : GN_EIO;
    if (!fill_new_file(dir_fd, made, header, bytes)) {
        saved = errno;
        (void)unlinkat(dir_fd, name, 0); /* a rest that stays is an empty segment */
        (void)close(made);
        errno = saved;
        return GN_EIO;
    }
    *fd = made;
    return GN_OK;
}

/* Takes memory as it is written to, not before. */
static enum gn_err create_in_memory(struct gn_str header, int *fd)
{
    int made = memfd_create("gurnard-segment", MFD_CLOEXEC);

    if (made < 0)
        return GN_EIO;
    if (gn_segment_write(made, header, 0, false) != GN_OK) {
        close_quietly(made);
        return GN_EIO;
    }
    *fd = made;
    return GN_OK;
}

enum gn_err gn_segment_create(int dir_fd, const struct gn_segment_header *header, uint64_t bytes,
                              int *fd)
{
    const struct disk_header disk = encode(header);
    const struct gn_str text = {(const char *)&disk, sizeof disk};

    *fd = -1;
    if (dir_fd == -1)
        return create_in_memory(text, fd);
    return create_file(dir_fd, header->number, text, bytes, fd);
}

/* Syncs what was written, and looks whether it has a name still: what was unlinked is gone with the
 * last descriptor, however well it was synced. A failed sync is not tried again, not even after
 * EINTR: the kernel may have dropped the pages, and the next one would say that all is well. */
static enum gn_err sync_named(int fd)
{
    struct stat st;

    if (fdatasync(fd) != 0 || fstat(fd, &st) != 0)
        return GN_EIO;
    if (st.st_nlink == 0) {
        errno = ENOENT;
        return GN_EIO;
    }
    return GN_OK;
}

enum gn_err gn_segment_write(int fd, struct gn_str bytes, uint64_t offset, bool sync)
{
    while (bytes.len > 0) {
        ssize_t put = pwrite(fd, bytes.p, bytes.len, (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return GN_EIO;
        if (put == 0) { /* never seen; better an error than a turn without end */
            errno = EIO;
            return GN_EIO;
        }
        bytes = (struct gn_str){bytes.p + put, bytes.len - (size_t)put};
        offset += (uint64_t)put;
    }
    return sync ? sync_named(fd) : GN_OK;
}

enum gn_err gn_segment_cut(int fd, uint64_t end)
{
    int rc;

    GN_ASSERT(end >= GN_SEGMENT_HEADER);
    do
        rc = ftruncate(fd, (off_t)end);
    while (rc != 0 && errno == EINTR);
    return rc == 0 && fsync(fd) == 0 ? GN_OK : GN_EIO;
}

enum gn_err gn_segment_read_at(int fd, void *data, size_t len, uint64_t offset, size_t *got)
{
    *got = 0;
    while (*got < len) {
        ssize_t part = pread(fd, (char *)data + *got, len - *got, (off_t)(offset + *got));

        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return GN_EIO;
        if (part == 0)
            break;
        *got += (size_t)part;
    }
    return GN_OK;
}

static enum gn_err file_size(int fd, uint64_t *size)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return GN_EIO;
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return GN_EIO;
    }
    *size = (uint64_t)st.st_size;
    return GN_OK;
}

static enum gn_err read_header(int fd, uint64_t number, struct gn_segment_header *header,
                               uint32_t *version)
{
    struct gn_segment_header found = {0};
    struct disk_header disk = {0};
    enum gn_err err;
    size_t got;

    err = gn_segment_read_at(fd, &disk, sizeof disk, 0, &got);
    if (err == GN_OK)
        err = decode(&disk, got, &found, version);
    if (err == GN_OK && found.number != number)
        err = GN_EPARSE;
    if (err == GN_OK)
        *header = found;
    return err;
}

enum gn_err gn_segment_open(int dir_fd, uint64_t number, struct gn_segment_header *header,
                            uint64_t *size, uint32_t *version, int *fd)
{
    char name[GN_SEGMENT_NAME_MAX];
    enum gn_err err;
    int found;

    *fd = -1;
    *version = 0;
    gn_segment_name(number, name);
    /* O_NONBLOCK: opening a fifo must not wait for its other end; regular files ignore it. */
    found = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (found < 0)
        return errno == ENOENT ? GN_ENOTFOUND : GN_EIO;
    err = file_size(found, size);
    if (err == GN_OK)
        err = read_header(found, number, header, version);
    if (err != GN_OK) {
        close_quietly(found);
        return err;
    }
    *fd = found;
    return GN_OK;
}

uint32_t gn_segment_guess_salt(int fd)
{
    struct disk_header disk = {0};
    size_t got;

    if (gn_segment_read_at(fd, &disk, sizeof disk, 0, &got) != GN_OK || got < sizeof disk)
        return 0;
    return le32toh(disk.salt);
}

enum gn_err gn_segment_remove(int dir_fd, uint64_t number)
{
    char name[GN_SEGMENT_NAME_MAX];

    gn_segment_name(number, name);
    return unlinkat(dir_fd, name, 0) == 0 && sync_folder(dir_fd) ? GN_OK : GN_EIO;
}
