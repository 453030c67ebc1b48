/* The v2 API: creating. A POST's body, the question to the endpoint, and subscriptions, whose
 * endpoint is sent the current state first; the answer waits for it and for the disk, the loop does
 * not. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/url.h"
#include "gurnard/ce/oran.h"
#include "gurnard/relay/address.h"
#include "v2_priv.h"

/* ---- the body ---- */

/* What a POST of a collection asks for. Views into body. */
struct wish {
    json_t *body; /* owned */
    struct gn_str address;
    struct gn_str endpoint; /* absent: none */
};

/* A member as a string; absent when missing or null. false: of another type. */
static bool string_member(const json_t *body, const char *key, struct gn_str *value)
{
    const json_t *member = json_object_get(body, key);

    *value = GN_STR_NONE;
    if (member == NULL || json_is_null(member))
        return true;
    if (!json_is_string(member))
        return false;
    *value = (struct gn_str){json_string_value(member), json_string_length(member)};
    return true;
}

static bool is_endpoint(struct gn_str text)
{
    struct gn_url url;

    return gn_url_parse(text, &url) == GN_OK && gn_url_is_web(&url);
}

/* Names in their exact case, as consumers of this API write them: who sends v1's is told. */
static enum gn_err wish_read(struct gn_str text, bool is_publisher, struct wish *wish)
{
    enum gn_err err = gn_json_parse(text, &gn_v2_limits, &wish->body);

    if (err != GN_OK)
        return err;
    if (!json_is_object(wish->body) ||
        !string_member(wish->body, "ResourceAddress", &wish->address) ||
        !string_member(wish->body, "EndpointUri", &wish->endpoint))
        return GN_EINVAL;
    if (wish->address.len == 0 || wish->address.len > GN_CLIENTS_RESOURCE_MAX)
        return GN_EINVAL;
    if (wish->endpoint.len == 0 && is_publisher) {
        wish->endpoint = GN_STR_NONE;
        return GN_OK;
    }
    return is_endpoint(wish->endpoint) ? GN_OK : GN_EINVAL;
}

/* ---- the object ---- */

void gn_v2_create_free(struct gn_v2_create *create)
{
    free(create->resource);
    free(create->resolved);
    free(create->endpoint);
    free(create->uri_prefix);
    free(create->id);
    free(create->location);
    gn_buf_free(&create->notification);
    gn_buf_free(&create->answer);
    free(create);
}

void gn_v2_create_refuse(struct gn_v2_create *create, int status, struct gn_str error)
{
    gn_v2_count_failed(create->v2, create->is_publisher, GN_CNE_FAILED_TO_CREATE);
    if (error.p == NULL)
        gn_reply_empty(create->http, status);
    else
        gn_reply_error(create->http, status, error);
    gn_v2_create_free(create);
}

void gn_v2_create_later(struct gn_v2_create *create)
{
    gn_v2_count_failed(create->v2, create->is_publisher, GN_CNE_FAILED_TO_CREATE);
    gn_v2_reply_later(create->http);
    gn_v2_create_free(create);
}

static enum gn_err create_fill(struct gn_v2_create *create, const struct gn_v2_call *call,
                               const struct wish *wish)
{
    struct gn_buf text = GN_BUF_INIT;
    enum gn_err err = gn_v2_resolve(create->v2, wish->address, &text);

    create->resolved = err == GN_OK ? gn_buf_take(&text) : NULL;
    gn_buf_free(&text);
    if (err != GN_OK)
        return err;
    gn_buf_printf(&text, "%s%.*s/%s/", create->v2->link_base, (int)call->prefix.len, call->prefix.p,
                  create->is_publisher ? "publishers" : "subscriptions");
    create->uri_prefix = gn_buf_take(&text);
    gn_buf_free(&text);
    create->resource = gn_str_dup(wish->address);
    create->endpoint = wish->endpoint.p == NULL ? NULL : gn_str_dup(wish->endpoint);
    if (create->uri_prefix == NULL || create->resource == NULL ||
        (wish->endpoint.p != NULL && create->endpoint == NULL))
        return GN_ENOMEM;
    return GN_OK;
}

enum gn_err gn_v2_create_new(struct gn_v2 *v2, const struct gn_v2_call *call, bool is_publisher,
                             struct gn_v2_create **made)
{
    struct wish wish = {0};
    struct gn_v2_create *create = NULL;
    enum gn_err err = wish_read(gn_http_body(call->http), is_publisher, &wish);

