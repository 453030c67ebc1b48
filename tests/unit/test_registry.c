#include "gurnard/redfish/registry.h"

#include <ctype.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/redfish/message_id.h"

#define TYPE "\"@odata.type\":\"#MessageRegistry.v1_6_0.MessageRegistry\""

/* A registry with one message, whose text tells where it is from. */
#define ONE(prefix, version, key)                                                                  \
    "{" TYPE ",\"RegistryPrefix\":\"" prefix "\",\"RegistryVersion\":\"" version                   \
    "\",\"Messages\":{\"" key "\":{\"Message\":\"" prefix " " version " " key "\"}}}"

static struct gn_registry_set *set;

static int make_set(void **state)
{
    (void)state;
    set = gn_registry_set_new();
    return set == NULL;
}

static int drop_set(void **state)
{
    (void)state;
    gn_registry_set_free(set);
    return 0;
}

static enum gn_err load(const char *text)
{
    return gn_registry_set_load(set, gn_str_of(text), "test", NULL);
}

static void must_load(const char *text)
{
    assert_int_equal(load(text), GN_OK);
}

static void seal(void)
{
    assert_int_equal(gn_registry_set_seal(set), GN_OK);
}

static void assert_str(struct gn_str have, const char *want)
{
    if (want == NULL) {
        assert_int_equal(have.len, 0);
        return;
    }
    assert_int_equal(have.len, strlen(want));
    assert_memory_equal(have.p, want, have.len);
}

/* want NULL: nothing may be found. */
static void assert_find(const char *id, enum gn_registry_match match, const char *want)
{
    struct gn_message message = {0};

    assert_int_equal(gn_registry_find(set, gn_str_of(id), &message), match);
    if (match != GN_MATCH_NONE)
        assert_str(message.text, want);
}

/* --- loading --- */

static void a_message_is_found_with_all_its_parts(void **state)
{
    struct gn_message m;

    (void)state;
    must_load(
        "{" TYPE ",\"Id\":\"Base.1.2.3\",\"RegistryPrefix\":\"Base\","
        "\"RegistryVersion\":\"1.2.3\",\"Messages\":{\"Full\":{\"Message\":\"It is %1 \\u20ac\","
        "\"Description\":\"d\",\"Severity\":\"OK\",\"MessageSeverity\":\"Critical\","
        "\"NumberOfArgs\":1,\"ParamTypes\":[\"string\"],\"Resolution\":\"Do \\\"it\\\".\","
        "\"ClearingLogic\": { \"ClearsIf\" : \"SameOriginOfCondition\" },"
        "\"Oem\":{\"Hpe\":{\"Message\":\"another\"}}}}}");
    seal();
    assert_int_equal(gn_registry_find(set, GN_STR("Base.1.2.Full"), &m), GN_MATCH_EXACT);
    assert_str(m.text, "It is %1 \xe2\x82\xac");
    assert_str(m.resolution, "Do \"it\".");
    assert_str(m.clears, "{\"ClearsIf\":\"SameOriginOfCondition\"}");
    assert_str(m.prefix, "Base");
    assert_int_equal(m.severity, GN_SEVERITY_CRITICAL);
    assert_int_equal(m.number_of_args, 1);
    assert_int_equal(m.major, 1);
    assert_int_equal(m.minor, 2);
}

static void a_message_with_nothing_has_absent_parts(void **state)
{
    struct gn_message m;

    (void)state;
    must_load("{" TYPE ",\"RegistryPrefix\":\"R\",\"RegistryVersion\":\"1.0\",\"Messages\":{"
              "\"Empty\":{},\"Null\":{\"Message\":null,\"Resolution\":null,\"Severity\":null,"
              "\"NumberOfArgs\":null,\"ClearingLogic\":null,\"ReplacedBy\":null}}}");
    seal();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gn_registry_find(set, gn_str_of(i == 0 ? "R.1.0.Empty" : "R.1.0.Null"),
                                          &m),
                         GN_MATCH_EXACT);
        assert_null(m.text.p);
        assert_null(m.resolution.p);
        assert_null(m.clears.p);
        assert_int_equal(m.severity, GN_SEVERITY_NONE);
        assert_int_equal(m.number_of_args, 0);
    }
}

static void a_resolution_that_says_none_counts_as_absent(void **state)
{
    static const struct {
        const char *resolution, *want;
    } rows[] = {
        {"None", NULL}, {"None.", NULL}, {"none", NULL},           {" NONE. ", NULL},
        {"", NULL},     {"  ", NULL},    {"None yet", "None yet"},
    };
    char text[512];
    struct gn_message m;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_registry_set *one = gn_registry_set_new();

        assert_non_null(one);
        (void)snprintf(text, sizeof text,
                       "{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{\"K\":{\"Resolution\":\"%s\"}}}",
                       rows[i].resolution);
        assert_int_equal(gn_registry_set_load(one, gn_str_of(text), "t", NULL), GN_OK);
        assert_int_equal(gn_registry_set_seal(one), GN_OK);
        assert_int_equal(gn_registry_find(one, GN_STR("R.1.0.K"), &m), GN_MATCH_EXACT);
        assert_str(m.resolution, rows[i].want);
        gn_registry_set_free(one);
    }
}

