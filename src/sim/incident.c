/* What can happen to a simulated machine, and the incident that it makes. All texts are gurnard's
 * own. */
#include "sim_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/must_alloc.h"
#include "gurnard/redfish/message_id.h"
#include "gurnard/redfish/message_text.h"

#define OK       GN_SEVERITY_OK
#define WARNING  GN_SEVERITY_WARNING
#define CRITICAL GN_SEVERITY_CRITICAL
#define ARGS_MAX 8

/* clang-format off */
static const struct sim_topic topics[] = {
    {"TemperatureAboveUpperCaution", "TMP0118", "2162", WARNING,
     "%1 is at %2 degrees C, which is more than its caution limit.", 2, "CPU ",
     "Chassis", "Chassis:/Sensors/CpuTemp", "Look for blocked air and failed fans.", "", false},
    {"TemperatureAboveUpperCritical", "TMP0119", "2163", CRITICAL,
     "%1 is at %2 degrees C, which is more than it stands for long.", 2, "CPU ",
     "Chassis", "Chassis:/Sensors/CpuTemp", "Cool the room or take load away at once.", "", false},
    {"TemperatureNormal", "TMP0120", "2161", OK,
     "%1 is at %2 degrees C and within its limits again.", 2, "CPU ",
     "Chassis", "Chassis:/Sensors/CpuTemp", "None.",
     "TemperatureAboveUpperCaution TemperatureAboveUpperCritical", false},
    {"FanFailed", "FAN0001", "2154", CRITICAL,
     "%1 does not turn.", 1, "Fan ",
     "Chassis", "Chassis:/Thermal", "Replace the fan.", "", false},
    {"FanRestored", "FAN0000", "2153", OK,
     "%1 turns again.", 1, "Fan ",
     "Chassis", "Chassis:/Thermal", "None.", "FanFailed", false},
    {"PowerSupplyFailed", "PSU0001", "2186", CRITICAL,
     "%1 gives no power.", 1, "Power supply ",
     "Chassis", "Chassis:/Power", "Replace the power supply.", "", false},
    {"PowerSupplyRestored", "PSU0017", "2185", OK,
     "%1 gives power again.", 1, "Power supply ",
     "Chassis", "Chassis:/Power", "None.", "PowerSupplyFailed", false},
    {"DriveFailed", "PDR1", "2201", CRITICAL,
     "The drive in %1 does not answer.", 1, "bay ",
     "Storage", "Systems:/Storage/1", "Replace the drive.", "", false},
    {"DrivePredictiveFailure", "PDR16", "2094", WARNING,
     "The drive in %1 says that it will fail.", 1, "bay ",
     "Storage", "Systems:/Storage/1", "Save the data and replace the drive.", "", false},
    {"DriveRestored", "PDR5", "2095", OK,
     "The drive in %1 works.", 1, "bay ",
     "Storage", "Systems:/Storage/1", "None.", "DriveFailed DrivePredictiveFailure", false},
    {"MemoryErrorsCorrected", "MEM0701", "2400", WARNING,
     "%1 had %2 errors that could be corrected.", 2, "DIMM ",
     "Memory", "Systems:/Memory/1", "Watch the module.", "", false},
    {"MemoryErrorUncorrectable", "MEM0001", "2265", CRITICAL,
     "%1 had an error that could not be corrected.", 1, "DIMM ",
     "Memory", "Systems:/Memory/1", "Replace the module.", "", false},
    {"SystemPoweredOn", "SYS1000", "8500", OK,
     "%1 was switched on.", 1, "System ",
     "ComputerSystem", "Systems:", "None.", "", false},
    {"FirmwareUpdated", "SUP0518", "8560", OK,
     "%1 has new firmware.", 1, "Component ",
     "Manager", "Managers:", "None.", "", true},
    {"LoginFailed", "USR0031", "8507", WARNING,
     "Somebody at %1 gave a wrong password.", 1, "192.0.2.",
     "Manager", "Managers:", "Find out who it was.", "", true},
    {"TestMessage", "TST0001", "8000", OK,
     "This is only a test.", 0, "", "Manager", "Managers:", "None.", "", true},
};
/* clang-format on */

#define BY_CHANCE (GN_LEN(topics) - 1) /* the test message happens only when asked for */

