/* Tests of the fleet: the inventory changes, the fleet ends, operators look at it. */
#ifndef GN_TESTS_BMCS_INVENTORY_H
#define GN_TESTS_BMCS_INVENTORY_H

#include "bmc_bed.h"

#define KEPT   ONE_WITH("\"prove\":false,\"keep\":true")
#define UNKEPT ONE_WITH("\"prove\":false,\"keep\":false")

static void one_that_leaves_the_inventory_takes_its_subscription_back(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, KEPT);
    apply(bed, "");
    assert_int_equal(fake_count_subs(fake), 0);
    assert_int_equal(gn_bmcs_count(bed->fleet), 0);
    assert_true(TAILQ_EMPTY(&bed->fleet->leaving));
    assert_int_equal(count_told(bed, "SubscriptionRemoved"), 1);
    assert_true(gn_bmcs_token(bed->fleet, GN_STR("b1")).p == NULL);
}

static void one_that_comes_back_before_it_has_left_is_whole(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, KEPT);
    fake->deletes_slowly = true;
    apply_only(bed, "");
    for (int i = 0; i < 400 && fake->held == NULL; i++)
        turn(bed);
    assert_non_null(fake->held);
    apply(bed, KEPT);
    fake_answer(fake->held, 204, NULL, NULL);
    quiet(bed);
    assert_true(TAILQ_EMPTY(&bed->fleet->leaving));
    assert_int_equal(fake_count_subs(fake), 1);
    expect_state(bed, "subscribed");
    resync(bed);
    expect_state(bed, "subscribed");
}

static void one_that_moves_takes_its_subscription_back_and_begins_anew(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake *second = add_fake(bed);

    fake_write_some(fake, 0, 1, 10);
    fake_write_some(second, 0, 1, 20);
    apply(bed, KEPT);
    apply(bed, "{\"name\":\"b1\",\"address\":\"%1\",\"prove\":false,\"keep\":true}");
    assert_int_equal(fake_count_subs(fake), 0);
    assert_int_equal(fake_count_subs(second), 1);
    assert_int_equal(bed->taken_count, 0);
    assert_string_equal(bmc_of(bed, "b1")->kept->logs[0].mark.id, "20");
    expect_state(bed, "subscribed");
}

static void a_change_is_put_right_without_a_second_subscription(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->offers = ",\"RegistryPrefixes\":[\"A\"]";
    apply(bed, KEPT);
    fake_forget_seen(fake);
    apply_only(bed, KEPT); /* the same: nothing is asked */
    pass(bed, SIGN_MS);
    assert_int_equal(fake->seen_count, 0);
    apply_only(bed, ONE_WITH("\"prove\":false,\"keep\":true,\"registries\":[\"A\"]"));
    pass(bed, SIGN_MS);
    assert_int_equal(fake->posts, 1);
    assert_non_null(strstr(fake->posted[0], "\"RegistryPrefixes\":[\"A\"]"));
    assert_int_equal(fake_count_subs(fake), 1);
}

static void one_that_is_no_longer_to_subscribe_takes_its_own_back(void **state)
{
    static const char *const rows[] = {ONE_WITH("\"way\":\"none\""), ONE_WITH("\"way\":\"sse\"")};
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        apply(bed, KEPT);
        pass(bed, SIGN_MS);
        assert_int_equal(fake_count_subs(fake), 2);
        apply(bed, rows[i]);
        pass(bed, SIGN_MS);
        assert_int_equal(fake_count_subs(fake), 1);
        resync(bed);
        assert_string_equal(bmc_of(bed, "b1")->kept->subscription[0], "");
    }
}

static void troubles_of_one_with_another_certificate_are_ended(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->is_down = true;
    apply(bed, KEPT);
    assert_int_equal(count_told(bed, "BmcUnreachable"), 1);
    fake->is_down = false;
    apply(bed, ONE_WITH("\"prove\":false,\"keep\":true,\"auth\":\"basic\""));
    expect_state(bed, "subscribed");
    assert_int_equal(count_told(bed, "BmcReachable"), 1);
}

static void metric_reports_have_a_subscription_of_their_own(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->offers = ",\"EventFormatTypes\":[\"Event\",\"MetricReport\"]";
    apply(bed, ONE_WITH("\"prove\":false,\"metric_reports\":true"));
    assert_int_equal(fake_count_subs(fake), 2);
    assert_non_null(strstr(fake->subs[1].url, "?metrics"));
    resync(bed);
    assert_int_equal(fake->posts, 0);
    assert_int_equal(fake_seen(fake, "DELETE"), 0);
    apply_only(bed, ONE_WITH("\"prove\":false"));
    pass(bed, SIGN_MS);
    assert_int_equal(fake_count_subs(fake), 1);
    assert_null(strstr(fake->subs[0].url, "?metrics"));
}

