/* One event on its way: immutable, reference-counted, encoded once and shared by all subscribers.
 *
 * It is held as the CloudNativeEvent that v1 consumers get; the other faces (CloudEvents 0.3
 * and 1.0) are cut from the same bytes. */
#ifndef GURNARD_CE_EVENT_H
#define GURNARD_CE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/id.h"
#include "gurnard/base/str.h"

/* How much is lost with an event, for the choice of what goes first when there is no room. */
enum gn_rank {
    GN_RANK_LOW,    /* severity OK */
    GN_RANK_MIDDLE, /* Warning */
    GN_RANK_HIGH,   /* Critical, or nobody said */
    GN_RANKS
};

/* What is special about an event; several may hold. */
enum gn_event_flags {
    GN_EVENT_PLAIN = 1,  /* data is anything, not {"version":...,"values":[...]}: only subscribers
                          * of the native API can be told */
    GN_EVENT_BASE64 = 2, /* PLAIN, and data is a JSON string that holds the bytes in base64 */
    GN_EVENT_FROM_PEER = 4, /* another proxy sent it: it is not sent on to proxies */
    GN_EVENT_PUBLISHED = 8, /* created through the API: origin is the id of the publisher, who is
                             * told how it ended */
};

/* What an event is made from. All views are copied. */
struct gn_event_parts {
    struct gn_id id;        /* of the event itself, stable over retries and subscribers */
    struct gn_str type;     /* plain text, e.g. event.redfish.alert */
    struct gn_str source;   /* plain text: the CNE `source`, e.g. the publisher's resource */
    struct gn_str resource; /* plain text: the address it is published under and routed by */
    struct gn_str data;     /* JSON text of the data object {"version":...,"values":[...]}; compact;
                             * absent: the event has no data member */
    struct gn_str data_schema; /* plain text; absent as a rule */
    struct gn_str origin;      /* plain text: the BMC that it came from, or (GN_EVENT_PUBLISHED) the
                                * publisher; absent when that is not known */
    struct gn_str attributes;  /* JSON text, compact: an object with the CloudEvents attributes that
                                * came with it and have no place here: `id` (when it is no UUID),
                                * `subject`, `datacontenttype`, `dataschema`, extensions. Absent:
                                * none */
    unsigned flags;            /* of enum gn_event_flags */
    int64_t time_ns;           /* the event's time, UTC */
    int64_t received_ns;       /* the calendar's time at arrival, UTC */
    uint64_t received_us;      /* monotonic clock at arrival, for the latency figures; 0: it came
                                * before this process began */
    uint64_t lane; /* events of equal lane (one BMC) keep their order on each subscription; the
                    * same in every process */
    enum gn_rank rank;
    bool is_named; /* its id follows from its content: a repeat can be recognised */
};

struct gn_event {
    uint32_t refs;       /* private */
    uint32_t bytes_held; /* size of this allocation, for accounts */
    struct gn_id id;
    int64_t time_ns;
    int64_t received_ns;
    uint64_t received_us;
    uint64_t lane;
    enum gn_rank rank;
    bool is_named;
    unsigned flags;
    struct gn_str origin;
    struct gn_str attributes;
    struct gn_str type;
    struct gn_str source;
    struct gn_str resource;
    struct gn_str data;     /* as given */
    struct gn_str cne_tail; /* the v1 body behind the id's value: `","type":...}`; holds data */
};

/* Makes an event with one reference, owned by the caller. NULL when there is no memory. */
struct gn_event *gn_event_new(const struct gn_event_parts *parts);

/* Takes another reference; returns event. */
struct gn_event *gn_event_ref(struct gn_event *event);

/* Gives a reference back; the last frees. NULL is fine. */
void gn_event_unref(struct gn_event *event);

#endif
