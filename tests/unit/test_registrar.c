/* The registrar against scripted publishers in the same loop, over real HTTP. */
#include "gurnard/transport/registrar.h"

#include <fcntl.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"

#include "http_peer.h"

#define WAIT_MS 10000 /* bound of any wait; never reached when the code is right */
#define PEERS   2
#define OWN     "http://localhost:9046" /* a vector of cloud-event-proxy */
#define OWN_ID  "d38a522f-39a1-381e-9322-1513834b4f6e"
#define HOUR_MS 3600000

#define OK       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define REFUSED  "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"
#define BUSY     "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
#define STATE(s) "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" s
#define GONE     "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"

/* Rows of a publisher. */
enum { HEALTH, SUBSCRIPTION, STATE_ROW, END, ROWS };

struct bed {
    struct gn_loop *loop;
    struct gn_http_client *client;
    struct gn_metrics *metrics;
    struct peer *peers[PEERS];
    struct peer_row rows[PEERS][ROWS];
    char urls[PEERS][64];
    struct gn_registrar *registrar;
    unsigned ends; /* of queries */
    enum gn_err state_err;
    char state_body[64];
};

static const struct gn_registrar_config patient = {.own_url = OWN,
                                                   .retry_min_ms = 1,
                                                   .retry_max_ms = 8,
                                                   .health_ms = HOUR_MS,
                                                   .renew_ms = HOUR_MS,
                                                   .status_ms = WAIT_MS};

static int set_up(void **state)
{
    static const struct gn_http_client_config config = {.max_idle_connections = 20,
                                                        .connect_timeout_ms = WAIT_MS,
                                                        .user_agent = "gurnard-test/1"};
    struct bed *bed = calloc(1, sizeof *bed);

    assert_non_null(bed);
    bed->loop = gn_loop_new(NULL);
    bed->client = gn_http_client_new(bed->loop, &config);
    bed->metrics = gn_metrics_new();
    assert_non_null(bed->client);
    for (int i = 0; i < PEERS; i++) {
        bed->rows[i][HEALTH] = (struct peer_row){"/health", OK, 0, false};
        bed->rows[i][SUBSCRIPTION] = (struct peer_row){"/subscription", OK, 0, false};
        bed->rows[i][STATE_ROW] =
            (struct peer_row){"/a/" OWN_ID "/CurrentState", STATE("hello"), 0, false};
        bed->peers[i] = peer_new(bed->loop, bed->rows[i]);
        (void)snprintf(bed->urls[i], sizeof bed->urls[i], "http://127.0.0.1:%u",
                       bed->peers[i]->port);
    }
    *state = bed;
    return 0;
}

static void turn(struct bed *bed)
{
    assert_int_equal(gn_loop_turn(bed->loop, 5), GN_OK);
}

/* Turns until the condition holds. */
#define WAIT_FOR(bed, condition)                                                                   \
    do {                                                                                           \
        uint64_t until_ms = gn_clock_mono_ms() + WAIT_MS;                                          \
        while (!(condition)) {                                                                     \
            assert_true(gn_clock_mono_ms() < until_ms);                                            \
            turn(bed);                                                                             \
        }                                                                                          \
    } while (0)

/* Long enough for everything that would be sent at once. */
static void turns(struct bed *bed)
{
    for (int i = 0; i < 10; i++)
        turn(bed);
}

static int tear_down(void **state)
{
    struct bed *bed = *state;

    if (bed->registrar != NULL) {
        gn_registrar_stop(bed->registrar);
        WAIT_FOR(bed, gn_registrar_active(bed->registrar) == 0);
        gn_registrar_free(bed->registrar);
    }
    for (int i = 0; i < PEERS; i++)
        peer_free(bed->peers[i]);
    gn_http_client_free(bed->client);
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    free(bed);
    return 0;
}

/* A registrar of the first count publishers. */
static void make(struct bed *bed, const struct gn_registrar_config *limits, size_t count)
{
    const char *urls[PEERS] = {bed->urls[0], bed->urls[1]};
    struct gn_registrar_config config = *limits;

    config.publishers = urls;
    config.publisher_count = count;
    bed->registrar = gn_registrar_new(&config, bed->loop, bed->client, bed->metrics);
    assert_non_null(bed->registrar);
}

static void make_and_start(struct bed *bed, const struct gn_registrar_config *limits, size_t count)
{
    make(bed, limits, count);
    gn_registrar_start(bed->registrar);
}

