/* Requests and answers of the HTTP server: what libmicrohttpd calls while a request comes in, the
 * views the handler has of it, and the answer. A handler that answers at once costs nothing extra;
 * only a request still unanswered when its handler returns is suspended. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#include "http_server_priv.h"

#define SPARE_MAX        64                 /* requests kept for reuse */
#define SPARE_BODY_BYTES ((size_t)64 << 10) /* a larger body's memory is given back */
#define BODY_FIRST_BYTES ((size_t)16 << 10) /* room made before any byte has come */
#define TARGET_MAX_BYTES ((size_t)16 << 10) /* above the memory the library has for a head */
/* Of a refused body read, so that the client, which is still sending, sees the answer. */
#define DRAIN_MAX_BYTES  ((uint64_t)1 << 20)

static const char no_bytes[] = "";

/* The library's signature lacks a const; what is MHD_RESPMEM_PERSISTENT it only reads. */
static void *without_const(const void *bytes)
{
    union {
        const void *from;
        void *to;
    } pointer = {.from = bytes};

    return pointer.to;
}

static struct MHD_Response *response_of(struct gn_str body, bool is_static)
{
    return MHD_create_response_from_buffer(body.len,
                                           without_const(body.len == 0 ? no_bytes : body.p),
                                           is_static || body.len == 0 ? MHD_RESPMEM_PERSISTENT
                                                                      : MHD_RESPMEM_MUST_COPY);
}

static void response_drop(struct gn_http_server *server, struct MHD_Response *response)
{
    if (response != NULL && response != server->empty)
        MHD_destroy_response(response);
}

bool gn_http_shared_init(struct gn_http_server *server)
{
    server->empty = response_of(GN_STR_NONE, true);
    server->unavailable = response_of(gn_str_of(gn_http_no_memory.text), true);
    return server->empty != NULL && server->unavailable != NULL;
}

/* ---- request objects ---- */

static struct gn_http_request *request_new(struct gn_http_server *server)
{
    struct gn_http_request *request = LIST_FIRST(&server->spare);

    if (request != NULL) {
        LIST_REMOVE(request, link);
        server->spare_count--;
        return request;
    }
    request = calloc(1, sizeof(*request));
    if (request == NULL)
        return NULL;
    request->server = server;
    request->target = gn_buf_with_limit(TARGET_MAX_BYTES);
    request->body = gn_buf_with_limit(server->config.max_body_bytes);
    return request;
}

static void request_free(struct gn_http_request *request)
{
    gn_buf_free(&request->target);
    gn_buf_free(&request->body);
    free(request);
}

/* Puts the request aside for the next one, its buffers with it. */
static void request_release(struct gn_http_request *request)
{
    struct gn_http_server *server = request->server;
    struct gn_buf target = request->target;
    struct gn_buf body = request->body;

    response_drop(server, request->response);
    if (server->spare_count >= SPARE_MAX) {
        request_free(request);
        return;
    }
    gn_buf_reset(&target);
    if (body.cap > SPARE_BODY_BYTES)
        gn_buf_free(&body);
    else
        gn_buf_reset(&body);
    *request = (struct gn_http_request){.server = server, .target = target, .body = body};
    LIST_INSERT_HEAD(&server->spare, request, link);
    server->spare_count++;
}

void gn_http_shared_free(struct gn_http_server *server)
{
    struct gn_http_request *request;

    while ((request = LIST_FIRST(&server->spare)) != NULL) {
        LIST_REMOVE(request, link);
        request_free(request);
    }
    if (server->empty != NULL)
        MHD_destroy_response(server->empty);
    if (server->unavailable != NULL)
        MHD_destroy_response(server->unavailable);
}

/* ---- answers ---- */

