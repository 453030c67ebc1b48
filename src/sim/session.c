/* Who may come in: Basic credentials or the token of a session. And tasks, which are as small. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/must_alloc.h"
#include "gurnard/base/text.h"
#include "sim_priv.h"

#define SESSIONS_URI SIM_ROOT "/SessionService/Sessions"
#define TASKS_URI    SIM_ROOT "/TaskService/Tasks"
#define MONITORS_URI SIM_ROOT "/TaskService/TaskMonitors"
#define TASK_S       2 /* until a task is done */

static bool is_user(const struct gn_sim *sim, struct gn_str user, struct gn_str password)
{
    return gn_str_eq(user, gn_str_of(sim->user)) && gn_str_eq(password, gn_str_of(sim->password));
}

static bool is_basic(const struct gn_sim *sim, struct gn_str header)
{
    struct gn_buf plain = GN_BUF_INIT;
    struct gn_str user, password;
    bool is_right;

    if (!gn_str_has_prefix(header, GN_STR("Basic ")))
        return false;
    header = gn_str_trim((struct gn_str){header.p + 6, header.len - 6});
    is_right = gn_text_base64_decode(header, &plain) == GN_OK;
    user = gn_str_cut(gn_buf_str(&plain), ':', &password);
    is_right = is_right && is_user(sim, user, password);
    gn_buf_free(&plain);
    return is_right;
}

static void end_session(struct sim_bmc *bmc, struct sim_session *session)
{
    session->token[0] = '\0';
    bmc->session_count--;
}

/* Ends those that nobody used. */
static void expire(struct sim_bmc *bmc)
{
    const uint64_t idle_ms = gn_sim_scaled_ms(bmc->sim, SIM_SESSION_IDLE_S);

    for (uint32_t i = 0; bmc->sessions != NULL && i < bmc->profile->max_sessions; i++)
        if (bmc->sessions[i].token[0] != '\0' &&
            bmc->sim->now_ms - bmc->sessions[i].used_at_ms > idle_ms)
            end_session(bmc, &bmc->sessions[i]);
}

static bool is_session(struct sim_bmc *bmc, struct gn_str token)
{
    expire(bmc);
    for (uint32_t i = 0; bmc->sessions != NULL && i < bmc->profile->max_sessions; i++) {
        struct sim_session *session = &bmc->sessions[i];

        if (session->token[0] == '\0' || !gn_str_eq(token, gn_str_of(session->token)))
            continue;
        session->used_at_ms = bmc->sim->now_ms;
        return true;
    }
    return false;
}

bool gn_sim_login(struct sim_visit *visit)
{
    const struct sim_request *request = visit->request;

    if (request->token.p != NULL ? is_session(visit->bmc, request->token)
                                 : is_basic(visit->bmc->sim, request->authorization))
        return true;
    visit->bmc->unauthorized++;
    gn_sim_error(visit, 401, "NoValidSession", NULL, NULL);
    gn_sim_reply_header(visit->reply, "WWW-Authenticate", "Basic realm=\"simulated BMC\"");
    return false;
}

void gn_sim_get_session_service(struct sim_visit *visit)
{
    json_t *made =
        gn_sim_resource(SIM_ROOT "/SessionService", "SessionService.v1_1_3.SessionService",
                        "SessionService", "Session Service");

    (void)json_object_set_new(made, "ServiceEnabled", json_true());
    (void)json_object_set_new(made, "SessionTimeout", json_integer(SIM_SESSION_IDLE_S));
    (void)json_object_set_new(made, "Status",
                              json_pack("{s:s, s:s}", "State", "Enabled", "Health", "OK"));
    gn_sim_put_link(made, "Sessions", SESSIONS_URI);
    gn_sim_ok(visit, made);
}

void gn_sim_get_sessions(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    json_t *members = json_array();

    expire(bmc);
    for (uint32_t i = 0; bmc->sessions != NULL && i < bmc->profile->max_sessions; i++)
        if (bmc->sessions[i].token[0] != '\0')
            (void)json_array_append_new(members,
                                        gn_sim_link(SESSIONS_URI "/%" PRIu32, bmc->sessions[i].id));
    gn_sim_ok(visit, gn_sim_collection(SESSIONS_URI, "SessionCollection", "Sessions", members));
}

static json_t *session_resource(const struct sim_session *session)
{
    char id[16], uri[80];
    json_t *made;

    (void)snprintf(id, sizeof id, "%" PRIu32, session->id);
    (void)snprintf(uri, sizeof uri, SESSIONS_URI "/%s", id);
    made = gn_sim_resource(uri, "Session.v1_0_3.Session", id, "User Session");
    gn_sim_put(made, "UserName", "%s", session->user);
    return made;
}

static struct sim_session *free_session(struct sim_bmc *bmc)
{
    expire(bmc);
    if (bmc->sessions == NULL)
        bmc->sessions = gn_must_calloc("sim", bmc->profile->max_sessions, sizeof *bmc->sessions);
    for (uint32_t i = 0; i < bmc->profile->max_sessions; i++)
        if (bmc->sessions[i].token[0] == '\0')
            return &bmc->sessions[i];
    return NULL;
}

