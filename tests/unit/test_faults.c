#include "gurnard/sim/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PATH GN_STR("/redfish/v1/EventService")

static struct gn_sim_incidents once; /* of the last read() */

static enum gn_err read_text(const char *text, struct gn_sim_faults *faults)
{
    json_t *wish = json_loads(text, JSON_DECODE_ANY, NULL);
    const char *reason = "";
    enum gn_err err;

    assert_non_null(wish);
    err = gn_sim_faults_read(wish, faults, &once, &reason);
    assert_true(err == GN_OK || reason[0] != '\0');
    json_decref(wish);
    return err;
}

static struct gn_sim_faults faults_of(const char *text)
{
    struct gn_sim_faults faults;

    gn_sim_faults_init(&faults);
    assert_int_equal(read_text(text, &faults), GN_OK);
    return faults;
}

static void without_faults_a_request_passes(void **state)
{
    struct gn_sim_faults faults = faults_of("{}");

    (void)state;
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_NOTHING);
    assert_int_equal(gn_sim_faults_delay_ms(&faults, PATH), 0);
    assert_int_equal(gn_sim_faults_hostile(&faults, PATH), GN_SIM_TAME);
    assert_int_equal(faults.answer, GN_SIM_ANSWERS);
}

static void a_status_holds_for_as_many_requests_as_asked(void **state)
{
    struct gn_sim_faults faults = faults_of("{\"http_status\":503,\"times\":2,\"retry_after\":9}");

    (void)state;
    assert_int_equal(faults.retry_after_s, 9);
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_STATUS);
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_STATUS);
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_NOTHING);
}

static void a_status_without_times_holds_until_cleared(void **state)
{
    struct gn_sim_faults faults = faults_of("{\"http_status\":401}");

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_STATUS);
    assert_int_equal(read_text("{\"clear\":true}", &faults), GN_OK);
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_NOTHING);
}

static void a_drop_goes_before_a_status(void **state)
{
    struct gn_sim_faults faults = faults_of("{\"http_status\":500,\"drop\":1}");

    (void)state;
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_DROP);
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_STATUS);
}

static void a_path_limits_what_is_met(void **state)
{
    struct gn_sim_faults faults =
        faults_of("{\"http_status\":500,\"delay_ms\":7,\"hostile\":\"half\","
                  "\"path\":\"/redfish/v1/Systems\"}");

    (void)state;
    assert_int_equal(gn_sim_faults_meet(&faults, PATH), GN_SIM_MEETS_NOTHING);
    assert_int_equal(gn_sim_faults_delay_ms(&faults, PATH), 0);
    assert_int_equal(gn_sim_faults_hostile(&faults, PATH), GN_SIM_TAME);
    assert_int_equal(gn_sim_faults_meet(&faults, GN_STR("/redfish/v1/Systems/1")),
                     GN_SIM_MEETS_STATUS);
    assert_int_equal(gn_sim_faults_delay_ms(&faults, GN_STR("/redfish/v1/Systems")), 7);
    assert_int_equal(gn_sim_faults_hostile(&faults, GN_STR("/redfish/v1/Systems")), GN_SIM_HALF);
}

static void what_is_not_named_stays(void **state)
{
    struct gn_sim_faults faults = faults_of("{\"full\":true,\"mute_push\":true}");

    (void)state;
    assert_int_equal(read_text("{\"full\":false}", &faults), GN_OK);
    assert_false(faults.is_full);
    assert_true(faults.mutes_push);
}

static void switches_and_words_are_read(void **state)
{
    struct gn_sim_faults faults =
        faults_of("{\"service_disabled\":true,\"alerts_disabled\":true,\"mute_sse\":true,"
                  "\"answer\":\"task\",\"drop\":true}");

    (void)state;
    assert_true(faults.is_disabled && faults.has_alerts_off && faults.mutes_sse);
    assert_int_equal(faults.answer, GN_SIM_ANSWER_TASK);
    assert_int_equal(faults.drops, GN_SIM_FOREVER);
    assert_int_equal(read_text("{\"answer\":\"\",\"drop\":false}", &faults), GN_OK);
    assert_int_equal(faults.answer, GN_SIM_ANSWERS);
    assert_int_equal(faults.drops, 0);
}

static void what_happens_once_is_told_apart(void **state)
{
    (void)state;
    (void)faults_of("{\"reset\":{\"lose_subscriptions\":true,\"boot_ms\":500}}");
    assert_true(once.resets && once.loses_subscriptions && once.boot_ms == 500);
    assert_false(once.suspends || once.drops_subscriptions || once.ends_streams);
    (void)faults_of("{\"reset\":true,\"suspend\":true,\"drop_subscriptions\":true,"
                    "\"end_streams\":true}");
    assert_true(once.resets && !once.loses_subscriptions && once.boot_ms == 0);
    assert_true(once.suspends && once.drops_subscriptions && once.ends_streams);
}

static void nonsense_changes_nothing(void **state)
{
    static const char *const rows[] = {
        "[]",
        "1",
        "{\"http_status\":\"500\"}",
        "{\"http_status\":99}",
        "{\"http_status\":600}",
        "{\"delay_ms\":-1}",
        "{\"delay_ms\":600001}",
        "{\"drop\":\"no\"}",
        "{\"hostile\":\"very\"}",
        "{\"answer\":7}",
        "{\"full\":1}",
        "{\"clear\":\"yes\"}",
        "{\"reset\":\"now\"}",
        "{\"reset\":{\"boot_ms\":\"1\"}}",
        "{\"path\":5}",
    };
    struct gn_sim_faults faults = faults_of("{\"full\":true,\"http_status\":500}");

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(read_text(rows[i], &faults), GN_EINVAL);
        assert_true(faults.is_full && faults.http_status == 500);
    }
}

static void every_value_gets_another_type(void **state)
{
    json_t *body = json_pack("{s:s, s:i, s:b, s:[s], s:{s:s}, s:n}", "text", "abc", "number", 1,
                             "flag", 1, "list", "a", "object", "inner", "x", "none");
    json_t *wrong = gn_sim_wrong_types(body);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(wrong, "text")), 3);
    assert_true(json_is_string(json_object_get(wrong, "number")));
    assert_true(json_is_array(json_object_get(wrong, "flag")));
    assert_true(json_is_object(json_object_get(wrong, "list")));
    assert_true(json_is_array(json_object_get(wrong, "object")));
    assert_true(json_is_true(json_object_get(wrong, "none")));
    json_decref(body);
    json_decref(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_a_request_passes),
        cmocka_unit_test(a_status_holds_for_as_many_requests_as_asked),
        cmocka_unit_test(a_status_without_times_holds_until_cleared),
        cmocka_unit_test(a_drop_goes_before_a_status),
        cmocka_unit_test(a_path_limits_what_is_met),
        cmocka_unit_test(what_is_not_named_stays),
        cmocka_unit_test(switches_and_words_are_read),
        cmocka_unit_test(what_happens_once_is_told_apart),
        cmocka_unit_test(nonsense_changes_nothing),
        cmocka_unit_test(every_value_gets_another_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
