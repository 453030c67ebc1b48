/* The indices of a sealed set and the look-up. Both indices hash lower-case names, so that one
 * probe meets every version and every spelling; the best of what it meets is taken. */
#include "gurnard/redfish/registry.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/text.h"
#include "registry_priv.h"

/* Cost of a candidate, less is better: the match in the bits from MATCH_SHIFT on, nearness of the
 * version below it, and above all another spelling than the one asked for. */
#define MATCH_SHIFT    56
#define OTHER_SPELLING ((uint64_t)1 << 63)
#define NO_CANDIDATE   UINT64_MAX

struct candidate {
    const struct gn_registry *reg;
    const struct gn_registry_entry *entry;
    uint64_t cost;
};

/* Registries whose keys BMCs send bare: Dell's two names for its event messages, and the prefix
 * that newer iDRACs give it. Best first. */
static const struct gn_str bare_registries[] = {
    {"Messages", 8},
    {"BaseMessages", 12},
    {"IDRAC", 5},
};

static size_t put_lower(char *to, struct gn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        to[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] - 'A' + 'a' : s.p[i]);
    return s.len;
}

static uint64_t hash_of(struct gn_str prefix, struct gn_str key)
{
    char text[2 * GN_MESSAGE_ID_MAX + 1];
    size_t len;

    GN_ASSERT(prefix.len <= GN_MESSAGE_ID_MAX && key.len <= GN_MESSAGE_ID_MAX);
    len = put_lower(text, prefix);
    text[len++] = '.';
    len += put_lower(text + len, key);
    return gn_text_hash((struct gn_str){text, len});
}

/* --- building --- */

static bool is_same_key(const struct gn_registry *reg, uint32_t a, uint32_t b)
{
    if (a == GN_REGISTRY_NO_ENTRY || b == GN_REGISTRY_NO_ENTRY)
        return a == b;
    return gn_str_eq(gn_registry_view(reg, reg->entries[a].key),
                     gn_registry_view(reg, reg->entries[b].key));
}

/* A key that its registry holds twice counts with its last message. */
static void insert(struct gn_registry_index *index, uint64_t hash, const struct gn_registry *reg,
                   uint16_t registry, uint32_t entry)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    uint32_t i = (uint32_t)hash & index->mask;

    for (; index->slots[i].is_used; i = (i + 1) & index->mask) {
        struct gn_registry_slot *slot = &index->slots[i];

        if (slot->tag == tag && slot->registry == registry && is_same_key(reg, slot->entry, entry))
            break;
    }
    index->slots[i] = (struct gn_registry_slot){tag, entry, registry, true};
}

static enum gn_err make_index(struct gn_registry_index *index, size_t names)
{
    size_t slots = 16;

    while (slots < names + names / 2)
        slots *= 2;
    index->slots = calloc(slots, sizeof *index->slots);
    if (index->slots == NULL)
        return GN_ENOMEM;
    index->mask = (uint32_t)(slots - 1);
    return GN_OK;
}

static void index_registry(struct gn_registry_set *set, uint16_t place)
{
    const struct gn_registry *reg = set->registries[place];
    struct gn_str prefix = gn_registry_view(reg, reg->prefix);

    insert(&set->by_name, hash_of(prefix, GN_STR_NONE), reg, place, GN_REGISTRY_NO_ENTRY);
    for (uint32_t i = 0; i < reg->count; i++) {
        struct gn_str key = gn_registry_view(reg, reg->entries[i].key);

        insert(&set->by_name, hash_of(prefix, key), reg, place, i);
        insert(&set->by_key, hash_of(GN_STR_NONE, key), reg, place, i);
    }
}

enum gn_err gn_registry_build_indices(struct gn_registry_set *set)
{
    size_t messages = 0;
    enum gn_err err;

    for (uint32_t i = 0; i < set->count; i++)
        messages += set->registries[i]->count;
    err = make_index(&set->by_name, messages + set->count);
    if (err == GN_OK)
        err = make_index(&set->by_key, messages);
    if (err != GN_OK) {
        free(set->by_name.slots);
        set->by_name = (struct gn_registry_index){0};
        return err;
    }
    for (uint32_t i = 0; i < set->count; i++)
        index_registry(set, (uint16_t)i);
    return GN_OK;
}

size_t gn_registry_index_bytes(const struct gn_registry_index *index)
{
    return index->slots == NULL ? 0 : ((size_t)index->mask + 1) * sizeof *index->slots;
}

/* --- looking up --- */

