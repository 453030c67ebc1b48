/* Entries of the inventory: what they may say, what is said about wrong ones, and lists of them. */
#include "gurnard/bmc/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PIN_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"

static const struct gn_bmc_defaults plain = {.policy = GN_POLICY_RETRY_FOREVER,
                                             .keeps_subscription = true,
                                             .proves = true};

static json_t *json(const char *text)
{
    json_error_t at;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &at);

    if (value == NULL)
        fail_msg("%s: %s", text, at.text);
    return value;
}

static void complain(void *ctx, const char *where, const char *what)
{
    gn_buf_printf(ctx, "%s: %s\n", where, what);
}

static const char *told(const struct gn_buf *buf)
{
    return buf->len == 0 ? "" : buf->data;
}

/* Reads an entry that must be right. */
static void read_entry(const char *text, const struct gn_bmc_defaults *defaults,
                       struct gn_bmc_spec *spec)
{
    struct gn_buf why = GN_BUF_INIT;
    json_t *entry = json(text);

    if (gn_bmc_spec_read(entry, defaults, GN_BMC_FROM_SETTINGS, spec, &why) != GN_OK)
        fail_msg("%s: %s", text, told(&why));
    json_decref(entry);
    gn_buf_free(&why);
}

/* Reads an entry whose members beside name and address are members. */
static void read_members(const char *members, const struct gn_bmc_defaults *defaults,
                         struct gn_bmc_spec *spec)
{
    char text[4096];

    (void)snprintf(text, sizeof text, "{\"name\":\"b\",\"address\":\"bmc1\"%s%s}",
                   members[0] != '\0' ? "," : "", members);
    read_entry(text, defaults, spec);
}

/* ---- one entry ---- */

static void an_entry_needs_a_name_and_an_address_only(void **state)
{
    struct gn_bmc_spec spec;

    (void)state;
    read_members("", &plain, &spec);
    assert_string_equal(spec.name, "b");
    assert_string_equal(spec.address_text, "bmc1");
    assert_string_equal(spec.address.base, "https://bmc1");
    assert_int_equal(spec.origin, GN_BMC_FROM_SETTINGS);
    assert_null(spec.username);
    assert_null(spec.password_file);
    assert_int_equal(spec.tls, GN_BMC_TLS_VERIFY);
    assert_int_equal(spec.policy, GN_POLICY_RETRY_FOREVER);
    assert_true(spec.keeps_subscription && spec.proves);
    assert_false(spec.metric_reports || spec.verify_certificate);
    gn_bmc_spec_free(&spec);
    gn_bmc_spec_free(&spec);
}

static void every_member_is_read(void **state)
{
    struct gn_bmc_spec spec;

    (void)state;
    read_members(
        "\"username\":\"u\",\"password_file\":\"/p\",\"tls\":\"TOFU\",\"auth\":\"session\","
        "\"way\":\"sse\",\"recover\":\"always\",\"webhook_url\":\"http://192.0.2.1:9087\","
        "\"headers_file\":\"/h\",\"registries\":[\"Base\",\"Task\"],\"messages\":[\"Base.1.A\"],"
        "\"severities\":[\"Critical\"],\"resource_types\":[\"Chassis\"],\"logs\":[\"SEL\"],"
        "\"retry_policy\":\"suspend\",\"heartbeat\":5,\"verify_certificate\":true,"
        "\"metric_reports\":\"yes\",\"keep\":false,\"prove\":\"no\"",
        &plain, &spec);
    assert_string_equal(spec.username, "u");
    assert_null(spec.username_file);
    assert_string_equal(spec.password_file, "/p");
    assert_int_equal(spec.tls, GN_BMC_TLS_TOFU);
    assert_int_equal(spec.auth, GN_BMC_AUTH_SESSION);
    assert_int_equal(spec.way, GN_BMC_WAY_SSE);
    assert_int_equal(spec.recover, GN_BMC_RECOVER_ALWAYS);
    assert_string_equal(spec.webhook_url, "http://192.0.2.1:9087");
    assert_string_equal(spec.headers_file, "/h");
    assert_int_equal(spec.registries.count, 2);
    assert_string_equal(spec.registries.items[1], "Task");
    assert_string_equal(spec.messages.items[0], "Base.1.A");
    assert_string_equal(spec.severities.items[0], "Critical");
    assert_string_equal(spec.resource_types.items[0], "Chassis");
    assert_string_equal(spec.logs.items[0], "SEL");
    assert_int_equal(spec.policy, GN_POLICY_SUSPEND);
    assert_int_equal(spec.heartbeat_minutes, 5);
    assert_true(spec.verify_certificate && spec.metric_reports);
    assert_false(spec.keeps_subscription || spec.proves);
    gn_bmc_spec_free(&spec);
}

