/* The state of a BMC as operators see it: worked out from what is known, told when it changes. */
#include "bmcs_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"

void gn_bmc_tell(struct gn_bmc *bmc, const char *key, const char *severity, const char *arg1,
                 const char *arg2)
{
    const struct gn_bmcs_news news = {.bmc = bmc->spec.name,
                                      .key = key,
                                      .args = {bmc->spec.name, arg1, arg1 != NULL ? arg2 : NULL},
                                      .severity = severity};

    if (bmc->fleet->hooks.tell != NULL)
        bmc->fleet->hooks.tell(bmc->fleet->hooks.ctx, &news);
}

#define BIT(state) (1U << (state))
#define ACCESS_TROUBLES                                                                            \
    (BIT(GN_BMC_UNREACHABLE) | BIT(GN_BMC_AUTH) | BIT(GN_BMC_CERTIFICATE) | BIT(GN_BMC_HOSTILE))
#define SUBSCRIPTION_TROUBLES (BIT(GN_BMC_DEGRADED) | BIT(GN_BMC_REFUSED))

static void note_troubles(struct gn_bmc *bmc, unsigned troubles)
{
    if (bmc->kept->troubles == troubles)
        return;
    bmc->kept->troubles = troubles;
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

/* Tells the end of what was told before, also before a restart of ours, of those in ended. */
static void tell_ends(struct gn_bmc *bmc, unsigned ended)
{
    const unsigned troubles = bmc->kept->troubles & ended;

    if ((troubles & (BIT(GN_BMC_UNREACHABLE) | BIT(GN_BMC_HOSTILE))) != 0)
        gn_bmc_tell(bmc, "BmcReachable", "OK", NULL, NULL);
    if ((troubles & BIT(GN_BMC_CERTIFICATE)) != 0)
        gn_bmc_tell(bmc, "BmcCertificateAccepted", "OK", NULL, NULL);
    if ((troubles & BIT(GN_BMC_AUTH)) != 0)
        gn_bmc_tell(bmc, "BmcLoginAccepted", "OK", NULL, NULL);
    if ((troubles & SUBSCRIPTION_TROUBLES) != 0)
        gn_bmc_tell(bmc, "SubscriptionRepaired", "OK", gn_bmc_state_name(bmc->state), NULL);
    note_troubles(bmc, bmc->kept->troubles & ~ended);
}

static void tell_trouble(struct gn_bmc *bmc, const char *key, const char *severity)
{
    note_troubles(bmc, bmc->kept->troubles | BIT(bmc->state));
    gn_bmc_tell(bmc, key, severity, bmc->state == GN_BMC_AUTH ? NULL : bmc->reason, NULL);
}

/* The event that says so. */
static void tell_state(struct gn_bmc *bmc)
{
    switch (bmc->state) {
    case GN_BMC_WATCHED:
    case GN_BMC_SUBSCRIBED:
    case GN_BMC_PROVEN:
        tell_ends(bmc, ACCESS_TROUBLES | SUBSCRIPTION_TROUBLES);
        break;
    case GN_BMC_DEGRADED:
        tell_ends(bmc, ACCESS_TROUBLES);
        tell_trouble(bmc, "SubscriptionDegraded", "Warning");
        break;
    case GN_BMC_REFUSED:
        tell_ends(bmc, ACCESS_TROUBLES);
        tell_trouble(bmc, "SubscriptionRefused", "Critical");
        break;
    case GN_BMC_UNREACHABLE:
        tell_trouble(bmc, "BmcUnreachable", "Critical");
        break;
    case GN_BMC_AUTH:
        tell_trouble(bmc, "BmcLoginRefused", "Critical");
        break;
    case GN_BMC_CERTIFICATE:
        tell_trouble(bmc, "BmcCertificateRefused", "Critical");
        break;
    case GN_BMC_HOSTILE:
        tell_trouble(bmc, "BmcUnusable", "Critical");
        break;
    case GN_BMC_NEW:
    case GN_BMC_STATES:
        break;
    }
}

void gn_bmc_move_gauge(struct gn_bmc *bmc, enum gn_bmc_state from, enum gn_bmc_state to)
{
    struct gn_metric *const *gauges = bmc->fleet->metrics.bmcs;

    if (from < GN_BMC_STATES && gauges[from] != NULL)
        gn_metric_add(gauges[from], -1);
    if (to < GN_BMC_STATES && gauges[to] != NULL)
        gn_metric_add(gauges[to], 1);
}

void gn_bmc_set_state(struct gn_bmc *bmc, enum gn_bmc_state state, const char *format, ...)
{
    enum gn_bmc_state before = bmc->state;
    char reason[BMC_REASON_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (state == before && strcmp(reason, bmc->reason) == 0)
        return;
    memcpy(bmc->reason, reason, sizeof reason);
    if (state == before)
        return; /* another word for the same */
    bmc->state = state;
    bmc->state_since_ns = gn_clock_real_ns();
    gn_bmc_move_gauge(bmc, before, state);
    if (gn_bmc_state_is_good(state))
        gn_log_info("bmc.state bmc=%s state=%s before=%s", bmc->spec.name, gn_bmc_state_name(state),
                    gn_bmc_state_name(before));
    else
        gn_log_warn("bmc.state bmc=%s state=%s before=%s reason=\"%s\"", bmc->spec.name,
                    gn_bmc_state_name(state), gn_bmc_state_name(before), reason);
    if (!bmc->is_leaving)
        tell_state(bmc);
}

/* Why the subscription that is there may be of no use; "" if it is. */
static const char *push_problem(const struct gn_bmc *bmc)
{
    if (bmc->service.is_disabled)
        return "the EventService is disabled";
    if (bmc->current[0].uri[0] != '\0' && bmc->current[0].is_suspended)
        return "the BMC has suspended the subscription";
    if (bmc->push_fails)
        return bmc->proof.reason[0] != '\0' ? bmc->proof.reason : "no test event came";
    if (bmc->service.condition[0] != '\0' && !bmc->proof.is_proven)
        return bmc->service.condition;
    return "";
}

/* What is missing, for a state that is well. Few BMCs let the retry policy be chosen, and nobody
 * can do anything about it: gn_bmcs_show() has it all the same. */
static const char *worth_telling(const struct gn_bmc *bmc)
{
    return strcmp(bmc->missing, MISSING_WORDS "DeliveryRetryPolicy") == 0 ? "" : bmc->missing;
}

bool gn_bmc_is_delivering(const struct gn_bmc *bmc)
{
    if (bmc->spec.way == GN_BMC_WAY_NONE || gn_bmc_stream_is_open(bmc))
        return true;
    return bmc->spec.way != GN_BMC_WAY_SSE && bmc->current[0].uri[0] != '\0' &&
           push_problem(bmc)[0] == '\0';
}

void gn_bmc_settle_state(struct gn_bmc *bmc)
{
    bool is_streaming = gn_bmc_stream_is_open(bmc);
    const char *problem = push_problem(bmc);

    if (!bmc->is_looked_at || bmc->failures > 0)
        return; /* what the last round said stands until the next one */
    if (bmc->spec.way == GN_BMC_WAY_SSE && bmc->stream.state == BMC_STREAM_OPENING &&
        bmc->stream.opened_count == 0 && bmc->stream.failures == 0)
        return; /* at the start: no trouble yet */
    if (bmc->spec.way == GN_BMC_WAY_NONE)
        gn_bmc_set_state(bmc, GN_BMC_WATCHED, "%s", "");
    else if (is_streaming && bmc->spec.way == GN_BMC_WAY_SSE)
        gn_bmc_set_state(bmc, GN_BMC_PROVEN, "%s", "");
    else if (is_streaming)
        gn_bmc_set_state(bmc, GN_BMC_PROVEN, "by SSE: %s",
                         bmc->refusal[0] != '\0' ? bmc->refusal : problem);
    else if (bmc->spec.way == GN_BMC_WAY_SSE)
        gn_bmc_set_state(bmc, GN_BMC_DEGRADED, "%s",
                         bmc->service.sse[0] != '\0' ? "the event stream is not open"
                                                     : "the BMC has no event stream");
    else if (bmc->refusal[0] != '\0')
        gn_bmc_set_state(bmc, GN_BMC_REFUSED, "%s", bmc->refusal);
    else if (problem[0] != '\0')
        gn_bmc_set_state(bmc, GN_BMC_DEGRADED, "%s", problem);
    else if (bmc->current[0].uri[0] == '\0')
        gn_bmc_set_state(bmc, GN_BMC_DEGRADED, "%s", "there is no subscription");
    else if (bmc->heartbeat_lost)
        gn_bmc_set_state(bmc, GN_BMC_DEGRADED, "%s", "heartbeats stay away");
    else
        gn_bmc_set_state(bmc, bmc->proof.is_proven ? GN_BMC_PROVEN : GN_BMC_SUBSCRIBED, "%s",
                         worth_telling(bmc));
}
