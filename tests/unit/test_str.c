/* Views of bytes. */
#include "gurnard/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"

static void assert_str(struct gn_str got, struct gn_str want)
{
    assert_true(gn_str_eq(got, want));
    assert_int_equal(got.p == NULL, want.p == NULL);
}

static void a_null_pointer_gives_the_absent_view(void **state)
{
    (void)state;
    assert_null(gn_str_of(NULL).p);
    assert_int_equal(gn_str_of(NULL).len, 0);
    assert_str(gn_str_of("bmc"), GN_STR("bmc"));
}

static void absent_equals_empty(void **state)
{
    (void)state;
    assert_true(gn_str_eq(GN_STR_NONE, GN_STR("")));
    assert_true(gn_str_eq_nocase(GN_STR(""), GN_STR_NONE));
    assert_false(gn_str_eq(GN_STR_NONE, GN_STR("a")));
}

static void equality_looks_at_every_byte(void **state)
{
    (void)state;
    assert_true(gn_str_eq(GN_STR("a\0b"), GN_STR("a\0b")));
    assert_false(gn_str_eq(GN_STR("a\0b"), GN_STR("a\0c")));
    assert_false(gn_str_eq(GN_STR("ab"), GN_STR("abc")));
    assert_false(gn_str_eq(GN_STR("ab"), GN_STR("AB")));
}

static void case_is_ignored_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(gn_str_eq_nocase(GN_STR("Content-TYPE"), GN_STR("content-type")));
    assert_true(gn_str_eq_nocase(GN_STR("AZaz"), GN_STR("azAZ")));
    assert_false(gn_str_eq_nocase(GN_STR("@"), GN_STR("`")));
    assert_false(gn_str_eq_nocase(GN_STR("["), GN_STR("{")));
    assert_false(gn_str_eq_nocase(GN_STR("\xC4"), GN_STR("\xE4")));
    assert_false(gn_str_eq_nocase(GN_STR("ab"), GN_STR("abc")));
}

static void prefix_and_suffix_may_be_empty_or_all(void **state)
{
    static const struct {
        struct gn_str s, part;
        bool has_prefix, has_suffix;
    } rows[] = {
        {GN_STR_INIT("/redfish/v1"), GN_STR_INIT("/redfish"), true, false},
        {GN_STR_INIT("/redfish/v1"), GN_STR_INIT("v1"), false, true},
        {GN_STR_INIT("abc"), GN_STR_INIT("abc"), true, true},
        {GN_STR_INIT("abc"), GN_STR_INIT(""), true, true},
        {GN_STR_INIT("abc"), {NULL, 0}, true, true},
        {{NULL, 0}, {NULL, 0}, true, true},
        {{NULL, 0}, GN_STR_INIT("a"), false, false},
        {GN_STR_INIT("bc"), GN_STR_INIT("abc"), false, false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_str_has_prefix(rows[i].s, rows[i].part), rows[i].has_prefix);
        assert_int_equal(gn_str_has_suffix(rows[i].s, rows[i].part), rows[i].has_suffix);
    }
}

static void trim_takes_ascii_white_space_at_both_ends(void **state)
{
    (void)state;
    assert_str(gn_str_trim(GN_STR(" \t\n\v\f\ra b\r\n ")), GN_STR("a b"));
    assert_str(gn_str_trim(GN_STR("a")), GN_STR("a"));
    assert_str(gn_str_trim(GN_STR(" \t ")), GN_STR(""));
    assert_str(gn_str_trim(GN_STR("\xC2\xA0x")), GN_STR("\xC2\xA0x"));
    assert_str(gn_str_trim(GN_STR("\0 ")), GN_STR("\0"));
    assert_null(gn_str_trim(GN_STR_NONE).p);
}

