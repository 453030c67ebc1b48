/* Puts our subscriptions on a BMC right: adopts, resumes, creates new before old, removes what is
 * stale. One want after another; each step asks and its answer's function goes on. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/log.h"

#define RENEW_BEFORE_S(resync_ms) ((int64_t)((resync_ms) / 1000) * 2 + 60)
#define METRICS_MARK              "?metrics"

static void next_want(struct gn_bmc *bmc);
static void create(struct gn_bmc *bmc);
static void remove_next(struct gn_bmc *bmc);

/* ---- the list, want by want ---- */

static bool is_for_metrics(const struct gn_destination *destination)
{
    return gn_str_has_suffix(gn_str_of(destination->url), GN_STR(METRICS_MARK));
}

/* Those of the list that may belong to the want in hand: events stand in front of metrics. */
static struct gn_destination *slice_of(const struct gn_bmc *bmc, size_t *count)
{
    const struct bmc_round *round = &bmc->round;
    size_t events = 0;

    while (events < round->list_count && !is_for_metrics(&round->list[events]))
        events++;
    *count = round->want == 0 ? events : round->list_count - events;
    return round->want == 0 ? round->list : round->list + events;
}

static void sort_list(struct bmc_round *round)
{
    size_t events = 0;

    for (size_t i = 0; i < round->list_count; i++) {
        struct gn_destination held;

        if (is_for_metrics(&round->list[i]))
            continue;
        held = round->list[events];
        round->list[events++] = round->list[i];
        if (events - 1 != i)
            round->list[i] = held;
    }
}

static bool is_listed(const struct gn_bmc *bmc, const char *uri)
{
    for (size_t i = 0; i < bmc->round.list_count; i++)
        if (strcmp(bmc->round.list[i].uri, uri) == 0)
            return true;
    return false;
}

/* ---- what is kept of it ---- */

static void keep_uri(struct gn_bmc *bmc, unsigned index, const char *uri)
{
    char *kept = bmc->kept->subscription[index];

    if (strcmp(kept, uri) == 0)
        return;
    (void)snprintf(kept, GN_SERVICE_URI_MAX, "%s", uri);
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

/* It is told once; but as long as there is none, every round begins a gap. */
static void note_lost(struct gn_bmc *bmc, const char *why)
{
    bmc->round.is_lost = true;
    gn_bmc_note_gap(bmc, why);
    if (bmc->is_lost[bmc->round.want])
        return;
    bmc->is_lost[bmc->round.want] = true;
    gn_log_warn("bmc.subscription_lost bmc=%s uri=%s reason=\"%s\"", bmc->spec.name,
                bmc->kept->subscription[bmc->round.want], why);
    gn_bmc_tell(bmc, "SubscriptionLost", "Warning", why, NULL);
}

static void refuse(struct gn_bmc *bmc, const char *why)
{
    bool is_news = bmc->round.want > 0 || strcmp(bmc->refusal, why) != 0;

    if (bmc->round.want == 0)
        gn_bmc_copy(bmc->refusal, sizeof bmc->refusal, why);
    if (is_news)
        gn_log_warn("bmc.subscribe_refused bmc=%s want=%s reason=\"%s\"", bmc->spec.name,
                    bmc->round.want == 0 ? "events" : "metrics", why);
    gn_bmc_count(bmc->fleet->metrics.refused);
    bmc->current[bmc->round.want] = (struct gn_destination){0};
    bmc->round.want++; /* an older one of ours stays: it may still be of use */
    next_want(bmc);
}

/* ---- removing ---- */

static void on_removed(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_round *round = &bmc->round;
    size_t count;
    const struct gn_destination *gone = &slice_of(bmc, &count)[round->plan.remove[round->removed]];

    round->call = NULL;
    if (answer->end != GN_BMC_END_ANSWER && gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer) || answer->status == 404) {
        gn_log_info("bmc.subscription_removed bmc=%s uri=%s", bmc->spec.name, gone->uri);
        gn_bmc_count(bmc->fleet->metrics.removed);
        if (bmc->subscriptions_used > 0)
            bmc->subscriptions_used--;
    } else {
        gn_log_warn("bmc.remove_failed bmc=%s uri=%s reason=\"%s\"", bmc->spec.name, gone->uri,
                    answer->reason);
    }
    round->removed++;
    if (round->has_pruned && round->plan.creates && round->created[0] == '\0')
        create(bmc);
    else
        remove_next(bmc);
}

static void remove_next(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;
    struct gn_bmc_request request = {.method = "DELETE"};
    size_t count;

    if (round->removed == round->plan.remove_count) {
        round->want++;
        next_want(bmc);
        return;
    }
    request.uri = slice_of(bmc, &count)[round->plan.remove[round->removed]].uri;
    gn_bmc_round_send(bmc, &request, on_removed);
}

