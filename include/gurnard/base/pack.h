/* Numbers and texts as bytes, little-endian, for what is written to disk; and their checked reading
 * back. Pure. */
#ifndef GURNARD_BASE_PACK_H
#define GURNARD_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

/* Appends a number of fixed width; a number in one to ten bytes of seven bits, low ones first; a
 * text behind its length as such a number; bytes as they are. */
void gn_pack_u8(struct gn_buf *out, uint8_t value);
void gn_pack_u16(struct gn_buf *out, uint16_t value);
void gn_pack_u32(struct gn_buf *out, uint32_t value);
void gn_pack_u64(struct gn_buf *out, uint64_t value);
void gn_pack_varint(struct gn_buf *out, uint64_t value);
void gn_pack_str(struct gn_buf *out, struct gn_str text);

/* What is left to be read. The first thing that is not there makes is_bad stick; from then on every
 * read gives 0 or the absent view. */
struct gn_unpack {
    const char *p;
    size_t left;
    bool is_bad;
};

/* A reader of bytes (borrowed). */
struct gn_unpack gn_unpack_of(struct gn_str bytes);

/* The counterparts. A varint that does not fit 64 bits or is written longer than it need be is bad.
 * Texts are views into what is read. */
uint8_t gn_unpack_u8(struct gn_unpack *in);
uint16_t gn_unpack_u16(struct gn_unpack *in);
uint32_t gn_unpack_u32(struct gn_unpack *in);
uint64_t gn_unpack_u64(struct gn_unpack *in);
uint64_t gn_unpack_varint(struct gn_unpack *in);
struct gn_str gn_unpack_str(struct gn_unpack *in);
/* The next len bytes. */
struct gn_str gn_unpack_bytes(struct gn_unpack *in, uint64_t len);

#endif
