/* The v1 API, asked over a socket, with endpoints that the test plays. */
#include "api_bed.h"

#include "gurnard/transport/registrar.h"

#include "gurnard/base/file.h"
#include "gurnard/base/url.h"

#define SUBS        V1 "/subscriptions"
#define PUBS        V1 "/publishers"
#define BODY(r, e)  "{\"resource\":\"" r "\",\"endpointUri\":\"" e "\"}"
#define RES(r)      "{\"resource\":\"" r "\"}"
#define ERROR(text) "{\"error\":\"" text "\"}"
#define ID_LEN      36

static const struct peer_row endpoints[] = {
    {"/ok", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/other", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, false},
    {"/202", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/302", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/307", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"/304", "HTTP/1.1 304 Not Modified\r\n\r\n", 0, false},
    {"/404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/500", "HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nsorry", 0, false},
    {"/cut", "HTTP/1.1 2", 0, true},
    {"/hang", NULL, 0, false},
    {0},
};

static int setup(void **state)
{
    *state = bed_new(&bed_plain, endpoints);
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

/* ---- bodies ---- */

/* The id in the last answer. */
static const char *id_of(const struct bed *bed, char id[ID_LEN + 1])
{
    const char *at = strstr(bed->asker.body, "{\"id\":\"");

    if (at == NULL)
        fail_msg("no id in %s", bed->asker.body);
    memcpy(id, at + 7, ID_LEN);
    id[ID_LEN] = '\0';
    return id;
}

static const char *object(const struct bed *bed, const char *id, const char *endpoint,
                          const char *collection, const char *resource)
{
    static char made[2048];

    (void)snprintf(
        made, sizeof made,
        "{\"id\":\"%s\",\"endpointUri\":\"%s\",\"uriLocation\":\"http://localhost:%u%s/%s\","
        "\"resource\":\"%s\"}",
        id, endpoint, bed->port, collection, id, resource);
    return made;
}

/* Makes a record and gives its id. body may hold $P. */
static void create(struct bed *bed, const char *collection, const char *body, char id[ID_LEN + 1])
{
    int status = bed_ask(bed, "POST", collection, bed_with_port(bed, body));

    if (status != 201)
        fail_msg("%d %s", status, bed->asker.body);
    (void)id_of(bed, id);
}

/* ---- creating: the endpoint ---- */

static void a_record_whose_endpoint_answers_2xx_is_created(void **state)
{
    static const struct {
        const char *collection, *resource, *endpoint;
        unsigned requests;
    } rows[] = {
        {SUBS, "/a", "http://127.0.0.1:$P/ok", 1},  {SUBS, "/b", "http://127.0.0.1:$P/200", 1},
        {SUBS, "/c", "http://127.0.0.1:$P/202", 1}, {SUBS, "/d", "http://127.0.0.1:$P/302", 2},
        {SUBS, "/e", "http://127.0.0.1:$P/307", 2}, {SUBS, "/f", "HTTP://127.0.0.1:$P/ok", 1},
        {PUBS, "/a", "http://127.0.0.1:$P/ok", 1},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *endpoint = bed_with_port(bed, rows[i].endpoint);
        char id[ID_LEN + 1];
        char body[256];

        bed->peer->requests = 0;
        (void)snprintf(body, sizeof body, BODY("%s", "%s"), rows[i].resource, endpoint);
        create(bed, rows[i].collection, body, id);
        assert_json_answer(bed, 201,
                           object(bed, id, endpoint, rows[i].collection, rows[i].resource));
        assert_int_equal(bed->peer->requests, rows[i].requests);
    }
    assert_int_equal(bed_count(bed, "gurnard_api_probes_total", "result=\"passed\""), GN_LEN(rows));
}

static void the_probe_is_an_empty_post(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/ok"), id);
    assert_int_equal(strncmp(bed->peer->last.data, "POST /ok HTTP/1.1\r\n", 19), 0);
    assert_non_null(strstr(bed->peer->last.data, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(bed->peer->last.data, "\r\nContent-Length: 0\r\n"));
    assert_non_null(strstr(bed->peer->last.data, "\r\nGurnard-Probe: 1\r\n"));
    assert_int_equal(bed->peer->last.len,
                     (size_t)(strstr(bed->peer->last.data, "\r\n\r\n") - bed->peer->last.data) + 4);
}

static void a_record_whose_endpoint_fails_is_refused_in_gos_words(void **state)
{
    static const char checked[] = "return url validation check failed for create "
                                  "subscription.check endpointURI";
    static const struct {
        const char *collection, *endpoint, *want;
    } rows[] = {
        {SUBS, "http://127.0.0.1:$P/500", checked},
        {SUBS, "http://127.0.0.1:$P/404", checked},
        {SUBS, "http://127.0.0.1:$P/304", checked},
        {PUBS, "http://127.0.0.1:$P/500",
         "return url validation check failed for create publisher,check endpointURI"},
        {SUBS, "http://127.0.0.1:$P/hang",
         "Post \\\"http://127.0.0.1:$P/hang\\\": context deadline exceeded (Client.Timeout "
         "exceeded "
         "while awaiting headers)"},
    };
    struct bed_config config = bed_plain;
    struct bed *bed;

    (void)state;
    config.probe_timeout_ms = 100;
    bed = bed_new(&config, endpoints);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char body[256];
        char want[512];

        (void)snprintf(body, sizeof body, BODY("/a", "%s"), rows[i].endpoint);
        (void)snprintf(want, sizeof want, ERROR("%s"), rows[i].want);
        (void)bed_ask(bed, "POST", rows[i].collection, bed_with_port(bed, body));
        assert_json_answer(bed, 400, bed_with_port(bed, want));
    }
    assert_int_equal(bed_count(bed, "gurnard_api_probes_total", "result=\"failed\""), GN_LEN(rows));
    (void)bed_ask(bed, "GET", SUBS, NULL);
    assert_json_answer(bed, 200, "[]");
    bed_free(bed);
}

static void a_refused_connection_is_told_in_gos_words(void **state)
{
    struct bed *bed = *state;
    char body[128];
    char want[256];
    uint16_t port;

    close(peer_bind(&port)); /* nobody listens there */
    (void)snprintf(body, sizeof body, BODY("/a", "http://127.0.0.1:%u/event"), port);
    (void)snprintf(want, sizeof want,
                   ERROR("Post \\\"http://127.0.0.1:%u/event\\\": dial tcp 127.0.0.1:%u: connect: "
                         "connection refused"),
                   port, port);
    (void)bed_ask(bed, "POST", SUBS, body);
    assert_json_answer(bed, 400, want);
}

static void an_answer_that_breaks_off_is_refused(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(
        bed_ask(bed, "POST", SUBS, bed_with_port(bed, BODY("/a", "http://127.0.0.1:$P/cut"))), 400);
    assert_non_null(strstr(bed->asker.body, "{\"error\":\"Post \\\"http://127.0.0.1:"));
}

static void an_endpoint_that_cannot_be_posted_to_is_refused_at_once(void **state)
{
    static const struct {
        const char *endpoint, *want;
    } rows[] = {
        {"ftp://h/x", "Post \\\"ftp://h/x\\\": unsupported protocol scheme \\\"ftp\\\""},
        {"amqp://h", "Post \\\"amqp://h\\\": unsupported protocol scheme \\\"amqp\\\""},
        {"localhost:9089/event",
         "Post \\\"localhost:9089/event\\\": unsupported protocol scheme \\\"localhost\\\""},
        {"/event", "Post \\\"/event\\\": unsupported protocol scheme \\\"\\\""},
        {"127.0.0.1:9089/event",
         "Post \\\"127.0.0.1:9089/event\\\": unsupported protocol scheme \\\"\\\""},
        {"http://user:secret@h/", "endpointUri must not hold user information"},
        {"http://h:x/", "endpointUri is no URL that can be posted to"},
        {"http:///event", "endpointUri is no URL that can be posted to"},
        {"http://h/a b", "endpointUri is no URL that can be posted to"},
        {"https://[::1/", "endpointUri is no URL that can be posted to"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char body[256];
        char want[512];

        (void)snprintf(body, sizeof body, BODY("/a", "%s"), rows[i].endpoint);
        (void)snprintf(want, sizeof want, ERROR("%s"), rows[i].want);
        (void)bed_ask(bed, "POST", SUBS, body);
        assert_json_answer(bed, 400, want);
    }
}

static void a_very_long_endpoint_is_refused(void **state)
{
    struct gn_buf body = GN_BUF_INIT;
    struct bed *bed = *state;

    gn_buf_puts(&body, "{\"endpointUri\":\"http://h/");
    for (size_t i = 0; i < GN_URL_MAX; i++)
        gn_buf_putc(&body, 'x');
    gn_buf_puts(&body, "\"}");
    (void)bed_ask(bed, "POST", SUBS, body.data);
    assert_json_answer(bed, 400, ERROR("endpointUri is longer than 2048 bytes"));
    gn_buf_free(&body);
}

static void a_very_long_resource_is_refused(void **state)
{
    struct gn_buf body = GN_BUF_INIT;
    struct bed *bed = *state;

    gn_buf_puts(&body, "{\"resource\":\"/");
    for (size_t i = 0; i < GN_PUBSUB_RESOURCE_MAX; i++)
        gn_buf_putc(&body, 'x');
    gn_buf_puts(&body, "\"}");
    (void)bed_ask(bed, "POST", SUBS, body.data);
    assert_json_answer(bed, 400, ERROR("too many records, or the address is too long"));
    gn_buf_free(&body);
}

static void without_an_endpoint_that_go_could_read_there_is_no_probe(void **state)
{
    static const struct {
        const char *body, *resource;
    } rows[] = {
        {RES("/1"), "/1"},
        {"{\"resource\":\"/2\",\"endpointUri\":null}", "/2"},
        {BODY("/3", ""), "/3"},
        {BODY("/4", ":no"), "/4"},
        {BODY("/5", "http://127.0.0.1/%zz"), "/5"},
        {BODY("/6", "http://127.0.0.1/\\n"), "/6"},
        {BODY("/7", "http://127.0.0.1/\\u007f"), "/7"},
        {"{}", ""},
        {"{\"resource\":null,\"id\":\"mine\",\"uriLocation\":\"mine\",\"more\":[1,{}]}", ""},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char id[ID_LEN + 1];

        create(bed, SUBS, rows[i].body, id);
        assert_json_answer(bed, 201, object(bed, id, "", SUBS, rows[i].resource));
    }
    assert_int_equal(bed->peer->accepted, 0);
}

static void an_endpoint_of_this_very_server_can_be_probed(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(hosts); i++) {
        char id[ID_LEN + 1];
        char endpoint[128];
        char body[256];

        (void)snprintf(endpoint, sizeof endpoint, "http://%s:%u" V1 "/dummy", hosts[i], bed->port);
        (void)snprintf(
            body, sizeof body,
            "{\"id\":\"\",\"endpointUri\":\"%s\",\"uriLocation\":null,\"resource\":\"" REDFISH
            "\"}",
            endpoint);
        create(bed, PUBS, body, id);
        assert_json_answer(bed, 201, object(bed, id, endpoint, PUBS, REDFISH));
    }
}

static void a_hanging_endpoint_does_not_hold_up_others(void **state)
{
    struct bed *bed = *state;
    struct asker *waiting = calloc(1, sizeof *waiting);
    char id[ID_LEN + 1];

    assert_non_null(waiting);
    asker_start(bed, waiting, "POST", SUBS, "",
                gn_str_of(bed_with_port(bed, BODY("/a", "http://127.0.0.1:$P/hang"))));
    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/ok"), id);
    gn_v1_stop(bed->v1);
    asker_finish(bed, waiting);
    assert_int_equal(waiting->status, 503);
    free(waiting);
}

static void a_client_that_leaves_during_the_probe_does_no_harm(void **state)
{
    struct bed_config config = bed_plain;
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;
    struct bed *bed;

    (void)state;
    config.probe_timeout_ms = 100;
    bed = bed_new(&config, endpoints);
    asker_start(bed, &bed->asker, "POST", SUBS, "",
                gn_str_of(bed_with_port(bed, BODY("/a", "http://127.0.0.1:$P/hang"))));
    while (bed->peer->requests == 0 && gn_clock_mono_ms() < end_ms)
        bed_turn(bed);
    close(bed->asker.fd);
    while (gn_http_server_pending(bed->server) > 0 && gn_clock_mono_ms() < end_ms)
        bed_turn(bed);
    (void)bed_ask(bed, "GET", SUBS, NULL);
    assert_json_answer(bed, 200, "[]");
    bed_free(bed);
}

static void more_probes_than_the_limit_are_put_off(void **state)
{
    struct bed *bed = *state;
    struct asker *waiting = calloc(GN_V1_PROBES_MAX, sizeof *waiting);
    const char *body = bed_with_port(bed, BODY("/a", "http://127.0.0.1:$P/hang"));

    assert_non_null(waiting);
    for (size_t i = 0; i < GN_V1_PROBES_MAX; i++)
        asker_start(bed, &waiting[i], "POST", SUBS, "", gn_str_of(body));
    while (bed->peer->requests < GN_V1_PROBES_MAX)
        bed_turn(bed);
    (void)bed_ask(bed, "POST", SUBS, body);
    assert_json_answer(bed, 503, ERROR("try again later"));
    assert_string_equal(bed_header(bed, "Retry-After: "), "5");
    gn_v1_stop(bed->v1);
    for (size_t i = 0; i < GN_V1_PROBES_MAX; i++) {
        asker_finish(bed, &waiting[i]);
        assert_int_equal(waiting[i].status, 503);
        assert_string_equal(waiting[i].body, ERROR("try again later"));
    }
    free(waiting);
}

static void a_stopped_api_puts_every_request_off(void **state)
{
    struct bed *bed = *state;

    gn_v1_stop(bed->v1);
    (void)bed_ask(bed, "GET", SUBS, NULL);
    assert_json_answer(bed, 503, ERROR("try again later"));
}

/* ---- creating: the body ---- */

static void keys_are_found_in_any_case(void **state)
{
    static const char *const bodies[] = {
        "{\"resource\":\"/a\",\"endpointUri\":\"http://127.0.0.1:$P/ok\"}",
        "{\"Resource\":\"/a\",\"EndpointUri\":\"http://127.0.0.1:$P/ok\"}",
        "{\"RESOURCE\":\"/a\",\"ENDPOINTURI\":\"http://127.0.0.1:$P/ok\"}",
        "{\"resource \":\"/a\",\" EndPointURI \":\"http://127.0.0.1:$P/ok\"}",
        "{\"ResourceAddress\":\"/a\",\"EndpointUri\":\"http://127.0.0.1:$P/ok\"}",
        "{\"resourceaddress\":\"/a\",\"Id\":\"x\",\"endpointURI\":\"http://127.0.0.1:$P/ok\"}",
        "{\"ResourceAddress \":\"/a\",\"SubscriptionId\":\"x\",\"EndpointUri "
        "\":\"http://127.0.0.1:$P/ok\"}",
        "{\"resource\":\"/a\",\"Resource\":\"/b\",\"EndpointUri\":\"http://127.0.0.1:$P/ok\"}",
        " {\"resource\" : \"\\u002fa\", \"endpointUri\" : \"http:\\/\\/127.0.0.1:$P/ok\"}\n",
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        char id[ID_LEN + 1];

        create(bed, SUBS, bodies[i], id);
        assert_json_answer(
            bed, 201, object(bed, id, bed_with_port(bed, "http://127.0.0.1:$P/ok"), SUBS, "/a"));
    }
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_SUBSCRIPTION), 1);
}

