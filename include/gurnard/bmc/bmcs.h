/* All BMCs of the inventory, each kept subscribed: looked at, repaired, proved, read after.
 *
 * Each BMC has a state machine of its own that goes round: look (service root, manager,
 * EventService, subscriptions), put right (create, adopt, resume, replace, remove), prove (test
 * event), read its logs; then it rests until the next resync or a sign of trouble. Every change of
 * state is told as an event of gurnard's own registry. What must survive a restart (marks of logs,
 * last id of streams, pinned certificates, learnt shapes) is kept in files by a helper thread.
 *
 * The fleet knows no relay: what it needs from above is in gn_bmcs_hooks. */
#ifndef GURNARD_BMC_BMCS_H
#define GURNARD_BMC_BMCS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/secret.h"
#include "gurnard/base/str.h"
#include "gurnard/bmc/client.h"
#include "gurnard/bmc/health.h"
#include "gurnard/bmc/spec.h"
#include "gurnard/loop/loop.h"
#include "gurnard/loop/worker.h"

#define GN_BMCS_SPREAD_EACH_MS 30U
#define GN_BMCS_SIGN_MS        2000U  /* a sign of trouble is followed within this, */
#define GN_BMCS_SIGN_GAP_MS    10000U /* but not more often than so */

struct gn_bmcs;

/* By which way the fleet got a message. */
enum gn_bmcs_way { GN_BMCS_STREAM, GN_BMCS_LOG };

/* What became of a message. */
enum gn_bmcs_taken {
    GN_BMCS_TAKEN, /* it goes on */
    GN_BMCS_KNOWN, /* it had come already, by this or another way */
    GN_BMCS_LATER, /* there is no room: to be offered again */
};

/* All that was taken before is on disk (is_durable), or could not be written. */
typedef void (*gn_bmcs_settled_fn)(void *ctx, bool is_durable);

/* An event of gurnard's own registry. Borrowed. */
struct gn_bmcs_news {
    const char *bmc;
    const char *key;      /* of registries/Gurnard.1.0.0.json */
    const char *args[3];  /* MessageArgs; those behind the first NULL are not there */
    const char *severity; /* OK, Warning, Critical */
};

/* What the fleet needs from those above it. None of them may call the fleet back at once. */
struct gn_bmcs_hooks {
    /* A body came in. */
    enum gn_bmcs_taken (*take)(void *ctx, const char *bmc, enum gn_bmcs_way way,
                               struct gn_str body);
    /* Whether what body (of a log entry) tells has come already, by whatever way. May be NULL: then
     * what a BMC could not push between two rounds is not noticed. */
    bool (*knows)(void *ctx, const char *bmc, struct gn_str body);
    /* Has fn called, in a later turn, when all that was taken so far is on disk, or not. false: no
     * memory, it will not be called. */
    bool (*settle)(void *ctx, gn_bmcs_settled_fn fn, void *fn_ctx);
    void (*tell)(void *ctx, const struct gn_bmcs_news *news);
    /* The inventory has it no more. */
    void (*left)(void *ctx, const char *bmc);
    /* Registries were fetched: those in folder are to be loaded. */
    void (*registries)(void *ctx);
    void *ctx;
};

struct gn_bmcs_config {
    const char *folder;        /* for what is kept; made when missing. Copied, as all texts */
    const char *webhook_url;   /* base of Destinations; "": our address towards the BMC */
    uint16_t webhook_port;     /* with it */
    uint64_t resync_ms;        /* between two looks, +-10 % */
    uint64_t silence_ms;       /* 0: silence is no sign */
    uint64_t proof_timeout_ms; /* how long a test event may take */
    uint32_t spread_ms;   /* over which the first looks are spread, at most: a small fleet takes
                           * GN_BMCS_SPREAD_EACH_MS for each BMC */
    uint32_t concurrency; /* requests under way over all BMCs */
    uint32_t timeout_ms;  /* of a request */
    uint32_t lockout_ms;  /* 0: GN_BMC_LOCKOUT_MS */
    bool fetches_registries;
    const char *registry_folder, *registry_language;
    uint64_t registry_bytes;
    struct gn_metrics *metrics; /* may be NULL */
};

/* loop, http: borrowed. Reads what is kept: blocks, at start only. NULL: no memory, or the folder
 * cannot be made or its secret not be written (logged). */
