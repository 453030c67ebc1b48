#include "gurnard/redfish/test_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/json.h"

static const struct gn_test_want want = {
    .nonce = "n0nce42",
    .message_id = "Base.1.8.Created",
    .origin = "/redfish/v1/Systems/1",
    .timestamp = "2026-01-02T03:04:05Z",
    .url = "https://192.0.2.10/webhook/a/tok",
    .context = "gurnard:a1b2",
};

static void read_info(const char *text, struct gn_test_info *info)
{
    json_t *value;

    assert_int_equal(gn_json_parse(gn_str_of(text), NULL, &value), GN_OK);
    gn_test_info_read(value, info);
    json_decref(value);
}

static void assert_body(enum gn_test_form form, const struct gn_test_info *info, const char *body)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *value;

    gn_test_body(form, info, &want, &out);
    assert_int_equal(gn_json_parse(gn_buf_str(&out), NULL, &value), GN_OK);
    assert_string_equal(out.data, body);
    json_decref(value);
    gn_buf_free(&out);
}

#define AMI                                                                                        \
    "{\"Parameters\":[{\"Name\":\"EventId\",\"Required\":true},"                                   \
    "{\"Name\":\"EventTimestamp\",\"Required\":true},{\"Name\":\"MessageArgs\",\"Required\":true}" \
    ","                                                                                            \
    "{\"Name\":\"MessageId\",\"Required\":true},{\"Name\":\"OriginOfCondition\",\"Required\":"     \
    "true},"                                                                                       \
    "{\"Name\":\"Severity\",\"Required\":true,\"AllowableValues\":[\"Critical\",\"OK\"]},"         \
    "{\"Name\":\"Message\",\"Required\":false}]}"

