/* One look at a BMC: who it is, what its EventService offers, which subscriptions it has. Each step
 * asks and the answer's function takes the next one; a step without an answer ends the round. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"

#define PROVE_AGAIN_NS 3600000000000LL /* push is tried again while a stream does its work */
#define ROOT_URI       "/redfish/v1/"

static void ask_service(struct gn_bmc *bmc);

/* ---- beginning and end ---- */

static void end_round(struct gn_bmc *bmc)
{
    gn_bmc_list_drop(&bmc->round);
    bmc->round.is_running = false;
    gn_bmc_rest(bmc);
}

void gn_bmc_round_fail(struct gn_bmc *bmc, enum gn_bmc_state state, const char *reason)
{
    bmc->failures++;
    bmc->is_settled = false;
    bmc->facts.is_known = false; /* after trouble it may be another one */
    gn_bmc_count(bmc->fleet->metrics.rounds_failed);
    if (state == GN_BMC_UNREACHABLE && bmc->kept->subscription[0][0] != '\0')
        gn_bmc_note_gap(bmc, "the BMC was not reachable");
    gn_bmc_set_state(bmc, state, "%s", reason);
    end_round(bmc);
}

bool gn_bmc_round_failed(struct gn_bmc *bmc, const struct gn_bmc_answer *answer)
{
    bool is_answered = answer->end == GN_BMC_END_ANSWER;

    if (is_answered && answer->status < 500 && answer->error.fault != GN_FAULT_AUTH)
        return false;
    if (is_answered && answer->error.fault != GN_FAULT_AUTH &&
        answer->error.fault != GN_FAULT_OTHER && answer->error.fault != GN_FAULT_BUSY)
        return false; /* a 5xx that says something: bmcweb's 503 for no place left */
    gn_bmc_round_fail(bmc, gn_bmc_state_of(answer), answer->reason);
    return true;
}

void gn_bmc_round_send(struct gn_bmc *bmc, const struct gn_bmc_request *request,
                       gn_bmc_answer_fn fn)
{
    enum gn_err err = gn_bmc_send(bmc->link, request, fn, bmc, &bmc->round.call);

    if (err == GN_OK)
        return;
    bmc->round.call = NULL;
    gn_bmc_round_fail(bmc, err == GN_EINVAL ? GN_BMC_HOSTILE : GN_BMC_UNREACHABLE,
                      err == GN_EINVAL ? "it named a URI that is none" : gn_err_text(err));
}

void gn_bmc_round_get(struct gn_bmc *bmc, const char *uri, gn_bmc_answer_fn fn)
{
    const struct gn_bmc_request request = {.method = "GET", .uri = uri};

    gn_bmc_round_send(bmc, &request, fn);
}

void gn_bmc_round_stop(struct gn_bmc *bmc)
{
    if (bmc->round.call != NULL)
        gn_bmc_cancel(bmc->round.call);
    bmc->round.call = NULL;
    bmc->round.is_running = false;
    gn_bmc_list_drop(&bmc->round);
}

/* While events come by the stream, push is given another chance only now and then: a test event
 * leaves its mark in the BMC's log. */
static bool is_chance(const struct gn_bmc *bmc)
{
    return bmc->push_fails &&
           (!gn_bmc_stream_is_open(bmc) || gn_clock_real_ns() - bmc->proof.at_ns > PROVE_AGAIN_NS);
}

static bool must_prove(const struct gn_bmc *bmc, bool has_made)
{
    return bmc->spec.proves && bmc->refusal[0] == '\0' && bmc->spec.way != GN_BMC_WAY_NONE &&
           (has_made || !bmc->proof.is_known || is_chance(bmc));
}

void gn_bmc_round_done(struct gn_bmc *bmc)
{
    bool has_made = bmc->round.made_any;

    bmc->failures = 0;
    bmc->is_looked_at = true;
    bmc->is_settled = true;
    gn_bmc_count(bmc->fleet->metrics.rounds_ok);
    gn_bmc_stream_update(bmc);
    gn_bmc_settle_state(bmc);
    end_round(bmc);
    gn_bmc_logs_start(bmc);
    if (must_prove(bmc, has_made))
        gn_bmc_proof_start(bmc, NULL);
}

/* ---- facts ---- */

void gn_bmc_facts_free(struct bmc_facts *facts)
{
    free(facts->event_service);
    free(facts->managers);
    free(facts->systems);
    free(facts->chassis);
    free(facts->registries);
    free(facts->manager);
    free(facts->model_key);
    *facts = (struct bmc_facts){0};
}

