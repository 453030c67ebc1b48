/* Keys of incidents, for each BMC and way a source of its own: who never came by another way costs
 * no search. */
#include "gurnard/relay/incidents.h"

#include <stdlib.h>

#include "gurnard/relay/dedup.h"

/* Told apart from lanes and from each other; kept in journals, so never to be changed. */
static const uint64_t marks[GN_WAYS] = {
    [GN_WAY_PUSH] = 0x9e3779b97f4a7c15U,
    [GN_WAY_STREAM] = 0xc2b2ae3d27d4eb4fU,
    [GN_WAY_LOG] = 0x165667b19e3779f9U,
    [GN_WAY_OWN] = 0x27d4eb2f165667c5U,
};

struct gn_incidents {
    struct gn_dedup *keys;
};

struct gn_incidents *gn_incidents_new(void)
{
    const struct gn_dedup_limits limits = {
        .window_ms = GN_INCIDENTS_WINDOW_MS,
        .per_source = GN_INCIDENTS_PER_SOURCE,
        .sources_max = GN_WAYS * GN_INCIDENTS_BMCS_MAX,
        .ids_max = GN_INCIDENTS_KEYS_MAX,
    };
    struct gn_incidents *incidents = calloc(1, sizeof(*incidents));

    if (incidents == NULL)
        return NULL;
    incidents->keys = gn_dedup_new_with(&limits);
    if (incidents->keys == NULL) {
        free(incidents);
        return NULL;
    }
    return incidents;
}

void gn_incidents_free(struct gn_incidents *incidents)
{
    if (incidents == NULL)
        return;
    gn_dedup_free(incidents->keys);
    free(incidents);
}

uint64_t gn_incidents_source(uint64_t lane, enum gn_relay_way way)
{
    return lane ^ marks[way];
}

bool gn_incidents_seen(struct gn_incidents *incidents, uint64_t lane, enum gn_relay_way way,
                       const struct gn_id *keys, size_t count, uint64_t now_ms)
{
    for (int other = 0; other < GN_WAYS; other++) {
        uint64_t source = gn_incidents_source(lane, (enum gn_relay_way)other);

        if (other == (int)way)
            continue;
        for (size_t i = 0; i < count; i++)
            if (gn_dedup_seen(incidents->keys, source, &keys[i], now_ms))
                return true;
    }
    return false;
}

void gn_incidents_add(struct gn_incidents *incidents, uint64_t source, const struct gn_id *key,
                      uint64_t now_ms)
{
    gn_dedup_add(incidents->keys, source, key, now_ms);
}
