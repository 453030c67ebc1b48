/* Options of the verbs that talk to the admin API: tables instead of a switch in each verb. */
#include "admin_priv.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX  16 /* of one use, with the common ones */
#define FIRST_LETTER 256

static bool take(const struct cli_use *use, const struct cli_option *option)
{
    if (option->flag != NULL)
        *option->flag = true;
    if (option->text != NULL)
        *option->text = optarg;
    return option->number == NULL || gn_cli_number(use->verb, option->name, optarg, option->low,
                                                   option->high, option->number);
}

/* What is left behind the options: words, only as many as are expected. */
static bool take_word(const struct cli_use *use, int argc, char **argv)
{
    int at = optind;

    if (use->word != NULL && at < argc)
        *use->word = argv[at++];
    if (use->second != NULL && at < argc)
        *use->second = argv[at++];
    if (at < argc)
        gn_cli_complain(use->verb, "%s: not expected here; --help tells more", argv[at]);
    return at >= argc;
}

int gn_cli_read_use(const struct cli_use *use, struct cli_admin *admin, int argc, char **argv)
{
    const struct cli_option common[] = {{.name = "url", .text = &admin->url},
                                        {.name = "json", .flag = &admin->wants_json}};
    const struct cli_option *all[OPTIONS_MAX];
    struct option rows[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, 'h'}};
    size_t count = 0;
    int letter;

    GN_ASSERT(use->count + GN_LEN(common) <= OPTIONS_MAX);
    for (size_t i = 0; i < GN_LEN(common); i++)
        all[count++] = &common[i];
    for (size_t i = 0; i < use->count; i++)
        all[count++] = &use->options[i];
    for (size_t i = 0; i < count; i++)
        rows[i + 1] =
            (struct option){all[i]->name, all[i]->flag != NULL ? no_argument : required_argument,
                            NULL, FIRST_LETTER + (int)i};
    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":h", rows, NULL)) != -1) {
        if (letter == 'h')
            return fputs(use->usage, stdout) < 0 ? CLI_EXIT_FAILED : 0;
        if (letter < FIRST_LETTER) {
            gn_cli_complain(use->verb, "%s: unknown, or without its value; --help tells more",
                            argv[optind - 1]);
            return CLI_EXIT_USAGE;
        }
        if (!take(use, all[letter - FIRST_LETTER]))
            return CLI_EXIT_USAGE;
    }
    return take_word(use, argc, argv) ? CLI_GO_ON : CLI_EXIT_USAGE;
}

int gn_cli_act(const char *verb, const char *usage, const struct cli_action *actions, int argc,
               char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    for (; actions->name != NULL; actions++)
        if (strcmp(word, actions->name) == 0)
            return actions->run(argc - 1, argv + 1);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return fputs(usage, stdout) < 0 ? CLI_EXIT_FAILED : 0;
    if (word[0] == '\0')
        (void)fputs(usage, stderr); /* the exit code says enough when nobody reads it */
    else
        gn_cli_complain(verb, "%s: no such action; --help tells all", word);
    return CLI_EXIT_USAGE;
}
