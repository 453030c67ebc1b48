/* Events are built by a byte buffer into one allocation: the struct, then the v1 body's tail, then
 * the texts that the tail does not hold as they are. */
#include "gurnard/ce/event.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"

/* Room for the member names and the time, more than they need. */
#define FIXED_BYTES 160

/* Where the parts stand in the allocation. */
struct layout {
    size_t tail, data, type, source, resource;
};

static void add_tail(struct gn_buf *out, const struct gn_event_parts *parts, struct layout *at)
{
    char time[GN_TIME_TEXT_MAX];

    gn_time_format(parts->time_ns, time);
    at->tail = out->len;
    gn_buf_puts(out, "\",\"type\":");
    gn_text_add_json(out, parts->type);
    gn_buf_puts(out, ",\"source\":");
    gn_text_add_json(out, parts->source);
    gn_buf_puts(out, ",\"dataContentType\":\"application/json\"");
    if (parts->data_schema.len > 0) {
        gn_buf_puts(out, ",\"dataSchema\":");
        gn_text_add_json(out, parts->data_schema);
    }
    gn_buf_puts(out, ",\"time\":\"");
    gn_buf_puts(out, time);
    gn_buf_putc(out, '"');
    if (parts->data.len > 0)
        gn_buf_puts(out, ",\"data\":");
    at->data = out->len;
    gn_buf_add_str(out, parts->data);
    gn_buf_putc(out, '}');
}

/* What the event needs when no text needs an escape, as is usual. */
static size_t plain_size(const struct gn_event_parts *parts)
{
    return sizeof(struct gn_event) + FIXED_BYTES + 2 * parts->type.len + 2 * parts->source.len +
           parts->resource.len + parts->data_schema.len + parts->data.len;
}

static void add_all(struct gn_buf *out, const struct gn_event_parts *parts, struct layout *at)
{
    const struct gn_event empty = {.refs = 1};

    gn_buf_reserve(out, plain_size(parts));
    gn_buf_add(out, &empty, sizeof empty);
    add_tail(out, parts, at);
    at->type = out->len;
    gn_buf_add_str(out, parts->type);
    at->source = out->len;
    gn_buf_add_str(out, parts->source);
    at->resource = out->len;
    gn_buf_add_str(out, parts->resource);
}

struct gn_event *gn_event_new(const struct gn_event_parts *parts)
{
    struct gn_buf buf = gn_buf_with_limit(plain_size(parts));
    struct gn_event *event;
    struct layout at;
    const char *base;

    add_all(&buf, parts, &at);
    if (gn_buf_err(&buf) == GN_ELIMIT) { /* there are escapes: let the buffer grow as it likes */
        gn_buf_free(&buf);
        buf = GN_BUF_INIT;
        add_all(&buf, parts, &at);
    }
    if (gn_buf_err(&buf) != GN_OK) {
        gn_buf_free(&buf);
        return NULL;
    }
    GN_ASSERT(buf.cap <= UINT32_MAX);
    base = buf.data;
    event = (struct gn_event *)(void *)buf.data; /* malloc aligned it; free() takes it back */
    event->bytes_held = (uint32_t)buf.cap;
    event->id = parts->id;
    event->time_ns = parts->time_ns;
    event->received_us = parts->received_us;
    event->lane = parts->lane;
    event->type = (struct gn_str){base + at.type, parts->type.len};
    event->source = (struct gn_str){base + at.source, parts->source.len};
    event->resource = (struct gn_str){base + at.resource, parts->resource.len};
    event->data = (struct gn_str){base + at.data, parts->data.len};
    event->cne_tail = (struct gn_str){base + at.tail, at.type - at.tail};
    return event;
}

struct gn_event *gn_event_ref(struct gn_event *event)
{
    GN_ASSERT(event->refs > 0 && event->refs < UINT32_MAX);
    event->refs++;
    return event;
}

void gn_event_unref(struct gn_event *event)
{
    if (event == NULL)
        return;
    GN_ASSERT(event->refs > 0);
    if (--event->refs == 0)
        free(event);
}
