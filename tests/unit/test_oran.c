/* The v2 face: data spliced in both directions, and the event around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/id.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/ce/oran.h"

static void assert_text(const struct gn_buf *got, const char *want)
{
    if (got->len != strlen(want) || memcmp(got->data, want, got->len) != 0) {
        print_error("got  %.*s\nwant %s\n", (int)got->len, got->data, want);
        fail();
    }
}

/* Rows that hold in both directions. */
static const struct {
    const char *cne, *oran;
} pairs[] = {
    {"{\"version\":\"v1\",\"values\":[]}", "{\"version\":\"1.0\",\"values\":[]}"},
    {"{\"version\":\"v1\",\"values\":[{\"resource\":\"/redfish/v1/Systems\",\"dataType\":"
     "\"notification\",\"valueType\":\"redfish-event\",\"value\":{\"Id\":\"1\"}}]}",
     "{\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":\"/redfish/v1/Systems\",\"data_type\":"
     "\"notification\",\"value_type\":\"redfish-event\",\"value\":{\"Id\":\"1\"}}]}"},
    /* order, white space, further members and other versions stay */
    {"{ \"values\" : [ { \"value\" : \"LOCKED\" , \"valueType\":\"enumeration\"},{} ],\"x\":[1],"
     "\"version\" : \"v1\" }",
     "{ \"values\" : [ { \"value\" : \"LOCKED\" , \"value_type\":\"enumeration\"},{} ],\"x\":[1],"
     "\"version\" : \"1.0\" }"},
    {"{\"version\":\"v2\",\"values\":[{\"a\":\"resource\"}]}",
     "{\"version\":\"v2\",\"values\":[{\"a\":\"resource\"}]}"},
    /* only members of the values themselves are renamed */
    {"{\"version\":\"v1\",\"resource\":1,\"values\":[{\"value\":{\"resource\":1,\"dataType\":2,"
     "\"version\":\"v1\",\"values\":[{\"valueType\":3}]}}]}",
     "{\"version\":\"1.0\",\"resource\":1,\"values\":[{\"value\":{\"resource\":1,\"dataType\":2,"
     "\"version\":\"v1\",\"values\":[{\"valueType\":3}]}}]}"},
    /* given twice */
    {"{\"version\":\"v1\",\"values\":[{\"resource\":1,\"resource\":\"\xC3\xA9\\u0041\"}],"
     "\"version\":\"v1\",\"values\":[{\"resource\":1.50}]}",
     "{\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":1,\"ResourceAddress\":\"\xC3\xA9"
     "\\u0041\"}],\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":1.50}]}"},
};

static void data_goes_both_ways_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(pairs); i++) {
        struct gn_buf out = GN_BUF_INIT;

        assert_int_equal(gn_oran_data(gn_str_of(pairs[i].cne), &out), GN_OK);
        assert_text(&out, pairs[i].oran);
        gn_buf_reset(&out);
        assert_int_equal(gn_oran_data_to_cne(gn_str_of(pairs[i].oran), &out), GN_OK);
        assert_text(&out, pairs[i].cne);
        gn_buf_free(&out);
    }
}

static void data_of_the_wanted_kind_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(pairs); i++) {
        struct gn_buf out = GN_BUF_INIT;

        assert_int_equal(gn_oran_data_to_cne(gn_str_of(pairs[i].cne), &out), GN_OK);
        assert_text(&out, pairs[i].cne);
        gn_buf_reset(&out);
        assert_int_equal(gn_oran_data(gn_str_of(pairs[i].oran), &out), GN_OK);
        assert_text(&out, pairs[i].oran);
        gn_buf_free(&out);
    }
}

static void escaped_names_are_exchanged_too(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_oran_data(GN_STR("{\"v\\u0065rsion\":\"v\\u0031\",\"v\\u0061lues\":"
                                         "[{\"r\\u0065source\":\"\\u0041\"}]}"),
                                  &out),
                     GN_OK);
    assert_text(&out, "{\"v\\u0065rsion\":\"1.0\",\"v\\u0061lues\":"
                      "[{\"ResourceAddress\":\"\\u0041\"}]}");
    gn_buf_free(&out);
}

static void what_stands_around_data_is_dropped(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_buf_puts(&out, "kept");
    assert_int_equal(
        gn_oran_data(GN_STR("\xEF\xBB\xBF {\"version\":\"v1\",\"values\":[]} \n\0"), &out), GN_OK);
    assert_text(&out, "kept{\"version\":\"1.0\",\"values\":[]}");
    gn_buf_free(&out);
}

