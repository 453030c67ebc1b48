/* Which records raise alarms and which end them; what is kept, for how long, and over a restart. */
#include "relay_bed.h"

#include "gurnard/base/buf.h"

#define S 1000000000LL

static int setup(void **state)
{
    *state = gn_alarms_new(NULL);
    assert_non_null(*state);
    return 0;
}

static int teardown(void **state)
{
    gn_alarms_free(*state);
    return 0;
}

/* A record of bmc-1 in short: key, origin, severity, clearing logic, second. */
static struct gn_alarm_note note_of(const char *key, const char *origin, enum gn_severity severity,
                                    const char *clears, int64_t second)
{
    return (struct gn_alarm_note){
        .bmc = GN_STR("bmc-1"),
        .registry = GN_STR("Reg"),
        .key = gn_str_of(key),
        .origin = gn_str_of(origin),
        .message = GN_STR("It is so."),
        .event_id = GN_STR("0b0e4c3e-0000-5000-8000-000000000001"),
        .clears = gn_str_of(clears),
        .severity = severity,
        .time_ns = second * S,
    };
}

static void note(struct gn_alarms *alarms, const char *key, const char *origin,
                 enum gn_severity severity, const char *clears, int64_t second)
{
    const struct gn_alarm_note one = note_of(key, origin, severity, clears, second);

    gn_alarms_note(alarms, &one);
}

static size_t count_all(const struct gn_alarms *alarms)
{
    struct gn_alarms_count count = gn_alarms_count(alarms, GN_STR_NONE);

    return count.critical + count.warning;
}

static json_t *list_of(const struct gn_alarms *alarms, const char *bmc, json_t **whole)
{
    *whole = gn_alarms_list(alarms, gn_str_of(bmc));
    assert_non_null(*whole);
    return json_object_get(*whole, "alarms");
}

static const char *text_at(json_t *list, size_t place, const char *member)
{
    const char *text = json_string_value(json_object_get(json_array_get(list, place), member));

    assert_non_null(text);
    return text;
}

/* ---- raising ---- */

static void warnings_and_critical_ones_raise_and_nothing_else_does(void **state)
{
    static const struct {
        const char *key;
        enum gn_severity severity;
        uint32_t critical, warning;
    } rows[] = {
        {"A", GN_SEVERITY_NONE, 0, 0},     {"B", GN_SEVERITY_OK, 0, 0},
        {"C", GN_SEVERITY_WARNING, 0, 1},  {"D", GN_SEVERITY_CRITICAL, 1, 1},
        {"", GN_SEVERITY_CRITICAL, 1, 1},  {"C", GN_SEVERITY_WARNING, 1, 1},
        {"C", GN_SEVERITY_CRITICAL, 2, 0}, {"c", GN_SEVERITY_WARNING, 1, 1},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_alarms_count count;

        note(*state, rows[i].key, "/a", rows[i].severity, NULL, 1);
        count = gn_alarms_count(*state, GN_STR("bmc-1"));
        assert_int_equal(count.critical, rows[i].critical);
        assert_int_equal(count.warning, rows[i].warning);
    }
    assert_int_equal(gn_alarms_count(*state, GN_STR("bmc-2")).critical, 0);
}

static void the_list_tells_each_alarm_by_severity_the_latest_first(void **state)
{
    struct gn_alarm_note other = note_of("Y", NULL, GN_SEVERITY_WARNING, NULL, 7);
    json_t *whole, *list;

    note(*state, "A", "/a/", GN_SEVERITY_WARNING, NULL, 1);
    note(*state, "B", "/b", GN_SEVERITY_CRITICAL, NULL, 2);
    note(*state, "C", "/c", GN_SEVERITY_WARNING, NULL, 3);
    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 5); /* the same but for the slash */
    other.bmc = GN_STR("bmc-2");
    other.registry = GN_STR_NONE;
    gn_alarms_note(*state, &other);
    list = list_of(*state, "bmc-1", &whole);
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(text_at(list, 0, "message_id"), "Reg.B");
    assert_string_equal(text_at(list, 0, "severity"), "Critical");
    assert_string_equal(text_at(list, 1, "message_id"), "Reg.A");
    assert_string_equal(text_at(list, 1, "severity"), "Warning");
    assert_string_equal(text_at(list, 1, "origin"), "/a");
    assert_string_equal(text_at(list, 1, "message"), "It is so.");
    assert_string_equal(text_at(list, 1, "raised"), "1970-01-01T00:00:01Z");
    assert_string_equal(text_at(list, 1, "last"), "1970-01-01T00:00:05Z");
    assert_string_equal(text_at(list, 1, "event"), "0b0e4c3e-0000-5000-8000-000000000001");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "count")), 2);
    assert_string_equal(text_at(list, 2, "message_id"), "Reg.C");
    json_decref(whole);
    list = list_of(*state, NULL, &whole);
    assert_int_equal(json_array_size(list), 4);
    assert_string_equal(text_at(list, 1, "bmc"), "bmc-2");
    assert_string_equal(text_at(list, 1, "message_id"), "Y");
    json_decref(whole);
    list = list_of(*state, "bmc-3", &whole);
    assert_int_equal(json_array_size(list), 0);
    json_decref(whole);
}

