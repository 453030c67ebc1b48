/* The admin API of the loopback port: /admin/v1/... (docs/api.md, "Admin API"): status, replay,
 * dead letters, quarantine. JSON in and out. Only for clients on loopback (else 403), since the
 * port itself may be opened for Prometheus. A request that changes something is refused (403) when
 * it carries an Origin other than the server's own: a web page opened on the node must not reach
 * it. */
#ifndef GURNARD_API_ADMIN_H
#define GURNARD_API_ADMIN_H

#include <stdbool.h>

#include "gurnard/api/ops.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/outbox.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/deadletter.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/quarantine.h"
#include "gurnard/transport/registrar.h"

struct gn_admin;

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
