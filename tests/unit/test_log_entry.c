#include "gurnard/redfish/log_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/redfish/event_scan.h"

/* Entries as the kinds of BMCs write them. */
#define IDRAC_LCLOG                                                                                \
    "{\"@odata.id\":\"/redfish/v1/Managers/iDRAC.Embedded.1/LogServices/Lclog/Entries/8612\","     \
    "\"@odata.type\":\"#LogEntry.v1_6_1.LogEntry\",\"Created\":\"2026-03-01T10:00:05-06:00\","     \
    "\"EntryType\":\"Oem\",\"Id\":\"8612\",\"Links\":{\"OriginOfCondition\":{\"@odata.id\":"       \
    "\"/redfish/v1/Chassis/System.Embedded.1\"}},\"Message\":\"The fan 3 is not there.\","         \
    "\"MessageArgs\":[\"3\"],\"MessageArgs@odata.count\":1,\"MessageId\":\"FAN0001\","             \
    "\"Name\":\"Log Entry 8612\",\"OemRecordFormat\":\"Dell\",\"Severity\":\"Critical\","          \
    "\"Oem\":{\"Dell\":{\"Category\":\"System Health\"}}}"
#define IDRAC_SEL                                                                                  \
    "{\"@odata.id\":\"/redfish/v1/Managers/iDRAC.Embedded.1/LogServices/Sel/Entries/12\","         \
    "\"Created\":\"2026-03-01T10:00:05-0600\",\"EntryCode\":[{\"Member\":\"Assert\"}],"            \
    "\"EntryType\":\"SEL\",\"Id\":\"12\",\"Message\":\"Power lost.\",\"MessageArgs\":[],"          \
    "\"SensorNumber\":50,\"SensorType\":[{\"Member\":\"Power "                                     \
    "Supply\"}],\"Severity\":\"Critical\"}"
#define ILO_IML                                                                                    \
    "{\"@odata.id\":\"/redfish/v1/Systems/1/LogServices/IML/Entries/7/\",\"Id\":\"7\","            \
    "\"Created\":\"2026-03-01T10:00:00Z\",\"EntryType\":\"Oem\",\"Message\":\"Fan failed\","       \
    "\"OemRecordFormat\":\"Hpe-IML\",\"Severity\":\"Warning\",\"Oem\":{\"Hpe\":{\"Class\":2,"      \
    "\"Code\":5,\"Count\":3,\"RecommendedAction\":\"Replace it\","                                 \
    "\"Updated\":\"2026-03-02T08:00:00Z\",\"Repaired\":false}}}"
#define ILO_IEL                                                                                    \
    "{\"@odata.id\":\"/redfish/v1/Managers/1/LogServices/IEL/Entries/1/\",\"Id\":\"1\","           \
    "\"Created\":\"0000-00-00T00:00:00Z\",\"Message\":\"Power restored\",\"Severity\":\"OK\","     \
    "\"Oem\":{\"Hpe\":{\"Count\":1,\"Updated\":\"0000-00-00T00:00:00Z\"}}}"
#define AMI                                                                                        \
    "{\"@odata.id\":\"/redfish/v1/Chassis/Self/LogServices/Logs/Entries/23\",\"Id\":23,"           \
    "\"Created\":\"2026-02-01T12:23:42Z\",\"EventTimestamp\":\"2025-10-01T00:00:00Z\","            \
    "\"MessageId\":\"EventLog.1.0.ResourceUpdated\",\"Message\":\"m\",\"Severity\":\"OK\"}"
#define OPENBMC                                                                                    \
    "{\"@odata.id\":\"/redfish/v1/Systems/system/LogServices/EventLog/Entries/1700000000_1\","     \
    "\"Created\":\"2026-03-01T10:00:05.123456+00:00\",\"EntryType\":\"Event\","                    \
    "\"Id\":\"1700000000_1\",\"Message\":\"Fan 1 removed\",\"MessageArgs\":[\"1\"],"               \
    "\"MessageId\":\"OpenBMC.0.4.FanRemoved\",\"Severity\":\"Critical\",\"Resolution\":\"Look\"}"
#define INTEL                                                                                      \
    "{\"@odata.id\":\"/redfish/v1/Systems/X/LogServices/SEL/Entries/4\",\"Id\":\"4\","             \
    "\"Created\":\"2026-03-01 10:00:05\",\"MessageId\":\"Bad User "                                \
    "PWD\",\"SensorType\":\"Session\","                                                            \
    "\"SensorNumber\":8,\"Message\":\"m\",\"Severity\":\"Warning\"}"
