/* From the bytes of a BMC to views of its events. Every top object is first read as an envelope;
 * one that turns out to be a bare record is read a second time as that. */
#include "gurnard/redfish/event_scan.h"

#include <string.h>

#include "event_priv.h"

/* Room of an array when its first element comes. Powers of two: see make_room(). */
#define FIRST_RECORDS 1
#define FIRST_EVENTS  1
#define FIRST_EXTRAS  8

struct scanner {
    struct gn_json_scan json;
    struct gn_arena *arena;
    uint32_t record_count; /* in the whole body, whatever became of them */
};

/* Makes room for one more element behind count ones. Arrays hold first elements, then twice as many
 * each time, so that count alone tells when they are full. Returns the array; NULL: no memory. */
static void *make_room(struct gn_arena *arena, void *array, uint32_t count, uint32_t first,
                       size_t element_bytes)
{
    const bool is_full = count == 0 || (count >= first && (count & (count - 1)) == 0);
    void *larger;

    if (!is_full)
        return array;
    larger = gn_arena_alloc(arena, (count == 0 ? first : 2 * (size_t)count) * element_bytes);
    if (larger != NULL && count > 0)
        memcpy(larger, array, count * element_bytes);
    return larger;
}

/* Reads the value behind a key. */
static enum gn_err read_value(struct gn_json_scan *json, struct gn_redfish_value *value)
{
    struct gn_json_token token;
    enum gn_err err = gn_json_next(json, &token);

    if (err != GN_OK)
        return err;
    value->type = token.type;
    value->raw = token.raw;
    if (token.type == GN_JSON_OBJECT || token.type == GN_JSON_ARRAY)
        err = gn_json_skip(json, &token, &value->raw);
    return err;
}

/* Keeps a known member. A repeated one replaces what came before, null makes it absent. */
static void keep(struct gn_redfish_value *slot, const struct gn_redfish_value *value)
{
    if (value->type == GN_JSON_NULL)
        *slot = (struct gn_redfish_value){.raw = GN_STR_NONE};
    else
        *slot = *value;
}

static enum gn_err keep_extra(struct scanner *sc, struct gn_redfish_extra **extras, uint32_t *count,
                              struct gn_str key, struct gn_str value)
{
    struct gn_redfish_extra *array;

    if (*count == GN_REDFISH_EXTRAS_MAX)
        return GN_ELIMIT;
    array = make_room(sc->arena, *extras, *count, FIRST_EXTRAS, sizeof **extras);
    if (array == NULL)
        return GN_ENOMEM;
    array[(*count)++] = (struct gn_redfish_extra){key, value};
    *extras = array;
    return GN_OK;
}

/* Reads the members of a record whose opening brace was read. */
static enum gn_err read_record(struct scanner *sc, struct gn_redfish_record *record)
{
    struct gn_redfish_value value;
    struct gn_json_token key;
    enum gn_err err;

    for (;;) {
        enum gn_redfish_record_member member;

        err = gn_json_next(&sc->json, &key);
        if (err != GN_OK || key.type == GN_JSON_OBJECT_END)
            return err;
        member = gn_redfish_record_member(key.text, key.has_escape);
        err = read_value(&sc->json, &value);
        if (err == GN_OK && member == GN_REC_COUNT)
            err = keep_extra(sc, &record->extras, &record->extra_count, key.raw, value.raw);
        if (err != GN_OK)
            return err;
        if (member != GN_REC_COUNT)
            keep(&record->known[member], &value);
    }
}

/* Adds an empty record to ev. */
static enum gn_err add_record(struct scanner *sc, struct gn_redfish_event *ev,
                              struct gn_redfish_record **record)
{
    struct gn_redfish_record *array;

    if (sc->record_count == GN_REDFISH_RECORDS_MAX)
        return GN_ELIMIT;
    array = make_room(sc->arena, ev->records, ev->record_count, FIRST_RECORDS, sizeof *array);
    if (array == NULL)
        return GN_ENOMEM;
    sc->record_count++;
    ev->records = array;
    *record = &array[ev->record_count++];
    return GN_OK;
}

static enum gn_err add_read_record(struct scanner *sc, struct gn_redfish_event *ev)
{
    struct gn_redfish_record *record;
    enum gn_err err = add_record(sc, ev, &record);

    return err == GN_OK ? read_record(sc, record) : err;
}

/* Reads the elements of Events; what is no object is passed over. */
static enum gn_err read_records(struct scanner *sc, struct gn_redfish_event *ev)
{
    struct gn_json_token token;
    struct gn_str raw;
    enum gn_err err;

