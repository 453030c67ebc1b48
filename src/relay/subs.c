/* Subscriptions of all kinds become sinks: of the v1 and the native API, of v2 consumers and of
 * other proxies. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/relay/address.h"
#include "gurnard/relay/relay.h"

#include "relay_priv.h"

/* What a sink is made from. */
struct wish {
    enum gn_face face;
    const char *id, *address, *resource;
    const char *config; /* NATIVE: the subscription's object */
    bool is_bus;        /* all of resource; NATIVE: in this mode, without config */
    enum gn_ce_mode mode;
    uint32_t concurrency;
};

static void log_unusable(const struct wish *wish, const char *reason)
{
    gn_log_warn("sink.unusable sink=%s address=%s reason=\"%s\"", wish->id, wish->address, reason);
}

/* ---- interests ---- */

/* address: as the face has it. */
static struct gn_interest *interest_in(const struct gn_relay *relay, const struct wish *wish,
                                       struct gn_str address)
{
    struct gn_native_spec *spec;

    if (wish->face != GN_FACE_NATIVE)
        return gn_interest_new(wish->face, address, NULL, NULL);
    spec = gn_native_spec_plain(wish->mode);
    return spec == NULL ? NULL : gn_interest_new(GN_FACE_NATIVE, address, spec, relay->node);
}

static struct gn_interest *interest_of_address(struct gn_relay *relay, const struct wish *wish)
{
    struct gn_buf address = GN_BUF_INIT;
    struct gn_interest *interest = NULL;

    if (wish->face == GN_FACE_V2)
        gn_address_resolve(gn_str_of(wish->resource), gn_str_of(relay->node), &address);
    else
        gn_address_canonical(gn_str_of(wish->resource), &address);
    if (gn_buf_err(&address) == GN_OK)
        interest = interest_in(relay, wish, gn_buf_str(&address));
    if (interest != NULL && wish->face == GN_FACE_PEER &&
        !gn_interest_spell(interest, gn_str_of(wish->resource))) {
        gn_interest_unref(interest);
        interest = NULL;
    }
    if (interest == NULL)
        log_unusable(wish, gn_err_text(GN_ENOMEM));
    gn_buf_free(&address);
    return interest;
}

static struct gn_interest *interest_of_config(struct gn_relay *relay, const struct wish *wish)
{
    char error[GN_NATIVE_ERROR_MAX] = "no JSON";
    struct gn_native_spec *spec = NULL;
    struct gn_interest *interest;
    json_t *object = NULL;
    enum gn_err err = gn_json_parse(gn_str_of(wish->config), NULL, &object);

    if (err == GN_OK)
        err = gn_native_spec_parse(object, &spec, error);
    json_decref(object);
    if (err != GN_OK) {
        log_unusable(wish, err == GN_ENOMEM ? gn_err_text(err) : error);
        return NULL;
    }
    interest = gn_interest_new(GN_FACE_NATIVE, GN_STR(""), spec, relay->node);
    if (interest == NULL)
        log_unusable(wish, gn_err_text(GN_ENOMEM));
    return interest;
}

static struct gn_interest *interest_of(struct gn_relay *relay, const struct wish *wish)
{
    return wish->face == GN_FACE_NATIVE && !wish->is_bus ? interest_of_config(relay, wish)
                                                         : interest_of_address(relay, wish);
}

static struct gn_sink_config sink_config(const struct wish *wish, struct gn_interest *interest)
{
    struct gn_sink_config config = {
        .id = wish->id,
        .address = wish->address,
        .interest = interest,
        .concurrency = wish->concurrency,
    };

    if (interest->spec != NULL) {
        config.retry_min_ms = interest->spec->retry_min_ms;
        config.retry_max_ms = interest->spec->retry_max_ms;
        config.expire_ms = interest->spec->expire_ms;
    }
    return config;
}

/* ---- sinks ---- */

static struct gn_sink *open_sink(struct gn_relay *relay, const struct wish *wish)
{
    struct gn_interest *interest;
    struct gn_sink *sink = NULL;
    struct gn_sink_config config;
    enum gn_err err;

    if (gn_outbox_find_sink(relay->parts.outbox, gn_str_of(wish->id)) != NULL) {
        log_unusable(wish, "its id is taken");
        return NULL;
    }
    interest = interest_of(relay, wish);
    if (interest == NULL)
        return NULL;
    config = sink_config(wish, interest);
    err = gn_outbox_open_sink(relay->parts.outbox, &config, &sink);
    if (err == GN_OK)
        err = gn_routes_add(relay->routes, sink, interest);
    gn_interest_unref(interest);
    if (err == GN_OK)
        return sink;
    if (sink != NULL)
        gn_outbox_close_sink(sink);
    log_unusable(wish, gn_err_text(err));
    return NULL;
}

