/* Settings: sources and their weight, forms of values, what is said about wrong ones, printed
 * texts. */
#include "gurnard/app/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/bmc/spec.h"
#include "settings_priv.h"

#define WORDS_MAX 8

/* What was complained about: "where: what\n" each. */
struct bed {
    struct gn_settings settings;
    struct gn_settings_request request;
    struct gn_buf told;
    bool bad_flag;
    enum gn_err err;
};

static char folder[] = "/tmp/gn_test_settings.XXXXXX";
static char file_path[64]; /* of the settings file that load() names */

static void complain(void *ctx, const char *where, const char *what)
{
    struct bed *bed = ctx;

    gn_buf_printf(&bed->told, "%s: %s\n", where, what);
}

static const char *told(const struct bed *bed)
{
    return bed->told.len == 0 ? "" : bed->told.data;
}

static void bed_free(struct bed *bed)
{
    gn_settings_free(&bed->settings);
    free(bed->request.file);
    gn_buf_free(&bed->told);
}

static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static size_t count_words(char *const *words)
{
    size_t count = 0;

    while (words[count] != NULL)
        count++;
    return count;
}

/* Loads with exactly these arguments behind the program's name. args, env: ended by NULL. */
static void load_raw(struct bed *bed, const char *const *args, const char *const *env)
{
    char *argv[WORDS_MAX + 4] = {(char[]){"gurnardd"}};
    char *environment[WORDS_MAX + 1] = {NULL};

    *bed = (struct bed){.told = GN_BUF_INIT};
    for (size_t i = 0; args[i] != NULL; i++)
        argv[i + 1] = strdup(args[i]);
    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        environment[i] = strdup(env[i]);
    bed->err = gn_settings_load(&bed->settings, (int)count_words(argv), argv, environment,
                                &bed->request, complain, bed, &bed->bad_flag);
    for (size_t i = 1; argv[i] != NULL; i++)
        free(argv[i]);
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
}

/* Loads with the settings file of this test, so that none of the machine is read. */
static void load(struct bed *bed, const char *file, const char *const *args, const char *const *env)
{
    const char *all[WORDS_MAX + 3] = {"--config", file_path};

    write_file(file);
    for (size_t i = 0; args != NULL && args[i] != NULL; i++)
        all[i + 2] = args[i];
    load_raw(bed, all, env);
}

static void read_yaml(struct bed *bed, const char *text, size_t len)
{
    *bed = (struct bed){.told = GN_BUF_INIT};
    assert_int_equal(gn_settings_defaults(&bed->settings), GN_OK);
    bed->err =
        gn_settings_yaml(&bed->settings, (struct gn_str){text, len}, "f.yaml", complain, bed);
}

static uint64_t number_at(const struct gn_settings *settings, const struct setting_row *row)
{
    uint64_t value;

    memcpy(&value, (const char *)settings + row->offset, sizeof value);
    return value;
}

static const char *text_at(const struct gn_settings *settings, const struct setting_row *row)
{
    const char *value;

    memcpy(&value, (const char *)settings + row->offset, sizeof value);
    return value;
}

static const struct setting_row *row_of(const char *path)
{
    const struct setting_row *row = gn_setting_by_path(gn_str_of(path));

    if (row == NULL)
        fail_msg("no row %s", path);
    return row;
}

static bool is_number(const struct setting_row *row)
{
    return row->kind == SETTING_NUMBER || row->kind == SETTING_SIZE ||
           row->kind == SETTING_DURATION;
}

/* ---- weight ---- */

static void a_flag_weighs_more_than_environment_that_more_than_file_that_more_than_default(void **s)
{
    static const char file[] = "api:\n  port: 2\n";
    static const struct {
        const char *file;
        const char *env[3];
        const char *args[3];
        uint64_t want;
    } rows[] = {
        {"", {NULL}, {NULL}, 8089},
        {file, {NULL}, {NULL}, 2},
        {file, {"GURNARD_API_PORT=3"}, {NULL}, 3},
        {"", {"GURNARD_API_PORT=3"}, {NULL}, 3},
        {file, {"GURNARD_API_PORT=3"}, {"--api-port=4"}, 4},
        {file, {NULL}, {"--api-port", "4"}, 4},
        {file, {"GURNARD_API_PORT="}, {NULL}, 2},
        {file, {"XGURNARD_API_PORT=3", "GURNARD_API_PORTS=3"}, {NULL}, 2},
    };

    (void)s;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, rows[i].file, rows[i].args, rows[i].env);
        assert_string_equal(told(&bed), "");
        assert_int_equal(bed.err, GN_OK);
        assert_int_equal(bed.settings.api_port, rows[i].want);
        bed_free(&bed);
    }
}

static void our_variable_weighs_more_than_those_of_the_replaced_programs(void **state)
{
    static const char *const env[] = {"HW_EVENT_PORT=1", "HW_EVENT_PROXY_SERVICE_SERVICE_PORT=2",
                                      "GURNARD_WEBHOOK_PORT=3", NULL};
    static const uint64_t want[] = {3, 2, 1, 9087};

    (void)state;
    for (size_t i = 0; i < GN_LEN(want); i++) {
        const char *some[4] = {NULL};
        struct bed bed;

        memcpy(some, env, (3 - i) * sizeof env[0]); /* one less each time */
        if (i == 2)
            some[0] = "HW_EVENT_PORT=1";
        load(&bed, "", NULL, some);
        assert_int_equal(bed.err, GN_OK);
        assert_int_equal(bed.settings.webhook_port, want[i]);
        bed_free(&bed);
    }
}

static void every_setting_has_its_flag_and_its_variable(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &gn_setting_rows[i];
        char flag[SETTING_NAME_MAX];
        char variable[SETTING_NAME_MAX];
        char arg[600];
        char env[600];
        const char *const args[] = {arg, NULL};
        const char *const vars[] = {env, NULL};
        struct bed bed;

        gn_setting_flag(row, flag);
        gn_setting_variable(row, variable);
        (void)snprintf(arg, sizeof arg, "--%s=%s", flag, row->fallback);
        (void)snprintf(env, sizeof env, "%s=%s", variable, row->fallback);
        load(&bed, "", args, vars);
        assert_string_equal(told(&bed), "");
        assert_int_equal(bed.err, GN_OK);
        bed_free(&bed);
    }
}

static void names_follow_from_the_path(void **state)
{
    char name[SETTING_NAME_MAX];

    (void)state;
    gn_setting_flag(row_of("webhook.max_body"), name);
    assert_string_equal(name, "webhook-max-body");
    gn_setting_variable(row_of("webhook.max_body"), name);
    assert_string_equal(name, "GURNARD_WEBHOOK_MAX_BODY");
}

