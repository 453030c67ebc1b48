/* Draws what happens to which BMC of the fleet. How a vendor words it is in fleet_vendors.c. All
 * texts here are gurnard's own. */
#include "gurnard/cli/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fleet_priv.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/defs.h"

#define ENVIRONMENTAL  "Environmental.1.1"
#define POWER          "Power.1.1"
#define STORAGE        "StorageDevice.1.2"
#define RESOURCE_EVENT "ResourceEvent.1.3"
#define UPDATE         "Update.1.0"

#define OK       GN_SEVERITY_OK
#define WARNING  GN_SEVERITY_WARNING
#define CRITICAL GN_SEVERITY_CRITICAL

/* clang-format off */
static const struct fleet_topic topics[] = {
    {ENVIRONMENTAL, "TemperatureAboveUpperCautionThreshold", "TMP0118", "Alert", WARNING,
     "Temperature of %1 is %2 degrees C, over its caution limit of %3.",
     "CPU ", NULL, 82, 89, 80, "/Chassis/1/Sensors/CpuTemp"},
    {ENVIRONMENTAL, "TemperatureAboveUpperCriticalThreshold", "TMP0119", "Alert", CRITICAL,
     "Temperature of %1 is %2 degrees C, over its critical limit of %3.",
     "CPU ", NULL, 92, 99, 90, "/Chassis/1/Sensors/CpuTemp"},
    {ENVIRONMENTAL, "TemperatureNormal", "TMP0120", "Alert", OK,
     "Temperature of %1 is %2 degrees C and normal again.",
     "CPU ", NULL, 45, 70, 0, "/Chassis/1/Sensors/CpuTemp"},
    {ENVIRONMENTAL, "FanFailed", "FAN0001", "Alert", WARNING,
     "Fan %1 turns too slowly or not at all.",
     "", NULL, 0, 0, 0, "/Chassis/1/ThermalSubsystem/Fans/"},
    {ENVIRONMENTAL, "FanRestored", "FAN0000", "Alert", OK,
     "Fan %1 turns as it should again.",
     "", NULL, 0, 0, 0, "/Chassis/1/ThermalSubsystem/Fans/"},
    {ENVIRONMENTAL, "HumidityAboveUpperCautionThreshold", "HUM0001", "Alert", WARNING,
     "Humidity at %1 is %2 percent, over its caution limit of %3.",
     "inlet ", NULL, 81, 89, 80, "/Chassis/1/Sensors/InletHumidity"},
    {POWER, "PowerSupplyFailed", "PSU0001", "Alert", WARNING,
     "Power supply %1 has failed.",
     "", NULL, 0, 0, 0, "/Chassis/1/PowerSubsystem/PowerSupplies/"},
    {POWER, "PowerSupplyRestored", "PSU0000", "Alert", OK,
     "Power supply %1 delivers power again.",
     "", NULL, 0, 0, 0, "/Chassis/1/PowerSubsystem/PowerSupplies/"},
    {POWER, "PowerSupplyRemoved", "PSU0006", "Alert", OK,
     "Power supply %1 has been pulled.",
     "", NULL, 0, 0, 0, "/Chassis/1/PowerSubsystem/PowerSupplies/"},
    {POWER, "LossOfInputPower", "PSU0003", "Alert", WARNING,
     "The input of %1 carries no power.",
     "PSU ", NULL, 0, 0, 0, "/Chassis/1/PowerSubsystem/PowerSupplies/"},
    {POWER, "VoltageBelowLowerCriticalThreshold", "VLT0200", "Alert", CRITICAL,
     "Voltage of %1 is %2 V, under its critical limit of %3.",
     "12 V rail ", NULL, 9, 10, 11, "/Chassis/1/Sensors/Rail"},
    {POWER, "VoltageNormal", "VLT0204", "Alert", OK,
     "Voltage of %1 is %2 V and normal again.",
     "12 V rail ", NULL, 12, 12, 0, "/Chassis/1/Sensors/Rail"},
    {STORAGE, "DriveFailure", "PDR1016", "Alert", CRITICAL,
     "The drive in %1 has failed.",
     "Bay ", NULL, 0, 0, 0, "/Systems/1/Storage/1/Drives/"},
    {STORAGE, "DrivePredictiveFailure", "PDR16", "Alert", WARNING,
     "The drive in %1 foretells its failure.",
     "Bay ", NULL, 0, 0, 0, "/Systems/1/Storage/1/Drives/"},
    {STORAGE, "DriveInserted", "PDR8", "ResourceAdded", OK,
     "%1 holds a drive now.",
     "Bay ", NULL, 0, 0, 0, "/Systems/1/Storage/1/Drives/"},
    {STORAGE, "VolumeDegraded", "VDR8", "Alert", WARNING,
     "Volume %1 at %2 runs without redundancy.",
     "", "slot 1", 0, 0, 0, "/Systems/1/Storage/1/Volumes/"},
    {RESOURCE_EVENT, "ResourceStatusChangedCritical", "SYS1003", "StatusChange", CRITICAL,
     "%1 is now in health %2.",
     "DIMM ", "Critical", 0, 0, 0, "/Systems/1/Memory/"},
    {RESOURCE_EVENT, "ResourceStatusChangedOK", "SYS1001", "StatusChange", OK,
     "%1 is now in health %2.",
     "DIMM ", "OK", 0, 0, 0, "/Systems/1/Memory/"},
    {RESOURCE_EVENT, "ResourceErrorsCorrected", "MEM0701", "Alert", OK,
     "%1 had errors (%2); they were corrected.",
     "DIMM ", "single-bit ECC", 0, 0, 0, "/Systems/1/Memory/"},
    {RESOURCE_EVENT, "ResourcePoweredOn", "SYS1000", "StatusChange", OK,
     "%1 is running.",
     "Node ", NULL, 0, 0, 0, "/Systems/"},
    {UPDATE, "UpdateSuccessful", "SUP0518", "ResourceUpdated", OK,
     "%1 was updated to %2.",
     "NIC ", "firmware 22.31.6", 0, 0, 0, "/UpdateService/FirmwareInventory/NIC"},
};
/* clang-format on */

