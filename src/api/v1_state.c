/* The v1 API: the last event of a resource, asked of publishers where there are some, and the ping.
 */
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cne.h"
#include "gurnard/relay/address.h"
#include "v1_priv.h"

/* ---- our own knowledge ---- */

/* What a look-up by part of an address has found so far. */
struct lookup {
    struct gn_v1 *v1;
    struct gn_str part;          /* without leading slash */
    struct gn_str whole;         /* canonical form of /part */
    struct gn_buf resource;      /* canonical form of the record looked at */
    struct gn_pubsub_item *best; /* the match to be answered for; NULL: none */
    const struct gn_event *last; /* its last event, or NULL */
};

/* The original takes any record whose resource contains the part, in random order; we prefer the
 * whole address in either of its spellings, else the oldest record that has an event. */
static bool look_at(void *ctx, struct gn_pubsub_item *item)
{
    struct lookup *lookup = ctx;
    struct gn_str resource = gn_str_of(item->resource);
    const struct gn_event *event;
    bool is_whole;

    gn_buf_reset(&lookup->resource);
    gn_address_canonical(resource, &lookup->resource);
    is_whole = gn_str_eq(gn_buf_str(&lookup->resource), lookup->whole);
    if (gn_buf_err(&lookup->resource) != GN_OK || resource.len == 0 ||
        (!is_whole && memmem(resource.p, resource.len, lookup->part.p, lookup->part.len) == NULL))
        return true;
    event = gn_state_get(lookup->v1->parts.state, gn_buf_str(&lookup->resource));
    if (is_whole || lookup->best == NULL || (lookup->last == NULL && event != NULL)) {
        lookup->best = item;
        lookup->last = event;
    }
    return !is_whole;
}

static void answer_event(struct gn_http_request *request, const struct gn_event *event)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_cne_structured(event, &body);
    if (gn_buf_err(&body) == GN_OK)
        gn_reply_json(request, 200, gn_buf_str(&body));
    else
        gn_reply_later(request);
    gn_buf_free(&body);
}

/* ---- asking the publishers ---- */

/* One question under way. */
struct ask {
    struct gn_v1 *v1;
    struct gn_http_request *http; /* NULL: a ping, nobody waits */
    void *query;
    char *resource;
    TAILQ_ENTRY(ask) link;
};

static void ask_free(struct ask *ask)
{
    TAILQ_REMOVE(&ask->v1->asks, ask, link);
    ask->v1->ask_count--;
    free(ask->resource);
    free(ask);
}

/* No publisher has answered with a state: what we know, or why there is nothing. */
static void answer_without(const struct ask *ask, const struct gn_remote_state *state)
{
    const struct gn_event *last =
        gn_relay_last_event(ask->v1->parts.relay, gn_str_of(ask->resource));

    if (state->err == GN_ECANCELED)
        gn_reply_later(ask->http);
    else if (last != NULL)
        answer_event(ask->http, last);
    else if (state->err == GN_ENOTFOUND && state->body.len > 0)
        gn_reply_error(ask->http, 400, state->body);
    else if (state->err == GN_ENOTFOUND)
        gn_reply_error(ask->http, 400, GN_STR("event not found"));
    else
        gn_reply_error(ask->http, 400, GN_STR("timeout waiting for status"));
}