static void severity_falls_back_to_the_older_property(void **state)
{
    struct gn_message m;

    (void)state;
    must_load("{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{"
              "\"New\":{\"MessageSeverity\":\"Warning\",\"Severity\":\"OK\"},"
              "\"Old\":{\"Severity\":\"Informational\"},"
              "\"Odd\":{\"MessageSeverity\":\"Purple\",\"Severity\":\"Fatal\"}}}");
    seal();
    assert_int_equal(gn_registry_find(set, GN_STR("R.1.0.New"), &m), GN_MATCH_EXACT);
    assert_int_equal(m.severity, GN_SEVERITY_WARNING);
    assert_int_equal(gn_registry_find(set, GN_STR("R.1.0.Old"), &m), GN_MATCH_EXACT);
    assert_int_equal(m.severity, GN_SEVERITY_OK);
    assert_int_equal(gn_registry_find(set, GN_STR("R.1.0.Odd"), &m), GN_MATCH_EXACT);
    assert_int_equal(m.severity, GN_SEVERITY_CRITICAL);
}

static void number_of_args_is_read_from_what_bmcs_send(void **state)
{
    static const struct {
        const char *id;
        unsigned want;
    } rows[] = {{"R.1.0.A", 3}, {"R.1.0.B", 2}, {"R.1.0.C", 0}, {"R.1.0.D", 0}, {"R.1.0.E", 0}};
    struct gn_message m;

    (void)state;
    must_load("{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{\"A\":{\"NumberOfArgs\":3},"
              "\"B\":{\"NumberOfArgs\":\"2\"},\"C\":{\"NumberOfArgs\":-1},"
              "\"D\":{\"NumberOfArgs\":300},\"E\":{\"NumberOfArgs\":1.5}}}");
    seal();
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_registry_find(set, gn_str_of(rows[i].id), &m), GN_MATCH_EXACT);
        assert_int_equal(m.number_of_args, rows[i].want);
    }
}

static void prefix_and_version_come_from_where_they_are(void **state)
{
    static const struct {
        const char *header, *prefix;
        unsigned major, minor;
    } rows[] = {
        {"\"RegistryPrefix\":\"A\",\"RegistryVersion\":\"1.2.3\",\"Id\":\"B.4.5.6\"", "A", 1, 2},
        {"\"Id\":\"iLOEvents.2.3.0\"", "iLOEvents", 2, 3},
        {"\"Id\":\"Messages\"", "Messages", 0, 0},
        {"\"Id\":\"iLOEvents.json\",\"RegistryVersion\":\"2.3.0\"", "iLOEvents", 2, 3},
        {"\"Id\":\"Alert.1.0.0\",\"RegistryPrefix\":\"Alert\"", "Alert", 1, 0},
        {"\"RegistryPrefix\":\"Bios.v1_4_0\",\"Id\":\"x\"", "Bios", 1, 4},
        {"\"RegistryPrefix\":null,\"Id\":\"Base.1.8.1.json\"", "Base", 1, 8},
        {"\"RegistryPrefix\":\"\\u0041B\",\"RegistryVersion\":\"\"", "AB", 0, 0},
    };
    char text[512];
    struct gn_message m;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_registry_set *one = gn_registry_set_new();

        assert_non_null(one);
        (void)snprintf(text, sizeof text, "{%s,\"Messages\":{\"K\":{\"Message\":\"m\"}}," TYPE "}",
                       rows[i].header);
        assert_int_equal(gn_registry_set_load(one, gn_str_of(text), "t", NULL), GN_OK);
        assert_int_equal(gn_registry_set_seal(one), GN_OK);
        assert_int_equal(gn_registry_find(one, GN_STR("K"), &m), GN_MATCH_BARE_KEY);
        assert_str(m.prefix, rows[i].prefix);
        assert_int_equal(m.major, rows[i].major);
        assert_int_equal(m.minor, rows[i].minor);
        gn_registry_set_free(one);
    }
}

