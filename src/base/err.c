/* Texts and classes of the error codes. */
#include "gurnard/base/err.h"

const char *gn_err_text(enum gn_err err)
{
    switch (err) {
    case GN_OK:
        return "ok";
    case GN_ENOMEM:
        return "no memory";
    case GN_EINVAL:
        return "not acceptable";
    case GN_EPARSE:
        return "malformed";
    case GN_ELIMIT:
        return "limit passed";
    case GN_EFULL:
        return "full";
    case GN_ENOTFOUND:
        return "not found";
    case GN_EEXIST:
        return "exists already";
    case GN_EIO:
        return "input or output failed";
    case GN_ETIMEOUT:
        return "timed out";
    case GN_ECANCELED:
        return "canceled";
    case GN_ECONN:
        return "not reachable";
    case GN_EBUSY:
        return "busy";
    case GN_EREFUSED:
        return "refused";
    case GN_EUNSUPPORTED:
        return "not supported";
    }
    return "unknown error"; /* a number that is no member, say out of a damaged file */
}

bool gn_err_is_transient(enum gn_err err)
{
    switch (err) {
    case GN_ENOMEM:
    case GN_EFULL:
    case GN_EIO:
    case GN_ETIMEOUT:
    case GN_ECONN:
    case GN_EBUSY:
        return true;
    case GN_OK:
    case GN_EINVAL:
    case GN_EPARSE:
    case GN_ELIMIT:
    case GN_ENOTFOUND:
    case GN_EEXIST:
    case GN_ECANCELED:
    case GN_EREFUSED:
    case GN_EUNSUPPORTED:
        return false;
    }
    return false;
}
