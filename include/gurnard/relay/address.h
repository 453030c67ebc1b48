/* Resource addresses and which event goes to which subscription. Pure. */
#ifndef GURNARD_RELAY_ADDRESS_H
#define GURNARD_RELAY_ADDRESS_H

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

#define GN_ADDRESS_REDFISH     "/redfish/v1/Systems" /* behind /cluster/node/NODE: published now */
#define GN_ADDRESS_REDFISH_OLD "/redfish/event"      /* before 2022-03; the same thing */

/* Appends the canonical form by which addresses are compared: /cluster/node/NODE/redfish/event
 * becomes /cluster/node/NODE/redfish/v1/Systems; every other address stays as it is. */
void gn_address_canonical(struct gn_str address, struct gn_buf *out);

/* Appends /cluster/node/NODE + suffix. */
void gn_address_of_node(struct gn_str node, struct gn_str suffix, struct gn_buf *out);

#endif
