#include "gurnard/redfish/service_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/json.h"

struct row {
    const char *who;
    int status;
    const char *body;
    enum gn_service_fault fault;
    const char *key;
    const char *properties; /* joined by commas */
};

static void read_text(int status, const char *body, struct gn_service_error *error)
{
    json_t *value = NULL;

    if (body != NULL)
        assert_int_equal(gn_json_parse(gn_str_of(body), NULL, &value), GN_OK);
    gn_service_error_read(status, value, GN_STR_NONE, error);
    json_decref(value);
}

static void join_properties(const struct gn_service_error *error, char *out, size_t size)
{
    out[0] = '\0';
    assert_true(error->property_count <= GN_SERVICE_ERROR_PROPERTIES);
    for (size_t i = 0; i < error->property_count; i++) {
        strncat(out, i == 0 ? "" : ",", size - strlen(out) - 1);
        strncat(out, error->properties[i], size - strlen(out) - 1);
    }
}

static void assert_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gn_service_error error;
        char joined[600];

        read_text(rows[i].status, rows[i].body, &error);
        join_properties(&error, joined, sizeof joined);
        if (error.fault != rows[i].fault || strcmp(error.key, rows[i].key) != 0 ||
            strcmp(joined, rows[i].properties) != 0)
            fail_msg("%s: fault \"%s\" key \"%s\" properties \"%s\"", rows[i].who,
                     gn_service_fault_name(error.fault), error.key, joined);
    }
}

/* The form of the schema with one message. */
#define ERROR(id, rest)                                                                            \
    "{\"error\":{\"code\":\"Base.1.8.GeneralError\",\"message\":\"see below\","                    \
    "\"@Message.ExtendedInfo\":[{\"MessageId\":\"" id "\",\"Message\":\"no\"" rest "}]}}"

