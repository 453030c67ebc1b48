/* The native API: routes, and what reads the subscriptions. */
#include "gurnard/api/native_api.h"

#include <stdlib.h>

#include "gurnard/api/reply.h"
#include "native_priv.h"

#define COLLECTION "/subscriptions"

static const char collection_methods[] = "GET, HEAD, POST, OPTIONS";
static const char item_methods[] = "GET, HEAD, PUT, DELETE, OPTIONS";
static const char events_methods[] = "POST, OPTIONS";

/* ---- life ---- */

static char *join(const char *a, const char *b)
{
    struct gn_buf text = GN_BUF_INIT;

    gn_buf_puts(&text, a);
    gn_buf_puts(&text, b);
    return gn_buf_take(&text);
}

static void register_metrics(struct gn_native_api *native)
{
    struct gn_metrics *metrics = native->parts.metrics;
    static const char name[] = "gurnard_native_handshakes_total";
    static const char help[] = "Handshakes with the sinks of native subscriptions.";

    native->consented = gn_metrics_counter(metrics, name, "result=\"consented\"", help);
    native->refused = gn_metrics_counter(metrics, name, "result=\"refused\"", help);
    native->failed = gn_metrics_counter(metrics, name, "result=\"failed\"", help);
}

struct gn_native_api *gn_native_new(const struct gn_native_config *config,
                                    const struct gn_native_parts *parts)
{
    struct gn_native_api *native = calloc(1, sizeof *native);

    if (native == NULL)
        return NULL;
    native->parts = *parts;
    native->handshake_timeout_ms = config->handshake_timeout_ms;
    native->link_prefix = join(config->link_base, GN_NATIVE_PREFIX COLLECTION "/");
    native->origin = gn_str_dup(gn_str_of(config->origin));
    native->origin_line = join("WebHook-Request-Origin: ", config->origin);
    native->via_line = join("Gurnard-Via: ", gn_relay_instance(parts->relay));
    TAILQ_INIT(&native->shaking);
    gn_native_events_init(native);
    register_metrics(native);
    if (native->link_prefix == NULL || native->origin == NULL || native->origin_line == NULL ||
        native->via_line == NULL) {
        gn_native_free(native);
        return NULL;
    }
    return native;
}

void gn_native_stop(struct gn_native_api *native)
{
    native->is_stopping = true;
    gn_native_subs_stop(native);
    gn_durable_stop(&native->events);
}

void gn_native_free(struct gn_native_api *native)
{
    if (native == NULL)
        return;
    free(native->link_prefix);
    free(native->origin);
    free(native->origin_line);
    free(native->via_line);
    free(native);
}

/* ---- answers ---- */

static void reply_bad_method(struct gn_http_request *request, const char *allowed)
{
    const char *headers[] = {"Allow", allowed, NULL};
    const struct gn_http_reply reply = {.status = 405,
                                        .content_type = "application/json",
                                        .body = GN_STR("{\"error\":\"method not allowed\"}"),
                                        .body_is_static = true,
                                        .headers = headers};

    gn_http_reply(request, &reply);
}

static void reply_allowed(struct gn_http_request *request, const char *allowed)
{
    const char *headers[] = {"Allow", allowed, NULL};
    const struct gn_http_reply reply = {.status = 200, .headers = headers};

    gn_http_reply(request, &reply);
}

/* The webhook handshake: whoever asks may send, at any rate. */
static void reply_consent(struct gn_http_request *request)
{
    const char *headers[] = {"Allow", events_methods,         "WebHook-Allowed-Origin",
                             "*",     "WebHook-Allowed-Rate", "*",
                             NULL};
    const struct gn_http_reply reply = {.status = 200, .headers = headers};

    gn_http_reply(request, &reply);
}

static void reply_buf(struct gn_http_request *request, enum gn_err err, const struct gn_buf *body)
{
    if (err == GN_OK)
        gn_reply_json(request, 200, gn_buf_str(body));
    else
        gn_reply_later(request);
}

/* ---- what reads ---- */

struct listing {
    struct gn_buf body;
    enum gn_err err;
};

static bool list_one(void *ctx, struct gn_pubsub_item *item)
{
    struct listing *listing = ctx;

    if (listing->body.len > 1)
        gn_buf_putc(&listing->body, ',');
    listing->err = gn_native_object_show(item, &listing->body);
    return listing->err == GN_OK;
}

