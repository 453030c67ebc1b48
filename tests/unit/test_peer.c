/* The transport listener, asked over a socket as other proxies ask it, with end points that the
 * test plays. */
#include "api_bed.h"

#include "gurnard/api/peer.h"
#include "gurnard/base/file.h"

#define SERVICE "http://localhost:9043"
#define CLIENT  "a31e8e45-5c86-3f28-ba1b-09f5084ca515" /* UUIDv3 of http://localhost:9044 */
#define OWN     "4c0530bf-23bc-39b8-99f7-c4466bb2a01c" /* UUIDv3 of SERVICE */
#define OTHER   "d38a522f-39a1-381e-9322-1513834b4f6e"
#define SUB     "6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b11"
#define NEWS    "/cluster/node/n1/news"

#define ENTRY(id, resource)                                                                        \
    "\"" id "\":{\"id\":\"" id "\",\"endpointUri\":null,\"uriLocation\":null,\"resource\":"        \
    "\"" resource "\"}"
#define SUBSCRIBER(client, store, end_point, action)                                               \
    "{\"clientID\":\"" client "\",\"subStore\":{\"store\":{" store "}},\"endPointURI\":"           \
    "\"" end_point "\",\"status\":0,\"action\":" action "}"
#define HERE "http://127.0.0.1:$P"

#define BINARY(subject)                                                                            \
    "Ce-Id: 1\r\nCe-Source: " NEWS "\r\nCe-Specversion: 0.3\r\nCe-Type: SUBSCRIBER\r\n"            \
    "Content-Type: application/json\r\nCe-Subject: " subject "\r\n"

static const struct peer_row end_points[] = {
    {"/event", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/app", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/old/event", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false},
    {0},
};

struct place {
    struct bed *bed;
    struct gn_peer *peer;
};

static struct place *place_new(const struct bed_config *config, uint64_t client_expire_ms)
{
    struct place *place = calloc(1, sizeof *place);
    const struct gn_peer_config peer = {SERVICE, client_expire_ms};
    struct gn_peer_parts parts;
    struct bed *bed;

    assert_non_null(place);
    bed = bed_new(config, end_points);
    parts = (struct gn_peer_parts){bed->loop,  bed->clients, bed->pubsub,  bed->journal,
                                   bed->relay, bed->outbox,  bed->metrics, bed->cne};
    place->bed = bed;
    place->peer = gn_peer_new(&peer, &parts);
    assert_non_null(place->peer);
    bed->handler = gn_peer_on_request;
    bed->handler_ctx = place->peer;
    return place;
}

static void on_flushed(void *ctx, enum gn_err err)
{
    (void)err;
    *(bool *)ctx = true;
}

static void place_free(struct place *place)
{
    bool is_flushed = false;

    gn_peer_stop(place->peer);
    assert_int_equal(gn_clients_commit(place->bed->clients, on_flushed, &is_flushed), GN_OK);
    while (!is_flushed)
        bed_turn(place->bed);
    gn_peer_free(place->peer);
    bed_free(place->bed);
    free(place);
}

static int setup(void **state)
{
    *state = place_new(&bed_plain, 0);
    return 0;
}

static int teardown(void **state)
{
    place_free(*state);
    return 0;
}

static int send_to(struct bed *bed, const char *method, const char *path, const char *headers,
                   const char *body)
{
    asker_start(bed, &bed->asker, method, path, headers,
                gn_str_of(body == NULL ? NULL : bed_with_port(bed, body)));
    asker_finish(bed, &bed->asker);
    return bed->asker.status;
}

/* POSTs to /subscription and expects 200 without body. */
static void announce(struct bed *bed, const char *headers, const char *body)
{
    (void)send_to(bed, "POST", "/subscription", headers, body);
    assert_answer(bed, 200, "");
}

static const struct gn_client_sub *find(struct bed *bed, const char *client, const char *resource)
{
    struct gn_client *found = gn_clients_find(bed->clients, gn_str_of(client));

    return found == NULL ? NULL : gn_clients_find_resource(found, gn_str_of(resource));
}

static void add_publisher(struct bed *bed, const char *resource)
{
    struct gn_pubsub_item *item;

    assert_int_equal(gn_pubsub_add(bed->pubsub, GN_PUBLISHER, gn_str_of(resource), GN_STR_NONE,
                                   "http://h/", &item),
                     GN_OK);
}

