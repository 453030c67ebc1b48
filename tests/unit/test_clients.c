/* Clients and their subscriptions: in memory, in files of either version, and on their way from one
 * to the other by a real helper thread. */
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

#include "gurnard/base/id.h"
#include "gurnard/store/clients.h"

#include "store_bed.h"

#define A      "a31e8e45-5c86-3f28-ba1b-09f5084ca515" /* of http://localhost:9044 */
#define B      "d38a522f-39a1-381e-9322-1513834b4f6e" /* of http://localhost:9046 */
#define C      "02ff4ff6-cd62-33ec-8af1-603c11db4d99" /* of http://localhost:9089/event */
#define PREFIX "http://localhost:8089/api/ocloudNotifications/v2/subscriptions/"

struct fixture {
    struct store_bed bed;
    struct gn_clients *clients;
    int added, removed;
    struct gn_buf told; /* "+resource " and "-resource " */
};

static void on_added(void *ctx, struct gn_client_sub *sub)
{
    struct fixture *f = ctx;

    assert_non_null(sub->client->end_point);
    sub->user = f;
    f->added++;
    gn_buf_printf(&f->told, "+%s ", sub->resource);
}

static void on_removed(void *ctx, struct gn_client_sub *sub)
{
    struct fixture *f = ctx;

    assert_ptr_equal(sub->user, f);
    assert_ptr_equal(gn_clients_find_resource(sub->client, gn_str_of(sub->resource)), sub);
    f->removed++;
    gn_buf_printf(&f->told, "-%s ", sub->resource);
}

static bool open_store(struct fixture *f)
{
    const struct gn_clients_observer observer = {on_added, on_removed, f};

    f->clients = gn_clients_new(f->bed.folder, f->bed.worker, &observer);
    return f->clients != NULL;
}

static void reload(struct fixture *f)
{
    gn_clients_free(f->clients);
    f->added = f->removed = 0;
    gn_buf_reset(&f->told);
    assert_true(open_store(f));
    assert_int_equal(gn_clients_load(f->clients), GN_OK);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL || !store_bed_init(&f->bed))
        return -1;
    f->told = GN_BUF_INIT;
    *state = f;
    return open_store(f) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    bool is_clean;

    store_bed_end_worker(&f->bed);
    gn_clients_free(f->clients);
    gn_buf_free(&f->told);
    is_clean = store_bed_fini(&f->bed);
    free(f);
    return is_clean ? 0 : -1;
}

static enum gn_err try_add(struct fixture *f, enum gn_client_kind kind, const char *client_id,
                           const char *end_point, const char *id, const char *resource,
                           struct gn_client_sub **sub)
{
    const struct gn_clients_wish wish = {
        .kind = kind,
        .client_id = gn_str_of(client_id),
        .end_point = gn_str_of(end_point),
        .id = gn_str_of(id),
        .resource = gn_str_of(resource),
        .uri_prefix = kind == GN_CLIENT_V2 ? PREFIX : NULL,
    };

    return gn_clients_add(f->clients, &wish, sub);
}

/* A proxy's subscription. */
static struct gn_client_sub *add(struct fixture *f, const char *client_id, const char *id,
                                 const char *resource)
{
    struct gn_client_sub *sub;

    assert_int_equal(try_add(f, GN_CLIENT_PROXY, client_id, "http://p:9044", id, resource, &sub),
                     GN_OK);
    return sub;
}

static struct gn_client_sub *add_v2(struct fixture *f, const char *client_id, const char *resource)
{
    struct gn_client_sub *sub;

    assert_int_equal(try_add(f, GN_CLIENT_V2, client_id, "http://localhost:9089/event", NULL,
                             resource, &sub),
                     GN_OK);
    return sub;
}

static enum gn_err commit_and_wait(struct fixture *f)
{
    struct ends ends = {0, GN_ECANCELED};

    assert_int_equal(gn_clients_commit(f->clients, on_done, &ends), GN_OK);
    assert_int_equal(ends.count, 0); /* never from inside the call */
    wait_for(&f->bed, &ends, 1);
    return ends.last;
}

static bool is_there(struct fixture *f, const char *name)
{
    return access(path_of(&f->bed, name), F_OK) == 0;
}

static bool join_resource(void *ctx, struct gn_client_sub *sub)
{
    gn_buf_printf(ctx, "%s ", sub->resource);
    return true;
}

static void assert_resources(struct fixture *f, enum gn_client_kind kind, const char *want)
{
    struct gn_buf all = GN_BUF_INIT;

    gn_clients_each(f->clients, kind, join_resource, &all);
    assert_string_equal(all.len > 0 ? all.data : "", want);
    gn_buf_free(&all);
}

/* ---- memory ---- */

