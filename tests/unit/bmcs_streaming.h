/* Tests of the fleet: server-sent events. */
#ifndef GN_TESTS_BMCS_STREAMING_H
#define GN_TESTS_BMCS_STREAMING_H

#include "bmc_bed.h"

#define SSE_ONLY ONE_WITH("\"prove\":false,\"way\":\"sse\"")
#define EVENT(n) "{\"Events\":[{\"Message\":\"stream " n "\"}]}"

static void send_event(struct bed *bed, const char *id, const char *body)
{
    fake_stream_event(bed->fakes[0], id, body);
    quiet(bed);
}

/* An hour in which the stream lives. */
static void pass_hour(struct bed *bed)
{
    for (int i = 0; i < 13; i++) {
        if (bed->fakes[0]->stream != NULL)
            gn_http_stream_write(bed->fakes[0]->stream, GN_STR(": alive\n\n"));
        fake_forget_seen(bed->fakes[0]);
        quiet(bed);
        pass(bed, RESYNC_MS);
    }
}

static void when_push_fails_the_stream_opens_and_closes_when_push_proves_itself(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->has_sse = true;
    fake->test = TEST_SILENT;
    apply(bed, ONE_WITH("\"prove\":true"));
    assert_int_equal(fake->streams, 0);
    pass(bed, PROOF_MS + 100);
    assert_non_null(fake->stream);
    expect_state(bed, "proven");
    assert_non_null(strstr(bmc_of(bed, "b1")->reason, "by SSE: no route"));
    assert_int_equal(count_told(bed, "SubscriptionDegraded"), 1);
    assert_int_equal(count_told(bed, "StreamOpened"), 1);
    fake->test = TEST_PUSH;
    resync(bed);
    assert_int_equal(fake_seen(fake, "POST"), 0); /* not in every round: a test leaves its mark */
    pass_hour(bed);
    pass(bed, SIGN_MS);
    assert_int_equal(gn_bmc_stream_is_open(bmc_of(bed, "b1")), false);
    assert_null(fake->stream);
    expect_state(bed, "proven");
    assert_string_equal(bmc_of(bed, "b1")->reason, "");
}

static void a_test_event_by_stream_says_that_push_has_no_route(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_test = true;
    fake->has_sse = true;
    fake->test = TEST_SILENT;
    apply(bed, ONE_WITH("\"prove\":true"));
    pass(bed, PROOF_MS + 100);
    fake->test = TEST_STREAM;
    pass_hour(bed);
    pass(bed, PROOF_MS + 100);
    assert_non_null(strstr(bmc_of(bed, "b1")->reason, "came by SSE but not by push"));
    assert_int_equal(bed->taken_count, 0);
}

static void a_bmc_without_place_is_listened_to_by_stream(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake_add_sub(fake, "http://192.0.2.1/other", "somebody");
    fake->limit = 1;
    fake->has_sse = true;
    apply(bed, ONE_WITH("\"prove\":false"));
    expect_state(bed, "proven");
    assert_non_null(strstr(bmc_of(bed, "b1")->reason, "by SSE: no place"));
}

static void way_sse_makes_no_subscription_and_is_no_trouble_at_the_start(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    fake->has_test = true;
    fake->test = TEST_STREAM;
    apply(bed, ONE_WITH("\"prove\":true,\"way\":\"sse\""));
    assert_int_equal(fake->posts, 0);
    expect_state(bed, "proven");
    assert_int_equal(count_told(bed, "SubscriptionDegraded"), 0);
    assert_int_equal(count_told(bed, "PathProven"), 1);
    send_event(bed, "7", EVENT("one"));
    assert_int_equal(bed->taken_count, 1);
    assert_int_equal(bed->taken[0].way, GN_BMCS_STREAM);
}

static void the_last_id_is_kept_only_when_its_event_is_durable(void **state)
{
    struct bed *bed = *state;
    struct gn_kept *kept;

    bed->fakes[0]->has_sse = true;
    bed->settles = SETTLE_HELD;
    apply(bed, SSE_ONLY);
    kept = bmc_of(bed, "b1")->kept;
    send_event(bed, "7", EVENT("one"));
    send_event(bed, "8", EVENT("two"));
    assert_string_equal(kept->last_id, "");
    release_settlings(bed, true);
    quiet(bed);
    assert_string_equal(kept->last_id, "7");
    release_settlings(bed, true);
    quiet(bed);
    assert_string_equal(kept->last_id, "8");
    send_event(bed, "9", EVENT("three"));
    release_settlings(bed, false);
    quiet(bed);
    assert_string_equal(kept->last_id, "8");
}

static void a_broken_stream_is_resumed_behind_the_last_id(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    apply(bed, SSE_ONLY);
    send_event(bed, "7", EVENT("one"));
    gn_http_stream_end(fake->stream, true);
    fake->stream = NULL;
    quiet(bed);
    expect_state(bed, "degraded");
    assert_int_equal(count_told(bed, "StreamLost"), 1);
    pass(bed, 6000);
    assert_int_equal(fake->streams, 2);
    assert_string_equal(fake->last_id, "7");
    expect_state(bed, "proven");
    restart(bed);
    apply(bed, SSE_ONLY);
    assert_int_equal(fake->streams, 3);
    assert_string_equal(fake->last_id, "7");
}

