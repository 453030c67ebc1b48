/* Events on their way to destinations: one after another for each subscription, with the attempts
 * and pauses of the profile, and what becomes of the subscription when they are used up. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/log.h"
#include "gurnard/base/must_alloc.h"
#include "sim_priv.h"

#define PUSH_TIMEOUT_MS   10000U
#define HEARTBEAT_MINUTES 10 /* when the subscription names no interval */

static void forget_first(struct sim_sub *sub)
{
    gn_sim_incident_unref(sub->queue[0]);
    sub->count--;
    memmove(sub->queue, sub->queue + 1, sub->count * sizeof *sub->queue);
    sub->attempts = 0;
}

static void free_sub(struct sim_sub *sub)
{
    while (sub->count > 0)
        forget_first(sub);
    for (size_t i = 0; sub->headers != NULL && sub->headers[i] != NULL; i++)
        free(sub->headers[i]);
    free(sub->headers);
    free(sub->queue);
    gn_buf_free(&sub->body);
    json_decref(sub->members);
    gn_timer_fini(&sub->timer);
    gn_timer_fini(&sub->heartbeat);
    free(sub);
}

void gn_sim_push_end(struct sim_sub *sub)
{
    sub->bmc = NULL;
    gn_timer_stop(&sub->timer);
    gn_timer_stop(&sub->heartbeat);
    if (sub->call != NULL)
        gn_http_cancel(sub->call); /* on_done() frees */
    else
        free_sub(sub);
}

void gn_sim_push_forget(struct sim_sub *sub)
{
    gn_timer_stop(&sub->timer);
    while (sub->count > (sub->call != NULL ? 1U : 0U)) {
        gn_sim_incident_unref(sub->queue[sub->count - 1]);
        sub->count--;
    }
    sub->attempts = 0;
}

/* No attempt is left: the event is lost, and perhaps the subscription with it. */
static void give_up(struct sim_sub *sub)
{
    struct sim_bmc *bmc = sub->bmc;

    sub->failed++;
    bmc->failed++;
    forget_first(sub);
    switch (sub->policy) {
    case GN_SIM_TERMINATE:
        gn_log_info("sim.subscription.terminated id=%s", sub->id);
        gn_sim_sub_delete(sub);
        return;
    case GN_SIM_SUSPEND:
        gn_log_info("sim.subscription.suspended id=%s", sub->id);
        sub->is_suspended = true;
        gn_sim_push_forget(sub);
        return;
    case GN_SIM_RETRY:
        gn_sim_push_on(sub);
        return;
    }
}

static void on_pause_over(void *ctx)
{
    struct sim_sub *sub = ctx;

    gn_sim_tick(sub->bmc->sim);
    gn_sim_push_on(sub);
}

static void attempt_failed(struct sim_sub *sub)
{
    struct sim_bmc *bmc = sub->bmc;

    if (++sub->attempts >= (bmc->retry_attempts > 0 ? bmc->retry_attempts : 1)) {
        give_up(sub); /* may be gone */
        return;
    }
    gn_timer_start(&sub->timer, gn_sim_scaled_ms(bmc->sim, bmc->retry_interval_s));
}

static void end_of_call(struct gn_sim *sim)
{
    sim->calls--;
    if (sim->is_stopping && sim->calls == 0 && sim->done != NULL)
        gn_defer_call(sim->loop, &sim->done_later, sim->done, sim->done_ctx);
}

struct push {
    struct sim_sub *sub;
    struct gn_sim *sim;
};

static void on_done(void *ctx, const struct gn_http_result *result)
{
    struct push *push = ctx;
    struct sim_sub *sub = push->sub;
    struct gn_sim *sim = push->sim;

    free(push);
    sub->call = NULL;
    gn_sim_tick(sim);
    if (sub->bmc == NULL) {
        free_sub(sub);
    } else if (result->err == GN_OK && result->status >= 200 && result->status < 300) {
        sub->delivered++;
        sub->bmc->delivered++;
        forget_first(sub);
        gn_sim_push_on(sub);
    } else {
        attempt_failed(sub);
    }
    end_of_call(sim);
}

