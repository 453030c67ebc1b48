/* Tests of gurnard/bmc/health.h: how a BMC is, in words. */
#include "gurnard/bmc/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < GN_BMC_STATES; i++) {
        assert_true(gn_bmc_state_name((enum gn_bmc_state)i)[0] != '\0');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(gn_bmc_state_name((enum gn_bmc_state)i),
                                    gn_bmc_state_name((enum gn_bmc_state)k));
    }
    assert_string_equal(gn_bmc_state_name(GN_BMC_PROVEN), "proven");
    assert_string_equal(gn_bmc_state_name(GN_BMC_HOSTILE), "hostile");
    assert_string_equal(gn_bmc_state_name(GN_BMC_STATES), "");
}

static void events_are_expected_in_three_states(void **state)
{
    (void)state;
    for (int i = 0; i <= GN_BMC_STATES; i++)
        assert_int_equal(gn_bmc_state_is_good((enum gn_bmc_state)i),
                         i == GN_BMC_WATCHED || i == GN_BMC_SUBSCRIBED || i == GN_BMC_PROVEN);
}

static void the_end_of_a_request_says_which_state(void **state)
{
    static const struct {
        enum gn_bmc_end end;
        int status;
        enum gn_service_fault fault;
        enum gn_bmc_state want;
    } rows[] = {
        {GN_BMC_END_UNREACHABLE, 0, GN_FAULT_NONE, GN_BMC_UNREACHABLE},
        {GN_BMC_END_UNREACHABLE, 200, GN_FAULT_NONE, GN_BMC_UNREACHABLE},
        {GN_BMC_END_TIMEOUT, 0, GN_FAULT_NONE, GN_BMC_UNREACHABLE},
        {GN_BMC_END_NOMEM, 0, GN_FAULT_NONE, GN_BMC_UNREACHABLE},
        {GN_BMC_END_TLS, 0, GN_FAULT_NONE, GN_BMC_CERTIFICATE},
        {GN_BMC_END_AUTH, 401, GN_FAULT_AUTH, GN_BMC_AUTH},
        {GN_BMC_END_LOCKED, 0, GN_FAULT_NONE, GN_BMC_AUTH},
        {GN_BMC_END_HOSTILE, 200, GN_FAULT_NONE, GN_BMC_HOSTILE},
        {GN_BMC_END_ANSWER, 403, GN_FAULT_AUTH, GN_BMC_AUTH},
        {GN_BMC_END_ANSWER, 500, GN_FAULT_OTHER, GN_BMC_UNREACHABLE},
        {GN_BMC_END_ANSWER, 503, GN_FAULT_BUSY, GN_BMC_UNREACHABLE},
        {GN_BMC_END_ANSWER, 404, GN_FAULT_ABSENT, GN_BMC_HOSTILE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_bmc_answer answer = {.end = rows[i].end,
                                             .status = rows[i].status,
                                             .error.fault = rows[i].fault};

        assert_int_equal(gn_bmc_state_of(&answer), rows[i].want);
    }
}

#define HTTP  "http://192.0.2.9:9000/webhook/b1/t"
#define HTTPS "https://[2001:db8::1]:9443/webhook/b1/t"

static void the_likely_reason_of_a_failed_proof_is_told(void **state)
{
    static const struct gn_event_service plain;
    static const struct gn_event_service off = {.is_disabled = true, .condition = "SYS553"};
    static const struct gn_event_service mute = {.condition = "SYS553"};
    static const struct {
        struct gn_proof_facts facts;
        const char *want; /* part of it */
    } rows[] = {
        {{.service = &off, .url = HTTP, .local = ""}, "EventService of the BMC is disabled"},
        {{.service = &mute, .url = HTTP, .local = "", .is_gone = true},
         "alerts are disabled on the BMC: SYS553"},
        {{.service = &plain, .url = HTTP, .local = "", .came_by_stream = true},
         "came by SSE but not by push: no route from the BMC to 192.0.2.9, or http is refused"},
        {{.service = &plain, .url = HTTPS, .local = "", .came_by_stream = true},
         "or the certificate is refused"},
        {{.service = &plain, .url = HTTP, .local = "", .is_refused = true},
         "refuses every form of test event"},
        {{.service = &plain, .url = HTTP, .local = "", .is_gone = true},
         "deleted the subscription"},
        {{.service = &plain, .url = HTTP, .local = "", .is_suspended = true},
         "suspended the subscription"},
        {{.service = &plain, .url = HTTPS, .local = "", .verifies = true},
         "install its CA there or set verify_certificate: no"},
        {{.service = &plain, .url = HTTPS, .local = ""}, "no route or no TLS from the BMC to"},
        {{.service = &plain, .url = HTTP, .local = "10.0.0.1"},
         "no route from the BMC to 192.0.2.9 (we reach it from 10.0.0.1), or it wants https"},
        {{.service = &plain, .url = HTTP, .local = "192.0.2.9"},
         "no route from the BMC to 192.0.2.9, or it wants https"},
        {{.service = &plain, .url = "", .local = ""}, "no route from the BMC to , or"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_proof_reason(&rows[i].facts, &out);
        assert_int_equal(gn_buf_err(&out), GN_OK);
        if (strstr(out.data, rows[i].want) == NULL)
            fail_msg("row %zu: %s", i, out.data);
        assert_null(strchr(out.data, '\n'));
        assert_null(strstr(out.data, "/webhook/")); /* the token is in there */
        gn_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_has_a_name_of_its_own),
        cmocka_unit_test(events_are_expected_in_three_states),
        cmocka_unit_test(the_end_of_a_request_says_which_state),
        cmocka_unit_test(the_likely_reason_of_a_failed_proof_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
