/* Pieces that all kinds of events need as CloudEvents: texts in the arena, the attributes that came
 * along, extensions. */
#include "native_priv.h"

#include <stdio.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/relay/address.h"

#define OWN_EXTENSIONS 10 /* those of the header's list */

#define TRACEPARENT_LEN 55 /* 00-, 32 digits, -, 16 digits, -01 */

/* ---- texts ---- */

void *gn_native_alloc(struct native_reading *rd, size_t size)
{
    void *room = gn_arena_alloc(rd->arena, size);

    if (room == NULL)
        rd->err = GN_ENOMEM;
    return room;
}

struct gn_native_event *gn_native_events(struct native_reading *rd, size_t count)
{
    struct gn_native_event *events = gn_native_alloc(rd, count * sizeof *events);

    for (size_t i = 0; events != NULL && i < count; i++) {
        events[i].ce.version = GN_CE_1_0;
        events[i].resource = rd->event->resource;
    }
    return events;
}

struct gn_str gn_native_join(struct native_reading *rd, const struct gn_str *parts, size_t count)
{
    size_t len = 0;
    char *text;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    text = gn_native_alloc(rd, len + 1);
    if (text == NULL)
        return GN_STR_NONE;
    len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(text + len, parts[i].p, parts[i].len);
        len += parts[i].len;
    }
    return (struct gn_str){text, len};
}

struct gn_str gn_native_text(struct native_reading *rd, const struct gn_json_token *token)
{
    const struct gn_redfish_value value = {token->raw, token->type};
    const struct gn_str text = gn_redfish_text(&value, rd->arena);

    if (text.p == NULL && token->type == GN_JSON_STRING)
        rd->err = GN_ENOMEM;
    return text;
}

/* C1 controls are U+0080 to U+009F. */
static bool is_control(struct gn_str text, size_t at)
{
    const unsigned char c = (unsigned char)text.p[at];

    return c < 0x20 || c == 0x7F ||
           (c == 0xC2 && at + 1 < text.len && (unsigned char)text.p[at + 1] < 0xA0);
}

struct gn_str gn_native_clean(struct gn_str text)
{
    if (text.len == 0 || text.len > GN_CE_VALUE_MAX || !gn_text_is_utf8(text))
        return GN_STR_NONE;
    for (size_t i = 0; i < text.len; i++) {
        if (is_control(text, i))
            return GN_STR_NONE;
    }
    return text;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Whether the byte at at may stand in a segment of a path (RFC 3986, pchar without escapes), or in
 * an URI reference that is a path. */
static bool may_stand(struct gn_str text, size_t at, bool is_segment)
{
    const char c = text.p[at];

    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    if (c == '\0')
        return false;
    if (c == '%') /* an escape that is one already */
        return !is_segment && at + 2 < text.len && is_hex(text.p[at + 1]) && is_hex(text.p[at + 2]);
    return strchr("-._~!$&'()*+,;=:@", c) != NULL || (!is_segment && strchr("/?#", c) != NULL);
}

struct gn_str gn_native_uri(struct native_reading *rd, struct gn_str text, bool is_segment)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t strange = 0, len = 0;
    char *uri;

    for (size_t i = 0; i < text.len; i++)
        strange += !may_stand(text, i, is_segment);
    if (strange == 0)
        return text;
    uri = gn_native_alloc(rd, text.len + 2 * strange);
    if (uri == NULL)
        return GN_STR_NONE;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.p[i];

        if (may_stand(text, i, is_segment)) {
            uri[len++] = text.p[i];
            continue;
        }
        uri[len++] = '%';
        uri[len++] = digits[c >> 4];
        uri[len++] = digits[c & 15];
    }
    return (struct gn_str){uri, len};
}

struct gn_str gn_native_time(struct native_reading *rd, int64_t ns)
{
    char text[GN_TIME_TEXT_MAX];
    const char *copy;

    gn_time_format(ns, text);
    copy = gn_arena_strdup(rd->arena, gn_str_of(text));
    if (copy == NULL)
        rd->err = GN_ENOMEM;
    return gn_str_of(copy);
}

struct gn_str gn_native_received(struct native_reading *rd)
{
    if (rd->received.p == NULL)
        rd->received = gn_native_time(rd, rd->event->received_ns);
    return rd->received;
}

/* ---- what came along ---- */

/* The core attribute that name stands for; NULL: it is an extension. */
static struct gn_str *core_place(struct native_reading *rd, const struct gn_json_token *name)
{
    const struct {
        struct gn_str name;
        struct gn_str *place;
    } rows[] = {
        {GN_STR("id"), &rd->id},
        {GN_STR("subject"), &rd->subject},
        {GN_STR("datacontenttype"), &rd->datacontenttype},
        {GN_STR("dataschema"), &rd->dataschema},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        if (gn_json_text_eq(name->text, name->has_escape, rows[i].name, false))
            return rows[i].place;
    }
    return NULL;
}

static void keep_extension(struct native_reading *rd, struct gn_str name, struct gn_str value,
                           bool is_literal)
{
    if (rd->came_count == GN_CE_EXTENSIONS_MAX) {
        rd->err = GN_ELIMIT;
        return;
    }
    if (rd->came == NULL)
        rd->came = gn_native_alloc(rd, GN_CE_EXTENSIONS_MAX * sizeof *rd->came);
    if (rd->came != NULL)
        rd->came[rd->came_count++] = (struct gn_ce_extension){name, value, is_literal};
}

