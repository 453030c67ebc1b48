/* The disk cache of the message registries that BMCs have, shared by the fleet: each registry is
 * fetched once for each model and firmware, and is there after a restart with all BMCs down.
 *
 *   <folder>/<model-firmware>/index.json      what is known of each registry, also of those that
 *                                             are none or could not be had
 *   <folder>/<model-firmware>/<name>.json     registries, plain JSON: gn_registry_set_load_folder()
 *                                             loads <folder> as it is
 *
 * The index of all models is in memory, for the loop. Files are written by jobs of a worker, and
 * what was downloaded is unpacked and checked there too, since that takes longer than a turn may.
 * All functions but gn_regcache_open() return at once and are called on the loop's thread. Times
 * are gn_clock_real_ns(), given by the caller. */
#ifndef GURNARD_BMC_REGCACHE_H
#define GURNARD_BMC_REGCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/worker.h"

#define GN_REGCACHE_MODELS_MAX     256                   /* pairs of model and firmware */
#define GN_REGCACHE_REGISTRIES_MAX 256                   /* of one model */
#define GN_REGCACHE_LIMIT_BYTES    ((uint64_t)256 << 20) /* of all files, when not set */
#define GN_REGCACHE_REASON_MAX     200                   /* bytes of a reason, with NUL */

/* A registry that is had is asked after again, a failure is tried again. */
#define GN_REGCACHE_CHECK_MS (UINT64_C(7) * 24 * 3600 * 1000)
#define GN_REGCACHE_RETRY_MS (UINT64_C(3600) * 1000)

struct gn_regcache;

/* One pair of model and firmware. */
struct gn_regcache_model;

struct gn_regcache_config {
    const char *folder;       /* copied; made when missing */
    uint64_t limit_bytes;     /* 0: GN_REGCACHE_LIMIT_BYTES */
    struct gn_worker *worker; /* borrowed */
};

/* Reads the indices of all models. Blocks: for the start of the program. A broken index is put
 * aside as index.json.bad and begun anew, with a line in the log; the registries beside it stay in
 * use. Where there is more than the limits allow, the models not used for longest go. GN_EIO: the
 * folder cannot be made or read. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_regcache_open(const struct gn_regcache_config *config,
                                           struct gn_regcache **cache);

/* The worker must have been freed before, so that no job is under way. Models that were not
 * released go too. NULL is fine. */
void gn_regcache_free(struct gn_regcache *cache);

struct gn_regcache_stats {
    uint32_t models, registries; /* registries: those that are had */
    uint64_t bytes;
};
/* Figures of the whole cache. */
struct gn_regcache_stats gn_regcache_stats(const struct gn_regcache *cache);

/* ---- a model ---- */

/* What is known of model with firmware (as the BMC writes them; may be empty), for as long as the
 * caller holds it; a model that somebody holds never goes. NULL: no memory, or
 * GN_REGCACHE_MODELS_MAX models are held. */
struct gn_regcache_model *gn_regcache_use(struct gn_regcache *cache, struct gn_str model,
                                          struct gn_str firmware, int64_t now_ns);

/* Ends a use. Its claims must have ended; a put under way goes on. NULL is fine. */
void gn_regcache_release(struct gn_regcache_model *model);

/* ---- its registries ---- */

enum gn_regcache_state {
    GN_REGCACHE_NONE,   /* claimed, nothing known yet */
    GN_REGCACHE_HAVE,   /* in a file */
    GN_REGCACHE_SKIP,   /* no message registry: attributes, privileges */
    GN_REGCACHE_FAILED, /* could not be had; reason says why */
};

/* Texts are "" when absent, never NULL. */
struct gn_regcache_entry {
    const char *uri;      /* of the MessageRegistryFile; "": a file that an index lost names it */
    const char *source;   /* path or URL that it was fetched from */
    const char *registry; /* name and version */
    const char *language;
    const char *etag;   /* of source */
    const char *file;   /* name in the model's folder */
    const char *reason; /* of the last failure; also where an earlier file is still had */
    enum gn_regcache_state state;
    int64_t checked_ns; /* last asked after */
    uint64_t bytes;     /* of the file */
};

