/* The v2 API, asked over a socket, with endpoints that the test plays. */
#include "api_bed.h"

#include "gurnard/api/v2.h"
#include "gurnard/base/id.h"

#define V2            "/api/ocloudNotifications/v2"
#define SUBS          V2 "/subscriptions"
#define PUBS          V2 "/publishers"
#define EVENT         V2 "/create/event"
#define LINK          "http://localhost:8089"
#define LOCK          "/cluster/node/n1/sync/ptp-status/lock-state"
#define CLASS         "/cluster/node/n1/sync/ptp-status/clock-class"
#define PEER          "http://127.0.0.1:$P"
#define ERROR(text)   "{\"error\":\"" text "\"}"
#define BODY(a, path) "{\"ResourceAddress\":\"" a "\",\"EndpointUri\":\"" PEER path "\"}"
#define PUB(a)        "{\"ResourceAddress\":\"" a "\"}"
/* Data in v1's and in v2's names. */
#define DATA_V1(value)                                                                             \
    "{\"version\":\"v1\",\"values\":[{\"resource\":\"" LOCK "\",\"dataType\":\"notification\","    \
    "\"valueType\":\"enumeration\",\"value\":\"" value "\"}]}"
#define DATA_V2(value)                                                                             \
    "{\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":\"" LOCK "\","                          \
    "\"data_type\":\"notification\",\"value_type\":\"enumeration\",\"value\":\"" value "\"}]}"
#define TYPE "event.sync.ptp-status.ptp-state-change"
#define TIME "2026-03-01T12:00:00.5Z"
/* The event as v2 shows it, its id masked. */
#define SHOWN(source, value)                                                                       \
    "{\"specversion\":\"1.0\",\"id\":\"*\",\"source\":\"" source "\",\"type\":\"" TYPE             \
    "\",\"time\":\"" TIME "\",\"data\":" DATA_V2(value) "}"

static const struct peer_row endpoints[] = {
    {"/204", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/other", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, false},
    {"/202", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/302", "HTTP/1.1 302 Found\r\nLocation: /204\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/307", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /204\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/500", "HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nsorry", 0, false},
    {"/cut", "HTTP/1.1 2", 0, true},
    {"/hang", NULL, 0, false},
    {0},
};

/* ---- the bed, with v2 in it ---- */

struct v2_bed {
    struct bed *bed;
    struct gn_v2 *v2;
};

static void start(struct v2_bed *at, uint32_t timeout_ms)
{
    struct bed *bed = at->bed;
    const struct gn_v2_config config = {.link_base = LINK, .notify_timeout_ms = timeout_ms};
    const struct gn_v2_parts parts = {.loop = bed->loop,
                                      .client = bed->client,
                                      .clients = bed->clients,
                                      .pubsub = bed->pubsub,
                                      .journal = bed->journal,
                                      .relay = bed->relay,
                                      .metrics = bed->metrics,
                                      .cne = bed->cne};

    at->v2 = gn_v2_new(&config, &parts);
    assert_non_null(at->v2);
    bed->rest.v2 = at->v2;
}

static struct v2_bed *v2_bed_new(const struct bed_config *config, uint32_t timeout_ms)
{
    struct v2_bed *at = calloc(1, sizeof *at);

    assert_non_null(at);
    at->bed = bed_new(config, endpoints);
    start(at, timeout_ms);
    return at;
}

static void v2_bed_free(struct v2_bed *at)
{
    struct bed *bed = at->bed;

    gn_v2_stop(at->v2);
    while (gn_http_client_active(bed->client) > 0 || gn_http_server_pending(bed->server) > 0)
        bed_turn(bed);
    bed->rest.v2 = NULL;
    gn_v2_free(at->v2);
    bed_free(bed);
    free(at);
}

static int setup(void **state)
{
    *state = v2_bed_new(&bed_plain, 10000);
    return 0;
}

static int teardown(void **state)
{
    v2_bed_free(*state);
    return 0;
}

/* ---- asking ---- */

static int ask(struct v2_bed *at, const char *method, const char *path, const char *body)
{
    return bed_ask(at->bed, method, path, body == NULL ? NULL : bed_with_port(at->bed, body));
}

/* An answer without body; 503 with Retry-After. */
static void assert_empty_answer(const struct v2_bed *at, int status)
{
    assert_answer(at->bed, status, "");
    assert_null(bed_header(at->bed, "Content-Type: "));
    if (status == 503)
        assert_string_equal(bed_header(at->bed, "Retry-After: "), "5");
}

/* The UUID behind name in text. */
static void copy_id(const char *text, const char *name, char id[GN_ID_LEN + 1])
{
    const char *found = strstr(text, name);

    if (found == NULL)
        fail_msg("no %s in %s", name, text);
    memcpy(id, found + strlen(name), GN_ID_LEN);
    id[GN_ID_LEN] = '\0';
    assert_true(gn_id_is_valid(gn_str_of(id)));
}

/* A structured event with a '*' for the id, and for the time if it is not TIME. */
static const char *masked(const char *text)
{
    static char made[4096];
    char id[GN_ID_LEN + 1];
    const char *time = strstr(text, "\"time\":\"");
    const char *end;

    copy_id(text, "{\"specversion\":\"1.0\",\"id\":\"", id);
    assert_non_null(time);
    time += 8;
    end = strchr(time, '"');
    assert_non_null(end);
    (void)snprintf(made, sizeof made, "{\"specversion\":\"1.0\",\"id\":\"*%.*s%s%s",
                   (int)(time - text - 27 - GN_ID_LEN), text + 27 + GN_ID_LEN,
                   strncmp(time, TIME "\"", sizeof TIME) == 0 ? TIME : "*", end);
    return made;
}

/* Makes a record and gives its id. body may hold $P. */
static void create(struct v2_bed *at, const char *collection, const char *body,
                   char id[GN_ID_LEN + 1])
{
    int status = ask(at, "POST", collection, body);

    if (status != 201)
        fail_msg("%d %s for %s", status, at->bed->asker.body, body);
    copy_id(at->bed->asker.body, "\"SubscriptionId\":\"", id);
}

/* A publisher's event becomes the state of its address. */
static void publish(struct v2_bed *at, const char *address, const char *value)
{
    char id[GN_ID_LEN + 1];
    char body[1024];

    (void)snprintf(body, sizeof body, PUB("%s"), address);
    create(at, PUBS, body, id);
    (void)snprintf(body, sizeof body,
                   "{\"id\":\"%s\",\"type\":\"" TYPE "\",\"time\":\"" TIME
                   "\",\"data\":" DATA_V2("%s") "}",
                   id, value);
    assert_int_equal(ask(at, "POST", EVENT, body), 202);
}

/* ---- creating: the initial notification ---- */

static void a_subscription_is_created_when_its_endpoint_takes_the_state(void **state)
{
    static const char *const paths[] = {"/204", "/200", "/202"};
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        char body[256], want[512], id[GN_ID_LEN + 1];

        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"" PEER "%s\"}",
                       paths[i]);
        create(at, SUBS, body, id);
        (void)snprintf(want, sizeof want,
                       "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"" PEER
                       "%s\",\"SubscriptionId\":\"%s\",\"UriLocation\":\"" LINK SUBS "/%s\"}",
                       paths[i], id, id);
        assert_json_answer(at->bed, 201, bed_with_port(at->bed, want));
        (void)snprintf(want, sizeof want, LINK SUBS "/%s", id);
        assert_string_equal(bed_header(at->bed, "Location: "), want);
        assert_int_equal(at->bed->peer->requests, i + 1);
    }
    assert_int_equal(gn_clients_sub_count(at->bed->clients, GN_CLIENT_V2), 3);
}

