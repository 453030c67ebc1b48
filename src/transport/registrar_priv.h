/* The inside of the registrar, shared by its parts:
 *   registrar.c           life, resources, figures
 *   registrar_publisher.c what one publisher has been told and is to be told next
 *   registrar_health.c    whether it answers: lost and back
 *   registrar_query.c     CurrentState, asked of all publishers
 *   registrar_wire.c      URLs, headers and bodies. Pure but for ids and the clock
 *
 * Between each resource and each publisher there is a bond: what the publisher may know of the
 * resource, and what it is to be told. A bond that has something to be told hangs in a queue of its
 * publisher. gn_bond_settle() alone moves it there, from what is wanted and what was told, so it
 * does not matter in which order wishes and answers come. */
#ifndef GN_TRANSPORT_REGISTRAR_PRIV_H
#define GN_TRANSPORT_REGISTRAR_PRIV_H

#include "gurnard/base/text.h"

/* Resources come from outside: the hash is keyed. Set before uthash.h is included. */
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
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"
#include "gurnard/transport/registrar.h"

struct gn_resource;
struct gn_publisher;

enum gn_bond_place {
    GN_BOND_QUIET,   /* nothing to be told */
    GN_BOND_DUE,     /* in due: NEW */
    GN_BOND_LEAVING, /* in leaving: DELETE */
    GN_BOND_FLYING,  /* a POST about it is under way */
};

struct gn_bond {
    struct gn_publisher *publisher;
    struct gn_resource *resource;
    TAILQ_ENTRY(gn_bond) link; /* in due or leaving */
    enum gn_bond_place place;
    bool is_due;        /* NEW must be sent (again) while it is wanted */
    bool is_refused;    /* not before the publisher's next retry */
    bool is_told;       /* the publisher may know of it */
    bool is_registered; /* it has said yes */
};

TAILQ_HEAD(gn_bond_list, gn_bond);

struct gn_resource {
    UT_hash_handle hh; /* by text */
    uint32_t wishes;   /* subscriptions; 0: stays only until no bond needs it */
    size_t text_len;
    char *text;
    char *id;               /* of the first subscription */
    struct gn_bond bonds[]; /* one for each publisher */
};

enum gn_contact {
    GN_CONTACT_NONE, /* not tried to the end yet */
    GN_CONTACT_WELL,
    GN_CONTACT_LOST,
};

struct gn_publisher {
    struct gn_registrar *registrar;
    char *url; /* without a slash at its end */
    enum gn_contact contact;
    struct gn_timer probe; /* the next one */
    bool is_probing;
    uint32_t probe_failures;
    struct gn_timer retry; /* POSTs again */
    uint32_t failures;     /* rounds in a row */
    struct gn_timer renew;
    bool is_paused;    /* no POST before the retry */
    bool is_leaving;   /* a DELETE is under way, and nothing else */
    bool leaves_later; /* a DELETE failed: what is due goes first */
    bool has_news;     /* to be logged when nothing is left to be told */
    uint32_t posts;    /* under way */
    uint32_t refused;  /* bonds */
    struct gn_bond_list due;
    struct gn_bond_list leaving;
    struct gn_log_limit failed_log;
    char last_error[128];
};

enum gn_post {
    GN_POST_NEW,
    GN_POST_DELETE,     /* one resource */
    GN_POST_DELETE_ALL, /* all there are */
    GN_PROBE,
};

/* A POST or probe under way. */
struct gn_registrar_call {
    TAILQ_ENTRY(gn_registrar_call) link;
    struct gn_publisher *publisher;
    struct gn_bond *bond; /* GN_POST_NEW, GN_POST_DELETE */
    enum gn_post kind;
    struct gn_buf body;
    struct gn_http_call *http;
};

TAILQ_HEAD(gn_registrar_call_list, gn_registrar_call);
TAILQ_HEAD(gn_query_list, gn_registrar_query);

