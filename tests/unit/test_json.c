/* Unit tests of the getters over jansson values. */
#include "gurnard/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/json_scan.h"

#include "aborting_child.h"

static json_t *parsed(const char *text)
{
    json_t *value;

    assert_int_equal(gn_json_parse(gn_str_of(text), NULL, &value), GN_OK);
    assert_non_null(value);
    return value;
}

static void values_of_every_type_are_parsed(void **state)
{
    static const struct {
        const char *text;
        json_type type;
    } rows[] = {
        {"{}", JSON_OBJECT},   {"[1]", JSON_ARRAY}, {"\"s\"", JSON_STRING},
        {" 5 ", JSON_INTEGER}, {"0.5", JSON_REAL},  {"true", JSON_TRUE},
        {"false", JSON_FALSE}, {"null", JSON_NULL}, {"\xEF\xBB\xBF{}\r\n", JSON_OBJECT},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *value = parsed(rows[i].text);

        assert_int_equal(json_typeof(value), rows[i].type);
        json_decref(value);
    }
}

static void nul_bytes_behind_the_value_are_dropped(void **state)
{
    json_t *value;

    (void)state;
    assert_int_equal(gn_json_parse(GN_STR("[7]\n\0\0"), NULL, &value), GN_OK);
    assert_int_equal(json_array_size(value), 1);
    json_decref(value);
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const rows[] = {
        "",        "{", "{a:1}", "[1,]", "[\"\xFF\"]", "{} {}", "[\"\\u0000\"]", "[\"\\uD800\"]",
        "[1e999]",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *value = NULL;

        assert_int_equal(gn_json_parse(gn_str_of(rows[i]), NULL, &value), GN_EPARSE);
        assert_null(value);
    }
    assert_int_equal(gn_json_parse(GN_STR_NONE, NULL, &(json_t *){NULL}), GN_EPARSE);
}

/* jansson 2.14 alone would take this. */
static void a_nul_byte_behind_a_real_number_is_refused(void **state)
{
    json_t *value;

    (void)state;
    assert_int_equal(gn_json_parse(GN_STR("[1.5e3\0,2]"), NULL, &value), GN_EPARSE);
}

static void limits_are_checked_before_a_tree_grows(void **state)
{
    static const struct {
        const char *text;
        struct gn_json_limits limits;
        enum gn_err want;
    } rows[] = {
        {"[1,2]", {.max_bytes = 5, .max_depth = 1, .max_tokens = 3}, GN_OK},
        {"[1,2]", {.max_bytes = 4, .max_depth = 1, .max_tokens = 3}, GN_ELIMIT},
        {"[1,2]", {.max_bytes = 5, .max_depth = 0, .max_tokens = 3}, GN_ELIMIT},
        {"[1,2]", {.max_bytes = 5, .max_depth = 1, .max_tokens = 2}, GN_ELIMIT},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *value;

        assert_int_equal(gn_json_parse(gn_str_of(rows[i].text), &rows[i].limits, &value),
                         rows[i].want);
        json_decref(value);
    }
}

static void the_default_limits_bound_depth_and_size(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    json_t *value;

    (void)state;
    for (int i = 0; i < 33; i++)
        gn_buf_putc(&text, '[');
    for (int i = 0; i < 33; i++)
        gn_buf_putc(&text, ']');
    assert_int_equal(gn_json_parse(gn_buf_str(&text), NULL, &value), GN_ELIMIT);
    text.data[32] = ' ';
    text.data[33] = ' ';
    assert_int_equal(gn_json_parse(gn_buf_str(&text), NULL, &value), GN_OK);
    json_decref(value);
    gn_buf_reset(&text);
    gn_buf_puts(&text, "1");
    while (text.len <= 1 << 20)
        gn_buf_puts(&text, "                                                                ");
    assert_int_equal(gn_json_parse(gn_buf_str(&text), NULL, &value), GN_ELIMIT);
    gn_buf_free(&text);
}

