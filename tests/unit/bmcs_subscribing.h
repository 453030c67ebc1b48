/* Tests of the fleet: subscriptions are made, adopted, repaired and refused. */
#ifndef GN_TESTS_BMCS_SUBSCRIBING_H
#define GN_TESTS_BMCS_SUBSCRIBING_H

#include "bmc_bed.h"

#define NO_PROOF "\"prove\":false"
#define PLAIN    ONE_WITH(NO_PROOF)

static void first_look_subscribes_and_names_destination_with_token_and_context(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    char want[600];

    apply(bed, PLAIN);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_int_equal(fake->posts, 1);
    snprintf(want, sizeof(want), "http://198.51.100.7:9000/webhook/b1/%s",
             gn_bmcs_token(bed->fleet, GN_STR("b1")).p);
    assert_string_equal(fake->subs[0].url, want);
    assert_int_equal(gn_bmcs_token(bed->fleet, GN_STR("b1")).len, 32);
    assert_int_equal(strncmp(fake->subs[0].context, "gurnard:", 8), 0);
    assert_non_null(strstr(fake->subs[0].context, ":b1:"));
    assert_int_equal(count_told(bed, "SubscriptionCreated"), 1);
    expect_state(bed, "subscribed");
}

static void without_webhook_url_the_destination_is_our_address_towards_the_bmc(void **state)
{
    struct bed *bed = *state;

    stop(bed);
    bed->config.webhook_url = "";
    start(bed);
    apply(bed, PLAIN);
    assert_int_equal(strncmp(bed->fakes[0]->subs[0].url, "http://127.0.0.1:9000/webhook/b1/", 33),
                     0);
}

static void what_one_bmc_refuses_is_not_tried_on_the_second_of_its_model(void **state)
{
    struct bed *bed = *state;
    struct fake *second = add_fake(bed);
    struct fake *other = add_fake(bed);

    for (size_t i = 0; i < 3; i++) {
        bed->fakes[i]->offers = ",\"EventFormatTypes\":[\"Event\"]";
        bed->fakes[i]->refused[0] = "EventFormatType";
        bed->fakes[i]->refused[1] = "SubscriptionType";
    }
    other->model = "Beam";
    apply(bed, PLAIN);
    assert_int_equal(fake_count_subs(bed->fakes[0]), 1);
    assert_true(bed->fakes[0]->posts > 1);
    apply(bed, PLAIN ",{\"name\":\"b2\",\"address\":\"%1\"," NO_PROOF "}"
                     ",{\"name\":\"b3\",\"address\":\"%2\"," NO_PROOF "}");
    assert_int_equal(second->posts, 1);
    assert_int_equal(fake_count_subs(second), 1);
    assert_true(other->posts > 1);
    assert_int_equal(fake_count_subs(other), 1);
}

static void what_was_learnt_of_a_model_survives_a_restart(void **state)
{
    struct bed *bed = *state;
    struct fake *second = add_fake(bed);

    for (size_t i = 0; i < 2; i++) {
        bed->fakes[i]->offers = ",\"EventFormatTypes\":[\"Event\"]";
        bed->fakes[i]->refused[0] = "EventFormatType";
    }
    apply(bed, PLAIN);
    restart(bed);
    apply(bed, PLAIN ",{\"name\":\"b2\",\"address\":\"%1\"," NO_PROOF "}");
    assert_int_equal(second->posts, 1);
}

/* As if the memory were lost but for its secret. */
static void lose_memory(struct bed *bed)
{
    char path[128];

    stop(bed);
    snprintf(path, sizeof(path), "%s/b-b1.json", bed->folder);
    assert_int_equal(unlink(path), 0);
    start(bed);
}

static void after_the_memory_is_lost_our_own_is_adopted_by_its_context(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    lose_memory(bed);
    apply(bed, PLAIN);
    assert_int_equal(fake->posts, 1);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_string_equal(bmc_of(bed, "b1")->kept->subscription[0], SUBS "/0");
    assert_int_equal(count_told(bed, "SubscriptionLost"), 0);
    expect_state(bed, "subscribed");
}

