/* Subscriptions as resources: list, look, change, delete; and which incidents they want. What a
 * POST must be like is in subscription_new.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/must_alloc.h"
#include "gurnard/redfish/message_id.h"
#include "sim_priv.h"

#define RESUME_ACTION "EventDestination.ResumeSubscription"
#define MS_PER_MIN    60000U

void gn_sim_sub_uri(const struct sim_bmc *bmc, const char *id, char *uri, size_t size)
{
    const struct gn_sim_profile *p = bmc->profile;
    const char *slash = (p->habits & GN_SIM_SLASHES) != 0 && id[0] != '\0' ? "/" : "";

    (void)snprintf(uri, size, SIM_ROOT "/EventService/%s%s%s%s", p->subscriptions,
                   id[0] == '\0' ? "" : "/", id, slash);
}

struct sim_sub *gn_sim_sub_find(struct sim_bmc *bmc, struct gn_str id)
{
    struct sim_sub *sub;

    TAILQ_FOREACH (sub, &bmc->subs, link) {
        if (gn_str_eq(id, gn_str_of(sub->id)))
            return sub;
    }
    return NULL;
}

static void make_id(struct sim_bmc *bmc, char id[GN_ID_LEN + 1])
{
    switch (bmc->profile->ids) {
    case GN_SIM_IDS_UUID:
        gn_sim_random_id(bmc->sim, id);
        return;
    case GN_SIM_IDS_SMALL:
        (void)snprintf(id, GN_ID_LEN + 1, "%" PRIu32, ++bmc->last_id);
        return;
    case GN_SIM_IDS_RANDOM:
        (void)snprintf(id, GN_ID_LEN + 1, "%" PRIu32, (uint32_t)gn_sim_random(bmc->sim));
        return;
    }
}

struct sim_sub *gn_sim_sub_new(struct sim_bmc *bmc, json_t *members)
{
    struct sim_sub *sub = gn_must_calloc("sim", 1, sizeof *sub);

    sub->bmc = bmc;
    sub->members = members;
    sub->body = GN_BUF_INIT;
    sub->policy = bmc->profile->policy;
    make_id(bmc, sub->id);
    TAILQ_INSERT_TAIL(&bmc->subs, sub, link);
    bmc->sub_count++;
    return sub;
}

void gn_sim_sub_delete(struct sim_sub *sub)
{
    struct sim_bmc *bmc = sub->bmc;

    TAILQ_REMOVE(&bmc->subs, sub, link);
    bmc->sub_count--;
    if (sub->is_sse)
        bmc->sse_count--;
    if (sub->stream != NULL)
        gn_http_stream_end(sub->stream, false);
    sub->stream = NULL;
    gn_sim_push_end(sub);
}

void gn_sim_subs_delete(struct sim_bmc *bmc, bool streams_too)
{
    struct sim_sub *sub, *next;

    TAILQ_FOREACH_SAFE (sub, &bmc->subs, link, next) {
        if (streams_too || !sub->is_sse)
            gn_sim_sub_delete(sub);
    }
}

/* ---- what it wants ---- */

/* Whether the list under key is empty or absent. */
static bool is_open(const struct sim_sub *sub, const char *key)
{
    return json_array_size(json_object_get(sub->members, key)) == 0;
}

static bool lists(const struct sim_sub *sub, const char *key, struct gn_str word)
{
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(sub->members, key), i, item) {
        if (gn_str_eq_nocase(gn_str_of(json_string_value(item)), word))
            return true;
    }
    return false;
}

/* MessageIds are Registry.Key, of any version; bmcweb compares with keys alone. */
static bool lists_message(const struct sim_sub *sub, const struct sim_incident *incident)
{
    const bool has_bare_keys = (sub->bmc->profile->habits & GN_SIM_BARE_KEYS) != 0;
    struct gn_message_id id;
    const json_t *item;
    size_t i;

    if (has_bare_keys)
        return lists(sub, "MessageIds", gn_str_of(incident->key));
    json_array_foreach (json_object_get(sub->members, "MessageIds"), i, item) {
        if (gn_message_id_parse(gn_str_of(json_string_value(item)), &id) == GN_OK &&
            gn_str_eq_nocase(id.key, gn_str_of(incident->key)) &&
            (id.prefix.p == NULL || gn_str_eq_nocase(id.prefix, gn_str_of(incident->prefix))))
            return true;
    }
    return false;
}

