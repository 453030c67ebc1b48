/* fuzz folder: store   any bytes as the frames of a segment.
 *
 * The first byte chooses the size of reads, the others stand behind a valid header. Properties: a
 * scan finds the frames that a plain walk through memory finds, at the same places; frames, damage
 * and zeros cover the file without overlap; reads of any size give the same frames and tell the
 * same damage. */
#include "gurnard/store/segment.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/assert.h"

#define SALT 0x5a17beefU /* of the corpus */

/* What was found, in a few words. */
struct found {
    struct gn_buf frames;   /* copies, one after another */
    uint64_t passed;        /* the place behind what was told last */
    uint64_t damaged_bytes; /* of all damages */
    size_t records, damages;
    bool has_tail;
};

static enum gn_err on_record(void *ctx, const struct gn_record *record, uint64_t offset)
{
    struct found *found = ctx;

    GN_ASSERT(offset == found->passed && !found->has_tail);
    GN_ASSERT(offset % GN_FRAME_ALIGN == 0);
    found->passed = offset + gn_frame_size(record->payload.len);
    found->records++;
    gn_frame_add(&found->frames, SALT, record);
    return GN_OK;
}

static void on_damage(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes)
{
    struct found *found = ctx;

    GN_ASSERT(damage->bytes > 0 && !found->has_tail);
    GN_ASSERT(bytes.len == damage->bytes || bytes.len == GN_SEGMENT_DAMAGE_SHOWN);
    GN_ASSERT(damage->offset >= found->passed);
    found->passed = damage->offset + damage->bytes;
    found->damaged_bytes += damage->bytes;
    found->damages++;
    found->has_tail = damage->is_tail;
}

/* All of it is in memory here, so that the search is a plain one. */
static void check_walk(struct gn_str bytes, const struct found *found)
{
    struct gn_record record;
    size_t size, records = 0;

    while (bytes.len > 0) {
        if (gn_frame_parse(bytes, SALT, &record, &size) == GN_FRAME_OK)
            records++;
        else
            size = gn_frame_resync(bytes, SALT);
        bytes = (struct gn_str){bytes.p + size, bytes.len - size};
    }
    GN_ASSERT(records == found->records);
}

/* Whether all bytes from a place in the file on are zeros. */
static bool is_zero_from(struct gn_str bytes, uint64_t offset)
{
    for (size_t at = (size_t)(offset - GN_SEGMENT_HEADER); at < bytes.len; at++) {
        if (bytes.p[at] != '\0')
            return false;
    }
    return true;
}

static void read_all(int fd, uint64_t end, size_t max_bytes, struct found *found)
{
    const struct gn_segment_visitor visitor = {NULL, on_damage, found};
    struct gn_buf out = GN_BUF_INIT;
    uint64_t offset = GN_SEGMENT_HEADER, before;
    struct gn_record record;
    struct gn_str frames;

    do {
        before = offset;
        GN_ASSERT(gn_segment_read(fd, SALT, &offset, end, max_bytes, &visitor, &out) == GN_OK);
        GN_ASSERT(offset >= before + out.len);
        frames = gn_buf_str(&out);
        while (gn_frame_next(&frames, &record)) {
            found->records++;
            gn_frame_add(&found->frames, SALT, &record);
        }
    } while (out.len > 0);
    GN_ASSERT(offset == end);
    gn_buf_free(&out);
}

static int make_segment(struct gn_str bytes)
{
    const struct gn_segment_header header = {.number = 1, .salt = SALT};
    int fd;

    if (gn_segment_create(-1, &header, GN_SEGMENT_HEADER, &fd) != GN_OK)
        abort();
    if (gn_segment_write(fd, bytes, GN_SEGMENT_HEADER, false) != GN_OK)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct found scanned = {.frames = GN_BUF_INIT, .passed = GN_SEGMENT_HEADER};
    struct found read = {.frames = GN_BUF_INIT, .passed = GN_SEGMENT_HEADER};
    const struct gn_segment_visitor visitor = {on_record, on_damage, &scanned};
    struct gn_buf seal = GN_BUF_INIT;
    struct gn_record record;
    struct gn_str bytes;
    uint64_t end, end_of_frames;
    int fd;

    if (size == 0)
        return 0;
    bytes = (struct gn_str){(const char *)data + 1, size - 1};
    end = GN_SEGMENT_HEADER + bytes.len;
    fd = make_segment(bytes);
    GN_ASSERT(gn_segment_scan(fd, SALT, GN_SEGMENT_HEADER, end, &visitor, &end_of_frames) == GN_OK);
    GN_ASSERT(end_of_frames <= scanned.passed && scanned.passed <= end);
    GN_ASSERT(is_zero_from(bytes, scanned.passed));
    check_walk(bytes, &scanned);
    read_all(fd, end, (size_t)data[0] * 8, &read);
    GN_ASSERT(gn_str_eq(gn_buf_str(&scanned.frames), gn_buf_str(&read.frames)));
    GN_ASSERT(scanned.damages == read.damages && scanned.damaged_bytes == read.damaged_bytes);
    if (gn_segment_find_seal(fd, SALT, end, &record, &seal) == GN_OK)
        GN_ASSERT(record.type == GN_RECORD_SEAL && seal.len == GN_SEGMENT_SEAL_PAYLOAD);
    (void)close(fd);
    gn_buf_free(&scanned.frames);
    gn_buf_free(&read.frames);
    gn_buf_free(&seal);
    return 0;
}
