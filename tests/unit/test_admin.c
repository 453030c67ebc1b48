/* The admin API, asked over a socket; and the parts of it that are pure. */
#include <jansson.h>

#include "api_bed.h"

#include "admin_priv.h"

#define ADMIN "/admin/v1/"
#define EVENT                                                                                      \
    "{\"@odata.type\":\"#Event.v1_3_0.Event\",\"Id\":\"1\",\"Name\":\"Event Array\",\"Events\":[{" \
    "\"EventType\":\"Alert\",\"EventId\":\"2162\",\"MemberId\":\"0\",\"Message\":\"hot\","         \
    "\"EventTimestamp\":\"2021-07-13T15:07:59+0300\",\"MessageId\":\"TMP0100\"}]}"
#define NS_PER_S INT64_C(1000000000)

static const struct peer_row taking[] = {
    {"/take", "HTTP/1.1 204 No Content\r\n\r\n", 0, false},
    {"/hang", NULL, 0, false},
    {0},
};

static bool handle(void *ctx, struct gn_http_request *request)
{
    return gn_admin_handle(ctx, request);
}

static struct bed *open_bed(const struct bed_config *config)
{
    struct bed *bed = bed_new(config, taking);

    bed->handler = gn_ops_on_request;
    bed->handler_ctx = &bed->ops;
    bed->ops.further = handle;
    bed->ops.further_ctx = bed->admin;
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

/* ---- helpers ---- */

/* Subscribes a path of the peer to Redfish events; gives the id, as long as the record lives. */
static const char *subscribe(struct bed *bed, const char *path)
{
    struct gn_pubsub_item *item;
    char endpoint[64];

    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u%s", bed->peer->port, path);
    assert_int_equal(gn_pubsub_add(bed->pubsub, GN_SUBSCRIPTION, GN_STR(REDFISH),
                                   gn_str_of(endpoint), "http://localhost/", &item),
                     GN_OK);
    return item->id;
}

/* Asks and reads the answer, an object owned by the caller. */
static json_t *ask(struct bed *bed, const char *method, const char *path, const char *body,
                   int status)
{
    json_t *root;

    (void)bed_ask(bed, method, path, body);
    if (bed->asker.status != status)
        fail_msg("%s %s: %d %s", method, path, bed->asker.status, bed->asker.body);
    assert_string_equal(bed_header(bed, "Content-Type: "), "application/json");
    root = json_loads(bed->asker.body, 0, NULL);
    if (root == NULL)
        fail_msg("no JSON: %s", bed->asker.body);
    return root;
}

static long long number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_integer(value))
        fail_msg("%s is no number", name);
    return json_integer_value(value);
}

static const char *text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value))
        fail_msg("%s is no text", name);
    return json_string_value(value);
}

/* Asks for something that answers {"name":count}. */
static void assert_count(struct bed *bed, const char *method, const char *path, const char *body,
                         int status, const char *name, long long count)
{
    json_t *root = ask(bed, method, path, body, status);

    if (number_of(root, name) != count)
        fail_msg("%s %s: %s", method, path, bed->asker.body);
    json_decref(root);
}

static void assert_error(struct bed *bed, const char *method, const char *path, const char *body,
                         int status)
{
    json_t *root = ask(bed, method, path, body, status);

    assert_true(strlen(text_of(root, "error")) > 0);
    json_decref(root);
}

static struct gn_event *event_new(const char *data)
{
    struct gn_event *event = gn_event_new(&(struct gn_event_parts){
        .id = gn_id_random(),
        .type = GN_STR("t.x"),
        .source = GN_STR("/src"),
        .resource = GN_STR(REDFISH),
        .origin = GN_STR("bmc1"),
        .data = gn_str_of(data),
        .time_ns = 1795232970500000000,
        .received_ns = 1795232970500000000,
    });

    assert_non_null(event);
    return event;
}

static void bury(struct bed *bed, const char *subscription, const char *data)
{
    struct gn_event *event = event_new(data);
    const struct gn_deadletter letter = {
        .subscription = gn_str_of(subscription),
        .address = GN_STR("http://user:secret@127.0.0.1:1/take"),
        .status = 400,
        .error = GN_STR("answer 400"),
        .answer = GN_STR("no \"thanks\" \xff"),
        .attempts = 3,
        .first_ns = 1795232970500000000,
        .last_ns = 1795232971000000000,
        .event = event,
    };

    assert_int_equal(gn_deadletters_put(bed->letters, &letter), GN_OK);
    gn_event_unref(event);
}

static uint64_t letters_kept(const struct bed *bed)
{
    struct gn_deadletters_status status;

    gn_deadletters_status(bed->letters, &status);
    return status.count;
}

static bool note_number(void *ctx, const struct gn_deadletter_entry *entry)
{
    uint64_t *number = ctx;

    *number = entry->number;
    return true;
}

/* The path of the newest letter, with tail behind it. Static storage. */
static const char *newest(const struct bed *bed, const char *tail)
{
    static char path[96];
    uint64_t number = 0;

    gn_deadletters_each(bed->letters, 0, note_number, &number);
    (void)snprintf(path, sizeof path, ADMIN "deadletters/%llu%s", (unsigned long long)number, tail);
    return path;
}

static void wait_for_requests(struct bed *bed, unsigned count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (bed->peer->requests < count && gn_clock_mono_ms() < end_ms)
        bed_turn(bed);
    assert_int_equal(bed->peer->requests, count);
}

static void wait_for_letters(struct bed *bed, uint64_t count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (letters_kept(bed) != count && gn_clock_mono_ms() < end_ms)
        bed_turn(bed);
    assert_int_equal(letters_kept(bed), count);
}

