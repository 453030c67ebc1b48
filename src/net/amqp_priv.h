/* What the parts of an AMQP connection share: amqp.c is its life and the reports to the owner,
 * amqp_socket.c connects and moves bytes, amqp_event.c reads what proton has noticed, amqp_link.c
 * attaches links, amqp_send.c and amqp_receive.c are what goes over them, amqp_tls.c sets up TLS
 * and SASL.
 *
 * Two rules keep callbacks simple. Everything that works on proton runs in gn_amqp_turn(), which
 * only the loop calls; what the owner calls just changes proton's state and asks for a turn. And
 * the owner is told only at the end of a turn, when nothing of proton's is in use any more; but for
 * messages, which are handed on as they are read. */
#ifndef GN_NET_AMQP_PRIV_H
#define GN_NET_AMQP_PRIV_H

#include <proton/connection_driver.h>
#include <proton/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"
#include "gurnard/base/secret.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/amqp.h"
#include "gurnard/net/resolver.h"

#define GN_AMQP_REASON_MAX 256               /* bytes of a reason, with its NUL */
#define GN_AMQP_HELD_MAX   ((size_t)4 << 20) /* bytes of messages that wait in proton */
#define GN_AMQP_CLOSE_MS   1000U             /* longest wait for the peer's close */

enum gn_amqp_state {
    GN_AMQP_IDLE,       /* not started, or refused to */
    GN_AMQP_WAITING,    /* for the next attempt */
    GN_AMQP_LOOKING_UP, /* the host's addresses */
    GN_AMQP_CONNECTING, /* to one of them */
    GN_AMQP_OPENING,    /* TLS, SASL, open */
    GN_AMQP_UP,
    GN_AMQP_CLOSING, /* by gn_amqp_stop(): for the peer's close */
    GN_AMQP_ENDING,  /* without a connection; to be told to the owner */
    GN_AMQP_STOPPED,
};

enum gn_amqp_link_state {
    GN_AMQP_LINK_DOWN,      /* waits for the connection */
    GN_AMQP_LINK_QUEUED,    /* for its turn to be attached */
    GN_AMQP_LINK_ATTACHING, /* for the peer's attach */
    GN_AMQP_LINK_ATTACHED,
    GN_AMQP_LINK_PAUSED, /* was refused */
};

/* What senders and receivers have in common; their first member. */
struct gn_amqp_link {
    struct gn_amqp *amqp;
    TAILQ_ENTRY(gn_amqp_link) link;  /* in links, or dead */
    TAILQ_ENTRY(gn_amqp_link) queue; /* in queued, while QUEUED */
    TAILQ_ENTRY(gn_amqp_link) note;  /* in noted, while is_noted */
    enum gn_amqp_link_state state;
    bool is_sender;
    bool is_durable; /* its terminus */
    bool is_noted;   /* something is to be told to the owner */
    bool is_freed;   /* by the owner, who is told nothing any more */
    bool is_refused; /* to be told, with reason */
    char reason[GN_AMQP_REASON_MAX];
    char *address;
    pn_session_t *session; /* both while ATTACHING and ATTACHED */
    pn_link_t *pn_link;
    uint32_t refusals;       /* in a row */
    bool is_logged;          /* the last reason */
    uint64_t attached_at_ms; /* while ATTACHED */
    struct gn_timer timer;   /* PAUSED: its end; ATTACHING: the longest wait */
    void (*on_refused)(void *ctx, const char *reason);
    void *ctx;
};
TAILQ_HEAD(gn_amqp_link_list, gn_amqp_link);

struct gn_amqp_sending {
    struct gn_amqp *amqp;
    struct gn_amqp_sender *sender;     /* NULL once it has ended */
    TAILQ_ENTRY(gn_amqp_sending) link; /* in unsettled of the sender, or in ended */
    pn_delivery_t *delivery;           /* NULL: presettled, or ended */
    uint64_t end_bytes;                /* presettled: sent_bytes of the sender behind it */
    uint64_t due_ms;                   /* UNKNOWN then */
    enum gn_amqp_outcome outcome;      /* once it has ended */
    gn_amqp_sent_fn done;
    void *ctx;
    char reason[128];
};
TAILQ_HEAD(gn_amqp_sending_list, gn_amqp_sending);

struct gn_amqp_sender {
    struct gn_amqp_link base;
    bool is_presettled;
    bool wants_credit;   /* to be told when it can send */
    bool is_draining;    /* the peer wants its credit back if there is nothing to send */
    bool has_presettled; /* in presettling of the connection */
    uint32_t outcome_ms;
    uint32_t unsettled_count;
    uint64_t next_tag;
    uint64_t sent_bytes;                   /* given to proton on this link */
    size_t held_bytes;                     /* of them not yet in frames, when last looked */
    struct gn_amqp_sending_list unsettled; /* oldest first */
    struct gn_timer outcome_timer;         /* of the oldest */
    TAILQ_ENTRY(gn_amqp_sender) presettling;
    void (*on_credit)(void *ctx);
};
TAILQ_HEAD(gn_amqp_sender_list, gn_amqp_sender);

