#include "gurnard/ce/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"

/* An event's attributes, ended by an absent name. */
struct attribute {
    struct gn_str name, value;
};

static const struct attribute event[] = {
    {GN_STR_INIT("type"), GN_STR_INIT("org.dmtf.redfish.event.IDRAC.TMP0110")},
    {GN_STR_INIT("source"), GN_STR_INIT("/redfish/r17-node4")},
    {GN_STR_INIT("severity"), GN_STR_INIT("Warning")},
    {GN_STR_INIT("blank"), GN_STR_INIT("")},
    {{NULL, 0}, {NULL, 0}},
};

static struct gn_str get(const void *ctx, struct gn_str name)
{
    const struct attribute *at = ctx;

    while (at->name.p != NULL && !gn_str_eq(at->name, name))
        at++;
    return at->value;
}

static enum gn_err parse(struct gn_str text, struct gn_filter **filter, char *error)
{
    json_t *json = NULL;
    enum gn_err err = gn_json_parse(text, NULL, &json);

    assert_int_equal(err, GN_OK);
    memset(error, 'x', GN_FILTER_ERROR_MAX);
    err = gn_filter_parse(json, filter, error);
    json_decref(json);
    assert_true(memchr(error, '\0', GN_FILTER_ERROR_MAX) != NULL);
    assert_true(gn_text_is_utf8(gn_str_of(error)));
    return err;
}

/* Whether the event above passes the filters. */
static bool passes(const char *text)
{
    struct gn_filter *filter = NULL;
    char error[GN_FILTER_ERROR_MAX];
    bool answer;

    if (parse(gn_str_of(text), &filter, error) != GN_OK)
        fail_msg("%s: %s", text, error);
    assert_string_equal(error, "");
    answer = gn_filter_passes(filter, get, event);
    gn_filter_free(filter);
    return answer;
}

struct row {
    const char *text;
    bool passes;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (passes(rows[i].text) != rows[i].passes)
            fail_msg("%s: not %d", rows[i].text, rows[i].passes);
    }
}

static void no_filter_lets_everything_through(void **state)
{
    struct gn_filter *filter = (void *)(uintptr_t)1;
    char error[GN_FILTER_ERROR_MAX];

    (void)state;
    assert_int_equal(parse(GN_STR("[]"), &filter, error), GN_OK);
    assert_null(filter);
    assert_true(gn_filter_passes(NULL, get, event));
    gn_filter_free(NULL);
}

static void exact_prefix_and_suffix_compare_one_attribute(void **state)
{
    static const struct row rows[] = {
        {"[{\"exact\":{\"severity\":\"Warning\"}}]", true},
        {"[{\"exact\":{\"severity\":\"warning\"}}]", false},
        {"[{\"exact\":{\"severity\":\"Warn\"}}]", false},
        {"[{\"exact\":{\"severity\":\"Warnings\"}}]", false},
        {"[{\"prefix\":{\"type\":\"org.dmtf.\"}}]", true},
        {"[{\"prefix\":{\"type\":\"org.dmtf.redfish.event.IDRAC.TMP0110\"}}]", true},
        {"[{\"prefix\":{\"type\":\"org.dmtf.redfish.event.IDRAC.TMP01101\"}}]", false},
        {"[{\"prefix\":{\"type\":\"dmtf\"}}]", false},
        {"[{\"suffix\":{\"type\":\"TMP0110\"}}]", true},
        {"[{\"suffix\":{\"type\":\"TMP011\"}}]", false},
    };

    (void)state;
    check_rows(rows, GN_LEN(rows));
}

static void names_are_compared_in_lower_case(void **state)
{
    static const struct row rows[] = {
        {"[{\"exact\":{\"SEVERITY\":\"Warning\"}}]", true},
        {"[{\"prefix\":{\"Source\":\"/redfish/\"}}]", true},
    };

    (void)state;
    check_rows(rows, GN_LEN(rows));
}

static void several_attributes_must_all_hold(void **state)
{
    static const struct row rows[] = {
        {"[{\"exact\":{\"severity\":\"Warning\",\"source\":\"/redfish/r17-node4\"}}]", true},
        {"[{\"exact\":{\"severity\":\"Warning\",\"source\":\"/redfish/r17-node5\"}}]", false},
        {"[{\"exact\":{\"severity\":\"OK\",\"source\":\"/redfish/r17-node4\"}}]", false},
        {"[{\"prefix\":{\"severity\":\"W\",\"source\":\"/red\",\"type\":\"org\"}}]", true},
    };

    (void)state;
    check_rows(rows, GN_LEN(rows));
}

