/* The quarantine folder, with a real helper thread: freeing it runs all jobs, so no test waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/store/quarantine.h"

struct fixture {
    char base[64];   /* made by mkdtemp() */
    char folder[96]; /* the quarantine in it */
    struct gn_loop *loop;
    struct gn_worker *worker;
    struct gn_metrics *metrics;
    struct gn_quarantine *q;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL)
        return -1;
    (void)snprintf(f->base, sizeof f->base, "/tmp/gn_quarantine_XXXXXX");
    if (mkdtemp(f->base) == NULL)
        return -1;
    (void)snprintf(f->folder, sizeof f->folder, "%s/quarantine", f->base);
    f->loop = gn_loop_new(NULL);
    f->worker = gn_worker_new(f->loop, "test");
    f->metrics = gn_metrics_new();
    *state = f;
    return f->loop == NULL || f->worker == NULL;
}

/* Has all jobs run; the thread ends. */
static void finish_jobs(struct fixture *f)
{
    gn_worker_free(f->worker);
    f->worker = NULL;
}

static void close_it(struct fixture *f)
{
    finish_jobs(f);
    gn_quarantine_close(f->q);
    f->q = NULL;
}

static enum gn_err unlink_it(void *ctx, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    return unlink(path) == 0 || rmdir(path) == 0 ? GN_OK : GN_EIO;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    bool is_clean = true;

    close_it(f);
    gn_metrics_free(f->metrics);
    gn_loop_free(f->loop);
    if (access(f->folder, F_OK) == 0)
        is_clean = gn_file_each(f->folder, unlink_it, f->folder) == GN_OK && rmdir(f->folder) == 0;
    is_clean = rmdir(f->base) == 0 && is_clean;
    free(f);
    return is_clean ? 0 : -1;
}

static void open_with(struct fixture *f, uint32_t files, uint64_t bytes, uint64_t pending)
{
    const struct gn_quarantine_config config = {
        .folder = f->folder, .max_files = files, .max_bytes = bytes, .max_pending_bytes = pending};

    if (f->worker == NULL)
        f->worker = gn_worker_new(f->loop, "test");
    assert_int_equal(gn_quarantine_open(&config, f->worker, f->metrics, &f->q), GN_OK);
}

static void put(struct fixture *f, const char *body)
{
    gn_quarantine_put(f->q, gn_str_of(body), GN_STR("bmc \"1\""), "not JSON");
}

static double value_of(struct fixture *f, const char *name)
{
    const bool is_counter = strstr(name, "_total") != NULL;
    const struct gn_metric *metric = is_counter ? gn_metrics_counter(f->metrics, name, NULL, "x")
                                                : gn_metrics_gauge(f->metrics, name, NULL, "x");

    return metric->value;
}

static void assert_counts(struct fixture *f, int files, int bytes, int dropped)
{
    assert_int_equal((int)value_of(f, "gurnard_quarantine_files"), files);
    assert_int_equal((int)value_of(f, "gurnard_quarantine_bytes"), bytes);
    assert_int_equal((int)value_of(f, "gurnard_quarantine_dropped_total"), dropped);
}

/* What is in the folder. */
struct listing {
    const char *folder;
    int bodies, metas, others;
    char contents[256]; /* of the bodies, joined by "|" */
    char meta[512];     /* of the last meta file */
};

static enum gn_err list_one(void *ctx, const char *name)
{
    struct listing *l = ctx;
    struct gn_buf text = GN_BUF_INIT;
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", l->folder, name);
    assert_int_equal(gn_file_read(path, 1000, &text), GN_OK);
    if (strstr(name, ".body") != NULL) {
        l->bodies++;
        (void)strncat(l->contents, text.len > 0 ? text.data : "", 50);
        (void)strncat(l->contents, "|", 2);
    } else if (strstr(name, ".meta") != NULL) {
        l->metas++;
        (void)snprintf(l->meta, sizeof l->meta, "%s", text.data);
    } else {
        l->others++;
    }
    gn_buf_free(&text);
    return GN_OK;
}

static struct listing list(struct fixture *f)
{
    struct listing l = {.folder = f->folder};

    assert_int_equal(gn_file_each(f->folder, list_one, &l), GN_OK);
    return l;
}

static void a_body_is_kept_with_what_is_known_of_it(void **state)
{
    struct fixture *f = *state;
    struct listing l;

    open_with(f, 10, 1000, 1000);
    put(f, "garbage");
    finish_jobs(f);
    assert_counts(f, 1, 7, 0);
    l = list(f);
    assert_int_equal(l.bodies, 1);
    assert_int_equal(l.metas, 1);
    assert_string_equal(l.contents, "garbage|");
    assert_non_null(strstr(l.meta, "{\"received\":\"20"));
    assert_non_null(
        strstr(l.meta, "Z\",\"source\":\"bmc \\\"1\\\"\",\"reason\":\"not JSON\",\"bytes\":7}\n"));
}

