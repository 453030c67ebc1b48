/* The tree of resources without sockets: a request goes in, an answer comes out, what would be
 * pushed waits in its queue. With sockets it is in tests/scenario/test_sim_bmc.py. */
#include "gurnard/sim/sim.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/json.h"
#include "gurnard/redfish/registry.h"
#include "gurnard/redfish/unpack.h"
#include "sim_priv.h"

#define TOKEN_LOGIN GN_STR("Basic dXNlcjp3b3Jk") /* user:word */
#define HOOK        "https://192.0.2.7/hook"

static struct gn_sim *sim_of(const char *profile, uint32_t count)
{
    const struct gn_sim_config config = {
        .profile = gn_sim_profile_find(gn_str_of(profile)),
        .count = count,
        .first_address = 0x7f000001,
        .listen_fd = -1,
        .user = "user",
        .password = "word",
        .speed = 1000,
        .seed = 7,
    };
    struct gn_sim *sim = NULL;

    assert_int_equal(gn_sim_new(NULL, &config, &sim), GN_OK);
    return sim;
}

struct answer {
    int status;
    json_t *body; /* owned, or NULL */
    char location[320], etag[320];
};

static struct answer ask_with(struct sim_bmc *bmc, struct sim_request request)
{
    struct sim_reply reply;
    struct answer answer = {0};

    gn_sim_tick(bmc->sim);
    request.authorization = TOKEN_LOGIN;
    gn_sim_answer(bmc, &request, &reply);
    answer.status = reply.status;
    answer.body = json_incref(reply.body);
    for (size_t i = 0; i < reply.header_count; i++) {
        if (strcmp(reply.headers[i].name, "Location") == 0)
            (void)snprintf(answer.location, sizeof answer.location, "%s", reply.headers[i].value);
        if (strcmp(reply.headers[i].name, "ETag") == 0)
            (void)snprintf(answer.etag, sizeof answer.etag, "%s", reply.headers[i].value);
    }
    gn_sim_reply_fini(&reply);
    return answer;
}

static struct answer ask(struct sim_bmc *bmc, const char *method, const char *path,
                         const char *query, const char *body)
{
    return ask_with(bmc, (struct sim_request){.method = gn_str_of(method),
                                              .path = gn_str_of(path),
                                              .query = gn_str_of(query),
                                              .body = gn_str_of(body),
                                              .host = GN_STR("127.0.0.1:8000")});
}

static int status_of(struct sim_bmc *bmc, const char *method, const char *path, const char *body)
{
    struct answer answer = ask(bmc, method, path, NULL, body);

    json_decref(answer.body);
    return answer.status;
}

/* Subscribes in the way that the profile takes. */
static struct sim_sub *subscribe(struct sim_bmc *bmc, const char *more)
{
    char uri[160], body[512];
    int status;

    gn_sim_sub_uri(bmc, "", uri, sizeof uri);
    (void)snprintf(body, sizeof body,
                   "{\"Destination\":\"" HOOK "\",\"Protocol\":\"Redfish\",\"Context\":\"c\"%s%s}",
                   (bmc->profile->habits & GN_SIM_EVENT_TYPES) != 0 ? ",\"EventTypes\":[\"Alert\"]"
                   : strcmp(bmc->profile->name, "xcc") == 0
                       ? ",\"SubscriptionType\":\"RedfishEvent\",\"EventFormatType\":\"Event\""
                       : "",
                   more);
    status = status_of(bmc, "POST", uri, body);
    if (status < 200 || status > 299)
        fail_msg("%s: %d", bmc->profile->name, status);
    return TAILQ_LAST(&bmc->subs, sub_list);
}

static void raise_topic(struct sim_bmc *bmc, const char *key)
{
    const struct sim_wish wish = {.topic = gn_sim_topic_find(gn_str_of(key))};

    gn_sim_raise(bmc, &wish, GN_STR_NONE);
}

/* ---- BMCs ---- */

