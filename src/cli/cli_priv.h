/* What the verbs of the gurnard command share. */
#ifndef GURNARD_CLI_CLI_PRIV_H
#define GURNARD_CLI_CLI_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/net/http_client.h"

#define CLI_EXIT_FAILED 1
#define CLI_EXIT_USAGE  2

#define CLI_SUBSCRIPTIONS "/api/ocloudNotifications/v1/subscriptions"
#define CLI_PUBLISHERS    "/api/ocloudNotifications/v1/publishers"

/* gurnard sim bmc; argv[0] is "bmc". */
int gn_cli_sim_bmc(int argc, char **argv);

/* Prints "gurnard <verb>: <text>" to stderr. */
void gn_cli_complain(const char *verb, const char *format, ...) GN_PRINTF(2, 3);

/* The number that text is, from low to high; otherwise complains about option and returns false. */
bool gn_cli_number(const char *verb, const char *option, const char *text, uint64_t low,
                   uint64_t high, uint64_t *value);

/* The positive decimal number ("0.5", "200") that text is, up to high; complains otherwise. */
bool gn_cli_rate(const char *verb, const char *option, const char *text, double high,
                 double *value);

/* Appends base, without the slash at its end, and path, and checks that it makes a web URL;
 * complains otherwise. */
bool gn_cli_url(const char *verb, const char *base, const char *path, struct gn_buf *url);

/* Bytes of the character that s begins with if a terminal would act on it instead of showing it
 * (C0, DEL, and C1 in its UTF-8 form), else 0. */
size_t gn_cli_control_len(struct gn_str s);

/* Appends text with such characters escaped ("\x1b"). */
void gn_cli_add_visible(struct gn_buf *out, struct gn_str text);

/* In one line why a call got no 2xx: its reason, or the status with the API's {"error":...}.
 * Appends. */
void gn_cli_explain(const struct gn_http_result *result, struct gn_buf *why);

/* Whether result is an answer of 2xx. */
bool gn_cli_is_success(const struct gn_http_result *result);

/* Prints out to stdout and flushes it; false when stdout takes no more. Empties out. */
bool gn_cli_print(struct gn_buf *out);

#endif
