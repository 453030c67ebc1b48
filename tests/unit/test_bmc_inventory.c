/* The inventory: its sources, what changes in them, credentials, and edits of the admin API. */
#include "gurnard/app/bmc_inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/base/log.h"

#define TURNS_MAX 2000 /* of at most 5 ms each */

struct bed {
    char root[64];
    struct gn_settings settings;
    struct gn_loop *loop;
    struct gn_worker *worker;
    struct gn_bmc_inventory *inventory;
    size_t told;         /* calls of changed */
    struct gn_buf names; /* of the list as last told */
    const struct gn_bmc_credentials *credentials;
    size_t edits;
    enum gn_err edited;
};

static void on_changed(void *ctx, const struct gn_bmc_list *list,
                       const struct gn_bmc_credentials *credentials)
{
    struct bed *bed = ctx;

    bed->told++;
    bed->credentials = credentials;
    gn_buf_reset(&bed->names);
    gn_buf_puts(&bed->names, "");
    for (size_t i = 0; i < list->count; i++)
        gn_buf_printf(&bed->names, "%s%s:%s", i > 0 ? " " : "", list->items[i].name,
                      gn_bmc_origin_name(list->items[i].origin));
}

static void on_edited(void *ctx, enum gn_err err)
{
    struct bed *bed = ctx;

    bed->edits++;
    bed->edited = err;
}

static const char *names(const struct bed *bed)
{
    return bed->names.len == 0 ? "" : bed->names.data;
}

static void path_of(const struct bed *bed, const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", bed->root, name);
}

/* Writes beside and renames, so that no reading sees half of it. */
static void write_file(const struct bed *bed, const char *name, const char *text)
{
    char path[256];

    path_of(bed, name, path);
    assert_int_equal(gn_file_replace(path, gn_str_of(text)), GN_OK);
}

static void remove_file(const struct bed *bed, const char *name)
{
    char path[256];

    path_of(bed, name, path);
    assert_int_equal(unlink(path), 0);
}

static void set_text(char **field, const char *text)
{
    free(*field);
    *field = strdup(text);
    assert_non_null(*field);
}

/* A setting that names a place below the root. */
static void set_path(const struct bed *bed, char **field, const char *name)
{
    char path[256];

    path_of(bed, name, path);
    set_text(field, path);
}

static void make_folder(const struct bed *bed, const char *name)
{
    char path[256];

    path_of(bed, name, path);
    assert_int_equal(gn_file_mkdirs(path), GN_OK);
}

static void bed_init(struct bed *bed)
{
    *bed = (struct bed){.root = "/tmp/gn_test_inventory.XXXXXX", .names = GN_BUF_INIT};
    assert_non_null(mkdtemp(bed->root));
    assert_int_equal(gn_settings_defaults(&bed->settings), GN_OK);
    set_path(bed, &bed->settings.store_path, "store");
    set_path(bed, &bed->settings.bmc_folder, "folder");
    set_path(bed, &bed->settings.bmc_secrets_folder, "secrets");
    make_folder(bed, "store");
    make_folder(bed, "folder");
    bed->loop = gn_loop_new(NULL);
    assert_non_null(bed->loop);
    bed->worker = gn_worker_new(bed->loop, "test");
    assert_non_null(bed->worker);
}

static void bed_free(struct bed *bed)
{
    char command[128];

    gn_bmc_inventory_stop(bed->inventory);
    gn_worker_free(bed->worker);
    gn_bmc_inventory_free(bed->inventory);
    gn_loop_free(bed->loop);
    gn_settings_free(&bed->settings);
    gn_buf_free(&bed->names);
    (void)snprintf(command, sizeof command, "rm -r %s", bed->root);
    assert_int_equal(system(command), 0);
}

/* Turns the loop until the list was told that often. */
static void wait_told(struct bed *bed, size_t times)
{
    for (size_t i = 0; i < TURNS_MAX && bed->told < times; i++)
        assert_int_equal(gn_loop_turn(bed->loop, 5), GN_OK);
    assert_int_equal(bed->told, times);
}