void gn_sim_post_session(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    struct sim_session *session;

    if (!is_user(bmc->sim, gn_json_str(visit->body, "UserName"),
                 gn_json_str(visit->body, "Password"))) {
        bmc->unauthorized++;
        gn_sim_error(visit, 401, "NoValidSession", NULL, NULL);
        return;
    }
    session = free_session(bmc);
    if (session == NULL) {
        gn_sim_error(visit, 503, "SessionLimitExceeded", NULL, NULL);
        return;
    }
    bmc->session_count++;
    session->id = ++bmc->last_id;
    session->used_at_ms = bmc->sim->now_ms;
    gn_sim_random_id(bmc->sim, session->token);
    (void)snprintf(session->user, sizeof session->user, "%s", bmc->sim->user);
    gn_sim_reply_header(visit->reply, "X-Auth-Token", "%s", session->token);
    gn_sim_reply_header(visit->reply, "Location", SESSIONS_URI "/%" PRIu32, session->id);
    gn_sim_ok(visit, session_resource(session));
    visit->reply->status = 201;
}

static struct sim_session *find_session(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    unsigned long long id = 0;

    if (gn_str_to_u64(visit->segments[2], UINT32_MAX, &id) && bmc->sessions != NULL)
        for (uint32_t i = 0; i < bmc->profile->max_sessions; i++)
            if (bmc->sessions[i].token[0] != '\0' && bmc->sessions[i].id == id)
                return &bmc->sessions[i];
    gn_sim_error2(visit, 404, "ResourceNotFound", "Session", "that", NULL);
    return NULL;
}

void gn_sim_get_session(struct sim_visit *visit)
{
    const struct sim_session *session = find_session(visit);

    if (session != NULL)
        gn_sim_ok(visit, session_resource(session));
}

void gn_sim_delete_session(struct sim_visit *visit)
{
    struct sim_session *session = find_session(visit);

    if (session == NULL)
        return;
    end_session(visit->bmc, session);
    visit->reply->status = 204;
}

/* ---- tasks ---- */

uint32_t gn_sim_task_new(struct sim_bmc *bmc, const char *uri)
{
    const uint32_t id = ++bmc->last_id;
    struct sim_task *task = &bmc->tasks[id % SIM_TASKS_MAX];

    task->id = id;
    task->done_at_ms = bmc->sim->now_ms + gn_sim_scaled_ms(bmc->sim, TASK_S);
    (void)snprintf(task->uri, sizeof task->uri, "%s", uri);
    return id;
}

static json_t *task_resource(const struct sim_bmc *bmc, const struct sim_task *task)
{
    const bool is_done = bmc->sim->now_ms >= task->done_at_ms;
    char id[16], uri[80];
    json_t *made;

    (void)snprintf(id, sizeof id, "%" PRIu32, task->id);
    (void)snprintf(uri, sizeof uri, TASKS_URI "/%s", id);
    made = gn_sim_resource(uri, "Task.v1_5_1.Task", id, "Task");
    gn_sim_put(made, "TaskState", "%s", is_done ? "Completed" : "Running");
    gn_sim_put(made, "TaskStatus", "OK");
    gn_sim_put(made, "TaskMonitor", MONITORS_URI "/%s", id);
    return made;
}

void gn_sim_answer_task(struct sim_visit *visit, uint32_t id)
{
    gn_sim_reply_header(visit->reply, "Location", MONITORS_URI "/%" PRIu32, id);
    gn_sim_reply_header(visit->reply, "Retry-After", "1");
    gn_sim_ok(visit, task_resource(visit->bmc, &visit->bmc->tasks[id % SIM_TASKS_MAX]));
    visit->reply->status = 202;
}

static const struct sim_task *find_task(struct sim_visit *visit)
{
    unsigned long long id = 0;

    if (gn_str_to_u64(visit->segments[2], UINT32_MAX, &id) && id > 0 &&
        visit->bmc->tasks[id % SIM_TASKS_MAX].id == id)
        return &visit->bmc->tasks[id % SIM_TASKS_MAX];
    gn_sim_error2(visit, 404, "ResourceNotFound", "Task", "that", NULL);
    return NULL;
}

void gn_sim_get_task_folder(struct sim_visit *visit)
{
    json_t *members;

    if (visit->count == 1) {
        json_t *made = gn_sim_resource(SIM_ROOT "/TaskService", "TaskService.v1_1_4.TaskService",
                                       "TaskService", "Task Service");

        gn_sim_put_link(made, "Tasks", TASKS_URI);
        gn_sim_ok(visit, made);
        return;
    }
    members = json_array();
    for (size_t i = 0; i < SIM_TASKS_MAX; i++)
        if (visit->bmc->tasks[i].id != 0)
            (void)json_array_append_new(members, gn_sim_link(TASKS_URI "/%" PRIu32,
                                                             visit->bmc->tasks[i].id));
    gn_sim_ok(visit, gn_sim_collection(TASKS_URI, "TaskCollection", "Tasks", members));
}

void gn_sim_get_task(struct sim_visit *visit)
{
    const struct sim_task *task = find_task(visit);

    if (task != NULL)
        gn_sim_ok(visit, task_resource(visit->bmc, task));
}

/* 202 until the task is done, then what it made. */
void gn_sim_get_monitor(struct sim_visit *visit)
{
    const struct sim_task *task = find_task(visit);

    if (task == NULL)
        return;
    if (visit->bmc->sim->now_ms < task->done_at_ms) {
        gn_sim_answer_task(visit, task->id);
        return;
    }
    visit->reply->status = 204;
    if (task->uri[0] == '\0')
        return;
    gn_sim_reply_header(visit->reply, "Location", "%s", task->uri);
    gn_sim_ok(visit, gn_sim_success(visit->bmc, "Created", false));
    visit->reply->status = 201;
}
