/* How an incident looks as an Event, and as a log entry, by the bits of the profile. Pure. */
#include "sim_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/must_alloc.h"

#define NS_PER_S    INT64_C(1000000000)
#define HOUR_NS     (INT64_C(3600) * NS_PER_S)
#define REPORT_SIZE 20 /* values of a metric report */

void gn_sim_time_text(enum gn_sim_time form, int64_t ns, char text[GN_ID_LEN + 1])
{
    static const struct {
        int hours;
        const char *zone;
    } rows[] = {
        [GN_SIM_TIME_Z] = {0, "Z"},
        [GN_SIM_TIME_ZERO] = {0, "+00:00"},
        [GN_SIM_TIME_OFFSET] = {-6, "-06:00"},
        [GN_SIM_TIME_NO_COLON] = {-5, "-0500"},
    };
    char full[GN_TIME_TEXT_MAX];

    gn_time_format(ns - ns % NS_PER_S + rows[form].hours * HOUR_NS, full);
    (void)snprintf(text, GN_ID_LEN + 1, "%.19s%s", full, rows[form].zone);
}

static const char *severity_word(const struct sim_bmc *bmc, enum gn_severity severity)
{
    return severity == GN_SEVERITY_OK ? bmc->profile->ok_word : gn_severity_text(severity);
}

void gn_sim_log_uri(const struct gn_sim_profile *profile, int log, char *uri, size_t size)
{
    const struct gn_sim_log *row = &profile->logs[log];
    const char *id = row->owner[0] == 'C'   ? profile->chassis
                     : row->owner[0] == 'S' ? profile->system
                                            : profile->manager;

    (void)snprintf(uri, size, SIM_ROOT "/%s/%s/LogServices/%s", row->owner, id, row->id);
}

static void put_event_id(const struct sim_bmc *bmc, const struct sim_incident *incident,
                         json_t *record)
{
    char uri[160];

    if (incident->event_id[0] != '\0') {
        gn_sim_put(record, "EventId", "%s", incident->event_id);
        return;
    }
    switch (bmc->profile->event_id) {
    case GN_SIM_EVENT_ID_COUNTER:
        gn_sim_put(record, "EventId", "%" PRIu64, incident->number);
        return;
    case GN_SIM_EVENT_ID_TYPE:
        gn_sim_put(record, "EventId", "%s", incident->topic->type_code);
        return;
    case GN_SIM_EVENT_ID_UUID:
        gn_sim_put(record, "EventId", "%s", incident->uuid);
        return;
    case GN_SIM_EVENT_ID_LOG:
        break;
    }
    gn_sim_log_uri(bmc->profile, incident->log >= 0 ? incident->log : 0, uri, sizeof uri);
    for (char *at = uri; *at != '\0'; at++)
        if (*at == '/')
            *at = ':';
    /* ZT leaves the version out: Redfish:Chassis:Self:LogServices:Logs:Entries:23 - 1643724222 */
    gn_sim_put(record, "EventId", "Redfish%s:Entries:%" PRIu64 " - %" PRId64,
               uri + strlen(SIM_ROOT), incident->entry, incident->at_ns / NS_PER_S);
}

static void put_origin(const struct sim_bmc *bmc, const struct sim_incident *incident,
                       json_t *record)
{
    const unsigned has = bmc->profile->event_has;

    if (incident->origin[0] == '\0')
        return;
    if ((has & GN_SIM_EV_ORIGIN) != 0)
        gn_sim_put_link(record, "OriginOfCondition", "%s", incident->origin);
    if ((has & GN_SIM_EV_ORIGIN_S) != 0)
        gn_sim_put(record, "OriginOfCondition", "%s%s", incident->origin,
                   (bmc->profile->habits & GN_SIM_SLASHES) != 0 ? "/" : "");
}

