/* Dead letters over a real journal: in a folder of its own, or in memory. */
#include "gurnard/store/deadletter.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "deadletter_priv.h"
#include "gurnard/base/file.h"

#define TIME_NS   INT64_C(1795232970136201331)
#define MAX_BYTES ((uint64_t)512 << 10)
#define SUB_A     "6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b11"
#define SUB_B     "6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b12"
#define NUMBERS   4096 /* most letters that a test looks at */

struct fixture {
    char base[64];   /* made by mkdtemp() */
    char folder[96]; /* the letters' in it */
    struct gn_loop *loop;
    struct gn_metrics *metrics;
    struct gn_deadletters *l;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL)
        return -1;
    (void)snprintf(f->base, sizeof f->base, "/tmp/gn_deadletter_XXXXXX");
    if (mkdtemp(f->base) == NULL)
        return -1;
    (void)snprintf(f->folder, sizeof f->folder, "%s/deadletters", f->base);
    f->loop = gn_loop_new(NULL);
    f->metrics = gn_metrics_new();
    *state = f;
    return f->loop == NULL;
}

static enum gn_err remove_it(void *ctx, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    if (unlink(path) == 0)
        return GN_OK;
    return gn_file_each(path, remove_it, path) == GN_OK && rmdir(path) == 0 ? GN_OK : GN_EIO;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    bool is_clean;

    gn_deadletters_close(f->l);
    gn_metrics_free(f->metrics);
    gn_loop_free(f->loop);
    is_clean = gn_file_each(f->base, remove_it, f->base) == GN_OK && rmdir(f->base) == 0;
    free(f);
    return is_clean ? 0 : -1;
}

static void open_with(struct fixture *f, uint64_t max_bytes)
{
    assert_int_equal(gn_deadletters_open(f->loop, f->folder, max_bytes, f->metrics, &f->l), GN_OK);
}

static void open_it(struct fixture *f)
{
    open_with(f, MAX_BYTES);
}

static void open_in_memory(struct fixture *f)
{
    assert_int_equal(gn_deadletters_open(f->loop, "", MAX_BYTES, f->metrics, &f->l), GN_OK);
}

static void reopen(struct fixture *f)
{
    gn_deadletters_close(f->l);
    open_it(f);
}

static void turn(struct fixture *f)
{
    assert_int_equal(gn_loop_turn(f->loop, 5000), GN_OK);
}

static void wait_durable(struct fixture *f)
{
    while (!gn_deadletters_is_durable(f->l))
        turn(f);
}

/* ---- letters ---- */

/* An event about number, with data of at least bytes. */
static struct gn_event *new_event(uint64_t number, size_t bytes)
{
    struct gn_event_parts parts = {
        .type = GN_STR("event.redfish.alert"),
        .source = GN_STR("/cluster/node/n1/redfish/v1/Systems"),
        .resource = GN_STR("/cluster/node/n1/redfish/v1/Systems"),
        .origin = GN_STR("bmc-7"),
        .time_ns = TIME_NS,
        .received_ns = TIME_NS + 1,
        .rank = GN_RANK_MIDDLE,
    };
    struct gn_buf data = GN_BUF_INIT;
    struct gn_event *event;
    char name[32];

    (void)snprintf(name, sizeof name, "event %llu", (unsigned long long)number);
    parts.id = gn_id_v5(gn_str_of(name));
    gn_buf_printf(&data, "{\"number\":%llu,\"pad\":\"", (unsigned long long)number);
    for (size_t i = 0; i < bytes; i++)
        gn_buf_putc(&data, 'x');
    gn_buf_puts(&data, "\"}");
    parts.data = gn_buf_str(&data);
    event = gn_event_new(&parts);
    assert_non_null(event);
    gn_buf_free(&data);
    return event;
}

static struct gn_deadletter sample(const char *subscription, struct gn_event *event)
{
    return (struct gn_deadletter){
        .subscription = gn_str_of(subscription),
        .address = GN_STR("http://127.0.0.1:9000/event"),
        .status = 400,
        .error = GN_STR("answer 400"),
        .answer = GN_STR("no such thing"),
        .attempts = 3,
        .first_ns = TIME_NS + 1,
        .last_ns = TIME_NS + 2,
        .event = event,
    };
}

static enum gn_err try_put(struct fixture *f, const char *subscription, uint64_t number,
                           size_t bytes)
{
    struct gn_event *event = new_event(number, bytes);
    const struct gn_deadletter letter = sample(subscription, event);
    enum gn_err err = gn_deadletters_put(f->l, &letter);

    gn_event_unref(event);
    return err;
}

