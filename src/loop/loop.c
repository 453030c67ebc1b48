/* The loop: descriptors, deferred calls, hooks and the order of a turn. Timers, signals and
 * wake-ups have files of their own. */
#include "gurnard/loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#include "loop_priv.h"

struct gn_watch {
    struct gn_loop *loop;
    int fd;
    unsigned want;
    enum gn_watch_class klass;
    bool is_closed;
    gn_watch_fn fn;
    void *ctx;
    struct gn_watch *next_closed;
};

/* ---- life ---- */

static void register_metrics(struct gn_loop *loop, struct gn_metrics *metrics)
{
    static const double bounds[] = {0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                    0.025,  0.05,   0.1,   0.5,    1};

    if (metrics == NULL)
        return;
    loop->turn_seconds =
        gn_metrics_histogram(metrics, "gurnard_loop_turn_seconds", NULL,
                             "Time that a turn of the event loop took.", bounds, GN_LEN(bounds));
    loop->slow_turns = gn_metrics_counter(metrics, "gurnard_loop_slow_turns_total", NULL,
                                          "Turns of the event loop that took longer than 10 ms.");
    loop->lag_seconds = gn_metrics_gauge(metrics, "gurnard_loop_lag_seconds", NULL,
                                         "How late the latest timer ran.");
}

struct gn_loop *gn_loop_new(struct gn_metrics *metrics)
{
    struct gn_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return NULL;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        free(loop);
        return NULL;
    }
    TAILQ_INIT(&loop->deferred);
    TAILQ_INIT(&loop->hooks);
    loop->now_us = gn_clock_mono_us();
    register_metrics(loop, metrics);
    return loop;
}

static void free_closed(struct gn_loop *loop)
{
    while (loop->closed != NULL) {
        struct gn_watch *watch = loop->closed;

        loop->closed = watch->next_closed;
        free(watch);
    }
}

void gn_loop_free(struct gn_loop *loop)
{
    if (loop == NULL)
        return;
    GN_ASSERT(!loop->is_in_turn);
    gn_signals_free(loop->signals);
    GN_ASSERT(loop->watch_count == 0);
    GN_ASSERT(loop->timers.used == 0);
    GN_ASSERT(TAILQ_EMPTY(&loop->deferred));
    free_closed(loop);
    free(loop->timers.places);
    (void)close(loop->epoll_fd); /* nothing to lose in it */
    free(loop);
}

uint64_t gn_loop_now_us(const struct gn_loop *loop)
{
    return loop->now_us;
}

uint64_t gn_loop_now_ms(const struct gn_loop *loop)
{
    return loop->now_us / 1000;
}

/* ---- descriptors ---- */

/* A silenced watch stays in the set edge-triggered: epoll reports errors and hang-ups unasked, and
 * level-triggered they would wake every turn. Coming back from there cannot fail for want of
 * memory, as adding anew could. */
static uint32_t epoll_bits(unsigned want)
{
    uint32_t bits = 0;

    if (want == 0)
        return EPOLLET;
    if ((want & GN_WATCH_READ) != 0)
        bits |= EPOLLIN;
    if ((want & GN_WATCH_WRITE) != 0)
        bits |= EPOLLOUT;
    return bits;
}

struct gn_watch *gn_watch_new(struct gn_loop *loop, int fd, unsigned want,
                              enum gn_watch_class klass, gn_watch_fn fn, void *ctx)
{
    struct gn_watch *watch = calloc(1, sizeof(*watch));
    struct epoll_event event = {.events = epoll_bits(want), .data.ptr = watch};

    if (watch == NULL)
        return NULL;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(watch);
        return NULL;
    }
    watch->loop = loop;
    watch->fd = fd;
    watch->want = want;
    watch->klass = klass;
    watch->fn = fn;
    watch->ctx = ctx;
    loop->watch_count++;
    return watch;
}

void gn_watch_set(struct gn_watch *watch, unsigned want)
{
    struct epoll_event event = {.events = epoll_bits(want), .data.ptr = watch};

    GN_ASSERT(!watch->is_closed);
    if (watch->want == want)
        return;
    watch->want = want;
    if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) != 0)
        gn_log_error("loop.watch_lost fd=%d errno=%d", watch->fd, errno);
}

