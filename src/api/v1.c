/* The v1 API: prefixes, routes, collections. */
#include <stdlib.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/log.h"
#include "v1_priv.h"

const struct gn_json_limits gn_v1_limits = {
    .max_bytes = (size_t)64 << 20, /* the server's own limit is below */
    .max_depth = 32,
    .max_tokens = 262144,
    .repair_utf8 = false,
};

/* What a delete answers when it is on disk. */
struct removal {
    struct gn_v1 *v1;
    struct gn_http_request *http;
    enum gn_pubsub_kind kind;
    bool is_all;
};

const char *gn_v1_plural(enum gn_pubsub_kind kind)
{
    return kind == GN_SUBSCRIPTION ? "subscriptions" : "publishers";
}

const char *gn_v1_singular(enum gn_pubsub_kind kind)
{
    return kind == GN_SUBSCRIPTION ? "subscription" : "publisher";
}

bool gn_v1_split(struct gn_str path, struct gn_str *prefix, struct gn_str *rest)
{
    static const struct gn_str prefixes[] = {
        {"/api/ocloudNotifications/v1", 27},
        {"/api/cloudNotifications/v1", 26},
        {"/ocloudNotifications/v1", 23},
    };

    for (size_t i = 0; i < GN_LEN(prefixes); i++) {
        if (!gn_str_has_prefix(path, prefixes[i]))
            continue;
        *prefix = prefixes[i];
        *rest = (struct gn_str){path.p + prefixes[i].len, path.len - prefixes[i].len};
        return rest->len == 0 || rest->p[0] == '/';
    }
    return false;
}

static void count_items(void *ctx)
{
    struct gn_v1 *v1 = ctx;
    double subscriptions = (double)gn_pubsub_count(v1->parts.pubsub, GN_SUBSCRIPTION);
    double publishers = (double)gn_pubsub_count(v1->parts.pubsub, GN_PUBLISHER);

    gn_metric_set(v1->subscriptions, subscriptions);
    gn_metric_set(v1->publishers, publishers);
    gn_cne_set(v1->parts.cne, GN_CNE_API_SUBSCRIPTIONS, GN_STR_NONE, GN_CNE_ACTIVE, subscriptions);
    gn_cne_set(v1->parts.cne, GN_CNE_API_PUBLISHERS, GN_STR_NONE, GN_CNE_ACTIVE, publishers);
}

void gn_v1_count_failed(struct gn_v1 *v1, enum gn_pubsub_kind kind, enum gn_cne_status status)
{
    gn_cne_add(v1->parts.cne,
               kind == GN_SUBSCRIPTION ? GN_CNE_API_SUBSCRIPTIONS : GN_CNE_API_PUBLISHERS,
               GN_STR_NONE, status, 1);
}

struct gn_v1 *gn_v1_new(const struct gn_v1_config *config, const struct gn_v1_parts *parts)
{
    struct gn_v1 *v1 = calloc(1, sizeof *v1);
    static const char probes[] = "gurnard_api_probes_total";
    static const char probes_help[] = "Probes of a new record's endpointUri.";

    if (v1 == NULL)
        return NULL;
    v1->config = *config;
    v1->parts = *parts;
    TAILQ_INIT(&v1->creates);
    gn_v1_events_init(v1);
    gn_v1_state_init(v1);
    v1->probes_ok = gn_metrics_counter(parts->metrics, probes, "result=\"passed\"", probes_help);
    v1->probes_failed =
        gn_metrics_counter(parts->metrics, probes, "result=\"failed\"", probes_help);
    v1->subscriptions = gn_metrics_gauge(parts->metrics, "gurnard_api_subscriptions", NULL,
                                         "Subscriptions in the store.");
    v1->publishers = gn_metrics_gauge(parts->metrics, "gurnard_api_publishers", NULL,
                                      "Publishers in the store.");
    gn_metrics_on_collect(parts->metrics, count_items, v1);
    return v1;
}

void gn_v1_stop(struct gn_v1 *v1)
{
    v1->is_stopping = true;
    gn_v1_create_stop(v1);
    gn_v1_state_stop(v1);
    gn_durable_stop(&v1->published.durable);
}