static void list(struct gn_native_api *native, struct gn_http_request *request)
{
    struct listing listing = {.body = GN_BUF_INIT, .err = GN_OK};

    gn_buf_putc(&listing.body, '[');
    gn_pubsub_each(native->parts.pubsub, GN_NATIVE, list_one, &listing);
    gn_buf_putc(&listing.body, ']');
    if (listing.err == GN_OK)
        listing.err = gn_buf_err(&listing.body);
    reply_buf(request, listing.err, &listing.body);
    gn_buf_free(&listing.body);
}

static void show(struct gn_http_request *request, const struct gn_pubsub_item *item)
{
    struct gn_buf body = GN_BUF_INIT;
    enum gn_err err = gn_native_object_show(item, &body);

    reply_buf(request, err, &body);
    gn_buf_free(&body);
}

/* ---- routes ---- */

static bool is_read(struct gn_str method)
{
    return gn_str_eq(method, GN_STR("GET")) || gn_str_eq(method, GN_STR("HEAD"));
}

static void handle_collection(struct gn_native_api *native, struct gn_http_request *request)
{
    struct gn_str method = gn_http_method(request);

    if (is_read(method))
        list(native, request);
    else if (gn_str_eq(method, GN_STR("POST")))
        gn_native_create(native, request);
    else if (gn_str_eq(method, GN_STR("OPTIONS")))
        reply_allowed(request, collection_methods);
    else
        reply_bad_method(request, collection_methods);
}

static void handle_item(struct gn_native_api *native, struct gn_http_request *request,
                        struct gn_str id)
{
    struct gn_str method = gn_http_method(request);
    struct gn_pubsub_item *item = gn_pubsub_find(native->parts.pubsub, GN_NATIVE, id);
    bool is_put = gn_str_eq(method, GN_STR("PUT"));
    bool is_known = is_put || is_read(method) || gn_str_eq(method, GN_STR("DELETE"));

    if (gn_str_eq(method, GN_STR("OPTIONS")))
        reply_allowed(request, item_methods);
    else if (!is_known)
        reply_bad_method(request, item_methods);
    else if (item == NULL)
        gn_reply_error(request, 404, GN_STR("subscription not found"));
    else if (is_put)
        gn_native_change(native, request, item);
    else if (is_read(method))
        show(request, item);
    else
        gn_native_remove(native, request, item);
}

static void handle_events(struct gn_native_api *native, struct gn_http_request *request)
{
    struct gn_str method = gn_http_method(request);

    if (gn_str_eq(method, GN_STR("POST")))
        gn_native_take_events(native, request);
    else if (!gn_str_eq(method, GN_STR("OPTIONS")))
        reply_bad_method(request, events_methods);
    else if (gn_http_header(request, "WebHook-Request-Origin").p != NULL)
        reply_consent(request);
    else
        reply_allowed(request, events_methods);
}

/* The id in /subscriptions/{id}. false: another path. */
static bool parse_item(struct gn_str rest, struct gn_str *id)
{
    const struct gn_str part = GN_STR(COLLECTION "/");

    if (!gn_str_has_prefix(rest, part))
        return false;
    rest.p += part.len;
    rest.len -= part.len;
    *id = gn_str_cut(rest, '/', &rest);
    return id->len > 0 && rest.p == NULL;
}

static void route(struct gn_native_api *native, struct gn_http_request *request, struct gn_str rest)
{
    struct gn_str id;

    if (gn_str_eq(rest, GN_STR(COLLECTION)))
        handle_collection(native, request);
    else if (parse_item(rest, &id))
        handle_item(native, request, id);
    else if (gn_str_eq(rest, GN_STR("/events")))
        handle_events(native, request);
    else
        gn_reply_error(request, 404, GN_STR("not found"));
}

bool gn_native_handle(struct gn_native_api *native, struct gn_http_request *request)
{
    const struct gn_str prefix = GN_STR(GN_NATIVE_PREFIX);
    struct gn_str rest = gn_http_path(request);

    if (!gn_str_has_prefix(rest, prefix))
        return false;
    rest.p += prefix.len;
    rest.len -= prefix.len;
    if (rest.len > 0 && rest.p[0] != '/')
        return false;
    if (native->is_stopping)
        gn_reply_later(request);
    else
        route(native, request, rest);
    return true;
}
