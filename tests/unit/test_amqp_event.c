/* CloudEvents as AMQP messages: what is written, what is read, and addresses on brokers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/net/amqp_message.h"
#include "gurnard/transport/amqp_event.h"

#define TIME_TEXT "2026-11-21T18:30:00.5Z"
#define TIME_MS   1795285800500

static const struct gn_ce_extension extensions[] = {
    {.name = GN_STR_INIT("traceparent"), .value = GN_STR_INIT("00-ab-cd-01")},
    {.name = GN_STR_INIT("severitynumber"), .value = GN_STR_INIT("17"), .is_literal = true},
    {.name = GN_STR_INIT("flag"), .value = GN_STR_INIT("true"), .is_literal = true},
    {.name = GN_STR_INIT("big"), .value = GN_STR_INIT("4294967296"), .is_literal = true},
    {.name = GN_STR_INIT("low"), .value = GN_STR_INIT("-2147483648"), .is_literal = true},
};

static struct gn_cloudevent full_event(void)
{
    return (struct gn_cloudevent){
        .version = GN_CE_1_0,
        .id = GN_STR("event-1"),
        .source = GN_STR("/cluster/node/n1/redfish/event"),
        .type = GN_STR("redfish.event"),
        .subject = GN_STR("Fan 3"),
        .time = GN_STR(TIME_TEXT),
        .datacontenttype = GN_STR("application/json"),
        .dataschema = GN_STR("urn:schema"),
        .extensions = extensions,
        .extension_count = GN_LEN(extensions),
        .kind = GN_CE_JSON,
        .data = GN_STR("{\"version\":\"v1\"}"),
    };
}

/* Room for a message and what it says. */
struct bed {
    struct gn_arena arena;
    struct gn_buf bytes;
    char error[GN_CE_ERROR_MAX];
};

static struct bed bed_new(void)
{
    struct bed bed = {.bytes = GN_BUF_INIT};

    gn_arena_init(&bed.arena, (size_t)8 << 20);
    memset(bed.error, 'x', sizeof bed.error);
    return bed;
}

static void bed_fini(struct bed *bed)
{
    gn_arena_fini(&bed->arena);
    gn_buf_free(&bed->bytes);
}

static void assert_str(struct gn_str got, const char *want)
{
    const struct gn_str view = gn_str_of(want);

    if ((got.p == NULL) != (want == NULL) || !gn_str_eq(got, view)) {
        print_error("got  %.*s\nwant %s\n", (int)got.len, got.p, want == NULL ? "none" : want);
        fail();
    }
}

static void encode(struct bed *bed, const struct gn_cloudevent *event, enum gn_ce_mode mode,
                   enum gn_amqp_prefix prefix, bool time_as_timestamp)
{
    assert_int_equal(
        gn_amqp_event_encode(event, mode, prefix, time_as_timestamp, true, &bed->bytes), GN_OK);
}

static struct gn_amqp_message message_of(struct bed *bed)
{
    struct gn_amqp_message message;

    assert_int_equal(gn_amqp_message_decode(gn_buf_str(&bed->bytes), &bed->arena, &message), GN_OK);
    return message;
}

static enum gn_err decode(struct bed *bed, const struct gn_amqp_message *message,
                          struct gn_cloudevent *event)
{
    assert_int_equal(gn_amqp_message_encode(message, &bed->bytes), GN_OK);
    return gn_amqp_event_decode(gn_buf_str(&bed->bytes), &bed->arena, event, bed->error);
}

/* ---- writing ---- */

static void assert_text(const struct gn_amqp_property *property, const char *name, const char *text)
{
    assert_str(property->name, name);
    assert_int_equal(property->type, GN_AMQP_STRING);
    assert_str(property->text, text);
}

static void assert_number(const struct gn_amqp_property *property, const char *name,
                          enum gn_amqp_type type, int64_t number)
{
    assert_str(property->name, name);
    assert_int_equal(property->type, type);
    assert_int_equal(property->number, number);
}