static void on_state(void *ctx, const struct gn_remote_state *state)
{
    struct ask *ask = ctx;

    gn_cne_add(ask->v1->parts.cne, GN_CNE_TRANSPORT_STATUS_CHECK_PUBLISHED,
               gn_str_of(ask->resource), state->err == GN_OK ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
    if (ask->http != NULL) {
        if (state->err == GN_OK)
            gn_reply_json(ask->http, 200, state->body);
        else
            answer_without(ask, state);
    }
    ask_free(ask);
}

/* GN_EFULL: too many under way. GN_ENOMEM. http is answered later when this succeeds. */
static enum gn_err start(struct gn_v1 *v1, struct gn_http_request *http, struct gn_str resource)
{
    struct ask *ask;
    enum gn_err err;

    if (v1->ask_count >= GN_V1_ASKS_MAX)
        return GN_EFULL;
    ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return GN_ENOMEM;
    ask->v1 = v1;
    ask->http = http;
    ask->resource = gn_str_dup(resource);
    TAILQ_INSERT_TAIL(&v1->asks, ask, link);
    v1->ask_count++;
    err = ask->resource == NULL
              ? GN_ENOMEM
              : v1->parts.remote.ask(v1->parts.remote.ctx, resource, on_state, ask, &ask->query);
    if (err != GN_OK)
        ask_free(ask);
    return err;
}

static bool has_publishers(const struct gn_v1 *v1)
{
    return gn_remote_has(&v1->parts.remote);
}

void gn_v1_state_init(struct gn_v1 *v1)
{
    TAILQ_INIT(&v1->asks);
}

void gn_v1_state_stop(struct gn_v1 *v1)
{
    struct ask *ask;

    while ((ask = TAILQ_FIRST(&v1->asks)) != NULL) {
        v1->parts.remote.forget(v1->parts.remote.ctx, ask->query);
        if (ask->http != NULL)
            gn_reply_later(ask->http);
        ask_free(ask);
    }
}

/* ---- the routes ---- */

/* Publishers know nothing of our own ones: they are asked for subscriptions only. */
static void answer_state(struct gn_v1 *v1, struct gn_http_request *request,
                         const struct lookup *lookup)
{
    if (lookup->best == NULL) {
        gn_reply_error(request, 400, GN_STR("subscription not found"));
    } else if (lookup->best->kind == GN_SUBSCRIPTION && has_publishers(v1)) {
        if (start(v1, request, gn_str_of(lookup->best->resource)) != GN_OK)
            gn_reply_later(request);
    } else if (lookup->last != NULL) {
        answer_event(request, lookup->last);
    } else {
        gn_reply_error(request, 400, GN_STR("event not found"));
    }
}

void gn_v1_current_state(struct gn_v1 *v1, struct gn_http_request *request, struct gn_str resource)
{
    struct gn_buf address = GN_BUF_INIT; /* /part */
    struct gn_buf whole = GN_BUF_INIT;
    struct lookup lookup = {.v1 = v1, .resource = GN_BUF_INIT};
    enum gn_pubsub_kind kind =
        gn_pubsub_count(v1->parts.pubsub, GN_SUBSCRIPTION) > 0 ? GN_SUBSCRIPTION : GN_PUBLISHER;
    enum gn_err err;

    gn_buf_putc(&address, '/');
    err = gn_text_percent_decode(resource, &address);
    gn_address_canonical(gn_buf_str(&address), &whole);
    if (err == GN_EPARSE) {
        gn_reply_not_found(request);
    } else if (err != GN_OK || gn_buf_err(&address) != GN_OK || gn_buf_err(&whole) != GN_OK) {
        gn_reply_later(request);
    } else {
        lookup.part = (struct gn_str){address.data + 1, address.len - 1};
        lookup.whole = gn_buf_str(&whole);
        gn_pubsub_each(v1->parts.pubsub, kind, look_at, &lookup);
        answer_state(v1, request, &lookup);
    }
    gn_buf_free(&address);
    gn_buf_free(&whole);
    gn_buf_free(&lookup.resource);
}

/* The original fires and forgets; consumers only see the code. */
void gn_v1_ping(struct gn_v1 *v1, struct gn_http_request *request, struct gn_str id)
{
    const struct gn_pubsub_item *item = gn_pubsub_find(v1->parts.pubsub, GN_SUBSCRIPTION, id);

    gn_cne_add(v1->parts.cne, GN_CNE_API_STATUS_PING, GN_STR_NONE,
               item == NULL ? GN_CNE_FAILED : GN_CNE_SUCCESS, 1);
    if (item == NULL) {
        gn_reply_error(request, 400, GN_STR("subscription not found"));
        return;
    }
    if (has_publishers(v1))
        (void)start(v1, NULL, gn_str_of(item->resource)); /* nobody waits for the outcome */
    gn_reply_json(request, 202, GN_STR("{\"status\":\"ping sent\"}"));
}
