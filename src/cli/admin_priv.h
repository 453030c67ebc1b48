/* What the verbs that talk to the admin API share: their options, and calls that wait for the
 * answer. */
#ifndef GURNARD_CLI_ADMIN_PRIV_H
#define GURNARD_CLI_ADMIN_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli_priv.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"

#define ADMIN_ALARMS      "/admin/v1/alarms"
#define ADMIN_BMCS        "/admin/v1/bmcs"
#define ADMIN_DEADLETTERS "/admin/v1/deadletters"
#define ADMIN_QUARANTINE  "/admin/v1/quarantine"
#define ADMIN_REPLAY      "/admin/v1/replay"
#define ADMIN_STATUS      "/admin/v1/status"

#define ADMIN_TRY_LATER 503
#define ADMIN_NOT_FOUND 404

#define CLI_GO_ON (-1) /* instead of an exit code: there is none yet */

/* The options that every such verb explains in the same words. */
#define ADMIN_USAGE_OPTIONS                                                                        \
    "  --url URL             the admin API (the environment's GURNARD_ADMIN, else\n"               \
    "                        http://127.0.0.1:9091)\n"                                             \
    "  --json                print the answer as it came\n"                                        \
    "\n"                                                                                           \
    "Exit: 0 when done, 1 when it failed, 2 for wrong usage.\n"

/* ---- options ---- */

/* One option: exactly one of flag, text and number is set, and gets its value. */
struct cli_option {
    const char *name;
    bool *flag;
    const char **text;
    uint64_t *number; /* from low to high */
    uint64_t low, high;
};

/* One use of a verb. */
struct cli_use {
    const char *verb;
    const char *usage;                /* for --help */
    const struct cli_option *options; /* besides --url and --json */
    size_t count;                     /* of options */
    const char **word;                /* gets the argument that is no option; NULL: there is none */
    const char **second;              /* gets the one behind it; likewise */
};

struct cli_admin;

/* Reads argv[1] and what follows; fills admin's url and wants_json too. Returns the exit code,
 * after a complaint or the usage, or CLI_GO_ON. */
int gn_cli_read_use(const struct cli_use *use, struct cli_admin *admin, int argc, char **argv);

/* One of the things that a verb does: `gurnard <verb> <name> ...`. */
struct cli_action {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the action */
};

/* Runs the action that argv[1] names. actions is ended by a row without name. Returns the exit
 * code.
 */
int gn_cli_act(const char *verb, const char *usage, const struct cli_action *actions, int argc,
               char **argv);

/* ---- calls ---- */

struct cli_admin {
    const char *verb; /* for complaints */
    const char *url;  /* of the API, as given */
    bool wants_json;
    const char *about;   /* what complaints about answers begin with; may be NULL */
    uint32_t timeout_ms; /* of a call */

    struct gn_loop *loop;
    struct gn_http_client *client;
    struct gn_http_call *call; /* under way, or NULL */
    struct gn_buf call_url;
    bool is_interrupted; /* see gn_cli_admin_watch_signals() */
    /* the latest answer: */
    bool is_ok; /* it is 2xx */
    int status; /* 0: there is none */
    struct gn_buf answer;
    struct gn_buf why; /* the complaint about it */
};

/* An admin with the default URL. Nothing is opened yet. */
struct cli_admin gn_cli_admin(const char *verb);

/* Gets ready for calls. Complains and returns the exit code when that fails, else CLI_GO_ON. Pairs
 * with gn_cli_admin_close(), also when it failed. */
int gn_cli_admin_open(struct cli_admin *admin);
void gn_cli_admin_close(struct cli_admin *admin);

/* Makes a call and waits for its end. body: absent for none, else JSON. Returns 0 for an answer of
 * 2xx, else the exit code, after a complaint unless it was interrupted. */
int gn_cli_admin_call(struct cli_admin *admin, const char *method, const char *path,
                      struct gn_str body);

/* The same, and gives the answer as a JSON value, owned by the caller; complains when it is no
 * JSON. With wants_json the answer is printed instead, and *value is NULL. */
int gn_cli_admin_ask(struct cli_admin *admin, const char *method, const char *path,
                     struct gn_str body, json_t **value);

/* The same by GET, never printed: for what is only needed on the way. */
int gn_cli_admin_fetch(struct cli_admin *admin, const char *path, json_t **value);

/* Prints the latest answer as it came. Returns the exit code. */
int gn_cli_admin_print(struct cli_admin *admin);

/* Opens, asks once, closes. Like gn_cli_admin_ask(). */
int gn_cli_admin_once(struct cli_admin *admin, const char *method, const char *path,
                      struct gn_str body, json_t **value);

/* From here on Ctrl-C and SIGTERM end calls and pauses, and set is_interrupted. GN_EIO. */
GN_MUST_CHECK enum gn_err gn_cli_admin_watch_signals(struct cli_admin *admin);

/* Waits; false when it was interrupted. */
bool gn_cli_admin_pause(struct cli_admin *admin, uint64_t ms);

/* Appends text percent-encoded, as one segment of a path or one value of a query. */
void gn_cli_add_encoded(struct gn_buf *out, const char *text);

/* Whether text can be a segment of a path. "", "." and ".." would make another path: complains. */
bool gn_cli_is_segment(const char *verb, const char *text);

/* Appends `subscription=<id>` to a query, behind sep ('?' or '&'), unless id is NULL. */
void gn_cli_add_subscription(struct gn_buf *path, char sep, const char *id);

/* Prints "<n> <what>" for an answer {"<member>": n}. Returns the exit code; releases value. */
int gn_cli_print_count(const char *member, const char *what, json_t *value);

/* Prints report and frees it. Returns the exit code. */
int gn_cli_finish_report(struct gn_buf *report);

#endif