static void no_flag_or_variable_means_two_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        for (size_t j = 0; j < SETTING_COUNT; j++) {
            char mine[SETTING_NAME_MAX];
            char other[SETTING_NAME_MAX];

            gn_setting_flag(&gn_setting_rows[i], mine);
            gn_setting_flag(&gn_setting_rows[j], other);
            assert_true(i == j || strcmp(mine, other) != 0);
            assert_false(gn_setting_in_list(gn_setting_rows[j].flags, gn_str_of(mine)));
            gn_setting_variable(&gn_setting_rows[i], mine);
            assert_false(gn_setting_in_list(gn_setting_rows[j].environment, gn_str_of(mine)));
        }
    }
}

/* ---- flags ---- */

static void flags_are_read_as_go_reads_them(void **state)
{
    static const struct {
        const char *args[4];
        const char *path;
        const char *want;
    } rows[] = {
        {{"-metrics-addr", ":1"}, "admin.listen", ":1"},
        {{"-metrics-addr=:1"}, "admin.listen", ":1"},
        {{"--metrics-addr", ":1"}, "admin.listen", ":1"},
        {{"--metrics-addr=:1"}, "admin.listen", ":1"},
        {{"--admin-listen=:1"}, "admin.listen", ":1"},
        {{"--store-path=/a=b"}, "store.path", "/a=b"},
        {{"--store-path", "--node-name"}, "store.path", "--node-name"},
        {{"--store-path", "/a", "-store-path=/b"}, "store.path", "/b"},
        {{"--node-name="}, "node.name", ""},
        {{"--node-name", ""}, "node.name", ""},
        {{"--transport-host=amqp:localhost:5672"}, "transport.host", "amqp:localhost:5672"},
        {{"--http-event-publishers", "http://a:9043"}, "transport.publishers", "http://a:9043"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, "", rows[i].args, NULL);
        assert_string_equal(told(&bed), "");
        assert_int_equal(bed.err, GN_OK);
        assert_false(bed.bad_flag);
        assert_string_equal(text_at(&bed.settings, row_of(rows[i].path)), rows[i].want);
        bed_free(&bed);
    }
}

