/* The relay: what a subscriber gets for what a BMC or a publisher sent, byte for byte. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/base/pack.h"
#include "gurnard/relay/address.h"
#include "gurnard/relay/record.h"
#include "gurnard/relay/relay.h"

#include "fake_transport.h"

#define ADDRESS   "/cluster/node/n1.lab/redfish/v1/Systems"
#define OLD       "/cluster/node/n1.lab/redfish/event"
#define TURNS_MAX 2000 /* bound of any wait; never reached when the code is right */

/* What stands around a Redfish event's value in the body that subscriber "sub-1" gets. */
#define HEAD                                                                                       \
    "{\"id\":\"sub-1\",\"type\":\"event.redfish.alert\",\"source\":\"" ADDRESS                     \
    "\",\"dataContentType\":\"application/json\",\"time\":\""
#define TAIL(value)                                                                                \
    "\",\"data\":{\"version\":\"v1\",\"values\":[{\"resource\":\"/redfish/v1/Systems\","           \
    "\"dataType\":\"notification\",\"valueType\":\"redfish-event\",\"value\":" value "}]}}"

#define REGISTRY                                                                                   \
    "{\"@odata.type\":\"#MessageRegistry.v1_4_0.MessageRegistry\",\"Id\":\"Own.1.2.0\","           \
    "\"Language\":\"en\",\"RegistryPrefix\":\"Own\",\"RegistryVersion\":\"1.2.0\",\"Messages\":{"  \
    "\"FanFailed\":{\"Description\":\"d\",\"Message\":\"Fan %1 of %2 failed.\","                   \
    "\"Severity\":\"Critical\",\"MessageSeverity\":\"Critical\",\"NumberOfArgs\":2,"               \
    "\"ParamTypes\":[\"string\",\"string\"],\"Resolution\":\"Replace the fan.\"},"                 \
    "\"Plain\":{\"Description\":\"d\",\"Message\":\"Nothing of note.\","                           \
    "\"MessageSeverity\":\"OK\",\"Severity\":\"OK\",\"NumberOfArgs\":0,"                           \
    "\"Resolution\":\"None.\"}}}"

struct rig {
    struct gn_metrics *metrics;
    struct gn_loop *loop;
    struct fake_transport *fake;
    char folder[64];     /* of the journal; "": in memory */
    uint32_t disk_spare; /* percent; above 100 the disk is always full */
    struct gn_journal *journal;
    struct gn_outbox *outbox;
    struct gn_state *state;
    struct gn_relay *relay;
    struct gn_pubsub_item items[8];
    size_t item_count;
    unsigned subscribed; /* ids given */
    enum gn_relay_metrics metric_reports;
};

#define BODY_MAX (32U << 20)

static void open_relay(struct rig *rig, bool overwrite, struct gn_quarantine *quarantine)
{
    const struct gn_relay_config config = {.node = "n1.lab",
                                           .overwrite_severity = overwrite,
                                           .max_body_bytes = BODY_MAX,
                                           .metric_reports = rig->metric_reports};
    const struct gn_relay_parts parts = {.loop = rig->loop,
                                         .journal = rig->journal,
                                         .outbox = rig->outbox,
                                         .state = rig->state,
                                         .quarantine = quarantine,
                                         .metrics = rig->metrics};
    struct gn_registry_set *set = gn_registry_set_new();

    gn_relay_free(rig->relay);
    rig->relay = gn_relay_new(&config, &parts);
    assert_non_null(rig->relay);
    assert_int_equal(gn_registry_set_load(set, GN_STR(REGISTRY), "own", NULL), GN_OK);
    assert_int_equal(gn_registry_set_seal(set), GN_OK);
    gn_relay_set_registries(rig->relay, set);
}

static void open_journal(struct rig *rig, uint64_t pending_bytes)
{
    const struct gn_journal_config config = {
        .name = "events",
        .folder = rig->folder,
        .max_bytes = 64 << 20,
        .segment_bytes = 1 << 20,
        .pending_bytes = pending_bytes,
        .disk_spare_pct = rig->disk_spare,
        .keep_ms = 60000,
    };

    assert_int_equal(gn_journal_open(rig->loop, &config, rig->metrics, &rig->journal), GN_OK);
}

static void open_outbox(struct rig *rig)
{
    const struct gn_outbox_config config = {
        .backoff = {.min_ms = 1, .max_ms = 4},
        .attempt_timeout_ms = 2000,
        .expire_ms = 60000,
        .refused_tries = 3,
        .sink_concurrency = 4,
        .max_in_flight = 100,
        .quota_events = 1000,
        .quota_bytes = 1 << 20,
        .memory_bytes = 4 << 20,
    };
    struct gn_transport *transports[] = {&rig->fake->base, NULL};
    const struct gn_outbox_parts parts = {.loop = rig->loop,
                                          .journal = rig->journal,
                                          .transports = transports,
                                          .metrics = rig->metrics};

    rig->outbox = gn_outbox_new(&config, &parts);
    assert_non_null(rig->outbox);
}

/* Ends everything that a process holds. */
static void close_all(struct rig *rig)
{
    gn_outbox_free(rig->outbox);
    gn_journal_close(rig->journal);
    gn_relay_free(rig->relay);
    gn_state_free(rig->state);
    rig->relay = NULL;
}

static void open_all(struct rig *rig, uint64_t pending_bytes)
{
    rig->state = gn_state_new();
    open_journal(rig, pending_bytes);
    open_outbox(rig);
    open_relay(rig, false, NULL);
}

/* Everything anew, with room for so many bytes of events. */
static void reopen(struct rig *rig, uint64_t pending_bytes)
{
    close_all(rig);
    open_all(rig, pending_bytes);
    assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    rig->metrics = gn_metrics_new();
    rig->loop = gn_loop_new(NULL);
    rig->fake = fake_transport_new(rig->loop);
    open_all(rig, 64 << 20);
    assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    close_all(rig);
    rig->fake->base.ops->free(&rig->fake->base);
    gn_loop_free(rig->loop);
    gn_metrics_free(rig->metrics);
    for (size_t i = 0; i < rig->item_count; i++) {
        free(rig->items[i].id);
        free(rig->items[i].resource);
        free(rig->items[i].endpoint_uri);
        free(rig->items[i].config);
    }
    free(rig);
    return 0;
}

static void on_disk(struct rig *rig)
{
    close_all(rig);
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/gn_relay_XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    open_all(rig, 64 << 20);
    assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
}

static int teardown_disk(void **state)
{
    char command[96];
    struct rig *rig = *state;

    (void)snprintf(command, sizeof command, "rm -rf %s", rig->folder);
    (void)teardown(state);
    return system(command); /* NOLINT(cert-env33-c): a path of our own */
}

/* A record as the store would hold it. */
static struct gn_pubsub_item *make_item(struct rig *rig, enum gn_pubsub_kind kind, const char *id,
                                        const char *resource, const char *endpoint)
{
    struct gn_pubsub_item *item = &rig->items[rig->item_count++];

    item->kind = kind;
    item->id = strdup(id);
    item->resource = strdup(resource);
    item->endpoint_uri = endpoint == NULL ? NULL : strdup(endpoint);
    return item;
}

static struct gn_pubsub_item *subscribe(struct rig *rig, const char *resource, const char *endpoint)
{
    char id[32];
    struct gn_pubsub_item *item;

    (void)snprintf(id, sizeof id, "sub-%u", ++rig->subscribed);
    item = make_item(rig, GN_SUBSCRIPTION, id, resource, endpoint);
    gn_relay_subscription_added(rig->relay, item);
    return item;
}

static void settle(struct rig *rig)
{
    for (int i = 0; gn_outbox_pending(rig->outbox) > 0; i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(gn_loop_turn(rig->loop, 20), GN_OK);
    }
}

static enum gn_intake take_from(struct rig *rig, const char *name, const char *peer,
                                const char *body)
{
    const struct gn_relay_source source = {.name = gn_str_of(name), .peer = gn_str_of(peer)};

    return gn_relay_redfish(rig->relay, &source, gn_str_of(body));
}

static enum gn_intake take(struct rig *rig, const char *body)
{
    return take_from(rig, NULL, "192.0.2.7", body);
}