static void binary_mode_has_attributes_as_properties(void **state)
{
    const struct gn_cloudevent event = full_event();
    const struct gn_amqp_property *p;
    struct gn_amqp_message message;
    struct bed bed = bed_new();

    (void)state;
    encode(&bed, &event, GN_CE_BINARY, GN_AMQP_PREFIX_COLON, true);
    message = message_of(&bed);
    assert_str(message.content_type, "application/json");
    assert_true(message.is_durable);
    assert_str(message.body, "{\"version\":\"v1\"}");
    assert_int_equal(message.property_count, 12);
    p = message.properties;
    assert_text(&p[0], "cloudEvents:specversion", "1.0");
    assert_text(&p[1], "cloudEvents:id", "event-1");
    assert_text(&p[2], "cloudEvents:source", "/cluster/node/n1/redfish/event");
    assert_text(&p[3], "cloudEvents:type", "redfish.event");
    assert_text(&p[4], "cloudEvents:subject", "Fan 3");
    assert_text(&p[5], "cloudEvents:dataschema", "urn:schema");
    assert_number(&p[6], "cloudEvents:time", GN_AMQP_TIMESTAMP, TIME_MS);
    assert_text(&p[7], "cloudEvents:traceparent", "00-ab-cd-01");
    assert_number(&p[8], "cloudEvents:severitynumber", GN_AMQP_INTEGER, 17);
    assert_number(&p[9], "cloudEvents:flag", GN_AMQP_BOOLEAN, 1);
    assert_text(&p[10], "cloudEvents:big", "4294967296");
    assert_number(&p[11], "cloudEvents:low", GN_AMQP_INTEGER, INT32_MIN);
    bed_fini(&bed);
}

static void the_other_prefix_and_0_3_have_their_names(void **state)
{
    struct gn_cloudevent event = full_event();
    struct gn_amqp_message message;
    struct bed bed = bed_new();

    (void)state;
    event.version = GN_CE_0_3;
    encode(&bed, &event, GN_CE_BINARY, GN_AMQP_PREFIX_UNDERSCORE, false);
    message = message_of(&bed);
    assert_text(&message.properties[0], "cloudEvents_specversion", "0.3");
    assert_text(&message.properties[5], "cloudEvents_schemaurl", "urn:schema");
    assert_text(&message.properties[6], "cloudEvents_time", TIME_TEXT);
    bed_fini(&bed);
}

static void times_are_timestamps_rounded_down_or_stay_text(void **state)
{
    static const struct {
        const char *time;
        bool is_timestamp;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"1970-01-01T01:00:00.0019999+01:00", true, 1},
        {"1969-12-31T23:59:59.9995Z", true, -1},
        {"1969-12-31T23:59:59.999Z", true, -1},
        {"2026-11-21", false, 0},
        {"9999-12-31T23:59:59Z", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_cloudevent event = {.id = GN_STR("i"), .time = gn_str_of(rows[i].time)};
        const struct gn_amqp_property *property;
        struct bed bed = bed_new();

        encode(&bed, &event, GN_CE_BINARY, GN_AMQP_PREFIX_COLON, true);
        property = &message_of(&bed).properties[2];
        if (rows[i].is_timestamp)
            assert_number(property, "cloudEvents:time", GN_AMQP_TIMESTAMP, rows[i].ms);
        else
            assert_text(property, "cloudEvents:time", rows[i].time);
        bed_fini(&bed);
    }
}

static void structured_mode_is_json(void **state)
{
    const struct gn_cloudevent event = {.version = GN_CE_1_0,
                                        .id = GN_STR("i"),
                                        .source = GN_STR("/s"),
                                        .type = GN_STR("t"),
                                        .kind = GN_CE_JSON,
                                        .data = GN_STR("1")};
    struct gn_amqp_message message;
    struct bed bed = bed_new();

    (void)state;
    encode(&bed, &event, GN_CE_STRUCTURED, GN_AMQP_PREFIX_COLON, true);
    message = message_of(&bed);
    assert_str(message.content_type, "application/cloudevents+json; charset=utf-8");
    assert_int_equal(message.property_count, 0);
    assert_str(message.body,
               "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"/s\",\"type\":\"t\","
               "\"data\":1}");
    bed_fini(&bed);
}

static void what_cannot_be_a_message_is_refused(void **state)
{
    static struct gn_ce_extension many[GN_CE_EXTENSIONS_MAX + 1];
    static char name[GN_CE_NAME_MAX + 1];
    const struct gn_ce_extension long_name = {.name = {name, sizeof name}, .value = GN_STR("x")};
    struct gn_cloudevent event = full_event();
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    memset(name, 'a', sizeof name);
    for (size_t i = 0; i < GN_LEN(many); i++)
        many[i] = extensions[0];
    assert_int_equal(gn_amqp_event_encode(&event, GN_CE_BATCH, GN_AMQP_PREFIX_COLON, true, true,
                                          &out),
                     GN_EUNSUPPORTED);
    event.extensions = many;
    event.extension_count = GN_LEN(many);
    assert_int_equal(gn_amqp_event_encode(&event, GN_CE_BINARY, GN_AMQP_PREFIX_COLON, true, true,
                                          &out),
                     GN_ELIMIT);
    event.extensions = &long_name;
    event.extension_count = 1;
    assert_int_equal(gn_amqp_event_encode(&event, GN_CE_BINARY, GN_AMQP_PREFIX_COLON, true, true,
                                          &out),
                     GN_ELIMIT);
    gn_buf_free(&out);
}

