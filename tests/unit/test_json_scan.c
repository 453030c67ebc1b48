/* Unit tests of the JSON pull scanner. What must be accepted and refused stands in json_cases.h. */
#include "gurnard/base/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gurnard/base/text.h"
#include "json_cases.h"
#include "json_scan_priv.h"

static const struct gn_json_limits limits = {.max_bytes = 1 << 16,
                                             .max_depth = 8,
                                             .max_tokens = 100};
static const struct gn_json_limits repairing = {
    .max_bytes = 1 << 16, .max_depth = 8, .max_tokens = 100, .repair_utf8 = true};

/* The result of pulling every token one by one. */
static enum gn_err pull_all(struct gn_str text, const struct gn_json_limits *lim)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    enum gn_err err;

    gn_json_scan_init(&scan, text, lim);
    do {
        err = gn_json_next(&scan, &token);
    } while (err == GN_OK && token.type != GN_JSON_END);
    return err;
}

/* The result of skipping the value whole. */
static enum gn_err skip_all(struct gn_str text, const struct gn_json_limits *lim)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    struct gn_str raw;
    enum gn_err err;

    gn_json_scan_init(&scan, text, lim);
    err = gn_json_next(&scan, &token);
    if (err == GN_OK)
        err = gn_json_skip(&scan, &token, &raw);
    if (err == GN_OK)
        err = gn_json_next(&scan, &token);
    return err;
}

/* The three ways through a text must agree, also when its memory ends right behind it. */
static enum gn_err verdict(struct gn_str text, const struct gn_json_limits *lim)
{
    char *copy = malloc(text.len > 0 ? text.len : 1);
    struct gn_str view = {copy, text.len};
    enum gn_err err;

    assert_non_null(copy);
    if (text.len > 0)
        memcpy(copy, text.p, text.len);
    err = gn_json_check(view, lim);
    assert_int_equal(pull_all(view, lim), err);
    assert_int_equal(skip_all(view, lim), err);
    free(copy);
    return err;
}

static void expect_rows(const struct json_case *rows, size_t count,
                        const struct gn_json_limits *lim, enum gn_err want)
{
    for (size_t i = 0; i < count; i++) {
        const enum gn_err err = verdict((struct gn_str){rows[i].text, rows[i].len}, lim);

        if (err != want)
            fail_msg("row %zu: %s: got %s", i, rows[i].text, gn_err_text(err));
    }
}

static void well_formed_values_are_accepted(void **state)
{
    (void)state;
    expect_rows(well_formed, GN_LEN(well_formed), &limits, GN_OK);
}

static void what_controllers_put_around_the_value_is_accepted(void **state)
{
    (void)state;
    expect_rows(with_surroundings, GN_LEN(with_surroundings), &limits, GN_OK);
}

static void lone_surrogates_and_huge_numbers_are_accepted(void **state)
{
    (void)state;
    expect_rows(readers_differ, GN_LEN(readers_differ), &limits, GN_OK);
}

static void broken_structure_is_refused(void **state)
{
    (void)state;
    expect_rows(broken_structure, GN_LEN(broken_structure), &limits, GN_EPARSE);
    expect_rows(broken_structure, GN_LEN(broken_structure), &repairing, GN_EPARSE);
}

static void broken_words_and_numbers_are_refused(void **state)
{
    (void)state;
    expect_rows(broken_words, GN_LEN(broken_words), &limits, GN_EPARSE);
}

static void broken_strings_are_refused(void **state)
{
    (void)state;
    expect_rows(broken_strings, GN_LEN(broken_strings), &limits, GN_EPARSE);
    expect_rows(broken_strings, GN_LEN(broken_strings), &repairing, GN_EPARSE);
}

static void invalid_utf8_in_strings_is_refused(void **state)
{
    (void)state;
    expect_rows(bad_utf8, GN_LEN(bad_utf8), &limits, GN_EPARSE);
}

