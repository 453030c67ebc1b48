/* What the answer to an exchange means: the end of the call, or one more exchange. Whatever the
 * BMC sends is bounded here: length, packing, depth, redirects, waiting. */
#include "client_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/redfish/event_service.h"
#include "gurnard/redfish/unpack.h"

#define JSON_DEPTH_MAX  32
#define JSON_TOKENS_MAX 262144 /* a tree of some 20 MiB */

/* ---- failures ---- */

static const char *tls_reason(const struct gn_http_result *result)
{
    switch (result->tls_fault) {
    case GN_HTTP_TLS_FAULT_UNKNOWN_CA:
        return "the certificate is self-signed or of an unknown CA";
    case GN_HTTP_TLS_FAULT_NAME:
        return "the certificate is for another host";
    case GN_HTTP_TLS_FAULT_TIME:
        return "the certificate has expired or is not valid yet";
    case GN_HTTP_TLS_FAULT_PIN:
        return "the certificate is not the one that is pinned";
    case GN_HTTP_TLS_FAULT_NONE:
    case GN_HTTP_TLS_FAULT_OTHER:
        break;
    }
    return result->reason;
}

static void fail_exchange(struct gn_bmc_call *call, const struct gn_http_result *result)
{
    if (result->tls_fault != GN_HTTP_TLS_FAULT_NONE)
        gn_bmc_call_fail(call, GN_BMC_END_TLS, 0, tls_reason(result));
    else if (result->err == GN_ETIMEOUT)
        gn_bmc_call_fail(call, GN_BMC_END_TIMEOUT, 0, result->reason);
    else if (result->err == GN_ENOMEM)
        gn_bmc_call_fail(call, GN_BMC_END_NOMEM, 0, GN_BMC_REASON_NOMEM);
    else if (result->err == GN_EPARSE || result->err == GN_EINVAL)
        gn_bmc_call_fail(call, GN_BMC_END_HOSTILE, 0, result->reason);
    else
        gn_bmc_call_fail(call, GN_BMC_END_UNREACHABLE, 0, result->reason);
}

static void fail_hostile(struct gn_bmc_call *call, const struct gn_http_result *result,
                         const char *reason)
{
    gn_bmc_call_fail(call, GN_BMC_END_HOSTILE, result->status, reason);
}

/* ---- redirects ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 303 says: what you look for is there, GET it. */
static void become_get(struct gn_bmc_call *call)
{
    if (call->phase != GN_BMC_PHASE_REQUEST)
        return;
    call->method = "GET";
    free(call->etag);
    call->etag = NULL;
    if (call->body != NULL)
        explicit_bzero(call->body, call->body_len);
    free(call->body);
    call->body = NULL;
}

static void follow(struct gn_bmc_call *call, const struct gn_http_result *result)
{
    struct gn_buf to = gn_buf_with_limit(GN_SERVICE_URI_MAX);
    char **uri = gn_bmc_call_uri(call);
    enum gn_err err;

    call->redirects++;
    if (call->redirects > GN_BMC_REDIRECTS_MAX) {
        fail_hostile(call, result, "too many redirects");
        return;
    }
    err = gn_bmc_redirect(call->link->base, *uri, result->location, &to);
    if (err != GN_OK) {
        gn_buf_free(&to);
        if (err == GN_ENOMEM)
            gn_bmc_call_fail(call, GN_BMC_END_NOMEM, 0, GN_BMC_REASON_NOMEM);
        else if (err == GN_EREFUSED)
            fail_hostile(call, result, "a redirect to another scheme, host or port");
        else
            fail_hostile(call, result, "a redirect to what is no URI");
        return;
    }
    if (result->status == 303)
        become_get(call);
    free(*uri);
    *uri = gn_buf_take(&to);
    gn_bmc_call_go_on(call);
}

/* ---- bodies ---- */

/* What was made of a body. */
struct content {
    struct gn_buf unpacked;
    struct gn_str raw; /* the answer's bytes or unpacked */
    json_t *json;      /* owned; NULL: none */
};

/* Whether the body is to be unpacked here. gzip is known by its first bytes, whatever is said of
 * it; a large raw one would hold the loop for too long. */