static void assert_series(struct bed *bed, const char *line)
{
    struct gn_buf text = GN_BUF_INIT;

    gn_metrics_print(bed->metrics, &text);
    if (strstr(text.data, line) == NULL)
        fail_msg("no %s", line);
    gn_buf_free(&text);
}

/* ---- health and routes ---- */

static void health_is_answered_to_any_method(void **state)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "OPTIONS"};
    struct place *place = *state;
    struct bed *bed = place->bed;

    for (size_t i = 0; i < GN_LEN(methods); i++) {
        (void)send_to(bed, methods[i], "/health", "", NULL);
        assert_answer(bed, 200, "{\"ok\":true}\n");
        assert_string_equal(bed_header(bed, "Content-Type: "), "text/plain; charset=utf-8");
    }
}

static void wrong_methods_and_paths_are_refused(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        {"GET", "/event", 405},
        {"GET", "/subscription", 405},
        {"DELETE", "/event", 405},
        {"OPTIONS", "/subscription", 405},
        {"POST", NEWS "/" CLIENT "/CurrentState", 405},
        {"GET", "/", 404},
        {"GET", "/event/", 404},
        {"GET", "/x", 404},
        {"GET", "/CurrentState", 404},
        {"GET", "/" CLIENT "/CurrentState", 404},
        {"GET", "/a%zz/" CLIENT "/CurrentState", 404},
    };
    struct place *place = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++)
        if (send_to(place->bed, rows[i].method, rows[i].path, "", NULL) != rows[i].status)
            fail_msg("%s %s: %d", rows[i].method, rows[i].path, place->bed->asker.status);
}

static void what_is_no_cloud_event_is_refused(void **state)
{
    static const struct {
        const char *headers, *body;
        int status;
        const char *want;
    } rows[] = {
        {"", "{}", 415, ""},
        {"Content-Type: application/json\r\n", "{}", 415, ""},
        {"Content-Type: application/cloudevents+xml\r\n", "<a/>", 415, ""},
        {"Content-Type: application/cloudevents-batch+json\r\n", "[]", 415, ""},
        {"Ce-Specversion: 0.1\r\n", "{}", 415, ""},
        {"Ce-Specversion: 0.3\r\nCe-Id: 1\r\nCe-Type: t\r\n", "{}", 400, "source: REQUIRED\n"},
        {"Content-Type: application/cloudevents+json\r\n", "{", 400, NULL},
    };
    static const char *const paths[] = {"/event", "/subscription"};
    struct place *place = *state;
    struct bed *bed = place->bed;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        for (size_t k = 0; k < GN_LEN(paths); k++) {
            if (send_to(bed, "POST", paths[k], rows[i].headers, rows[i].body) != rows[i].status)
                fail_msg("%zu: %d %s", i, bed->asker.status, bed->asker.body);
            if (rows[i].want != NULL)
                assert_string_equal(bed->asker.body, rows[i].want);
            if (rows[i].status == 400)
                assert_string_equal(bed_header(bed, "Content-Type: "), "text/plain; charset=utf-8");
        }
    }
}

static void a_stopped_listener_puts_everything_off(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    gn_peer_stop(place->peer);
    assert_int_equal(send_to(bed, "POST", "/subscription", BINARY("NEW"), "{}"), 503);
    assert_string_equal(bed_header(bed, "Retry-After: "), "5");
    assert_int_equal(send_to(bed, "POST", "/event", BINARY("NEW"), "{}"), 503);
    assert_int_equal(send_to(bed, "GET", NEWS "/" CLIENT "/CurrentState", "", NULL), 503);
    assert_int_equal(send_to(bed, "GET", "/health", "", NULL), 200);
}

/* ---- registration ---- */

