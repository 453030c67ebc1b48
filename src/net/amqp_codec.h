/* The values of the AMQP 1.0 type system as bytes, as far as messages need them. Pure. Nothing but
 * amqp_message.c includes this. */
#ifndef GN_NET_AMQP_CODEC_H
#define GN_NET_AMQP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

/* Constructors. Those of texts differ only in their lower half. */
#define GN_AMQP_CODE_DESCRIBED   0x00
#define GN_AMQP_CODE_NULL        0x40
#define GN_AMQP_CODE_TRUE        0x41
#define GN_AMQP_CODE_FALSE       0x42
#define GN_AMQP_CODE_UINT0       0x43
#define GN_AMQP_CODE_ULONG0      0x44
#define GN_AMQP_CODE_LIST0       0x45
#define GN_AMQP_CODE_UBYTE       0x50
#define GN_AMQP_CODE_BYTE        0x51
#define GN_AMQP_CODE_SMALL_UINT  0x52
#define GN_AMQP_CODE_SMALL_ULONG 0x53
#define GN_AMQP_CODE_SMALL_INT   0x54
#define GN_AMQP_CODE_SMALL_LONG  0x55
#define GN_AMQP_CODE_BOOLEAN     0x56
#define GN_AMQP_CODE_USHORT      0x60
#define GN_AMQP_CODE_SHORT       0x61
#define GN_AMQP_CODE_UINT        0x70
#define GN_AMQP_CODE_INT         0x71
#define GN_AMQP_CODE_ULONG       0x80
#define GN_AMQP_CODE_LONG        0x81
#define GN_AMQP_CODE_TIMESTAMP   0x83
#define GN_AMQP_CODE_LIST8       ((char)0xc0)
#define GN_AMQP_CODE_LIST32      0xd0
#define GN_AMQP_CODE_MAP32       0xd1

enum gn_amqp_text { GN_AMQP_TEXT_BINARY = 0, GN_AMQP_TEXT_STRING = 1, GN_AMQP_TEXT_SYMBOL = 3 };

/* ---- writing ---- */

/* Appends a number in network order; an integer in its shortest form; a text. */
void gn_amqp_put_u64(struct gn_buf *out, uint64_t value);
void gn_amqp_put_integer(struct gn_buf *out, int64_t value);
void gn_amqp_put_text(struct gn_buf *out, enum gn_amqp_text kind, struct gn_str text);

/* Begins a list or map (code: of the 32-bit form): returns what gn_amqp_close_compound() needs to
 * fill size and count in. */
size_t gn_amqp_open_compound(struct gn_buf *out, uint8_t code);
void gn_amqp_close_compound(struct gn_buf *out, size_t at, uint32_t count);

/* ---- reading ---- */

/* What is left to be read; borrowed. */
struct gn_amqp_in {
    const char *p;
    size_t left;
};

enum gn_amqp_kind {
    GN_AMQP_KIND_NULL,
    GN_AMQP_KIND_STRING, /* also symbols */
    GN_AMQP_KIND_BINARY,
    GN_AMQP_KIND_BOOLEAN,
    GN_AMQP_KIND_INTEGER,
    GN_AMQP_KIND_TIMESTAMP,
    GN_AMQP_KIND_OTHER,
};

struct gn_amqp_value {
    enum gn_amqp_kind kind;
    struct gn_str text; /* view */
    int64_t number;
    bool is_symbol;
};

/* A reader of bytes. */
struct gn_amqp_in gn_amqp_in_of(struct gn_str bytes);

/* Each reads one thing and goes behind it; false: it is not there or is cut off, and the reader is
 * of no more use. */
bool gn_amqp_read_value(struct gn_amqp_in *in, struct gn_amqp_value *value);

/* The descriptor of a section; its number, or the one that belongs to its symbol. */
bool gn_amqp_read_section(struct gn_amqp_in *in, uint64_t *section);

/* A list or map: a reader of its inside, and the number of values there. */
bool gn_amqp_read_list(struct gn_amqp_in *in, struct gn_amqp_in *inside, uint32_t *count);
bool gn_amqp_read_map(struct gn_amqp_in *in, struct gn_amqp_in *inside, uint32_t *count);

#endif
