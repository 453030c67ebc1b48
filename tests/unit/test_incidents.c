/* Messages of one BMC that came by different ways and tell of the same incident are one event. */
#include "relay_bed.h"

#include "gurnard/base/pack.h"
#include "gurnard/relay/incidents.h"
#include "gurnard/relay/record.h"

#define START_MS 1000000U

static struct gn_id key_of(unsigned number)
{
    struct gn_id id;

    (void)snprintf(id.text, sizeof(id.text), "00000000-0000-5000-8000-%012u", number);
    return id;
}

/* ---- the memory ---- */

static void a_key_is_known_when_it_came_by_another_way(void **state)
{
    struct gn_incidents *incidents = gn_incidents_new();
    const struct gn_id keys[] = {key_of(1), key_of(2), key_of(3)};
    const uint64_t push = gn_incidents_source(7, GN_WAY_PUSH);

    (void)state;
    gn_incidents_add(incidents, push, &keys[1], START_MS);
    assert_false(gn_incidents_seen(incidents, 7, GN_WAY_PUSH, keys, 3, START_MS));
    assert_true(gn_incidents_seen(incidents, 7, GN_WAY_LOG, keys, 3, START_MS));
    assert_true(gn_incidents_seen(incidents, 7, GN_WAY_STREAM, keys, 3, START_MS));
    assert_false(gn_incidents_seen(incidents, 7, GN_WAY_LOG, keys, 1, START_MS));
    assert_false(gn_incidents_seen(incidents, 7, GN_WAY_LOG, keys, 0, START_MS));
    assert_false(gn_incidents_seen(incidents, 8, GN_WAY_LOG, keys, 3, START_MS));
    assert_true(gn_incidents_seen(incidents, 7, GN_WAY_LOG, keys, 3,
                                  START_MS + GN_INCIDENTS_WINDOW_MS - 1));
    assert_false(
        gn_incidents_seen(incidents, 7, GN_WAY_LOG, keys, 3, START_MS + GN_INCIDENTS_WINDOW_MS));
    gn_incidents_free(incidents);
}

static void of_one_bmc_and_way_the_latest_are_remembered(void **state)
{
    struct gn_incidents *incidents = gn_incidents_new();
    const uint64_t push = gn_incidents_source(7, GN_WAY_PUSH);
    struct gn_id first = key_of(0), other = key_of(99999), last = first;

    (void)state;
    gn_incidents_add(incidents, gn_incidents_source(7, GN_WAY_STREAM), &other, START_MS);
    for (unsigned i = 0; i <= GN_INCIDENTS_PER_SOURCE; i++) {
        last = key_of(i);
        gn_incidents_add(incidents, push, &last, START_MS);
    }
    assert_false(gn_incidents_seen(incidents, 7, GN_WAY_LOG, &first, 1, START_MS));
    assert_true(gn_incidents_seen(incidents, 7, GN_WAY_LOG, &last, 1, START_MS));
    assert_true(gn_incidents_seen(incidents, 7, GN_WAY_LOG, &other, 1, START_MS));
    gn_incidents_free(incidents);
}

/* ---- the intake ---- */

#define RECORD(member, second)                                                                     \
    "{\"MemberId\":\"" member "\",\"MessageId\":\"X.1.0.Y\",\"MessageArgs\":[\"" second "\"],"     \
    "\"Message\":\"Fan " second "\",\"Severity\":\"Warning\","                                     \
    "\"EventTimestamp\":\"2026-01-01T00:00:" second "Z\"}"
#define BODY(id, records) "{\"Id\":\"" id "\",\"Name\":\"n\",\"Events\":[" records "]}"