static void put_message(const struct sim_bmc *bmc, const struct sim_incident *incident,
                        json_t *record)
{
    const unsigned has = bmc->profile->event_has;

    gn_sim_put(record, "MessageId", "%s", incident->message_id);
    if ((has & GN_SIM_EV_MESSAGE) != 0)
        gn_sim_put(record, "Message", "%s", incident->message);
    if ((has & GN_SIM_EV_ARGS) != 0)
        (void)json_object_set(record, "MessageArgs", incident->args);
    if ((has & GN_SIM_EV_ARGS_NULL) != 0)
        (void)json_object_set_new(record, "MessageArgs", json_null());
    if ((has & GN_SIM_EV_ARGS_COUNT) != 0)
        (void)json_object_set_new(record, "MessageArgs@odata.count",
                                  json_integer((json_int_t)json_array_size(incident->args)));
    if ((has & GN_SIM_EV_SEVERITY) != 0)
        gn_sim_put(record, "Severity", "%s", severity_word(bmc, incident->severity));
    if ((has & GN_SIM_EV_MSG_SEV) != 0)
        gn_sim_put(record, "MessageSeverity", "%s", gn_severity_text(incident->severity));
}

static json_t *make_record(const struct sim_bmc *bmc, const struct sim_incident *incident,
                           const char *context)
{
    const struct gn_sim_profile *p = bmc->profile;
    json_t *record = json_object();
    char text[GN_ID_LEN + 1], uri[160];

    if ((p->event_has & GN_SIM_EV_TYPE) != 0)
        gn_sim_put(record, "EventType", "%s", incident->type);
    put_event_id(bmc, incident, record);
    gn_sim_time_text(p->time, incident->at_ns, text);
    gn_sim_put(record, "EventTimestamp", "%s", text);
    put_message(bmc, incident, record);
    put_origin(bmc, incident, record);
    if ((p->event_has & GN_SIM_EV_MEMBER_ID) != 0)
        gn_sim_put(record, "MemberId", "%" PRIu64, UINT64_C(615000) + incident->serial);
    if ((p->event_has & GN_SIM_EV_MEMBER_0) != 0)
        gn_sim_put(record, "MemberId", "0");
    if ((p->event_has & GN_SIM_EV_GROUP) != 0)
        (void)json_object_set_new(record, "EventGroupId", json_integer(0));
    if ((p->event_has & GN_SIM_EV_REC_CTX) != 0 && !incident->is_test)
        gn_sim_put(record, "Context", "%s", context);
    if ((p->event_has & GN_SIM_EV_LOG_ENTRY) != 0 && incident->log >= 0) {
        gn_sim_log_uri(p, incident->log, uri, sizeof uri);
        gn_sim_put_link(record, "LogEntry", "%s/Entries/%" PRIu64, uri, incident->entry);
    }
    if ((p->event_has & GN_SIM_EV_OEM_HPE) != 0)
        (void)json_object_set_new(record, "Oem",
                                  json_pack("{s:{s:s}}", "Hpe", "Resource", incident->origin));
    return record;
}

static json_t *make_report(const struct sim_bmc *bmc, const struct sim_incident *incident,
                           const char *context)
{
    json_t *values = json_array();
    json_t *report = json_object();
    char time[GN_ID_LEN + 1];

    gn_sim_time_text(bmc->profile->time, incident->at_ns, time);
    for (int i = 0; i < REPORT_SIZE; i++) {
        json_t *value = json_object();

        gn_sim_put(value, "MetricId", "Sensor%d", i);
        gn_sim_put(value, "MetricValue", "%d", 20 + i);
        gn_sim_put(value, "Timestamp", "%s", time);
        (void)json_array_append_new(values, value);
    }
    gn_sim_put(report, "@odata.id", SIM_ROOT "/TelemetryService/MetricReports/Sensors");
    gn_sim_put(report, "@odata.type", "#MetricReport.v1_4_0.MetricReport");
    gn_sim_put(report, "Id", "Sensors");
    gn_sim_put(report, "Name", "Sensors of the machine");
    gn_sim_put(report, "ReportSequence", "%" PRIu64, incident->number);
    gn_sim_put(report, "Timestamp", "%s", time);
    if (context[0] != '\0')
        gn_sim_put(report, "Context", "%s", context);
    (void)json_object_set_new(report, "MetricValues@odata.count", json_integer(REPORT_SIZE));
    (void)json_object_set_new(report, "MetricValues", values);
    return report;
}

