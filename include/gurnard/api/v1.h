/* The v1 API of cloud-event-proxy, whole (docs/api.md): subscriptions, publishers, create/event,
 * log, dummy, health, CurrentState, under each of its prefixes. Codes and bodies are the
 * original's. */
#ifndef GURNARD_API_V1_H
#define GURNARD_API_V1_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/api/remote.h"
#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/pubsub.h"
#include "gurnard/store/state.h"

#define GN_V1_PROBES_MAX 64 /* endpoint probes under way; further creates are answered 503 */
#define GN_V1_ASKS_MAX   64 /* questions to publishers under way; further ones likewise */

struct gn_v1;

struct gn_v1_config {
    uint16_t port;             /* of the links in answers: http://localhost:<port>/... */
    uint32_t probe_timeout_ms; /* of the empty POST to a new endpointUri */
    bool first_wins; /* true: a second subscription to a resource gets the first one's record,
                      * as the original did; false: it gets its own */
};

/* All borrowed. */
struct gn_v1_parts {
    struct gn_loop *loop;
    struct gn_http_client *client; /* for the probes */
    struct gn_pubsub *pubsub;
    struct gn_state *state;
    struct gn_journal *journal; /* an event's answer waits until it is stored */
    struct gn_relay *relay;
    struct gn_metrics *metrics;
    struct gn_remote remote;    /* whom CurrentState is asked of */
    struct gn_cne_figures *cne; /* may be NULL */
};

/* config and parts are copied. NULL when there is no memory. */
struct gn_v1 *gn_v1_new(const struct gn_v1_config *config, const struct gn_v1_parts *parts);

/* After gn_v1_stop(). Requests still waiting for a probe or the disk must have been answered: free
 * the HTTP server and the client's calls first. */
void gn_v1_free(struct gn_v1 *v1);

/* Cancels the probes under way and answers their requests 503, as those that wait for publishers or
 * the journal. To be called before the server, those asked and the journal go. */
void gn_v1_stop(struct gn_v1 *v1);

/* If path begins with one of the prefixes, answers request (now or later) and returns true. */
bool gn_v1_handle(struct gn_v1 *v1, struct gn_http_request *request);

#endif