/* Puts those with numbers from first to last; the journal gives the same ones. */
static void put_many(struct fixture *f, const char *subscription, uint64_t first, uint64_t last,
                     size_t bytes)
{
    for (; first <= last; first++) {
        assert_int_equal(try_put(f, subscription, first, bytes), GN_OK);
        if (bytes >= 1000)
            wait_durable(f); /* segments go only when they are on disk */
    }
}

/* What gn_deadletters_each() told. */
struct seen {
    uint64_t numbers[NUMBERS];
    size_t count, most;
};

static bool see(void *ctx, const struct gn_deadletter_entry *entry)
{
    struct seen *seen = ctx;

    assert_true(seen->count < NUMBERS);
    seen->numbers[seen->count++] = entry->number;
    return seen->count < seen->most;
}

static struct seen look(struct fixture *f, uint64_t after, size_t most)
{
    struct seen seen = {.most = most};

    gn_deadletters_each(f->l, after, see, &seen);
    return seen;
}

/* The numbers kept are those of the list, which ends with 0. */
static void assert_kept(struct fixture *f, const uint64_t *want)
{
    const struct seen seen = look(f, 0, NUMBERS);
    size_t i;

    for (i = 0; want[i] != 0; i++) {
        assert_true(i < seen.count);
        assert_int_equal(seen.numbers[i], want[i]);
    }
    assert_int_equal(seen.count, i);
}
#define ASSERT_KEPT(f, ...) assert_kept(f, (const uint64_t[]){__VA_ARGS__, 0})

static struct gn_deadletters_status status_of(struct fixture *f)
{
    struct gn_deadletters_status status;

    gn_deadletters_status(f->l, &status);
    return status;
}

static int value_of(struct fixture *f, const char *name)
{
    const bool is_counter = strstr(name, "_total") != NULL;
    struct gn_buf text = GN_BUF_INIT;

    gn_metrics_print(f->metrics, &text); /* has the gauges computed */
    gn_buf_free(&text);
    return (int)(is_counter ? gn_metrics_counter(f->metrics, name, NULL, "x")
                            : gn_metrics_gauge(f->metrics, name, NULL, "x"))
        ->value;
}

/* What a get gave. */
struct answer {
    int calls;
    enum gn_err err;
    uint64_t number;
    int status;
    uint32_t attempts;
    int64_t first_ns, last_ns;
    char subscription[64], address[64], error[64], data[128];
    char answer[GN_DEADLETTER_ANSWER_MAX];
    size_t answer_len;
    struct gn_event *event; /* a reference */
};

static void copy_text(char *to, size_t size, struct gn_str text)
{
    (void)snprintf(to, size, "%.*s", (int)text.len, text.len > 0 ? text.p : "");
}

static void take_answer(void *ctx, enum gn_err err, const struct gn_deadletter *letter)
{
    struct answer *a = ctx;

    a->calls++;
    a->err = err;
    assert_true((err == GN_OK) == (letter != NULL));
    if (letter == NULL)
        return;
    a->number = letter->number;
    a->status = letter->status;
    a->attempts = letter->attempts;
    a->first_ns = letter->first_ns;
    a->last_ns = letter->last_ns;
    copy_text(a->subscription, sizeof a->subscription, letter->subscription);
    copy_text(a->address, sizeof a->address, letter->address);
    copy_text(a->error, sizeof a->error, letter->error);
    copy_text(a->data, sizeof a->data, letter->event->data);
    assert_true(letter->answer.len <= sizeof a->answer);
    a->answer_len = letter->answer.len;
    if (a->answer_len > 0)
        memcpy(a->answer, letter->answer.p, a->answer_len);
    a->event = gn_event_ref(letter->event);
}

static void wait_answer(struct fixture *f, const struct answer *a)
{
    while (a->calls == 0)
        turn(f);
    assert_int_equal(a->calls, 1);
}

/* Reads and waits. The caller gives the event back. */
static struct answer get_it(struct fixture *f, uint64_t number)
{
    struct answer a = {0};

    assert_int_equal(gn_deadletters_get(f->l, number, take_answer, &a), GN_OK);
    assert_int_equal(a.calls, 0);
    wait_answer(f, &a);
    return a;
}

static enum gn_err result_of_get(struct fixture *f, uint64_t number)
{
    struct answer a = get_it(f, number);