    for (;;) {
        err = gn_json_next(&sc->json, &token);
        if (err != GN_OK || token.type == GN_JSON_ARRAY_END)
            return err;
        if (token.type == GN_JSON_OBJECT)
            err = add_read_record(sc, ev);
        else
            err = gn_json_skip(&sc->json, &token, &raw);
        if (err != GN_OK)
            return err;
    }
}

/* Reads the value of Events: an array, or a single record without one. Anything else holds none. */
static enum gn_err read_events(struct scanner *sc, struct gn_redfish_event *ev)
{
    struct gn_json_token token;
    enum gn_err err = gn_json_next(&sc->json, &token);

    ev->records = NULL;
    ev->record_count = 0;
    if (err == GN_OK && token.type == GN_JSON_ARRAY)
        return read_records(sc, ev);
    if (err == GN_OK && token.type == GN_JSON_OBJECT)
        return add_read_record(sc, ev);
    return err;
}

/* Reads the members of an envelope whose opening brace was read. */
static enum gn_err read_envelope(struct scanner *sc, struct gn_redfish_event *ev, bool *has_events)
{
    struct gn_redfish_value value;
    struct gn_json_token key;
    enum gn_err err;

    for (;;) {
        enum gn_redfish_envelope_member member;

        err = gn_json_next(&sc->json, &key);
        if (err != GN_OK)
            return err;
        if (key.type == GN_JSON_OBJECT_END) {
            ev->raw.len = (size_t)(key.raw.p + key.raw.len - ev->raw.p);
            return GN_OK;
        }
        member = gn_redfish_envelope_member(key.text, key.has_escape);
        if (member == GN_ENV_EVENTS) {
            *has_events = true;
            err = read_events(sc, ev);
        } else {
            err = read_value(&sc->json, &value);
            if (err == GN_OK && member == GN_ENV_COUNT)
                err = keep_extra(sc, &ev->extras, &ev->extra_count, key.raw, value.raw);
            else if (err == GN_OK)
                keep(&ev->known[member], &value);
        }
        if (err != GN_OK)
            return err;
    }
}

/* What is between the quotes. */
static struct gn_str between_quotes(struct gn_str quoted)
{
    return (struct gn_str){quoted.p + 1, quoted.len - 2};
}

static bool has_backslash(struct gn_str s)
{
    return s.len > 0 && memchr(s.p, '\\', s.len) != NULL;
}

/* Whether @odata.type names the schema: "#Event.v1_7_0.Event"; the '#' may lack. schema ends with
 * its dot. */
static bool has_schema(const struct gn_redfish_event *ev, struct gn_str schema)
{
    const struct gn_redfish_value *value = &ev->known[GN_ENV_ODATA_TYPE];
    struct gn_str text;

    if (value->type != GN_JSON_STRING || value->raw.p == NULL)
        return false;
    text = between_quotes(value->raw);
    if (text.len > 0 && text.p[0] == '#')
        text = (struct gn_str){text.p + 1, text.len - 1};
    return gn_str_has_prefix(text, schema);
}

/* Whether what was read as an envelope without Events has the members of a record. */
static bool looks_like_record(const struct gn_redfish_event *ev)
{
    const uint32_t with_message = 1U << GN_REC_SEVERITY | 1U << GN_REC_EVENT_TYPE |
                                  1U << GN_REC_EVENT_ID | 1U << GN_REC_EVENT_TIMESTAMP;
    uint32_t seen = 0;

    for (uint32_t i = 0; i < ev->extra_count; i++) {
        const struct gn_str name = between_quotes(ev->extras[i].key);

        if (ev->extras[i].value.p[0] != 'n') /* null */
            seen |= 1U << gn_redfish_record_member(name, has_backslash(name));
    }
    if (seen & 1U << GN_REC_MESSAGE_ID)
        return true;
    return (seen & 1U << GN_REC_MESSAGE) != 0 && (seen & with_message) != 0;
}

static bool has_metric_values(const struct gn_redfish_event *ev)
{
    for (uint32_t i = 0; i < ev->extra_count; i++) {
        const struct gn_str name = between_quotes(ev->extras[i].key);

        if (gn_json_text_eq(name, has_backslash(name), GN_STR("MetricValues"), true))
            return true;
    }
    return false;
}

/* What the object is that was read as an envelope; sets ev->is_bare. */
static enum gn_redfish_kind kind_of(struct gn_redfish_event *ev, bool has_events)
{
    if (has_events)
        return GN_REDFISH_EVENT;
    ev->is_bare = looks_like_record(ev);
    if (ev->is_bare || has_schema(ev, GN_STR("Event.")))
        return GN_REDFISH_EVENT;
    if (has_schema(ev, GN_STR("MetricReport.")) || has_metric_values(ev))
        return GN_REDFISH_METRIC_REPORT;
    return GN_REDFISH_OTHER;
}