static double counter(struct rig *rig, const char *name, const char *labels)
{
    return gn_metrics_counter(rig->metrics, name, labels, "")->value;
}

/* Sends body and compares what the subscriber gets, all but the time. */
static void expect_delivered(struct rig *rig, const char *body, const char *want_tail)
{
    size_t at = rig->fake->note_count;
    const char *got;

    assert_int_equal(take(rig, body), GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, at + 1);
    got = rig->fake->notes[at].body;
    assert_int_equal(strncmp(got, HEAD, strlen(HEAD)), 0);
    got = strchr(got + strlen(HEAD), '"');
    assert_non_null(got);
    assert_string_equal(got, want_tail);
}

/* ---- exact bodies ---- */

static void a_complete_event_arrives_as_it_was_sent(void **state)
{
    struct rig *rig = *state;

    (void)subscribe(rig, ADDRESS, "fake://a");
    expect_delivered(
        rig,
        "{\"@odata.type\":\"#Event.v1_3_0.Event\",\"Id\":\"5e004f5a\",\"Name\":\"Array\","
        "\"Context\":\"any\",\"Events\":[{\"EventType\":\"Alert\",\"Severity\":\"Warning\","
        "\"Message\":\"Inlet is low.\",\"MessageId\":\"Own.1.2.FanFailed\","
        "\"MessageArgs\":[\"Inlet\"],\"MemberId\":\"615703\","
        "\"Oem\":{\"Big\":123456789012345678, \"F\":42.10}}]}",
        TAIL("{\"Context\":\"any\",\"@odata.type\":\"#Event.v1_3_0.Event\","
             "\"Events\":[{\"EventGroupId\":0,\"Message\":\"Inlet is low.\","
             "\"MessageArgs\":[\"Inlet\"],"
             "\"Oem\":{\"Big\":123456789012345678,\"F\":42.10},"
             "\"Severity\":\"Warning\",\"MessageId\":\"Own.1.2.FanFailed\","
             "\"MemberId\":\"615703\",\"EventType\":\"Alert\"}],"
             "\"Id\":\"5e004f5a\",\"Name\":\"Array\"}"));
    assert_true(counter(rig, "gurnard_events_parsed_total", NULL) == 1);
    assert_true(counter(rig, "gurnard_records_total", NULL) == 1);
    assert_true(counter(rig, "gurnard_registry_hits_total", "match=\"exact\"") == 0);
}

static void the_registry_fills_what_a_record_lacks(void **state)
{
    static const struct {
        const char *record, *want;
    } rows[] = {
        {"{\"MessageId\":\"Own.1.2.FanFailed\",\"MessageArgs\":[\"3\",\"PSU\"]}",
         TAIL("{\"Events\":[{\"EventGroupId\":0,\"Message\":\"Fan 3 of PSU failed.\","
              "\"MessageArgs\":[\"3\",\"PSU\"],\"Severity\":\"Critical\","
              "\"Resolution\":\"Replace the fan.\",\"MessageId\":\"Own.1.2.FanFailed\"}]}")},
        {"{\"MessageId\":\"Own.1.2.FanFailed\",\"Message\":\"\",\"MessageArgs\":[\"3\",\"PSU\"],"
         "\"Severity\":\"Warning\",\"Resolution\":\"Wait.\"}",
         TAIL("{\"Events\":[{\"EventGroupId\":0,\"Message\":\"Fan 3 of PSU failed.\","
              "\"MessageArgs\":[\"3\",\"PSU\"],\"Severity\":\"Warning\","
              "\"Resolution\":\"Wait.\",\"MessageId\":\"Own.1.2.FanFailed\"}]}")},
        {"{\"MessageId\":\"Own.1.2.FanFailed\",\"Message\":\"m\"}",
         TAIL("{\"Events\":[{\"EventGroupId\":0,\"Message\":\"m\",\"Severity\":\"Critical\","
              "\"MessageId\":\"Own.1.2.FanFailed\"}]}")},
        {"{\"MessageId\":\"Own.1.2.FanFailed\",\"Message\":\"m\",\"MessageSeverity\":\"Warning\"}",
         TAIL("{\"Events\":[{\"EventGroupId\":0,\"Message\":\"m\",\"Severity\":\"Warning\","
              "\"MessageId\":\"Own.1.2.FanFailed\",\"MessageSeverity\":\"Warning\"}]}")},
        {"{\"MessageId\":\"Own.1.2.Plain\",\"Message\":null}",
         TAIL("{\"Events\":[{\"EventGroupId\":0,\"Message\":\"Nothing of note.\","
              "\"Severity\":\"OK\",\"MessageId\":\"Own.1.2.Plain\"}]}")},
        {"{\"MessageId\":\"Own.1.2.NoSuch\",\"MessageArgs\":[\"3\"]}",
         TAIL("{\"Events\":[{\"EventGroupId\":0,\"MessageArgs\":[\"3\"],"
              "\"MessageId\":\"Own.1.2.NoSuch\"}]}")},
    };
    struct rig *rig = *state;

    (void)subscribe(rig, ADDRESS, "fake://a");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char body[512];

        (void)snprintf(body, sizeof(body), "{\"Events\":[%s]}", rows[i].record);
        expect_delivered(rig, body, rows[i].want);
    }
    assert_true(counter(rig, "gurnard_registry_hits_total", "match=\"exact\"") == 4);
    assert_true(counter(rig, "gurnard_registry_misses_total", NULL) == 1);
}

static void the_quality_of_a_look_up_is_counted(void **state)
{
    static const struct {
        const char *message_id, *labels;
    } rows[] = {
        {"Own.1.2.FanFailed", "match=\"exact\""},
        {"Own.1.1.FanFailed", "match=\"nearest\""},
        {"Own.2.0.FanFailed", "match=\"nearest\""},
        {"Own.FanFailed", "match=\"nearest\""},
        {"FanFailed", "match=\"bare\""},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        double before = counter(rig, "gurnard_registry_hits_total", rows[i].labels);
        char body[128];

        (void)snprintf(body, sizeof(body), "{\"Events\":[{\"MessageId\":\"%s\"}]}",
                       rows[i].message_id);
        assert_int_equal(take(rig, body), GN_INTAKE_STORED);
        assert_true(counter(rig, "gurnard_registry_hits_total", rows[i].labels) == before + 1);
    }
}

static void the_registrys_severity_wins_when_told_to(void **state)
{
    struct rig *rig = *state;

    open_relay(rig, true, NULL);
    (void)subscribe(rig, ADDRESS, "fake://a");
    expect_delivered(
        rig, "{\"Events\":[{\"MessageId\":\"Own.1.2.FanFailed\",\"Severity\":\"Warning\"}]}",
        TAIL("{\"Events\":[{\"EventGroupId\":0,\"Message\":\"Fan %1 of %2 failed.\","
             "\"Severity\":\"Critical\",\"Resolution\":\"Replace the fan.\","
             "\"MessageId\":\"Own.1.2.FanFailed\"}]}"));
    expect_delivered(rig,
                     "{\"Events\":[{\"MessageId\":\"Own.1.2.FanFailed\",\"Message\":\"m\","
                     "\"Severity\":\"Warning\"}]}",
                     TAIL("{\"Events\":[{\"EventGroupId\":0,\"Message\":\"m\","
                          "\"Severity\":\"Warning\",\"MessageId\":\"Own.1.2.FanFailed\"}]}"));
}

static void without_registries_events_pass_as_they_are(void **state)
{
    struct rig *rig = *state;

    gn_relay_set_registries(rig->relay, NULL);
    assert_null(gn_relay_registries(rig->relay));
    (void)subscribe(rig, ADDRESS, "fake://a");
    expect_delivered(rig, "{\"Events\":[{\"MessageId\":\"Own.1.2.FanFailed\"}]}",
                     TAIL("{\"Events\":[{\"EventGroupId\":0,"
                          "\"MessageId\":\"Own.1.2.FanFailed\"}]}"));
}