    gn_event_unref(a.event);
    return a.err;
}

/* The letter is there with its event. */
static void assert_readable(struct fixture *f, uint64_t number)
{
    struct gn_event *event = new_event(number, 0);
    struct answer a = get_it(f, number);

    assert_int_equal(a.err, GN_OK);
    assert_int_equal(a.number, number);
    assert_string_equal(a.event->id.text, event->id.text);
    gn_event_unref(a.event);
    gn_event_unref(event);
}

static enum gn_err refused_get(struct fixture *f, uint64_t number)
{
    return gn_deadletters_get(f->l, number, take_answer, NULL);
}

/* ---- putting and getting ---- */

static void what_was_put_is_read_back_whole(void **state)
{
    struct fixture *f = *state;
    struct gn_event *event = new_event(1, 5);
    struct gn_deadletter letter = sample(SUB_A, event);
    struct answer a;

    open_it(f);
    letter.answer = GN_STR("a\0\xff\n");
    assert_int_equal(gn_deadletters_put(f->l, &letter), GN_OK);
    for (int i = 0; i < 2; i++) {
        a = get_it(f, 1);
        assert_int_equal(a.err, GN_OK);
        assert_int_equal(a.number, 1);
        assert_int_equal(a.status, 400);
        assert_int_equal(a.attempts, 3);
        assert_true(a.first_ns == TIME_NS + 1 && a.last_ns == TIME_NS + 2);
        assert_string_equal(a.subscription, SUB_A);
        assert_string_equal(a.address, "http://127.0.0.1:9000/event");
        assert_string_equal(a.error, "answer 400");
        assert_int_equal(a.answer_len, 4);
        assert_memory_equal(a.answer, "a\0\xff\n", 4);
        assert_string_equal(a.data, "{\"number\":1,\"pad\":\"xxxxx\"}");
        assert_true(gn_str_eq(a.event->cne_tail, event->cne_tail));
        gn_event_unref(a.event);
        reopen(f);
    }
    gn_event_unref(event);
}

static void a_long_answer_is_cut_and_nothing_else_need_be_there(void **state)
{
    struct fixture *f = *state;
    struct gn_event *event = new_event(1, 0);
    char text[2 * GN_DEADLETTER_ANSWER_MAX];
    struct gn_deadletter letter = {.event = event, .answer = {text, sizeof text}};
    struct answer a;

    memset(text, 'a', sizeof text);
    open_it(f);
    assert_int_equal(gn_deadletters_put(f->l, &letter), GN_OK);
    a = get_it(f, 1);
    assert_int_equal(a.err, GN_OK);
    assert_int_equal(a.answer_len, GN_DEADLETTER_ANSWER_MAX);
    assert_memory_equal(a.answer, text, GN_DEADLETTER_ANSWER_MAX);
    assert_string_equal(a.subscription, "");
    gn_event_unref(a.event);
    gn_event_unref(event);
}

static void a_letter_is_found_before_it_is_durable(void **state)
{
    struct fixture *f = *state;
    struct answer a = {0};

    open_it(f);
    put_many(f, SUB_A, 1, 3, 0);
    assert_false(gn_deadletters_is_durable(f->l));
    assert_int_equal(gn_deadletters_get(f->l, 2, take_answer, &a), GN_OK);
    wait_answer(f, &a);
    assert_int_equal(a.err, GN_OK);
    assert_int_equal(a.number, 2);
    gn_event_unref(a.event);
}

static void letters_in_any_segment_are_found(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 60, 4000); /* several segments */
    for (uint64_t number = 1; number <= 60; number += 7)
        assert_readable(f, number);
    assert_readable(f, 60);
}

static void a_number_that_was_not_given_is_not_found(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    assert_int_equal(refused_get(f, 1), GN_ENOTFOUND);
    put_many(f, SUB_A, 1, 2, 0);
    assert_int_equal(refused_get(f, 0), GN_ENOTFOUND);
    assert_int_equal(refused_get(f, 3), GN_ENOTFOUND);
    assert_int_equal(refused_get(f, UINT64_MAX), GN_ENOTFOUND);
    assert_int_equal(gn_deadletters_remove(f->l, 3), GN_ENOTFOUND);
}

static void gets_under_way_are_cancelled_by_closing(void **state)
{
    struct fixture *f = *state;
    struct answer a[2] = {{0}, {0}};

    open_it(f);
    put_many(f, SUB_A, 1, 1, 0);
    wait_durable(f);
    put_many(f, SUB_A, 2, 2, 0);
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(gn_deadletters_get(f->l, i + 1, take_answer, &a[i]), GN_OK);
    gn_deadletters_close(f->l);
    f->l = NULL;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(a[i].calls, 1);
        assert_int_equal(a[i].err, GN_ECANCELED);
    }
}