    if (err != GN_OK)
        goto out;
    create = calloc(1, sizeof *create);
    if (create == NULL) {
        err = GN_ENOMEM;
        goto out;
    }
    create->v2 = v2;
    create->http = call->http;
    create->is_publisher = is_publisher;
    create->notification = GN_BUF_INIT;
    create->answer = GN_BUF_INIT;
    err = create_fill(create, call, &wish);
    if (err != GN_OK)
        gn_v2_create_free(create);
    else
        *made = create;
out:
    if (err != GN_OK)
        gn_v2_count_failed(v2, is_publisher, GN_CNE_FAILED_TO_CREATE);
    json_decref(wish.body);
    return err;
}

/* ---- the endpoint ---- */

static void on_asked(void *ctx, const struct gn_http_result *result)
{
    struct gn_v2_create *create = ctx;
    struct gn_v2 *v2 = create->v2;
    bool has_passed = result->err == GN_OK && result->status >= 200 && result->status < 300;
    uint64_t held;

    TAILQ_REMOVE(&v2->creates, create, link);
    v2->probes--;
    create->call = NULL;
    if (create->http == NULL) { /* answered when the daemon began to stop */
        gn_v2_create_free(create);
        return;
    }
    gn_metric_add(has_passed ? v2->probes_ok : v2->probes_failed, 1);
    if (has_passed) {
        create->on_passed(create);
        return;
    }
    if (gn_log_allow(&v2->probe_log, gn_loop_now_ms(v2->parts.loop), &held))
        gn_log_warn("v2.endpoint_failed endpoint=%s status=%d reason=\"%s\" held=%ju",
                    create->endpoint, result->status, result->reason, (uintmax_t)held);
    create->on_failed(create);
}

void gn_v2_create_ask(struct gn_v2_create *create, const char *const *headers,
                      bool follow_redirects)
{
    struct gn_v2 *v2 = create->v2;
    const struct gn_http_out out = {
        .method = "POST",
        .url = create->endpoint,
        .headers = headers,
        .body = {gn_buf_str(&create->notification)},
        .timeout_ms = v2->notify_timeout_ms,
        .follow_redirects = follow_redirects,
    };

    if (v2->probes >= GN_V2_PROBES_MAX ||
        gn_http_send(v2->parts.client, &out, on_asked, create, &create->call) != GN_OK) {
        gn_v2_create_later(create);
        return;
    }
    v2->probes++;
    TAILQ_INSERT_TAIL(&v2->creates, create, link);
}

void gn_v2_create_stop(struct gn_v2 *v2)
{
    struct gn_v2_create *create;

    TAILQ_FOREACH (create, &v2->creates, link) {
        if (create->http == NULL)
            continue;
        gn_v2_reply_later(create->http);
        create->http = NULL;
        gn_http_cancel(create->call);
    }
}

/* ---- what is there already ---- */

/* GN_EEXIST: the endpoint has a subscription by which it would get events of this one too, or it
 * cannot have one, being a proxy's. GN_ENOMEM. */
static enum gn_err look_for_twin(const struct gn_v2_create *create)
{
    struct gn_v2 *v2 = create->v2;
    struct gn_id id = gn_id_v3_url(gn_str_of(create->endpoint));
    struct gn_client *client = gn_clients_find(v2->parts.clients, gn_str_of(id.text));
    struct gn_str node = gn_str_of(gn_relay_node(v2->parts.relay));
    struct gn_buf other = GN_BUF_INIT;
    const struct gn_client_sub *sub;
    enum gn_err err = GN_OK;

    if (client == NULL)
        return GN_OK;
    if (client->kind != GN_CLIENT_V2)
        return GN_EEXIST;
    TAILQ_FOREACH (sub, &client->subs, link) {
        gn_buf_reset(&other);
        gn_address_resolve(gn_str_of(sub->resource), node, &other);
        err = gn_buf_err(&other);
        if (err == GN_OK && gn_address_overlaps(gn_str_of(create->resolved), gn_buf_str(&other)))
            err = GN_EEXIST;
        if (err != GN_OK)
            break;
    }
    gn_buf_free(&other);
    return err;
}

/* ---- subscriptions: stored ---- */

static void on_stored(void *ctx, enum gn_err err)
{
    struct gn_v2_create *create = ctx;
    struct gn_clients *clients = create->v2->parts.clients;
    const char *headers[] = {"Location", create->location, NULL};
    const struct gn_http_reply reply = {.status = 201,
                                        .content_type = "application/json",
                                        .body = gn_buf_str(&create->answer),
                                        .headers = headers};
    struct gn_client_sub *sub;

    if (err == GN_OK) {
        gn_http_reply(create->http, &reply);
        gn_v2_create_free(create);
        return;
    }
    gn_log_error("store.write_failed kind=clients reason=\"%s\"", gn_err_text(err));
    sub = gn_clients_find_v2(clients, gn_str_of(create->id));
    if (sub != NULL)
        gn_clients_remove_sub(clients, sub);
    gn_v2_create_later(create);
}

