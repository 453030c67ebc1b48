#include "gurnard/redfish/destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/json.h"

#define COLLECTION "/redfish/v1/EventService/Subscriptions"
#define TOKEN      "s3cr3t0123456789"
#define URL        "https://192.0.2.10:9443/webhook/rack7/" TOKEN
#define CONTEXT    "gurnard:a1b2:rack7:5f"

static json_t *parse(const char *text)
{
    json_t *value;

    assert_int_equal(gn_json_parse(gn_str_of(text), NULL, &value), GN_OK);
    return value;
}

/* ---- shapes and bodies ---- */

static void assert_shape(const struct gn_destination_shape *a, const struct gn_destination_shape *b)
{
    assert_int_equal(a->omit, b->omit);
    assert_int_equal(a->has_event_types, b->has_event_types);
    assert_int_equal(a->has_object_headers, b->has_object_headers);
    assert_int_equal(a->has_bare_keys, b->has_bare_keys);
    assert_int_equal(a->has_plain_policy, b->has_plain_policy);
    assert_int_equal(a->has_turned, b->has_turned);
}

static const char *const prefixes[] = {"Base", "OpenBMC"};
static const char *const message_ids[] = {"OpenBMC.0.4.FanRemoved", "SensorFailed"};
static const char *const severities[] = {"Warning", "Critical"};
static const char *const resource_types[] = {"Chassis"};
static const char *const header_names[] = {"X-Site", "X-\"Q\"", "x-site"};
static const char *const header_values[] = {"north", "a\\b", "south"};

static const struct gn_destination_want plain_want = {.url = URL, .context = CONTEXT};

static const struct gn_destination_want full_want = {
    .url = URL,
    .context = CONTEXT,
    .prefixes = {prefixes, 2},
    .message_ids = {message_ids, 2},
    .severities = {severities, 2},
    .resource_types = {resource_types, 1},
    .header_names = header_names,
    .header_values = header_values,
    .header_count = 3,
    .policy = GN_POLICY_BACKOFF,
    .heartbeat_minutes = 5,
};

static const struct gn_event_service old_service = {.has_event_types = true, .takes_alert = true};
static const struct gn_event_service bmcweb = {
    .version_major = 1,
    .version_minor = 5,
    .has_formats = true,
    .has_prefixes = true,
    .is_openbmc = true,
    .has_resource_types = true,
    .takes_heartbeat = true,
};
static const struct gn_event_service new_service = {
    .version_major = 1,
    .version_minor = 10,
    .has_formats = true,
    .has_prefixes = true,
    .has_resource_types = true,
    .has_severities = true,
    .takes_heartbeat = true,
};

static char *body_of(const struct gn_destination_want *want,
                     const struct gn_destination_shape *shape)
{
    struct gn_buf out = GN_BUF_INIT;
    char *text;

    gn_destination_body(want, shape, &out);
    text = gn_buf_take(&out);
    assert_non_null(text);
    return text;
}

static void assert_body(const struct gn_destination_want *want,
                        const struct gn_destination_shape *shape, const char *wanted)
{
    char *text = body_of(want, shape);

    assert_string_equal(text, wanted);
    free(text);
}

#define FRONT  "{\"Destination\":\"" URL "\",\"Protocol\":\"Redfish\""
#define WITH_C FRONT ",\"Context\":\"" CONTEXT "\""

