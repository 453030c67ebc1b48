/* Tests of the fleet: test events, restarts of the BMC, heartbeats. */
#ifndef GN_TESTS_BMCS_PROVING_H
#define GN_TESTS_BMCS_PROVING_H

#include "bmc_bed.h"

#define PROVING  ONE_WITH("\"prove\":true,\"way\":\"push\"")
#define PROVING2 ONE_WITH("\"prove\":true")

static void the_path_is_proven_when_the_test_event_comes(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    apply(bed, PROVING);
    expect_state(bed, "proven");
    assert_int_equal(bed->answers, 1);
    assert_int_equal(bed->pushed, 0);
    assert_int_equal(count_told(bed, "PathProven"), 1);
    resync(bed);
    assert_int_equal(fake_seen(fake, "POST"), 0); /* not again while all is well */
}

static void an_event_that_comes_before_the_answer_proves_too(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->test = TEST_PUSH_BEFORE;
    apply(bed, PROVING);
    expect_state(bed, "proven");
    assert_true(bmc_of(bed, "b1")->proof.is_proven);
}

static void an_event_proves_also_when_the_request_is_never_answered(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    char event[1200];

    fake->has_test = true;
    fake->test = TEST_HELD;
    apply_only(bed, PROVING);
    for (int i = 0; i < 400 && fake->held == NULL; i++)
        turn(bed);
    assert_non_null(fake->held);
    snprintf(event, sizeof(event), "{\"Events\":[%s]}", fake->test_body);
    fake_push_all(fake, gn_str_of(event));
    clock_skew_ms += PROOF_MS + 100;
    for (int i = 0; i < 4; i++)
        turn(bed);
    expect_state(bed, "proven");
    fake_answer(fake->held, 204, NULL, NULL);
}

static void who_asks_for_a_proof_is_told_its_end(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    apply(bed, ONE_WITH("\"prove\":false"));
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b9"), on_proof, bed), GN_ENOTFOUND);
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    assert_int_equal(bed->proofs, 0);
    quiet(bed);
    assert_int_equal(bed->proofs, 2);
    assert_true(bed->proof.is_proven);
    assert_string_equal(bed->proof.way, "push");
    fake->test = TEST_SILENT;
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    quiet(bed);
    pass(bed, PROOF_MS + 100);
    assert_int_equal(bed->proofs, 3);
    assert_false(bed->proof.is_proven);
    assert_non_null(strstr(bed->proof_reason, "no route from the BMC to 198.51.100.7"));
}

static void too_many_who_ask_are_refused(void **state)
{
    struct bed *bed = *state;

    bed->fakes[0]->has_test = true;
    bed->fakes[0]->test = TEST_SILENT;
    apply(bed, ONE_WITH("\"prove\":false"));
    for (int i = 0; i < PROOF_ASKERS_MAX; i++)
        assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_EREFUSED);
    quiet(bed);
    stop(bed);
    assert_int_equal(bed->proofs, PROOF_ASKERS_MAX);
    assert_string_equal(bed->proof_reason, "the BMC left the inventory");
}

static void a_proof_that_fails_degrades_with_the_reason(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->test = TEST_SILENT;
    apply(bed, PROVING);
    expect_state(bed, "subscribed");
    pass(bed, PROOF_MS + 100);
    expect_state(bed, "degraded");
    assert_non_null(strstr(bmc_of(bed, "b1")->reason, "no route from the BMC"));
    assert_int_equal(count_told(bed, "PathUnproven"), 1);
    assert_int_equal(count_told(bed, "SubscriptionDegraded"), 1);
    fake->test = TEST_PUSH;
    resync(bed);
    expect_state(bed, "proven");
    assert_int_equal(count_told(bed, "PathProven"), 1);
    assert_int_equal(count_told(bed, "SubscriptionRepaired"), 1);
}

static void a_bmc_that_refuses_every_form_is_not_said_to_have_no_route(void **state)
{
    struct bed *bed = *state;

    bed->fakes[0]->has_test = true;
    bed->fakes[0]->test = TEST_REFUSED;
    apply(bed, PROVING);
    expect_state(bed, "degraded");
    assert_string_equal(bmc_of(bed, "b1")->reason, "the BMC refuses every form of test event");
}

static void a_subscription_that_goes_over_the_test_is_made_anew(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->test = TEST_SILENT;
    apply(bed, PROVING);
    fake->subs[0].is_used = false;
    fake->test = TEST_PUSH;
    pass(bed, PROOF_MS + 100);
    assert_non_null(strstr(bmc_of(bed, "b1")->reason, "deleted the subscription"));
    pass(bed, SIGN_MS);
    assert_int_equal(fake_count_subs(fake), 1);
    expect_state(bed, "proven");
}

static void an_event_by_push_proves_the_path_without_a_test(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->test = TEST_SILENT;
    apply(bed, PROVING);
    pass(bed, PROOF_MS + 100);
    expect_state(bed, "degraded");
    fake_push_all(fake, GN_STR("{\"Events\":[{\"MessageId\":\"A.1.0.B\"}]}"));
    expect_state(bed, "proven");
    assert_int_equal(bed->pushed, 1);
    assert_int_equal(count_told(bed, "PathProven"), 1);
}

