/* A made-up fleet of BMCs: what `gurnard sim` sends. Pure but for its own random numbers: the same
 * seed gives the same events. */
#ifndef GURNARD_CLI_FLEET_H
#define GURNARD_CLI_FLEET_H

#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

enum gn_fleet_vendor {
    GN_FLEET_IDRAC,   /* Dell's way: bare or IDRAC ids, offsets without colon */
    GN_FLEET_ILO,     /* HPE's way: no Message, no Id */
    GN_FLEET_OPENBMC, /* bmcweb's way: no EventType, no MemberId */
    GN_FLEET_AMI,     /* AMI's way: extra members */
    GN_FLEET_VENDORS
};

struct gn_fleet {
    uint32_t bmcs;     /* at least 1 */
    uint64_t state;    /* of the random numbers */
    uint64_t sequence; /* events made so far */
    char name[32];     /* private: of the BMC last named */
};

/* Starts a fleet of bmcs members whose events follow from seed. */
void gn_fleet_init(struct gn_fleet *fleet, uint32_t bmcs, uint64_t seed);

/* The vendor that a name stands for (idrac, ilo, openbmc, ami), or GN_FLEET_VENDORS. */
enum gn_fleet_vendor gn_fleet_vendor_parse(const char *name);

/* Appends the next event's body and gives the BMC it comes from ("bmc-007"), valid until the next
 * call. now_ns: the time to write into it. vendor: GN_FLEET_VENDORS for each BMC's own.
 * with_message: 1 always with Message text, 0 never, -1 as the vendor does. */
struct gn_str gn_fleet_next(struct gn_fleet *fleet, enum gn_fleet_vendor vendor, int with_message,
                            int64_t now_ns, struct gn_buf *body);

#endif
