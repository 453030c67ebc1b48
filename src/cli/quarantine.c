/* gurnard quarantine: what to do with bodies that nobody could read. */
#include "gurnard/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/cli/report.h"

#define VERB       "quarantine"
#define NAME_BYTES 255U  /* a name is a file's */
#define LIMIT_MAX  1000U /* the API gives no more at once */

static const char usage_text[] =
    "usage: gurnard quarantine list [--limit N] [options]\n"
    "       gurnard quarantine show NAME [options]\n"
    "       gurnard quarantine replay NAME|--all [options]\n"
    "       gurnard quarantine purge NAME|--all [options]\n"
    "\n"
    "In quarantine are bodies from BMCs that could not be read. replay takes them in once more,\n"
    "purge deletes them.\n"
    "\n"
    "  --limit N             at most so many, up to 1000 (100)\n"
    "  --all                 all of them\n" ADMIN_USAGE_OPTIONS;

/* ---- options and paths ---- */

struct choice {
    const char *word;
    bool is_all;
};

/* Returns the exit code, after a complaint, or CLI_GO_ON. */
static int check_choice(const struct choice *choice)
{
    if ((choice->word != NULL) == choice->is_all) {
        gn_cli_complain(VERB, "%s",
                        choice->is_all ? "a name and --all exclude each other"
                                       : "the name of a body is needed");
        return CLI_EXIT_USAGE;
    }
    return choice->word == NULL || gn_cli_is_segment(VERB, choice->word) ? CLI_GO_ON
                                                                         : CLI_EXIT_USAGE;
}

static int read_choice(struct choice *choice, struct cli_admin *admin, int argc, char **argv)
{
    const struct cli_option rows[] = {{.name = "all", .flag = &choice->is_all}};
    const struct cli_use use = {.verb = VERB,
                                .usage = usage_text,
                                .options = rows,
                                .count = GN_LEN(rows),
                                .word = &choice->word};
    int code = gn_cli_read_use(&use, admin, argc, argv);

    return code == CLI_GO_ON ? check_choice(choice) : code;
}

/* The path of one body, tail behind it. */
static void set_path(struct gn_buf *path, const char *name, const char *tail)
{
    gn_buf_reset(path);
    gn_buf_puts(path, ADMIN_QUARANTINE "/");
    gn_cli_add_encoded(path, name);
    gn_buf_puts(path, tail);
}

/* ---- list, show, purge ---- */

static int list(int argc, char **argv)
{
    uint64_t limit = 100;
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_option rows[] = {
        {.name = "limit", .number = &limit, .low = 1, .high = LIMIT_MAX}};
    const struct cli_use use = {
        .verb = VERB, .usage = usage_text, .options = rows, .count = GN_LEN(rows)};
    struct gn_buf path = GN_BUF_INIT, report = GN_BUF_INIT;
    json_t *bodies = NULL;
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    gn_buf_printf(&path, ADMIN_QUARANTINE "?limit=%" PRIu64, limit);
    code = gn_cli_admin_once(&admin, "GET", path.data, GN_STR_NONE, &bodies);
    gn_buf_free(&path);
    if (bodies == NULL)
        return code;
    gn_report_quarantine(bodies, gn_clock_real_ns(), &report);
    json_decref(bodies);
    return gn_cli_finish_report(&report);
}

/* The bytes come by a call of their own: the JSON has them only in an encoded form. */
static int show_both(struct cli_admin *admin, const char *name)
{
    struct gn_buf path = GN_BUF_INIT, report = GN_BUF_INIT;
    json_t *item = NULL;
    int code;

    set_path(&path, name, "");
    code = gn_cli_admin_ask(admin, "GET", path.data, GN_STR_NONE, &item);
    if (item == NULL)
        goto out;
    gn_report_quarantined(item, gn_clock_real_ns(), &report);
    set_path(&path, name, "/body");
    code = gn_cli_admin_call(admin, "GET", path.data, GN_STR_NONE);
    if (code != 0)
        goto out;
    gn_buf_putc(&report, '\n');
    gn_report_body(gn_buf_str(&admin->answer), &report);
    code = gn_cli_print(&report) ? 0 : CLI_EXIT_FAILED;
out:
    json_decref(item);
    gn_buf_free(&path);
    gn_buf_free(&report);
    return code;
}

static int show(int argc, char **argv)
{
    struct choice choice = {.word = NULL};
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_use use = {.verb = VERB, .usage = usage_text, .word = &choice.word};
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code == CLI_GO_ON)
        code = check_choice(&choice);
    if (code != CLI_GO_ON)
        return code;
    code = gn_cli_admin_open(&admin);
    if (code == CLI_GO_ON)
        code = show_both(&admin, choice.word);
    gn_cli_admin_close(&admin);
    return code;
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
    if (choice.word != NULL)
        set_path(&path, choice.word, "");
    else
        gn_buf_puts(&path, ADMIN_QUARANTINE);
    code = gn_cli_admin_once(&admin, "DELETE", path.data, GN_STR_NONE, &answer);
    gn_buf_free(&path);
    return answer == NULL ? code : gn_cli_print_count("removed", "removed", answer);
}

