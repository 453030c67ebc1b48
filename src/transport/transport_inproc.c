/* The in-process transport: each send becomes a deferred call of the receiving function. */
#include "gurnard/transport/transport_inproc.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/str.h"

struct inproc {
    struct gn_transport base;
    struct gn_loop *loop;
    gn_inproc_fn fn;
    void *ctx;
    uint32_t active; /* sends under way */
};

struct gn_sending {
    struct inproc *inproc;
    const struct gn_message_out *message;
    gn_sent_fn done;
    void *ctx;
    struct gn_defer defer;
};

static struct inproc *inproc_of(struct gn_transport *transport)
{
    return GN_CONTAINER_OF(transport, struct inproc, base);
}

static bool inproc_takes(const struct gn_transport *transport, const char *address)
{
    (void)transport;
    return gn_str_has_prefix(gn_str_of(address), GN_STR("inproc://"));
}

static void finish(struct gn_sending *sending, const struct gn_sent *sent)
{
    gn_sent_fn done = sending->done;
    void *ctx = sending->ctx;

    sending->inproc->active--;
    free(sending);
    done(ctx, sent);
}

static void call_receiver(void *ctx)
{
    struct gn_sending *sending = ctx;
    struct inproc *inproc = sending->inproc;
    struct gn_sent sent = {.err = GN_OK, .status = 200, .reason = ""};

    if (inproc->fn(inproc->ctx, sending->message, &sent))
        finish(sending, &sent);
}

static void report_canceled(void *ctx)
{
    const struct gn_sent sent = {.err = GN_ECANCELED, .reason = "canceled"};

    finish(ctx, &sent);
}

static enum gn_err inproc_send(struct gn_transport *transport, const struct gn_message_out *message,
                               gn_sent_fn done, void *ctx, struct gn_sending **sending)
{
    struct inproc *inproc = inproc_of(transport);
    struct gn_sending *made = calloc(1, sizeof(*made));

    if (made == NULL)
        return GN_ENOMEM;
    made->inproc = inproc;
    made->message = message;
    made->done = done;
    made->ctx = ctx;
    inproc->active++;
    gn_defer_call(inproc->loop, &made->defer, call_receiver, made);
    *sending = made;
    return GN_OK;
}

static void inproc_cancel(struct gn_transport *transport, struct gn_sending *sending)
{
    gn_defer_cancel(&sending->defer);
    gn_defer_call(inproc_of(transport)->loop, &sending->defer, report_canceled, sending);
}

static void inproc_free(struct gn_transport *transport)
{
    struct inproc *inproc = inproc_of(transport);

    GN_ASSERT(inproc->active == 0);
    free(inproc);
}

struct gn_transport *gn_transport_inproc_new(struct gn_loop *loop, gn_inproc_fn fn, void *ctx)
{
    static const struct gn_transport_ops ops = {
        .name = "inproc",
        .takes = inproc_takes,
        .send = inproc_send,
        .cancel = inproc_cancel,
        .free = inproc_free,
    };
    struct inproc *inproc = calloc(1, sizeof(*inproc));

    if (inproc == NULL)
        return NULL;
    inproc->base.ops = &ops;
    inproc->loop = loop;
    inproc->fn = fn;
    inproc->ctx = ctx;
    return &inproc->base;
}