static const char *notified_body(const struct v2_bed *at)
{
    const char *body = strstr(at->bed->peer->last.data, "\r\n\r\n");

    assert_non_null(body);
    return body + 4;
}

static void assert_notified_with(const struct v2_bed *at, const char *line)
{
    if (strstr(at->bed->peer->last.data, line) == NULL)
        fail_msg("no %s in %s", line, at->bed->peer->last.data);
}

static void without_an_event_the_initial_notification_has_no_values(void **state)
{
    struct v2_bed *at = *state;
    char line[128], id[GN_ID_LEN + 1];

    create(at, SUBS, BODY("/./redfish/event", "/204"), id);
    assert_notified_with(at, "POST /204 HTTP/1.1\r\n");
    assert_notified_with(at, "\r\nContent-Type: application/json\r\n");
    assert_notified_with(at, "\r\nGurnard-Probe: 1\r\n");
    (void)snprintf(line, sizeof line, "\r\nGurnard-Via: %s\r\n", gn_relay_instance(at->bed->relay));
    assert_notified_with(at, line);
    assert_null(strstr(at->bed->peer->last.data, "Gurnard-Event-Id"));
    assert_string_equal(masked(notified_body(at)),
                        "{\"specversion\":\"1.0\",\"id\":\"*\",\"source\":\"/redfish/v1/Systems\","
                        "\"type\":\"event.redfish.alert\",\"time\":\"*\",\"data\":"
                        "{\"version\":\"1.0\",\"values\":[]}}");
}

static void the_initial_notification_is_the_latest_event_below_the_address(void **state)
{
    static const char *const addresses[] = {
        LOCK, "/cluster/node/n1/sync", "/cluster/node/*/sync", "/././sync/ptp-status/", "/",
    };
    struct v2_bed *at = *state;
    char sent[GN_ID_LEN + 1], line[128];

    publish(at, CLASS, "HOLDOVER");
    publish(at, LOCK, "LOCKED");
    for (size_t i = 0; i < GN_LEN(addresses); i++) {
        char body[256], id[GN_ID_LEN + 1];

        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"%s\",\"EndpointUri\":\"" PEER "/204\"}",
                       addresses[i]);
        create(at, SUBS, body, id);
        assert_string_equal(masked(notified_body(at)),
                            SHOWN("/sync/ptp-status/lock-state", "LOCKED"));
        copy_id(notified_body(at), "\"id\":\"", sent);
        (void)snprintf(line, sizeof line, "\r\nGurnard-Event-Id: %s\r\n", sent);
        assert_notified_with(at, line);
        assert_int_equal(ask(at, "DELETE", SUBS, NULL), 204);
    }
}

static void an_endpoint_that_does_not_take_it_gets_no_subscription(void **state)
{
    static const struct {
        const char *path;
        unsigned requests;
    } rows[] = {{"/cut", 1}, {"/302", 1}, {"/307", 1}, {"/404", 1}, {"/500", 1}};
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        unsigned before = at->bed->peer->requests;
        char body[256];

        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"" PEER "%s\"}",
                       rows[i].path);
        (void)ask(at, "POST", SUBS, body);
        assert_empty_answer(at, 400);
        assert_int_equal(at->bed->peer->requests - before, rows[i].requests);
    }
    (void)ask(at, "POST", SUBS,
              "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"http://127.0.0.1:1/x\"}");
    assert_empty_answer(at, 400);
    (void)ask(at, "GET", SUBS, NULL);
    assert_json_answer(at->bed, 200, "[]");
    assert_int_equal(bed_count(at->bed, "gurnard_api_probes_total", "result=\"failed\""), 6);
}

static void an_endpoint_that_is_silent_too_long_gets_no_subscription(void **state)
{
    struct v2_bed *at = v2_bed_new(&bed_plain, 20);

    (void)state;
    (void)ask(at, "POST", SUBS, BODY(REDFISH, "/hang"));
    assert_empty_answer(at, 400);
    v2_bed_free(at);
}

static void an_endpoint_of_this_very_server_can_be_notified(void **state)
{
    static const char *const paths[] = {V2 "/dummy", V2 "/dummy2", V1 "/dummy"};
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        char body[256], id[GN_ID_LEN + 1];

        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"" REDFISH
                       "\",\"EndpointUri\":\"http://127.0.0.1:%u%s\"}",
                       at->bed->port, paths[i]);
        create(at, SUBS, body, id);
    }
}

