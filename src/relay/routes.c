/* Which sinks want an event. Those of one address, or of what lies below one, are found by hashing:
 * an event's address and each of its beginnings. The others (addresses with "*", native
 * subscriptions) are asked one after another. */
#define HASH_NONFATAL_OOM 1 /* a route without memory is reported; the program goes on */
#include "relay_priv.h"

#include <stdlib.h>

#include "gurnard/relay/address.h"

#define ARENA_MAX ((size_t)256 << 20) /* of what native subscriptions look at in one POST */

/* Sinks, in the order of their opening. Zero-initialised. */
struct sinks {
    struct gn_sink **all;
    size_t count, cap;
};

/* The sinks of one address. */
struct route {
    char *address;      /* canonical */
    struct sinks exact; /* of this address only */
    struct sinks below; /* of it and all below */
    UT_hash_handle hh;
};

/* A sink that must be asked. */
struct asked {
    struct gn_sink *sink;
    struct gn_interest *interest; /* a reference */
};

struct gn_routes {
    struct route *by_address;
    struct asked *asked;
    size_t asked_count, asked_cap;
    struct sinks found; /* of the last look */
};

struct gn_routes *gn_routes_new(void)
{
    return calloc(1, sizeof(struct gn_routes));
}

/* ---- lists ---- */

static bool append(struct sinks *sinks, struct gn_sink *sink)
{
    if (sinks->count == sinks->cap) {
        size_t cap = sinks->cap == 0 ? 4 : 2 * sinks->cap;
        struct gn_sink **all = reallocarray(sinks->all, cap, sizeof(struct gn_sink *));

        if (all == NULL)
            return false;
        sinks->all = all;
        sinks->cap = cap;
    }
    sinks->all[sinks->count++] = sink;
    return true;
}

static void take_out(struct sinks *sinks, const struct gn_sink *sink)
{
    size_t kept = 0;

    for (size_t i = 0; i < sinks->count; i++)
        if (sinks->all[i] != sink)
            sinks->all[kept++] = sinks->all[i];
    sinks->count = kept;
}

/* ---- routes ---- */

static struct route *find_route(struct gn_routes *routes, struct gn_str address)
{
    struct route *route = NULL;

    if (address.len > 0)
        HASH_FIND(hh, routes->by_address, address.p, address.len, route);
    return route;
}

static struct route *add_route(struct gn_routes *routes, struct gn_str address)
{
    struct route *route = calloc(1, sizeof(*route));

    if (route == NULL)
        return NULL;
    route->address = gn_str_dup(address);
    if (route->address != NULL)
        HASH_ADD_KEYPTR(hh, routes->by_address, route->address, address.len, route);
    if (route->address == NULL || route->hh.tbl == NULL) {
        free(route->address);
        free(route);
        return NULL;
    }
    return route;
}

static void free_if_empty(struct gn_routes *routes, struct route *route)
{
    if (route->exact.count + route->below.count > 0)
        return;
    HASH_DELETE(hh, routes->by_address, route);
    free(route->exact.all);
    free(route->below.all);
    free(route->address);
    free(route);
}

static bool is_asked(const struct gn_interest *interest)
{
    return interest->face == GN_FACE_NATIVE || interest->is_pattern;
}

static enum gn_err add_asked(struct gn_routes *routes, struct gn_sink *sink,
                             struct gn_interest *interest)
{
    if (routes->asked_count == routes->asked_cap) {
        size_t cap = routes->asked_cap == 0 ? 4 : 2 * routes->asked_cap;
        struct asked *asked = reallocarray(routes->asked, cap, sizeof(*asked));

        if (asked == NULL)
            return GN_ENOMEM;
        routes->asked = asked;
        routes->asked_cap = cap;
    }
    routes->asked[routes->asked_count++] =
        (struct asked){.sink = sink, .interest = gn_interest_ref(interest)};
    return GN_OK;
}

enum gn_err gn_routes_add(struct gn_routes *routes, struct gn_sink *sink,
                          struct gn_interest *interest)
{
    struct gn_str address = {interest->resource, interest->resource_len};
    struct route *route;

    if (is_asked(interest))
        return add_asked(routes, sink, interest);
    if (address.len == 0)
        return GN_OK; /* nothing is published there */
    route = find_route(routes, address);
    if (route == NULL)
        route = add_route(routes, address);
    if (route == NULL)
        return GN_ENOMEM;
    if (append(interest->face == GN_FACE_V2 ? &route->below : &route->exact, sink))
        return GN_OK;
    free_if_empty(routes, route);
    return GN_ENOMEM;
}

