/* What the parts of the native face share: one reading of an event. */
#ifndef GURNARD_RELAY_NATIVE_PRIV_H
#define GURNARD_RELAY_NATIVE_PRIV_H

#include "gurnard/base/json_scan.h"
#include "gurnard/redfish/severity.h"
#include "gurnard/relay/native.h"

#define GN_NATIVE_JSON_TYPE "application/json"

/* The event as it is read. The first failure sticks; what comes behind it is of no use. */
struct native_reading {
    const struct gn_event *event;
    const char *node;
    struct gn_arena *arena;
    uint64_t sequence;
    struct gn_str id, subject, datacontenttype, dataschema; /* of event->attributes */
    struct gn_ce_extension *came;                           /* likewise */
    size_t came_count;
    struct gn_str received; /* the time of arrival as text, once it was asked for */
    enum gn_err err;
};

/* What the extensions of one CloudEvent are made from. Absent where it is not known. */
struct native_facts {
    enum gn_severity severity;
    struct gn_str bmc, message_id, registry;
    size_t place; /* of the record */
};

/* For JSON that was checked when it came. */
extern const struct gn_json_limits gn_native_limits;

/* Room in the arena, for count events all zero; NULL with GN_ENOMEM in the reading. */
void *gn_native_alloc(struct native_reading *rd, size_t size);
struct gn_native_event *gn_native_events(struct native_reading *rd, size_t count);

/* The parts one behind another. Absent when there is no memory. */
struct gn_str gn_native_join(struct native_reading *rd, const struct gn_str *parts, size_t count);

/* The meaning of a token that is a string, number or boolean; absent of others and, with GN_ENOMEM
 * in the reading, when there is no memory. */
struct gn_str gn_native_text(struct native_reading *rd, const struct gn_json_token *token);

/* text if an attribute may have it as its value, else absent: not empty, not longer than what
 * receivers of CloudEvents must take, UTF-8, no control characters. */
struct gn_str gn_native_clean(struct gn_str text);

/* text with what may not stand in an URI percent-encoded; is_segment: in one segment of a path. */
struct gn_str gn_native_uri(struct native_reading *rd, struct gn_str text, bool is_segment);

/* Times as text: of arrival, and any. */
struct gn_str gn_native_received(struct native_reading *rd);
struct gn_str gn_native_time(struct native_reading *rd, int64_t ns);

/* Gives ce, whose id is set, the extensions that follow from facts, then those that came with the
 * event, which stand in the place of ours of the same name. */
void gn_native_extend(struct native_reading *rd, const struct native_facts *facts,
                      struct gn_cloudevent *ce);

/* Reads event->attributes into the reading. */
void gn_native_read_attributes(struct native_reading *rd);

/* Whether data is that of a Redfish event: the first of its values says so, and is given. */
bool gn_native_redfish_value(struct gn_str data, struct gn_str *value);

/* The readings by kind: value of a Redfish event, data of a publisher, of the native intake. */
struct gn_native_view gn_native_redfish(struct native_reading *rd, struct gn_str value,
                                        enum gn_native_split split);
struct gn_native_view gn_native_cne(struct native_reading *rd);
struct gn_native_view gn_native_plain(struct native_reading *rd);

#endif
