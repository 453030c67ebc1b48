/* An HTTP/1.1 server in the loop. Its inside is libmicrohttpd in external epoll mode; no type of it
 * leaves src/net/http_*, so another server can take its place.
 *
 * One server per port. The body is collected up to a limit before the handler sees the request. The
 * handler answers at once or later; while it has not answered, the connection is suspended, and a
 * client that leaves is noticed only afterwards; with an answer that goes on it is noticed at once.
 *
 * Answered here, before any handler: 413 (body above max_body_bytes, by Content-Length before
 * 100-continue where it is given), 415 (a Content-Encoding other than identity), 400 (two Host or
 * Content-Length headers, no Host in HTTP/1.1, Content-Length with Transfer-Encoding,
 * Transfer-Encoding in HTTP/1.0, a header name that is no token, a request target that is neither a
 * path nor "*" or has NUL, a space, control characters, encoded NUL, or in its path encoded "/" or
 * "\"), 501 (a Transfer-Encoding other than chunked), 505 (HTTP other than 1.0 and 1.1), 431
 * (headers too large), 414 (request line too large), 503 (stopping). 400, 501, 505, 413 and 503
 * close the connection. A client that has not sent its whole request, or not taken its answer,
 * within the deadlines below is cut off; one that said it sends nothing more, while a request is
 * awaited, after two seconds at the latest.
 *
 * Not noticed, because the library hides it: bare LF line ends, folded header lines, NUL or CR in a
 * header's value, a header without a name (taken as the end of the headers). */
#ifndef GURNARD_NET_HTTP_SERVER_H
#define GURNARD_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"

struct gn_http_server;
struct gn_http_request;

/* Called once for each request that arrived whole. The request is borrowed until
 * gn_http_reply(). */
typedef void (*gn_http_request_fn)(void *ctx, struct gn_http_request *request);

/* TLS of a server, 1.2 and 1.3. PEM texts, copied; the key without a password. Who speaks plain
 * HTTP to it, or an older version, is hung up on. */
struct gn_http_server_tls {
    struct gn_str certificate; /* ours first, then the chain */
    struct gn_str key;
};

struct gn_http_server_config {
    const char *name;            /* for logs and the label server="": webhook, api, admin */
    int listen_fd;               /* from gn_listen_tcp(); the server owns it */
    uint32_t max_connections;    /* at least 1; further clients wait in the kernel's queue */
    size_t max_body_bytes;       /* larger bodies get 413 */
    uint32_t idle_timeout_ms;    /* from an answer to the next request line */
    uint32_t header_deadline_ms; /* from the connection's opening to the first request line, and
                                  * from a request line to the end of its headers */
    uint32_t body_deadline_ms;   /* from the end of the headers, plus 1 s for each 4 KiB expected
                                  * (chunked: received); also for the answer to be taken,
                                  * then plus 1 s for each 256 KiB */
    gn_http_request_fn on_request;
    void *ctx;
    const struct gn_http_server_tls *tls; /* NULL: plain HTTP. GN_EINVAL from
                                           * gn_http_server_new(): unusable */
    struct gn_metrics *metrics; /* borrowed, may be NULL: gurnard_http_requests_total{server,code},
                                 * gurnard_http_connections{server}. code is one of a fixed set
                                 * or "other". */
};

/* Starts serving. On error the listening socket is closed too. */
GN_MUST_CHECK enum gn_err gn_http_server_new(struct gn_loop *loop,
                                             const struct gn_http_server_config *config,
                                             struct gn_http_server **server);

/* Accepts no further connections; those open are served with "Connection: close". Ends all streams
 * in order. */
void gn_http_server_quiesce(struct gn_http_server *server);

/* Requests handed to the handler and not answered yet. */
uint32_t gn_http_server_pending(const struct gn_http_server *server);

/* Ends all connections. Requests not answered yet are answered 503 first; the handler's owner must
 * no longer use them. Streams end in order as far as their clients take what waits at once. Not
 * from inside the handler. NULL is fine. */
void gn_http_server_free(struct gn_http_server *server);

/* The port served. */
uint16_t gn_http_server_port(const struct gn_http_server *server);

/* ---- the request: all views live until gn_http_reply() ---- */

struct gn_str gn_http_method(const struct gn_http_request *request); /* as sent: "POST" */
struct gn_str
gn_http_path(const struct gn_http_request *request); /* percent-encoded as sent, no query */
struct gn_str gn_http_query(const struct gn_http_request *request); /* behind '?', absent if none */
struct gn_str gn_http_body(const struct gn_http_request *request);  /* empty when there is none */

/* The value of a header, name in any case; absent when not sent. */
struct gn_str gn_http_header(const struct gn_http_request *request, const char *name);

/* Calls fn for each header whose name begins with prefix (in any case) in the order sent, until it
 * returns false. */
void gn_http_each_header(const struct gn_http_request *request, const char *prefix,
                         bool (*fn)(void *ctx, struct gn_str name, struct gn_str value), void *ctx);

/* The peer's address as text, IPv4-mapped ones as IPv4: "192.0.2.7", "2001:db8::1". */
struct gn_str gn_http_peer(const struct gn_http_request *request);

/* Loop time at which the request was complete, microseconds. */
uint64_t gn_http_arrived_us(const struct gn_http_request *request);

struct gn_http_reply {
    int status;                 /* 200 ... 599 */
    const char *content_type;   /* NULL: none is sent */
    struct gn_str body;         /* copied unless body_is_static */
    bool body_is_static;        /* body outlives the program's use of it */
    const char *const *headers; /* pairs name, value, ended by NULL; copied; may be NULL */
};

/* Answers, from inside the handler or in a later turn, exactly once; the request is gone then. HEAD
 * gets the headers only. Content-Length is always sent. */
void gn_http_reply(struct gn_http_request *request, const struct gn_http_reply *reply);

/* Closes the connection without any answer, as a peer that crashed; instead of gn_http_reply(). */
void gn_http_drop(struct gn_http_request *request);

/* ---- answers that go on (server-sent events) ---- */

struct gn_http_stream;

#define GN_HTTP_STREAM_MAX ((size_t)10 << 20) /* bytes that wait for a client; more ends it */

/* The stream is over: the client has left or says that it sends nothing more, was too slow
 * (GN_HTTP_STREAM_MAX, or nothing taken for body_deadline_ms), HEAD has its headers, or the server
 * quiesces or is freed. Called once, in a turn of its own, unless gn_http_stream_end() comes first;
 * the stream is gone with it. A stream outlives its server until then, but not the loop. */
typedef void (*gn_http_stream_closed_fn)(void *ctx);

/* Answers with reply's status, content type and headers, and a body that follows piece by piece
 * (chunked; reply's own body is the first piece). The request is gone, as after gn_http_reply().
 * NULL: no memory, answered 503. Deadlines for the answer do not count while nothing waits to be
 * written. */
struct gn_http_stream *gn_http_reply_stream(struct gn_http_request *request,
                                            const struct gn_http_reply *reply,
                                            gn_http_stream_closed_fn closed, void *ctx);

/* Sends bytes (copied). What cannot be kept ends the stream: closed is called in a later turn.
 * Nothing happens to bytes for a stream that is over and whose closed is still to come. */
void gn_http_stream_write(struct gn_http_stream *stream, struct gn_str bytes);

/* Ends the stream in order, behind what was written; it is gone for the caller at once. cut: closes
 * the connection there instead, so that the client misses the end. */
void gn_http_stream_end(struct gn_http_stream *stream, bool cut);

#endif
