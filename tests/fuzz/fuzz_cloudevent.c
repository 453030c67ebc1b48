/* fuzz folder: ce   CloudEvents. The first line is a media type, or empty; lines `name: value`
 * follow up to an empty one, then the body. What is accepted is written in both modes and must be
 * decoded to the same event. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cloudevent.h"

#define HEADERS_MAX 64
#define ARENA_BYTES ((size_t)16 << 20)

static const struct gn_json_limits limits = {.max_bytes = 1 << 20,
                                             .max_depth = 16,
                                             .max_tokens = 4096};
/* What is written may be larger than what came: by escapes, percent codes and the envelope. */
static const struct gn_json_limits out_limits = {.max_bytes = 1 << 24,
                                                 .max_depth = 20,
                                                 .max_tokens = 65536};

/* Takes lines off text up to an empty one. */
static size_t split_headers(struct gn_str *text, struct gn_ce_header headers[HEADERS_MAX])
{
    size_t count = 0;

    while (count < HEADERS_MAX) {
        const struct gn_str line = gn_str_cut(*text, '\n', text);

        if (line.len == 0)
            break;
        headers[count].name = gn_str_cut(line, ':', &headers[count].value);
        count++;
    }
    return count;
}

static void assert_same_text(struct gn_str a, struct gn_str b)
{
    GN_ASSERT((a.p == NULL) == (b.p == NULL));
    GN_ASSERT(gn_str_eq(a, b));
}

/* with_data: also the data and its type, which the binary mode cannot always carry. */
static void assert_same(const struct gn_cloudevent *a, const struct gn_cloudevent *b,
                        bool with_data)
{
    GN_ASSERT(a->version == b->version);
    assert_same_text(a->id, b->id);
    assert_same_text(a->source, b->source);
    assert_same_text(a->type, b->type);
    assert_same_text(a->subject, b->subject);
    assert_same_text(a->time, b->time);
    assert_same_text(a->dataschema, b->dataschema);
    GN_ASSERT(a->extension_count == b->extension_count);
    for (size_t i = 0; i < a->extension_count; i++) {
        assert_same_text(a->extensions[i].name, b->extensions[i].name);
        assert_same_text(a->extensions[i].value, b->extensions[i].value);
    }
    if (!with_data)
        return;
    assert_same_text(a->datacontenttype, b->datacontenttype);
    GN_ASSERT(a->kind == b->kind);
    if (a->kind == GN_CE_JSON) { /* it was written compact */
        struct gn_buf compact = GN_BUF_INIT;

        gn_json_add_compact(&compact, a->data);
        GN_ASSERT(gn_str_eq(gn_buf_str(&compact), b->data));
        gn_buf_free(&compact);
    } else {
        assert_same_text(a->data, b->data);
    }
}

static void assert_sane(const struct gn_cloudevent *event)
{
    GN_ASSERT(event->id.len > 0 && event->source.len > 0 && event->type.len > 0);
    GN_ASSERT(gn_text_is_utf8(event->id) && gn_text_is_utf8(event->source));
    GN_ASSERT(gn_text_is_utf8(event->type) && gn_text_is_utf8(event->subject));
    GN_ASSERT(event->extension_count <= GN_CE_EXTENSIONS_MAX);
    for (size_t i = 0; i < event->extension_count; i++) {
        GN_ASSERT(gn_ce_is_extension_name(event->extensions[i].name));
        GN_ASSERT(gn_text_is_utf8(event->extensions[i].value));
    }
    GN_ASSERT((event->kind == GN_CE_NO_DATA) == (event->data.p == NULL));
    if (event->kind == GN_CE_JSON)
        GN_ASSERT(gn_json_check(event->data, &limits) == GN_OK);
}

static void check_json(const struct gn_cloudevent *event)
{
    struct gn_buf out = GN_BUF_INIT, again = GN_BUF_INIT;
    char error[GN_CE_ERROR_MAX];
    struct gn_ce_events events;
    struct gn_arena arena;
    enum gn_err err;

    gn_arena_init(&arena, ARENA_BYTES);
    gn_ce_write_json(event, &out);
    err = gn_ce_decode_json(gn_buf_str(&out), false, &out_limits, &arena, &events, error);
    GN_ASSERT(err == GN_OK && events.count == 1);
    assert_same(event, events.events, true);
    gn_ce_write_json(events.events, &again);
    GN_ASSERT(gn_str_eq(gn_buf_str(&out), gn_buf_str(&again)));
    gn_buf_free(&out);
    gn_buf_free(&again);
    gn_arena_fini(&arena);
}

static void check_headers(const struct gn_cloudevent *event)
{
    struct gn_ce_header headers[HEADERS_MAX];
    struct gn_ce_http http = {.headers = headers, .body = event->data};
    char error[GN_CE_ERROR_MAX];
    struct gn_buf out = GN_BUF_INIT;
    struct gn_ce_events events;
    struct gn_arena arena;
    struct gn_str rest;
    enum gn_err err;

    http.header_count = gn_ce_write_headers(event, &out);
    GN_ASSERT(http.header_count <= HEADERS_MAX);
    rest = gn_buf_str(&out);
    for (size_t i = 0; i < http.header_count; i++) {
        const struct gn_str line = gn_str_cut(rest, '\0', &rest);

        for (size_t j = 0; j < line.len; j++)
            GN_ASSERT(line.p[j] >= 0x20 && line.p[j] < 0x7F);
        headers[i].name = gn_str_cut(line, ':', &headers[i].value);
        if (gn_str_eq(headers[i].name, GN_STR("Content-Type")))
            http.content_type = gn_str_trim(headers[i].value);
    }
    GN_ASSERT(rest.len == 0);
    gn_arena_init(&arena, ARENA_BYTES);
    err = gn_ce_decode_http(&http, &out_limits, &arena, &events, error);
    if (events.mode == GN_CE_BINARY) { /* else the data is itself in a format of CloudEvents */
        /* bytes that call themselves JSON */
        GN_ASSERT(err == GN_OK || (err == GN_EPARSE && event->kind == GN_CE_BYTES));
        if (err == GN_OK)
            assert_same(event, events.events, false);
    }
    gn_buf_free(&out);
    gn_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str rest = {(const char *)data, size};
    struct gn_ce_header headers[HEADERS_MAX];
    struct gn_ce_http http = {.headers = headers};
    char error[GN_CE_ERROR_MAX];
    struct gn_ce_events events;
    struct gn_arena arena;
    enum gn_err err;

    http.content_type = gn_str_cut(rest, '\n', &rest);
    http.header_count = split_headers(&rest, headers);
    http.body = rest;
    gn_arena_init(&arena, ARENA_BYTES);
    err = gn_ce_decode_http(&http, &limits, &arena, &events, error);
    GN_ASSERT(gn_ce_is_http(&http) || err == GN_EUNSUPPORTED);
    GN_ASSERT(memchr(error, '\0', sizeof error) != NULL);
    GN_ASSERT(gn_text_is_utf8(gn_str_of(error)));
    GN_ASSERT(err == GN_EINVAL ? error[0] != '\0' : err == GN_EUNSUPPORTED || error[0] == '\0');
    GN_ASSERT(err == GN_OK || events.count == 0);
    for (size_t i = 0; i < events.count; i++) {
        assert_sane(&events.events[i]);
        check_json(&events.events[i]);
        check_headers(&events.events[i]);
    }
    gn_arena_fini(&arena);
    return 0;
}
