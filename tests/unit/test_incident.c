#include "gurnard/redfish/incident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"

#define SALT GN_STR("bmc1")

struct found {
    struct gn_id keys[GN_INCIDENT_KEYS];
    size_t count;
};

static struct found keys_with(const char *record, const struct gn_redfish_fill *fill,
                              struct gn_str salt)
{
    struct gn_buf body = GN_BUF_INIT;
    struct gn_redfish_payload payload;
    struct gn_arena arena;
    struct found found;

    gn_buf_printf(&body, "{\"Events\":[%s]}", record);
    gn_arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(gn_redfish_scan(gn_buf_str(&body), SIZE_MAX, &arena, &payload, NULL), GN_OK);
    assert_int_equal(payload.events[0].record_count, 1);
    found.count = gn_incident_keys(&payload.events[0].records[0], fill, salt, &arena, found.keys);
    assert_true(found.count <= GN_INCIDENT_KEYS);
    gn_arena_fini(&arena);
    gn_buf_free(&body);
    return found;
}

static struct found keys_of(const char *record)
{
    return keys_with(record, NULL, SALT);
}

/* How many keys a and b have in common. */
static size_t common(struct found a, struct found b)
{
    size_t count = 0;

    for (size_t i = 0; i < a.count; i++)
        for (size_t k = 0; k < b.count; k++)
            if (strcmp(a.keys[i].text, b.keys[k].text) == 0)
                count++;
    return count;
}

