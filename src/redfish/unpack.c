/* Unpacking: zlib streams under a budget, and as much of the zip format as BMCs use. */
#define ZLIB_CONST /* zlib's input pointer is then to const */
#include "gurnard/redfish/unpack.h"

#include <limits.h>
#include <string.h>

#include <zlib.h>

#define CHUNK_BYTES   16384             /* unpacked at a time */
#define FREE_BYTES    ((size_t)1 << 20) /* unpacked bytes that the ratio does not bound */
#define WINDOW_EITHER (MAX_WBITS + 32)  /* zlib's way to ask for gzip or zlib, whichever it is */
#define WINDOW_RAW    (-MAX_WBITS)      /* and for deflate without a header */

/* Of the zip format (APPNOTE 4.3): sizes and places of what is read. Numbers are little-endian. */
#define END_BYTES        22 /* of the end record without its comment */
#define END_COMMENT_MAX  65535
#define END_ENTRIES      10
#define END_FOLDER_BYTES 12
#define END_FOLDER_AT    16
#define END_COMMENT      20
#define MEMBER_BYTES     46 /* of a record of the central directory, without its texts */
#define MEMBER_FLAGS     8
#define MEMBER_METHOD    10
#define MEMBER_SUM       16
#define MEMBER_PACKED    20
#define MEMBER_PLAIN     24
#define MEMBER_NAME      28
#define MEMBER_EXTRA     30
#define MEMBER_COMMENT   32
#define MEMBER_AT        42
#define LOCAL_BYTES      30 /* of the record in front of a member's bytes, without its texts */
#define LOCAL_NAME       26
#define LOCAL_EXTRA      28
#define FLAG_ENCRYPTED   1U
#define METHOD_STORED    0U
#define METHOD_DEFLATED  8U
#define IN_ZIP64         UINT32_MAX /* a number that stands elsewhere */
#define ENTRIES_IN_ZIP64 UINT16_MAX

/* ---- streams ---- */

struct inflation {
    z_stream z;
    struct gn_buf *out;
    size_t left; /* bytes that may still be appended */
};

/* What packed bytes may become at most. */
static size_t budget(size_t packed_bytes, size_t max_bytes)
{
    size_t by_ratio;

    if (__builtin_mul_overflow(packed_bytes, (size_t)GN_UNPACK_RATIO_MAX, &by_ratio))
        return max_bytes;
    if (by_ratio < FREE_BYTES)
        by_ratio = FREE_BYTES;
    return by_ratio < max_bytes ? by_ratio : max_bytes;
}

/* Unpacks until the end of the present stream. */
static enum gn_err inflate_stream(struct inflation *in)
{
    unsigned char chunk[CHUNK_BYTES];
    int result = Z_OK;

    while (result != Z_STREAM_END) {
        size_t made;

        in->z.next_out = chunk;
        in->z.avail_out = sizeof chunk;
        result = inflate(&in->z, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR)
            return GN_ENOMEM;
        if (result != Z_OK && result != Z_STREAM_END)
            return GN_EPARSE; /* Z_BUF_ERROR: the input ended too early */
        made = sizeof chunk - in->z.avail_out;
        if (made > in->left)
            return GN_ELIMIT;
        in->left -= made;
        gn_buf_add(in->out, chunk, made);
        if (gn_buf_err(in->out) != GN_OK)
            return gn_buf_err(in->out);
    }
    return GN_OK;
}

static bool has_next_member(const z_stream *z)
{
    return z->avail_in >= 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b;
}

/* Unpacks packed, which is what window says. Of gzip all members; what follows the last one and is
 * no gzip is padding. */
static enum gn_err inflate_all(struct gn_str packed, int window, size_t max_bytes,
                               struct gn_buf *out)
{
    struct inflation in = {.out = out, .left = budget(packed.len, max_bytes)};
    enum gn_err err;

    if (packed.len > UINT_MAX)
        return GN_ELIMIT;
    in.z.next_in = (const unsigned char *)packed.p;
    in.z.avail_in = (uInt)packed.len;
    if (inflateInit2(&in.z, window) != Z_OK)
        return GN_ENOMEM;
    do {
        err = inflate_stream(&in);
    } while (err == GN_OK && window == WINDOW_EITHER && has_next_member(&in.z) &&
             inflateReset(&in.z) == Z_OK);
    (void)inflateEnd(&in.z); /* it only frees */
    return err;
}