static void stop_keeps_what_is_to_be_kept_and_removes_the_rest(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake *second = add_fake(bed);

    apply(bed, UNKEPT ",{\"name\":\"b2\",\"address\":\"%1\",\"prove\":false,\"keep\":true}");
    gn_bmcs_stop(bed->fleet, 5000, on_stopped, bed);
    assert_int_equal(bed->stopped, 0);
    wait_for(bed, &bed->stopped, 1);
    assert_int_equal(fake_count_subs(fake), 0);
    assert_int_equal(fake_count_subs(second), 1);
    restart(bed);
    apply(bed, UNKEPT ",{\"name\":\"b2\",\"address\":\"%1\",\"prove\":false,\"keep\":true}");
    assert_int_equal(fake_count_subs(fake), 1);
    assert_int_equal(second->posts, 1); /* adopted */
    assert_int_equal(count_told(bed, "SubscriptionLost"), 0);
}

static void stop_waits_no_longer_than_it_may(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, UNKEPT);
    fake->deletes_slowly = true;
    gn_bmcs_stop(bed->fleet, 5000, on_stopped, bed);
    for (int i = 0; i < 400 && fake->held == NULL; i++)
        turn(bed);
    assert_int_equal(bed->stopped, 0);
    clock_skew_ms += 5001;
    for (int i = 0; i < 4; i++)
        turn(bed);
    assert_int_equal(bed->stopped, 1);
    fake_answer(fake->held, 204, NULL, NULL);
    fake->held = NULL;
    for (int i = 0; i < 100; i++)
        turn(bed);
    assert_int_equal(bed->stopped, 1);
}

static void stop_of_an_empty_fleet_ends_in_a_later_turn(void **state)
{
    struct bed *bed = *state;

    gn_bmcs_stop(bed->fleet, 5000, on_stopped, bed);
    assert_int_equal(bed->stopped, 0);
    for (int i = 0; i < 4; i++)
        turn(bed);
    assert_int_equal(bed->stopped, 1);
}

static void who_asked_for_a_proof_is_told_when_the_bmc_leaves(void **state)
{
    struct bed *bed = *state;

    bed->fakes[0]->has_test = true;
    bed->fakes[0]->test = TEST_SILENT;
    apply(bed, UNKEPT);
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    quiet(bed);
    apply(bed, "");
    assert_int_equal(bed->proofs, 1);
    assert_string_equal(bed->proof_reason, "the BMC left the inventory");
    assert_int_equal(count_told(bed, "PathUnproven"), 0);
}

static void a_proof_that_has_ended_is_told_so_also_when_the_bmc_goes_at_once(void **state)
{
    struct bed *bed = *state;

    bed->fakes[0]->has_test = true;
    bed->fakes[0]->test = TEST_SILENT;
    apply(bed, UNKEPT);
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    quiet(bed);
    fake_push_all(bed->fakes[0],
                  GN_STR("{\"Events\":[{\"MessageId\":\"ResourceEvent.1.0.TestMessage\"}]}"));
    assert_int_equal(bed->proofs, 0);
    stop(bed);
    assert_int_equal(bed->proofs, 1);
    assert_true(bed->proof.is_proven);
}

/* Everything at once, so that each state is met. */
static void make_busy(struct bed *bed)
{
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->has_sse = true;
    fake->test = TEST_SILENT;
    fake->logs[0].page = 5;
    fake_write_some(fake, 0, 1, 40);
    fake_write_some(fake, 1, 101, 140);
    fake->registries[0] =
        (struct fake_registry){.member = "Acme.1.0.0", .name = "Acme.1.0.0", .body = "{}"};
    bed->settles = SETTLE_HELD;
}

static void a_bmc_freed_at_any_moment_leaks_nothing_and_calls_nothing(void **state)
{
    struct bed *bed = *state;
    unsigned told;

    make_busy(bed);
    for (int turns = 0; turns < 120; turns++) {
        apply_only(bed, ONE_WITH("\"prove\":true,\"recover\":\"always\""));
        for (int i = 0; i < turns; i++) {
            turn(bed);
            gn_bmcs_on_miss(bed->fleet, GN_STR("b1"), GN_STR("Acme.1.0.Key"));
        }
        if (turns % 3 == 0)
            clock_skew_ms += PROOF_MS + 100; /* the stream opens */
        if (turns % 2 == 0)
            apply_only(bed, "");
        for (int i = 0; i < turns % 5; i++)
            turn(bed);
        stop(bed);
        told = bed->told_count;
        release_settlings(bed, true);
        for (int i = 0; i < 4; i++)
            turn(bed);
        assert_int_equal(bed->told_count, told);
        bed->told_count = 0;
        fake_forget_seen(bed->fakes[0]);
        memset(bed->fakes[0]->subs, 0, sizeof(bed->fakes[0]->subs));
        start(bed);
    }
}

static void names_that_begin_alike_leave_each_other_alone_on_the_same_bmc(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    apply(bed, "{\"name\":\"h\",\"address\":\"%0\",\"prove\":false},"
               "{\"name\":\"h:443\",\"address\":\"%0\",\"prove\":false},"
               "{\"name\":\"h2\",\"address\":\"%0\",\"prove\":false}");
    assert_int_equal(fake_count_subs(fake), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gn_bmcs_resync(bed->fleet, GN_STR("h")), GN_OK); /* at all members */
        resync(bed);
        assert_int_equal(fake_seen(fake, "DELETE"), 0);
        assert_int_equal(fake_count_subs(fake), 3);
    }
}

