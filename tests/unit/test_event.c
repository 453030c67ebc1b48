/* Events: one allocation, the v1 tail byte for byte, shared by reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/ce/event.h"

#define TIME_NS INT64_C(1795232970136201331) /* 2026-11-21T03:49:30.136201331Z */

static struct gn_event_parts redfish_parts(void)
{
    return (struct gn_event_parts){
        .id = {"0d7a3c5e-0000-4000-8000-000000000001"},
        .type = GN_STR("event.redfish.alert"),
        .source = GN_STR("/cluster/node/n1/redfish/v1/Systems"),
        .resource = GN_STR("/cluster/node/n1/redfish/v1/Systems/x"),
        .data = GN_STR("{\"version\":\"v1\",\"values\":[]}"),
        .time_ns = TIME_NS,
        .origin = GN_STR("bmc-7"),
        .received_ns = TIME_NS + 5,
        .received_us = 77,
        .lane = 5,
        .rank = GN_RANK_HIGH,
        .is_named = true,
    };
}

static void assert_str(struct gn_str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.p, want, got.len);
}

static void the_tail_is_the_v1_body_behind_the_id(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_event *ev = gn_event_new(&parts);

    (void)state;
    assert_non_null(ev);
    assert_str(
        ev->cne_tail,
        "\",\"type\":\"event.redfish.alert\",\"source\":\"/cluster/node/n1/redfish/v1/Systems\","
        "\"dataContentType\":\"application/json\",\"time\":\"2026-11-21T03:49:30.136201331Z\","
        "\"data\":{\"version\":\"v1\",\"values\":[]}}");
    gn_event_unref(ev);
}

static void an_event_owns_copies_of_all_its_parts(void **state)
{
    char type[] = "t", source[] = "s", resource[] = "r", data[] = "{}", origin[] = "o";
    const struct gn_event_parts parts = {
        .id = {"id"},
        .type = gn_str_of(type),
        .source = gn_str_of(source),
        .resource = gn_str_of(resource),
        .data = gn_str_of(data),
        .origin = gn_str_of(origin),
        .time_ns = 1,
        .received_ns = 4,
        .received_us = 2,
        .lane = 3,
        .rank = GN_RANK_MIDDLE,
        .is_named = true,
    };
    struct gn_event *ev = gn_event_new(&parts);

    (void)state;
    type[0] = source[0] = resource[0] = data[0] = origin[0] = 'X';
    assert_str(ev->type, "t");
    assert_str(ev->source, "s");
    assert_str(ev->resource, "r");
    assert_str(ev->data, "{}");
    assert_str(ev->origin, "o");
    assert_string_equal(ev->id.text, "id");
    assert_int_equal(ev->time_ns, 1);
    assert_int_equal(ev->received_us, 2);
    assert_int_equal(ev->received_ns, 4);
    assert_int_equal(ev->lane, 3);
    assert_int_equal(ev->rank, GN_RANK_MIDDLE);
    assert_true(ev->is_named);
    gn_event_unref(ev);
}

static void what_is_not_given_is_empty(void **state)
{
    const struct gn_event_parts parts = {.id = {"id"}};
    struct gn_event *ev = gn_event_new(&parts);

    (void)state;
    assert_int_equal(ev->origin.len, 0);
    assert_int_equal(ev->resource.len, 0);
    assert_int_equal(ev->rank, GN_RANK_LOW);
    assert_false(ev->is_named);
    gn_event_unref(ev);
}

static void origin_is_no_part_of_the_body(void **state)
{
    struct gn_event_parts parts = redfish_parts();
    struct gn_event *with = gn_event_new(&parts), *without;

    (void)state;
    parts.origin = GN_STR_NONE;
    without = gn_event_new(&parts);
    assert_true(gn_str_eq(with->cne_tail, without->cne_tail));
    gn_event_unref(with);
    gn_event_unref(without);
}

static void data_lies_inside_the_tail(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_event *ev = gn_event_new(&parts);

    (void)state;
    assert_ptr_equal(ev->data.p + ev->data.len + 1, ev->cne_tail.p + ev->cne_tail.len);
    gn_event_unref(ev);
}

