/* Texts of a BMC's resources, copied into the fixed rooms of this folder's structs. A copy is
 * always NUL-terminated, valid UTF-8 and without control characters, so that it can go into logs.
 */
#ifndef GURNARD_REDFISH_RESOURCE_PRIV_H
#define GURNARD_REDFISH_RESOURCE_PRIV_H

#include <jansson.h>
#include <stddef.h>

#include "gurnard/base/str.h"

/* Copies s into out (size bytes, with NUL): what is too long is cut at a whole character. */
void gn_resource_copy(char *out, size_t size, struct gn_str s);

/* The same, but what does not fit as a whole gives "": a cut URI names something else. */
void gn_resource_copy_whole(char *out, size_t size, struct gn_str s);

/* The string member of obj whose name is key in any case, else the absent view. */
struct gn_str gn_resource_text(const json_t *obj, const char *key);

#endif
