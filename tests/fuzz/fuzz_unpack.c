/* fuzz folder: redfish   packed bytes: the first byte chooses gzip, a zip archive, or an archive
 * with the name of a member in front of it (up to a line feed).
 *
 * Properties: never more than was allowed, and not with one byte less; on an error the buffer is as
 * before. */
#include "gurnard/redfish/unpack.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLAIN_MAX ((size_t)256 << 10)
#define BEFORE    "before"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static enum gn_err unpack(char way, struct gn_str bytes, size_t max_bytes, struct gn_buf *out)
{
    struct gn_str archive = GN_STR_NONE;
    struct gn_str name;

    if (way % 3 == 0)
        return gn_unpack_gzip(bytes, max_bytes, out);
    if (way % 3 == 1)
        return gn_unpack_zip(bytes, GN_STR_NONE, max_bytes, out);
    name = gn_str_cut(bytes, '\n', &archive);
    return gn_unpack_zip(archive, name, max_bytes, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t before = sizeof BEFORE - 1;
    struct gn_buf out = GN_BUF_INIT;
    struct gn_str bytes;
    enum gn_err err;

    if (size == 0)
        return 0;
    bytes = (struct gn_str){(const char *)data + 1, size - 1};
    (void)gn_unpack_is_gzip(bytes);
    (void)gn_unpack_is_zip(bytes);
    gn_buf_puts(&out, BEFORE);
    err = unpack((char)data[0], bytes, PLAIN_MAX, &out);
    require(gn_buf_err(&out) == GN_OK && out.len >= before && out.len <= before + PLAIN_MAX);
    require(err == GN_OK || out.len == before);
    require(gn_str_has_prefix(gn_buf_str(&out), GN_STR(BEFORE)));
    if (err == GN_OK && out.len > before) { /* one byte less must not do */
        const size_t len = out.len - before;

        gn_buf_truncate(&out, before);
        require(unpack((char)data[0], bytes, len - 1, &out) == GN_ELIMIT);
    }
    gn_buf_free(&out);
    return 0;
}