static void a_registration_of_the_original_is_kept(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;
    const struct gn_client_sub *sub;
    struct gn_buf text = GN_BUF_INIT;
    char path[128];

    announce(bed,
             "Ce-Id: 9b2f1c02-7d0c-4f0b-a3f8-0d2b5a1f1d11\r\nCe-Source: " NEWS
             "\r\nCe-Specversion: 0.3\r\nCe-Subject: NEW\r\nCe-Time: "
             "2026-11-21T03:49:30.136201331Z\r\n"
             "Ce-Type: SUBSCRIBER\r\nContent-Type: application/json\r\n",
             SUBSCRIBER(CLIENT, ENTRY(SUB, NEWS), "http://localhost:9044", "0"));
    sub = find(bed, CLIENT, NEWS);
    assert_non_null(sub);
    assert_string_equal(sub->id, SUB);
    assert_string_equal(sub->client->end_point, "http://localhost:9044");
    assert_int_equal(sub->client->kind, GN_CLIENT_PROXY);
    (void)snprintf(path, sizeof path, "%s/%s.json", bed->folder, CLIENT);
    assert_int_equal(gn_file_read(path, 65536, &text), GN_OK); /* it was answered afterwards */
    assert_non_null(strstr(text.data, SUB));
    gn_buf_free(&text);
    assert_series(bed, "cne_transport_sender{address=\"" CLIENT "\",status=\"active\"} 1");
}

static void every_encoding_and_spelling_of_a_registration_is_taken(void **state)
{
    static const struct {
        const char *method, *path, *headers, *body;
    } rows[] = {
        {"POST", "/subscription", "Content-Type: application/cloudevents+json\r\n",
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/x\",\"type\":\"SUBSCRIBER\","
         "\"subject\":\"NEW\",\"data\":" SUBSCRIBER(CLIENT, ENTRY(SUB, "/x"), "http://h:1",
                                                    "0") "}"},
        {"PUT", "//subscription", BINARY("new"),
         SUBSCRIBER(CLIENT, ENTRY(SUB, "/x"), "http://h:1", "2")},
        {"PATCH", "/subscription", BINARY("other"),
         SUBSCRIBER(CLIENT, ENTRY(SUB, "/x"), "https://h:1/", "0")},
        {"POST", "/subscription", BINARY(""),
         "{\"ClientId\":\"A31E8E45-5C86-3F28-BA1B-09F5084CA515\",\"SubStore\":{\"STORE\":{\"" SUB
         "\":{\"Resource\":\"/x\"}}},\"endpointUri\":\"http://h:1\"}"},
        {"POST", "/subscription", BINARY("NEW"),
         "{\"clientID\":\"" CLIENT "\",\"endPointURI\":\"http://h:1\",\"subStore\":{\"store\":{"
         "\"k\":{\"SubscriptionId\":\"" SUB "\",\"ResourceAddress\":\"/x\"}}}}"},
    };
    struct place *place = *state;
    struct bed *bed = place->bed;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_client_sub *sub;

        (void)send_to(bed, rows[i].method, rows[i].path, rows[i].headers, rows[i].body);
        assert_answer(bed, 200, "");
        sub = find(bed, CLIENT, "/x");
        if (sub == NULL)
            fail_msg("row %zu was not kept", i);
        assert_string_equal(sub->id, SUB);
        announce(bed, BINARY("DELETE"), SUBSCRIBER(CLIENT, "", "", "2"));
        assert_null(find(bed, CLIENT, "/x"));
    }
}

static void registrations_are_merged_by_resource(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "0"));
    announce(bed, BINARY("NEW"),
             SUBSCRIBER(CLIENT, ENTRY("2", "/a") "," ENTRY("3", "/b"), "http://h:1", "0"));
    announce(bed, BINARY("NEW"), SUBSCRIBER(OTHER, ENTRY("1", "/a"), "http://h:2", "0"));
    assert_string_equal(find(bed, CLIENT, "/a")->id, "1");
    assert_string_equal(find(bed, CLIENT, "/b")->id, "3");
    assert_non_null(find(bed, OTHER, "/a"));
    assert_int_equal(gn_clients_sub_count(bed->clients, GN_CLIENT_PROXY), 3);
    assert_int_equal(gn_clients_count(bed->clients, GN_CLIENT_PROXY), 2);
}

static void an_id_that_stands_for_two_resources_is_replaced(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "0"));
    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", "/b"), "http://h:1", "0"));
    assert_string_equal(find(bed, CLIENT, "/a")->id, "1");
    assert_string_not_equal(find(bed, CLIENT, "/b")->id, "1");
}

