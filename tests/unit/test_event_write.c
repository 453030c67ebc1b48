#include "gurnard/redfish/event_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/base/text.h"

#define ARENA_BYTES ((size_t)8 << 20)
#define BODY_BYTES  ((size_t)4 << 20)

struct fixture {
    struct gn_arena arena;
    struct gn_redfish_payload payload;
    struct gn_buf out;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.out = GN_BUF_INIT};
    gn_arena_init(&fixture.arena, ARENA_BYTES);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    gn_arena_fini(&fx->arena);
    gn_buf_free(&fx->out);
    return 0;
}

static void scan(struct fixture *fx, struct gn_str body)
{
    gn_arena_fini(&fx->arena);
    assert_int_equal(gn_redfish_scan(body, BODY_BYTES, &fx->arena, &fx->payload, NULL), GN_OK);
    assert_true(fx->payload.event_count > 0);
}

/* What is written of the first event of body. */
static const char *written(struct fixture *fx, const char *body,
                           const struct gn_redfish_fill *fills)
{
    scan(fx, gn_str_of(body));
    gn_buf_reset(&fx->out);
    gn_redfish_write_v1(&fx->payload.events[0], fills, &fx->out);
    assert_int_equal(gn_buf_err(&fx->out), GN_OK);
    return fx->out.data;
}

/* Scans {"Events":{members}} and expects that record: {"Events":[{want}]}. */
static void assert_record(struct fixture *fx, const char *members,
                          const struct gn_redfish_fill *fill, const char *want)
{
    char body[1024], whole[1024];

    (void)snprintf(body, sizeof body, "{\"Events\":{%s}}", members);
    (void)snprintf(whole, sizeof whole, "{\"Events\":[{%s}]}", want);
    assert_string_equal(written(fx, body, fill), whole);
}

struct row {
    const char *given, *want;
};

static void assert_records(struct fixture *fx, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_record(fx, rows[i].given, NULL, rows[i].want);
}

/* The expected files were made from the table of the consumers' structs by another program. */
static void each_vendor_shape_becomes_what_v1_consumers_decode(void **state)
{
    static const char *const files[] = {"idrac8", "idrac9",      "idrac10", "ilo5",    "openbmc",
                                        "ami_zt", "ome_modular", "rie",     "emulator"};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(files); i++) {
        struct gn_buf body = GN_BUF_INIT, want = GN_BUF_INIT;
        char path[512];

        (void)snprintf(path, sizeof path, "%s/redfish/%s.json", GN_TEST_DATA, files[i]);
        assert_int_equal(gn_file_read(path, BODY_BYTES, &body), GN_OK);
        (void)snprintf(path, sizeof path, "%s/redfish_v1/%s.json", GN_TEST_DATA, files[i]);
        assert_int_equal(gn_file_read(path, BODY_BYTES, &want), GN_OK);
        scan(fx, gn_buf_str(&body));
        gn_buf_reset(&fx->out);
        gn_redfish_write_v1(&fx->payload.events[0], NULL, &fx->out);
        gn_buf_putc(&fx->out, '\n'); /* files end with one */
        assert_string_equal(fx->out.data, want.data);
        gn_buf_free(&body);
        gn_buf_free(&want);
    }
}

static void envelope_members_come_in_their_fixed_order(void **state)
{
    struct fixture *fx = *state;

    assert_string_equal(
        written(fx,
                "{\"NAME\":\"n\",\"z\":1,\"id\":\"i\",\"Events\":[{\"EventGroupId\":1}],\"a\":2,"
                "\"@odata.type\":\"t\",\"Oem\":{},\"Description\":\"d\",\"Context\":\"c\","
                "\"Actions\":{},\"@odata.context\":\"o\"}",
                NULL),
        "{\"@odata.context\":\"o\",\"Actions\":{},\"Context\":\"c\",\"Description\":\"d\","
        "\"Oem\":{},\"@odata.type\":\"t\",\"Events\":[{\"EventGroupId\":1}],\"Id\":\"i\","
        "\"Name\":\"n\",\"z\":1,\"a\":2}");
}

