/* From a CloudEvent to an event of ours: address, order, id, and what its data is. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/oran.h"
#include "gurnard/relay/address.h"

#include "relay_priv.h"

#define SCRATCH_KEEP ((size_t)1 << 20)
#define ARENA_MAX    ((size_t)64 << 20)

/* One CloudEvent on its way. The buffers are the relay's scratch. */
struct ce_intake {
    struct gn_relay *relay;
    const struct gn_relay_ce_source *source;
    const struct gn_cloudevent *ce;
    struct gn_buf *resource;   /* canonical */
    struct gn_buf *data;       /* as it is stored */
    struct gn_buf *attributes; /* likewise */
    struct gn_id id;
    uint64_t lane;
    unsigned flags;
};

/* ---- data ---- */

static enum gn_err take_json(struct ce_intake *in)
{
    struct gn_buf *cne = &in->relay->name; /* the identity is known by now */
    enum gn_err err;

    gn_buf_reset(cne);
    err = gn_oran_data_to_cne(in->ce->data, cne);
    if (err == GN_OK) {
        gn_json_add_compact(in->data, gn_buf_str(cne));
        return GN_OK;
    }
    if (err != GN_EPARSE)
        return err;
    gn_json_add_compact(in->data, in->ce->data);
    in->flags |= GN_EVENT_PLAIN;
    return GN_OK;
}

static enum gn_err take_data(struct ce_intake *in)
{
    enum gn_err err = GN_OK;

    gn_buf_reset(in->data);
    switch (in->ce->kind) {
    case GN_CE_NO_DATA:
        in->flags |= GN_EVENT_PLAIN;
        break;
    case GN_CE_JSON:
        err = take_json(in);
        break;
    case GN_CE_BYTES:
        in->flags |= GN_EVENT_PLAIN | GN_EVENT_BASE64;
        gn_buf_putc(in->data, '"');
        gn_text_add_base64(in->data, in->ce->data);
        gn_buf_putc(in->data, '"');
        break;
    }
    return err == GN_OK ? gn_buf_err(in->data) : err;
}

/* ---- identity ---- */

enum gn_err gn_relay_source_key(struct gn_relay *relay, struct gn_str source, uint64_t *key)
{
    struct gn_buf *name = &relay->name;

    gn_buf_reset(name);
    gn_buf_add_str(name, source);
    gn_buf_putc(name, '\n');
    if (gn_buf_err(name) == GN_OK)
        *key = gn_id_digest(gn_buf_str(name));
    return gn_buf_err(name);
}

static enum gn_err identify(struct ce_intake *in)
{
    const struct gn_cloudevent *ce = in->ce;
    struct gn_buf *name = &in->relay->name;
    enum gn_err err = gn_relay_source_key(in->relay, ce->source, &in->lane);

    if (err != GN_OK)
        return err;
    if (in->source->bmc.len > 0)
        in->lane = gn_id_digest(in->source->bmc);
    gn_buf_add_str(name, ce->id);
    if (gn_buf_err(name) != GN_OK)
        return gn_buf_err(name);
    if (gn_id_is_valid(ce->id)) {
        for (size_t i = 0; i < GN_ID_LEN; i++) /* to lower case: letters are a to f */
            in->id.text[i] =
                ce->id.p[i] >= 'A' && ce->id.p[i] <= 'F' ? (char)(ce->id.p[i] | 0x20) : ce->id.p[i];
        in->id.text[GN_ID_LEN] = '\0';
    } else {
        in->id = gn_id_v5(gn_buf_str(name));
    }
    return GN_OK;
}

/* ---- attributes ---- */

static void add_name(struct gn_buf *out, struct gn_str name)
{
    gn_buf_putc(out, out->len == 0 ? '{' : ',');
    gn_text_add_json(out, name);
    gn_buf_putc(out, ':');
}

static void add_text(struct gn_buf *out, struct gn_str name, struct gn_str value)
{
    if (value.len == 0)
        return;
    add_name(out, name);
    gn_text_add_json(out, value);
}

