/* UTF-8, percent codes, JSON strings, the hash. */
#include "gurnard/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "siphash_priv.h"

static void utf8_is_what_the_unicode_standard_says(void **state)
{
    static const struct {
        struct gn_str text;
        bool is_utf8;
    } rows[] = {
        {GN_STR_INIT(""), true},
        {{NULL, 0}, true},
        {GN_STR_INIT("plain"), true},
        {GN_STR_INIT("a\0b"), true},
        {GN_STR_INIT("\x7F"), true},
        {GN_STR_INIT("\xC2\x80"), true},
        {GN_STR_INIT("\xDF\xBF"), true},
        {GN_STR_INIT("\xE0\xA0\x80"), true},
        {GN_STR_INIT("\xED\x9F\xBF"), true},
        {GN_STR_INIT("\xEE\x80\x80"), true},
        {GN_STR_INIT("\xEF\xBF\xBF"), true},
        {GN_STR_INIT("\xF0\x90\x80\x80"), true},
        {GN_STR_INIT("\xF4\x8F\xBF\xBF"), true},
        {GN_STR_INIT("L\xC3\xBC"
                     "fter 1 \xE2\x80\x93 25 \xC2\xB0"
                     "C, zu hei\xC3\x9F"),
         true},
        {GN_STR_INIT("\x80"), false},             /* continuation alone */
        {GN_STR_INIT("\xC0\x80"), false},         /* overlong NUL */
        {GN_STR_INIT("\xC1\xBF"), false},         /* overlong */
        {GN_STR_INIT("\xE0\x9F\xBF"), false},     /* overlong */
        {GN_STR_INIT("\xF0\x8F\xBF\xBF"), false}, /* overlong */
        {GN_STR_INIT("\xED\xA0\x80"), false},     /* first surrogate */
        {GN_STR_INIT("\xED\xBF\xBF"), false},     /* last surrogate */
        {GN_STR_INIT("\xF4\x90\x80\x80"), false}, /* U+110000 */
        {GN_STR_INIT("\xF5\x80\x80\x80"), false},
        {GN_STR_INIT("\xFF"), false},
        {GN_STR_INIT("\xC3"), false}, /* cut short */
        {GN_STR_INIT("\xE2\x82"), false},
        {GN_STR_INIT("\xF0\x9F\x98"), false},
        {GN_STR_INIT("\xC3("), false},
        {GN_STR_INIT("\xE2\x82("), false},
        {GN_STR_INIT("\xF0\x9F(\x80"), false},
        {GN_STR_INIT("\xF0\x9F\x98("), false},
        {GN_STR_INIT("eight or more bytes\xFF"), false},
        {GN_STR_INIT("0123456\xFF"), false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_text_is_utf8(rows[i].text), rows[i].is_utf8);
}

static void the_length_is_that_of_the_first_character(void **state)
{
    (void)state;
    assert_int_equal(gn_text_utf8_len(GN_STR("ab")), 1);
    assert_int_equal(gn_text_utf8_len(GN_STR("\0")), 1);
    assert_int_equal(gn_text_utf8_len(GN_STR("\xC3\xA9x")), 2);
    assert_int_equal(gn_text_utf8_len(GN_STR("\xE2\x82\xACx")), 3);
    assert_int_equal(gn_text_utf8_len(GN_STR("\xF0\x9F\x98\x80x")), 4);
    assert_int_equal(gn_text_utf8_len(GN_STR("\x80")), 0);
    assert_int_equal(gn_text_utf8_len(GN_STR_NONE), 0);
}

static void percent_escapes_become_bytes(void **state)
{
    static const struct {
        struct gn_str text, want;
    } rows[] = {
        {GN_STR_INIT("plain"), GN_STR_INIT("plain")},
        {GN_STR_INIT(""), GN_STR_INIT("")},
        {{NULL, 0}, GN_STR_INIT("")},
        {GN_STR_INIT("%2Fcluster%2fnode"), GN_STR_INIT("/cluster/node")},
        {GN_STR_INIT("a%20b+c"), GN_STR_INIT("a b+c")},
        {GN_STR_INIT("%e2%82%AC"), GN_STR_INIT("\xE2\x82\xAC")},
        {GN_STR_INIT("%2541"), GN_STR_INIT("%41")},
        {GN_STR_INIT("%01%FF"), GN_STR_INIT("\x01\xFF")},
    };
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_buf_reset(&out);
        assert_int_equal(gn_text_percent_decode(rows[i].text, &out), GN_OK);
        assert_true(gn_str_eq(gn_buf_str(&out), rows[i].want));
    }
    gn_buf_free(&out);
}

