/* What a Redfish service says when it refuses: the extended information of an answer, classified by
 * the keys of its messages, whatever registry they name. Pure.
 *
 * Forms met (docs/redfish.md): error.@Message.ExtendedInfo[]; Prop@Message.ExtendedInfo at the top
 * (bmcweb); top-level Messages or ExtendedInfo (iLO 4); a plain string; iLO 5 wraps its success in
 * "error" too, with a key that says Created or Success. */
#ifndef GURNARD_REDFISH_SERVICE_ERROR_H
#define GURNARD_REDFISH_SERVICE_ERROR_H

#include <jansson.h>
#include <stdbool.h>

#include "gurnard/base/str.h"

#define GN_SERVICE_ERROR_PROPERTIES 8   /* rejected properties that are told */
#define GN_SERVICE_ERROR_MESSAGES   32  /* messages looked at */
#define GN_SERVICE_ERROR_TEXT       200 /* bytes of a text, with NUL */

enum gn_service_fault {
    GN_FAULT_NONE,     /* nothing is said, or success */
    GN_FAULT_PROPERTY, /* properties are unknown, read-only, of a wrong value or conflicting: those
                        * in properties may be left off and the request repeated */
    GN_FAULT_MISSING,  /* a property is missing (those in properties) */
    GN_FAULT_LIMIT,    /* no place for a further subscription */
    GN_FAULT_EXISTS,   /* there is one for this destination already: ResourceAlreadyExists, or
                        * PropertyValueModified of Destination (iDRAC) */
    GN_FAULT_BUSY,     /* later: ServiceTemporarilyUnavailable, RateLimited */
    GN_FAULT_DISABLED, /* the service is off */
    GN_FAULT_AUTH,     /* credentials, session or privilege */
    GN_FAULT_ABSENT,   /* no such resource */
    GN_FAULT_ACTION,   /* the action or the method is not there */
    GN_FAULT_OTHER,
};

struct gn_service_error {
    enum gn_service_fault fault; /* the most telling of all messages, in the order above but NONE
                                  * and OTHER last */
    char key[64];                /* of the message that decided, e.g. PropertyUnknown; "" if none */
    char text[GN_SERVICE_ERROR_TEXT]; /* its Message (or the plain string), clipped UTF-8; "" */
    char properties[GN_SERVICE_ERROR_PROPERTIES][64]; /* of the messages with this fault: bare
                                                       * names from the argument that names it
                                                       * (Base tells values before it),
                                                       * RelatedProperties without #/ and /0, and
                                                       * the annotated one; none for other faults
                                                       * than PROPERTY and MISSING */
    size_t property_count;
};

/* Reads an answer. status: of HTTP, decides where the body says nothing that we know: 401 and 403
 * AUTH, 404 ABSENT, 405 ACTION, 429 and 503 BUSY, other 4xx and 5xx OTHER, all else NONE; key and
 * text stay then. But a 403 or 503 with the key EventSubscriptionLimitExceeded is LIMIT (bmcweb).
 * body: NULL when there was no JSON; any type. plain: the body's text when body is NULL, may be
 * absent. */
void gn_service_error_read(int status, const json_t *body, struct gn_str plain,
                           struct gn_service_error *error);

/* "property", "limit", ... for logs, metrics and the admin API; "" for GN_FAULT_NONE. */
const char *gn_service_fault_name(enum gn_service_fault fault);

#endif
