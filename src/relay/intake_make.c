/* Who sent a body, and the events made of it: records completed, identity, lane, address and id. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/text.h"
#include "gurnard/relay/address.h"

#include "intake_priv.h"

/* Ids with fewer digits are no proof of sameness: iDRAC 8 sends type codes as EventId (2241),
 * OME-Modular a constant (Redfish4), many the array index as MemberId, Redfish Interface Emulators
 * always the Id 1. To lose an event would be worse than to deliver it twice. */
#define ID_DIGITS_MIN 6

/* ---- identity ---- */

static struct gn_str context_of(struct gn_intake_work *in)
{
    const struct gn_redfish_event *event = in->payload.events;
    struct gn_str context;

    if (in->payload.event_count == 0)
        return GN_STR_NONE;
    context = gn_redfish_text(&event->known[GN_ENV_CONTEXT], &in->arena);
    if (context.len == 0 && event->record_count > 0)
        context = gn_redfish_text(&event->records[0].known[GN_REC_CONTEXT], &in->arena);
    return context;
}

struct gn_str gn_intake_who(const struct gn_relay_source *source)
{
    return source->name.len > 0 ? source->name : source->peer;
}

static enum gn_err identify(struct gn_intake_work *in)
{
    const struct gn_relay_source *source = in->source;
    struct gn_str context = source->name.len > 0 ? GN_STR_NONE : context_of(in);
    struct gn_buf *name = &in->relay->name;

    gn_buf_reset(name);
    if (source->name.len > 0) {
        gn_buf_add_str(name, source->name);
    } else {
        gn_buf_add_str(name, context);
        if (context.len > 0)
            gn_buf_putc(name, '\n');
        gn_buf_add_str(name, source->peer);
    }
    if (gn_buf_err(name) != GN_OK)
        return gn_buf_err(name);
    in->identity.p = gn_arena_strdup(&in->arena, gn_buf_str(name));
    in->identity.len = name->len;
    if (in->identity.p == NULL)
        return GN_ENOMEM;
    in->lane = gn_id_digest(in->identity);
    return GN_OK;
}

/* The id that follows from who sent what. */
static enum gn_err content_id(struct gn_intake_work *in, struct gn_str raw, size_t place,
                              struct gn_id *id)
{
    struct gn_buf *name = &in->relay->name;

    gn_buf_reset(name);
    gn_buf_add_str(name, in->identity);
    gn_buf_putc(name, '\n');
    gn_buf_add_str(name, raw);
    gn_buf_putc(name, '\n');
    gn_buf_add_u64(name, place);
    if (gn_buf_err(name) == GN_OK)
        *id = gn_id_v5(gn_buf_str(name));
    return gn_buf_err(name);
}

static bool is_telling_id(const struct gn_redfish_value *value, struct gn_arena *arena)
{
    struct gn_str text = gn_redfish_text(value, arena);
    size_t digits = 0;

    for (size_t i = 0; i < text.len; i++)
        digits += text.p[i] >= '0' && text.p[i] <= '9';
    return digits >= ID_DIGITS_MIN;
}

/* iLO 5 sends 0000-00-00T00:00:00Z when it has no time. A clock that begins in 1970 shows the same
 * seconds after each restart, with the same events. */
static bool is_telling_time(const struct gn_redfish_value *value, struct gn_arena *arena)
{
    struct gn_str text = gn_redfish_text(value, arena);

    return text.len > 0 && !gn_str_has_prefix(text, GN_STR("0000-00-00")) &&
           !gn_str_has_prefix(text, GN_STR("1970-01-01"));
}