static int setup(void **state)
{
    struct relay_bed *bed = bed_new();

    bed_on_disk(bed);
    bed_start(bed);
    bed_subscribe(bed, "/redfish/v1/Systems");
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

static void what_came_by_another_way_is_a_repeat(void **state)
{
    static const struct {
        const char *name;
        enum gn_relay_way way;
        const char *body;
        enum gn_intake want;
    } rows[] = {
        {"b1", GN_WAY_PUSH, BODY("1", RECORD("1", "01")), GN_INTAKE_STORED},
        {"b1", GN_WAY_LOG, BODY("23", RECORD("2", "01")), GN_INTAKE_REPEATED},
        {"b1", GN_WAY_STREAM, BODY("4", RECORD("3", "01")), GN_INTAKE_REPEATED},
        /* by the same way only the same bytes count */
        {"b1", GN_WAY_PUSH, BODY("1", RECORD("1", "01")), GN_INTAKE_REPEATED},
        {"b2", GN_WAY_LOG, BODY("1", RECORD("1", "01")), GN_INTAKE_STORED},
        {"b2", GN_WAY_LOG, BODY("2", RECORD("1", "01")), GN_INTAKE_STORED},
        {"b2", GN_WAY_PUSH, BODY("3", RECORD("1", "01")), GN_INTAKE_REPEATED},
        /* who is not in the inventory is compared with nobody */
        {NULL, GN_WAY_PUSH, BODY("5", RECORD("1", "02")), GN_INTAKE_STORED},
        {NULL, GN_WAY_STREAM, BODY("6", RECORD("1", "02")), GN_INTAKE_STORED},
        {"b1", GN_WAY_LOG, BODY("7", RECORD("1", "02")), GN_INTAKE_STORED},
        /* gurnard's own are no incidents of the BMC */
        {"b1", GN_WAY_OWN, BODY("8", RECORD("1", "01")), GN_INTAKE_STORED},
        /* without a time or a log entry nothing can be said */
        {"b1", GN_WAY_PUSH, "{\"Events\":[{\"MessageId\":\"a.b\"}]}", GN_INTAKE_STORED},
        {"b1", GN_WAY_LOG, "{\"Events\":[{\"MessageId\":\"a.b\"}]}", GN_INTAKE_STORED},
        {"b1", GN_WAY_PUSH, "{\"Id\":\"x\",\"Events\":[]}", GN_INTAKE_STORED},
        {"b1", GN_WAY_LOG, "{\"Id\":\"y\",\"Events\":[]}", GN_INTAKE_STORED},
    };
    struct relay_bed *bed = *state;
    size_t stored = 0;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(bed_take(bed, rows[i].name, rows[i].way, rows[i].body), rows[i].want);
        stored += rows[i].want == GN_INTAKE_STORED && rows[i].way != GN_WAY_OWN;
    }
    bed_settle(bed);
    assert_int_equal(bed->fake->note_count, stored);
    assert_true(bed_counter(bed, "gurnard_events_received_total", "via=\"stream\"") == 2);
    assert_true(bed_counter(bed, "gurnard_events_received_total", "via=\"log\"") == 6);
    assert_true(bed_counter(bed, "gurnard_events_repeated_total", NULL) == 4);
}

static void a_body_goes_on_whole_unless_all_its_records_are_known(void **state)
{
    struct relay_bed *bed = *state;

    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, BODY("1", RECORD("1", "01"))),
                     GN_INTAKE_STORED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG,
                              BODY("2", RECORD("1", "01") "," RECORD("2", "02"))),
                     GN_INTAKE_STORED);
    bed_settle(bed);
    assert_non_null(strstr(bed_last(bed), "Fan 01"));
    assert_non_null(strstr(bed_last(bed), "Fan 02"));
    assert_int_equal(bed_take(bed, "b1", GN_WAY_STREAM,
                              BODY("3", RECORD("1", "01") "," RECORD("2", "02"))),
                     GN_INTAKE_REPEATED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, BODY("4", RECORD("1", "02"))),
                     GN_INTAKE_REPEATED);
}

/* A BMC of which nothing was known: its registry comes after its first event, and its log tells the
 * text without a MessageId (iLO). */
static void an_event_without_text_is_known_again_once_its_registry_came(void **state)
{
    static const char pushed[] =
        "{\"Id\":\"1\",\"Events\":[{\"MessageId\":\"Own.1.0.Hot\",\"MessageArgs\":[\"CPU 1\"],"
        "\"EventTimestamp\":\"2026-01-01T00:00:00Z\",\"Severity\":\"OK\"}]}";
    static const char logged[] =
        "{\"Id\":\"7\",\"Events\":[{\"Message\":\"CPU 1 is hot.\",\"EventId\":\"7\","
        "\"EventTimestamp\":\"2026-01-01T00:00:00Z\",\"Severity\":\"OK\"}]}";
    struct relay_bed *bed = *state;

    bed->registry =
        "{\"@odata.type\":\"#MessageRegistry.v1_4_0.MessageRegistry\",\"RegistryPrefix\":\"Own\","
        "\"RegistryVersion\":\"1.0.0\",\"Messages\":{\"Hot\":{\"Message\":\"%1 is hot.\","
        "\"NumberOfArgs\":1,\"Severity\":\"Warning\"}}}";
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, pushed), GN_INTAKE_STORED);
    bed_load_registry(bed);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, logged), GN_INTAKE_REPEATED);
    assert_int_equal(bed_take(bed, "b2", GN_WAY_LOG, logged), GN_INTAKE_STORED);
    bed_wait_durable(bed);
    bed_close(bed);
    bed_start(bed);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, logged), GN_INTAKE_REPEATED);
}

