/* The loop: the order of a turn, and what callbacks may do to watches, timers and deferred calls.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/metrics.h"
#include "gurnard/loop/loop.h"

#define WAIT_MS 5000 /* bound of any wait; never reached when the code is right */

/* What happened, one letter each. */
struct story {
    struct gn_loop *loop;
    char text[4096];
    size_t len;
};

/* A callback that tells its letter and may do one thing more. */
struct actor {
    struct story *story;
    char letter;
    void (*then)(struct actor *actor);
    int fd;
    struct gn_watch *watch;
    struct gn_timer timer;
    struct gn_defer defer;
    struct gn_hook hook;
    struct actor *other;
    unsigned ready;
    int calls;
};

static void act(void *ctx)
{
    struct actor *actor = ctx;
    struct story *story = actor->story;

    actor->calls++;
    if (story->len + 1 < sizeof(story->text))
        story->text[story->len++] = actor->letter;
    story->text[story->len] = '\0';
    if (actor->then != NULL)
        actor->then(actor);
}

static void act_ready(void *ctx, unsigned ready)
{
    struct actor *actor = ctx;

    actor->ready = ready;
    act(actor);
}

static int setup(void **state)
{
    struct story *story = calloc(1, sizeof(*story));

    assert_non_null(story);
    story->loop = gn_loop_new(NULL);
    assert_non_null(story->loop);
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    struct story *story = *state;

    gn_loop_free(story->loop);
    free(story);
    return 0;
}

static void turn(struct story *story)
{
    assert_int_equal(gn_loop_turn(story->loop, 0), GN_OK);
}

/* An actor whose eventfd is readable from the start. */
static void actor_watch(struct actor *actor, struct story *story, char letter,
                        enum gn_watch_class klass)
{
    actor->story = story;
    actor->letter = letter;
    actor->fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_true(actor->fd >= 0);
    actor->watch = gn_watch_new(story->loop, actor->fd, GN_WATCH_READ, klass, act_ready, actor);
    assert_non_null(actor->watch);
}

static void actor_end(struct actor *actor)
{
    gn_watch_close(actor->watch);
    actor->watch = NULL;
    close(actor->fd);
}

/* ---- turn ---- */

static void a_turn_serves_outputs_deferred_timers_inputs_hooks(void **state)
{
    struct story *story = *state;
    struct actor in = {0}, out = {0};
    struct actor later = {.story = story, .letter = 'd'};
    struct actor timer = {.story = story, .letter = 't'};
    struct actor hook = {.story = story, .letter = 'h'};

    gn_hook_add(story->loop, &hook.hook, act, &hook);
    actor_watch(&in, story, 'i', GN_WATCH_INPUT);
    gn_timer_init(&timer.timer, story->loop, act, &timer);
    gn_timer_start(&timer.timer, 0);
    gn_defer_call(story->loop, &later.defer, act, &later);
    actor_watch(&out, story, 'o', GN_WATCH_OUTPUT);
    turn(story);
    assert_string_equal(story->text, "odtih");

    actor_end(&in);
    actor_end(&out);
    gn_timer_fini(&timer.timer);
    gn_hook_remove(story->loop, &hook.hook);
}

static void stop_the_loop(struct actor *actor)
{
    if (actor->calls == 3)
        gn_loop_stop(actor->story->loop);
    else
        gn_defer_call(actor->story->loop, &actor->defer, act, actor);
}

static void run_ends_after_the_turn_that_called_stop(void **state)
{
    struct story *story = *state;
    struct actor actor = {.story = story, .letter = 'd', .then = stop_the_loop};
    struct actor hook = {.story = story, .letter = 'h'};

    gn_hook_add(story->loop, &hook.hook, act, &hook);
    gn_defer_call(story->loop, &actor.defer, act, &actor);
    assert_int_equal(gn_loop_run(story->loop), GN_OK);
    assert_string_equal(story->text, "dhdhdh");
    gn_hook_remove(story->loop, &hook.hook);
}

