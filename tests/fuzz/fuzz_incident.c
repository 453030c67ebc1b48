/* fuzz folder: redfish   the keys of pushed messages.
 *
 * Properties: the keys of a record are whole, each another, and the same when they are asked for
 * again; another salt shares none of them. */
#include "gurnard/redfish/incident.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_BYTES_MAX  ((size_t)1 << 20)
#define ARENA_BYTES_MAX ((size_t)16 << 20)

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_record(const struct gn_redfish_record *record, struct gn_arena *arena)
{
    const struct gn_redfish_fill fill = {.message = GN_STR("filled")};
    struct gn_id keys[GN_INCIDENT_KEYS], again[GN_INCIDENT_KEYS], other[GN_INCIDENT_KEYS];
    const size_t count = gn_incident_keys(record, NULL, GN_STR("a"), arena, keys);

    require(count <= GN_INCIDENT_KEYS);
    require(gn_incident_keys(record, NULL, GN_STR("a"), arena, again) == count);
    require(gn_incident_keys(record, NULL, GN_STR("b"), arena, other) == count);
    for (size_t i = 0; i < count; i++) {
        require(gn_id_is_valid(gn_str_of(keys[i].text)));
        require(strcmp(keys[i].text, again[i].text) == 0);
        for (size_t k = 0; k < count; k++) {
            require(strcmp(keys[i].text, other[k].text) != 0);
            require(i == k || strcmp(keys[i].text, keys[k].text) != 0);
        }
    }
    require(gn_incident_keys(record, &fill, GN_STR("a"), arena, again) >= count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_redfish_payload payload;
    struct gn_arena arena;

    gn_arena_init(&arena, ARENA_BYTES_MAX);
    if (gn_redfish_scan((struct gn_str){(const char *)data, size}, BODY_BYTES_MAX, &arena, &payload,
                        NULL) != GN_OK)
        require(payload.event_count == 0);
    for (uint32_t i = 0; i < payload.event_count; i++) {
        for (uint32_t k = 0; k < payload.events[i].record_count; k++)
            check_record(&payload.events[i].records[k], &arena);
    }
    gn_arena_fini(&arena);
    return 0;
}
