/* The inside of the fleet, shared by its parts:
 *   bmcs.c       the set of BMCs, the inventory, what comes from above
 *   bmc.c        one BMC: its life
 *   state.c      how it is, and telling so
 *   signs.c      when it is looked at: signs of life and of trouble
 *   wants.c      what is wanted of it
 *   round.c      one look at it: root, manager, EventService (list.c: its subscriptions)
 *   subscribe.c  putting the subscriptions right
 *   proof.c      the test event
 *   stream.c     server-sent events
 *   logs.c       finding logs, reading after an outage (logs_page.c: one log)
 *   registries.c fetching message registries
 *   report.c     what operators see
 * Each BMC has one of each of these machines; they run side by side over its link. */
#ifndef GN_BMC_BMCS_PRIV_H
#define GN_BMC_BMCS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/secret.h"
#include "gurnard/bmc/client.h"
#include "gurnard/bmc/bmcs.h"
#include "gurnard/bmc/health.h"
#include "gurnard/bmc/memory.h"
#include "gurnard/bmc/spec.h"
#include "gurnard/net/sse.h"
#include "gurnard/redfish/destination.h"
#include "gurnard/redfish/event_service.h"
#include "gurnard/redfish/test_event.h"

#define BMC_REASON_MAX   256 /* bytes of a reason, with NUL */
#define BMC_TEXT_MAX     96  /* bytes of model, firmware and the like, with NUL */
#define BMC_MEMBERS_MAX  64  /* subscriptions of a BMC that are looked at */
#define BMC_SERVICE_URI  "/redfish/v1/EventService" /* where the root names none */
#define BMC_WANTS        2    /* subscriptions of ours at most: events, metric reports */
#define BMC_URL_MAX      1024 /* bytes of a Destination of ours, with NUL */
#define MISSING_WORDS    "not offered by the BMC: " /* begins gn_bmc.missing */
#define PROOF_ASKERS_MAX 8                          /* that wait for one proof */

/* What a BMC says of itself. */
struct bmc_facts {
    bool is_known; /* the service root has been read since the last trouble */
    char vendor[BMC_TEXT_MAX], product[BMC_TEXT_MAX], redfish[24], uuid[48];
    char model[BMC_TEXT_MAX], firmware[BMC_TEXT_MAX];
    char *event_service, *managers, *systems, *chassis, *registries; /* owned paths or NULL */
    char *manager;                                                   /* the one looked at */
    char *model_key; /* what is learnt and cached goes by it; never NULL once is_known */
};

/* ---- a look and what follows from it ---- */

struct bmc_round {
    bool is_running;
    bool is_wanted_again; /* a sign came meanwhile */
    struct gn_bmc_call *call;
    const char *sign; /* why this round began, static */
    bool enabled_tried;

    /* the list, while it is read; freed at the round's end */
    char (*uris)[GN_SERVICE_URI_MAX];
    size_t uri_count, next_uri;
    struct gn_destination *list;
    size_t list_count;
    size_t member_count; /* as the collection tells it */

    /* putting right */
    unsigned want; /* index of the one in hand */
    struct gn_destination_plan plan;
    struct gn_destination_shape shape;
    unsigned refusals;
    size_t removed;
    bool has_pruned, is_listed_again;
    bool is_lost;       /* it was gone or suspended: what is made now is a repair */
    bool awaits_listed; /* one was made that only the list can name */
    bool is_remade;     /* one is made since the one before was suspended */
    bool made_any;      /* one was made in this round */
    char created[GN_SERVICE_URI_MAX];
};

/* ---- a test event ---- */

struct bmc_asker {
    gn_bmcs_proof_fn done;
    void *ctx;
    TAILQ_ENTRY(bmc_asker) link;
};

struct bmc_proof {
    bool is_running;
    struct gn_bmc_call *call;
    struct gn_test_info info;
    bool info_is_read;
    enum gn_test_form form;
    bool is_learnt; /* form is what another BMC of the model took */
    char nonce[24];
    char message_id[128]; /* to ask for where the BMC names none */
    char key_id[128];     /* what was asked for: an event with its key is the answer */
    char timestamp[40];
    uint64_t asked_us; /* when the request went out */
    uint64_t came_us;  /* when the event came while the request was still open; 0: it did not */
    bool came_by_stream;
    bool is_refused;
    struct gn_timer timeout, again;
    unsigned again_count;
    TAILQ_HEAD(, bmc_asker) askers;
    unsigned asker_count;
    struct gn_defer ended; /* tells the askers */
    struct gn_bmcs_proof result;
    char reason[BMC_REASON_MAX];

