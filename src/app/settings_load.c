/* Settings from all sources: defaults, file, environment, command line, in rising weight. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/app/settings.h"
#include "gurnard/base/file.h"
#include "gurnard/net/listen.h"
#include "settings_priv.h"

struct loading {
    struct gn_settings *settings;
    struct gn_settings_request *request;
    gn_settings_complain_fn complain;
    void *ctx;
    bool bad_flag;
    enum gn_err err;
};

static void tell(struct loading *loading, const char *where, const char *what)
{
    loading->complain(loading->ctx, where, what);
    if (loading->err == GN_OK)
        loading->err = GN_EINVAL;
}

/* ---- file ---- */

static void read_file(struct loading *loading)
{
    const char *path = loading->request->file;
    struct gn_buf text = GN_BUF_INIT;
    enum gn_err err;

    err = gn_file_read(path != NULL ? path : GN_SETTINGS_FILE, GN_SETTINGS_FILE_MAX, &text);
    if (err == GN_OK) {
        err = gn_settings_yaml(loading->settings, gn_buf_str(&text),
                               path != NULL ? path : GN_SETTINGS_FILE, loading->complain,
                               loading->ctx);
        if (err != GN_OK && loading->err == GN_OK)
            loading->err = err;
    } else if (path != NULL || err != GN_ENOTFOUND) {
        tell(loading, path != NULL ? path : GN_SETTINGS_FILE, gn_err_text(err));
    }
    gn_buf_free(&text);
}

/* ---- environment ---- */

static struct gn_str variable(char **env, struct gn_str name)
{
    for (; *env != NULL; env++) {
        struct gn_str value;

        if (gn_str_eq(gn_str_cut(gn_str_of(*env), '=', &value), name))
            return value;
    }
    return GN_STR_NONE;
}

/* Kubernetes gives a Service's address to every pod as NAME_PORT=tcp://10.0.0.1:9087: a name like
 * one of ours, and not meant for us. */
static bool is_injected(const struct setting_row *row, struct gn_str value)
{
    return row->kind == SETTING_NUMBER && gn_str_has_prefix(value, GN_STR("tcp://"));
}

/* Variables of the replaced programs: a value that they would not have understood either is passed
 * over, as they did. */
static void read_legacy_variables(struct loading *loading, const struct setting_row *row,
                                  char **env)
{
    struct gn_buf what = gn_buf_with_limit(4096);
    struct gn_str rest = gn_str_of(row->environment);

    while (rest.len > 0) {
        struct gn_str value = variable(env, gn_str_cut(rest, ',', &rest));
        enum gn_err err = GN_EINVAL;

        if (value.len > 0)
            err = gn_setting_set(loading->settings, row, value, &what);
        if (err == GN_OK)
            break;
        if (err == GN_ENOMEM)
            loading->err = err;
        gn_buf_reset(&what);
    }
    gn_buf_free(&what);
}

static void read_variable(struct loading *loading, const struct setting_row *row, char **env)
{
    struct gn_buf what = gn_buf_with_limit(4096);
    char name[SETTING_NAME_MAX];
    struct gn_str value;
    enum gn_err err;

    gn_setting_variable(row, name);
    value = variable(env, gn_str_of(name));
    if (value.len > 0 && !is_injected(row, value)) {
        err = gn_setting_set(loading->settings, row, value, &what);
        if (err == GN_ENOMEM)
            loading->err = err;
        else if (err != GN_OK)
            tell(loading, name, gn_buf_err(&what) == GN_OK ? what.data : "bad value");
    }
    gn_buf_free(&what);
}

static void read_environment(struct loading *loading, char **env)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        read_legacy_variables(loading, &gn_setting_rows[i], env);
        read_variable(loading, &gn_setting_rows[i], env);
    }
}

/* ---- command line ---- */

static const struct setting_row *row_of_flag(struct gn_str name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char flag[SETTING_NAME_MAX];

        gn_setting_flag(&gn_setting_rows[i], flag);
        if (gn_str_eq(name, gn_str_of(flag)) || gn_setting_in_list(gn_setting_rows[i].flags, name))
            return &gn_setting_rows[i];
    }
    return NULL;
}

static bool take_action(struct loading *loading, struct gn_str name)
{
    static const struct {
        const char *name;
        enum gn_settings_action action;
    } actions[] = {
        {"help", GN_ACTION_HELP},
        {"h", GN_ACTION_HELP},
        {"version", GN_ACTION_VERSION},
        {"check-config", GN_ACTION_CHECK},
        {"print-sample", GN_ACTION_PRINT_SAMPLE},
        {"print-reference", GN_ACTION_PRINT_REFERENCE},
    };

    for (size_t i = 0; i < GN_LEN(actions); i++) {
        if (!gn_str_eq(name, gn_str_of(actions[i].name)))
            continue;
        loading->request->action = actions[i].action;
        return true;
    }
    return false;
}

