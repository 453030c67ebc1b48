/* Frames: written, read back, cut, damaged and found again. */
#include "gurnard/store/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/pack.h"

#define SALT 0x5eed5a17U

static const struct gn_record plain = {
    .sequence = 0x0102030405060708,
    .clock_ms = 0x1112131415161718,
    .count = 3,
    .type = GN_RECORD_OWNER,
    .payload = GN_STR_INIT("hello"),
};

static struct gn_buf frame_of(const struct gn_record *record)
{
    struct gn_buf out = GN_BUF_INIT;

    gn_frame_add(&out, SALT, record);
    assert_int_equal(gn_buf_err(&out), GN_OK);
    return out;
}

static enum gn_frame_found parse(struct gn_str bytes, size_t *size)
{
    struct gn_record record;

    return gn_frame_parse(bytes, SALT, &record, size);
}

static void assert_same(const struct gn_record *got, const struct gn_record *want)
{
    assert_true(got->sequence == want->sequence);
    assert_true(got->clock_ms == want->clock_ms);
    assert_int_equal(got->count, want->count);
    assert_int_equal(got->type, want->type);
    assert_true(gn_str_eq(got->payload, want->payload));
}

static void a_frame_has_its_bytes_in_the_documented_places(void **state)
{
    struct gn_buf out = frame_of(&plain);

    (void)state;
    assert_int_equal(out.len, 40);
    assert_memory_equal(out.data + 4,
                        "\x05\0\0\0"                       /* length */
                        "\x08\x07\x06\x05\x04\x03\x02\x01" /* sequence */
                        "\x18\x17\x16\x15\x14\x13\x12\x11" /* clock */
                        "\x10\0\x03\0\0\0\0\0"             /* type, zero, count, zero */
                        "hello\0\0\0",
                        36);
    /* reckoned by another program: never to be changed */
    assert_memory_equal(out.data, "\xfd\x19\xd5\x72", 4);
    gn_buf_free(&out);
}

static void a_record_comes_back(void **state)
{
    char noise[300];
    struct gn_record want = plain, got;
    size_t size;

    (void)state;
    memset(noise, 0xa5, sizeof noise);
    for (size_t len = 0; len <= sizeof noise; len++) {
        struct gn_buf out;

        want.payload = (struct gn_str){noise, len};
        want.count = (uint32_t)(UINT16_MAX - len);
        out = frame_of(&want);
        assert_int_equal(out.len, gn_frame_size(len));
        assert_int_equal(gn_frame_parse(gn_buf_str(&out), SALT, &got, &size), GN_FRAME_OK);
        assert_int_equal(size, out.len);
        assert_same(&got, &want);
        gn_buf_free(&out);
    }
}

static void a_frame_takes_header_payload_and_zeros_to_the_next_multiple(void **state)
{
    static const struct {
        size_t payload, want;
    } rows[] = {{0, 32}, {1, 40}, {7, 40}, {8, 40}, {9, 48}, {100, 136}};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_frame_size(rows[i].payload), rows[i].want);
}

static void a_record_without_payload_is_a_frame(void **state)
{
    const struct gn_record want = {.type = GN_RECORD_MARK};
    struct gn_buf out = frame_of(&want);
    struct gn_record got;
    size_t size;

    (void)state;
    assert_int_equal(gn_frame_parse(gn_buf_str(&out), SALT, &got, &size), GN_FRAME_OK);
    assert_int_equal(size, GN_FRAME_HEADER);
    assert_same(&got, &want);
    gn_buf_free(&out);
}

static void a_frame_is_added_whole_or_not_at_all(void **state)
{
    struct gn_buf out = gn_buf_with_limit(39);

    (void)state;
    gn_frame_add(&out, SALT, &plain);
    assert_int_equal(gn_buf_err(&out), GN_ELIMIT);
    assert_int_equal(out.len, 0);
    gn_buf_free(&out);
}

static void zeros_and_nothing_are_no_frame(void **state)
{
    static const char zeros[64];
    size_t size;

    (void)state;
    for (size_t len = 0; len <= sizeof zeros; len++)
        assert_int_equal(parse((struct gn_str){zeros, len}, &size), GN_FRAME_NONE);
    assert_int_equal(parse(GN_STR_NONE, &size), GN_FRAME_NONE);
}

