/* The native API: CloudEvents in. A request is answered when the journal has all its events. */
#include <stdio.h>

#include "gurnard/api/reply.h"
#include "gurnard/ce/cloudevent.h"
#include "ce_request_priv.h"
#include "native_priv.h"

/* ---- answers ---- */

static void answer_taken(void *ctx, struct gn_http_request *request, bool is_durable)
{
    (void)ctx;
    if (is_durable)
        gn_reply_empty(request, 204);
    else
        gn_reply_later(request);
}

void gn_native_events_init(struct gn_native_api *native)
{
    gn_durable_init(&native->events, native->parts.journal, answer_taken, native);
}

static void answer_bad(struct gn_http_request *request, enum gn_err err, const char *error)
{
    struct gn_str text = gn_str_of(error);

    if (err == GN_EUNSUPPORTED)
        gn_reply_error(request, 415,
                       text.len > 0 ? text : GN_STR("no CloudEvent that is known here"));
    else if (err == GN_EINVAL)
        gn_reply_error(request, 400, text);
    else if (err == GN_EPARSE)
        gn_reply_error(request, 400, text.len > 0 ? text : GN_STR("not JSON"));
    else if (err == GN_ELIMIT)
        gn_reply_error(request, 413, text.len > 0 ? text : GN_STR("too large, or too many parts"));
    else
        gn_reply_later(request);
}

/* ---- intake ---- */

/* Says which event of a batch cannot be taken, and why. */
static void describe(const struct gn_ce_events *events, size_t place, enum gn_err err,
                     char error[GN_CE_ERROR_MAX])
{
    const char *why = err == GN_ELIMIT ? "too large to be ever stored"
                                       : "its source is too long, or its data cannot be passed on";

    if (events->mode == GN_CE_BATCH)
        (void)snprintf(error, GN_CE_ERROR_MAX, "event %zu: %s", place, why);
    else
        (void)snprintf(error, GN_CE_ERROR_MAX, "%s", why);
}

/* Gives all to the relay. One that can never be taken does not keep out those behind it, for
 * whoever is told so will hardly send them again; when there is no room, the sender begins anew,
 * and what was taken is recognised then. */
static enum gn_err push(struct gn_native_api *native, const struct gn_http_request *request,
                        const struct gn_ce_events *events, char error[GN_CE_ERROR_MAX])
{
    const struct gn_relay_ce_source source = gn_ce_request_source(request);
    enum gn_err first = GN_OK;

    for (size_t i = 0; i < events->count; i++) {
        enum gn_err err = gn_relay_cloudevent(native->parts.relay, &source, &events->events[i]);

        if (err == GN_OK || err == GN_EEXIST)
            continue;
        if (err != GN_EINVAL && err != GN_ELIMIT)
            return err;
        if (first == GN_OK) {
            describe(events, i, err, error);
            first = err;
        }
    }
    return first;
}

void gn_native_take_events(struct gn_native_api *native, struct gn_http_request *request)
{
    struct gn_ce_request ce;
    enum gn_err err;

    gn_ce_request_init(&ce, request);
    err = gn_ce_is_http(&ce.http) ? gn_ce_request_decode_any(&ce) : GN_EUNSUPPORTED;
    if (err == GN_OK)
        err = push(native, request, &ce.events, ce.error);
    if (err != GN_OK)
        answer_bad(request, err, ce.error);
    else if (ce.events.count == 0)
        gn_reply_empty(request, 204);
    else
        gn_durable_answer(&native->events, request);
    gn_ce_request_fini(&ce);
}
