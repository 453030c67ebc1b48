/* The keys of an incident, made of what a scan of the message found. */
#include "gurnard/redfish/incident.h"

#include <string.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/clock.h"
#include "gurnard/redfish/event_service.h"
#include "gurnard/redfish/message_id.h"
#include "event_priv.h"

#define NS_PER_S        INT64_C(1000000000)
#define PARTS_BYTES_MAX ((size_t)1 << 20) /* of one key; more is no incident but noise */

/* ---- values ---- */

static struct gn_str text_of(const struct gn_redfish_record *record,
                             enum gn_redfish_record_member member, struct gn_arena *arena)
{
    return gn_str_trim(gn_redfish_text(&record->known[member], arena));
}

/* The member name of a JSON object (what a scan has let pass), absent when there is none. */
static struct gn_redfish_value member_of(struct gn_str object, struct gn_str name)
{
    struct gn_redfish_value found = {.raw = GN_STR_NONE};
    struct gn_json_scan scan;
    struct gn_json_token token;

    gn_json_scan_init(&scan, object, &gn_redfish_value_limits);
    if (gn_json_next(&scan, &token) != GN_OK || token.type != GN_JSON_OBJECT)
        return found;
    while (gn_json_next(&scan, &token) == GN_OK && token.type == GN_JSON_KEY) {
        const bool is_it = gn_json_text_eq(token.text, token.has_escape, name, true);
        struct gn_str raw;

        if (gn_json_next(&scan, &token) != GN_OK || gn_json_skip(&scan, &token, &raw) != GN_OK)
            break;
        if (is_it)
            found = (struct gn_redfish_value){raw, token.type};
    }
    return found;
}

static struct gn_redfish_value extra_of(const struct gn_redfish_record *record, struct gn_str name)
{
    for (uint32_t i = 0; i < record->extra_count; i++) {
        const struct gn_redfish_extra *extra = &record->extras[i];
        const struct gn_str key = {extra->key.p + 1, extra->key.len - 2};
        const char first = extra->value.len == 0 ? '\0' : extra->value.p[0];

        if (!gn_str_eq_nocase(key, name))
            continue;
        if (first == '{')
            return (struct gn_redfish_value){extra->value, GN_JSON_OBJECT};
        if (first == '"')
            return (struct gn_redfish_value){extra->value, GN_JSON_STRING};
    }
    return (struct gn_redfish_value){.raw = GN_STR_NONE};
}

/* ---- keys ---- */

/* The keys being made. */
struct maker {
    const struct gn_redfish_record *record;
    struct gn_arena *arena;
    struct gn_str salt;
    struct gn_buf parts; /* of the present key */
    struct gn_id *keys;
    size_t count;
};

static void add_part(struct maker *mk, struct gn_str part)
{
    gn_buf_printf(&mk->parts, "%zu:", part.len); /* no two lists of parts give the same bytes */
    gn_buf_add_str(&mk->parts, part);
}

static void begin_key(struct maker *mk, struct gn_str letter)
{
    gn_buf_reset(&mk->parts);
    add_part(mk, mk->salt);
    add_part(mk, letter);
}

static void add_second(struct maker *mk, int64_t second)
{
    gn_buf_printf(&mk->parts, "%lld;", (long long)second);
}

static void end_key(struct maker *mk)
{
    if (gn_buf_err(&mk->parts) == GN_OK)
        mk->keys[mk->count++] = gn_id_v5(gn_buf_str(&mk->parts));
}

static bool read_second(struct maker *mk, int64_t *second)
{
    int64_t ns;

    if (gn_time_parse_bmc(text_of(mk->record, GN_REC_EVENT_TIMESTAMP, mk->arena), &ns) != GN_OK ||
        ns < GN_INCIDENT_TIME_MIN)
        return false;
    *second = ns / NS_PER_S;
    return true;
}

/* An origin with and without trailing slash is the same (iLO 5). */
static struct gn_str origin_of(struct maker *mk)
{
    struct gn_str origin = gn_str_trim(gn_redfish_origin(mk->record, mk->arena));

    while (origin.len > 1 && origin.p[origin.len - 1] == '/')
        origin.len--;
    return origin;
}

