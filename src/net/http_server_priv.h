/* What the parts of the HTTP server share: the server, its connections, its requests. */
#ifndef GN_NET_HTTP_SERVER_PRIV_H
#define GN_NET_HTTP_SERVER_PRIV_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/secret.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"

#include "http_check.h"

#define GN_HTTP_STATUS_END 600 /* one above the largest status */

/* What a connection is doing, and so which deadline it is under. */
enum gn_http_phase {
    GN_HTTP_OPENED,  /* no request line yet: header_deadline_ms */
    GN_HTTP_IDLE,    /* between two requests: idle_timeout_ms */
    GN_HTTP_HEADERS, /* request line seen: header_deadline_ms */
    GN_HTTP_BODY,    /* headers seen: body_deadline_ms and more for its size */
    GN_HTTP_HANDLER, /* with the handler: none */
    GN_HTTP_ANSWER,  /* answer being sent: as for a body; of a stream, piece by piece */
    GN_HTTP_STREAM,  /* a stream with nothing to send: none */
};

struct gn_http_conn {
    struct gn_http_server *server;
    struct MHD_Connection *mhd;
    int fd; /* the library's */
    enum gn_http_phase phase;
    uint64_t begin_us;           /* when the phase began */
    uint64_t deadline_us;        /* UINT64_MAX: none */
    bool has_ended;              /* its peer sends nothing more; seen once in this phase */
    char peer[INET6_ADDRSTRLEN]; /* empty until asked for */
    LIST_ENTRY(gn_http_conn) link;
};

enum gn_http_request_state {
    GN_HTTP_RECEIVING, /* until the handler is called, for a refused request until the end */
    GN_HTTP_HANDED,    /* the handler has it */
    GN_HTTP_ANSWERED,  /* gn_http_reply() was called, or a refusal was sent */
};

struct gn_http_request {
    struct gn_http_server *server;
    struct gn_http_conn *conn;
    enum gn_http_request_state state;
    bool has_head; /* the headers were looked at */
    bool is_chunked;
    bool is_suspended;
    const struct gn_http_refusal *refusal; /* NULL: none */
    const char *method;                    /* the library's, as long as the request */
    const char *target_end;                /* the library's, see gn_http_on_access() */
    struct gn_buf target;
    struct gn_str path; /* in target */
    struct gn_str query;
    struct gn_buf body;
    uint64_t arrived_us;
    struct MHD_Response *response; /* from gn_http_reply() until it is queued; owned, but for the
                                    * server's shared one */
    unsigned status;
    uint64_t answer_bytes;
    struct gn_http_stream *stream;    /* the answer is one; NULL: it is not */
    LIST_ENTRY(gn_http_request) link; /* in handed or spare */
};

LIST_HEAD(gn_http_conn_list, gn_http_conn);
LIST_HEAD(gn_http_request_list, gn_http_request);
LIST_HEAD(gn_http_stream_list, gn_http_stream);

struct gn_http_server {
    struct gn_http_server_config config; /* name is owned */
    char *name;
    struct gn_loop *loop;
    uint16_t port;
    struct MHD_Daemon *daemon;
    struct gn_watch *watch; /* on the library's epoll descriptor */
    struct gn_defer more;   /* the library has something to do without an event */
    struct gn_timer tick;
    uint32_t tick_ms;
    bool is_running;   /* inside the library */
    bool is_quiescing; /* answers close their connection */
    bool is_stopping;  /* no handler is called any more */
    struct gn_http_conn_list conns;
    uint32_t conn_count;
    struct gn_http_request_list handed;
    uint32_t handed_count;
    struct gn_http_request_list spare;
    uint32_t spare_count;
    struct gn_http_stream_list streams; /* those with a connection */
    int hangup_fd;                      /* an epoll descriptor, -1 before the first stream: tells
                                         * which of their clients have left */
    struct gn_watch *hangup_watch;      /* on it */
    struct MHD_Response *empty;         /* shared answer without body and headers */
    struct MHD_Response *unavailable;   /* when there is no memory for a request */
    struct gn_log_limit refused_log;
    struct gn_log_limit cut_log;
    struct gn_metric *open_conns; /* NULL without metrics */
    struct gn_metric *by_status[GN_HTTP_STATUS_END];
};

/* ---- http_conn.c: connections, their deadlines ---- */

/* Called by the library when a connection is opened and closed. */
void gn_http_on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                           enum MHD_ConnectionNotificationCode code);

/* The connection's object, NULL when there was no memory for it. */
struct gn_http_conn *gn_http_conn_of(struct MHD_Connection *mhd);

/* Enters phase now. bytes: size of what is sent or received in it, 0 when it does not matter. */
void gn_http_conn_enter(struct gn_http_conn *conn, enum gn_http_phase phase, uint64_t bytes);

/* Moves the deadline of the phase for a body that turned out to be larger. */
void gn_http_conn_extend(struct gn_http_conn *conn, uint64_t bytes);

/* The peer's address as text; borrowed from conn. */
struct gn_str gn_http_conn_peer(struct gn_http_conn *conn);

/* Shuts every connection down whose deadline has passed, or whose peer has left in the middle; the
 * library closes it when it runs next. */
void gn_http_conns_sweep(struct gn_http_server *server);

/* Has the library see the connection broken; it closes it when it runs next. */
void gn_http_conn_break(struct gn_http_conn *conn);

/* ---- http_exchange.c: requests and answers ---- */

/* Called by the library when a request line was read, when there is something of a request to look
 * at, and when all is over. */
void *gn_http_on_target(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result gn_http_on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **con_cls);
void gn_http_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                          enum MHD_RequestTerminationCode why);

/* Makes the shared answers; false when there is no memory. */
bool gn_http_shared_init(struct gn_http_server *server);

/* Frees the spare requests and the shared answers. */
void gn_http_shared_free(struct gn_http_server *server);

/* Adds reply's type and headers to response, and "Connection: close" when the server quiesces. */
void gn_http_add_headers(struct gn_http_server *server, struct MHD_Response *response,
                         const struct gn_http_reply *reply);

/* The handler has answered: takes response, NULL closes the connection without an answer. */
void gn_http_settle(struct gn_http_request *request, unsigned status, struct MHD_Response *response,
                    uint64_t bytes);

/* ---- http_stream.c: answers that go on ---- */

/* The connection of the stream is done with it; the stream's user is told in a later turn. */
void gn_http_stream_over(struct gn_http_stream *stream);

/* Ends all streams in order. */
void gn_http_streams_end(struct gn_http_server *server);

/* Stops looking for clients that leave; no stream is left. */
void gn_http_streams_free(struct gn_http_server *server);

/* ---- http_server_tls.c ---- */

/* What the library reads of TLS while it starts. Zero-initialised. */
struct gn_http_tls_texts {
    char *certificate;
    struct gn_secret key;
    struct MHD_OptionItem options[4];
};

/* Fills texts for tls, which may be NULL: then there are no options. GN_EINVAL: one of the texts is
 * empty. GN_ENOMEM. */
enum gn_err gn_http_tls_texts_init(struct gn_http_tls_texts *texts,
                                   const struct gn_http_server_tls *tls);
void gn_http_tls_texts_fini(struct gn_http_tls_texts *texts);

/* ---- http_server.c ---- */

/* Has the library run in the next turn. */
void gn_http_run_later(struct gn_http_server *server);

/* Counts one answer. */
void gn_http_count(struct gn_http_server *server, unsigned status);

#endif
