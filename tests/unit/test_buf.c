/* The growing byte buffer. */
#include "gurnard/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"

static void an_unused_buffer_holds_nothing(void **state)
{
    struct gn_buf buf = GN_BUF_INIT;

    (void)state;
    assert_null(buf.data);
    assert_int_equal(gn_buf_str(&buf).len, 0);
    assert_int_equal(gn_buf_err(&buf), GN_OK);
    assert_null(gn_buf_take(&buf));
    gn_buf_free(&buf);
}

static void appended_bytes_stand_in_order_before_a_nul(void **state)
{
    struct gn_buf buf = GN_BUF_INIT;

    (void)state;
    gn_buf_add(&buf, "a\0b", 3);
    gn_buf_puts(&buf, "cd");
    gn_buf_add_str(&buf, GN_STR("e"));
    gn_buf_add_str(&buf, GN_STR_NONE);
    gn_buf_putc(&buf, 'f');
    gn_buf_printf(&buf, "%s=%d", "g", -1);
    assert_int_equal(buf.len, 11);
    assert_memory_equal(buf.data, "a\0bcdefg=-1", 12);
    gn_buf_free(&buf);
}

static void an_empty_append_makes_an_empty_text(void **state)
{
    struct gn_buf buf = GN_BUF_INIT;
    char *text;

    (void)state;
    gn_buf_add(&buf, NULL, 0);
    text = gn_buf_take(&buf);
    assert_non_null(text);
    assert_string_equal(text, "");
    free(text);
}

static void decimal_numbers_reach_64_bits(void **state)
{
    static const struct {
        uint64_t value;
        const char *want;
    } rows[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {1234567890, "1234567890"},
        {UINT64_MAX, "18446744073709551615"},
    };
    struct gn_buf buf = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_buf_reset(&buf);
        gn_buf_add_u64(&buf, rows[i].value);
        assert_string_equal(buf.data, rows[i].want);
    }
    gn_buf_free(&buf);
}