/* Takes back what was appended behind before, with the failure. */
static void undo(struct gn_buf *out, size_t before)
{
    gn_buf_truncate(out, before);
    out->err = GN_OK;
}

bool gn_unpack_is_gzip(struct gn_str bytes)
{
    return bytes.len >= 2 && memcmp(bytes.p, "\x1f\x8b", 2) == 0;
}

enum gn_err gn_unpack_gzip(struct gn_str bytes, size_t max_bytes, struct gn_buf *out)
{
    const size_t before = out->len;
    enum gn_err err = gn_buf_err(out);

    if (err != GN_OK)
        return err;
    err = inflate_all(bytes, WINDOW_EITHER, max_bytes, out);
    if (err != GN_OK)
        undo(out, before);
    return err;
}

/* ---- archives ---- */

/* A record of the central directory. */
struct member {
    struct gn_str name;
    uint32_t flags, method, sum, packed, plain, at;
};

static uint32_t u16_at(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;

    return (uint32_t)b[0] | (uint32_t)b[1] << 8;
}

static uint32_t u32_at(const char *p)
{
    return u16_at(p) | u16_at(p + 2) << 16;
}

/* Whether archive has bytes from at on. */
static bool has_bytes(struct gn_str archive, size_t at, size_t bytes)
{
    return at <= archive.len && bytes <= archive.len - at;
}

static bool has_mark(struct gn_str archive, size_t at, const char *mark)
{
    return has_bytes(archive, at, 4) && memcmp(archive.p + at, mark, 4) == 0;
}

bool gn_unpack_is_zip(struct gn_str bytes)
{
    return has_mark(bytes, 0, "PK\3\4") || has_mark(bytes, 0, "PK\5\6");
}

/* Finds the end record, the last one whose comment fits. NULL: there is none. */
static const char *find_end(struct gn_str archive)
{
    size_t at, lowest;

    if (archive.len < END_BYTES)
        return NULL;
    at = archive.len - END_BYTES;
    lowest = at > END_COMMENT_MAX ? at - END_COMMENT_MAX : 0;
    for (;; at--) {
        if (has_mark(archive, at, "PK\5\6") &&
            has_bytes(archive, at, END_BYTES + u16_at(archive.p + at + END_COMMENT)))
            return archive.p + at;
        if (at == lowest)
            return NULL;
    }
}

/* Reads the record at *at of the folder and goes past it. */
static enum gn_err read_member(struct gn_str folder, size_t *at, struct member *member)
{
    const char *p;
    size_t name_len;

    if (!has_mark(folder, *at, "PK\1\2") || !has_bytes(folder, *at, MEMBER_BYTES))
        return GN_EPARSE;
    p = folder.p + *at;
    *at += MEMBER_BYTES;
    name_len = u16_at(p + MEMBER_NAME);
    if (!has_bytes(folder, *at, name_len))
        return GN_EPARSE;
    *member = (struct member){
        .name = {folder.p + *at, name_len},
        .flags = u16_at(p + MEMBER_FLAGS),
        .method = u16_at(p + MEMBER_METHOD),
        .sum = u32_at(p + MEMBER_SUM),
        .packed = u32_at(p + MEMBER_PACKED),
        .plain = u32_at(p + MEMBER_PLAIN),
        .at = u32_at(p + MEMBER_AT),
    };
    *at += name_len + u16_at(p + MEMBER_EXTRA) + u16_at(p + MEMBER_COMMENT);
    return GN_OK;
}

/* What is behind the last '/' of path. */
static struct gn_str base_of(struct gn_str path)
{
    const char *slash = path.len == 0 ? NULL : memrchr(path.p, '/', path.len);

    if (slash == NULL)
        return path;
    return (struct gn_str){slash + 1, (size_t)(path.p + path.len - (slash + 1))};
}

static bool is_json(struct gn_str name)
{
    const size_t end = sizeof ".json" - 1;

    return name.len > end &&
           gn_str_eq_nocase((struct gn_str){name.p + name.len - end, end}, GN_STR(".json"));
}

/* Whether the member may be meant by name, though it is not named so in whole. */
static bool is_like(struct gn_str member, struct gn_str name)
{
    if (name.len == 0)
        return is_json(base_of(member));
    return base_of(name).len > 0 && gn_str_eq(base_of(member), base_of(name));
}

