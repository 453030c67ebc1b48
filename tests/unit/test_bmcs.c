/* Tests of gurnard/bmc/bmcs.h, section by section in the headers below. */
#include "gurnard/bmc/bmcs.h"

#include "bmc_bed.h"
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
