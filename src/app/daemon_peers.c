/* What gurnardd needs to be one proxy among others: its own name, who has registered here, where it
 * registers itself, acknowledgements to publishers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_priv.h"
#include "gurnard/base/log.h"
#include "gurnard/net/listen.h"
#include "gurnard/relay/address.h"

/* ---- our own name ---- */

enum gn_err gn_daemon_parse_host(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    enum gn_err err =
        gn_transport_host_parse(gn_str_of(settings->transport_host), gn_str_of(settings->node_name),
                                gn_str_of(settings->node_ip), &daemon->transport_host);

    if (err == GN_EINVAL) /* it may hold a password */
        gn_log_error(
            "transport.bad setting=transport.host reason=\"not http://host:port, host:port "
            "or amqp://host:port\"");
    return err;
}

/* Where to listen; *is_off: not at all. */
static enum gn_err listen_address(const struct daemon *daemon, char host[256], uint16_t *port,
                                  bool *is_off)
{
    const char *listen = daemon->settings->transport_listen;
    const struct gn_transport_host *own = &daemon->transport_host;

    host[0] = '\0';
    *port = own->port != 0 ? own->port : GN_TRANSPORT_PORT;
    *is_off = strcmp(listen, "off") == 0 || (listen[0] == '\0' && own->kind != GN_TRANSPORT_HTTP);
    if (*is_off || listen[0] == '\0')
        return GN_OK;
    return gn_listen_parse(listen, host, 256, port);
}

enum gn_err gn_daemon_listen_transport(struct daemon *daemon)
{
    char host[256];
    bool is_off;
    uint16_t port;
    enum gn_err err = listen_address(daemon, host, &port, &is_off);

    if (err != GN_OK) {
        gn_log_error("listen.failed server=transport listen=%s reason=\"not host:port\"",
                     daemon->settings->transport_listen);
        return err;
    }
    if (is_off)
        return GN_OK;
    if (port != 0 && port == daemon->api_port) { /* as cloud-event-proxy 2 has its API on 9043 */
        daemon->transport_port = port;
        return GN_OK;
    }
    return gn_daemon_listen_on("transport", host, port, &daemon->transport_fd,
                               &daemon->transport_port);
}

enum gn_err gn_daemon_name_transport(struct daemon *daemon)
{
    struct gn_transport_host *own = &daemon->transport_host;
    struct gn_buf text = GN_BUF_INIT;

    if (own->kind != GN_TRANSPORT_HTTP || own->url[0] == '\0') {
        gn_buf_printf(&text, "http://localhost:%u",
                      daemon->transport_port != 0 ? daemon->transport_port : GN_TRANSPORT_PORT);
        free(own->url);
        own->url = gn_buf_take(&text);
        gn_buf_free(&text);
        text = GN_BUF_INIT;
    }
    gn_buf_printf(&text, strchr(own->host, ':') == NULL ? "http://%s:%u" : "http://[%s]:%u",
                  own->kind == GN_TRANSPORT_HTTP ? own->host : "localhost", daemon->api_port);
    daemon->link_base = gn_buf_take(&text);
    gn_buf_free(&text);
    return own->url == NULL || daemon->link_base == NULL ? GN_ENOMEM : GN_OK;
}

/* ---- where we register ---- */

/* The settings' publishers with this node put in. Owned texts. */
static enum gn_err expand_publishers(const struct daemon *daemon,
                                     char *publishers[GN_SETTINGS_LIST_MAX])
{
    const struct gn_settings *settings = daemon->settings;

    for (size_t i = 0; i < settings->transport_publishers.count; i++) {
        struct gn_buf url = GN_BUF_INIT;

        gn_transport_host_expand(gn_str_of(settings->transport_publishers.items[i]),
                                 gn_str_of(settings->node_name), gn_str_of(settings->node_ip),
                                 &url);
        publishers[i] = gn_buf_take(&url);
        gn_buf_free(&url);
        if (publishers[i] == NULL)
            return GN_ENOMEM;
    }
    return GN_OK;
}