static void a_proxy_keeps_the_id_that_it_gave(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *sub = add(f, A, "my-id", "/r");
    struct gn_client *client = gn_clients_find(f->clients, GN_STR(A));

    assert_ptr_equal(sub->client, client);
    assert_string_equal(sub->id, "my-id");
    assert_string_equal(sub->resource, "/r");
    assert_string_equal(sub->uri_location, "");
    assert_int_equal(client->kind, GN_CLIENT_PROXY);
    assert_string_equal(client->id, A);
    assert_string_equal(client->end_point, "http://p:9044");
    assert_int_equal(client->sub_count, 1);
    assert_ptr_equal(gn_clients_find_resource(client, GN_STR("/r")), sub);
    assert_null(gn_clients_find_resource(client, GN_STR("/R")));
    assert_null(gn_clients_find_resource(client, GN_STR_NONE));
    assert_null(gn_clients_find_v2(f->clients, GN_STR("my-id")));
}

static void a_v2_subscription_has_a_random_id_and_a_link(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *sub = add_v2(f, C, "/r");
    char link[256];

    assert_true(gn_id_is_valid(gn_str_of(sub->id)));
    (void)snprintf(link, sizeof link, PREFIX "%s", sub->id);
    assert_string_equal(sub->uri_location, link);
    assert_ptr_equal(gn_clients_find_v2(f->clients, gn_str_of(sub->id)), sub);
    assert_null(gn_clients_find_v2(f->clients, GN_STR_NONE));
}

static void proxies_may_use_the_same_ids(void **state)
{
    struct fixture *f = *state;
    const struct gn_client_sub *a = add(f, A, "same", "/r");
    const struct gn_client_sub *b = add(f, B, "same", "/r");

    assert_ptr_not_equal(a, b);
    assert_string_equal(a->id, "same");
    assert_string_equal(b->id, "same");
}

static void an_id_that_is_taken_gives_way_to_a_random_one(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *sub;

    (void)add(f, A, "same", "/1");
    sub = add(f, A, "same", "/2");
    assert_true(gn_id_is_valid(gn_str_of(sub->id)));
    assert_int_equal(sub->client->sub_count, 2);
}

static void the_same_resource_of_a_client_is_one_subscription(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *first = add(f, A, "1", "/r");
    struct gn_client_sub *sub;

    assert_int_equal(try_add(f, GN_CLIENT_PROXY, A, "http://p:9044", "2", "/r", &sub), GN_EEXIST);
    assert_ptr_equal(sub, first);
    assert_string_equal(sub->id, "1");
    assert_int_equal(f->added, 1);
}

static void a_proxy_that_registers_anew_has_the_new_end_point(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *first = add(f, A, "1", "/r");
    struct gn_client_sub *sub;

    assert_int_equal(try_add(f, GN_CLIENT_PROXY, A, "http://moved", "2", "/r", &sub), GN_EEXIST);
    assert_string_equal(first->client->end_point, "http://moved");
    assert_int_equal(try_add(f, GN_CLIENT_PROXY, A, "http://again", "2", "/s", &sub), GN_OK);
    assert_string_equal(first->client->end_point, "http://again");
    assert_int_equal(try_add(f, GN_CLIENT_PROXY, A, "http://third", "2", "", &sub), GN_EINVAL);
    assert_string_equal(first->client->end_point, "http://again");
    assert_int_equal(commit_and_wait(f), GN_OK);
    reload(f);
    assert_string_equal(gn_clients_find(f->clients, GN_STR(A))->end_point, "http://again");
}

static void a_v2_client_stays_where_it_is(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *first = add_v2(f, C, "/r");
    struct gn_client_sub *sub;

    assert_int_equal(try_add(f, GN_CLIENT_V2, C, "http://moved", NULL, "/r", &sub), GN_EEXIST);
    assert_ptr_equal(sub, first);
    assert_string_equal(first->client->end_point, "http://localhost:9089/event");
}

static void a_client_is_of_one_kind(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *sub;

    (void)add(f, A, "1", "/r");
    assert_int_equal(try_add(f, GN_CLIENT_V2, A, "http://e", NULL, "/s", &sub), GN_EREFUSED);
    assert_null(sub);
}

static void a_client_id_may_be_spelled_in_capitals(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *sub = add(f, "A31E8E45-5C86-3F28-BA1B-09F5084CA515", "1", "/r");

    assert_string_equal(sub->client->id, A);
    assert_ptr_equal(gn_clients_find(f->clients, GN_STR(A)), sub->client);
    assert_ptr_equal(gn_clients_find(f->clients, GN_STR("A31e8E45-5C86-3F28-BA1B-09F5084CA515")),
                     sub->client);
    assert_null(gn_clients_find(f->clients, GN_STR(B)));
    assert_null(gn_clients_find(f->clients, GN_STR("../lock")));
}