static void remove_both_hooks(struct actor *actor)
{
    gn_hook_remove(actor->story->loop, &actor->hook);
    gn_hook_remove(actor->story->loop, &actor->other->hook);
}

static void a_hook_may_remove_itself_and_the_next_one(void **state)
{
    struct story *story = *state;
    struct actor b = {.story = story, .letter = 'b'};
    struct actor a = {.story = story, .letter = 'a', .then = remove_both_hooks, .other = &b};
    struct actor c = {.story = story, .letter = 'c'};

    gn_hook_add(story->loop, &a.hook, act, &a);
    gn_hook_add(story->loop, &b.hook, act, &b);
    gn_hook_add(story->loop, &c.hook, act, &c);
    turn(story);
    turn(story);
    assert_string_equal(story->text, "acc");
    gn_hook_remove(story->loop, &c.hook);
}

static void spend_too_long(struct actor *actor)
{
    uint64_t begin_us = gn_clock_mono_us();

    (void)actor;
    while (gn_clock_mono_us() - begin_us <= GN_LOOP_SLOW_MS * 1000)
        ; /* a slow turn is one that keeps the thread */
}

static void a_slow_turn_is_counted(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_loop *loop = gn_loop_new(metrics);
    struct story story = {.loop = loop};
    struct actor slow = {.story = &story, .letter = 's', .then = spend_too_long};
    struct gn_metric *slow_turns;

    (void)state;
    assert_non_null(loop);
    slow_turns = gn_metrics_counter(metrics, "gurnard_loop_slow_turns_total", NULL, "");
    gn_defer_call(loop, &slow.defer, act, &slow);
    turn(&story);
    assert_true(slow_turns->value >= 1 && slow_turns->value <= 1);
    gn_loop_free(loop);
    gn_metrics_free(metrics);
}

/* ---- descriptors ---- */

static void close_the_other(struct actor *actor)
{
    if (actor->other->watch != NULL)
        actor_end(actor->other);
}

static void a_watch_closed_by_an_earlier_event_of_the_batch_is_not_called(void **state)
{
    struct story *story = *state;
    struct actor a = {0}, b = {0};

    actor_watch(&a, story, 'x', GN_WATCH_INPUT);
    actor_watch(&b, story, 'x', GN_WATCH_INPUT);
    a.then = b.then = close_the_other;
    a.other = &b;
    b.other = &a;
    turn(story);
    assert_string_equal(story->text, "x");
    turn(story);
    assert_string_equal(story->text, "xx");
    if (a.watch != NULL)
        actor_end(&a);
    if (b.watch != NULL)
        actor_end(&b);
}

static void close_itself(struct actor *actor)
{
    actor_end(actor);
}

static void a_watch_may_close_itself(void **state)
{
    struct story *story = *state;
    struct actor a = {0};

    actor_watch(&a, story, 'a', GN_WATCH_INPUT);
    a.then = close_itself;
    turn(story);
    turn(story);
    assert_string_equal(story->text, "a");
}

static void silence_the_other(struct actor *actor)
{
    gn_watch_set(actor->other->watch, 0);
}

static void a_silenced_watch_is_not_called_and_comes_back(void **state)
{
    struct story *story = *state;
    struct actor gate = {0}, in = {0};

    actor_watch(&gate, story, 'g', GN_WATCH_OUTPUT);
    actor_watch(&in, story, 'i', GN_WATCH_INPUT);
    gate.then = silence_the_other;
    gate.other = &in;
    turn(story); /* in is in the batch, but the gate was closed before */
    turn(story);
    assert_string_equal(story->text, "gg");
    actor_end(&gate);
    gn_watch_set(in.watch, GN_WATCH_READ);
    turn(story);
    assert_string_equal(story->text, "ggi");
    actor_end(&in);
}

