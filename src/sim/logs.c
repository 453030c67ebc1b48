/* Log services, with paging and clearing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/text.h"
#include "sim_priv.h"

/* The index of the log that the visit is for, from segments 0, 1 and 3; -1: answered 404. */
static int find_log(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    char uri[160], asked[200];

    (void)snprintf(asked, sizeof asked, SIM_ROOT "/%.*s/%.*s/LogServices/%.*s",
                   (int)visit->segments[0].len, visit->segments[0].p, (int)visit->segments[1].len,
                   visit->segments[1].p, (int)visit->segments[3].len, visit->segments[3].p);
    for (int i = 0; i < GN_SIM_LOGS_MAX; i++) {
        if (p->logs[i].owner == NULL)
            continue;
        gn_sim_log_uri(p, i, uri, sizeof uri);
        if (strcmp(uri, asked) == 0)
            return i;
    }
    gn_sim_error2(visit, 404, "ResourceNotFound", "LogService", "that", NULL);
    return -1;
}

void gn_sim_get_logs(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    json_t *members = json_array();
    char uri[160], folder[160];

    (void)snprintf(folder, sizeof folder, SIM_ROOT "/%.*s/%.*s/LogServices",
                   (int)visit->segments[0].len, visit->segments[0].p, (int)visit->segments[1].len,
                   visit->segments[1].p);
    for (int i = 0; i < GN_SIM_LOGS_MAX; i++) {
        if (p->logs[i].owner == NULL)
            continue;
        gn_sim_log_uri(p, i, uri, sizeof uri);
        if (gn_str_has_prefix(gn_str_of(uri), gn_str_of(folder)))
            (void)json_array_append_new(members, gn_sim_link("%s", uri));
    }
    if (json_array_size(members) == 0) {
        json_decref(members);
        gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
        return;
    }
    gn_sim_ok(visit, gn_sim_collection(folder, "LogServiceCollection", "Log services", members));
}

void gn_sim_get_log(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;
    const int at = find_log(visit);
    char uri[160], time[GN_ID_LEN + 1];
    json_t *made;

    if (at < 0)
        return;
    gn_sim_log_uri(bmc->profile, at, uri, sizeof uri);
    made = gn_sim_resource(uri, "LogService.v1_1_3.LogService", bmc->profile->logs[at].id,
                           "Log of the machine");
    gn_sim_time_text(bmc->profile->time, gn_sim_bmc_now_ns(bmc), time);
    gn_sim_put(made, "DateTime", "%s", time);
    (void)json_object_set_new(made, "ServiceEnabled", json_true());
    (void)json_object_set_new(made, "MaxNumberOfRecords", json_integer(SIM_LOG_MAX));
    gn_sim_put(made, "OverWritePolicy", "WrapsWhenFull");
    gn_sim_put_link(made, "Entries", "%s/Entries", uri);
    (void)json_object_set_new(made, "Actions",
                              json_pack("{s:{s:s+}}", "#LogService.ClearLog", "target", uri,
                                        "/Actions/LogService.ClearLog"));
    gn_sim_ok(visit, made);
}

/* The number behind name in the query, or fallback. */
static uint64_t query_number(struct gn_str query, const char *name, uint64_t fallback)
{
    struct gn_buf plain = GN_BUF_INIT;
    struct gn_str rest;
    uint64_t found = fallback;
    unsigned long long number;

    if (query.p == NULL || gn_text_percent_decode(query, &plain) != GN_OK) {
        gn_buf_free(&plain);
        return fallback;
    }
    rest = gn_buf_str(&plain);
    while (rest.p != NULL) {
        struct gn_str value;
        const struct gn_str part = gn_str_cut(rest, '&', &rest);

        if (gn_str_eq(gn_str_cut(part, '=', &value), gn_str_of(name)) &&
            gn_str_to_u64(value, UINT32_MAX, &number))
            found = number;
    }
    gn_buf_free(&plain);
    return found;
}

/* The entry at index in the order of the profile. */
static const struct sim_incident *entry_at(const struct sim_bmc *bmc, const struct sim_log *log,
                                           uint64_t index)
{
    const bool is_newest_first = (bmc->profile->habits & GN_SIM_NEWEST_FIRST) != 0;

    return log->items[is_newest_first ? log->count - 1 - index : index];
}

void gn_sim_get_entries(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;
    const int at = find_log(visit);
    const struct gn_str query = visit->request->query;
    const struct sim_log *log;
    uint64_t skip, top, page, end;
    json_t *members, *made;
    char uri[200];

    if (at < 0)
        return;
    log = &bmc->logs[at];
    skip = query_number(query, "$skip", 0);
    top = query_number(query, "$top", UINT32_MAX);
    page = top < bmc->profile->page ? top : bmc->profile->page;
    end = skip + page < log->count ? skip + page : log->count;
    members = json_array();
    for (uint64_t i = skip; i < end; i++)
        (void)json_array_append_new(members, gn_sim_log_entry(bmc, entry_at(bmc, log, i)));
    gn_sim_log_uri(bmc->profile, at, uri, sizeof uri);
    (void)strcat(uri, "/Entries");
    made = gn_sim_collection(uri, "LogEntryCollection", "Log entries", members);
    (void)json_object_set_new(made, "Members@odata.count", json_integer((json_int_t)log->count));
    if (end < log->count && page > 0 && top > page)
        gn_sim_put(made, "Members@odata.nextLink", "%s?$skip=%" PRIu64, uri, end);
    gn_sim_ok(visit, made);
}

void gn_sim_get_entry(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;
    const int at = find_log(visit);
    unsigned long long id = 0;

    if (at < 0)
        return;
    if (gn_str_to_u64(visit->segments[5], UINT64_MAX, &id))
        for (uint32_t i = 0; i < bmc->logs[at].count; i++)
            if (bmc->logs[at].items[i]->entry == id) {
                gn_sim_ok(visit, gn_sim_log_entry(bmc, bmc->logs[at].items[i]));
                return;
            }
    gn_sim_error2(visit, 404, "ResourceNotFound", "LogEntry", "that", NULL);
}

/* Dell goes on counting, the others begin at 1 again. */
void gn_sim_post_clear(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    const int at = find_log(visit);

    if (at < 0)
        return;
    gn_sim_log_clear(&bmc->logs[at]);
    if ((bmc->profile->habits & GN_SIM_NEWEST_FIRST) == 0)
        bmc->logs[at].next_id = 0;
    visit->reply->status = 204;
}