/* What publishers send to us is received under our client id, once for each resource and publisher.
 */
static void count_receivers(void *ctx)
{
    const struct daemon *daemon = ctx;
    struct gn_registrar_publisher publisher;
    uint64_t active = 0;
    size_t count = gn_registrar_publisher_count(daemon->registrar);

    for (size_t i = 0; i < count; i++) {
        gn_registrar_publisher_at(daemon->registrar, i, &publisher);
        active += publisher.registered;
    }
    if (count > 0)
        gn_cne_set(daemon->cne, GN_CNE_TRANSPORT_RECEIVER,
                   gn_str_of(gn_registrar_client_id(daemon->registrar)), GN_CNE_ACTIVE,
                   (double)active);
}

/* Who is not listened to cannot send anything. */
static size_t publisher_count(const struct daemon *daemon)
{
    size_t count = daemon->settings->transport_publishers.count;

    if (count == 0 || daemon->transport_port != 0)
        return count;
    gn_log_warn("registrar.off publishers=%zu reason=\"other proxies are not listened to: see "
                "transport.host and transport.listen\"",
                count);
    return 0;
}

static enum gn_err build_registrar(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    char *publishers[GN_SETTINGS_LIST_MAX] = {NULL};
    const struct gn_registrar_config config = {
        .own_url = daemon->transport_host.url,
        .publishers = (const char *const *)publishers,
        .publisher_count = publisher_count(daemon),
        .retry_min_ms = (uint32_t)settings->transport_retry_min,
        .retry_max_ms = (uint32_t)settings->transport_retry_max,
        .health_ms = (uint32_t)settings->transport_health,
        .renew_ms = (uint32_t)settings->transport_renew,
        .status_ms = (uint32_t)settings->transport_status_timeout,
    };
    enum gn_err err = expand_publishers(daemon, publishers);

    if (err == GN_OK)
        daemon->registrar =
            gn_registrar_new(&config, daemon->loop, daemon->client, daemon->metrics);
    for (size_t i = 0; i < GN_LEN(publishers); i++)
        free(publishers[i]);
    if (daemon->registrar == NULL)
        return gn_daemon_failed("registrar", GN_ENOMEM);
    gn_metrics_on_collect(daemon->metrics, count_receivers, daemon);
    return GN_OK;
}

enum gn_err gn_daemon_build_peers(struct daemon *daemon)
{
    const struct gn_acks_parts acks = {
        .loop = daemon->loop,
        .pubsub = daemon->pubsub,
        .transport = daemon->transports[0],
        .figures = daemon->cne,
        .metrics = daemon->metrics,
    };

    daemon->clients = gn_clients_new(daemon->settings->store_path, daemon->store_worker, NULL);
    if (daemon->clients == NULL)
        return gn_daemon_failed("clients", GN_ENOMEM);
    daemon->acks = gn_acks_new(&acks);
    if (daemon->acks == NULL)
        return gn_daemon_failed("acks", GN_ENOMEM);
    return build_registrar(daemon);
}

void gn_daemon_on_ended(void *ctx, const struct gn_event *event, bool is_delivered)
{
    struct daemon *daemon = ctx;

    if ((event->flags & GN_EVENT_PUBLISHED) != 0)
        gn_acks_tell(daemon->acks, event->origin, event->resource, is_delivered);
}

/* ---- subscriptions: the relay opens their sinks, the registrar asks for their events ---- */

/* The canonical address; empty: none that publishers could be asked for. */
static void wanted_address(const struct daemon *daemon, struct gn_str resource, bool is_oran,
                           struct gn_buf *address)
{
    if (is_oran)
        gn_address_resolve(resource, gn_str_of(daemon->settings->node_name), address);
    else
        gn_address_canonical(resource, address);
    if (gn_buf_err(address) != GN_OK || (is_oran && gn_address_is_pattern(gn_buf_str(address))))
        gn_buf_reset(address);
}