/* ---- the pure parts ---- */

static void a_point_in_time_is_a_date_or_an_age(void **state)
{
    const int64_t now_ns = 1795232970 * NS_PER_S;
    const struct {
        const char *text;
        int64_t want; /* 0: refused */
    } rows[] = {
        {"90s", now_ns - 90 * NS_PER_S},
        {"15m", now_ns - 900 * NS_PER_S},
        {"1h", now_ns - 3600 * NS_PER_S},
        {"7d", now_ns - 7 * 86400 * NS_PER_S},
        {"0s", now_ns},
        {"000001s", now_ns - NS_PER_S},
        {"2026-11-21T03:49:30Z", now_ns},
        {"2026-11-21T04:49:30+01:00", now_ns},
        {"2026-11-21T03:49:30.5Z", now_ns + NS_PER_S / 2},
        {"", 0},
        {"h", 0},
        {"1", 0},
        {"1w", 0},
        {"1H", 0},
        {"-1h", 0},
        {"+1h", 0},
        {"1.5h", 0},
        {"1h30m", 0},
        {" 1h", 0},
        {"1 h", 0},
        {"now", 0},
        {"2026-11-21", 0},
        {"2026-11-21 03:49:30Z", 0},
        {"2026-11-21T03:49:30", 0},
        {"106752d", 0}, /* before 1677 */
        {"9223372036854775807d", 0},
        {"99999999999999999999s", 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        int64_t ns = 0;
        bool is_read = gn_admin_parse_point(gn_str_of(rows[i].text), now_ns, &ns);

        if (is_read != (rows[i].want != 0) || (is_read && ns != rows[i].want))
            fail_msg("%s: %d %lld", rows[i].text, is_read, (long long)ns);
    }
}

static void only_a_page_of_an_address_is_the_servers_own(void **state)
{
    static const struct {
        const char *origin, *host;
        bool want;
    } rows[] = {
        {"http://127.0.0.1:9091", "127.0.0.1:9091", true},
        {"http://localhost:9091", "localhost:9091", true},
        {"http://LOCALHOST:9091", "localhost:9091", true},
        {"http://[::1]:9091", "[::1]:9091", true},
        {"http://192.0.2.7", "192.0.2.7", true},
        {"http://127.0.0.1:9092", "127.0.0.1:9091", false},
        {"https://127.0.0.1:9091", "127.0.0.1:9091", false},
        {"http://evil.example", "127.0.0.1:9091", false},
        {"http://evil.example:9091", "evil.example:9091", false}, /* its name leads here */
        {"http://127.0.0.1.evil.example", "127.0.0.1.evil.example", false},
        {"http://[localhost]", "[localhost]", false},
        {"http://[::1", "[::1x", false},
        {"http://", "", false},
        {"null", "127.0.0.1:9091", false},
        {"", "127.0.0.1:9091", false},
        {"127.0.0.1:9091", "127.0.0.1:9091", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        if (gn_admin_is_own_origin(gn_str_of(rows[i].origin), gn_str_of(rows[i].host)) !=
            rows[i].want)
            fail_msg("%s %s", rows[i].origin, rows[i].host);
}

static void only_loopback_is_local(void **state)
{
    static const struct {
        const char *peer;
        bool want;
    } rows[] = {
        {"127.0.0.1", true},    {"127.9.8.7", true}, {"::1", true}, {"192.0.2.7", false},
        {"12.7.0.1", false},    {"::", false},       {"", false},   {"1270.0.0.1", false},
        {"2001:db8::1", false}, {"::11", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_admin_is_local(gn_str_of(rows[i].peer)), rows[i].want);
}

static void a_query_holds_what_is_known_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        bool is_fine;
        const char *subscription;
        unsigned long long after, limit;
    } rows[] = {
        {NULL, true, "", 0, 100},
        {"", true, "", 0, 100},
        {"limit=1", true, "", 0, 1},
        {"limit=1000&after=7", true, "", 7, 1000},
        {"subscription=a%2Db&limit=5", true, "a-b", 0, 5},
        {"after=18446744073709551615", true, "", UINT64_MAX, 100},
        {"limit=0", false, NULL, 0, 0},
        {"limit=1001", false, NULL, 0, 0},
        {"limit=", false, NULL, 0, 0},
        {"limit", false, NULL, 0, 0},
        {"after=-1", false, NULL, 0, 0},
        {"after=x", false, NULL, 0, 0},
        {"subscription=", false, NULL, 0, 0},
        {"subscription=%zz", false, NULL, 0, 0},
        {"subscripton=a", false, NULL, 0, 0},
        {"limit=1&limit=2", false, NULL, 0, 0},
        {"&", false, NULL, 0, 0},
        {"limit=1&&after=1", false, NULL, 0, 0},
    };
    struct gn_admin_query query;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *problem =
            gn_admin_parse_query(gn_str_of(rows[i].text),
                                 GN_ADMIN_SUBSCRIPTION | GN_ADMIN_AFTER | GN_ADMIN_LIMIT, &query);

        if ((problem == NULL) != rows[i].is_fine)
            fail_msg("%s: %s", rows[i].text, problem);
        if (problem == NULL) {
            assert_true(
                gn_str_eq(gn_buf_str(&query.subscription), gn_str_of(rows[i].subscription)));
            assert_int_equal(query.after, rows[i].after);
            assert_int_equal(query.limit, rows[i].limit);
        }
        gn_admin_free_query(&query);
    }
    assert_non_null(gn_admin_parse_query(GN_STR("after=1"), GN_ADMIN_LIMIT, &query));
}

static void a_credential_in_a_url_is_not_shown(void **state)
{
    static const struct {
        const char *url, *want;
    } rows[] = {
        {"http://a/x", "{\"u\":\"http://a/x\"}"},
        {"http://user:secret@a:80/x", "{\"u\":\"http://***@a:80/x\"}"},
        {"http://token@a", "{\"u\":\"http://***@a\"}"},
        {"http://a:b@c@d/x@y", "{\"u\":\"http://***@d/x@y\"}"},
        {"http://a/x?m=b@c", "{\"u\":\"http://a/x?m=b@c\"}"},
        {"user:secret@a", "{\"u\":\"***@a\"}"},
        {"", "{\"u\":\"\"}"},
        {"\"\n", "{\"u\":\"\\\"\\n\"}"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_buf_putc(&out, '{');
        gn_admin_add_url(&out, "u", gn_str_of(rows[i].url));
        gn_buf_putc(&out, '}');
        assert_string_equal(out.data, rows[i].want);
        gn_buf_free(&out);
    }
}

/* ---- routes ---- */

static void each_path_has_its_methods_and_other_paths_are_not_found(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        {"GET", "status", 200},
        {"HEAD", "status", 405},
        {"POST", "status", 405},
        {"GET", "status/", 404},
        {"GET", "", 404},
        {"GET", "replay", 405},
        {"DELETE", "replay", 405},
        {"DELETE", "replay/nobody", 404},
        {"GET", "replay/nobody", 405},
        {"DELETE", "replay/", 404},
        {"GET", "deadletters", 200},
        {"POST", "deadletters", 405},
        {"GET", "deadletters/replay", 405},
        {"GET", "deadletters/1", 404},
        {"GET", "deadletters/18446744073709551615", 404},
        {"GET", "deadletters/0", 404},
        {"DELETE", "deadletters/1", 404},
        {"POST", "deadletters/1", 405},
        {"GET", "deadletters/x", 404},
        {"GET", "deadletters/-1", 404},
        {"GET", "deadletters/18446744073709551616", 404},
        {"POST", "deadletters/1/replay", 404},
        {"GET", "deadletters/1/replay", 405},
        {"POST", "deadletters/1/replay/", 404},
        {"GET", "quarantine", 200},
        {"GET", "quarantine/x", 404},
        {"GET", "quarantine/..", 404},
        {"GET", "quarantine/%zz", 404},
        {"GET", "quarantine/x/body", 404},
        {"POST", "quarantine/x/replay", 404},
        {"DELETE", "quarantine/x", 404},
        {"PUT", "quarantine/x", 405},
        {"GET", "status?x=1", 400},
        {"GET", "deadletters?limit=0", 400},
        {"DELETE", "deadletters?limit=1", 400},
        {"DELETE", "quarantine?limit=1", 400},
        {"GET", "quarantine?after=1", 400},
    };
    struct bed *bed = *state;
    char path[96];

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)snprintf(path, sizeof path, ADMIN "%s", rows[i].path);
        (void)bed_ask(bed, rows[i].method, path, NULL);
        if (bed->asker.status != rows[i].status)
            fail_msg("%s %s: %d", rows[i].method, path, bed->asker.status);
    }
    assert_error(bed, "GET", "/admin/v2/status", NULL, 404);
    (void)bed_ask(bed, "GET", "/adminx", NULL);
    assert_answer(bed, 404, "404 page not found\n");
}

