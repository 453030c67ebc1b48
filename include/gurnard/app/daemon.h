/* gurnardd from its settings to its end: builds the parts, connects them, runs the loop. */
#ifndef GURNARD_APP_DAEMON_H
#define GURNARD_APP_DAEMON_H

#include "gurnard/app/settings.h"

/* How long the webhook waits for the first load of registries before it serves without them. Until
 * then BMCs wait in the listening queue: an event of the first moments gets its text too. */
#define GN_DAEMON_REGISTRY_WAIT_MS 2000

/* Descriptors kept for files and the loop when connection limits are worked out. */
#define GN_DAEMON_FD_RESERVE 64

/* Runs until SIGTERM, SIGINT or SIGQUIT has been obeyed. SIGHUP reads registries and tokens again.
 * settings: borrowed. Returns the exit code: 0, or 1 when something needed at start was not to be
 * had (one line in the log says what). */
int gn_daemon_run(const struct gn_settings *settings);

#endif
