/* The v2 API: events in, log, and the current state. */
#include "gurnard/api/reply.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cne.h"
#include "gurnard/ce/oran.h"
#include "gurnard/relay/address.h"
#include "ce_request_priv.h"
#include "v2_priv.h"

/* ---- answers ---- */

void gn_v2_events_init(struct gn_v2 *v2)
{
    gn_published_init(&v2->published, v2->parts.journal, v2->parts.loop, v2->parts.cne,
                      gn_v2_reply_later);
}

/* A body that could not be read. */
static void answer_bad_event(struct gn_http_request *request, enum gn_err err, const char *error)
{
    if (err == GN_ENOMEM)
        gn_v2_reply_later(request);
    else if (err == GN_ELIMIT)
        gn_reply_error(request, 400, GN_STR("the event is nested too deeply or too large"));
    else if (error[0] == '\0')
        gn_reply_error(request, 400, GN_STR("the event cannot be read"));
    else
        gn_reply_error(request, 400, gn_str_of(error));
}

/* ---- CloudEvents ---- */

/* The look for the publisher of a source. */
struct publisher_search {
    struct gn_buf whole;    /* the source as an address */
    struct gn_buf relative; /* the same as a part of this node: the source of v2's events is one */
    struct gn_buf address;  /* canonical, of the publisher looked at */
    struct gn_pubsub_item *found;
};

static bool look_at_publisher(void *ctx, struct gn_pubsub_item *item)
{
    struct publisher_search *search = ctx;
    struct gn_str address;

    gn_buf_reset(&search->address);
    gn_address_canonical(gn_str_of(item->resource), &search->address);
    address = gn_buf_str(&search->address);
    if (gn_buf_err(&search->address) != GN_OK)
        return true;
    if (gn_str_eq(address, gn_buf_str(&search->whole))) {
        search->found = item;
        return false;
    }
    if (search->found == NULL && gn_str_eq(address, gn_buf_str(&search->relative)))
        search->found = item;
    return true;
}

static const struct gn_pubsub_item *find_publisher(struct gn_v2 *v2, struct gn_str source)
{
    struct publisher_search search = {GN_BUF_INIT, GN_BUF_INIT, GN_BUF_INIT, NULL};
    struct gn_str node = gn_str_of(gn_relay_node(v2->parts.relay));

    gn_address_resolve(source, node, &search.whole);
    gn_address_of_node(node, source, &search.relative);
    if (gn_buf_err(&search.whole) == GN_OK && gn_buf_err(&search.relative) == GN_OK)
        gn_pubsub_each(v2->parts.pubsub, GN_PUBLISHER, look_at_publisher, &search);
    gn_buf_free(&search.whole);
    gn_buf_free(&search.relative);
    gn_buf_free(&search.address);
    return search.found;
}

/* Published under the publisher's address, whichever way its source names that. */
static void take_cloudevent(struct gn_v2 *v2, struct gn_http_request *request,
                            struct gn_ce_request *ce)
{
    struct gn_relay_ce_source source = gn_ce_request_source(request);
    const struct gn_pubsub_item *publisher;
    struct gn_cloudevent event;
    enum gn_err err = gn_ce_request_decode(ce);

    if (err != GN_OK) {
        gn_published_count_failure(&v2->published, NULL);
        answer_bad_event(request, err, ce->error);
        return;
    }
    event = ce->events.events[0];
    publisher = find_publisher(v2, event.source);
    if (publisher == NULL) {
        gn_published_answer_stranger(&v2->published, request, event.source);
        return;
    }
    event.source = gn_str_of(publisher->resource);
    source.publisher = gn_str_of(publisher->id);
    err = gn_relay_cloudevent(v2->parts.relay, &source, &event);
    gn_published_answer(&v2->published, request, publisher, err);
}

/* ---- CloudNativeEvents ---- */

/* What the members of a body say about its form. */
struct outline {
    bool is_cloudevent; /* there is a specversion: v2's consumers know CloudEvents as plain JSON */
    struct gn_str data; /* the value, if it is an object */
};

