/* CloudEvents: what is decoded in each mode and version, each error, the limits, and that what is
 * written decodes to the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/ce/cloudevent.h"
#include "gurnard/ce/cne.h"

#define MIN_1_0    "\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"/s\",\"type\":\"t\""
#define MIN_0_3    "\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"/s\",\"type\":\"t\""
#define HEADER_MAX 40

static const struct gn_json_limits limits = {
    .max_bytes = 1 << 20, .max_depth = 32, .max_tokens = 100000, .repair_utf8 = true};

/* One decoding with what it needs. */
struct bed {
    struct gn_arena arena;
    struct gn_ce_events events;
    char error[GN_CE_ERROR_MAX];
};

static void bed_init(struct bed *bed)
{
    gn_arena_init(&bed->arena, 4 << 20);
    memset(bed->error, 'x', sizeof bed->error);
}

static void assert_str(struct gn_str got, const char *want)
{
    if (want == NULL) {
        assert_null(got.p);
        return;
    }
    if (got.p == NULL || got.len != strlen(want) || memcmp(got.p, want, got.len) != 0) {
        print_error("got  %.*s\nwant %s\n", (int)got.len, got.p != NULL ? got.p : "", want);
        fail();
    }
}

static void assert_view(struct gn_str got, struct gn_str want)
{
    assert_int_equal(got.p == NULL, want.p == NULL);
    assert_int_equal(got.len, want.len);
    if (want.len > 0)
        assert_memory_equal(got.p, want.p, want.len);
}

static enum gn_err decode_json(struct bed *bed, struct gn_str text)
{
    bed_init(bed);
    return gn_ce_decode_json(text, false, &limits, &bed->arena, &bed->events, bed->error);
}

static const struct gn_cloudevent *decoded(struct bed *bed, const char *text)
{
    const enum gn_err err = decode_json(bed, gn_str_of(text));

    if (err != GN_OK)
        print_error("%s: %s (%s)\n", text, gn_err_text(err), bed->error);
    assert_int_equal(err, GN_OK);
    assert_int_equal(bed->events.count, 1);
    assert_string_equal(bed->error, "");
    return bed->events.events;
}

/* Splits "name: value\n" lines. */
static size_t split_headers(const char *lines, struct gn_ce_header headers[HEADER_MAX])
{
    struct gn_str rest = gn_str_of(lines), line;
    size_t count = 0;

    while (rest.len > 0) {
        line = gn_str_cut(rest, '\n', &rest);
        assert_true(count < HEADER_MAX);
        headers[count].name = gn_str_cut(line, ':', &headers[count].value);
        count++;
    }
    return count;
}

static enum gn_err decode_http(struct bed *bed, const char *type, const char *lines,
                               struct gn_str body)
{
    struct gn_ce_header headers[HEADER_MAX];
    const struct gn_ce_http http = {.content_type = gn_str_of(type),
                                    .headers = headers,
                                    .header_count = split_headers(lines, headers),
                                    .body = body};

    bed_init(bed);
    return gn_ce_decode_http(&http, &limits, &bed->arena, &bed->events, bed->error);
}

#define BINARY "ce-specversion: 1.0\nce-id: i\nce-source: /s\nce-type: t\n"

/* ---- the JSON format ---- */

static void every_attribute_of_1_0_is_read(void **state)
{
    const struct gn_cloudevent *event;
    struct bed bed;

    (void)state;
    event = decoded(&bed,
                    "{\"time\":\"2026-11-21T03:49:30.1+01:00\",\"id\":\"A-1\",\"data\":{ \"a\" :1},"
                    "\"type\":\"org.x\",\"source\":\"/cluster/node/n1\",\"subject\":\"s\\u00e9\","
                    "\"datacontenttype\":\"application/json\",\"dataschema\":\"http://x/y\","
                    "\"traceparent\":\"00-a\",\"sequence\":7,\"sampled\":true,"
                    "\"specversion\":\"1.0\"}");
    assert_int_equal(bed.events.mode, GN_CE_STRUCTURED);
    assert_int_equal(event->version, GN_CE_1_0);
    assert_str(event->id, "A-1");
    assert_str(event->source, "/cluster/node/n1");
    assert_str(event->type, "org.x");
    assert_str(event->subject, "s\xC3\xA9");
    assert_str(event->time, "2026-11-21T03:49:30.1+01:00");
    assert_str(event->datacontenttype, "application/json");
    assert_str(event->dataschema, "http://x/y");
    assert_int_equal(event->kind, GN_CE_JSON);
    assert_str(event->data, "{ \"a\" :1}");
    assert_int_equal(event->extension_count, 3);
    assert_str(event->extensions[0].name, "traceparent");
    assert_str(event->extensions[0].value, "00-a");
    assert_false(event->extensions[0].is_literal);
    assert_str(event->extensions[1].value, "7");
    assert_true(event->extensions[1].is_literal);
    assert_str(event->extensions[2].value, "true");
    assert_true(event->extensions[2].is_literal);
    gn_arena_fini(&bed.arena);
}

static void the_spellings_of_0_3_mean_the_same(void **state)
{
    const struct gn_cloudevent *event;
    struct bed bed;

    (void)state;
    event = decoded(&bed, "{" MIN_0_3 ",\"schemaurl\":\"u\",\"datacontentencoding\":\"Base64\","
                          "\"datacontenttype\":\"image/png\",\"data\":\"AP\\/\\/\"}");
    assert_int_equal(event->version, GN_CE_0_3);
    assert_str(event->dataschema, "u");
    assert_int_equal(event->extension_count, 0);
    assert_int_equal(event->kind, GN_CE_BYTES);
    assert_view(event->data, GN_STR("\x00\xFF\xFF"));
    gn_arena_fini(&bed.arena);
}

static void what_data_is_follows_from_type_and_member(void **state)
{
    static const struct {
        const char *members;
        enum gn_ce_data kind;
        struct gn_str data;
    } rows[] = {
        {"", GN_CE_NO_DATA, {NULL, 0}},
        {",\"data_base64\":null", GN_CE_NO_DATA, {NULL, 0}},
        {",\"datacontenttype\":\"text/plain\"", GN_CE_NO_DATA, {NULL, 0}},
        {",\"data\":null", GN_CE_JSON, GN_STR_INIT("null")},
        {",\"data\":\"x\\ty\"", GN_CE_JSON, GN_STR_INIT("\"x\\ty\"")},
        {",\"data\":\"x\",\"datacontenttype\":\"a/b+JSON; q=1\"", GN_CE_JSON, GN_STR_INIT("\"x\"")},
        {",\"data\":[1, 2],\"datacontenttype\":\"text/plain\"", GN_CE_JSON, GN_STR_INIT("[1, 2]")},
        {",\"data\":\"x\\ty\",\"datacontenttype\":\"text/plain\"", GN_CE_BYTES,
         GN_STR_INIT("x\ty")},
        {",\"data\":\"\",\"datacontenttype\":\"text/plain\"", GN_CE_BYTES, GN_STR_INIT("")},
        {",\"data_base64\":\"\"", GN_CE_BYTES, GN_STR_INIT("")},
        {",\"data_base64\":\"AA==\"", GN_CE_BYTES, GN_STR_INIT("\0")},
        {",\"data_base64\":\"e30=\"", GN_CE_BYTES, GN_STR_INIT("{}")},
        {",\"data_base64\":\"IHt9Cg==\",\"datacontenttype\":\"application/json\"", GN_CE_JSON,
         GN_STR_INIT("{}")},
        {",\"data_base64\":\"e30x\",\"datacontenttype\":\"application/json\"", GN_CE_BYTES,
         GN_STR_INIT("{}1")},
        {",\"data\":null,\"data\":5", GN_CE_JSON, GN_STR_INIT("5")},
        {",\"data\":5,\"data_base64\":null", GN_CE_JSON, GN_STR_INIT("5")},
        {",\"data_base64\":5,\"data_base64\":\"e30=\"", GN_CE_BYTES, GN_STR_INIT("{}")},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_cloudevent *event;
        struct bed bed;

        (void)snprintf(text, sizeof text, "{" MIN_1_0 "%s}", rows[i].members);
        event = decoded(&bed, text);
        assert_int_equal(event->kind, rows[i].kind);
        assert_view(event->data, rows[i].data);
        gn_arena_fini(&bed.arena);
    }
}

