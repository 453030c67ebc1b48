/* The HTTP transport: a message is a POST. Answers: 2xx taken; 404, 408, 409, 425, 429 and 5xx
 * GN_EBUSY; 410 GN_ENOTFOUND; every other status, 3xx too, GN_EREFUSED. No redirect is followed. */
#ifndef GURNARD_TRANSPORT_TRANSPORT_HTTP_H
#define GURNARD_TRANSPORT_TRANSPORT_HTTP_H

#include "gurnard/net/http_client.h"
#include "gurnard/transport/transport.h"

/* client: borrowed. NULL when there is no memory. Freed by its ops->free. */
struct gn_transport *gn_transport_http_new(struct gn_http_client *client);

#endif
