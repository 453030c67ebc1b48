/* Calls of the Redfish client: made, moved from list to list, sent exchange by exchange, ended. */
#include "client_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/log.h"
#include "gurnard/base/url.h"

#define LINES_MAX 8
#define HEAD_ROOM 256 /* bytes of all lines without ETag, id and credentials */

/* ---- life ---- */

struct gn_bmc_call *gn_bmc_call_new(struct gn_bmc_link *link, enum gn_bmc_kind kind,
                                    const char *method, const char *uri)
{
    struct gn_bmc_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->uri = strdup(uri);
    if (call->uri == NULL) {
        free(call);
        return NULL;
    }
    call->link = link;
    link->refs++;
    call->kind = kind;
    call->method = method;
    call->max_bytes = GN_BMC_ANSWER_MAX;
    call->timeout_ms = link->client->config.timeout_ms;
    return call;
}

void gn_bmc_call_free(struct gn_bmc_call *call)
{
    if (call == NULL)
        return;
    GN_ASSERT(call->http == NULL &&
              (call->state == GN_BMC_CALL_NEW || call->state == GN_BMC_CALL_ENDED));
    if (call->body != NULL)
        explicit_bzero(call->body, call->body_len);
    free(call->body);
    gn_secret_free(&call->token);
    free(call->uri);
    free(call->monitor);
    free(call->etag);
    free(call->last_id);
    gn_timer_fini(&call->timer);
    gn_bmc_link_unref(call->link);
    free(call);
}

char **gn_bmc_call_uri(struct gn_bmc_call *call)
{
    return call->phase == GN_BMC_PHASE_TASK ? &call->monitor : &call->uri;
}

/* ---- states ---- */

static struct gn_bmc_calls *list_of(struct gn_bmc_call *call)
{
    switch (call->state) {
    case GN_BMC_CALL_NEW:
    case GN_BMC_CALL_ENDED:
        break;
    case GN_BMC_CALL_QUEUED:
        return &call->link->queue;
    case GN_BMC_CALL_READY:
        return &call->link->ready;
    case GN_BMC_CALL_FLYING:
    case GN_BMC_CALL_LANDED:
    case GN_BMC_CALL_PAUSED:
    case GN_BMC_CALL_ENDING:
        return &call->link->away;
    }
    return NULL;
}

static bool is_waiting(const struct gn_bmc_call *call)
{
    return call->kind == GN_BMC_REQUEST && call->state != GN_BMC_CALL_NEW &&
           call->state != GN_BMC_CALL_FLYING && call->state != GN_BMC_CALL_ENDED;
}

/* Counts call in (by 1) or out (by -1) of all that its state belongs to. */
static void count_state(struct gn_bmc_call *call, int by)
{
    struct gn_bmc_link *link = call->link;
    struct gn_bmc_client *client = link->client;
    const uint32_t step = (uint32_t)by; /* wraps: adding UINT32_MAX takes one away */

    if (is_waiting(call))
        client->waiting += step;
    if (call->state != GN_BMC_CALL_FLYING || call->kind == GN_BMC_STREAM)
        return;
    client->flying += step;
    link->flying += step;
    if (call->has_credentials)
        link->trying += step;
    if (client->active != NULL)
        gn_metric_set(client->active, client->flying);
}

/* A request holds a place from its beginning to its end. */
static void hold_place(struct gn_bmc_call *call, bool holds)
{
    if (call->kind != GN_BMC_REQUEST || call->has_place == holds)
        return;
    call->has_place = holds;
    call->link->begun += holds ? 1U : UINT32_MAX;
}

void gn_bmc_call_move(struct gn_bmc_call *call, enum gn_bmc_call_state state)
{
    struct gn_bmc_calls *list = list_of(call);

    GN_ASSERT(call->state != GN_BMC_CALL_ENDED);
    if (list != NULL)
        TAILQ_REMOVE(list, call, entry);
    count_state(call, -1);
    call->state = state;
    count_state(call, 1);
    list = list_of(call);
    if (list != NULL && call->kind == GN_BMC_LOGIN)
        TAILQ_INSERT_HEAD(list, call, entry); /* others wait for it */
    else if (list != NULL)
        TAILQ_INSERT_TAIL(list, call, entry);
    if (state == GN_BMC_CALL_READY)
        hold_place(call, true);
    else if (state == GN_BMC_CALL_ENDING || state == GN_BMC_CALL_ENDED)
        hold_place(call, false);
    if (state != GN_BMC_CALL_FLYING)
        gn_bmc_client_wake(call->link);
}

