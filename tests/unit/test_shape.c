/* What goes out for one event in each face, byte for byte. */
#include "gurnard/relay/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SYSTEMS "/cluster/node/n1/redfish/v1/Systems"
#define ID      "00010203-0405-4607-8809-0a0b0c0d0e0f"
#define RECORD1                                                                                    \
    "{\"MessageId\":\"Base.1.0.Fan\",\"Severity\":\"OK\",\"EventTimestamp\":"                      \
    "\"2026-01-01T00:00:00Z\"}"
#define RECORD2 "{\"MessageId\":\"Base.1.0.Disk\",\"Severity\":\"Critical\"}"
#define RECORD3 "{\"MessageId\":\"Base.1.0.Dimm\",\"Severity\":\"Critical\"}"
#define VALUE                                                                                      \
    "{\"@odata.type\":\"#Event.v1_3_0.Event\",\"Events\":[" RECORD1 "," RECORD2 "," RECORD3        \
    "],\"Id\":\"1\",\"Name\":\"n\"}"
#define DATA                                                                                       \
    "{\"version\":\"v1\",\"values\":[{\"resource\":\"/redfish/v1/Systems\",\"dataType\":"          \
    "\"notification\",\"valueType\":\"redfish-event\",\"value\":" VALUE "}]}"

static struct gn_event *make_event(void)
{
    struct gn_event *event = gn_event_new(&(struct gn_event_parts){
        .id = {ID},
        .type = GN_STR("event.redfish.alert"),
        .source = GN_STR(SYSTEMS),
        .resource = GN_STR(SYSTEMS),
        .data = GN_STR(DATA),
        .origin = GN_STR("bmc-7"),
        .time_ns = INT64_C(1795232970136201331),
        .received_ns = INT64_C(1795232970136201331),
    });

    assert_non_null(event);
    return event;
}

static struct gn_interest *native(const char *text)
{
    char error[GN_NATIVE_ERROR_MAX];
    struct gn_native_spec *spec = NULL;
    json_t *object = json_loads(text, 0, NULL);
    struct gn_interest *interest;

    assert_non_null(object);
    if (gn_native_spec_parse(object, &spec, error) != GN_OK)
        fail_msg("%s", error);
    json_decref(object);
    interest = gn_interest_new(GN_FACE_NATIVE, GN_STR(""), spec, "n1");
    assert_non_null(interest);
    return interest;
}

/* Headers, one a line, then the body. */
static char *told(const struct gn_shaped *shaped)
{
    struct gn_buf out = GN_BUF_INIT;
    char *text;

    for (size_t i = 0; shaped->headers[i] != NULL; i++) {
        gn_buf_puts(&out, shaped->headers[i]);
        gn_buf_putc(&out, '\n');
    }
    gn_buf_putc(&out, '\n');
    for (size_t i = 0; i < GN_MESSAGE_PARTS; i++)
        gn_buf_add_str(&out, shaped->body[i]);
    text = gn_buf_take(&out);
    gn_buf_free(&out);
    assert_non_null(text);
    return text;
}

static void expect(struct gn_interest *interest, uint32_t part, bool is_again, const char *want,
                   uint32_t want_next)
{
    struct gn_event *event = make_event();
    const struct gn_shape_in in = {.interest = interest,
                                   .event = event,
                                   .subscription = GN_STR("sub-1"),
                                   .sequence = 42,
                                   .via = "me",
                                   .is_again = is_again,
                                   .part = part};
    struct gn_shaped *shaped = malloc(sizeof(*shaped));
    char *text;

    assert_non_null(shaped);
    memset(shaped, 0xa5, sizeof *shaped);
    assert_int_equal(gn_shape(&in, shaped), GN_OK);
    text = told(shaped);
    assert_string_equal(text, want);
    assert_int_equal(shaped->next_part, want_next);
    free(text);
    gn_shaped_fini(shaped);
    free(shaped);
    gn_event_unref(event);
}

static void expect_of_face(enum gn_face face, bool is_again, const char *want)
{
    struct gn_interest *interest = gn_interest_new(face, GN_STR(SYSTEMS), NULL, NULL);

    assert_non_null(interest);
    expect(interest, 0, is_again, want, 0);
    gn_interest_unref(interest);
}

static void a_v1_message_is_a_cloud_native_event(void **state)
{
    (void)state;
    expect_of_face(GN_FACE_V1, false,
                   "Content-Type: application/json\nGurnard-Event-Id: " ID "\n\n"
                   "{\"id\":\"sub-1\",\"type\":\"event.redfish.alert\",\"source\":\"" SYSTEMS
                   "\",\"dataContentType\":\"application/json\",\"time\":"
                   "\"2026-11-21T03:49:30.136201331Z\",\"data\":" DATA "}");
}

