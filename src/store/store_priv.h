/* What the parts of store/pubsub share. */
#ifndef GURNARD_STORE_PRIV_H
#define GURNARD_STORE_PRIV_H

#include <stdbool.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/worker.h"
#include "gurnard/store/pubsub.h"

#define GN_PUBSUB_ID_MAX 256 /* bytes of an id from an old file */

/* ---- reading (pure) ---- */

/* One record of a file. The views are valid during the call that gives it. */
struct gn_pubsub_record {
    struct gn_str id;
    struct gn_str resource;
    struct gn_str endpoint_uri;
    struct gn_str uri_location;
    const char *problem; /* NULL, or why the record cannot be read */
};

/* Stops the parse when it returns an error. */
typedef enum gn_err (*gn_pubsub_record_fn)(void *ctx, const struct gn_pubsub_record *record);

/* Calls fn for each element of the array in text, usable or not. Text of white space and null hold
 * nothing. GN_EPARSE: no JSON or no array; GN_ELIMIT: too large; fn was not called then. Else the
 * first error of fn. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_pubsub_parse(struct gn_str text, gn_pubsub_record_fn fn, void *ctx);

/* ---- memory ---- */

/* A commit that waits for its write. */
struct gn_pubsub_waiter {
    gn_pubsub_done_fn done;
    void *ctx;
    STAILQ_ENTRY(gn_pubsub_waiter) link;
};
STAILQ_HEAD(gn_pubsub_waiters, gn_pubsub_waiter);

/* The file of one kind and the write that runs. While is_running, text, result and os_error belong
 * to the helper thread. */
struct gn_pubsub_file {
    struct gn_pubsub *store;
    enum gn_pubsub_kind kind;
    char *path;      /* owned */
    bool was_there;  /* at load */
    bool is_missing; /* not there, or put aside as bad: to be made */
    bool is_running;
    struct gn_job job;
    struct gn_buf text;
    enum gn_err result;
    int os_error;                     /* errno of a failed write */
    bool has_failed;                  /* the last write that ended did not reach the disk */
    struct gn_pubsub_waiters running; /* told by the write that runs */
    struct gn_pubsub_waiters next;    /* told by the one after it */
};

struct gn_pubsub {
    struct gn_worker *worker; /* borrowed */
    struct gn_pubsub_observer observer;
    int lock_fd;
    struct gn_pubsub_item *by_id[GN_PUBSUB_KINDS]; /* uthash keeps the order of creation */
    struct gn_pubsub_entry *by_address[GN_PUBSUB_KINDS];
    size_t text_bytes[GN_PUBSUB_KINDS]; /* what gn_pubsub_write_all() would append */
    struct gn_pubsub_file files[GN_PUBSUB_KINDS];
};

/* Puts a record into memory and tells the observer. GN_EINVAL: empty id, or a text that cannot be
 * written. GN_EEXIST: the id is there. GN_ELIMIT, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_pubsub_insert(struct gn_pubsub *store, enum gn_pubsub_kind kind,
                                           const struct gn_pubsub_record *record,
                                           struct gn_pubsub_item **item);

/* Appends one record as it stands in the file, without what joins it to others. */
void gn_pubsub_write_file_item(const struct gn_pubsub_item *item, struct gn_buf *out);

/* ---- files ---- */

/* Sets paths and lock of the store up and takes them down. GN_EEXIST, GN_EIO, GN_ENOMEM; to be
 * closed also after an error. */
GN_MUST_CHECK enum gn_err gn_pubsub_files_open(struct gn_pubsub *store, const char *folder);
void gn_pubsub_files_close(struct gn_pubsub *store);

#endif
