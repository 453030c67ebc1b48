/* A BMC that sends more than its share: what is folded, what is told of it, and when. */
#include "relay_bed.h"

#include "gurnard/relay/storm.h"

#define T0 1000000U

struct told {
    size_t folds, calms;
    uint64_t count, total, last_ms;
    char name[16], body[32];
};

static void tell(void *ctx, const struct gn_storm_fold *fold)
{
    struct told *told = ctx;

    (void)snprintf(told->name, sizeof told->name, "%.*s", (int)fold->name.len, fold->name.p);
    if (fold->is_calm) {
        told->calms++;
        told->total = fold->total;
        return;
    }
    told->folds++;
    told->count += fold->count;
    told->last_ms = fold->last_ms;
    (void)snprintf(told->body, sizeof told->body, "%.*s", (int)fold->body.len, fold->body.p);
}

static enum gn_storm_verdict take(struct gn_storm *storm, uint64_t kind, const char *body,
                                  uint64_t now_ms)
{
    return gn_storm_take(storm, GN_STR("b1"), kind, 1, true, gn_str_of(body), now_ms);
}

/* ---- the bucket ---- */

static void without_a_rate_everything_passes(void **state)
{
    struct gn_storm *storm = gn_storm_new(0, 1);
    struct told told = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(take(storm, 1, "x", T0), GN_STORM_PASS);
    assert_false(gn_storm_is_on(storm));
    assert_int_equal(gn_storm_poll(storm, T0, tell, &told), 0);
    gn_storm_free(storm);
}

/* Ten at once, two a second. */
static void repeats_are_folded_once_the_bucket_is_empty(void **state)
{
    static const struct {
        uint64_t kind, at_ms;
        bool may_fold;
        enum gn_storm_verdict want;
    } rows[] = {
        {1, 0, true, GN_STORM_BEGINS},   {1, 1, true, GN_STORM_FOLDED},
        {2, 2, true, GN_STORM_PASS},     {2, 3, true, GN_STORM_FOLDED},
        {2, 4, false, GN_STORM_PASS},    {1, 499, true, GN_STORM_FOLDED},
        {3, 500, true, GN_STORM_PASS}, /* takes the one token of half a second */
        {3, 501, true, GN_STORM_FOLDED}, {1, 1500, true, GN_STORM_FOLDED},
    };
    struct gn_storm *storm = gn_storm_new(2, 10);

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(take(storm, 1, "x", T0), GN_STORM_PASS);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_storm_take(storm, GN_STR("b1"), rows[i].kind, 1, rows[i].may_fold,
                                       GN_STR("x"), T0 + rows[i].at_ms),
                         rows[i].want);
    assert_int_equal(gn_storm_take(storm, GN_STR("b2"), 1, 1, true, GN_STR("x"), T0),
                     GN_STORM_PASS);
    gn_storm_free(storm);
}

static void a_body_takes_a_token_for_each_record(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 10);

    (void)state;
    assert_int_equal(gn_storm_take(storm, GN_STR("b1"), 1, 9, true, GN_STR("x"), T0),
                     GN_STORM_PASS);
    assert_int_equal(gn_storm_take(storm, GN_STR("b1"), 1, 9, true, GN_STR("x"), T0),
                     GN_STORM_PASS);
    assert_int_equal(gn_storm_take(storm, GN_STR("b1"), 1, 9, true, GN_STR("x"), T0),
                     GN_STORM_BEGINS);
    gn_storm_free(storm);
}

static void what_was_not_told_lately_is_new(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 1);

    (void)state;
    assert_int_equal(take(storm, 1, "x", T0), GN_STORM_PASS);
    for (uint64_t at = 0; at <= GN_STORM_FOLD_MS; at += 1000)
        assert_int_equal(take(storm, 2 + at, "y", T0 + at), GN_STORM_PASS); /* keeps it empty */
    assert_int_equal(take(storm, 1, "x", T0 + GN_STORM_FOLD_MS), GN_STORM_PASS);
    gn_storm_free(storm);
}

