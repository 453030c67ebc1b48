/* Timers: a binary heap whose array grows when a timer is initialised, so that starting one never
 * allocates. Pure bookkeeping on the loop's clock; the system is not asked here, but for a start
 * outside a turn. */
#include "gurnard/loop/loop.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/must_alloc.h"

#include "loop_priv.h"

#define HEAP_FIRST_CAP 64

static bool is_before(const struct gn_timer *a, const struct gn_timer *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void heap_put(struct gn_timer_heap *heap, size_t place, struct gn_timer *timer)
{
    heap->places[place] = timer;
    timer->heap_index = place;
}

static void heap_sift_up(struct gn_timer_heap *heap, size_t place, struct gn_timer *timer)
{
    while (place > 1 && is_before(timer, heap->places[place / 2])) {
        heap_put(heap, place, heap->places[place / 2]);
        place /= 2;
    }
    heap_put(heap, place, timer);
}

static void heap_sift_down(struct gn_timer_heap *heap, size_t place, struct gn_timer *timer)
{
    for (;;) {
        size_t child = 2 * place;

        if (child > heap->used)
            break;
        if (child < heap->used && is_before(heap->places[child + 1], heap->places[child]))
            child++;
        if (!is_before(heap->places[child], timer))
            break;
        heap_put(heap, place, heap->places[child]);
        place = child;
    }
    heap_put(heap, place, timer);
}

static void heap_remove(struct gn_timer_heap *heap, struct gn_timer *timer)
{
    size_t place = timer->heap_index;
    struct gn_timer *last = heap->places[heap->used];

    heap->used--;
    timer->heap_index = 0;
    if (last == timer)
        return;
    if (place > 1 && is_before(last, heap->places[place / 2]))
        heap_sift_up(heap, place, last);
    else
        heap_sift_down(heap, place, last);
}

/* Room for all timers there are, the unused place 0 included. */
static void heap_reserve(struct gn_timer_heap *heap)
{
    size_t cap = heap->cap == 0 ? HEAP_FIRST_CAP : 2 * heap->cap;
    struct gn_timer **places;

    if (heap->reserved < heap->cap)
        return;
    /* As said in the header: there is no way to refuse. The timers themselves are larger, so the
     * product does not overflow. */
    places = gn_must_realloc("timers", heap->places, (cap + 1) * sizeof(struct gn_timer *));
    heap->places = places;
    heap->cap = cap;
}

void gn_timer_init(struct gn_timer *timer, struct gn_loop *loop, gn_timer_fn fn, void *ctx)
{
    heap_reserve(&loop->timers);
    loop->timers.reserved++;
    *timer = (struct gn_timer){.loop = loop, .fn = fn, .ctx = ctx};
}

static uint64_t due_us(const struct gn_loop *loop, uint64_t delay_ms)
{
    /* Outside a turn the loop's clock stands still, at start for as long as files are read. */
    uint64_t now_us = loop->is_in_turn ? loop->now_us : gn_clock_mono_us();

    if (delay_ms > (UINT64_MAX - 1 - now_us) / 1000)
        return UINT64_MAX - 1;
    return now_us + delay_ms * 1000;
}

void gn_timer_start(struct gn_timer *timer, uint64_t delay_ms)
{
    struct gn_timer_heap *heap;

    GN_ASSERT(timer->loop != NULL);
    heap = &timer->loop->timers;
    if (timer->heap_index != 0)
        heap_remove(heap, timer);
    GN_ASSERT(heap->used < heap->cap);
    timer->at_us = due_us(timer->loop, delay_ms);
    timer->order = heap->next_order++;
    heap->used++;
    heap_sift_up(heap, heap->used, timer);
}

void gn_timer_stop(struct gn_timer *timer)
{
    if (timer->heap_index != 0)
        heap_remove(&timer->loop->timers, timer);
}

void gn_timer_fini(struct gn_timer *timer)
{
    if (timer->loop == NULL)
        return;
    gn_timer_stop(timer);
    timer->loop->timers.reserved--;
    timer->loop = NULL;
}

uint64_t gn_timers_next_us(const struct gn_loop *loop)
{
    return loop->timers.used == 0 ? UINT64_MAX : loop->timers.places[1]->at_us;
}

void gn_timers_run(struct gn_loop *loop)
{
    struct gn_timer_heap *heap = &loop->timers;
    uint64_t end_order = heap->next_order;

    for (int i = 0; i < GN_LOOP_TIMER_MAX && heap->used > 0; i++) {
        struct gn_timer *timer = heap->places[1];

        if (timer->at_us > loop->now_us || timer->order >= end_order)
            return;
        heap_remove(heap, timer);
        if (loop->lag_seconds != NULL)
            gn_metric_set(loop->lag_seconds, (double)(loop->now_us - timer->at_us) / 1e6);
        timer->fn(timer->ctx);
    }
}