#define ZT                                                                                         \
    "{\"@odata.id\":\"/redfish/v1/Chassis/Self/LogServices/Logs/Entries/9\",\"Id\":\"9\","         \
    "\"Created\":\"1970-01-01T00:01:00Z\",\"EventTimestamp\":\"2026-02-01T12:23:42Z\","            \
    "\"EventId\":\"Redfish:Chassis:Self:LogServices:Logs:Entries:9 - 1643724222\","                \
    "\"MessageId\":\"ZT_Event_Service_Log.1.0.Alert\",\"Message\":\"m\",\"MessageArgs\":null}"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    return value;
}

static bool mark_of(const char *text, struct gn_log_mark *mark)
{
    json_t *entry = parse(text);
    bool is_read = gn_log_mark_read(entry, mark);

    json_decref(entry);
    return is_read;
}

/* --- marks --- */

static void a_mark_is_read_from_what_each_vendor_writes(void **state)
{
    static const struct {
        const char *entry, *id, *created; /* created: in UTC; NULL: none */
    } rows[] = {
        {IDRAC_LCLOG, "8612", "2026-03-01T16:00:05Z"},
        {IDRAC_SEL, "12", "2026-03-01T16:00:05Z"},
        {ILO_IML, "7", "2026-03-01T10:00:00Z"},
        {ILO_IEL, "1", NULL},
        {AMI, "23", "2026-02-01T12:23:42Z"},
        {OPENBMC, "1700000000_1", "2026-03-01T10:00:05.123456Z"},
        {INTEL, "4", "2026-03-01T10:00:05Z"},
        {ZT, "9", "1970-01-01T00:01:00Z"},
        {"{\"@odata.id\":\"/a/Entries/5/\"}", "5", NULL},
        {"{\"Id\":null,\"@odata.id\":\"x\",\"Created\":5}", "x", NULL},
        {"{\"Id\":\"a\",\"Created\":\"yesterday\"}", "a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char text[GN_TIME_TEXT_MAX];
        struct gn_log_mark mark;

        assert_true(mark_of(rows[i].entry, &mark));
        assert_string_equal(mark.id, rows[i].id);
        if (rows[i].created == NULL) {
            assert_int_equal(mark.created_ns, INT64_MIN);
            continue;
        }
        gn_time_format(mark.created_ns, text);
        assert_string_equal(text, rows[i].created);
    }
}

static void what_has_no_id_is_no_entry(void **state)
{
    static const char *const rows[] = {
        "{}", "[]", "1", "null", "{\"Id\":\"\"}", "{\"Id\":{}}", "{\"@odata.id\":\"///\"}",
    };
    struct gn_log_mark mark;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_false(mark_of(rows[i], &mark));
    assert_false(gn_log_mark_read(NULL, &mark));
}

static void a_long_id_is_cut_at_a_character_and_still_tells_apart(void **state)
{
    struct gn_log_mark a, b;
    char text[400];
    char id[200];

    (void)state;
    memset(id, 'x', sizeof id);
    memcpy(id + 126, "\xc3\xa4", 2); /* would be cut in the middle */
    (void)snprintf(text, sizeof text, "{\"Id\":\"%.*s1\"}", 150, id);
    assert_true(mark_of(text, &a));
    (void)snprintf(text, sizeof text, "{\"Id\":\"%.*s2\"}", 150, id);
    assert_true(mark_of(text, &b));
    assert_int_equal(strlen(a.id), 126);
    assert_string_equal(a.id, b.id);
    assert_true(a.hash != b.hash);
}

static void the_hash_changes_with_each_part_that_tells_of_an_update(void **state)
{
    static const char *const rows[] = {
        "{\"Id\":\"1\",\"Created\":\"c\",\"Message\":\"m\",\"MessageId\":\"i\"}",
        "{\"Id\":\"2\",\"Created\":\"c\",\"Message\":\"m\",\"MessageId\":\"i\"}",
        "{\"Id\":\"1\",\"Created\":\"d\",\"Message\":\"m\",\"MessageId\":\"i\"}",
        "{\"Id\":\"1\",\"Created\":\"c\",\"Message\":\"n\",\"MessageId\":\"i\"}",
        "{\"Id\":\"1\",\"Created\":\"c\",\"Message\":\"m\",\"MessageId\":\"j\"}",
        "{\"Id\":\"1\",\"Created\":\"c\",\"Message\":\"m\",\"MessageId\":\"i\",\"Oem\":{\"Hpe\":"
        "{\"Count\":1}}}",
        "{\"Id\":\"1\",\"Created\":\"c\",\"Message\":\"m\",\"MessageId\":\"i\",\"Oem\":{\"Hpe\":"
        "{\"Count\":2}}}",
        "{\"Id\":\"1\",\"Created\":\"c\",\"Message\":\"m\",\"MessageId\":\"i\",\"Oem\":{\"Hpe\":"
        "{\"Count\":2,\"Updated\":\"u\"}}}",
        "{\"Id\":\"1\",\"Created\":\"m\",\"Message\":\"c\",\"MessageId\":\"i\"}",
    };
    struct gn_log_mark marks[GN_LEN(rows)];
    struct gn_log_mark again;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_true(mark_of(rows[i], &marks[i]));
        for (size_t k = 0; k < i; k++)
            assert_true(marks[i].hash != marks[k].hash);
    }
    assert_true(mark_of("{\"Severity\":\"OK\",\"Id\":\"1\",\"Created\":\"c\",\"Message\":\"m\","
                        "\"MessageId\":\"i\",\"Oem\":{}}",
                        &again));
    assert_int_equal(again.hash, marks[0].hash);
}

