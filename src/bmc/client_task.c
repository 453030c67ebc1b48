/* Waits for a task: what was answered with 202 is looked at until it has ended. The place to look
 * may be a task monitor (202 until the answer itself comes) or a Task resource (200 and its
 * TaskState); both forms are told by what they answer, since services mix them up. */
#include "client_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/redfish/event_service.h"

#define STATUS_ACCEPTED 202
#define STATUS_FAILED   500 /* of a task that has failed: its own HTTP status is not told */

enum task_state { TASK_UNKNOWN, TASK_RUNS, TASK_HAS_ENDED, TASK_HAS_FAILED };

/* Of a Task resource; unknown: it is none. */
static enum task_state state_of(const json_t *body)
{
    const struct gn_str state = gn_json_str(body, "TaskState");

    if (state.len == 0)
        return TASK_UNKNOWN;
    if (gn_str_eq(state, GN_STR("Completed")))
        return gn_str_eq(gn_json_str(body, "TaskStatus"), GN_STR("Critical")) ? TASK_HAS_FAILED
                                                                              : TASK_HAS_ENDED;
    if (gn_str_eq(state, GN_STR("Exception")) || gn_str_eq(state, GN_STR("Killed")) ||
        gn_str_eq(state, GN_STR("Cancelled")))
        return TASK_HAS_FAILED;
    return TASK_RUNS;
}

/* Where to look: Location, else what the body names. */
static bool find_monitor(const struct gn_bmc_answer *answer, char uri[GN_SERVICE_URI_MAX])
{
    if (answer->location[0] != '\0') {
        memcpy(uri, answer->location, GN_SERVICE_URI_MAX);
        return true;
    }
    return gn_service_uri(gn_json_str(answer->body, "TaskMonitor"), uri) ||
           gn_service_uri(gn_json_str(answer->body, "@odata.id"), uri);
}

static void look_later(struct gn_bmc_call *call, const struct gn_bmc_answer *answer)
{
    const struct gn_bmc_client *client = call->link->client;
    uint64_t now_ms = gn_loop_now_ms(client->loop);
    uint64_t delay_ms = client->config.task_poll_ms;

    if (now_ms >= call->task_until_ms) {
        gn_bmc_call_fail(call, GN_BMC_END_HOSTILE, answer->status, "its task does not end");
        return;
    }
    if (answer->retry_after_ms > 0)
        delay_ms = answer->retry_after_ms;
    if (delay_ms > GN_BMC_RETRY_AFTER_MAX_MS)
        delay_ms = GN_BMC_RETRY_AFTER_MAX_MS;
    if (delay_ms > call->task_until_ms - now_ms)
        delay_ms = call->task_until_ms - now_ms;
    gn_bmc_call_pause(call, delay_ms);
}

/* 202 came: the monitor may be named, or named anew. GN_ENOTFOUND: there is none. GN_ENOMEM. */
static enum gn_err take_monitor(struct gn_bmc_call *call, const struct gn_bmc_answer *answer)
{
    const struct gn_bmc_client *client = call->link->client;
    char uri[GN_SERVICE_URI_MAX];
    char *monitor;

    if (call->phase == GN_BMC_PHASE_TASK && answer->location[0] == '\0')
        return GN_OK; /* as before */
    if (!find_monitor(answer, uri))
        return GN_ENOTFOUND;
    monitor = strdup(uri);
    if (monitor == NULL)
        return GN_ENOMEM;
    free(call->monitor);
    call->monitor = monitor;
    if (call->phase != GN_BMC_PHASE_TASK)
        call->task_until_ms = gn_loop_now_ms(client->loop) + client->config.task_ms;
    call->phase = GN_BMC_PHASE_TASK;
    return GN_OK;
}

/* 202, or a task that runs. */
static bool wait_for(struct gn_bmc_call *call, const struct gn_bmc_answer *answer)
{
    enum gn_err err = GN_OK;

    if (answer->status == STATUS_ACCEPTED)
        err = take_monitor(call, answer);
    if (err == GN_ENOTFOUND)
        return false; /* accepted, and that is all we shall know */
    if (err == GN_OK)
        look_later(call, answer);
    else
        gn_bmc_call_fail(call, GN_BMC_END_NOMEM, 0, GN_BMC_REASON_NOMEM);
    return true;
}

bool gn_bmc_task_take(struct gn_bmc_call *call, struct gn_bmc_answer *answer)
{
    const bool is_monitored = call->phase == GN_BMC_PHASE_TASK;
    const bool is_busy = answer->status == 503 || answer->status == 429;

    if (call->kind != GN_BMC_REQUEST || (!is_monitored && answer->status != STATUS_ACCEPTED))
        return false;
    if (is_monitored && is_busy) {
        look_later(call, answer);
        return true;
    }
    if (!gn_bmc_is_done(answer))
        return false;
    switch (state_of(answer->body)) {
    case TASK_UNKNOWN:
        return answer->status == STATUS_ACCEPTED && wait_for(call, answer);
    case TASK_RUNS:
        return wait_for(call, answer);
    case TASK_HAS_ENDED:
        if (answer->status == STATUS_ACCEPTED)
            answer->status = 200;
        return false;
    case TASK_HAS_FAILED:
        answer->status = STATUS_FAILED;
        return false;
    }
    return false;
}
