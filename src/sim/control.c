/* What a test asks for under /sim/: incidents, faults, and what was seen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "sim_priv.h"

#define ALL   ((struct sim_bmc *)NULL)
#define LOCAL "/sim/"

static void refuse(struct sim_reply *reply, int status, const char *reason)
{
    reply->status = status;
    reply->body = json_pack("{s:s}", "error", reason);
}

/* Which BMCs are meant: *only is one of them, or ALL. false: answered. */
static bool choose(struct gn_sim *sim, struct gn_str host, struct sim_reply *reply,
                   struct sim_bmc **only)
{
    *only = ALL;
    if (host.len == 0)
        return true;
    *only = gn_sim_bmc_of(sim, host);
    if (*only != NULL)
        return true;
    refuse(reply, 404, "no BMC has this host");
    return false;
}

/* Calls fn for those that are meant; returns their number. */
static uint32_t each(struct gn_sim *sim, struct sim_bmc *only,
                     void (*fn)(struct sim_bmc *bmc, void *ctx), void *ctx)
{
    if (only != ALL) {
        fn(only, ctx);
        return 1;
    }
    for (uint32_t i = 0; i < sim->config.count; i++)
        fn(&sim->bmcs[i], ctx);
    return sim->config.count;
}

/* ---- incidents ---- */

struct raise {
    struct sim_wish wish;
    uint64_t count;
    uint64_t raised;
};

static void raise_some(struct sim_bmc *bmc, void *ctx)
{
    struct raise *raise = ctx;

    for (uint64_t i = 0; i < raise->count; i++)
        gn_sim_raise(bmc, &raise->wish, GN_STR_NONE);
    raise->raised += raise->count;
}

static void post_events(struct gn_sim *sim, const json_t *body, struct sim_reply *reply,
                        bool is_report)
{
    const struct gn_str id = gn_json_str(body, "message_id");
    const struct gn_str severity = gn_json_str(body, "severity");
    const json_t *args = json_object_get(body, "args");
    const long long count = gn_json_int(body, "count", 1);
    struct raise raise = {.count = (uint64_t)count};
    struct sim_bmc *only;

    raise.wish = (struct sim_wish){
        .topic = id.len > 0 ? gn_sim_topic_find(id) : NULL,
        .message_id = id,
        .message = gn_json_str(body, "message"),
        .origin = gn_json_str(body, "origin"),
        .severity = gn_severity_parse(severity),
        .args = json_is_array(args) ? args : NULL,
        .is_report = is_report,
    };
    if (count < 0 || count > (long long)SIM_COUNT_MAX) {
        refuse(reply, 400, "count must be from 0 to 10000");
        return;
    }
    if (severity.len > 0 && raise.wish.severity == GN_SEVERITY_NONE) {
        refuse(reply, 400, "severity must be OK, Warning or Critical");
        return;
    }
    if (!choose(sim, gn_json_str(body, "host"), reply, &only))
        return;
    (void)each(sim, only, raise_some, &raise);
    reply->body = json_pack("{s:I}", "raised", (json_int_t)raise.raised);
}

/* ---- faults ---- */

static void suspend_all(struct sim_bmc *bmc)
{
    struct sim_sub *sub;

    TAILQ_FOREACH (sub, &bmc->subs, link) {
        sub->is_suspended = !sub->is_sse;
    }
}

static void end_streams(struct sim_bmc *bmc)
{
    struct sim_sub *sub, *next;

    TAILQ_FOREACH_SAFE (sub, &bmc->subs, link, next) {
        if (!sub->is_sse)
            continue;
        if (sub->stream != NULL)
            gn_http_stream_end(sub->stream, true);
        sub->stream = NULL;
        gn_sim_sub_delete(sub);
    }
}

static void apply(struct sim_bmc *bmc, void *ctx)
{
    struct gn_sim_incidents once;
    const char *reason;

    if (gn_sim_faults_read(ctx, &bmc->faults, &once, &reason) != GN_OK)
        return; /* looked at before: cannot be */
    if (once.suspends)
        suspend_all(bmc);
    if (once.drops_subscriptions)
        gn_sim_subs_delete(bmc, false);
    if (once.ends_streams)
        end_streams(bmc);
    if (once.resets)
        gn_sim_bmc_reset(bmc, once.loses_subscriptions, once.boot_ms);
}

static void post_faults(struct gn_sim *sim, json_t *body, struct sim_reply *reply)
{
    struct gn_sim_faults trial;
    struct gn_sim_incidents once;
    const char *reason;
    struct sim_bmc *only;

    gn_sim_faults_init(&trial);
    if (gn_sim_faults_read(body, &trial, &once, &reason) != GN_OK)
        refuse(reply, 400, reason);
    else if (choose(sim, gn_json_str(body, "host"), reply, &only))
        reply->body = json_pack("{s:i}", "bmcs", (int)each(sim, only, apply, body));
}