static void want(struct daemon *daemon, struct gn_str resource, bool is_oran, const char *id)
{
    struct gn_buf address = GN_BUF_INIT;

    wanted_address(daemon, resource, is_oran, &address);
    gn_buses_want(daemon->buses, gn_buf_str(&address));
    if (address.len > 0 &&
        gn_registrar_want(daemon->registrar, gn_buf_str(&address), gn_str_of(id)) != GN_OK)
        gn_log_warn("registrar.not_noted resource=%s reason=\"no memory\"", address.data);
    gn_buf_free(&address);
}

static void unwant(struct daemon *daemon, struct gn_str resource, bool is_oran)
{
    struct gn_buf address = GN_BUF_INIT;

    wanted_address(daemon, resource, is_oran, &address);
    gn_buses_unwant(daemon->buses, gn_buf_str(&address));
    if (address.len > 0)
        gn_registrar_unwant(daemon->registrar, gn_buf_str(&address));
    gn_buf_free(&address);
}

/* The address whose events a record of ours wants; absent: none that could be asked for. */
static struct gn_str address_of(const struct gn_pubsub_item *item)
{
    const struct gn_native_spec *spec;

    if (item->kind == GN_SUBSCRIPTION)
        return gn_str_of(item->resource);
    if (item->kind != GN_NATIVE || item->user == NULL)
        return GN_STR_NONE;
    spec = gn_sink_interest(item->user)->spec;
    return spec->resource == NULL ? GN_STR_NONE : gn_str_of(spec->resource);
}

/* What a publisher's resource means to the buses. */
static void publish(struct daemon *daemon, const struct gn_pubsub_item *item,
                    void (*tell)(struct gn_buses *buses, struct gn_str resource))
{
    struct gn_buf address = GN_BUF_INIT;

    gn_address_canonical(gn_str_of(item->resource), &address);
    if (gn_buf_err(&address) == GN_OK)
        tell(daemon->buses, gn_buf_str(&address));
    gn_buf_free(&address);
}

static void on_added(void *ctx, struct gn_pubsub_item *item)
{
    struct daemon *daemon = ctx;

    if (item->kind == GN_PUBLISHER)
        publish(daemon, item, gn_buses_publish);
    gn_relay_subscription_added(daemon->relay, item);
    want(daemon, address_of(item), false, item->id);
}

static void on_removed(void *ctx, struct gn_pubsub_item *item)
{
    struct daemon *daemon = ctx;

    if (item->kind == GN_PUBLISHER)
        publish(daemon, item, gn_buses_unpublish);
    unwant(daemon, address_of(item), false);
    gn_relay_subscription_removed(daemon->relay, item);
}

static void on_changed(void *ctx, struct gn_pubsub_item *item)
{
    struct daemon *daemon = ctx;

    unwant(daemon, address_of(item), false);
    gn_relay_subscription_changed(daemon->relay, item);
    want(daemon, address_of(item), false, item->id);
}

/* Publishers know addresses, not subtrees or patterns: of what lies below one only this node's
 * Redfish events can be asked for by name. */
static bool is_above_redfish(const struct daemon *daemon, const struct gn_client_sub *sub)
{
    const struct gn_str redfish = gn_str_of(gn_relay_redfish_address(daemon->relay));
    struct gn_buf address = GN_BUF_INIT;
    bool is_above;

    gn_address_resolve(gn_str_of(sub->resource), gn_str_of(daemon->settings->node_name), &address);
    is_above = gn_buf_err(&address) == GN_OK && !gn_str_eq(gn_buf_str(&address), redfish) &&
               gn_address_covers(gn_buf_str(&address), redfish);
    gn_buf_free(&address);
    return is_above;
}

static void on_client_added(void *ctx, struct gn_client_sub *sub)
{
    struct daemon *daemon = ctx;

    gn_relay_client_sub_added(daemon->relay, sub);
    if (sub->client->kind != GN_CLIENT_V2)
        return;
    want(daemon, gn_str_of(sub->resource), true, sub->id);
    if (is_above_redfish(daemon, sub))
        want(daemon, gn_str_of(gn_relay_redfish_address(daemon->relay)), false, sub->id);
}