static void what_cannot_be_used_is_answered_200_and_not_kept(void **state)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "5",
        "{\"clientID\":\"mine\"}",
        SUBSCRIBER("mine", ENTRY("1", "/a"), "http://h:1", "0"),
        "{\"clientID\":\"" CLIENT "\",\"endPointURI\":\"http://h:1\"}",
        "{\"clientID\":\"" CLIENT "\",\"endPointURI\":\"http://h:1\",\"subStore\":{\"store\":[]}}",
        "{\"clientID\":\"" CLIENT "\",\"endPointURI\":\"http://h:1\",\"subStore\":{\"store\":{"
        "\"a\":5,\"b\":{},\"c\":{\"resource\":7}}}}",
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "", "0"),
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "localhost:9044", "0"),
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "amqp://h", "0"),
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://user:secret@h:1", "0"),
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1/x?a=b", "0"),
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "1"),
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "\"NEW\""),
        SUBSCRIBER(OWN, ENTRY("1", "/a"), "http://h:1", "0"),
        SUBSCRIBER("4C0530BF-23BC-39B8-99F7-C4466BB2A01C", ENTRY("1", "/a"), "http://h:1", "0"),
        SUBSCRIBER(CLIENT, ENTRY("1", "/a"), SERVICE, "0"),
        SUBSCRIBER(CLIENT, ENTRY("1", "delete-all-subscriptions"), "http://h:1", "0"),
    };
    struct place *place = *state;

    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        announce(place->bed, BINARY("x"), bodies[i]);
        if (gn_clients_count(place->bed->clients, GN_CLIENT_PROXY) != 0)
            fail_msg("kept: %s", bodies[i]);
    }
}

static void too_many_subscriptions_at_once_are_not_kept(void **state)
{
    struct place *place = *state;
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_puts(&body, "{\"clientID\":\"" CLIENT "\",\"endPointURI\":\"http://h:1\",\"subStore\":{"
                       "\"store\":{");
    for (int i = 0; i <= 1024; i++)
        gn_buf_printf(&body, "%s\"%d\":{\"resource\":\"/%d\"}", i == 0 ? "" : ",", i, i);
    gn_buf_puts(&body, "}}}");
    asker_start(place->bed, &place->bed->asker, "POST", "/subscription", BINARY("NEW"),
                gn_buf_str(&body));
    asker_finish(place->bed, &place->bed->asker);
    assert_answer(place->bed, 200, "");
    assert_int_equal(gn_clients_count(place->bed->clients, GN_CLIENT_PROXY), 0);
    gn_buf_free(&body);
}

static void what_cannot_be_stored_is_put_off(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s.json.tmp", bed->folder, CLIENT);
    assert_int_equal(mkdir(path, 0700), 0);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, -1); /* errors are expected here */
    assert_int_equal(send_to(bed, "POST", "/subscription", BINARY("NEW"),
                             SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "0")),
                     503);
    assert_string_equal(bed_header(bed, "Retry-After: "), "5");
    assert_int_equal(rmdir(path), 0);
    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "0"));
}

static void a_registration_that_waits_is_put_off_at_the_stop(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    asker_start(bed, &bed->asker, "POST", "/subscription", BINARY("NEW"),
                GN_STR(SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "0")));
    bed_wait_pending(bed, 1);
    gn_peer_stop(place->peer);
    asker_finish(bed, &bed->asker);
    assert_int_equal(bed->asker.status, 503);
}

/* ---- departure ---- */