/* ---- ending ---- */

static void clearing_logic_ends_what_it_names(void **state)
{
    static const struct {
        const char *origin; /* of the clearing record */
        const char *clears; /* what it says; A of /a and B of /b are raised */
        const char *left;   /* keys that stay */
    } rows[] = {
        {"/a", "{\"ClearsIf\":\"SameOriginOfCondition\",\"ClearsMessage\":[\"A\"]}", "B"},
        {"/a/", "{\"ClearsIf\":\"SameOriginOfCondition\",\"ClearsMessage\":[\"a\"]}", "B"},
        {"/b", "{\"ClearsIf\":\"SameOriginOfCondition\",\"ClearsMessage\":[\"A\"]}", "AB"},
        {"/a", "{\"ClearsIf\":\"SameOriginOfCondition\",\"ClearsMessages\":[\"X\",\"A\"]}", "B"},
        {"/a", "{\"ClearsMessage\":\"A\"}", "B"},
        {"/b", "{\"ClearsMessage\":[\"A\"]}", "AB"},
        {"/a", "{\"ClearsMessage\":[\"Reg.A\"]}", "B"},
        {"/a", "{\"ClearsMessage\":[\"Reg.1.0.A\"]}", "B"},
        {"/a", "{\"ClearsMessage\":[\"Other.1.0.A\"]}", "AB"},
        {"/a", "{\"ClearsAll\":true,\"ClearsIf\":\"SameOriginOfCondition\"}", "B"},
        {"/c", "{\"ClearsAll\":true,\"ClearsIf\":\"SameOriginOfCondition\"}", "AB"},
        {"/c", "{\"ClearsAll\":true}", ""},
        {"/c", "{\"ClearsAll\":true,\"ClearsIf\":null}", ""},
        {"/c", "{\"ClearsAll\":false,\"ClearsMessage\":[\"A\",\"B\"]}", "AB"},
        {"/c", "{\"ClearsAll\":\"yes\"}", "AB"},
        {"/a", NULL, "AB"},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_alarms_forget(*state, GN_STR("bmc-1"));
        note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 1);
        note(*state, "B", "/b", GN_SEVERITY_CRITICAL, NULL, 2);
        note(*state, "Ended", rows[i].origin, GN_SEVERITY_NONE, rows[i].clears, 3);
        assert_int_equal(count_all(*state), strlen(rows[i].left));
        if (strchr(rows[i].left, 'A') != NULL)
            assert_int_equal(gn_alarms_count(*state, GN_STR("bmc-1")).warning, 1);
        if (strchr(rows[i].left, 'B') != NULL)
            assert_int_equal(gn_alarms_count(*state, GN_STR("bmc-1")).critical, 1);
    }
}