static void the_type_is_tested_by_its_suffix(void **state)
{
    static const struct {
        const char *text;
        enum gn_err want;
    } rows[] = {
        {"{\"@odata.type\":\"#MessageRegistry.v1_2_0.MessageRegistry\",\"Id\":\"A.1.0\","
         "\"Messages\":{}}",
         GN_OK},
        {"{\"@odata.type\":\"#MessageRegistry.1.0.0.MessageRegistry\",\"Id\":\"A.1.0\","
         "\"Messages\":{}}",
         GN_OK},
        {"{\"Id\":\"A.1.0\",\"Messages\":{}}", GN_OK},
        {"{\"@odata.type\":\"#AttributeRegistry.v1_0_0.AttributeRegistry\",\"Id\":\"A.1.0\","
         "\"Messages\":{}}",
         GN_EUNSUPPORTED},
        {"{\"Messages\":{},\"Id\":\"A.1.0\",\"@odata.type\":"
         "\"#PrivilegeRegistry.v1_0_0.PrivilegeRegistry\"}",
         GN_EUNSUPPORTED},
        {"{\"@odata.type\":\"#MessageRegistryFile.v1_1_0.MessageRegistryFile\","
         "\"Registry\":\"Base.1.0\"}",
         GN_EUNSUPPORTED},
        {"{\"Registry\":\"Base.1.0\"}", GN_EUNSUPPORTED},
        {"[]", GN_EUNSUPPORTED},
        {"42", GN_EUNSUPPORTED},
        {"{" TYPE ",\"Id\":\"A.1.0\"}", GN_EPARSE},
        {"{" TYPE ",\"Id\":\"A.1.0\",\"Messages\":[]}", GN_EPARSE},
        {"{" TYPE ",\"Messages\":{}}", GN_EPARSE},
        {"{" TYPE ",\"Id\":\"\",\"RegistryPrefix\":7,\"Messages\":{}}", GN_EPARSE},
        {"", GN_EPARSE},
        {"{" TYPE ",\"Id\":\"A.1.0\",\"Messages\":{}} x", GN_EPARSE},
        {"{" TYPE ",\"Id\":\"A.1.0\",\"Messages\":{\"K\":{\"Message\":\"", GN_EPARSE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(load(rows[i].text), rows[i].want);
}

static void an_error_is_explained_and_leaves_the_set_alone(void **state)
{
    const char *reason = NULL;
    struct gn_registry_stats before;

    (void)state;
    must_load(ONE("R", "1.0.0", "K"));
    before = gn_registry_set_stats(set);
    assert_int_equal(gn_registry_set_load(set, GN_STR("{\"Id\":\"R.1.0.0\",\"Messages\":{"), "t",
                                          &reason),
                     GN_EPARSE);
    assert_string_equal(reason, "not JSON at byte 28");
    assert_int_equal(gn_registry_set_load(set, GN_STR("[]"), "t", &reason), GN_EUNSUPPORTED);
    assert_string_equal(reason, "no message registry");
    assert_int_equal(gn_registry_set_stats(set).bytes, before.bytes);
    seal();
    assert_find("R.1.0.K", GN_MATCH_EXACT, "R 1.0.0 K");
}

static void members_that_are_no_messages_are_left_out(void **state)
{
    (void)state;
    must_load("{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{\"@odata.count\":1,\"List\":[{}],"
              "\"\":{\"Message\":\"no key\"},\"K\":{\"Message\":\"k\"}}}");
    assert_int_equal(gn_registry_set_stats(set).messages, 1);
    seal();
    assert_find("R.1.0.K", GN_MATCH_EXACT, "k");
    assert_find("R.1.0.List", GN_MATCH_NONE, NULL);
}

static void the_last_of_two_messages_with_one_key_counts(void **state)
{
    (void)state;
    must_load("{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{\"K\":{\"Message\":\"first\"},"
              "\"K\":{\"Message\":\"second\"}}}");
    seal();
    assert_find("R.1.0.K", GN_MATCH_EXACT, "second");
    assert_find("K", GN_MATCH_BARE_KEY, "second");
}

static void too_deep_and_too_many_are_refused(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    const char *reason = NULL;

    (void)state;
    gn_buf_puts(&text, "{" TYPE ",\"Id\":\"R.1.0\",\"Oem\":");
    for (int i = 0; i < GN_REGISTRY_DEPTH_MAX; i++)
        gn_buf_puts(&text, "[");
    assert_int_equal(gn_registry_set_load(set, gn_buf_str(&text), "t", NULL), GN_ELIMIT);
    gn_buf_reset(&text);
    gn_buf_puts(&text, "{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{\"K\":{}");
    for (int i = 0; i < GN_REGISTRY_MESSAGES_MAX; i++)
        gn_buf_printf(&text, ",\"K%d\":{}", i);
    gn_buf_puts(&text, "}}");
    assert_int_equal(gn_registry_set_load(set, gn_buf_str(&text), "t", &reason), GN_ELIMIT);
    assert_string_equal(reason, "too many messages");
    gn_buf_free(&text);
}

static void a_text_that_is_no_utf8_does_not_cost_the_registry(void **state)
{
    (void)state;
    must_load("{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{\"K\":{\"Message\":\"L\xfc"
              "fter\"}}}");
    seal();
    assert_find("R.1.0.K", GN_MATCH_EXACT,
                "L\xfc"
                "fter");
}

static void a_key_that_grows_beyond_the_limit_is_left_out(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    gn_buf_puts(&text, "{" TYPE ",\"Id\":\"R.1.0\",\"Messages\":{\"\\t");
    for (int i = 0; i < GN_MESSAGE_ID_MAX - 2; i++)
        gn_buf_putc(&text, '\xfc'); /* three bytes each, once repaired */
    gn_buf_puts(&text, "\":{\"Message\":\"m\"},\"K\":{\"Message\":\"k\"}}}");
    assert_int_equal(gn_registry_set_load(set, gn_buf_str(&text), "t", NULL), GN_OK);
    gn_buf_free(&text);
    seal();
    assert_int_equal(gn_registry_set_stats(set).messages, 1);
    assert_find("R.1.0.K", GN_MATCH_EXACT, "k");
}

/* --- replacing --- */

static void a_later_registry_of_the_same_name_replaces_the_earlier_wholly(void **state)
{
    (void)state;
    must_load("{" TYPE ",\"Id\":\"R.1.0.0\",\"Messages\":{\"K\":{\"Message\":\"old\"},"
              "\"Gone\":{\"Message\":\"old\"}}}");
    must_load(ONE("Other", "1.0.0", "X"));
    must_load("{" TYPE ",\"Id\":\"R.1.0.0\",\"Messages\":{\"K\":{\"Message\":\"new\"}}}");
    assert_int_equal(gn_registry_set_stats(set).registries, 2);
    assert_int_equal(gn_registry_set_stats(set).messages, 2);
    seal();
    assert_find("R.1.0.K", GN_MATCH_EXACT, "new");
    assert_find("R.1.0.Gone", GN_MATCH_NONE, NULL);
    assert_find("Other.1.0.X", GN_MATCH_EXACT, "Other 1.0.0 X");
}

static void append_name(void *ctx, struct gn_str prefix, uint16_t major, uint16_t minor,
                        struct gn_str name, uint32_t messages)
{
    struct gn_buf *out = ctx;

    gn_buf_printf(out, "%.*s.%u.%u(%.*s:%u) ", (int)prefix.len, prefix.p, major, minor,
                  (int)name.len, name.p, messages);
}

static void registries_are_listed_in_order_of_loading(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    const char *const texts[] = {ONE("B", "1.1.0", "K"), ONE("A", "2.0.0", "K"),
                                 ONE("B", "1.1.0", "K")};
    const char *const names[] = {"first", "second", "third"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++)
        assert_int_equal(gn_registry_set_load(set, gn_str_of(texts[i]), names[i], NULL), GN_OK);
    gn_registry_set_each(set, append_name, &out);
    assert_string_equal(out.data, "A.2.0(second:1) B.1.1(third:1) ");
    gn_buf_free(&out);
}

/* --- looking up --- */

static void the_nearest_version_is_taken(void **state)
{
    static const struct {
        const char *id;
        enum gn_registry_match match;
        const char *text;
    } rows[] = {
        {"R.2.3.K", GN_MATCH_EXACT, "R 2.3.1 K"}, /* the highest patch */
        {"R.2.5.K", GN_MATCH_OLDER_MINOR, "R 2.3.1 K"},
        {"R.2.9.K", GN_MATCH_OLDER_MINOR, "R 2.7.0 K"},
        {"R.2.3.9.K", GN_MATCH_EXACT, "R 2.3.1 K"},
        {"R.2.1.K", GN_MATCH_NEWER_MINOR, "R 2.3.1 K"},
        {"R.3.0.K", GN_MATCH_OTHER_MAJOR, "R 2.7.0 K"}, /* both one away: the older */
        {"R.1.0.K", GN_MATCH_OTHER_MAJOR, "R 2.7.0 K"},
        {"R.9.0.K", GN_MATCH_OTHER_MAJOR, "R 4.0.0 K"},
        {"R.K", GN_MATCH_ANY_VERSION, "R 4.0.0 K"},
        {"K", GN_MATCH_BARE_KEY, "R 4.0.0 K"},
        {"R.2.3.X", GN_MATCH_NONE, NULL},
    };

    (void)state;
    must_load(ONE("R", "2.3.0", "K"));
    must_load(ONE("R", "4.0.0", "K"));
    must_load(ONE("R", "2.7.0", "K"));
    must_load(ONE("R", "2.3.1", "K"));
    seal();
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_find(rows[i].id, rows[i].match, rows[i].text);
}

static void two_parts_find_a_registry_of_three(void **state)
{
    (void)state;
    must_load(
        "{" TYPE ",\"Id\":\"iLOEvents.json\",\"RegistryPrefix\":\"iLOEvents\","
        "\"RegistryVersion\":\"2.3.0\",\"Messages\":{\"ServerPoweredOn\":{\"Message\":\"on\"}}}");
    seal();
    assert_find("iLOEvents.2.3.ServerPoweredOn", GN_MATCH_EXACT, "on");
    assert_find("iLOEvents.2.3.0.ServerPoweredOn", GN_MATCH_EXACT, "on");
}

static void the_same_spelling_goes_before_any_other(void **state)
{
    (void)state;
    must_load(ONE("Reg", "1.0.0", "Key"));
    must_load(ONE("REG", "1.0.0", "Key"));
    must_load(ONE("reg", "2.0.0", "KEY"));
    seal();
    assert_find("Reg.1.0.Key", GN_MATCH_EXACT, "Reg 1.0.0 Key");
    assert_find("REG.1.0.Key", GN_MATCH_EXACT, "REG 1.0.0 Key");
    assert_find("reg.1.0.KEY", GN_MATCH_OTHER_MAJOR, "reg 2.0.0 KEY");
    assert_find("rEg.2.0.kEy", GN_MATCH_EXACT, "reg 2.0.0 KEY");
}

static void a_bare_key_is_found_in_the_only_registry_that_has_it(void **state)
{
    (void)state;
    must_load(ONE("A", "1.0.0", "Only"));
    must_load(ONE("A", "1.2.0", "Only"));
    must_load(ONE("B", "1.0.0", "Shared"));
    must_load(ONE("C", "1.0.0", "Shared"));
    seal();
    assert_find("Only", GN_MATCH_BARE_KEY, "A 1.2.0 Only");
    assert_find("ONLY", GN_MATCH_BARE_KEY, "A 1.2.0 Only");
    assert_find("Unknown.1.0.Only", GN_MATCH_BARE_KEY, "A 1.2.0 Only");
    assert_find("Shared", GN_MATCH_NONE, NULL);
    assert_find("Nothing", GN_MATCH_NONE, NULL);
    /* B is known and has no such message: that of A is about something else. */
    assert_find("B.1.0.Only", GN_MATCH_NONE, NULL);
}

static void registries_for_bare_keys_go_before_others(void **state)
{
    (void)state;
    must_load(ONE("Alert", "1.0.0", "CPU0001"));
    must_load(ONE("Other", "1.0.0", "CPU0001"));
    must_load(ONE("iDRAC", "2.4.0", "CPU0001"));
    must_load(ONE("BaseMessages", "1.0.0", "TMP0110"));
    must_load("{" TYPE ",\"Id\":\"Messages\",\"Messages\":{\"CPU0001\":{\"Message\":\"eemi\"}}}");
    seal();
    assert_find("CPU0001", GN_MATCH_BARE_KEY, "eemi");
    assert_find("IDRAC.2.8.CPU0001", GN_MATCH_OLDER_MINOR, "iDRAC 2.4.0 CPU0001");
    assert_find("IDRAC.CPU0001", GN_MATCH_ANY_VERSION, "iDRAC 2.4.0 CPU0001");
    /* IDRAC is known and lacks the key, but the three stand in for each other. */
    assert_find("IDRAC.2.8.TMP0110", GN_MATCH_BARE_KEY, "BaseMessages 1.0.0 TMP0110");
}

static void a_replaced_message_without_text_is_followed_once(void **state)
{
    (void)state;
    must_load("{" TYPE ",\"Id\":\"R.1.0.0\",\"Messages\":{"
              "\"Other\":{\"ReplacedBy\":\"S.1.0.New\"},"
              "\"Here\":{\"ReplacedBy\":\"Good\"},"
              "\"Good\":{\"Message\":\"good\"},"
              "\"Texted\":{\"Message\":\"kept\",\"ReplacedBy\":\"Good\"},"
              "\"Chain\":{\"ReplacedBy\":\"Here\"},"
              "\"Self\":{\"ReplacedBy\":\"Self\"},"
              "\"Lost\":{\"Severity\":\"OK\",\"ReplacedBy\":\"S.1.0.None\"},"
              "\"Broken\":{\"ReplacedBy\":\".\"}}}");
    must_load(ONE("S", "1.0.0", "New"));
    seal();
    assert_find("R.1.0.Other", GN_MATCH_EXACT, "S 1.0.0 New");
    assert_find("R.1.0.Here", GN_MATCH_EXACT, "good");
    assert_find("R.1.0.Texted", GN_MATCH_EXACT, "kept");
    assert_find("R.1.0.Chain", GN_MATCH_EXACT, NULL);
    assert_find("R.1.0.Self", GN_MATCH_EXACT, NULL);
    assert_find("R.1.0.Lost", GN_MATCH_EXACT, NULL);
    assert_find("R.1.0.Broken", GN_MATCH_EXACT, NULL);
}

static void an_empty_set_and_odd_ids_find_nothing(void **state)
{
    static const char *const ids[] = {"", ".", "Base.1.0.", "Base.1.0.Created", "K", "..."};

    (void)state;
    seal();
    for (size_t i = 0; i < GN_LEN(ids); i++)
        assert_find(ids[i], GN_MATCH_NONE, NULL);
}

static void many_messages_are_all_found(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    char id[32];
    char want[32];

    (void)state;
    gn_buf_puts(&text, "{" TYPE ",\"Id\":\"Big.1.0.0\",\"Messages\":{");
    for (int i = 0; i < 5000; i++)
        gn_buf_printf(&text, "%s\"K%d\":{\"Message\":\"m%d\"}", i == 0 ? "" : ",", i, i);
    gn_buf_puts(&text, "}}");
    must_load(text.data);
    seal();
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(id, sizeof id, "Big.1.0.K%d", i);
        (void)snprintf(want, sizeof want, "m%d", i);
        assert_find(id, GN_MATCH_EXACT, want);
        (void)snprintf(id, sizeof id, "k%d", i);
        assert_find(id, GN_MATCH_BARE_KEY, want);
    }
    assert_find("Big.1.0.K5000", GN_MATCH_NONE, NULL);
    gn_buf_free(&text);
}

/* --- gzip and folders --- */

/* The gzip form of plain, at most cap bytes. */
static size_t gzip(const char *plain, size_t len, unsigned char *packed, size_t cap)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)plain;
    z.avail_in = (uInt)len;
    z.next_out = packed;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return cap - z.avail_out;
}