static void null_and_empty_attributes_are_absent(void **state)
{
    const struct gn_cloudevent *event;
    struct bed bed;

    (void)state;
    event = decoded(&bed, "{" MIN_1_0 ",\"subject\":null,\"time\":null,\"dataschema\":null,"
                          "\"datacontenttype\":null,\"ext\":null,\"datacontentencoding\":null}");
    assert_null(event->subject.p);
    assert_null(event->time.p);
    assert_null(event->dataschema.p);
    assert_null(event->datacontenttype.p);
    assert_int_equal(event->extension_count, 0);
    gn_arena_fini(&bed.arena);
    event = decoded(&bed, "{" MIN_1_0 ",\"subject\":\"\",\"time\":\"\",\"dataschema\":\"\","
                          "\"datacontenttype\":\"\",\"ext\":\"\"}");
    assert_null(event->subject.p);
    assert_null(event->time.p);
    assert_null(event->dataschema.p);
    assert_null(event->datacontenttype.p);
    assert_int_equal(event->extension_count, 1); /* a String may be empty */
    assert_str(event->extensions[0].value, "");
    gn_arena_fini(&bed.arena);
}

static void of_members_given_twice_the_last_counts(void **state)
{
    const struct gn_cloudevent *event;
    struct bed bed;

    (void)state;
    event = decoded(&bed, "{" MIN_1_0 ",\"id\":\"j\",\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"A\":4,"
                          "\"b\":null,\"subject\":\"x\",\"subject\":null,\"specversion\":\"0.3\"}");
    assert_int_equal(event->version, GN_CE_0_3);
    assert_str(event->id, "j");
    assert_null(event->subject.p);
    assert_int_equal(event->extension_count, 2);
    assert_str(event->extensions[0].name, "a");
    assert_str(event->extensions[0].value, "4");
    assert_true(event->extensions[0].is_literal);
    assert_str(event->extensions[1].name, "c");
    gn_arena_fini(&bed.arena);
}

static void escaped_names_are_the_names_they_mean(void **state)
{
    const struct gn_cloudevent *event;
    struct bed bed;

    (void)state;
    event = decoded(&bed, "{\"specv\\u0065rsion\":\"1.0\",\"\\u0069d\":\"i\",\"source\":\"/s\","
                          "\"type\":\"\\u0074\",\"d\\u0061ta\":1,\"tr\\u0061ce\":\"x\"}");
    assert_str(event->id, "i");
    assert_str(event->type, "t");
    assert_str(event->data, "1");
    assert_str(event->extensions[0].name, "trace");
    gn_arena_fini(&bed.arena);
}