static void read_attribute(struct native_reading *rd, const struct gn_json_token *name,
                           const struct gn_json_token *token)
{
    struct gn_str *place = core_place(rd, name);
    const struct gn_str value = gn_native_text(rd, token);

    if (value.p == NULL || name->has_escape) /* no attribute's name needs one */
        return;
    if (place != NULL)
        *place = value;
    else
        keep_extension(rd, name->text, value, token->type != GN_JSON_STRING);
}

void gn_native_read_attributes(struct native_reading *rd)
{
    struct gn_json_scan scan;
    struct gn_json_token name, token;
    struct gn_str ignored;

    if (rd->event->attributes.len == 0)
        return;
    gn_json_scan_init(&scan, rd->event->attributes, &gn_native_limits);
    if (gn_json_next(&scan, &token) != GN_OK || token.type != GN_JSON_OBJECT)
        return;
    while (rd->err == GN_OK && gn_json_next(&scan, &name) == GN_OK && name.type == GN_JSON_KEY) {
        if (gn_json_next(&scan, &token) != GN_OK)
            return;
        read_attribute(rd, &name, &token);
        if (gn_json_skip(&scan, &token, &ignored) != GN_OK)
            return;
    }
}

/* ---- extensions ---- */

static void put(struct gn_cloudevent *ce, struct gn_ce_extension *items,
                struct gn_ce_extension extension)
{
    size_t at = 0;

    if (extension.value.len == 0)
        return;
    while (at < ce->extension_count && !gn_str_eq(items[at].name, extension.name))
        at++;
    items[at] = extension;
    ce->extension_count += at == ce->extension_count;
}

static void put_severity(struct gn_cloudevent *ce, struct gn_ce_extension *items,
                         enum gn_severity severity)
{
    /* OpenTelemetry's names and numbers */
    static const struct {
        struct gn_str text, number;
    } rows[] = {
        [GN_SEVERITY_OK] = {GN_STR_INIT("INFO"), GN_STR_INIT("9")},
        [GN_SEVERITY_WARNING] = {GN_STR_INIT("WARN"), GN_STR_INIT("13")},
        [GN_SEVERITY_CRITICAL] = {GN_STR_INIT("ERROR"), GN_STR_INIT("17")},
    };

    if (severity == GN_SEVERITY_NONE)
        return;
    put(ce, items, (struct gn_ce_extension){GN_STR("severitytext"), rows[severity].text, false});
    put(ce, items, (struct gn_ce_extension){GN_STR("severitynumber"), rows[severity].number, true});
}

/* NODE of /cluster/node/NODE/..., else this daemon's. */
static struct gn_str node_of(const struct native_reading *rd)
{
    const struct gn_str resource = rd->event->resource, prefix = GN_STR(GN_ADDRESS_NODE);
    struct gn_str node = GN_STR_NONE, rest;

    if (gn_str_has_prefix(resource, prefix))
        node = gn_str_cut((struct gn_str){resource.p + prefix.len, resource.len - prefix.len}, '/',
                          &rest);
    return node.len > 0 ? node : gn_str_of(rd->node);
}

/* Fixed in width, so that its order as text is that of the journal. */
static struct gn_str sequence_text(struct native_reading *rd, size_t place)
{
    char text[40];
    const char *copy;

    if (rd->sequence == 0)
        return GN_STR_NONE;
    (void)snprintf(text, sizeof text, "%020llu.%04zu", (unsigned long long)rd->sequence, place);
    copy = gn_arena_strdup(rd->arena, gn_str_of(text));
    if (copy == NULL)
        rd->err = GN_ENOMEM;
    return gn_str_of(copy);
}

/* Follows from the id, so that whoever traces a repeat sees the same trace. */
static struct gn_str traceparent(struct native_reading *rd, struct gn_str id)
{
    struct gn_str name = gn_id_is_valid(id) ? id : gn_str_of(rd->event->id.text);
    char *text;
    size_t len = 0;

    if (!gn_id_is_valid(name))
        return GN_STR_NONE;
    text = gn_native_alloc(rd, TRACEPARENT_LEN + 1);
    if (text == NULL)
        return GN_STR_NONE;
    memcpy(text, "00-", 3);
    len = 3;
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] != '-')
            text[len++] = (char)(name.p[i] | 0x20); /* digits have this bit: only letters change */
    }
    (void)snprintf(text + len, TRACEPARENT_LEN + 1 - len, "-%016llx-01",
                   (unsigned long long)gn_id_digest(name));
    return (struct gn_str){text, TRACEPARENT_LEN};
}

static void put_text(struct gn_cloudevent *ce, struct gn_ce_extension *items, struct gn_str name,
                     struct gn_str value)
{
    put(ce, items, (struct gn_ce_extension){name, value, false});
}

void gn_native_extend(struct native_reading *rd, const struct native_facts *facts,
                      struct gn_cloudevent *ce)
{
    struct gn_ce_extension *items =
        gn_native_alloc(rd, (OWN_EXTENSIONS + rd->came_count) * sizeof *items);

    if (items == NULL)
        return;
    ce->extensions = items;
    put_severity(ce, items, facts->severity);
    put_text(ce, items, GN_STR("partitionkey"), facts->bmc);
    put_text(ce, items, GN_STR("messageid"), facts->message_id);
    put_text(ce, items, GN_STR("registry"), facts->registry);
    put_text(ce, items, GN_STR("node"), gn_native_clean(node_of(rd)));
    put_text(ce, items, GN_STR("bmc"), facts->bmc);
    put_text(ce, items, GN_STR("recordedtime"), gn_native_received(rd));
    put_text(ce, items, GN_STR("sequence"), sequence_text(rd, facts->place));
    put_text(ce, items, GN_STR("traceparent"), traceparent(rd, ce->id));
    for (size_t i = 0; i < rd->came_count; i++)
        put(ce, items, rd->came[i]);
}
