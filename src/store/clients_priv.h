/* What the parts of store/clients share. */
#ifndef GURNARD_CLIENTS_PRIV_H
#define GURNARD_CLIENTS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/id.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/worker.h"
#include "gurnard/store/clients.h"

#include "store_priv.h"

/* ---- reading (pure) ---- */

/* The head of a client's file. */
struct gn_client_text {
    struct gn_buf end_point; /* empty: there is none */
    struct gn_str store;     /* the object of the subscriptions, a view of the text; absent: none */
    enum gn_client_kind kind;
};

/* Reads the text of a file. Text of white space and null hold nothing; members of a wrong type are
 * passed over. head->end_point is to be freed also after an error. GN_EPARSE: no JSON or no object;
 * GN_ELIMIT: too large. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_clients_parse(struct gn_str text, struct gn_client_text *head);

/* Calls fn for each subscription, usable or not; one without an id has that of its key. The first
 * error of fn; GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_clients_parse_subs(const struct gn_client_text *head,
                                                gn_pubsub_record_fn fn, void *ctx);

/* ---- memory ---- */

/* A subscription and its texts in one allocation. Its keys: the client's id and the resource; the
 * client's id and its own (v2: its own alone). */
struct gn_client_sub_entry {
    struct gn_client_sub sub; /* first: a subscription's address is its entry's */
    char *endpoint_uri;       /* of a v1 object in a file, kept for it; maybe "" */
    size_t text_bytes;        /* in the file, at most */
    UT_hash_handle by_resource;
    char
        texts[]; /* client's id and resource; client's id and id; link; endpoint; each with a NUL */
};

/* A client, or what is left of one until its file has been removed (is_gone). */
struct gn_client_entry {
    struct gn_client client; /* first */
    struct gn_clients *owner;
    struct gn_id id;
    size_t text_bytes; /* of the subscriptions in the file, at most */
    bool is_gone;
    bool is_dirty;   /* in owner->dirty */
    bool is_writing; /* in owner->writing: the members below belong to the helper thread */
    TAILQ_ENTRY(gn_client_entry) dirty_link;
    TAILQ_ENTRY(gn_client_entry) write_link;
    bool is_removal;
    struct gn_buf text;
    enum gn_err result;
};
TAILQ_HEAD(gn_client_entries, gn_client_entry);

#define GN_CLIENT_KINDS 2

struct gn_clients {
    char *folder;             /* owned */
    struct gn_worker *worker; /* borrowed */
    struct gn_clients_observer observer;
    struct gn_client *by_id; /* uthash keeps the order of creation */
    struct gn_client_sub *subs_by_id[GN_CLIENT_KINDS];
    struct gn_client_sub_entry *by_resource;
    size_t client_count[GN_CLIENT_KINDS];
    size_t sub_count[GN_CLIENT_KINDS];
    struct gn_client_entries dirty;   /* to be written by the next commit */
    struct gn_client_entries writing; /* by the one that runs */
    bool is_running;                  /* then these belong to the helper thread: */
    struct gn_job job;
    int os_error; /* errno of the first failure, 0 without one */
    bool has_failed;
    struct gn_store_waiters running,
        next; /* told by the write that runs, and by the one after it */
};

struct gn_client_entry *gn_client_entry_of(struct gn_client *client);
const struct gn_client_sub_entry *gn_client_sub_entry_of(const struct gn_client_sub *sub);

/* Makes a client that is not there, without subscriptions yet: it has to be given some or be
 * dropped. end_point was checked. GN_ELIMIT, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_client_insert(struct gn_clients *clients, enum gn_client_kind kind,
                                           const struct gn_id *id, struct gn_str end_point,
                                           struct gn_client_entry **entry);
/* Forgets one without subscriptions that no file is to know of. */
void gn_client_drop(struct gn_client_entry *entry);

/* Reads a client's id in any case; *id is in lower case, as both programs write it. */
bool gn_client_read_id(struct gn_str text, struct gn_id *id);

/* Whoever has this id, 1 to GN_CLIENTS_ID_MAX bytes, among those whose ids must differ from the
 * ones of this client; or NULL. */
struct gn_client_sub *gn_client_find_id(const struct gn_client_entry *entry, struct gn_str id);

/* As gn_client_insert_sub(), but the observer is to be told by gn_client_tell_added(). */
GN_MUST_CHECK enum gn_err gn_client_add_sub(struct gn_client_entry *entry,
                                            const struct gn_pubsub_record *record,
                                            struct gn_client_sub **sub);
void gn_client_tell_added(const struct gn_clients *clients, struct gn_client_sub *sub);

/* Adds a subscription and tells the observer. uri_location and endpoint_uri of record may be
 * absent. GN_EEXIST: id or resource is there. GN_EINVAL, GN_ELIMIT, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_client_insert_sub(struct gn_client_entry *entry,
                                               const struct gn_pubsub_record *record,
                                               struct gn_client_sub **sub);

/* Frees one that is in no table and no list. */
void gn_client_entry_free(struct gn_client_entry *entry);

/* Has the next commit write it, or remove its file. */
void gn_client_mark_dirty(struct gn_client_entry *entry);

/* ---- files ---- */

/* Appends a subscription as it stands in the file, with its key, without what joins it to others.
 */
void gn_client_write_file_sub(const struct gn_client_sub *sub, struct gn_buf *out);

/* Appends the client's file. Failures are out's. */
void gn_client_write_file(const struct gn_client *client, struct gn_buf *out);

#endif
