/* An arena: many small allocations that die together. Not thread-safe. */
#ifndef GURNARD_BASE_ARENA_H
#define GURNARD_BASE_ARENA_H

#include <stddef.h>

#include "gurnard/base/str.h"

struct gn_arena_block;

struct gn_arena {
    struct gn_arena_block *blocks; /* newest first */
    size_t used;                   /* bytes handed out over all blocks */
    size_t limit;                  /* most bytes that used may reach */
    size_t block_bytes;            /* size of the next block */
};

/* Starts an arena that may hand out up to limit bytes. Allocates nothing yet. */
void gn_arena_init(struct gn_arena *arena, size_t limit);

/* size zeroed bytes, aligned for any object; NULL when there is no memory or limit is reached. */
void *gn_arena_alloc(struct gn_arena *arena, size_t size);

/* A NUL-terminated copy of s inside the arena; NULL as above. Takes only len + 1 bytes. */
char *gn_arena_strdup(struct gn_arena *arena, struct gn_str s);

/* Frees all at once; the arena can be used again. */
void gn_arena_fini(struct gn_arena *arena);

/* Bytes that the arena holds from the system, for memory figures. */
size_t gn_arena_held_bytes(const struct gn_arena *arena);

#endif