    /* the latest one that ended */
    bool is_known, is_proven;
    double latency_ms;
    int64_t at_ns;
};

/* ---- a stream ---- */

enum bmc_stream_state { BMC_STREAM_OFF, BMC_STREAM_OPENING, BMC_STREAM_OPEN, BMC_STREAM_WAITING };

struct bmc_stream {
    enum bmc_stream_state state;
    struct gn_bmc_call *call;
    struct gn_sse *sse; /* owned while the stream is used */
    struct gn_timer again;
    struct gn_timer watchdog;
    unsigned failures;      /* in a row */
    bool is_feeding;        /* its bytes are being read: it must not be cancelled now */
    bool is_unwanted;       /* it ends with these bytes */
    bool is_quietly_closed; /* nobody was told that it ended */
    bool is_blocked;        /* there was no room for an event: it ended over it */
    uint64_t opened_ms;
    uint64_t opened_count;
    uint64_t events;
    char pending_id[GN_KEPT_ID_MAX]; /* of the last event taken, not on disk yet */
    char settling_id[GN_KEPT_ID_MAX];
    bool is_settling;
    bool has_no_filter; /* the BMC refused ours */
};

/* ---- logs ---- */

struct bmc_logs; /* logs.c */

/* ---- one BMC ---- */

struct gn_bmc {
    struct gn_bmcs *fleet;
    struct gn_bmc_spec spec;
    struct gn_bmc_link *link;
    struct gn_kept *kept; /* NULL: it leaves, and nothing of it is to be kept */
    UT_hash_handle hh;

    char *problem; /* with its credentials; NULL: none */
    bool has_credentials;
    char **header_names;
    struct gn_secret *header_values;
    size_t header_count;
    char header_sign[33]; /* of all of them, to see a change */

    char token[33];
    char url[BMC_WANTS][BMC_URL_MAX];                        /* Destinations wanted */
    char context[BMC_WANTS][GN_DESTINATION_CONTEXT_MAX + 1]; /* and their Contexts */
    char context_prefix[BMC_WANTS][GN_DESTINATION_CONTEXT_MAX + 1];

    enum gn_bmc_state state;
    char reason[BMC_REASON_MAX];
    int64_t state_since_ns;
    char missing[BMC_REASON_MAX]; /* of what was asked for, not offered by the BMC */
    bool is_lost[BMC_WANTS];      /* the subscription that was there, and it has been told */
    char refusal[BMC_REASON_MAX]; /* why it takes no subscription; "" if it does */
    bool push_fails;              /* the latest proof by push failed */
    uint64_t subscriptions_used;  /* as the last round saw it */

    struct bmc_facts facts;
    struct gn_event_service service;
    struct gn_destination current[BMC_WANTS]; /* ours, as last read; uri "" if there is none */

    char remade[BMC_WANTS][GN_SERVICE_URI_MAX]; /* made since the one before was suspended, or "" */

    struct bmc_round round;
    struct bmc_proof proof;
    struct bmc_stream stream;
    struct bmc_logs *logs; /* while they are read, or NULL */
    bool logs_wanted_again;
    unsigned log_settlings; /* that are awaited, also of readings that were given up */
    uint64_t gap_number;    /* goes up with each gap noted: one that came meanwhile is not closed */

    struct gn_timer next;    /* the next round */
    const char *next_sign;   /* its reason; static */
    uint64_t round_ended_ms; /* of the last one; 0: there was none */
    bool is_settled;         /* the last round read all there is: in the next, our own are enough */
    bool is_looked_at;       /* a round has come to its end since the start */
    unsigned failures;       /* rounds in a row that found no answer */
    struct gn_timer silence; /* nothing came for long */
    uint64_t heard_ms;       /* when something last came */
    int64_t heard_ns;        /* by the calendar; 0: never */
    int64_t heartbeat_ns;
    bool heartbeat_lost;

    TAILQ_HEAD(, bmc_settling) settlings;
    uint64_t events, recovered, heartbeats; /* since the start */
    bool is_leaving;                        /* the inventory has it no more: subscriptions go */
    char farewell[BMC_WANTS][GN_SERVICE_URI_MAX]; /* those */
    unsigned leave_step;
    TAILQ_ENTRY(gn_bmc) link_leaving;
};

/* Figures of the fleet; all NULL without metrics. */
struct fleet_metrics {
    struct gn_metric *bmcs[GN_BMC_STATES];
    struct gn_metric *rounds_ok, *rounds_failed;
    struct gn_metric *created, *adopted, *repaired, *removed, *refused;
    struct gn_metric *proofs_ok, *proofs_failed;
    struct gn_metric *streams, *stream_breaks;
    struct gn_metric *recovered, *heartbeats, *gaps;
    struct gn_metric *registries_ok, *registries_failed;
    struct gn_histogram *proof_seconds;
};