static void a_wrong_event_in_json_is_refused_with_its_text(void **state)
{
    static const struct {
        const char *text, *error;
        enum gn_err err;
    } rows[] = {
        {"{}", "specversion: REQUIRED", GN_EINVAL},
        {"{\"specversion\":null}", "specversion: REQUIRED", GN_EINVAL},
        {"{\"specversion\":\"\"}", "specversion: REQUIRED", GN_EINVAL},
        {"{\"specversion\":1.0}", "specversion: MUST be a string", GN_EINVAL},
        {"{\"specversion\":\"2.0\"}", "specversion: unknown value: 2.0", GN_EUNSUPPORTED},
        {"{\"specversion\":\"1.0.2\xC3\xA9\"}", "specversion: unknown value: 1.0.2??",
         GN_EUNSUPPORTED},
        {"{\"specversion\":\"1.0\"}", "id: MUST be a non-empty string", GN_EINVAL},
        {"{\"specversion\":\"1.0\",\"id\":\" \"}", "id: MUST be a non-empty string", GN_EINVAL},
        {"{\"specversion\":\"1.0\",\"id\":7}", "id: MUST be a string", GN_EINVAL},
        {"{\"specversion\":\"0.3\",\"id\":\"i\"}", "source: REQUIRED", GN_EINVAL},
        {"{\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"\"}", "source: REQUIRED", GN_EINVAL},
        {"{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"/s\"}",
         "type: MUST be a non-empty string", GN_EINVAL},
        {"{" MIN_1_0 ",\"subject\":\" \"}", "subject: if present, MUST be a non-empty string",
         GN_EINVAL},
        {"{" MIN_1_0 ",\"subject\":\"a\\nb\"}", "subject: MUST NOT hold control characters",
         GN_EINVAL},
        {"{" MIN_1_0 ",\"ext\":\"\\u0085\"}", "ext: MUST NOT hold control characters", GN_EINVAL},
        {"{" MIN_1_0 ",\"ext\":\"\x7F\"}", "ext: MUST NOT hold control characters", GN_EINVAL},
        {"{" MIN_1_0 ",\"time\":\"gar\\u0001b\\\"\"}",
         "time: cannot convert \"gar?b\"\" to time.Time: not in RFC3339 format", GN_EINVAL},
        {"{" MIN_1_0 ",\"time\":\"2026-11-21T03:49:30+0100\"}",
         "time: cannot convert \"2026-11-21T03:49:30+0100\" to time.Time: not in RFC3339 format",
         GN_EINVAL},
        {"{" MIN_1_0 ",\"time\":5}", "time: MUST be a string", GN_EINVAL},
        {"{" MIN_1_0 ",\"datacontenttype\":\"a b/c\"}",
         "datacontenttype: if present, MUST adhere to the format specified in RFC 2046", GN_EINVAL},
        {"{" MIN_1_0 ",\"datacontenttype\":\"/c\"}",
         "datacontenttype: if present, MUST adhere to the format specified in RFC 2046", GN_EINVAL},
        {"{" MIN_1_0 ",\"datacontenttype\":\"a/\"}",
         "datacontenttype: if present, MUST adhere to the format specified in RFC 2046", GN_EINVAL},
        {"{" MIN_1_0 ",\"datacontenttype\":\"a/b; c\\r\\nd: e\"}",
         "datacontenttype: if present, MUST adhere to the format specified in RFC 2046", GN_EINVAL},
        {"{" MIN_0_3 ",\"datacontentencoding\":\"gzip\"}",
         "datacontentencoding: if present, MUST adhere to RFC 2045 Section 6.1", GN_EINVAL},
        {"{" MIN_0_3 ",\"datacontentencoding\":\"base64\",\"data\":{}}",
         "data: MUST be a string in base64", GN_EINVAL},
        {"{" MIN_0_3 ",\"datacontentencoding\":\"base64\",\"data\":\"A\"}", "data: MUST be base64",
         GN_EINVAL},
        {"{" MIN_1_0 ",\"data_base64\":1}", "data_base64: MUST be a string in base64", GN_EINVAL},
        {"{" MIN_1_0 ",\"data_base64\":\"AAA\"}", "data_base64: MUST be base64", GN_EINVAL},
        {"{" MIN_1_0 ",\"data_base64\":\"AA==\",\"data\":1}",
         "data_base64: MUST NOT be given together with data", GN_EINVAL},
        {"{" MIN_1_0 ",\"ext\":[]}", "ext: MUST be a string, a number or a boolean", GN_EINVAL},
        {"{" MIN_1_0 ",\"ext\":{}}", "ext: MUST be a string, a number or a boolean", GN_EINVAL},
        {"{" MIN_1_0 ",\"my_ext\":\"1\"}",
         "my_ext: MUST be the name of an attribute: lower-case letters and digits", GN_EINVAL},
        {"{" MIN_1_0 ",\"ID\":\"1\"}",
         "id: MUST be the name of an attribute: lower-case letters and digits", GN_EINVAL},
        {"{" MIN_1_0 ",\"\":\"1\"}",
         ": MUST be the name of an attribute: lower-case letters and digits", GN_EINVAL},
        {"{" MIN_1_0 ",\"\\u00e9\":\"1\"}",
         "?"
         "?: MUST be the name of an attribute: lower-case letters and digits",
         GN_EINVAL},
        {"", "", GN_EPARSE},
        {"null", "", GN_EPARSE},
        {"[]", "", GN_EPARSE},
        {"{" MIN_1_0, "", GN_EPARSE},
        {"{" MIN_1_0 "} x", "", GN_EPARSE},
        {"{" MIN_1_0 ",\"data\":tru}", "", GN_EPARSE},
        {"{" MIN_1_0 ",\"subject\":\"\xC0\xA0\"}", "", GN_EPARSE},
        {"{" MIN_1_0 ",\"data\":\"\xFF\"}", "", GN_EPARSE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;
        const enum gn_err err = decode_json(&bed, gn_str_of(rows[i].text));

        if (err != rows[i].err)
            print_error("%s: %s\n", rows[i].text, gn_err_text(err));
        assert_int_equal(err, rows[i].err);
        assert_string_equal(bed.error, rows[i].error);
        assert_int_equal(bed.events.count, 0);
        assert_null(bed.events.events);
        gn_arena_fini(&bed.arena);
    }
}

static void marks_and_nuls_around_the_event_are_skipped(void **state)
{
    struct bed bed;

    (void)state;
    assert_int_equal(decode_json(&bed, GN_STR("\xEF\xBB\xBF {" MIN_1_0 "}\n\0")), GN_OK);
    gn_arena_fini(&bed.arena);
}

static void a_long_text_in_an_error_is_cut(void **state)
{
    char text[2000];
    struct bed bed;

    (void)state;
    (void)snprintf(text, sizeof text, "{" MIN_1_0 ",\"time\":\"%0900d\"}", 0);
    assert_int_equal(decode_json(&bed, gn_str_of(text)), GN_EINVAL);
    assert_true(strlen(bed.error) < GN_CE_ERROR_MAX);
    assert_non_null(strstr(bed.error, "0\" to time.Time: not in RFC3339 format"));
    gn_arena_fini(&bed.arena);
}

/* ---- limits ---- */

/* An event with so many extensions. */
static void add_event(struct gn_buf *out, unsigned extensions)
{
    gn_buf_puts(out, "{" MIN_1_0);
    for (unsigned i = 0; i < extensions; i++)
        gn_buf_printf(out, ",\"e%u\":%u", i, i);
    gn_buf_putc(out, '}');
}

static void extensions_are_taken_up_to_their_limit(void **state)
{
    struct bed bed;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct gn_buf text = GN_BUF_INIT;

        add_event(&text, GN_CE_EXTENSIONS_MAX + more);
        assert_int_equal(decode_json(&bed, gn_buf_str(&text)), more ? GN_ELIMIT : GN_OK);
        assert_string_equal(bed.error, "");
        gn_buf_free(&text);
        gn_arena_fini(&bed.arena);
    }
}

static void names_and_values_are_taken_up_to_their_limits(void **state)
{
    static const struct {
        int name, value;
        enum gn_err err;
    } rows[] = {
        {GN_CE_NAME_MAX, GN_CE_VALUE_MAX, GN_OK},
        {GN_CE_NAME_MAX + 1, 1, GN_ELIMIT},
        {1, GN_CE_VALUE_MAX + 1, GN_ELIMIT},
        {1, 6 * GN_CE_VALUE_MAX + 1, GN_ELIMIT},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf text = GN_BUF_INIT;
        struct bed bed;

        gn_buf_printf(&text, "{" MIN_1_0 ",\"%0*d\":\"%0*d\"}", rows[i].name, 0, rows[i].value, 0);
        assert_int_equal(decode_json(&bed, gn_buf_str(&text)), rows[i].err);
        gn_arena_fini(&bed.arena);
        gn_buf_reset(&text);
        gn_buf_printf(&text, BINARY "ce-%0*d: %0*d\n", rows[i].name, 0, rows[i].value, 0);
        assert_int_equal(decode_http(&bed, NULL, text.data, GN_STR_NONE), rows[i].err);
        gn_buf_free(&text);
        gn_arena_fini(&bed.arena);
    }
}

static void escapes_do_not_count_for_the_limit_of_a_value(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct bed bed;

    (void)state;
    gn_buf_puts(&text, "{" MIN_1_0 ",\"subject\":\"");
    for (unsigned i = 0; i < GN_CE_VALUE_MAX; i++)
        gn_buf_puts(&text, "\\u0041");
    gn_buf_puts(&text, "\"}");
    assert_int_equal(decode_json(&bed, gn_buf_str(&text)), GN_OK);
    assert_int_equal(bed.events.events[0].subject.len, GN_CE_VALUE_MAX);
    gn_arena_fini(&bed.arena);
    gn_buf_free(&text);
}

