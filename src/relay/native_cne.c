/* Events that are no Redfish: of publishers with CNE data, and as they came to the native intake.
 */
#include "native_priv.h"

#include "gurnard/base/buf.h"
#include "gurnard/base/text.h"

#define TYPE_UNKNOWN "event.unknown" /* a CloudEvent must have one, a CNE need not */

static struct gn_str or_else(struct gn_str text, struct gn_str other)
{
    return text.len > 0 ? text : other;
}

/* What both kinds take over in the same way. */
static void take_over(struct native_reading *rd, struct gn_cloudevent *ce)
{
    const struct gn_event *event = rd->event;

    ce->id = or_else(rd->id, gn_str_of(event->id.text));
    ce->type = or_else(event->type, GN_STR(TYPE_UNKNOWN));
    ce->subject = rd->subject;
    ce->datacontenttype = rd->datacontenttype;
    ce->dataschema = rd->dataschema;
    if (event->time_ns != 0) /* else it had none */
        ce->time = gn_native_time(rd, event->time_ns);
    if (event->data.len > 0) {
        ce->kind = GN_CE_JSON;
        ce->data = event->data;
    }
}

struct gn_native_view gn_native_cne(struct native_reading *rd)
{
    const struct gn_event *event = rd->event;
    struct gn_native_event *only = gn_native_events(rd, 1);

    if (only == NULL)
        return (struct gn_native_view){0};
    take_over(rd, &only->ce);
    only->ce.source = gn_native_uri(rd, or_else(event->resource, GN_STR("/")), false);
    if (only->ce.subject.p == NULL && !gn_str_eq(event->source, event->resource))
        only->ce.subject = gn_native_clean(event->source);
    if (only->ce.datacontenttype.p == NULL && only->ce.kind == GN_CE_JSON)
        only->ce.datacontenttype = GN_STR(GN_NATIVE_JSON_TYPE);
    gn_native_extend(rd, &(const struct native_facts){.place = 0}, &only->ce);
    return (struct gn_native_view){only, 1};
}

/* ---- as they came ---- */

/* What is no base64 stays the JSON that it is. */
static void read_bytes(struct native_reading *rd, struct gn_cloudevent *ce)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    struct gn_str text;
    size_t cap;
    struct gn_buf bytes;

    gn_json_scan_init(&scan, rd->event->data, &gn_native_limits);
    if (gn_json_next(&scan, &token) != GN_OK || token.type != GN_JSON_STRING)
        return;
    text = gn_native_text(rd, &token);
    cap = text.len / 4 * 3 + 1;
    /* in the arena, with room for all: it never grows, so it is not to be freed */
    bytes = (struct gn_buf){gn_native_alloc(rd, cap), 0, cap, cap - 1, GN_OK};
    if (bytes.data == NULL || gn_text_base64_decode(text, &bytes) != GN_OK)
        return;
    ce->kind = GN_CE_BYTES;
    ce->data = gn_buf_str(&bytes);
}

struct gn_native_view gn_native_plain(struct native_reading *rd)
{
    const struct gn_event *event = rd->event;
    struct gn_native_event *only = gn_native_events(rd, 1);

    if (only == NULL)
        return (struct gn_native_view){0};
    take_over(rd, &only->ce);
    only->ce.source = or_else(or_else(event->source, event->resource), GN_STR("/"));
    only->ce.extensions = rd->came;
    only->ce.extension_count = rd->came_count;
    if (event->flags & GN_EVENT_BASE64)
        read_bytes(rd, &only->ce);
    return (struct gn_native_view){only, 1};
}
