/* UUIDs in their lower-case text form. */
#ifndef GURNARD_BASE_ID_H
#define GURNARD_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

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

/* Whether s has the form of a UUID, in any case. */
bool gn_id_is_valid(struct gn_str s);

#endif
