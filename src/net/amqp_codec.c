/* Values of the AMQP 1.0 type system. A constructor's upper half says how long the value is: 4 to 9
 * nothing to 16 bytes, A and B a text behind its length, C to F a list, map or array behind its
 * size; nothing has to be looked into to be passed over. */
#include "amqp_codec.h"

#include <string.h>

#include "gurnard/base/defs.h"

/* ---- writing ---- */

static void put_u32(struct gn_buf *out, uint32_t value)
{
    const char bytes[] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8),
                          (char)value};

    gn_buf_add(out, bytes, sizeof bytes);
}

void gn_amqp_put_u64(struct gn_buf *out, uint64_t value)
{
    put_u32(out, (uint32_t)(value >> 32));
    put_u32(out, (uint32_t)value);
}

/* Within 32 bits as int, as other senders of CloudEvents do; else as long. */
void gn_amqp_put_integer(struct gn_buf *out, int64_t value)
{
    if (value >= INT8_MIN && value <= INT8_MAX) {
        gn_buf_putc(out, GN_AMQP_CODE_SMALL_INT);
        gn_buf_putc(out, (char)value);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        gn_buf_putc(out, GN_AMQP_CODE_INT);
        put_u32(out, (uint32_t)value);
    } else {
        gn_buf_putc(out, (char)GN_AMQP_CODE_LONG);
        gn_amqp_put_u64(out, (uint64_t)value);
    }
}

void gn_amqp_put_text(struct gn_buf *out, enum gn_amqp_text kind, struct gn_str text)
{
    if (text.len <= UINT8_MAX) {
        gn_buf_putc(out, (char)(0xa0 + (int)kind));
        gn_buf_putc(out, (char)text.len);
    } else {
        gn_buf_putc(out, (char)(0xb0 + (int)kind));
        put_u32(out, (uint32_t)text.len);
    }
    gn_buf_add_str(out, text);
}

size_t gn_amqp_open_compound(struct gn_buf *out, uint8_t code)
{
    gn_buf_putc(out, (char)code);
    gn_amqp_put_u64(out, 0);
    return out->len;
}

void gn_amqp_close_compound(struct gn_buf *out, size_t at, uint32_t count)
{
    uint32_t size;

    if (gn_buf_err(out) != GN_OK)
        return;
    size = (uint32_t)(out->len - at) + 4; /* the count is part of it */
    for (size_t i = 0; i < 4; i++) {
        out->data[at - 8 + i] = (char)(size >> (24 - 8 * i));
        out->data[at - 4 + i] = (char)(count >> (24 - 8 * i));
    }
}

/* ---- reading ---- */

struct gn_amqp_in gn_amqp_in_of(struct gn_str bytes)
{
    return (struct gn_amqp_in){bytes.p, bytes.len};
}

static bool take(struct gn_amqp_in *in, size_t len, struct gn_str *bytes)
{
    if (in->left < len)
        return false;
    *bytes = (struct gn_str){in->p, len};
    in->p += len;
    in->left -= len;
    return true;
}

static bool take_number(struct gn_amqp_in *in, size_t width, uint64_t *number)
{
    struct gn_str bytes;

    if (!take(in, width, &bytes))
        return false;
    *number = 0;
    for (size_t i = 0; i < width; i++)
        *number = *number << 8 | (uint8_t)bytes.p[i];
    return true;
}

/* What a value of this code consists of behind the constructor. */
static bool take_content(struct gn_amqp_in *in, uint8_t code, struct gn_str *content)
{
    static const uint8_t widths[] = {[4] = 0, [5] = 1, [6] = 2, [7] = 4, [8] = 8, [9] = 16};
    uint8_t upper = code >> 4;
    uint64_t len;

    if (upper < 4)
        return false;
    if (upper < GN_LEN(widths))
        return take(in, widths[upper], content);
    if (!take_number(in, upper % 2 == 0 ? 1 : 4, &len))
        return false;
    return take(in, (size_t)len, content);
}

static int64_t signed_of(uint64_t number, size_t width)
{
    switch (width) {
    case 1:
        return (int8_t)number;
    case 2:
        return (int16_t)number;
    case 4:
        return (int32_t)number;
    default:
        return (int64_t)number;
    }
}

static void set_number(struct gn_amqp_value *value, enum gn_amqp_kind kind, int64_t number)
{
    value->kind = kind;
    value->number = number;
}

static void set_text(struct gn_amqp_value *value, enum gn_amqp_kind kind, struct gn_str text,
                     bool is_symbol)
{
    value->kind = kind;
    value->text = text;
    value->is_symbol = is_symbol;
}