static void where_context_is_not_returned_our_own_is_adopted_by_its_token(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->hides_context = true;
    fake_add_sub(fake, "http://192.0.2.1/other", "");
    apply(bed, PLAIN);
    lose_memory(bed);
    apply(bed, PLAIN);
    assert_int_equal(fake->posts, 1);
    assert_int_equal(fake_count_subs(fake), 2);
    assert_string_equal(bmc_of(bed, "b1")->kept->subscription[0], SUBS "/1");
}

static void another_wish_makes_the_new_one_before_the_old_one_goes(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    unsigned post = 0;
    unsigned removed = 0;

    apply(bed, PLAIN);
    bed->has_secret_headers = true;
    fake_forget_seen(fake);
    apply_only(bed, PLAIN);
    pass(bed, SIGN_MS);
    for (unsigned i = 0; i < fake->seen_count; i++) {
        if (strcmp(fake->seen[i], "POST " SUBS) == 0)
            post = i;
        if (strcmp(fake->seen[i], "DELETE " SUBS "/0") == 0)
            removed = i;
    }
    assert_true(post > 0 && removed > post);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_non_null(strstr(fake->posted[0], SECRET_HDR));
    assert_int_equal(count_told(bed, "SubscriptionLost"), 0);
    assert_int_equal(bmc_of(bed, "b1")->kept->has_gap, false);
}

static void a_new_one_that_is_refused_leaves_the_old_one_in_place(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->refuse_status = 400;
    bed->has_secret_headers = true;
    fake_forget_seen(fake);
    apply_only(bed, PLAIN);
    pass(bed, SIGN_MS);
    assert_true(fake->posts > 0);
    assert_int_equal(fake_count_subs(fake), 1);
    expect_state(bed, "refused");
    fake->refuse_status = 0;
    resync(bed);
    assert_int_equal(fake_count_subs(fake), 1);
    expect_state(bed, "subscribed");
    assert_int_equal(count_told(bed, "SubscriptionRepaired"), 1);
}

static void a_lost_subscription_is_made_anew_with_the_gap_noted_told_and_counted(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->subs[0].is_used = false;
    fake->logs[0].exists = true;
    fake->logs[0].status = 500; /* so that the gap cannot be closed */
    bmc_of(bed, "b1")->kept->discovered_ns = 0;
    resync(bed);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_int_equal(count_told(bed, "SubscriptionLost"), 1);
    assert_int_equal(count_told(bed, "SubscriptionRepaired"), 1);
    assert_true(bmc_of(bed, "b1")->kept->has_gap);
    assert_true(bed->fleet->metrics.gaps->value == 1);
    assert_true(bed->fleet->metrics.repaired->value == 1);
    expect_state(bed, "subscribed");
}

static void a_member_that_cannot_be_read_for_once_is_not_lost(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->member_fails = true;
    resync(bed);
    assert_int_equal(fake->posts, 0);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_int_equal(count_told(bed, "SubscriptionLost"), 0);
}

static void a_subscription_under_another_number_is_adopted_in_silence(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->subs[5] = fake->subs[0];
    fake->subs[0].is_used = false;
    resync(bed);
    assert_int_equal(fake->posts, 0);
    assert_int_equal(count_told(bed, "SubscriptionLost"), 0);
    assert_string_equal(bmc_of(bed, "b1")->kept->subscription[0], SUBS "/5");
}

static void a_suspended_one_is_resumed(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->has_resume = true;
    fake->subs[0].is_suspended = true;
    resync(bed);
    assert_false(fake->subs[0].is_suspended);
    assert_int_equal(fake->posts, 0);
    assert_int_equal(count_told(bed, "SubscriptionLost"), 1);
    assert_int_equal(count_told(bed, "SubscriptionRepaired"), 1);
    expect_state(bed, "subscribed");
}

