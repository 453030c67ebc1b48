#include "gurnard/relay/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/file.h"
#include "gurnard/base/json.h"
#include "gurnard/ce/cne.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/redfish/event_write.h"

#define ARENA_BYTES ((size_t)16 << 20)
#define ID          "0f8fad5b-d9cb-469f-a165-70867728950e"
#define RESOURCE    "/cluster/node/n1/redfish/v1/Systems"
#define ARRIVED_NS  INT64_C(1700000000250000000)
#define ARRIVED     "2023-11-14T22:13:20.25Z"

/* An event and the readings of it. */
struct fixture {
    struct gn_arena arena;
    struct gn_event *event;
    struct gn_native_cache cache;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.event = NULL};
    gn_arena_init(&fixture.arena, ARENA_BYTES);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    gn_event_unref(fx->event);
    gn_arena_fini(&fx->arena);
    return 0;
}

/* What most events here have in common. */
static struct gn_event_parts parts_of(const char *data)
{
    return (struct gn_event_parts){
        .id = {ID},
        .type = GN_STR(GN_CNE_TYPE_REDFISH),
        .source = GN_STR(RESOURCE),
        .resource = GN_STR(RESOURCE),
        .origin = GN_STR("r17-node4"),
        .data = gn_str_of(data),
        .time_ns = ARRIVED_NS,
        .received_ns = ARRIVED_NS,
    };
}

static void begin(struct fixture *fx, const struct gn_event_parts *parts)
{
    gn_event_unref(fx->event);
    gn_arena_fini(&fx->arena);
    fx->event = gn_event_new(parts);
    assert_non_null(fx->event);
    fx->cache = (struct gn_native_cache){
        .event = fx->event,
        .node = "this-node",
        .arena = &fx->arena,
    };
}

static struct gn_native_view view(struct fixture *fx, enum gn_native_split split, uint64_t sequence)
{
    struct gn_native_view got;

    assert_int_equal(gn_native_view(&fx->cache, split, sequence, &got), GN_OK);
    assert_true(got.count > 0);
    return got;
}

/* The views of a Redfish event with this value. */
static void begin_redfish(struct fixture *fx, struct gn_str value)
{
    struct gn_buf data = GN_BUF_INIT;
    struct gn_event_parts parts;

    gn_cne_redfish_data(GN_STR("/redfish/v1/Systems"), value, &data);
    parts = parts_of(data.data);
    begin(fx, &parts);
    gn_buf_free(&data);
}

static struct gn_native_view records(struct fixture *fx, const char *value)
{
    begin_redfish(fx, gn_str_of(value));
    return view(fx, GN_SPLIT_RECORD, 0);
}

static struct gn_native_view whole(struct fixture *fx, const char *value)
{
    begin_redfish(fx, gn_str_of(value));
    return view(fx, GN_SPLIT_WHOLE, 0);
}

static const struct gn_native_event *only(struct gn_native_view got)
{
    assert_int_equal(got.count, 1);
    return got.events;
}

/* The extension's value, absent when there is none. */
static struct gn_str extension(const struct gn_native_event *event, const char *name)
{
    for (size_t i = 0; i < event->ce.extension_count; i++) {
        if (gn_str_eq(event->ce.extensions[i].name, gn_str_of(name)))
            return event->ce.extensions[i].value;
    }
    return GN_STR_NONE;
}

#define assert_text(got, want) assert_text_at(got, want, __LINE__)

/* want NULL: absent. */
static void assert_text_at(struct gn_str got, const char *want, int line)
{
    if ((got.p == NULL) != (want == NULL) || !gn_str_eq(got, gn_str_of(want)))
        fail_msg("line %d: got \"%.*s\", not \"%s\"", line, (int)got.len,
                 got.p == NULL ? "" : got.p, want == NULL ? "(absent)" : want);
}

/* The names of the extensions in their order, each with a blank. */
static void assert_extensions(const struct gn_native_event *event, const char *want)
{
    struct gn_buf names = GN_BUF_INIT;

    for (size_t i = 0; i < event->ce.extension_count; i++) {
        gn_buf_add_str(&names, event->ce.extensions[i].name);
        gn_buf_putc(&names, ' ');
    }
    assert_text(gn_buf_str(&names), want);
    gn_buf_free(&names);
}

/* ---- Redfish by record ---- */

#define RECORD                                                                                     \
    "{\"EventTimestamp\":\"2023-11-30T08:41:17-0500\",\"Message\":\"Hot.\","                       \
    "\"OriginOfCondition\":{\"@odata.id\":\"/redfish/v1/Chassis/1\"},\"Severity\":\"Warning\","    \
    "\"MessageId\":\"IDRAC.2.8.TMP0110\"}"

