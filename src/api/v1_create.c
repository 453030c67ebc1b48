/* The v1 API: creating subscriptions and publishers. The record's endpointUri is probed with an
 * empty POST first; the answer waits for it and for the disk, the loop does not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/log.h"
#include "gurnard/base/url.h"
#include "v1_priv.h"

/* One POST under way. */
struct create {
    struct gn_v1 *v1;
    struct gn_http_request *http; /* NULL once it was answered */
    struct gn_http_call *probe;
    enum gn_pubsub_kind kind;
    char *resource;
    char *endpoint;   /* NULL: none */
    char *uri_prefix; /* of the link in the answer */
    char *id;         /* of the record added, to take it back when the disk refuses */
    struct gn_buf answer;
    TAILQ_ENTRY(create) link; /* while it is probed */
};

static void count_failed(struct gn_v1 *v1, enum gn_pubsub_kind kind)
{
    gn_v1_count_failed(v1, kind, GN_CNE_FAILED_TO_CREATE);
}

static void create_free(struct create *create)
{
    free(create->resource);
    free(create->endpoint);
    free(create->uri_prefix);
    free(create->id);
    gn_buf_free(&create->answer);
    free(create);
}

/* ---- the answer ---- */

static void on_stored(void *ctx, enum gn_err err)
{
    struct create *create = ctx;
    struct gn_pubsub_item *item;

    if (err == GN_OK) {
        gn_reply_json(create->http, 201, gn_buf_str(&create->answer));
    } else {
        gn_log_error("store.write_failed kind=%s reason=\"%s\"", gn_v1_plural(create->kind),
                     gn_err_text(err));
        item = create->id == NULL
                   ? NULL
                   : gn_pubsub_find(create->v1->parts.pubsub, create->kind, gn_str_of(create->id));
        if (item != NULL)
            gn_pubsub_remove(create->v1->parts.pubsub, item);
        count_failed(create->v1, create->kind);
        gn_reply_error(create->http, 400, GN_STR("the record could not be stored"));
    }
    create_free(create);
}

struct first_of {
    const char *resource;
    struct gn_pubsub_item *item;
};

static bool is_first_of(void *ctx, struct gn_pubsub_item *item)
{
    struct first_of *first = ctx;

    if (strcmp(item->resource, first->resource) != 0)
        return true;
    first->item = item;
    return false;
}

/* The record that answers this POST: a new one, or the one that stands for it already. */
static enum gn_err add_or_find(struct create *create, struct gn_pubsub_item **item, bool *is_new)
{
    struct gn_v1 *v1 = create->v1;
    struct first_of first = {.resource = create->resource};
    enum gn_err err;

    *is_new = false;
    if (v1->config.first_wins) {
        gn_pubsub_each(v1->parts.pubsub, create->kind, is_first_of, &first);
        *item = first.item;
        if (first.item != NULL)
            return GN_OK;
    }
    err = gn_pubsub_add(v1->parts.pubsub, create->kind, gn_str_of(create->resource),
                        gn_str_of(create->endpoint), create->uri_prefix, item);
    *is_new = err == GN_OK;
    return err == GN_EEXIST ? GN_OK : err;
}

static void log_created(const struct create *create, const struct gn_pubsub_item *item)
{
    gn_log_info("%s.created text=\"Created %s\" id=%s resource=%s", gn_v1_singular(create->kind),
                gn_v1_singular(create->kind), item->id, item->resource);
}

/* The endpoint is fine: add, commit, then answer. Takes create. */
static void finish(struct create *create)
{
    struct gn_pubsub_item *item = NULL;
    bool is_new;
    enum gn_err err = add_or_find(create, &item, &is_new);

    if (err == GN_OK) {
        if (is_new)
            log_created(create, item);
        gn_pubsub_write_item(item, &create->answer);
        create->id = is_new ? gn_str_dup(gn_str_of(item->id)) : NULL;
        err = gn_buf_err(&create->answer);
    }
    if (err == GN_OK)
        err = gn_pubsub_commit(create->v1->parts.pubsub, create->kind, on_stored, create);
    if (err == GN_OK)
        return;
    count_failed(create->v1, create->kind);
    if (err == GN_ELIMIT)
        gn_reply_error(create->http, 400, GN_STR("too many records, or the address is too long"));
    else
        gn_reply_later(create->http);
    create_free(create);
}

/* ---- the probe ---- */

/* What Go's client says when a POST does not come through: scripts and people look for these words.
 */
static void write_go_error(const struct create *create, const struct gn_http_result *result,
                           struct gn_buf *out)
{
    struct gn_url url = {0};

    gn_buf_printf(out, "Post \"%s\": ", create->endpoint);
    if (result->is_dns_failure && gn_url_parse(gn_str_of(create->endpoint), &url) == GN_OK)
        gn_buf_printf(out, "dial tcp: lookup %.*s: no such host", (int)url.host.len, url.host.p);
    else if (result->err == GN_ETIMEOUT)
        gn_buf_puts(out, "context deadline exceeded (Client.Timeout exceeded while awaiting "
                         "headers)");
    else if (result->os_errno == ECONNREFUSED)
        gn_buf_printf(out, "dial tcp %s: connect: connection refused", result->peer);
    else
        gn_buf_puts(out, result->reason);
}