static void invalid_utf8_is_let_through_and_noted_when_repairing(void **state)
{
    (void)state;
    expect_rows(bad_utf8, GN_LEN(bad_utf8), &repairing, GN_OK);
    for (size_t i = 0; i < GN_LEN(bad_utf8); i++) {
        const struct gn_str text = {bad_utf8[i].text, bad_utf8[i].len};
        struct gn_json_scan scan;
        struct gn_json_token token;
        struct gn_str raw;

        gn_json_scan_init(&scan, text, &repairing);
        assert_int_equal(gn_json_next(&scan, &token), GN_OK);
        assert_false(scan.had_bad_utf8);
        assert_int_equal(gn_json_skip(&scan, &token, &raw), GN_OK);
        assert_true(scan.had_bad_utf8);
        assert_true(gn_str_eq(raw, text));
    }
}

static void valid_utf8_is_not_noted_as_bad(void **state)
{
    struct gn_json_scan scan;
    struct gn_json_token token;

    (void)state;
    gn_json_scan_init(&scan, GN_STR("\"\xE6\xB8\xA9\xE5\xBA\xA6 \xF0\x9F\x94\xA5\""), &repairing);
    assert_int_equal(gn_json_next(&scan, &token), GN_OK);
    assert_false(scan.had_bad_utf8);
}

static void bytes_outside_strings_are_never_repaired(void **state)
{
    (void)state;
    assert_int_equal(verdict(GN_STR("[\xE9]"), &repairing), GN_EPARSE);
    assert_int_equal(verdict(GN_STR("{\"a\":1}\xE9"), &repairing), GN_EPARSE);
}

static void tokens_come_in_order_with_their_bytes(void **state)
{
    static const struct {
        enum gn_json_type type;
        const char *raw, *text;
        bool has_escape;
    } rows[] = {
        {GN_JSON_OBJECT, "{", "", false},
        {GN_JSON_KEY, "\"Id\"", "Id", false},
        {GN_JSON_STRING, "\"a\\nb\"", "a\\nb", true},
        {GN_JSON_KEY, "\"\\u004b\"", "\\u004b", true},
        {GN_JSON_ARRAY, "[", "", false},
        {GN_JSON_NUMBER, "-1.5e3", "", false},
        {GN_JSON_TRUE, "true", "", false},
        {GN_JSON_FALSE, "false", "", false},
        {GN_JSON_NULL, "null", "", false},
        {GN_JSON_STRING, "\"\"", "", false},
        {GN_JSON_OBJECT, "{", "", false},
        {GN_JSON_OBJECT_END, "}", "", false},
        {GN_JSON_ARRAY, "[", "", false},
        {GN_JSON_ARRAY_END, "]", "", false},
        {GN_JSON_ARRAY_END, "]", "", false},
        {GN_JSON_KEY, "\"a key of more than sixteen bytes\"", "a key of more than sixteen bytes",
         false},
        {GN_JSON_NUMBER, "0", "", false},
        {GN_JSON_OBJECT_END, "}", "", false},
        {GN_JSON_END, "", "", false},
        {GN_JSON_END, "", "", false},
    };
    const struct gn_str text = GN_STR(" { \"Id\" : \"a\\nb\",\"\\u004b\":[-1.5e3, true,false ,null,"
                                      "\"\",{},[ ]],\"a key of more than sixteen bytes\":0}\n");
    struct gn_json_scan scan;
    struct gn_json_token token;

    (void)state;
    gn_json_scan_init(&scan, text, &limits);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_json_next(&scan, &token), GN_OK);
        assert_int_equal(token.type, rows[i].type);
        assert_true(gn_str_eq(token.raw, gn_str_of(rows[i].raw)));
        assert_true(gn_str_eq(token.text, gn_str_of(rows[i].text)));
        assert_int_equal(token.has_escape, rows[i].has_escape);
    }
}