static void the_two_uris_may_stand_the_other_way_round(void **state)
{
    static const struct {
        const char *body, *endpoint;
    } rows[] = {
        {"{\"resource\":\"/1\",\"UriLocation\":\"http://127.0.0.1:$P/ok\"}",
         "http://127.0.0.1:$P/ok"},
        {"{\"resource\":\"/2\",\"endpointUri\":\"\",\"uriLocation\":\"http://127.0.0.1:$P/ok\"}",
         "http://127.0.0.1:$P/ok"},
        {"{\"resource\":\"/3\",\"endpointUri\":\"http://127.0.0.1:$P/ok\",\"uriLocation\":"
         "\"http://127.0.0.1:$P/other\"}",
         "http://127.0.0.1:$P/ok"},
        {"{\"resource\":\"/4\",\"uriLocation\":\"http://127.0.0.1:$P" SUBS "/x\"}", ""},
        {"{\"resource\":\"/5\",\"uriLocation\":"
         "\"http://localhost:1/api/cloudNotifications/v1/publishers/x\"}",
         ""},
        {"{\"resource\":\"/6\",\"uriLocation\":\"no url\"}", ""},
        {"{\"resource\":\"/7\",\"uriLocation\":\"ftp://h/x\"}", ""},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char resource[8];
        char id[ID_LEN + 1];

        (void)snprintf(resource, sizeof resource, "/%zu", i + 1);
        create(bed, SUBS, rows[i].body, id);
        assert_json_answer(bed, 201,
                           object(bed, id, bed_with_port(bed, rows[i].endpoint), SUBS, resource));
    }
}

