/* UUIDs in their lower-case text form. */
#ifndef GURNARD_BASE_ID_H
#define GURNARD_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/str.h"

#define GN_ID_LEN 36 /* characters */

struct gn_id {
    char text[GN_ID_LEN + 1]; /* NUL-terminated; empty text means no id */
};

/* A random UUID (version 4), from random bytes drawn in bulk. Not thread-safe; a child of
 * fork() would repeat the ids of its parent. */
struct gn_id gn_id_random(void);

/* The name-based UUID of name in the RFC 4122 URL namespace: version 3 (MD5; cloud-event-proxy's
 * client ids) and in gurnard's own namespace: version 5 (SHA-1; event ids). */
struct gn_id gn_id_v3_url(struct gn_str name);
struct gn_id gn_id_v5(struct gn_str name);

/* The 16 bytes of an id that gn_id_is_valid(), and back. */
#define GN_ID_BYTES 16
void gn_id_pack(const struct gn_id *id, uint8_t bytes[GN_ID_BYTES]);
struct gn_id gn_id_unpack(const uint8_t bytes[GN_ID_BYTES]);

/* 64 bits that follow from name, in every process the same: the first bytes of its gn_id_v5(). For
 * keys that are stored; unlike gn_text_hash() it can be forged with patience. */
uint64_t gn_id_digest(struct gn_str name);

/* Whether s has the form of a UUID, in any case. */
bool gn_id_is_valid(struct gn_str s);

#endif