static void hostile_clearing_logic_ends_nothing(void **state)
{
    static const char *const rows[] = {
        "",
        "nonsense",
        "[\"A\"]",
        "\"A\"",
        "{\"ClearsMessage\":[\"A\"]",
        "{\"ClearsMessage\":[[\"A\"],{\"A\":\"A\"},1,null,true]}",
        "{\"ClearsMessage\":{\"A\":\"A\"}}",
        "{\"ClearsMessage\":[\"\\u0041\"]}",
        "{\"ClearsMessage\":[\"\",\".\",\"Reg.\"]}",
        "{\"ClearsAll\":true,\"ClearsIf\":\"Never\"",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}},"
        "\"ClearsMessage\":[\"A\"]}",
    };
    struct gn_buf text = GN_BUF_INIT;

    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 1);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        note(*state, "Ended", "/a", GN_SEVERITY_NONE, rows[i], 2);
    gn_buf_puts(&text, "{\"ClearsMessage\":[");
    for (int i = 0; i < GN_ALARMS_CLEARS_MAX; i++)
        gn_buf_printf(&text, "\"X%d\",", i);
    gn_buf_puts(&text, "\"A\"]}"); /* one too many */
    note(*state, "Ended", "/a", GN_SEVERITY_NONE, text.data, 2);
    gn_buf_reset(&text);
    gn_buf_puts(&text, "{\"ClearsMessage\":[\"A\"],\"x\":\"");
    for (int i = 0; i < GN_ALARMS_LOGIC_MAX; i++)
        gn_buf_putc(&text, 'x');
    gn_buf_puts(&text, "\"}");
    note(*state, "Ended", "/a", GN_SEVERITY_NONE, text.data, 2);
    assert_int_equal(count_all(*state), 1);
    gn_buf_free(&text);
}

static void the_same_message_with_severity_ok_ends_it(void **state)
{
    struct gn_alarm_note other = note_of("A", "/a", GN_SEVERITY_OK, NULL, 2);

    note(*state, "A", "/a", GN_SEVERITY_CRITICAL, NULL, 1);
    other.bmc = GN_STR("bmc-2");
    gn_alarms_note(*state, &other);
    other.bmc = GN_STR("bmc-1");
    other.registry = GN_STR("Other");
    gn_alarms_note(*state, &other);
    note(*state, "A", "/b", GN_SEVERITY_OK, NULL, 2);
    note(*state, "B", "/a", GN_SEVERITY_OK, NULL, 2);
    assert_int_equal(count_all(*state), 1);
    note(*state, "A", "/a", GN_SEVERITY_OK, NULL, 2);
    assert_int_equal(count_all(*state), 0);
}

static void a_message_that_ends_one_alarm_may_raise_another(void **state)
{
    note(*state, "TooHot", "/a", GN_SEVERITY_CRITICAL, NULL, 1);
    note(*state, "Warm", "/a", GN_SEVERITY_WARNING, "{\"ClearsMessage\":[\"TooHot\"]}", 2);
    assert_int_equal(gn_alarms_count(*state, GN_STR("bmc-1")).critical, 0);
    assert_int_equal(gn_alarms_count(*state, GN_STR("bmc-1")).warning, 1);
}

static void what_a_log_tells_late_does_not_end_what_came_after_it(void **state)
{
    struct gn_alarm_note late = note_of("A", "/a", GN_SEVERITY_OK, NULL, 5);

    late.is_late = true;
    note(*state, "A", "/a", GN_SEVERITY_CRITICAL, NULL, 9);
    gn_alarms_note(*state, &late);
    assert_int_equal(count_all(*state), 1);
    late.severity = GN_SEVERITY_WARNING; /* counted, but what came later holds */
    gn_alarms_note(*state, &late);
    assert_int_equal(gn_alarms_count(*state, GN_STR("bmc-1")).critical, 1);
    late.severity = GN_SEVERITY_OK;
    late.time_ns = 9 * S;
    gn_alarms_note(*state, &late);
    assert_int_equal(count_all(*state), 0);
}

static void a_repeat_ends_alarms_but_raises_none(void **state)
{
    struct gn_alarm_note again = note_of("A", "/a", GN_SEVERITY_CRITICAL, NULL, 1);

    again.is_repeated = true;
    gn_alarms_note(*state, &again);
    assert_int_equal(count_all(*state), 0);
    note(*state, "A", "/a", GN_SEVERITY_CRITICAL, NULL, 1);
    again.severity = GN_SEVERITY_OK;
    gn_alarms_note(*state, &again);
    assert_int_equal(count_all(*state), 0);
}

