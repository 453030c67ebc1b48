/* Whether what a log tells had come already. A BMC that could not reach us for some minutes gives
 * its events up (bmcweb after 90 s) and says nothing of it; when we look again all is well. But its
 * log has what never came. Not every log is pushed, so only one is trusted whose entries come as a
 * rule. */
#include "logs_priv.h"

#include "gurnard/base/log.h"

#define TRUST_KNOWN    3U       /* entries that must have come before */
#define TRUST_RATIO    8U       /* of those that had come to those that had not, at least */
#define RESYNC_MOST_MS 1500000U /* what came is remembered for an hour (relay/incidents.h) */

static struct gn_kept_log *log_of(const struct bmc_logs *logs)
{
    return &logs->bmc->kept->logs[logs->log];
}

static bool is_comparing(const struct gn_bmc *bmc)
{
    return bmc->fleet->hooks.knows != NULL && bmc->spec.recover == GN_BMC_RECOVER_OUTAGE &&
           bmc->fleet->config.resync_ms <= RESYNC_MOST_MS;
}

void gn_logs_compare(struct bmc_logs *logs, const json_t *entry, const struct gn_log_mark *mark)
{
    struct gn_bmc *bmc = logs->bmc;
    const struct gn_bmcs_hooks *hooks = &bmc->fleet->hooks;
    const struct gn_kept_log *log = log_of(logs);
    struct gn_buf event = gn_buf_with_limit(LOGS_EVENT_MAX);

    if (!is_comparing(bmc) || logs->is_cleared || !log->has_next || log->next.id[0] == '\0' ||
        gn_log_mark_is_after(&log->next, mark) || logs->known + logs->unknown >= LOGS_LOOKS_MAX)
        return; /* what has come in since the last round may still be pushed */
    gn_logs_write_event(logs, entry, mark, &event);
    if (gn_buf_err(&event) == GN_OK) {
        if (hooks->knows(hooks->ctx, bmc->spec.name, gn_buf_str(&event)))
            logs->known++;
        else
            logs->unknown++;
    }
    gn_buf_free(&event);
}

static void count_in(struct gn_kept_log *log, const struct bmc_logs *logs)
{
    log->known += logs->known;
    log->unknown += logs->unknown;
    while (log->known > GN_KEPT_AGREEMENT_MAX || log->unknown > GN_KEPT_AGREEMENT_MAX) {
        log->known /= 2;
        log->unknown /= 2;
    }
}

bool gn_logs_has_missed(struct bmc_logs *logs)
{
    struct gn_bmc *bmc = logs->bmc;
    struct gn_kept_log *log = log_of(logs);
    bool is_trusted =
        log->known >= TRUST_KNOWN && log->unknown * TRUST_RATIO <= log->known + TRUST_RATIO - 1;
    bool has_missed = is_trusted && logs->unknown > 0;

    count_in(log, logs);
    if (!has_missed)
        return false;
    gn_log_info("bmc.log_has_more bmc=%s log=%s entries=%u", bmc->spec.name, log->uri,
                logs->unknown);
    gn_bmc_note_gap(bmc, "its log has what never came");
    bmc->logs_wanted_again = true;
    return true;
}