static void texts_that_are_too_long_or_odd_are_refused(void **state)
{
    static char text[GN_CLIENTS_URI_MAX + 1];
    struct fixture *f = *state;
    const struct gn_str id = GN_STR(A), e = GN_STR("http://e"), r = GN_STR("/r");
    const struct {
        struct gn_str client_id, end_point, id, resource;
        enum gn_err want;
    } rows[] = {
        {GN_STR_NONE, e, GN_STR_NONE, r, GN_EINVAL},
        {GN_STR("../../etc/passwd"), e, GN_STR_NONE, r, GN_EINVAL},
        {GN_STR("a31e8e45-5c86-3f28-ba1b-09f5084ca51/"), e, GN_STR_NONE, r, GN_EINVAL},
        {id, GN_STR_NONE, GN_STR_NONE, r, GN_EINVAL},
        {id, GN_STR("h\0"), GN_STR_NONE, r, GN_EINVAL},
        {id, {text, GN_CLIENTS_URI_MAX + 1}, GN_STR_NONE, r, GN_ELIMIT},
        {id, e, GN_STR("\xFF"), r, GN_EINVAL},
        {id, e, {text, GN_CLIENTS_ID_MAX + 1}, r, GN_ELIMIT},
        {id, e, GN_STR_NONE, GN_STR_NONE, GN_EINVAL},
        {id, e, GN_STR_NONE, GN_STR("/\xC3"), GN_EINVAL},
        {id, e, GN_STR_NONE, {text, GN_CLIENTS_RESOURCE_MAX + 1}, GN_ELIMIT},
        {id,
         {text, GN_CLIENTS_URI_MAX},
         {text, GN_CLIENTS_ID_MAX},
         {text, GN_CLIENTS_RESOURCE_MAX},
         GN_OK},
    };

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_clients_wish wish = {.kind = GN_CLIENT_PROXY,
                                             .client_id = rows[i].client_id,
                                             .end_point = rows[i].end_point,
                                             .id = rows[i].id,
                                             .resource = rows[i].resource};
        struct gn_client_sub *sub;

        assert_int_equal(gn_clients_count(f->clients, GN_CLIENT_PROXY), 0);
        assert_int_equal(gn_clients_add(f->clients, &wish, &sub), rows[i].want);
    }
    assert_int_equal(gn_clients_count(f->clients, GN_CLIENT_PROXY), 1);
}

static void there_is_a_limit_of_subscriptions_of_all_clients(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *sub;
    char resource[32];

    for (int i = 0; i < GN_CLIENTS_SUBS_MAX - 1; i++) {
        (void)snprintf(resource, sizeof resource, "/r/%d", i);
        (void)add(f, A, NULL, resource);
    }
    (void)add_v2(f, C, "/r");
    assert_int_equal(try_add(f, GN_CLIENT_PROXY, A, "http://e", NULL, "/x", &sub), GN_ELIMIT);
    assert_int_equal(try_add(f, GN_CLIENT_PROXY, B, "http://e", NULL, "/x", &sub), GN_ELIMIT);
    assert_null(gn_clients_find(f->clients, GN_STR(B)));
    assert_int_equal(gn_clients_sub_count(f->clients, GN_CLIENT_PROXY), GN_CLIENTS_SUBS_MAX - 1);
    assert_int_equal(gn_clients_sub_count(f->clients, GN_CLIENT_V2), 1);
}

/* Texts of control characters take six bytes each in the file. */
static void no_more_is_taken_than_a_file_may_hold(void **state)
{
    static char text[GN_CLIENTS_RESOURCE_MAX + 1];
    struct fixture *f = *state;
    struct gn_client_sub *sub;
    enum gn_err err = GN_OK;
    int count = 0;

    memset(text, 1, sizeof text - 1);
    while (err == GN_OK) {
        (void)snprintf(text + sizeof text - 9, 9, "%08d", count);
        err = try_add(f, GN_CLIENT_PROXY, A, "http://e", NULL, text, &sub);
        count += err == GN_OK;
    }
    assert_int_equal(err, GN_ELIMIT);
    assert_int_equal(commit_and_wait(f), GN_OK);
    reload(f);
    assert_int_equal(f->added, count);
}

static void a_client_goes_with_its_last_subscription(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *one = add(f, A, "1", "/1"), *two = add(f, A, "2", "/2");

    gn_clients_remove_sub(f->clients, one);
    assert_non_null(gn_clients_find(f->clients, GN_STR(A)));
    gn_clients_remove_sub(f->clients, two);
    assert_null(gn_clients_find(f->clients, GN_STR(A)));
    assert_int_equal(gn_clients_count(f->clients, GN_CLIENT_PROXY), 0);
    assert_string_equal(f->told.data, "+/1 +/2 -/1 -/2 ");
}

