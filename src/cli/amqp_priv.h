/* What tap and send share when they speak AMQP: their options, and one connection to a router or
 * broker from its start to its end. */
#ifndef GURNARD_CLI_AMQP_PRIV_H
#define GURNARD_CLI_AMQP_PRIV_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli_priv.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/secret.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/amqp.h"
#include "gurnard/net/resolver.h"

#define CLI_AMQP_WAIT_MS       10000U /* how long a broker that is not there yet is waited for */
#define CLI_AMQP_MESSAGE_BYTES ((size_t)16 << 20)

/* ---- options ---- */

struct cli_amqp_options {
    const char *url;                            /* NULL: not by AMQP */
    const char *user, *password_file, *ca_file; /* NULL: none */
    bool skips_verify, allows_insecure;
};

/* Rows for getopt_long(); what it finds goes to gn_cli_amqp_take(). */
#define CLI_AMQP_OPTION_ROWS                                                                       \
    {"amqp", required_argument, NULL, 'A'}, {"user", required_argument, NULL, 'U'},                \
        {"password-file", required_argument, NULL, 'P'},                                           \
        {"ca-file", required_argument, NULL, 'C'}, {"no-verify", no_argument, NULL, 'V'},          \
    {                                                                                              \
        "insecure-plain", no_argument, NULL, 'I'                                                   \
    }

#define CLI_AMQP_USAGE_OPTIONS                                                                     \
    "  --user NAME            for SASL PLAIN; may stand in the URL as well\n"                      \
    "  --password-file FILE   with the password\n"                                                 \
    "  --insecure-plain       send the password also where there is no TLS\n"                      \
    "  --ca-file FILE         certificates to check the broker's by (the system's)\n"              \
    "  --no-verify            check neither its certificate nor its name\n"

/* Takes the option that getopt has found; false: it is none of these. */
bool gn_cli_amqp_take(struct cli_amqp_options *options, int letter);

/* ---- the connection ---- */

/* Zero-initialised; verb, on_up and ctx are the owner's to set. */
struct cli_amqp {
    const char *verb;
    void (*on_up)(void *ctx); /* whenever it is open; NULL: nobody asks */
    void *ctx;

    char *host;
    uint16_t port;
    bool use_tls;
    struct gn_buf user;
    struct gn_secret password;
    struct gn_loop *loop;
    struct gn_resolver *resolver;
    struct gn_amqp *amqp;
    bool is_ending;
    int exit_code;
};

/* Begins to connect; Ctrl-C and SIGTERM end the loop from now on. On an error complains, sets
 * exit_code and returns false. Pairs with gn_cli_amqp_close(), also then. */
bool gn_cli_amqp_open(struct cli_amqp *conn, const struct cli_amqp_options *options);

/* Stops the loop, in a later turn for all that is under way now. */
void gn_cli_amqp_end(struct cli_amqp *conn);

/* Complains, and ends with exit code 1. */
void gn_cli_amqp_fail(struct cli_amqp *conn, const char *format, ...) GN_PRINTF(2, 3);

/* Complains that there is no connection, and ends with exit code 1. */
void gn_cli_amqp_fail_unconnected(struct cli_amqp *conn);

/* After the loop: closes the connection in order, which may take a second. Links are still to be
 * freed, and then gn_cli_amqp_close() is called. */
void gn_cli_amqp_stop(struct cli_amqp *conn);
void gn_cli_amqp_close(struct cli_amqp *conn);

/* Limits of a CloudEvent in JSON that comes from outside. */
extern const struct gn_json_limits gn_cli_amqp_limits;

#endif
