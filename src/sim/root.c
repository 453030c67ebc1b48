/* The root, systems, chassis and managers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "sim_priv.h"

#define ALERT_SWITCH "IPMILan.1.AlertEnable"

void gn_sim_get_versions(struct sim_visit *visit)
{
    gn_sim_ok(visit, json_pack("{s:s}", "v1", SIM_ROOT "/"));
}

void gn_sim_get_root(struct sim_visit *visit)
{
    static const char *const links[] = {"Systems",        "Chassis",      "Managers",
                                        "SessionService", "EventService", "Registries",
                                        "TaskService"};
    static const char *const link_names[] = {"Systems",        "Chassis",      "Managers",
                                             "SessionService", "EventService", "Registries",
                                             "Tasks"};
    const struct gn_sim_profile *p = visit->bmc->profile;
    json_t *root = gn_sim_resource(SIM_ROOT, "ServiceRoot.v1_5_0.ServiceRoot", "RootService",
                                   "Root of a simulated service");

    gn_sim_put(root, "RedfishVersion", "%s", p->redfish_version);
    gn_sim_put(root, "UUID", "%s", visit->bmc->uuid);
    gn_sim_put(root, "Vendor", "%s", p->vendor);
    gn_sim_put(root, "Product", "%s", p->product);
    for (size_t i = 0; i < GN_LEN(links); i++)
        gn_sim_put_link(root, link_names[i], SIM_ROOT "/%s", links[i]);
    (void)json_object_set_new(root, "Links",
                              json_pack("{s:o}", "Sessions",
                                        gn_sim_link(SIM_ROOT "/SessionService/Sessions")));
    gn_sim_ok(visit, root);
}

/* The id of the only member of Systems, Chassis or Managers; NULL for another folder. */
static const char *member_of(const struct gn_sim_profile *p, struct gn_str folder)
{
    if (gn_str_eq(folder, GN_STR("Systems")))
        return p->system;
    if (gn_str_eq(folder, GN_STR("Chassis")))
        return p->chassis;
    return gn_str_eq(folder, GN_STR("Managers")) ? p->manager : NULL;
}

void gn_sim_get_folder(struct sim_visit *visit)
{
    const struct gn_str folder = visit->segments[0];
    char uri[80];

    (void)snprintf(uri, sizeof uri, SIM_ROOT "/%.*s", (int)folder.len, folder.p);
    gn_sim_ok(visit, gn_sim_collection(
                         uri,
                         folder.p[0] == 'S'   ? "ComputerSystemCollection"
                         : folder.p[0] == 'C' ? "ChassisCollection"
                                              : "ManagerCollection",
                         "Members",
                         json_pack("[o]", gn_sim_link("%s/%s", uri,
                                                      member_of(visit->bmc->profile, folder)))));
}

/* Whether the visit is for the member that there is; answers 404 when not. */
static bool is_there(struct sim_visit *visit)
{
    const char *id = member_of(visit->bmc->profile, visit->segments[0]);

    if (id != NULL && gn_str_eq(visit->segments[1], gn_str_of(id)))
        return true;
    gn_sim_error2(visit, 404, "ResourceNotFound", "resource", "that", NULL);
    return false;
}

static void put_reset(json_t *resource, const char *uri, const char *type)
{
    char name[48], target[160];

    (void)snprintf(name, sizeof name, "#%s.Reset", type);
    (void)snprintf(target, sizeof target, "%s/Actions/%s.Reset", uri, type);
    (void)json_object_set_new(resource, "Actions",
                              json_pack("{s:{s:s, s:[s, s]}}", name, "target", target,
                                        "ResetType@Redfish.AllowableValues", "GracefulRestart",
                                        "ForceRestart"));
}

static bool has_logs(const struct gn_sim_profile *p, const char *folder)
{
    for (size_t i = 0; i < GN_SIM_LOGS_MAX; i++)
        if (p->logs[i].owner != NULL && strcmp(p->logs[i].owner, folder) == 0)
            return true;
    return false;
}

static void put_manager(const struct sim_bmc *bmc, const char *uri, json_t *made)
{
    char time[GN_ID_LEN + 1];

    gn_sim_put(made, "ManagerType", "BMC");
    gn_sim_put(made, "Model", "%s", bmc->profile->model);
    gn_sim_put(made, "FirmwareVersion", "%s", bmc->profile->firmware);
    gn_sim_put(made, "UUID", "%s", bmc->uuid);
    gn_sim_time_text(bmc->profile->time, gn_sim_bmc_now_ns(bmc), time);
    gn_sim_put(made, "DateTime", "%s", time);
    gn_sim_put(made, "DateTimeLocalOffset", "+00:00");
    gn_sim_time_text(bmc->profile->time, bmc->reset_at_ns, time);
    gn_sim_put(made, "LastResetTime", "%s", time);
    put_reset(made, uri, "Manager");
    (void)json_object_set_new(
        made, "Links",
        json_pack("{s:[o], s:[o]}", "ManagerForServers",
                  gn_sim_link(SIM_ROOT "/Systems/%s", bmc->profile->system), "ManagerForChassis",
                  gn_sim_link(SIM_ROOT "/Chassis/%s", bmc->profile->chassis)));
}