static void one_ends_by_hand_and_all_with_their_bmc(void **state)
{
    struct gn_alarm_note other = note_of("A", "/a", GN_SEVERITY_WARNING, NULL, 1);
    json_t *whole, *list;

    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 1);
    note(*state, "B", "/a", GN_SEVERITY_WARNING, NULL, 1);
    note(*state, "C", "/a", GN_SEVERITY_CRITICAL, NULL, 1);
    other.bmc = GN_STR("bmc-2");
    gn_alarms_note(*state, &other);
    list = list_of(*state, "bmc-2", &whole);
    assert_int_equal(gn_alarms_clear(*state, GN_STR("none")), GN_ENOTFOUND);
    assert_int_equal(gn_alarms_clear(*state, gn_str_of(text_at(list, 0, "id"))), GN_OK);
    assert_int_equal(gn_alarms_clear(*state, gn_str_of(text_at(list, 0, "id"))), GN_ENOTFOUND);
    json_decref(whole);
    assert_int_equal(count_all(*state), 3);
    gn_alarms_forget(*state, GN_STR("bmc-2"));
    assert_int_equal(count_all(*state), 3);
    gn_alarms_forget(*state, GN_STR("bmc-1"));
    assert_int_equal(count_all(*state), 0);
}

static void the_version_goes_up_with_each_change_and_only_then(void **state)
{
    uint64_t version = gn_alarms_version(*state);

    note(*state, "A", "/a", GN_SEVERITY_OK, "{\"ClearsAll\":true}", 1);
    gn_alarms_set_next(*state, 17);
    gn_alarms_forget(*state, GN_STR("bmc-1"));
    assert_int_equal(gn_alarms_version(*state), version);
    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 1);
    assert_true(gn_alarms_version(*state) > version);
    version = gn_alarms_version(*state);
    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 2);
    assert_true(gn_alarms_version(*state) > version);
    version = gn_alarms_version(*state);
    note(*state, "A", "/a", GN_SEVERITY_OK, NULL, 2);
    assert_true(gn_alarms_version(*state) > version);
}

/* ---- limits ---- */

static void beyond_its_share_a_bmc_loses_the_oldest_of_the_lowest_severity(void **state)
{
    struct gn_metrics *metrics = gn_metrics_new();
    struct gn_alarms *alarms = gn_alarms_new(metrics);
    char key[16];

    (void)state;
    note(alarms, "Grave", "/a", GN_SEVERITY_CRITICAL, NULL, 1);
    for (unsigned i = 0; i < GN_ALARMS_PER_BMC; i++) {
        (void)snprintf(key, sizeof key, "K%u", i);
        note(alarms, key, "/a", GN_SEVERITY_WARNING, NULL, 2);
    }
    assert_int_equal(gn_alarms_count(alarms, GN_STR("bmc-1")).critical, 1);
    assert_int_equal(gn_alarms_count(alarms, GN_STR("bmc-1")).warning, GN_ALARMS_PER_BMC - 1);
    assert_true(gn_metrics_counter(metrics, "gurnard_alarms_forgotten_total", NULL, "")->value ==
                1);
    assert_true(gn_metrics_gauge(metrics, "gurnard_alarms", "severity=\"warning\"", "")->value ==
                GN_ALARMS_PER_BMC - 1);
    note(alarms, "K0", "/a", GN_SEVERITY_WARNING, NULL, 2); /* it was the first to go: new again */
    assert_true(gn_metrics_counter(metrics, "gurnard_alarms_forgotten_total", NULL, "")->value ==
                2);
    for (unsigned i = 0; i < GN_ALARMS_PER_BMC; i++) {
        (void)snprintf(key, sizeof key, "G%u", i);
        note(alarms, key, "/a", GN_SEVERITY_CRITICAL, NULL, 2);
    }
    assert_int_equal(gn_alarms_count(alarms, GN_STR("bmc-1")).critical, GN_ALARMS_PER_BMC);
    assert_int_equal(gn_alarms_count(alarms, GN_STR("bmc-1")).warning, 0);
    note(alarms, "Light", "/a", GN_SEVERITY_WARNING, NULL, 3); /* itself the lowest */
    assert_int_equal(gn_alarms_count(alarms, GN_STR("bmc-1")).warning, 0);
    gn_alarms_free(alarms);
    gn_metrics_free(metrics);
}