static void tls_has_many_forms(void **state)
{
    static const struct {
        const char *member;
        enum gn_bmc_tls want;
        const char *ca_file;
    } rows[] = {
        {"\"tls\":\"verify\"", GN_BMC_TLS_VERIFY, NULL},
        {"\"tls\":\"off\"", GN_BMC_TLS_OFF, NULL},
        {"\"tls\":false", GN_BMC_TLS_OFF, NULL},
        {"\"tls\":null", GN_BMC_TLS_VERIFY, NULL},
        {"\"tls\":{\"ca_file\":\"/ca\"}", GN_BMC_TLS_VERIFY, "/ca"},
        {"\"tls\":{\"sha256\":\"" PIN_HEX "\"}", GN_BMC_TLS_PIN, NULL},
        {"\"tls\":{\"sha256\":\"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:"
         "16:17:18:19:1A:1B:1C:1D:1E:FF\"}",
         GN_BMC_TLS_PIN, NULL},
        {"\"disableCertificateVerification\":true", GN_BMC_TLS_OFF, NULL},
        {"\"disableCertificateVerification\":false", GN_BMC_TLS_VERIFY, NULL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_bmc_spec spec;

        read_members(rows[i].member, &plain, &spec);
        assert_int_equal(spec.tls, rows[i].want);
        if (rows[i].ca_file == NULL)
            assert_null(spec.ca_file);
        else
            assert_string_equal(spec.ca_file, rows[i].ca_file);
        for (size_t at = 0; spec.tls == GN_BMC_TLS_PIN && at < sizeof spec.pin; at++)
            assert_int_equal(spec.pin[at], at < 31 ? at : 0xFF);
        gn_bmc_spec_free(&spec);
    }
}

static void credentials_are_named_by_file_or_by_folder(void **state)
{
    static const struct gn_bmc_defaults fleet = {.username_file = "/f/u", .password_file = "/f/p"};
    static const struct {
        const char *members;
        const char *username, *username_file, *password_file;
    } rows[] = {
        {"", NULL, "/f/u", "/f/p"},
        {"\"username\":\"u\"", "u", NULL, "/f/p"},
        {"\"username\":\"\"", NULL, "/f/u", "/f/p"},
        {"\"credentials\":\"/s\"", NULL, "/s/username", "/s/password"},
        {"\"credentials\":\"/s\",\"username\":\"u\"", "u", NULL, "/s/password"},
        {"\"credentials\":\"/s\",\"password_file\":\"/p\"", NULL, "/s/username", "/p"},
        {"\"username_file\":\"/u\",\"password_file\":\"/p\"", NULL, "/u", "/p"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_bmc_spec spec;

        read_members(rows[i].members, &fleet, &spec);
        assert_true((spec.username == NULL) == (rows[i].username == NULL));
        if (spec.username != NULL)
            assert_string_equal(spec.username, rows[i].username);
        assert_true((spec.username_file == NULL) == (rows[i].username_file == NULL));
        if (spec.username_file != NULL)
            assert_string_equal(spec.username_file, rows[i].username_file);
        assert_string_equal(spec.password_file, rows[i].password_file);
        gn_bmc_spec_free(&spec);
    }
}

static void what_an_entry_leaves_unsaid_comes_from_the_defaults(void **state)
{
    static const struct gn_bmc_defaults fleet = {.ca_file = "/ca",
                                                 .headers_file = "/h",
                                                 .tls = GN_BMC_TLS_VERIFY,
                                                 .auth = GN_BMC_AUTH_BASIC,
                                                 .way = GN_BMC_WAY_PUSH,
                                                 .recover = GN_BMC_RECOVER_NO,
                                                 .policy = GN_POLICY_BACKOFF,
                                                 .heartbeat_minutes = 7,
                                                 .metric_reports = true};
    struct gn_bmc_spec spec;

    (void)state;
    read_members("", &fleet, &spec);
    assert_string_equal(spec.ca_file, "/ca");
    assert_string_equal(spec.headers_file, "/h");
    assert_int_equal(spec.auth, GN_BMC_AUTH_BASIC);
    assert_int_equal(spec.way, GN_BMC_WAY_PUSH);
    assert_int_equal(spec.recover, GN_BMC_RECOVER_NO);
    assert_int_equal(spec.policy, GN_POLICY_BACKOFF);
    assert_int_equal(spec.heartbeat_minutes, 7);
    assert_true(spec.metric_reports);
    gn_bmc_spec_free(&spec);
    read_members("\"tls\":\"off\"", &fleet, &spec);
    assert_null(spec.ca_file);
    gn_bmc_spec_free(&spec);
}

static void what_is_wrong_with_an_entry_is_told_without_any_value(void **state)
{
    static const struct {
        const char *entry, *why;
    } rows[] = {
        {"[]", "an entry must have members: name, address, ..."},
        {"\"b\"", "an entry must have members: name, address, ..."},
        {"{}", "name: is missing"},
        {"{\"name\":\"b\"}", "address: is missing"},
        {"{\"name\":null,\"address\":\"b\"}", "name: is missing"},
        {"{\"name\":7,\"address\":\"b\"}", "name: must be a text; put it in quotes"},
        {"{\"name\":\"a b\",\"address\":\"b\"}",
         "name: must consist of letters, digits and . _ - :"},
        {"{\"name\":\"..\",\"address\":\"b\"}",
         "name: must consist of letters, digits and . _ - :"},
        {"{\"name\":\"b\",\"address\":\"ipmi://b\"}", "address: ipmi is no Redfish"},
        {"{\"name\":\"b\",\"address\":\"https://u:hunter2@b\"}",
         "address: credentials do not belong into an address"},
        {"{\"name\":\"b\",\"address\":\"b\",\"password\":\"hunter2\"}",
         "password: secrets are kept in files: see password_file and credentials"},
        {"{\"name\":\"b\",\"address\":\"b\",\"adress\":\"c\"}", "unknown member adress"},
        {"{\"name\":\"b\",\"address\":\"b\",\"a b\":\"c\"}", "unknown member"},
        {"{\"name\":\"b\",\"address\":\"b\",\"ca_file\":\"c\"}", "unknown member ca_file"},
        {"{\"name\":\"b\",\"address\":\"b\",\"username\":\"a\\nb\"}",
         "username: holds a control character"},
        {"{\"name\":\"b\",\"address\":\"b\",\"way\":\"post\"}",
         "way: must be auto, push, sse, none"},
        {"{\"name\":\"b\",\"address\":\"b\",\"way\":[]}", "way: must be auto, push, sse, none"},
        {"{\"name\":\"b\",\"address\":\"b\",\"way\":false}", "way: must be auto, push, sse, none"},
        {"{\"name\":\"b\",\"address\":\"b\",\"tls\":\"pin\"}",
         "tls: must be verify, tofu, off or hold ca_file or sha256"},
        {"{\"name\":\"b\",\"address\":\"b\",\"tls\":{}}",
         "tls: must be verify, tofu, off or hold ca_file or sha256"},
        {"{\"name\":\"b\",\"address\":\"b\",\"tls\":{\"sha256\":\"00\"}}",
         "tls: sha256 must be 32 bytes in hexadecimal"},
        {"{\"name\":\"b\",\"address\":\"b\",\"tls\":{\"sha256\":\"" PIN_HEX "0\"}}",
         "tls: sha256 must be 32 bytes in hexadecimal"},
        {"{\"name\":\"b\",\"address\":\"b\",\"tls\":\"off\",\"disableCertificateVerification\":"
         "true}",
         "tls: is given twice, with disableCertificateVerification"},
        {"{\"name\":\"b\",\"address\":\"b\",\"keep\":1}", "keep: must be true or false"},
        {"{\"name\":\"b\",\"address\":\"b\",\"heartbeat\":-1}",
         "heartbeat: must be minutes, from 0 to 65535"},
        {"{\"name\":\"b\",\"address\":\"b\",\"heartbeat\":65536}",
         "heartbeat: must be minutes, from 0 to 65535"},
        {"{\"name\":\"b\",\"address\":\"b\",\"registries\":\"Base\"}",
         "registries: must be a list of texts"},
        {"{\"name\":\"b\",\"address\":\"b\",\"logs\":[\"\"]}", "logs: must be a list of texts"},
        {"{\"name\":\"b\",\"address\":\"b\",\"logs\":[\"a\",1]}", "logs: must be a list of texts"},
        {"{\"name\":\"b\",\"address\":\"b\",\"webhook_url\":\"ftp://x\"}",
         "webhook_url: must be of the form http(s)://host[:port][/path]"},
        {"{\"name\":\"b\",\"address\":\"b\",\"webhook_url\":\"http://u:hunter2@x\"}",
         "webhook_url: must be of the form http(s)://host[:port][/path]"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf why = GN_BUF_INIT;
        json_t *entry = json(rows[i].entry);
        struct gn_bmc_spec spec;

        assert_int_equal(gn_bmc_spec_read(entry, &plain, GN_BMC_FROM_API, &spec, &why), GN_EINVAL);
        assert_string_equal(told(&why), rows[i].why);
        assert_null(strstr(told(&why), "hunter2"));
        assert_null(spec.name);
        json_decref(entry);
        gn_buf_free(&why);
    }
}

static void false_stands_for_the_words_off_and_no(void **state)
{
    struct gn_bmc_spec spec;

    (void)state;
    read_members("\"recover\":false", &plain, &spec);
    assert_int_equal(spec.recover, GN_BMC_RECOVER_NO);
    gn_bmc_spec_free(&spec);
}

static void texts_and_lists_have_bounds(void **state)
{
    struct gn_buf why = GN_BUF_INIT;
    struct gn_bmc_spec spec;
    json_t *entry = json("{\"name\":\"b\",\"address\":\"b\",\"logs\":[]}");
    json_t *logs = json_object_get(entry, "logs");
    char long_name[GN_BMC_NAME_MAX + 2] = "";

    (void)state;
    memset(long_name, 'n', GN_BMC_NAME_MAX);
    for (size_t i = 0; i < GN_DESTINATION_FILTERS_MAX; i++)
        assert_int_equal(json_array_append_new(logs, json_string("SEL")), 0);
    assert_int_equal(json_object_set_new(entry, "name", json_string(long_name)), 0);
    assert_int_equal(gn_bmc_spec_read(entry, &plain, GN_BMC_FROM_API, &spec, &why), GN_OK);
    gn_bmc_spec_free(&spec);
    assert_int_equal(json_array_append_new(logs, json_string("SEL")), 0);
    assert_int_equal(gn_bmc_spec_read(entry, &plain, GN_BMC_FROM_API, &spec, &why), GN_EINVAL);
    assert_string_equal(told(&why), "logs: has too many texts");
    long_name[GN_BMC_NAME_MAX] = 'n';
    assert_int_equal(json_object_set_new(entry, "name", json_string(long_name)), 0);
    assert_int_equal(gn_bmc_spec_read(entry, &plain, GN_BMC_FROM_API, &spec, &why), GN_EINVAL);
    assert_string_equal(told(&why), "name: is too long");
    json_decref(entry);
    gn_buf_free(&why);
}

static const char *const rich[] = {
    "\"username\":\"u\",\"password_file\":\"/p\",\"tls\":\"tofu\",\"logs\":[\"a\",\"b\"]",
    "\"credentials\":\"/s\",\"tls\":{\"sha256\":\"" PIN_HEX "\"},\"recover\":\"no\"",
    "\"tls\":{\"ca_file\":\"/ca\"},\"heartbeat\":3,\"metric_reports\":true,\"keep\":false",
    "\"tls\":\"off\",\"registries\":[\"Base\"],\"retry_policy\":\"default\",\"way\":\"none\"",
};

static void what_is_written_is_read_as_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(rich); i++) {
        struct gn_buf why = GN_BUF_INIT;
        struct gn_bmc_spec spec, again;
        json_t *written;

        read_members(rich[i], &plain, &spec);
        written = gn_bmc_spec_write(&spec);
        assert_int_equal(gn_bmc_spec_read(written, &plain, GN_BMC_FROM_API, &again, &why), GN_OK);
        assert_true(gn_bmc_spec_eq(&spec, &again));
        json_decref(written);
        gn_bmc_spec_free(&spec);
        gn_bmc_spec_free(&again);
        gn_buf_free(&why);
    }
}

static void a_copy_equals_and_owns_its_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(rich); i++) {
        struct gn_bmc_spec spec, copy;

        read_members(rich[i], &plain, &spec);
        assert_int_equal(gn_bmc_spec_copy(&spec, &copy), GN_OK);
        assert_true(gn_bmc_spec_eq(&spec, &copy));
        assert_ptr_not_equal(spec.name, copy.name);
        gn_bmc_spec_free(&spec);
        assert_string_equal(copy.name, "b");
        gn_bmc_spec_free(&copy);
    }
}