static void a_record_becomes_a_cloudevent(void **state)
{
    const struct gn_native_event *event;

    begin_redfish(*state, GN_STR("{\"@odata.type\":\"#Event.v1_7_0.Event\",\"Events\":[" RECORD
                                 "],\"Name\":\"Event Array\"}"));
    event = only(view(*state, GN_SPLIT_RECORD, 4711));
    assert_int_equal(event->ce.version, GN_CE_1_0);
    assert_text(event->ce.id, ID);
    assert_text(event->ce.source, "/redfish/r17-node4");
    assert_text(event->ce.type, "org.dmtf.redfish.event.IDRAC.TMP0110");
    assert_text(event->ce.subject, "/redfish/v1/Chassis/1");
    assert_text(event->ce.time, "2023-11-30T13:41:17Z");
    assert_text(event->ce.datacontenttype, "application/json");
    assert_text(event->ce.dataschema, "https://redfish.dmtf.org/schemas/v1/Event.v1_7_0.json");
    assert_int_equal(event->ce.kind, GN_CE_JSON);
    assert_text(event->ce.data, RECORD);
    assert_extensions(event, "severitytext severitynumber partitionkey messageid registry node bmc "
                             "recordedtime sequence traceparent ");
    assert_text(extension(event, "severitytext"), "WARN");
    assert_text(extension(event, "severitynumber"), "13");
    assert_true(event->ce.extensions[1].is_literal);
    assert_false(event->ce.extensions[0].is_literal);
    assert_text(extension(event, "partitionkey"), "r17-node4");
    assert_text(extension(event, "messageid"), "IDRAC.2.8.TMP0110");
    assert_text(extension(event, "registry"), "IDRAC");
    assert_text(extension(event, "node"), "n1");
    assert_text(extension(event, "bmc"), "r17-node4");
    assert_text(extension(event, "recordedtime"), ARRIVED);
    assert_text(extension(event, "sequence"), "00000000000000004711.0000");
    assert_text(event->severity, "Warning");
    assert_text(event->messagekey, "TMP0110");
    assert_text(event->origin, "/redfish/v1/Chassis/1");
    assert_text(event->resource, RESOURCE);
}

static void the_traceparent_follows_from_the_id(void **state)
{
    const struct gn_native_event *event = only(records(*state, "{\"Events\":[{}]}"));
    char want[64];

    (void)snprintf(want, sizeof want, "00-0f8fad5bd9cb469fa16570867728950e-%016llx-01",
                   (unsigned long long)gn_id_digest(GN_STR(ID)));
    assert_text(extension(event, "traceparent"), want);
}

static void severities_have_the_numbers_of_opentelemetry(void **state)
{
    static const struct {
        const char *record, *severity, *text, *number;
    } rows[] = {
        {"{\"Severity\":\"OK\"}", "OK", "INFO", "9"},
        {"{\"Severity\":\"Warning\"}", "Warning", "WARN", "13"},
        {"{\"Severity\":\"Critical\"}", "Critical", "ERROR", "17"},
        {"{\"Severity\":\"informational\"}", "OK", "INFO", "9"},
        {"{\"MessageSeverity\":\"Critical\"}", "Critical", "ERROR", "17"},
        {"{\"Severity\":\"\",\"MessageSeverity\":\"OK\"}", "OK", "INFO", "9"},
        {"{\"Severity\":\"odd\"}", NULL, NULL, NULL},
        {"{}", NULL, NULL, NULL},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_native_event *event;
        char value[128];

        (void)snprintf(value, sizeof value, "{\"Events\":[%s]}", rows[i].record);
        event = only(records(*state, value));
        assert_text(event->severity, rows[i].severity);
        assert_text(extension(event, "severitytext"), rows[i].text);
        assert_text(extension(event, "severitynumber"), rows[i].number);
    }
}

static void the_type_is_made_from_the_message_id(void **state)
{
    static const struct {
        const char *id, *type, *messageid, *registry, *key;
    } rows[] = {
        {"\"iLOEvents.2.3.ResourceUpdated\"", "org.dmtf.redfish.event.iLOEvents.ResourceUpdated",
         "iLOEvents.2.3.ResourceUpdated", "iLOEvents", "ResourceUpdated"},
        {"\" OpenBMC.0.4.X \"", "org.dmtf.redfish.event.OpenBMC.X", "OpenBMC.0.4.X", "OpenBMC",
         "X"},
        {"\"ZT_Log.1.0.Alert\"", "org.dmtf.redfish.event.ZT_Log.Alert", "ZT_Log.1.0.Alert",
         "ZT_Log", "Alert"},
        {"\"Base.1.0.\\u0041\"", "org.dmtf.redfish.event.Base.A", "Base.1.0.A", "Base", "A"},
        {"\"CPU0001\"", "org.dmtf.redfish.event.CPU0001", "CPU0001", NULL, "CPU0001"},
        {"\"A.1.0.two words\"", "org.dmtf.redfish.event", "A.1.0.two words", NULL, NULL},
        {"\"A.1.0.\\n\"", "org.dmtf.redfish.event", "A.1.0.", NULL, NULL},
        {"\"A.\\u0007.B\"", "org.dmtf.redfish.event", NULL, NULL, NULL},
        {"\"A.\"", "org.dmtf.redfish.event", "A.", NULL, NULL},
        {"\"\"", "org.dmtf.redfish.event", NULL, NULL, NULL},
        {"null", "org.dmtf.redfish.event", NULL, NULL, NULL},
        {"{}", "org.dmtf.redfish.event", NULL, NULL, NULL},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_native_event *event;
        char value[128];

        (void)snprintf(value, sizeof value, "{\"Events\":[{\"MessageId\":%s}]}", rows[i].id);
        event = only(records(*state, value));
        assert_text(event->ce.type, rows[i].type);
        assert_text(extension(event, "messageid"), rows[i].messageid);
        assert_text(extension(event, "registry"), rows[i].registry);
        assert_text(event->messagekey, rows[i].key);
    }
}

static void the_time_is_the_events_or_that_of_arrival(void **state)
{
    static const struct {
        const char *stamp, *time;
    } rows[] = {
        {"\"2020-11-14T17:15:06-0500\"", "2020-11-14T22:15:06Z"},
        {"\"2024-08-01T12:00:00.417+00:00\"", "2024-08-01T12:00:00.417Z"},
        {"\"2024-02-29T23:59:58\"", "2024-02-29T23:59:58Z"},
        {"\"0000-00-00T00:00:00Z\"", ARRIVED},
        {"\"yesterday\"", ARRIVED},
        {"17", ARRIVED},
        {"null", ARRIVED},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char value[128];

        (void)snprintf(value, sizeof value, "{\"Events\":[{\"EventTimestamp\":%s}]}",
                       rows[i].stamp);
        assert_text(only(records(*state, value))->ce.time, rows[i].time);
    }
}

