/* Subscriptions and publishers: in memory, in files, and on their way from one to the other by a
 * real helper thread. */
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
#include "gurnard/base/id.h"
#include "gurnard/loop/loop.h"
#include "gurnard/store/pubsub.h"

#include "store_bed.h"
#include "store_priv.h"

#define PREFIX "http://localhost:8089/api/ocloudNotifications/v1/subscriptions/"

struct fixture {
    struct store_bed bed;
    struct gn_pubsub *store;
    int added, removed, changed;
};

static void on_added(void *ctx, struct gn_pubsub_item *item)
{
    struct fixture *f = ctx;

    item->user = f;
    f->added++;
}

static void on_removed(void *ctx, struct gn_pubsub_item *item)
{
    struct fixture *f = ctx;

    assert_ptr_equal(item->user, f);
    f->removed++;
}

static void on_changed(void *ctx, struct gn_pubsub_item *item)
{
    struct fixture *f = ctx;

    assert_ptr_equal(item->user, f);
    f->changed++;
}

static enum gn_err open_store(struct fixture *f, struct gn_pubsub **store)
{
    const struct gn_pubsub_observer observer = {on_added, on_removed, on_changed, f};

    return gn_pubsub_open(f->bed.folder, f->bed.worker, &observer, store);
}

static void reopen(struct fixture *f)
{
    gn_pubsub_close(f->store);
    assert_int_equal(open_store(f, &f->store), GN_OK);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL || !store_bed_init(&f->bed))
        return -1;
    *state = f;
    return open_store(f, &f->store) == GN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    bool is_clean;

    store_bed_end_worker(&f->bed);
    gn_pubsub_close(f->store);
    is_clean = store_bed_fini(&f->bed);
    free(f);
    return is_clean ? 0 : -1;
}

static struct gn_pubsub_item *add(struct fixture *f, enum gn_pubsub_kind kind, const char *resource,
                                  const char *endpoint)
{
    struct gn_pubsub_item *item;

    assert_int_equal(gn_pubsub_add(f->store, kind, gn_str_of(resource), gn_str_of(endpoint), PREFIX,
                                   &item),
                     GN_OK);
    return item;
}

static enum gn_err commit_and_wait(struct fixture *f, enum gn_pubsub_kind kind)
{
    struct ends ends = {0, GN_ECANCELED};

    assert_int_equal(gn_pubsub_commit(f->store, kind, on_done, &ends), GN_OK);
    assert_int_equal(ends.count, 0); /* never from inside the call */
    wait_for(&f->bed, &ends, 1);
    return ends.last;
}

/* Joins the resources in order. */
static bool join_resource(void *ctx, struct gn_pubsub_item *item)
{
    gn_buf_puts(ctx, item->resource);
    gn_buf_putc(ctx, ' ');
    return true;
}

static void assert_resources(struct fixture *f, enum gn_pubsub_kind kind, const char *want)
{
    struct gn_buf all = GN_BUF_INIT;

    gn_pubsub_each(f->store, kind, join_resource, &all);
    assert_string_equal(all.len > 0 ? all.data : "", want);
    gn_buf_free(&all);
}

/* ---- memory ---- */

static void a_new_record_has_an_id_and_a_link(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *item = add(f, GN_SUBSCRIPTION, "/r", "http://localhost:9/event");
    char link[256];

    assert_true(gn_id_is_valid(gn_str_of(item->id)));
    (void)snprintf(link, sizeof link, PREFIX "%s", item->id);
    assert_string_equal(item->uri_location, link);
    assert_string_equal(item->resource, "/r");
    assert_string_equal(item->endpoint_uri, "http://localhost:9/event");
    assert_int_equal(item->kind, GN_SUBSCRIPTION);
    assert_ptr_equal(gn_pubsub_find(f->store, GN_SUBSCRIPTION, gn_str_of(item->id)), item);
    assert_null(gn_pubsub_find(f->store, GN_PUBLISHER, gn_str_of(item->id)));
    assert_null(gn_pubsub_find(f->store, GN_SUBSCRIPTION, GN_STR_NONE));
}