static void the_first_body_says_what_the_service_lists(void **state)
{
    static const struct gn_event_service idrac_9 = {
        .version_major = 1,
        .version_minor = 8,
        .has_formats = true,
        .has_event_types = true,
        .takes_alert = true,
    };
    static const struct gn_event_service ilo_5 = {.has_event_types = true};
    static const struct gn_event_service silent = {.version_minor = 0};
    const struct {
        const char *who;
        const struct gn_event_service *service;
        const struct gn_destination_want *want;
        const char *body;
    } rows[] = {
        {"iDRAC 8, Intel, RIE", &old_service, &plain_want, WITH_C ",\"EventTypes\":[\"Alert\"]}"},
        {"iLO 5 lists no Alert", &ilo_5, &plain_want, WITH_C "}"},
        {"nothing is listed", &silent, &plain_want, WITH_C "}"},
        {"iDRAC 9", &idrac_9, &plain_want,
         WITH_C ",\"SubscriptionType\":\"RedfishEvent\",\"EventFormatType\":\"Event\","
                "\"EventTypes\":[\"Alert\"],\"VerifyCertificate\":false}"},
        {"bmcweb", &bmcweb, &full_want,
         WITH_C ",\"SubscriptionType\":\"RedfishEvent\",\"EventFormatType\":\"Event\","
                "\"MessageIds\":[\"FanRemoved\",\"SensorFailed\"],"
                "\"ResourceTypes\":[\"Chassis\"],"
                "\"HttpHeaders\":[{\"X-Site\":\"north\"},{\"X-\\\"Q\\\"\":\"a\\\\b\"},"
                "{\"x-site\":\"south\"}],\"DeliveryRetryPolicy\":\"RetryForever\","
                "\"SendHeartbeat\":true,\"HeartbeatIntervalMinutes\":5,"
                "\"VerifyCertificate\":false}"},
        {"all of the schema", &new_service, &full_want,
         WITH_C ",\"SubscriptionType\":\"RedfishEvent\",\"EventFormatType\":\"Event\","
                "\"MessageIds\":[\"OpenBMC.0.4.FanRemoved\",\"SensorFailed\"],"
                "\"Severities\":[\"Warning\",\"Critical\"],\"ResourceTypes\":[\"Chassis\"],"
                "\"HttpHeaders\":[{\"X-Site\":\"north\"},{\"X-\\\"Q\\\"\":\"a\\\\b\"},"
                "{\"x-site\":\"south\"}],\"DeliveryRetryPolicy\":\"RetryForeverWithBackoff\","
                "\"SendHeartbeat\":true,\"HeartbeatIntervalMinutes\":5,"
                "\"VerifyCertificate\":false}"},
        {"iLO 4", &old_service, &full_want,
         WITH_C ",\"EventTypes\":[\"Alert\"],\"HttpHeaders\":[{\"X-Site\":\"north\"},"
                "{\"X-\\\"Q\\\"\":\"a\\\\b\"},{\"x-site\":\"south\"}]}"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_destination_shape shape = gn_shape_first(rows[i].service, rows[i].want);

        assert_body(rows[i].want, &shape, rows[i].body);
    }
}

static void prefixes_are_said_where_no_message_ids_are(void **state)
{
    struct gn_destination_want want = plain_want;
    struct gn_destination_shape shape;
    struct gn_event_service old_with_prefixes = {.has_prefixes = true};

    (void)state;
    want.prefixes = (struct gn_destination_filter){prefixes, 2};
    want.url = "http://192.0.2.10/x";
    shape = gn_shape_first(&bmcweb, &want);
    assert_body(&want, &shape,
                "{\"Destination\":\"http://192.0.2.10/x\",\"Protocol\":\"Redfish\",\"Context\":"
                "\"" CONTEXT "\",\"SubscriptionType\":\"RedfishEvent\",\"EventFormatType\":"
                "\"Event\",\"RegistryPrefixes\":[\"Base\",\"OpenBMC\"]}");
    want.message_ids = (struct gn_destination_filter){message_ids, 1};
    shape = gn_shape_first(&bmcweb, &want);
    assert_true((shape.omit & GN_OMIT_PREFIXES) != 0);
    want.metric_reports = true; /* filters are not for these */
    shape = gn_shape_first(&old_with_prefixes, &want);
    assert_body(&want, &shape,
                "{\"Destination\":\"http://192.0.2.10/x\",\"Protocol\":\"Redfish\",\"Context\":"
                "\"" CONTEXT "\",\"SubscriptionType\":\"RedfishEvent\",\"EventFormatType\":"
                "\"MetricReport\"}");
}

static void each_policy_has_its_word(void **state)
{
    static const struct {
        enum gn_destination_policy policy;
        bool is_plain;
        const char *body;
    } rows[] = {
        {GN_POLICY_NONE, false, "{\"Destination\":\"u\",\"Protocol\":\"Redfish\"}"},
        {GN_POLICY_TERMINATE, false,
         "{\"Destination\":\"u\",\"Protocol\":\"Redfish\",\"DeliveryRetryPolicy\":"
         "\"TerminateAfterRetries\"}"},
        {GN_POLICY_SUSPEND, true,
         "{\"Destination\":\"u\",\"Protocol\":\"Redfish\",\"DeliveryRetryPolicy\":"
         "\"SuspendRetries\"}"},
        {GN_POLICY_RETRY_FOREVER, false,
         "{\"Destination\":\"u\",\"Protocol\":\"Redfish\",\"DeliveryRetryPolicy\":"
         "\"RetryForever\"}"},
        {GN_POLICY_BACKOFF, false,
         "{\"Destination\":\"u\",\"Protocol\":\"Redfish\",\"DeliveryRetryPolicy\":"
         "\"RetryForeverWithBackoff\"}"},
        {GN_POLICY_BACKOFF, true,
         "{\"Destination\":\"u\",\"Protocol\":\"Redfish\",\"DeliveryRetryPolicy\":"
         "\"RetryForever\"}"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_destination_want want = {.url = "u", .policy = rows[i].policy};
        const struct gn_destination_shape shape = {
            .omit = GN_OMIT_ALL & ~(unsigned)GN_OMIT_POLICY,
            .has_plain_policy = rows[i].is_plain,
        };

        assert_body(&want, &shape, rows[i].body);
    }
}

static void what_is_too_much_is_not_said(void **state)
{
    static const char *many[GN_DESTINATION_FILTERS_MAX + 5];
    char context[GN_DESTINATION_CONTEXT_MAX + 9];
    struct gn_destination_want want = {.url = "u", .context = context, .heartbeat_minutes = 70000};
    const struct gn_destination_shape shape = {0};
    char *text;
    json_t *body;

    (void)state;
    for (size_t i = 0; i < GN_LEN(many); i++)
        many[i] = "n";
    memset(context, 'c', sizeof context - 1);
    context[sizeof context - 1] = '\0';
    want.severities = (struct gn_destination_filter){many, GN_LEN(many)};
    want.header_names = want.header_values = many;
    want.header_count = GN_LEN(many);
    text = body_of(&want, &shape);
    body = parse(text);
    assert_int_equal(json_string_length(json_object_get(body, "Context")),
                     GN_DESTINATION_CONTEXT_MAX);
    assert_int_equal(json_array_size(json_object_get(body, "Severities")),
                     GN_DESTINATION_FILTERS_MAX);
    assert_int_equal(json_array_size(json_object_get(body, "HttpHeaders")),
                     GN_DESTINATION_HEADERS_MAX);
    assert_int_equal(gn_json_int(body, "HeartbeatIntervalMinutes", 0), 65535);
    json_decref(body);
    free(text);
}

static struct gn_service_error refusal(enum gn_service_fault fault, const char *first,
                                       const char *second)
{
    struct gn_service_error error = {.fault = fault};
    const char *const names[] = {first, second};

    for (size_t i = 0; i < GN_LEN(names); i++) {
        if (names[i] != NULL)
            (void)snprintf(error.properties[error.property_count++], sizeof error.properties[0],
                           "%s", names[i]);
    }
    return error;
}

static void assert_step(struct gn_destination_shape *shape, const struct gn_destination_want *want,
                        struct gn_service_error error, const char *body)
{
    assert_true(gn_shape_next(shape, want, &error, 1));
    assert_body(want, shape, body);
}

static void what_is_refused_is_left_out(void **state)
{
    struct gn_destination_want want = {.url = "http://h/x", .context = "c", .header_count = 1};
    struct gn_destination_shape shape = {.has_event_types = true, .omit = GN_OMIT_FORMAT};
    const struct gn_service_error none = {.fault = GN_FAULT_OTHER};

    (void)state;
    want.header_names = header_names;
    want.header_values = header_values;
    want.policy = GN_POLICY_BACKOFF;
#define BEGIN "{\"Destination\":\"http://h/x\",\"Protocol\":\"Redfish\""
    assert_step(&shape, &want, refusal(GN_FAULT_PROPERTY, "eventtypes", "SubscriptionType"),
                BEGIN ",\"Context\":\"c\",\"HttpHeaders\":[{\"X-Site\":\"north\"}],"
                      "\"DeliveryRetryPolicy\":\"RetryForeverWithBackoff\"}");
    assert_step(&shape, &want, refusal(GN_FAULT_PROPERTY, "HttpHeaders", "DeliveryRetryPolicy"),
                BEGIN ",\"Context\":\"c\",\"HttpHeaders\":{\"X-Site\":\"north\"},"
                      "\"DeliveryRetryPolicy\":\"RetryForever\"}");
    assert_step(&shape, &want, refusal(GN_FAULT_PROPERTY, "HttpHeaders", NULL),
                BEGIN ",\"Context\":\"c\",\"DeliveryRetryPolicy\":\"RetryForever\"}");
    assert_step(&shape, &want, refusal(GN_FAULT_PROPERTY, "DeliveryRetryPolicy", "Destination"),
                BEGIN ",\"Context\":\"c\"}");
    assert_step(&shape, &want, refusal(GN_FAULT_MISSING, "EventTypes", NULL),
                BEGIN ",\"Context\":\"c\",\"EventTypes\":[\"Alert\"]}");
    assert_step(&shape, &want, refusal(GN_FAULT_PROPERTY, "Context", NULL),
                BEGIN ",\"EventTypes\":[\"Alert\"]}");
    assert_step(&shape, &want, none, BEGIN "}");
    assert_false(gn_shape_next(&shape, &want, &none, 1));
#undef BEGIN
}

static void without_a_hint_comes_the_minimal_form_then_event_types(void **state)
{
    static const struct gn_service_error rows[] = {
        {.fault = GN_FAULT_OTHER},
        {.fault = GN_FAULT_NONE},
        {.fault = GN_FAULT_PROPERTY},
        {.fault = GN_FAULT_PROPERTY, .properties = {"Destination"}, .property_count = 1},
        {.fault = GN_FAULT_PROPERTY, .properties = {"Protocol"}, .property_count = 1},
        {.fault = GN_FAULT_PROPERTY, .properties = {"Never", "EventTypes"}, .property_count = 2},
        {.fault = GN_FAULT_MISSING, .properties = {"Protocol"}, .property_count = 1},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_destination_shape shape = gn_shape_first(&new_service, &full_want);

        assert_true(gn_shape_next(&shape, &full_want, &rows[i], 1));
        assert_body(&full_want, &shape, WITH_C "}");
        assert_true(gn_shape_next(&shape, &full_want, &rows[0], 2));
        assert_body(&full_want, &shape, WITH_C ",\"EventTypes\":[\"Alert\"]}");
        assert_false(gn_shape_next(&shape, &full_want, &rows[0], 3));
    }
}

static void a_refusal_that_no_shape_helps_ends_the_ladder(void **state)
{
    static const enum gn_service_fault faults[] = {GN_FAULT_LIMIT, GN_FAULT_EXISTS,
                                                   GN_FAULT_BUSY,  GN_FAULT_DISABLED,
                                                   GN_FAULT_AUTH,  GN_FAULT_ABSENT,
                                                   GN_FAULT_ACTION};
    struct gn_destination_shape shape = gn_shape_first(&new_service, &full_want);
    const struct gn_destination_shape before = shape;
    const struct gn_service_error other = {.fault = GN_FAULT_OTHER};

    (void)state;
    for (size_t i = 0; i < GN_LEN(faults); i++) {
        const struct gn_service_error error = {.fault = faults[i]};

        assert_false(gn_shape_next(&shape, &full_want, &error, 1));
    }
    assert_false(gn_shape_next(&shape, &full_want, &other, GN_SHAPE_ATTEMPTS));
    assert_shape(&shape, &before);
}

/* A BMC that refuses at random, with names at random. */
static struct gn_service_error random_refusal(unsigned *seed)
{
    static const char *const names[] = {
        "EventTypes", "HttpHeaders",   "Context",    "DeliveryRetryPolicy", "MessageIds",
        "Severities", "ResourceTypes", "Protocol",   "SubscriptionType",    "EventFormatType",
        "Unheard",    "SendHeartbeat", "EventTypes", "VerifyCertificate",   "RegistryPrefixes",
    };
    static const enum gn_service_fault faults[] = {GN_FAULT_PROPERTY, GN_FAULT_PROPERTY,
                                                   GN_FAULT_MISSING, GN_FAULT_OTHER};
    const char *first, *second;

    *seed = *seed * 1103515245U + 12345U;
    first = names[(*seed >> 8) % GN_LEN(names)];
    second = names[(*seed >> 16) % GN_LEN(names)];
    return refusal(faults[(*seed >> 24) % GN_LEN(faults)], first,
                   (*seed >> 28) % 2 == 0 ? second : NULL);
}

static void assert_valid_body(const char *text)
{
    json_t *body = parse(text);

    assert_true(gn_json_str(body, "Destination").len > 0);
    assert_true(gn_str_eq(gn_json_str(body, "Protocol"), GN_STR("Redfish")));
    json_decref(body);
}

/* Climbs down with a BMC that refuses all; returns how many bodies there were. */
static size_t climb_down(const struct gn_event_service *service,
                         const struct gn_destination_want *want, unsigned *seed)
{
    struct gn_destination_shape shape = gn_shape_first(service, want);
    char *bodies[GN_SHAPE_ATTEMPTS + 1];
    size_t count = 0;
    struct gn_service_error error;

    do {
        assert_true(count < GN_SHAPE_ATTEMPTS);
        bodies[count] = body_of(want, &shape);
        assert_valid_body(bodies[count]);
        for (size_t i = 0; i < count; i++)
            assert_string_not_equal(bodies[i], bodies[count]);
        count++;
        error = random_refusal(seed);
    } while (gn_shape_next(&shape, want, &error, (unsigned)count));
    for (size_t i = 0; i < count; i++)
        free(bodies[i]);
    return count;
}

static void the_ladder_ends_and_never_repeats_a_body(void **state)
{
    const struct gn_event_service *const services[] = {&old_service, &bmcweb, &new_service};
    struct gn_destination_want metrics = full_want;
    unsigned seed = 7;
    size_t longest = 0;

    (void)state;
    metrics.metric_reports = true;
    for (unsigned round = 0; round < 3000; round++) {
        const struct gn_destination_want *const wants[] = {&plain_want, &full_want, &metrics};
        const size_t count = climb_down(services[round % 3], wants[(round / 3) % 3], &seed);

        longest = count > longest ? count : longest;
    }
    assert_true(longest > 4);
}

static void every_shape_gives_valid_json_and_survives_as_text(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 1U << 15; bits++) { /* 11 of omit, 4 flags */
        const struct gn_destination_shape shape = {
            .omit = bits & GN_OMIT_ALL,
            .has_event_types = (bits >> 11 & 1) != 0,
            .has_object_headers = (bits >> 12 & 1) != 0,
            .has_bare_keys = (bits >> 13 & 1) != 0,
            .has_plain_policy = (bits >> 14 & 1) != 0,
        };
        struct gn_destination_shape again;
        struct gn_buf text = GN_BUF_INIT;

        gn_shape_format(&shape, &text);
        assert_true(gn_shape_parse(gn_buf_str(&text), &again));
        assert_shape(&again, &shape);
        gn_buf_reset(&text);
        if (bits % 7 == 0) { /* all of them take too long */
            gn_destination_body(&full_want, &shape, &text);
            assert_valid_body(text.data);
        }
        gn_buf_free(&text);
    }
}

static void a_text_that_is_no_shape_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "omit=0x40",
        "omit=0x40 event_types=1 object_headers=0 bare_keys=0",
        "omit=0x40 event_types=1 object_headers=0 bare_keys=0 plain_policy=2",
        "omit=0x40 event_types=1 object_headers=0 bare_keys=0 plain_policy=",
        "omit=0x40 event_types=1 object_headers=0 bare_keys=0 plain_policy=0 ",
        "omit=0x40 event_types=1 object_headers=0 bare_keys=0 plain_policy=0 more=1",
        "omit=0x40 object_headers=0 event_types=1 bare_keys=0 plain_policy=0",
        "omit=0x800 event_types=1 object_headers=0 bare_keys=0 plain_policy=0",
        "omit=0x00 event_types=1 object_headers=0 bare_keys=0 plain_policy=0",
        "omit=0xFF event_types=1 object_headers=0 bare_keys=0 plain_policy=0",
        "omit=0x event_types=1 object_headers=0 bare_keys=0 plain_policy=0",
        "omit=64 event_types=1 object_headers=0 bare_keys=0 plain_policy=0",
    };
    const struct gn_destination_shape empty = {0};

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++) {
        struct gn_destination_shape shape = {.omit = 3, .has_event_types = true};

        assert_false(gn_shape_parse(gn_str_of(texts[i]), &shape));
        assert_shape(&shape, &empty);
    }
    assert_false(gn_shape_parse(GN_STR_NONE, &(struct gn_destination_shape){0}));
}