static void a_departure_takes_what_it_should(void **state)
{
    static const struct {
        const char *headers, *store, *action;
        bool a_stays, b_stays;
    } rows[] = {
        {BINARY("DELETE"), ENTRY("1", "/a"), "2", false, false},
        {BINARY(""), ENTRY("1", "/a"), "2", false, false},
        {BINARY("DELETE"), "", "0", false, false},
        {BINARY("DELETE") "Gurnard-Partial: 1\r\n", ENTRY("1", "/a"), "2", false, true},
        {BINARY("DELETE") "Gurnard-Partial: 1\r\n", ENTRY("x", "/a") "," ENTRY("y", "/b"), "2",
         false, false},
        {BINARY("DELETE") "Gurnard-Partial: 1\r\n", ENTRY("1", "/c"), "2", true, true},
        {BINARY("DELETE") "Gurnard-Partial: 0\r\n", ENTRY("1", "/c"), "2", false, false},
        {BINARY("DELETE") "Gurnard-Partial: 1\r\n", ENTRY("", "/a"), "2", false, false},
        {BINARY("DELETE") "Gurnard-Partial: 1\r\n", ENTRY("1", "delete-all-subscriptions"), "2",
         false, false},
    };
    struct place *place = *state;
    struct bed *bed = place->bed;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char body[1024];

        announce(bed, BINARY("NEW"),
                 SUBSCRIBER(CLIENT, ENTRY("1", "/a") "," ENTRY("2", "/b"), "http://h:1", "0"));
        (void)snprintf(body, sizeof body, SUBSCRIBER(CLIENT, "%s", "http://h:1", "%s"),
                       rows[i].store, rows[i].action);
        announce(bed, rows[i].headers, body);
        if ((find(bed, CLIENT, "/a") != NULL) != rows[i].a_stays ||
            (find(bed, CLIENT, "/b") != NULL) != rows[i].b_stays)
            fail_msg("row %zu", i);
    }
}

static void a_departure_is_on_disk_and_in_the_gauge(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;
    char path[128];

    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", "/a"), "http://h:1", "0"));
    announce(bed, BINARY("DELETE"),
             SUBSCRIBER(CLIENT, ENTRY("", "delete-all-subscriptions"), "http://h:1", "2"));
    (void)snprintf(path, sizeof path, "%s/%s.json", bed->folder, CLIENT);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_series(bed, "cne_transport_sender{address=\"" CLIENT "\",status=\"active\"} 0");
    announce(bed, BINARY("DELETE"), SUBSCRIBER(OTHER, "", "http://h:1", "2")); /* a stranger */
}

/* ---- events out ---- */

#define DATA                                                                                       \
    "{\"version\":\"v1\",\"values\":[{\"resource\":\"/news\",\"dataType\":\"notification\","       \
    "\"valueType\":\"enumeration\",\"value\":\"LOCKED\"}]}"

/* Publishes under NEWS what the API of this daemon was given. */
static void publish(struct bed *bed, const char *id)
{
    const struct gn_relay_ce_source source = {.peer = GN_STR("192.0.2.1")};
    const struct gn_cloudevent event = {
        .version = GN_CE_1_0,
        .id = gn_str_of(id),
        .source = GN_STR(NEWS),
        .type = GN_STR("event.news"),
        .subject = GN_STR("/src"),
        .time = GN_STR("2026-11-21T03:49:30.5Z"),
        .kind = GN_CE_JSON,
        .data = GN_STR(DATA),
    };

    assert_int_equal(gn_relay_cloudevent(bed->relay, &source, &event), GN_OK);
}

static void wait_requests(struct bed *bed, unsigned count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (bed->peer->requests < count) {
        assert_true(gn_clock_mono_ms() < end_ms);
        bed_turn(bed);
    }
}

static void a_client_gets_events_as_binary_cloud_events(void **state)
{
    static const char *const lines[] = {
        "POST /event HTTP/1.1\r\n",
        "\r\nCe-Id: 1d1c5b3c-2f6a-4a5c-9d6b-0c7f6f2d8b11\r\n",
        "\r\nCe-Source: " NEWS "\r\n",
        "\r\nCe-Specversion: 0.3\r\n",
        "\r\nCe-Subject: /src\r\n",
        "\r\nCe-Time: 2026-11-21T03:49:30.5Z\r\n",
        "\r\nCe-Type: event.news\r\n",
        "\r\nContent-Type: application/json\r\n",
        "\r\n\r\n" DATA,
    };
    struct place *place = *state;
    struct bed *bed = place->bed;

    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", NEWS), HERE, "0"));
    publish(bed, "1d1c5b3c-2f6a-4a5c-9d6b-0c7f6f2d8b11");
    wait_requests(bed, 1);
    for (size_t i = 0; i < GN_LEN(lines); i++)
        if (strstr(bed->peer->last.data, lines[i]) == NULL)
            fail_msg("no %s in %s", lines[i], bed->peer->last.data);
}

static void a_client_that_has_moved_gets_events_at_its_new_place(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", NEWS), HERE "/old", "0"));
    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("2", NEWS), HERE, "0"));
    publish(bed, "1");
    wait_requests(bed, 1);
    assert_int_equal(strncmp(bed->peer->last.data, "POST /event ", 12), 0);
}

