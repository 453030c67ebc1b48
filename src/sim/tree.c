/* The tree of resources: which function answers a path, and what holds for all answers: login,
 * methods, slashes, hostile contents. */
#include "sim_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"

#define BODY_LIMITS                                                                                \
    (&(const struct gn_json_limits){.max_bytes = 256 << 10, .max_depth = 16, .max_tokens = 4096})

#define URI_MAX 512

struct route {
    const char *method;
    const char *pattern; /* behind /redfish/v1/; "*" is any one segment */
    sim_visit_fn fn;
    bool is_open; /* needs no login */
};

static const struct route routes[] = {
    {"GET", "", gn_sim_get_root, true},
    {"GET", "Systems", gn_sim_get_folder, false},
    {"GET", "Chassis", gn_sim_get_folder, false},
    {"GET", "Managers", gn_sim_get_folder, false},
    {"GET", "Systems/*", gn_sim_get_member, false},
    {"GET", "Chassis/*", gn_sim_get_member, false},
    {"GET", "Managers/*", gn_sim_get_member, false},
    {"POST", "Managers/*/Actions/Manager.Reset", gn_sim_post_reset, false},
    {"POST", "Systems/*/Actions/ComputerSystem.Reset", gn_sim_post_reset, false},
    {"GET", "Managers/*/Oem/Dell/DellAttributes/*", gn_sim_get_attributes, false},
    {"PATCH", "Managers/*/Oem/Dell/DellAttributes/*", gn_sim_patch_attributes, false},
    {"GET", "*/*/LogServices", gn_sim_get_logs, false},
    {"GET", "*/*/LogServices/*", gn_sim_get_log, false},
    {"GET", "*/*/LogServices/*/Entries", gn_sim_get_entries, false},
    {"GET", "*/*/LogServices/*/Entries/*", gn_sim_get_entry, false},
    {"POST", "*/*/LogServices/*/Actions/LogService.ClearLog", gn_sim_post_clear, false},
    {"GET", "SessionService", gn_sim_get_session_service, false},
    {"GET", "SessionService/Sessions", gn_sim_get_sessions, false},
    {"POST", "SessionService/Sessions", gn_sim_post_session, true},
    {"GET", "SessionService/Sessions/*", gn_sim_get_session, false},
    {"DELETE", "SessionService/Sessions/*", gn_sim_delete_session, false},
    {"GET", "TaskService", gn_sim_get_task_folder, false},
    {"GET", "TaskService/Tasks", gn_sim_get_task_folder, false},
    {"GET", "TaskService/Tasks/*", gn_sim_get_task, false},
    {"GET", "TaskService/TaskMonitors/*", gn_sim_get_monitor, false},
    {"GET", "EventService", gn_sim_get_event_service, false},
    {"PATCH", "EventService", gn_sim_patch_event_service, false},
    {"GET", "EventService/SubmitTestEventActionInfo", gn_sim_get_test_info, false},
    {"POST", "EventService/Actions/EventService.SubmitTestEvent", gn_sim_post_test, false},
    {"GET", "EventService/SSE", gn_sim_get_stream, false},
    {"GET", "SSE", gn_sim_get_stream, false},
    {"GET", "EventService/*", gn_sim_get_subs, false},
    {"POST", "EventService/*", gn_sim_post_sub, false},
    {"GET", "EventService/*/*", gn_sim_get_sub, false},
    {"PATCH", "EventService/*/*", gn_sim_patch_sub, false},
    {"DELETE", "EventService/*/*", gn_sim_delete_sub, false},
    {"POST", "EventService/*/*/Actions/EventDestination.ResumeSubscription", gn_sim_post_resume,
     false},
    {"GET", "Registries", gn_sim_get_registries, false},
    {"GET", "Registries/*", gn_sim_get_registry_file, false},
    {"GET", "Registries/*/*", gn_sim_get_registry_file, false},
};

void gn_sim_reply_header(struct sim_reply *reply, const char *name, const char *format, ...)
{
    struct sim_header *header;
    va_list args;

    if (reply->header_count == SIM_HEADERS_MAX)
        return;
    header = &reply->headers[reply->header_count++];
    header->name = name;
    va_start(args, format);
    (void)vsnprintf(header->value, sizeof header->value, format, args);
    va_end(args);
}

void gn_sim_reply_fini(struct sim_reply *reply)
{
    json_decref(reply->body);
    gn_buf_free(&reply->bytes);
}

/* Splits the path behind /redfish/v1; false: it lies elsewhere or is too deep. */
static bool split(struct sim_visit *visit, struct gn_str path)
{
    struct gn_str rest = path;

    if (!gn_str_has_prefix(path, GN_STR(SIM_ROOT)))
        return false;
    rest.p += strlen(SIM_ROOT);
    rest.len -= strlen(SIM_ROOT);
    if (rest.len > 0 && rest.p[0] != '/')
        return false;
    while (rest.p != NULL) {
        struct gn_str segment = gn_str_cut(rest, '/', &rest);

        if (segment.len == 0)
            continue;
        if (visit->count == SIM_SEGMENTS_MAX)
            return false;
        visit->segments[visit->count++] = segment;
    }
    return true;
}

