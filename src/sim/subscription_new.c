/* A new subscription: what the profile takes and refuses, and how it answers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/must_alloc.h"
#include "gurnard/base/url.h"
#include "sim_priv.h"

#define DESTINATION_MAX 2000
#define CONTEXT_MAX     256
#define HEADERS_MAX     16
#define TTL_MAX         999999 /* iLO 4 takes no larger TTLCount */

/* ---- is it acceptable ---- */

static bool refuse(struct sim_visit *visit, const char *key, const char *arg, const char *property)
{
    gn_sim_error(visit, 400, key, arg, property);
    return false;
}

static bool has_required(struct sim_visit *visit)
{
    const char *words = visit->bmc->profile->required;
    struct gn_str word;
    char name[48];

    while ((word = gn_sim_next_word(&words)).p != NULL) {
        (void)snprintf(name, sizeof name, "%.*s", (int)word.len, word.p);
        if (json_object_get(visit->body, name) == NULL)
            return refuse(visit, "PropertyMissing", name, name);
    }
    return true;
}

/* Refuses, or forgets, what the profile does not know. */
static bool has_only_known(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(visit->body, next, key, value)
    {
        if (gn_sim_word_in(p->accepted, gn_str_of(key)))
            continue;
        if (p->unknown_key != NULL)
            return refuse(visit, p->unknown_key, key, key);
        (void)json_object_del(visit->body, key);
    }
    return true;
}

static bool has_right_types(struct sim_visit *visit)
{
    static const char *const strings[] = {"Destination",     "Protocol",
                                          "Context",         "SubscriptionType",
                                          "EventFormatType", "DeliveryRetryPolicy"};
    static const char *const arrays[] = {"EventTypes", "MessageIds", "RegistryPrefixes",
                                         "Severities", "ResourceTypes"};

    for (size_t i = 0; i < GN_LEN(strings); i++) {
        const json_t *value = json_object_get(visit->body, strings[i]);

        if (value != NULL && !json_is_string(value))
            return refuse(visit, "PropertyValueTypeError", "that", strings[i]);
    }
    for (size_t i = 0; i < GN_LEN(arrays); i++) {
        const json_t *value = json_object_get(visit->body, arrays[i]);

        if (value != NULL && !json_is_array(value))
            return refuse(visit, "PropertyValueTypeError", "that", arrays[i]);
    }
    return true;
}

static bool has_right_headers(struct sim_visit *visit)
{
    const json_t *headers = json_object_get(visit->body, "HttpHeaders");
    const bool wants_object = (visit->bmc->profile->habits & GN_SIM_HEADERS_OBJECT) != 0;

    if (headers == NULL || (wants_object ? json_is_object(headers) : json_is_array(headers)))
        return true;
    return refuse(visit, "PropertyValueTypeError", "that", "HttpHeaders");
}

static bool is_one_of(struct sim_visit *visit, const char *property, const char *words)
{
    const struct gn_str value = gn_json_str(visit->body, property);

    if (value.p == NULL || gn_sim_word_in(words, value))
        return true;
    gn_sim_error2(visit, 400, "PropertyValueNotInList",
                  json_string_value(json_object_get(visit->body, property)), property, property);
    return false;
}

/* Each of a list must be one of words, or own. */
static bool are_of(struct sim_visit *visit, const char *property, const char *words,
                   const char *own)
{
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(visit->body, property), i, item) {
        const struct gn_str word = gn_str_of(json_string_value(item));

        if (gn_sim_word_in(words, word) || gn_str_eq(word, gn_str_of(own)))
            continue;
        gn_sim_error2(visit, 400, "PropertyValueNotInList", json_string_value(item), property,
                      property);
        return false;
    }
    return true;
}

static bool has_right_values(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    const json_t *body = visit->body;

    if ((p->habits & GN_SIM_IDS_OR_PREFIXES) != 0 &&
        json_array_size(json_object_get(body, "MessageIds")) > 0 &&
        json_array_size(json_object_get(body, "RegistryPrefixes")) > 0) {
        gn_sim_error2(visit, 400, "PropertyValueConflict", "MessageIds", "RegistryPrefixes",
                      "MessageIds");
        return false;
    }
    if ((p->habits & GN_SIM_CHECK_VALUES) != 0 &&
        (!are_of(visit, "RegistryPrefixes", p->prefixes, p->registry) ||
         !are_of(visit, "ResourceTypes", p->resource_types, "")))
        return false;
    if ((p->habits & GN_SIM_EVENT_TYPES) != 0 && !are_of(visit, "EventTypes", "Alert", "Other"))
        return false;
    if (gn_json_str(body, "Context").len > CONTEXT_MAX)
        return refuse(visit, "PropertyValueFormatError", "that", "Context");
    return is_one_of(visit, "Protocol", "Redfish") &&
           is_one_of(visit, "SubscriptionType", "RedfishEvent") &&
           is_one_of(visit, "EventFormatType", "Event MetricReport") &&
           (p->policies[0] == '\0' || is_one_of(visit, "DeliveryRetryPolicy", p->policies));
}

