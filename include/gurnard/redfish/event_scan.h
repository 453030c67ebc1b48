/* Reads what a BMC POSTed: one pass over the bytes (two for a bare record), no tree, every value
 * kept as received.
 *
 * Accepted besides the schema's form (sources in docs/redfish.md): Events as one object; a bare
 * record without envelope; an array of either at the top; member names in other case; null, numbers
 * and single values where arrays or strings belong; missing members of every kind; a byte order
 * mark in front, NUL bytes and white space behind. */
#ifndef GURNARD_REDFISH_EVENT_SCAN_H
#define GURNARD_REDFISH_EVENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/str.h"

#define GN_REDFISH_DEPTH_MAX   32     /* nesting of a body */
#define GN_REDFISH_TOKENS_MAX  262144 /* values and keys in a body */
#define GN_REDFISH_RECORDS_MAX 1024   /* records in one body, and events in one array */
#define GN_REDFISH_EXTRAS_MAX  256    /* unknown members of one object; more: GN_ELIMIT */
#define GN_REDFISH_ARGS_MAX    64     /* MessageArgs looked at; later ones are only passed on */

/* Members that cloud-event-proxy's consumers know, in the order in which they are written to them
 * (sdk-go a635605 pkg/event/redfish). */
enum gn_redfish_envelope_member {
    GN_ENV_ODATA_CONTEXT,
    GN_ENV_ACTIONS,
    GN_ENV_CONTEXT,
    GN_ENV_DESCRIPTION,
    GN_ENV_OEM,
    GN_ENV_ODATA_TYPE,
    GN_ENV_EVENTS, /* its records are in gn_redfish_event.records; the slot itself stays absent */
    GN_ENV_ID,
    GN_ENV_NAME,
    GN_ENV_COUNT
};

enum gn_redfish_record_member {
    GN_REC_ACTIONS,
    GN_REC_CONTEXT,
    GN_REC_EVENT_GROUP_ID,
    GN_REC_EVENT_ID,
    GN_REC_EVENT_TIMESTAMP,
    GN_REC_MESSAGE,
    GN_REC_MESSAGE_ARGS,
    GN_REC_OEM,
    GN_REC_ORIGIN_OF_CONDITION,
    GN_REC_SEVERITY,
    GN_REC_RESOLUTION,
    GN_REC_MESSAGE_ID,
    GN_REC_MEMBER_ID,
    GN_REC_EVENT_TYPE,
    GN_REC_MESSAGE_SEVERITY, /* known to us, not to the v1 consumers: written with the unknown ones
                              */
    GN_REC_COUNT
};

/* A value as received: its bytes and its kind. Absent (raw.p NULL) also when the BMC sent null. */
struct gn_redfish_value {
    struct gn_str raw;      /* JSON text of the value */
    enum gn_json_type type; /* GN_JSON_STRING, _NUMBER, _TRUE, _FALSE, _OBJECT, _ARRAY */
};

/* A member that is not in the lists above. */
struct gn_redfish_extra {
    struct gn_str key;   /* with its quotes, as received */
    struct gn_str value; /* JSON text, as received; null included */
};

struct gn_redfish_record {
    struct gn_redfish_value known[GN_REC_COUNT];
    struct gn_redfish_extra *extras; /* in the arena */
    uint32_t extra_count;
};

struct gn_redfish_event {
    struct gn_redfish_value known[GN_ENV_COUNT];
    struct gn_redfish_extra *extras;
    uint32_t extra_count;
    struct gn_redfish_record *records; /* in the arena */
    uint32_t record_count;
    bool is_bare;      /* there was no envelope: a record came alone, the only one of records */
    bool had_bad_utf8; /* as that of the payload: raw and the views may hold invalid UTF-8 */
    struct gn_str raw; /* what of the body this event is: all of it, or one array element */
};

enum gn_redfish_kind {
    GN_REDFISH_EVENT,         /* at least one event below */
    GN_REDFISH_METRIC_REPORT, /* a MetricReport (by @odata.type or MetricValues); events is empty */
    GN_REDFISH_OTHER,         /* well-formed JSON, but nothing that looks like an event */
};

struct gn_redfish_payload {
    enum gn_redfish_kind kind;
    struct gn_redfish_event *events; /* in the arena; several only for an array at the top */
    uint32_t event_count;
    struct gn_str json; /* the body without byte order mark and trailing padding */
    bool had_bad_utf8;  /* invalid UTF-8 in some string; the writer replaces it */
};

/* Scans body (at most max_bytes) into *payload. All views point into body, all arrays into arena,
 * so both must outlive the payload. An object counts as a record when it has MessageId, or Message
 * with Severity, EventType, EventId or EventTimestamp; as an envelope when it has Events (or an
 * @odata.type that names Event). A known member that comes twice counts as it came last; elements
 * of Events that are no objects are passed over. GN_EPARSE: not JSON. GN_ELIMIT: a limit above was
 * passed. GN_ENOMEM. On any error *payload is empty. *offset (may be NULL) tells where the scan
 * ended. */
GN_MUST_CHECK enum gn_err gn_redfish_scan(struct gn_str body, size_t max_bytes,
                                          struct gn_arena *arena,
                                          struct gn_redfish_payload *payload, size_t *offset);

/* The meaning of a string value (escapes resolved), or of a number or boolean its text; in the
 * arena where it must be copied, else a view into the body. Absent for other kinds, for an absent
 * value and when there is no memory. */
struct gn_str gn_redfish_text(const struct gn_redfish_value *value, struct gn_arena *arena);

/* The MessageArgs of a record as texts: the elements of an array, or one single value. Each keeps
 * its place: null is empty, objects and arrays are their JSON text. At most GN_REDFISH_ARGS_MAX.
 * Returns their number; *args is in the arena, NULL when there are none or no memory. */
size_t gn_redfish_args(const struct gn_redfish_record *record, struct gn_arena *arena,
                       struct gn_str **args);

/* OriginOfCondition as a path: the string itself, or the object's @odata.id. Absent if neither. */
struct gn_str gn_redfish_origin(const struct gn_redfish_record *record, struct gn_arena *arena);

#endif
