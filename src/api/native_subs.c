/* The native API: creating, changing and removing subscriptions. The sink is asked for its consent
 * first, where the subscription wants that; the answer waits for it and for the disk, the loop does
 * not. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"
#include "native_priv.h"

enum native_verb { CREATE, CHANGE, REMOVE };

/* One POST, PUT or DELETE under way. */
struct native_op {
    struct gn_native_api *native;
    struct gn_http_request *http; /* NULL once it was answered */
    struct gn_http_call *call;    /* the handshake */
    enum native_verb verb;
    bool is_consent_required;
    char *id;             /* CREATE: of the item added, to take it back when the disk refuses */
    char *sink;           /* REMOVE: NULL */
    char *location;       /* CREATE: the item's link */
    struct gn_buf object; /* to be stored */
    struct gn_buf answer;
    TAILQ_ENTRY(native_op) link; /* while the handshake is under way */
};

static struct native_op *op_new(struct gn_native_api *native, struct gn_http_request *request,
                                enum native_verb verb)
{
    struct native_op *op = calloc(1, sizeof *op);

    if (op == NULL)
        return NULL;
    op->native = native;
    op->http = request;
    op->verb = verb;
    op->object = GN_BUF_INIT;
    op->answer = GN_BUF_INIT;
    return op;
}

/* NULL is fine. */
static void op_free(struct native_op *op)
{
    if (op == NULL)
        return;
    free(op->id);
    free(op->sink);
    free(op->location);
    gn_buf_free(&op->object);
    gn_buf_free(&op->answer);
    free(op);
}

/* ---- the answer ---- */

/* What was added and could not be stored goes again; other changes stay in memory, and whoever
 * repeats them has them written. */
static void take_back(const struct native_op *op)
{
    struct gn_pubsub *pubsub = op->native->parts.pubsub;
    struct gn_pubsub_item *item =
        op->verb == CREATE ? gn_pubsub_find(pubsub, GN_NATIVE, gn_str_of(op->id)) : NULL;

    if (item != NULL)
        gn_pubsub_remove(pubsub, item);
}

static void answer_done(const struct native_op *op)
{
    const char *headers[] = {"Location", op->location, NULL};
    const struct gn_http_reply reply = {.status = op->verb == CREATE ? 201 : 200,
                                        .content_type = "application/json",
                                        .body = gn_buf_str(&op->answer),
                                        .headers = op->verb == CREATE ? headers : NULL};

    gn_http_reply(op->http, &reply);
}

static void on_stored(void *ctx, enum gn_err err)
{
    struct native_op *op = ctx;

    if (err == GN_OK) {
        answer_done(op);
    } else {
        gn_log_error("store.write_failed kind=native reason=\"%s\"", gn_err_text(err));
        take_back(op);
        gn_reply_later(op->http);
    }
    op_free(op);
}

/* Answers what could not be done. Takes op. */
static void fail_op(struct native_op *op, enum gn_err err)
{
    if (err == GN_ENOTFOUND)
        gn_reply_error(op->http, 404, GN_STR("subscription not found"));
    else if (err == GN_ELIMIT || err == GN_EINVAL)
        gn_reply_error(op->http, 400, GN_STR("too many subscriptions, or a text is too long"));
    else
        gn_reply_later(op->http);
    op_free(op);
}

/* Has the change that memory holds written. Takes op. */
static void commit(struct native_op *op)
{
    enum gn_err err = gn_pubsub_commit(op->native->parts.pubsub, GN_NATIVE, on_stored, op);

    if (err == GN_OK)
        return;
    take_back(op);
    fail_op(op, err);
}

/* ---- the change ---- */

static enum gn_err add(struct native_op *op, struct gn_pubsub_item **item)
{
    struct gn_pubsub *pubsub = op->native->parts.pubsub;
    enum gn_err err = gn_pubsub_add_native(pubsub, gn_str_of(op->sink), gn_buf_str(&op->object),
                                           op->native->link_prefix, item);

    if (err != GN_OK)
        return err;
    op->id = gn_str_dup(gn_str_of((*item)->id));
    op->location = gn_str_dup(gn_str_of((*item)->uri_location));
    if (op->id != NULL && op->location != NULL)
        return GN_OK;
    gn_pubsub_remove(pubsub, *item);
    return GN_ENOMEM;
}

