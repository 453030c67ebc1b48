/* Notes what a program does to the files below a folder, so that a test can build what a power
 * failure would leave of it (tests/harness/powerfail.py does). Preloaded into gurnardd:
 *
 *   POWERFAIL_DIR     the folder; without it nothing is noted
 *   POWERFAIL_SHADOW  the folder for the notes, which are appended to the file "trace"
 *   POWERFAIL_LIE     1: syncs are not noted, as if a disk said yes and did nothing;
 *                     data: fdatasync() is not, all others are
 *   POWERFAIL_KILL=n  SIGKILL behind the n-th call that changes or syncs something, before its note
 *
 * Each note is appended after the system call has succeeded and before the program learns of it.
 * So a kill loses at most the note of a call that never returned, or tears it: such a call counts
 * as not done. A sync covers what was noted before it began.
 *
 * What cannot be followed (shared mappings, links, O_SYNC, ...) is noted too, and ends the test. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define SLOTS  (1U << 16) /* files and folders that one run of the program may touch */

enum kind {
    NOTE_FILE = 'F',     /* first sight of what was there: file, path */
    NOTE_CREATE = 'C',   /* a new file: file, path */
    NOTE_FOLDER = 'D',   /* a new folder: path */
    NOTE_RENAME = 'M',   /* old path, NUL, new path */
    NOTE_REMOVE = 'U',   /* path, of a file or a folder */
    NOTE_WRITE = 'W',    /* file, at: offset, bytes */
    NOTE_TRUNCATE = 'T', /* file, at: size */
    NOTE_ALLOCATE = 'A', /* file, at: least size */
    NOTE_SYNC = 'S',     /* file or folder, at: the end of the trace when the sync began */
    NOTE_LOST = '?',     /* name of the function that cannot be followed */
};

struct note {
    uint32_t bytes; /* with this header */
    uint32_t kind;
    uint64_t file; /* numbers are given here: those of the file system are used again */
    uint64_t at;
};

/* What the kernel calls a file, and the number that it has in the trace. */
struct slot {
    ino_t inode; /* 0: free */
    uint64_t file;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[SLOTS];
static char root[PATH_MAX];
static size_t root_len;
static dev_t root_device;
static int trace_fd = -1; /* -1: nothing is noted */
static uint64_t trace_end;
static uint64_t last_file;
static long calls_left;              /* until the kill; 0: no kill */
static bool is_lying, is_data_lying; /* about every sync, about fdatasync() */

/* The fortified forms that open() and openat() become when flags are no constant. */
int __open_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

static void die(const char *why)
{
    (void)dprintf(STDERR_FILENO, "powerfail: %s: %s\n", why, strerror(errno));
    abort();
}

__attribute__((constructor)) static void start(void)
{
    const char *folder = getenv("POWERFAIL_DIR");
    const char *shadow = getenv("POWERFAIL_SHADOW");
    const char *lie = getenv("POWERFAIL_LIE");
    const char *kill_at = getenv("POWERFAIL_KILL");
    char path[PATH_MAX];
    struct stat st;
    int fd;

    if (folder == NULL || shadow == NULL)
        return;
    is_lying = lie != NULL && strcmp(lie, "1") == 0;
    is_data_lying = lie != NULL && (is_lying || strcmp(lie, "data") == 0);
    calls_left = kill_at == NULL ? 0 : strtol(kill_at, NULL, 10);
    if (realpath(folder, root) == NULL || stat(root, &st) != 0)
        die(folder);
    root_len = strlen(root);
    root_device = st.st_dev;
    (void)snprintf(path, sizeof path, "%s/trace", shadow);
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) != 0)
        die(path);
    trace_end = (uint64_t)st.st_size;
    trace_fd = fd;
}

/* ---- notes; all with the lock held ---- */

