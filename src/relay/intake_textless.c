/* Events that came before their registry was there: the keys that need its text are made up for
 * when registries are loaded, so that the BMC's log, read later, does not tell the same again. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/pack.h"
#include "gurnard/relay/incidents.h"

#include "intake_priv.h"

#define TEXTLESS_MAX ((size_t)256 << 10) /* bytes kept of such events; more are not made up for */

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

struct noting {
    struct gn_relay *relay;
    uint64_t source;
};

/* Without the registry still: the same keys once more. */
static void note_record(void *ctx, const struct gn_redfish_record *record, struct gn_arena *arena)
{
    const struct noting *noting = ctx;
    struct gn_id keys[GN_INCIDENT_KEYS];
    size_t count = gn_relay_record_keys(noting->relay, record, arena, keys);

    gn_relay_note_incidents(noting->relay, noting->source, keys, count, true);
}

void gn_relay_note_textless(struct gn_relay *relay)
{
    struct gn_unpack in = gn_unpack_of(gn_buf_str(&relay->textless));

    while (in.left > 0 && !in.is_bad) {
        struct noting noting = {.relay = relay, .source = gn_unpack_u64(&in)};
        struct gn_str raw = gn_unpack_str(&in);

        if (!in.is_bad)
            (void)gn_relay_each_record(relay, raw, note_record, &noting); /* scanned before */
    }
    gn_relay_store_incidents(relay);
    gn_buf_free(&relay->textless);
}