/* ---- the list ---- */

static bool check_entry(void *ctx, const struct gn_deadletter_entry *entry)
{
    struct gn_event *event = new_event(1, 100);

    assert_int_equal(entry->number, 1);
    assert_string_equal(entry->subscription, SUB_A);
    assert_true(gn_str_eq(entry->event_id, gn_str_of(event->id.text)));
    assert_int_equal(entry->status, 400);
    assert_int_equal(entry->attempts, 3);
    assert_true(entry->last_ns == TIME_NS + 2);
    assert_true(entry->bytes > 200 && entry->bytes < 1000);
    ++*(int *)ctx;
    gn_event_unref(event);
    return true;
}

static void an_entry_tells_the_same_after_a_restart(void **state)
{
    struct fixture *f = *state;
    int calls = 0;

    open_it(f);
    put_many(f, SUB_A, 1, 1, 100);
    gn_deadletters_each(f->l, 0, check_entry, &calls);
    reopen(f);
    gn_deadletters_each(f->l, 0, check_entry, &calls);
    assert_int_equal(calls, 2);
}

static void letters_are_told_oldest_first_behind_a_number_until_one_is_enough(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    assert_int_equal(look(f, 0, 10).count, 0);
    put_many(f, SUB_A, 1, 5, 0);
    ASSERT_KEPT(f, 1, 2, 3, 4, 5);
    assert_int_equal(look(f, 3, 10).numbers[0], 4);
    assert_int_equal(look(f, 3, 10).count, 2);
    assert_int_equal(look(f, 0, 2).count, 2);
    assert_int_equal(look(f, 5, 10).count, 0);
    assert_int_equal(look(f, UINT64_MAX, 10).count, 0);
}

static void numbers_go_on_after_a_restart(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 3, 0);
    reopen(f);
    put_many(f, SUB_A, 4, 4, 0);
    ASSERT_KEPT(f, 1, 2, 3, 4);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR_NONE), 4);
    reopen(f);
    put_many(f, SUB_A, 5, 5, 0);
    ASSERT_KEPT(f, 5);
    assert_readable(f, 5);
}

static bool remove_seen(void *ctx, const struct gn_deadletter_entry *entry)
{
    struct fixture *f = ctx;

    if (entry->number % 2 == 0)
        assert_int_equal(gn_deadletters_remove(f->l, entry->number), GN_OK);
    return true;
}

static void letters_may_be_removed_while_they_are_told(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 6, 0);
    gn_deadletters_each(f->l, 0, remove_seen, f);
    ASSERT_KEPT(f, 1, 3, 5);
}

static void the_list_is_right_after_any_order_of_removals(void **state)
{
    struct fixture *f = *state;
    bool is_there[NUMBERS] = {false};
    uint32_t random = 1;
    uint64_t last = 0;
    struct seen seen;
    size_t place = 0;

    open_in_memory(f);
    for (int round = 0; round < 1500; round++) {
        random = random * 1664525 + 1013904223;
        if (random >> 31 == 0) {
            put_many(f, SUB_A, last + 1, last + 1, 0);
            is_there[++last] = true;
        } else if (last > 0) {
            uint64_t number = 1 + (random >> 8) % last;

            assert_int_equal(gn_deadletters_remove(f->l, number),
                             is_there[number] ? GN_OK : GN_ENOTFOUND);
            is_there[number] = false;
        }
    }
    seen = look(f, 0, NUMBERS);
    for (uint64_t number = 1; number <= last; number++)
        if (is_there[number])
            assert_int_equal(seen.numbers[place++], number);
    assert_int_equal(seen.count, place);
}

/* ---- forgetting ---- */

static void a_removed_letter_stays_away(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 3, 0);
    assert_int_equal(gn_deadletters_remove(f->l, 2), GN_OK);
    assert_int_equal(gn_deadletters_remove(f->l, 2), GN_ENOTFOUND);
    assert_int_equal(refused_get(f, 2), GN_ENOTFOUND);
    for (int i = 0; i < 3; i++) {
        ASSERT_KEPT(f, 1, 3);
        assert_int_equal(status_of(f).count, 2);
        reopen(f);
    }
    assert_readable(f, 3);
}

