/* Trees: what YAML and JSON from outside become. */
#include "gurnard/app/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct gn_tree_limits limits = {4096, 4};

typedef enum gn_err (*reader)(struct gn_str text, const struct gn_tree_limits *limits, char **json,
                              struct gn_tree_fault *fault);

struct good {
    const char *text, *json;
};

static void assert_good(reader read, const struct good *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gn_tree_fault fault;
        char *json = NULL;

        if (read(gn_str_of(rows[i].text), &limits, &json, &fault) != GN_OK)
            fail_msg("%s: %zu:%zu %s", rows[i].text, fault.line, fault.column, fault.what);
        assert_string_equal(json, rows[i].json);
        free(json);
    }
}

struct bad {
    const char *text;
    size_t line, column;
    const char *what; /* NULL: any */
};

static void assert_bad(reader read, const struct bad *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gn_tree_fault fault = {0};
        char *json = NULL;

        assert_int_equal(read(gn_str_of(rows[i].text), &limits, &json, &fault), GN_EINVAL);
        assert_null(json);
        if (fault.line != rows[i].line || fault.column != rows[i].column)
            fail_msg("%s: %zu:%zu %s", rows[i].text, fault.line, fault.column, fault.what);
        if (rows[i].what != NULL)
            assert_string_equal(fault.what, rows[i].what);
    }
}

static void plain_scalars_follow_the_core_schema(void **state)
{
    static const struct good rows[] = {
        {"", "null"},
        {"# nothing", "null"},
        {"~", "null"},
        {"Null", "null"},
        {"true", "true"},
        {"FALSE", "false"},
        {"yes", "\"yes\""},
        {"off", "\"off\""},
        {"tRue", "\"tRue\""},
        {"0", "0"},
        {"-0", "0"},
        {"+12", "12"},
        {"007", "7"},
        {"0o17", "15"},
        {"0xFf", "255"},
        {"0xg", "\"0xg\""},
        {"0b1", "\"0b1\""},
        {"1_000", "\"1_000\""},
        {"12:30", "\"12:30\""},
        {"9223372036854775807", "9223372036854775807"},
        {"1.5", "1.5"},
        {"-.5", "-0.5"},
        {"1.", "1.0"},
        {"1e2", "100.0"},
        {"1e+30", "1e+30"},
        {".", "\".\""},
        {"1e", "\"1e\""},
        {"1.2.3", "\"1.2.3\""},
        {"+", "\"+\""},
        {"redfish://x", "\"redfish://x\""},
    };

    (void)state;
    assert_good(gn_tree_from_yaml, rows, GN_LEN(rows));
}

static void quoted_and_block_scalars_are_texts(void **state)
{
    static const struct good rows[] = {
        {"'12'", "\"12\""},
        {"\"true\"", "\"true\""},
        {"''", "\"\""},
        {"|\n 12\n", "\"12\\n\""},
        {">-\n a\n b\n", "\"a b\""},
        {"\"a\\tb\\\"\"", "\"a\\tb\\\"\""},
        {"\"\\u00e9\"", "\"\xc3\xa9\""},
    };

    (void)state;
    assert_good(gn_tree_from_yaml, rows, GN_LEN(rows));
}

static void lists_mappings_and_aliases_are_followed(void **state)
{
    static const struct good rows[] = {
        {"- 1\n- [a, b]\n- {c: d}\n", "[1,[\"a\",\"b\"],{\"c\":\"d\"}]"},
        {"a: &x {b: 1}\nc: *x\n", "{\"a\":{\"b\":1},\"c\":{\"b\":1}}"},
        {"1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}"},
        {"[[[[]]]]", "[[[[]]]]"},
        {"--- []\n...\n", "[]"},
        {"{\"a\": [1, 2.5, null]}", "{\"a\":[1,2.5,null]}"},
    };

    (void)state;
    assert_good(gn_tree_from_yaml, rows, GN_LEN(rows));
}

