/* fuzz folder: bmc   addresses of BMCs: gn_bmc_address_parse().
 *
 * Properties: what is accepted is the base of an URL without credentials, and is read as the same
 * when it is given again; what is refused has a reason. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/url.h"
#include "gurnard/bmc/bmc_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct gn_bmc_address *address)
{
    struct gn_bmc_address again;
    char text[GN_BMC_BASE_MAX + GN_BMC_SYSTEM_MAX];
    struct gn_url url;

    GN_ASSERT(gn_url_parse(gn_str_of(address->base), &url) == GN_OK);
    GN_ASSERT(gn_url_is_web(&url) && url.path.len == 0 && url.query.p == NULL);
    GN_ASSERT(address->is_https == (strncmp(address->base, "https:", 6) == 0));
    GN_ASSERT(address->system[0] == '\0' || address->system[0] == '/');
    (void)snprintf(text, sizeof text, "%s%s", address->base, address->system);
    GN_ASSERT(gn_bmc_address_parse(gn_str_of(text), &again, NULL) == GN_OK);
    GN_ASSERT(strcmp(again.base, address->base) == 0);
    GN_ASSERT(strcmp(again.system, address->system) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_bmc_address address;
    const char *reason = NULL;
    const enum gn_err err =
        gn_bmc_address_parse((struct gn_str){(const char *)data, size}, &address, &reason);

    GN_ASSERT(reason != NULL);
    GN_ASSERT((err == GN_OK) == (reason[0] == '\0'));
    if (err == GN_OK)
        check(&address);
    else
        GN_ASSERT(err == GN_EINVAL || err == GN_EUNSUPPORTED || err == GN_ELIMIT);
    return 0;
}
