/* Events are built by a byte buffer into one allocation: the struct, then the v1 body's tail, then
 * the texts that the tail does not hold as they are. */
#include "gurnard/ce/event.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"
#include "event_priv.h"

/* Room for the member names and the time, more than they need. */
#define FIXED_BYTES 160

/* Returns where data stands in the buffer. */
static size_t add_tail(struct gn_buf *out, const struct gn_event_parts *parts)
{
    char time[GN_TIME_TEXT_MAX];
    size_t data_at;

    gn_time_format(parts->time_ns, time);
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
    data_at = out->len;
    gn_buf_add_str(out, parts->data);
    gn_buf_putc(out, '}');
    return data_at;
}

void gn_event_begin(struct gn_buf *buf, size_t size)
{
    const struct gn_event empty = {0};

    gn_buf_reserve(buf, size);
    gn_buf_add(buf, &empty, sizeof empty);
}

static struct gn_str add_text(struct gn_buf *buf, struct gn_str text)
{
    const char *at = buf->data + buf->len;

    gn_buf_add_str(buf, text);
    return (struct gn_str){at, text.len};
}

struct gn_event *gn_event_end(struct gn_buf *buf, const struct gn_event_parts *parts,
                              size_t data_at)
{
    const size_t tail_at = sizeof(struct gn_event);
    const size_t tail_end = buf->len;
    struct gn_event *event;

    /* no text moves from here on */
    gn_buf_reserve(buf, gn_event_texts_size(parts));
    if (gn_buf_err(buf) != GN_OK)
        return NULL;
    GN_ASSERT(buf->cap <= UINT32_MAX);
    event = (struct gn_event *)(void *)buf->data; /* malloc aligned it; free() takes it back */
    *event = (struct gn_event){
        .refs = 1,
        .bytes_held = (uint32_t)buf->cap,
        .id = parts->id,
        .time_ns = parts->time_ns,
        .received_ns = parts->received_ns,
        .received_us = parts->received_us,
        .lane = parts->lane,
        .rank = parts->rank,
        .is_named = parts->is_named,
        .flags = parts->flags,
        .origin = add_text(buf, parts->origin),
        .type = add_text(buf, parts->type),
        .source = add_text(buf, parts->source),
        .resource = add_text(buf, parts->resource),
        .attributes = parts->attributes.len > 0 ? add_text(buf, parts->attributes) : GN_STR_NONE,
        .data = {buf->data + data_at, parts->data.len},
        .cne_tail = {buf->data + tail_at, tail_end - tail_at},
    };
    *buf = gn_buf_with_limit(0); /* the event has the bytes now */
    return event;
}

size_t gn_event_texts_size(const struct gn_event_parts *parts)
{
    return parts->origin.len + parts->type.len + parts->source.len + parts->resource.len +
           parts->attributes.len;
}

/* What the event needs when no text needs an escape, as is usual. */
static size_t plain_size(const struct gn_event_parts *parts)
{
    return sizeof(struct gn_event) + FIXED_BYTES + parts->type.len + parts->source.len +
           parts->data_schema.len + parts->data.len + gn_event_texts_size(parts);
}

struct gn_event *gn_event_new(const struct gn_event_parts *parts)
{
    const size_t size = plain_size(parts);
    struct gn_buf buf = gn_buf_with_limit(size);
    struct gn_event *event;

    gn_event_begin(&buf, size);
    event = gn_event_end(&buf, parts, add_tail(&buf, parts));
    if (gn_buf_err(&buf) == GN_ELIMIT) { /* there are escapes: let the buffer grow as it likes */
        gn_buf_free(&buf);
        buf = GN_BUF_INIT;
        gn_event_begin(&buf, size);
        event = gn_event_end(&buf, parts, add_tail(&buf, parts));
    }
    gn_buf_free(&buf);
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