static void action_info_tells_what_is_known_and_required(void **state)
{
    static const struct {
        const char *who, *body;
        bool is_there;
        unsigned known, required;
        const char *message_id, *event_type, *severity;
    } rows[] = {
        {"Gigabyte, ZT", AMI, true,
         GN_TEST_EVENT_ID | GN_TEST_TIMESTAMP | GN_TEST_MESSAGE_ARGS | GN_TEST_MESSAGE_ID |
             GN_TEST_ORIGIN | GN_TEST_SEVERITY | GN_TEST_MESSAGE,
         GN_TEST_EVENT_ID | GN_TEST_TIMESTAMP | GN_TEST_MESSAGE_ARGS | GN_TEST_MESSAGE_ID |
             GN_TEST_ORIGIN | GN_TEST_SEVERITY,
         "", "", "OK"},
        {"iDRAC's inline values",
         "{\"target\":\"/x\",\"EventType@Redfish.AllowableValues\":[\"StatusChange\",\"Alert\"],"
         "\"MessageId@Redfish.AllowableValues\":[\"TMP0118\",\"CPU0002\"]}",
         true, GN_TEST_EVENT_TYPE | GN_TEST_MESSAGE_ID, 0, "TMP0118", "Alert", ""},
        {"no preferred value",
         "{\"Parameters\":[{\"Name\":\"eventtype\",\"AllowableValues\":[7,\"Other\",\"More\"]},"
         "{\"Name\":\"MessageSeverity\",\"AllowableValues\":[\"Warning\"]}]}",
         true, GN_TEST_EVENT_TYPE | GN_TEST_MESSAGE_SEVERITY, 0, "", "Other", "Warning"},
        {"iDRAC's own members",
         "{\"Parameters\":[{\"Name\":\"Destination\",\"Required\":true},{\"Name\":\"EventTypes\"},"
         "{\"Name\":\"Context\"},{\"Name\":\"Protocol\"}]}",
         true, GN_TEST_DESTINATION | GN_TEST_EVENT_TYPES | GN_TEST_CONTEXT | GN_TEST_PROTOCOL,
         GN_TEST_DESTINATION, "", "", ""},
        {"a value that does not fit",
         "{\"Parameters\":[{\"Name\":\"Severity\",\"AllowableValues\":["
         "\"a severity that is far too long\",\"Critical\"]}]}",
         true, GN_TEST_SEVERITY, 0, "", "", "Critical"},
        {"bmcweb", "{\"target\":\"/x\"}", false, 0, 0, "", "", ""},
        {"unknown names", "{\"Parameters\":[{\"Name\":\"Whatever\",\"Required\":true}]}", false, 0,
         0, "", "", ""},
        {"wrong types", "{\"Parameters\":{\"Name\":\"EventId\"}}", false, 0, 0, "", "", ""},
        {"wrong types",
         "{\"Parameters\":[7,null,[],{\"Name\":7,\"Required\":true},"
         "{\"Name\":\"EventId\",\"Required\":\"true\",\"AllowableValues\":7}],"
         "\"Severity@Redfish.AllowableValues\":\"OK\"}",
         true, GN_TEST_EVENT_ID, 0, "", "", ""},
        {"no object", "[]", false, 0, 0, "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_test_info info = {0};

        read_info(rows[i].body, &info);
        if (info.known != rows[i].known || info.required != rows[i].required)
            fail_msg("%s: known %#x required %#x", rows[i].who, info.known, info.required);
        assert_int_equal(info.is_there, rows[i].is_there);
        assert_string_equal(info.message_id, rows[i].message_id);
        assert_string_equal(info.event_type, rows[i].event_type);
        assert_string_equal(info.severity, rows[i].severity);
    }
}

static void inline_values_and_action_info_add_up(void **state)
{
    struct gn_test_info info = {0};

    (void)state;
    read_info("{\"EventType@Redfish.AllowableValues\":[\"Alert\"]}", &info);
    read_info(AMI, &info);
    gn_test_info_read(NULL, &info);
    assert_string_equal(info.event_type, "Alert");
    assert_string_equal(info.severity, "OK");
    assert_true((info.required & GN_TEST_EVENT_ID) != 0);
}

static void each_form_has_its_body(void **state)
{
    struct gn_test_info none = {0}, ami = {0};

    (void)state;
    read_info(AMI, &ami);
    assert_body(GN_TEST_BY_INFO, &none, "{\"MessageId\":\"Base.1.8.Created\"}");
    assert_body(GN_TEST_BY_INFO, &ami,
                "{\"EventId\":\"n0nce42\",\"EventTimestamp\":\"2026-01-02T03:04:05Z\","
                "\"Severity\":\"OK\",\"MessageId\":\"Base.1.8.Created\","
                "\"MessageArgs\":[\"n0nce42\"],\"OriginOfCondition\":\"/redfish/v1/Systems/1\"}");
    assert_body(GN_TEST_FULL, &none,
                "{\"EventType\":\"Alert\",\"EventId\":\"n0nce42\",\"EventTimestamp\":"
                "\"2026-01-02T03:04:05Z\",\"Severity\":\"OK\",\"Message\":"
                "\"gurnard tests its subscription: n0nce42\",\"MessageId\":\"Base.1.8.Created\","
                "\"MessageArgs\":[\"n0nce42\"],\"OriginOfCondition\":\"/redfish/v1/Systems/1\"}");
    assert_body(GN_TEST_MODERN, &none,
                "{\"EventId\":\"n0nce42\",\"EventTimestamp\":\"2026-01-02T03:04:05Z\","
                "\"Severity\":\"OK\",\"Message\":\"gurnard tests its subscription: n0nce42\","
                "\"MessageId\":\"Base.1.8.Created\",\"MessageArgs\":[\"n0nce42\"],"
                "\"OriginOfCondition\":\"/redfish/v1/Systems/1\"}");
    assert_body(GN_TEST_ID_ONLY, &ami, "{\"MessageId\":\"Base.1.8.Created\"}");
    assert_body(GN_TEST_DELL, &none,
                "{\"Destination\":\"https://192.0.2.10/webhook/a/tok\",\"EventTypes\":\"Alert\","
                "\"Context\":\"gurnard:a1b2\",\"Protocol\":\"Redfish\",\"MessageId\":\"TMP0118\"}");
}

static void the_message_id_is_one_that_the_service_lists(void **state)
{
    struct gn_test_info listed = {.message_id = "IDRAC.2.10.CPU0002"};
    const struct gn_test_info none = {0};

    (void)state;
    assert_body(GN_TEST_ID_ONLY, &listed, "{\"MessageId\":\"IDRAC.2.10.CPU0002\"}");
    for (int form = 0; form < GN_TEST_FORMS; form++)
        assert_true(gn_str_eq(gn_test_message_id((enum gn_test_form)form, &listed, &want),
                              GN_STR("IDRAC.2.10.CPU0002")));
    assert_true(gn_str_eq(gn_test_message_id(GN_TEST_DELL, &none, &want), GN_STR("TMP0118")));
    assert_true(
        gn_str_eq(gn_test_message_id(GN_TEST_FULL, &none, &want), GN_STR("Base.1.8.Created")));
}

static void a_vendors_own_form_comes_first_and_each_form_once(void **state)
{
    static const struct {
        const char *vendor;
        bool has_info;
        const char *order; /* digits of enum gn_test_form */
    } rows[] = {
        {"", false, "1234"},          {"", true, "01234"},           {"Dell", false, "4123"},
        {"Dell Inc.", true, "40123"}, {"HPE", false, "1234"},        {"Lenovo", true, "01234"},
        {"GIGABYTE", true, "01234"},  {"ZT Systems", true, "30124"}, {"zt", false, "3124"},
        {"OpenBMC", false, "2134"},   {"Supermicro", false, "1234"}, {"Intel", false, "1234"},
        {"GZT-Works", false, "1234"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_test_info info = {.required = rows[i].has_info ? GN_TEST_EVENT_ID : 0};
        const struct gn_str vendor = gn_str_of(rows[i].vendor);
        char order[GN_TEST_FORMS + 2] = "";
        size_t len = 0;

        for (enum gn_test_form form = gn_test_first(&info, vendor);
             form != GN_TEST_FORMS && len < sizeof order - 1;
             form = gn_test_next(form, &info, vendor))
            order[len++] = (char)('0' + (int)form);
        assert_string_equal(order, rows[i].order);
        assert_int_equal(gn_test_next(GN_TEST_FORMS, &info, vendor), GN_TEST_FORMS);
    }
}

static void an_event_is_recognised_by_the_nonce(void **state)
{
    (void)state;
    assert_true(gn_test_has_nonce(GN_STR("{\"EventId\":\"n0nce42\"}"), GN_STR("n0nce42")));
    assert_true(gn_test_has_nonce(GN_STR("n0nce42"), GN_STR("n0nce42")));
    assert_false(gn_test_has_nonce(GN_STR("n0nce4"), GN_STR("n0nce42")));
    assert_false(gn_test_has_nonce(GN_STR("{}"), GN_STR("")));
    assert_false(gn_test_has_nonce(GN_STR_NONE, GN_STR("a")));
    assert_false(gn_test_has_nonce(GN_STR_NONE, GN_STR_NONE));
}

static void an_event_is_recognised_by_the_key_of_its_message(void **state)
{
    static const struct {
        const char *body, *message_id;
        bool has;
    } rows[] = {
        {"{\"Events\":[{\"MessageId\":\"TMP0118\"}]}", "TMP0118", true},
        {"{\"Events\":[{\"MessageId\":\"IDRAC.2.8.TMP0118\"}]}", "TMP0118", true},
        {"{\"Events\":{\"MessageID\":\"base.1.5.created\"}}", "Base.1.8.Created", true},
        {"[{\"A\":1},{\"MessageId\":\"Base.Created\"}]", "Created", true},
        {"{\"MessageId\":\"Base.1.0.Cre\\u0061ted\"}", "Created", true},
        {"\xEF\xBB\xBF{\"MessageId\":\"Created\"}\n", "Created", true},
        {"{\"Events\":[{\"MessageId\":\"Created\"}", "Created", true}, /* cut behind it */
        {"{\"Events\":[{\"Message\":\"Created\"}]}", "Created", false},
        {"{\"MessageId\":\"TMP01180\"}", "TMP0118", false},
        {"{\"MessageId\":[\"TMP0118\"]}", "TMP0118", false},
        {"{\"MessageId\":7,\"A\":\"7\"}", "7", false},
        {"{\"A\":\"MessageId\",\"B\":\"TMP0118\"}", "TMP0118", false},
        {"{\"MessageId\":\"\"}", "TMP0118", false},
        {"{\"MessageId\":\"A\"}", "", false},
        {"no JSON", "TMP0118", false},
        {"", "TMP0118", false},
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        if (gn_test_has_key(gn_str_of(rows[i].body), gn_str_of(rows[i].message_id)) != rows[i].has)
            fail_msg("%s", rows[i].body);
    }
    (void)snprintf(text, sizeof text, "{\"MessageId\":\"%0300d.Created\"}", 0);
    assert_false(gn_test_has_key(gn_str_of(text), GN_STR("Created")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(action_info_tells_what_is_known_and_required),
        cmocka_unit_test(inline_values_and_action_info_add_up),
        cmocka_unit_test(each_form_has_its_body),
        cmocka_unit_test(the_message_id_is_one_that_the_service_lists),
        cmocka_unit_test(a_vendors_own_form_comes_first_and_each_form_once),
        cmocka_unit_test(an_event_is_recognised_by_the_nonce),
        cmocka_unit_test(an_event_is_recognised_by_the_key_of_its_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
