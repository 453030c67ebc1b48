/* fuzz folder: relay   stored events as native CloudEvents. The first byte says what the rest is:
 * r the value of a Redfish event, a its attributes, a NUL and the value, d the data of a publisher,
 * p and b attributes, a NUL and plain data (b: in base64). */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cne.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/relay/native.h"

#define ID          "0f8fad5b-d9cb-469f-a165-70867728950e"
#define ARENA_BYTES ((size_t)64 << 20)

static const struct gn_json_limits limits = {.max_bytes = SIZE_MAX,
                                             .max_depth = GN_JSON_DEPTH_MAX,
                                             .max_tokens = UINT32_MAX,
                                             .repair_utf8 = true};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A text of ours: what stands in an attribute of CloudEvents. */
static void check_text(struct gn_str text, bool is_required)
{
    GN_ASSERT((text.p != NULL && text.len > 0) || (!is_required && text.p == NULL));
    GN_ASSERT(text.len <= GN_CE_VALUE_MAX && gn_text_is_utf8(text));
    for (size_t i = 0; i < text.len; i++)
        GN_ASSERT((unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7F);
}

static void check_redfish(const struct gn_native_event *event)
{
    const struct gn_cloudevent *ce = &event->ce;
    int64_t ns;
    enum gn_err err = gn_time_parse(ce->time, &ns);

    GN_ASSERT(err == GN_OK && gn_id_is_valid(ce->id));
    GN_ASSERT(gn_str_eq(ce->source, GN_STR("/redfish/r17")));
    GN_ASSERT(gn_str_has_prefix(ce->type, GN_STR("org.dmtf.redfish.")));
    check_text(ce->type, true);
    check_text(ce->subject, false);
    check_text(ce->dataschema, false);
    check_text(event->messagekey, false);
    for (size_t i = 0; i < ce->extension_count; i++)
        check_text(ce->extensions[i].value, true);
    err = gn_json_check(ce->data, &limits);
    GN_ASSERT(err == GN_OK && ce->kind == GN_CE_JSON);
}

static void check_view(struct gn_native_view view, bool is_redfish)
{
    for (size_t i = 0; i < view.count; i++) {
        const struct gn_cloudevent *ce = &view.events[i].ce;

        GN_ASSERT(ce->id.len > 0 && ce->source.len > 0 && ce->type.len > 0);
        GN_ASSERT(ce->extension_count <= 10 + GN_CE_EXTENSIONS_MAX);
        if (is_redfish)
            check_redfish(&view.events[i]);
        for (size_t j = 0; j < i; j++)
            GN_ASSERT(i > 64 || !gn_str_eq(ce->id, view.events[j].ce.id));
    }
}

/* As many records as the scan finds; 1 if there is nothing to split. */
static size_t count_records(struct gn_str value)
{
    struct gn_redfish_payload payload;
    struct gn_arena arena;
    size_t count = 0;
    enum gn_err err;

    gn_arena_init(&arena, ARENA_BYTES);
    err = gn_redfish_scan(value, value.len, &arena, &payload, NULL);
    GN_ASSERT(err != GN_EPARSE);
    for (uint32_t i = 0; i < payload.event_count; i++)
        count += payload.events[i].record_count;
    gn_arena_fini(&arena);
    return count > 0 ? count : 1;
}

/* records: how many there must be; 0: nobody knows, and it may be no Redfish event. */
static void read_event(const struct gn_event_parts *parts, size_t records)
{
    struct gn_arena arena;
    struct gn_event *event = gn_event_new(parts);
    struct gn_native_cache cache = {.event = event, .node = "n", .arena = &arena};
    struct gn_native_view view;
    enum gn_err err;

    GN_ASSERT(event != NULL);
    gn_arena_init(&arena, ARENA_BYTES);
    err = gn_native_view(&cache, GN_SPLIT_RECORD, 7, &view);
    GN_ASSERT(err == GN_OK || err == GN_ELIMIT);
    if (err == GN_OK) {
        GN_ASSERT(view.count > 0 && (records == 0 || view.count == records));
        check_view(view, records > 0 && parts->attributes.len == 0);
        err = gn_native_view(&cache, GN_SPLIT_WHOLE, 7, &view);
        GN_ASSERT(err == GN_OK && view.count == 1);
        check_view(view, records > 0 && parts->attributes.len == 0);
    }
    gn_arena_fini(&arena);
    gn_event_unref(event);
}

static void read_redfish(struct gn_event_parts *parts, struct gn_str value)
{
    /* as all that is stored, so without padding */
    const struct gn_json_limits shallow = {value.len, GN_JSON_DEPTH_MAX - 3, UINT32_MAX, false};
    struct gn_buf data = GN_BUF_INIT;

    if (gn_json_check(value, &shallow) == GN_OK && value.p[0] != '\xEF' &&
        memchr(value.p, '\0', value.len) == NULL) {
        gn_cne_redfish_data(GN_STR("/redfish/v1/Systems"), value, &data);
        parts->data = gn_buf_str(&data);
        read_event(parts, count_records(value));
    }
    gn_buf_free(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char kind = size > 0 ? (char)data[0] : '\0';
    struct gn_str rest = {(const char *)data + (size > 0), size - (size > 0)};
    struct gn_event_parts parts = {
        .id = {ID},
        .type = GN_STR(GN_CNE_TYPE_REDFISH),
        .source = GN_STR("/x"),
        .resource = GN_STR("/cluster/node/n1/redfish/v1/Systems"),
        .origin = GN_STR("r17"),
    };

    if (kind == 'a' || kind == 'p' || kind == 'b')
        parts.attributes = gn_str_cut(rest, '\0', &rest);
    if (kind == 'p')
        parts.flags = GN_EVENT_PLAIN;
    if (kind == 'b')
        parts.flags = GN_EVENT_PLAIN | GN_EVENT_BASE64;
    if (kind == 'r' || kind == 'a') {
        read_redfish(&parts, rest);
        return 0;
    }
    parts.data = rest;
    read_event(&parts, 0);
    return 0;
}