static void a_web_page_may_look_but_not_change(void **state)
{
    static const struct {
        const char *method, *path, *extra;
        int status;
    } rows[] = {
        {"DELETE", ADMIN "deadletters", "Origin: http://evil.example\r\n", 403},
        {"DELETE", ADMIN "quarantine", "Origin: null\r\n", 403},
        {"POST", ADMIN "replay", "Origin: http://h\r\n", 403}, /* Host is h: a name */
        {"POST", ADMIN "deadletters/replay", "origin: http://127.0.0.1\r\n", 403},
        {"GET", ADMIN "status", "Origin: http://evil.example\r\n", 200},
        {"DELETE", ADMIN "deadletters", "", 200},
    };
    struct bed *bed = *state;

    bury(bed, "s", "{}");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        asker_start(bed, &bed->asker, rows[i].method, rows[i].path, rows[i].extra, GN_STR_NONE);
        asker_finish(bed, &bed->asker);
        if (bed->asker.status != rows[i].status)
            fail_msg("%zu: %d", i, bed->asker.status);
        assert_int_equal(letters_kept(bed), i == GN_LEN(rows) - 1 ? 0 : 1);
    }
}

/* ---- status ---- */

static const char *failing(void *ctx)
{
    return *(const bool *)ctx ? "still loading" : NULL;
}