static void record_members_come_in_their_fixed_order(void **state)
{
    struct fixture *fx = *state;

    assert_record(fx,
                  "\"z\":1,\"EventType\":\"t\",\"MemberId\":\"m\",\"MessageId\":\"i\","
                  "\"Resolution\":\"r\",\"Severity\":\"s\",\"OriginOfCondition\":\"o\",\"Oem\":{},"
                  "\"MessageArgs\":[\"a\"],\"Message\":\"x\",\"EventTimestamp\":\"w\","
                  "\"eventid\":\"e\",\"EventGroupId\":3,\"Context\":\"c\",\"Actions\":{},\"a\":2",
                  NULL,
                  "\"Actions\":{},\"Context\":\"c\",\"EventGroupId\":3,\"EventId\":\"e\","
                  "\"EventTimestamp\":\"w\",\"Message\":\"x\",\"MessageArgs\":[\"a\"],\"Oem\":{},"
                  "\"OriginOfCondition\":\"o\",\"Severity\":\"s\",\"Resolution\":\"r\","
                  "\"MessageId\":\"i\",\"MemberId\":\"m\",\"EventType\":\"t\",\"z\":1,\"a\":2");
}

static void message_severity_keeps_its_place_among_the_unknown(void **state)
{
    static const struct row rows[] = {
        {"\"messageseverity\":\"OK\"", "\"EventGroupId\":0,\"MessageSeverity\":\"OK\""},
        {"\"MessageSeverity\":\"OK\",\"a\":1,\"b\":2",
         "\"EventGroupId\":0,\"MessageSeverity\":\"OK\",\"a\":1,\"b\":2"},
        {"\"a\":1,\"MessageSeverity\":\"OK\",\"b\":2",
         "\"EventGroupId\":0,\"a\":1,\"MessageSeverity\":\"OK\",\"b\":2"},
        {"\"a\":1,\"b\":2,\"MessageSeverity\":\"OK\",\"EventType\":\"t\"",
         "\"EventGroupId\":0,\"EventType\":\"t\",\"a\":1,\"b\":2,\"MessageSeverity\":\"OK\""},
        {"\"a\":1,\"MessageSeverity\":null", "\"EventGroupId\":0,\"a\":1"},
    };

    assert_records(*state, rows, GN_LEN(rows));
}

static void absent_null_and_empty_members_are_left_out(void **state)
{
    static const struct row rows[] = {
        {"", "\"EventGroupId\":0"},
        {"\"Actions\":null,\"Context\":null,\"EventId\":null,\"Message\":null,\"MessageArgs\":null,"
         "\"Oem\":null,\"OriginOfCondition\":null,\"EventGroupId\":null",
         "\"EventGroupId\":0"},
        {"\"Context\":\"\",\"EventId\":\"\",\"EventTimestamp\":\"\",\"Message\":\"\","
         "\"MessageArgs\":\"\",\"Severity\":\"\",\"Resolution\":\"\",\"MessageId\":\"\","
         "\"MemberId\":\"\",\"EventType\":\"\"",
         "\"EventGroupId\":0"},
        {"\"MessageArgs\":[ ]", "\"EventGroupId\":0"},
        {"\"x\":null,\"y\":\"\",\"z\":[]", "\"EventGroupId\":0,\"x\":null,\"y\":\"\",\"z\":[]"},
        {"\"Oem\":{},\"Actions\":{ },\"OriginOfCondition\":\"\"",
         "\"Actions\":{},\"EventGroupId\":0,\"Oem\":{},\"OriginOfCondition\":\"\""},
    };

    assert_records(*state, rows, GN_LEN(rows));
}

static void string_members_become_strings(void **state)
{
    static const struct row rows[] = {
        {"\"EventId\":2162", "\"EventGroupId\":0,\"EventId\":\"2162\""},
        {"\"MemberId\":-1.50e2", "\"EventGroupId\":0,\"MemberId\":\"-1.50e2\""},
        {"\"Severity\":true", "\"EventGroupId\":0,\"Severity\":\"true\""},
        {"\"Message\":false", "\"EventGroupId\":0,\"Message\":\"false\""},
        {"\"MessageId\":[ \"a\\n\", 1 ]",
         "\"EventGroupId\":0,\"MessageId\":\"[\\\"a\\\\n\\\",1]\""},
        {"\"Context\":{ \"k\" : { } }", "\"Context\":\"{\\\"k\\\":{}}\",\"EventGroupId\":0"},
    };

    assert_records(*state, rows, GN_LEN(rows));
}

