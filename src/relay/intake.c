/* From the bytes that a BMC sent to events that can be published: scan, complete the records, give
 * identity, lane and id, then all of them or none. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/text.h"
#include "gurnard/relay/address.h"

#include "relay_priv.h"

#define ARENA_MAX    ((size_t)64 << 20) /* of one body's records and texts */
#define SCRATCH_KEEP ((size_t)1 << 20)  /* scratch memory kept from message to message */

/* Ids with fewer digits are no proof of sameness: iDRAC 8 sends type codes as EventId (2241),
 * OME-Modular a constant (Redfish4), many the array index as MemberId, Redfish Interface Emulators
 * always the Id 1. To lose an event would be worse than to deliver it twice. */
#define ID_DIGITS_MIN 6

/* One body on its way. */
struct intake {
    struct gn_relay *relay;
    const struct gn_relay_source *source;
    struct gn_arena arena;
    struct gn_redfish_payload payload;
    struct gn_str identity; /* in the arena */
    uint64_t lane;
    struct gn_event **events; /* in the arena; owned each; NULL: proved to be a repeat */
    size_t count;
    size_t repeated, published;
};

/* ---- identity ---- */

static struct gn_str context_of(struct intake *in)
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

static enum gn_err identify(struct intake *in)
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
static enum gn_err content_id(struct intake *in, struct gn_str raw, size_t place, struct gn_id *id)
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
    else if (lookup != GN_LOOKUP_NONE)
        gn_metric_add(figures->hits[lookup], 1);
}

static enum gn_err write_event(struct intake *in, const struct gn_redfish_event *event,
                               enum gn_rank *rank)
{
    struct gn_relay *relay = in->relay;
    struct gn_redfish_fill *fills =
        gn_arena_alloc(&in->arena, (event->record_count + (size_t)1) * sizeof(*fills));

    if (fills == NULL)
        return GN_ENOMEM;
    *rank = event->record_count == 0 ? GN_RANK_HIGH : GN_RANK_LOW;
    for (uint32_t i = 0; i < event->record_count; i++) {
        const struct gn_redfish_record *record = &event->records[i];
        enum gn_rank one;

        count_lookup(&relay->figures, gn_enrich_record(relay->registries, relay->overwrite_severity,
                                                       record, &in->arena, &fills[i]));
        one = gn_enrich_rank(record, &fills[i], &in->arena);
        *rank = one > *rank ? one : *rank;
    }
    gn_metric_add(relay->figures.records, event->record_count);
    gn_redfish_write_v1(event, fills, &relay->value);
    return gn_buf_err(&relay->value);
}

static enum gn_err write_raw(struct intake *in)
{
    struct gn_relay *relay = in->relay;

    gn_buf_reset(&relay->data);
    gn_json_add_compact(&relay->data, in->payload.json);
    if (gn_buf_err(&relay->data) != GN_OK)
        return gn_buf_err(&relay->data);
    gn_text_add_utf8(&relay->value, gn_buf_str(&relay->data));
    return gn_buf_err(&relay->value);
}

static struct gn_str who(const struct gn_relay_source *source)
{
    return source->name.len > 0 ? source->name : source->peer;
}

/* Makes the event from relay->value. */
static enum gn_err make_event(struct intake *in, const struct gn_id *id, bool is_named,
                              enum gn_rank rank, struct gn_event **event)
{
    struct gn_relay *relay = in->relay;
    const struct gn_str address = gn_str_of(relay->address);
    int64_t now_ns = gn_clock_real_ns();
    struct gn_event_parts parts = {
        .id = *id,
        .type = GN_STR(GN_CNE_TYPE_REDFISH),
        .source = address,
        .resource = address,
        .origin = who(in->source),
        .time_ns = now_ns,
        .received_ns = now_ns,
        .received_us = gn_loop_now_us(relay->parts.loop),
        .lane = in->lane,
        .rank = rank,
        .is_named = is_named,
    };