static void wait_edits(struct bed *bed, size_t times)
{
    for (size_t i = 0; i < TURNS_MAX && bed->edits < times; i++)
        assert_int_equal(gn_loop_turn(bed->loop, 5), GN_OK);
    assert_int_equal(bed->edits, times);
}

/* Starts with a look every millisecond, and waits for the first list. */
static void start(struct bed *bed)
{
    bed->inventory =
        gn_bmc_inventory_new(&bed->settings, bed->loop, bed->worker, 1, on_changed, bed);
    assert_non_null(bed->inventory);
    gn_bmc_inventory_start(bed->inventory);
    wait_told(bed, 1);
}

/* Reads all anew and waits until that has been done: an edit that fails is done behind it. */
static void reread(struct bed *bed)
{
    const size_t edits = bed->edits;

    gn_bmc_inventory_reload(bed->inventory);
    assert_int_equal(gn_bmc_inventory_remove(bed->inventory, GN_STR("nobody"), on_edited, bed),
                     GN_OK);
    wait_edits(bed, edits + 1);
}

static const char *user_of(const struct bed *bed, size_t at)
{
    return bed->credentials[at].user.len == 0 ? "" : gn_secret_str(&bed->credentials[at].user).p;
}

static const char *password_of(const struct bed *bed, size_t at)
{
    const struct gn_bmc_credentials *credentials = &bed->credentials[at];

    return credentials->password.len == 0 ? "" : gn_secret_str(&credentials->password).p;
}

/* ---- sources ---- */

static void without_any_bmc_an_empty_list_is_told_once(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    start(&bed);
    reread(&bed);
    assert_int_equal(bed.told, 1);
    assert_string_equal(names(&bed), "");
    assert_int_equal(gn_bmc_inventory_wrong(bed.inventory), 0);
    bed_free(&bed);
}

static void bmcs_come_from_all_sources_the_weightier_first(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    set_text(&bed.settings.bmcs,
             "[{\"name\":\"s\",\"address\":\"x\"},{\"name\":\"fs\",\"address\":\"x\"}]");
    set_text(&bed.settings.bmc_legacy_host, "192.0.2.7:8443");
    write_file(&bed, "folder/a.yaml",
               "bmcs:\n- name: f1\n  address: x\n- name: fs\n  address: y\n");
    write_file(&bed, "folder/b.yml", "name: f2\naddress: x\n");
    write_file(&bed, "folder/c.json", "[{\"name\":\"fa\",\"address\":\"x\"}]");
    write_file(&bed, "folder/d.txt", "- name: no\n  address: x\n");
    write_file(&bed, "store/bmcs.json", "{\"bmcs\":[{\"name\":\"fa\",\"address\":\"z\"}]}");
    start(&bed);
    assert_string_equal(names(&bed),
                        "192.0.2.7:environment f1:folder f2:folder fa:api fs:settings s:settings");
    assert_int_equal(gn_bmc_inventory_list(bed.inventory)->count, 6);
    assert_int_equal(gn_bmc_inventory_wrong(bed.inventory), 2); /* names given twice */
    bed_free(&bed);
}

static void hosts_of_metal3_find_their_mounted_secrets(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    make_folder(&bed, "secrets/h1-bmc");
    write_file(&bed, "secrets/h1-bmc/username", "root");
    write_file(&bed, "secrets/h1-bmc/password", "hunter2");
    write_file(
        &bed, "folder/hosts.json",
        "{\"kind\":\"List\",\"items\":[{\"kind\":\"BareMetalHost\",\"metadata\":{\"name\":\"h1\","
        "\"namespace\":\"m\",\"managedFields\":[{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{}}}}}}}]"
        "},"
        "\"spec\":{\"bmc\":{\"address\":\"redfish://x\",\"credentialsName\":\"h1-bmc\"}}}]}");
    start(&bed);
    assert_string_equal(names(&bed), "m.h1:folder");
    assert_string_equal(user_of(&bed, 0), "root");
    assert_string_equal(password_of(&bed, 0), "hunter2");
    bed_free(&bed);
}

