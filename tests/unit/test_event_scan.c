#include "gurnard/redfish/event_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/file.h"

#define ARENA_BYTES ((size_t)8 << 20)
#define BODY_BYTES  ((size_t)4 << 20)

/* One scan and what it lives on. */
struct fixture {
    struct gn_arena arena;
    struct gn_redfish_payload payload;
    size_t offset;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.offset = 0};
    gn_arena_init(&fixture.arena, ARENA_BYTES);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    gn_arena_fini(&fx->arena);
    return 0;
}

static enum gn_err scan_str(struct fixture *fx, struct gn_str body)
{
    gn_arena_fini(&fx->arena);
    return gn_redfish_scan(body, BODY_BYTES, &fx->arena, &fx->payload, &fx->offset);
}

static enum gn_err scan(struct fixture *fx, const char *body)
{
    return scan_str(fx, gn_str_of(body));
}

/* Scans body, which must hold one event with one record. */
static const struct gn_redfish_record *only_record(struct fixture *fx, const char *body)
{
    assert_int_equal(scan(fx, body), GN_OK);
    assert_int_equal(fx->payload.kind, GN_REDFISH_EVENT);
    assert_int_equal(fx->payload.event_count, 1);
    assert_int_equal(fx->payload.events[0].record_count, 1);
    return &fx->payload.events[0].records[0];
}

static void assert_str(struct gn_str got, const char *want)
{
    if (want == NULL) {
        assert_null(got.p);
        return;
    }
    assert_non_null(got.p);
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.p, want, got.len);
}

static void every_vendor_shape_is_understood(void **state)
{
    static const struct {
        const char *file;
        enum gn_redfish_kind kind;
        uint32_t records, extras; /* of the first event; unknown members of the first record */
        bool is_bare;
        const char *message_id, *timestamp, *severity, *origin;
    } rows[] = {
        {"idrac8", GN_REDFISH_EVENT, 1, 1, false, "CPU0001", "2020-11-14T17:15:06-0500",
         "Informational", "iDRAC.Embedded.1"},
        {"idrac9", GN_REDFISH_EVENT, 1, 1, false, "IDRAC.2.8.TMP0110", "2023-11-30T08:41:17-0500",
         "Warning", "/redfish/v1/Chassis/System.Embedded.1/Sensors/InletTemp"},
        {"idrac10", GN_REDFISH_EVENT, 1, 2, false, "IDRAC.TMP0120", "2025-06-18T02:03:04-06:00",
         NULL, "/redfish/v1/Chassis/System.Embedded.1"},
        {"ilo5", GN_REDFISH_EVENT, 1, 0, false, "iLOEvents.2.3.ResourceUpdated",
         "2022-03-09T10:20:30Z", "OK", "/redfish/v1/Systems/1/Bios/Settings/"},
        {"openbmc", GN_REDFISH_EVENT, 2, 1, false, "OpenBMC.0.4.PowerSupplyRemoved",
         "2024-08-01T12:00:00.417+00:00", NULL, NULL},
        {"ami_zt", GN_REDFISH_EVENT, 1, 0, false, "ZT_Event_Service_Log.1.0.Alert",
         "2022-08-09T10:30:01Z", "Critical", "/redfish/v1/Chassis/Self/Power#/Voltages/4"},
        {"ome_modular", GN_REDFISH_EVENT, 1, 0, false, "CMC9000", "2021-05-02T06:07:08+0000",
         "Warning", "Chassis.Modular.7"},
        {"rie", GN_REDFISH_EVENT, 1, 0, false, "ResourceEvent.1.2.PowerStateChanged",
         "2024-02-29T23:59:58.123456", "OK", "/redfish/v1/Systems/Node0"},
        {"emulator", GN_REDFISH_EVENT, 1, 0, true, "Base.1.0.ResourceChanged",
         "2019-01-02T03:04:05-06:00", "Ok", "/redfish/v1/Chassis/1/Thermal"},
        {"metric_report", GN_REDFISH_METRIC_REPORT, 0, 0, false, NULL, NULL, NULL, NULL},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf body = GN_BUF_INIT;
        const struct gn_redfish_record *record;
        char path[512];

        (void)snprintf(path, sizeof path, "%s/redfish/%s.json", GN_TEST_DATA, rows[i].file);
        assert_int_equal(gn_file_read(path, BODY_BYTES, &body), GN_OK);
        assert_int_equal(scan_str(fx, gn_buf_str(&body)), GN_OK);
        assert_int_equal(fx->payload.kind, rows[i].kind);
        assert_int_equal(fx->payload.event_count, rows[i].records > 0 ? 1 : 0);
        if (rows[i].records > 0) {
            assert_int_equal(fx->payload.events[0].record_count, rows[i].records);
            assert_int_equal(fx->payload.events[0].is_bare, rows[i].is_bare);
            record = &fx->payload.events[0].records[0];
            assert_int_equal(record->extra_count, rows[i].extras);
            assert_str(gn_redfish_text(&record->known[GN_REC_MESSAGE_ID], &fx->arena),
                       rows[i].message_id);
            assert_str(gn_redfish_text(&record->known[GN_REC_EVENT_TIMESTAMP], &fx->arena),
                       rows[i].timestamp);
            assert_str(gn_redfish_text(&record->known[GN_REC_SEVERITY], &fx->arena),
                       rows[i].severity);
            assert_str(gn_redfish_origin(record, &fx->arena), rows[i].origin);
        }
        gn_buf_free(&body);
    }
}