static void a_client_that_is_removed_takes_all_its_subscriptions(void **state)
{
    struct fixture *f = *state;
    struct gn_client *client = add_v2(f, C, "/1")->client;

    (void)add_v2(f, C, "/2");
    (void)add(f, A, "1", "/3");
    gn_clients_remove(f->clients, client);
    assert_string_equal(f->told.data, "+/1 +/2 +/3 -/1 -/2 ");
    assert_int_equal(gn_clients_sub_count(f->clients, GN_CLIENT_V2), 0);
    assert_int_equal(gn_clients_count(f->clients, GN_CLIENT_V2), 0);
    assert_int_equal(gn_clients_sub_count(f->clients, GN_CLIENT_PROXY), 1);
}

static bool remove_each(void *ctx, struct gn_client_sub *sub)
{
    gn_clients_remove_sub(ctx, sub);
    return true;
}

static bool stop_at_second(void *ctx, struct gn_client_sub *sub)
{
    (void)sub;
    return ++*(int *)ctx < 2;
}

static void a_walk_goes_in_order_and_may_remove_what_it_is_given(void **state)
{
    struct fixture *f = *state;
    int seen = 0;

    (void)add(f, B, "1", "/1");
    (void)add_v2(f, C, "/v");
    (void)add(f, A, "1", "/3");
    (void)add(f, B, "0", "/2");
    assert_resources(f, GN_CLIENT_PROXY, "/1 /2 /3 ");
    assert_resources(f, GN_CLIENT_V2, "/v ");
    gn_clients_each(f->clients, GN_CLIENT_PROXY, stop_at_second, &seen);
    assert_int_equal(seen, 2);
    gn_clients_each(f->clients, GN_CLIENT_PROXY, remove_each, f->clients);
    assert_resources(f, GN_CLIENT_PROXY, "");
    assert_resources(f, GN_CLIENT_V2, "/v ");
}

static void a_v2_subscription_is_shown_with_keys_in_order(void **state)
{
    struct fixture *f = *state;
    const struct gn_client_sub *sub = add_v2(f, C, "/r \"1\"");
    struct gn_buf out = GN_BUF_INIT;
    char want[512];

    (void)snprintf(want, sizeof want,
                   "{\"ResourceAddress\":\"/r \\\"1\\\"\",\"EndpointUri\":"
                   "\"http://localhost:9089/event\",\"SubscriptionId\":\"%s\",\"UriLocation\":"
                   "\"" PREFIX "%s\"}",
                   sub->id, sub->id);
    gn_clients_write_v2(sub, &out);
    assert_string_equal(out.data, want);
    gn_buf_free(&out);
}

/* ---- files ---- */

static void a_proxys_file_has_the_layout_of_cloud_event_proxy(void **state)
{
    struct fixture *f = *state;

    (void)add(f, A, "b", "/2");
    (void)add(f, A, "a", "/1");
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_file(&f->bed, A ".json",
                "{\n"
                " \"clientID\": \"" A "\",\n"
                " \"subStore\": {\n"
                "  \"store\": {\n"
                "   \"a\": {\n"
                "    \"id\": \"a\",\n"
                "    \"endpointUri\": null,\n"
                "    \"uriLocation\": null,\n"
                "    \"resource\": \"/1\"\n"
                "   },\n"
                "   \"b\": {\n"
                "    \"id\": \"b\",\n"
                "    \"endpointUri\": null,\n"
                "    \"uriLocation\": null,\n"
                "    \"resource\": \"/2\"\n"
                "   }\n"
                "  }\n"
                " },\n"
                " \"endPointURI\": \"http://p:9044\",\n"
                " \"status\": 1,\n"
                " \"action\": 0\n"
                "}");
}

static void a_v2_file_has_the_layout_of_cloud_event_proxy_2(void **state)
{
    struct fixture *f = *state;
    const char *id = add_v2(f, C, "/r")->id;
    char want[1024];

    (void)snprintf(want, sizeof want,
                   "{\n"
                   " \"clientID\": \"" C "\",\n"
                   " \"subStore\": {\n"
                   "  \"store\": {\n"
                   "   \"%s\": {\n"
                   "    \"ResourceAddress\": \"/r\",\n"
                   "    \"EndpointUri\": \"http://localhost:9089/event\",\n"
                   "    \"SubscriptionId\": \"%s\",\n"
                   "    \"UriLocation\": \"" PREFIX "%s\"\n"
                   "   }\n"
                   "  }\n"
                   " },\n"
                   " \"EndpointUri\": \"http://localhost:9089/event\",\n"
                   " \"status\": 1,\n"
                   " \"action\": 0\n"
                   "}",
                   id, id, id);
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_file(&f->bed, C ".json", want);
}

