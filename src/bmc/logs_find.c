/* Looks for the logs of a BMC: Systems, Managers and Chassis, their members, the LogServices of
 * each, and their Entries. */
#include "logs_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"

static enum gn_err add_visit(struct bmc_logs *logs, enum logs_visit_kind kind, const char *uri)
{
    struct logs_visit *visit;

    if (uri == NULL || logs->visit_count == LOGS_VISITS_MAX)
        return GN_OK;
    for (size_t i = 0; i < logs->visit_count; i++)
        if (strcmp(logs->visits[i].uri, uri) == 0)
            return GN_OK;
    if (logs->visits == NULL)
        logs->visits = calloc(LOGS_VISITS_MAX, sizeof *logs->visits);
    if (logs->visits == NULL)
        return GN_ENOMEM;
    visit = &logs->visits[logs->visit_count];
    visit->kind = kind;
    visit->uri = gn_str_dup(gn_str_of(uri));
    if (visit->uri == NULL)
        return GN_ENOMEM;
    logs->visit_count++;
    return GN_OK;
}

enum gn_err gn_logs_find_begin(struct bmc_logs *logs)
{
    const struct bmc_facts *facts = &logs->bmc->facts;
    enum gn_err err = add_visit(logs, VISIT_COLLECTION, facts->systems);

    if (err == GN_OK)
        err = add_visit(logs, VISIT_COLLECTION, facts->managers);
    return err == GN_OK ? add_visit(logs, VISIT_COLLECTION, facts->chassis) : err;
}

void gn_logs_find_free(struct bmc_logs *logs)
{
    for (size_t i = 0; i < logs->visit_count; i++)
        free(logs->visits[i].uri);
    free(logs->visits);
    logs->visits = NULL;
    logs->visit_count = 0;
    logs->next_visit = 0;
}

/* ---- what was found ---- */

/* The operator's list says which logs by Id or by URI; without one the noise is left out. */
static bool is_wanted(const struct gn_bmc *bmc, const char *service_uri)
{
    const struct gn_bmc_texts *wanted = &bmc->spec.logs;
    struct gn_str id = gn_service_last_part(gn_str_of(service_uri));

    if (wanted->count == 0)
        return gn_log_is_wanted(id);
    for (size_t i = 0; i < wanted->count; i++)
        if (gn_str_eq_nocase(gn_str_of(wanted->items[i]), id) ||
            strcmp(wanted->items[i], service_uri) == 0)
            return true;
    return false;
}

static enum gn_err add_members(struct bmc_logs *logs, const json_t *body, enum logs_visit_kind kind)
{
    const json_t *members = json_object_get(body, "Members");
    char uri[GN_SERVICE_URI_MAX];
    size_t i;
    const json_t *member;
    enum gn_err err = GN_OK;

    json_array_foreach (members, i, member)
        if (err == GN_OK && gn_service_uri(gn_json_str(member, "@odata.id"), uri))
            err = add_visit(logs, kind, uri);
    return err;
}

static enum gn_err take_log_service(struct bmc_logs *logs, const json_t *body)
{
    const char *service = logs->visits[logs->next_visit].uri;
    char uri[GN_SERVICE_URI_MAX];

    if (!is_wanted(logs->bmc, service) || !gn_service_link(body, "Entries", uri))
        return GN_OK;
    if (logs->bmc->kept->log_count == GN_KEPT_LOGS_MAX)
        return GN_OK;
    return gn_kept_log(logs->bmc->kept, uri) == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err take_visit(struct bmc_logs *logs, const json_t *body)
{
    char uri[GN_SERVICE_URI_MAX];

    switch (logs->visits[logs->next_visit].kind) {
    case VISIT_COLLECTION:
        return add_members(logs, body, VISIT_RESOURCE);
    case VISIT_RESOURCE:
        return gn_service_link(body, "LogServices", uri) ? add_visit(logs, VISIT_LOG_SERVICES, uri)
                                                         : GN_OK;
    case VISIT_LOG_SERVICES:
        return add_members(logs, body, VISIT_LOG_SERVICE);
    case VISIT_LOG_SERVICE:
        return take_log_service(logs, body);
    }
    return GN_OK;
}

static void on_visited(void *ctx, const struct gn_bmc_answer *answer)
{
    struct bmc_logs *logs = ctx;

    logs->call = NULL;
    if (gn_logs_is_over(logs, answer))
        return;
    if (gn_bmc_is_done(answer) && take_visit(logs, answer->body) != GN_OK)
        logs->has_failed = true;
    logs->next_visit++;
    gn_logs_next(logs);
}

void gn_logs_find_next(struct bmc_logs *logs)
{
    gn_logs_get(logs, logs->visits[logs->next_visit].uri, on_visited);
}