static void a_body_beyond_the_limits_is_refused(void **state)
{
    static const struct gn_json_limits small = {.max_bytes = 80, .max_depth = 2, .max_tokens = 20};
    static const struct {
        const char *type, *headers, *body;
    } rows[] = {
        {"application/cloudevents+json", "",
         "{" MIN_1_0 ",\"subject\":\"12345678901234567890123456789\"}"},
        {"application/cloudevents+json", "", "{" MIN_1_0 ",\"data\":[[1]]}"},
        {"application/cloudevents-batch+json", "", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"},
        {"application/json", BINARY, "[[[1]]]"},
        {"text/plain", BINARY,
         "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 1"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_ce_header headers[HEADER_MAX];
        const struct gn_ce_http http = {.content_type = gn_str_of(rows[i].type),
                                        .headers = headers,
                                        .header_count = split_headers(rows[i].headers, headers),
                                        .body = gn_str_of(rows[i].body)};
        struct bed bed;

        bed_init(&bed);
        assert_int_equal(gn_ce_decode_http(&http, &small, &bed.arena, &bed.events, bed.error),
                         GN_ELIMIT);
        assert_int_equal(bed.events.count, 0);
        gn_arena_fini(&bed.arena);
    }
}

static void an_arena_too_small_is_no_memory(void **state)
{
    static const char text[] =
        "[{" MIN_1_0 ",\"Ext\":\"\\u0041\",\"data_base64\":\"AAAA\"},{" MIN_1_0 "}]";
    struct gn_ce_header headers[HEADER_MAX];
    const struct gn_ce_http http = {.content_type = GN_STR("text/plain"),
                                    .headers = headers,
                                    .header_count =
                                        split_headers(BINARY "Ce-Ext: \"%41\"\n", headers),
                                    .body = GN_STR("x")};
    unsigned refused = 0;
    enum gn_err err;

    (void)state;
    for (size_t size = 0; size < 600; size++) {
        struct bed bed;

        gn_arena_init(&bed.arena, size);
        err = gn_ce_decode_json(GN_STR(text), true, &limits, &bed.arena, &bed.events, bed.error);
        assert_true(err == GN_OK || err == GN_ENOMEM);
        refused += err == GN_ENOMEM;
        gn_arena_fini(&bed.arena);
        gn_arena_init(&bed.arena, size);
        err = gn_ce_decode_http(&http, &limits, &bed.arena, &bed.events, bed.error);
        assert_true(err == GN_OK || err == GN_ENOMEM);
        refused += err == GN_ENOMEM;
        gn_arena_fini(&bed.arena);
    }
    assert_true(refused > 100 && refused < 1100);
}

static void one_event_needs_room_too(void **state)
{
    struct bed bed;

    (void)state;
    gn_arena_init(&bed.arena, 8);
    assert_int_equal(gn_ce_decode_json(GN_STR("{" MIN_1_0 "}"), false, &limits, &bed.arena,
                                       &bed.events, bed.error),
                     GN_ENOMEM);
    gn_arena_fini(&bed.arena);
}

static void a_content_type_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct gn_buf type = GN_BUF_INIT;
        struct bed bed;

        gn_buf_printf(&type, "a/%0*d", GN_CE_VALUE_MAX - 2 + more, 0);
        assert_int_equal(decode_http(&bed, type.data, BINARY, GN_STR("x")),
                         more ? GN_ELIMIT : GN_OK);
        gn_arena_fini(&bed.arena);
        gn_buf_free(&type);
    }
}

/* ---- batches ---- */

static void a_batch_holds_its_events_in_order(void **state)
{
    static const char type[] = "Application/CloudEvents-Batch+JSON; charset=UTF-8";
    struct bed bed;

    (void)state;
    assert_int_equal(decode_http(&bed, type, "", GN_STR(" [] ")), GN_OK);
    assert_int_equal(bed.events.mode, GN_CE_BATCH);
    assert_int_equal(bed.events.count, 0);
    gn_arena_fini(&bed.arena);
    assert_int_equal(decode_http(&bed, type, "",
                                 GN_STR("[{" MIN_1_0 ",\"data\":{\"a\":[1]}},{" MIN_0_3
                                        ",\"id\":\"2\"}]")),
                     GN_OK);
    assert_int_equal(bed.events.count, 2);
    assert_str(bed.events.events[0].data, "{\"a\":[1]}");
    assert_str(bed.events.events[1].id, "2");
    assert_int_equal(bed.events.events[1].version, GN_CE_0_3);
    gn_arena_fini(&bed.arena);
}

static void a_wrong_batch_is_refused_as_a_whole(void **state)
{
    static const struct {
        const char *text, *error;
        enum gn_err err;
    } rows[] = {
        {"", "", GN_EPARSE},
        {"{" MIN_1_0 "}", "", GN_EPARSE},
        {"[{" MIN_1_0 "},5]", "", GN_EPARSE},
        {"[{" MIN_1_0 "}", "", GN_EPARSE},
        {"[{" MIN_1_0 "}]]", "", GN_EPARSE},
        {"[{\"id\":5},tru]", "", GN_EPARSE}, /* it is no JSON at all */
        {"[{" MIN_1_0 "},{\"specversion\":\"1.0\",\"id\":\"i\"}]", "source: REQUIRED", GN_EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        bed_init(&bed);
        assert_int_equal(gn_ce_decode_json(gn_str_of(rows[i].text), true, &limits, &bed.arena,
                                           &bed.events, bed.error),
                         rows[i].err);
        assert_string_equal(bed.error, rows[i].error);
        assert_int_equal(bed.events.count, 0);
        gn_arena_fini(&bed.arena);
    }
}

static void a_batch_is_taken_up_to_its_limit(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct gn_buf text = GN_BUF_INIT;
        struct bed bed;

        gn_buf_putc(&text, '[');
        for (unsigned i = 0; i < GN_CE_BATCH_MAX + more; i++) {
            if (i > 0)
                gn_buf_putc(&text, ',');
            add_event(&text, 0);
        }
        gn_buf_putc(&text, ']');
        bed_init(&bed);
        assert_int_equal(gn_ce_decode_json(gn_buf_str(&text), true, &limits, &bed.arena,
                                           &bed.events, bed.error),
                         more ? GN_ELIMIT : GN_OK);
        assert_int_equal(bed.events.count, more ? 0 : GN_CE_BATCH_MAX);
        gn_buf_free(&text);
        gn_arena_fini(&bed.arena);
    }
}

/* ---- HTTP ---- */