    gn_buf_reset(&relay->data);
    gn_cne_redfish_data(GN_STR(GN_ADDRESS_REDFISH), gn_buf_str(&relay->value), &relay->data);
    if (gn_buf_err(&relay->data) != GN_OK)
        return gn_buf_err(&relay->data);
    parts.data = gn_buf_str(&relay->data);
    *event = gn_event_new(&parts);
    return *event == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err prepare_event(struct intake *in, size_t place)
{
    const struct gn_redfish_event *event = &in->payload.events[place];
    bool is_named = tells_itself_apart(event, &in->arena);
    enum gn_rank rank = GN_RANK_HIGH;
    struct gn_id id;
    enum gn_err err = GN_OK;

    if (is_named)
        err = content_id(in, event->raw, place, &id);
    else
        id = gn_id_random();
    gn_buf_reset(&in->relay->value);
    if (err == GN_OK)
        err = write_event(in, event, &rank);
    return err == GN_OK ? make_event(in, &id, is_named, rank, &in->events[place]) : err;
}

/* JSON without an event goes on as it is. Its id says whether it was the same, but nobody can know
 * that it was the same occurrence: it is never taken for a repeat. */
static enum gn_err prepare_raw(struct intake *in)
{
    struct gn_id id;
    enum gn_err err = content_id(in, in->payload.json, 0, &id);

    gn_buf_reset(&in->relay->value);
    if (err == GN_OK)
        err = write_raw(in);
    return err == GN_OK ? make_event(in, &id, false, GN_RANK_HIGH, &in->events[0]) : err;
}

static enum gn_err prepare(struct intake *in)
{
    bool is_event = in->payload.kind == GN_REDFISH_EVENT;
    enum gn_err err = identify(in);

    in->events = gn_arena_alloc(&in->arena, in->count * sizeof(struct gn_event *));
    if (in->events == NULL)
        return GN_ENOMEM;
    if (err == GN_OK && !is_event)
        return prepare_raw(in);
    for (size_t i = 0; i < in->count && err == GN_OK; i++)
        err = prepare_event(in, i);
    return err;
}

/* ---- publishing ---- */

static void drop_repeats(struct intake *in)
{
    struct gn_relay *relay = in->relay;
    uint64_t now_ms = gn_journal_clock_ms(relay->parts.journal);

    for (size_t i = 0; i < in->count; i++) {
        struct gn_event *event = in->events[i];

        if (!event->is_named || !gn_dedup_seen(relay->dedup, in->lane, &event->id, now_ms))
            continue;
        gn_log_debug("event.repeated event=%s", event->id.text);
        gn_event_unref(event);
        in->events[i] = NULL;
        in->repeated++;
    }
}

/* Moves those that are new to the front; returns how many. */
static size_t gather(struct intake *in)
{
    size_t kept = 0;

    for (size_t i = 0; i < in->count; i++) {
        struct gn_event *event = in->events[i];

        in->events[i] = NULL;
        if (event != NULL)
            in->events[kept++] = event;
    }
    return kept;
}

static enum gn_err publish(struct intake *in)
{
    size_t count = gather(in);
    enum gn_err err;

