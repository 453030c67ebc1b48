/* For operators and kubelets: metrics, probes, the description of the APIs. */
#include "gurnard/api/ops.h"

#include "gurnard/api/openapi.h"
#include "gurnard/api/reply.h"
#include "gurnard/base/buf.h"
#include "ops_priv.h"

static bool is_read(const struct gn_http_request *request)
{
    struct gn_str method = gn_http_method(request);

    return gn_str_eq(method, GN_STR("GET")) || gn_str_eq(method, GN_STR("HEAD"));
}

static void answer_metrics(const struct gn_ops *ops, struct gn_http_request *request)
{
    static const char *const types[] = {
        [GN_METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
        [GN_METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
    };
    static const char *const headers[] = {"Vary", "Accept", NULL};
    enum gn_metrics_format format = gn_ops_preferred(gn_http_header(request, "Accept"));
    struct gn_buf body = GN_BUF_INIT;
    struct gn_http_reply reply = {.status = 200, .content_type = types[format], .headers = headers};

    gn_metrics_print_as(ops->metrics, format, &body);
    if (gn_buf_err(&body) == GN_OK) {
        reply.body = gn_buf_str(&body);
        gn_http_reply(request, &reply);
    } else {
        gn_reply_empty(request, 503);
    }
    gn_buf_free(&body);
}

/* One line a check: [+]name ok, [-]name failed: reason. Returns whether all hold. */
static bool write_checks(const struct gn_ops *ops, struct gn_buf *out)
{
    bool is_ready = !ops->is_stopping;

    if (ops->is_stopping)
        gn_buf_puts(out, "[-]shutdown failed: stopping\n");
    for (size_t i = 0; i < ops->check_count; i++) {
        const char *reason = ops->checks[i].fn(ops->checks[i].ctx);

        if (reason == NULL) {
            gn_buf_printf(out, "[+]%s ok\n", ops->checks[i].name);
        } else {
            gn_buf_printf(out, "[-]%s failed: %s\n", ops->checks[i].name, reason);
            is_ready = false;
        }
    }
    return is_ready;
}

static void answer_ready(const struct gn_ops *ops, struct gn_http_request *request)
{
    struct gn_buf body = GN_BUF_INIT;
    struct gn_http_reply reply = {.content_type = "text/plain; charset=utf-8"};
    bool is_verbose = gn_str_has_prefix(gn_http_query(request), GN_STR("verbose"));
    bool is_ready = write_checks(ops, &body);

    if (is_ready && !is_verbose)
        gn_buf_reset(&body);
    gn_buf_puts(&body, is_ready ? "ok\n" : "not ready\n");
    reply.status = is_ready ? 200 : 503;
    reply.body = gn_buf_str(&body);
    gn_http_reply(request, &reply);
    gn_buf_free(&body);
}

bool gn_ops_handle_probe(struct gn_ops *ops, struct gn_http_request *request)
{
    struct gn_str path = gn_http_path(request);
    bool is_ready = gn_str_eq(path, GN_STR("/readyz"));

    if (!is_ready && !gn_str_eq(path, GN_STR("/livez")) && !gn_str_eq(path, GN_STR("/healthz")))
        return false;
    if (!is_read(request))
        gn_reply_bad_method(request);
    else if (is_ready)
        answer_ready(ops, request);
    else
        gn_reply_text(request, 200, "ok\n"); /* the loop turns: that is all it says */
    return true;
}

void gn_ops_on_request(void *ctx, struct gn_http_request *request)
{
    struct gn_ops *ops = ctx;

    if (gn_ops_handle_probe(ops, request) || gn_openapi_handle(request))
        return;
    if (!gn_str_eq(gn_http_path(request), GN_STR("/metrics"))) {
        if (ops->further == NULL || !ops->further(ops->further_ctx, request))
            gn_reply_not_found(request);
        return;
    }
    if (!is_read(request))
        gn_reply_bad_method(request);
    else
        answer_metrics(ops, request);
}