static void each_vendors_refusal_is_understood(void **state)
{
    static const struct row rows[] = {
        {"iDRAC 8 takes no filters", 400,
         ERROR("Base.1.0.PropertyUnknown",
               ",\"MessageArgs\":[\"RegistryPrefixes\"],\"MessageArgs@odata.count\":1,"
               "\"RelatedProperties\":[],\"RelatedProperties@odata.count\":0"),
         GN_FAULT_PROPERTY, "PropertyUnknown", "RegistryPrefixes"},
        {"iDRAC 9 has that destination", 400,
         ERROR("Base.1.12.PropertyValueModified",
               ",\"MessageArgs\":[\"Destination\",\"https://192.0.2.1/webhook/a\"]"),
         GN_FAULT_EXISTS, "PropertyValueModified", ""},
        {"iDRAC 9 has that destination and names but the URL", 400,
         ERROR("IDRAC.2.8.PropertyValueModified",
               ",\"MessageArgs\":[\"https://192.0.2.1/webhook/a\"]"),
         GN_FAULT_EXISTS, "PropertyValueModified", ""},
        {"iDRAC 10 modifies something else", 400,
         ERROR("Base.1.18.PropertyValueModified", ",\"MessageArgs\":[\"Context\",\"root\"]"),
         GN_FAULT_PROPERTY, "PropertyValueModified", "Context"},
        {"iDRAC 10 says it in its own registry", 404, ERROR("IDRAC.2.10.SYS403", ""),
         GN_FAULT_ABSENT, "SYS403", ""},
        {"iLO 4 without error", 400,
         "{\"Messages\":[{\"MessageID\":\"iLO.0.10.PropertyNotWritableOrUnknown\","
         "\"MessageArgs\":[\"DeliveryRetryPolicy\"]}],\"Type\":\"ExtendedError.0.9.5\"}",
         GN_FAULT_PROPERTY, "PropertyNotWritableOrUnknown", "DeliveryRetryPolicy"},
        {"iLO 5", 400,
         "{\"error\":{\"code\":\"iLO.0.10.ExtendedInfo\",\"message\":\"see ExtendedInfo\","
         "\"@Message.ExtendedInfo\":[{\"MessageArgs\":[\"DeliveryRetryPolicy\"],"
         "\"MessageId\":\"iLO.2.14.PropertyNotWritableOrUnknown\"}]}}",
         GN_FAULT_PROPERTY, "PropertyNotWritableOrUnknown", "DeliveryRetryPolicy"},
        {"iLO 5 has created", 201,
         "{\"error\":{\"code\":\"iLO.0.10.ExtendedInfo\",\"message\":\"see ExtendedInfo\","
         "\"@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.4.Created\"}]}}",
         GN_FAULT_NONE, "Created", ""},
        {"iLO 6 wants one more", 400,
         ERROR("Base.1.17.PropertyMissing", ",\"MessageArgs\":[\"EventTypes\"]"), GN_FAULT_MISSING,
         "PropertyMissing", "EventTypes"},
        {"iLO 6 action", 400,
         ERROR("Base.1.17.ActionParameterUnknown",
               ",\"MessageArgs\":[\"EventService.SubmitTestEvent\",\"MessageSeverity\"]"),
         GN_FAULT_PROPERTY, "ActionParameterUnknown", "MessageSeverity"},
        {"XCC", 400,
         ERROR("Base.1.6.PropertyValueNotInList",
               ",\"MessageArgs\":[\"RetryForever\",\"DeliveryRetryPolicy\"],"
               "\"RelatedProperties\":[\"#/DeliveryRetryPolicy\"]"),
         GN_FAULT_PROPERTY, "PropertyValueNotInList", "DeliveryRetryPolicy"},
        {"XCC has no right for us", 403, ERROR("Base.1.6.InsufficientPrivilege", ""), GN_FAULT_AUTH,
         "InsufficientPrivilege", ""},
        {"Gigabyte, array element", 400,
         ERROR("Base.1.5.0.PropertyValueTypeError",
               ",\"MessageArgs\":[\"[]\",\"ResourceTypes\"],"
               "\"RelatedProperties\":[\"#/ResourceTypes/0\"]"),
         GN_FAULT_PROPERTY, "PropertyValueTypeError", "ResourceTypes"},
        {"ZT is asked too soon", 400, ERROR("Base.1.5.0.GeneralError", ""), GN_FAULT_OTHER,
         "GeneralError", ""},
        {"ZT headers", 400,
         ERROR("Base.1.5.0.PropertyValueFormatError",
               ",\"MessageArgs\":[\"[{}]\",\"HttpHeaders\"]"),
         GN_FAULT_PROPERTY, "PropertyValueFormatError", "HttpHeaders"},
        {"Supermicro may not POST", 405, ERROR("Base.1.4.OperationNotAllowed", ""), GN_FAULT_ACTION,
         "OperationNotAllowed", ""},
        {"Intel, one message without list", 400,
         ERROR("Base.1.4.0.PropertyUnknown", ",\"RelatedProperties\":\"/Severities\""),
         GN_FAULT_PROPERTY, "PropertyUnknown", "Severities"},
        {"DMTF mockup", 400, "null", GN_FAULT_OTHER, "", ""},
        {"RIE", 405, "\"Method Not Allowed\"", GN_FAULT_ACTION, "", ""},
        {"RIE has created", 201, "{\"code\":201,\"message\":\"/redfish/v1/x/1\"}", GN_FAULT_NONE,
         "", ""},
        {"bmcweb annotates", 400,
         "{\"EventTypes@Message.ExtendedInfo\":[{\"@odata.type\":\"#Message.v1_1_1.Message\","
         "\"MessageArgs\":[\"EventTypes\"],\"MessageId\":\"Base.1.19.PropertyUnknown\"}],"
         "\"Severities@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.19.PropertyUnknown\"}]}",
         GN_FAULT_PROPERTY, "PropertyUnknown", "EventTypes,Severities"},
        {"bmcweb, two filters", 400,
         ERROR("Base.1.19.PropertyValueConflict",
               ",\"MessageArgs\":[\"MessageIds\",\"RegistryPrefixes\"]"),
         GN_FAULT_PROPERTY, "PropertyValueConflict", "MessageIds"},
        {"bmcweb has that SNMP destination", 400,
         "{\"Destination@Message.ExtendedInfo\":[{\"MessageArgs\":[\"EventDestination\","
         "\"Destination\",\"snmp://192.0.2.1\"],\"MessageId\":\"Base.1.8.1."
         "ResourceAlreadyExists\"}]}",
         GN_FAULT_EXISTS, "ResourceAlreadyExists", ""},
        {"bmcweb is full", 503, ERROR("Base.1.19.EventSubscriptionLimitExceeded", ""),
         GN_FAULT_LIMIT, "EventSubscriptionLimitExceeded", ""},
        {"older bmcweb is full", 403, ERROR("Base.1.8.1.EventSubscriptionLimitExceeded", ""),
         GN_FAULT_LIMIT, "EventSubscriptionLimitExceeded", ""},
        {"bmcweb's service is off", 503,
         ERROR("Base.1.19.ServiceDisabled", ",\"MessageArgs\":[\"/redfish/v1/EventService\"]"),
         GN_FAULT_DISABLED, "ServiceDisabled", ""},
        {"bmcweb is busy", 503,
         ERROR("Base.1.19.ServiceTemporarilyUnavailable", ",\"MessageArgs\":[\"60\"]"),
         GN_FAULT_BUSY, "ServiceTemporarilyUnavailable", ""},
        {"bmcweb lost the session", 401, ERROR("Base.1.19.NoValidSession", ""), GN_FAULT_AUTH,
         "NoValidSession", ""},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void the_status_decides_where_the_body_says_nothing(void **state)
{
    static const struct row rows[] = {
        {"", 200, NULL, GN_FAULT_NONE, "", ""},
        {"", 204, NULL, GN_FAULT_NONE, "", ""},
        {"", 0, NULL, GN_FAULT_NONE, "", ""},
        {"", 304, NULL, GN_FAULT_NONE, "", ""},
        {"", 400, NULL, GN_FAULT_OTHER, "", ""},
        {"", 401, "{}", GN_FAULT_AUTH, "", ""},
        {"", 403, "[]", GN_FAULT_AUTH, "", ""},
        {"", 404, "{\"error\":{}}", GN_FAULT_ABSENT, "", ""},
        {"", 405, "7", GN_FAULT_ACTION, "", ""},
        {"", 429, "true", GN_FAULT_BUSY, "", ""},
        {"", 503, NULL, GN_FAULT_BUSY, "", ""},
        {"", 500, NULL, GN_FAULT_OTHER, "", ""},
        {"", -1, NULL, GN_FAULT_NONE, "", ""},
        {"success in a refusal", 400, ERROR("Base.1.0.Success", ""), GN_FAULT_OTHER, "Success", ""},
        {"unknown in a success", 200, ERROR("Oem.1.0.Whatever", ""), GN_FAULT_NONE, "Whatever", ""},
        {"unknown in a refusal", 401, ERROR("Oem.1.0.Whatever", ""), GN_FAULT_AUTH, "Whatever", ""},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void the_most_telling_message_decides(void **state)
{
    static const struct row rows[] = {
        {"property before limit", 400,
         "{\"error\":{\"@Message.ExtendedInfo\":["
         "{\"MessageId\":\"Base.1.0.GeneralError\"},"
         "{\"MessageId\":\"Base.1.0.EventSubscriptionLimitExceeded\"},"
         "{\"MessageId\":\"Base.1.0.PropertyUnknown\",\"MessageArgs\":[\"A\"]},"
         "{\"MessageId\":\"Base.1.0.Success\"},"
         "{\"MessageId\":\"Base.1.0.PropertyNotWritable\",\"MessageArgs\":[\"B\"]}]}}",
         GN_FAULT_PROPERTY, "PropertyUnknown", "A,B"},
        {"missing ones are forgotten then", 400,
         "{\"error\":{\"@Message.ExtendedInfo\":["
         "{\"MessageId\":\"Base.1.0.PropertyMissing\",\"MessageArgs\":[\"M\"]},"
         "{\"MessageId\":\"Base.1.0.PropertyUnknown\",\"MessageArgs\":[\"A\"]},"
         "{\"MessageId\":\"Base.1.0.PropertyMissing\",\"MessageArgs\":[\"N\"]}]}}",
         GN_FAULT_PROPERTY, "PropertyUnknown", "A"},
        {"the code counts where the list is silent", 400,
         "{\"error\":{\"code\":\"Base.1.0.PropertyUnknown\",\"message\":\"EventTypes\"}}",
         GN_FAULT_PROPERTY, "PropertyUnknown", ""},
        {"bare key", 400, "{\"ExtendedInfo\":[{\"MessageId\":\"AccessDenied\"}]}", GN_FAULT_AUTH,
         "AccessDenied", ""},
        {"a message alone", 400, "{\"MessageId\":\"Base.1.0.AccessDenied\"}", GN_FAULT_AUTH,
         "AccessDenied", ""},
        {"messages without object", 400, "[{\"MessageId\":\"Base.1.0.RateLimited\"}]",
         GN_FAULT_BUSY, "RateLimited", ""},
        {"key in other case", 400, ERROR("base.1.0.PROPERTYMISSING", ",\"MessageArgs\":[\"X\"]"),
         GN_FAULT_MISSING, "PROPERTYMISSING", "X"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void values_are_not_taken_for_names(void **state)
{
    static const struct row rows[] = {
        {"URL", 400,
         ERROR("Base.1.0.PropertyValueNotInList", ",\"MessageArgs\":[\"https://192.0.2.1/x\"]"),
         GN_FAULT_PROPERTY, "PropertyValueNotInList", ""},
        {"sentence", 400, ERROR("Base.1.0.PropertyUnknown", ",\"MessageArgs\":[\"a b c\"]"),
         GN_FAULT_PROPERTY, "PropertyUnknown", ""},
        {"only the value is told", 400,
         ERROR("Base.1.0.PropertyValueNotInList", ",\"MessageArgs\":[\"Severities\"]"),
         GN_FAULT_PROPERTY, "PropertyValueNotInList", "Severities"},
        {"no texts", 400,
         ERROR("Base.1.0.PropertyUnknown",
               ",\"MessageArgs\":[1,null],\"RelatedProperties\":[{},[\"A\"],\"\",\"#/\"]"),
         GN_FAULT_PROPERTY, "PropertyUnknown", ""},
        {"deep", 400,
         ERROR("Base.1.0.PropertyUnknown", ",\"RelatedProperties\":[\"#/HttpHeaders/0/X-A\"]"),
         GN_FAULT_PROPERTY, "PropertyUnknown", "HttpHeaders"},
        {"twice", 400,
         ERROR("Base.1.0.PropertyUnknown",
               ",\"MessageArgs\":\"A\",\"RelatedProperties\":[\"#/A\",\"/A/1\",\"A\"]"),
         GN_FAULT_PROPERTY, "PropertyUnknown", "A"},
        {"more than we keep", 400,
         ERROR("Base.1.0.PropertyUnknown",
               ",\"MessageArgs\":[\"P0\"],\"RelatedProperties\":[\"P1\",\"P2\",\"P3\",\"P4\","
               "\"P5\",\"P6\",\"P7\",\"P8\",\"P9\"]"),
         GN_FAULT_PROPERTY, "PropertyUnknown", "P0,P1,P2,P3,P4,P5,P6,P7"},
    };

    (void)state;
    assert_rows(rows, GN_LEN(rows));
}

static void wrong_types_are_as_if_not_said(void **state)
{
    static const char *const bodies[] = {
        "{\"error\":7}",
        "{\"error\":[]}",
        "{\"error\":{\"code\":7,\"message\":[],\"@Message.ExtendedInfo\":{}}}",
        "{\"error\":{\"@Message.ExtendedInfo\":[null,7,[],{\"MessageId\":{}},[[[]]]]}}",
        "{\"@Message.ExtendedInfo\":true,\"Messages\":7,\"ExtendedInfo\":null}",
        "{\"A@Message.ExtendedInfo\":null,\"@Message.ExtendedInfo\":[]}",
        "{\"MessageId\":[],\"Message\":7}",
        "[[],{},null]",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        struct gn_service_error error;

        read_text(400, bodies[i], &error);
        assert_int_equal(error.fault, GN_FAULT_OTHER);
        assert_string_equal(error.key, "");
        assert_string_equal(error.text, "");
        assert_int_equal(error.property_count, 0);
    }
}

static void only_the_first_messages_are_looked_at(void **state)
{
    json_t *list = json_array();
    json_t *body = json_pack("{s:o}", "@Message.ExtendedInfo", list);
    struct gn_service_error error;

    (void)state;
    for (int i = 0; i < GN_SERVICE_ERROR_MESSAGES; i++)
        assert_int_equal(json_array_append_new(list, json_pack("{s:s}", "Message", "x")), 0);
    assert_int_equal(json_array_append_new(list, json_pack("{s:s}", "MessageId", "AccessDenied")),
                     0);
    gn_service_error_read(400, body, GN_STR_NONE, &error);
    assert_int_equal(error.fault, GN_FAULT_OTHER);
    json_decref(body);
}

static void a_text_is_cut_at_a_character_and_has_no_line_breaks(void **state)
{
    struct gn_service_error error;
    char plain[GN_SERVICE_ERROR_TEXT + 10];

    (void)state;
    memset(plain, 'a', sizeof plain);
    memcpy(plain + GN_SERVICE_ERROR_TEXT - 2, "\xC3\xA4", 2);
    plain[3] = '\n';
    gn_service_error_read(400, NULL, (struct gn_str){plain, sizeof plain}, &error);
    assert_int_equal(strlen(error.text), GN_SERVICE_ERROR_TEXT - 2);
    assert_int_equal(error.text[3], ' ');

    read_text(400, "\"  said plainly\\u001b[31m\"", &error);
    assert_string_equal(error.text, "  said plainly [31m");
}

static void the_text_of_the_deciding_message_is_kept(void **state)
{
    struct gn_service_error error;

    (void)state;
    read_text(400,
              "{\"error\":{\"message\":\"general\",\"@Message.ExtendedInfo\":["
              "{\"Message\":\"first\"},{\"MessageId\":\"A.1.0.AccessDenied\",\"Message\":"
              "\"second\"}]}}",
              &error);
    assert_string_equal(error.text, "second");
    read_text(400, "{\"error\":\"all there is\"}", &error);
    assert_string_equal(error.text, "all there is");
    gn_service_error_read(500, NULL, GN_STR(" Internal error \r\n"), &error);
    assert_string_equal(error.text, "Internal error");
    assert_int_equal(error.fault, GN_FAULT_OTHER);
}

static void each_fault_has_a_name_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(gn_service_fault_name(GN_FAULT_NONE), "");
    assert_string_equal(gn_service_fault_name(GN_FAULT_PROPERTY), "property");
    assert_string_equal(gn_service_fault_name(GN_FAULT_OTHER), "other");
    for (int a = 0; a <= GN_FAULT_OTHER; a++) {
        for (int b = 0; b < a; b++)
            assert_string_not_equal(gn_service_fault_name((enum gn_service_fault)a),
                                    gn_service_fault_name((enum gn_service_fault)b));
    }
    assert_string_equal(gn_service_fault_name((enum gn_service_fault)99), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_vendors_refusal_is_understood),
        cmocka_unit_test(the_status_decides_where_the_body_says_nothing),
        cmocka_unit_test(the_most_telling_message_decides),
        cmocka_unit_test(values_are_not_taken_for_names),
        cmocka_unit_test(wrong_types_are_as_if_not_said),
        cmocka_unit_test(only_the_first_messages_are_looked_at),
        cmocka_unit_test(a_text_is_cut_at_a_character_and_has_no_line_breaks),
        cmocka_unit_test(the_text_of_the_deciding_message_is_kept),
        cmocka_unit_test(each_fault_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