static void on_client_removed(void *ctx, struct gn_client_sub *sub)
{
    struct daemon *daemon = ctx;

    gn_relay_client_sub_removed(daemon->relay, sub);
    if (sub->client->kind != GN_CLIENT_V2)
        return;
    unwant(daemon, gn_str_of(sub->resource), true);
    if (is_above_redfish(daemon, sub))
        unwant(daemon, gn_str_of(gn_relay_redfish_address(daemon->relay)), false);
}

void gn_daemon_observe(struct daemon *daemon)
{
    const struct gn_pubsub_observer of_pubsub = {
        .added = on_added, .removed = on_removed, .changed = on_changed, .ctx = daemon};
    const struct gn_clients_observer of_clients = {.added = on_client_added,
                                                   .removed = on_client_removed,
                                                   .ctx = daemon};

    gn_pubsub_observe(daemon->pubsub, &of_pubsub);
    gn_clients_observe(daemon->clients, &of_clients);
}

/* ---- what others call ---- */

enum gn_err gn_daemon_build_peer_apis(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_peer_config peer = {
        .service_name = daemon->transport_host.url,
        .client_expire_ms = settings->transport_client_expire,
    };
    const struct gn_peer_parts peer_parts = {
        .loop = daemon->loop,
        .clients = daemon->clients,
        .pubsub = daemon->pubsub,
        .journal = daemon->journal,
        .relay = daemon->relay,
        .outbox = daemon->outbox,
        .metrics = daemon->metrics,
        .cne = daemon->cne,
    };
    const struct gn_v2_config v2 = {
        .link_base = daemon->link_base,
        .notify_timeout_ms = (uint32_t)settings->api_probe_timeout,
    };
    const struct gn_v2_parts v2_parts = {
        .loop = daemon->loop,
        .client = daemon->client,
        .clients = daemon->clients,
        .pubsub = daemon->pubsub,
        .journal = daemon->journal,
        .relay = daemon->relay,
        .metrics = daemon->metrics,
        .cne = daemon->cne,
    };
    const struct gn_native_config native = {
        .link_base = daemon->link_base,
        .origin = settings->node_name,
        .handshake_timeout_ms = (uint32_t)settings->api_probe_timeout,
    };
    const struct gn_native_parts native_parts = {
        .loop = daemon->loop,
        .client = daemon->client,
        .pubsub = daemon->pubsub,
        .journal = daemon->journal,
        .relay = daemon->relay,
        .metrics = daemon->metrics,
    };

    daemon->peer = gn_peer_new(&peer, &peer_parts);
    daemon->v2 = gn_v2_new(&v2, &v2_parts);
    daemon->native = gn_native_new(&native, &native_parts);
    return daemon->peer == NULL || daemon->v2 == NULL || daemon->native == NULL
               ? gn_daemon_failed("api", GN_ENOMEM)
               : GN_OK;
}

void gn_daemon_stop_peers(struct daemon *daemon)
{
    if (daemon->v2 != NULL)
        gn_v2_stop(daemon->v2);
    if (daemon->native != NULL)
        gn_native_stop(daemon->native);
    if (daemon->peer != NULL)
        gn_peer_stop(daemon->peer);
    if (daemon->registrar != NULL)
        gn_registrar_stop(daemon->registrar);
    if (daemon->acks != NULL)
        gn_acks_stop(daemon->acks);
}

void gn_daemon_free_peers(struct daemon *daemon)
{
    gn_v2_free(daemon->v2);
    gn_native_free(daemon->native);
    gn_peer_free(daemon->peer);
    if (daemon->registrar != NULL)
        gn_metrics_off_collect(daemon->metrics, count_receivers, daemon);
    gn_registrar_free(daemon->registrar);
    gn_acks_free(daemon->acks);
    gn_transport_host_free(&daemon->transport_host);
    free(daemon->link_base);
}