static void an_absent_attribute_never_matches(void **state)
{
    static const struct row rows[] = {
        {"[{\"exact\":{\"subject\":\"x\"}}]", false},
        {"[{\"prefix\":{\"subject\":\"x\"}}]", false},
        {"[{\"suffix\":{\"subject\":\"x\"}}]", false},
        {"[{\"not\":{\"prefix\":{\"subject\":\"x\"}}}]", true},
        {"[{\"prefix\":{\"blank\":\"x\"}}]", false},
    };

    (void)state;
    check_rows(rows, GN_LEN(rows));
}

static void all_any_and_not_join_filters(void **state)
{
#define YES "{\"exact\":{\"severity\":\"Warning\"}}"
#define NO  "{\"exact\":{\"severity\":\"OK\"}}"
    static const struct row rows[] = {
        {"[" YES "," YES "]", true},
        {"[" YES "," NO "]", false},
        {"[{\"all\":[" YES "," YES "]}]", true},
        {"[{\"all\":[" YES "," NO "]}]", false},
        {"[{\"any\":[" NO "," YES "]}]", true},
        {"[{\"any\":[" NO "," NO "]}]", false},
        {"[{\"not\":" NO "}]", true},
        {"[{\"not\":" YES "}]", false},
        {"[{\"not\":{\"not\":" YES "}}]", true},
        {"[{\"not\":{\"all\":[" YES "," NO "]}}]", true},
        {"[{\"not\":{\"any\":[" YES "," NO "]}}]", false},
        {"[{\"any\":[{\"all\":[" YES "," NO "]},{\"not\":" NO "}]}]", true},
        {"[{\"not\":{\"exact\":{\"severity\":\"Warning\",\"source\":\"other\"}}}]", true},
    };

    (void)state;
    check_rows(rows, GN_LEN(rows));
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    static const struct {
        const char *text;
        enum gn_err err;
        const char *error;
    } rows[] = {
        {"{}", GN_EINVAL, "filters: must be an array"},
        {"\"x\"", GN_EINVAL, "filters: must be an array"},
        {"[1]", GN_EINVAL, "filters[0]: must be an object with a dialect"},
        {"[{}]", GN_EINVAL, "filters[0]: must be an object with a dialect"},
        {"[null]", GN_EINVAL, "filters[0]: must be an object with a dialect"},
        {"[{\"sql\":\"a = 1\"}]", GN_EUNSUPPORTED, "filters[0]: unknown dialect \"sql\""},
        {"[{\"Exact\":{\"a\":\"b\"}}]", GN_EUNSUPPORTED, "filters[0]: unknown dialect \"Exact\""},
        {"[" YES ",{\"any\":[{\"sql\":1}]}]", GN_EUNSUPPORTED,
         "filters[1].any[0]: unknown dialect \"sql\""},
        {"[{\"not\":{\"regex\":1}}]", GN_EUNSUPPORTED, "filters[0].not: unknown dialect \"regex\""},
        {"[{\"exact\":{\"a\":\"b\"},\"prefix\":{\"a\":\"b\"}}]", GN_EINVAL,
         "filters[0]: has more than one dialect"},
        {"[{\"exact\":\"a\"}]", GN_EINVAL, "filters[0].exact: must be an object with an attribute"},
        {"[{\"prefix\":{}}]", GN_EINVAL, "filters[0].prefix: must be an object with an attribute"},
        {"[{\"suffix\":{\"type\":\"\"}}]", GN_EINVAL,
         "filters[0].suffix.type: must be a text that is not empty"},
        {"[{\"exact\":{\"type\":1}}]", GN_EINVAL,
         "filters[0].exact.type: must be a text that is not empty"},
        {"[{\"exact\":{\"\":\"x\"}}]", GN_EINVAL,
         "filters[0].exact.: the attribute's name is empty"},
        {"[{\"exact\":{\"a\":\"x\",\"b\":null}}]", GN_EINVAL,
         "filters[0].exact.b: must be a text that is not empty"},
        {"[{\"all\":[]}]", GN_EINVAL, "filters[0].all: must be an array with a filter"},
        {"[{\"any\":{}}]", GN_EINVAL, "filters[0].any: must be an array with a filter"},
        {"[" YES ",{\"all\":[" YES "," YES ",{\"not\":[]}]}]", GN_EINVAL,
         "filters[1].all[2].not: must be an object with a dialect"},
        {"[{\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9"
         "\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\":1}]",
         GN_EUNSUPPORTED,
         "filters[0]: unknown dialect \"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_filter *filter = (void *)(uintptr_t)1;
        char error[GN_FILTER_ERROR_MAX];

        assert_int_equal(parse(gn_str_of(rows[i].text), &filter, error), rows[i].err);
        assert_string_equal(error, rows[i].error);
        assert_null(filter);
    }
}

/* What becomes of an array of count filters. */
static enum gn_err parse_many(size_t count, char *error)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_filter *filter = NULL;
    enum gn_err err;

    for (size_t i = 0; i < count; i++)
        gn_buf_puts(&text, i == 0 ? "[" YES : "," YES);
    gn_buf_putc(&text, ']');
    err = parse(gn_buf_str(&text), &filter, error);
    gn_filter_free(filter);
    gn_buf_free(&text);
    return err;
}

