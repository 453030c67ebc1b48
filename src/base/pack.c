/* Packing and its checked reverse. */
#include "gurnard/base/pack.h"

#include <endian.h>
#include <string.h>

#define VARINT_MAX 10U /* bytes: 64 bits by seven */

void gn_pack_u8(struct gn_buf *out, uint8_t value)
{
    gn_buf_add(out, &value, sizeof value);
}

void gn_pack_u16(struct gn_buf *out, uint16_t value)
{
    value = htole16(value);
    gn_buf_add(out, &value, sizeof value);
}

void gn_pack_u32(struct gn_buf *out, uint32_t value)
{
    value = htole32(value);
    gn_buf_add(out, &value, sizeof value);
}

void gn_pack_u64(struct gn_buf *out, uint64_t value)
{
    value = htole64(value);
    gn_buf_add(out, &value, sizeof value);
}

void gn_pack_varint(struct gn_buf *out, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    size_t len = 0;

    for (; value > 0x7f; value >>= 7)
        bytes[len++] = (uint8_t)(value | 0x80);
    bytes[len++] = (uint8_t)value;
    gn_buf_add(out, bytes, len);
}

void gn_pack_str(struct gn_buf *out, struct gn_str text)
{
    gn_pack_varint(out, text.len);
    gn_buf_add_str(out, text);
}

struct gn_unpack gn_unpack_of(struct gn_str bytes)
{
    return (struct gn_unpack){.p = bytes.p, .left = bytes.len};
}

static void turn_bad(struct gn_unpack *in)
{
    in->is_bad = true;
    in->left = 0; /* so that the readers need to ask for what is left only */
}

/* Copies the next len bytes (at least one) to value; zeros when they are not there. */
static void take(struct gn_unpack *in, void *value, size_t len)
{
    if (in->left < len) {
        turn_bad(in);
        memset(value, 0, len);
        return;
    }
    memcpy(value, in->p, len);
    in->p += len;
    in->left -= len;
}

uint8_t gn_unpack_u8(struct gn_unpack *in)
{
    uint8_t value;

    take(in, &value, sizeof value);
    return value;
}

uint16_t gn_unpack_u16(struct gn_unpack *in)
{
    uint16_t value;

    take(in, &value, sizeof value);
    return le16toh(value);
}

uint32_t gn_unpack_u32(struct gn_unpack *in)
{
    uint32_t value;

    take(in, &value, sizeof value);
    return le32toh(value);
}

uint64_t gn_unpack_u64(struct gn_unpack *in)
{
    uint64_t value;

    take(in, &value, sizeof value);
    return le64toh(value);
}

uint64_t gn_unpack_varint(struct gn_unpack *in)
{
    uint64_t value = 0;

    for (size_t i = 0; i < VARINT_MAX && i < in->left; i++) {
        uint8_t byte = (uint8_t)in->p[i];

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if ((byte == 0 && i > 0) || (i == VARINT_MAX - 1 && byte > 1))
            break; /* longer than need be; more than 64 bits */
        in->p += i + 1;
        in->left -= i + 1;
        return value;
    }
    turn_bad(in);
    return 0;
}

struct gn_str gn_unpack_bytes(struct gn_unpack *in, uint64_t len)
{
    struct gn_str bytes;

    if (len > in->left)
        turn_bad(in);
    if (in->is_bad)
        return GN_STR_NONE;
    bytes = (struct gn_str){in->p, (size_t)len};
    if (len > 0) {
        in->p += len;
        in->left -= (size_t)len;
    }
    return bytes;
}

struct gn_str gn_unpack_str(struct gn_unpack *in)
{
    uint64_t len = gn_unpack_varint(in);

    return gn_unpack_bytes(in, len);
}
