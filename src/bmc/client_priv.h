/* What the files of the Redfish client share: client.c gives turns to calls, client_link.c holds a
 * BMC, client_auth.c its credentials, client_call.c sends one exchange of a call,
 * client_answer.c decides what its answer means, client_task.c waits for tasks,
 * client_redirect.c resolves redirects, client_send.c is the users' entrance. Nothing else includes
 * this.
 *
 * A call is one request of a user (or a log-in or log-out of ours) and takes one or more exchanges
 * of HTTP, one after another. */
#ifndef GN_BMC_CLIENT_PRIV_H
#define GN_BMC_CLIENT_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/secret.h"
#include "gurnard/bmc/client.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"

#define GN_BMC_STREAM_TYPE   "text/event-stream"
#define GN_BMC_REASON_MAX    160 /* bytes of a reason, with NUL */
#define GN_BMC_REASON_LOCKED "not sent: locked out after refused credentials"
#define GN_BMC_REASON_NOMEM  "no memory"

TAILQ_HEAD(gn_bmc_calls, gn_bmc_call);
TAILQ_HEAD(gn_bmc_links, gn_bmc_link);

/* The label result of gurnard_bmc_requests_total. */
enum gn_bmc_result {
    GN_BMC_RESULT_OK,
    GN_BMC_RESULT_REFUSED,
    GN_BMC_RESULT_UNREACHABLE,
    GN_BMC_RESULT_TIMEOUT,
    GN_BMC_RESULT_TLS,
    GN_BMC_RESULT_AUTH,
    GN_BMC_RESULT_LOCKED,
    GN_BMC_RESULT_HOSTILE,
    GN_BMC_RESULTS,
};

struct gn_bmc_client {
    struct gn_loop *loop;
    struct gn_http_client *http;
    struct gn_bmc_client_config config; /* without zeros */
    struct gn_bmc_links busy;           /* links that may have something to send, in turn */
    struct gn_defer pump;
    uint32_t links;
    uint32_t flying;                          /* exchanges; no streams */
    uint32_t waiting;                         /* requests that are neither flying nor ended */
    struct gn_metric *totals[GN_BMC_RESULTS]; /* NULL without metrics, and so */
    struct gn_metric *active;
};

/* How a link's requests are made acceptable to the BMC. */
enum gn_bmc_scheme { GN_BMC_BY_NOTHING, GN_BMC_BY_BASIC, GN_BMC_BY_SESSION };

struct gn_bmc_link {
    struct gn_bmc_client *client;
    TAILQ_ENTRY(gn_bmc_link) entry; /* in client->busy while is_listed */
    bool is_listed;
    bool is_closing; /* logs out: takes no requests */
    bool has_closed; /* the log-out was sent, or there was none to send */
    uint32_t refs;   /* the user's, and one for each call */

    char *name, *base, *ca_file; /* owned; ca_file may be NULL */
    bool is_https;
    enum gn_bmc_auth auth;
    enum gn_bmc_tls tls;
    bool has_pin;
    uint8_t pin[GN_HTTP_PIN_BYTES];
    gn_bmc_pinned_fn pinned;
    void *ctx;
    struct gn_defer pin_news; /* tells ctx of the pin */
    char local[48];

    struct gn_secret user, password, token;
    char *session;             /* URI of ours, to log out; NULL: none or unknown */
    char *sessions;            /* where they are made; NULL: not told */
    bool has_refused_sessions; /* auto stays with Basic */
    bool is_proven;            /* the credentials have worked and not failed since */
    uint64_t epoch;            /* of the credentials: grows when they are not to be used again */
    struct gn_bmc_call *login; /* under way, or NULL */
    uint64_t locked_until_ms;  /* 0: is not locked */
    uint64_t lockout_ms;       /* how long the next lockout is */
    gn_defer_fn logout_done;   /* NULL: nobody waits for it */
    void *logout_ctx;
    struct gn_defer logout_news; /* calls logout_done where no call could be made */

