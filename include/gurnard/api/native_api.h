/* The native API (docs/api.md, "Native API"): /api/gurnard/v1/subscriptions, after the CloudEvents
 * Subscriptions API draft, and /api/gurnard/v1/events, where CloudEvents are taken. */
#ifndef GURNARD_API_NATIVE_API_H
#define GURNARD_API_NATIVE_API_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/pubsub.h"

#define GN_NATIVE_PREFIX         "/api/gurnard/v1"
#define GN_NATIVE_HANDSHAKES_MAX 64 /* under way; further creates are answered 503 */

struct gn_native_api;

struct gn_native_config {
    const char *link_base;         /* of the links in answers: "http://localhost:8089" */
    const char *origin;            /* who we are: the value of WebHook-Request-Origin */
    uint32_t handshake_timeout_ms; /* of one OPTIONS */
};

/* All borrowed. */
struct gn_native_parts {
    struct gn_loop *loop;
    struct gn_http_client *client; /* for handshakes */
    struct gn_pubsub *pubsub;
    struct gn_journal *journal;
    struct gn_relay *relay;
    struct gn_metrics *metrics;
};

/* config (with its texts) and parts are copied. NULL: no memory. */
struct gn_native_api *gn_native_new(const struct gn_native_config *config,
                                    const struct gn_native_parts *parts);
/* Cancels the handshakes under way and answers their requests 503, as those that wait for the
 * journal; later ones too. Those that wait for the store are answered when their commit is called
 * back. To be called before the server and the journal go. */
void gn_native_stop(struct gn_native_api *native);
/* Calls and commits must have ended. NULL is fine. */
void gn_native_free(struct gn_native_api *native);

/* If the path begins with GN_NATIVE_PREFIX, answers request (now or later) and returns true. */
bool gn_native_handle(struct gn_native_api *native, struct gn_http_request *request);

#endif