static enum gn_err check_mode(void *ctx, const char *name)
{
    struct stat st;
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    return GN_OK;
}

static void files_are_for_the_owner_only(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    open_with(f, 10, 1000, 1000);
    put(f, "secret");
    finish_jobs(f);
    assert_int_equal(stat(f->folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(gn_file_each(f->folder, check_mode, f->folder), GN_OK);
}

static void the_oldest_make_room_by_count(void **state)
{
    struct fixture *f = *state;

    open_with(f, 2, 1000, 1000);
    put(f, "one");
    put(f, "two");
    put(f, "three");
    put(f, "four");
    finish_jobs(f);
    assert_counts(f, 2, 9, 0);
    assert_string_equal(list(f).contents, "three|four|");
    assert_int_equal(list(f).metas, 2);
}

static void the_oldest_make_room_by_size(void **state)
{
    struct fixture *f = *state;

    open_with(f, 10, 10, 1000);
    put(f, "aaaa");
    put(f, "bbbb");
    put(f, "cccccc");
    finish_jobs(f);
    assert_counts(f, 2, 10, 0);
    assert_string_equal(list(f).contents, "bbbb|cccccc|");
}

static void what_can_never_fit_or_must_not_wait_is_counted(void **state)
{
    struct fixture *f = *state;

    open_with(f, 10, 8, 6);
    put(f, "123456789"); /* larger than everything */
    put(f, "1234567");   /* larger than what may wait */
    assert_counts(f, 0, 0, 2);
    put(f, "");
    put(f, "123456");
    finish_jobs(f);
    assert_counts(f, 2, 6, 2);
}

static void files_of_the_last_run_are_counted_and_thinned_out(void **state)
{
    struct fixture *f = *state;

    open_with(f, 10, 1000, 1000);
    put(f, "one");
    put(f, "two");
    put(f, "three");
    close_it(f);
    open_with(f, 2, 1000, 1000);
    assert_counts(f, 2, 8, 0);
    assert_string_equal(list(f).contents, "two|three|");
    put(f, "four");
    finish_jobs(f);
    assert_string_equal(list(f).contents, "three|four|");
    assert_int_equal(list(f).metas, 2);
}

static void touch(struct fixture *f, const char *name, const char *text)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", f->folder, name);
    assert_int_equal(gn_file_replace(path, gn_str_of(text)), GN_OK);
}

static void files_of_others_are_left_alone(void **state)
{
    struct fixture *f = *state;
    struct listing l;

    assert_int_equal(gn_file_mkdirs(f->folder), GN_OK);
    touch(f, "README", "hands off");
    touch(f, "x.body", "not ours");
    touch(f, "1-1.body", "ours");
    touch(f, "1-1.meta", "{}");
    touch(f, "1-2.meta", "orphan");
    open_with(f, 1, 1000, 1000);
    assert_counts(f, 1, 4, 0);
    put(f, "new");
    finish_jobs(f);
    l = list(f);
    assert_int_equal(l.others, 1);
    assert_int_equal(l.bodies, 2);
    assert_int_equal(l.metas, 1); /* the orphan went too */
}

static void a_write_that_fails_is_counted_and_later_ones_succeed(void **state)
{
    struct fixture *f = *state;
    char moved[128];

    open_with(f, 10, 1000, 1000);
    (void)snprintf(moved, sizeof moved, "%s/moved", f->base);
    assert_int_equal(rename(f->folder, moved), 0);
    put(f, "lost");
    while ((int)value_of(f, "gurnard_quarantine_dropped_total") == 0)
        assert_int_equal(gn_loop_turn(f->loop, 5000), GN_OK);
    assert_counts(f, 0, 0, 1);
    assert_int_equal(rename(moved, f->folder), 0);
    put(f, "found");
    finish_jobs(f);
    assert_counts(f, 1, 5, 1);
    assert_string_equal(list(f).contents, "found|");
}

static void a_folder_that_cannot_be_made_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct gn_quarantine_config config = {
        .folder = "/dev/null/x", .max_files = 1, .max_bytes = 1, .max_pending_bytes = 1};

    assert_int_equal(gn_quarantine_open(&config, f->worker, f->metrics, &f->q), GN_EIO);
    assert_null(f->q);
}

/* ---- what is kept, seen from outside ---- */