static void a_bad_flag_is_told_and_ends_with_its_own_code(void **state)
{
    static const struct {
        const char *args[4];
        const char *want;
    } rows[] = {
        {{"--bogus"}, "--bogus: unknown flag; gurnardd --help lists them\n"},
        {{"--bogus=1"}, "--bogus: unknown flag; gurnardd --help lists them\n"},
        {{"-"}, "-: not a flag\n"},
        {{"--"}, "--: unknown flag; gurnardd --help lists them\n"},
        {{"---api-port=1"}, "---api-port: unknown flag; gurnardd --help lists them\n"},
        {{"--api_port=1"}, "--api_port: unknown flag; gurnardd --help lists them\n"},
        {{"api-port"}, "api-port: not a flag\n"},
        {{"--api-port"}, "--api-port: needs a value\n"},
        {{"--config"}, "--config: needs a value\n"},
        {{"--config="}, "--config: needs a value\n"},
        {{"--check-config=yes"}, "--check-config: takes no value\n"},
        {{"--api-port="}, "--api-port: api.port: \"\" is not a number\n"},
        {{"--api-port", "x"}, "--api-port: api.port: \"x\" is not a number\n"},
        {{"--api-port=70000"}, "--api-port: api.port: 70000 is not between 0 and 65535\n"},
        {{"--bogus", "--api-port=x", "z"},
         "--bogus: unknown flag; gurnardd --help lists them\n"
         "--api-port: api.port: \"x\" is not a number\n"
         "z: not a flag\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, "", rows[i].args, NULL);
        assert_string_equal(told(&bed), rows[i].want);
        assert_int_equal(bed.err, GN_EINVAL);
        assert_true(bed.bad_flag);
        bed_free(&bed);
    }
}

static void what_the_command_line_asks_for_is_found(void **state)
{
    static const struct {
        const char *arg;
        enum gn_settings_action want;
    } rows[] = {
        {"--api-port=1", GN_ACTION_RUN},
        {"--help", GN_ACTION_HELP},
        {"-help", GN_ACTION_HELP},
        {"-h", GN_ACTION_HELP},
        {"--version", GN_ACTION_VERSION},
        {"--check-config", GN_ACTION_CHECK},
        {"--print-sample", GN_ACTION_PRINT_SAMPLE},
        {"--print-reference", GN_ACTION_PRINT_REFERENCE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *const args[] = {rows[i].arg, NULL};
        struct bed bed;

        load(&bed, "", args, NULL);
        assert_int_equal(bed.err, GN_OK);
        assert_int_equal(bed.request.action, rows[i].want);
        assert_string_equal(bed.request.file, file_path);
        bed_free(&bed);
    }
}

static void a_broken_file_or_variable_does_not_keep_help_from_being_printed(void **state)
{
    static const char *const args[] = {"--help", NULL};
    static const char *const env[] = {"GURNARD_API_PORT=x", NULL};
    struct bed bed;

    (void)state;
    load(&bed, "bogus: 1\n", args, env);
    assert_int_equal(bed.err, GN_OK);
    assert_string_equal(told(&bed), "");
    bed_free(&bed);
}

/* ---- environment ---- */

static void addresses_that_kubernetes_injects_are_passed_over_in_silence(void **state)
{
    static const char *const env[] = {
        "GURNARD_WEBHOOK_PORT=tcp://10.0.0.1:9087",
        "GURNARD_API_PORT=tcp://10.0.0.1:8089",
        "HW_EVENT_PORT=tcp://10.0.0.1:9087",
        "HW_EVENT_PROXY_SERVICE_SERVICE_PORT=tcp://10.0.0.1:9087",
        NULL,
    };
    struct bed bed;

    (void)state;
    load(&bed, "webhook:\n  port: 7\n", NULL, env);
    assert_string_equal(told(&bed), "");
    assert_int_equal(bed.err, GN_OK);
    assert_int_equal(bed.settings.webhook_port, 7);
    assert_int_equal(bed.settings.api_port, 8089);
    bed_free(&bed);
}

static void a_wrong_value_of_a_legacy_variable_is_passed_over_in_silence(void **state)
{
    static const struct {
        const char *env[3];
        uint64_t port;
        const char *level;
    } rows[] = {
        {{"HW_EVENT_PROXY_SERVICE_SERVICE_PORT=x"}, 9087, "info"},
        {{"HW_EVENT_PROXY_SERVICE_SERVICE_PORT=99999"}, 9087, "info"},
        {{"HW_EVENT_PROXY_SERVICE_SERVICE_PORT=-1"}, 9087, "info"},
        {{"HW_EVENT_PROXY_SERVICE_SERVICE_PORT="}, 9087, "info"},
        {{"HW_EVENT_PROXY_SERVICE_SERVICE_PORT=x", "HW_EVENT_PORT=12"}, 12, "info"},
        {{"HW_EVENT_PROXY_SERVICE_SERVICE_PORT=11", "HW_EVENT_PORT=12"}, 11, "info"},
        {{"LOG_LEVEL=loud"}, 9087, "info"},
        {{"LOG_LEVEL=a-level-with-a-very-long-name"}, 9087, "info"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, "", NULL, rows[i].env);
        assert_string_equal(told(&bed), "");
        assert_int_equal(bed.err, GN_OK);
        assert_int_equal(bed.settings.webhook_port, rows[i].port);
        assert_string_equal(bed.settings.log_level, rows[i].level);
        bed_free(&bed);
    }
}

static void a_wrong_value_of_our_own_variable_is_told_by_its_name(void **state)
{
    static const struct {
        const char *env[2];
        const char *want;
    } rows[] = {
        {{"GURNARD_WEBHOOK_PORT=x"}, "GURNARD_WEBHOOK_PORT: webhook.port: \"x\" is not a number\n"},
        {{"GURNARD_LOG_LEVEL=loud"},
         "GURNARD_LOG_LEVEL: log.level: \"loud\" is none of debug|info|warn|error\n"},
        {{"GURNARD_LOG_FORMAT=tcp://10.0.0.1:1"},
         "GURNARD_LOG_FORMAT: log.format: \"tcp://10.0.0.1:1\" is none of text|json\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, "", NULL, rows[i].env);
        assert_string_equal(told(&bed), rows[i].want);
        assert_int_equal(bed.err, GN_EINVAL);
        assert_false(bed.bad_flag);
        bed_free(&bed);
    }
}

static void variables_of_the_replaced_programs_are_understood(void **state)
{
    static const char *const env[] = {"NODE_NAME=worker-1.example.org", "MSG_PARSER_PORT=9097",
                                      "MSG_PARSER_TIMEOUT=10", NULL};
    struct bed bed;

    (void)state;
    load(&bed, "", NULL, env);
    assert_int_equal(bed.err, GN_OK);
    assert_string_equal(bed.settings.node_name, "worker-1.example.org");
    assert_string_equal(bed.settings.legacy_msg_parser_port, "9097");
    assert_string_equal(bed.settings.legacy_msg_parser_timeout, "10");
    bed_free(&bed);
}

static void levels_of_the_replaced_programs_are_understood(void **state)
{
    static const struct {
        const char *env[2];
        const char *want;
    } rows[] = {
        {{"LOG_LEVEL=trace"}, "debug"},  {{"LOG_LEVEL=debug"}, "debug"},
        {{"LOG_LEVEL=DEBUG"}, "debug"},  {{"LOG_LEVEL=info"}, "info"},
        {{"LOG_LEVEL=Info"}, "info"},    {{"LOG_LEVEL=warn"}, "warn"},
        {{"LOG_LEVEL=warning"}, "warn"}, {{"LOG_LEVEL=WARNING"}, "warn"},
        {{"LOG_LEVEL=error"}, "error"},  {{"LOG_LEVEL=fatal"}, "error"},
        {{"LOG_LEVEL=panic"}, "error"},  {{"GURNARD_LOG_LEVEL=warning"}, "warn"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, "", NULL, rows[i].env);
        assert_int_equal(bed.err, GN_OK);
        assert_string_equal(bed.settings.log_level, rows[i].want);
        bed_free(&bed);
    }
}

/* ---- values ---- */

static void numbers_sizes_and_durations_are_read_whole_or_not_at_all(void **state)
{
    static const struct {
        enum setting_kind kind;
        const char *text;
        bool is_good;
        uint64_t want;
    } rows[] = {
        {SETTING_NUMBER, "0", true, 0},
        {SETTING_NUMBER, "007", true, 7},
        {SETTING_NUMBER, "1099511627776", true, 1ULL << 40},
        {SETTING_NUMBER, "1099511627777", false, 0},
        {SETTING_NUMBER, "", false, 0},
        {SETTING_NUMBER, "-1", false, 0},
        {SETTING_NUMBER, "+1", false, 0},
        {SETTING_NUMBER, " 1", false, 0},
        {SETTING_NUMBER, "1 ", false, 0},
        {SETTING_NUMBER, "1.5", false, 0},
        {SETTING_NUMBER, "0x10", false, 0},
        {SETTING_NUMBER, "1s", false, 0},
        {SETTING_SIZE, "512", true, 512},
        {SETTING_SIZE, "512B", true, 512},
        {SETTING_SIZE, "64KiB", true, 65536},
        {SETTING_SIZE, "1MiB", true, 1 << 20},
        {SETTING_SIZE, "2GiB", true, 2ULL << 30},
        {SETTING_SIZE, "1099511627776GiB", false, 0},
        {SETTING_SIZE, "64KB", false, 0},
        {SETTING_SIZE, "64kib", false, 0},
        {SETTING_SIZE, "64 KiB", false, 0},
        {SETTING_SIZE, "KiB", false, 0},
        {SETTING_DURATION, "250ms", true, 250},
        {SETTING_DURATION, "10s", true, 10000},
        {SETTING_DURATION, "5m", true, 300000},
        {SETTING_DURATION, "24h", true, 86400000},
        {SETTING_DURATION, "0ms", true, 0},
        {SETTING_DURATION, "10", false, 0}, /* of what? */
        {SETTING_DURATION, "1h30m", false, 0},
        {SETTING_DURATION, "1d", false, 0},
        {SETTING_DURATION, "99999999999999999999s", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        uint64_t value = 0;

        if (gn_setting_parse_number(rows[i].kind, gn_str_of(rows[i].text), &value) !=
            rows[i].is_good)
            fail_msg("%s", rows[i].text);
        assert_int_equal(value, rows[i].want);
    }
}

/* The bound itself is inside, the next number in the unit of milliseconds or bytes is outside. */
static void check_bound(const struct setting_row *row, const char *bound, int step)
{
    struct gn_buf what = GN_BUF_INIT;
    struct gn_settings settings = {0};
    char beyond[64];
    uint64_t value;

    assert_true(gn_setting_parse_number(row->kind, gn_str_of(bound), &value));
    assert_int_equal(gn_setting_set(&settings, row, gn_str_of(bound), &what), GN_OK);
    assert_int_equal(number_at(&settings, row), value);
    if (step > 0 || value > 0) {
        (void)snprintf(beyond, sizeof beyond, "%ju%s",
                       (uintmax_t)(step > 0 ? value + 1 : value - 1),
                       row->kind == SETTING_DURATION ? "ms" : "");
        assert_int_equal(gn_setting_set(&settings, row, gn_str_of(beyond), &what), GN_EINVAL);
        assert_int_equal(number_at(&settings, row), value);
        assert_non_null(strstr(what.data, "is not between"));
    }
    gn_buf_free(&what);
}

static void each_bounded_setting_takes_its_bounds_and_nothing_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!is_number(&gn_setting_rows[i]))
            continue;
        check_bound(&gn_setting_rows[i], gn_setting_rows[i].low, -1);
        check_bound(&gn_setting_rows[i], gn_setting_rows[i].high, 1);
    }
}

static void times_and_counts_fit_the_32_bits_that_their_users_have(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &gn_setting_rows[i];
        uint64_t high;

        if (row->kind != SETTING_NUMBER && row->kind != SETTING_DURATION)
            continue;
        assert_true(gn_setting_parse_number(row->kind, gn_str_of(row->high), &high));
        assert_true(high <= UINT32_MAX);
    }
}

