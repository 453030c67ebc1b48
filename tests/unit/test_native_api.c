/* The native API, asked over a socket, with sinks that the test plays. */
#include "api_bed.h"

#include <sys/stat.h>

#include "gurnard/base/json.h"
#include "gurnard/relay/native_spec.h"
#include "gurnard/api/native_api.h"
#include "gurnard/api/reply.h"

#define API         GN_NATIVE_PREFIX
#define SUBS        API "/subscriptions"
#define EVENTS      API "/events"
#define ERROR(text) "{\"error\":\"" text "\"}"
#define LATER       ERROR("try again later")
#define JSON_TYPE   "Content-Type: application/json\r\n"
#define CE_TYPE     "Content-Type: application/cloudevents+json\r\n"
#define BATCH_TYPE  "Content-Type: application/cloudevents-batch+json\r\n"
#define SINK(path)  "\"sink\":\"http://127.0.0.1:$P" path "\""
#define ASKS(how)   "\"config\":{\"handshake\":\"" how "\"}"
#define ID_LEN      36

#define SHAKES(result) "gurnard_native_handshakes_total", "result=\"" result "\""

#define CE(id)                                                                                     \
    "{\"specversion\":\"1.0\",\"id\":\"" id "\",\"source\":\"/doors\",\"type\":\"t\","             \
    "\"data\":{\"n\":1}}"
#define CE_OLD(id)                                                                                 \
    "{\"specversion\":\"0.3\",\"id\":\"" id "\",\"source\":\"/doors\",\"type\":\"t\"}"
#define CE_HEADERS(id) "ce-specversion: 1.0\r\nCE-Id: " id "\r\nCe-source: /doors\r\nce-type: t\r\n"

static const struct peer_row sinks[] = {
    {"/ok", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/any", "HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: *\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/n1",
     "HTTP/1.1 405 Method Not Allowed\r\nwebhook-allowed-origin:  N1 \r\nContent-Length: 0\r\n\r\n",
     0, false},
    {"/n2", "HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: n2\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/302", "HTTP/1.1 302 Found\r\nLocation: /any\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"/cut", "HTTP/1.1 2", 0, true},
    {"/hang", NULL, 0, false},
    {0},
};

/* A bed whose server asks the native API. */
struct fixture {
    struct bed *bed;
    struct gn_native_api *native;
};

static void on_request(void *ctx, struct gn_http_request *request)
{
    if (!gn_native_handle(ctx, request))
        gn_reply_not_found(request);
}

static struct fixture *fixture_new(const struct bed_config *config)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct gn_native_config native = {"http://localhost:8089", "n1",
                                            config->probe_timeout_ms};
    struct gn_native_parts parts;

    assert_non_null(f);
    f->bed = bed_new(config, sinks);
    parts = (struct gn_native_parts){.loop = f->bed->loop,
                                     .client = f->bed->client,
                                     .pubsub = f->bed->pubsub,
                                     .journal = f->bed->journal,
                                     .relay = f->bed->relay,
                                     .metrics = f->bed->metrics};
    f->native = gn_native_new(&native, &parts);
    assert_non_null(f->native);
    f->bed->handler = on_request;
    f->bed->handler_ctx = f->native;
    return f;
}

static void fixture_free(struct fixture *f)
{
    gn_native_stop(f->native);
    bed_free(f->bed);
    gn_native_free(f->native);
    free(f);
}