static void files_that_come_change_and_go_are_seen(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    start(&bed);
    write_file(&bed, "folder/a.yaml", "- {name: a, address: x}\n");
    wait_told(&bed, 2);
    assert_string_equal(names(&bed), "a:folder");
    write_file(&bed, "folder/a.yaml", "- {name: b, address: x}\n");
    wait_told(&bed, 3);
    assert_string_equal(names(&bed), "b:folder");
    remove_file(&bed, "folder/a.yaml");
    wait_told(&bed, 4);
    assert_string_equal(names(&bed), "");
    bed_free(&bed);
}

static void what_means_the_same_is_not_told_again(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    write_file(&bed, "folder/a.yaml", "- {name: a, address: x}\n");
    start(&bed);
    write_file(&bed, "folder/a.yaml", "# the same\n- {name: a, address: x}\n");
    reread(&bed);
    assert_int_equal(bed.told, 1);
    bed_free(&bed);
}

static void a_folder_with_a_broken_file_keeps_the_bmcs_it_had(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    write_file(&bed, "folder/a.yaml", "- {name: a, address: x}\n");
    write_file(&bed, "folder/b.yaml", "- {name: b, address: x}\n");
    start(&bed);
    write_file(&bed, "folder/a.yaml", "- {name: a, address: x\n");
    reread(&bed);
    assert_int_equal(bed.told, 1);
    assert_int_equal(gn_bmc_inventory_wrong(bed.inventory), 1);
    write_file(&bed, "folder/a.yaml", "- {name: c, address: x}\n");
    wait_told(&bed, 2);
    assert_string_equal(names(&bed), "b:folder c:folder");
    bed_free(&bed);
}

static void at_the_first_reading_what_can_be_read_counts(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    write_file(&bed, "folder/a.yaml", "- {name: a, address: x\n");
    write_file(&bed, "folder/b.json", "- no json");
    write_file(&bed, "folder/c.yaml",
               "- {name: c, address: x}\n- {name: d, address: 'ipmi://x'}\n");
    start(&bed);
    assert_string_equal(names(&bed), "c:folder");
    assert_int_equal(gn_bmc_inventory_wrong(bed.inventory), 3);
    bed_free(&bed);
}

static void a_missing_folder_is_told_and_taken_up_when_it_comes(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    set_path(&bed, &bed.settings.bmc_folder, "later");
    start(&bed);
    assert_int_equal(gn_bmc_inventory_wrong(bed.inventory), 1);
    make_folder(&bed, "later");
    write_file(&bed, "later/a.yaml", "- {name: a, address: x}\n");
    wait_told(&bed, 2);
    assert_string_equal(names(&bed), "a:folder");
    bed_free(&bed);
}

/* ---- credentials ---- */

static void credentials_follow_their_files(void **state)
{
    char text[512];
    struct bed bed;

    (void)state;
    bed_init(&bed);
    (void)snprintf(text, sizeof text,
                   "[{\"name\":\"a\",\"address\":\"x\",\"username\":\"u\","
                   "\"password_file\":\"%s/pw\"}]",
                   bed.root);
    set_text(&bed.settings.bmcs, text);
    write_file(&bed, "pw", "one\r\n");
    start(&bed);
    assert_string_equal(user_of(&bed, 0), "u");
    assert_string_equal(password_of(&bed, 0), "one");
    assert_null(bed.credentials[0].problem);
    write_file(&bed, "pw", "two ");
    wait_told(&bed, 2);
    assert_string_equal(password_of(&bed, 0), "two ");
    bed_free(&bed);
}

