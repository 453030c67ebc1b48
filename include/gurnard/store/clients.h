/* Who subscribed from elsewhere: other proxies (v1, by their transport) and consumers of the v2
 * API, each with its subscriptions. One file for each, `<clientID>.json`, in the layout of
 * cloud-event-proxy's own version (docs/store.md), so that a swap in either direction keeps them:
 *
 *   v1  {"clientID","subStore":{"store":{"<id>":{"id","endpointUri","uriLocation","resource"}}},
 *        "endPointURI","status":1,"action":0}
 *   v2  {"clientID","subStore":{"store":{"<id>":{"ResourceAddress","EndpointUri","SubscriptionId",
 *        "UriLocation"}}},"EndpointUri","status":1,"action":0}
 *
 * Memory is the truth; changes are written by the helper thread (replace, sync; unlink, sync of the
 * folder) and acknowledged afterwards. One thread uses it. The folder's lock is gn_pubsub_open()'s.
 */
#ifndef GURNARD_STORE_CLIENTS_H
#define GURNARD_STORE_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/worker.h"

#define GN_CLIENTS_MAX          10000 /* clients */
#define GN_CLIENTS_SUBS_MAX     10000 /* subscriptions of all clients */
#define GN_CLIENTS_ID_MAX       256   /* bytes of a subscription's id */
#define GN_CLIENTS_RESOURCE_MAX 1024  /* bytes */
#define GN_CLIENTS_URI_MAX      2048
#define GN_CLIENTS_FILE_MAX     ((size_t)8 << 20)

enum gn_client_kind {
    GN_CLIENT_PROXY, /* events go to <end_point>/event */
    GN_CLIENT_V2,    /* events go to <end_point> */
};

struct gn_client;

/* One subscription. Owned by the store, valid until it is removed. */
struct gn_client_sub {
    struct gn_client *client;
    char *id;           /* as the client gave it (proxies: unique in its client only), or ours */
    char *resource;     /* as spelled */
    char *uri_location; /* v2: our link; else as given, maybe "" */
    void *user;         /* the observer's; NULL at first */
    TAILQ_ENTRY(gn_client_sub) link;
    UT_hash_handle hh; /* v2: by id */
};

/* One client. Owned by the store, gone with its last subscription. */
struct gn_client {
    enum gn_client_kind kind;
    char *id; /* UUID text in lower case: the file's name */
    char *end_point;
    TAILQ_HEAD(, gn_client_sub) subs; /* in the order of creation */
    size_t sub_count;
    void *user;        /* free for the observer's use */
    UT_hash_handle hh; /* by id */
};

/* Told of every change of memory, at load too; removed is called before the subscription goes, also
 * when its client does. */
struct gn_clients_observer {
    void (*added)(void *ctx, struct gn_client_sub *sub);
    void (*removed)(void *ctx, struct gn_client_sub *sub);
    void *ctx;
};

struct gn_clients;

/* folder: exists and is locked by gn_pubsub_open(). worker: borrowed. observer: copied, may be
 * NULL. NULL: no memory. */
struct gn_clients *gn_clients_new(const char *folder, struct gn_worker *worker,
                                  const struct gn_clients_observer *observer);

/* Names another observer, before load. */
void gn_clients_observe(struct gn_clients *clients, const struct gn_clients_observer *observer);

/* Reads all files named <UUID>.json (in lower case, as both programs write them), either version;
 * keys in any case; what is missing (subStore too) counts as empty; a client without an end point
 * or subscriptions is left alone and logged, so is one beyond the limits. A file that cannot be
 * read as JSON is renamed to NAME.bad and logged. Blocks; at start only. GN_EIO: the folder or a
 * file cannot be read (logged), or a bad one not be renamed. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_clients_load(struct gn_clients *clients);

/* All commits must have been called back. Tells the observer nothing. NULL is fine. */
void gn_clients_free(struct gn_clients *clients);

/* Adds a subscription to the client with this id (in any case), which is made when missing. id:
 * when absent, or taken by another subscription, a random one. uri_prefix: NULL, or what the link
 * is made of by appending the id. Of the same resource (exact text): GN_EEXIST and *sub is that
 * one. In both cases the client's end point becomes end_point when it is a proxy (it has registered
 * anew); nobody is told of that alone. GN_EREFUSED: the client id belongs to one of the other kind.
 * GN_ELIMIT: too many, or a text too long. GN_EINVAL: client_id is no UUID, or a text is not UTF-8,
 * holds a NUL or is empty where it must not be. GN_ENOMEM. Errors other than GN_EEXIST: nothing has
 * changed. */
struct gn_clients_wish {
    enum gn_client_kind kind;
    struct gn_str client_id;
    struct gn_str end_point;
    struct gn_str id;
    struct gn_str resource;
    const char *uri_prefix;
};
GN_MUST_CHECK enum gn_err gn_clients_add(struct gn_clients *clients,
                                         const struct gn_clients_wish *wish,
                                         struct gn_client_sub **sub);

/* The client with this id, in any case, or NULL. */
struct gn_client *gn_clients_find(struct gn_clients *clients, struct gn_str client_id);
/* A client's subscription to exactly this resource, or NULL. */
struct gn_client_sub *gn_clients_find_resource(struct gn_client *client, struct gn_str resource);
/* The v2 subscription with this id, or NULL. */
struct gn_client_sub *gn_clients_find_v2(struct gn_clients *clients, struct gn_str id);

/* Removes a subscription, and its client when it was the last; or a client with all of its. */
void gn_clients_remove_sub(struct gn_clients *clients, struct gn_client_sub *sub);
void gn_clients_remove(struct gn_clients *clients, struct gn_client *client);

/* Subscriptions, or clients, of a kind. */
size_t gn_clients_sub_count(const struct gn_clients *clients, enum gn_client_kind kind);
size_t gn_clients_count(const struct gn_clients *clients, enum gn_client_kind kind);

/* Calls fn for each subscription of a kind until it returns false: clients in the order of their
 * creation (at load: of their files' names). fn may remove the one that it is given, no other. */
typedef bool (*gn_clients_each_fn)(void *ctx, struct gn_client_sub *sub);
void gn_clients_each(struct gn_clients *clients, enum gn_client_kind kind, gn_clients_each_fn fn,
                     void *ctx);

/* Has all changes made so far written and synced. done: in a later turn, once: GN_OK, or GN_EIO
 * (memory keeps the change, the next commit tries again). Commits that come while a write runs
 * share the next one. */
typedef void (*gn_clients_done_fn)(void *ctx, enum gn_err err);
GN_MUST_CHECK enum gn_err gn_clients_commit(struct gn_clients *clients, gn_clients_done_fn done,
                                            void *ctx);
/* Whether the last write failed. */
bool gn_clients_write_failed(const struct gn_clients *clients);

/* Appends a v2 subscription as the v2 API shows it: {"ResourceAddress":..,"EndpointUri":..,
 * "SubscriptionId":..,"UriLocation":..}. */
void gn_clients_write_v2(const struct gn_client_sub *sub, struct gn_buf *out);

#endif