static void a_body_that_is_no_such_object_is_a_marshalling_error(void **state)
{
    static const char *const bodies[] = {
        "",
        " ",
        "x",
        "[]",
        "null",
        "5",
        "\"text\"",
        "{",
        "{\"resource\":5}",
        "{\"resource\":{}}",
        "{\"ResourceAddress\":[]}",
        "{\"endpointUri\":true}",
        "{\"uriLocation\":1}",
        "{\"resource\":\"/a\"} x",
        "{\"resource\":\"\\ud800\"}",
        "{\"resource\":\"\xff\"}",
        "{\"resource\":\"a\\u0000b\"}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        (void)bed_ask(bed, "POST", i % 2 == 0 ? SUBS : PUBS, bodies[i]);
        assert_json_answer(bed, 400, ERROR("marshalling error"));
    }
    (void)bed_ask(bed, "POST", SUBS, NULL);
    assert_json_answer(bed, 400, ERROR("marshalling error"));
}

static void each_prefix_serves_and_is_kept_in_the_link(void **state)
{
    static const char *const collections[] = {"/api/ocloudNotifications/v1/subscriptions",
                                              "/api/cloudNotifications/v1/subscriptions",
                                              "/ocloudNotifications/v1/subscriptions",
                                              "/api/ocloudNotifications/v1/publishers",
                                              "/api/cloudNotifications/v1/publishers"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(collections); i++) {
        char id[ID_LEN + 1];
        char body[64];
        char path[128];

        (void)snprintf(body, sizeof body, RES("/%zu"), i);
        create(bed, collections[i], body, id);
        (void)snprintf(path, sizeof path, "/%zu", i);
        assert_json_answer(bed, 201, object(bed, id, "", collections[i], path));
        (void)snprintf(path, sizeof path, "%s/%s", collections[(i + 1) % 2 + (i > 2 ? 3 : 0)], id);
        assert_int_equal(bed_ask(bed, "GET", path, NULL), 200);
    }
}

/* ---- duplicates ---- */

static void the_same_resource_and_endpoint_get_the_same_record(void **state)
{
    struct bed *bed = *state;
    char first[ID_LEN + 1];
    char second[ID_LEN + 1];

    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/ok"), first);
    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/ok"), second);
    assert_string_equal(first, second);
    assert_int_equal(bed->peer->requests, 2); /* probed again */
    create(bed, SUBS, RES("/b"), first);
    create(bed, SUBS, RES("/b"), second);
    assert_string_equal(first, second);
    create(bed, PUBS, RES("/b"), second);
    assert_string_not_equal(first, second);
}

static void another_endpoint_gets_a_record_of_its_own(void **state)
{
    struct bed *bed = *state;
    char first[ID_LEN + 1];
    char second[ID_LEN + 1];

    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/ok"), first);
    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/other"), second);
    assert_string_not_equal(first, second);
    assert_non_null(strstr(bed->asker.body, "/other\""));
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_SUBSCRIPTION), 2);
}

static void with_first_wins_another_endpoint_gets_the_first_record(void **state)
{
    struct bed_config config = bed_plain;
    char first[ID_LEN + 1];
    char second[ID_LEN + 1];
    struct bed *bed;

    (void)state;
    config.first_wins = true;
    bed = bed_new(&config, endpoints);
    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/ok"), first);
    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/other"), second);
    assert_string_equal(first, second);
    assert_json_answer(
        bed, 201, object(bed, first, bed_with_port(bed, "http://127.0.0.1:$P/ok"), SUBS, "/a"));
    assert_int_equal(bed->peer->requests, 2); /* probed, and then not used */
    (void)bed_ask(bed, "POST", SUBS, bed_with_port(bed, BODY("/a", "http://127.0.0.1:$P/500")));
    assert_int_equal(bed->asker.status, 400);
    create(bed, SUBS, BODY("/b", "http://127.0.0.1:$P/other"), second);
    assert_string_not_equal(first, second);
    bed_free(bed);
}

static void equal_creates_at_the_same_time_get_one_record(void **state)
{
    enum { MANY = 8 };
    struct bed *bed = *state;
    struct asker *askers = calloc(MANY, sizeof *askers);
    const char *body = bed_with_port(bed, BODY("/a", "http://127.0.0.1:$P/ok"));

    assert_non_null(askers);
    for (size_t i = 0; i < MANY; i++)
        asker_start(bed, &askers[i], "POST", SUBS, "", gn_str_of(body));
    for (size_t i = 0; i < MANY; i++) {
        asker_finish(bed, &askers[i]);
        assert_int_equal(askers[i].status, 201);
        assert_string_equal(askers[i].body, askers[0].body);
    }
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_SUBSCRIPTION), 1);
    free(askers);
}

/* ---- collections and items ---- */

static void an_empty_collection_is_an_empty_array(void **state)
{
    struct bed *bed = *state;

    (void)bed_ask(bed, "GET", SUBS, NULL);
    assert_json_answer(bed, 200, "[]");
    (void)bed_ask(bed, "GET", PUBS, NULL);
    assert_json_answer(bed, 200, "[]");
}

static void a_list_is_what_the_file_holds(void **state)
{
    static const char *const files[] = {"sub.json", "pub.json"};
    static const char *const collections[] = {SUBS, PUBS};
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    for (size_t i = 0; i < GN_LEN(files); i++) {
        struct gn_buf text = GN_BUF_INIT;
        char path[128];

        create(bed, collections[i], RES("/a"), id);
        create(bed, collections[i], BODY("/b", "http://127.0.0.1:$P/ok"), id);
        (void)bed_ask(bed, "GET", collections[i], NULL);
        (void)snprintf(path, sizeof path, "%s/%s", bed->folder, files[i]);
        assert_int_equal(gn_file_read(path, 65536, &text), GN_OK);
        assert_json_answer(bed, 200, text.data);
        assert_int_equal(strncmp(text.data, "[\n {\n  \"id\": \"", 14), 0);
        assert_non_null(strstr(text.data, "\"endpointUri\": null"));
        gn_buf_free(&text);
    }
}

static void one_record_is_shown_by_its_id(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];
    char path[128];

    create(bed, SUBS, RES("/a"), id);
    (void)snprintf(path, sizeof path, SUBS "/%s", id);
    (void)bed_ask(bed, "GET", path, NULL);
    assert_json_answer(bed, 200, object(bed, id, "", SUBS, "/a"));
    (void)snprintf(path, sizeof path, PUBS "/%s", id); /* of the other kind */
    (void)bed_ask(bed, "GET", path, NULL);
    assert_json_answer(bed, 400, ERROR("publisher not found"));
    (void)bed_ask(bed, "GET", SUBS "/nope", NULL);
    assert_json_answer(bed, 400, ERROR("subscription not found"));
}

