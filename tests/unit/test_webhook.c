/* What BMCs talk to, asked over a socket. */
#include <signal.h>
#include <sys/resource.h>

#include "api_bed.h"
#include "webhook_hold.h"

#define EVENT                                                                                      \
    "{\"@odata.type\":\"#Event.v1_3_0.Event\",\"Id\":\"1\",\"Name\":\"Event Array\",\"Events\":[{" \
    "\"EventType\":\"Alert\",\"EventId\":\"2162\",\"MemberId\":\"0\",\"Message\":\"hot\","         \
    "\"EventTimestamp\":\"2021-07-13T15:07:59+0300\",\"MessageId\":\"TMP0100\"}]}"

static const struct peer_row endpoints[] = {
    {"/take", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {0},
};

static const struct gn_webhook_token tokens[] = {{"bmc1", "secret1"}, {"bmc2", "secret2"}};

static struct bed *open_bed(const struct bed_config *config)
{
    struct bed *bed = bed_new(config, endpoints);

    bed->handler = gn_webhook_on_request;
    bed->handler_ctx = bed->webhook;
    return bed;
}

static int setup(void **state)
{
    *state = open_bed(&bed_plain);
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

/* Subscribes /take to Redfish events. */
static void subscribe(struct bed *bed)
{
    struct gn_pubsub_item *item;
    char endpoint[64];

    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/take", bed->peer->port);
    assert_int_equal(gn_pubsub_add(bed->pubsub, GN_SUBSCRIPTION, GN_STR(REDFISH),
                                   gn_str_of(endpoint), "http://localhost/", &item),
                     GN_OK);
}

static void wait_for_delivery(struct bed *bed, unsigned count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while ((bed->peer->requests < count || gn_outbox_pending(bed->outbox) > 0) &&
           gn_clock_mono_ms() < end_ms)
        bed_turn(bed);
    assert_int_equal(bed->peer->requests, count);
}

static void an_event_is_answered_and_delivered(void **state)
{
    static const char *const methods[] = {"POST", "PUT"};
    struct bed *bed = *state;

    subscribe(bed);
    for (unsigned i = 0; i < GN_LEN(methods); i++) {
        (void)bed_ask(bed, methods[i], i == 0 ? "/webhook" : "/webhook/other", EVENT);
        assert_json_answer(bed, 200, "{}");
        wait_for_delivery(bed, i + 1);
        assert_non_null(strstr(bed->peer->last.data, "\"source\":\"" REDFISH "\""));
        assert_non_null(strstr(bed->peer->last.data, "\"Message\":\"hot\""));
    }
}

static void an_event_that_is_repeated_is_answered_alike_and_delivered_once(void **state)
{
    struct bed *bed = *state;

    subscribe(bed);
    for (unsigned i = 0; i < 2; i++) {
        (void)bed_ask(bed, "POST", "/webhook/bmc", EVENT);
        assert_json_answer(bed, 200, "{}");
    }
    wait_for_delivery(bed, 1);
}

static void json_without_an_event_is_forwarded(void **state)
{
    struct bed *bed = *state;

    subscribe(bed);
    (void)bed_ask(bed, "POST", "/webhook", "{\"hello\":\"world\"}");
    assert_json_answer(bed, 200, "{}");
    wait_for_delivery(bed, 1);
    assert_non_null(strstr(bed->peer->last.data, "{\"hello\":\"world\"}"));
}

static void what_is_not_json_is_answered_as_the_settings_say(void **state)
{
    static const struct {
        const char *path;
        const char *body;
    } rows[] = {{"/webhook", "garbage"}, {"/webhook/bmc", "{\"a\":"}, {"/webhook", "\xff\xfe"}};
    struct bed_config config = bed_plain;

    (void)state;
    for (int reject = 0; reject <= 1; reject++) {
        struct bed *bed;

        config.reject_unreadable = reject == 1;
        bed = open_bed(&config);
        for (size_t i = 0; i < GN_LEN(rows); i++) {
            (void)bed_ask(bed, "POST", rows[i].path, rows[i].body);
            if (reject == 1)
                assert_json_answer(bed, 400, "{\"error\":\"not JSON\"}");
            else
                assert_json_answer(bed, 200, "{}");
        }
        bed_free(bed);
    }
}

static void probes_are_answered_without_an_event(void **state)
{
    static const struct {
        const char *method, *path, *body, *want;
    } rows[] = {
        {"POST", "/webhook", "", "{}"},    {"POST", "/webhook", NULL, "{}"},
        {"PUT", "/webhook/bmc", "", "{}"}, {"GET", "/webhook", NULL, "{}"},
        {"GET", "/webhook/", NULL, "{}"},  {"GET", "/webhook/bmc/any", NULL, "{}"},
        {"HEAD", "/webhook", NULL, ""},
    };
    struct bed *bed = *state;

    subscribe(bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, rows[i].method, rows[i].path, rows[i].body);
        assert_answer(bed, 200, rows[i].want);
    }
    assert_int_equal(gn_outbox_pending(bed->outbox), 0);
    assert_int_equal(bed->peer->requests, 0);
}

static void options_tells_the_methods_and_consents_to_who_asks(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "OPTIONS", "/webhook/bmc", NULL), 200);
    assert_string_equal(bed_header(bed, "Allow: "), "GET, HEAD, POST, PUT, OPTIONS");
    assert_null(bed_header(bed, "WebHook-Allowed-Origin: "));
    asker_start(bed, &bed->asker, "OPTIONS", "/webhook", "webhook-request-origin: example.org\r\n",
                GN_STR_NONE);
    asker_finish(bed, &bed->asker);
    assert_answer(bed, 200, "");
    assert_string_equal(bed_header(bed, "Allow: "), "GET, HEAD, POST, PUT, OPTIONS");
    assert_string_equal(bed_header(bed, "WebHook-Allowed-Origin: "), "*");
    assert_string_equal(bed_header(bed, "WebHook-Allowed-Rate: "), "*");
}

