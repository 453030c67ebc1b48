#include "gurnard/redfish/registry_location.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    return value;
}

static bool pick(const char *text, const char *wanted, bool takes_published,
                 struct gn_registry_location *location)
{
    json_t *file = parse(text);
    bool is_found = gn_registry_location_pick(file, gn_str_of(wanted), takes_published, location);

    json_decref(file);
    return is_found;
}

static void the_best_language_is_chosen(void **state)
{
    static const struct {
        const char *languages; /* each of a location whose Uri is /LANGUAGE */
        const char *wanted, *want;
    } rows[] = {
        {"en,de,ja", "de", "de"},
        {"en,de,ja", "DE", "de"},
        {"en,de,ja", "fr", "en"},
        {"de,ja,en", "", "en"},
        {"de,ja", "fr", "de"},
        {"ja,de,ja", "ja", "ja"},
        {"en,de-AT,de", "de-CH", "de-AT"}, /* the first of the same main language */
        {"en,de-AT,de-CH", "de-CH", "de-CH"},
        {"en,de_CH", "de-ch", "de_CH"},
        {"en,de-CH", "de", "de-CH"},
        {"en,den", "de", "en"}, /* another language */
        {"de,en-US,EN", "fr", "EN"},
        {"de,default,en-GB", "fr", "en-GB"},
        {"de,default,ja", "fr", "default"},
        {"de,Default,ja", "", "Default"},
        {"de,,ja", "fr", ""},
        {"ja,zh", "", "ja"},
        {"default,en", "default", "en"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *list = json_array(), *file = json_object();
        struct gn_str rest = gn_str_of(rows[i].languages);
        struct gn_registry_location location;

        while (rest.p != NULL) {
            const struct gn_str tag = gn_str_cut(rest, ',', &rest);
            char uri[32];

            (void)snprintf(uri, sizeof uri, "/r/%.*s", (int)tag.len, tag.p);
            json_array_append_new(list, json_pack("{s:s%,s:s}", "Language", tag.p, tag.len, "Uri",
                                                  tag.len == 0 ? "/r/none" : uri));
        }
        json_object_set_new(file, "Location", list);
        assert_true(gn_registry_location_pick(file, gn_str_of(rows[i].wanted), false, &location));
        assert_string_equal(location.language, rows[i].want);
        assert_string_equal(location.uri + 3, rows[i].want[0] == '\0' ? "none" : rows[i].want);
        json_decref(file);
    }
}

static void a_location_is_read_in_each_of_its_forms(void **state)
{
    static const struct {
        const char *location;
        enum gn_registry_place place;
        const char *uri, *archive_file, *url;
    } rows[] = {
        {"[{\"Language\":\"en\",\"Uri\":\"/r/Base.json\"}]", GN_REGISTRY_AT_URI, "/r/Base.json", "",
         ""},
        {"{\"Language\":\"en\",\"Uri\":\"/r/Base.json\"}", GN_REGISTRY_AT_URI, "/r/Base.json", "",
         ""},
        {"[{\"Uri\":{\"extref\":\"/r/iLO4.json\"}}]", GN_REGISTRY_AT_URI, "/r/iLO4.json", "", ""},
        {"[{\"Uri\":{\"@odata.id\":\"/r/x\"}}]", GN_REGISTRY_AT_URI, "/r/x", "", ""},
        {"[{\"Uri\":\"https://bmc/r/x/\"}]", GN_REGISTRY_AT_URI, "/r/x", "", ""},
        {"[{\"ArchiveUri\":\"/r/all.zip\",\"ArchiveFile\":\"en/Base.json\"}]",
         GN_REGISTRY_IN_ARCHIVE, "/r/all.zip", "en/Base.json", ""},
        {"[{\"ArchiveUri\":\"/r/all.zip\"}]", GN_REGISTRY_IN_ARCHIVE, "/r/all.zip", "", ""},
        {"[{\"ArchiveUri\":\"/r/all.zip\",\"ArchiveFile\":7}]", GN_REGISTRY_IN_ARCHIVE,
         "/r/all.zip", "", ""},
        {"[{\"Uri\":\"/r/x\",\"ArchiveUri\":\"/r/all.zip\",\"PublicationUri\":\"http://a/b\"}]",
         GN_REGISTRY_AT_URI, "/r/x", "", ""},
        {"[{\"PublicationUri\":\"https://redfish.example/Base.json\"}]", GN_REGISTRY_AT_PUBLISHER,
         "", "", "https://redfish.example/Base.json"},
        {"[{\"Language\":\"de\",\"PublicationUri\":\"https://a/de\"},{\"Language\":\"ja\","
         "\"Uri\":\"/r/ja\"}]",
         GN_REGISTRY_AT_URI, "/r/ja", "", ""}, /* what the BMC has comes first */
        {"[7,null,{},[],{\"Uri\":7},{\"Uri\":\"/r/x\",\"Language\":7}]", GN_REGISTRY_AT_URI, "/r/x",
         "", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_registry_location location;
        char file[512];

        (void)snprintf(file, sizeof file, "{\"Location\":%s}", rows[i].location);
        assert_true(pick(file, "de", true, &location));
        assert_int_equal(location.place, rows[i].place);
        assert_string_equal(location.uri, rows[i].uri);
        assert_string_equal(location.archive_file, rows[i].archive_file);
        assert_string_equal(location.url, rows[i].url);
    }
}

static void where_nothing_can_be_fetched_nothing_is_chosen(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "7",
        "null",
        "{\"Location\":[]}",
        "{\"Location\":null}",
        "{\"Location\":\"/r/x\"}",
        "{\"Location\":[{\"Language\":\"en\"}]}",
        "{\"Location\":[{\"Uri\":\"\"}]}",
        "{\"Location\":[{\"Uri\":{}}]}",
        "{\"Location\":[{\"PublicationUri\":\"ftp://a/b\"}]}",
        "{\"Location\":[{\"PublicationUri\":\"https://\"}]}",
        "{\"Location\":[{\"PublicationUri\":\"https://a b\"}]}",
    };
    struct gn_registry_location location;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_false(pick(rows[i], "en", true, &location));
        assert_string_equal(location.uri, "");
        assert_string_equal(location.url, "");
    }
    assert_false(gn_registry_location_pick(NULL, GN_STR("en"), true, &location));
}