static void entries_are_ordered_by_number_then_time_then_id(void **state)
{
    static const struct {
        const char *a;
        int64_t a_ns;
        const char *b;
        int64_t b_ns;
        bool b_is_after;
    } rows[] = {
        {"9", 50, "10", 10, true}, /* the clock was set back */
        {"10", 10, "9", 50, false},
        {"Entry-9", 50, "Entry-10", 10, true},
        {"LogEntry-9.json", 50, "LogEntry-10.json", 10, true},
        {"99999999999999999999998", 1, "99999999999999999999999", 1, true},
        {"007", 1, "8", 1, true},
        {"007", 1, "7", 2, true}, /* the same number: by time */
        {"a-2", 50, "b-1", 60, true},
        {"a-2", 60, "b-1", 50, false},
        {"1700000000", 7, "1700000000_1", 7, true}, /* OpenBMC: in the same second */
        {"1700000000_1", 7, "1700000000", 7, false},
        {"1700000009", 7, "1700000010_1", 8, true},
        {"1700000000_9", 7, "1700000000_10", 7, true},
        {"x", INT64_MIN, "y", 5, true}, /* without time by id */
        {"y", INT64_MIN, "x", 5, false},
        {"x", 1, "y", 2, true},
        {"y", 1, "x", 2, true},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_log_mark a = {.created_ns = rows[i].a_ns, .hash = 1};
        struct gn_log_mark b = {.created_ns = rows[i].b_ns, .hash = 2};

        strcpy(a.id, rows[i].a);
        strcpy(b.id, rows[i].b);
        assert_int_equal(gn_log_mark_is_after(&a, &b), rows[i].b_is_after);
        assert_int_equal(gn_log_mark_is_after(&b, &a), !rows[i].b_is_after);
    }
}

static void an_entry_updated_in_place_is_after_itself(void **state)
{
    struct gn_log_mark a = {.id = "7", .created_ns = 5, .hash = 1}, b = a;

    (void)state;
    assert_false(gn_log_mark_is_after(&a, &b));
    b.hash = 2;
    assert_true(gn_log_mark_is_after(&a, &b));
}

/* --- events --- */

static void assert_event(const char *entry_text, const char *uri, const char *want)
{
    json_t *entry = parse(entry_text);
    struct gn_buf out = GN_BUF_INIT;
    struct gn_redfish_payload payload;
    struct gn_arena arena;

    gn_log_entry_event(entry, gn_str_of(uri), &out);
    assert_int_equal(gn_buf_err(&out), GN_OK);
    assert_string_equal(out.data, want);
    gn_arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(gn_redfish_scan(gn_buf_str(&out), SIZE_MAX, &arena, &payload, NULL), GN_OK);
    assert_int_equal(payload.kind, GN_REDFISH_EVENT);
    assert_int_equal(payload.event_count, 1);
    assert_int_equal(payload.events[0].record_count, 1);
    gn_arena_fini(&arena);
    gn_buf_free(&out);
    json_decref(entry);
}