static void the_same_kind_resource_and_endpoint_is_one_record(void **state)
{
    static const struct {
        enum gn_pubsub_kind kind;
        const char *resource, *endpoint;
        bool is_same;
    } rows[] = {
        {GN_SUBSCRIPTION, "/r", "http://e", true},  {GN_PUBLISHER, "/r", "http://e", false},
        {GN_SUBSCRIPTION, "/R", "http://e", false}, {GN_SUBSCRIPTION, "/r", "http://e/", false},
        {GN_SUBSCRIPTION, "/r", NULL, false},       {GN_SUBSCRIPTION, "/r", "", true},
        {GN_SUBSCRIPTION, "", NULL, false},         {GN_SUBSCRIPTION, "", "", true},
    };
    struct fixture *f = *state;
    struct gn_pubsub_item *item;

    (void)add(f, GN_SUBSCRIPTION, "/r", "http://e");
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_pubsub_add(f->store, rows[i].kind, gn_str_of(rows[i].resource),
                                       gn_str_of(rows[i].endpoint), PREFIX, &item),
                         rows[i].is_same ? GN_EEXIST : GN_OK);
        assert_string_equal(item->resource, rows[i].resource);
    }
}

static void a_removed_record_may_be_made_again(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *item = add(f, GN_PUBLISHER, "/r", "http://e");
    char id[GN_ID_LEN + 1];

    (void)snprintf(id, sizeof id, "%s", item->id);
    gn_pubsub_remove(f->store, item);
    assert_null(gn_pubsub_find(f->store, GN_PUBLISHER, gn_str_of(id)));
    assert_int_equal(gn_pubsub_count(f->store, GN_PUBLISHER), 0);
    item = add(f, GN_PUBLISHER, "/r", "http://e");
    assert_string_not_equal(item->id, id);
}

static void the_observer_sees_every_change(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *item;

    item = add(f, GN_SUBSCRIPTION, "/1", NULL);
    (void)add(f, GN_SUBSCRIPTION, "/2", NULL);
    (void)add(f, GN_SUBSCRIPTION, "/3", NULL);
    (void)add(f, GN_PUBLISHER, "/3", NULL);
    assert_int_equal(f->added, 4);
    gn_pubsub_remove(f->store, item);
    assert_int_equal(f->removed, 1);
    gn_pubsub_remove_all(f->store, GN_SUBSCRIPTION);
    assert_int_equal(f->removed, 3);
    assert_int_equal(gn_pubsub_count(f->store, GN_PUBLISHER), 1);
}

static void an_observer_named_before_the_load_sees_the_records(void **state)
{
    struct fixture *f = *state;
    const struct gn_pubsub_observer observer = {on_added, on_removed, on_changed, f};

    (void)add(f, GN_SUBSCRIPTION, "/1", NULL);
    assert_int_equal(commit_and_wait(f, GN_SUBSCRIPTION), GN_OK);
    gn_pubsub_close(f->store);
    f->added = 0;
    assert_int_equal(gn_pubsub_open(f->bed.folder, f->bed.worker, NULL, &f->store), GN_OK);
    gn_pubsub_observe(f->store, &observer);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_int_equal(f->added, 1);
}

static void a_file_that_was_taken_away_is_noticed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_false(gn_pubsub_had_file(f->store, GN_SUBSCRIPTION));
    assert_int_equal(gn_pubsub_make_files(f->store), GN_OK);
    reopen(f);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_true(gn_pubsub_had_file(f->store, GN_SUBSCRIPTION));
    assert_true(gn_pubsub_had_file(f->store, GN_PUBLISHER));
    assert_int_equal(gn_pubsub_count(f->store, GN_SUBSCRIPTION), 0);
}

static void texts_that_are_too_long_or_odd_are_refused(void **state)
{
    static char text[GN_PUBSUB_URI_MAX + 1];
    struct fixture *f = *state;
    const struct {
        struct gn_str resource, endpoint;
        enum gn_err want;
    } rows[] = {
        {{text, GN_PUBSUB_RESOURCE_MAX + 1}, GN_STR_NONE, GN_ELIMIT},
        {GN_STR("/r"), {text, GN_PUBSUB_URI_MAX + 1}, GN_ELIMIT},
        {GN_STR("/\xFF"), GN_STR_NONE, GN_EINVAL},
        {GN_STR("/a\0b"), GN_STR_NONE, GN_EINVAL},
        {GN_STR("/r"), GN_STR("http://\xC3"), GN_EINVAL},
        {{text, GN_PUBSUB_RESOURCE_MAX}, {text, GN_PUBSUB_URI_MAX}, GN_OK},
    };
    struct gn_pubsub_item *item;

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_pubsub_add(f->store, GN_PUBLISHER, rows[i].resource, rows[i].endpoint,
                                       PREFIX, &item),
                         rows[i].want);
}