static void the_table_has_a_limit_over_all_bmcs(void **state)
{
    struct gn_alarm_note one = note_of("A", "/a", GN_SEVERITY_CRITICAL, NULL, 1);
    char name[16];

    gn_alarms_note(*state, &one);
    one.severity = GN_SEVERITY_WARNING;
    one.message = GN_STR_NONE;
    for (unsigned i = 0; i < GN_ALARMS_MAX + 10; i++) {
        (void)snprintf(name, sizeof name, "b%u", i);
        one.bmc = gn_str_of(name);
        gn_alarms_note(*state, &one);
    }
    assert_int_equal(count_all(*state), GN_ALARMS_MAX);
    assert_int_equal(gn_alarms_count(*state, GN_STR("bmc-1")).critical, 1);
    assert_int_equal(gn_alarms_count(*state, GN_STR("b0")).warning, 0);
    assert_int_equal(gn_alarms_count(*state, gn_str_of(name)).warning, 1);
}

static void texts_are_clipped_and_limited_in_all(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_alarm_note one = note_of("A", NULL, GN_SEVERITY_WARNING, NULL, 1);
    json_t *whole, *list;
    char name[16];

    for (int i = 0; i < 4000; i++)
        gn_buf_puts(&text, "\xc3\xa4");
    one.message = one.origin = one.event_id = gn_buf_str(&text);
    gn_alarms_note(*state, &one);
    list = list_of(*state, NULL, &whole);
    assert_int_equal(strlen(text_at(list, 0, "message")), GN_ALARMS_TEXT_MAX);
    assert_int_equal(strlen(text_at(list, 0, "origin")), GN_ALARMS_TEXT_MAX);
    assert_int_equal(strlen(text_at(list, 0, "event")), GN_ALARMS_NAME_MAX);
    json_decref(whole);
    for (unsigned i = 0; i < 40000; i++) {
        (void)snprintf(name, sizeof name, "b%u", i);
        one.bmc = gn_str_of(name);
        gn_alarms_note(*state, &one);
    }
    assert_true(count_all(*state) < GN_ALARMS_BYTES_MAX / (size_t)(2 * GN_ALARMS_TEXT_MAX));
    assert_true(count_all(*state) > 30000);
    gn_buf_free(&text);
}

/* ---- file ---- */

static void what_was_saved_is_there_after_loading(void **state)
{
    struct gn_alarms *other = gn_alarms_new(NULL);
    struct gn_buf text = GN_BUF_INIT, again = GN_BUF_INIT;
    struct gn_alarm_note odd = note_of("Q\"\\\n", "/o\t", GN_SEVERITY_CRITICAL, NULL, -5);
    json_t *whole, *list;

    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 1);
    note(*state, "B", NULL, GN_SEVERITY_CRITICAL, NULL, 2);
    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 3);
    odd.bmc = GN_STR("ctx\n192.0.2.1");
    odd.registry = odd.message = odd.event_id = GN_STR_NONE;
    gn_alarms_note(*state, &odd);
    gn_alarms_set_next(*state, 4711);
    note(other, "Gone", "/a", GN_SEVERITY_WARNING, NULL, 1);
    assert_int_equal(gn_alarms_save(*state, &text), GN_OK);
    assert_int_equal(gn_alarms_load(other, gn_buf_str(&text)), GN_OK);
    assert_int_equal(gn_alarms_next(other), 4711);
    assert_int_equal(gn_alarms_save(other, &again), GN_OK);
    assert_string_equal(again.data, text.data);
    list = list_of(other, "bmc-1", &whole);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(text_at(list, 1, "raised"), "1970-01-01T00:00:01Z");
    json_decref(whole);
    note(other, "A", "/a", GN_SEVERITY_OK, NULL, 4); /* found as before */
    assert_int_equal(count_all(other), 2);
    gn_alarms_free(other);
    gn_buf_free(&text);
    gn_buf_free(&again);
}

static void an_empty_table_is_saved_and_loaded(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    assert_int_equal(gn_alarms_save(*state, &text), GN_OK);
    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 1);
    assert_int_equal(gn_alarms_load(*state, gn_buf_str(&text)), GN_OK);
    assert_int_equal(count_all(*state), 0);
    gn_buf_free(&text);
}

#define ROW(members) "{\"version\":1,\"next\":1,\"alarms\":[{" members "}]}"