static void the_host_tells_which_bmc_is_meant(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 300);
    static const struct {
        const char *host;
        int index; /* -1: none */
    } rows[] = {
        {"127.0.0.1", 0},    {"127.0.0.1:8000", 0}, {"127.0.0.2:8000", 1},
        {"127.0.1.0", 255},  {"localhost:8000", 0}, {"", 0},
        {"127.0.1.44", 299}, {"127.0.1.45", -1},    {"127.0.0.0", -1},
        {"127.0.0.x", 0},    {"10.0.0.9", 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_ptr_equal(gn_sim_bmc_of(sim, gn_str_of(rows[i].host)),
                         rows[i].index < 0 ? NULL : &sim->bmcs[rows[i].index]);
    gn_sim_free(sim);
}

static void a_mixture_holds_every_profile(void **state)
{
    struct gn_sim *sim = sim_of("mixed", 20);

    (void)state;
    for (size_t i = 0; gn_sim_profile_at(i) != NULL; i++)
        assert_ptr_equal(sim->bmcs[i].profile, gn_sim_profile_at(i));
    assert_string_not_equal(sim->bmcs[0].uuid, sim->bmcs[1].uuid);
    gn_sim_free(sim);
}

static void equal_seeds_give_equal_bmcs(void **state)
{
    struct gn_sim *one = sim_of("idrac9", 3), *two = sim_of("idrac9", 3);

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(one->bmcs[i].uuid, two->bmcs[i].uuid);
    assert_true(gn_id_is_valid(gn_str_of(one->bmcs[0].uuid)));
    gn_sim_free(one);
    gn_sim_free(two);
}

static void a_reset_begins_the_events_anew_and_keeps_logs(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 1);
    struct sim_bmc *bmc = &sim->bmcs[0];

    (void)state;
    (void)subscribe(bmc, "");
    raise_topic(bmc, "FanFailed");
    raise_topic(bmc, "FanRestored");
    assert_int_equal(bmc->events, 2);
    gn_sim_bmc_reset(bmc, false, 0);
    assert_int_equal(bmc->events, 0);
    assert_int_equal(bmc->sub_count, 1);
    assert_int_equal(TAILQ_FIRST(&bmc->subs)->count, 0);
    assert_int_equal(bmc->logs[0].count, 2);
    gn_sim_bmc_reset(bmc, true, 100);
    assert_int_equal(bmc->sub_count, 0);
    assert_true(bmc->boot_until_ms > sim->now_ms);
    gn_sim_free(sim);
}

/* ---- sessions ---- */

static int log_in(struct sim_bmc *bmc, const char *password)
{
    char body[80];

    (void)snprintf(body, sizeof body, "{\"UserName\":\"user\",\"Password\":\"%s\"}", password);
    return status_of(bmc, "POST", "/redfish/v1/SessionService/Sessions", body);
}

static void sessions_are_few_and_end_when_nobody_uses_them(void **state)
{
    struct gn_sim *sim = sim_of("idrac9", 1);
    struct sim_bmc *bmc = &sim->bmcs[0];

    (void)state;
    assert_int_equal(log_in(bmc, "wrong"), 401);
    for (uint32_t i = 0; i < bmc->profile->max_sessions; i++)
        assert_int_equal(log_in(bmc, "word"), 201);
    assert_int_equal(log_in(bmc, "word"), 503);
    bmc->sessions[3].used_at_ms -= gn_sim_scaled_ms(sim, SIM_SESSION_IDLE_S) + 60000;
    assert_int_equal(log_in(bmc, "word"), 201);
    assert_int_equal(bmc->session_count, bmc->profile->max_sessions);
    assert_int_equal(bmc->unauthorized, 1);
    gn_sim_free(sim);
}

static void a_token_counts_before_basic_credentials(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 1);
    struct answer answer =
        ask_with(&sim->bmcs[0], (struct sim_request){.method = GN_STR("GET"),
                                                     .path = GN_STR("/redfish/v1/Systems"),
                                                     .token = GN_STR("stale")});

    (void)state;
    assert_int_equal(answer.status, 401);
    json_decref(answer.body);
    gn_sim_free(sim);
}

/* ---- paths ---- */

