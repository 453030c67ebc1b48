/* Messages by face. What has to be written goes into one buffer, header lines ended by NUL, and is
 * pointed at when the buffer no longer grows. */
#include "gurnard/relay/shape.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/ce/cne.h"
#include "gurnard/ce/oran.h"

#define EVENT_ID_HEADER "Gurnard-Event-Id: "
#define REPLAY_HEADER   "Gurnard-Replay: 1"
#define ARENA_MAX       ((size_t)64 << 20)

_Static_assert(GN_CNE_BODY_PARTS <= GN_MESSAGE_PARTS, "a v1 body must fit a message");

struct gn_shape_memory {
    struct gn_arena arena;
    struct gn_native_cache cache;
    struct gn_interest *interest; /* a reference, once it is kept */
};

/* What is written before the pointers are set. */
struct writing {
    const struct gn_shape_in *in;
    struct gn_shaped *shaped;
    size_t headers_at, headers_end; /* lines in text */
    size_t body_at, body_end;       /* in text; equal: the body is not there */
};

/* ---- header lines ---- */

static void add_line(struct writing *w, const char *name, struct gn_str value)
{
    struct gn_buf *text = &w->shaped->text;

    gn_buf_puts(text, name);
    gn_buf_add_str(text, value);
    gn_buf_putc(text, '\0');
}

static bool is_header_text(struct gn_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.p[i] <= 0x20 || value.p[i] >= 0x7f)
            return false;
    return value.len > 0;
}

/* What tells another gurnardd where the event came from. */
static void add_trace(struct writing *w)
{
    if (w->in->via != NULL)
        add_line(w, "Gurnard-Via: ", gn_str_of(w->in->via));
    if ((w->in->event->flags & GN_EVENT_PUBLISHED) == 0 && is_header_text(w->in->event->origin))
        add_line(w, "Gurnard-Bmc: ", w->in->event->origin);
}

static void point_at(struct gn_shaped *shaped, size_t *count, const char *line)
{
    GN_ASSERT(*count < GN_SHAPE_HEADERS_MAX);
    shaped->headers[(*count)++] = line;
}

/* Header lines of text, of the spec, and ours. */
static void finish(struct writing *w, const char *content_type)
{
    struct gn_shaped *shaped = w->shaped;
    const struct gn_native_spec *spec = w->in->interest->spec;
    const char *text = shaped->text.data;
    size_t count = 0;

    if (content_type != NULL)
        point_at(shaped, &count, content_type);
    for (size_t at = w->headers_at; at < w->headers_end; at += strlen(text + at) + 1)
        point_at(shaped, &count, text + at);
    for (size_t i = 0; spec != NULL && spec->headers[i] != NULL; i++)
        point_at(shaped, &count, spec->headers[i]);
    point_at(shaped, &count, shaped->own);
    if (w->in->is_again)
        point_at(shaped, &count, REPLAY_HEADER);
    shaped->headers[count] = NULL;
    if (w->body_end > w->body_at)
        shaped->body[0] = (struct gn_str){text + w->body_at, w->body_end - w->body_at};
}

/* ---- v1, v2, peers ---- */

static enum gn_err shape_v1(struct writing *w)
{
    gn_cne_body(w->in->event, w->in->subscription, w->shaped->body);
    finish(w, "Content-Type: " GN_CNE_CONTENT_TYPE);
    return GN_OK;
}

static enum gn_err shape_v2(struct writing *w)
{
    struct gn_buf *text = &w->shaped->text;
    enum gn_err err = gn_oran_write(w->in->event, text);

    if (err == GN_OK)
        err = gn_buf_err(text);
    if (err != GN_OK)
        return err == GN_EPARSE ? GN_EINVAL : err;
    w->body_end = w->headers_at = text->len;
    if (w->in->via != NULL)
        add_line(w, "Gurnard-Via: ", gn_str_of(w->in->via));
    if (gn_buf_err(text) != GN_OK)
        return gn_buf_err(text);
    w->headers_end = text->len;
    finish(w, "Content-Type: " GN_CNE_CONTENT_TYPE);
    return GN_OK;
}