    struct gn_bmc_calls queue; /* not begun */
    struct gn_bmc_calls ready; /* begun (streams and logins too), want to send */
    struct gn_bmc_calls away;  /* flying, paused, landed, ending */
    uint32_t begun;            /* calls of users that hold a place: at most GN_BMC_LINK_CALLS */
    uint32_t flying;           /* exchanges; no streams */
    uint32_t trying;           /* of them those with credentials */
};

enum gn_bmc_call_state {
    GN_BMC_CALL_NEW,    /* in no list */
    GN_BMC_CALL_QUEUED, /* in queue */
    GN_BMC_CALL_READY,  /* in ready */
    GN_BMC_CALL_FLYING, /* in away, as those that follow: HTTP has it */
    GN_BMC_CALL_LANDED, /* its answer is looked at */
    GN_BMC_CALL_PAUSED, /* timer runs */
    GN_BMC_CALL_ENDING, /* defer waits: done is to be called with end and reason */
    GN_BMC_CALL_ENDED,  /* in no list: done is being called, or HTTP's done for one given up */
};

/* Whose call it is. */
enum gn_bmc_kind { GN_BMC_REQUEST, GN_BMC_STREAM, GN_BMC_LOGIN, GN_BMC_LOGOUT };

/* What the present exchange of a call is for. */
enum gn_bmc_phase {
    GN_BMC_PHASE_REQUEST, /* the request itself */
    GN_BMC_PHASE_ETAG,    /* GET of the same, for its ETag */
    GN_BMC_PHASE_TASK,    /* GET of the monitor */
};

struct gn_bmc_call {
    struct gn_bmc_link *link; /* a reference */
    TAILQ_ENTRY(gn_bmc_call) entry;
    enum gn_bmc_call_state state;
    enum gn_bmc_kind kind;
    enum gn_bmc_phase phase;

    const char *method; /* static */
    char *uri;          /* owned; moves with redirects, and so */
    char *monitor;      /* of the task; NULL before */
    char *etag;         /* owned or NULL: If-Match, If-None-Match of a GET */
    char *last_id;      /* of a stream; owned or NULL */
    char *body;         /* owned, wiped: passwords and tokens stand in bodies. NULL: none */
    size_t body_len;
    struct gn_secret token; /* of a log-out: the session's; of a log-in: what came */
    bool is_raw, is_anonymous;
    bool has_place; /* counts in link->begun */
    size_t max_bytes;
    uint32_t timeout_ms;
    gn_bmc_answer_fn done;
    void *ctx;
    gn_bmc_bytes_fn bytes; /* of a stream */

    struct gn_http_call *http; /* while flying */
    bool has_credentials;      /* the present exchange */
    uint64_t epoch;            /* of the link's credentials when it was sent */
    uint32_t redirects, renewals;
    bool has_waited;                       /* for a Retry-After */
    bool has_fresh_etag;                   /* the refused PATCH is, or was, repeated */
    bool is_open;                          /* a stream has begun */
    bool is_stream_refused;                /* by whom they were handed to */
    uint64_t task_until_ms;                /* 0: no task yet */
    struct gn_timer timer;                 /* of a pause */
    struct gn_defer defer;                 /* of an end */
    struct gn_service_error refused_error; /* of what is repeated with an ETag, and: */
    int status; /* its status, the end when there is no ETag; or the status of an ending call */
    enum gn_bmc_end end;
    char reason[GN_BMC_REASON_MAX];
};

/* ---- client.c ---- */

/* Something of link may be sent now: it is looked at in a later turn. */
void gn_bmc_client_wake(struct gn_bmc_link *link);

/* Counts a call's end. */
void gn_bmc_client_count(struct gn_bmc_client *client, const struct gn_bmc_answer *answer);

/* ---- client_link.c ---- */

void gn_bmc_link_unref(struct gn_bmc_link *link);

/* Whether it is locked out. */
bool gn_bmc_link_is_locked(const struct gn_bmc_link *link);