static void other_methods_are_refused(void **state)
{
    static const char *const methods[] = {"DELETE", "PATCH", "FROB"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(methods); i++) {
        (void)bed_ask(bed, methods[i], "/webhook", NULL);
        assert_answer(bed, 405, "");
    }
}

static void names_are_short_and_plain_and_other_paths_are_not_found(void **state)
{
    static const struct {
        const char *path;
        int status;
    } rows[] = {
        {"/webhook", 200},
        {"/webhook/", 200},
        {"/webhook?query", 200},
        {"/webhook/10.0.0.1:443_rack-2", 200},
        {"/webhook/bmc/", 200},
        {"/webhook/bmc/token", 200},
        {"/webhook/bmc/to%2Dken", 200}, /* no token is wanted */
        {"/webhook/bmc/token/", 404},
        {"/webhook/bmc/token/more", 404},
        {"/webhook//token", 404},
        {"/webhook//", 200},
        {"/webhook/b%6Dc", 404},
        {"/webhook/b@c", 404},
        {"/webhook/..", 200}, /* a name like any other */
        {"/webhookx", 404},
        {"/Webhook", 404},
        {"/", 404},
        {"/ack", 404},
        {"/ack/event/", 404},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, "POST", rows[i].path, EVENT);
        if (bed->asker.status != rows[i].status)
            fail_msg("%s: %d", rows[i].path, bed->asker.status);
        if (rows[i].status == 404)
            assert_answer(bed, 404, "404 page not found\n");
    }
}

static void a_name_has_its_longest(void **state)
{
    char path[GN_WEBHOOK_NAME_MAX + 16] = "/webhook/";
    struct bed *bed = *state;

    memset(path + 9, 'n', GN_WEBHOOK_NAME_MAX);
    assert_int_equal(bed_ask(bed, "POST", path, EVENT), 200);
    path[9 + GN_WEBHOOK_NAME_MAX] = 'n';
    assert_int_equal(bed_ask(bed, "POST", path, EVENT), 404);
}

static void a_name_with_a_token_is_only_served_with_it(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        {"POST", "/webhook/bmc1/secret1", 200},   {"GET", "/webhook/bmc2/secret2", 200},
        {"POST", "/webhook/bmc1", 401},           {"POST", "/webhook/bmc1/", 401},
        {"POST", "/webhook/bmc1/secret2", 401},   {"POST", "/webhook/bmc1/secret", 401},
        {"POST", "/webhook/bmc1/secret11", 401},  {"POST", "/webhook/bmc1/SECRET1", 401},
        {"POST", "/webhook/bmc1/secret%31", 401}, {"GET", "/webhook/bmc1", 401},
        {"OPTIONS", "/webhook/bmc1", 401},        {"DELETE", "/webhook/bmc1/x", 401},
        {"POST", "/webhook/bmc1/secret1?x", 200}, {"POST", "/webhook/bmc1/secret1/", 404},
        {"POST", "/webhook/BMC1", 200},           {"POST", "/webhook/bmc3", 200},
        {"POST", "/webhook/bmc3/whatever", 200},  {"POST", "/webhook", 200},
        {"DELETE", "/webhook/bmc1/secret1", 405},
    };
    struct bed_config config = bed_plain;
    unsigned refused = 0;
    struct bed *bed;

    (void)state;
    config.tokens = tokens;
    config.token_count = GN_LEN(tokens);
    bed = open_bed(&config);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, rows[i].method, rows[i].path, "");
        if (bed->asker.status != rows[i].status)
            fail_msg("%s: %d", rows[i].path, bed->asker.status);
        if (rows[i].status == 401)
            assert_answer(bed, 401, "");
        refused += rows[i].status == 401;
    }
    assert_int_equal(bed_count(bed, "gurnard_webhook_unauthorized_total", NULL), refused);
    bed_free(bed);
}