/* The item may have been deleted while the sink was asked. */
static enum gn_err change(const struct native_op *op, struct gn_pubsub_item **item)
{
    struct gn_pubsub *pubsub = op->native->parts.pubsub;

    *item = gn_pubsub_find(pubsub, GN_NATIVE, gn_str_of(op->id));
    if (*item == NULL)
        return GN_ENOTFOUND;
    return gn_pubsub_change_native(pubsub, *item, gn_str_of(op->sink), gn_buf_str(&op->object));
}

/* The sink is fine: change memory, commit, then answer. Takes op. */
static void finish(struct native_op *op)
{
    struct gn_pubsub_item *item = NULL;
    enum gn_err err = op->verb == CREATE ? add(op, &item) : change(op, &item);

    if (err != GN_OK) {
        fail_op(op, err);
        return;
    }
    gn_log_info("subscription.%s api=native id=%s", op->verb == CREATE ? "created" : "changed",
                op->id);
    err = gn_native_object_show(item, &op->answer);
    if (err == GN_OK) {
        commit(op);
        return;
    }
    take_back(op);
    fail_op(op, GN_ENOMEM);
}

/* ---- the handshake ---- */

/* Why the sink's answer is no consent; NULL: it is one. By the webhook specification the status
 * says nothing. */
static const char *objection(const struct native_op *op, const struct gn_http_result *result)
{
    struct gn_str allowed = gn_str_trim(result->allowed_origin);

    if (result->err != GN_OK)
        return result->reason;
    if (gn_str_eq(allowed, GN_STR("*")) || gn_str_eq_nocase(allowed, gn_str_of(op->native->origin)))
        return NULL;
    return allowed.len == 0 ? "its answer has no WebHook-Allowed-Origin"
                            : "it allows another origin";
}

static void count_handshake(struct gn_native_api *native, const struct gn_http_result *result,
                            const char *why_not)
{
    uint64_t held;

    if (why_not == NULL) {
        gn_metric_add(native->consented, 1);
        return;
    }
    gn_metric_add(result->err == GN_OK ? native->refused : native->failed, 1);
    if (gn_log_allow(&native->handshake_log, gn_loop_now_ms(native->parts.loop), &held))
        gn_log_warn("handshake.failed peer=%s status=%d reason=\"%s\" held=%ju", result->peer,
                    result->status, why_not, (uintmax_t)held);
}

static void on_shaken(void *ctx, const struct gn_http_result *result)
{
    struct native_op *op = ctx;
    struct gn_buf text = GN_BUF_INIT;
    const char *why_not;

    TAILQ_REMOVE(&op->native->shaking, op, link);
    op->native->handshakes--;
    op->call = NULL;
    if (op->http == NULL) { /* answered when the daemon began to stop */
        op_free(op);
        return;
    }
    why_not = objection(op, result);
    count_handshake(op->native, result, why_not);
    if (why_not == NULL || !op->is_consent_required) {
        finish(op);
        return;
    }
    gn_buf_printf(&text, "sink did not consent: %s", why_not);
    gn_reply_error(op->http, 400, gn_buf_str(&text));
    gn_buf_free(&text);
    op_free(op);
}

/* Takes op. */
static void shake(struct native_op *op)
{
    struct gn_native_api *native = op->native;
    const char *const headers[] = {native->origin_line, native->via_line, NULL};
    const struct gn_http_out out = {
        .method = "OPTIONS",
        .url = op->sink,
        .headers = headers,
        .timeout_ms = native->handshake_timeout_ms,
    };

    if (native->handshakes >= GN_NATIVE_HANDSHAKES_MAX ||
        gn_http_send(native->parts.client, &out, on_shaken, op, &op->call) != GN_OK) {
        gn_reply_later(op->http);
        op_free(op);
        return;
    }
    native->handshakes++;
    TAILQ_INSERT_TAIL(&native->shaking, op, link);
}

void gn_native_subs_stop(struct gn_native_api *native)
{
    struct native_op *op;

    TAILQ_FOREACH (op, &native->shaking, link) {
        if (op->http == NULL)
            continue;
        gn_reply_later(op->http);
        op->http = NULL;
        gn_http_cancel(op->call);
    }
}

