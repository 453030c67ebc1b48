/* For operators and kubelets: /metrics, /livez, /readyz, /healthz, /openapi.json. /metrics comes as
 * OpenMetrics 1.0 when Accept prefers that by name, else in the Prometheus format 0.0.4. */
#ifndef GURNARD_API_OPS_H
#define GURNARD_API_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/metrics.h"
#include "gurnard/net/http_server.h"

/* One condition of readiness, checked at each request. Returns NULL when it holds, else the reason
 * in a few words (static). */
typedef const char *(*gn_ready_fn)(void *ctx);

struct gn_ready_check {
    const char *name; /* shown with ?verbose: listeners, store, registries */
    gn_ready_fn fn;
    void *ctx;
};

/* Lives in its owner. */
struct gn_ops {
    struct gn_metrics *metrics;          /* borrowed */
    const struct gn_ready_check *checks; /* borrowed */
    size_t check_count;
    bool is_stopping; /* set at SIGTERM: not ready any more */
    /* Given what is no path of this module, on the admin port; false: not found. May be NULL. */
    bool (*further)(void *ctx, struct gn_http_request *request);
    void *further_ctx;
};

/* The handler of the admin port; ctx is a struct gn_ops. */
void gn_ops_on_request(void *ctx, struct gn_http_request *request);

/* Answers /livez, /readyz and /healthz; false for every other path. For the API port. */
bool gn_ops_handle_probe(struct gn_ops *ops, struct gn_http_request *request);

#endif