static bool is_packed(const struct gn_bmc_call *call, struct gn_str encoding, struct gn_str body)
{
    if (gn_str_eq_nocase(encoding, GN_STR("deflate")))
        return body.len > 0;
    return !call->is_raw && gn_unpack_is_gzip(body);
}

/* NULL, or what is wrong. */
static const char *unpack(const struct gn_bmc_call *call, struct gn_str encoding,
                          struct content *content, size_t max_bytes, enum gn_err *err)
{
    *err = GN_OK;
    if (!is_packed(call, gn_str_trim(encoding), content->raw))
        return NULL;
    *err = gn_unpack_gzip(content->raw, max_bytes, &content->unpacked);
    if (*err == GN_ELIMIT)
        return "the body unpacks to more than is allowed";
    if (*err != GN_OK)
        return "the body's gzip is broken";
    content->raw = gn_buf_str(&content->unpacked);
    return NULL;
}

/* What is no JSON stays without. NULL, or what is wrong. */
static const char *parse(const struct gn_bmc_call *call, struct content *content, size_t max_bytes,
                         enum gn_err *err)
{
    const struct gn_json_limits limits = {.max_bytes = max_bytes,
                                          .max_depth = JSON_DEPTH_MAX,
                                          .max_tokens = JSON_TOKENS_MAX};

    *err = GN_OK;
    if (call->is_raw || gn_str_trim(content->raw).len == 0)
        return NULL;
    *err = gn_json_parse(content->raw, &limits, &content->json);
    if (*err == GN_ELIMIT)
        return "the JSON is too deep or holds too many values";
    if (*err == GN_EPARSE)
        *err = GN_OK;
    return *err == GN_OK ? NULL : GN_BMC_REASON_NOMEM;
}

/* *err: GN_OK, GN_ENOMEM, or else it is hostile; the reason is returned then. */
static const char *read_content(const struct gn_bmc_call *call, const struct gn_http_result *result,
                                struct content *content, enum gn_err *err)
{
    const size_t max_bytes =
        call->phase == GN_BMC_PHASE_REQUEST ? call->max_bytes : GN_BMC_ANSWER_MAX;
    const char *wrong;

    *content = (struct content){.unpacked = GN_BUF_INIT, .raw = result->body};
    *err = GN_ELIMIT;
    if (result->is_cut)
        return "the body is longer than is allowed";
    wrong = unpack(call, result->encoding, content, max_bytes, err);
    return wrong != NULL ? wrong : parse(call, content, max_bytes, err);
}

static void free_content(struct content *content)
{
    gn_buf_free(&content->unpacked);
    json_decref(content->json);
}

/* ---- answers ---- */

static bool is_fine(int status)
{
    return (status >= 200 && status < 300) || status == 304;
}

/* Tells what the BMC has against it. Texts of the BMC do not go into the reason: they may repeat
 * what was sent, tokens and passwords too. */
static void explain(struct gn_bmc_answer *answer, char reason[GN_BMC_REASON_MAX])
{
    if (is_fine(answer->status))
        return;
    gn_service_error_read(answer->status, answer->body,
                          answer->body == NULL ? answer->raw : GN_STR_NONE, &answer->error);
    (void)snprintf(reason, GN_BMC_REASON_MAX, "HTTP %d%s%s", answer->status,
                   answer->error.key[0] != '\0' ? " " : "", answer->error.key); /* always fits */
    answer->reason = reason;
}

static struct gn_bmc_answer answer_of(const struct gn_http_result *result,
                                      const struct content *content)
{
    struct gn_bmc_answer answer = {.end = GN_BMC_END_ANSWER,
                                   .status = result->status,
                                   .body = content->json,
                                   .raw = content->raw,
                                   .etag = result->etag,
                                   .retry_after_ms = result->retry_after_ms,
                                   .reason = ""};

    if (answer.etag.len == 0)
        answer.etag = gn_json_str(content->json, "@odata.etag");
    if (!gn_service_uri(result->location, answer.location))
        answer.location[0] = '\0';
    return answer;
}

/* ---- ETags ---- */

