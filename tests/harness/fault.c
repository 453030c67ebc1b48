/* Lets the n-th call of a kind fail. Preloaded into gurnardd:
 *
 *   FAULT_CONTROL  file with one struct fault for each kind, shared with the test (faults.py),
 * which says while the program runs what is to fail; without it nothing ever does FAULT_DIR the
 * folder whose calls are of the kind FAULT_STORE
 *
 * strace can do the like, but counts for each thread by itself: the n-th call of one thread hides
 * the n-th of all others. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum kind { FAULT_STORE, FAULT_MEMORY, FAULT_KINDS };

/* Instead of an errno: the program dies before or after the call, or half of the bytes are written.
 */
enum { KILL_BEFORE = -1, KILL_AFTER = -2, SHORT_WRITE = -3 };

struct fault {
    _Atomic uint64_t calls; /* so far */
    _Atomic uint64_t from;  /* the first that fails, from 1; 0: none */
    _Atomic uint64_t upto;  /* the first after it that does not */
    _Atomic int64_t how;    /* an errno, or one of those above */
    _Atomic uint64_t hits;
};

/* glibc's own names: dlsym() would need memory itself. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
/* The fortified forms of open() and openat(). */
int __open_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

static struct fault *faults; /* NULL: nothing fails */
static char folder[PATH_MAX];

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FAULT_CONTROL");
    const char *dir = getenv("FAULT_DIR");
    void *map;
    int fd;

    if (path == NULL || dir == NULL || snprintf(folder, sizeof folder, "%s", dir) < 1)
        return;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        abort();
    map = mmap(NULL, FAULT_KINDS * sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        abort();
    (void)close(fd);
    faults = map;
}

/* What is to become of the next call: 0: nothing. */
static int64_t next_call(enum kind kind)
{
    struct fault *fault = &faults[kind];
    uint64_t call = ++fault->calls;
    uint64_t from = fault->from;

    if (from == 0 || call < from || call >= fault->upto)
        return 0;
    fault->hits++;
    if (fault->how == KILL_BEFORE)
        (void)raise(SIGKILL);
    return fault->how;
}

/* ---- memory ---- */

static bool memory_fails(void)
{
    if (faults == NULL || next_call(FAULT_MEMORY) == 0)
        return false;
    errno = ENOMEM;
    return true;
}

EXPORT void *malloc(size_t size)
{
    return memory_fails() ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return memory_fails() ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return memory_fails() ? NULL : __libc_realloc(old, size);
}

/* ---- the store ---- */

static bool is_below(const char *path)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_store_fd(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t len;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof path - 1);
    if (len <= 0)
        return false;
    path[len] = '\0';
    return is_below(path);
}

static bool is_store_path(int dir, const char *path)
{
    return path[0] == '/' || dir == AT_FDCWD ? is_below(path) : is_store_fd(dir);
}

/* Before a call of the store: whether it fails, with errno. how is for after(). */
static bool fails(bool is_store, int64_t *how)
{
    *how = faults != NULL && is_store ? next_call(FAULT_STORE) : 0;
    if (*how <= 0)
        return false;
    errno = (int)*how;
    return true;
}

/* Behind it. */
static long after(long result, int64_t how)
{
    if (how == KILL_AFTER)
        (void)raise(SIGKILL);
    return result;
}

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
    int64_t how;

    if (fails(is_store_path(dir, path), &how))
        return -1;
    return (int)after(syscall(SYS_openat, dir, path, flags, mode), how);
}

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return do_open(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return do_open(dir, path, flags, mode);
}

EXPORT int __open_2(const char *path, int flags)
{
    return do_open(AT_FDCWD, path, flags, 0);
}

EXPORT int __openat_2(int dir, const char *path, int flags)
{
    return do_open(dir, path, flags, 0);
}

static size_t part(size_t size, int64_t how)
{
    return how == SHORT_WRITE && size > 1 ? size / 2 : size;
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
    int64_t how;

    if (fails(is_store_fd(fd), &how))
        return -1;
    return after(syscall(SYS_write, fd, data, part(size, how)), how);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    int64_t how;

    if (fails(is_store_fd(fd), &how))
        return -1;
    return after(syscall(SYS_pwrite64, fd, data, part(size, how), at), how);
}

/* Those that take whole numbers and pointers only. */
static int call(bool is_store, long number, long a, long b, long c, long d)
{
    int64_t how;

    if (fails(is_store, &how))
        return -1;
    return (int)after(syscall(number, a, b, c, d), how);
}

EXPORT int fsync(int fd)
{
    return call(is_store_fd(fd), SYS_fsync, fd, 0, 0, 0);
}

EXPORT int fdatasync(int fd)
{
    return call(is_store_fd(fd), SYS_fdatasync, fd, 0, 0, 0);
}

EXPORT int ftruncate(int fd, off_t size)
{
    return call(is_store_fd(fd), SYS_ftruncate, fd, size, 0, 0);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t size)
{
    return call(is_store_fd(fd), SYS_fallocate, fd, mode, at, size);
}

EXPORT int rename(const char *old, const char *new)
{
    return call(is_store_path(AT_FDCWD, new), SYS_rename, (long)old, (long)new, 0, 0);
}

EXPORT int renameat(int old_dir, const char *old, int new_dir, const char *new)
{
    return call(is_store_path(new_dir, new), SYS_renameat, old_dir, (long)old, new_dir, (long)new);
}

EXPORT int unlink(const char *path)
{
    return call(is_store_path(AT_FDCWD, path), SYS_unlink, (long)path, 0, 0, 0);
}

EXPORT int unlinkat(int dir, const char *path, int flags)
{
    return call(is_store_path(dir, path), SYS_unlinkat, dir, (long)path, flags, 0);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    return call(is_store_path(AT_FDCWD, path), SYS_mkdir, (long)path, (long)mode, 0, 0);
}

EXPORT int mkdirat(int dir, const char *path, mode_t mode)
{
    return call(is_store_path(dir, path), SYS_mkdirat, dir, (long)path, (long)mode, 0);
}
