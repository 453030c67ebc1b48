/* Addresses of BMCs as BareMetalHosts and hw-event-proxy write them. */
#include "gurnard/bmc/bmc_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void each_form_of_an_address_leads_to_base_and_system(void **state)
{
    static const struct {
        const char *text, *base, *system;
    } rows[] = {
        {"redfish://192.0.2.7/redfish/v1/Systems/1", "https://192.0.2.7", "/redfish/v1/Systems/1"},
        {"redfish+https://192.0.2.7/redfish/v1/Systems/1", "https://192.0.2.7",
         "/redfish/v1/Systems/1"},
        {"redfish+http://192.0.2.7:8000/redfish/v1/Systems/1", "http://192.0.2.7:8000",
         "/redfish/v1/Systems/1"},
        {"redfish-virtualmedia://bmc1/redfish/v1/Systems/a", "https://bmc1",
         "/redfish/v1/Systems/a"},
        {"redfish-virtualmedia+http://bmc1:80/", "http://bmc1", ""},
        {"redfish-uefihttp://bmc1", "https://bmc1", ""},
        {"ilo5-redfish://bmc1/redfish/v1", "https://bmc1", ""},
        {"ilo5-virtualmedia://bmc1/redfish/v1/", "https://bmc1", ""},
        {"idrac-redfish+http://bmc1/redfish/v1/Systems/System.Embedded.1", "http://bmc1",
         "/redfish/v1/Systems/System.Embedded.1"},
        {"idrac-virtualmedia://bmc1/redfish", "https://bmc1", ""},
        {"redfish:bmc1", "https://bmc1", ""},
        {"redfish:bmc1:8443/redfish/v1/Systems/1", "https://bmc1:8443", "/redfish/v1/Systems/1"},
        {"redfish+http:192.0.2.7", "http://192.0.2.7", ""},
        {"REDFISH://BMC1.Example", "https://bmc1.example", ""},
        {"http://bmc1", "http://bmc1", ""},
        {"http://bmc1:443", "http://bmc1:443", ""},
        {"https://bmc1:443/redfish/v1/Systems/1", "https://bmc1", "/redfish/v1/Systems/1"},
        {"HTTPS://bmc1:8443", "https://bmc1:8443", ""},
        {"bmc1", "https://bmc1", ""},
        {"bmc1.", "https://bmc1.", ""},
        {"192.0.2.7", "https://192.0.2.7", ""},
        {"192.0.2.7:8443", "https://192.0.2.7:8443", ""},
        {"bmc1/redfish/v1/Systems/1", "https://bmc1", "/redfish/v1/Systems/1"},
        {"[2001:db8::7]", "https://[2001:db8::7]", ""},
        {"[2001:DB8::7]:8443", "https://[2001:db8::7]:8443", ""},
        {"redfish://[2001:db8::7]:8443/redfish/v1/Systems/1", "https://[2001:db8::7]:8443",
         "/redfish/v1/Systems/1"},
        {"https://bmc1//redfish//v1//Systems/1/", "https://bmc1", "/redfish/v1/Systems/1"},
        {"https://bmc1/a/../redfish/v1", "https://bmc1", ""},
        {"https://bmc1/%41", "https://bmc1", "/%41"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_bmc_address address;
        const char *reason;

        if (gn_bmc_address_parse(gn_str_of(rows[i].text), &address, &reason) != GN_OK)
            fail_msg("%s: %s", rows[i].text, reason);
        assert_string_equal(address.base, rows[i].base);
        assert_string_equal(address.system, rows[i].system);
        assert_int_equal(address.is_https, rows[i].base[4] == 's');
        assert_string_equal(reason, "");
    }
}

static void what_is_no_redfish_is_told_apart_from_what_is_no_address(void **state)
{
    static const struct {
        const char *text;
        enum gn_err want;
        const char *reason;
    } rows[] = {
        {"ipmi://192.0.2.7", GN_EUNSUPPORTED, "ipmi is no Redfish"},
        {"ipmi:192.0.2.7", GN_EUNSUPPORTED, "ipmi is no Redfish"},
        {"libvirt://192.0.2.7:6233", GN_EUNSUPPORTED, "libvirt is no Redfish"},
        {"ilo5://bmc1", GN_EUNSUPPORTED, "ilo5 is no Redfish; ilo5-redfish is"},
        {"ftp://bmc1", GN_EUNSUPPORTED, "the scheme is no Redfish"},
        {"redfish+ftp://bmc1", GN_EUNSUPPORTED, "the scheme is no Redfish"},
        {"://bmc1", GN_EINVAL, NULL},
        {"", GN_EINVAL, "is empty"},
        {"redfish://", GN_EINVAL, NULL},
        {"redfish:", GN_EINVAL, NULL},
        {"https://bmc1:0", GN_EINVAL, NULL},
        {"https://bmc1:65536", GN_EINVAL, NULL},
        {"bmc1:port", GN_EINVAL, NULL},
        {"https://bmc 1", GN_EINVAL, NULL},
        {" bmc1", GN_EINVAL, NULL},
        {"2001:db8::7", GN_EINVAL, NULL},
        {"[fe80::1%eth0]", GN_EINVAL, NULL},
        {"https://root:calvin@bmc1", GN_EINVAL, "credentials do not belong into an address"},
        {"https://bmc1?a=b", GN_EINVAL, "an address has no query"},
        {"https://bmc1#a", GN_EINVAL, NULL},
        {"https://-bmc1", GN_EINVAL, "the host is no name of DNS and no IP address"},
        {"https://bmc..1", GN_EINVAL, "the host is no name of DNS and no IP address"},
        {"https://bm~c", GN_EINVAL, "the host is no name of DNS and no IP address"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_bmc_address address;
        const char *reason = NULL;

        assert_int_equal(gn_bmc_address_parse(gn_str_of(rows[i].text), &address, &reason),
                         rows[i].want);
        assert_non_null(reason);
        assert_true(reason[0] != '\0');
        if (rows[i].reason != NULL)
            assert_string_equal(reason, rows[i].reason);
        assert_string_equal(address.base, "");
    }
}

static void an_address_has_bounds(void **state)
{
    static const struct {
        size_t host, path;
        enum gn_err want;
    } rows[] = {
        {63, 10, GN_OK},      {64, 10, GN_EINVAL},   {10, 254, GN_OK},
        {10, 255, GN_ELIMIT}, {10, 4000, GN_ELIMIT},
    };
    char text[8192];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_bmc_address address;
        char host[128] = "", path[5000] = "";

        memset(host, 'h', rows[i].host);
        memset(path, 'p', rows[i].path);
        (void)snprintf(text, sizeof text, "redfish://%s/%s", host, path);
        assert_int_equal(gn_bmc_address_parse(gn_str_of(text), &address, NULL), rows[i].want);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_of_an_address_leads_to_base_and_system),
        cmocka_unit_test(what_is_no_redfish_is_told_apart_from_what_is_no_address),
        cmocka_unit_test(an_address_has_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
