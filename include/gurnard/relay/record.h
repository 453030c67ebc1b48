/* The records that the relay writes to the journal (docs/journal.md, "Payloads"). */
#ifndef GURNARD_RELAY_RECORD_H
#define GURNARD_RELAY_RECORD_H

#include "gurnard/store/frame.h"

enum {
    GN_RECORD_EVENTS = GN_RECORD_OWNER, /* packed events of one POST (ce/event_pack.h) */
    GN_RECORD_PROGRESS,                 /* how far one subscription is (outbox.h) */
    GN_RECORD_STATE,                    /* checkpoint: the last event of one resource */
    GN_RECORD_IDS,       /* a segment's index: the ids by which repeats are known, a mark, and the
                          * incidents */
    GN_RECORD_INCIDENTS, /* keys by which the events before it are known when they come by another
                          * way */
};

#endif
