/* UUIDs: random ones from a pool of random bytes, name-based ones by libuuid. */
#include "gurnard/base/id.h"

#include <endian.h>
#include <string.h>

#include <uuid/uuid.h>

#include "gurnard/base/assert.h"
#include "random_priv.h"

#define POOL_IDS 256 /* ids per system call */

/* The namespace of gn_id_v5(), drawn once for gurnard. Never to be changed: an event that comes
 * again after an upgrade must get the id that it had before. */
static const uuid_t own_namespace = {0x6f, 0x1d, 0x3c, 0x52, 0x8a, 0xb7, 0x4e, 0x09,
                                     0x9c, 0x64, 0xd3, 0x0b, 0x75, 0xe2, 0xa8, 0x41};

static uuid_t pool[POOL_IDS];
static size_t pool_left; /* ids of pool not handed out yet */

static struct gn_id to_text(const uuid_t uuid)
{
    struct gn_id id;

    uuid_unparse_lower(uuid, id.text);
    return id;
}

static const char *name_bytes(struct gn_str name)
{
    return name.p == NULL ? "" : name.p;
}

struct gn_id gn_id_random(void)
{
    unsigned char *uuid;

    if (pool_left == 0) {
        gn_random_fill(pool, sizeof pool);
        pool_left = POOL_IDS;
    }
    uuid = pool[--pool_left];
    uuid[6] = (unsigned char)((uuid[6] & 0x0f) | 0x40); /* version 4 */
    uuid[8] = (unsigned char)((uuid[8] & 0x3f) | 0x80); /* the variant of RFC 4122 */
    return to_text(uuid);
}

struct gn_id gn_id_v3_url(struct gn_str name)
{
    const uuid_t *url_namespace = uuid_get_template("url");
    uuid_t uuid;

    GN_ASSERT(url_namespace != NULL);
    uuid_generate_md5(uuid, *url_namespace, name_bytes(name), name.len);
    return to_text(uuid);
}

struct gn_id gn_id_v5(struct gn_str name)
{
    uuid_t uuid;

    uuid_generate_sha1(uuid, own_namespace, name_bytes(name), name.len);
    return to_text(uuid);
}

void gn_id_pack(const struct gn_id *id, uint8_t bytes[GN_ID_BYTES])
{
    int bad = uuid_parse(id->text, bytes);

    GN_ASSERT(bad == 0);
}

struct gn_id gn_id_unpack(const uint8_t bytes[GN_ID_BYTES])
{
    return to_text(bytes);
}

uint64_t gn_id_digest(struct gn_str name)
{
    uuid_t uuid;
    uint64_t digest;

    uuid_generate_sha1(uuid, own_namespace, name_bytes(name), name.len);
    memcpy(&digest, uuid, sizeof digest);
    return be64toh(digest); /* the number that the text form begins with */
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool gn_id_is_valid(struct gn_str s)
{
    if (s.len != GN_ID_LEN)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash_place ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}