static void each_known_record_member_finds_its_slot(void **state)
{
    static const struct {
        const char *key;
        enum gn_redfish_record_member member;
    } rows[] = {
        {"Actions", GN_REC_ACTIONS},
        {"Context", GN_REC_CONTEXT},
        {"EventGroupId", GN_REC_EVENT_GROUP_ID},
        {"EventId", GN_REC_EVENT_ID},
        {"EventTimestamp", GN_REC_EVENT_TIMESTAMP},
        {"Message", GN_REC_MESSAGE},
        {"MessageArgs", GN_REC_MESSAGE_ARGS},
        {"Oem", GN_REC_OEM},
        {"OriginOfCondition", GN_REC_ORIGIN_OF_CONDITION},
        {"Severity", GN_REC_SEVERITY},
        {"Resolution", GN_REC_RESOLUTION},
        {"MessageId", GN_REC_MESSAGE_ID},
        {"MemberId", GN_REC_MEMBER_ID},
        {"EventType", GN_REC_EVENT_TYPE},
        {"MessageSeverity", GN_REC_MESSAGE_SEVERITY},
        {"eventid", GN_REC_EVENT_ID},
        {"EventID", GN_REC_EVENT_ID},
        {"MESSAGEID", GN_REC_MESSAGE_ID},
        {"originofcondition", GN_REC_ORIGIN_OF_CONDITION},
        {"Event\\u0049d", GN_REC_EVENT_ID},
    };
    struct fixture *fx = *state;

    assert_int_equal(GN_REC_COUNT, 15);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_redfish_record *record;
        char body[128];

        (void)snprintf(body, sizeof body, "{\"Events\":[{\"%s\":\"here\"}]}", rows[i].key);
        record = only_record(fx, body);
        assert_str(record->known[rows[i].member].raw, "\"here\"");
        assert_int_equal(record->known[rows[i].member].type, GN_JSON_STRING);
        assert_int_equal(record->extra_count, 0);
    }
}

static void each_known_envelope_member_finds_its_slot(void **state)
{
    static const struct {
        const char *key;
        enum gn_redfish_envelope_member member;
    } rows[] = {
        {"@odata.context", GN_ENV_ODATA_CONTEXT},
        {"Actions", GN_ENV_ACTIONS},
        {"Context", GN_ENV_CONTEXT},
        {"Description", GN_ENV_DESCRIPTION},
        {"Oem", GN_ENV_OEM},
        {"@odata.type", GN_ENV_ODATA_TYPE},
        {"Id", GN_ENV_ID},
        {"Name", GN_ENV_NAME},
        {"@OData.Type", GN_ENV_ODATA_TYPE},
        {"ID", GN_ENV_ID},
        {"N\\u0061me", GN_ENV_NAME},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_redfish_event *ev;
        char body[128];

        (void)snprintf(body, sizeof body, "{\"Events\":[],\"%s\":{ }}", rows[i].key);
        assert_int_equal(scan(fx, body), GN_OK);
        ev = &fx->payload.events[0];
        assert_str(ev->known[rows[i].member].raw, "{ }");
        assert_int_equal(ev->known[rows[i].member].type, GN_JSON_OBJECT);
        assert_int_equal(ev->extra_count, 0);
    }
}

