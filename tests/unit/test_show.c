/* Lines for people from delivered events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/cli/show.h"

#define EVENT(value)                                                                               \
    "{\"id\":\"5d1c\",\"type\":\"event.redfish.alert\",\"source\":\"/cluster/node/n1\","           \
    "\"dataContentType\":\"application/json\",\"time\":\"2026-11-21T03:49:30.136201331Z\","        \
    "\"data\":{\"version\":\"v1\",\"values\":[{\"resource\":\"/redfish/v1/Systems\",\"dataType\":" \
    "\"notification\",\"valueType\":\"redfish-event\",\"value\":" value "}]}}"
#define RECORDS(records) EVENT("{\"Events\":[" records "],\"Name\":\"x\"}")

static void shows(const char *body, bool color, unsigned want_lines, const char *want)
{
    struct gn_buf out = GN_BUF_INIT;
    unsigned lines = gn_show_event(gn_str_of(body), color, &out);

    assert_int_equal(gn_buf_err(&out), GN_OK);
    assert_string_equal(out.data, want);
    assert_int_equal(lines, want_lines);
    gn_buf_free(&out);
}

static void a_record_is_one_line(void **state)
{
    (void)state;
    shows(RECORDS("{\"EventTimestamp\":\"2026-11-21T04:49:30+0100\",\"Message\":\"A fan stopped.\","
                  "\"Severity\":\"Warning\",\"MessageId\":\"Environmental.1.1.FanFailed\","
                  "\"OriginOfCondition\":{\"@odata.id\":\"/redfish/v1/Chassis/1\"}}"),
          false, 1,
          "2026-11-21T03:49:30Z  Warning   Environmental.1.1.FanFailed  /redfish/v1/Chassis/1  "
          "A fan stopped.\n");
}

static void each_record_gets_a_line_and_missing_members_a_dash(void **state)
{
    (void)state;
    shows(RECORDS("{\"EventTimestamp\":\"0000-00-00T00:00:00Z\",\"MessageSeverity\":\"OK\","
                  "\"OriginOfCondition\":\"/redfish/v1/Systems/1\"},{\"Severity\":\"\"}"),
          false, 2,
          "2026-11-21T03:49:30Z  OK        -  /redfish/v1/Systems/1  (no text)\n"
          "2026-11-21T03:49:30Z  -         -  -  (no text)\n");
}

static void a_record_from_a_log_says_so(void **state)
{
    (void)state;
    shows(RECORDS("{\"Message\":\"a\",\"Oem\":{\"Gurnard\":{\"Recovered\":true}}},"
                  "{\"Message\":\"b\",\"Oem\":{\"Gurnard\":{\"Recovered\":\"no\"}}}"),
          false, 2,
          "2026-11-21T03:49:30Z  -         -  -  a  (recovered)\n"
          "2026-11-21T03:49:30Z  -         -  -  b\n");
}

static void a_record_without_envelope_is_shown_too(void **state)
{
    (void)state;
    shows(EVENT("{\"MessageId\":\"TMP0100\",\"Message\":\"Cold.\"}"), false, 1,
          "2026-11-21T03:49:30Z  -         TMP0100  -  Cold.\n");
}

static void severity_has_its_colour(void **state)
{
    static const struct {
        const char *word, *want;
    } rows[] = {
        {"OK", "\033[32mOK      \033[0m"},
        {"Warning", "\033[33mWarning \033[0m"},
        {"critical", "\033[1;31mcritical\033[0m"},
        {"odd", "odd     "},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf body = GN_BUF_INIT;
        struct gn_buf want = GN_BUF_INIT;

        gn_buf_printf(&body, RECORDS("{\"Severity\":\"%s\"}"), rows[i].word);
        gn_buf_printf(&want, "2026-11-21T03:49:30Z  %s  -  -  (no text)\n", rows[i].want);
        shows(body.data, true, 1, want.data);
        gn_buf_free(&body);
        gn_buf_free(&want);
    }
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    shows(RECORDS("{\"Message\":\"a\\u001b[2Jb\\nc\\u007fd\\u009be\xc3\xa9\"}"), false, 1,
          "2026-11-21T03:49:30Z  -         -  -  a\\x1b[2Jb\\x0ac\\x7fd\\x9be\xc3\xa9\n");
}

static void what_is_no_redfish_event_is_shown_as_json(void **state)
{
    (void)state;
    shows("{\"id\":\"1\",\"type\":\"event.sync.sync-status\",\"time\":\"2026-11-21T03:49:30Z\","
          "\"data\":{\"values\":[{\"resource\":\"/sync\",\"value\":\"LOCKED\"},"
          "{\"resource\":\"/sync/offset\",\"value\":\"-7\"}]}}",
          false, 2,
          "2026-11-21T03:49:30Z  event.sync.sync-status  /sync  \"LOCKED\"\n"
          "2026-11-21T03:49:30Z  event.sync.sync-status  /sync/offset  \"-7\"\n");
}

static void a_long_value_is_cut_between_characters(void **state)
{
    struct gn_buf body = GN_BUF_INIT;
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_buf_puts(&body, "{\"data\":{\"values\":[{\"value\":\"");
    for (int i = 0; i < 200; i++)
        gn_buf_puts(&body, "\xe2\x82\xac");
    gn_buf_puts(&body, "\"}]}}");
    assert_int_equal(gn_show_event(gn_buf_str(&body), false, &out), 1);
    assert_true(gn_str_has_suffix(gn_buf_str(&out), GN_STR("\xe2\x82\xac...\n")));
    assert_in_range(out.len, 150, 200);
    gn_buf_free(&body);
    gn_buf_free(&out);
}

static void a_cloudevent_is_shown_by_its_data(void **state)
{
    (void)state;
    shows("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/news\",\"type\":\"news.goal\","
          "\"time\":\"2026-11-21T03:49:30.5Z\",\"data\":{\"score\":1}}",
          false, 1, "2026-11-21T03:49:30Z  news.goal  /news  {\"score\":1}\n");
    shows("{\"specversion\":\"1.0\",\"source\":\"/bmc\",\"time\":\"2026-11-21T03:49:30Z\","
          "\"data\":{\"Events\":[{\"MessageId\":\"A\"},{\"MessageId\":\"B\"}]}}",
          false, 2,
          "2026-11-21T03:49:30Z  -         A  -  (no text)\n"
          "2026-11-21T03:49:30Z  -         B  -  (no text)\n");
    shows("{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\"}", false, 1, "-  t  /s  \n");
}

static void what_is_no_event_is_said_to_be_none(void **state)
{
    static const char *const bodies[] = {
        "", "x", "[]", "{}", "{\"data\":{\"values\":[]}}", "12", "{\"data\":1}"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        struct gn_buf want = GN_BUF_INIT;

        gn_buf_printf(&want, "%zu bytes that are no event\n", strlen(bodies[i]));
        shows(bodies[i], true, 1, want.data);
        gn_buf_free(&want);
    }
}

static void samples_of_all_vendors_give_their_records(void **state)
{
    static const struct {
        const char *name;
        unsigned want;
    } rows[] = {
        {"idrac8", 1}, {"idrac9", 1}, {"idrac10", 1}, {"ilo5", 1}, {"openbmc", 2}, {"ami_zt", 1},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf path = GN_BUF_INIT;
        struct gn_buf value = GN_BUF_INIT;
        struct gn_buf body = GN_BUF_INIT;
        struct gn_buf out = GN_BUF_INIT;

        gn_buf_printf(&path, GN_TEST_DATA "/redfish_v1/%s.json", rows[i].name);
        assert_int_equal(gn_file_read(path.data, 1 << 20, &value), GN_OK);
        gn_buf_printf(&body, EVENT("%s"), value.data);
        assert_int_equal(gn_show_event(gn_buf_str(&body), false, &out), rows[i].want);
        assert_null(strstr(out.data, "{"));
        gn_buf_free(&path);
        gn_buf_free(&value);
        gn_buf_free(&body);
        gn_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_one_line),
        cmocka_unit_test(each_record_gets_a_line_and_missing_members_a_dash),
        cmocka_unit_test(a_record_from_a_log_says_so),
        cmocka_unit_test(a_record_without_envelope_is_shown_too),
        cmocka_unit_test(severity_has_its_colour),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(what_is_no_redfish_event_is_shown_as_json),
        cmocka_unit_test(a_long_value_is_cut_between_characters),
        cmocka_unit_test(a_cloudevent_is_shown_by_its_data),
        cmocka_unit_test(what_is_no_event_is_said_to_be_none),
        cmocka_unit_test(samples_of_all_vendors_give_their_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