static void there_is_a_limit_of_records_for_each_kind(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *item;
    char resource[32];

    for (int i = 0; i < GN_PUBSUB_ITEMS_MAX; i++) {
        (void)snprintf(resource, sizeof resource, "/r/%d", i);
        (void)add(f, GN_SUBSCRIPTION, resource, NULL);
    }
    assert_int_equal(gn_pubsub_add(f->store, GN_SUBSCRIPTION, GN_STR("/x"), GN_STR_NONE, PREFIX,
                                   &item),
                     GN_ELIMIT);
    (void)add(f, GN_PUBLISHER, "/x", NULL);
}

/* Texts of control characters take six bytes each in the file. */
static void no_more_is_taken_than_a_file_may_hold(void **state)
{
    static char text[GN_PUBSUB_URI_MAX];
    struct fixture *f = *state;
    struct gn_pubsub_item *item;
    struct gn_buf out = GN_BUF_INIT;
    enum gn_err err = GN_OK;
    char resource[32];

    memset(text, 1, sizeof text);
    for (int i = 0; err == GN_OK; i++) {
        (void)snprintf(resource, sizeof resource, "/r/%d", i);
        err = gn_pubsub_add(f->store, GN_SUBSCRIPTION, gn_str_of(resource),
                            (struct gn_str){text, sizeof text}, PREFIX, &item);
    }
    assert_int_equal(err, GN_ELIMIT);
    gn_pubsub_write_all(f->store, GN_SUBSCRIPTION, &out);
    assert_in_range(out.len, GN_PUBSUB_FILE_MAX - 20000, GN_PUBSUB_FILE_MAX);
    gn_buf_free(&out);
}

static bool stop_at_second(void *ctx, struct gn_pubsub_item *item)
{
    (void)item;
    return ++*(int *)ctx < 2;
}

static void a_walk_ends_when_it_is_told(void **state)
{
    struct fixture *f = *state;
    int seen = 0;

    (void)add(f, GN_PUBLISHER, "/1", NULL);
    (void)add(f, GN_PUBLISHER, "/2", NULL);
    (void)add(f, GN_PUBLISHER, "/3", NULL);
    gn_pubsub_each(f->store, GN_PUBLISHER, stop_at_second, &seen);
    assert_int_equal(seen, 2);
}

static void an_answer_is_compact_with_keys_in_order(void **state)
{
    struct fixture *f = *state;
    const struct gn_pubsub_item *item = add(f, GN_PUBLISHER, "/r \"1\"", NULL);
    struct gn_buf out = GN_BUF_INIT;
    char want[512];

    (void)snprintf(want, sizeof want,
                   "{\"id\":\"%s\",\"endpointUri\":\"\",\"uriLocation\":\"" PREFIX
                   "%s\",\"resource\":\"/r \\\"1\\\"\"}",
                   item->id, item->id);
    gn_pubsub_write_item(item, &out);
    assert_string_equal(out.data, want);
    gn_buf_free(&out);
}

/* ---- files ---- */

static void the_file_has_the_layout_of_cloud_event_proxy(void **state)
{
    struct fixture *f = *state;
    const char *one = add(f, GN_SUBSCRIPTION, "/1", "http://localhost:9/e")->id;
    const char *two = add(f, GN_SUBSCRIPTION, "/2", NULL)->id;
    char want[1024];

    (void)snprintf(want, sizeof want,
                   "[\n {\n  \"id\": \"%s\",\n  \"endpointUri\": \"http://localhost:9/e\",\n"
                   "  \"uriLocation\": \"" PREFIX "%s\",\n  \"resource\": \"/1\"\n },\n"
                   " {\n  \"id\": \"%s\",\n  \"endpointUri\": null,\n"
                   "  \"uriLocation\": \"" PREFIX "%s\",\n  \"resource\": \"/2\"\n }\n]",
                   one, one, two, two);
    assert_int_equal(commit_and_wait(f, GN_SUBSCRIPTION), GN_OK);
    assert_file(&f->bed, "sub.json", want);
    assert_int_equal(access(path_of(&f->bed, "pub.json"), F_OK), -1);
}

static void no_records_are_an_empty_array(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(commit_and_wait(f, GN_PUBLISHER), GN_OK);
    assert_file(&f->bed, "pub.json", "[]");
}