static void want(struct bed *bed, const char *resource)
{
    assert_int_equal(gn_registrar_want(bed->registrar, gn_str_of(resource), GN_STR("id-1")), GN_OK);
}

static void unwant(struct bed *bed, const char *resource)
{
    gn_registrar_unwant(bed->registrar, gn_str_of(resource));
}

static size_t count_in(const struct gn_buf *text, const char *part)
{
    const char *at = text->len > 0 ? text->data : "";
    size_t count = 0;

    while ((at = strstr(at, part)) != NULL) {
        at++;
        count++;
    }
    return count;
}

static size_t news(struct bed *bed, int peer)
{
    return count_in(&bed->peers[peer]->all, "Ce-Subject: NEW\r\n");
}

static size_t deletes(struct bed *bed, int peer)
{
    return count_in(&bed->peers[peer]->all, "Ce-Subject: DELETE\r\n");
}

static size_t probes(struct bed *bed, int peer)
{
    return count_in(&bed->peers[peer]->all, "GET /health ");
}

static void forget_requests(struct bed *bed, int peer)
{
    gn_buf_reset(&bed->peers[peer]->all);
}

/* Answers what was left without an answer. */
static void answer_held(struct bed *bed, int peer, const char *answer)
{
    for (size_t i = 0; i < PEER_CONNS_MAX; i++) {
        struct peer_conn *conn = &bed->peers[peer]->conns[i];

        if (conn->watch == NULL || !conn->is_held)
            continue;
        conn->is_held = false;
        gn_buf_puts(&conn->out, answer);
        peer_flush(conn);
    }
}

static struct gn_registrar_publisher seen(struct bed *bed, size_t place)
{
    struct gn_registrar_publisher publisher;

    gn_registrar_publisher_at(bed->registrar, place, &publisher);
    return publisher;
}

static bool prints(struct bed *bed, const char *line)
{
    struct gn_buf text = GN_BUF_INIT;
    char whole[128];
    bool has;

    gn_metrics_print(bed->metrics, &text);
    (void)snprintf(whole, sizeof whole, "\n%s\n", line);
    has = strstr(text.data, whole) != NULL;
    gn_buf_free(&text);
    return has;
}

static bool last_has(struct bed *bed, const char *text)
{
    return strstr(bed->peers[0]->last.data, text) != NULL;
}

static const char *last_body(struct bed *bed)
{
    return strstr(bed->peers[0]->last.data, "\r\n\r\n") + 4;
}

/* ---- what is sent ---- */

static void a_resource_is_registered_as_the_original_does(void **state)
{
    struct bed *bed = *state;

    make(bed, &patient, 1);
    assert_int_equal(gn_registrar_want(bed->registrar, GN_STR("/cluster/node/n1/x"), GN_STR("s-1")),
                     GN_OK);
    gn_registrar_start(bed->registrar);
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    assert_int_equal(news(bed, 0), 1);
    assert_true(last_has(bed, "POST /subscription HTTP/1.1\r\n"));
    assert_true(last_has(bed, "\r\nCe-Source: /cluster/node/n1/x\r\n"));
    assert_true(last_has(bed, "\r\nCe-Specversion: 0.3\r\n"));
    assert_true(last_has(bed, "\r\nCe-Type: SUBSCRIBER\r\n"));
    assert_true(last_has(bed, "\r\nCe-Time: 20"));
    assert_true(last_has(bed, "\r\nContent-Type: application/json\r\n"));
    assert_false(last_has(bed, "Gurnard-Partial"));
    assert_true(gn_id_is_valid(
        (struct gn_str){strstr(bed->peers[0]->last.data, "\r\nCe-Id: ") + 9, GN_ID_LEN}));
    assert_string_equal(
        last_body(bed),
        "{\"clientID\":\"" OWN_ID "\",\"subStore\":{\"store\":{\"s-1\":{\"id\":\"s-1\","
        "\"endpointUri\":null,\"uriLocation\":null,\"resource\":\"/cluster/node/n1/x\"}}},"
        "\"endPointURI\":\"" OWN "\",\"status\":0,\"action\":0}");
    assert_string_equal(gn_registrar_client_id(bed->registrar), OWN_ID);
}

static void strange_bytes_of_a_resource_are_encoded(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    want(bed, "/a b\"%\xc3\xa9\n");
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    assert_true(last_has(bed, "\r\nCe-Source: /a%20b%22%25%C3%A9%0A\r\n"));
    assert_non_null(strstr(last_body(bed), "\"resource\":\"/a b\\\"%\xc3\xa9\\n\"}"));
}

