/* The transport listener: peers register and leave. The answer waits for the disk. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/url.h"
#include "ce_request_priv.h"
#include "peer_priv.h"

/* One request that has changed the store, or was to. */
struct registration {
    struct gn_peer *peer;
    struct gn_http_request *http; /* NULL once it was answered */
    bool is_short;                /* something could not be kept now: the peer is to ask again */
    TAILQ_ENTRY(registration) link;
};

/* Once per second: the peer's author should know, the peer cannot be told. */
static void log_invalid(struct gn_peer *peer, struct gn_str from, const char *reason)
{
    uint64_t held;

    if (gn_log_allow(&peer->invalid_log, gn_loop_now_ms(peer->parts.loop), &held))
        gn_log_warn("peer.invalid peer=%.*s reason=\"%s\" held=%ju", (int)from.len, from.p, reason,
                    (uintmax_t)held);
}

/* ---- adding ---- */

/* Whether events can be sent to <end_point>/event. */
static bool is_usable(struct gn_str end_point)
{
    struct gn_url url;

    return end_point.len <= GN_CLIENTS_URI_MAX && gn_url_parse(end_point, &url) == GN_OK &&
           gn_url_is_web(&url) && url.query.p == NULL;
}

static bool is_store_full(const struct gn_clients *clients)
{
    return gn_clients_count(clients, GN_CLIENT_PROXY) + gn_clients_count(clients, GN_CLIENT_V2) >=
               GN_CLIENTS_MAX ||
           gn_clients_sub_count(clients, GN_CLIENT_PROXY) +
                   gn_clients_sub_count(clients, GN_CLIENT_V2) >=
               GN_CLIENTS_SUBS_MAX;
}

/* false: not now. What can never be kept is logged and passed over. */
static bool add_entry(struct gn_peer *peer, struct gn_str from, const struct gn_peer_wish *wish,
                      const struct gn_peer_entry *entry)
{
    struct gn_clients *clients = peer->parts.clients;
    const struct gn_clients_wish add = {
        .kind = GN_CLIENT_PROXY,
        .client_id = gn_str_of(wish->client_id.text),
        .end_point = wish->end_point,
        .id = entry->id.len <= GN_CLIENTS_ID_MAX ? entry->id : GN_STR_NONE,
        .resource = entry->resource,
    };
    struct gn_client_sub *sub;
    enum gn_err err = gn_clients_add(clients, &add, &sub);

    if (err == GN_OK)
        gn_log_info("peer.registered client=%s endpoint=%s resource=%s", sub->client->id,
                    sub->client->end_point, sub->resource);
    if (err == GN_OK || err == GN_EEXIST)
        return true;
    if (err == GN_ENOMEM || (err == GN_ELIMIT && is_store_full(clients)))
        return false;
    log_invalid(peer, from, gn_err_text(err));
    return true;
}

/* The client has registered with another end point: what is sent from now on goes there. */
static void follow(struct gn_peer *peer, struct gn_client *client)
{
    struct gn_client_sub *sub;

    gn_log_info("peer.moved client=%s endpoint=%s", client->id, client->end_point);
    TAILQ_FOREACH (sub, &client->subs, link)
        gn_relay_client_sub_moved(peer->parts.relay, sub);
}

/* Whether the client is a proxy that has its events sent elsewhere than it wishes. */
static bool is_elsewhere(const struct gn_client *client, const struct gn_peer_wish *wish)
{
    return client != NULL && client->kind == GN_CLIENT_PROXY &&
           !gn_str_eq(gn_str_of(client->end_point), wish->end_point);
}

/* false: not all, now. */
static bool add_all(struct gn_peer *peer, struct gn_str from, const struct gn_peer_wish *wish)
{
    struct gn_client *client =
        gn_clients_find(peer->parts.clients, gn_str_of(wish->client_id.text));
    bool was_elsewhere = is_elsewhere(client, wish);
    struct gn_peer_entry entry;
    bool is_whole = true;
    const char *key;
    json_t *value;

    json_object_foreach (wish->store, key, value) {
        if (!gn_peer_entry_read(key, value, &entry))
            log_invalid(peer, from, "a resource that cannot be kept");
        else if (!add_entry(peer, from, wish, &entry))
            is_whole = false;
    }
    if (was_elsewhere && !is_elsewhere(client, wish))
        follow(peer, client);
    return is_whole;
}

/* ---- removing ---- */