/* ---- reading ---- */

static struct gn_amqp_property text(const char *name, const char *value)
{
    return (struct gn_amqp_property){.name = gn_str_of(name),
                                     .type = GN_AMQP_STRING,
                                     .text = gn_str_of(value)};
}

static struct gn_amqp_property number(const char *name, enum gn_amqp_type type, int64_t value)
{
    return (struct gn_amqp_property){.name = gn_str_of(name), .type = type, .number = value};
}

/* As amqp.go of cloud-event-proxy's SDK makes it. */
static void what_the_original_sends_is_read(void **state)
{
    const struct gn_amqp_property properties[] = {
        text("cloudEvents:id", "8b1c"),
        text("cloudEvents:source", "/cluster/node/n1/redfish/event"),
        text("cloudEvents:specversion", "0.3"),
        text("cloudEvents:subject", "/redfish"),
        number("cloudEvents:time", GN_AMQP_TIMESTAMP, TIME_MS),
        text("cloudEvents:type", "HW_EVENT"),
    };
    const struct gn_amqp_message message = {.content_type = GN_STR("application/json"),
                                            .properties = properties,
                                            .property_count = GN_LEN(properties),
                                            .body = GN_STR("{\"version\":\"v1\",\"values\":[]}"),
                                            .has_body = true};
    struct bed bed = bed_new();
    struct gn_cloudevent event;

    (void)state;
    assert_int_equal(decode(&bed, &message, &event), GN_OK);
    assert_string_equal(bed.error, "");
    assert_int_equal(event.version, GN_CE_0_3);
    assert_str(event.id, "8b1c");
    assert_str(event.source, "/cluster/node/n1/redfish/event");
    assert_str(event.subject, "/redfish");
    assert_str(event.type, "HW_EVENT");
    assert_str(event.time, TIME_TEXT);
    assert_str(event.datacontenttype, "application/json");
    assert_int_equal(event.kind, GN_CE_JSON);
    assert_str(event.data, "{\"version\":\"v1\",\"values\":[]}");
    bed_fini(&bed);
}

