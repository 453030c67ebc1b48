#include "gurnard/relay/native_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"

#define SINK "\"sink\":\"http://127.0.0.1:9000/events\""

static enum gn_err parse_str(struct gn_str text, struct gn_native_spec **spec, char *error)
{
    json_t *json = NULL;
    enum gn_err err = gn_json_parse(text, NULL, &json);

    assert_int_equal(err, GN_OK);
    memset(error, 'x', GN_NATIVE_ERROR_MAX);
    err = gn_native_spec_parse(json, spec, error);
    json_decref(json);
    assert_true(memchr(error, '\0', GN_NATIVE_ERROR_MAX) != NULL);
    assert_true(gn_text_is_utf8(gn_str_of(error)));
    assert_int_equal(err == GN_OK, *spec != NULL);
    return err;
}

/* Reads an object that must be good; members: of it, behind the sink. */
static struct gn_native_spec *good(const char *members)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_native_spec *spec = NULL;
    char error[GN_NATIVE_ERROR_MAX];

    gn_buf_printf(&text, "{" SINK "%s%s}", members[0] == '\0' ? "" : ",", members);
    if (parse_str(gn_buf_str(&text), &spec, error) != GN_OK)
        fail_msg("%s: %s", members, error);
    assert_string_equal(error, "");
    gn_buf_free(&text);
    return spec;
}

/* The error of an object that is no good. */
static const char *bad_object(const char *text)
{
    static char error[GN_NATIVE_ERROR_MAX];
    struct gn_native_spec *spec = (void *)(uintptr_t)1;

    if (parse_str(gn_str_of(text), &spec, error) != GN_EINVAL)
        fail_msg("%s: not refused", text);
    return error;
}

static const char *bad(const char *members)
{
    struct gn_buf text = GN_BUF_INIT;
    const char *error;

    gn_buf_printf(&text, "{" SINK ",%s}", members);
    error = bad_object(text.data);
    gn_buf_free(&text);
    return error;
}

struct row {
    const char *text, *error;
};

static void check_bad(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_string_equal(bad(rows[i].text), rows[i].error);
}

static void a_sink_is_enough(void **state)
{
    struct gn_native_spec *spec = good("");

    (void)state;
    assert_string_equal(spec->sink, "http://127.0.0.1:9000/events");
    assert_null(spec->source);
    assert_null(spec->types);
    assert_int_equal(spec->type_count, 0);
    assert_null(spec->filter);
    assert_int_equal(spec->mode, GN_CE_STRUCTURED);
    assert_int_equal(spec->split, GN_SPLIT_RECORD);
    assert_int_equal(spec->handshake, GN_HANDSHAKE_OFF);
    assert_int_equal(spec->retry_min_ms, 0);
    assert_int_equal(spec->retry_max_ms, 0);
    assert_int_equal(spec->expire_ms, 0);
    assert_null(spec->headers[0]);
    gn_native_spec_free(spec);
    gn_native_spec_free(NULL);
}

static void everything_is_taken_over(void **state)
{
    struct gn_native_spec *spec =
        good("\"id\":\"4711\",\"subscriptionurl\":\"http://x/y\",\"protocol\":\"HTTP\","
             "\"source\":\"/redfish/r17\",\"types\":[\"a.b\",\"c\"],"
             "\"filters\":[{\"exact\":{\"severity\":\"Critical\"}}],"
             "\"config\":{\"mode\":\"batch\",\"split\":\"whole\",\"handshake\":\"required\","
             "\"retry\":{\"min\":\"250ms\",\"max\":\"2m\"},\"expire\":\"48h\"},"
             "\"protocolsettings\":{\"method\":\"POST\","
             "\"headers\":{\"Authorization\":\"Bearer a b\",\"X-Site\":\"1\"}}");

    (void)state;
    assert_string_equal(spec->source, "/redfish/r17");
    assert_int_equal(spec->type_count, 2);
    assert_string_equal(spec->types[0], "a.b");
    assert_string_equal(spec->types[1], "c");
    assert_non_null(spec->filter);
    assert_int_equal(spec->mode, GN_CE_BATCH);
    assert_int_equal(spec->split, GN_SPLIT_WHOLE);
    assert_int_equal(spec->handshake, GN_HANDSHAKE_REQUIRED);
    assert_int_equal(spec->retry_min_ms, 250);
    assert_int_equal(spec->retry_max_ms, 120000);
    assert_int_equal(spec->expire_ms, 172800000);
    assert_string_equal(spec->headers[0], "Authorization: Bearer a b");
    assert_string_equal(spec->headers[1], "X-Site: 1");
    assert_null(spec->headers[2]);
    gn_native_spec_free(spec);
}