/* RegistryPrefixes may come with a version where the service lists them so. */
static bool lists_prefix(const struct sim_sub *sub, const struct sim_incident *incident)
{
    struct gn_message_id id;
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(sub->members, "RegistryPrefixes"), i, item) {
        gn_message_id_split(gn_str_of(json_string_value(item)), &id);
        if (gn_str_eq_nocase(id.prefix, gn_str_of(incident->prefix)))
            return true;
    }
    return false;
}

bool gn_sim_sub_wants(const struct sim_sub *sub, const struct sim_incident *incident)
{
    const struct sim_topic *topic = incident->topic;

    if (incident->is_report != sub->is_metric)
        return false;
    if (incident->is_report || incident->is_test)
        return true;
    if (!is_open(sub, "EventTypes") && !lists(sub, "EventTypes", gn_str_of(incident->type)))
        return false;
    if (!is_open(sub, "Severities") &&
        !lists(sub, "Severities", gn_str_of(gn_severity_text(incident->severity))))
        return false;
    if (!is_open(sub, "ResourceTypes") &&
        !lists(sub, "ResourceTypes", gn_str_of(topic->resource_type)))
        return false;
    if (is_open(sub, "MessageIds") && is_open(sub, "RegistryPrefixes"))
        return true;
    return lists_message(sub, incident) || lists_prefix(sub, incident);
}

/* ---- the resources ---- */

static void put_state(const struct sim_sub *sub, json_t *made)
{
    char uri[160];

    if ((sub->bmc->profile->habits & GN_SIM_STATUS) == 0)
        return;
    (void)json_object_set_new(made, "Status",
                              json_pack("{s:s, s:s}", "State",
                                        sub->is_suspended ? "Disabled" : "Enabled", "Health",
                                        sub->is_suspended ? "Warning" : "OK"));
    if (!sub->is_suspended)
        return;
    gn_sim_sub_uri(sub->bmc, sub->id, uri, sizeof uri);
    (void)json_object_set_new(made, "Actions",
                              json_pack("{s:{s:s+}}", "#" RESUME_ACTION, "target", uri,
                                        "/Actions/" RESUME_ACTION));
}

/* iLO 4's TTLCount is what remains, so that a client can tell when to renew. */
static void put_ttl(const struct sim_sub *sub, json_t *made)
{
    const struct gn_sim *sim = sub->bmc->sim;
    uint64_t left_ms = sub->expires_at_ms > sim->now_ms ? sub->expires_at_ms - sim->now_ms : 0;

    if ((sub->bmc->profile->habits & GN_SIM_TTL) == 0 || sub->expires_at_ms == 0)
        return;
    if (sim->config.ttl_s == 0)
        left_ms = (uint64_t)((double)left_ms * sim->config.speed);
    (void)json_object_set_new(made, "TTLCount",
                              json_integer((json_int_t)((left_ms + MS_PER_MIN - 1) / MS_PER_MIN)));
    gn_sim_put(made, "TTLUnits", "minutes");
}

json_t *gn_sim_sub_resource(const struct sim_sub *sub)
{
    const struct gn_sim_profile *p = sub->bmc->profile;
    char uri[160], type[64];
    json_t *made;

    gn_sim_sub_uri(sub->bmc, sub->id, uri, sizeof uri);
    (void)snprintf(type, sizeof type, "EventDestination.%s.EventDestination", p->destination_type);
    made = gn_sim_resource(uri, type, sub->id, "Event subscription");
    (void)json_object_update_missing(made, sub->members);
    /* Headers may hold secrets: a service does not show them. */
    if (gn_sim_word_in(p->accepted, GN_STR("HttpHeaders")))
        (void)json_object_set_new(made, "HttpHeaders",
                                  (p->habits & GN_SIM_HEADERS_OBJECT) != 0 ? json_null()
                                                                           : json_array());
    if ((p->habits & GN_SIM_NO_CONTEXT_BACK) != 0)
        (void)json_object_del(made, "Context");
    put_state(sub, made);
    put_ttl(sub, made);
    return made;
}