static void large_bodies_are_not_folded(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 1);
    char *body = malloc(GN_STORM_BODY_MAX + 1);
    struct gn_str text = {body, GN_STORM_BODY_MAX + 1};

    (void)state;
    assert_non_null(body);
    memset(body, 'x', text.len);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gn_storm_take(storm, GN_STR("b1"), 1, 1, true, text, T0), GN_STORM_PASS);
    text.len--;
    assert_int_equal(gn_storm_take(storm, GN_STR("b1"), 1, 1, true, text, T0), GN_STORM_PASS);
    assert_int_equal(gn_storm_take(storm, GN_STR("b1"), 1, 1, true, text, T0), GN_STORM_BEGINS);
    free(body);
    gn_storm_free(storm);
}

/* ---- summaries ---- */

static void a_fold_is_told_with_its_last_body_when_there_are_tokens(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 2);
    struct told told = {0};

    (void)state;
    (void)take(storm, 1, "a", T0);
    (void)take(storm, 1, "b", T0);
    assert_int_equal(gn_storm_poll(storm, T0, tell, &told), 2001); /* when it may be calm */
    assert_int_equal(take(storm, 1, "c", T0 + 1), GN_STORM_BEGINS);
    assert_int_equal(take(storm, 1, "d", T0 + 2), GN_STORM_FOLDED);
    assert_int_equal(gn_storm_poll(storm, T0 + 2, tell, &told), 999);
    assert_int_equal(told.folds, 0);
    assert_int_equal(gn_storm_poll(storm, T0 + 1001, tell, &told), 2000);
    assert_int_equal(told.folds, 1);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.last_ms, T0 + 2);
    assert_string_equal(told.body, "d");
    assert_string_equal(told.name, "b1");
    assert_int_equal(told.calms, 0);
    assert_int_equal(take(storm, 1, "e", T0 + 1002), GN_STORM_FOLDED); /* that took the token */
    gn_storm_free(storm);
}

static void a_fold_ends_in_time_also_without_tokens(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 1);
    struct told told = {0};

    (void)state;
    (void)take(storm, 1, "a", T0);
    for (uint64_t i = 0; i < GN_STORM_FOLD_MS; i += 100) {
        (void)take(storm, 1, "b", T0 + i);
        (void)take(storm, 1000 + i, "new", T0 + i);
        (void)gn_storm_poll(storm, T0 + i, tell, &told);
    }
    assert_int_equal(told.folds, 0);
    (void)gn_storm_poll(storm, T0 + GN_STORM_FOLD_MS, tell, &told);
    assert_int_equal(told.folds, 1);
    assert_int_equal(told.count, 100);
    gn_storm_free(storm);
}

static void a_storm_is_over_when_the_bucket_is_full(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 2);
    struct told told = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        (void)take(storm, 1, "a", T0);
    (void)gn_storm_poll(storm, T0 + 1000, tell, &told);
    assert_int_equal(told.count, 3);
    assert_true(gn_storm_is_on(storm));
    (void)gn_storm_poll(storm, T0 + 2999, tell, &told);
    assert_int_equal(told.calms, 0);
    assert_int_equal(gn_storm_poll(storm, T0 + 3000, tell, &told), 0);
    assert_int_equal(told.calms, 1);
    assert_int_equal(told.total, 3);
    assert_false(gn_storm_is_on(storm));
    assert_int_equal(take(storm, 1, "a", T0 + 3000), GN_STORM_PASS);
    assert_int_equal(take(storm, 1, "a", T0 + 3000), GN_STORM_PASS);
    assert_int_equal(take(storm, 1, "a", T0 + 3000), GN_STORM_BEGINS);
    gn_storm_free(storm);
}

static void a_full_share_without_a_fold_is_no_storm(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 2);
    struct told told = {0};

    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(take(storm, i, "a", T0), GN_STORM_PASS);
    assert_true(gn_storm_is_on(storm));
    assert_int_equal(gn_storm_poll(storm, T0 + 2000, tell, &told), 0);
    assert_int_equal(told.calms, 0);
    gn_storm_free(storm);
}

static void a_flush_tells_all_that_is_folded(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 1);
    struct told told = {0};

    (void)state;
    for (int i = 0; i < 3; i++)
        for (uint64_t kind = 0; kind < 4; kind++)
            (void)take(storm, kind, "a", T0);
    gn_storm_flush(storm, tell, &told);
    assert_int_equal(told.folds, 4);
    assert_int_equal(told.count, 8);
    gn_storm_flush(storm, tell, &told);
    assert_int_equal(told.folds, 4);
    gn_storm_free(storm);
}