/* Reads the names at the top; of a body that is not well-formed those before the error, which the
 * decoder will find too. */
static struct outline read_outline(struct gn_str body)
{
    struct outline outline = {false, GN_STR_NONE};
    struct gn_json_scan scan;
    struct gn_json_token name, value;
    struct gn_str raw;
    bool is_data;

    gn_json_scan_init(&scan, body, &gn_v2_limits);
    if (gn_json_next(&scan, &name) != GN_OK || name.type != GN_JSON_OBJECT)
        return outline;
    while (gn_json_next(&scan, &name) == GN_OK && name.type == GN_JSON_KEY) {
        if (gn_json_next(&scan, &value) != GN_OK || gn_json_skip(&scan, &value, &raw) != GN_OK)
            break;
        is_data = gn_json_text_eq(name.text, name.has_escape, GN_STR("data"), false);
        if (is_data)
            outline.data = value.type == GN_JSON_OBJECT ? raw : GN_STR_NONE;
        if (gn_json_text_eq(name.text, name.has_escape, GN_STR("specversion"), false))
            outline.is_cloudevent = true;
    }
    return outline;
}

/* Appends body with its data in v1's names. Data that are neither stay: the decoder says what is
 * wrong with them. GN_ENOMEM. */
static enum gn_err add_with_v1_data(struct gn_str body, struct gn_str data, struct gn_buf *out)
{
    size_t before = data.p == NULL ? body.len : (size_t)(data.p - body.p);
    enum gn_err err;

    gn_buf_add(out, body.p, before);
    if (data.p == NULL)
        return gn_buf_err(out);
    err = gn_oran_data_to_cne(data, out);
    if (err == GN_EPARSE) {
        gn_buf_truncate(out, before);
        gn_buf_add_str(out, data);
    } else if (err != GN_OK) {
        return err;
    }
    gn_buf_add(out, data.p + data.len, body.len - before - data.len);
    return gn_buf_err(out);
}

/* Reads a CloudNativeEvent with v1's or v2's data. text keeps what event points into. */
static enum gn_err parse_cne(struct gn_str body, struct gn_str data, struct gn_buf *text,
                             struct gn_cne_request *event, char error[GN_CNE_ERROR_MAX])
{
    enum gn_err err;

    error[0] = '\0';
    err = add_with_v1_data(body, data, text);
    return err == GN_OK ? gn_cne_parse(gn_buf_str(text), &gn_v2_limits, event, error) : err;
}

/* Takes an event for the publisher that it names. */
static void publish(struct gn_v2 *v2, struct gn_http_request *request,
                    const struct gn_cne_request *event)
{
    const struct gn_pubsub_item *publisher =
        gn_pubsub_find(v2->parts.pubsub, GN_PUBLISHER, event->id);
    enum gn_err err;

    if (publisher == NULL) {
        gn_published_answer_stranger(&v2->published, request, event->id);
        return;
    }
    err = gn_relay_cne(v2->parts.relay, publisher, event);
    gn_published_answer_cne(&v2->published, request, publisher, err);
}

static void take_cne(struct gn_v2 *v2, struct gn_http_request *request, struct gn_str data)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_cne_request event;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err = parse_cne(gn_http_body(request), data, &text, &event, error);

    if (err == GN_OK) {
        publish(v2, request, &event);
        gn_cne_request_fini(&event);
    } else {
        gn_published_count_failure(&v2->published, NULL);
        answer_bad_event(request, err, error);
    }
    gn_buf_free(&text);
}

void gn_v2_create_event(struct gn_v2 *v2, struct gn_http_request *request)
{
    struct gn_ce_request ce;
    struct outline outline;

    gn_ce_request_init(&ce, request);
    if (gn_ce_is_http(&ce.http)) {
        take_cloudevent(v2, request, &ce);
    } else {
        outline = read_outline(gn_http_body(request));
        if (outline.is_cloudevent) {
            ce.http.content_type = GN_STR("application/cloudevents+json");
            take_cloudevent(v2, request, &ce);
        } else {
            take_cne(v2, request, outline.data);
        }
    }
    gn_ce_request_fini(&ce);
}