static void more_notifications_than_the_limit_are_put_off(void **state)
{
    struct v2_bed *at = *state;
    struct asker *waiting = calloc(GN_V2_PROBES_MAX, sizeof *waiting);
    const char *body = bed_with_port(at->bed, BODY(REDFISH, "/hang"));

    assert_non_null(waiting);
    for (size_t i = 0; i < GN_V2_PROBES_MAX; i++)
        asker_start(at->bed, &waiting[i], "POST", SUBS, "", gn_str_of(body));
    while (at->bed->peer->requests < GN_V2_PROBES_MAX)
        bed_turn(at->bed);
    (void)ask(at, "POST", SUBS, body);
    assert_empty_answer(at, 503);
    gn_v2_stop(at->v2);
    for (size_t i = 0; i < GN_V2_PROBES_MAX; i++) {
        asker_finish(at->bed, &waiting[i]);
        assert_int_equal(waiting[i].status, 503);
        assert_string_equal(waiting[i].body, "");
    }
    free(waiting);
}

static void a_stopped_api_puts_every_request_off(void **state)
{
    struct v2_bed *at = *state;

    gn_v2_stop(at->v2);
    (void)ask(at, "GET", SUBS, NULL);
    assert_empty_answer(at, 503);
}

/* ---- creating: the body ---- */

static void a_body_that_is_not_as_it_should_be_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "x",
        "[]",
        "null",
        "{}",
        "{\"ResourceAddress\":\"" REDFISH "\"}",
        "{\"EndpointUri\":\"" PEER "/204\"}",
        /* v1's names, and other spellings */
        "{\"resource\":\"" REDFISH "\",\"endpointUri\":\"" PEER "/204\"}",
        "{\"resourceAddress\":\"" REDFISH "\",\"endpointUri\":\"" PEER "/204\"}",
        "{\"ResourceAddress \":\"" REDFISH "\",\"EndpointUri\":\"" PEER "/204\"}",
        /* types */
        "{\"ResourceAddress\":1,\"EndpointUri\":\"" PEER "/204\"}",
        "{\"ResourceAddress\":null,\"EndpointUri\":\"" PEER "/204\"}",
        "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":{}}",
        "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":null}",
        /* addresses */
        BODY("", "/204"),
        BODY("cluster/node/n1", "/204"),
        BODY("/cluster//node", "/204"),
        BODY("/cluster/node/n1/../n2", "/204"),
        BODY("/cluster/./node", "/204"),
        BODY("/cluster/node/n1\\u0001", "/204"),
        BODY("/cluster/node/n1\\u0000", "/204"),
        /* endpoints */
        "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"\"}",
        "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"/204\"}",
        "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"ftp://127.0.0.1/x\"}",
        "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"http://a:b@127.0.0.1/x\"}",
        "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"http://\"}",
    };
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        if (ask(at, "POST", SUBS, bodies[i]) != 400)
            fail_msg("%d for %s", at->bed->asker.status, bodies[i]);
        assert_empty_answer(at, 400);
    }
    assert_int_equal(at->bed->peer->requests, 0);
}

static void what_is_too_long_is_refused(void **state)
{
    struct v2_bed *at = *state;
    char body[4096];

    (void)snprintf(body, sizeof body, BODY("/%01200d", "/204"), 0);
    (void)ask(at, "POST", SUBS, body);
    assert_empty_answer(at, 400);
    (void)snprintf(body, sizeof body, BODY(REDFISH, "/%02100d"), 0);
    (void)ask(at, "POST", SUBS, body);
    assert_empty_answer(at, 400);
}

static void other_members_are_passed_over(void **state)
{
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, SUBS,
           "{\"SubscriptionId\":\"mine\",\"UriLocation\":7,\"resource\":[],\"ResourceAddress\":"
           "\"" REDFISH "\",\"EndpointUri\":\"" PEER "/204\"}",
           id);
}

static void an_address_without_anything_behind_it_is_not_found(void **state)
{
    static const char *const addresses[] = {
        "/nothing",
        "/cluster/node/n2",
        "/cluster/node/n2/redfish/v1/Systems",
        "/cluster/node/*/sync",
        "/./sync",
        REDFISH "/1",
    };
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(addresses); i++) {
        char body[256];

        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"%s\",\"EndpointUri\":\"" PEER "/204\"}",
                       addresses[i]);
        if (ask(at, "POST", SUBS, body) != 404)
            fail_msg("%d for %s", at->bed->asker.status, addresses[i]);
        assert_empty_answer(at, 404);
    }
    assert_int_equal(at->bed->peer->requests, 0);
}

static void an_address_is_known_by_gurnardd_a_publisher_or_an_event(void **state)
{
    static const char *const known[] = {
        "/", "/cluster", "/./redfish", "/cluster/node/*", "/cluster/node/n1/redfish/event",
    };
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    for (size_t i = 0; i < GN_LEN(known); i++) {
        char body[256];

        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"%s\",\"EndpointUri\":\"" PEER "/204\"}", known[i]);
        create(at, SUBS, body, id);
        assert_int_equal(ask(at, "DELETE", SUBS, NULL), 204);
    }
    create(at, PUBS, PUB("/news-service/sports"), id);
    create(at, SUBS, BODY("/news-service", "/204"), id);
    assert_int_equal(ask(at, "DELETE", PUBS, NULL), 200);
    (void)ask(at, "POST", SUBS, BODY("/news-service", "/other"));
    assert_empty_answer(at, 404);
    publish(at, "/news-service/sports", "x");
    assert_int_equal(ask(at, "DELETE", PUBS, NULL), 200);
    create(at, SUBS, BODY("/news-service", "/other"), id);
}

/* ---- creating: what is there already ---- */

static void an_endpoint_that_would_get_events_twice_is_a_conflict(void **state)
{
    static const struct {
        const char *first, *second;
        int status;
    } rows[] = {
        {REDFISH, REDFISH, 409},
        {REDFISH, "/cluster/node/n1/redfish/event", 409},
        {"/././redfish/event/", REDFISH, 409},
        {REDFISH, "/cluster/node/n1", 409},
        {"/cluster/node/*", REDFISH, 409},
        {"/", LOCK, 409},
        {"/cluster/node/*/sync", "/cluster/node/n1", 409},
        {"/cluster/node/*/sync", REDFISH, 201},
        {LOCK, CLASS, 201},
    };
    struct v2_bed *at = *state;

    publish(at, LOCK, "LOCKED");
    publish(at, CLASS, "6");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char body[256], id[GN_ID_LEN + 1];
        unsigned before;

        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"%s\",\"EndpointUri\":\"" PEER "/204\"}",
                       rows[i].first);
        create(at, SUBS, body, id);
        (void)snprintf(body, sizeof body,
                       "{\"ResourceAddress\":\"%s\",\"EndpointUri\":\"" PEER "/204\"}",
                       rows[i].second);
        before = at->bed->peer->requests;
        if (ask(at, "POST", SUBS, body) != rows[i].status)
            fail_msg("%s %s: %d", rows[i].first, rows[i].second, at->bed->asker.status);
        if (rows[i].status == 409) {
            assert_empty_answer(at, 409);
            assert_int_equal(at->bed->peer->requests, before);
        }
        assert_int_equal(ask(at, "DELETE", SUBS, NULL), 204);
    }
}

