/* fuzz folder: ce   packed events from a damaged store: whatever gn_event_peek() and
 * gn_event_unpack() accept packs to the same bytes again. */
#include <stdint.h>

#include "gurnard/base/assert.h"
#include "gurnard/ce/event_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct gn_str part, struct gn_str whole)
{
    GN_ASSERT(part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

static void check_event(const struct gn_packed_event *packed, const struct gn_event *event)
{
    struct gn_buf again = GN_BUF_INIT;

    GN_ASSERT(event->lane == packed->lane && event->received_ns == packed->received_ns);
    GN_ASSERT(event->rank == packed->rank && event->is_named == packed->is_named);
    GN_ASSERT(event->rank < GN_RANKS);
    GN_ASSERT(gn_str_eq(event->resource, packed->resource));
    check_inside(event->data, event->cne_tail);
    gn_event_pack(event, &again);
    GN_ASSERT(gn_buf_err(&again) == GN_OK && gn_str_eq(gn_buf_str(&again), packed->bytes));
    gn_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str rest = {(const char *)data, size};

    for (;;) {
        const struct gn_str before = rest;
        struct gn_packed_event packed;
        struct gn_event *event = NULL;
        enum gn_err err = gn_event_peek(&rest, &packed);

        if (err != GN_OK) {
            GN_ASSERT(err == GN_EPARSE && rest.p == before.p && rest.len == before.len);
            return 0;
        }
        GN_ASSERT(packed.bytes.p == before.p && packed.bytes.len + rest.len == before.len);
        check_inside(packed.resource, packed.bytes);
        err = gn_event_unpack(&packed, &event);
        GN_ASSERT(err == GN_OK || err == GN_EPARSE);
        if (err == GN_OK)
            check_event(&packed, event);
        gn_event_unref(event);
    }
}