static void what_stays_unsaid_is_told(void **state)
{
    struct gn_destination_want verified = plain_want, metrics = full_want;
    const struct {
        const struct gn_destination_want *want;
        unsigned omit;
        const char *words;
    } rows[] = {
        {&plain_want, 0, ""},
        {&plain_want, GN_OMIT_MINIMAL, ""},
        {&plain_want, GN_OMIT_ALL, "Context"},
        {&verified, GN_OMIT_MINIMAL, "VerifyCertificate"},
        {&full_want, GN_OMIT_PREFIXES, "RegistryPrefixes"},
        {&full_want, GN_OMIT_SEVERITIES | GN_OMIT_POLICY, "Severities, DeliveryRetryPolicy"},
        {&full_want, GN_OMIT_ALL,
         "RegistryPrefixes, MessageIds, Severities, ResourceTypes, DeliveryRetryPolicy, "
         "HeartbeatIntervalMinutes, HttpHeaders, Context"},
        {&metrics, GN_OMIT_MINIMAL,
         "EventFormatType, DeliveryRetryPolicy, HeartbeatIntervalMinutes, HttpHeaders"},
    };

    (void)state;
    verified.verify_certificate = true;
    metrics.metric_reports = true;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_destination_shape shape = {.omit = rows[i].omit};
        struct gn_buf out = GN_BUF_INIT;

        gn_shape_missing(&shape, rows[i].want, &out);
        assert_true(gn_str_eq(gn_buf_str(&out), gn_str_of(rows[i].words)));
        gn_buf_free(&out);
    }
}

