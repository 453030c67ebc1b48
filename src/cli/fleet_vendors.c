/* The forms in which BMCs of four kinds put the same fact (samples: tests/data/redfish). An event
 * with text names the vendor's own MessageId; one without names an id of the standard registries,
 * so that gurnardd has something to look up. */
#include "fleet_priv.h"

#include <inttypes.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"
#include "gurnard/redfish/message_text.h"
#include "gurnard/cli/fleet.h"

#define NS_PER_S        INT64_C(1000000000)
#define DELL_OFFSET_NS  (-6LL * 3600 * NS_PER_S) /* of the zone that our iDRACs stand in */
#define DELL_OFFSET     "-0600"                  /* iDRAC writes it without colon */
#define OPENBMC_OFFSET  "+00:00"
#define FIRST_ENTRY     1000U /* number of the first event in logs */
#define DELL_ENTRY      615000U
#define DELL_FORMS      2U /* of every so many iDRACs one writes bare keys, as iDRAC 8 and 9 did */
#define ILO_OWN_VERSION "iLOEvents.3.1."

/* A time of whole seconds with zone in place of Z. */
static void add_time(struct gn_buf *body, int64_t ns, const char *zone)
{
    char text[GN_TIME_TEXT_MAX];

    gn_time_format(ns - ns % NS_PER_S, text);
    gn_buf_add(body, text, strlen(text) - 1);
    gn_buf_puts(body, zone);
}

static void add_args(const struct fleet_incident *incident, struct gn_buf *body)
{
    gn_buf_puts(body, "\"MessageArgs\":[");
    for (uint32_t i = 0; i < incident->arg_count; i++) {
        if (i > 0)
            gn_buf_putc(body, ',');
        gn_text_add_json(body, gn_str_of(incident->args[i]));
    }
    gn_buf_puts(body, "],");
}

static void add_message(const struct fleet_incident *incident, struct gn_buf *body)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_str args[FLEET_ARGS_MAX];

    if (!incident->has_message)
        return;
    for (uint32_t i = 0; i < incident->arg_count; i++)
        args[i] = gn_str_of(incident->args[i]);
    gn_message_text(gn_str_of(incident->topic->text), args, incident->arg_count, &text);
    gn_buf_puts(body, "\"Message\":");
    gn_text_add_json(body, gn_buf_str(&text));
    gn_buf_putc(body, ',');
    gn_buf_free(&text);
}

/* An id of our registries. */
static void add_standard_id(const struct fleet_incident *incident, struct gn_buf *body)
{
    gn_buf_printf(body, "\"MessageId\":\"%s.%s\",", incident->topic->registry,
                  incident->topic->key);
}

static void add_severity(const struct fleet_incident *incident, const char *member,
                         struct gn_buf *body)
{
    gn_buf_printf(body, "\"%s\":\"%s\",", member, gn_severity_text(incident->topic->severity));
}

/* Bits drawn for the event, in the shape of a UUID. */
static void add_uuid(const struct fleet_incident *incident, struct gn_buf *body)
{
    uint64_t random = incident->random;

    gn_buf_printf(body, "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-8%03" PRIx64 "-%012" PRIx64,
                  random >> 32, (random >> 16) & 0xffff, (random >> 4) & 0xfff,
                  incident->sequence & 0xfff, (random ^ incident->sequence) & 0xffffffffffff);
}

static void add_dell_id(const struct fleet_incident *incident, struct gn_buf *body)
{
    if (!incident->has_message)
        add_standard_id(incident, body);
    else if (incident->bmc / GN_FLEET_VENDORS % DELL_FORMS == 0)
        gn_buf_printf(body, "\"MessageId\":\"%s\",", incident->topic->dell_key);
    else
        gn_buf_printf(body, "\"MessageId\":\"IDRAC.2.8.%s\",", incident->topic->dell_key);
}