#define HEAD(id)                                                                                   \
    "{\"@odata.type\":\"#Event.v1_7_0.Event\",\"Id\":\"" id                                        \
    "\",\"Name\":\"Recovered Log Entry\",\"Events\":[{"
#define URI       ",\"LogEntry\":{\"@odata.id\":\"/e/1\"}"
#define OWN(more) "\"Gurnard\":{\"Recovered\":true" more "}}}]}"

static void the_entries_of_each_vendor_become_events(void **state)
{
    static const struct {
        const char *entry, *want;
    } rows[] = {
        {IDRAC_LCLOG,
         HEAD("8612") "\"Severity\":\"Critical\",\"Message\":\"The fan 3 is not there.\","
                      "\"MessageId\":\"FAN0001\",\"MessageArgs\":[\"3\"],"
                      "\"EventTimestamp\":\"2026-03-01T10:00:05-06:00\",\"OriginOfCondition\":"
                      "{\"@odata.id\":\"/redfish/v1/Chassis/System.Embedded.1\"}" URI
                      ",\"Oem\":{\"Dell\":{\"Category\":\"System Health\"}," OWN("")},
        {IDRAC_SEL, HEAD("12") "\"Severity\":\"Critical\",\"Message\":\"Power lost.\","
                               "\"MessageArgs\":[],"
                               "\"EventTimestamp\":\"2026-03-01T10:00:05-0600\"" URI
                               ",\"Oem\":{" OWN(",\"EntryType\":\"SEL\","
                                                "\"EntryCode\":[{\"Member\":\"Assert\"}],"
                                                "\"SensorType\":[{\"Member\":\"Power Supply\"}],"
                                                "\"SensorNumber\":50")},
        {ILO_IML,
         HEAD("7") "\"Severity\":\"Warning\",\"Message\":\"Fan failed\","
                   "\"EventTimestamp\":\"2026-03-02T08:00:00Z\"" URI
                   ",\"Resolution\":\"Replace it\",\"Oem\":{\"Hpe\":{\"Class\":2,\"Code\":5,"
                   "\"Count\":3,\"RecommendedAction\":\"Replace it\","
                   "\"Updated\":\"2026-03-02T08:00:00Z\",\"Repaired\":false}," OWN(
                       ",\"Count\":3,\"EntryType\":\"Oem\",\"OemRecordFormat\":\"Hpe-IML\"")},
        {ILO_IEL, HEAD("1") "\"Severity\":\"OK\",\"Message\":\"Power restored\"" URI
                            ",\"Oem\":{\"Hpe\":{\"Count\":1,"
                            "\"Updated\":\"0000-00-00T00:00:00Z\"}," OWN("")},
        {AMI, HEAD("23") "\"Severity\":\"OK\",\"Message\":\"m\","
                         "\"MessageId\":\"EventLog.1.0.ResourceUpdated\","
                         "\"EventTimestamp\":\"2026-02-01T12:23:42Z\"" URI ",\"Oem\":{" OWN("")},
        {OPENBMC, HEAD("1700000000_1") "\"Severity\":\"Critical\",\"Message\":\"Fan 1 removed\","
                                       "\"MessageId\":\"OpenBMC.0.4.FanRemoved\","
                                       "\"MessageArgs\":[\"1\"],"
                                       "\"EventTimestamp\":\"2026-03-01T10:00:05.123456+00:00\"" URI
                                       ",\"Resolution\":\"Look\",\"Oem\":{" OWN("")},
        {INTEL, HEAD("4") "\"Severity\":\"Warning\",\"Message\":\"m\","
                          "\"MessageId\":\"Bad User PWD\","
                          "\"EventTimestamp\":\"2026-03-01 10:00:05\"" URI ",\"Oem\":{" OWN("")},
        {ZT, HEAD("9") "\"EventId\":\"Redfish:Chassis:Self:LogServices:Logs:Entries:9 - "
                       "1643724222\",\"Message\":\"m\","
                       "\"MessageId\":\"ZT_Event_Service_Log.1.0.Alert\","
                       "\"EventTimestamp\":\"2026-02-01T12:23:42Z\"" URI ",\"Oem\":{" OWN("")},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_event(rows[i].entry, "/e/1", rows[i].want);
}

static void an_entry_with_next_to_nothing_is_an_event_too(void **state)
{
    (void)state;
    assert_event("{}", "", HEAD("") "\"Oem\":{" OWN(""));
    assert_event("[]", "", HEAD("") "\"Oem\":{" OWN(""));
    assert_event("{\"Id\":\"q\\\"\\u000a\",\"Message\":\"\\u20ac \\\\\",\"Oem\":7,\"Links\":[]}",
                 "", HEAD("q\\\"\\n") "\"Message\":\"\xe2\x82\xac \\\\\",\"Oem\":{" OWN(""));
}

static void a_time_of_a_clock_that_was_never_set_is_better_than_none(void **state)
{
    (void)state;
    assert_event("{\"Id\":\"1\",\"Created\":\"1970-01-01T00:00:09Z\"}", "",
                 HEAD("1") "\"EventTimestamp\":\"1970-01-01T00:00:09Z\",\"Oem\":{" OWN(""));
    assert_event("{\"Id\":\"1\",\"Created\":\"1970-01-01T00:00:09Z\",\"EventTimestamp\":\"no\"}",
                 "", HEAD("1") "\"EventTimestamp\":\"1970-01-01T00:00:09Z\",\"Oem\":{" OWN(""));
}

static void a_bmc_cannot_speak_in_our_name(void **state)
{
    (void)state;
    assert_event("{\"Id\":\"1\",\"Oem\":{\"Gurnard\":{\"Recovered\":false,\"x\":1},\"A\":{}}}", "",
                 HEAD("1") "\"Oem\":{\"A\":{}," OWN(""));
}

static void what_is_nested_too_deep_for_the_intake_is_left_out(void **state)
{
    char entry[256] = "{\"Id\":\"1\",\"Message\":\"m\",\"Oem\":{\"A\":";

    (void)state;
    for (int i = 0; i < 25; i++)
        strcat(entry, "[");
    for (int i = 0; i < 25; i++)
        strcat(entry, "]");
    strcat(entry, "}}");
    assert_event(entry, "", HEAD("1") "\"Message\":\"m\",\"Oem\":{" OWN(""));
}

static void a_full_buffer_tells(void **state)
{
    json_t *entry = parse(OPENBMC);
    struct gn_buf out = gn_buf_with_limit(200);

    (void)state;
    gn_log_entry_event(entry, GN_STR("/e/1"), &out);
    assert_int_equal(gn_buf_err(&out), GN_ELIMIT);
    gn_buf_free(&out);
    json_decref(entry);
}

/* --- logs --- */

static void logs_of_noise_are_not_wanted(void **state)
{
    static const struct {
        const char *id;
        bool is_wanted;
    } rows[] = {
        {"EventLog", true},
        {"Lclog", true},
        {"Sel", true},
        {"SEL", true},
        {"IML", true},
        {"IEL", true},
        {"Logs", true},
        {"BIOS", true},
        {"RedfishLog", true},
        {"Log1", true},
        {"PlatformLog", true},
        {"", true},
        {"/redfish/v1/Systems/system/LogServices/EventLog/", true},
        {"/redfish/v1/Systems/Journal/LogServices/EventLog", true},
        {"Journal", false},
        {"HostLogger", false},
        {"PostCodes", false},
        {"BIOS POST Codes", false},
        {"BIOS_Post-Code", false},
        {"Dump", false},
        {"FaultLog", false},
        {"FaultList", false},
        {"Crashdump", false},
        {"AuditLog", false},
        {"Debug", false},
        {"/redfish/v1/Systems/system/LogServices/Journal", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_log_is_wanted(gn_str_of(rows[i].id)), rows[i].is_wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_read_from_what_each_vendor_writes),
        cmocka_unit_test(what_has_no_id_is_no_entry),
        cmocka_unit_test(a_long_id_is_cut_at_a_character_and_still_tells_apart),
        cmocka_unit_test(the_hash_changes_with_each_part_that_tells_of_an_update),
        cmocka_unit_test(entries_are_ordered_by_number_then_time_then_id),
        cmocka_unit_test(an_entry_updated_in_place_is_after_itself),
        cmocka_unit_test(the_entries_of_each_vendor_become_events),
        cmocka_unit_test(an_entry_with_next_to_nothing_is_an_event_too),
        cmocka_unit_test(a_time_of_a_clock_that_was_never_set_is_better_than_none),
        cmocka_unit_test(a_bmc_cannot_speak_in_our_name),
        cmocka_unit_test(what_is_nested_too_deep_for_the_intake_is_left_out),
        cmocka_unit_test(a_full_buffer_tells),
        cmocka_unit_test(logs_of_noise_are_not_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