static void near_names_are_unknown_members(void **state)
{
    static const char *const keys[] = {
        "",           "E",         "Eventid ",
        "MessageIe",  "MezzageId", "Event\\u0049e",
        "MessageIdX", "Severit1",  "@odata.type",
        "Id",         "Name",      "MessageArgs@odata.count",
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(keys); i++) {
        const struct gn_redfish_record *record;
        char body[128], quoted[64];

        (void)snprintf(quoted, sizeof quoted, "\"%s\"", keys[i]);
        (void)snprintf(body, sizeof body, "{\"Events\":[{%s:[1, 2]}]}", quoted);
        record = only_record(fx, body);
        assert_int_equal(record->extra_count, 1);
        assert_str(record->extras[0].key, quoted);
        assert_str(record->extras[0].value, "[1, 2]");
        for (size_t k = 0; k < GN_REC_COUNT; k++)
            assert_null(record->known[k].raw.p);
    }
}

static void kinds_are_told_apart(void **state)
{
    static const struct {
        const char *body;
        enum gn_redfish_kind kind;
        uint32_t events, records; /* records of the first event */
        bool is_bare;
    } rows[] = {
        {"{\"Events\":[]}", GN_REDFISH_EVENT, 1, 0, false},
        {"{\"Events\":null}", GN_REDFISH_EVENT, 1, 0, false},
        {"{\"Events\":\"x\"}", GN_REDFISH_EVENT, 1, 0, false},
        {"{\"Events\":{}}", GN_REDFISH_EVENT, 1, 1, false},
        {"{\"Events\":[null,1,\"x\",[{}],{}]}", GN_REDFISH_EVENT, 1, 1, false},
        {"{\"@odata.type\":\"#Event.v1_4_0.Event\"}", GN_REDFISH_EVENT, 1, 0, false},
        {"{\"@odata.type\":\"Event.1.0.0\"}", GN_REDFISH_EVENT, 1, 0, false},
        {"{\"@odata.type\":\"#EventService.v1_0_0.EventService\"}", GN_REDFISH_OTHER, 0, 0, false},
        {"{\"@odata.type\":7}", GN_REDFISH_OTHER, 0, 0, false},
        {"{\"@odata.type\":\"\"}", GN_REDFISH_OTHER, 0, 0, false},
        {"{\"MessageId\":\"A\"}", GN_REDFISH_EVENT, 1, 1, true},
        {"{\"messageID\":\"A\"}", GN_REDFISH_EVENT, 1, 1, true},
        {"{\"Message\\u0049d\":\"A\"}", GN_REDFISH_EVENT, 1, 1, true},
        {"{\"MessageId\":null}", GN_REDFISH_OTHER, 0, 0, false},
        {"{\"Message\":\"m\"}", GN_REDFISH_OTHER, 0, 0, false},
        {"{\"Message\":\"m\",\"Severity\":\"OK\"}", GN_REDFISH_EVENT, 1, 1, true},
        {"{\"Message\":\"m\",\"EventType\":\"Alert\"}", GN_REDFISH_EVENT, 1, 1, true},
        {"{\"EventId\":4,\"Message\":\"m\"}", GN_REDFISH_EVENT, 1, 1, true},
        {"{\"EventTimestamp\":\"t\",\"Message\":\"m\"}", GN_REDFISH_EVENT, 1, 1, true},
        {"{\"Severity\":\"OK\",\"EventType\":\"Alert\"}", GN_REDFISH_OTHER, 0, 0, false},
        {"{\"@odata.type\":\"#Event.v1_7_0.EventRecord\",\"MessageId\":\"A\"}", GN_REDFISH_EVENT, 1,
         1, true},
        {"{\"Events\":[],\"MessageId\":\"A\"}", GN_REDFISH_EVENT, 1, 0, false},
        {"{\"@odata.type\":\"#MetricReport.v1_0_0.MetricReport\"}", GN_REDFISH_METRIC_REPORT, 0, 0,
         false},
        {"{\"MetricValues\":[]}", GN_REDFISH_METRIC_REPORT, 0, 0, false},
        {"{\"metricvalues\":[]}", GN_REDFISH_METRIC_REPORT, 0, 0, false},
        {"{}", GN_REDFISH_OTHER, 0, 0, false},
        {"[]", GN_REDFISH_OTHER, 0, 0, false},
        {"[[{\"MessageId\":\"A\"}]]", GN_REDFISH_OTHER, 0, 0, false},
        {"\"text\"", GN_REDFISH_OTHER, 0, 0, false},
        {"null", GN_REDFISH_OTHER, 0, 0, false},
        {"-1.5e3", GN_REDFISH_OTHER, 0, 0, false},
        {"[{\"MetricValues\":[]},{}]", GN_REDFISH_METRIC_REPORT, 0, 0, false},
        {"[{\"MetricValues\":[]},{\"MessageId\":\"A\"},{\"Events\":[]}]", GN_REDFISH_EVENT, 2, 1,
         true},
        {"[{\"Events\":[{},{}]},{},{\"MetricValues\":[]}]", GN_REDFISH_EVENT, 1, 2, false},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(scan(fx, rows[i].body), GN_OK);
        assert_int_equal(fx->payload.kind, rows[i].kind);
        assert_int_equal(fx->payload.event_count, rows[i].events);
        if (rows[i].events > 0) {
            assert_int_equal(fx->payload.events[0].record_count, rows[i].records);
            assert_int_equal(fx->payload.events[0].is_bare, rows[i].is_bare);
        }
    }
}

