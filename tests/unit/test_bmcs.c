/* Tests of gurnard/bmc/bmcs.h, section by section in the headers below. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "gurnard/bmc/bmcs.h"

#include "bmc_bed.h"
#include "bmcs_proving.h"
#include "bmcs_streaming.h"
#include "bmcs_subscribing.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_look_subscribes_and_names_destination_with_token_and_context),
        TEST(without_webhook_url_the_destination_is_our_address_towards_the_bmc),
        TEST(what_one_bmc_refuses_is_not_tried_on_the_second_of_its_model),
        TEST(what_was_learnt_of_a_model_survives_a_restart),
        TEST(after_the_memory_is_lost_our_own_is_adopted_by_its_context),
        TEST(where_context_is_not_returned_our_own_is_adopted_by_its_token),
        TEST(another_wish_makes_the_new_one_before_the_old_one_goes),
        TEST(a_new_one_that_is_refused_leaves_the_old_one_in_place),
        TEST(a_lost_subscription_is_made_anew_with_the_gap_noted_told_and_counted),
        TEST(a_member_that_cannot_be_read_for_once_is_not_lost),
        TEST(a_subscription_under_another_number_is_adopted_in_silence),
        TEST(a_suspended_one_is_resumed),
        TEST(a_suspended_one_without_action_or_that_will_not_resume_is_made_anew),
        TEST(a_bmc_that_calls_all_of_them_disabled_is_not_subscribed_to_again_and_again),
        TEST(one_that_expires_is_renewed_in_time),
        TEST(at_the_limit_our_own_stale_ones_go_and_only_ours),
        TEST(without_a_place_it_is_refused_with_words),
        TEST(one_without_location_is_found_in_the_list),
        TEST(one_that_was_never_made_is_refused_after_one_request),
        TEST(a_location_on_a_foreign_host_is_not_followed),
        TEST(the_calm_round_asks_only_a_few_requests),
        TEST(a_calm_round_without_wish_asks_for_no_foreign_ones),
        TEST(nothing_is_sent_while_locked_out),
        TEST(troubles_one_after_another_are_all_ended),
        TEST(without_an_event_service_it_is_refused),
        TEST(without_credentials_nothing_is_asked),
        TEST(the_path_is_proven_when_the_test_event_comes),
        TEST(an_event_that_comes_before_the_answer_proves_too),
        TEST(an_event_proves_also_when_the_request_is_never_answered),
        TEST(who_asks_for_a_proof_is_told_its_end),
        TEST(too_many_who_ask_are_refused),
        TEST(a_proof_that_fails_degrades_with_the_reason),
        TEST(a_bmc_that_refuses_every_form_is_not_said_to_have_no_route),
        TEST(a_subscription_that_goes_over_the_test_is_made_anew),
        TEST(an_event_by_push_proves_the_path_without_a_test),
        TEST(the_form_of_the_test_event_is_learnt_for_the_model),
        TEST(the_answer_to_a_test_may_come_while_the_root_is_read_anew),
        TEST(a_restart_of_the_bmc_leads_to_a_proof_and_to_its_logs),
        TEST(a_bmc_that_does_not_answer_the_test_is_not_said_to_fail_it),
        TEST(a_proof_that_ends_does_not_hide_that_the_bmc_is_unreachable),
        TEST(heartbeats_that_stay_away_are_told_once_and_again_when_they_are_back),
        TEST(without_heartbeats_asked_for_any_more_silence_is_no_sign),
        TEST(an_event_that_was_answered_503_leads_to_the_logs),
        TEST(when_push_fails_the_stream_opens_and_closes_when_push_proves_itself),
        TEST(a_test_event_by_stream_says_that_push_has_no_route),
        TEST(a_bmc_without_place_is_listened_to_by_stream),
        TEST(way_sse_makes_no_subscription_and_is_no_trouble_at_the_start),
        TEST(the_last_id_is_kept_only_when_its_event_is_durable),
        TEST(a_broken_stream_is_resumed_behind_the_last_id),
        TEST(without_room_the_stream_is_blocked_and_everything_comes_again),
        TEST(a_stream_without_a_byte_for_long_is_opened_anew_in_silence),
        TEST(a_stream_that_cannot_be_opened_again_is_told_however_it_ended),
        TEST(a_stream_that_cannot_be_opened_does_not_hide_that_the_bmc_is_down),
        TEST(a_filter_that_is_refused_is_left_out),
        TEST(a_bmc_that_no_longer_has_all_events_is_read_by_its_logs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
