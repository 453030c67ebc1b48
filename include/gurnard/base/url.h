/* URLs as gurnard meets them: absolute http/https (and other schemes) with host and port. Pure.
 * Accepts what RFC 3986 does, with a narrower host: a name of letters, digits and "-._~", or an IP
 * address without zone. Nothing is normalised: scheme and host are compared without case. */
#ifndef GURNARD_BASE_URL_H
#define GURNARD_BASE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_URL_MAX 2048 /* bytes of an URL that we take from outside */

/* Parts are views into the text that was parsed. */
struct gn_url {
    struct gn_str scheme;   /* without ':' */
    struct gn_str userinfo; /* absent when there is no '@' */
    struct gn_str host;     /* without brackets for IPv6 */
    bool is_ipv6;           /* host was in brackets */
    uint16_t port;          /* as written; else 80 http, 443 https, 5672 amqp, 5671 amqps, or 0 */
    bool has_port;          /* a port was written */
    struct gn_str path;     /* with its '/', empty when there is none */
    struct gn_str query;    /* without '?', absent when there is none */
};

/* Parses an absolute URL with an authority. GN_ELIMIT: longer than GN_URL_MAX. GN_EPARSE: no
 * scheme, no "//", a bad host, an empty, zero or too large port, a broken percent escape, a byte
 * that RFC 3986 does not allow where it stands (so white space, control characters, all beyond
 * ASCII). A fragment is refused. On an error url holds nothing of use. */
GN_MUST_CHECK enum gn_err gn_url_parse(struct gn_str text, struct gn_url *url);

/* Whether an event may be POSTed there: scheme http or https, no userinfo. */
bool gn_url_is_web(const struct gn_url *url);

/* Cleans a request path the way Go's path.Clean does: doubled slashes, "." and ".." go, a trailing
 * slash stays, and a leading one is added where it is missing. Appends to out. Returns whether what
 * was appended differs from path. Escapes are not decoded: "%2e%2e" is a name like any other. */
bool gn_url_clean_path(struct gn_str path, struct gn_buf *out);

#endif