/* A pushed message and what the log of the same BMC says of it, or of something else. */
static void a_push_and_the_entry_of_its_log_are_one_incident(void **state)
{
    static const struct {
        const char *pushed, *logged;
        size_t common;
    } rows[] = {
        /* iDRAC 9: bare id and no message in the push, offset written in other ways */
        {"{\"MessageId\":\"IDRAC.2.8.FAN0001\",\"EventTimestamp\":\"2026-03-01T10:00:05-0600\","
         "\"MessageArgs\":[\"3\"],\"EventId\":\"2162\",\"MemberId\":\"615703\"}",
         "{\"MessageId\":\"FAN0001\",\"EventTimestamp\":\"2026-03-01T10:00:05-06:00\","
         "\"MessageArgs\":[\"3\"],\"LogEntry\":{\"@odata.id\":\"/l/8612\"}}",
         1},
        /* another fan, another second */
        {"{\"MessageId\":\"FAN0001\",\"EventTimestamp\":\"2026-03-01T10:00:05-0600\","
         "\"MessageArgs\":[\"3\"]}",
         "{\"MessageId\":\"FAN0001\",\"EventTimestamp\":\"2026-03-01T10:00:05-06:00\","
         "\"MessageArgs\":[\"4\"]}",
         0},
        {"{\"MessageId\":\"FAN0001\",\"EventTimestamp\":\"2026-03-01T10:00:05Z\","
         "\"MessageArgs\":[\"3\"]}",
         "{\"MessageId\":\"FAN0001\",\"EventTimestamp\":\"2026-03-01T10:00:06Z\","
         "\"MessageArgs\":[\"3\"]}",
         0},
        /* iDRAC: no arguments, so the origin; iLO writes it with and without slash */
        {"{\"MessageId\":\"R.1.0.A\",\"EventTimestamp\":\"2026-03-01T10:00:05Z\","
         "\"OriginOfCondition\":\"/redfish/v1/Systems/1/\"}",
         "{\"MessageId\":\"A\",\"EventTimestamp\":\"2026-03-01T12:00:05+02:00\",\"MessageArgs\":[],"
         "\"OriginOfCondition\":{\"@odata.id\":\"/redfish/v1/Systems/1\"}}",
         1},
        /* iLO 5: the log has neither id nor arguments, but the message */
        {"{\"MessageId\":\"iLOEvents.2.3.FanFailed\",\"EventTimestamp\":\"2026-03-01T10:00:05Z\","
         "\"MessageArgs\":[\"3\"],\"Message\":\"Fan 3 failed\"}",
         "{\"Message\":\"Fan 3 failed \",\"EventTimestamp\":\"2026-03-01T10:00:05Z\"}", 1},
        /* OpenBMC: fractions of a second, all there */
        {"{\"MessageId\":\"OpenBMC.0.4.F\",\"EventTimestamp\":\"2026-03-01T10:00:05.9Z\","
         "\"MessageArgs\":[\"3\"],\"Message\":\"m\",\"LogEntry\":{\"@odata.id\":\"/l/1\"}}",
         "{\"MessageId\":\"OpenBMC.0.4.F\",\"EventTimestamp\":\"2026-03-01T10:00:05+00:00\","
         "\"MessageArgs\":[\"3\"],\"Message\":\"m\",\"LogEntry\":{\"@odata.id\":\"/l/1/\"}}",
         3},
        /* ZT: the entry in EventId; times differ by months */
        {"{\"EventId\":\"Redfish:Chassis:Self:LogServices:Logs:Entries:23 - 1643724222\","
         "\"EventTimestamp\":\"2026-02-01T12:23:42Z\",\"MessageId\":\"ZT.1.0.Alert\","
         "\"Message\":\"m\"}",
         "{\"LogEntry\":{\"@odata.id\":\"/redfish/v1/Chassis/Self/LogServices/Logs/Entries/23\"},"
         "\"EventTimestamp\":\"2025-10-01T00:00:00Z\",\"MessageId\":\"ZT.1.0.Alert\","
         "\"Message\":\"m\"}",
         1},
        /* a clock that was never set says the same on each day */
        {"{\"MessageId\":\"F\",\"EventTimestamp\":\"1970-01-01T00:00:42Z\",\"MessageArgs\":[\"3\"],"
         "\"Message\":\"m\"}",
         "{\"MessageId\":\"F\",\"EventTimestamp\":\"1970-01-01T00:00:42Z\",\"MessageArgs\":[\"3\"],"
         "\"Message\":\"m\"}",
         0},
        {"{\"MessageId\":\"F\",\"EventTimestamp\":\"0000-00-00T00:00:00Z\",\"Message\":\"m\"}",
         "{\"MessageId\":\"F\",\"EventTimestamp\":\"0000-00-00T00:00:00Z\",\"Message\":\"m\"}", 0},
        /* a time without zone is UTC */
        {"{\"Message\":\"m\",\"EventTimestamp\":\"2026-03-01T10:00:05.123456\"}",
         "{\"Message\":\"m\",\"EventTimestamp\":\"2026-03-01 10:00:05\"}", 1},
        /* an entry that was updated in place is another incident, and the same update the same */
        {"{\"LogEntry\":{\"@odata.id\":\"/l/7\"},\"Oem\":{\"Gurnard\":{\"Count\":2}}}",
         "{\"LogEntry\":{\"@odata.id\":\"/l/7\"},\"Oem\":{\"Gurnard\":{\"Recovered\":true}}}", 0},
        {"{\"LogEntry\":{\"@odata.id\":\"/l/7\"},\"Oem\":{\"Gurnard\":{\"Count\":2}}}",
         "{\"LogEntry\":{\"@odata.id\":\"/l/7\"},\"Oem\":{\"Gurnard\":{\"Count\":2}}}", 1},
        {"{\"LogEntry\":\"/l/7\",\"Message\":\"m\"}",
         "{\"LogEntry\":{\"@odata.id\":\"https://bmc/l/7/\"},\"Message\":\"n\"}", 1},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(common(keys_of(rows[i].pushed), keys_of(rows[i].logged)), rows[i].common);
}

static void keys_whose_parts_are_missing_are_not_there(void **state)
{
#define TIME "\"EventTimestamp\":\"2026-03-01T10:00:05Z\""
    static const struct {
        const char *record;
        size_t count;
    } rows[] = {
        {"{}", 0},
        {"{" TIME "}", 0},
        {"{\"MessageId\":\"A\",\"MessageArgs\":[\"x\"],\"Message\":\"m\"}", 0},
        {"{\"MessageId\":\"A\"," TIME "}", 0},
        {"{\"MessageId\":\"A\",\"MessageArgs\":[\"x\"]," TIME "}", 1},
        {"{\"MessageId\":\"A\",\"MessageArgs\":null,\"OriginOfCondition\":\"o\"," TIME "}", 1},
        {"{\"MessageId\":\"\",\"MessageArgs\":[\"x\"]," TIME "}", 0},
        {"{\"MessageId\":7,\"MessageArgs\":[1,2]," TIME "}", 1},
        {"{\"Message\":\"m\"," TIME "}", 1},
        {"{\"Message\":\" \"," TIME "}", 0},
        {"{\"LogEntry\":{}}", 0},
        {"{\"LogEntry\":[\"/a\"]}", 0},
        {"{\"LogEntry\":{\"@odata.id\":5}}", 0},
        {"{\"LogEntry\":{\"@odata.id\":\"\"}}", 0},
        {"{\"EventId\":\"Redfish:Chassis\"}", 0},
        {"{\"EventId\":\"Redfish:Systems:Self:LogServices:BIOS:Entries:1\"}", 1},
        {"{\"EventId\":\"2162\"}", 0},
        {"{\"MessageId\":\"A\",\"MessageArgs\":[\"x\"],\"Message\":\"m\",\"LogEntry\":{\"@odata."
         "id\":"
         "\"/l/1\"}," TIME "}",
         3},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(keys_of(rows[i].record).count, rows[i].count);
}

static void the_registrys_message_counts_in_the_stead_of_the_records(void **state)
{
    const char *without = "{\"MessageId\":\"F\"," TIME "}";
    const char *with = "{\"Message\":\"Fan 3 failed\"," TIME "}";
    const struct gn_redfish_fill fill = {.message = GN_STR("Fan 3 failed")};
    const struct gn_redfish_fill other = {.message = GN_STR("Fan 4 failed")};
    const struct gn_redfish_fill nothing = {.severity = GN_STR("OK")};

    (void)state;
    assert_int_equal(common(keys_of(with), keys_with(without, &fill, SALT)), 1);
    assert_int_equal(common(keys_of(with), keys_with(with, &other, SALT)), 0);
    assert_int_equal(common(keys_of(with), keys_with(with, &nothing, SALT)), 1);
}

static void the_salt_keeps_apart(void **state)
{
    const char *record = "{\"Message\":\"m\"," TIME "}";

    (void)state;
    assert_int_equal(common(keys_of(record), keys_with(record, NULL, GN_STR("bmc2"))), 0);
    assert_int_equal(common(keys_of(record), keys_with(record, NULL, GN_STR_NONE)), 0);
    assert_int_equal(common(keys_of(record), keys_with(record, NULL, SALT)), 1);
}

static void parts_do_not_run_into_each_other(void **state)
{
    static const char *const rows[] = {
        "{\"MessageId\":\"F\",\"MessageArgs\":[\"a\",\"b\"]," TIME "}",
        "{\"MessageId\":\"F\",\"MessageArgs\":[\"ab\"]," TIME "}",
        "{\"MessageId\":\"F\",\"MessageArgs\":[\"a1:b\"]," TIME "}",
        "{\"MessageId\":\"F\",\"MessageArgs\":[\"ab\",\"\"]," TIME "}",
        "{\"MessageId\":\"F\",\"OriginOfCondition\":\"ab\"," TIME "}",
        "{\"Message\":\"ab\"," TIME "}",
        "{\"Message\":\"F\"," TIME "}",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(keys_of(rows[i]).count, 1);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(common(keys_of(rows[i]), keys_of(rows[k])), 0);
    }
}

static void escapes_in_a_text_do_not_matter(void **state)
{
    (void)state;
    assert_int_equal(common(keys_of("{\"Message\":\"a\\u0062c\\/\"," TIME "}"),
                            keys_of("{\"Message\":\"abc/\"," TIME "}")),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_and_the_entry_of_its_log_are_one_incident),
        cmocka_unit_test(keys_whose_parts_are_missing_are_not_there),
        cmocka_unit_test(the_registrys_message_counts_in_the_stead_of_the_records),
        cmocka_unit_test(the_salt_keeps_apart),
        cmocka_unit_test(parts_do_not_run_into_each_other),
        cmocka_unit_test(escapes_in_a_text_do_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
