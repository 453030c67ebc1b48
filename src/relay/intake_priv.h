/* A BMC's body on its way through the intake:
 *   intake.c         the way: scan, make, compare, publish, answer
 *   intake_make.c    who sent it, and events from what was scanned
 *   intake_repeat.c  whether it is known already: by its id, or by its incident
 *   intake_lack.c    looking into a body without taking it in
 *   intake_textless.c  what is made up for when a registry comes
 *   intake_storm.c   storm control
 *   intake_note.c    what alarms and registries are told of it
 *   intake_own.c     events of gurnard's own */
#ifndef GURNARD_RELAY_INTAKE_PRIV_H
#define GURNARD_RELAY_INTAKE_PRIV_H

#include "gurnard/redfish/incident.h"

#include "relay_priv.h"

/* The keys of a record's incident. */
struct gn_intake_keys {
    struct gn_id ids[GN_INCIDENT_KEYS];
    size_t count;
};

/* One event of a body. All in the arena but event. */
struct gn_intake_item {
    const struct gn_redfish_event *from; /* NULL: JSON without an event */
    struct gn_redfish_fill *fills;       /* one for each record */
    struct gn_message *found;            /* likewise, for the alarms; NULL: nobody asks */
    struct gn_intake_keys *keys;         /* likewise; NULL: not compared by incident */
    struct gn_event *event;              /* owned */
    bool is_repeated;
    bool lacks_registry; /* of one of its records at least */
};

/* One body. */
struct gn_intake_work {
    struct gn_relay *relay;
    const struct gn_relay_source *source;
    bool is_summary; /* of a fold: new by itself, and not to be folded again */
    uint64_t folded; /* how many it stands for */
    int64_t folded_last_ns;
    struct gn_arena arena;
    struct gn_redfish_payload payload;
    struct gn_str identity; /* in the arena */
    uint64_t lane;
    struct gn_intake_item *items; /* in the arena */
    size_t count;
    size_t repeated, published;
    bool is_folded; /* the one event of this body */
    bool begins_storm;
};

/* ---- intake.c ---- */

/* Takes the body that work was begun for: relay, source and what is known of a fold. */
enum gn_intake gn_intake_take(struct gn_intake_work *in, struct gn_str body);

/* ---- intake_make.c ---- */

/* Name, else address of the sender: for logs, and as the event's origin. */
struct gn_str gn_intake_who(const struct gn_relay_source *source);

/* Fills identity, lane, items. GN_ENOMEM, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_intake_make(struct gn_intake_work *in);

/* ---- intake_repeat.c ---- */

/* Finds the keys of the item's records, when its source wants them. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_intake_find_keys(struct gn_intake_work *in,
                                              struct gn_intake_item *item);

/* Marks the items that are known. */
void gn_intake_mark_repeats(struct gn_intake_work *in);

/* Remembers the incidents of the items, those of new ones in the journal too. */
void gn_intake_keep_keys(struct gn_intake_work *in);

/* ---- intake_lack.c ---- */

/* Calls fn for each record of body. false: it is no JSON, or passes a limit. */
typedef void (*gn_relay_record_fn)(void *ctx, const struct gn_redfish_record *record,
                                   struct gn_arena *arena);
bool gn_relay_each_record(struct gn_relay *relay, struct gn_str body, gn_relay_record_fn fn,
                          void *ctx);

/* The keys of a record with the texts of the registries in use. Returns their number. */
size_t gn_relay_record_keys(struct gn_relay *relay, const struct gn_redfish_record *record,
                            struct gn_arena *arena, struct gn_id keys[GN_INCIDENT_KEYS]);

/* ---- intake_textless.c ---- */

/* Keeps an event whose registry is not there, until gn_relay_note_textless(). */
void gn_intake_keep_textless(struct gn_intake_work *in, const struct gn_intake_item *item);

/* ---- intake_storm.c ---- */

/* Whether the body is folded instead of published. */
bool gn_intake_fold(struct gn_intake_work *in, struct gn_str body);

/* After the intake of a body: what a storm's beginning asks for. */
void gn_intake_after_fold(struct gn_intake_work *in);

/* Says in the records of event, which stands for a fold, how many it stands for. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_intake_mark_fold(struct gn_intake_work *in,
                                              struct gn_redfish_event *event);

/* ---- intake_note.c ---- */

/* Tells the alarms of the items. */
void gn_intake_note(struct gn_intake_work *in);

#endif