static void the_mode_follows_from_media_type_and_headers(void **state)
{
    static const struct {
        const char *type, *headers, *body;
        bool is_http;
        enum gn_err err;
        enum gn_ce_mode mode;
    } rows[] = {
        {"application/cloudevents+json", "", "{" MIN_1_0 "}", true, GN_OK, GN_CE_STRUCTURED},
        {" APPLICATION/CLOUDEVENTS+JSON ; charset=UTF-8", "", "{" MIN_1_0 "}", true, GN_OK,
         GN_CE_STRUCTURED},
        {"application/cloudevents", "", "{" MIN_0_3 "}", true, GN_OK, GN_CE_STRUCTURED},
        {"application/cloudevents+json", "ce-specversion: 9\n", "{" MIN_0_3 "}", true, GN_OK,
         GN_CE_STRUCTURED},
        {"application/cloudevents+avro", "", "", true, GN_EUNSUPPORTED, GN_CE_STRUCTURED},
        {"application/cloudevents-batch+xml", "", "", true, GN_EUNSUPPORTED, GN_CE_BATCH},
        {"application/cloudevents-batch", "", "[]", true, GN_OK, GN_CE_BATCH},
        {"application/json", BINARY, "{}", true, GN_OK, GN_CE_BINARY},
        {NULL, BINARY, "", true, GN_OK, GN_CE_BINARY},
        {"application/json", "CE-Id: i\nCe-Source: /s\nCe-Type: t\nCE-SPECVERSION: 0.3\n", "", true,
         GN_OK, GN_CE_BINARY},
        {"application/json", "ce-id: i\nce-source: s\n", "{}", false, GN_EUNSUPPORTED,
         GN_CE_BINARY},
        {"application/cloudevent", "", "{}", false, GN_EUNSUPPORTED, GN_CE_BINARY},
        {NULL, "", "{" MIN_1_0 "}", false, GN_EUNSUPPORTED, GN_CE_BINARY},
        {NULL, "ce-id: i\nce-source: s\nce-type: t\nce-specversion: 2.0\n", "", true,
         GN_EUNSUPPORTED, GN_CE_BINARY},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_ce_header headers[HEADER_MAX];
        const struct gn_ce_http http = {.content_type = gn_str_of(rows[i].type),
                                        .headers = headers,
                                        .header_count = split_headers(rows[i].headers, headers)};
        struct bed bed;

        assert_int_equal(gn_ce_is_http(&http), rows[i].is_http);
        assert_int_equal(decode_http(&bed, rows[i].type, rows[i].headers, gn_str_of(rows[i].body)),
                         rows[i].err);
        assert_int_equal(bed.events.mode, rows[i].mode);
        assert_string_equal(bed.error, "");
        gn_arena_fini(&bed.arena);
    }
}

static void every_attribute_is_read_from_headers(void **state)
{
    const struct gn_cloudevent *event;
    struct bed bed;

    (void)state;
    assert_int_equal(decode_http(&bed, "text/plain; charset=utf-8",
                                 "Host: x\nCe-Id: 1\nCe-Source: /a\nCe-Specversion: 0.3\n"
                                 "Ce-Subject: /b\nCe-Time: 2026-11-21T03:49:30Z\nCe-Type: t\n"
                                 "Ce-Schemaurl: u\nCe-Trace1: x\nX-Ce: 1\nce: 2\nce-source: /c\n",
                                 GN_STR("hello")),
                     GN_OK);
    event = bed.events.events;
    assert_int_equal(bed.events.count, 1);
    assert_int_equal(event->version, GN_CE_0_3);
    assert_str(event->id, "1");
    assert_str(event->source, "/c");
    assert_str(event->subject, "/b");
    assert_str(event->time, "2026-11-21T03:49:30Z");
    assert_str(event->type, "t");
    assert_str(event->dataschema, "u");
    assert_str(event->datacontenttype, "text/plain; charset=utf-8");
    assert_int_equal(event->kind, GN_CE_BYTES);
    assert_str(event->data, "hello");
    assert_int_equal(event->extension_count, 1);
    assert_str(event->extensions[0].name, "trace1");
    assert_str(event->extensions[0].value, "x");
    gn_arena_fini(&bed.arena);
}

static void header_values_are_unquoted_and_decoded_once(void **state)
{
    static const struct {
        const char *value, *want; /* want: NULL when refused */
    } rows[] = {
        {"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"\xE2\x82\xAC", "\xE2\x82\xAC"},
        {"%2525", "%25"},
        {"%e2%82%ac", "\xE2\x82\xAC"},
        {"a+b c", "a+b c"},
        {" \t padded\t ", "padded"},
        {"\"quoted text\"", "quoted text"},
        {"\"a\\\"b\\\\c\\d\"", "a\"b\\cd"},
        {"\"%41\\%42\"", "AB"},
        {"\"\"", ""},
        {"\"", "\""},
        {"\"open", "\"open"},
        {"close\"", "close\""},
        {"%22a%22", "\"a\""},
        {"\"%22a%22\"", "\"a\""},
        {"", ""},
        {"\"a\\\"", NULL},
        {"%C0%A0", NULL},
        {"%ED%A0%80", NULL},
        {"\xC0\xA0", NULL},
        {"%FF", NULL},
        {"%00", "%00"},
        {"100%", "100%"},
        {"%4", "%4"},
        {"%zz %41", "%zz %41"},
    };
    char headers[256];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;
        enum gn_err err;

        (void)snprintf(headers, sizeof headers, BINARY "Ce-Ext: %s\n", rows[i].value);
        err = decode_http(&bed, NULL, headers, GN_STR_NONE);
        assert_int_equal(err, rows[i].want != NULL ? GN_OK : GN_EINVAL);
        if (err == GN_OK)
            assert_str(bed.events.events[0].extensions[0].value, rows[i].want);
        else
            assert_string_equal(bed.error, "Ext: MUST be percent-encoded UTF-8");
        gn_arena_fini(&bed.arena);
    }
}

static void a_header_without_value_is_empty(void **state)
{
    const struct gn_ce_header headers[] = {
        {GN_STR("ce-specversion"), GN_STR("1.0")}, {GN_STR("ce-id"), GN_STR("i")},
        {GN_STR("ce-source"), GN_STR("/s")},       {GN_STR("ce-type"), GN_STR("t")},
        {GN_STR("ce-subject"), GN_STR_NONE},       {GN_STR("ce-ext"), GN_STR_NONE},
    };
    const struct gn_ce_http http = {.headers = headers, .header_count = GN_LEN(headers)};
    struct bed bed;

    (void)state;
    bed_init(&bed);
    assert_int_equal(gn_ce_decode_http(&http, &limits, &bed.arena, &bed.events, bed.error), GN_OK);
    assert_null(bed.events.events[0].subject.p);
    assert_int_equal(bed.events.events[0].extension_count, 1);
    gn_arena_fini(&bed.arena);
}

