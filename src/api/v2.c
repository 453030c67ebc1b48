/* The v2 API: prefixes, routes, the subscriptions that are there. */
#include <stdlib.h>

#include "gurnard/api/reply.h"
#include "gurnard/relay/address.h"
#include "v2_priv.h"

const struct gn_json_limits gn_v2_limits = {
    .max_bytes = (size_t)64 << 20, /* the server's own limit is below */
    .max_depth = 32,
    .max_tokens = 262144,
    .repair_utf8 = false,
};

void gn_v2_reply_later(struct gn_http_request *request)
{
    static const char *const headers[] = {"Retry-After", "5", NULL};
    const struct gn_http_reply reply = {.status = 503, .headers = headers};

    gn_http_reply(request, &reply);
}

void gn_v2_count_failed(struct gn_v2 *v2, bool is_publisher, enum gn_cne_status status)
{
    gn_cne_add(v2->parts.cne, is_publisher ? GN_CNE_API_PUBLISHERS : GN_CNE_API_SUBSCRIPTIONS,
               GN_STR_NONE, status, 1);
}

/* ---- life ---- */

/* Consumers of both versions, as cloud-event-proxy's figure has them; v1 sets its own before. */
static void count_subscriptions(void *ctx)
{
    struct gn_v2 *v2 = ctx;
    size_t count = gn_pubsub_count(v2->parts.pubsub, GN_SUBSCRIPTION) +
                   gn_clients_sub_count(v2->parts.clients, GN_CLIENT_V2);

    gn_cne_set(v2->parts.cne, GN_CNE_API_SUBSCRIPTIONS, GN_STR_NONE, GN_CNE_ACTIVE, (double)count);
}

struct gn_v2 *gn_v2_new(const struct gn_v2_config *config, const struct gn_v2_parts *parts)
{
    static const char probes[] = "gurnard_api_probes_total";
    static const char probes_help[] = "Probes of a new record's endpointUri.";
    struct gn_v2 *v2 = calloc(1, sizeof *v2);

    if (v2 == NULL)
        return NULL;
    v2->parts = *parts;
    v2->notify_timeout_ms = config->notify_timeout_ms;
    v2->link_base = gn_str_dup(gn_str_of(config->link_base));
    if (v2->link_base == NULL) {
        free(v2);
        return NULL;
    }
    TAILQ_INIT(&v2->creates);
    gn_v2_events_init(v2);
    v2->probes_ok = gn_metrics_counter(parts->metrics, probes, "result=\"passed\"", probes_help);
    v2->probes_failed =
        gn_metrics_counter(parts->metrics, probes, "result=\"failed\"", probes_help);
    gn_metrics_on_collect(parts->metrics, count_subscriptions, v2);
    return v2;
}

void gn_v2_stop(struct gn_v2 *v2)
{
    v2->is_stopping = true;
    gn_v2_create_stop(v2);
    gn_durable_stop(&v2->published.durable);
}

void gn_v2_free(struct gn_v2 *v2)
{
    if (v2 == NULL)
        return;
    gn_metrics_off_collect(v2->parts.metrics, count_subscriptions, v2);
    free(v2->link_base);
    free(v2);
}

/* ---- addresses ---- */

enum gn_err gn_v2_resolve(const struct gn_v2 *v2, struct gn_str address, struct gn_buf *out)
{
    gn_address_resolve(address, gn_str_of(gn_relay_node(v2->parts.relay)), out);
    if (gn_buf_err(out) != GN_OK)
        return gn_buf_err(out);
    return gn_address_is_valid(gn_buf_str(out)) ? GN_OK : GN_EINVAL;
}

struct publisher_search {
    struct gn_str resolved;
    bool (*relates)(struct gn_str, struct gn_str);
    struct gn_buf address; /* canonical, of the publisher looked at */
    bool is_found;
};

static bool look_at_publisher(void *ctx, struct gn_pubsub_item *item)
{
    struct publisher_search *search = ctx;

    gn_buf_reset(&search->address);
    gn_address_canonical(gn_str_of(item->resource), &search->address);
    search->is_found = search->address.len > 0 && gn_buf_err(&search->address) == GN_OK &&
                       search->relates(search->resolved, gn_buf_str(&search->address));
    return !search->is_found;
}

bool gn_v2_has_publisher(const struct gn_v2 *v2, struct gn_str resolved,
                         bool (*relates)(struct gn_str, struct gn_str))
{
    struct publisher_search search = {resolved, relates, GN_BUF_INIT, false};

    if (relates(resolved, gn_str_of(gn_relay_redfish_address(v2->parts.relay))))
        return true;
    gn_pubsub_each(v2->parts.pubsub, GN_PUBLISHER, look_at_publisher, &search);
    gn_buf_free(&search.address);
    return search.is_found;
}

