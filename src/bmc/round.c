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
#define SERVICE_URI    "/redfish/v1/EventService"

static void ask_service(struct gn_bmc *bmc);

/* ---- beginning and end ---- */

static void drop_list(struct bmc_round *round)
{
    free(round->uris);
    free(round->list);
    round->uris = NULL;
    round->list = NULL;
    round->uri_count = 0;
    round->list_count = 0;
    round->next_uri = 0;
}

static void end_round(struct gn_bmc *bmc)
{
    drop_list(&bmc->round);
    bmc->round.is_running = false;
    gn_bmc_rest(bmc);
}

static void fail_round(struct gn_bmc *bmc, enum gn_bmc_state state, const char *reason)
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
    fail_round(bmc, gn_bmc_state_of(answer), answer->reason);
    return true;
}

void gn_bmc_round_send(struct gn_bmc *bmc, const struct gn_bmc_request *request,
                       gn_bmc_answer_fn fn)
{
    enum gn_err err = gn_bmc_send(bmc->link, request, fn, bmc, &bmc->round.call);

    if (err == GN_OK)
        return;
    bmc->round.call = NULL;
    fail_round(bmc, err == GN_EINVAL ? GN_BMC_HOSTILE : GN_BMC_UNREACHABLE,
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
    drop_list(&bmc->round);
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
        fail_round(bmc, GN_BMC_UNREACHABLE, gn_err_text(GN_ENOMEM));
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
        fail_round(bmc, GN_BMC_UNREACHABLE, gn_err_text(GN_ENOMEM));
    } else {
        bmc->facts.is_known = true;
        ask_service(bmc);
    }
}

static void on_managers(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    char uri[GN_SERVICE_URI_MAX];

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer)) {
        const json_t *first = json_array_get(json_object_get(answer->body, "Members"), 0);

        if (gn_service_uri(gn_json_str(first, "@odata.id"), uri))
            bmc->facts.manager = gn_str_dup(gn_str_of(uri));
    }
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
    char uri[GN_SERVICE_URI_MAX];

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer)) {
        const json_t *links = json_object_get(answer->body, "Links");
        const json_t *by = json_array_get(json_object_get(links, "ManagedBy"), 0);

        if (gn_service_uri(gn_json_str(by, "@odata.id"), uri))
            bmc->facts.manager = gn_str_dup(gn_str_of(uri));
    }
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
        fail_round(bmc, GN_BMC_HOSTILE, "there is no Redfish service");
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
                                                      : SERVICE_URI,
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
        fail_round(bmc, GN_BMC_DEGRADED, "our own address is not known: set bmc.webhook_url");
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
            fail_round(bmc, GN_BMC_REFUSED, "the BMC has no EventService");
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
    gn_bmc_round_get(bmc, bmc->facts.event_service != NULL ? bmc->facts.event_service : SERVICE_URI,
                     on_service);
}

/* ---- the list ---- */

static void ask_next_member(struct gn_bmc *bmc);

/* One of ours that is listed but cannot be read now is not lost. */
static void list_as_before(struct gn_bmc *bmc, const char *uri)
{
    for (unsigned i = 0; i < BMC_WANTS; i++)
        if (strcmp(bmc->current[i].uri, uri) == 0) {
            bmc->round.list[bmc->round.list_count++] = bmc->current[i];
            return;
        }
}

/* Without both it could be anybody's: it was not understood. */
static bool is_telling(const struct gn_destination *member)
{
    return member->url[0] != '\0' || member->context[0] != '\0';
}

/* One member that cannot be read does not spoil the others. */
static void on_member(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_round *round = &bmc->round;
    struct gn_str uri = gn_str_of(round->uris[round->next_uri]);

    round->call = NULL;
    if (answer->end != GN_BMC_END_ANSWER && gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer) &&
        gn_destination_read(answer->body, uri, &round->list[round->list_count]) &&
        is_telling(&round->list[round->list_count])) {
        if (round->list[round->list_count].uri[0] == '\0')
            memcpy(round->list[round->list_count].uri, uri.p, uri.len + 1);
        round->list_count++;
    } else if (answer->status != 404) {
        list_as_before(bmc, uri.p);
    }
    round->next_uri++;
    ask_next_member(bmc);
}

static void ask_next_member(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;

    if (round->next_uri < round->uri_count)
        gn_bmc_round_get(bmc, round->uris[round->next_uri], on_member);
    else
        gn_bmc_subscribe(bmc);
}