static void each_endpoint_can_subscribe_to_the_same_address(void **state)
{
    struct v2_bed *at = *state;
    char a[GN_ID_LEN + 1], b[GN_ID_LEN + 1];

    create(at, SUBS, BODY(REDFISH, "/204"), a);
    create(at, SUBS, BODY(REDFISH, "/other"), b);
    assert_string_not_equal(a, b);
    assert_int_equal(gn_clients_count(at->bed->clients, GN_CLIENT_V2), 2);
}

static void of_equal_creates_at_the_same_time_one_is_a_conflict(void **state)
{
    struct v2_bed *at = *state;
    struct asker *askers = calloc(2, sizeof *askers);
    char body[256];

    assert_non_null(askers);
    (void)snprintf(body, sizeof body,
                   "{\"ResourceAddress\":\"" REDFISH "\",\"EndpointUri\":\"http://127.0.0.1:%u" V2
                   "/dummy\"}",
                   at->bed->port);
    asker_start(at->bed, &askers[0], "POST", SUBS, "", gn_str_of(body));
    asker_start(at->bed, &askers[1], "POST", SUBS, "", gn_str_of(body));
    asker_finish(at->bed, &askers[0]);
    asker_finish(at->bed, &askers[1]);
    assert_int_equal(askers[0].status + askers[1].status, 201 + 409);
    assert_int_equal(gn_clients_sub_count(at->bed->clients, GN_CLIENT_V2), 1);
    free(askers);
}

static void the_endpoint_of_a_proxy_is_a_conflict(void **state)
{
    struct v2_bed *at = *state;
    const char *endpoint = bed_with_port(at->bed, PEER "/204");
    struct gn_id id = gn_id_v3_url(gn_str_of(endpoint));
    const struct gn_clients_wish wish = {.kind = GN_CLIENT_PROXY,
                                         .client_id = gn_str_of(id.text),
                                         .end_point = gn_str_of(endpoint),
                                         .resource = GN_STR("/x")};
    struct gn_client_sub *sub = NULL;

    assert_int_equal(gn_clients_add(at->bed->clients, &wish, &sub), GN_OK);
    (void)ask(at, "POST", SUBS, BODY(REDFISH, "/204"));
    assert_empty_answer(at, 409);
}

/* A folder stands where the client's new file would be written. */
static void block_client(const struct v2_bed *at, const char *endpoint)
{
    struct gn_id id = gn_id_v3_url(gn_str_of(bed_with_port(at->bed, endpoint)));
    char path[160];

    (void)snprintf(path, sizeof path, "%s/%s.json.tmp", at->bed->folder, id.text);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void what_cannot_be_stored_is_not_confirmed(void **state)
{
    struct v2_bed *at = *state;

    block_client(at, PEER "/204");
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, -1); /* errors are expected here */
    (void)ask(at, "POST", SUBS, BODY(REDFISH, "/204"));
    assert_empty_answer(at, 503);
    assert_int_equal(gn_clients_sub_count(at->bed->clients, GN_CLIENT_V2), 0);
}

/* ---- those that are there ---- */

static void subscriptions_are_listed_and_shown(void **state)
{
    struct v2_bed *at = *state;
    char a[GN_ID_LEN + 1], b[GN_ID_LEN + 1], path[128], want[1024];

    (void)ask(at, "GET", SUBS, NULL);
    assert_json_answer(at->bed, 200, "[]");
    create(at, SUBS, BODY("/./redfish/event", "/204"), a);
    create(at, SUBS, BODY("/", "/other"), b);
    (void)snprintf(want, sizeof want,
                   "[{\"ResourceAddress\":\"/./redfish/event\",\"EndpointUri\":\"" PEER
                   "/204\",\"SubscriptionId\":\"%s\",\"UriLocation\":\"" LINK SUBS
                   "/%s\"},{\"ResourceAddress\":\"/\",\"EndpointUri\":\"" PEER
                   "/other\",\"SubscriptionId\":\"%s\",\"UriLocation\":\"" LINK SUBS "/%s\"}]",
                   a, a, b, b);
    (void)ask(at, "GET", SUBS, NULL);
    assert_json_answer(at->bed, 200, bed_with_port(at->bed, want));
    (void)snprintf(path, sizeof path, SUBS "/%s", b);
    (void)ask(at, "GET", path, NULL);
    (void)snprintf(want, sizeof want,
                   "{\"ResourceAddress\":\"/\",\"EndpointUri\":\"" PEER
                   "/other\",\"SubscriptionId\":\"%s\",\"UriLocation\":\"" LINK SUBS "/%s\"}",
                   b, b);
    assert_json_answer(at->bed, 200, bed_with_port(at->bed, want));
    (void)ask(at, "GET", SUBS "/nope", NULL);
    assert_empty_answer(at, 404);
}

static void subscriptions_are_deleted_one_or_all(void **state)
{
    struct v2_bed *at = *state;
    char a[GN_ID_LEN + 1], b[GN_ID_LEN + 1], path[128];

    create(at, SUBS, BODY(REDFISH, "/204"), a);
    create(at, SUBS, BODY(REDFISH, "/other"), b);
    (void)snprintf(path, sizeof path, SUBS "/%s", a);
    (void)ask(at, "DELETE", path, NULL);
    assert_empty_answer(at, 204);
    (void)ask(at, "DELETE", path, NULL);
    assert_empty_answer(at, 404);
    (void)ask(at, "GET", path, NULL);
    assert_empty_answer(at, 404);
    (void)ask(at, "DELETE", SUBS, NULL);
    assert_empty_answer(at, 204);
    (void)ask(at, "DELETE", SUBS, NULL);
    assert_empty_answer(at, 204);
    assert_int_equal(gn_clients_sub_count(at->bed->clients, GN_CLIENT_V2), 0);
}

