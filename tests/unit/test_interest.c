/* Which events a subscription of each face wants, asked of the event and of its packed bytes. */
#include "gurnard/relay/interest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define SYSTEMS "/cluster/node/n1/redfish/v1/Systems"

static struct gn_event *event_of(const char *resource, unsigned flags, const char *severity)
{
    struct gn_buf data = GN_BUF_INIT;
    struct gn_event *event;

    gn_buf_printf(&data,
                  "{\"version\":\"v1\",\"values\":[{\"resource\":\"/redfish/v1/Systems\","
                  "\"dataType\":\"notification\",\"valueType\":\"redfish-event\",\"value\":"
                  "{\"@odata.type\":\"#Event.v1_3_0.Event\",\"Events\":[{\"MessageId\":"
                  "\"Base.1.0.X\",\"Severity\":\"%s\"}],\"Id\":\"1\",\"Name\":\"n\"}}]}",
                  severity);
    event = gn_event_new(&(struct gn_event_parts){.id = gn_id_random(),
                                                  .type = GN_STR("event.redfish.alert"),
                                                  .source = gn_str_of(resource),
                                                  .resource = gn_str_of(resource),
                                                  .data = gn_buf_str(&data),
                                                  .origin = GN_STR("bmc-1"),
                                                  .flags = flags});
    gn_buf_free(&data);
    assert_non_null(event);
    return event;
}

static bool wants(const struct gn_interest *interest, const struct gn_event *event)
{
    struct gn_buf bytes = GN_BUF_INIT;
    struct gn_packed_event packed;
    struct gn_str view;
    bool is_wanted = gn_interest_wants(interest, event, NULL);

    gn_event_pack(event, &bytes);
    view = gn_buf_str(&bytes);
    assert_int_equal(gn_event_peek(&view, &packed), GN_OK);
    assert_int_equal(gn_interest_wants_packed(interest, &packed), is_wanted);
    gn_buf_free(&bytes);
    return is_wanted;
}

static void each_face_wants_its_addresses_and_kinds_of_events(void **state)
{
    static const struct {
        enum gn_face face;
        const char *mine, *resource;
        unsigned flags;
        bool want;
    } rows[] = {
        {GN_FACE_V1, SYSTEMS, SYSTEMS, 0, true},
        {GN_FACE_V1, SYSTEMS, SYSTEMS "/1", 0, false},
        {GN_FACE_V1, SYSTEMS, "/cluster/node/n1/redfish/v1", 0, false},
        {GN_FACE_V1, SYSTEMS, SYSTEMS, GN_EVENT_FROM_PEER, true},
        {GN_FACE_V1, SYSTEMS, SYSTEMS, GN_EVENT_PLAIN, false},
        {GN_FACE_PEER, SYSTEMS, SYSTEMS, 0, true},
        {GN_FACE_PEER, SYSTEMS, SYSTEMS, GN_EVENT_FROM_PEER, false},
        {GN_FACE_PEER, SYSTEMS, SYSTEMS, GN_EVENT_PLAIN, false},
        {GN_FACE_V2, "/cluster/node/n1", SYSTEMS, 0, true},
        {GN_FACE_V2, "/cluster/node/n1", "/cluster/node/n10/x", 0, false},
        {GN_FACE_V2, "/cluster/node/*/redfish", SYSTEMS, 0, true},
        {GN_FACE_V2, "/cluster/node/*/sync", SYSTEMS, 0, false},
        {GN_FACE_V2, SYSTEMS, SYSTEMS, GN_EVENT_FROM_PEER, true},
        {GN_FACE_V2, SYSTEMS, SYSTEMS, GN_EVENT_PLAIN, false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_interest *interest =
            gn_interest_new(rows[i].face, gn_str_of(rows[i].mine), NULL, NULL);
        struct gn_event *event = event_of(rows[i].resource, rows[i].flags, "OK");

        assert_non_null(interest);
        if (wants(interest, event) != rows[i].want)
            fail_msg("row %zu", i);
        gn_event_unref(event);
        gn_interest_unref(interest);
    }
}

static struct gn_interest *native_of(const char *text, const char *resource)
{
    char error[GN_NATIVE_ERROR_MAX];
    struct gn_native_spec *spec = NULL;
    json_t *object = json_loads(text, 0, NULL);
    struct gn_interest *interest;

    assert_non_null(object);
    assert_int_equal(gn_native_spec_parse(object, &spec, error), GN_OK);
    json_decref(object);
    interest = gn_interest_new(GN_FACE_NATIVE, gn_str_of(resource), spec, "n1");
    assert_non_null(interest);
    return interest;
}

static struct gn_interest *native(const char *text)
{
    return native_of(text, "");
}

static void a_native_one_of_an_address_wants_what_arises_there(void **state)
{
    static const struct {
        const char *resource;
        unsigned flags;
        bool want;
    } rows[] = {
        {SYSTEMS, 0, true},
        {SYSTEMS, GN_EVENT_PUBLISHED, true},
        {SYSTEMS, GN_EVENT_FROM_PEER, false},
        {SYSTEMS "/1", 0, false},
        {"/news", 0, false},
    };
    struct gn_interest *interest = native_of("{\"sink\":\"http://h/\"}", SYSTEMS);

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event *event = event_of(rows[i].resource, rows[i].flags, "OK");

        if (wants(interest, event) != rows[i].want)
            fail_msg("row %zu", i);
        gn_event_unref(event);
    }
    gn_interest_unref(interest);
}