static bool is_kept(const struct gn_bmc *bmc, const char *uri)
{
    for (unsigned i = 0; i < BMC_WANTS; i++)
        if (bmc->kept->subscription[i][0] != '\0' && strcmp(bmc->kept->subscription[i], uri) == 0)
            return true;
    return false;
}

static bool add_uri(struct gn_bmc *bmc, const json_t *member)
{
    struct bmc_round *round = &bmc->round;
    char *uri = round->uris[round->uri_count];

    if (json_is_string(member) ? !gn_service_uri(gn_str_of(json_string_value(member)), uri)
                               : !gn_service_uri(gn_json_str(member, "@odata.id"), uri))
        return false;
    if (round->uri_count >= BMC_MEMBERS_MAX && !is_kept(bmc, uri))
        return false; /* too many to look at all; ours are looked at */
    round->uri_count++;
    return is_kept(bmc, uri);
}

/* In a calm round only our own is read again: what others have is no concern of ours as long as it
 * is there. */
static void keep_own_only(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;
    size_t kept = 0;

    for (size_t i = 0; i < round->uri_count; i++)
        if (is_kept(bmc, round->uris[i]))
            memmove(round->uris[kept++], round->uris[i], GN_SERVICE_URI_MAX);
    round->uri_count = kept;
}

static size_t count_kept(const struct gn_bmc *bmc)
{
    size_t count = 0;

    for (unsigned i = 0; i < gn_bmc_want_count(bmc); i++)
        count += bmc->kept->subscription[i][0] != '\0';
    return count;
}

static bool make_room(struct bmc_round *round, size_t count)
{
    drop_list(round);
    if (count == 0)
        return true;
    round->uris = calloc(count, sizeof *round->uris);
    round->list = calloc(count, sizeof *round->list);
    return round->uris != NULL && round->list != NULL;
}

static void take_list(struct gn_bmc *bmc, const json_t *members)
{
    struct bmc_round *round = &bmc->round;
    size_t all = json_array_size(members);
    size_t room = all < BMC_MEMBERS_MAX ? all : BMC_MEMBERS_MAX + BMC_WANTS;
    size_t own = 0;

    round->member_count = all;
    bmc->subscriptions_used = all;
    if (!make_room(round, room)) {
        fail_round(bmc, GN_BMC_UNREACHABLE, gn_err_text(GN_ENOMEM));
        return;
    }
    for (size_t i = 0; i < all && round->uri_count < room; i++)
        own += add_uri(bmc, json_array_get(members, i));
    if (bmc->is_settled && !round->is_listed_again && own == count_kept(bmc) &&
        (own > 0 || gn_bmc_want_count(bmc) == 0))
        keep_own_only(bmc);
    ask_next_member(bmc);
}

bool gn_bmc_is_collection(const json_t *body)
{
    const json_t *members = json_object_get(body, "Members");

    return json_is_object(body) &&
           (members == NULL || json_is_null(members) || json_is_array(members));
}

static void on_list(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->round.call = NULL;
    if (gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer) && gn_bmc_is_collection(answer->body))
        take_list(bmc, json_object_get(answer->body, "Members"));
    else if (gn_bmc_is_done(answer)) /* an empty one would have everything made again and again */
        fail_round(bmc, GN_BMC_HOSTILE, "its list of subscriptions is none");
    else if (gn_bmc_want_count(bmc) == 0)
        gn_bmc_round_done(bmc); /* streams need no list */
    else
        fail_round(bmc, GN_BMC_REFUSED, answer->reason);
}

void gn_bmc_collection(const struct gn_bmc *bmc, char uri[GN_SERVICE_URI_MAX + 16])
{
    if (bmc->service.subscriptions[0] != '\0')
        (void)snprintf(uri, GN_SERVICE_URI_MAX + 16, "%s", bmc->service.subscriptions);
    else
        (void)snprintf(uri, GN_SERVICE_URI_MAX + 16, "%s/Subscriptions",
                       bmc->facts.event_service != NULL ? bmc->facts.event_service : SERVICE_URI);
}

void gn_bmc_round_list(struct gn_bmc *bmc)
{
    char uri[GN_SERVICE_URI_MAX + 16];

    gn_bmc_collection(bmc, uri);
    gn_bmc_round_get(bmc, uri, on_list);
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
        fail_round(bmc, GN_BMC_AUTH, bmc->problem);
    else
        begin(bmc);
}