static void entries_differ_when_any_member_does(void **state)
{
    struct gn_bmc_spec specs[GN_LEN(rich) + 1];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rich); i++)
        read_members(rich[i], &plain, &specs[i]);
    read_members("", &plain, &specs[GN_LEN(rich)]);
    for (size_t i = 0; i < GN_LEN(specs); i++)
        for (size_t j = 0; j < GN_LEN(specs); j++)
            assert_int_equal(gn_bmc_spec_eq(&specs[i], &specs[j]), i == j);
    for (size_t i = 0; i < GN_LEN(specs); i++)
        gn_bmc_spec_free(&specs[i]);
}

static void words_of_the_defaults_are_set_by_name(void **state)
{
    struct gn_bmc_defaults defaults = {0};

    (void)state;
    assert_int_equal(gn_bmc_defaults_word(&defaults, "tls", "off"), GN_OK);
    assert_int_equal(gn_bmc_defaults_word(&defaults, "retry_policy", "backoff"), GN_OK);
    assert_int_equal(defaults.tls, GN_BMC_TLS_OFF);
    assert_int_equal(defaults.policy, GN_POLICY_BACKOFF);
    assert_int_equal(gn_bmc_defaults_word(&defaults, "tls", "pin"), GN_EINVAL);
    assert_int_equal(gn_bmc_defaults_word(&defaults, "tls", "x"), GN_EINVAL);
    assert_int_equal(gn_bmc_defaults_word(&defaults, "name", "x"), GN_EINVAL);
    assert_string_equal(gn_bmc_tls_name(GN_BMC_TLS_PIN), "pin");
    assert_string_equal(gn_bmc_way_name(GN_BMC_WAY_SSE), "sse");
    assert_string_equal(gn_bmc_origin_name(GN_BMC_FROM_API), "api");
    assert_null(gn_bmc_way_name((enum gn_bmc_way)9));
}

