/* Tests of the Redfish client: credentials, sessions, lockout. */
#ifndef GN_TESTS_CLIENT_CREDENTIALS_H
#define GN_TESTS_CLIENT_CREDENTIALS_H

#include "client_bed.h"

/* Takes one session after another: t1, t2; everything else needs the one in use. */
static const struct row two_sessions[] = {
    {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t1"), NULL},
    {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t2"), NULL},
    {"GET", "/a", "t1", 1, 200, {NULL}, "{}"},
    {"GET", "/a", "t2", 0, 200, {NULL}, "{}"},
    {"GET", "/a", NULL, 0, 401, {NULL}, NULL},
    {"DELETE", SESSIONS "/t1", "t1", 0, 204, {NULL}, NULL},
    {"DELETE", SESSIONS "/t2", "t2", 0, 204, {NULL}, NULL},
    LAST_ROW,
};

static void raise_flag(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void basic_credentials_go_with_each_request_but_an_anonymous_one(void **state)
{
    static const struct row rows[] = {
        {"GET", "/a", BASIC, 0, 200, {NULL}, "{}"},
        {"GET", "/redfish/v1", "", 0, 200, {NULL}, "{}"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    const struct gn_bmc_request request = {.method = "GET",
                                           .uri = "/redfish/v1",
                                           .is_anonymous = true};
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_BASIC);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &got.count, 1);
    assert_int_equal(got.status, 200);
    log_in_as(bed->link, "", "");
    assert_int_equal(ask_now(bed, "GET", "/a").status, 404); /* without */
}

static void a_session_is_made_once_and_ended_by_a_log_out(void **state)
{
    struct bed *bed = *state;
    unsigned done = 0;

    use(bed, two_sessions, GN_BMC_AUTH_SESSION);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_string_equal(bed->seen[0].path, SESSIONS);
    assert_string_equal(bed->seen[0].auth, "");
    assert_string_equal(bed->seen[0].body,
                        "{\"UserName\":\"" USER "\",\"Password\":\"" PASSWORD "\"}");
    gn_bmc_link_logout(bed->link, raise_flag, &done);
    assert_int_equal(done, 0);
    wait_for(bed, &done, 1);
    assert_int_equal(count_seen(bed, "DELETE", SESSIONS "/t1"), 1);
    assert_int_equal(bed->seen_count, 3);
}

static void auto_uses_sessions_only_once_they_were_told(void **state)
{
    static const struct row rows[] = {
        {"GET", "/a", BASIC, 0, 200, {NULL}, "{}"},
        {"POST",
         "/sessions",
         NULL,
         0,
         201,
         {"X-Auth-Token", "t1", NULL},
         "{\"@odata.id\":\"/s/1\"}"},
        {"GET", "/a", "t1", 0, 200, {NULL}, "{}"},
        {"DELETE", "/s/1", "t1", 0, 204, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    unsigned done = 0;

    use(bed, rows, GN_BMC_AUTH_AUTO);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_string_equal(bed->seen[0].auth, BASIC);
    gn_bmc_link_sessions_at(bed->link, "/sessions");
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    gn_bmc_link_sessions_at(bed->link, "/sessions");
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_int_equal(count_seen(bed, "POST", "/sessions"), 1);
    assert_string_equal(bed->seen[3].auth, "t1");
    gn_bmc_link_logout(bed->link, raise_flag, &done);
    wait_for(bed, &done, 1);
    assert_int_equal(count_seen(bed, "DELETE", "/s/1"), 1);
}

static void auto_falls_back_to_basic_when_a_session_is_refused_otherwise_than_by_401(void **state)
{
    static const struct row rows[] = {
        {"POST", "/404", NULL, 0, 404, {NULL}, NULL},
        {"POST", "/403", NULL, 0, 403, {NULL}, NULL},
        {"POST", "/500", NULL, 0, 500, {NULL}, NULL},
        {"POST", "/without-token", NULL, 0, 201, {NULL}, "{}"},
        {"GET", "/a", BASIC, 0, 200, {NULL}, "{}"},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_AUTO);
    for (size_t i = 0; i < 4; i++) {
        gn_bmc_link_sessions_at(bed->link, rows[i].path);
        assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
        assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
        assert_int_equal(count_seen(bed, "POST", rows[i].path), 1);
    }
    assert_true(gn_bmc_link_locked_ms(bed->link) == 0);
}

static void a_session_that_has_ended_is_made_anew_once(void **state)
{
    struct bed *bed = *state;

    use(bed, two_sessions, GN_BMC_AUTH_SESSION);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200); /* 401, log-in, 200 */
    assert_int_equal(count_seen(bed, "POST", SESSIONS), 2);
    assert_int_equal(count_seen(bed, "GET", "/a"), 3);
    assert_string_equal(bed->seen[4].auth, "t2");
    assert_true(gn_bmc_link_locked_ms(bed->link) == 0);
}

static void requests_that_get_401_together_make_one_log_in(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t1"), NULL},
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t2"), NULL},
        {"GET", "/held", "t1", 0, HOLD, {NULL}, NULL},
        {"GET", "/held", "t2", 0, 200, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got[2] = {0};

    use(bed, rows, GN_BMC_AUTH_SESSION);
    ask(bed->link, "GET", "/held", &got[0]);
    ask(bed->link, "GET", "/held", &got[1]);
    wait_for(bed, &bed->held_count, 2);
    release(bed, 401, NULL, NULL);
    release(bed, 401, NULL, NULL);
    wait_for(bed, &got[0].count, 1);
    wait_for(bed, &got[1].count, 1);
    assert_int_equal(got[0].status, 200);
    assert_int_equal(got[1].status, 200);
    assert_int_equal(count_seen(bed, "POST", SESSIONS), 2);
}

static void a_late_401_of_the_session_before_makes_no_log_in(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t1"), NULL},
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t2"), NULL},
        {"GET", "/held", "t1", 0, HOLD, {NULL}, NULL},
        {"GET", "/held", "t2", 0, 200, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_SESSION);
    ask(bed->link, "GET", "/held", &got);
    ask(bed->link, "GET", "/held", &got);
    wait_for(bed, &bed->held_count, 2);
    release(bed, 401, NULL, NULL);
    wait_for(bed, &got.count, 1);
    release(bed, 401, NULL, NULL);
    wait_for(bed, &got.count, 2);
    assert_int_equal(got.status, 200);
    assert_int_equal(count_seen(bed, "POST", SESSIONS), 2);
}

static void a_401_after_the_new_log_in_locks_the_link_out(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 0, 201, LOGIN_AS("t"), NULL},
        {"GET", "/a", NULL, 0, 401, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got[4] = {0};

    use(bed, rows, GN_BMC_AUTH_SESSION);
    for (size_t i = 0; i < GN_LEN(got); i++)
        ask(bed->link, "GET", "/a", &got[i]);
    for (size_t i = 0; i < GN_LEN(got); i++)
        wait_for(bed, &got[i].count, 1);
    assert_true(got[0].end == GN_BMC_END_AUTH || got[1].end == GN_BMC_END_AUTH);
    assert_int_equal(got[2].end, GN_BMC_END_LOCKED);
    assert_int_equal(got[3].end, GN_BMC_END_LOCKED);
    settle(bed);
    assert_int_equal(count_seen(bed, "POST", SESSIONS), 2);
    assert_in_range(count_seen(bed, "GET", "/a"), 3, 4);       /* the two that had begun */
    assert_in_range(gn_bmc_link_locked_ms(bed->link), 0, 300); /* locked once, by both */
}

static void a_refused_log_in_locks_the_link_out_and_nothing_is_sent_until_it_ends(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 1, 401, {NULL}, NULL},
        {"POST", SESSIONS, NULL, 0, 201, LOGIN_AS("t"), NULL},
        {"GET", "/a", "t", 0, 200, {NULL}, "{}"},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_AUTO);
    gn_bmc_link_sessions_at(bed->link, SESSIONS);
    got = ask_now(bed, "GET", "/a");
    assert_int_equal(got.end, GN_BMC_END_AUTH);
    assert_int_equal(got.status, 401);
    assert_true(gn_bmc_link_locked_ms(bed->link) > 0);
    got = ask_now(bed, "GET", "/a");
    assert_int_equal(got.end, GN_BMC_END_LOCKED);
    assert_int_equal(bed->seen_count, 1);
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"auth\"} 2\n")); /* and log-in */
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"locked\"} 1\n"));
    while (gn_bmc_link_locked_ms(bed->link) > 0)
        turn(bed);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
}

