/* The description of the APIs: as served, and against the table of routes. */
#include "api_bed.h"

#include <ctype.h>
#include <jansson.h>
#include <strings.h>

#include "gurnard/api/openapi.h"
#include "gurnard/api/reply.h"
#include "gurnard/api/routes.h"
#include "gurnard/base/file.h"

struct route {
    enum gn_api api;
    const char *method, *path;
};

#define ROW(api, method, path) {GN_API_##api, #method, path},
static const struct route routes[] = {GN_ROUTES(ROW)};
#undef ROW

static void on_request(void *ctx, struct gn_http_request *request)
{
    (void)ctx;
    if (!gn_openapi_handle(request))
        gn_reply_not_found(request);
}

static int setup(void **state)
{
    struct bed *bed = bed_new(&bed_plain, NULL);

    bed->handler = on_request;
    bed->handler_ctx = NULL;
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

/* Asks with extra header lines. */
static int ask(struct bed *bed, const char *method, const char *extra)
{
    asker_start(bed, &bed->asker, method, "/openapi.json", extra, GN_STR_NONE);
    asker_finish(bed, &bed->asker);
    return bed->asker.status;
}

static json_t *document(void)
{
    struct gn_str text = gn_openapi_text();
    json_error_t at;
    json_t *root = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &at);

    if (root == NULL)
        fail_msg("line %d: %s", at.line, at.text);
    return root;
}

static void the_document_is_served_as_it_lies_in_the_tree(void **state)
{
    struct bed *bed = *state;
    struct gn_buf want = GN_BUF_INIT;
    char length[32];

    assert_int_equal(gn_file_read(GN_SOURCE_DIR "/docs/openapi.json", ANSWER_MAX, &want), GN_OK);
    assert_int_equal(ask(bed, "GET", ""), 200);
    assert_string_equal(bed->asker.body, want.data);
    assert_string_equal(bed_header(bed, "Content-Type: "), "application/json");
    (void)snprintf(length, sizeof length, "%zu", want.len);
    assert_string_equal(bed_header(bed, "Content-Length: "), length);
    assert_int_equal(ask(bed, "HEAD", ""), 200);
    assert_string_equal(bed->asker.body, "");
    assert_string_equal(bed_header(bed, "Content-Length: "), length);
    gn_buf_free(&want);
}

static void who_has_the_document_does_not_get_it_again(void **state)
{
    static const struct {
        const char *form; /* %s: the tag */
        int status;
    } rows[] = {
        {"If-None-Match: %s\r\n", 304},        {"If-None-Match: W/%s\r\n", 304},
        {"If-None-Match: *\r\n", 304},         {"If-None-Match: \"a\", %s , \"b\"\r\n", 304},
        {"If-None-Match: \"other\"\r\n", 200}, {"If-None-Match: \r\n", 200},
        {"If-None-Match: x%s\r\n", 200},
    };
    struct bed *bed = *state;
    char tag[512], length[512];

    (void)ask(bed, "GET", "");
    (void)snprintf(length, sizeof length, "%s", bed_header(bed, "Content-Length: "));
    (void)snprintf(tag, sizeof tag, "%s", bed_header(bed, "ETag: "));
    assert_int_equal(tag[0], '"');
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf extra = GN_BUF_INIT;
        struct gn_str rest = gn_str_of(rows[i].form);
        struct gn_str head = gn_str_cut(rest, '%', &rest);

        gn_buf_add_str(&extra, head);
        if (rest.p != NULL)
            gn_buf_printf(&extra, "%s%s", tag, rest.p + 1);
        assert_int_equal(ask(bed, "GET", extra.data), rows[i].status);
        assert_int_equal(ask(bed, "HEAD", extra.data), rows[i].status);
        assert_string_equal(bed_header(bed, "ETag: "), tag);
        assert_string_equal(bed_header(bed, "Content-Length: "), length);
        if (rows[i].status == 304)
            assert_string_equal(bed->asker.body, "");
        gn_buf_free(&extra);
    }
}