static void the_status_has_all_members_of_the_contract(void **state)
{
    static const char *const rows[] = {
        "version",
        "node",
        "uptime_s",
        "ready",
        "checks",
        "in.events",
        "in.rate_10s",
        "in.rate_60s",
        "in.repeated",
        "in.unparsed",
        "in.quarantined",
        "in.refused",
        "in.unrouted",
        "out.delivered",
        "out.rate_10s",
        "out.rate_60s",
        "out.retries",
        "out.dead",
        "out.expired",
        "out.shed",
        "out.replayed",
        "out.queued",
        "out.in_flight",
        "out.oldest_undelivered_s",
        "out.memory_bytes",
        "out.shedding",
        "journal.durability",
        "journal.bytes",
        "journal.max_bytes",
        "journal.refuse_at_bytes",
        "journal.segments",
        "journal.pending_bytes",
        "journal.next_sequence",
        "journal.durable_next",
        "journal.oldest",
        "journal.syncs",
        "journal.damaged",
        "journal.disk_free_pct",
        "journal.disk_short",
        "journal.failing",
        "journal.error",
        "deadletters.count",
        "deadletters.bytes",
        "deadletters.max_bytes",
        "deadletters.dropped",
        "quarantine.count",
        "quarantine.bytes",
        "subscriptions",
        "publishers",
    };
    static const char *const of_sink[] = {
        "id",           "api",        "resource",      "endpoint",  "state",    "behind", "queued",
        "in_flight",    "oldest_s",   "delivered",     "dead",      "expired",  "shed",   "retries",
        "last_success", "last_error", "last_error_at", "replaying", "replayed",
    };
    struct bed *bed = *state;
    const char *id = subscribe(bed, "/take");
    const json_t *sink;
    json_t *root;

    bury(bed, id, "{}");
    root = ask(bed, "GET", ADMIN "status", NULL, 200);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_str rest;
        struct gn_str first = gn_str_cut(gn_str_of(rows[i]), '.', &rest);
        const json_t *value = json_object_getn(root, first.p, first.len);

        if (rest.p != NULL)
            value = json_object_get(value, rest.p);
        if (value == NULL)
            fail_msg("%s is missing", rows[i]);
    }
    assert_int_equal(json_array_size(json_object_get(root, "subscriptions")), 1);
    sink = json_array_get(json_object_get(root, "subscriptions"), 0);
    for (size_t i = 0; i < GN_LEN(of_sink); i++)
        if (json_object_get(sink, of_sink[i]) == NULL)
            fail_msg("%s is missing", of_sink[i]);
    assert_int_equal(json_object_size(sink), GN_LEN(of_sink));
    assert_string_equal(text_of(sink, "id"), id);
    assert_string_equal(text_of(sink, "api"), "v1");
    assert_string_equal(text_of(sink, "resource"), REDFISH);
    assert_string_equal(text_of(sink, "state"), "up");
    assert_true(json_is_null(json_object_get(sink, "last_success")));
    assert_string_equal(text_of(root, "node"), "n1");
    assert_string_equal(text_of(root, "version"), GN_VERSION);
    assert_string_equal(text_of(json_object_get(root, "journal"), "durability"), "memory");
    assert_int_equal(number_of(json_object_get(root, "deadletters"), "count"), 1);
    json_decref(root);
}

static void the_status_tells_what_holds_readiness_up(void **state)
{
    static bool is_failing[2];
    static const struct gn_ready_check checks[] = {{"registries", failing, &is_failing[0]},
                                                   {"store", failing, &is_failing[1]}};
    static const struct {
        bool is_failing[2], is_stopping, is_ready;
        const char *checks;
    } rows[] = {
        {{false, false},
         false,
         true,
         "[{\"name\":\"registries\",\"ok\":true,\"reason\":\"\"},"
         "{\"name\":\"store\",\"ok\":true,\"reason\":\"\"}]"},
        {{true, false},
         false,
         false,
         "[{\"name\":\"registries\",\"ok\":false,\"reason\":\"still loading\"},"
         "{\"name\":\"store\",\"ok\":true,\"reason\":\"\"}]"},
        {{false, false},
         true,
         false,
         "[{\"name\":\"registries\",\"ok\":true,\"reason\":\"\"},"
         "{\"name\":\"store\",\"ok\":true,\"reason\":\"\"},"
         "{\"name\":\"shutdown\",\"ok\":false,\"reason\":\"stopping\"}]"},
    };
    struct bed *bed = *state;

    bed->ops.checks = checks;
    bed->ops.check_count = GN_LEN(checks);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *root;

        memcpy(is_failing, rows[i].is_failing, sizeof is_failing);
        bed->ops.is_stopping = rows[i].is_stopping;
        root = ask(bed, "GET", ADMIN "status", NULL, 200);
        assert_int_equal(json_is_true(json_object_get(root, "ready")), rows[i].is_ready);
        assert_non_null(strstr(bed->asker.body, rows[i].checks));
        json_decref(root);
    }
}

static void the_status_counts_what_came_and_went(void **state)
{
    struct bed *bed = *state;
    const struct gn_relay_source source = {.name = GN_STR("bmc1")};
    const json_t *sink;
    json_t *root;

    (void)subscribe(bed, "/take");
    assert_int_equal(gn_relay_redfish(bed->relay, &source, GN_STR(EVENT)), GN_INTAKE_STORED);
    assert_int_equal(gn_relay_redfish(bed->relay, &source, GN_STR(EVENT)), GN_INTAKE_REPEATED);
    wait_for_requests(bed, 1);
    while (gn_outbox_pending(bed->outbox) > 0)
        bed_turn(bed);
    root = ask(bed, "GET", ADMIN "status", NULL, 200);
    assert_int_equal(number_of(json_object_get(root, "in"), "repeated"), 1);
    assert_int_equal(number_of(json_object_get(root, "out"), "delivered"), 1);
    assert_int_equal(number_of(json_object_get(root, "journal"), "next_sequence"), 2);
    sink = json_array_get(json_object_get(root, "subscriptions"), 0);
    assert_int_equal(number_of(sink, "delivered"), 1);
    assert_true(json_is_string(json_object_get(sink, "last_success")));
    json_decref(root);
}

/* ---- replay ---- */