/* Whether two equal bodies are the same event sent twice, and not two events. */
static bool tells_itself_apart(const struct gn_redfish_event *event, struct gn_arena *arena)
{
    if (is_telling_id(&event->known[GN_ENV_ID], arena))
        return true;
    for (uint32_t i = 0; i < event->record_count; i++) {
        const struct gn_redfish_value *known = event->records[i].known;

        if (is_telling_time(&known[GN_REC_EVENT_TIMESTAMP], arena) ||
            is_telling_id(&known[GN_REC_EVENT_ID], arena) ||
            is_telling_id(&known[GN_REC_MEMBER_ID], arena))
            return true;
    }
    return false;
}

/* ---- making events ---- */

static void count_lookup(struct gn_relay_figures *figures, enum gn_lookup lookup)
{
    if (lookup == GN_LOOKUP_MISS)
        gn_metric_add(figures->misses, 1);
    else if (lookup < GN_LOOKUP_HITS)
        gn_metric_add(figures->hits[lookup], 1);
}

/* What its registry adds to a record, and what alarms and whoever fetches registries want to know.
 */
static enum gn_rank complete(struct gn_intake_work *in, struct gn_intake_item *item, uint32_t place)
{
    struct gn_relay *relay = in->relay;
    const struct gn_redfish_record *record = &item->from->records[place];
    struct gn_redfish_fill *fill = &item->fills[place];
    enum gn_lookup lookup;
    struct gn_str id;

    lookup = gn_enrich_record(relay->registries, relay->overwrite_severity, record, &in->arena,
                              fill, item->found == NULL ? NULL : &item->found[place]);
    count_lookup(&relay->figures, lookup);
    id = gn_redfish_text(&record->known[GN_REC_MESSAGE_ID], &in->arena);
    if (gn_enrich_lacks_registry(lookup, id)) {
        item->lacks_registry = true;
        if (relay->on_miss != NULL)
            relay->on_miss(relay->on_miss_ctx, in->source->name, id);
    }
    return gn_enrich_rank(gn_enrich_severity(record, fill, &in->arena));
}

/* Room for what is found out of each record. */
static enum gn_err alloc_records(struct gn_intake_work *in, struct gn_intake_item *item)
{
    size_t count = item->from->record_count + (size_t)1;

    item->fills = gn_arena_alloc(&in->arena, count * sizeof(*item->fills));
    if (item->fills == NULL)
        return GN_ENOMEM;
    if (in->relay->parts.alarms == NULL)
        return GN_OK;
    item->found = gn_arena_alloc(&in->arena, count * sizeof(*item->found));
    return item->found == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err write_event(struct gn_intake_work *in, struct gn_intake_item *item,
                               enum gn_rank *rank)
{
    struct gn_relay *relay = in->relay;
    enum gn_err err = alloc_records(in, item);

    if (err != GN_OK)
        return err;
    *rank = item->from->record_count == 0 ? GN_RANK_HIGH : GN_RANK_LOW;
    for (uint32_t i = 0; i < item->from->record_count; i++) {
        enum gn_rank one = complete(in, item, i);

        *rank = one > *rank ? one : *rank;
    }
    if (!in->is_summary)
        gn_metric_add(relay->figures.records, item->from->record_count);
    gn_redfish_write_v1(item->from, item->fills, &relay->value);
    return gn_buf_err(&relay->value);
}

static enum gn_err write_raw(struct gn_intake_work *in)
{
    struct gn_relay *relay = in->relay;

    gn_buf_reset(&relay->data);
    gn_json_add_compact(&relay->data, in->payload.json);
    if (gn_buf_err(&relay->data) != GN_OK)
        return gn_buf_err(&relay->data);
    gn_text_add_utf8(&relay->value, gn_buf_str(&relay->data));
    return gn_buf_err(&relay->value);
}

/* Where it is published, and what it is called there. */
struct place {
    struct gn_str address;
    struct gn_str suffix; /* the address without the node */
    struct gn_str type;
};

static struct place place_of(const struct gn_intake_work *in)
{
    const struct gn_relay *relay = in->relay;
    bool is_report = in->payload.kind == GN_REDFISH_METRIC_REPORT;
    struct place place = {
        .address = gn_str_of(relay->address),
        .suffix = GN_STR(GN_ADDRESS_REDFISH),
        .type = is_report ? GN_STR(GN_CNE_TYPE_METRICS) : GN_STR(GN_CNE_TYPE_REDFISH),
    };

