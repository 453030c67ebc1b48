/* fuzz folder: transport   CloudEvents in AMQP messages: the bytes of one message. What is accepted
 * is written in both modes, both with timestamps and without, and must be read as the same event.
 */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/transport/amqp_event.h"

#define ARENA_BYTES ((size_t)16 << 20)

static void assert_same_text(struct gn_str a, struct gn_str b)
{
    GN_ASSERT((a.p == NULL) == (b.p == NULL));
    GN_ASSERT(gn_str_eq(a, b));
}

static int64_t ms_of(struct gn_str time)
{
    int64_t ns;
    const enum gn_err err = gn_time_parse(time, &ns);

    GN_ASSERT(err == GN_OK);
    return ns / 1000000 - (ns % 1000000 < 0);
}

/* was_timestamp: the time has become milliseconds in UTC. */
static void assert_same(const struct gn_cloudevent *a, const struct gn_cloudevent *b,
                        bool was_timestamp)
{
    GN_ASSERT(a->version == b->version);
    assert_same_text(a->id, b->id);
    assert_same_text(a->source, b->source);
    assert_same_text(a->type, b->type);
    assert_same_text(a->subject, b->subject);
    assert_same_text(a->dataschema, b->dataschema);
    if (was_timestamp && a->time.p != NULL)
        GN_ASSERT(ms_of(a->time) == ms_of(b->time));
    else
        assert_same_text(a->time, b->time);
    GN_ASSERT(a->extension_count == b->extension_count);
    for (size_t i = 0; i < a->extension_count; i++) {
        assert_same_text(a->extensions[i].name, b->extensions[i].name);
        assert_same_text(a->extensions[i].value, b->extensions[i].value);
        GN_ASSERT(a->extensions[i].is_literal || !b->extensions[i].is_literal);
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
}

/* Data that came by one mode does not always fit the other: bytes that call themselves JSON, or an
 * event as the data of another. */
static void check_mode(const struct gn_cloudevent *event, enum gn_ce_mode mode, bool as_timestamp)
{
    struct gn_buf out = GN_BUF_INIT;
    char error[GN_CE_ERROR_MAX];
    struct gn_cloudevent again;
    struct gn_arena arena;
    enum gn_ce_mode told;
    enum gn_err err = gn_ce_mode_of(gn_ce_body_type(event), &told);

    if (mode == GN_CE_BINARY && (err != GN_OK || told != GN_CE_BINARY))
        return;
    gn_arena_init(&arena, ARENA_BYTES);
    err = gn_amqp_event_encode(event, mode,
                               as_timestamp ? GN_AMQP_PREFIX_COLON : GN_AMQP_PREFIX_UNDERSCORE,
                               as_timestamp, !as_timestamp, &out);
    GN_ASSERT(err == GN_OK);
    err = gn_amqp_event_decode(gn_buf_str(&out), &arena, &again, error);
    GN_ASSERT(err == GN_OK ||
              (err == GN_EPARSE && mode == GN_CE_BINARY && event->kind == GN_CE_BYTES));
    if (err == GN_OK)
        assert_same(event, &again, mode == GN_CE_BINARY && as_timestamp);
    gn_buf_free(&out);
    gn_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str message = {(const char *)data, size};
    char error[GN_CE_ERROR_MAX];
    struct gn_cloudevent event;
    struct gn_arena arena;
    enum gn_err err;

    gn_arena_init(&arena, ARENA_BYTES);
    err = gn_amqp_event_decode(message, &arena, &event, error);
    GN_ASSERT(memchr(error, '\0', sizeof error) != NULL);
    GN_ASSERT(gn_text_is_utf8(gn_str_of(error)));
    GN_ASSERT(err == GN_EINVAL ? error[0] != '\0' : err == GN_EUNSUPPORTED || error[0] == '\0');
    if (err == GN_OK) {
        assert_sane(&event);
        check_mode(&event, GN_CE_BINARY, true);
        check_mode(&event, GN_CE_BINARY, false);
        check_mode(&event, GN_CE_STRUCTURED, false);
    }
    gn_arena_fini(&arena);
    return 0;
}
