/* Answers that go on. libmicrohttpd asks for the next bytes of the body; while there are none, the
 * connection is suspended, and each write resumes it. A suspended connection is not watched by the
 * library, so the sockets of all streams stand in an epoll set of ours that tells who has left.
 *
 * A stream has two sides: its user, until gn_http_stream_end() or the closed callback, and its
 * connection, until the library is done with the request. It is freed when both are gone. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gurnard/base/assert.h"

#include "http_server_priv.h"

#define KEEP_BYTES      ((size_t)64 << 10) /* a larger buffer is given back when it is empty */
#define BLOCK_BYTES     1024               /* read at once for a client of HTTP/1.0 */
#define HANGUPS_AT_ONCE 64

enum stream_state {
    STREAM_OPEN,
    STREAM_ENDING,  /* the end of the body follows what waits */
    STREAM_CUTTING, /* the connection is closed behind what waits */
    STREAM_BROKEN,  /* nothing more is sent */
};

struct gn_http_stream {
    struct gn_loop *loop;
    struct gn_http_server *server; /* NULL as conn */
    struct gn_http_conn *conn;     /* NULL: the library is done with it */
    enum stream_state state;
    bool is_held;      /* by its user */
    bool is_suspended; /* the library waits for a write */
    struct gn_buf buf;
    size_t sent; /* bytes of buf that the library has taken */
    gn_http_stream_closed_fn closed;
    void *ctx;
    struct gn_defer told;
    LIST_ENTRY(gn_http_stream) link;
};

/* ---- the two sides ---- */

static void stream_free(struct gn_http_stream *stream)
{
    gn_buf_free(&stream->buf);
    free(stream);
}

static void on_told(void *ctx)
{
    struct gn_http_stream *stream = ctx;
    gn_http_stream_closed_fn closed = stream->closed;
    void *closed_ctx = stream->ctx;

    stream->is_held = false;
    if (stream->conn == NULL)
        stream_free(stream);
    closed(closed_ctx);
}

static void tell_later(struct gn_http_stream *stream)
{
    if (stream->is_held)
        gn_defer_call(stream->loop, &stream->told, on_told, stream);
}

static size_t waiting(const struct gn_http_stream *stream)
{
    return stream->buf.len - stream->sent;
}

/* Has the library ask for what is next. */
static void wake(struct gn_http_stream *stream)
{
    if (!stream->is_suspended)
        return; /* it will by itself */
    stream->is_suspended = false;
    gn_http_conn_enter(stream->conn, GN_HTTP_ANSWER, waiting(stream));
    MHD_resume_connection(stream->conn->mhd);
    gn_http_run_later(stream->server);
}

static void break_off(struct gn_http_stream *stream)
{
    if (stream->state == STREAM_BROKEN)
        return;
    stream->state = STREAM_BROKEN;
    gn_http_conn_break(stream->conn);
    wake(stream);
    tell_later(stream);
}

void gn_http_stream_over(struct gn_http_stream *stream)
{
    /* Cannot fail: it was added, and the library closes it only afterwards. */
    (void)epoll_ctl(stream->server->hangup_fd, EPOLL_CTL_DEL, stream->conn->fd, NULL);
    LIST_REMOVE(stream, link);
    stream->state = STREAM_BROKEN;
    stream->server = NULL;
    stream->conn = NULL;
    if (stream->is_held)
        tell_later(stream);
    else
        stream_free(stream);
}

/* ---- bytes ---- */

/* The second half of buf's limit is room for bytes sent already: they are moved out only when they
 * are as many as those that wait, so that a byte is moved once on the average. */
static bool keep(struct gn_http_stream *stream, struct gn_str bytes)
{
    size_t left = waiting(stream);

    if (bytes.len > GN_HTTP_STREAM_MAX - left)
        return false;
    if (stream->sent > 0 && stream->sent >= left) {
        memmove(stream->buf.data, stream->buf.data + stream->sent, left);
        gn_buf_truncate(&stream->buf, left);
        stream->sent = 0;
    }
    gn_buf_add_str(&stream->buf, bytes);
    return gn_buf_err(&stream->buf) == GN_OK;
}

/* Returns how many of the bytes that wait were put into room. */
static size_t give(struct gn_http_stream *stream, char *room, size_t max)
{
    size_t count = waiting(stream) < max ? waiting(stream) : max;

    memcpy(room, stream->buf.data + stream->sent, count);
    stream->sent += count;
    if (waiting(stream) > 0)
        return count;
    stream->sent = 0;
    if (stream->buf.cap > KEEP_BYTES)
        gn_buf_free(&stream->buf);
    else
        gn_buf_reset(&stream->buf);
    return count;
}

