/* The metrics of cloud-event-proxy, cne_*, with its names and labels (docs/metrics.md): all gauges.
 * Series appear when they are first counted, as there. Label values from outside are bounded: what
 * is beyond GN_CNE_LABELS_MAX values of one family, or longer than GN_CNE_LABEL_BYTES_MAX, is
 * counted under "other". */
#ifndef GURNARD_RELAY_CNE_FIGURES_H
#define GURNARD_RELAY_CNE_FIGURES_H

#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"

#define GN_CNE_LABELS_MAX      1000
#define GN_CNE_LABEL_BYTES_MAX 1024

struct gn_cne_figures;

enum gn_cne_family {
    GN_CNE_API_EVENTS_PUBLISHED,             /* address, status: events taken by create/event */
    GN_CNE_API_SUBSCRIPTIONS,                /* status */
    GN_CNE_API_PUBLISHERS,                   /* status */
    GN_CNE_API_STATUS_PING,                  /* status: PUT .../status/{id} */
    GN_CNE_EVENTS_ACK,                       /* type (the address), status: acknowledgements */
    GN_CNE_EVENTS_RECEIVED,                  /* type (the address), status: to applications */
    GN_CNE_STATUS_CHECK_RECEIVED,            /* type (the address), status: of a peer */
    GN_CNE_TRANSPORT_EVENTS_RECEIVED,        /* address, status: events of peers */
    GN_CNE_TRANSPORT_EVENTS_PUBLISHED,       /* address, status: events to peers */
    GN_CNE_TRANSPORT_CONNECTION_RESET,       /* no label */
    GN_CNE_TRANSPORT_SENDER,                 /* address (client id), status: registered peers */
    GN_CNE_TRANSPORT_RECEIVER,               /* address, status: what we are registered for */
    GN_CNE_TRANSPORT_STATUS_CHECK_PUBLISHED, /* address, status: CurrentState asked of peers */
    GN_CNE_FAMILIES
};

enum gn_cne_status {
    GN_CNE_SUCCESS,          /* "success" */
    GN_CNE_FAILED,           /* "failed" */
    GN_CNE_FAIL,             /* "fail", of api_events_published only */
    GN_CNE_ACTIVE,           /* "active" */
    GN_CNE_RESET,            /* "connection reset" */
    GN_CNE_FAILED_TO_CREATE, /* "failed to create" */
    GN_CNE_FAILED_TO_DELETE, /* "failed to delete" */
    GN_CNE_STATUSES
};

/* metrics: borrowed. NULL: no memory. */
struct gn_cne_figures *gn_cne_figures_new(struct gn_metrics *metrics);
/* NULL is fine. The series stay. */
void gn_cne_figures_free(struct gn_cne_figures *figures);

/* Adds by, which may be negative. label: the address or type, ignored by families without one.
 * figures NULL: nothing. Cheap for a label that was used before. Without memory for a new series
 * nothing is counted. */
void gn_cne_add(struct gn_cne_figures *figures, enum gn_cne_family family, struct gn_str label,
                enum gn_cne_status status, double by);
/* Sets the value. */
void gn_cne_set(struct gn_cne_figures *figures, enum gn_cne_family family, struct gn_str label,
                enum gn_cne_status status, double value);

#endif