static void zeros_before_other_bytes_are_no_frame(void **state)
{
    char bytes[40] = {0};
    size_t size;

    (void)state;
    bytes[32] = 'x';
    assert_int_equal(parse((struct gn_str){bytes, sizeof bytes}, &size), GN_FRAME_NONE);
}

static void a_cut_frame_is_short_wherever_it_is_cut(void **state)
{
    struct gn_buf out = frame_of(&plain);

    (void)state;
    for (size_t len = 1; len < out.len; len++) {
        char *copy = malloc(len); /* exact, so that the sanitizer sees a read beyond */
        size_t size;

        assert_non_null(copy);
        memcpy(copy, out.data, len);
        assert_int_equal(parse((struct gn_str){copy, len}, &size), GN_FRAME_SHORT);
        assert_int_equal(size, len < GN_FRAME_HEADER ? GN_FRAME_HEADER : out.len);
        free(copy);
    }
    gn_buf_free(&out);
}

static void every_bit_of_header_and_payload_is_guarded(void **state)
{
    struct gn_buf out = frame_of(&plain);
    size_t size;

    (void)state;
    for (size_t bit = 0; bit < 8 * (GN_FRAME_HEADER + plain.payload.len); bit++) {
        enum gn_frame_found found;

        out.data[bit / 8] = (char)(out.data[bit / 8] ^ (1 << bit % 8));
        found = parse(gn_buf_str(&out), &size);
        /* a longer length may be that of a frame which is not all there */
        assert_true(found == GN_FRAME_BAD || (found == GN_FRAME_SHORT && bit / 32 == 1));
        out.data[bit / 8] = (char)(out.data[bit / 8] ^ (1 << bit % 8));
    }
    assert_int_equal(parse(gn_buf_str(&out), &size), GN_FRAME_OK);
    gn_buf_free(&out);
}

static void a_frame_of_another_store_is_bad(void **state)
{
    struct gn_buf out = frame_of(&plain);
    struct gn_record record;
    size_t size;

    (void)state;
    assert_int_equal(gn_frame_parse(gn_buf_str(&out), SALT + 1, &record, &size), GN_FRAME_BAD);
    gn_buf_free(&out);
}

/* A header with these fields, its checksum wrong. */
static struct gn_buf header_of(uint32_t len, uint8_t type, uint8_t zero8, uint32_t zero32)
{
    struct gn_buf out = GN_BUF_INIT;

    gn_pack_u32(&out, 1);
    gn_pack_u32(&out, len);
    gn_pack_u64(&out, 1);
    gn_pack_u64(&out, 1);
    gn_pack_u8(&out, type);
    gn_pack_u8(&out, zero8);
    gn_pack_u16(&out, 1);
    gn_pack_u32(&out, zero32);
    return out;
}

static void only_a_plausible_header_is_waited_for(void **state)
{
    static const struct {
        uint32_t len;
        uint8_t type, zero8;
        uint32_t zero32;
        enum gn_frame_found want;
    } rows[] = {
        {1, 16, 0, 0, GN_FRAME_SHORT},
        {GN_FRAME_PAYLOAD_MAX, 16, 0, 0, GN_FRAME_SHORT},
        {GN_FRAME_PAYLOAD_MAX + 1, 16, 0, 0, GN_FRAME_BAD},
        {UINT32_MAX, 16, 0, 0, GN_FRAME_BAD},
        {1, 0, 0, 0, GN_FRAME_BAD},
        {1, 16, 1, 0, GN_FRAME_BAD},
        {1, 16, 0, 1, GN_FRAME_BAD},
        {0, 16, 0, 0, GN_FRAME_BAD}, /* all there: the checksum counts */
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = header_of(rows[i].len, rows[i].type, rows[i].zero8, rows[i].zero32);
        size_t size;

        assert_int_equal(parse(gn_buf_str(&out), &size), rows[i].want);
        if (rows[i].want == GN_FRAME_SHORT)
            assert_int_equal(size, gn_frame_size(rows[i].len));
        gn_buf_free(&out);
    }
}