struct gn_amqp_delivery {
    struct gn_amqp_receiver *receiver;
    TAILQ_ENTRY(gn_amqp_delivery) link; /* in unsettled or gone of the receiver */
    pn_delivery_t *delivery;            /* NULL: gone */
    void *user;
};
TAILQ_HEAD(gn_amqp_delivery_list, gn_amqp_delivery);

struct gn_amqp_receiver {
    struct gn_amqp_link base;
    uint32_t credit;
    uint32_t owed; /* credit to be given to the peer */
    uint32_t unsettled_count;
    struct gn_buf buf; /* of the message that is coming */
    bool is_dropping;  /* it was rejected, what still comes of it is thrown away */
    struct gn_amqp_delivery_list unsettled;
    struct gn_amqp_delivery_list gone; /* to be told */
    void (*on_message)(void *ctx, struct gn_amqp_delivery *delivery, struct gn_str bytes);
    bool has_attached; /* to be told */
    void (*on_attached)(void *ctx);
    void (*on_gone)(void *ctx, struct gn_amqp_delivery *delivery);
};

struct gn_amqp {
    struct gn_loop *loop;
    struct gn_resolver *resolver;
    struct gn_amqp_config config; /* texts are owned */
    struct gn_secret password;
    enum gn_amqp_state state;
    struct gn_defer turn;
    struct gn_timer timer; /* of the state: pause, longest wait */
    struct gn_timer tick;  /* proton's */

    struct gn_lookup *lookup; /* while LOOKING_UP */
    struct gn_address addresses[GN_ADDRESSES_MAX];
    size_t address_count;
    size_t address_next;  /* tried next */
    uint64_t deadline_ms; /* of the attempt */
    int fd;               /* -1: none */
    struct gn_watch *watch;
    unsigned watched;
    pn_connection_driver_t driver; /* from OPENING until the connection ends */
    bool has_driver;
    bool is_readable; /* the socket, as far as is known */
    bool is_blocked;  /* it takes nothing now */
    bool is_broken;   /* to be ended, with reason */
    bool is_denied;   /* because of who we are */
    char reason[GN_AMQP_REASON_MAX];

    struct gn_amqp_link_list links;
    struct gn_amqp_link_list queued; /* to be attached */
    struct gn_amqp_link_list noted;
    struct gn_amqp_link_list dead; /* freed by the owner */
    struct gn_amqp_sender_list presettling;
    struct gn_amqp_sending_list ended; /* to be told */
    uint32_t sending_count;            /* done not yet called */
    uint32_t session_count;            /* that proton has */
    size_t held_bytes;                 /* of all senders */
    bool is_held_known;                /* looked at everywhere in this turn */
    bool is_held_full;                 /* a sender was refused for it */

    uint32_t failures_in_a_row;
    uint32_t pause_ms;     /* the last one's upper bound */
    uint64_t up_at_ms;     /* while UP */
    bool was_told_up;      /* the owner */
    bool is_reporting;     /* the owner is being told */
    bool is_freed;         /* by the owner, while it is being told */
    uint64_t random_state; /* for jitter */
    uint64_t connects, failures, bytes_in, bytes_out;
    char last_error[GN_AMQP_REASON_MAX];
    char logged_error[GN_AMQP_REASON_MAX]; /* of the last amqp.down */
    struct gn_log_limit refused_log;
    struct gn_log_limit too_large_log;
};

/* ---- amqp.c ---- */

/* Has a turn made soon; for what the owner calls. */
void gn_amqp_turn_later(struct gn_amqp *amqp);

/* Moves bytes, then tells the owner. From the loop only. */
void gn_amqp_turn(struct gn_amqp *amqp);

/* The connection, or the attempt at one, is to end: the first reason counts. */
void gn_amqp_break(struct gn_amqp *amqp, const char *format, ...) GN_PRINTF(2, 3);

/* The peer has opened the connection. */
void gn_amqp_opened(struct gn_amqp *amqp);

/* Ends the connection or attempt now and plans the next one. Not from inside proton's events. */
void gn_amqp_down(struct gn_amqp *amqp);

/* The pause after the count-th failure in a row, with jitter. */
uint32_t gn_amqp_pause_ms(struct gn_amqp *amqp, uint32_t count);

/* The largest one it can be. */
uint32_t gn_amqp_pause_max_ms(const struct gn_amqp *amqp, uint32_t count);

/* Has something told to the owner of link. */
void gn_amqp_note(struct gn_amqp_link *link);

/* A condition in words, "name: description", one line. size: of text. */
void gn_amqp_condition_text(pn_condition_t *condition, const char *otherwise, char *text,
                            size_t size);