static void a_delete_is_answered_alike_for_known_and_unknown_ids(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];
    char path[128];

    create(bed, SUBS, RES("/a"), id);
    (void)snprintf(path, sizeof path, SUBS "/%s", id);
    for (int i = 0; i < 2; i++) {
        (void)bed_ask(bed, "DELETE", path, NULL);
        assert_json_answer(bed, 200, "{\"status\":\"OK\"}");
        assert_int_equal(gn_pubsub_count(bed->pubsub, GN_SUBSCRIPTION), 0);
    }
    (void)bed_ask(bed, "DELETE", PUBS "/nope", NULL);
    assert_json_answer(bed, 200, "{\"status\":\"OK\"}");
}

static void a_delete_of_all_takes_one_kind(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    create(bed, SUBS, RES("/a"), id);
    create(bed, SUBS, RES("/b"), id);
    create(bed, PUBS, RES("/a"), id);
    (void)bed_ask(bed, "DELETE", SUBS, NULL);
    assert_json_answer(bed, 200, "{\"status\":\"deleted all subscriptions\"}");
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_SUBSCRIPTION), 0);
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_PUBLISHER), 1);
    (void)bed_ask(bed, "DELETE", PUBS, NULL);
    assert_json_answer(bed, 200, "{\"status\":\"deleted all publishers\"}");
    (void)bed_ask(bed, "DELETE", PUBS, NULL);
    assert_json_answer(bed, 200, "{\"status\":\"deleted all publishers\"}");
}

static void records_survive_a_restart(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];
    char path[128];
    char *before;

    create(bed, PUBS, RES("/p"), id);
    create(bed, SUBS, BODY("/a", "http://127.0.0.1:$P/ok"), id);
    create(bed, SUBS, RES("/b"), id);
    (void)snprintf(path, sizeof path, SUBS "/%s", id);
    (void)bed_ask(bed, "GET", SUBS, NULL);
    before = strdup(bed->asker.body);
    bed_stop(bed);
    bed_start(bed);
    (void)bed_ask(bed, "GET", SUBS, NULL);
    assert_json_answer(bed, 200, before);
    assert_int_equal(bed_ask(bed, "GET", path, NULL), 200);
    (void)bed_ask(bed, "DELETE", path, NULL);
    (void)bed_ask(bed, "DELETE", PUBS, NULL);
    bed_stop(bed);
    bed_start(bed);
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_SUBSCRIPTION), 1);
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_PUBLISHER), 0);
    free(before);
}

/* A folder stands where the new file would be written. */
static void block_file(const struct bed *bed, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", bed->folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void what_cannot_be_stored_is_not_confirmed(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct bed *bed = *state;
    char id[ID_LEN + 1];
    char path[128];

    create(bed, PUBS, RES("/p"), id);
    block_file(bed, "sub.json.tmp");
    block_file(bed, "pub.json.tmp");
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, -1); /* errors are expected here */
    (void)bed_ask(bed, "POST", SUBS, RES("/a"));
    assert_json_answer(bed, 400, ERROR("the record could not be stored"));
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_SUBSCRIPTION), 0);
    (void)snprintf(path, sizeof path, PUBS "/%s", id);
    (void)bed_ask(bed, "DELETE", path, NULL);
    assert_json_answer(bed, 400, ERROR("the change could not be stored"));
    gn_metrics_print(bed->metrics, &text);
    assert_non_null(strstr(text.data, "\ncne_api_subscriptions{status=\"failed to create\"} 1\n"));
    assert_non_null(strstr(text.data, "\ncne_api_publishers{status=\"failed to delete\"} 1\n"));
    gn_buf_free(&text);
}

static void records_are_counted(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    create(bed, SUBS, RES("/a"), id);
    create(bed, SUBS, RES("/b"), id);
    create(bed, PUBS, RES("/a"), id);
    gn_metrics_print(bed->metrics, &text);
    assert_non_null(strstr(text.data, "\ngurnard_api_subscriptions 2\n"));
    assert_non_null(strstr(text.data, "\ngurnard_api_publishers 1\n"));
    gn_buf_free(&text);
}

/* ---- paths and methods ---- */

static void small_routes_answer_as_the_original(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *body, *type;
    } rows[] = {
        {"GET", V1 "/health", 200, "OK", "text/plain; charset=utf-8"},
        {"HEAD", V1 "/health", 200, "", "text/plain; charset=utf-8"},
        {"POST", V1 "/dummy", 204, "", "application/json"},
        {"GET", "/", 200, "gurnard\n", "text/plain; charset=utf-8"},
        {"GET", "/api/cloudNotifications/v1/health", 200, "OK", "text/plain; charset=utf-8"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, rows[i].method, rows[i].path, NULL);
        assert_answer(bed, rows[i].status, rows[i].body);
        assert_string_equal(bed_header(bed, "Content-Type: "), rows[i].type);
    }
}

static void a_wrong_method_gets_405_without_more(void **state)
{
    static const char *const rows[][2] = {
        {"PUT", SUBS},
        {"PATCH", PUBS},
        {"POST", SUBS "/x"},
        {"PUT", PUBS "/x"},
        {"POST", V1 "/health"},
        {"GET", V1 "/create/event"},
        {"PUT", V1 "/log"},
        {"GET", V1 "/dummy"},
        {"GET", SUBS "/status/x"},
        {"HEAD", SUBS},
        {"POST", V1 "/a/b/CurrentState"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, rows[i][0], rows[i][1], NULL);
        if (bed->asker.status != 405)
            fail_msg("%s %s: %d", rows[i][0], rows[i][1], bed->asker.status);
        assert_answer(bed, 405, "");
        assert_null(bed_header(bed, "Allow: "));
    }
}

static void an_unknown_path_gets_gos_404(void **state)
{
    static const char *const paths[] = {
        SUBS "/",
        PUBS "/",
        SUBS "/x/",
        SUBS "/x/y",
        SUBS "/status/",
        SUBS "/status/x/y",
        PUBS "/status/x",
        V1,
        V1 "/",
        V1 "x/health",
        V1 "/health/",
        V1 "/subscriptionsx",
        V1 "/Subscriptions",
        V1 "/create",
        V1 "/create/event/",
        V1 "/CurrentState",
        V1 "/a/CurrentState/",
        "/api/ocloudNotifications/v2/subscriptions",
        "/api/ocloudnotifications/v1/health",
        "/api",
        "/x",
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        (void)bed_ask(bed, "GET", paths[i], NULL);
        if (bed->asker.status != 404)
            fail_msg("%s: %d", paths[i], bed->asker.status);
        assert_answer(bed, 404, "404 page not found\n");
        assert_string_equal(bed_header(bed, "Content-Type: "), "text/plain; charset=utf-8");
        assert_string_equal(bed_header(bed, "X-Content-Type-Options: "), "nosniff");
    }
}

static void a_path_that_is_not_clean_is_redirected(void **state)
{
    static const char *const rows[][2] = {
        {V1 "//cluster/node/n1/mock/CurrentState", V1 "/cluster/node/n1/mock/CurrentState"},
        {"//api/ocloudNotifications/v1/health?x=1&y", V1 "/health?x=1&y"},
        {V1 "/./health", V1 "/health"},
        {V1 "/x/../health", V1 "/health"},
        {V1 "/subscriptions//", V1 "/subscriptions/"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, "GET", rows[i][0], NULL);
        assert_answer(bed, 301, "");
        assert_string_equal(bed_header(bed, "Location: "), rows[i][1]);
    }
}

static void a_status_ping_is_taken_for_known_subscriptions(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];
    char path[128];

    create(bed, SUBS, RES("/a"), id);
    (void)snprintf(path, sizeof path, SUBS "/status/%s", id);
    (void)bed_ask(bed, "PUT", path, NULL);
    assert_json_answer(bed, 202, "{\"status\":\"ping sent\"}");
    (void)bed_ask(bed, "PUT", SUBS "/status/nope", NULL);
    assert_json_answer(bed, 400, ERROR("subscription not found"));
}

