/* Redfish events as CloudEvents: one for each record, or the whole with what its gravest record
 * says. */
#include "native_priv.h"

#include <stdio.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/redfish/message_id.h"

#define TYPE_EVENT   "org.dmtf.redfish.event"
#define TYPE_METRICS "org.dmtf.redfish.metricreport"
#define SCHEMAS      "https://redfish.dmtf.org/schemas/v1/"

#define PLACE_TEXT 24 /* a record's number, what is before it, a NUL */

/* A Redfish payload on its way. */
struct redfish {
    struct native_reading *rd;
    struct gn_redfish_payload payload;
    size_t record_count; /* of all its events */
    struct gn_str source, bmc;
};

/* What becomes one CloudEvent: a record, of which event, and under which id. */
struct piece {
    const struct gn_redfish_event *event;
    const struct gn_redfish_record *record;
    struct gn_str id, data;
    size_t place; /* of the record among the others */
};

/* The MessageId of a record; all absent when it has none of use. */
struct message {
    struct gn_str text;
    struct gn_message_id id;
};

/* What has no record, or no envelope that could be read, is told as if these were it. */
static const struct gn_redfish_record no_record;
static const struct gn_redfish_event no_event;

/* ---- what a record says ---- */

static enum gn_severity severity_of(struct native_reading *rd,
                                    const struct gn_redfish_record *record)
{
    struct gn_str word = gn_redfish_text(&record->known[GN_REC_SEVERITY], rd->arena);

    if (word.len == 0)
        word = gn_redfish_text(&record->known[GN_REC_MESSAGE_SEVERITY], rd->arena);
    return gn_severity_parse(word);
}

/* Whether text can be part of a type: printable ASCII without blanks. */
static bool is_type_part(struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < 0x21 || text.p[i] > 0x7E)
            return false;
    }
    return true;
}

static struct message message_of(struct native_reading *rd, const struct gn_redfish_record *record)
{
    const struct gn_str text =
        gn_str_trim(gn_redfish_text(&record->known[GN_REC_MESSAGE_ID], rd->arena));
    struct message message = {.text = gn_native_clean(text)};

    if (message.text.p == NULL || gn_message_id_parse(text, &message.id) != GN_OK ||
        !is_type_part(message.id.prefix) || !is_type_part(message.id.key))
        message.id = (struct gn_message_id){.key = GN_STR_NONE};
    return message;
}

static struct gn_str type_of(struct native_reading *rd, const struct gn_message_id *id)
{
    const struct gn_str parts[] = {GN_STR(TYPE_EVENT "."), id->prefix,
                                   id->prefix.len > 0 ? GN_STR(".") : GN_STR_NONE, id->key};

    return id->key.len == 0 ? GN_STR(TYPE_EVENT) : gn_native_join(rd, parts, GN_LEN(parts));
}

static struct gn_str time_of(struct native_reading *rd, const struct gn_redfish_record *record)
{
    const struct gn_str text = gn_redfish_text(&record->known[GN_REC_EVENT_TIMESTAMP], rd->arena);
    int64_t ns;

    return gn_time_parse_bmc(text, &ns) == GN_OK ? gn_native_time(rd, ns) : gn_native_received(rd);
}

/* ---- the schema ---- */

/* Whether name is schema, or schema.vX_Y_Z. */
static bool is_of_schema(struct gn_str name, struct gn_str schema)
{
    struct gn_str version;

    if (!gn_str_eq(gn_str_cut(name, '.', &version), schema))
        return false;
    if (version.p == NULL)
        return true;
    for (size_t i = 1; i < version.len; i++) {
        if (version.p[i] != '_' && (version.p[i] < '0' || version.p[i] > '9'))
            return false;
    }
    return version.len > 1 && version.p[0] == 'v';
}

/* The file of the schema that odata_type, `#Event.v1_7_0.Event`, names; absent when it is none of
 * the DMTF's for events. */
static struct gn_str schema_of(struct native_reading *rd, struct gn_str odata_type)
{
    struct gn_str name = odata_type;
    const char *dot;

    if (name.len > 0 && name.p[0] == '#')
        name = (struct gn_str){name.p + 1, name.len - 1};
    dot = name.len == 0 ? NULL : memrchr(name.p, '.', name.len);
    if (dot == NULL)
        return GN_STR_NONE;
    name.len = (size_t)(dot - name.p);
    if (!is_of_schema(name, GN_STR("Event")) && !is_of_schema(name, GN_STR("MetricReport")))
        return GN_STR_NONE;
    return gn_native_join(rd, (const struct gn_str[]){GN_STR(SCHEMAS), name, GN_STR(".json")}, 3);
}

/* That of the event, or what its record says: a bare one has nothing around it. */
static struct gn_str schema_at(struct native_reading *rd, const struct piece *piece)
{
    struct gn_str type = gn_redfish_text(&piece->event->known[GN_ENV_ODATA_TYPE], rd->arena);

