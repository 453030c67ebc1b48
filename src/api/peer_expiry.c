/* The transport listener: clients that have gone without a word, and the gauge of those there are.
 */
#include "peer_priv.h"

#define LOOK_MS     60000U /* between two looks, or an eighth of the time allowed if that is less */
#define REMOVED_MAX 64U    /* clients removed by one look; the others by the next */

/* One look over all proxies. */
struct look {
    struct gn_peer *peer;
    const struct gn_client *client; /* that the subscription looked at last belongs to */
    bool has_sink, has_working;     /* of client */
    struct gn_buf sink_id;
    struct gn_id gone[REMOVED_MAX];
    size_t gone_count;
};

/* All subscriptions of look->client have been seen. */
static void judge(struct look *look)
{
    if (look->client == NULL || !look->has_sink || look->has_working ||
        look->gone_count == GN_LEN(look->gone))
        return;
    if (gn_peer_read_id(gn_str_of(look->client->id), &look->gone[look->gone_count]))
        look->gone_count++;
}

static bool look_at(void *ctx, struct gn_client_sub *sub)
{
    struct look *look = ctx;
    struct gn_peer *peer = look->peer;
    struct gn_sink_status status;
    const struct gn_sink *sink;

    if (sub->client != look->client) {
        judge(look);
        look->client = sub->client;
        look->has_sink = false;
        look->has_working = false;
    }
    gn_buf_reset(&look->sink_id);
    gn_buf_printf(&look->sink_id, "%s:%s", sub->client->id, sub->id);
    sink = gn_buf_err(&look->sink_id) != GN_OK
               ? NULL
               : gn_outbox_find_sink(peer->parts.outbox, gn_buf_str(&look->sink_id));
    if (sink == NULL)
        return true;
    gn_sink_status(sink, &status);
    look->has_sink = true;
    if (status.failing_ms <= peer->client_expire_ms)
        look->has_working = true;
    return true;
}

static void on_stored(void *ctx, enum gn_err err)
{
    (void)ctx;
    if (err != GN_OK) /* the next change writes it again */
        gn_log_error("store.write_failed kind=clients reason=\"%s\"", gn_err_text(err));
}

static void remove_gone(struct gn_peer *peer)
{
    struct gn_clients *clients = peer->parts.clients;
    struct look look = {.peer = peer, .sink_id = GN_BUF_INIT};
    struct gn_client *client;

    gn_clients_each(clients, GN_CLIENT_PROXY, look_at, &look);
    judge(&look);
    gn_buf_free(&look.sink_id);
    for (size_t i = 0; i < look.gone_count; i++) {
        client = gn_clients_find(clients, gn_str_of(look.gone[i].text));
        if (client != NULL)
            gn_peer_remove(peer, client, "unreachable");
    }
    if (look.gone_count > 0 && gn_clients_commit(clients, on_stored, peer) != GN_OK)
        gn_log_error("store.write_failed kind=clients reason=\"no memory\"");
}

static void start_timer(struct gn_peer *peer)
{
    uint64_t eighth_ms = peer->client_expire_ms / 8 + 1;

    gn_timer_start(&peer->expiry, eighth_ms < LOOK_MS ? eighth_ms : LOOK_MS);
}

static void on_timer(void *ctx)
{
    struct gn_peer *peer = ctx;

    remove_gone(peer);
    start_timer(peer);
}

/* ---- the gauge ---- */

static void set_sender(struct gn_peer *peer, struct gn_str client_id, double value)
{
    gn_cne_set(peer->parts.cne, GN_CNE_TRANSPORT_SENDER, client_id, GN_CNE_ACTIVE, value);
}

static bool show(void *ctx, struct gn_client_sub *sub)
{
    if (sub == TAILQ_FIRST(&sub->client->subs))
        set_sender(ctx, gn_str_of(sub->client->id), 1);
    return true;
}

static void collect(void *ctx)
{
    struct gn_peer *peer = ctx;

    gn_clients_each(peer->parts.clients, GN_CLIENT_PROXY, show, peer);
}

void gn_peer_remove(struct gn_peer *peer, struct gn_client *client, const char *reason)
{
    gn_log_info("peer.removed client=%s endpoint=%s reason=%s", client->id, client->end_point,
                reason);
    set_sender(peer, gn_str_of(client->id), 0);
    gn_clients_remove(peer->parts.clients, client);
}

void gn_peer_expiry_start(struct gn_peer *peer)
{
    gn_timer_init(&peer->expiry, peer->parts.loop, on_timer, peer);
    if (peer->client_expire_ms > 0)
        start_timer(peer);
    if (peer->parts.cne != NULL)
        gn_metrics_on_collect(peer->parts.metrics, collect, peer);
}

void gn_peer_expiry_stop(struct gn_peer *peer)
{
    gn_timer_fini(&peer->expiry);
    if (peer->parts.cne != NULL)
        gn_metrics_off_collect(peer->parts.metrics, collect, peer);
}
