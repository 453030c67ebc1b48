/* Requests that wait for the journal: one small object each, in a list, so that they can be ended
 * when the daemon does. */
#include "durable_priv.h"

#include <stdlib.h>

struct gn_durable_wait {
    struct gn_durable *durable;
    struct gn_http_request *request;
    struct gn_journal_wait journal;
    TAILQ_ENTRY(gn_durable_wait) link;
};

void gn_durable_init(struct gn_durable *durable, struct gn_journal *journal, gn_durable_fn answer,
                     void *ctx)
{
    durable->journal = journal;
    durable->answer = answer;
    durable->ctx = ctx;
    TAILQ_INIT(&durable->waits);
}

static void end_wait(struct gn_durable_wait *wait, bool is_durable)
{
    struct gn_durable *durable = wait->durable;
    struct gn_http_request *request = wait->request;

    TAILQ_REMOVE(&durable->waits, wait, link);
    free(wait);
    durable->answer(durable->ctx, request, is_durable);
}

static void on_journal(void *ctx, enum gn_err err)
{
    end_wait(ctx, err == GN_OK);
}

void gn_durable_answer(struct gn_durable *durable, struct gn_http_request *request)
{
    struct gn_durable_wait *wait;

    if (gn_journal_is_durable(durable->journal)) {
        durable->answer(durable->ctx, request, true);
        return;
    }
    wait = calloc(1, sizeof *wait);
    if (wait == NULL) {
        durable->answer(durable->ctx, request, false);
        return;
    }
    wait->durable = durable;
    wait->request = request;
    TAILQ_INSERT_TAIL(&durable->waits, wait, link);
    gn_journal_wait(durable->journal, &wait->journal, on_journal, wait);
}

void gn_durable_stop(struct gn_durable *durable)
{
    struct gn_durable_wait *wait;

    while ((wait = TAILQ_FIRST(&durable->waits)) != NULL) {
        gn_journal_wait_cancel(durable->journal, &wait->journal);
        end_wait(wait, false);
    }
}