static void put_machine(const struct sim_bmc *bmc, json_t *made)
{
    gn_sim_put(made, "Manufacturer", "%s", bmc->profile->vendor);
    gn_sim_put(made, "Model", "%s", bmc->profile->product);
    gn_sim_put(made, "SerialNumber", "SIM%06" PRIu32, bmc->index);
    gn_sim_put(made, "PowerState", "On");
    (void)json_object_set_new(made, "Links",
                              json_pack("{s:[o]}", "ManagedBy",
                                        gn_sim_link(SIM_ROOT "/Managers/%s",
                                                    bmc->profile->manager)));
}

void gn_sim_get_member(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;
    const char kind = visit->segments[0].p[0];
    const char *folder = kind == 'S' ? "Systems" : kind == 'C' ? "Chassis" : "Managers";
    const char *type = kind == 'S'   ? "ComputerSystem.v1_10_0.ComputerSystem"
                       : kind == 'C' ? "Chassis.v1_10_0.Chassis"
                                     : "Manager.v1_6_0.Manager";
    char uri[120];
    json_t *made;

    if (!is_there(visit))
        return;
    (void)snprintf(uri, sizeof uri, SIM_ROOT "/%s/%s", folder,
                   member_of(bmc->profile, visit->segments[0]));
    made = gn_sim_resource(uri, type, member_of(bmc->profile, visit->segments[0]),
                           kind == 'M' ? "Manager" : "Machine");
    if (kind == 'M')
        put_manager(bmc, uri, made);
    else
        put_machine(bmc, made);
    if (kind == 'S') {
        gn_sim_put(made, "UUID", "%s", bmc->uuid);
        gn_sim_put(made, "SystemType", "Physical");
        (void)json_object_set_new(made, "Boot",
                                  json_pack("{s:s, s:s}", "BootSourceOverrideEnabled", "Disabled",
                                            "BootSourceOverrideTarget", "None"));
        put_reset(made, uri, "ComputerSystem");
    }
    if (kind == 'C')
        gn_sim_put(made, "ChassisType", "RackMount");
    (void)json_object_set_new(made, "Status",
                              json_pack("{s:s, s:s}", "State", "Enabled", "Health", "OK"));
    if (has_logs(bmc->profile, folder))
        gn_sim_put_link(made, "LogServices", "%s/LogServices", uri);
    gn_sim_ok(visit, made);
}

void gn_sim_post_reset(struct sim_visit *visit)
{
    const struct sim_wish wish = {.topic = gn_sim_topic_find(GN_STR("SystemPoweredOn"))};

    if (!is_there(visit))
        return;
    if (visit->segments[0].p[0] == 'M')
        gn_sim_bmc_reset(visit->bmc, false, 0);
    else
        gn_sim_raise(visit->bmc, &wish, GN_STR_NONE);
    visit->reply->status = 204;
}

/* ---- the attribute that turns Dell's alerts on ---- */

static bool has_attributes(struct sim_visit *visit)
{
    if ((visit->bmc->profile->habits & GN_SIM_ALERT_SWITCH) != 0)
        return is_there(visit);
    gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
    return false;
}

void gn_sim_get_attributes(struct sim_visit *visit)
{
    json_t *made;

    if (!has_attributes(visit))
        return;
    made = gn_sim_resource(SIM_ROOT
                           "/Managers/iDRAC.Embedded.1/Oem/Dell/DellAttributes/iDRAC.Embedded.1",
                           "DellAttributes.v1_0_0.DellAttributes", "iDRAC.Embedded.1",
                           "Attributes of the manager");
    (void)json_object_set_new(made, "Attributes",
                              json_pack("{s:s}", ALERT_SWITCH,
                                        visit->bmc->faults.has_alerts_off ? "Disabled"
                                                                          : "Enabled"));
    gn_sim_ok(visit, made);
}

void gn_sim_patch_attributes(struct sim_visit *visit)
{
    const json_t *attributes = json_object_get(visit->body, "Attributes");
    struct gn_str value;

    if (!has_attributes(visit))
        return;
    value = gn_json_str(attributes, ALERT_SWITCH);
    if (!gn_str_eq(value, GN_STR("Enabled")) && !gn_str_eq(value, GN_STR("Disabled"))) {
        gn_sim_error(visit, 400, "PropertyUnknown", "Attributes", "Attributes");
        return;
    }
    visit->bmc->faults.has_alerts_off = gn_str_eq(value, GN_STR("Disabled"));
    gn_sim_ok(visit, gn_sim_success(visit->bmc, "Success", false));
}
