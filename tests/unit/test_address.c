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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_redfish_address_becomes_the_new_one_and_others_stay),
        cmocka_unit_test(the_address_of_a_node_keeps_its_dots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