static void raw_is_the_element_that_the_event_is(void **state)
{
    struct fixture *fx = *state;

    assert_int_equal(scan(fx, " [ {\"Events\": []} , 7, { \"MessageId\":\"A\" }\n] "), GN_OK);
    assert_int_equal(fx->payload.event_count, 2);
    assert_str(fx->payload.events[0].raw, "{\"Events\": []}");
    assert_str(fx->payload.events[1].raw, "{ \"MessageId\":\"A\" }");
    assert_str(fx->payload.json, "[ {\"Events\": []} , 7, { \"MessageId\":\"A\" }\n]");
}

static void padding_around_the_body_is_cut_off(void **state)
{
    static const struct {
        const char *body;
        size_t len;
    } rows[] = {
        {"{\"Events\":[]}", 13},    {"\xEF\xBB\xBF{\"Events\":[]}", 16},
        {"{\"Events\":[]}\0", 14},  {"{\"Events\":[]}\r\n\0\0 \n", 19},
        {" \t{\"Events\":[]}", 15},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(scan_str(fx, (struct gn_str){rows[i].body, rows[i].len}), GN_OK);
        assert_str(fx->payload.json, "{\"Events\":[]}");
        assert_str(fx->payload.events[0].raw, "{\"Events\":[]}");
    }
}

static void what_is_no_json_is_refused_and_leaves_nothing(void **state)
{
    static const struct {
        const char *body;
        size_t offset;
    } rows[] = {
        {"", 0},
        {"  ", 2},
        {"hello", 0},
        {"{\"Events\":[{}", 13},
        {"{\"Events\":[{\"MessageId\":\"A\"}]} x", 31},
        {"{\"Events\":[]}{}", 13},
        {"{\"Events\":[{}],}", 15},
        {"{'Events':[]}", 1},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(scan(fx, rows[i].body), GN_EPARSE);
        assert_int_equal(fx->offset, rows[i].offset);
        assert_int_equal(fx->payload.kind, GN_REDFISH_OTHER);
        assert_int_equal(fx->payload.event_count, 0);
        assert_null(fx->payload.json.p);
    }
}

static void the_offset_need_not_be_asked_for(void **state)
{
    struct fixture *fx = *state;

    assert_int_equal(gn_redfish_scan(GN_STR("{\"Events\":[]}"), BODY_BYTES, &fx->arena,
                                     &fx->payload, NULL),
                     GN_OK);
}

/* head, then count times part with commas between, then tail. */
static enum gn_err scan_repeated(struct fixture *fx, const char *head, const char *part,
                                 unsigned count, const char *tail)
{
    struct gn_buf body = GN_BUF_INIT;
    enum gn_err err;

    gn_buf_puts(&body, head);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            gn_buf_putc(&body, ',');
        gn_buf_puts(&body, part);
    }
    gn_buf_puts(&body, tail);
    err = scan_str(fx, gn_buf_str(&body));
    gn_buf_free(&body);
    return err;
}

