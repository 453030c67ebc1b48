/* Which of the places that a MessageRegistryFile names a registry is fetched from, and whether it
 * is worth fetching. Pure; tolerant: what is of a wrong type is as if it were missing. */
#ifndef GURNARD_REDFISH_REGISTRY_LOCATION_H
#define GURNARD_REDFISH_REGISTRY_LOCATION_H

#include <jansson.h>
#include <stdbool.h>

#include "gurnard/base/str.h"
#include "gurnard/redfish/event_service.h"

#define GN_REGISTRY_NAME_MAX      256  /* bytes of a registry's name, with NUL */
#define GN_REGISTRY_LANGUAGE_MAX  36   /* of a language tag, with NUL */
#define GN_REGISTRY_ARCHIVE_MAX   256  /* of a name inside an archive, with NUL */
#define GN_REGISTRY_PUBLISHED_MAX 1024 /* of a URL elsewhere, with NUL */
#define GN_REGISTRY_LOCATIONS_MAX 64   /* of one file that are looked at */

enum gn_registry_place {
    GN_REGISTRY_AT_URI,       /* the registry itself, on the BMC */
    GN_REGISTRY_IN_ARCHIVE,   /* a zip (or gzip) on the BMC, archive_file in it */
    GN_REGISTRY_AT_PUBLISHER, /* a URL of somebody else, who is to be asked without credentials */
};

/* Texts are NUL-terminated, "" when absent or too long. */
struct gn_registry_location {
    enum gn_registry_place place;
    char uri[GN_SERVICE_URI_MAX]; /* path on the BMC; "" for GN_REGISTRY_AT_PUBLISHER */
    char archive_file[GN_REGISTRY_ARCHIVE_MAX];
    char url[GN_REGISTRY_PUBLISHED_MAX]; /* http or https; for GN_REGISTRY_AT_PUBLISHER only */
    char language[GN_REGISTRY_LANGUAGE_MAX];
};

/* Chooses from Location of file (a MessageRegistryFile): places on the BMC before publishers, which
 * count only when takes_published; among these by language: the one wanted, one of the same main
 * language (de for de-CH and the other way round), en, one of en, `default` or none said, any; the
 * first of equals. A location with both a Uri and an archive is its Uri. Case of tags does not
 * matter, '_' counts as '-'. wanted: may be empty. false: no location can be used; *location is
 * empty then. */
bool gn_registry_location_pick(const json_t *file, struct gn_str wanted, bool takes_published,
                               struct gn_registry_location *location);

/* The name of the registry that file describes: Registry (`iLOEvents.2.3.0`), else Id, else the
 * last part of @odata.id; without ".json". false: none, or too long. */
bool gn_registry_location_name(const json_t *file, char name[GN_REGISTRY_NAME_MAX]);

/* Whether a registry of that name may hold messages: not attribute and privilege registries, which
 * are large and recognised by their names (BiosAttributeRegistryU30.v1_2_0, PrivilegeRegistry). */
bool gn_registry_location_is_wanted(struct gn_str name);

#endif