/* ---- limits ---- */

static void of_one_bmc_only_so_many_kinds_are_remembered(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 1);

    (void)state;
    for (uint64_t kind = 0; kind <= GN_STORM_KINDS; kind++)
        assert_int_equal(take(storm, kind, "a", T0), GN_STORM_PASS);
    assert_int_equal(take(storm, GN_STORM_KINDS, "a", T0), GN_STORM_BEGINS);
    assert_int_equal(take(storm, 1, "a", T0), GN_STORM_FOLDED);
    assert_int_equal(take(storm, 0, "a", T0), GN_STORM_PASS); /* it made room */
    for (uint64_t kind = 0; kind < 10 * GN_STORM_KINDS; kind++)
        (void)take(storm, kind, "a", T0); /* until all places have folds, and beyond */
    gn_storm_free(storm);
}

static void the_longest_calm_bmcs_make_room(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 2);
    char name[16];

    (void)state;
    (void)take(storm, 1, "a", T0);
    (void)take(storm, 1, "a", T0); /* b1 is in a storm, and stays */
    for (unsigned i = 0; i < GN_STORM_BMCS_MAX + 10; i++) {
        (void)snprintf(name, sizeof name, "c%u", i);
        assert_int_equal(gn_storm_take(storm, gn_str_of(name), 1, 1, true, GN_STR("a"), T0),
                         GN_STORM_PASS);
    }
    assert_int_equal(take(storm, 1, "a", T0), GN_STORM_BEGINS);
    (void)gn_storm_take(storm, GN_STR("c0"), 1, 1, true, GN_STR("a"), T0); /* had been forgotten */
    assert_int_equal(gn_storm_take(storm, GN_STR("c0"), 1, 1, true, GN_STR("a"), T0),
                     GN_STORM_PASS);
    gn_storm_free(storm);
}

static void folds_have_a_limit_in_bytes_over_all_bmcs(void **state)
{
    struct gn_storm *storm = gn_storm_new(1, 1);
    const size_t most = GN_STORM_BYTES_MAX / GN_STORM_BODY_MAX;
    char *body = malloc(GN_STORM_BODY_MAX);
    struct gn_str text = {body, GN_STORM_BODY_MAX};
    char name[16];
    size_t folded = 0;

    (void)state;
    assert_non_null(body);
    memset(body, 'x', text.len);
    for (size_t i = 0; i < most + 10; i++) {
        (void)snprintf(name, sizeof name, "c%zu", i);
        (void)gn_storm_take(storm, gn_str_of(name), 1, 1, true, text, T0);
        folded += gn_storm_take(storm, gn_str_of(name), 1, 1, true, text, T0) == GN_STORM_BEGINS;
    }
    assert_int_equal(folded, most);
    free(body);
    gn_storm_free(storm);
}

/* ---- the intake ---- */

#define RECORD(id, severity, more)                                                                 \
    "{\"Id\":\"" id "\",\"Events\":[{\"EventId\":\"100000" id "\",\"MessageId\":\"X.1.0.Hot\","    \
    "\"Message\":\"Hot.\",\"Severity\":\"" severity "\",\"OriginOfCondition\":\"/a\"" more "}]}"

static int setup(void **state)
{
    struct relay_bed *bed = bed_new();

    bed->config.storm_rate = 1000;
    bed->config.storm_burst = 1;
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

/* The loop's clock stands still between turns, so that no token comes. */
static void folded_events_come_as_one_that_counts_them(void **state)
{
    struct relay_bed *bed = *state;
    const char *got;

    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, RECORD("1", "Warning", "")),
                     GN_INTAKE_STORED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, RECORD("2", "Warning", "")),
                     GN_INTAKE_STORED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH,
                              RECORD("3", "Warning",
                                     ",\"Oem\":{\"Gurnard\":{\"x\":1},\"Dell\":{\"a\": 2}}")),
                     GN_INTAKE_STORED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, RECORD("2", "Warning", "")),
                     GN_INTAKE_REPEATED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, RECORD("4", "Critical", "")),
                     GN_INTAKE_STORED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, RECORD("5", "Warning", "")), GN_INTAKE_STORED);
    bed_settle(bed);
    assert_int_equal(bed->fake->note_count, 3);
    gn_relay_flush(bed->relay);
    bed_settle(bed);
    assert_int_equal(bed->fake->note_count, 4);
    got = bed_last(bed);
    assert_non_null(strstr(got, "\"EventId\":\"1000003\""));
    assert_non_null(
        strstr(got, "\"Oem\":{\"Dell\":{\"a\":2},\"Gurnard\":{\"Folded\":2,\"LastTime\":\"20"));
    assert_true(bed_counter(bed, "gurnard_storm_folded_total", NULL) == 2);
    assert_true(bed_counter(bed, "gurnard_events_received_total", "via=\"webhook\"") == 5);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH,
                              RECORD("3", "Warning",
                                     ",\"Oem\":{\"Gurnard\":{\"x\":1},\"Dell\":{\"a\": 2}}")),
                     GN_INTAKE_REPEATED);
}