static void the_last_resource_takes_leave_of_all(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    unwant(bed, "/a");
    WAIT_FOR(bed, deletes(bed, 0) == 1);
    turns(bed);
    assert_true(last_has(bed, "\r\nCe-Source: delete-all-subscriptions\r\n"));
    assert_false(last_has(bed, "Gurnard-Partial"));
    assert_string_equal(
        last_body(bed),
        "{\"clientID\":\"" OWN_ID "\",\"subStore\":{\"store\":{\"\":{\"id\":\"\","
        "\"endpointUri\":null,\"uriLocation\":null,\"resource\":\"delete-all-subscriptions\"}}},"
        "\"endPointURI\":\"" OWN "\",\"status\":0,\"action\":2}");
    assert_int_equal(news(bed, 0), 1);
    assert_int_equal(deletes(bed, 0), 1);
    want(bed, "/a");
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    assert_int_equal(news(bed, 0), 2);
}

static void one_resource_leaves_and_the_others_are_registered_again(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/b");
    want(bed, "/c");
    WAIT_FOR(bed, seen(bed, 0).registered == 3);
    forget_requests(bed, 0);
    unwant(bed, "/b");
    WAIT_FOR(bed, deletes(bed, 0) == 1 && seen(bed, 0).registered == 2);
    turns(bed);
    assert_int_equal(deletes(bed, 0), 1);
    assert_int_equal(news(bed, 0), 2);
    assert_int_equal(count_in(&bed->peers[0]->all, "Gurnard-Partial: 1\r\n"), 1);
    assert_int_equal(count_in(&bed->peers[0]->all, "Ce-Source: /b\r\n"), 1);
    assert_int_equal(count_in(&bed->peers[0]->all, "\"resource\":\"/b\"}}},"), 1);
    assert_int_equal(count_in(&bed->peers[0]->all, "\"action\":2}"), 1);
    assert_true(strstr(bed->peers[0]->all.data, "DELETE") < strstr(bed->peers[0]->all.data, "NEW"));
}

static void subscriptions_to_one_resource_are_counted(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/a");
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    unwant(bed, "/a");
    unwant(bed, "/unknown");
    turns(bed);
    assert_int_equal(news(bed, 0), 1);
    assert_int_equal(deletes(bed, 0), 0);
    unwant(bed, "/a");
    unwant(bed, "/a"); /* once too often */
    WAIT_FOR(bed, deletes(bed, 0) == 1);
    assert_int_equal(seen(bed, 0).wanted, 0);
}

static void nothing_is_sent_for_what_changed_its_mind_in_one_turn(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, seen(bed, 0).registered == 2);
    forget_requests(bed, 0);
    unwant(bed, "/a");
    want(bed, "/a");
    want(bed, "/c");
    unwant(bed, "/c");
    turns(bed);
    assert_int_equal(bed->peers[0]->all.len, 0);
    assert_int_equal(seen(bed, 0).registered, 2);
}