/* ---- for operators ---- */

static void list_and_show_have_no_secrets(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    char *short_text;
    char *long_text;
    json_t *list;
    json_t *show;
    char echo[600];

    bed->has_secret_headers = true;
    snprintf(echo, sizeof(echo),
             "{\"error\":{\"@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.8."
             "PropertyValueFormatError\",\"Message\":\"The value " SECRET_HDR " of X and "
             "http://h/webhook/b1/%s is wrong\",\"MessageArgs\":[\"" SECRET_HDR "\",\"%s\"]}]}}",
             "b1", "Destination");
    fake->refuse_status = 400;
    fake->refuse_body = echo;
    apply(bed, UNKEPT);
    snprintf(echo, sizeof(echo), "%s", gn_bmcs_token(bed->fleet, GN_STR("b1")).p);
    expect_state(bed, "refused");
    list = gn_bmcs_list(bed->fleet);
    show = gn_bmcs_show(bed->fleet, GN_STR("b1"));
    assert_true(list != NULL && show != NULL);
    short_text = json_dumps(list, 0);
    long_text = json_dumps(show, 0);
    assert_null(strstr(short_text, SECRET_HDR));
    assert_null(strstr(long_text, SECRET_HDR));
    assert_null(strstr(long_text, PASSWORD));
    assert_null(strstr(long_text, echo));
    assert_non_null(strstr(long_text, "HTTP 400"));
    for (unsigned i = 0; i < bed->told_count; i++)
        assert_null(strstr(bed->told[i].arg, SECRET_HDR));
    free(short_text);
    free(long_text);
    json_decref(list);
    json_decref(show);
    assert_null(gn_bmcs_show(bed->fleet, GN_STR("b9")));
}

static void who_is_not_subscribed_by_push_needs_no_token(void **state)
{
    struct bed *bed = *state;

    add_fake(bed);
    apply(bed, "{\"name\":\"b1\",\"address\":\"%0\",\"way\":\"none\"},"
               "{\"name\":\"b2\",\"address\":\"%1\",\"way\":\"push\",\"prove\":false}");
    assert_true(gn_bmcs_has(bed->fleet, GN_STR("b1")));
    assert_true(gn_bmcs_token(bed->fleet, GN_STR("b1")).p == NULL);
    assert_int_equal(gn_bmcs_token(bed->fleet, GN_STR("b2")).len, 32);
}

static void the_list_is_in_order_of_name_and_survives_odd_texts(void **state)
{
    struct bed *bed = *state;
    json_t *list;
    const json_t *bmcs;

    add_fake(bed);
    apply(bed, "{\"name\":\"z\",\"address\":\"%0\",\"prove\":false},"
               "{\"name\":\"a\",\"address\":\"%1\",\"prove\":false}");
    gn_bmc_copy(bmc_of(bed, "z")->reason, 8, "cut \xc3");
    list = gn_bmcs_list(bed->fleet);
    bmcs = json_object_get(list, "bmcs");
    assert_int_equal(json_array_size(bmcs), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(bmcs, 0), "name")), "a");
    assert_string_equal(json_string_value(json_object_get(json_array_get(bmcs, 1), "reason")),
                        "cut ?");
    json_decref(list);
}

static void tokens_differ_by_name_and_stay_over_restarts(void **state)
{
    struct bed *bed = *state;
    char token[64];

    add_fake(bed);
    apply(bed, UNKEPT ",{\"name\":\"b2\",\"address\":\"%1\",\"prove\":false}");
    snprintf(token, sizeof(token), "%s", gn_bmcs_token(bed->fleet, GN_STR("b1")).p);
    assert_string_not_equal(token, gn_bmcs_token(bed->fleet, GN_STR("b2")).p);
    assert_true(gn_bmcs_token(bed->fleet, GN_STR("")).p == NULL);
    assert_true(gn_bmcs_has(bed->fleet, GN_STR("b1")));
    assert_false(gn_bmcs_has(bed->fleet, GN_STR("b11")));
    assert_false(gn_bmcs_on_push(bed->fleet, GN_STR("b9"), GN_STR("{}")));
    restart(bed);
    apply(bed, UNKEPT);
    assert_string_equal(token, gn_bmcs_token(bed->fleet, GN_STR("b1")).p);
}

static void a_resync_that_is_asked_for_looks_at_once_and_at_all(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    apply(bed, UNKEPT);
    fake_forget_seen(fake);
    assert_int_equal(gn_bmcs_resync(bed->fleet, GN_STR("b9")), GN_ENOTFOUND);
    assert_int_equal(gn_bmcs_resync(bed->fleet, GN_STR("b1")), GN_OK);
    quiet(bed);
    assert_int_equal(fake_seen(fake, "GET " SUBS "/"), 2);
}

#endif
