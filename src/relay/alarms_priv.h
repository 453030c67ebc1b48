/* The inside of the table of alarms:
 *   alarms.c        what raises and ends them
 *   alarms_table.c  the table and its limits
 *   alarms_logic.c  clearing logic of registries (pure)
 *   alarms_list.c   as JSON for who asks
 *   alarms_file.c   as JSON text and back */
#ifndef GURNARD_RELAY_ALARMS_PRIV_H
#define GURNARD_RELAY_ALARMS_PRIV_H

#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/id.h"
#include "gurnard/relay/alarms.h"

enum { GN_ALARM_WARNING, GN_ALARM_CRITICAL, GN_ALARM_LEVELS };

TAILQ_HEAD(gn_alarm_list, gn_alarm);

/* A BMC that has alarms. */
struct gn_alarm_bmc {
    struct gn_alarm_list lists[GN_ALARM_LEVELS]; /* the longest unheard of first */
    uint32_t counts[GN_ALARM_LEVELS];
    UT_hash_handle hh;
    size_t name_len;
    char name[];
};

struct gn_alarm {
    struct gn_id id;
    struct gn_alarm_bmc *bmc;
    uint64_t name_hash;
    int level;
    int64_t raised_ns, last_ns;
    uint64_t count;
    char *message; /* NULL: none */
    size_t message_len;
    char event_id[GN_ALARMS_NAME_MAX + 1];
    TAILQ_ENTRY(gn_alarm) of_bmc, of_all;
    UT_hash_handle hh;
    struct gn_str registry, key, origin; /* in text */
    size_t text_len;
    char text[];
};

/* What a table is made of; one is built aside when a file is loaded. */
struct gn_alarm_table {
    struct gn_alarm *by_id;
    struct gn_alarm_bmc *bmcs;                   /* by name; each has an alarm */
    struct gn_alarm_list lists[GN_ALARM_LEVELS]; /* of all BMCs, the longest unheard of first */
    uint32_t counts[GN_ALARM_LEVELS];
    size_t bytes; /* of texts */
};

struct gn_alarms {
    struct gn_alarm_table table;
    uint64_t version, next;
    struct gn_metric *gauges[GN_ALARM_LEVELS]; /* NULL without metrics */
    struct gn_metric *forgotten;
};

/* An alarm as it stands in a file or a list. Views. */
struct gn_alarm_row {
    struct gn_str bmc, registry, key, origin, message, event_id;
    enum gn_severity severity;
    int64_t raised_ns, last_ns;
    uint64_t count;
};

/* ---- alarms.c ---- */

/* The table has changed: version, gauges. */
void gn_alarms_changed(struct gn_alarms *alarms);

/* ---- alarms_table.c ---- */

void gn_alarm_table_init(struct gn_alarm_table *table);
void gn_alarm_table_fini(struct gn_alarm_table *table);
/* to must be empty; from is, afterwards. */
void gn_alarm_table_move(struct gn_alarm_table *from, struct gn_alarm_table *to);

/* Puts an alarm in, texts clipped, as the latest; one that is there already stays. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_alarm_table_add(struct gn_alarm_table *table,
                                             const struct gn_alarm_row *row);

/* Drops what is above the limits; how many. */
uint32_t gn_alarm_table_trim(struct gn_alarm_table *table);

/* Calls fn for each alarm, those of severity Warning first, the longest unheard of first. */
typedef void (*gn_alarm_each_fn)(void *ctx, const struct gn_id *id, const struct gn_alarm_row *row);
void gn_alarm_table_each(const struct gn_alarm_table *table, gn_alarm_each_fn fn, void *ctx);

/* What is kept of a text: whole characters; of an origin without a slash at its end. */
struct gn_str gn_alarm_name_part(struct gn_str text);
struct gn_str gn_alarm_long_part(struct gn_str text);
struct gn_str gn_alarm_origin_part(struct gn_str origin);

/* NULL: there is none. */
struct gn_alarm_bmc *gn_alarm_find_bmc(const struct gn_alarm_table *table, struct gn_str name);
struct gn_alarm *gn_alarm_find(const struct gn_alarm_table *table, struct gn_str id);

/* The alarm of this row, made of it when there was none; NULL: no memory. */
struct gn_alarm *gn_alarm_need(struct gn_alarm_table *table, const struct gn_alarm_row *row);

/* It came again. */
void gn_alarm_renew(struct gn_alarm_table *table, struct gn_alarm *alarm,
                    const struct gn_alarm_note *note);

/* Takes an alarm out. Its BMC stays, though it may have none left: to be tidied. */
void gn_alarm_drop(struct gn_alarm_table *table, struct gn_alarm *alarm);
void gn_alarm_tidy_bmc(struct gn_alarm_table *table, struct gn_alarm_bmc *bmc);

/* The one that goes first when there is no room. */
struct gn_alarm *gn_alarm_least(struct gn_alarm_list lists[GN_ALARM_LEVELS]);

/* Drops what is above the limits of bmc, then of all; how many. */
uint32_t gn_alarm_trim(struct gn_alarm_table *table, struct gn_alarm_bmc *bmc);

/* ---- alarms_logic.c ---- */

/* The name of a message, registry and key in lower case, and its keyed hash. */
struct gn_alarm_name {
    char text[2 * GN_ALARMS_NAME_MAX + 1];
    size_t len;
    uint64_t hash;
};
void gn_alarm_name_of(struct gn_str registry, struct gn_str key, struct gn_alarm_name *name);

/* What a message clears. */
struct gn_alarm_logic {
    uint64_t names[GN_ALARMS_CLEARS_MAX]; /* hashes */
    size_t name_count;
    bool clears_all; /* of the registry */
    bool any_origin;
};

/* Reads clearing logic of registry's; whatever it cannot make sense of clears nothing. */
void gn_alarm_logic_read(struct gn_str json, struct gn_str registry, struct gn_alarm_logic *logic);

#endif