void gn_v1_free(struct gn_v1 *v1)
{
    if (v1 == NULL)
        return;
    gn_metrics_off_collect(v1->parts.metrics, count_items, v1);
    free(v1);
}

static void list(struct gn_v1 *v1, const struct gn_v1_call *call)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_pubsub_write_all(v1->parts.pubsub, call->kind, &body);
    if (gn_buf_err(&body) == GN_OK)
        gn_reply_json(call->http, 200, gn_buf_str(&body));
    else
        gn_reply_later(call->http);
    gn_buf_free(&body);
}

static void show(struct gn_v1 *v1, const struct gn_v1_call *call, struct gn_str id)
{
    const struct gn_pubsub_item *item = gn_pubsub_find(v1->parts.pubsub, call->kind, id);
    struct gn_buf body = GN_BUF_INIT;

    if (item == NULL) {
        gn_buf_printf(&body, "%s not found", gn_v1_singular(call->kind));
        gn_reply_error(call->http, 400, gn_buf_str(&body));
    } else {
        gn_pubsub_write_item(item, &body);
        if (gn_buf_err(&body) == GN_OK)
            gn_reply_json(call->http, 200, gn_buf_str(&body));
        else
            gn_reply_later(call->http);
    }
    gn_buf_free(&body);
}

static void on_removed(void *ctx, enum gn_err err)
{
    struct removal *removal = ctx;

    if (err != GN_OK) {
        gn_log_error("store.write_failed kind=%s reason=\"%s\"", gn_v1_plural(removal->kind),
                     gn_err_text(err));
        gn_v1_count_failed(removal->v1, removal->kind, GN_CNE_FAILED_TO_DELETE);
        gn_reply_error(removal->http, 400, GN_STR("the change could not be stored"));
    } else if (!removal->is_all) {
        gn_reply_json(removal->http, 200, GN_STR("{\"status\":\"OK\"}"));
    } else if (removal->kind == GN_SUBSCRIPTION) {
        gn_reply_json(removal->http, 200, GN_STR("{\"status\":\"deleted all subscriptions\"}"));
    } else {
        gn_reply_json(removal->http, 200, GN_STR("{\"status\":\"deleted all publishers\"}"));
    }
    free(removal);
}

/* id absent: all of the kind. An unknown id is answered like a known one, as the original does. */
static void remove_items(struct gn_v1 *v1, const struct gn_v1_call *call, struct gn_str id)
{
    struct removal *removal = calloc(1, sizeof *removal);
    struct gn_pubsub_item *item;

    if (removal == NULL) {
        gn_reply_later(call->http);
        return;
    }
    *removal = (struct removal){v1, call->http, call->kind, id.p == NULL};
    item = id.p == NULL ? NULL : gn_pubsub_find(v1->parts.pubsub, call->kind, id);
    if (item != NULL)
        gn_log_info("%s.deleted id=%s resource=%s", gn_v1_singular(call->kind), item->id,
                    item->resource);
    if (item != NULL)
        gn_pubsub_remove(v1->parts.pubsub, item);
    if (id.p == NULL) {
        gn_log_info("%s.deleted_all count=%zu", gn_v1_plural(call->kind),
                    gn_pubsub_count(v1->parts.pubsub, call->kind));
        gn_pubsub_remove_all(v1->parts.pubsub, call->kind);
    }
    if (gn_pubsub_commit(v1->parts.pubsub, call->kind, on_removed, removal) != GN_OK) {
        free(removal);
        gn_reply_later(call->http);
    }
}

/* /subscriptions and /publishers */
static void handle_collection(struct gn_v1 *v1, const struct gn_v1_call *call)
{
    struct gn_str method = gn_http_method(call->http);

    if (gn_str_eq(method, GN_STR("GET")))
        list(v1, call);
    else if (gn_str_eq(method, GN_STR("POST")))
        gn_v1_create(v1, call);
    else if (gn_str_eq(method, GN_STR("DELETE")))
        remove_items(v1, call, GN_STR_NONE);
    else
        gn_reply_bad_method(call->http);
}