/* Hands response over to the library, which takes its own reference. */
static enum MHD_Result queue(struct gn_http_request *request, struct MHD_Connection *mhd,
                             unsigned status, struct MHD_Response *response, uint64_t bytes)
{
    request->state = GN_HTTP_ANSWERED;
    gn_http_conn_enter(request->conn, GN_HTTP_ANSWER, bytes);
    gn_http_count(request->server, status);
    return MHD_queue_response(mhd, status, response);
}

static void log_refusal(struct gn_http_request *request)
{
    struct gn_http_server *server = request->server;
    const char *text = request->refusal->text;
    uint64_t held;

    if (gn_log_allow(&server->refused_log, gn_loop_now_ms(server->loop), &held))
        gn_log_warn("http.refused server=%s peer=%s status=%d reason=%.*s held=%llu", server->name,
                    gn_http_conn_peer(request->conn).p, request->refusal->status,
                    (int)strcspn(text, "\n"), text, (unsigned long long)held);
}

static enum MHD_Result refuse(struct gn_http_request *request, struct MHD_Connection *mhd)
{
    const struct gn_http_refusal *refusal = request->refusal;
    struct gn_str text = gn_str_of(refusal->text);
    struct MHD_Response *response = response_of(text, true);
    enum MHD_Result result = MHD_NO;

    log_refusal(request);
    if (response == NULL)
        return MHD_NO;
    if (MHD_add_response_header(response, "Content-Type", "text/plain") == MHD_YES &&
        (!refusal->closes || MHD_add_response_header(response, "Connection", "close") == MHD_YES))
        result = queue(request, mhd, (unsigned)refusal->status, response, text.len);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(struct gn_http_request *request, struct MHD_Connection *mhd)
{
    struct MHD_Response *response = request->response;
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO; /* dropped, or no memory for it: the connection is closed */
    request->response = NULL;
    result = queue(request, mhd, request->status, response, request->answer_bytes);
    response_drop(request->server, response);
    return result;
}

/* ---- a request comes in ---- */

void *gn_http_on_target(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct gn_http_conn *conn = gn_http_conn_of(mhd);
    struct gn_http_request *request;

    if (conn == NULL || uri == NULL)
        return NULL;
    request = request_new(cls);
    if (request == NULL)
        return NULL;
    request->conn = conn;
    gn_buf_puts(&request->target, uri);
    request->target_end = uri + strlen(uri);
    gn_http_conn_enter(conn, GN_HTTP_HEADERS, 0);
    return request;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    gn_http_head_add(cls, (struct gn_str){name, name_len}, (struct gn_str){value, value_len});
    return MHD_YES;
}

/* Whether a refused request is answered before its body is read. */
static bool is_refused_at_once(const struct gn_http_request *request,
                               const struct gn_http_head *head)
{
    return request->refusal->is_untrusted || head->expects_continue ||
           head->body_bytes > DRAIN_MAX_BYTES;
}

/* The headers are there, the body not yet. Nothing else is answered here: libmicrohttpd closes the
 * connection after an answer this early, even when no body follows. */
static enum MHD_Result take_head(struct gn_http_request *request, struct MHD_Connection *mhd,
                                 const char *method, const char *version)
{
    const struct gn_http_server *server = request->server;
    uint64_t max_bytes = server->config.max_body_bytes;
    struct gn_http_head head = {0};
    /* The library cuts the target at a NUL; then the version does not stand right behind it. */
    bool is_whole = gn_buf_err(&request->target) == GN_OK && version == request->target_end + 1;
    struct gn_str target = is_whole ? gn_buf_str(&request->target) : GN_STR_NONE;

    request->has_head = true;
    request->method = method;
    request->path = gn_str_cut(target, '?', &request->query);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, &head);
    request->is_chunked = head.is_chunked;
    request->refusal = gn_http_check(&head, gn_str_of(version), target, max_bytes);
    if (request->refusal == NULL && server->is_stopping)
        request->refusal = &gn_http_stopping;
    gn_http_conn_enter(request->conn, GN_HTTP_BODY,
                       head.body_bytes < max_bytes ? head.body_bytes : max_bytes);
    if (request->refusal != NULL)
        return is_refused_at_once(request, &head) ? refuse(request, mhd) : MHD_YES;
    if (head.body_bytes > 0)
        gn_buf_reserve(&request->body,
                       head.body_bytes < BODY_FIRST_BYTES ? head.body_bytes : BODY_FIRST_BYTES);
    return MHD_YES;
}

