/* When a BMC is looked at: signs of life and of trouble, gaps, heartbeats; and what waits for the
 * disk on its behalf. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"

#define BACKOFF_MIN_MS     5000U /* after a round without an answer; doubles up to the resync */
#define HEARTBEAT_BODY_MAX ((size_t)8 << 10) /* a heartbeat is short */
#define RESYNC_PART        0.1 /* by which resyncs stray, so that a fleet does not march in step */

/* ---- signs of life and of trouble ---- */

static uint64_t silence_limit_ms(const struct gn_bmc *bmc)
{
    const struct gn_bmc_spec *spec = &bmc->spec;

    if (spec->heartbeat_minutes > 0 && bmc->heartbeat_ns != 0)
        return (uint64_t)spec->heartbeat_minutes * 60000 * 5 / 2;
    return bmc->fleet->config.silence_ms;
}

void gn_bmc_heard(struct gn_bmc *bmc)
{
    uint64_t limit_ms = silence_limit_ms(bmc);

    bmc->heard_ms = gn_loop_now_ms(bmc->fleet->loop);
    bmc->heard_ns = gn_clock_real_ns();
    if (limit_ms > 0)
        gn_timer_start(&bmc->silence, limit_ms);
    if (!bmc->heartbeat_lost)
        return;
    bmc->heartbeat_lost = false;
    gn_bmc_tell(bmc, "HeartbeatRestored", "OK", NULL, NULL);
    if (bmc->state == GN_BMC_DEGRADED)
        gn_bmc_settle_state(bmc);
}

static void on_silence(void *ctx)
{
    struct gn_bmc *bmc = ctx;
    char seconds[24];

    if (bmc->spec.heartbeat_minutes > 0 && bmc->heartbeat_ns != 0) {
        (void)snprintf(seconds, sizeof seconds, "%llu",
                       (unsigned long long)(gn_loop_now_ms(bmc->fleet->loop) - bmc->heard_ms) /
                           1000);
        if (!bmc->heartbeat_lost)
            gn_bmc_tell(bmc, "HeartbeatLost", "Warning", seconds, NULL);
        bmc->heartbeat_lost = true;
        gn_bmc_note_gap(bmc, "heartbeats stay away");
    }
    if (silence_limit_ms(bmc) == 0)
        return; /* it was asked for when the timer was set */
    gn_bmc_sign(bmc, "silence");
    gn_timer_start(&bmc->silence, silence_limit_ms(bmc));
}

