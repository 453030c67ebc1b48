/* Who waits for what was appended. All wait equally long, so that the list is in the order of bytes
 * and of deadlines. */
#include "gurnard/base/assert.h"

#include "journal_priv.h"

/* Takes wait off the list and calls it. */
static void end_wait(struct gn_journal *j, struct gn_journal_wait *wait, enum gn_err err)
{
    TAILQ_REMOVE(&j->waits, wait, link);
    wait->is_waiting = false;
    wait->done(wait->ctx, err); /* wait may be gone, or wait again */
}

static void set_timer(struct gn_journal *j)
{
    const struct gn_journal_wait *first = TAILQ_FIRST(&j->waits);
    uint64_t now_ms = gn_loop_now_ms(j->loop);

    if (first == NULL)
        gn_timer_stop(&j->wait_timer);
    else if (!gn_timer_is_running(&j->wait_timer))
        gn_timer_start(&j->wait_timer,
                       first->deadline_ms > now_ms ? first->deadline_ms - now_ms : 0);
}

static bool is_done(const struct gn_journal *j, const struct gn_journal_wait *wait)
{
    return j->is_memory || wait->until_bytes <= j->durable_bytes;
}

void gn_journal_waits_end(struct gn_journal *j, enum gn_err rest)
{
    const uint64_t end_order = j->next_order;
    struct gn_journal_wait *wait;

    while ((wait = TAILQ_FIRST(&j->waits)) != NULL && wait->order < end_order && is_done(j, wait))
        end_wait(j, wait, GN_OK);
    while (rest != GN_OK && (wait = TAILQ_FIRST(&j->waits)) != NULL && wait->order < end_order)
        end_wait(j, wait, rest);
    set_timer(j);
}

void gn_journal_waits_cancel(struct gn_journal *j)
{
    struct gn_journal_wait *wait;

    while ((wait = TAILQ_FIRST(&j->waits)) != NULL)
        end_wait(j, wait, GN_ECANCELED);
    set_timer(j);
}

void gn_journal_on_wait_timer(void *ctx)
{
    struct gn_journal *j = ctx;
    const uint64_t end_order = j->next_order;
    const uint64_t now_ms = gn_loop_now_ms(j->loop);
    struct gn_journal_wait *wait;

    while ((wait = TAILQ_FIRST(&j->waits)) != NULL && wait->order < end_order &&
           wait->deadline_ms <= now_ms)
        end_wait(j, wait, GN_ETIMEOUT);
    set_timer(j);
}

static void on_defer(void *ctx)
{
    gn_journal_waits_end(ctx, GN_OK);
}

void gn_journal_wait(struct gn_journal *j, struct gn_journal_wait *wait,
                     void (*done)(void *ctx, enum gn_err err), void *ctx)
{
    GN_ASSERT(!wait->is_waiting);
    *wait = (struct gn_journal_wait){.done = done,
                                     .ctx = ctx,
                                     .until_bytes = j->appended_bytes,
                                     .deadline_ms = gn_loop_now_ms(j->loop) + GN_JOURNAL_ANSWER_MS,
                                     .order = j->next_order++,
                                     .is_waiting = true};
    TAILQ_INSERT_TAIL(&j->waits, wait, link);
    if (is_done(j, wait))
        gn_defer_call(j->loop, &j->waits_defer, on_defer, j);
    else
        gn_journal_want_flush(j);
    set_timer(j);
}

void gn_journal_wait_cancel(struct gn_journal *j, struct gn_journal_wait *wait)
{
    if (!wait->is_waiting)
        return;
    TAILQ_REMOVE(&j->waits, wait, link);
    wait->is_waiting = false;
    set_timer(j);
}
