/* CloudNativeEvents: the bodies written, the requests read, and the error texts of the v1 API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/json_scan.h"
#include "gurnard/ce/cne.h"

#include "cne_priv.h"

static const struct gn_json_limits limits = {
    .max_bytes = 1 << 20, .max_depth = 32, .max_tokens = 4096, .repair_utf8 = true};

static void assert_str(struct gn_str got, const char *want)
{
    if (got.len != strlen(want) || memcmp(got.p != NULL ? got.p : "", want, got.len) != 0) {
        print_error("got  %.*s\nwant %s\n", (int)got.len, got.p, want);
        fail();
    }
}

static enum gn_err parse(const char *body, struct gn_cne_request *request, char *error)
{
    return gn_cne_parse(gn_str_of(body), &limits, request, error);
}

static struct gn_event *new_event(const char *source)
{
    const struct gn_event_parts parts = {
        .id = {"e1"},
        .type = GN_STR("event.redfish.alert"),
        .source = gn_str_of(source),
        .resource = GN_STR("/cluster/node/n1"),
        .data = GN_STR("{\"version\":\"v1\",\"values\":[]}"),
        .time_ns = 0,
    };

    return gn_event_new(&parts);
}

/* ---- writing ---- */

static void the_parts_of_a_body_join_to_the_v1_event(void **state)
{
    struct gn_event *ev = new_event("/s");
    struct gn_str parts[GN_CNE_BODY_PARTS];
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_cne_body(ev, GN_STR("sub-1"), parts);
    for (size_t i = 0; i < GN_LEN(parts); i++)
        gn_buf_add_str(&out, parts[i]);
    assert_str(gn_buf_str(&out),
               "{\"id\":\"sub-1\",\"type\":\"event.redfish.alert\",\"source\":\"/s\","
               "\"dataContentType\":\"application/json\",\"time\":\"1970-01-01T00:00:00Z\","
               "\"data\":{\"version\":\"v1\",\"values\":[]}}");
    assert_int_equal(gn_json_check(gn_buf_str(&out), &limits), GN_OK);
    gn_buf_free(&out);
    gn_event_unref(ev);
}

static void the_structured_form_has_its_members_in_order(void **state)
{
    static const struct {
        const char *source, *subject;
    } rows[] = {{"/s", "\"subject\":\"/s\","}, {"", ""}};
    char want[512];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event *ev = new_event(rows[i].source);
        struct gn_buf out = GN_BUF_INIT;

        (void)snprintf(want, sizeof want,
                       "{\"specversion\":\"0.3\",\"id\":\"e1\",\"source\":\"/cluster/node/n1\","
                       "\"type\":\"event.redfish.alert\",%s\"datacontenttype\":"
                       "\"application/json\",\"time\":\"1970-01-01T00:00:00Z\","
                       "\"data\":{\"version\":\"v1\",\"values\":[]}}",
                       rows[i].subject);
        gn_cne_structured(ev, &out);
        assert_str(gn_buf_str(&out), want);
        gn_buf_free(&out);
        gn_event_unref(ev);
    }
}

static void redfish_data_holds_one_notification(void **state)
{
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_cne_redfish_data(GN_STR("/redfish/v1/Systems"), GN_STR("{\"Id\":\"1\"}"), &out);
    assert_str(gn_buf_str(&out),
               "{\"version\":\"v1\",\"values\":[{\"resource\":\"/redfish/v1/Systems\","
               "\"dataType\":\"notification\",\"valueType\":\"redfish-event\","
               "\"value\":{\"Id\":\"1\"}}]}");
    gn_buf_free(&out);
}

