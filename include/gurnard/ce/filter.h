/* Filters over the attributes of an event: the six dialects of the CloudEvents Subscriptions API
 * (0.1-wip): exact, prefix, suffix, all, any, not. Pure; a filter is immutable and may be asked
 * from any thread. */
#ifndef GURNARD_CE_FILTER_H
#define GURNARD_CE_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_FILTER_DEPTH_MAX 16   /* filters inside each other */
#define GN_FILTER_NODES_MAX 256  /* of one subscription */
#define GN_FILTER_TEXT_MAX  1024 /* bytes of a name or a value */
#define GN_FILTER_ERROR_MAX 256

struct gn_filter;

/* Reads the array `filters` of a subscription: objects of one dialect each,
 * `{"prefix":{"type":"org.dmtf."}}`, `{"all":[...]}`, `{"any":[...]}`, `{"not":{...}}`; exact,
 * prefix and suffix with one attribute or several, all of which must hold. *filter is NULL for an
 * empty array: everything passes. GN_EINVAL: an unknown dialect (GN_EUNSUPPORTED), a wrong type, an
 * empty name or value, an empty all or any, more than one dialect in an object; error says what and
 * where: `filters[1].any[0]: unknown dialect "sql"`. GN_ELIMIT: a limit above. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_filter_parse(const json_t *filters, struct gn_filter **filter,
                                          char error[GN_FILTER_ERROR_MAX]);
/* NULL is fine. */
void gn_filter_free(struct gn_filter *filter);

/* The attribute's value as text, or absent. */
typedef struct gn_str (*gn_filter_get_fn)(const void *ctx, struct gn_str name);

/* Whether the event passes. NULL passes everything. An attribute that is absent never equals,
 * begins or ends with anything. Names are compared in lower case. */
bool gn_filter_passes(const struct gn_filter *filter, gn_filter_get_fn get, const void *ctx);

#endif