static bool wants_etag(const struct gn_bmc_call *call, int status)
{
    return (status == 412 || status == 428) && call->phase == GN_BMC_PHASE_REQUEST &&
           !call->has_fresh_etag &&
           (strcmp(call->method, "PATCH") == 0 || strcmp(call->method, "DELETE") == 0);
}

static void fetch_etag(struct gn_bmc_call *call, struct gn_bmc_answer *answer)
{
    char reason[GN_BMC_REASON_MAX];

    explain(answer, reason);
    call->status = answer->status;
    call->refused_error = answer->error;
    call->has_fresh_etag = true;
    call->phase = GN_BMC_PHASE_ETAG;
    gn_bmc_call_go_on(call);
}

/* The GET for an ETag was answered. Without one the first answer stands. */
static void take_etag(struct gn_bmc_call *call, const struct gn_bmc_answer *answer)
{
    struct gn_bmc_answer refused = {.end = GN_BMC_END_ANSWER, .status = call->status};
    char *etag;

    if (!gn_bmc_is_done(answer) || answer->etag.len == 0) {
        refused.error = call->refused_error;
        refused.reason = "the precondition failed, and no ETag can be had";
        gn_bmc_call_finish(call, &refused);
        return;
    }
    etag = gn_str_dup(answer->etag);
    if (etag == NULL) {
        gn_bmc_call_fail(call, GN_BMC_END_NOMEM, 0, GN_BMC_REASON_NOMEM);
        return;
    }
    free(call->etag);
    call->etag = etag;
    call->phase = GN_BMC_PHASE_REQUEST;
    gn_bmc_call_go_on(call);
}

/* ---- the decision ---- */

static bool must_wait(const struct gn_bmc_call *call, const struct gn_http_result *result)
{
    return (result->status == 503 || result->status == 429) && !call->has_waited &&
           call->phase != GN_BMC_PHASE_TASK && result->retry_after_ms > 0 &&
           result->retry_after_ms <= GN_BMC_RETRY_AFTER_MAX_MS;
}

static void decide(struct gn_bmc_call *call, struct gn_bmc_answer *answer)
{
    char reason[GN_BMC_REASON_MAX];

    if (call->phase == GN_BMC_PHASE_ETAG) {
        take_etag(call, answer);
    } else if (wants_etag(call, answer->status)) {
        fetch_etag(call, answer);
    } else if (!gn_bmc_task_take(call, answer)) {
        explain(answer, reason);
        if (call->kind == GN_BMC_STREAM && gn_bmc_is_done(answer) && !call->is_open)
            answer->reason = "the answer is no text/event-stream";
        gn_bmc_call_finish(call, answer);
    }
}

static void take_content(struct gn_bmc_call *call, const struct gn_http_result *result)
{
    struct content content;
    struct gn_bmc_answer answer;
    enum gn_err err;
    const char *wrong = read_content(call, result, &content, &err);

    if (wrong == NULL && call->kind == GN_BMC_LOGIN && is_fine(result->status) &&
        !gn_secret_set(&call->token, result->auth_token)) {
        wrong = GN_BMC_REASON_NOMEM;
        err = GN_ENOMEM;
    }
    if (wrong == NULL) {
        answer = answer_of(result, &content);
        decide(call, &answer);
    } else if (err == GN_ENOMEM) {
        gn_bmc_call_fail(call, GN_BMC_END_NOMEM, 0, wrong);
    } else {
        fail_hostile(call, result, wrong);
    }
    free_content(&content);
}

void gn_bmc_answer_take(struct gn_bmc_call *call, const struct gn_http_result *result)
{
    if (call->is_stream_refused) {
        fail_hostile(call, result, "the stream was not acceptable");
        return;
    }
    if (result->err != GN_OK) {
        fail_exchange(call, result);
        return;
    }
    if (result->status == 401) {
        gn_bmc_auth_refused(call);
        return;
    }
    if (is_fine(result->status))
        gn_bmc_auth_accepted(call);
    if (is_redirect(result->status)) {
        follow(call, result);
    } else if (must_wait(call, result)) {
        call->has_waited = true;
        gn_bmc_call_pause(call, result->retry_after_ms);
    } else {
        take_content(call, result);
    }
}