static void only_schemas_of_events_are_named(void **state)
{
#define SCHEMAS "https://redfish.dmtf.org/schemas/v1/"
    static const struct {
        const char *type, *schema;
    } rows[] = {
        {"#Event.v1_7_0.Event", SCHEMAS "Event.v1_7_0.json"},
        {"Event.v1_11_2.Event", SCHEMAS "Event.v1_11_2.json"},
        {"#Event.Event", SCHEMAS "Event.json"},
        {"#Event.1_7_0.Event", NULL},
        {"#Event.v.Event", NULL},
        {"#Event.v1/../x.Event", NULL},
        {"#OemThing.v1_0_0.OemThing", NULL},
        {"#Event", NULL},
        {"#", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char value[128];

        (void)snprintf(value, sizeof value, "{\"@odata.type\":\"%s\",\"Events\":[{}]}",
                       rows[i].type);
        assert_text(only(records(*state, value))->ce.dataschema, rows[i].schema);
        (void)snprintf(value, sizeof value, "{\"Events\":[{\"@odata.type\":\"%s\"}]}",
                       rows[i].type);
        assert_text(only(records(*state, value))->ce.dataschema, rows[i].schema);
    }
    assert_text(only(records(*state, "{\"Events\":[{\"@odata.type\":7}]}"))->ce.dataschema, NULL);
}

static void each_record_has_its_id_place_and_bytes(void **state)
{
    struct fixture *fx = *state;
    struct gn_native_view got;
    struct gn_str first;

    begin_redfish(fx, GN_STR("{\"Events\":[{\"MessageId\":\"A.1.0.X\"},7,{ \"a\" : [ 1 , {} ] },"
                             "{}]}"));
    got = view(fx, GN_SPLIT_RECORD, 9);
    assert_int_equal(got.count, 3);
    assert_text(got.events[0].ce.data, "{\"MessageId\":\"A.1.0.X\"}");
    assert_text(got.events[1].ce.data, "{ \"a\" : [ 1 , {} ] }");
    assert_text(got.events[2].ce.data, "{}");
    assert_text(got.events[0].ce.type, "org.dmtf.redfish.event.A.X");
    assert_text(got.events[1].ce.type, "org.dmtf.redfish.event");
    assert_text(extension(&got.events[0], "sequence"), "00000000000000000009.0000");
    assert_text(extension(&got.events[2], "sequence"), "00000000000000000009.0002");
    for (size_t i = 0; i < got.count; i++) {
        assert_true(gn_id_is_valid(got.events[i].ce.id));
        assert_false(gn_str_eq(got.events[i].ce.id, GN_STR(ID)));
        assert_false(gn_str_eq(got.events[i].ce.id, got.events[(i + 1) % 3].ce.id));
    }
    first = got.events[0].ce.id;
    fx->cache.records.count = 0; /* read again: ids are stable */
    got = view(fx, GN_SPLIT_RECORD, 9);
    assert_true(gn_str_eq(got.events[0].ce.id, first));
}

/* These are stored by consumers: they must never change. */
static void the_ids_of_records_are_those_of_ever(void **state)
{
    const struct gn_native_view got = records(*state, "{\"Events\":[{},{}]}");

    assert_text(got.events[0].ce.id, "c97e5b22-d3da-56e8-945e-dee0c727f136");
    assert_text(got.events[1].ce.id, "53528c32-25f1-5441-be49-06411dd5dda2");
}

static void records_are_found_as_the_scan_finds_them(void **state)
{
    static const struct {
        const char *value;
        size_t count;
        const char *last;
    } rows[] = {
        {"{\"Events\":{\"x\":1}}", 1, "{\"x\":1}"},
        {"{\"EVENTS\":[{\"x\":1}]}", 1, "{\"x\":1}"},
        {"{\"\\u0045vents\":[{\"x\":1}]}", 1, "{\"x\":1}"},
        {"{\"Events\":[{\"a\":1},{\"a\":2}],\"Events\":[{\"x\":1}]}", 1, "{\"x\":1}"},
        {"{\"Events\":[{\"a\":1}],\"Oem\":{\"Events\":[{},{}]},\"Events\":[{},{\"x\":1}]}", 2,
         "{\"x\":1}"},
        {"{\"MessageId\":\"A.1.0.B\",\"x\":1}", 1, "{\"MessageId\":\"A.1.0.B\",\"x\":1}"},
        {"[{\"Events\":[{}]},{\"MessageId\":\"B\"},3,{\"Events\":[{},{\"x\":1}]}]", 4, "{\"x\":1}"},
        {"[{\"Events\":[]},{\"Events\":[{\"x\":1}]}]", 1, "{\"x\":1}"},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_native_view got = records(*state, rows[i].value);

        assert_int_equal(got.count, rows[i].count);
        assert_text(got.events[got.count - 1].ce.data, rows[i].last);
    }
}

static void what_has_no_records_is_told_as_one(void **state)
{
    static const struct {
        const char *value, *type, *schema;
    } rows[] = {
        {"{\"Events\":[]}", "org.dmtf.redfish.event", NULL},
        {"{\"@odata.type\":\"#Event.v1_4_0.Event\"}", "org.dmtf.redfish.event",
         SCHEMAS "Event.v1_4_0.json"},
        {"{\"@odata.type\":\"#MetricReport.v1_2_0.MetricReport\",\"MetricValues\":[]}",
         "org.dmtf.redfish.metricreport", SCHEMAS "MetricReport.v1_2_0.json"},
        {"{\"MetricValues\":[{}]}", "org.dmtf.redfish.metricreport", NULL},
        {"{\"MetricValues\":[{}],\"@odata.type\":7}", "org.dmtf.redfish.metricreport", NULL},
        {"[{\"MetricValues\":[{}]}]", "org.dmtf.redfish.metricreport", NULL},
        {"{\"hello\":1}", "org.dmtf.redfish.event", NULL},
        {"17", "org.dmtf.redfish.event", NULL},
        {"\"text\"", "org.dmtf.redfish.event", NULL},
        {"null", "org.dmtf.redfish.event", NULL},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        for (int split = GN_SPLIT_RECORD; split <= GN_SPLIT_WHOLE; split++) {
            const struct gn_native_event *event;

            begin_redfish(*state, gn_str_of(rows[i].value));
            event = only(view(*state, (enum gn_native_split)split, 5));
            assert_text(event->ce.id, ID);
            assert_text(event->ce.source, "/redfish/r17-node4");
            assert_text(event->ce.type, rows[i].type);
            assert_text(event->ce.dataschema, rows[i].schema);
            assert_text(event->ce.time, ARRIVED);
            assert_text(event->ce.data, rows[i].value);
            assert_extensions(event, "partitionkey node bmc recordedtime sequence traceparent ");
        }
    }
}

/* An object with more unknown members than the scan takes, which it must be told with. */
static void what_is_beyond_a_limit_is_told_unread(void **state)
{
    struct gn_buf value = GN_BUF_INIT;
    const struct gn_native_event *event;

    gn_buf_puts(&value, "{\"Events\":[{}]");
    for (unsigned i = 0; i <= GN_REDFISH_EXTRAS_MAX; i++)
        gn_buf_printf(&value, ",\"x%u\":1", i);
    gn_buf_putc(&value, '}');
    event = only(records(*state, value.data));
    assert_text(event->ce.type, "org.dmtf.redfish.event");
    assert_text(event->ce.data, value.data);
    gn_buf_free(&value);
}

static void sources_are_uri_references(void **state)
{
    static const struct {
        const char *origin, *resource, *source, *bmc;
    } rows[] = {
        {"10.1.2.3", RESOURCE, "/redfish/10.1.2.3", "10.1.2.3"},
        {"fe80::1%eth0", RESOURCE, "/redfish/fe80::1%25eth0", "fe80::1%eth0"},
        {"rack 1/bmc?x#y", RESOURCE, "/redfish/rack%201%2Fbmc%3Fx%23y", "rack 1/bmc?x#y"},
        {"b\u00fcro", RESOURCE, "/redfish/b%C3%BCro", "b\u00fcro"},
        {"a\nb", RESOURCE, "/redfish/a%0Ab", NULL},
        {"", RESOURCE, RESOURCE, NULL},
        {"", "/a b/%41/%4/100%/\u00fc?q#f", "/a%20b/%41/%254/100%25/%C3%BC?q#f", NULL},
        {"", "", "/redfish", NULL},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event_parts parts = parts_of(
            "{\"values\":[{\"valueType\":\"redfish-event\",\"value\":{\"Events\":[{}]}}]}");
        const struct gn_native_event *event;

        parts.origin = gn_str_of(rows[i].origin);
        parts.resource = gn_str_of(rows[i].resource);
        begin(*state, &parts);
        event = only(view(*state, GN_SPLIT_RECORD, 0));
        assert_text(event->ce.source, rows[i].source);
        assert_text(extension(event, "bmc"), rows[i].bmc);
        assert_text(extension(event, "partitionkey"), rows[i].bmc);
    }
}

static void the_node_is_that_of_the_address_or_this_one(void **state)
{
    static const struct {
        const char *resource, *node, *want;
    } rows[] = {
        {"/cluster/node/n1/redfish/v1/Systems", "this-node", "n1"},
        {"/cluster/node/n2", "this-node", "n2"},
        {"/cluster/node/", "this-node", "this-node"},
        {"/east-edge/x", "this-node", "this-node"},
        {"/east-edge/x", NULL, NULL},
        {"/cluster/node/a\x01/x", "this-node", NULL},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event_parts parts = parts_of("{}");

        parts.resource = gn_str_of(rows[i].resource);
        begin(fx, &parts);
        fx->cache.node = rows[i].node;
        assert_text(extension(only(view(fx, GN_SPLIT_RECORD, 0)), "node"), rows[i].want);
    }
}

static void attributes_hold_no_control_characters(void **state)
{
    static const struct {
        const char *origin, *subject;
    } rows[] = {
        {"\"iDRAC.Embedded.1\"", "iDRAC.Embedded.1"},
        {"\"/r\\u00e4ck\"", "/r\u00e4ck"},
        {"\"/a\\nb\"", NULL},
        {"\"/a\\u007f\"", NULL},
        {"\"/a\\u0085b\"", NULL},
        {"\"/a\\u00a0b\"", "/a\u00a0b"},
        {"\"\"", NULL},
        {"[]", NULL},
        {"{\"@odata.id\":\"/x\"}", "/x"},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_native_event *event;
        char value[128];

        (void)snprintf(value, sizeof value, "{\"Events\":[{\"OriginOfCondition\":%s}]}",
                       rows[i].origin);
        event = only(records(*state, value));
        assert_text(event->ce.subject, rows[i].subject);
        assert_text(event->origin, rows[i].subject);
    }
}

static void attributes_are_no_longer_than_receivers_take(void **state)
{
    struct gn_buf value = GN_BUF_INIT;

    for (int excess = 0; excess <= 1; excess++) {
        gn_buf_reset(&value);
        gn_buf_printf(&value, "{\"Events\":[{\"OriginOfCondition\":\"%0*d\"}]}",
                      GN_CE_VALUE_MAX + excess, 7);
        assert_int_equal(only(records(*state, value.data))->ce.subject.len,
                         excess ? 0 : GN_CE_VALUE_MAX);
    }
    gn_buf_free(&value);
}

/* ---- Redfish as a whole ---- */

#define OK_RECORD                                                                                  \
    "{\"MessageId\":\"A.1.0.X\",\"Severity\":\"OK\",\"EventTimestamp\":\"2020-01-01T00:00:00Z\"}"
#define WARN_RECORD                                                                                \
    "{\"MessageId\":\"A.1.1.X\",\"Severity\":\"Warning\",\"OriginOfCondition\":\"/w\"}"
#define CRIT_RECORD                                                                                \
    "{\"MessageId\":\"B.1.0.Y\",\"Severity\":\"Critical\",\"OriginOfCondition\":\"/c\"}"

static void the_whole_says_what_its_gravest_record_says(void **state)
{
    static const struct {
        const char *events, *type, *severity, *messageid, *subject;
    } rows[] = {
        {OK_RECORD, "org.dmtf.redfish.event.A.X", "OK", "A.1.0.X", NULL},
        {OK_RECORD "," WARN_RECORD, "org.dmtf.redfish.event.A.X", "Warning", "A.1.1.X", "/w"},
        {OK_RECORD "," CRIT_RECORD "," WARN_RECORD, "org.dmtf.redfish.event", "Critical", "B.1.0.Y",
         "/c"},
        {"{}," WARN_RECORD, "org.dmtf.redfish.event", "Warning", "A.1.1.X", "/w"},
        {"{\"OriginOfCondition\":\"/1\"},{\"OriginOfCondition\":\"/2\"}", "org.dmtf.redfish.event",
         NULL, NULL, "/1"},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_native_event *event;
        char value[512];

        (void)snprintf(value, sizeof value, "{\"Events\":[%s],\"Id\":\"1\"}", rows[i].events);
        event = only(whole(*state, value));
        assert_text(event->ce.id, ID);
        assert_text(event->ce.type, rows[i].type);
        assert_text(event->severity, rows[i].severity);
        assert_text(extension(event, "messageid"), rows[i].messageid);
        assert_text(event->ce.subject, rows[i].subject);
        assert_text(event->ce.data, value);
    }
}

static void the_cache_reads_each_split_once(void **state)
{
    struct fixture *fx = *state;
    struct gn_native_view first, again;

    begin_redfish(fx, GN_STR("{\"Events\":[{},{}]}"));
    first = view(fx, GN_SPLIT_RECORD, 1);
    again = view(fx, GN_SPLIT_RECORD, 1);
    assert_ptr_equal(first.events, again.events);
    assert_int_equal(again.count, 2);
    again = view(fx, GN_SPLIT_WHOLE, 1);
    assert_int_equal(again.count, 1);
    assert_ptr_equal(view(fx, GN_SPLIT_WHOLE, 1).events, again.events);
}

static void what_every_vendor_sends_is_told(void **state)
{
    static const struct {
        const char *file, *type, *time, *subject, *severity;
    } rows[] = {
        {"idrac8", "org.dmtf.redfish.event.CPU0001", "2020-11-14T22:15:06Z", "iDRAC.Embedded.1",
         "OK"},
        {"idrac9", "org.dmtf.redfish.event.IDRAC.TMP0110", "2023-11-30T13:41:17Z",
         "/redfish/v1/Chassis/System.Embedded.1/Sensors/InletTemp", "Warning"},
        {"ilo5", "org.dmtf.redfish.event.iLOEvents.ResourceUpdated", "2022-03-09T10:20:30Z",
         "/redfish/v1/Systems/1/Bios/Settings/", "OK"},
        {"ami_zt", "org.dmtf.redfish.event.ZT_Event_Service_Log.Alert", "2022-08-09T10:30:01Z",
         "/redfish/v1/Chassis/Self/Power#/Voltages/4", "Critical"},
        {"rie", "org.dmtf.redfish.event.ResourceEvent.PowerStateChanged",
         "2024-02-29T23:59:58.123456Z", "/redfish/v1/Systems/Node0", "OK"},
        {"emulator", "org.dmtf.redfish.event.Base.ResourceChanged", "2019-01-02T09:04:05Z",
         "/redfish/v1/Chassis/1/Thermal", "OK"},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf body = GN_BUF_INIT, value = GN_BUF_INIT;
        struct gn_redfish_payload payload;
        const struct gn_native_event *event;
        struct gn_arena arena;
        char path[512];

        gn_arena_init(&arena, ARENA_BYTES);
        (void)snprintf(path, sizeof path, "%s/redfish/%s.json", GN_TEST_DATA, rows[i].file);
        assert_int_equal(gn_file_read(path, 1 << 20, &body), GN_OK);
        assert_int_equal(gn_redfish_scan(gn_buf_str(&body), body.len, &arena, &payload, NULL),
                         GN_OK);
        gn_redfish_write_v1(payload.events, NULL, &value);
        begin_redfish(fx, gn_buf_str(&value));
        event = only(view(fx, GN_SPLIT_RECORD, 0));
        assert_text(event->ce.type, rows[i].type);
        assert_text(event->ce.time, rows[i].time);
        assert_text(event->ce.subject, rows[i].subject);
        assert_text(event->severity, rows[i].severity);
        gn_arena_fini(&arena);
        gn_buf_free(&value);
        gn_buf_free(&body);
    }
}

/* ---- other events ---- */

#define PTP                                                                                        \
    "{\"version\":\"v1\",\"values\":[{\"resource\":\"/sync/x\",\"dataType\":\"notification\","     \
    "\"valueType\":\"enumeration\",\"value\":\"LOCKED\"}]}"

static void events_of_publishers_are_told_as_they_are(void **state)
{
    struct gn_event_parts parts = parts_of(PTP);
    const struct gn_native_event *event;

    parts.type = GN_STR("event.sync.state-change");
    parts.source = GN_STR("/sync/x");
    parts.resource = GN_STR("/cluster/node/n7/sync/x");
    parts.time_ns = INT64_C(1600000000000000000);
    begin(*state, &parts);
    event = only(view(*state, GN_SPLIT_RECORD, 3));
    assert_text(event->ce.id, ID);
    assert_text(event->ce.source, "/cluster/node/n7/sync/x");
    assert_text(event->ce.subject, "/sync/x");
    assert_text(event->ce.type, "event.sync.state-change");
    assert_text(event->ce.time, "2020-09-13T12:26:40Z");
    assert_text(event->ce.datacontenttype, "application/json");
    assert_text(event->ce.dataschema, NULL);
    assert_int_equal(event->ce.kind, GN_CE_JSON);
    assert_text(event->ce.data, PTP);
    assert_extensions(event, "node recordedtime sequence traceparent ");
    assert_text(extension(event, "node"), "n7");
    assert_text(event->severity, NULL);
    assert_text(event->messagekey, NULL);
    assert_text(event->origin, NULL);
    assert_text(event->resource, "/cluster/node/n7/sync/x");
}

static void what_a_publisher_left_out_is_absent(void **state)
{
    struct gn_event_parts parts = parts_of(NULL);
    const struct gn_native_event *event;

    parts.type = GN_STR_NONE;
    parts.resource = GN_STR_NONE;
    parts.source = GN_STR_NONE;
    parts.time_ns = 0;
    begin(*state, &parts);
    event = only(view(*state, GN_SPLIT_WHOLE, 0));
    assert_text(event->ce.type, "event.unknown"); /* required */
    assert_text(event->ce.source, "/");           /* likewise */
    assert_text(event->ce.subject, NULL);
    assert_text(event->ce.time, NULL);
    assert_text(event->ce.datacontenttype, NULL);
    assert_int_equal(event->ce.kind, GN_CE_NO_DATA);
    assert_text(event->ce.data, NULL);
}

static void only_the_first_value_says_what_it_is(void **state)
{
    static const struct {
        const char *data;
        bool is_redfish;
    } rows[] = {
        {"{\"values\":[{\"valueType\":\"redfish-event\",\"value\":{}}]}", true},
        {"{\"version\":{\"values\":1},\"values\":[{\"value\":{},\"valueType\":\"redfish-event\"}]}",
         true},
        {"{\"values\":[{\"valueType\":\"redfish\\u002devent\",\"value\":{}}]}", true},
        {"{\"values\":[{\"valueType\":\"metric\",\"value\":1},"
         "{\"valueType\":\"redfish-event\",\"value\":{}}]}",
         false},
        {"{\"values\":[{\"valueType\":\"redfish-event\"}]}", false},
        {"{\"values\":[{\"value\":{}}]}", false},
        {"{\"values\":[{\"valueType\":1,\"value\":{}}]}", false},
        {"{\"values\":[]}", false},
        {"{\"values\":[[]]}", false},
        {"{\"values\":{\"valueType\":\"redfish-event\",\"value\":{}}}", false},
        {"{\"Values\":[{\"valueType\":\"redfish-event\",\"value\":{}}]}", false},
        {"[{\"valueType\":\"redfish-event\",\"value\":{}}]", false},
        {"{\"values\":[{\"valueType\":\"redfish-event\",\"value\":{}", false},
        {"17", false},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_event_parts parts = parts_of(rows[i].data);
        const struct gn_native_event *event;

        begin(*state, &parts);
        event = only(view(*state, GN_SPLIT_RECORD, 0));
        assert_text(event->ce.type,
                    rows[i].is_redfish ? "org.dmtf.redfish.event" : GN_CNE_TYPE_REDFISH);
        assert_text(event->ce.data, rows[i].is_redfish ? "{}" : rows[i].data);
    }
}

#define ATTRIBUTES                                                                                 \
    "{\"id\":\"A-1\",\"subject\":\"s\",\"datacontenttype\":\"text/plain\",\"dataschema\":\"u:x\"," \
    "\"traceparent\":\"00-1\",\"count\":7,\"flag\":true,\"text\":\"\\u00e4\\n\",\"none\":null,"    \
    "\"odd\":[1]}"

static void what_came_as_a_cloudevent_goes_as_it_came(void **state)
{
    struct gn_event_parts parts = parts_of("[1,2]");
    const struct gn_native_event *event;

    parts.type = GN_STR("com.example.x");
    parts.source = GN_STR("urn:x:y z");
    parts.attributes = GN_STR(ATTRIBUTES);
    parts.flags = GN_EVENT_PLAIN;
    begin(*state, &parts);
    event = only(view(*state, GN_SPLIT_RECORD, 3));
    assert_text(event->ce.id, "A-1");
    assert_text(event->ce.source, "urn:x:y z");
    assert_text(event->ce.type, "com.example.x");
    assert_text(event->ce.subject, "s");
    assert_text(event->ce.datacontenttype, "text/plain");
    assert_text(event->ce.dataschema, "u:x");
    assert_text(event->ce.time, ARRIVED);
    assert_text(event->ce.data, "[1,2]");
    assert_int_equal(event->ce.kind, GN_CE_JSON);
    assert_extensions(event, "traceparent count flag text ");
    assert_text(extension(event, "count"), "7");
    assert_text(extension(event, "flag"), "true");
    assert_text(extension(event, "text"), "\u00e4\n");
    assert_false(event->ce.extensions[0].is_literal);
    assert_true(event->ce.extensions[1].is_literal);
    assert_true(event->ce.extensions[2].is_literal);
    assert_text(event->resource, RESOURCE);
}

static void attributes_that_came_go_before_ours(void **state)
{
    struct gn_event_parts parts = parts_of(PTP);
    const struct gn_native_event *event;

    parts.attributes = GN_STR(ATTRIBUTES);
    begin(*state, &parts);
    event = only(view(*state, GN_SPLIT_RECORD, 3));
    assert_text(event->ce.id, "A-1");
    assert_text(event->ce.subject, "s");
    assert_extensions(event, "node recordedtime sequence traceparent count flag text ");
    assert_text(extension(event, "traceparent"), "00-1");
}

static void an_event_without_attributes_is_plain_all_the_same(void **state)
{
    static const char *const attributes[] = {"", "{}", "[]", "{\"id\":", "garbage"};

    for (size_t i = 0; i < GN_LEN(attributes); i++) {
        struct gn_event_parts parts = parts_of(NULL);
        const struct gn_native_event *event;

        parts.source = GN_STR_NONE;
        parts.flags = GN_EVENT_PLAIN;
        parts.attributes = gn_str_of(attributes[i]);
        begin(*state, &parts);
        event = only(view(*state, GN_SPLIT_RECORD, 3));
        assert_text(event->ce.id, ID);
        assert_text(event->ce.source, RESOURCE);
        assert_int_equal(event->ce.extension_count, 0);
        assert_int_equal(event->ce.kind, GN_CE_NO_DATA);
    }
}

static void bytes_are_taken_out_of_their_base64(void **state)
{
    static const struct {
        const char *data;
        enum gn_ce_data kind;
        struct gn_str want;
    } rows[] = {
        {"\"AAEC/w==\"", GN_CE_BYTES, GN_STR_INIT("\0\1\2\xff")},
        {"\"AAEC\\/w==\"", GN_CE_BYTES, GN_STR_INIT("\0\1\2\xff")},
        {"\"aGVsbG8=\"", GN_CE_BYTES, GN_STR_INIT("hello")},
        {"\"\"", GN_CE_BYTES, GN_STR_INIT("")},
        {"\"a\"", GN_CE_JSON, GN_STR_INIT("\"a\"")},
        {"{}", GN_CE_JSON, GN_STR_INIT("{}")},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event_parts parts = parts_of(rows[i].data);
        const struct gn_native_event *event;

        parts.flags = GN_EVENT_PLAIN | GN_EVENT_BASE64;
        begin(*state, &parts);
        event = only(view(*state, GN_SPLIT_WHOLE, 0));
        assert_int_equal(event->ce.kind, rows[i].kind);
        assert_true(gn_str_eq(event->ce.data, rows[i].want));
    }
}

/* ---- limits ---- */

static void too_many_extensions_are_refused(void **state)
{
    struct fixture *fx = *state;

    for (unsigned excess = 0; excess <= 1; excess++) {
        struct gn_event_parts parts = parts_of("{}");
        struct gn_buf attributes = GN_BUF_INIT;
        struct gn_native_view got;

        for (unsigned i = 0; i < GN_CE_EXTENSIONS_MAX + excess; i++)
            gn_buf_printf(&attributes, "%c\"x%u\":\"y\"", i == 0 ? '{' : ',', i);
        gn_buf_putc(&attributes, '}');
        parts.attributes = gn_buf_str(&attributes);
        begin(fx, &parts);
        assert_int_equal(gn_native_view(&fx->cache, GN_SPLIT_RECORD, 1, &got),
                         excess ? GN_ELIMIT : GN_OK);
        gn_buf_free(&attributes);
    }
}

static void lack_of_memory_is_reported_and_may_be_over_later(void **state)
{
    struct fixture *fx = *state;
    struct gn_native_view got;
    size_t limit = 0;
    enum gn_err err;

    begin_redfish(fx, GN_STR("{\"Events\":[" RECORD "," RECORD "]}"));
    do {
        gn_arena_fini(&fx->arena);
        gn_arena_init(&fx->arena, limit++);
        err = gn_native_view(&fx->cache, GN_SPLIT_RECORD, 1, &got);
        assert_true(err == GN_OK || err == GN_ENOMEM);
        assert_int_equal(fx->cache.records.count, err == GN_OK ? 2 : 0);
    } while (err != GN_OK);
    assert_true(limit > 500);
    assert_text(got.events[1].ce.data, RECORD);
}

/* ---- what passes ---- */

static bool spec_passes(const char *members, const struct gn_native_event *event)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_native_spec *spec = NULL;
    char error[GN_NATIVE_ERROR_MAX];
    json_t *json = NULL;
    bool passes;

    gn_buf_printf(&text, "{\"sink\":\"http://h/\"%s%s}", members[0] == '\0' ? "" : ",", members);
    assert_int_equal(gn_json_parse(gn_buf_str(&text), NULL, &json), GN_OK);
    if (gn_native_spec_parse(json, &spec, error) != GN_OK)
        fail_msg("%s: %s", members, error);
    passes = gn_native_passes(spec, event);
    gn_native_spec_free(spec);
    json_decref(json);
    gn_buf_free(&text);
    return passes;
}