static int setup(void **state)
{
    *state = fixture_new(&bed_plain);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

/* ---- asking ---- */

static int ask(struct bed *bed, const char *method, const char *path, const char *headers,
               const char *body)
{
    asker_start(bed, &bed->asker, method, path, headers, gn_str_of(body));
    asker_finish(bed, &bed->asker);
    return bed->asker.status;
}

/* body may hold $P. */
static int post(struct bed *bed, const char *body)
{
    return ask(bed, "POST", SUBS, JSON_TYPE, bed_with_port(bed, body));
}

static void assert_status(const struct bed *bed, int want)
{
    if (bed->asker.status != want)
        fail_msg("%d, not %d: %s", bed->asker.status, want, bed->asker.body);
}

/* Makes a subscription and gives its path. */
static const char *create(struct bed *bed, const char *body, char path[sizeof SUBS + 1 + ID_LEN])
{
    (void)post(bed, body);
    assert_status(bed, 201);
    assert_int_equal(strncmp(bed->asker.body, "{\"id\":\"", 7), 0);
    (void)snprintf(path, sizeof SUBS + 1 + ID_LEN, SUBS "/%.36s", bed->asker.body + 7);
    return path;
}

/* Whether the last answer is the object of this path, with members behind its id. */
static void assert_object(const struct bed *bed, int status, const char *path, const char *members)
{
    char want[4096];

    (void)snprintf(want, sizeof want, "{\"id\":\"%s\",%s}", path + sizeof SUBS,
                   bed_with_port(bed, members));
    assert_json_answer(bed, status, want);
}

#define PATH_BYTES (sizeof SUBS + 1 + ID_LEN)

#define PLAIN_CONFIG                                                                               \
    "\"config\":{\"mode\":\"structured\",\"split\":\"record\",\"handshake\":\"off\"}"

/* ---- creating and showing ---- */

static void a_subscription_is_made_and_shown(void **state)
{
    static const char members[] = PLAIN_CONFIG "," SINK("/ok") ",\"protocol\":\"HTTP\"";
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];
    char want[1024];

    create(bed, "{" SINK("/ok") "}", path);
    assert_object(bed, 201, path, members);
    (void)snprintf(want, sizeof want, "http://localhost:8089%s", path);
    assert_string_equal(bed_header(bed, "Location: "), want);
    assert_int_equal(bed->peer->requests, 0);
    (void)ask(bed, "GET", path, "", NULL);
    assert_object(bed, 200, path, members);
    (void)snprintf(want, sizeof want, "[%s]", bed->asker.body);
    (void)ask(bed, "GET", SUBS, "", NULL);
    assert_json_answer(bed, 200, want);
}

static void all_members_are_shown_in_their_order(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(
        bed,
        "{\"protocolsettings\":{\"headers\":{\"X-Token\":\"s3cr3t\"},\"method\":\"POST\"},"
        "\"protocol\":\"HTTP\"," SINK(
            "/ok") ",\"filters\":[{\"not\":{\"exact\":{\"a\":\"b\"}}}],"
                   "\"config\":{\"expire\":\"12h\",\"mode\":\"batch\",\"retry\":{\"max\":\"5m\"},"
                   "\"split\":\"whole\"},\"types\":[\"a\",\"b\"],\"source\":\"/"
                   "s\",\"id\":\"mine\"}",
        path);
    assert_object(bed, 201, path,
                  "\"source\":\"/s\",\"types\":[\"a\",\"b\"],\"config\":{\"mode\":\"batch\","
                  "\"split\":\"whole\",\"retry\":{\"max\":\"5m\"},\"expire\":\"12h\","
                  "\"handshake\":\"off\"},\"filters\":[{\"not\":{\"exact\":{\"a\":\"b\"}}}]," SINK(
                      "/ok") ",\"protocol\":\"HTTP\",\"protocolsettings\":{\"headers\":{"
                             "\"X-Token\":null},\"method\":\"POST\"}");
}

static void what_is_stored_reads_as_what_was_asked_for(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    const struct gn_pubsub_item *item;
    struct gn_native_spec *spec = NULL;
    char error[GN_NATIVE_ERROR_MAX];
    json_t *stored = NULL;
    char path[PATH_BYTES];

    create(bed,
           "{" SINK("/any") ",\"types\":[\"a\"],\"config\":{\"mode\":\"binary\",\"expire\":\"1h\","
                            "\"retry\":{\"min\":\"2s\"},\"handshake\":\"required\"},"
                            "\"filters\":[],\"protocolsettings\":{\"headers\":{\"A\":\"b\"}}}",
           path);
    item = gn_pubsub_find(bed->pubsub, GN_NATIVE, gn_str_of(path + sizeof SUBS));
    assert_non_null(item);
    assert_int_equal(gn_json_parse(gn_str_of(item->config), NULL, &stored), GN_OK);
    assert_int_equal(gn_native_spec_parse(stored, &spec, error), GN_OK);
    assert_string_equal(spec->sink, bed_with_port(bed, "http://127.0.0.1:$P/any"));
    assert_string_equal(spec->sink, item->endpoint_uri);
    assert_int_equal(spec->type_count, 1);
    assert_null(spec->filter);
    assert_int_equal(spec->mode, GN_CE_BINARY);
    assert_int_equal(spec->split, GN_SPLIT_RECORD);
    assert_int_equal(spec->handshake, GN_HANDSHAKE_REQUIRED);
    assert_int_equal(spec->expire_ms, 3600000);
    assert_int_equal(spec->retry_min_ms, 2000);
    assert_int_equal(spec->retry_max_ms, 0);
    assert_string_equal(spec->headers[0], "A: b");
    gn_native_spec_free(spec);
    json_decref(stored);
}