static void json_without_an_event_is_forwarded_compact(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {" { \"a\" : [ 1.50 , \"x y\" ] } ", TAIL("{\"a\":[1.50,\"x y\"]}")},
        {"[]", TAIL("[]")},
        {"42", TAIL("42")},
        {"{\"a\":\"\xff\xc3\xa4\"}", TAIL("{\"a\":\"\xEF\xBF\xBD\xc3\xa4\"}")},
    };
    struct rig *rig = *state;

    (void)subscribe(rig, ADDRESS, "fake://a");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *got;

        assert_int_equal(take(rig, rows[i].body), GN_INTAKE_UNPARSED);
        settle(rig);
        assert_int_equal(rig->fake->note_count, i + 1);
        got = strchr(rig->fake->notes[i].body + strlen(HEAD), '"');
        assert_string_equal(got, rows[i].want);
    }
    assert_true(counter(rig, "gurnard_events_unparsed_total", NULL) == GN_LEN(rows));
    assert_true(counter(rig, "gurnard_events_parsed_total", NULL) == 0);
}

/* ---- metric reports, gurnard's own events, misses ---- */

#define REPORT "{\"@odata.type\":\"#MetricReport.v1_0_0.MetricReport\",\"MetricValues\":[]}"

static void metric_reports_go_where_the_configuration_says(void **state)
{
    static const struct {
        enum gn_relay_metrics policy;
        size_t with, apart; /* bodies that the subscribers of these addresses have afterwards */
        double published, dropped;
    } rows[] = {
        {GN_RELAY_METRICS_APART, 0, 1, 1, 0},
        {GN_RELAY_METRICS_WITH, 1, 1, 2, 0},
        {GN_RELAY_METRICS_DROP, 1, 1, 2, 1},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        rig->metric_reports = rows[i].policy;
        reopen(rig, 64 << 20);
        (void)subscribe(rig, gn_relay_redfish_address(rig->relay), "fake://with");
        (void)subscribe(rig, gn_relay_metrics_address(rig->relay), "fake://apart");
        assert_int_equal(take(rig, REPORT), GN_INTAKE_STORED);
        settle(rig);
        assert_int_equal(fake_count(rig->fake, "fake://with"), rows[i].with);
        assert_int_equal(fake_count(rig->fake, "fake://apart"), rows[i].apart);
        assert_true(counter(rig, "gurnard_metric_reports_total", "result=\"published\"") ==
                    rows[i].published);
        assert_true(counter(rig, "gurnard_metric_reports_total", "result=\"dropped\"") ==
                    rows[i].dropped);
        assert_true(counter(rig, "gurnard_events_unparsed_total", NULL) == 0);
    }
    assert_non_null(strstr(rig->fake->notes[0].body,
                           "\"type\":\"event.redfish.metric-report\",\"source\":\"/cluster/node/"
                           "n1.lab/redfish/v1/TelemetryService/MetricReports\""));
    assert_non_null(strstr(rig->fake->notes[0].body,
                           "{\"resource\":\"/redfish/v1/TelemetryService/MetricReports\","
                           "\"dataType\":\"notification\",\"valueType\":\"redfish-event\","
                           "\"value\":" REPORT "}"));
    assert_non_null(strstr(rig->fake->notes[1].body, "\"source\":\"" ADDRESS "\""));
}

static void gurnards_own_events_have_an_address_of_their_own(void **state)
{
    const struct gn_str args[] = {GN_STR("bmc \"1\""), GN_STR("7")};
    struct rig *rig = *state;
    const char *got;

    assert_string_equal(gn_relay_own_address(rig->relay), "/cluster/node/n1.lab/gurnard");
    (void)subscribe(rig, gn_relay_own_address(rig->relay), "fake://own");
    (void)subscribe(rig, ADDRESS, "fake://redfish");
    assert_int_equal(gn_relay_tell(rig->relay, &(struct gn_relay_own){.bmc = GN_STR("b\"1"),
                                                                      .key = "EventsShed",
                                                                      .args = args,
                                                                      .arg_count = 2,
                                                                      .severity = "Warning"}),
                     GN_INTAKE_STORED);
    assert_int_equal(gn_relay_tell(rig->relay, &(struct gn_relay_own){.key = "GurnardStopped",
                                                                      .severity = "OK"}),
                     GN_INTAKE_STORED);
    assert_int_equal(gn_relay_tell(rig->relay, &(struct gn_relay_own){.key = "TestEvent",
                                                                      .severity = "OK",
                                                                      .origin = "/x"}),
                     GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(fake_count(rig->fake, "fake://own"), 3);
    assert_int_equal(rig->fake->note_count, 3);
    got = rig->fake->notes[0].body;
    assert_non_null(strstr(got, "\"type\":\"event.redfish.alert\""));
    assert_non_null(strstr(got, "\"resource\":\"/gurnard\""));
    assert_non_null(strstr(got, "\"MessageId\":\"Gurnard.1.0.EventsShed\""));
    assert_non_null(strstr(got, "\"MessageArgs\":[\"bmc \\\"1\\\"\",\"7\"]"));
    assert_non_null(strstr(got, "{\"@odata.id\":\"/gurnard/bmcs/b\\\"1\"}"));
    assert_non_null(strstr(got, "\"Oem\":{\"Gurnard\":{\"Bmc\":\"b\\\"1\"}}"));
    assert_non_null(strstr(rig->fake->notes[1].body, "{\"@odata.id\":\"/gurnard\"}"));
    assert_null(strstr(rig->fake->notes[1].body, "\"Oem\""));
    assert_non_null(strstr(rig->fake->notes[2].body, "{\"@odata.id\":\"/x\"}"));
    assert_true(counter(rig, "gurnard_events_received_total", "via=\"own\"") == 3);
    assert_true(counter(rig, "gurnard_events_received_total", "via=\"webhook\"") == 0);
}

struct missed {
    unsigned count;
    char bmc[16], message_id[32];
};

static void on_miss(void *ctx, struct gn_str bmc, struct gn_str message_id)
{
    struct missed *missed = ctx;

    missed->count++;
    (void)snprintf(missed->bmc, sizeof missed->bmc, "%.*s", (int)bmc.len, bmc.p);
    (void)snprintf(missed->message_id, sizeof missed->message_id, "%.*s", (int)message_id.len,
                   message_id.p);
}

static void what_no_registry_knows_is_told(void **state)
{
    struct rig *rig = *state;
    struct missed missed = {.count = 0};

    gn_relay_on_miss(rig->relay, on_miss, &missed);
    (void)take_from(rig, "b1", NULL, "{\"Events\":[{\"MessageId\":\"Own.1.2.Plain\"}]}");
    (void)take_from(rig, "b1", NULL, "{\"Events\":[{\"Message\":\"m\",\"Severity\":\"OK\"}]}");
    assert_int_equal(missed.count, 0);
    (void)take_from(rig, "b1", NULL, "{\"Events\":[{\"MessageId\":\"Own.1.2.Other\"}]}");
    assert_int_equal(missed.count, 1);
    assert_string_equal(missed.bmc, "b1");
    assert_string_equal(missed.message_id, "Own.1.2.Other");
    gn_relay_on_miss(rig->relay, NULL, NULL);
    (void)take_from(rig, "b1", NULL, "{\"Events\":[{\"MessageId\":\"Own.1.2.Other\"}]}");
    assert_int_equal(missed.count, 1);
}

/* Plain is found in Own: a text, but perhaps not the one that Other would have. */
static void a_key_found_in_another_registry_than_the_one_named_is_told(void **state)
{
    struct rig *rig = *state;
    struct missed missed = {.count = 0};

    gn_relay_on_miss(rig->relay, on_miss, &missed);
    (void)take_from(rig, "b1", NULL, "{\"Events\":[{\"MessageId\":\"Plain\"}]}");
    assert_int_equal(missed.count, 0);
    (void)take_from(rig, "b1", NULL, "{\"Events\":[{\"MessageId\":\"Other.1.2.Plain\"}]}");
    assert_int_equal(missed.count, 1);
    assert_string_equal(missed.message_id, "Other.1.2.Plain");
    gn_relay_on_miss(rig->relay, NULL, NULL);
}

/* ---- repeats, identity ---- */

#define TIMED                                                                                      \
    "{\"Id\":\"1\",\"Events\":[{\"MessageId\":\"X.1.0.Y\",\"Message\":\"m\","                      \
    "\"Severity\":\"OK\",\"EventTimestamp\":\"2021-07-13T15:07:59+0300\"}]}"

static void a_repeated_body_is_delivered_once(void **state)
{
    struct rig *rig = *state;

    (void)subscribe(rig, ADDRESS, "fake://a");
    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    assert_int_equal(take(rig, TIMED), GN_INTAKE_REPEATED);
    assert_int_equal(take_from(rig, NULL, "192.0.2.8", TIMED), GN_INTAKE_STORED);
    assert_int_equal(take_from(rig, "bmc-1", "192.0.2.7", TIMED), GN_INTAKE_STORED);
    assert_int_equal(take_from(rig, "bmc-1", "192.0.2.9", TIMED), GN_INTAKE_REPEATED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 3);
    assert_true(counter(rig, "gurnard_events_repeated_total", NULL) == 2);
    assert_true(counter(rig, "gurnard_events_received_total", "via=\"webhook\"") == 5);
    assert_true(counter(rig, "gurnard_events_parsed_total", NULL) == 3);
}

static void what_does_not_tell_itself_apart_is_never_taken_for_a_repeat(void **state)
{
    static const struct {
        const char *body;
        enum gn_intake second;
    } rows[] = {
        {"{\"Events\":[{\"MessageId\":\"a.b\"}]}", GN_INTAKE_STORED},
        {"{\"Id\":\"1\",\"Events\":[{\"MessageId\":\"a.c\",\"MemberId\":\"0\"}]}",
         GN_INTAKE_STORED},
        {"{\"Events\":[{\"MessageId\":\"a.d\",\"EventId\":\"2241\"}]}", GN_INTAKE_STORED},
        {"{\"Events\":[{\"MessageId\":\"a.d\",\"EventId\":2241}]}", GN_INTAKE_STORED},
        {"{\"Events\":[{\"MessageId\":\"a.e\",\"EventTimestamp\":\"\"}]}", GN_INTAKE_STORED},
        {"{\"Events\":[{\"MessageId\":\"a.e\",\"EventTimestamp\":\"0000-00-00T00:00:00Z\"}]}",
         GN_INTAKE_STORED},
        {"{\"Events\":[{\"MessageId\":\"a.e\",\"EventTimestamp\":\"1970-01-01T00:00:45Z\"}]}",
         GN_INTAKE_STORED},
        {"{\"Id\":\"Event\",\"Events\":[{\"MessageId\":\"a.e\",\"EventId\":\"Redfish4\"}]}",
         GN_INTAKE_STORED},
        {"{\"Events\":[{\"MessageId\":\"a.f\",\"MemberId\":\"615703\"}]}", GN_INTAKE_REPEATED},
        {"{\"Events\":[{\"MessageId\":\"a.g\"},{\"MessageId\":\"a.g\",\"EventId\":\"x-100000\"}]}",
         GN_INTAKE_REPEATED},
        {"{\"Id\":\"5e004f5a-e3d1\",\"Events\":[{\"MessageId\":\"a.h\"}]}", GN_INTAKE_REPEATED},
        {"{\"ReportSequence\":\"17\"}", GN_INTAKE_UNPARSED},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)take(rig, rows[i].body);
        assert_int_equal(take(rig, rows[i].body), rows[i].second);
    }
}