static void a_broken_escape_is_refused_and_appends_nothing(void **state)
{
    static const struct gn_str rows[] = {
        GN_STR_INIT("%"),    GN_STR_INIT("abc%"),      GN_STR_INIT("%4"),  GN_STR_INIT("%4g"),
        GN_STR_INIT("%g4"),  GN_STR_INIT("%%41"),      GN_STR_INIT("%00"), GN_STR_INIT("ok%41%00x"),
        GN_STR_INIT("% 41"), GN_STR_INIT("%\xC3\xA9"), GN_STR_INIT("%-1"),
    };
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_buf_puts(&out, "before");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_text_percent_decode(rows[i], &out), GN_EPARSE);
        assert_string_equal(out.data, "before");
    }
    gn_buf_free(&out);
}

static void decoding_obeys_the_limit_of_the_buffer(void **state)
{
    struct gn_buf out = gn_buf_with_limit(2);

    (void)state;
    assert_int_equal(gn_text_percent_decode(GN_STR("%41%42%43"), &out), GN_ELIMIT);
    gn_buf_free(&out);
}

static void what_is_no_utf8_is_replaced_byte_by_byte(void **state)
{
    static const struct {
        struct gn_str text;
        const char *want;
    } rows[] = {
        {GN_STR_INIT(""), ""},
        {{NULL, 0}, ""},
        {GN_STR_INIT("longer than eight \xE2\x82\xAC bytes"),
         "longer than eight \xE2\x82\xAC bytes"},
        {GN_STR_INIT("\xFF"), "\xEF\xBF\xBD"},
        {GN_STR_INIT("\xE2\x82z"), "\xEF\xBF\xBD\xEF\xBF\xBDz"},
        {GN_STR_INIT("12345678\xFC\xC3\xBC"), "12345678\xEF\xBF\xBD\xC3\xBC"},
    };
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_buf_reset(&out);
        gn_buf_puts(&out, "");
        gn_text_add_utf8(&out, rows[i].text);
        assert_string_equal(out.data, rows[i].want);
    }
    gn_buf_free(&out);
}

