/* Wake-ups from other threads: an eventfd each. They come as outputs: what another thread has
 * finished is taken before new input. */
#include "gurnard/loop/loop.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct gn_wake {
    int fd;
    struct gn_watch *watch;
    gn_defer_fn fn;
    void *ctx;
};

static void on_wake(void *ctx, unsigned ready)
{
    struct gn_wake *wake = ctx;
    uint64_t count;

    (void)ready;
    if (read(wake->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
        wake->fn(wake->ctx); /* wake may be gone */
}

struct gn_wake *gn_wake_new(struct gn_loop *loop, gn_defer_fn fn, void *ctx)
{
    struct gn_wake *wake = calloc(1, sizeof(*wake));

    if (wake == NULL)
        return NULL;
    wake->fn = fn;
    wake->ctx = ctx;
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake->fd >= 0)
        wake->watch = gn_watch_new(loop, wake->fd, GN_WATCH_READ, GN_WATCH_OUTPUT, on_wake, wake);
    if (wake->watch == NULL) {
        gn_wake_free(wake);
        return NULL;
    }
    return wake;
}

void gn_wake_signal(struct gn_wake *wake)
{
    static const uint64_t one = 1;
    ssize_t written = write(wake->fd, &one, sizeof(one));

    (void)written; /* fails only when the count is full: the wake-up is on its way then */
}

void gn_wake_free(struct gn_wake *wake)
{
    if (wake == NULL)
        return;
    gn_watch_close(wake->watch);
    if (wake->fd >= 0)
        (void)close(wake->fd); /* nothing to lose in it */
    free(wake);
}