/* Tells the flag without its value, which might be a password. */
static void bad_flag(struct loading *loading, const char *flag, const char *what)
{
    char name[SETTING_NAME_MAX];
    const int length = (int)strcspn(flag, "=");

    loading->bad_flag = true;
    (void)snprintf(name, sizeof name, "%.*s", length, flag);
    tell(loading, name, what);
}

static void set_flag(struct loading *loading, const char *flag, const struct setting_row *row,
                     struct gn_str value)
{
    struct gn_buf what = gn_buf_with_limit(4096);
    enum gn_err err = gn_setting_set(loading->settings, row, value, &what);

    if (err == GN_ENOMEM)
        loading->err = err;
    else if (err != GN_OK)
        bad_flag(loading, flag, gn_buf_err(&what) == GN_OK ? what.data : "bad value");
    gn_buf_free(&what);
}

static void set_file(struct loading *loading, struct gn_str value)
{
    free(loading->request->file);
    loading->request->file = gn_str_dup(value);
    if (loading->request->file == NULL)
        loading->err = GN_ENOMEM;
}

/* The command line is read twice: --config is needed before the rest weighs in. Complaints come
 * with the second reading. */
enum pass { PASS_FILE, PASS_SETTINGS };

/* One flag as Go's flag package reads it. Returns how many arguments it took. */
static int take_flag(struct loading *loading, char **argv, enum pass pass)
{
    struct gn_str value = GN_STR_NONE;
    struct gn_str name = gn_str_cut(gn_str_of(argv[0] + (argv[0][1] == '-' ? 2 : 1)), '=', &value);
    const struct setting_row *row = row_of_flag(name);
    bool is_file = gn_str_eq(name, GN_STR("config"));
    bool is_action = take_action(loading, name);
    const char *wrong = NULL;
    int taken = 1;

    if (!is_action && (is_file || row != NULL) && value.p == NULL && argv[1] != NULL) {
        value = gn_str_of(argv[1]);
        taken = 2;
    }
    if (is_action)
        wrong = value.p != NULL ? "takes no value" : NULL;
    else if (!is_file && row == NULL)
        wrong = "unknown flag; gurnardd --help lists them";
    else if (value.p == NULL || (is_file && value.len == 0))
        wrong = "needs a value";
    else if (is_file && pass == PASS_FILE)
        set_file(loading, value);
    else if (row != NULL && pass == PASS_SETTINGS)
        set_flag(loading, argv[0], row, value);
    if (wrong != NULL && pass == PASS_SETTINGS)
        bad_flag(loading, argv[0], wrong);
    return taken;
}

static void read_flags(struct loading *loading, int argc, char **argv, enum pass pass)
{
    for (int at = 1; at < argc;) {
        if (argv[at][0] == '-' && argv[at][1] != '\0') {
            at += take_flag(loading, argv + at, pass);
            continue;
        }
        if (pass == PASS_SETTINGS)
            bad_flag(loading, argv[at], "not a flag");
        at++;
    }
}

/* ---- all together ---- */

/* What no single row can tell. */
static void check_together(struct loading *loading)
{
    const struct gn_settings *settings = loading->settings;
    char host[256];
    uint16_t port;

    if (gn_listen_parse(settings->admin_listen, host, sizeof host, &port) != GN_OK)
        tell(loading, "admin.listen", "must be host:port, [IPv6]:port or :port");
    if (settings->delivery_retry_min > settings->delivery_retry_max)
        tell(loading, "delivery.retry_min", "is above delivery.retry_max");
}

enum gn_err gn_settings_load(struct gn_settings *settings, int argc, char **argv, char **env,
                             struct gn_settings_request *request, gn_settings_complain_fn complain,
                             void *ctx, bool *is_bad_flag)
{
    struct loading loading = {
        .settings = settings, .request = request, .complain = complain, .ctx = ctx};

    *request = (struct gn_settings_request){.action = GN_ACTION_RUN};
    *is_bad_flag = false;
    loading.err = gn_settings_defaults(settings);
    if (loading.err != GN_OK)
        return loading.err;
    read_flags(&loading, argc, argv, PASS_FILE);
    if (request->action == GN_ACTION_RUN || request->action == GN_ACTION_CHECK) {
        read_file(&loading);
        read_environment(&loading, env);
    }
    read_flags(&loading, argc, argv, PASS_SETTINGS);
    if (loading.err == GN_OK)
        check_together(&loading);
    if (loading.err == GN_OK && request->action == GN_ACTION_CHECK)
        loading.err = gn_settings_check_bmcs(settings, complain, ctx);
    *is_bad_flag = loading.bad_flag;
    return loading.err;
}