    for (size_t i = 0; i < count; i++)
        gn_log_debug("event.received event=%s peer=%.*s bytes=%zu", in->events[i]->id.text,
                     (int)in->source->peer.len, in->source->peer.p, in->events[i]->data.len);
    err = gn_relay_publish(in->relay, in->events, count);
    if (err == GN_OK)
        in->published = count;
    return err;
}

/* ---- outcome ---- */

static enum gn_intake refuse(struct intake *in, enum gn_err err, size_t count)
{
    gn_relay_note_refused(in->relay, who(in->source), err, count);
    return GN_INTAKE_FULL;
}

static enum gn_intake put_away(struct intake *in, struct gn_str body, enum gn_err err,
                               size_t offset)
{
    struct gn_relay *relay = in->relay;
    struct gn_buf reason = gn_buf_with_limit(128);
    uint64_t held;

    gn_buf_puts(&reason, err == GN_ELIMIT ? "over a limit" : "not JSON");
    gn_buf_printf(&reason, " at byte %zu", offset);
    if (in->source->is_again) { /* it is there already */
        gn_buf_free(&reason);
        return GN_INTAKE_NOT_JSON;
    }
    gn_metric_add(relay->figures.quarantined, 1);
    if (gn_log_allow(&relay->quarantine_log, gn_loop_now_ms(relay->parts.loop), &held))
        gn_log_warn("event.quarantined source=%.*s bytes=%zu reason=\"%s\" held=%llu",
                    (int)who(in->source).len, who(in->source).p, body.len,
                    reason.data == NULL ? "" : reason.data, (unsigned long long)held);
    if (relay->parts.quarantine != NULL)
        gn_quarantine_put(relay->parts.quarantine, body, who(in->source),
                          reason.data == NULL ? "unreadable" : reason.data);
    gn_buf_free(&reason);
    return GN_INTAKE_NOT_JSON;
}

static enum gn_intake accepted(struct intake *in)
{
    struct gn_relay *relay = in->relay;
    uint64_t held;

    gn_metric_add(relay->figures.repeated, (double)in->repeated);
    if (in->payload.kind == GN_REDFISH_EVENT) {
        gn_metric_add(relay->figures.parsed, (double)in->published);
        return in->repeated == in->count ? GN_INTAKE_REPEATED : GN_INTAKE_STORED;
    }
    gn_metric_add(relay->figures.unparsed, 1);
    if (gn_log_allow(&relay->unparsed_log, gn_loop_now_ms(relay->parts.loop), &held))
        gn_log_warn("event.unparsed source=%.*s kind=%s bytes=%zu held=%llu",
                    (int)who(in->source).len, who(in->source).p,
                    in->payload.kind == GN_REDFISH_METRIC_REPORT ? "metric-report" : "unknown",
                    in->payload.json.len, (unsigned long long)held);
    return GN_INTAKE_UNPARSED;
}

static enum gn_intake take(struct intake *in, struct gn_str body)
{
    struct gn_relay_figures *figures = &in->relay->figures;
    size_t offset = 0;
    enum gn_err err;

    err = gn_redfish_scan(body, in->relay->max_body_bytes, &in->arena, &in->payload, &offset);
    in->count = err == GN_OK && in->payload.kind == GN_REDFISH_EVENT ? in->payload.event_count : 1;
    gn_metric_add(figures->received_webhook, (double)in->count);
    gn_rate_add(&in->relay->rate, gn_loop_now_ms(in->relay->parts.loop), (uint32_t)in->count);
    if (err == GN_ENOMEM)
        return refuse(in, err, in->count);
    if (err != GN_OK)
        return put_away(in, body, err, offset);
    err = prepare(in);
    if (err == GN_OK) {
        drop_repeats(in);
        err = publish(in);
    }
    if (err == GN_ELIMIT) /* it would never fit: "later" would be said for ever */
        return put_away(in, body, err, body.len);
    if (err == GN_OK)
        return accepted(in);
    gn_metric_add(figures->repeated, (double)in->repeated);
    return refuse(in, err, in->count - in->repeated);
}

static void shrink(struct gn_buf *scratch)
{
    if (scratch->cap > SCRATCH_KEEP)
        gn_buf_free(scratch);
}

enum gn_intake gn_relay_redfish(struct gn_relay *relay, const struct gn_relay_source *source,
                                struct gn_str body)
{
    struct intake in = {.relay = relay, .source = source};
    enum gn_intake outcome;

    gn_arena_init(&in.arena, ARENA_MAX);
    outcome = take(&in, body);
    for (size_t i = 0; in.events != NULL && i < in.count; i++)
        gn_event_unref(in.events[i]);
    gn_arena_fini(&in.arena);
    shrink(&relay->name);
    shrink(&relay->value);
    shrink(&relay->data);
    return outcome;
}