static void only_ids_without_escapes_are_plain(void **state)
{
    static const struct {
        struct gn_str id;
        bool is_plain;
    } rows[] = {
        {GN_STR_INIT("789be75d-7ac3-472e-bbbc-6d62878aad4a"), true},
        {GN_STR_INIT("../x"), true},
        {GN_STR_INIT("n\xC3\xB6"), true},
        {GN_STR_INIT(""), true},
        {GN_STR_INIT("a\"b"), false},
        {GN_STR_INIT("a\\b"), false},
        {GN_STR_INIT("a\nb"), false},
        {GN_STR_INIT("a\0b"), false},
        {GN_STR_INIT("a\xFF"), false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_cne_id_is_plain(rows[i].id), rows[i].is_plain);
}

/* ---- reading ---- */

static void a_full_request_is_read(void **state)
{
    const char *body =
        " { \"id\" : \"p1\", \"type\":\"event.sync\",\"source\":\"/c/n\",\n"
        "\"dataContentType\":\"application/json\",\"dataSchema\":\"http://s\","
        "\"time\":\"2026-11-21T03:49:30.136201331Z\", \"other\":[1,{}],"
        "\"data\": {\"extra\":1, \"values\" : [ {\"x\":2,\"value\":\"LOCKED\","
        "\"valueType\":\"enumeration\",\"dataType\":\"notification\",\"resource\":\"/r\"} ,"
        "{\"resource\":\"/r\",\"dataType\":\"metric\",\"valueType\":\"decimal64.3\","
        "\"value\":\"100.30\"} ] , \"version\":\"v1\"} } ";
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    assert_int_equal(parse(body, &r, error), GN_OK);
    assert_string_equal(error, "");
    assert_str(r.id, "p1");
    assert_str(r.type, "event.sync");
    assert_str(r.source, "/c/n");
    assert_str(r.data_schema, "http://s");
    assert_int_equal(r.time_ns, INT64_C(1795232970136201331));
    assert_str(gn_buf_str(&r.data),
               "{\"version\":\"v1\",\"values\":[{\"resource\":\"/r\",\"dataType\":\"notification\","
               "\"valueType\":\"enumeration\",\"value\":\"LOCKED\"},{\"resource\":\"/r\","
               "\"dataType\":\"metric\",\"valueType\":\"decimal64.3\",\"value\":\"100.3\"}]}");
    gn_cne_request_fini(&r);
}

static void what_is_not_there_is_absent(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "null",
        "{\"ID\":\"x\",\"Data\":{}}", /* v1 compares names in their case */
        "{\"id\":null,\"type\":null,\"source\":null,\"time\":null,\"dataSchema\":null,"
        "\"data\":null}",
        "{\"time\":\"\"}",
    };
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < GN_LEN(bodies); i++) {
        assert_int_equal(parse(bodies[i], &r, error), GN_OK);
        assert_null(r.id.p);
        assert_null(r.type.p);
        assert_null(r.source.p);
        assert_null(r.data_schema.p);
        assert_int_equal(r.time_ns, 0);
        assert_int_equal(r.data.len, 0);
        gn_cne_request_fini(&r);
    }
}

static void escapes_are_resolved(void **state)
{
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    assert_int_equal(parse("{\"\\u0069d\":\"a\\\"b\",\"type\":\"x\\u00f6y\",\"source\":\"\\/c\","
                           "\"dataSchema\":\"\\ud83d\\ude00\"}",
                           &r, error),
                     GN_OK);
    assert_str(r.id, "a\"b");
    assert_str(r.type, "x\xC3\xB6y");
    assert_str(r.source, "/c");
    assert_str(r.data_schema, "\xF0\x9F\x98\x80");
    gn_cne_request_fini(&r);
}

static void of_members_given_twice_the_last_counts(void **state)
{
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    assert_int_equal(parse("{\"id\":\"a\",\"data\":{\"version\":\"1\"},\"id\":\"b\","
                           "\"data\":{\"version\":\"2\"}}",
                           &r, error),
                     GN_OK);
    assert_str(r.id, "b");
    assert_str(gn_buf_str(&r.data), "{\"version\":\"2\",\"values\":[]}");
    gn_cne_request_fini(&r);
}