static void take_text(const json_t *obj, const char *key, char *out, size_t size)
{
    struct gn_str text = gn_json_str(obj, key);
    size_t len = 0;

    for (size_t i = 0; i < text.len && len + 1 < size; i++)
        if ((unsigned char)text.p[i] >= ' ' && (unsigned char)text.p[i] < 0x7f)
            out[len++] = text.p[i];
    out[len] = '\0';
}

/* A link as an owned path; NULL when absent or without memory (then looked for anew next time). */
static char *take_link(const json_t *obj, const char *key)
{
    char uri[GN_SERVICE_URI_MAX];

    return gn_service_link(obj, key, uri) ? gn_str_dup(gn_str_of(uri)) : NULL;
}

static bool make_model_key(struct bmc_facts *facts)
{
    struct gn_buf key = gn_buf_with_limit(1024);

    gn_buf_printf(&key, "%s|%s|%s", facts->vendor[0] != '\0' ? facts->vendor : facts->product,
                  facts->model, facts->firmware);
    free(facts->model_key);
    facts->model_key = NULL;
    if (gn_buf_err(&key) == GN_OK)
        facts->model_key = gn_buf_take(&key);
    gn_buf_free(&key);
    return facts->model_key != NULL;
}

/* ---- the manager ---- */

/* A BMC that has restarted may have lost its subscriptions, and sent nothing meanwhile. */
static void look_for_restart(struct gn_bmc *bmc, const json_t *manager)
{
    char reset[sizeof bmc->kept->last_reset];

    take_text(manager, "LastResetTime", reset, sizeof reset);
    if (reset[0] == '\0' || strcmp(reset, bmc->kept->last_reset) == 0)
        return;
    if (bmc->kept->last_reset[0] != '\0') {
        gn_log_info("bmc.restarted bmc=%s at=%s", bmc->spec.name, reset);
        gn_bmc_tell(bmc, "BmcRestarted", "OK", reset, NULL);
        gn_bmc_note_gap(bmc, "the BMC has restarted");
        bmc->proof.is_known = false;
        bmc->proof.is_proven = false;
        gn_bmc_stream_forget(bmc);
    }
    memcpy(bmc->kept->last_reset, reset, sizeof reset);
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

static void on_manager(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer) && json_is_object(answer->body)) {
        take_text(answer->body, "Model", bmc->facts.model, sizeof bmc->facts.model);
        take_text(answer->body, "FirmwareVersion", bmc->facts.firmware, sizeof bmc->facts.firmware);
        look_for_restart(bmc, answer->body);
    }
    if (!make_model_key(&bmc->facts)) {
        gn_bmc_round_fail(bmc, GN_BMC_UNREACHABLE, gn_err_text(GN_ENOMEM));
        return;
    }
    bmc->facts.is_known = true;
    ask_service(bmc);
}

static void ask_manager(struct gn_bmc *bmc)
{
    if (bmc->facts.manager != NULL) {
        gn_bmc_round_get(bmc, bmc->facts.manager, on_manager);
    } else if (!make_model_key(&bmc->facts)) {
        gn_bmc_round_fail(bmc, GN_BMC_UNREACHABLE, gn_err_text(GN_ENOMEM));
    } else {
        bmc->facts.is_known = true;
        ask_service(bmc);
    }
}

/* The first of links is the manager. */
static void take_manager(struct gn_bmc *bmc, const json_t *links)
{
    char uri[GN_SERVICE_URI_MAX];

    if (gn_service_uri(gn_json_str(json_array_get(links, 0), "@odata.id"), uri))
        bmc->facts.manager = gn_str_dup(gn_str_of(uri));
}

static void on_managers(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer))
        take_manager(bmc, json_object_get(answer->body, "Members"));
    ask_manager(bmc);
}

static void ask_managers(struct gn_bmc *bmc)
{
    if (bmc->facts.managers != NULL)
        gn_bmc_round_get(bmc, bmc->facts.managers, on_managers);
    else
        ask_manager(bmc);
}

/* A host with several managers: the system named in the address says which is its own. */
static void on_system(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer))
        take_manager(bmc, json_object_get(json_object_get(answer->body, "Links"), "ManagedBy"));
    if (bmc->facts.manager != NULL)
        ask_manager(bmc);
    else
        ask_managers(bmc);
}

/* ---- the root ---- */