void gn_v2_log_event(struct gn_http_request *request)
{
    struct gn_str body = gn_http_body(request);
    struct gn_buf text = GN_BUF_INIT;
    struct gn_cne_request event;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err = parse_cne(body, read_outline(body).data, &text, &event, error);

    if (err == GN_OK) {
        gn_log_info("event.logged id=%.*s type=%.*s source=%.*s", (int)event.id.len, event.id.p,
                    (int)event.type.len, event.type.p, (int)event.source.len, event.source.p);
        gn_reply_json(request, 202, GN_STR("{\"status\":\"Event published to log\"}"));
        gn_cne_request_fini(&event);
    } else {
        answer_bad_event(request, err, error);
    }
    gn_buf_free(&text);
}

/* ---- the current state ---- */

/* Whether somebody subscribed to what relates to an address. */
struct subscriber_search {
    struct gn_str resolved, node;
    struct gn_buf address; /* of the subscription looked at */
    bool is_found;
};

static bool look_at_sub(void *ctx, struct gn_client_sub *sub)
{
    struct subscriber_search *search = ctx;

    gn_buf_reset(&search->address);
    gn_address_resolve(gn_str_of(sub->resource), search->node, &search->address);
    search->is_found = gn_buf_err(&search->address) == GN_OK &&
                       gn_address_overlaps(gn_buf_str(&search->address), search->resolved);
    return !search->is_found;
}

static bool is_known(struct gn_v2 *v2, struct gn_str resolved)
{
    struct subscriber_search search = {resolved, gn_str_of(gn_relay_node(v2->parts.relay)),
                                       GN_BUF_INIT, false};

    if (gn_v2_has_publisher(v2, resolved, gn_address_overlaps))
        return true;
    gn_clients_each(v2->parts.clients, GN_CLIENT_V2, look_at_sub, &search);
    gn_buf_free(&search.address);
    return search.is_found;
}

/* The event of exactly this address wins over later ones below it. */
static enum gn_err write_state(struct gn_v2 *v2, struct gn_str resolved, struct gn_buf *out)
{
    const struct gn_event *last;

    if (!is_known(v2, resolved))
        return GN_ENOTFOUND;
    last = gn_relay_last_event(v2->parts.relay, resolved);
    if (last == NULL)
        last = gn_relay_last_below(v2->parts.relay, resolved);
    return last == NULL ? GN_ENOTFOUND : gn_oran_write(last, out);
}

void gn_v2_current_state(struct gn_v2 *v2, struct gn_http_request *request, struct gn_str address)
{
    struct gn_buf plain = GN_BUF_INIT, resolved = GN_BUF_INIT, body = GN_BUF_INIT;
    enum gn_err err = gn_text_percent_decode(address, &plain);

    if (err == GN_OK && plain.len <= 1) /* "/" can be subscribed to, but is no address to ask */
        err = GN_EPARSE;
    if (err == GN_OK)
        err = gn_v2_resolve(v2, gn_buf_str(&plain), &resolved);
    if (err == GN_EPARSE || err == GN_EINVAL) {
        gn_reply_empty(request, 400);
        goto out;
    }
    if (err == GN_OK)
        err = write_state(v2, gn_buf_str(&resolved), &body);
    if (err == GN_OK)
        err = gn_buf_err(&body);
    if (err == GN_OK)
        gn_reply_json(request, 200, gn_buf_str(&body));
    else if (err == GN_ENOTFOUND || err == GN_EINVAL || err == GN_EPARSE)
        gn_reply_empty(request, 404); /* the last two: an event that v2 cannot tell */
    else
        gn_v2_reply_later(request);
out:
    gn_buf_free(&plain);
    gn_buf_free(&resolved);
    gn_buf_free(&body);
}