static void a_wrong_event_in_headers_is_refused_with_its_text(void **state)
{
    static const struct {
        const char *type, *headers, *error;
    } rows[] = {
        {NULL, "ce-specversion: 1.0\n", "id: MUST be a non-empty string"},
        {NULL, "ce-specversion: 1.0\nce-id: i\nce-type: t\n", "source: REQUIRED"},
        {NULL, "ce-specversion: 1.0\nce-id: i\nce-type: t\nce-source: \"\"\n", "source: REQUIRED"},
        {NULL, "ce-specversion: 1.0\nce-id: i\nce-source: /s\n",
         "type: MUST be a non-empty string"},
        {NULL, "ce-specversion: \n", "specversion: REQUIRED"},
        {NULL, BINARY "ce-time: today\n",
         "time: cannot convert \"today\" to time.Time: not in RFC3339 format"},
        {NULL, BINARY "ce-subject: a%0Ab\n", "subject: MUST NOT hold control characters"},
        {NULL, BINARY "ce-subject: %20\n", "subject: if present, MUST be a non-empty string"},
        {NULL, BINARY "ce-my-ext: 1\n",
         "my-ext: MUST be the name of an attribute: lower-case letters and digits"},
        {NULL, BINARY "ce-: 1\n",
         ": MUST be the name of an attribute: lower-case letters and digits"},
        {NULL, BINARY "Ce-Data: 1\n",
         "data: MUST be the name of an attribute: lower-case letters and digits"},
        {NULL, BINARY "ce-datacontenttype: text/plain\n",
         "datacontenttype: MUST NOT have a header but Content-Type"},
        {"text\x01/plain", BINARY,
         "datacontenttype: if present, MUST adhere to the format specified in RFC 2046"},
        {"text/plain", BINARY "ce-datacontentencoding: quoted-printable\n",
         "datacontentencoding: if present, MUST adhere to RFC 2045 Section 6.1"},
        {"text/plain", BINARY "ce-datacontentencoding: base64\n", "data: MUST be base64"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        assert_int_equal(decode_http(&bed, rows[i].type, rows[i].headers, GN_STR("x")), GN_EINVAL);
        assert_string_equal(bed.error, rows[i].error);
        assert_int_equal(bed.events.count, 0);
        gn_arena_fini(&bed.arena);
    }
}

static void the_body_is_json_or_bytes_by_its_media_type(void **state)
{
    static const struct {
        const char *type, *headers;
        struct gn_str body;
        enum gn_err err;
        enum gn_ce_data kind;
        struct gn_str data;
    } rows[] = {
        {NULL, "", {NULL, 0}, GN_OK, GN_CE_NO_DATA, {NULL, 0}},
        {"application/json", "", GN_STR_INIT(""), GN_OK, GN_CE_NO_DATA, {NULL, 0}},
        {"text/plain", "", GN_STR_INIT(""), GN_OK, GN_CE_NO_DATA, {NULL, 0}},
        {NULL, "", GN_STR_INIT("{ }"), GN_OK, GN_CE_JSON, GN_STR_INIT("{ }")},
        {"", "", GN_STR_INIT("1"), GN_OK, GN_CE_JSON, GN_STR_INIT("1")},
        {"application/JSON;charset=utf-8", "", GN_STR_INIT("\xEF\xBB\xBF null\n\0"), GN_OK,
         GN_CE_JSON, GN_STR_INIT("null")},
        {"application/ld+json", "", GN_STR_INIT("\"x\""), GN_OK, GN_CE_JSON, GN_STR_INIT("\"x\"")},
        {"application/json", "", GN_STR_INIT(" "), GN_EPARSE, GN_CE_NO_DATA, {NULL, 0}},
        {"application/json", "", GN_STR_INIT("{} {}"), GN_EPARSE, GN_CE_NO_DATA, {NULL, 0}},
        {"application/json", "", GN_STR_INIT("\"\xFF\""), GN_EPARSE, GN_CE_NO_DATA, {NULL, 0}},
        {NULL, "", GN_STR_INIT("text"), GN_EPARSE, GN_CE_NO_DATA, {NULL, 0}},
        {"+json", "", GN_STR_INIT("x"), GN_OK, GN_CE_BYTES, GN_STR_INIT("x")},
        {"application/octet-stream", "", GN_STR_INIT("\0\xFF{"), GN_OK, GN_CE_BYTES,
         GN_STR_INIT("\0\xFF{")},
        {"text/plain", "ce-datacontentencoding: base64\n", GN_STR_INIT("aGVsbG8="), GN_OK,
         GN_CE_BYTES, GN_STR_INIT("hello")},
        {"application/json", "ce-datacontentencoding: BASE64\n", GN_STR_INIT("e30="), GN_OK,
         GN_CE_JSON, GN_STR_INIT("{}")},
    };
    char headers[256];

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        (void)snprintf(headers, sizeof headers, BINARY "%s", rows[i].headers);
        assert_int_equal(decode_http(&bed, rows[i].type, headers, rows[i].body), rows[i].err);
        if (rows[i].err == GN_OK) {
            assert_int_equal(bed.events.events[0].kind, rows[i].kind);
            assert_view(bed.events.events[0].data, rows[i].data);
        }
        gn_arena_fini(&bed.arena);
    }
}

/* ---- names ---- */

static void extension_names_are_short_words_that_are_not_taken(void **state)
{
    static const struct {
        const char *name;
        bool is_name;
    } rows[] = {
        {"traceparent", true},
        {"1", true},
        {"a0123456789012345678901234567890123456789012345678901234567890123"
         "",
         false},
        {"a012345678901234567890123456789012345678901234567890123456789012", true},
        {"", false},
        {"A", false},
        {"a_b", false},
        {"a-b", false},
        {"\xC3\xA9", false},
        {"id", false},
        {"source", false},
        {"specversion", false},
        {"type", false},
        {"subject", false},
        {"time", false},
        {"data", false},
        {"datacontenttype", false},
        {"datacontentencoding", false},
        {"dataschema", false},
        {"schemaurl", false},
        {"data_base64", false},
        {"dataref", true},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_ce_is_extension_name(gn_str_of(rows[i].name)), rows[i].is_name);
    assert_false(gn_ce_is_extension_name(GN_STR_NONE));
}

/* ---- encoding ---- */

static struct gn_cloudevent full_event(enum gn_ce_version version)
{
    static const struct gn_ce_extension extensions[] = {
        {GN_STR_INIT("partitionkey"), GN_STR_INIT("a \"b\""), false},
        {GN_STR_INIT("severitynumber"), GN_STR_INIT("17"), true},
        {GN_STR_INIT("1x"), GN_STR_INIT("\xC3\xA9%"), false},
    };

    return (struct gn_cloudevent){
        .version = version,
        .id = GN_STR("i-1"),
        .source = GN_STR("/cluster/node/n1"),
        .type = GN_STR("event.redfish.alert"),
        .subject = GN_STR("/sub ject"),
        .time = GN_STR("2026-11-21T03:49:30Z"),
        .datacontenttype = GN_STR("application/json; charset=\"utf-8\""),
        .dataschema = GN_STR("http://x"),
        .extensions = extensions,
        .extension_count = GN_LEN(extensions),
        .kind = GN_CE_JSON,
        .data = GN_STR("{ \"a\" : [ 1 ] }"),
    };
}

static void json_has_its_members_in_order(void **state)
{
    struct gn_cloudevent event = full_event(GN_CE_1_0);
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    gn_ce_write_json(&event, &out);
    assert_str(gn_buf_str(&out),
               "{\"specversion\":\"1.0\",\"id\":\"i-1\",\"source\":\"/cluster/node/n1\","
               "\"type\":\"event.redfish.alert\",\"subject\":\"/sub ject\","
               "\"datacontenttype\":\"application/json; charset=\\\"utf-8\\\"\","
               "\"dataschema\":\"http://x\",\"time\":\"2026-11-21T03:49:30Z\","
               "\"partitionkey\":\"a \\\"b\\\"\",\"severitynumber\":17,\"1x\":\"\xC3\xA9%\","
               "\"data\":{\"a\":[1]}}");
    gn_buf_reset(&out);
    event = (struct gn_cloudevent){.version = GN_CE_0_3,
                                   .id = GN_STR("i"),
                                   .source = GN_STR("s"),
                                   .type = GN_STR("t"),
                                   .dataschema = GN_STR("u"),
                                   .kind = GN_CE_BYTES,
                                   .data = GN_STR("\xFF")};
    gn_ce_write_json(&event, &out);
    assert_str(gn_buf_str(&out),
               "{\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\","
               "\"schemaurl\":\"u\",\"datacontentencoding\":\"base64\","
               "\"data\":\"/w==\"}");
    gn_buf_reset(&out);
    event.version = GN_CE_1_0;
    event.dataschema = GN_STR_NONE;
    gn_ce_write_json(&event, &out);
    assert_str(gn_buf_str(&out),
               "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\","
               "\"data_base64\":\"/w==\"}");
    gn_buf_free(&out);
}

