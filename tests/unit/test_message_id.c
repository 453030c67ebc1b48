#include "gurnard/redfish/message_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *text;
    const char *prefix; /* NULL: absent */
    const char *key;
    bool has_version;
    unsigned major, minor, patch;
};

static void assert_str(struct gn_str have, const char *want)
{
    if (want == NULL) {
        assert_null(have.p);
        assert_int_equal(have.len, 0);
        return;
    }
    assert_int_equal(have.len, strlen(want));
    assert_memory_equal(have.p, want, have.len);
}

static void assert_row(const struct row *row)
{
    struct gn_message_id id;

    assert_int_equal(gn_message_id_parse(gn_str_of(row->text), &id), GN_OK);
    assert_str(id.prefix, row->prefix);
    assert_str(id.key, row->key);
    assert_int_equal(id.has_version, row->has_version);
    assert_int_equal(id.major, row->major);
    assert_int_equal(id.minor, row->minor);
    assert_int_equal(id.patch, row->patch);
}

static void the_forms_that_bmcs_send_are_read(void **state)
{
    static const struct row rows[] = {
        {"Base.1.8.Created", "Base", "Created", true, 1, 8, 0},
        {"Base.1.8.1.Created", "Base", "Created", true, 1, 8, 1},
        {"iLOEvents.2.3.ResourceUpdated", "iLOEvents", "ResourceUpdated", true, 2, 3, 0},
        {"ZT_Event_Service_Log.1.0.Alert", "ZT_Event_Service_Log", "Alert", true, 1, 0, 0},
        {"HpeBiosMessageRegistry.v1_0_0.Key", "HpeBiosMessageRegistry", "Key", true, 1, 0, 0},
        {"Bios.v2.Key", "Bios", "Key", true, 2, 0, 0},
        {"IDRAC.2.8.TMP0110", "IDRAC", "TMP0110", true, 2, 8, 0},
        {"IDRAC.TMP0120", "IDRAC", "TMP0120", false, 0, 0, 0},
        {"CPU0001", NULL, "CPU0001", false, 0, 0, 0},
        {"Bad User PWD", NULL, "Bad User PWD", false, 0, 0, 0},
        {"2241", NULL, "2241", false, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void odd_forms_are_read_from_the_right(void **state)
{
    static const struct row rows[] = {
        {"Vendor.Part.1.2.Key", "Vendor.Part", "Key", true, 1, 2, 0},
        {"Reg.7.Key", "Reg", "Key", true, 7, 0, 0},
        {"Reg.1.2.3.4.Key", "Reg", "Key", true, 1, 2, 3},
        {"1.0.Key", NULL, "Key", true, 1, 0, 0},
        {"v1_0_0.Key", NULL, "Key", true, 1, 0, 0},
        {".Key", NULL, "Key", false, 0, 0, 0},
        {"Reg.1.0.42", "Reg", "42", true, 1, 0, 0},
        {"Reg.v.Key", "Reg.v", "Key", false, 0, 0, 0},
        {"Reg.v1_.Key", "Reg.v1_", "Key", false, 0, 0, 0},
        {"Reg.v1.5.Key", "Reg.v1", "Key", true, 5, 0, 0},
        {"Reg.1a.Key", "Reg.1a", "Key", false, 0, 0, 0},
        {"  Base.1.0.Created\n", "Base", "Created", true, 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void version_numbers_above_65535_count_as_65535(void **state)
{
    static const struct row rows[] = {
        {"R.65535.65536.99999999999999999999.K", "R", "K", true, 65535, 65535, 65535},
        {"R.v70000_1.K", "R", "K", true, 65535, 1, 0},
        {"R.0001.002.K", "R", "K", true, 1, 2, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void an_id_without_key_is_refused(void **state)
{
    static const char *const rows[] = {"", "   ", ".", "Base.1.0.", "Base.1.0. "};
    struct gn_message_id id;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_message_id_parse(gn_str_of(rows[i]), &id), GN_EPARSE);
    assert_int_equal(gn_message_id_parse(GN_STR_NONE, &id), GN_EPARSE);
}

static void an_id_may_have_256_bytes_and_no_more(void **state)
{
    char text[GN_MESSAGE_ID_MAX + 1];
    struct gn_message_id id;

    (void)state;
    memset(text, 'k', sizeof text);
    assert_int_equal(gn_message_id_parse((struct gn_str){text, GN_MESSAGE_ID_MAX}, &id), GN_OK);
    assert_int_equal(id.key.len, GN_MESSAGE_ID_MAX);
    assert_int_equal(gn_message_id_parse((struct gn_str){text, GN_MESSAGE_ID_MAX + 1}, &id),
                     GN_EPARSE);
}

static void the_name_of_a_registry_is_split(void **state)
{
    static const struct row rows[] = {
        {"iLOEvents.2.3.0", "iLOEvents", NULL, true, 2, 3, 0},
        {"Base.1.19", "Base", NULL, true, 1, 19, 0},
        {"Messages", "Messages", NULL, false, 0, 0, 0},
        {"Bios.v1_2_3", "Bios", NULL, true, 1, 2, 3},
        {"1.4.2", NULL, NULL, true, 1, 4, 2},
        {"", NULL, NULL, false, 0, 0, 0},
        {"...", "...", NULL, false, 0, 0, 0},
    };
    struct gn_message_id id;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_message_id_split(gn_str_of(rows[i].text), &id);
        assert_str(id.prefix, rows[i].prefix);
        assert_str(id.key, rows[i].key);
        assert_int_equal(id.has_version, rows[i].has_version);
        assert_int_equal(id.major, rows[i].major);
        assert_int_equal(id.minor, rows[i].minor);
        assert_int_equal(id.patch, rows[i].patch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forms_that_bmcs_send_are_read),
        cmocka_unit_test(odd_forms_are_read_from_the_right),
        cmocka_unit_test(version_numbers_above_65535_count_as_65535),
        cmocka_unit_test(an_id_without_key_is_refused),
        cmocka_unit_test(an_id_may_have_256_bytes_and_no_more),
        cmocka_unit_test(the_name_of_a_registry_is_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