static void files_and_folder_are_for_the_owner_only(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub *inner;
    struct stat st;
    char folder[128];

    assert_int_equal(commit_and_wait(f, GN_PUBLISHER), GN_OK);
    assert_int_equal(stat(path_of(&f->bed, "pub.json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(path_of(&f->bed, "lock"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)snprintf(folder, sizeof folder, "%s/inner", f->bed.folder);
    assert_int_equal(gn_pubsub_open(folder, f->bed.worker, NULL, &inner), GN_OK);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    gn_pubsub_close(inner);
    (void)unlink(path_of(&f->bed, "inner/lock"));
}

static void ids_and_the_order_of_creation_survive_a_reload(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *gone;
    char id[GN_ID_LEN + 1];

    (void)add(f, GN_SUBSCRIPTION, "/c", NULL);
    gone = add(f, GN_SUBSCRIPTION, "/x", NULL);
    (void)snprintf(id, sizeof id, "%s", add(f, GN_SUBSCRIPTION, "/b", "http://e")->id);
    (void)add(f, GN_SUBSCRIPTION, "/a", NULL);
    gn_pubsub_remove(f->store, gone);
    (void)add(f, GN_SUBSCRIPTION, "/d", NULL);
    assert_int_equal(commit_and_wait(f, GN_SUBSCRIPTION), GN_OK);
    f->added = 0;
    reopen(f);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_resources(f, GN_SUBSCRIPTION, "/c /b /a /d ");
    assert_int_equal(f->added, 4);
    assert_string_equal(gn_pubsub_find(f->store, GN_SUBSCRIPTION, gn_str_of(id))->endpoint_uri,
                        "http://e");
}

static void a_loaded_record_is_known_as_a_duplicate(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *item;

    write_file(&f->bed, "sub.json",
               "[{\"id\":\"old-1\",\"endpointUri\":\"http://e\",\"resource\":\"/r\"}]");
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_int_equal(gn_pubsub_add(f->store, GN_SUBSCRIPTION, GN_STR("/r"), GN_STR("http://e"),
                                   PREFIX, &item),
                     GN_EEXIST);
    assert_string_equal(item->id, "old-1");
    assert_string_equal(item->uri_location, "");
}

static void both_spellings_of_the_members_are_read(void **state)
{
    struct fixture *f = *state;
    const struct gn_pubsub_item *item;

    write_file(&f->bed, "sub.json",
               "[{\"ResourceAddress\":\"/v2\",\"EndpointUri\":\"http://e2\","
               "\"SubscriptionId\":\"s2\",\"UriLocation\":\"http://l2\"},"
               "{\"ID\":\"s1\",\"EndPointURI \":\"http://e1\",\"URILocation\":\"http://l1\","
               "\"RESOURCE\":\"/v1\",\"extra\":{\"id\":[1]}}]");
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_resources(f, GN_SUBSCRIPTION, "/v2 /v1 ");
    item = gn_pubsub_find(f->store, GN_SUBSCRIPTION, GN_STR("s2"));
    assert_string_equal(item->endpoint_uri, "http://e2");
    assert_string_equal(item->uri_location, "http://l2");
    item = gn_pubsub_find(f->store, GN_SUBSCRIPTION, GN_STR("s1"));
    assert_string_equal(item->endpoint_uri, "http://e1");
    assert_string_equal(item->uri_location, "http://l1");
}

static void records_that_cannot_be_used_are_left_out(void **state)
{
    struct fixture *f = *state;

    write_file(&f->bed, "pub.json",
               "[5, {}, {\"id\":\"\"}, {\"id\":null}, {\"id\":7,\"resource\":\"/7\"},"
               "{\"id\":\"q\\\"\",\"resource\":\"/q\"}, {\"id\":\"a\",\"resource\":\"/a\"},"
               "{\"id\":\"a\",\"resource\":\"/again\"}, {\"id\":\"e\",\"endpointUri\":{}},"
               "{\"id\":\"b\",\"resource\":\"/b\",\"endpointUri\":\"\"}]");
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_resources(f, GN_PUBLISHER, "/a /b ");
    assert_null(gn_pubsub_find(f->store, GN_PUBLISHER, GN_STR("b"))->endpoint_uri);
}

static void empty_files_hold_nothing(void **state)
{
    static const char *const texts[] = {"", " \n", "null", "[]"};
    struct fixture *f = *state;

    for (size_t i = 0; i < GN_LEN(texts); i++) {
        write_file(&f->bed, "sub.json", texts[i]);
        assert_int_equal(gn_pubsub_load(f->store), GN_OK);
        assert_int_equal(gn_pubsub_count(f->store, GN_SUBSCRIPTION), 0);
        assert_int_equal(access(path_of(&f->bed, "sub.json.bad"), F_OK), -1);
    }
}

static void a_broken_file_is_put_aside_and_the_other_is_read(void **state)
{
    static const char *const texts[] = {"[{\"id\":\"a\"}", "{\"id\":\"a\"}", "[\"\xFF\"]", "x"};
    struct fixture *f = *state;

    write_file(&f->bed, "pub.json", "[{\"id\":\"p\",\"resource\":\"/p\"}]");
    for (size_t i = 0; i < GN_LEN(texts); i++) {
        write_file(&f->bed, "sub.json", texts[i]);
        reopen(f);
        assert_int_equal(gn_pubsub_load(f->store), GN_OK);
        assert_resources(f, GN_SUBSCRIPTION, "");
        assert_resources(f, GN_PUBLISHER, "/p ");
        assert_file(&f->bed, "sub.json.bad", texts[i]);
        assert_int_equal(access(path_of(&f->bed, "sub.json"), F_OK), -1);
    }
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(path_of(&f->bed, "sub.json"), 0700), 0);
    assert_int_equal(gn_pubsub_load(f->store), GN_EIO);
}

static void a_folder_has_one_owner(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub *second;

    assert_int_equal(open_store(f, &second), GN_EEXIST);
    assert_null(second);
    gn_pubsub_close(f->store);
    f->store = NULL;
    assert_int_equal(open_store(f, &f->store), GN_OK);
    assert_int_equal(gn_pubsub_open("/dev/null/x", f->bed.worker, NULL, &second), GN_EIO);
}

/* ---- natives ---- */

#define NATIVE_PREFIX "http://localhost:8089/api/gurnard/v1/subscriptions/"
#define OBJECT        "{\"sink\":\"http://s/1\",\"types\":[\"a\"]}"

static struct gn_pubsub_item *add_native(struct fixture *f, const char *sink, const char *object)
{
    struct gn_pubsub_item *item;

    assert_int_equal(gn_pubsub_add_native(f->store, gn_str_of(sink), gn_str_of(object),
                                          NATIVE_PREFIX, &item),
                     GN_OK);
    return item;
}

static void a_native_subscription_shows_its_object_with_its_id_in_front(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *item = add_native(f, "http://s/1", OBJECT);
    char want[256];

    assert_int_equal(item->kind, GN_NATIVE);
    assert_string_equal(item->resource, "");
    assert_string_equal(item->endpoint_uri, "http://s/1");
    (void)snprintf(want, sizeof want, "{\"id\":\"%s\",\"sink\":\"http://s/1\",\"types\":[\"a\"]}",
                   item->id);
    assert_string_equal(item->config, want);
    (void)snprintf(want, sizeof want, NATIVE_PREFIX "%s", item->id);
    assert_string_equal(item->uri_location, want);
    assert_ptr_equal(gn_pubsub_find(f->store, GN_NATIVE, gn_str_of(item->id)), item);
    assert_null(gn_pubsub_find(f->store, GN_SUBSCRIPTION, gn_str_of(item->id)));
    assert_null(add(f, GN_SUBSCRIPTION, "/r", NULL)->config);
}

static void natives_are_never_taken_for_the_same(void **state)
{
    struct fixture *f = *state;

    assert_ptr_not_equal(add_native(f, "http://s/1", OBJECT), add_native(f, "http://s/1", OBJECT));
    assert_int_equal(gn_pubsub_count(f->store, GN_NATIVE), 2);
    assert_int_equal(f->added, 2);
    gn_pubsub_remove_all(f->store, GN_NATIVE);
    assert_int_equal(f->removed, 2);
}

static void a_changed_native_keeps_its_id_and_the_observer_is_told(void **state)
{
    struct fixture *f = *state;
    struct gn_pubsub_item *item = add_native(f, "http://s/1", OBJECT);
    char want[256];

    assert_int_equal(gn_pubsub_change_native(f->store, item, GN_STR("http://s/2"),
                                             GN_STR("{\"sink\": \"http://s/2\"}")),
                     GN_OK);
    assert_int_equal(f->changed, 1);
    assert_int_equal(f->added, 1);
    assert_string_equal(item->endpoint_uri, "http://s/2");
    (void)snprintf(want, sizeof want, "{\"id\":\"%s\",\"sink\":\"http://s/2\"}", item->id);
    assert_string_equal(item->config, want);
    assert_string_equal(item->resource, "");
}

static void odd_natives_are_refused_and_change_nothing(void **state)
{
    static char text[GN_PUBSUB_OBJECT_MAX];
    struct fixture *f = *state;
    struct gn_pubsub_item *kept = add_native(f, "http://s/1", OBJECT);
    const struct {
        struct gn_str sink, object;
        enum gn_err want;
    } rows[] = {
        {GN_STR("http://s"), GN_STR("[]"), GN_EINVAL},
        {GN_STR("http://s"), GN_STR("{"), GN_EINVAL},
        {GN_STR("http://s"), GN_STR("{]}"), GN_EINVAL},
        {GN_STR("http://s"), GN_STR("{}{}"), GN_EINVAL},
        {GN_STR("http://s"), GN_STR_NONE, GN_EINVAL},
        {GN_STR("http://s"), GN_STR("{\"a\":\"\xFF\"}"), GN_EINVAL},
        {GN_STR("http://s"), {text, sizeof text}, GN_ELIMIT},
        {{text, GN_PUBSUB_URI_MAX + 1}, GN_STR("{}"), GN_ELIMIT},
        {GN_STR("http://\xC3"), GN_STR("{}"), GN_EINVAL},
        {GN_STR_NONE, GN_STR("{}"), GN_EINVAL},
    };
    char config[256];

    (void)snprintf(config, sizeof config, "%s", kept->config);
    memset(text, '[', sizeof text);
    memcpy(text, "{\"a\":", 5);
    text[sizeof text - 1] = '}';
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_pubsub_item *item;

        assert_int_equal(gn_pubsub_add_native(f->store, rows[i].sink, rows[i].object, NATIVE_PREFIX,
                                              &item),
                         rows[i].want);
        assert_null(item);
        assert_int_equal(gn_pubsub_change_native(f->store, kept, rows[i].sink, rows[i].object),
                         rows[i].want);
    }
    assert_string_equal(kept->config, config);
    assert_int_equal(f->changed, 0);
    assert_int_equal(gn_pubsub_count(f->store, GN_NATIVE), 1);
}

static void natives_are_written_one_a_line_and_read_again(void **state)
{
    struct fixture *f = *state;
    const char *one = add_native(f, "http://s/1", OBJECT)->config;
    struct gn_pubsub_item *second = add_native(f, "http://s/2", "{\"sink\":\"http://s/2\"}");
    char want[512], id[GN_ID_LEN + 1];

    (void)snprintf(want, sizeof want, "[\n%s,\n%s\n]", one, second->config);
    (void)snprintf(id, sizeof id, "%s", second->id);
    assert_int_equal(commit_and_wait(f, GN_NATIVE), GN_OK);
    assert_file(&f->bed, "native.json", want);
    reopen(f);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_int_equal(gn_pubsub_count(f->store, GN_NATIVE), 2);
    second = gn_pubsub_find(f->store, GN_NATIVE, gn_str_of(id));
    assert_string_equal(second->endpoint_uri, "http://s/2");
    assert_string_equal(second->uri_location, "");
    assert_int_equal(commit_and_wait(f, GN_NATIVE), GN_OK);
    assert_file(&f->bed, "native.json", want);
}

static void no_natives_are_an_empty_array(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(commit_and_wait(f, GN_NATIVE), GN_OK);
    assert_file(&f->bed, "native.json", "[]");
}

static void a_native_without_id_or_sink_is_left_out_at_load(void **state)
{
    struct fixture *f = *state;

    write_file(&f->bed, "native.json",
               "[1, {\"id\":\"a\"}, {\"sink\":\"http://s\"}, {\"ID\":\"b\",\"sink\":\"http://s\"},"
               "{\"id\":\"c\",\"sink\":{}}, {\"id\":\"d\", \"sink\":\"http://s\",\"more\":[ 1 ]}]");
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_int_equal(gn_pubsub_count(f->store, GN_NATIVE), 1);
    assert_string_equal(gn_pubsub_find(f->store, GN_NATIVE, GN_STR("d"))->config,
                        "{\"id\":\"d\",\"sink\":\"http://s\",\"more\":[1]}");
}

/* Filters nest. */
static void a_deep_native_object_that_was_taken_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct gn_buf object = GN_BUF_INIT;
    struct gn_pubsub_item *item;
    int depth = 0;
    enum gn_err err = GN_OK;

    while (err == GN_OK) {
        depth++;
        gn_buf_reset(&object);
        gn_buf_puts(&object, "{\"sink\":\"http://s\",\"filters\":");
        for (int i = 0; i < depth; i++)
            gn_buf_putc(&object, '[');
        for (int i = 0; i < depth; i++)
            gn_buf_putc(&object, ']');
        gn_buf_putc(&object, '}');
        err = gn_pubsub_add_native(f->store, GN_STR("http://s"), gn_buf_str(&object), NATIVE_PREFIX,
                                   &item);
    }
    gn_buf_free(&object);
    assert_int_equal(err, GN_ELIMIT);
    assert_in_range(depth, 33, 64);
    assert_int_equal(commit_and_wait(f, GN_NATIVE), GN_OK);
    reopen(f);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_int_equal(gn_pubsub_count(f->store, GN_NATIVE), (size_t)depth - 1);
}

