/* What fleet.c hands to the vendors' writers of fleet_vendors.c. */
#ifndef GURNARD_CLI_FLEET_PRIV_H
#define GURNARD_CLI_FLEET_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"
#include "gurnard/redfish/severity.h"

#define FLEET_ARGS_MAX  3
#define FLEET_ARG_BYTES 48 /* of one argument, with its NUL */

/* A kind of thing that happens in a server. */
struct fleet_topic {
    const char *registry; /* of ours that has the key, with its version */
    const char *key;
    const char *dell_key;  /* the bare key that an iDRAC would use */
    const char *redfish_1; /* EventType, as it was before Event v1_3 */
    enum gn_severity severity;
    const char *text;   /* with %1 ... */
    const char *part;   /* what %1 is called; a number follows */
    const char *detail; /* %2; NULL: a reading between low and high */
    uint16_t low, high; /* of the reading; high 0: there is neither %2 nor %3 */
    uint16_t limit;     /* %3; 0: there is none */
    const char *origin; /* OriginOfCondition below /redfish/v1; the part's number follows */
};

/* One event of one BMC, before it is put into a vendor's form. */
struct fleet_incident {
    const struct fleet_topic *topic;
    char args[FLEET_ARGS_MAX][FLEET_ARG_BYTES];
    uint32_t arg_count;
    uint32_t part_number;
    uint32_t bmc;      /* from 1 */
    uint64_t sequence; /* from 1, over the whole fleet */
    uint64_t random;   /* for ids */
    int64_t now_ns;
    bool has_message;
};

/* The vendors' forms. Each appends a whole body. */
void gn_fleet_write_idrac(const struct fleet_incident *incident, struct gn_buf *body);
void gn_fleet_write_ilo(const struct fleet_incident *incident, struct gn_buf *body);
void gn_fleet_write_openbmc(const struct fleet_incident *incident, struct gn_buf *body);
void gn_fleet_write_ami(const struct fleet_incident *incident, struct gn_buf *body);

#endif