static void skip_gives_each_value_as_received(void **state)
{
    static const char *const values[] = {
        "{ \"x\" : [ {} , \"]\" ] }", "[ ]", "{}", "\"s\\\"\"", "-0.5e1", "null"};
    struct gn_json_scan scan;
    struct gn_json_token token;
    struct gn_buf text = GN_BUF_INIT;
    struct gn_str raw;

    (void)state;
    for (size_t i = 0; i < GN_LEN(values); i++)
        gn_buf_printf(&text, "%s\"k\": %s", i == 0 ? "{" : " ,", values[i]);
    gn_buf_putc(&text, '}');
    gn_json_scan_init(&scan, gn_buf_str(&text), &limits);
    assert_int_equal(gn_json_next(&scan, &token), GN_OK);
    for (size_t i = 0; i < GN_LEN(values); i++) {
        assert_int_equal(gn_json_next(&scan, &token), GN_OK);
        assert_int_equal(token.type, GN_JSON_KEY);
        assert_int_equal(gn_json_next(&scan, &token), GN_OK);
        assert_int_equal(gn_json_skip(&scan, &token, &raw), GN_OK);
        assert_true(gn_str_eq(raw, gn_str_of(values[i])));
    }
    assert_int_equal(gn_json_next(&scan, &token), GN_OK);
    assert_int_equal(token.type, GN_JSON_OBJECT_END);
    assert_int_equal(gn_json_next(&scan, &token), GN_OK);
    assert_int_equal(token.type, GN_JSON_END);
    gn_buf_free(&text);
}

static void limits_stop_the_scan(void **state)
{
    static const struct {
        const char *text;
        struct gn_json_limits limits;
        enum gn_err want;
    } rows[] = {
        {"[1]", {.max_bytes = 3, .max_depth = 8, .max_tokens = 8}, GN_OK},
        {"[1]", {.max_bytes = 2, .max_depth = 8, .max_tokens = 8}, GN_ELIMIT},
        {"[{}]", {.max_bytes = 99, .max_depth = 2, .max_tokens = 8}, GN_OK},
        {"[{}]", {.max_bytes = 99, .max_depth = 1, .max_tokens = 8}, GN_ELIMIT},
        {"[]", {.max_bytes = 99, .max_depth = 0, .max_tokens = 8}, GN_ELIMIT},
        {"1", {.max_bytes = 99, .max_depth = 0, .max_tokens = 1}, GN_OK},
        {"1", {.max_bytes = 99, .max_depth = 0, .max_tokens = 0}, GN_ELIMIT},
        {"[1,2,3]", {.max_bytes = 99, .max_depth = 8, .max_tokens = 4}, GN_OK},
        {"[1,2,3]", {.max_bytes = 99, .max_depth = 8, .max_tokens = 3}, GN_ELIMIT},
        {"{\"a\":1}", {.max_bytes = 99, .max_depth = 8, .max_tokens = 3}, GN_OK},
        {"{\"a\":1}", {.max_bytes = 99, .max_depth = 8, .max_tokens = 2}, GN_ELIMIT},
        {"{\"a\":1}", {.max_bytes = 99, .max_depth = 8, .max_tokens = 1}, GN_ELIMIT},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(verdict(gn_str_of(rows[i].text), &rows[i].limits), rows[i].want);
}

/* Opening brackets, alternating when kind is 'x', then their ends when is_closed. */
static void nest(struct gn_buf *out, size_t depth, char kind, bool is_closed)
{
    for (size_t i = 0; i < depth; i++)
        gn_buf_puts(out, kind == '[' || (kind == 'x' && i % 2 == 0) ? "[" : "{\"a\":");
    if (!is_closed)
        return;
    gn_buf_puts(out, "1");
    for (size_t i = depth; i-- > 0;)
        gn_buf_putc(out, kind == '[' || (kind == 'x' && i % 2 == 0) ? ']' : '}');
}

static void sixty_four_levels_are_the_most_of_any_limit(void **state)
{
    static const struct gn_json_limits wide = {.max_bytes = 1 << 20,
                                               .max_depth = UINT32_MAX,
                                               .max_tokens = UINT32_MAX};
    static const char kinds[] = {'[', '{', 'x'};
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(kinds); i++) {
        gn_buf_reset(&text);
        nest(&text, 64, kinds[i], true);
        assert_int_equal(verdict(gn_buf_str(&text), &wide), GN_OK);
        gn_buf_reset(&text);
        nest(&text, 65, kinds[i], true);
        assert_int_equal(verdict(gn_buf_str(&text), &wide), GN_ELIMIT);
        gn_buf_reset(&text);
        nest(&text, 50000, kinds[i], false);
        assert_int_equal(verdict(gn_buf_str(&text), &wide), GN_ELIMIT);
    }
    gn_buf_free(&text);
}