static void nothing_is_sent_before_the_start_or_for_no_resource(void **state)
{
    struct bed *bed = *state;

    make(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/b");
    unwant(bed, "/b");
    turns(bed);
    assert_int_equal(bed->peers[0]->requests, 0);
    want(bed, "");
    unwant(bed, "");
    assert_int_equal(seen(bed, 0).wanted, 1);
    gn_registrar_start(bed->registrar);
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    assert_int_equal(news(bed, 0), 1);
}

static void what_is_wanted_again_during_its_delete_ends_registered(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/b");
    for (int others = 1; others >= 0; others--) { /* DELETE of one, then of all */
        WAIT_FOR(bed, seen(bed, 0).registered == (unsigned)others + 1);
        forget_requests(bed, 0);
        bed->rows[0][SUBSCRIPTION].answer = NULL;
        unwant(bed, "/a");
        WAIT_FOR(bed, deletes(bed, 0) == 1);
        want(bed, "/a");
        turns(bed);
        assert_int_equal(news(bed, 0), 0); /* a DELETE goes alone */
        bed->rows[0][SUBSCRIPTION].answer = OK;
        answer_held(bed, 0, OK);
        WAIT_FOR(bed, seen(bed, 0).registered == (unsigned)others + 1);
        assert_int_equal(deletes(bed, 0), 1);
        assert_true(count_in(&bed->peers[0]->all, "Ce-Source: /a\r\n") >= 1);
        if (others == 1) {
            unwant(bed, "/b");
            WAIT_FOR(bed, deletes(bed, 0) == 2);
        }
    }
}

static void what_is_unwanted_during_its_registration_is_deleted_behind_it(void **state)
{
    struct bed *bed = *state;

    make(bed, &patient, 1);
    bed->rows[0][SUBSCRIPTION].answer = NULL;
    gn_registrar_start(bed->registrar);
    want(bed, "/a");
    WAIT_FOR(bed, news(bed, 0) == 1);
    unwant(bed, "/a");
    turns(bed);
    assert_int_equal(deletes(bed, 0), 0);
    bed->rows[0][SUBSCRIPTION].answer = OK;
    answer_held(bed, 0, OK);
    WAIT_FOR(bed, deletes(bed, 0) == 1);
    turns(bed);
    assert_int_equal(news(bed, 0), 1);
    assert_int_equal(gn_registrar_active(bed->registrar), 0);
}

static void no_more_calls_than_allowed_are_under_way_with_one_publisher(void **state)
{
    static const char *const resources[] = {"/1", "/2", "/3", "/4", "/5", "/6"};
    struct bed *bed = *state;

    make(bed, &patient, 1);
    bed->rows[0][SUBSCRIPTION].answer = NULL;
    gn_registrar_start(bed->registrar);
    for (size_t i = 0; i < GN_LEN(resources); i++)
        want(bed, resources[i]);
    WAIT_FOR(bed, news(bed, 0) == GN_REGISTRAR_CALLS_MAX);
    turns(bed);
    assert_int_equal(news(bed, 0), GN_REGISTRAR_CALLS_MAX);
    bed->rows[0][SUBSCRIPTION].answer = OK;
    answer_held(bed, 0, OK);
    WAIT_FOR(bed, seen(bed, 0).registered == GN_LEN(resources));
    assert_int_equal(news(bed, 0), GN_LEN(resources));
}

/* ---- publishers in trouble ---- */

static void go_down(struct bed *bed, int peer)
{
    bed->rows[peer][HEALTH] = (struct peer_row){"/health", "", 0, true};
    bed->rows[peer][SUBSCRIPTION] = (struct peer_row){"/subscription", "", 0, true};
}

static void go_up(struct bed *bed, int peer)
{
    bed->rows[peer][HEALTH] = (struct peer_row){"/health", OK, 0, false};
    bed->rows[peer][SUBSCRIPTION] = (struct peer_row){"/subscription", OK, 0, false};
}

static void a_publisher_down_at_first_is_registered_with_once_it_is_up(void **state)
{
    struct bed *bed = *state;

    go_down(bed, 0);
    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    WAIT_FOR(bed, probes(bed, 0) >= 6); /* more than it takes to reach retry_max_ms */
    assert_false(seen(bed, 0).is_reachable);
    assert_string_not_equal(seen(bed, 0).last_error, "");
    assert_true(prints(bed, "gurnard_publishers_lost 1"));
    want(bed, "/b");
    go_up(bed, 0);
    WAIT_FOR(bed, seen(bed, 0).registered == 2);
    turns(bed);
    assert_true(seen(bed, 0).is_reachable);
    assert_string_equal(seen(bed, 0).last_error, "");
    assert_true(prints(bed, "gurnard_publishers_lost 0"));
}

static void a_publisher_that_comes_back_is_told_all_again_at_once(void **state)
{
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;

    config.health_ms = 1;
    make_and_start(bed, &config, 1);
    want(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, seen(bed, 0).registered == 2);
    go_down(bed, 0);
    WAIT_FOR(bed, !seen(bed, 0).is_reachable);
    turns(bed);
    forget_requests(bed, 0);
    go_up(bed, 0);
    WAIT_FOR(bed, news(bed, 0) == 2);
    WAIT_FOR(bed, seen(bed, 0).is_reachable);
}

static void everything_is_renewed_now_and_then(void **state)
{
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;

    config.renew_ms = 20;
    make_and_start(bed, &config, 1);
    want(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, news(bed, 0) >= 6);
    assert_int_equal(seen(bed, 0).registered, 2);
    assert_int_equal(deletes(bed, 0), 0);
}

static void a_slow_publisher_delays_no_other(void **state)
{
    struct bed *bed = *state;

    bed->rows[0][HEALTH].answer = NULL;
    bed->rows[0][SUBSCRIPTION].answer = NULL;
    make_and_start(bed, &patient, 2);
    want(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, seen(bed, 1).registered == 2);
    unwant(bed, "/b");
    WAIT_FOR(bed, deletes(bed, 1) == 1 && seen(bed, 1).registered == 1);
    assert_int_equal(seen(bed, 0).registered, 0);
    assert_int_equal(deletes(bed, 0), 0);
}

static void a_publisher_in_trouble_is_tried_again_for_good(void **state)
{
    struct bed *bed = *state;

    bed->rows[0][SUBSCRIPTION].answer = BUSY;
    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    WAIT_FOR(bed, news(bed, 0) >= 10);
    assert_true(seen(bed, 0).is_reachable);
    assert_string_equal(seen(bed, 0).last_error, "HTTP status 503");
    bed->rows[0][SUBSCRIPTION].answer = OK;
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    assert_true(prints(bed, "gurnard_registrations_total{result=\"ok\"} 1"));
}

static void a_refusal_does_not_keep_other_resources_back(void **state)
{
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;

    config.retry_min_ms = HOUR_MS;
    config.retry_max_ms = HOUR_MS;
    bed->rows[0][SUBSCRIPTION].answer = REFUSED;
    make_and_start(bed, &config, 1);
    want(bed, "/a");
    WAIT_FOR(bed, prints(bed, "gurnard_registrations_total{result=\"failed\"} 1"));
    bed->rows[0][SUBSCRIPTION].answer = OK;
    want(bed, "/b");
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    assert_int_equal(news(bed, 0), 2);
    unwant(bed, "/a"); /* was never taken */
    turns(bed);
    assert_int_equal(deletes(bed, 0), 0);
}

static void what_was_refused_is_tried_again(void **state)
{
    struct bed *bed = *state;

    bed->rows[0][SUBSCRIPTION].answer = REFUSED;
    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, news(bed, 0) >= 10);
    bed->rows[0][SUBSCRIPTION].answer = OK;
    WAIT_FOR(bed, seen(bed, 0).registered == 2);
}