static void of_a_bad_file_nothing_is_taken(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"version\":1}",
        "{\"alarms\":[]}",
        "{\"version\":2,\"alarms\":[]}",
        "{\"version\":1,\"alarms\":{}}",
        "{\"version\":1,\"alarms\":[1]}",
        "{\"version\":1,\"alarms\":[]} x",
        "{\"version\":1,\"next\":-1,\"alarms\":[]}",
        "{\"version\":1,\"alarms\":[",
        ROW(""),
        ROW("\"bmc\":\"b\",\"key\":\"K\",\"severity\":\"OK\",\"count\":1"),
        ROW("\"bmc\":\"b\",\"key\":\"K\",\"severity\":\"Warning\",\"count\":0"),
        ROW("\"bmc\":\"b\",\"key\":\"K\",\"severity\":\"Warning\",\"count\":-1"),
        ROW("\"bmc\":\"b\",\"severity\":\"Warning\",\"count\":1"),
        ROW("\"bmc\":1,\"key\":\"K\",\"severity\":\"Warning\",\"count\":1"),
        ROW("\"key\":\"K\",\"severity\":\"Warning\",\"count\":1,\"raised\":1e3"),
        ROW("\"key\":\"K\",\"severity\":\"Warning\",\"count\":1,\"raised\":9999999999999999999"),
        ROW("\"key\":\"K\",\"severity\":\"Warning\",\"count\":1},{"),
    };

    note(*state, "A", "/a", GN_SEVERITY_WARNING, NULL, 1);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_alarms_load(*state, gn_str_of(rows[i])), GN_EPARSE);
    assert_int_equal(count_all(*state), 1);
    assert_int_equal(gn_alarms_load(*state,
                                    GN_STR(ROW("\"key\":\"K\",\"severity\":\"Warning\",\"count\":1,"
                                               "\"later\":{\"a\":[1,2]}"))),
                     GN_OK);
    assert_int_equal(count_all(*state), 1);
    assert_int_equal(gn_alarms_next(*state), 1);
}

static void what_passes_the_limits_of_a_bmc_is_dropped_at_loading(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    gn_buf_puts(&text, "{\"version\":1,\"alarms\":[");
    for (unsigned i = 0; i < GN_ALARMS_PER_BMC + 5; i++)
        gn_buf_printf(&text,
                      "%s{\"bmc\":\"b\",\"key\":\"K%u\",\"severity\":\"Critical\",\"count\":1}",
                      i == 0 ? "" : ",", i);
    gn_buf_puts(&text, "]}");
    assert_int_equal(gn_alarms_load(*state, gn_buf_str(&text)), GN_OK);
    assert_int_equal(gn_alarms_count(*state, GN_STR("b")).critical, GN_ALARMS_PER_BMC);
    gn_buf_free(&text);
}

/* ---- what the intake notes ---- */

#define REGISTRY                                                                                   \
    "{\"@odata.type\":\"#MessageRegistry.v1_4_0.MessageRegistry\",\"Id\":\"Own.1.2.0\","           \
    "\"Language\":\"en\",\"RegistryPrefix\":\"Own\",\"RegistryVersion\":\"1.2.0\",\"Messages\":{"  \
    "\"FanFailed\":{\"Description\":\"d\",\"Message\":\"Fan %1 failed.\","                         \
    "\"Severity\":\"Critical\",\"MessageSeverity\":\"Critical\",\"NumberOfArgs\":1,"               \
    "\"ParamTypes\":[\"string\"],\"Resolution\":\"None.\"},"                                       \
    "\"FanRestored\":{\"Description\":\"d\",\"Message\":\"Fan %1 runs.\",\"NumberOfArgs\":1,"      \
    "\"MessageSeverity\":\"OK\",\"Severity\":\"OK\",\"Resolution\":\"None.\","                     \
    "\"ClearingLogic\":{\"ClearsIf\":\"SameOriginOfCondition\","                                   \
    "\"ClearsMessage\":[\"FanFailed\"]}}}}"

#define FAILED(time, more)                                                                         \
    "{\"Events\":[{\"MessageId\":\"Own.1.2.FanFailed\",\"MessageArgs\":[\"2\"],"                   \
    "\"EventTimestamp\":\"" time "\",\"OriginOfCondition\":\"/fans/2\"" more "}]}"