static void a_list_in_a_flag_is_separated_by_commas(void **state)
{
    static const char *const args[] = {"--registries-paths= /a ,/b,, /c d ", NULL};
    static const char *const none[] = {"--registries-paths=", NULL};
    struct bed bed;

    (void)state;
    load(&bed, "", args, NULL);
    assert_int_equal(bed.err, GN_OK);
    assert_int_equal(bed.settings.registries_paths.count, 3);
    assert_string_equal(bed.settings.registries_paths.items[0], "/a");
    assert_string_equal(bed.settings.registries_paths.items[1], "/b");
    assert_string_equal(bed.settings.registries_paths.items[2], "/c d");
    bed_free(&bed);
    load(&bed, "", none, NULL);
    assert_int_equal(bed.err, GN_OK);
    assert_int_equal(bed.settings.registries_paths.count, 0);
    bed_free(&bed);
}

static void a_list_has_at_most_its_limit_of_entries(void **state)
{
    char arg[1024] = "--registries-paths=";
    const char *const args[] = {arg, NULL};
    struct bed bed;

    (void)state;
    for (size_t i = 0; i < GN_SETTINGS_LIST_MAX; i++)
        strcat(arg, "/a,");
    load(&bed, "", args, NULL);
    assert_int_equal(bed.err, GN_OK);
    assert_int_equal(bed.settings.registries_paths.count, GN_SETTINGS_LIST_MAX);
    bed_free(&bed);
    strcat(arg, "/a");
    load(&bed, "", args, NULL);
    assert_int_equal(bed.err, GN_EINVAL);
    assert_non_null(strstr(told(&bed), "registries.paths: more than 64 entries\n"));
    bed_free(&bed);
}

