/* Secrets: copied in, compared in even time, wiped before their memory goes back. */
#include "gurnard/base/secret.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

bool gn_secret_set(struct gn_secret *secret, struct gn_str value)
{
    GN_ASSERT(secret->bytes == NULL && secret->len == 0);
    if (value.len == 0)
        return true;
    secret->bytes = gn_str_dup(value);
    if (secret->bytes == NULL)
        return false;
    secret->len = value.len;
    return true;
}

bool gn_secret_text_eq(struct gn_str secret, struct gn_str value)
{
    /* volatile: the compiler must not end the loop at the first difference */
    volatile unsigned char different = secret.len != value.len;

    if (secret.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char mine = (unsigned char)secret.p[i % secret.len];

        different = (unsigned char)(different | (mine ^ (unsigned char)value.p[i]));
    }
    return different == 0;
}

bool gn_secret_eq(const struct gn_secret *secret, struct gn_str value)
{
    return gn_secret_text_eq(gn_secret_str(secret), value);
}

void gn_secret_free(struct gn_secret *secret)
{
    if (secret->bytes != NULL)
        explicit_bzero(secret->bytes, secret->len);
    free(secret->bytes);
    *secret = (struct gn_secret){0};
}