/* Parses a request with one value of the given type and returns its re-encoded text. */
static enum gn_err parse_value(const char *type, const char *value, struct gn_cne_request *r,
                               char *error)
{
    char body[2048];

    (void)snprintf(body, sizeof body, "{\"data\":{\"values\":[{\"valueType\":%s%s%s}]}}", type,
                   value != NULL ? ",\"value\":" : "", value != NULL ? value : "");
    return parse(body, r, error);
}

static void values_are_written_as_consumers_decode_them(void **state)
{
    static const struct {
        const char *type, *value, *want;
    } rows[] = {
        {"\"decimal64.3\"", "100.30", "\"100.3\""},
        {"\"decimal64.3\"", "\"100.30\"", "\"100.3\""},
        {"\"decimal64.3\"", "-0.5e1", "\"-5\""},
        {"\"decimal64\\u002e3\"", "7", "\"7\""},
        {"\"enumeration\"", "\"FREE\\u0052UN\"", "\"FREE\\u0052UN\""},
        {"\"enumeration\"", "3.50", "\"3.50\""},
        {"\"redfish-event\"", "{ \"Events\" : [ 1.50 , \"a b\" ] }", "{\"Events\":[1.50,\"a b\"]}"},
        {"\"redfish-event\"", "\"text\"", "\"text\""},
        {"\"redfish-event\"", "null", "null"},
        {"\"redfish-event\"", NULL, "null"},
    };
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];
    char want[512];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(parse_value(rows[i].type, rows[i].value, &r, error), GN_OK);
        (void)snprintf(want, sizeof want,
                       "{\"version\":\"\",\"values\":[{\"resource\":\"\",\"dataType\":\"\","
                       "\"valueType\":%s,\"value\":%s}]}",
                       rows[i].type, rows[i].want);
        assert_str(gn_buf_str(&r.data), want);
        gn_cne_request_fini(&r);
    }
}

static void a_value_that_does_not_fit_its_type_is_refused(void **state)
{
    static const struct {
        const char *type, *value, *want;
    } rows[] = {
        {"\"weird\"", "1", "value type weird is not supported"},
        {"\"w\\u0065ird\"", "1", "value type weird is not supported"},
        {"\"\"", "1", "value type  is not supported"},
        {"null", "1", "value type  is not supported"},
        {"\"Enumeration\"", "1", "value type Enumeration is not supported"},
        {"\"decimal64.3\"", "\"abc\"", "strconv.ParseFloat: parsing \"abc\": invalid syntax"},
        {"\"decimal64.3\"", "\"\"", "strconv.ParseFloat: parsing \"\": invalid syntax"},
        {"\"decimal64.3\"", "\"0x10\"", "strconv.ParseFloat: parsing \"0x10\": invalid syntax"},
        {"\"decimal64.3\"", "1e999", "strconv.ParseFloat: parsing \"1e999\": value out of range"},
        {"\"decimal64.3\"", "true", "value of value type decimal64.3 must be a number or a string"},
        {"\"decimal64.3\"", NULL, "value of value type decimal64.3 must be a number or a string"},
        {"\"enumeration\"", "{}", "value of value type enumeration must be a string"},
        {"\"enumeration\"", NULL, "value of value type enumeration must be a string"},
    };
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(parse_value(rows[i].type, rows[i].value, &r, error), GN_EINVAL);
        assert_string_equal(error, rows[i].want);
        assert_null(r.data.data); /* nothing to free */
    }
}

static void a_time_that_is_not_rfc_3339_is_refused(void **state)
{
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    assert_int_equal(parse("{\"time\":\"garbage\"}", &r, error), GN_EINVAL);
    assert_string_equal(error, "cannot convert \"garbage\" to time.Time: not in RFC3339 format");
    assert_int_equal(parse("{\"time\":\"2021-07-13T15:07:59+0300\"}", &r, error), GN_EINVAL);
}