static void the_id_follows_from_sender_and_content(void **state)
{
    struct rig *rig = *state;
    const struct fake_note *notes = rig->fake->notes;
    char first[64];

    (void)subscribe(rig, ADDRESS, "fake://a");
    (void)take_from(rig, "bmc-1", "192.0.2.7", TIMED);
    settle(rig);
    (void)snprintf(first, sizeof(first), "%s", notes[0].event_id);
    open_relay(rig, false, NULL); /* a restart */
    rig->item_count--;
    free(rig->items[0].id);
    free(rig->items[0].resource);
    free(rig->items[0].endpoint_uri);
    (void)subscribe(rig, ADDRESS, "fake://b");
    (void)take_from(rig, "bmc-1", "192.0.2.7", TIMED);
    (void)take_from(rig, "bmc-2", "192.0.2.7", TIMED);
    settle(rig);
    assert_string_equal(notes[1].event_id, first);
    assert_string_not_equal(notes[2].event_id, first);
}

static void a_sender_without_name_and_address_is_served_at_any_log_level(void **state)
{
    struct rig *rig = *state;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    gn_log_init(GN_LOG_DEBUG, GN_LOG_JSON, fd);
    (void)subscribe(rig, ADDRESS, "fake://a");
    assert_int_equal(take_from(rig, NULL, NULL, TIMED), GN_INTAKE_STORED);
    assert_int_equal(take_from(rig, NULL, NULL, TIMED), GN_INTAKE_REPEATED);
    assert_int_equal(take_from(rig, NULL, NULL, "{}"), GN_INTAKE_UNPARSED);
    assert_int_equal(take_from(rig, NULL, NULL, "{"), GN_INTAKE_NOT_JSON);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 2);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    close(fd);
}

static void context_and_peer_make_the_lane(void **state)
{
    static const char body[] = "{\"Context\":\"c%d\",\"Events\":[{\"MessageId\":\"a.b\","
                               "\"EventId\":\"id-%d\"}]}";
    struct rig *rig = *state;
    struct fake_rule *rule = fake_rule(rig->fake, "fake://a");

    (void)subscribe(rig, ADDRESS, "fake://a");
    rule->hangs = true;
    for (int i = 0; i < 6; i++) {
        char text[128];

        (void)snprintf(text, sizeof(text), body, i % 3, i);
        (void)take(rig, text);
    }
    (void)take(rig, "{\"Events\":[{\"MessageId\":\"a.b\",\"Context\":\"c1\"}]}");
    assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    assert_int_equal(rig->fake->active, 3); /* one for each Context, four are allowed */
}

/* ---- bodies with several events ---- */

#define PAIR                                                                                       \
    "[{\"Id\":\"id-100000\",\"Events\":[{\"MessageId\":\"a.b\",\"Message\":\"1\"}]},"              \
    "{\"Id\":\"id-100001\",\"Events\":[{\"MessageId\":\"a.b\",\"Message\":\"2\"}]}]"

static void an_array_gives_one_event_for_each_element_in_order(void **state)
{
    struct rig *rig = *state;

    (void)subscribe(rig, ADDRESS, "fake://a");
    assert_int_equal(take(rig, PAIR), GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 2);
    assert_non_null(strstr(rig->fake->notes[0].body, "\"Message\":\"1\""));
    assert_non_null(strstr(rig->fake->notes[1].body, "\"Message\":\"2\""));
    assert_string_not_equal(rig->fake->notes[0].event_id, rig->fake->notes[1].event_id);
    assert_int_equal(take(rig, PAIR), GN_INTAKE_REPEATED);
    assert_true(counter(rig, "gurnard_events_received_total", "via=\"webhook\"") == 4);
}

static void a_body_that_does_not_fit_is_refused_as_a_whole(void **state)
{
    struct rig *rig = *state;

    rig->disk_spare = 101;
    on_disk(rig);
    (void)subscribe(rig, ADDRESS, "fake://a");
    assert_int_equal(take(rig, PAIR), GN_INTAKE_FULL);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
    assert_true(counter(rig, "gurnard_events_refused_total", NULL) == 2);
    assert_null(gn_state_get(rig->state, GN_STR(ADDRESS)));
}