static void a_removal_is_written_at_the_end_of_the_turn(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 1, 0);
    wait_durable(f);
    assert_int_equal(gn_deadletters_remove(f->l, 1), GN_OK);
    assert_true(gn_deadletters_is_durable(f->l));
    assert_int_equal(gn_loop_turn(f->loop, 0), GN_OK);
    assert_false(gn_deadletters_is_durable(f->l));
    wait_durable(f);
}

static void a_purge_takes_those_of_a_subscription(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 2, 0);
    put_many(f, SUB_B, 3, 3, 0);
    put_many(f, SUB_A, 4, 4, 0);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR("6c9e7ab0")), 0);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR("")), 0);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR(SUB_A)), 3);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR(SUB_A)), 0);
    put_many(f, SUB_A, 5, 5, 0);
    for (int i = 0; i < 2; i++) {
        ASSERT_KEPT(f, 3, 5);
        reopen(f);
    }
}

static void a_purge_of_all_spares_what_comes_later(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR_NONE), 0);
    put_many(f, SUB_A, 1, 2, 0);
    put_many(f, SUB_B, 3, 4, 0);
    assert_int_equal(gn_deadletters_remove(f->l, 2), GN_OK);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR_NONE), 3);
    put_many(f, SUB_A, 5, 5, 0); /* before the purge is written */
    for (int i = 0; i < 2; i++) {
        ASSERT_KEPT(f, 5);
        reopen(f);
    }
    assert_int_equal(value_of(f, "gurnard_deadletters_dropped_total"), 0);
}

static void a_purge_of_very_many_stays(void **state)
{
    struct fixture *f = *state;

    open_with(f, 16 << 20);
    put_many(f, SUB_A, 1, 9000, 0); /* their numbers take several records */
    put_many(f, SUB_B, 9001, 9001, 0);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR(SUB_A)), 9000);
    gn_deadletters_close(f->l);
    open_with(f, 16 << 20);
    ASSERT_KEPT(f, 9001);
}

/* ---- room ---- */

static void the_oldest_make_room(void **state)
{
    struct fixture *f = *state;
    struct gn_deadletters_status status;
    uint64_t first;

    open_it(f);
    put_many(f, SUB_A, 1, 400, 4000); /* three times what there is room for */
    status = status_of(f);
    first = look(f, 0, 1).numbers[0];
    assert_true(first > 200 && first < 350);
    assert_int_equal(status.count, 400 - first + 1);
    assert_int_equal(status.dropped, first - 1);
    assert_int_equal(status.max_bytes, MAX_BYTES);
    assert_true(status.bytes > MAX_BYTES / 2 && status.bytes <= MAX_BYTES);
    assert_int_equal(value_of(f, "gurnard_deadletters"), status.count);
    assert_int_equal(value_of(f, "gurnard_deadletters_bytes"), status.bytes);
    assert_int_equal(value_of(f, "gurnard_deadletters_total"), 400);
    assert_int_equal(value_of(f, "gurnard_deadletters_dropped_total"), first - 1);
    assert_int_equal(refused_get(f, first - 1), GN_ENOTFOUND);
    assert_readable(f, first);
    assert_readable(f, 400);
}

static void what_made_room_does_not_come_back(void **state)
{
    struct fixture *f = *state;
    uint64_t first;

    open_it(f);
    put_many(f, SUB_A, 1, 300, 4000);
    first = look(f, 0, 1).numbers[0];
    assert_true(first > 1);
    reopen(f);
    assert_true(look(f, 0, 1).numbers[0] >= first);
    assert_int_equal(look(f, 299, 1).numbers[0], 300);
    assert_readable(f, 300);
}

static void a_letter_that_can_never_fit_is_counted(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 1, 0);
    assert_int_equal(try_put(f, SUB_A, 2, 600000), GN_ELIMIT);
    assert_int_equal(status_of(f).dropped, 1);
    assert_int_equal(value_of(f, "gurnard_deadletters_dropped_total"), 1);
    assert_int_equal(value_of(f, "gurnard_deadletters_total"), 1);
    ASSERT_KEPT(f, 1);
}

static void too_little_room_is_raised_to_what_is_needed(void **state)
{
    struct fixture *f = *state;

    open_with(f, 1);
    assert_int_equal(status_of(f).max_bytes, MAX_BYTES);
    put_many(f, SUB_A, 1, 1, 4000);
}

/* ---- shedding ---- */