static void counts_are_bounded(void **state)
{
    static const struct {
        const char *head, *part, *tail;
        unsigned most;
    } rows[] = {
        {"{\"Events\":[", "{}", "]}", GN_REDFISH_RECORDS_MAX},
        {"[", "{\"Events\":{}}", "]", GN_REDFISH_RECORDS_MAX},
        {"[", "{\"MessageId\":1}", "]", GN_REDFISH_RECORDS_MAX},
        {"[", "{\"Events\":0}", "]", GN_REDFISH_RECORDS_MAX},
        {"{", "\"Events\":{}", "}", GN_REDFISH_RECORDS_MAX},
        {"{\"Events\":[{", "\"x\":1", "}]}", GN_REDFISH_EXTRAS_MAX},
        {"{\"Events\":[],", "\"x\":1", "}", GN_REDFISH_EXTRAS_MAX},
        {"[", "0", "]", GN_REDFISH_TOKENS_MAX - 1},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(scan_repeated(fx, rows[i].head, rows[i].part, rows[i].most, rows[i].tail),
                         GN_OK);
        assert_int_equal(scan_repeated(fx, rows[i].head, rows[i].part, rows[i].most + 1,
                                       rows[i].tail),
                         GN_ELIMIT);
        assert_int_equal(fx->payload.event_count, 0);
    }
}

static void every_record_of_a_long_list_is_there(void **state)
{
    struct fixture *fx = *state;
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_puts(&body, "{\"Events\":[{}");
    for (unsigned i = 1; i < 100; i++)
        gn_buf_printf(&body, ",{\"EventGroupId\":%u,\"a\":%u,\"b\":0}", i, i);
    gn_buf_puts(&body, "]}");
    assert_int_equal(scan_str(fx, gn_buf_str(&body)), GN_OK);
    assert_int_equal(fx->payload.events[0].record_count, 100);
    for (unsigned i = 1; i < 100; i++) {
        const struct gn_redfish_record *record = &fx->payload.events[0].records[i];
        char want[16];

        (void)snprintf(want, sizeof want, "%u", i);
        assert_str(record->known[GN_REC_EVENT_GROUP_ID].raw, want);
        assert_int_equal(record->extra_count, 2);
        assert_str(record->extras[0].value, want);
    }
    gn_buf_free(&body);
}

static void every_unknown_member_of_a_long_list_is_there(void **state)
{
    struct fixture *fx = *state;
    struct gn_buf body = GN_BUF_INIT;
    const struct gn_redfish_record *record;

    gn_buf_puts(&body, "{\"MessageId\":0");
    for (unsigned i = 0; i < 200; i++)
        gn_buf_printf(&body, ",\"k%u\":%u", i, i);
    gn_buf_puts(&body, "}");
    assert_int_equal(scan_str(fx, gn_buf_str(&body)), GN_OK);
    record = &fx->payload.events[0].records[0];
    assert_int_equal(record->extra_count, 200);
    for (unsigned i = 0; i < 200; i++) {
        char want[16];

        (void)snprintf(want, sizeof want, "%u", i);
        assert_str(record->extras[i].value, want);
    }
    gn_buf_free(&body);
}

static void depth_and_size_are_bounded(void **state)
{
    struct fixture *fx = *state;
    char body[2 * GN_REDFISH_DEPTH_MAX + 8];

    memset(body, '[', GN_REDFISH_DEPTH_MAX);
    memset(body + GN_REDFISH_DEPTH_MAX, ']', GN_REDFISH_DEPTH_MAX);
    assert_int_equal(scan_str(fx, (struct gn_str){body, (size_t)2 * GN_REDFISH_DEPTH_MAX}), GN_OK);
    memset(body, '[', GN_REDFISH_DEPTH_MAX + 1);
    assert_int_equal(scan_str(fx, (struct gn_str){body, (size_t)2 * GN_REDFISH_DEPTH_MAX}),
                     GN_ELIMIT);
    assert_int_equal(fx->offset, GN_REDFISH_DEPTH_MAX);
    assert_int_equal(gn_redfish_scan(GN_STR("{\"Events\":[]}"), 12, &fx->arena, &fx->payload,
                                     &fx->offset),
                     GN_ELIMIT);
}