static void a_delete_leaves_v1_and_proxies_alone(void **state)
{
    struct v2_bed *at = *state;
    const struct gn_clients_wish wish = {.kind = GN_CLIENT_PROXY,
                                         .client_id =
                                             GN_STR("02ff4ff6-cd62-33ec-8af1-603c11db4d99"),
                                         .end_point = GN_STR("http://127.0.0.1:1"),
                                         .resource = GN_STR("/x")};
    struct gn_client_sub *sub = NULL;
    char id[GN_ID_LEN + 1];

    assert_int_equal(gn_clients_add(at->bed->clients, &wish, &sub), GN_OK);
    assert_int_equal(ask(at, "POST", V1 "/subscriptions", "{\"resource\":\"/a\"}"), 201);
    create(at, SUBS, BODY(REDFISH, "/204"), id);
    assert_int_equal(ask(at, "DELETE", SUBS, NULL), 204);
    assert_int_equal(gn_clients_sub_count(at->bed->clients, GN_CLIENT_PROXY), 1);
    assert_int_equal(gn_pubsub_count(at->bed->pubsub, GN_SUBSCRIPTION), 1);
}

static void a_status_ping_is_taken_for_known_subscriptions(void **state)
{
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1], path[128];

    create(at, SUBS, BODY(REDFISH, "/204"), id);
    (void)snprintf(path, sizeof path, SUBS "/status/%s", id);
    (void)ask(at, "PUT", path, NULL);
    assert_json_answer(at->bed, 202, "{\"status\":\"ping sent\"}");
    (void)ask(at, "PUT", SUBS "/status/nope", NULL);
    assert_empty_answer(at, 404);
}

static void both_versions_are_counted(void **state)
{
    struct v2_bed *at = *state;
    struct gn_buf text = GN_BUF_INIT;
    char id[GN_ID_LEN + 1];

    create(at, SUBS, BODY(REDFISH, "/204"), id);
    create(at, SUBS, BODY(REDFISH, "/other"), id);
    assert_int_equal(ask(at, "POST", V1 "/subscriptions", "{\"resource\":\"/a\"}"), 201);
    assert_int_equal(ask(at, "POST", SUBS, BODY("/nothing", "/204")), 404);
    gn_metrics_print(at->bed->metrics, &text);
    assert_non_null(strstr(text.data, "cne_api_subscriptions{status=\"active\"} 3\n"));
    assert_non_null(strstr(text.data, "cne_api_subscriptions{status=\"failed to create\"} 1\n"));
    gn_buf_free(&text);
}

static void a_subscription_gets_what_comes_after_it(void **state)
{
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, PUBS, PUB(LOCK), id);
    create(at, SUBS, BODY("/./sync", "/204"), id);
    publish(at, LOCK, "LOCKED");
    while (at->bed->peer->requests < 2)
        bed_turn(at->bed);
    assert_null(strstr(at->bed->peer->last.data, "Gurnard-Probe"));
    assert_string_equal(masked(notified_body(at)), SHOWN("/sync/ptp-status/lock-state", "LOCKED"));
}

/* ---- routes ---- */

static void each_prefix_serves_and_is_kept_in_the_link(void **state)
{
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1], want[160];

    create(at, "/ocloudNotifications/v2/subscriptions", BODY(REDFISH, "/204"), id);
    (void)snprintf(want, sizeof want, LINK "/ocloudNotifications/v2/subscriptions/%s", id);
    assert_string_equal(bed_header(at->bed, "Location: "), want);
}

static void small_routes_answer_as_the_original(void **state)
{
    struct v2_bed *at = *state;

    (void)ask(at, "GET", V2 "/health", NULL);
    assert_answer(at->bed, 200, "OK");
    assert_string_equal(bed_header(at->bed, "Content-Type: "), "text/plain; charset=utf-8");
    assert_int_equal(ask(at, "HEAD", V2 "/health", NULL), 200);
    (void)ask(at, "POST", V2 "/dummy", "");
    assert_answer(at->bed, 204, "");
    (void)ask(at, "POST", V2 "/dummy2", "{}");
    assert_answer(at->bed, 204, "");
}

static void a_wrong_method_gets_405_without_more(void **state)
{
    static const struct {
        const char *method, *path;
    } rows[] = {
        {"PUT", SUBS},
        {"PATCH", SUBS "/x"},
        {"POST", SUBS "/x"},
        {"GET", SUBS "/status/x"},
        {"PUT", PUBS},
        {"POST", PUBS "/x"},
        {"POST", V2 "/health"},
        {"GET", EVENT},
        {"GET", V2 "/log"},
        {"GET", V2 "/dummy"},
        {"DELETE", V2 "/dummy2"},
        {"POST", V2 REDFISH "/CurrentState"},
    };
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        if (ask(at, rows[i].method, rows[i].path, NULL) != 405)
            fail_msg("%s %s: %d", rows[i].method, rows[i].path, at->bed->asker.status);
        assert_empty_answer(at, 405);
    }
}

static void an_unknown_path_is_left_to_others(void **state)
{
    static const char *const paths[] = {
        V2,
        V2 "/",
        V2 "/x",
        V2 "x/health",
        SUBS "/",
        SUBS "/a/b",
        SUBS "/status/",
        SUBS "/status/a/b",
        SUBS "x",
        PUBS "/",
        PUBS "/status/x",
        V2 "/Health",
        V2 REDFISH "/currentstate",
        "/api/cloudNotifications/v2/health",
        "/api/ocloudNotifications/v3/health",
    };
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        (void)ask(at, "GET", paths[i], NULL);
        if (at->bed->asker.status != 404 ||
            strcmp(at->bed->asker.body, "404 page not found\n") != 0)
            fail_msg("%s: %d %s", paths[i], at->bed->asker.status, at->bed->asker.body);
    }
}

/* ---- the current state ---- */