/* ---- events ---- */

#define EVENT(id, rest) "{\"id\":\"" id "\",\"type\":\"t.x\",\"source\":\"/src\"," rest "}"
#define DATA(type, value)                                                                          \
    "\"data\":{\"version\":\"v1\",\"values\":[{\"resource\":\"/r\",\"dataType\":\"notification\"," \
    "\"valueType\":\"" type "\",\"value\":" value "}]}"
#define TIME "\"time\":\"2026-11-21T03:49:30.5Z\","

/* POSTs an event of the publisher with this id. */
static int send_event(struct bed *bed, const char *id, const char *rest)
{
    char body[1024];

    (void)snprintf(body, sizeof body, EVENT("%s", "%s"), id, rest);
    return bed_ask(bed, "POST", V1 "/create/event", body);
}

static void an_event_is_taken_and_delivered(void **state)
{
    struct bed *bed = *state;
    char publisher[ID_LEN + 1];
    char id[ID_LEN + 1];
    char want[1024];

    create(bed, PUBS, RES("/news"), publisher);
    create(bed, SUBS, BODY("/news", "http://127.0.0.1:$P/other"), id);
    bed->peer->requests = 0;
    (void)send_event(bed, publisher, TIME DATA("decimal64.3", "100.30"));
    assert_json_answer(bed, 202, "{\"status\":\"Event sent\"}");
    while (bed->peer->requests == 0)
        bed_turn(bed);
    (void)snprintf(want, sizeof want,
                   EVENT("%s", "\"dataContentType\":\"application/json\"," TIME "%s"), id,
                   DATA("decimal64.3", "\"100.3\""));
    assert_string_equal(strstr(bed->peer->last.data, "\r\n\r\n") + 4, want);
    assert_non_null(strstr(bed->peer->last.data, "\r\nContent-Type: application/json\r\n"));
}

static void an_event_that_cannot_be_read_is_answered_in_gos_words(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"", "unexpected end of JSON input"},
        {"x", "invalid character 'x' looking for beginning of value"},
        {EVENT("nope", TIME DATA("enumeration", "\"A\"")),
         "no publisher data for id nope found to publish event for"},
        {"{\"ID\":\"nope\"}", "no publisher data for id  found to publish event for"},
        {"{\"id\":\"a\\\"b\"}", "no publisher data for id a\\\"b found to publish event for"},
        {EVENT("x", "\"time\":\"garbage\""),
         "cannot convert \\\"garbage\\\" to time.Time: not in RFC3339 format"},
        {EVENT("x", DATA("weird", "\"A\"")), "value type weird is not supported"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char want[256];

        (void)snprintf(want, sizeof want, ERROR("%s"), rows[i].want);
        (void)bed_ask(bed, "POST", V1 "/create/event", rows[i].body);
        assert_json_answer(bed, 400, want);
    }
}

static void an_event_is_taken_even_when_it_can_go_nowhere(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];
    char body[128];

    create(bed, PUBS, RES("/news"), id);
    (void)snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    (void)bed_ask(bed, "POST", V1 "/create/event", body);
    assert_json_answer(bed, 202, "{\"status\":\"Event sent\"}");
    (void)send_event(bed, id, DATA("enumeration", "5"));
    assert_json_answer(bed, 202, "{\"status\":\"Event sent\"}");
    (void)send_event(bed, id, DATA("decimal64.3", "\"1\""));
    assert_json_answer(bed, 202, "{\"status\":\"Event sent\"}");
}

static void without_room_an_event_is_put_off(void **state)
{
    struct bed_config config = bed_plain;
    char publisher[ID_LEN + 1];
    char id[ID_LEN + 1];
    struct bed *bed;

    (void)state;
    config.is_on_disk = true;
    config.disk_spare_pct = 101;
    bed = bed_new(&config, endpoints);
    create(bed, PUBS, RES("/news"), publisher);
    create(bed, SUBS, BODY("/news", "http://127.0.0.1:$P/ok"), id);
    (void)send_event(bed, publisher, TIME DATA("enumeration", "\"A\""));
    assert_json_answer(bed, 503, ERROR("try again later"));
    bed_free(bed);
}

static void an_event_that_can_never_be_stored_is_refused(void **state)
{
    struct bed_config config = bed_plain;
    char publisher[ID_LEN + 1];
    struct bed *bed;

    (void)state;
    config.pending_bytes = 256; /* less than any event */
    bed = bed_new(&config, endpoints);
    create(bed, PUBS, RES("/news"), publisher);
    (void)send_event(bed, publisher, TIME DATA("enumeration", "\"A\""));
    assert_json_answer(bed, 400, ERROR("the event is too large to be stored"));
    bed_free(bed);
}

static void an_event_is_answered_when_the_journal_has_it(void **state)
{
    struct bed_config config = bed_plain;
    char publisher[ID_LEN + 1];
    char body[1024];
    struct bed *bed;

    (void)state;
    config.is_on_disk = true;
    bed = bed_new(&config, endpoints);
    create(bed, PUBS, RES("/news"), publisher);
    for (int stops = 0; stops <= 1; stops++) {
        (void)snprintf(body, sizeof body, EVENT("%s", TIME DATA("enumeration", "\"A\"")),
                       publisher);
        asker_start(bed, &bed->asker, "POST", V1 "/create/event", "", gn_str_of(body));
        bed_wait_pending(bed, 1);
        assert_false(gn_journal_is_durable(bed->journal));
        if (stops)
            gn_v1_stop(bed->v1);
        asker_finish(bed, &bed->asker);
        if (stops)
            assert_json_answer(bed, 503, ERROR("try again later"));
        else
            assert_json_answer(bed, 202, "{\"status\":\"Event sent\"}");
    }
    bed_free(bed);
}

static void an_event_can_be_written_to_the_log(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *want;
    } rows[] = {
        {EVENT("x", TIME DATA("enumeration", "\"A\"")), 202,
         "{\"status\":\"Event published to log\"}"},
        {"{}", 202, "{\"status\":\"Event published to log\"}"},
        {"x", 400, ERROR("invalid character 'x' looking for beginning of value")},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, "POST", V1 "/log", rows[i].body);
        assert_json_answer(bed, rows[i].status, rows[i].want);
    }
}

/* ---- CloudEvents ---- */

#define CE_BINARY(version, source)                                                                 \
    "Content-Type: application/json\r\nce-specversion: " version "\r\nCe-Id: 1\r\n"                \
    "ce-source: " source "\r\nCE-Type: t.x\r\nce-time: 2026-11-21T03:49:30.5Z\r\n"
#define CE_JSON  "Content-Type: application/cloudevents+json; charset=UTF-8\r\n"
#define CE_BATCH "Content-Type: application/cloudevents-batch+json\r\n"
#define CE_DATA  "{\"version\":\"v1\",\"values\":[]}"

static int post_with(struct bed *bed, const char *path, const char *headers, const char *body)
{
    asker_start(bed, &bed->asker, "POST", path, headers, gn_str_of(body));
    asker_finish(bed, &bed->asker);
    return bed->asker.status;
}