static void a_suspended_one_without_action_or_that_will_not_resume_is_made_anew(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->subs[0].is_suspended = true;
    resync(bed);
    assert_int_equal(fake->posts, 1);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_true(fake->subs[1].is_used && !fake->subs[1].is_suspended);
    fake->subs[1].is_suspended = true;
    fake->has_resume = true;
    fake->resume_status = 400;
    resync(bed);
    assert_int_equal(fake->posts, 1);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_true(fake->subs[0].is_used && !fake->subs[0].is_suspended);
    expect_state(bed, "subscribed");
}

static void a_bmc_that_calls_all_of_them_disabled_is_not_subscribed_to_again_and_again(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    unsigned posts = 0;

    fake->born_suspended = true;
    apply(bed, PLAIN);
    for (int i = 0; i < 5; i++) {
        resync(bed);
        posts += fake->posts;
    }
    assert_int_equal(posts, 1);
    assert_int_equal(fake_count_subs(fake), 1);
    expect_state(bed, "subscribed");
}

static void one_that_expires_is_renewed_in_time(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->ttl_s = 3600;
    apply(bed, PLAIN);
    resync(bed);
    assert_int_equal(fake->posts, 0);
    fake->subs[0].ttl_s = 300;
    resync(bed);
    assert_int_equal(fake->posts, 1);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_int_equal(fake->subs[1].ttl_s, 3600);
    assert_int_equal(count_told(bed, "SubscriptionLost"), 0);
    expect_state(bed, "subscribed");
}

static void at_the_limit_our_own_stale_ones_go_and_only_ours(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    fake_add_sub(fake, "http://192.0.2.2/other", "gurnard:00000000:b1:1234");
    fake->limit = 3;
    bed->has_secret_headers = true;
    apply_only(bed, PLAIN);
    pass(bed, SIGN_MS);
    assert_int_equal(fake_count_subs(fake), 3);
    assert_true(fake->subs[1].is_used && fake->subs[2].is_used);
    assert_non_null(strstr(fake->subs[0].url, "/webhook/b1/"));
    expect_state(bed, "subscribed");
}

static void where_a_destination_may_be_named_once_the_old_one_goes_first(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->is_one_per_url = true;
    bed->has_secret_headers = true;
    apply_only(bed, PLAIN);
    pass(bed, SIGN_MS);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_string_equal(fake->subs[0].context, bmc_of(bed, "b1")->context[0]);
    expect_state(bed, "subscribed");
}

static void without_a_place_it_is_refused_with_words(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    fake->limit = 1;
    apply(bed, PLAIN);
    expect_state(bed, "refused");
    assert_non_null(strstr(bmc_of(bed, "b1")->reason, "no place for a subscription"));
    assert_int_equal(fake_count_subs(fake), 1);
    assert_int_equal(fake_seen(fake, "DELETE"), 0);
    assert_int_equal(count_told(bed, "SubscriptionRefused"), 1);
    fake->subs[0].is_used = false;
    resync(bed);
    expect_state(bed, "subscribed");
}

static void one_without_location_is_found_in_the_list(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->create = CREATE_BARE;
    fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    apply(bed, PLAIN);
    assert_int_equal(fake->posts, 1);
    assert_string_equal(bmc_of(bed, "b1")->kept->subscription[0], SUBS "/1");
    expect_state(bed, "subscribed");
}

static void one_that_was_never_made_is_refused_after_one_request(void **state)
{
    struct bed *bed = *state;

    bed->fakes[0]->create = CREATE_NOTHING;
    apply(bed, PLAIN);
    assert_int_equal(bed->fakes[0]->posts, 1);
    expect_state(bed, "refused");
    assert_non_null(strstr(bmc_of(bed, "b1")->reason, "lists none"));
}

