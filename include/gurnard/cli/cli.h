/* The gurnard command: verbs and what they share. Each verb is a function of its arguments that
 * returns the exit code: 0 done, 1 failed, 2 wrong usage. */
#ifndef GURNARD_CLI_CLI_H
#define GURNARD_CLI_CLI_H

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"

struct gn_cli_verb {
    const char *name;
    const char *summary;               /* one line for gurnard --help */
    int (*run)(int argc, char **argv); /* argv[0] is the verb */
};

/* All verbs, ended by a row without name. */
extern const struct gn_cli_verb gn_cli_verbs[];

/* gurnard sim: plays a fleet of BMCs. gurnard tap: prints events as they come. gurnard send: sends
 * a CloudEvent by AMQP. */
int gn_cli_sim(int argc, char **argv);
int gn_cli_tap(int argc, char **argv);
int gn_cli_send(int argc, char **argv);

/* Verbs that ask a running gurnardd by its admin API, at --url, else the environment's
 * GURNARD_ADMIN, else http://127.0.0.1:9091. Each takes --json: the answer as it came. */

/* gurnard status: how the daemon and its subscriptions are. gurnard bmc: the BMCs that it keeps
 * subscribed. gurnard alarms: what is wrong now. gurnard replay: sends stored events
 * again. gurnard deadletter: events that receivers refused. gurnard quarantine: bodies nobody could
 * read. */
int gn_cli_status(int argc, char **argv);
int gn_cli_bmc(int argc, char **argv);
int gn_cli_alarms(int argc, char **argv);
int gn_cli_replay(int argc, char **argv);
int gn_cli_deadletter(int argc, char **argv);
int gn_cli_quarantine(int argc, char **argv);

#endif