static void each_post_makes_a_subscription_of_its_own(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char paths[2][PATH_BYTES];

    (void)ask(bed, "GET", SUBS, "", NULL);
    assert_json_answer(bed, 200, "[]");
    create(bed, "{" SINK("/ok") "}", paths[0]);
    create(bed, "{" SINK("/ok") "}", paths[1]);
    assert_string_not_equal(paths[0], paths[1]);
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_NATIVE), 2);
    (void)ask(bed, "GET", SUBS, "", NULL);
    assert_non_null(strstr(bed->asker.body, "},{\"id\":\""));
}

static void a_body_that_is_no_subscription_is_refused(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"{\"sink\":\"\\u0000\"}", "not JSON"},
        {"[]", ""},
        {"5", ""},
        {"{}", "sink"},
        {"{\"sink\":\"ftp://h/\"}", "sink"},
        {"{" SINK("/ok") ",\"more\":1}", "more"},
        {"{" SINK("/ok") ",\"config\":{\"mode\":\"x\"}}", "config.mode"},
        {"{" SINK("/ok") ",\"filters\":[{\"sql\":\"1\"}]}", "sql"},
        {"{" SINK("/ok") ",\"protocolsettings\":{\"headers\":{\"A\":null}}}",
         "protocolsettings.headers.A: the value must be given"},
    };
    struct bed *bed = ((struct fixture *)*state)->bed;
    struct gn_buf deep = GN_BUF_INIT;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)post(bed, rows[i].body);
        assert_status(bed, 400);
        assert_int_equal(strncmp(bed->asker.body, "{\"error\":\"", 10), 0);
        assert_non_null(strstr(bed->asker.body, rows[i].want));
    }
    for (int i = 0; i < 40; i++)
        gn_buf_putc(&deep, '[');
    (void)post(bed, deep.data);
    assert_json_answer(bed, 400, ERROR("too large, or nested too deeply"));
    gn_buf_free(&deep);
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_NATIVE), 0);
}

static void only_json_is_taken(void **state)
{
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {"", 201},
        {JSON_TYPE, 201},
        {"Content-Type: Application/JSON ; charset=utf-8\r\n", 201},
        {"Content-Type: application/cloudevents-subscription+json\r\n", 201},
        {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
        {"Content-Type: text/plain\r\n", 415},
        {CE_TYPE, 415},
    };
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, "{" SINK("/ok") "}", path);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *body = bed_with_port(bed, "{" SINK("/ok") "}");

        (void)ask(bed, "POST", SUBS, rows[i].headers, body);
        assert_status(bed, rows[i].status);
        (void)ask(bed, "PUT", path, rows[i].headers, body);
        assert_status(bed, rows[i].status == 201 ? 200 : 415);
    }
    assert_json_answer(bed, 415, ERROR("Content-Type must be application/json"));
}

/* ---- secrets ---- */

#define WITH_TOKEN(value) ",\"protocolsettings\":{\"headers\":{\"X-Token\":" value "}}}"

static const char *stored_token(const struct bed *bed, const char *path)
{
    const struct gn_pubsub_item *item =
        gn_pubsub_find(bed->pubsub, GN_NATIVE, gn_str_of(path + sizeof SUBS));
    static char text[64];
    const char *at;

    assert_non_null(item);
    at = strstr(item->config, "\"X-Token\":");
    assert_non_null(at);
    (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(at + 10, "}"), at + 10);
    return text;
}

static void the_values_of_headers_are_kept_and_not_shown(void **state)
{
    static const char *const methods[] = {"GET", "PUT", "DELETE"};
    struct bed *bed = ((struct fixture *)*state)->bed;
    const char *body = "{" SINK("/ok") WITH_TOKEN("\"s3cr3t\"");
    char path[PATH_BYTES];

    create(bed, body, path);
    assert_null(strstr(bed->asker.body, "s3cr3t"));
    assert_string_equal(stored_token(bed, path), "\"s3cr3t\"");
    (void)ask(bed, "GET", SUBS, "", NULL);
    assert_null(strstr(bed->asker.body, "s3cr3t"));
    for (size_t i = 0; i < GN_LEN(methods); i++) {
        (void)ask(bed, methods[i], path, "", i == 1 ? bed_with_port(bed, body) : NULL);
        assert_status(bed, 200);
        assert_null(strstr(bed->asker.text, "s3cr3t"));
        assert_non_null(strstr(bed->asker.body, "\"X-Token\":null"));
    }
}