static void a_long_text_is_cut_in_the_error_between_characters(void **state)
{
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];
    char body[1024] = "{\"time\":\"x";

    (void)state;
    for (int i = 0; i < 300; i++)
        (void)strcat(body, "\xC3\xB6");
    (void)strcat(body, "\"}");
    assert_int_equal(parse(body, &r, error), GN_EINVAL);
    assert_non_null(strstr(error, "\xB6\" to time.Time: not in RFC3339 format"));
    assert_true(strlen(error) < 220);
}

static void a_member_of_another_type_is_refused(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"[]", "ReadObject: expect { or , or } or n, but found ["},
        {"5", "ReadObject: expect { or , or } or n, but found 5"},
        {"{\"id\":5}", "ReadString: expects \" or n, but found 5"},
        {"{\"source\":[]}", "ReadString: expects \" or n, but found ["},
        {"{\"time\":true}", "ReadString: expects \" or n, but found t"},
        {"{\"data\":[]}", "ReadObject: expect { or , or } or n, but found ["},
        {"{\"data\":{\"version\":1}}", "ReadString: expects \" or n, but found 1"},
        {"{\"data\":{\"values\":{}}}", "ReadArray: expect [ or , or ] or n, but found {"},
        {"{\"data\":{\"values\":[1]}}", "ReadObject: expect { or , or } or n, but found 1"},
        {"{\"data\":{\"values\":[{\"resource\":1}]}}", "ReadString: expects \" or n, but found 1"},
    };
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(parse(rows[i].body, &r, error), GN_EPARSE);
        assert_string_equal(error, rows[i].want);
    }
}

static void what_is_not_json_is_explained_as_go_does(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"", "unexpected end of JSON input"},
        {" ", "unexpected end of JSON input"},
        {"{", "unexpected end of JSON input"},
        {"{\"a\":1", "unexpected end of JSON input"},
        {"{\"a\":\"b", "unexpected end of JSON input"},
        {"\"\\", "unexpected end of JSON input"},
        {"\"\\u12", "unexpected end of JSON input"},
        {"tru", "unexpected end of JSON input"},
        {"[1,", "unexpected end of JSON input"},
        {"-", "unexpected end of JSON input"},
        {"xyz", "invalid character 'x' looking for beginning of value"},
        {"{\"a\":}", "invalid character '}' looking for beginning of value"},
        {"[1, ]", "invalid character ']' looking for beginning of value"},
        {"[}", "invalid character '}' looking for beginning of value"},
        {"{]", "invalid character ']' looking for beginning of object key string"},
        {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
        {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
        {"{\"a\" 1}", "invalid character '1' after object key"},
        {"{\"a\\\"\" 1}", "invalid character '1' after object key"},
        {"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
        {"{\"a\":{} ]", "invalid character ']' after object key:value pair"},
        {"[1 2]", "invalid character '2' after array element"},
        {"[[1}", "invalid character '}' after array element"},
        {"{} x", "invalid character 'x' after top-level value"},
        {"01", "invalid character '1' after top-level value"},
        {"truex", "invalid character 'x' after top-level value"},
        {"\"a\nb\"", "invalid character '\\n' in string literal"},
        {"{\"a\x01\":1}", "invalid character '\\x01' in string literal"},
        {"\"\\q\"", "invalid character 'q' in string escape code"},
        {"\"\\'\"", "invalid character '\\'' in string escape code"},
        {"\"\\u12G4\"", "invalid character 'G' in \\u hexadecimal character escape"},
        {"\"\xFF\"", "invalid UTF-8 in string literal"},
        {"-x", "invalid character 'x' in numeric literal"},
        {"[1.]", "invalid character ']' after decimal point in numeric literal"},
        {"[1e]", "invalid character ']' in exponent of numeric literal"},
        {"[1.5e+x]", "invalid character 'x' in exponent of numeric literal"},
        {"[trux]", "invalid character 'x' in literal true (expecting 'e')"},
        {"[faLse]", "invalid character 'L' in literal false (expecting 'l')"},
        {"[no]", "invalid character 'o' in literal null (expecting 'u')"},
        {"\\", "invalid character '\\\\' looking for beginning of value"},
        {"\x7F", "invalid character '\\x7f' looking for beginning of value"},
        {"\x85", "invalid character '\\u0085' looking for beginning of value"},
        {"\xE4", "invalid character '\xC3\xA4' looking for beginning of value"},
    };
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(parse(rows[i].body, &r, error), GN_EPARSE);
        assert_string_equal(error, rows[i].want);
    }
}