static void remove_named(struct gn_peer *peer, const struct gn_peer_wish *wish)
{
    struct gn_clients *clients = peer->parts.clients;
    struct gn_str client_id = gn_str_of(wish->client_id.text);
    struct gn_peer_entry entry;
    struct gn_client *client;
    struct gn_client_sub *sub;
    const char *key;
    json_t *value;

    json_object_foreach (wish->store, key, value) {
        client = gn_clients_find(clients, client_id); /* goes with its last subscription */
        if (client == NULL)
            return;
        if (!gn_peer_entry_read(key, value, &entry))
            continue;
        sub = gn_clients_find_resource(client, entry.resource);
        if (sub == NULL)
            continue;
        if (client->sub_count == 1) {
            gn_peer_remove(peer, client, "left");
            return;
        }
        gn_log_info("peer.unsubscribed client=%s resource=%s", client->id, sub->resource);
        gn_clients_remove_sub(clients, sub);
    }
}

/* The original forgets the whole client, whatever is named; ours may name what goes. */
static void remove_wanted(struct gn_peer *peer, const struct gn_peer_wish *wish, bool is_partial)
{
    struct gn_client *client =
        gn_clients_find(peer->parts.clients, gn_str_of(wish->client_id.text));

    if (client == NULL || client->kind != GN_CLIENT_PROXY)
        return;
    if (is_partial && !wish->names_all)
        remove_named(peer, wish);
    else
        gn_peer_remove(peer, client, "left");
}

/* ---- the request ---- */

static void on_stored(void *ctx, enum gn_err err)
{
    struct registration *registration = ctx;

    TAILQ_REMOVE(&registration->peer->registrations, registration, link);
    if (err != GN_OK)
        gn_log_error("store.write_failed kind=clients reason=\"%s\"", gn_err_text(err));
    if (registration->http != NULL) { /* else answered when the daemon began to stop */
        if (err == GN_OK && !registration->is_short)
            gn_reply_empty(registration->http, 200);
        else
            gn_reply_later(registration->http);
    }
    free(registration);
}

/* What was there already may not be on disk yet either: each request waits for a commit. */
static void change(struct gn_peer *peer, struct gn_http_request *request,
                   const struct gn_peer_wish *wish)
{
    bool is_partial = gn_str_eq(gn_http_header(request, "Gurnard-Partial"), GN_STR("1"));
    struct registration *registration = calloc(1, sizeof *registration);

    if (registration == NULL) {
        gn_reply_later(request);
        return;
    }
    registration->peer = peer;
    registration->http = request;
    if (wish->action == GN_PEER_ADD)
        registration->is_short = !add_all(peer, gn_http_peer(request), wish);
    else
        remove_wanted(peer, wish, is_partial);
    if (gn_clients_commit(peer->parts.clients, on_stored, registration) != GN_OK) {
        free(registration);
        gn_reply_later(request);
        return;
    }
    TAILQ_INSERT_TAIL(&peer->registrations, registration, link);
}

/* What stands against a wish that could be read; NULL: nothing. */
static const char *objection(const struct gn_peer *peer, const struct gn_peer_wish *wish)
{
    if (wish->action == GN_PEER_OTHER)
        return "neither a registration nor a departure";
    if (strcmp(wish->client_id.text, peer->own_id.text) == 0 ||
        gn_str_eq(wish->end_point, gn_str_of(peer->service_name)))
        return "this is ourselves";
    if (wish->action == GN_PEER_ADD && !is_usable(wish->end_point))
        return "endPointURI is no URL that can be posted to";
    return NULL;
}

/* 200 also for what nobody can use, as the original answers. */
static void take(struct gn_peer *peer, struct gn_http_request *request,
                 const struct gn_cloudevent *event)
{
    struct gn_peer_wish wish;
    const char *problem;
    enum gn_err err = gn_peer_wish_read(event->data, event->subject, &wish, &problem);

    if (err == GN_OK)
        problem = objection(peer, &wish);
    if (err == GN_ENOMEM) {
        gn_reply_later(request);
    } else if (problem != NULL) {
        log_invalid(peer, gn_http_peer(request), problem);
        gn_reply_empty(request, 200);
    } else {
        change(peer, request, &wish);
    }
    gn_peer_wish_fini(&wish);
}

void gn_peer_subscription(struct gn_peer *peer, struct gn_http_request *request)
{
    struct gn_ce_request ce;
    enum gn_err err;

    gn_ce_request_init(&ce, request);
    err = gn_ce_request_decode(&ce);
    if (err == GN_OK)
        take(peer, request, &ce.events.events[0]);
    else
        gn_peer_reply_undecoded(request, err, ce.error);
    gn_ce_request_fini(&ce);
}

void gn_peer_subscription_stop(struct gn_peer *peer)
{
    struct registration *registration;

    TAILQ_FOREACH (registration, &peer->registrations, link) {
        if (registration->http == NULL)
            continue;
        gn_reply_later(registration->http);
        registration->http = NULL;
    }
}