static void new_tokens_replace_all_old_ones(void **state)
{
    static const struct gn_webhook_token fresh[] = {{"bmc1", "first"},
                                                    {"bmc1", "second"},
                                                    {"bmc9", "secret9"}};
    struct bed *bed = *state;

    assert_int_equal(gn_webhook_set_tokens(bed->webhook, tokens, GN_LEN(tokens)), GN_OK);
    assert_int_equal(bed_ask(bed, "GET", "/webhook/bmc2", NULL), 401);
    assert_int_equal(gn_webhook_set_tokens(bed->webhook, fresh, GN_LEN(fresh)), GN_OK);
    assert_int_equal(bed_ask(bed, "GET", "/webhook/bmc2", NULL), 200);
    assert_int_equal(bed_ask(bed, "GET", "/webhook/bmc1/secret1", NULL), 401);
    assert_int_equal(bed_ask(bed, "GET", "/webhook/bmc1/first", NULL), 401);
    assert_int_equal(bed_ask(bed, "GET", "/webhook/bmc1/second", NULL), 200);
    assert_int_equal(gn_webhook_set_tokens(bed->webhook, NULL, 0), GN_OK);
    assert_int_equal(bed_ask(bed, "GET", "/webhook/bmc9", NULL), 200);
}

static void without_room_the_bmc_is_asked_to_come_again(void **state)
{
    struct bed_config config = bed_plain;
    struct bed *bed;

    (void)state;
    config.is_on_disk = true;
    config.disk_spare_pct = 101;
    bed = open_bed(&config);
    subscribe(bed);
    for (unsigned i = 0; i < 2; i++) { /* what was not taken is no repetition */
        (void)bed_ask(bed, "POST", "/webhook/bmc", EVENT);
        assert_json_answer(bed, 503, "{}");
        assert_string_equal(bed_header(bed, "Retry-After: "), "5");
    }
    assert_int_equal(bed_count(bed, "gurnard_webhook_unstored_total", NULL), 0);
    bed_free(bed);
}

/* ---- answers that wait for the journal ---- */

static struct bed *open_bed_on_disk(void)
{
    struct bed_config config = bed_plain;

    config.is_on_disk = true;
    return open_bed(&config);
}

static void an_event_is_answered_when_the_journal_has_it(void **state)
{
    static const char *const bodies[] = {EVENT, EVENT, "{\"hello\":\"world\"}"};
    struct bed *bed = open_bed_on_disk();

    (void)state;
    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        asker_start(bed, &bed->asker, "POST", "/webhook/bmc", "", gn_str_of(bodies[i]));
        if (i != 1) {
            bed_wait_pending(bed, 1);
            assert_false(gn_journal_is_durable(bed->journal));
        }
        asker_finish(bed, &bed->asker);
        assert_json_answer(bed, 200, "{}");
        assert_true(gn_journal_is_durable(bed->journal));
    }
    assert_int_equal(bed_count(bed, "gurnard_webhook_unstored_total", NULL), 0);
    bed_free(bed);
}

static void who_waits_when_it_stops_is_asked_to_come_again(void **state)
{
    struct bed *bed = open_bed_on_disk();

    (void)state;
    asker_start(bed, &bed->asker, "POST", "/webhook/bmc", "", GN_STR(EVENT));
    bed_wait_pending(bed, 1);
    gn_webhook_stop(bed->webhook);
    assert_int_equal(gn_http_server_pending(bed->server), 0);
    asker_finish(bed, &bed->asker);
    assert_json_answer(bed, 503, "{}");
    assert_string_equal(bed_header(bed, "Retry-After: "), "5");
    assert_int_equal(bed_count(bed, "gurnard_webhook_unstored_total", NULL), 1);
    (void)bed_ask(bed, "POST", "/webhook/bmc2", EVENT);
    assert_json_answer(bed, 503, "{}");
    assert_int_equal(bed_count(bed, "gurnard_webhook_unstored_total", NULL), 1);
    bed_free(bed);
}

