/* Trees of values from outside, YAML or JSON, as compact JSON text: what a setting of any shape and
 * the inventory's files become.
 *
 * YAML is read by its core schema: plain scalars are null, booleans, integers, numbers or texts;
 * quoted and block ones are texts. Aliases are followed as far as the limits go. Refused are tags,
 * keys given twice or that are no scalars, numbers that JSON has not (.inf, .nan) or that do not
 * fit 64 bits, NUL characters, and a second document. */
#ifndef GURNARD_APP_TREE_H
#define GURNARD_APP_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_TREE_KEYS_MAX 512 /* of one mapping of YAML */

struct gn_tree_limits {
    size_t max_bytes;   /* of the text and of the JSON that comes of it */
    uint32_t max_depth; /* lists and mappings inside each other */
};

/* What is wrong, and where. */
struct gn_tree_fault {
    size_t line, column; /* from 1 */
    char what[160];
};

/* Sets *json to the value of text, owned by the caller. Nothing but comments: null. GN_EINVAL:
 * fault says what is wrong. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_tree_from_yaml(struct gn_str text, const struct gn_tree_limits *limits,
                                            char **json, struct gn_tree_fault *fault);
GN_MUST_CHECK enum gn_err gn_tree_from_json(struct gn_str text, const struct gn_tree_limits *limits,
                                            char **json, struct gn_tree_fault *fault);

#endif
