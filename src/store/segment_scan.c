/* Looking through a segment: frames one after another, and behind damage the search for the next
 * one. A window slides over the file; it holds one frame and a read-ahead, whatever the file says.
 *
 * Damage is told from its first byte up to the next valid frame. What a length field says is
 * believed only after the checksum has confirmed it, so that a damaged one costs its own record and
 * no other. */
#include "gurnard/store/segment.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "segment_priv.h"

/* Behind damage any bytes may look like a header, and each look at its frame is a checksum over as
 * many bytes as it pleases to name. Once so many bytes were summed up in vain, guesses above the
 * small size are passed over: a file that was made for it costs seconds, not hours. */
#define VAIN_BYTES_MAX    ((uint64_t)4 << 30)
#define SMALL_GUESS_BYTES ((size_t)4 << 10)

struct window {
    char *data; /* owned */
    size_t len, cap;
    uint64_t base; /* the place in the file that data begins with */
};

struct cursor {
    int fd;
    uint32_t salt;
    uint64_t at;  /* the next place to be looked at */
    uint64_t end; /* the file may turn out to be shorter */
    size_t ahead; /* read beyond what is needed */
    uint64_t vain_bytes;
    struct window window;
};

/* One frame; bytes and record.payload are views into the window. */
struct frame {
    struct gn_record record;
    struct gn_str bytes;
};

/* The end is no limit for offset: a file may end anywhere, and then there is nothing to look at. */
static struct cursor cursor_of(int fd, uint32_t salt, uint64_t offset, uint64_t end, size_t ahead)
{
    GN_ASSERT(offset % GN_FRAME_ALIGN == 0 || offset >= end);
    return (struct cursor){.fd = fd, .salt = salt, .at = offset, .end = end, .ahead = ahead};
}

static void cursor_fini(struct cursor *c)
{
    free(c->window.data);
}

/* What the window holds from the cursor's place on. */
static struct gn_str view_of(const struct cursor *c)
{
    const struct window *w = &c->window;
    size_t skipped = c->at < w->base ? w->len : (size_t)(c->at - w->base);

    if (skipped >= w->len)
        return GN_STR_NONE;
    return (struct gn_str){w->data + skipped, w->len - skipped};
}

/* Lets the window begin at the cursor, with room for cap bytes; what it has of them stays. */
static enum gn_err slide(struct cursor *c, size_t cap)
{
    struct window *w = &c->window;
    struct gn_str kept = view_of(c);
    char *data = w->data;

    if (cap > w->cap) {
        data = malloc(cap);
        if (data == NULL)
            return GN_ENOMEM;
    }
    if (kept.len > 0)
        memmove(data, kept.p, kept.len);
    if (data != w->data) {
        free(w->data);
        w->data = data;
        w->cap = cap;
    }
    w->base = c->at;
    w->len = kept.len;
    return GN_OK;
}

/* Gets at least need bytes from the cursor's place on into view; fewer only before the end. */
static enum gn_err load(struct cursor *c, size_t need, struct gn_str *view)
{
    struct window *w = &c->window;
    uint64_t left = c->end > c->at ? c->end - c->at : 0;
    enum gn_err err;
    size_t want, got;

    *view = view_of(c);
    if (view->len >= need || view->len >= left)
        return GN_OK;
    want = left > need && left - need > c->ahead ? need + c->ahead : (size_t)left;
    err = slide(c, want);
    if (err == GN_OK)
        err = gn_segment_read_at(c->fd, w->data + w->len, want - w->len, w->base + w->len, &got);
    if (err != GN_OK)
        return err;
    w->len += got;
    if (w->len < want)
        c->end = w->base + w->len; /* the file is shorter than we were told */
    *view = view_of(c);
    return GN_OK;
}

/* Whether a frame of size bytes can stand at the cursor and is worth a checksum. */
static bool may_stand(const struct cursor *c, size_t size, bool is_guess)
{
    if (size > c->end - c->at)
        return false;
    return !is_guess || size <= SMALL_GUESS_BYTES || c->vain_bytes < VAIN_BYTES_MAX;
}