static enum gn_err load_bytes(const unsigned char *bytes, size_t len, const char **reason)
{
    return gn_registry_set_load(set, (struct gn_str){(const char *)bytes, len}, "t.gz", reason);
}

static void gzip_is_unpacked(void **state)
{
    static const char plain[] = ONE("R", "1.0.0", "K");
    unsigned char packed[1024] = {0};
    size_t half = sizeof plain / 2;
    size_t len;

    (void)state;
    len = gzip(plain, sizeof plain - 1, packed, sizeof packed);
    assert_int_equal(load_bytes(packed, len, NULL), GN_OK);
    assert_int_equal(load_bytes(packed, len + 20, NULL), GN_OK); /* padded with zeroes */
    len = gzip(plain, half, packed, sizeof packed);              /* two members */
    len += gzip(plain + half, sizeof plain - 1 - half, packed + len, sizeof packed - len);
    assert_int_equal(load_bytes(packed, len, NULL), GN_OK);
    seal();
    assert_find("R.1.0.K", GN_MATCH_EXACT, "R 1.0.0 K");
}

static void broken_gzip_is_refused(void **state)
{
    static const char plain[] = ONE("R", "1.0.0", "K");
    unsigned char packed[1024];
    const char *reason = NULL;
    size_t len;

    (void)state;
    len = gzip(plain, sizeof plain - 1, packed, sizeof packed);
    for (size_t cut = 2; cut < len; cut++) {
        assert_int_equal(load_bytes(packed, cut, &reason), GN_EPARSE);
        assert_string_equal(reason, "broken or truncated gzip");
    }
    packed[len / 2] ^= 0xff;
    assert_int_equal(load_bytes(packed, len, NULL), GN_EPARSE);
}

