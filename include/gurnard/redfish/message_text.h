/* Puts MessageArgs into a registry's message text. Pure. */
#ifndef GURNARD_REDFISH_MESSAGE_TEXT_H
#define GURNARD_REDFISH_MESSAGE_TEXT_H

#include <stddef.h>

#include "gurnard/base/buf.h"

/* Bytes of a finished text; what is longer is cut at a character. */
#define GN_MESSAGE_TEXT_MAX 8192

/* Appends text with each %N (N from 1, all digits that follow count: %10 is the tenth) replaced by
 * args[N-1], in a single pass: an argument that itself holds %2 is not looked at again. The
 * NumberOfArgs of registries is not trusted. A missing argument stays as its visible placeholder;
 * %% becomes %; any other % stays. */
void gn_message_text(struct gn_str text, const struct gn_str *args, size_t count,
                     struct gn_buf *out);

#endif