static void null_members_are_absent_ones(void **state)
{
    struct gn_native_spec *spec =
        good("\"source\":null,\"types\":null,\"filters\":null,\"protocol\":null,"
             "\"config\":{\"mode\":null,\"retry\":null,\"expire\":null},\"protocolsettings\":null");

    (void)state;
    assert_null(spec->source);
    assert_int_equal(spec->mode, GN_CE_STRUCTURED);
    gn_native_spec_free(spec);
    assert_string_equal(bad_object("{\"sink\":null}"), "sink: is required");
}

static void each_word_has_its_meaning(void **state)
{
    static const struct {
        const char *text;
        enum gn_ce_mode mode;
        enum gn_native_split split;
        enum gn_handshake handshake;
    } rows[] = {
        {"\"config\":{}", GN_CE_STRUCTURED, GN_SPLIT_RECORD, GN_HANDSHAKE_OFF},
        {"\"config\":{\"mode\":\"structured\",\"split\":\"record\",\"handshake\":\"off\"}",
         GN_CE_STRUCTURED, GN_SPLIT_RECORD, GN_HANDSHAKE_OFF},
        {"\"config\":{\"mode\":\"binary\",\"handshake\":\"try\"}", GN_CE_BINARY, GN_SPLIT_RECORD,
         GN_HANDSHAKE_TRY},
        {"\"protocol\":\"http\",\"types\":[],\"filters\":[],\"protocolsettings\":{}",
         GN_CE_STRUCTURED, GN_SPLIT_RECORD, GN_HANDSHAKE_OFF},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_native_spec *spec = good(rows[i].text);

        assert_int_equal(spec->mode, rows[i].mode);
        assert_int_equal(spec->split, rows[i].split);
        assert_int_equal(spec->handshake, rows[i].handshake);
        gn_native_spec_free(spec);
    }
}

