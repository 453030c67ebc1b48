/* Unit tests of the metrics and their text forms. */
#include "gurnard/base/metrics.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"

#define CHILD_ASAN_OPTIONS ":max_allocation_size_mb=8"
#include "aborting_child.h"

#define TOO_LONG ((size_t)9 << 20)

/* The whole print, to be freed. */
static char *printed(struct gn_metrics *metrics)
{
    struct gn_buf out = GN_BUF_INIT;

    gn_metrics_print(metrics, &out);
    assert_int_equal(gn_buf_err(&out), GN_OK);
    return gn_buf_take(&out);
}

static void expect_openmetrics(struct gn_metrics *metrics, const char *want)
{
    struct gn_buf out = GN_BUF_INIT;

    gn_metrics_print_as(metrics, GN_METRICS_OPENMETRICS, &out);
    assert_int_equal(gn_buf_err(&out), GN_OK);
    assert_string_equal(out.data, want);
    gn_buf_free(&out);
}

static void expect_print(struct gn_metrics *metrics, const char *want)
{
    char *got = printed(metrics);

    assert_string_equal(got, want);
    free(got);
}

/* The value on the line that begins with series and a blank. */
static double value_of(const char *text, const char *series)
{
    const size_t len = strlen(series);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, series, len) == 0 && line[len] == ' ')
            return strtod(line + len, NULL);
    }
    fail_msg("no %s in:\n%s", series, text);
    return 0;
}

static void families_are_printed_in_order_of_name(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    gn_metric_set(gn_metrics_gauge(metrics, "b", NULL, "The b."), 2);
    gn_metric_add(gn_metrics_counter(metrics, "c_total", NULL, "The c."), 3);
    gn_metric_set(gn_metrics_gauge(metrics, "a", NULL, "The a."), 1);
    gn_metric_set(gn_metrics_gauge(metrics, "b_a", NULL, "The b_a."), 4);
    expect_print(metrics, "# HELP a The a.\n# TYPE a gauge\na 1\n"
                          "# HELP b The b.\n# TYPE b gauge\nb 2\n"
                          "# HELP b_a The b_a.\n# TYPE b_a gauge\nb_a 4\n"
                          "# HELP c_total The c.\n# TYPE c_total counter\nc_total 3\n");
    gn_metrics_free(metrics);
}

static void series_of_one_family_stand_together_in_order_of_registration(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    gn_metric_add(gn_metrics_counter(metrics, "x_total", "way=\"out\"", "First."), 1);
    (void)gn_metrics_gauge(metrics, "y", NULL, "The y.");
    gn_metric_add(gn_metrics_counter(metrics, "x_total", "way=\"in\"", "Second."), 2);
    gn_metric_add(gn_metrics_counter(metrics, "x_total", NULL, "Third."), 3);
    expect_print(metrics, "# HELP x_total First.\n# TYPE x_total counter\n"
                          "x_total{way=\"out\"} 1\nx_total{way=\"in\"} 2\nx_total 3\n"
                          "# HELP y The y.\n# TYPE y gauge\ny 0\n");
    gn_metrics_free(metrics);
}

static void the_same_name_and_labels_give_the_same_handle(void **state)
{
    static const double bounds[] = {1};
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_metric *one = gn_metrics_counter(metrics, "x_total", "a=\"1\"", "Help.");
    struct gn_histogram *histogram = gn_metrics_histogram(metrics, "h", NULL, "Help.", bounds, 1);

    (void)state;
    assert_ptr_equal(gn_metrics_counter(metrics, "x_total", "a=\"1\"", "Other."), one);
    assert_ptr_not_equal(gn_metrics_counter(metrics, "x_total", "a=\"2\"", "Help."), one);
    assert_ptr_not_equal(gn_metrics_counter(metrics, "x_total", NULL, "Help."), one);
    assert_ptr_equal(gn_metrics_counter(metrics, "x_total", "", "Help."),
                     gn_metrics_counter(metrics, "x_total", NULL, "Help."));
    assert_ptr_equal(gn_metrics_histogram(metrics, "h", NULL, "Help.", bounds, 1), histogram);
    gn_metrics_free(metrics);
}

