/* The inside of the AMQP transport, shared by its parts:
 *   transport_amqp.c life, the operations of a transport, figures
 *   amqp_link.c      sending: a link and a queue for each address
 *   amqp_bus.c       receiving: what is wanted, and the events that came
 *   amqp_status.c    status requests: answering them
 *   amqp_ask.c       status requests: making them */
#ifndef GN_TRANSPORT_AMQP_PRIV_H
#define GN_TRANSPORT_AMQP_PRIV_H

#include "gurnard/base/text.h"

/* Addresses come from outside: the hash is keyed. Set before uthash.h is included. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = (unsigned)gn_text_hash((struct gn_str){(const char *)(key), (length)}))
/* Without memory an element is not added; hh.tbl is NULL then. */
#define HASH_NONFATAL_OOM 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/log.h"
#include "gurnard/base/url.h"
#include "gurnard/transport/transport_amqp.h"

#define GN_BUS_REASON_MAX  160      /* bytes of a peer's words that are kept */
#define GN_BUS_ANSWERS_MAX 64       /* answers under way; requests beyond get none */
#define GN_BUS_STATUS_TYPE "STATUS" /* of a request, as cloud-event-proxy has it */

struct gn_bus;

/* ---- amqp_link.c ---- */

enum gn_sending_state {
    GN_SENDING_WAITING,   /* in its link's queue */
    GN_SENDING_UNDER_WAY, /* at net/amqp */
    GN_SENDING_ENDING,    /* done is called in the next turn */
};

struct gn_sending {
    struct gn_bus_link *link;
    TAILQ_ENTRY(gn_sending) entry; /* while it waits */
    enum gn_sending_state state;
    const struct gn_message_out *message; /* borrowed; NULL: bytes */
    struct gn_buf bytes;                  /* the encoded message, for those without one */
    gn_sent_fn done;                      /* NULL: nobody waits for the end */
    void *ctx;
    struct gn_timer timer; /* while it waits */
    struct gn_defer defer;
    struct gn_amqp_sending *net; /* while it is under way */
    bool is_canceled;
    enum gn_err err; /* of its end */
    const char *why; /* static, or of the link */
};

TAILQ_HEAD(gn_sending_list, gn_sending);

/* An address that is sent to. */
struct gn_bus_link {
    UT_hash_handle hh; /* by address */
    struct gn_bus *bus;
    struct gn_amqp_sender *sender; /* NULL: stopped */
    struct gn_sending_list waiting;
    uint32_t waiting_count;
    uint32_t active; /* sendings in any state */
    bool is_dry;     /* it took nothing: not attached, or no credit */
    bool is_refused; /* and not attached since */
    bool is_brief;   /* goes with its last message */
    struct gn_defer close;
    uint64_t used_at_ms;
    char refusal[GN_BUS_REASON_MAX];
    size_t address_len;
    char address[];
};

/* What is to be sent to an address. */
struct gn_bus_out {
    struct gn_str address;
    bool is_brief;                        /* nothing more will be sent there */
    const struct gn_message_out *message; /* borrowed until done; NULL: event, binary */
    const struct gn_cloudevent *event;    /* encoded before the call returns */
    uint32_t timeout_ms;
    gn_sent_fn done; /* may be NULL */
    void *ctx;
};

/* Sends it when it can be sent. sending: may be NULL. GN_ENOMEM, GN_ECONN (stopped), GN_EFULL (too
 * many addresses), and what gn_amqp_event_encode() says of event: nothing is called then. */
GN_MUST_CHECK enum gn_err gn_link_send(struct gn_bus *bus, const struct gn_bus_out *out,
                                       struct gn_sending **sending);
/* Gives it up; done follows with GN_ECANCELED. */
void gn_link_cancel(struct gn_sending *sending);
/* Leaves it to itself: done is not called. */
void gn_link_forget(struct gn_sending *sending);

void gn_links_init(struct gn_bus *bus);
/* Ends all sendings with GN_ECANCELED, detaches all links. */
void gn_links_stop(struct gn_bus *bus);
/* After that, when no sending is left. */
void gn_links_fini(struct gn_bus *bus);

