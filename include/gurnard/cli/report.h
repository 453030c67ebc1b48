/* Texts for people from the answers of the admin API (docs/api.md, "Admin API"): `gurnard status`,
 * `bmc`, `alarms`, `replay`, `deadletter` and `quarantine` print them. Pure. A member that is
 * missing or of another type is shown as "-"; nothing that a terminal would act on gets through.
 * Everything appends to out. now_ns: the time that ages are counted from. */
#ifndef GURNARD_CLI_REPORT_H
#define GURNARD_CLI_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

#define GN_REPORT_COLUMNS 100 /* what gn_report_status() fits into, unless it is wide */

/* The state of the daemon: some lines, then a table of the subscriptions in the order given. wide:
 * ids and errors whole, and for each subscription a second line with its resource and endpoint. */
void gn_report_status(const json_t *status, int64_t now_ns, bool wide, struct gn_buf *out);

#define GN_REPORT_BMC_COLUMNS 120 /* what the next two fit into where names leave the room */

/* The BMCs, one a line, in the order given, and a line that counts them by state. wide: nothing is
 * cut. */
void gn_report_bmcs(const json_t *list, int64_t now_ns, bool wide, struct gn_buf *out);

/* The alarms likewise; wide: with whole ids and origins. */
void gn_report_alarms(const json_t *list, int64_t now_ns, bool wide, struct gn_buf *out);

/* All that is known of one BMC; what is not known is left out. */
void gn_report_bmc(const json_t *bmc, int64_t now_ns, struct gn_buf *out);

/* What was agreed on for a replay. */
void gn_report_replay(const json_t *answer, struct gn_buf *out);

/* A list of dead letters; one of them with its event. */
void gn_report_deadletters(const json_t *list, int64_t now_ns, struct gn_buf *out);
void gn_report_deadletter(const json_t *letter, int64_t now_ns, struct gn_buf *out);

/* A list of quarantined bodies; what is known of one of them, without the body. */
void gn_report_quarantine(const json_t *list, int64_t now_ns, struct gn_buf *out);
void gn_report_quarantined(const json_t *item, int64_t now_ns, struct gn_buf *out);

/* A body as it is, ended by a line end, if it is text: UTF-8 without control characters but for
 * tabs and line ends. Otherwise a hex dump. */
void gn_report_body(struct gn_str body, struct gn_buf *out);

#endif