/* Looks for name among the members that the end record tells of. */
static enum gn_err find_member(struct gn_str archive, const char *end, struct gn_str name,
                               struct member *found)
{
    const size_t entries = u16_at(end + END_ENTRIES);
    const size_t folder_at = u32_at(end + END_FOLDER_AT);
    const size_t folder_bytes = u32_at(end + END_FOLDER_BYTES);
    struct gn_str folder;
    bool has_like = false;
    size_t at = 0;

    if (entries == ENTRIES_IN_ZIP64 || folder_at == IN_ZIP64 || folder_bytes == IN_ZIP64)
        return GN_EUNSUPPORTED;
    if (!has_bytes(archive, folder_at, folder_bytes))
        return GN_EPARSE;
    folder = (struct gn_str){archive.p + folder_at, folder_bytes};
    for (size_t i = 0; i < entries && i < GN_UNPACK_FILES_MAX; i++) {
        struct member member;
        enum gn_err err = read_member(folder, &at, &member);

        if (err != GN_OK)
            return err;
        if (name.len > 0 && gn_str_eq(member.name, name)) {
            *found = member;
            return GN_OK;
        }
        if (!has_like && is_like(member.name, name)) {
            *found = member;
            has_like = true;
        }
    }
    if (has_like)
        return GN_OK;
    return entries > GN_UNPACK_FILES_MAX ? GN_ELIMIT : GN_ENOTFOUND;
}

/* The member's bytes as they lie in the archive. */
static enum gn_err packed_bytes(struct gn_str archive, const struct member *member,
                                struct gn_str *packed)
{
    size_t at = member->at;

    if (!has_mark(archive, at, "PK\3\4") || !has_bytes(archive, at, LOCAL_BYTES))
        return GN_EPARSE;
    at += LOCAL_BYTES + u16_at(archive.p + at + LOCAL_NAME) + u16_at(archive.p + at + LOCAL_EXTRA);
    if (!has_bytes(archive, at, member->packed))
        return GN_EPARSE;
    *packed = (struct gn_str){archive.p + at, member->packed};
    return GN_OK;
}

static enum gn_err unpack_member(struct gn_str archive, const struct member *member,
                                 size_t max_bytes, struct gn_buf *out)
{
    struct gn_str packed;
    enum gn_err err;

    if ((member->flags & FLAG_ENCRYPTED) != 0 || member->at == IN_ZIP64 ||
        member->packed == IN_ZIP64 || member->plain == IN_ZIP64)
        return GN_EUNSUPPORTED;
    if (member->plain > max_bytes)
        return GN_ELIMIT;
    err = packed_bytes(archive, member, &packed);
    if (err != GN_OK)
        return err;
    if (member->method == METHOD_DEFLATED)
        return inflate_all(packed, WINDOW_RAW, max_bytes, out);
    if (member->method != METHOD_STORED)
        return GN_EUNSUPPORTED;
    if (packed.len > max_bytes)
        return GN_ELIMIT;
    gn_buf_add_str(out, packed);
    return gn_buf_err(out);
}

/* Whether what was appended behind before is what the member's record says. */
static bool is_whole(const struct gn_buf *out, size_t before, const struct member *member)
{
    const size_t len = out->len - before;
    uLong sum;

    if (len != member->plain)
        return false;
    sum = crc32(0, NULL, 0);
    if (len > 0)
        sum = crc32(sum, (const unsigned char *)out->data + before, (uInt)len);
    return sum == member->sum;
}

enum gn_err gn_unpack_zip(struct gn_str archive, struct gn_str name, size_t max_bytes,
                          struct gn_buf *out)
{
    const char *end = find_end(archive);
    const size_t before = out->len;
    struct member member;
    enum gn_err err = gn_buf_err(out);

    if (err != GN_OK)
        return err;
    if (end == NULL)
        return GN_EPARSE;
    err = find_member(archive, end, name, &member);
    if (err != GN_OK)
        return err;
    err = unpack_member(archive, &member, max_bytes, out);
    if (err == GN_OK && !is_whole(out, before, &member))
        err = GN_EPARSE;
    if (err != GN_OK)
        undo(out, before);
    return err;
}