/* What else came with it. The media type of JSON data says nothing new. */
static enum gn_err take_attributes(struct ce_intake *in)
{
    const struct gn_cloudevent *ce = in->ce;
    struct gn_buf *out = in->attributes;
    bool is_plain = (in->flags & GN_EVENT_PLAIN) != 0;

    gn_buf_reset(out);
    if (!gn_id_is_valid(ce->id))
        add_text(out, GN_STR("id"), ce->id);
    if (is_plain) {
        add_text(out, GN_STR("subject"), ce->subject);
        add_text(out, GN_STR("datacontenttype"), ce->datacontenttype);
    }
    add_text(out, GN_STR("dataschema"), ce->dataschema);
    for (size_t i = 0; i < ce->extension_count; i++) {
        add_name(out, ce->extensions[i].name);
        if (ce->extensions[i].is_literal)
            gn_buf_add_str(out, ce->extensions[i].value);
        else
            gn_text_add_json(out, ce->extensions[i].value);
    }
    if (out->len > 0)
        gn_buf_putc(out, '}');
    return gn_buf_err(out);
}

/* ---- the event ---- */

static struct gn_event *make_event(const struct ce_intake *in)
{
    const struct gn_cloudevent *ce = in->ce;
    bool is_plain = (in->flags & GN_EVENT_PLAIN) != 0;
    int64_t now_ns = gn_clock_real_ns();
    struct gn_event_parts parts = {
        .id = in->id,
        .type = ce->type,
        .source = !is_plain && ce->subject.len > 0 ? ce->subject : ce->source,
        .resource = gn_buf_str(in->resource),
        .data = gn_buf_str(in->data),
        .attributes = gn_buf_str(in->attributes),
        .flags = in->flags,
        .origin = in->source->publisher.len > 0 ? in->source->publisher : in->source->bmc,
        .time_ns = now_ns,
        .received_ns = now_ns,
        .received_us = gn_loop_now_us(in->relay->parts.loop),
        .lane = in->lane,
        .rank = GN_RANK_HIGH,
        .is_named = true,
    };

    if (ce->time.len > 0 && gn_time_parse(ce->time, &parts.time_ns) != GN_OK)
        parts.time_ns = now_ns; /* the decoder has checked it */
    return gn_event_new(&parts);
}

/* How much is lost with an event that another proxy has from a BMC. */
static enum gn_rank rank_of(const struct gn_relay *relay, const struct gn_event *event)
{
    struct gn_arena arena;
    struct gn_native_cache cache = {.event = event, .node = relay->node, .arena = &arena};
    struct gn_native_view view = {.count = 0};
    enum gn_rank rank = GN_RANK_HIGH;

    gn_arena_init(&arena, ARENA_MAX);
    if (gn_native_view(&cache, GN_SPLIT_WHOLE, 0, &view) == GN_OK && view.count > 0) {
        if (gn_str_eq(view.events[0].severity, GN_STR("OK")))
            rank = GN_RANK_LOW;
        else if (gn_str_eq(view.events[0].severity, GN_STR("Warning")))
            rank = GN_RANK_MIDDLE;
    }
    gn_arena_fini(&arena);
    return rank;
}

static bool is_repeat(const struct ce_intake *in)
{
    struct gn_relay *relay = in->relay;

    if (!gn_dedup_seen(relay->dedup, in->lane, &in->id, gn_journal_clock_ms(relay->parts.journal)))
        return false;
    gn_metric_add(relay->figures.repeated, 1);
    gn_log_debug("event.repeated event=%s", in->id.text);
    return true;
}

static enum gn_err prepare(struct ce_intake *in)
{
    enum gn_err err;

