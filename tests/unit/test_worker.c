/* The helper thread: order, the thread on which each part runs, and the end. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/loop/loop.h"
#include "gurnard/loop/worker.h"

#define WAIT_MS 5000 /* bound of any wait; never reached when the code is right */

struct task {
    struct gn_job job;
    struct gn_worker *worker;
    struct task *next; /* submitted by done */
    int number;
    int *runs;  /* counts on the helper thread */
    int *dones; /* counts on the loop's thread */
    pthread_t ran_on;
    pthread_t done_on;
    bool was_in_order;
};

static void task_run(void *ctx)
{
    struct task *task = ctx;

    task->ran_on = pthread_self();
    task->was_in_order = (*task->runs)++ == task->number;
}

static void task_done(void *ctx)
{
    struct task *task = ctx;

    task->done_on = pthread_self();
    task->was_in_order = task->was_in_order && (*task->dones)++ == task->number;
    if (task->next != NULL)
        gn_worker_submit(task->worker, &task->next->job);
}

static void task_init(struct task *task, struct gn_worker *worker, int number, int *runs,
                      int *dones)
{
    *task = (struct task){.worker = worker, .number = number, .runs = runs, .dones = dones};
    task->job = (struct gn_job){.run = task_run, .done = task_done, .ctx = task};
}

static void jobs_run_on_the_thread_and_end_in_the_loop_in_order(void **state)
{
    enum { COUNT = 100 };
    struct gn_loop *loop = gn_loop_new(NULL);
    struct gn_worker *worker = gn_worker_new(loop, "a name that is far too long");
    struct task tasks[COUNT];
    int runs = 0, dones = 0;

    (void)state;
    assert_non_null(worker);
    for (int i = 0; i < COUNT; i++) {
        task_init(&tasks[i], worker, i, &runs, &dones);
        gn_worker_submit(worker, &tasks[i].job);
    }
    assert_int_equal(dones, 0);
    while (dones < COUNT)
        assert_int_equal(gn_loop_turn(loop, WAIT_MS), GN_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_true(tasks[i].was_in_order);
        assert_false(pthread_equal(tasks[i].ran_on, pthread_self()));
        assert_true(pthread_equal(tasks[i].done_on, pthread_self()));
    }
    gn_worker_free(worker);
    gn_loop_free(loop);
}

static void freeing_runs_what_is_queued_and_calls_done(void **state)
{
    enum { COUNT = 20 };
    struct gn_loop *loop = gn_loop_new(NULL);
    struct gn_worker *worker = gn_worker_new(loop, "test");
    struct task tasks[COUNT];
    int runs = 0, dones = 0;

    (void)state;
    assert_non_null(worker);
    for (int i = 0; i < COUNT; i++) {
        task_init(&tasks[i], worker, i, &runs, &dones);
        gn_worker_submit(worker, &tasks[i].job);
    }
    gn_worker_free(worker);
    assert_int_equal(runs, COUNT);
    assert_int_equal(dones, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(tasks[i].was_in_order);
    gn_loop_free(loop);
}

static void a_job_submitted_while_freeing_still_runs(void **state)
{
    struct gn_loop *loop = gn_loop_new(NULL);
    struct gn_worker *worker = gn_worker_new(loop, "test");
    struct task first, second;
    int runs = 0, dones = 0;

    (void)state;
    assert_non_null(worker);
    task_init(&first, worker, 0, &runs, &dones);
    task_init(&second, worker, 1, &runs, &dones);
    first.next = &second;
    gn_worker_submit(worker, &first.job);
    gn_worker_free(worker);
    assert_int_equal(dones, 2);
    assert_true(second.was_in_order);
    gn_loop_free(loop);
}

static void note_mask(void *ctx)
{
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, ctx), 0);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void the_thread_blocks_all_signals_and_ours_stay_as_they_were(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
    struct gn_loop *loop = gn_loop_new(NULL);
    sigset_t before, after, in_thread;
    struct gn_worker *worker;
    struct gn_job job = {.run = note_mask, .done = nothing, .ctx = &in_thread};

    (void)state;
    note_mask(&before);
    worker = gn_worker_new(loop, "test");
    assert_non_null(worker);
    note_mask(&after);
    gn_worker_submit(worker, &job);
    gn_worker_free(worker);
    for (size_t i = 0; i < GN_LEN(signals); i++) {
        assert_int_equal(sigismember(&in_thread, signals[i]), 1);
        assert_int_equal(sigismember(&before, signals[i]), sigismember(&after, signals[i]));
    }
    gn_worker_free(NULL);
    gn_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_on_the_thread_and_end_in_the_loop_in_order),
        cmocka_unit_test(freeing_runs_what_is_queued_and_calls_done),
        cmocka_unit_test(a_job_submitted_while_freeing_still_runs),
        cmocka_unit_test(the_thread_blocks_all_signals_and_ours_stay_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
