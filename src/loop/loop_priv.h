/* What the parts of the loop share: the loop itself and the calls that its turn makes. */
#ifndef GN_LOOP_LOOP_PRIV_H
#define GN_LOOP_LOOP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"

TAILQ_HEAD(gn_defer_list, gn_defer);
TAILQ_HEAD(gn_hook_list, gn_hook);

/* The timers that run, a binary heap: 1-based, the earliest at places[1]. */
struct gn_timer_heap {
    struct gn_timer **places;
    size_t used;
    size_t cap;
    size_t reserved;     /* timers initialised and not finished; cap is never below it */
    uint64_t next_order; /* number of the next start: equal times run in order of their start */
};

struct gn_signals; /* signal.c */

struct gn_loop {
    int epoll_fd;
    bool is_in_turn;
    bool is_stopping;
    uint64_t now_us;
    struct gn_timer_heap timers;
    struct gn_defer_list deferred;
    struct gn_hook_list hooks;
    struct gn_hook *next_hook; /* where the walk over the hooks goes on */
    struct gn_watch *closed;   /* freed at the end of the turn */
    size_t watch_count;        /* open watches, those of wakes and signals too */
    struct gn_signals *signals;
    struct gn_log_limit slow_log;
    struct gn_histogram *turn_seconds; /* these three are NULL without metrics */
    struct gn_metric *slow_turns;
    struct gn_metric *lag_seconds;
    struct epoll_event events[GN_LOOP_EVENTS_MAX];
};

/* Runs the timers that are due, at most GN_LOOP_TIMER_MAX, and none started meanwhile. */
void gn_timers_run(struct gn_loop *loop);

/* When the earliest timer is due; UINT64_MAX without one. */
uint64_t gn_timers_next_us(const struct gn_loop *loop);

/* Closes the signal descriptor. NULL is fine. */
void gn_signals_free(struct gn_signals *signals);

#endif
