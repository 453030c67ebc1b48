/* gurnard replay: has stored events sent again to one subscription, or ends that. */
#include "gurnard/cli/cli.h"

#include <stdio.h>

#include "admin_priv.h"
#include "gurnard/base/text.h"
#include "gurnard/cli/report.h"

#define VERB "replay"

static const char usage_text[] =
    "usage: gurnard replay --subscription ID --since WHEN [--until WHEN] [options]\n"
    "       gurnard replay --stop --subscription ID [options]\n"
    "\n"
    "Has gurnardd send what it stored once more to one subscription, delivered before or not.\n"
    "WHEN is an age (90s, 15m, 1h, 2d) or a time (2026-11-21T08:00:00Z).\n"
    "\n"
    "  --subscription ID     the subscription; `gurnard status --wide` shows the ids\n"
    "  --since WHEN          where to begin\n"
    "  --until WHEN          where to end (now)\n"
    "  --stop                end the replay that is under way\n" ADMIN_USAGE_OPTIONS;

struct replay_options {
    const char *subscription, *since, *until;
    bool is_stop;
};

static int start(struct cli_admin *admin, const struct replay_options *options)
{
    struct gn_buf body = GN_BUF_INIT;
    struct gn_buf report = GN_BUF_INIT;
    json_t *answer = NULL;
    int code;

    gn_buf_puts(&body, "{\"subscription\":");
    gn_text_add_json(&body, gn_str_of(options->subscription));
    gn_buf_puts(&body, ",\"since\":");
    gn_text_add_json(&body, gn_str_of(options->since));
    if (options->until != NULL) {
        gn_buf_puts(&body, ",\"until\":");
        gn_text_add_json(&body, gn_str_of(options->until));
    }
    gn_buf_putc(&body, '}');
    code = gn_cli_admin_once(admin, "POST", ADMIN_REPLAY, gn_buf_str(&body), &answer);
    gn_buf_free(&body);
    if (answer == NULL)
        return code;
    gn_report_replay(answer, &report);
    json_decref(answer);
    return gn_cli_finish_report(&report);
}

static int stop(struct cli_admin *admin, const char *subscription)
{
    struct gn_buf path = GN_BUF_INIT;
    int code;

    if (!gn_cli_is_segment(VERB, subscription))
        return CLI_EXIT_USAGE;
    gn_buf_puts(&path, ADMIN_REPLAY "/");
    gn_cli_add_encoded(&path, subscription);
    code = gn_cli_admin_open(admin);
    if (code == CLI_GO_ON)
        code = gn_cli_admin_call(admin, "DELETE", path.data, GN_STR_NONE);
    if (code == 0 && !admin->wants_json && (puts("stopped") < 0 || fflush(stdout) != 0))
        code = CLI_EXIT_FAILED;
    gn_cli_admin_close(admin);
    gn_buf_free(&path);
    return code;
}

/* What makes no sense together, or NULL. */
static const char *check(const struct replay_options *options)
{
    if (options->subscription == NULL)
        return "--subscription ID is needed";
    if (options->is_stop)
        return options->since != NULL || options->until != NULL
                   ? "--stop goes without --since and --until"
                   : NULL;
    return options->since == NULL ? "--since WHEN is needed, or --stop" : NULL;
}

int gn_cli_replay(int argc, char **argv)
{
    struct replay_options options = {.subscription = NULL};
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_option rows[] = {
        {.name = "subscription", .text = &options.subscription},
        {.name = "since", .text = &options.since},
        {.name = "until", .text = &options.until},
        {.name = "stop", .flag = &options.is_stop},
    };
    const struct cli_use use = {
        .verb = VERB, .usage = usage_text, .options = rows, .count = GN_LEN(rows)};
    int code = gn_cli_read_use(&use, &admin, argc, argv);
    const char *wrong;

    if (code != CLI_GO_ON)
        return code;
    wrong = check(&options);
    if (wrong != NULL) {
        gn_cli_complain(VERB, "%s", wrong);
        return CLI_EXIT_USAGE;
    }
    return options.is_stop ? stop(&admin, options.subscription) : start(&admin, &options);
}