static void what_only_holds_between_settings_is_checked_when_each_is_right(void **state)
{
    static const struct {
        const char *args[3];
        const char *want;
    } rows[] = {
        {{"--admin-listen=9091"}, ""},
        {{"--admin-listen=[::1]:9091"}, ""},
        {{"--admin-listen=localhost"}, "admin.listen: must be host:port, [IPv6]:port or :port\n"},
        {{"--admin-listen="}, "admin.listen: must be host:port, [IPv6]:port or :port\n"},
        {{"--delivery-retry-min=10s", "--delivery-retry-max=10s"}, ""},
        {{"--delivery-retry-min=11s", "--delivery-retry-max=10s"},
         "delivery.retry_min: is above delivery.retry_max\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, "", rows[i].args, NULL);
        assert_string_equal(told(&bed), rows[i].want);
        assert_int_equal(bed.err, rows[i].want[0] == '\0' ? GN_OK : GN_EINVAL);
        assert_false(bed.bad_flag);
        bed_free(&bed);
    }
}

/* ---- the file ---- */

static void all_that_yaml_offers_for_two_levels_of_scalars_is_read(void **state)
{
    static const struct {
        const char *text;
        const char *path;
        const char *want;
    } rows[] = {
        {"node:\n  name: n1\n", "node.name", "n1"},
        {"node: {name: n1}", "node.name", "n1"},
        {"node.name: n1", "node.name", "n1"},
        {"{\"node\": {\"name\": \"n1\"}}", "node.name", "n1"},
        {"node:\n  name: 'it''s'\n", "node.name", "it's"},
        {"node:\n  name: \"a\\tb\\u00e9\"\n", "node.name", "a\tb\xc3\xa9"},
        {"node:\n  name: n1 # comment\n", "node.name", "n1"},
        {"node:\n  name: |\n    line\n", "node.name", "line\n"},
        {"node:\n  name: >-\n    two\n    lines\n", "node.name", "two lines"},
        {"node:\n  name: ~\n", "node.name", ""},
        {"node:\n  name: null\n", "node.name", ""},
        {"node:\n  name:\n", "node.name", ""},
        {"node:\n  name: '~'\n", "node.name", "~"},
        {"node:\n  name: &n n1\nstore:\n  path: *n\n", "store.path", "n1"},
        {"node: &n\n  name: n1\n", "node.name", "n1"},
        {"node:\n  name: !!str 12\n", "node.name", "12"},
        {"--- # start\nnode: {name: n1}\n...\n", "node.name", "n1"},
        {"\xef\xbb\xbfnode: {name: n1}\n", "node.name", "n1"},
        {"node:\r\n  name: n1\r\n", "node.name", "n1"},
        {"log:\n  level: WARNING\n", "log.level", "warn"},
        {"webhook:\n  unreadable: Reject\n", "webhook.unreadable", "reject"},
        {"webhook:\nnode:\n  name: n1\n", "node.name", "n1"},
        {"webhook: ~\nnode:\n  name: n1\n", "node.name", "n1"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        read_yaml(&bed, rows[i].text, strlen(rows[i].text));
        assert_string_equal(told(&bed), "");
        assert_int_equal(bed.err, GN_OK);
        assert_string_equal(text_at(&bed.settings, row_of(rows[i].path)), rows[i].want);
        bed_free(&bed);
    }
}

static void assert_defaults(const struct gn_settings *settings)
{
    struct gn_settings plain = {0};

    assert_int_equal(gn_settings_defaults(&plain), GN_OK);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &gn_setting_rows[i];

        if (is_number(row))
            assert_int_equal(number_at(settings, row), number_at(&plain, row));
        else if (row->kind != SETTING_LIST)
            assert_string_equal(text_at(settings, row), text_at(&plain, row));
    }
    assert_int_equal(settings->registries_paths.count, plain.registries_paths.count);
    for (size_t i = 0; i < plain.registries_paths.count; i++)
        assert_string_equal(settings->registries_paths.items[i], plain.registries_paths.items[i]);
    gn_settings_free(&plain);
}

static void a_file_that_says_nothing_leaves_the_defaults(void **state)
{
    static const char *const texts[] = {
        "",       "\n\n", "# only a comment\n", "---\n",        "---\n...\n", "~\n",
        "null\n", "{}\n", "webhook:\napi: ~\n", "webhook: {}\n"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++) {
        struct bed bed;

        read_yaml(&bed, texts[i], strlen(texts[i]));
        assert_string_equal(told(&bed), "");
        assert_int_equal(bed.err, GN_OK);
        assert_defaults(&bed.settings);
        bed_free(&bed);
    }
}

static void a_list_in_the_file_is_a_list_or_a_text_with_commas(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *last;
    } rows[] = {
        {"registries:\n  paths:\n    - /a\n    - '/b,c'\n", 2, "/b,c"},
        {"registries: {paths: [/a, /b, /c]}\n", 3, "/c"},
        {"registries: {paths: \"/a, /b\"}\n", 2, "/b"},
        {"registries:\n  paths: /a\n", 1, "/a"},
        {"registries:\n  paths: []\n", 0, NULL},
        {"registries:\n  paths:\n", 0, NULL},
        {"registries:\n  paths: [&a /a, *a]\n", 2, "/a"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        read_yaml(&bed, rows[i].text, strlen(rows[i].text));
        assert_string_equal(told(&bed), "");
        assert_int_equal(bed.settings.registries_paths.count, rows[i].count);
        if (rows[i].count > 0)
            assert_string_equal(bed.settings.registries_paths.items[rows[i].count - 1],
                                rows[i].last);
        bed_free(&bed);
    }
}

/* A text with its length, for those that hold NUL. */
#define TEXT(literal) literal, sizeof(literal) - 1

static void what_is_wrong_in_the_file_is_told_with_line_and_column(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *want;
    } rows[] = {
        {TEXT("webhook:\n  prot: 1\n"),
         "f.yaml:2:3: unknown setting webhook.prot; did you mean webhook.port?\n"},
        {TEXT("web-hook:\n  port: 1\n"), "f.yaml:1:1: unknown setting web-hook\n"},
        {TEXT("delivery:\n    retry_mim: 1s\n"),
         "f.yaml:2:5: unknown setting delivery.retry_mim; did you mean delivery.retry_min?\n"},
        {TEXT("api.prot: 1"), "f.yaml:1:1: unknown setting api.prot; did you mean api.port?\n"},
        {TEXT("loglevel: info\n"),
         "f.yaml:1:1: unknown setting loglevel; did you mean log.level?\n"},
        {TEXT("nothing_like_that: 1\n"), "f.yaml:1:1: unknown setting nothing_like_that\n"},
        {TEXT("a_name_that_is_much_longer_than_any_path_of_the_table: 1\n"),
         "f.yaml:1:1: unknown setting a_name_that_is_much_longer_than_any_path_of_the_table\n"},
        {TEXT("'': 1\n"), "f.yaml:1:1: unknown setting \n"},
        {TEXT("webhook:\n  port: 1\n  port: 2\n"), "f.yaml:3:3: given twice\n"},
        {TEXT("webhook:\n  port: 1\nwebhook.port: 2\n"), "f.yaml:3:1: given twice\n"},
        {TEXT("webhook:\n  port: 1\nwebhook:\n  max_body: 1MiB\n"), "f.yaml:3:1: given twice\n"},
        {TEXT("webhook:\n  port: x\n"), "f.yaml:2:9: webhook.port: \"x\" is not a number\n"},
        {TEXT("webhook:\n  port:\n"), "f.yaml:2:8: webhook.port: \"\" is not a number\n"},
        {TEXT("webhook:\n  port: 65536\n"),
         "f.yaml:2:9: webhook.port: 65536 is not between 0 and 65535\n"},
        {TEXT("webhook:\n  max_body: 4M\n"),
         "f.yaml:2:13: webhook.max_body: \"4M\" is not a size like 512, 64KiB or 4MiB\n"},
        {TEXT("http:\n  idle_timeout: 5\n"),
         "f.yaml:2:17: http.idle_timeout: \"5\" is not a duration like 250ms, 10s, 5m or 24h\n"},
        {TEXT("webhook:\n  unreadable: drop\n"),
         "f.yaml:2:15: webhook.unreadable: \"drop\" is none of quarantine|reject\n"},
        {TEXT("webhook:\n  port: [1]\n"), "f.yaml:2:9: must be a single value\n"},
        {TEXT("webhook:\n  port: {a: 1}\n"), "f.yaml:2:9: must be a single value\n"},
        {TEXT("webhook:\n  port:\n    a: 1\n"), "f.yaml:3:5: must be a single value\n"},
        {TEXT("registries:\n  paths: {a: 1}\n"), "f.yaml:2:10: must be a list of texts\n"},
        {TEXT("registries:\n  paths: [/a, [b]]\n"), "f.yaml:2:15: an entry must be a text\n"},
        {TEXT("registries:\n  paths:\n    - /a\n    - ~\n"),
         "f.yaml:4:7: an entry must be a text\n"},
        {TEXT("registries:\n  paths: ['']\n"), "f.yaml:2:11: an entry must be a text\n"},
        {TEXT("registries:\n  paths: [\"/a\\0b\"]\n"), "f.yaml:2:11: an entry must be a text\n"},
        {TEXT("node:\n  name: \"a\\0b\"\n"), "f.yaml:2:9: node.name: a NUL byte\n"},
        {TEXT("webhook: 5\n"), "f.yaml:1:10: must hold settings, one a line, indented\n"},
        {TEXT("webhook: ''\n"), "f.yaml:1:10: must hold settings, one a line, indented\n"},
        {TEXT("webhook:\n- port: 1\n"), "f.yaml:2:1: must hold settings, one a line, indented\n"},
        {TEXT("webhook:\nport: 1\n"), "f.yaml:2:1: unknown setting port\n"},
        {TEXT("? [a]\n: 1\n"), "f.yaml:1:3: a setting's name must be a text\n"},
        {TEXT("- a\n"), "f.yaml:1:1: must begin with a setting, like `webhook:`\n"},
        {TEXT("just words\n"), "f.yaml:1:1: must begin with a setting, like `webhook:`\n"},
        {TEXT("webhook: &w\n  port: 1\n  api: *w\n"), "f.yaml:3:3: unknown setting webhook.api\n"},
        {TEXT("&r\nwebhook: *r\n"), "f.yaml:2:1: unknown setting webhook.webhook\n"},
        {TEXT("webhook: *w\n"), "f.yaml:1:10: found undefined alias\n"},
        {TEXT("node: {name: a}\n---\nnode: {name: b}\n"),
         "f.yaml:3:1: a second document; only one is read\n"},
        {TEXT("webhook:\n\tport: 1\n"),
         "f.yaml:2:1: found character that cannot start any token while scanning for the next "
         "token\n"},
        {TEXT("webhook:\n  port: 1\n api: 2\n"),
         "f.yaml:3:2: did not find expected key while parsing a block mapping\n"},
        {TEXT("webhook: {port: 1\n"),
         "f.yaml:2:1: did not find expected ',' or '}' while parsing a flow mapping\n"},
        {TEXT("node:\n  name: 'open\n"),
         "f.yaml:3:1: found unexpected end of stream while scanning a quoted scalar\n"},
        {TEXT("node:\n  name: a: b\n"), "f.yaml:2:10: mapping values are not allowed in this "
                                        "context\n"},
        {TEXT("node:\n  name: \xc3\xa9\xff\n"), "f.yaml:2:10: invalid leading UTF-8 octet\n"},
        {TEXT("node:\n  name: a\0\n"), "f.yaml:2:10: control characters are not allowed\n"},
        {TEXT("webhook:\n  port: x\n  prot: 1\nbogus: 2\n"),
         "f.yaml:2:9: webhook.port: \"x\" is not a number\n"
         "f.yaml:3:3: unknown setting webhook.prot; did you mean webhook.port?\n"
         "f.yaml:4:1: unknown setting bogus\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        read_yaml(&bed, rows[i].text, rows[i].len);
        assert_string_equal(told(&bed), rows[i].want);
        assert_int_equal(bed.err, GN_EINVAL);
        bed_free(&bed);
    }
}

static void what_is_right_beside_an_error_is_set(void **state)
{
    struct bed bed;

    (void)state;
    read_yaml(&bed, TEXT("webhook:\n  port: x\n  max_body: 1MiB\nnode:\n  name: n1\n"));
    assert_int_equal(bed.err, GN_EINVAL);
    assert_int_equal(bed.settings.webhook_port, 9087);
    assert_int_equal(bed.settings.webhook_max_body, 1 << 20);
    assert_string_equal(bed.settings.node_name, "n1");
    bed_free(&bed);
}

static void a_list_in_the_file_has_at_most_its_limit_of_entries(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct bed bed;

    (void)state;
    gn_buf_puts(&text, "registries:\n  paths:\n");
    for (size_t i = 0; i <= GN_SETTINGS_LIST_MAX; i++)
        gn_buf_puts(&text, "  - /a\n");
    read_yaml(&bed, text.data, text.len);
    assert_string_equal(told(&bed), "f.yaml:67:5: too many entries\n");
    bed_free(&bed);
    gn_buf_free(&text);
}

static void names_and_values_of_any_length_are_told(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct bed bed;

    (void)state;
    gn_buf_puts(&text, "? ");
    for (size_t i = 0; i < 900; i++)
        gn_buf_puts(&text, "longer");
    gn_buf_puts(&text, "\n: 1\nwebhook:\n  port: ");
    for (size_t i = 0; i < 900; i++)
        gn_buf_puts(&text, "longer");
    read_yaml(&bed, text.data, text.len);
    assert_string_equal(told(&bed), "f.yaml:1:3: unknown setting with a very long name\n"
                                    "f.yaml:4:9: bad value\n");
    bed_free(&bed);
    gn_buf_free(&text);
}

static void a_file_named_by_config_must_be_there(void **state)
{
    static const char *const args[] = {"--config=/nonexistent/gurnard.yaml", NULL};
    struct bed bed;

    (void)state;
    load_raw(&bed, args, NULL);
    assert_string_equal(told(&bed), "/nonexistent/gurnard.yaml: not found\n");
    assert_int_equal(bed.err, GN_EINVAL);
    assert_false(bed.bad_flag);
    bed_free(&bed);
}

static void a_file_above_the_limit_is_refused(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct bed bed;

    (void)state;
    while (text.len <= GN_SETTINGS_FILE_MAX)
        gn_buf_puts(&text, "# a comment that fills the file up to its limit and beyond it\n");
    load(&bed, text.data, NULL, NULL);
    assert_int_equal(bed.err, GN_EINVAL);
    assert_non_null(strstr(told(&bed), gn_err_text(GN_ELIMIT)));
    bed_free(&bed);
    gn_buf_free(&text);
}

static void errors_of_the_file_are_told_with_its_path(void **state)
{
    char want[128];
    struct bed bed;

    (void)state;
    load(&bed, "webhook:\n  port: x\n", NULL, NULL);
    (void)snprintf(want, sizeof want, "%s:2:9: webhook.port: \"x\" is not a number\n", file_path);
    assert_string_equal(told(&bed), want);
    bed_free(&bed);
}

static void all_sources_are_looked_at_even_when_the_first_is_wrong(void **state)
{
    static const char *const args[] = {"--log-format=xml", NULL};
    static const char *const env[] = {"GURNARD_API_PORT=x", NULL};
    struct bed bed;

    (void)state;
    load(&bed, "bogus: 1\n", args, env);
    assert_non_null(strstr(told(&bed), ":1:1: unknown setting bogus\n"));
    assert_non_null(strstr(told(&bed), "GURNARD_API_PORT: "));
    assert_non_null(strstr(told(&bed), "--log-format: "));
    assert_true(bed.bad_flag);
    bed_free(&bed);
}

/* ---- trees ---- */

static void a_tree_of_the_file_is_kept_as_compact_json(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"bmcs:\n  - name: a\n    address: redfish://x\n    heartbeat: 5\n    keep: true\n"
         "    tls: off\n  - {name: 'b', address: \"y\", logs: [SEL, '1']}\n",
         "[{\"name\":\"a\",\"address\":\"redfish://x\",\"heartbeat\":5,\"keep\":true,"
         "\"tls\":\"off\"},{\"name\":\"b\",\"address\":\"y\",\"logs\":[\"SEL\",\"1\"]}]"},
        {"bmcs: []\n", "[]"},
        {"bmcs:\n", "[]"},
        {"bmcs: ~\n", "[]"},
        {"bmcs: {}\n", "{}"},
        {"bmcs: text\n", "\"text\""},
        {"bmcs: &a [[1], 2]\nnode:\n  name: n\n", "[[1],2]"},
        {"node:\n  name: n\n", "[]"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        read_yaml(&bed, rows[i].text, strlen(rows[i].text));
        assert_string_equal(told(&bed), "");
        assert_string_equal(bed.settings.bmcs, rows[i].want);
        bed_free(&bed);
    }
}