struct gn_bmcs {
    struct gn_loop *loop;
    struct gn_bmc_client *client;
    struct gn_memory *memory;
    struct gn_bmcs_hooks hooks;
    struct gn_bmcs_config config; /* texts owned */
    struct gn_bmc *bmcs;          /* by name */
    TAILQ_HEAD(, gn_bmc) leaving;
    struct fleet_metrics metrics;
    struct fetcher *fetcher; /* registries.c */
    uint64_t spread_ms;      /* for the present list */
    uint64_t dice;           /* of gn_bmc_jitter() */
    bool is_stopping;
    bool has_list;  /* an inventory has been applied */
    bool is_pruned; /* the memory of BMCs that left while we were down is gone */
    gn_defer_fn stopped;
    void *stopped_ctx;
    struct gn_timer stop_limit;
};

/* ---- bmc.c ---- */

struct gn_bmc *gn_bmc_new(struct gn_bmcs *fleet, const struct gn_bmc_spec *spec);
/* Ends everything at once; what the BMC has stays as it is. */
void gn_bmc_free(struct gn_bmc *bmc);
/* Makes the link, anew when it is there. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_bmc_connect(struct gn_bmc *bmc);
/* Takes back what we made there, then logs out; gn_bmc_left() follows. is_forgotten: what is kept
 * of it goes at once, and the subscription even where it is to be kept over restarts. */
void gn_bmc_leave(struct gn_bmc *bmc, bool is_forgotten);
void gn_bmc_left(struct gn_bmc *bmc); /* bmcs.c */
/* Adds one; nothing where there are no metrics. */
void gn_bmc_count(struct gn_metric *metric);
/* around +- part of it, at random. */
double gn_bmc_jitter(struct gn_bmcs *fleet, double around, double part);
/* Copies text, cut to size - 1 bytes. */
void gn_bmc_copy(char *out, size_t size, const char *text);

/* ---- state.c ---- */

/* Goes to state for reason, tells it, counts it. The one place where state changes. */
void gn_bmc_set_state(struct gn_bmc *bmc, enum gn_bmc_state state, const char *format, ...)
    GN_PRINTF(3, 4);
/* The state that follows from subscriptions, proof and stream. */
void gn_bmc_settle_state(struct gn_bmc *bmc);
/* Whether events come in now, as far as can be known. */
bool gn_bmc_is_delivering(const struct gn_bmc *bmc);
/* It is counted among to and no more among from; GN_BMC_STATES: among none. */
void gn_bmc_move_gauge(struct gn_bmc *bmc, enum gn_bmc_state from, enum gn_bmc_state to);
/* Tells an event of gurnard's own registry; its first argument is the BMC's name. */
void gn_bmc_tell(struct gn_bmc *bmc, const char *key, const char *severity, const char *arg1,
                 const char *arg2);

/* ---- signs.c ---- */

void gn_bmc_signs_init(struct gn_bmc *bmc);
void gn_bmc_signs_fini(struct gn_bmc *bmc);
/* A sign of trouble, static text: a round follows soon. */
void gn_bmc_sign(struct gn_bmc *bmc, const char *sign);
/* An operator has changed what is wanted of it: a round follows at once. what: static. */
void gn_bmc_changed(struct gn_bmc *bmc, const char *what);
/* Events may have been missed from here on. */
void gn_bmc_note_gap(struct gn_bmc *bmc, const char *why);
/* A round has ended: plans the next one. */
void gn_bmc_rest(struct gn_bmc *bmc);
/* Something came from it. */
void gn_bmc_heard(struct gn_bmc *bmc);
/* Whether body is a heartbeat that we asked for; notes it. */
bool gn_bmc_heartbeat_take(struct gn_bmc *bmc, struct gn_str body);
/* Has fn called when all that was taken so far is on disk, or not; not if the BMC goes before.
 * false: no memory, it will not be called. */
typedef void (*bmc_settled_fn)(struct gn_bmc *bmc, bool is_durable);
bool gn_bmc_settle(struct gn_bmc *bmc, bmc_settled_fn fn);
/* None of them is called any more. */
void gn_bmc_drop_settlings(struct gn_bmc *bmc);

/* ---- wants.c ---- */

GN_MUST_CHECK enum gn_err gn_bmc_set_secret(struct gn_bmc *bmc,
                                            const struct gn_bmcs_secret *secret);