/* Waits until the bytes on disk are fewer. */
static void wait_less(struct fixture *f, uint64_t bytes)
{
    while (status_of(f).bytes >= bytes)
        turn(f);
}

static void shedding_frees_the_oldest_tenth(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes, first, count;

    open_it(f);
    put_many(f, SUB_A, 1, 80, 4000);
    bytes = status_of(f).bytes;
    count = gn_deadletters_shed(f->l);
    assert_true(count >= 8 && count <= 20);
    first = count + 1;
    assert_int_equal(look(f, 0, 1).numbers[0], first);
    assert_int_equal(status_of(f).dropped, count);
    assert_int_equal(gn_deadletters_shed(f->l), 0); /* under way */
    wait_less(f, bytes * 19 / 20);
    assert_readable(f, first);
    reopen(f);
    assert_int_equal(look(f, 0, 1).numbers[0], first);
    assert_readable(f, 80);
}

static void shedding_goes_on_to_the_segment_that_is_written(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes, count = 0, sum = 0;

    open_it(f);
    put_many(f, SUB_A, 1, 80, 4000);
    for (;;) {
        bytes = status_of(f).bytes;
        count = gn_deadletters_shed(f->l);
        sum += count;
        if (count == 0)
            break;
        wait_less(f, bytes);
        turn(f);
    }
    assert_true(sum > 50 && sum < 80);
    assert_int_equal(status_of(f).count, 80 - sum);
    assert_true(status_of(f).bytes <= 80000); /* one segment, and the seals of the others */
    assert_readable(f, 80);
}

static void shedding_gives_the_room_of_forgotten_letters_back(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes;

    open_it(f);
    put_many(f, SUB_A, 1, 80, 4000);
    assert_true(gn_deadletters_purge(f->l, GN_STR_NONE) == 80);
    wait_durable(f);
    bytes = status_of(f).bytes;
    assert_int_equal(gn_deadletters_shed(f->l), 0);
    wait_less(f, bytes / 2);
    reopen(f);
    assert_int_equal(status_of(f).count, 0);
}

static void without_a_closed_segment_there_is_nothing_to_shed(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    assert_int_equal(gn_deadletters_shed(f->l), 0);
    put_many(f, SUB_A, 1, 3, 0);
    wait_durable(f);
    assert_int_equal(gn_deadletters_shed(f->l), 0);
    ASSERT_KEPT(f, 1, 2, 3);
}

/* ---- damage ---- */

/* The place of text in any segment: what stands there is changed, once. */
struct spoiling {
    const char *folder;
    const char *text;
    int count;
};

static enum gn_err spoil_file(void *ctx, const char *name)
{
    struct spoiling *s = ctx;
    struct gn_buf text = GN_BUF_INIT;
    char path[512];
    const char *at;
    int fd;

    if (strstr(name, ".seg") == NULL)
        return GN_OK;
    (void)snprintf(path, sizeof path, "%s/%s", s->folder, name);
    assert_int_equal(gn_file_read(path, 10 << 20, &text), GN_OK);
    at = memmem(text.data, text.len, s->text, strlen(s->text));
    if (at != NULL) {
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "?", 1, at - text.data), 1);
        assert_int_equal(close(fd), 0);
        s->count++;
    }
    gn_buf_free(&text);
    return GN_OK;
}

static void spoil(struct fixture *f, const char *text)
{
    struct spoiling s = {.folder = f->folder, .text = text};

    assert_int_equal(gn_file_each(f->folder, spoil_file, &s), GN_OK);
    assert_int_equal(s.count, 1);
}

static void a_damaged_letter_is_said_to_be_and_can_be_removed(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 3, 0);
    wait_durable(f);
    spoil(f, "{\"number\":2");
    assert_int_equal(result_of_get(f, 2), GN_EPARSE);
    assert_readable(f, 1);
    assert_readable(f, 3);
    assert_int_equal(gn_deadletters_remove(f->l, 2), GN_OK);
    ASSERT_KEPT(f, 1, 3);
}

static void a_damaged_letter_is_not_there_after_a_restart(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 3, 0);
    wait_durable(f);
    spoil(f, "{\"number\":2");
    reopen(f);
    ASSERT_KEPT(f, 1, 3);
    assert_readable(f, 3);
    put_many(f, SUB_A, 4, 4, 0);
    assert_readable(f, 4);
}

static enum gn_err unlink_second(void *ctx, const char *name)
{
    return strcmp(name, "0000000002.seg") == 0 ? remove_it(ctx, name) : GN_OK;
}

