/* fuzz folder: redfish   a log entry as a BMC sends it, up to the first NUL; behind it its URI.
 *
 * Properties: whatever entry makes an event, the intake reads it as one event with one record,
 * whose texts are valid UTF-8; an entry is not after itself. */
#include "gurnard/redfish/log_entry.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "gurnard/base/json.h"
#include "gurnard/redfish/incident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_BYTES_MAX ((size_t)16 << 20)

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_event(struct gn_str text)
{
    struct gn_redfish_payload payload;
    struct gn_id keys[GN_INCIDENT_KEYS];
    struct gn_arena arena;

    gn_arena_init(&arena, ARENA_BYTES_MAX);
    require(gn_redfish_scan(text, SIZE_MAX, &arena, &payload, NULL) == GN_OK);
    require(payload.kind == GN_REDFISH_EVENT && payload.event_count == 1);
    require(payload.events[0].record_count == 1 && !payload.had_bad_utf8);
    require(!payload.events[0].is_bare);
    require(gn_incident_keys(&payload.events[0].records[0], NULL, GN_STR("s"), &arena, keys) <=
            GN_INCIDENT_KEYS);
    gn_arena_fini(&arena);
}

static void check_mark(const json_t *entry)
{
    struct gn_log_mark mark;
    struct gn_log_mark again;

    if (!gn_log_mark_read(entry, &mark))
        return;
    require(mark.id[0] != '\0' && gn_log_mark_read(entry, &again));
    require(!gn_log_mark_is_after(&mark, &again) && mark.hash == again.hash);
    again.created_ns = 0;
    again.id[0] ^= 1;
    require(!gn_log_mark_is_after(&mark, &again) || !gn_log_mark_is_after(&again, &mark));
    (void)gn_log_is_wanted(gn_str_of(mark.id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str uri = GN_STR_NONE;
    struct gn_str text = gn_str_cut((struct gn_str){(const char *)data, size}, '\0', &uri);
    struct gn_buf out = GN_BUF_INIT;
    json_t *entry = NULL;

    (void)gn_log_is_wanted(uri);
    if (gn_json_parse(text, NULL, &entry) != GN_OK)
        return 0;
    check_mark(entry);
    gn_log_entry_event(entry, uri, &out);
    require(gn_buf_err(&out) == GN_OK);
    check_event(gn_buf_str(&out));
    gn_buf_free(&out);
    json_decref(entry);
    return 0;
}