static void what_was_shown_can_be_put_back_with_its_secrets(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];
    char *shown;

    create(bed, "{" SINK("/ok") WITH_TOKEN("\"s3cr3t\""), path);
    shown = strdup(bed->asker.body);
    (void)ask(bed, "PUT", path, JSON_TYPE, shown);
    assert_answer(bed, 200, shown);
    assert_string_equal(stored_token(bed, path), "\"s3cr3t\"");
    free(shown);
}

static void a_secret_does_not_go_to_another_sink(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, "{" SINK("/ok") WITH_TOKEN("\"s3cr3t\""), path);
    (void)ask(bed, "PUT", path, JSON_TYPE, bed_with_port(bed, "{" SINK("/any") WITH_TOKEN("null")));
    assert_json_answer(bed, 400,
                       ERROR("protocolsettings.headers.X-Token: the value must be given"));
    (void)ask(bed, "PUT", path, JSON_TYPE,
              bed_with_port(bed, "{" SINK("/any") WITH_TOKEN("\"new\"")));
    assert_status(bed, 200);
    assert_string_equal(stored_token(bed, path), "\"new\"");
}

/* ---- changing and deleting ---- */

static void a_put_replaces_the_object(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, "{" SINK("/ok") ",\"types\":[\"a\"]}", path);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            (void)ask(bed, "PUT", path, JSON_TYPE,
                      bed_with_port(bed, "{" SINK("/any") ",\"source\":\"/s\"}"));
        else
            (void)ask(bed, "GET", path, "", NULL);
        assert_object(bed, 200, path,
                      "\"source\":\"/s\"," PLAIN_CONFIG "," SINK("/any") ",\"protocol\":\"HTTP\"");
    }
}

static void a_bad_put_changes_nothing(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, "{" SINK("/ok") "}", path);
    (void)ask(bed, "PUT", path, JSON_TYPE, "{\"sink\":\"x\"}");
    assert_status(bed, 400);
    (void)ask(bed, "GET", path, "", NULL);
    assert_object(bed, 200, path, PLAIN_CONFIG "," SINK("/ok") ",\"protocol\":\"HTTP\"");
}

static void a_deleted_subscription_is_shown_once_more(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, "{" SINK("/ok") "}", path);
    (void)ask(bed, "DELETE", path, "", NULL);
    assert_object(bed, 200, path, PLAIN_CONFIG "," SINK("/ok") ",\"protocol\":\"HTTP\"");
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_NATIVE), 0);
}

static void an_unknown_id_is_not_found(void **state)
{
    static const char *const methods[] = {"GET", "PUT", "DELETE"};
    struct bed *bed = ((struct fixture *)*state)->bed;

    for (size_t i = 0; i < GN_LEN(methods); i++) {
        (void)ask(bed, methods[i], SUBS "/nope", "", i == 1 ? "{}" : NULL);
        assert_json_answer(bed, 404, ERROR("subscription not found"));
    }
}

/* Makes the file one that cannot be written. */
static void block_file(const struct bed *bed, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", bed->folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void what_cannot_be_stored_is_put_off(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, "{" SINK("/ok") "}", path);
    block_file(bed, "native.json.tmp");
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, -1); /* errors are expected here */
    (void)post(bed, "{" SINK("/ok") "}");
    assert_json_answer(bed, 503, LATER);
    assert_string_equal(bed_header(bed, "Retry-After: "), "5");
    assert_int_equal(gn_pubsub_count(bed->pubsub, GN_NATIVE), 1);
    (void)ask(bed, "PUT", path, JSON_TYPE, bed_with_port(bed, "{" SINK("/any") "}"));
    assert_json_answer(bed, 503, LATER);
    (void)ask(bed, "DELETE", path, "", NULL);
    assert_json_answer(bed, 503, LATER);
}

/* ---- the handshake ---- */

static void the_handshake_says_who_asks(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    const char *asked;
    char path[PATH_BYTES];
    char via[128];

    create(bed, "{" SINK("/any") "," ASKS("required") "}", path);
    asked = bed->peer->last.data;
    assert_int_equal(strncmp(asked, "OPTIONS /any HTTP/1.1\r\n", 23), 0);
    assert_non_null(strstr(asked, "\r\nWebHook-Request-Origin: n1\r\n"));
    (void)snprintf(via, sizeof via, "\r\nGurnard-Via: %s\r\n", gn_relay_instance(bed->relay));
    assert_non_null(strstr(asked, via));
}

