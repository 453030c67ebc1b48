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

/* How the certificate of an https peer is looked at. TLS below 1.2 is refused. */
enum gn_http_tls_check {
    GN_HTTP_TLS_SYSTEM, /* by the system's CAs, with the host's name */
    GN_HTTP_TLS_CA,     /* by the CAs of ca_file, with the host's name */
    GN_HTTP_TLS_PIN,    /* the certificate's SHA-256 is pin; neither chain, name nor time count */
    GN_HTTP_TLS_OFF,    /* any certificate */
};

#define GN_HTTP_PIN_BYTES 32 /* SHA-256 of the peer's certificate in DER form */

struct gn_http_tls {
    enum gn_http_tls_check check;
    const char *ca_file;            /* PEM, read at each connection; for GN_HTTP_TLS_CA */
    uint8_t pin[GN_HTTP_PIN_BYTES]; /* for GN_HTTP_TLS_PIN */
};

/* The next bytes of an answer of status 2xx that is taken as a stream. Not called again after it
 * has returned false, which ends the call with GN_ECANCELED. It must not cancel calls itself; it
 * may send. */
typedef bool (*gn_http_data_fn)(void *ctx, struct gn_str bytes);

#define GN_HTTP_NO_TIMEOUT UINT32_MAX /* for timeout_ms: the call may last for ever */

/* Everything but url, headers and tls is borrowed until done; those are copied (not ca_file). */
struct gn_http_out {
    const char *method;                     /* "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD",
                                             * "OPTIONS" */
    const char *url;                        /* NUL-terminated, http or https */
    const char *const *headers;             /* "Name: value" lines ended by NULL, at most
                                             * GN_HTTP_HEADERS_MAX; may be NULL. An empty value is
                                             * sent. No Content-Type among them: none is sent */
    struct gn_str body[GN_HTTP_BODY_PARTS]; /* sent one after another; all absent: no body, but
                                             * POST, PUT and PATCH send Content-Length: 0. Not for
                                             * GET and HEAD */
    uint32_t timeout_ms;           /* from send to the last byte of the answer; 0: default */
    size_t max_answer_bytes;       /* what is longer is cut; 0: the answer's body is dropped */
    bool follow_redirects;         /* GET and POST only. Up to 10, as Go's client does: 301, 302 and
                                    * 303 go on with GET, 307 and 308 repeat the request. An 11th is
                                    * the answer */
    const struct gn_http_tls *tls; /* NULL: GN_HTTP_TLS_SYSTEM. A connection made under another
                                    * tls is not used for this call */
    gn_http_data_fn on_data;       /* not NULL: an answer of 2xx and stream_type is a stream
                                    * (max_answer_bytes does not count for it, body stays empty);
                                    * called with done's ctx, first without bytes as soon as the
                                    * headers have come */
    const char *stream_type;       /* media type without parameters, compared without case; static.
                                    * Answers of another are no streams. NULL: any */
};

/* What was wrong with the peer's certificate. */
enum gn_http_tls_fault {
    GN_HTTP_TLS_FAULT_NONE,
    GN_HTTP_TLS_FAULT_UNKNOWN_CA, /* self-signed, or by a CA that we do not know */
    GN_HTTP_TLS_FAULT_NAME,       /* for another host */
    GN_HTTP_TLS_FAULT_TIME,       /* expired, or not valid yet */
    GN_HTTP_TLS_FAULT_PIN,        /* not the one that is pinned */
    GN_HTTP_TLS_FAULT_OTHER,      /* the handshake failed otherwise */
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
    struct gn_str location;       /* of these headers likewise: Location, */
    struct gn_str etag;           /* ETag, */
    struct gn_str auth_token;     /* X-Auth-Token (a secret: not to be logged), */
    struct gn_str encoding;       /* Content-Encoding; nothing is decoded here */
    bool is_cut;                  /* body is only the beginning: max_answer_bytes was passed */
    struct gn_str body;
    const char *reason;  /* one line of English on an error, else "" */
    bool is_dns_failure; /* the host name did not resolve */
    int os_errno;        /* of the failed connect, 0 when unknown */
    char peer[64];       /* "127.0.0.1:9999" as far as known, else "" */
    char local[48];      /* our own address on that connection, without a port; "" when unknown */
    enum gn_http_tls_fault tls_fault;    /* why TLS failed */
    bool has_cert;                       /* a certificate was shown on this call's connection,
                                          * which this call made (not one that it found open): */
    uint8_t cert_pin[GN_HTTP_PIN_BYTES]; /* its SHA-256 */
};

/* The call has ended. Called exactly once per gn_http_send() that gave GN_OK, in a later turn. */
typedef void (*gn_http_done_fn)(void *ctx, const struct gn_http_result *result);

/* Starts a call. *call (may be NULL) is valid until done was called. GN_EINVAL: unknown method, bad
 * URL (see gn_url_is_web()), more headers than allowed, a header without a colon or with a control
 * character, GN_HTTP_TLS_CA without ca_file, or what the comments in gn_http_out exclude.
 * GN_ENOMEM. On an error done is not called. */
GN_MUST_CHECK enum gn_err gn_http_send(struct gn_http_client *client, const struct gn_http_out *out,
                                       gn_http_done_fn done, void *ctx, struct gn_http_call **call);

/* Gives the call up: done is called with GN_ECANCELED in a later turn. Does not block, also not for
 * a name look-up under way. Nothing happens when it was already cancelled. */
void gn_http_cancel(struct gn_http_call *call);

/* Calls under way. */
uint32_t gn_http_client_active(const struct gn_http_client *client);

#endif