/* ---- where a new one is ---- */

static void each_vendors_answer_to_a_creation_gives_the_uri(void **state)
{
    static const struct {
        const char *who, *location, *body, *uri;
    } rows[] = {
        {"iDRAC", COLLECTION "/c1a71140-ba1d-11e9-842f-d094662a05e6", NULL,
         COLLECTION "/c1a71140-ba1d-11e9-842f-d094662a05e6"},
        {"iLO 4", "https://192.0.2.7" COLLECTION "/3/", NULL, COLLECTION "/3"},
        {"iLO 5", COLLECTION "/5/",
         "{\"error\":{\"@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.4.Created\"}]}}",
         COLLECTION "/5"},
        {"XCC", NULL, "{\"@odata.id\":\"" COLLECTION "/1\",\"Id\":\"1\"}", COLLECTION "/1"},
        {"Gigabyte", "http://bmc" COLLECTION "/17", "{}", COLLECTION "/17"},
        {"ZT", NULL, "{\"@odata.id\":\"" COLLECTION "\",\"Id\":42}", COLLECTION "/42"},
        {"ZT with slash", NULL, "{\"@odata.id\":\"" COLLECTION "/\",\"Id\":\"42\"}",
         COLLECTION "/42"},
        {"Id alone", NULL, "{\"Id\":\"a.b-1\"}", COLLECTION "/a.b-1"},
        {"the collection has two names", NULL,
         "{\"@odata.id\":\"/redfish/v1/EventService/EventSubscriptions/7\",\"Id\":\"7\"}",
         "/redfish/v1/EventService/EventSubscriptions/7"},
        {"DMTF mockup", COLLECTION "/Member1", NULL, COLLECTION "/Member1"},
        {"RIE", NULL, "{\"code\":201,\"message\":\"" COLLECTION "/9\"}", COLLECTION "/9"},
        {"bmcweb", COLLECTION "/2857203711",
         "{\"@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.19.Created\"}]}",
         COLLECTION "/2857203711"},
        {"Location of the collection", COLLECTION, "{\"Id\":3}", COLLECTION "/3"},
        {"nothing", NULL, NULL, ""},
        {"nothing of use", "", "{}", ""},
        {"the collection only", COLLECTION "/", "{\"@odata.id\":\"" COLLECTION "\"}", ""},
        {"the root only", "https://192.0.2.7", "{\"message\":\"/\"}", ""},
        {"a sentence", NULL, "{\"message\":\"created it\"}", ""},
        {"the collection as message", NULL, "{\"message\":\"" COLLECTION "\"}", ""},
        {"Id that leads elsewhere", NULL, "{\"Id\":\"../../Systems/1\"}", ""},
        {"Id that is no part", NULL, "{\"Id\":\"a?b\"}", ""},
        {"Id of a wrong type", NULL, "{\"Id\":{},\"@odata.id\":[],\"message\":7}", ""},
        {"negative Id", NULL, "{\"Id\":-1}", ""},
        {"empty Id", NULL, "{\"Id\":\"\"}", ""},
        {"no object", NULL, "[\"" COLLECTION "/1\"]", ""},
        {"other Location", "Subscriptions/1", "null", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *body = rows[i].body != NULL ? parse(rows[i].body) : NULL;
        char uri[GN_SERVICE_URI_MAX];
        const bool is_found =
            gn_destination_created_uri(gn_str_of(rows[i].location), body, COLLECTION, uri);

        if (is_found != (rows[i].uri[0] != '\0') || strcmp(uri, rows[i].uri) != 0)
            fail_msg("%s: \"%s\"", rows[i].who, uri);
        json_decref(body);
    }
}

static void an_id_without_any_collection_is_no_uri(void **state)
{
    json_t *body = parse("{\"Id\":\"1\"}");
    char uri[GN_SERVICE_URI_MAX];

    (void)state;
    assert_false(gn_destination_created_uri(GN_STR_NONE, body, "", uri));
    assert_string_equal(uri, "");
    json_decref(body);
}

/* ---- one that is there ---- */

static void read_text(const char *text, const char *uri, struct gn_destination *out)
{
    json_t *body = parse(text);

    assert_true(gn_destination_read(body, gn_str_of(uri), out));
    json_decref(body);
}

static void each_vendors_subscription_is_read(void **state)
{
    static const struct {
        const char *who, *body, *found_at;
        const char *uri, *context, *state, *policy, *type, *resume;
        bool is_suspended;
        int64_t ttl_s;
    } rows[] = {
        {"iDRAC 8",
         "{\"@odata.id\":\"" COLLECTION "/1\",\"Destination\":\"" URL "\",\"Context\":\"c\","
         "\"EventTypes\":[\"Alert\"],\"Protocol\":\"Redfish\",\"Id\":\"1\"}",
         NULL, COLLECTION "/1", "c", "", "", "", "", false, -1},
        {"iDRAC 10, suspended",
         "{\"@odata.id\":\"" COLLECTION "/89\",\"Destination\":\"" URL "\",\"Context\":\"root\","
         "\"DeliveryRetryPolicy\":\"SuspendRetries\",\"SubscriptionType\":\"RedfishEvent\","
         "\"Status\":{\"State\":\"Disabled\",\"Health\":\"OK\"},\"Actions\":{"
         "\"#EventDestination.ResumeSubscription\":{\"target\":\"" COLLECTION
         "/89/Actions/EventDestination.ResumeSubscription\"}}}",
         COLLECTION "/89/", COLLECTION "/89", "root", "Disabled", "SuspendRetries", "RedfishEvent",
         COLLECTION "/89/Actions/EventDestination.ResumeSubscription", true, -1},
        {"iLO 4",
         "{\"@odata.id\":\"/redfish/v1/EventService/EventSubscriptions/2/\",\"Destination\":\"" URL
         "\",\"HttpHeaders\":{},\"TTLCount\":90,\"TTLUnits\":\"minutes\"}",
         NULL, "/redfish/v1/EventService/EventSubscriptions/2", "", "", "", "", "", false, 5400},
        {"iLO 5",
         "{\"@odata.id\":\"" COLLECTION "/5/\",\"Destination\":\"" URL "\",\"Context\":null,"
         "\"Oem\":{\"Hpe\":{\"DeliveryRetryAttempts\":3}}}",
         NULL, COLLECTION "/5", "", "", "", "", "", false, -1},
        {"iLO 6",
         "{\"@odata.id\":\"" COLLECTION "/6\",\"Destination\":\"" URL "\",\"Context\":\"c\","
         "\"Status\":{\"State\":\"Enabled\"},\"SubscriptionType\":\"RedfishEvent\"}",
         NULL, COLLECTION "/6", "c", "Enabled", "", "RedfishEvent", "", false, -1},
        {"XCC",
         "{\"@odata.id\":\"" COLLECTION "/1\",\"Destination\":\"" URL "\",\"Context\":\"\","
         "\"Status\":{\"State\":\"StandbyOffline\"}}",
         NULL, COLLECTION "/1", "", "StandbyOffline", "", "", "", true, -1},
        {"Gigabyte",
         "{\"@odata.etag\":\"W/\\\"1\\\"\",\"@odata.id\":\"" COLLECTION
         "/3\",\"Destination\":\"" URL "\",\"Context\":\"c\",\"EventFormatType\":\"Event\"}",
         NULL, COLLECTION "/3", "c", "", "", "", "", false, -1},
        {"ZT gives the collection",
         "{\"@odata.id\":\"" COLLECTION "\",\"Id\":42,\"Destination\":\"" URL "\"}",
         COLLECTION "/42", COLLECTION "/42", "", "", "", "", "", false, -1},
        {"Supermicro's empty slot",
         "{\"@odata.id\":\"" COLLECTION "/2\",\"Destination\":\"" URL "\",\"Oem\":{\"Supermicro\":"
         "{\"EnableSubscription\":false}}}",
         NULL, COLLECTION "/2", "", "", "", "", "", true, -1},
        {"DMTF mockup has no names",
         "{\"Destination\":\"" URL "\",\"Protocol\":\"Redfish\",\"Context\":\"c\"}",
         COLLECTION "/Member1", COLLECTION "/Member1", "c", "", "", "", "", false, -1},
        {"RIE", "{\"@odata.id\":\"" COLLECTION "/1\",\"Destination\":\"" URL "\"}", NULL,
         COLLECTION "/1", "", "", "", "", "", false, -1},
        {"bmcweb",
         "{\"@odata.id\":\"" COLLECTION "/2857203711\",\"Destination\":\"" URL "\","
         "\"Context\":\"c\",\"DeliveryRetryPolicy\":\"TerminateAfterRetries\","
         "\"HttpHeaders\":[],\"SubscriptionType\":\"RedfishEvent\"}",
         NULL, COLLECTION "/2857203711", "c", "", "TerminateAfterRetries", "RedfishEvent", "",
         false, -1},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_destination d;

        read_text(rows[i].body, rows[i].found_at, &d);
        assert_string_equal(d.uri, rows[i].uri);
        assert_string_equal(d.url, URL);
        assert_string_equal(d.context, rows[i].context);
        assert_string_equal(d.state, rows[i].state);
        assert_string_equal(d.policy, rows[i].policy);
        assert_string_equal(d.type, rows[i].type);
        assert_string_equal(d.resume, rows[i].resume);
        assert_int_equal(d.is_suspended, rows[i].is_suspended);
        assert_int_equal(d.ttl_s, rows[i].ttl_s);
    }
}

static void members_of_a_wrong_type_are_absent(void **state)
{
    struct gn_destination d;

    (void)state;
    read_text("{\"@odata.id\":7,\"Destination\":[],\"Context\":{},\"Status\":\"Disabled\","
              "\"Actions\":{\"#EventDestination.ResumeSubscription\":[]},\"Oem\":[],"
              "\"TTLCount\":\"90\",\"TTLUnits\":60,\"DeliveryRetryPolicy\":null}",
              NULL, &d);
    assert_string_equal(d.uri, "");
    assert_string_equal(d.url, "");
    assert_string_equal(d.context, "");
    assert_string_equal(d.state, "");
    assert_string_equal(d.resume, "");
    assert_false(d.is_suspended);
    assert_int_equal(d.ttl_s, -1);
    assert_false(gn_destination_read(NULL, GN_STR("/x"), &d));
    assert_string_equal(d.uri, "");
}

static void a_time_to_live_is_read_in_its_unit(void **state)
{
    static const struct {
        const char *body;
        int64_t ttl_s;
    } rows[] = {
        {"{\"TTLCount\":0,\"TTLUnits\":\"seconds\"}", 0},
        {"{\"TTLCount\":2,\"TTLUnits\":\"Hours\"}", 7200},
        {"{\"TTLCount\":1,\"TTLUnits\":\"day\"}", 86400},
        {"{\"TTLCount\":999999999999999,\"TTLUnits\":\"days\"}", 86400000000000},
        {"{\"TTLCount\":1,\"TTLUnits\":\"fortnights\"}", -1},
        {"{\"TTLCount\":1}", -1},
        {"{\"TTLCount\":-1,\"TTLUnits\":\"days\"}", -1},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_destination d;

        read_text(rows[i].body, NULL, &d);
        assert_int_equal(d.ttl_s, rows[i].ttl_s);
    }
}

static void a_long_destination_is_absent_and_a_long_context_is_cut(void **state)
{
    char text[GN_DESTINATION_URL_MAX + 2];
    json_t *body;
    struct gn_destination d;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    body = json_pack("{s:s,s:s}", "Destination", text, "Context", text);
    assert_true(gn_destination_read(body, GN_STR_NONE, &d));
    assert_string_equal(d.url, "");
    assert_int_equal(strlen(d.context), GN_DESTINATION_CONTEXT_MAX);
    json_decref(body);
}

/* ---- whose it is ---- */

static const struct gn_destination_owner owner = {"gurnard:a1b2:", CONTEXT, URL, TOKEN};

static struct gn_destination subscription(const char *uri, const char *url, const char *context)
{
    struct gn_destination d = {.ttl_s = -1};

    (void)snprintf(d.uri, sizeof d.uri, "%s", uri);
    (void)snprintf(d.url, sizeof d.url, "%s", url);
    (void)snprintf(d.context, sizeof d.context, "%s", context);
    return d;
}

static void a_subscription_is_known_by_context_or_token(void **state)
{
    static const struct {
        const char *url, *context;
        enum gn_ownership owned;
    } rows[] = {
        {URL, CONTEXT, GN_OWN_CURRENT},
        {URL, "", GN_OWN_CURRENT},          /* iLO 5 does not give it back */
        {URL, "gurnard:a", GN_OWN_CURRENT}, /* cut */
        {URL "/", CONTEXT, GN_OWN_CURRENT},
        {"HTTPS://192.0.2.10:9443/webhook/rack7/" TOKEN, CONTEXT, GN_OWN_CURRENT},
        {URL, "gurnard:a1b2:rack7:60", GN_OWN_STALE},
        {URL, "somebody", GN_OWN_STALE},
        {"http://192.0.2.10:9443/webhook/rack7/" TOKEN, CONTEXT, GN_OWN_STALE},
        {"https://192.0.2.99/old/" TOKEN, "", GN_OWN_STALE},
        {"https://192.0.2.10:9443/webhook/rack7/older", CONTEXT, GN_OWN_STALE},
        {"", "gurnard:a1b2:x", GN_OWN_STALE},
        {"", "", GN_OWN_NONE},
        {"https://192.0.2.50/hook", "", GN_OWN_NONE},
        {"https://192.0.2.50/hook", "gurnard:ffff:rack7", GN_OWN_NONE},
        {"https://192.0.2.50/hook", "gurnard", GN_OWN_NONE},
        {"https://" TOKEN "/hook", "", GN_OWN_NONE},
        {"https://192.0.2.10:9443/webhook/rack7/", "", GN_OWN_NONE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_destination d = subscription("/1", rows[i].url, rows[i].context);

        if (gn_destination_owned(&d, &owner) != rows[i].owned)
            fail_msg("%s %s", rows[i].url, rows[i].context);
    }
}

static void a_default_port_is_the_same_place(void **state)
{
    const struct gn_destination_owner o = {"p", "c", "https://h:443/a/tok", "tok"};
    const struct gn_destination d = subscription("/1", "https://H/a/tok", "c");

    (void)state;
    assert_int_equal(gn_destination_owned(&d, &o), GN_OWN_CURRENT);
}

static void an_empty_prefix_or_token_recognises_nothing(void **state)
{
    const struct gn_destination_owner o = {"", CONTEXT, URL, ""};
    const struct gn_destination d = subscription("/1", URL, CONTEXT);

    (void)state;
    assert_int_equal(gn_destination_owned(&d, &o), GN_OWN_NONE);
}

/* ---- what to do ---- */

/* Members of a collection, one letter each: C current, S current but suspended, E current but about
 * to end, O of ours but old, N not ours, n not ours at the URI of the one before, c current at the
 * URI of the one before, x old without URI. */
static void build(const char *letters, struct gn_destination *list)
{
    char uri[64] = "";

    for (size_t i = 0; letters[i] != '\0'; i++) {
        const char kind = letters[i];
        const bool is_other = kind == 'N' || kind == 'n';
        const bool is_old = kind == 'O' || kind == 'x';

        if (kind != 'n' && kind != 'c')
            (void)snprintf(uri, sizeof uri, COLLECTION "/%zu", i);
        list[i] = subscription(kind == 'x' ? "" : uri, is_other ? "https://h/other" : URL,
                               is_other ? "other" : (is_old ? "gurnard:a1b2:old" : CONTEXT));
        list[i].is_suspended = kind == 'S';
        list[i].ttl_s = kind == 'E' ? 10 : -1;
    }
}

static void the_plan_keeps_one_and_removes_the_rest_of_ours(void **state)
{
    static const struct {
        const char *letters;
        bool creates, resumes;
        const char *kept, *removed; /* indices as letters, from '0' */
    } rows[] = {
        {"", true, false, "", ""},      {"N", true, false, "", ""},
        {"C", false, false, "0", ""},   {"NCN", false, false, "1", ""},
        {"CC", false, false, "0", "1"}, {"OCO", false, false, "1", "02"},
        {"S", false, true, "0", ""},    {"SC", false, false, "1", "0"},
        {"SS", false, true, "0", "1"},  {"E", true, false, "", "0"},
        {"EC", false, false, "1", "0"}, {"ON", true, false, "", "0"},
        {"x", true, false, "", ""},     {"Cx", false, false, "0", ""},
        {"Cc", false, false, "0", ""},  {"On", true, false, "", ""},
        {"Occ", false, false, "1", ""}, {"COc", false, false, "0", "1"},
    };
    static struct gn_destination list[8];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_destination_plan plan;
        char kept[2] = "", removed[9] = "";

        build(rows[i].letters, list);
        gn_destination_plan(list, strlen(rows[i].letters), &owner, 60, &plan);
        if (plan.keep != SIZE_MAX)
            kept[0] = (char)('0' + plan.keep);
        for (size_t k = 0; k < plan.remove_count; k++)
            removed[k] = (char)('0' + plan.remove[k]);
        if (plan.creates != rows[i].creates || plan.resumes != rows[i].resumes ||
            strcmp(kept, rows[i].kept) != 0 || strcmp(removed, rows[i].removed) != 0)
            fail_msg("\"%s\": creates %d resumes %d kept %s removed %s", rows[i].letters,
                     plan.creates, plan.resumes, kept, removed);
    }
}

static void assert_plan_is_safe(const struct gn_destination *list, size_t count,
                                const struct gn_destination_plan *plan)
{
    assert_int_equal(plan->creates, plan->keep == SIZE_MAX);
    assert_true(plan->remove_count <= GN_DESTINATION_REMOVE_MAX);
    for (size_t i = 0; i < plan->remove_count; i++) {
        const char *uri = list[plan->remove[i]].uri;

        assert_true(plan->remove[i] < count && plan->remove[i] != plan->keep && uri[0] != '\0');
        for (size_t k = 0; k < count; k++) {
            if (strcmp(list[k].uri, uri) != 0)
                continue;
            assert_int_not_equal(gn_destination_owned(&list[k], &owner), GN_OWN_NONE);
            assert_true(k != plan->keep);
        }
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(list[plan->remove[k]].uri, uri);
    }
}

static void no_plan_removes_what_is_not_ours_or_kept(void **state)
{
    static const char kinds[] = "CSEONncx";
    static struct gn_destination list[8];
    unsigned seed = 3;

    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        struct gn_destination_plan plan;
        char letters[9] = "";
        const size_t count = round % GN_LEN(list);

        for (size_t i = 0; i < count; i++) {
            seed = seed * 1103515245U + 12345U;
            letters[i] = kinds[(seed >> 16) % (sizeof kinds - 1)];
        }
        build(letters, list);
        gn_destination_plan(list, count, &owner, 60, &plan);
        assert_plan_is_safe(list, count, &plan);
    }
}