static void a_delete_that_is_refused_is_given_up(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, seen(bed, 0).registered == 2);
    forget_requests(bed, 0);
    bed->rows[0][SUBSCRIPTION].answer = NULL;
    unwant(bed, "/a");
    WAIT_FOR(bed, deletes(bed, 0) == 1);
    bed->rows[0][SUBSCRIPTION].answer = OK;
    answer_held(bed, 0, REFUSED);
    WAIT_FOR(bed, seen(bed, 0).registered == 1);
    turns(bed);
    assert_int_equal(deletes(bed, 0), 1);
}

static void a_delete_that_fails_is_repeated_behind_the_others(void **state)
{
    struct bed *bed = *state;
    const char *last_delete;

    make_and_start(bed, &patient, 1);
    want(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, seen(bed, 0).registered == 2);
    forget_requests(bed, 0);
    bed->rows[0][SUBSCRIPTION].answer = NULL;
    unwant(bed, "/a");
    WAIT_FOR(bed, deletes(bed, 0) == 1);
    bed->rows[0][SUBSCRIPTION].answer = OK;
    answer_held(bed, 0, BUSY);
    WAIT_FOR(bed, deletes(bed, 0) == 2 && seen(bed, 0).registered == 1);
    turns(bed);
    assert_int_equal(deletes(bed, 0), 2);
    assert_int_equal(news(bed, 0), 2);
    last_delete = strstr(strstr(bed->peers[0]->all.data, "DELETE") + 1, "DELETE");
    assert_true(strstr(bed->peers[0]->all.data, "NEW") < last_delete);
    assert_non_null(strstr(last_delete, "NEW"));
}

static void an_url_that_is_none_is_seen_as_lost(void **state)
{
    static const char *const urls[] = {"ftp://elsewhere"};
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;

    config.publishers = urls;
    config.publisher_count = 1;
    bed->registrar = gn_registrar_new(&config, bed->loop, bed->client, bed->metrics);
    want(bed, "/a");
    gn_registrar_start(bed->registrar);
    turns(bed);
    assert_false(seen(bed, 0).is_reachable);
    assert_string_not_equal(seen(bed, 0).last_error, "");
    assert_int_equal(gn_registrar_active(bed->registrar), 0);
}