static void a_lockout_holds_for_what_was_under_way_before_too(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t1"), NULL},
        {"POST", SESSIONS, NULL, 0, 401, {NULL}, NULL},
        {"GET", "/held", "t1", 0, HOLD, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got[2] = {0};

    use(bed, rows, GN_BMC_AUTH_SESSION);
    ask(bed->link, "GET", "/held", &got[0]);
    ask(bed->link, "GET", "/held", &got[1]);
    wait_for(bed, &bed->held_count, 2);
    release(bed, 401, NULL, NULL);
    while (gn_bmc_link_locked_ms(bed->link) == 0)
        turn(bed);
    release(bed, 401, NULL, NULL); /* of the old session, but there is no new one */
    wait_for(bed, &got[0].count, 1);
    wait_for(bed, &got[1].count, 1);
    assert_int_equal(got[0].end + got[1].end, GN_BMC_END_AUTH + GN_BMC_END_LOCKED);
    assert_int_equal(bed->seen_count, 4);
}

static void a_lockout_ends_a_call_that_waits_for_its_bmc_at_once(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t1"), NULL},
        {"POST", SESSIONS, NULL, 0, 401, {NULL}, NULL},
        {"GET", "/busy", "t1", 0, 503, {"Retry-After", "20", NULL}, NULL},
        {"GET", "/held", "t1", 0, HOLD, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got busy = {0};
    struct got got = {0};

    use(bed, rows, GN_BMC_AUTH_SESSION);
    ask(bed->link, "GET", "/busy", &busy);
    ask(bed->link, "GET", "/held", &got);
    wait_for(bed, &bed->held_count, 1);
    while (gn_bmc_client_active(bed->client) > 1)
        turn(bed);
    release(bed, 401, NULL, NULL);
    wait_for(bed, &got.count, 1);
    wait_for(bed, &busy.count, 1);
    assert_int_equal(got.end, GN_BMC_END_AUTH);
    assert_int_equal(busy.end, GN_BMC_END_LOCKED);
}

static void wait_out(struct bed *bed)
{
    while (gn_bmc_link_locked_ms(bed->link) > 0)
        turn(bed);
}

static void the_lockout_doubles_until_credentials_work(void **state)
{
    static const struct row rows[] = {
        {"GET", "/a", NULL, 2, 401, {NULL}, NULL},
        {"GET", "/a", NULL, 1, 200, {NULL}, "{}"},
        {"GET", "/a", NULL, 0, 401, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_BASIC);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    assert_in_range(gn_bmc_link_locked_ms(bed->link), 1, 300);
    wait_out(bed);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    assert_in_range(gn_bmc_link_locked_ms(bed->link), 301, 600);
    wait_out(bed);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    assert_in_range(gn_bmc_link_locked_ms(bed->link), 1, 300);
}

static void new_credentials_end_the_lockout_and_the_same_ones_do_not(void **state)
{
    static const struct row rows[] = {
        {"GET", "/a", BASIC, 0, 401, {NULL}, NULL},
        {"GET", "/a", NULL, 0, 200, {NULL}, "{}"},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_BASIC);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    log_in_as(bed->link, USER, PASSWORD);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_LOCKED);
    log_in_as(bed->link, USER, OTHER);
    assert_true(gn_bmc_link_locked_ms(bed->link) == 0);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
}

static void unproven_basic_credentials_are_tried_by_one_request_at_a_time(void **state)
{
    static const struct row rows[] = {{"GET", "/held", NULL, 0, HOLD, {NULL}, NULL}, LAST_ROW};
    struct bed *bed = *state;
    struct got got[5] = {0};

    use(bed, rows, GN_BMC_AUTH_BASIC);
    for (size_t i = 0; i < GN_LEN(got); i++)
        ask(bed->link, "GET", "/held", &got[i]);
    wait_for(bed, &bed->held_count, 1);
    settle(bed);
    assert_int_equal(bed->held_count, 1);
    release(bed, 404, NULL, NULL); /* may be said to anybody */
    wait_for(bed, &bed->held_count, 2);
    settle(bed);
    assert_int_equal(bed->held_count, 2);
    release(bed, 200, NULL, NULL);
    wait_for(bed, &bed->held_count, 4); /* they are right: two at a time now */
    log_in_as(bed->link, USER, OTHER);
    release(bed, 401, NULL, NULL); /* of the old ones */
    release(bed, 200, NULL, NULL); /* likewise, and proves nothing */
    wait_for(bed, &bed->held_count, 5);
    settle(bed);
    assert_int_equal(bed->held_count, 5);
    release(bed, 401, NULL, NULL); /* wrong: one try was enough */
    for (size_t i = 0; i < GN_LEN(got); i++)
        wait_for(bed, &got[i].count, 1);
    assert_int_equal(bed->seen_count, 5);
    assert_true(gn_bmc_link_locked_ms(bed->link) > 0);
}

static void basic_credentials_that_have_worked_get_one_more_try(void **state)
{
    static const struct row rows[] = {
        {"GET", "/a", NULL, 1, 200, {NULL}, "{}"},
        {"GET", "/a", NULL, 1, 401, {NULL}, NULL},
        {"GET", "/a", NULL, 1, 200, {NULL}, "{}"},
        {"GET", "/a", NULL, 0, 401, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_BASIC);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_int_equal(bed->seen_count, 3);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    assert_int_equal(bed->seen_count, 5);
    assert_true(gn_bmc_link_locked_ms(bed->link) > 0);
}

static void a_log_in_that_gets_no_answer_ends_what_waits_without_lockout(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 1, DROP, {NULL}, NULL},
        {"POST", SESSIONS, NULL, 1, 503, {NULL}, NULL},
        {"POST", SESSIONS, NULL, 0, 403, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct got got;

    use(bed, rows, GN_BMC_AUTH_SESSION);
    got = ask_now(bed, "GET", "/a");
    assert_int_equal(got.end, GN_BMC_END_UNREACHABLE);
    assert_int_equal(strncmp(got.reason, "log-in: ", 8), 0);
    got = ask_now(bed, "GET", "/a");
    assert_int_equal(got.end, GN_BMC_END_ANSWER);
    assert_int_equal(got.status, 503);
    assert_int_equal(got.error.fault, GN_FAULT_BUSY);
    assert_true(gn_bmc_link_locked_ms(bed->link) == 0);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    assert_true(gn_bmc_link_locked_ms(bed->link) > 0);
}

static void a_401_to_a_request_without_credentials_locks_nothing(void **state)
{
    static const struct row rows[] = {{"GET", "/a", NULL, 0, 401, {NULL}, NULL}, LAST_ROW};
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_NONE);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_AUTH);
    assert_true(gn_bmc_link_locked_ms(bed->link) == 0);
    assert_int_equal(bed->seen_count, 2);
}

static void a_log_out_waits_for_what_is_under_way_and_admits_nothing_more(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 0, 201, LOGIN_AS("t1"), NULL},
        {"GET", "/held", "t1", 0, HOLD, {NULL}, NULL},
        {"DELETE", SESSIONS "/t1", "t1", 0, 204, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    const struct gn_bmc_request request = {.method = "GET", .uri = "/held"};
    struct got got = {0};
    unsigned done = 0;

    use(bed, rows, GN_BMC_AUTH_SESSION);
    for (unsigned i = 0; i < 3; i++)
        ask(bed->link, "GET", "/held", &got);
    gn_bmc_link_logout(bed->link, raise_flag, &done);
    assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_ECANCELED);
    for (unsigned i = 0; i < 3; i++) {
        wait_for(bed, &bed->held_count, i + 1);
        settle(bed);
        assert_int_equal(count_seen(bed, "DELETE", SESSIONS "/t1"), 0);
        assert_int_equal(done, 0);
        release(bed, 200, NULL, NULL);
    }
    wait_for(bed, &got.count, 3);
    wait_for(bed, &done, 1);
    assert_string_equal(bed->seen[bed->seen_count - 1].method, "DELETE");
    gn_bmc_link_free(bed->link);
    done = 0;
    use(bed, rows, GN_BMC_AUTH_SESSION); /* no session: nothing to send */
    gn_bmc_link_logout(bed->link, raise_flag, &done);
    assert_int_equal(done, 0);
    wait_for(bed, &done, 1);
    assert_int_equal(bed->seen_count, 5);
}