/* What gn_quarantine_each() told. */
struct seen {
    char names[8][64];
    uint64_t bytes[8];
    size_t count, most;
};

static bool see(void *ctx, const char *name, uint64_t bytes)
{
    struct seen *seen = ctx;

    assert_true(seen->count < GN_LEN(seen->names));
    (void)snprintf(seen->names[seen->count], sizeof seen->names[0], "%s", name);
    seen->bytes[seen->count++] = bytes;
    return seen->count < seen->most;
}

static struct seen look(struct fixture *f, size_t most)
{
    struct seen seen = {.most = most};

    gn_quarantine_each(f->q, see, &seen);
    return seen;
}

/* What a read gave. */
struct answer {
    int calls;
    enum gn_err err;
    bool has_meta;
    char body[64], meta[512];
};

static void take_answer(void *ctx, enum gn_err err, struct gn_str body, struct gn_str meta)
{
    struct answer *a = ctx;

    a->calls++;
    a->err = err;
    a->has_meta = meta.p != NULL;
    assert_true(body.len < sizeof a->body && meta.len < sizeof a->meta);
    if (body.len > 0)
        memcpy(a->body, body.p, body.len);
    if (meta.len > 0)
        memcpy(a->meta, meta.p, meta.len);
}

/* Reads and waits for the answer. */
static struct answer read_it(struct fixture *f, const char *name)
{
    struct answer a = {0};

    assert_int_equal(gn_quarantine_read(f->q, gn_str_of(name), take_answer, &a), GN_OK);
    assert_int_equal(a.calls, 0);
    while (a.calls == 0)
        assert_int_equal(gn_loop_turn(f->loop, 5000), GN_OK);
    return a;
}

static void the_kept_are_told_oldest_first_until_one_is_enough(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    open_with(f, 10, 1000, 1000);
    assert_int_equal(look(f, 8).count, 0);
    put(f, "one");
    put(f, "three");
    put(f, "");
    seen = look(f, 8);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.bytes[0], 3);
    assert_int_equal(seen.bytes[1], 5);
    assert_int_equal(seen.bytes[2], 0);
    assert_true(strcmp(seen.names[0], seen.names[1]) < 0);
    assert_int_equal(look(f, 2).count, 2);
    assert_int_equal(gn_quarantine_count(f->q), 3);
    assert_int_equal(gn_quarantine_bytes(f->q), 8);
}

static void a_body_is_read_back_right_after_it_was_put(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    open_with(f, 10, 1000, 1000);
    put(f, "other");
    put(f, "garbage");
    a = read_it(f, look(f, 8).names[1]);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.err, GN_OK);
    assert_string_equal(a.body, "garbage");
    assert_non_null(strstr(a.meta, "\"reason\":\"not JSON\",\"bytes\":7}"));
}

static void a_body_of_the_last_run_is_read_back(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    open_with(f, 10, 1000, 1000);
    put(f, "garbage");
    close_it(f);
    open_with(f, 10, 1000, 1000);
    a = read_it(f, look(f, 8).names[0]);
    assert_int_equal(a.err, GN_OK);
    assert_string_equal(a.body, "garbage");
    assert_true(a.has_meta);
}

static void a_body_without_its_meta_file_is_read_back(void **state)
{
    struct fixture *f = *state;
    struct answer a;

    assert_int_equal(gn_file_mkdirs(f->folder), GN_OK);
    touch(f, "1-1.body", "alone");
    open_with(f, 10, 1000, 1000);
    a = read_it(f, "1-1");
    assert_int_equal(a.err, GN_OK);
    assert_string_equal(a.body, "alone");
    assert_false(a.has_meta);
}

static void names_from_outside_reach_nothing_but_what_is_kept(void **state)
{
    static const struct gn_str names[] = {
        GN_STR_INIT(""),
        GN_STR_INIT("."),
        GN_STR_INIT("1-1.body"),
        GN_STR_INIT("1-1.meta"),
        GN_STR_INIT("1-1\0"),
        GN_STR_INIT("1-"),
        GN_STR_INIT("1-10"),
        GN_STR_INIT("./1-1"),
        GN_STR_INIT("../secret"),
        GN_STR_INIT("../quarantine/1-1"),
        GN_STR_INIT("/etc/passwd"),
        GN_STR_INIT("x"),
        GN_STR_INIT("1-2"),
        {NULL, 0},
    };
    struct fixture *f = *state;
    struct answer a = {0};

    assert_int_equal(gn_file_mkdirs(f->folder), GN_OK);
    touch(f, "../secret.body", "secret");
    touch(f, "x.body", "not ours");
    touch(f, "1-1.body", "ours");
    open_with(f, 10, 1000, 1000);
    touch(f, "1-2.body", "not counted");
    for (size_t i = 0; i < GN_LEN(names); i++) {
        assert_int_equal(gn_quarantine_read(f->q, names[i], take_answer, &a), GN_ENOTFOUND);
        assert_int_equal(gn_quarantine_remove(f->q, names[i]), GN_ENOTFOUND);
    }
    finish_jobs(f);
    assert_int_equal(a.calls, 0);
    assert_int_equal(list(f).bodies, 3);
    touch(f, "../secret.body", "still there");
    assert_int_equal(unlink_it(f->base, "secret.body"), GN_OK);
}