static void the_allocation_is_hardly_larger_than_what_it_holds(void **state)
{
    static char data[5000];
    struct gn_event_parts parts = redfish_parts();
    struct gn_event *ev;

    (void)state;
    memset(data, ' ', sizeof data);
    data[0] = '1';
    parts.data = (struct gn_str){data, sizeof data};
    ev = gn_event_new(&parts);
    assert_true(ev->bytes_held > sizeof *ev + ev->cne_tail.len);
    assert_true(ev->bytes_held < sizeof *ev + ev->cne_tail.len + 300);
    gn_event_unref(ev);
    parts.origin = parts.data; /* counts as well */
    ev = gn_event_new(&parts);
    assert_true(ev->bytes_held > sizeof *ev + ev->cne_tail.len + ev->origin.len);
    assert_true(ev->bytes_held < sizeof *ev + ev->cne_tail.len + ev->origin.len + 300);
    gn_event_unref(ev);
}

static void odd_texts_become_valid_json(void **state)
{
    static const struct {
        struct gn_str text;
        const char *json;
    } rows[] = {
        {GN_STR_INIT("a\"b"), "\"a\\\"b\""},
        {GN_STR_INIT("back\\slash"), "\"back\\\\slash\""},
        {GN_STR_INIT("\n\x01"), "\"\\n\\u0001\""},
        {GN_STR_INIT("n\xC3\xB6"), "\"n\xC3\xB6\""},
        {GN_STR_INIT("bad\xFF"), "\"bad\xEF\xBF\xBD\""},
        {GN_STR_INIT(""), "\"\""},
    };
    char want[512];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event_parts parts = redfish_parts();
        struct gn_event *ev;

        parts.type = parts.source = parts.data_schema = rows[i].text;
        ev = gn_event_new(&parts);
        assert_non_null(ev);
        (void)snprintf(want, sizeof want,
                       "\",\"type\":%s,\"source\":%s,\"dataContentType\":\"application/json\"%s%s,"
                       "\"time\":\"2026-11-21T03:49:30.136201331Z\",\"data\":{\"version\":\"v1\","
                       "\"values\":[]}}",
                       rows[i].json, rows[i].json, rows[i].text.len > 0 ? ",\"dataSchema\":" : "",
                       rows[i].text.len > 0 ? rows[i].json : "");
        assert_str(ev->cne_tail, want);
        assert_true(gn_str_eq(ev->type, rows[i].text)); /* the view stays plain */
        gn_event_unref(ev);
    }
}

static void a_text_of_escapes_only_grows_beyond_the_first_guess(void **state)
{
    static char quotes[10000];
    struct gn_event_parts parts = redfish_parts();
    struct gn_event *ev;

    (void)state;
    memset(quotes, 1, sizeof quotes);
    parts.source = (struct gn_str){quotes, sizeof quotes};
    ev = gn_event_new(&parts);
    assert_non_null(ev);
    assert_true(ev->cne_tail.len > 6 * sizeof quotes);
    assert_int_equal(ev->cne_tail.p[ev->cne_tail.len - 1], '}');
    assert_int_equal(ev->source.len, sizeof quotes);
    gn_event_unref(ev);
}

static void an_event_without_data_has_no_data_member(void **state)
{
    struct gn_event_parts parts = redfish_parts();
    struct gn_event *ev;

    (void)state;
    parts.data = GN_STR_NONE;
    ev = gn_event_new(&parts);
    assert_str(
        ev->cne_tail,
        "\",\"type\":\"event.redfish.alert\",\"source\":\"/cluster/node/n1/redfish/v1/Systems\","
        "\"dataContentType\":\"application/json\",\"time\":\"2026-11-21T03:49:30.136201331Z\"}");
    assert_int_equal(ev->data.len, 0);
    gn_event_unref(ev);
}

static void the_last_reference_frees(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_event *ev = gn_event_new(&parts);

    (void)state;
    assert_ptr_equal(gn_event_ref(ev), ev);
    gn_event_unref(ev);
    assert_str(ev->type, "event.redfish.alert"); /* still there: the sanitizer would tell */
    gn_event_unref(ev);
    gn_event_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tail_is_the_v1_body_behind_the_id),
        cmocka_unit_test(an_event_owns_copies_of_all_its_parts),
        cmocka_unit_test(what_is_not_given_is_empty),
        cmocka_unit_test(origin_is_no_part_of_the_body),
        cmocka_unit_test(data_lies_inside_the_tail),
        cmocka_unit_test(the_allocation_is_hardly_larger_than_what_it_holds),
        cmocka_unit_test(odd_texts_become_valid_json),
        cmocka_unit_test(a_text_of_escapes_only_grows_beyond_the_first_guess),
        cmocka_unit_test(an_event_without_data_has_no_data_member),
        cmocka_unit_test(the_last_reference_frees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