/* ---- creating ---- */

static void take_created(struct gn_bmc *bmc, const char *uri)
{
    struct bmc_round *round = &bmc->round;
    struct gn_destination *current = &bmc->current[round->want];
    bool is_repair = round->is_lost;

    bmc->is_lost[round->want] = false;
    *current = (struct gn_destination){.ttl_s = -1};
    (void)snprintf(current->uri, sizeof current->uri, "%s", uri);
    gn_bmc_copy(current->url, sizeof current->url, bmc->url[round->want]);
    gn_bmc_copy(current->context, sizeof current->context, bmc->context[round->want]);
    (void)snprintf(round->created, sizeof round->created, "%s", uri);
    (void)snprintf(bmc->remade[round->want], sizeof bmc->remade[0], "%s",
                   round->is_remade ? uri : "");
    if (round->want == 0) {
        bmc->refusal[0] = '\0';
        round->made_any = true;
        bmc->push_fails = false;
        bmc->proof.is_known = false;
        bmc->proof.is_proven = false;
    }
    gn_memory_learn_shape(bmc->fleet->memory, bmc->facts.model_key, &round->shape);
    keep_uri(bmc, round->want, uri);
    bmc->subscriptions_used++;
    gn_log_info("bmc.subscribed bmc=%s uri=%s want=%s refusals=%u sign=\"%s\"", bmc->spec.name, uri,
                round->want == 0 ? "events" : "metrics", round->refusals, round->sign);
    gn_bmc_count(is_repair ? bmc->fleet->metrics.repaired : bmc->fleet->metrics.created);
    if (is_repair)
        gn_bmc_tell(bmc, "SubscriptionRepaired", "OK", "made anew", NULL);
    else
        gn_bmc_tell(bmc, "SubscriptionCreated", "OK", uri, NULL);
}

static void list_again(struct gn_bmc *bmc)
{
    bmc->round.is_listed_again = true;
    gn_bmc_round_list(bmc);
}

static void take_success(struct gn_bmc *bmc, const struct gn_bmc_answer *answer)
{
    struct bmc_round *round = &bmc->round;
    char uri[GN_SERVICE_URI_MAX];

    round->made_any = round->made_any || round->want == 0;
    if (gn_destination_created_uri(gn_str_of(answer->location[0] != '\0' ? answer->location : NULL),
                                   answer->body, bmc->service.subscriptions, uri)) {
        take_created(bmc, uri);
        remove_next(bmc);
    } else if (!round->is_listed_again) {
        round->awaits_listed = true;
        gn_memory_learn_shape(bmc->fleet->memory, bmc->facts.model_key, &round->shape);
        list_again(bmc); /* found there by its Context and Destination */
    } else {
        refuse(bmc, "the BMC says that it made a subscription, but lists none");
    }
}

/* Whether one of our own stale ones can make room first. */
static bool prune(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;

    if (round->removed >= round->plan.remove_count)
        return false;
    round->has_pruned = true;
    remove_next(bmc);
    return true;
}

/* The rejected property, if it is one that we know: the BMC's own words are not repeated, since
 * they may hold what was sent, the token in Destination and HttpHeaders among it. */
static const char *property_of(const struct gn_service_error *error)
{
    static const char *const names[] = {
        "Destination",      "Protocol",          "Context",
        "EventTypes",       "MessageIds",        "SubscriptionType",
        "Severities",       "EventFormatType",   "HttpHeaders",
        "RegistryPrefixes", "ResourceTypes",     "DeliveryRetryPolicy",
        "SendHeartbeat",    "VerifyCertificate", "HeartbeatIntervalMinutes"};

    for (size_t i = 0; error->property_count > 0 && i < GN_LEN(names); i++)
        if (strcmp(error->properties[0], names[i]) == 0)
            return names[i];
    return "";
}

static void on_created(void *ctx, const struct gn_bmc_answer *answer);

static void try_next_shape(struct gn_bmc *bmc, const struct gn_bmc_answer *answer)
{
    struct bmc_round *round = &bmc->round;
    const char *names[GN_DESTINATION_HEADERS_MAX];
    const char *values[GN_DESTINATION_HEADERS_MAX];
    struct gn_destination_want want;
    char why[BMC_REASON_MAX];

    gn_bmc_want(bmc, round->want, &want, names, values);
    round->refusals++;
    if (gn_shape_next(&round->shape, &want, &answer->error, round->refusals)) {
        create(bmc);
        return;
    }
    (void)snprintf(why, sizeof why, "%s%s%s", answer->reason,
                   property_of(&answer->error)[0] != '\0' ? " of " : "",
                   property_of(&answer->error));
    refuse(bmc, why);
}

