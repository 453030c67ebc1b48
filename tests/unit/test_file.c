/* Files: reads, replacing writes, folders. */
#include "gurnard/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char root[] = "/tmp/gn_test_file.XXXXXX";

/* The path of name in the folder of this test. Static storage, four at a time. */
static const char *in_root(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, PATH_MAX, "%s/%s", root, name);
    return path;
}

static void write_plain(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *want)
{
    struct gn_buf text = GN_BUF_INIT;

    assert_int_equal(gn_file_read(path, 100000, &text), GN_OK);
    assert_string_equal(text.data, want);
    gn_buf_free(&text);
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void a_read_replaces_what_the_buffer_held(void **state)
{
    struct gn_buf text = gn_buf_with_limit(3);

    (void)state;
    write_plain(in_root("read"), "hello");
    gn_buf_puts(&text, "too long");
    assert_int_equal(gn_file_read(in_root("read"), 5, &text), GN_OK);
    assert_string_equal(text.data, "hello");
    assert_int_equal(text.limit, 5);
    gn_buf_free(&text);
}

static void a_file_above_the_limit_is_refused(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    write_plain(in_root("large"), "123456");
    assert_int_equal(gn_file_read(in_root("large"), 5, &text), GN_ELIMIT);
    assert_int_equal(text.len, 0);
    assert_int_equal(gn_file_read(in_root("large"), 6, &text), GN_OK);
    gn_buf_free(&text);
}

static void an_empty_file_gives_an_empty_text(void **state)
{
    (void)state;
    write_plain(in_root("empty"), "");
    assert_content(in_root("empty"), "");
}

static void a_file_that_hides_its_size_is_read_to_its_end(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_file_read("/proc/self/status", 100000, &text), GN_OK);
    assert_true(text.len > 100);
    assert_int_equal(gn_file_read("/proc/self/status", 100, &text), GN_ELIMIT);
    gn_buf_free(&text);
}

static void a_link_is_followed_by_reads(void **state)
{
    (void)state;
    write_plain(in_root("target"), "through a link");
    assert_int_equal(symlink(in_root("target"), in_root("link")), 0);
    assert_content(in_root("link"), "through a link");
}

static void what_is_missing_is_told_from_what_is_no_file(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_file_read(in_root("missing"), 10, &text), GN_ENOTFOUND);
    assert_int_equal(gn_file_read(root, 10, &text), GN_EIO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(gn_file_read("/dev/null", 10, &text), GN_EIO);
    assert_int_equal(mkfifo(in_root("fifo"), 0600), 0);
    assert_int_equal(gn_file_read(in_root("fifo"), 10, &text), GN_EIO);
    gn_buf_free(&text);
}

static void replace_makes_a_private_file(void **state)
{
    (void)state;
    assert_int_equal(gn_file_replace(in_root("new"), GN_STR("one")), GN_OK);
    assert_content(in_root("new"), "one");
    assert_int_equal(mode_of(in_root("new")), 0600);
    assert_false(is_there(in_root("new.tmp")));
}

static void replace_swaps_the_whole_content(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    write_plain(in_root("swap"), "a longer old content");
    assert_int_equal(gn_file_replace(in_root("swap"), GN_STR("a\0b")), GN_OK);
    assert_int_equal(gn_file_read(in_root("swap"), 100, &text), GN_OK);
    assert_true(gn_str_eq(gn_buf_str(&text), GN_STR("a\0b")));
    assert_int_equal(gn_file_replace(in_root("swap"), GN_STR_NONE), GN_OK);
    assert_content(in_root("swap"), "");
    gn_buf_free(&text);
}

static void an_old_tmp_of_a_crash_is_no_obstacle(void **state)
{
    (void)state;
    write_plain(in_root("crash.tmp"), "half of something much longer");
    assert_int_equal(chmod(in_root("crash.tmp"), 0444), 0);
    assert_int_equal(gn_file_replace(in_root("crash"), GN_STR("whole")), GN_OK);
    assert_content(in_root("crash"), "whole");
    assert_int_equal(mode_of(in_root("crash")), 0600);
}

static void a_link_in_place_of_the_tmp_is_not_followed(void **state)
{
    (void)state;
    write_plain(in_root("victim"), "untouched");
    assert_int_equal(symlink(in_root("victim"), in_root("aim.tmp")), 0);
    assert_int_equal(gn_file_replace(in_root("aim"), GN_STR("mine")), GN_OK);
    assert_content(in_root("victim"), "untouched");
    assert_content(in_root("aim"), "mine");
}

static void a_failed_replace_leaves_the_old_and_no_tmp(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_root("folder"), 0700), 0);
    assert_int_equal(gn_file_replace(in_root("folder"), GN_STR("x")), GN_EIO);
    assert_int_equal(errno, EISDIR);
    assert_true(is_there(in_root("folder")));
    assert_false(is_there(in_root("folder.tmp")));
    assert_int_equal(gn_file_replace(in_root("no/such/folder"), GN_STR("x")), GN_EIO);
    assert_int_equal(errno, ENOENT);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    static char path[PATH_MAX + 10];

    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    assert_int_equal(gn_file_replace(path, GN_STR("x")), GN_EIO);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_int_equal(gn_file_mkdirs(path), GN_EIO);
    assert_int_equal(errno, ENAMETOOLONG);
}