static void what_is_sent_again_says_so(void **state)
{
    (void)state;
    expect_of_face(GN_FACE_V1, true,
                   "Content-Type: application/json\nGurnard-Event-Id: " ID "\nGurnard-Replay: 1\n\n"
                   "{\"id\":\"sub-1\",\"type\":\"event.redfish.alert\",\"source\":\"" SYSTEMS
                   "\",\"dataContentType\":\"application/json\",\"time\":"
                   "\"2026-11-21T03:49:30.136201331Z\",\"data\":" DATA "}");
}

static void a_v2_message_is_a_cloudevent_in_orans_layout(void **state)
{
    (void)state;
    expect_of_face(GN_FACE_V2, false,
                   "Content-Type: application/json\nGurnard-Via: me\nGurnard-Event-Id: " ID "\n\n"
                   "{\"specversion\":\"1.0\",\"id\":\"" ID "\",\"source\":\"/redfish/v1/Systems\","
                   "\"type\":\"event.redfish.alert\",\"time\":\"2026-11-21T03:49:30.136201331Z\","
                   "\"data\":{\"version\":\"1.0\",\"values\":[{\"ResourceAddress\":"
                   "\"/redfish/v1/Systems\",\"data_type\":\"notification\",\"value_type\":"
                   "\"redfish-event\",\"value\":" VALUE "}]}}");
}

static void a_message_to_a_proxy_is_binary_0_3(void **state)
{
    (void)state;
    expect_of_face(GN_FACE_PEER, false,
                   "Ce-Id: " ID "\nCe-Source: " SYSTEMS
                   "\nCe-Specversion: 0.3\nCe-Subject: " SYSTEMS
                   "\nCe-Time: 2026-11-21T03:49:30.136201331Z\nCe-Type: event.redfish.alert\n"
                   "Content-Type: application/json\nGurnard-Via: me\nGurnard-Bmc: bmc-7\n"
                   "Gurnard-Event-Id: " ID "\n\n" DATA);
}

static void a_proxy_sees_the_address_as_it_spelled_it(void **state)
{
    struct gn_interest *interest = gn_interest_new(GN_FACE_PEER, GN_STR(SYSTEMS), NULL, NULL);

    (void)state;
    assert_true(gn_interest_spell(interest, GN_STR("/cluster/node/n1/redfish/event")));
    expect(interest, 0, false,
           "Ce-Id: " ID "\nCe-Source: /cluster/node/n1/redfish/event\nCe-Specversion: 0.3\n"
           "Ce-Subject: " SYSTEMS "\nCe-Time: 2026-11-21T03:49:30.136201331Z\n"
           "Ce-Type: event.redfish.alert\nContent-Type: application/json\nGurnard-Via: me\n"
           "Gurnard-Bmc: bmc-7\nGurnard-Event-Id: " ID "\n\n" DATA,
           0);
    gn_interest_unref(interest);
}

static void native_messages_are_one_for_each_record_that_passes(void **state)
{
    static const char spec[] =
        "{\"sink\":\"http://h/\",\"config\":{\"mode\":\"binary\",\"handshake\":\"try\"},"
        "\"filters\":[{\"exact\":{\"severity\":\"Critical\"}}],"
        "\"protocolsettings\":{\"headers\":{\"X-Key\":\"v\"}}}";
    struct gn_interest *interest = native(spec);
    struct gn_event *event = make_event();
    struct gn_shape_in in = {.interest = interest, .event = event, .sequence = 42, .via = "me"};
    struct gn_shaped shaped;
    char *text;

    (void)state;
    assert_int_equal(gn_shape(&in, &shaped), GN_OK); /* the first record does not pass */
    assert_int_equal(shaped.next_part, 2);
    text = told(&shaped);
    assert_non_null(strstr(text, "Ce-Specversion: 1.0\n"));
    assert_non_null(strstr(text, "Ce-Type: org.dmtf.redfish.event.Base.Disk\n"));
    assert_non_null(strstr(text, "Ce-Sequence: 00000000000000000042.0001\n"));
    assert_non_null(strstr(text, "Ce-Severitynumber: 17\n"));
    assert_non_null(strstr(text, "\nX-Key: v\n"));
    assert_non_null(strstr(text, "\nWebHook-Request-Origin: n1\n"));
    assert_string_equal(strstr(text, "\n\n") + 2, RECORD2);
    free(text);
    gn_shaped_fini(&shaped);
    in.part = 2;
    assert_int_equal(gn_shape(&in, &shaped), GN_OK);
    assert_int_equal(shaped.next_part, 0);
    text = told(&shaped);
    assert_string_equal(strstr(text, "\n\n") + 2, RECORD3);
    free(text);
    gn_shaped_fini(&shaped);
    gn_event_unref(event);
    gn_interest_unref(interest);
}