static void values_of_all_types_have_their_canonical_text(void **state)
{
    static const struct {
        struct gn_amqp_property property;
        const char *want; /* NULL: absent */
        bool is_literal;
    } rows[] = {
        {{.type = GN_AMQP_STRING, .text = GN_STR_INIT("x")}, "x", false},
        {{.type = GN_AMQP_BINARY, .text = GN_STR_INIT("\0\377")}, "AP8=", false},
        {{.type = GN_AMQP_BOOLEAN, .number = 1}, "true", true},
        {{.type = GN_AMQP_BOOLEAN, .number = 0}, "false", true},
        {{.type = GN_AMQP_INTEGER, .number = -17}, "-17", true},
        {{.type = GN_AMQP_INTEGER, .number = INT64_MIN}, "-9223372036854775808", true},
        {{.type = GN_AMQP_TIMESTAMP, .number = TIME_MS}, TIME_TEXT, false},
        {{.type = GN_AMQP_TIMESTAMP, .number = INT64_MAX}, "9223372036854775807", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_amqp_property properties[] = {text("cloudEvents_specversion", "1.0"),
                                                text("cloudEvents_id", "i"),
                                                text("cloudEvents_source", "/s"),
                                                text("cloudEvents_type", "t"), rows[i].property};
        const struct gn_amqp_message message = {.properties = properties,
                                                .property_count = GN_LEN(properties)};
        struct bed bed = bed_new();
        struct gn_cloudevent event;

        properties[4].name = GN_STR("cloudEvents:ext");
        assert_int_equal(decode(&bed, &message, &event), GN_OK);
        assert_int_equal(event.extension_count, 1);
        assert_str(event.extensions[0].value, rows[i].want);
        assert_int_equal(event.extensions[0].is_literal, rows[i].is_literal);
        bed_fini(&bed);
    }
}

static void foreign_properties_are_passed_over(void **state)
{
    const struct gn_amqp_property properties[] = {
        text("cloudEvents:specversion", "1.0"),
        text("x-opt-something", "x"),
        text("cloudEvents", "x"),
        text("cloudevents:id", "x"),
        text("cloudEvents:id", "i"),
        text("cloudEvents:source", "/s"),
        text("cloudEvents:type", "t"),
    };
    const struct gn_amqp_message message = {.content_type = GN_STR("text/plain"),
                                            .properties = properties,
                                            .property_count = GN_LEN(properties),
                                            .body = GN_STR("{"),
                                            .has_body = true};
    struct bed bed = bed_new();
    struct gn_cloudevent event;

    (void)state;
    assert_int_equal(decode(&bed, &message, &event), GN_OK);
    assert_int_equal(event.extension_count, 0);
    assert_int_equal(event.kind, GN_CE_BYTES);
    assert_str(event.data, "{");
    bed_fini(&bed);
}

static void what_is_no_event_is_refused_with_its_text(void **state)
{
    static const struct {
        const char *version, *id, *content_type, *body;
        enum gn_err err;
        const char *error;
    } rows[] = {
        {NULL, "i", NULL, "{}", GN_EUNSUPPORTED, ""},
        {"2.0", "i", NULL, "{}", GN_EUNSUPPORTED, "specversion: unknown value: 2.0"},
        {"1.0", "", NULL, "{}", GN_EINVAL, "id: MUST be a non-empty string"},
        {"1.0", "a\nb", NULL, "{}", GN_EINVAL, "id: MUST NOT hold control characters"},
        {"1.0", "i", NULL, "no JSON", GN_EPARSE, ""},
        {"1.0", "i", "/", "{}", GN_EINVAL,
         "datacontenttype: if present, MUST adhere to the format specified in RFC 2046"},
        {"1.0", "i", "application/cloudevents+json", "{}", GN_EINVAL, "specversion: REQUIRED"},
        {"1.0", "i", "application/cloudevents+json", "[]", GN_EPARSE, ""},
        {"1.0", "i", "application/cloudevents+avro", "{}", GN_EUNSUPPORTED, ""},
        {"1.0", "i", "application/cloudevents-batch+json", "[]", GN_EUNSUPPORTED, ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_amqp_property properties[] = {
            text("cloudEvents:id", rows[i].id), text("cloudEvents:source", "/s"),
            text("cloudEvents:type", "t"), text("cloudEvents:specversion", rows[i].version)};
        const struct gn_amqp_message message = {.content_type = gn_str_of(rows[i].content_type),
                                                .properties = properties,
                                                .property_count =
                                                    GN_LEN(properties) - (rows[i].version == NULL),
                                                .body = gn_str_of(rows[i].body),
                                                .has_body = true};
        struct bed bed = bed_new();
        struct gn_cloudevent event;

        assert_int_equal(decode(&bed, &message, &event), rows[i].err);
        assert_string_equal(bed.error, rows[i].error);
        bed_fini(&bed);
    }
}

static void what_is_no_message_is_refused(void **state)
{
    static const struct gn_str rows[] = {GN_STR_INIT(""), GN_STR_INIT("{}"),
                                         GN_STR_INIT("\x00Su\xA0"), GN_STR_INIT("\x00Su")};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed = bed_new();
        struct gn_cloudevent event;

        assert_int_not_equal(gn_amqp_event_decode(rows[i], &bed.arena, &event, bed.error), GN_OK);
        assert_string_equal(bed.error, "");
        bed_fini(&bed);
    }
}

static void an_arena_too_small_is_no_memory(void **state)
{
    const struct gn_cloudevent event = full_event();
    struct bed bed = bed_new();
    struct gn_cloudevent got;
    enum gn_err err = GN_ENOMEM;

    (void)state;
    encode(&bed, &event, GN_CE_BINARY, GN_AMQP_PREFIX_COLON, true);
    for (size_t room = 0; err != GN_OK; room += 16) {
        struct gn_arena arena;

        assert_true(room < 65536);
        gn_arena_init(&arena, room);
        err = gn_amqp_event_decode(gn_buf_str(&bed.bytes), &arena, &got, bed.error);
        assert_true(err == GN_OK || err == GN_ENOMEM);
        gn_arena_fini(&arena);
    }
    bed_fini(&bed);
}

/* ---- both ---- */

static void assert_same(const struct gn_cloudevent *got, const struct gn_cloudevent *want)
{
    struct gn_buf a = GN_BUF_INIT, b = GN_BUF_INIT;

    gn_ce_write_json(got, &a);
    gn_ce_write_json(want, &b);
    assert_string_equal(a.data, b.data);
    gn_buf_free(&a);
    gn_buf_free(&b);
}

static void what_is_written_is_read_as_the_same(void **state)
{
    static const enum gn_ce_mode modes[] = {GN_CE_BINARY, GN_CE_STRUCTURED};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct gn_cloudevent event = full_event();
        struct gn_cloudevent got;
        struct bed bed = bed_new();

        if (i & 4) {
            event.kind = GN_CE_BYTES;
            event.datacontenttype = GN_STR("application/x");
            event.data = GN_STR("\0\1\2\377");
        }
        event.extension_count = 3; /* "big" would come back as a text */
        encode(&bed, &event, modes[i & 1], GN_AMQP_PREFIX_COLON, (i & 2) != 0);
        assert_int_equal(gn_amqp_event_decode(gn_buf_str(&bed.bytes), &bed.arena, &got, bed.error),
                         GN_OK);
        assert_same(&got, &event);
        bed_fini(&bed);
    }
}