static void what_yaml_may_not_say_is_told_with_its_place(void **state)
{
    static const struct bad rows[] = {
        {"a: 1\nb: [.nan]\n", 2, 5, "a number that does not fit; a text is put in quotes"},
        {"9223372036854775808", 1, 1, "a number that does not fit; a text is put in quotes"},
        {"1e999", 1, 1, "a number that does not fit; a text is put in quotes"},
        {"-.INF", 1, 1, "a number that does not fit; a text is put in quotes"},
        {"a: 1\na: 2\n", 2, 1, "given twice"},
        {"{[1]: 2}", 1, 2, "a name must be a text"},
        {"\"a\\0b\"", 1, 1, "a NUL character"},
        {"{\"a\\0b\": 1}", 1, 2, "a NUL character"},
        {"!!int \"3\"", 1, 1, "tags are not understood"},
        {"- !x [1]\n", 1, 3, "tags are not understood"},
        {"[[[[[]]]]]", 1, 5, "too deep"},
        {"&a [*a]", 1, 1, "too deep"},
        {"--- 1\n--- 2\n", 2, 5, "a second document; only one is read"},
        {"a: [1\n", 2, 1, NULL},
        {"*a", 1, 1, NULL},
        {"a: \xff", 1, 4, NULL},
    };

    (void)state;
    assert_bad(gn_tree_from_yaml, rows, GN_LEN(rows));
}

static void json_is_made_compact(void **state)
{
    static const struct good rows[] = {
        {" [ 1 , {\"a\" : null} ] ", "[1,{\"a\":null}]"},
        {"\"x\"", "\"x\""},
        {"\xef\xbb\xbf{}", "{}"},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
    };

    (void)state;
    assert_good(gn_tree_from_json, rows, GN_LEN(rows));
}

static void what_json_may_not_say_is_told_with_its_place(void **state)
{
    static const struct bad rows[] = {
        {"", 1, 1, "not JSON"},
        {"[1,\n 2,]", 2, 4, "not JSON"},
        {"[[[[[]]]]]", 1, 5, "too deep or too long"},
        {"\"\\u0000\"", 1, 1, "a number or a character that does not fit"},
        {"99999999999999999999", 1, 1, "a number or a character that does not fit"},
        {"- a\n", 1, 2, "not JSON"},
    };

    (void)state;
    assert_bad(gn_tree_from_json, rows, GN_LEN(rows));
}

static void sizes_are_bounded_before_and_after(void **state)
{
    static const struct gn_tree_limits small = {64, 4};
    static const char *const texts[] = {
        "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]",
        "[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]",
        "[&a aaaaaaaaaaaaaaaaaaaa, *a, *a, *a, *a]",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++) {
        struct gn_tree_fault fault;
        char *json;

        assert_int_equal(gn_tree_from_yaml(gn_str_of(texts[i]), &small, &json, &fault), GN_EINVAL);
        assert_string_equal(fault.what, "all together is too long");
        if (i == 2)
            continue; /* no JSON */
        assert_int_equal(gn_tree_from_json(gn_str_of(texts[i]), &small, &json, &fault), GN_EINVAL);
        assert_string_equal(fault.what, "all together is too long");
    }
}

static void names_of_one_mapping_are_bounded(void **state)
{
    const struct gn_tree_limits wide = {1 << 20, 4};
    struct gn_buf text = GN_BUF_INIT;
    struct gn_tree_fault fault;
    char *json;

    (void)state;
    for (size_t i = 0; i < GN_TREE_KEYS_MAX; i++)
        gn_buf_printf(&text, "k%zu: 1\n", i);
    assert_int_equal(gn_tree_from_yaml(gn_buf_str(&text), &wide, &json, &fault), GN_OK);
    free(json);
    gn_buf_puts(&text, "more: 1\n");
    assert_int_equal(gn_tree_from_yaml(gn_buf_str(&text), &wide, &json, &fault), GN_EINVAL);
    assert_string_equal(fault.what, "too many names in one mapping");
    assert_int_equal(fault.line, GN_TREE_KEYS_MAX + 1);
    gn_buf_free(&text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_follow_the_core_schema),
        cmocka_unit_test(quoted_and_block_scalars_are_texts),
        cmocka_unit_test(lists_mappings_and_aliases_are_followed),
        cmocka_unit_test(what_yaml_may_not_say_is_told_with_its_place),
        cmocka_unit_test(json_is_made_compact),
        cmocka_unit_test(what_json_may_not_say_is_told_with_its_place),
        cmocka_unit_test(sizes_are_bounded_before_and_after),
        cmocka_unit_test(names_of_one_mapping_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