static void a_native_subscription_wants_what_passes_its_filters(void **state)
{
    static const struct {
        const char *spec, *severity;
        bool want;
    } rows[] = {
        {"{\"sink\":\"http://h/\"}", "OK", true},
        {"{\"sink\":\"http://h/\",\"filters\":[{\"exact\":{\"severity\":\"Critical\"}}]}",
         "Critical", true},
        {"{\"sink\":\"http://h/\",\"filters\":[{\"exact\":{\"severity\":\"Critical\"}}]}", "OK",
         false},
        {"{\"sink\":\"http://h/\",\"config\":{\"split\":\"whole\"},"
         "\"filters\":[{\"prefix\":{\"resource\":\"/cluster/node/n1/\"}}]}",
         "OK", true},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_interest *interest = native(rows[i].spec);
        struct gn_event *event = event_of(SYSTEMS, 0, rows[i].severity);

        if (wants(interest, event) != rows[i].want)
            fail_msg("row %zu", i);
        gn_event_unref(event);
        gn_interest_unref(interest);
    }
}

static void bytes_that_are_no_event_are_not_wanted(void **state)
{
    struct gn_interest *interest = native("{\"sink\":\"http://h/\"}");
    struct gn_event *event = event_of(SYSTEMS, 0, "OK");
    struct gn_buf bytes = GN_BUF_INIT;
    struct gn_packed_event packed;
    struct gn_str view;

    (void)state;
    gn_event_pack(event, &bytes);
    bytes.data[bytes.len - 1] = 'x'; /* the body must end with a brace */
    view = gn_buf_str(&bytes);
    assert_int_equal(gn_event_peek(&view, &packed), GN_OK);
    assert_false(gn_interest_wants_packed(interest, &packed));
    gn_buf_free(&bytes);
    gn_event_unref(event);
    gn_interest_unref(interest);
}

static void sameness_is_of_face_and_address_and_never_of_native_ones(void **state)
{
    struct gn_interest *all[] = {
        gn_interest_new(GN_FACE_V1, GN_STR("/r"), NULL, NULL),
        gn_interest_new(GN_FACE_V1, GN_STR("/r"), NULL, NULL),
        gn_interest_new(GN_FACE_V1, GN_STR("/s"), NULL, NULL),
        gn_interest_new(GN_FACE_PEER, GN_STR("/r"), NULL, NULL),
        native("{\"sink\":\"http://h/\"}"),
        native("{\"sink\":\"http://h/\"}"),
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(all); i++)
        for (size_t j = 0; j < GN_LEN(all); j++)
            assert_int_equal(gn_interest_is_same(all[i], all[j]), i == j || i + j == 1);
    for (size_t i = 0; i < GN_LEN(all); i++)
        gn_interest_unref(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_face_wants_its_addresses_and_kinds_of_events),
        cmocka_unit_test(a_native_one_of_an_address_wants_what_arises_there),
        cmocka_unit_test(a_native_subscription_wants_what_passes_its_filters),
        cmocka_unit_test(bytes_that_are_no_event_are_not_wanted),
        cmocka_unit_test(sameness_is_of_face_and_address_and_never_of_native_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
