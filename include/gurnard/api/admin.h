/* The admin API of the loopback port: /admin/v1/... (docs/api.md, "Admin API"): status, BMCs,
 * alarms, replay, dead letters, quarantine. JSON in and out. Only for clients on loopback (else
 * 403), since the port itself may be opened for Prometheus. A request that changes something is
 * refused (403) when it carries an Origin other than the server's own: a web page opened on the
 * node must not reach it. */
#ifndef GURNARD_API_ADMIN_H
#define GURNARD_API_ADMIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gurnard/api/ops.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/bmc/bmcs.h"
#include "gurnard/bmc/spec.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/alarms.h"
#include "gurnard/relay/outbox.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/deadletter.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/quarantine.h"
#include "gurnard/transport/registrar.h"

struct gn_admin;

/* How an edit of the list of BMCs ended: GN_OK, it is on disk and counts; GN_EEXIST, GN_ENOTFOUND;
 * GN_ELIMIT: the list is full; GN_EIO; GN_EPARSE: the list's file is damaged; GN_ENOMEM. */
typedef void (*gn_admin_edited_fn)(void *ctx, enum gn_err err);

/* The inventory of BMCs: a table that app fills, since it is where the inventory lives. Zeroed:
 * there is none. */
struct gn_admin_inventory {
    /* All BMCs from wherever they come, settled. Borrowed until the next turn. */
    const struct gn_bmc_list *(*list)(void *ctx);
    /* Entries and files that were passed over because something is wrong with them. */
    size_t (*wrong)(void *ctx);
    /* Adds entry (copied) to the admin API's own list, or puts it into the place of the one of its
     * name. done: once, in a later turn. GN_EINVAL: why says what is wrong with it. GN_ECANCELED:
     * stopped. GN_ENOMEM. On an error done is not called. */
    enum gn_err (*put)(void *ctx, const json_t *entry, bool may_replace, gn_admin_edited_fn done,
                       void *done_ctx, struct gn_buf *why);
    /* Takes the one of that name out of the admin API's own list. As put. */
    enum gn_err (*remove)(void *ctx, struct gn_str name, gn_admin_edited_fn done, void *done_ctx);
    void *ctx;
};

/* All borrowed, as long as the admin API lives. */
struct gn_admin_parts {
    struct gn_loop *loop;
    struct gn_relay *relay;
    struct gn_outbox *outbox;
    struct gn_journal *journal;
    struct gn_deadletters *letters;
    struct gn_quarantine *quarantine;
    const struct gn_ops *ops;             /* for the readiness checks shown in the status */
    const char *node;                     /* node.name */
    const struct gn_registrar *registrar; /* the publishers shown in the status; may be NULL */
    struct gn_bmcs *bmcs;                 /* NULL: there are none, as of inventory and alarms */
    struct gn_admin_inventory inventory;
    struct gn_alarms *alarms;
};

/* parts is copied. NULL when there is no memory. */
struct gn_admin *gn_admin_new(const struct gn_admin_parts *parts);

/* Requests that wait for a file are answered 503 and wait no more; later ones too. What waits below
 * may call back afterwards, and finds the admin API gone. To be called before the server and the
 * parts go. */
void gn_admin_stop(struct gn_admin *admin);
/* Stops it, too. NULL is fine. */
void gn_admin_free(struct gn_admin *admin);

/* If the path begins with /admin/, answers (now or later) and returns true. */
bool gn_admin_handle(struct gn_admin *admin, struct gn_http_request *request);

#endif
