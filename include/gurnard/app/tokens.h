/* The file of webhook tokens: lines `NAME TOKEN`, with blanks or tabs between; empty lines and
 * lines that begin with # are passed over. Of a name given twice the last line counts. */
#ifndef GURNARD_APP_TOKENS_H
#define GURNARD_APP_TOKENS_H

#include "gurnard/api/webhook.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"

#define GN_TOKENS_FILE_MAX ((size_t)1 << 20) /* bytes */
#define GN_TOKENS_MAX      20000             /* lines */

struct gn_tokens {
    struct gn_webhook_token *items; /* owned, with text */
    size_t count;
    char *text; /* the file's bytes, wiped when freed */
    size_t text_len;
};

/* Reads path (blocks). path "": no tokens. *line gets the number of the line that is wrong, 0 for
 * the file as a whole. GN_EPARSE: not two words that gn_webhook_is_name() and gn_webhook_is_token()
 * let pass. GN_ENOTFOUND, GN_EIO, GN_ELIMIT, GN_ENOMEM. On an error tokens is empty. */
GN_MUST_CHECK enum gn_err gn_tokens_read(const char *path, struct gn_tokens *tokens,
                                         unsigned *line);
void gn_tokens_free(struct gn_tokens *tokens);

#endif
