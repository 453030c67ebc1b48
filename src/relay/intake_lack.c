/* Looks into a body before it is taken in: whether a registry is missing for it, whether it is
 * known. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/id.h"
#include "gurnard/redfish/incident.h"
#include "gurnard/relay/incidents.h"

#include "relay_priv.h"

#define ARENA_MAX ((size_t)16 << 20)

static bool lacks_text(struct gn_relay *relay, struct gn_str bmc,
                       const struct gn_redfish_record *record, struct gn_arena *arena)
{
    struct gn_redfish_fill fill = {0};
    enum gn_lookup lookup =
        gn_enrich_record(relay->registries, relay->overwrite_severity, record, arena, &fill, NULL);
    struct gn_str id = gn_redfish_text(&record->known[GN_REC_MESSAGE_ID], arena);

    if (!gn_enrich_lacks_registry(lookup, id))
        return false;
    if (relay->on_miss != NULL)
        relay->on_miss(relay->on_miss_ctx, bmc, id);
    return true;
}

bool gn_relay_lacks_text(struct gn_relay *relay, struct gn_str bmc, struct gn_str body)
{
    struct gn_redfish_payload payload;
    struct gn_arena arena;
    size_t offset;
    bool lacks = false;

    gn_arena_init(&arena, ARENA_MAX);
    if (gn_redfish_scan(body, relay->max_body_bytes, &arena, &payload, &offset) == GN_OK)
        for (uint32_t i = 0; i < payload.event_count; i++)
            for (uint32_t k = 0; k < payload.events[i].record_count; k++)
                lacks = lacks_text(relay, bmc, &payload.events[i].records[k], &arena) || lacks;
    gn_arena_fini(&arena);
    return lacks;
}

static bool is_known(struct gn_relay *relay, uint64_t lane, const struct gn_redfish_record *record,
                     struct gn_arena *arena)
{
    struct gn_redfish_fill fill = {0};
    struct gn_id keys[GN_INCIDENT_KEYS];
    size_t count;

    (void)gn_enrich_record(relay->registries, relay->overwrite_severity, record, arena, &fill,
                           NULL); /* what is not found fills nothing */
    count = gn_incident_keys(record, &fill, GN_STR_NONE, arena, keys);
    /* none comes by the way of our own events: so all others are asked */
    return gn_incidents_seen(relay->incidents, lane, GN_WAY_OWN, keys, count,
                             gn_journal_clock_ms(relay->parts.journal));
}

bool gn_relay_knows(struct gn_relay *relay, struct gn_str bmc, struct gn_str body)
{
    struct gn_redfish_payload payload = {0};
    struct gn_arena arena;
    size_t offset;
    bool knows;

    gn_arena_init(&arena, ARENA_MAX);
    knows = gn_redfish_scan(body, relay->max_body_bytes, &arena, &payload, &offset) == GN_OK;
    for (uint32_t i = 0; i < payload.event_count; i++)
        for (uint32_t k = 0; k < payload.events[i].record_count; k++)
            knows =
                knows && is_known(relay, gn_id_digest(bmc), &payload.events[i].records[k], &arena);
    gn_arena_fini(&arena);
    return knows;
}
