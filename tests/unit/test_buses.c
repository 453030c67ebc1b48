/* The buses: what makes them, by which of them a resource goes, and how they end. What goes over
 * them is tested with real brokers (tests/scenario/test_amqp*.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/app/buses.h"

#define NEWS      "/news-service/sports"
#define SYSTEMS   "/cluster/node/n1/redfish/v1/Systems"
#define NOWHERE   "amqp://127.0.0.1:1" /* refuses; and is not connected to before start */
#define TURNS_MAX 2000

struct bed {
    struct gn_metrics *metrics;
    struct gn_loop *loop;
    struct gn_cne_figures *cne;
    struct gn_buses *buses;
    unsigned answers;
    enum gn_err answer;
};

static int set_up(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);

    assert_non_null(bed);
    bed->metrics = gn_metrics_new();
    bed->loop = gn_loop_new(bed->metrics);
    bed->cne = gn_cne_figures_new(bed->metrics);
    assert_non_null(bed->loop);
    *state = bed;
    return 0;
}

static void end_buses(struct bed *bed)
{
    if (bed->buses != NULL)
        gn_buses_stop(bed->buses);
    for (unsigned i = 0; bed->buses != NULL && !gn_buses_is_stopped(bed->buses); i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(gn_loop_turn(bed->loop, 10), GN_OK);
    }
    gn_buses_free(bed->buses);
    bed->buses = NULL;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;

    end_buses(bed);
    gn_cne_figures_free(bed->cne);
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    free(bed);
    return 0;
}

static enum gn_err build(struct bed *bed, const struct gn_bus_config *all, size_t count,
                         const char *pattern)
{
    const struct gn_buses_config config = {
        .buses = all,
        .count = count,
        .container_id = "test",
        .pattern = pattern,
        .prefix = GN_AMQP_PREFIX_COLON,
        .window = 100,
        .outcome_ms = 1000,
        .user = "",
        .ca_file = "",
        .cert_file = "",
        .key_file = "",
        .verify = true,
        .retry_min_ms = 10,
        .retry_max_ms = 100,
        .max_message_bytes = 1 << 20,
    };
    const struct gn_buses_parts parts = {.loop = bed->loop,
                                         .metrics = bed->metrics,
                                         .cne = bed->cne};

    return gn_buses_new(&config, &parts, &bed->buses);
}

static void on_answer(void *ctx, const struct gn_remote_state *state)
{
    struct bed *bed = ctx;

    bed->answers++;
    bed->answer = state->err;
}

static enum gn_err ask(struct bed *bed, const char *resource, void **query)
{
    return gn_buses_ask(bed->buses, gn_str_of(resource), on_answer, bed, query);
}

static void without_any_nothing_happens(void **state)
{
    struct bed *bed = *state;
    struct gn_transport *transports[GN_BUSES_MAX];
    void *query;

    assert_int_equal(build(bed, NULL, 0, "router"), GN_OK);
    gn_buses_set_relay(bed->buses, NULL);
    gn_buses_start(bed->buses);
    gn_buses_publish(bed->buses, GN_STR(NEWS));
    gn_buses_want(bed->buses, GN_STR(NEWS));
    gn_buses_unwant(bed->buses, GN_STR(NEWS));
    gn_buses_unpublish(bed->buses, GN_STR(NEWS));
    assert_false(gn_buses_has(bed->buses));
    assert_int_equal(gn_buses_transports(bed->buses, transports, GN_BUSES_MAX), 0);
    assert_int_equal(ask(bed, NEWS, &query), GN_ECONN);
}

static void what_is_no_address_or_pattern_is_refused(void **state)
{
    static const struct {
        const char *url, *pattern;
        enum gn_err err;
    } rows[] = {
        {NOWHERE, "router", GN_OK},       {NOWHERE, "rabbitmq-exchange:bmc", GN_OK},
        {NOWHERE, "x/{path}", GN_OK},     {NOWHERE, "nothing of a resource", GN_EINVAL},
        {NOWHERE, "", GN_EINVAL},         {"broker", "router", GN_EINVAL},
        {"amqp://", "router", GN_EINVAL}, {"amqp://broker:99999", "router", GN_EINVAL},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_bus_config one = {.url = rows[i].url};

        assert_int_equal(build(bed, &one, 1, rows[i].pattern), rows[i].err);
        end_buses(bed);
    }
}

static void a_resource_goes_by_the_buses_whose_prefix_it_has(void **state)
{
    static const struct gn_bus_config all[] = {
        {.url = NOWHERE, .prefixes = {"/cluster/node/n1", "/cluster/node/n2"}, .prefix_count = 2},
        {.url = "amqp://[::1]:1", .prefixes = {"/news-service"}, .prefix_count = 1},
    };
    static const struct {
        const char *resource;
        enum gn_err err;
    } rows[] = {
        {SYSTEMS, GN_OK},       {"/cluster/node/n2/sync", GN_OK},
        {NEWS, GN_OK},          {"/cluster/node/n3/sync", GN_ECONN},
        {"/cluster", GN_ECONN}, {"", GN_ECONN},
    };
    struct bed *bed = *state;
    struct gn_transport *transports[GN_BUSES_MAX];

    assert_int_equal(build(bed, all, GN_LEN(all), "router"), GN_OK);
    assert_true(gn_buses_has(bed->buses));
    assert_int_equal(gn_buses_transports(bed->buses, transports, GN_BUSES_MAX), 2);
    assert_int_equal(gn_buses_transports(bed->buses, transports, 1), 1);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        void *query = NULL;
        const enum gn_err err = ask(bed, rows[i].resource, &query);

        assert_int_equal(err, rows[i].err);
        if (err == GN_OK)
            gn_buses_forget(bed->buses, query);
    }
    assert_int_equal(bed->answers, 0); /* those that are forgotten have none */
}

static void a_question_ends_with_the_buses(void **state)
{
    static const struct gn_bus_config one = {.url = NOWHERE};
    struct bed *bed = *state;
    void *query;

    assert_int_equal(build(bed, &one, 1, "router"), GN_OK);
    gn_buses_start(bed->buses);
    gn_buses_want(bed->buses, GN_STR(NEWS));
    gn_buses_want(bed->buses, GN_STR(NEWS));
    gn_buses_unwant(bed->buses, GN_STR(NEWS));
    assert_int_equal(ask(bed, NEWS, &query), GN_OK);
    end_buses(bed);
    assert_int_equal(bed->answers, 1);
    assert_int_not_equal(bed->answer, GN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_any_nothing_happens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_address_or_pattern_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_resource_goes_by_the_buses_whose_prefix_it_has, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_question_ends_with_the_buses, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