/* ---- lists ---- */

#define HOST(name, address)                                                                        \
    "{\"kind\":\"BareMetalHost\",\"metadata\":{\"namespace\":\"metal\",\"name\":\"" name           \
    "\"},\"spec\":{\"bmc\":{\"address\":\"" address "\",\"credentialsName\":\"" name "-secret\","  \
    "\"disableCertificateVerification\":true}}}"

static void a_list_may_have_many_forms(void **state)
{
    static const struct {
        const char *text, *names;
    } rows[] = {
        {"null", ""},
        {"[]", ""},
        {"{\"bmcs\":null}", ""},
        {"{\"name\":\"a\",\"address\":\"x\"}", "a"},
        {"[{\"name\":\"a\",\"address\":\"x\"},{\"name\":\"b\",\"address\":\"y\"}]", "a b"},
        {"{\"bmcs\":[{\"name\":\"a\",\"address\":\"x\"}]}", "a"},
        {"{\"bmcs\":{\"name\":\"a\",\"address\":\"x\"}}", "a"},
        {HOST("h1", "redfish://x/redfish/v1/Systems/1"), "metal.h1"},
        {"[" HOST("h1", "redfish://x") ",{\"name\":\"a\",\"address\":\"x\"}]", "metal.h1 a"},
        {"{\"kind\":\"List\",\"items\":[" HOST("h1", "redfish://x") "," HOST("h2", "") "]}",
         "metal.h1"},
        {"{\"kind\":\"BareMetalHostList\",\"items\":[{\"metadata\":{\"name\":\"h\"},\"spec\":{"
         "\"bmc\":{\"address\":\"idrac-redfish://x\"}}}]}",
         "default.h"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf names = GN_BUF_INIT;
        struct gn_bmc_list list = {0};
        json_t *value = json(rows[i].text);

        assert_int_equal(gn_bmc_list_read(&list, value, &plain, GN_BMC_FROM_FOLDER, "/s", "f",
                                          complain, &names),
                         GN_OK);
        assert_string_equal(told(&names), "");
        for (size_t j = 0; j < list.count; j++)
            gn_buf_printf(&names, "%s%s", j > 0 ? " " : "", list.items[j].name);
        assert_string_equal(told(&names), rows[i].names);
        gn_bmc_list_free(&list);
        json_decref(value);
        gn_buf_free(&names);
    }
}

static void a_host_of_metal3_brings_address_verification_and_secret(void **state)
{
    static const struct gn_bmc_defaults fleet = {.username_file = "/f/u", .password_file = "/f/p"};
    json_t *value = json(HOST("h1", "redfish://x:8443/redfish/v1/Systems/1"));
    struct gn_bmc_list list = {0};

    (void)state;
    assert_int_equal(
        gn_bmc_list_read(&list, value, &fleet, GN_BMC_FROM_FOLDER, "/s", "f", NULL, NULL), GN_OK);
    assert_int_equal(
        gn_bmc_list_read(&list, value, &fleet, GN_BMC_FROM_FOLDER, NULL, "f", NULL, NULL), GN_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].address.base, "https://x:8443");
    assert_string_equal(list.items[0].address.system, "/redfish/v1/Systems/1");
    assert_int_equal(list.items[0].tls, GN_BMC_TLS_OFF);
    assert_string_equal(list.items[0].username_file, "/s/h1-secret/username");
    assert_string_equal(list.items[0].password_file, "/s/h1-secret/password");
    assert_string_equal(list.items[1].username_file, "/f/u");
    gn_bmc_list_free(&list);
    json_decref(value);
}