static bool has_right_destination(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;
    const unsigned habits = bmc->profile->habits;
    const struct gn_str text = gn_json_str(visit->body, "Destination");
    const struct sim_sub *sub;
    struct gn_url url;

    if (text.len > DESTINATION_MAX || gn_url_parse(text, &url) != GN_OK || !gn_url_is_web(&url))
        return refuse(visit, "PropertyValueFormatError", "that", "Destination");
    if ((habits & GN_SIM_HTTPS_ONLY) != 0 && !bmc->sim->config.allows_http &&
        gn_str_eq_nocase(url.scheme, GN_STR("http")))
        return refuse(visit, "PropertyValueFormatError",
                      json_string_value(json_object_get(visit->body, "Destination")),
                      "Destination");
    if ((habits & GN_SIM_ONE_PER_URL) == 0)
        return true;
    TAILQ_FOREACH (sub, &bmc->subs, link) {
        if (!gn_str_eq(text, gn_json_str(sub->members, "Destination")))
            continue;
        gn_sim_error2(visit, 400, "PropertyValueModified",
                      json_string_value(json_object_get(visit->body, "Destination")), "Destination",
                      "Destination");
        return false;
    }
    return true;
}

bool gn_sim_may_create(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;

    if (!has_only_known(visit) || !has_required(visit) || !has_right_types(visit) ||
        !has_right_headers(visit) || !has_right_values(visit) || !has_right_destination(visit))
        return false;
    if (!bmc->faults.is_full && bmc->sub_count < bmc->profile->max_subscriptions)
        return true;
    gn_sim_error(visit, 503, "EventSubscriptionLimitExceeded", NULL, NULL);
    return false;
}

/* ---- it is made ---- */

static void add_headers_of(const json_t *object, char **lines, size_t *count)
{
    struct gn_buf line = GN_BUF_INIT;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        if (!json_is_string(value) || *count == HEADERS_MAX)
            continue;
        gn_buf_printf(&line, "%s: %s", name, json_string_value(value));
        lines[(*count)++] = gn_buf_take(&line);
    }
    gn_buf_free(&line);
}

/* HttpHeaders, an object or an array of them, as lines; and what we always send. */
static char **make_headers(const json_t *given)
{
    char **lines = gn_must_calloc("sim", HEADERS_MAX + 2, sizeof *lines);
    size_t count = 0;
    const json_t *item;
    size_t i;

    if (json_is_object(given))
        add_headers_of(given, lines, &count);
    json_array_foreach (given, i, item)
        add_headers_of(item, lines, &count);
    lines[count] = gn_must_strdup("sim", "Content-Type: application/json");
    return lines;
}

static enum gn_sim_policy policy_of(struct gn_str word, enum gn_sim_policy fallback)
{
    if (gn_str_eq(word, GN_STR("TerminateAfterRetries")))
        return GN_SIM_TERMINATE;
    if (gn_str_eq(word, GN_STR("SuspendRetries")))
        return GN_SIM_SUSPEND;
    return gn_str_has_prefix(word, GN_STR("RetryForever")) ? GN_SIM_RETRY : fallback;
}

static const char *policy_word(enum gn_sim_policy policy)
{
    return policy == GN_SIM_TERMINATE ? "TerminateAfterRetries"
           : policy == GN_SIM_SUSPEND ? "SuspendRetries"
                                      : "RetryForever";
}

/* When it ends by itself: iLO 4's TTLCount in TTLUnits, or what the whole simulation is set to. */
static uint64_t expiry_of(const struct sim_bmc *bmc, const json_t *members)
{
    const struct gn_str units = gn_json_str(members, "TTLUnits");
    const long long count = gn_json_int(members, "TTLCount", 0);
    uint64_t seconds = gn_str_eq(units, GN_STR("days"))    ? 86400
                       : gn_str_eq(units, GN_STR("hours")) ? 3600
                                                           : 60;

    if (bmc->sim->config.ttl_s > 0)
        return bmc->sim->now_ms + (uint64_t)bmc->sim->config.ttl_s * 1000;
    if ((bmc->profile->habits & GN_SIM_TTL) == 0 || count <= 0 || count > TTL_MAX)
        return 0;
    return bmc->sim->now_ms + gn_sim_scaled_ms(bmc->sim, seconds * (uint64_t)count);
}