static void other_layouts_are_refused(void **state)
{
    static const char *const rows[] = {
        " ",
        "null",
        "[]",
        "\"x\"",
        "{}",
        "{\"version\":\"v1\"}",
        "{\"values\":[]}",
        "{\"version\":1,\"values\":[]}",
        "{\"version\":null,\"values\":[]}",
        "{\"version\":\"v1\",\"version\":1,\"values\":[]}",
        "{\"version\":\"v1\",\"values\":null}",
        "{\"version\":\"v1\",\"values\":{}}",
        "{\"version\":\"v1\",\"values\":[1]}",
        "{\"version\":\"v1\",\"values\":[[]]}",
        "{\"version\":\"v1\",\"values\":[null]}",
        "{\"version\":\"v1\",\"values\":[{},\"x\"]}",
        "{\"Version\":\"v1\",\"values\":[]}",
        "{\"version\":\"v1\",\"values\":[]",
        "{\"version\":\"v1\",\"values\":[{\"resource\":}]}",
        "{\"version\":\"v1\",\"values\":[{\"resource\"}]}",
        "{\"version\":\"v1\",\"values\":[{\"resource\":\"\xFF\"}]}",
        "{\"version\":\"v1\",\"values\":[]}{}",
        "{\"version\":\"v1\",\"values\":[],\"x\":tru}",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_buf_puts(&out, "kept");
        assert_int_equal(gn_oran_data(gn_str_of(rows[i]), &out), GN_EPARSE);
        assert_int_equal(gn_oran_data_to_cne(gn_str_of(rows[i]), &out), GN_EPARSE);
        assert_text(&out, "kept");
        gn_buf_free(&out);
    }
}

static void nesting_too_deep_is_no_layout(void **state)
{
    struct gn_buf text = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    gn_buf_puts(&text, "{\"version\":\"v1\",\"values\":[],\"x\":");
    for (unsigned i = 0; i < GN_JSON_DEPTH_MAX; i++)
        gn_buf_putc(&text, '[');
    for (unsigned i = 0; i < GN_JSON_DEPTH_MAX; i++)
        gn_buf_putc(&text, ']');
    gn_buf_putc(&text, '}');
    assert_int_equal(gn_oran_data(gn_buf_str(&text), &out), GN_EPARSE);
    assert_int_equal(out.len, 0);
    gn_buf_free(&text);
    gn_buf_free(&out);
}

static void absent_data_has_no_values(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_oran_data(GN_STR_NONE, &out), GN_OK);
    assert_text(&out, "{\"version\":\"1.0\",\"values\":[]}");
    gn_buf_reset(&out);
    assert_int_equal(gn_oran_data_to_cne(GN_STR_NONE, &out), GN_EPARSE);
    assert_int_equal(out.len, 0);
    gn_buf_free(&out);
}

static void a_full_buffer_holds_nothing_of_it(void **state)
{
    struct gn_str data = GN_STR("{\"version\":\"v1\",\"values\":[{\"resource\":1}]}");

    (void)state;
    for (size_t limit = 4; limit < 40; limit++) {
        struct gn_buf out = gn_buf_with_limit(limit);

        gn_buf_puts(&out, "kept");
        assert_int_equal(gn_oran_data(data, &out), GN_ELIMIT);
        assert_text(&out, "kept");
        gn_buf_free(&out);
    }
}

