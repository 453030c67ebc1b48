/* Host names to addresses, off the loop: getaddrinfo() on a helper thread of its own, one name at a
 * time. Address literals are answered without the thread, in a later turn all the same. */
#ifndef GURNARD_NET_RESOLVER_H
#define GURNARD_NET_RESOLVER_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/loop/loop.h"

#define GN_ADDRESSES_MAX 8 /* of one name; further ones are not looked at */

struct gn_resolver;
struct gn_lookup;

/* One address with its port. */
struct gn_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
};

/* How a look-up ended; valid during done only. */
struct gn_addresses {
    enum gn_err err;    /* GN_OK: at least one. GN_ENOTFOUND: no such name. GN_ETIMEOUT: the name
                         * servers    do not answer now. GN_ENOMEM */
    const char *reason; /* in words, "" for GN_OK */
    struct gn_address all[GN_ADDRESSES_MAX]; /* in the order of getaddrinfo() */
    size_t count;
};
typedef void (*gn_lookup_fn)(void *ctx, const struct gn_addresses *addresses);

/* Starts the thread. NULL when there is no memory or thread. */
struct gn_resolver *gn_resolver_new(struct gn_loop *loop);
/* Waits for the look-up under way, which may take seconds; done is called for none any more. NULL
 * is fine. */
void gn_resolver_free(struct gn_resolver *resolver);

/* Looks host up (a name, or a literal without brackets). done: once, in a later turn. GN_ENOMEM,
 * GN_EINVAL (empty, or over 253 bytes): it is not called. */
GN_MUST_CHECK enum gn_err gn_resolver_look_up(struct gn_resolver *resolver, const char *host,
                                              uint16_t port, gn_lookup_fn done, void *ctx,
                                              struct gn_lookup **lookup);
/* Nobody waits for it any more: done is not called. */
void gn_lookup_cancel(struct gn_lookup *lookup);

#endif