static void json_strings_are_quoted_and_escaped(void **state)
{
    static const struct {
        struct gn_str text;
        const char *want;
    } rows[] = {
        {GN_STR_INIT(""), "\"\""},
        {{NULL, 0}, "\"\""},
        {GN_STR_INIT("Fan 1"), "\"Fan 1\""},
        {GN_STR_INIT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
        {GN_STR_INIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {GN_STR_INIT("\0\x01\x1F\x7F"), "\"\\u0000\\u0001\\u001f\x7F\""},
        {GN_STR_INIT("25 \xC2\xB0"
                     "C"),
         "\"25 \xC2\xB0"
         "C\""},
        {GN_STR_INIT("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\""},
        {GN_STR_INIT("a\xFF"
                     "b"),
         "\"a\xEF\xBF\xBD"
         "b\""},
        {GN_STR_INIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {GN_STR_INIT("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {GN_STR_INIT("\xC3\""), "\"\xEF\xBF\xBD\\\"\""},
    };
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_buf_reset(&out);
        gn_text_add_json(&out, rows[i].text);
        assert_string_equal(out.data, rows[i].want);
    }
    gn_buf_free(&out);
}

static void base64_goes_there_and_back(void **state)
{
    static const struct {
        struct gn_str bytes, text;
    } rows[] = {
        {GN_STR_INIT(""), GN_STR_INIT("")},
        {GN_STR_INIT("f"), GN_STR_INIT("Zg==")},
        {GN_STR_INIT("fo"), GN_STR_INIT("Zm8=")},
        {GN_STR_INIT("foo"), GN_STR_INIT("Zm9v")},
        {GN_STR_INIT("foobar"), GN_STR_INIT("Zm9vYmFy")},
        {GN_STR_INIT("\0\xff\xfe\x80"), GN_STR_INIT("AP/+gA==")},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf text = GN_BUF_INIT, bytes = GN_BUF_INIT;

        gn_text_add_base64(&text, rows[i].bytes);
        assert_true(gn_str_eq(gn_buf_str(&text), rows[i].text));
        assert_int_equal(gn_text_base64_decode(rows[i].text, &bytes), GN_OK);
        assert_true(gn_str_eq(gn_buf_str(&bytes), rows[i].bytes));
        gn_buf_free(&text);
        gn_buf_free(&bytes);
    }
}

static void what_is_no_base64_appends_nothing(void **state)
{
    static const char *const rows[] = {"Z",        "Zg",       "Zg=",      "Z===",     "====",
                                       "Zg==Zg==", "Zm9v Zg=", "Zm9vZ-==", "Zm9vZg=a", "Zm9v\nZg="};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf bytes = GN_BUF_INIT;

        gn_buf_puts(&bytes, "x");
        assert_int_equal(gn_text_base64_decode(gn_str_of(rows[i]), &bytes), GN_EPARSE);
        assert_int_equal(bytes.len, 1);
        gn_buf_free(&bytes);
    }
}

static void siphash_gives_the_vectors_of_its_paper(void **state)
{
    static const uint64_t want[] = {
        0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
        0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
        0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
        0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
    };
    const struct gn_siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char data[GN_LEN(want)];

    (void)state;
    for (size_t i = 0; i < GN_LEN(want); i++) {
        assert_true(gn_siphash24(key, data, i) == want[i]);
        data[i] = (unsigned char)i;
    }
}

static void the_hash_is_steady_and_depends_on_all_bytes(void **state)
{
    (void)state;
    assert_true(gn_text_hash(GN_STR("/redfish/v1")) == gn_text_hash(GN_STR("/redfish/v1")));
    assert_true(gn_text_hash(GN_STR("/redfish/v1")) != gn_text_hash(GN_STR("/redfish/v2")));
    assert_true(gn_text_hash(GN_STR("a")) != gn_text_hash(GN_STR("a\0")));
    assert_true(gn_text_hash(GN_STR_NONE) == gn_text_hash(GN_STR("")));
}

static void the_hash_has_a_key(void **state)
{
    (void)state;
    /* The chance to draw the key of all zeros is 2^-128. */
    assert_true(gn_text_hash(GN_STR("x")) != gn_siphash24((struct gn_siphash_key){0, 0}, "x", 1));
}

static void a_clipped_text_ends_with_a_whole_character(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *want;
    } rows[] = {
        {"", 4, ""},        {"abc", 0, ""},       {"abc", 2, "ab"},
        {"abc", 9, "abc"},  {"a\u00e9b", 2, "a"}, {"a\u00e9b", 3, "a\u00e9"},
        {"a\xffz", 9, "a"}, {"\u20ac", 2, ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_str got = gn_text_clip(gn_str_of(rows[i].text), rows[i].max);

        assert_true(gn_str_eq(got, gn_str_of(rows[i].want)));
    }
    assert_int_equal(gn_text_clip(GN_STR_NONE, 5).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_what_the_unicode_standard_says),
        cmocka_unit_test(the_length_is_that_of_the_first_character),
        cmocka_unit_test(percent_escapes_become_bytes),
        cmocka_unit_test(a_broken_escape_is_refused_and_appends_nothing),
        cmocka_unit_test(decoding_obeys_the_limit_of_the_buffer),
        cmocka_unit_test(what_is_no_utf8_is_replaced_byte_by_byte),
        cmocka_unit_test(json_strings_are_quoted_and_escaped),
        cmocka_unit_test(base64_goes_there_and_back),
        cmocka_unit_test(what_is_no_base64_appends_nothing),
        cmocka_unit_test(a_clipped_text_ends_with_a_whole_character),
        cmocka_unit_test(siphash_gives_the_vectors_of_its_paper),
        cmocka_unit_test(the_hash_is_steady_and_depends_on_all_bytes),
        cmocka_unit_test(the_hash_has_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
