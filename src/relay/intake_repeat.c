/* Whether an event is known: by its id when it came the same way before, by its incident when it
 * came by another way. */
#include "gurnard/relay/relay.h"

#include "gurnard/relay/incidents.h"

#include "intake_priv.h"

static bool is_compared(const struct gn_intake_work *in)
{
    return in->source->is_known && in->source->way != GN_WAY_OWN;
}

/* The way by which a key came stands beside it (gn_incidents_source()), so the key has no salt. */
enum gn_err gn_intake_find_keys(struct gn_intake_work *in, struct gn_intake_item *item)
{
    if (!is_compared(in) || item->from->record_count == 0)
        return GN_OK;
    item->keys = gn_arena_alloc(&in->arena, item->from->record_count * sizeof(*item->keys));
    if (item->keys == NULL)
        return GN_ENOMEM;
    for (uint32_t i = 0; i < item->from->record_count; i++)
        item->keys[i].count = gn_incident_keys(&item->from->records[i], &item->fills[i],
                                               GN_STR_NONE, &in->arena, item->keys[i].ids);
    return GN_OK;
}

/* Each of its records came by another way. */
static bool is_known_incident(const struct gn_intake_work *in, const struct gn_intake_item *item,
                              uint64_t now_ms)
{
    if (item->keys == NULL)
        return false;
    for (uint32_t i = 0; i < item->from->record_count; i++)
        if (!gn_incidents_seen(in->relay->incidents, in->lane, in->source->way, item->keys[i].ids,
                               item->keys[i].count, now_ms))
            return false;
    return true;
}

void gn_intake_mark_repeats(struct gn_intake_work *in)
{
    struct gn_relay *relay = in->relay;
    uint64_t now_ms = gn_journal_clock_ms(relay->parts.journal);

    if (in->is_summary)
        return;
    for (size_t i = 0; i < in->count; i++) {
        struct gn_intake_item *item = &in->items[i];

        item->is_repeated = (item->event->is_named &&
                             gn_dedup_seen(relay->dedup, in->lane, &item->event->id, now_ms)) ||
                            is_known_incident(in, item, now_ms);
        if (!item->is_repeated)
            continue;
        gn_log_debug("event.repeated event=%s", item->event->id.text);
        in->repeated++;
    }
}

/* A repeat is remembered too: what comes by a third way may be like the one or like the other. */
void gn_intake_keep_keys(struct gn_intake_work *in)
{
    uint64_t source = gn_incidents_source(in->lane, in->source->way);

    if (!is_compared(in))
        return;
    for (size_t i = 0; i < in->count; i++) {
        const struct gn_intake_item *item = &in->items[i];

        for (uint32_t j = 0; item->keys != NULL && j < item->from->record_count; j++)
            gn_relay_note_incidents(in->relay, source, item->keys[j].ids, item->keys[j].count,
                                    !item->is_repeated && !in->is_folded);
        gn_intake_keep_textless(in, item);
    }
    gn_relay_store_incidents(in->relay);
}
