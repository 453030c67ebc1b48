/* Between the HTTP server and the tree: whom a request is for, what faults it meets, and how the
 * answer goes out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/must_alloc.h"
#include "sim_priv.h"

#define JSON_TYPE     "application/json;charset=utf-8"
#define ENDLESS_MS    5U
#define ENDLESS_BYTES 16384U
#define ELSEWHERE     "http://192.0.2.1/redfish/v1" /* a documentation address: nobody is there */

static void read_request(struct gn_sim *sim, const struct gn_http_request *http,
                         struct sim_request *request)
{
    *request = (struct sim_request){
        .method = gn_http_method(http),
        .path = gn_http_path(http),
        .query = gn_http_query(http),
        .body = gn_http_body(http),
        .host = gn_http_header(http, "Host"),
        .authorization = gn_http_header(http, "Authorization"),
        .token = gn_http_header(http, "X-Auth-Token"),
        .if_match = gn_http_header(http, "If-Match"),
        .if_none_match = gn_http_header(http, "If-None-Match"),
        .accept = gn_http_header(http, "Accept"),
        .accept_encoding = gn_http_header(http, "Accept-Encoding"),
        .last_event_id = gn_http_header(http, "Last-Event-ID"),
        .is_tls = sim->config.tls != NULL,
    };
}

/* ---- out ---- */

/* The answer as the server takes it; pairs must hold two for each header and NULL. */
static struct gn_http_reply as_http(const struct sim_reply *reply, struct gn_str body,
                                    const char **pairs)
{
    size_t at = 0;

    pairs[at++] = "OData-Version";
    pairs[at++] = "4.0";
    for (size_t i = 0; i < reply->header_count; i++) {
        pairs[at++] = reply->headers[i].name;
        pairs[at++] = reply->headers[i].value;
    }
    pairs[at] = NULL;
    return (struct gn_http_reply){
        .status = reply->status,
        .content_type = body.len == 0         ? NULL
                        : reply->type != NULL ? reply->type
                                              : JSON_TYPE,
        .body = body,
        .headers = pairs,
    };
}

static void pending_free(struct sim_pending *pending)
{
    TAILQ_REMOVE(&pending->sim->pending, pending, link);
    gn_timer_fini(&pending->timer);
    if (pending->reply != NULL) {
        gn_sim_reply_fini(pending->reply);
        free(pending->reply);
    }
    free(pending);
}

static struct sim_pending *pending_new(struct sim_bmc *bmc, gn_timer_fn fn)
{
    struct sim_pending *pending = gn_must_calloc("sim", 1, sizeof *pending);

    pending->sim = bmc->sim;
    pending->bmc = bmc;
    gn_timer_init(&pending->timer, bmc->sim->loop, fn, pending);
    TAILQ_INSERT_TAIL(&bmc->sim->pending, pending, link);
    return pending;
}

static void on_endless_closed(void *ctx)
{
    pending_free(ctx);
}

static void on_endless(void *ctx)
{
    struct sim_pending *pending = ctx;
    char blanks[ENDLESS_BYTES];

    memset(blanks, ' ', sizeof blanks);
    gn_http_stream_write(pending->stream, (struct gn_str){blanks, sizeof blanks});
    gn_timer_start(&pending->timer, ENDLESS_MS);
}

static void send_endless(struct sim_bmc *bmc, struct gn_http_request *http,
                         const struct gn_http_reply *reply)
{
    struct sim_pending *pending = pending_new(bmc, on_endless);

    pending->stream = gn_http_reply_stream(http, reply, on_endless_closed, pending);
    if (pending->stream == NULL)
        pending_free(pending);
    else
        gn_timer_start(&pending->timer, 0);
}

static void send_half(struct gn_http_request *http, struct gn_http_reply *reply)
{
    struct gn_http_stream *stream;

    reply->body.len /= 2;
    stream = gn_http_reply_stream(http, reply, NULL, NULL);
    if (stream != NULL)
        gn_http_stream_end(stream, true);
}

static void send_stream(struct sim_sub *sub, struct gn_http_request *http,
                        const struct gn_http_reply *reply)
{
    sub->stream = gn_http_reply_stream(http, reply, gn_sim_stream_closed, sub);
    if (sub->stream == NULL)
        gn_sim_sub_delete(sub);
}

static void send_answer(struct sim_bmc *bmc, struct gn_http_request *http, struct sim_reply *reply,
                        enum gn_sim_hostile hostile)
{
    const char *pairs[2 * (SIM_HEADERS_MAX + 1) + 1];
    char *text = reply->body == NULL ? NULL : json_dumps(reply->body, JSON_INDENT(2));
    struct gn_str body = text == NULL ? gn_buf_str(&reply->bytes) : gn_str_of(text);
    struct gn_http_reply out;

    if (hostile == GN_SIM_GARBAGE)
        body = GN_STR("<html><body>The page is being worked on.</body></html>");
    if (hostile == GN_SIM_REDIRECT) {
        reply->status = 307;
        gn_sim_reply_header(reply, "Location", ELSEWHERE);
    }
    out = as_http(reply, body, pairs);
    if (reply->kind == SIM_EVENTS && hostile == GN_SIM_ENDLESS)
        gn_sim_sub_delete(reply->sub); /* a line without an end instead of its events */
    if (hostile == GN_SIM_ENDLESS)
        send_endless(bmc, http, &out);
    else if (reply->kind == SIM_EVENTS)
        send_stream(reply->sub, http, &out);
    else if (hostile == GN_SIM_HALF && body.len > 1)
        send_half(http, &out);
    else
        gn_http_reply(http, &out);
    free(text);
}