static void a_client_that_fails_too_long_is_removed(void **state)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;
    struct place *place;
    struct bed *bed;
    char body[512];
    uint16_t port;

    (void)state;
    place = place_new(&bed_plain, 100);
    bed = place->bed;
    close(peer_bind(&port)); /* nobody listens there */
    (void)snprintf(body, sizeof body,
                   SUBSCRIBER(CLIENT, ENTRY("1", NEWS), "http://127.0.0.1:%u", "0"), port);
    announce(bed, BINARY("NEW"), body);
    announce(bed, BINARY("NEW"), SUBSCRIBER(OTHER, ENTRY("1", NEWS), HERE, "0"));
    publish(bed, "1");
    while (find(bed, CLIENT, NEWS) != NULL) {
        assert_true(gn_clock_mono_ms() < end_ms);
        bed_turn(bed);
    }
    assert_non_null(find(bed, OTHER, NEWS));
    place_free(place);
}

/* ---- events in ---- */

#define EVENT_HEADERS(id)                                                                          \
    "Ce-Id: " id "\r\nCe-Source: " NEWS "\r\nCe-Specversion: 0.3\r\nCe-Subject: /src\r\n"          \
    "Ce-Time: 2026-11-21T03:49:30.5Z\r\nCe-Type: event.news\r\nContent-Type: application/json\r\n"

/* A subscription of the v1 API to NEWS. */
static void subscribe(struct bed *bed)
{
    struct gn_pubsub_item *item;

    assert_int_equal(gn_pubsub_add(bed->pubsub, GN_SUBSCRIPTION, GN_STR(NEWS),
                                   gn_str_of(bed_with_port(bed, HERE "/app")), "http://h/", &item),
                     GN_OK);
}

static void an_event_of_a_peer_reaches_the_subscribers_here(void **state)
{
    static const struct {
        const char *path, *headers, *body;
    } rows[] = {
        {"/event", EVENT_HEADERS("1"), DATA},
        {"//event", EVENT_HEADERS("2"), DATA},
        {"/event", "Content-Type: application/cloudevents+json; charset=UTF-8\r\n",
         "{\"specversion\":\"1.0\",\"id\":\"3\",\"source\":\"" NEWS "\",\"type\":\"event.news\","
         "\"subject\":\"/src\",\"time\":\"2026-11-21T03:49:30.5Z\",\"data\":" DATA "}"},
    };
    struct place *place = *state;
    struct bed *bed = place->bed;

    subscribe(bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)send_to(bed, "POST", rows[i].path, rows[i].headers, rows[i].body);
        assert_answer(bed, 200, "");
        wait_requests(bed, (unsigned)i + 1);
        assert_non_null(strstr(bed->peer->last.data, "\"source\":\"/src\""));
        assert_non_null(strstr(bed->peer->last.data, "\"data\":" DATA "}"));
    }
    assert_series(bed, "cne_transport_events_received{address=\"" NEWS "\",status=\"success\"} 3");
}

static void a_repeated_event_is_answered_and_not_delivered_again(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    subscribe(bed);
    for (int i = 0; i < 2; i++) {
        (void)send_to(bed, "POST", "/event", EVENT_HEADERS("1"), DATA);
        assert_answer(bed, 200, "");
    }
    (void)send_to(bed, "POST", "/event", EVENT_HEADERS("2"), DATA);
    wait_requests(bed, 2);
    assert_int_equal(bed->peer->requests, 2);
}

static void an_event_of_a_peer_is_not_sent_on_to_peers(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    subscribe(bed);
    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", NEWS), HERE, "0"));
    for (int i = 0; i < 3; i++) {
        char headers[512];

        (void)snprintf(headers, sizeof headers, EVENT_HEADERS("%d"), i);
        (void)send_to(bed, "POST", "/event", headers, DATA);
        assert_answer(bed, 200, "");
        wait_requests(bed, (unsigned)i + 1);
        assert_int_equal(strncmp(bed->peer->last.data, "POST /app ", 10), 0);
    }
}