static void paths_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        {"GET", "/redfish/v1", 200},
        {"GET", "/redfish/v1//Systems/", 200},
        {"HEAD", "/redfish/v1/Systems", 200},
        {"GET", "/redfish/v1/Nothing", 404},
        {"GET", "/redfish/v10", 404},
        {"GET", "/elsewhere", 404},
        {"DELETE", "/redfish/v1/Systems", 405},
        {"GET", "/redfish/v1/Systems/other", 404},
        {"GET", "/redfish/v1/Chassis/chassis/LogServices", 404},
        {"GET", "/redfish/v1/Systems/system/LogServices/None/Entries", 404},
        {"GET", "/redfish/v1/EventService/Others", 404},
        {"GET", "/redfish/v1/EventService/Subscriptions/1", 404},
        {"GET", "/redfish/v1/1/2/3/4/5/6/7/8/9/10/11/12/13/14", 404},
    };
    struct gn_sim *sim = sim_of("openbmc", 1);

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(status_of(&sim->bmcs[0], rows[i].method, rows[i].path, NULL),
                         rows[i].status);
    gn_sim_free(sim);
}

static void a_body_that_is_no_object_is_refused(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 1);
    const char *path = "/redfish/v1/EventService/Subscriptions";

    (void)state;
    assert_int_equal(status_of(&sim->bmcs[0], "POST", path, "[]"), 400);
    assert_int_equal(status_of(&sim->bmcs[0], "POST", path, "{\"a\":"), 400);
    assert_int_equal(status_of(&sim->bmcs[0], "POST", path, "{}"), 400);
    gn_sim_free(sim);
}

/* ---- subscriptions and events ---- */

static void a_subscription_is_taken_by_every_profile(void **state)
{
    const struct gn_sim_profile *p;

    (void)state;
    for (size_t i = 0; (p = gn_sim_profile_at(i)) != NULL; i++) {
        struct gn_sim *sim = sim_of(p->name, 1);
        struct sim_sub *sub = subscribe(&sim->bmcs[0], "");

        raise_topic(&sim->bmcs[0], "FanFailed");
        assert_int_equal(sub->count, 1);
        assert_int_equal(sub->policy, p->policy);
        gn_sim_free(sim);
    }
}

static void events_look_as_their_vendor_makes_them(void **state)
{
    static const struct {
        const char *profile, *message_id, *present, *missing; /* words: members of the record */
        size_t zone_at;
        const char *zone;
    } rows[] = {
        {"idrac9", "IDRAC.2.8.FAN0001", "EventId MemberId MessageSeverity MessageArgs@odata.count",
         "EventGroupId LogEntry", 19, "-0500"},
        {"idrac10", "IDRAC.FAN0001", "MessageArgs MessageSeverity", "Severity Context", 19,
         "-06:00"},
        {"ilo5", "iLOEvents.2.3.FanFailed", "Oem EventType Severity", "Message Context", 19, "Z"},
        {"openbmc", "OpenBMC.0.4.FanFailed", "Severity Context Message",
         "EventType MemberId MessageSeverity OriginOfCondition", 19, "+00:00"},
        {"ami", "EventLog.1.0.FanFailed", "EventGroupId LogEntry", "Oem", 19, "+00:00"},
        {"zt", "ZT_Event_Service_Log.1.0.Alert", "Severity MemberId", "MessageArgs", 19, "Z"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_sim *sim = sim_of(rows[i].profile, 1);
        struct sim_sub *sub = subscribe(&sim->bmcs[0], "");
        const char *words = rows[i].present;
        json_t *event, *record;
        struct gn_str word;
        char name[64];

        raise_topic(&sim->bmcs[0], "FanFailed");
        event = gn_sim_event(&sim->bmcs[0], sub->queue[0], "c");
        record = json_array_get(json_object_get(event, "Events"), 0);
        assert_string_equal(json_string_value(json_object_get(record, "MessageId")),
                            rows[i].message_id);
        assert_string_equal(json_string_value(json_object_get(record, "EventTimestamp")) +
                                rows[i].zone_at,
                            rows[i].zone);
        while ((word = gn_sim_next_word(&words)).p != NULL) {
            (void)snprintf(name, sizeof name, "%.*s", (int)word.len, word.p);
            assert_non_null(json_object_get(record, name));
        }
        words = rows[i].missing;
        while ((word = gn_sim_next_word(&words)).p != NULL) {
            (void)snprintf(name, sizeof name, "%.*s", (int)word.len, word.p);
            assert_null(json_object_get(record, name));
        }
        json_decref(event);
        gn_sim_free(sim);
    }
}

static void zt_names_the_log_entry_in_its_event_id(void **state)
{
    struct gn_sim *sim = sim_of("zt", 1);
    struct sim_sub *sub = subscribe(&sim->bmcs[0], "");
    json_t *event;
    const char *id;

    (void)state;
    raise_topic(&sim->bmcs[0], "FanFailed");
    event = gn_sim_event(&sim->bmcs[0], sub->queue[0], "c");
    id = json_string_value(
        json_object_get(json_array_get(json_object_get(event, "Events"), 0), "EventId"));
    assert_true(gn_str_has_prefix(gn_str_of(id),
                                  GN_STR("Redfish:Chassis:Self:LogServices:Logs:Entries:1 - ")));
    json_decref(event);
    gn_sim_free(sim);
}

static void a_queue_that_is_full_loses_the_new_events(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 1);
    struct sim_sub *sub = subscribe(&sim->bmcs[0], "");

    (void)state;
    for (unsigned i = 0; i < SIM_QUEUE_MAX + 3; i++)
        raise_topic(&sim->bmcs[0], "FanFailed");
    assert_int_equal(sub->count, SIM_QUEUE_MAX);
    assert_int_equal(sub->queue[0]->number, 1);
    assert_int_equal(sim->bmcs[0].lost, 3);
    gn_sim_free(sim);
}

