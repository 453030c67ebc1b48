/* Where a BMC is: an address as a BareMetalHost's spec.bmc.address writes it, or a plain URL. Pure.
 *
 *   redfish://host[:port]/redfish/v1/Systems/1   also redfish-virtualmedia, redfish-uefihttp,
 *   ilo5-redfish://..., idrac-redfish://...      ilo5-virtualmedia, idrac-virtualmedia; each with
 *   redfish+http://..., redfish+https://...      +http or +https (default https)
 *   redfish:host                                 the same without //
 *   http://host, https://host[:port]             plain URLs
 *   host, host:port                              https (REDFISH_HOSTADDR of hw-event-proxy)
 * ipmi, libvirt and the like are no Redfish. IPv6 stands in brackets. */
#ifndef GURNARD_BMC_BMC_ADDRESS_H
#define GURNARD_BMC_BMC_ADDRESS_H

#include <stdbool.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_BMC_BASE_MAX   300 /* bytes of base, with NUL */
#define GN_BMC_SYSTEM_MAX 256 /* bytes of system, with NUL */

struct gn_bmc_address {
    char base[GN_BMC_BASE_MAX];     /* "https://192.0.2.7:8443", no path */
    char system[GN_BMC_SYSTEM_MAX]; /* "/redfish/v1/Systems/1"; "" when none is named (empty path,
                                     * "/", /redfish, /redfish/v1) */
    bool is_https;
};

/* Parses text. *reason (may be NULL): in one line what is wrong, static. GN_EINVAL: no such form.
 * GN_EUNSUPPORTED: the scheme is no Redfish. GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_bmc_address_parse(struct gn_str text, struct gn_bmc_address *address,
                                               const char **reason);

#endif
