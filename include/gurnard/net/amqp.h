/* One AMQP 1.0 connection to a router or broker, kept up: made again with growing pauses whenever
 * it breaks, its links with it. Its inside is qpid-proton's connection driver on a socket of ours;
 * no type of proton leaves src/net/amqp*. One session for each link, because some brokers
 * (RabbitMQ) end the session over a bad address.
 *
 * Nothing is sent by itself: what was given to a sender and not settled when the connection breaks
 * comes back to its owner as GN_AMQP_LOST. */
#ifndef GURNARD_NET_AMQP_H
#define GURNARD_NET_AMQP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/secret.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/resolver.h"

struct gn_amqp;
struct gn_amqp_sender;
struct gn_amqp_receiver;
struct gn_amqp_sending;  /* one message under way */
struct gn_amqp_delivery; /* one message received and not settled */

enum gn_amqp_sasl {
    GN_AMQP_SASL_ANONYMOUS,
    GN_AMQP_SASL_PLAIN,    /* user and password; only over TLS unless allow_insecure */
    GN_AMQP_SASL_EXTERNAL, /* by the client's certificate */
    GN_AMQP_SASL_NONE,     /* no SASL layer at all */
};

/* Texts are copied. */
struct gn_amqp_config {
    const char *name; /* for logs */
    const char *host;
    uint16_t port;
    const char *container_id;
    enum gn_amqp_sasl sasl;
    const char *user;
    const struct gn_secret *password; /* copied; NULL: none */
    bool allow_insecure;              /* PLAIN without TLS */
    bool use_tls;                     /* 1.2 and 1.3 */
    const char *ca_file;              /* NULL: the system's; read again at each connection */
    const char *cert_file, *key_file; /* of ours; NULL: none; read again likewise */
    /* The peer's certificate and its name: host is one of its DNS names or its common name (also a
     * host that is an address: proton looks at no address in a certificate). false: neither. */
    bool verify;
    uint32_t idle_timeout_ms;            /* told to the peer, who must say something within it */
    uint32_t max_frame_bytes;            /* that we take */
    uint32_t connect_timeout_ms;         /* from the look-up to the peer's open */
    uint32_t retry_min_ms, retry_max_ms; /* pauses, doubling, jittered */
    uint32_t denied_ms; /* least pause after the peer refused user, password or certificate */
    /* The connection is open, or broke, or was stopped: reason in words, one line. Attempts that
     * fail are in the status only. In a turn, never from inside a call of the owner's; when it has
     * stopped, the owner may free it there. May be NULL. */
    void (*on_state)(void *ctx, bool is_up, const char *reason);
    void *ctx;
};

/* resolver: borrowed. Connects with gn_amqp_start(). NULL: no memory. */
struct gn_amqp *gn_amqp_new(struct gn_loop *loop, struct gn_resolver *resolver,
                            const struct gn_amqp_config *config);
/* Settings that can never work (PLAIN without TLS and allow_insecure, EXTERNAL without a
 * certificate) are told by the status's last_error; no attempt is made then. */
void gn_amqp_start(struct gn_amqp *amqp);

/* Ends it: closes the connection in order (at most a second), gives back all sendings as
 * GN_AMQP_CANCELED in a later turn, connects no more. Senders and receivers are still to be freed.
 */
void gn_amqp_stop(struct gn_amqp *amqp);
/* Stopped, and all sendings have come back. */
bool gn_amqp_is_stopped(const struct gn_amqp *amqp);
/* After that; its senders and receivers were freed. NULL is fine. */
void gn_amqp_free(struct gn_amqp *amqp);

/* Whether the connection is open. */
bool gn_amqp_is_up(const struct gn_amqp *amqp);

/* Since the start. */
struct gn_amqp_status {
    uint64_t connects; /* that led to an open connection */
    uint64_t failures; /* that did not, and connections that broke */
    uint64_t bytes_in, bytes_out;
    const char *last_error; /* "" without one */
};
void gn_amqp_status(const struct gn_amqp *amqp, struct gn_amqp_status *status);

/* ---- sending ---- */

enum gn_amqp_outcome {
    GN_AMQP_ACCEPTED,
    GN_AMQP_RELEASED, /* also modified: nobody has it */
    GN_AMQP_REJECTED, /* the receiver will not take it */
    GN_AMQP_LOST,     /* the link or the connection broke before there was an outcome */
    GN_AMQP_UNKNOWN,  /* no outcome within the time given: settled by us */
    GN_AMQP_CANCELED, /* by gn_amqp_cancel(), gn_amqp_sender_free() or gn_amqp_stop() */
};