static void refuse_for_room(struct gn_bmc *bmc)
{
    char why[BMC_REASON_MAX];

    (void)snprintf(why, sizeof why, "no place for a subscription: the BMC has %ju of others",
                   (uintmax_t)bmc->subscriptions_used);
    refuse(bmc, why);
}

static void on_created(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_round *round = &bmc->round;

    round->call = NULL;
    if (gn_bmc_is_done(answer)) {
        take_success(bmc, answer);
        return;
    }
    if (gn_bmc_round_failed(bmc, answer))
        return;
    switch (answer->error.fault) {
    case GN_FAULT_LIMIT:
        if (!prune(bmc))
            refuse_for_room(bmc);
        return;
    case GN_FAULT_EXISTS: /* ours of before with another Context, or one made by a lost answer */
        if (!round->is_listed_again)
            list_again(bmc);
        else if (!prune(bmc))
            refuse(bmc, answer->reason);
        return;
    case GN_FAULT_DISABLED:
    case GN_FAULT_BUSY:
    case GN_FAULT_ABSENT:
    case GN_FAULT_ACTION:
        refuse(bmc, answer->reason);
        return;
    case GN_FAULT_NONE:
    case GN_FAULT_PROPERTY:
    case GN_FAULT_MISSING:
    case GN_FAULT_AUTH:
    case GN_FAULT_OTHER:
        break;
    }
    try_next_shape(bmc, answer);
}

static void create(struct gn_bmc *bmc)
{
    const char *names[GN_DESTINATION_HEADERS_MAX];
    const char *values[GN_DESTINATION_HEADERS_MAX];
    struct gn_destination_want want;
    struct gn_buf body = GN_BUF_INIT;
    struct gn_buf missing = gn_buf_with_limit(BMC_REASON_MAX);
    char uri[GN_SERVICE_URI_MAX + 16];
    struct gn_bmc_request request = {.method = "POST", .uri = uri};

    gn_bmc_collection(bmc, uri);
    gn_bmc_want(bmc, bmc->round.want, &want, names, values);
    gn_destination_body(&want, &bmc->round.shape, &body);
    if (bmc->round.want == 0) {
        gn_shape_missing(&bmc->round.shape, &want, &missing);
        bmc->missing[0] = '\0';
        if (missing.len > 0 && gn_buf_err(&missing) == GN_OK)
            (void)snprintf(bmc->missing, sizeof bmc->missing, MISSING_WORDS "%s", missing.data);
    }
    request.body = gn_buf_str(&body);
    if (gn_buf_err(&body) == GN_OK)
        gn_bmc_round_send(bmc, &request, on_created);
    else
        refuse(bmc, gn_err_text(gn_buf_err(&body)));
    if (body.data != NULL)
        explicit_bzero(body.data, body.len); /* HttpHeaders are secrets */
    gn_buf_free(&body);
    gn_buf_free(&missing);
}

/* What another BMC of the model has refused is not tried again. Which of the two filters is left
 * out depends on what is wanted, and is no property of the model. */
static void add_learnt(struct gn_destination_shape *shape,
                       const struct gn_destination_shape *learnt)
{
    shape->omit |= learnt->omit & ~(unsigned)(GN_OMIT_PREFIXES | GN_OMIT_MESSAGE_IDS);
    shape->has_event_types = shape->has_event_types || learnt->has_event_types;
    shape->has_object_headers = shape->has_object_headers || learnt->has_object_headers;
    shape->has_bare_keys = shape->has_bare_keys || learnt->has_bare_keys;
}

static void begin_create(struct gn_bmc *bmc)
{
    const char *names[GN_DESTINATION_HEADERS_MAX];
    const char *values[GN_DESTINATION_HEADERS_MAX];
    const struct gn_kept_model *model = gn_memory_model(bmc->fleet->memory, bmc->facts.model_key);
    struct gn_destination_want want;

    gn_bmc_want(bmc, bmc->round.want, &want, names, values);
    bmc->round.shape = gn_shape_first(&bmc->service, &want);
    if (model != NULL && model->has_shape)
        add_learnt(&bmc->round.shape, &model->shape);
    create(bmc);
}

/* ---- resuming ---- */

/* New before old: the suspended one goes afterwards. */
static void make_anew(struct gn_bmc *bmc)
{
    struct gn_destination_plan *plan = &bmc->round.plan;

    if (plan->remove_count < GN_LEN(plan->remove))
        plan->remove[plan->remove_count++] = plan->keep;
    plan->creates = true;
    bmc->round.is_remade = true;
    begin_create(bmc);
}

/* One that was made anew because its forerunner was suspended is suspended too, though its path was
 * not found wanting: this BMC says so of all. */
