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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
