/* gurnard alarms: what is wrong now. */
#include "gurnard/cli/cli.h"

#include <string.h>

#include "admin_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/json.h"
#include "gurnard/cli/report.h"

#define VERB "alarms"

static const char usage_text[] =
    "usage: gurnard alarms [--bmc NAME] [--wide] [options]\n"
    "       gurnard alarms clear ID [options]\n"
    "\n"
    "What BMCs said is wrong and has not been said to be well since. clear ends one by hand; the\n"
    "first characters of its ID will do when no other begins so.\n"
    "\n"
    "  --bmc NAME            only those of this BMC\n"
    "  --wide                nothing is cut, with ids and origins\n" ADMIN_USAGE_OPTIONS;

static int list(int argc, char **argv)
{
    const char *bmc = NULL;
    bool is_wide = false;
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_option rows[] = {{.name = "bmc", .text = &bmc},
                                      {.name = "wide", .flag = &is_wide}};
    const struct cli_use use = {
        .verb = VERB, .usage = usage_text, .options = rows, .count = GN_LEN(rows)};
    struct gn_buf path = GN_BUF_INIT, report = GN_BUF_INIT;
    json_t *alarms = NULL;
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    gn_buf_puts(&path, ADMIN_ALARMS);
    if (bmc != NULL) {
        gn_buf_puts(&path, "?bmc=");
        gn_cli_add_encoded(&path, bmc);
    }
    code = gn_cli_admin_once(&admin, "GET", path.data, GN_STR_NONE, &alarms);
    gn_buf_free(&path);
    if (alarms == NULL)
        return code;
    gn_report_alarms(alarms, gn_clock_real_ns(), is_wide, &report);
    json_decref(alarms);
    return gn_cli_finish_report(&report);
}

/* ---- clear ---- */

/* The only id in list that begins with head; NULL after a complaint. Borrowed from list. */
static const char *only_one(const json_t *list, const char *head)
{
    const json_t *alarms = json_object_get(list, "alarms");
    const char *found = NULL;

    for (size_t i = 0; i < json_array_size(alarms); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(alarms, i), "id"));

        if (id == NULL || !gn_str_has_prefix(gn_str_of(id), gn_str_of(head)))
            continue;
        if (found != NULL) {
            gn_cli_complain(VERB, "%s: more than one alarm begins so", head);
            return NULL;
        }
        found = id;
    }
    if (found == NULL)
        gn_cli_complain(VERB, "%s: no such alarm", head);
    return found;
}

/* Appends the path of the alarm that word stands for. */
static int find_path(struct cli_admin *admin, const char *word, struct gn_buf *path)
{
    json_t *list = NULL;
    const char *id = word;
    int code = 0;

    if (!gn_id_is_valid(gn_str_of(word))) {
        code = gn_cli_admin_fetch(admin, ADMIN_ALARMS, &list);
        id = code == 0 ? only_one(list, word) : NULL;
    }
    if (id != NULL) {
        gn_buf_puts(path, ADMIN_ALARMS "/");
        gn_cli_add_encoded(path, id);
    } else if (code == 0) {
        code = CLI_EXIT_FAILED;
    }
    json_decref(list);
    return code;
}

static int clear(int argc, char **argv)
{
    const char *word = NULL;
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_use use = {.verb = VERB, .usage = usage_text, .word = &word};
    struct gn_buf path = GN_BUF_INIT;
    json_t *answer = NULL;
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    if (word == NULL || word[0] == '\0') {
        gn_cli_complain(VERB, "the ID of an alarm is needed");
        return CLI_EXIT_USAGE;
    }
    code = gn_cli_admin_open(&admin);
    if (code == CLI_GO_ON)
        code = find_path(&admin, word, &path);
    if (code == 0)
        code = gn_cli_admin_ask(&admin, "DELETE", path.data, GN_STR_NONE, &answer);
    gn_cli_admin_close(&admin);
    gn_buf_free(&path);
    return answer == NULL ? code : gn_cli_print_count("removed", "cleared", answer);
}

int gn_cli_alarms(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "clear") == 0)
        return clear(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "list") == 0)
        return list(argc - 1, argv + 1);
    return list(argc, argv);
}