/* The next used slot of hash's chain from *at on; NULL at the chain's end. */
static const struct gn_registry_slot *next_slot(const struct gn_registry_index *index,
                                                uint64_t hash, uint32_t *at)
{
    while (index->slots[*at & index->mask].is_used) {
        const struct gn_registry_slot *slot = &index->slots[*at & index->mask];

        (*at)++;
        if (slot->tag == (uint32_t)(hash >> 32))
            return slot;
    }
    return NULL;
}

static uint64_t age_of(const struct gn_registry *reg)
{
    return (uint64_t)(UINT16_MAX - reg->major) << 32 | (uint64_t)(UINT16_MAX - reg->minor) << 16 |
           (uint64_t)(UINT16_MAX - reg->patch);
}

/* How far reg's version is from the one that id names. */
static uint64_t version_cost(const struct gn_message_id *id, const struct gn_registry *reg)
{
    uint64_t match = GN_MATCH_EXACT;
    uint64_t distance = 0;

    if (!id->has_version)
        return (uint64_t)GN_MATCH_ANY_VERSION << MATCH_SHIFT | age_of(reg);
    if (reg->major != id->major) {
        bool is_newer = reg->major > id->major;
        uint64_t majors = (uint64_t)(is_newer ? reg->major - id->major : id->major - reg->major);

        match = GN_MATCH_OTHER_MAJOR;
        distance = (majors * 2 + is_newer) << 16 | (uint64_t)(UINT16_MAX - reg->minor);
    } else if (reg->minor < id->minor) {
        match = GN_MATCH_OLDER_MINOR;
        distance = (uint64_t)(id->minor - reg->minor);
    } else if (reg->minor > id->minor) {
        match = GN_MATCH_NEWER_MINOR;
        distance = (uint64_t)(reg->minor - id->minor);
    }
    return match << MATCH_SHIFT | distance << 16 | (uint64_t)(UINT16_MAX - reg->patch);
}

static void take_better(struct candidate *best, const struct gn_registry *reg,
                        const struct gn_registry_entry *entry, uint64_t cost)
{
    if (cost < best->cost)
        *best = (struct candidate){reg, entry, cost};
}

/* The best message for a registry and key, over all versions of that registry. */
static enum gn_registry_match find_named(const struct gn_registry_set *set,
                                         const struct gn_message_id *id, struct candidate *best)
{
    uint64_t hash = hash_of(id->prefix, id->key);
    uint32_t at = (uint32_t)hash & set->by_name.mask;
    const struct gn_registry_slot *slot;

    best->cost = NO_CANDIDATE;
    while ((slot = next_slot(&set->by_name, hash, &at)) != NULL) {
        const struct gn_registry *reg = set->registries[slot->registry];
        const struct gn_registry_entry *entry;
        struct gn_str prefix = gn_registry_view(reg, reg->prefix);
        struct gn_str key;
        uint64_t cost;

        if (slot->entry == GN_REGISTRY_NO_ENTRY)
            continue;
        entry = &reg->entries[slot->entry];
        key = gn_registry_view(reg, entry->key);
        if (!gn_str_eq_nocase(prefix, id->prefix) || !gn_str_eq_nocase(key, id->key))
            continue;
        cost = version_cost(id, reg);
        if (!gn_str_eq(prefix, id->prefix) || !gn_str_eq(key, id->key))
            cost |= OTHER_SPELLING;
        take_better(best, reg, entry, cost);
    }
    if (best->cost == NO_CANDIDATE)
        return GN_MATCH_NONE;
    return (enum gn_registry_match)((best->cost & ~OTHER_SPELLING) >> MATCH_SHIFT);
}

static bool is_known(const struct gn_registry_set *set, struct gn_str prefix)
{
    uint64_t hash = hash_of(prefix, GN_STR_NONE);
    uint32_t at = (uint32_t)hash & set->by_name.mask;
    const struct gn_registry_slot *slot;

    while ((slot = next_slot(&set->by_name, hash, &at)) != NULL) {
        const struct gn_registry *reg = set->registries[slot->registry];

        if (slot->entry == GN_REGISTRY_NO_ENTRY &&
            gn_str_eq_nocase(gn_registry_view(reg, reg->prefix), prefix))
            return true;
    }
    return false;
}

/* Place in bare_registries; GN_LEN(bare_registries) for any other registry. */
static size_t bare_rank(struct gn_str prefix)
{
    size_t rank = 0;

    while (rank < GN_LEN(bare_registries) && !gn_str_eq_nocase(prefix, bare_registries[rank]))
        rank++;
    return rank;
}