static void only_reading_is_allowed_and_other_paths_are_others(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        {"POST", "/openapi.json", 405},  {"DELETE", "/openapi.json", 405},
        {"GET", "/openapi.json?x", 200}, {"GET", "/openapi.json/", 404},
        {"GET", "/openapi", 404},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(bed_ask(bed, rows[i].method, rows[i].path, NULL), rows[i].status);
}

static void the_admin_port_serves_it_too(void **state)
{
    struct bed *bed = *state;

    bed->handler = gn_ops_on_request;
    bed->handler_ctx = &bed->ops;
    assert_int_equal(ask(bed, "GET", ""), 200);
}

/* The member of the path item that stands for method. */
static const json_t *operation(const json_t *paths, const char *method, const char *path)
{
    char key[16];
    size_t i = 0;

    for (; method[i] != '\0' && i < sizeof key - 1; i++)
        key[i] = (char)tolower(method[i]);
    key[i] = '\0';
    return json_object_get(json_object_get(paths, path), key);
}

static void every_route_of_the_table_is_described(void **state)
{
    json_t *root = document();
    const json_t *paths = json_object_get(root, "paths");

    (void)state;
    for (size_t i = 0; i < GN_LEN(routes); i++)
        if (!json_is_object(operation(paths, routes[i].method, routes[i].path)))
            fail_msg("%s %s is not described", routes[i].method, routes[i].path);
    json_decref(root);
}

static bool is_in_table(const char *method, const char *path)
{
    for (size_t i = 0; i < GN_LEN(routes); i++)
        if (strcasecmp(routes[i].method, method) == 0 && strcmp(routes[i].path, path) == 0)
            return true;
    return false;
}

static void every_operation_that_is_described_is_in_the_table_once(void **state)
{
    static const char *const no_methods[] = {"parameters", "servers", "summary", "description"};
    json_t *root = document();
    json_t *item, *member;
    const char *path, *key;
    size_t count = 0;

    (void)state;
    json_object_foreach (json_object_get(root, "paths"), path, item) {
        json_object_foreach (item, key, member) {
            bool is_method = true;

            for (size_t i = 0; i < GN_LEN(no_methods); i++)
                is_method = is_method && strcmp(key, no_methods[i]) != 0;
            if (is_method && !is_in_table(key, path))
                fail_msg("%s %s is no route", key, path);
            count += is_method;
        }
    }
    assert_int_equal(count, GN_LEN(routes));
    json_decref(root);
}

/* Every "$ref" below value leads to something in root. */
static void check_refs(const json_t *root, json_t *value)
{
    json_t *member;
    const char *key;
    size_t i;

    json_array_foreach (value, i, member)
        check_refs(root, member);
    json_object_foreach (value, key, member) {
        struct gn_str rest = gn_str_of(json_string_value(member));
        const json_t *at = root;

        check_refs(root, member);
        if (strcmp(key, "$ref") != 0)
            continue;
        assert_true(gn_str_eq(gn_str_cut(rest, '/', &rest), GN_STR("#")));
        while (rest.p != NULL) {
            struct gn_str part = gn_str_cut(rest, '/', &rest);

            at = json_object_getn(at, part.p, part.len);
        }
        if (at == NULL)
            fail_msg("%s leads nowhere", json_string_value(member));
    }
}

static void references_in_the_document_lead_somewhere(void **state)
{
    json_t *root = document();

    (void)state;
    assert_string_equal(json_string_value(json_object_get(root, "openapi")), "3.1.0");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(root, "info"), "version")), GN_VERSION);
    check_refs(root, root);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_document_is_served_as_it_lies_in_the_tree, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_has_the_document_does_not_get_it_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_reading_is_allowed_and_other_paths_are_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_admin_port_serves_it_too, setup, teardown),
        cmocka_unit_test(every_route_of_the_table_is_described),
        cmocka_unit_test(every_operation_that_is_described_is_in_the_table_once),
        cmocka_unit_test(references_in_the_document_lead_somewhere),
    };

    return cmocka_run_group_tests_name("openapi", tests, NULL, NULL);
}