static void the_form_of_the_test_event_is_learnt_for_the_model(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->vendor = "Dell Inc.";
    apply(bed, PROVING);
    expect_state(bed, "proven"); /* nothing of ours is in that form but the MessageId */
    assert_null(strstr(fake->test_body, "gurnard tests"));
    assert_int_equal(gn_memory_model(bed->fleet->memory, bmc_of(bed, "b1")->facts.model_key)->form,
                     GN_TEST_DELL);
}

static void an_event_like_the_one_before_is_no_answer_before_it_is_asked_for(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->has_info = true;
    apply(bed, PROVING);
    assert_int_equal(bed->answers, 1);
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    fake_push_all(fake, GN_STR("{\"Events\":[{\"MessageId\":\"ResourceEvent.1.0.TestMessage\"}]}"));
    assert_int_equal(bed->answers, 1);
    assert_int_equal(bed->pushed, 1);
    quiet(bed);
    assert_int_equal(bed->answers, 2);
}

static void the_answer_to_a_test_may_come_while_the_root_is_read_anew(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct gn_http_request *held;

    fake->has_test = true;
    fake->test = TEST_HELD;
    apply_only(bed, PROVING);
    for (int i = 0; i < 400 && fake->held == NULL; i++)
        turn(bed);
    held = fake->held;
    assert_non_null(held);
    gn_bmc_facts_free(&bmc_of(bed, "b1")->facts); /* as the root's answer does */
    fake_answer(held, 204, NULL, NULL);
    quiet(bed);
    assert_true(bmc_of(bed, "b1")->proof.is_running);
}

static void a_restart_of_the_bmc_leads_to_a_proof_and_to_its_logs(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake_write_some(fake, 0, 1, 5);
    apply(bed, PROVING);
    resync(bed);
    fake->reset = "2026-02-02T00:00:00Z";
    fake_write_some(fake, 0, 6, 7);
    resync(bed);
    assert_int_equal(count_told(bed, "BmcRestarted"), 1);
    assert_int_equal(fake_seen(fake, "POST " ES "/Actions"), 1);
    assert_int_equal(bed->taken_count, 2);
    assert_false(bmc_of(bed, "b1")->kept->has_gap);
    expect_state(bed, "proven");
}

static void a_bmc_that_does_not_answer_the_test_is_not_said_to_fail_it(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, ONE_WITH("\"prove\":false"));
    fake->has_test = true;
    resync(bed);
    fake->is_down = true;
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    quiet(bed);
    assert_int_equal(bed->proofs, 1);
    assert_false(bed->proof.is_proven);
    assert_true(bed->proof_reason[0] != '\0');
    assert_int_equal(count_told(bed, "PathUnproven"), 0);
    expect_state(bed, "subscribed");
}

static void a_proof_that_ends_does_not_hide_that_the_bmc_is_unreachable(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->test = TEST_SILENT;
    apply(bed, PROVING);
    fake->is_down = true;
    assert_int_equal(gn_bmcs_resync(bed->fleet, GN_STR("b1")), GN_OK);
    quiet(bed);
    expect_state(bed, "unreachable");
    pass(bed, PROOF_MS + 100);
    expect_state(bed, "unreachable");
    assert_int_equal(count_told(bed, "BmcUnreachable"), 1);
}

/* ---- signs ---- */

#define HEARTBEAT "{\"Events\":[{\"MessageId\":\"HeartbeatEvent.1.0.RedfishServiceFunctional\"}]}"

static void heartbeats_that_stay_away_are_told_once_and_again_when_they_are_back(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, ONE_WITH("\"prove\":false,\"heartbeat\":1"));
    fake_push_all(fake, GN_STR(HEARTBEAT));
    assert_int_equal(bed->answers, 1);
    pass(bed, 151000);
    pass(bed, SIGN_MS);
    assert_int_equal(count_told(bed, "HeartbeatLost"), 1);
    expect_state(bed, "degraded");
    pass(bed, 151000);
    pass(bed, 151000);
    assert_int_equal(count_told(bed, "HeartbeatLost"), 1);
    fake_push_all(fake, GN_STR(HEARTBEAT));
    assert_int_equal(count_told(bed, "HeartbeatRestored"), 1);
    expect_state(bed, "subscribed");
}

static void without_heartbeats_asked_for_any_more_silence_is_no_sign(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, ONE_WITH("\"prove\":false,\"heartbeat\":1"));
    fake_push_all(fake, GN_STR(HEARTBEAT));
    apply(bed, ONE_WITH("\"prove\":false"));
    pass(bed, SIGN_MS);
    pass(bed, 151000);
    assert_false(gn_timer_is_running(&bmc_of(bed, "b1")->silence));
    assert_int_equal(count_told(bed, "HeartbeatLost"), 0);
}

static void an_event_that_was_answered_503_leads_to_the_logs(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_write_some(fake, 0, 1, 5);
    apply(bed, ONE_WITH("\"prove\":false"));
    fake_write_some(fake, 0, 6, 6);
    gn_bmcs_on_refused(bed->fleet, GN_STR("b1"));
    pass(bed, SIGN_MS);
    assert_int_equal(bed->taken_count, 1);
    assert_string_equal(bed->taken[0].text, "entry 6 version 0");
}

#endif