static void a_replay_that_cannot_be_understood_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "x",
        "{\"subscription\":\"%s\"}",
        "{\"since\":\"1h\"}",
        "{\"subscription\":\"%s\",\"since\":\"yesterday\"}",
        "{\"subscription\":\"%s\",\"since\":3600}",
        "{\"subscription\":\"%s\",\"since\":null}",
        "{\"subscription\":\"%s\",\"since\":\"1h\",\"until\":\"soon\"}",
        "{\"subscription\":\"%s\",\"since\":\"1h\",\"until\":\"2h\"}",
        "{\"subscription\":\"%s\",\"since\":\"1h\",\"until\":\"1h\"}",
        "{\"subscription\":\"%s\",\"since\":\"2200-01-01T00:00:00Z\"}",
        "{\"subscription\":\"%s\",\"since\":\"1h\",\"unitl\":\"1m\"}",
    };
    struct bed *bed = *state;
    const char *id = subscribe(bed, "/take");

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf body = GN_BUF_INIT;
        const char *at = strstr(rows[i], "%s");

        gn_buf_add(&body, rows[i], at == NULL ? strlen(rows[i]) : (size_t)(at - rows[i]));
        if (at != NULL) {
            gn_buf_puts(&body, id);
            gn_buf_puts(&body, at + 2);
        }
        assert_error(bed, "POST", ADMIN "replay", body.data == NULL ? "" : body.data, 400);
        gn_buf_free(&body);
    }
    assert_error(bed, "POST", ADMIN "replay", "{\"subscription\":\"x\",\"since\":\"1h\"}", 404);
}

static void stored_events_are_sent_again_and_marked(void **state)
{
    struct bed *bed = *state;
    const struct gn_relay_source source = {.name = GN_STR("bmc1")};
    const char *id = subscribe(bed, "/take");
    char body[128];
    json_t *root;

    assert_int_equal(gn_relay_redfish(bed->relay, &source, GN_STR(EVENT)), GN_INTAKE_STORED);
    wait_for_requests(bed, 1);
    assert_null(strstr(bed->peer->last.data, "Gurnard-Replay"));
    (void)snprintf(body, sizeof body, "{\"subscription\":\"%s\",\"since\":\"1h\"}", id);
    root = ask(bed, "POST", ADMIN "replay", body, 202);
    assert_string_equal(text_of(root, "subscription"), id);
    (void)text_of(root, "since");
    (void)text_of(root, "until");
    (void)text_of(root, "available_from");
    assert_true(json_is_false(json_object_get(root, "complete"))); /* nothing is as old as that */
    json_decref(root);
    wait_for_requests(bed, 2);
    assert_non_null(strstr(bed->peer->last.data, "\r\nGurnard-Replay: 1\r\n"));
}

static void one_replay_of_a_subscription_is_under_way_and_can_be_ended(void **state)
{
    struct bed *bed = *state;
    const struct gn_relay_source source = {.name = GN_STR("bmc1")};
    const char *id = subscribe(bed, "/hang");
    char body[128];
    char path[96];

    assert_int_equal(gn_relay_redfish(bed->relay, &source, GN_STR(EVENT)), GN_INTAKE_STORED);
    (void)snprintf(body, sizeof body, "{\"subscription\":\"%s\",\"since\":\"1h\"}", id);
    (void)snprintf(path, sizeof path, ADMIN "replay/%s", id);
    assert_error(bed, "DELETE", path, NULL, 404);
    json_decref(ask(bed, "POST", ADMIN "replay", body, 202));
    assert_error(bed, "POST", ADMIN "replay", body, 409);
    (void)bed_ask(bed, "DELETE", path, NULL);
    assert_answer(bed, 204, "");
    assert_error(bed, "DELETE", path, NULL, 404);
}

/* ---- dead letters ---- */

static void dead_letters_are_listed_by_subscription_and_in_parts(void **state)
{
    static const struct {
        const char *query;
        size_t want;
    } rows[] = {
        {"", 5},
        {"?subscription=a", 3},
        {"?subscription=b", 2},
        {"?subscription=c", 0},
        {"?limit=2", 2},
        {"?subscription=b&limit=1", 1},
        {"?after=18446744073709551615", 0},
    };
    struct bed *bed = *state;
    char path[96];
    json_t *root;
    const json_t *items;

    for (size_t i = 0; i < 5; i++)
        bury(bed, i % 2 == 0 ? "a" : "b", "{}");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)snprintf(path, sizeof path, ADMIN "deadletters%s", rows[i].query);
        root = ask(bed, "GET", path, NULL, 200);
        assert_int_equal(number_of(root, "count"), 5);
        assert_int_equal(json_array_size(json_object_get(root, "items")), rows[i].want);
        json_decref(root);
    }
    root = ask(bed, "GET", ADMIN "deadletters?limit=3", NULL, 200);
    items = json_object_get(root, "items");
    assert_string_equal(text_of(json_array_get(items, 1), "subscription"), "b");
    (void)snprintf(path, sizeof path, ADMIN "deadletters?after=%lld",
                   number_of(json_array_get(items, 2), "number"));
    json_decref(root);
    root = ask(bed, "GET", path, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(root, "items")), 2);
    json_decref(root);
}

