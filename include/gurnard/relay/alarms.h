/* What is wrong now: the active alarms of each BMC, from the severity of its events and the
 * clearing logic of the registries.
 *
 * A record of severity Warning or Critical raises the alarm (BMC, registry, key, origin); the same
 * again counts up. It ends with a record whose registry message clears it, or the same message with
 * severity OK. Clearing logic: ClearsMessage (or iLO's ClearsMessages) names keys, of the same
 * registry unless they say another; ClearsAll stands for all keys of the same registry. The origin
 * must be the same, but for ClearsAll without ClearsIf. Origins are compared without a slash at the
 * end, registries and keys without case. Kept in a file, so that a restart does not forget. */
#ifndef GURNARD_RELAY_ALARMS_H
#define GURNARD_RELAY_ALARMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"
#include "gurnard/redfish/severity.h"

#define GN_ALARMS_PER_BMC    1024  /* beyond, the BMC's oldest of the lowest severity goes */
#define GN_ALARMS_MAX        50000 /* of all BMCs; likewise */
#define GN_ALARMS_BYTES_MAX  ((size_t)32 << 20) /* their texts; likewise */
#define GN_ALARMS_TEXT_MAX   512                /* bytes kept of origin, message, name of the BMC */
#define GN_ALARMS_NAME_MAX   128                /* bytes kept of registry, key, event */
#define GN_ALARMS_CLEARS_MAX 64   /* keys that one message clears; later ones are not looked at */
#define GN_ALARMS_LOGIC_MAX  8192 /* bytes of clearing logic; beyond it clears nothing */

struct gn_alarms;

/* What the intake knows of a record. All borrowed; texts may be absent. */
struct gn_alarm_note {
    struct gn_str bmc;      /* name, else what identifies it */
    struct gn_str registry; /* prefix; absent for a bare key that no registry has */
    struct gn_str key;      /* of the MessageId; absent: the record is passed over */
    struct gn_str origin;   /* OriginOfCondition */
    struct gn_str message;  /* the finished text */
    struct gn_str event_id; /* of the event it came in */
    struct gn_str clears;   /* the registry's ClearingLogic, JSON; absent: none */
    enum gn_severity severity;
    int64_t time_ns;  /* of the event */
    bool is_late;     /* read from a log: what was raised after time_ns is not ended by it */
    bool is_repeated; /* known already by another way: it ends alarms, but raises none */
};

/* metrics: gurnard_alarms{severity}; may be NULL. NULL: no memory. */
struct gn_alarms *gn_alarms_new(struct gn_metrics *metrics);
void gn_alarms_free(struct gn_alarms *alarms);

/* Takes a record in. Without memory it is as if it had not come (counted by
 * gurnard_alarms_forgotten_total, as are those dropped for room). */
void gn_alarms_note(struct gn_alarms *alarms, const struct gn_alarm_note *note);

/* All of a BMC end: it left the inventory. */
void gn_alarms_forget(struct gn_alarms *alarms, struct gn_str bmc);

/* One ends by hand. GN_ENOTFOUND. id: as gn_alarms_list() tells it. */
GN_MUST_CHECK enum gn_err gn_alarms_clear(struct gn_alarms *alarms, struct gn_str id);

/* {"alarms":[{"id","bmc","severity","message_id","message","origin","raised","last","count",
 * "event"}]}, by severity, then the latest first; of one BMC when bmc is not absent. Owned by the
 * caller. NULL: no memory. */
json_t *gn_alarms_list(const struct gn_alarms *alarms, struct gn_str bmc);

struct gn_alarms_count {
    uint32_t critical, warning;
};
/* How many there are; of one BMC when bmc is not absent. */
struct gn_alarms_count gn_alarms_count(const struct gn_alarms *alarms, struct gn_str bmc);

/* Goes up with each change, for whoever saves the table. */
uint64_t gn_alarms_version(const struct gn_alarms *alarms);

/* The number behind the last event of the journal that the table has taken in, 0: not known. Kept
 * with the table: recovery notes what the journal has beyond it. No change of the version. */
uint64_t gn_alarms_next(const struct gn_alarms *alarms);
void gn_alarms_set_next(struct gn_alarms *alarms, uint64_t sequence);

/* The table as JSON text and back (replaces what is there, but for what passes the limits above).
 * save: GN_ENOMEM, GN_ELIMIT: out is too small. load: GN_EPARSE, GN_ENOMEM: nothing was taken. */
GN_MUST_CHECK enum gn_err gn_alarms_save(const struct gn_alarms *alarms, struct gn_buf *out);
GN_MUST_CHECK enum gn_err gn_alarms_load(struct gn_alarms *alarms, struct gn_str text);

#endif
