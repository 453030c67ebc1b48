/* gurnardd: reads its settings and either does what the command line asks for or runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/app/daemon.h"
#include "gurnard/app/settings.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"

#define EXIT_USAGE 2

static void complain(void *ctx, const char *where, const char *what)
{
    (void)ctx;
    (void)fprintf(stderr, "gurnardd: %s: %s\n", where, what);
}

static int print(void (*make)(struct gn_buf *out))
{
    struct gn_buf text = GN_BUF_INIT;
    int code = EXIT_FAILURE;

    make(&text);
    if (gn_buf_err(&text) == GN_OK && fwrite(text.data, 1, text.len, stdout) == text.len &&
        fflush(stdout) == 0)
        code = EXIT_SUCCESS;
    gn_buf_free(&text);
    return code;
}

static int run(const struct gn_settings *settings)
{
    enum gn_log_level level = GN_LOG_INFO;

    if (gn_log_level_parse(settings->log_level, &level) != GN_OK)
        level = GN_LOG_INFO; /* not met: the table only lets words pass that the log knows */
    gn_log_init(level, strcmp(settings->log_format, "json") == 0 ? GN_LOG_JSON : GN_LOG_TEXT,
                STDERR_FILENO);
    return gn_daemon_run(settings);
}

static int act(const struct gn_settings *settings, const struct gn_settings_request *request)
{
    switch (request->action) {
    case GN_ACTION_HELP:
        return print(gn_settings_print_help);
    case GN_ACTION_VERSION:
        return puts("gurnardd " GN_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case GN_ACTION_CHECK:
        return puts("settings are fine") < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case GN_ACTION_PRINT_SAMPLE:
        return print(gn_settings_print_sample);
    case GN_ACTION_PRINT_REFERENCE:
        return print(gn_settings_print_reference);
    case GN_ACTION_RUN:
        break;
    }
    return run(settings);
}

int main(int argc, char **argv)
{
    struct gn_settings settings = {0};
    struct gn_settings_request request = {.action = GN_ACTION_RUN};
    bool bad_flag = false;
    enum gn_err err;
    int code;

    gn_json_use_must_alloc();
    err = gn_settings_load(&settings, argc, argv, environ, &request, complain, NULL, &bad_flag);
    if (err == GN_OK)
        code = act(&settings, &request);
    else
        code = bad_flag ? EXIT_USAGE : EXIT_FAILURE;
    if (err != GN_OK && err != GN_EINVAL)
        complain(NULL, "settings", gn_err_text(err));
    gn_settings_free(&settings);
    free(request.file);
    return code;
}
