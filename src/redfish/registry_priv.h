/* What the parts of the registry module share: one loaded registry, the set, its indices. */
#ifndef GURNARD_SRC_REGISTRY_PRIV_H
#define GURNARD_SRC_REGISTRY_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/redfish/message_id.h"
#include "gurnard/redfish/registry.h"

#define GN_REGISTRY_REASON_MAX 160   /* bytes of why a registry could not be used */
#define GN_REGISTRY_COUNT_MAX  4096U /* registries in one set */

/* A piece of a registry's texts; length 0 means absent. */
struct gn_registry_span {
    uint32_t at, len;
};

struct gn_registry_entry {
    struct gn_registry_span key, text, resolution, clears, replaced_by;
    uint8_t severity; /* enum gn_severity */
    uint8_t number_of_args;
};

/* One registry. All its texts lie in one block of exactly their size. */
struct gn_registry {
    char *name; /* what it was loaded from */
    char *texts;
    size_t texts_len;
    struct gn_registry_entry *entries;
    uint32_t count;
    struct gn_registry_span prefix;
    uint16_t major, minor, patch;
};

/* Open addressing with linear steps, at most two thirds full. */
struct gn_registry_slot {
    uint32_t tag;   /* upper half of the hash */
    uint32_t entry; /* in the registry; GN_REGISTRY_NO_ENTRY: says only that the prefix is known */
    uint16_t registry; /* in the set */
    bool is_used;
};

#define GN_REGISTRY_NO_ENTRY UINT32_MAX

struct gn_registry_index {
    struct gn_registry_slot *slots;
    uint32_t mask;
};

struct gn_registry_set {
    struct gn_registry **registries; /* in order of loading */
    uint32_t count, cap;
    size_t bytes;                     /* of all registries */
    struct gn_registry_index by_name; /* prefix and key */
    struct gn_registry_index by_key;  /* key alone */
    bool is_sealed;
    char reason[GN_REGISTRY_REASON_MAX];
};

static inline struct gn_str gn_registry_view(const struct gn_registry *reg,
                                             struct gn_registry_span span)
{
    return span.len == 0 ? GN_STR_NONE : (struct gn_str){reg->texts + span.at, span.len};
}

/* Bytes that reg holds. */
size_t gn_registry_bytes(const struct gn_registry *reg);

void gn_registry_free(struct gn_registry *reg);

/* Makes a registry (owned by the caller, without name) of its JSON text. Errors as for
 * gn_registry_set_load(), why in reason, which has room for GN_REGISTRY_REASON_MAX bytes. */
GN_MUST_CHECK enum gn_err gn_registry_parse(struct gn_str text, struct gn_registry **out,
                                            char *reason);

/* Builds both indices over the registries of set. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_registry_build_indices(struct gn_registry_set *set);

/* Bytes that an index holds. */
size_t gn_registry_index_bytes(const struct gn_registry_index *index);

#endif
