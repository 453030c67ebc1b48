/* The v1 API: events in, and log. A CloudNativeEvent names its publisher by id, a CloudEvent by its
 * source. */
#include "gurnard/api/reply.h"
#include "gurnard/base/log.h"
#include "gurnard/ce/cne.h"
#include "gurnard/relay/address.h"
#include "ce_request_priv.h"
#include "v1_priv.h"

/* Answers a CloudNativeEvent that could not be read. */
static void answer_bad_event(struct gn_http_request *request, enum gn_err err, const char *error)
{
    if (err == GN_ENOMEM)
        gn_reply_later(request);
    else if (err == GN_ELIMIT)
        gn_reply_error(request, 400, GN_STR("the event is nested too deeply or too large"));
    else
        gn_reply_error(request, 400, gn_str_of(error));
}

/* The same of a CloudEvent. */
static void answer_bad_cloudevent(struct gn_http_request *request, enum gn_err err,
                                  const char *error)
{
    if (err == GN_EUNSUPPORTED)
        gn_reply_error(request, 415, GN_STR("not one CloudEvent 0.3 or 1.0 in JSON"));
    else
        answer_bad_event(request, err, error[0] == '\0' ? "data is not JSON" : error);
}

void gn_v1_events_init(struct gn_v1 *v1)
{
    gn_published_init(&v1->published, v1->parts.journal, v1->parts.loop, v1->parts.cne,
                      gn_reply_later);
}

/* ---- create ---- */

static void create_cne(struct gn_v1 *v1, struct gn_http_request *request)
{
    const struct gn_pubsub_item *publisher;
    struct gn_cne_request event;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err;

    err = gn_cne_parse(gn_http_body(request), &gn_v1_limits, &event, error);
    if (err != GN_OK) {
        gn_published_count_failure(&v1->published, NULL);
        answer_bad_event(request, err, error);
        return;
    }
    publisher = gn_pubsub_find(v1->parts.pubsub, GN_PUBLISHER, event.id);
    if (publisher == NULL) {
        gn_published_answer_stranger(&v1->published, request, event.id);
        gn_cne_request_fini(&event);
        return;
    }
    err = gn_relay_cne(v1->parts.relay, publisher, &event);
    gn_published_answer_cne(&v1->published, request, publisher, err);
    gn_cne_request_fini(&event);
}

/* The look for a publisher by its resource. */
struct by_resource {
    struct gn_str wanted;    /* canonical */
    struct gn_buf canonical; /* of the record looked at */
    const struct gn_pubsub_item *found;
};

static bool is_other(void *ctx, struct gn_pubsub_item *item)
{
    struct by_resource *by = ctx;

    gn_buf_reset(&by->canonical);
    gn_address_canonical(gn_str_of(item->resource), &by->canonical);
    if (gn_buf_err(&by->canonical) == GN_OK && gn_str_eq(gn_buf_str(&by->canonical), by->wanted))
        by->found = item;
    return by->found == NULL;
}

static const struct gn_pubsub_item *find_publisher(struct gn_v1 *v1, struct gn_str source)
{
    struct gn_buf wanted = GN_BUF_INIT;
    struct by_resource by = {.canonical = GN_BUF_INIT};

    gn_address_canonical(source, &wanted);
    by.wanted = gn_buf_str(&wanted);
    if (gn_buf_err(&wanted) == GN_OK)
        gn_pubsub_each(v1->parts.pubsub, GN_PUBLISHER, is_other, &by);
    gn_buf_free(&wanted);
    gn_buf_free(&by.canonical);
    return by.found;
}

static void create_cloudevent(struct gn_v1 *v1, struct gn_http_request *request,
                              struct gn_ce_request *ce)
{
    struct gn_relay_ce_source source = gn_ce_request_source(request);
    const struct gn_pubsub_item *publisher;
    enum gn_err err = gn_ce_request_decode(ce);

    if (err != GN_OK) {
        gn_published_count_failure(&v1->published, NULL);
        answer_bad_cloudevent(request, err, ce->error);
        return;
    }
    publisher = find_publisher(v1, ce->events.events[0].source);
    if (publisher == NULL) {
        gn_published_answer_stranger(&v1->published, request, ce->events.events[0].source);
        return;
    }
    source.publisher = gn_str_of(publisher->id);
    err = gn_relay_cloudevent(v1->parts.relay, &source, &ce->events.events[0]);
    gn_published_answer(&v1->published, request, publisher, err);
}

void gn_v1_create_event(struct gn_v1 *v1, struct gn_http_request *request)
{
    struct gn_ce_request ce;

    gn_ce_request_init(&ce, request);
    if (gn_ce_is_http(&ce.http))
        create_cloudevent(v1, request, &ce);
    else
        create_cne(v1, request);
    gn_ce_request_fini(&ce);
}

/* ---- log ---- */

static void log_event(struct gn_http_request *request, struct gn_str id, struct gn_str type,
                      struct gn_str source)
{
    gn_log_info("event.logged id=%.*s type=%.*s source=%.*s", (int)id.len, id.p, (int)type.len,
                type.p, (int)source.len, source.p);
    gn_reply_json(request, 202, GN_STR("{\"status\":\"Event published to log\"}"));
}

static void log_cne(struct gn_http_request *request)
{
    struct gn_cne_request event;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err;

    err = gn_cne_parse(gn_http_body(request), &gn_v1_limits, &event, error);
    if (err != GN_OK) {
        answer_bad_event(request, err, error);
        return;
    }
    log_event(request, event.id, event.type, event.source);
    gn_cne_request_fini(&event);
}

void gn_v1_log_event(struct gn_http_request *request)
{
    struct gn_ce_request ce;
    enum gn_err err;

    gn_ce_request_init(&ce, request);
    if (!gn_ce_is_http(&ce.http)) {
        log_cne(request);
    } else {
        err = gn_ce_request_decode(&ce);
        if (err == GN_OK)
            log_event(request, ce.events.events[0].id, ce.events.events[0].type,
                      ce.events.events[0].source);
        else
            answer_bad_cloudevent(request, err, ce.error);
    }
    gn_ce_request_fini(&ce);
}