static void a_bad_object_or_sink_is_refused(void **state)
{
    static const struct row rows[] = {
        {"[]", "subscription: must be an object"},
        {"\"x\"", "subscription: must be an object"},
        {"{}", "sink: is required"},
        {"{\"sink\":1}", "sink: must be a text that is not empty"},
        {"{\"sink\":\"\"}", "sink: must be a text that is not empty"},
        {"{\"sink\":\"/events\"}", "sink: must be an http or https URL without user information"},
        {"{\"sink\":\"ftp://h/x\"}", "sink: must be an http or https URL without user information"},
        {"{\"sink\":\"http://u:p@h/x\"}",
         "sink: must be an http or https URL without user information"},
        {"{\"Sink\":\"http://h/\"}", "Sink: is not known here"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_string_equal(bad_object(rows[i].text), rows[i].error);
}

static void what_is_not_done_is_refused(void **state)
{
    static const struct row rows[] = {
        {"\"sinkcredential\":{}", "sinkcredential: is not known here"},
        {"\"sinkcredential\":null", "sinkcredential: is not known here"},
        {"\"protocol\":\"AMQP\"", "protocol: must be HTTP"},
        {"\"protocol\":1", "protocol: must be HTTP"},
        {"\"config\":{\"interval\":1}", "config.interval: is not known here"},
        {"\"config\":{\"retry\":{\"count\":1}}", "config.retry.count: is not known here"},
        {"\"protocolsettings\":{\"method\":\"PUT\"}", "protocolsettings.method: must be POST"},
        {"\"protocolsettings\":{\"method\":\"post\"}", "protocolsettings.method: must be POST"},
        {"\"protocolsettings\":{\"qos\":1}", "protocolsettings.qos: is not known here"},
        {"\"filters\":[{\"sql\":\"x\"}]", "filters[0]: unknown dialect \"sql\""},
    };

    (void)state;
    check_bad(rows, GN_LEN(rows));
}

static void wrong_types_are_refused(void **state)
{
    static const struct row rows[] = {
        {"\"source\":\"\"", "source: must be a text that is not empty"},
        {"\"source\":[]", "source: must be a text that is not empty"},
        {"\"types\":\"a\"", "types: must be an array"},
        {"\"types\":[\"a\",\"\"]", "types[1]: must be a text that is not empty"},
        {"\"types\":[null]", "types[0]: must be a text that is not empty"},
        {"\"filters\":{}", "filters: must be an array"},
        {"\"config\":[]", "config: must be an object"},
        {"\"config\":{\"mode\":\"Binary\"}", "config.mode: must be structured, binary or batch"},
        {"\"config\":{\"mode\":0}", "config.mode: must be structured, binary or batch"},
        {"\"config\":{\"split\":\"\"}", "config.split: must be record or whole"},
        {"\"config\":{\"handshake\":true}", "config.handshake: must be off, try or required"},
        {"\"config\":{\"retry\":\"1s\"}", "config.retry: must be an object"},
        {"\"protocolsettings\":1", "protocolsettings: must be an object"},
        {"\"protocolsettings\":{\"headers\":[]}", "protocolsettings.headers: must be an object"},
    };

    (void)state;
    check_bad(rows, GN_LEN(rows));
}

static void durations_are_within_their_bounds(void **state)
{
#define FORM "must be a duration like \"500ms\", \"10s\", \"5m\" or \"24h\""
    static const struct row rows[] = {
        {"\"config\":{\"expire\":10}", "config.expire: " FORM},
        {"\"config\":{\"expire\":\"10\"}", "config.expire: " FORM},
        {"\"config\":{\"expire\":\"1d\"}", "config.expire: " FORM},
        {"\"config\":{\"expire\":\"999ms\"}", "config.expire: must be from 1s to 720h"},
        {"\"config\":{\"expire\":\"721h\"}", "config.expire: must be from 1s to 720h"},
        {"\"config\":{\"retry\":{\"min\":\"0s\"}}", "config.retry.min: must be from 1ms to 1h"},
        {"\"config\":{\"retry\":{\"max\":\"61m\"}}", "config.retry.max: must be from 1ms to 1h"},
        {"\"config\":{\"retry\":{\"max\":\"1s\",\"min\":\"2s\"}}",
         "config.retry.max: must not be below config.retry.min"},
    };
    struct gn_native_spec *spec;

    (void)state;
    check_bad(rows, GN_LEN(rows));
    spec = good("\"config\":{\"retry\":{\"min\":\"1h\",\"max\":\"1h\"},\"expire\":\"720h\"}");
    assert_int_equal(spec->retry_min_ms, 3600000);
    assert_int_equal(spec->expire_ms, 2592000000);
    gn_native_spec_free(spec);
    spec = good("\"config\":{\"retry\":{\"min\":\"1ms\"},\"expire\":\"1s\"}");
    assert_int_equal(spec->retry_min_ms, 1);
    assert_int_equal(spec->retry_max_ms, 0);
    gn_native_spec_free(spec);
}

static void our_own_headers_are_refused(void **state)
{
    static const char *const names[] = {
        "Content-Type",
        "content-length",
        "HOST",
        "ce-id",
        "CE-Type",
        "Gurnard-Event-Id",
        "gurnard-via",
        "Connection",
        "Transfer-Encoding",
        "WebHook-Request-Origin",
        "Expect",
        "te",
        "Upgrade",
        "Trailer",
        "Keep-Alive",
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(names); i++) {
        char members[128], want[128];

        (void)snprintf(members, sizeof members, "\"protocolsettings\":{\"headers\":{\"%s\":\"x\"}}",
                       names[i]);
        (void)snprintf(want, sizeof want, "protocolsettings.headers.%s: is set by gurnard itself",
                       names[i]);
        assert_string_equal(bad(members), want);
    }
}

static void headers_cannot_smuggle_anything(void **state)
{
#define TEXT "must be a text of printable ASCII"
    static const struct {
        const char *headers, *error;
    } rows[] = {
        {"{\"\":\"x\"}", ": is no name of a header"},
        {"{\"a b\":\"x\"}", "a b: is no name of a header"},
        {"{\"a:\":\"x\"}", "a:: is no name of a header"},
        {"{\"a\\r\\nb\":\"x\"}", "a\r\nb: is no name of a header"},
        {"{\"\u00e4\":\"x\"}", "\u00e4: is no name of a header"},
        {"{\"a\":\"x\\r\\nHost: y\"}", "a: " TEXT},
        {"{\"a\":\"x\\ty\"}", "a: " TEXT},
        {"{\"a\":\"\u00e4\"}", "a: " TEXT},
        {"{\"a\":\"\"}", "a: " TEXT},
        {"{\"a\":\" \"}", "a: " TEXT},
        {"{\"a\":\" x\"}", "a: " TEXT},
        {"{\"a\":1}", "a: " TEXT},
        {"{\"a\":null}", "a: " TEXT},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char members[256], want[256];

        (void)snprintf(members, sizeof members, "\"protocolsettings\":{\"headers\":%s}",
                       rows[i].headers);
        (void)snprintf(want, sizeof want, "protocolsettings.headers.%s", rows[i].error);
        assert_string_equal(bad(members), want);
    }
}

/* An array, or with is_object an object of texts, of count elements. */
static void add_many(struct gn_buf *out, size_t count, bool is_object)
{
    gn_buf_putc(out, is_object ? '{' : '[');
    for (size_t i = 0; i < count; i++)
        gn_buf_printf(out, is_object ? "%s\"h%zu\":\"x\"" : "%s\"t%zu\"", i == 0 ? "" : ",", i);
    gn_buf_putc(out, is_object ? '}' : ']');
}

static void counts_are_bounded(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_native_spec *spec;

    (void)state;
    for (size_t excess = 0; excess <= 1; excess++) {
        gn_buf_reset(&text);
        gn_buf_puts(&text, "\"types\":");
        add_many(&text, GN_NATIVE_TYPES_MAX + excess, false);
        if (excess == 0) {
            gn_buf_puts(&text, ",\"protocolsettings\":{\"headers\":");
            add_many(&text, GN_NATIVE_HEADERS_MAX, true);
            gn_buf_putc(&text, '}');
            spec = good(text.data);
            assert_int_equal(spec->type_count, GN_NATIVE_TYPES_MAX);
            assert_string_equal(spec->headers[GN_NATIVE_HEADERS_MAX - 1], "h7: x");
            assert_null(spec->headers[GN_NATIVE_HEADERS_MAX]);
            gn_native_spec_free(spec);
        } else {
            assert_string_equal(bad(text.data), "types: too many");
        }
    }
    gn_buf_reset(&text);
    gn_buf_puts(&text, "\"protocolsettings\":{\"headers\":");
    add_many(&text, GN_NATIVE_HEADERS_MAX + 1, true);
    gn_buf_putc(&text, '}');
    assert_string_equal(bad(text.data), "protocolsettings.headers: too many");
    gn_buf_free(&text);
}

static void texts_are_bounded(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    gn_buf_printf(&text, "\"source\":\"%0*d\"", GN_NATIVE_TEXT_MAX, 7);
    gn_native_spec_free(good(text.data));
    gn_buf_reset(&text);
    gn_buf_printf(&text, "\"source\":\"%0*d\"", GN_NATIVE_TEXT_MAX + 1, 7);
    assert_string_equal(bad(text.data), "source: too long");
    gn_buf_reset(&text);
    gn_buf_printf(&text, "\"protocolsettings\":{\"headers\":{\"a\":\"%0*d\"}}", GN_NATIVE_TEXT_MAX,
                  7);
    assert_string_equal(bad(text.data), "protocolsettings.headers.a: too long");
    gn_buf_reset(&text);
    gn_buf_printf(&text, "\"%0*d\":1", 3000, 7); /* a name from outside is repeated in part */
    assert_int_equal(strlen(bad(text.data)), 64 + strlen(": is not known here"));
    gn_buf_free(&text);
}

static void the_one_address_that_a_filter_demands_is_known(void **state)
{
    static const struct {
        const char *filters, *want;
    } rows[] = {
        {"[]", NULL},
        {"[{\"exact\":{\"resource\":\"/r\"}}]", "/r"},
        {"[{\"prefix\":{\"type\":\"t\"}},{\"exact\":{\"severity\":\"OK\",\"resource\":\"/r\"}}]",
         "/r"},
        {"[{\"prefix\":{\"resource\":\"/r\"}}]", NULL},
        {"[{\"any\":[{\"exact\":{\"resource\":\"/r\"}}]}]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char error[GN_NATIVE_ERROR_MAX];
        struct gn_native_spec *spec = NULL;
        json_t *object = json_pack("{s:s}", "sink", "http://h/");

        assert_int_equal(
            json_object_set_new(object, "filters", json_loads(rows[i].filters, 0, NULL)), 0);
        assert_int_equal(gn_native_spec_parse(object, &spec, error), GN_OK);
        assert_int_equal(spec->resource == NULL, rows[i].want == NULL);
        if (rows[i].want != NULL)
            assert_string_equal(spec->resource, rows[i].want);
        gn_native_spec_free(spec);
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_is_enough),
        cmocka_unit_test(everything_is_taken_over),
        cmocka_unit_test(null_members_are_absent_ones),
        cmocka_unit_test(each_word_has_its_meaning),
        cmocka_unit_test(a_bad_object_or_sink_is_refused),
        cmocka_unit_test(what_is_not_done_is_refused),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(durations_are_within_their_bounds),
        cmocka_unit_test(our_own_headers_are_refused),
        cmocka_unit_test(headers_cannot_smuggle_anything),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(texts_are_bounded),
        cmocka_unit_test(the_one_address_that_a_filter_demands_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