/* No file of this process may grow, or may again. */
static void let_files_grow(bool is_allowed)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = is_allowed ? limit.rlim_max : 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void what_the_disk_refuses_is_asked_for_again_and_then_a_repeat(void **state)
{
    struct bed *bed = open_bed_on_disk();
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    (void)state;
    subscribe(bed);
    (void)signal(SIGXFSZ, SIG_IGN);
    let_files_grow(false);
    (void)bed_ask(bed, "POST", "/webhook/bmc", EVENT);
    let_files_grow(true);
    assert_json_answer(bed, 503, "{}");
    assert_string_equal(bed_header(bed, "Retry-After: "), "5");
    assert_int_equal(bed_count(bed, "gurnard_webhook_unstored_total", NULL), 1);
    while (!gn_journal_is_durable(bed->journal) && gn_clock_mono_ms() < end_ms)
        bed_turn(bed);
    (void)bed_ask(bed, "POST", "/webhook/bmc", EVENT);
    assert_json_answer(bed, 200, "{}");
    wait_for_delivery(bed, 1);
    bed_free(bed);
}

static void what_a_gurnardd_sends_is_not_taken_again(void **state)
{
    static const struct {
        const char *method, *extra, *body;
        int status;
    } rows[] = {
        {"POST", "Gurnard-Event-Id: 6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b11\r\n", EVENT, 508},
        {"PUT", "gurnard-event-id: x\r\n", EVENT, 508},
        {"POST", "Gurnard-Event-Id:\r\n", EVENT, 508},
        {"POST", "Gurnard-Probe: 1\r\n", "", 508},
        {"GET", "Gurnard-Probe: 1\r\n", NULL, 200},
        {"POST", "X-Gurnard-Event-Id: x\r\n", EVENT, 200},
    };
    struct bed *bed = *state;

    subscribe(bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        asker_start(bed, &bed->asker, rows[i].method, "/webhook/bmc", rows[i].extra,
                    gn_str_of(rows[i].body));
        asker_finish(bed, &bed->asker);
        if (bed->asker.status != rows[i].status)
            fail_msg("%zu: %d", i, bed->asker.status);
    }
    wait_for_delivery(bed, 1);
    assert_int_equal(bed_count(bed, "gurnard_webhook_loops_total", NULL), 4);
}

static void what_needs_no_journal_does_not_wait_for_it(void **state)
{
    static const struct {
        const char *method, *body;
    } rows[] = {{"GET", NULL}, {"POST", ""}, {"POST", "garbage"}};
    struct bed *bed = open_bed_on_disk();

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    let_files_grow(false);
    assert_int_equal(bed_ask(bed, "POST", "/webhook/bmc", EVENT), 503);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_false(gn_journal_is_durable(bed->journal));
        (void)bed_ask(bed, rows[i].method, "/webhook", rows[i].body);
        assert_json_answer(bed, 200, "{}");
    }
    let_files_grow(true);
    bed_free(bed);
}

static void acknowledgements_are_taken_as_hw_event_proxy_took_them(void **state)
{
    struct bed *bed = *state;

    (void)bed_ask(bed, "POST", "/ack/event", "{eventId:\"1\",status:\"SUCCESS\"}");
    assert_answer(bed, 200, "");
    (void)bed_ask(bed, "POST", "/ack/event", "");
    assert_answer(bed, 204, "");
    (void)bed_ask(bed, "GET", "/ack/event", NULL);
    assert_answer(bed, 204, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_is_answered_and_delivered, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_event_that_is_repeated_is_answered_alike_and_delivered_once, setup, teardown),
        cmocka_unit_test_setup_teardown(json_without_an_event_is_forwarded, setup, teardown),
        cmocka_unit_test(what_is_not_json_is_answered_as_the_settings_say),
        cmocka_unit_test_setup_teardown(probes_are_answered_without_an_event, setup, teardown),
        cmocka_unit_test_setup_teardown(options_tells_the_methods_and_consents_to_who_asks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(other_methods_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_short_and_plain_and_other_paths_are_not_found,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_has_its_longest, setup, teardown),
        cmocka_unit_test(a_name_with_a_token_is_only_served_with_it),
        cmocka_unit_test_setup_teardown(new_tokens_replace_all_old_ones, setup, teardown),
        cmocka_unit_test(without_room_the_bmc_is_asked_to_come_again),
        cmocka_unit_test(an_event_is_answered_when_the_journal_has_it),
        cmocka_unit_test(what_needs_no_journal_does_not_wait_for_it),
        cmocka_unit_test(who_waits_when_it_stops_is_asked_to_come_again),
        cmocka_unit_test(what_the_disk_refuses_is_asked_for_again_and_then_a_repeat),
        cmocka_unit_test_setup_teardown(what_a_gurnardd_sends_is_not_taken_again, setup, teardown),
        cmocka_unit_test_setup_teardown(acknowledgements_are_taken_as_hw_event_proxy_took_them,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_held_goes_on_in_its_order_when_its_registry_comes,
                                        setup_hold, teardown_hold),
        cmocka_unit_test_setup_teardown(what_is_held_goes_on_when_its_time_is_over, setup_hold,
                                        teardown_hold),
        cmocka_unit_test_setup_teardown(only_so_many_are_held, setup_hold, teardown_hold),
    };

    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