static void our_own_event_is_answered_and_dropped(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;
    char headers[512];

    (void)snprintf(headers, sizeof headers, EVENT_HEADERS("1") "Gurnard-Via: %s\r\n",
                   gn_relay_instance(bed->relay));
    (void)send_to(bed, "POST", "/event", headers, DATA);
    assert_answer(bed, 200, "");
    assert_null(gn_relay_last_event(bed->relay, GN_STR(NEWS)));
}

static void an_event_that_can_never_be_stored_is_refused(void **state)
{
    struct bed_config config = bed_plain;
    struct place *place;

    (void)state;
    config.pending_bytes = 256; /* less than any event */
    place = place_new(&config, 0);
    (void)send_to(place->bed, "POST", "/event", EVENT_HEADERS("1"), DATA);
    assert_answer(place->bed, 413, "");
    assert_series(place->bed,
                  "cne_transport_events_received{address=\"" NEWS "\",status=\"failed\"} 1");
    place_free(place);
}

static void without_room_an_event_is_put_off(void **state)
{
    struct bed_config config = bed_plain;
    struct place *place;

    (void)state;
    config.is_on_disk = true;
    config.disk_spare_pct = 101;
    place = place_new(&config, 0);
    subscribe(place->bed);
    assert_int_equal(send_to(place->bed, "POST", "/event", EVENT_HEADERS("1"), DATA), 503);
    assert_string_equal(bed_header(place->bed, "Retry-After: "), "5");
    place_free(place);
}

static void an_event_is_answered_when_the_journal_has_it(void **state)
{
    struct bed_config config = bed_plain;
    struct place *place;
    struct bed *bed;

    (void)state;
    config.is_on_disk = true;
    place = place_new(&config, 0);
    bed = place->bed;
    for (int stops = 0; stops <= 1; stops++) {
        asker_start(bed, &bed->asker, "POST", "/event",
                    stops ? EVENT_HEADERS("2") : EVENT_HEADERS("1"), GN_STR(DATA));
        bed_wait_pending(bed, 1);
        assert_false(gn_journal_is_durable(bed->journal));
        if (stops)
            gn_peer_stop(place->peer);
        asker_finish(bed, &bed->asker);
        assert_int_equal(bed->asker.status, stops ? 503 : 200);
    }
    place_free(place);
}

/* ---- CurrentState ---- */

static void the_last_event_is_answered_as_a_cloud_event_and_a_newline(void **state)
{
    static const char want[] =
        "{\"specversion\":\"0.3\",\"id\":\"1d1c5b3c-2f6a-4a5c-9d6b-0c7f6f2d8b11\","
        "\"source\":\"" NEWS "\",\"type\":\"event.news\",\"subject\":\"/src\","
        "\"datacontenttype\":\"application/json\",\"time\":\"2026-11-21T03:49:30.5Z\","
        "\"data\":" DATA "}\n";
    static const char *const paths[] = {
        NEWS "/" CLIENT "/CurrentState",
        "/" NEWS "/" CLIENT "/CurrentState",
        "/cluster/node/n%31/news/A31E8E45-5C86-3F28-BA1B-09F5084CA515/CurrentState",
    };
    struct place *place = *state;
    struct bed *bed = place->bed;

    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", NEWS), HERE, "0"));
    publish(bed, "1d1c5b3c-2f6a-4a5c-9d6b-0c7f6f2d8b11");
    for (size_t i = 0; i < GN_LEN(paths); i++) {
        (void)send_to(bed, "GET", paths[i], "", NULL);
        assert_json_answer(bed, 200, want);
    }
    assert_series(bed, "cne_status_check_received{status=\"success\",type=\"" NEWS "\"} 3");
}

static void the_two_redfish_addresses_are_one(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    announce(bed, BINARY("NEW"),
             SUBSCRIBER(CLIENT, ENTRY("1", "/cluster/node/n1/redfish/event"), HERE, "0"));
    assert_int_equal(gn_relay_redfish(bed->relay, &(struct gn_relay_source){.name = GN_STR("b")},
                                      GN_STR("{\"Events\":[{\"MessageId\":\"A.1.0.B\"}]}")),
                     GN_INTAKE_STORED);
    assert_int_equal(send_to(bed, "GET", REDFISH "/" CLIENT "/CurrentState", "", NULL), 200);
    assert_int_equal(send_to(bed, "GET", "/cluster/node/n1/redfish/event/" CLIENT "/CurrentState",
                             "", NULL),
                     200);
}

