/* fuzz folder: net   server-sent events: whatever comes, cutting the stream does not change what
 * is told of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that a stream has led to. */
struct story {
    struct gn_buf told;
    struct gn_buf id;
    uint64_t retry_ms, events, comments;
    enum gn_err err;
};

static void add_text(struct gn_buf *told, struct gn_str text)
{
    gn_buf_add_u64(told, text.len);
    gn_buf_putc(told, ':');
    gn_buf_add_str(told, text);
}

static void on_event(void *ctx, const struct gn_sse_event *event)
{
    struct story *story = ctx;

    GN_ASSERT(event->data.len > 0 && event->data.len <= GN_SSE_EVENT_MAX);
    GN_ASSERT(event->id.len <= GN_SSE_ID_MAX);
    GN_ASSERT(event->id.len == 0 || memchr(event->id.p, '\0', event->id.len) == NULL);
    add_text(&story->told, event->id);
    add_text(&story->told, event->type);
    add_text(&story->told, event->data);
}

/* Each piece lies in memory of its own size. */
static enum gn_err feed_piece(struct gn_sse *sse, const char *bytes, size_t len)
{
    char *copy = malloc(len);
    enum gn_err err;

    GN_ASSERT(copy != NULL);
    memcpy(copy, bytes, len);
    err = gn_sse_feed(sse, (struct gn_str){copy, len});
    free(copy);
    return err;
}

/* The size of the next piece, 1 to most. */
static size_t next_size(uint32_t *seed, size_t most)
{
    *seed = *seed * 1664525U + 1013904223U;
    return 1 + (*seed >> 8) % most;
}

/* Feeds text in pieces of at most so many bytes, 0: in one. restarts: after another stream that
 * broke off. */
static struct story tell(struct gn_str text, size_t most, uint32_t seed, bool restarts)
{
    struct story story = {.told = GN_BUF_INIT, .id = GN_BUF_INIT};
    struct gn_sse sse;
    size_t len;

    gn_sse_init(&sse, on_event, &story);
    if (restarts) {
        GN_ASSERT(gn_sse_feed(&sse, GN_STR("id: 1\nevent: e\ndata: {\nid\r")) == GN_OK);
        gn_sse_restart(&sse);
    }
    for (size_t at = 0; at < text.len && story.err == GN_OK; at += len) {
        len = most > 0 ? next_size(&seed, most) : text.len;
        if (len > text.len - at)
            len = text.len - at;
        story.err = feed_piece(&sse, text.p + at, len);
    }
    story.retry_ms = sse.retry_ms;
    story.events = sse.events;
    story.comments = sse.comments;
    gn_buf_add_str(&story.id, gn_buf_str(&sse.id));
    GN_ASSERT(gn_buf_err(&story.told) == GN_OK && gn_buf_err(&story.id) == GN_OK);
    gn_sse_fini(&sse);
    return story;
}

static void forget(struct story *story)
{
    gn_buf_free(&story->told);
    gn_buf_free(&story->id);
}

static void check_same(const struct story *whole, struct story cut)
{
    GN_ASSERT(cut.err == whole->err && cut.retry_ms == whole->retry_ms);
    GN_ASSERT(cut.events == whole->events && cut.comments == whole->comments);
    GN_ASSERT(gn_str_eq(gn_buf_str(&cut.told), gn_buf_str(&whole->told)));
    GN_ASSERT(gn_str_eq(gn_buf_str(&cut.id), gn_buf_str(&whole->id)));
    forget(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {1, 2, 5, 64};
    const struct gn_str text = {(const char *)data, size};
    const struct story whole = tell(text, 0, 0, false);
    struct story gone = whole;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_same(&whole, tell(text, sizes[i], (uint32_t)size, i % 2 == 1));
    forget(&gone);
    return 0;
}