void gn_bmc_free_headers(struct gn_bmc *bmc);
/* Destinations and Contexts wanted now. false: our own address is not known yet. */
bool gn_bmc_make_wants(struct gn_bmc *bmc);
/* What subscription index shall be. */
void gn_bmc_want(const struct gn_bmc *bmc, unsigned index, struct gn_destination_want *want,
                 const char **names, const char **values);
/* How many are wanted with this service: 0 to BMC_WANTS. */
unsigned gn_bmc_want_count(const struct gn_bmc *bmc);

/* ---- round.c ---- */

void gn_bmc_round_start(struct gn_bmc *bmc, const char *sign);
void gn_bmc_round_stop(struct gn_bmc *bmc);
/* Asks for a GET within the round; on failure the round ends. */
void gn_bmc_round_get(struct gn_bmc *bmc, const char *uri, gn_bmc_answer_fn fn);
void gn_bmc_round_send(struct gn_bmc *bmc, const struct gn_bmc_request *request,
                       gn_bmc_answer_fn fn);
/* Whether the answer ends the round (no answer at all, or no right to ask); ends it then. */
bool gn_bmc_round_failed(struct gn_bmc *bmc, const struct gn_bmc_answer *answer);
/* The subscriptions are as they can be. */
void gn_bmc_round_done(struct gn_bmc *bmc);
void gn_bmc_facts_free(struct bmc_facts *facts);
/* Ends the round for want of an answer. */
void gn_bmc_round_fail(struct gn_bmc *bmc, enum gn_bmc_state state, const char *reason);

/* ---- list.c ---- */

/* Whether body is a collection; one without Members is empty. */
bool gn_bmc_is_collection(const json_t *body);
/* Frees what was read of the list. */
void gn_bmc_list_drop(struct bmc_round *round);
/* Reads the list of subscriptions again, then goes on with subscribing. */
void gn_bmc_round_list(struct gn_bmc *bmc);

/* ---- subscribe.c ---- */

/* Where subscriptions are listed and made. */
void gn_bmc_collection(const struct gn_bmc *bmc, char uri[GN_SERVICE_URI_MAX + 16]);
/* The list has been read: plans and puts right; ends with gn_bmc_round_done(). */
void gn_bmc_subscribe(struct gn_bmc *bmc);

/* ---- proof.c ---- */

void gn_bmc_proof_init(struct gn_bmc *bmc);
void gn_bmc_proof_fini(struct gn_bmc *bmc);
/* Begins one unless one is under way. asker may be NULL; it takes it. */
void gn_bmc_proof_start(struct gn_bmc *bmc, struct bmc_asker *asker);
/* Gives up the one under way; whoever asked is told reason. */
void gn_bmc_proof_stop(struct gn_bmc *bmc, const char *reason);
/* An event that nobody asked for came by push: the path is proven too. */
void gn_bmc_proof_by_event(struct gn_bmc *bmc);
/* A body came. true: it is the test event. */
bool gn_bmc_proof_take(struct gn_bmc *bmc, struct gn_str body, bool by_stream);

/* ---- stream.c ---- */

void gn_bmc_stream_init(struct gn_bmc *bmc);
void gn_bmc_stream_fini(struct gn_bmc *bmc);
/* Opens or closes it, as the way, the proof and the service want it. */
void gn_bmc_stream_update(struct gn_bmc *bmc);
/* The filter is another one: closes it, to be opened anew after the next round. */
void gn_bmc_stream_close(struct gn_bmc *bmc);
bool gn_bmc_stream_is_open(const struct gn_bmc *bmc);
/* The BMC has restarted: its ids begin anew. */
void gn_bmc_stream_forget(struct gn_bmc *bmc);

/* ---- logs.c ---- */

/* Reads the logs: after a gap for events, else for their marks. */
void gn_bmc_logs_start(struct gn_bmc *bmc);
void gn_bmc_logs_stop(struct gn_bmc *bmc);

/* ---- registries.c ---- */

struct fetcher *gn_fetcher_new(struct gn_bmcs *fleet); /* NULL: no memory, or the folder */
void gn_fetcher_free(struct fetcher *fetcher);
/* A message of that registry (or the bare key) was not found. */
void gn_fetcher_want(struct fetcher *fetcher, struct gn_bmc *bmc, struct gn_str message_id);
/* Whether something is on its way from it, or waits to be loaded. */
bool gn_fetcher_is_busy(const struct fetcher *fetcher, const struct gn_bmc *bmc);
/* The BMC goes: nothing is asked of it any more. */
void gn_fetcher_drop(struct fetcher *fetcher, const struct gn_bmc *bmc);

/* ---- report.c ---- */

void gn_bmcs_make_metrics(struct gn_bmcs *fleet, struct gn_metrics *metrics);

#endif
