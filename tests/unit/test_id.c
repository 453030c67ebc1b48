/* UUIDs. */
#include "gurnard/base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"

static int by_text(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct gn_id));
}

static void random_ids_are_of_version_4(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct gn_id id = gn_id_random();

        assert_int_equal(strlen(id.text), GN_ID_LEN);
        assert_true(gn_id_is_valid(gn_str_of(id.text)));
        assert_int_equal(id.text[14], '4');
        assert_non_null(strchr("89ab", id.text[19]));
        assert_int_equal(strspn(id.text, "0123456789abcdef-"), GN_ID_LEN);
    }
}

static void random_ids_do_not_repeat_over_many_pools(void **state)
{
    static struct gn_id ids[5000];

    (void)state;
    for (size_t i = 0; i < GN_LEN(ids); i++)
        ids[i] = gn_id_random();
    qsort(ids, GN_LEN(ids), sizeof ids[0], by_text);
    for (size_t i = 1; i < GN_LEN(ids); i++)
        assert_string_not_equal(ids[i - 1].text, ids[i].text);
}

static void url_ids_are_those_of_cloud_event_proxy(void **state)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"http://localhost:9044", "a31e8e45-5c86-3f28-ba1b-09f5084ca515"},
        {"http://localhost:9043", "4c0530bf-23bc-39b8-99f7-c4466bb2a01c"},
        {"http://localhost:9046", "d38a522f-39a1-381e-9322-1513834b4f6e"},
        {"http://localhost:9089/event", "02ff4ff6-cd62-33ec-8af1-603c11db4d99"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_string_equal(gn_id_v3_url(gn_str_of(rows[i].name)).text, rows[i].want);
}

static void event_ids_are_of_version_5_and_never_change(void **state)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"", "98f04745-6032-5c4f-b508-6efe9f8e283b"},
        {"iDRAC.example/1", "1e5443bc-6f87-5167-ac47-26d40f3e165a"},
        {"/redfish/v1/Systems/1#42", "489302a0-37c5-50a2-9b9d-349cf0ec1181"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_id id = gn_id_v5(gn_str_of(rows[i].name));

        assert_string_equal(id.text, rows[i].want);
        assert_int_equal(id.text[14], '5');
        assert_non_null(strchr("89ab", id.text[19]));
    }
}

static void every_byte_of_a_name_counts(void **state)
{
    (void)state;
    assert_string_not_equal(gn_id_v5(GN_STR("a")).text, gn_id_v5(GN_STR("a\0")).text);
    assert_string_not_equal(gn_id_v3_url(GN_STR("a")).text, gn_id_v3_url(GN_STR("b")).text);
    assert_string_not_equal(gn_id_v3_url(GN_STR("a")).text, gn_id_v5(GN_STR("a")).text);
    assert_string_equal(gn_id_v5(GN_STR_NONE).text, gn_id_v5(GN_STR("")).text);
}

static void the_form_of_a_uuid_is_known_in_any_case(void **state)
{
    static const struct {
        struct gn_str text;
        bool is_valid;
    } rows[] = {
        {GN_STR_INIT("a31e8e45-5c86-3f28-ba1b-09f5084ca515"), true},
        {GN_STR_INIT("A31E8E45-5C86-3F28-BA1B-09F5084CA515"), true},
        {GN_STR_INIT("00000000-0000-0000-0000-000000000000"), true},
        {GN_STR_INIT("a31e8e45-5c86-3f28-ba1b-09f5084ca51"), false},
        {GN_STR_INIT("a31e8e45-5c86-3f28-ba1b-09f5084ca5155"), false},
        {GN_STR_INIT("a31e8e455c863f28ba1b09f5084ca515"), false},
        {GN_STR_INIT("a31e8e45-5c86-3f28-ba1b009f5084ca515"), false},
        {GN_STR_INIT("a31e8e4-55c86-3f28-ba1b-09f5084ca515"), false},
        {GN_STR_INIT("g31e8e45-5c86-3f28-ba1b-09f5084ca515"), false},
        {GN_STR_INIT("a31e8e45-5c86-3f28-ba1b-09f5084ca51\0"), false},
        {GN_STR_INIT("------------------------------------"), false},
        {GN_STR_INIT(""), false},
        {{NULL, 0}, false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_id_is_valid(rows[i].text), rows[i].is_valid);
}

static void an_id_and_its_bytes_are_the_same(void **state)
{
    static const struct {
        struct gn_id id;
        uint8_t bytes[GN_ID_BYTES];
    } rows[] = {
        {{"00010203-0405-0607-0809-0a0b0c0d0e0f"},
         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
        {{"a31e8e45-5c86-3f28-ba1b-09f5084ca515"},
         {0xa3, 0x1e, 0x8e, 0x45, 0x5c, 0x86, 0x3f, 0x28, 0xba, 0x1b, 0x09, 0xf5, 0x08, 0x4c, 0xa5,
          0x15}},
        {{"00000000-0000-0000-0000-000000000000"}, {0}},
    };
    uint8_t bytes[GN_ID_BYTES];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_id_pack(&rows[i].id, bytes);
        assert_memory_equal(bytes, rows[i].bytes, sizeof bytes);
        assert_string_equal(gn_id_unpack(bytes).text, rows[i].id.text);
    }
}

static void any_sixteen_bytes_are_an_id(void **state)
{
    uint8_t bytes[GN_ID_BYTES], again[GN_ID_BYTES];

    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        struct gn_id id;

        memset(bytes, (int)i, sizeof bytes);
        id = gn_id_unpack(bytes);
        assert_true(gn_id_is_valid(gn_str_of(id.text)));
        gn_id_pack(&id, again);
        assert_memory_equal(again, bytes, sizeof bytes);
    }
}

static void case_of_an_id_does_not_count_in_its_bytes(void **state)
{
    const struct gn_id upper = {"A31E8E45-5C86-3F28-BA1B-09F5084CA515"};
    uint8_t bytes[GN_ID_BYTES];

    (void)state;
    gn_id_pack(&upper, bytes);
    assert_string_equal(gn_id_unpack(bytes).text, "a31e8e45-5c86-3f28-ba1b-09f5084ca515");
}

static void a_digest_is_what_the_event_id_begins_with_and_never_changes(void **state)
{
    static const struct {
        struct gn_str name;
        uint64_t want;
    } rows[] = {
        {GN_STR_INIT(""), 0x98f0474560325c4f},
        {{NULL, 0}, 0x98f0474560325c4f},
        {GN_STR_INIT("iDRAC.example/1"), 0x1e5443bc6f875167},
        {GN_STR_INIT("/redfish/v1/Systems/1#42"), 0x489302a037c550a2},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_true(gn_id_digest(rows[i].name) == rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ids_are_of_version_4),
        cmocka_unit_test(random_ids_do_not_repeat_over_many_pools),
        cmocka_unit_test(url_ids_are_those_of_cloud_event_proxy),
        cmocka_unit_test(event_ids_are_of_version_5_and_never_change),
        cmocka_unit_test(every_byte_of_a_name_counts),
        cmocka_unit_test(the_form_of_a_uuid_is_known_in_any_case),
        cmocka_unit_test(an_id_and_its_bytes_are_the_same),
        cmocka_unit_test(any_sixteen_bytes_are_an_id),
        cmocka_unit_test(case_of_an_id_does_not_count_in_its_bytes),
        cmocka_unit_test(a_digest_is_what_the_event_id_begins_with_and_never_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