    for (uint32_t i = 0; i < piece->record->extra_count && type.p == NULL; i++) {
        const struct gn_redfish_extra *extra = &piece->record->extras[i];
        const struct gn_redfish_value value = {extra->value, GN_JSON_STRING};

        if (gn_str_eq(extra->key, GN_STR("\"@odata.type\"")) && extra->value.p[0] == '"')
            type = gn_redfish_text(&value, rd->arena);
    }
    return schema_of(rd, type);
}

/* ---- one CloudEvent ---- */

/* The id of one of several records. Never to be changed: repeats are known by it. */
static struct gn_str record_id(struct native_reading *rd, size_t place)
{
    char name[GN_ID_LEN + PLACE_TEXT];
    struct gn_id id;
    const char *copy;

    (void)snprintf(name, sizeof name, "%s/%zu", rd->event->id.text, place);
    id = gn_id_v5(gn_str_of(name));
    copy = gn_arena_strdup(rd->arena, gn_str_of(id.text));
    if (copy == NULL)
        rd->err = GN_ENOMEM;
    return gn_str_of(copy);
}

static void tell(struct redfish *rf, const struct piece *piece, struct gn_native_event *out)
{
    struct native_reading *rd = rf->rd;
    const enum gn_severity severity = severity_of(rd, piece->record);
    const struct message message = message_of(rd, piece->record);
    const struct native_facts facts = {
        .severity = severity,
        .bmc = rf->bmc,
        .message_id = message.text,
        .registry = message.id.prefix,
        .place = piece->place,
    };
    struct gn_cloudevent *ce = &out->ce;

    ce->id = piece->id;
    ce->source = rf->source;
    ce->type = type_of(rd, &message.id);
    ce->subject = gn_native_clean(gn_redfish_origin(piece->record, rd->arena));
    ce->time = time_of(rd, piece->record);
    ce->datacontenttype = GN_STR(GN_NATIVE_JSON_TYPE);
    ce->dataschema = schema_at(rd, piece);
    ce->kind = GN_CE_JSON;
    ce->data = piece->data;
    if (severity != GN_SEVERITY_NONE)
        out->severity = gn_str_of(gn_severity_text(severity));
    out->messagekey = message.id.key;
    out->origin = ce->subject;
    gn_native_extend(rd, &facts, ce);
}

/* ---- the whole ---- */

/* Makes piece the record of highest severity, the first of several; *is_one_type: all have one
 * MessageId but for its version. */
static void find_gravest(struct redfish *rf, struct piece *piece, bool *is_one_type)
{
    enum gn_severity highest = GN_SEVERITY_NONE;
    struct gn_message_id first = {.key = GN_STR_NONE};
    size_t seen = 0;

    *is_one_type = true;
    for (uint32_t i = 0; i < rf->payload.event_count; i++) {
        const struct gn_redfish_event *event = &rf->payload.events[i];

        for (uint32_t j = 0; j < event->record_count; j++) {
            const struct gn_redfish_record *record = &event->records[j];
            const enum gn_severity severity = severity_of(rf->rd, record);
            const struct gn_message_id id = message_of(rf->rd, record).id;

            if (seen == 0)
                first = id;
            if (seen++ == 0 || severity > highest) {
                piece->event = event;
                piece->record = record;
                highest = severity;
            }
            if (!gn_str_eq(id.key, first.key) || !gn_str_eq(id.prefix, first.prefix))
                *is_one_type = false;
        }
    }
}

/* The member @odata.type of a metric report, whose members the scan does not keep. */
static struct gn_str report_type(struct native_reading *rd, struct gn_str report)
{
    struct gn_json_scan scan;
    struct gn_json_token key, token;
    struct gn_str ignored;

    gn_json_scan_init(&scan, report, &gn_native_limits);
    if (gn_json_next(&scan, &token) != GN_OK || token.type != GN_JSON_OBJECT)
        return GN_STR_NONE;
    while (gn_json_next(&scan, &key) == GN_OK && key.type == GN_JSON_KEY) {
        if (gn_json_next(&scan, &token) != GN_OK)
            break;
        if (gn_json_text_eq(key.text, key.has_escape, GN_STR("@odata.type"), true))
            return gn_native_text(rd, &token);
        if (gn_json_skip(&scan, &token, &ignored) != GN_OK)
            break;
    }
    return GN_STR_NONE;
}

static struct gn_native_view tell_whole(struct redfish *rf)
{
    struct gn_native_event *only = gn_native_events(rf->rd, 1);
    struct piece piece = {
        .event = rf->payload.event_count > 0 ? rf->payload.events : &no_event,
        .record = &no_record,
        .id = gn_str_of(rf->rd->event->id.text),
        .data = rf->payload.json,
    };
    bool is_one_type;

