/* What the alarms are told of events: when they come, and after a restart of those that the saved
 * table has not seen. */
#include "gurnard/relay/relay.h"

#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/redfish/message_id.h"

#include "intake_priv.h"
#include "native_priv.h"

#define ARENA_MAX ((size_t)64 << 20)

/* One record on its way to the alarms. */
struct noting {
    struct gn_relay *relay;
    struct gn_arena *arena;
    struct gn_str bmc;
    const struct gn_event *event;
    bool is_late, is_repeated;
};

/* EventGroupId's best event is another one. */
static bool is_told_better(const struct gn_redfish_record *record)
{
    for (uint32_t i = 0; i < record->extra_count; i++)
        if (gn_str_eq(record->extras[i].key, GN_STR("\"SpecificEventExistsInGroup\"")))
            return gn_str_eq(record->extras[i].value, GN_STR("true"));
    return false;
}

/* By the BMC's clock, so that what it wrote is in order; a clock that is ahead of ours, or has no
 * time, does not count. */
static int64_t time_of(const struct noting *n, const struct gn_redfish_record *record)
{
    struct gn_str text = gn_redfish_text(&record->known[GN_REC_EVENT_TIMESTAMP], n->arena);
    int64_t ns;

    if (gn_str_has_prefix(text, GN_STR("1970-01-01")) || gn_time_parse_bmc(text, &ns) != GN_OK ||
        ns > n->event->received_ns)
        return n->event->received_ns;
    return ns;
}

static void note_record(const struct noting *n, const struct gn_redfish_record *record,
                        const struct gn_redfish_fill *fill, const struct gn_message *found)
{
    struct gn_str text = gn_redfish_text(&record->known[GN_REC_MESSAGE_ID], n->arena);
    struct gn_alarm_note note = {
        .bmc = n->bmc,
        .registry = found->prefix,
        .clears = found->clears,
        .event_id = gn_str_of(n->event->id.text),
        .is_late = n->is_late,
        .is_repeated = n->is_repeated,
    };
    struct gn_message_id id;

    if (gn_message_id_parse(text, &id) != GN_OK || is_told_better(record))
        return;
    note.key = id.key;
    if (note.registry.len == 0)
        note.registry = id.prefix;
    note.severity = gn_enrich_severity(record, fill, n->arena);
    if (note.severity == GN_SEVERITY_NONE)
        note.severity = found->severity;
    note.origin = gn_redfish_origin(record, n->arena);
    note.message = gn_enrich_message(record, fill, n->arena);
    note.time_ns = time_of(n, record);
    gn_alarms_note(n->relay->parts.alarms, &note);
}

/* The log tells the end of what it told the beginning of, though the end is known already: so
 * repeats by this way are noted, too. */
void gn_intake_note(struct gn_intake_work *in)
{
    struct gn_alarms *alarms = in->relay->parts.alarms;
    bool is_log = in->source->way == GN_WAY_LOG;

    if (alarms == NULL)
        return;
    for (size_t i = 0; i < in->count; i++) {
        const struct gn_intake_item *item = &in->items[i];
        const struct noting n = {
            .relay = in->relay,
            .arena = &in->arena,
            .bmc = in->identity,
            .event = item->event,
            .is_late = is_log,
            .is_repeated = item->is_repeated,
        };

        if (item->from == NULL || (item->is_repeated && !is_log))
            continue;
        for (uint32_t j = 0; j < item->from->record_count; j++)
            note_record(&n, &item->from->records[j], &item->fills[j], &item->found[j]);
    }
    gn_alarms_set_next(alarms, gn_journal_next(in->relay->parts.journal));
}

/* ---- after a restart ---- */

/* The event keeps the name of its BMC, or the address of the sender: then the Context may belong to
 * the identity. */
static struct gn_str identity_of(struct gn_relay *relay, const struct gn_event *event,
                                 const struct gn_redfish_event *from, struct gn_arena *arena)
{
    struct gn_str context = gn_redfish_text(&from->known[GN_ENV_CONTEXT], arena);
    struct gn_buf *name = &relay->name;
    struct gn_str copy;

    if (event->lane == gn_id_digest(event->origin))
        return event->origin;
    if (context.len == 0 && from->record_count > 0)
        context = gn_redfish_text(&from->records[0].known[GN_REC_CONTEXT], arena);
    gn_buf_reset(name);
    gn_buf_add_str(name, context);
    gn_buf_putc(name, '\n');
    gn_buf_add_str(name, event->origin);
    if (gn_buf_err(name) != GN_OK)
        return event->origin;
    copy.p = gn_arena_strdup(arena, gn_buf_str(name));
    copy.len = copy.p == NULL ? 0 : name->len;
    return copy;
}

static void note_again(struct gn_relay *relay, const struct gn_event *event,
                       const struct gn_redfish_event *from, struct gn_arena *arena)
{
    struct noting n = {.relay = relay, .arena = arena, .event = event, .is_late = true};

    n.bmc = identity_of(relay, event, from, arena);
    for (uint32_t i = 0; i < from->record_count; i++) {
        struct gn_redfish_fill fill = {.message = GN_STR_NONE};
        struct gn_message found = {.text = GN_STR_NONE};

        (void)gn_enrich_record(relay->registries, false, &from->records[i], arena, &fill, &found);
        note_record(&n, &from->records[i], &fill, &found);
    }
}

static void note_event_again(struct gn_relay *relay, const struct gn_event *event)
{
    struct gn_redfish_payload payload = {.event_count = 0};
    struct gn_arena arena;
    struct gn_str value;

    gn_arena_init(&arena, ARENA_MAX);
    if (gn_native_redfish_value(event->data, &value) &&
        gn_redfish_scan(value, value.len, &arena, &payload, NULL) == GN_OK)
        for (uint32_t i = 0; i < payload.event_count; i++)
            note_again(relay, event, &payload.events[i], &arena);
    gn_arena_fini(&arena);
}

/* Registries, and with them the clearing logic, are there a little later than the journal. Those
 * that there is no room for are noted without. */
void gn_relay_note_recovered(struct gn_relay *relay, struct gn_event *event, uint64_t sequence)
{
    bool is_ours = gn_str_eq(event->resource, gn_str_of(relay->address)) ||
                   gn_str_eq(event->resource, gn_str_of(relay->own_address));

    if (relay->parts.alarms == NULL || sequence < gn_alarms_next(relay->parts.alarms) || !is_ours ||
        (event->flags & (GN_EVENT_PLAIN | GN_EVENT_FROM_PEER | GN_EVENT_PUBLISHED)) != 0)
        return;
    gn_buf_reserve(&relay->unnoted, sizeof(struct gn_event *));
    if (relay->registries != NULL || gn_buf_err(&relay->unnoted) != GN_OK) {
        note_event_again(relay, event);
        return;
    }
    event = gn_event_ref(event);
    gn_buf_add(&relay->unnoted, &event, sizeof(struct gn_event *));
}

void gn_relay_note_waiting(struct gn_relay *relay, bool is_end)
{
    struct gn_event *event;

    for (size_t at = 0; at + sizeof(struct gn_event *) <= relay->unnoted.len;
         at += sizeof(struct gn_event *)) {
        memcpy(&event, relay->unnoted.data + at, sizeof(struct gn_event *));
        if (!is_end)
            note_event_again(relay, event);
        gn_event_unref(event);
    }
    gn_buf_free(&relay->unnoted);
    if (!is_end && relay->parts.alarms != NULL)
        gn_alarms_set_next(relay->parts.alarms, gn_journal_next(relay->parts.journal));
}
