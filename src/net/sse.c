/* Server-sent events: bytes to lines, lines to fields, fields to events. Lines are gathered whole
 * before anything is read from them, so it does not matter how the bytes were cut. */
#include "gurnard/net/sse.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define KEEP_MAX_BYTES  ((size_t)64 << 10) /* buffer that is kept from one event to the next */

/* ---- the JSON of data: as much as tells whether it goes on ---- */

/* Only an object or an array is looked at; what begins otherwise counts as complete. */
static void follow_json(struct gn_sse_json *json, struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];

        if (json->is_escaped) {
            json->is_escaped = false;
        } else if (json->is_in_string) {
            json->is_escaped = c == '\\';
            json->is_in_string = c != '"';
        } else if (json->has_ended || c == ' ' || c == '\t') {
            continue;
        } else if (c == '{' || c == '[') {
            json->depth++;
        } else if (json->depth == 0) {
            json->has_ended = true;
        } else if (c == '}' || c == ']') {
            json->depth--;
            json->has_ended = json->depth == 0;
        } else {
            json->is_in_string = c == '"';
        }
    }
}

/* ---- events ---- */

static void empty(struct gn_buf *buf)
{
    if (buf->cap > KEEP_MAX_BYTES)
        gn_buf_free(buf);
    gn_buf_reset(buf);
}

static void forget_event(struct gn_sse *sse)
{
    empty(&sse->data);
    gn_buf_reset(&sse->type);
    sse->has_data = false;
    sse->json = (struct gn_sse_json){0};
}

static enum gn_err set_text(struct gn_buf *buf, struct gn_str text)
{
    gn_buf_reset(buf);
    gn_buf_add_str(buf, text);
    return gn_buf_err(buf);
}

static enum gn_err add_data(struct gn_sse *sse, struct gn_str text)
{
    if (sse->has_data)
        gn_buf_putc(&sse->data, '\n');
    sse->has_data = true;
    gn_buf_add_str(&sse->data, text);
    follow_json(&sse->json, text);
    return gn_buf_err(&sse->data);
}

/* An empty line. From now on the id is that of the last event, also of one without data. */
static enum gn_err end_event(struct gn_sse *sse)
{
    enum gn_err err = set_text(&sse->id, gn_buf_str(&sse->begun_id));
    struct gn_sse_event event;

    if (err != GN_OK)
        return err;
    if (sse->data.len > 0) {
        event = (struct gn_sse_event){.id = gn_buf_str(&sse->id),
                                      .type = gn_buf_str(&sse->type),
                                      .data = gn_buf_str(&sse->data)};
        sse->events++;
        sse->fn(sse->ctx, &event);
    }
    forget_event(sse);
    return GN_OK;
}

/* ---- lines ---- */

static enum gn_err set_id(struct gn_sse *sse, struct gn_str value)
{
    if (value.len > GN_SSE_ID_MAX || (value.len > 0 && memchr(value.p, '\0', value.len) != NULL))
        return GN_OK;
    return set_text(&sse->begun_id, value);
}

static void set_retry(struct gn_sse *sse, struct gn_str value)
{
    unsigned long long ms;

    if (gn_str_to_u64(value, UINT64_MAX, &ms))
        sse->retry_ms = ms;
}

static enum gn_err take_field(struct gn_sse *sse, struct gn_str line)
{
    struct gn_str value;
    struct gn_str name = gn_str_cut(line, ':', &value);

    if (value.len > 0 && value.p[0] == ' ') {
        value.p++;
        value.len--;
    }
    if (gn_str_eq(name, GN_STR("data")))
        return add_data(sse, value);
    if (gn_str_eq(name, GN_STR("event")))
        return set_text(&sse->type, value);
    if (gn_str_eq(name, GN_STR("id")))
        return set_id(sse, value);
    if (gn_str_eq(name, GN_STR("retry")))
        set_retry(sse, value);
    else if (sse->json.depth > 0)
        return add_data(sse, line); /* of OME-Modular */
    return GN_OK;
}

static enum gn_err take_line(struct gn_sse *sse)
{
    struct gn_str line = gn_buf_str(&sse->line);

    if (!sse->has_bom_passed && gn_str_has_prefix(line, GN_STR(BYTE_ORDER_MARK))) {
        line.p += sizeof(BYTE_ORDER_MARK) - 1;
        line.len -= sizeof(BYTE_ORDER_MARK) - 1;
    }
    sse->has_bom_passed = true;
    if (line.len == 0)
        return end_event(sse);
    if (line.p[0] == ':') {
        sse->comments++;
        return GN_OK;
    }
    return take_field(sse, line);
}

/* Bytes up to the first CR or LF, all without one. */
static size_t line_len(struct gn_str bytes)
{
    size_t len = 0;

    while (len < bytes.len && bytes.p[len] != '\r' && bytes.p[len] != '\n')
        len++;
    return len;
}

/* ---- public ---- */

void gn_sse_init(struct gn_sse *sse, gn_sse_event_fn fn, void *ctx)
{
    *sse = (struct gn_sse){.fn = fn,
                           .ctx = ctx,
                           .line = gn_buf_with_limit(GN_SSE_LINE_MAX),
                           .data = gn_buf_with_limit(GN_SSE_EVENT_MAX),
                           .type = gn_buf_with_limit(GN_SSE_LINE_MAX),
                           .id = gn_buf_with_limit(GN_SSE_ID_MAX),
                           .begun_id = gn_buf_with_limit(GN_SSE_ID_MAX)};
}

void gn_sse_fini(struct gn_sse *sse)
{
    gn_buf_free(&sse->line);
    gn_buf_free(&sse->data);
    gn_buf_free(&sse->type);
    gn_buf_free(&sse->id);
    gn_buf_free(&sse->begun_id);
}

void gn_sse_restart(struct gn_sse *sse)
{
    empty(&sse->line);
    forget_event(sse);
    gn_buf_reset(&sse->begun_id);
    gn_buf_add_str(&sse->begun_id,
                   gn_buf_str(&sse->id)); /* has the room from the time it was set */
    sse->has_bom_passed = false;
    sse->ends_with_cr = false;
}

enum gn_err gn_sse_feed(struct gn_sse *sse, struct gn_str bytes)
{
    while (bytes.len > 0) {
        size_t len = line_len(bytes);
        enum gn_err err;

        if (sse->ends_with_cr && bytes.p[0] == '\n') {
            sse->ends_with_cr = false;
            bytes.p++;
            bytes.len--;
            continue;
        }
        sse->ends_with_cr = false;
        gn_buf_add(&sse->line, bytes.p, len);
        if (gn_buf_err(&sse->line) != GN_OK)
            return gn_buf_err(&sse->line);
        if (len == bytes.len)
            return GN_OK;
        sse->ends_with_cr = bytes.p[len] == '\r';
        err = take_line(sse);
        if (err != GN_OK)
            return err;
        empty(&sse->line);
        bytes.p += len + 1;
        bytes.len -= len + 1;
    }
    return GN_OK;
}