static void the_others_are_there_when_a_segment_is_missing(void **state)
{
    struct fixture *f = *state;
    uint64_t count;

    open_it(f);
    put_many(f, SUB_A, 1, 60, 4000);
    gn_deadletters_close(f->l);
    assert_int_equal(gn_file_each(f->folder, unlink_second, f->folder), GN_OK);
    open_it(f);
    count = status_of(f).count;
    assert_true(count > 30 && count < 60);
    assert_readable(f, 1);
    assert_readable(f, 60);
}

static void a_letter_whose_segment_was_taken_away_is_said_to_be_damaged(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 60, 4000);
    assert_int_equal(gn_file_each(f->folder, unlink_second, f->folder), GN_OK);
    assert_int_equal(result_of_get(f, 20), GN_EPARSE);
    assert_readable(f, 1);
    assert_readable(f, 60);
}

/* Puts records into the journal that this version does not know. */
static void write_strange_records(struct fixture *f)
{
    const struct gn_journal_config config = {.name = "deadletters",
                                             .folder = f->folder,
                                             .max_bytes = MAX_BYTES,
                                             .segment_bytes = MAX_BYTES / 8,
                                             .pending_bytes = MAX_BYTES,
                                             .keep_ms = UINT64_MAX / 2};
    const struct gn_journal_owner owner = {0};
    struct gn_journal *journal;
    uint64_t sequence;

    assert_int_equal(gn_journal_open(f->loop, &config, f->metrics, &journal), GN_OK);
    assert_int_equal(gn_journal_recover(journal, &owner, 0), GN_OK);
    for (uint8_t type = GN_RECORD_LETTER; type <= GN_RECORD_FORGET + 1; type++)
        for (uint32_t count = 0; count < 2; count++)
            assert_int_equal(gn_journal_append(journal, type, count, GN_STR("\x02new"), &sequence),
                             GN_OK);
    gn_journal_close(journal);
}

static void records_of_another_version_are_passed_over(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 2, 0);
    gn_deadletters_close(f->l);
    write_strange_records(f);
    open_it(f);
    ASSERT_KEPT(f, 1, 2);
    put_many(f, SUB_A, 6, 6, 0); /* three numbers went to strangers */
    ASSERT_KEPT(f, 1, 2, 6);
    assert_readable(f, 6);
}

static void a_cut_or_foreign_payload_is_no_letter(void **state)
{
    struct gn_event *event = new_event(1, 10);
    const struct gn_deadletter letter = sample(SUB_A, event);
    struct gn_packed_event packed;
    struct gn_buf payload = GN_BUF_INIT;
    struct gn_deadletter got;

    (void)state;
    gn_letter_pack(&letter, &payload);
    for (size_t len = 0; len < payload.len; len++)
        assert_int_equal(gn_letter_unpack((struct gn_str){payload.data, len}, &got, &packed),
                         GN_EPARSE);
    assert_int_equal(gn_letter_unpack(gn_buf_str(&payload), &got, &packed), GN_OK);
    payload.data[0] = 2;
    assert_int_equal(gn_letter_unpack(gn_buf_str(&payload), &got, &packed), GN_EPARSE);
    gn_buf_free(&payload);
    gn_event_unref(event);
}

/* ---- a disk that fails ---- */

/* A limit on the size of files stands for a full disk: the kernel refuses in the same places. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
}

static void wait_failing(struct fixture *f, bool is_failing)
{
    while (status_of(f).is_failing != is_failing)
        turn(f);
}

static void letters_taken_before_the_disk_failed_are_written_when_it_is_well(void **state)
{
    struct fixture *f = *state;

    open_it(f);
    put_many(f, SUB_A, 1, 1, 0);
    wait_durable(f);
    limit_files(64);
    put_many(f, SUB_A, 2, 2, 0); /* taken: nobody knows yet */
    wait_failing(f, true);
    assert_int_equal(try_put(f, SUB_A, 3, 0), GN_EIO);
    assert_int_equal(status_of(f).dropped, 1);
    assert_int_equal(gn_deadletters_remove(f->l, 1), GN_OK);
    limit_files(RLIM_INFINITY);
    wait_failing(f, false);
    put_many(f, SUB_A, 3, 3, 0);
    assert_readable(f, 3);
    reopen(f);
    ASSERT_KEPT(f, 2, 3);
    assert_readable(f, 2);
}