static void read_root(struct gn_bmc *bmc, const json_t *root)
{
    struct bmc_facts *facts = &bmc->facts;
    const json_t *links = json_object_get(root, "Links");
    char *key = facts->model_key;
    char sessions[GN_SERVICE_URI_MAX];

    facts->model_key = NULL; /* until it is made anew, the others go by the old one */
    gn_bmc_facts_free(facts);
    facts->model_key = key;
    take_text(root, "Vendor", facts->vendor, sizeof facts->vendor);
    take_text(root, "Product", facts->product, sizeof facts->product);
    take_text(root, "RedfishVersion", facts->redfish, sizeof facts->redfish);
    take_text(root, "UUID", facts->uuid, sizeof facts->uuid);
    facts->event_service = take_link(root, "EventService");
    facts->managers = take_link(root, "Managers");
    facts->systems = take_link(root, "Systems");
    facts->chassis = take_link(root, "Chassis");
    facts->registries = take_link(root, "Registries");
    if (gn_service_link(links, "Sessions", sessions))
        gn_bmc_link_sessions_at(bmc->link, sessions);
}

static void on_root(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (!gn_bmc_is_done(answer) || !json_is_object(answer->body)) {
        gn_bmc_round_fail(bmc, GN_BMC_HOSTILE, "there is no Redfish service");
        return;
    }
    read_root(bmc, answer->body);
    if (bmc->spec.address.system[0] != '\0')
        gn_bmc_round_get(bmc, bmc->spec.address.system, on_system);
    else
        ask_managers(bmc);
}

/* ---- the EventService ---- */

static void on_enabled(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer))
        gn_log_info("bmc.event_service_enabled bmc=%s", bmc->spec.name);
    ask_service(bmc);
}

static void enable_service(struct gn_bmc *bmc)
{
    const struct gn_bmc_request request = {.method = "PATCH",
                                           .uri = bmc->facts.event_service != NULL
                                                      ? bmc->facts.event_service
                                                      : BMC_SERVICE_URI,
                                           .body = GN_STR("{\"ServiceEnabled\":true}")};

    bmc->round.enabled_tried = true;
    gn_bmc_round_send(bmc, &request, on_enabled);
}

/* One that was made when one was wanted is to be taken back. */
static bool has_any_kept(const struct gn_bmc *bmc)
{
    return bmc->kept->subscription[0][0] != '\0' || bmc->kept->subscription[1][0] != '\0';
}

static void take_service(struct gn_bmc *bmc)
{
    if (bmc->service.is_disabled && !bmc->round.enabled_tried && bmc->spec.way != GN_BMC_WAY_NONE)
        enable_service(bmc);
    else if (bmc->spec.way == GN_BMC_WAY_NONE && !has_any_kept(bmc))
        gn_bmc_round_done(bmc);
    else if (!gn_bmc_make_wants(bmc))
        gn_bmc_round_fail(bmc, GN_BMC_DEGRADED,
                          "our own address is not known: set bmc.webhook_url");
    else
        gn_bmc_round_list(bmc);
}

static void on_service(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    bool had_test = bmc->service.test_target[0] != '\0';

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (!gn_bmc_is_done(answer) || !gn_event_service_read(answer->body, &bmc->service)) {
        bmc->service = (struct gn_event_service){0};
        if (bmc->spec.way == GN_BMC_WAY_NONE)
            gn_bmc_round_done(bmc);
        else
            gn_bmc_round_fail(bmc, GN_BMC_REFUSED, "the BMC has no EventService");
        return;
    }
    if (!bmc->proof.is_running) {
        bmc->proof.info = (struct gn_test_info){0};
        bmc->proof.info_is_read = false;
        gn_test_info_read(gn_event_service_test_action(answer->body), &bmc->proof.info);
        if (!had_test && bmc->service.test_target[0] != '\0' && !bmc->proof.is_proven)
            bmc->proof.is_known = false; /* it can be asked now */
    }
    take_service(bmc);
}

static void ask_service(struct gn_bmc *bmc)
{
    gn_bmc_round_get(bmc,
                     bmc->facts.event_service != NULL ? bmc->facts.event_service : BMC_SERVICE_URI,
                     on_service);
}

/* ---- start ---- */

static void begin(struct gn_bmc *bmc)
{
    static const struct gn_bmc_request root = {.method = "GET",
                                               .uri = ROOT_URI,
                                               .is_anonymous = true};

    if (bmc->facts.is_known)
        ask_manager(bmc);
    else
        gn_bmc_round_send(bmc, &root, on_root);
}

void gn_bmc_round_start(struct gn_bmc *bmc, const char *sign)
{
    struct bmc_round *round = &bmc->round;

    if (bmc->is_leaving || bmc->fleet->is_stopping || round->is_running)
        return;
    gn_timer_stop(&bmc->next);
    *round = (struct bmc_round){.is_running = true, .sign = sign};
    gn_log_debug("bmc.round bmc=%s sign=\"%s\"", bmc->spec.name, sign);
    if (bmc->problem != NULL)
        gn_bmc_round_fail(bmc, GN_BMC_AUTH, bmc->problem);
    else
        begin(bmc);
}
