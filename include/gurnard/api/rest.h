/* The REST API port: dispatches by path to the v1 API and to the probes. */
#ifndef GURNARD_API_REST_H
#define GURNARD_API_REST_H

#include "gurnard/api/ops.h"
#include "gurnard/api/v1.h"
#include "gurnard/net/http_server.h"

/* Both borrowed. Lives in its owner. */
struct gn_rest {
    struct gn_v1 *v1;
    struct gn_ops *ops;
};

/* The handler for gn_http_server_config.on_request; ctx is a struct gn_rest. /livez and /readyz go
 * to ops; a path with "//", "/./" or "/../" gets 301 to the cleaned one; a v1 prefix goes to v1;
 * "/" is 200; all else is Go's 404. */
void gn_rest_on_request(void *ctx, struct gn_http_request *request);

#endif