static void a_dead_letter_is_shown_with_its_event(void **state)
{
    struct bed *bed = *state;
    const json_t *body;
    json_t *root;

    bury(bed, "sub1", "{\"version\":\"v1\",\"values\":[]}");
    root = ask(bed, "GET", newest(bed, ""), NULL, 200);
    assert_true(number_of(root, "number") > 0);
    assert_string_equal(text_of(root, "subscription"), "sub1");
    assert_int_equal(strlen(text_of(root, "event")), GN_ID_LEN);
    assert_int_equal(number_of(root, "status"), 400);
    assert_int_equal(number_of(root, "attempts"), 3);
    assert_string_equal(text_of(root, "last"), "2026-11-21T03:49:31Z");
    assert_true(number_of(root, "bytes") > 0);
    assert_string_equal(text_of(root, "endpoint"), "http://***@127.0.0.1:1/take");
    assert_string_equal(text_of(root, "error"), "answer 400");
    assert_string_equal(text_of(root, "answer"), "no \"thanks\" \xef\xbf\xbd");
    assert_string_equal(text_of(root, "source"), "bmc1");
    assert_string_equal(text_of(root, "first"), "2026-11-21T03:49:30.5Z");
    body = json_object_get(root, "body");
    assert_string_equal(text_of(body, "id"), "sub1");
    assert_string_equal(text_of(body, "type"), "t.x");
    assert_string_equal(text_of(json_object_get(body, "data"), "version"), "v1");
    json_decref(root);
}

static void dead_letters_can_be_forgotten(void **state)
{
    struct bed *bed = *state;
    char path[96];

    for (size_t i = 0; i < 6; i++)
        bury(bed, i % 2 == 0 ? "a" : "b", "{}");
    (void)snprintf(path, sizeof path, "%s", newest(bed, ""));
    assert_count(bed, "DELETE", path, NULL, 200, "removed", 1);
    assert_error(bed, "DELETE", path, NULL, 404);
    assert_error(bed, "GET", path, NULL, 404);
    assert_count(bed, "DELETE", ADMIN "deadletters?subscription=a", NULL, 200, "removed", 3);
    assert_count(bed, "DELETE", ADMIN "deadletters?subscription=a", NULL, 200, "removed", 0);
    assert_count(bed, "DELETE", ADMIN "deadletters", NULL, 200, "removed", 2);
    assert_int_equal(letters_kept(bed), 0);
}

static void a_dead_letter_is_forgotten_when_it_was_taken(void **state)
{
    struct bed *bed = *state;
    const char *id = subscribe(bed, "/take");

    bury(bed, id, "{\"n\":7}");
    assert_count(bed, "POST", newest(bed, "/replay"), "{}", 202, "queued", 1);
    wait_for_letters(bed, 0);
    assert_int_equal(bed->peer->requests, 1);
    assert_non_null(strstr(bed->peer->last.data, "\r\nGurnard-Replay: 1\r\n"));
    assert_non_null(strstr(bed->peer->last.data, "{\"n\":7}"));
}

static void a_dead_letter_is_not_sent_twice_at_a_time_or_to_nobody(void **state)
{
    struct bed *bed = *state;
    const char *id = subscribe(bed, "/hang");

    bury(bed, "gone", "{}");
    assert_error(bed, "POST", newest(bed, "/replay"), NULL, 404);
    bury(bed, id, "{}");
    assert_error(bed, "POST", newest(bed, "/replay"), "{\"x\":\"y\"}", 400);
    assert_error(bed, "POST", newest(bed, "/replay"), "[]", 400);
    assert_count(bed, "POST", newest(bed, "/replay"), NULL, 202, "queued", 1);
    assert_error(bed, "POST", newest(bed, "/replay"), NULL, 409);
    assert_count(bed, "POST", ADMIN "deadletters/replay", "{}", 202, "queued", 0);
    assert_int_equal(letters_kept(bed), 2);
}

static void many_dead_letters_are_sent_each_in_its_turn(void **state)
{
    struct bed *bed = *state;
    const char *id = subscribe(bed, "/take");
    const uint64_t count = GN_AGAIN_MAX + 50;
    char body[96];

    for (uint64_t i = 0; i < count; i++)
        bury(bed, id, "{}");
    bury(bed, "gone", "{}");
    (void)snprintf(body, sizeof body, "{\"subscription\":\"%s\"}", id);
    assert_count(bed, "POST", ADMIN "deadletters/replay", body, 202, "queued", (long long)count);
    wait_for_letters(bed, 1);
    assert_int_equal(bed->peer->requests, count);
    assert_count(bed, "POST", ADMIN "deadletters/replay", "{}", 202, "queued", 0);
    assert_error(bed, "POST", ADMIN "deadletters/replay", "{\"subscription\":\"gone\"}", 404);
    assert_error(bed, "POST", ADMIN "deadletters/replay", "{\"subscriber\":\"x\"}", 400);
}

static void one_bulk_is_under_way_until_none_waits_for_its_turn(void **state)
{
    struct bed *bed = *state;
    const char *id = subscribe(bed, "/hang");
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    for (uint64_t i = 0; i < GN_AGAIN_MAX + 2; i++)
        bury(bed, id, "{}");
    assert_count(bed, "POST", ADMIN "deadletters/replay", NULL, 202, "queued", GN_AGAIN_MAX + 2);
    assert_error(bed, "POST", ADMIN "deadletters/replay", NULL, 409);
    while (gn_outbox_pending(bed->outbox) < GN_AGAIN_MAX && gn_clock_mono_ms() < end_ms)
        bed_turn(bed);
    assert_int_equal(letters_kept(bed), GN_AGAIN_MAX + 2);
    assert_error(bed, "POST", newest(bed, "/replay"), NULL, 503); /* no room for it now */
    assert_count(bed, "DELETE", ADMIN "deadletters", NULL, 200, "removed", GN_AGAIN_MAX + 2);
    assert_count(bed, "POST", ADMIN "deadletters/replay", NULL, 202, "queued", 0);
}

/* ---- quarantine ---- */

