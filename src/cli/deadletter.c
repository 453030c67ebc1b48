/* gurnard deadletter: what to do with events that a receiver refused. */
#include "gurnard/cli/cli.h"

#include <inttypes.h>

#include "admin_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"
#include "gurnard/cli/report.h"

#define VERB      "deadletter"
#define LIMIT_MAX 1000U /* the API gives no more at once */

static const char usage_text[] =
    "usage: gurnard deadletter list [--subscription ID] [--limit N] [--after NUMBER] [options]\n"
    "       gurnard deadletter show NUMBER [options]\n"
    "       gurnard deadletter replay NUMBER|--all [--subscription ID] [options]\n"
    "       gurnard deadletter purge NUMBER|--all [--subscription ID] [options]\n"
    "\n"
    "Dead letters are events that a receiver refused. replay delivers them once more, purge\n"
    "forgets them.\n"
    "\n"
    "  --subscription ID     only those of this subscription\n"
    "  --limit N             at most so many, up to 1000 (100)\n"
    "  --after NUMBER        those behind this one\n"
    "  --all                 all of them\n" ADMIN_USAGE_OPTIONS;

static int list(int argc, char **argv)
{
    const char *subscription = NULL;
    uint64_t limit = 100, after = 0;
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_option rows[] = {
        {.name = "subscription", .text = &subscription},
        {.name = "limit", .number = &limit, .low = 1, .high = LIMIT_MAX},
        {.name = "after", .number = &after, .high = UINT64_MAX},
    };
    const struct cli_use use = {
        .verb = VERB, .usage = usage_text, .options = rows, .count = GN_LEN(rows)};
    struct gn_buf path = GN_BUF_INIT, report = GN_BUF_INIT;
    json_t *letters = NULL;
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    gn_buf_printf(&path, ADMIN_DEADLETTERS "?limit=%" PRIu64, limit);
    if (after > 0)
        gn_buf_printf(&path, "&after=%" PRIu64, after);
    gn_cli_add_subscription(&path, '&', subscription);
    code = gn_cli_admin_once(&admin, "GET", path.data, GN_STR_NONE, &letters);
    gn_buf_free(&path);
    if (letters == NULL)
        return code;
    gn_report_deadletters(letters, gn_clock_real_ns(), &report);
    json_decref(letters);
    return gn_cli_finish_report(&report);
}

/* What show, replay and purge are about. */
struct choice {
    const char *word;
    const char *subscription;
    bool is_all;
    unsigned long long number; /* that word is */
};

/* Returns the exit code, after a complaint, or CLI_GO_ON. */
static int check_choice(struct choice *choice)
{
    if ((choice->word != NULL) == choice->is_all) {
        gn_cli_complain(VERB, "%s",
                        choice->is_all ? "a number and --all exclude each other"
                                       : "the number of a dead letter is needed");
        return CLI_EXIT_USAGE;
    }
    if (choice->word != NULL && choice->subscription != NULL) {
        gn_cli_complain(VERB, "--subscription goes with --all");
        return CLI_EXIT_USAGE;
    }
    if (choice->word != NULL &&
        !gn_str_to_u64(gn_str_of(choice->word), UINT64_MAX, &choice->number)) {
        gn_cli_complain(VERB, "%s: no number of a dead letter", choice->word);
        return CLI_EXIT_USAGE;
    }
    return CLI_GO_ON;
}

static int read_choice(struct choice *choice, struct cli_admin *admin, int argc, char **argv)
{
    const struct cli_option rows[] = {
        {.name = "subscription", .text = &choice->subscription},
        {.name = "all", .flag = &choice->is_all},
    };
    const struct cli_use use = {.verb = VERB,
                                .usage = usage_text,
                                .options = rows,
                                .count = GN_LEN(rows),
                                .word = &choice->word};
    int code = gn_cli_read_use(&use, admin, argc, argv);

    return code == CLI_GO_ON ? check_choice(choice) : code;
}

static int show(int argc, char **argv)
{
    struct choice choice = {.word = NULL};
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_use use = {.verb = VERB, .usage = usage_text, .word = &choice.word};
    struct gn_buf path = GN_BUF_INIT, report = GN_BUF_INIT;
    json_t *letter = NULL;
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code == CLI_GO_ON)
        code = check_choice(&choice);
    if (code != CLI_GO_ON)
        return code;
    gn_buf_printf(&path, ADMIN_DEADLETTERS "/%llu", choice.number);
    code = gn_cli_admin_once(&admin, "GET", path.data, GN_STR_NONE, &letter);
    gn_buf_free(&path);
    if (letter == NULL)
        return code;
    gn_report_deadletter(letter, gn_clock_real_ns(), &report);
    json_decref(letter);
    return gn_cli_finish_report(&report);
}

static int replay(int argc, char **argv)
{
    struct choice choice = {.word = NULL};
    struct cli_admin admin = gn_cli_admin(VERB);
    struct gn_buf path = GN_BUF_INIT, body = GN_BUF_INIT;
    json_t *answer = NULL;
    int code = read_choice(&choice, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    gn_buf_puts(&path, ADMIN_DEADLETTERS);
    if (choice.word != NULL)
        gn_buf_printf(&path, "/%llu", choice.number);
    gn_buf_puts(&path, "/replay");
    gn_buf_putc(&body, '{');
    if (choice.subscription != NULL) {
        gn_buf_puts(&body, "\"subscription\":");
        gn_text_add_json(&body, gn_str_of(choice.subscription));
    }
    gn_buf_putc(&body, '}');
    code = gn_cli_admin_once(&admin, "POST", path.data, gn_buf_str(&body), &answer);
    gn_buf_free(&path);
    gn_buf_free(&body);
    return answer == NULL ? code : gn_cli_print_count("queued", "queued for delivery", answer);
}

static int purge(int argc, char **argv)
{
    struct choice choice = {.word = NULL};
    struct cli_admin admin = gn_cli_admin(VERB);
    struct gn_buf path = GN_BUF_INIT;
    json_t *answer = NULL;
    int code = read_choice(&choice, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    gn_buf_puts(&path, ADMIN_DEADLETTERS);
    if (choice.word != NULL)
        gn_buf_printf(&path, "/%llu", choice.number);
    gn_cli_add_subscription(&path, '?', choice.subscription);
    code = gn_cli_admin_once(&admin, "DELETE", path.data, GN_STR_NONE, &answer);
    gn_buf_free(&path);
    return answer == NULL ? code : gn_cli_print_count("removed", "removed", answer);
}

int gn_cli_deadletter(int argc, char **argv)
{
    static const struct cli_action actions[] = {
        {"list", list}, {"show", show}, {"replay", replay}, {"purge", purge}, {NULL, NULL}};

    return gn_cli_act(VERB, usage_text, actions, argc, argv);
}