static void a_letter_that_the_disk_did_not_take_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct answer a = {0};

    open_it(f);
    put_many(f, SUB_A, 1, 1, 0);
    wait_durable(f);
    limit_files(64);
    put_many(f, SUB_A, 2, 2, 0);
    assert_int_equal(gn_deadletters_get(f->l, 2, take_answer, &a), GN_OK);
    wait_answer(f, &a);
    limit_files(RLIM_INFINITY);
    assert_int_equal(a.err, GN_EIO);
    assert_readable(f, 1);
}

static void a_folder_that_cannot_be_made_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(gn_deadletters_open(f->loop, "/dev/null/x", MAX_BYTES, f->metrics, &f->l),
                     GN_EIO);
    assert_null(f->l);
}

/* ---- in memory ---- */

static void in_memory_all_works_and_nothing_is_written(void **state)
{
    struct fixture *f = *state;

    open_in_memory(f);
    put_many(f, SUB_A, 1, 2, 0);
    put_many(f, SUB_B, 3, 4, 0);
    assert_true(gn_deadletters_is_durable(f->l));
    assert_readable(f, 1);
    assert_readable(f, 4);
    put_many(f, SUB_B, 5, 5, 0);
    assert_readable(f, 5);
    assert_int_equal(gn_deadletters_remove(f->l, 1), GN_OK);
    assert_int_equal(gn_deadletters_purge(f->l, GN_STR(SUB_B)), 3);
    ASSERT_KEPT(f, 2);
    gn_deadletters_close(f->l);
    assert_int_equal(access(f->folder, F_OK), -1);
    open_in_memory(f);
    assert_int_equal(status_of(f).count, 0);
}

static void in_memory_the_oldest_make_room(void **state)
{
    struct fixture *f = *state;
    uint64_t first;

    open_in_memory(f);
    for (uint64_t number = 1; number <= 400; number++) {
        put_many(f, SUB_A, number, number, 4000);
        assert_int_equal(gn_loop_turn(f->loop, 0), GN_OK);
        if (number % 10 == 0)
            assert_readable(f, number); /* the writing thread keeps up */
    }
    first = look(f, 0, 1).numbers[0];
    assert_true(first > 200 && first < 350);
    assert_true(status_of(f).bytes <= MAX_BYTES);
    assert_readable(f, first);
    assert_true(gn_deadletters_shed(f->l) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_read_back_whole),
        TEST(a_long_answer_is_cut_and_nothing_else_need_be_there),
        TEST(a_letter_is_found_before_it_is_durable),
        TEST(letters_in_any_segment_are_found),
        TEST(a_number_that_was_not_given_is_not_found),
        TEST(gets_under_way_are_cancelled_by_closing),
        TEST(an_entry_tells_the_same_after_a_restart),
        TEST(letters_are_told_oldest_first_behind_a_number_until_one_is_enough),
        TEST(numbers_go_on_after_a_restart),
        TEST(letters_may_be_removed_while_they_are_told),
        TEST(the_list_is_right_after_any_order_of_removals),
        TEST(a_removed_letter_stays_away),
        TEST(a_removal_is_written_at_the_end_of_the_turn),
        TEST(a_purge_takes_those_of_a_subscription),
        TEST(a_purge_of_all_spares_what_comes_later),
        TEST(a_purge_of_very_many_stays),
        TEST(the_oldest_make_room),
        TEST(what_made_room_does_not_come_back),
        TEST(a_letter_that_can_never_fit_is_counted),
        TEST(too_little_room_is_raised_to_what_is_needed),
        TEST(shedding_frees_the_oldest_tenth),
        TEST(shedding_goes_on_to_the_segment_that_is_written),
        TEST(shedding_gives_the_room_of_forgotten_letters_back),
        TEST(without_a_closed_segment_there_is_nothing_to_shed),
        TEST(a_damaged_letter_is_said_to_be_and_can_be_removed),
        TEST(a_damaged_letter_is_not_there_after_a_restart),
        TEST(the_others_are_there_when_a_segment_is_missing),
        TEST(a_letter_whose_segment_was_taken_away_is_said_to_be_damaged),
        TEST(records_of_another_version_are_passed_over),
        TEST(a_cut_or_foreign_payload_is_no_letter),
        TEST(letters_taken_before_the_disk_failed_are_written_when_it_is_well),
        TEST(a_letter_that_the_disk_did_not_take_cannot_be_read),
        TEST(a_folder_that_cannot_be_made_is_refused),
        TEST(in_memory_all_works_and_nothing_is_written),
        TEST(in_memory_the_oldest_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