static void a_path_without_folder_means_the_current_one(void **state)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(here >= 0);
    assert_int_equal(chdir(root), 0);
    assert_int_equal(gn_file_replace("plain_name", GN_STR("x")), GN_OK);
    assert_int_equal(gn_file_mkdirs("plain_folder/below"), GN_OK);
    assert_int_equal(fchdir(here), 0);
    (void)close(here);
    assert_content(in_root("plain_name"), "x");
    assert_int_equal(mode_of(in_root("plain_folder/below")), 0700);
}

static void mkdirs_makes_all_parents_and_may_be_repeated(void **state)
{
    (void)state;
    assert_int_equal(gn_file_mkdirs(in_root("a//b/c/")), GN_OK);
    assert_int_equal(mode_of(in_root("a")), 0700);
    assert_int_equal(mode_of(in_root("a/b/c")), 0700);
    assert_int_equal(gn_file_mkdirs(in_root("a/b/c")), GN_OK);
    assert_int_equal(gn_file_mkdirs("/"), GN_OK);
}

static void mkdirs_fails_on_a_file_in_the_way(void **state)
{
    (void)state;
    write_plain(in_root("way"), "");
    assert_int_equal(gn_file_mkdirs(in_root("way")), GN_EIO);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(gn_file_mkdirs(in_root("way/below")), GN_EIO);
    assert_int_equal(gn_file_mkdirs(""), GN_EIO);
}

static enum gn_err add_name(void *ctx, const char *name)
{
    gn_buf_printf(ctx, "%s ", name);
    return strcmp(name, "stop") == 0 ? GN_EFULL : GN_OK;
}

static void each_gives_visible_names_in_byte_order(void **state)
{
    struct gn_buf names = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_file_mkdirs(in_root("list/sub")), GN_OK);
    write_plain(in_root("list/b"), "");
    write_plain(in_root("list/B"), "");
    write_plain(in_root("list/.hidden"), "");
    write_plain(in_root("list/a10"), "");
    write_plain(in_root("list/a9"), "");
    assert_int_equal(gn_file_each(in_root("list"), add_name, &names), GN_OK);
    assert_string_equal(names.data, "B a10 a9 b sub ");
    gn_buf_free(&names);
}

static void each_stops_at_the_first_error(void **state)
{
    struct gn_buf names = GN_BUF_INIT;

    (void)state;
    assert_int_equal(gn_file_mkdirs(in_root("stops")), GN_OK);
    write_plain(in_root("stops/a"), "");
    write_plain(in_root("stops/stop"), "");
    write_plain(in_root("stops/z"), "");
    assert_int_equal(gn_file_each(in_root("stops"), add_name, &names), GN_EFULL);
    assert_string_equal(names.data, "a stop ");
    gn_buf_free(&names);
}

static void each_tells_a_missing_folder_from_a_file(void **state)
{
    (void)state;
    assert_int_equal(gn_file_each(in_root("nowhere"), add_name, NULL), GN_ENOTFOUND);
    write_plain(in_root("just_a_file"), "");
    assert_int_equal(gn_file_each(in_root("just_a_file"), add_name, NULL), GN_EIO);
}

static void a_folder_is_synced_and_nothing_else(void **state)
{
    (void)state;
    write_plain(in_root("unlinked"), "");
    assert_int_equal(unlink(in_root("unlinked")), 0);
    assert_int_equal(gn_file_sync_folder(root), GN_OK);
    assert_int_equal(gn_file_sync_folder(in_root("nowhere")), GN_EIO);
    assert_int_equal(errno, ENOENT);
    write_plain(in_root("no_folder"), "");
    assert_int_equal(gn_file_sync_folder(in_root("no_folder")), GN_EIO);
    assert_int_equal(errno, ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_replaces_what_the_buffer_held),
        cmocka_unit_test(a_file_above_the_limit_is_refused),
        cmocka_unit_test(an_empty_file_gives_an_empty_text),
        cmocka_unit_test(a_file_that_hides_its_size_is_read_to_its_end),
        cmocka_unit_test(a_link_is_followed_by_reads),
        cmocka_unit_test(what_is_missing_is_told_from_what_is_no_file),
        cmocka_unit_test(replace_makes_a_private_file),
        cmocka_unit_test(replace_swaps_the_whole_content),
        cmocka_unit_test(an_old_tmp_of_a_crash_is_no_obstacle),
        cmocka_unit_test(a_link_in_place_of_the_tmp_is_not_followed),
        cmocka_unit_test(a_failed_replace_leaves_the_old_and_no_tmp),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
        cmocka_unit_test(a_path_without_folder_means_the_current_one),
        cmocka_unit_test(mkdirs_makes_all_parents_and_may_be_repeated),
        cmocka_unit_test(mkdirs_fails_on_a_file_in_the_way),
        cmocka_unit_test(each_gives_visible_names_in_byte_order),
        cmocka_unit_test(each_stops_at_the_first_error),
        cmocka_unit_test(each_tells_a_missing_folder_from_a_file),
        cmocka_unit_test(a_folder_is_synced_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