/* Puts a body away and gives its path with tail behind it. Static storage. */
static const char *put_away(struct bed *bed, struct gn_str body, const char *source,
                            const char *tail)
{
    static char path[160];
    const json_t *items;
    json_t *root;

    gn_quarantine_put(bed->quarantine, body, gn_str_of(source), "not JSON at byte 0");
    root = ask(bed, "GET", ADMIN "quarantine", NULL, 200);
    items = json_object_get(root, "items");
    (void)snprintf(path, sizeof path, ADMIN "quarantine/%s%s",
                   text_of(json_array_get(items, json_array_size(items) - 1), "name"), tail);
    json_decref(root);
    return path;
}

static void bodies_are_listed_oldest_first(void **state)
{
    struct bed *bed = *state;
    const json_t *items;
    json_t *root;

    for (size_t i = 1; i <= 3; i++)
        (void)put_away(bed, (struct gn_str){"abc", i}, "bmc1", "");
    root = ask(bed, "GET", ADMIN "quarantine?limit=2", NULL, 200);
    assert_int_equal(number_of(root, "count"), 3);
    assert_int_equal(number_of(root, "bytes"), 6);
    items = json_object_get(root, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_int_equal(number_of(json_array_get(items, 0), "bytes"), 1);
    assert_int_equal(number_of(json_array_get(items, 1), "bytes"), 2);
    json_decref(root);
}

static void a_body_is_shown_as_text_or_base64_and_given_as_it_is(void **state)
{
    static const struct {
        struct gn_str body;
        const char *text, *base64;
    } rows[] = {
        {GN_STR_INIT("{\"a\":"), "{\"a\":", NULL},
        {GN_STR_INIT("\xff"), NULL, "/w=="},
        {GN_STR_INIT("\xff\xfe"), NULL, "//4="},
        {GN_STR_INIT("\xff\xfe\xfd"), NULL, "//79"},
        {GN_STR_INIT("\xffgarbage"), NULL, "/2dhcmJhZ2U="},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *path = put_away(bed, rows[i].body, "bmc1", "");
        char name[160];
        json_t *root;

        (void)snprintf(name, sizeof name, "%s/body", path);
        root = ask(bed, "GET", path, NULL, 200);
        assert_string_equal(text_of(root, "name"), path + strlen(ADMIN "quarantine/"));
        assert_int_equal(number_of(root, "bytes"), rows[i].body.len);
        assert_string_equal(text_of(root, "source"), "bmc1");
        assert_string_equal(text_of(root, "reason"), "not JSON at byte 0");
        assert_true(strlen(text_of(root, "received")) > 0);
        if (rows[i].text != NULL)
            assert_string_equal(text_of(root, "body"), rows[i].text);
        else
            assert_string_equal(text_of(root, "body_base64"), rows[i].base64);
        json_decref(root);
        (void)bed_ask(bed, "GET", name, NULL);
        assert_answer(bed, 200, rows[i].body.p);
        assert_string_equal(bed_header(bed, "Content-Type: "), "application/octet-stream");
        assert_string_equal(bed_header(bed, "X-Content-Type-Options: "), "nosniff");
    }
}

static void bodies_can_be_deleted(void **state)
{
    struct bed *bed = *state;
    char path[160];

    (void)snprintf(path, sizeof path, "%s", put_away(bed, GN_STR("a"), "bmc1", ""));
    assert_count(bed, "DELETE", path, NULL, 200, "removed", 1);
    assert_error(bed, "DELETE", path, NULL, 404);
    assert_error(bed, "GET", path, NULL, 404);
    (void)put_away(bed, GN_STR("b"), "bmc1", "");
    (void)put_away(bed, GN_STR("c"), "bmc1", "");
    assert_count(bed, "DELETE", ADMIN "quarantine", NULL, 200, "removed", 2);
    assert_int_equal(gn_quarantine_count(bed->quarantine), 0);
}

static void a_body_that_can_be_read_now_becomes_an_event(void **state)
{
    static const struct {
        struct gn_str body;
        const char *source, *outcome, *delivered;
    } rows[] = {
        {GN_STR_INIT(EVENT), "bmc1", "stored", "\"Message\":\"hot\""},
        {GN_STR_INIT(EVENT), "bmc1", "repeated", NULL},
        {GN_STR_INIT(EVENT), "192.0.2.7", "stored", "\"Message\":\"hot\""},
        {GN_STR_INIT("{\"hello\":\"world\"}"), "2001:db8::1", "unparsed", "{\"hello\":\"world\"}"},
    };
    struct bed *bed = *state;
    unsigned delivered = 0;

    (void)subscribe(bed, "/take");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *root =
            ask(bed, "POST", put_away(bed, rows[i].body, rows[i].source, "/replay"), NULL, 200);

        assert_string_equal(text_of(root, "outcome"), rows[i].outcome);
        json_decref(root);
        assert_int_equal(gn_quarantine_count(bed->quarantine), 0);
        delivered += rows[i].delivered != NULL;
        wait_for_requests(bed, delivered);
        if (rows[i].delivered != NULL)
            assert_non_null(strstr(bed->peer->last.data, rows[i].delivered));
    }
}

static void a_body_that_still_cannot_be_read_stays_as_it_is(void **state)
{
    struct bed *bed = *state;
    const char *path = put_away(bed, GN_STR("garbage"), "bmc1", "/replay");

    assert_error(bed, "POST", path, "{}", 422);
    assert_error(bed, "POST", path, "{\"a\":\"b\"}", 400);
    assert_int_equal(gn_quarantine_count(bed->quarantine), 1);
}

/* ---- the end ---- */

static void when_stopped_every_request_is_put_off(void **state)
{
    struct bed *bed = *state;

    gn_admin_stop(bed->admin);
    assert_error(bed, "GET", ADMIN "status", NULL, 503);
    assert_string_equal(bed_header(bed, "Retry-After: "), "5");
}

