/* Blocking work on files. Paths are bounded by PATH_MAX, so nothing here allocates but for content
 * and listings. */
#include "gurnard/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK_BYTES 16384
#define TMP_SUFFIX       ".tmp"

static enum gn_err err_of_errno(void)
{
    if (errno == ENOENT)
        return GN_ENOTFOUND;
    return errno == ENOMEM ? GN_ENOMEM : GN_EIO;
}

/* Closes without touching errno, which tells why the file is given up. */
static void close_quietly(int fd)
{
    int saved = errno;

    if (fd >= 0)
        (void)close(fd); /* nothing that was written depends on it */
    errno = saved;
}

static enum gn_err read_to_end(int fd, struct gn_buf *out)
{
    char chunk[READ_CHUNK_BYTES];
    ssize_t got = 1;

    while (got != 0 && gn_buf_err(out) == GN_OK) {
        got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        gn_buf_add(out, chunk, (size_t)got);
    }
    explicit_bzero(chunk, sizeof chunk); /* tokens and keys are read here too */
    return got < 0 ? GN_EIO : gn_buf_err(out);
}

static enum gn_err read_regular(int fd, struct gn_buf *out)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return GN_EIO;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return GN_EIO;
    }
    gn_buf_reserve(out, (size_t)st.st_size);
    if (gn_buf_err(out) != GN_OK)
        return gn_buf_err(out);
    return read_to_end(fd, out); /* may be more or less than st_size: /proc says 0 */
}

enum gn_err gn_file_read(const char *path, size_t max_bytes, struct gn_buf *out)
{
    enum gn_err err;
    int fd;

    gn_buf_reset(out);
    out->limit = max_bytes;
    /* O_NONBLOCK: opening a fifo must not wait for its writer; regular files ignore it. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return err_of_errno();
    err = read_regular(fd, out);
    if (err != GN_OK)
        gn_buf_reset(out);
    close_quietly(fd);
    return err;
}

static bool write_all(int fd, struct gn_str data)
{
    while (data.len > 0) {
        ssize_t put = write(fd, data.p, data.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        data.p += put;
        data.len -= (size_t)put;
    }
    return true;
}

/* Writes a fresh file and brings it to the disk. An old one, left by a crash, goes first: it could
 * have another mode, or be a link to something else. */
static bool write_fresh(const char *path, struct gn_str data)
{
    bool is_done;
    int fd;

    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    is_done = write_all(fd, data) && fsync(fd) == 0;
    close_quietly(fd); /* after fsync there is nothing left that close could lose */
    return is_done;
}

/* Opens the folder that path stands in. */
static int open_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    size_t len;

    if (slash == NULL)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    len = slash == path ? 1 : (size_t)(slash - path);
    if (len >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, len);
    folder[len] = '\0';
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Some file systems cannot sync a folder and say EINVAL; there the rename is as safe as it gets. */
static bool sync_folder(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL;
}

static void unlink_quietly(const char *path)
{
    int saved = errno;

    (void)unlink(path); /* a rest that stays is removed by the next gn_file_replace() */
    errno = saved;
}

enum gn_err gn_file_replace(const char *path, struct gn_str data)
{
    char tmp[PATH_MAX];
    enum gn_err err = GN_EIO;
    int folder;

    if (strlen(path) + sizeof TMP_SUFFIX > sizeof tmp) {
        errno = ENAMETOOLONG;
        return GN_EIO;
    }
    (void)snprintf(tmp, sizeof tmp, "%s" TMP_SUFFIX, path);
    folder = open_parent(path);
    if (folder < 0)
        return GN_EIO;
    if (!write_fresh(tmp, data) || rename(tmp, path) != 0) {
        unlink_quietly(tmp);
        goto out;
    }
    if (sync_folder(folder))
        err = GN_OK;
out:
    close_quietly(folder);
    return err;
}

enum gn_err gn_file_sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum gn_err err;

    if (fd < 0)
        return GN_EIO;
    err = sync_folder(fd) ? GN_OK : GN_EIO;
    close_quietly(fd);
    return err;
}

static bool is_folder(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode);
}

enum gn_err gn_file_mkdirs(const char *path)
{
    char prefix[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof prefix) {
        errno = len == 0 ? ENOENT : ENAMETOOLONG;
        return GN_EIO;
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (mkdir(prefix, 0700) != 0 && errno != EEXIST && !is_folder(prefix))
            return GN_EIO;
    }
    return is_folder(path) ? GN_OK : GN_EIO;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* alphasort() would order by the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum gn_err gn_file_each(const char *folder, gn_file_each_fn fn, void *ctx)
{
    struct dirent **entries;
    enum gn_err err = GN_OK;
    int count = scandir(folder, &entries, is_visible, by_bytes);

    if (count < 0)
        return err_of_errno();
    for (int i = 0; i < count; i++) {
        if (err == GN_OK)
            err = fn(ctx, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return err;
}
