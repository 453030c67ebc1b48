/* Look-ups run one after another on a worker of the resolver's own: getaddrinfo() may take as long
 * as the name servers let it, and nothing else must wait behind it. */
#include "gurnard/net/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "gurnard/loop/worker.h"

#define HOST_MAX   253 /* characters of a name */
#define REASON_MAX 128

struct gn_lookup {
    struct gn_resolver *resolver;
    struct gn_job job;
    struct gn_defer answer; /* of a literal */
    char host[HOST_MAX + 1];
    uint16_t port;
    gn_lookup_fn done;
    void *ctx;
    atomic_bool is_canceled; /* nobody waits; what has not begun need not begin */
    char reason[REASON_MAX];
    struct gn_addresses found; /* the thread's while the job runs */
    LIST_ENTRY(gn_lookup) link;
};

struct gn_resolver {
    struct gn_loop *loop;
    struct gn_worker *worker;
    LIST_HEAD(, gn_lookup) lookups; /* all */
};

/* ---- on the helper thread ---- */

static void fail(struct gn_lookup *lookup, int code)
{
    switch (code) {
    case EAI_AGAIN:
    case EAI_FAIL:
    case EAI_SYSTEM:
        lookup->found.err = GN_ETIMEOUT;
        break;
    case EAI_MEMORY:
        lookup->found.err = GN_ENOMEM;
        break;
    default:
        lookup->found.err = GN_ENOTFOUND;
        break;
    }
    (void)snprintf(lookup->reason, sizeof lookup->reason, "%s", gai_strerror(code));
}

static void add_address(struct gn_addresses *found, const struct addrinfo *info, uint16_t port)
{
    struct gn_address *address = &found->all[found->count];

    if (found->count == GN_ADDRESSES_MAX || info->ai_addrlen > sizeof address->name)
        return;
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
        return;
    memcpy(&address->name, info->ai_addr, info->ai_addrlen);
    address->len = info->ai_addrlen;
    if (info->ai_family == AF_INET)
        address->name.v4.sin_port = htons(port);
    else
        address->name.v6.sin6_port = htons(port);
    found->count++;
}

static void run(void *ctx)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct gn_lookup *lookup = ctx;
    struct addrinfo *all = NULL;
    int code;

    if (atomic_load(&lookup->is_canceled))
        return;
    code = getaddrinfo(lookup->host, NULL, &hints, &all);
    if (code != 0) {
        fail(lookup, code);
        return;
    }
    for (const struct addrinfo *info = all; info != NULL; info = info->ai_next)
        add_address(&lookup->found, info, lookup->port);
    freeaddrinfo(all);
    if (lookup->found.count == 0)
        fail(lookup, EAI_NONAME);
}

/* ---- on the loop's thread ---- */

static void forget(struct gn_lookup *lookup)
{
    gn_defer_cancel(&lookup->answer);
    LIST_REMOVE(lookup, link);
    free(lookup);
}

static void on_done(void *ctx)
{
    struct gn_lookup *lookup = ctx;

    lookup->found.reason = lookup->reason;
    if (!atomic_load(&lookup->is_canceled)) {
        atomic_store(&lookup->is_canceled, true); /* taking it back from inside changes nothing */
        lookup->done(lookup->ctx, &lookup->found);
    }
    forget(lookup);
}

static bool is_literal(struct gn_lookup *lookup)
{
    struct gn_address *address = &lookup->found.all[0];

    if (inet_pton(AF_INET, lookup->host, &address->name.v4.sin_addr) == 1) {
        address->name.v4.sin_family = AF_INET;
        address->name.v4.sin_port = htons(lookup->port);
        address->len = sizeof address->name.v4;
    } else if (inet_pton(AF_INET6, lookup->host, &address->name.v6.sin6_addr) == 1) {
        address->name.v6.sin6_family = AF_INET6;
        address->name.v6.sin6_port = htons(lookup->port);
        address->len = sizeof address->name.v6;
    } else {
        return false;
    }
    lookup->found.count = 1;
    return true;
}

struct gn_resolver *gn_resolver_new(struct gn_loop *loop)
{
    struct gn_resolver *resolver = calloc(1, sizeof *resolver);

    if (resolver == NULL)
        return NULL;
    resolver->loop = loop;
    LIST_INIT(&resolver->lookups);
    resolver->worker = gn_worker_new(loop, "resolver");
    if (resolver->worker == NULL) {
        free(resolver);
        return NULL;
    }
    return resolver;
}

void gn_resolver_free(struct gn_resolver *resolver)
{
    struct gn_lookup *lookup;

    if (resolver == NULL)
        return;
    LIST_FOREACH (lookup, &resolver->lookups, link)
        atomic_store(&lookup->is_canceled, true);
    gn_worker_free(resolver->worker); /* forgets those that it had */
    while ((lookup = LIST_FIRST(&resolver->lookups)) != NULL)
        forget(lookup);
    free(resolver);
}

enum gn_err gn_resolver_look_up(struct gn_resolver *resolver, const char *host, uint16_t port,
                                gn_lookup_fn done, void *ctx, struct gn_lookup **lookup)
{
    size_t len = strlen(host);
    struct gn_lookup *one;

    if (len == 0 || len > HOST_MAX)
        return GN_EINVAL;
    one = calloc(1, sizeof *one);
    if (one == NULL)
        return GN_ENOMEM;
    one->resolver = resolver;
    memcpy(one->host, host, len + 1);
    one->port = port;
    one->done = done;
    one->ctx = ctx;
    LIST_INSERT_HEAD(&resolver->lookups, one, link);
    if (is_literal(one)) {
        gn_defer_call(resolver->loop, &one->answer, on_done, one);
    } else {
        one->job = (struct gn_job){.run = run, .done = on_done, .ctx = one};
        gn_worker_submit(resolver->worker, &one->job);
    }
    *lookup = one;
    return GN_OK;
}

/* What the thread has, or will have, is forgotten when the thread is through with it. */
void gn_lookup_cancel(struct gn_lookup *lookup)
{
    if (atomic_exchange(&lookup->is_canceled, true))
        return; /* done is being called */
    if (lookup->answer.loop != NULL)
        forget(lookup);
}