/* Whether the second segment is the collection's name; answers 404 when not. */
static bool is_collection(struct sim_visit *visit)
{
    if (gn_str_eq(visit->segments[1], gn_str_of(visit->bmc->profile->subscriptions)))
        return true;
    gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
    return false;
}

void gn_sim_get_subs(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    json_t *members;
    const struct sim_sub *sub;
    char uri[160];

    if (!is_collection(visit))
        return;
    members = json_array();
    TAILQ_FOREACH (sub, &bmc->subs, link) {
        gn_sim_sub_uri(bmc, sub->id, uri, sizeof uri);
        (void)json_array_append_new(members, gn_sim_link("%s", uri));
    }
    gn_sim_sub_uri(bmc, "", uri, sizeof uri);
    gn_sim_ok(visit,
              gn_sim_collection(uri, "EventDestinationCollection", "Event subscriptions", members));
}

/* The subscription of the visit; answers 404 without one. */
static struct sim_sub *find(struct sim_visit *visit)
{
    struct sim_sub *sub;
    char id[GN_ID_LEN + 1];

    if (!is_collection(visit))
        return NULL;
    sub = gn_sim_sub_find(visit->bmc, visit->segments[2]);
    (void)snprintf(id, sizeof id, "%.*s", (int)visit->segments[2].len, visit->segments[2].p);
    if (sub == NULL)
        gn_sim_error2(visit, 404, "ResourceNotFound", "EventDestination", id, NULL);
    return sub;
}

void gn_sim_get_sub(struct sim_visit *visit)
{
    const struct sim_sub *sub = find(visit);

    if (sub == NULL)
        return;
    if ((visit->bmc->profile->habits & GN_SIM_ETAGS) != 0)
        gn_sim_reply_header(visit->reply, "ETag", "W/\"%u\"", sub->etag);
    gn_sim_ok(visit, gn_sim_sub_resource(sub));
}

static bool may_patch(struct sim_visit *visit, const struct sim_sub *sub)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    char etag[32];
    const char *key;
    json_t *value;

    if ((p->habits & GN_SIM_ETAGS) != 0 && visit->request->if_match.p == NULL) {
        gn_sim_error(visit, 428, "PreconditionRequired", NULL, NULL);
        return false;
    }
    (void)snprintf(etag, sizeof etag, "W/\"%u\"", sub->etag);
    if ((p->habits & GN_SIM_ETAGS) != 0 && !gn_str_eq(visit->request->if_match, gn_str_of(etag))) {
        gn_sim_error(visit, 412, "PreconditionFailed", NULL, NULL);
        return false;
    }
    json_object_foreach (visit->body, key, value) {
        if (gn_sim_word_in(p->patchable, gn_str_of(key)))
            continue;
        gn_sim_error(visit, 400,
                     gn_sim_word_in(p->accepted, gn_str_of(key)) ? "PropertyNotWritable"
                                                                 : "PropertyUnknown",
                     key, key);
        return false;
    }
    return true;
}

void gn_sim_patch_sub(struct sim_visit *visit)
{
    struct sim_sub *sub = find(visit);

    if (sub == NULL || !may_patch(visit, sub))
        return;
    (void)json_object_update(sub->members, visit->body);
    gn_sim_sub_apply(sub);
    sub->etag++;
    gn_sim_ok(visit, gn_sim_sub_resource(sub));
}

void gn_sim_delete_sub(struct sim_visit *visit)
{
    struct sim_sub *sub = find(visit);
    const unsigned habits = visit->bmc->profile->habits;

    if (sub == NULL)
        return;
    gn_sim_sub_delete(sub);
    gn_sim_ok(visit, gn_sim_success(visit->bmc, "Success", (habits & GN_SIM_ERRORS_ILO) != 0));
}

/* There only while the subscription is suspended. */
void gn_sim_post_resume(struct sim_visit *visit)
{
    struct sim_sub *sub = find(visit);

    if (sub == NULL)
        return;
    if (!sub->is_suspended) {
        gn_sim_error(visit, 400, "ActionNotSupported", RESUME_ACTION, NULL);
        return;
    }
    sub->is_suspended = false;
    sub->attempts = 0;
    gn_sim_push_on(sub);
    visit->reply->status = 204;
}