static void a_publisher_is_asked_only_when_allowed(void **state)
{
    const char *file = "{\"Location\":[{\"PublicationUri\":\"https://a/b\"}]}";
    struct gn_registry_location location;

    (void)state;
    assert_false(pick(file, "en", false, &location));
    assert_true(pick(file, "en", true, &location));
}

static void only_so_many_locations_are_looked_at(void **state)
{
    json_t *list = json_array(), *file = json_object();
    struct gn_registry_location location;

    (void)state;
    for (int i = 0; i < GN_REGISTRY_LOCATIONS_MAX; i++)
        json_array_append_new(list, json_object());
    json_array_append_new(list, json_pack("{s:s}", "Uri", "/r/x"));
    json_object_set_new(file, "Location", list);
    assert_false(gn_registry_location_pick(file, GN_STR("en"), false, &location));
    json_array_remove(list, 0);
    assert_true(gn_registry_location_pick(file, GN_STR("en"), false, &location));
    json_decref(file);
}

static void the_name_of_a_registry_is_found(void **state)
{
    static const struct {
        const char *file, *want; /* NULL: none */
    } rows[] = {
        {"{\"Registry\":\"iLOEvents.2.3.0\",\"Id\":\"iLOEvents\"}", "iLOEvents.2.3.0"},
        {"{\"Registry\":null,\"Id\":\"EventLog.1.0.0.json\"}", "EventLog.1.0.0"},
        {"{\"Id\":\"\",\"@odata.id\":\"/redfish/v1/Registries/Messages/\"}", "Messages"},
        {"{\"Registry\":7}", NULL},
        {"{}", NULL},
        {"[]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *file = parse(rows[i].file);
        char name[GN_REGISTRY_NAME_MAX];

        assert_int_equal(gn_registry_location_name(file, name), rows[i].want != NULL);
        assert_string_equal(name, rows[i].want == NULL ? "" : rows[i].want);
        json_decref(file);
    }
}

static void attribute_and_privilege_registries_are_not_wanted(void **state)
{
    static const struct {
        const char *name;
        bool is_wanted;
    } rows[] = {
        {"iLOEvents.2.3.0", true},
        {"HpeBiosMessageRegistry.v1_0_0", true},
        {"Messages", true},
        {"Base.1.19", true},
        {"", true},
        {"BiosAttributeRegistryU30.v1_2_40", false},
        {"BIOSATTRIBUTEREGISTRY", false},
        {"ManagerAttributeRegistry", false},
        {"NetworkAttributesRegistry_NIC.1", false}, /* iDRAC */
        {"Redfish_1.0.4_PrivilegeRegistry", false},
        {"PrivilegeMapRegistry", false},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_registry_location_is_wanted(gn_str_of(rows[i].name)),
                         rows[i].is_wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_language_is_chosen),
        cmocka_unit_test(a_location_is_read_in_each_of_its_forms),
        cmocka_unit_test(where_nothing_can_be_fetched_nothing_is_chosen),
        cmocka_unit_test(a_publisher_is_asked_only_when_allowed),
        cmocka_unit_test(only_so_many_locations_are_looked_at),
        cmocka_unit_test(the_name_of_a_registry_is_found),
        cmocka_unit_test(attribute_and_privilege_registries_are_not_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
