/* The ways out, behind one table of operations. A transport sends one message to one address and
 * tells how it ended; queues, order and retries are the outbox's.
 *
 * Contract of send: on GN_OK the transport calls done exactly once, in a later turn, also after
 * cancel (GN_ECANCELED); on any other value never. The message and all it points to is borrowed
 * until done. */
#ifndef GURNARD_TRANSPORT_TRANSPORT_H
#define GURNARD_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cloudevent.h"

#define GN_MESSAGE_PARTS   4
#define GN_SENT_ANSWER_MAX 1024U /* bytes of a receiver's answer that are handed on */

/* One message to be sent. */
struct gn_message_out {
    const char *address;                  /* URL of the receiver */
    const char *const *headers;           /* "Name: value" lines ended by NULL; HTTP only */
    struct gn_str body[GN_MESSAGE_PARTS]; /* sent one after another */
    const struct gn_cloudevent
        *event;           /* the same for transports other than HTTP; NULL: HTTP only */
    enum gn_ce_mode mode; /* of event */
    uint32_t timeout_ms;
};

/* How it ended. reason is valid during done only. */
struct gn_sent {
    enum gn_err err;         /* GN_OK taken; GN_EBUSY, GN_ECONN, GN_ETIMEOUT, GN_ENOMEM, GN_EIO: try
                              * again; GN_ENOTFOUND: the receiver is gone for good (410);
                              * GN_EREFUSED, GN_EINVAL: it will not take this message;
                              * GN_ECANCELED */
    int status;              /* HTTP status, 0 without one */
    uint32_t retry_after_ms; /* the receiver's wish, 0 without one */
    const char *reason;      /* one line of English, "" when there is nothing to say */
    struct gn_str answer;    /* the beginning of the answer's body when it was no success, at most
                              * GN_SENT_ANSWER_MAX bytes; valid during done only */
};

/* The send has ended; see the contract above. */
typedef void (*gn_sent_fn)(void *ctx, const struct gn_sent *sent);

struct gn_transport;
struct gn_sending; /* one send under way, of the transport's own shape */

struct gn_transport_ops {
    const char *name;  /* for logs and the metric label transport="": http, inproc, amqp */
    bool takes_events; /* it sends message->event, not headers and body */
    /* Whether address is one of this transport's. */
    bool (*takes)(const struct gn_transport *transport, const char *address);
    /* Starts a send; *sending is valid until done. */
    enum gn_err (*send)(struct gn_transport *transport, const struct gn_message_out *message,
                        gn_sent_fn done, void *ctx, struct gn_sending **sending);
    /* Gives a send up; done follows with GN_ECANCELED. */
    void (*cancel)(struct gn_transport *transport, struct gn_sending *sending);
    /* All sends have ended. */
    void (*free)(struct gn_transport *transport);
};

/* First member of each transport. */
struct gn_transport {
    const struct gn_transport_ops *ops;
};

#endif
