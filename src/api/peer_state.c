/* The transport listener: a registered peer asks for the last event of a resource. */
#include "gurnard/api/reply.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cne.h"
#include "gurnard/relay/address.h"
#include "peer_priv.h"

/* A look for an address among records, by its canonical form. */
struct search {
    struct gn_str canonical;
    struct gn_buf buf; /* canonical form of the record looked at */
    bool is_found;
};

static bool is_same(struct search *search, const char *resource)
{
    gn_buf_reset(&search->buf);
    gn_address_canonical(gn_str_of(resource), &search->buf);
    return gn_buf_err(&search->buf) == GN_OK &&
           gn_str_eq(gn_buf_str(&search->buf), search->canonical);
}

static bool is_publisher_of(void *ctx, struct gn_pubsub_item *item)
{
    struct search *search = ctx;

    search->is_found = is_same(search, item->resource);
    return !search->is_found;
}

static bool is_subscribed(struct search *search, const struct gn_client *client)
{
    const struct gn_client_sub *sub;

    TAILQ_FOREACH (sub, &client->subs, link)
        if (is_same(search, sub->resource))
            return true;
    return false;
}

/* 400 with {"message":"..."}. */
static void refuse(struct gn_http_request *request, const struct gn_buf *text)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_puts(&body, "{\"message\":");
    gn_text_add_json(&body, gn_buf_str(text));
    gn_buf_puts(&body, "}\n");
    if (gn_buf_err(text) == GN_OK && gn_buf_err(&body) == GN_OK)
        gn_peer_reply_text(request, 400, gn_buf_str(&body));
    else
        gn_reply_later(request);
    gn_buf_free(&body);
}

static void show(struct gn_http_request *request, const struct gn_event *event)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_cne_structured(event, &body);
    gn_buf_putc(&body, '\n');
    if (gn_buf_err(&body) == GN_OK)
        gn_reply_json(request, 200, gn_buf_str(&body));
    else
        gn_reply_later(request);
    gn_buf_free(&body);
}

/* What stands against an answer, in text; else nothing and the event. */
static const struct gn_event *look_up(struct gn_peer *peer, struct gn_str resource,
                                      struct gn_str client_id, const struct gn_client *client,
                                      struct gn_buf *text)
{
    struct gn_buf canonical = GN_BUF_INIT;
    struct search search = {.buf = GN_BUF_INIT};
    const struct gn_event *event = NULL;

    gn_address_canonical(resource, &canonical);
    search.canonical = gn_buf_str(&canonical);
    if (client == NULL || client->kind != GN_CLIENT_PROXY) {
        gn_buf_printf(text, "client is not registered with the event publisher %s ",
                      peer->service_name);
    } else if (!is_subscribed(&search, client)) {
        gn_buf_puts(text, "subscription for (");
        gn_buf_add_str(text, resource);
        gn_buf_puts(text, ") not found for the requesting client ");
        gn_buf_add_str(text, client_id);
    } else {
        event = gn_relay_last_event(peer->parts.relay, resource);
        if (event == NULL)
            gn_pubsub_each(peer->parts.pubsub, GN_PUBLISHER, is_publisher_of, &search);
        if (event == NULL)
            gn_buf_puts(text, search.is_found ? "event not found" : "resource not found");
    }
    if (gn_buf_err(&canonical) != GN_OK)
        text->err = gn_buf_err(&canonical);
    gn_buf_free(&canonical);
    gn_buf_free(&search.buf);
    return event;
}

static void count(struct gn_peer *peer, const struct gn_client *client, struct gn_str resource,
                  bool is_found)
{
    /* Strangers must not use up the names. */
    gn_cne_add(peer->parts.cne, GN_CNE_STATUS_CHECK_RECEIVED,
               client == NULL ? GN_STR("other") : resource,
               is_found ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
}

void gn_peer_current_state(struct gn_peer *peer, struct gn_http_request *request,
                           struct gn_str what)
{
    const char *slash = memrchr(what.p, '/', what.len);
    struct gn_str encoded = {what.p, (size_t)(slash - what.p)};
    struct gn_str client_id = {slash + 1, what.len - encoded.len - 1};
    struct gn_buf resource = GN_BUF_INIT;
    struct gn_buf text = GN_BUF_INIT;
    const struct gn_client *client = NULL;
    const struct gn_event *event;
    struct gn_id id;
    enum gn_err err = gn_text_percent_decode(encoded, &resource);

    if (gn_peer_read_id(client_id, &id))
        client = gn_clients_find(peer->parts.clients, gn_str_of(id.text));
    if (err == GN_EPARSE) {
        gn_reply_not_found(request);
    } else if (err != GN_OK) {
        gn_reply_later(request);
    } else {
        event = look_up(peer, gn_buf_str(&resource), client_id, client, &text);
        count(peer, client, gn_buf_str(&resource), event != NULL);
        if (event != NULL)
            show(request, event);
        else
            refuse(request, &text);
    }
    gn_buf_free(&resource);
    gn_buf_free(&text);
}