static void a_cloud_event_is_published_for_whom_it_names_as_source(void **state)
{
    static const struct {
        const char *headers, *body, *resource;
    } rows[] = {
        {CE_BINARY("0.3", "/news"), CE_DATA, "/news"},
        {CE_BINARY("1.0", "/sport"), CE_DATA, "/sport"},
        {CE_BINARY("1.0", REDFISH), CE_DATA, REDFISH},
        {CE_BINARY("1.0", "/cluster/node/n2/redfish/event"), CE_DATA,
         "/cluster/node/n2/redfish/v1/Systems"},
        {CE_JSON,
         "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/"
         "weather\",\"type\":\"t.x\",\"data\":" CE_DATA "}",
         "/weather"},
    };
    static const char *const publishers[] = {"/news", "/sport", "/cluster/node/n1/redfish/event",
                                             "/cluster/node/n2/redfish/v1/Systems", "/weather"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_event *event;
        char id[ID_LEN + 1];
        char body[128];

        (void)snprintf(body, sizeof body, RES("%s"), publishers[i]);
        create(bed, PUBS, body, id);
        for (int again = 0; again < 2; again++) {
            (void)post_with(bed, V1 "/create/event", rows[i].headers, rows[i].body);
            assert_json_answer(bed, 202, "{\"status\":\"Event sent\"}");
        }
        event = gn_state_get(bed->state, gn_str_of(rows[i].resource));
        assert_non_null(event);
        assert_true(gn_str_eq(event->origin, gn_str_of(id))); /* who is told how it went */
    }
}

static void a_cloud_event_that_cannot_be_taken_is_refused(void **state)
{
    static const struct {
        const char *headers, *body;
        int status;
        const char *want; /* NULL: any */
    } rows[] = {
        {CE_BINARY("1.0", "/nobody"), CE_DATA, 400,
         ERROR("no publisher data for id /nobody found to publish event for")},
        {CE_JSON, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", 400,
         ERROR("source: REQUIRED")},
        {CE_JSON, "{", 400, NULL},
        {CE_BINARY("2.0", "/news"), CE_DATA, 415, ERROR("not one CloudEvent 0.3 or 1.0 in JSON")},
        {CE_BATCH, "[]", 415, ERROR("not one CloudEvent 0.3 or 1.0 in JSON")},
    };
    static const char *const paths[] = {V1 "/create/event", V1 "/log"};
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    create(bed, PUBS, RES("/news"), id);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        for (size_t k = i == 0 ? 1 : 0; k < GN_LEN(paths); k++) {
            const char *path = paths[i == 0 ? 0 : k]; /* the log knows no publishers */

            if (post_with(bed, path, rows[i].headers, rows[i].body) != rows[i].status)
                fail_msg("row %zu: %d %s", i, bed->asker.status, bed->asker.body);
            if (rows[i].want != NULL)
                assert_json_answer(bed, rows[i].status, rows[i].want);
        }
    }
}

static void a_cloud_event_can_be_written_to_the_log(void **state)
{
    struct bed *bed = *state;

    (void)post_with(bed, V1 "/log", CE_BINARY("1.0", "/nobody"), CE_DATA);
    assert_json_answer(bed, 202, "{\"status\":\"Event published to log\"}");
}

static void an_event_that_is_no_cne_is_no_state(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    create(bed, PUBS, RES("/news"), id);
    (void)post_with(bed, V1 "/create/event", CE_BINARY("1.0", "/news"), "{\"door\":\"left\"}");
    assert_json_answer(bed, 202, "{\"status\":\"Event sent\"}");
    (void)bed_ask(bed, "GET", V1 "/news/CurrentState", NULL);
    assert_json_answer(bed, 400, ERROR("event not found"));
}

static void what_is_done_is_counted_under_the_originals_names(void **state)
{
    static const char *const lines[] = {
        "\ncne_api_subscriptions{status=\"active\"} 1\n",
        "\ncne_api_publishers{status=\"active\"} 1\n",
        "\ncne_api_subscriptions{status=\"failed to create\"} 1\n",
        "\ncne_api_publishers{status=\"failed to create\"} 1\n",
        "\ncne_api_events_published{address=\"/news\",status=\"success\"} 1\n",
        "\ncne_api_events_published{address=\"/news\",status=\"fail\"} 1\n",
        "\ncne_api_events_published{address=\"other\",status=\"fail\"} 2\n",
        "\ncne_api_status_ping{status=\"failed\"} 1\n",
    };
    struct bed *bed = *state;
    struct gn_buf text = GN_BUF_INIT;
    char id[ID_LEN + 1];
    char body[128];

    create(bed, SUBS, RES("/a"), id);
    create(bed, PUBS, RES("/news"), id);
    (void)bed_ask(bed, "POST", SUBS, bed_with_port(bed, BODY("/b", "http://127.0.0.1:$P/500")));
    (void)bed_ask(bed, "POST", PUBS, "x");
    (void)send_event(bed, id, TIME DATA("enumeration", "\"A\""));
    (void)send_event(bed, "nope", TIME DATA("enumeration", "\"A\""));
    (void)snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    (void)bed_ask(bed, "POST", V1 "/create/event", body);
    (void)bed_ask(bed, "POST", V1 "/create/event", "x");
    (void)bed_ask(bed, "PUT", SUBS "/status/nope", NULL);
    gn_metrics_print(bed->metrics, &text);
    for (size_t i = 0; i < GN_LEN(lines); i++)
        if (strstr(text.data, lines[i]) == NULL)
            fail_msg("no %s", lines[i]);
    gn_buf_free(&text);
}

/* ---- CurrentState ---- */

/* Makes value the last event of resource. */
static void remember(struct bed *bed, const char *resource, const char *value)
{
    struct gn_event_parts parts = {
        .id = gn_id_random(),
        .type = GN_STR("t.x"),
        .source = GN_STR("/src"),
        .resource = gn_str_of(resource),
        .data = gn_str_of(value),
        .time_ns = 1795232970500000000,
    };
    struct gn_event *event = gn_event_new(&parts);

    assert_non_null(event);
    assert_int_equal(gn_state_put(bed->state, event), GN_OK);
    gn_event_unref(event);
}

static void the_last_event_is_answered_as_a_cloud_event(void **state)
{
    struct bed *bed = *state;
    const char *id;
    char ids[ID_LEN + 1];
    char want[512];

    create(bed, SUBS, RES("/news"), ids);
    remember(bed, "/news", "{\"version\":\"v1\",\"values\":[]}");
    (void)bed_ask(bed, "GET", V1 "/news/CurrentState", NULL);
    id = strstr(bed->asker.body, "\"id\":\"") + 6;
    (void)snprintf(
        want, sizeof want,
        "{\"specversion\":\"0.3\",\"id\":\"%.36s\",\"source\":\"/news\",\"type\":\"t.x\","
        "\"subject\":\"/src\",\"datacontenttype\":\"application/json\","
        "\"time\":\"2026-11-21T03:49:30.5Z\",\"data\":{\"version\":\"v1\",\"values\":[]}}",
        id);
    assert_json_answer(bed, 200, want);
}

static void a_state_is_found_by_whole_address_part_or_old_spelling(void **state)
{
    static const char *const resources[] = {
        "/cluster/node/n1/mock",          "/cluster/node/n1", REDFISH,
        "/cluster/node/n2/redfish/event", "/silent",          "/silent/too"};
    static const struct {
        const char *path;
        int status;
        const char *want; /* in the answer */
    } rows[] = {
        {"/cluster/node/n1/mock", 200, "{\"n\":0}"},
        {"/cluster/node/n1", 200, "{\"n\":1}"},
        {"/mock", 200, "{\"n\":0}"},
        {"/node/n1", 200, "{\"n\":0}"},
        {REDFISH, 200, "{\"n\":2}"},
        {"/cluster/node/n1/redfish/event", 200, "{\"n\":2}"},
        {"/cluster/node/n2/redfish/event", 200, "{\"n\":3}"},
        {"/cluster/node/n2/redfish/v1/Systems", 200, "{\"n\":3}"},
        {"/redfish/v1/Systems", 200, "{\"n\":2}"},
        {"/cluster%2dnode", 400, "subscription not found"},
        {"/cluster/%6eode/n1/mock", 200, "{\"n\":0}"},
        {"/silent", 400, ERROR("event not found")},
        {"/silent/t", 400, ERROR("event not found")},
        {"/nobody", 400, ERROR("subscription not found")},
        {"/MOCK", 400, ERROR("subscription not found")},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(resources); i++) {
        char id[ID_LEN + 1];
        char body[128];

        (void)snprintf(body, sizeof body, RES("%s"), resources[i]);
        create(bed, SUBS, body, id);
        (void)snprintf(body, sizeof body, "{\"n\":%zu}", i);
        if (i != 3 && i < 4)
            remember(bed, resources[i], body);
    }
    remember(bed, "/cluster/node/n2/redfish/v1/Systems", "{\"n\":3}");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char path[128];

        (void)snprintf(path, sizeof path, V1 "%s/CurrentState", rows[i].path);
        if (bed_ask(bed, "GET", path, NULL) != rows[i].status ||
            strstr(bed->asker.body, rows[i].want) == NULL)
            fail_msg("%s: %d %s", rows[i].path, bed->asker.status, bed->asker.body);
    }
}