static void the_source_is_what_is_behind_the_node(void **state)
{
    static const struct {
        const char *resource, *source;
    } rows[] = {
        {"/cluster/node/n1/redfish/v1/Systems", "/redfish/v1/Systems"},
        {"/cluster/node/n.1.example/sync/sync-status/sync-state", "/sync/sync-status/sync-state"},
        {"/cluster/node/n1/", "/"},
        {"/cluster/node/n1", "/cluster/node/n1"},
        {"/cluster/node/", "/cluster/node/"},
        {"/cluster/node//x", "/cluster/node//x"},
        {"/cluster/nodes/n1/x", "/cluster/nodes/n1/x"},
        {"/east-edge-10/Node3/sync", "/east-edge-10/Node3/sync"},
        {"news", "news"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_true(
            gn_str_eq(gn_oran_source(gn_str_of(rows[i].resource)), gn_str_of(rows[i].source)));
}

static struct gn_event *new_event(struct gn_str data, unsigned flags)
{
    const struct gn_event_parts parts = {
        .id = {"789be75d-7ac3-472e-bbbc-6d62878aad4a"},
        .type = GN_STR("event.redfish.alert"),
        .source = GN_STR("/subject"),
        .resource = GN_STR("/cluster/node/n1/x\"y"),
        .data = data,
        .flags = flags,
        .time_ns = 1500000000,
    };
    struct gn_event *event = gn_event_new(&parts);

    assert_non_null(event);
    return event;
}

#define HEAD                                                                                       \
    "{\"specversion\":\"1.0\",\"id\":\"789be75d-7ac3-472e-bbbc-6d62878aad4a\","                    \
    "\"source\":\"/x\\\"y\",\"type\":\"event.redfish.alert\","                                     \
    "\"time\":\"1970-01-01T00:00:01.5Z\",\"data\":"

static void an_event_is_written_without_subject_and_type_of_data(void **state)
{
    static const struct {
        struct gn_str data;
        const char *want;
    } rows[] = {
        {{NULL, 0}, HEAD "{\"version\":\"1.0\",\"values\":[]}}"},
        {GN_STR_INIT("{\"version\":\"v1\",\"values\":[{\"resource\":\"/r\",\"dataType\":\"metric\","
                     "\"valueType\":\"decimal64.3\",\"value\":\"1.5\"}]}"),
         HEAD "{\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":\"/r\","
              "\"data_type\":\"metric\",\"value_type\":\"decimal64.3\",\"value\":\"1.5\"}]}}"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event *event = new_event(rows[i].data, 0);
        struct gn_buf out = GN_BUF_INIT;

        assert_int_equal(gn_oran_write(event, &out), GN_OK);
        assert_text(&out, rows[i].want);
        gn_buf_free(&out);
        gn_event_unref(event);
    }
}

static void an_event_without_the_layout_is_not_written(void **state)
{
    static const struct {
        struct gn_str data;
        unsigned flags;
        enum gn_err err;
    } rows[] = {
        {GN_STR_INIT("{\"version\":\"v1\",\"values\":[]}"), GN_EVENT_PLAIN, GN_EINVAL},
        {GN_STR_INIT("\"AA==\""), GN_EVENT_PLAIN | GN_EVENT_BASE64, GN_EINVAL},
        {GN_STR_INIT("{\"a\":1}"), 0, GN_EPARSE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event *event = new_event(rows[i].data, rows[i].flags);
        struct gn_buf out = GN_BUF_INIT;

        gn_buf_puts(&out, "kept");
        assert_int_equal(gn_oran_write(event, &out), rows[i].err);
        assert_text(&out, "kept");
        gn_buf_free(&out);
        gn_event_unref(event);
    }
}

static void an_event_that_does_not_fit_leaves_nothing(void **state)
{
    struct gn_event *event = new_event(GN_STR_NONE, 0);

    (void)state;
    for (size_t limit = 0; limit < sizeof HEAD + 29; limit++) {
        struct gn_buf out = gn_buf_with_limit(limit);

        assert_int_equal(gn_oran_write(event, &out), GN_ELIMIT);
        assert_int_equal(out.len, 0);
        gn_buf_free(&out);
        out = gn_buf_with_limit(limit);
        assert_int_equal(gn_oran_write_empty(GN_STR("/cluster/node/n1/x\"y"), event->time_ns, &out),
                         GN_ELIMIT);
        assert_int_equal(out.len, 0);
        gn_buf_free(&out);
    }
    gn_event_unref(event);
}

static void a_resource_without_event_has_an_empty_one(void **state)
{
    static const char before[] = "{\"specversion\":\"1.0\",\"id\":\"";
    static const char behind[] =
        "\",\"source\":\"/redfish/v1/Systems\",\"type\":\"event.redfish.alert\","
        "\"time\":\"1970-01-01T00:00:00Z\",\"data\":{\"version\":\"1.0\",\"values\":[]}}";
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_oran_write_empty(GN_STR("/cluster/node/n1/redfish/v1/Systems"), 0, &out),
                     GN_OK);
    assert_int_equal(out.len, sizeof before - 1 + GN_ID_LEN + sizeof behind - 1);
    assert_memory_equal(out.data, before, sizeof before - 1);
    assert_true(gn_id_is_valid((struct gn_str){out.data + sizeof before - 1, GN_ID_LEN}));
    assert_string_equal(out.data + sizeof before - 1 + GN_ID_LEN, behind);
    gn_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_goes_both_ways_byte_for_byte),
        cmocka_unit_test(data_of_the_wanted_kind_stays),
        cmocka_unit_test(escaped_names_are_exchanged_too),
        cmocka_unit_test(what_stands_around_data_is_dropped),
        cmocka_unit_test(other_layouts_are_refused),
        cmocka_unit_test(nesting_too_deep_is_no_layout),
        cmocka_unit_test(absent_data_has_no_values),
        cmocka_unit_test(a_full_buffer_holds_nothing_of_it),
        cmocka_unit_test(the_source_is_what_is_behind_the_node),
        cmocka_unit_test(an_event_is_written_without_subject_and_type_of_data),
        cmocka_unit_test(an_event_without_the_layout_is_not_written),
        cmocka_unit_test(an_event_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(a_resource_without_event_has_an_empty_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