static void the_state_of_an_address_is_its_last_event(void **state)
{
    static const char *const paths[] = {
        LOCK,
        "/././sync/ptp-status/lock-state",
        "/./n1/sync/ptp-status/lock-state",
        "/cluster/node/./sync/ptp-status/lock-state",
        "/cluster/node/n1/sync/ptp%2Dstatus/lock-state",
        "/cluster/node/*/sync",
        "/cluster/node/n1/sync",
        "/cluster",
        "/.",
    };
    struct v2_bed *at = *state;

    publish(at, CLASS, "6");
    publish(at, LOCK, "HOLDOVER");
    publish(at, LOCK, "LOCKED");
    for (size_t i = 0; i < GN_LEN(paths); i++) {
        char path[256];

        (void)snprintf(path, sizeof path, V2 "%s/CurrentState", paths[i]);
        if (ask(at, "GET", path, NULL) != 200)
            fail_msg("%s: %d", path, at->bed->asker.status);
        assert_string_equal(masked(at->bed->asker.body),
                            SHOWN("/sync/ptp-status/lock-state", "LOCKED"));
        assert_string_equal(bed_header(at->bed, "Content-Type: "), "application/json");
    }
}

static void the_event_of_the_very_address_wins_over_later_ones_below(void **state)
{
    struct v2_bed *at = *state;

    publish(at, "/cluster/node/n1/sync", "WHOLE");
    publish(at, LOCK, "LOCKED");
    (void)ask(at, "GET", V2 "/cluster/node/n1/sync/CurrentState", NULL);
    assert_string_equal(masked(at->bed->asker.body), SHOWN("/sync", "WHOLE"));
    (void)ask(at, "GET", V2 "/cluster/node/n1/CurrentState", NULL);
    assert_string_equal(masked(at->bed->asker.body),
                        SHOWN("/sync/ptp-status/lock-state", "LOCKED"));
}

static void a_state_that_is_not_there_is_not_found(void **state)
{
    static const char *const paths[] = {
        REDFISH,                 /* known, no event */
        "/nothing",              /* not known */
        LOCK,                    /* an event, but nobody publishes it any more */
        "/cluster/node/n2/sync", /* another node */
    };
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    publish(at, LOCK, "LOCKED");
    assert_int_equal(ask(at, "DELETE", PUBS, NULL), 200);
    for (size_t i = 0; i < GN_LEN(paths); i++) {
        char path[256];

        (void)snprintf(path, sizeof path, V2 "%s/CurrentState", paths[i]);
        (void)ask(at, "GET", path, NULL);
        assert_empty_answer(at, 404);
    }
    create(at, SUBS, BODY("/./sync", "/204"), id);
    assert_int_equal(ask(at, "GET", V2 LOCK "/CurrentState", NULL), 200);
}

static void an_address_that_is_none_is_refused(void **state)
{
    static const char *const paths[] = {
        V2 "/CurrentState",
        V2 "/a/./b/CurrentState",
        V2 "/a%01/CurrentState",
        V2 "/a%c3/CurrentState",
    };
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        if (ask(at, "GET", paths[i], NULL) != 400)
            fail_msg("%s: %d", paths[i], at->bed->asker.status);
        assert_empty_answer(at, 400);
    }
}

/* ---- publishers ---- */

static void a_publisher_is_created_with_or_without_an_endpoint(void **state)
{
    static const struct {
        const char *body, *address, *endpoint;
        unsigned requests;
    } rows[] = {
        {PUB("/a"), "/a", "", 0},
        {"{\"ResourceAddress\":\"/b\",\"EndpointUri\":\"\"}", "/b", "", 0},
        {"{\"ResourceAddress\":\"/c\",\"EndpointUri\":null}", "/c", "", 0},
        {BODY("/d", "/204"), "/d", PEER "/204", 1},
        {BODY("/e", "/307"), "/e", PEER "/307", 2},
        {PUB("/././sync/"), "/cluster/node/n1/sync", "", 0},
        {PUB("/cluster/node/n1/redfish/event"), REDFISH, "", 0},
    };
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        unsigned before = at->bed->peer->requests;
        char id[GN_ID_LEN + 1], want[512], path[128];

        create(at, PUBS, rows[i].body, id);
        (void)snprintf(want, sizeof want,
                       "{\"ResourceAddress\":\"%s\",\"EndpointUri\":\"%s\",\"SubscriptionId\":"
                       "\"%s\",\"UriLocation\":\"" LINK PUBS "/%s\"}",
                       rows[i].address, rows[i].endpoint, id, id);
        assert_json_answer(at->bed, 201, bed_with_port(at->bed, want));
        assert_int_equal(at->bed->peer->requests - before, rows[i].requests);
        (void)snprintf(path, sizeof path, PUBS "/%s", id);
        (void)ask(at, "GET", path, NULL);
        assert_json_answer(at->bed, 200, bed_with_port(at->bed, want));
    }
}

static void the_probe_of_a_publisher_is_an_empty_post(void **state)
{
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, PUBS, BODY("/a", "/204"), id);
    assert_notified_with(at, "\r\nContent-Length: 0\r\n");
    assert_notified_with(at, "\r\nContent-Type: application/json\r\n");
    assert_notified_with(at, "\r\nGurnard-Probe: 1\r\n");
}

static void a_publisher_that_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"", ERROR("marshalling error")},
        {"{}", ERROR("marshalling error")},
        {"{\"resource\":\"/a\"}", ERROR("marshalling error")},
        {PUB("a"), ERROR("marshalling error")},
        {PUB("/cluster/node/*/x"), ERROR("a publisher has one address, without \\\"*\\\"")},
        {"{\"ResourceAddress\":\"/a\",\"EndpointUri\":\"ftp://x/\"}", ERROR("marshalling error")},
        {BODY("/a", "/500"), ERROR("return url validation check failed for create "
                                   "publisher,check endpointURI")},
    };
    struct v2_bed *at = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)ask(at, "POST", PUBS, rows[i].body);
        assert_json_answer(at->bed, 400, rows[i].want);
    }
    assert_int_equal(gn_pubsub_count(at->bed->pubsub, GN_PUBLISHER), 0);
}

static void the_same_publisher_is_created_once(void **state)
{
    struct v2_bed *at = *state;
    char a[GN_ID_LEN + 1], b[GN_ID_LEN + 1];

    create(at, PUBS, PUB("/cluster/node/n1/x"), a);
    create(at, PUBS, PUB("/./x"), b);
    assert_string_equal(a, b);
}

