/* The inventory: which BMCs there are, from everywhere they may be named, and how to log in to
 * each.
 *
 * Sources, the weightier first: the admin API's list (<store>/bmcs.json), `bmcs` of the settings,
 * the files of bmc.folder, the environment of hw-event-proxy. All of it is read on a helper thread:
 * at start, on demand, and when a look every few seconds shows that a file is another than before
 * (also behind symbolic links, which is how Kubernetes swaps mounted Secrets). The loop hears of it
 * only when something that counts has changed.
 *
 * Nothing here is ever thrown away for being unreadable: a source that cannot be read any more
 * keeps the BMCs that it had; an entry that is wrong is passed over and told in the log.
 * Credentials that cannot be read are the trouble of their BMC alone. */
#ifndef GURNARD_APP_BMC_INVENTORY_H
#define GURNARD_APP_BMC_INVENTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/app/settings.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/secret.h"
#include "gurnard/bmc/spec.h"
#include "gurnard/loop/loop.h"
#include "gurnard/loop/worker.h"

#define GN_BMC_INVENTORY_POLL_MS 5000U
#define GN_BMC_FILE_MAX          ((size_t)16 << 20) /* bytes of a file with BMCs */
#define GN_BMC_FILE_DEPTH        32                 /* BareMetalHosts are deep */
#define GN_BMC_FOLDER_MAX        4096               /* files of the folder that are read */
#define GN_BMC_CREDENTIAL_MAX    1024               /* bytes of a user's or password's file */
#define GN_BMC_HEADERS_FILE_MAX  ((size_t)16 << 10) /* bytes of a file of headers */

/* What one BMC is logged in to with. */
struct gn_bmc_credentials {
    struct gn_secret user, password; /* both empty: requests go without */
    struct gn_secret headers;        /* private: the bytes of what follows */
    const char **header_names;       /* HttpHeaders, header_count of each */
    const char **header_values;
    size_t header_count;
    char *problem; /* NULL, or in one line what could not be read; it holds no secret. What could
                    * be read is there: user and password both or none. */
};

/* list: settled. credentials: one for each of its entries, in the same order. Both are borrowed:
 * they stay as they are, also those of the call before while this one runs, until the next call has
 * returned or the inventory is freed. Called in a turn of the loop: once after the first reading in
 * any case, then only when something differs. */
typedef void (*gn_bmc_inventory_fn)(void *ctx, const struct gn_bmc_list *list,
                                    const struct gn_bmc_credentials *credentials);

struct gn_bmc_inventory;

/* settings, loop, worker: borrowed. changed must not be NULL. poll_ms: 0 means
 * GN_BMC_INVENTORY_POLL_MS. Nothing is read before gn_bmc_inventory_start(). NULL: no memory. */
struct gn_bmc_inventory *gn_bmc_inventory_new(const struct gn_settings *settings,
                                              struct gn_loop *loop, struct gn_worker *worker,
                                              uint32_t poll_ms, gn_bmc_inventory_fn changed,
                                              void *ctx);

/* Reads for the first time, and looks for changes from now on. */
void gn_bmc_inventory_start(struct gn_bmc_inventory *inventory);

/* Reads all anew, whether or not a change shows: SIGHUP. While a reading runs, another follows. */
void gn_bmc_inventory_reload(struct gn_bmc_inventory *inventory);

/* The list and its credentials as last told, an empty list before. */
const struct gn_bmc_list *gn_bmc_inventory_list(const struct gn_bmc_inventory *inventory);

/* Entries and files that were passed over at the last reading. */
size_t gn_bmc_inventory_wrong(const struct gn_bmc_inventory *inventory);

/* ---- the admin API's own list ---- */

enum gn_bmc_edit {
    GN_BMC_ADD,     /* GN_EEXIST when the API's list has the name */
    GN_BMC_REPLACE, /* or add */
    GN_BMC_REMOVE,  /* GN_ENOTFOUND: the API's list has no such name */
};

/* The list is on disk as asked for (GN_OK), or as it was: GN_EEXIST, GN_ENOTFOUND, GN_ELIMIT,
 * GN_EIO, GN_EPARSE (the file is damaged, and is left to be looked at), GN_ENOMEM. */
typedef void (*gn_bmc_edited_fn)(void *ctx, enum gn_err err);

/* Adds or replaces entry (read during the call, kept as it is) and calls done in a later turn,
 * after the list has been read anew and told. GN_EINVAL: why says what is wrong with entry.
 * GN_ECANCELED: stopped. GN_ENOMEM. On an error done is not called. */
GN_MUST_CHECK enum gn_err gn_bmc_inventory_put(struct gn_bmc_inventory *inventory,
                                               enum gn_bmc_edit edit, const json_t *entry,
                                               gn_bmc_edited_fn done, void *ctx,
                                               struct gn_buf *why);

/* Takes the entry of that name out of the API's list. As gn_bmc_inventory_put(). */
GN_MUST_CHECK enum gn_err gn_bmc_inventory_remove(struct gn_bmc_inventory *inventory,
                                                  struct gn_str name, gn_bmc_edited_fn done,
                                                  void *ctx);

/* ---- the end ---- */

/* No more looks, readings and calls of changed. To be called before the worker is freed; edits
 * under way are still finished by it. */
void gn_bmc_inventory_stop(struct gn_bmc_inventory *inventory);

/* Stopped, and the worker freed after that. NULL is fine. */
void gn_bmc_inventory_free(struct gn_bmc_inventory *inventory);

#endif