static void a_body_that_can_never_be_stored_is_put_away(void **state)
{
    struct rig *rig = *state;

    reopen(rig, 1000); /* room for one of the two */
    (void)subscribe(rig, ADDRESS, "fake://a");
    assert_int_equal(take(rig, PAIR), GN_INTAKE_NOT_JSON);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
    assert_true(counter(rig, "gurnard_events_quarantined_total", NULL) == 1);
    assert_int_equal(take(rig, "{\"Events\":[{\"MessageId\":\"a.b\",\"EventId\":\"q-1\"}]}"),
                     GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
}

static void what_was_refused_is_no_repeat_later(void **state)
{
    struct rig *rig = *state;

    reopen(rig, 1000);
    (void)subscribe(rig, ADDRESS, "fake://a");
    fake_rule(rig->fake, "fake://a")->hangs = true;
    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    assert_int_equal(take(rig, "{\"Id\":\"id-c\",\"Events\":[{\"MessageId\":\"a.b\"}]}"),
                     GN_INTAKE_FULL);
    assert_int_equal(take(rig, "{\"Id\":\"id-c\",\"Events\":[{\"MessageId\":\"a.b\"}]}"),
                     GN_INTAKE_FULL);
}

/* ---- unreadable bodies ---- */

static void an_unreadable_body_is_counted_and_nobody_gets_it(void **state)
{
    static const char *const rows[] = {"{", "not json", "", "{\"a\":1}}", "{\"a\":01}"};
    struct rig *rig = *state;

    (void)subscribe(rig, ADDRESS, "fake://a");
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(take(rig, rows[i]), GN_INTAKE_NOT_JSON);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
    assert_true(counter(rig, "gurnard_events_quarantined_total", NULL) == GN_LEN(rows));
    assert_true(counter(rig, "gurnard_events_received_total", "via=\"webhook\"") == GN_LEN(rows));
}

/* Reads the file in folder whose name ends in suffix; removes it. */
static void expect_file(const char *folder, const char *suffix, const char *want)
{
    struct gn_buf path = GN_BUF_INIT;
    struct gn_buf text = GN_BUF_INIT;
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (gn_str_has_suffix(gn_str_of(entry->d_name), gn_str_of(suffix)))
            gn_buf_printf(&path, "%s/%s", folder, entry->d_name);
    closedir(dir);
    assert_non_null(path.data);
    assert_int_equal(gn_file_read(path.data, 4096, &text), GN_OK);
    assert_non_null(strstr(text.data, want));
    assert_int_equal(unlink(path.data), 0);
    gn_buf_free(&path);
    gn_buf_free(&text);
}

static void an_unreadable_body_is_kept_with_its_reason(void **state)
{
    struct rig *rig = *state;
    char folder[] = "/tmp/gurnard-test-XXXXXX";
    const struct gn_quarantine_config config = {
        .folder = folder, .max_files = 5, .max_bytes = 10000, .max_pending_bytes = 10000};
    struct gn_quarantine *quarantine = NULL;
    struct gn_worker *worker;

    assert_non_null(mkdtemp(folder));
    worker = gn_worker_new(rig->loop, "store");
    assert_non_null(worker);
    assert_int_equal(gn_quarantine_open(&config, worker, rig->metrics, &quarantine), GN_OK);
    open_relay(rig, false, quarantine);
    assert_int_equal(take_from(rig, "bmc-1", "192.0.2.7", "{\"a\":x}"), GN_INTAKE_NOT_JSON);
    gn_worker_free(worker);
    gn_quarantine_close(quarantine);
    expect_file(folder, ".body", "{\"a\":x}");
    expect_file(folder, ".meta", "not JSON at byte 5");
    assert_int_equal(rmdir(folder), 0);
    open_relay(rig, false, NULL);
}

/* ---- routes ---- */

static void both_spellings_of_the_redfish_address_are_routed(void **state)
{
    static const struct {
        const char *resource;
        size_t want;
    } rows[] = {
        {ADDRESS, 1},
        {OLD, 1},
        {"", 0},
        {"/cluster/node/other/redfish/v1/Systems", 0},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        size_t before = rig->fake->note_count;
        struct gn_pubsub_item *item = subscribe(rig, rows[i].resource, "fake://a");

        assert_non_null(item->user);
        assert_int_equal(take(rig, "{\"Events\":[{\"MessageId\":\"a.b\"}]}"), GN_INTAKE_STORED);
        settle(rig);
        assert_int_equal(rig->fake->note_count, before + rows[i].want);
        gn_relay_subscription_removed(rig->relay, item);
        assert_null(item->user);
    }
    assert_true(counter(rig, "gurnard_events_unrouted_total", NULL) == 2);
}

static void records_without_a_way_out_have_no_sink(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *logged = subscribe(rig, ADDRESS, NULL);
    struct gn_pubsub_item *strange = subscribe(rig, ADDRESS, "gopher://x");
    struct gn_pubsub_item *publisher =
        make_item(rig, GN_PUBLISHER, "pub-1", ADDRESS, "fake://publisher");

    gn_relay_subscription_added(rig->relay, publisher);
    assert_null(logged->user);
    assert_null(strange->user);
    assert_null(publisher->user);
    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    assert_int_equal(gn_outbox_pending(rig->outbox), 0);
    gn_relay_subscription_removed(rig->relay, logged);
    gn_relay_subscription_removed(rig->relay, publisher);
}

static void every_subscriber_of_an_address_gets_the_event(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *b;

    (void)subscribe(rig, ADDRESS, "fake://a");
    b = subscribe(rig, OLD, "fake://b");
    (void)subscribe(rig, ADDRESS, "fake://c");
    gn_relay_subscription_removed(rig->relay, b);
    (void)subscribe(rig, OLD, "fake://d");
    (void)take(rig, TIMED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 3);
    assert_int_equal(fake_count(rig->fake, "fake://b"), 0);
}

static void the_last_event_is_remembered_even_without_subscribers(void **state)
{
    struct rig *rig = *state;
    const struct gn_event *event;

    (void)take(rig, TIMED);
    event = gn_state_get(rig->state, GN_STR(ADDRESS));
    assert_non_null(event);
    assert_true(gn_str_eq(event->source, GN_STR(ADDRESS)));
    assert_string_equal(gn_relay_redfish_address(rig->relay), ADDRESS);
}

/* ---- events of publishers ---- */

static struct gn_cne_request request_of(const char *type, const char *source, const char *data)
{
    struct gn_cne_request request = {.id = GN_STR("pub-1"),
                                     .type = gn_str_of(type),
                                     .source = gn_str_of(source),
                                     .time_ns = 1,
                                     .data = GN_BUF_INIT};

    if (data != NULL)
        gn_buf_puts(&request.data, data);
    return request;
}

static void a_publishers_event_goes_out_under_the_publishers_address(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *publisher = make_item(rig, GN_PUBLISHER, "pub-1", "/news", "fake://p");
    struct gn_cne_request request = request_of("t.x", NULL, "{\"version\":\"v1\",\"values\":[]}");

    (void)subscribe(rig, "/news", "fake://a");
    assert_int_equal(gn_relay_cne(rig->relay, publisher, &request), GN_OK);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_string_equal(rig->fake->notes[0].body,
                        "{\"id\":\"sub-1\",\"type\":\"t.x\",\"source\":\"/news\","
                        "\"dataContentType\":\"application/json\","
                        "\"time\":\"1970-01-01T00:00:00.000000001Z\","
                        "\"data\":{\"version\":\"v1\",\"values\":[]}}");
    assert_non_null(gn_state_get(rig->state, GN_STR("/news")));
    assert_true(counter(rig, "gurnard_events_received_total", "via=\"api\"") == 1);
    gn_buf_free(&request.data);
}

static void a_publisher_under_the_old_address_reaches_the_new_one(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *publisher = make_item(rig, GN_PUBLISHER, "pub-1", OLD, NULL);
    struct gn_cne_request request = request_of("t", "/own/source", "{}");

    (void)subscribe(rig, ADDRESS, "fake://a");
    assert_int_equal(gn_relay_cne(rig->relay, publisher, &request), GN_OK);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_non_null(strstr(rig->fake->notes[0].body, "\"source\":\"/own/source\""));
    assert_non_null(gn_state_get(rig->state, GN_STR(ADDRESS)));
    gn_buf_free(&request.data);
}

static void an_event_without_type_or_data_cannot_be_sent(void **state)
{
    static const struct {
        const char *type, *data;
    } rows[] = {{NULL, "{}"}, {"", "{}"}, {"t", NULL}};
    struct rig *rig = *state;
    struct gn_pubsub_item *publisher = make_item(rig, GN_PUBLISHER, "pub-1", "/news", NULL);

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_cne_request request = request_of(rows[i].type, NULL, rows[i].data);

        assert_int_equal(gn_relay_cne(rig->relay, publisher, &request), GN_EINVAL);
        gn_buf_free(&request.data);
    }
    assert_true(counter(rig, "gurnard_events_refused_total", NULL) == GN_LEN(rows));
}

