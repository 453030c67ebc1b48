/* Looks into a body without taking it in: whether a registry is missing for it, whether it is
 * known.
 */
#include "gurnard/relay/relay.h"

#include "gurnard/base/id.h"
#include "gurnard/redfish/incident.h"
#include "gurnard/relay/incidents.h"

#include "intake_priv.h"

#define ARENA_MAX ((size_t)16 << 20)

bool gn_relay_each_record(struct gn_relay *relay, struct gn_str body, gn_relay_record_fn fn,
                          void *ctx)
{
    struct gn_redfish_payload payload = {0};
    struct gn_arena arena;
    size_t offset;
    bool is_scanned;

    gn_arena_init(&arena, ARENA_MAX);
    is_scanned = gn_redfish_scan(body, relay->max_body_bytes, &arena, &payload, &offset) == GN_OK;
    for (uint32_t i = 0; is_scanned && i < payload.event_count; i++)
        for (uint32_t k = 0; k < payload.events[i].record_count; k++)
            fn(ctx, &payload.events[i].records[k], &arena);
    gn_arena_fini(&arena);
    return is_scanned;
}

size_t gn_relay_record_keys(struct gn_relay *relay, const struct gn_redfish_record *record,
                            struct gn_arena *arena, struct gn_id keys[GN_INCIDENT_KEYS])
{
    struct gn_redfish_fill fill = {0};

    (void)gn_enrich_record(relay->registries, relay->overwrite_severity, record, arena, &fill,
                           NULL); /* what is not found fills nothing */
    return gn_incident_keys(record, &fill, GN_STR_NONE, arena, keys);
}

/* ---- texts ---- */

struct lack {
    struct gn_relay *relay;
    struct gn_str bmc;
    bool lacks;
};

static void look_for_text(void *ctx, const struct gn_redfish_record *record, struct gn_arena *arena)
{
    struct lack *lack = ctx;
    struct gn_relay *relay = lack->relay;
    struct gn_redfish_fill fill = {0};
    enum gn_lookup lookup =
        gn_enrich_record(relay->registries, relay->overwrite_severity, record, arena, &fill, NULL);
    struct gn_str id = gn_redfish_text(&record->known[GN_REC_MESSAGE_ID], arena);

    if (!gn_enrich_lacks_registry(lookup, id))
        return;
    lack->lacks = true;
    if (relay->on_miss != NULL)
        relay->on_miss(relay->on_miss_ctx, lack->bmc, id);
}

bool gn_relay_lacks_text(struct gn_relay *relay, struct gn_str bmc, struct gn_str body)
{
    struct lack lack = {.relay = relay, .bmc = bmc};

    (void)gn_relay_each_record(relay, body, look_for_text, &lack); /* no JSON lacks none */
    return lack.lacks;
}

/* ---- incidents ---- */

struct knowing {
    struct gn_relay *relay;
    uint64_t lane;
    bool knows;
};

/* None comes by the way of our own events: so all others are asked. */
static void look_for_incident(void *ctx, const struct gn_redfish_record *record,
                              struct gn_arena *arena)
{
    struct knowing *knowing = ctx;
    struct gn_relay *relay = knowing->relay;
    struct gn_id keys[GN_INCIDENT_KEYS];
    size_t count = gn_relay_record_keys(relay, record, arena, keys);

    knowing->knows =
        knowing->knows && gn_incidents_seen(relay->incidents, knowing->lane, GN_WAY_OWN, keys,
                                            count, gn_journal_clock_ms(relay->parts.journal));
}

bool gn_relay_knows(struct gn_relay *relay, struct gn_str bmc, struct gn_str body)
{
    struct knowing knowing = {.relay = relay, .lane = gn_id_digest(bmc), .knows = true};

    return gn_relay_each_record(relay, body, look_for_incident, &knowing) && knowing.knows;
}