static void an_expiry_follows_from_count_and_units(void **state)
{
    static const struct {
        const char *more;
        uint64_t after_ms; /* 0: never */
    } rows[] = {
        {"", 3600}, /* 60 minutes, 1000 times shorter */
        {",\"TTLCount\":2,\"TTLUnits\":\"hours\"", 7200},
        {",\"TTLCount\":1,\"TTLUnits\":\"days\"", 86400},
        {",\"TTLCount\":999999,\"TTLUnits\":\"days\"", 86400ULL * 999999},
        {",\"TTLCount\":1000000,\"TTLUnits\":\"days\"", 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_sim *sim = sim_of("ilo4", 1);
        struct sim_sub *sub = subscribe(&sim->bmcs[0], rows[i].more);

        assert_int_equal(sub->expires_at_ms,
                         rows[i].after_ms == 0 ? 0 : sim->now_ms + rows[i].after_ms);
        gn_sim_free(sim);
    }
}

static void a_stream_begins_with_what_was_missed(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 1);
    struct sim_bmc *bmc = &sim->bmcs[0];
    struct gn_buf first = GN_BUF_INIT;
    struct sim_sub *sub = gn_sim_sub_new(bmc, json_pack("{s:s}", "Context", "c"));

    (void)state;
    sub->is_sse = true;
    bmc->sse_count = 1;
    for (unsigned i = 0; i < SIM_RING + 10; i++)
        raise_topic(bmc, "FanFailed");
    gn_sim_stream_begin(sub, GN_STR("208"), &first);
    assert_null(strstr(first.data, "id: 208\n"));
    assert_non_null(strstr(first.data, "id: 209\ndata: {\ndata:   \""));
    assert_non_null(strstr(first.data, "id: 210\n"));
    gn_buf_reset(&first);
    gn_sim_stream_begin(sub, GN_STR("3"), &first); /* no longer kept */
    assert_non_null(strstr(first.data, "EventBufferExceeded"));
    gn_buf_reset(&first);
    gn_sim_stream_begin(sub, GN_STR_NONE, &first);
    assert_string_equal(first.data, ":\n\n");
    gn_buf_free(&first);
    gn_sim_free(sim);
}

/* ---- logs ---- */