static void beginning_and_end_of_a_storm_are_told(void **state)
{
    struct relay_bed *bed = *state;
    json_t *alarms;

    bed_subscribe(bed, "/gurnard");
    for (int i = 0; i < 2; i++)
        (void)bed_take(bed, "b1", GN_WAY_PUSH,
                       i == 0 ? RECORD("1", "Warning", "") : RECORD("2", "Warning", ""));
    bed_settle(bed);
    assert_int_equal(bed->fake->note_count, 1);
    assert_non_null(strstr(bed_last(bed), "\"MessageId\":\"Gurnard.1.0.EventsShed\""));
    assert_non_null(strstr(bed_last(bed), "\"MessageArgs\":[\"b1\",\"1\"]"));
    alarms = gn_alarms_list(bed->alarms, GN_STR("b1"));
    assert_int_equal(json_array_size(json_object_get(alarms, "alarms")), 2);
    json_decref(alarms);
    for (int i = 0; bed->fake->note_count < 2; i++) { /* the timer: a quarter of a second */
        assert_true(i < BED_TURNS_MAX);
        assert_int_equal(gn_loop_turn(bed->loop, 20), GN_OK);
    }
    assert_non_null(strstr(bed_last(bed), "\"MessageId\":\"Gurnard.1.0.EventsSheddingEnded\""));
    assert_non_null(strstr(bed_last(bed), "\"MessageArgs\":[\"b1\",\"1\"]"));
}

static void senders_without_a_name_are_told_apart_by_context_and_address(void **state)
{
    struct relay_bed *bed = *state;

    for (int i = 0; i < 2; i++)
        for (int rack = 0; rack < 2; rack++)
            assert_int_equal(
                bed_take(bed, NULL, GN_WAY_PUSH,
                         rack == 0 ? "{\"Context\":\"r1\",\"Events\":[{\"MessageId\":\"a.b\"}]}"
                                   : "{\"Context\":\"r2\",\"Events\":[{\"MessageId\":\"a.b\"}]}"),
                GN_INTAKE_STORED);
    bed_settle(bed);
    assert_int_equal(bed->fake->note_count, 2);
    gn_relay_flush(bed->relay);
    bed_settle(bed);
    assert_int_equal(bed->fake->note_count, 4);
    assert_non_null(strstr(bed_last(bed), "\"Folded\":1"));
}

#define TEST(name)     cmocka_unit_test(name)
#define BED_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_rate_everything_passes),
        TEST(repeats_are_folded_once_the_bucket_is_empty),
        TEST(a_body_takes_a_token_for_each_record),
        TEST(what_was_not_told_lately_is_new),
        TEST(large_bodies_are_not_folded),
        TEST(a_fold_is_told_with_its_last_body_when_there_are_tokens),
        TEST(a_fold_ends_in_time_also_without_tokens),
        TEST(a_storm_is_over_when_the_bucket_is_full),
        TEST(a_full_share_without_a_fold_is_no_storm),
        TEST(a_flush_tells_all_that_is_folded),
        TEST(of_one_bmc_only_so_many_kinds_are_remembered),
        TEST(the_longest_calm_bmcs_make_room),
        TEST(folds_have_a_limit_in_bytes_over_all_bmcs),
        BED_TEST(folded_events_come_as_one_that_counts_them),
        BED_TEST(beginning_and_end_of_a_storm_are_told),
        BED_TEST(senders_without_a_name_are_told_apart_by_context_and_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