static void files_that_went_or_changed_behind_our_back_are_said_to(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(gn_file_mkdirs(f->folder), GN_OK);
    touch(f, "1-1.body", "one");
    touch(f, "1-2.body", "two");
    touch(f, "1-3.body", "three");
    open_with(f, 10, 20, 20);
    assert_int_equal(unlink_it(f->folder, "1-1.body"), GN_OK);
    assert_int_equal(read_it(f, "1-1").err, GN_ENOTFOUND);
    touch(f, "1-2.body", "more than all bodies may have together");
    assert_int_equal(read_it(f, "1-2").err, GN_EIO);
    assert_int_equal(read_it(f, "1-3").err, GN_OK);
}

static void one_that_is_removed_is_gone_with_both_its_files(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    open_with(f, 10, 1000, 1000);
    put(f, "one");
    put(f, "two");
    put(f, "three");
    seen = look(f, 8);
    assert_int_equal(gn_quarantine_remove(f->q, gn_str_of(seen.names[1])), GN_OK);
    assert_int_equal(gn_quarantine_remove(f->q, gn_str_of(seen.names[1])), GN_ENOTFOUND);
    assert_counts(f, 2, 8, 0);
    finish_jobs(f);
    assert_string_equal(list(f).contents, "one|three|");
    assert_int_equal(list(f).metas, 2);
}

static void a_read_that_began_before_the_removal_ends_well(void **state)
{
    struct fixture *f = *state;
    struct answer a = {0};
    struct gn_str name;
    struct seen seen;

    open_with(f, 10, 1000, 1000);
    put(f, "one");
    seen = look(f, 8);
    name = gn_str_of(seen.names[0]);
    assert_int_equal(gn_quarantine_read(f->q, name, take_answer, &a), GN_OK);
    assert_int_equal(gn_quarantine_remove(f->q, name), GN_OK);
    assert_int_equal(gn_quarantine_read(f->q, name, take_answer, &a), GN_ENOTFOUND);
    finish_jobs(f);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.err, GN_OK);
    assert_string_equal(a.body, "one");
    assert_int_equal(list(f).bodies + list(f).metas, 0);
}

static void a_purge_drops_all_and_later_ones_are_kept(void **state)
{
    struct fixture *f = *state;

    open_with(f, 10, 1000, 1000);
    assert_int_equal(gn_quarantine_purge(f->q), 0);
    put(f, "one");
    put(f, "two");
    assert_int_equal(gn_quarantine_purge(f->q), 2);
    assert_int_equal(gn_quarantine_purge(f->q), 0);
    assert_counts(f, 0, 0, 0);
    put(f, "three");
    close_it(f);
    open_with(f, 10, 1000, 1000);
    assert_counts(f, 1, 5, 0);
    assert_string_equal(list(f).contents, "three|");
    assert_int_equal(list(f).metas, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_is_kept_with_what_is_known_of_it),
        TEST(files_are_for_the_owner_only),
        TEST(the_oldest_make_room_by_count),
        TEST(the_oldest_make_room_by_size),
        TEST(what_can_never_fit_or_must_not_wait_is_counted),
        TEST(files_of_the_last_run_are_counted_and_thinned_out),
        TEST(files_of_others_are_left_alone),
        TEST(a_write_that_fails_is_counted_and_later_ones_succeed),
        TEST(a_folder_that_cannot_be_made_is_refused),
        TEST(the_kept_are_told_oldest_first_until_one_is_enough),
        TEST(a_body_is_read_back_right_after_it_was_put),
        TEST(a_body_of_the_last_run_is_read_back),
        TEST(a_body_without_its_meta_file_is_read_back),
        TEST(names_from_outside_reach_nothing_but_what_is_kept),
        TEST(files_that_went_or_changed_behind_our_back_are_said_to),
        TEST(one_that_is_removed_is_gone_with_both_its_files),
        TEST(a_read_that_began_before_the_removal_ends_well),
        TEST(a_purge_drops_all_and_later_ones_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
