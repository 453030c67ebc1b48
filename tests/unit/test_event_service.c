#include "gurnard/redfish/event_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/json.h"

#define SERVICE "/redfish/v1/EventService"
#define ACTION  SERVICE "/Actions/EventService.SubmitTestEvent"

static json_t *parse(const char *text)
{
    json_t *value;

    assert_int_equal(gn_json_parse(gn_str_of(text), NULL, &value), GN_OK);
    return value;
}

static bool read_text(const char *text, struct gn_event_service *service)
{
    json_t *value = parse(text);
    const bool is_object = gn_event_service_read(value, service);

    json_decref(value);
    return is_object;
}

/* What a service can do, one letter for each flag. */
static void letters_of(const struct gn_event_service *s, char *out)
{
    const struct {
        bool is_set;
        char letter;
    } flags[] = {
        {s->has_event_types, 'T'},    {s->takes_alert, 'A'},      {s->has_formats, 'F'},
        {s->has_metric_reports, 'M'}, {s->has_prefixes, 'P'},     {s->is_openbmc, 'O'},
        {s->has_resource_types, 'R'}, {s->has_severities, 'S'},   {s->takes_heartbeat, 'H'},
        {s->sse_takes_filter, 'f'},   {s->sse_takes_prefix, 'p'}, {s->sse_takes_message_id, 'm'},
        {s->sse_takes_format, 't'},
    };

    for (size_t i = 0; i < GN_LEN(flags); i++) {
        if (flags[i].is_set)
            *out++ = flags[i].letter;
    }
    *out = '\0';
}

struct row {
    const char *who, *body;
    const char *subscriptions, *target, *info, *sse;
    unsigned minor;
    const char *letters;
    uint32_t attempts, interval_s;
};

static void assert_row(const struct row *row)
{
    struct gn_event_service s;
    char letters[32];

    assert_true(read_text(row->body, &s));
    letters_of(&s, letters);
    if (strcmp(s.subscriptions, row->subscriptions) != 0 ||
        strcmp(s.test_target, row->target) != 0 || strcmp(s.test_info, row->info) != 0 ||
        strcmp(s.sse, row->sse) != 0 || strcmp(letters, row->letters) != 0)
        fail_msg("%s: %s | %s | %s | %s | %s", row->who, s.subscriptions, s.test_target,
                 s.test_info, s.sse, letters);
    assert_int_equal(s.version_minor, row->minor);
    assert_int_equal(s.retry_attempts, row->attempts);
    assert_int_equal(s.retry_interval_s, row->interval_s);
    assert_true(s.is_enabled);
    assert_false(s.is_disabled);
}