static void the_oldest_entry_of_a_full_log_goes(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 1);
    struct sim_log *log = &sim->bmcs[0].logs[0];

    (void)state;
    for (unsigned i = 0; i < SIM_LOG_MAX + 5; i++)
        raise_topic(&sim->bmcs[0], "FanFailed");
    assert_int_equal(log->count, SIM_LOG_MAX);
    assert_int_equal(log->items[0]->entry, 6);
    gn_sim_free(sim);
}

static void pages_are_cut_by_skip_and_top(void **state)
{
    static const struct {
        const char *query;
        size_t members;
        const char *first, *next; /* NULL: none */
    } rows[] = {
        {NULL, 50, "1", "?$skip=50"},       {"$skip=50", 50, "51", "?$skip=100"},
        {"$skip=100", 20, "101", NULL},     {"$skip=120", 0, NULL, NULL},
        {"$skip=999", 0, NULL, NULL},       {"$top=3&$skip=2", 3, "3", NULL},
        {"%24top=3", 3, "1", NULL},         {"$top=0", 0, NULL, NULL},
        {"$skip=-1", 50, "1", "?$skip=50"},
    };
    struct gn_sim *sim = sim_of("ami", 1);
    const char *path = "/redfish/v1/Chassis/Self/LogServices/Logs/Entries";

    (void)state;
    for (int i = 0; i < 120; i++)
        raise_topic(&sim->bmcs[0], "FanFailed");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct answer answer = ask(&sim->bmcs[0], "GET", path, rows[i].query, NULL);
        const json_t *members = json_object_get(answer.body, "Members");
        struct gn_str next = gn_json_str(answer.body, "Members@odata.nextLink");

        assert_int_equal(json_array_size(members), rows[i].members);
        if (rows[i].first != NULL)
            assert_true(
                gn_str_eq(gn_json_str(json_array_get(members, 0), "Id"), gn_str_of(rows[i].first)));
        assert_int_equal(next.p != NULL, rows[i].next != NULL);
        if (rows[i].next != NULL)
            assert_true(gn_str_has_suffix(next, gn_str_of(rows[i].next)));
        json_decref(answer.body);
    }
    gn_sim_free(sim);
}

/* ---- registries and packing ---- */

static struct gn_buf registry_of(struct sim_bmc *bmc, const char *encoding)
{
    const struct sim_request request = {.method = GN_STR("GET"),
                                        .path = gn_str_of(bmc->profile->registry_uri),
                                        .accept_encoding = gn_str_of(encoding),
                                        .authorization = TOKEN_LOGIN};
    struct sim_reply reply;
    struct gn_buf bytes;

    gn_sim_answer(bmc, &request, &reply);
    assert_int_equal(reply.status, 200);
    bytes = reply.bytes;
    json_decref(reply.body);
    return bytes;
}

static void our_own_loader_reads_every_registry(void **state)
{
    const struct gn_sim_profile *p;

    (void)state;
    for (size_t i = 0; (p = gn_sim_profile_at(i)) != NULL; i++) {
        struct gn_sim *sim = sim_of(p->name, 1);
        struct gn_registry_set *set = gn_registry_set_new();
        struct gn_buf bytes = registry_of(&sim->bmcs[0], NULL), text = GN_BUF_INIT;
        struct gn_message message;
        const char *reason = "";
        char id[160];

        if (gn_unpack_is_zip(gn_buf_str(&bytes)))
            assert_int_equal(
                gn_unpack_zip(gn_buf_str(&bytes), GN_STR_NONE, GN_REGISTRY_FILE_MAX, &text), GN_OK);
        else
            gn_buf_add_str(&text, gn_buf_str(&bytes));
        assert_int_equal(gn_registry_set_load(set, gn_buf_str(&text), p->name, &reason), GN_OK);
        assert_int_equal(gn_registry_set_seal(set), GN_OK);
        assert_true(gn_registry_set_stats(set).messages > p->filler);
        gn_sim_message_id(p, gn_sim_topic_key(p, gn_sim_topic_at(0)), id, sizeof id);
        assert_int_not_equal(gn_registry_find(set, gn_str_of(id), &message), GN_MATCH_NONE);
        gn_buf_free(&text);
        gn_buf_free(&bytes);
        gn_registry_set_free(set);
        gn_sim_free(sim);
    }
}