static void gzip_cannot_unpack_beyond_the_limit(void **state)
{
    size_t len = GN_REGISTRY_FILE_MAX + 1;
    char *plain = malloc(len);
    unsigned char *packed = malloc(len);
    const char *reason = NULL;

    (void)state;
    assert_non_null(plain);
    assert_non_null(packed);
    memset(plain, ' ', len);
    assert_int_equal(load_bytes(packed, gzip(plain, len, packed, len), &reason), GN_ELIMIT);
    assert_string_equal(reason,
                        "larger than 16777216 bytes when unpacked, or denser than any text");
    assert_int_equal(gn_registry_set_load(set, (struct gn_str){plain, len}, "t", &reason),
                     GN_ELIMIT);
    assert_string_equal(reason, "larger than 16777216 bytes");
    free(plain);
    free(packed);
}

static void write_file(const char *folder, const char *name, const void *data, size_t len)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(gn_file_replace(path, (struct gn_str){data, len}), GN_OK);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    write_file(folder, name, text, strlen(text));
}

static void make_folder(const char *folder, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void remove_tree(const char *folder)
{
    char command[300];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* What the code under test logs while fn runs, at most cap - 1 bytes. */
static void capture_log(char *into, size_t cap, void (*fn)(void *), void *ctx)
{
    FILE *file = tmpfile();
    size_t len;

    assert_non_null(file);
    gn_log_init(GN_LOG_INFO, GN_LOG_TEXT, fileno(file));
    fn(ctx);
    gn_log_init(GN_LOG_INFO, GN_LOG_TEXT, 2);
    rewind(file);
    len = fread(into, 1, cap - 1, file);
    into[len] = '\0';
    assert_int_equal(fclose(file), 0);
}

struct folder_load {
    const char *folder;
    struct gn_registry_report report;
    enum gn_err err;
};

static void load_folder(void *ctx)
{
    struct folder_load *job = ctx;

    job->err = gn_registry_set_load_folder(set, job->folder, &job->report);
}

static void a_folder_is_loaded_with_two_levels_below(void **state)
{
    char folder[] = "/tmp/gurnard-test-registry-XXXXXX";
    static const char zipped[] = ONE("Zip", "1.0.0", "K");
    unsigned char packed[1024];
    char log[2048];
    struct folder_load job = {.folder = folder};
    struct gn_buf order = GN_BUF_INIT;

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_text(folder, "b.json", ONE("B", "1.0.0", "K"));
    write_text(folder, "readme.txt", "not JSON");
    write_text(folder, ".hidden.json", "not JSON");
    write_text(folder, "attributes.json", "{\"@odata.type\":\"#X.v1_0_0.AttributeRegistry\"}");
    write_file(folder, "z.json.gz", packed, gzip(zipped, sizeof zipped - 1, packed, sizeof packed));
    make_folder(folder, "a");
    write_text(folder, "a/one.json", ONE("One", "1.0.0", "K"));
    make_folder(folder, "a/deep");
    write_text(folder, "a/deep/two.json", ONE("Two", "1.0.0", "K"));
    make_folder(folder, "a/deep/deeper");
    write_text(folder, "a/deep/deeper/three.json", ONE("Three", "1.0.0", "K"));
    make_folder(folder, "folder.json");
    capture_log(log, sizeof log, load_folder, &job);
    remove_tree(folder);
    assert_int_equal(job.err, GN_OK);
    assert_int_equal(job.report.loaded, 4);
    assert_int_equal(job.report.skipped, 1);
    assert_int_equal(job.report.failed, 0);
    assert_string_equal(log, "");
    gn_registry_set_each(set, append_name, &order);
    assert_non_null(strstr(order.data, "Two.1.0("));
    assert_true(strstr(order.data, "Two.1.0(") < strstr(order.data, "One.1.0("));
    assert_true(strstr(order.data, "One.1.0(") < strstr(order.data, "B.1.0("));
    assert_true(strstr(order.data, "B.1.0(") < strstr(order.data, "Zip.1.0("));
    gn_buf_free(&order);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

static void each_broken_file_gives_one_warning_and_the_rest_is_loaded(void **state)
{
    char folder[] = "/tmp/gurnard-test-registry-XXXXXX";
    static const char zipped[] = ONE("Zip", "1.0.0", "K");
    unsigned char packed[1024];
    char path[256];
    char log[4096];
    struct folder_load job = {.folder = folder};
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_text(folder, "cut.json", "{\"Id\":\"R.1.0\",");
    write_text(folder, "empty.json", "");
    write_text(folder, "good.json", ONE("Good", "1.0.0", "K"));
    write_file(folder, "short.json.gz", packed,
               gzip(zipped, sizeof zipped - 1, packed, sizeof packed) - 9);
    (void)snprintf(path, sizeof path, "%s/large.json", folder);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)GN_REGISTRY_FILE_MAX + 1), 0);
    assert_int_equal(close(fd), 0);
    (void)snprintf(path, sizeof path, "%s/dangling.json", folder);
    assert_int_equal(symlink("/nonexistent", path), 0);
    capture_log(log, sizeof log, load_folder, &job);
    remove_tree(folder);
    assert_int_equal(job.err, GN_OK);
    assert_int_equal(job.report.loaded, 1);
    assert_int_equal(job.report.failed, 5);
    assert_int_equal(count_of(log, "registry.bad "), 5);
    assert_int_equal(count_of(log, "\n"), 5);
    assert_int_equal(count_of(log, "cut.json reason=\"not JSON at byte 14\""), 1);
    assert_int_equal(count_of(log, "short.json.gz reason=\"broken or truncated gzip\""), 1);
    seal();
    assert_find("Good.1.0.K", GN_MATCH_EXACT, "Good 1.0.0 K");
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct gn_registry_report report;

    (void)state;
    assert_int_equal(gn_registry_set_load_folder(set, "/nonexistent/registries", &report),
                     GN_ENOTFOUND);
}

