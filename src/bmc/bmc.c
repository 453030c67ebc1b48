/* One BMC: what is wanted of it, its state, and when it is looked at. */
#include "bmcs_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"

#define BACKOFF_MIN_MS     5000U /* after a round without an answer; doubles up to the resync */
#define HEARTBEAT_BODY_MAX ((size_t)8 << 10) /* a heartbeat is short */
#define RESYNC_PART        0.1 /* by which resyncs stray, so that a fleet does not march in step */

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

double gn_bmc_jitter(double around, double part)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        return around; /* early at boot: in step with the others for once */
    return around * (1 + part * (2 * ((double)random / UINT32_MAX) - 1));
}

/* ---- state ---- */

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

static void move_gauge(struct gn_bmc *bmc, enum gn_bmc_state from, enum gn_bmc_state to)
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
    move_gauge(bmc, before, state);
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

/* ---- signs of life and of trouble ---- */

static uint64_t silence_limit_ms(const struct gn_bmc *bmc)
{
    const struct gn_bmc_spec *spec = &bmc->spec;

    if (spec->heartbeat_minutes > 0 && bmc->heartbeat_ns != 0)
        return (uint64_t)spec->heartbeat_minutes * 60000 * 5 / 2;
    return bmc->fleet->config.silence_ms;
}

void gn_bmc_heard(struct gn_bmc *bmc)
{
    uint64_t limit_ms = silence_limit_ms(bmc);

    bmc->heard_ms = gn_loop_now_ms(bmc->fleet->loop);
    bmc->heard_ns = gn_clock_real_ns();
    if (limit_ms > 0)
        gn_timer_start(&bmc->silence, limit_ms);
    if (!bmc->heartbeat_lost)
        return;
    bmc->heartbeat_lost = false;
    gn_bmc_tell(bmc, "HeartbeatRestored", "OK", NULL, NULL);
    if (bmc->state == GN_BMC_DEGRADED)
        gn_bmc_settle_state(bmc);
}

static void on_silence(void *ctx)
{
    struct gn_bmc *bmc = ctx;
    char seconds[24];

    if (bmc->spec.heartbeat_minutes > 0 && bmc->heartbeat_ns != 0) {
        (void)snprintf(seconds, sizeof seconds, "%llu",
                       (unsigned long long)(gn_loop_now_ms(bmc->fleet->loop) - bmc->heard_ms) /
                           1000);
        if (!bmc->heartbeat_lost)
            gn_bmc_tell(bmc, "HeartbeatLost", "Warning", seconds, NULL);
        bmc->heartbeat_lost = true;
        gn_bmc_note_gap(bmc, "heartbeats stay away");
    }
    if (silence_limit_ms(bmc) == 0)
        return; /* it was asked for when the timer was set */
    gn_bmc_sign(bmc, "silence");
    gn_timer_start(&bmc->silence, silence_limit_ms(bmc));
}