static void garbage(struct gn_buf *out, size_t len)
{
    uint32_t x = 4711;

    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        gn_buf_putc(out, (char)(x >> 24));
    }
}

static void the_next_frame_is_found_behind_damage(void **state)
{
    static const size_t gaps[] = {8, 16, 32, 40, 4096, 1 << 20};

    (void)state;
    for (size_t i = 0; i < GN_LEN(gaps); i++) {
        struct gn_buf out = GN_BUF_INIT;

        garbage(&out, gaps[i]);
        gn_frame_add(&out, SALT, &plain);
        garbage(&out, 64);
        assert_int_equal(gn_frame_resync(gn_buf_str(&out), SALT), gaps[i]);
        gn_buf_free(&out);
    }
}

static void a_frame_at_the_very_beginning_is_not_the_next(void **state)
{
    struct gn_buf out = frame_of(&plain);

    (void)state;
    assert_int_equal(gn_frame_resync(gn_buf_str(&out), SALT), out.len);
    gn_frame_add(&out, SALT, &plain);
    assert_int_equal(gn_frame_resync(gn_buf_str(&out), SALT), out.len / 2);
    gn_buf_free(&out);
}

static void cut_frames_and_places_off_the_grid_are_not_found(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    garbage(&out, 12);
    gn_frame_add(&out, SALT, &plain);
    garbage(&out, 4);
    gn_frame_add(&out, SALT, &plain);
    gn_buf_truncate(&out, out.len - 1);
    assert_int_equal(gn_frame_resync(gn_buf_str(&out), SALT), out.len);
    assert_int_equal(gn_frame_resync(GN_STR_NONE, SALT), 0);
    gn_buf_free(&out);
}

static void a_frame_inside_a_payload_of_another_salt_is_not_taken(void **state)
{
    struct gn_buf inner = GN_BUF_INIT, out = GN_BUF_INIT;
    struct gn_record outer = plain;

    (void)state;
    gn_frame_add(&inner, SALT + 1, &plain);
    outer.payload = gn_buf_str(&inner);
    gn_frame_add(&out, SALT, &outer);
    assert_int_equal(gn_frame_resync(gn_buf_str(&out), SALT), out.len);
    gn_buf_free(&inner);
    gn_buf_free(&out);
}

static void checked_frames_are_walked_one_by_one(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    struct gn_record record = plain, got;
    struct gn_str rest;

    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        record.sequence = i;
        record.payload.len = (size_t)i;
        gn_frame_add(&out, SALT, &record);
    }
    rest = gn_buf_str(&out);
    for (uint64_t i = 0; i < 5; i++) {
        record.sequence = i;
        record.payload.len = (size_t)i;
        assert_true(gn_frame_next(&rest, &got));
        assert_same(&got, &record);
    }
    assert_false(gn_frame_next(&rest, &got));
    rest = GN_STR_NONE;
    assert_false(gn_frame_next(&rest, &got));
    gn_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_has_its_bytes_in_the_documented_places),
        cmocka_unit_test(a_record_comes_back),
        cmocka_unit_test(a_frame_takes_header_payload_and_zeros_to_the_next_multiple),
        cmocka_unit_test(a_record_without_payload_is_a_frame),
        cmocka_unit_test(a_frame_is_added_whole_or_not_at_all),
        cmocka_unit_test(zeros_and_nothing_are_no_frame),
        cmocka_unit_test(zeros_before_other_bytes_are_no_frame),
        cmocka_unit_test(a_cut_frame_is_short_wherever_it_is_cut),
        cmocka_unit_test(every_bit_of_header_and_payload_is_guarded),
        cmocka_unit_test(a_frame_of_another_store_is_bad),
        cmocka_unit_test(only_a_plausible_header_is_waited_for),
        cmocka_unit_test(the_next_frame_is_found_behind_damage),
        cmocka_unit_test(a_frame_at_the_very_beginning_is_not_the_next),
        cmocka_unit_test(cut_frames_and_places_off_the_grid_are_not_found),
        cmocka_unit_test(a_frame_inside_a_payload_of_another_salt_is_not_taken),
        cmocka_unit_test(checked_frames_are_walked_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