struct gn_bmcs *gn_bmcs_new(struct gn_loop *loop, struct gn_http_client *http,
                            const struct gn_bmcs_config *config, const struct gn_bmcs_hooks *hooks);

/* Credentials and headers of one BMC, in the order of the list. Borrowed during the call. */
struct gn_bmcs_secret {
    struct gn_str user, password;
    const char *problem; /* why there are none, in words without secrets; NULL: all is well */
    const char *const *header_names;
    const char *const *header_values;
    size_t header_count;
};

/* The inventory is now this (settled) list; secrets has list->count entries. New ones begin, those
 * that changed are put right at once, those that have gone take their subscription back. Both are
 * copied. GN_ENOMEM: some could not be taken up; the same call again tries again. */
GN_MUST_CHECK enum gn_err gn_bmcs_apply(struct gn_bmcs *fleet, const struct gn_bmc_list *list,
                                        const struct gn_bmcs_secret *secrets);

/* No new looks; where a BMC's subscription is not to be kept it is taken back, and sessions are
 * logged out. done is called in a later turn when that has ended, at the latest after timeout_ms.
 */
void gn_bmcs_stop(struct gn_bmcs *fleet, uint32_t timeout_ms, gn_defer_fn done, void *ctx);
/* What is kept is written first: blocks. NULL is fine. */
void gn_bmcs_free(struct gn_bmcs *fleet);

/* ---- what comes by the webhook ---- */

/* A body came for that BMC, with the right token. true: it is an answer to us (a test event or a
 * heartbeat that we asked for) and goes no further. Not in the inventory: false. */
bool gn_bmcs_on_push(struct gn_bmcs *fleet, struct gn_str bmc, struct gn_str body);
/* A body of that BMC was answered 503. */
void gn_bmcs_on_refused(struct gn_bmcs *fleet, struct gn_str bmc);
/* Whether the inventory has it. */
bool gn_bmcs_has(const struct gn_bmcs *fleet, struct gn_str bmc);
/* The token in the path of that BMC's Destination; absent when there is none of that name, or no
 * subscription of ours by push (way sse or none). Not to be printed. */
struct gn_str gn_bmcs_token(const struct gn_bmcs *fleet, struct gn_str bmc);
/* A MessageId of that BMC is in no registry. */
void gn_bmcs_on_miss(struct gn_bmcs *fleet, struct gn_str bmc, struct gn_str message_id);
/* Whether registries are being fetched from it, or are about to be loaded. */
bool gn_bmcs_is_fetching(const struct gn_bmcs *fleet, struct gn_str bmc);

/* ---- for operators ---- */

/* BMCs of the inventory. */
uint32_t gn_bmcs_count(const struct gn_bmcs *fleet);
/* And of these in each state. */
void gn_bmcs_count_states(const struct gn_bmcs *fleet, uint32_t counts[GN_BMC_STATES]);

/* {"bmcs":[...]} in order of name, each with name, address, state, reason, way, model, firmware,
 * last_event, proof, subscriptions; docs/bmcs.md. Owned by the caller; NULL: no memory. */
json_t *gn_bmcs_list(struct gn_bmcs *fleet);
/* One, with everything known; NULL also when there is none of that name. */
json_t *gn_bmcs_show(const struct gn_bmcs *fleet, struct gn_str bmc);

/* Looks at it at once. GN_ENOTFOUND. */
GN_MUST_CHECK enum gn_err gn_bmcs_resync(struct gn_bmcs *fleet, struct gn_str bmc);

/* The end of a proof that was asked for. */
struct gn_bmcs_proof {
    bool is_proven;
    double latency_ms;  /* from the request to the arrival */
    const char *way;    /* "push", "sse" */
    const char *reason; /* why not; "" when proven */
};
typedef void (*gn_bmcs_proof_fn)(void *ctx, const struct gn_bmcs_proof *proof);

/* Sends a test event and waits for it; done is called exactly once, in a later turn. GN_ENOTFOUND,
 * GN_ENOMEM; GN_EREFUSED: too many ask already. */
GN_MUST_CHECK enum gn_err gn_bmcs_test(struct gn_bmcs *fleet, struct gn_str bmc,
                                       gn_bmcs_proof_fn done, void *ctx);

#endif
