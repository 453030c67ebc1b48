/* The Redfish client: requests to BMCs with all that a BMC needs to be treated with. One client for
 * the fleet, one gn_bmc_link for each BMC.
 *
 * A link has at most GN_BMC_LINK_CALLS requests under way; the client at most config.concurrency,
 * given out link by link; the rest waits in order. One that waits for a task or a Retry-After keeps
 * its place at the link, not at the client. Redirects are followed on the same scheme, host and
 * port only, with credentials only there. A 202 with a task or monitor is polled until it ends. 503
 * and 429 with Retry-After are repeated once, where that is at most GN_BMC_RETRY_AFTER_MAX_MS. A
 * 412 or 428 of a PATCH or DELETE is repeated once with the ETag of a fresh GET. Bodies in gzip are
 * unpacked, bounded. A 401 is followed by one new login; when that does not help either, or the
 * login is refused, the link locks itself out for GN_BMC_LOCKOUT_MS (doubling to
 * GN_BMC_LOCKOUT_MAX_MS): all requests end at once with GN_BMC_END_LOCKED, so that no account is
 * ever locked by us. New credentials end the lockout. Basic has no login: a request that gets a 401
 * is repeated once when the credentials have worked before; as long as they have not, they are
 * tried by one request at a time. A request without credentials that gets a 401 ends with
 * GN_BMC_END_AUTH, without lockout.
 */
#ifndef GURNARD_BMC_CLIENT_H
#define GURNARD_BMC_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/secret.h"
#include "gurnard/bmc/spec.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"
#include "gurnard/redfish/service_error.h"

#define GN_BMC_LINK_CALLS         2
#define GN_BMC_ANSWER_MAX         ((size_t)4 << 20) /* bytes of a JSON answer, also when unpacked */
#define GN_BMC_TIMEOUT_MS         60000U            /* of a request; iDRAC and AMI are slow */
#define GN_BMC_TASK_MS            120000U           /* how long a task is waited for */
#define GN_BMC_TASK_POLL_MS       1000U /* between two looks at it without Retry-After */
#define GN_BMC_RETRY_AFTER_MAX_MS 30000U
#define GN_BMC_LOCKOUT_MS         300000U
#define GN_BMC_LOCKOUT_MAX_MS     3600000U
#define GN_BMC_LOGOUT_MS          10000U
#define GN_BMC_REDIRECTS_MAX      4

struct gn_bmc_client;
struct gn_bmc_link;
struct gn_bmc_call;

struct gn_bmc_client_config {
    uint32_t concurrency;       /* requests under way over all links, at least 1 */
    uint32_t timeout_ms;        /* of one request; 0: GN_BMC_TIMEOUT_MS */
    uint32_t lockout_ms;        /* 0: GN_BMC_LOCKOUT_MS (tests make it short), and so */
    uint32_t task_ms;           /* GN_BMC_TASK_MS */
    uint32_t task_poll_ms;      /* GN_BMC_TASK_POLL_MS */
    struct gn_metrics *metrics; /* borrowed, may be NULL: gurnard_bmc_requests_total{result},
                                 * gurnard_bmc_requests_active */
};

/* loop, http: borrowed. NULL: no memory. */
struct gn_bmc_client *gn_bmc_client_new(struct gn_loop *loop, struct gn_http_client *http,
                                        const struct gn_bmc_client_config *config);
/* All links must be freed and their calls ended. NULL is fine. */
void gn_bmc_client_free(struct gn_bmc_client *client);

/* Requests that a BMC is answering now (logins among them, streams not), and those that wait: for
 * their turn, a login, a Retry-After or a task. */
uint32_t gn_bmc_client_active(const struct gn_bmc_client *client);
uint32_t gn_bmc_client_waiting(const struct gn_bmc_client *client);

/* ---- a BMC ---- */

/* Borrowed during the call. */
struct gn_bmc_link_config {
    const char *name; /* for logs */
    const char *base; /* gn_bmc_address.base */
    enum gn_bmc_auth auth;
    enum gn_bmc_tls tls;
    const char *ca_file; /* may be NULL */
    const uint8_t *pin;  /* 32 bytes: for GN_BMC_TLS_PIN, and of GN_BMC_TLS_TOFU once it
                          * is known; else NULL */
};

/* GN_BMC_TLS_TOFU has seen a certificate for the first time, on a request that was let pass; from
 * now on it is pinned. To be kept. */
typedef void (*gn_bmc_pinned_fn)(void *ctx, const uint8_t pin[32]);

/* pinned may be NULL. NULL: no memory. */
struct gn_bmc_link *gn_bmc_link_new(struct gn_bmc_client *client,
                                    const struct gn_bmc_link_config *config,
                                    gn_bmc_pinned_fn pinned, void *ctx);

/* Credentials (copied). Ends a lockout when they differ from those before, and the session. user
 * empty: requests go without. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_bmc_link_credentials(struct gn_bmc_link *link, struct gn_str user,
                                                  struct gn_str password);

/* Where sessions are made: SessionService's Sessions, from the service root; without it
 * /redfish/v1/SessionService/Sessions. auth auto uses sessions only after this was told and as long
 * as they work, else Basic. */