/* As Kubernetes does it: name -> ..data/name, ..data -> a folder that is replaced as a whole. */
static void a_mounted_secret_that_is_swapped_is_seen(void **state)
{
    char from[256], to[256];
    struct bed bed;

    (void)state;
    bed_init(&bed);
    make_folder(&bed, "mount/..one");
    make_folder(&bed, "mount/..two");
    write_file(&bed, "mount/..one/password", "one");
    write_file(&bed, "mount/..one/username", "u");
    write_file(&bed, "mount/..two/password", "two");
    write_file(&bed, "mount/..two/username", "u");
    path_of(&bed, "mount/..data", to);
    assert_int_equal(symlink("..one", to), 0);
    path_of(&bed, "mount/password", to);
    assert_int_equal(symlink("..data/password", to), 0);
    path_of(&bed, "mount/username", to);
    assert_int_equal(symlink("..data/username", to), 0);
    set_path(&bed, &bed.settings.bmc_username_file, "mount/username");
    set_path(&bed, &bed.settings.bmc_password_file, "mount/password");
    set_text(&bed.settings.bmcs, "{\"name\":\"a\",\"address\":\"x\"}");
    start(&bed);
    assert_string_equal(password_of(&bed, 0), "one");
    path_of(&bed, "mount/..tmp", from);
    path_of(&bed, "mount/..data", to);
    assert_int_equal(symlink("..two", from), 0);
    assert_int_equal(rename(from, to), 0);
    wait_told(&bed, 2);
    assert_string_equal(password_of(&bed, 0), "two");
    bed_free(&bed);
}

static void credentials_that_cannot_be_read_trouble_their_bmc_alone(void **state)
{
    static const struct {
        const char *members;
        const char *problem; /* begins and ends so around the path; NULL: none */
        const char *reason;
    } rows[] = {
        {"\"username\":\"u\",\"password_file\":\"%s/none\"", "password_file /", "no such file"},
        {"\"username\":\"u\",\"password_file\":\"%s/folder\"", "password_file /", "cannot be read"},
        {"\"username\":\"u\",\"password_file\":\"%s/empty\"", "password_file /", "is empty"},
        {"\"username\":\"u\",\"password_file\":\"%s/long\"", "password_file /", "too long"},
        {"\"username\":\"u\",\"password_file\":\"%s/two\"", "password_file /",
         "holds a control character"},
        {"\"username\":\"u\"", "password: ", "says where it is"},
        {"\"password_file\":\"%s/good\"", "username: ", "says what it is"},
        {"\"credentials\":\"%s/gone\"", "username_file /", "no such file"},
        {"\"username\":\"u\",\"password_file\":\"%s/none\",\"auth\":\"none\"", NULL, NULL},
        {"\"username\":\"u\",\"password_file\":\"%s/good\"", NULL, NULL},
    };
    struct gn_buf bmcs = GN_BUF_INIT;
    char line[512], long_text[GN_BMC_CREDENTIAL_MAX + 2] = "";
    struct bed bed;

    (void)state;
    bed_init(&bed);
    memset(long_text, 'x', GN_BMC_CREDENTIAL_MAX + 1);
    write_file(&bed, "good", "hunter2");
    write_file(&bed, "empty", "\n");
    write_file(&bed, "two", "hunter2\nhunter2\n");
    write_file(&bed, "long", long_text);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *at = strstr(rows[i].members, "%s");
        const size_t before = at != NULL ? (size_t)(at - rows[i].members) : strlen(rows[i].members);

        (void)snprintf(line, sizeof line, "%.*s%s%s", (int)before, rows[i].members,
                       at != NULL ? bed.root : "", at != NULL ? at + 2 : "");
        gn_buf_printf(&bmcs, "%s{\"name\":\"b%02zu\",\"address\":\"x\",%s}", i == 0 ? "[" : ",", i,
                      line);
    }
    gn_buf_puts(&bmcs, "]");
    set_text(&bed.settings.bmcs, bmcs.data);
    start(&bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *problem = bed.credentials[i].problem;

        assert_true((problem == NULL) == (rows[i].problem == NULL));
        assert_string_equal(password_of(&bed, i), i == GN_LEN(rows) - 1 ? "hunter2" : "");
        if (problem == NULL)
            continue;
        assert_true(gn_str_has_prefix(gn_str_of(problem), gn_str_of(rows[i].problem)));
        assert_true(gn_str_has_suffix(gn_str_of(problem), gn_str_of(rows[i].reason)));
        assert_null(strstr(problem, "hunter2"));
    }
    gn_buf_free(&bmcs);
    bed_free(&bed);
}