static bool is_always_suspended(const struct gn_bmc *bmc)
{
    return strcmp(bmc->remade[bmc->round.want], bmc->current[bmc->round.want].uri) == 0 &&
           !bmc->push_fails;
}

static void on_resumed(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_round *round = &bmc->round;

    round->call = NULL;
    if (answer->end != GN_BMC_END_ANSWER && gn_bmc_round_failed(bmc, answer))
        return;
    if (gn_bmc_is_done(answer)) {
        gn_log_info("bmc.resumed bmc=%s uri=%s", bmc->spec.name, bmc->current[round->want].uri);
        gn_bmc_count(bmc->fleet->metrics.repaired);
        gn_bmc_tell(bmc, "SubscriptionRepaired", "OK", "resumed", NULL);
        bmc->current[round->want].is_suspended = false;
        bmc->is_lost[round->want] = false;
        round->made_any = true;
        bmc->push_fails = false;
        remove_next(bmc);
        return;
    }
    make_anew(bmc);
}

static void resume(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;
    const struct gn_destination *current = &bmc->current[round->want];
    const struct gn_bmc_request request = {.method = "POST",
                                           .uri = current->resume,
                                           .body = GN_STR("{}")};

    if (current->resume[0] == '\0' && is_always_suspended(bmc)) {
        bmc->current[round->want].is_suspended = false; /* the proof tells whether it works */
        bmc->proof.is_known = bmc->proof.is_known && round->want != 0;
        remove_next(bmc);
        return;
    }
    note_lost(bmc, "the BMC has suspended the subscription");
    if (current->resume[0] != '\0')
        gn_bmc_round_send(bmc, &request, on_resumed);
    else
        make_anew(bmc);
}

/* ---- deciding ---- */

static void adopt(struct gn_bmc *bmc, const struct gn_destination *found)
{
    struct bmc_round *round = &bmc->round;

    bmc->is_lost[round->want] = found->is_suspended && bmc->is_lost[round->want];
    bmc->current[round->want] = *found;
    if (round->want == 0)
        bmc->refusal[0] = '\0';
    if (strcmp(bmc->kept->subscription[round->want], found->uri) == 0)
        return;
    gn_log_info("bmc.adopted bmc=%s uri=%s", bmc->spec.name, found->uri);
    gn_bmc_count(bmc->fleet->metrics.adopted);
    keep_uri(bmc, round->want, found->uri);
}

static void decide(struct gn_bmc *bmc)
{
    struct bmc_round *round = &bmc->round;
    const struct gn_destination_owner owner = {.prefix = bmc->context_prefix[round->want],
                                               .context = bmc->context[round->want],
                                               .url = bmc->url[round->want],
                                               .token = bmc->token};
    const char *kept = bmc->kept->subscription[round->want];
    size_t count;
    const struct gn_destination *slice = slice_of(bmc, &count);

    round->removed = 0;
    round->refusals = 0;
    round->has_pruned = false;
    round->is_remade = false;
    round->is_lost = round->is_lost && round->is_listed_again;
    round->created[0] = '\0';
    gn_destination_plan(slice, count, &owner, RENEW_BEFORE_S(bmc->fleet->config.resync_ms),
                        &round->plan);
    if (round->want >= gn_bmc_want_count(bmc)) { /* not wanted: all that is ours goes */
        round->plan.creates = false;
        if (round->plan.keep != SIZE_MAX && round->plan.remove_count < GN_LEN(round->plan.remove))
            round->plan.remove[round->plan.remove_count++] = round->plan.keep;
        bmc->current[round->want] = (struct gn_destination){0};
        if (round->plan.remove_count == 0)
            keep_uri(bmc, round->want, ""); /* else it is known until it is seen to be gone */
        remove_next(bmc);
        return;
    }
    if (kept[0] != '\0' && !is_listed(bmc, kept) && !round->is_listed_again &&
        round->plan.keep == SIZE_MAX)
        note_lost(bmc, "the BMC no longer has it");
    if (round->plan.keep != SIZE_MAX)
        adopt(bmc, &slice[round->plan.keep]);
    if (round->plan.resumes)
        resume(bmc);
    else if (round->plan.creates && round->awaits_listed)
        refuse(bmc, "the BMC says that it made a subscription, but lists none");
    else if (round->plan.creates)
        begin_create(bmc);
    else
        remove_next(bmc);
}

static void next_want(struct gn_bmc *bmc)
{
    if (bmc->round.want < BMC_WANTS)
        decide(bmc);
    else
        gn_bmc_round_done(bmc);
}

void gn_bmc_subscribe(struct gn_bmc *bmc)
{
    sort_list(&bmc->round);
    if (!bmc->round.is_listed_again)
        bmc->round.want = 0;
    next_want(bmc);
}