#define RESTORED(time)                                                                             \
    "{\"Events\":[{\"MessageId\":\"Own.1.2.FanRestored\",\"MessageArgs\":[\"2\"],"                 \
    "\"Message\":\"Fan 2 runs.\",\"Severity\":\"OK\",\"EventTimestamp\":\"" time "\","             \
    "\"OriginOfCondition\":{\"@odata.id\":\"/fans/2/\"}}]}"

static int setup_bed(void **state)
{
    struct relay_bed *bed = bed_new();

    bed->registry = REGISTRY;
    bed_on_disk(bed);
    bed_start(bed);
    *state = bed;
    return 0;
}

static int teardown_bed(void **state)
{
    bed_free(*state);
    return 0;
}

static void records_raise_and_end_alarms_by_their_registry(void **state)
{
    struct relay_bed *bed = *state;
    json_t *whole, *list;

    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, FAILED("2026-01-01T00:00:01Z", "")),
                     GN_INTAKE_STORED);
    list = list_of(bed->alarms, "b1", &whole);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text_at(list, 0, "message"), "Fan 2 failed.");
    assert_string_equal(text_at(list, 0, "message_id"), "Own.FanFailed");
    assert_string_equal(text_at(list, 0, "origin"), "/fans/2");
    assert_string_equal(text_at(list, 0, "raised"), "2026-01-01T00:00:01Z");
    json_decref(whole);
    assert_int_equal(bed_take(bed, "b2", GN_WAY_PUSH, RESTORED("2026-01-01T00:00:05Z")),
                     GN_INTAKE_STORED);
    assert_int_equal(count_all(bed->alarms), 1);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, RESTORED("2026-01-01T00:00:05Z")),
                     GN_INTAKE_STORED);
    assert_int_equal(count_all(bed->alarms), 0);
}

static void note_miss(void *ctx, struct gn_str bmc, struct gn_str message_id)
{
    (void)bmc;
    (void)message_id;
    ++*(unsigned *)ctx;
}

/* Only those that completed a record count, for an operator to see what is missing. */
static void look_ups_for_alarms_are_not_counted(void **state)
{
    struct relay_bed *bed = *state;
    unsigned misses = 0;

    gn_relay_on_miss(bed->relay, note_miss, &misses);
    (void)bed_take(bed, "b1", GN_WAY_PUSH, RESTORED("2026-01-01T00:00:05Z"));
    (void)bed_take(bed, "b1", GN_WAY_PUSH,
                   "{\"Events\":[{\"MessageId\":\"X.1.0.Y\",\"Severity\":\"OK\","
                   "\"Message\":\"m\"}]}");
    assert_true(bed_counter(bed, "gurnard_registry_hits_total", "match=\"exact\"") == 0);
    assert_true(bed_counter(bed, "gurnard_registry_misses_total", NULL) == 0);
    assert_int_equal(misses, 1); /* the registry may have clearing logic */
    (void)bed_take(bed, "b1", GN_WAY_PUSH, "{\"Events\":[{\"MessageId\":\"X.1.0.Y\"}]}");
    assert_true(bed_counter(bed, "gurnard_registry_misses_total", NULL) == 1);
    assert_int_equal(misses, 2);
}

static void repeats_and_records_that_are_told_better_are_passed_over(void **state)
{
    struct relay_bed *bed = *state;
    json_t *whole, *list;

    for (int i = 0; i < 3; i++)
        (void)bed_take(bed, "b1", GN_WAY_PUSH, FAILED("2026-01-01T00:00:01Z", ""));
    list = list_of(bed->alarms, "b1", &whole);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "count")), 1);
    json_decref(whole);
    assert_int_equal(bed_take(bed, "b2", GN_WAY_PUSH,
                              FAILED("2026-01-01T00:00:01Z",
                                     ",\"EventGroupId\":1,\"SpecificEventExistsInGroup\":true")),
                     GN_INTAKE_STORED);
    assert_int_equal(count_all(bed->alarms), 1);
}