static void a_file_is_for_the_owner_only(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    (void)add(f, A, "1", "/1");
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_int_equal(stat(path_of(&f->bed, A ".json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void clients_survive_a_reload_in_the_order_of_their_files(void **state)
{
    struct fixture *f = *state;
    char id[GN_ID_LEN + 1];

    (void)add(f, B, "1", "/b");
    (void)add(f, A, "2", "/a2");
    (void)add(f, A, "1", "/a1");
    (void)snprintf(id, sizeof id, "%s", add_v2(f, C, "/c")->id);
    assert_int_equal(commit_and_wait(f), GN_OK);
    reload(f);
    assert_resources(f, GN_CLIENT_PROXY, "/a1 /a2 /b ");
    assert_resources(f, GN_CLIENT_V2, "/c ");
    assert_int_equal(f->added, 4);
    assert_string_equal(gn_clients_find_v2(f->clients, gn_str_of(id))->client->id, C);
    assert_int_equal(gn_clients_count(f->clients, GN_CLIENT_PROXY), 2);
    assert_int_equal(gn_clients_count(f->clients, GN_CLIENT_V2), 1);
}

static void either_version_is_told_by_its_spelling(void **state)
{
    static const struct {
        const char *text;
        enum gn_client_kind want;
    } rows[] = {
        {"{\"endPointURI\":\"http://e\",\"subStore\":{\"store\":{\"i\":{\"resource\":\"/r\"}}}}",
         GN_CLIENT_PROXY},
        {"{\"EndPointUri\":\"http://e\",\"subStore\":{\"store\":{\"i\":{\"resource\":\"/r\"}}}}",
         GN_CLIENT_PROXY},
        {"{\"EndpointUri\":\"http://e\",\"subStore\":{\"store\":{\"i\":{\"resource\":\"/r\"}}}}",
         GN_CLIENT_V2},
        {"{\"endPointURI\":\"http://e\",\"subStore\":{\"store\":{\"i\":"
         "{\"ResourceAddress\":\"/r\"}}}}",
         GN_CLIENT_V2},
        {"{\" ENDPOINTURI \":\"http://e\",\"SUBSTORE\":{\" Store\":{\"i\":"
         "{\"ID\":\"\",\"Resource \":\"/r\"}}}}",
         GN_CLIENT_PROXY},
        {"{\"subStore\":{\"store\":{}},\"subStore\":{\"store\":{\"i\":{\"resource\":\"/r\"}}},"
         "\"more\":[{\"endPointURI\":5}],\"endPointURI\":\"http://e\"}",
         GN_CLIENT_PROXY},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const struct gn_client *client;
        const struct gn_client_sub *sub;

        write_file(&f->bed, A ".json", rows[i].text);
        reload(f);
        client = gn_clients_find(f->clients, GN_STR(A));
        assert_non_null(client);
        assert_int_equal(client->kind, rows[i].want);
        assert_string_equal(client->end_point, "http://e");
        sub = TAILQ_FIRST(&client->subs);
        assert_string_equal(sub->id, "i"); /* the key stands in */
        assert_string_equal(sub->resource, "/r");
    }
}

static void what_a_v1_object_holds_besides_is_kept(void **state)
{
    struct fixture *f = *state;
    struct gn_buf text = GN_BUF_INIT;

    write_file(
        &f->bed, A ".json",
        "{\"endPointURI\":\"http://e\",\"subStore\":{\"store\":{\"i\":{\"id\":\"i\","
        "\"endpointUri\":\"http://app\",\"uriLocation\":\"http://l\",\"resource\":\"/r\"}}}}");
    reload(f);
    (void)add(f, A, "j", "/s");
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_int_equal(gn_file_read(path_of(&f->bed, A ".json"), 10000, &text), GN_OK);
    assert_non_null(strstr(text.data, "    \"endpointUri\": \"http://app\",\n"
                                      "    \"uriLocation\": \"http://l\",\n"));
    gn_buf_free(&text);
}

static void a_client_that_cannot_be_used_is_left_alone(void **state)
{
    static const char *const texts[] = {
        "",
        " \n",
        "null",
        "{}",
        "{\"endPointURI\":\"http://e\"}",
        "{\"endPointURI\":\"http://e\",\"subStore\":null}",
        "{\"endPointURI\":\"http://e\",\"subStore\":5}",
        "{\"endPointURI\":\"http://e\",\"subStore\":{\"store\":null}}",
        "{\"endPointURI\":\"http://e\",\"subStore\":{\"store\":[]}}",
        ("{\"endPointURI\":\"http://e\",\"subStore\":{\"store\":{\"i\":5,\"j\":{},\"k\":"
         "{\"id\":\"k\",\"resource\":7},\"\":{\"resource\":\"/r\"}}}}"),
        "{\"endPointURI\":null,\"subStore\":{\"store\":{\"i\":{\"resource\":\"/r\"}}}}",
        "{\"endPointURI\":[],\"subStore\":{\"store\":{\"i\":{\"resource\":\"/r\"}}}}",
        "{\"endPointURI\":\"\",\"subStore\":{\"store\":{\"i\":{\"resource\":\"/r\"}}}}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < GN_LEN(texts); i++) {
        write_file(&f->bed, A ".json", texts[i]);
        reload(f);
        assert_int_equal(f->added, 0);
        assert_null(gn_clients_find(f->clients, GN_STR(A)));
        assert_int_equal(commit_and_wait(f), GN_OK);
        assert_file(&f->bed, A ".json", texts[i]);
    }
}

static void only_the_subscriptions_that_can_be_used_are_read(void **state)
{
    struct fixture *f = *state;

    write_file(&f->bed, A ".json",
               "{\"endPointURI\":\"http://e\",\"status\":\"odd\",\"subStore\":{\"store\":{"
               "\"a\":{\"id\":\"a\",\"resource\":\"/1\",\"uriLocation\":7},\"b\":null,"
               "\"c\":{\"id\":\"a\",\"resource\":\"/2\"},\"d\":{\"id\":\"d\",\"resource\":\"/1\"},"
               "\"e\":{\"id\":8,\"resource\":\"/3\"}}}}");
    reload(f);
    assert_resources(f, GN_CLIENT_PROXY, "/1 /3 ");
}

static void a_v2_id_that_another_client_has_is_left_out(void **state)
{
    static const char text[] = "{\"EndpointUri\":\"http://e\",\"subStore\":{\"store\":{\"i\":"
                               "{\"SubscriptionId\":\"i\",\"ResourceAddress\":\"/r\"}}}}";
    struct fixture *f = *state;

    write_file(&f->bed, A ".json", text);
    write_file(&f->bed, B ".json", text);
    reload(f);
    assert_int_equal(f->added, 1);
    assert_string_equal(gn_clients_find_v2(f->clients, GN_STR("i"))->client->id, A);
}

static void a_broken_file_is_put_aside_and_the_others_are_read(void **state)
{
    static const char *const texts[] = {"{\"endPointURI\":", "[]", "{\"a\":\"\xFF\"}", "x", "5"};
    struct fixture *f = *state;

    (void)add(f, B, "1", "/b");
    assert_int_equal(commit_and_wait(f), GN_OK);
    for (size_t i = 0; i < GN_LEN(texts); i++) {
        write_file(&f->bed, A ".json", texts[i]);
        reload(f);
        assert_resources(f, GN_CLIENT_PROXY, "/b ");
        assert_file(&f->bed, A ".json.bad", texts[i]);
        assert_false(is_there(f, A ".json"));
    }
}

static void other_files_are_not_looked_at(void **state)
{
    static const char *const names[] = {
        "pub.json",
        "sub.json",
        "native.json",
        "lock",
        A,
        A ".json.tmp",
        A ".json.bad",
        "x" A ".json",
        "A31E8E45-5C86-3F28-BA1B-09F5084CA515.json",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < GN_LEN(names); i++)
        write_file(&f->bed, names[i], "not JSON");
    assert_int_equal(mkdir(path_of(&f->bed, "journal"), 0700), 0);
    reload(f);
    assert_int_equal(f->added, 0);
    for (size_t i = 0; i < GN_LEN(names); i++)
        assert_file(&f->bed, names[i], "not JSON");
}

static void what_cannot_be_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct gn_clients *clients = gn_clients_new("/nowhere/at/all", f->bed.worker, NULL);

    assert_int_equal(gn_clients_load(clients), GN_EIO);
    gn_clients_free(clients);
    assert_int_equal(mkdir(path_of(&f->bed, A ".json"), 0700), 0);
    assert_int_equal(gn_clients_load(f->clients), GN_EIO);
}

static void an_observer_named_before_the_load_sees_the_subscriptions(void **state)
{
    struct fixture *f = *state;
    const struct gn_clients_observer observer = {on_added, on_removed, f};

    (void)add(f, A, "1", "/1");
    assert_int_equal(commit_and_wait(f), GN_OK);
    gn_clients_free(f->clients);
    f->added = 0;
    f->clients = gn_clients_new(f->bed.folder, f->bed.worker, NULL);
    gn_clients_observe(f->clients, &observer);
    assert_int_equal(gn_clients_load(f->clients), GN_OK);
    assert_int_equal(f->added, 1);
}

/* A file as short as it may be, not synced. */
static void write_short_file(struct fixture *f, int number)
{
    char name[64];
    FILE *file;

    (void)snprintf(name, sizeof name, "00000000-0000-4000-8000-%012d.json", number);
    file = fopen(path_of(&f->bed, name), "w");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "{\"subStore\":{\"store\":{\"%d\":{\"resource\":\"/r/%d\"}}},"
                        "\"endPointURI\":\"http://p%d:9044\"}",
                        number, number, number) > 0);
    assert_int_equal(fclose(file), 0);
}

static void as_many_clients_as_there_may_be_are_loaded(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i <= GN_CLIENTS_MAX; i++)
        write_short_file(f, i);
    assert_int_equal(gn_clients_load(f->clients), GN_OK);
    assert_int_equal(f->added, GN_CLIENTS_MAX);
    assert_int_equal(gn_clients_count(f->clients, GN_CLIENT_PROXY), GN_CLIENTS_MAX);
    assert_true(is_there(f, "00000000-0000-4000-8000-000000010000.json"));
}