static void envelope_strings_become_strings_too(void **state)
{
    struct fixture *fx = *state;

    assert_string_equal(
        written(fx, "{\"Id\":12,\"Name\":[1, 2],\"Context\":true,\"Oem\":5,\"Events\":[]}", NULL),
        "{\"Context\":\"true\",\"Oem\":5,\"Id\":\"12\",\"Name\":\"[1,2]\"}");
}

static void message_args_become_an_array_of_strings(void **state)
{
    static const struct row rows[] = {
        {"\"MessageArgs\":[\"a\" , 1, true,false, null , { \"k\" : 1 }, [ 2 ],\"\"]",
         "\"EventGroupId\":0,\"MessageArgs\":[\"a\",\"1\",\"true\",\"false\",\"\","
         "\"{\\\"k\\\":1}\",\"[2]\",\"\"]"},
        {"\"MessageArgs\":\"Inlet\"", "\"EventGroupId\":0,\"MessageArgs\":[\"Inlet\"]"},
        {"\"MessageArgs\":42", "\"EventGroupId\":0,\"MessageArgs\":[\"42\"]"},
        {"\"MessageArgs\":{\"a\": 1}", "\"EventGroupId\":0,\"MessageArgs\":[\"{\\\"a\\\":1}\"]"},
    };

    assert_records(*state, rows, GN_LEN(rows));
}

static void all_message_args_are_passed_on(void **state)
{
    struct fixture *fx = *state;
    struct gn_buf body = GN_BUF_INIT, want = GN_BUF_INIT;

    gn_buf_puts(&body, "{\"Events\":{\"MessageArgs\":[0");
    gn_buf_puts(&want, "{\"Events\":[{\"EventGroupId\":0,\"MessageArgs\":[\"0\"");
    for (unsigned i = 1; i < 2 * GN_REDFISH_ARGS_MAX; i++) {
        gn_buf_printf(&body, ",%u", i);
        gn_buf_printf(&want, ",\"%u\"", i);
    }
    gn_buf_puts(&body, "]}}");
    gn_buf_puts(&want, "]}]}");
    assert_string_equal(written(fx, body.data, NULL), want.data);
    gn_buf_free(&body);
    gn_buf_free(&want);
}

static void event_group_id_is_an_integer(void **state)
{
    static const struct row rows[] = {
        {"\"EventGroupId\":7", "\"EventGroupId\":7"},
        {"\"EventGroupId\":-7", "\"EventGroupId\":-7"},
        {"\"EventGroupId\":9223372036854775807", "\"EventGroupId\":9223372036854775807"},
        {"\"EventGroupId\":9223372036854775808", "\"EventGroupId\":0"},
        {"\"EventGroupId\":\"7\"", "\"EventGroupId\":0"},
        {"\"EventGroupId\":7.0", "\"EventGroupId\":0"},
        {"\"EventGroupId\":1e2", "\"EventGroupId\":0"},
        {"\"EventGroupId\":true", "\"EventGroupId\":0"},
        {"\"EventGroupId\":[7]", "\"EventGroupId\":0"},
    };

    assert_records(*state, rows, GN_LEN(rows));
}

static void raw_members_keep_their_bytes_without_white_space(void **state)
{
    static const struct row rows[] = {
        {"\"Oem\":{ \"b\" : 123456789012345678 ,\n \"a\" : [ 1.50 , \"x  y\\u003c\" ] }",
         "\"EventGroupId\":0,\"Oem\":{\"b\":123456789012345678,\"a\":[1.50,\"x  y\\u003c\"]}"},
        {"\"OriginOfCondition\":{ \"@odata.id\": \"/x\" }",
         "\"EventGroupId\":0,\"OriginOfCondition\":{\"@odata.id\":\"/x\"}"},
        {"\"OriginOfCondition\":5", "\"EventGroupId\":0,\"OriginOfCondition\":5"},
        {"\"Actions\":[ 1 ]", "\"Actions\":[1],\"EventGroupId\":0"},
        {"\"k\\u0041\":{ \"LogEntry\": 1 }", "\"EventGroupId\":0,\"k\\u0041\":{\"LogEntry\":1}"},
        {"\"Message\":\"a\\/b \\\" <&> \\u00e9\"",
         "\"EventGroupId\":0,\"Message\":\"a\\/b \\\" <&> \\u00e9\""},
    };

    assert_records(*state, rows, GN_LEN(rows));
}