static void handles_live_on_while_many_more_are_registered(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_metric *first = gn_metrics_gauge(metrics, "m_50", NULL, "Help.");
    char *text;

    (void)state;
    for (int i = 0; i < 200; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "m_%d", i);
        (void)gn_metrics_gauge(metrics, name, NULL, "Help.");
    }
    gn_metric_set(first, 7);
    text = printed(metrics);
    assert_true(value_of(text, "m_50") == 7);
    assert_true(value_of(text, "m_199") == 0);
    free(text);
    gn_metrics_free(metrics);
}

static void values_are_printed_in_their_shortest_form(void **state)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-17, "-17"},
        {1763713370, "1763713370"},
        {123456789012345, "123456789012345"},
        {999999999999999, "999999999999999"},
        {0.1, "0.1"},
        {0.25, "0.25"},
        {1.0 / 3, "0.3333333333333333"},
        {1e300, "1e+300"},
        {1e15, "1e+15"},
        {2.5e-7, "2.5e-07"},
        {1763713370.136, "1763713370.136"},
        {(double)NAN, "NaN"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_metrics *metrics = gn_metrics_new();
        char want[128];

        gn_metric_set(gn_metrics_gauge(metrics, "g", NULL, "H."), rows[i].value);
        (void)snprintf(want, sizeof want, "# HELP g H.\n# TYPE g gauge\ng %s\n", rows[i].want);
        expect_print(metrics, want);
        gn_metrics_free(metrics);
    }
}

static void help_texts_are_escaped(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    (void)gn_metrics_gauge(metrics, "g", NULL, "A \\ and\na \"line\".");
    expect_print(metrics, "# HELP g A \\\\ and\\na \"line\".\n# TYPE g gauge\ng 0\n");
    gn_metrics_free(metrics);
}

static void histograms_count_into_rising_buckets(void **state)
{
    static const double bounds[] = {0.005, 0.25, 1};
    static const double seen[] = {0, 0.125, 0.25, 0.5, 1, 7};
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_histogram *histogram =
        gn_metrics_histogram(metrics, "h_seconds", NULL, "Time.", bounds, GN_LEN(bounds));

    (void)state;
    for (size_t i = 0; i < GN_LEN(seen); i++)
        gn_histogram_observe(histogram, seen[i]);
    expect_print(metrics, "# HELP h_seconds Time.\n# TYPE h_seconds histogram\n"
                          "h_seconds_bucket{le=\"0.005\"} 1\nh_seconds_bucket{le=\"0.25\"} 3\n"
                          "h_seconds_bucket{le=\"1\"} 5\nh_seconds_bucket{le=\"+Inf\"} 6\n"
                          "h_seconds_sum 8.875\nh_seconds_count 6\n");
    gn_metrics_free(metrics);
}

static void labelled_histograms_keep_their_labels_on_every_line(void **state)
{
    static const double bounds[] = {2};
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    gn_histogram_observe(gn_metrics_histogram(metrics, "h", "s=\"a\"", "H.", bounds, 1), 3);
    (void)gn_metrics_histogram(metrics, "h", "s=\"b\"", "H.", bounds, 1);
    expect_print(metrics, "# HELP h H.\n# TYPE h histogram\n"
                          "h_bucket{s=\"a\",le=\"2\"} 0\nh_bucket{s=\"a\",le=\"+Inf\"} 1\n"
                          "h_sum{s=\"a\"} 3\nh_count{s=\"a\"} 1\n"
                          "h_bucket{s=\"b\",le=\"2\"} 0\nh_bucket{s=\"b\",le=\"+Inf\"} 0\n"
                          "h_sum{s=\"b\"} 0\nh_count{s=\"b\"} 0\n");
    gn_metrics_free(metrics);
}

static void count_up(void *ctx)
{
    gn_metric_add(ctx, 1);
}

static void collectors_run_before_each_print_until_taken_back(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_metric *one = gn_metrics_gauge(metrics, "one", NULL, "H.");
    struct gn_metric *two = gn_metrics_gauge(metrics, "two", NULL, "H.");

    (void)state;
    gn_metrics_on_collect(metrics, count_up, one);
    gn_metrics_on_collect(metrics, count_up, two);
    free(printed(metrics));
    gn_metrics_off_collect(metrics, count_up, one);
    gn_metrics_off_collect(metrics, count_up, one);
    free(printed(metrics));
    assert_true(one->value == 1);
    assert_true(two->value == 2);
    gn_metrics_free(metrics);
}

