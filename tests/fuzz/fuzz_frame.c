/* fuzz folder: store   a damaged segment: what gn_frame_parse() accepts is a frame as
 * gn_frame_add() writes it; frames are found again behind any bytes. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/store/frame.h"

/* Of the frames in the corpus. */
#define SALT 0x5eed5a17U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written_so(struct gn_str bytes, const struct gn_record *record, size_t size)
{
    struct gn_buf again = GN_BUF_INIT;

    GN_ASSERT(size <= bytes.len && size % GN_FRAME_ALIGN == 0);
    gn_frame_add(&again, SALT, record);
    GN_ASSERT(gn_buf_err(&again) == GN_OK && again.len == size);
    GN_ASSERT(memcmp(again.data, bytes.p, GN_FRAME_HEADER + record->payload.len) == 0);
    gn_buf_free(&again);
}

/* Goes through bytes as recovery does; returns the number of frames. */
static size_t scan(struct gn_str bytes)
{
    struct gn_record record, next;
    size_t size, step, count = 0;
    bool has_next;

    for (; bytes.len > 0; bytes = (struct gn_str){bytes.p + step, bytes.len - step}) {
        enum gn_frame_found found = gn_frame_parse(bytes, SALT, &record, &size);
        struct gn_str walk = bytes;

        GN_ASSERT(found != GN_FRAME_SHORT || size > bytes.len);
        if (found != GN_FRAME_OK) {
            step = gn_frame_resync(bytes, SALT);
            GN_ASSERT(step == bytes.len || (step > 0 && step % GN_FRAME_ALIGN == 0));
            continue;
        }
        check_written_so(bytes, &record, size);
        has_next = gn_frame_next(&walk, &next);
        GN_ASSERT(has_next && walk.len == bytes.len - size);
        GN_ASSERT(next.payload.p == record.payload.p && next.sequence == record.sequence);
        step = size;
        count++;
    }
    return count;
}

/* The bytes as payload, and as damage before its frame. */
static void embed(struct gn_str bytes)
{
    static const char padding[GN_FRAME_ALIGN];
    const struct gn_record record = {
        .sequence = bytes.len, .count = 1, .type = GN_RECORD_OWNER, .payload = bytes};
    struct gn_buf out = GN_BUF_INIT;
    struct gn_record got;
    enum gn_frame_found found;
    size_t damage, size;

    gn_buf_add_str(&out, bytes);
    gn_buf_add(&out, padding, (GN_FRAME_ALIGN - bytes.len % GN_FRAME_ALIGN) % GN_FRAME_ALIGN);
    damage = out.len;
    gn_frame_add(&out, SALT, &record);
    GN_ASSERT(gn_buf_err(&out) == GN_OK);
    if (damage > 0)
        GN_ASSERT(gn_frame_resync(gn_buf_str(&out), SALT) <= damage);
    GN_ASSERT(scan(gn_buf_str(&out)) >= 1);
    found = gn_frame_parse((struct gn_str){out.data + damage, out.len - damage}, SALT, &got, &size);
    GN_ASSERT(found == GN_FRAME_OK);
    GN_ASSERT(gn_str_eq(got.payload, bytes) && got.sequence == record.sequence);
    gn_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str bytes = {(const char *)data, size};

    (void)scan(bytes);
    embed(bytes);
    return 0;
}
