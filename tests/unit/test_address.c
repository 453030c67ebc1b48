/* Addresses that mean the same are equal in their canonical form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/relay/address.h"

static void the_old_redfish_address_becomes_the_new_one_and_others_stay(void **state)
{
    static const struct {
        const char *address, *want;
    } rows[] = {
        {"/cluster/node/n1/redfish/event", "/cluster/node/n1/redfish/v1/Systems"},
        {"/cluster/node/n1.lab.example/redfish/event",
         "/cluster/node/n1.lab.example/redfish/v1/Systems"},
        {"/cluster/node/n1/redfish/v1/Systems", "/cluster/node/n1/redfish/v1/Systems"},
        {"/cluster/node/n1/redfish/event/", "/cluster/node/n1/redfish/event/"},
        {"/cluster/node/n1/redfish/events", "/cluster/node/n1/redfish/events"},
        {"/cluster/node//redfish/event", "/cluster/node//redfish/event"},
        {"/cluster/node/a/b/redfish/event", "/cluster/node/a/b/redfish/event"},
        {"/cluster/node/", "/cluster/node/"},
        {"/cluster/node/n1", "/cluster/node/n1"},
        {"/cluster/node/n1/mock", "/cluster/node/n1/mock"},
        {"x/cluster/node/n1/redfish/event", "x/cluster/node/n1/redfish/event"},
        {"/news-service/sports", "/news-service/sports"},
        {"/././sync", "/././sync"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_address_canonical(gn_str_of(rows[i].address), &out);
        assert_int_equal(gn_buf_err(&out), GN_OK);
        assert_true(gn_str_eq(gn_buf_str(&out), gn_str_of(rows[i].want)));
        gn_buf_free(&out);
    }
}

static void the_address_of_a_node_keeps_its_dots(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_address_of_node(GN_STR("n1.lab"), GN_STR(GN_ADDRESS_REDFISH), &out);
    assert_string_equal(out.data, "/cluster/node/n1.lab/redfish/v1/Systems");
    gn_buf_free(&out);
}

static void an_o_ran_address_is_resolved_on_this_node(void **state)
{
    static const struct {
        const char *address, *want;
    } rows[] = {
        {"/././sync", "/cluster/node/n1/sync"},
        {"/./sync", "/cluster/node/n1/sync"},
        {"/./n1/sync", "/cluster/node/n1/sync"},
        {"/././n1/sync", "/cluster/node/n1/sync"},
        {"/./././././n1/sync/ptp-status/lock-state", "/cluster/node/n1/sync/ptp-status/lock-state"},
        {"/./n10/sync", "/cluster/node/n1/n10/sync"},
        {"/./n1/n1", "/cluster/node/n1/n1"},
        {"/./*/sync", "/cluster/node/*/sync"},
        {"/././*", "/cluster/node/*"},
        {"/././*/", "/cluster/node/*"},
        {"/./**/sync", "/cluster/node/n1/**/sync"},
        {"/.", "/cluster/node/n1"},
        {"/./", "/cluster/node/n1"},
        {"/./.", "/cluster/node/n1"},
        {"/./n1", "/cluster/node/n1"},
        {"/././.", "/cluster/node/n1"},
        {"/./redfish/event", "/cluster/node/n1/redfish/v1/Systems"},
        {"/././n1/redfish/event/", "/cluster/node/n1/redfish/v1/Systems"},
        {"/./*/redfish/event", "/cluster/node/*/redfish/v1/Systems"},
        {"/cluster/node/./sync", "/cluster/node/n1/sync"},
        {"/cluster/node/./redfish/event", "/cluster/node/n1/redfish/v1/Systems"},
        {"/cluster/node/.", "/cluster/node/n1"},
        {"/cluster/node/./", "/cluster/node/n1"},
        {"/cluster/node/./n1", "/cluster/node/n1/n1"},
        {"/cluster/node/*/redfish/event", "/cluster/node/*/redfish/v1/Systems"},
        {"/cluster/node/n2/redfish/event", "/cluster/node/n2/redfish/v1/Systems"},
        {"/cluster/node/n1/redfish/event/", "/cluster/node/n1/redfish/v1/Systems"},
        {"/cluster/node/n1/redfish/v1/Systems/", "/cluster/node/n1/redfish/v1/Systems"},
        {"/cluster/node/", "/cluster/node"},
        {"/cluster/./node/x", "/cluster/./node/x"},
        {"/.hidden/sync", "/.hidden/sync"},
        {"/../sync", "/../sync"},
        {"/./../sync", "/cluster/node/n1/../sync"},
        {"/.//sync", "/cluster/node/n1//sync"},
        {"/east-edge-10/Node3/sync/", "/east-edge-10/Node3/sync"},
        {"/", "/"},
        {"//", "//"},
        {"/x//", "/x//"},
        {"x/", "x"},
        {"", ""},
        {"./sync", "./sync"},
        {".", "."},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_buf_putc(&out, '=');
        gn_address_resolve(gn_str_of(rows[i].address), GN_STR("n1"), &out);
        assert_int_equal(gn_buf_err(&out), GN_OK);
        assert_string_equal(out.data + 1, rows[i].want);
        gn_buf_free(&out);
    }
}