static void a_silenced_watch_of_a_dead_peer_does_not_spin(void **state)
{
    struct story *story = *state;
    struct actor a = {.story = story, .letter = 'a'};
    struct gn_timer timer;
    struct actor tick = {.story = story, .letter = 't'};
    int pair[2];
    int turns = 0;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    a.watch = gn_watch_new(story->loop, pair[0], GN_WATCH_READ, GN_WATCH_INPUT, act_ready, &a);
    assert_non_null(a.watch);
    gn_watch_set(a.watch, 0);
    close(pair[1]);
    gn_timer_init(&timer, story->loop, act, &tick);
    gn_timer_start(&timer, 20);
    while (tick.calls == 0) {
        assert_int_equal(gn_loop_turn(story->loop, WAIT_MS), GN_OK);
        turns++;
    }
    assert_true(turns <= 5);
    assert_int_equal(a.calls, 0);
    gn_watch_set(a.watch, GN_WATCH_READ);
    turn(story);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.ready, GN_WATCH_READ | GN_WATCH_ERROR);
    gn_watch_close(a.watch);
    close(pair[0]);
    gn_timer_fini(&timer);
}

static void only_what_is_wanted_is_reported(void **state)
{
    static const struct {
        unsigned want, ready;
    } rows[] = {
        {GN_WATCH_READ, GN_WATCH_READ},
        {GN_WATCH_WRITE, GN_WATCH_WRITE},
        {GN_WATCH_READ | GN_WATCH_WRITE, GN_WATCH_READ | GN_WATCH_WRITE},
    };
    struct story *story = *state;
    struct actor a = {0};

    actor_watch(&a, story, 'a', GN_WATCH_INPUT);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_watch_set(a.watch, rows[i].want);
        turn(story);
        assert_int_equal(a.ready, rows[i].ready);
    }
    actor_end(&a);
}

static void a_descriptor_epoll_refuses_gives_no_watch(void **state)
{
    struct story *story = *state;

    assert_null(gn_watch_new(story->loop, -1, GN_WATCH_READ, GN_WATCH_INPUT, act_ready, NULL));
    gn_watch_close(NULL);
}

/* ---- timers ---- */

static void timers_run_in_order_of_time_then_of_start(void **state)
{
    struct story *story = *state;
    struct actor actors[5];
    static const uint64_t delays[] = {4, 2, 0, 2, 1};

    memset(actors, 0, sizeof(actors));
    for (size_t i = 0; i < GN_LEN(actors); i++) {
        actors[i].story = story;
        actors[i].letter = (char)('a' + i);
        gn_timer_init(&actors[i].timer, story->loop, act, &actors[i]);
    }
    for (size_t i = 0; i < GN_LEN(actors); i++)
        gn_timer_start(&actors[i].timer, delays[i]);
    /* Outside a turn each start reads the clock; make b and d equal to see the second key. */
    actors[3].timer.at_us = actors[1].timer.at_us;
    while (story->len < GN_LEN(actors))
        assert_int_equal(gn_loop_turn(story->loop, WAIT_MS), GN_OK);
    assert_string_equal(story->text, "cebda");
    for (size_t i = 0; i < GN_LEN(actors); i++)
        gn_timer_fini(&actors[i].timer);
}

static void a_timer_never_runs_early(void **state)
{
    struct story *story = *state;
    struct actor a = {.story = story, .letter = 'a'};
    uint64_t begin = gn_clock_mono_us();

    gn_timer_init(&a.timer, story->loop, act, &a);
    gn_timer_start(&a.timer, 15);
    assert_true(gn_timer_is_running(&a.timer));
    while (a.calls == 0)
        assert_int_equal(gn_loop_turn(story->loop, WAIT_MS), GN_OK);
    assert_true(gn_clock_mono_us() - begin >= 15000);
    assert_true(gn_loop_now_us(story->loop) - begin >= 15000);
    assert_int_equal(gn_loop_now_ms(story->loop), gn_loop_now_us(story->loop) / 1000);
    assert_false(gn_timer_is_running(&a.timer));
    gn_timer_fini(&a.timer);
}