static void make_a(struct maker *mk, int64_t second)
{
    const struct gn_str text = text_of(mk->record, GN_REC_MESSAGE_ID, mk->arena);
    struct gn_message_id id;
    struct gn_str *args;
    size_t count;

    if (gn_message_id_parse(text, &id) != GN_OK)
        return;
    begin_key(mk, GN_STR("A"));
    add_second(mk, second);
    add_part(mk, id.key);
    count = gn_redfish_args(mk->record, mk->arena, &args);
    for (size_t i = 0; i < count; i++)
        add_part(mk, gn_str_trim(args[i]));
    if (count == 0) {
        const struct gn_str origin = origin_of(mk);

        if (origin.len == 0)
            return;
        gn_buf_puts(&mk->parts, "at ");
        add_part(mk, origin);
    }
    end_key(mk);
}

static void make_b(struct maker *mk, int64_t second, const struct gn_redfish_fill *fill)
{
    struct gn_str message = fill == NULL ? GN_STR_NONE : gn_str_trim(fill->message);

    if (message.len == 0)
        message = text_of(mk->record, GN_REC_MESSAGE, mk->arena);
    if (message.len == 0)
        return;
    begin_key(mk, GN_STR("B"));
    add_second(mk, second);
    add_part(mk, message);
    end_key(mk);
}

/* ZT: `Redfish:Chassis:Self:LogServices:Logs:Entries:23 - 1643724222` names the entry, with colons
 * for the slashes, and the time. */
static bool read_zt_event_id(struct gn_str id, char uri[GN_SERVICE_URI_MAX])
{
    const struct gn_str prefix = GN_STR("Redfish:"), root = GN_STR("/redfish/v1/");
    const char *end;

    if (!gn_str_has_prefix(id, prefix))
        return false;
    id = (struct gn_str){id.p + prefix.len, id.len - prefix.len};
    end = memmem(id.p, id.len, " - ", 3);
    if (end != NULL)
        id.len = (size_t)(end - id.p);
    if (memmem(id.p, id.len, ":LogServices:", 13) == NULL ||
        root.len + id.len >= GN_SERVICE_URI_MAX)
        return false;
    memcpy(uri, root.p, root.len);
    for (size_t i = 0; i < id.len; i++)
        uri[root.len + i] = (char)(id.p[i] == ':' ? '/' : id.p[i]);
    uri[root.len + id.len] = '\0';
    return true;
}

static bool read_log_entry(struct maker *mk, char uri[GN_SERVICE_URI_MAX])
{
    struct gn_redfish_value entry = extra_of(mk->record, GN_STR("LogEntry"));

    if (entry.type == GN_JSON_OBJECT)
        entry = member_of(entry.raw, GN_STR("@odata.id"));
    return entry.type == GN_JSON_STRING &&
           gn_service_uri(gn_str_trim(gn_redfish_text(&entry, mk->arena)), uri);
}

static void make_c(struct maker *mk)
{
    const struct gn_redfish_value *oem = &mk->record->known[GN_REC_OEM];
    struct gn_redfish_value own = {.raw = GN_STR_NONE};
    char uri[GN_SERVICE_URI_MAX];

    if (!read_log_entry(mk, uri) &&
        !read_zt_event_id(text_of(mk->record, GN_REC_EVENT_ID, mk->arena), uri))
        return;
    begin_key(mk, GN_STR("C"));
    add_part(mk, gn_str_of(uri));
    if (oem->type == GN_JSON_OBJECT)
        own = member_of(oem->raw, GN_STR("Gurnard"));
    if (own.type == GN_JSON_OBJECT) {
        const struct gn_redfish_value count = member_of(own.raw, GN_STR("Count"));

        if (count.type == GN_JSON_NUMBER)
            add_part(mk, count.raw);
    }
    end_key(mk);
}

size_t gn_incident_keys(const struct gn_redfish_record *record, const struct gn_redfish_fill *fill,
                        struct gn_str salt, struct gn_arena *arena,
                        struct gn_id keys[GN_INCIDENT_KEYS])
{
    struct maker mk = {
        .record = record,
        .arena = arena,
        .salt = salt,
        .parts = gn_buf_with_limit(PARTS_BYTES_MAX),
        .keys = keys,
    };
    int64_t second;

    if (read_second(&mk, &second)) {
        make_a(&mk, second);
        make_b(&mk, second, fill);
    }
    make_c(&mk);
    gn_buf_free(&mk.parts);
    return mk.count;
}
