/* gzip and zip as far as a simulation needs them: stored without compression, and bombs, which are
 * runs of one byte in the fixed code of DEFLATE (RFC 1951). Written by hand since zlib belongs to
 * src/redfish, whose readers this is to test. */
#include <string.h>

#include "sim_priv.h"

#define STORED_MAX 65535U /* bytes of a stored block */
#define RUN        258U   /* the longest match */
#define CRC_POLY   0xedb88320U

static uint32_t crc_step(uint32_t crc, unsigned char byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (CRC_POLY & (0U - (crc & 1U)));
    return crc;
}

static uint32_t crc_of(struct gn_str data)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < data.len; i++)
        crc = crc_step(crc, (unsigned char)data.p[i]);
    return ~crc;
}

static void put_number(struct gn_buf *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        gn_buf_putc(out, (char)(unsigned char)(value >> (8 * i)));
}

static void put_stored(struct gn_str data, struct gn_buf *out)
{
    size_t at = 0;

    do {
        const size_t len = data.len - at < STORED_MAX ? data.len - at : STORED_MAX;

        gn_buf_putc(out, at + len == data.len ? 1 : 0);
        put_number(out, len, 2);
        put_number(out, len ^ STORED_MAX, 2);
        gn_buf_add(out, data.p + at, len);
        at += len;
    } while (at < data.len);
}

/* ---- runs ---- */

struct bits {
    struct gn_buf *out;
    uint64_t held;
    unsigned count;
};

static void put_bits(struct bits *bits, uint32_t value, unsigned count)
{
    bits->held |= (uint64_t)value << bits->count;
    for (bits->count += count; bits->count >= 8; bits->count -= 8) {
        gn_buf_putc(bits->out, (char)(unsigned char)bits->held);
        bits->held >>= 8;
    }
}

/* A Huffman code is written from its highest bit on. */
static void put_code(struct bits *bits, uint32_t code, unsigned count)
{
    while (count-- > 0)
        put_bits(bits, (code >> count) & 1, 1);
}

/* At least size blanks, in one block: a blank, then matches of 258 bytes one byte back. */
static uint64_t put_blanks(uint64_t size, struct gn_buf *out)
{
    struct bits bits = {.out = out};
    uint64_t made = 1;

    put_bits(&bits, 3, 3); /* the last block, fixed code */
    put_code(&bits, 0x30 + ' ', 8);
    for (; made < size; made += RUN) {
        put_code(&bits, 0xc5, 8); /* 285: length 258 */
        put_code(&bits, 0, 5);    /* distance 1 */
    }
    put_code(&bits, 0, 7); /* the end of the block */
    put_bits(&bits, 0, 7); /* to a whole byte */
    return made;
}

/* ---- gzip ---- */

static void put_gzip_head(struct gn_buf *out)
{
    static const char head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

    gn_buf_add(out, head, sizeof head);
}

void gn_sim_gzip(struct gn_str data, struct gn_buf *out)
{
    put_gzip_head(out);
    put_stored(data, out);
    put_number(out, crc_of(data), 4);
    put_number(out, data.len, 4);
}

void gn_sim_gzip_bomb(uint64_t size, struct gn_buf *out)
{
    uint64_t made;

    put_gzip_head(out);
    made = put_blanks(size, out);
    put_number(out, 0, 4); /* nobody should come so far as to check the sum */
    put_number(out, made, 4);
}

/* ---- zip ---- */

/* What local header and directory say alike of the only member. */
static void put_member(struct gn_buf *out, unsigned method, uint32_t crc, uint64_t packed,
                       uint64_t size, size_t name_len)
{
    put_number(out, 20, 2); /* version needed */
    put_number(out, 0, 2);
    put_number(out, method, 2);
    put_number(out, 0, 2);    /* time */
    put_number(out, 0x21, 2); /* 1980-01-01 */
    put_number(out, crc, 4);
    put_number(out, packed, 4);
    put_number(out, size, 4);
    put_number(out, name_len, 2);
    put_number(out, 0, 2);
}

static void put_zip(const char *name, unsigned method, uint32_t crc, struct gn_str packed,
                    uint64_t size, struct gn_buf *out)
{
    const size_t name_len = strlen(name);
    size_t directory;

    gn_buf_add(out, "PK\3\4", 4);
    put_member(out, method, crc, packed.len, size, name_len);
    gn_buf_puts(out, name);
    gn_buf_add_str(out, packed);
    directory = out->len;
    gn_buf_add(out, "PK\1\2", 4);
    put_number(out, 20, 2); /* made by */
    put_member(out, method, crc, packed.len, size, name_len);
    put_number(out, 0, 6); /* comment, disk, attributes: none */
    put_number(out, 0, 4);
    put_number(out, 0, 4); /* where the member begins */
    gn_buf_puts(out, name);
    gn_buf_add(out, "PK\5\6", 4);
    put_number(out, 0, 4); /* disks */
    put_number(out, 1, 2);
    put_number(out, 1, 2);
    put_number(out, 46 + name_len, 4);
    put_number(out, directory, 4);
    put_number(out, 0, 2);
}

void gn_sim_zip(const char *name, struct gn_str data, struct gn_buf *out)
{
    put_zip(name, 0, crc_of(data), data, data.len, out);
}

void gn_sim_zip_bomb(const char *name, uint64_t size, struct gn_buf *out)
{
    struct gn_buf packed = GN_BUF_INIT;
    const uint64_t made = put_blanks(size, &packed);

    put_zip(name, 8, 0, gn_buf_str(&packed), made, out);
    gn_buf_free(&packed);
}