static void lack_of_memory_is_reported(void **state)
{
    static const char *const bodies[] = {
        "{\"Events\":[{}]}",
        "{\"x\":1,\"Events\":[]}",
        "{\"Events\":[]}",
        "{\"Events\":[{\"x\":1}]}",
    };
    static const size_t limits[] = {0, 16, 64, 200};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        for (size_t k = 0; k < GN_LEN(limits); k++) {
            struct gn_arena small;

            gn_arena_init(&small, limits[k]);
            assert_int_equal(gn_redfish_scan(gn_str_of(bodies[i]), BODY_BYTES, &small, &fx->payload,
                                             NULL),
                             GN_ENOMEM);
            assert_int_equal(fx->payload.event_count, 0);
            gn_arena_fini(&small);
        }
    }
}

static void null_makes_a_known_member_absent(void **state)
{
    struct fixture *fx = *state;
    const struct gn_redfish_record *record =
        only_record(fx, "{\"Id\":null,\"Events\":[{\"MessageArgs\":null,\"x\":null}]}");

    assert_null(record->known[GN_REC_MESSAGE_ARGS].raw.p);
    assert_null(fx->payload.events[0].known[GN_ENV_ID].raw.p);
    assert_int_equal(record->extra_count, 1);
    assert_str(record->extras[0].value, "null");
}

static void the_last_of_repeated_members_counts(void **state)
{
    struct fixture *fx = *state;
    const struct gn_redfish_record *record =
        only_record(fx, "{\"Id\":\"1\",\"ID\":\"2\",\"Name\":\"n\",\"name\":null,"
                        "\"Events\":[{\"MessageId\":\"old\"},{}],"
                        "\"events\":{\"MessageId\":\"A\",\"messageid\":\"B\"}}");

    assert_str(record->known[GN_REC_MESSAGE_ID].raw, "\"B\"");
    assert_str(fx->payload.events[0].known[GN_ENV_ID].raw, "\"2\"");
    assert_null(fx->payload.events[0].known[GN_ENV_NAME].raw.p);
}

static void bad_utf8_is_let_through_and_told(void **state)
{
    struct fixture *fx = *state;

    (void)only_record(fx, "{\"Events\":[{\"MessageId\":\"T\xC3\xBC\"}]}");
    assert_false(fx->payload.had_bad_utf8);
    assert_false(fx->payload.events[0].had_bad_utf8);
    (void)only_record(fx, "{\"Events\":[{\"Oem\":{\"k\xFF\":1}}]}");
    assert_true(fx->payload.had_bad_utf8);
    assert_true(fx->payload.events[0].had_bad_utf8);
    (void)only_record(fx, "{\"MessageId\":\"42 \xB0"
                          "C\"}");
    assert_true(fx->payload.events[0].had_bad_utf8);
}