static void errors_stick_and_their_place_is_told(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } rows[] = {
        {"", 0},       {"[1,x]", 3},       {"{\"a\" 1}", 5}, {"[\"ab\\q\"]", 4},
        {"[1}", 2},    {"[\"a\x01\"]", 3}, {"{} x", 3},      {"[1.x]", 3},
        {"[\"abc", 5}, {"[\"\xFF\"]", 2},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_json_scan scan;
        struct gn_json_token token;

        gn_json_scan_init(&scan, gn_str_of(rows[i].text), &limits);
        while (gn_json_next(&scan, &token) == GN_OK)
            ;
        assert_int_equal(scan.err, GN_EPARSE);
        assert_int_equal(gn_json_offset(&scan), rows[i].offset);
        assert_int_equal(gn_json_next(&scan, &token), GN_EPARSE);
        assert_int_equal(token.type, GN_JSON_END);
    }
}

static void an_absent_text_is_refused(void **state)
{
    (void)state;
    assert_int_equal(gn_json_check(GN_STR_NONE, &limits), GN_EPARSE);
}

static void unescape_gives_the_meaning(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20AC", "A\xC3\xA9\xE2\x82\xAC"},
        {"\\uD83D\\uDE00", "\xF0\x9F\x98\x80"},
        {"\\uDBFF\\uDFFF", "\xF4\x8F\xBF\xBF"},
        {"a\\u0000b", "a\xEF\xBF\xBD"
                      "b"},
        {"\\uD800", "\xEF\xBF\xBD"},
        {"\\uDC00", "\xEF\xBF\xBD"},
        {"\\uD800x", "\xEF\xBF\xBDx"},
        {"\\uD800\\n", "\xEF\xBF\xBD\n"},
        {"\\uD800\\u0041", "\xEF\xBF\xBD"
                           "A"},
        {"\\uD800\\uD83D\\uDE00", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
        {"\xE6\xB8\xA9", "\xE6\xB8\xA9"},
        {"a\xFF\xE9z", "a\xEF\xBF\xBD\xEF\xBF\xBDz"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"0123456789abcdef0123456789\\t.", "0123456789abcdef0123456789\t."},
    };
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_buf_reset(&out);
        gn_json_unescape(gn_str_of(rows[i].text), &out);
        assert_int_equal(gn_buf_err(&out), GN_OK);
        if (!gn_str_eq(gn_buf_str(&out), gn_str_of(rows[i].want)))
            fail_msg("%s became %.*s", rows[i].text, (int)out.len, out.data);
    }
    gn_buf_free(&out);
}

static void texts_are_compared_by_meaning(void **state)
{
    static const struct {
        const char *text;
        bool has_escape;
        const char *word;
        bool nocase, want;
    } rows[] = {
        {"Events", false, "Events", false, true},
        {"events", false, "Events", false, false},
        {"eVENTS", false, "Events", true, true},
        {"Event", false, "Events", true, false},
        {"\\u0045vents", true, "Events", false, true},
        {"\\u0065vents", true, "Events", false, false},
        {"\\u0065vents", true, "Events", true, true},
        {"\\u0045vent", true, "Events", true, false},
        {"\\u0045ventsX", true, "Events", true, false},
        {"\\n", true, "n", false, false},
        {"a\\/b", true, "a/b", false, true},
        {"\\uD83D\\uDE00", true, "\xF0\x9F\x98\x80", false, true},
        {"\\u00e9", true, "\xC3\xA9", true, true},
        {"", false, "", false, true},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_json_text_eq(gn_str_of(rows[i].text), rows[i].has_escape,
                                         gn_str_of(rows[i].word), rows[i].nocase),
                         rows[i].want);
}

static void compact_drops_white_space_between_tokens_only(void **state)
{
    static const struct {
        const char *raw, *want;
    } rows[] = {
        {"1", "1"},
        {"[ ]", "[]"},
        {"\"a b\\\" c\"", "\"a b\\\" c\""},
        {"{\n    \"a b\" :\t[ 1 , \"x\\\\\" ,\r\n null ]\n}", "{\"a b\":[1,\"x\\\\\",null]}"},
        {"{\"a\":1}", "{\"a\":1}"},
        {"[\"\xE9 \xFF\" , 2]", "[\"\xE9 \xFF\",2]"},
        {"[                                        1]", "[1]"},
        {"", ""},
    };
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_buf_reset(&out);
        gn_json_add_compact(&out, gn_str_of(rows[i].raw));
        assert_true(gn_str_eq(gn_buf_str(&out), gn_str_of(rows[i].want)));
    }
    gn_buf_free(&out);
}

