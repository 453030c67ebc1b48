/* Signals: one signalfd for all of them. A signal arrives as an output, so that an order to stop is
 * seen before further input is read. */
#include "gurnard/loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "loop_priv.h"

#define SIGNAL_COUNT 65 /* 1 ... 64 */

struct handler {
    gn_defer_fn fn;
    void *ctx;
};

struct gn_signals {
    int fd;
    sigset_t set;
    struct gn_watch *watch;
    struct handler handlers[SIGNAL_COUNT];
};

static void on_signal(void *ctx, unsigned ready)
{
    struct gn_signals *signals = ctx;
    struct signalfd_siginfo info;

    (void)ready;
    while (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo < SIGNAL_COUNT && signals->handlers[info.ssi_signo].fn != NULL)
            signals->handlers[info.ssi_signo].fn(signals->handlers[info.ssi_signo].ctx);
    }
}

static enum gn_err signals_new(struct gn_loop *loop)
{
    struct gn_signals *signals = calloc(1, sizeof(*signals));
    enum gn_err err;

    if (signals == NULL)
        return GN_ENOMEM;
    sigemptyset(&signals->set);
    signals->fd = signalfd(-1, &signals->set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0) {
        free(signals);
        return GN_EIO;
    }
    signals->watch =
        gn_watch_new(loop, signals->fd, GN_WATCH_READ, GN_WATCH_OUTPUT, on_signal, signals);
    if (signals->watch == NULL) {
        err = errno == ENOMEM ? GN_ENOMEM : GN_EIO;
        gn_signals_free(signals);
        return err;
    }
    loop->signals = signals;
    return GN_OK;
}

enum gn_err gn_signal_watch(struct gn_loop *loop, int signo, gn_defer_fn fn, void *ctx)
{
    struct gn_signals *signals;
    enum gn_err err;
    sigset_t set;

    if (signo < 1 || signo >= SIGNAL_COUNT || signo == SIGKILL || signo == SIGSTOP)
        return GN_EINVAL;
    if (loop->signals == NULL) {
        err = signals_new(loop);
        if (err != GN_OK)
            return err;
    }
    signals = loop->signals;
    if (signals->handlers[signo].fn != NULL)
        return GN_EEXIST;
    set = signals->set;
    if (sigaddset(&set, signo) != 0)
        return GN_EINVAL;
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signalfd(signals->fd, &set, 0) < 0)
        return GN_EIO;
    signals->set = set;
    signals->handlers[signo] = (struct handler){.fn = fn, .ctx = ctx};
    return GN_OK;
}

void gn_signals_free(struct gn_signals *signals)
{
    if (signals == NULL)
        return;
    gn_watch_close(signals->watch);
    (void)close(signals->fd); /* nothing to lose in it */
    free(signals);
}
