/* Metrics and probes, asked over a socket. */
#include "api_bed.h"

#include "gurnard/api/reply.h"

static const char *loading(void *ctx)
{
    const bool *is_loading = ctx;

    return *is_loading ? "still loading" : NULL;
}

static bool is_loading[2];

static const struct gn_ready_check checks[] = {
    {"registries", loading, &is_loading[0]},
    {"store", loading, &is_loading[1]},
};

static int setup(void **state)
{
    struct bed *bed = bed_new(&bed_plain, NULL);

    is_loading[0] = false;
    is_loading[1] = false;
    bed->ops.checks = checks;
    bed->ops.check_count = GN_LEN(checks);
    bed->handler = gn_ops_on_request;
    bed->handler_ctx = &bed->ops;
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

static void a_daemon_that_turns_is_alive(void **state)
{
    static const char *const paths[] = {"/livez", "/healthz", "/livez?verbose"};
    struct bed *bed = *state;

    is_loading[0] = true;
    bed->ops.is_stopping = true;
    for (size_t i = 0; i < GN_LEN(paths); i++) {
        (void)bed_ask(bed, "GET", paths[i], NULL);
        assert_answer(bed, 200, "ok\n");
        assert_string_equal(bed_header(bed, "Content-Type: "), "text/plain; charset=utf-8");
    }
}

static void it_is_ready_when_every_check_holds_and_it_is_not_stopping(void **state)
{
    static const struct {
        bool is_loading[2];
        bool is_stopping;
        const char *path;
        int status;
        const char *body;
    } rows[] = {
        {{false, false}, false, "/readyz", 200, "ok\n"},
        {{false, false}, false, "/readyz?verbose", 200, "[+]registries ok\n[+]store ok\nok\n"},
        {{false, false}, false, "/readyz?verbose=1", 200, "[+]registries ok\n[+]store ok\nok\n"},
        {{true, false},
         false,
         "/readyz",
         503,
         "[-]registries failed: still loading\n[+]store ok\nnot ready\n"},
        {{false, true},
         false,
         "/readyz?verbose",
         503,
         "[+]registries ok\n[-]store failed: still loading\nnot ready\n"},
        {{false, false},
         true,
         "/readyz",
         503,
         "[-]shutdown failed: stopping\n[+]registries ok\n[+]store ok\nnot ready\n"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        memcpy(is_loading, rows[i].is_loading, sizeof is_loading);
        bed->ops.is_stopping = rows[i].is_stopping;
        (void)bed_ask(bed, "GET", rows[i].path, NULL);
        assert_answer(bed, rows[i].status, rows[i].body);
    }
}

static void metrics_are_printed_in_the_prometheus_format(void **state)
{
    struct bed *bed = *state;

    gn_metric_add(gn_metrics_counter(bed->metrics, "gurnard_test_total", "a=\"b\"", "A test."), 3);
    assert_int_equal(bed_ask(bed, "GET", "/metrics", NULL), 200);
    assert_string_equal(bed_header(bed, "Content-Type: "),
                        "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(bed->asker.body, "# HELP gurnard_test_total A test.\n"
                                            "# TYPE gurnard_test_total counter\n"
                                            "gurnard_test_total{a=\"b\"} 3\n"));
    assert_non_null(strstr(bed->asker.body, "gurnard_api_subscriptions 0\n"));
}

static void metrics_come_in_the_format_that_is_asked_for(void **state)
{
#define OM "application/openmetrics-text"
    static const struct {
        const char *accept; /* NULL: no header */
        bool is_openmetrics;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/plain", false},
        {"text/html,application/xhtml+xml,*/*;q=0.8", false},
        {"application/json", false},
        {OM, true},
        {"Application/OpenMetrics-Text", true},
        {OM ";version=1.0.0", true},
        {OM "; Version=\"1.0.0\" ; charset=utf-8", true},
        {OM ";version=0.0.1", false},
        {OM ";version=2.0.0", false},
        {OM ";q=0", false},
        {OM ";q=0.000", false},
        {OM ";q=0.001", true},
        {OM ";q=x", false},
        {OM ";q=1.5", false},
        {OM ";q=0.0001", false},
        {OM ";q=", false},
        {OM ";q=10", false},
        {OM ";q=0,5", false},
        {OM ";q=1.000", true},
        {OM ";q=0.", false},
        {OM ",text/plain", true},
        {OM ";q=0.4,text/plain;q=0.5", false},
        {OM ";q=0.5,text/plain;version=0.0.4;q=0.4", true},
        {OM ";q=0.5,text/plain;version=1.2.3", true},
        {OM ";q=0.5,*/*", false},
        {OM ";q=0.5,text/*;q=0.9", false},
        {"text/plain;q=0.3, " OM " ;q=0.3", true},
        {OM ";version=0.0.1," OM ";version=1.0.0;q=0.2", true},
        {OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         true},
        {",,;;=,;q," OM ",", true},
    };
#undef OM
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char extra[256] = "";
        bool ends;

        if (rows[i].accept != NULL)
            (void)snprintf(extra, sizeof extra, "Accept: %s\r\n", rows[i].accept);
        asker_start(bed, &bed->asker, "GET", "/metrics", extra, GN_STR_NONE);
        asker_finish(bed, &bed->asker);
        assert_int_equal(bed->asker.status, 200);
        if (strcmp(bed_header(bed, "Content-Type: "),
                   rows[i].is_openmetrics
                       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8") != 0)
            fail_msg("%s: %s", extra, bed_header(bed, "Content-Type: "));
        assert_string_equal(bed_header(bed, "Vary: "), "Accept");
        ends = gn_str_has_suffix(gn_str_of(bed->asker.body), GN_STR("\n# EOF\n"));
        assert_int_equal(ends, rows[i].is_openmetrics);
    }
}

static void head_gets_the_headers_alone(void **state)
{
    static const char *const paths[] = {"/livez", "/readyz", "/metrics"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(paths); i++) {
        (void)bed_ask(bed, "HEAD", paths[i], NULL);
        assert_answer(bed, 200, "");
    }
}

static void other_methods_and_paths_are_refused(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        {"POST", "/livez", 405},   {"DELETE", "/readyz", 405}, {"POST", "/metrics", 405},
        {"GET", "/", 404},         {"GET", "/metrics/", 404},  {"GET", "/livez/x", 404},
        {"GET", "/metricsx", 404}, {"POST", "/x", 404},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, rows[i].method, rows[i].path, NULL);
        assert_answer(bed, rows[i].status, rows[i].status == 404 ? "404 page not found\n" : "");
    }
}

