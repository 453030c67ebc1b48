/* What the relay tells the journal beside events, and what it is told by it after a restart: the
 * ids by which repeats are known, the last states, and, for the outbox, how far each sink is. */
#include "gurnard/relay/relay.h"

#include <string.h>

#include "gurnard/base/pack.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/relay/record.h"

#include "relay_priv.h"

/* Last states carried over from segment to segment. What is beyond is remembered until the daemon
 * ends, or while its event is in the last segment. */
#define STATES_BYTES_MAX ((size_t)1 << 20)

#define IDS_KEEP ((size_t)1 << 20) /* memory of the ids' buffer that is kept */

/* ---- ids ---- */

/* One id in the index of a segment: lane, id, and the journal's clock. */
static void add_id(struct gn_buf *out, uint64_t lane, const struct gn_id *id, uint64_t clock_ms)
{
    uint8_t bytes[GN_ID_BYTES];

    gn_id_pack(id, bytes);
    gn_pack_u64(out, lane);
    gn_buf_add(out, bytes, sizeof bytes);
    gn_pack_u64(out, clock_ms);
}

/* An entry of nothing but zeros: what stands behind it are keys of incidents. Who does not know
 * that takes them for ids of sources that never send anything. */
static void add_mark(struct gn_buf *out)
{
    static const uint8_t mark[8 + GN_ID_BYTES + 8];

    gn_buf_add(out, mark, sizeof mark);
}

static bool is_mark(uint64_t lane, const uint8_t bytes[GN_ID_BYTES], uint64_t clock_ms)
{
    static const uint8_t none[GN_ID_BYTES];

    return lane == 0 && clock_ms == 0 && memcmp(bytes, none, sizeof none) == 0;
}

void gn_relay_note_ids(struct gn_relay *relay, struct gn_event *const *events, size_t count)
{
    uint64_t clock_ms = gn_journal_clock_ms(relay->parts.journal);

    for (size_t i = 0; i < count; i++) {
        if (!events[i]->is_named)
            continue;
        gn_dedup_add(relay->dedup, events[i]->lane, &events[i]->id, clock_ms);
        add_id(&relay->ids, events[i]->lane, &events[i]->id, clock_ms);
    }
}

void gn_relay_note_incidents(struct gn_relay *relay, uint64_t source, const struct gn_id *keys,
                             size_t count, bool is_stored)
{
    struct gn_buf *out = is_stored ? &relay->new_incident_ids : &relay->incident_ids;
    uint64_t clock_ms = gn_journal_clock_ms(relay->parts.journal);

    for (size_t i = 0; i < count; i++) {
        gn_incidents_add(relay->incidents, source, &keys[i], clock_ms);
        add_id(out, source, &keys[i], clock_ms);
    }
}

/* The record may be the first of a new segment, so the keys go into its index. Without it they are
 * forgotten with this process. */
void gn_relay_store_incidents(struct gn_relay *relay)
{
    struct gn_buf *keys = &relay->new_incident_ids;
    uint64_t sequence;

    if (keys->len > 0 && gn_buf_err(keys) == GN_OK &&
        gn_journal_append(relay->parts.journal, GN_RECORD_INCIDENTS, 0, gn_buf_str(keys),
                          &sequence) == GN_OK)
        gn_buf_add_str(&relay->incident_ids, gn_buf_str(keys));
    gn_buf_reset(keys);
}

static void recover_id(struct gn_relay *relay, uint64_t lane, const uint8_t bytes[GN_ID_BYTES],
                       uint64_t clock_ms)
{
    struct gn_id id = gn_id_unpack(bytes);

    gn_dedup_add(relay->dedup, lane, &id, clock_ms);
    relay->recovery.ids++;
}

static void recover_incident(struct gn_relay *relay, uint64_t source,
                             const uint8_t bytes[GN_ID_BYTES], uint64_t clock_ms)
{
    struct gn_id key = gn_id_unpack(bytes);

    gn_incidents_add(relay->incidents, source, &key, clock_ms);
    relay->recovery.incidents++;
}

/* Ids, and behind a mark incidents. */
static void recover_ids(struct gn_relay *relay, const struct gn_record *record, bool is_incidents)
{
    struct gn_unpack in = gn_unpack_of(record->payload);

    while (in.left > 0 && !in.is_bad) {
        uint64_t lane = gn_unpack_u64(&in);
        struct gn_str bytes = gn_unpack_bytes(&in, GN_ID_BYTES);
        uint64_t clock_ms = gn_unpack_u64(&in);

        if (in.is_bad)
            break;
        if (is_incidents)
            recover_incident(relay, lane, (const uint8_t *)bytes.p, clock_ms);
        else if (is_mark(lane, (const uint8_t *)bytes.p, clock_ms))
            is_incidents = true;
        else
            recover_id(relay, lane, (const uint8_t *)bytes.p, clock_ms);
    }
}

/* ---- a segment ends, the next one begins ---- */

static void trim_buffer(struct gn_buf *buf)
{
    if (buf->cap > IDS_KEEP || gn_buf_err(buf) != GN_OK)
        gn_buf_free(buf);
    gn_buf_reset(buf);
}

/* The ids of a segment that was read as a whole, and those that did not fit into memory, are
 * missing here: repeats of those events would be delivered once more, with the same id. */
