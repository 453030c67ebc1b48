/* The Redfish client against a BMC on loopback (client_bed.h). What it makes of bad answers is in
 * client_hostile.h, credentials in client_credentials.h, certificates in client_tls.h, streams in
 * client_streams.h. */
#include "gurnard/bmc/client.h"

#include "client_bed.h"

#include "client_credentials.h"
#include "client_hostile.h"
#include "client_streams.h"
#include "client_tls.h"

/* ---- turns ---- */

static const struct row held[] = {
    {"GET", "/1", NULL, 0, HOLD, {NULL}, NULL}, {"GET", "/2", NULL, 0, HOLD, {NULL}, NULL},
    {"GET", "/3", NULL, 0, HOLD, {NULL}, NULL}, {"GET", "/4", NULL, 0, HOLD, {NULL}, NULL},
    {"GET", "/5", NULL, 0, HOLD, {NULL}, NULL}, {"GET", "/b", NULL, 0, HOLD, {NULL}, NULL},
    {"GET", "/c", NULL, 0, HOLD, {NULL}, NULL}, LAST_ROW,
};

static void two_requests_of_a_link_are_under_way_and_the_rest_follows_in_order(void **state)
{
    static const char *const paths[] = {"/1", "/2", "/3", "/4", "/5"};
    struct bed *bed = *state;
    struct got got = {0};

    use(bed, held, GN_BMC_AUTH_NONE);
    for (size_t i = 0; i < GN_LEN(paths); i++)
        ask(bed->link, "GET", paths[i], &got);
    assert_int_equal(gn_bmc_client_waiting(bed->client), 5);
    wait_for(bed, &bed->held_count, 2);
    settle(bed);
    assert_int_equal(bed->held_count, 2);
    assert_int_equal(gn_bmc_client_active(bed->client), 2);
    assert_int_equal(gn_bmc_client_waiting(bed->client), 3);
    assert_true(prints(bed, "gurnard_bmc_requests_active 2\n"));
    for (unsigned i = 0; i < 5; i++) {
        release(bed, 200, NULL, "{}");
        wait_for(bed, &got.count, i + 1);
        wait_for(bed, &bed->held_count, i + 3 < 5 ? i + 3 : 5);
    }
    assert_int_equal(bed->most_held, 2);
    for (size_t i = 2; i < GN_LEN(paths); i++)
        assert_string_equal(bed->seen[i].path, paths[i]); /* the first two may pass each other */
    assert_int_equal(gn_bmc_client_active(bed->client), 0);
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"ok\"} 5\n"));
    assert_true(prints(bed, "gurnard_bmc_requests_active 0\n"));
}

static void the_cap_over_all_links_is_given_out_link_by_link(void **state)
{
    static const char *const want[] = {"/1", "/b", "/c", "/2", "/b", "/3", "/4", "/5"};
    struct bed *bed = *state;
    struct gn_bmc_link *b;
    struct gn_bmc_link *c;
    struct got got = {0};

    new_client(bed, 1);
    use(bed, held, GN_BMC_AUTH_NONE);
    b = new_link(bed, GN_BMC_AUTH_NONE);
    c = new_link(bed, GN_BMC_AUTH_NONE);
    for (size_t i = 0; i < 5; i++)
        ask(bed->link, "GET", held[i].path, &got);
    ask(b, "GET", "/b", &got);
    ask(b, "GET", "/b", &got);
    ask(c, "GET", "/c", &got);
    for (unsigned i = 0; i < GN_LEN(want); i++) {
        wait_for(bed, &bed->held_count, i + 1);
        assert_string_equal(bed->seen[i].path, want[i]);
        release(bed, 200, NULL, NULL);
        wait_for(bed, &got.count, i + 1);
    }
    assert_int_equal(bed->most_held, 1);
    gn_bmc_link_free(b);
    gn_bmc_link_free(c);
}