/* ---- commits ---- */

static void only_what_has_changed_is_written(void **state)
{
    struct fixture *f = *state;

    (void)add(f, A, "1", "/1");
    (void)add(f, B, "1", "/1");
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_int_equal(unlink(path_of(&f->bed, A ".json")), 0);
    (void)add(f, B, "2", "/2");
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_false(is_there(f, A ".json"));
    assert_true(is_there(f, B ".json"));
    reload(f);
    assert_resources(f, GN_CLIENT_PROXY, "/1 /2 ");
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_false(is_there(f, A ".json"));
}

static void the_file_goes_with_the_client(void **state)
{
    struct fixture *f = *state;
    struct gn_client_sub *sub = add(f, A, "1", "/1");

    (void)add(f, A, "2", "/2");
    assert_int_equal(commit_and_wait(f), GN_OK);
    gn_clients_remove_sub(f->clients, sub);
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_true(is_there(f, A ".json"));
    gn_clients_remove(f->clients, gn_clients_find(f->clients, GN_STR(A)));
    assert_true(is_there(f, A ".json"));
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_false(is_there(f, A ".json"));
    gn_clients_remove(f->clients, add(f, A, "1", "/1")->client); /* was never written */
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_false(gn_clients_write_failed(f->clients));
}

static void a_client_that_comes_back_before_the_commit_keeps_its_file(void **state)
{
    struct fixture *f = *state;

    (void)add(f, A, "1", "/1");
    assert_int_equal(commit_and_wait(f), GN_OK);
    gn_clients_remove(f->clients, gn_clients_find(f->clients, GN_STR(A)));
    (void)add(f, A, "2", "/2");
    assert_int_equal(commit_and_wait(f), GN_OK);
    reload(f);
    assert_resources(f, GN_CLIENT_PROXY, "/2 ");
}

