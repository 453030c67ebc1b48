/* One BMC: its life, from the inventory's entry to its leaving. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"

void gn_bmc_count(struct gn_metric *metric)
{
    if (metric != NULL)
        gn_metric_add(metric, 1);
}

void gn_bmc_copy(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);

    memmove(out, text, len);
    out[len] = '\0';
}

/* xorshift64*: the kernel need not be asked for each of a thousand BMCs, and nobody gains by a
 * guess.
 */
double gn_bmc_jitter(struct gn_bmcs *fleet, double around, double part)
{
    uint64_t dice = fleet->dice;
    double random;

    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    fleet->dice = dice;
    random = (double)((dice * UINT64_C(0x2545f4914f6cdd1d)) >> 11) / (double)(UINT64_C(1) << 53);
    return around * (1 + part * (2 * random - 1));
}

/* ---- leaving ---- */

/* In a turn of its own: what is freed then is what calls here. */
static void on_logged_out(void *ctx)
{
    gn_bmc_left(ctx);
}

static void leave_next(struct gn_bmc *bmc);

static void on_deleted(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    const char *uri = bmc->farewell[bmc->leave_step];

    if (gn_bmc_is_done(answer) || answer->status == 404) {
        gn_log_info("bmc.unsubscribed bmc=%s uri=%s", bmc->spec.name, uri);
        gn_bmc_count(bmc->fleet->metrics.removed);
        gn_bmc_tell(bmc, "SubscriptionRemoved", "OK", NULL, NULL);
        if (bmc->kept != NULL) {
            bmc->kept->subscription[bmc->leave_step][0] = '\0';
            gn_memory_changed(bmc->fleet->memory, bmc->kept);
        }
    } else {
        gn_log_warn("bmc.unsubscribe_failed bmc=%s uri=%s reason=\"%s\"", bmc->spec.name, uri,
                    answer->reason);
    }
    bmc->leave_step++;
    leave_next(bmc);
}

static void leave_next(struct gn_bmc *bmc)
{
    struct gn_bmc_request request = {.method = "DELETE"};

    while (bmc->leave_step < BMC_WANTS) {
        request.uri = bmc->farewell[bmc->leave_step];
        if (request.uri[0] != '\0' &&
            gn_bmc_send(bmc->link, &request, on_deleted, bmc, NULL) == GN_OK)
            return;
        bmc->leave_step++;
    }
    gn_bmc_link_logout(bmc->link, on_logged_out, bmc);
}

void gn_bmc_leave(struct gn_bmc *bmc, bool is_forgotten)
{
    bmc->is_leaving = true;
    memcpy(bmc->farewell, bmc->kept->subscription, sizeof bmc->farewell);
    gn_timer_stop(&bmc->next);
    gn_timer_stop(&bmc->silence);
    gn_bmc_round_stop(bmc);
    gn_bmc_logs_stop(bmc);
    gn_bmc_proof_stop(bmc, "the BMC left the inventory");
    gn_bmc_stream_update(bmc);
    gn_bmc_drop_settlings(bmc);
    if (bmc->fleet->fetcher != NULL)
        gn_fetcher_drop(bmc->fleet->fetcher, bmc);
    if (is_forgotten) {
        gn_memory_forget(bmc->fleet->memory, bmc->kept);
        bmc->kept = NULL; /* one of the same name may come before this one has left */
    }
    bmc->leave_step = bmc->spec.keeps_subscription && !is_forgotten ? BMC_WANTS : 0;
    leave_next(bmc);
}

/* ---- life ---- */

static void on_pinned(void *ctx, const uint8_t pin[32])
{
    struct gn_bmc *bmc = ctx;

    gn_log_info("bmc.pinned bmc=%s sha256=%02x%02x%02x%02x...", bmc->spec.name, pin[0], pin[1],
                pin[2], pin[3]);
    if (bmc->kept == NULL)
        return;
    bmc->kept->has_pin = true;
    memcpy(bmc->kept->pin, pin, 32);
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

enum gn_err gn_bmc_connect(struct gn_bmc *bmc)
{
    const struct gn_bmc_spec *spec = &bmc->spec;
    struct gn_bmc_link_config config = {.name = spec->name,
                                        .base = spec->address.base,
                                        .auth = spec->auth,
                                        .tls = spec->tls,
                                        .ca_file = spec->ca_file};

    if (spec->tls == GN_BMC_TLS_PIN)
        config.pin = spec->pin;
    else if (spec->tls == GN_BMC_TLS_TOFU && bmc->kept->has_pin)
        config.pin = bmc->kept->pin;
    gn_bmc_link_free(bmc->link);
    bmc->link = gn_bmc_link_new(bmc->fleet->client, &config, on_pinned, bmc);
    return bmc->link == NULL ? GN_ENOMEM : GN_OK;
}

static struct gn_str name_of(const struct gn_bmc *bmc)
{
    return gn_str_of(bmc->spec.name);
}

struct gn_bmc *gn_bmc_new(struct gn_bmcs *fleet, const struct gn_bmc_spec *spec)
{
    struct gn_bmc *bmc = calloc(1, sizeof *bmc);
    struct gn_str name;

    if (bmc == NULL)
        return NULL;
    bmc->fleet = fleet;
    bmc->state = GN_BMC_STATES; /* none: nothing is counted yet */
    gn_bmc_signs_init(bmc);
    gn_bmc_proof_init(bmc);
    gn_bmc_stream_init(bmc);
    if (gn_bmc_spec_copy(spec, &bmc->spec) != GN_OK) {
        gn_bmc_free(bmc);
        return NULL;
    }
    name = name_of(bmc);
    gn_memory_sign(fleet->memory, "token", &name, 1, bmc->token);
    bmc->kept = gn_memory_of(fleet->memory, name);
    if (bmc->kept == NULL || gn_bmc_connect(bmc) != GN_OK) {
        gn_bmc_free(bmc);
        return NULL;
    }
    bmc->state = GN_BMC_NEW;
    bmc->state_since_ns = gn_clock_real_ns();
    gn_bmc_move_gauge(bmc, GN_BMC_STATES, GN_BMC_NEW);
    return bmc;
}

void gn_bmc_free(struct gn_bmc *bmc)
{
    if (bmc == NULL)
        return;
    if (bmc->fleet->fetcher != NULL)
        gn_fetcher_drop(bmc->fleet->fetcher, bmc);
    gn_bmc_round_stop(bmc);
    gn_bmc_logs_stop(bmc);
    gn_bmc_proof_fini(bmc);
    gn_bmc_stream_fini(bmc);
    gn_bmc_signs_fini(bmc);
    gn_bmc_link_free(bmc->link);
    if (bmc->state < GN_BMC_STATES)
        gn_bmc_move_gauge(bmc, bmc->state, GN_BMC_STATES);
    gn_bmc_facts_free(&bmc->facts);
    gn_bmc_free_headers(bmc);
    free(bmc->problem);
    gn_bmc_spec_free(&bmc->spec);
    free(bmc);
}