static void a_publishers_event_is_refused_when_there_is_no_room(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *publisher = make_item(rig, GN_PUBLISHER, "pub-1", "/news", NULL);
    struct gn_cne_request request = request_of("t", NULL, "{}");

    rig->disk_spare = 101;
    on_disk(rig);
    (void)subscribe(rig, "/news", "fake://a");
    assert_int_equal(gn_relay_cne(rig->relay, publisher, &request), GN_EFULL);
    assert_null(gn_state_get(rig->state, GN_STR("/news")));
    gn_buf_free(&request.data);
}

static void what_outgrows_its_room_when_it_is_repaired_is_put_away(void **state)
{
    static const char head[] = "{\"Events\":[{\"MessageId\":\"A.1.0.B\",\"Message\":\"";
    static const char tail[] = "\"}]}";
    const size_t bad = 24U << 20; /* bytes that are no UTF-8: each becomes three */
    struct rig *rig = *state;
    struct gn_buf body = gn_buf_with_limit(BODY_MAX);
    char *bytes = malloc(bad);
    const struct gn_relay_source source = {.peer = GN_STR("192.0.2.7")};

    assert_non_null(bytes);
    memset(bytes, 0xff, bad);
    gn_buf_puts(&body, head);
    gn_buf_add(&body, bytes, bad);
    gn_buf_puts(&body, tail);
    assert_int_equal(gn_buf_err(&body), GN_OK);
    assert_int_equal(gn_relay_redfish(rig->relay, &source, gn_buf_str(&body)), GN_INTAKE_NOT_JSON);
    assert_true(counter(rig, "gurnard_events_quarantined_total", NULL) == 1);
    gn_buf_free(&body);
    free(bytes);
}

/* ---- over restarts ---- */

static void start_over(struct rig *rig)
{
    close_all(rig);
    open_all(rig, 64 << 20);
}

static void mark_durable(void *ctx, enum gn_err err)
{
    *(int *)ctx = err == GN_OK ? 1 : -1;
}

static void wait_durable(struct rig *rig)
{
    struct gn_journal_wait wait = {.is_waiting = false};
    int durable = 0;

    gn_journal_wait(rig->journal, &wait, mark_durable, &durable);
    for (int i = 0; durable == 0; i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(gn_loop_turn(rig->loop, 20), GN_OK);
    }
    assert_int_equal(durable, 1);
}

static void a_repeat_is_recognised_over_a_restart(void **state)
{
    struct rig *rig = *state;

    on_disk(rig);
    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    wait_durable(rig);
    start_over(rig);
    assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
    assert_int_equal(take(rig, TIMED), GN_INTAKE_REPEATED);
}

/* A power failure left the index at a segment's end, but neither the end nor the event: what the
 * BMC sends again is new. */
static void an_id_without_its_event_is_no_repeat(void **state)
{
    struct rig *rig = *state;
    const struct gn_event *event;
    struct gn_buf ids = GN_BUF_INIT;
    uint8_t id[GN_ID_BYTES];
    uint64_t sequence;

    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    event = gn_state_get(rig->state, GN_STR(ADDRESS));
    gn_id_pack(&event->id, id);
    gn_pack_u64(&ids, event->lane);
    gn_buf_add(&ids, id, sizeof id);
    gn_pack_u64(&ids, gn_journal_clock_ms(rig->journal));
    on_disk(rig); /* from here on another store */
    assert_int_equal(gn_journal_append(rig->journal, GN_RECORD_IDS, 0, gn_buf_str(&ids), &sequence),
                     GN_OK);
    wait_durable(rig);
    start_over(rig);
    assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    gn_buf_free(&ids);
}

static void the_last_state_survives_restarts(void **state)
{
    struct rig *rig = *state;
    char id[64];

    on_disk(rig);
    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    (void)snprintf(id, sizeof id, "%s", gn_state_get(rig->state, GN_STR(ADDRESS))->id.text);
    wait_durable(rig);
    for (int i = 0; i < 3; i++) { /* at first from the event, then from checkpoints */
        start_over(rig);
        assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
        assert_non_null(gn_state_get(rig->state, GN_STR(ADDRESS)));
        assert_string_equal(gn_state_get(rig->state, GN_STR(ADDRESS))->id.text, id);
    }
}

static void what_a_subscriber_has_not_taken_comes_after_a_restart(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *item;
    size_t before;
    char id[64];

    on_disk(rig);
    item = subscribe(rig, ADDRESS, "fake://a");
    fake_rule(rig->fake, "fake://a")->hangs = true;
    assert_int_equal(take(rig, TIMED), GN_INTAKE_STORED);
    (void)snprintf(id, sizeof id, "%s", gn_state_get(rig->state, GN_STR(ADDRESS))->id.text);
    wait_durable(rig);
    start_over(rig);
    fake_rule(rig->fake, "fake://a")->hangs = false;
    before = rig->fake->note_count;
    item->user = NULL;
    gn_relay_subscription_added(rig->relay, item);
    assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
    assert_int_equal(gn_outbox_pending(rig->outbox), 1);
    settle(rig);
    assert_int_equal(rig->fake->note_count, before + 1);
    assert_non_null(strstr(rig->fake->notes[before].event_id, id));
}

static void a_journal_of_unknown_subscriptions_is_left_alone(void **state)
{
    struct rig *rig = *state;

    on_disk(rig);
    (void)subscribe(rig, ADDRESS, "fake://a");
    wait_durable(rig);
    for (int i = 0; i < 2; i++) { /* refusing changes nothing */
        start_over(rig);
        assert_int_equal(gn_relay_recover(rig->relay, false), GN_EREFUSED);
    }
    start_over(rig);
    assert_int_equal(gn_relay_recover(rig->relay, true), GN_OK);
}

static void how_much_is_lost_with_an_event_follows_from_its_severity(void **state)
{
    static const struct {
        const char *body;
        enum gn_rank want;
    } rows[] = {
        {"{\"Events\":[{\"MessageId\":\"a.b\",\"Message\":\"m\",\"Severity\":\"OK\"}]}",
         GN_RANK_LOW},
        {"{\"Events\":[{\"MessageId\":\"a.b\",\"Message\":\"m\",\"Severity\":\"Warning\"}]}",
         GN_RANK_MIDDLE},
        {"{\"Events\":[{\"MessageId\":\"a.b\",\"Message\":\"m\",\"Severity\":\"Critical\"}]}",
         GN_RANK_HIGH},
        {"{\"Events\":[{\"MessageId\":\"a.b\",\"Message\":\"m\"}]}", GN_RANK_HIGH},
        {"{\"Events\":[{\"MessageId\":\"Own.1.2.FanFailed\"}]}", GN_RANK_HIGH},
        {"{\"Events\":[{\"MessageId\":\"Own.1.2.Plain\"}]}", GN_RANK_LOW},
        {"{\"Events\":[{\"MessageId\":\"a.b\",\"Severity\":\"OK\"},"
         "{\"MessageId\":\"a.b\",\"Severity\":\"Warning\"}]}",
         GN_RANK_MIDDLE},
        {"{\"Events\":[{\"MessageId\":\"a.b\",\"MessageSeverity\":\"OK\"}]}", GN_RANK_LOW},
        {"{\"x\":1}", GN_RANK_HIGH},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)take(rig, rows[i].body);
        assert_int_equal(gn_state_get(rig->state, GN_STR(ADDRESS))->rank, rows[i].want);
    }
}

/* ---- CloudEvents in ---- */

#define NEWS "/news/sports"

static const struct gn_cloudevent news = {
    .version = GN_CE_0_3,
    .id = GN_STR_INIT("0A7A3C5E-0000-4000-8000-000000000001"),
    .source = GN_STR_INIT(NEWS),
    .type = GN_STR_INIT("event.test"),
    .subject = GN_STR_INIT("/news/desk"),
    .time = GN_STR_INIT("2026-11-21T12:00:00.5Z"),
    .datacontenttype = GN_STR_INIT("application/json"),
    .kind = GN_CE_JSON,
    .data = GN_STR_INIT("{\"version\":\"v1\",\"values\":[]}"),
};

static enum gn_err take_ce(struct rig *rig, const struct gn_cloudevent *ce)
{
    const struct gn_relay_ce_source source = {.peer = GN_STR("192.0.2.9"), .is_proxy = true};

    return gn_relay_cloudevent(rig->relay, &source, ce);
}