/* Each step is committed while the write of the one before is under way. */
static void what_happens_while_a_write_runs_is_in_the_next(void **state)
{
    struct fixture *f = *state;
    struct ends ends[4] = {{0, GN_ECANCELED}};

    (void)add(f, A, "1", "/1");
    assert_int_equal(gn_clients_commit(f->clients, on_done, &ends[0]), GN_OK);
    gn_clients_remove(f->clients, gn_clients_find(f->clients, GN_STR(A)));
    assert_int_equal(gn_clients_commit(f->clients, on_done, &ends[1]), GN_OK);
    wait_for(&f->bed, &ends[0], 1);
    (void)add(f, A, "2", "/2");
    (void)add_v2(f, C, "/c");
    assert_int_equal(gn_clients_commit(f->clients, on_done, &ends[2]), GN_OK);
    wait_for(&f->bed, &ends[1], 1);
    (void)add(f, A, "3", "/3");
    assert_int_equal(gn_clients_commit(f->clients, on_done, &ends[3]), GN_OK);
    wait_for(&f->bed, &ends[3], 1);
    assert_int_equal(ends[2].count, 1);
    assert_int_equal(ends[3].last, GN_OK);
    reload(f);
    assert_resources(f, GN_CLIENT_PROXY, "/2 /3 ");
    assert_resources(f, GN_CLIENT_V2, "/c ");
}

static void a_failed_write_is_tried_again_by_the_next_commit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(path_of(&f->bed, A ".json.tmp"), 0700), 0);
    (void)add(f, A, "1", "/1");
    (void)add(f, B, "1", "/2");
    assert_int_equal(commit_and_wait(f), GN_EIO);
    assert_true(gn_clients_write_failed(f->clients));
    assert_true(is_there(f, B ".json"));
    assert_int_equal(rmdir(path_of(&f->bed, A ".json.tmp")), 0);
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_false(gn_clients_write_failed(f->clients));
    reload(f);
    assert_resources(f, GN_CLIENT_PROXY, "/1 /2 ");
}

