/* Tests of gurnard/bmc/memory.h: what is remembered of BMCs over restarts. */
#include "gurnard/bmc/memory.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/file.h"
#include "driven_clock.h"
#include "gurnard/base/log.h"
#include "memory_priv.h"

#define WRITE_MS 1100 /* by then a change is being written */

struct bed {
    struct gn_loop *loop;
    struct gn_memory *memory;
    char folder[64];
};

/* ---- the bed ---- */

static void reopen(struct bed *bed)
{
    gn_memory_free(bed->memory);
    bed->memory = gn_memory_new(bed->loop, bed->folder);
    assert_non_null(bed->memory);
}

static int remove_path(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int set_up(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    snprintf(bed->folder, sizeof(bed->folder), "/tmp/gurnard-memory-XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    bed->loop = gn_loop_new(NULL);
    assert_non_null(bed->loop);
    reopen(bed);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;

    gn_memory_free(bed->memory);
    gn_loop_free(bed->loop);
    nftw(bed->folder, remove_path, 16, FTW_DEPTH | FTW_PHYS);
    free(bed);
    return 0;
}

static struct gn_kept *of(struct bed *bed, const char *name)
{
    struct gn_kept *kept = gn_memory_of(bed->memory, gn_str_of(name));

    assert_non_null(kept);
    return kept;
}

static void path_of(const struct bed *bed, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", bed->folder, name);
}

static bool has_file(const struct bed *bed, const char *name)
{
    char path[128];

    path_of(bed, name, path);
    return access(path, F_OK) == 0;
}

static void put_file(const struct bed *bed, const char *name, const char *text)
{
    char path[128];

    path_of(bed, name, path);
    assert_int_equal(gn_file_replace(path, gn_str_of(text)), GN_OK);
}

/* Waits for a file that the helper thread writes or removes. */
static void wait_for_file(struct bed *bed, const char *name, bool is_there)
{
    uint64_t until_ms = gn_clock_mono_ms() + 20000;

    clock_skew_ms += WRITE_MS;
    while (has_file(bed, name) != is_there) {
        assert_int_equal(gn_loop_turn(bed->loop, 10), GN_OK);
        assert_true(gn_clock_mono_ms() < until_ms);
    }
}

/* ---- BMCs ---- */

static void fill(struct gn_kept *kept)
{
    struct gn_kept_log *log = gn_kept_log(kept, "/redfish/v1/L\"1");

    assert_non_null(log);
    log->has_mark = true;
    log->is_oldest_first = true;
    log->count = UINT64_C(5000000000);
    snprintf(log->mark.id, sizeof(log->mark.id), "e\\%d", 7);
    log->mark.created_ns = INT64_MIN;
    log->mark.hash = UINT64_MAX - 1;
    log->has_next = true;
    assert_non_null(gn_kept_log(kept, "/redfish/v1/L2"));
    kept->has_pin = true;
    for (size_t i = 0; i < 32; i++)
        kept->pin[i] = (uint8_t)(i * 9);
    kept->troubles = 0x50;
    snprintf(kept->subscription[0], GN_SERVICE_URI_MAX, "/s/1");
    snprintf(kept->subscription[1], GN_SERVICE_URI_MAX, "/s/2");
    snprintf(kept->last_id, sizeof(kept->last_id), "id\n\t\xc3\xa4");
    snprintf(kept->last_reset, sizeof(kept->last_reset), "2026-01-01T00:00:00Z");
    kept->discovered_ns = INT64_C(1800000000000000000);
}

static void all_of_a_bmc_comes_back_after_a_restart(void **state)
{
    struct bed *bed = *state;
    const struct gn_kept *kept;

    fill(of(bed, "b:1"));
    gn_memory_changed(bed->memory, of(bed, "b:1"));
    reopen(bed);
    kept = of(bed, "b:1");
    assert_true(kept->has_pin);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(kept->pin[i], (uint8_t)(i * 9));
    assert_int_equal(kept->troubles, 0x50);
    assert_string_equal(kept->subscription[0], "/s/1");
    assert_string_equal(kept->subscription[1], "/s/2");
    assert_string_equal(kept->last_id, "id\n\t\xc3\xa4");
    assert_string_equal(kept->last_reset, "2026-01-01T00:00:00Z");
    assert_int_equal(kept->discovered_ns, INT64_C(1800000000000000000));
    assert_int_equal(kept->log_count, 2);
    assert_string_equal(kept->logs[0].uri, "/redfish/v1/L\"1");
    assert_true(kept->logs[0].has_mark && kept->logs[0].is_oldest_first);
    assert_string_equal(kept->logs[0].mark.id, "e\\7");
    assert_true(kept->logs[0].mark.created_ns == INT64_MIN);
    assert_true(kept->logs[0].mark.hash == UINT64_MAX - 1);
    assert_true(kept->logs[0].count == UINT64_C(5000000000));
    assert_false(kept->logs[0].has_next); /* the round before this start saw it: too long ago */
    assert_false(kept->logs[1].has_mark);
}

static void an_empty_log_that_was_seen_stays_seen(void **state)
{
    struct bed *bed = *state;

    gn_kept_log(of(bed, "b1"), "/L")->has_mark = true;
    gn_memory_changed(bed->memory, of(bed, "b1"));
    reopen(bed);
    assert_true(of(bed, "b1")->logs[0].has_mark);
    assert_string_equal(of(bed, "b1")->logs[0].mark.id, "");
}

static void who_was_down_has_a_gap_for_those_it_knew(void **state)
{
    struct bed *bed = *state;

    gn_memory_changed(bed->memory, of(bed, "b1"));
    assert_false(of(bed, "b1")->has_gap);
    reopen(bed);
    assert_true(of(bed, "b1")->has_gap);
    assert_false(of(bed, "new")->has_gap);
}

static void names_are_files_of_their_own(void **state)
{
    static const char *const names[] = {".", "..", "a", "a.json", "models", "secret"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(names); i++) {
        snprintf(of(bed, names[i])->last_reset, 40, "%s", names[i]);
        gn_memory_changed(bed->memory, of(bed, names[i]));
    }
    reopen(bed);
    for (size_t i = 0; i < GN_LEN(names); i++)
        assert_string_equal(of(bed, names[i])->last_reset, names[i]);
}

static void a_change_is_written_by_itself(void **state)
{
    struct bed *bed = *state;

    gn_memory_changed(bed->memory, of(bed, "b1"));
    assert_false(has_file(bed, "b-b1.json"));
    wait_for_file(bed, "b-b1.json", true);
}

static void one_that_is_forgotten_loses_its_file_also_while_it_is_written(void **state)
{
    struct bed *bed = *state;

    gn_memory_changed(bed->memory, of(bed, "b1"));
    wait_for_file(bed, "b-b1.json", true);
    gn_memory_changed(bed->memory, of(bed, "b1"));
    gn_memory_forget(bed->memory, of(bed, "b1"));
    wait_for_file(bed, "b-b1.json", false);
    gn_memory_changed(bed->memory, of(bed, "b2"));
    gn_memory_forget(bed->memory, of(bed, "b2"));
    snprintf(of(bed, "b2")->last_reset, 40, "second"); /* and comes back */
    gn_memory_changed(bed->memory, of(bed, "b2"));
    reopen(bed);
    assert_false(has_file(bed, "b-b1.json"));
    assert_string_equal(of(bed, "b2")->last_reset, "second");
}

static void what_cannot_be_written_is_written_later(void **state)
{
    struct bed *bed = *state;
    char path[128];
    char inside[140];

    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, -1);
    path_of(bed, "b-b1.json", path);
    snprintf(inside, sizeof(inside), "%s/x", path);
    assert_int_equal(mkdir(path, 0700), 0); /* no file can take its place */
    assert_int_equal(mkdir(inside, 0700), 0);
    gn_memory_changed(bed->memory, of(bed, "b1"));
    gn_memory_changed(bed->memory, of(bed, "b2"));
    clock_skew_ms += WRITE_MS;
    for (int i = 0; i < 20; i++)
        assert_int_equal(gn_loop_turn(bed->loop, 5), GN_OK);
    assert_int_equal(rmdir(inside), 0);
    assert_int_equal(rmdir(path), 0);
    clock_skew_ms += 10000;
    wait_for_file(bed, "b-b1.json", true);
    wait_for_file(bed, "b-b2.json", true);
}

static void one_forgotten_while_its_write_fails_is_gone(void **state)
{
    struct bed *bed = *state;
    char path[128];

    path_of(bed, "b-b1.json", path);
    assert_int_equal(mkdir(path, 0700), 0);
    gn_memory_changed(bed->memory, of(bed, "b1"));
    clock_skew_ms += WRITE_MS;
    assert_int_equal(gn_loop_turn(bed->loop, 0), GN_OK); /* it is under way */
    gn_memory_forget(bed->memory, of(bed, "b1"));
    for (int i = 0; i < 20; i++)
        assert_int_equal(gn_loop_turn(bed->loop, 5), GN_OK);
    clock_skew_ms += 11000;
    assert_int_equal(gn_loop_turn(bed->loop, 5), GN_OK);
    gn_memory_free(bed->memory);
    bed->memory = NULL;
    assert_int_equal(rmdir(path), 0);
}

static bool is_b1(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "b1") == 0;
}

