/* Events that came before their registry was there: the keys that need its text are made up for
 * when registries are loaded, so that the BMC's log, read later, does not tell the same again. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/pack.h"
#include "gurnard/relay/incidents.h"

#include "intake_priv.h"

#define TEXTLESS_MAX ((size_t)256 << 10) /* bytes kept of such events; more are not made up for */
#define ARENA_MAX    ((size_t)16 << 20)

void gn_intake_keep_textless(struct gn_intake_work *in, const struct gn_intake_item *item)
{
    struct gn_buf *kept = &in->relay->textless;

    if (!item->lacks_registry || item->keys == NULL ||
        kept->len + item->from->raw.len + 2 * sizeof(uint64_t) > TEXTLESS_MAX)
        return;
    gn_pack_u64(kept, gn_incidents_source(in->lane, in->source->way));
    gn_pack_str(kept, item->from->raw);
    if (gn_buf_err(kept) != GN_OK)
        gn_buf_free(kept); /* no memory: as if there had been none */
}

static void note_record(struct gn_relay *relay, uint64_t source,
                        const struct gn_redfish_record *record, struct gn_arena *arena)
{
    struct gn_redfish_fill fill = {0};
    struct gn_id keys[GN_INCIDENT_KEYS];
    size_t count;

    (void)gn_enrich_record(relay->registries, relay->overwrite_severity, record, arena, &fill,
                           NULL); /* without the registry still: the same keys once more */
    count = gn_incident_keys(record, &fill, GN_STR_NONE, arena, keys);
    gn_relay_note_incidents(relay, source, keys, count, true);
}

static void note_event(struct gn_relay *relay, uint64_t source, struct gn_str raw)
{
    struct gn_redfish_payload payload;
    struct gn_arena arena;
    size_t offset;

    gn_arena_init(&arena, ARENA_MAX);
    if (gn_redfish_scan(raw, relay->max_body_bytes, &arena, &payload, &offset) == GN_OK)
        for (uint32_t i = 0; i < payload.event_count; i++)
            for (uint32_t k = 0; k < payload.events[i].record_count; k++)
                note_record(relay, source, &payload.events[i].records[k], &arena);
    gn_arena_fini(&arena);
}

void gn_relay_note_textless(struct gn_relay *relay)
{
    struct gn_unpack in = gn_unpack_of(gn_buf_str(&relay->textless));

    while (in.left > 0 && !in.is_bad) {
        uint64_t source = gn_unpack_u64(&in);
        struct gn_str raw = gn_unpack_str(&in);

        if (!in.is_bad)
            note_event(relay, source, raw);
    }
    gn_relay_store_incidents(relay);
    gn_buf_free(&relay->textless);
}