static void it_can_be_asked_whether_something_has_come(void **state)
{
    struct relay_bed *bed = *state;

    assert_false(gn_relay_knows(bed->relay, GN_STR("b1"), GN_STR(BODY("9", RECORD("1", "01")))));
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, BODY("1", RECORD("1", "01"))),
                     GN_INTAKE_STORED);
    assert_true(gn_relay_knows(bed->relay, GN_STR("b1"), GN_STR(BODY("9", RECORD("1", "01")))));
    assert_false(gn_relay_knows(bed->relay, GN_STR("b2"), GN_STR(BODY("9", RECORD("1", "01")))));
    assert_false(gn_relay_knows(bed->relay, GN_STR("b1"),
                                GN_STR(BODY("9", RECORD("1", "01") "," RECORD("2", "02")))));
    assert_false(gn_relay_knows(bed->relay, GN_STR("b1"), GN_STR("no JSON")));
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, BODY("2", RECORD("2", "02"))),
                     GN_INTAKE_STORED);
    assert_true(gn_relay_knows(bed->relay, GN_STR("b1"), GN_STR(BODY("9", RECORD("2", "02")))));
    bed_settle(bed);
    assert_int_equal(bed->fake->note_count, 2);
}

static void what_was_refused_is_no_incident(void **state)
{
    const struct gn_relay_source source = {.name = GN_STR("b1"),
                                           .is_known = true,
                                           .way = GN_WAY_PUSH};
    struct relay_bed *bed = *state;
    struct gn_buf large = GN_BUF_INIT;

    gn_buf_puts(&large, "{\"Id\":\"1\",\"pad\":\"");
    for (size_t i = 0; i < bed->config.max_body_bytes; i++)
        gn_buf_putc(&large, 'x');
    gn_buf_puts(&large, "\",\"Events\":[" RECORD("1", "01") "]}");
    assert_int_equal(gn_relay_redfish(bed->relay, &source, gn_buf_str(&large)), GN_INTAKE_NOT_JSON);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, BODY("2", RECORD("1", "01"))),
                     GN_INTAKE_STORED);
    gn_buf_free(&large);
}

/* ---- over a restart ---- */

static void restart(struct relay_bed *bed)
{
    bed_wait_durable(bed);
    bed_close(bed);
    bed_start(bed);
}

static void incidents_are_known_over_a_restart(void **state)
{
    struct relay_bed *bed = *state;

    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, BODY("1", RECORD("1", "01"))),
                     GN_INTAKE_STORED);
    for (int i = 0; i < 3; i++) { /* read as records each time: no segment has an index */
        restart(bed);
        assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, BODY("2", RECORD("1", "01"))),
                         GN_INTAKE_REPEATED);
        assert_int_equal(bed_take(bed, "b2", GN_WAY_LOG, BODY("x", "[]")), GN_INTAKE_STORED);
    }
}

/* Enough events for the segment to end, so that its index stands for it. */
static void fill_segment(struct relay_bed *bed)
{
    struct gn_journal_status status;
    struct gn_buf body = GN_BUF_INIT;
    uint64_t before;

    gn_journal_status(bed->journal, &status);
    before = status.segments;
    for (int i = 0; status.segments < before + 2; i++) {
        assert_true(i < BED_TURNS_MAX);
        gn_buf_reset(&body);
        gn_buf_printf(&body, "{\"Id\":\"%d\",\"Events\":[{\"MessageId\":\"p.q\",\"Message\":\"", i);
        for (int j = 0; j < 60000; j++)
            gn_buf_putc(&body, 'x');
        gn_buf_puts(&body, "\"}]}");
        assert_int_equal(bed_take(bed, "filler", GN_WAY_PUSH, body.data), GN_INTAKE_STORED);
        bed_wait_durable(bed);
        gn_journal_status(bed->journal, &status);
    }
    gn_buf_free(&body);
}

static void incidents_are_in_the_index_of_a_segment(void **state)
{
    struct relay_bed *bed = *state;

    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, BODY("123456", RECORD("1", "01"))),
                     GN_INTAKE_STORED);
    fill_segment(bed);
    restart(bed);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, BODY("123456", RECORD("1", "01"))),
                     GN_INTAKE_REPEATED); /* ids beside them */
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, BODY("2", RECORD("1", "01"))),
                     GN_INTAKE_REPEATED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, BODY("2", RECORD("1", "02"))),
                     GN_INTAKE_STORED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_known_when_it_came_by_another_way),
        cmocka_unit_test(of_one_bmc_and_way_the_latest_are_remembered),
        TEST(what_came_by_another_way_is_a_repeat),
        TEST(a_body_goes_on_whole_unless_all_its_records_are_known),
        TEST(an_event_without_text_is_known_again_once_its_registry_came),
        TEST(it_can_be_asked_whether_something_has_come),
        TEST(what_was_refused_is_no_incident),
        TEST(incidents_are_known_over_a_restart),
        TEST(incidents_are_in_the_index_of_a_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
