/* A helper thread for what would block the loop: file reads and syncs, registry loading.
 * Jobs run one after another in the order of submission and share no state with the loop while they
 * run; when one is done, its done function is called in a turn of the loop. */
#ifndef GURNARD_LOOP_WORKER_H
#define GURNARD_LOOP_WORKER_H

#include <sys/queue.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/loop/loop.h"

struct gn_worker;

/* Lives in its owner, untouched by it from submission until done was called. */
struct gn_job {
    void (*run)(void *ctx);  /* on the helper thread; may block */
    void (*done)(void *ctx); /* on the loop's thread, exactly once; may free the job */
    void *ctx;
    STAILQ_ENTRY(gn_job) link;
};

/* Starts the thread. name: at most 15 characters, shown by ps. All signals are blocked in it. NULL
 * when there is no memory or thread. */
struct gn_worker *gn_worker_new(struct gn_loop *loop, const char *name);

/* Queues job. done is never called from inside this call. */
void gn_worker_submit(struct gn_worker *worker, struct gn_job *job);

/* Runs all jobs still queued, calls their done functions from inside this call, ends the thread.
 * Not from inside a done function. NULL is fine. */
void gn_worker_free(struct gn_worker *worker);

#endif