static void what_is_wrong_in_a_tree_is_told_with_line_and_column(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"bmcs:\n  - name: a\n    name: b\n", "f.yaml:3:5: given twice\n"},
        {"bmcs:\n  - [1]: a\n", "f.yaml:2:5: a name must be a text\n"},
        {"bmcs:\n  - a: .inf\n",
         "f.yaml:2:8: a number that does not fit; a text is put in quotes\n"},
        {"bmcs: !x []\n", "f.yaml:1:7: tags are not understood\n"},
        {"bmcs: [[[[[[[[[]]]]]]]]]\n", "f.yaml:1:15: too deep\n"},
        {"bmcs: &a [*a]\n", "f.yaml:1:7: too deep\n"},
        {"bmcs: []\nbmcs: []\n", "f.yaml:2:1: given twice\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        read_yaml(&bed, rows[i].text, strlen(rows[i].text));
        assert_string_equal(told(&bed), rows[i].want);
        assert_int_equal(bed.err, GN_EINVAL);
        bed_free(&bed);
    }
}

static void aliases_cannot_blow_a_tree_up(void **state)
{
    static const char text[] =
        "bmcs:\n- &a [xxxxxxxxxxxxxxxxxxxx, xxxxxxxxxxxxxxxxxxxxxx, xxxxxxxxxxxxxxxxxxxxxxxx]\n"
        "- &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
        "- &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
        "- &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
        "- &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n";
    struct bed bed;

    (void)state;
    read_yaml(&bed, text, sizeof text - 1);
    assert_non_null(strstr(told(&bed), "all together is too long"));
    assert_string_equal(bed.settings.bmcs, "[]");
    bed_free(&bed);
}