void gn_bmc_note_gap(struct gn_bmc *bmc, const char *why)
{
    bmc->gap_number++;
    if (bmc->kept->has_gap)
        return;
    gn_log_info("bmc.gap bmc=%s reason=\"%s\"", bmc->spec.name, why);
    gn_bmc_count(bmc->fleet->metrics.gaps);
    bmc->kept->has_gap = true;
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

/* Milliseconds from now until a round may begin that a sign asks for. */
static uint64_t sign_delay_ms(const struct gn_bmc *bmc)
{
    uint64_t delay_ms = (uint64_t)gn_bmc_jitter(bmc->fleet, GN_BMCS_SIGN_MS / 2.0, 0.9);
    uint64_t now_ms = gn_loop_now_ms(bmc->fleet->loop);
    uint64_t allowed_ms = bmc->round_ended_ms == 0 ? 0 : bmc->round_ended_ms + GN_BMCS_SIGN_GAP_MS;

    return now_ms + delay_ms < allowed_ms ? allowed_ms - now_ms : delay_ms;
}

static void plan_round(struct gn_bmc *bmc, uint64_t delay_ms, const char *sign)
{
    uint64_t at_us = gn_loop_now_us(bmc->fleet->loop) + delay_ms * 1000;

    if (gn_timer_is_running(&bmc->next) && bmc->next.at_us <= at_us)
        return;
    bmc->next_sign = sign;
    gn_timer_start(&bmc->next, delay_ms);
}

static void want_round(struct gn_bmc *bmc, uint64_t delay_ms, const char *sign)
{
    if (bmc->is_leaving || bmc->fleet->is_stopping)
        return;
    gn_log_debug("bmc.sign bmc=%s sign=\"%s\"", bmc->spec.name, sign);
    if (bmc->round.is_running)
        bmc->round.is_wanted_again = true;
    else
        plan_round(bmc, delay_ms, sign);
}

void gn_bmc_sign(struct gn_bmc *bmc, const char *sign)
{
    want_round(bmc, sign_delay_ms(bmc), sign);
}

void gn_bmc_changed(struct gn_bmc *bmc, const char *what)
{
    want_round(bmc, (uint64_t)gn_bmc_jitter(bmc->fleet, GN_BMCS_SIGN_MS / 2.0, 0.9), what);
}

static void on_next(void *ctx)
{
    struct gn_bmc *bmc = ctx;

    gn_bmc_round_start(bmc, bmc->next_sign);
}

/* When the next look is due: after one that got no answer soon, but ever later. */
static uint64_t next_delay_ms(struct gn_bmc *bmc)
{
    uint64_t delay_ms = bmc->fleet->config.resync_ms;
    uint64_t locked_ms = gn_bmc_link_locked_ms(bmc->link);
    unsigned doublings = bmc->failures < 16 ? bmc->failures : 16;
    uint64_t backoff_ms = doublings == 0 ? 0 : (uint64_t)BACKOFF_MIN_MS << (doublings - 1);

    if (doublings > 0 && backoff_ms < delay_ms)
        delay_ms = backoff_ms;
    if (locked_ms > 0)
        return locked_ms + 1;
    return (uint64_t)gn_bmc_jitter(bmc->fleet, (double)delay_ms, RESYNC_PART);
}

void gn_bmc_rest(struct gn_bmc *bmc)
{
    bmc->round_ended_ms = gn_loop_now_ms(bmc->fleet->loop);
    if (bmc->is_leaving || bmc->fleet->is_stopping)
        return;
    gn_timer_stop(&bmc->next);
    plan_round(bmc, next_delay_ms(bmc), "resync");
    if (!bmc->round.is_wanted_again)
        return;
    bmc->round.is_wanted_again = false;
    gn_bmc_sign(bmc, "again");
}

/* ---- heartbeats ---- */

bool gn_bmc_heartbeat_take(struct gn_bmc *bmc, struct gn_str body)
{
    static const char word[] = "RedfishServiceFunctional";

    if (bmc->spec.heartbeat_minutes == 0 || body.len > HEARTBEAT_BODY_MAX ||
        memmem(body.p, body.len, word, sizeof word - 1) == NULL)
        return false;
    bmc->heartbeat_ns = gn_clock_real_ns();
    bmc->heartbeats++;
    gn_bmc_count(bmc->fleet->metrics.heartbeats);
    gn_bmc_heard(bmc); /* again: now its limit is known */
    return true;
}

/* ---- waiting for the disk ---- */

struct bmc_settling {
    struct gn_bmc *bmc; /* NULL: it has gone */
    bmc_settled_fn fn;
    TAILQ_ENTRY(bmc_settling) link;
};

static void on_settled(void *ctx, bool is_durable)
{
    struct bmc_settling *settling = ctx;
    struct gn_bmc *bmc = settling->bmc;
    bmc_settled_fn fn = settling->fn;

    if (bmc != NULL)
        TAILQ_REMOVE(&bmc->settlings, settling, link);
    free(settling);
    if (bmc != NULL)
        fn(bmc, is_durable);
}

bool gn_bmc_settle(struct gn_bmc *bmc, bmc_settled_fn fn)
{
    struct bmc_settling *settling = malloc(sizeof *settling);

    if (settling == NULL)
        return false;
    *settling = (struct bmc_settling){.bmc = bmc, .fn = fn};
    TAILQ_INSERT_TAIL(&bmc->settlings, settling, link);
    if (bmc->fleet->hooks.settle(bmc->fleet->hooks.ctx, on_settled, settling))
        return true;
    TAILQ_REMOVE(&bmc->settlings, settling, link);
    free(settling);
    return false;
}

void gn_bmc_drop_settlings(struct gn_bmc *bmc)
{
    struct bmc_settling *settling;

    while ((settling = TAILQ_FIRST(&bmc->settlings)) != NULL) {
        TAILQ_REMOVE(&bmc->settlings, settling, link);
        settling->bmc = NULL;
    }
}

/* ---- life ---- */

void gn_bmc_signs_init(struct gn_bmc *bmc)
{
    TAILQ_INIT(&bmc->settlings);
    gn_timer_init(&bmc->next, bmc->fleet->loop, on_next, bmc);
    gn_timer_init(&bmc->silence, bmc->fleet->loop, on_silence, bmc);
}

void gn_bmc_signs_fini(struct gn_bmc *bmc)
{
    gn_bmc_drop_settlings(bmc);
    gn_timer_fini(&bmc->next);
    gn_timer_fini(&bmc->silence);
}