static void end_request(struct sim_bmc *bmc)
{
    bmc->now_requests--;
    bmc->sim->now_requests--;
}

/* ---- late answers ---- */

static void on_delay_over(void *ctx)
{
    struct sim_pending *pending = ctx;

    gn_sim_tick(pending->sim);
    end_request(pending->bmc);
    send_answer(pending->bmc, pending->request, pending->reply, pending->hostile);
    pending_free(pending);
}

static void delay(struct sim_bmc *bmc, struct gn_http_request *http, struct sim_reply *reply,
                  enum gn_sim_hostile hostile, uint32_t delay_ms)
{
    struct sim_pending *pending = pending_new(bmc, on_delay_over);

    pending->request = http;
    pending->hostile = hostile;
    pending->reply = gn_must_malloc("sim", sizeof *reply);
    *pending->reply = *reply; /* with what it owns */
    gn_timer_start(&pending->timer, delay_ms);
}

void gn_sim_pending_end(struct gn_sim *sim)
{
    struct sim_pending *pending, *next;

    TAILQ_FOREACH_SAFE (pending, &sim->pending, link, next) {
        if (pending->stream != NULL)
            gn_http_stream_end(pending->stream, true);
        else
            gn_http_drop(pending->request);
        pending_free(pending);
    }
}

/* ---- in ---- */

static void count_request(struct sim_bmc *bmc, const struct sim_request *request)
{
    char key[256];
    json_int_t before;

    bmc->requests++;
    if (bmc->seen == NULL)
        bmc->seen = json_object();
    (void)snprintf(key, sizeof key, "%.*s %.*s", (int)request->method.len, request->method.p,
                   (int)request->path.len, request->path.p);
    before = json_integer_value(json_object_get(bmc->seen, key));
    if (before > 0 || json_object_size(bmc->seen) < SIM_SEEN_MAX)
        (void)json_object_set_new(bmc->seen, key, json_integer(before + 1));
    if (++bmc->now_requests > bmc->max_requests)
        bmc->max_requests = bmc->now_requests;
    if (++bmc->sim->now_requests > bmc->sim->max_requests)
        bmc->sim->max_requests = bmc->sim->now_requests;
}

static void answer_status(struct sim_bmc *bmc, struct sim_reply *reply)
{
    const struct gn_sim_faults *faults = &bmc->faults;
    struct sim_visit visit = {.bmc = bmc, .reply = reply};

    *reply = (struct sim_reply){.bytes = GN_BUF_INIT};
    gn_sim_error(&visit, faults->http_status,
                 faults->http_status == 401   ? "NoValidSession"
                 : faults->http_status == 503 ? "ServiceTemporarilyUnavailable"
                                              : "GeneralError",
                 NULL, NULL);
    bmc->unauthorized += faults->http_status == 401 ? 1 : 0;
    if (faults->retry_after_s > 0)
        gn_sim_reply_header(reply, "Retry-After", "%u", faults->retry_after_s);
}

static void serve(struct sim_bmc *bmc, const struct sim_request *request,
                  struct gn_http_request *http)
{
    const enum gn_sim_hostile hostile = gn_sim_faults_hostile(&bmc->faults, request->path);
    const uint32_t delay_ms = gn_sim_faults_delay_ms(&bmc->faults, request->path);
    enum gn_sim_verdict verdict;
    struct sim_reply reply;

    count_request(bmc, request);
    verdict = bmc->sim->now_ms < bmc->boot_until_ms
                  ? GN_SIM_MEETS_DROP
                  : gn_sim_faults_meet(&bmc->faults, request->path);
    if (verdict == GN_SIM_MEETS_DROP) {
        end_request(bmc);
        gn_http_drop(http);
        return;
    }
    if (verdict == GN_SIM_MEETS_STATUS)
        answer_status(bmc, &reply);
    else
        gn_sim_answer(bmc, request, &reply);
    if (delay_ms > 0 && reply.kind == SIM_ANSWER) {
        delay(bmc, http, &reply, hostile, delay_ms);
        return;
    }
    end_request(bmc);
    send_answer(bmc, http, &reply, hostile);
    gn_sim_reply_fini(&reply);
}

static bool is_local(struct gn_str peer)
{
    return gn_str_has_prefix(peer, GN_STR("127.")) || gn_str_eq(peer, GN_STR("::1"));
}

static void reply_plain(struct gn_http_request *http, int status)
{
    gn_http_reply(http, &(struct gn_http_reply){.status = status});
}

void gn_sim_on_request(void *ctx, struct gn_http_request *http)
{
    struct gn_sim *sim = ctx;
    const bool is_ours = is_local(gn_http_peer(http));
    struct sim_request request;
    struct sim_reply reply;
    struct sim_bmc *bmc;

    gn_sim_tick(sim);
    read_request(sim, http, &request);
    if (gn_str_has_prefix(request.path, GN_STR("/sim/"))) {
        if (!is_ours) {
            reply_plain(http, 403);
            return;
        }
        gn_sim_control(sim, &request, &reply);
        send_answer(&sim->bmcs[0], http, &reply, GN_SIM_TAME);
        gn_sim_reply_fini(&reply);
        return;
    }
    if (!is_ours && sim->config.is_local_only) {
        reply_plain(http, 403);
        return;
    }
    bmc = gn_sim_bmc_of(sim, request.host);
    if (bmc == NULL)
        reply_plain(http, 421);
    else
        serve(bmc, &request, http);
}