const struct sim_topic *gn_sim_topic_at(size_t index)
{
    return index < GN_LEN(topics) ? &topics[index] : NULL;
}

const struct sim_topic *gn_sim_topic_find(struct gn_str key)
{
    for (size_t i = 0; i < GN_LEN(topics); i++)
        if (gn_str_eq(gn_str_of(topics[i].key), key) ||
            gn_str_eq(gn_str_of(topics[i].vendor_key), key))
            return &topics[i];
    return NULL;
}

const char *gn_sim_topic_key(const struct gn_sim_profile *profile, const struct sim_topic *topic)
{
    if (profile->one_key != NULL)
        return profile->one_key;
    return profile->has_vendor_keys ? topic->vendor_key : topic->key;
}

void gn_sim_message_id(const struct gn_sim_profile *profile, const char *key, char *text,
                       size_t size)
{
    const char *minor = strchr(profile->version, '.');
    const char *patch = strchr(minor + 1, '.');

    switch (profile->message_id) {
    case GN_SIM_ID_PREFIX:
        (void)snprintf(text, size, "%s.%s", profile->registry, key);
        return;
    case GN_SIM_ID_VERSION:
        (void)snprintf(text, size, "%s.%.*s.%s", profile->registry, (int)(patch - profile->version),
                       profile->version, key);
        return;
    }
}

static void copy(char *to, size_t size, struct gn_str from)
{
    (void)snprintf(to, size, "%.*s", (int)from.len, from.len > 0 ? from.p : "");
}

/* "Chassis:/Thermal" becomes /redfish/v1/Chassis/<id>/Thermal. */
static void name_origin(const struct sim_bmc *bmc, const struct sim_topic *topic, char *to,
                        size_t size)
{
    const struct gn_sim_profile *p = bmc->profile;
    size_t owner = strcspn(topic->origin, ":");
    const char *id = topic->origin[0] == 'C'   ? p->chassis
                     : topic->origin[0] == 'S' ? p->system
                                               : p->manager;

    (void)snprintf(to, size, SIM_ROOT "/%.*s/%s%s", (int)owner, topic->origin, id,
                   topic->origin + owner + 1);
}

static json_t *make_args(struct gn_sim *sim, const struct sim_topic *topic)
{
    json_t *args = json_array();
    char text[64];

    if (topic->args > 0) {
        (void)snprintf(text, sizeof text, "%s%" PRIu64, topic->part, 1 + gn_sim_random(sim) % 8);
        (void)json_array_append_new(args, json_string(text)); /* memory ends the process instead */
    }
    if (topic->args > 1) {
        (void)snprintf(text, sizeof text, "%" PRIu64, 2 + gn_sim_random(sim) % 90);
        (void)json_array_append_new(args, json_string(text));
    }
    return args;
}

static json_t *strings_of(const json_t *given)
{
    json_t *args = json_array();
    const json_t *item;
    size_t i;

    json_array_foreach (given, i, item) {
        if (json_is_string(item))
            (void)json_array_append_new(args, json_string(json_string_value(item)));
    }
    return args;
}

static void finish_message(struct sim_incident *incident, const struct sim_wish *wish)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_str args[ARGS_MAX];
    size_t count = 0;

    for (; count < ARGS_MAX && count < json_array_size(incident->args); count++)
        args[count] = gn_str_of(json_string_value(json_array_get(incident->args, count)));
    if (wish->message.p != NULL)
        gn_buf_add_str(&text, wish->message);
    else
        gn_message_text(gn_str_of(incident->topic->text), args, count, &text);
    incident->message = gn_buf_take(&text);
    if (incident->message == NULL)
        incident->message = gn_must_strdup("sim", "");
}

/* Key, prefix and finished MessageId. One that names its registry is kept as it is. */
static void name_message(const struct sim_bmc *bmc, const struct sim_wish *wish,
                         struct sim_incident *incident)
{
    struct gn_message_id id;