static void a_store_from_before_natives_opens(void **state)
{
    struct fixture *f = *state;

    write_file(&f->bed, "sub.json", "[{\"id\":\"a\",\"resource\":\"/r\"}]");
    write_file(&f->bed, "pub.json", "[]");
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_true(gn_pubsub_had_file(f->store, GN_SUBSCRIPTION));
    assert_false(gn_pubsub_had_file(f->store, GN_NATIVE));
    assert_int_equal(gn_pubsub_make_files(f->store), GN_OK);
    assert_file(&f->bed, "native.json", "");
    assert_file(&f->bed, "pub.json", "[]");
    reopen(f);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_true(gn_pubsub_had_file(f->store, GN_NATIVE));
    assert_int_equal(gn_pubsub_count(f->store, GN_NATIVE), 0);
}

static void a_failed_write_of_natives_is_told_too(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(path_of(&f->bed, "native.json.tmp"), 0700), 0);
    (void)add_native(f, "http://s/1", OBJECT);
    assert_int_equal(commit_and_wait(f, GN_NATIVE), GN_EIO);
    assert_true(gn_pubsub_write_failed(f->store));
}

/* Changed texts count for the file, too. */
static void natives_grow_to_what_a_file_may_hold_and_no_further(void **state)
{
    const size_t most = GN_PUBSUB_OBJECT_MAX;
    struct fixture *f = *state;
    char *text = malloc(most);
    struct gn_pubsub_item *item, *last = NULL;
    struct gn_buf out = GN_BUF_INIT;
    enum gn_err err = GN_OK;

    assert_non_null(text);
    memset(text, 'x', most);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + most - 2, "\"}", 2);
    while (err == GN_OK) {
        last = add_native(f, "http://s", "{}");
        err = gn_pubsub_change_native(f->store, last, GN_STR("http://s"),
                                      (struct gn_str){text, most});
    }
    assert_int_equal(err, GN_ELIMIT);
    assert_int_equal(gn_pubsub_add_native(f->store, GN_STR("http://s"), (struct gn_str){text, most},
                                          NATIVE_PREFIX, &item),
                     GN_ELIMIT);
    gn_pubsub_write_all(f->store, GN_NATIVE, &out);
    assert_in_range(out.len, GN_PUBSUB_FILE_MAX - most - 1000, GN_PUBSUB_FILE_MAX);
    gn_buf_free(&out);
    free(text);
}

