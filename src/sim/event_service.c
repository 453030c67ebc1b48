/* The EventService itself, and SubmitTestEvent. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "sim_priv.h"

#define SERVICE_URI SIM_ROOT "/EventService"
#define TEST_ACTION "EventService.SubmitTestEvent"
#define TEST_URI    SERVICE_URI "/Actions/" TEST_ACTION
#define TEST_INFO   SERVICE_URI "/SubmitTestEventActionInfo"
#define TEST_KEY    "TestMessage"

/* ---- the service ---- */

static json_t *prefixes_of(const struct gn_sim_profile *p)
{
    json_t *list = gn_sim_words(p->prefixes);
    char own[96];

    /* Who lists versions with the others lists its own with one too. */
    (void)snprintf(own, sizeof own, "%s%s%s", p->registry, strchr(p->prefixes, '.') ? "." : "",
                   strchr(p->prefixes, '.') ? p->version : "");
    (void)json_array_append_new(list, json_string(own));
    return list;
}

static void put_capabilities(const struct gn_sim_profile *p, json_t *made)
{
    if ((p->habits & GN_SIM_EVENT_TYPES) != 0)
        (void)json_object_set_new(made, "EventTypesForSubscription", json_pack("[s]", "Alert"));
    if ((p->habits & GN_SIM_MODERN) != 0) {
        (void)json_object_set_new(made, "EventFormatTypes",
                                  json_pack("[s, s]", "Event", "MetricReport"));
        (void)json_object_set_new(made, "RegistryPrefixes", prefixes_of(p));
        (void)json_object_set_new(made, "ResourceTypes", gn_sim_words(p->resource_types));
    }
    if (gn_sim_word_in(p->accepted, GN_STR("Severities")))
        (void)json_object_set_new(made, "Severities",
                                  json_pack("[s, s, s]", "OK", "Warning", "Critical"));
    if (p->sse == NULL)
        return;
    gn_sim_put(made, "ServerSentEventUri", "%s", p->sse);
    (void)json_object_set_new(made, "SSEFilterPropertiesSupported",
                              json_pack("{s:b, s:b, s:b}", "EventFormatType", 1, "MessageId", 1,
                                        "RegistryPrefix", 1));
}

static void put_status(const struct sim_bmc *bmc, json_t *made)
{
    json_t *status = json_pack("{s:s, s:s}", "State",
                               bmc->faults.is_disabled ? "Disabled" : "Enabled", "Health", "OK");

    if (bmc->faults.has_alerts_off && (bmc->profile->habits & GN_SIM_ALERT_SWITCH) != 0) {
        (void)json_object_set_new(
            status, "Conditions",
            json_pack("[{s:s, s:s, s:s, s:s}]", "MessageId", "IDRAC.2.8.SYS553", "Message",
                      "Alerts are turned off, so no event will be sent.", "Severity", "Warning",
                      "Timestamp", "2026-01-01T00:00:00Z"));
        gn_sim_put(status, "Health", "Warning");
    }
    (void)json_object_set_new(made, "Status", status);
}

static void put_test_action(const struct gn_sim_profile *p, json_t *made)
{
    json_t *action = json_pack("{s:s}", "target", TEST_URI);

    if (p->has_action_info)
        gn_sim_put(action, "@Redfish.ActionInfo", TEST_INFO);
    else if ((p->habits & GN_SIM_EVENT_TYPES) != 0)
        (void)json_object_set_new(action, "EventType@Redfish.AllowableValues",
                                  json_pack("[s]", "Alert"));
    (void)json_object_set_new(made, "Actions", json_pack("{s:o}", "#" TEST_ACTION, action));
}

