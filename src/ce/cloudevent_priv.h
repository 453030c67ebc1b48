/* What the parts of ce/cloudevent share: one decoding, and what it has found of an event before the
 * event is judged. */
#ifndef GURNARD_CE_CLOUDEVENT_PRIV_H
#define GURNARD_CE_CLOUDEVENT_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cloudevent.h"

/* One decoding. */
struct gn_ce_decoder {
    struct gn_json_limits limits; /* those given, without repair of UTF-8 */
    struct gn_arena *arena;       /* borrowed */
    struct gn_buf scratch;        /* a text on its way into the arena */
    char *error;                  /* GN_CE_ERROR_MAX bytes, borrowed */
};

/* The attributes that the specification names. Data is none. */
enum gn_ce_core {
    GN_CE_SPECVERSION,
    GN_CE_ID,
    GN_CE_SOURCE,
    GN_CE_TYPE,
    GN_CE_SUBJECT,
    GN_CE_TIME,
    GN_CE_SCHEMA,
    GN_CE_MEDIA_TYPE,
    GN_CE_ENCODING,
    GN_CE_CORES /* no core attribute */
};

/* The attributes of one event as they were given. */
struct gn_ce_found {
    struct gn_str core[GN_CE_CORES];
    struct gn_ce_extension extensions[GN_CE_EXTENSIONS_MAX];
    size_t extension_count;
};

void gn_ce_decoder_init(struct gn_ce_decoder *d, const struct gn_json_limits *limits,
                        struct gn_arena *arena, char error[GN_CE_ERROR_MAX]);
void gn_ce_decoder_fini(struct gn_ce_decoder *d);

/* Writes the error `name: ` and the formatted text; returns GN_EINVAL. */
enum gn_err gn_ce_wrong(struct gn_ce_decoder *d, struct gn_str name, const char *format, ...)
    GN_PRINTF(3, 4);

/* The core attribute of that name, in the spelling of either version; GN_CE_CORES: none. */
enum gn_ce_core gn_ce_core_of(struct gn_str name, bool nocase);

/* Moves the bytes of the scratch buffer into the arena. GN_ENOMEM, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_ce_keep_scratch(struct gn_ce_decoder *d, struct gn_str *text);

/* Adds the extension name, of letters of any case, or replaces the one found before. value: absent
 * takes it away. GN_EINVAL: not a name, with its text. GN_ELIMIT, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_ce_add_extension(struct gn_ce_decoder *d, struct gn_ce_found *found,
                                              struct gn_str name, struct gn_str value,
                                              bool is_literal);

/* Judges what was found and fills all of event but its data. Errors as of decoding. */
GN_MUST_CHECK enum gn_err gn_ce_settle(struct gn_ce_decoder *d, const struct gn_ce_found *found,
                                       struct gn_cloudevent *event);

/* Whether the media type says JSON. */
bool gn_ce_is_json_type(struct gn_str media_type);

/* The one JSON value that text holds, without what stands around it. GN_EPARSE, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_ce_json_value(const struct gn_ce_decoder *d, struct gn_str text,
                                           struct gn_str *value);

/* Decodes the base64 text into the event's data: JSON when the event's type and the bytes say so.
 * name: who is blamed. */
GN_MUST_CHECK enum gn_err gn_ce_take_base64(struct gn_ce_decoder *d, struct gn_str name,
                                            struct gn_str text, struct gn_cloudevent *event);

/* Takes the body of the binary mode as data, by what was found and the event's media type. */
GN_MUST_CHECK enum gn_err gn_ce_take_body(struct gn_ce_decoder *d, struct gn_str body,
                                          const struct gn_ce_found *found,
                                          struct gn_cloudevent *event);

#endif