static void take_body(struct gn_http_request *request, const char *data, size_t len)
{
    if (request->refusal != NULL)
        return; /* read and dropped, until the deadline */
    gn_buf_add(&request->body, data, len);
    if (gn_buf_err(&request->body) == GN_OK) {
        if (request->is_chunked)
            gn_http_conn_extend(request->conn, request->body.len);
        return;
    }
    request->refusal =
        gn_buf_err(&request->body) == GN_ELIMIT ? &gn_http_too_large : &gn_http_no_memory;
    gn_buf_free(&request->body);
}

static enum MHD_Result hand_over(struct gn_http_request *request, struct MHD_Connection *mhd)
{
    struct gn_http_server *server = request->server;

    if (request->refusal == NULL && server->is_stopping)
        request->refusal = &gn_http_stopping;
    if (request->refusal != NULL)
        return refuse(request, mhd);
    request->state = GN_HTTP_HANDED;
    request->arrived_us = gn_loop_now_us(server->loop);
    gn_http_conn_enter(request->conn, GN_HTTP_HANDLER, 0);
    LIST_INSERT_HEAD(&server->handed, request, link);
    server->handed_count++;
    server->config.on_request(server->config.ctx, request);
    if (request->state == GN_HTTP_ANSWERED)
        return answer(request, mhd);
    request->is_suspended = true;
    MHD_suspend_connection(mhd);
    return MHD_YES;
}

/* Called with the headers, with each piece of the body, with the end of the request, and again when
 * a suspended connection was resumed. */
enum MHD_Result gn_http_on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **con_cls)
{
    struct gn_http_server *server = cls;
    struct gn_http_request *request = *con_cls;

    (void)url; /* decoded and cut; the target was kept as it came */
    if (request == NULL) {
        gn_http_count(server, (unsigned)gn_http_no_memory.status);
        return MHD_queue_response(mhd, (unsigned)gn_http_no_memory.status, server->unavailable);
    }
    if (!request->has_head)
        return take_head(request, mhd, method, version);
    if (*data_size > 0) {
        take_body(request, data, *data_size);
        *data_size = 0;
        return MHD_YES;
    }
    if (request->state == GN_HTTP_ANSWERED)
        return answer(request, mhd);
    return hand_over(request, mhd);
}

/* The status the library itself has answered with, 0 when it has not. */
static unsigned library_status(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);

    return info == NULL ? 0 : info->http_status;
}

void gn_http_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                          enum MHD_RequestTerminationCode why)
{
    struct gn_http_request *request = *con_cls;
    unsigned status;

    (void)why;
    if (request == NULL)
        return;
    *con_cls = NULL;
    GN_ASSERT(request->state != GN_HTTP_HANDED);
    status = request->state == GN_HTTP_RECEIVING ? library_status(mhd) : 0;
    if (status != 0)
        gn_http_count(cls, status);
    gn_http_conn_enter(request->conn, GN_HTTP_IDLE, 0);
    if (request->stream != NULL)
        gn_http_stream_over(request->stream);
    request_release(request);
}

/* ---- the handler's side ---- */

struct gn_str gn_http_method(const struct gn_http_request *request)
{
    return gn_str_of(request->method);
}

struct gn_str gn_http_path(const struct gn_http_request *request)
{
    return request->path;
}

struct gn_str gn_http_query(const struct gn_http_request *request)
{
    return request->query;
}

struct gn_str gn_http_body(const struct gn_http_request *request)
{
    return gn_buf_str(&request->body);
}