void gn_sim_get_event_service(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;
    const struct gn_sim_profile *p = bmc->profile;
    json_t *made;
    char type[64];

    (void)snprintf(type, sizeof type, "EventService.%s.EventService", p->event_service_type);
    made = gn_sim_resource(SERVICE_URI, type, "EventService", "Event Service");
    (void)json_object_set_new(made, "ServiceEnabled", json_boolean(!bmc->faults.is_disabled));
    (void)json_object_set_new(made, "DeliveryRetryAttempts",
                              json_integer((json_int_t)bmc->retry_attempts));
    /* iLO 4 has its own spelling. */
    (void)json_object_set_new(made,
                              (p->habits & GN_SIM_TTL) != 0 ? "DeliveryRetryIntervalInSeconds"
                                                            : "DeliveryRetryIntervalSeconds",
                              json_integer((json_int_t)bmc->retry_interval_s));
    put_capabilities(p, made);
    put_status(bmc, made);
    put_test_action(p, made);
    gn_sim_put_link(made, "Subscriptions", SERVICE_URI "/%s", p->subscriptions);
    if ((p->habits & GN_SIM_ETAGS) != 0)
        gn_sim_reply_header(visit->reply, "ETag", "W/\"%u\"", bmc->service_etag);
    gn_sim_ok(visit, made);
}

static bool take_number(struct sim_visit *visit, const char *key, uint32_t *value)
{
    const json_t *given = json_object_get(visit->body, key);

    if (given == NULL)
        return true;
    if (json_is_integer(given) && json_integer_value(given) >= 0 &&
        json_integer_value(given) <= 3600) {
        *value = (uint32_t)json_integer_value(given);
        return true;
    }
    gn_sim_error2(visit, 400, "PropertyValueTypeError", "that", key, key);
    return false;
}

/* The precondition of ETags: 428 without If-Match, 412 with another. */
static bool has_right_etag(struct sim_visit *visit)
{
    char want[32];

    if ((visit->bmc->profile->habits & GN_SIM_ETAGS) == 0)
        return true;
    (void)snprintf(want, sizeof want, "W/\"%u\"", visit->bmc->service_etag);
    if (visit->request->if_match.p == NULL)
        gn_sim_error(visit, 428, "PreconditionRequired", NULL, NULL);
    else if (!gn_str_eq(visit->request->if_match, gn_str_of(want)))
        gn_sim_error(visit, 412, "PreconditionFailed", NULL, NULL);
    else
        return true;
    return false;
}

void gn_sim_patch_event_service(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    const json_t *enabled = json_object_get(visit->body, "ServiceEnabled");

    if (!has_right_etag(visit) ||
        !take_number(visit, "DeliveryRetryAttempts", &bmc->retry_attempts) ||
        !take_number(visit, "DeliveryRetryIntervalSeconds", &bmc->retry_interval_s))
        return;
    if (json_is_boolean(enabled))
        bmc->faults.is_disabled = json_is_false(enabled);
    bmc->service_etag++;
    visit->reply->status = 204;
}

/* ---- SubmitTestEvent ---- */

void gn_sim_get_test_info(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    const char *words = p->test_known;
    json_t *parameters = json_array();
    struct gn_str word;
    json_t *made;
    char id[160];

    if (!p->has_action_info) {
        gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
        return;
    }
    while ((word = gn_sim_next_word(&words)).p != NULL) {
        json_t *row = json_object();

        gn_sim_put(row, "Name", "%.*s", (int)word.len, word.p);
        (void)json_object_set_new(row, "Required",
                                  json_boolean(gn_sim_word_in(p->test_required, word)));
        gn_sim_put(row, "DataType", "%s",
                   gn_str_eq(word, GN_STR("MessageArgs"))    ? "StringArray"
                   : gn_str_eq(word, GN_STR("EventGroupId")) ? "Number"
                                                             : "String");
        if (gn_str_eq(word, GN_STR("EventType")))
            (void)json_object_set_new(row, "AllowableValues", json_pack("[s]", "Alert"));
        if (gn_str_eq(word, GN_STR("Severity")))
            (void)json_object_set_new(row, "AllowableValues",
                                      json_pack("[s, s, s]", "OK", "Warning", "Critical"));
        if (gn_str_eq(word, GN_STR("MessageId")) && p->has_vendor_keys) {
            gn_sim_message_id(p, "CPU0002", id, sizeof id);
            (void)json_object_set_new(row, "AllowableValues", json_pack("[s]", id));
        }
        (void)json_array_append_new(parameters, row);
    }
    made = gn_sim_resource(TEST_INFO, "ActionInfo.v1_1_2.ActionInfo", "SubmitTestEventActionInfo",
                           "Parameters of SubmitTestEvent");
    (void)json_object_set_new(made, "Parameters", parameters);
    gn_sim_ok(visit, made);
}