static void on_segment_end(void *ctx)
{
    struct gn_relay *relay = ctx;
    uint64_t sequence;

    if (relay->incident_ids.len > 0) {
        add_mark(&relay->ids);
        gn_buf_add_str(&relay->ids, gn_buf_str(&relay->incident_ids));
    }
    if (gn_journal_append(relay->parts.journal, GN_RECORD_IDS, 0, gn_buf_str(&relay->ids),
                          &sequence) != GN_OK)
        gn_log_warn("journal.index_missing bytes=%zu", relay->ids.len);
    trim_buffer(&relay->ids);
    trim_buffer(&relay->incident_ids);
}

struct states {
    struct gn_relay *relay;
    size_t bytes;
};

static bool write_state(void *ctx, const struct gn_event *event)
{
    struct states *states = ctx;
    struct gn_relay *relay = states->relay;
    uint64_t sequence;

    gn_buf_reset(&relay->packed);
    gn_event_pack(event, &relay->packed);
    states->bytes += relay->packed.len;
    if (gn_buf_err(&relay->packed) != GN_OK || states->bytes > STATES_BYTES_MAX)
        return false;
    return gn_journal_append(relay->parts.journal, GN_RECORD_STATE, 0, gn_buf_str(&relay->packed),
                             &sequence) == GN_OK;
}

static bool on_segment_begin(void *ctx)
{
    struct states states = {.relay = ctx};

    bool is_whole = gn_outbox_checkpoint(states.relay->parts.outbox);

    gn_state_each(states.relay->parts.state, write_state, &states);
    return is_whole; /* a state that is missing is asked for in vain, no more */
}

/* ---- recovery ---- */

static void put_state(struct gn_relay *relay, const struct gn_packed_event *packed)
{
    struct gn_event *event;

    if (gn_event_unpack(packed, &event) != GN_OK)
        return; /* answered as if there had been no event yet */
    if (gn_state_put(relay->parts.state, event) == GN_OK)
        relay->recovery.states++;
    gn_event_unref(event);
}

/* Whose it is. One that cannot be built is nobody's; without memory some are missing: its event
 * will be found to have been miscounted. */
static void recover_event(struct gn_relay *relay, const struct gn_packed_event *packed,
                          uint64_t sequence)
{
    struct gn_sink *const *sinks = NULL;
    struct gn_event *event = NULL;
    size_t count = 0;

    if (gn_event_unpack(packed, &event) == GN_OK &&
        gn_routes_find(relay->routes, &event, 1, relay->node, &sinks, &count) != GN_OK)
        gn_log_warn("relay.recover_incomplete sequence=%llu", (unsigned long long)sequence);
    gn_outbox_recover_event(relay->parts.outbox, sequence, sinks, count);
    if (event != NULL)
        gn_relay_note_recovered(relay, event, sequence);
    gn_event_unref(event);
}

static void recover_events(struct gn_relay *relay, const struct gn_record *record)
{
    struct gn_str left = record->payload;
    struct gn_packed_event packed = {.resource = GN_STR_NONE};
    uint64_t sequence = record->sequence;

    while (left.len > 0 && gn_event_peek(&left, &packed) == GN_OK) {
        recover_event(relay, &packed, sequence++);
        if (packed.is_named)
            recover_id(relay, packed.lane, packed.id, record->clock_ms);
        relay->recovery.events++;
    }
    if (sequence != record->sequence)
        put_state(relay, &packed);
}

static enum gn_err recover_progress(struct gn_relay *relay, const struct gn_record *record)
{
    struct gn_unpack in = gn_unpack_of(record->payload);

    if (gn_outbox_find_sink(relay->parts.outbox, gn_unpack_str(&in)) != NULL) {
        gn_outbox_recover_progress(relay->parts.outbox, record);
        return GN_OK;
    }
    relay->recovery.strangers++;
    return relay->recovery.may_forget ? GN_OK : GN_EREFUSED;
}

static enum gn_err on_record(void *ctx, const struct gn_record *record, bool is_index)
{
    struct gn_relay *relay = ctx;
    struct gn_str payload = record->payload;
    struct gn_packed_event packed;

    switch (record->type) {
    case GN_RECORD_EVENTS:
        recover_events(relay, record);
        break;
    case GN_RECORD_PROGRESS:
        return recover_progress(relay, record);
    case GN_RECORD_STATE:
        if (gn_event_peek(&payload, &packed) == GN_OK)
            put_state(relay, &packed);
        break;
    case GN_RECORD_IDS: /* otherwise the events themselves tell, those that are left of them */
        if (is_index)
            recover_ids(relay, record, false);
        break;
    case GN_RECORD_INCIDENTS:
        recover_ids(relay, record, true);
        break;
    default: /* of a later version, which said that we can do without it */
        break;
    }
    return GN_OK;
}

enum gn_err gn_relay_recover(struct gn_relay *relay, bool may_forget)
{
    const struct gn_journal_owner owner = {
        .begin = on_segment_begin,
        .end = on_segment_end,
        .record = on_record,
        .ctx = relay,
    };
    const struct gn_relay_recovery *found = &relay->recovery;
    enum gn_err err;

    relay->recovery.may_forget = may_forget;
    err = gn_journal_recover(relay->parts.journal, &owner, GN_INCIDENTS_WINDOW_MS);
    if (err != GN_OK)
        return err;
    gn_outbox_start(relay->parts.outbox);
    if (relay->unnoted.len == 0)
        gn_relay_note_waiting(relay, false);
    gn_log_info("relay.recovered events=%llu ids=%llu incidents=%llu states=%llu strangers=%llu "
                "queued=%llu",
                (unsigned long long)found->events, (unsigned long long)found->ids,
                (unsigned long long)found->incidents, (unsigned long long)found->states,
                (unsigned long long)found->strangers,
                (unsigned long long)gn_outbox_pending(relay->parts.outbox));
    return GN_OK;
}
