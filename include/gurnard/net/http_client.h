/* An HTTP/1.1 client in the loop. Its inside is libcurl's multi interface; no type of it leaves
 * src/net. Connections are kept and reused. Redirects are followed only when asked for;
 * proxies, netrc, cookies and every scheme but http and https are off. */
#ifndef GURNARD_NET_HTTP_CLIENT_H
#define GURNARD_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"

#define GN_HTTP_BODY_PARTS         4  /* pieces that a request body may be made of */
#define GN_HTTP_HEADERS_MAX        72 /* extra headers of a request */
#define GN_HTTP_ANSWER_MAX         ((size_t)64 << 10) /* default for max_answer_bytes */
#define GN_HTTP_TIMEOUT_DEFAULT_MS 30000U             /* for timeout_ms 0 */

struct gn_http_client;
struct gn_http_call;

struct gn_http_client_config {
    uint32_t max_idle_connections; /* kept open over all hosts; at least the number of sinks */
    uint32_t connect_timeout_ms;
    const char *user_agent; /* borrowed */
};

/* A new client. NULL when there is no memory; but libcurl itself, which does not survive that, ends
 * the process when it is refused memory, now or later (base/must_alloc.h). */
struct gn_http_client *gn_http_client_new(struct gn_loop *loop,
                                          const struct gn_http_client_config *config);

/* All calls must have ended (their done functions called and returned: not from inside one). NULL
 * is fine. */
void gn_http_client_free(struct gn_http_client *client);

/* Everything but url and headers is borrowed until done; url and headers are copied. */
struct gn_http_out {
    const char *method;                     /* "GET", "POST", "DELETE", "OPTIONS" */
    const char *url;                        /* NUL-terminated, http or https */
    const char *const *headers;             /* "Name: value" lines ended by NULL, at most
                                             * GN_HTTP_HEADERS_MAX; may be NULL. An empty value is
                                             * sent. No Content-Type among them: none is sent */
    struct gn_str body[GN_HTTP_BODY_PARTS]; /* sent one after another; all absent: no body, but
                                             * POST sends Content-Length: 0. Not for GET */
    uint32_t timeout_ms;     /* from send to the last byte of the answer; 0: default */
    size_t max_answer_bytes; /* what is longer is cut; 0: the answer's body is dropped */
    bool follow_redirects;   /* GET and POST only. Up to 10, as Go's client does: 301, 302 and
                              * 303 go on with GET, 307 and 308 repeat the request. An 11th is
                              * the answer */
};

/* How a call ended. Views are valid during the done function only. */
struct gn_http_result {
    enum gn_err err;         /* GN_OK: an answer came, whatever its status but 1xx. GN_ECONN (also
                              * TLS, and an answer that broke off), GN_ETIMEOUT, GN_ECANCELED,
                              * GN_EINVAL (URL), GN_EPARSE (not HTTP, or a redirect to another
                              * scheme), GN_ENOMEM */
    int status;              /* 0 without an answer */
    uint32_t retry_after_ms; /* from Retry-After in seconds or as a date; 0 when absent */
    struct gn_str content_type;
    struct gn_str allowed_origin; /* the header WebHook-Allowed-Origin, absent without one */
    struct gn_str body;
    const char *reason;  /* one line of English on an error, else "" */
    bool is_dns_failure; /* the host name did not resolve */
    int os_errno;        /* of the failed connect, 0 when unknown */
    char peer[64];       /* "127.0.0.1:9999" as far as known, else "" */
};

/* The call has ended. Called exactly once per gn_http_send() that gave GN_OK, in a later turn. */
typedef void (*gn_http_done_fn)(void *ctx, const struct gn_http_result *result);

/* Starts a call. *call (may be NULL) is valid until done was called. GN_EINVAL: unknown method, bad
 * URL (see gn_url_is_web()), more headers than allowed, a header without a colon or with a control
 * character, or what the comments in gn_http_out exclude. GN_ENOMEM. On an error done is not
 * called. */
GN_MUST_CHECK enum gn_err gn_http_send(struct gn_http_client *client, const struct gn_http_out *out,
                                       gn_http_done_fn done, void *ctx, struct gn_http_call **call);

/* Gives the call up: done is called with GN_ECANCELED in a later turn. Does not block, also not for
 * a name look-up under way. Nothing happens when it was already cancelled. */
void gn_http_cancel(struct gn_http_call *call);

/* Calls under way. */
uint32_t gn_http_client_active(const struct gn_http_client *client);

#endif