static void a_batch_holds_the_records_that_pass(void **state)
{
    struct gn_interest *interest = native("{\"sink\":\"http://h/\",\"config\":{\"mode\":\"batch\"},"
                                          "\"filters\":[{\"exact\":{\"severity\":\"Critical\"}}]}");
    struct gn_event *event = make_event();
    const struct gn_shape_in in = {.interest = interest, .event = event, .sequence = 42};
    struct gn_shaped shaped;
    json_t *batch;

    (void)state;
    assert_int_equal(gn_shape(&in, &shaped), GN_OK);
    assert_int_equal(shaped.next_part, 0);
    assert_string_equal(shaped.headers[0], "Content-Type: " GN_CE_TYPE_BATCH);
    batch = json_loadb(shaped.body[0].p, shaped.body[0].len, 0, NULL);
    assert_int_equal(json_array_size(batch), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(batch, 1), "type")),
                        "org.dmtf.redfish.event.Base.Dimm");
    json_decref(batch);
    gn_shaped_fini(&shaped);
    gn_event_unref(event);
    gn_interest_unref(interest);
}

static void what_nothing_passes_of_is_not_found(void **state)
{
    struct gn_interest *interest =
        native("{\"sink\":\"http://h/\",\"filters\":[{\"exact\":{\"severity\":\"Warning\"}}]}");
    struct gn_event *event = make_event();
    const struct gn_shape_in in = {.interest = interest, .event = event};
    struct gn_shaped shaped;

    (void)state;
    assert_int_equal(gn_shape(&in, &shaped), GN_ENOTFOUND);
    gn_shaped_fini(&shaped);
    gn_event_unref(event);
    gn_interest_unref(interest);
}

/* The longest list of headers that a subscription and an event can make together. */
static void the_most_headers_have_room(void **state)
{
    struct gn_buf spec = GN_BUF_INIT, attributes = GN_BUF_INIT;
    struct gn_interest *interest;
    struct gn_event *event;
    struct gn_shaped shaped;
    size_t count = 0;

    (void)state;
    gn_buf_puts(&spec, "{\"sink\":\"http://h/\",\"config\":{\"mode\":\"binary\",\"handshake\":"
                       "\"required\"},\"protocolsettings\":{\"headers\":{");
    for (int i = 0; i < GN_NATIVE_HEADERS_MAX; i++)
        gn_buf_printf(&spec, "%s\"X-%d\":\"v\"", i == 0 ? "" : ",", i);
    gn_buf_puts(&spec, "}}}");
    gn_buf_puts(&attributes, "{\"subject\":\"s\",\"dataschema\":\"http://h/s\"");
    for (int i = 0; i < GN_CE_EXTENSIONS_MAX; i++)
        gn_buf_printf(&attributes, ",\"ext%d\":\"v\"", i);
    gn_buf_putc(&attributes, '}');
    interest = native(spec.data);
    event = gn_event_new(&(struct gn_event_parts){.id = {ID},
                                                  .type = GN_STR("t"),
                                                  .source = GN_STR("/s"),
                                                  .resource = GN_STR("/s"),
                                                  .data = GN_STR("{}"),
                                                  .origin = GN_STR("b"),
                                                  .attributes = gn_buf_str(&attributes),
                                                  .flags = GN_EVENT_PLAIN});
    assert_int_equal(gn_shape(&(struct gn_shape_in){.interest = interest,
                                                    .event = event,
                                                    .sequence = 1,
                                                    .via = "me",
                                                    .is_again = true},
                              &shaped),
                     GN_OK);
    while (shaped.headers[count] != NULL)
        count++;
    assert_in_range(count, GN_CE_EXTENSIONS_MAX + GN_NATIVE_HEADERS_MAX, GN_SHAPE_HEADERS_MAX);
    gn_shaped_fini(&shaped);
    gn_event_unref(event);
    gn_interest_unref(interest);
    gn_buf_free(&spec);
    gn_buf_free(&attributes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_v1_message_is_a_cloud_native_event),
        cmocka_unit_test(what_is_sent_again_says_so),
        cmocka_unit_test(a_v2_message_is_a_cloudevent_in_orans_layout),
        cmocka_unit_test(a_message_to_a_proxy_is_binary_0_3),
        cmocka_unit_test(a_proxy_sees_the_address_as_it_spelled_it),
        cmocka_unit_test(native_messages_are_one_for_each_record_that_passes),
        cmocka_unit_test(a_batch_holds_the_records_that_pass),
        cmocka_unit_test(what_nothing_passes_of_is_not_found),
        cmocka_unit_test(the_most_headers_have_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