static void source_types_and_filters_decide(void **state)
{
    static const struct {
        const char *members;
        bool passes;
    } rows[] = {
        {"", true},
        {"\"source\":\"/redfish/r17-node4\"", true},
        {"\"source\":\"/redfish/r17\"", false},
        {"\"types\":[\"x\",\"org.dmtf.redfish.event.IDRAC.TMP0110\"]", true},
        {"\"types\":[\"org.dmtf.redfish.event\"]", false},
        {"\"types\":[]", true},
        {"\"filters\":[{\"exact\":{\"severity\":\"Warning\"}}]", true},
        {"\"filters\":[{\"exact\":{\"severity\":\"OK\"}}]", false},
        {"\"source\":\"/redfish/r17-node4\",\"filters\":[{\"exact\":{\"severity\":\"OK\"}}]",
         false},
    };
    const struct gn_native_event *event = only(records(*state, "{\"Events\":[" RECORD "]}"));

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        if (spec_passes(rows[i].members, event) != rows[i].passes)
            fail_msg("%s: not %d", rows[i].members, rows[i].passes);
    }
}

static void filters_see_every_attribute(void **state)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"id", ID},
        {"source", "/redfish/r17-node4"},
        {"specversion", "1.0"},
        {"type", "org.dmtf.redfish.event.IDRAC.TMP0110"},
        {"subject", "/redfish/v1/Chassis/1"},
        {"time", "2023-11-30T13:41:17Z"},
        {"datacontenttype", "application/json"},
        {"dataschema", "https://redfish.dmtf.org/schemas/v1/Event.v1_7_0.json"},
        {"severitytext", "WARN"},
        {"severitynumber", "13"},
        {"partitionkey", "r17-node4"},
        {"messageid", "IDRAC.2.8.TMP0110"},
        {"registry", "IDRAC"},
        {"node", "n1"},
        {"bmc", "r17-node4"},
        {"recordedtime", ARRIVED},
        {"sequence", "00000000000000000002.0000"},
        {"severity", "Warning"},
        {"messagekey", "TMP0110"},
        {"origin", "/redfish/v1/Chassis/1"},
        {"resource", RESOURCE},
        {"MessageKey", "TMP0110"},
    };
    const struct gn_native_event *event;

    begin_redfish(*state,
                  GN_STR("{\"@odata.type\":\"#Event.v1_7_0.Event\",\"Events\":[" RECORD "]}"));
    event = only(view(*state, GN_SPLIT_RECORD, 2));
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char members[256];

        (void)snprintf(members, sizeof members, "\"filters\":[{\"exact\":{\"%s\":\"%s\"}}]",
                       rows[i].name, rows[i].value);
        if (!spec_passes(members, event))
            fail_msg("%s is not %s", rows[i].name, rows[i].value);
    }
    assert_false(spec_passes("\"filters\":[{\"prefix\":{\"data\":\"{\"}}]", event));
}