    if (wish->message_id.len > 0 && gn_message_id_parse(wish->message_id, &id) == GN_OK &&
        (id.prefix.p != NULL || wish->is_test)) {
        copy(incident->key, sizeof incident->key, id.key);
        copy(incident->prefix, sizeof incident->prefix, id.prefix);
        copy(incident->message_id, sizeof incident->message_id, wish->message_id);
        return;
    }
    copy(incident->key, sizeof incident->key,
         gn_str_of(gn_sim_topic_key(bmc->profile, incident->topic)));
    if (wish->message_id.len > 0 && gn_sim_topic_find(wish->message_id) == NULL)
        copy(incident->key, sizeof incident->key, wish->message_id);
    copy(incident->prefix, sizeof incident->prefix, gn_str_of(bmc->profile->registry));
    gn_sim_message_id(bmc->profile, incident->key, incident->message_id,
                      sizeof incident->message_id);
}

static const struct sim_topic *choose(struct gn_sim *sim, const struct sim_wish *wish)
{
    size_t from;

    if (wish->topic != NULL)
        return wish->topic;
    from = gn_sim_random(sim) % BY_CHANCE;
    for (size_t i = 0; i < BY_CHANCE; i++) {
        const struct sim_topic *topic = &topics[(from + i) % BY_CHANCE];

        if (wish->severity == GN_SEVERITY_NONE || wish->severity == topic->severity)
            return topic;
    }
    return &topics[from];
}

struct sim_incident *gn_sim_incident_new(struct sim_bmc *bmc, const struct sim_wish *wish)
{
    struct sim_incident *made = gn_must_calloc("sim", 1, sizeof *made);

    made->refs = 1;
    made->number = ++bmc->events;
    made->serial = ++bmc->serial;
    made->at_ns = gn_sim_bmc_now_ns(bmc);
    made->topic = choose(bmc->sim, wish);
    made->severity = wish->severity != GN_SEVERITY_NONE ? wish->severity : made->topic->severity;
    gn_sim_random_id(bmc->sim, made->uuid);
    name_message(bmc, wish, made);
    if (wish->origin.p != NULL)
        copy(made->origin, sizeof made->origin, wish->origin);
    else
        name_origin(bmc, made->topic, made->origin, sizeof made->origin);
    copy(made->event_id, sizeof made->event_id, wish->event_id);
    copy(made->type, sizeof made->type, wish->type.len > 0 ? wish->type : GN_STR("Alert"));
    made->args = wish->args != NULL ? strings_of(wish->args) : make_args(bmc->sim, made->topic);
    finish_message(made, wish);
    made->log = -1;
    made->is_test = wish->is_test;
    made->is_report = wish->is_report;
    return made;
}

struct sim_incident *gn_sim_incident_ref(struct sim_incident *incident)
{
    incident->refs++;
    return incident;
}

void gn_sim_incident_unref(struct sim_incident *incident)
{
    if (incident == NULL || --incident->refs > 0)
        return;
    json_decref(incident->args);
    free(incident->message);
    free(incident);
}

static void keep_for_streams(struct sim_bmc *bmc, struct sim_incident *incident)
{
    struct sim_incident **place;

    if (bmc->profile->sse == NULL)
        return;
    if (bmc->ring == NULL)
        bmc->ring = gn_must_calloc("sim", SIM_RING, sizeof *bmc->ring);
    place = &bmc->ring[incident->number % SIM_RING];
    gn_sim_incident_unref(*place);
    *place = gn_sim_incident_ref(incident);
}

static struct gn_str destination_of(const struct sim_sub *sub)
{
    return gn_str_of(json_string_value(json_object_get(sub->members, "Destination")));
}

void gn_sim_raise(struct sim_bmc *bmc, const struct sim_wish *wish, struct gn_str only_url)
{
    struct sim_incident *incident = gn_sim_incident_new(bmc, wish);
    struct sim_sub *sub, *next;

    if (!incident->is_test && !incident->is_report)
        gn_sim_log_add(bmc, incident);
    keep_for_streams(bmc, incident);
    TAILQ_FOREACH_SAFE (sub, &bmc->subs, link, next) {
        if (bmc->faults.is_disabled || bmc->faults.has_alerts_off)
            break;
        if (!gn_sim_sub_wants(sub, incident) || sub->is_suspended)
            continue;
        if (sub->is_sse)
            gn_sim_stream_write(sub, incident);
        else if (only_url.p == NULL || gn_str_eq(only_url, destination_of(sub)))
            gn_sim_push(sub, incident);
    }
    gn_sim_incident_unref(incident);
}