static void the_environments_bmc_has_the_environments_password(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    set_text(&bed.settings.bmc_legacy_host, "[2001:db8::7]");
    set_text(&bed.settings.bmc_legacy_username, "root");
    set_text(&bed.settings.bmc_legacy_password, "hunter2");
    start(&bed);
    assert_string_equal(names(&bed), "2001:db8::7:environment");
    assert_string_equal(user_of(&bed, 0), "root");
    assert_string_equal(password_of(&bed, 0), "hunter2");
    bed_free(&bed);
}

static void headers_are_lines_of_name_and_value(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *reason;
    } rows[] = {
        {"X-A: one\n# comment\n\n  X-B :two words \r\n", 2, NULL},
        {"", 0, NULL},
        {"no colon\n", 0, "a line is not of the form `Name: value`"},
        {"X A: one\n", 0, "a line is not of the form `Name: value`"},
        {"X-A:\n", 0, "a line is not of the form `Name: value`"},
        {"A:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\nA:1\n", 0,
         "too many headers"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_bmc_credentials *credentials;
        struct bed bed;

        bed_init(&bed);
        write_file(&bed, "headers", rows[i].text);
        set_path(&bed, &bed.settings.bmc_headers_file, "headers");
        set_text(&bed.settings.bmcs, "{\"name\":\"a\",\"address\":\"x\"}");
        start(&bed);
        credentials = &bed.credentials[0];
        assert_int_equal(credentials->header_count, rows[i].count);
        if (rows[i].count == 2) {
            assert_string_equal(credentials->header_names[0], "X-A");
            assert_string_equal(credentials->header_values[0], "one");
            assert_string_equal(credentials->header_names[1], "X-B");
            assert_string_equal(credentials->header_values[1], "two words");
        }
        if (rows[i].reason != NULL)
            assert_non_null(strstr(credentials->problem, rows[i].reason));
        else
            assert_null(credentials->problem);
        bed_free(&bed);
    }
}

/* ---- edits ---- */

static enum gn_err put(struct bed *bed, enum gn_bmc_edit edit, const char *name,
                       const char *address)
{
    struct gn_buf why = GN_BUF_INIT;
    json_t *entry = json_pack("{s:s, s:s}", "name", name, "address", address);
    const size_t edits = bed->edits;
    enum gn_err err = gn_bmc_inventory_put(bed->inventory, edit, entry, on_edited, bed, &why);

    json_decref(entry);
    gn_buf_free(&why);
    if (err != GN_OK)
        return err;
    wait_edits(bed, edits + 1);
    return bed->edited;
}

static enum gn_err take_away(struct bed *bed, const char *name)
{
    const size_t edits = bed->edits;

    assert_int_equal(gn_bmc_inventory_remove(bed->inventory, gn_str_of(name), on_edited, bed),
                     GN_OK);
    wait_edits(bed, edits + 1);
    return bed->edited;
}

static void an_edit_is_done_when_it_is_on_disk_and_in_the_list(void **state)
{
    struct gn_buf file = GN_BUF_INIT;
    char path[256];
    struct bed bed;

    (void)state;
    bed_init(&bed);
    start(&bed);
    assert_int_equal(put(&bed, GN_BMC_ADD, "a", "x"), GN_OK);
    assert_string_equal(names(&bed), "a:api");
    path_of(&bed, "store/bmcs.json", path);
    assert_int_equal(gn_file_read(path, 4096, &file), GN_OK);
    assert_non_null(strstr(file.data, "\"name\": \"a\""));
    assert_int_equal(put(&bed, GN_BMC_ADD, "a", "y"), GN_EEXIST);
    assert_int_equal(put(&bed, GN_BMC_REPLACE, "a", "y"), GN_OK);
    assert_string_equal(gn_bmc_inventory_list(bed.inventory)->items[0].address_text, "y");
    assert_int_equal(put(&bed, GN_BMC_REPLACE, "b", "y"), GN_OK);
    assert_string_equal(names(&bed), "a:api b:api");
    assert_int_equal(take_away(&bed, "a"), GN_OK);
    assert_int_equal(take_away(&bed, "a"), GN_ENOTFOUND);
    assert_string_equal(names(&bed), "b:api");
    gn_buf_free(&file);
    bed_free(&bed);
}