/* ---- commits ---- */

static void commits_made_while_a_write_runs_share_the_next(void **state)
{
    struct fixture *f = *state;
    struct ends ends[4] = {{0, GN_ECANCELED}};

    for (int i = 0; i < 4; i++) {
        char resource[8];

        (void)snprintf(resource, sizeof resource, "/%d", i);
        (void)add(f, GN_SUBSCRIPTION, resource, NULL);
        assert_int_equal(gn_pubsub_commit(f->store, GN_SUBSCRIPTION, on_done, &ends[i]), GN_OK);
    }
    assert_int_equal(ends[0].count, 0);
    wait_for(&f->bed, &ends[0], 1);
    assert_int_equal(ends[1].count, 0);
    wait_for(&f->bed, &ends[1], 1);
    assert_int_equal(ends[3].count, 1);
    assert_int_equal(ends[3].last, GN_OK);
    reopen(f);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_resources(f, GN_SUBSCRIPTION, "/0 /1 /2 /3 ");
}

static void the_kinds_are_written_apart(void **state)
{
    struct fixture *f = *state;
    struct ends subs = {0, GN_ECANCELED}, pubs = {0, GN_ECANCELED};

    assert_int_equal(gn_pubsub_commit(f->store, GN_SUBSCRIPTION, on_done, &subs), GN_OK);
    assert_int_equal(gn_pubsub_commit(f->store, GN_PUBLISHER, on_done, &pubs), GN_OK);
    wait_for(&f->bed, &subs, 1);
    wait_for(&f->bed, &pubs, 1);
    assert_file(&f->bed, "sub.json", "[]");
    assert_file(&f->bed, "pub.json", "[]");
}