/* ---- subscriptions ---- */

static bool list_one(void *ctx, struct gn_client_sub *sub)
{
    struct gn_buf *body = ctx;

    if (body->len > 1)
        gn_buf_putc(body, ',');
    gn_clients_write_v2(sub, body);
    return true;
}

static void list(struct gn_v2 *v2, struct gn_http_request *request)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_putc(&body, '[');
    gn_clients_each(v2->parts.clients, GN_CLIENT_V2, list_one, &body);
    gn_buf_putc(&body, ']');
    if (gn_buf_err(&body) == GN_OK)
        gn_reply_json(request, 200, gn_buf_str(&body));
    else
        gn_v2_reply_later(request);
    gn_buf_free(&body);
}

static void show(struct gn_http_request *request, const struct gn_client_sub *sub)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_clients_write_v2(sub, &body);
    if (gn_buf_err(&body) == GN_OK)
        gn_reply_json(request, 200, gn_buf_str(&body));
    else
        gn_v2_reply_later(request);
    gn_buf_free(&body);
}

/* What a delete answers when it is on disk. */
struct removal {
    struct gn_v2 *v2;
    struct gn_http_request *http;
};

/* What is gone from memory is gone; a disk that refuses gets it with the next change. */
static void on_removed(void *ctx, enum gn_err err)
{
    struct removal *removal = ctx;

    if (err == GN_OK) {
        gn_reply_empty(removal->http, 204);
    } else {
        gn_log_error("store.write_failed kind=clients reason=\"%s\"", gn_err_text(err));
        gn_v2_count_failed(removal->v2, false, GN_CNE_FAILED_TO_DELETE);
        gn_v2_reply_later(removal->http);
    }
    free(removal);
}

static bool remove_each(void *ctx, struct gn_client_sub *sub)
{
    struct gn_clients *clients = ctx;

    gn_log_info("subscription.deleted id=%s resource=%s", sub->id, sub->resource);
    gn_clients_remove_sub(clients, sub);
    return true;
}

/* sub NULL: all. */
static void remove_subs(struct gn_v2 *v2, struct gn_http_request *request,
                        struct gn_client_sub *sub)
{
    struct gn_clients *clients = v2->parts.clients;
    struct removal *removal = calloc(1, sizeof *removal);

    if (removal == NULL) {
        gn_v2_reply_later(request);
        return;
    }
    *removal = (struct removal){v2, request};
    if (sub != NULL)
        (void)remove_each(clients, sub); /* goes on: there is but one */
    else
        gn_clients_each(clients, GN_CLIENT_V2, remove_each, clients);
    if (gn_clients_commit(clients, on_removed, removal) != GN_OK) {
        free(removal);
        gn_v2_reply_later(request);
    }
}

/* ---- routes ---- */

/* /subscriptions */
static void handle_subscriptions(struct gn_v2 *v2, const struct gn_v2_call *call)
{
    struct gn_str method = gn_http_method(call->http);

    if (gn_str_eq(method, GN_STR("GET"))) {
        list(v2, call->http);
    } else if (gn_str_eq(method, GN_STR("POST"))) {
        gn_v2_subscribe(v2, call);
    } else if (gn_str_eq(method, GN_STR("DELETE"))) {
        remove_subs(v2, call->http, NULL);
    } else {
        gn_reply_bad_method(call->http);
    }
}

/* /subscriptions/{id} */
static void handle_subscription(struct gn_v2 *v2, struct gn_http_request *request, struct gn_str id)
{
    struct gn_str method = gn_http_method(request);
    bool is_get = gn_str_eq(method, GN_STR("GET"));
    struct gn_client_sub *sub = gn_clients_find_v2(v2->parts.clients, id);

    if (!is_get && !gn_str_eq(method, GN_STR("DELETE"))) {
        gn_reply_bad_method(request);
    } else if (sub == NULL) {
        gn_reply_empty(request, 404);
    } else if (is_get) {
        show(request, sub);
    } else {
        remove_subs(v2, request, sub);
    }
}