static void pruning_forgets_those_that_left_meanwhile(void **state)
{
    struct bed *bed = *state;

    gn_memory_changed(bed->memory, of(bed, "b1"));
    gn_memory_changed(bed->memory, of(bed, "b2"));
    reopen(bed);
    gn_memory_prune(bed->memory, is_b1, NULL);
    reopen(bed);
    assert_true(has_file(bed, "b-b1.json"));
    assert_false(has_file(bed, "b-b2.json"));
}

static void a_file_that_cannot_be_read_is_put_aside(void **state)
{
    static const char *const texts[] = {"", "[]", "{", "{\"gap\":true}garbage", "null", "\xff"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(texts); i++) {
        put_file(bed, "b-b1.json", texts[i]);
        put_file(bed, "models.json", texts[i]);
        reopen(bed);
        assert_false(has_file(bed, "b-b1.json"));
        assert_true(has_file(bed, "b-b1.json.bad"));
        assert_true(has_file(bed, "models.json.bad"));
        assert_false(of(bed, "b1")->has_gap);
    }
}

static void members_of_a_wrong_type_are_as_if_they_were_not_there(void **state)
{
    struct bed *bed = *state;
    const struct gn_kept *kept;

    put_file(bed, "b-b1.json",
             "{\"pin\":\"zz\",\"gap\":7,\"subscription\":[],\"last_id\":{},\"last_reset\":1,"
             "\"discovered_ns\":\"x\",\"troubles\":-1,\"logs\":[1,{},{\"uri\":7},{\"uri\":\"/L\","
             "\"id\":[],\"hash\":\"h\"}]}");
    reopen(bed);
    kept = of(bed, "b1");
    assert_false(kept->has_pin);
    assert_string_equal(kept->subscription[0], "");
    assert_string_equal(kept->last_id, "");
    assert_int_equal(kept->log_count, 1);
    assert_false(kept->logs[0].has_mark);
    assert_true(has_file(bed, "b-b1.json"));
}

