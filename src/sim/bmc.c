/* The state of the BMCs: made, restarted, found, freed; and the randomness and clocks they share.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/must_alloc.h"
#include "sim_priv.h"

#define NS_PER_S INT64_C(1000000000)

void gn_sim_tick(struct gn_sim *sim)
{
    sim->now_ms = sim->loop != NULL ? gn_loop_now_ms(sim->loop) : gn_clock_mono_ms();
    sim->real_ns = gn_clock_real_ns();
}

/* splitmix64: small, and good enough to look at. */
uint64_t gn_sim_random(struct gn_sim *sim)
{
    uint64_t z = sim->random += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

void gn_sim_random_id(struct gn_sim *sim, char text[GN_ID_LEN + 1])
{
    const uint64_t a = gn_sim_random(sim), b = gn_sim_random(sim);

    (void)snprintf(text, GN_ID_LEN + 1, "%08x-%04x-4%03x-%04x-%012" PRIx64,
                   (unsigned)(a & UINT32_MAX), (unsigned)(a >> 32 & 0xffff),
                   (unsigned)(a >> 52 & 0xfff), (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
                   b & 0xffffffffffff);
}

uint64_t gn_sim_scaled_ms(const struct gn_sim *sim, uint64_t seconds)
{
    const double ms = (double)seconds * 1000.0 / sim->config.speed;

    return ms < 1.0 ? 1 : (uint64_t)ms;
}

int64_t gn_sim_bmc_now_ns(const struct sim_bmc *bmc)
{
    return bmc->sim->real_ns + bmc->sim->config.clock_skew_s * NS_PER_S;
}

struct sim_bmc *gn_sim_bmc_of(struct gn_sim *sim, struct gn_str host)
{
    const struct gn_str name = gn_str_cut(host, ':', &host);
    struct in_addr address;
    char text[INET_ADDRSTRLEN];
    uint32_t index;

    if (name.len >= sizeof text || !gn_str_has_prefix(name, GN_STR("127.")))
        return &sim->bmcs[0];
    (void)snprintf(text, sizeof text, "%.*s", (int)name.len, name.p);
    if (inet_pton(AF_INET, text, &address) != 1)
        return &sim->bmcs[0];
    index = ntohl(address.s_addr) - sim->config.first_address;
    return index < sim->config.count ? &sim->bmcs[index] : NULL;
}

/* What a start begins with. */
static void boot(struct sim_bmc *bmc)
{
    bmc->reset_at_ns = gn_sim_bmc_now_ns(bmc);
    bmc->events = 0;
    bmc->tested_at_ms = 0;
    bmc->retry_attempts = bmc->profile->retry_attempts;
    bmc->retry_interval_s = bmc->profile->retry_interval_s;
}

void gn_sim_bmc_init(struct sim_bmc *bmc)
{
    TAILQ_INIT(&bmc->subs);
    gn_sim_random_id(bmc->sim, bmc->uuid);
    gn_sim_faults_init(&bmc->faults);
    bmc->service_etag = 1;
    boot(bmc);
}

static void forget_ring(struct sim_bmc *bmc)
{
    for (unsigned i = 0; bmc->ring != NULL && i < SIM_RING; i++)
        gn_sim_incident_unref(bmc->ring[i]);
    free(bmc->ring);
    bmc->ring = NULL;
}

/* Streams end with the process that served them; what waits to be pushed is gone too. */
static void end_activity(struct sim_bmc *bmc, bool loses_subscriptions)
{
    struct sim_sub *sub, *next;

    TAILQ_FOREACH_SAFE (sub, &bmc->subs, link, next) {
        if (sub->stream != NULL) {
            gn_http_stream_end(sub->stream, true);
            sub->stream = NULL;
        }
        if (sub->is_sse || loses_subscriptions)
            gn_sim_sub_delete(sub);
        else
            gn_sim_push_forget(sub);
    }
}

void gn_sim_bmc_reset(struct sim_bmc *bmc, bool loses_subscriptions, uint32_t boot_ms)
{
    end_activity(bmc, loses_subscriptions);
    forget_ring(bmc);
    free(bmc->sessions);
    bmc->sessions = NULL;
    bmc->session_count = 0;
    memset(bmc->tasks, 0, sizeof bmc->tasks);
    boot(bmc);
    bmc->boot_until_ms = boot_ms > 0 ? bmc->sim->now_ms + boot_ms : 0;
}

void gn_sim_bmc_fini(struct sim_bmc *bmc)
{
    gn_sim_subs_delete(bmc, true);
    forget_ring(bmc);
    free(bmc->sessions);
    for (unsigned i = 0; i < GN_SIM_LOGS_MAX; i++) {
        gn_sim_log_clear(&bmc->logs[i]);
        free(bmc->logs[i].items);
    }
    json_decref(bmc->seen);
}