/* What is known of the registry whose MessageRegistryFile is at uri; NULL: nothing. Valid until the
 * loop's next turn or the next change of model. */
const struct gn_regcache_entry *gn_regcache_find(const struct gn_regcache_model *model,
                                                 struct gn_str uri);

/* Calls fn for every registry of model of which something is known. */
typedef void (*gn_regcache_each_fn)(void *ctx, const struct gn_regcache_entry *entry);

/* See gn_regcache_each_fn. fn must not change model. */
void gn_regcache_each(const struct gn_regcache_model *model, gn_regcache_each_fn fn, void *ctx);

enum gn_regcache_need {
    GN_REGCACHE_LEAVE, /* nothing to do now */
    GN_REGCACHE_CHECK, /* ask with If-None-Match whether it has changed */
    GN_REGCACHE_FETCH,
};

/* What is to be done for an entry (NULL: nothing is known), when it would be fetched from source
 * (absent: not known yet). Pure. A registry that is had is checked every GN_REGCACHE_CHECK_MS where
 * there is an ETag, else never again; from another source it is fetched. A failure is tried again
 * after GN_REGCACHE_RETRY_MS. */
enum gn_regcache_need gn_regcache_need(const struct gn_regcache_entry *entry, struct gn_str source,
                                       int64_t now_ns);

/* ---- fetching ----
 *
 * Who wants to fetch claims the registry first, so that of a thousand BMCs of one model one asks.
 * A claim ends with exactly one of put, unchanged, skip, fail and unclaim. */

/* uri: shorter than GN_SERVICE_URI_MAX. The collection's own URI may be claimed too, and left with
 * gn_regcache_skip(), to have one BMC walk it at a time. GN_EBUSY: it is claimed already.
 * GN_ELIMIT: GN_REGCACHE_REGISTRIES_MAX. GN_EINVAL, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_regcache_claim(struct gn_regcache_model *model, struct gn_str uri);

/* Leaves what was known as it was. */
void gn_regcache_unclaim(struct gn_regcache_model *model, struct gn_str uri);

/* Where a registry was found. All are copied during the call; what is too long or has control
 * characters counts as absent. */
struct gn_regcache_item {
    struct gn_str uri; /* the one claimed */
    struct gn_str source, registry, language, etag;
    struct gn_str archive_file; /* the member's name where source is an archive */
};

/* A put has ended. entry tells how: HAVE, SKIP or FAILED (or HAVE with a reason: the earlier file
 * stays; NONE: no memory). is_new: the file holds something else than before, so the registries are
 * to be loaded again. */
typedef void (*gn_regcache_put_fn)(void *ctx, const struct gn_regcache_entry *entry, bool is_new);

/* Stores what was downloaded (copied; plain, gzip or zip): a job unpacks it, checks that it is a
 * message registry of at most GN_REGISTRY_FILE_MAX bytes, and writes it; done (may be NULL) is
 * called in a later turn, exactly once. GN_ENOMEM: nothing was queued, the claim has ended. */
GN_MUST_CHECK enum gn_err gn_regcache_put(struct gn_regcache_model *model,
                                          const struct gn_regcache_item *item, struct gn_str bytes,
                                          int64_t now_ns, gn_regcache_put_fn done, void *ctx);

/* Done functions with this ctx are not called any more; what they were for goes on. */
void gn_regcache_forget(struct gn_regcache *cache, const void *ctx);

/* It was asked after and is as it was (304). */
void gn_regcache_unchanged(struct gn_regcache_model *model, struct gn_str uri, int64_t now_ns);

/* It is none that is wanted. */
void gn_regcache_skip(struct gn_regcache_model *model, const struct gn_regcache_item *item,
                      int64_t now_ns);

/* It could not be fetched. What is had already stays, to be tried again like a failure. */
void gn_regcache_fail(struct gn_regcache_model *model, const struct gn_regcache_item *item,
                      const char *reason, int64_t now_ns);

#endif