static void of_several_matches_the_oldest_with_an_event_is_answered(void **state)
{
    static const char *const resources[] = {"/quiet/a", "/quiet/b", "/quiet/c"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(resources); i++) {
        char id[ID_LEN + 1];
        char body[64];

        (void)snprintf(body, sizeof body, RES("%s"), resources[i]);
        create(bed, SUBS, body, id);
    }
    remember(bed, "/quiet/c", "{\"n\":3}");
    remember(bed, "/quiet/b", "{\"n\":2}");
    assert_int_equal(bed_ask(bed, "GET", V1 "/quiet/CurrentState", NULL), 200);
    assert_non_null(strstr(bed->asker.body, "{\"n\":2}"));
}

static void publishers_are_looked_at_when_there_are_no_subscriptions(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    create(bed, PUBS, RES("/news"), id);
    remember(bed, "/news", "{}");
    assert_int_equal(bed_ask(bed, "GET", V1 "/news/CurrentState", NULL), 200);
    create(bed, SUBS, RES("/weather"), id);
    (void)bed_ask(bed, "GET", V1 "/news/CurrentState", NULL);
    assert_json_answer(bed, 400, ERROR("subscription not found"));
}

static void an_event_created_is_the_state_afterwards(void **state)
{
    struct bed *bed = *state;
    char id[ID_LEN + 1];

    create(bed, PUBS, RES("/news"), id);
    (void)send_event(bed, id, TIME DATA("enumeration", "\"LOCKED\""));
    assert_int_equal(bed_ask(bed, "GET", V1 "/news/CurrentState", NULL), 200);
    assert_non_null(strstr(bed->asker.body, "\"value\":\"LOCKED\""));
    assert_non_null(strstr(bed->asker.body, "\"source\":\"/news\""));
    assert_non_null(strstr(bed->asker.body, "\"subject\":\"/src\""));
}

/* ---- CurrentState, asked of publishers ---- */

#define OWN_URL     "http://localhost:9044"
#define STATE_OF(r) r "/a31e8e45-5c86-3f28-ba1b-09f5084ca515/CurrentState" /* OWN_URL's UUIDv3 */
#define JSON_OF(n)  "Content-Type: text/plain\r\nContent-Length: " n "\r\n\r\n"