static void wrong_entries_are_all_told_and_the_rest_counts(void **state)
{
    static const char text[] =
        "[{\"name\":\"a\",\"address\":\"ipmi://x\"},7,{\"name\":\"b\",\"address\":\"x\"},"
        "{\"kind\":\"Secret\",\"data\":{\"password\":\"hunter2\"}},{\"name\":\"a\\nb\"},"
        "{\"kind\":\"List\",\"items\":[{\"kind\":\"Pod\"}," HOST(
            "h", "192.0.2.7:623") "]},"
                                  "{\"kind\":\"BareMetalHost\",\"spec\":{\"bmc\":{\"address\":"
                                  "\"redfish://x\"}}}]";
    struct gn_buf out = GN_BUF_INIT;
    struct gn_bmc_list list = {0};
    json_t *value = json(text);

    (void)state;
    assert_int_equal(gn_bmc_list_read(&list, value, &plain, GN_BMC_FROM_SETTINGS, NULL, "bmcs",
                                      complain, &out),
                     GN_EINVAL);
    assert_string_equal(told(&out),
                        "bmcs[0]: a: address: ipmi is no Redfish\n"
                        "bmcs[1]: an entry must have members: name, address, ...\n"
                        "bmcs[3]: is no BareMetalHost\n"
                        "bmcs[4]: name: holds a control character\n"
                        "bmcs[5] items[0]: is no BareMetalHost\n"
                        "bmcs[5] items[1]: address: without a scheme it is ipmi, which is no "
                        "Redfish\n"
                        "bmcs[6]: metadata.name is missing\n");
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].name, "b");
    gn_bmc_list_free(&list);
    json_decref(value);
    gn_buf_free(&out);
}