static void append(const char *data, size_t len)
{
    while (len > 0) {
        long put = syscall(SYS_write, trace_fd, data, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            die("trace");
        data += put;
        len -= (size_t)put;
        trace_end += (uint64_t)put;
    }
}

static void note(enum kind kind, uint64_t file, uint64_t at, const void *data, size_t len)
{
    const struct note head = {(uint32_t)(sizeof head + len), (uint32_t)kind, file, at};

    if (kind != NOTE_FILE && calls_left > 0 && --calls_left == 0)
        (void)raise(SIGKILL);
    append((const char *)&head, sizeof head);
    append(data, len);
}

static void note_text(enum kind kind, uint64_t file, const char *text)
{
    note(kind, file, 0, text, strlen(text));
}

static struct slot *slot_of(ino_t inode)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots[(inode + i) % SLOTS];

        if (slot->inode == 0)
            slot->inode = inode;
        if (slot->inode == inode)
            return slot;
    }
    die("too many files");
    return NULL;
}

/* ---- who is meant ---- */

/* The file that fd is, 0 when it is none below the folder. */
static uint64_t file_of(int fd)
{
    struct stat st;
    uint64_t file;

    if (trace_fd < 0 || fstat(fd, &st) != 0 || st.st_dev != root_device ||
        (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return 0;
    pthread_mutex_lock(&lock);
    file = slot_of(st.st_ino)->file;
    pthread_mutex_unlock(&lock);
    return file;
}

static bool join(int dir, const char *path, char whole[PATH_MAX])
{
    char link[32];
    ssize_t len;

    if (path[0] == '/')
        return snprintf(whole, PATH_MAX, "%s", path) < PATH_MAX;
    if (dir == AT_FDCWD)
        (void)snprintf(link, sizeof link, "/proc/self/cwd");
    else
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    len = readlink(link, whole, PATH_MAX - 1);
    if (len < 0)
        return false;
    return snprintf(whole + len, PATH_MAX - (size_t)len, "/%s", path) < PATH_MAX - len;
}

/* Takes out empty parts, "." and "..": no part of the folder is a symbolic link. */
static void tidy(char *path)
{
    char *to = path;

    for (const char *from = path; *from != '\0';) {
        size_t len = strcspn(from + 1, "/") + 1; /* with the slash before it */

        if (len == 3 && from[1] == '.' && from[2] == '.') {
            while (to > path && *--to != '/')
                ;
        } else if (len > 2 || (len == 2 && from[1] != '.')) {
            memmove(to, from, len);
            to += len;
        }
        from += len;
    }
    *to = '\0';
}

/* Whether the path leads below the folder; inside gets the part behind it, "" for the folder. */
static bool is_below(int dir, const char *path, char inside[PATH_MAX])
{
    char whole[PATH_MAX];
    int saved = errno;
    bool is_joined = trace_fd >= 0 && path != NULL && join(dir, path, whole);

    errno = saved;
    if (!is_joined)
        return false;
    tidy(whole);
    if (strncmp(whole, root, root_len) != 0)
        return false;
    if (whole[root_len] != '/' && whole[root_len] != '\0')
        return false;
    (void)snprintf(inside, PATH_MAX, "%s", whole + root_len + (whole[root_len] == '/'));
    return true;
}

/* ---- open and close ---- */

static void note_opened(const struct stat *st, const char *inside, int flags, bool is_new)
{
    struct slot *slot = slot_of(st->st_ino);

    if (is_new) {
        slot->file = ++last_file;
        note_text(NOTE_CREATE, slot->file, inside);
    } else if (slot->file == 0) {
        slot->file = ++last_file;
        note_text(NOTE_FILE, slot->file, inside);
    }
    if (!is_new && (flags & O_TRUNC) != 0)
        note(NOTE_TRUNCATE, slot->file, 0, "", 0);
    if ((flags & (O_SYNC | O_DSYNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
        note_text(NOTE_LOST, 0, "open with O_SYNC, O_DSYNC or O_TMPFILE");
}

static int open_below(int dir, const char *path, int flags, mode_t mode, const char *inside)
{
    struct stat st;
    bool was_there;
    int fd;

    pthread_mutex_lock(&lock);
    was_there = fstatat(dir, path, &st, 0) == 0;
    fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= 0 && fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        note_opened(&st, inside, flags, !was_there);
    pthread_mutex_unlock(&lock);
    return fd;
}

/* What is opened elsewhere may have got the number of a file that is gone. */
static void forget(int fd)
{
    struct stat st;

    if (trace_fd < 0 || fd < 0 || fstat(fd, &st) != 0 || st.st_dev != root_device)
        return;
    pthread_mutex_lock(&lock);
    slot_of(st.st_ino)->file = 0;
    pthread_mutex_unlock(&lock);
}

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
    char inside[PATH_MAX];
    int fd;

    if (is_below(dir, path, inside))
        return open_below(dir, path, flags, mode, inside);
    fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    if ((flags & O_CREAT) != 0)
        forget(fd);
    return fd;
}

#define OPEN_WITH_MODE(dir, path, flags)                                                           \
    va_list rest;                                                                                  \
    mode_t mode = 0;                                                                               \
    if (((flags)&O_CREAT) != 0) {                                                                  \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }                                                                                              \
    return open_any(dir, path, flags, mode)

EXPORT int open(const char *path, int flags, ...)
{
    OPEN_WITH_MODE(AT_FDCWD, path, flags);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
    OPEN_WITH_MODE(dir, path, flags);
}

EXPORT int __open_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int __openat_2(int dir, const char *path, int flags)
{
    return open_any(dir, path, flags, 0);
}

EXPORT int creat(const char *path, mode_t mode)
{
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* ---- what is in a file ---- */

EXPORT ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    uint64_t file = file_of(fd);
    ssize_t put;

    if (file == 0)
        return syscall(SYS_pwrite64, fd, data, len, at);
    pthread_mutex_lock(&lock);
    put = syscall(SYS_pwrite64, fd, data, len, at);
    if (put > 0)
        note(NOTE_WRITE, file, (uint64_t)at, data, (size_t)put);
    pthread_mutex_unlock(&lock);
    return put;
}

EXPORT ssize_t write(int fd, const void *data, size_t len)
{
    uint64_t file = file_of(fd);
    ssize_t put;

    if (file == 0)
        return syscall(SYS_write, fd, data, len);
    pthread_mutex_lock(&lock);
    put = syscall(SYS_write, fd, data, len);
    if (put > 0)
        note(NOTE_WRITE, file, (uint64_t)(lseek(fd, 0, SEEK_CUR) - put), data, (size_t)put);
    pthread_mutex_unlock(&lock);
    return put;
}

/* A short write is allowed: the first piece, or what of it went out. */
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (file_of(fd) == 0)
        return syscall(SYS_writev, fd, parts, count);
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len > 0)
            return write(fd, parts[i].iov_base, parts[i].iov_len);
    }
    return 0;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    if (file_of(fd) == 0)
        return syscall(SYS_pwritev, fd, parts, count, at, 0);
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len > 0)
            return pwrite(fd, parts[i].iov_base, parts[i].iov_len, at);
    }
    return 0;
}