/* ---- the request ---- */

static bool is_json(const struct gn_http_request *request)
{
    struct gn_str parameters;
    struct gn_str type = gn_http_header(request, "Content-Type");

    type = gn_str_trim(gn_str_cut(type, ';', &parameters));
    return type.len == 0 || gn_str_eq_nocase(type, GN_STR("application/json")) ||
           gn_str_eq_nocase(type, GN_STR("application/cloudevents-subscription+json"));
}

/* Reads the body; stored as in gn_native_object_keep(). Both results are the caller's, on an error
 * too. GN_ENOMEM; on any other error, error says what is wrong with the body. */
static enum gn_err read_body(struct gn_str body, const json_t *stored, json_t **asked,
                             struct gn_native_spec **spec, char error[GN_NATIVE_ERROR_MAX])
{
    enum gn_err err = gn_json_parse(body, NULL, asked);

    if (err != GN_OK) {
        (void)snprintf(error, GN_NATIVE_ERROR_MAX, "%s",
                       err == GN_ELIMIT ? "too large, or nested too deeply" : "not JSON");
        return err;
    }
    err = gn_native_object_keep(*asked, stored, error);
    return err == GN_OK ? gn_native_spec_parse(*asked, spec, error) : err;
}

static enum gn_err fill_op(struct native_op *op, const json_t *asked,
                           const struct gn_native_spec *spec, const struct gn_pubsub_item *item)
{
    op->is_consent_required = spec->handshake == GN_HANDSHAKE_REQUIRED;
    op->sink = gn_str_dup(gn_str_of(spec->sink));
    op->id = item == NULL ? NULL : gn_str_dup(gn_str_of(item->id));
    gn_native_object_write(asked, spec, &op->object);
    if (op->sink == NULL || (item != NULL && op->id == NULL))
        return GN_ENOMEM;
    return gn_buf_err(&op->object);
}

/* POST, or PUT of item, whose object is stored. */
static void take(struct gn_native_api *native, struct gn_http_request *request,
                 const struct gn_pubsub_item *item, const json_t *stored)
{
    struct native_op *op = op_new(native, request, item == NULL ? CREATE : CHANGE);
    char error[GN_NATIVE_ERROR_MAX] = "";
    struct gn_native_spec *spec = NULL;
    json_t *asked = NULL;
    enum gn_err err = GN_ENOMEM;

    if (op != NULL)
        err = read_body(gn_http_body(request), stored, &asked, &spec, error);
    if (err == GN_OK)
        err = fill_op(op, asked, spec, item);
    if (err == GN_ENOMEM) {
        gn_reply_later(request);
    } else if (err != GN_OK) {
        gn_reply_error(request, 400, gn_str_of(error));
    } else {
        if (gn_native_object_needs_handshake(spec, stored))
            shake(op);
        else
            finish(op);
        op = NULL; /* given away */
    }
    op_free(op);
    gn_native_spec_free(spec);
    json_decref(asked);
}

static void refuse_type(struct gn_http_request *request)
{
    gn_reply_error(request, 415, GN_STR("Content-Type must be application/json"));
}

void gn_native_create(struct gn_native_api *native, struct gn_http_request *request)
{
    if (is_json(request))
        take(native, request, NULL, NULL);
    else
        refuse_type(request);
}

void gn_native_change(struct gn_native_api *native, struct gn_http_request *request,
                      struct gn_pubsub_item *item)
{
    json_t *stored;

    if (!is_json(request)) {
        refuse_type(request);
        return;
    }
    stored = gn_native_object_read(item);
    if (stored == NULL)
        gn_reply_later(request);
    else
        take(native, request, item, stored);
    json_decref(stored);
}

void gn_native_remove(struct gn_native_api *native, struct gn_http_request *request,
                      struct gn_pubsub_item *item)
{
    struct native_op *op = op_new(native, request, REMOVE);

    if (op == NULL || gn_native_object_show(item, &op->answer) != GN_OK) {
        gn_reply_later(request);
        op_free(op);
        return;
    }
    gn_log_info("subscription.deleted api=native id=%s", item->id);
    gn_pubsub_remove(native->parts.pubsub, item);
    commit(op);
}
