/* Answering a request when the journal has what it brought. Shared by the webhook and the v1 API.
 */
#ifndef GURNARD_API_DURABLE_PRIV_H
#define GURNARD_API_DURABLE_PRIV_H

#include <stdbool.h>
#include <sys/queue.h>

#include "gurnard/net/http_server.h"
#include "gurnard/store/journal.h"

/* Gives the request its answer. is_durable false: the journal did not say yes in time. */
typedef void (*gn_durable_fn)(void *ctx, struct gn_http_request *request, bool is_durable);

struct gn_durable_wait;

/* The requests that wait for one journal. Lives in its owner. */
struct gn_durable {
    struct gn_journal *journal;
    gn_durable_fn answer;
    void *ctx;
    TAILQ_HEAD(, gn_durable_wait) waits;
};

/* journal: borrowed until gn_durable_stop(). */
void gn_durable_init(struct gn_durable *durable, struct gn_journal *journal, gn_durable_fn answer,
                     void *ctx);

/* Has request answered, from inside this call or in a later turn, once all that was appended to the
 * journal is on disk, or when that is not to be had: also when there is no memory for the wait,
 * though the event is stored then. */
void gn_durable_answer(struct gn_durable *durable, struct gn_http_request *request);

/* Answers all who wait (not durable). */
void gn_durable_stop(struct gn_durable *durable);

#endif
