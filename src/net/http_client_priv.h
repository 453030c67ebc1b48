/* What the files of the HTTP client share: http_client.c drives libcurl from the loop,
 * http_sockets.c watches its sockets, http_call.c turns a request into an easy handle with the help
 * of http_headers.c and http_tls.c, http_result.c tells how it ended. Nothing else includes this.
 */
#ifndef GN_NET_HTTP_CLIENT_PRIV_H
#define GN_NET_HTTP_CLIENT_PRIV_H

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/err.h"
#include "gurnard/base/secret.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"

#define GN_HTTP_GATHER_MAX_BYTES      ((size_t)16 << 10)  /* bodies up to here go out whole */
#define GN_HTTP_DRAIN_MAX_BYTES       ((size_t)256 << 10) /* dropped to save a connection */
#define GN_HTTP_KEEP_MAX_BYTES        ((size_t)8 << 10)  /* answer buffer that an idle call keeps */
#define GN_HTTP_HEADER_TEXT_MAX_BYTES ((size_t)64 << 10) /* of a request */
#define GN_HTTP_PIN_FOLDER_MAX        96 /* bytes of a folder's name that stands for a pin */

/* ---- sockets ---- */

struct gn_http_socket;

/* Has libcurl work on fd. mask: CURL_CSELECT_ bits. */
typedef void (*gn_http_socket_fn)(void *ctx, curl_socket_t fd, int mask);

/* The sockets of one client, found by their number. */
struct gn_http_sockets {
    struct gn_loop *loop;
    gn_http_socket_fn fn;
    void *ctx;
    struct gn_http_socket **slots; /* NULL where the number is not ours */
    size_t slot_count;
};

void gn_http_sockets_init(struct gn_http_sockets *sockets, struct gn_loop *loop,
                          gn_http_socket_fn fn, void *ctx);

/* Ends all watches. libcurl's handles must be gone. */
void gn_http_sockets_fini(struct gn_http_sockets *sockets);

/* A new non-blocking socket for addr. CURL_SOCKET_BAD on any failure. */
curl_socket_t gn_http_sockets_open(struct gn_http_sockets *sockets,
                                   const struct curl_sockaddr *addr);

/* Closes a socket that gn_http_sockets_open() gave. Returns what close() did. */
int gn_http_sockets_close(struct gn_http_sockets *sockets, curl_socket_t fd);

/* Watches fd for what libcurl wants (CURL_POLL_). fd may be one that libcurl opened itself (that of
 * a name look-up). */
void gn_http_sockets_want(struct gn_http_sockets *sockets, curl_socket_t fd, int what);

/* ---- calls ---- */

enum gn_http_call_state {
    GN_HTTP_CALL_IDLE,      /* kept for the next request */
    GN_HTTP_CALL_WAITING,   /* for its turn to be given to libcurl */
    GN_HTTP_CALL_FLYING,    /* libcurl has it */
    GN_HTTP_CALL_ENDED,     /* taken back, done is to be called with end_err */
    GN_HTTP_CALL_REPORTING, /* done is being called */
};

struct gn_http_shown;

/* One request; with its easy handle it is used again for another one. */
struct gn_http_call {
    struct gn_http_client *client;
    struct gn_http_sockets *sockets; /* the client's */
    TAILQ_ENTRY(gn_http_call) link;  /* in the client's list of the state; not while flying */
    enum gn_http_call_state state;
    enum gn_err end_err;
    CURL *easy;
    gn_http_done_fn done;
    void *ctx;

    struct curl_slist headers[GN_HTTP_HEADERS_MAX + 2]; /* chained in place; [0] is always in use */
    struct gn_buf header_text;                          /* what they point to */
    const char *custom_method;                          /* as set on easy; static, NULL: none */
    struct gn_str parts[GN_HTTP_BODY_PARTS];            /* body that libcurl reads from us */
    size_t read_bytes;                                  /* of it */
    struct gn_buf gathered;                             /* body that libcurl is given whole */

