/* gurnard bmc: the BMCs that gurnardd keeps subscribed. */
#include "gurnard/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "admin_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/cli/report.h"

#define VERB     "bmc"
#define PROOF_MS 900000U /* a test event and what goes before it may take minutes */
#define CREATED  201

static const char usage_text[] =
    "usage: gurnard bmc list [--wide] [options]\n"
    "       gurnard bmc show NAME [options]\n"
    "       gurnard bmc add NAME ADDRESS [settings] [--replace] [options]\n"
    "       gurnard bmc remove NAME [options]\n"
    "       gurnard bmc test NAME [options]\n"
    "       gurnard bmc resync NAME [options]\n"
    "\n"
    "BMCs that gurnardd keeps subscribed. test has one send a test event and waits for it;\n"
    "resync looks at one at once. Only what was added here can be removed here.\n"
    "\n"
    "  --wide                nothing is cut\n"
    "  --replace             also when there is a BMC of that name\n"
    "\n"
    "settings; files and folders are the daemon's:\n"
    "  --credentials DIR     folder with the files username and password\n"
    "  --username NAME       user; or --username-file FILE\n"
    "  --password-file FILE  file with the password\n"
    "  --tls WORD            verify, tofu (what it shows first is kept) or off\n"
    "  --ca-file FILE        certificates that its own is checked by\n"
    "  --sha256 HEX          fingerprint of its certificate\n"
    "  --auth WORD           auto, basic, session or none\n"
    "  --way WORD            auto, push, sse or none\n"
    "  --recover WORD        outage, always or no\n"
    "  --webhook-url URL     where it is to send to\n"
    "  --headers-file FILE   headers that it is to send\n"
    "\n"
    "options:\n" ADMIN_USAGE_OPTIONS;

/* ---- names and paths ---- */

/* Returns the exit code, after a complaint, or CLI_GO_ON. */
static int check_name(const char *name)
{
    if (name == NULL) {
        gn_cli_complain(VERB, "the name of a BMC is needed");
        return CLI_EXIT_USAGE;
    }
    return gn_cli_is_segment(VERB, name) ? CLI_GO_ON : CLI_EXIT_USAGE;
}

static void set_path(struct gn_buf *path, const char *name, const char *tail)
{
    gn_buf_puts(path, ADMIN_BMCS "/");
    gn_cli_add_encoded(path, name);
    gn_buf_puts(path, tail);
}

static int read_name(struct cli_admin *admin, const char **name, int argc, char **argv)
{
    const struct cli_use use = {.verb = VERB, .usage = usage_text, .word = name};
    int code = gn_cli_read_use(&use, admin, argc, argv);

    return code == CLI_GO_ON ? check_name(*name) : code;
}

/* ---- list, show ---- */