static void without_room_the_stream_is_blocked_and_everything_comes_again(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    apply(bed, SSE_ONLY);
    send_event(bed, "7", EVENT("one"));
    bed->later = 1;
    gn_http_stream_write(fake->stream, GN_STR("id: 8\ndata: " EVENT(
                                           "two") "\n\nid: 9\ndata: " EVENT("three") "\n\n"));
    quiet(bed);
    assert_int_equal(bed->taken_count, 1); /* nor the third one before the second */
    assert_false(gn_bmc_stream_is_open(bmc_of(bed, "b1")));
    pass(bed, 5500);
    assert_string_equal(fake->last_id, "7");
    send_event(bed, "8", EVENT("two"));
    send_event(bed, "9", EVENT("three"));
    assert_int_equal(bed->taken_count, 3);
    assert_string_equal(bed->taken[1].text, "stream two");
    assert_string_equal(bmc_of(bed, "b1")->kept->last_id, "9");
}

static void a_stream_without_a_byte_for_long_is_opened_anew_in_silence(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    bed->fleet->config.resync_ms = 86400000;
    apply(bed, SSE_ONLY);
    pass(bed, 899000);
    assert_int_equal(fake->streams, 1);
    pass(bed, 2000);
    pass(bed, 6000);
    assert_int_equal(fake->streams, 2);
    assert_int_equal(count_told(bed, "StreamLost"), 0);
    assert_int_equal(count_told(bed, "StreamOpened"), 1);
    assert_int_equal(count_told(bed, "SubscriptionDegraded"), 0);
    expect_state(bed, "proven");
}

static void a_stream_that_cannot_be_opened_again_is_told_however_it_ended(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    bed->fleet->config.resync_ms = 86400000;
    apply(bed, SSE_ONLY);
    fake->sse_status = 503;
    pass(bed, 901000);
    pass(bed, 6000);
    assert_int_equal(count_told(bed, "StreamLost"), 1);
    expect_state(bed, "degraded");
}

static void a_stream_that_cannot_be_opened_does_not_hide_that_the_bmc_is_down(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    apply(bed, SSE_ONLY);
    fake->is_down = true;
    gn_http_stream_end(fake->stream, true);
    fake->stream = NULL;
    quiet(bed);
    resync(bed);
    expect_state(bed, "unreachable");
    for (int i = 0; i < 10; i++)
        pass(bed, 60000);
    assert_int_equal(count_told(bed, "BmcUnreachable"), 1);
    assert_int_equal(count_told(bed, "SubscriptionDegraded"), 1);
    expect_state(bed, "unreachable");
}

static void a_stream_whose_own_event_makes_it_needless_ends_behind_it(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    fake->has_test = true;
    apply(bed, SSE_ONLY);
    assert_int_equal(gn_bmcs_test(bed->fleet, GN_STR("b1"), on_proof, bed), GN_OK);
    apply_only(bed, ONE_WITH("\"prove\":false")); /* a round is due, but has not begun */
    fake->test = TEST_STREAM;
    quiet(bed);
    assert_int_equal(bed->proofs, 1);
    assert_true(bed->proof.is_proven);
    assert_int_equal(bmc_of(bed, "b1")->stream.state, BMC_STREAM_OFF);
    assert_null(fake->stream);
    pass(bed, SIGN_MS);
    expect_state(bed, "subscribed");
    assert_int_equal(fake->streams, 1);
}

static void a_filter_that_is_refused_is_left_out(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    fake->offers = ",\"SSEFilterPropertiesSupported\":{\"RegistryPrefix\":true}";
    apply(bed, ONE_WITH("\"prove\":false,\"way\":\"sse\",\"registries\":[\"A B\"]"));
    assert_string_equal(fake->sse_query, "$filter=RegistryPrefix%20eq%20%27A%20B%27");
    apply_only(bed, ONE_WITH("\"prove\":false,\"way\":\"sse\",\"registries\":[\"C\"]"));
    pass(bed, SIGN_MS);
    assert_string_equal(fake->sse_query, "$filter=RegistryPrefix%20eq%20%27C%27");
    fake->sse_status = 400;
    apply_only(bed, ONE_WITH("\"prove\":false,\"way\":\"sse\",\"registries\":[\"D\"]"));
    pass(bed, SIGN_MS);
    assert_string_equal(fake->sse_query, "");
}

static void a_bmc_that_no_longer_has_all_events_is_read_by_its_logs(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    fake->has_sse = true;
    fake_write_some(fake, 0, 1, 3);
    apply(bed, SSE_ONLY);
    fake_write_some(fake, 0, 4, 5);
    send_event(bed, "7", "{\"MessageId\":\"Base.1.0.EventBufferExceeded\"}");
    assert_true(bmc_of(bed, "b1")->kept->has_gap);
    resync(bed);
    assert_int_equal(bed->taken_count, 3); /* that message too */
    assert_false(bmc_of(bed, "b1")->kept->has_gap);
}

#endif
