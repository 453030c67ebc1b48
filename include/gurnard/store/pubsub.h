/* Subscriptions and publishers: the records of the v1 API, in memory and in pub.json and sub.json;
 * and the subscriptions of the native API, in native.json.
 *
 * The files have the layout of cloud-event-proxy's (docs/store.md), so that a swap in either
 * direction keeps every id. Memory is the truth; changes are written as a whole by the helper
 * thread (replace, sync) and acknowledged to the caller afterwards. One thread uses it. */
#ifndef GURNARD_STORE_PUBSUB_H
#define GURNARD_STORE_PUBSUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/worker.h"

#define GN_PUBSUB_ITEMS_MAX    10000 /* of one kind */
#define GN_PUBSUB_RESOURCE_MAX 1024  /* bytes of a resource address */
#define GN_PUBSUB_URI_MAX      2048  /* bytes of an endpoint or a link */
#define GN_PUBSUB_FILE_MAX     ((size_t)32 << 20)
#define GN_PUBSUB_OBJECT_MAX   ((size_t)256 << 10) /* bytes of a native subscription's object */

enum gn_pubsub_kind { GN_SUBSCRIPTION, GN_PUBLISHER, GN_NATIVE, GN_PUBSUB_KINDS };

/* One record. Owned by the store, valid until it is deleted. */
struct gn_pubsub_item {
    char *id;           /* UUID text as a rule; from an old file any text */
    char *resource;     /* as the caller spelled it; may be empty */
    char *endpoint_uri; /* where events go; NULL: they are only logged */
    char *uri_location; /* our link, as given at creation; from an old file maybe empty, and "" of a
                         * GN_NATIVE one that was loaded: native.json does not hold it */
    char *config;       /* GN_NATIVE: the subscription's object as the API shows it, compact JSON;
                         * resource is "" and endpoint_uri its sink. Else NULL */
    enum gn_pubsub_kind kind;
    void *user;        /* the observer's: the sink of a subscription; NULL at first */
    UT_hash_handle hh; /* by id */
};

struct gn_pubsub;

/* Told of every change of memory, at load too; removed is called before the item goes. */
struct gn_pubsub_observer {
    void (*added)(void *ctx, struct gn_pubsub_item *item);
    void (*removed)(void *ctx, struct gn_pubsub_item *item);
    void (*changed)(void *ctx, struct gn_pubsub_item *item); /* GN_NATIVE; may be NULL */
    void *ctx;
};

/* Opens folder (made when missing) and takes its lock (file "lock", flock), so that two daemons
 * never share a store. Blocks; at start only. worker: borrowed, does the writes. observer: copied,
 * may be NULL. GN_EEXIST: somebody else holds the folder. GN_EIO, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_pubsub_open(const char *folder, struct gn_worker *worker,
                                         const struct gn_pubsub_observer *observer,
                                         struct gn_pubsub **store);

/* Names another observer, for the time before load: the lock is taken first of all, and who is to
 * be told is built later. */
void gn_pubsub_observe(struct gn_pubsub *store, const struct gn_pubsub_observer *observer);

/* Reads all files. Keys in v1 and v2 spelling (native.json: as written); unknown members are
 * ignored; a record that cannot be used is logged and left out. A file that is broken as a whole is
 * renamed to NAME.bad and logged, and the store starts empty for that kind. Empty files (as the
 * original leaves them) hold nothing. Blocks; at start only. GN_EIO: a file cannot be read, or a
 * broken one not be put aside. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_pubsub_load(struct gn_pubsub *store);

/* All commits must have been called back. Tells the observer nothing. NULL is fine. */
void gn_pubsub_close(struct gn_pubsub *store);

/* Adds a record with a new random id. uri_prefix: what the link is made of, the id is appended
 * ("http://localhost:8089/api/ocloudNotifications/v1/subscriptions/"). endpoint_uri may be absent.
 * kind: not GN_NATIVE. A record of the same kind, resource and endpoint: GN_EEXIST and *item is
 * that one. GN_ELIMIT: too many, or a text too long. GN_EINVAL: a text is not UTF-8 or holds a NUL.
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_pubsub_add(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                                        struct gn_str resource, struct gn_str endpoint_uri,
                                        const char *uri_prefix, struct gn_pubsub_item **item);

/* Adds a native subscription. object: what the API is to show, JSON of an object without a member
 * `id`, which is added in front; it holds the sink as `sink`, from which a load takes it. No two
 * are taken for the same. Errors as above but for GN_EEXIST; GN_EINVAL also: object is no object,
 * or there is no sink. */
GN_MUST_CHECK enum gn_err gn_pubsub_add_native(struct gn_pubsub *store, struct gn_str sink,
                                               struct gn_str object, const char *uri_prefix,
                                               struct gn_pubsub_item **item);
/* Gives it another object and sink; the observer's changed is called. Errors as above: nothing has
 * changed. */
GN_MUST_CHECK enum gn_err gn_pubsub_change_native(struct gn_pubsub *store,
                                                  struct gn_pubsub_item *item, struct gn_str sink,
                                                  struct gn_str object);

/* The record with this id, or NULL. */
struct gn_pubsub_item *gn_pubsub_find(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                                      struct gn_str id);

/* Removes one record, or all of a kind. */
void gn_pubsub_remove(struct gn_pubsub *store, struct gn_pubsub_item *item);
void gn_pubsub_remove_all(struct gn_pubsub *store, enum gn_pubsub_kind kind);

/* How many records of a kind there are. */
size_t gn_pubsub_count(const struct gn_pubsub *store, enum gn_pubsub_kind kind);

/* Calls fn for each record in the order of creation until it returns false. fn may remove the
 * record that it is given, no other. */
typedef bool (*gn_pubsub_each_fn)(void *ctx, struct gn_pubsub_item *item);
void gn_pubsub_each(struct gn_pubsub *store, enum gn_pubsub_kind kind, gn_pubsub_each_fn fn,
                    void *ctx);

/* Has all changes of kind made so far written and synced. done is called in a later turn, exactly
 * once: GN_OK, or GN_EIO (the old file stands, memory keeps the change, the next commit tries
 * again). Commits that come while a write runs share the next one. */
typedef void (*gn_pubsub_done_fn)(void *ctx, enum gn_err err);
GN_MUST_CHECK enum gn_err gn_pubsub_commit(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                                           gn_pubsub_done_fn done, void *ctx);

/* Whether there was a file of this kind when the store was loaded. */
bool gn_pubsub_had_file(const struct gn_pubsub *store, enum gn_pubsub_kind kind);

/* Makes the files that are not there, empty: from then on one that is missing was taken away.
 * Blocks; at start only. GN_EIO. */
GN_MUST_CHECK enum gn_err gn_pubsub_make_files(struct gn_pubsub *store);

/* Whether the last write of any kind failed: what memory holds is not all on disk. */
bool gn_pubsub_write_failed(const struct gn_pubsub *store);

/* Appends one record as compact JSON with the keys id, endpointUri, uriLocation, resource in this
 * order, endpointUri "" when absent: the answer of the v1 API. */
void gn_pubsub_write_item(const struct gn_pubsub_item *item, struct gn_buf *out);

/* Appends all records as the file holds them: a JSON array indented by one blank, no final newline;
 * "[]" when there is none. endpointUri null when absent. GN_NATIVE: an array of their objects, one
 * a line. */
void gn_pubsub_write_all(struct gn_pubsub *store, enum gn_pubsub_kind kind, struct gn_buf *out);

#endif