void gn_fleet_write_idrac(const struct fleet_incident *incident, struct gn_buf *body)
{
    const struct fleet_topic *topic = incident->topic;

    gn_buf_puts(body, "{\"@odata.context\":\"/redfish/v1/$metadata#Event.Event\",\"@odata.id\":"
                      "\"/redfish/v1/EventService/Events/");
    add_uuid(incident, body);
    gn_buf_puts(body, "\",\"@odata.type\":\"#Event.v1_5_0.Event\",\"Context\":\"gurnard sim\","
                      "\"Events\":[{\"Context\":\"gurnard sim\",\"EventId\":\"");
    gn_buf_add_u64(body, FIRST_ENTRY + incident->sequence);
    gn_buf_puts(body, "\",\"EventTimestamp\":\"");
    add_time(body, incident->now_ns + DELL_OFFSET_NS, DELL_OFFSET);
    gn_buf_printf(body, "\",\"EventType\":\"%s\",\"MemberId\":\"%" PRIu64 "\",", topic->redfish_1,
                  DELL_ENTRY + incident->sequence);
    add_message(incident, body);
    add_args(incident, body);
    gn_buf_printf(body, "\"MessageArgs@odata.count\":%" PRIu32 ",", incident->arg_count);
    add_dell_id(incident, body);
    add_severity(incident, "MessageSeverity", body);
    add_severity(incident, "Severity", body);
    gn_buf_printf(body,
                  "\"OriginOfCondition\":{\"@odata.id\":\"/redfish/v1%s%" PRIu32 "\"}}],"
                  "\"Id\":\"",
                  topic->origin, incident->part_number);
    add_uuid(incident, body);
    gn_buf_printf(body,
                  "\",\"Name\":\"Event Array\",\"Oem\":{\"Dell\":{\"@odata.type\":"
                  "\"#DellEvent.v1_0_0.DellEvent\",\"ServerHostname\":"
                  "\"node-%03" PRIu32 ".example.net\"}}}",
                  incident->bmc);
}

/* iLO's own registry knows no text here; its key is met in one of ours. */
static void add_ilo_id(const struct fleet_incident *incident, struct gn_buf *body)
{
    if (incident->has_message || incident->sequence % 2 == 0)
        gn_buf_printf(body, "\"MessageId\":\"" ILO_OWN_VERSION "%s\",", incident->topic->key);
    else
        add_standard_id(incident, body);
}

void gn_fleet_write_ilo(const struct fleet_incident *incident, struct gn_buf *body)
{
    const struct fleet_topic *topic = incident->topic;

    gn_buf_puts(body, "{\"@odata.type\":\"#Event.v1_0_0.Event\",\"Events\":[{\"EventId\":\"");
    add_uuid(incident, body);
    gn_buf_puts(body, "\",\"EventTimestamp\":\"");
    add_time(body, incident->now_ns, "Z");
    gn_buf_printf(body, "\",\"EventType\":\"%s\",\"MemberId\":\"0\",", topic->redfish_1);
    add_message(incident, body);
    add_args(incident, body);
    add_ilo_id(incident, body);
    gn_buf_printf(body,
                  "\"Oem\":{\"Hpe\":{\"@odata.context\":"
                  "\"/redfish/v1/$metadata#HpeEvent.HpeEvent\",\"@odata.type\":"
                  "\"#HpeEvent.v2_1_0.HpeEvent\",\"CorrelatedEventNumber\":%" PRIu64
                  ",\"CorrelatedEventTimeStamp\":\"",
                  FIRST_ENTRY + incident->sequence);
    add_time(body, incident->now_ns, "Z");
    gn_buf_printf(body,
                  "\",\"CorrelatedEventType\":\"Hardware\",\"CorrelatedIndications\":"
                  "[\"HP:SNMP:1.3.6.1.4.1.232:6:%" PRIu64 ":%" PRIu32 "\"],"
                  "\"Resource\":\"/redfish/v1%s%" PRIu32 "/\"}},",
                  incident->random % 10000, incident->part_number, topic->origin,
                  incident->part_number);
    add_severity(incident, "Severity", body);
    gn_buf_printf(body,
                  "\"OriginOfCondition\":\"/redfish/v1%s%" PRIu32 "/\"}],\"Name\":\"Events\"}",
                  topic->origin, incident->part_number);
}