    bool has_tls; /* easy holds settings that this call brought */
    enum gn_http_tls_check tls_check;
    uint8_t tls_pin[GN_HTTP_PIN_BYTES];
    struct gn_http_shown *shown; /* the peer's certificate; NULL: no connection was made */

    bool is_answered; /* the header of the answer has ended; what breaks off before is none */
    unsigned fields;  /* of those that we tell the ones that came, as bits */
    struct gn_secret token;
    bool is_token_kept; /* libcurl has copies of one */
    gn_http_data_fn on_data;
    const char *stream_type; /* static; NULL: any */
    bool has_stream_options; /* easy is set for a stream */
    bool has_no_body;        /* easy is set for HEAD */
    bool is_stream;          /* the answer's body goes to on_data */
    bool is_refused;         /* on_data wants no more */
    struct gn_buf answer;
    size_t answer_max_bytes;
    size_t dropped_bytes;
    bool is_cut_off;             /* we ended the answer: too much to drain */
    struct sockaddr_in6 tried;   /* last address tried; family AF_UNSPEC: none. Room for IPv4 too */
    char error[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* A new idle call with all options that never change. sockets and user_agent are borrowed. NULL
 * when there is no memory. */
struct gn_http_call *gn_http_call_new(struct gn_http_client *client,
                                      struct gn_http_sockets *sockets,
                                      const struct gn_http_client_config *config);

/* NULL is fine. */
void gn_http_call_free(struct gn_http_call *call);

/* Sets the request up. GN_EINVAL: method, URL or header. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_http_call_prepare(struct gn_http_call *call,
                                               const struct gn_http_out *out);

/* Tells how libcurl ended the call. Views are valid until the next prepare or release. */
void gn_http_call_result(struct gn_http_call *call, CURLcode code, struct gn_http_result *result);

/* The result of a call that we ended. */
void gn_http_call_given_up(struct gn_http_call *call, struct gn_http_result *result);

/* Gives back what an idle call need not hold. */
void gn_http_call_release(struct gn_http_call *call);

/* ---- header fields ---- */

/* Makes the list of the request's. GN_EINVAL, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_http_headers_set(struct gn_http_call *call, const char *const *lines);

/* An answer begins; there may be one before it. */
void gn_http_headers_begin(struct gn_http_call *call);

/* A line of the answer's header; a secret in it is overwritten. false when there is no memory. */
bool gn_http_headers_note(struct gn_http_call *call, char *line, size_t len);

/* Fills in what the answer's header says. */
void gn_http_headers_tell(const struct gn_http_call *call, struct gn_http_result *result);

/* Wipes what is secret in both headers. */
void gn_http_headers_release(struct gn_http_call *call);

/* The text of a Retry-After field in milliseconds: seconds, or a date compared with now. 0 when it
 * is neither or past; cut at UINT32_MAX. */
uint32_t gn_http_retry_after_ms(const char *text, time_t now);

/* ---- TLS ---- */

/* To be asked once before any call is made. false when OpenSSL has no memory. */
bool gn_http_tls_ready(void);

/* Sets on a new handle what never changes. false when there is no memory. */
bool gn_http_tls_set_up(struct gn_http_call *call);

/* Sets what the call wants; costs nothing when that and the last one's are NULL. GN_EINVAL,
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_http_tls_apply(struct gn_http_call *call,
                                            const struct gn_http_tls *tls);

/* Forgets the certificate that was shown. */
void gn_http_tls_forget(struct gn_http_call *call);

/* Fills in the certificate that was shown. */
void gn_http_tls_cert(const struct gn_http_call *call, struct gn_http_result *result);

/* What was wrong with TLS when libcurl ends a call with code. */
enum gn_http_tls_fault gn_http_tls_fault(const struct gn_http_call *call, CURLcode code);

#endif