/* --- the registries of the project --- */

static json_int_t highest_argument(const char *text)
{
    json_int_t highest = 0;

    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 1, '%')) {
        json_int_t number = strtol(at + 1, NULL, 10);

        assert_true(isdigit((unsigned char)at[1])); /* our texts hold no other percent signs */
        if (number > highest)
            highest = number;
    }
    return highest;
}

static void assert_own_message(json_t *messages, const char *prefix, const char *key, json_t *m)
{
    const char *text = json_string_value(json_object_get(m, "Message"));
    const char *severity = json_string_value(json_object_get(m, "MessageSeverity"));
    json_t *cleared = json_object_get(json_object_get(m, "ClearingLogic"), "ClearsMessage");
    json_t *clears;
    size_t i;
    struct gn_message found;
    char id[128];

    assert_non_null(text);
    assert_non_null(severity);
    assert_string_equal(json_string_value(json_object_get(m, "Severity")), severity);
    assert_non_null(json_string_value(json_object_get(m, "Description")));
    assert_non_null(json_string_value(json_object_get(m, "Resolution")));
    assert_int_equal(json_integer_value(json_object_get(m, "NumberOfArgs")),
                     highest_argument(text));
    assert_int_equal(json_array_size(json_object_get(m, "ParamTypes")), highest_argument(text));
    json_array_foreach (cleared, i, clears)
        assert_non_null(json_object_get(messages, json_string_value(clears)));
    (void)snprintf(id, sizeof id, "%s.1.0.%s", prefix, key);
    assert_true(gn_registry_find(set, gn_str_of(id), &found) < GN_MATCH_OTHER_MAJOR);
    assert_str(found.text, text);
    assert_string_equal(gn_severity_text(found.severity), severity);
    assert_int_equal(found.number_of_args, highest_argument(text));
}

