/* The gauges of cloud-event-proxy, as they are printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/relay/cne_figures.h"

struct bed {
    struct gn_metrics *metrics;
    struct gn_cne_figures *figures;
    struct gn_buf text;
};

static int set_up(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);

    assert_non_null(bed);
    bed->metrics = gn_metrics_new();
    bed->figures = gn_cne_figures_new(bed->metrics);
    assert_non_null(bed->figures);
    bed->text = GN_BUF_INIT;
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;

    gn_cne_figures_free(bed->figures);
    gn_metrics_free(bed->metrics);
    gn_buf_free(&bed->text);
    free(bed);
    return 0;
}

/* Whether the print has this line. */
static bool prints(struct bed *bed, const char *line)
{
    char whole[512];

    gn_buf_reset(&bed->text);
    gn_metrics_print(bed->metrics, &bed->text);
    (void)snprintf(whole, sizeof whole, "\n%s\n", line);
    return bed->text.len > 0 && strstr(bed->text.data, whole) != NULL;
}

static size_t lines_with(struct bed *bed, const char *part)
{
    const char *at;
    size_t count = 0;

    gn_buf_reset(&bed->text);
    gn_metrics_print(bed->metrics, &bed->text);
    at = bed->text.len > 0 ? bed->text.data : "";
    while ((at = strstr(at, part)) != NULL) {
        at++;
        count++;
    }
    return count;
}

static void each_family_is_a_gauge_with_the_names_of_the_original(void **state)
{
    static const struct {
        enum gn_cne_family family;
        enum gn_cne_status status;
        const char *name, *labels;
    } rows[] = {
        {GN_CNE_API_EVENTS_PUBLISHED, GN_CNE_FAIL, "cne_api_events_published",
         "{address=\"/a\",status=\"fail\"}"},
        {GN_CNE_API_SUBSCRIPTIONS, GN_CNE_ACTIVE, "cne_api_subscriptions", "{status=\"active\"}"},
        {GN_CNE_API_PUBLISHERS, GN_CNE_FAILED_TO_CREATE, "cne_api_publishers",
         "{status=\"failed to create\"}"},
        {GN_CNE_API_STATUS_PING, GN_CNE_SUCCESS, "cne_api_status_ping", "{status=\"success\"}"},
        {GN_CNE_EVENTS_ACK, GN_CNE_FAILED, "cne_events_ack", "{status=\"failed\",type=\"/a\"}"},
        {GN_CNE_EVENTS_RECEIVED, GN_CNE_SUCCESS, "cne_events_received",
         "{status=\"success\",type=\"/a\"}"},
        {GN_CNE_STATUS_CHECK_RECEIVED, GN_CNE_SUCCESS, "cne_status_check_received",
         "{status=\"success\",type=\"/a\"}"},
        {GN_CNE_TRANSPORT_EVENTS_RECEIVED, GN_CNE_SUCCESS, "cne_transport_events_received",
         "{address=\"/a\",status=\"success\"}"},
        {GN_CNE_TRANSPORT_EVENTS_PUBLISHED, GN_CNE_RESET, "cne_transport_events_published",
         "{address=\"/a\",status=\"connection reset\"}"},
        {GN_CNE_TRANSPORT_CONNECTION_RESET, GN_CNE_RESET, "cne_transport_connection_reset", ""},
        {GN_CNE_TRANSPORT_SENDER, GN_CNE_ACTIVE, "cne_transport_sender",
         "{address=\"/a\",status=\"active\"}"},
        {GN_CNE_TRANSPORT_RECEIVER, GN_CNE_FAILED_TO_DELETE, "cne_transport_receiver",
         "{address=\"/a\",status=\"failed to delete\"}"},
        {GN_CNE_TRANSPORT_STATUS_CHECK_PUBLISHED, GN_CNE_FAILED,
         "cne_transport_status_check_published", "{address=\"/a\",status=\"failed\"}"},
    };
    struct bed *bed = *state;

    assert_int_equal(GN_LEN(rows), GN_CNE_FAMILIES);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char line[256];

        gn_cne_add(bed->figures, rows[i].family, GN_STR("/a"), rows[i].status, 1);
        gn_cne_add(bed->figures, rows[i].family, GN_STR("/a"), rows[i].status, 2);
        (void)snprintf(line, sizeof line, "%s%s 3", rows[i].name, rows[i].labels);
        assert_true(prints(bed, line));
        (void)snprintf(line, sizeof line, "# TYPE %s gauge", rows[i].name);
        assert_true(prints(bed, line));
    }
}

static void a_series_appears_when_it_is_first_counted(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(lines_with(bed, "cne_"), 0);
    gn_cne_add(bed->figures, GN_CNE_API_PUBLISHERS, GN_STR_NONE, GN_CNE_ACTIVE, 0);
    assert_true(prints(bed, "cne_api_publishers{status=\"active\"} 0"));
    assert_int_equal(lines_with(bed, "\ncne_"), 1);
}

