/* The way of the bytes that a BMC sent: scan, make events of them, leave out what is known, then
 * all of them or none, and the answer. */
#include "gurnard/relay/relay.h"

#include "intake_priv.h"

#define ARENA_MAX    ((size_t)64 << 20) /* of one body's records and texts */
#define SCRATCH_KEEP ((size_t)1 << 20)  /* scratch memory kept from message to message */

/* ---- publishing ---- */

static enum gn_err publish(struct gn_intake_work *in)
{
    struct gn_event **events = gn_arena_alloc(&in->arena, in->count * sizeof(struct gn_event *));
    size_t count = 0;
    enum gn_err err;

    if (events == NULL)
        return GN_ENOMEM;
    for (size_t i = 0; i < in->count; i++) {
        if (in->items[i].is_repeated)
            continue;
        events[count++] = in->items[i].event;
        gn_log_debug("event.received event=%s peer=%.*s bytes=%zu", in->items[i].event->id.text,
                     (int)in->source->peer.len, in->source->peer.p, in->items[i].event->data.len);
    }
    err = gn_relay_publish(in->relay, events, count);
    if (err == GN_OK)
        in->published = count;
    return err;
}

/* ---- outcome ---- */

static enum gn_intake refuse(struct gn_intake_work *in, enum gn_err err, size_t count)
{
    gn_relay_note_refused(in->relay, gn_intake_who(in->source), err, count);
    return GN_INTAKE_FULL;
}

static enum gn_intake put_away(struct gn_intake_work *in, struct gn_str body, enum gn_err err,
                               size_t offset)
{
    struct gn_relay *relay = in->relay;
    struct gn_str who = gn_intake_who(in->source);
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
        gn_log_warn("event.quarantined source=%.*s bytes=%zu reason=\"%s\" held=%llu", (int)who.len,
                    who.p, body.len, reason.data == NULL ? "" : reason.data,
                    (unsigned long long)held);
    if (relay->parts.quarantine != NULL)
        gn_quarantine_put(relay->parts.quarantine, body, who,
                          reason.data == NULL ? "unreadable" : reason.data);
    gn_buf_free(&reason);
    return GN_INTAKE_NOT_JSON;
}

static enum gn_intake accepted(struct gn_intake_work *in)
{
    struct gn_relay *relay = in->relay;
    struct gn_str who = gn_intake_who(in->source);
    uint64_t held;

    gn_metric_add(relay->figures.repeated, (double)in->repeated);
    if (in->payload.kind == GN_REDFISH_EVENT) {
        gn_metric_add(relay->figures.parsed, (double)in->published);
        return in->repeated == in->count ? GN_INTAKE_REPEATED : GN_INTAKE_STORED;
    }
    if (in->payload.kind == GN_REDFISH_METRIC_REPORT) {
        gn_metric_add(relay->figures.reports_published, 1);
        return GN_INTAKE_STORED;
    }
    gn_metric_add(relay->figures.unparsed, 1);
    if (gn_log_allow(&relay->unparsed_log, gn_loop_now_ms(relay->parts.loop), &held))
        gn_log_warn("event.unparsed source=%.*s kind=unknown bytes=%zu held=%llu", (int)who.len,
                    who.p, in->payload.json.len, (unsigned long long)held);
    return GN_INTAKE_UNPARSED;
}

/* ---- the way ---- */

/* A summary was counted when its events came. */
static void count_received(struct gn_intake_work *in)
{
    struct gn_relay *relay = in->relay;

    if (in->is_summary)
        return;
    gn_metric_add(relay->figures.received[in->source->way], (double)in->count);
    gn_rate_add(&relay->rate, gn_loop_now_ms(relay->parts.loop), (uint32_t)in->count);
}

/* Publishes what is neither known nor folded. */
static enum gn_err hand_on(struct gn_intake_work *in, struct gn_str body)
{
    enum gn_err err;

    gn_intake_mark_repeats(in);
    in->is_folded = gn_intake_fold(in, body);
    err = in->is_folded ? GN_OK : publish(in);
    if (err != GN_OK)
        return err;
    gn_intake_keep_keys(in);
    if (!in->is_folded)
        gn_intake_note(in);
    return GN_OK;
}

static enum gn_intake take(struct gn_intake_work *in, struct gn_str body)
{
    struct gn_relay *relay = in->relay;
    size_t offset = 0;
    enum gn_err err;

    err = gn_redfish_scan(body, relay->max_body_bytes, &in->arena, &in->payload, &offset);
    in->count = err == GN_OK && in->payload.kind == GN_REDFISH_EVENT ? in->payload.event_count : 1;
    count_received(in);
    if (err == GN_ENOMEM)
        return refuse(in, err, in->count);
    if (err != GN_OK)
        return put_away(in, body, err, offset);
    if (in->payload.kind == GN_REDFISH_METRIC_REPORT &&
        relay->metric_reports == GN_RELAY_METRICS_DROP) {
        gn_metric_add(relay->figures.reports_dropped, 1);
        return GN_INTAKE_STORED;
    }
    err = gn_intake_make(in);
    if (err == GN_OK)
        err = hand_on(in, body);
    if (err == GN_ELIMIT) /* it would never fit: "later" would be said for ever */
        return put_away(in, body, err, body.len);
    if (err == GN_OK)
        return accepted(in);
    gn_metric_add(relay->figures.repeated, (double)in->repeated);
    return refuse(in, err, in->count - in->repeated);
}

static void shrink(struct gn_buf *scratch)
{
    if (scratch->cap > SCRATCH_KEEP)
        gn_buf_free(scratch);
}

enum gn_intake gn_intake_take(struct gn_intake_work *in, struct gn_str body)
{
    struct gn_relay *relay = in->relay;
    enum gn_intake outcome;

    gn_arena_init(&in->arena, ARENA_MAX);
    outcome = take(in, body);
    for (size_t i = 0; in->items != NULL && i < in->count; i++)
        gn_event_unref(in->items[i].event);
    gn_arena_fini(&in->arena);
    in->items = NULL;
    shrink(&relay->name);
    shrink(&relay->value);
    shrink(&relay->data);
    return outcome;
}

enum gn_intake gn_relay_redfish(struct gn_relay *relay, const struct gn_relay_source *source,
                                struct gn_str body)
{
    struct gn_intake_work in = {.relay = relay, .source = source};
    enum gn_intake outcome = gn_intake_take(&in, body);

    gn_intake_after_fold(&in);
    return outcome;
}