static int list(int argc, char **argv)
{
    bool is_wide = false;
    struct cli_admin admin = gn_cli_admin(VERB);
    const struct cli_option rows[] = {{.name = "wide", .flag = &is_wide}};
    const struct cli_use use = {
        .verb = VERB, .usage = usage_text, .options = rows, .count = GN_LEN(rows)};
    struct gn_buf report = GN_BUF_INIT;
    json_t *bmcs = NULL;
    int code = gn_cli_read_use(&use, &admin, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    code = gn_cli_admin_once(&admin, "GET", ADMIN_BMCS, GN_STR_NONE, &bmcs);
    if (bmcs == NULL)
        return code;
    gn_report_bmcs(bmcs, gn_clock_real_ns(), is_wide, &report);
    json_decref(bmcs);
    return gn_cli_finish_report(&report);
}

static int show(int argc, char **argv)
{
    const char *name = NULL;
    struct cli_admin admin = gn_cli_admin(VERB);
    struct gn_buf path = GN_BUF_INIT, report = GN_BUF_INIT;
    json_t *bmc = NULL;
    int code = read_name(&admin, &name, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    set_path(&path, name, "");
    code = gn_cli_admin_once(&admin, "GET", path.data, GN_STR_NONE, &bmc);
    gn_buf_free(&path);
    if (bmc == NULL)
        return code;
    gn_report_bmc(bmc, gn_clock_real_ns(), &report);
    json_decref(bmc);
    return gn_cli_finish_report(&report);
}

/* ---- add, remove ---- */

/* What add is told of the BMC, as members of an entry. */
struct wish {
    const char *name, *address;
    const char *credentials, *username, *username_file, *password_file, *headers_file;
    const char *tls, *ca_file, *sha256;
    const char *auth, *way, *recover, *webhook_url;
    bool may_replace;
};

static int check_wish(const struct wish *wish)
{
    int code = check_name(wish->name);

    if (code != CLI_GO_ON)
        return code;
    if (wish->address == NULL) {
        gn_cli_complain(VERB, "the address of the BMC is needed");
        return CLI_EXIT_USAGE;
    }
    if (wish->ca_file != NULL && wish->sha256 != NULL) {
        gn_cli_complain(VERB, "--ca-file and --sha256 exclude each other");
        return CLI_EXIT_USAGE;
    }
    if (wish->tls != NULL && (wish->ca_file != NULL || wish->sha256 != NULL) &&
        strcmp(wish->tls, "verify") != 0) {
        gn_cli_complain(VERB, "--ca-file and --sha256 go with --tls verify");
        return CLI_EXIT_USAGE;
    }
    return CLI_GO_ON;
}

/* false: no memory, or text is no UTF-8. */
static bool put_text(json_t *object, const char *member, const char *text)
{
    return text == NULL || json_object_set_new(object, member, json_string(text)) == 0;
}

static bool put_tls(json_t *entry, const struct wish *wish)
{
    json_t *tls;

    if (wish->ca_file == NULL && wish->sha256 == NULL)
        return put_text(entry, "tls", wish->tls);
    tls = json_object();
    return json_object_set_new(entry, "tls", tls) == 0 && put_text(tls, "ca_file", wish->ca_file) &&
           put_text(tls, "sha256", wish->sha256);
}

/* The entry as JSON text, owned; NULL after a complaint. */
static char *write_entry(const struct wish *wish)
{
    const struct {
        const char *member, *text;
    } rows[] = {
        {"name", wish->name},
        {"address", wish->address},
        {"credentials", wish->credentials},
        {"username", wish->username},
        {"username_file", wish->username_file},
        {"password_file", wish->password_file},
        {"headers_file", wish->headers_file},
        {"auth", wish->auth},
        {"way", wish->way},
        {"recover", wish->recover},
        {"webhook_url", wish->webhook_url},
    };
    json_t *entry = json_object();
    bool is_whole = put_tls(entry, wish);
    char *text;

    for (size_t i = 0; i < GN_LEN(rows); i++)
        is_whole = is_whole && put_text(entry, rows[i].member, rows[i].text);
    text = is_whole ? json_dumps(entry, JSON_COMPACT) : NULL;
    if (text == NULL)
        gn_cli_complain(VERB, "what is given is no text in UTF-8");
    json_decref(entry);
    return text;
}

static int read_wish(struct wish *wish, struct cli_admin *admin, int argc, char **argv)
{
    const struct cli_option rows[] = {
        {.name = "credentials", .text = &wish->credentials},
        {.name = "username", .text = &wish->username},
        {.name = "username-file", .text = &wish->username_file},
        {.name = "password-file", .text = &wish->password_file},
        {.name = "headers-file", .text = &wish->headers_file},
        {.name = "tls", .text = &wish->tls},
        {.name = "ca-file", .text = &wish->ca_file},
        {.name = "sha256", .text = &wish->sha256},
        {.name = "auth", .text = &wish->auth},
        {.name = "way", .text = &wish->way},
        {.name = "recover", .text = &wish->recover},
        {.name = "webhook-url", .text = &wish->webhook_url},
        {.name = "replace", .flag = &wish->may_replace},
    };
    const struct cli_use use = {.verb = VERB,
                                .usage = usage_text,
                                .options = rows,
                                .count = GN_LEN(rows),
                                .word = &wish->name,
                                .second = &wish->address};
    int code = gn_cli_read_use(&use, admin, argc, argv);

    return code == CLI_GO_ON ? check_wish(wish) : code;
}

/* Prints "<name> <what>" and releases answer, unless it was printed itself: then it is NULL. */
static int print_done(const char *name, const char *what, json_t *answer, int code)
{
    struct gn_buf line = GN_BUF_INIT;

    if (answer == NULL)
        return code;
    json_decref(answer);
    gn_cli_add_visible(&line, gn_str_of(name));
    gn_buf_printf(&line, " %s\n", what);
    return gn_cli_finish_report(&line);
}

static int add(int argc, char **argv)
{
    struct wish wish = {.name = NULL};
    struct cli_admin admin = gn_cli_admin(VERB);
    struct gn_buf path = GN_BUF_INIT;
    json_t *answer = NULL;
    int code = read_wish(&wish, &admin, argc, argv);
    char *entry = code == CLI_GO_ON ? write_entry(&wish) : NULL;

    if (entry == NULL)
        return code == CLI_GO_ON ? CLI_EXIT_USAGE : code;
    if (wish.may_replace)
        set_path(&path, wish.name, "");
    else
        gn_buf_puts(&path, ADMIN_BMCS);
    code = gn_cli_admin_once(&admin, wish.may_replace ? "PUT" : "POST", path.data, gn_str_of(entry),
                             &answer);
    gn_buf_free(&path);
    free(entry);
    return print_done(wish.name, admin.status == CREATED ? "added" : "replaced", answer, code);
}

static int take_out(int argc, char **argv)
{
    const char *name = NULL;
    struct cli_admin admin = gn_cli_admin(VERB);
    struct gn_buf path = GN_BUF_INIT;
    json_t *answer = NULL;
    int code = read_name(&admin, &name, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    set_path(&path, name, "");
    code = gn_cli_admin_once(&admin, "DELETE", path.data, GN_STR_NONE, &answer);
    gn_buf_free(&path);
    return print_done(name, "removed", answer, code);
}

/* ---- test, resync ---- */

/* Prints how the proof ended. Returns the exit code: a path that is not proven is a failure. */
static int print_proof(struct cli_admin *admin, const char *name)
{
    struct gn_buf line = GN_BUF_INIT;
    json_t *answer = NULL;
    enum gn_err err = gn_json_parse(gn_buf_str(&admin->answer), NULL, &answer);
    bool is_proven = json_is_true(json_object_get(answer, "proven"));
    int code;

    if (admin->wants_json) {
        code = gn_cli_admin_print(admin);
    } else if (err != GN_OK || !json_is_boolean(json_object_get(answer, "proven"))) {
        gn_cli_complain(VERB, "what %s answers cannot be shown; see --json", admin->url);
        code = CLI_EXIT_FAILED;
    } else {
        gn_cli_add_visible(&line, gn_str_of(name));
        if (is_proven)
            gn_buf_printf(&line, ": proven in %.0f ms by ",
                          json_number_value(json_object_get(answer, "latency_ms")));
        else
            gn_buf_puts(&line, ": not proven: ");
        gn_cli_add_visible(&line, gn_json_str(answer, is_proven ? "way" : "reason"));
        gn_buf_putc(&line, '\n');
        code = gn_cli_finish_report(&line);
    }
    json_decref(answer);
    return code != 0 || is_proven ? code : CLI_EXIT_FAILED;
}

static int test(int argc, char **argv)
{
    const char *name = NULL;
    struct cli_admin admin = gn_cli_admin(VERB);
    struct gn_buf path = GN_BUF_INIT;
    int code = read_name(&admin, &name, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    admin.timeout_ms = PROOF_MS;
    set_path(&path, name, "/test");
    code = gn_cli_admin_open(&admin);
    if (code == CLI_GO_ON)
        code = gn_cli_admin_call(&admin, "POST", path.data, GN_STR_NONE);
    if (code == 0)
        code = print_proof(&admin, name);
    gn_cli_admin_close(&admin);
    gn_buf_free(&path);
    return code;
}

static int resync(int argc, char **argv)
{
    const char *name = NULL;
    struct cli_admin admin = gn_cli_admin(VERB);
    struct gn_buf path = GN_BUF_INIT;
    json_t *answer = NULL;
    int code = read_name(&admin, &name, argc, argv);

    if (code != CLI_GO_ON)
        return code;
    set_path(&path, name, "/resync");
    code = gn_cli_admin_once(&admin, "POST", path.data, GN_STR_NONE, &answer);
    gn_buf_free(&path);
    return print_done(name, "is looked at now", answer, code);
}

int gn_cli_bmc(int argc, char **argv)
{
    static const struct cli_action actions[] = {{"list", list}, {"show", show},
                                                {"add", add},   {"remove", take_out},
                                                {"test", test}, {"resync", resync},
                                                {NULL, NULL}};

    return gn_cli_act(VERB, usage_text, actions, argc, argv);
}