/* ---- amqp_bus.c ---- */

TAILQ_HEAD(gn_bus_event_list, gn_bus_event);

/* A resource whose events are wanted, or whose status requests are answered. */
struct gn_bus_place {
    UT_hash_handle hh; /* by resource */
    struct gn_bus *bus;
    struct gn_bus_place **table;       /* wanted or answered of bus */
    struct gn_amqp_receiver *receiver; /* NULL: stopped */
    uint32_t wishes;
    struct gn_bus_event_list events; /* not settled */
    size_t resource_len;
    char resource[];
};

/* Counts a wish in the table; the first one makes a place, and a receiver on <resource><suffix>.
 * GN_ENOMEM, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_place_wish(struct gn_bus *bus, struct gn_bus_place **table,
                                        struct gn_str resource);
void gn_place_unwish(struct gn_bus_place **table, struct gn_str resource);

/* The place of resource; NULL: none. */
struct gn_bus_place *gn_place_find(struct gn_bus_place **table, struct gn_str resource);

void gn_places_init(struct gn_bus *bus);
/* Detaches all receivers. */
void gn_places_stop(struct gn_bus *bus);
void gn_places_fini(struct gn_bus *bus);

/* Bytes that decoding a message of this size may take. */
size_t gn_bus_arena_bytes(size_t message_bytes);

/* ---- amqp_status.c ---- */

/* Answers and settles delivery, the message ce on <resource>/status. */
void gn_status_on_request(struct gn_bus *bus, struct gn_str resource,
                          struct gn_amqp_delivery *delivery, struct gn_arena *arena,
                          const struct gn_cloudevent *ce);

/* ---- amqp_ask.c ---- */

TAILQ_HEAD(gn_bus_query_list, gn_bus_query);

void gn_bus_queries_init(struct gn_bus *bus);
/* Has all questions end with GN_ECANCELED. */
void gn_bus_queries_stop(struct gn_bus *bus);
void gn_bus_queries_fini(struct gn_bus *bus);

/* ---- transport_amqp.c ---- */

struct gn_bus {
    struct gn_transport base;
    struct gn_loop *loop;
    struct gn_amqp *amqp;
    struct gn_transport_amqp_config config; /* its texts are the three below */
    char *name, *url, *pattern;
    struct gn_url place; /* parts of url */
    struct gn_bus_handler handler;
    bool has_handler;
    bool is_stopped;

    struct gn_bus_link *links; /* hash */
    uint32_t sendings;
    struct gn_timer sweep; /* of idle links */
    struct gn_buf scratch; /* an address */
    struct gn_buf bytes;   /* a message */

    struct gn_bus_place *wanted, *answered; /* hashes */
    struct gn_bus_event_list orphans;       /* events whose receiver is no more */
    struct gn_timer survey;                 /* whether receivers are attached */
    size_t attached;                        /* as last seen */
    size_t attached_told;                   /* all of them, as last logged; 0: not all */
    uint32_t answers;                       /* under way */
    struct gn_log_limit undecodable_log;

    struct gn_bus_query_list queries;

    struct gn_metrics *metrics;
    struct gn_metric *connected, *connects, *failures, *unsettled, *credit, *link_count;
    struct gn_metric *outcomes[GN_AMQP_UNKNOWN + 1];
    struct gn_metric *received, *undecodable, *refused_links;
};

static inline struct gn_bus *gn_bus_of(struct gn_transport *transport)
{
    return GN_CONTAINER_OF(transport, struct gn_bus, base);
}

/* The broker's address for <resource><suffix>, NUL-terminated, in the bus's scratch buffer; NULL:
 * no memory. */
const char *gn_bus_address(struct gn_bus *bus, struct gn_str resource, struct gn_str suffix);

/* Keeps the beginning of a peer's words as one line. */
void gn_bus_keep_reason(char kept[GN_BUS_REASON_MAX], const char *reason);

#endif