static void restart_itself(struct actor *actor)
{
    gn_timer_start(&actor->timer, 0);
}

static void a_timer_restarted_by_its_callback_runs_once_a_turn(void **state)
{
    struct story *story = *state;
    struct actor a = {.story = story, .letter = 'a', .then = restart_itself};

    gn_timer_init(&a.timer, story->loop, act, &a);
    gn_timer_start(&a.timer, 0);
    turn(story);
    assert_string_equal(story->text, "a");
    turn(story);
    assert_string_equal(story->text, "aa");
    gn_timer_fini(&a.timer);
}

static void stop_the_other(struct actor *actor)
{
    gn_timer_stop(&actor->other->timer);
}

static void a_timer_stopped_by_an_earlier_one_does_not_run(void **state)
{
    struct story *story = *state;
    struct actor b = {.story = story, .letter = 'b'};
    struct actor a = {.story = story, .letter = 'a', .then = stop_the_other, .other = &b};

    gn_timer_init(&a.timer, story->loop, act, &a);
    gn_timer_init(&b.timer, story->loop, act, &b);
    gn_timer_start(&a.timer, 0);
    gn_timer_start(&b.timer, 0);
    turn(story);
    turn(story);
    assert_string_equal(story->text, "a");
    gn_timer_fini(&a.timer);
    gn_timer_fini(&b.timer);
}

static void a_restart_replaces_the_first_start(void **state)
{
    struct story *story = *state;
    struct actor a = {.story = story, .letter = 'a'};

    gn_timer_init(&a.timer, story->loop, act, &a);
    gn_timer_start(&a.timer, 0);
    gn_timer_start(&a.timer, UINT64_MAX); /* too far away to matter, and no overflow */
    turn(story);
    assert_int_equal(a.calls, 0);
    assert_true(gn_timer_is_running(&a.timer));
    gn_timer_start(&a.timer, 0);
    turn(story);
    assert_int_equal(a.calls, 1);
    gn_timer_fini(&a.timer);
}

static void a_zeroed_or_finished_timer_may_be_stopped_and_finished(void **state)
{
    struct story *story = *state;
    struct gn_timer timer = {0};

    gn_timer_stop(&timer);
    gn_timer_fini(&timer);
    gn_timer_init(&timer, story->loop, act, NULL);
    gn_timer_fini(&timer);
    gn_timer_fini(&timer);
    gn_timer_stop(&timer);
    assert_false(gn_timer_is_running(&timer));
}

/* A fixed pseudo-random sequence: the test is the same each time. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static uint64_t last_at_us;
static unsigned ran;

static void note_order(void *ctx)
{
    struct gn_timer *timer = ctx;

    assert_true(timer->at_us >= last_at_us);
    last_at_us = timer->at_us;
    ran++;
}

static void a_thousand_timers_started_and_stopped_at_random_keep_their_order(void **state)
{
    enum { COUNT = 1000 };
    struct story *story = *state;
    struct gn_timer *timers = calloc(COUNT, sizeof(*timers));
    unsigned running = 0;
    uint32_t seed = 1;

    assert_non_null(timers);
    last_at_us = 0;
    ran = 0;
    for (unsigned i = 0; i < COUNT; i++)
        gn_timer_init(&timers[i], story->loop, note_order, &timers[i]);
    for (unsigned i = 0; i < 10 * COUNT; i++) {
        struct gn_timer *timer = &timers[next_random(&seed) % COUNT];

        if (next_random(&seed) % 3 == 0)
            gn_timer_stop(timer);
        else
            gn_timer_start(timer, next_random(&seed) % 20);
    }
    for (unsigned i = 0; i < COUNT; i++)
        running += gn_timer_is_running(&timers[i]);
    while (ran < running)
        assert_int_equal(gn_loop_turn(story->loop, WAIT_MS), GN_OK);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_false(gn_timer_is_running(&timers[i]));
        gn_timer_fini(&timers[i]);
    }
    free(timers);
}

static void one_turn_runs_a_bounded_number_of_timers(void **state)
{
    enum { COUNT = GN_LOOP_TIMER_MAX + 10 };
    struct story *story = *state;
    struct gn_timer *timers = calloc(COUNT, sizeof(*timers));

    assert_non_null(timers);
    last_at_us = 0;
    ran = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        gn_timer_init(&timers[i], story->loop, note_order, &timers[i]);
        gn_timer_start(&timers[i], 0);
    }
    turn(story);
    assert_int_equal(ran, GN_LOOP_TIMER_MAX);
    turn(story);
    assert_int_equal(ran, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        gn_timer_fini(&timers[i]);
    free(timers);
}

/* ---- deferred calls ---- */