struct gn_registrar {
    struct gn_registrar_config config; /* without its texts */
    char *own_url;
    struct gn_id client_id;
    struct gn_loop *loop;
    struct gn_http_client *client;
    struct gn_publisher *publishers;
    size_t publisher_count;
    struct gn_resource *resources; /* hash */
    uint32_t wanted;               /* of them those with wishes */
    bool is_running, is_stopped;
    struct gn_registrar_call_list calls;
    uint32_t call_count;
    struct gn_query_list queries;
    uint32_t query_count;
    uint32_t random;
    struct gn_defer pump;
    struct gn_metric *posts_ok, *posts_failed, *lost;
};

/* ---- registrar.c ---- */

/* The pause after so many failures in a row: doubling, between half of it and the whole. */
uint32_t gn_registrar_pause_ms(struct gn_registrar *registrar, uint32_t failures);

/* Has what is to be told told in the next turn. */
void gn_registrar_pump_later(struct gn_registrar *registrar);

/* Frees the resource if nobody wants it and no publisher may know of it. */
void gn_resource_release(struct gn_registrar *registrar, struct gn_resource *resource);

/* Starts a call and lists it. GN_ENOMEM; GN_EINVAL: the publisher's URL is none. Nothing has
 * happened then. */
GN_MUST_CHECK enum gn_err gn_registrar_call(struct gn_publisher *publisher, enum gn_post kind,
                                            struct gn_bond *bond);

/* ---- registrar_publisher.c ---- */

/* Moves the bond to where it belongs now. Not one that is flying. */
void gn_bond_settle(struct gn_bond *bond);

/* Everything is to be told again. */
void gn_publisher_all_due(struct gn_publisher *publisher);

/* Tells what may be told now. */
void gn_publisher_pump(struct gn_publisher *publisher);

/* A POST has ended. */
void gn_publisher_on_post(struct gn_publisher *publisher, enum gn_post kind, struct gn_bond *bond,
                          const struct gn_http_result *result);

/* Ends the pause after failures. */
void gn_publisher_go_on(struct gn_publisher *publisher);

/* Writes why a call failed into last_error. */
void gn_publisher_note_error(struct gn_publisher *publisher, const struct gn_http_result *result);

/* ---- registrar_health.c ---- */

/* Whether there was an answer from the publisher itself: not from a proxy that cannot reach it. */
bool gn_health_is_answer(const struct gn_http_result *result);

/* Asks now, unless it is being asked. */
void gn_health_probe(struct gn_publisher *publisher);

/* A probe has ended. */
void gn_health_on_probe(struct gn_publisher *publisher, const struct gn_http_result *result);

/* The publisher has answered something. */
void gn_health_answered(struct gn_publisher *publisher);

/* ---- registrar_query.c ---- */

/* Has every query end with GN_ECANCELED. */
void gn_queries_stop(struct gn_registrar *registrar);

/* ---- registrar_wire.c ---- */

#define GN_WIRE_HEADERS 9 /* lines and the NULL */

/* Header lines of a registration and their text. */
struct gn_wire_headers {
    const char *lines[GN_WIRE_HEADERS];
    struct gn_buf text;
};

/* An URL as it is used: http:// in front where there is no scheme, no slash at the end. */
void gn_wire_url(struct gn_buf *out, struct gn_str url);

/* The URL of a resource's CurrentState. */
void gn_wire_state_url(struct gn_buf *out, const char *publisher, struct gn_str resource,
                       const char *client_id);

/* The header lines of a POST about resource (GN_POST_DELETE_ALL: of all). GN_ENOMEM. To be freed by
 * gn_buf_free(&headers->text) in any case. */
GN_MUST_CHECK enum gn_err gn_wire_headers(struct gn_wire_headers *headers, enum gn_post kind,
                                          struct gn_str resource);

/* Its body. resource and id: not for GN_POST_DELETE_ALL. */
void gn_wire_body(struct gn_buf *out, const struct gn_registrar *registrar, enum gn_post kind,
                  struct gn_str resource, struct gn_str id);

#endif
