/* The transport listener: life, routes, health, events in. */
#include "gurnard/api/peer.h"

#include <stdlib.h>

#include "gurnard/api/reply.h"
#include "ce_request_priv.h"
#include "peer_priv.h"

/* ---- answers ---- */

void gn_peer_reply_text(struct gn_http_request *request, int status, struct gn_str text)
{
    const struct gn_http_reply reply = {.status = status,
                                        .content_type = "text/plain; charset=utf-8",
                                        .body = text};

    gn_http_reply(request, &reply);
}

/* A line of text, as the Go SDK writes it. */
static void reply_line(struct gn_http_request *request, int status, const char *text)
{
    struct gn_buf line = GN_BUF_INIT;

    gn_buf_printf(&line, "%s\n", text);
    if (gn_buf_err(&line) == GN_OK)
        gn_peer_reply_text(request, status, gn_buf_str(&line));
    else
        gn_reply_later(request);
    gn_buf_free(&line);
}

void gn_peer_reply_undecoded(struct gn_http_request *request, enum gn_err err, const char *error)
{
    if (err == GN_EUNSUPPORTED)
        gn_reply_empty(request, 415);
    else if (err == GN_EINVAL || err == GN_EPARSE)
        reply_line(request, 400, error[0] == '\0' ? "data: not JSON" : error);
    else if (err == GN_ELIMIT)
        gn_reply_empty(request, 413);
    else
        gn_reply_later(request);
}

/* ---- events ---- */

static void answer_event(void *ctx, struct gn_http_request *request, bool is_durable)
{
    (void)ctx;
    if (is_durable)
        gn_reply_empty(request, 200);
    else
        gn_reply_later(request);
}

/* Answers by what the relay made of it. */
static void answer_intake(struct gn_peer *peer, struct gn_http_request *request, enum gn_err err)
{
    if (err == GN_OK || err == GN_EEXIST) /* the first of a repeat may not be on disk either */
        gn_durable_answer(&peer->events, request);
    else if (err == GN_EINVAL)
        reply_line(request, 400, "data: cannot be sent on");
    else if (err == GN_ELIMIT)
        gn_reply_empty(request, 413);
    else
        gn_reply_later(request);
}

static void take_event(struct gn_peer *peer, struct gn_http_request *request)
{
    struct gn_relay_ce_source source = gn_ce_request_source(request);
    const struct gn_cloudevent *event;
    struct gn_ce_request ce;
    enum gn_err err;

    source.is_proxy = true;
    gn_ce_request_init(&ce, request);
    err = gn_ce_request_decode(&ce);
    if (err != GN_OK) {
        gn_peer_reply_undecoded(request, err, ce.error);
    } else {
        event = &ce.events.events[0];
        err = gn_relay_cloudevent(peer->parts.relay, &source, event);
        gn_cne_add(peer->parts.cne, GN_CNE_TRANSPORT_EVENTS_RECEIVED, event->source,
                   err == GN_OK || err == GN_EEXIST ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
        answer_intake(peer, request, err);
    }
    gn_ce_request_fini(&ce);
}

/* ---- routes ---- */

/* Whether request may carry a CloudEvent now; else it has been answered. */
static bool may_receive(const struct gn_peer *peer, struct gn_http_request *request)
{
    struct gn_str method = gn_http_method(request);

    if (!gn_str_eq(method, GN_STR("POST")) && !gn_str_eq(method, GN_STR("PUT")) &&
        !gn_str_eq(method, GN_STR("PATCH"))) {
        gn_reply_bad_method(request);
        return false;
    }
    if (peer->is_stopped)
        gn_reply_later(request);
    return !peer->is_stopped;
}

/* /{resource}/{clientID}/CurrentState, where the resource holds slashes. false: not that. */
static bool route_state(struct gn_peer *peer, struct gn_http_request *request, struct gn_str path)
{
    static const struct gn_str tail = GN_STR_INIT("/CurrentState");
    const char *slash;

    if (!gn_str_has_suffix(path, tail))
        return false;
    path.len -= tail.len;
    slash = path.len == 0 ? NULL : memrchr(path.p, '/', path.len);
    if (slash == NULL || slash == path.p) /* no resource */
        return false;
    if (!gn_str_eq(gn_http_method(request), GN_STR("GET")))
        gn_reply_bad_method(request);
    else if (peer->is_stopped)
        gn_reply_later(request);
    else
        gn_peer_current_state(peer, request, path);
    return true;
}

bool gn_peer_handle(struct gn_peer *peer, struct gn_http_request *request)
{
    struct gn_str path = gn_http_path(request);

    /* Peers put "/event" or a resource behind an URL that may end in a slash; a redirect, as Go's
     * router gives one, would make a GET of their POST. */
    while (gn_str_has_prefix(path, GN_STR("//"))) {
        path.p++;
        path.len--;
    }
    if (gn_str_eq(path, GN_STR("/health"))) {
        gn_reply_text(request, 200, "{\"ok\":true}\n");
    } else if (gn_str_eq(path, GN_STR("/event"))) {
        if (may_receive(peer, request))
            take_event(peer, request);
    } else if (gn_str_eq(path, GN_STR("/subscription"))) {
        if (may_receive(peer, request))
            gn_peer_subscription(peer, request);
    } else {
        return route_state(peer, request, path);
    }
    return true;
}

void gn_peer_on_request(void *ctx, struct gn_http_request *request)
{
    if (!gn_peer_handle(ctx, request))
        gn_reply_not_found(request);
}

/* ---- life ---- */

struct gn_peer *gn_peer_new(const struct gn_peer_config *config, const struct gn_peer_parts *parts)
{
    struct gn_peer *peer = calloc(1, sizeof *peer);
    struct gn_str name = gn_str_of(config->service_name);

    if (peer == NULL)
        return NULL;
    peer->service_name = gn_str_dup(name);
    if (peer->service_name == NULL) {
        free(peer);
        return NULL;
    }
    peer->parts = *parts;
    peer->own_id = gn_id_v3_url(name);
    peer->client_expire_ms = config->client_expire_ms;
    TAILQ_INIT(&peer->registrations);
    gn_durable_init(&peer->events, parts->journal, answer_event, peer);
    gn_peer_expiry_start(peer);
    return peer;
}

void gn_peer_stop(struct gn_peer *peer)
{
    peer->is_stopped = true;
    gn_peer_expiry_stop(peer);
    gn_peer_subscription_stop(peer);
    gn_durable_stop(&peer->events);
}

void gn_peer_free(struct gn_peer *peer)
{
    if (peer == NULL)
        return;
    gn_peer_expiry_stop(peer);
    free(peer->service_name);
    free(peer);
}
