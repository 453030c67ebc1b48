/* fuzz folder: redfish   the scan of a webhook body, and what is written of it.
 *
 * Properties: what is written is strict JSON; written again from its own scan it stays the same. */
#include "gurnard/redfish/event_write.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_BYTES_MAX  ((size_t)1 << 20)
#define ARENA_BYTES_MAX ((size_t)16 << 20)

static const struct gn_json_limits strict = {
    .max_bytes = SIZE_MAX,
    .max_depth = GN_JSON_DEPTH_MAX,
    .max_tokens = UINT32_MAX,
    .repair_utf8 = false,
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Reads every byte of s, so that the sanitizer sees views that lead astray. */
static void touch(struct gn_str s)
{
    volatile char sink = 0;

    for (size_t i = 0; i < s.len; i++)
        sink = (char)(sink ^ s.p[i]);
}

static void touch_texts(const struct gn_redfish_event *event, struct gn_arena *arena)
{
    for (uint32_t i = 0; i < event->record_count; i++) {
        const struct gn_redfish_record *record = &event->records[i];
        struct gn_str *args;
        size_t count = gn_redfish_args(record, arena, &args);

        require(count <= GN_REDFISH_ARGS_MAX && (count > 0) == (args != NULL));
        for (size_t k = 0; k < count; k++)
            touch(args[k]);
        for (size_t k = 0; k < GN_REC_COUNT; k++)
            touch(gn_redfish_text(&record->known[k], arena));
        touch(gn_redfish_origin(record, arena));
    }
}

/* The output of a bare record lies two levels deeper, which may be too deep for a scan. */
static void check_stays_same(const struct gn_redfish_event *event, struct gn_str written)
{
    struct gn_redfish_payload payload;
    struct gn_buf again = GN_BUF_INIT;
    struct gn_arena arena;
    enum gn_err err;

    gn_arena_init(&arena, ARENA_BYTES_MAX);
    err = gn_redfish_scan(written, SIZE_MAX, &arena, &payload, NULL);
    require(err == GN_OK || (err == GN_ELIMIT && event->is_bare));
    if (err == GN_OK) {
        require(payload.kind == GN_REDFISH_EVENT && payload.event_count == 1);
        require(payload.events[0].record_count == event->record_count && !payload.had_bad_utf8);
        gn_redfish_write_v1(&payload.events[0], NULL, &again);
        require(gn_buf_err(&again) == GN_OK && gn_str_eq(gn_buf_str(&again), written));
    }
    gn_buf_free(&again);
    gn_arena_fini(&arena);
}

static void check_event(const struct gn_redfish_event *event, struct gn_arena *arena)
{
    struct gn_buf out = GN_BUF_INIT;

    touch(event->raw);
    touch_texts(event, arena);
    gn_redfish_write_v1(event, NULL, &out);
    require(gn_buf_err(&out) == GN_OK);
    require(gn_json_check(gn_buf_str(&out), &strict) == GN_OK);
    if (event->record_count > 0)
        check_stays_same(event, gn_buf_str(&out));
    gn_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str body = {(const char *)data, size};
    struct gn_redfish_payload payload;
    struct gn_arena arena;
    size_t offset = 0;
    enum gn_err err;

    gn_arena_init(&arena, ARENA_BYTES_MAX);
    err = gn_redfish_scan(body, BODY_BYTES_MAX, &arena, &payload, &offset);
    require(offset <= size);
    require((payload.event_count > 0) == (err == GN_OK && payload.kind == GN_REDFISH_EVENT));
    for (uint32_t i = 0; i < payload.event_count; i++)
        check_event(&payload.events[i], &arena);
    gn_arena_fini(&arena);
    return 0;
}