void gn_bmc_call_go_on(struct gn_bmc_call *call)
{
    if (gn_bmc_link_is_locked(call->link))
        gn_bmc_call_fail_later(call, GN_BMC_END_LOCKED, 0, GN_BMC_REASON_LOCKED);
    else
        gn_bmc_call_move(call, GN_BMC_CALL_READY);
}

static void on_timer(void *ctx)
{
    gn_bmc_call_go_on(ctx);
}

void gn_bmc_call_pause(struct gn_bmc_call *call, uint64_t delay_ms)
{
    gn_bmc_call_move(call, GN_BMC_CALL_PAUSED);
    if (call->timer.loop == NULL)
        gn_timer_init(&call->timer, call->link->client->loop, on_timer, call);
    gn_timer_start(&call->timer, delay_ms);
}

/* ---- ends ---- */

void gn_bmc_call_finish(struct gn_bmc_call *call, const struct gn_bmc_answer *answer)
{
    gn_bmc_client_count(call->link->client, answer);
    if (call->kind == GN_BMC_REQUEST || call->kind == GN_BMC_STREAM)
        gn_log_debug("bmc.request bmc=%s method=%s uri=%s status=%d reason=%s", call->link->name,
                     call->method, call->uri, answer->status, answer->reason);
    gn_bmc_call_move(call, GN_BMC_CALL_ENDED);
    call->done(call->ctx, answer); /* link and client may be gone but for our reference */
    gn_bmc_call_free(call);
}

void gn_bmc_call_fail(struct gn_bmc_call *call, enum gn_bmc_end end, int status, const char *reason)
{
    struct gn_bmc_answer answer = {.end = end, .status = status, .reason = reason};

    if (status > 0)
        gn_service_error_read(status, NULL, GN_STR_NONE, &answer.error);
    gn_bmc_call_finish(call, &answer);
}

static void on_end(void *ctx)
{
    struct gn_bmc_call *call = ctx;

    gn_bmc_call_fail(call, call->end, call->status, call->reason);
}

void gn_bmc_call_fail_later(struct gn_bmc_call *call, enum gn_bmc_end end, int status,
                            const char *reason)
{
    size_t len = strnlen(reason, sizeof(call->reason) - 1);

    gn_timer_stop(&call->timer);
    call->end = end;
    call->status = status;
    memcpy(call->reason, reason, len);
    call->reason[len] = '\0';
    gn_bmc_call_move(call, GN_BMC_CALL_ENDING);
    gn_defer_call(call->link->client->loop, &call->defer, on_end, call);
}

void gn_bmc_call_drop(struct gn_bmc_call *call)
{
    const bool is_flying = call->state == GN_BMC_CALL_FLYING;

    if (call->state == GN_BMC_CALL_ENDED)
        return;
    gn_timer_stop(&call->timer);
    gn_defer_cancel(&call->defer);
    gn_bmc_call_move(call, GN_BMC_CALL_ENDED);
    if (is_flying)
        gn_http_cancel(call->http); /* which borrows body and ca_file until its done */
    else
        gn_bmc_call_free(call);
}

/* ---- one exchange ---- */

static void on_http_done(void *ctx, const struct gn_http_result *result)
{
    struct gn_bmc_call *call = ctx;

    call->http = NULL;
    if (call->state == GN_BMC_CALL_ENDED) {
        gn_bmc_call_free(call);
        return;
    }
    gn_bmc_call_move(call, GN_BMC_CALL_LANDED);
    gn_bmc_link_note(call->link, result);
    gn_bmc_answer_take(call, result);
}

/* The first call has no bytes. */
static bool on_stream_bytes(void *ctx, struct gn_str bytes)
{
    struct gn_bmc_call *call = ctx;

    if (!call->is_open)
        gn_bmc_auth_accepted(call);
    call->is_open = true;
    call->is_stream_refused = !call->bytes(call->ctx, bytes);
    return !call->is_stream_refused;
}

/* Ends a header line. They stand one behind another, each with a NUL. */
static void add_line(struct gn_buf *head, const char *name, const char *value)
{
    gn_buf_puts(head, name);
    gn_buf_puts(head, value);
    gn_buf_putc(head, '\0');
}