/* Stops with the bed's asker waiting; it must be put off at once. */
static void stop_while_waiting(struct bed *bed)
{
    assert_int_equal(gn_http_server_pending(bed->server), 1);
    gn_admin_stop(bed->admin);
    assert_int_equal(gn_http_server_pending(bed->server), 0);
    asker_finish(bed, &bed->asker);
    assert_json_answer(bed, 503, "{\"error\":\"try again later\"}");
}

static void who_waits_for_a_body_is_put_off_when_it_stops(void **state)
{
    struct bed *bed = *state;

    asker_start(bed, &bed->asker, "GET", put_away(bed, GN_STR("garbage"), "bmc1", ""), "",
                GN_STR_NONE);
    bed_wait_pending(bed, 1);
    stop_while_waiting(bed);
}

static void who_waits_for_a_letter_is_put_off_when_it_stops(void **state)
{
    struct bed *bed = *state;

    bury(bed, "s", "{}");
    asker_start(bed, &bed->asker, "GET", newest(bed, ""), "", GN_STR_NONE);
    bed_wait_pending(bed, 1);
    stop_while_waiting(bed);
}

static void who_waits_for_the_journal_is_put_off_when_it_stops_and_the_body_stays(void **state)
{
    struct bed_config config = bed_plain;
    struct bed *bed;

    (void)state;
    config.is_on_disk = true;
    bed = open_bed(&config);
    while (!gn_journal_is_durable(bed->journal))
        bed_turn(bed);
    asker_start(bed, &bed->asker, "POST", put_away(bed, GN_STR(EVENT), "bmc1", "/replay"), "",
                GN_STR_NONE);
    while (gn_journal_is_durable(bed->journal))
        bed_turn(bed);
    stop_while_waiting(bed);
    assert_int_equal(gn_quarantine_count(bed->quarantine), 1);
    bed_free(bed);
}

static void letters_that_wait_for_their_turn_stay_when_it_stops(void **state)
{
    struct bed *bed = *state;
    const char *id = subscribe(bed, "/take");

    for (unsigned i = 0; i < 3; i++)
        bury(bed, id, "{}");
    assert_count(bed, "POST", ADMIN "deadletters/replay", NULL, 202, "queued", 3);
    gn_admin_stop(bed->admin);
    for (unsigned i = 0; i < 20; i++)
        bed_turn(bed);
    while (gn_outbox_pending(bed->outbox) > 0)
        bed_turn(bed);
    assert_int_equal(letters_kept(bed) + bed->peer->requests, 3); /* what was taken is forgotten */
}

#include "admin_bmcs.h"

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define FLEET_TEST(name) cmocka_unit_test_setup_teardown(name, fleet_setup, fleet_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_in_time_is_a_date_or_an_age),
        cmocka_unit_test(only_a_page_of_an_address_is_the_servers_own),
        cmocka_unit_test(a_query_holds_what_is_known_and_nothing_else),
        cmocka_unit_test(only_loopback_is_local),
        cmocka_unit_test(a_credential_in_a_url_is_not_shown),
        TEST(each_path_has_its_methods_and_other_paths_are_not_found),
        TEST(a_web_page_may_look_but_not_change),
        TEST(the_status_has_all_members_of_the_contract),
        TEST(the_status_tells_what_holds_readiness_up),
        TEST(the_status_counts_what_came_and_went),
        TEST(a_replay_that_cannot_be_understood_is_refused),
        TEST(stored_events_are_sent_again_and_marked),
        TEST(one_replay_of_a_subscription_is_under_way_and_can_be_ended),
        TEST(dead_letters_are_listed_by_subscription_and_in_parts),
        TEST(a_dead_letter_is_shown_with_its_event),
        TEST(dead_letters_can_be_forgotten),
        TEST(a_dead_letter_is_forgotten_when_it_was_taken),
        TEST(a_dead_letter_is_not_sent_twice_at_a_time_or_to_nobody),
        TEST(many_dead_letters_are_sent_each_in_its_turn),
        TEST(one_bulk_is_under_way_until_none_waits_for_its_turn),
        TEST(bodies_are_listed_oldest_first),
        TEST(a_body_is_shown_as_text_or_base64_and_given_as_it_is),
        TEST(bodies_can_be_deleted),
        TEST(a_body_that_can_be_read_now_becomes_an_event),
        TEST(a_body_that_still_cannot_be_read_stays_as_it_is),
        TEST(when_stopped_every_request_is_put_off),
        TEST(who_waits_for_a_body_is_put_off_when_it_stops),
        TEST(who_waits_for_a_letter_is_put_off_when_it_stops),
        cmocka_unit_test(who_waits_for_the_journal_is_put_off_when_it_stops_and_the_body_stays),
        TEST(letters_that_wait_for_their_turn_stay_when_it_stops),
        FLEET_TEST(bmcs_are_listed_by_name_and_shown_without_their_secrets),
        FLEET_TEST(the_status_counts_bmcs_and_alarms),
        TEST(a_daemon_without_bmcs_has_none),
        FLEET_TEST(a_bmc_is_added_replaced_and_removed),
        FLEET_TEST(an_edit_that_makes_no_sense_does_not_reach_the_inventory),
        FLEET_TEST(how_an_edit_ends_decides_the_answer),
        FLEET_TEST(who_waits_for_an_edit_is_put_off_when_it_stops),
        FLEET_TEST(a_test_of_a_bmc_says_why_it_failed),
        FLEET_TEST(a_bmc_is_looked_at_when_asked_for),
        FLEET_TEST(alarms_are_listed_by_bmc_and_ended_by_hand),
    };

    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