/* Commits once more from inside done. */
struct chain {
    struct gn_pubsub *store;
    struct ends ends;
};

static void on_done_again(void *ctx, enum gn_err err)
{
    struct chain *chain = ctx;

    assert_int_equal(err, GN_OK);
    assert_int_equal(gn_pubsub_commit(chain->store, GN_PUBLISHER, on_done, &chain->ends), GN_OK);
}

static void a_commit_may_be_made_from_done(void **state)
{
    struct fixture *f = *state;
    struct chain chain = {.store = f->store};

    assert_int_equal(gn_pubsub_commit(f->store, GN_PUBLISHER, on_done_again, &chain), GN_OK);
    wait_for(&f->bed, &chain.ends, 1);
    assert_int_equal(chain.ends.last, GN_OK);
}

static void a_failed_write_keeps_the_old_file_and_the_next_commit_succeeds(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(commit_and_wait(f, GN_PUBLISHER), GN_OK);
    assert_int_equal(mkdir(path_of(&f->bed, "pub.json.tmp"), 0700), 0);
    (void)add(f, GN_PUBLISHER, "/r", NULL);
    assert_int_equal(commit_and_wait(f, GN_PUBLISHER), GN_EIO);
    assert_true(gn_pubsub_write_failed(f->store));
    assert_file(&f->bed, "pub.json", "[]");
    assert_int_equal(gn_pubsub_count(f->store, GN_PUBLISHER), 1);
    assert_int_equal(rmdir(path_of(&f->bed, "pub.json.tmp")), 0);
    assert_int_equal(commit_and_wait(f, GN_PUBLISHER), GN_OK);
    assert_false(gn_pubsub_write_failed(f->store));
    reopen(f);
    assert_int_equal(gn_pubsub_load(f->store), GN_OK);
    assert_resources(f, GN_PUBLISHER, "/r ");
}

