/* Reads a BMC's logs: after an outage for the events in them, else only to know how far they go.
 * What is found is handed on in the order of its writing; the marks move when it is on disk. */
#include "logs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"

#define AGAIN_MS      2000U
#define FIND_AGAIN_NS 86400000000000LL /* new logs are looked for once a day, */
#define LOST_AGAIN_NS 3600000000000LL  /* or when one has gone, but not more often than so */

static void hand_on(void *ctx);

/* ---- the end ---- */

void gn_bmc_logs_stop(struct gn_bmc *bmc)
{
    struct bmc_logs *logs = bmc->logs;

    if (logs == NULL)
        return;
    if (logs->call != NULL)
        gn_bmc_cancel(logs->call);
    gn_timer_fini(&logs->again);
    gn_logs_find_free(logs);
    for (size_t i = 0; i < logs->found_count; i++)
        free(logs->found[i].event);
    free(logs->found);
    free(logs);
    bmc->logs = NULL;
}

static void end_reading(struct gn_bmc *bmc)
{
    bool is_wanted_again = bmc->logs_wanted_again;

    gn_bmc_logs_stop(bmc);
    bmc->logs_wanted_again = false;
    if (is_wanted_again)
        gn_bmc_logs_start(bmc);
}

static void tell_recovered(struct gn_bmc *bmc, uint64_t taken, uint64_t dropped)
{
    char number[24];

    (void)snprintf(number, sizeof number, "%ju", (uintmax_t)taken);
    if (taken > 0) {
        gn_log_info("bmc.recovered bmc=%s events=%ju", bmc->spec.name, (uintmax_t)taken);
        gn_bmc_tell(bmc, "EventsRecovered", "OK", number, NULL);
    }
    if (dropped > 0) {
        (void)snprintf(number, sizeof number, "%ju", (uintmax_t)dropped);
        gn_log_warn("bmc.missed bmc=%s events=%ju", bmc->spec.name, (uintmax_t)dropped);
        gn_bmc_tell(bmc, "EventsMissed", "Warning", "its logs hold more than is read at once",
                    NULL);
    }
    bmc->recovered += taken;
    if (bmc->fleet->metrics.recovered != NULL)
        gn_metric_add(bmc->fleet->metrics.recovered, (double)taken);
}

/* All that was handed on is on disk, or not. */
static void on_settled(struct gn_bmc *bmc, bool is_durable)
{
    struct bmc_logs *logs = bmc->logs;

    bmc->log_settlings--;
    if (logs == NULL || !logs->is_settling || bmc->log_settlings > 0)
        return; /* of a reading that was given up */
    if (is_durable) {
        for (size_t i = 0; i < bmc->kept->log_count; i++)
            gn_logs_move_mark(&bmc->kept->logs[i]); /* of those that were read */
        /* as long as nothing else brings events the logs do, round after round */
        if (!logs->has_failed && logs->gap_number == bmc->gap_number && gn_bmc_is_delivering(bmc))
            bmc->kept->has_gap = false;
        gn_memory_changed(bmc->fleet->memory, bmc->kept);
        tell_recovered(bmc, logs->taken, logs->dropped);
    }
    if (!is_durable || logs->has_failed)
        gn_log_warn("bmc.recovery_failed bmc=%s", bmc->spec.name); /* again in the next round */
    end_reading(bmc);
}

/* ---- handing on ---- */

static int64_t time_of(const struct gn_log_mark *mark)
{
    return mark->updated_ns != INT64_MIN ? mark->updated_ns : mark->created_ns;
}

static int by_time(const void *a, const void *b)
{
    const struct logs_found *left = a;
    const struct logs_found *right = b;

    if (time_of(&left->mark) != time_of(&right->mark))
        return time_of(&left->mark) < time_of(&right->mark) ? -1 : 1;
    if (gn_log_mark_is_after(&left->mark, &right->mark))
        return -1;
    return gn_log_mark_is_after(&right->mark, &left->mark) ? 1 : 0;
}

