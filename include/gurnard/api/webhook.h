/* What BMCs talk to: /webhook, /webhook/<name>, /webhook/<name>/<token> (docs/api.md, "Webhook").
 *
 * The last form is only right with the token that the settings or the inventory of BMCs give that
 * name; other names are open. Answers: 200 and {} when the event was taken, repeated or set
 * aside; 400 for unreadable bodies when reject_unreadable is set; 401, 404, 405, 503 with
 * Retry-After; 508 for what a gurnardd sent. */
#ifndef GURNARD_API_WEBHOOK_H
#define GURNARD_API_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/bmc/bmcs.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/relay.h"

#define GN_WEBHOOK_NAME_MAX  128 /* bytes of <name>: letters, digits, '.', '_', '-', ':' */
#define GN_WEBHOOK_TOKEN_MAX 512 /* bytes of <token> */

struct gn_webhook;

struct gn_webhook_token {
    const char *name;  /* of the BMC */
    const char *token; /* what must follow it in the path */
};

struct gn_webhook_config {
    bool require_token;     /* true: only names that have a token are served, and with it */
    bool reject_unreadable; /* true: 400 for what is no JSON; false: 200, kept in quarantine */
    const struct gn_webhook_token *tokens; /* copied into secrets */
    size_t token_count;
    struct gn_loop *loop;      /* borrowed; may be NULL with registry_wait_ms 0 */
    uint32_t registry_wait_ms; /* how long the event of a BMC of the inventory may wait for a
                                * registry that is being fetched; those behind it wait with it */
};

/* Whether text can stand for <name>, and for <token>: what a URL's path takes unescaped, without
 * '/'. A token is compared as sent, so one with other bytes could never be right. */
bool gn_webhook_is_name(struct gn_str text);
bool gn_webhook_is_token(struct gn_str text);

/* relay, journal, metrics: borrowed. An event is answered when the journal has it on disk. NULL
 * when there is no memory. */
struct gn_webhook *gn_webhook_new(const struct gn_webhook_config *config, struct gn_relay *relay,
                                  struct gn_journal *journal, struct gn_metrics *metrics);
/* Requests that wait for the journal are answered 503 and wait no more; later ones too. To be
 * called before the server and the journal go. */
void gn_webhook_stop(struct gn_webhook *webhook);
void gn_webhook_free(struct gn_webhook *webhook);

/* Replaces all tokens (copied). GN_ENOMEM: the old ones stay. */
GN_MUST_CHECK enum gn_err gn_webhook_set_tokens(struct gn_webhook *webhook,
                                                const struct gn_webhook_token *tokens,
                                                size_t count);

/* From now on BMCs of that inventory (borrowed; NULL: none) are known by their name: they must show
 * the token that the inventory made for them, or the settings' own; their test events and
 * heartbeats are answered and go no further; what is answered 503 is told to it. */
void gn_webhook_watch(struct gn_webhook *webhook, struct gn_bmcs *bmcs);

/* Registries have been loaded: what waited for them goes on. */
void gn_webhook_registries_came(struct gn_webhook *webhook);

/* The handler for gn_http_server_config.on_request; ctx is the webhook. */
void gn_webhook_on_request(void *ctx, struct gn_http_request *request);

#endif
