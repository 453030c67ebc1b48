/* The v2 API: publishers. The records are those of the v1 API, shown with this one's names; codes
 * and error texts are v1's. */
#include <stdlib.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/text.h"
#include "gurnard/relay/address.h"
#include "v2_priv.h"

static void write_member(struct gn_buf *out, const char *name, const char *value)
{
    gn_buf_puts(out, name);
    gn_text_add_json(out, value == NULL ? GN_STR("") : gn_str_of(value));
}

static void write_publisher(const struct gn_pubsub_item *item, struct gn_buf *out)
{
    write_member(out, "{\"ResourceAddress\":", item->resource);
    write_member(out, ",\"EndpointUri\":", item->endpoint_uri);
    write_member(out, ",\"SubscriptionId\":", item->id);
    write_member(out, ",\"UriLocation\":", item->uri_location);
    gn_buf_putc(out, '}');
}

/* ---- creating ---- */

static void on_stored(void *ctx, enum gn_err err)
{
    struct gn_v2_create *create = ctx;
    struct gn_pubsub *pubsub = create->v2->parts.pubsub;
    struct gn_pubsub_item *item;

    if (err == GN_OK) {
        gn_reply_json(create->http, 201, gn_buf_str(&create->answer));
        gn_v2_create_free(create);
    } else {
        gn_log_error("store.write_failed kind=publishers reason=\"%s\"", gn_err_text(err));
        item =
            create->id == NULL ? NULL : gn_pubsub_find(pubsub, GN_PUBLISHER, gn_str_of(create->id));
        if (item != NULL)
            gn_pubsub_remove(pubsub, item);
        gn_v2_create_refuse(create, 400, GN_STR("the record could not be stored"));
    }
}

/* The endpoint is fine, or there is none: add, commit, then answer. Kept by its resolved address,
 * since it is by this one that events are found. */
static void finish(struct gn_v2_create *create)
{
    struct gn_pubsub *pubsub = create->v2->parts.pubsub;
    struct gn_pubsub_item *item = NULL;
    enum gn_err err = gn_pubsub_add(pubsub, GN_PUBLISHER, gn_str_of(create->resolved),
                                    gn_str_of(create->endpoint), create->uri_prefix, &item);
    bool is_new = err == GN_OK;

    if (is_new) {
        gn_log_info("publisher.created text=\"Created publisher\" id=%s resource=%s", item->id,
                    item->resource);
        create->id = gn_str_dup(gn_str_of(item->id));
        err = create->id == NULL ? GN_ENOMEM : GN_OK;
    }
    if (err == GN_OK || err == GN_EEXIST) {
        write_publisher(item, &create->answer);
        err = gn_buf_err(&create->answer);
    }
    if (err == GN_OK)
        err = gn_pubsub_commit(pubsub, GN_PUBLISHER, on_stored, create);
    if (err == GN_OK)
        return;
    if (is_new)
        gn_pubsub_remove(pubsub, item);
    if (err == GN_ELIMIT)
        gn_v2_create_refuse(create, 400, GN_STR("too many records, or the address is too long"));
    else
        gn_v2_create_later(create);
}

static void on_probe_failed(struct gn_v2_create *create)
{
    gn_v2_create_refuse(create, 400,
                        GN_STR("return url validation check failed for create publisher,check "
                               "endpointURI"));
}

static void create_publisher(struct gn_v2 *v2, const struct gn_v2_call *call)
{
    static const char *const headers[] = {"Content-Type: application/json", "Gurnard-Probe: 1",
                                          NULL};
    struct gn_v2_create *create = NULL;
    enum gn_err err = gn_v2_create_new(v2, call, true, &create);

    if (err == GN_ENOMEM) {
        gn_v2_reply_later(call->http);
        return;
    }
    if (err != GN_OK) {
        gn_reply_error(call->http, 400, GN_STR("marshalling error"));
        return;
    }
    create->on_passed = finish;
    create->on_failed = on_probe_failed;
    if (gn_address_is_pattern(gn_str_of(create->resolved))) {
        gn_v2_create_refuse(create, 400, GN_STR("a publisher has one address, without \"*\""));
    } else if (create->endpoint == NULL) {
        finish(create);
    } else {
        gn_v2_create_ask(create, headers, true);
    }
}