    if (only == NULL)
        return (struct gn_native_view){0};
    find_gravest(rf, &piece, &is_one_type);
    tell(rf, &piece, only);
    if (!is_one_type)
        only->ce.type = GN_STR(TYPE_EVENT);
    if (rf->payload.kind == GN_REDFISH_METRIC_REPORT) {
        only->ce.type = GN_STR(TYPE_METRICS);
        only->ce.dataschema = schema_of(rf->rd, report_type(rf->rd, rf->payload.json));
    }
    return (struct gn_native_view){only, 1};
}

/* ---- the records ---- */

/* Notes the objects of an array that was entered, or the one object that stands for it. */
static size_t note_spans(struct gn_json_scan *scan, const struct gn_json_token *events,
                         struct gn_str *spans, size_t room)
{
    struct gn_json_token token = *events;
    size_t count = 0;

    if (events->type != GN_JSON_ARRAY) {
        struct gn_str raw;

        if (gn_json_skip(scan, events, &raw) != GN_OK || events->type != GN_JSON_OBJECT)
            return 0;
        spans[0] = raw;
        return 1;
    }
    while (gn_json_next(scan, &token) == GN_OK && token.type != GN_JSON_ARRAY_END) {
        struct gn_str raw;

        if (gn_json_skip(scan, &token, &raw) != GN_OK)
            break;
        if (token.type != GN_JSON_OBJECT)
            continue;
        if (count < room)
            spans[count] = raw;
        count++;
    }
    return count;
}

/* Finds the bytes of the records of an event, of which there is at least one; returns how many: as
 * many as the event has, for the rules are those of gn_redfish_scan(). */
static size_t find_spans(const struct gn_redfish_event *event, struct gn_str *spans)
{
    struct gn_json_scan scan;
    struct gn_json_token key, token;
    struct gn_str ignored;
    size_t count = 0;

    if (event->is_bare) {
        spans[0] = event->raw;
        return 1;
    }
    gn_json_scan_init(&scan, event->raw, &gn_native_limits);
    if (gn_json_next(&scan, &token) != GN_OK)
        return 0;
    while (gn_json_next(&scan, &key) == GN_OK && key.type == GN_JSON_KEY) {
        if (gn_json_next(&scan, &token) != GN_OK)
            return 0;
        if (gn_json_text_eq(key.text, key.has_escape, GN_STR("Events"), true))
            count = note_spans(&scan, &token, spans, event->record_count);
        else if (gn_json_skip(&scan, &token, &ignored) != GN_OK)
            return 0;
    }
    return count;
}

static struct gn_native_view tell_records(struct redfish *rf)
{
    struct native_reading *rd = rf->rd;
    struct gn_native_event *events = gn_native_events(rd, rf->record_count);
    struct gn_str *spans = gn_native_alloc(rd, rf->record_count * sizeof *spans);
    struct piece piece = {.id = gn_str_of(rd->event->id.text)};

    if (events == NULL || spans == NULL)
        return (struct gn_native_view){0};
    for (uint32_t i = 0; i < rf->payload.event_count; i++) {
        const uint32_t count = rf->payload.events[i].record_count;

        piece.event = &rf->payload.events[i];
        if (count > 0 && find_spans(piece.event, spans) != count)
            return tell_whole(rf);
        for (uint32_t j = 0; j < count && rd->err == GN_OK; j++, piece.place++) {
            piece.record = &piece.event->records[j];
            piece.data = spans[j];
            if (rf->record_count > 1)
                piece.id = record_id(rd, piece.place);
            tell(rf, &piece, &events[piece.place]);
        }
    }
    return (struct gn_native_view){events, rf->record_count};
}

/* ---- an event ---- */

/* A publisher is not a BMC. */
static struct gn_str bmc_of(const struct gn_event *event)
{
    return (event->flags & GN_EVENT_PUBLISHED) != 0 ? GN_STR_NONE : event->origin;
}

static struct gn_str source_of(struct native_reading *rd)
{
    const struct gn_str bmc = bmc_of(rd->event), resource = rd->event->resource;

    if (bmc.len > 0)
        return gn_native_join(
            rd, (const struct gn_str[]){GN_STR("/redfish/"), gn_native_uri(rd, bmc, true)}, 2);
    return resource.len > 0 ? gn_native_uri(rd, resource, false) : GN_STR("/redfish");
}

struct gn_native_view gn_native_redfish(struct native_reading *rd, struct gn_str value,
                                        enum gn_native_split split)
{
    struct redfish rf = {.rd = rd};
    const enum gn_err err = gn_redfish_scan(value, value.len, rd->arena, &rf.payload, NULL);

    if (err == GN_ENOMEM)
        rd->err = err;
    if (rd->err != GN_OK)
        return (struct gn_native_view){0};
    if (err != GN_OK) /* beyond a limit: it is told unread */
        rf.payload.json = value;
    for (uint32_t i = 0; i < rf.payload.event_count; i++)
        rf.record_count += rf.payload.events[i].record_count;
    rf.source = source_of(rd);
    rf.bmc = gn_native_clean(bmc_of(rd->event));
    if (split == GN_SPLIT_WHOLE || rf.record_count == 0)
        return tell_whole(&rf);
    return tell_records(&rf);
}