static void depth_is_bounded(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_filter *filter = NULL;
    char error[GN_FILTER_ERROR_MAX];

    (void)state;
    for (size_t depth = GN_FILTER_DEPTH_MAX; depth <= GN_FILTER_DEPTH_MAX + 1; depth++) {
        const enum gn_err want = depth > GN_FILTER_DEPTH_MAX ? GN_ELIMIT : GN_OK;

        gn_buf_reset(&text);
        gn_buf_putc(&text, '[');
        for (size_t i = 1; i < depth; i++)
            gn_buf_puts(&text, "{\"not\":");
        gn_buf_puts(&text, YES);
        for (size_t i = 1; i < depth; i++)
            gn_buf_putc(&text, '}');
        gn_buf_putc(&text, ']');
        assert_int_equal(parse(gn_buf_str(&text), &filter, error), want);
        assert_int_equal(error[0] == '\0', want == GN_OK);
        gn_filter_free(filter);
    }
    gn_buf_free(&text);
}

static void the_number_of_filters_is_bounded(void **state)
{
    char error[GN_FILTER_ERROR_MAX];

    (void)state;
    assert_int_equal(parse_many(GN_FILTER_NODES_MAX, error), GN_OK);
    assert_int_equal(parse_many(GN_FILTER_NODES_MAX + 1, error), GN_ELIMIT);
    assert_string_equal(error, "filters: too many filters in all");
}

static void texts_are_bounded(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    char error[GN_FILTER_ERROR_MAX];

    (void)state;
    for (int excess = 0; excess <= 1; excess++) {
        for (int is_name = 0; is_name <= 1; is_name++) {
            struct gn_filter *filter = NULL;
            const int len = GN_FILTER_TEXT_MAX + excess;

            gn_buf_reset(&text);
            if (is_name)
                gn_buf_printf(&text, "[{\"exact\":{\"%0*d\":\"x\"}}]", len, 7);
            else
                gn_buf_printf(&text, "[{\"exact\":{\"x\":\"%0*d\"}}]", len, 7);
            assert_int_equal(parse(gn_buf_str(&text), &filter, error), excess ? GN_ELIMIT : GN_OK);
            gn_filter_free(filter);
        }
    }
    gn_buf_free(&text);
}

static void a_value_may_be_any_text(void **state)
{
    static const struct attribute other[] = {
        {GN_STR_INIT("subject"), GN_STR_INIT("a \"b\" \\ \u00fc\n")},
        {{NULL, 0}, {NULL, 0}},
    };
    struct gn_filter *filter = NULL;
    char error[GN_FILTER_ERROR_MAX];

    (void)state;
    assert_int_equal(parse(GN_STR("[{\"exact\":{\"subject\":\"a \\\"b\\\" \\\\ \\u00fc\\n\"}}]"),
                           &filter, error),
                     GN_OK);
    assert_true(gn_filter_passes(filter, get, other));
    assert_false(gn_filter_passes(filter, get, event));
    gn_filter_free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_filter_lets_everything_through),
        cmocka_unit_test(exact_prefix_and_suffix_compare_one_attribute),
        cmocka_unit_test(names_are_compared_in_lower_case),
        cmocka_unit_test(several_attributes_must_all_hold),
        cmocka_unit_test(an_absent_attribute_never_matches),
        cmocka_unit_test(all_any_and_not_join_filters),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(the_number_of_filters_is_bounded),
        cmocka_unit_test(texts_are_bounded),
        cmocka_unit_test(a_value_may_be_any_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