/* Called by the library when all it got before is with the kernel. */
static ssize_t on_read(void *cls, uint64_t at, char *room, size_t max)
{
    struct gn_http_stream *stream = cls;

    (void)at;
    if (stream->state == STREAM_BROKEN)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (waiting(stream) > 0) {
        /* A client has the time of one answer for each piece. */
        gn_http_conn_enter(stream->conn, GN_HTTP_ANSWER, max);
        return (ssize_t)give(stream, room, max);
    }
    if (stream->state == STREAM_ENDING)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (stream->state == STREAM_CUTTING) {
        gn_http_conn_break(stream->conn); /* before TLS could say goodbye */
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    stream->is_suspended = true;
    gn_http_conn_enter(stream->conn, GN_HTTP_STREAM, 0);
    MHD_suspend_connection(stream->conn->mhd);
    return 0;
}

/* ---- clients that leave ---- */

static void on_hangup(void *ctx, unsigned ready)
{
    struct gn_http_server *server = ctx;
    struct epoll_event events[HANGUPS_AT_ONCE];
    int count = epoll_wait(server->hangup_fd, events, HANGUPS_AT_ONCE, 0);

    (void)ready;
    for (int i = 0; i < count; i++)
        break_off(events[i].data.ptr);
}

static bool open_hangups(struct gn_http_server *server)
{
    if (server->hangup_watch != NULL)
        return true;
    server->hangup_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->hangup_fd < 0)
        return false;
    server->hangup_watch = gn_watch_new(server->loop, server->hangup_fd, GN_WATCH_READ,
                                        GN_WATCH_INPUT, on_hangup, server);
    if (server->hangup_watch != NULL)
        return true;
    (void)close(server->hangup_fd); /* nothing to lose in it */
    server->hangup_fd = -1;
    return false;
}

/* Edge-triggered: told once, and nothing of a client that sends on. */
static bool watch_hangup(struct gn_http_stream *stream)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = stream};

    return open_hangups(stream->server) &&
           epoll_ctl(stream->server->hangup_fd, EPOLL_CTL_ADD, stream->conn->fd, &event) == 0;
}

void gn_http_streams_free(struct gn_http_server *server)
{
    GN_ASSERT(LIST_EMPTY(&server->streams));
    gn_watch_close(server->hangup_watch);
    if (server->hangup_fd >= 0)
        (void)close(server->hangup_fd); /* nothing to lose in it */
}

/* ---- the server's side ---- */

static void end_by_server(struct gn_http_stream *stream)
{
    if (stream->state != STREAM_OPEN)
        return;
    stream->state = STREAM_ENDING;
    wake(stream);
    tell_later(stream);
}

void gn_http_streams_end(struct gn_http_server *server)
{
    struct gn_http_stream *stream;

    LIST_FOREACH (stream, &server->streams, link)
        end_by_server(stream);
}

/* ---- the handler's side ---- */

static struct gn_http_stream *stream_new(struct gn_http_request *request, struct gn_str first)
{
    struct gn_http_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->server = request->server;
    stream->loop = request->server->loop;
    stream->conn = request->conn;
    stream->is_held = true;
    stream->buf = gn_buf_with_limit(2 * GN_HTTP_STREAM_MAX);
    if (keep(stream, first))
        return stream;
    stream_free(stream);
    return NULL;
}

static void reply_no_memory(struct gn_http_request *request)
{
    struct gn_http_reply reply = {
        .status = gn_http_no_memory.status,
        .content_type = "text/plain",
        .body = gn_str_of(gn_http_no_memory.text),
        .body_is_static = true,
    };

    gn_http_reply(request, &reply);
}

struct gn_http_stream *gn_http_reply_stream(struct gn_http_request *request,
                                            const struct gn_http_reply *reply,
                                            gn_http_stream_closed_fn closed, void *ctx)
{
    struct gn_http_server *server = request->server;
    struct gn_http_stream *stream = stream_new(request, reply->body);
    struct MHD_Response *response = NULL;

    GN_ASSERT(reply->status >= 200 && reply->status < GN_HTTP_STATUS_END);
    if (stream != NULL)
        response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_read, stream, NULL);
    if (response == NULL || !watch_hangup(stream)) {
        if (response != NULL)
            MHD_destroy_response(response);
        if (stream != NULL)
            stream_free(stream);
        reply_no_memory(request);
        return NULL;
    }
    stream->closed = closed;
    stream->ctx = ctx;
    LIST_INSERT_HEAD(&server->streams, stream, link);
    gn_http_add_headers(server, response, reply);
    request->stream = stream;
    gn_http_settle(request, (unsigned)reply->status, response, reply->body.len);
    if (server->is_quiescing)
        end_by_server(stream);
    return stream;
}

static void log_slow(struct gn_http_stream *stream)
{
    struct gn_http_server *server = stream->server;
    uint64_t held;

    if (gn_log_allow(&server->cut_log, gn_loop_now_ms(server->loop), &held))
        gn_log_warn("http.cut server=%s peer=%s phase=stream waiting_bytes=%zu held=%llu",
                    server->name, gn_http_conn_peer(stream->conn).p, waiting(stream),
                    (unsigned long long)held);
}

void gn_http_stream_write(struct gn_http_stream *stream, struct gn_str bytes)
{
    GN_ASSERT(stream->is_held);
    if (stream->state != STREAM_OPEN || bytes.len == 0)
        return; /* its user is told already */
    if (keep(stream, bytes)) {
        wake(stream);
        return;
    }
    log_slow(stream);
    break_off(stream);
}

void gn_http_stream_end(struct gn_http_stream *stream, bool cut)
{
    GN_ASSERT(stream->is_held);
    stream->is_held = false;
    gn_defer_cancel(&stream->told);
    if (stream->conn == NULL) {
        stream_free(stream);
        return;
    }
    if (stream->state != STREAM_OPEN)
        return; /* freed with its connection */
    stream->state = cut ? STREAM_CUTTING : STREAM_ENDING;
    wake(stream);
}
