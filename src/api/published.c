/* POST /create/event: counting, logging, answering. */
#include "published_priv.h"

#include "gurnard/api/reply.h"
#include "gurnard/ce/cloudevent.h"

static void answer_event(void *ctx, struct gn_http_request *request, bool is_durable)
{
    struct gn_published *published = ctx;

    if (is_durable)
        gn_reply_json(request, 202, GN_STR("{\"status\":\"Event sent\"}"));
    else
        published->later(request);
}

void gn_published_init(struct gn_published *published, struct gn_journal *journal,
                       struct gn_loop *loop, struct gn_cne_figures *cne,
                       void (*later)(struct gn_http_request *request))
{
    *published = (struct gn_published){.loop = loop, .cne = cne, .later = later};
    gn_durable_init(&published->durable, journal, answer_event, published);
}

static void count(struct gn_published *published, const struct gn_pubsub_item *publisher,
                  enum gn_cne_status status)
{
    gn_cne_add(published->cne, GN_CNE_API_EVENTS_PUBLISHED,
               publisher == NULL ? GN_STR("other") : gn_str_of(publisher->resource), status, 1);
}

void gn_published_count_failure(struct gn_published *published,
                                const struct gn_pubsub_item *publisher)
{
    count(published, publisher, GN_CNE_FAIL);
}

void gn_published_answer_stranger(struct gn_published *published, struct gn_http_request *request,
                                  struct gn_str name)
{
    struct gn_buf text = gn_buf_with_limit(GN_CE_VALUE_MAX + 256);

    gn_published_count_failure(published, NULL);
    gn_buf_puts(&text, "no publisher data for id ");
    gn_buf_add_str(&text, name);
    gn_buf_puts(&text, " found to publish event for");
    gn_reply_error(request, 400,
                   gn_buf_err(&text) == GN_OK ? gn_buf_str(&text)
                                              : GN_STR("no publisher data found"));
    gn_buf_free(&text);
}

/* Scripts look for the words "event sent". */
static void log_sent(struct gn_published *published, const struct gn_pubsub_item *publisher)
{
    uint64_t held;

    if (gn_log_allow(&published->log, gn_loop_now_ms(published->loop), &held))
        gn_log_info("event.created text=\"event sent\" publisher=%s resource=%s held=%ju",
                    publisher->id, publisher->resource, (uintmax_t)held);
}

void gn_published_answer(struct gn_published *published, struct gn_http_request *request,
                         const struct gn_pubsub_item *publisher, enum gn_err err)
{
    bool is_taken = err == GN_OK || err == GN_EEXIST;

    count(published, publisher, is_taken ? GN_CNE_SUCCESS : GN_CNE_FAIL);
    if (is_taken) {
        log_sent(published, publisher);
        gn_durable_answer(&published->durable, request);
    } else if (err == GN_EINVAL) {
        gn_reply_error(request, 400, GN_STR("the event's data cannot be sent"));
    } else if (err == GN_ELIMIT) {
        gn_reply_error(request, 400, GN_STR("the event is too large to be stored"));
    } else {
        published->later(request);
    }
}

void gn_published_answer_cne(struct gn_published *published, struct gn_http_request *request,
                             const struct gn_pubsub_item *publisher, enum gn_err err)
{
    if (err != GN_EINVAL) {
        gn_published_answer(published, request, publisher, err);
        return;
    }
    gn_published_count_failure(published, publisher);
    answer_event(published, request, true);
}
