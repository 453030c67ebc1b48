#include "gurnard/redfish/message_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/text.h"

#define ARGS_MAX 12

struct row {
    const char *text;
    const char *args[ARGS_MAX]; /* up to the first NULL */
    const char *want;
};

static void assert_row(const struct row *row)
{
    struct gn_str args[ARGS_MAX];
    struct gn_buf out = GN_BUF_INIT;
    size_t count = 0;

    for (; count < ARGS_MAX && row->args[count] != NULL; count++)
        args[count] = gn_str_of(row->args[count]);
    gn_buf_puts(&out, "");
    gn_message_text(gn_str_of(row->text), args, count, &out);
    assert_int_equal(gn_buf_err(&out), GN_OK);
    assert_string_equal(out.data, row->want);
    gn_buf_free(&out);
}

static void each_placeholder_is_replaced_by_its_argument(void **state)
{
    static const struct row rows[] = {
        {"", {"a"}, ""},
        {"no placeholder", {"a"}, "no placeholder"},
        {"%1", {"a"}, "a"},
        {"%1 %2", {"a", "b"}, "a b"},
        {"%2%1%2", {"a", "b"}, "bab"},
        {"(%1)", {""}, "()"},
        {"l\xc3\xbc"
         "fter %1",
         {"\xe2\x84\x96 1"},
         "l\xc3\xbc"
         "fter \xe2\x84\x96 1"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void all_digits_behind_the_percent_count(void **state)
{
    static const struct row rows[] = {
        {"%10", {"1", "2", "3", "4", "5", "6", "7", "8", "9", "ten"}, "ten"},
        {"%10", {"one"}, "%10"},
        {"%01", {"one"}, "one"},
        {"%1%0", {"one"}, "one%0"},
        {"%99999999999999999999999", {"one"}, "%99999999999999999999999"},
        {"%18446744073709551617", {"one"}, "%18446744073709551617"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void an_argument_is_not_looked_at_again(void **state)
{
    static const struct row rows[] = {
        {"%1 %2", {"%2", "x"}, "%2 x"},
        {"%1", {"%1"}, "%1"},
        {"%1%2", {"%", "1"}, "%1"},
        {"%1", {"100%%"}, "100%%"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void a_missing_argument_stays_visible(void **state)
{
    static const struct row rows[] = {
        {"fan %1 removed", {NULL}, "fan %1 removed"},
        {"%1 %2 %3", {"a"}, "a %2 %3"},
    };
    const struct gn_str absent[] = {GN_STR_NONE, GN_STR("b")};
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
    gn_message_text(GN_STR("%1 %2"), absent, 2, &out);
    assert_string_equal(out.data, "%1 b");
    gn_buf_free(&out);
}

static void a_doubled_percent_becomes_one_and_others_stay(void **state)
{
    static const struct row rows[] = {
        {"%%", {"a"}, "%"},          {"%%1", {"a"}, "%1"},         {"%%%1", {"a"}, "%a"},
        {"100%", {"a"}, "100%"},     {"% 1", {"a"}, "% 1"},        {"%s %d", {"a"}, "%s %d"},
        {"%0 %00", {"a"}, "%0 %00"}, {"5 %, %1", {"a"}, "5 %, a"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void what_is_in_the_buffer_stays_in_front(void **state)
{
    const struct gn_str args[] = {GN_STR("a")};
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_buf_puts(&out, "text=");
    gn_message_text(GN_STR("<%1>"), args, 1, &out);
    assert_string_equal(out.data, "text=<a>");
    gn_buf_free(&out);
}

/* Eight thousand bytes of a's, then characters of three bytes: the limit falls inside one. */
static void a_long_text_is_cut_between_characters(void **state)
{
    static char filler[GN_MESSAGE_TEXT_MAX - 1];
    const struct gn_str args[] = {{filler, sizeof filler}, GN_STR("\xe2\x82\xac\xe2\x82\xac")};
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    memset(filler, 'a', sizeof filler);
    gn_message_text(GN_STR("%1%2 tail"), args, 2, &out);
    assert_int_equal(out.len, sizeof filler);
    assert_true(gn_text_is_utf8(gn_buf_str(&out)));
    gn_buf_free(&out);
}

static void a_text_of_exactly_the_limit_is_whole(void **state)
{
    static char filler[GN_MESSAGE_TEXT_MAX];
    const struct gn_str args[] = {{filler, sizeof filler}};
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    memset(filler, 'a', sizeof filler);
    gn_message_text(GN_STR("%1"), args, 1, &out);
    assert_int_equal(out.len, GN_MESSAGE_TEXT_MAX);
    gn_buf_reset(&out);
    gn_message_text(GN_STR("%1%1%1"), args, 1, &out);
    assert_int_equal(out.len, GN_MESSAGE_TEXT_MAX);
    gn_buf_free(&out);
}

static void bytes_that_are_no_characters_are_cut_too(void **state)
{
    static char filler[GN_MESSAGE_TEXT_MAX + 100];
    const struct gn_str args[] = {{filler, sizeof filler}};
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    memset(filler, 0x80, sizeof filler);
    gn_message_text(GN_STR("%1"), args, 1, &out);
    assert_in_range(out.len, GN_MESSAGE_TEXT_MAX - 3, GN_MESSAGE_TEXT_MAX);
    gn_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_placeholder_is_replaced_by_its_argument),
        cmocka_unit_test(all_digits_behind_the_percent_count),
        cmocka_unit_test(an_argument_is_not_looked_at_again),
        cmocka_unit_test(a_missing_argument_stays_visible),
        cmocka_unit_test(a_doubled_percent_becomes_one_and_others_stay),
        cmocka_unit_test(what_is_in_the_buffer_stays_in_front),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(a_text_of_exactly_the_limit_is_whole),
        cmocka_unit_test(bytes_that_are_no_characters_are_cut_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