/* The end was pushed when the BMC was back; its log tells the beginning, then the end once more. */
static void a_gap_closed_from_the_log_leaves_no_alarm_behind(void **state)
{
    struct relay_bed *bed = *state;

    assert_int_equal(bed_take(bed, "b1", GN_WAY_PUSH, RESTORED("2026-01-01T00:00:05Z")),
                     GN_INTAKE_STORED);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, FAILED("2026-01-01T00:00:01Z", "")),
                     GN_INTAKE_STORED);
    assert_int_equal(count_all(bed->alarms), 1);
    assert_int_equal(bed_take(bed, "b1", GN_WAY_LOG, RESTORED("2026-01-01T00:00:05Z")),
                     GN_INTAKE_REPEATED);
    assert_int_equal(count_all(bed->alarms), 0);
}

static void restart(struct relay_bed *bed, struct gn_buf *saved, bool has_registry)
{
    bed_wait_durable(bed);
    bed_close(bed);
    bed_open(bed);
    if (saved->len > 0)
        assert_int_equal(gn_alarms_load(bed->alarms, gn_buf_str(saved)), GN_OK);
    if (has_registry)
        bed_load_registry(bed);
    assert_int_equal(gn_relay_recover(bed->relay, true), GN_OK);
    if (!has_registry)
        bed_load_registry(bed);
}

static void after_a_crash_the_journal_tells_what_was_not_saved(void **state)
{
    struct relay_bed *bed = *state;

    for (int i = 0; i < 2; i++) { /* registries before the journal, and after it */
        struct gn_buf saved = GN_BUF_INIT;
        json_t *whole, *list;

        (void)bed_take(bed, "b1", GN_WAY_PUSH, FAILED("2026-01-01T00:00:01Z", ""));
        (void)bed_take(bed, "b2", GN_WAY_PUSH, FAILED("2026-01-01T00:00:02Z", ""));
        assert_int_equal(gn_alarms_save(bed->alarms, &saved), GN_OK);
        (void)bed_take(bed, "b1", GN_WAY_PUSH, RESTORED("2026-01-01T00:00:05Z"));
        (void)bed_take(bed, NULL, GN_WAY_PUSH,
                       "{\"Context\":\"rack 1\",\"Events\":[{\"MessageId\":\"X.1.0.Y\","
                       "\"Severity\":\"Warning\",\"Message\":\"m\"}]}");
        restart(bed, &saved, i == 0);
        list = list_of(bed->alarms, NULL, &whole);
        assert_int_equal(json_array_size(list), 2);
        assert_string_equal(text_at(list, 0, "bmc"), "b2");
        assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "count")), 1);
        assert_string_equal(text_at(list, 1, "bmc"), "rack 1\n192.0.2.7");
        json_decref(whole);
        gn_buf_free(&saved);
        bed_close(bed);
        bed_on_disk(bed);
        bed_start(bed);
    }
}

#define TEST(name)     cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BED_TEST(name) cmocka_unit_test_setup_teardown(name, setup_bed, teardown_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(warnings_and_critical_ones_raise_and_nothing_else_does),
        TEST(the_list_tells_each_alarm_by_severity_the_latest_first),
        TEST(clearing_logic_ends_what_it_names),
        TEST(hostile_clearing_logic_ends_nothing),
        TEST(the_same_message_with_severity_ok_ends_it),
        TEST(a_message_that_ends_one_alarm_may_raise_another),
        TEST(what_a_log_tells_late_does_not_end_what_came_after_it),
        TEST(a_repeat_ends_alarms_but_raises_none),
        TEST(one_ends_by_hand_and_all_with_their_bmc),
        TEST(the_version_goes_up_with_each_change_and_only_then),
        TEST(beyond_its_share_a_bmc_loses_the_oldest_of_the_lowest_severity),
        TEST(the_table_has_a_limit_over_all_bmcs),
        TEST(texts_are_clipped_and_limited_in_all),
        TEST(what_was_saved_is_there_after_loading),
        TEST(an_empty_table_is_saved_and_loaded),
        TEST(of_a_bad_file_nothing_is_taken),
        TEST(what_passes_the_limits_of_a_bmc_is_dropped_at_loading),
        BED_TEST(records_raise_and_end_alarms_by_their_registry),
        BED_TEST(look_ups_for_alarms_are_not_counted),
        BED_TEST(repeats_and_records_that_are_told_better_are_passed_over),
        BED_TEST(a_gap_closed_from_the_log_leaves_no_alarm_behind),
        BED_TEST(after_a_crash_the_journal_tells_what_was_not_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
