/* What each source sent lately: a ring of id hashes per source, sources in order of their last
 * word. Ids are kept as keyed 64-bit hashes: 16 bytes each with their time, and nobody outside can
 * make two of them meet. */
#define HASH_NONFATAL_OOM 1 /* without memory an entry is left out; the program goes on */
#include "gurnard/relay/dedup.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/text.h"

#define RING_FIRST_CAP 4 /* doubled up to per_source: always a power of two */
#define STALE_PER_ADD  2 /* silent sources that one call clears away */

struct seen {
    uint64_t id_hash;
    uint64_t at_ms;
};

struct source {
    uint64_t key;
    uint64_t last_ms;
    struct seen *ring;         /* oldest at first, wraps at cap */
    uint32_t first, used, cap; /* cap: a power of two, or 0 */
    TAILQ_ENTRY(source) link;
    UT_hash_handle hh;
};

struct gn_dedup {
    struct gn_dedup_limits limits;
    struct source *sources;                  /* by key */
    TAILQ_HEAD(source_list, source) by_last; /* longest silent first */
    uint32_t source_count;
    uint32_t held; /* places in all rings */
};

static uint64_t hash_of(const struct gn_id *id)
{
    return gn_text_hash(gn_str_of(id->text));
}

static struct source *find_source(struct gn_dedup *dedup, uint64_t key)
{
    struct source *source;

    HASH_FIND(hh, dedup->sources, &key, sizeof(key), source);
    return source;
}

static void free_source(struct gn_dedup *dedup, struct source *source)
{
    HASH_DELETE(hh, dedup->sources, source); /* NOLINT(clang-analyzer-core.NullDereference) */
    TAILQ_REMOVE(&dedup->by_last, source, link);
    dedup->source_count--;
    dedup->held -= source->cap;
    free(source->ring);
    free(source);
}

static bool is_past(const struct gn_dedup *dedup, uint64_t at_ms, uint64_t now_ms)
{
    return now_ms >= at_ms && now_ms - at_ms >= dedup->limits.window_ms;
}

static struct seen *ring_at(const struct source *source, uint32_t place)
{
    return &source->ring[(source->first + place) & (source->cap - 1)];
}

static void ring_drop_first(struct source *source)
{
    source->first = (source->first + 1) & (source->cap - 1);
    source->used--;
}

static void ring_prune(const struct gn_dedup *dedup, struct source *source, uint64_t now_ms)
{
    while (source->used > 0 && is_past(dedup, ring_at(source, 0)->at_ms, now_ms))
        ring_drop_first(source);
}

/* Makes a free place: grows up to per_source, then forgets the oldest. */
static bool ring_make_place(struct gn_dedup *dedup, struct source *source)
{
    uint32_t cap = source->cap == 0 ? RING_FIRST_CAP : 2 * source->cap;
    struct seen *ring;

    if (source->used < source->cap)
        return true;
    ring = source->cap >= dedup->limits.per_source ? NULL : calloc(cap, sizeof(*ring));
    if (ring == NULL) {
        if (source->used > 0)
            ring_drop_first(source);
        return source->used < source->cap;
    }
    for (uint32_t i = 0; i < source->used; i++)
        ring[i] = *ring_at(source, i);
    free(source->ring);
    source->ring = ring;
    source->first = 0;
    dedup->held += cap - source->cap;
    source->cap = cap;
    return true;
}

static struct source *add_source(struct gn_dedup *dedup, uint64_t key)
{
    struct source *source = calloc(1, sizeof(*source));

    if (source == NULL)
        return NULL;
    source->key = key;
    HASH_ADD(hh, dedup->sources, key, sizeof(source->key), source);
    if (source->hh.tbl == NULL) {
        free(source);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&dedup->by_last, source, link);
    dedup->source_count++;
    return source;
}

static bool is_over(const struct gn_dedup *dedup)
{
    return dedup->source_count > dedup->limits.sources_max || dedup->held > dedup->limits.ids_max;
}

/* keep is spared: it is the one that is being added to. */
static void clear_silent(struct gn_dedup *dedup, const struct source *keep, uint64_t now_ms)
{
    for (int stale = 0; stale < STALE_PER_ADD;) {
        struct source *oldest = TAILQ_FIRST(&dedup->by_last);

        if (oldest == NULL || oldest == keep)
            return;
        if (!is_over(dedup) && !is_past(dedup, oldest->last_ms, now_ms))
            return;
        stale += is_over(dedup) ? 0 : 1;
        free_source(dedup, oldest);
    }
}

struct gn_dedup *gn_dedup_new_with(const struct gn_dedup_limits *limits)
{
    struct gn_dedup *dedup;

    GN_ASSERT((limits->per_source & (limits->per_source - 1)) == 0); /* places are masked */
    dedup = calloc(1, sizeof(*dedup));
    if (dedup == NULL)
        return NULL;
    dedup->limits = *limits;
    TAILQ_INIT(&dedup->by_last);
    return dedup;
}

struct gn_dedup *gn_dedup_new(void)
{
    const struct gn_dedup_limits limits = {
        .window_ms = GN_DEDUP_WINDOW_MS,
        .per_source = GN_DEDUP_PER_SOURCE,
        .sources_max = GN_DEDUP_SOURCES_MAX,
        .ids_max = GN_DEDUP_IDS_MAX,
    };

    return gn_dedup_new_with(&limits);
}

void gn_dedup_free(struct gn_dedup *dedup)
{
    if (dedup == NULL)
        return;
    while (!TAILQ_EMPTY(&dedup->by_last))
        free_source(dedup, TAILQ_FIRST(&dedup->by_last));
    free(dedup);
}

bool gn_dedup_seen(struct gn_dedup *dedup, uint64_t source_key, const struct gn_id *id,
                   uint64_t now_ms)
{
    struct source *source = find_source(dedup, source_key);
    uint64_t id_hash = hash_of(id);

    if (source == NULL)
        return false;
    ring_prune(dedup, source, now_ms);
    for (uint32_t i = 0; i < source->used; i++)
        if (ring_at(source, i)->id_hash == id_hash)
            return true;
    return false;
}

void gn_dedup_add(struct gn_dedup *dedup, uint64_t source_key, const struct gn_id *id,
                  uint64_t now_ms)
{
    struct source *source = find_source(dedup, source_key);

    if (source == NULL)
        source = add_source(dedup, source_key);
    if (source == NULL)
        return;
    ring_prune(dedup, source, now_ms);
    source->last_ms = now_ms;
    TAILQ_REMOVE(&dedup->by_last, source, link);
    TAILQ_INSERT_TAIL(&dedup->by_last, source, link);
    if (ring_make_place(dedup, source)) {
        source->used++;
        *ring_at(source, source->used - 1) = (struct seen){.id_hash = hash_of(id), .at_ms = now_ms};
    }
    clear_silent(dedup, source, now_ms);
}
