/* The entrance of the Redfish client: requests and streams are checked, copied and queued. */
#include "client_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/url.h"

/* The static text of method, NULL when it is none of ours. */
static const char *known_method(const char *method)
{
    static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE"};

    for (size_t i = 0; i < GN_LEN(methods); i++) {
        if (strcmp(methods[i], method) == 0)
            return methods[i];
    }
    return NULL;
}

static enum gn_err check_uri(const struct gn_bmc_link *link, const char *uri)
{
    struct gn_buf url = gn_buf_with_limit(GN_URL_MAX);
    struct gn_url parts;
    enum gn_err err;

    if (uri[0] != '/')
        return GN_EINVAL;
    gn_buf_puts(&url, link->base);
    gn_buf_puts(&url, uri);
    err = gn_buf_err(&url) == GN_ENOMEM ? GN_ENOMEM : GN_OK;
    if (err == GN_OK &&
        (gn_buf_err(&url) != GN_OK || gn_url_parse(gn_buf_str(&url), &parts) != GN_OK))
        err = GN_EINVAL;
    gn_buf_free(&url);
    return err;
}

static bool copy_parts(struct gn_bmc_call *call, const struct gn_bmc_request *request)
{
    if (request->body.len > 0) {
        call->body = gn_str_dup(request->body);
        call->body_len = request->body.len;
        if (call->body == NULL)
            return false;
    }
    if (request->etag != NULL) {
        call->etag = strdup(request->etag);
        if (call->etag == NULL)
            return false;
    }
    return true;
}

enum gn_err gn_bmc_send(struct gn_bmc_link *link, const struct gn_bmc_request *request,
                        gn_bmc_answer_fn done, void *ctx, struct gn_bmc_call **call_out)
{
    const char *method = known_method(request->method);
    struct gn_bmc_call *call;
    enum gn_err err = check_uri(link, request->uri);

    if (err != GN_OK)
        return err;
    if (method == NULL || (strcmp(method, "GET") == 0 && request->body.len > 0))
        return GN_EINVAL;
    if (link->is_closing)
        return GN_ECANCELED;
    call = gn_bmc_call_new(link, GN_BMC_REQUEST, method, request->uri);
    if (call == NULL)
        return GN_ENOMEM;
    if (!copy_parts(call, request)) {
        gn_bmc_call_free(call);
        return GN_ENOMEM;
    }
    call->is_raw = request->is_raw;
    call->is_anonymous = request->is_anonymous;
    if (request->max_bytes > 0)
        call->max_bytes = request->max_bytes;
    if (request->timeout_ms > 0)
        call->timeout_ms = request->timeout_ms;
    call->done = done;
    call->ctx = ctx;
    if (call_out != NULL)
        *call_out = call;
    if (gn_bmc_link_is_locked(link))
        gn_bmc_call_fail_later(call, GN_BMC_END_LOCKED, 0, GN_BMC_REASON_LOCKED);
    else
        gn_bmc_call_move(call, GN_BMC_CALL_QUEUED);
    return GN_OK;
}

enum gn_err gn_bmc_stream(struct gn_bmc_link *link, const char *uri, struct gn_str last_id,
                          gn_bmc_bytes_fn bytes, gn_bmc_answer_fn done, void *ctx,
                          struct gn_bmc_call **call_out)
{
    struct gn_bmc_call *call;
    enum gn_err err = check_uri(link, uri);

    if (err != GN_OK)
        return err;
    if (link->is_closing)
        return GN_ECANCELED;
    call = gn_bmc_call_new(link, GN_BMC_STREAM, "GET", uri);
    if (call == NULL)
        return GN_ENOMEM;
    if (last_id.len > 0) {
        call->last_id = gn_str_dup(last_id);
        if (call->last_id == NULL) {
            gn_bmc_call_free(call);
            return GN_ENOMEM;
        }
    }
    call->timeout_ms = GN_HTTP_NO_TIMEOUT;
    call->bytes = bytes;
    call->done = done;
    call->ctx = ctx;
    if (call_out != NULL)
        *call_out = call;
    gn_bmc_call_go_on(call);
    return GN_OK;
}

void gn_bmc_cancel(struct gn_bmc_call *call)
{
    gn_bmc_call_drop(call);
}