static void new_credentials_end_the_session_of_the_old_ones(void **state)
{
    static const struct row rows[] = {
        {"POST", "/sessions", NULL, 0, 308, {"Location", "/sessions/", NULL}, NULL},
        {"POST", "/sessions/", NULL, 1, 201, LOGIN_AS("t1"), NULL},
        {"POST", "/sessions/", NULL, 1, 201, LOGIN_AS("t2"), NULL},
        {"DELETE", SESSIONS "/t1", "t1", 0, 204, {NULL}, NULL},
        {"GET", "/a", "t1", 0, 200, {NULL}, "{}"},
        {"GET", "/a", "t2", 0, 200, {NULL}, "{}"},
        LAST_ROW,
    };
    struct bed *bed = *state;

    use(bed, rows, GN_BMC_AUTH_AUTO);
    gn_bmc_link_sessions_at(bed->link, "/sessions");
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    log_in_as(bed->link, USER, OTHER);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    settle(bed);
    assert_int_equal(count_seen(bed, "DELETE", SESSIONS "/t1"), 1);
    assert_int_equal(count_seen(bed, "POST", "/sessions/"), 2); /* redirected there */
    assert_string_equal(bed->seen[bed->seen_count - 1].path, "/a");
    assert_string_equal(bed->seen[bed->seen_count - 1].auth, "t2");
}

