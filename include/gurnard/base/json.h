/* Getters over jansson values for configuration, REST bodies and registries. Not for the event path
 * (base/json_scan.h). All returned pointers are borrowed from the value. */
#ifndef GURNARD_BASE_JSON_H
#define GURNARD_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

/* Parses text as one JSON value of any type, checking size, depth and token count with
 * gn_json_scan first so that hostile input cannot grow the tree: GN_ELIMIT, GN_EPARSE, GN_ENOMEM.
 * limits: NULL means 1 MiB, depth 32, 16384 tokens. \u0000, lone surrogates and numbers out of
 * range are GN_EPARSE here. Returns an owned value in *value, NULL on any error. */
struct gn_json_limits;
GN_MUST_CHECK enum gn_err gn_json_parse(struct gn_str text, const struct gn_json_limits *limits,
                                        json_t **value);

/* From now on jansson ends the process where memory is refused (base/must_alloc.h), for it breaks
 * its heap there. For programs that run long; called before any value exists and before threads
 * start. */
void gn_json_use_must_alloc(void);

/* The member of obj whose name equals key but for ASCII case and white space around it (v1 clients
 * write Resource, RESOURCE, "EndpointUri "). An exact match wins. JSON null counts as absent. NULL
 * when absent or obj is no object. */
json_t *gn_json_get_nocase(const json_t *obj, const char *key);

/* The same value for jansson's iteration, which takes it mutable but does not change it. */
json_t *gn_json_mutable(const json_t *value);

/* The string member key of obj, or the absent view when missing or of another type. */
struct gn_str gn_json_str(const json_t *obj, const char *key);

/* The integer member key of obj, or fallback. */
long long gn_json_int(const json_t *obj, const char *key, long long fallback);

#endif