static bool fits(const struct sim_visit *visit, const char *pattern)
{
    struct gn_str rest = pattern[0] == '\0' ? GN_STR_NONE : gn_str_of(pattern);
    size_t at = 0;

    while (rest.p != NULL) {
        struct gn_str want = gn_str_cut(rest, '/', &rest);

        if (at == visit->count ||
            (!gn_str_eq(want, GN_STR("*")) && !gn_str_eq(want, visit->segments[at])))
            return false;
        at++;
    }
    return at == visit->count;
}

/* The route of the visit; *is_known: the path is one, if not for this method. HEAD is GET. */
static const struct route *find_route(const struct sim_visit *visit, bool *is_known)
{
    struct gn_str method = visit->request->method;

    if (gn_str_eq(method, GN_STR("HEAD")))
        method = GN_STR("GET");
    *is_known = false;
    for (size_t i = 0; i < GN_LEN(routes); i++) {
        if (!fits(visit, routes[i].pattern))
            continue;
        *is_known = true;
        if (gn_str_eq(method, gn_str_of(routes[i].method)))
            return &routes[i];
    }
    return NULL;
}

/* Reads the body of a POST or PATCH; nothing is as good as {}. */
static bool read_body(struct sim_visit *visit)
{
    const struct sim_request *request = visit->request;

    if (gn_str_eq(request->method, GN_STR("GET")) || gn_str_eq(request->method, GN_STR("DELETE")))
        return true;
    if (request->body.len == 0)
        visit->body = json_object();
    else if (gn_json_parse(request->body, BODY_LIMITS, &visit->body) != GN_OK)
        visit->body = NULL;
    if (json_is_object(visit->body))
        return true;
    gn_sim_error(visit, 400, "MalformedJSON", NULL, NULL);
    return false;
}

/* iLO ends its URIs with a slash, but for those of files. */
static void add_slash(json_t *uri)
{
    const char *text = json_string_value(uri);
    char longer[URI_MAX];

    if (text == NULL || text[0] != '/' || text[strlen(text) - 1] == '/' || strstr(text, ".json"))
        return;
    (void)snprintf(longer, sizeof longer, "%s/", text);
    (void)json_string_set(uri, longer);
}

static void add_slashes(json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach (value, key, item) {
            if (strcmp(key, "@odata.id") == 0)
                add_slash(item);
            else
                add_slashes(item);
        }
    }
    json_array_foreach (value, i, item)
        add_slashes(item);
}

static void be_hostile(struct sim_visit *visit, enum gn_sim_hostile hostile)
{
    struct sim_reply *reply = visit->reply;
    const struct sim_request *request = visit->request;
    json_t *wrong;

    if (reply->body == NULL)
        return;
    if (hostile == GN_SIM_TYPES) {
        wrong = gn_sim_wrong_types(reply->body);
        json_decref(reply->body);
        reply->body = wrong;
    }
    if (hostile == GN_SIM_LOOP && json_object_get(reply->body, "Members") != NULL)
        gn_sim_put(reply->body, "Members@odata.nextLink", "%.*s%s%.*s", (int)request->path.len,
                   request->path.p, request->query.len > 0 ? "?" : "", (int)request->query.len,
                   request->query.len > 0 ? request->query.p : "");
}

static void go(struct sim_visit *visit)
{
    const struct gn_sim_profile *profile = visit->bmc->profile;
    const struct route *route;
    bool is_known;

    if (gn_sim_is_registry(profile, visit->request->path)) {
        if (gn_sim_login(visit))
            gn_sim_get_registry(visit);
        return;
    }
    if (!split(visit, visit->request->path)) {
        gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
        return;
    }
    route = find_route(visit, &is_known);
    if ((route == NULL || !route->is_open) && !gn_sim_login(visit))
        return;
    if (route == NULL) {
        gn_sim_error(visit, is_known ? 405 : 404,
                     is_known ? "ActionNotSupported" : "ResourceMissingAtURI", "this path", NULL);
        return;
    }
    if (read_body(visit))
        route->fn(visit);
}

/* Whether the root was asked for without the slash that iLO wants. */
static bool wants_slash(const struct sim_bmc *bmc, const struct sim_request *request)
{
    return (bmc->profile->habits & GN_SIM_SLASHES) != 0 &&
           gn_str_eq(request->path, GN_STR(SIM_ROOT));
}

void gn_sim_answer(struct sim_bmc *bmc, const struct sim_request *request, struct sim_reply *reply)
{
    struct sim_visit visit = {.bmc = bmc, .request = request, .reply = reply};

    *reply = (struct sim_reply){.bytes = GN_BUF_INIT, .status = 200};
    if (wants_slash(bmc, request)) {
        reply->status = 308;
        gn_sim_reply_header(reply, "Location", SIM_ROOT "/");
        return;
    }
    if (gn_str_eq(request->path, GN_STR("/redfish")) ||
        gn_str_eq(request->path, GN_STR("/redfish/")))
        gn_sim_get_versions(&visit);
    else
        go(&visit);
    if ((bmc->profile->habits & GN_SIM_SLASHES) != 0)
        add_slashes(reply->body);
    be_hostile(&visit, gn_sim_faults_hostile(&bmc->faults, request->path));
    json_decref(visit.body);
}