static bool answer_further(void *ctx, struct gn_http_request *request)
{
    if (!gn_str_has_prefix(gn_http_path(request), GN_STR("/more/")))
        return false;
    gn_reply_text(request, 200, ctx);
    return true;
}

static void what_is_no_path_of_it_is_given_to_who_wants_it(void **state)
{
    static char more[] = "more\n";
    static const struct {
        const char *method, *path, *body;
        int status;
    } rows[] = {
        {"GET", "/more/x", "more\n", 200},
        {"DELETE", "/more/x", "more\n", 200},
        {"GET", "/other", "404 page not found\n", 404},
        {"GET", "/livez", "ok\n", 200},
        {"POST", "/metrics", "", 405},
    };
    struct bed *bed = *state;

    bed->ops.further = answer_further;
    bed->ops.further_ctx = more;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)bed_ask(bed, rows[i].method, rows[i].path, NULL);
        assert_answer(bed, rows[i].status, rows[i].body);
    }
}

static void the_api_port_answers_probes_but_no_metrics(void **state)
{
    struct bed *bed = *state;

    bed->handler = gn_rest_on_request;
    bed->handler_ctx = &bed->rest;
    assert_int_equal(bed_ask(bed, "GET", "/livez", NULL), 200);
    assert_int_equal(bed_ask(bed, "GET", "/readyz", NULL), 200);
    assert_int_equal(bed_ask(bed, "GET", "/metrics", NULL), 404);
}

static void the_api_port_gives_nothing_further(void **state)
{
    static char more[] = "more\n";
    struct bed *bed = *state;

    bed->ops.further = answer_further;
    bed->ops.further_ctx = more;
    bed->handler = gn_rest_on_request;
    bed->handler_ctx = &bed->rest;
    assert_int_equal(bed_ask(bed, "GET", "/more/x", NULL), 404);
    assert_int_equal(bed_ask(bed, "GET", "/admin/v1/status", NULL), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_daemon_that_turns_is_alive, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_ready_when_every_check_holds_and_it_is_not_stopping,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(metrics_are_printed_in_the_prometheus_format, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(metrics_come_in_the_format_that_is_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(head_gets_the_headers_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(other_methods_and_paths_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_path_of_it_is_given_to_who_wants_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_api_port_answers_probes_but_no_metrics, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_api_port_gives_nothing_further, setup, teardown),
    };

    return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
}