struct gn_str gn_http_header(const struct gn_http_request *request, const char *name)
{
    const char *value = NULL;
    size_t len = 0;

    if (MHD_lookup_connection_value_n(request->conn->mhd, MHD_HEADER_KIND, name, strlen(name),
                                      &value, &len) != MHD_YES)
        return GN_STR_NONE;
    return value == NULL ? GN_STR("") : (struct gn_str){value, len};
}

/* A walk over the headers that begin with prefix. */
struct header_walk {
    struct gn_str prefix;
    bool (*fn)(void *ctx, struct gn_str name, struct gn_str value);
    void *ctx;
};

static enum MHD_Result on_walked(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    const struct header_walk *walk = cls;
    struct gn_str text = value == NULL ? GN_STR("") : (struct gn_str){value, value_len};

    (void)kind;
    if (name_len < walk->prefix.len ||
        !gn_str_eq_nocase((struct gn_str){name, walk->prefix.len}, walk->prefix))
        return MHD_YES;
    return walk->fn(walk->ctx, (struct gn_str){name, name_len}, text) ? MHD_YES : MHD_NO;
}

void gn_http_each_header(const struct gn_http_request *request, const char *prefix,
                         bool (*fn)(void *ctx, struct gn_str name, struct gn_str value), void *ctx)
{
    struct header_walk walk = {gn_str_of(prefix), fn, ctx};

    (void)MHD_get_connection_values_n(request->conn->mhd, MHD_HEADER_KIND, on_walked, &walk);
}

struct gn_str gn_http_peer(const struct gn_http_request *request)
{
    return gn_http_conn_peer(request->conn);
}

uint64_t gn_http_arrived_us(const struct gn_http_request *request)
{
    return request->arrived_us;
}

static void add_header(struct gn_http_server *server, struct MHD_Response *response,
                       const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        gn_log_error("http.header_dropped server=%s name=%s", server->name, name);
}

void gn_http_add_headers(struct gn_http_server *server, struct MHD_Response *response,
                         const struct gn_http_reply *reply)
{
    const char *const *header = reply->headers;

    if (reply->content_type != NULL)
        add_header(server, response, "Content-Type", reply->content_type);
    for (; header != NULL && header[0] != NULL; header += 2)
        add_header(server, response, header[0], header[1]);
    if (server->is_quiescing)
        add_header(server, response, "Connection", "close");
}

static struct MHD_Response *response_from(struct gn_http_server *server,
                                          const struct gn_http_reply *reply)
{
    struct MHD_Response *response;

    if (reply->body.len == 0 && reply->content_type == NULL && reply->headers == NULL &&
        !server->is_quiescing)
        return server->empty;
    response = response_of(reply->body, reply->body_is_static);
    if (response != NULL)
        gn_http_add_headers(server, response, reply);
    return response;
}

void gn_http_settle(struct gn_http_request *request, unsigned status, struct MHD_Response *response,
                    uint64_t bytes)
{
    struct gn_http_server *server = request->server;

    GN_ASSERT(request->state == GN_HTTP_HANDED);
    request->state = GN_HTTP_ANSWERED;
    LIST_REMOVE(request, link);
    server->handed_count--;
    request->status = status;
    request->response = response;
    request->answer_bytes = bytes;
    if (!request->is_suspended)
        return; /* gn_http_on_access() queues it as soon as the handler returns */
    request->is_suspended = false;
    MHD_resume_connection(request->conn->mhd);
    gn_http_run_later(server);
}

void gn_http_reply(struct gn_http_request *request, const struct gn_http_reply *reply)
{
    GN_ASSERT(reply->status >= 200 && reply->status < GN_HTTP_STATUS_END);
    gn_http_settle(request, (unsigned)reply->status, response_from(request->server, reply),
                   reply->body.len);
}

void gn_http_drop(struct gn_http_request *request)
{
    gn_http_conn_break(request->conn); /* before TLS could say goodbye */
    gn_http_settle(request, 0, NULL, 0);
}
