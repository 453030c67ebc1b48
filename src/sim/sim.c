/* The simulation as a whole: start, the incidents that come by themselves, expiry, end. */
#include "gurnard/sim/sim.h"

#include <stdlib.h>
#include <unistd.h>

#include "gurnard/base/must_alloc.h"
#include "sim_priv.h"

#define RATE_MS         50U
#define SWEEP_MS        50U
#define CONNECTIONS_MAX 4096U
#define BODY_MAX        ((size_t)256 << 10)
#define IDLE_MS         60000U
#define DEADLINE_MS     30000U
#define IDLE_PUSHES     256U
#define PUSH_CONNECT_MS 5000U

/* ---- by themselves ---- */

static void on_rate(void *ctx)
{
    struct gn_sim *sim = ctx;

    gn_sim_tick(sim);
    gn_timer_start(&sim->rate, RATE_MS);
    sim->rate_owed += sim->config.rate * sim->config.count * RATE_MS / 1000.0;
    for (; sim->rate_owed >= 1.0; sim->rate_owed -= 1.0) {
        const struct sim_wish any = {0};

        gn_sim_raise(&sim->bmcs[sim->rate_turn++ % sim->config.count], &any, GN_STR_NONE);
    }
}

static void expire(struct sim_bmc *bmc)
{
    struct sim_sub *sub, *next;

    TAILQ_FOREACH_SAFE (sub, &bmc->subs, link, next) {
        if (sub->expires_at_ms > 0 && sub->expires_at_ms <= bmc->sim->now_ms)
            gn_sim_sub_delete(sub);
    }
}

static void on_sweep(void *ctx)
{
    struct gn_sim *sim = ctx;

    gn_sim_tick(sim);
    gn_timer_start(&sim->sweep, SWEEP_MS);
    for (uint32_t i = 0; i < sim->config.count; i++)
        expire(&sim->bmcs[i]);
}

/* ---- life ---- */

static void make_bmcs(struct gn_sim *sim)
{
    size_t profiles = 0;

    while (gn_sim_profile_at(profiles) != NULL)
        profiles++;
    sim->bmcs = gn_must_calloc("sim", sim->config.count, sizeof *sim->bmcs);
    for (uint32_t i = 0; i < sim->config.count; i++) {
        struct sim_bmc *bmc = &sim->bmcs[i];

        bmc->sim = sim;
        bmc->index = i;
        bmc->profile =
            sim->config.profile != NULL ? sim->config.profile : gn_sim_profile_at(i % profiles);
        gn_sim_bmc_init(bmc);
    }
}

static bool may_expire(const struct gn_sim *sim)
{
    return sim->config.ttl_s > 0 || sim->config.profile == NULL ||
           (sim->config.profile->habits & GN_SIM_TTL) != 0;
}

/* The listening socket is the server's from here on, also on an error. */
static enum gn_err start(struct gn_sim *sim)
{
    const struct gn_http_server_config server = {
        .name = "bmc",
        .listen_fd = sim->config.listen_fd,
        .max_connections = CONNECTIONS_MAX,
        .max_body_bytes = BODY_MAX,
        .idle_timeout_ms = IDLE_MS,
        .header_deadline_ms = DEADLINE_MS,
        .body_deadline_ms = DEADLINE_MS,
        .on_request = gn_sim_on_request,
        .ctx = sim,
        .tls = sim->config.tls,
    };
    const struct gn_http_client_config client = {.max_idle_connections = IDLE_PUSHES,
                                                 .connect_timeout_ms = PUSH_CONNECT_MS,
                                                 .user_agent = "gurnard-sim/" GN_VERSION};

    sim->client = gn_http_client_new(sim->loop, &client);
    if (sim->client == NULL) {
        (void)close(sim->config.listen_fd); /* nothing was written to it */
        return GN_ENOMEM;
    }
    return gn_http_server_new(sim->loop, &server, &sim->server);
}

enum gn_err gn_sim_new(struct gn_loop *loop, const struct gn_sim_config *config,
                       struct gn_sim **made)
{
    struct gn_sim *sim = gn_must_calloc("sim", 1, sizeof *sim);
    enum gn_err err = GN_OK;

    sim->loop = loop;
    sim->config = *config;
    sim->user = gn_must_strdup("sim", config->user);
    sim->password = gn_must_strdup("sim", config->password);
    sim->random = config->seed;
    TAILQ_INIT(&sim->pending);
    gn_sim_tick(sim);
    make_bmcs(sim);
    if (config->listen_fd >= 0)
        err = start(sim);
    if (err != GN_OK) {
        gn_sim_free(sim);
        return err;
    }
    if (config->listen_fd >= 0) {
        gn_timer_init(&sim->rate, loop, on_rate, sim);
        gn_timer_init(&sim->sweep, loop, on_sweep, sim);
        if (config->rate > 0)
            gn_timer_start(&sim->rate, RATE_MS);
        if (may_expire(sim))
            gn_timer_start(&sim->sweep, SWEEP_MS);
    }
    *made = sim;
    return GN_OK;
}

void gn_sim_stop(struct gn_sim *sim, void (*done)(void *ctx), void *ctx)
{
    sim->is_stopping = true;
    sim->done = done;
    sim->done_ctx = ctx;
    gn_timer_fini(&sim->rate);
    gn_timer_fini(&sim->sweep);
    gn_sim_pending_end(sim);
    for (uint32_t i = 0; i < sim->config.count; i++)
        gn_sim_subs_delete(&sim->bmcs[i], true);
    gn_http_server_free(sim->server);
    sim->server = NULL;
    if (sim->calls == 0)
        gn_defer_call(sim->loop, &sim->done_later, done, ctx);
}

void gn_sim_free(struct gn_sim *sim)
{
    if (sim == NULL)
        return;
    for (uint32_t i = 0; i < sim->config.count; i++)
        gn_sim_bmc_fini(&sim->bmcs[i]);
    free(sim->bmcs);
    gn_http_client_free(sim->client);
    free(sim->user);
    free(sim->password);
    free(sim);
}

uint16_t gn_sim_port(const struct gn_sim *sim)
{
    return sim->server == NULL ? 0 : gn_http_server_port(sim->server);
}
