/* Requests that are held for a moment. */
#include "hold_priv.h"

#include <stdlib.h>
#include <string.h>

struct gn_held {
    struct gn_http_request *request;
    uint64_t until_ms;
    TAILQ_ENTRY(gn_held) link;
    size_t name_len;
    char name[];
};

static struct gn_str name_of(const struct gn_held *held)
{
    return (struct gn_str){held->name, held->name_len};
}

static void go_on(struct gn_hold *hold, struct gn_held *held)
{
    TAILQ_REMOVE(&hold->held, held, link);
    hold->count--;
    hold->fn(hold->ctx, held->request, name_of(held));
    free(held);
}

static void wait_for_first(struct gn_hold *hold)
{
    const struct gn_held *first = TAILQ_FIRST(&hold->held);
    uint64_t now_ms = gn_loop_now_ms(hold->loop);

    if (first != NULL)
        gn_timer_start(&hold->timer, first->until_ms > now_ms ? first->until_ms - now_ms : 0);
}

/* One whose time is over goes; those behind it, of whatever name, have their own time. */
static void on_time(void *ctx)
{
    struct gn_hold *hold = ctx;
    uint64_t now_ms = gn_loop_now_ms(hold->loop);
    struct gn_held *first;

    while ((first = TAILQ_FIRST(&hold->held)) != NULL && first->until_ms <= now_ms)
        go_on(hold, first);
    wait_for_first(hold);
}

void gn_hold_init(struct gn_hold *hold, struct gn_loop *loop, uint32_t wait_ms, gn_hold_fn fn,
                  void *ctx)
{
    *hold = (struct gn_hold){.loop = loop, .wait_ms = wait_ms, .fn = fn, .ctx = ctx};
    TAILQ_INIT(&hold->held);
    gn_timer_init(&hold->timer, loop, on_time, hold);
}

bool gn_hold_has(const struct gn_hold *hold, struct gn_str name)
{
    const struct gn_held *held;

    TAILQ_FOREACH (held, &hold->held, link)
        if (gn_str_eq(name_of(held), name))
            return true;
    return false;
}

bool gn_hold_put(struct gn_hold *hold, struct gn_http_request *request, struct gn_str name)
{
    struct gn_held *held;

    if (hold->count == GN_HOLD_MAX)
        return false;
    held = malloc(sizeof *held + name.len);
    if (held == NULL)
        return false;
    held->request = request;
    held->until_ms = gn_loop_now_ms(hold->loop) + hold->wait_ms;
    held->name_len = name.len;
    memcpy(held->name, name.p, name.len);
    TAILQ_INSERT_TAIL(&hold->held, held, link);
    hold->count++;
    if (!gn_timer_is_running(&hold->timer))
        wait_for_first(hold);
    return true;
}

void gn_hold_release(struct gn_hold *hold)
{
    struct gn_held *first;

    while ((first = TAILQ_FIRST(&hold->held)) != NULL)
        go_on(hold, first);
    gn_timer_stop(&hold->timer);
}

void gn_hold_fini(struct gn_hold *hold)
{
    if (hold->loop == NULL)
        return;
    gn_hold_release(hold);
    gn_timer_fini(&hold->timer);
    hold->loop = NULL;
}