static void text_is_the_meaning_of_a_simple_value(void **state)
{
    static const struct {
        const char *json, *want;
    } rows[] = {
        {"\"plain\"", "plain"},
        {"\"\"", ""},
        {"\"a\\\"b\\\\c\\/d\\n\"", "a\"b\\c/d\n"},
        {"\"\\u0041\\u00e9\\ud83d\\ude00\"", "A\xC3\xA9\xF0\x9F\x98\x80"},
        {"\"\\u0000\\ud800\"", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\"\\t\xFC\xFC\xFC\"", "\t\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"-12.50", "-12.50"},
        {"true", "true"},
        {"false", "false"},
        {"null", NULL},
        {"{\"a\":1}", NULL},
        {"[\"a\"]", NULL},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_redfish_record *record;
        char body[128];

        (void)snprintf(body, sizeof body, "{\"Events\":{\"Message\":%s}}", rows[i].json);
        record = only_record(fx, body);
        assert_str(gn_redfish_text(&record->known[GN_REC_MESSAGE], &fx->arena), rows[i].want);
    }
}

static void text_without_memory_is_absent(void **state)
{
    struct fixture *fx = *state;
    const struct gn_redfish_record *record =
        only_record(fx, "{\"Events\":{\"Message\":\"a\\nb\",\"MessageArgs\":[\"x\"]}}");
    struct gn_arena none;
    struct gn_str *args;

    gn_arena_init(&none, 0);
    assert_str(gn_redfish_text(&record->known[GN_REC_MESSAGE], &none), NULL);
    assert_int_equal(gn_redfish_args(record, &none, &args), 0);
    assert_null(args);
    gn_arena_fini(&none);
}

static void args_keep_their_places(void **state)
{
    static const struct {
        const char *json;
        size_t count;
        const char *want[8];
    } rows[] = {
        {"[\"a\",\"b\"]", 2, {"a", "b"}},
        {"[ \"a\\tb\" , 1.5, true, null, {\"k\": [1]}, [ ], \"\" ]",
         7,
         {"a\tb", "1.5", "true", "", "{\"k\": [1]}", "[ ]", ""}},
        {"\"Inlet\"", 1, {"Inlet"}},
        {"42", 1, {"42"}},
        {"{\"0\":\"x\"}", 1, {"{\"0\":\"x\"}"}},
        {"\"\"", 0, {NULL}},
        {"[]", 0, {NULL}},
        {"null", 0, {NULL}},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_redfish_record *record;
        struct gn_str *args;
        char body[192];

        (void)snprintf(body, sizeof body, "{\"Events\":{\"MessageArgs\":%s}}", rows[i].json);
        record = only_record(fx, body);
        assert_int_equal(gn_redfish_args(record, &fx->arena, &args), rows[i].count);
        assert_true((args != NULL) == (rows[i].count > 0));
        for (size_t k = 0; k < rows[i].count; k++)
            assert_str(args[k], rows[i].want[k]);
    }
}

static void args_beyond_the_limit_are_not_looked_at(void **state)
{
    struct fixture *fx = *state;
    struct gn_str *args;

    (void)only_record(fx, "{\"Events\":{\"MessageArgs\":["
                          "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
                          "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,2]}}");
    assert_int_equal(gn_redfish_args(&fx->payload.events[0].records[0], &fx->arena, &args),
                     GN_REDFISH_ARGS_MAX);
    assert_str(args[GN_REDFISH_ARGS_MAX - 1], "1");
}

static void origin_is_a_path_or_absent(void **state)
{
    static const struct {
        const char *json, *want;
    } rows[] = {
        {"\"/redfish/v1/Systems/1/\"", "/redfish/v1/Systems/1/"},
        {"\"\\/redfish\\/v1\"", "/redfish/v1"},
        {"\"iDRAC.Embedded.1\"", "iDRAC.Embedded.1"},
        {"{\"@odata.id\":\"/redfish/v1/Chassis/2\"}", "/redfish/v1/Chassis/2"},
        {"{ \"x\" : [ {} ], \"@ODATA.ID\" : \"/y\" , \"z\" : 1 }", "/y"},
        {"{\"Oem\":{\"@odata.id\":\"/deep\"}}", NULL},
        {"{\"@odata.id\":5}", NULL},
        {"{\"@odata.id\":{\"@odata.id\":\"/deep\"}}", NULL},
        {"{}", NULL},
        {"[{\"@odata.id\":\"/x\"}]", NULL},
        {"5", NULL},
        {"null", NULL},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_redfish_record *record;
        char body[160];

        (void)snprintf(body, sizeof body, "{\"Events\":{\"OriginOfCondition\":%s}}", rows[i].json);
        record = only_record(fx, body);
        assert_str(gn_redfish_origin(record, &fx->arena), rows[i].want);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_vendor_shape_is_understood),
        TEST(each_known_record_member_finds_its_slot),
        TEST(each_known_envelope_member_finds_its_slot),
        TEST(near_names_are_unknown_members),
        TEST(kinds_are_told_apart),
        TEST(raw_is_the_element_that_the_event_is),
        TEST(padding_around_the_body_is_cut_off),
        TEST(what_is_no_json_is_refused_and_leaves_nothing),
        TEST(the_offset_need_not_be_asked_for),
        TEST(counts_are_bounded),
        TEST(every_record_of_a_long_list_is_there),
        TEST(every_unknown_member_of_a_long_list_is_there),
        TEST(depth_and_size_are_bounded),
        TEST(lack_of_memory_is_reported),
        TEST(null_makes_a_known_member_absent),
        TEST(the_last_of_repeated_members_counts),
        TEST(bad_utf8_is_let_through_and_told),
        TEST(text_is_the_meaning_of_a_simple_value),
        TEST(text_without_memory_is_absent),
        TEST(args_keep_their_places),
        TEST(args_beyond_the_limit_are_not_looked_at),
        TEST(origin_is_a_path_or_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