static void put_defaults(const struct sim_bmc *bmc, json_t *members)
{
    const struct gn_sim_profile *p = bmc->profile;

    if ((p->habits & GN_SIM_MODERN) != 0 && json_object_get(members, "SubscriptionType") == NULL)
        gn_sim_put(members, "SubscriptionType", "RedfishEvent");
    if ((p->habits & GN_SIM_MODERN) != 0 && json_object_get(members, "EventFormatType") == NULL)
        gn_sim_put(members, "EventFormatType", "Event");
    if (p->policies[0] != '\0' && json_object_get(members, "DeliveryRetryPolicy") == NULL)
        gn_sim_put(members, "DeliveryRetryPolicy", "%s", policy_word(p->policy));
    if ((p->habits & GN_SIM_VERIFIES) != 0 && json_object_get(members, "VerifyCertificate") == NULL)
        (void)json_object_set_new(members, "VerifyCertificate", json_true());
    if ((p->habits & GN_SIM_TTL) != 0 && json_object_get(members, "TTLCount") == NULL) {
        (void)json_object_set_new(members, "TTLCount", json_integer(60));
        gn_sim_put(members, "TTLUnits", "minutes");
    }
}

static void free_headers(struct sim_sub *sub)
{
    for (size_t i = 0; sub->headers != NULL && sub->headers[i] != NULL; i++)
        free(sub->headers[i]);
    free(sub->headers);
}

void gn_sim_sub_apply(struct sim_sub *sub)
{
    const struct sim_bmc *bmc = sub->bmc;
    const json_t *headers = json_object_get(sub->members, "HttpHeaders");

    if (headers != NULL || sub->headers == NULL) {
        free_headers(sub);
        sub->headers = make_headers(headers);
        (void)json_object_del(sub->members, "HttpHeaders");
    }
    sub->policy = policy_of(gn_json_str(sub->members, "DeliveryRetryPolicy"), bmc->profile->policy);
    sub->is_metric =
        gn_str_eq(gn_json_str(sub->members, "EventFormatType"), GN_STR("MetricReport"));
    sub->verifies = json_is_true(json_object_get(sub->members, "VerifyCertificate"));
    sub->expires_at_ms = expiry_of(bmc, sub->members);
    gn_sim_heartbeat(sub);
}

static struct sim_sub *create(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    struct sim_sub *sub = gn_sim_sub_new(bmc, json_deep_copy(visit->body));

    put_defaults(bmc, sub->members);
    gn_sim_sub_apply(sub);
    sub->etag = (unsigned)(bmc->sim->real_ns / 1000000000);
    return sub;
}

/* ---- and told ---- */

/* ZT names the collection and the id, which is a number there. */
static json_t *as_collection(const struct sim_sub *sub)
{
    json_t *made = gn_sim_sub_resource(sub);
    char uri[160];

    gn_sim_sub_uri(sub->bmc, "", uri, sizeof uri);
    gn_sim_put(made, "@odata.id", "%s", uri);
    (void)json_object_set_new(made, "Id", json_integer(strtoll(sub->id, NULL, 10)));
    return made;
}

static void put_location(struct sim_visit *visit, const char *uri, bool is_absolute)
{
    const struct sim_request *request = visit->request;

    if (is_absolute)
        gn_sim_reply_header(visit->reply, "Location", "http%s://%.*s%s", request->is_tls ? "s" : "",
                            (int)request->host.len, request->host.p, uri);
    else
        gn_sim_reply_header(visit->reply, "Location", "%s", uri);
}

static void tell(struct sim_visit *visit, const struct sim_sub *sub, enum gn_sim_answer answer)
{
    char uri[160];

    gn_sim_sub_uri(visit->bmc, sub->id, uri, sizeof uri);
    visit->reply->status = 201;
    switch (answer) {
    case GN_SIM_ANSWER_RESOURCE:
    case GN_SIM_ANSWERS:
        put_location(visit, uri, false);
        visit->reply->body = gn_sim_sub_resource(sub);
        return;
    case GN_SIM_ANSWER_CREATED:
        put_location(visit, uri, false);
        visit->reply->body = gn_sim_success(visit->bmc, "Created", false);
        return;
    case GN_SIM_ANSWER_ERROR:
    case GN_SIM_ANSWER_ABSOLUTE:
        put_location(visit, uri, answer == GN_SIM_ANSWER_ABSOLUTE);
        visit->reply->body = gn_sim_success(visit->bmc, "Created", true);
        return;
    case GN_SIM_ANSWER_COLLECTION:
        visit->reply->body = as_collection(sub);
        return;
    case GN_SIM_ANSWER_BODY:
        gn_sim_ok(visit, gn_sim_sub_resource(sub));
        return;
    case GN_SIM_ANSWER_EMPTY:
        put_location(visit, uri, false);
        visit->reply->status = 204;
        return;
    case GN_SIM_ANSWER_PATH:
        visit->reply->body = json_pack("{s:i, s:s}", "code", 201, "message", uri);
        return;
    case GN_SIM_ANSWER_TASK:
        gn_sim_answer_task(visit, gn_sim_task_new(visit->bmc, uri));
        return;
    }
}

void gn_sim_post_sub(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;

    if (!gn_str_eq(visit->segments[1], gn_str_of(bmc->profile->subscriptions))) {
        gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
        return;
    }
    if (gn_sim_may_create(visit))
        tell(visit, create(visit),
             bmc->faults.answer != GN_SIM_ANSWERS ? bmc->faults.answer : bmc->profile->answer);
}