static void the_process_tells_its_own_figures(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();
    const double now = (double)time(NULL);
    double fds;
    char *text;
    int fd;

    (void)state;
    gn_metrics_add_process(metrics, "1.2.3");
    text = printed(metrics);
    fds = value_of(text, "process_open_fds");
    assert_true(fds >= 1);
    assert_true(value_of(text, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(text, "process_cpu_seconds_total") >= 0);
    assert_true(fabs(value_of(text, "process_start_time_seconds") - now) < 600);
    assert_true(value_of(text, "gurnard_build_info{version=\"1.2.3\"}") == 1);
    free(text);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    text = printed(metrics);
    assert_true(value_of(text, "process_open_fds") == fds + 1);
    free(text);
    assert_int_equal(close(fd), 0);
    gn_metrics_free(metrics);
}

static void an_empty_set_prints_nothing_and_null_may_be_freed(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_metrics_print(metrics, &out);
    assert_int_equal(out.len, 0);
    gn_metrics_free(metrics);
    gn_metrics_free(NULL);
}

static void openmetrics_name_counters_without_total_and_end_with_eof(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    gn_metric_set(gn_metrics_gauge(metrics, "g", NULL, "H."), 1);
    gn_metric_add(gn_metrics_counter(metrics, "c_total", "a=\"b\"", "A \\ and\na \"c\"."), 3);
    gn_metric_add(gn_metrics_counter(metrics, "c_total", NULL, "H."), 2);
    expect_openmetrics(metrics, "# HELP c A \\\\ and\\na \\\"c\\\".\n# TYPE c counter\n"
                                "c_total{a=\"b\"} 3\nc_total 2\n"
                                "# HELP g H.\n# TYPE g gauge\ng 1\n"
                                "# EOF\n");
    gn_metrics_free(metrics);
}

static void openmetrics_of_an_empty_set_are_their_end(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    expect_openmetrics(metrics, "# EOF\n");
    gn_metrics_free(metrics);
}

static void a_counter_whose_short_name_is_taken_keeps_its_own_in_openmetrics(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    (void)gn_metrics_counter(metrics, "letters_total", NULL, "All.");
    (void)gn_metrics_gauge(metrics, "letters", NULL, "Now.");
    (void)gn_metrics_gauge(metrics, "letters_t", NULL, "T.");
    expect_openmetrics(metrics, "# HELP letters Now.\n# TYPE letters gauge\nletters 0\n"
                                "# HELP letters_t T.\n# TYPE letters_t gauge\nletters_t 0\n"
                                "# HELP letters_total All.\n# TYPE letters_total unknown\n"
                                "letters_total 0\n# EOF\n");
    gn_metrics_free(metrics);
}

static void openmetrics_tell_the_unit_that_a_name_ends_in(void **state)
{
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {
        {"a_seconds", "# HELP a_seconds H.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n"},
        {"a_bytes", "# HELP a_bytes H.\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n"},
        {"bytes", "# HELP bytes H.\n# TYPE bytes gauge\n"},
        {"kilobytes", "# HELP kilobytes H.\n# TYPE kilobytes gauge\n"},
        {"bytes_a", "# HELP bytes_a H.\n# TYPE bytes_a gauge\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_metrics *metrics = gn_metrics_new();
        char want[256];

        (void)gn_metrics_gauge(metrics, rows[i].name, NULL, "H.");
        (void)snprintf(want, sizeof want, "%s%s 0\n# EOF\n", rows[i].want, rows[i].name);
        expect_openmetrics(metrics, want);
        gn_metrics_free(metrics);
    }
}

static void openmetrics_write_bounds_in_their_one_spelling(void **state)
{
    static const double bounds[] = {0.00001, 0.005, 1, 2.5, 16, 100000, 1e6, 1e7};
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    gn_histogram_observe(
        gn_metrics_histogram(metrics, "h", "s=\"a\"", "H.", bounds, GN_LEN(bounds)), 2);
    expect_openmetrics(
        metrics, "# HELP h H.\n# TYPE h histogram\n"
                 "h_bucket{s=\"a\",le=\"1e-05\"} 0\nh_bucket{s=\"a\",le=\"0.005\"} 0\n"
                 "h_bucket{s=\"a\",le=\"1.0\"} 0\nh_bucket{s=\"a\",le=\"2.5\"} 1\n"
                 "h_bucket{s=\"a\",le=\"16.0\"} 1\nh_bucket{s=\"a\",le=\"100000.0\"} 1\n"
                 "h_bucket{s=\"a\",le=\"1e+06\"} 1\nh_bucket{s=\"a\",le=\"1e+07\"} 1\n"
                 "h_bucket{s=\"a\",le=\"+Inf\"} 1\nh_sum{s=\"a\"} 2\nh_count{s=\"a\"} 1\n# EOF\n");
    gn_metrics_free(metrics);
}

static void a_gauge_may_appear_later(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_metric *gauge = gn_metrics_try_gauge(metrics, "g", "a=\"1\"", "H.");

    (void)state;
    assert_non_null(gauge);
    gn_metric_set(gauge, 4);
    assert_ptr_equal(gn_metrics_try_gauge(metrics, "g", "a=\"1\"", "H."), gauge);
    assert_ptr_equal(gn_metrics_gauge(metrics, "g", "a=\"1\"", "H."), gauge);
    gn_metric_add(gn_metrics_try_gauge(metrics, "g", NULL, "H."), 1);
    expect_print(metrics, "# HELP g H.\n# TYPE g gauge\ng{a=\"1\"} 4\ng 1\n");
    gn_metrics_free(metrics);
}

/* A text of more bytes than one allocation may have here, which is copied all the same to nowhere.
 */
static const char *too_long(void)
{
    static char *text;

    if (text == NULL) {
        text = mmap(NULL, TOO_LONG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(text != MAP_FAILED);
        memset(text, 'x', TOO_LONG - 1);
    }
    return text;
}

static void a_later_gauge_without_memory_is_none_and_leaves_the_set_as_it_was(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();

    (void)state;
    (void)gn_metrics_gauge(metrics, "g", NULL, "H.");
    assert_null(gn_metrics_try_gauge(metrics, "g", too_long(), "H."));
    assert_null(gn_metrics_try_gauge(metrics, "f", too_long(), "H."));
    assert_null(gn_metrics_try_gauge(metrics, "h", NULL, too_long()));
    assert_null(gn_metrics_try_gauge(metrics, too_long(), NULL, "H."));
    expect_print(metrics, "# HELP g H.\n# TYPE g gauge\ng 0\n");
    assert_non_null(gn_metrics_try_gauge(metrics, "g", "a=\"1\"", "H."));
    gn_metrics_free(metrics);
}

static void register_too_much(void)
{
    (void)gn_metrics_counter(gn_metrics_new(), "c_total", too_long(), "H.");
}

static void registering_without_memory_says_so_and_aborts(void **state)
{
    (void)state;
    assert_aborts(register_too_much, " error memory.exhausted in=metrics bytes=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_printed_in_order_of_name),
        cmocka_unit_test(series_of_one_family_stand_together_in_order_of_registration),
        cmocka_unit_test(the_same_name_and_labels_give_the_same_handle),
        cmocka_unit_test(handles_live_on_while_many_more_are_registered),
        cmocka_unit_test(values_are_printed_in_their_shortest_form),
        cmocka_unit_test(help_texts_are_escaped),
        cmocka_unit_test(histograms_count_into_rising_buckets),
        cmocka_unit_test(labelled_histograms_keep_their_labels_on_every_line),
        cmocka_unit_test(collectors_run_before_each_print_until_taken_back),
        cmocka_unit_test(the_process_tells_its_own_figures),
        cmocka_unit_test(an_empty_set_prints_nothing_and_null_may_be_freed),
        cmocka_unit_test(openmetrics_name_counters_without_total_and_end_with_eof),
        cmocka_unit_test(openmetrics_of_an_empty_set_are_their_end),
        cmocka_unit_test(a_counter_whose_short_name_is_taken_keeps_its_own_in_openmetrics),
        cmocka_unit_test(openmetrics_tell_the_unit_that_a_name_ends_in),
        cmocka_unit_test(openmetrics_write_bounds_in_their_one_spelling),
        cmocka_unit_test(a_gauge_may_appear_later),
        cmocka_unit_test(a_later_gauge_without_memory_is_none_and_leaves_the_set_as_it_was),
        cmocka_unit_test(registering_without_memory_says_so_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