/* The best message with that key, in this spelling or in any. *is_ambiguous: several registries
 * have it and none of them is one for bare keys. */
static void find_key(const struct gn_registry_set *set, struct gn_str key, bool nocase,
                     struct candidate *best, bool *is_ambiguous)
{
    uint64_t hash = hash_of(GN_STR_NONE, key);
    uint32_t at = (uint32_t)hash & set->by_key.mask;
    const struct gn_registry_slot *slot;

    best->cost = NO_CANDIDATE;
    *is_ambiguous = false;
    while ((slot = next_slot(&set->by_key, hash, &at)) != NULL) {
        const struct gn_registry *reg = set->registries[slot->registry];
        const struct gn_registry_entry *entry = &reg->entries[slot->entry];
        struct gn_str prefix = gn_registry_view(reg, reg->prefix);
        struct gn_str have = gn_registry_view(reg, entry->key);
        uint64_t rank = bare_rank(prefix);

        if (nocase ? !gn_str_eq_nocase(have, key) : !gn_str_eq(have, key))
            continue;
        if (best->cost != NO_CANDIDATE &&
            !gn_str_eq_nocase(gn_registry_view(best->reg, best->reg->prefix), prefix))
            *is_ambiguous = true;
        take_better(best, reg, entry, rank << MATCH_SHIFT | age_of(reg));
    }
    if (best->cost >> MATCH_SHIFT < GN_LEN(bare_registries))
        *is_ambiguous = false;
}

static enum gn_registry_match find_bare(const struct gn_registry_set *set, struct gn_str key,
                                        struct candidate *best)
{
    bool is_ambiguous;

    find_key(set, key, false, best, &is_ambiguous);
    if (best->cost == NO_CANDIDATE)
        find_key(set, key, true, best, &is_ambiguous);
    return best->cost == NO_CANDIDATE || is_ambiguous ? GN_MATCH_NONE : GN_MATCH_BARE_KEY;
}

/* A known registry that lacks the key has no such message: another registry's text for the same key
 * would mislead. Only the registries for bare keys stand in for each other. */
static enum gn_registry_match find(const struct gn_registry_set *set,
                                   const struct gn_message_id *id, struct candidate *best)
{
    if (id->prefix.len > 0) {
        enum gn_registry_match match = find_named(set, id, best);

        if (match != GN_MATCH_NONE)
            return match;
        if (is_known(set, id->prefix) && bare_rank(id->prefix) == GN_LEN(bare_registries))
            return GN_MATCH_NONE;
    }
    return find_bare(set, id->key, best);
}

/* Goes on to the message that replaced one without text. A replacement named by its key alone is in
 * the same registry. */
static void follow_replacement(const struct gn_registry_set *set, struct candidate *found)
{
    struct gn_message_id id;
    struct candidate other;

    if (found->entry->text.len > 0 || found->entry->replaced_by.len == 0)
        return;
    if (gn_message_id_parse(gn_registry_view(found->reg, found->entry->replaced_by), &id) != GN_OK)
        return;
    if (id.prefix.len == 0) {
        id.prefix = gn_registry_view(found->reg, found->reg->prefix);
        id.has_version = true;
        id.major = found->reg->major;
        id.minor = found->reg->minor;
    }
    if (find_named(set, &id, &other) != GN_MATCH_NONE)
        *found = other;
}

static void fill(struct gn_message *message, const struct candidate *found)
{
    const struct gn_registry *reg = found->reg;
    const struct gn_registry_entry *entry = found->entry;

    *message = (struct gn_message){
        .text = gn_registry_view(reg, entry->text),
        .resolution = gn_registry_view(reg, entry->resolution),
        .severity = (enum gn_severity)entry->severity,
        .number_of_args = entry->number_of_args,
        .clears = gn_registry_view(reg, entry->clears),
        .prefix = gn_registry_view(reg, reg->prefix),
        .major = reg->major,
        .minor = reg->minor,
    };
}

enum gn_registry_match gn_registry_find(const struct gn_registry_set *set, struct gn_str message_id,
                                        struct gn_message *message)
{
    struct gn_message_id id;
    struct candidate found;
    enum gn_registry_match match;

    GN_ASSERT(set->is_sealed);
    if (gn_message_id_parse(message_id, &id) != GN_OK)
        return GN_MATCH_NONE;
    match = find(set, &id, &found);
    if (match == GN_MATCH_NONE)
        return GN_MATCH_NONE;
    follow_replacement(set, &found);
    fill(message, &found);
    return match;
}
