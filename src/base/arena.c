/* The arena: blocks from calloc, filled from their start. What is too large for an ordinary block
 * gets a block of its own behind the current one, so that the rest of that one is not lost. */
#include "gurnard/base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK_BYTES ((size_t)4096) /* with its head, so that a block is a page */
#define LAST_BLOCK_BYTES  ((size_t)65536)

struct gn_arena_block {
    struct gn_arena_block *next;
    size_t cap;  /* bytes of data */
    size_t used; /* bytes of data handed out, with padding */
    alignas(max_align_t) char data[];
};

/* The offset of a piece of size bytes in block; SIZE_MAX when it does not fit. */
static size_t place_in(const struct gn_arena_block *block, size_t size, size_t align)
{
    size_t at;

    if (block == NULL)
        return SIZE_MAX;
    at = (block->used + align - 1) & ~(align - 1);
    return at > block->cap || block->cap - at < size ? SIZE_MAX : at;
}

static struct gn_arena_block *block_new(size_t cap)
{
    struct gn_arena_block *block;

    if (cap > SIZE_MAX - sizeof *block)
        return NULL;
    block = calloc(1, sizeof *block + cap);
    if (block != NULL)
        block->cap = cap;
    return block;
}

/* A fresh block with room for size bytes, linked in; NULL when there is no memory. */
static struct gn_arena_block *block_add(struct gn_arena *arena, size_t size)
{
    size_t usual = arena->block_bytes - sizeof(struct gn_arena_block);
    bool is_large = size > usual / 2;
    struct gn_arena_block *block = block_new(is_large ? size : usual);

    if (block == NULL)
        return NULL;
    if (is_large && arena->blocks != NULL) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
        return block;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    if (arena->block_bytes < LAST_BLOCK_BYTES)
        arena->block_bytes *= 2;
    return block;
}

static void *take(struct gn_arena *arena, size_t size, size_t align)
{
    struct gn_arena_block *block = arena->blocks;
    size_t at;

    if (size > arena->limit - arena->used)
        return NULL;
    at = place_in(block, size, align);
    if (at == SIZE_MAX) {
        block = block_add(arena, size);
        if (block == NULL)
            return NULL;
        at = 0;
    }
    block->used = at + size;
    arena->used += size;
    return block->data + at;
}

void gn_arena_init(struct gn_arena *arena, size_t limit)
{
    *arena = (struct gn_arena){.limit = limit, .block_bytes = FIRST_BLOCK_BYTES};
}

void *gn_arena_alloc(struct gn_arena *arena, size_t size)
{
    /* An empty object still gets an address of its own. */
    return take(arena, size == 0 ? 1 : size, alignof(max_align_t));
}

char *gn_arena_strdup(struct gn_arena *arena, struct gn_str s)
{
    char *copy;

    if (s.len == SIZE_MAX)
        return NULL;
    copy = take(arena, s.len + 1, 1);
    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.p, s.len);
    return copy; /* the NUL is there: blocks begin zeroed */
}

void gn_arena_fini(struct gn_arena *arena)
{
    struct gn_arena_block *block = arena->blocks;

    while (block != NULL) {
        struct gn_arena_block *next = block->next;

        free(block);
        block = next;
    }
    gn_arena_init(arena, arena->limit);
}

size_t gn_arena_held_bytes(const struct gn_arena *arena)
{
    size_t held = 0;

    for (const struct gn_arena_block *block = arena->blocks; block != NULL; block = block->next)
        held += sizeof *block + block->cap;
    return held;
}