void gn_watch_close(struct gn_watch *watch)
{
    struct gn_loop *loop;

    if (watch == NULL)
        return;
    GN_ASSERT(!watch->is_closed);
    loop = watch->loop;
    watch->is_closed = true;
    loop->watch_count--;
    /* Fails only when the owner closed fd too early; then the kernel has dropped it already. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    if (!loop->is_in_turn) {
        free(watch);
        return;
    }
    watch->next_closed = loop->closed;
    loop->closed = watch;
}

static unsigned ready_bits(uint32_t events)
{
    unsigned ready = 0;

    if ((events & EPOLLIN) != 0)
        ready |= GN_WATCH_READ;
    if ((events & EPOLLOUT) != 0)
        ready |= GN_WATCH_WRITE;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        ready |= GN_WATCH_ERROR;
    return ready;
}

/* An earlier callback of the same batch may have closed, silenced or changed the watch. */
static void serve_events(struct gn_loop *loop, int count, enum gn_watch_class klass)
{
    for (int i = 0; i < count; i++) {
        struct gn_watch *watch = loop->events[i].data.ptr;
        unsigned ready;

        if (watch->klass != klass || watch->is_closed || watch->want == 0)
            continue;
        ready = ready_bits(loop->events[i].events) & (watch->want | GN_WATCH_ERROR);
        if (ready != 0)
            watch->fn(watch->ctx, ready);
    }
}

/* ---- deferred calls ---- */

void gn_defer_call(struct gn_loop *loop, struct gn_defer *defer, gn_defer_fn fn, void *ctx)
{
    if (defer->loop != NULL)
        return;
    defer->loop = loop;
    defer->fn = fn;
    defer->ctx = ctx;
    TAILQ_INSERT_TAIL(&loop->deferred, defer, link);
}

void gn_defer_cancel(struct gn_defer *defer)
{
    if (defer->loop == NULL)
        return;
    TAILQ_REMOVE(&defer->loop->deferred, defer, link);
    defer->loop = NULL;
}

/* Runs what stands before barrier, which was put at the end of the queue when the turn began: what
 * is deferred during the turn waits for the next one. */
static void run_deferred(struct gn_loop *loop, struct gn_defer *barrier)
{
    for (int i = 0; i < GN_LOOP_DEFER_MAX; i++) {
        struct gn_defer *defer = TAILQ_FIRST(&loop->deferred);

        if (defer == barrier)
            break;
        gn_defer_cancel(defer);
        defer->fn(defer->ctx);
    }
    TAILQ_REMOVE(&loop->deferred, barrier, link);
}

/* ---- hooks ---- */

void gn_hook_add(struct gn_loop *loop, struct gn_hook *hook, gn_defer_fn fn, void *ctx)
{
    hook->fn = fn;
    hook->ctx = ctx;
    TAILQ_INSERT_TAIL(&loop->hooks, hook, link);
}

void gn_hook_remove(struct gn_loop *loop, struct gn_hook *hook)
{
    if (loop->next_hook == hook)
        loop->next_hook = TAILQ_NEXT(hook, link);
    TAILQ_REMOVE(&loop->hooks, hook, link);
}

static void run_hooks(struct gn_loop *loop)
{
    loop->next_hook = TAILQ_FIRST(&loop->hooks);
    while (loop->next_hook != NULL) {
        struct gn_hook *hook = loop->next_hook;

        loop->next_hook = TAILQ_NEXT(hook, link);
        hook->fn(hook->ctx);
    }
}

/* ---- the turn ---- */

/* -1: wait for ever. */
static int wait_ms(const struct gn_loop *loop, uint64_t max_wait_ms)
{
    uint64_t due_us = gn_timers_next_us(loop);
    uint64_t wait = max_wait_ms;

    if (!TAILQ_EMPTY(&loop->deferred))
        return 0;
    if (due_us != UINT64_MAX) {
        uint64_t now_us = gn_clock_mono_us();
        uint64_t left_ms = due_us <= now_us ? 0 : (due_us - now_us + 999) / 1000;

        wait = left_ms < wait ? left_ms : wait;
    }
    if (wait == UINT64_MAX)
        return -1;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

static void account_turn(struct gn_loop *loop)
{
    uint64_t spent_us = gn_clock_mono_us() - loop->now_us;
    uint64_t held;

    if (loop->turn_seconds != NULL)
        gn_histogram_observe(loop->turn_seconds, (double)spent_us / 1e6);
    if (spent_us <= (uint64_t)GN_LOOP_SLOW_MS * 1000)
        return;
    if (loop->slow_turns != NULL)
        gn_metric_add(loop->slow_turns, 1);
    if (gn_log_allow(&loop->slow_log, loop->now_us / 1000, &held))
        gn_log_warn("loop.slow took_us=%llu held=%llu", (unsigned long long)spent_us,
                    (unsigned long long)held);
}

static enum gn_err turn(struct gn_loop *loop, uint64_t max_wait_ms)
{
    struct gn_defer barrier = {.loop = loop};
    int count;

    GN_ASSERT(!loop->is_in_turn);
    count =
        epoll_wait(loop->epoll_fd, loop->events, GN_LOOP_EVENTS_MAX, wait_ms(loop, max_wait_ms));
    if (count < 0 && errno != EINTR) {
        gn_log_error("loop.failed errno=%d", errno);
        return GN_EIO;
    }
    loop->now_us = gn_clock_mono_us();
    loop->is_in_turn = true;
    TAILQ_INSERT_TAIL(&loop->deferred, &barrier, link);
    serve_events(loop, count, GN_WATCH_OUTPUT);
    run_deferred(loop, &barrier);
    gn_timers_run(loop);
    serve_events(loop, count, GN_WATCH_INPUT);
    run_hooks(loop);
    loop->is_in_turn = false;
    free_closed(loop);
    account_turn(loop);
    return GN_OK;
}

enum gn_err gn_loop_turn(struct gn_loop *loop, uint32_t max_wait_ms)
{
    return turn(loop, max_wait_ms);
}

enum gn_err gn_loop_run(struct gn_loop *loop)
{
    enum gn_err err = GN_OK;

    while (err == GN_OK && !loop->is_stopping)
        err = turn(loop, UINT64_MAX);
    loop->is_stopping = false;
    return err;
}

void gn_loop_stop(struct gn_loop *loop)
{
    loop->is_stopping = true;
}
