/* The set of message registries: loading, replacing, figures. Reading a registry's text is
 * registry_load.c, files are registry_file.c, looking up is registry_find.c. */
#include "gurnard/redfish/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/redfish/unpack.h"
#include "registry_priv.h"

#define FIRST_CAP 16U

size_t gn_registry_bytes(const struct gn_registry *reg)
{
    return sizeof *reg + reg->texts_len + reg->count * sizeof *reg->entries;
}

void gn_registry_free(struct gn_registry *reg)
{
    if (reg == NULL)
        return;
    free(reg->name);
    free(reg->texts);
    free(reg->entries);
    free(reg);
}

struct gn_registry_set *gn_registry_set_new(void)
{
    return calloc(1, sizeof(struct gn_registry_set));
}

void gn_registry_set_free(struct gn_registry_set *set)
{
    if (set == NULL)
        return;
    for (uint32_t i = 0; i < set->count; i++)
        gn_registry_free(set->registries[i]);
    free(set->registries);
    free(set->by_name.slots);
    free(set->by_key.slots);
    free(set);
}

/* Place of the registry with the same prefix and version as reg; count when there is none. */
static uint32_t place_of(const struct gn_registry_set *set, const struct gn_registry *reg)
{
    struct gn_str prefix = gn_registry_view(reg, reg->prefix);

    for (uint32_t i = 0; i < set->count; i++) {
        const struct gn_registry *other = set->registries[i];

        if (other->major == reg->major && other->minor == reg->minor &&
            other->patch == reg->patch && gn_str_eq(gn_registry_view(other, other->prefix), prefix))
            return i;
    }
    return set->count;
}

static enum gn_err make_room(struct gn_registry_set *set)
{
    uint32_t cap = set->cap == 0 ? FIRST_CAP : set->cap * 2;
    struct gn_registry **grown;

    if (set->count < set->cap)
        return GN_OK;
    grown = reallocarray(set->registries, cap, sizeof(*grown));
    if (grown == NULL)
        return GN_ENOMEM;
    set->registries = grown;
    set->cap = cap;
    return GN_OK;
}

static void remove_at(struct gn_registry_set *set, uint32_t place)
{
    set->bytes -= gn_registry_bytes(set->registries[place]);
    gn_registry_free(set->registries[place]);
    set->count--;
    for (uint32_t i = place; i < set->count; i++)
        set->registries[i] = set->registries[i + 1];
}

/* Puts reg at the end of the set, in the stead of an earlier one of its name. On GN_OK the set owns
 * reg. */
static enum gn_err add(struct gn_registry_set *set, struct gn_registry *reg)
{
    uint32_t place = place_of(set, reg);
    bool is_new = place == set->count;
    size_t bytes = set->bytes + gn_registry_bytes(reg);
    enum gn_err err;

    if (!is_new)
        bytes -= gn_registry_bytes(set->registries[place]);
    if (bytes > GN_REGISTRY_SET_MAX || (is_new && set->count >= GN_REGISTRY_COUNT_MAX)) {
        (void)snprintf(set->reason, sizeof set->reason, "the set of registries is full");
        return GN_ELIMIT;
    }
    err = make_room(set);
    if (err != GN_OK)
        return err;
    if (!is_new)
        remove_at(set, place);
    set->registries[set->count++] = reg;
    set->bytes = bytes;
    return GN_OK;
}

static enum gn_err unpack(struct gn_registry_set *set, struct gn_str packed, struct gn_buf *plain)
{
    enum gn_err err = gn_unpack_gzip(packed, GN_REGISTRY_FILE_MAX, plain);

    if (err == GN_EPARSE)
        (void)snprintf(set->reason, sizeof set->reason, "broken or truncated gzip");
    else if (err == GN_ELIMIT)
        (void)snprintf(set->reason, sizeof set->reason,
                       "larger than %zu bytes when unpacked, or denser than any text",
                       GN_REGISTRY_FILE_MAX);
    return err;
}

static enum gn_err load(struct gn_registry_set *set, struct gn_str text, const char *name)
{
    struct gn_buf plain = gn_buf_with_limit(GN_REGISTRY_FILE_MAX);
    struct gn_registry *reg = NULL;
    enum gn_err err = GN_OK;

    if (text.len > GN_REGISTRY_FILE_MAX) {
        (void)snprintf(set->reason, sizeof set->reason, "larger than %zu bytes",
                       GN_REGISTRY_FILE_MAX);
        return GN_ELIMIT;
    }
    if (gn_unpack_is_gzip(text)) {
        err = unpack(set, text, &plain);
        text = gn_buf_str(&plain);
    }
    if (err == GN_OK)
        err = gn_registry_parse(text, &reg, set->reason);
    if (err != GN_OK)
        goto out;
    reg->name = gn_str_dup(gn_str_of(name));
    err = reg->name == NULL ? GN_ENOMEM : add(set, reg);
    if (err == GN_OK)
        reg = NULL; /* the set owns it now */
out:
    gn_registry_free(reg);
    gn_buf_free(&plain);
    return err;
}

enum gn_err gn_registry_set_load(struct gn_registry_set *set, struct gn_str text, const char *name,
                                 const char **reason)
{
    enum gn_err err;

    GN_ASSERT(!set->is_sealed);
    set->reason[0] = '\0';
    err = load(set, text, name);
    if (err == GN_ENOMEM)
        (void)snprintf(set->reason, sizeof set->reason, "%s", gn_err_text(err));
    if (reason != NULL)
        *reason = set->reason;
    return err;
}

enum gn_err gn_registry_set_seal(struct gn_registry_set *set)
{
    enum gn_err err;

    GN_ASSERT(!set->is_sealed);
    err = gn_registry_build_indices(set);
    set->is_sealed = err == GN_OK;
    return err;
}

struct gn_registry_stats gn_registry_set_stats(const struct gn_registry_set *set)
{
    struct gn_registry_stats stats = {.registries = set->count};

    for (uint32_t i = 0; i < set->count; i++)
        stats.messages += set->registries[i]->count;
    stats.bytes = sizeof *set + set->cap * sizeof *set->registries + set->bytes +
                  gn_registry_index_bytes(&set->by_name) + gn_registry_index_bytes(&set->by_key);
    return stats;
}

void gn_registry_set_each(const struct gn_registry_set *set, gn_registry_each_fn fn, void *ctx)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct gn_registry *reg = set->registries[i];

        fn(ctx, gn_registry_view(reg, reg->prefix), reg->major, reg->minor, gn_str_of(reg->name),
           reg->count);
    }
}
