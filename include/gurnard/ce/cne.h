/* CloudNativeEvents: the JSON that cloud-event-proxy's v1 API sends and takes (docs/api.md). Pure.
 */
#ifndef GURNARD_CE_CNE_H
#define GURNARD_CE_CNE_H

#include <stdbool.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/ce/event.h"

#define GN_CNE_TYPE_REDFISH "event.redfish.alert"
#define GN_CNE_TYPE_METRICS                                                                        \
    "event.redfish.metric-report" /* gurnard's own: the original had none                          \
                                   */
#define GN_CNE_BODY_PARTS   3
#define GN_CNE_CONTENT_TYPE "application/json"

/* The body that a v1 consumer gets, as pieces to be sent one after another without copying:
 * `{"id":"`, the subscription's id, `","type":...}`. subscription_id and event are borrowed as long
 * as the parts are used. The id must need no JSON escapes (it is a UUID or came through
 * gn_cne_id_is_plain()). */
void gn_cne_body(const struct gn_event *event, struct gn_str subscription_id,
                 struct gn_str parts[GN_CNE_BODY_PARTS]);

/* Whether an id from an old store file can stand between quotes as it is. */
bool gn_cne_id_is_plain(struct gn_str id);

/* Appends the data object of a Redfish event: version v1 and one value of valueType redfish-event.
 * resource: /redfish/v1/Systems. value: JSON text. */
void gn_cne_redfish_data(struct gn_str resource, struct gn_str value, struct gn_buf *out);

/* Appends event as a structured CloudEvent 0.3, as CurrentState answers it: specversion, id, source
 * (the resource), type, subject (the CNE source), datacontenttype, time, data. */
void gn_cne_structured(const struct gn_event *event, struct gn_buf *out);

/* What POST /create/event carries. Views point into the body that was parsed, or into plain. */
struct gn_cne_request {
    struct gn_str id;     /* the publisher's id, plain text */
    struct gn_str type;   /* plain text, may be absent */
    struct gn_str source; /* plain text, may be absent */
    int64_t time_ns;      /* 0 when absent */
    struct gn_str data_schema;
    struct gn_buf data;  /* re-encoded data object, compact; empty when the body had none */
    struct gn_buf plain; /* private: the texts that had escapes */
};

#define GN_CNE_ERROR_MAX 256

/* Parses the body of POST /create/event; member names in their exact case, null counts as absent,
 * of members given twice the last counts, unknown ones are dropped. On GN_EPARSE and GN_EINVAL
 * error holds the text that the v1 API answers, as Go's decoder words it (docs/api.md), else "":
 *
 * - body cut short: `unexpected end of JSON input`
 * - not JSON: `invalid character 'x' looking for beginning of value`
 * - a member of a wrong type: `ReadString: expects " or n, but found 5`
 * - time not RFC 3339: `cannot convert "garbage" to time.Time: not in RFC3339 format`
 * - unknown valueType: `value type weird is not supported`
 *
 * decimal64.3 takes a number or a string and becomes a string in the shortest form that means the
 * same ("100.30" becomes "100.3"); enumeration takes a string, or a number as its text;
 * redfish-event takes any value and passes it on. limits: of the body; invalid UTF-8 is never let
 * through. GN_ELIMIT, GN_ENOMEM. On success the caller frees with gn_cne_request_fini(). */
struct gn_json_limits;
GN_MUST_CHECK enum gn_err gn_cne_parse(struct gn_str body, const struct gn_json_limits *limits,
                                       struct gn_cne_request *request,
                                       char error[GN_CNE_ERROR_MAX]);
void gn_cne_request_fini(struct gn_cne_request *request);

#endif