static void a_gauge_goes_down_and_can_be_set(void **state)
{
    struct bed *bed = *state;

    gn_cne_add(bed->figures, GN_CNE_TRANSPORT_SENDER, GN_STR("x"), GN_CNE_ACTIVE, 1);
    gn_cne_add(bed->figures, GN_CNE_TRANSPORT_SENDER, GN_STR("x"), GN_CNE_ACTIVE, -1);
    assert_true(prints(bed, "cne_transport_sender{address=\"x\",status=\"active\"} 0"));
    gn_cne_set(bed->figures, GN_CNE_TRANSPORT_SENDER, GN_STR("x"), GN_CNE_ACTIVE, 5);
    assert_true(prints(bed, "cne_transport_sender{address=\"x\",status=\"active\"} 5"));
}

static void a_value_from_outside_cannot_break_the_text(void **state)
{
    static const struct {
        struct gn_str type;
        const char *printed;
    } rows[] = {
        {GN_STR_INIT("a\"b"), "a\\\"b"},
        {GN_STR_INIT("a\\b"), "a\\\\b"},
        {GN_STR_INIT("a\nb\n"), "a\\nb\\n"},
        {GN_STR_INIT("a\xff\xfe"), "a\xef\xbf\xbd\xef\xbf\xbd"},
        {GN_STR_INIT("a\0b"), "a\xef\xbf\xbd"
                              "b"},
        {GN_STR_INIT("\xc3\xa9"), "\xc3\xa9"},
        {GN_STR_INIT(""), ""},
        {{NULL, 0}, ""},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char line[256];

        gn_cne_set(bed->figures, GN_CNE_EVENTS_ACK, rows[i].type, GN_CNE_SUCCESS, (double)i);
        (void)snprintf(line, sizeof line, "cne_events_ack{status=\"success\",type=\"%s\"} %zu",
                       rows[i].printed, i);
        assert_true(prints(bed, line));
    }
}

static void values_beyond_the_limit_are_counted_as_other(void **state)
{
    struct bed *bed = *state;
    char address[32];

    for (int i = 0; i < GN_CNE_LABELS_MAX + 5; i++) {
        (void)snprintf(address, sizeof address, "/%d", i);
        gn_cne_add(bed->figures, GN_CNE_TRANSPORT_EVENTS_RECEIVED, gn_str_of(address),
                   GN_CNE_SUCCESS, 1);
    }
    assert_true(
        prints(bed, "cne_transport_events_received{address=\"other\",status=\"success\"} 5"));
    assert_int_equal(lines_with(bed, "cne_transport_events_received{"), GN_CNE_LABELS_MAX + 1);
    gn_cne_add(bed->figures, GN_CNE_TRANSPORT_EVENTS_RECEIVED, GN_STR("/7"), GN_CNE_SUCCESS, 1);
    assert_true(prints(bed, "cne_transport_events_received{address=\"/7\",status=\"success\"} 2"));
    gn_cne_add(bed->figures, GN_CNE_TRANSPORT_SENDER, GN_STR("/new"), GN_CNE_ACTIVE, 1);
    assert_true(prints(bed, "cne_transport_sender{address=\"/new\",status=\"active\"} 1"));
}

static void a_value_too_long_is_counted_as_other(void **state)
{
    static char address[GN_CNE_LABEL_BYTES_MAX + 1];
    struct bed *bed = *state;

    memset(address, 'a', sizeof address);
    gn_cne_add(bed->figures, GN_CNE_TRANSPORT_SENDER, (struct gn_str){address, sizeof address},
               GN_CNE_ACTIVE, 1);
    assert_true(prints(bed, "cne_transport_sender{address=\"other\",status=\"active\"} 1"));
    gn_cne_add(bed->figures, GN_CNE_TRANSPORT_SENDER, (struct gn_str){address, sizeof address - 1},
               GN_CNE_ACTIVE, 1);
    assert_int_equal(lines_with(bed, "cne_transport_sender{"), 2);
}

static void who_does_not_count_needs_no_figures(void **state)
{
    (void)state;
    gn_cne_add(NULL, GN_CNE_EVENTS_ACK, GN_STR("t"), GN_CNE_SUCCESS, 1);
    gn_cne_set(NULL, GN_CNE_EVENTS_ACK, GN_STR("t"), GN_CNE_SUCCESS, 1);
    gn_cne_figures_free(NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(each_family_is_a_gauge_with_the_names_of_the_original),
        T(a_series_appears_when_it_is_first_counted),
        T(a_gauge_goes_down_and_can_be_set),
        T(a_value_from_outside_cannot_break_the_text),
        T(values_beyond_the_limit_are_counted_as_other),
        T(a_value_too_long_is_counted_as_other),
        cmocka_unit_test(who_does_not_count_needs_no_figures),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