static void answer_probe_failed(struct create *create, const struct gn_http_result *result)
{
    struct gn_buf text = GN_BUF_INIT;
    uint64_t held;

    if (result->err != GN_OK)
        write_go_error(create, result, &text);
    else
        gn_buf_puts(&text, create->kind == GN_SUBSCRIPTION
                               ? "return url validation check failed for create "
                                 "subscription.check endpointURI"
                               : "return url validation check failed for create "
                                 "publisher,check endpointURI");
    if (gn_log_allow(&create->v1->probe_log, gn_loop_now_ms(create->v1->parts.loop), &held))
        gn_log_warn("%s.probe_failed endpoint=%s status=%d reason=\"%s\" held=%ju",
                    gn_v1_singular(create->kind), create->endpoint, result->status, result->reason,
                    (uintmax_t)held);
    count_failed(create->v1, create->kind);
    gn_reply_error(create->http, 400, gn_buf_str(&text));
    gn_buf_free(&text);
}

static void on_probed(void *ctx, const struct gn_http_result *result)
{
    struct create *create = ctx;
    struct gn_v1 *v1 = create->v1;
    bool has_passed = result->err == GN_OK && result->status >= 200 && result->status < 300;

    TAILQ_REMOVE(&v1->creates, create, link);
    v1->probes--;
    create->probe = NULL;
    if (create->http == NULL) { /* answered when the daemon began to stop */
        create_free(create);
        return;
    }
    gn_metric_add(has_passed ? v1->probes_ok : v1->probes_failed, 1);
    if (has_passed) {
        finish(create);
        return;
    }
    answer_probe_failed(create, result);
    create_free(create);
}

static void probe(struct create *create)
{
    /* The second tells a gurnardd's webhook that it is about to become an endpoint. */
    static const char *const headers[] = {"Content-Type: application/json", "Gurnard-Probe: 1",
                                          NULL};
    struct gn_v1 *v1 = create->v1;
    const struct gn_http_out out = {
        .method = "POST",
        .url = create->endpoint,
        .headers = headers,
        .timeout_ms = v1->config.probe_timeout_ms,
        .follow_redirects = true,
    };

    if (v1->probes >= GN_V1_PROBES_MAX ||
        gn_http_send(v1->parts.client, &out, on_probed, create, &create->probe) != GN_OK) {
        count_failed(v1, create->kind);
        gn_reply_later(create->http);
        create_free(create);
        return;
    }
    v1->probes++;
    TAILQ_INSERT_TAIL(&v1->creates, create, link);
}

void gn_v1_create_stop(struct gn_v1 *v1)
{
    struct create *create;

    TAILQ_FOREACH (create, &v1->creates, link) {
        if (create->http == NULL)
            continue;
        gn_reply_later(create->http);
        create->http = NULL;
        gn_http_cancel(create->probe);
    }
}

/* ---- the request ---- */

static struct create *create_new(struct gn_v1 *v1, const struct gn_v1_call *call,
                                 const struct gn_v1_wish *wish)
{
    struct create *create = calloc(1, sizeof *create);
    struct gn_buf prefix = GN_BUF_INIT;

    if (create == NULL)
        return NULL;
    create->v1 = v1;
    create->http = call->http;
    create->kind = call->kind;
    create->answer = GN_BUF_INIT;
    create->resource = gn_str_dup(wish->resource);
    create->endpoint = wish->endpoint.p == NULL ? NULL : gn_str_dup(wish->endpoint);
    gn_buf_printf(&prefix, "http://localhost:%u%.*s/%s/", v1->config.port, (int)call->prefix.len,
                  call->prefix.p, gn_v1_plural(call->kind));
    create->uri_prefix = gn_buf_take(&prefix);
    gn_buf_free(&prefix);
    if (create->resource == NULL || create->uri_prefix == NULL ||
        (wish->endpoint.p != NULL && create->endpoint == NULL)) {
        create_free(create);
        return NULL;
    }
    return create;
}

static void start(struct gn_v1 *v1, const struct gn_v1_call *call, const struct gn_v1_wish *wish)
{
    struct create *create = create_new(v1, call, wish);

    if (create == NULL)
        gn_reply_later(call->http);
    else if (create->endpoint == NULL)
        finish(create);
    else
        probe(create);
}

void gn_v1_create(struct gn_v1 *v1, const struct gn_v1_call *call)
{
    struct gn_buf problem = gn_buf_with_limit((size_t)16 << 10);
    struct gn_v1_wish wish;
    enum gn_err err = gn_v1_wish_read(gn_http_body(call->http), &wish);

    if (err == GN_OK && gn_v1_wish_is_usable(&wish, &problem)) {
        start(v1, call, &wish);
    } else {
        count_failed(v1, call->kind);
        if (err == GN_ENOMEM)
            gn_reply_later(call->http);
        else if (err != GN_OK)
            gn_reply_error(call->http, 400, GN_STR("marshalling error"));
        else
            gn_reply_error(call->http, 400, gn_buf_str(&problem));
    }
    gn_v1_wish_fini(&wish);
    gn_buf_free(&problem);
}