static void a_tree_in_a_flag_or_a_variable_is_json(void **state)
{
    static const struct {
        const char *flag, *env;
        const char *want, *told;
    } rows[] = {
        {"--bmcs=[ {\"name\": \"a\"} ]", NULL, "[{\"name\":\"a\"}]", ""},
        {NULL, "GURNARD_BMCS={\"a\":1}", "{\"a\":1}", ""},
        {"--bmcs=[1]", "GURNARD_BMCS=[2]", "[1]", ""},
        {"--bmcs=null", NULL, "[]", ""},
        {"--bmcs=[1,\n 2,]", NULL, "[]", "--bmcs: bmcs: not JSON in line 2, column 4\n"},
        {NULL, "GURNARD_BMCS=- name: a", "[]",
         "GURNARD_BMCS: bmcs: not JSON in line 1, column 2\n"},
        {"--bmcs=[[[[[[[[[]]]]]]]]]", NULL, "[]",
         "--bmcs: bmcs: too deep or too long in line 1, column 9\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        const char *const args[] = {rows[i].flag, NULL};
        const char *const env[] = {rows[i].env, NULL};
        struct bed bed;

        load(&bed, "", args, env);
        assert_string_equal(told(&bed), rows[i].told);
        assert_string_equal(bed.settings.bmcs, rows[i].want);
        bed_free(&bed);
    }
}

static void check_config_tells_every_entry_of_bmcs_that_is_wrong(void **state)
{
    static const char file[] = "bmcs:\n- {name: a, address: 'ipmi://x'}\n- {name: b, address: y}\n"
                               "- {name: b, address: z}\n- {address: z}\n";
    static const char *const check[] = {"--check-config", NULL};
    struct bed bed;

    (void)state;
    load(&bed, file, check, NULL);
    assert_int_equal(bed.err, GN_EINVAL);
    assert_false(bed.bad_flag);
    assert_string_equal(told(&bed), "bmcs[0]: a: address: ipmi is no Redfish\n"
                                    "bmcs[3]: name: is missing\n"
                                    "b: given twice (settings); the first one counts\n");
    bed_free(&bed);
    load(&bed, file, NULL, NULL); /* a daemon goes on with the others */
    assert_int_equal(bed.err, GN_OK);
    bed_free(&bed);
}

static void the_fleets_settings_are_what_an_entry_leaves_unsaid(void **state)
{
    static const char file[] =
        "bmc: {tls: off, auth: basic, way: sse, recover: no, retry_policy: suspend, heartbeat: 3,"
        " keep: no, prove: no, metric_reports: yes, verify_certificate: yes, ca_file: /ca,"
        " headers_file: /h, username_file: /u, password_file: /p}";
    struct gn_bmc_defaults defaults;
    struct bed bed;

    (void)state;
    read_yaml(&bed, file, strlen(file));
    assert_string_equal(told(&bed), "");
    gn_settings_bmc_defaults(&bed.settings, &defaults);
    assert_int_equal(defaults.tls, GN_BMC_TLS_OFF);
    assert_int_equal(defaults.auth, GN_BMC_AUTH_BASIC);
    assert_int_equal(defaults.way, GN_BMC_WAY_SSE);
    assert_int_equal(defaults.recover, GN_BMC_RECOVER_NO);
    assert_int_equal(defaults.policy, GN_POLICY_SUSPEND);
    assert_int_equal(defaults.heartbeat_minutes, 3);
    assert_true(defaults.metric_reports && defaults.verify_certificate);
    assert_false(defaults.keeps_subscription || defaults.proves);
    assert_string_equal(defaults.ca_file, "/ca");
    assert_string_equal(defaults.headers_file, "/h");
    assert_string_equal(defaults.username_file, "/u");
    assert_string_equal(defaults.password_file, "/p");
    bed_free(&bed);
}

static void a_password_is_in_no_complaint(void **state)
{
    static const struct {
        const char *file;
        const char *args[3];
        const char *env[2];
    } rows[] = {
        {"", {"--bmc-legacy-pasword=hunter2"}, {NULL}},
        {"", {"--bmc-legacy-password=hunter2", "--x"}, {NULL}},
        {"", {"--x"}, {"REDFISH_PASSWORD=hunter2"}},
        {"", {"--x"}, {"GURNARD_BMC_LEGACY_PASSWORD=hunter2"}},
        {"bmc:\n  legacy_password: [hunter2]\n", {NULL}, {NULL}},
        {"bmc:\n  legacy_password: {hunter2: hunter2}\n", {NULL}, {NULL}},
        {"bmc:\n  legacy_password: \"hunter2\\0\"\n", {NULL}, {NULL}},
        {"bmcs:\n- {name: a, address: x, password: hunter2}\n", {"--check-config"}, {NULL}},
        {"bmcs:\n- {name: a, address: 'https://u:hunter2@x'}\n", {"--check-config"}, {NULL}},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed bed;

        load(&bed, rows[i].file, rows[i].args, rows[i].env);
        assert_true(bed.told.len > 0);
        assert_null(strstr(told(&bed), "hunter2"));
        bed_free(&bed);
    }
}

static void variables_of_hw_event_proxy_name_one_bmc(void **state)
{
    static const char *const env[] = {"REDFISH_HOSTADDR=192.0.2.7", "REDFISH_USERNAME=root",
                                      "REDFISH_PASSWORD=hunter2", NULL};
    struct bed bed;

    (void)state;
    load(&bed, "", NULL, env);
    assert_int_equal(bed.err, GN_OK);
    assert_string_equal(bed.settings.bmc_legacy_host, "192.0.2.7");
    assert_string_equal(bed.settings.bmc_legacy_username, "root");
    assert_string_equal(bed.settings.bmc_legacy_password, "hunter2");
    bed_free(&bed);
}

/* ---- printed texts ---- */

static void every_setting_is_in_help_sample_and_reference(void **state)
{
    struct gn_buf help = GN_BUF_INIT;
    struct gn_buf sample = GN_BUF_INIT;
    struct gn_buf reference = GN_BUF_INIT;

    (void)state;
    gn_settings_print_help(&help);
    gn_settings_print_sample(&sample);
    gn_settings_print_reference(&reference);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &gn_setting_rows[i];
        char name[SETTING_NAME_MAX];
        char want[2 * SETTING_NAME_MAX];

        gn_setting_flag(row, name);
        (void)snprintf(want, sizeof want, "\n  --%s", name);
        assert_non_null(strstr(help.data, want));
        if (strchr(row->path, '.') == NULL)
            (void)snprintf(want, sizeof want, "\n%s:", row->path);
        else
            (void)snprintf(want, sizeof want, "\n  %s:", strchr(row->path, '.') + 1);
        assert_non_null(strstr(sample.data, want));
        (void)snprintf(want, sizeof want, "\n| `%s` | ", row->path);
        assert_non_null(strstr(reference.data, want));
        gn_setting_variable(row, name);
        (void)snprintf(want, sizeof want, "`%s`", name);
        assert_non_null(strstr(reference.data, want));
    }
    assert_non_null(strstr(reference.data, "`--metrics-addr`"));
    assert_non_null(strstr(reference.data, "`HW_EVENT_PORT`"));
    gn_buf_free(&help);
    gn_buf_free(&sample);
    gn_buf_free(&reference);
}