/* ---- logs ---- */

static void logs_are_bounded_and_found_again(void **state)
{
    struct bed *bed = *state;
    struct gn_kept *kept = of(bed, "b1");
    char uri[GN_SERVICE_URI_MAX + 8];

    for (int i = 0; i < GN_KEPT_LOGS_MAX; i++) {
        snprintf(uri, sizeof(uri), "/L%d", i);
        assert_non_null(gn_kept_log(kept, uri));
    }
    assert_null(gn_kept_log(kept, "/one-more"));
    assert_ptr_equal(gn_kept_log(kept, "/L3"), &kept->logs[3]);
    gn_kept_drop_log(kept, 3);
    assert_int_equal(kept->log_count, GN_KEPT_LOGS_MAX - 1);
    assert_string_equal(kept->logs[3].uri, "/L4");
    gn_kept_drop_log(kept, kept->log_count - 1);
    memset(uri, 'x', sizeof(uri) - 1);
    uri[GN_SERVICE_URI_MAX] = '\0';
    assert_null(gn_kept_log(kept, uri));
    kept->discovered_ns = 5;
    gn_kept_drop_logs(kept);
    assert_int_equal(kept->log_count, 0);
    assert_int_equal(kept->discovered_ns, 0);
}

/* ---- models ---- */

static void what_a_model_has_taught_comes_back(void **state)
{
    const struct gn_destination_shape shape = {.omit = GN_OMIT_FORMAT, .has_event_types = true};
    struct bed *bed = *state;
    const struct gn_kept_model *model;

    gn_memory_learn_shape(bed->memory, "Acme|\"Plank\"|1", &shape);
    gn_memory_learn_form(bed->memory, "Acme|\"Plank\"|1", GN_TEST_DELL);
    gn_memory_learn_form(bed->memory, "other", GN_TEST_BY_INFO);
    reopen(bed);
    model = gn_memory_model(bed->memory, "Acme|\"Plank\"|1");
    assert_non_null(model);
    assert_true(model->has_shape && model->shape.has_event_types);
    assert_int_equal(model->shape.omit, GN_OMIT_FORMAT);
    assert_int_equal(model->form, GN_TEST_DELL);
    model = gn_memory_model(bed->memory, "other");
    assert_true(!model->has_shape && model->form == GN_TEST_BY_INFO);
    assert_null(gn_memory_model(bed->memory, "third"));
}