static const char *last_body(struct rig *rig)
{
    settle(rig);
    assert_true(rig->fake->note_count > 0);
    return rig->fake->notes[rig->fake->note_count - 1].body;
}

static struct gn_pubsub_item *subscribe_native(struct rig *rig, const char *config)
{
    struct gn_pubsub_item *item = make_item(rig, GN_NATIVE, "native-1", "", "fake://n");

    item->config = strdup(config);
    gn_relay_subscription_added(rig->relay, item);
    assert_non_null(item->user);
    return item;
}

static void a_cloudevent_with_cne_data_reaches_v1_subscribers(void **state)
{
    struct rig *rig = *state;

    (void)subscribe(rig, NEWS, "fake://a");
    assert_int_equal(take_ce(rig, &news), GN_OK);
    assert_string_equal(last_body(rig),
                        "{\"id\":\"sub-1\",\"type\":\"event.test\",\"source\":\"/news/desk\","
                        "\"dataContentType\":\"application/json\",\"time\":"
                        "\"2026-11-21T12:00:00.5Z\",\"data\":{\"version\":\"v1\",\"values\":[]}}");
    assert_string_equal(rig->fake->notes[0].event_id,
                        "Gurnard-Event-Id: 0a7a3c5e-0000-4000-8000-000000000001");
    assert_non_null(gn_relay_last_event(rig->relay, GN_STR(NEWS)));
    assert_non_null(gn_relay_last_below(rig->relay, GN_STR("/news")));
    assert_null(gn_relay_last_below(rig->relay, GN_STR("/new")));
}

static void data_in_the_layout_of_v2_becomes_that_of_v1(void **state)
{
    struct rig *rig = *state;
    struct gn_cloudevent ce = news;

    ce.data = GN_STR("{\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":\"/r\",\"data_type\":"
                     "\"metric\",\"value_type\":\"decimal64.3\",\"value\":\"1\"}]}");
    (void)subscribe(rig, NEWS, "fake://a");
    assert_int_equal(take_ce(rig, &ce), GN_OK);
    assert_non_null(strstr(last_body(rig), "\"values\":[{\"resource\":\"/r\",\"dataType\":"
                                           "\"metric\",\"valueType\":\"decimal64.3\","));
}

static void a_cloudevent_that_comes_again_is_told_once(void **state)
{
    static const char *const ids[] = {"0a7a3c5e-0000-4000-8000-000000000001", "no uuid at all"};
    struct rig *rig = *state;
    struct gn_cloudevent ce = news;

    (void)subscribe(rig, NEWS, "fake://a");
    for (size_t i = 0; i < GN_LEN(ids); i++) {
        ce.id = gn_str_of(ids[i]);
        assert_int_equal(take_ce(rig, &ce), GN_OK);
        assert_int_equal(take_ce(rig, &ce), GN_EEXIST);
    }
    settle(rig);
    assert_int_equal(rig->fake->note_count, 2);
    ce.source = GN_STR("/news/other"); /* ids count for each source */
    assert_int_equal(take_ce(rig, &ce), GN_OK);
    assert_int_equal((int)counter(rig, "gurnard_events_repeated_total", NULL), 2);
}

static void an_echo_from_a_bus_is_known_by_its_id(void **state)
{
    struct rig *rig = *state;
    struct gn_cloudevent echo = news;

    (void)subscribe(rig, ADDRESS, "fake://a");
    gn_relay_expect_echo(rig->relay);
    assert_int_equal(take(rig, "{\"Events\":[{\"MessageId\":\"Own.1.2.Plain\"}]}"),
                     GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
    echo.id = gn_str_of(rig->fake->notes[0].event_id + strlen("Gurnard-Event-Id: "));
    echo.source = GN_STR(ADDRESS);
    assert_int_equal(take_ce(rig, &echo), GN_EEXIST);
    echo.id = GN_STR("0a7a3c5e-0000-4000-8000-000000000002");
    assert_int_equal(take_ce(rig, &echo), GN_OK);
}

static void our_own_event_that_comes_back_ends_here(void **state)
{
    struct rig *rig = *state;
    const struct gn_relay_ce_source source = {.via = gn_str_of(gn_relay_instance(rig->relay)),
                                              .peer = GN_STR("192.0.2.9")};

    (void)subscribe(rig, NEWS, "fake://a");
    assert_int_equal(gn_relay_cloudevent(rig->relay, &source, &news), GN_EEXIST);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 0);
    assert_int_equal((int)counter(rig, "gurnard_events_looped_total", NULL), 1);
}

static void other_data_is_for_native_subscriptions_only(void **state)
{
    static const struct {
        enum gn_ce_data kind;
        struct gn_str media_type, data;
        const char *want; /* the end of the structured event */
    } rows[] = {
        {GN_CE_JSON, GN_STR_INIT("application/json"), GN_STR_INIT("{ \"a\" : 1 }"),
         "\"data\":{\"a\":1}}"},
        {GN_CE_BYTES, GN_STR_INIT("text/plain"), GN_STR_INIT("hi\xff"),
         "\"data_base64\":\"aGn/\"}"},
        {GN_CE_NO_DATA, GN_STR_INIT(""), GN_STR_INIT(""), "}"},
    };
    struct rig *rig = *state;

    (void)subscribe(rig, NEWS, "fake://a");
    (void)subscribe_native(rig,
                           "{\"sink\":\"http://h/\",\"filters\":[{\"exact\":{\"kind\":\"x\"}}]}");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_ce_extension kind = {GN_STR("kind"), GN_STR("x"), false};
        struct gn_cloudevent ce = news;
        char id[16];
        const char *body;

        (void)snprintf(id, sizeof id, "event %zu", i);
        ce.id = gn_str_of(id);
        ce.kind = rows[i].kind;
        ce.datacontenttype = rows[i].media_type;
        ce.data = rows[i].data;
        ce.extensions = &kind;
        ce.extension_count = 1;
        assert_int_equal(take_ce(rig, &ce), GN_OK);
        body = last_body(rig);
        assert_int_equal(rig->fake->note_count, i + 1);
        assert_non_null(strstr(body, id));
        assert_non_null(strstr(body, "\"source\":\"" NEWS "\",\"type\":\"event.test\","
                                     "\"subject\":\"/news/desk\""));
        assert_non_null(strstr(body, "\"kind\":\"x\""));
        assert_string_equal(body + strlen(body) - strlen(rows[i].want), rows[i].want);
    }
    assert_null(gn_relay_last_event(rig->relay, GN_STR(NEWS)));
}

static void a_source_that_is_too_long_is_refused(void **state)
{
    static char source[GN_PUBSUB_RESOURCE_MAX + 2];
    struct rig *rig = *state;
    struct gn_cloudevent ce = news;

    memset(source, 'x', sizeof source - 1);
    ce.source = gn_str_of(source);
    assert_int_equal(take_ce(rig, &ce), GN_EINVAL);
}

/* ---- subscriptions of others ---- */

static void add_client(struct rig *rig, struct gn_client *client, struct gn_client_sub *sub,
                       enum gn_client_kind kind, const char *resource)
{
    static char proxy[] = "fake://p", consumer[] = "fake://v2", id[] = "s1", link[] = "";

    *client = (struct gn_client){.kind = kind, .id = kind == GN_CLIENT_V2 ? consumer : proxy};
    client->end_point = client->id;
    *sub = (struct gn_client_sub){.client = client, .id = id, .uri_location = link};
    sub->resource = strdup(resource);
    gn_relay_client_sub_added(rig->relay, sub);
    assert_non_null(sub->user);
}

static void proxies_get_the_events_that_did_not_come_from_one(void **state)
{
    struct rig *rig = *state;
    const struct gn_relay_ce_source publisher = {.publisher = GN_STR("p-1")};
    struct gn_client client;
    struct gn_client_sub sub;

    add_client(rig, &client, &sub, GN_CLIENT_PROXY, NEWS);
    assert_int_equal(take_ce(rig, &news), GN_OK);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 0);
    assert_int_equal(gn_relay_cloudevent(rig->relay, &publisher,
                                         &(struct gn_cloudevent){.id = GN_STR("2"),
                                                                 .source = GN_STR(NEWS),
                                                                 .type = GN_STR("t"),
                                                                 .kind = GN_CE_JSON,
                                                                 .data = news.data}),
                     GN_OK);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_string_equal(rig->fake->notes[0].address, "fake://p/event");
    gn_relay_client_sub_removed(rig->relay, &sub);
    free(sub.resource);
}