json_t *gn_sim_event(const struct sim_bmc *bmc, const struct sim_incident *incident,
                     const char *context)
{
    const struct gn_sim_profile *p = bmc->profile;
    json_t *event;

    if (incident->is_report)
        return make_report(bmc, incident, context);
    event = json_object();
    if (p->event_type[0] == 'v')
        gn_sim_put(event, "@odata.type", "#Event.%s.Event", p->event_type);
    else
        gn_sim_put(event, "Type", "Event.%s", p->event_type);
    if ((p->event_has & GN_SIM_EV_ID) != 0 && p->event_id == GN_SIM_EVENT_ID_COUNTER)
        gn_sim_put(event, "Id", "%" PRIu64, incident->number);
    else if ((p->event_has & GN_SIM_EV_ID) != 0)
        gn_sim_put(event, "Id", "%s", incident->uuid);
    gn_sim_put(event, "Name", "%s", p->event_name);
    if ((p->event_has & GN_SIM_EV_CONTEXT) != 0)
        gn_sim_put(event, "Context", "%s", context);
    (void)json_object_set_new(event, "Events",
                              json_pack("[o]", make_record(bmc, incident, context)));
    if ((p->event_has & GN_SIM_EV_HOSTNAME) != 0) {
        gn_sim_put(event, "hostname", "node-%" PRIu32, bmc->index);
        (void)json_object_set_new(event, "Events@odata.count", json_integer(1));
    }
    if ((p->event_has & GN_SIM_EV_OEM_DELL) != 0) {
        json_t *dell = json_object();

        gn_sim_put(dell, "ServerHostname", "node-%" PRIu32 ".example.net", bmc->index);
        (void)json_object_set_new(event, "Oem", json_pack("{s:o}", "Dell", dell));
    }
    return event;
}

/* iLO keeps numbers in Oem where others have a MessageId. */
static void put_ilo_parts(const struct sim_incident *incident, json_t *entry)
{
    (void)json_object_set_new(entry, "Oem",
                              json_pack("{s:{s:i, s:i, s:i, s:s}}", "Hpe", "Class", 2, "Code",
                                        (int)strtol(incident->topic->type_code, NULL, 10), "Count",
                                        1, "RecommendedAction", incident->topic->resolution));
}

json_t *gn_sim_log_entry(const struct sim_bmc *bmc, const struct sim_incident *incident)
{
    const struct gn_sim_profile *p = bmc->profile;
    char uri[160], id[32], whole[200], time[GN_ID_LEN + 1];
    json_t *entry;

    gn_sim_log_uri(p, incident->log, uri, sizeof uri);
    (void)snprintf(id, sizeof id, "%" PRIu64, incident->entry);
    (void)snprintf(whole, sizeof whole, "%s/Entries/%s", uri, id);
    entry = gn_sim_resource(whole, "LogEntry.v1_8_0.LogEntry", id, "Log Entry");
    gn_sim_time_text(p->time, incident->at_ns, time);
    gn_sim_put(entry, "Created", "%s", time);
    gn_sim_put(entry, "EntryType", "%s",
               (p->habits & GN_SIM_LOG_NO_MESSAGE_ID) != 0 ? "Oem" : "Event");
    gn_sim_put(entry, "Severity", "%s", gn_severity_text(incident->severity));
    gn_sim_put(entry, "Message", "%s", incident->message);
    if ((p->habits & GN_SIM_LOG_NO_MESSAGE_ID) != 0) {
        put_ilo_parts(incident, entry);
        return entry;
    }
    gn_sim_put(entry, "MessageId", "%s", incident->message_id);
    (void)json_object_set(entry, "MessageArgs", incident->args);
    (void)json_object_set_new(entry, "Links",
                              json_pack("{s:o}", "OriginOfCondition",
                                        gn_sim_link("%s", incident->origin)));
    return entry;
}

void gn_sim_log_add(struct sim_bmc *bmc, struct sim_incident *incident)
{
    const bool is_second = incident->topic->is_about_the_bmc && bmc->profile->logs[1].owner != NULL;
    struct sim_log *log = &bmc->logs[is_second ? 1 : 0];

    if (log->count == SIM_LOG_MAX) {
        gn_sim_incident_unref(log->items[0]);
        memmove(log->items, log->items + 1, (SIM_LOG_MAX - 1) * sizeof *log->items);
        log->count--;
    }
    if (log->count == log->cap) {
        log->cap = log->cap == 0 ? 16 : 2 * log->cap;
        log->items = gn_must_realloc("sim", log->items, log->cap * sizeof *log->items);
    }
    incident->log = is_second ? 1 : 0;
    incident->entry = ++log->next_id;
    log->items[log->count++] = gn_sim_incident_ref(incident);
}

void gn_sim_log_clear(struct sim_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        gn_sim_incident_unref(log->items[i]);
    log->count = 0;
}