static void limits_are_kept(void **state)
{
    static const struct {
        struct gn_json_limits limits;
    } rows[] = {
        {{.max_bytes = 5, .max_depth = 32, .max_tokens = 100}},
        {{.max_bytes = 500, .max_depth = 1, .max_tokens = 100}},
        {{.max_bytes = 500, .max_depth = 32, .max_tokens = 3}},
    };
    struct gn_cne_request r;
    char error[GN_CNE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_cne_parse(GN_STR("{\"id\":\"x\",\"data\":{\"values\":[]}}"),
                                      &rows[i].limits, &r, error),
                         GN_ELIMIT);
        assert_string_equal(error, "");
    }
}

static void decimals_take_their_shortest_form(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"0", "0"},
        {"-0", "-0"},
        {"1", "1"},
        {"+1", "1"},
        {".5", "0.5"},
        {"5.", "5"},
        {"100.30", "100.3"},
        {"0.1", "0.1"},
        {"0.3", "0.3"},
        {"-22", "-22"},
        {"123456", "123456"},
        {"999999", "999999"},
        {"120000", "120000"},
        {"1000000", "1e+06"},
        {"1234567", "1.234567e+06"},
        {"-37000000000", "-3.7e+10"},
        {"123456.789", "123456.789"},
        {"0.0001", "0.0001"},
        {"0.00012345", "0.00012345"},
        {"0.00001", "1e-05"},
        {"3.141592653589793", "3.141592653589793"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"123456789012345678", "1.2345678901234568e+17"},
        {"1e308", "1e+308"},
        {"5e-324", "5e-324"},
        {"1e-400", "0"},
        {"2.5E1", "25"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        assert_int_equal(gn_cne_add_decimal(gn_str_of(rows[i].text), &out), GN_OK);
        assert_str(gn_buf_str(&out), rows[i].want);
        gn_buf_free(&out);
    }
}

static void what_is_no_decimal_is_refused(void **state)
{
    static const char *const rows[] = {"",      " 1",  "1 ",  "x",     "-",     ".",   "1e",  "1e+",
                                       "1.5.2", "inf", "NaN", "0x1p3", "1_000", "--1", "1e5x"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        assert_int_equal(gn_cne_add_decimal(gn_str_of(rows[i]), &out), GN_EPARSE);
        gn_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_body_join_to_the_v1_event),
        cmocka_unit_test(the_structured_form_has_its_members_in_order),
        cmocka_unit_test(redfish_data_holds_one_notification),
        cmocka_unit_test(only_ids_without_escapes_are_plain),
        cmocka_unit_test(a_full_request_is_read),
        cmocka_unit_test(what_is_not_there_is_absent),
        cmocka_unit_test(escapes_are_resolved),
        cmocka_unit_test(of_members_given_twice_the_last_counts),
        cmocka_unit_test(values_are_written_as_consumers_decode_them),
        cmocka_unit_test(a_value_that_does_not_fit_its_type_is_refused),
        cmocka_unit_test(a_time_that_is_not_rfc_3339_is_refused),
        cmocka_unit_test(a_long_text_is_cut_in_the_error_between_characters),
        cmocka_unit_test(a_member_of_another_type_is_refused),
        cmocka_unit_test(what_is_not_json_is_explained_as_go_does),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(decimals_take_their_shortest_form),
        cmocka_unit_test(what_is_no_decimal_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