    gn_buf_reset(in->resource);
    gn_address_canonical(in->ce->source, in->resource);
    err = gn_buf_err(in->resource);
    if (err == GN_OK && in->resource->len > GN_PUBSUB_RESOURCE_MAX)
        err = GN_EINVAL;
    if (err == GN_OK)
        err = take_data(in);
    if (err == GN_OK)
        err = take_attributes(in);
    return err;
}

static enum gn_err publish(struct ce_intake *in)
{
    struct gn_relay *relay = in->relay;
    struct gn_event *event;
    enum gn_err err;

    err = prepare(in);
    if (err != GN_OK)
        return err;
    event = make_event(in);
    if (event == NULL)
        return GN_ENOMEM;
    if ((in->flags & GN_EVENT_PLAIN) == 0)
        event->rank = rank_of(relay, event);
    gn_log_debug("event.received event=%s source=%.*s peer=%.*s bytes=%zu", event->id.text,
                 (int)in->ce->source.len, in->ce->source.p, (int)in->source->peer.len,
                 in->source->peer.p, event->data.len);
    err = gn_relay_publish(relay, &event, 1);
    gn_event_unref(event);
    return err;
}

static bool is_our_own(struct gn_relay *relay, const struct gn_relay_ce_source *source)
{
    uint64_t held;

    if (!gn_str_eq(source->via, gn_str_of(relay->instance.text)))
        return false;
    gn_metric_add(relay->figures.loops, 1);
    if (gn_log_allow(&relay->loop_log, gn_loop_now_ms(relay->parts.loop), &held))
        gn_log_warn("event.looped peer=%.*s held=%llu", (int)source->peer.len, source->peer.p,
                    (unsigned long long)held);
    return true;
}

enum gn_err gn_relay_cloudevent(struct gn_relay *relay, const struct gn_relay_ce_source *source,
                                const struct gn_cloudevent *ce)
{
    struct ce_intake in = {
        .relay = relay,
        .source = source,
        .ce = ce,
        .resource = &relay->value,
        .data = &relay->data,
        .attributes = &relay->attributes,
        .flags = source->is_proxy ? GN_EVENT_FROM_PEER : 0,
    };
    enum gn_err err;

    if (source->publisher.len > 0)
        in.flags |= GN_EVENT_PUBLISHED;
    gn_metric_add(source->is_proxy ? relay->figures.received_peer : relay->figures.received_api, 1);
    gn_rate_add(&relay->rate, gn_loop_now_ms(relay->parts.loop), 1);
    if (is_our_own(relay, source))
        return GN_EEXIST;
    err = identify(&in);
    if (err == GN_OK && is_repeat(&in))
        return GN_EEXIST;
    if (err == GN_OK)
        err = publish(&in);
    if (err != GN_OK)
        gn_relay_note_refused(relay, ce->source, err, 1);
    if (relay->data.cap > SCRATCH_KEEP)
        gn_buf_free(&relay->data);
    if (relay->name.cap > SCRATCH_KEEP)
        gn_buf_free(&relay->name);
    return err;
}

/* ---- the last event of an address ---- */

const struct gn_event *gn_relay_last_event(struct gn_relay *relay, struct gn_str resource)
{
    struct gn_buf address = GN_BUF_INIT;
    const struct gn_event *event = NULL;

    gn_address_resolve(resource, gn_str_of(relay->node), &address);
    if (gn_buf_err(&address) == GN_OK)
        event = gn_state_get(relay->parts.state, gn_buf_str(&address));
    gn_buf_free(&address);
    return event;
}

struct search {
    struct gn_str pattern;
    const struct gn_event *latest;
};

static bool look_at(void *ctx, const struct gn_event *event)
{
    struct search *search = ctx;

    if (gn_address_covers(search->pattern, event->resource) &&
        (search->latest == NULL || search->latest->received_ns <= event->received_ns))
        search->latest = event;
    return true;
}

const struct gn_event *gn_relay_last_below(struct gn_relay *relay, struct gn_str pattern)
{
    struct search search = {.pattern = pattern};

    gn_state_each(relay->parts.state, look_at, &search);
    return search.latest;
}
