/* Reads server-sent events (HTML standard, "event stream interpretation") from bytes as they come.
 * Pure.
 *
 * CR, LF and CRLF end lines, also when a piece ends between CR and LF; a byte order mark in front
 * is passed over; comments and unknown fields too; data lines are joined by LF. Beyond the
 * standard: OME-Modular breaks the JSON of `data:` over lines without a field name, so a line that
 * is no field of the standard and follows a data line whose JSON is not complete is taken as its
 * continuation. */
#ifndef GURNARD_NET_SSE_H
#define GURNARD_NET_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_SSE_LINE_MAX  ((size_t)1 << 20) /* bytes of a line */
#define GN_SSE_EVENT_MAX ((size_t)8 << 20) /* bytes of an event's data */
#define GN_SSE_ID_MAX    256 /* bytes of an id that is kept; longer ones are ignored */

/* One event. Views are valid during the call. */
struct gn_sse_event {
    struct gn_str id;   /* last id seen so far, also before a restart; may be empty */
    struct gn_str type; /* of the field event; empty: message */
    struct gn_str data; /* never empty: an event without data is not told */
};

/* An event has ended. */
typedef void (*gn_sse_event_fn)(void *ctx, const struct gn_sse_event *event);

/* How far the JSON of an event's data has come; private. */
struct gn_sse_json {
    size_t depth; /* of objects and arrays; above 0: not complete */
    bool is_in_string, is_escaped;
    bool has_ended; /* or never was an object or an array */
};

struct gn_sse {
    gn_sse_event_fn fn;
    void *ctx;
    struct gn_buf line, data, type, begun_id; /* private */
    struct gn_sse_json json;                  /* private */
    struct gn_buf id;          /* of the last event that has ended, with data or without: what to
                                * send as Last-Event-ID; read only */
    uint64_t retry_ms;         /* of the last field retry; 0: none came */
    uint64_t events, comments; /* seen so far */
    bool has_bom_passed, ends_with_cr, has_data; /* private */
};

/* fn is called from inside gn_sse_feed(); it must call none of these functions. */
void gn_sse_init(struct gn_sse *sse, gn_sse_event_fn fn, void *ctx);
void gn_sse_fini(struct gn_sse *sse);

/* Forgets what was begun, not id and retry: for the next connection. */
void gn_sse_restart(struct gn_sse *sse);

/* Takes the next bytes. GN_ELIMIT: a line or an event is too long. GN_ENOMEM. After an error only
 * restart and fini are allowed. */
GN_MUST_CHECK enum gn_err gn_sse_feed(struct gn_sse *sse, struct gn_str bytes);

#endif