static void what_has_no_state_is_told_in_the_originals_words(void **state)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        {NEWS "/" OTHER "/CurrentState",
         "client is not registered with the event publisher " SERVICE " "},
        {NEWS "/nobody/CurrentState",
         "client is not registered with the event publisher " SERVICE " "},
        {"/other/" CLIENT "/CurrentState",
         "subscription for (/other) not found for the requesting client " CLIENT},
        {"/%22/" CLIENT "/CurrentState",
         "subscription for (/\\\") not found for the requesting client " CLIENT},
        {NEWS "/" CLIENT "/CurrentState", "event not found"},
        {"/unknown/" CLIENT "/CurrentState", "resource not found"},
    };
    struct place *place = *state;
    struct bed *bed = place->bed;

    add_publisher(bed, NEWS);
    announce(bed, BINARY("NEW"),
             SUBSCRIBER(CLIENT, ENTRY("1", NEWS) "," ENTRY("2", "/unknown"), HERE, "0"));
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char want[256];

        (void)snprintf(want, sizeof want, "{\"message\":\"%s\"}\n", rows[i].want);
        (void)send_to(bed, "GET", rows[i].path, "", NULL);
        assert_answer(bed, 400, want);
        assert_string_equal(bed_header(bed, "Content-Type: "), "text/plain; charset=utf-8");
    }
    assert_series(bed, "cne_status_check_received{status=\"failed\",type=\"other\"} 2");
    assert_series(bed, "cne_status_check_received{status=\"failed\",type=\"" NEWS "\"} 1");
}

static void an_event_that_is_no_cne_is_no_state(void **state)
{
    struct place *place = *state;
    struct bed *bed = place->bed;

    announce(bed, BINARY("NEW"), SUBSCRIBER(CLIENT, ENTRY("1", NEWS), HERE, "0"));
    (void)send_to(bed, "POST", "/event", EVENT_HEADERS("1"), "{\"door\":\"left\"}");
    assert_answer(bed, 200, "");
    assert_int_equal(send_to(bed, "GET", NEWS "/" CLIENT "/CurrentState", "", NULL), 400);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(health_is_answered_to_any_method),
        WITH_PLACE(wrong_methods_and_paths_are_refused),
        WITH_PLACE(what_is_no_cloud_event_is_refused),
        WITH_PLACE(a_stopped_listener_puts_everything_off),
        WITH_PLACE(a_registration_of_the_original_is_kept),
        WITH_PLACE(every_encoding_and_spelling_of_a_registration_is_taken),
        WITH_PLACE(registrations_are_merged_by_resource),
        WITH_PLACE(an_id_that_stands_for_two_resources_is_replaced),
        WITH_PLACE(what_cannot_be_used_is_answered_200_and_not_kept),
        WITH_PLACE(too_many_subscriptions_at_once_are_not_kept),
        WITH_PLACE(what_cannot_be_stored_is_put_off),
        WITH_PLACE(a_registration_that_waits_is_put_off_at_the_stop),
        WITH_PLACE(a_departure_takes_what_it_should),
        WITH_PLACE(a_departure_is_on_disk_and_in_the_gauge),
        WITH_PLACE(a_client_gets_events_as_binary_cloud_events),
        WITH_PLACE(a_client_that_has_moved_gets_events_at_its_new_place),
        cmocka_unit_test(a_client_that_fails_too_long_is_removed),
        WITH_PLACE(an_event_of_a_peer_reaches_the_subscribers_here),
        WITH_PLACE(a_repeated_event_is_answered_and_not_delivered_again),
        WITH_PLACE(an_event_of_a_peer_is_not_sent_on_to_peers),
        WITH_PLACE(our_own_event_is_answered_and_dropped),
        cmocka_unit_test(an_event_that_can_never_be_stored_is_refused),
        cmocka_unit_test(without_room_an_event_is_put_off),
        cmocka_unit_test(an_event_is_answered_when_the_journal_has_it),
        WITH_PLACE(the_last_event_is_answered_as_a_cloud_event_and_a_newline),
        WITH_PLACE(the_two_redfish_addresses_are_one),
        WITH_PLACE(what_has_no_state_is_told_in_the_originals_words),
        WITH_PLACE(an_event_that_is_no_cne_is_no_state),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