static void what_v2_cannot_subscribe_to_is_known(void **state)
{
    static const struct {
        const char *address;
        bool is_valid;
    } rows[] = {
        {"/", true},
        {"/cluster/node/n1", true},
        {"/cluster/node/*/sync", true},
        {"/cluster/node/n1/redfish/v1/Systems", true},
        {"/a b/%2f", true},
        {"/\xc3\xbc", true},
        {"/.a/..b/...", true},
        {"", false},
        {"x", false},
        {"cluster/node/n1", false},
        {"//", false},
        {"/x//y", false},
        {"/x/", false},
        {"/./x", false},
        {"/x/.", false},
        {"/x/../y", false},
        {"/..", false},
        {"/x\ny", false},
        {"/x\x7f", false},
        {"/\xc3", false},
        {"/\xed\xa0\x80", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        if (gn_address_is_valid(gn_str_of(rows[i].address)) != rows[i].is_valid)
            fail_msg("%s", rows[i].address);
    assert_false(gn_address_is_valid((struct gn_str){"/x\0y", 4}));
    assert_false(gn_address_is_valid(GN_STR_NONE));
}

static void a_pattern_has_a_segment_that_is_a_star(void **state)
{
    static const struct {
        const char *address;
        bool is_pattern;
    } rows[] = {
        {"/cluster/node/*/sync", true},
        {"/*", true},
        {"*", true},
        {"/a/*", true},
        {"/cluster/node/n1", false},
        {"/a*", false},
        {"/", false},
        {"", false},
        {"/a/**", false},
        {"/*a/", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        if (gn_address_is_pattern(gn_str_of(rows[i].address)) != rows[i].is_pattern)
            fail_msg("%s", rows[i].address);
}

struct pair {
    const char *a, *b;
    bool a_covers_b, b_covers_a, overlap;
};

static const struct pair pairs[] = {
    {"/", "/", true, true, true},
    {"/", "/x", true, false, true},
    {"/", "/cluster/node/n1/sync", true, false, true},
    {"/", "mock", true, false, true},
    {"/x", "/x", true, true, true},
    {"/x", "/x/y", true, false, true},
    {"/x", "/x/y/z", true, false, true},
    {"/x", "/xy", false, false, false},
    {"/x/y", "/x/yz", false, false, false},
    {"/x", "/y", false, false, false},
    {"/x/y", "/x/z", false, false, false},
    {"/cluster/node/*", "/cluster/node/n1", true, false, true},
    {"/cluster/node/*", "/cluster/node/n1/sync", true, false, true},
    {"/cluster/node/*/sync", "/cluster/node/n1/sync/x", true, false, true},
    {"/cluster/node/*/sync", "/cluster/node/n1/redfish", false, false, false},
    {"/cluster/node/*/sync", "/cluster/node/sync", false, false, true},
    {"/cluster/node/*/sync", "/cluster/node/*/sync", true, true, true},
    {"/cluster/node/*/sync", "/cluster/node/n1", false, false, true},
    {"/cluster/node/*/sync", "/cluster/node", false, true, true},
    {"/cluster/node/*/sync", "/cluster/*/n1/sync", false, false, true},
    {"/*/a", "/b/*", false, false, true},
    {"/*/a", "/b/c", false, false, false},
    {"/*", "/*/a", true, false, true},
    {"/*", "/", false, true, true},
    {"/*", "//", false, false, false},
    {"mock", "mock", true, true, true},
    {"", "", true, true, true},
    {"", "/x", false, false, false},
    {"/", "", true, false, true},
    {"mock", "/mock", false, false, false},
};

static void an_address_covers_itself_and_all_below(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(pairs); i++) {
        struct gn_str a = gn_str_of(pairs[i].a);
        struct gn_str b = gn_str_of(pairs[i].b);

        if (gn_address_covers(a, b) != pairs[i].a_covers_b ||
            gn_address_covers(b, a) != pairs[i].b_covers_a)
            fail_msg("%s %s", pairs[i].a, pairs[i].b);
    }
}

static void two_addresses_overlap_when_both_cover_a_third(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(pairs); i++) {
        struct gn_str a = gn_str_of(pairs[i].a);
        struct gn_str b = gn_str_of(pairs[i].b);

        if (gn_address_overlaps(a, b) != pairs[i].overlap ||
            gn_address_overlaps(b, a) != pairs[i].overlap)
            fail_msg("%s %s", pairs[i].a, pairs[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_redfish_address_becomes_the_new_one_and_others_stay),
        cmocka_unit_test(the_address_of_a_node_keeps_its_dots),
        cmocka_unit_test(an_o_ran_address_is_resolved_on_this_node),
        cmocka_unit_test(what_v2_cannot_subscribe_to_is_known),
        cmocka_unit_test(a_pattern_has_a_segment_that_is_a_star),
        cmocka_unit_test(an_address_covers_itself_and_all_below),
        cmocka_unit_test(two_addresses_overlap_when_both_cover_a_third),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