static void each_vendors_service_is_read(void **state)
{
    static const struct row rows[] = {
        {"iDRAC 8",
         "{\"@odata.type\":\"#EventService.v1_0_2.EventService\",\"ServiceEnabled\":true,"
         "\"DeliveryRetryAttempts\":3,\"DeliveryRetryIntervalSeconds\":30,"
         "\"EventTypesForSubscription\":[\"StatusChange\",\"Alert\"],"
         "\"Subscriptions\":{\"@odata.id\":\"" SERVICE "/Subscriptions\"},"
         "\"Actions\":{\"#EventService.SubmitTestEvent\":{\"target\":\"" ACTION "\","
         "\"EventType@Redfish.AllowableValues\":[\"Alert\"]}}}",
         SERVICE "/Subscriptions", ACTION, "", "", 0, "TA", 3, 30},
        {"iDRAC 9",
         "{\"@odata.type\":\"#EventService.v1_8_0.EventService\","
         "\"DeliveryRetryAttempts\":3,\"DeliveryRetryIntervalSeconds\":5,"
         "\"EventFormatTypes\":[\"Event\",\"MetricReport\"],"
         "\"EventTypesForSubscription\":[\"Alert\",\"MetricReport\",\"Other\"],"
         "\"SSEFilterPropertiesSupported\":{\"EventFormatType\":true,\"EventType\":true,"
         "\"MessageId\":true,\"RegistryPrefix\":false},"
         "\"ServerSentEventUri\":\"/redfish/v1/SSE\","
         "\"Subscriptions\":{\"@odata.id\":\"" SERVICE "/Subscriptions\"}}",
         SERVICE "/Subscriptions", "", "", "/redfish/v1/SSE", 8, "TAFMfmt", 3, 5},
        {"iDRAC 10, empty lists",
         "{\"@odata.type\":\"#EventService.v1_10_1.EventService\",\"RegistryPrefixes\":[],"
         "\"ResourceTypes\":[],\"Severities\":[\"OK\",\"Warning\",\"Critical\"],"
         "\"EventFormatTypes\":[\"Event\"]}",
         "", "", "", "", 10, "FS", 0, 0},
        {"iLO 4",
         "{\"Type\":\"EventService.1.0.0\",\"DeliveryRetryAttempts\":5,"
         "\"DeliveryRetryIntervalInSeconds\":30,"
         "\"links\":{\"Subscriptions\":{\"href\":\"" SERVICE "/EventSubscriptions/\"}},"
         "\"EventTypesForSubscription\":[\"StatusChange\",\"ResourceUpdated\",\"Alert\"],"
         "\"Actions\":{\"#EventService.SubmitTestEvent\":{\"target\":\"" ACTION "/\"}}}",
         SERVICE "/EventSubscriptions", ACTION, "", "", 0, "TA", 5, 30},
        {"iLO 5",
         "{\"@odata.type\":\"#EventService.v1_0_8.EventService\","
         "\"EventTypesForSubscription\":[\"StatusChange\",\"ResourceAdded\"],"
         "\"Subscriptions\":{\"@odata.id\":\"" SERVICE "/Subscriptions/\"}}",
         SERVICE "/Subscriptions", "", "", "", 0, "T", 0, 0},
        {"iLO 6",
         "{\"@odata.type\":\"#EventService.v1_10_0.EventService\","
         "\"RegistryPrefixes\":[\"Base\",\"iLOEvents\"],\"ResourceTypes\":[\"Chassis\"],"
         "\"SSEFilterPropertiesSupported\":{\"RegistryPrefix\":true}}",
         "", "", "", "", 10, "PRfp", 0, 0},
        {"XCC",
         "{\"@odata.type\":\"#EventService.v1_6_0.EventService\","
         "\"EventFormatTypes\":[\"Event\"],\"RegistryPrefixes\":[\"ExtendedError\"],"
         "\"Subscriptions\":{\"@odata.id\":\"" SERVICE "/Subscriptions\"},"
         "\"Actions\":{\"#EventService.SubmitTestEvent\":{\"target\":\"" ACTION "\","
         "\"@Redfish.ActionInfo\":\"" SERVICE "/SubmitTestEventActionInfo\"}}}",
         SERVICE "/Subscriptions", ACTION, SERVICE "/SubmitTestEventActionInfo", "", 6, "FP", 0, 0},
        {"Gigabyte",
         "{\"@odata.type\":\"#EventService.v1_5_0.EventService\",\"DeliveryRetryAttempts\":3,"
         "\"DeliveryRetryIntervalSeconds\":60,\"RegistryPrefixes\":[\"EventLog.1.0.0\","
         "\"HeartbeatEvent.1.0.0\"],\"ResourceTypes\":[\"ComputerSystem\"]}",
         "", "", "", "", 5, "PRH", 3, 60},
        {"ZT",
         "{\"@odata.type\":\"#EventService.v1_3_1.EventService\","
         "\"EventFormatTypes\":[\"Event\"],"
         "\"ServerSentEventUri\":\"" SERVICE "/SSE\"}",
         "", "", "", SERVICE "/SSE", 3, "F", 0, 0},
        {"Supermicro",
         "{\"@odata.type\":\"#EventService.v1_0_5.EventService\","
         "\"EventTypesForSubscription\":[\"alert\"],"
         "\"Subscriptions\":{\"@odata.id\":\"" SERVICE "/Subscriptions\"}}",
         SERVICE "/Subscriptions", "", "", "", 0, "TA", 0, 0},
        {"Intel",
         "{\"@odata.type\":\"#EventService.v1_0_4.EventService\","
         "\"EventTypesForSubscription\":[\"Alert\"]}",
         "", "", "", "", 0, "TA", 0, 0},
        {"DMTF mockup",
         "{\"@odata.type\":\"#EventService.v1_10_1.EventService\","
         "\"EventTypesForSubscription\":[],\"EventFormatTypes\":[\"Event\",\"MetricReport\"],"
         "\"Severities\":[\"OK\"],\"ResourceTypes\":[\"Heartbeat\"]}",
         "", "", "", "", 10, "TAFMRSH", 0, 0},
        {"RIE",
         "{\"@odata.type\":\"#EventService.v1_0_6.EventService\","
         "\"EventTypesForSubscription\":[\"Alert\"],\"Subscriptions\":\"" SERVICE
         "/Subscriptions\"}",
         SERVICE "/Subscriptions", "", "", "", 0, "TA", 0, 0},
        {"bmcweb",
         "{\"@odata.type\":\"#EventService.v1_5_0.EventService\",\"DeliveryRetryAttempts\":3,"
         "\"DeliveryRetryIntervalSeconds\":30,\"EventFormatTypes\":[\"Event\",\"MetricReport\"],"
         "\"RegistryPrefixes\":[\"Base\",\"OpenBMC\",\"TaskEvent\",\"HeartbeatEvent\"],"
         "\"ResourceTypes\":[\"Task\",\"Heartbeat\"],"
         "\"SSEFilterPropertiesSupported\":{\"EventFormatType\":true,\"MessageId\":true,"
         "\"RegistryPrefix\":true},\"ServerSentEventUri\":\"" SERVICE "/SSE\","
         "\"Subscriptions\":{\"@odata.id\":\"" SERVICE "/Subscriptions\"},"
         "\"Actions\":{\"#EventService.SubmitTestEvent\":{\"target\":\"" ACTION "\"}}}",
         SERVICE "/Subscriptions", ACTION, "", SERVICE "/SSE", 5, "FMPORHfpmt", 3, 30},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_row(&rows[i]);
}

static void a_service_that_is_off_says_so_with_a_boolean_only(void **state)
{
    static const struct {
        const char *body;
        bool is_disabled;
    } rows[] = {
        {"{\"ServiceEnabled\":false}", true},      {"{\"ServiceEnabled\":true}", false},
        {"{\"ServiceEnabled\":\"false\"}", false}, {"{\"ServiceEnabled\":null}", false},
        {"{\"serviceenabled\":false}", true},      {"{}", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event_service s;

        assert_true(read_text(rows[i].body, &s));
        assert_int_equal(s.is_disabled, rows[i].is_disabled);
        assert_int_equal(s.is_enabled, !rows[i].is_disabled);
    }
}

static void the_first_condition_tells_why_no_event_will_come(void **state)
{
    static const struct {
        const char *body, *condition, *health;
    } rows[] = {
        {"{\"Status\":{\"Health\":\"Warning\",\"Conditions\":[{\"MessageId\":\"IDRAC.2.8.SYS553\","
         "\"Message\":\"Alerts are\\noff.\"},{\"Message\":\"second\"}]}}",
         "Alerts are off.", "Warning"},
        {"{\"Status\":{\"Conditions\":[{\"MessageId\":\"IDRAC.2.8.SYS553\"}]}}", "IDRAC.2.8.SYS553",
         ""},
        {"{\"Status\":{\"Conditions\":{\"Message\":\"no list\"},\"Health\":7}}", "", ""},
        {"{\"Status\":{\"Conditions\":[]}}", "", ""},
        {"{\"Status\":[]}", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event_service s;

        assert_true(read_text(rows[i].body, &s));
        assert_string_equal(s.condition, rows[i].condition);
        assert_string_equal(s.health, rows[i].health);
    }
}

static void wrong_types_are_as_if_not_said(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"@odata.type\":7,\"Subscriptions\":[],\"ServerSentEventUri\":{},\"Actions\":[]}",
        "{\"Actions\":{\"#EventService.SubmitTestEvent\":\"x\"},\"links\":7}",
        "{\"Actions\":{\"#EventService.SubmitTestEvent\":{\"target\":7}}}",
        "{\"EventTypesForSubscription\":\"Alert\",\"EventFormatTypes\":{\"Event\":1}}",
        "{\"RegistryPrefixes\":[1,null,[\"Base\"],\"\"],\"ResourceTypes\":true}",
        "{\"SSEFilterPropertiesSupported\":{\"RegistryPrefix\":\"true\",\"MessageId\":1}}",
        "{\"SSEFilterPropertiesSupported\":[true],\"Severities\":[{}]}",
        "{\"DeliveryRetryAttempts\":-3,\"DeliveryRetryIntervalSeconds\":99999999999}",
        "{\"DeliveryRetryAttempts\":\"3\",\"DeliveryRetryIntervalSeconds\":30.5}",
        "{\"Subscriptions\":{\"@odata.id\":\"Subscriptions\"}}",
        "{\"Subscriptions\":{\"@odata.id\":\"//192.0.2.1/x\"}}",
        "{\"Subscriptions\":{\"@odata.id\":\"/a b\"}}",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(bodies); i++)
        assert_row(&(struct row){bodies[i], bodies[i], "", "", "", "", 0, "", 0, 0});
}

static void what_is_no_object_is_no_service(void **state)
{
    static const char *const bodies[] = {"null", "[]", "\"x\"", "7", "true"};
    struct gn_event_service s;

    (void)state;
    for (size_t i = 0; i < GN_LEN(bodies); i++)
        assert_false(read_text(bodies[i], &s));
    assert_false(gn_event_service_read(NULL, &s));
    assert_string_equal(s.subscriptions, "");
}

static void versions_are_read_from_new_and_old_types(void **state)
{
    static const struct {
        const char *type;
        unsigned major, minor;
    } rows[] = {
        {"#EventService.v1_8_0.EventService", 1, 8},
        {"#EventService.v1_12_0.EventService", 1, 12},
        {"EventService.1.0.0", 1, 0},
        {"#EventService.v2_1.EventService", 2, 1},
        {"#EventService.EventService", 0, 0},
        {"#EventService.v1", 0, 0},
        {"#EventService.v1_", 0, 0},
        {"#EventService.v1_x_0.EventService", 0, 0},
        {"#EventService.v99999_1_0.EventService", 0, 0},
        {"", 0, 0},
        {".", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *body = json_pack("{s:s}", "@odata.type", rows[i].type);
        struct gn_event_service s;

        assert_true(gn_event_service_read(body, &s));
        assert_int_equal(s.version_major, rows[i].major);
        assert_int_equal(s.version_minor, rows[i].minor);
        json_decref(body);
    }
}

static void the_test_action_is_found_for_its_allowable_values(void **state)
{
    static const struct {
        const char *body;
        bool is_found;
    } rows[] = {
        {"{\"Actions\":{\"#EventService.SubmitTestEvent\":{\"target\":\"/x\"}}}", true},
        {"{\"Actions\":{\"EventService.SubmitTestEvent\":{}}}", true},
        {"{\"Actions\":{\"#EventService.SubmitTestEvent\":[]}}", false},
        {"{\"Actions\":{\"Oem\":{}}}", false},
        {"{\"Actions\":7}", false},
        {"[]", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *body = parse(rows[i].body);

        assert_int_equal(gn_event_service_test_action(body) != NULL, rows[i].is_found);
        json_decref(body);
    }
    assert_null(gn_event_service_test_action(NULL));
}

static void uris_become_paths(void **state)
{
    static const struct {
        const char *uri, *path; /* path "": refused */
    } rows[] = {
        {"/redfish/v1/EventService", "/redfish/v1/EventService"},
        {"/redfish/v1/EventService/", "/redfish/v1/EventService"},
        {"https://192.0.2.7/redfish/v1/x/1/", "/redfish/v1/x/1"},
        {"HTTP://bmc:8443/a#/b", "/a"},
        {"https://[2001:db8::1]:443/a", "/a"},
        {"https://bmc", "/"},
        {"https://bmc///redfish//v1", "/redfish//v1"},
        {"https://bmc//", "/"},
        {"https://bmc?a=b", "/?a=b"},
        {"/", "/"},
        {"/a//", "/a"},
        {" /a\r\n", "/a"},
        {"/a/?$skip=50&$top=50#x", "/a?$skip=50&$top=50"},
        {"/a?next=/b/", "/a?next=/b/"},
        {"/a?", "/a"},
        {"#/a", ""},
        {"", ""},
        {"a/b", ""},
        {"//bmc/a", ""},
        {"https:///a", ""},
        {"https://", ""},
        {"ftp://bmc/a", ""},
        {"/a b", ""},
        {"/a\r\nHost: x", ""},
        {"/\x7f", ""},
        {"/\xC3\xA4", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char path[GN_SERVICE_URI_MAX];

        assert_int_equal(gn_service_uri(gn_str_of(rows[i].uri), path), rows[i].path[0] != '\0');
        assert_string_equal(path, rows[i].path);
    }
}

static void a_uri_that_does_not_fit_is_refused_whole(void **state)
{
    char text[GN_SERVICE_URI_MAX + 1], path[GN_SERVICE_URI_MAX];

    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_true(gn_service_uri((struct gn_str){text, GN_SERVICE_URI_MAX - 1}, path));
    assert_int_equal(strlen(path), GN_SERVICE_URI_MAX - 1);
    assert_false(gn_service_uri((struct gn_str){text, GN_SERVICE_URI_MAX}, path));
    assert_string_equal(path, "");
    text[10] = '?';
    assert_false(gn_service_uri((struct gn_str){text, GN_SERVICE_URI_MAX}, path));
    assert_false(gn_service_uri(GN_STR_NONE, path));
    assert_false(gn_service_uri(GN_STR("/a\0b"), path));
}

static void links_are_followed_in_each_form(void **state)
{
    static const struct {
        const char *obj, *path;
    } rows[] = {
        {"{\"L\":{\"@odata.id\":\"/a/\"}}", "/a"},
        {"{\"L\":{\"href\":\"/b\"}}", "/b"},
        {"{\"L\":{\"extref\":\"/c\"}}", "/c"},
        {"{\"L\":{\"@odata.id\":7,\"href\":\"/b\"}}", "/b"},
        {"{\"L\":\"/d\"}", "/d"},
        {"{\"l\":\"/d\"}", "/d"},
        {"{\"L\":[{\"@odata.id\":\"/a\"}]}", ""},
        {"{\"L\":null}", ""},
        {"{\"L\":\"d\"}", ""},
        {"{}", ""},
        {"[]", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char path[GN_SERVICE_URI_MAX];
        json_t *obj = parse(rows[i].obj);

        assert_int_equal(gn_service_link(obj, "L", path), rows[i].path[0] != '\0');
        assert_string_equal(path, rows[i].path);
        json_decref(obj);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_vendors_service_is_read),
        cmocka_unit_test(a_service_that_is_off_says_so_with_a_boolean_only),
        cmocka_unit_test(the_first_condition_tells_why_no_event_will_come),
        cmocka_unit_test(wrong_types_are_as_if_not_said),
        cmocka_unit_test(what_is_no_object_is_no_service),
        cmocka_unit_test(versions_are_read_from_new_and_old_types),
        cmocka_unit_test(the_test_action_is_found_for_its_allowable_values),
        cmocka_unit_test(uris_become_paths),
        cmocka_unit_test(a_uri_that_does_not_fit_is_refused_whole),
        cmocka_unit_test(links_are_followed_in_each_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
