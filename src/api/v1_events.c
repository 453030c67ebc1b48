/* The v1 API: events in, log, and the last state. */
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cne.h"
#include "gurnard/relay/address.h"
#include "v1_priv.h"

/* Answers a body that could not be read. */
static void answer_bad_event(struct gn_http_request *request, enum gn_err err, const char *error)
{
    if (err == GN_ENOMEM)
        gn_reply_later(request);
    else if (err == GN_ELIMIT)
        gn_reply_error(request, 400, GN_STR("the event is nested too deeply or too large"));
    else
        gn_reply_error(request, 400, gn_str_of(error));
}

static void answer_no_publisher(struct gn_http_request *request, struct gn_str id)
{
    struct gn_buf text = gn_buf_with_limit(4096);

    gn_buf_puts(&text, "no publisher data for id ");
    gn_buf_add_str(&text, id);
    gn_buf_puts(&text, " found to publish event for");
    gn_reply_error(request, 400,
                   gn_buf_err(&text) == GN_OK ? gn_buf_str(&text)
                                              : GN_STR("no publisher data found"));
    gn_buf_free(&text);
}

static void answer_event(void *ctx, struct gn_http_request *request, bool is_durable)
{
    (void)ctx;
    if (is_durable)
        gn_reply_json(request, 202, GN_STR("{\"status\":\"Event sent\"}"));
    else
        gn_reply_later(request);
}

void gn_v1_events_init(struct gn_v1 *v1)
{
    gn_durable_init(&v1->events, v1->parts.journal, answer_event, v1);
}

void gn_v1_create_event(struct gn_v1 *v1, struct gn_http_request *request)
{
    const struct gn_pubsub_item *publisher;
    struct gn_cne_request event;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err;

    err = gn_cne_parse(gn_http_body(request), &gn_v1_limits, &event, error);
    if (err != GN_OK) {
        answer_bad_event(request, err, error);
        return;
    }
    publisher = gn_pubsub_find(v1->parts.pubsub, GN_PUBLISHER, event.id);
    if (publisher == NULL) {
        answer_no_publisher(request, event.id);
    } else {
        err = gn_relay_cne(v1->parts.relay, publisher, &event);
        if (err == GN_OK)
            gn_durable_answer(&v1->events, request);
        else if (err == GN_EINVAL) /* as the original: accepted, then not sendable */
            answer_event(v1, request, true);
        else if (err == GN_ELIMIT)
            gn_reply_error(request, 400, GN_STR("the event is too large to be stored"));
        else
            gn_reply_later(request);
    }
    gn_cne_request_fini(&event);
}

void gn_v1_log_event(struct gn_http_request *request)
{
    struct gn_cne_request event;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err;

    err = gn_cne_parse(gn_http_body(request), &gn_v1_limits, &event, error);
    if (err != GN_OK) {
        answer_bad_event(request, err, error);
        return;
    }
    gn_log_info("event.logged id=%.*s type=%.*s source=%.*s", (int)event.id.len, event.id.p,
                (int)event.type.len, event.type.p, (int)event.source.len, event.source.p);
    gn_reply_json(request, 202, GN_STR("{\"status\":\"Event published to log\"}"));
    gn_cne_request_fini(&event);
}

/* What a look-up by part of an address has found so far. */
struct lookup {
    struct gn_v1 *v1;
    struct gn_str part;     /* without leading slash */
    struct gn_str whole;    /* canonical form of /part */
    struct gn_buf resource; /* canonical form of the record looked at */
    bool has_match;
    struct gn_event *last; /* of the best match */
};

/* The original takes any record whose resource contains the part, in random order; we prefer the
 * whole address in either of its spellings, else the oldest record that has an event. */
static bool look_at(void *ctx, struct gn_pubsub_item *item)
{
    struct lookup *lookup = ctx;
    struct gn_str resource = gn_str_of(item->resource);
    struct gn_event *event;
    bool is_whole;

    gn_buf_reset(&lookup->resource);
    gn_address_canonical(resource, &lookup->resource);
    is_whole = gn_str_eq(gn_buf_str(&lookup->resource), lookup->whole);
    if (gn_buf_err(&lookup->resource) != GN_OK || resource.len == 0 ||
        (!is_whole && memmem(resource.p, resource.len, lookup->part.p, lookup->part.len) == NULL))
        return true;
    lookup->has_match = true;
    event = gn_state_get(lookup->v1->parts.state, gn_buf_str(&lookup->resource));
    if (is_whole || lookup->last == NULL)
        lookup->last = event;
    return !is_whole;
}

static void answer_state(struct gn_http_request *request, const struct lookup *lookup)
{
    struct gn_buf body = GN_BUF_INIT;

    if (lookup->last != NULL) {
        gn_cne_structured(lookup->last, &body);
        if (gn_buf_err(&body) == GN_OK)
            gn_reply_json(request, 200, gn_buf_str(&body));
        else
            gn_reply_later(request);
    } else if (lookup->has_match) {
        gn_reply_error(request, 400, GN_STR("event not found"));
    } else {
        gn_reply_error(request, 400, GN_STR("subscription not found"));
    }
    gn_buf_free(&body);
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
        answer_state(request, &lookup);
    }
    gn_buf_free(&address);
    gn_buf_free(&whole);
    gn_buf_free(&lookup.resource);
}