/* time: room for it, as long as ce lives. */
static void describe_for_peer(const struct gn_shape_in *in, char time[GN_TIME_TEXT_MAX],
                              struct gn_cloudevent *ce)
{
    const struct gn_event *event = in->event;
    const char *spelled = in->interest->spelled;

    gn_time_format(event->time_ns, time);
    *ce = (struct gn_cloudevent){
        .version = GN_CE_0_3,
        .id = gn_str_of(event->id.text),
        .source = spelled != NULL ? gn_str_of(spelled) : event->resource,
        .type = event->type,
        .subject = event->source,
        .time = gn_str_of(time),
        .datacontenttype = GN_STR(GN_CNE_CONTENT_TYPE),
        .kind = GN_CE_JSON,
        .data = event->data,
    };
}

static enum gn_err shape_peer(struct writing *w)
{
    struct gn_shaped *shaped = w->shaped;

    shaped->mode = GN_CE_BINARY;
    describe_for_peer(w->in, shaped->time, &shaped->event);
    if (w->in->wants_event)
        return GN_OK;
    (void)gn_ce_write_headers(&shaped->event, &shaped->text);
    add_trace(w);
    if (gn_buf_err(&shaped->text) != GN_OK)
        return gn_buf_err(&shaped->text);
    w->headers_end = shaped->text.len;
    shaped->body[0] = w->in->event->data;
    finish(w, NULL);
    return GN_OK;
}

/* ---- native ---- */

static void write_binary(struct writing *w, const struct gn_cloudevent *ce)
{
    struct gn_buf *text = &w->shaped->text;

    gn_buf_add_str(text, ce->data);
    w->body_end = w->headers_at = text->len;
    (void)gn_ce_write_headers(ce, text);
}

/* The place of the first event from `from` on that passes; count when there is none. */
static size_t next_passing(const struct gn_native_spec *spec, const struct gn_native_view *view,
                           size_t from)
{
    while (from < view->count && !gn_native_passes(spec, &view->events[from]))
        from++;
    return from;
}

static void write_batch(struct writing *w, const struct gn_native_view *view, size_t first)
{
    const struct gn_native_spec *spec = w->in->interest->spec;
    struct gn_buf *text = &w->shaped->text;

    for (size_t i = first; i < view->count; i = next_passing(spec, view, i + 1)) {
        gn_buf_putc(text, i == first ? '[' : ',');
        gn_ce_write_json(&view->events[i].ce, text);
    }
    gn_buf_putc(text, ']');
    w->body_end = w->headers_at = text->len;
}

/* Which message follows that of this place. */
static void note_next(struct writing *w, const struct gn_native_view *view, size_t place)
{
    size_t next = next_passing(w->in->interest->spec, view, place + 1);

    w->shaped->next_part = next < view->count ? (uint32_t)next : 0;
}

static const char *write_native(struct writing *w, const struct gn_native_view *view, size_t place)
{
    const struct gn_native_spec *spec = w->in->interest->spec;
    struct gn_buf *text = &w->shaped->text;

    if (spec->mode == GN_CE_BATCH) {
        write_batch(w, view, place);
        return "Content-Type: " GN_CE_TYPE_BATCH;
    }
    note_next(w, view, place);
    if (spec->mode == GN_CE_BINARY) {
        write_binary(w, &view->events[place].ce);
        return NULL;
    }
    gn_ce_write_json(&view->events[place].ce, text);
    w->body_end = w->headers_at = text->len;
    return "Content-Type: " GN_CE_TYPE_STRUCTURED;
}

static enum gn_err shape_viewed(struct writing *w, const struct gn_native_view *view)
{
    const struct gn_interest *interest = w->in->interest;
    size_t place = next_passing(interest->spec, view, w->in->part);
    const char *content_type;

