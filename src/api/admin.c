/* The admin API: life, routes, and who may change something. */
#include "gurnard/api/admin.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/text.h"
#include "admin_priv.h"

/* One row of docs/api.md, "Admin API". */
struct route {
    const char *method;
    struct gn_str path; /* {number} stands for digits, another {} for any one segment */
    unsigned params;    /* GN_ADMIN_ bits of what its query may hold */
    gn_admin_fn fn;
};

#define PATH(literal) GN_STR_INIT("/admin/v1/" literal)

static const struct route routes[] = {
    {"GET", PATH("status"), 0, gn_admin_status},
    {"GET", PATH("bmcs"), 0, gn_admin_bmcs},
    {"POST", PATH("bmcs"), 0, gn_admin_bmc_add},
    {"GET", PATH("bmcs/{name}"), 0, gn_admin_bmc},
    {"PUT", PATH("bmcs/{name}"), 0, gn_admin_bmc_put},
    {"DELETE", PATH("bmcs/{name}"), 0, gn_admin_bmc_remove},
    {"POST", PATH("bmcs/{name}/test"), 0, gn_admin_bmc_test},
    {"POST", PATH("bmcs/{name}/resync"), 0, gn_admin_bmc_resync},
    {"GET", PATH("alarms"), GN_ADMIN_BMC, gn_admin_alarms},
    {"DELETE", PATH("alarms/{id}"), 0, gn_admin_alarm_clear},
    {"POST", PATH("replay"), 0, gn_admin_replay},
    {"DELETE", PATH("replay/{subscription}"), 0, gn_admin_replay_stop},
    {"GET", PATH("deadletters"), GN_ADMIN_SUBSCRIPTION | GN_ADMIN_AFTER | GN_ADMIN_LIMIT,
     gn_admin_letters},
    {"DELETE", PATH("deadletters"), GN_ADMIN_SUBSCRIPTION, gn_admin_letters_purge},
    {"POST", PATH("deadletters/replay"), 0, gn_admin_letters_again},
    {"GET", PATH("deadletters/{number}"), 0, gn_admin_letter},
    {"DELETE", PATH("deadletters/{number}"), 0, gn_admin_letter_remove},
    {"POST", PATH("deadletters/{number}/replay"), 0, gn_admin_letter_again},
    {"GET", PATH("quarantine"), GN_ADMIN_LIMIT, gn_admin_bodies},
    {"DELETE", PATH("quarantine"), 0, gn_admin_bodies_purge},
    {"GET", PATH("quarantine/{name}"), 0, gn_admin_body},
    {"DELETE", PATH("quarantine/{name}"), 0, gn_admin_body_remove},
    {"GET", PATH("quarantine/{name}/body"), 0, gn_admin_body_bytes},
    {"POST", PATH("quarantine/{name}/replay"), 0, gn_admin_body_again},
};

/* ---- requests that wait ---- */

void gn_admin_task_begin(struct gn_admin_task *task, struct gn_admin *admin,
                         struct gn_http_request *request)
{
    task->admin = admin;
    task->request = request;
    TAILQ_INSERT_TAIL(&admin->tasks, task, link);
}

bool gn_admin_task_end(struct gn_admin_task *task)
{
    if (task->request == NULL)
        return false;
    TAILQ_REMOVE(&task->admin->tasks, task, link);
    return true;
}

/* ---- life ---- */

struct gn_admin *gn_admin_new(const struct gn_admin_parts *parts)
{
    struct gn_admin *admin = calloc(1, sizeof *admin);

    if (admin == NULL)
        return NULL;
    admin->parts = *parts;
    admin->started_ms = gn_loop_now_ms(parts->loop);
    TAILQ_INIT(&admin->tasks);
    TAILQ_INIT(&admin->again);
    return admin;
}

void gn_admin_stop(struct gn_admin *admin)
{
    struct gn_admin_task *task;

    admin->is_stopped = true;
    gn_admin_again_stop(admin);
    while ((task = TAILQ_FIRST(&admin->tasks)) != NULL) {
        TAILQ_REMOVE(&admin->tasks, task, link);
        gn_reply_later(task->request);
        task->request = NULL;
    }
}

void gn_admin_free(struct gn_admin *admin)
{
    if (admin == NULL)
        return;
    gn_admin_stop(admin);
    free(admin);
}

/* ---- routes ---- */

static bool is_number(struct gn_str text)
{
    unsigned long long number;

    return gn_str_to_u64(text, UINT64_MAX, &number);
}

/* Whether path is one of pattern; *arg gets what stands for its {}, else stays. */
static bool matches(struct gn_str pattern, struct gn_str path, struct gn_str *arg)
{
    while (pattern.p != NULL && path.p != NULL) {
        struct gn_str want = gn_str_cut(pattern, '/', &pattern);
        struct gn_str segment = gn_str_cut(path, '/', &path);

        if (want.len == 0 || want.p[0] != '{') {
            if (!gn_str_eq(want, segment))
                return false;
            continue;
        }
        if (segment.len == 0 || (gn_str_eq(want, GN_STR("{number}")) && !is_number(segment)))
            return false;
        *arg = segment;
    }
    return pattern.p == NULL && path.p == NULL;
}

static bool may_change(const struct gn_http_request *request)
{
    struct gn_str origin = gn_http_header(request, "Origin");

    return origin.p == NULL || gn_admin_is_own_origin(origin, gn_http_header(request, "Host"));
}

static void call_handler(struct gn_admin *admin, const struct route *route,
                         struct gn_http_request *request, struct gn_str arg)
{
    struct gn_buf decoded = gn_buf_with_limit((size_t)64 << 10);
    struct gn_admin_call call = {.request = request};
    enum gn_err err = gn_text_percent_decode(arg, &decoded);
    const char *problem = gn_admin_parse_query(gn_http_query(request), route->params, &call.query);

    call.arg = gn_buf_str(&decoded);
    if (err == GN_EPARSE)
        gn_reply_error(request, 404, GN_STR("not found"));
    else if (err != GN_OK)
        gn_reply_later(request);
    else if (problem != NULL)
        gn_reply_error(request, 400, gn_str_of(problem));
    else
        route->fn(admin, &call);
    gn_admin_free_query(&call.query);
    gn_buf_free(&decoded);
}

static void dispatch(struct gn_admin *admin, struct gn_http_request *request)
{
    struct gn_str method = gn_http_method(request);
    bool is_known = false;

    for (size_t i = 0; i < GN_LEN(routes); i++) {
        struct gn_str arg = GN_STR("");

        if (!matches(routes[i].path, gn_http_path(request), &arg))
            continue;
        is_known = true;
        if (!gn_str_eq(method, gn_str_of(routes[i].method)))
            continue;
        if (!gn_str_eq(method, GN_STR("GET")) && !may_change(request))
            gn_reply_error(request, 403, GN_STR("not to be used from a web page"));
        else
            call_handler(admin, &routes[i], request, arg);
        return;
    }
    if (is_known)
        gn_reply_error(request, 405, GN_STR("method not allowed"));
    else
        gn_reply_error(request, 404, GN_STR("not found"));
}

bool gn_admin_handle(struct gn_admin *admin, struct gn_http_request *request)
{
    if (!gn_str_has_prefix(gn_http_path(request), GN_STR("/admin/")))
        return false;
    if (!gn_admin_is_local(gn_http_peer(request)))
        gn_reply_error(request, 403, GN_STR("the admin API is for this host only"));
    else if (admin->is_stopped)
        gn_reply_later(request);
    else
        dispatch(admin, request);
    return true;
}