static void a_v2_subscription_to_a_subtree_gets_all_below_once(void **state)
{
    static const char *const rows[] = {"/./", "/cluster/node/n1.lab", "/cluster/node/*/redfish",
                                       "/./redfish/v1", ADDRESS};
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_client client;
        struct gn_client_sub sub;
        char body[128];
        size_t before = rig->fake->note_count;

        add_client(rig, &client, &sub, GN_CLIENT_V2, rows[i]);
        (void)snprintf(body, sizeof body,
                       "{\"Events\":[{\"MessageId\":\"Own.1.2.Plain\",\"EventId\":"
                       "\"100000%zu\"}]}",
                       i);
        assert_int_equal(take(rig, body), GN_INTAKE_STORED);
        settle(rig);
        if (rig->fake->note_count != before + 1)
            fail_msg("row %zu: %zu", i, rig->fake->note_count - before);
        assert_int_equal(strncmp(rig->fake->notes[before].body, "{\"specversion\":\"1.0\"", 20), 0);
        gn_relay_client_sub_removed(rig->relay, &sub);
        free(sub.resource);
    }
}

#define TWO_RECORDS(id)                                                                            \
    "{\"Id\":\"" id                                                                                \
    "\",\"Events\":[{\"MessageId\":\"Own.1.2.FanFailed\",\"Severity\":\"Critical\"},"              \
    "{\"MessageId\":\"Own.1.2.Plain\",\"Severity\":\"OK\"}]}"

static void a_native_subscriber_gets_the_records_one_after_another(void **state)
{
    struct rig *rig = *state;
    struct fake_rule *rule = fake_rule(rig->fake, "fake://n");

    (void)subscribe_native(rig, "{\"sink\":\"http://h/\"}");
    assert_int_equal(take(rig, TWO_RECORDS("1000001")), GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 2);
    assert_non_null(strstr(rig->fake->notes[0].body, "org.dmtf.redfish.event.Own.FanFailed"));
    assert_non_null(strstr(rig->fake->notes[1].body, "org.dmtf.redfish.event.Own.Plain"));
    assert_int_equal((int)counter(rig, "gurnard_deliveries_total",
                                  "transport=\"fake\",outcome=\"delivered\""),
                     1);
    *rule = (struct fake_rule){.address = "fake://n", .err = GN_EBUSY, .status = 503, .times = 2};
    assert_int_equal(take(rig, TWO_RECORDS("1000002")), GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 6); /* the first three times, then the second */
    assert_non_null(strstr(rig->fake->notes[4].body, "FanFailed"));
    assert_non_null(strstr(rig->fake->notes[5].body, "Plain"));
}

static void a_changed_subscription_goes_on_with_its_new_filter(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *item = subscribe_native(rig, "{\"sink\":\"http://h/\"}");

    free(item->config);
    item->config =
        strdup("{\"sink\":\"http://h/\",\"filters\":[{\"exact\":{\"messagekey\":\"Plain\"}}]}");
    gn_relay_subscription_changed(rig->relay, item);
    assert_int_equal(take(rig, TWO_RECORDS("1000003")), GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 1);
    assert_non_null(strstr(rig->fake->notes[0].body, "Own.Plain"));
    free(item->config);
    item->config = strdup("{\"sink\":5}"); /* not to be had: the old one goes on */
    gn_relay_subscription_changed(rig->relay, item);
    assert_int_equal(take(rig, TWO_RECORDS("1000004")), GN_INTAKE_STORED);
    settle(rig);
    assert_int_equal(rig->fake->note_count, 2);
}

/* What waits when the filter changes is looked at again: none of it is for the subscription then.
 */
static void what_a_changed_filter_no_longer_passes_is_dropped(void **state)
{
    struct rig *rig = *state;
    struct gn_pubsub_item *item = subscribe_native(rig, "{\"sink\":\"http://h/\"}");
    struct fake_rule *rule = fake_rule(rig->fake, "fake://n");

    *rule = (struct fake_rule){.address = "fake://n", .err = GN_EBUSY, .status = 503, .times = 3};
    assert_int_equal(take(rig, TWO_RECORDS("1000005")), GN_INTAKE_STORED);
    free(item->config);
    item->config =
        strdup("{\"sink\":\"http://h/\",\"filters\":[{\"exact\":{\"messagekey\":\"None\"}}]}");
    gn_relay_subscription_changed(rig->relay, item);
    settle(rig);
    assert_int_equal((int)counter(rig, "gurnard_deliveries_total",
                                  "transport=\"fake\",outcome=\"unsubscribed\""),
                     1);
}

int main(void)
{
#define TEST(name)      cmocka_unit_test_setup_teardown(name, setup, teardown)
#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_disk)
    const struct CMUnitTest tests[] = {
        TEST(a_complete_event_arrives_as_it_was_sent),
        TEST(the_registry_fills_what_a_record_lacks),
        TEST(the_quality_of_a_look_up_is_counted),
        TEST(the_registrys_severity_wins_when_told_to),
        TEST(without_registries_events_pass_as_they_are),
        TEST(json_without_an_event_is_forwarded_compact),
        TEST(metric_reports_go_where_the_configuration_says),
        TEST(gurnards_own_events_have_an_address_of_their_own),
        TEST(what_no_registry_knows_is_told),
        TEST(a_key_found_in_another_registry_than_the_one_named_is_told),
        TEST(a_repeated_body_is_delivered_once),
        TEST(what_does_not_tell_itself_apart_is_never_taken_for_a_repeat),
        TEST(the_id_follows_from_sender_and_content),
        TEST(a_sender_without_name_and_address_is_served_at_any_log_level),
        TEST(context_and_peer_make_the_lane),
        TEST(an_array_gives_one_event_for_each_element_in_order),
        DISK_TEST(a_body_that_does_not_fit_is_refused_as_a_whole),
        TEST(a_body_that_can_never_be_stored_is_put_away),
        TEST(what_was_refused_is_no_repeat_later),
        TEST(an_unreadable_body_is_counted_and_nobody_gets_it),
        TEST(an_unreadable_body_is_kept_with_its_reason),
        TEST(both_spellings_of_the_redfish_address_are_routed),
        TEST(records_without_a_way_out_have_no_sink),
        TEST(every_subscriber_of_an_address_gets_the_event),
        TEST(the_last_event_is_remembered_even_without_subscribers),
        TEST(a_publishers_event_goes_out_under_the_publishers_address),
        TEST(a_publisher_under_the_old_address_reaches_the_new_one),
        TEST(an_event_without_type_or_data_cannot_be_sent),
        DISK_TEST(a_publishers_event_is_refused_when_there_is_no_room),
        TEST(what_outgrows_its_room_when_it_is_repaired_is_put_away),
        TEST(how_much_is_lost_with_an_event_follows_from_its_severity),
        DISK_TEST(a_repeat_is_recognised_over_a_restart),
        DISK_TEST(an_id_without_its_event_is_no_repeat),
        DISK_TEST(the_last_state_survives_restarts),
        DISK_TEST(what_a_subscriber_has_not_taken_comes_after_a_restart),
        DISK_TEST(a_journal_of_unknown_subscriptions_is_left_alone),
        cmocka_unit_test_setup_teardown(a_cloudevent_with_cne_data_reaches_v1_subscribers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(data_in_the_layout_of_v2_becomes_that_of_v1, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cloudevent_that_comes_again_is_told_once, setup,
                                        teardown),
        TEST(an_echo_from_a_bus_is_known_by_its_id),
        TEST(our_own_event_that_comes_back_ends_here),
        cmocka_unit_test_setup_teardown(other_data_is_for_native_subscriptions_only, setup,
                                        teardown),
        TEST(a_source_that_is_too_long_is_refused),
        cmocka_unit_test_setup_teardown(proxies_get_the_events_that_did_not_come_from_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_v2_subscription_to_a_subtree_gets_all_below_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_native_subscriber_gets_the_records_one_after_another,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_subscription_goes_on_with_its_new_filter, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_a_changed_filter_no_longer_passes_is_dropped, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
