/* fuzz folder: redfish   a MessageRegistryFile; its own Language (a string) is the one wanted.
 *
 * Properties: what is chosen has a path or a URL, never both; publishers only where allowed. */
#include "gurnard/redfish/registry_location.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool check_pick(const json_t *file, bool takes_published)
{
    struct gn_registry_location location;
    const bool is_found =
        gn_registry_location_pick(file, gn_json_str(file, "Language"), takes_published, &location);
    const bool is_published = is_found && location.place == GN_REGISTRY_AT_PUBLISHER;

    require((location.uri[0] == '/') == (is_found && !is_published));
    require((location.url[0] != '\0') == is_published);
    require(takes_published || !is_published);
    require(location.place == GN_REGISTRY_IN_ARCHIVE || location.archive_file[0] == '\0');
    return is_found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[GN_REGISTRY_NAME_MAX];
    json_t *file = NULL;

    if (gn_json_parse((struct gn_str){(const char *)data, size}, NULL, &file) != GN_OK)
        return 0;
    require(check_pick(file, true) || !check_pick(file, false));
    require(gn_registry_location_name(file, name) == (name[0] != '\0'));
    require(strlen(name) < sizeof name);
    (void)gn_registry_location_is_wanted(gn_str_of(name));
    json_decref(file);
    return 0;
}
