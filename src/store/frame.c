/* Frames. The header's 32 bytes, numbers little-endian: checksum u32, payload's length u32,
 * sequence u64, clock u64, type u8, zero u8, count u16, zero u32. The checksum is that of the
 * salt's four bytes, the header behind the checksum, and the payload. */
#include "gurnard/store/frame.h"

#include <endian.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/crc32c.h"

/* The header as it stands in the file; no gaps. */
struct header {
    uint32_t crc;
    uint32_t payload_len;
    uint64_t sequence;
    uint64_t clock_ms;
    uint8_t type;
    uint8_t zero8;
    uint16_t count;
    uint32_t zero32;
};
_Static_assert(sizeof(struct header) == GN_FRAME_HEADER, "the header has gaps");

static const char zeros[GN_FRAME_HEADER];

size_t gn_frame_size(size_t payload_len)
{
    return (GN_FRAME_HEADER + payload_len + GN_FRAME_ALIGN - 1) & ~((size_t)GN_FRAME_ALIGN - 1);
}

/* header: in the file's byte order. */
static uint32_t checksum(uint32_t salt, const struct header *header, struct gn_str payload)
{
    const size_t skipped = sizeof header->crc;
    uint32_t crc;

    salt = htole32(salt);
    crc = gn_crc32c(0, &salt, sizeof salt);
    crc = gn_crc32c(crc, (const char *)header + skipped, sizeof *header - skipped);
    return gn_crc32c(crc, payload.p, payload.len);
}

void gn_frame_add(struct gn_buf *out, uint32_t salt, const struct gn_record *record)
{
    const struct gn_str payload = record->payload;
    const size_t size = gn_frame_size(payload.len);
    struct header header = {
        .payload_len = htole32((uint32_t)payload.len),
        .sequence = htole64(record->sequence),
        .clock_ms = htole64(record->clock_ms),
        .type = record->type,
        .count = htole16((uint16_t)record->count),
    };

    GN_ASSERT(payload.len <= GN_FRAME_PAYLOAD_MAX);
    GN_ASSERT(record->type != 0 && record->count <= UINT16_MAX);
    header.crc = htole32(checksum(salt, &header, payload));
    gn_buf_reserve(out, size); /* all of it or nothing */
    gn_buf_add(out, &header, sizeof header);
    gn_buf_add_str(out, payload);
    gn_buf_add(out, zeros, size - sizeof header - payload.len);
}

/* Whether a header of ours could look so, and the size of its frame. */
static bool is_plausible(const struct header *header, size_t *size)
{
    uint32_t payload_len = le32toh(header->payload_len);

    if (header->type == 0 || header->zero8 != 0 || header->zero32 != 0 ||
        payload_len > GN_FRAME_PAYLOAD_MAX)
        return false;
    *size = gn_frame_size(payload_len);
    return true;
}

/* The record of the frame at bytes, which has this header. */
static struct gn_record record_at(const char *bytes, const struct header *header)
{
    return (struct gn_record){
        .sequence = le64toh(header->sequence),
        .clock_ms = le64toh(header->clock_ms),
        .count = le16toh(header->count),
        .type = header->type,
        .payload = {bytes + sizeof *header, le32toh(header->payload_len)},
    };
}

/* bytes is shorter than a header. */
static enum gn_frame_found found_in_rest(struct gn_str bytes, size_t *size)
{
    if (bytes.len == 0 || memcmp(bytes.p, zeros, bytes.len) == 0)
        return GN_FRAME_NONE;
    *size = GN_FRAME_HEADER;
    return GN_FRAME_SHORT;
}

enum gn_frame_found gn_frame_parse(struct gn_str bytes, uint32_t salt, struct gn_record *record,
                                   size_t *size)
{
    struct gn_record found;
    struct header header;

    *size = 0;
    if (bytes.len < sizeof header)
        return found_in_rest(bytes, size);
    if (memcmp(bytes.p, zeros, sizeof header) == 0)
        return GN_FRAME_NONE;
    memcpy(&header, bytes.p, sizeof header);
    if (!is_plausible(&header, size))
        return GN_FRAME_BAD;
    if (*size > bytes.len)
        return GN_FRAME_SHORT;
    found = record_at(bytes.p, &header);
    if (checksum(salt, &header, found.payload) != le32toh(header.crc)) {
        *size = 0;
        return GN_FRAME_BAD;
    }
    *record = found;
    return GN_FRAME_OK;
}

size_t gn_frame_resync(struct gn_str bytes, uint32_t salt)
{
    struct gn_record record;
    size_t size;

    for (size_t at = GN_FRAME_ALIGN; at < bytes.len; at += GN_FRAME_ALIGN) {
        const struct gn_str rest = {bytes.p + at, bytes.len - at};

        if (gn_frame_parse(rest, salt, &record, &size) == GN_FRAME_OK)
            return at;
    }
    return bytes.len;
}

bool gn_frame_next(struct gn_str *bytes, struct gn_record *record)
{
    struct header header;
    size_t size = 0;
    bool is_frame;

    if (bytes->len == 0)
        return false;
    GN_ASSERT(bytes->len >= sizeof header);
    memcpy(&header, bytes->p, sizeof header);
    is_frame = is_plausible(&header, &size);
    GN_ASSERT(is_frame && size <= bytes->len);
    *record = record_at(bytes->p, &header);
    *bytes = (struct gn_str){bytes->p + size, bytes->len - size};
    return true;
}