static void only_the_allowed_origin_is_consent(void **state)
{
    static const struct {
        const char *sink;
        const char *why_not; /* NULL: it is consent */
        const char *result;
    } rows[] = {
        {SINK("/any"), NULL, "result=\"consented\""},
        {SINK("/n1"), NULL, "result=\"consented\""},
        {SINK("/n2"), "it allows another origin", "result=\"refused\""},
        {SINK("/ok"), "its answer has no WebHook-Allowed-Origin", "result=\"refused\""},
        {SINK("/302"), "its answer has no WebHook-Allowed-Origin", "result=\"refused\""},
        {SINK("/cut"), "", "result=\"failed\""},
        {"\"sink\":\"http://127.0.0.1:1/\"", "", "result=\"failed\""},
    };
    struct bed *bed = ((struct fixture *)*state)->bed;
    char body[512];

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        unsigned before = bed_count(bed, "gurnard_native_handshakes_total", rows[i].result);

        (void)snprintf(body, sizeof body, "{%s," ASKS("required") "}", rows[i].sink);
        (void)post(bed, body);
        assert_status(bed, rows[i].why_not == NULL ? 201 : 400);
        if (rows[i].why_not != NULL) {
            assert_non_null(strstr(bed->asker.body, "{\"error\":\"sink did not consent: "));
            assert_non_null(strstr(bed->asker.body, rows[i].why_not));
        }
        (void)snprintf(body, sizeof body, "{%s," ASKS("try") "}", rows[i].sink);
        (void)post(bed, body);
        assert_status(bed, 201);
        assert_int_equal(bed_count(bed, "gurnard_native_handshakes_total", rows[i].result),
                         before + 2);
    }
}

static void a_put_asks_again_only_where_there_is_something_new(void **state)
{
    static const struct {
        const char *body;
        unsigned requests;
    } rows[] = {
        {"{" SINK("/any") "," ASKS("required") "}", 0},
        {"{" SINK("/any") ",\"source\":\"/s\"," ASKS("required") "}", 0},
        {"{" SINK("/n1") "," ASKS("required") "}", 1},
        {"{" SINK("/n1") "," ASKS("try") "}", 1},
        {"{" SINK("/ok") "," ASKS("off") "}", 0},
        {"{" SINK("/any") "}", 0},
        {"{" SINK("/any") "," ASKS("required") "}", 1},
    };
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, rows[0].body, path);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        bed->peer->requests = 0;
        (void)ask(bed, "PUT", path, JSON_TYPE, bed_with_port(bed, rows[i].body));
        assert_status(bed, 200);
        assert_int_equal(bed->peer->requests, rows[i].requests);
    }
    (void)ask(bed, "PUT", path, JSON_TYPE,
              bed_with_port(bed, "{" SINK("/n2") "," ASKS("required") "}"));
    assert_status(bed, 400);
    (void)ask(bed, "GET", path, "", NULL);
    assert_non_null(strstr(bed->asker.body, "/any\""));
}

static void wait_for_requests(struct bed *bed, unsigned count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (bed->peer->requests < count) {
        assert_true(gn_clock_mono_ms() < end_ms);
        bed_turn(bed);
    }
}

static void a_subscription_deleted_during_its_handshake_is_not_found(void **state)
{
    struct bed_config config = bed_plain;
    struct fixture *f;
    char path[PATH_BYTES];

    (void)state;
    config.probe_timeout_ms = 100;
    f = fixture_new(&config);
    create(f->bed, "{" SINK("/ok") "}", path);
    asker_start(f->bed, &f->bed->asker, "PUT", path, JSON_TYPE,
                gn_str_of(bed_with_port(f->bed, "{" SINK("/hang") "," ASKS("try") "}")));
    bed_wait_pending(f->bed, 1);
    gn_pubsub_remove_all(f->bed->pubsub, GN_NATIVE);
    asker_finish(f->bed, &f->bed->asker);
    assert_json_answer(f->bed, 404, ERROR("subscription not found"));
    assert_int_equal(bed_count(f->bed, SHAKES("failed")), 1);
    fixture_free(f);
}

static void a_client_that_leaves_during_the_handshake_does_no_harm(void **state)
{
    struct bed_config config = bed_plain;
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;
    struct fixture *f;

    (void)state;
    config.probe_timeout_ms = 100;
    f = fixture_new(&config);
    asker_start(f->bed, &f->bed->asker, "POST", SUBS, JSON_TYPE,
                gn_str_of(bed_with_port(f->bed, "{" SINK("/hang") "," ASKS("required") "}")));
    wait_for_requests(f->bed, 1);
    close(f->bed->asker.fd);
    while (gn_http_server_pending(f->bed->server) > 0 && gn_clock_mono_ms() < end_ms)
        bed_turn(f->bed);
    (void)ask(f->bed, "GET", SUBS, "", NULL);
    assert_json_answer(f->bed, 200, "[]");
    fixture_free(f);
}