/* Looks at the cursor's place: OK, NONE, or anything else for BAD. is_guess: nothing but our search
 * says that a frame could begin here. The header is looked at alone first, for the size. */
static enum gn_err look(struct cursor *c, bool is_guess, struct frame *frame,
                        enum gn_frame_found *found)
{
    struct gn_str view;
    enum gn_err err;
    size_t size;

    err = load(c, GN_FRAME_HEADER, &view);
    if (err != GN_OK)
        return err;
    frame->bytes = (struct gn_str){view.p, view.len < GN_FRAME_HEADER ? view.len : GN_FRAME_HEADER};
    *found = gn_frame_parse(frame->bytes, c->salt, &frame->record, &size);
    if (*found != GN_FRAME_SHORT || !may_stand(c, size, is_guess))
        return GN_OK;
    err = load(c, size, &view);
    if (err != GN_OK || view.len < size)
        return err;
    frame->bytes = (struct gn_str){view.p, size};
    *found = gn_frame_parse(frame->bytes, c->salt, &frame->record, &size);
    if (*found != GN_FRAME_OK)
        c->vain_bytes += frame->bytes.len;
    return GN_OK;
}

/* How many zeros bytes begins with. */
static size_t zeros_before(struct gn_str bytes)
{
    uint64_t word = 0;
    size_t zeros = 0;

    while (zeros + sizeof word <= bytes.len) {
        memcpy(&word, bytes.p + zeros, sizeof word);
        if (word != 0)
            break;
        zeros += sizeof word;
    }
    while (zeros < bytes.len && bytes.p[zeros] == '\0')
        zeros++;
    return zeros;
}

/* Moves the cursor on from a place where no frame stands, beyond all that are the beginning of a
 * header of zeros. *dirty_end moves behind the last bytes passed that are not zero. */
static void step(struct cursor *c, uint64_t *dirty_end)
{
    size_t zeros = zeros_before(view_of(c));

    if (zeros < GN_FRAME_ALIGN && c->end - c->at > zeros)
        *dirty_end = c->end - c->at < GN_FRAME_ALIGN ? c->end : c->at + GN_FRAME_ALIGN;
    if (zeros <= GN_FRAME_HEADER)
        c->at += GN_FRAME_ALIGN;
    else
        c->at += ((zeros - GN_FRAME_HEADER) / GN_FRAME_ALIGN + 1) * GN_FRAME_ALIGN;
    if (c->at > c->end)
        c->at = c->end;
}

/* The damaged bytes are read once more: the window has long slid over the first of them. */
static enum gn_err tell_damage(const struct cursor *c, const struct gn_segment_visitor *visitor,
                               const struct gn_segment_damage *damage)
{
    size_t len =
        damage->bytes < GN_SEGMENT_DAMAGE_SHOWN ? (size_t)damage->bytes : GN_SEGMENT_DAMAGE_SHOWN;
    enum gn_err err;
    char *shown;
    size_t got;

    if (visitor->damage == NULL)
        return GN_OK;
    shown = malloc(len);
    if (shown == NULL)
        return GN_ENOMEM;
    err = gn_segment_read_at(c->fd, shown, len, damage->offset, &got);
    if (err == GN_OK)
        visitor->damage(visitor->ctx, damage, (struct gn_str){shown, got});
    free(shown);
    return err;
}

/* Finds the next frame, from the cursor's place on, and leaves the cursor there; tells of what is
 * damaged before it. GN_ENOTFOUND: there is none; the cursor is at the end. */
static enum gn_err find_frame(struct cursor *c, const struct gn_segment_visitor *visitor,
                              struct frame *frame)
{
    struct gn_segment_damage damage = {.offset = c->at};
    enum gn_frame_found found = GN_FRAME_NONE;
    uint64_t dirty_end = c->at;
    enum gn_err err;

