/* The HTTP transport: one POST for each message; says what an answer means for the outbox. */
#include "gurnard/transport/transport_http.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/url.h"

_Static_assert(GN_MESSAGE_PARTS <= GN_HTTP_BODY_PARTS, "a message must fit a request");

struct http {
    struct gn_transport base;
    struct gn_http_client *client;
    uint32_t active; /* sends under way */
};

struct gn_sending {
    struct http *http;
    gn_sent_fn done;
    void *ctx;
    struct gn_http_call *call;
};

static struct http *http_of(struct gn_transport *transport)
{
    return GN_CONTAINER_OF(transport, struct http, base);
}

static bool http_takes(const struct gn_transport *transport, const char *address)
{
    struct gn_url url;

    (void)transport;
    return gn_url_parse(gn_str_of(address), &url) == GN_OK && gn_url_is_web(&url);
}

/* 404 and 409 are tried again: a consumer's pod that just starts, or an ingress without its
 * backend, answers so. 508 is what a gurnardd's webhook says to a delivery, and will go on saying.
 */
static enum gn_err meaning_of_status(int status)
{
    if (status >= 200 && status < 300)
        return GN_OK;
    if (status >= 500 && status != 508)
        return GN_EBUSY;
    switch (status) {
    case 404:
    case 408:
    case 409:
    case 425:
    case 429:
        return GN_EBUSY;
    case 410:
        return GN_ENOTFOUND;
    default:
        return GN_EREFUSED;
    }
}

static void on_result(void *ctx, const struct gn_http_result *result)
{
    struct gn_sending *sending = ctx;
    gn_sent_fn done = sending->done;
    void *done_ctx = sending->ctx;
    struct gn_sent sent = {.err = result->err,
                           .status = result->status,
                           .retry_after_ms = result->retry_after_ms,
                           .reason = result->reason == NULL ? "" : result->reason};

    if (result->err == GN_OK)
        sent.err = meaning_of_status(result->status);
    else if (result->err == GN_EPARSE)
        sent.err = GN_EIO; /* something else listens there; the receiver may come back */
    if (result->err == GN_OK && sent.err != GN_OK && result->body.len > 0)
        sent.answer = result->body;
    sending->http->active--;
    free(sending);
    done(done_ctx, &sent);
}

static enum gn_err http_send(struct gn_transport *transport, const struct gn_message_out *message,
                             gn_sent_fn done, void *ctx, struct gn_sending **sending)
{
    struct http *http = http_of(transport);
    struct gn_sending *made = calloc(1, sizeof(*made));
    struct gn_http_out out = {.method = "POST",
                              .url = message->address,
                              .headers = message->headers,
                              .timeout_ms = message->timeout_ms,
                              .max_answer_bytes = GN_SENT_ANSWER_MAX};
    enum gn_err err;

    if (made == NULL)
        return GN_ENOMEM;
    for (size_t i = 0; i < GN_MESSAGE_PARTS; i++)
        out.body[i] = message->body[i];
    made->http = http;
    made->done = done;
    made->ctx = ctx;
    err = gn_http_send(http->client, &out, on_result, made, &made->call);
    if (err != GN_OK) {
        free(made);
        return err;
    }
    http->active++;
    *sending = made;
    return GN_OK;
}

static void http_cancel(struct gn_transport *transport, struct gn_sending *sending)
{
    (void)transport;
    gn_http_cancel(sending->call);
}

static void http_free(struct gn_transport *transport)
{
    struct http *http = http_of(transport);

    GN_ASSERT(http->active == 0);
    free(http);
}

struct gn_transport *gn_transport_http_new(struct gn_http_client *client)
{
    static const struct gn_transport_ops ops = {
        .name = "http",
        .takes = http_takes,
        .send = http_send,
        .cancel = http_cancel,
        .free = http_free,
    };
    struct http *http = calloc(1, sizeof(*http));

    if (http == NULL)
        return NULL;
    http->base.ops = &ops;
    http->client = client;
    return &http->base;
}