static void more_handshakes_than_the_limit_are_put_off(void **state)
{
    struct fixture *f = *state;
    struct asker *waiting = calloc(GN_NATIVE_HANDSHAKES_MAX, sizeof *waiting);
    const char *body = bed_with_port(f->bed, "{" SINK("/hang") "," ASKS("try") "}");

    assert_non_null(waiting);
    for (size_t i = 0; i < GN_NATIVE_HANDSHAKES_MAX; i++)
        asker_start(f->bed, &waiting[i], "POST", SUBS, "", gn_str_of(body));
    wait_for_requests(f->bed, GN_NATIVE_HANDSHAKES_MAX);
    (void)ask(f->bed, "POST", SUBS, "", body);
    assert_json_answer(f->bed, 503, LATER);
    gn_native_stop(f->native);
    for (size_t i = 0; i < GN_NATIVE_HANDSHAKES_MAX; i++) {
        asker_finish(f->bed, &waiting[i]);
        assert_int_equal(waiting[i].status, 503);
        assert_string_equal(waiting[i].body, LATER);
    }
    free(waiting);
}

static void a_stopped_api_puts_every_request_off(void **state)
{
    struct fixture *f = *state;

    gn_native_stop(f->native);
    (void)ask(f->bed, "GET", SUBS, "", NULL);
    assert_json_answer(f->bed, 503, LATER);
    (void)ask(f->bed, "POST", EVENTS, CE_TYPE, CE("1"));
    assert_json_answer(f->bed, 503, LATER);
}

/* ---- routes ---- */

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *allow;
    } rows[] = {
        {"OPTIONS", SUBS, 200, "GET, HEAD, POST, OPTIONS"},
        {"DELETE", SUBS, 405, "GET, HEAD, POST, OPTIONS"},
        {"PUT", SUBS, 405, "GET, HEAD, POST, OPTIONS"},
        {"OPTIONS", SUBS "/x", 200, "GET, HEAD, PUT, DELETE, OPTIONS"},
        {"POST", SUBS "/x", 405, "GET, HEAD, PUT, DELETE, OPTIONS"},
        {"PATCH", SUBS "/x", 405, "GET, HEAD, PUT, DELETE, OPTIONS"},
        {"OPTIONS", EVENTS, 200, "POST, OPTIONS"},
        {"GET", EVENTS, 405, "POST, OPTIONS"},
        {"PUT", EVENTS, 405, "POST, OPTIONS"},
    };
    struct bed *bed = ((struct fixture *)*state)->bed;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)ask(bed, rows[i].method, rows[i].path, "", NULL);
        assert_status(bed, rows[i].status);
        assert_string_equal(bed_header(bed, "Allow: "), rows[i].allow);
        assert_null(bed_header(bed, "WebHook-Allowed-Origin: "));
        if (rows[i].status == 405)
            assert_string_equal(bed->asker.body, ERROR("method not allowed"));
    }
}

static void only_paths_below_the_prefix_are_answered(void **state)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        {API, ERROR("not found")},
        {API "/", ERROR("not found")},
        {API "/subscription", ERROR("not found")},
        {SUBS "/", ERROR("not found")},
        {SUBS "/a/b", ERROR("not found")},
        {SUBS "/a/", ERROR("not found")},
        {EVENTS "/", ERROR("not found")},
        {API "0/events", "404 page not found\n"},
        {"/api/gurnard", "404 page not found\n"},
    };
    struct bed *bed = ((struct fixture *)*state)->bed;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)ask(bed, "GET", rows[i].path, "", NULL);
        assert_answer(bed, 404, rows[i].want);
    }
}

static void head_is_answered_like_get(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];

    create(bed, "{" SINK("/ok") "}", path);
    (void)ask(bed, "HEAD", SUBS, "", NULL);
    assert_answer(bed, 200, "");
    (void)ask(bed, "HEAD", path, "", NULL);
    assert_answer(bed, 200, "");
}

static void whoever_asks_may_send_events(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;

    (void)ask(bed, "OPTIONS", EVENTS,
              "WebHook-Request-Origin: eventemitter.example.com\r\nWebHook-Request-Rate: 120\r\n",
              NULL);
    assert_status(bed, 200);
    assert_string_equal(bed_header(bed, "Allow: "), "POST, OPTIONS");
    assert_string_equal(bed_header(bed, "WebHook-Allowed-Origin: "), "*");
    assert_string_equal(bed_header(bed, "WebHook-Allowed-Rate: "), "*");
}

/* ---- events ---- */