/* A folder stands where the file was: it cannot be unlinked. */
static void a_failed_removal_is_tried_again_by_the_next_commit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(path_of(&f->bed, A ".json"), 0700), 0);
    gn_clients_remove(f->clients, add(f, A, "1", "/1")->client);
    assert_int_equal(commit_and_wait(f), GN_EIO);
    assert_true(gn_clients_write_failed(f->clients));
    assert_int_equal(rmdir(path_of(&f->bed, A ".json")), 0);
    write_file(&f->bed, A ".json", "x");
    assert_int_equal(commit_and_wait(f), GN_OK);
    assert_false(is_there(f, A ".json"));
    assert_false(gn_clients_write_failed(f->clients));
}

static void a_store_is_freed_with_removals_that_failed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(path_of(&f->bed, A ".json"), 0700), 0);
    gn_clients_remove(f->clients, add(f, A, "1", "/1")->client);
    assert_int_equal(commit_and_wait(f), GN_EIO);
    (void)add(f, A, "1", "/1");
    gn_clients_free(f->clients);
    assert_true(open_store(f));
}

/* Commits once more from inside done. */
struct chain {
    struct gn_clients *clients;
    struct ends ends;
};

static void on_done_again(void *ctx, enum gn_err err)
{
    struct chain *chain = ctx;

    assert_int_equal(err, GN_OK);
    assert_int_equal(gn_clients_commit(chain->clients, on_done, &chain->ends), GN_OK);
}

static void a_commit_may_be_made_from_done(void **state)
{
    struct fixture *f = *state;
    struct chain chain = {.clients = f->clients};

    assert_int_equal(gn_clients_commit(f->clients, on_done_again, &chain), GN_OK);
    wait_for(&f->bed, &chain.ends, 1);
    assert_int_equal(chain.ends.last, GN_OK);
}

static void ending_the_thread_ends_all_commits(void **state)
{
    struct fixture *f = *state;
    struct ends ends[2] = {{0, GN_ECANCELED}};

    (void)add(f, A, "1", "/1");
    assert_int_equal(gn_clients_commit(f->clients, on_done, &ends[0]), GN_OK);
    assert_int_equal(gn_clients_commit(f->clients, on_done, &ends[1]), GN_OK);
    store_bed_end_worker(&f->bed);
    assert_int_equal(ends[0].count, 1);
    assert_int_equal(ends[1].count, 1);
    assert_true(is_there(f, A ".json"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_proxy_keeps_the_id_that_it_gave),
        TEST(a_v2_subscription_has_a_random_id_and_a_link),
        TEST(proxies_may_use_the_same_ids),
        TEST(an_id_that_is_taken_gives_way_to_a_random_one),
        TEST(the_same_resource_of_a_client_is_one_subscription),
        TEST(a_proxy_that_registers_anew_has_the_new_end_point),
        TEST(a_v2_client_stays_where_it_is),
        TEST(a_client_is_of_one_kind),
        TEST(a_client_id_may_be_spelled_in_capitals),
        TEST(texts_that_are_too_long_or_odd_are_refused),
        TEST(there_is_a_limit_of_subscriptions_of_all_clients),
        TEST(no_more_is_taken_than_a_file_may_hold),
        TEST(a_client_goes_with_its_last_subscription),
        TEST(a_client_that_is_removed_takes_all_its_subscriptions),
        TEST(a_walk_goes_in_order_and_may_remove_what_it_is_given),
        TEST(a_v2_subscription_is_shown_with_keys_in_order),
        TEST(a_proxys_file_has_the_layout_of_cloud_event_proxy),
        TEST(a_v2_file_has_the_layout_of_cloud_event_proxy_2),
        TEST(a_file_is_for_the_owner_only),
        TEST(clients_survive_a_reload_in_the_order_of_their_files),
        TEST(either_version_is_told_by_its_spelling),
        TEST(what_a_v1_object_holds_besides_is_kept),
        TEST(a_client_that_cannot_be_used_is_left_alone),
        TEST(only_the_subscriptions_that_can_be_used_are_read),
        TEST(a_v2_id_that_another_client_has_is_left_out),
        TEST(a_broken_file_is_put_aside_and_the_others_are_read),
        TEST(other_files_are_not_looked_at),
        TEST(what_cannot_be_read_is_an_error),
        TEST(an_observer_named_before_the_load_sees_the_subscriptions),
        TEST(as_many_clients_as_there_may_be_are_loaded),
        TEST(only_what_has_changed_is_written),
        TEST(the_file_goes_with_the_client),
        TEST(a_client_that_comes_back_before_the_commit_keeps_its_file),
        TEST(what_happens_while_a_write_runs_is_in_the_next),
        TEST(a_failed_write_is_tried_again_by_the_next_commit),
        TEST(a_failed_removal_is_tried_again_by_the_next_commit),
        TEST(a_store_is_freed_with_removals_that_failed),
        TEST(a_commit_may_be_made_from_done),
        TEST(ending_the_thread_ends_all_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