void gn_bmc_link_sessions_at(struct gn_bmc_link *link, const char *uri);

/* Logs out where there is a session, once what is queued has ended (GN_BMC_LOGOUT_MS for the
 * log-out itself), then calls done (may be NULL) in a later turn; no further requests are allowed:
 * they are refused with GN_ECANCELED. Called once. */
void gn_bmc_link_logout(struct gn_bmc_link *link, gn_defer_fn done, void *ctx);

/* Cancels what is under way: the done functions are not called any more. No logout. NULL is fine.
 */
void gn_bmc_link_free(struct gn_bmc_link *link);

/* Milliseconds until a lockout ends, 0 without one. */
uint64_t gn_bmc_link_locked_ms(const struct gn_bmc_link *link);

/* Our own address as the BMC sees it, "" before the first answer. */
const char *gn_bmc_link_local(const struct gn_bmc_link *link);

/* ---- requests ---- */

enum gn_bmc_end {
    GN_BMC_END_ANSWER,      /* an answer came; see status and error */
    GN_BMC_END_UNREACHABLE, /* no connection, no name, broke off */
    GN_BMC_END_TIMEOUT,
    GN_BMC_END_TLS,     /* the certificate is not what it must be; nothing was sent */
    GN_BMC_END_AUTH,    /* 401, and again after the login, or the login was refused */
    GN_BMC_END_LOCKED,  /* not sent: the link is locked out */
    GN_BMC_END_HOSTILE, /* too long, a redirect elsewhere, a zip bomb, a task without end, no HTTP
                         */
    GN_BMC_END_NOMEM,
};

struct gn_bmc_request {
    const char *method;  /* GET, POST, PATCH, DELETE */
    const char *uri;     /* path and query, beginning with '/' */
    struct gn_str body;  /* JSON, copied; absent: none */
    const char *etag;    /* If-Match, or If-None-Match of a GET; NULL: none */
    bool is_raw;         /* the body is wanted as it came, not parsed: registries. gzip stays packed
                          * (gn_unpack_is_gzip()), for who takes it to unpack off the loop */
    bool is_anonymous;   /* without credentials: the service root */
    size_t max_bytes;    /* 0: GN_BMC_ANSWER_MAX */
    uint32_t timeout_ms; /* 0: config.timeout_ms */
};

/* Views are valid during the done function only. */
struct gn_bmc_answer {
    enum gn_bmc_end end;
    int status;         /* of the last answer, 0 without one; 500 for a task that has failed:
                         * error is told by its Messages */
    const json_t *body; /* NULL: none, or no JSON */
    struct gn_str raw;  /* the bytes, unpacked but for is_raw */
    struct gn_str etag;
    char location[GN_SERVICE_URI_MAX]; /* path only; "" when absent */
    struct gn_service_error error;     /* of an answer that is no 2xx or 304 */
    uint32_t retry_after_ms;
    const char *reason; /* one line of English: why it failed; "" for 2xx. Without secrets, also
                         * where the BMC repeats them (error.text may hold such a repetition) */
};

/* Called exactly once for each request that was taken, in a later turn. */
typedef void (*gn_bmc_answer_fn)(void *ctx, const struct gn_bmc_answer *answer);

/* Whether it is an answer of 2xx. */
bool gn_bmc_is_done(const struct gn_bmc_answer *answer);

/* Queues a request. *call (may be NULL) is valid until done. GN_EINVAL: uri or method.
 * GN_ECANCELED: after gn_bmc_link_logout(). GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_bmc_send(struct gn_bmc_link *link,
                                      const struct gn_bmc_request *request, gn_bmc_answer_fn done,
                                      void *ctx, struct gn_bmc_call **call);

/* Gives it up: done is not called any more. */
void gn_bmc_cancel(struct gn_bmc_call *call);

/* ---- a stream ---- */

/* Bytes of an answer of 2xx with text/event-stream; the first call has none: the stream is open.
 * false ends it with GN_BMC_END_HOSTILE. It must not cancel, free or log out. */
typedef bool (*gn_bmc_bytes_fn)(void *ctx, struct gn_str bytes);

/* Opens uri as a stream of server-sent events (Accept: text/event-stream; last_id: Last-Event-ID,
 * may be empty). It does not count among the calls of the link, nor in the cap of the client, and
 * has no timeout. done is called once when it has ended: an answer of 200 that broke off is
 * GN_BMC_END_UNREACHABLE, one that ended in order GN_BMC_END_ANSWER. So is any other answer, also
 * of 200 that is no text/event-stream; then reason says so. GN_EINVAL, GN_ECANCELED, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_bmc_stream(struct gn_bmc_link *link, const char *uri,
                                        struct gn_str last_id, gn_bmc_bytes_fn bytes,
                                        gn_bmc_answer_fn done, void *ctx,
                                        struct gn_bmc_call **call);

#endif