static void hand_on(void *ctx)
{
    struct bmc_logs *logs = ctx;
    struct gn_bmc *bmc = logs->bmc;
    const struct gn_bmcs_hooks *hooks = &bmc->fleet->hooks;

    for (; logs->next_found < logs->found_count; logs->next_found++) {
        const struct logs_found *found = &logs->found[logs->next_found];
        enum gn_bmcs_taken taken = hooks->take(hooks->ctx, bmc->spec.name, GN_BMCS_LOG,
                                               (struct gn_str){found->event, found->len});

        if (taken == GN_BMCS_LATER) {
            gn_timer_start(&logs->again, AGAIN_MS);
            return;
        }
        logs->taken += taken == GN_BMCS_TAKEN;
    }
    logs->is_settling = gn_bmc_settle(bmc, on_settled);
    bmc->log_settlings += logs->is_settling;
    if (!logs->is_settling)
        end_reading(bmc);
}

static void finish(struct bmc_logs *logs)
{
    struct gn_bmc *bmc = logs->bmc;
    int64_t now_ns = gn_clock_real_ns();

    if (logs->lost_log && now_ns - bmc->kept->discovered_ns > LOST_AGAIN_NS)
        bmc->kept->discovered_ns = 0; /* it may have moved: looked for anew next time */
    if (logs->emits) {
        if (logs->found_count > 0)
            qsort(logs->found, logs->found_count, sizeof *logs->found, by_time);
        hand_on(logs);
        return;
    }
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
    end_reading(bmc);
}

/* ---- steps ---- */

bool gn_logs_is_over(struct bmc_logs *logs, const struct gn_bmc_answer *answer)
{
    if (answer->end == GN_BMC_END_ANSWER || answer->end == GN_BMC_END_HOSTILE)
        return false;
    gn_log_info("bmc.logs_unread bmc=%s reason=\"%s\"", logs->bmc->spec.name, answer->reason);
    end_reading(logs->bmc); /* the round will find the same and say so */
    return true;
}

void gn_logs_get(struct bmc_logs *logs, const char *uri, gn_bmc_answer_fn fn)
{
    const struct gn_bmc_request request = {.method = "GET", .uri = uri};

    if (gn_bmc_send(logs->bmc->link, &request, fn, logs, &logs->call) == GN_OK)
        return;
    logs->call = NULL;
    end_reading(logs->bmc);
}

void gn_logs_next(struct bmc_logs *logs)
{
    struct gn_bmc *bmc = logs->bmc;

    if (logs->next_visit < logs->visit_count) {
        gn_logs_find_next(logs);
        return;
    }
    if (logs->visit_count > 0) {
        gn_logs_find_free(logs);
        if (!logs->has_failed)
            bmc->kept->discovered_ns = gn_clock_real_ns();
    }
    if (logs->log < bmc->kept->log_count)
        gn_logs_read(logs);
    else
        finish(logs);
}

static bool must_find(const struct gn_bmc *bmc)
{
    return bmc->kept->discovered_ns == 0 ||
           gn_clock_real_ns() - bmc->kept->discovered_ns > FIND_AGAIN_NS;
}

void gn_bmc_logs_start(struct gn_bmc *bmc)
{
    struct bmc_logs *logs;

    if (bmc->spec.recover == GN_BMC_RECOVER_NO || bmc->is_leaving || !bmc->facts.is_known)
        return;
    if (bmc->logs != NULL) {
        bmc->logs_wanted_again = true;
        return;
    }
    logs = calloc(1, sizeof *logs);
    if (logs == NULL)
        return; /* in the next round */
    logs->bmc = bmc;
    logs->emits = bmc->kept->has_gap || bmc->spec.recover == GN_BMC_RECOVER_ALWAYS;
    logs->gap_number = bmc->gap_number;
    gn_timer_init(&logs->again, bmc->fleet->loop, hand_on, logs);
    bmc->logs = logs;
    if (must_find(bmc) && gn_logs_find_begin(logs) != GN_OK) {
        end_reading(bmc);
        return;
    }
    gn_logs_next(logs);
}
