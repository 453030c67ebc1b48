/* Requests that are held for a moment, until something has come that they need (a registry), or
 * until their time is over. What is held of one name keeps its order. */
#ifndef GN_API_HOLD_PRIV_H
#define GN_API_HOLD_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"

#define GN_HOLD_MAX 1024 /* requests held; those beyond are not */

/* Goes on with a request that was held. */
typedef void (*gn_hold_fn)(void *ctx, struct gn_http_request *request, struct gn_str name);

struct gn_held;

struct gn_hold {
    struct gn_loop *loop;
    uint32_t wait_ms;
    gn_hold_fn fn;
    void *ctx;
    uint32_t count;
    TAILQ_HEAD(, gn_held) held; /* by their time */
    struct gn_timer timer;
};

void gn_hold_init(struct gn_hold *hold, struct gn_loop *loop, uint32_t wait_ms, gn_hold_fn fn,
                  void *ctx);

/* Whether a request of that name is held: another must be, too. */
bool gn_hold_has(const struct gn_hold *hold, struct gn_str name);

/* Holds request (name: copied). false: no memory or too many; it must go on at once. */
bool gn_hold_put(struct gn_hold *hold, struct gn_http_request *request, struct gn_str name);

/* All go on, in their order. */
void gn_hold_release(struct gn_hold *hold);

/* The same, for good. */
void gn_hold_fini(struct gn_hold *hold);

#endif