/* The tls to send with; fills place. NULL for plain HTTP. */
const struct gn_http_tls *gn_bmc_link_tls(const struct gn_bmc_link *link,
                                          struct gn_http_tls *place);

/* Keeps what an answer tells of our address and, on first use, of the certificate. */
void gn_bmc_link_note(struct gn_bmc_link *link, const struct gn_http_result *result);

/* Exchanges that the link may have at a time: one until the certificate is known. */
uint32_t gn_bmc_link_room(const struct gn_bmc_link *link);

/* ---- client_auth.c ---- */

/* Whether call can be sent with what its link has; where it lacks a session, a log-in is put in
 * front of link->ready. */
bool gn_bmc_auth_is_ready(struct gn_bmc_call *call);

/* Whether call goes with the link's credentials. */
bool gn_bmc_auth_wants(const struct gn_bmc_call *call);

/* Bytes that gn_bmc_auth_add() may append. */
size_t gn_bmc_auth_room(const struct gn_bmc_call *call);

/* Appends the header line (without an end) that call goes with, if any, within memory that out has
 * reserved: it is wiped by the caller. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_bmc_auth_add(const struct gn_bmc_call *call, struct gn_buf *out);

/* The present exchange of call was answered, not by 401. */
void gn_bmc_auth_accepted(struct gn_bmc_call *call);

/* The present exchange of call was answered by 401: repeats it or ends the call. */
void gn_bmc_auth_refused(struct gn_bmc_call *call);

/* Logs out where that was asked for and nothing is left to be sent before. */
void gn_bmc_auth_close(struct gn_bmc_link *link);

/* ---- client_call.c ---- */

/* A call of kind in no list; takes a reference of link. uri is copied. NULL: no memory. */
struct gn_bmc_call *gn_bmc_call_new(struct gn_bmc_link *link, enum gn_bmc_kind kind,
                                    const char *method, const char *uri);

/* In no list, and HTTP has nothing of it. NULL is fine. */
void gn_bmc_call_free(struct gn_bmc_call *call);

/* The only place where a state changes: lists and counters follow. */
void gn_bmc_call_move(struct gn_bmc_call *call, enum gn_bmc_call_state state);

/* Sends the next exchange of a ready call. */
void gn_bmc_call_fly(struct gn_bmc_call *call);

/* Wants to send the next exchange; ends where the link is locked. */
void gn_bmc_call_go_on(struct gn_bmc_call *call);

/* The same after a while. */
void gn_bmc_call_pause(struct gn_bmc_call *call, uint64_t delay_ms);

/* Calls done and frees call. */
void gn_bmc_call_finish(struct gn_bmc_call *call, const struct gn_bmc_answer *answer);

/* Finishes at once without an answer. status: what the BMC last said, 0 if nothing. */
void gn_bmc_call_fail(struct gn_bmc_call *call, enum gn_bmc_end end, int status,
                      const char *reason);

/* The same in a later turn; reason is copied. */
void gn_bmc_call_fail_later(struct gn_bmc_call *call, enum gn_bmc_end end, int status,
                            const char *reason);

/* Gives up: done is not called. */
void gn_bmc_call_drop(struct gn_bmc_call *call);

/* The URI of the present exchange. */
char **gn_bmc_call_uri(struct gn_bmc_call *call);

/* ---- client_answer.c, client_task.c, client_redirect.c ---- */

/* An exchange of call has ended (call has landed): goes on, or finishes. */
void gn_bmc_answer_take(struct gn_bmc_call *call, const struct gn_http_result *result);

/* An answer to the request or of its monitor that may be about a task. true: it has been dealt
 * with, call may be gone. false: it is the answer; where a task has failed, its status is 500. */
bool gn_bmc_task_take(struct gn_bmc_call *call, struct gn_bmc_answer *answer);

/* Appends path and query of where location leads from uri. Pure. GN_EREFUSED: to another scheme,
 * host or port. GN_EPARSE: it is no URI. GN_ENOMEM, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_bmc_redirect(const char *base, const char *uri, struct gn_str location,
                                          struct gn_buf *out);

#endif
