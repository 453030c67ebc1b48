/* The one event loop: epoll, level-triggered, one thread.
 *
 * A turn: wait; then outputs (sources of class GN_WATCH_OUTPUT), deferred calls, timers, inputs
 * (class GN_WATCH_INPUT), end-of-turn hooks; then whatever was closed is freed. So a turn drains
 * before it fills. Callbacks must not block; a turn over GN_LOOP_SLOW_MS is counted and logged. The
 * loop is never re-entered. Everything here is used from the loop's own thread, except
 * gn_wake_signal(). */
#ifndef GURNARD_LOOP_LOOP_H
#define GURNARD_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"

#define GN_LOOP_SLOW_MS    10  /* a turn longer than this is counted and logged */
#define GN_LOOP_DEFER_MAX  256 /* deferred calls run in one turn; the rest wait for the next */
#define GN_LOOP_TIMER_MAX  256 /* timers run in one turn */
#define GN_LOOP_EVENTS_MAX 256 /* descriptors served in one turn */

struct gn_loop;

/* A new loop. metrics: borrowed, may be NULL; gets gurnard_loop_turn_seconds (histogram),
 * gurnard_loop_slow_turns_total, gurnard_loop_lag_seconds (how late the latest timer ran). NULL
 * when the kernel refuses. */
struct gn_loop *gn_loop_new(struct gn_metrics *metrics);

/* All watches, timers, deferred calls and wakes must be gone. */
void gn_loop_free(struct gn_loop *loop);

/* Runs turns until gn_loop_stop() is called. GN_EIO when epoll fails. */
GN_MUST_CHECK enum gn_err gn_loop_run(struct gn_loop *loop);

/* Runs one turn that waits at most max_wait_ms for something to do: for tests and for draining. */
GN_MUST_CHECK enum gn_err gn_loop_turn(struct gn_loop *loop, uint32_t max_wait_ms);

/* Ends gn_loop_run() after the current turn. */
void gn_loop_stop(struct gn_loop *loop);

/* The monotonic clock as it stood when the turn began. */
uint64_t gn_loop_now_ms(const struct gn_loop *loop);
uint64_t gn_loop_now_us(const struct gn_loop *loop);

/* ---- descriptors ---- */

enum gn_watch_class { GN_WATCH_OUTPUT, GN_WATCH_INPUT };

#define GN_WATCH_READ  1U
#define GN_WATCH_WRITE 2U
#define GN_WATCH_ERROR 4U /* only reported, never asked for: error or hang-up */

struct gn_watch;

/* ready: GN_WATCH_ bits. The callback may change or close any watch, its own too. */
typedef void (*gn_watch_fn)(void *ctx, unsigned ready);

/* Watches fd (borrowed) for the bits of want. NULL when there is no memory or epoll refuses, with
 * errno. */
struct gn_watch *gn_watch_new(struct gn_loop *loop, int fd, unsigned want,
                              enum gn_watch_class klass, gn_watch_fn fn, void *ctx);

/* Changes what is watched; 0 keeps the watch but silences it (a gate). */
void gn_watch_set(struct gn_watch *watch, unsigned want);

/* Ends the watch. No callback follows, also not for an event of this turn; fd may be closed right
 * afterwards. NULL is fine. */
void gn_watch_close(struct gn_watch *watch);

/* ---- timers ---- */

/* The timer has run out; it may be started again. */
typedef void (*gn_timer_fn)(void *ctx);

/* Lives in its owner. Zero it or call gn_timer_init() before use. */
struct gn_timer {
    struct gn_loop *loop;
    gn_timer_fn fn;
    void *ctx;
    uint64_t at_us;    /* due time on the monotonic clock */
    uint64_t order;    /* number of the start: equal times run in the order they were started */
    size_t heap_index; /* 1-based place in the heap; 0 = not running */
};

/* Keeps a place for the timer: 8 bytes; without memory for them memory.exhausted and abort. */
void gn_timer_init(struct gn_timer *timer, struct gn_loop *loop, gn_timer_fn fn, void *ctx);

/* Starts or restarts: fn is called once, delay_ms after now, never from inside this call and never
 * in the timer phase that runs. The heap has grown when the timer was initialised, so this cannot
 * fail. */
void gn_timer_start(struct gn_timer *timer, uint64_t delay_ms);

/* Stops; nothing happens when it does not run. After it the owner may be freed, but its place stays
 * kept until gn_timer_fini(). */
void gn_timer_stop(struct gn_timer *timer);

/* Stops the timer and gives back its place. Pairs with gn_timer_init(); nothing happens when the
 * timer is zeroed or finished already. */
void gn_timer_fini(struct gn_timer *timer);

static inline bool gn_timer_is_running(const struct gn_timer *timer)
{
    return timer->heap_index != 0;
}

/* ---- deferred calls ---- */

/* Called in a turn, never from inside the call that asked for it. */
typedef void (*gn_defer_fn)(void *ctx);

/* Lives in its owner; zero-initialised. */
struct gn_defer {
    gn_defer_fn fn;
    void *ctx;
    struct gn_loop *loop; /* set while it waits, else NULL */
    TAILQ_ENTRY(gn_defer) link;
};

/* Has fn(ctx) called once in the next turn's queue phase (a later one when more than
 * GN_LOOP_DEFER_MAX wait). Nothing happens when it already waits. */
void gn_defer_call(struct gn_loop *loop, struct gn_defer *defer, gn_defer_fn fn, void *ctx);

/* Takes it back; nothing happens when it does not wait. */
void gn_defer_cancel(struct gn_defer *defer);

/* ---- end-of-turn hooks ---- */

/* Lives in its owner; runs at the end of every turn, for batching (collect completions, flush). */
struct gn_hook {
    gn_defer_fn fn;
    void *ctx;
    TAILQ_ENTRY(gn_hook) link;
};

/* Adds and removes; removing from inside a hook is allowed. */
void gn_hook_add(struct gn_loop *loop, struct gn_hook *hook, gn_defer_fn fn, void *ctx);
void gn_hook_remove(struct gn_loop *loop, struct gn_hook *hook);

/* ---- signals ---- */

/* Blocks signo for the process and has fn(ctx) called in a turn when it arrives. At most one
 * function for each signal. GN_EINVAL, GN_EEXIST, GN_EIO, GN_ENOMEM. Ends with the loop. */
GN_MUST_CHECK enum gn_err gn_signal_watch(struct gn_loop *loop, int signo, gn_defer_fn fn,
                                          void *ctx);

/* ---- wake-ups from other threads ---- */

struct gn_wake;

/* fn(ctx) is called in a turn after gn_wake_signal(); several signals may give one call. */
struct gn_wake *gn_wake_new(struct gn_loop *loop, gn_defer_fn fn, void *ctx);
void gn_wake_signal(struct gn_wake *wake); /* any thread */
void gn_wake_free(struct gn_wake *wake);

#endif
