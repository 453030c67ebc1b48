/* Numbers and texts as bytes and back. */
#include "gurnard/base/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"

static void assert_bytes(struct gn_buf *got, struct gn_str want)
{
    assert_int_equal(gn_buf_err(got), GN_OK);
    assert_int_equal(got->len, want.len);
    assert_memory_equal(got->data, want.p, want.len);
    gn_buf_free(got);
}

static void numbers_of_fixed_width_are_little_endian(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_pack_u8(&out, 0xfe);
    gn_pack_u16(&out, 0x0102);
    gn_pack_u32(&out, 0x03040506);
    gn_pack_u64(&out, 0x0708090a0b0c0d0e);
    assert_bytes(&out, GN_STR("\xfe\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07"));
}

static const struct {
    uint64_t value;
    struct gn_str bytes;
} varints[] = {
    {0, GN_STR_INIT("\0")},
    {1, GN_STR_INIT("\x01")},
    {127, GN_STR_INIT("\x7f")},
    {128, GN_STR_INIT("\x80\x01")},
    {300, GN_STR_INIT("\xac\x02")},
    {16383, GN_STR_INIT("\xff\x7f")},
    {16384, GN_STR_INIT("\x80\x80\x01")},
    {UINT32_MAX, GN_STR_INIT("\xff\xff\xff\xff\x0f")},
    {(uint64_t)1 << 63, GN_STR_INIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
    {UINT64_MAX, GN_STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
};

static void a_varint_is_as_short_as_can_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(varints); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_pack_varint(&out, varints[i].value);
        assert_bytes(&out, varints[i].bytes);
    }
}

static void a_varint_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(varints); i++) {
        struct gn_unpack in = gn_unpack_of(varints[i].bytes);

        assert_true(gn_unpack_varint(&in) == varints[i].value);
        assert_false(in.is_bad);
        assert_int_equal(in.left, 0);
    }
}

static void a_bad_varint_is_refused(void **state)
{
    static const struct gn_str rows[] = {
        GN_STR_INIT(""),
        GN_STR_INIT("\x80"),                                             /* cut */
        GN_STR_INIT("\xff\xff\xff"),                                     /* cut */
        GN_STR_INIT("\x80\0"),                                           /* 0 in two bytes */
        GN_STR_INIT("\xff\x80\0"),                                       /* 127 in three */
        GN_STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),         /* 65 bits */
        GN_STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01"),     /* eleven bytes */
        GN_STR_INIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), /* twelve */
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_unpack in = gn_unpack_of(rows[i]);

        assert_int_equal(gn_unpack_varint(&in), 0);
        assert_true(in.is_bad);
    }
}

static void everything_comes_back_in_order(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    struct gn_unpack in;

    (void)state;
    gn_pack_u8(&out, 200);
    gn_pack_str(&out, GN_STR("text"));
    gn_pack_u16(&out, 60000);
    gn_pack_str(&out, GN_STR_NONE);
    gn_pack_u32(&out, 4000000000);
    gn_pack_u64(&out, UINT64_MAX - 1);
    gn_pack_varint(&out, 12345);
    gn_buf_puts(&out, "raw");
    in = gn_unpack_of(gn_buf_str(&out));
    assert_int_equal(gn_unpack_u8(&in), 200);
    assert_true(gn_str_eq(gn_unpack_str(&in), GN_STR("text")));
    assert_int_equal(gn_unpack_u16(&in), 60000);
    assert_int_equal(gn_unpack_str(&in).len, 0);
    assert_true(gn_unpack_u32(&in) == 4000000000);
    assert_true(gn_unpack_u64(&in) == UINT64_MAX - 1);
    assert_int_equal(gn_unpack_varint(&in), 12345);
    assert_true(gn_str_eq(gn_unpack_bytes(&in, 3), GN_STR("raw")));
    assert_int_equal(in.left, 0);
    assert_false(in.is_bad);
    gn_buf_free(&out);
}

static void texts_are_views_into_what_is_read(void **state)
{
    const struct gn_str bytes = GN_STR("\x02xy");
    struct gn_unpack in = gn_unpack_of(bytes);

    (void)state;
    assert_ptr_equal(gn_unpack_str(&in).p, bytes.p + 1);
}

static void what_is_not_there_is_never_read(void **state)
{
    static const struct gn_str longs[] = {
        GN_STR_INIT("\x05"
                    "abcd"),
        GN_STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                    "abcd"),
    };
    struct gn_unpack in = gn_unpack_of(GN_STR("1"));

    (void)state;
    assert_int_equal(gn_unpack_u16(&in), 0);
    assert_true(in.is_bad);
    in = gn_unpack_of(GN_STR("123"));
    assert_int_equal(gn_unpack_u32(&in), 0);
    assert_true(in.is_bad);
    in = gn_unpack_of(GN_STR("1234567"));
    assert_int_equal(gn_unpack_u64(&in), 0);
    assert_true(in.is_bad);
    for (size_t i = 0; i < GN_LEN(longs); i++) {
        in = gn_unpack_of(longs[i]);
        assert_null(gn_unpack_str(&in).p);
        assert_true(in.is_bad);
    }
}

static void the_first_failure_sticks(void **state)
{
    struct gn_unpack in = gn_unpack_of(GN_STR("\x01\x01\x01"));

    (void)state;
    assert_int_equal(gn_unpack_u32(&in), 0);
    assert_int_equal(gn_unpack_u8(&in), 0); /* though there are bytes */
    assert_int_equal(gn_unpack_varint(&in), 0);
    assert_null(gn_unpack_str(&in).p);
    assert_null(gn_unpack_bytes(&in, 0).p);
    assert_true(in.is_bad);
}

static void nothing_can_be_read_from_an_absent_view(void **state)
{
    struct gn_unpack in = gn_unpack_of(GN_STR_NONE);

    (void)state;
    assert_int_equal(gn_unpack_bytes(&in, 0).len, 0);
    assert_false(in.is_bad);
    assert_int_equal(gn_unpack_u8(&in), 0);
    assert_true(in.is_bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_fixed_width_are_little_endian),
        cmocka_unit_test(a_varint_is_as_short_as_can_be),
        cmocka_unit_test(a_varint_comes_back),
        cmocka_unit_test(a_bad_varint_is_refused),
        cmocka_unit_test(everything_comes_back_in_order),
        cmocka_unit_test(texts_are_views_into_what_is_read),
        cmocka_unit_test(what_is_not_there_is_never_read),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(nothing_can_be_read_from_an_absent_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