/* Commits sub, which was just added; gives it up when that cannot be begun. */
static void commit(struct gn_v2_create *create, struct gn_client_sub *sub)
{
    struct gn_clients *clients = create->v2->parts.clients;

    gn_clients_write_v2(sub, &create->answer);
    create->id = gn_str_dup(gn_str_of(sub->id));
    create->location = gn_str_dup(gn_str_of(sub->uri_location));
    if (create->id != NULL && create->location != NULL && gn_buf_err(&create->answer) == GN_OK &&
        gn_clients_commit(clients, on_stored, create) == GN_OK) {
        gn_log_info("subscription.created text=\"Created subscription\" id=%s resource=%s", sub->id,
                    sub->resource);
        return;
    }
    gn_clients_remove_sub(clients, sub);
    gn_v2_create_later(create);
}

/* The initial notification was taken. A twin may have been made meanwhile. */
static void on_notified(struct gn_v2_create *create)
{
    struct gn_id client_id = gn_id_v3_url(gn_str_of(create->endpoint));
    const struct gn_clients_wish wish = {
        .kind = GN_CLIENT_V2,
        .client_id = gn_str_of(client_id.text),
        .end_point = gn_str_of(create->endpoint),
        .resource = gn_str_of(create->resource),
        .uri_prefix = create->uri_prefix,
    };
    struct gn_client_sub *sub = NULL;
    enum gn_err err = look_for_twin(create);

    if (err == GN_OK)
        err = gn_clients_add(create->v2->parts.clients, &wish, &sub);
    if (err == GN_OK)
        commit(create, sub);
    else if (err == GN_EEXIST || err == GN_EREFUSED)
        gn_v2_create_refuse(create, 409, GN_STR_NONE);
    else if (err == GN_EINVAL)
        gn_v2_create_refuse(create, 400, GN_STR_NONE);
    else
        gn_v2_create_later(create);
}

static void on_not_notified(struct gn_v2_create *create)
{
    gn_v2_create_refuse(create, 400, GN_STR_NONE);
}

/* ---- subscriptions: the initial notification ---- */

/* Writes the current state at or below the address; without one that v2 can tell, an event without
 * values. */
static enum gn_err write_notification(struct gn_v2_create *create, const struct gn_event *last)
{
    struct gn_buf *body = &create->notification;
    enum gn_err err = last == NULL ? GN_EINVAL : gn_oran_write(last, body);

    if (err == GN_EINVAL || err == GN_EPARSE) {
        gn_buf_truncate(body, 0);
        err = gn_oran_write_empty(gn_str_of(create->resolved), gn_clock_real_ns(), body);
    }
    return err == GN_OK ? gn_buf_err(body) : err;
}

/* The second header tells a gurnardd's webhook that it is about to become an endpoint. */
static void notify(struct gn_v2_create *create, const struct gn_event *last)
{
    struct gn_buf via = GN_BUF_INIT, event = GN_BUF_INIT;
    const char *headers[5] = {"Content-Type: application/json", "Gurnard-Probe: 1"};

    gn_buf_printf(&via, "Gurnard-Via: %s", gn_relay_instance(create->v2->parts.relay));
    headers[2] = via.data;
    if (last != NULL) {
        gn_buf_printf(&event, "Gurnard-Event-Id: %s", last->id.text);
        headers[3] = event.data;
    }
    if (gn_buf_err(&via) == GN_OK && gn_buf_err(&event) == GN_OK)
        gn_v2_create_ask(create, headers, false);
    else
        gn_v2_create_later(create);
    gn_buf_free(&via);
    gn_buf_free(&event);
}

void gn_v2_subscribe(struct gn_v2 *v2, const struct gn_v2_call *call)
{
    struct gn_v2_create *create = NULL;
    const struct gn_event *last;
    enum gn_err err = gn_v2_create_new(v2, call, false, &create);

    if (err != GN_OK) {
        if (err == GN_ENOMEM)
            gn_v2_reply_later(call->http);
        else
            gn_reply_empty(call->http, 400);
        return;
    }
    create->on_passed = on_notified;
    create->on_failed = on_not_notified;
    last = gn_relay_last_below(v2->parts.relay, gn_str_of(create->resolved));
    err = look_for_twin(create);
    if (err == GN_EEXIST) {
        gn_v2_create_refuse(create, 409, GN_STR_NONE);
        return;
    }
    if (err == GN_OK && last == NULL &&
        !gn_v2_has_publisher(v2, gn_str_of(create->resolved), gn_address_covers)) {
        gn_v2_create_refuse(create, 404, GN_STR_NONE);
        return;
    }
    if (err == GN_OK)
        err = write_notification(create, last);
    if (err == GN_OK)
        notify(create, last);
    else
        gn_v2_create_later(create);
}