static void assert_own_file(struct gn_str name)
{
    char path[512];
    json_t *root;
    json_t *messages;
    json_t *m;
    const char *prefix;
    const char *key;

    (void)snprintf(path, sizeof path, "%.*s", (int)name.len, name.p);
    root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    prefix = json_string_value(json_object_get(root, "RegistryPrefix"));
    assert_non_null(prefix);
    (void)snprintf(path, sizeof path, "/%s.%s.json", prefix,
                   json_string_value(json_object_get(root, "RegistryVersion")));
    assert_true(gn_str_has_suffix(name, gn_str_of(path)));
    assert_string_equal(json_string_value(json_object_get(root, "OwningEntity")), "gurnard");
    messages = json_object_get(root, "Messages");
    json_object_foreach (messages, key, m)
        assert_own_message(messages, prefix, key, m);
    json_decref(root);
}

static void check_own_file(void *ctx, struct gn_str prefix, uint16_t major, uint16_t minor,
                           struct gn_str name, uint32_t messages)
{
    (void)ctx;
    (void)prefix;
    (void)major;
    (void)minor;
    (void)messages;
    assert_own_file(name);
}

static void the_registries_of_the_project_load_and_are_sound(void **state)
{
    struct gn_registry_report report;

    (void)state;
    assert_int_equal(gn_registry_set_load_folder(set, GN_SOURCE_DIR "/registries", &report), GN_OK);
    assert_int_equal(report.failed, 0);
    assert_int_equal(report.skipped, 0);
    assert_int_equal(report.loaded, 11);
    seal();
    gn_registry_set_each(set, check_own_file, NULL);
}