static void expect_no_secret(const char *text)
{
    static const char *const secrets[] = {PASSWORD, OTHER, BASIC + 6, "geheim", "token-"};

    for (size_t i = 0; i < GN_LEN(secrets); i++)
        assert_null(strstr(text, secrets[i]));
}

/* The BMC repeats what it was sent wherever it can. */
static void secrets_stand_in_no_reason_and_no_log(void **state)
{
#define REPEATS                                                                                    \
    "{\"error\":{\"@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.0.PropertyValueFormatError\"," \
    "\"Message\":\"" PASSWORD " " BASIC " token-1\",\"MessageArgs\":[\"" PASSWORD "\"]}]}}"
    static const struct row rows[] = {
        {"POST",
         SESSIONS,
         NULL,
         1,
         201,
         {"X-Auth-Token", "token-1", "Location", "/s/1", NULL},
         NULL},
        {"POST", SESSIONS, NULL, 0, 400, {NULL}, REPEATS},
        {"GET", "/a", "token-1", 1, 200, {NULL}, "{}"},
        {"GET", "/a", NULL, 0, 401, {NULL}, REPEATS},
        {"GET", "/b", NULL, 0, 400, {NULL}, REPEATS},
        {"GET", "/c", NULL, 0, 302, {"Location", "http://u:" PASSWORD "@127.0.0.1/", NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    char text[65536] = "";
    ssize_t len;

    capture_log(bed);
    use(bed, rows, GN_BMC_AUTH_SESSION);
    expect_no_secret(ask_now(bed, "GET", "/a").reason);
    expect_no_secret(ask_now(bed, "GET", "/b").reason);
    expect_no_secret(ask_now(bed, "GET", "/c").reason);
    expect_no_secret(ask_now(bed, "GET", "/a").reason); /* log-in refused */
    expect_no_secret(ask_now(bed, "GET", "/a").reason); /* locked */
    log_in_as(bed->link, USER, OTHER);
    expect_no_secret(ask_now(bed, "GET", "/a").reason);
    len = read(bed->log_fd, text, sizeof(text) - 1);
    assert_true(len > 0);
    assert_non_null(strstr(text, "bmc.locked_out bmc=b1"));
    assert_non_null(strstr(text, "bmc.request bmc=b1"));
    expect_no_secret(text);
}

#endif