void gn_bmc_note_gap(struct gn_bmc *bmc, const char *why)
{
    bmc->gap_number++;
    if (bmc->kept->has_gap)
        return;
    gn_log_info("bmc.gap bmc=%s reason=\"%s\"", bmc->spec.name, why);
    gn_bmc_count(bmc->fleet->metrics.gaps);
    bmc->kept->has_gap = true;
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

/* Milliseconds from now until a round may begin that a sign asks for. */
static uint64_t sign_delay_ms(const struct gn_bmc *bmc)
{
    uint64_t delay_ms = (uint64_t)gn_bmc_jitter(GN_BMCS_SIGN_MS / 2.0, 0.9);
    uint64_t now_ms = gn_loop_now_ms(bmc->fleet->loop);
    uint64_t allowed_ms = bmc->round_ended_ms == 0 ? 0 : bmc->round_ended_ms + GN_BMCS_SIGN_GAP_MS;

    return now_ms + delay_ms < allowed_ms ? allowed_ms - now_ms : delay_ms;
}

static void plan_round(struct gn_bmc *bmc, uint64_t delay_ms, const char *sign)
{
    uint64_t at_us = gn_loop_now_us(bmc->fleet->loop) + delay_ms * 1000;

    if (gn_timer_is_running(&bmc->next) && bmc->next.at_us <= at_us)
        return;
    bmc->next_sign = sign;
    gn_timer_start(&bmc->next, delay_ms);
}

void gn_bmc_sign(struct gn_bmc *bmc, const char *sign)
{
    if (bmc->is_leaving || bmc->fleet->is_stopping)
        return;
    gn_log_debug("bmc.sign bmc=%s sign=\"%s\"", bmc->spec.name, sign);
    if (bmc->round.is_running)
        bmc->round.is_wanted_again = true;
    else
        plan_round(bmc, sign_delay_ms(bmc), sign);
}

static void on_next(void *ctx)
{
    struct gn_bmc *bmc = ctx;

    gn_bmc_round_start(bmc, bmc->next_sign);
}

/* When the next look is due: after one that got no answer soon, but ever later. */
static uint64_t next_delay_ms(struct gn_bmc *bmc)
{
    uint64_t delay_ms = bmc->fleet->config.resync_ms;
    uint64_t locked_ms = gn_bmc_link_locked_ms(bmc->link);
    unsigned doublings = bmc->failures < 16 ? bmc->failures : 16;
    uint64_t backoff_ms = doublings == 0 ? 0 : (uint64_t)BACKOFF_MIN_MS << (doublings - 1);

    if (doublings > 0 && backoff_ms < delay_ms)
        delay_ms = backoff_ms;
    if (locked_ms > 0)
        return locked_ms + 1;
    return (uint64_t)gn_bmc_jitter((double)delay_ms, RESYNC_PART);
}

void gn_bmc_rest(struct gn_bmc *bmc)
{
    bmc->round_ended_ms = gn_loop_now_ms(bmc->fleet->loop);
    if (bmc->is_leaving || bmc->fleet->is_stopping)
        return;
    gn_timer_stop(&bmc->next);
    plan_round(bmc, next_delay_ms(bmc), "resync");
    if (!bmc->round.is_wanted_again)
        return;
    bmc->round.is_wanted_again = false;
    gn_bmc_sign(bmc, "again");
}

/* ---- heartbeats ---- */

bool gn_bmc_heartbeat_take(struct gn_bmc *bmc, struct gn_str body)
{
    static const char word[] = "RedfishServiceFunctional";

    if (bmc->spec.heartbeat_minutes == 0 || body.len > HEARTBEAT_BODY_MAX ||
        memmem(body.p, body.len, word, sizeof word - 1) == NULL)
        return false;
    bmc->heartbeat_ns = gn_clock_real_ns();
    bmc->heartbeats++;
    gn_bmc_count(bmc->fleet->metrics.heartbeats);
    gn_bmc_heard(bmc); /* again: now its limit is known */
    return true;
}

/* ---- waiting for the disk ---- */

struct bmc_settling {
    struct gn_bmc *bmc; /* NULL: it has gone */
    bmc_settled_fn fn;
    TAILQ_ENTRY(bmc_settling) link;
};

static void on_settled(void *ctx, bool is_durable)
{
    struct bmc_settling *settling = ctx;
    struct gn_bmc *bmc = settling->bmc;
    bmc_settled_fn fn = settling->fn;

    if (bmc != NULL)
        TAILQ_REMOVE(&bmc->settlings, settling, link);
    free(settling);
    if (bmc != NULL)
        fn(bmc, is_durable);
}

bool gn_bmc_settle(struct gn_bmc *bmc, bmc_settled_fn fn)
{
    struct bmc_settling *settling = malloc(sizeof *settling);

    if (settling == NULL)
        return false;
    *settling = (struct bmc_settling){.bmc = bmc, .fn = fn};
    TAILQ_INSERT_TAIL(&bmc->settlings, settling, link);
    if (bmc->fleet->hooks.settle(bmc->fleet->hooks.ctx, on_settled, settling))
        return true;
    TAILQ_REMOVE(&bmc->settlings, settling, link);
    free(settling);
    return false;
}

static void drop_settlings(struct gn_bmc *bmc)
{
    struct bmc_settling *settling;

    while ((settling = TAILQ_FIRST(&bmc->settlings)) != NULL) {
        TAILQ_REMOVE(&bmc->settlings, settling, link);
        settling->bmc = NULL;
    }
}

/* ---- secrets ---- */

static void free_headers(struct gn_bmc *bmc)
{
    for (size_t i = 0; i < bmc->header_count; i++) {
        free(bmc->header_names[i]);
        gn_secret_free(&bmc->header_values[i]);
    }
    free(bmc->header_names);
    free(bmc->header_values);
    bmc->header_names = NULL;
    bmc->header_values = NULL;
    bmc->header_count = 0;
}

static enum gn_err set_headers(struct gn_bmc *bmc, const struct gn_bmcs_secret *secret)
{
    struct gn_str parts[2 * GN_DESTINATION_HEADERS_MAX];
    size_t count = secret->header_count < GN_DESTINATION_HEADERS_MAX ? secret->header_count
                                                                     : GN_DESTINATION_HEADERS_MAX;

    free_headers(bmc);
    for (size_t i = 0; i < count; i++) {
        parts[2 * i] = gn_str_of(secret->header_names[i]);
        parts[2 * i + 1] = gn_str_of(secret->header_values[i]);
    }
    gn_memory_sign(bmc->fleet->memory, "headers", parts, 2 * count, bmc->header_sign);
    if (count == 0)
        return GN_OK;
    bmc->header_names = calloc(count, sizeof *bmc->header_names);
    bmc->header_values = calloc(count, sizeof *bmc->header_values);
    for (size_t i = 0; i < count && bmc->header_names != NULL && bmc->header_values != NULL; i++) {
        bmc->header_count = i + 1;
        bmc->header_names[i] = gn_str_dup(parts[2 * i]);
        if (bmc->header_names[i] == NULL ||
            !gn_secret_set(&bmc->header_values[i], parts[2 * i + 1]))
            break;
        if (i + 1 == count)
            return GN_OK;
    }
    free_headers(bmc);
    return GN_ENOMEM;
}

enum gn_err gn_bmc_set_secret(struct gn_bmc *bmc, const struct gn_bmcs_secret *secret)
{
    char before[sizeof bmc->header_sign];
    enum gn_err err;

    memcpy(before, bmc->header_sign, sizeof before);
    free(bmc->problem);
    bmc->problem = NULL;
    if (secret->problem != NULL) {
        bmc->problem = gn_str_dup(gn_str_of(secret->problem));
        if (bmc->problem == NULL)
            return GN_ENOMEM;
    }
    err = set_headers(bmc, secret);
    if (err == GN_OK && bmc->problem == NULL)
        err = gn_bmc_link_credentials(bmc->link, secret->user, secret->password);
    if (err == GN_OK && strcmp(before, bmc->header_sign) != 0)
        gn_bmc_sign(bmc, "headers changed");
    return err;
}

/* ---- what is wanted ---- */

unsigned gn_bmc_want_count(const struct gn_bmc *bmc)
{
    if (bmc->spec.way == GN_BMC_WAY_NONE || bmc->spec.way == GN_BMC_WAY_SSE)
        return 0;
    return bmc->spec.metric_reports && bmc->service.has_metric_reports ? 2 : 1;
}

static struct gn_destination_filter filter_of(const struct gn_bmc_texts *texts)
{
    return (struct gn_destination_filter){(const char *const *)texts->items, texts->count};
}

void gn_bmc_want(const struct gn_bmc *bmc, unsigned index, struct gn_destination_want *want,
                 const char **names, const char **values)
{
    const struct gn_bmc_spec *spec = &bmc->spec;

    for (size_t i = 0; i < bmc->header_count; i++) {
        names[i] = bmc->header_names[i];
        values[i] = gn_secret_str(&bmc->header_values[i]).p;
        if (values[i] == NULL)
            values[i] = "";
    }
    *want = (struct gn_destination_want){.url = bmc->url[index],
                                         .context = bmc->context[index],
                                         .header_names = names,
                                         .header_values = values,
                                         .header_count = bmc->header_count,
                                         .policy = spec->policy,
                                         .verify_certificate = spec->verify_certificate,
                                         .metric_reports = index == 1};
    if (index == 1)
        return; /* filters and heartbeats are for events */
    want->prefixes = filter_of(&spec->registries);
    want->message_ids = filter_of(&spec->messages);
    want->severities = filter_of(&spec->severities);
    want->resource_types = filter_of(&spec->resource_types);
    want->heartbeat_minutes = spec->heartbeat_minutes;
}

/* A text that changes with everything that is asked for. */
static void sign_want(const struct gn_bmc *bmc, unsigned index, char out[33])
{
    const struct gn_bmc_spec *spec = &bmc->spec;
    const struct gn_bmc_texts *lists[] = {&spec->registries, &spec->messages, &spec->severities,
                                          &spec->resource_types};
    struct gn_str parts[4 + GN_LEN(lists) * (GN_DESTINATION_FILTERS_MAX + 1)];
    char numbers[64];
    size_t count = 0;

    (void)snprintf(numbers, sizeof numbers, "%d %u %d", (int)spec->policy, spec->heartbeat_minutes,
                   spec->verify_certificate);
    parts[count++] = gn_str_of(bmc->url[index]);
    parts[count++] = gn_str_of(numbers);
    parts[count++] = gn_str_of(bmc->header_sign);
    for (size_t i = 0; i < GN_LEN(lists) && index == 0; i++) {
        for (size_t k = 0; k < lists[i]->count && k < GN_DESTINATION_FILTERS_MAX; k++)
            parts[count++] = gn_str_of(lists[i]->items[k]);
        parts[count++] = GN_STR("|");
    }
    gn_memory_sign(bmc->fleet->memory, "want", parts, count, out);
}

/* The base of Destinations for this BMC. false: not known yet. */
static bool base_url(const struct gn_bmc *bmc, char *out, size_t size)
{
    const char *given = bmc->spec.webhook_url != NULL && bmc->spec.webhook_url[0] != '\0'
                            ? bmc->spec.webhook_url
                            : bmc->fleet->config.webhook_url;
    const char *local = gn_bmc_link_local(bmc->link);
    size_t len = strlen(given);

    while (len > 0 && given[len - 1] == '/')
        len--;
    if (len > 0)
        return (size_t)snprintf(out, size, "%.*s", (int)len, given) < size;
    if (local[0] == '\0')
        return false;
    return (size_t)snprintf(out, size,
                            strchr(local, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u", local,
                            bmc->fleet->config.webhook_port) < size;
}

bool gn_bmc_make_wants(struct gn_bmc *bmc)
{
    static const char *const tails[BMC_WANTS] = {"", "?metrics"};
    static const char *const marks[BMC_WANTS] = {"", "+m"};
    char base[512];
    char name[GN_BMC_NAME_MAX + 1];
    char sign[33];

    if (!base_url(bmc, base, sizeof base))
        return false;
    gn_bmc_copy(name, sizeof name, bmc->spec.name);
    for (char *c = name; *c != '\0'; c++)
        if (*c == ':')
            *c = '='; /* else the prefix of host would be that of host:443, too */
    for (unsigned i = 0; i < BMC_WANTS; i++) {
        (void)snprintf(bmc->url[i], sizeof bmc->url[i], "%s/webhook/%s/%s%s", base, bmc->spec.name,
                       bmc->token, tails[i]);
        sign_want(bmc, i, sign);
        (void)snprintf(bmc->context_prefix[i], sizeof bmc->context_prefix[i],
                       "gurnard:%s:%s%s:", gn_memory_fleet_id(bmc->fleet->memory), name, marks[i]);
        (void)snprintf(bmc->context[i], sizeof bmc->context[i], "gurnard:%s:%s%s:%.16s",
                       gn_memory_fleet_id(bmc->fleet->memory), name, marks[i], sign);
    }
    return true;
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
    drop_settlings(bmc);
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
    TAILQ_INIT(&bmc->settlings);
    gn_timer_init(&bmc->next, fleet->loop, on_next, bmc);
    gn_timer_init(&bmc->silence, fleet->loop, on_silence, bmc);
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
    move_gauge(bmc, GN_BMC_STATES, GN_BMC_NEW);
    return bmc;
}

void gn_bmc_free(struct gn_bmc *bmc)
{
    if (bmc == NULL)
        return;
    if (bmc->fleet->fetcher != NULL)
        gn_fetcher_drop(bmc->fleet->fetcher, bmc);
    drop_settlings(bmc);
    gn_bmc_round_stop(bmc);
    gn_bmc_logs_stop(bmc);
    gn_bmc_proof_fini(bmc);
    gn_bmc_stream_fini(bmc);
    gn_timer_fini(&bmc->next);
    gn_timer_fini(&bmc->silence);
    gn_bmc_link_free(bmc->link);
    if (bmc->state < GN_BMC_STATES)
        move_gauge(bmc, bmc->state, GN_BMC_STATES);
    gn_bmc_facts_free(&bmc->facts);
    free_headers(bmc);
    free(bmc->problem);
    gn_bmc_spec_free(&bmc->spec);
    free(bmc);
}