    while (c->at < c->end) {
        err = look(c, c->at != damage.offset, frame, &found);
        if (err != GN_OK)
            return err;
        if (found == GN_FRAME_OK)
            break;
        step(c, &dirty_end);
    }
    damage.is_tail = found != GN_FRAME_OK;
    damage.bytes = (damage.is_tail ? dirty_end : c->at) - damage.offset;
    err = damage.bytes > 0 ? tell_damage(c, visitor, &damage) : GN_OK;
    return err == GN_OK && damage.is_tail ? GN_ENOTFOUND : err;
}

enum gn_err gn_segment_scan(int fd, uint32_t salt, uint64_t offset, uint64_t end,
                            const struct gn_segment_visitor *visitor, uint64_t *end_of_frames)
{
    struct cursor c = cursor_of(fd, salt, offset, end, GN_SEGMENT_READ_AHEAD);
    struct frame frame;
    enum gn_err err;

    *end_of_frames = offset;
    while ((err = find_frame(&c, visitor, &frame)) == GN_OK) {
        if (visitor->record != NULL)
            err = visitor->record(visitor->ctx, &frame.record, c.at);
        if (err != GN_OK)
            goto out;
        c.at += frame.bytes.len;
        *end_of_frames = c.at;
    }
    if (err == GN_ENOTFOUND)
        err = GN_OK;
out:
    cursor_fini(&c);
    return err;
}

/* Whether bytes more may join what is there. */
static bool has_room(const struct gn_buf *out, size_t bytes, size_t max_bytes)
{
    return out->len == 0 || (out->len < max_bytes && bytes <= max_bytes - out->len);
}

/* Small reads read ahead little: what they read too much is read again by the next one. */
static size_t read_ahead(size_t max_bytes)
{
    return max_bytes < GN_SEGMENT_READ_AHEAD ? max_bytes : GN_SEGMENT_READ_AHEAD;
}

enum gn_err gn_segment_read(int fd, uint32_t salt, uint64_t *offset, uint64_t end, size_t max_bytes,
                            const struct gn_segment_visitor *visitor, struct gn_buf *out)
{
    const size_t largest = gn_frame_size(GN_FRAME_PAYLOAD_MAX);
    struct cursor c = cursor_of(fd, salt, *offset, end, read_ahead(max_bytes));
    struct frame frame;
    enum gn_err err;

    gn_buf_reset(out);
    out->limit = max_bytes < largest ? largest : max_bytes;
    while ((err = find_frame(&c, visitor, &frame)) == GN_OK) {
        if (!has_room(out, frame.bytes.len, max_bytes))
            break;
        gn_buf_add_str(out, frame.bytes);
        err = gn_buf_err(out);
        if (err != GN_OK)
            break;
        c.at += frame.bytes.len;
    }
    if (err == GN_ENOTFOUND)
        err = GN_OK;
    if (err == GN_OK)
        *offset = c.at;
    else
        gn_buf_reset(out);
    cursor_fini(&c);
    return err;
}

enum gn_err gn_segment_find_seal(int fd, uint32_t salt, uint64_t size, struct gn_record *record,
                                 struct gn_buf *out)
{
    char bytes[GN_FRAME_HEADER + GN_SEGMENT_SEAL_PAYLOAD];
    struct gn_record found;
    size_t got, frame_size;
    enum gn_err err;

    _Static_assert(sizeof bytes % GN_FRAME_ALIGN == 0, "the frame is longer than its parts");
    gn_buf_reset(out);
    if (size < GN_SEGMENT_HEADER + sizeof bytes || size % GN_FRAME_ALIGN != 0)
        return GN_ENOTFOUND;
    err = gn_segment_read_at(fd, bytes, sizeof bytes, size - sizeof bytes, &got);
    if (err != GN_OK)
        return err;
    if (gn_frame_parse((struct gn_str){bytes, got}, salt, &found, &frame_size) != GN_FRAME_OK ||
        frame_size != sizeof bytes || found.type != GN_RECORD_SEAL ||
        found.payload.len != GN_SEGMENT_SEAL_PAYLOAD)
        return GN_ENOTFOUND;
    gn_buf_add_str(out, found.payload);
    *record = found;
    record->payload = gn_buf_str(out);
    return gn_buf_err(out);
}