static void events_are_taken_in_every_mode(void **state)
{
    static const struct {
        const char *headers, *body;
        unsigned events;
    } rows[] = {
        {CE_HEADERS("1") JSON_TYPE, "{\"door\":1}", 1},
        {CE_HEADERS("2") "Content-Type: text/plain\r\n", "open", 1},
        {CE_HEADERS("3"), NULL, 1},
        {CE_TYPE, CE("4"), 1},
        {"Content-Type: application/cloudevents\r\n", CE("5"), 1},
        {CE_TYPE, CE_OLD("6"), 1},
        {"ce-specversion: 0.3\r\nce-id: 7\r\nce-source: /doors\r\nce-type: t\r\n", NULL, 1},
        {BATCH_TYPE, "[" CE("8") "," CE("9") "]", 2},
        {BATCH_TYPE, "[]", 0},
        {BATCH_TYPE, "[" CE("8") "," CE("1") "," CE("10") "]", 1},
        {CE_HEADERS("1") JSON_TYPE, "{\"door\":1}", 0}, /* a repeat */
    };
    struct bed *bed = ((struct fixture *)*state)->bed;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        uint64_t before = gn_journal_next(bed->journal);

        (void)ask(bed, "POST", EVENTS, rows[i].headers, rows[i].body);
        assert_answer(bed, 204, "");
        assert_int_equal(gn_journal_next(bed->journal) - before, rows[i].events);
    }
}

static void what_is_no_cloud_event_is_refused(void **state)
{
    static const struct {
        const char *headers, *body;
        int status;
        const char *want;
    } rows[] = {
        {"", NULL, 415, "no CloudEvent"},
        {JSON_TYPE, "{}", 415, "no CloudEvent"},
        {"Content-Type: application/cloudevents+avro\r\n", "x", 415, ""},
        {CE_TYPE, "", 400, ""},
        {CE_TYPE, "{", 400, ""},
        {CE_TYPE, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", 400, "source"},
        {CE_TYPE, "{\"specversion\":\"9\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", 415, ""},
        {BATCH_TYPE, CE("1"), 400, ""},
        {BATCH_TYPE, "[" CE("1") ",{\"specversion\":\"1.0\"}]", 400, ""},
        {"ce-specversion: 1.0\r\nce-source: s\r\nce-type: t\r\n", NULL, 400, "id"},
        {CE_HEADERS("1") JSON_TYPE, "{", 400, ""},
    };
    struct bed *bed = ((struct fixture *)*state)->bed;
    uint64_t before = gn_journal_next(bed->journal);

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)ask(bed, "POST", EVENTS, rows[i].headers, rows[i].body);
        assert_status(bed, rows[i].status);
        assert_int_equal(strncmp(bed->asker.body, "{\"error\":\"", 10), 0);
        assert_int_not_equal(bed->asker.body[10], '"');
        assert_non_null(strstr(bed->asker.body, rows[i].want));
    }
    assert_int_equal(gn_journal_next(bed->journal), before);
}

static void too_many_attributes_are_too_large(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    struct gn_buf headers = GN_BUF_INIT;

    gn_buf_puts(&headers, CE_HEADERS("1"));
    for (int i = 0; i < 60; i++)
        gn_buf_printf(&headers, "ce-x%d: 1\r\n", i);
    (void)ask(bed, "POST", EVENTS, headers.data, NULL);
    assert_status(bed, 413);
    gn_buf_free(&headers);
}

static void an_event_that_can_never_be_taken_keeps_no_other_out(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    uint64_t before = gn_journal_next(bed->journal);
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_puts(&body, "[" CE("1") ",{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\","
                                   "\"source\":\"/");
    for (int i = 0; i < GN_PUBSUB_RESOURCE_MAX; i++)
        gn_buf_putc(&body, 'x');
    gn_buf_puts(&body, "\"}," CE("2") "]");
    (void)ask(bed, "POST", EVENTS, BATCH_TYPE, body.data);
    assert_json_answer(bed, 400,
                       ERROR("event 1: its source is too long, or its data cannot be passed on"));
    assert_int_equal(gn_journal_next(bed->journal) - before, 2);
    gn_buf_free(&body);
}

static void an_event_that_can_never_be_stored_is_refused(void **state)
{
    struct bed_config config = bed_plain;
    struct fixture *f;

    (void)state;
    config.pending_bytes = 128; /* less than any event */
    f = fixture_new(&config);
    (void)ask(f->bed, "POST", EVENTS, CE_TYPE, CE("1"));
    assert_json_answer(f->bed, 413, ERROR("too large to be ever stored"));
    fixture_free(f);
}