static void remove_asked(struct gn_routes *routes, const struct gn_sink *sink)
{
    size_t kept = 0;

    for (size_t i = 0; i < routes->asked_count; i++)
        if (routes->asked[i].sink != sink)
            routes->asked[kept++] = routes->asked[i];
        else
            gn_interest_unref(routes->asked[i].interest);
    routes->asked_count = kept;
}

void gn_routes_remove(struct gn_routes *routes, const struct gn_sink *sink,
                      const struct gn_interest *interest)
{
    struct route *route;

    if (is_asked(interest)) {
        remove_asked(routes, sink);
        return;
    }
    route = find_route(routes, (struct gn_str){interest->resource, interest->resource_len});
    if (route == NULL)
        return;
    take_out(&route->exact, sink);
    take_out(&route->below, sink);
    free_if_empty(routes, route);
}

void gn_routes_free(struct gn_routes *routes)
{
    if (routes == NULL)
        return;
    while (routes->by_address != NULL) {
        struct route *route = routes->by_address;

        route->exact.count = route->below.count = 0;
        free_if_empty(routes, route);
    }
    for (size_t i = 0; i < routes->asked_count; i++)
        gn_interest_unref(routes->asked[i].interest);
    free(routes->asked);
    free(routes->found.all);
    free(routes);
}

/* ---- looking ---- */

static bool add_all(struct sinks *found, const struct sinks *more)
{
    bool is_whole = true;

    for (size_t i = 0; i < more->count; i++)
        is_whole = append(found, more->all[i]) && is_whole;
    return is_whole;
}

/* Of an address and its beginnings up to each slash: those whose subtree it lies in. */
static bool find_below(struct gn_routes *routes, struct gn_str address)
{
    const struct route *route;
    bool is_whole = true;

    for (size_t len = 1; len <= address.len; len++) {
        if (len < address.len && address.p[len] != '/' && len != 1)
            continue;
        route = find_route(routes, (struct gn_str){address.p, len});
        if (route != NULL)
            is_whole = add_all(&routes->found, &route->below) && is_whole;
    }
    return is_whole;
}

/* Those of its own address: what is for one kind of events only is asked. */
static bool find_exact(struct gn_routes *routes, const struct gn_event *event)
{
    const struct route *route = find_route(routes, event->resource);
    bool is_whole = true;

    for (size_t i = 0; route != NULL && i < route->exact.count; i++)
        if ((event->flags & GN_EVENT_FROM_PEER) == 0 ||
            gn_sink_face(route->exact.all[i]) != GN_FACE_PEER)
            is_whole = append(&routes->found, route->exact.all[i]) && is_whole;
    return is_whole;
}

struct asking {
    struct gn_event *const *events;
    size_t count;
    struct gn_arena arena;
    struct gn_native_cache *caches; /* one for each event; NULL: no memory */
};

static bool wants_some(const struct gn_interest *interest, struct asking *asking)
{
    for (size_t i = 0; i < asking->count; i++)
        if (gn_interest_wants(interest, asking->events[i],
                              asking->caches == NULL ? NULL : &asking->caches[i]))
            return true;
    return false;
}

static bool ask_all(struct gn_routes *routes, struct gn_event *const *events, size_t count,
                    const char *node)
{
    struct asking asking = {.events = events, .count = count};
    bool is_whole = true;

    gn_arena_init(&asking.arena, ARENA_MAX);
    asking.caches = gn_arena_alloc(&asking.arena, count * sizeof(*asking.caches));
    for (size_t i = 0; asking.caches != NULL && i < count; i++)
        asking.caches[i] =
            (struct gn_native_cache){.event = events[i], .node = node, .arena = &asking.arena};
    for (size_t i = 0; i < routes->asked_count; i++)
        if (wants_some(routes->asked[i].interest, &asking))
            is_whole = append(&routes->found, routes->asked[i].sink) && is_whole;
    gn_arena_fini(&asking.arena);
    return is_whole;
}

enum gn_err gn_routes_find(struct gn_routes *routes, struct gn_event *const *events, size_t count,
                           const char *node, struct gn_sink *const **sinks, size_t *sink_count)
{
    bool is_whole = true;

    routes->found.count = 0;
    if ((events[0]->flags & GN_EVENT_PLAIN) == 0)
        is_whole = find_exact(routes, events[0]) && find_below(routes, events[0]->resource);
    if (is_whole && routes->asked_count > 0)
        is_whole = ask_all(routes, events, count, node);
    *sinks = routes->found.all;
    *sink_count = routes->found.count;
    return is_whole ? GN_OK : GN_ENOMEM;
}