/* The end of a message; called once for each gn_amqp_send() that gave GN_OK, in a later turn.
 * reason: in words, "" without. */
typedef void (*gn_amqp_sent_fn)(void *ctx, enum gn_amqp_outcome outcome, const char *reason);

struct gn_amqp_sender_config {
    const char *address; /* target; copied */
    bool is_durable;     /* asks for a node that outlives the broker, if attaching makes one */
    bool is_presettled;  /* the outcome is ACCEPTED once the bytes were given to the socket */
    uint32_t outcome_ms; /* longest wait for an outcome */
    /* The link was refused or detached: why. It is attached again after a pause, growing to
     * retry_max_ms. May be NULL. */
    void (*on_refused)(void *ctx, const char *reason);
    /* There is credit again for at least one message, after gn_amqp_send() gave GN_EFULL or
     * GN_ECONN. May be NULL. */
    void (*on_credit)(void *ctx);
    void *ctx;
};

/* A link for sending, attached whenever the connection is up. NULL: no memory. */
struct gn_amqp_sender *gn_amqp_sender_new(struct gn_amqp *amqp,
                                          const struct gn_amqp_sender_config *config);
/* Detaches it; what is under way is canceled. NULL is fine. */
void gn_amqp_sender_free(struct gn_amqp_sender *sender);

/* Sends an encoded message (copied). *sending (may be NULL) is valid until done. GN_EFULL: no
 * credit, or too much waits for the socket; GN_ECONN: the link is not attached; GN_ENOMEM. On an
 * error done is not called. */
GN_MUST_CHECK enum gn_err gn_amqp_send(struct gn_amqp_sender *sender, struct gn_str message,
                                       gn_amqp_sent_fn done, void *ctx,
                                       struct gn_amqp_sending **sending);
/* Nobody waits for its outcome any more. It may arrive all the same. */
void gn_amqp_cancel(struct gn_amqp_sending *sending);

/* Whether it is attached; credit that is left; messages without an outcome. */
bool gn_amqp_sender_is_attached(const struct gn_amqp_sender *sender);
uint32_t gn_amqp_sender_credit(const struct gn_amqp_sender *sender);
uint32_t gn_amqp_sender_unsettled(const struct gn_amqp_sender *sender);

/* ---- receiving ---- */

struct gn_amqp_receiver_config {
    const char *address;      /* source; copied */
    bool is_durable;          /* as for senders */
    uint32_t credit;          /* messages that may be under way and not settled */
    size_t max_message_bytes; /* larger ones are rejected without being handed on */
    /* A message has come whole. bytes: valid during the call. Each is to be settled once, now or
     * later, by gn_amqp_settle(); it also goes when the link or the connection does. */
    void (*on_message)(void *ctx, struct gn_amqp_delivery *delivery, struct gn_str bytes);
    /* The delivery is gone unsettled: the link broke. The peer will send it again. */
    void (*on_gone)(void *ctx, struct gn_amqp_delivery *delivery);
    void (*on_refused)(void *ctx, const char *reason); /* as for senders; may be NULL */
    void (*on_attached)(void *ctx); /* the link is attached, each time; may be NULL */
    void *ctx;
};

/* A link for receiving, attached whenever the connection is up. NULL: no memory. */
struct gn_amqp_receiver *gn_amqp_receiver_new(struct gn_amqp *amqp,
                                              const struct gn_amqp_receiver_config *config);
/* Detaches it; what is not settled is released, on_gone is not called. NULL is fine. */
void gn_amqp_receiver_free(struct gn_amqp_receiver *receiver);
bool gn_amqp_receiver_is_attached(const struct gn_amqp_receiver *receiver);

enum gn_amqp_settlement { GN_AMQP_ACCEPT, GN_AMQP_REJECT, GN_AMQP_RELEASE };

/* Says what became of it, and makes room for another. reason: of a rejection, told to the peer. */
void gn_amqp_settle(struct gn_amqp_delivery *delivery, enum gn_amqp_settlement settlement,
                    const char *reason);

/* Free for the owner's use; NULL at first. */
void gn_amqp_delivery_set_user(struct gn_amqp_delivery *delivery, void *user);
void *gn_amqp_delivery_user(const struct gn_amqp_delivery *delivery);

#endif