/* /subscriptions/{id} and /publishers/{id} */
static void handle_item(struct gn_v1 *v1, const struct gn_v1_call *call, struct gn_str id)
{
    struct gn_str method = gn_http_method(call->http);

    if (gn_str_eq(method, GN_STR("GET")))
        show(v1, call, id);
    else if (gn_str_eq(method, GN_STR("DELETE")))
        remove_items(v1, call, id);
    else
        gn_reply_bad_method(call->http);
}

/* PUT /subscriptions/status/{id} */
static void handle_status(struct gn_v1 *v1, const struct gn_v1_call *call, struct gn_str id)
{
    if (gn_str_eq(gn_http_method(call->http), GN_STR("PUT")))
        gn_v1_ping(v1, call->http, id);
    else
        gn_reply_bad_method(call->http);
}

/* If rest begins with part, cuts it off. */
static bool take(struct gn_str *rest, struct gn_str part)
{
    if (!gn_str_has_prefix(*rest, part))
        return false;
    rest->p += part.len;
    rest->len -= part.len;
    return true;
}

static bool is_segment(struct gn_str s)
{
    return s.len > 0 && memchr(s.p, '/', s.len) == NULL;
}

/* The routes below a collection. false: none of them. */
static bool route_collection(struct gn_v1 *v1, struct gn_v1_call *call)
{
    struct gn_str rest = call->rest;

    if (take(&rest, GN_STR("/subscriptions")))
        call->kind = GN_SUBSCRIPTION;
    else if (take(&rest, GN_STR("/publishers")))
        call->kind = GN_PUBLISHER;
    else
        return false;
    if (rest.len == 0) {
        handle_collection(v1, call);
        return true;
    }
    if (call->kind == GN_SUBSCRIPTION && gn_str_has_prefix(rest, GN_STR("/status/"))) {
        (void)take(&rest, GN_STR("/status/"));
        if (!is_segment(rest))
            return false;
        handle_status(v1, call, rest);
        return true;
    }
    if (!take(&rest, GN_STR("/")) || !is_segment(rest))
        return false;
    handle_item(v1, call, rest);
    return true;
}

/* The routes of one method each. false: none of them. */
static bool route_single(struct gn_v1 *v1, const struct gn_v1_call *call)
{
    struct gn_str method = gn_http_method(call->http);
    bool is_post = gn_str_eq(method, GN_STR("POST"));
    bool is_get = gn_str_eq(method, GN_STR("GET"));

    if (gn_str_eq(call->rest, GN_STR("/health"))) {
        if (is_get || gn_str_eq(method, GN_STR("HEAD")))
            gn_reply_text(call->http, 200, "OK");
        else
            gn_reply_bad_method(call->http);
        return true;
    }
    if (!gn_str_eq(call->rest, GN_STR("/create/event")) && !gn_str_eq(call->rest, GN_STR("/log")) &&
        !gn_str_eq(call->rest, GN_STR("/dummy")))
        return false;
    if (!is_post)
        gn_reply_bad_method(call->http);
    else if (call->rest.p[1] == 'c')
        gn_v1_create_event(v1, call->http);
    else if (call->rest.p[1] == 'l')
        gn_v1_log_event(call->http);
    else
        gn_reply_json(call->http, 204, GN_STR_NONE);
    return true;
}

/* /{resource}/CurrentState, where the resource holds slashes. */
static bool route_state(struct gn_v1 *v1, const struct gn_v1_call *call)
{
    static const struct gn_str tail = {"/CurrentState", 13};
    struct gn_str resource = call->rest;

    if (!gn_str_has_suffix(resource, tail) || resource.len <= tail.len + 1)
        return false;
    resource = (struct gn_str){resource.p + 1, resource.len - tail.len - 1};
    if (!gn_str_eq(gn_http_method(call->http), GN_STR("GET")))
        gn_reply_bad_method(call->http);
    else
        gn_v1_current_state(v1, call->http, resource);
    return true;
}

bool gn_v1_handle(struct gn_v1 *v1, struct gn_http_request *request)
{
    struct gn_v1_call call = {.http = request};

    if (!gn_v1_split(gn_http_path(request), &call.prefix, &call.rest))
        return false;
    if (v1->is_stopping) {
        gn_reply_later(request);
        return true;
    }
    return route_state(v1, &call) || route_collection(v1, &call) || route_single(v1, &call);
}
