/* The payloads of the dead letters' journal. A letter: version, subscription, address, status,
 * error, answer, attempts, first and last time, the packed event. A FORGET: version, the number
 * below which all go, the numbers of single ones up to the payload's end. */
#include "deadletter_priv.h"

#include <stdlib.h>

#include "gurnard/base/pack.h"

#define LAYOUT_VERSION 1U

void gn_letter_pack(const struct gn_deadletter *letter, struct gn_buf *out)
{
    struct gn_str answer = letter->answer;

    if (answer.len > GN_DEADLETTER_ANSWER_MAX)
        answer.len = GN_DEADLETTER_ANSWER_MAX;
    gn_pack_u8(out, LAYOUT_VERSION);
    gn_pack_str(out, letter->subscription);
    gn_pack_str(out, letter->address);
    gn_pack_u32(out, (uint32_t)letter->status);
    gn_pack_str(out, letter->error);
    gn_pack_str(out, answer);
    gn_pack_varint(out, letter->attempts);
    gn_pack_u64(out, (uint64_t)letter->first_ns);
    gn_pack_u64(out, (uint64_t)letter->last_ns);
    gn_event_pack(letter->event, out);
}

enum gn_err gn_letter_unpack(struct gn_str payload, struct gn_deadletter *letter,
                             struct gn_packed_event *event)
{
    struct gn_unpack in = gn_unpack_of(payload);
    const uint8_t version = gn_unpack_u8(&in);
    uint64_t attempts;
    struct gn_str rest;

    *letter = (struct gn_deadletter){0};
    letter->subscription = gn_unpack_str(&in);
    letter->address = gn_unpack_str(&in);
    letter->status = (int)gn_unpack_u32(&in);
    letter->error = gn_unpack_str(&in);
    letter->answer = gn_unpack_str(&in);
    attempts = gn_unpack_varint(&in);
    letter->first_ns = (int64_t)gn_unpack_u64(&in);
    letter->last_ns = (int64_t)gn_unpack_u64(&in);
    if (in.is_bad || version != LAYOUT_VERSION || attempts > UINT32_MAX)
        return GN_EPARSE;
    letter->attempts = (uint32_t)attempts;
    rest = (struct gn_str){in.p, in.left};
    return gn_event_peek(&rest, event);
}

size_t gn_letter_pack_forget(uint64_t below, const struct gn_letters *list, size_t max,
                             struct gn_buf *out)
{
    const struct gn_letter *letter;
    size_t count = 0;

    gn_pack_u8(out, LAYOUT_VERSION);
    gn_pack_varint(out, below);
    STAILQ_FOREACH (letter, list, link) {
        if (count == max)
            break;
        gn_pack_varint(out, letter->number);
        count++;
    }
    return count;
}

enum gn_err gn_letter_unpack_forget(struct gn_str payload, struct gn_letter_index *index)
{
    struct gn_unpack in = gn_unpack_of(payload);
    const uint8_t version = gn_unpack_u8(&in);
    const uint64_t below = gn_unpack_varint(&in);

    if (in.is_bad || version != LAYOUT_VERSION)
        return GN_EPARSE;
    (void)gn_letter_index_drop_below(index, below); /* forgotten, not lost: not counted */
    while (in.left > 0 && !in.is_bad)
        free(gn_letter_index_take(index, gn_unpack_varint(&in)));
    return in.is_bad ? GN_EPARSE : GN_OK;
}