/* ---- addresses ---- */

static void addresses_follow_the_pattern(void **state)
{
    static const struct {
        const char *name, *resource, *want;
    } rows[] = {
        {"router", "/cluster/node/n1.lab", "/cluster/node/n1.lab"},
        {"rabbitmq-topic", "/cluster/node/n1.lab", "/topic/cluster.node.n1_lab"},
        {"rabbitmq-queue", "no/slash", "/queue/no.slash"},
        {"rabbitmq-exchange:amq.topic", "/a/b", "/exchange/amq.topic/a.b"},
        {"artemis-multicast", "/a/b.c", "multicast://a/b.c"},
        {"artemis-anycast", "/a", "anycast://a"},
        {"x/{path}/y/{key}{resource}", "/a/b", "x/a/b/y/a.b/a/b"},
        {"{resource}", "/{key}", "/{key}"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf pattern = GN_BUF_INIT, address = GN_BUF_INIT;

        assert_true(gn_amqp_pattern_of(rows[i].name, &pattern));
        gn_amqp_address_of(pattern.data, gn_str_of(rows[i].resource), &address);
        assert_string_equal(address.data, rows[i].want);
        gn_buf_free(&pattern);
        gn_buf_free(&address);
    }
}

static void what_is_no_pattern_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "rabbitmq",
        "Router",
        "queue/fixed",
        "{keys}",
        "{key",
        "key}",
        "{}",
        "{key}{",
        "rabbitmq-exchange",
        "rabbitmq-exchange:",
        "rabbitmq-exchange:a/b",
        "rabbitmq-exchange:{key}",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf pattern = GN_BUF_INIT;

        assert_false(gn_amqp_pattern_of(rows[i], &pattern));
        assert_int_equal(pattern.len, 0);
    }
}

static void queues_that_attaching_makes_are_durable(void **state)
{
    static const struct {
        const char *address;
        bool is_durable;
    } rows[] = {
        {"/queue/cluster.node.n1", true},
        {"/queue/", true},
        {"/amq/queue/cluster.node.n1", false},
        {"/queues/x", false},
        {"/topic/x", false},
        {"queue/x", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_amqp_address_is_durable(rows[i].address), rows[i].is_durable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_mode_has_attributes_as_properties),
        cmocka_unit_test(the_other_prefix_and_0_3_have_their_names),
        cmocka_unit_test(times_are_timestamps_rounded_down_or_stay_text),
        cmocka_unit_test(structured_mode_is_json),
        cmocka_unit_test(what_cannot_be_a_message_is_refused),
        cmocka_unit_test(what_the_original_sends_is_read),
        cmocka_unit_test(values_of_all_types_have_their_canonical_text),
        cmocka_unit_test(foreign_properties_are_passed_over),
        cmocka_unit_test(what_is_no_event_is_refused_with_its_text),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(an_arena_too_small_is_no_memory),
        cmocka_unit_test(what_is_written_is_read_as_the_same),
        cmocka_unit_test(addresses_follow_the_pattern),
        cmocka_unit_test(what_is_no_pattern_is_refused),
        cmocka_unit_test(queues_that_attaching_makes_are_durable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