    if (in->source->way == GN_WAY_OWN) {
        place.address = gn_str_of(relay->own_address);
        place.suffix = GN_STR(GN_ADDRESS_OWN);
    } else if (is_report && relay->metric_reports == GN_RELAY_METRICS_APART) {
        place.address = gn_str_of(relay->metrics_address);
        place.suffix = GN_STR(GN_ADDRESS_METRICS);
    }
    return place;
}

/* Makes the event from relay->value. */
static enum gn_err make_event(struct gn_intake_work *in, const struct gn_id *id, bool is_named,
                              enum gn_rank rank, struct gn_event **event)
{
    struct gn_relay *relay = in->relay;
    const struct place place = place_of(in);
    int64_t now_ns = gn_clock_real_ns();
    struct gn_event_parts parts = {
        .id = *id,
        .type = place.type,
        .source = place.address,
        .resource = place.address,
        .origin = gn_intake_who(in->source),
        .time_ns = now_ns,
        .received_ns = now_ns,
        .received_us = gn_loop_now_us(relay->parts.loop),
        .lane = in->lane,
        .rank = rank,
        .is_named = is_named,
    };

    gn_buf_reset(&relay->data);
    gn_cne_redfish_data(place.suffix, gn_buf_str(&relay->value), &relay->data);
    if (gn_buf_err(&relay->data) != GN_OK)
        return gn_buf_err(&relay->data);
    parts.data = gn_buf_str(&relay->data);
    *event = gn_event_new(&parts);
    return *event == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err make_item(struct gn_intake_work *in, size_t place)
{
    struct gn_redfish_event *event = &in->payload.events[place];
    struct gn_intake_item *item = &in->items[place];
    bool is_named = tells_itself_apart(event, &in->arena);
    enum gn_rank rank = GN_RANK_HIGH;
    struct gn_id id;
    enum gn_err err = GN_OK;

    item->from = event;
    if (is_named)
        err = content_id(in, event->raw, place, &id);
    else
        id = gn_id_random();
    if (err == GN_OK && in->is_summary)
        err = gn_intake_mark_fold(in, event);
    gn_buf_reset(&in->relay->value);
    if (err == GN_OK)
        err = write_event(in, item, &rank);
    if (err == GN_OK)
        err = gn_intake_find_keys(in, item);
    return err == GN_OK ? make_event(in, &id, is_named, rank, &item->event) : err;
}

/* JSON without an event goes on as it is. Its id says whether it was the same, but nobody can know
 * that it was the same occurrence: it is never taken for a repeat. The next metric report says more
 * than the last: they go first when there is no room. */
static enum gn_err make_raw(struct gn_intake_work *in)
{
    bool is_report = in->payload.kind == GN_REDFISH_METRIC_REPORT;
    struct gn_id id;
    enum gn_err err = content_id(in, in->payload.json, 0, &id);

    gn_buf_reset(&in->relay->value);
    if (err == GN_OK)
        err = write_raw(in);
    if (err != GN_OK)
        return err;
    return make_event(in, &id, false, is_report ? GN_RANK_LOW : GN_RANK_HIGH, &in->items[0].event);
}

enum gn_err gn_intake_make(struct gn_intake_work *in)
{
    enum gn_err err = identify(in);

    in->items = gn_arena_alloc(&in->arena, in->count * sizeof(*in->items));
    if (in->items == NULL)
        return GN_ENOMEM;
    if (err == GN_OK && in->payload.kind != GN_REDFISH_EVENT)
        return make_raw(in);
    for (size_t i = 0; i < in->count && err == GN_OK; i++)
        err = make_item(in, i);
    return err;
}