/* ---- those that are there ---- */

static bool list_one(void *ctx, struct gn_pubsub_item *item)
{
    struct gn_buf *body = ctx;

    if (body->len > 1)
        gn_buf_putc(body, ',');
    write_publisher(item, body);
    return true;
}

static void reply_body(struct gn_http_request *request, struct gn_buf *body)
{
    if (gn_buf_err(body) == GN_OK)
        gn_reply_json(request, 200, gn_buf_str(body));
    else
        gn_v2_reply_later(request);
    gn_buf_free(body);
}

static void list(struct gn_v2 *v2, struct gn_http_request *request)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_putc(&body, '[');
    gn_pubsub_each(v2->parts.pubsub, GN_PUBLISHER, list_one, &body);
    gn_buf_putc(&body, ']');
    reply_body(request, &body);
}

static void show(struct gn_v2 *v2, struct gn_http_request *request, struct gn_str id)
{
    const struct gn_pubsub_item *item = gn_pubsub_find(v2->parts.pubsub, GN_PUBLISHER, id);
    struct gn_buf body = GN_BUF_INIT;

    if (item == NULL) {
        gn_reply_error(request, 400, GN_STR("publisher not found"));
        return;
    }
    write_publisher(item, &body);
    reply_body(request, &body);
}

/* What a delete answers when it is on disk. */
struct removal {
    struct gn_v2 *v2;
    struct gn_http_request *http;
    bool is_all;
};

static void on_removed(void *ctx, enum gn_err err)
{
    struct removal *removal = ctx;

    if (err != GN_OK) {
        gn_log_error("store.write_failed kind=publishers reason=\"%s\"", gn_err_text(err));
        gn_v2_count_failed(removal->v2, true, GN_CNE_FAILED_TO_DELETE);
        gn_reply_error(removal->http, 400, GN_STR("the change could not be stored"));
    } else if (removal->is_all) {
        gn_reply_json(removal->http, 200, GN_STR("{\"status\":\"deleted all publishers\"}"));
    } else {
        gn_reply_json(removal->http, 200, GN_STR("{\"status\":\"OK\"}"));
    }
    free(removal);
}

/* id absent: all. An unknown id is answered like a known one, as in v1. */
static void remove_publishers(struct gn_v2 *v2, struct gn_http_request *request, struct gn_str id)
{
    struct gn_pubsub *pubsub = v2->parts.pubsub;
    struct gn_pubsub_item *item = id.p == NULL ? NULL : gn_pubsub_find(pubsub, GN_PUBLISHER, id);
    struct removal *removal = calloc(1, sizeof *removal);

    if (removal == NULL) {
        gn_v2_reply_later(request);
        return;
    }
    *removal = (struct removal){v2, request, id.p == NULL};
    if (removal->is_all) {
        gn_log_info("publishers.deleted_all count=%zu", gn_pubsub_count(pubsub, GN_PUBLISHER));
        gn_pubsub_remove_all(pubsub, GN_PUBLISHER);
    } else if (item != NULL) {
        gn_log_info("publisher.deleted id=%s resource=%s", item->id, item->resource);
        gn_pubsub_remove(pubsub, item);
    }
    if (gn_pubsub_commit(pubsub, GN_PUBLISHER, on_removed, removal) != GN_OK) {
        free(removal);
        gn_v2_reply_later(request);
    }
}

void gn_v2_publishers(struct gn_v2 *v2, const struct gn_v2_call *call, struct gn_str id)
{
    struct gn_str method = gn_http_method(call->http);

    if (gn_str_eq(method, GN_STR("DELETE")))
        remove_publishers(v2, call->http, id);
    else if (gn_str_eq(method, GN_STR("GET")) && id.p == NULL)
        list(v2, call->http);
    else if (gn_str_eq(method, GN_STR("GET")))
        show(v2, call->http, id);
    else if (gn_str_eq(method, GN_STR("POST")) && id.p == NULL)
        create_publisher(v2, call);
    else
        gn_reply_bad_method(call->http);
}