static const char *accepted(const struct gn_bmc_call *call)
{
    if (call->kind == GN_BMC_STREAM)
        return GN_BMC_STREAM_TYPE;
    return call->is_raw ? "*/*" : "application/json";
}

static enum gn_err write_head(const struct gn_bmc_call *call, bool is_first, bool has_body,
                              struct gn_buf *head)
{
    const bool is_get = strcmp(call->method, "GET") == 0;
    size_t room = HEAD_ROOM + gn_bmc_auth_room(call);
    size_t before;
    enum gn_err err;

    room += call->etag != NULL ? strlen(call->etag) : 0;
    room += call->last_id != NULL ? strlen(call->last_id) : 0;
    gn_buf_reserve(head, room); /* once: secrets must not be left behind by a move */
    add_line(head, "Accept: ", accepted(call));
    add_line(head, "OData-Version: ", "4.0");
    if (call->kind != GN_BMC_STREAM)
        add_line(head, "Accept-Encoding: ", "gzip");
    if (has_body)
        add_line(head, "Content-Type: ", "application/json");
    if (is_first && call->etag != NULL)
        add_line(head, is_get ? "If-None-Match: " : "If-Match: ", call->etag);
    if (call->last_id != NULL)
        add_line(head, "Last-Event-ID: ", call->last_id);
    before = head->len;
    err = gn_bmc_auth_add(call, head);
    if (err == GN_OK && head->len > before)
        gn_buf_putc(head, '\0');
    return err == GN_OK ? gn_buf_err(head) : err;
}

static void point_at_lines(const struct gn_buf *head, const char *lines[LINES_MAX])
{
    size_t count = 0;

    for (size_t at = 0; at < head->len; at += strlen(head->data + at) + 1) {
        GN_ASSERT(count + 1 < LINES_MAX);
        lines[count++] = head->data + at;
    }
    lines[count] = NULL;
}

static enum gn_err send_exchange(struct gn_bmc_call *call)
{
    struct gn_bmc_link *link = call->link;
    const bool is_first = call->phase == GN_BMC_PHASE_REQUEST;
    const bool has_body = is_first && call->body != NULL;
    struct gn_buf url = gn_buf_with_limit(GN_URL_MAX);
    struct gn_buf head = GN_BUF_INIT;
    const char *lines[LINES_MAX];
    struct gn_http_tls tls;
    struct gn_http_out out = {.method = is_first ? call->method : "GET", .headers = lines};
    enum gn_err err;

    gn_buf_puts(&url, link->base);
    gn_buf_puts(&url, *gn_bmc_call_uri(call));
    err = gn_buf_err(&url);
    if (err == GN_OK)
        err = write_head(call, is_first, has_body, &head);
    if (err != GN_OK)
        goto out;
    point_at_lines(&head, lines);
    out.url = url.data;
    if (has_body)
        out.body[0] = (struct gn_str){call->body, call->body_len};
    out.timeout_ms = call->timeout_ms;
    out.max_answer_bytes = is_first ? call->max_bytes : GN_BMC_ANSWER_MAX;
    out.tls = gn_bmc_link_tls(link, &tls);
    if (call->kind == GN_BMC_STREAM) {
        out.on_data = on_stream_bytes;
        out.stream_type = GN_BMC_STREAM_TYPE;
    }
    err = gn_http_send(link->client->http, &out, on_http_done, call, &call->http);
out:
    if (head.data != NULL)
        explicit_bzero(head.data, head.cap);
    gn_buf_free(&head);
    gn_buf_free(&url);
    return err;
}

void gn_bmc_call_fly(struct gn_bmc_call *call)
{
    enum gn_err err;

    call->has_credentials = gn_bmc_auth_wants(call);
    call->epoch = call->link->epoch;
    err = send_exchange(call);
    if (err == GN_OK)
        gn_bmc_call_move(call, GN_BMC_CALL_FLYING);
    else if (err == GN_ENOMEM)
        gn_bmc_call_fail_later(call, GN_BMC_END_NOMEM, 0, GN_BMC_REASON_NOMEM);
    else /* the uri is checked: this is an ETag or token that came from the BMC */
        gn_bmc_call_fail_later(call, GN_BMC_END_HOSTILE, 0, "what the BMC gave fits no header");
}
