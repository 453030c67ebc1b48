/* The transport listener, proxy to proxy (docs/proxies.md): what other proxies, and clients that
 * register directly, talk to.
 *
 *   any  /health                                 200 {"ok":true}\n
 *   POST /subscription                           a CloudEvent whose data names a client and what it
 *                                                subscribes to; 200, also when that is of no use
 *   POST /event                                  an event; 200 when it is stored
 *   GET  /{resource}/{clientID}/CurrentState     200 structured CloudEvent 0.3 and \n; 400
 *
 * POST may be PUT or PATCH; other methods are 405. Both POSTs take one CloudEvent 0.3 or 1.0,
 * binary or structured, and answer:
 *
 * - 200: it is on disk, the client with its subscriptions, or the event (or the event was here
 *   already, or is our own come back)
 * - 400, text/plain, a line: the attribute that is wrong (`source: REQUIRED`), or the data
 * - 413: larger than can ever be kept
 * - 415: no CloudEvent, a batch, or an encoding or specversion that is not known
 * - 503 with Retry-After: nothing can be stored now, or the daemon is stopping
 *
 * A registration adds to what the client has; subject DELETE (or action 2) removes the client, with
 * the header Gurnard-Partial: 1 only the resources named. Answered 200, logged and not kept: data
 * that name no client, an end point that cannot be posted to, more than 1024 subscriptions at once,
 * and ourselves.
 *
 * CurrentState is 400 with {"message":"..."} and a newline as text/plain for clients that have not
 * registered, or not for this resource, and for what has no event yet. Slashes in front of a path
 * count as one. */
#ifndef GURNARD_API_PEER_H
#define GURNARD_API_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/clients.h"
#include "gurnard/store/journal.h"

struct gn_peer;

struct gn_peer_config {
    const char *service_name;  /* our transport URL, as it stands in error texts */
    uint64_t client_expire_ms; /* a proxy that has not taken anything for so long, while it failed,
                                * is removed; 0: never */
};

/* All borrowed. */
struct gn_peer_parts {
    struct gn_loop *loop;
    struct gn_clients *clients;
    struct gn_pubsub *pubsub; /* publishers: whose CurrentState is known to exist */
    struct gn_journal *journal;
    struct gn_relay *relay;
    struct gn_outbox *outbox;
    struct gn_metrics *metrics;
    struct gn_cne_figures *cne; /* may be NULL */
};

/* config and parts are copied. NULL: no memory. */
struct gn_peer *gn_peer_new(const struct gn_peer_config *config, const struct gn_peer_parts *parts);

/* Requests that wait for the disk are answered 503 and wait no more; later ones too. To be called
 * before the server and the parts go. */
void gn_peer_stop(struct gn_peer *peer);
/* Commits must have been called back. NULL is fine. */
void gn_peer_free(struct gn_peer *peer);

/* The handler of the transport listener; ctx is the peer. */
void gn_peer_on_request(void *ctx, struct gn_http_request *request);

/* If the path is one of this module's, answers and returns true: for a port shared with the REST
 * API, whose own paths are to be tried first, since any .../CurrentState is taken here. */
bool gn_peer_handle(struct gn_peer *peer, struct gn_http_request *request);

#endif