static void equal_publishers_count_once_and_we_not_at_all(void **state)
{
    static const char *const urls[] = {
        "http://a:1", "a:1", "http://a:1/", "", OWN, "localhost:9046/", "https://a:1", "b.example",
    };
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;

    config.publishers = urls;
    config.publisher_count = GN_LEN(urls);
    bed->registrar = gn_registrar_new(&config, bed->loop, bed->client, bed->metrics);
    assert_int_equal(gn_registrar_publisher_count(bed->registrar), 3);
    assert_string_equal(seen(bed, 0).url, "http://a:1");
    assert_string_equal(seen(bed, 1).url, "https://a:1");
    assert_string_equal(seen(bed, 2).url, "http://b.example");
    assert_true(gn_registrar_has_publishers(bed->registrar));
    assert_true(prints(bed, "gurnard_publishers 3"));
}

static void what_is_under_way_ends_with_stop(void **state)
{
    struct bed *bed = *state;

    bed->rows[0][SUBSCRIPTION].answer = NULL;
    bed->rows[1][HEALTH].answer = NULL;
    make_and_start(bed, &patient, 2);
    want(bed, "/a");
    WAIT_FOR(bed, news(bed, 0) == 1 && probes(bed, 1) == 1 && seen(bed, 1).registered == 1);
    gn_registrar_stop(bed->registrar);
    unwant(bed, "/a");
    want(bed, "/b");
    WAIT_FOR(bed, gn_registrar_active(bed->registrar) == 0);
    turns(bed);
    assert_int_equal(deletes(bed, 1), 0);
    assert_int_equal(news(bed, 1), 1);
}

static void each_fact_is_logged_once(void **state)
{
    static const struct {
        const char *part;
        size_t count;
    } rows[] = {
        {"registrar.registered ", 2}, {"resources=2", 2},     {"registrar.lost ", 1},
        {"registrar.back ", 1},       {"registrar.left ", 1},
    };
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;
    struct gn_buf text = GN_BUF_INIT;
    char chunk[8192];
    ssize_t got;
    int fds[2];

    config.health_ms = 1;
    config.renew_ms = 50;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    gn_log_init(GN_LOG_INFO, GN_LOG_TEXT, fds[1]);
    make(bed, &config, 1);
    want(bed, "/a");
    want(bed, "/b");
    gn_registrar_start(bed->registrar);
    WAIT_FOR(bed, news(bed, 0) >= 6); /* with renewals */
    go_down(bed, 0);
    WAIT_FOR(bed, !seen(bed, 0).is_reachable);
    forget_requests(bed, 0);
    WAIT_FOR(bed, probes(bed, 0) >= 5);
    go_up(bed, 0);
    forget_requests(bed, 0);
    WAIT_FOR(bed, seen(bed, 0).is_reachable && news(bed, 0) >= 4);
    unwant(bed, "/a");
    unwant(bed, "/b");
    WAIT_FOR(bed, deletes(bed, 0) == 1);
    turns(bed);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    while ((got = read(fds[0], chunk, sizeof chunk)) > 0)
        gn_buf_add(&text, chunk, (size_t)got);
    close(fds[0]);
    close(fds[1]);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(count_in(&text, rows[i].part), rows[i].count);
    gn_buf_free(&text);
}

/* ---- any history ---- */

#define NAMES 6 /* resources /0 ... */

/* A publisher of the old kind, that takes a DELETE for all resources. */
struct model {
    bool knows[NAMES];
    size_t read; /* bytes of the requests */
};

/* Reads what has come since the last time. */
static void model_read(struct model *model, const struct gn_buf *all)
{
    const char *at = all->len > 0 ? all->data + model->read : "";

    while ((at = strstr(at, "Ce-Source: ")) != NULL) {
        const char *subject = strstr(at, "Ce-Subject: ") + 12;

        if (strncmp(subject, "DELETE", 6) == 0)
            memset(model->knows, 0, sizeof model->knows);
        else
            model->knows[at[12] - '0'] = true;
        at = subject;
    }
    model->read = all->len;
}

static bool model_is(const struct model *model, const unsigned *wishes)
{
    for (int i = 0; i < NAMES; i++) {
        if (model->knows[i] != (wishes[i] > 0))
            return false;
    }
    return true;
}

/* One random step: a wish, or how the publisher answers from now on. Returns whether what it
 * answers so was taken. */