/* ---- amqp_socket.c ---- */

/* Begins an attempt. */
void gn_amqp_connect(struct gn_amqp *amqp);

/* The wait for an address is over: tries the next. */
void gn_amqp_connect_next(struct gn_amqp *amqp);

/* Frees socket, look-up, proton's driver. */
void gn_amqp_disconnect(struct gn_amqp *amqp);

/* Events, writing, reading, until nothing moves any more or the turn's share is used up. */
void gn_amqp_drive(struct gn_amqp *amqp);

/* ---- amqp_event.c ---- */

/* Handles at most max events. Returns how many. */
size_t gn_amqp_handle_events(struct gn_amqp *amqp, size_t max);

/* ---- amqp_tls.c ---- */

/* Why the settings can never work, NULL: they can. */
const char *gn_amqp_check_config(const struct gn_amqp_config *config);

/* Prepares the driver, not bound yet: TLS, SASL, identity. false: the connection was broken with a
 * reason. */
bool gn_amqp_prepare(struct gn_amqp *amqp);

/* Keeps the library from writing to stderr. */
void gn_amqp_silence_library(void);

/* Whether what TLS says means that our certificate is not wanted. */
bool gn_amqp_is_tls_denial(const char *text);

/* ---- amqp_link.c ---- */

/* A new link's common part: false without memory. */
bool gn_amqp_link_init(struct gn_amqp_link *link, struct gn_amqp *amqp, const char *address,
                       bool is_sender);

/* The owner's free: detaches in order; the memory goes at the end of a turn. */
void gn_amqp_link_release(struct gn_amqp_link *link);

/* The connection is open: queues all links. */
void gn_amqp_links_up(struct gn_amqp *amqp);

/* It is gone: all links are down. */
void gn_amqp_links_down(struct gn_amqp *amqp);

/* Attaches some of those that are queued; true: there are more. */
bool gn_amqp_attach_queued(struct gn_amqp *amqp);

/* The peer's attach; its detach or end, or another reason to do without. */
void gn_amqp_link_opened(struct gn_amqp_link *link);
void gn_amqp_link_refused(struct gn_amqp_link *link, const char *reason);

/* Frees what the owners have freed. Not while proton's events are handled. */
void gn_amqp_reap(struct gn_amqp *amqp);

/* Whose session it is; NULL: it has been let go. */
struct gn_amqp_link *gn_amqp_session_link(pn_session_t *session);

/* The peer has begun a session, or answered the begin of ours. */
void gn_amqp_session_opened(struct gn_amqp *amqp, pn_session_t *session);

/* A side has ended it: frees it when both have and it was let go. */
void gn_amqp_session_ended(struct gn_amqp *amqp, pn_session_t *session);

/* ---- amqp_send.c ---- */

/* All that is under way on the link ends so. */
void gn_amqp_sender_end_all(struct gn_amqp_sender *sender, enum gn_amqp_outcome outcome,
                            const char *reason);

/* The peer has said something about a message. */
void gn_amqp_sender_updated(struct gn_amqp_sender *sender, pn_delivery_t *delivery);

/* The socket took all that proton had: what was presettled and in it is done. */
void gn_amqp_presettled_done(struct gn_amqp *amqp);

/* Tells the owner of credit, if it waits for some and there is; then gives back what is to be. */
void gn_amqp_sender_report(struct gn_amqp_sender *sender);

/* Proton may hold less now: those that were refused for it are told. */
void gn_amqp_sender_held_fell(struct gn_amqp *amqp);

/* The link's counters begin anew. */
void gn_amqp_sender_reset(struct gn_amqp_sender *sender);

/* ---- amqp_receive.c ---- */

/* Gives the first credit. */
void gn_amqp_receiver_opened(struct gn_amqp_receiver *receiver);

/* Something has come. May call the owner. */
void gn_amqp_receiver_readable(struct gn_amqp_receiver *receiver, pn_delivery_t *delivery);

/* The link is gone, and with it what was not settled. */
void gn_amqp_receiver_lost(struct gn_amqp_receiver *receiver);

/* Gives all that is not settled back to the peer; the owner is told nothing. */
void gn_amqp_receiver_give_back(struct gn_amqp_receiver *receiver);

/* Tells the owner what is gone. */
void gn_amqp_receiver_report(struct gn_amqp_receiver *receiver);

/* The link as what it is. */
static inline struct gn_amqp_sender *gn_amqp_sender_of(struct gn_amqp_link *link)
{
    return GN_CONTAINER_OF(link, struct gn_amqp_sender, base);
}

static inline struct gn_amqp_receiver *gn_amqp_receiver_of(struct gn_amqp_link *link)
{
    return GN_CONTAINER_OF(link, struct gn_amqp_receiver, base);
}

#endif