    if (place >= view->count)
        return GN_ENOTFOUND;
    if (w->in->wants_event) {
        note_next(w, view, place);
        w->shaped->event = view->events[place].ce;
        w->shaped->mode = interest->spec->mode;
        return interest->spec->mode == GN_CE_BATCH ? GN_EUNSUPPORTED : GN_OK;
    }
    content_type = write_native(w, view, place);
    add_trace(w);
    if (interest->spec->handshake != GN_HANDSHAKE_OFF)
        add_line(w, "WebHook-Request-Origin: ", gn_str_of(interest->node));
    if (gn_buf_err(&w->shaped->text) != GN_OK)
        return gn_buf_err(&w->shaped->text);
    w->headers_end = w->shaped->text.len;
    finish(w, content_type);
    return GN_OK;
}

static struct gn_shape_memory *memory_new(const struct gn_shape_in *in)
{
    struct gn_shape_memory *memory = calloc(1, sizeof(*memory));

    if (memory == NULL)
        return NULL;
    gn_arena_init(&memory->arena, ARENA_MAX);
    memory->cache = (struct gn_native_cache){.event = in->event,
                                             .node = in->interest->node,
                                             .arena = &memory->arena};
    return memory;
}

void gn_shape_memory_free(struct gn_shape_memory *memory)
{
    if (memory == NULL)
        return;
    gn_arena_fini(&memory->arena);
    gn_interest_unref(memory->interest);
    free(memory);
}

/* What is remembered of the event, or a new memory. Its views hold texts of the interest's node. */
static struct gn_shape_memory *recall(const struct gn_shape_in *in)
{
    struct gn_shape_memory *memory = in->memory == NULL ? NULL : *in->memory;

    if (memory != NULL && memory->cache.event == in->event && memory->interest == in->interest) {
        *in->memory = NULL;
        return memory;
    }
    return memory_new(in);
}

static void keep(const struct gn_shape_in *in, struct gn_shape_memory *memory)
{
    if (memory->interest == NULL)
        memory->interest = gn_interest_ref(in->interest);
    gn_shape_memory_free(*in->memory);
    *in->memory = memory;
}

static enum gn_err shape_native(struct writing *w)
{
    struct gn_shape_memory *memory = recall(w->in);
    struct gn_native_view view;
    enum gn_err err;

    if (memory == NULL)
        return GN_ENOMEM;
    err = gn_native_view(&memory->cache, w->in->interest->spec->split, w->in->sequence, &view);
    if (err == GN_OK)
        err = shape_viewed(w, &view);
    if (err == GN_OK && w->in->wants_event)
        w->shaped->memory = memory; /* the event views it */
    else if (err == GN_OK && w->shaped->next_part != 0 && w->in->memory != NULL)
        keep(w->in, memory);
    else
        gn_shape_memory_free(memory);
    return err == GN_ELIMIT ? GN_EINVAL : err;
}

enum gn_err gn_shape(const struct gn_shape_in *in, struct gn_shaped *shaped)
{
    struct writing w = {.in = in, .shaped = shaped};

    _Static_assert(sizeof(shaped->own) > sizeof(EVENT_ID_HEADER) + GN_ID_LEN, "an id must fit");
    memset(shaped->body, 0, sizeof shaped->body);
    shaped->text = GN_BUF_INIT;
    shaped->next_part = 0;
    shaped->memory = NULL;
    shaped->headers[0] = NULL;
    memcpy(shaped->own, EVENT_ID_HEADER, sizeof(EVENT_ID_HEADER) - 1);
    memcpy(shaped->own + sizeof(EVENT_ID_HEADER) - 1, in->event->id.text, GN_ID_LEN + 1);
    if (in->wants_event && (in->interest->face == GN_FACE_V1 || in->interest->face == GN_FACE_V2))
        return GN_EUNSUPPORTED;
    switch (in->interest->face) {
    case GN_FACE_V1:
        return shape_v1(&w);
    case GN_FACE_V2:
        return shape_v2(&w);
    case GN_FACE_PEER:
        return shape_peer(&w);
    case GN_FACE_NATIVE:
        return shape_native(&w);
    case GN_FACES:
        break;
    }
    return GN_EINVAL;
}

void gn_shaped_fini(struct gn_shaped *shaped)
{
    gn_buf_free(&shaped->text);
    gn_shape_memory_free(shaped->memory);
}