static void json_of_0_3_is_what_current_state_answers(void **state)
{
    const struct gn_event_parts parts = {
        .id = {"789be75d-7ac3-472e-bbbc-6d62878aad4a"},
        .type = GN_STR("event.redfish.alert"),
        .source = GN_STR("/cluster/node/n1/redfish/v1/Systems"),
        .resource = GN_STR("/cluster/node/n1/redfish/v1/Systems"),
        .data = GN_STR("{\"version\":\"v1\",\"values\":[]}"),
        .time_ns = 1,
    };
    struct gn_event *old = gn_event_new(&parts);
    struct gn_buf want = GN_BUF_INIT, got = GN_BUF_INIT;
    const struct gn_cloudevent event = {
        .version = GN_CE_0_3,
        .id = gn_str_of(parts.id.text),
        .source = parts.resource,
        .type = parts.type,
        .subject = parts.source,
        .time = GN_STR("1970-01-01T00:00:00.000000001Z"),
        .datacontenttype = GN_STR("application/json"),
        .kind = GN_CE_JSON,
        .data = parts.data,
    };

    (void)state;
    assert_non_null(old);
    gn_cne_structured(old, &want);
    gn_ce_write_json(&event, &got);
    assert_string_equal(got.data, want.data);
    gn_buf_free(&want);
    gn_buf_free(&got);
    gn_event_unref(old);
}

/* The lines joined by newlines. */
static void join_lines(struct gn_buf *lines)
{
    for (size_t i = 0; i < lines->len; i++)
        if (lines->data[i] == '\0')
            lines->data[i] = '\n';
}

static void headers_have_their_order_and_are_encoded(void **state)
{
    struct gn_cloudevent event = full_event(GN_CE_0_3);
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_ce_write_headers(&event, &out), 11);
    join_lines(&out);
    assert_str(gn_buf_str(&out), "Ce-Id: i-1\nCe-Source: /cluster/node/n1\nCe-Specversion: 0.3\n"
                                 "Ce-Subject: /sub%20ject\nCe-Time: 2026-11-21T03:49:30Z\n"
                                 "Ce-Type: event.redfish.alert\nCe-Schemaurl: http://x\n"
                                 "Ce-Partitionkey: a%20%22b%22\nCe-Severitynumber: 17\n"
                                 "Ce-1x: %C3%A9%25\n"
                                 "Content-Type: application/json; charset=\"utf-8\"\n");
    gn_buf_reset(&out);
    event = (struct gn_cloudevent){.version = GN_CE_1_0,
                                   .id = GN_STR("a\x7F\r\n"),
                                   .source = GN_STR("!~"),
                                   .type = GN_STR("t"),
                                   .dataschema = GN_STR("d")};
    assert_int_equal(gn_ce_write_headers(&event, &out), 5);
    join_lines(&out);
    assert_str(gn_buf_str(&out), "Ce-Id: a%7F%0D%0A\nCe-Source: !~\nCe-Specversion: 1.0\n"
                                 "Ce-Type: t\nCe-Dataschema: d\n");
    gn_buf_free(&out);
}