/* PUT /subscriptions/status/{id}: nothing follows, consumers only see the code. */
static void handle_status(struct gn_v2 *v2, struct gn_http_request *request, struct gn_str id)
{
    bool is_known = gn_clients_find_v2(v2->parts.clients, id) != NULL;

    if (!gn_str_eq(gn_http_method(request), GN_STR("PUT"))) {
        gn_reply_bad_method(request);
        return;
    }
    gn_cne_add(v2->parts.cne, GN_CNE_API_STATUS_PING, GN_STR_NONE,
               is_known ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
    if (is_known)
        gn_reply_json(request, 202, GN_STR("{\"status\":\"ping sent\"}"));
    else
        gn_reply_empty(request, 404);
}

/* If rest begins with part, cuts it off. */
static bool take(struct gn_str *rest, struct gn_str part)
{
    if (!gn_str_has_prefix(*rest, part))
        return false;
    rest->p += part.len;
    rest->len -= part.len;
    return true;
}

static bool is_segment(struct gn_str s)
{
    return s.len > 0 && memchr(s.p, '/', s.len) == NULL;
}

/* The collections and what is in them. false: none of them. */
static bool route_collection(struct gn_v2 *v2, const struct gn_v2_call *call)
{
    struct gn_str rest = call->rest;
    bool is_publisher = take(&rest, GN_STR("/publishers"));

    if (!is_publisher && !take(&rest, GN_STR("/subscriptions")))
        return false;
    if (rest.len == 0) {
        if (is_publisher)
            gn_v2_publishers(v2, call, GN_STR_NONE);
        else
            handle_subscriptions(v2, call);
        return true;
    }
    if (!is_publisher && take(&rest, GN_STR("/status/"))) {
        if (!is_segment(rest))
            return false;
        handle_status(v2, call->http, rest);
        return true;
    }
    if (!take(&rest, GN_STR("/")) || !is_segment(rest))
        return false;
    if (is_publisher)
        gn_v2_publishers(v2, call, rest);
    else
        handle_subscription(v2, call->http, rest);
    return true;
}

/* The routes of one method each. false: none of them. */
static bool route_single(struct gn_v2 *v2, const struct gn_v2_call *call)
{
    struct gn_str method = gn_http_method(call->http);
    bool is_event = gn_str_eq(call->rest, GN_STR("/create/event"));
    bool is_log = gn_str_eq(call->rest, GN_STR("/log"));

    if (gn_str_eq(call->rest, GN_STR("/health"))) {
        if (gn_str_eq(method, GN_STR("GET")) || gn_str_eq(method, GN_STR("HEAD")))
            gn_reply_text(call->http, 200, "OK");
        else
            gn_reply_bad_method(call->http);
        return true;
    }
    if (!is_event && !is_log && !gn_str_eq(call->rest, GN_STR("/dummy")) &&
        !gn_str_eq(call->rest, GN_STR("/dummy2")))
        return false;
    if (!gn_str_eq(method, GN_STR("POST")))
        gn_reply_bad_method(call->http);
    else if (is_event)
        gn_v2_create_event(v2, call->http);
    else if (is_log)
        gn_v2_log_event(call->http);
    else
        gn_reply_json(call->http, 204, GN_STR_NONE);
    return true;
}

/* /{ResourceAddress}/CurrentState, where the address holds slashes. */
static bool route_state(struct gn_v2 *v2, const struct gn_v2_call *call)
{
    static const struct gn_str tail = GN_STR_INIT("/CurrentState");
    struct gn_str address = call->rest;

    if (!gn_str_has_suffix(address, tail))
        return false;
    address.len -= tail.len;
    if (!gn_str_eq(gn_http_method(call->http), GN_STR("GET")))
        gn_reply_bad_method(call->http);
    else
        gn_v2_current_state(v2, call->http, address);
    return true;
}

/* Whether some v2 prefix begins path; *prefix and *rest get its halves. */
static bool split(struct gn_str path, struct gn_str *prefix, struct gn_str *rest)
{
    static const struct gn_str prefixes[] = {
        GN_STR_INIT("/api/ocloudNotifications/v2"),
        GN_STR_INIT("/ocloudNotifications/v2"),
    };

    for (size_t i = 0; i < GN_LEN(prefixes); i++) {
        *prefix = prefixes[i];
        *rest = path;
        if (take(rest, prefixes[i]))
            return rest->len == 0 || rest->p[0] == '/';
    }
    return false;
}

bool gn_v2_handle(struct gn_v2 *v2, struct gn_http_request *request)
{
    struct gn_v2_call call = {.http = request};

    if (!split(gn_http_path(request), &call.prefix, &call.rest))
        return false;
    if (v2->is_stopping) {
        gn_v2_reply_later(request);
        return true;
    }
    return route_state(v2, &call) || route_collection(v2, &call) || route_single(v2, &call);
}
