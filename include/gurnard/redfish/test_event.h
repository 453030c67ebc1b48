/* SubmitTestEvent: the forms that BMCs want, and how the event is recognised when it comes back.
 * Pure. */
#ifndef GURNARD_REDFISH_TEST_EVENT_H
#define GURNARD_REDFISH_TEST_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"
#include "gurnard/redfish/event_service.h"

/* From poor knowledge to the vendor's own: tried in this order from the first that fits. */
enum gn_test_form {
    GN_TEST_BY_INFO, /* exactly what ActionInfo calls required, and MessageId */
    GN_TEST_FULL,    /* all eight members of the schema, EventType too */
    GN_TEST_MODERN,  /* the same without EventType (bmcweb refuses it) */
    GN_TEST_ID_ONLY, /* MessageId alone (ZT) */
    GN_TEST_DELL,    /* Destination, EventTypes, Context, Protocol, MessageId TMP0118 (iDRAC 9) */
    GN_TEST_FORMS
};

/* Bits of the members that a test event may have: the eight of the schema, a later one, and those
 * that iDRAC wants instead. */
enum gn_test_member {
    GN_TEST_EVENT_TYPE = 1,
    GN_TEST_EVENT_ID = 2,
    GN_TEST_TIMESTAMP = 4,
    GN_TEST_SEVERITY = 8,
    GN_TEST_MESSAGE = 16,
    GN_TEST_MESSAGE_ID = 32,
    GN_TEST_MESSAGE_ARGS = 64,
    GN_TEST_ORIGIN = 128,
    GN_TEST_MESSAGE_SEVERITY = 256,
    GN_TEST_DESTINATION = 512,
    GN_TEST_EVENT_TYPES = 1024,
    GN_TEST_CONTEXT = 2048,
    GN_TEST_PROTOCOL = 4096,
};

/* What ActionInfo says. */
struct gn_test_info {
    bool is_there;            /* it says anything */
    unsigned known, required; /* of enum gn_test_member */
    char message_id[128];     /* an allowable value of MessageId, "" when none is listed */
    char event_type[32];      /* an allowable value of EventType, Alert preferred */
    char severity[24];        /* an allowable value of Severity, OK preferred */
};

/* Reads an ActionInfo resource, or the inline X@Redfish.AllowableValues of the action object; any
 * type, also NULL. Adds to what info holds already (zeroed at first), so both may be read. */
void gn_test_info_read(const json_t *action_info, struct gn_test_info *info);

struct gn_test_want {
    const char *nonce;         /* letters and digits: put into EventId, MessageArgs and Message */
    const char *message_id;    /* a message that the BMC knows, with its registry; not empty */
    const char *origin;        /* OriginOfCondition: the URI of a resource of the BMC */
    const char *timestamp;     /* RFC 3339 */
    const char *url, *context; /* of the subscription (Dell form) */
};

/* The MessageId that a body in that form has, for gn_test_has_key(). A view into info or want. */
struct gn_str gn_test_message_id(enum gn_test_form form, const struct gn_test_info *info,
                                 const struct gn_test_want *want);

/* Appends the body in that form. */
void gn_test_body(enum gn_test_form form, const struct gn_test_info *info,
                  const struct gn_test_want *want, struct gn_buf *out);

/* The first form for such a service (vendor: "Dell", ... as the service root says it, may be
 * empty), and the next after a refusal; GN_TEST_FORMS: none is left. A vendor's own form comes
 * first (Dell, ZT, OpenBMC), then all others in their order; GN_TEST_BY_INFO only when something is
 * required. */
enum gn_test_form gn_test_first(const struct gn_test_info *info, struct gn_str vendor);
enum gn_test_form gn_test_next(enum gn_test_form form, const struct gn_test_info *info,
                               struct gn_str vendor);

/* Whether body, an event that came in, has the nonce in it (anywhere), or a MessageId with the key
 * of message_id (in any case). The second is proof only within a short time of asking. An empty
 * nonce or message_id is in no body. */
bool gn_test_has_nonce(struct gn_str body, struct gn_str nonce);
bool gn_test_has_key(struct gn_str body, struct gn_str message_id);

#endif