static void no_records_means_no_events_member(void **state)
{
    static const struct row rows[] = {
        {"{\"Events\":[],\"Name\":\"n\"}", "{\"Name\":\"n\"}"},
        {"{\"Events\":null}", "{}"},
        {"{\"Events\":[1,null],\"x\":1}", "{\"x\":1}"},
        {"{\"@odata.type\":\"#Event.v1_0_0.Event\"}", "{\"@odata.type\":\"#Event.v1_0_0.Event\"}"},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_string_equal(written(fx, rows[i].given, NULL), rows[i].want);
}

static void a_bare_record_gets_an_envelope(void **state)
{
    struct fixture *fx = *state;

    assert_string_equal(written(fx,
                                "{\"Id\":\"1\",\"MessageID\":\"A\",\"Context\":\"c\","
                                "\"Oem\":{\"a\":1}}",
                                NULL),
                        "{\"Events\":[{\"Context\":\"c\",\"EventGroupId\":0,\"Oem\":{\"a\":1},"
                        "\"MessageId\":\"A\",\"Id\":\"1\"}]}");
}

static void every_record_is_written(void **state)
{
    struct fixture *fx = *state;

    assert_string_equal(written(fx, "{\"Events\":[{\"EventId\":\"1\"},{},{\"EventId\":\"3\"}]}",
                                NULL),
                        "{\"Events\":[{\"EventGroupId\":0,\"EventId\":\"1\"},{\"EventGroupId\":0},"
                        "{\"EventGroupId\":0,\"EventId\":\"3\"}]}");
}

static void a_fill_replaces_what_the_record_had(void **state)
{
    static const struct {
        const char *given;
        struct gn_redfish_fill fill;
        const char *want;
    } rows[] = {
        {"\"MessageId\":\"A\"",
         {{"He said \"x\"\n", 12}, {"Warning", 7}, {"None.", 5}},
         "\"EventGroupId\":0,\"Message\":\"He said \\\"x\\\"\\n\",\"Severity\":\"Warning\","
         "\"Resolution\":\"None.\",\"MessageId\":\"A\""},
        {"\"Message\":\"old\",\"Severity\":\"OK\",\"Resolution\":\"old\",\"MessageSeverity\":"
         "\"OK\"",
         {{"new", 3}, {"Critical", 8}, {"new", 3}},
         "\"EventGroupId\":0,\"Message\":\"new\",\"Severity\":\"Critical\",\"Resolution\":\"new\","
         "\"MessageSeverity\":\"OK\""},
        {"\"Message\":\"old\",\"Severity\":\"OK\"",
         {{NULL, 0}, {NULL, 0}, {"new", 3}},
         "\"EventGroupId\":0,\"Message\":\"old\",\"Severity\":\"OK\",\"Resolution\":\"new\""},
        {"\"Message\":\"old\"", {{"", 0}, {NULL, 0}, {NULL, 0}}, "\"EventGroupId\":0"},
        {"\"Message\":\"old\"",
         {{"\xFFx", 2}, {NULL, 0}, {NULL, 0}},
         "\"EventGroupId\":0,\"Message\":\"\xEF\xBF\xBDx\""},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_record(fx, rows[i].given, &rows[i].fill, rows[i].want);
}

static void each_record_has_its_own_fill(void **state)
{
    const struct gn_redfish_fill fills[] = {{.message = GN_STR("one")}, {.message = GN_STR_NONE}};
    struct fixture *fx = *state;

    assert_string_equal(written(fx, "{\"Events\":[{\"Message\":\"a\"},{\"Message\":\"b\"}]}",
                                fills),
                        "{\"Events\":[{\"EventGroupId\":0,\"Message\":\"one\"},"
                        "{\"EventGroupId\":0,\"Message\":\"b\"}]}");
}

#define BAD "\xEF\xBF\xBD"

static void invalid_utf8_is_replaced_everywhere(void **state)
{
    static const struct row rows[] = {
        {"\"Message\":\"42 \xB0 C \xC3\xA9\"",
         "\"EventGroupId\":0,\"Message\":\"42 " BAD " C \xC3\xA9\""},
        {"\"Message\":\"cut \xE2\x82\"", "\"EventGroupId\":0,\"Message\":\"cut " BAD BAD "\""},
        {"\"Oem\":{ \"k\xFF\":[\"\xC0\x80\"] }",
         "\"EventGroupId\":0,\"Oem\":{\"k" BAD "\":[\"" BAD BAD "\"]}"},
        {"\"x\xF5\":\"\xED\xA0\x80\"", "\"EventGroupId\":0,\"x" BAD "\":\"" BAD BAD BAD "\""},
        {"\"MessageArgs\":[\"\xFE\",{\"a\": \"\xFE\"}]",
         "\"EventGroupId\":0,\"MessageArgs\":[\"" BAD "\",\"{\\\"a\\\":\\\"" BAD "\\\"}\"]"},
        {"\"MessageId\":[\"\xFE\"]", "\"EventGroupId\":0,\"MessageId\":\"[\\\"" BAD "\\\"]\""},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_record(fx, rows[i].given, NULL, rows[i].want);
        assert_true(gn_text_is_utf8(gn_buf_str(&fx->out)));
    }
}

static void the_object_is_appended(void **state)
{
    struct fixture *fx = *state;

    scan(fx, GN_STR("{\"Events\":[],\"Id\":\"1\"}"));
    gn_buf_puts(&fx->out, "\"value\":");
    gn_redfish_write_v1(&fx->payload.events[0], NULL, &fx->out);
    assert_string_equal(fx->out.data, "\"value\":{\"Id\":\"1\"}");
}

static void white_space_does_not_count_against_the_limit(void **state)
{
    static const char body[] = "{\"Id\":\"1\",\"Events\":[                                  ]}";
    struct fixture *fx = *state;
    struct gn_buf tight = gn_buf_with_limit(sizeof "{\"Id\":\"1\"}" - 1);

    scan(fx, GN_STR(body));
    gn_redfish_write_v1(&fx->payload.events[0], NULL, &tight);
    assert_int_equal(gn_buf_err(&tight), GN_OK);
    assert_string_equal(tight.data, "{\"Id\":\"1\"}");
    gn_buf_free(&tight);
}

static void a_full_buffer_keeps_its_failure(void **state)
{
    static const char *const bodies[] = {
        "{\"Events\":[{\"MessageId\":\"A\",\"MessageArgs\":[1,\"b\"]}]}",
        "{\"Events\":[{\"MessageId\":[\"A\"]}]}",
        "{\"Events\":[{\"MessageId\":\"\xFF\"}]}",
        "{\"Events\":[{\"MessageId\":[\"\xFF\"]}]}",
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        const size_t full = strlen(written(fx, bodies[i], NULL));

        for (size_t limit = 0; limit < full; limit++) {
            struct gn_buf small = gn_buf_with_limit(limit);

            gn_redfish_write_v1(&fx->payload.events[0], NULL, &small);
            assert_int_equal(gn_buf_err(&small), GN_ELIMIT);
            gn_buf_free(&small);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_vendor_shape_becomes_what_v1_consumers_decode),
        TEST(envelope_members_come_in_their_fixed_order),
        TEST(record_members_come_in_their_fixed_order),
        TEST(message_severity_keeps_its_place_among_the_unknown),
        TEST(absent_null_and_empty_members_are_left_out),
        TEST(string_members_become_strings),
        TEST(envelope_strings_become_strings_too),
        TEST(message_args_become_an_array_of_strings),
        TEST(all_message_args_are_passed_on),
        TEST(event_group_id_is_an_integer),
        TEST(raw_members_keep_their_bytes_without_white_space),
        TEST(no_records_means_no_events_member),
        TEST(a_bare_record_gets_an_envelope),
        TEST(every_record_is_written),
        TEST(a_fill_replaces_what_the_record_had),
        TEST(each_record_has_its_own_fill),
        TEST(invalid_utf8_is_replaced_everywhere),
        TEST(the_object_is_appended),
        TEST(white_space_does_not_count_against_the_limit),
        TEST(a_full_buffer_keeps_its_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