static void defer_itself(struct actor *actor)
{
    gn_defer_call(actor->story->loop, &actor->defer, act, actor);
}

static void what_is_deferred_in_a_turn_waits_for_the_next(void **state)
{
    struct story *story = *state;
    struct actor a = {.story = story, .letter = 'a', .then = defer_itself};

    gn_defer_call(story->loop, &a.defer, act, &a);
    gn_defer_call(story->loop, &a.defer, act, &a); /* waits already: once is enough */
    turn(story);
    assert_string_equal(story->text, "a");
    turn(story);
    assert_string_equal(story->text, "aa");
    gn_defer_cancel(&a.defer);
    gn_defer_cancel(&a.defer);
    turn(story);
    assert_string_equal(story->text, "aa");
}

static void cancel_the_other(struct actor *actor)
{
    gn_defer_cancel(&actor->other->defer);
}

static void a_deferred_call_may_cancel_the_next_one(void **state)
{
    struct story *story = *state;
    struct actor b = {.story = story, .letter = 'b'};
    struct actor a = {.story = story, .letter = 'a', .then = cancel_the_other, .other = &b};
    struct actor c = {.story = story, .letter = 'c'};

    gn_defer_call(story->loop, &a.defer, act, &a);
    gn_defer_call(story->loop, &b.defer, act, &b);
    gn_defer_call(story->loop, &c.defer, act, &c);
    turn(story);
    assert_string_equal(story->text, "ac");
}

static void one_turn_runs_a_bounded_number_of_deferred_calls_in_order(void **state)
{
    enum { COUNT = GN_LOOP_DEFER_MAX + 10 };
    struct story *story = *state;
    struct actor *actors = calloc(COUNT, sizeof(*actors));
    struct actor late = {.story = story, .letter = 'z'};

    assert_non_null(actors);
    for (unsigned i = 0; i < COUNT; i++) {
        actors[i].story = story;
        actors[i].letter = i < GN_LOOP_DEFER_MAX ? 'a' : 'b';
        gn_defer_call(story->loop, &actors[i].defer, act, &actors[i]);
    }
    turn(story);
    assert_int_equal(story->len, GN_LOOP_DEFER_MAX);
    gn_defer_call(story->loop, &late.defer, act, &late);
    turn(story);
    assert_string_equal(story->text + GN_LOOP_DEFER_MAX, "bbbbbbbbbbz");
    free(actors);
}

/* ---- signals and wake-ups ---- */

static void a_signal_calls_its_function_in_a_turn(void **state)
{
    struct story *story = *state;
    struct actor usr1 = {.story = story, .letter = '1'};
    struct actor usr2 = {.story = story, .letter = '2'};

    assert_int_equal(gn_signal_watch(story->loop, SIGUSR1, act, &usr1), GN_OK);
    assert_int_equal(gn_signal_watch(story->loop, SIGUSR2, act, &usr2), GN_OK);
    assert_int_equal(raise(SIGUSR2), 0);
    assert_int_equal(story->len, 0);
    while (story->len == 0)
        assert_int_equal(gn_loop_turn(story->loop, WAIT_MS), GN_OK);
    assert_string_equal(story->text, "2");
    assert_int_equal(raise(SIGUSR1), 0);
    while (story->len == 1)
        assert_int_equal(gn_loop_turn(story->loop, WAIT_MS), GN_OK);
    assert_string_equal(story->text, "21");
}