static void cut_splits_at_the_first_separator(void **state)
{
    struct gn_str rest;

    (void)state;
    assert_str(gn_str_cut(GN_STR("a=b=c"), '=', &rest), GN_STR("a"));
    assert_str(rest, GN_STR("b=c"));
    assert_str(gn_str_cut(GN_STR("a="), '=', &rest), GN_STR("a"));
    assert_str(rest, GN_STR(""));
    assert_str(gn_str_cut(GN_STR("=a"), '=', &rest), GN_STR(""));
    assert_str(rest, GN_STR("a"));
}

static void cut_without_separator_leaves_the_rest_absent(void **state)
{
    struct gn_str rest = GN_STR("old");

    (void)state;
    assert_str(gn_str_cut(GN_STR("abc"), '=', &rest), GN_STR("abc"));
    assert_null(rest.p);
    assert_null(gn_str_cut(GN_STR_NONE, '=', &rest).p);
    assert_null(rest.p);
}

static void cut_walks_a_list_in_place(void **state)
{
    struct gn_str list = GN_STR("a,,b");
    static const struct gn_str want[] = {GN_STR_INIT("a"), GN_STR_INIT(""), GN_STR_INIT("b")};
    size_t count = 0;

    (void)state;
    while (list.p != NULL) {
        assert_true(count < GN_LEN(want));
        assert_str(gn_str_cut(list, ',', &list), want[count++]);
    }
    assert_int_equal(count, GN_LEN(want));
}

static void dup_adds_a_nul_and_keeps_inner_ones(void **state)
{
    char *copy = gn_str_dup(GN_STR("a\0b"));

    (void)state;
    assert_non_null(copy);
    assert_memory_equal(copy, "a\0b", 4);
    free(copy);
    copy = gn_str_dup(GN_STR_NONE);
    assert_non_null(copy);
    assert_string_equal(copy, "");
    free(copy);
}

static void numbers_are_all_digits_and_at_most_max(void **state)
{
    static const struct {
        struct gn_str text;
        unsigned long long max;
        bool is_good;
        unsigned long long value;
    } rows[] = {
        {GN_STR_INIT("0"), 0, true, 0},
        {GN_STR_INIT("9043"), 65535, true, 9043},
        {GN_STR_INIT("00080"), 80, true, 80},
        {GN_STR_INIT("65535"), 65535, true, 65535},
        {GN_STR_INIT("65536"), 65535, false, 0},
        {GN_STR_INIT("18446744073709551615"), UINT64_MAX, true, UINT64_MAX},
        {GN_STR_INIT("18446744073709551616"), UINT64_MAX, false, 0},
        {GN_STR_INIT("99999999999999999999"), UINT64_MAX, false, 0},
        {GN_STR_INIT("184467440737095516150"), UINT64_MAX, false, 0},
        {GN_STR_INIT(""), 10, false, 0},
        {{NULL, 0}, 10, false, 0},
        {GN_STR_INIT("+1"), 10, false, 0},
        {GN_STR_INIT("-1"), 10, false, 0},
        {GN_STR_INIT(" 1"), 10, false, 0},
        {GN_STR_INIT("1 "), 10, false, 0},
        {GN_STR_INIT("0x1"), 10, false, 0},
        {GN_STR_INIT("1\0"), 10, false, 0},
        {GN_STR_INIT("\xB1"), 10, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        unsigned long long value = 7;

        assert_int_equal(gn_str_to_u64(rows[i].text, rows[i].max, &value), rows[i].is_good);
        assert_int_equal(value, rows[i].is_good ? rows[i].value : 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_null_pointer_gives_the_absent_view),
        cmocka_unit_test(absent_equals_empty),
        cmocka_unit_test(equality_looks_at_every_byte),
        cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
        cmocka_unit_test(prefix_and_suffix_may_be_empty_or_all),
        cmocka_unit_test(trim_takes_ascii_white_space_at_both_ends),
        cmocka_unit_test(cut_splits_at_the_first_separator),
        cmocka_unit_test(cut_without_separator_leaves_the_rest_absent),
        cmocka_unit_test(cut_walks_a_list_in_place),
        cmocka_unit_test(dup_adds_a_nul_and_keeps_inner_ones),
        cmocka_unit_test(numbers_are_all_digits_and_at_most_max),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