static void publishers_are_listed_and_deleted_as_in_v1(void **state)
{
    struct v2_bed *at = *state;
    char a[GN_ID_LEN + 1], path[128], want[512];

    (void)ask(at, "GET", PUBS, NULL);
    assert_json_answer(at->bed, 200, "[]");
    assert_int_equal(ask(at, "POST", V1 "/publishers", "{\"resource\":\"/a\"}"), 201);
    copy_id(at->bed->asker.body, "{\"id\":\"", a);
    (void)snprintf(want, sizeof want,
                   "[{\"ResourceAddress\":\"/a\",\"EndpointUri\":\"\",\"SubscriptionId\":\"%s\","
                   "\"UriLocation\":\"http://localhost:%u" V1 "/publishers/%s\"}]",
                   a, at->bed->port, a);
    (void)ask(at, "GET", PUBS, NULL);
    assert_json_answer(at->bed, 200, want);
    (void)ask(at, "GET", PUBS "/nope", NULL);
    assert_json_answer(at->bed, 400, ERROR("publisher not found"));
    (void)snprintf(path, sizeof path, PUBS "/%s", a);
    (void)ask(at, "DELETE", path, NULL);
    assert_json_answer(at->bed, 200, "{\"status\":\"OK\"}");
    (void)ask(at, "DELETE", path, NULL);
    assert_json_answer(at->bed, 200, "{\"status\":\"OK\"}");
    create(at, PUBS, PUB("/a"), a);
    (void)ask(at, "DELETE", PUBS, NULL);
    assert_json_answer(at->bed, 200, "{\"status\":\"deleted all publishers\"}");
    assert_int_equal(gn_pubsub_count(at->bed->pubsub, GN_PUBLISHER), 0);
}

/* ---- events ---- */

/* text with each $I replaced by id. Static storage. */
static const char *with_id(const char *text, const char *id)
{
    static char made[4096];
    size_t at = 0;

    for (; *text != '\0' && at < 4000; text++) {
        if (text[0] == '$' && text[1] == 'I') {
            at += (size_t)snprintf(made + at, sizeof made - at, "%s", id);
            text++;
        } else {
            made[at++] = *text;
        }
    }
    made[at] = '\0';
    return made;
}

static void assert_state(struct v2_bed *at, const char *value)
{
    char want[1024];

    assert_int_equal(ask(at, "GET", V2 LOCK "/CurrentState", NULL), 200);
    (void)snprintf(want, sizeof want, SHOWN("/sync/ptp-status/lock-state", "%s"), value);
    assert_string_equal(masked(at->bed->asker.body), want);
}

static void an_event_is_taken_in_either_layout(void **state)
{
    static const struct {
        const char *body, *value;
    } rows[] = {
        {"{\"id\":\"$I\",\"type\":\"" TYPE "\",\"time\":\"" TIME "\",\"data\":" DATA_V1("A") "}",
         "A"},
        {"{\"id\":\"$I\",\"type\":\"" TYPE "\",\"time\":\"" TIME "\",\"data\":" DATA_V2("B") "}",
         "B"},
        {" { \"d\\u0061ta\" : " DATA_V2("C") " , \"id\" : \"$I\", \"x\" : [{}], \"type\":\"" TYPE
                                             "\",\"time\":\"" TIME "\"}\n",
         "C"},
        {"{\"data\":null,\"id\":\"$I\",\"type\":\"" TYPE "\",\"time\":\"" TIME
         "\",\"data\":" DATA_V2("D") "}",
         "D"},
    };
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, PUBS, PUB(LOCK), id);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)ask(at, "POST", EVENT, with_id(rows[i].body, id));
        assert_json_answer(at->bed, 202, "{\"status\":\"Event sent\"}");
        assert_state(at, rows[i].value);
    }
}

static unsigned published(struct v2_bed *at, const char *labels)
{
    return (unsigned)gn_metrics_gauge(at->bed->metrics, "cne_api_events_published", labels, "")
        ->value;
}

/* Sends a POST with header lines of its own. */
static void post_with(struct v2_bed *at, const char *lines, const char *body)
{
    asker_start(at->bed, &at->bed->asker, "POST", EVENT, lines, gn_str_of(body));
    asker_finish(at->bed, &at->bed->asker);
}

#define STRUCTURED(source, value)                                                                  \
    "{\"specversion\":\"1.0\",\"id\":\"" value "\",\"source\":\"" source "\",\"type\":\"" TYPE     \
    "\",\"time\":\"" TIME "\",\"data\":" DATA_V2(value) "}"
#define BINARY(id)                                                                                 \
    "Ce-Specversion: 0.3\r\nCe-Id: " id "\r\nCe-Source: " LOCK "\r\nCe-Type: " TYPE                \
    "\r\nCe-Time: " TIME "\r\nContent-Type: application/json\r\n"

static void a_cloudevent_is_taken_for_the_publisher_of_its_source(void **state)
{
    static const struct {
        const char *lines, *body, *value;
    } rows[] = {
        {BINARY("A"), DATA_V1("A"), "A"},
        {BINARY("B"), DATA_V2("B"), "B"},
        {"Content-Type: application/cloudevents+json\r\n", STRUCTURED(LOCK, "C"), "C"},
        {"Content-Type: application/json\r\n", STRUCTURED(LOCK, "D"), "D"},
        {"", STRUCTURED("/./sync/ptp-status/lock-state", "E"), "E"},
        {"", STRUCTURED("/sync/ptp-status/lock-state", "F"), "F"},
        {"", STRUCTURED("/sync/ptp-status/lock-state", "F"), "F"}, /* a repeat */
    };
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, PUBS, PUB(LOCK), id);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        post_with(at, rows[i].lines, rows[i].body);
        assert_json_answer(at->bed, 202, "{\"status\":\"Event sent\"}");
        assert_state(at, rows[i].value);
    }
    assert_int_equal(published(at, "address=\"" LOCK "\",status=\"success\""), GN_LEN(rows));
}

/* What only native subscribers can be told is no state here. */
static void an_event_with_other_data_is_taken_and_not_shown(void **state)
{
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, PUBS, PUB(LOCK), id);
    post_with(at, BINARY("A"), "{\"door\":\"left\"}");
    assert_json_answer(at->bed, 202, "{\"status\":\"Event sent\"}");
    (void)ask(at, "GET", V2 LOCK "/CurrentState", NULL);
    assert_empty_answer(at, 404);
    create(at, SUBS, BODY(LOCK, "/204"), id);
    assert_non_null(strstr(notified_body(at), "\"values\":[]"));
}