void gn_fleet_write_openbmc(const struct fleet_incident *incident, struct gn_buf *body)
{
    const struct fleet_topic *topic = incident->topic;
    uint64_t entry = FIRST_ENTRY + incident->sequence;

    gn_buf_printf(
        body,
        "{\"@odata.type\":\"#Event.v1_9_0.Event\",\"Events\":[{\"@odata.id\":"
        "\"/redfish/v1/EventService/SSE#/Events/%" PRIu64 "\",\"@odata.type\":"
        "\"#Event.v1_9_0.EventRecord\",\"Context\":\"gurnard sim\",\"EventGroupId\":%" PRIu64
        ",\"EventId\":\"%" PRIu64 "\",\"EventTimestamp\":\"",
        entry, incident->random % 1000, entry);
    add_time(body, incident->now_ns, OPENBMC_OFFSET);
    gn_buf_printf(
        body,
        "\",\"LogEntry\":{\"@odata.id\":\"/redfish/v1/Systems/system/LogServices/EventLog/"
        "Entries/%" PRId64 "_%" PRIu64 "\"},",
        incident->now_ns / NS_PER_S, entry);
    add_message(incident, body);
    add_args(incident, body);
    if (incident->has_message)
        gn_buf_printf(body, "\"MessageId\":\"OpenBMC.0.5.%s\",", topic->key);
    else
        add_standard_id(incident, body);
    add_severity(incident, "MessageSeverity", body);
    gn_buf_printf(body,
                  "\"Oem\":{\"OpenBMC\":{\"@odata.type\":\"#OpenBMCEvent.v1_0_0.Event\","
                  "\"Host\":\"node-%03" PRIu32 "\"}},\"OriginOfCondition\":{\"@odata.id\":"
                  "\"/redfish/v1%s%" PRIu32 "\"}}],\"Id\":\"%" PRIu64 "\",\"Name\":\"Event Log\"}",
                  incident->bmc, topic->origin, incident->part_number, entry);
}

void gn_fleet_write_ami(const struct fleet_incident *incident, struct gn_buf *body)
{
    const struct fleet_topic *topic = incident->topic;
    uint64_t entry = FIRST_ENTRY + incident->sequence;

    gn_buf_printf(body,
                  "{\"@odata.context\":\"/redfish/v1/$metadata#Event.Event\",\"@odata.id\":"
                  "\"/redfish/v1/EventService/Events/%" PRIu64 "\",\"@odata.type\":"
                  "\"#Event.v1_4_1.Event\",\"Context\":\"gurnard sim\",\"Events\":[{\"Context\":"
                  "\"gurnard sim\",\"EventGroupId\":0,\"EventId\":"
                  "\"Redfish:Chassis:Self:LogServices:Logs:Entries:%" PRIu64 " - %" PRId64
                  "\",\"EventTimestamp\":\"",
                  entry, entry, incident->now_ns / NS_PER_S);
    add_time(body, incident->now_ns, "Z");
    gn_buf_puts(body, "\",\"EventType\":\"Other\",\"MemberId\":\"0\",");
    add_message(incident, body);
    if (incident->has_message) {
        gn_buf_puts(body, "\"MessageId\":\"Ami_Event_Log.1.0.Alert\",");
    } else {
        add_args(incident, body);
        add_standard_id(incident, body);
    }
    add_severity(incident, "MessageSeverity", body);
    add_severity(incident, "Severity", body);
    gn_buf_printf(body,
                  "\"OriginOfCondition\":{\"@odata.id\":\"/redfish/v1%s%" PRIu32 "\"}}],"
                  "\"Events@odata.count\":1,\"Id\":\"%" PRIu64 "\",\"Name\":"
                  "\"Event log of the chassis\",\"hostname\":\"node-%03" PRIu32 "\"}",
                  topic->origin, incident->part_number, entry, incident->bmc);
}
