/* The CloudEvent that a request may carry, for the handlers of this folder. */
#ifndef GURNARD_API_CE_REQUEST_PRIV_H
#define GURNARD_API_CE_REQUEST_PRIV_H

#include "gurnard/base/arena.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/ce/cloudevent.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/relay.h"

#define GN_CE_REQUEST_HEADERS_MAX (GN_CE_EXTENSIONS_MAX + 16) /* extensions and core attributes */

/* Lives in its owner. All views are valid until gn_ce_request_fini() or the request's answer,
 * whichever comes first. */
struct gn_ce_request {
    struct gn_ce_http http;
    struct gn_ce_header headers[GN_CE_REQUEST_HEADERS_MAX];
    bool is_overfull; /* more headers than can be attributes of one event */
    struct gn_arena arena;
    struct gn_ce_events events;  /* of the two that decode */
    char error[GN_CE_ERROR_MAX]; /* likewise */
};

/* Collects what request has of a CloudEvent. Always to be finished. */
void gn_ce_request_init(struct gn_ce_request *ce, const struct gn_http_request *request);

/* Decodes it: one event, or a batch of any number. Errors are those of gn_ce_decode_http(). */
GN_MUST_CHECK enum gn_err gn_ce_request_decode_any(struct gn_ce_request *ce);

/* Decodes it: exactly one event, in ce->events.events[0]. Errors are those of gn_ce_decode_http();
 * GN_EUNSUPPORTED for a batch too. */
GN_MUST_CHECK enum gn_err gn_ce_request_decode(struct gn_ce_request *ce);

void gn_ce_request_fini(struct gn_ce_request *ce);

/* Who sent it, by the connection and the headers of another gurnardd. Views into request. */
struct gn_relay_ce_source gn_ce_request_source(const struct gn_http_request *request);

#endif