/* Adds an entry of that name and origin; address tells them apart. */
static void add(struct gn_bmc_list *list, const char *name, const char *address,
                enum gn_bmc_origin origin)
{
    json_t *value = json_pack("{s:s, s:s}", "name", name, "address", address);

    assert_int_equal(gn_bmc_list_read(list, value, &plain, origin, NULL, "t", NULL, NULL), GN_OK);
    json_decref(value);
}

static void a_settled_list_is_in_order_with_each_name_once(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    struct gn_bmc_list list = {0};

    (void)state;
    add(&list, "c", "c1", GN_BMC_FROM_FOLDER);
    add(&list, "a", "a1", GN_BMC_FROM_ENVIRONMENT);
    add(&list, "b", "b1", GN_BMC_FROM_SETTINGS);
    add(&list, "c", "c2", GN_BMC_FROM_FOLDER);
    add(&list, "a", "a2", GN_BMC_FROM_API);
    add(&list, "B", "B1", GN_BMC_FROM_SETTINGS);
    gn_bmc_list_settle(&list, complain, &out);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.items[0].address_text, "B1");
    assert_string_equal(list.items[1].address_text, "a2");
    assert_string_equal(list.items[2].address_text, "b1");
    assert_string_equal(list.items[3].address_text, "c1");
    assert_string_equal(told(&out),
                        "a: given twice; the one of api counts, not that of environment\n"
                        "c: given twice (folder); the first one counts\n");
    assert_ptr_equal(gn_bmc_list_find(&list, GN_STR("a")), &list.items[1]);
    assert_null(gn_bmc_list_find(&list, GN_STR("aa")));
    assert_null(gn_bmc_list_find(&list, GN_STR("")));
    gn_bmc_list_free(&list);
    gn_buf_free(&out);
}