static void packed_bytes_unpack_to_what_they_were(void **state)
{
    static const size_t sizes[] = {0, 1, 65534, 65535, 65536, 200000};

    (void)state;
    for (size_t i = 0; i < GN_LEN(sizes); i++) {
        struct gn_buf data = GN_BUF_INIT, packed = GN_BUF_INIT, back = GN_BUF_INIT;

        for (size_t n = 0; n < sizes[i]; n++)
            gn_buf_putc(&data, (char)('a' + n % 23));
        gn_sim_gzip(gn_buf_str(&data), &packed);
        assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), 1 << 20, &back), GN_OK);
        assert_true(gn_str_eq(gn_buf_str(&back), gn_buf_str(&data)));
        gn_buf_reset(&packed);
        gn_buf_reset(&back);
        gn_sim_zip("a.json", gn_buf_str(&data), &packed);
        assert_int_equal(gn_unpack_zip(gn_buf_str(&packed), GN_STR("a.json"), 1 << 20, &back),
                         GN_OK);
        assert_true(gn_str_eq(gn_buf_str(&back), gn_buf_str(&data)));
        gn_buf_free(&data);
        gn_buf_free(&packed);
        gn_buf_free(&back);
    }
}

static void bombs_are_more_than_a_reader_takes(void **state)
{
    struct gn_buf packed = GN_BUF_INIT, back = GN_BUF_INIT;

    (void)state;
    gn_sim_gzip_bomb(64 << 20, &packed);
    assert_true(packed.len < 1 << 20);
    assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), 16 << 20, &back), GN_ELIMIT);
    gn_buf_reset(&packed);
    gn_sim_zip_bomb("a.json", 64 << 20, &packed);
    assert_int_equal(gn_unpack_zip(gn_buf_str(&packed), GN_STR_NONE, 16 << 20, &back), GN_ELIMIT);
    gn_buf_free(&packed);
    gn_buf_free(&back);
}

/* ---- control ---- */

static json_t *control(struct gn_sim *sim, const char *path, const char *body, int status)
{
    const struct sim_request request = {.method = body == NULL ? GN_STR("GET") : GN_STR("POST"),
                                        .path = gn_str_of(path),
                                        .body = gn_str_of(body)};
    struct sim_reply reply;
    json_t *answer;

    gn_sim_tick(sim);
    gn_sim_control(sim, &request, &reply);
    assert_int_equal(reply.status, status);
    answer = json_incref(reply.body);
    gn_sim_reply_fini(&reply);
    return answer;
}

static void control_raises_incidents_where_it_is_told(void **state)
{
    static const struct {
        const char *body;
        int status;
        long long raised;
        uint64_t first, second; /* events of the two BMCs afterwards */
    } rows[] = {
        {"{}", 200, 2, 1, 1},
        {"{\"count\":3,\"host\":\"127.0.0.2\"}", 200, 3, 1, 4},
        {"{\"count\":0}", 200, 0, 1, 4},
        {"{\"host\":\"127.0.0.3\"}", 404, -1, 1, 4},
        {"{\"count\":10001}", 400, -1, 1, 4},
        {"{\"count\":-1}", 400, -1, 1, 4},
        {"{\"severity\":\"Terrible\"}", 400, -1, 1, 4},
        {"[]", 400, -1, 1, 4},
    };
    struct gn_sim *sim = sim_of("openbmc", 2);

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *answer = control(sim, "/sim/events", rows[i].body, rows[i].status);

        assert_int_equal(gn_json_int(answer, "raised", -1), rows[i].raised);
        assert_int_equal(sim->bmcs[0].events, rows[i].first);
        assert_int_equal(sim->bmcs[1].events, rows[i].second);
        json_decref(answer);
    }
    gn_sim_free(sim);
}