static void ending_the_thread_ends_all_commits(void **state)
{
    struct fixture *f = *state;
    struct ends ends[2] = {{0, GN_ECANCELED}};

    assert_int_equal(gn_pubsub_commit(f->store, GN_PUBLISHER, on_done, &ends[0]), GN_OK);
    assert_int_equal(gn_pubsub_commit(f->store, GN_PUBLISHER, on_done, &ends[1]), GN_OK);
    store_bed_end_worker(&f->bed);
    assert_int_equal(ends[0].count, 1);
    assert_int_equal(ends[1].count, 1);
    gn_pubsub_close(f->store);
    f->store = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_record_has_an_id_and_a_link),
        TEST(the_same_kind_resource_and_endpoint_is_one_record),
        TEST(a_removed_record_may_be_made_again),
        TEST(the_observer_sees_every_change),
        TEST(an_observer_named_before_the_load_sees_the_records),
        TEST(a_file_that_was_taken_away_is_noticed),
        TEST(texts_that_are_too_long_or_odd_are_refused),
        TEST(there_is_a_limit_of_records_for_each_kind),
        TEST(no_more_is_taken_than_a_file_may_hold),
        TEST(a_walk_ends_when_it_is_told),
        TEST(an_answer_is_compact_with_keys_in_order),
        TEST(the_file_has_the_layout_of_cloud_event_proxy),
        TEST(no_records_are_an_empty_array),
        TEST(files_and_folder_are_for_the_owner_only),
        TEST(ids_and_the_order_of_creation_survive_a_reload),
        TEST(a_loaded_record_is_known_as_a_duplicate),
        TEST(both_spellings_of_the_members_are_read),
        TEST(records_that_cannot_be_used_are_left_out),
        TEST(empty_files_hold_nothing),
        TEST(a_broken_file_is_put_aside_and_the_other_is_read),
        TEST(a_file_that_cannot_be_read_is_an_error),
        TEST(a_folder_has_one_owner),
        TEST(a_native_subscription_shows_its_object_with_its_id_in_front),
        TEST(natives_are_never_taken_for_the_same),
        TEST(a_changed_native_keeps_its_id_and_the_observer_is_told),
        TEST(odd_natives_are_refused_and_change_nothing),
        TEST(natives_are_written_one_a_line_and_read_again),
        TEST(no_natives_are_an_empty_array),
        TEST(a_native_without_id_or_sink_is_left_out_at_load),
        TEST(a_deep_native_object_that_was_taken_is_read_again),
        TEST(a_store_from_before_natives_opens),
        TEST(a_failed_write_of_natives_is_told_too),
        TEST(natives_grow_to_what_a_file_may_hold_and_no_further),
        TEST(commits_made_while_a_write_runs_share_the_next),
        TEST(the_kinds_are_written_apart),
        TEST(a_commit_may_be_made_from_done),
        TEST(a_failed_write_keeps_the_old_file_and_the_next_commit_succeeds),
        TEST(ending_the_thread_ends_all_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