static bool step(struct bed *bed, unsigned *wishes, unsigned dice, bool was_taken)
{
    static const struct peer_row answers[] = {
        {"/subscription", OK, 0, false},
        {"/subscription", OK, 0, false},
        {"/subscription", BUSY, 0, false},
        {"/subscription", "", 0, true}, /* taken, but nobody hears of it */
    };
    unsigned name = dice % NAMES;
    char resource[] = {'/', (char)('0' + name), '\0'};
    bool is_down = dice / 64 % 8 == 0;
    unsigned answer = dice / 1024 % GN_LEN(answers);

    if (dice / NAMES % 2 == 0) {
        want(bed, resource);
        wishes[name]++;
    } else if (wishes[name] > 0) {
        unwant(bed, resource);
        wishes[name]--;
    }
    if (dice / 32 % 2 == 0)
        return was_taken;
    bed->rows[0][HEALTH] = (struct peer_row){"/health", is_down ? "" : OK, 0, is_down};
    bed->rows[0][SUBSCRIPTION] = answers[answer];
    return answer != 2;
}

static void after_any_history_a_publisher_knows_what_is_wanted(void **state)
{
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;
    struct model model = {{false}, 0};
    unsigned wishes[NAMES] = {0};
    bool is_taken = true;
    uint32_t dice = 1;

    config.health_ms = 3;
    make_and_start(bed, &config, 1);
    for (int i = 1; i <= 2000; i++) {
        dice = dice * 1664525 + 1013904223;
        is_taken = step(bed, wishes, dice >> 8, is_taken);
        assert_int_equal(gn_loop_turn(bed->loop, dice >> 30), GN_OK);
        if (is_taken)
            model_read(&model, &bed->peers[0]->all);
        model.read = bed->peers[0]->all.len;
        if (i % 100 != 0)
            continue;
        go_up(bed, 0);
        is_taken = true;
        for (uint64_t until_ms = gn_clock_mono_ms() + WAIT_MS;
             !(model_is(&model, wishes) && gn_registrar_active(bed->registrar) == 0 &&
               seen(bed, 0).registered == seen(bed, 0).wanted);
             model_read(&model, &bed->peers[0]->all)) {
            assert_true(gn_clock_mono_ms() < until_ms);
            turn(bed);
        }
    }
}

/* ---- CurrentState ---- */

static void on_state(void *ctx, const struct gn_registrar_state *state)
{
    struct bed *bed = ctx;

    bed->ends++;
    bed->state_err = state->err;
    (void)snprintf(bed->state_body, sizeof bed->state_body, "%.*s", (int)state->body.len,
                   state->body.len > 0 ? state->body.p : "");
}

static struct gn_registrar_query *start_ask(struct bed *bed, const char *resource)
{
    struct gn_registrar_query *query = NULL;

    bed->ends = 0;
    assert_int_equal(gn_registrar_ask(bed->registrar, gn_str_of(resource), on_state, bed, &query),
                     GN_OK);
    assert_non_null(query);
    assert_int_equal(bed->ends, 0);
    return query;
}

static enum gn_err ask(struct bed *bed, const char *resource)
{
    (void)start_ask(bed, resource);
    WAIT_FOR(bed, bed->ends > 0);
    turns(bed);
    assert_int_equal(bed->ends, 1);
    return bed->state_err;
}

static void the_first_publisher_that_knows_the_state_answers(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 2);
    bed->rows[0][STATE_ROW].answer = NULL; /* is not waited for */
    assert_int_equal(ask(bed, "/a"), GN_OK);
    assert_string_equal(bed->state_body, "hello");
    bed->rows[0][STATE_ROW].answer = GONE;
    bed->rows[1][STATE_ROW].answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nany";
    assert_int_equal(ask(bed, "/a"), GN_OK);
    assert_string_equal(bed->state_body, "any");
}

static void the_resource_stands_encoded_in_the_path(void **state)
{
    static const struct {
        const char *resource, *path;
    } rows[] = {
        {"/a", "/a/" OWN_ID "/CurrentState"},
        {"a", "/a/" OWN_ID "/CurrentState"},
        {"/a b?c#d%/\xc3\xa9", "/a%20b%3Fc%23d%25/%C3%A9/" OWN_ID "/CurrentState"},
        {"/x:@!$&'()*+,;=-._~", "/x:@!$&'()*+,;=-._~/" OWN_ID "/CurrentState"},
    };
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        bed->rows[0][STATE_ROW].path = rows[i].path;
        assert_int_equal(ask(bed, rows[i].resource), GN_OK);
    }
}

static void without_the_state_the_last_refusal_is_told(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 2);
    bed->rows[0][STATE_ROW].answer = GONE;
    bed->rows[1][STATE_ROW] = (struct peer_row){bed->rows[1][STATE_ROW].path, "", 0, true};
    assert_int_equal(ask(bed, "/a"), GN_ENOTFOUND);
    assert_string_equal(bed->state_body, "gone");
}