/* Reads the object again, now as the only record of an event without envelope. */
static enum gn_err reread_as_record(struct scanner *sc, struct gn_redfish_event *ev)
{
    const struct gn_json_scan outer = sc->json;
    struct gn_json_token open;
    enum gn_err err;

    *ev = (struct gn_redfish_event){.raw = ev->raw, .is_bare = true};
    gn_json_scan_init(&sc->json, ev->raw, outer.limits);
    err = gn_json_next(&sc->json, &open);
    if (err == GN_OK)
        err = add_read_record(sc, ev);
    sc->json = outer;
    return err;
}

static enum gn_err add_event(struct scanner *sc, struct gn_redfish_payload *payload,
                             const struct gn_redfish_event *ev)
{
    struct gn_redfish_event *array;

    if (payload->event_count == GN_REDFISH_RECORDS_MAX)
        return GN_ELIMIT;
    array =
        make_room(sc->arena, payload->events, payload->event_count, FIRST_EVENTS, sizeof *array);
    if (array == NULL)
        return GN_ENOMEM;
    array[payload->event_count++] = *ev;
    payload->events = array;
    return GN_OK;
}

/* Reads an object of the top level, whose opening brace is the token open. */
static enum gn_err read_top_object(struct scanner *sc, const struct gn_json_token *open,
                                   struct gn_redfish_payload *payload)
{
    struct gn_redfish_event ev = {.raw = open->raw};
    enum gn_redfish_kind kind;
    bool has_events = false;
    enum gn_err err = read_envelope(sc, &ev, &has_events);

    if (err != GN_OK)
        return err;
    kind = kind_of(&ev, has_events);
    if (kind == GN_REDFISH_EVENT) {
        payload->kind = kind;
        if (ev.is_bare)
            err = reread_as_record(sc, &ev);
        return err == GN_OK ? add_event(sc, payload, &ev) : err;
    }
    if (payload->kind == GN_REDFISH_OTHER)
        payload->kind = kind;
    return GN_OK;
}

/* Reads the elements of an array at the top. */
static enum gn_err read_top_array(struct scanner *sc, struct gn_redfish_payload *payload)
{
    struct gn_json_token token;
    struct gn_str raw;
    enum gn_err err;

    for (;;) {
        err = gn_json_next(&sc->json, &token);
        if (err != GN_OK || token.type == GN_JSON_ARRAY_END)
            return err;
        if (token.type == GN_JSON_OBJECT)
            err = read_top_object(sc, &token, payload);
        else
            err = gn_json_skip(&sc->json, &token, &raw);
        if (err != GN_OK)
            return err;
    }
}

/* Reads the one value of the body and what may follow it. */
static enum gn_err read_body(struct scanner *sc, struct gn_redfish_payload *payload)
{
    struct gn_json_token token;
    enum gn_err err = gn_json_next(&sc->json, &token);

    if (err != GN_OK)
        return err;
    payload->json.p = token.raw.p;
    if (token.type == GN_JSON_OBJECT)
        err = read_top_object(sc, &token, payload);
    else if (token.type == GN_JSON_ARRAY)
        err = read_top_array(sc, payload);
    if (err != GN_OK)
        return err;
    payload->json.len = (size_t)(sc->json.at - payload->json.p);
    return gn_json_next(&sc->json, &token);
}

enum gn_err gn_redfish_scan(struct gn_str body, size_t max_bytes, struct gn_arena *arena,
                            struct gn_redfish_payload *payload, size_t *offset)
{
    const struct gn_json_limits limits = {
        .max_bytes = max_bytes,
        .max_depth = GN_REDFISH_DEPTH_MAX,
        .max_tokens = GN_REDFISH_TOKENS_MAX,
        .repair_utf8 = true,
    };
    struct scanner sc = {.arena = arena};
    enum gn_err err;

    *payload = (struct gn_redfish_payload){.kind = GN_REDFISH_OTHER};
    gn_json_scan_init(&sc.json, body, &limits);
    err = read_body(&sc, payload);
    if (offset != NULL)
        *offset = gn_json_offset(&sc.json);
    if (err != GN_OK) {
        *payload = (struct gn_redfish_payload){.kind = GN_REDFISH_OTHER};
        return err;
    }
    payload->had_bad_utf8 = sc.json.had_bad_utf8;
    for (uint32_t i = 0; i < payload->event_count; i++)
        payload->events[i].had_bad_utf8 = payload->had_bad_utf8;
    return GN_OK;
}
