/* gurnard: looks its verb up and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_priv.h"
#include "gurnard/base/log.h"
#include "gurnard/cli/cli.h"

const struct gn_cli_verb gn_cli_verbs[] = {
    {"status", "shows how gurnardd and its subscriptions are", gn_cli_status},
    {"bmc", "lists, shows, adds, removes or tests BMCs", gn_cli_bmc},
    {"alarms", "shows what is wrong now, by BMC", gn_cli_alarms},
    {"replay", "sends stored events again to a subscription", gn_cli_replay},
    {"deadletter", "lists, shows, replays or purges events that receivers refused",
     gn_cli_deadletter},
    {"quarantine", "lists, shows, replays or purges bodies that nobody could read",
     gn_cli_quarantine},
    {"sim", "plays BMCs: sends their events to a webhook, or is one (sim bmc)", gn_cli_sim},
    {"tap", "subscribes to events and prints them as they come", gn_cli_tap},
    {"send", "sends a CloudEvent to an AMQP address", gn_cli_send},
    {NULL, NULL, NULL},
};

static int help(FILE *to)
{
    int written = fprintf(to, "usage: gurnard <command> [options]\n\ncommands:\n");

    for (const struct gn_cli_verb *verb = gn_cli_verbs; verb->name != NULL; verb++)
        written |= fprintf(to, "  %-10s %s\n", verb->name, verb->summary);
    written |= fprintf(to, "\n`gurnard <command> --help` tells a command's options; `gurnard "
                           "--version` the version.\nThe daemon is gurnardd.\n");
    return written < 0 ? CLI_EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    /* A reader that leaves, or a peer that closes, is an error of the write, not our end. */
    (void)signal(SIGPIPE, SIG_IGN);
    gn_log_init(GN_LOG_WARN, GN_LOG_TEXT, STDERR_FILENO);
    for (const struct gn_cli_verb *verb = gn_cli_verbs; verb->name != NULL; verb++)
        if (strcmp(word, verb->name) == 0)
            return verb->run(argc - 1, argv + 1);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return help(stdout);
    if (strcmp(word, "--version") == 0)
        return puts("gurnard " GN_VERSION) < 0 ? CLI_EXIT_FAILED : 0;
    if (word[0] != '\0')
        (void)fprintf(stderr, "gurnard: no such command: %s\n\n", word);
    (void)help(stderr);
    return CLI_EXIT_USAGE;
}