static void members_are_found_whatever_their_case_and_blanks(void **state)
{
    static const struct {
        const char *text, *key;
        int want; /* 0: absent */
    } rows[] = {
        {"{\"resource\":1}", "resource", 1},
        {"{\"Resource\":1}", "resource", 1},
        {"{\"RESOURCE\":1}", "Resource", 1},
        {"{\"EndpointUri \":1}", "endpointUri", 1},
        {"{\" \\tendpointuri\\n\":1}", "EndpointUri", 1},
        {"{\"RESOURCE\":2,\"resource\":1}", "resource", 1},
        {"{\"resource\":1,\"RESOURCE\":2}", "resource", 1},
        {"{\"resource\":null,\"RESOURCE\":2}", "resource", 2},
        {"{\"Resource\":null,\"RESOURCE\":2}", "resource", 2},
        {"{\"resource\":null}", "resource", 0},
        {"{\"resources\":1}", "resource", 0},
        {"{\"end point\":1}", "endpoint", 0},
        {"{}", "resource", 0},
        {"[\"resource\"]", "resource", 0},
        {"\"resource\"", "resource", 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *obj = parsed(rows[i].text);
        const json_t *found = gn_json_get_nocase(obj, rows[i].key);

        assert_int_equal(json_integer_value(found), rows[i].want);
        assert_int_equal(found != NULL, rows[i].want != 0);
        json_decref(obj);
    }
    assert_null(gn_json_get_nocase(NULL, "resource"));
}

static void strings_are_read_with_their_length(void **state)
{
    json_t *obj = parsed("{\"a\":\"text\",\"empty\":\"\",\"n\":1,\"z\":null}");

    (void)state;
    assert_true(gn_str_eq(gn_json_str(obj, "a"), GN_STR("text")));
    assert_non_null(gn_json_str(obj, "empty").p);
    assert_int_equal(gn_json_str(obj, "empty").len, 0);
    assert_null(gn_json_str(obj, "n").p);
    assert_null(gn_json_str(obj, "z").p);
    assert_null(gn_json_str(obj, "A").p);
    assert_null(gn_json_str(NULL, "a").p);
    json_decref(obj);
}

static void integers_are_read_or_the_fallback_is_given(void **state)
{
    json_t *obj =
        parsed("{\"a\":-5,\"big\":9223372036854775807,\"real\":1.0,\"s\":\"3\",\"z\":null}");

    (void)state;
    assert_int_equal(gn_json_int(obj, "a", 9), -5);
    assert_true(gn_json_int(obj, "big", 9) == INT64_MAX);
    assert_int_equal(gn_json_int(obj, "real", 9), 9);
    assert_int_equal(gn_json_int(obj, "s", 9), 9);
    assert_int_equal(gn_json_int(obj, "z", 9), 9);
    assert_int_equal(gn_json_int(obj, "none", 9), 9);
    assert_int_equal(gn_json_int(NULL, "a", 9), 9);
    json_decref(obj);
}

static void have_jansson_copy_too_much(void)
{
    gn_json_use_must_alloc();
    json_decref(json_stringn_nocheck("short", HUGE_BYTES));
}

static void jansson_refused_memory_ends_a_process_that_wants_so(void **state)
{
    char want[128];

    (void)state;
    (void)snprintf(want, sizeof want, " error memory.exhausted in=jansson bytes=%zu\n",
                   HUGE_BYTES + 1);
    assert_aborts(have_jansson_copy_too_much, want);
    assert_null(json_stringn_nocheck("short", HUGE_BYTES)); /* here nobody asked for it */
}

static void values_work_the_same_with_memory_that_must_be_had(void **state)
{
    json_t *value;
    char *text;

    (void)state;
    gn_json_use_must_alloc();
    value = parsed("{\"a\":[1,\"two\",{\"b\":null}]}");
    text = json_dumps(value, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":[1,\"two\",{\"b\":null}]}");
    free(text);
    json_decref(value);
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type_are_parsed),
        cmocka_unit_test(nul_bytes_behind_the_value_are_dropped),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(a_nul_byte_behind_a_real_number_is_refused),
        cmocka_unit_test(limits_are_checked_before_a_tree_grows),
        cmocka_unit_test(the_default_limits_bound_depth_and_size),
        cmocka_unit_test(members_are_found_whatever_their_case_and_blanks),
        cmocka_unit_test(strings_are_read_with_their_length),
        cmocka_unit_test(integers_are_read_or_the_fallback_is_given),
        cmocka_unit_test(jansson_refused_memory_ends_a_process_that_wants_so),
        cmocka_unit_test(values_work_the_same_with_memory_that_must_be_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