static void lists_are_joined_and_copied(void **state)
{
    struct gn_bmc_list list = {0}, more = {0};

    (void)state;
    add(&list, "a", "x", GN_BMC_FROM_API);
    add(&more, "b", "y", GN_BMC_FROM_API);
    assert_int_equal(gn_bmc_list_copy(&list, &more), GN_OK);
    assert_int_equal(gn_bmc_list_join(&list, &more), GN_OK);
    assert_int_equal(more.count, 0);
    assert_int_equal(list.count, 3);
    gn_bmc_list_settle(&list, NULL, NULL);
    assert_int_equal(list.count, 2);
    assert_null(gn_bmc_list_find(&more, GN_STR("a")));
    gn_bmc_list_free(&list);
    gn_bmc_list_free(&more);
}

static void a_list_has_at_most_its_limit_of_entries(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    struct gn_bmc_list list = {0};
    json_t *value = json_array();

    (void)state;
    for (size_t i = 0; i < GN_BMC_MAX + 2; i++)
        assert_int_equal(json_array_append_new(value,
                                               json_pack("{s:o, s:s}", "name",
                                                         json_sprintf("b%zu", i), "address", "x")),
                         0);
    assert_int_equal(gn_bmc_list_read(&list, value, &plain, GN_BMC_FROM_FOLDER, NULL, "f", complain,
                                      &out),
                     GN_ELIMIT);
    assert_int_equal(list.count, GN_BMC_MAX);
    assert_string_equal(told(&out), "f[20000]: too many BMCs\n");
    gn_bmc_list_settle(&list, complain, &out);
    assert_non_null(gn_bmc_list_find(&list, GN_STR("b19999")));
    gn_bmc_list_free(&list);
    json_decref(value);
    gn_buf_free(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_needs_a_name_and_an_address_only),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(tls_has_many_forms),
        cmocka_unit_test(credentials_are_named_by_file_or_by_folder),
        cmocka_unit_test(what_an_entry_leaves_unsaid_comes_from_the_defaults),
        cmocka_unit_test(what_is_wrong_with_an_entry_is_told_without_any_value),
        cmocka_unit_test(false_stands_for_the_words_off_and_no),
        cmocka_unit_test(texts_and_lists_have_bounds),
        cmocka_unit_test(what_is_written_is_read_as_the_same),
        cmocka_unit_test(a_copy_equals_and_owns_its_texts),
        cmocka_unit_test(entries_differ_when_any_member_does),
        cmocka_unit_test(words_of_the_defaults_are_set_by_name),
        cmocka_unit_test(a_list_may_have_many_forms),
        cmocka_unit_test(a_host_of_metal3_brings_address_verification_and_secret),
        cmocka_unit_test(wrong_entries_are_all_told_and_the_rest_counts),
        cmocka_unit_test(a_settled_list_is_in_order_with_each_name_once),
        cmocka_unit_test(lists_are_joined_and_copied),
        cmocka_unit_test(a_list_has_at_most_its_limit_of_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
