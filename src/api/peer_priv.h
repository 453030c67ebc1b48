/* The transport listener's inside, shared by its files. */
#ifndef GURNARD_API_PEER_PRIV_H
#define GURNARD_API_PEER_PRIV_H

#include <jansson.h>
#include <sys/queue.h>

#include "gurnard/api/peer.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"
#include "durable_priv.h"

struct registration;

struct gn_peer {
    struct gn_peer_parts parts;
    char *service_name;
    struct gn_id own_id; /* what we call ourselves where we register */
    uint64_t client_expire_ms;
    bool is_stopped;
    struct gn_durable events;                 /* answers that wait for the journal */
    TAILQ_HEAD(, registration) registrations; /* answers that wait for the store */
    struct gn_timer expiry;                   /* the next look at who is gone */
    struct gn_log_limit invalid_log;
};

/* ---- answers ---- */

/* A plain text, copied. */
void gn_peer_reply_text(struct gn_http_request *request, int status, struct gn_str text);

/* What gn_ce_request_decode() could not read. error: its text. */
void gn_peer_reply_undecoded(struct gn_http_request *request, enum gn_err err, const char *error);

/* ---- the subscriber object, pure ---- */

enum gn_peer_action { GN_PEER_ADD, GN_PEER_REMOVE, GN_PEER_OTHER };

#define GN_PEER_ALL                                                                                \
    "delete-all-subscriptions"   /* the resource that stands for all of a client's                 \
                                  */
#define GN_PEER_ENTRIES_MAX 1024 /* subscriptions of one registration */

/* What the data of a registration say. Views into root. */
struct gn_peer_wish {
    json_t *root; /* owned */
    enum gn_peer_action action;
    struct gn_id client_id;
    struct gn_str end_point;
    json_t *store;  /* borrowed: an object, maybe empty */
    bool names_all; /* some entry stands for all of the client's subscriptions */
};

/* One entry of the store. */
struct gn_peer_entry {
    struct gn_str id, resource;
};

/* Reads a UUID in any case into lower case; false: it is none. */
bool gn_peer_read_id(struct gn_str text, struct gn_id *id);

/* Reads data, JSON text; names in any case. subject, if it is NEW or DELETE, says what is to be
 * done, else the member action. GN_EINVAL: *problem says what is wrong. GN_ENOMEM. In every case to
 * be finished. */
GN_MUST_CHECK enum gn_err gn_peer_wish_read(struct gn_str data, struct gn_str subject,
                                            struct gn_peer_wish *wish, const char **problem);
void gn_peer_wish_fini(struct gn_peer_wish *wish);

/* Reads one entry of the store; false: it names no resource that can be kept. */
bool gn_peer_entry_read(const char *key, const json_t *value, struct gn_peer_entry *entry);

/* ---- routes ---- */

/* POST /subscription. */
void gn_peer_subscription(struct gn_peer *peer, struct gn_http_request *request);
/* Answers all that wait for the store 503. */
void gn_peer_subscription_stop(struct gn_peer *peer);

/* GET /{resource}/{clientID}/CurrentState. what: "{resource}/{clientID}", as sent, with '/' in
 * front. */
void gn_peer_current_state(struct gn_peer *peer, struct gn_http_request *request,
                           struct gn_str what);

/* ---- who is gone ---- */

/* Removes a client, and says why. */
void gn_peer_remove(struct gn_peer *peer, struct gn_client *client, const char *reason);

/* Starts to look for clients that have failed too long, and to show those there are. */
void gn_peer_expiry_start(struct gn_peer *peer);
void gn_peer_expiry_stop(struct gn_peer *peer);

#endif