static void a_call_that_waits_for_its_bmc_leaves_the_cap_to_other_links(void **state)
{
    static const struct row rows[] = {
        {"GET", "/busy", NULL, 1, 503, {"Retry-After", "20", NULL}, NULL},
        {"GET", "/b", NULL, 0, 200, {NULL}, "{}"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct gn_bmc_link *b;
    struct got slow = {0};
    struct got got = {0};

    new_client(bed, 1);
    use(bed, rows, GN_BMC_AUTH_NONE);
    b = new_link(bed, GN_BMC_AUTH_NONE);
    ask(bed->link, "GET", "/busy", &slow);
    ask(b, "GET", "/b", &got);
    wait_for(bed, &got.count, 1);
    assert_int_equal(slow.count, 0);
    assert_int_equal(gn_bmc_client_waiting(bed->client), 1);
    gn_bmc_link_free(b);
}

/* ---- answers ---- */

static void an_answer_is_told_with_all_that_came(void **state)
{
    static const struct row rows[] = {
        {"GET",
         "/redfish/v1/EventService?$top=1",
         NULL,
         0,
         200,
         {"ETag", "W/\"7\"", NULL},
         "{\"a\":1}"},
        {"POST",
         "/subs",
         NULL,
         0,
         201,
         {"Location", "https://elsewhere.example/redfish/v1/EventService/Subscriptions/9/", NULL},
         NULL},
        {"PATCH", "/tagged", NULL, 0, 200, {NULL}, "{\"@odata.etag\":\"W/\\\"b\\\"\"}"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got;

    use(bed, rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "GET", "/redfish/v1/EventService?$top=1");
    assert_int_equal(got.end, GN_BMC_END_ANSWER);
    assert_int_equal(got.status, 200);
    assert_true(got.has_json);
    assert_string_equal(got.raw, "{\"a\":1}");
    assert_string_equal(got.etag, "W/\"7\"");
    assert_string_equal(got.location, "");
    assert_string_equal(got.reason, "");
    assert_string_equal(bed->seen[0].accept, "application/json");
    assert_string_equal(gn_bmc_link_local(bed->link), "127.0.0.1");
    got = ask_now(bed, "POST", "/subs");
    assert_int_equal(got.status, 201);
    assert_false(got.has_json);
    assert_string_equal(got.location, "/redfish/v1/EventService/Subscriptions/9");
    assert_string_equal(bed->seen[1].body, "{\"a\":1}");
    got = ask_now(bed, "PATCH", "/tagged");
    assert_string_equal(got.etag, "W/\"b\"");
}

static void a_refusal_is_told_by_its_key_but_not_in_the_words_of_the_bmc(void **state)
{
    static const struct row rows[] = {
        {"POST",
         "/subs",
         NULL,
         0,
         400,
         {NULL},
         "{\"error\":{\"@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.8.PropertyUnknown\","
         "\"Message\":\"What is /webhook/b1/" PASSWORD "?\",\"MessageArgs\":[\"Context\"]}]}}"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got;

    use(bed, rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "POST", "/subs");
    assert_int_equal(got.end, GN_BMC_END_ANSWER);
    assert_int_equal(got.error.fault, GN_FAULT_PROPERTY);
    assert_string_equal(got.error.properties[0], "Context");
    assert_string_equal(got.reason, "HTTP 400 PropertyUnknown");
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"refused\"} 1\n"));
}

static void success_that_is_wrapped_in_error_is_none(void **state)
{
    static const struct row rows[] = {
        {"POST",
         "/test",
         NULL,
         0,
         200,
         {NULL},
         "{\"error\":{\"code\":\"iLO.0.10.ExtendedInfo\",\"@Message.ExtendedInfo\":"
         "[{\"MessageId\":\"Base.1.4.Success\"}]}}"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got;

    use(bed, rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "POST", "/test");
    assert_int_equal(got.status, 200);
    assert_int_equal(got.error.fault, GN_FAULT_NONE);
    assert_string_equal(got.reason, "");
}

static void a_body_that_is_no_json_is_handed_over_raw(void **state)
{
    static const struct row rows[] = {
        {"GET", "/html", NULL, 0, 200, {NULL}, "<html>"},
        {"GET", "/text", NULL, 0, 500, {NULL}, "It did not work"},
        {"GET", "/number", NULL, 0, 200, {NULL}, "17"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got;

    use(bed, rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "GET", "/html");
    assert_false(got.has_json);
    assert_string_equal(got.raw, "<html>");
    got = ask_now(bed, "GET", "/text");
    assert_int_equal(got.status, 500);
    assert_string_equal(got.error.text, "It did not work");
    assert_true(ask_now(bed, "GET", "/number").has_json); /* whatever its content type */
}

static void a_raw_body_is_not_parsed_and_an_etag_asks_whether_it_changed(void **state)
{
    static const struct row rows[] = {
        {"GET", "/registry", NULL, 1, 200, {NULL}, "{\"a\":1}"},
        {"GET", "/registry", NULL, 0, 304, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct gn_bmc_request request = {.method = "GET", .uri = "/registry", .is_raw = true};
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 1);
    assert_false(got.has_json);
    assert_string_equal(got.raw, "{\"a\":1}");
    assert_string_equal(bed->seen[0].accept, "*/*");
    request.etag = "\"1\"";
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 2);
    assert_int_equal(got.status, 304);
    assert_int_equal(got.error.fault, GN_FAULT_NONE);
    assert_string_equal(bed->seen[1].if_match, ""); /* it was If-None-Match */
}

static void what_is_no_request_is_refused_at_once(void **state)
{
    static const struct {
        const char *method, *uri;
    } rows[] = {{"PUT", "/"},
                {"get", "/"},
                {"GET", ""},
                {"GET", "x"},
                {"GET", "http://other/"},
                {"GET", "/a b"},
                {"GET", "/a#b"},
                {"GET", "/a\r\nX-Evil: 1"},
                {"GET", "/\xc3\xa4"}};
    struct bed *bed = *state;
    struct gn_bmc_request request = {.method = "GET", .uri = "/", .body = GN_STR("{}")};
    struct got got = {0};
    char uri[3000] = "/";

    use(bed, held, GN_BMC_AUTH_NONE);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_EINVAL);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        request = (struct gn_bmc_request){.method = rows[i].method, .uri = rows[i].uri};
        assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_EINVAL);
    }
    memset(uri + 1, 'x', sizeof(uri) - 2);
    request = (struct gn_bmc_request){.method = "GET", .uri = uri};
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_EINVAL);
    assert_int_equal(gn_bmc_stream(bed->link, "x", GN_STR_NONE, NULL, on_answer, &got, NULL),
                     GN_EINVAL);
    settle(bed);
    assert_int_equal(got.count, 0);
    assert_int_equal(gn_bmc_client_waiting(bed->client), 0);
}

/* ---- once more ---- */

static void a_busy_bmc_is_asked_once_more_after_the_time_it_names(void **state)
{
    static const struct row rows[] = {
        {"GET", "/503", NULL, 1, 503, {"Retry-After", "1", NULL}, NULL},
        {"GET", "/503", NULL, 0, 200, {NULL}, NULL},
        {"GET", "/429", NULL, 0, 429, {"Retry-After", "1", NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got busy = {0};
    struct got got = {0};
    uint64_t began_ms = gn_loop_now_ms(bed->loop);

    use(bed, rows, GN_BMC_AUTH_NONE);
    ask(bed->link, "GET", "/503", &got);
    ask(bed->link, "GET", "/429", &busy);
    wait_for(bed, &got.count, 1);
    wait_for(bed, &busy.count, 1);
    assert_true(gn_loop_now_ms(bed->loop) - began_ms >= 900);
    assert_int_equal(got.status, 200);
    assert_int_equal(count_seen(bed, "GET", "/503"), 2);
    assert_int_equal(busy.status, 429); /* the second time it is the answer */
    assert_int_equal(busy.error.fault, GN_FAULT_BUSY);
    assert_int_equal(count_seen(bed, "GET", "/429"), 2);
}

static void without_a_time_or_with_a_long_one_busy_is_the_answer(void **state)
{
    static const struct row rows[] = {
        {"GET", "/plain", NULL, 0, 503, {NULL}, NULL},
        {"GET", "/zero", NULL, 0, 503, {"Retry-After", "0", NULL}, NULL},
        {"GET", "/long", NULL, 0, 429, {"Retry-After", "31", NULL}, NULL},
        {"GET", "/500", NULL, 0, 500, {"Retry-After", "1", NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_NONE);
    for (size_t i = 0; rows[i].method != NULL; i++) {
        assert_int_equal(ask_now(bed, "GET", rows[i].path).status, rows[i].status);
        assert_int_equal(count_seen(bed, "GET", rows[i].path), 1);
    }
}

static void a_failed_precondition_is_repeated_with_a_fresh_etag(void **state)
{
    static const struct row rows[] = {
        {"PATCH", "/412", NULL, 1, 412, {NULL}, NULL},
        {"GET", "/412", NULL, 0, 200, {"ETag", "\"new\"", NULL}, "{}"},
        {"PATCH", "/412", NULL, 0, 200, {NULL}, "{}"},
        {"DELETE", "/428", NULL, 1, 428, {NULL}, NULL},
        {"GET", "/428", NULL, 0, 200, {NULL}, "{\"@odata.etag\":\"\\\"inside\\\"\"}"},
        {"DELETE", "/428", NULL, 0, 204, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    const struct gn_bmc_request request = {
        .method = "PATCH", .uri = "/412", .body = GN_STR("{\"b\":2}"), .etag = "\"old\""};
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 1);
    assert_int_equal(got.status, 200);
    assert_string_equal(bed->seen[0].if_match, "\"old\"");
    assert_string_equal(bed->seen[1].method, "GET");
    assert_string_equal(bed->seen[1].body, "");
    assert_string_equal(bed->seen[2].if_match, "\"new\"");
    assert_string_equal(bed->seen[2].body, "{\"b\":2}");
    assert_int_equal(ask_now(bed, "DELETE", "/428").status, 204);
    assert_string_equal(bed->seen[5].if_match, "\"inside\"");
}

static void a_precondition_that_cannot_be_met_is_the_answer(void **state)
{
    static const struct row rows[] = {
        {"PATCH", "/twice", NULL, 0, 412, {NULL}, NULL},
        {"GET", "/twice", NULL, 0, 200, {"ETag", "\"new\"", NULL}, "{}"},
        {"PATCH", "/untagged", NULL, 0, 428, {NULL}, NULL},
        {"GET", "/untagged", NULL, 0, 200, {NULL}, "{}"},
        {"PATCH", "/gone", NULL, 0, 412, {NULL}, NULL},
        {"POST", "/post", NULL, 0, 412, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(ask_now(bed, "PATCH", "/twice").status, 412);
    assert_int_equal(count_seen(bed, "PATCH", "/twice"), 2);
    assert_int_equal(ask_now(bed, "PATCH", "/untagged").status, 428);
    assert_int_equal(count_seen(bed, "PATCH", "/untagged"), 1);
    assert_int_equal(ask_now(bed, "PATCH", "/gone").status, 412);
    assert_int_equal(ask_now(bed, "POST", "/post").status, 412);
    assert_int_equal(count_seen(bed, "GET", "/post"), 0);
}

/* ---- tasks ---- */

static void a_task_is_watched_until_it_has_ended(void **state)
{
    static const struct row rows[] = {
        {"POST", "/resource", NULL, 0, 202, {"Location", "/tasks/1", NULL}, "{}"},
        {"GET", "/tasks/1", NULL, 2, 200, {NULL}, "{\"TaskState\":\"Running\"}"},
        {"GET", "/tasks/1", NULL, 1, 503, {NULL}, NULL},
        {"GET",
         "/tasks/1",
         NULL,
         0,
         200,
         {NULL},
         "{\"TaskState\":\"Completed\",\"TaskStatus\":\"OK\"}"},
        {"POST", "/monitor", NULL, 0, 202, {"Location", "/monitors/1", NULL}, NULL},
        {"GET", "/monitors/1", NULL, 1, 202, {NULL}, "{\"TaskState\":\"New\"}"},
        {"GET", "/monitors/1", NULL, 1, 202, {"Location", "/monitors/2", NULL}, NULL},
        {"GET", "/monitors/2", NULL, 0, 201, {"Location", "/made/7", NULL}, "{\"Id\":\"7\"}"},
        {"POST",
         "/body",
         NULL,
         0,
         202,
         {NULL},
         "{\"@odata.id\":\"/no\",\"TaskMonitor\":\"/monitors/2\"}"},
        {"POST", "/id", NULL, 0, 202, {NULL}, "{\"@odata.id\":\"/monitors/2\"}"},
        {"POST", "/at-once", NULL, 0, 202, {NULL}, "{\"TaskState\":\"Completed\"}"},
        {"POST", "/no-task", NULL, 0, 202, {NULL}, NULL},
        LAST_ROW,
    };
    static const struct {
        const char *path;
        int status;
        const char *location;
    } want[] = {{"/resource", 200, ""},  {"/monitor", 201, "/made/7"}, {"/body", 201, "/made/7"},
                {"/id", 201, "/made/7"}, {"/at-once", 200, ""},        {"/no-task", 202, ""}};
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_NONE);
    for (size_t i = 0; i < GN_LEN(want); i++) {
        struct got got = ask_now(bed, "POST", want[i].path);

        assert_int_equal(got.end, GN_BMC_END_ANSWER);
        assert_int_equal(got.status, want[i].status);
        assert_string_equal(got.location, want[i].location);
    }
    assert_int_equal(count_seen(bed, "GET", "/tasks/1"), 4);
    assert_int_equal(count_seen(bed, "GET", "/monitors/1"), 2);
}

static void a_task_that_fails_is_a_failed_request_with_its_messages(void **state)
{
    static const struct row rows[] = {
        {"POST", "/a", NULL, 0, 202, {"Location", "/tasks/1", NULL}, NULL},
        {"GET",
         "/tasks/1",
         NULL,
         0,
         200,
         {NULL},
         "{\"TaskState\":\"Exception\",\"Messages\":[{\"MessageId\":\"Base.1.8."
         "InsufficientPrivilege"
         "\",\"Message\":\"no\"}]}"},
        {"POST", "/b", NULL, 0, 202, {"Location", "/tasks/2", NULL}, NULL},
        {"GET", "/tasks/2", NULL, 0, 200, {NULL}, "{\"TaskState\":\"Killed\"}"},
        {"POST", "/c", NULL, 0, 202, {"Location", "/tasks/3", NULL}, NULL},
        {"GET",
         "/tasks/3",
         NULL,
         0,
         200,
         {NULL},
         "{\"TaskState\":\"Completed\",\"TaskStatus\":\"Critical\"}"},
        {"POST", "/d", NULL, 0, 202, {"Location", "/tasks/4", NULL}, NULL},
        {"GET", "/tasks/4", NULL, 0, 400, {NULL}, "{}"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got;

    use(bed, rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "POST", "/a");
    assert_int_equal(got.end, GN_BMC_END_ANSWER);
    assert_int_equal(got.status, 500);
    assert_int_equal(got.error.fault, GN_FAULT_AUTH);
    assert_int_equal(ask_now(bed, "POST", "/b").status, 500);
    assert_int_equal(ask_now(bed, "POST", "/c").status, 500);
    assert_int_equal(ask_now(bed, "POST", "/d").status, 400);
}

static void a_task_is_not_asked_before_its_retry_after(void **state)
{
    static const struct row rows[] = {
        {"POST", "/a", NULL, 0, 202, {"Location", "/m", "Retry-After", "1", NULL}, NULL},
        {"GET", "/m", NULL, 0, 204, {NULL}, NULL},
        LAST_ROW,
    };
    const struct gn_bmc_client_config config = {.concurrency = 1, .task_poll_ms = 1};
    struct bed *bed = *state;
    uint64_t began_ms = gn_loop_now_ms(bed->loop);

    gn_bmc_client_free(bed->client);
    bed->client = gn_bmc_client_new(bed->loop, bed->http, &config);
    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(ask_now(bed, "POST", "/a").status, 204);
    assert_true(gn_loop_now_ms(bed->loop) - began_ms >= 900);
    assert_int_equal(count_seen(bed, "GET", "/m"), 1);
}

static void a_task_without_end_is_hostile(void **state)
{
    static const struct row rows[] = {
        {"POST", "/a", NULL, 0, 202, {"Location", "/m", NULL}, NULL},
        {"GET", "/m", NULL, 0, 202, {"Retry-After", "3600", NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got;

    use(bed, rows, GN_BMC_AUTH_NONE);
    got = ask_now(bed, "POST", "/a");
    assert_int_equal(got.end, GN_BMC_END_HOSTILE);
    assert_string_equal(got.reason, "its task does not end");
    assert_int_equal(count_seen(bed, "GET", "/m"), 2); /* at first, and when the time was over */
}

/* ---- giving up ---- */

static const struct row mixed[] = {
    {"GET", "/held", NULL, 0, HOLD, {NULL}, NULL},
    {"GET", "/busy", NULL, 0, 503, {"Retry-After", "20", NULL}, NULL},
    {"POST", SESSIONS, NULL, 0, HOLD, {NULL}, NULL},
    {"GET", "/sse", NULL, 0, STREAM, {NULL}, NULL},
    LAST_ROW,
};

static void a_call_can_be_given_up_in_every_state(void **state)
{
    struct bed *bed = *state;
    struct gn_bmc_call *calls[4];
    struct got got = {0};

    use(bed, mixed, GN_BMC_AUTH_NONE);
    gn_bmc_cancel(ask(bed->link, "GET", "/held", &got)); /* not begun */
    calls[0] = ask(bed->link, "GET", "/held", &got);
    calls[1] = ask(bed->link, "GET", "/busy", &got);
    calls[2] = ask(bed->link, "GET", "/held", &got);
    calls[3] = ask(bed->link, "GET", "/held", &got);
    wait_for(bed, &bed->held_count, 1);
    while (gn_bmc_client_active(bed->client) > 1) /* the other one is told to come later */
        turn(bed);
    for (size_t i = 0; i < GN_LEN(calls); i++)
        gn_bmc_cancel(calls[i]);
    assert_int_equal(gn_bmc_client_waiting(bed->client), 0);
    assert_int_equal(gn_bmc_client_active(bed->client), 0);
    release(bed, 200, NULL, NULL);
    settle(bed);
    assert_int_equal(got.count, 0);
    assert_int_equal(bed->held_count, 1);
}

static void calls_that_wait_for_a_log_in_can_be_given_up(void **state)
{
    struct bed *bed = *state;
    struct gn_bmc_call *calls[2];
    struct got got = {0};

    use(bed, mixed, GN_BMC_AUTH_SESSION);
    calls[0] = ask(bed->link, "GET", "/held", &got);
    calls[1] = ask(bed->link, "GET", "/held", &got);
    wait_for(bed, &bed->held_count, 1);
    assert_string_equal(bed->seen[0].path, SESSIONS);
    gn_bmc_cancel(calls[0]);
    gn_bmc_cancel(calls[1]);
    release(bed, 201, (const char *const[]){"X-Auth-Token", "t", NULL}, NULL);
    settle(bed);
    assert_int_equal(got.count, 0);
    assert_int_equal(bed->seen_count, 1);
}

static bool take_bytes(void *ctx, struct gn_str bytes)
{
    (void)ctx;
    (void)bytes;
    return true;
}

static void a_link_can_be_freed_with_calls_in_every_state(void **state)
{
    struct bed *bed = *state;
    struct got got = {0};

    for (unsigned turns_before = 0; turns_before < 40; turns_before++) {
        use(bed, mixed, turns_before % 2 == 0 ? GN_BMC_AUTH_SESSION : GN_BMC_AUTH_NONE);
        for (unsigned i = 0; i < 2; i++) {
            ask(bed->link, "GET", "/busy", &got);
            ask(bed->link, "GET", "/held", &got);
        }
        assert_int_equal(gn_bmc_stream(bed->link, "/sse", GN_STR_NONE, take_bytes, on_answer, &got,
                                       NULL),
                         GN_OK);
        turns(bed, turns_before);
        gn_bmc_link_free(bed->link);
        bed->link = NULL;
        assert_int_equal(gn_bmc_client_active(bed->client), 0);
        assert_int_equal(gn_bmc_client_waiting(bed->client), 0);
        while (gn_http_client_active(bed->http) > 0)
            turn(bed);
        while (bed->released < bed->held_count)
            release(bed, 200, NULL, NULL);
        bed->seen_count = bed->held_count = bed->released = 0;
    }
    assert_int_equal(got.count, 0);
}

static void free_link(void *ctx, const struct gn_bmc_answer *answer)
{
    struct bed *bed = ctx;

    (void)answer;
    gn_bmc_link_free(bed->link);
    bed->link = NULL;
}

static void a_link_can_be_freed_from_a_done_function(void **state)
{
    struct bed *bed = *state;
    const struct gn_bmc_request request = {.method = "GET", .uri = "/none"};
    struct got got = {0};

    use(bed, mixed, GN_BMC_AUTH_NONE);
    assert_int_equal(gn_bmc_send(bed->link, &request, free_link, bed, NULL), GN_OK);
    ask(bed->link, "GET", "/held", &got);
    ask(bed->link, "GET", "/held", &got);
    while (bed->link != NULL)
        turn(bed);
    settle(bed);
    assert_int_equal(got.count, 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(two_requests_of_a_link_are_under_way_and_the_rest_follows_in_order),
        CASE(the_cap_over_all_links_is_given_out_link_by_link),
        CASE(a_call_that_waits_for_its_bmc_leaves_the_cap_to_other_links),
        CASE(an_answer_is_told_with_all_that_came),
        CASE(a_refusal_is_told_by_its_key_but_not_in_the_words_of_the_bmc),
        CASE(success_that_is_wrapped_in_error_is_none),
        CASE(a_body_that_is_no_json_is_handed_over_raw),
        CASE(a_raw_body_is_not_parsed_and_an_etag_asks_whether_it_changed),
        CASE(what_is_no_request_is_refused_at_once),
        CASE(a_busy_bmc_is_asked_once_more_after_the_time_it_names),
        CASE(without_a_time_or_with_a_long_one_busy_is_the_answer),
        CASE(a_failed_precondition_is_repeated_with_a_fresh_etag),
        CASE(a_precondition_that_cannot_be_met_is_the_answer),
        CASE(a_task_is_watched_until_it_has_ended),
        CASE(a_task_that_fails_is_a_failed_request_with_its_messages),
        CASE(a_task_is_not_asked_before_its_retry_after),
        CASE(a_task_without_end_is_hostile),
        CASE(a_call_can_be_given_up_in_every_state),
        CASE(calls_that_wait_for_a_log_in_can_be_given_up),
        CASE(a_link_can_be_freed_with_calls_in_every_state),
        CASE(a_link_can_be_freed_from_a_done_function),
        /* client_credentials.h */
        CASE(basic_credentials_go_with_each_request_but_an_anonymous_one),
        CASE(a_session_is_made_once_and_ended_by_a_log_out),
        CASE(auto_uses_sessions_only_once_they_were_told),
        CASE(auto_falls_back_to_basic_when_a_session_is_refused_otherwise_than_by_401),
        CASE(a_session_that_has_ended_is_made_anew_once),
        CASE(requests_that_get_401_together_make_one_log_in),
        CASE(a_late_401_of_the_session_before_makes_no_log_in),
        CASE(a_401_after_the_new_log_in_locks_the_link_out),
        CASE(a_refused_log_in_locks_the_link_out_and_nothing_is_sent_until_it_ends),
        CASE(a_lockout_holds_for_what_was_under_way_before_too),
        CASE(a_lockout_ends_a_call_that_waits_for_its_bmc_at_once),
        CASE(the_lockout_doubles_until_credentials_work),
        CASE(new_credentials_end_the_lockout_and_the_same_ones_do_not),
        CASE(unproven_basic_credentials_are_tried_by_one_request_at_a_time),
        CASE(basic_credentials_that_have_worked_get_one_more_try),
        CASE(a_log_in_that_gets_no_answer_ends_what_waits_without_lockout),
        CASE(a_401_to_a_request_without_credentials_locks_nothing),
        CASE(a_log_out_waits_for_what_is_under_way_and_admits_nothing_more),
        CASE(new_credentials_end_the_session_of_the_old_ones),
        CASE(secrets_stand_in_no_reason_and_no_log),
        /* client_hostile.h */
        CASE(a_redirect_on_the_same_host_is_followed),
        CASE(a_redirect_elsewhere_is_hostile_and_nothing_is_sent_there),
        CASE(redirects_in_a_circle_end),
        CASE(where_a_redirect_leads_is_told_by_the_rules_of_uris),
        CASE(a_packed_body_is_unpacked),
        CASE(a_raw_body_of_gzip_stays_packed),
        CASE(an_etag_that_fits_no_header_is_hostile),
        CASE(a_body_that_unpacks_beyond_measure_is_hostile),
        CASE(a_body_without_end_is_hostile),
        CASE(json_too_deep_is_hostile),
        CASE(what_is_no_http_is_hostile_and_a_closed_port_unreachable),
        CASE(silence_is_a_timeout),
        /* client_streams.h */
        CASE(the_bytes_of_a_stream_are_handed_on_until_it_ends),
        CASE(a_stream_that_breaks_off_is_unreachable),
        CASE(what_is_no_stream_is_an_answer),
        CASE(a_stream_gets_401_and_logs_in_once),
        CASE(a_stream_takes_no_place_of_requests),
        CASE(a_stream_that_its_reader_refuses_is_hostile),
        CASE(a_stream_can_be_given_up),
        /* client_tls.h */
        CASE(a_certificate_of_an_unknown_ca_is_refused_and_nothing_is_sent),
        CASE(a_certificate_of_a_known_ca_is_taken),
        CASE(the_pinned_certificate_is_taken_and_another_is_not),
        CASE(trust_on_first_use_pins_what_it_sees_and_refuses_a_change),
        CASE(trust_on_first_use_pins_nothing_without_an_answer),
        CASE(trust_on_first_use_makes_one_connection_until_it_knows_the_certificate),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