/* ---- state ---- */

static json_t *sub_state(const struct sim_sub *sub)
{
    json_t *made = json_object();

    gn_sim_put(made, "id", "%s", sub->id);
    (void)json_object_update_missing(made, sub->members);
    (void)json_object_set_new(made, "sse", json_boolean(sub->is_sse));
    (void)json_object_set_new(made, "suspended", json_boolean(sub->is_suspended));
    (void)json_object_set_new(made, "delivered", json_integer((json_int_t)sub->delivered));
    (void)json_object_set_new(made, "failed", json_integer((json_int_t)sub->failed));
    (void)json_object_set_new(made, "waiting", json_integer((json_int_t)sub->count));
    return made;
}

static void add_state(struct sim_bmc *bmc, void *ctx)
{
    json_t *subs = json_array();
    const struct sim_sub *sub;
    json_t *made;
    uint32_t address = bmc->sim->config.first_address + bmc->index;

    TAILQ_FOREACH (sub, &bmc->subs, link) {
        (void)json_array_append_new(subs, sub_state(sub));
    }
    made = json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "profile",
                     bmc->profile->name, "subscriptions", subs, "streams",
                     (json_int_t)bmc->sse_count, "sessions", (json_int_t)bmc->session_count,
                     "events", (json_int_t)bmc->events, "delivered", (json_int_t)bmc->delivered,
                     "failed", (json_int_t)bmc->failed, "lost", (json_int_t)bmc->lost, "requests",
                     (json_int_t)bmc->requests, "unauthorized", (json_int_t)bmc->unauthorized,
                     "max_at_once", (json_int_t)bmc->max_requests);
    gn_sim_put(made, "host", "%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
               (address >> 8) & 255, address & 255);
    gn_sim_put(made, "uuid", "%s", bmc->uuid);
    (void)json_object_set(made, "seen", bmc->seen);
    (void)json_array_append_new(ctx, made);
}

struct totals {
    uint64_t requests, unauthorized, delivered, failed, subscriptions, sessions, subscribed;
};

static void add_up(struct sim_bmc *bmc, void *ctx)
{
    struct totals *totals = ctx;

    totals->requests += bmc->requests;
    totals->unauthorized += bmc->unauthorized;
    totals->delivered += bmc->delivered;
    totals->failed += bmc->failed;
    totals->subscriptions += bmc->sub_count;
    totals->sessions += bmc->session_count;
    totals->subscribed += bmc->sub_count > 0 ? 1 : 0;
}

/* "?summary" leaves the BMCs out: a thousand of them are long. */
static void get_state(struct gn_sim *sim, struct gn_str query, struct sim_reply *reply)
{
    struct totals sum = {0};
    struct gn_str host = GN_STR_NONE;
    json_t *bmcs = json_array();
    struct sim_bmc *only;

    if (gn_str_has_prefix(query, GN_STR("host=")))
        host = (struct gn_str){query.p + 5, query.len - 5};
    if (!choose(sim, host, reply, &only)) {
        json_decref(bmcs);
        return;
    }
    (void)each(sim, only, add_up, &sum);
    if (!gn_str_eq(query, GN_STR("summary")))
        (void)each(sim, only, add_state, bmcs);
    reply->body = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "count",
                            (json_int_t)sim->config.count, "requests", (json_int_t)sum.requests,
                            "unauthorized", (json_int_t)sum.unauthorized, "delivered",
                            (json_int_t)sum.delivered, "failed", (json_int_t)sum.failed,
                            "subscriptions", (json_int_t)sum.subscriptions, "subscribed",
                            (json_int_t)sum.subscribed, "sessions", (json_int_t)sum.sessions,
                            "max_at_once", (json_int_t)sim->max_requests, "bmcs", bmcs);
}

void gn_sim_control(struct gn_sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
    const bool is_post = gn_str_eq(request->method, GN_STR("POST"));
    json_t *body = NULL;

    *reply = (struct sim_reply){.bytes = GN_BUF_INIT, .status = 200};
    if (!is_post && gn_str_eq(request->path, GN_STR(LOCAL "state"))) {
        get_state(sim, request->query, reply);
        return;
    }
    if (!is_post) {
        refuse(reply, 404, "no such path");
        return;
    }
    if (request->body.len == 0)
        body = json_object();
    else if (gn_json_parse(request->body, NULL, &body) != GN_OK)
        body = NULL;
    if (!json_is_object(body))
        refuse(reply, 400, "not a JSON object");
    else if (gn_str_eq(request->path, GN_STR(LOCAL "events")))
        post_events(sim, body, reply, false);
    else if (gn_str_eq(request->path, GN_STR(LOCAL "reports")))
        post_events(sim, body, reply, true);
    else if (gn_str_eq(request->path, GN_STR(LOCAL "faults")))
        post_faults(sim, body, reply);
    else
        refuse(reply, 404, "no such path");
    json_decref(body);
}