/* Whether the parameters are those that the BMC wants. */
static bool has_right_parameters(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    const char *words = p->test_required;
    struct gn_str word;
    const char *key;
    json_t *value;
    char name[48];

    while ((word = gn_sim_next_word(&words)).p != NULL) {
        (void)snprintf(name, sizeof name, "%.*s", (int)word.len, word.p);
        if (json_object_get(visit->body, name) != NULL)
            continue;
        gn_sim_error2(visit, 400, "ActionParameterMissing", TEST_ACTION, name, name);
        return false;
    }
    json_object_foreach (visit->body, key, value) {
        if (gn_sim_word_in(p->test_known, gn_str_of(key)))
            continue;
        gn_sim_error2(visit, 400, "ActionParameterUnknown", TEST_ACTION, key, key);
        return false;
    }
    return true;
}

/* Whether the last test is long enough ago. */
static bool may_test(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    const uint64_t pause_ms = gn_sim_scaled_ms(bmc->sim, bmc->profile->test_pause_s);

    if (bmc->profile->test_pause_s > 0 && bmc->tested_at_ms > 0 &&
        bmc->sim->now_ms < bmc->tested_at_ms + pause_ms) {
        gn_sim_error(visit, 400, "GeneralError", NULL, NULL);
        return false;
    }
    bmc->tested_at_ms = bmc->sim->now_ms;
    return true;
}

static void send_test(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    const json_t *body = visit->body, *args = json_object_get(body, "MessageArgs");
    const struct gn_str id = gn_json_str(body, "MessageId");
    const bool takes_id = (bmc->profile->habits & GN_SIM_TEST_OWN_ID) == 0;
    const struct sim_wish wish = {
        .topic = gn_sim_topic_find(GN_STR(TEST_KEY)),
        .message_id = id,
        .message = gn_json_str(body, "Message"),
        .event_id = takes_id ? gn_json_str(body, "EventId") : GN_STR_NONE,
        .origin = gn_json_str(body, "OriginOfCondition"),
        .type = gn_json_str(body, "EventType"),
        .severity = gn_severity_parse(gn_json_str(body, "Severity")),
        .args = json_is_array(args) ? args : NULL,
        .is_test = true,
    };

    gn_sim_raise(bmc, &wish,
                 (bmc->profile->habits & GN_SIM_TEST_TO_URL) != 0 ? gn_json_str(body, "Destination")
                                                                  : GN_STR_NONE);
}

void gn_sim_post_test(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;

    if (bmc->faults.is_disabled) {
        gn_sim_error(visit, 503, "ServiceDisabled", SERVICE_URI, NULL);
        return;
    }
    if (!has_right_parameters(visit) || !may_test(visit))
        return;
    send_test(visit);
    if ((bmc->profile->habits & GN_SIM_TEST_TASK) != 0) {
        gn_sim_answer_task(visit, gn_sim_task_new(bmc, ""));
        return;
    }
    visit->reply->status = bmc->profile->test_status;
    if (visit->reply->status == 200)
        visit->reply->body =
            gn_sim_success(bmc, "Success", (bmc->profile->habits & GN_SIM_ERRORS_ILO) != 0);
}