/* ---- replay ---- */

/* Prints what became of one body, unless the answer itself is printed. */
static int print_outcome(struct cli_admin *admin, const char *name, const json_t *answer)
{
    struct gn_buf line = GN_BUF_INIT;

    if (admin->wants_json)
        return 0;
    gn_cli_add_visible(&line, gn_str_of(name));
    gn_buf_putc(&line, ' ');
    gn_cli_add_visible(&line, gn_json_str(answer, "outcome"));
    gn_buf_putc(&line, '\n');
    return gn_cli_finish_report(&line);
}

static int replay_one(struct cli_admin *admin, const char *name)
{
    struct gn_buf path = GN_BUF_INIT;
    json_t *answer = NULL;
    int code;

    set_path(&path, name, "/replay");
    code = gn_cli_admin_ask(admin, "POST", path.data, GN_STR_NONE, &answer);
    if (code == 0)
        code = print_outcome(admin, name, answer);
    json_decref(answer);
    gn_buf_free(&path);
    return code;
}

/* Going through all bodies. Those that still cannot be read stay, in front of the others. */
struct round {
    struct cli_admin *admin;
    char last[NAME_BYTES + 1]; /* the latest name tried; empty: none yet */
    unsigned long taken;
    unsigned long failed;
    bool is_over; /* going on makes no sense: there is no room, or nobody answers */
};

static void try_body(struct round *round, const char *name)
{
    struct cli_admin *admin = round->admin;

    (void)snprintf(round->last, sizeof round->last, "%s", name);
    admin->about = name;
    if (replay_one(admin, name) == 0) {
        round->taken++;
    } else {
        /* 404: it made room for a newer one just now */
        round->failed += admin->status != ADMIN_NOT_FOUND;
        round->is_over = admin->status == 0 || admin->status == ADMIN_TRY_LATER || admin->is_ok;
    }
    admin->about = NULL;
}

/* Tries the bodies of a page that were not tried before. Returns how many. */
static size_t try_page(struct round *round, const json_t *items)
{
    size_t tried = 0;

    for (size_t i = 0; i < json_array_size(items) && !round->is_over; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(items, i), "name"));

        /* names count up with the time */
        if (name == NULL || strlen(name) > NAME_BYTES || strverscmp(name, round->last) <= 0)
            continue;
        try_body(round, name);
        tried++;
    }
    return tried;
}

/* Returns the exit code, or CLI_GO_ON when further bodies may be behind this page. */
static int next_page(struct round *round)
{
    struct cli_admin *admin = round->admin;
    struct gn_buf path = GN_BUF_INIT;
    json_t *page = NULL;
    size_t listed, tried;
    int code;

    gn_buf_printf(&path, ADMIN_QUARANTINE "?limit=%u", LIMIT_MAX);
    code = gn_cli_admin_fetch(admin, path.data, &page);
    gn_buf_free(&path);
    if (code != 0)
        return code;
    listed = json_array_size(json_object_get(page, "items"));
    tried = try_page(round, json_object_get(page, "items"));
    json_decref(page);
    if (round->is_over || listed < LIMIT_MAX)
        return round->is_over || round->failed > 0 ? CLI_EXIT_FAILED : 0;
    if (tried > 0)
        return CLI_GO_ON;
    gn_cli_complain(VERB, "what is behind the first %u, which cannot be read, was not tried",
                    LIMIT_MAX);
    return CLI_EXIT_FAILED;
}

static int replay_all(struct cli_admin *admin)
{
    struct round round = {.admin = admin};
    int code = CLI_GO_ON;

    while (code == CLI_GO_ON)
        code = next_page(&round);
    if (round.last[0] == '\0' && code != 0)
        return code; /* there was no list */
    if (!admin->wants_json &&
        (printf("%lu taken in, %lu not\n", round.taken, round.failed) < 0 || fflush(stdout) != 0))
        code = CLI_EXIT_FAILED;
    return code;
}

static int replay(int argc, char **argv)
{
    struct choice choice = {.word = NULL};
    struct cli_admin admin = gn_cli_admin(VERB);
    int code = read_choice(&choice, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    code = gn_cli_admin_open(&admin);
    if (code == CLI_GO_ON)
        code = choice.is_all ? replay_all(&admin) : replay_one(&admin, choice.word);
    gn_cli_admin_close(&admin);
    return code;
}

int gn_cli_quarantine(int argc, char **argv)
{
    static const struct cli_action actions[] = {
        {"list", list}, {"show", show}, {"replay", replay}, {"purge", purge}, {NULL, NULL}};

    return gn_cli_act(VERB, usage_text, actions, argc, argv);
}