static void bytes_survive_growing(void **state)
{
    struct gn_buf buf = GN_BUF_INIT;

    (void)state;
    for (int i = 0; i < 10000; i++)
        gn_buf_putc(&buf, (char)('a' + i % 26));
    assert_int_equal(gn_buf_err(&buf), GN_OK);
    assert_int_equal(strlen(buf.data), 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    gn_buf_free(&buf);
}

static void the_limit_itself_is_allowed_and_no_more_is_held(void **state)
{
    struct gn_buf buf = gn_buf_with_limit(100);

    (void)state;
    for (int i = 0; i < 100; i++)
        gn_buf_putc(&buf, 'x');
    assert_int_equal(gn_buf_err(&buf), GN_OK);
    assert_int_equal(buf.cap, 101);
    gn_buf_putc(&buf, 'y');
    assert_int_equal(gn_buf_err(&buf), GN_ELIMIT);
    assert_int_equal(buf.len, 100);
    gn_buf_free(&buf);
    assert_int_equal(buf.limit, 100);
}

static void the_first_failure_sticks_and_later_appends_do_nothing(void **state)
{
    struct gn_buf buf = gn_buf_with_limit(4);

    (void)state;
    gn_buf_puts(&buf, "ab");
    gn_buf_puts(&buf, "cde");
    gn_buf_puts(&buf, "f");
    gn_buf_printf(&buf, "%d", 1);
    gn_buf_reserve(&buf, 1);
    assert_int_equal(gn_buf_err(&buf), GN_ELIMIT);
    assert_string_equal(buf.data, "ab");
    assert_null(gn_buf_take(&buf));
    assert_null(buf.data);
    assert_int_equal(gn_buf_err(&buf), GN_ELIMIT);
    gn_buf_free(&buf);
    assert_int_equal(gn_buf_err(&buf), GN_OK);
}

static void no_size_wraps_around(void **state)
{
    struct gn_buf buf = gn_buf_with_limit(SIZE_MAX);

    (void)state;
    gn_buf_puts(&buf, "a");
    gn_buf_reserve(&buf, SIZE_MAX);
    assert_int_equal(gn_buf_err(&buf), GN_ELIMIT);
    gn_buf_reset(&buf);
    gn_buf_reserve(&buf, SIZE_MAX);
    assert_int_equal(gn_buf_err(&buf), GN_ELIMIT);
    gn_buf_free(&buf);
}

static void formatted_text_grows_the_buffer(void **state)
{
    struct gn_buf buf = gn_buf_with_limit(1000);

    (void)state;
    gn_buf_puts(&buf, "start ");
    gn_buf_printf(&buf, "%0500d", 7);
    assert_int_equal(gn_buf_err(&buf), GN_OK);
    assert_int_equal(buf.len, 506);
    assert_int_equal(strlen(buf.data), 506);
    assert_int_equal(buf.data[505], '7');
    gn_buf_free(&buf);
}

static void formatted_text_beyond_the_limit_leaves_no_half(void **state)
{
    struct gn_buf buf = gn_buf_with_limit(80);

    (void)state;
    gn_buf_puts(&buf, "kept");
    gn_buf_printf(&buf, "%0100d", 7);
    assert_int_equal(gn_buf_err(&buf), GN_ELIMIT);
    assert_int_equal(buf.len, 4);
    assert_string_equal(buf.data, "kept");
    gn_buf_free(&buf);
}

static void reset_forgets_bytes_and_failure_and_keeps_memory(void **state)
{
    struct gn_buf buf = gn_buf_with_limit(8);
    const char *before;

    (void)state;
    gn_buf_puts(&buf, "12345678");
    before = buf.data;
    gn_buf_putc(&buf, '9');
    gn_buf_reset(&buf);
    assert_int_equal(gn_buf_err(&buf), GN_OK);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    gn_buf_puts(&buf, "abc");
    assert_ptr_equal(buf.data, before);
    gn_buf_free(&buf);
}

static void reserved_room_is_not_moved_by_appends(void **state)
{
    struct gn_buf buf = GN_BUF_INIT;
    const char *before;

    (void)state;
    gn_buf_reserve(&buf, 5000);
    before = buf.data;
    for (int i = 0; i < 5000; i++)
        gn_buf_putc(&buf, 'x');
    assert_ptr_equal(buf.data, before);
    gn_buf_free(&buf);
}

static void truncate_cuts_behind_len(void **state)
{
    struct gn_buf buf = GN_BUF_INIT;

    (void)state;
    gn_buf_truncate(&buf, 0);
    assert_null(buf.data);
    gn_buf_puts(&buf, "abcdef");
    gn_buf_truncate(&buf, 3);
    assert_string_equal(buf.data, "abc");
    gn_buf_putc(&buf, 'x');
    assert_string_equal(buf.data, "abcx");
    gn_buf_free(&buf);
}

static void take_hands_the_bytes_over(void **state)
{
    struct gn_buf buf = gn_buf_with_limit(10);
    char *text;

    (void)state;
    gn_buf_puts(&buf, "mine");
    text = gn_buf_take(&buf);
    assert_string_equal(text, "mine");
    free(text);
    assert_null(buf.data);
    assert_int_equal(buf.limit, 10);
    gn_buf_puts(&buf, "again");
    assert_string_equal(buf.data, "again");
    gn_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_buffer_holds_nothing),
        cmocka_unit_test(appended_bytes_stand_in_order_before_a_nul),
        cmocka_unit_test(an_empty_append_makes_an_empty_text),
        cmocka_unit_test(decimal_numbers_reach_64_bits),
        cmocka_unit_test(bytes_survive_growing),
        cmocka_unit_test(the_limit_itself_is_allowed_and_no_more_is_held),
        cmocka_unit_test(the_first_failure_sticks_and_later_appends_do_nothing),
        cmocka_unit_test(no_size_wraps_around),
        cmocka_unit_test(formatted_text_grows_the_buffer),
        cmocka_unit_test(formatted_text_beyond_the_limit_leaves_no_half),
        cmocka_unit_test(reset_forgets_bytes_and_failure_and_keeps_memory),
        cmocka_unit_test(reserved_room_is_not_moved_by_appends),
        cmocka_unit_test(truncate_cuts_behind_len),
        cmocka_unit_test(take_hands_the_bytes_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
