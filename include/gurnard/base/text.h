/* Bytes and characters: UTF-8, percent codes, JSON strings, and a hash. Pure but for the hash,
 * whose key differs from process to process. All may be called from any thread. */
#ifndef GURNARD_BASE_TEXT_H
#define GURNARD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

/* Whether s is well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool gn_text_is_utf8(struct gn_str s);

/* Length in bytes of the well-formed UTF-8 character that s begins with; 0 when there is none. */
size_t gn_text_utf8_len(struct gn_str s);

/* The beginning of s, at most max bytes of it: whole characters, up to the first that is not
 * well-formed. */
struct gn_str gn_text_clip(struct gn_str s, size_t max);

/* Appends s percent-decoded. GN_EPARSE on a broken escape or a decoded NUL, with
 * nothing appended; GN_ENOMEM, GN_ELIMIT as the buffer says. '+' stays. */
GN_MUST_CHECK enum gn_err gn_text_percent_decode(struct gn_str s, struct gn_buf *out);

/* Appends s; each byte of invalid UTF-8 becomes U+FFFD. */
void gn_text_add_utf8(struct gn_buf *out, struct gn_str s);

/* Appends s as a JSON string with its quotes. Escapes '"', '\\' and control characters; each byte
 * of invalid UTF-8 becomes U+FFFD. Other characters pass unchanged. */
void gn_text_add_json(struct gn_buf *out, struct gn_str s);

/* Appends bytes in base64 (RFC 4648, with padding). */
void gn_text_add_base64(struct gn_buf *out, struct gn_str bytes);

/* Appends what base64 text stands for. GN_EPARSE: a foreign character, wrong padding or length;
 * nothing is appended then. GN_ENOMEM, GN_ELIMIT as the buffer says. */
GN_MUST_CHECK enum gn_err gn_text_base64_decode(struct gn_str text, struct gn_buf *out);

/* The 64-bit SipHash-2-4 of s under a process-wide random key: for hash tables fed from outside. */
uint64_t gn_text_hash(struct gn_str s);

#endif
