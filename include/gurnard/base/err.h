/* The one set of error codes. A function that can fail returns enum gn_err; GN_OK is 0. */
#ifndef GURNARD_BASE_ERR_H
#define GURNARD_BASE_ERR_H

#include <stdbool.h>

enum gn_err {
    GN_OK = 0,
    GN_ENOMEM,       /* no memory */
    GN_EINVAL,       /* the caller's argument or a setting is not acceptable */
    GN_EPARSE,       /* bytes from outside do not follow their grammar */
    GN_ELIMIT,       /* a named limit (size, depth, count) was passed */
    GN_EFULL,        /* no room now; may be tried again later */
    GN_ENOTFOUND,    /* no such thing */
    GN_EEXIST,       /* is there already */
    GN_EIO,          /* the file system or a socket call failed */
    GN_ETIMEOUT,     /* the time given has passed */
    GN_ECANCELED,    /* ended by its owner before it was done */
    GN_ECONN,        /* peer not reachable: refused, reset, no route, no such host */
    GN_EBUSY,        /* the peer asks to try again later (408, 429, 5xx ...) */
    GN_EREFUSED,     /* the peer said no and will say so again */
    GN_EUNSUPPORTED, /* known, but not offered here */
};

/* A short lower-case text for err, e.g. "no memory". Static storage. */
const char *gn_err_text(enum gn_err err);

/* Whether the same attempt may succeed later: GN_ENOMEM, GN_EFULL, GN_EIO, GN_ETIMEOUT, GN_ECONN
 * and GN_EBUSY are transient; all others are not. */
bool gn_err_is_transient(enum gn_err err);

#endif
