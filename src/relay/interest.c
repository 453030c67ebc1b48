/* Which events a subscription wants. */
#include "gurnard/relay/interest.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/assert.h"
#include "gurnard/relay/address.h"

#define ARENA_MAX ((size_t)64 << 20)

const char *gn_face_name(enum gn_face face)
{
    static const char *const names[GN_FACES] = {
        [GN_FACE_V1] = "v1",
        [GN_FACE_V2] = "v2",
        [GN_FACE_PEER] = "peer",
        [GN_FACE_NATIVE] = "native",
    };

    return names[face];
}

static void destroy(struct gn_interest *interest)
{
    gn_native_spec_free(interest->spec);
    free(interest->resource);
    free(interest->spelled);
    free(interest->node);
    free(interest);
}

struct gn_interest *gn_interest_new(enum gn_face face, struct gn_str resource,
                                    struct gn_native_spec *spec, const char *node)
{
    struct gn_interest *interest = calloc(1, sizeof(*interest));

    GN_ASSERT((spec != NULL) == (face == GN_FACE_NATIVE));
    if (interest == NULL) {
        gn_native_spec_free(spec);
        return NULL;
    }
    interest->refs = 1;
    interest->face = face;
    interest->spec = spec;
    interest->resource = gn_str_dup(resource);
    interest->resource_len = resource.len;
    interest->is_pattern = face == GN_FACE_V2 && gn_address_is_pattern(resource);
    interest->node = face == GN_FACE_NATIVE ? strdup(node) : NULL;
    if (interest->resource == NULL || (face == GN_FACE_NATIVE && interest->node == NULL)) {
        destroy(interest);
        return NULL;
    }
    return interest;
}

bool gn_interest_spell(struct gn_interest *interest, struct gn_str address)
{
    GN_ASSERT(interest->face == GN_FACE_PEER && interest->refs == 1);
    if (gn_str_eq(address, gn_str_of(interest->resource)))
        return true;
    interest->spelled = gn_str_dup(address);
    return interest->spelled != NULL;
}

struct gn_interest *gn_interest_ref(struct gn_interest *interest)
{
    GN_ASSERT(interest->refs > 0 && interest->refs < UINT32_MAX);
    interest->refs++;
    return interest;
}

void gn_interest_unref(struct gn_interest *interest)
{
    if (interest == NULL)
        return;
    GN_ASSERT(interest->refs > 0);
    if (--interest->refs == 0)
        destroy(interest);
}

/* What can be said without looking into the event. NATIVE: whether it must be looked into. */
static bool wants_address(const struct gn_interest *interest, struct gn_str resource,
                          unsigned flags)
{
    const struct gn_str own = {interest->resource, interest->resource_len};

    switch (interest->face) {
    case GN_FACE_V1:
        return (flags & GN_EVENT_PLAIN) == 0 && gn_str_eq(own, resource);
    case GN_FACE_V2:
        return (flags & GN_EVENT_PLAIN) == 0 && gn_address_covers(own, resource);
    case GN_FACE_PEER:
        return (flags & (GN_EVENT_PLAIN | GN_EVENT_FROM_PEER)) == 0 && gn_str_eq(own, resource);
    case GN_FACE_NATIVE:
        return own.len == 0 || ((flags & GN_EVENT_FROM_PEER) == 0 && gn_str_eq(own, resource));
    case GN_FACES:
        break;
    }
    return true;
}

static bool passes_some(const struct gn_interest *interest, struct gn_native_cache *cache)
{
    struct gn_native_view view;

    if (gn_native_view(cache, interest->spec->split, 0, &view) != GN_OK)
        return true;
    for (size_t i = 0; i < view.count; i++)
        if (gn_native_passes(interest->spec, &view.events[i]))
            return true;
    return false;
}

static bool wants_native(const struct gn_interest *interest, const struct gn_event *event,
                         struct gn_native_cache *cache)
{
    struct gn_arena arena;
    struct gn_native_cache own = {.event = event, .node = interest->node, .arena = &arena};
    bool is_wanted;

    if (cache != NULL)
        return passes_some(interest, cache);
    gn_arena_init(&arena, ARENA_MAX);
    is_wanted = passes_some(interest, &own);
    gn_arena_fini(&arena);
    return is_wanted;
}

bool gn_interest_wants(const struct gn_interest *interest, const struct gn_event *event,
                       struct gn_native_cache *cache)
{
    if (!wants_address(interest, event->resource, event->flags))
        return false;
    return interest->face != GN_FACE_NATIVE || wants_native(interest, event, cache);
}

bool gn_interest_wants_packed(const struct gn_interest *interest,
                              const struct gn_packed_event *packed)
{
    struct gn_event *event;
    enum gn_err err;
    bool is_wanted;

    if (!wants_address(interest, packed->resource, packed->flags))
        return false;
    if (interest->face != GN_FACE_NATIVE)
        return true;
    err = gn_event_unpack(packed, &event);
    if (err != GN_OK)
        return err != GN_EPARSE;
    is_wanted = wants_native(interest, event, NULL);
    gn_event_unref(event);
    return is_wanted;
}

bool gn_interest_is_same(const struct gn_interest *a, const struct gn_interest *b)
{
    if (a == b)
        return true;
    return a->face == b->face && a->face != GN_FACE_NATIVE && a->resource_len == b->resource_len &&
           memcmp(a->resource, b->resource, a->resource_len) == 0;
}