static void without_a_model_nothing_is_learnt(void **state)
{
    const struct gn_destination_shape shape = {0};
    struct bed *bed = *state;

    gn_memory_learn_shape(bed->memory, NULL, &shape);
    gn_memory_learn_form(bed->memory, NULL, GN_TEST_DELL);
    assert_null(gn_memory_model(bed->memory, NULL));
}

static void models_beyond_the_limit_are_not_remembered(void **state)
{
    struct bed *bed = *state;
    char key[32];

    for (int i = 0; i < GN_KEPT_MODELS_MAX + 10; i++) {
        snprintf(key, sizeof(key), "m%d", i);
        gn_memory_learn_form(bed->memory, key, GN_TEST_FULL);
    }
    reopen(bed);
    assert_non_null(gn_memory_model(bed->memory, "m511"));
    assert_null(gn_memory_model(bed->memory, "m512"));
}

/* ---- the secret ---- */

static void signatures_stay_over_restarts_and_differ_with_each_part(void **state)
{
    const struct {
        const char *purpose;
        struct gn_str parts[2];
        size_t count;
    } rows[] = {
        {"token", {GN_STR("ab"), GN_STR("c")}, 2}, {"token", {GN_STR("a"), GN_STR("bc")}, 2},
        {"token", {GN_STR("abc"), GN_STR("")}, 2}, {"token", {GN_STR("abc"), GN_STR("")}, 1},
        {"want", {GN_STR("ab"), GN_STR("c")}, 2},  {"token", {GN_STR(""), GN_STR("")}, 0},
    };
    struct bed *bed = *state;
    char signs[GN_LEN(rows)][33];
    char again[33];
    char fleet[16];

    snprintf(fleet, sizeof(fleet), "%s", gn_memory_fleet_id(bed->memory));
    assert_int_equal(strlen(fleet), 8);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_memory_sign(bed->memory, rows[i].purpose, rows[i].parts, rows[i].count, signs[i]);
        assert_int_equal(strspn(signs[i], "0123456789abcdef"), 32);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(signs[i], signs[k]);
    }
    reopen(bed);
    assert_string_equal(fleet, gn_memory_fleet_id(bed->memory));
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_memory_sign(bed->memory, rows[i].purpose, rows[i].parts, rows[i].count, again);
        assert_string_equal(again, signs[i]);
    }
}

static void another_fleet_signs_otherwise(void **state)
{
    struct bed *bed = *state;
    char before[33];
    char after[33];

    gn_memory_sign(bed->memory, "token", NULL, 0, before);
    put_file(bed, "secret", "short"); /* as after a full disk: made anew */
    reopen(bed);
    gn_memory_sign(bed->memory, "token", NULL, 0, after);
    assert_string_not_equal(before, after);
}

static void the_secret_is_nobody_elses_to_read(void **state)
{
    struct bed *bed = *state;
    struct stat info;
    char path[128];

    path_of(bed, "secret", path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 077, 0);
    assert_int_equal(info.st_size, 2 * MEMORY_SECRET_LEN);
}

static void without_a_folder_there_is_no_memory(void **state)
{
    struct bed *bed = *state;
    char path[128];

    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, -1);
    put_file(bed, "file", "x");
    path_of(bed, "file", path);
    assert_null(gn_memory_new(bed->loop, path));
    gn_memory_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_a_bmc_comes_back_after_a_restart),
        TEST(an_empty_log_that_was_seen_stays_seen),
        TEST(who_was_down_has_a_gap_for_those_it_knew),
        TEST(names_are_files_of_their_own),
        TEST(a_change_is_written_by_itself),
        TEST(one_that_is_forgotten_loses_its_file_also_while_it_is_written),
        TEST(what_cannot_be_written_is_written_later),
        TEST(one_forgotten_while_its_write_fails_is_gone),
        TEST(pruning_forgets_those_that_left_meanwhile),
        TEST(a_file_that_cannot_be_read_is_put_aside),
        TEST(members_of_a_wrong_type_are_as_if_they_were_not_there),
        TEST(logs_are_bounded_and_found_again),
        TEST(what_a_model_has_taught_comes_back),
        TEST(without_a_model_nothing_is_learnt),
        TEST(models_beyond_the_limit_are_not_remembered),
        TEST(signatures_stay_over_restarts_and_differ_with_each_part),
        TEST(another_fleet_signs_otherwise),
        TEST(the_secret_is_nobody_elses_to_read),
        TEST(without_a_folder_there_is_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