static void close_sink(struct gn_relay *relay, struct gn_sink *sink)
{
    if (sink == NULL)
        return;
    gn_routes_remove(relay->routes, sink, gn_sink_interest(sink));
    gn_outbox_close_sink(sink);
}

/* Changes sink, or opens one where there was none. On a failure the old one goes on. */
static struct gn_sink *change_sink(struct gn_relay *relay, struct gn_sink *sink,
                                   const struct wish *wish)
{
    struct gn_interest *interest;
    struct gn_sink_config config;
    enum gn_err err;

    if (sink == NULL)
        return open_sink(relay, wish);
    interest = interest_of(relay, wish);
    if (interest == NULL)
        return sink;
    config = sink_config(wish, interest);
    gn_routes_remove(relay->routes, sink, gn_sink_interest(sink));
    err = gn_outbox_change_sink(sink, &config);
    if (err != GN_OK)
        log_unusable(wish, gn_err_text(err));
    err = gn_routes_add(relay->routes, sink, gn_sink_interest(sink));
    gn_interest_unref(interest);
    if (err == GN_OK)
        return sink;
    log_unusable(wish, gn_err_text(err));
    gn_outbox_close_sink(sink);
    return NULL;
}

/* ---- the observers ---- */

static struct wish wish_of(const struct gn_pubsub_item *item)
{
    return (struct wish){
        .face = item->kind == GN_NATIVE ? GN_FACE_NATIVE : GN_FACE_V1,
        .id = item->id,
        .address = item->endpoint_uri,
        .resource = item->resource,
        .config = item->config,
    };
}

static bool has_sink(const struct gn_pubsub_item *item)
{
    return item->kind != GN_PUBLISHER && item->endpoint_uri != NULL;
}

void gn_relay_subscription_added(void *ctx, struct gn_pubsub_item *item)
{
    const struct wish wish = wish_of(item);

    if (has_sink(item))
        item->user = open_sink(ctx, &wish);
}

void gn_relay_subscription_removed(void *ctx, struct gn_pubsub_item *item)
{
    if (!has_sink(item))
        return;
    close_sink(ctx, item->user);
    item->user = NULL;
}

void gn_relay_subscription_changed(void *ctx, struct gn_pubsub_item *item)
{
    const struct wish wish = wish_of(item);

    if (has_sink(item))
        item->user = change_sink(ctx, item->user, &wish);
}

struct gn_sink *gn_relay_open_bus(struct gn_relay *relay, const struct gn_relay_bus *bus)
{
    const struct wish wish = {.face = bus->is_native ? GN_FACE_NATIVE : GN_FACE_PEER,
                              .id = bus->id,
                              .address = bus->address,
                              .resource = bus->resource,
                              .is_bus = true,
                              .mode = bus->mode,
                              .concurrency = bus->window};

    return open_sink(relay, &wish);
}

void gn_relay_close_bus(struct gn_relay *relay, struct gn_sink *sink)
{
    close_sink(relay, sink);
}

/* Where a proxy's events go: <end point>/event. The original appends that to whatever it was given;
 * behind a slash its own server would answer with a redirect. */
static void add_event_url(const struct gn_client *client, struct gn_buf *out)
{
    struct gn_str url = gn_str_of(client->end_point);

    while (url.len > 0 && url.p[url.len - 1] == '/')
        url.len--;
    gn_buf_add_str(out, url);
    gn_buf_puts(out, "/event");
}

/* Opens the sink of what a client subscribed to, or changes the one it has. */
static struct gn_sink *client_sink(struct gn_relay *relay, const struct gn_client_sub *sub)
{
    bool is_v2 = sub->client->kind == GN_CLIENT_V2;
    struct gn_buf id = GN_BUF_INIT, address = GN_BUF_INIT;
    struct gn_sink *sink = sub->user;
    struct wish wish = {.face = is_v2 ? GN_FACE_V2 : GN_FACE_PEER,
                        .id = sub->id,
                        .address = sub->client->end_point,
                        .resource = sub->resource};

    if (!is_v2) { /* a proxy's ids are its own */
        gn_buf_printf(&id, "%s:%s", sub->client->id, sub->id);
        add_event_url(sub->client, &address);
        wish.id = id.data;
        wish.address = address.data;
    }
    if (gn_buf_err(&id) == GN_OK && gn_buf_err(&address) == GN_OK)
        sink = change_sink(relay, sink, &wish);
    gn_buf_free(&id);
    gn_buf_free(&address);
    return sink;
}

void gn_relay_client_sub_added(void *ctx, struct gn_client_sub *sub)
{
    sub->user = client_sink(ctx, sub);
}

void gn_relay_client_sub_moved(struct gn_relay *relay, struct gn_client_sub *sub)
{
    sub->user = client_sink(relay, sub);
}

void gn_relay_client_sub_removed(void *ctx, struct gn_client_sub *sub)
{
    close_sink(ctx, sub->user);
    sub->user = NULL;
}