static void a_location_on_a_foreign_host_is_not_followed(void **state)
{
    struct bed *bed = *state;

    bed->fakes[0]->create = CREATE_FOREIGN;
    apply(bed, PLAIN);
    assert_string_equal(bmc_of(bed, "b1")->kept->subscription[0], SUBS "/0");
    resync(bed);
    assert_int_equal(fake_seen(bed->fakes[0], "GET " SUBS "/0"), 1);
    expect_state(bed, "subscribed");
}

static void the_calm_round_asks_only_a_few_requests(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    for (int i = 0; i < 8; i++)
        fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    fake_write_some(fake, 0, 1, 5);
    fake_write_some(fake, 1, 1, 5);
    apply(bed, PLAIN);
    resync(bed);
    assert_int_equal(fake_seen(fake, "GET " MGR), 3);
    assert_int_equal(fake_seen(fake, "GET " ES), 3);
    assert_int_equal(fake->seen_count, 6); /* manager, service, list, our own, two logs */
}

static void a_calm_round_without_wish_asks_for_no_foreign_ones(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    for (int i = 0; i < 8; i++)
        fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    fake->has_sse = true;
    apply(bed, ONE_WITH("\"way\":\"sse\"," NO_PROOF));
    resync(bed);
    assert_int_equal(fake_seen(fake, "GET " SUBS "/"), 0);
}

static void nothing_is_sent_while_locked_out(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->refuses_login = true;
    apply(bed, PLAIN);
    expect_state(bed, "auth");
    assert_int_equal(count_told(bed, "BmcLoginRefused"), 1);
    fake_forget_seen(fake);
    pass(bed, RESYNC_MS * 11 / 10);
    assert_int_equal(gn_bmcs_resync(bed->fleet, GN_STR("b1")), GN_OK);
    quiet(bed);
    gn_bmcs_on_miss(bed->fleet, GN_STR("b1"), GN_STR("Other.1.0.Key"));
    quiet(bed);
    assert_int_equal(fake->seen_count, 0); /* the root neither */
    fake->refuses_login = false;
    pass(bed, 700000);
    expect_state(bed, "subscribed");
    assert_int_equal(count_told(bed, "BmcLoginAccepted"), 1);
}

static void troubles_one_after_another_are_all_ended(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, PLAIN);
    fake->is_down = true;
    resync(bed);
    expect_state(bed, "unreachable");
    assert_int_equal(count_told(bed, "BmcUnreachable"), 1);
    fake->is_down = false;
    fake->refuses_login = true;
    resync(bed);
    expect_state(bed, "auth");
    restart(bed); /* what was told is not forgotten */
    fake->refuses_login = false;
    fake->limit = 1;
    fake->subs[0].is_used = false;
    fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    apply(bed, PLAIN);
    expect_state(bed, "refused");
    assert_int_equal(count_told(bed, "BmcReachable"), 1);
    assert_int_equal(count_told(bed, "BmcLoginAccepted"), 1);
    fake->limit = 0;
    resync(bed);
    expect_state(bed, "subscribed");
    assert_true(count_told(bed, "SubscriptionRepaired") >= 1);
    assert_int_equal(bmc_of(bed, "b1")->kept->troubles, 0);
}

static void without_an_event_service_it_is_refused(void **state)
{
    struct bed *bed = *state;

    bed->fakes[0]->has_no_service = true;
    apply(bed, PLAIN);
    expect_state(bed, "refused");
    assert_string_equal(bmc_of(bed, "b1")->reason, "the BMC has no EventService");
}

static void without_credentials_nothing_is_asked(void **state)
{
    struct bed *bed = *state;

    bed->problem = "the file is not there";
    apply(bed, PLAIN);
    expect_state(bed, "auth");
    assert_int_equal(bed->fakes[0]->seen_count, 0);
    bed->problem = NULL;
    apply_only(bed, PLAIN);
    pass(bed, SIGN_MS);
    expect_state(bed, "subscribed");
}

#endif