static void an_own_attribute_goes_before_what_is_told_beside(void **state)
{
    struct gn_event_parts parts = parts_of("1");
    const struct gn_native_event *event;

    parts.flags = GN_EVENT_PLAIN;
    parts.attributes = GN_STR("{\"severity\":\"high\"}");
    begin(*state, &parts);
    event = only(view(*state, GN_SPLIT_RECORD, 0));
    assert_true(spec_passes("\"filters\":[{\"exact\":{\"severity\":\"high\"}}]", event));
    assert_true(spec_passes("\"filters\":[{\"exact\":{\"resource\":\"" RESOURCE "\"}}]", event));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_becomes_a_cloudevent),
        TEST(the_traceparent_follows_from_the_id),
        TEST(severities_have_the_numbers_of_opentelemetry),
        TEST(the_type_is_made_from_the_message_id),
        TEST(the_time_is_the_events_or_that_of_arrival),
        TEST(only_schemas_of_events_are_named),
        TEST(each_record_has_its_id_place_and_bytes),
        TEST(the_ids_of_records_are_those_of_ever),
        TEST(records_are_found_as_the_scan_finds_them),
        TEST(what_has_no_records_is_told_as_one),
        TEST(what_is_beyond_a_limit_is_told_unread),
        TEST(sources_are_uri_references),
        TEST(the_node_is_that_of_the_address_or_this_one),
        TEST(attributes_hold_no_control_characters),
        TEST(attributes_are_no_longer_than_receivers_take),
        TEST(the_whole_says_what_its_gravest_record_says),
        TEST(the_cache_reads_each_split_once),
        TEST(what_every_vendor_sends_is_told),
        TEST(events_of_publishers_are_told_as_they_are),
        TEST(what_a_publisher_left_out_is_absent),
        TEST(only_the_first_value_says_what_it_is),
        TEST(what_came_as_a_cloudevent_goes_as_it_came),
        TEST(attributes_that_came_go_before_ours),
        TEST(an_event_without_attributes_is_plain_all_the_same),
        TEST(bytes_are_taken_out_of_their_base64),
        TEST(too_many_extensions_are_refused),
        TEST(lack_of_memory_is_reported_and_may_be_over_later),
        TEST(source_types_and_filters_decide),
        TEST(filters_see_every_attribute),
        TEST(an_own_attribute_goes_before_what_is_told_beside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
