/* What the parts of ce/cne share. */
#ifndef GURNARD_CE_CNE_PRIV_H
#define GURNARD_CE_CNE_PRIV_H

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cne.h"

/* Writes an error text. */
void gn_cne_say(char error[GN_CNE_ERROR_MAX], const char *format, ...) GN_PRINTF(2, 3);

/* Writes why body is not JSON, as Go's encoding/json words it:
 *
 * - `EOF`: the body is empty
 * - `unexpected end of JSON input`: it ends too early
 * - `invalid character 'x' CONTEXT`, where CONTEXT is one of: looking for beginning of value,
 *   looking for beginning of object key string, after object key, after object key:value pair,
 *   after array element, after top-level value, in string literal, in string escape code, in \u
 *   hexadecimal character escape, in numeric literal, after decimal point in numeric literal, in
 *   exponent of numeric literal, in literal true (expecting 'u') and so on
 * - `invalid UTF-8 in string literal`: ours; Go repairs it silently, we refuse
 *
 * body must have failed a scan within limits with GN_EPARSE. */
void gn_cne_explain(struct gn_str body, const struct gn_json_limits *limits,
                    char error[GN_CNE_ERROR_MAX]);

/* Appends the shortest decimal text that means the same 64-bit float as text, formed as Go prints
 * it (an exponent below 1e-4 and from 1e+06 on). GN_EPARSE: no decimal number (also: infinity, NaN
 * and hexadecimal forms, which Go's reader takes). GN_ELIMIT: too large. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_cne_add_decimal(struct gn_str text, struct gn_buf *out);

#endif
