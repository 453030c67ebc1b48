/* POST /create/event, as the v1 and the v2 API answer it: what comes after the body was read. */
#ifndef GURNARD_API_PUBLISHED_PRIV_H
#define GURNARD_API_PUBLISHED_PRIV_H

#include "durable_priv.h"
#include "gurnard/base/log.h"
#include "gurnard/loop/loop.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/store/pubsub.h"

/* Lives in its owner; all borrowed. */
struct gn_published {
    struct gn_durable durable; /* answers that wait for the journal; stopped by the owner */
    struct gn_loop *loop;
    struct gn_cne_figures *cne;                     /* may be NULL */
    void (*later)(struct gn_http_request *request); /* 503 in the API's form */
    struct gn_log_limit log;
};

void gn_published_init(struct gn_published *published, struct gn_journal *journal,
                       struct gn_loop *loop, struct gn_cne_figures *cne,
                       void (*later)(struct gn_http_request *request));

/* Counts an event that was not taken. publisher NULL: none was found; names from outside must not
 * use up the series. */
void gn_published_count_failure(struct gn_published *published,
                                const struct gn_pubsub_item *publisher);

/* 400: name is none of a publisher's. Counted. */
void gn_published_answer_stranger(struct gn_published *published, struct gn_http_request *request,
                                  struct gn_str name);

/* By what the relay made of the event: 202 when it is stored, 400, 503. Counted. */
void gn_published_answer(struct gn_published *published, struct gn_http_request *request,
                         const struct gn_pubsub_item *publisher, enum gn_err err);

/* The same of a CloudNativeEvent: one that nobody can be told is accepted, as by the original. */
void gn_published_answer_cne(struct gn_published *published, struct gn_http_request *request,
                             const struct gn_pubsub_item *publisher, enum gn_err err);

#endif