static void without_room_an_event_is_put_off(void **state)
{
    struct bed_config config = bed_plain;
    struct fixture *f;

    (void)state;
    config.is_on_disk = true;
    config.disk_spare_pct = 101;
    f = fixture_new(&config);
    (void)ask(f->bed, "POST", EVENTS, BATCH_TYPE, "[" CE("1") "]");
    assert_json_answer(f->bed, 503, LATER);
    assert_string_equal(bed_header(f->bed, "Retry-After: "), "5");
    fixture_free(f);
}

static void an_event_is_answered_when_the_journal_has_it(void **state)
{
    static const char *const bodies[] = {CE("1"), CE("2")};
    struct bed_config config = bed_plain;
    struct fixture *f;

    (void)state;
    config.is_on_disk = true;
    f = fixture_new(&config);
    for (int stops = 0; stops <= 1; stops++) {
        asker_start(f->bed, &f->bed->asker, "POST", EVENTS, CE_TYPE, gn_str_of(bodies[stops]));
        bed_wait_pending(f->bed, 1);
        assert_false(gn_journal_is_durable(f->bed->journal));
        if (stops)
            gn_native_stop(f->native);
        asker_finish(f->bed, &f->bed->asker);
        if (stops)
            assert_json_answer(f->bed, 503, LATER);
        else
            assert_answer(f->bed, 204, "");
    }
    fixture_free(f);
}

static void an_event_reaches_a_subscription(void **state)
{
    struct bed *bed = ((struct fixture *)*state)->bed;
    char path[PATH_BYTES];
    const char *got;

    create(bed,
           "{" SINK("/ok") ",\"filters\":[{\"exact\":{\"source\":\"/doors\"}}],"
                           "\"protocolsettings\":{\"headers\":{\"X-Token\":\"s3cr3t\"}}}",
           path);
    (void)ask(bed, "POST", EVENTS, CE_TYPE, CE("17"));
    assert_answer(bed, 204, "");
    wait_for_requests(bed, 1);
    got = bed->peer->last.data;
    assert_int_equal(strncmp(got, "POST /ok HTTP/1.1\r\n", 19), 0);
    assert_non_null(strstr(got, "\r\nX-Token: s3cr3t\r\n"));
    assert_non_null(strstr(got, "\"id\":\"17\""));
    assert_non_null(strstr(got, "\"data\":{\"n\":1}"));
}

#define WITH_API(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(a_subscription_is_made_and_shown),
        WITH_API(all_members_are_shown_in_their_order),
        WITH_API(what_is_stored_reads_as_what_was_asked_for),
        WITH_API(each_post_makes_a_subscription_of_its_own),
        WITH_API(a_body_that_is_no_subscription_is_refused),
        WITH_API(only_json_is_taken),
        WITH_API(the_values_of_headers_are_kept_and_not_shown),
        WITH_API(what_was_shown_can_be_put_back_with_its_secrets),
        WITH_API(a_secret_does_not_go_to_another_sink),
        WITH_API(a_put_replaces_the_object),
        WITH_API(a_bad_put_changes_nothing),
        WITH_API(a_deleted_subscription_is_shown_once_more),
        WITH_API(an_unknown_id_is_not_found),
        WITH_API(what_cannot_be_stored_is_put_off),
        WITH_API(the_handshake_says_who_asks),
        WITH_API(only_the_allowed_origin_is_consent),
        WITH_API(a_put_asks_again_only_where_there_is_something_new),
        cmocka_unit_test(a_subscription_deleted_during_its_handshake_is_not_found),
        cmocka_unit_test(a_client_that_leaves_during_the_handshake_does_no_harm),
        WITH_API(more_handshakes_than_the_limit_are_put_off),
        WITH_API(a_stopped_api_puts_every_request_off),
        WITH_API(a_wrong_method_is_told_the_right_ones),
        WITH_API(only_paths_below_the_prefix_are_answered),
        WITH_API(head_is_answered_like_get),
        WITH_API(whoever_asks_may_send_events),
        WITH_API(events_are_taken_in_every_mode),
        WITH_API(what_is_no_cloud_event_is_refused),
        WITH_API(too_many_attributes_are_too_large),
        WITH_API(an_event_that_can_never_be_taken_keeps_no_other_out),
        cmocka_unit_test(an_event_that_can_never_be_stored_is_refused),
        cmocka_unit_test(without_room_an_event_is_put_off),
        cmocka_unit_test(an_event_is_answered_when_the_journal_has_it),
        WITH_API(an_event_reaches_a_subscription),
    };

    return cmocka_run_group_tests_name("native_api", tests, NULL, NULL);
}