static void an_event_that_cannot_be_read_is_told_why(void **state)
{
    static const struct {
        const char *lines, *body, *want;
    } rows[] = {
        {"", "", ERROR("unexpected end of JSON input")},
        {"", "x", ERROR("invalid character 'x' looking for beginning of value")},
        {"", "{\"id\":\"nope\",\"type\":\"t\",\"data\":" DATA_V2("A") "}",
         ERROR("no publisher data for id nope found to publish event for")},
        {"", "{\"id\":\"nope\",\"time\":\"garbage\"}",
         ERROR("cannot convert \\\"garbage\\\" to time.Time: not in RFC3339 format")},
        {"",
         "{\"id\":\"x\",\"data\":{\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":\"/a\","
         "\"data_type\":\"metric\",\"value_type\":\"weird\",\"value\":\"1\"}]}}",
         ERROR("value type weird is not supported")},
        {"", STRUCTURED("/elsewhere", "A"),
         ERROR("no publisher data for id /elsewhere found to publish event for")},
        {"Ce-Specversion: 1.0\r\nCe-Id: 1\r\nCe-Type: t\r\n", "{}", ERROR("source: REQUIRED")},
        {"Content-Type: application/cloudevents-batch+json\r\n", "[]",
         ERROR("the event cannot be read")},
    };
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, PUBS, PUB(LOCK), id);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        post_with(at, rows[i].lines, rows[i].body);
        assert_json_answer(at->bed, 400, rows[i].want);
    }
    assert_int_equal(published(at, "address=\"other\",status=\"fail\""), GN_LEN(rows));
}

static void an_event_is_taken_even_when_it_can_go_nowhere(void **state)
{
    struct v2_bed *at = *state;
    char id[GN_ID_LEN + 1];

    create(at, PUBS, PUB(LOCK), id);
    (void)ask(at, "POST", EVENT, with_id("{\"id\":\"$I\"}", id));
    assert_json_answer(at->bed, 202, "{\"status\":\"Event sent\"}");
}

static void without_room_an_event_is_put_off(void **state)
{
    struct bed_config config = bed_plain;
    struct v2_bed *at;
    char id[GN_ID_LEN + 1];

    (void)state;
    config.is_on_disk = true;
    config.disk_spare_pct = 101;
    at = v2_bed_new(&config, 10000);
    create(at, PUBS, PUB(LOCK), id);
    (void)ask(at, "POST", EVENT,
              with_id("{\"id\":\"$I\",\"type\":\"t\",\"data\":" DATA_V2("A") "}", id));
    assert_empty_answer(at, 503);
    v2_bed_free(at);
}

static void an_event_can_be_written_to_the_log(void **state)
{
    struct v2_bed *at = *state;

    (void)ask(at, "POST", V2 "/log", "{\"id\":\"x\",\"type\":\"t\",\"data\":" DATA_V2("A") "}");
    assert_json_answer(at->bed, 202, "{\"status\":\"Event published to log\"}");
    (void)ask(at, "POST", V2 "/log", "x");
    assert_json_answer(at->bed, 400, ERROR("invalid character 'x' looking for beginning of value"));
}

#define IN_BED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BED(a_subscription_is_created_when_its_endpoint_takes_the_state),
        IN_BED(without_an_event_the_initial_notification_has_no_values),
        IN_BED(the_initial_notification_is_the_latest_event_below_the_address),
        IN_BED(an_endpoint_that_does_not_take_it_gets_no_subscription),
        cmocka_unit_test(an_endpoint_that_is_silent_too_long_gets_no_subscription),
        IN_BED(an_endpoint_of_this_very_server_can_be_notified),
        IN_BED(more_notifications_than_the_limit_are_put_off),
        IN_BED(a_stopped_api_puts_every_request_off),
        IN_BED(a_body_that_is_not_as_it_should_be_is_refused),
        IN_BED(what_is_too_long_is_refused),
        IN_BED(other_members_are_passed_over),
        IN_BED(an_address_without_anything_behind_it_is_not_found),
        IN_BED(an_address_is_known_by_gurnardd_a_publisher_or_an_event),
        IN_BED(an_endpoint_that_would_get_events_twice_is_a_conflict),
        IN_BED(each_endpoint_can_subscribe_to_the_same_address),
        IN_BED(of_equal_creates_at_the_same_time_one_is_a_conflict),
        IN_BED(the_endpoint_of_a_proxy_is_a_conflict),
        IN_BED(what_cannot_be_stored_is_not_confirmed),
        IN_BED(subscriptions_are_listed_and_shown),
        IN_BED(subscriptions_are_deleted_one_or_all),
        IN_BED(a_delete_leaves_v1_and_proxies_alone),
        IN_BED(a_status_ping_is_taken_for_known_subscriptions),
        IN_BED(both_versions_are_counted),
        IN_BED(a_subscription_gets_what_comes_after_it),
        IN_BED(each_prefix_serves_and_is_kept_in_the_link),
        IN_BED(small_routes_answer_as_the_original),
        IN_BED(a_wrong_method_gets_405_without_more),
        IN_BED(an_unknown_path_is_left_to_others),
        IN_BED(the_state_of_an_address_is_its_last_event),
        IN_BED(the_event_of_the_very_address_wins_over_later_ones_below),
        IN_BED(a_state_that_is_not_there_is_not_found),
        IN_BED(an_address_that_is_none_is_refused),
        IN_BED(a_publisher_is_created_with_or_without_an_endpoint),
        IN_BED(the_probe_of_a_publisher_is_an_empty_post),
        IN_BED(a_publisher_that_cannot_be_is_refused),
        IN_BED(the_same_publisher_is_created_once),
        IN_BED(publishers_are_listed_and_deleted_as_in_v1),
        IN_BED(an_event_is_taken_in_either_layout),
        IN_BED(a_cloudevent_is_taken_for_the_publisher_of_its_source),
        IN_BED(an_event_with_other_data_is_taken_and_not_shown),
        IN_BED(an_event_that_cannot_be_read_is_told_why),
        IN_BED(an_event_is_taken_even_when_it_can_go_nowhere),
        cmocka_unit_test(without_room_an_event_is_put_off),
        IN_BED(an_event_can_be_written_to_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
