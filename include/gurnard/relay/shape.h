/* The message that a subscription gets for an event: its headers and its body, by the face of the
 * subscription. Pure. */
#ifndef GURNARD_RELAY_SHAPE_H
#define GURNARD_RELAY_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cloudevent.h"
#include "gurnard/ce/event.h"
#include "gurnard/relay/interest.h"
#include "gurnard/transport/transport.h"

/* Core attributes, extensions, the subscription's own, ours. */
#define GN_SHAPE_HEADERS_MAX (9 + GN_CE_EXTENSIONS_MAX + 12 + GN_NATIVE_HEADERS_MAX + 6)

/* What is said for whom. */
struct gn_shape_in {
    struct gn_interest *interest;
    const struct gn_event *event;
    struct gn_str subscription;      /* its id, for V1 */
    uint64_t sequence;               /* the journal's; 0: none */
    const char *via;                 /* this daemon, for NATIVE and PEER; NULL: not said */
    bool is_again;                   /* marked with Gurnard-Replay: 1 */
    bool wants_event;                /* the transport sends CloudEvents, not headers and a body */
    uint32_t part;                   /* which message: 0, then next_part of the one before */
    struct gn_shape_memory **memory; /* what was read of the event, kept for its next messages: NULL
                                      * at first, to be freed by its owner; may be absent */
};

/* A message. Filled by gn_shape(); views into event, interest and itself: not to be moved while it
 * is used. */
struct gn_shaped {
    const char *headers[GN_SHAPE_HEADERS_MAX + 1]; /* "Name: value", ended by NULL */
    struct gn_str body[GN_MESSAGE_PARTS];
    struct gn_cloudevent event; /* wants_event: instead of headers and body */
    enum gn_ce_mode mode;
    uint32_t next_part;             /* 0: this was the last */
    char own[64];                   /* private: the event's id as a header */
    struct gn_buf text;             /* private */
    char time[GN_TIME_TEXT_MAX];    /* private: of event */
    struct gn_shape_memory *memory; /* private: what event views */
};

/* What was read of one event. NULL is fine. */
struct gn_shape_memory;
void gn_shape_memory_free(struct gn_shape_memory *memory);

/* Makes one message. Headers besides those of the face: Gurnard-Event-Id; for all but V1 also
 * Gurnard-Via; for PEER and NATIVE Gurnard-Bmc, the BMC that the event came from; for NATIVE those
 * of its spec, and WebHook-Request-Origin (the node) when there was a handshake. As an event: PEER
 * is 0.3 in binary mode, NATIVE as its spec says, but no batch; GN_EUNSUPPORTED for the others.
 * GN_ENOTFOUND: nothing of the event is for this subscription. GN_EINVAL: it cannot be told in this
 * face. GN_ENOMEM. In every case to be finished. */
GN_MUST_CHECK enum gn_err gn_shape(const struct gn_shape_in *in, struct gn_shaped *shaped);
void gn_shaped_fini(struct gn_shaped *shaped);

#endif
