/* What libmicrohttpd is told of TLS. It copies nothing, but reads the texts only while it starts;
 * GnuTLS has its own copies then. */
#include <stdlib.h>
#include <string.h>

#include "http_server_priv.h"

/* Of GnuTLS: its defaults, without the versions before 1.2 and key exchanges whose traffic can be
 * read later by who gets hold of the key. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

/* The signature lacks a const; the library only reads the text. */
static void *readable(const char *text)
{
    union {
        const char *from;
        void *to;
    } pointer = {.from = text};

    return pointer.to;
}

enum gn_err gn_http_tls_texts_init(struct gn_http_tls_texts *texts,
                                   const struct gn_http_server_tls *tls)
{
    texts->options[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    if (tls == NULL)
        return GN_OK;
    if (tls->certificate.len == 0 || tls->key.len == 0)
        return GN_EINVAL;
    texts->certificate = gn_str_dup(tls->certificate);
    if (texts->certificate == NULL || !gn_secret_set(&texts->key, tls->key))
        return GN_ENOMEM;
    texts->options[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, texts->certificate};
    texts->options[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0,
                                                readable(gn_secret_str(&texts->key).p)};
    texts->options[2] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, readable(PRIORITIES)};
    texts->options[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return GN_OK;
}

void gn_http_tls_texts_fini(struct gn_http_tls_texts *texts)
{
    free(texts->certificate);
    gn_secret_free(&texts->key);
}
