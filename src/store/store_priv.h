/* What the parts of store/pubsub and store/clients share. */
#ifndef GURNARD_STORE_PRIV_H
#define GURNARD_STORE_PRIV_H

#include <stdbool.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/worker.h"
#include "gurnard/store/pubsub.h"

#define GN_PUBSUB_ID_MAX 256 /* bytes of an id from an old file */

/* ---- texts and paths ---- */

/* Whether s can stand in a file and in a C string: UTF-8 without a NUL. */
bool gn_store_is_clean(struct gn_str s);

/* Copies s with a NUL to *at, goes past it and returns where the copy stands. */
char *gn_store_put_text(char **at, struct gn_str s);

/* "folder/name", owned by the caller; NULL: no memory. */
char *gn_store_join_path(const char *folder, const char *name);

/* Puts a file that cannot be read out of the way of the next write: PATH.bad. Logged. GN_EIO,
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_store_put_aside(const char *path, enum gn_err why);

/* Why a record of a file was left out, from what inserting it returned; NULL for GN_OK. */
const char *gn_store_insert_problem(enum gn_err err);

/* ---- commits ---- */

/* A commit that waits for its write. */
struct gn_store_waiter {
    void (*done)(void *ctx, enum gn_err err);
    void *ctx;
    STAILQ_ENTRY(gn_store_waiter) link;
};
STAILQ_HEAD(gn_store_waiters, gn_store_waiter);

/* Adds one. false: no memory. */
bool gn_store_waiters_add(struct gn_store_waiters *waiters,
                          void (*done)(void *ctx, enum gn_err err), void *ctx);
/* Calls and frees all. The last call may free the owner of whatever waiters were moved from. */
void gn_store_waiters_tell(struct gn_store_waiters *waiters, enum gn_err result);

/* ---- reading (pure) ---- */

/* The next token, or the bytes of the value that begins with value, of text that was checked. */
struct gn_json_token gn_store_next(struct gn_json_scan *scan);
struct gn_str gn_store_skip(struct gn_json_scan *scan, const struct gn_json_token *value);

/* For scans of parts of a text that was checked as a whole. */
extern const struct gn_json_limits gn_store_checked;

/* The fields of a record, whatever their names are. */
enum gn_store_field {
    GN_FIELD_ID,
    GN_FIELD_RESOURCE,
    GN_FIELD_ENDPOINT,
    GN_FIELD_LOCATION,
    GN_FIELDS
};

/* One record of a file. The views are valid during the call that gives it. */
struct gn_pubsub_record {
    struct gn_str id;
    struct gn_str resource;
    struct gn_str endpoint_uri;
    struct gn_str uri_location;
    struct gn_str config; /* GN_NATIVE: the whole object, compact */
    bool is_v2;           /* has the member ResourceAddress */
    const char *problem;  /* NULL, or why the record cannot be read */
};

/* Reads one record after another; the buffers are used again. */
struct gn_record_reader {
    struct gn_buf name;
    struct gn_buf texts[GN_FIELDS];
    struct gn_buf config;
};
void gn_record_reader_init(struct gn_record_reader *reader);
void gn_record_reader_fini(struct gn_record_reader *reader);

/* Reads one value of text that was checked, of any type; *record lives until the next call.
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_record_read(struct gn_record_reader *reader, enum gn_pubsub_kind kind,
                                         struct gn_str value, struct gn_pubsub_record *record);

/* Stops the parse when it returns an error. */
typedef enum gn_err (*gn_pubsub_record_fn)(void *ctx, const struct gn_pubsub_record *record);

/* Calls fn for each element of the array in text, usable or not. Text of white space and null hold
 * nothing. GN_EPARSE: no JSON or no array; GN_ELIMIT: too large; fn was not called then. Else the
 * first error of fn. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_pubsub_parse(enum gn_pubsub_kind kind, struct gn_str text,
                                          gn_pubsub_record_fn fn, void *ctx);

/* Whether object could be read back from native.json: GN_EINVAL, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_pubsub_check_object(struct gn_str object);

/* ---- memory ---- */

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
    int os_error;                    /* errno of a failed write */
    bool has_failed;                 /* the last write that ended did not reach the disk */
    struct gn_store_waiters running; /* told by the write that runs */
    struct gn_store_waiters next;    /* told by the one after it */
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

/* Puts a record into memory and tells the observer. GN_EINVAL: empty id, a text that cannot be
 * written, or GN_NATIVE without a sink. GN_EEXIST: the id is there. GN_ELIMIT, GN_ENOMEM. */
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
