/* The v2 API (docs/api.md, "v2"): the O-RAN O-Cloud notification API for event consumers, under
 * /api/ocloudNotifications/v2 and /ocloudNotifications/v2. Codes are O-RAN's and cloud-event-proxy
 * 2's: 201, 204, 400, 404, 409, errors without a body. */
#ifndef GURNARD_API_V2_H
#define GURNARD_API_V2_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/api/v1.h"
#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/clients.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/pubsub.h"

#define GN_V2_PROBES_MAX                                                                           \
    64 /* initial notifications under way; further creates are answered 503                        \
        */

struct gn_v2;

struct gn_v2_config {
    const char *link_base;      /* of the links in answers: "http://localhost:8089" */
    uint32_t notify_timeout_ms; /* of the initial notification */
};

/* All borrowed. */
struct gn_v2_parts {
    struct gn_loop *loop;
    struct gn_http_client *client; /* for the initial notifications */
    struct gn_clients *clients;
    struct gn_pubsub *pubsub; /* the publishers */
    struct gn_journal *journal;
    struct gn_relay *relay;
    struct gn_metrics *metrics;
    struct gn_cne_figures *cne; /* may be NULL */
};

/* config (with its text) and parts are copied. To be made after the v1 API: both set
 * cne_api_subscriptions, and this one counts the subscriptions of both. NULL: no memory. */
struct gn_v2 *gn_v2_new(const struct gn_v2_config *config, const struct gn_v2_parts *parts);
/* Cancels the notifications under way and answers their requests 503, as those that wait. To be
 * called before the server and the journal go. */
void gn_v2_stop(struct gn_v2 *v2);
/* Calls and commits must have ended. NULL is fine. */
void gn_v2_free(struct gn_v2 *v2);

/* If path begins with one of the prefixes, answers request (now or later) and returns true. */
bool gn_v2_handle(struct gn_v2 *v2, struct gn_http_request *request);

#endif
