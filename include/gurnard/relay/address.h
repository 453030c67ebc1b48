/* Resource addresses and which event goes to which subscription. Pure. */
#ifndef GURNARD_RELAY_ADDRESS_H
#define GURNARD_RELAY_ADDRESS_H

#include <stdbool.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

#define GN_ADDRESS_NODE        "/cluster/node/"      /* in front of the node's name */
#define GN_ADDRESS_REDFISH     "/redfish/v1/Systems" /* behind /cluster/node/NODE: published now */
#define GN_ADDRESS_REDFISH_OLD "/redfish/event"      /* before 2022-03; the same thing */
#define GN_ADDRESS_OWN         "/gurnard"            /* gurnard's own events */
/* Metric reports, when they are apart. */
#define GN_ADDRESS_METRICS     "/redfish/v1/TelemetryService/MetricReports"

/* Appends the canonical form by which addresses are compared: /cluster/node/NODE/redfish/event
 * becomes /cluster/node/NODE/redfish/v1/Systems; every other address stays as it is. */
void gn_address_canonical(struct gn_str address, struct gn_buf *out);

/* Appends /cluster/node/NODE + suffix. */
void gn_address_of_node(struct gn_str node, struct gn_str suffix, struct gn_buf *out);

/* Appends the canonical form of an O-RAN address (docs/api.md, "Addresses"), which may name a whole
 * subtree:
 * - leading segments "." (cluster, site, node), any number, become /cluster/node/NODE; a segment
 *   behind them that is this node's name is the node too: /./sync, /././sync and /./NODE/sync are
 *   /cluster/node/NODE/sync; one that is "*" stands for the node: a pattern over all nodes;
 * - "." in the node's place of /cluster/node/./... becomes NODE;
 * - one slash at the end goes, but not that of "/" alone;
 * - aliases as above. */
void gn_address_resolve(struct gn_str address, struct gn_str node, struct gn_buf *out);

/* Whether an address is one that can be subscribed to in v2: begins with "/", has no empty segment,
 * no "." or ".." segment left, no control character, and is UTF-8. */
bool gn_address_is_valid(struct gn_str resolved);

/* Whether some segment is "*". */
bool gn_address_is_pattern(struct gn_str resolved);

/* Whether address is what pattern names, or lies below it. "*" in pattern stands for one segment;
 * both canonical. "/" has everything below it. Every address covers itself. */
bool gn_address_covers(struct gn_str pattern, struct gn_str address);

/* Whether some address could be covered by both. */
bool gn_address_overlaps(struct gn_str a, struct gn_str b);

#endif