static void assert_narrow(const struct gn_buf *text)
{
    struct gn_str rest = gn_buf_str(text);

    while (rest.p != NULL) {
        struct gn_str line = gn_str_cut(rest, '\n', &rest);

        assert_true(line.len <= 100 || memchr(line.p, '[', line.len) != NULL);
        assert_true(line.len == 0 || line.p[line.len - 1] != ' ');
    }
}

static void help_and_sample_have_lines_that_fit_a_screen(void **state)
{
    struct gn_buf text = GN_BUF_INIT;

    (void)state;
    gn_settings_print_help(&text);
    assert_narrow(&text);
    gn_buf_reset(&text);
    gn_settings_print_sample(&text);
    assert_narrow(&text);
    gn_buf_free(&text);
}

static void the_printed_sample_parses_back_to_the_defaults(void **state)
{
    struct gn_buf sample = GN_BUF_INIT;
    struct bed bed;

    (void)state;
    gn_settings_print_sample(&sample);
    read_yaml(&bed, sample.data, sample.len);
    assert_string_equal(told(&bed), "");
    assert_int_equal(bed.err, GN_OK);
    assert_defaults(&bed.settings);
    bed_free(&bed);
    gn_buf_free(&sample);
}

static size_t count_bars(struct gn_str line)
{
    size_t bars = 0;

    for (size_t i = 0; i < line.len; i++)
        bars += line.p[i] == '|' && (i == 0 || line.p[i - 1] != '\\');
    return bars;
}

static void every_row_of_the_reference_has_six_cells(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_str rest;
    size_t rows = 0;

    (void)state;
    gn_settings_print_reference(&text);
    rest = gn_buf_str(&text);
    while (rest.p != NULL) {
        struct gn_str line = gn_str_cut(rest, '\n', &rest);

        if (line.len == 0 || line.p[0] != '|')
            continue;
        rows++;
        assert_int_equal(count_bars(line), 7);
    }
    assert_int_equal(rows, SETTING_COUNT + 2);
    gn_buf_free(&text);
}

static void freeing_twice_and_freeing_zeroed_settings_is_fine(void **state)
{
    struct gn_settings settings = {0};

    (void)state;
    gn_settings_free(&settings);
    assert_int_equal(gn_settings_defaults(&settings), GN_OK);
    gn_settings_free(&settings);
    gn_settings_free(&settings);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(file_path, sizeof file_path, "%s/gurnard.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(file_path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_flag_weighs_more_than_environment_that_more_than_file_that_more_than_default),
        cmocka_unit_test(our_variable_weighs_more_than_those_of_the_replaced_programs),
        cmocka_unit_test(every_setting_has_its_flag_and_its_variable),
        cmocka_unit_test(names_follow_from_the_path),
        cmocka_unit_test(no_flag_or_variable_means_two_settings),
        cmocka_unit_test(flags_are_read_as_go_reads_them),
        cmocka_unit_test(a_bad_flag_is_told_and_ends_with_its_own_code),
        cmocka_unit_test(what_the_command_line_asks_for_is_found),
        cmocka_unit_test(a_broken_file_or_variable_does_not_keep_help_from_being_printed),
        cmocka_unit_test(addresses_that_kubernetes_injects_are_passed_over_in_silence),
        cmocka_unit_test(a_wrong_value_of_a_legacy_variable_is_passed_over_in_silence),
        cmocka_unit_test(a_wrong_value_of_our_own_variable_is_told_by_its_name),
        cmocka_unit_test(variables_of_the_replaced_programs_are_understood),
        cmocka_unit_test(levels_of_the_replaced_programs_are_understood),
        cmocka_unit_test(numbers_sizes_and_durations_are_read_whole_or_not_at_all),
        cmocka_unit_test(each_bounded_setting_takes_its_bounds_and_nothing_beyond),
        cmocka_unit_test(times_and_counts_fit_the_32_bits_that_their_users_have),
        cmocka_unit_test(a_list_in_a_flag_is_separated_by_commas),
        cmocka_unit_test(a_list_has_at_most_its_limit_of_entries),
        cmocka_unit_test(what_only_holds_between_settings_is_checked_when_each_is_right),
        cmocka_unit_test(all_that_yaml_offers_for_two_levels_of_scalars_is_read),
        cmocka_unit_test(a_file_that_says_nothing_leaves_the_defaults),
        cmocka_unit_test(a_list_in_the_file_is_a_list_or_a_text_with_commas),
        cmocka_unit_test(what_is_wrong_in_the_file_is_told_with_line_and_column),
        cmocka_unit_test(what_is_right_beside_an_error_is_set),
        cmocka_unit_test(a_list_in_the_file_has_at_most_its_limit_of_entries),
        cmocka_unit_test(names_and_values_of_any_length_are_told),
        cmocka_unit_test(a_file_named_by_config_must_be_there),
        cmocka_unit_test(a_file_above_the_limit_is_refused),
        cmocka_unit_test(errors_of_the_file_are_told_with_its_path),
        cmocka_unit_test(all_sources_are_looked_at_even_when_the_first_is_wrong),
        cmocka_unit_test(a_tree_of_the_file_is_kept_as_compact_json),
        cmocka_unit_test(what_is_wrong_in_a_tree_is_told_with_line_and_column),
        cmocka_unit_test(aliases_cannot_blow_a_tree_up),
        cmocka_unit_test(a_tree_in_a_flag_or_a_variable_is_json),
        cmocka_unit_test(check_config_tells_every_entry_of_bmcs_that_is_wrong),
        cmocka_unit_test(the_fleets_settings_are_what_an_entry_leaves_unsaid),
        cmocka_unit_test(a_password_is_in_no_complaint),
        cmocka_unit_test(variables_of_hw_event_proxy_name_one_bmc),
        cmocka_unit_test(every_setting_is_in_help_sample_and_reference),
        cmocka_unit_test(help_and_sample_have_lines_that_fit_a_screen),
        cmocka_unit_test(the_printed_sample_parses_back_to_the_defaults),
        cmocka_unit_test(every_row_of_the_reference_has_six_cells),
        cmocka_unit_test(freeing_twice_and_freeing_zeroed_settings_is_fine),
    };

    return cmocka_run_group_tests_name("settings", tests, make_folder, remove_folder);
}
