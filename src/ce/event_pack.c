/* A packed event: the length of what follows, 32 bits; the layout's version and flags, 8 bits each;
 * the id; lane, time and arrival, 64 bits each; resource, type, source and origin with their
 * lengths; the place of data in the v1 body's tail; the tail with its length; in version 2 the
 * attributes with their length. The tail is stored as it is, so that the event is rebuilt by
 * copying. Version 1 is written for events that it can hold, so that older daemons read them. */
#include "gurnard/ce/event_pack.h"

#include <endian.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/pack.h"
#include "event_priv.h"

#define LAYOUT_PLAIN      1U /* without attributes */
#define LAYOUT_ATTRIBUTES 2U
#define LENGTH_BYTES      sizeof(uint32_t)
#define PACKED_MAX        ((size_t)1 << 30) /* far above any event that can come in */

/* Flags: the rank, is_named, and those of the event. Those of the event are new in version 2. */
#define RANK_BITS   0x03U
#define IS_NAMED    0x04U
#define FLAGS_SHIFT 3
#define FLAGS_MASK  (GN_EVENT_PLAIN | GN_EVENT_BASE64 | GN_EVENT_FROM_PEER | GN_EVENT_PUBLISHED)

/* What is at fixed places. */
struct head {
    uint8_t version, flags;
    struct gn_str id;
    uint64_t lane;
    int64_t time_ns, received_ns;
};

void gn_event_pack(const struct gn_event *event, struct gn_buf *out)
{
    const size_t at = out->len;
    const bool is_plain = event->attributes.len == 0 && event->flags == 0;
    uint8_t id[GN_ID_BYTES];
    uint32_t len;

    gn_id_pack(&event->id, id);
    gn_pack_u32(out, 0); /* the length, when it is known */
    gn_pack_u8(out, is_plain ? LAYOUT_PLAIN : LAYOUT_ATTRIBUTES);
    gn_pack_u8(out, (uint8_t)((unsigned)event->rank | (event->is_named ? IS_NAMED : 0) |
                              event->flags << FLAGS_SHIFT));
    gn_buf_add(out, id, sizeof id);
    gn_pack_u64(out, event->lane);
    gn_pack_u64(out, (uint64_t)event->time_ns);
    gn_pack_u64(out, (uint64_t)event->received_ns);
    gn_pack_str(out, event->resource);
    gn_pack_str(out, event->type);
    gn_pack_str(out, event->source);
    gn_pack_str(out, event->origin);
    gn_pack_varint(out, (uint64_t)(event->data.p - event->cne_tail.p));
    gn_pack_str(out, event->cne_tail);
    if (!is_plain)
        gn_pack_str(out, event->attributes);
    if (gn_buf_err(out) != GN_OK)
        return;
    GN_ASSERT(out->len - at - LENGTH_BYTES <= PACKED_MAX);
    len = htole32((uint32_t)(out->len - at - LENGTH_BYTES));
    memcpy(out->data + at, &len, sizeof len);
}

static bool is_known(const struct head *head)
{
    unsigned allowed = RANK_BITS | IS_NAMED;

    if (head->version == LAYOUT_ATTRIBUTES)
        allowed |= FLAGS_MASK << FLAGS_SHIFT;
    else if (head->version != LAYOUT_PLAIN)
        return false;
    return (head->flags & ~allowed) == 0 && (head->flags & RANK_BITS) < GN_RANKS;
}

/* in: at the version. */
static struct head read_head(struct gn_unpack *in)
{
    struct head head;

    head.version = gn_unpack_u8(in);
    head.flags = gn_unpack_u8(in);
    head.id = gn_unpack_bytes(in, GN_ID_BYTES);
    head.lane = gn_unpack_u64(in);
    head.time_ns = (int64_t)gn_unpack_u64(in);
    head.received_ns = (int64_t)gn_unpack_u64(in);
    if (!is_known(&head))
        in->is_bad = true;
    return head;
}

enum gn_err gn_event_peek(struct gn_str *bytes, struct gn_packed_event *packed)
{
    struct gn_unpack in = gn_unpack_of(*bytes);
    const uint32_t len = gn_unpack_u32(&in);
    struct gn_str body, resource;
    struct head head;

    if (len > PACKED_MAX)
        return GN_EPARSE;
    body = gn_unpack_bytes(&in, len);
    if (in.is_bad)
        return GN_EPARSE;
    in = gn_unpack_of(body);
    head = read_head(&in);
    resource = gn_unpack_str(&in);
    if (in.is_bad)
        return GN_EPARSE;
    *packed = (struct gn_packed_event){
        .bytes = {bytes->p, LENGTH_BYTES + len},
        .lane = head.lane,
        .received_ns = head.received_ns,
        .rank = (enum gn_rank)(head.flags & RANK_BITS),
        .is_named = (head.flags & IS_NAMED) != 0,
        .flags = (unsigned)head.flags >> FLAGS_SHIFT & FLAGS_MASK,
        .resource = resource,
    };
    memcpy(packed->id, head.id.p, sizeof packed->id);
    *bytes = (struct gn_str){body.p + body.len, bytes->len - packed->bytes.len};
    return GN_OK;
}

/* Views of what the event is made from. *data_at: where data stands in *tail. */
static enum gn_err read_parts(const struct gn_packed_event *packed, struct gn_event_parts *parts,
                              struct gn_str *tail, size_t *data_at)
{
    struct gn_unpack in = gn_unpack_of(packed->bytes);
    struct head head;
    uint64_t place;

    (void)gn_unpack_u32(&in); /* the length, which peek has applied */
    head = read_head(&in);
    *parts = (struct gn_event_parts){
        .id = gn_id_unpack(packed->id),
        .time_ns = head.time_ns,
        .received_ns = packed->received_ns,
        .lane = packed->lane,
        .rank = packed->rank,
        .is_named = packed->is_named,
        .flags = packed->flags,
    };
    parts->resource = gn_unpack_str(&in);
    parts->type = gn_unpack_str(&in);
    parts->source = gn_unpack_str(&in);
    parts->origin = gn_unpack_str(&in);
    place = gn_unpack_varint(&in);
    *tail = gn_unpack_str(&in);
    if (head.version == LAYOUT_ATTRIBUTES)
        parts->attributes = gn_unpack_str(&in);
    if (in.is_bad || in.left > 0 || place >= tail->len || tail->p[tail->len - 1] != '}')
        return GN_EPARSE;
    *data_at = (size_t)place;
    /* data ends before the brace that closes the body */
    parts->data = (struct gn_str){tail->p + place, tail->len - 1 - *data_at};
    return GN_OK;
}

enum gn_err gn_event_unpack(const struct gn_packed_event *packed, struct gn_event **event)
{
    struct gn_event_parts parts;
    struct gn_str tail;
    struct gn_buf buf;
    size_t data_at, size;
    enum gn_err err;

    err = read_parts(packed, &parts, &tail, &data_at);
    if (err != GN_OK)
        return err;
    size = sizeof(struct gn_event) + tail.len + gn_event_texts_size(&parts);
    buf = gn_buf_with_limit(size);
    gn_event_begin(&buf, size);
    gn_buf_add_str(&buf, tail);
    *event = gn_event_end(&buf, &parts, sizeof(struct gn_event) + data_at);
    gn_buf_free(&buf);
    return *event == NULL ? GN_ENOMEM : GN_OK;
}