/* splitmix64: small, and good enough to look at. */
static uint64_t next_random(struct gn_fleet *fleet)
{
    uint64_t z = fleet->state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static uint32_t draw(struct gn_fleet *fleet, size_t count)
{
    return (uint32_t)(next_random(fleet) % count);
}

static void draw_args(struct gn_fleet *fleet, struct fleet_incident *incident)
{
    const struct fleet_topic *topic = incident->topic;
    uint32_t count = 0;

    incident->part_number = 1 + draw(fleet, 8);
    (void)snprintf(incident->args[count++], FLEET_ARG_BYTES, "%s%u", topic->part,
                   incident->part_number);
    if (topic->detail != NULL)
        (void)snprintf(incident->args[count++], FLEET_ARG_BYTES, "%s", topic->detail);
    else if (topic->high > 0)
        (void)snprintf(incident->args[count++], FLEET_ARG_BYTES, "%u",
                       topic->low + draw(fleet, topic->high - topic->low + 1U));
    if (topic->limit > 0)
        (void)snprintf(incident->args[count++], FLEET_ARG_BYTES, "%u", topic->limit);
    incident->arg_count = count;
}

static bool vendor_sends_message(enum gn_fleet_vendor vendor)
{
    return vendor != GN_FLEET_ILO;
}

static void write_body(enum gn_fleet_vendor vendor, const struct fleet_incident *incident,
                       struct gn_buf *body)
{
    switch (vendor) {
    case GN_FLEET_IDRAC:
        gn_fleet_write_idrac(incident, body);
        return;
    case GN_FLEET_ILO:
        gn_fleet_write_ilo(incident, body);
        return;
    case GN_FLEET_OPENBMC:
        gn_fleet_write_openbmc(incident, body);
        return;
    case GN_FLEET_AMI:
    case GN_FLEET_VENDORS:
        gn_fleet_write_ami(incident, body);
        return;
    }
}

void gn_fleet_init(struct gn_fleet *fleet, uint32_t bmcs, uint64_t seed)
{
    GN_ASSERT(bmcs > 0);
    *fleet = (struct gn_fleet){.bmcs = bmcs, .state = seed};
}

enum gn_fleet_vendor gn_fleet_vendor_parse(const char *name)
{
    static const char *const names[GN_FLEET_VENDORS] = {
        [GN_FLEET_IDRAC] = "idrac",
        [GN_FLEET_ILO] = "ilo",
        [GN_FLEET_OPENBMC] = "openbmc",
        [GN_FLEET_AMI] = "ami",
    };

    for (unsigned i = 0; i < GN_FLEET_VENDORS; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum gn_fleet_vendor)i;
    return GN_FLEET_VENDORS;
}

struct gn_str gn_fleet_next(struct gn_fleet *fleet, enum gn_fleet_vendor vendor, int with_message,
                            int64_t now_ns, struct gn_buf *body)
{
    struct fleet_incident incident = {.now_ns = now_ns, .sequence = ++fleet->sequence};
    int len;

    incident.bmc = 1 + draw(fleet, fleet->bmcs);
    incident.topic = &topics[draw(fleet, GN_LEN(topics))];
    incident.random = next_random(fleet);
    draw_args(fleet, &incident);
    if (vendor == GN_FLEET_VENDORS)
        vendor = (enum gn_fleet_vendor)((incident.bmc - 1) % GN_FLEET_VENDORS);
    incident.has_message = with_message < 0 ? vendor_sends_message(vendor) : with_message > 0;
    write_body(vendor, &incident, body);
    len = snprintf(fleet->name, sizeof fleet->name, "bmc-%03" PRIu32, incident.bmc);
    return (struct gn_str){fleet->name, (size_t)len};
}