static void a_plan_removes_so_many_at_one_go(void **state)
{
    const size_t count = GN_DESTINATION_REMOVE_MAX + 6;
    struct gn_destination *list = calloc(count, sizeof *list);
    struct gn_destination_plan plan;
    char letters[GN_DESTINATION_REMOVE_MAX + 7];

    (void)state;
    assert_non_null(list);
    memset(letters, 'O', count);
    letters[count] = '\0';
    build(letters, list);
    gn_destination_plan(list, count, &owner, 60, &plan);
    assert_int_equal(plan.remove_count, GN_DESTINATION_REMOVE_MAX);
    assert_plan_is_safe(list, count, &plan);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_body_says_what_the_service_lists),
        cmocka_unit_test(prefixes_are_said_where_no_message_ids_are),
        cmocka_unit_test(each_policy_has_its_word),
        cmocka_unit_test(what_is_too_much_is_not_said),
        cmocka_unit_test(what_is_refused_is_left_out),
        cmocka_unit_test(without_a_hint_comes_the_minimal_form_then_event_types),
        cmocka_unit_test(a_refusal_that_no_shape_helps_ends_the_ladder),
        cmocka_unit_test(the_ladder_ends_and_never_repeats_a_body),
        cmocka_unit_test(every_shape_gives_valid_json_and_survives_as_text),
        cmocka_unit_test(a_text_that_is_no_shape_is_refused),
        cmocka_unit_test(what_stays_unsaid_is_told),
        cmocka_unit_test(each_vendors_answer_to_a_creation_gives_the_uri),
        cmocka_unit_test(an_id_without_any_collection_is_no_uri),
        cmocka_unit_test(each_vendors_subscription_is_read),
        cmocka_unit_test(members_of_a_wrong_type_are_absent),
        cmocka_unit_test(a_time_to_live_is_read_in_its_unit),
        cmocka_unit_test(a_long_destination_is_absent_and_a_long_context_is_cut),
        cmocka_unit_test(a_subscription_is_known_by_context_or_token),
        cmocka_unit_test(a_default_port_is_the_same_place),
        cmocka_unit_test(an_empty_prefix_or_token_recognises_nothing),
        cmocka_unit_test(the_plan_keeps_one_and_removes_the_rest_of_ours),
        cmocka_unit_test(no_plan_removes_what_is_not_ours_or_kept),
        cmocka_unit_test(a_plan_removes_so_many_at_one_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
