/* Gives turns: which call of which link sends next. Links that may have something to send stand in
 * a ring; each turn takes the first, sends one exchange of it and puts it back at the end, so that
 * a busy BMC does not keep the others waiting. */
#include "gurnard/bmc/client.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"

#include "client_priv.h"

/* ---- metrics ---- */

static void register_metrics(struct gn_bmc_client *client, struct gn_metrics *metrics)
{
    static const char *const labels[] = {
        [GN_BMC_RESULT_OK] = "result=\"ok\"",
        [GN_BMC_RESULT_REFUSED] = "result=\"refused\"",
        [GN_BMC_RESULT_UNREACHABLE] = "result=\"unreachable\"",
        [GN_BMC_RESULT_TIMEOUT] = "result=\"timeout\"",
        [GN_BMC_RESULT_TLS] = "result=\"tls\"",
        [GN_BMC_RESULT_AUTH] = "result=\"auth\"",
        [GN_BMC_RESULT_LOCKED] = "result=\"locked\"",
        [GN_BMC_RESULT_HOSTILE] = "result=\"hostile\"",
    };

    _Static_assert(GN_LEN(labels) == GN_BMC_RESULTS, "a label for each result");
    for (size_t i = 0; i < GN_LEN(labels); i++)
        client->totals[i] = gn_metrics_counter(metrics, "gurnard_bmc_requests_total", labels[i],
                                               "Requests to BMCs that have ended.");
    client->active = gn_metrics_gauge(metrics, "gurnard_bmc_requests_active", NULL,
                                      "Requests that BMCs are answering now, without streams.");
}

static enum gn_bmc_result result_of(const struct gn_bmc_answer *answer)
{
    switch (answer->end) {
    case GN_BMC_END_ANSWER:
        break;
    case GN_BMC_END_UNREACHABLE:
        return GN_BMC_RESULT_UNREACHABLE;
    case GN_BMC_END_TIMEOUT:
        return GN_BMC_RESULT_TIMEOUT;
    case GN_BMC_END_TLS:
        return GN_BMC_RESULT_TLS;
    case GN_BMC_END_AUTH:
        return GN_BMC_RESULT_AUTH;
    case GN_BMC_END_LOCKED:
        return GN_BMC_RESULT_LOCKED;
    case GN_BMC_END_HOSTILE:
        return GN_BMC_RESULT_HOSTILE;
    case GN_BMC_END_NOMEM:
        return GN_BMC_RESULTS; /* says nothing of a BMC */
    }
    return gn_bmc_is_done(answer) || answer->status == 304 ? GN_BMC_RESULT_OK
                                                           : GN_BMC_RESULT_REFUSED;
}

void gn_bmc_client_count(struct gn_bmc_client *client, const struct gn_bmc_answer *answer)
{
    enum gn_bmc_result result = result_of(answer);

    if (result < GN_BMC_RESULTS && client->totals[result] != NULL)
        gn_metric_add(client->totals[result], 1);
}

/* ---- turns ---- */

/* The first call that has begun and can be sent; a log-in that one of them lacks comes first. */
static struct gn_bmc_call *first_ready(struct gn_bmc_link *link)
{
    struct gn_bmc_call *call;
    struct gn_bmc_call *next;

    for (call = TAILQ_FIRST(&link->ready); call != NULL; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (call->kind != GN_BMC_STREAM && gn_bmc_auth_is_ready(call))
            return call;
    }
    if (link->login != NULL && link->login->state == GN_BMC_CALL_READY)
        return link->login;
    return NULL;
}

/* Lets the next call of the queue begin. */
static bool begin_next(struct gn_bmc_link *link)
{
    struct gn_bmc_call *call = TAILQ_FIRST(&link->queue);

    if (call == NULL || link->begun >= GN_BMC_LINK_CALLS)
        return false;
    gn_bmc_call_move(call, GN_BMC_CALL_READY);
    return true;
}

/* Begins as many calls as there are places for. The call to send, or NULL. */
static struct gn_bmc_call *next_call(struct gn_bmc_link *link)
{
    struct gn_bmc_call *call;

    if (link->flying >= gn_bmc_link_room(link))
        return NULL;
    do
        call = first_ready(link);
    while (call == NULL && begin_next(link));
    return call;
}

/* Streams hold no place, but wait for a log-in like others. */
static void start_streams(struct gn_bmc_link *link)
{
    struct gn_bmc_call *call;
    struct gn_bmc_call *next;

    for (call = TAILQ_FIRST(&link->ready); call != NULL; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (call->kind == GN_BMC_STREAM && gn_bmc_auth_is_ready(call))
            gn_bmc_call_fly(call);
    }
}

static void on_pump(void *ctx)
{
    struct gn_bmc_client *client = ctx;

    while (client->flying < client->config.concurrency && !TAILQ_EMPTY(&client->busy)) {
        struct gn_bmc_link *link = TAILQ_FIRST(&client->busy);
        struct gn_bmc_call *call;

        TAILQ_REMOVE(&client->busy, link, entry);
        link->is_listed = false;
        start_streams(link);
        gn_bmc_auth_close(link);
        call = next_call(link);
        if (call == NULL)
            continue; /* whatever changes that wakes it */
        gn_bmc_call_fly(call);
        gn_bmc_client_wake(link);
    }
}

void gn_bmc_client_wake(struct gn_bmc_link *link)
{
    struct gn_bmc_client *client = link->client;

    if (!link->is_listed) {
        TAILQ_INSERT_TAIL(&client->busy, link, entry);
        link->is_listed = true;
    }
    gn_defer_call(client->loop, &client->pump, on_pump, client);
}

/* ---- public ---- */

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value > 0 ? value : fallback;
}

struct gn_bmc_client *gn_bmc_client_new(struct gn_loop *loop, struct gn_http_client *http,
                                        const struct gn_bmc_client_config *config)
{
    struct gn_bmc_client *client = calloc(1, sizeof(*client));

    if (client == NULL)
        return NULL;
    client->loop = loop;
    client->http = http;
    client->config = (struct gn_bmc_client_config){
        .concurrency = or_default(config->concurrency, 1),
        .timeout_ms = or_default(config->timeout_ms, GN_BMC_TIMEOUT_MS),
        .lockout_ms = or_default(config->lockout_ms, GN_BMC_LOCKOUT_MS),
        .task_ms = or_default(config->task_ms, GN_BMC_TASK_MS),
        .task_poll_ms = or_default(config->task_poll_ms, GN_BMC_TASK_POLL_MS),
        .metrics = config->metrics,
    };
    TAILQ_INIT(&client->busy);
    if (config->metrics != NULL)
        register_metrics(client, config->metrics);
    return client;
}

void gn_bmc_client_free(struct gn_bmc_client *client)
{
    if (client == NULL)
        return;
    GN_ASSERT(client->links == 0 && client->flying == 0 && client->waiting == 0);
    gn_defer_cancel(&client->pump);
    free(client);
}

uint32_t gn_bmc_client_active(const struct gn_bmc_client *client)
{
    return client->flying;
}

uint32_t gn_bmc_client_waiting(const struct gn_bmc_client *client)
{
    return client->waiting;
}

bool gn_bmc_is_done(const struct gn_bmc_answer *answer)
{
    return answer->end == GN_BMC_END_ANSWER && answer->status >= 200 && answer->status < 300;
}
