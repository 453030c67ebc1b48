/* The helper thread: a queue under a mutex, a thread that runs it, a wake-up back to the loop. The
 * thread never holds the mutex while a job runs, and the loop never waits for a job but in
 * gn_worker_free(). */
#include "gurnard/loop/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/loop/loop.h"

#define THREAD_NAME_SIZE 16 /* the kernel's limit, with the NUL */

STAILQ_HEAD(job_list, gn_job);

struct gn_worker {
    pthread_t thread;
    char name[THREAD_NAME_SIZE];
    struct gn_wake *wake;
    bool is_in_done; /* loop's thread only */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct job_list queued; /* this and what follows: under mutex */
    struct job_list finished;
    bool is_ending;
};

/* A call of pthreads that fails only when it is misused. */
static void must(int failed)
{
    GN_ASSERT(failed == 0);
}

static void lock(struct gn_worker *worker)
{
    must(pthread_mutex_lock(&worker->mutex));
}

static void unlock(struct gn_worker *worker)
{
    must(pthread_mutex_unlock(&worker->mutex));
}

/* Takes the first job of list, NULL when there is none. */
static struct gn_job *take(struct gn_worker *worker, struct job_list *list)
{
    struct gn_job *job;

    lock(worker);
    job = STAILQ_FIRST(list);
    if (job != NULL)
        STAILQ_REMOVE_HEAD(list, link);
    unlock(worker);
    return job;
}

/* ---- on the helper thread ---- */

/* The next job, waiting for one; NULL when the queue is empty and the worker ends. */
static struct gn_job *wait_job(struct gn_worker *worker)
{
    struct gn_job *job;

    lock(worker);
    while ((job = STAILQ_FIRST(&worker->queued)) == NULL && !worker->is_ending)
        must(pthread_cond_wait(&worker->changed, &worker->mutex));
    if (job != NULL)
        STAILQ_REMOVE_HEAD(&worker->queued, link);
    unlock(worker);
    return job;
}

static void *thread_main(void *arg)
{
    struct gn_worker *worker = arg;
    struct gn_job *job;

    (void)pthread_setname_np(pthread_self(), worker->name); /* only cosmetic */
    while ((job = wait_job(worker)) != NULL) {
        job->run(job->ctx);
        lock(worker);
        STAILQ_INSERT_TAIL(&worker->finished, job, link);
        unlock(worker);
        gn_wake_signal(worker->wake);
    }
    return NULL;
}

/* ---- on the loop's thread ---- */

static void call_done(struct gn_worker *worker)
{
    struct gn_job *job;

    worker->is_in_done = true;
    while ((job = take(worker, &worker->finished)) != NULL)
        job->done(job->ctx); /* job may be gone */
    worker->is_in_done = false;
}

static void on_wake(void *ctx)
{
    call_done(ctx);
}

/* Signals belong to the loop: the new thread inherits a mask that blocks all. */
static bool start_thread(struct gn_worker *worker)
{
    sigset_t all;
    sigset_t old;
    int failed;

    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
        return false;
    failed = pthread_create(&worker->thread, NULL, thread_main, worker);
    must(pthread_sigmask(SIG_SETMASK, &old, NULL));
    return failed == 0;
}

static void destroy(struct gn_worker *worker)
{
    gn_wake_free(worker->wake);
    (void)pthread_cond_destroy(&worker->changed); /* nobody waits any more */
    (void)pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

struct gn_worker *gn_worker_new(struct gn_loop *loop, const char *name)
{
    struct gn_worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL)
        return NULL;
    STAILQ_INIT(&worker->queued);
    STAILQ_INIT(&worker->finished);
    (void)snprintf(worker->name, sizeof(worker->name), "%.15s", name); /* cut is fine */
    must(pthread_mutex_init(&worker->mutex, NULL));
    must(pthread_cond_init(&worker->changed, NULL));
    worker->wake = gn_wake_new(loop, on_wake, worker);
    if (worker->wake == NULL || !start_thread(worker)) {
        destroy(worker);
        return NULL;
    }
    return worker;
}

void gn_worker_submit(struct gn_worker *worker, struct gn_job *job)
{
    lock(worker);
    STAILQ_INSERT_TAIL(&worker->queued, job, link);
    must(pthread_cond_signal(&worker->changed));
    unlock(worker);
}

void gn_worker_free(struct gn_worker *worker)
{
    struct gn_job *job;

    if (worker == NULL)
        return;
    GN_ASSERT(!worker->is_in_done);
    lock(worker);
    worker->is_ending = true;
    must(pthread_cond_signal(&worker->changed));
    unlock(worker);
    must(pthread_join(worker->thread, NULL));
    call_done(worker);
    /* A done function may have submitted a further job; the thread is gone, so it runs here. */
    while ((job = take(worker, &worker->queued)) != NULL) {
        job->run(job->ctx);
        job->done(job->ctx);
    }
    destroy(worker);
}