/* The event as bytes; iLO and others send it compact, bmcweb with line ends. */
static void write_first(struct sim_sub *sub)
{
    const char *context = json_string_value(json_object_get(sub->members, "Context"));
    const bool is_pretty = (sub->bmc->profile->habits & GN_SIM_MULTILINE) != 0;
    json_t *event = gn_sim_event(sub->bmc, sub->queue[0], context == NULL ? "" : context);
    char *text = json_dumps(event, is_pretty ? JSON_INDENT(2) : JSON_COMPACT);

    gn_buf_reset(&sub->body);
    gn_buf_puts(&sub->body, text);
    free(text);
    json_decref(event);
}

static void send_first(struct sim_sub *sub)
{
    struct gn_sim *sim = sub->bmc->sim;
    const struct gn_http_tls tls = {.check = sub->verifies ? GN_HTTP_TLS_SYSTEM : GN_HTTP_TLS_OFF};
    struct push *push = gn_must_calloc("sim", 1, sizeof *push);
    struct gn_http_out out = {
        .method = "POST",
        .url = json_string_value(json_object_get(sub->members, "Destination")),
        .headers = (const char *const *)sub->headers,
        .timeout_ms = PUSH_TIMEOUT_MS,
        .tls = &tls,
    };
    enum gn_err err;

    write_first(sub);
    out.body[0] = gn_buf_str(&sub->body);
    *push = (struct push){sub, sim};
    err = gn_http_send(sim->client, &out, on_done, push, &sub->call);
    if (err == GN_OK) {
        sim->calls++;
        return;
    }
    free(push);
    attempt_failed(sub);
}

void gn_sim_push_on(struct sim_sub *sub)
{
    struct gn_sim *sim = sub->bmc->sim;

    if (sim->client == NULL || sim->is_stopping || sub->call != NULL || sub->is_suspended ||
        sub->count == 0)
        return;
    if (sub->timer.loop == NULL)
        gn_timer_init(&sub->timer, sim->loop, on_pause_over, sub);
    if (sub->bmc->faults.mutes_push) {
        gn_sim_push_forget(sub);
        return;
    }
    send_first(sub);
}

void gn_sim_push(struct sim_sub *sub, struct sim_incident *incident)
{
    if (sub->count == SIM_QUEUE_MAX) {
        sub->bmc->lost++;
        return;
    }
    if (sub->count == sub->cap) {
        sub->cap = sub->cap == 0 ? 4 : 2 * sub->cap;
        sub->queue = gn_must_realloc("sim", sub->queue, sub->cap * sizeof *sub->queue);
    }
    sub->queue[sub->count++] = gn_sim_incident_ref(incident);
    if (!gn_timer_is_running(&sub->timer))
        gn_sim_push_on(sub);
}

static void start_heartbeat(struct sim_sub *sub)
{
    const long long minutes =
        gn_json_int(sub->members, "HeartbeatIntervalMinutes", HEARTBEAT_MINUTES);

    gn_timer_start(&sub->heartbeat,
                   gn_sim_scaled_ms(sub->bmc->sim, minutes > 0 ? 60 * (uint64_t)minutes : 60));
}

static void on_heartbeat(void *ctx)
{
    struct sim_sub *sub = ctx;
    struct sim_bmc *bmc = sub->bmc;
    const struct sim_wish wish = {.topic = gn_sim_topic_find(GN_STR("TestMessage")),
                                  .message_id =
                                      GN_STR("HeartbeatEvent.1.0.RedfishServiceFunctional"),
                                  .message = GN_STR("The service works."),
                                  .is_test = true};
    struct sim_incident *incident;

    start_heartbeat(sub);
    gn_sim_tick(bmc->sim);
    if (bmc->faults.is_disabled || bmc->faults.has_alerts_off || sub->is_suspended ||
        bmc->sim->now_ms < bmc->boot_until_ms)
        return;
    incident = gn_sim_incident_new(bmc, &wish);
    gn_sim_push(sub, incident); /* sub may be gone */
    gn_sim_incident_unref(incident);
}

void gn_sim_heartbeat(struct sim_sub *sub)
{
    struct gn_sim *sim = sub->bmc->sim;

    if (!json_is_true(json_object_get(sub->members, "SendHeartbeat"))) {
        gn_timer_stop(&sub->heartbeat);
        return;
    }
    if (sim->client == NULL)
        return;
    if (sub->heartbeat.loop == NULL)
        gn_timer_init(&sub->heartbeat, sim->loop, on_heartbeat, sub);
    start_heartbeat(sub);
}