EXPORT int ftruncate(int fd, off_t size)
{
    uint64_t file = file_of(fd);
    int rc;

    pthread_mutex_lock(&lock);
    rc = (int)syscall(SYS_ftruncate, fd, size);
    if (rc == 0 && file != 0)
        note(NOTE_TRUNCATE, file, (uint64_t)size, "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t len)
{
    uint64_t file = file_of(fd);
    int rc;

    pthread_mutex_lock(&lock);
    rc = (int)syscall(SYS_fallocate, fd, mode, at, len);
    if (rc == 0 && file != 0 && mode == 0)
        note(NOTE_ALLOCATE, file, (uint64_t)(at + len), "", 0);
    else if (rc == 0 && file != 0 && mode != FALLOC_FL_KEEP_SIZE)
        note_text(NOTE_LOST, 0, "fallocate");
    pthread_mutex_unlock(&lock);
    return rc;
}

EXPORT int posix_fallocate(int fd, off_t at, off_t len)
{
    return fallocate(fd, 0, at, len) == 0 ? 0 : errno;
}

/* ---- syncs ---- */

static int sync_any(long call, int fd, bool is_a_lie)
{
    uint64_t file = file_of(fd);
    uint64_t began;
    int rc;

    pthread_mutex_lock(&lock);
    began = trace_end;
    pthread_mutex_unlock(&lock);
    rc = (int)syscall(call, fd);
    if (rc != 0 || file == 0 || is_a_lie)
        return rc;
    pthread_mutex_lock(&lock);
    note(NOTE_SYNC, file, began, "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}

EXPORT int fsync(int fd)
{
    return sync_any(SYS_fsync, fd, is_lying);
}

EXPORT int fdatasync(int fd)
{
    return sync_any(SYS_fdatasync, fd, is_data_lying);
}

/* ---- names ---- */

EXPORT int renameat2(int old_dir, const char *old_path, int new_dir, const char *new_path,
                     unsigned flags)
{
    char names[2 * PATH_MAX];
    char after[PATH_MAX];
    bool is_from = is_below(old_dir, old_path, names);
    bool is_to = is_below(new_dir, new_path, after);
    size_t len;
    int rc;

    pthread_mutex_lock(&lock);
    rc = (int)syscall(SYS_renameat2, old_dir, old_path, new_dir, new_path, flags);
    if (rc == 0 && is_from && is_to && (flags & RENAME_EXCHANGE) == 0) {
        len = strlen(names) + 1;
        memcpy(names + len, after, strlen(after));
        note(NOTE_RENAME, 0, 0, names, len + strlen(after));
    } else if (rc == 0 && (is_from || is_to)) {
        note_text(NOTE_LOST, 0, "rename out of the folder, into it, or as exchange");
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

EXPORT int renameat(int old_dir, const char *old_path, int new_dir, const char *new_path)
{
    return renameat2(old_dir, old_path, new_dir, new_path, 0);
}

EXPORT int rename(const char *old_path, const char *new_path)
{
    return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

EXPORT int unlinkat(int dir, const char *path, int flags)
{
    char inside[PATH_MAX];
    bool is_noted = is_below(dir, path, inside);
    int rc;

    pthread_mutex_lock(&lock);
    rc = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (rc == 0 && is_noted)
        note_text(NOTE_REMOVE, 0, inside);
    pthread_mutex_unlock(&lock);
    return rc;
}

EXPORT int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int mkdirat(int dir, const char *path, mode_t mode)
{
    char inside[PATH_MAX];
    bool is_noted = is_below(dir, path, inside);
    int rc;

    pthread_mutex_lock(&lock);
    rc = (int)syscall(SYS_mkdirat, dir, path, mode);
    if (rc == 0 && is_noted)
        note_text(NOTE_FOLDER, 0, inside);
    pthread_mutex_unlock(&lock);
    return rc;
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* ---- what cannot be followed ---- */

static void note_lost(bool is_ours, const char *function)
{
    if (!is_ours)
        return;
    pthread_mutex_lock(&lock);
    note_text(NOTE_LOST, 0, function);
    pthread_mutex_unlock(&lock);
}

EXPORT int linkat(int old_dir, const char *old_path, int new_dir, const char *new_path, int flags)
{
    char inside[PATH_MAX];

    note_lost(is_below(new_dir, new_path, inside), "linkat");
    return (int)syscall(SYS_linkat, old_dir, old_path, new_dir, new_path, flags);
}

EXPORT int link(const char *old_path, const char *new_path)
{
    return linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

EXPORT int truncate(const char *path, off_t size)
{
    char inside[PATH_MAX];

    note_lost(is_below(AT_FDCWD, path, inside), "truncate");
    return (int)syscall(SYS_truncate, path, size);
}

EXPORT ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
                               unsigned flags)
{
    note_lost(file_of(to) != 0, "copy_file_range");
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, len, flags);
}

EXPORT void *mmap(void *where, size_t len, int protection, int flags, int fd, off_t at)
{
    bool is_written = (protection & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0;

    note_lost(is_written && fd >= 0 && file_of(fd) != 0, "mmap");
    return (void *)syscall(SYS_mmap, where, len, protection, flags, fd, at);
}

/* ---- the other names of the same functions; an offset has 64 bits on every machine meant ---- */

_Static_assert(sizeof(off_t) == sizeof(off64_t), "one offset");
#define ALSO(name, function) EXPORT __typeof__(function) name __attribute__((alias(#function)))

ALSO(open64, open);
ALSO(openat64, openat);
ALSO(__open64_2, __open_2);
ALSO(__openat64_2, __openat_2);
ALSO(creat64, creat);
ALSO(pwrite64, pwrite);
ALSO(pwritev64, pwritev);
ALSO(ftruncate64, ftruncate);
ALSO(fallocate64, fallocate);
ALSO(posix_fallocate64, posix_fallocate);