/* Gives value what content, of the given code, means. */
static void understand(uint8_t code, struct gn_str content, struct gn_amqp_value *value)
{
    struct gn_amqp_in in = gn_amqp_in_of(content);
    uint64_t number = 0;

    if (content.len <= 8)
        (void)take_number(&in, content.len, &number); /* there are that many */
    switch (code) {
    case GN_AMQP_CODE_NULL:
        value->kind = GN_AMQP_KIND_NULL;
        return;
    case GN_AMQP_CODE_TRUE:
    case GN_AMQP_CODE_FALSE:
        set_number(value, GN_AMQP_KIND_BOOLEAN, code == GN_AMQP_CODE_TRUE);
        return;
    case GN_AMQP_CODE_BOOLEAN:
        set_number(value, GN_AMQP_KIND_BOOLEAN, number != 0);
        return;
    case GN_AMQP_CODE_UINT0:
    case GN_AMQP_CODE_ULONG0:
    case GN_AMQP_CODE_UBYTE:
    case GN_AMQP_CODE_SMALL_UINT:
    case GN_AMQP_CODE_SMALL_ULONG:
    case GN_AMQP_CODE_USHORT:
    case GN_AMQP_CODE_UINT:
    case GN_AMQP_CODE_ULONG:
        if (number <= INT64_MAX)
            set_number(value, GN_AMQP_KIND_INTEGER, (int64_t)number);
        return;
    case GN_AMQP_CODE_BYTE:
    case GN_AMQP_CODE_SMALL_INT:
    case GN_AMQP_CODE_SMALL_LONG:
    case GN_AMQP_CODE_SHORT:
    case GN_AMQP_CODE_INT:
    case GN_AMQP_CODE_LONG:
        set_number(value, GN_AMQP_KIND_INTEGER, signed_of(number, content.len));
        return;
    case GN_AMQP_CODE_TIMESTAMP:
        set_number(value, GN_AMQP_KIND_TIMESTAMP, (int64_t)number);
        return;
    case 0xa0:
    case 0xb0:
        set_text(value, GN_AMQP_KIND_BINARY, content, false);
        return;
    case 0xa1:
    case 0xb1:
        set_text(value, GN_AMQP_KIND_STRING, content, false);
        return;
    case 0xa3:
    case 0xb3:
        set_text(value, GN_AMQP_KIND_STRING, content, true);
        return;
    default:
        return;
    }
}

/* A described value is of another kind, whatever it consists of; its descriptor and what is
 * described may be described again. */
bool gn_amqp_read_value(struct gn_amqp_in *in, struct gn_amqp_value *value)
{
    size_t owed = 1; /* values still to be taken */
    bool is_described = false;

    *value = (struct gn_amqp_value){.kind = GN_AMQP_KIND_OTHER};
    while (owed > 0) {
        struct gn_str code, content;

        if (!take(in, 1, &code))
            return false;
        if (*code.p == GN_AMQP_CODE_DESCRIBED) {
            is_described = true;
            owed++;
            continue;
        }
        if (!take_content(in, (uint8_t)*code.p, &content))
            return false;
        if (!is_described)
            understand((uint8_t)*code.p, content, value);
        owed--;
    }
    return true;
}

static bool section_of_symbol(struct gn_str name, uint64_t *section)
{
    static const struct gn_str names[] = {
        GN_STR_INIT("amqp:header:list"),
        GN_STR_INIT("amqp:delivery-annotations:map"),
        GN_STR_INIT("amqp:message-annotations:map"),
        GN_STR_INIT("amqp:properties:list"),
        GN_STR_INIT("amqp:application-properties:map"),
        GN_STR_INIT("amqp:data:binary"),
        GN_STR_INIT("amqp:amqp-sequence:list"),
        GN_STR_INIT("amqp:amqp-value:*"),
        GN_STR_INIT("amqp:footer:map"),
    };

    for (size_t i = 0; i < GN_LEN(names); i++) {
        if (gn_str_eq(name, names[i])) {
            *section = 0x70 + i;
            return true;
        }
    }
    return false;
}

bool gn_amqp_read_section(struct gn_amqp_in *in, uint64_t *section)
{
    struct gn_amqp_value value;
    struct gn_str code;

    if (!take(in, 1, &code) || *code.p != GN_AMQP_CODE_DESCRIBED)
        return false;
    if (!gn_amqp_read_value(in, &value))
        return false;
    if (value.kind == GN_AMQP_KIND_INTEGER) {
        *section = (uint64_t)value.number;
        return true;
    }
    return value.is_symbol && section_of_symbol(value.text, section);
}

/* lower: 0 for lists, 1 for maps. */
static bool read_compound(struct gn_amqp_in *in, unsigned lower, struct gn_amqp_in *inside,
                          uint32_t *count)
{
    struct gn_str code, content;
    uint64_t number;
    uint8_t c;

    if (!take(in, 1, &code))
        return false;
    c = (uint8_t)*code.p;
    *count = 0;
    *inside = (struct gn_amqp_in){NULL, 0};
    if (c == GN_AMQP_CODE_LIST0 && lower == 0)
        return true;
    if ((c != 0xc0 + lower && c != 0xd0 + lower) || !take_content(in, c, &content))
        return false;
    *inside = gn_amqp_in_of(content);
    if (!take_number(inside, c >> 4 == 0xc ? 1 : 4, &number))
        return false;
    *count = (uint32_t)number;
    return true;
}

bool gn_amqp_read_list(struct gn_amqp_in *in, struct gn_amqp_in *inside, uint32_t *count)
{
    return read_compound(in, 0, inside, count);
}

bool gn_amqp_read_map(struct gn_amqp_in *in, struct gn_amqp_in *inside, uint32_t *count)
{
    return read_compound(in, 1, inside, count);
}