static const struct peer_row publisher_rows[] = {
    {STATE_OF("/has"), "HTTP/1.1 200 OK\r\n" JSON_OF("8") "{\"n\":1}\n", 0, false},
    {STATE_OF("/has/not"),
     "HTTP/1.1 400 Bad Request\r\n" JSON_OF("30") "{\"message\":\"event not found\"}\n", 0, false},
    {STATE_OF("/says/nothing"), "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 0, false},
    {STATE_OF("/hangs"), NULL, 0, false},
    {"/health", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"ok\":true}\n", 0, false},
    {"/ok", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {0},
};

/* A v1 API of its own, with a publisher that the test plays, in front of the bed's. */
struct asking {
    struct bed *bed;
    struct gn_registrar *registrar;
    struct gn_v1 *v1;
};

/* One question: the registrar's own, and who is to be told. */
struct question {
    gn_remote_state_fn done;
    void *ctx;
    struct gn_registrar_query *query;
};

static bool has_publishers(void *ctx)
{
    const struct asking *asking = ctx;

    return gn_registrar_has_publishers(asking->registrar);
}

static void on_answer(void *ctx, const struct gn_registrar_state *state)
{
    struct question *question = ctx;

    question->done(question->ctx, &(struct gn_remote_state){state->err, state->body});
    free(question);
}

static enum gn_err ask_publishers(void *ctx, struct gn_str resource, gn_remote_state_fn done,
                                  void *done_ctx, void **query)
{
    const struct asking *asking = ctx;
    struct question *question = calloc(1, sizeof *question);

    assert_non_null(question);
    question->done = done;
    question->ctx = done_ctx;
    assert_int_equal(gn_registrar_ask(asking->registrar, resource, on_answer, question,
                                      &question->query),
                     GN_OK);
    *query = question;
    return GN_OK;
}

static void forget_query(void *ctx, void *query)
{
    struct question *question = query;

    (void)ctx;
    gn_registrar_forget(question->query);
    free(question);
}

static struct asking *asking_new(uint32_t status_ms)
{
    struct asking *asking = calloc(1, sizeof *asking);
    struct bed *bed = bed_new(&bed_plain, publisher_rows);
    const char *publisher = bed_with_port(bed, "http://127.0.0.1:$P");
    const struct gn_registrar_config registrar = {
        .own_url = OWN_URL,
        .publishers = &publisher,
        .publisher_count = 1,
        .retry_min_ms = 100,
        .retry_max_ms = 1000,
        .health_ms = 600000,
        .renew_ms = 600000,
        .status_ms = status_ms,
    };
    const struct gn_v1_config v1 = {bed->port, 10000, false};
    struct gn_v1_parts parts = {.loop = bed->loop,
                                .client = bed->client,
                                .pubsub = bed->pubsub,
                                .state = bed->state,
                                .journal = bed->journal,
                                .relay = bed->relay,
                                .metrics = bed->metrics,
                                .cne = bed->cne};

    assert_non_null(asking);
    asking->bed = bed;
    asking->registrar = gn_registrar_new(&registrar, bed->loop, bed->client, bed->metrics);
    assert_non_null(asking->registrar);
    gn_registrar_start(asking->registrar);
    parts.remote = (struct gn_remote){
        .has = has_publishers, .ask = ask_publishers, .forget = forget_query, .ctx = asking};
    asking->v1 = gn_v1_new(&v1, &parts);
    assert_non_null(asking->v1);
    bed->rest.v1 = asking->v1;
    return asking;
}

static void asking_free(struct asking *asking)
{
    gn_v1_stop(asking->v1);
    gn_registrar_stop(asking->registrar);
    while (gn_registrar_active(asking->registrar) > 0)
        bed_turn(asking->bed);
    gn_v1_free(asking->v1);
    gn_registrar_free(asking->registrar);
    bed_free(asking->bed);
    free(asking);
}

static void the_state_is_asked_of_publishers_first(void **state)
{
    struct asking *asking = asking_new(10000);
    struct bed *bed = asking->bed;
    char id[ID_LEN + 1];

    (void)state;
    create(bed, SUBS, RES("/has"), id);
    create(bed, SUBS, RES("/has/not"), id);
    create(bed, SUBS, RES("/says/nothing"), id);
    remember(bed, "/has", "{\"own\":1}");
    (void)bed_ask(bed, "GET", V1 "/has/CurrentState", NULL);
    assert_json_answer(bed, 200, "{\"n\":1}\n");
    (void)bed_ask(bed, "GET", V1 "/has/not/CurrentState", NULL);
    assert_json_answer(bed, 400, ERROR("{\\\"message\\\":\\\"event not found\\\"}\\n"));
    (void)bed_ask(bed, "GET", V1 "/says/nothing/CurrentState", NULL);
    assert_json_answer(bed, 400, ERROR("event not found"));
    (void)bed_ask(bed, "GET", V1 "/unknown/CurrentState", NULL);
    assert_json_answer(bed, 400, ERROR("subscription not found"));
    asking_free(asking);
}

static void without_a_publishers_state_our_own_is_given(void **state)
{
    struct asking *asking = asking_new(100);
    struct bed *bed = asking->bed;
    static const char *const resources[] = {"/has/not", "/hangs"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(resources); i++) {
        char id[ID_LEN + 1];
        char text[128];

        (void)snprintf(text, sizeof text, RES("%s"), resources[i]);
        create(bed, SUBS, text, id);
        remember(bed, resources[i], "{\"own\":1}");
        (void)snprintf(text, sizeof text, V1 "%s/CurrentState", resources[i]);
        assert_int_equal(bed_ask(bed, "GET", text, NULL), 200);
        assert_non_null(strstr(bed->asker.body, "\"data\":{\"own\":1}}"));
    }
    asking_free(asking);
}

static void publishers_that_do_not_answer_are_a_timeout(void **state)
{
    struct asking *asking = asking_new(100);
    struct bed *bed = asking->bed;
    char id[ID_LEN + 1];

    (void)state;
    create(bed, SUBS, RES("/hangs"), id);
    (void)bed_ask(bed, "GET", V1 "/hangs/CurrentState", NULL);
    assert_json_answer(bed, 400, ERROR("timeout waiting for status"));
    asking_free(asking);
}

static void our_own_publishers_are_not_asked_elsewhere(void **state)
{
    struct asking *asking = asking_new(10000);
    struct bed *bed = asking->bed;
    char id[ID_LEN + 1];

    (void)state;
    create(bed, PUBS, RES("/hangs"), id);
    (void)bed_ask(bed, "GET", V1 "/hangs/CurrentState", NULL);
    assert_json_answer(bed, 400, ERROR("event not found"));
    asking_free(asking);
}

static void more_questions_than_the_limit_are_put_off(void **state)
{
    struct asking *asking = asking_new(600000);
    struct bed *bed = asking->bed;
    struct asker *waiting = calloc(GN_V1_ASKS_MAX, sizeof *waiting);
    char id[ID_LEN + 1];

    (void)state;
    assert_non_null(waiting);
    create(bed, SUBS, RES("/hangs"), id);
    for (size_t i = 0; i < GN_V1_ASKS_MAX; i++)
        asker_start(bed, &waiting[i], "GET", V1 "/hangs/CurrentState", "", GN_STR_NONE);
    bed_wait_pending(bed, GN_V1_ASKS_MAX);
    (void)bed_ask(bed, "GET", V1 "/hangs/CurrentState", NULL);
    assert_json_answer(bed, 503, ERROR("try again later"));
    close(waiting[0].fd); /* one leaves, the others are told at the stop */
    gn_v1_stop(asking->v1);
    for (size_t i = 1; i < GN_V1_ASKS_MAX; i++) {
        asker_finish(bed, &waiting[i]);
        assert_int_equal(waiting[i].status, 503);
    }
    free(waiting);
    asking_free(asking);
}

static void a_ping_asks_publishers_and_does_not_wait(void **state)
{
    struct asking *asking = asking_new(600000);
    struct bed *bed = asking->bed;
    struct gn_buf text = GN_BUF_INIT;
    char id[ID_LEN + 1];
    char path[128];

    (void)state;
    create(bed, SUBS, RES("/hangs"), id);
    (void)snprintf(path, sizeof path, SUBS "/status/%s", id);
    (void)bed_ask(bed, "PUT", path, NULL);
    assert_json_answer(bed, 202, "{\"status\":\"ping sent\"}");
    while (bed->peer->last.data == NULL ||
           strstr(bed->peer->last.data, "GET " STATE_OF("/hangs") " ") == NULL)
        bed_turn(bed);
    gn_metrics_print(bed->metrics, &text);
    assert_non_null(strstr(text.data, "\ncne_api_status_ping{status=\"success\"} 1\n"));
    gn_buf_free(&text);
    asking_free(asking);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(a_record_whose_endpoint_answers_2xx_is_created),
        WITH_BED(the_probe_is_an_empty_post),
        cmocka_unit_test(a_record_whose_endpoint_fails_is_refused_in_gos_words),
        WITH_BED(a_refused_connection_is_told_in_gos_words),
        WITH_BED(an_answer_that_breaks_off_is_refused),
        WITH_BED(an_endpoint_that_cannot_be_posted_to_is_refused_at_once),
        WITH_BED(a_very_long_endpoint_is_refused),
        WITH_BED(a_very_long_resource_is_refused),
        WITH_BED(without_an_endpoint_that_go_could_read_there_is_no_probe),
        WITH_BED(an_endpoint_of_this_very_server_can_be_probed),
        WITH_BED(a_hanging_endpoint_does_not_hold_up_others),
        cmocka_unit_test(a_client_that_leaves_during_the_probe_does_no_harm),
        WITH_BED(more_probes_than_the_limit_are_put_off),
        WITH_BED(a_stopped_api_puts_every_request_off),
        WITH_BED(keys_are_found_in_any_case),
        WITH_BED(the_two_uris_may_stand_the_other_way_round),
        WITH_BED(a_body_that_is_no_such_object_is_a_marshalling_error),
        WITH_BED(each_prefix_serves_and_is_kept_in_the_link),
        WITH_BED(the_same_resource_and_endpoint_get_the_same_record),
        WITH_BED(another_endpoint_gets_a_record_of_its_own),
        cmocka_unit_test(with_first_wins_another_endpoint_gets_the_first_record),
        WITH_BED(equal_creates_at_the_same_time_get_one_record),
        WITH_BED(an_empty_collection_is_an_empty_array),
        WITH_BED(a_list_is_what_the_file_holds),
        WITH_BED(one_record_is_shown_by_its_id),
        WITH_BED(a_delete_is_answered_alike_for_known_and_unknown_ids),
        WITH_BED(a_delete_of_all_takes_one_kind),
        WITH_BED(records_survive_a_restart),
        WITH_BED(what_cannot_be_stored_is_not_confirmed),
        WITH_BED(records_are_counted),
        WITH_BED(small_routes_answer_as_the_original),
        WITH_BED(a_wrong_method_gets_405_without_more),
        WITH_BED(an_unknown_path_gets_gos_404),
        WITH_BED(a_path_that_is_not_clean_is_redirected),
        WITH_BED(a_status_ping_is_taken_for_known_subscriptions),
        WITH_BED(an_event_is_taken_and_delivered),
        WITH_BED(an_event_that_cannot_be_read_is_answered_in_gos_words),
        WITH_BED(an_event_is_taken_even_when_it_can_go_nowhere),
        cmocka_unit_test(without_room_an_event_is_put_off),
        cmocka_unit_test(an_event_that_can_never_be_stored_is_refused),
        WITH_BED(an_event_can_be_written_to_the_log),
        cmocka_unit_test(an_event_is_answered_when_the_journal_has_it),
        WITH_BED(the_last_event_is_answered_as_a_cloud_event),
        WITH_BED(a_state_is_found_by_whole_address_part_or_old_spelling),
        WITH_BED(of_several_matches_the_oldest_with_an_event_is_answered),
        WITH_BED(publishers_are_looked_at_when_there_are_no_subscriptions),
        WITH_BED(an_event_created_is_the_state_afterwards),
        WITH_BED(a_cloud_event_is_published_for_whom_it_names_as_source),
        WITH_BED(a_cloud_event_that_cannot_be_taken_is_refused),
        WITH_BED(a_cloud_event_can_be_written_to_the_log),
        WITH_BED(an_event_that_is_no_cne_is_no_state),
        WITH_BED(what_is_done_is_counted_under_the_originals_names),
        cmocka_unit_test(the_state_is_asked_of_publishers_first),
        cmocka_unit_test(without_a_publishers_state_our_own_is_given),
        cmocka_unit_test(publishers_that_do_not_answer_are_a_timeout),
        cmocka_unit_test(our_own_publishers_are_not_asked_elsewhere),
        cmocka_unit_test(more_questions_than_the_limit_are_put_off),
        cmocka_unit_test(a_ping_asks_publishers_and_does_not_wait),
    };

    return cmocka_run_group_tests_name("v1", tests, NULL, NULL);
}
