/* A secret: kept in memory of its own, wiped when freed, never printed. */
#ifndef GURNARD_BASE_SECRET_H
#define GURNARD_BASE_SECRET_H

#include <stdbool.h>

#include "gurnard/base/str.h"

struct gn_secret {
    char *bytes; /* private; NULL when empty */
    size_t len;
};

/* Copies value into the secret (which must be zero or freed). false when there is no memory. */
bool gn_secret_set(struct gn_secret *secret, struct gn_str value);

/* Whether value is the secret; takes the same time wherever they differ. An empty secret equals
 * nothing. */
bool gn_secret_eq(const struct gn_secret *secret, struct gn_str value);
/* The same for a secret that is kept elsewhere. */
bool gn_secret_text_eq(struct gn_str secret, struct gn_str value);

/* A view of the secret, followed by a NUL, for handing it to a peer; absent when empty. Valid until
 * the secret is freed. Never to be logged or copied into memory that is not wiped. */
static inline struct gn_str gn_secret_str(const struct gn_secret *secret)
{
    return (struct gn_str){secret->bytes, secret->len};
}

/* Wipes and frees. */
void gn_secret_free(struct gn_secret *secret);

#endif