static void the_content_type_is_always_said_when_there_is_data(void **state)
{
    static const struct {
        struct gn_str type;
        enum gn_ce_data kind;
        const char *want;
    } rows[] = {
        {{NULL, 0}, GN_CE_NO_DATA, NULL},
        {{NULL, 0}, GN_CE_JSON, "Content-Type: application/json"},
        {{NULL, 0}, GN_CE_BYTES, "Content-Type: application/octet-stream"},
        {GN_STR_INIT("a/b"), GN_CE_NO_DATA, "Content-Type: a/b"},
        {GN_STR_INIT("a/b\r\nX: y"), GN_CE_JSON, "Content-Type: a/b%0D%0AX: y"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_cloudevent event = {.version = GN_CE_1_0,
                                            .id = GN_STR("i"),
                                            .source = GN_STR("s"),
                                            .type = GN_STR("t"),
                                            .datacontenttype = rows[i].type,
                                            .kind = rows[i].kind};
        const struct gn_str before = GN_STR("Ce-Id: i\0Ce-Source: s\0Ce-Specversion: 1.0\0"
                                            "Ce-Type: t\0");
        struct gn_buf out = GN_BUF_INIT;

        assert_int_equal(gn_ce_write_headers(&event, &out), rows[i].want != NULL ? 5 : 4);
        assert_true(gn_str_has_prefix(gn_buf_str(&out), before));
        if (rows[i].want != NULL)
            assert_string_equal(out.data + before.len, rows[i].want);
        else
            assert_int_equal(out.len, before.len);
        gn_buf_free(&out);
    }
}

/* ---- round trips ---- */

static void assert_same(const struct gn_cloudevent *got, const struct gn_cloudevent *want)
{
    assert_int_equal(got->version, want->version);
    assert_view(got->id, want->id);
    assert_view(got->source, want->source);
    assert_view(got->type, want->type);
    assert_view(got->subject, want->subject);
    assert_view(got->time, want->time);
    assert_view(got->datacontenttype, want->datacontenttype);
    assert_view(got->dataschema, want->dataschema);
    assert_int_equal(got->kind, want->kind);
    assert_view(got->data, want->data);
    assert_int_equal(got->extension_count, want->extension_count);
    for (size_t i = 0; i < want->extension_count; i++) {
        assert_view(got->extensions[i].name, want->extensions[i].name);
        assert_view(got->extensions[i].value, want->extensions[i].value);
    }
}

static void what_is_written_decodes_to_the_same_event(void **state)
{
    static const struct {
        struct gn_str type, data;
        enum gn_ce_data kind;
    } rows[] = {
        {GN_STR_INIT("application/json"), GN_STR_INIT("{\"a\":\"\\u0000\"}"), GN_CE_JSON},
        {GN_STR_INIT("a/b+json; q=\"1\""), GN_STR_INIT("null"), GN_CE_JSON},
        {GN_STR_INIT("text/plain"), GN_STR_INIT("\xFF\0x"), GN_CE_BYTES},
        {{NULL, 0}, {NULL, 0}, GN_CE_NO_DATA},
    };
    struct gn_ce_header headers[HEADER_MAX];

    (void)state;
    for (size_t i = 0; i < 2 * GN_LEN(rows); i++) {
        struct gn_cloudevent event = full_event(i % 2 == 0 ? GN_CE_0_3 : GN_CE_1_0);
        struct gn_ce_http http = {.headers = headers};
        struct gn_buf out = GN_BUF_INIT;
        struct bed bed;

        event.datacontenttype = rows[i / 2].type;
        event.kind = rows[i / 2].kind;
        event.data = rows[i / 2].data;
        gn_ce_write_json(&event, &out);
        assert_int_equal(decode_json(&bed, gn_buf_str(&out)), GN_OK);
        assert_same(bed.events.events, &event);
        assert_true(bed.events.events[0].extensions[1].is_literal);
        gn_arena_fini(&bed.arena);

        gn_buf_reset(&out);
        (void)gn_ce_write_headers(&event, &out);
        join_lines(&out);
        http.header_count = split_headers(out.data, headers);
        http.content_type = event.datacontenttype;
        http.body = event.data;
        bed_init(&bed);
        assert_int_equal(gn_ce_decode_http(&http, &limits, &bed.arena, &bed.events, bed.error),
                         GN_OK);
        assert_same(bed.events.events, &event);
        gn_arena_fini(&bed.arena);
        gn_buf_free(&out);
    }
}

/* ---- attributes of other bindings ---- */

static enum gn_err decode_attributes(struct bed *bed, const struct gn_ce_extension *attributes,
                                     size_t count, const char *body, struct gn_cloudevent *event)
{
    bed_init(bed);
    return gn_ce_decode_attributes(attributes, count, gn_str_of(body), &limits, &bed->arena, event,
                                   bed->error);
}

static void attributes_of_other_bindings_are_plain_texts(void **state)
{
    static const struct gn_ce_extension attributes[] = {
        {.name = GN_STR_INIT("specversion"), .value = GN_STR_INIT("0.3")},
        {.name = GN_STR_INIT("id"), .value = GN_STR_INIT("\"100%25\"")},
        {.name = GN_STR_INIT("SOURCE"), .value = GN_STR_INIT(" /s ")},
        {.name = GN_STR_INIT("type"), .value = GN_STR_INIT("t\xC3\xA4")},
        {.name = GN_STR_INIT("subject"), .value = GN_STR_INIT("")},
        {.name = GN_STR_INIT("schemaurl"), .value = GN_STR_INIT("urn:x")},
        {.name = GN_STR_INIT("time"), .value = {NULL, 0}},
        {.name = GN_STR_INIT("datacontenttype"), .value = GN_STR_INIT("application/x+json")},
        {.name = GN_STR_INIT("myExt"), .value = GN_STR_INIT("7"), .is_literal = true},
        {.name = GN_STR_INIT("gone"), .value = {NULL, 0}},
    };
    struct gn_cloudevent event;
    struct bed bed;

    (void)state;
    assert_int_equal(decode_attributes(&bed, attributes, GN_LEN(attributes), " [1] ", &event),
                     GN_OK);
    assert_int_equal(event.version, GN_CE_0_3);
    assert_str(event.id, "\"100%25\"");
    assert_str(event.source, " /s ");
    assert_str(event.type, "t\xC3\xA4");
    assert_str(event.subject, NULL);
    assert_str(event.dataschema, "urn:x");
    assert_str(event.time, NULL);
    assert_str(event.datacontenttype, "application/x+json");
    assert_int_equal(event.extension_count, 1);
    assert_str(event.extensions[0].name, "myext");
    assert_true(event.extensions[0].is_literal);
    assert_int_equal(event.kind, GN_CE_JSON);
    assert_str(event.data, "[1]");
    gn_arena_fini(&bed.arena);
}

static void wrong_attributes_are_refused_as_in_headers(void **state)
{
    static const struct {
        const char *name, *value, *body;
        enum gn_err err;
        const char *error;
    } rows[] = {
        {"id", "", "", GN_EINVAL, "id: MUST be a non-empty string"},
        {"specversion", "2.0", "", GN_EUNSUPPORTED, "specversion: unknown value: 2.0"},
        {"subject", "\xFF", "", GN_EINVAL, "subject: MUST be UTF-8"},
        {"ext", "a\tb", "", GN_EINVAL, "ext: MUST NOT hold control characters"},
        {"time", "1795250000000", "", GN_EINVAL,
         "time: cannot convert \"1795250000000\" to time.Time: not in RFC3339 format"},
        {"my_ext", "x", "", GN_EINVAL,
         "my_ext: MUST be the name of an attribute: lower-case letters and digits"},
        {"ext", "x", "{", GN_EPARSE, ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_ce_extension attributes[] = {
            {.name = GN_STR("specversion"), .value = GN_STR("1.0")},
            {.name = GN_STR("id"), .value = GN_STR("i")},
            {.name = GN_STR("source"), .value = GN_STR("/s")},
            {.name = GN_STR("type"), .value = GN_STR("t")},
            {.name = gn_str_of(rows[i].name), .value = gn_str_of(rows[i].value)},
        };
        struct gn_cloudevent event;
        struct bed bed;

        assert_int_equal(decode_attributes(&bed, attributes, GN_LEN(attributes), rows[i].body,
                                           &event),
                         rows[i].err);
        assert_string_equal(bed.error, rows[i].error);
        gn_arena_fini(&bed.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attribute_of_1_0_is_read),
        cmocka_unit_test(the_spellings_of_0_3_mean_the_same),
        cmocka_unit_test(what_data_is_follows_from_type_and_member),
        cmocka_unit_test(null_and_empty_attributes_are_absent),
        cmocka_unit_test(of_members_given_twice_the_last_counts),
        cmocka_unit_test(escaped_names_are_the_names_they_mean),
        cmocka_unit_test(a_wrong_event_in_json_is_refused_with_its_text),
        cmocka_unit_test(marks_and_nuls_around_the_event_are_skipped),
        cmocka_unit_test(a_long_text_in_an_error_is_cut),
        cmocka_unit_test(extensions_are_taken_up_to_their_limit),
        cmocka_unit_test(names_and_values_are_taken_up_to_their_limits),
        cmocka_unit_test(escapes_do_not_count_for_the_limit_of_a_value),
        cmocka_unit_test(a_body_beyond_the_limits_is_refused),
        cmocka_unit_test(an_arena_too_small_is_no_memory),
        cmocka_unit_test(one_event_needs_room_too),
        cmocka_unit_test(a_content_type_beyond_the_limit_is_refused),
        cmocka_unit_test(a_batch_holds_its_events_in_order),
        cmocka_unit_test(a_wrong_batch_is_refused_as_a_whole),
        cmocka_unit_test(a_batch_is_taken_up_to_its_limit),
        cmocka_unit_test(the_mode_follows_from_media_type_and_headers),
        cmocka_unit_test(every_attribute_is_read_from_headers),
        cmocka_unit_test(header_values_are_unquoted_and_decoded_once),
        cmocka_unit_test(a_header_without_value_is_empty),
        cmocka_unit_test(a_wrong_event_in_headers_is_refused_with_its_text),
        cmocka_unit_test(the_body_is_json_or_bytes_by_its_media_type),
        cmocka_unit_test(extension_names_are_short_words_that_are_not_taken),
        cmocka_unit_test(json_has_its_members_in_order),
        cmocka_unit_test(json_of_0_3_is_what_current_state_answers),
        cmocka_unit_test(headers_have_their_order_and_are_encoded),
        cmocka_unit_test(the_content_type_is_always_said_when_there_is_data),
        cmocka_unit_test(what_is_written_decodes_to_the_same_event),
        cmocka_unit_test(attributes_of_other_bindings_are_plain_texts),
        cmocka_unit_test(wrong_attributes_are_refused_as_in_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