static void a_signal_is_watched_once_and_must_be_watchable(void **state)
{
    static const int bad[] = {-1, 0, 65, SIGKILL, SIGSTOP};
    struct story *story = *state;

    for (size_t i = 0; i < GN_LEN(bad); i++)
        assert_int_equal(gn_signal_watch(story->loop, bad[i], act, NULL), GN_EINVAL);
    assert_int_equal(gn_signal_watch(story->loop, SIGUSR1, act, NULL), GN_OK);
    assert_int_equal(gn_signal_watch(story->loop, SIGUSR1, act, NULL), GN_EEXIST);
}

static void *signal_from_thread(void *arg)
{
    struct gn_wake *wake = arg;

    gn_wake_signal(wake);
    gn_wake_signal(wake);
    return NULL;
}

static void a_wake_from_a_thread_is_served_in_a_turn(void **state)
{
    struct story *story = *state;
    struct actor a = {.story = story, .letter = 'w'};
    struct gn_wake *wake = gn_wake_new(story->loop, act, &a);
    pthread_t thread;

    assert_non_null(wake);
    assert_int_equal(pthread_create(&thread, NULL, signal_from_thread, wake), 0);
    while (a.calls == 0)
        assert_int_equal(gn_loop_turn(story->loop, WAIT_MS), GN_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    turn(story);
    assert_true(a.calls <= 2);
    gn_wake_signal(wake);
    gn_wake_free(wake); /* no call follows */
    turn(story);
    assert_true(a.calls <= 2);
    gn_wake_free(NULL);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_turn_serves_outputs_deferred_timers_inputs_hooks),
        LOOP_TEST(run_ends_after_the_turn_that_called_stop),
        LOOP_TEST(a_hook_may_remove_itself_and_the_next_one),
        cmocka_unit_test(a_slow_turn_is_counted),
        LOOP_TEST(a_watch_closed_by_an_earlier_event_of_the_batch_is_not_called),
        LOOP_TEST(a_watch_may_close_itself),
        LOOP_TEST(a_silenced_watch_is_not_called_and_comes_back),
        LOOP_TEST(a_silenced_watch_of_a_dead_peer_does_not_spin),
        LOOP_TEST(only_what_is_wanted_is_reported),
        LOOP_TEST(a_descriptor_epoll_refuses_gives_no_watch),
        LOOP_TEST(timers_run_in_order_of_time_then_of_start),
        LOOP_TEST(a_timer_never_runs_early),
        LOOP_TEST(a_timer_restarted_by_its_callback_runs_once_a_turn),
        LOOP_TEST(a_timer_stopped_by_an_earlier_one_does_not_run),
        LOOP_TEST(a_restart_replaces_the_first_start),
        LOOP_TEST(a_zeroed_or_finished_timer_may_be_stopped_and_finished),
        LOOP_TEST(a_thousand_timers_started_and_stopped_at_random_keep_their_order),
        LOOP_TEST(one_turn_runs_a_bounded_number_of_timers),
        LOOP_TEST(what_is_deferred_in_a_turn_waits_for_the_next),
        LOOP_TEST(a_deferred_call_may_cancel_the_next_one),
        LOOP_TEST(one_turn_runs_a_bounded_number_of_deferred_calls_in_order),
        LOOP_TEST(a_signal_calls_its_function_in_a_turn),
        LOOP_TEST(a_signal_is_watched_once_and_must_be_watchable),
        LOOP_TEST(a_wake_from_a_thread_is_served_in_a_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
