/* How the current state of a resource is asked of other proxies, whichever way they are reached: a
 * table that app fills, since this folder knows none of the ways. */
#ifndef GURNARD_API_REMOTE_H
#define GURNARD_API_REMOTE_H

#include <stdbool.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

/* How a question ended. */
struct gn_remote_state {
    enum gn_err err; /* GN_OK: body is a structured CloudEvent. GN_ENOTFOUND: nobody knows; body is
                      * what the last one said, maybe empty. GN_ETIMEOUT. GN_ECONN: nobody can be
                      * asked. GN_ECANCELED */
    struct gn_str body; /* valid during the call only */
};
typedef void (*gn_remote_state_fn)(void *ctx, const struct gn_remote_state *state);

/* Zeroed: there is nobody to be asked. */
struct gn_remote {
    bool (*has)(void *ctx); /* whether there is anybody */
    /* Asks. done: once, in a later turn. GN_ENOMEM: it is not called. */
    enum gn_err (*ask)(void *ctx, struct gn_str resource, gn_remote_state_fn done, void *done_ctx,
                       void **query);
    /* Nobody waits for it any more: done is not called. */
    void (*forget)(void *ctx, void *query);
    void *ctx;
};

/* Whether there is anybody to be asked. */
static inline bool gn_remote_has(const struct gn_remote *remote)
{
    return remote->has != NULL && remote->has(remote->ctx);
}

#endif
