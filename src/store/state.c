/* A hash table from address to event. The key is the event's own text. */
#include "gurnard/base/text.h"

/* Addresses come from outside: the hash is keyed. Set before uthash.h is included. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = (unsigned)gn_text_hash((struct gn_str){(const char *)(key), (length)}))
/* Without memory an element is not added; hh.tbl is NULL then. */
#define HASH_NONFATAL_OOM 1

#include "gurnard/store/state.h"

#include <stdlib.h>
#include <uthash.h>

struct slot {
    struct gn_event *event; /* a reference */
    UT_hash_handle hh;      /* by event->resource */
};

struct gn_state {
    struct slot *slots;
    size_t bytes; /* of all events held */
};

struct gn_state *gn_state_new(void)
{
    return calloc(1, sizeof(struct gn_state));
}

static struct slot *find(struct gn_state *state, struct gn_str resource)
{
    const char *key = resource.p != NULL ? resource.p : "";
    struct slot *slot;

    HASH_FIND(hh, state->slots, key, resource.len, slot);
    return slot;
}

static void drop(struct gn_state *state, struct slot *slot)
{
    HASH_DELETE(hh, state->slots, slot);
    state->bytes -= slot->event->bytes_held;
    gn_event_unref(slot->event);
    free(slot);
}

void gn_state_free(struct gn_state *state)
{
    if (state == NULL)
        return;
    while (state->slots != NULL)
        drop(state, state->slots);
    free(state);
}

/* Puts event into a slot of the same address; the key moves over to the new event's text. */
static void replace(struct gn_state *state, struct slot *slot, struct gn_event *event)
{
    struct gn_event *old = slot->event;

    state->bytes += event->bytes_held;
    state->bytes -= old->bytes_held;
    slot->event = gn_event_ref(event);
    slot->hh.key = event->resource.p != NULL ? event->resource.p : "";
    gn_event_unref(old);
}

static enum gn_err add(struct gn_state *state, struct gn_event *event)
{
    const char *key = event->resource.p != NULL ? event->resource.p : "";
    struct slot *slot = calloc(1, sizeof *slot);

    if (slot == NULL)
        return GN_ENOMEM;
    HASH_ADD_KEYPTR(hh, state->slots, key, event->resource.len, slot);
    if (slot->hh.tbl == NULL) {
        free(slot);
        return GN_ENOMEM;
    }
    slot->event = gn_event_ref(event);
    state->bytes += event->bytes_held;
    return GN_OK;
}

enum gn_err gn_state_put(struct gn_state *state, struct gn_event *event)
{
    struct slot *slot = find(state, event->resource);
    size_t bytes = state->bytes + event->bytes_held;

    if (slot != NULL)
        bytes -= slot->event->bytes_held;
    if (bytes > GN_STATE_BYTES_MAX ||
        (slot == NULL && HASH_COUNT(state->slots) >= GN_STATE_RESOURCES_MAX))
        return GN_ELIMIT;
    if (slot == NULL)
        return add(state, event);
    replace(state, slot, event);
    return GN_OK;
}

struct gn_event *gn_state_get(struct gn_state *state, struct gn_str resource)
{
    struct slot *slot = find(state, resource);

    return slot != NULL ? slot->event : NULL;
}

void gn_state_each(const struct gn_state *state,
                   bool (*fn)(void *ctx, const struct gn_event *event), void *ctx)
{
    for (const struct slot *slot = state->slots; slot != NULL; slot = slot->hh.next)
        if (!fn(ctx, slot->event))
            return;
}