static void an_incident_has_what_was_asked_for(void **state)
{
    struct gn_sim *sim = sim_of("idrac9", 1);
    const struct sim_incident *made;

    (void)state;
    json_decref(control(sim, "/sim/events",
                        "{\"message_id\":\"FanFailed\",\"severity\":\"OK\",\"args\":[\"Fan 77\"]}",
                        200));
    made = sim->bmcs[0].logs[0].items[0];
    assert_string_equal(made->message_id, "IDRAC.2.8.FAN0001");
    assert_string_equal(made->message, "Fan 77 does not turn.");
    assert_int_equal(made->severity, GN_SEVERITY_OK);
    json_decref(
        control(sim, "/sim/events", "{\"message_id\":\"Acme.1.2.Own\",\"message\":\"m\"}", 200));
    made = sim->bmcs[0].logs[0].count > 1 ? sim->bmcs[0].logs[0].items[1]
                                          : sim->bmcs[0].logs[1].items[0];
    assert_string_equal(made->message_id, "Acme.1.2.Own");
    assert_string_equal(made->prefix, "Acme");
    assert_string_equal(made->message, "m");
    gn_sim_free(sim);
}

static void incidents_by_chance_have_the_severity_asked_for(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 1);

    (void)state;
    json_decref(control(sim, "/sim/events", "{\"count\":50,\"severity\":\"Critical\"}", 200));
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(sim->bmcs[0].logs[0].items[i]->topic->severity, GN_SEVERITY_CRITICAL);
    gn_sim_free(sim);
}

static void control_sets_faults_and_tells_the_state(void **state)
{
    struct gn_sim *sim = sim_of("openbmc", 2);
    json_t *answer;

    (void)state;
    answer = control(sim, "/sim/faults", "{\"full\":true,\"host\":\"127.0.0.2\"}", 200);
    assert_int_equal(gn_json_int(answer, "bmcs", 0), 1);
    json_decref(answer);
    assert_false(sim->bmcs[0].faults.is_full);
    assert_true(sim->bmcs[1].faults.is_full);
    json_decref(control(sim, "/sim/faults", "{\"full\":5}", 400));
    json_decref(control(sim, "/sim/nothing", "{}", 404));
    answer = control(sim, "/sim/state", NULL, 200);
    assert_int_equal(gn_json_int(answer, "count", 0), 2);
    assert_int_equal(json_array_size(json_object_get(answer, "bmcs")), 2);
    json_decref(answer);
    gn_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_tells_which_bmc_is_meant),
        cmocka_unit_test(a_mixture_holds_every_profile),
        cmocka_unit_test(equal_seeds_give_equal_bmcs),
        cmocka_unit_test(a_reset_begins_the_events_anew_and_keeps_logs),
        cmocka_unit_test(sessions_are_few_and_end_when_nobody_uses_them),
        cmocka_unit_test(a_token_counts_before_basic_credentials),
        cmocka_unit_test(paths_that_are_none_are_refused),
        cmocka_unit_test(a_body_that_is_no_object_is_refused),
        cmocka_unit_test(a_subscription_is_taken_by_every_profile),
        cmocka_unit_test(events_look_as_their_vendor_makes_them),
        cmocka_unit_test(zt_names_the_log_entry_in_its_event_id),
        cmocka_unit_test(a_queue_that_is_full_loses_the_new_events),
        cmocka_unit_test(an_expiry_follows_from_count_and_units),
        cmocka_unit_test(a_stream_begins_with_what_was_missed),
        cmocka_unit_test(the_oldest_entry_of_a_full_log_goes),
        cmocka_unit_test(pages_are_cut_by_skip_and_top),
        cmocka_unit_test(our_own_loader_reads_every_registry),
        cmocka_unit_test(packed_bytes_unpack_to_what_they_were),
        cmocka_unit_test(bombs_are_more_than_a_reader_takes),
        cmocka_unit_test(control_raises_incidents_where_it_is_told),
        cmocka_unit_test(an_incident_has_what_was_asked_for),
        cmocka_unit_test(incidents_by_chance_have_the_severity_asked_for),
        cmocka_unit_test(control_sets_faults_and_tells_the_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
