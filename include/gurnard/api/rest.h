/* The REST API port: dispatches by path to the APIs, their description and the probes. */
#ifndef GURNARD_API_REST_H
#define GURNARD_API_REST_H

#include "gurnard/api/native_api.h"
#include "gurnard/api/ops.h"
#include "gurnard/api/peer.h"
#include "gurnard/api/v1.h"
#include "gurnard/api/v2.h"
#include "gurnard/net/http_server.h"

/* All borrowed. Lives in its owner. */
struct gn_rest {
    struct gn_v1 *v1;
    struct gn_v2 *v2; /* may be NULL, as the following: that API is not served */
    struct gn_native_api *native;
    struct gn_peer *peer; /* set when other proxies use this port too */
    struct gn_ops *ops;
};

/* The handler for gn_http_server_config.on_request; ctx is a struct gn_rest. /livez and /readyz go
 * to ops, /openapi.json is the description of all APIs; a path with "//" gets 301 to the cleaned
 * one, also with "/./" or "/../", but for an O-RAN address, in which "." is this node; what begins
 * with an API's prefix goes there; "/" is 200; all else is Go's 404. */
void gn_rest_on_request(void *ctx, struct gn_http_request *request);

#endif