static void who_does_not_answer_in_time_is_a_timeout(void **state)
{
    struct gn_registrar_config config = patient;
    struct bed *bed = *state;

    config.status_ms = 30;
    make_and_start(bed, &config, 2);
    bed->rows[0][STATE_ROW].answer = NULL;
    bed->rows[1][STATE_ROW].answer = GONE;
    assert_int_equal(ask(bed, "/a"), GN_ETIMEOUT);
    assert_string_equal(bed->state_body, "");
}

static void who_cannot_be_reached_is_no_connection(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 1);
    bed->rows[0][STATE_ROW] = (struct peer_row){bed->rows[0][STATE_ROW].path, "", 0, true};
    assert_int_equal(ask(bed, "/a"), GN_ECONN);
}

static void without_publishers_there_is_nothing_to_do(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 0);
    assert_false(gn_registrar_has_publishers(bed->registrar));
    want(bed, "/a");
    unwant(bed, "/a");
    assert_int_equal(ask(bed, "/a"), GN_ECONN);
    gn_registrar_forget(start_ask(bed, "/a"));
    turns(bed);
    assert_int_equal(bed->ends, 0);
    assert_int_equal(gn_registrar_active(bed->registrar), 0);
}

static void a_forgotten_query_ends_in_silence(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 2);
    WAIT_FOR(bed, seen(bed, 0).is_reachable && seen(bed, 1).is_reachable);
    bed->rows[0][STATE_ROW].answer = NULL;
    gn_registrar_forget(start_ask(bed, "/a"));
    WAIT_FOR(bed, gn_registrar_active(bed->registrar) == 0);
    assert_int_equal(bed->ends, 0);
}

static void a_query_is_cancelled_by_stop_in_a_later_turn(void **state)
{
    struct bed *bed = *state;

    make_and_start(bed, &patient, 2);
    bed->rows[0][STATE_ROW].answer = NULL;
    bed->rows[1][STATE_ROW].answer = NULL;
    (void)start_ask(bed, "/a");
    turns(bed);
    gn_registrar_stop(bed->registrar);
    assert_int_equal(bed->ends, 0);
    WAIT_FOR(bed, gn_registrar_active(bed->registrar) == 0);
    assert_int_equal(bed->ends, 1);
    assert_int_equal(bed->state_err, GN_ECANCELED);
    assert_int_equal(ask(bed, "/a"), GN_ECANCELED); /* behind it too */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_resource_is_registered_as_the_original_does),
        T(strange_bytes_of_a_resource_are_encoded),
        T(the_last_resource_takes_leave_of_all),
        T(one_resource_leaves_and_the_others_are_registered_again),
        T(subscriptions_to_one_resource_are_counted),
        T(nothing_is_sent_for_what_changed_its_mind_in_one_turn),
        T(nothing_is_sent_before_the_start_or_for_no_resource),
        T(what_is_wanted_again_during_its_delete_ends_registered),
        T(what_is_unwanted_during_its_registration_is_deleted_behind_it),
        T(no_more_calls_than_allowed_are_under_way_with_one_publisher),
        T(a_publisher_down_at_first_is_registered_with_once_it_is_up),
        T(a_publisher_that_comes_back_is_told_all_again_at_once),
        T(everything_is_renewed_now_and_then),
        T(a_slow_publisher_delays_no_other),
        T(a_publisher_in_trouble_is_tried_again_for_good),
        T(a_refusal_does_not_keep_other_resources_back),
        T(what_was_refused_is_tried_again),
        T(a_delete_that_is_refused_is_given_up),
        T(a_delete_that_fails_is_repeated_behind_the_others),
        T(an_url_that_is_none_is_seen_as_lost),
        T(equal_publishers_count_once_and_we_not_at_all),
        T(what_is_under_way_ends_with_stop),
        T(each_fact_is_logged_once),
        T(after_any_history_a_publisher_knows_what_is_wanted),
        T(the_first_publisher_that_knows_the_state_answers),
        T(the_resource_stands_encoded_in_the_path),
        T(without_the_state_the_last_refusal_is_told),
        T(who_does_not_answer_in_time_is_a_timeout),
        T(who_cannot_be_reached_is_no_connection),
        T(without_publishers_there_is_nothing_to_do),
        T(a_forgotten_query_ends_in_silence),
        T(a_query_is_cancelled_by_stop_in_a_later_turn),
    };
#undef T

    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
