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

static void answer_no_publisher(struct gn_http_request *request, struct gn_str id)
{
    struct gn_buf text = gn_buf_with_limit(GN_CE_VALUE_MAX + 256);

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

/* ---- create ---- */

/* publisher NULL: none was found; names from outside must not use up the series. */
static void count_published(struct gn_v1 *v1, const struct gn_pubsub_item *publisher, bool is_taken)
{
    gn_cne_add(v1->parts.cne, GN_CNE_API_EVENTS_PUBLISHED,
               publisher == NULL ? GN_STR("other") : gn_str_of(publisher->resource),
               is_taken ? GN_CNE_SUCCESS : GN_CNE_FAIL, 1);
}

/* Scripts look for the words "event sent". */
static void log_sent(struct gn_v1 *v1, const struct gn_pubsub_item *publisher)
{
    uint64_t held;

    if (gn_log_allow(&v1->sent_log, gn_loop_now_ms(v1->parts.loop), &held))
        gn_log_info("event.created text=\"event sent\" publisher=%s resource=%s held=%ju",
                    publisher->id, publisher->resource, (uintmax_t)held);
}

/* Answers by what the relay made of it. */
static void answer_intake(struct gn_v1 *v1, struct gn_http_request *request,
                          const struct gn_pubsub_item *publisher, enum gn_err err)
{
    bool is_taken = err == GN_OK || err == GN_EEXIST;

    count_published(v1, publisher, is_taken);
    if (is_taken) {
        log_sent(v1, publisher);
        gn_durable_answer(&v1->events, request);
    } else if (err == GN_ELIMIT) {
        gn_reply_error(request, 400, GN_STR("the event is too large to be stored"));
    } else {
        gn_reply_later(request);
    }
}

static void create_cne(struct gn_v1 *v1, struct gn_http_request *request)
{
    const struct gn_pubsub_item *publisher;
    struct gn_cne_request event;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err;

    err = gn_cne_parse(gn_http_body(request), &gn_v1_limits, &event, error);
    if (err != GN_OK) {
        count_published(v1, NULL, false);
        answer_bad_event(request, err, error);
        return;
    }
    publisher = gn_pubsub_find(v1->parts.pubsub, GN_PUBLISHER, event.id);
    if (publisher == NULL) {
        count_published(v1, NULL, false);
        answer_no_publisher(request, event.id);
        gn_cne_request_fini(&event);
        return;
    }
    err = gn_relay_cne(v1->parts.relay, publisher, &event);
    if (err == GN_EINVAL) { /* as the original: accepted, then not sendable */
        count_published(v1, publisher, false);
        answer_event(v1, request, true);
    } else {
        answer_intake(v1, request, publisher, err);
    }
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
    struct gn_relay_ce_source source = {
        .peer = gn_http_peer(request),
        .bmc = gn_http_header(request, "Gurnard-Bmc"),
        .via = gn_http_header(request, "Gurnard-Via"),
    };
    const struct gn_pubsub_item *publisher;
    enum gn_err err = gn_ce_request_decode(ce);

    if (err != GN_OK) {
        count_published(v1, NULL, false);
        answer_bad_cloudevent(request, err, ce->error);
        return;
    }
    publisher = find_publisher(v1, ce->events.events[0].source);
    if (publisher == NULL) {
        count_published(v1, NULL, false);
        answer_no_publisher(request, ce->events.events[0].source);
        return;
    }
    source.publisher = gn_str_of(publisher->id);
    err = gn_relay_cloudevent(v1->parts.relay, &source, &ce->events.events[0]);
    if (err == GN_EINVAL) {
        count_published(v1, publisher, false);
        gn_reply_error(request, 400, GN_STR("the event's data cannot be sent"));
    } else {
        answer_intake(v1, request, publisher, err);
    }
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