/* Small reproducible pseudo-random numbers. */
static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void vector_and_scalar_searches_agree(void **state)
{
    static const char alphabet[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaa\x7F\"\\nu0\x1F\t  \n\r\xC3\xA9\xE2\x82\xAC";
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        const size_t len = draw(&seed) % 70;
        const bool repair = draw(&seed) % 2 == 0;
        char *text = malloc(len + 1);
        struct gn_json_span fast, slow;

        assert_non_null(text);
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[draw(&seed) % (sizeof alphabet - 1)];
        fast = gn_json_string_end(text, text + len, repair);
        slow = gn_json_string_end_scalar(text, text + len, repair);
        assert_ptr_equal(fast.at, slow.at);
        assert_int_equal(fast.flags, slow.flags);
        assert_ptr_equal(gn_json_plain_end(text, text + len),
                         gn_json_plain_end_scalar(text, text + len));
        for (size_t i = 0; i < len; i++)
            text[i] = " \n\t\r        x"[draw(&seed) % 13];
        assert_ptr_equal(gn_json_space_end(text, text + len),
                         gn_json_space_end_scalar(text, text + len));
        free(text);
    }
}

/* Every lead byte with every second byte, and third and fourth bytes at the edges of their range.
 */
static void characters_are_those_of_base_text(void **state)
{
    static const uint8_t edges[] = {0x00, 0x22, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};

    (void)state;
    for (unsigned lead = 0x80; lead <= 0xFF; lead++)
        for (unsigned second = 0; second <= 0xFF; second++)
            for (size_t i = 0; i < GN_LEN(edges) * GN_LEN(edges); i++)
                for (size_t len = 1; len <= 4; len++) {
                    const char bytes[4] = {(char)lead, (char)second, (char)edges[i / GN_LEN(edges)],
                                           (char)edges[i % GN_LEN(edges)]};

                    assert_int_equal(gn_json_utf8_len(bytes, bytes + len),
                                     gn_text_utf8_len((struct gn_str){bytes, len}));
                }
}

static void every_prefix_of_a_value_is_refused(void **state)
{
    const struct gn_str text = GN_STR("{\"a\":[1.5e+3,\"\\u00e9\xC3\xA9 0123456789abcdef\",true,"
                                      "{\"b\":null}],\"cc\" : -0 }");

    (void)state;
    assert_int_equal(verdict(text, &limits), GN_OK);
    for (size_t len = 0; len < text.len; len++)
        assert_int_equal(verdict((struct gn_str){text.p, len}, &limits), GN_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_values_are_accepted),
        cmocka_unit_test(what_controllers_put_around_the_value_is_accepted),
        cmocka_unit_test(lone_surrogates_and_huge_numbers_are_accepted),
        cmocka_unit_test(broken_structure_is_refused),
        cmocka_unit_test(broken_words_and_numbers_are_refused),
        cmocka_unit_test(broken_strings_are_refused),
        cmocka_unit_test(invalid_utf8_in_strings_is_refused),
        cmocka_unit_test(invalid_utf8_is_let_through_and_noted_when_repairing),
        cmocka_unit_test(valid_utf8_is_not_noted_as_bad),
        cmocka_unit_test(bytes_outside_strings_are_never_repaired),
        cmocka_unit_test(tokens_come_in_order_with_their_bytes),
        cmocka_unit_test(skip_gives_each_value_as_received),
        cmocka_unit_test(limits_stop_the_scan),
        cmocka_unit_test(sixty_four_levels_are_the_most_of_any_limit),
        cmocka_unit_test(errors_stick_and_their_place_is_told),
        cmocka_unit_test(an_absent_text_is_refused),
        cmocka_unit_test(unescape_gives_the_meaning),
        cmocka_unit_test(texts_are_compared_by_meaning),
        cmocka_unit_test(compact_drops_white_space_between_tokens_only),
        cmocka_unit_test(vector_and_scalar_searches_agree),
        cmocka_unit_test(characters_are_those_of_base_text),
        cmocka_unit_test(every_prefix_of_a_value_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