#define WITH_SET(test) cmocka_unit_test_setup_teardown(test, make_set, drop_set)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SET(a_message_is_found_with_all_its_parts),
        WITH_SET(a_message_with_nothing_has_absent_parts),
        WITH_SET(a_resolution_that_says_none_counts_as_absent),
        WITH_SET(severity_falls_back_to_the_older_property),
        WITH_SET(number_of_args_is_read_from_what_bmcs_send),
        WITH_SET(prefix_and_version_come_from_where_they_are),
        WITH_SET(the_type_is_tested_by_its_suffix),
        WITH_SET(an_error_is_explained_and_leaves_the_set_alone),
        WITH_SET(members_that_are_no_messages_are_left_out),
        WITH_SET(the_last_of_two_messages_with_one_key_counts),
        WITH_SET(too_deep_and_too_many_are_refused),
        WITH_SET(a_text_that_is_no_utf8_does_not_cost_the_registry),
        WITH_SET(a_key_that_grows_beyond_the_limit_is_left_out),
        WITH_SET(a_later_registry_of_the_same_name_replaces_the_earlier_wholly),
        WITH_SET(registries_are_listed_in_order_of_loading),
        WITH_SET(the_nearest_version_is_taken),
        WITH_SET(two_parts_find_a_registry_of_three),
        WITH_SET(the_same_spelling_goes_before_any_other),
        WITH_SET(a_bare_key_is_found_in_the_only_registry_that_has_it),
        WITH_SET(registries_for_bare_keys_go_before_others),
        WITH_SET(a_replaced_message_without_text_is_followed_once),
        WITH_SET(an_empty_set_and_odd_ids_find_nothing),
        WITH_SET(many_messages_are_all_found),
        WITH_SET(gzip_is_unpacked),
        WITH_SET(broken_gzip_is_refused),
        WITH_SET(gzip_cannot_unpack_beyond_the_limit),
        WITH_SET(a_folder_is_loaded_with_two_levels_below),
        WITH_SET(each_broken_file_gives_one_warning_and_the_rest_is_loaded),
        WITH_SET(a_folder_that_is_not_there_is_told),
        WITH_SET(the_registries_of_the_project_load_and_are_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