static void an_edit_that_is_wrong_is_refused_at_once(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed);
    start(&bed);
    assert_int_equal(put(&bed, GN_BMC_ADD, "a", "ipmi://x"), GN_EINVAL);
    assert_int_equal(put(&bed, GN_BMC_ADD, "a b", "x"), GN_EINVAL);
    assert_int_equal(bed.edits, 0);
    bed_free(&bed);
}

static void a_damaged_list_of_the_api_is_left_as_it_is(void **state)
{
    struct gn_buf file = GN_BUF_INIT;
    char path[256];
    struct bed bed;

    (void)state;
    bed_init(&bed);
    write_file(&bed, "store/bmcs.json", "{\"bmcs\":[");
    start(&bed);
    assert_int_equal(gn_bmc_inventory_wrong(bed.inventory), 1);
    assert_int_equal(put(&bed, GN_BMC_ADD, "a", "x"), GN_EPARSE);
    path_of(&bed, "store/bmcs.json", path);
    assert_int_equal(gn_file_read(path, 4096, &file), GN_OK);
    assert_string_equal(file.data, "{\"bmcs\":[");
    gn_buf_free(&file);
    bed_free(&bed);
}

static void edits_under_way_are_finished_at_the_end(void **state)
{
    struct gn_buf why = GN_BUF_INIT;
    json_t *entry = json_pack("{s:s, s:s}", "name", "a", "address", "x");
    char path[256];
    struct bed bed;

    (void)state;
    bed_init(&bed);
    start(&bed);
    assert_int_equal(gn_bmc_inventory_put(bed.inventory, GN_BMC_ADD, entry, on_edited, &bed, &why),
                     GN_OK);
    gn_bmc_inventory_stop(bed.inventory);
    assert_int_equal(gn_bmc_inventory_put(bed.inventory, GN_BMC_ADD, entry, on_edited, &bed, &why),
                     GN_ECANCELED);
    assert_int_equal(gn_bmc_inventory_remove(bed.inventory, GN_STR("a"), on_edited, &bed),
                     GN_ECANCELED);
    gn_worker_free(bed.worker);
    bed.worker = NULL;
    assert_int_equal(bed.edits, 1);
    assert_int_equal(bed.edited, GN_OK);
    path_of(&bed, "store/bmcs.json", path);
    assert_int_equal(access(path, R_OK), 0);
    json_decref(entry);
    gn_buf_free(&why);
    bed_free(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_bmc_an_empty_list_is_told_once),
        cmocka_unit_test(bmcs_come_from_all_sources_the_weightier_first),
        cmocka_unit_test(hosts_of_metal3_find_their_mounted_secrets),
        cmocka_unit_test(files_that_come_change_and_go_are_seen),
        cmocka_unit_test(what_means_the_same_is_not_told_again),
        cmocka_unit_test(a_folder_with_a_broken_file_keeps_the_bmcs_it_had),
        cmocka_unit_test(at_the_first_reading_what_can_be_read_counts),
        cmocka_unit_test(a_missing_folder_is_told_and_taken_up_when_it_comes),
        cmocka_unit_test(credentials_follow_their_files),
        cmocka_unit_test(a_mounted_secret_that_is_swapped_is_seen),
        cmocka_unit_test(credentials_that_cannot_be_read_trouble_their_bmc_alone),
        cmocka_unit_test(the_environments_bmc_has_the_environments_password),
        cmocka_unit_test(headers_are_lines_of_name_and_value),
        cmocka_unit_test(an_edit_is_done_when_it_is_on_disk_and_in_the_list),
        cmocka_unit_test(an_edit_that_is_wrong_is_refused_at_once),
        cmocka_unit_test(a_damaged_list_of_the_api_is_left_as_it_is),
        cmocka_unit_test(edits_under_way_are_finished_at_the_end),
    };

    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, STDERR_FILENO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
