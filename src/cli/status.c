/* gurnard status: one screen on how the daemon is; with --watch again and again. */
#include "gurnard/cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "admin_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/cli/report.h"

#define VERB        "status"
#define WATCH_MAX_S 86400U
#define CLEAR       "\033[H\033[J" /* home, and nothing below */

static const char usage_text[] =
    "usage: gurnard status [options]\n"
    "\n"
    "Shows how gurnardd is: what came in and went out, what is stored, each subscription.\n"
    "\n"
    "  --wide                ids and errors whole, with resources and endpoints\n"
    "  --watch SECONDS       show it again every SECONDS; Ctrl-C ends it\n" ADMIN_USAGE_OPTIONS;

struct status_options {
    bool is_wide;
    uint64_t watch_s; /* 0: once */
};

static int show(struct cli_admin *admin, const struct status_options *options)
{
    struct gn_buf screen = GN_BUF_INIT;
    json_t *status = NULL;
    int code = gn_cli_admin_ask(admin, "GET", ADMIN_STATUS, GN_STR_NONE, &status);

    if (code != 0 || admin->wants_json)
        return code;
    if (options->watch_s > 0 && isatty(STDOUT_FILENO) == 1)
        gn_buf_puts(&screen, CLEAR);
    gn_report_status(status, gn_clock_real_ns(), options->is_wide, &screen);
    json_decref(status);
    return gn_cli_finish_report(&screen);
}

/* A daemon that does not answer for a while, or restarts, is just what one watches for; one that
 * never did is a mistake in the command line. */
static int watch(struct cli_admin *admin, const struct status_options *options)
{
    enum gn_err err = gn_cli_admin_watch_signals(admin);
    int code;

    if (err != GN_OK) {
        gn_cli_complain(VERB, "%s", gn_err_text(err));
        return CLI_EXIT_FAILED;
    }
    code = show(admin, options);
    if (code != 0)
        return admin->is_interrupted ? 0 : code;
    while (gn_cli_admin_pause(admin, options->watch_s * 1000)) {
        if (!admin->wants_json && isatty(STDOUT_FILENO) != 1 && putchar('\n') == EOF)
            return CLI_EXIT_FAILED;
        code = show(admin, options);
        if (code != 0 && ferror(stdout) != 0)
            return code; /* nobody reads us any more */
    }
    return 0;
}

int gn_cli_status(int argc, char **argv)
{
    struct status_options options = {.watch_s = 0};
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_option rows[] = {
        {.name = "wide", .flag = &options.is_wide},
        {.name = "watch", .number = &options.watch_s, .low = 1, .high = WATCH_MAX_S},
    };
    const struct cli_use use = {
        .verb = VERB, .usage = usage_text, .options = rows, .count = GN_LEN(rows)};
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    code = gn_cli_admin_open(&admin);
    if (code == CLI_GO_ON)
        code = options.watch_s > 0 ? watch(&admin, &options) : show(&admin, &options);
    gn_cli_admin_close(&admin);
    return code;
}
