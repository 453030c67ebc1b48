/* Addresses of BMCs: what stands before the host decides whether it is Redfish and whether TLS is
 * used; the rest is an ordinary URL and is read as one. */
#include "gurnard/bmc/bmc_address.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/url.h"

#define HOST_MAX  253 /* bytes of a DNS name */
#define LABEL_MAX 63

/* Schemes of BareMetalHosts behind which there is Redfish; each also with +http or +https. */
static const struct gn_str redfish_schemes[] = {
    GN_STR_INIT("redfish"),        GN_STR_INIT("redfish-virtualmedia"),
    GN_STR_INIT("ilo5-redfish"),   GN_STR_INIT("redfish-uefihttp"),
    GN_STR_INIT("idrac-redfish"),  GN_STR_INIT("ilo5-virtualmedia"),
    GN_STR_INIT("ilo5-uefihttp"),  GN_STR_INIT("idrac-virtualmedia"),
    GN_STR_INIT("idrac-uefihttp"),
};

/* Schemes that people have in their lists and that lead to no Redfish. */
static const struct {
    struct gn_str scheme;
    const char *reason;
} other_schemes[] = {
    {GN_STR_INIT("ipmi"), "ipmi is no Redfish"},
    {GN_STR_INIT("libvirt"), "libvirt is no Redfish"},
    {GN_STR_INIT("idrac"), "idrac is no Redfish (WS-Man)"},
    {GN_STR_INIT("irmc"), "irmc is no Redfish"},
    {GN_STR_INIT("ilo4"), "ilo4 is no Redfish"},
    {GN_STR_INIT("ilo5"), "ilo5 is no Redfish; ilo5-redfish is"},
    {GN_STR_INIT("ibmc"), "ibmc is no Redfish"},
};

struct parsing {
    struct gn_str rest; /* behind the scheme and its slashes */
    bool is_https;
    const char *reason;
};

static bool cut_suffix(struct gn_str *text, struct gn_str suffix)
{
    if (text->len < suffix.len ||
        !gn_str_eq_nocase((struct gn_str){text->p + text->len - suffix.len, suffix.len}, suffix))
        return false;
    text->len -= suffix.len;
    return true;
}

static bool is_redfish(struct gn_str scheme)
{
    for (size_t i = 0; i < GN_LEN(redfish_schemes); i++)
        if (gn_str_eq_nocase(scheme, redfish_schemes[i]))
            return true;
    return false;
}

static const char *other_reason(struct gn_str scheme)
{
    for (size_t i = 0; i < GN_LEN(other_schemes); i++)
        if (gn_str_eq_nocase(scheme, other_schemes[i].scheme))
            return other_schemes[i].reason;
    return NULL;
}

/* A scheme of BareMetalHosts. GN_ENOTFOUND: it is none that is known. */
static enum gn_err take_scheme(struct gn_str scheme, struct parsing *parsing)
{
    const bool is_http = cut_suffix(&scheme, GN_STR("+http"));

    if (!is_http)
        (void)cut_suffix(&scheme, GN_STR("+https")); /* what it is without, too */
    parsing->is_https = !is_http;
    if (is_redfish(scheme))
        return GN_OK;
    parsing->reason = other_reason(scheme);
    return parsing->reason != NULL ? GN_EUNSUPPORTED : GN_ENOTFOUND;
}

/* text has "://" behind scheme. */
static enum gn_err take_long_form(struct gn_str scheme, struct parsing *parsing)
{
    enum gn_err err;

    if (gn_str_eq_nocase(scheme, GN_STR("http")) || gn_str_eq_nocase(scheme, GN_STR("https"))) {
        parsing->is_https = scheme.len == 5;
        return GN_OK;
    }
    err = take_scheme(scheme, parsing);
    if (err != GN_ENOTFOUND)
        return err;
    parsing->reason = "the scheme is no Redfish";
    return GN_EUNSUPPORTED;
}

/* Finds out what text begins with: scheme://, scheme: or at once the host. */
static enum gn_err take_front(struct gn_str text, struct parsing *parsing)
{
    struct gn_str behind;
    const struct gn_str front = gn_str_cut(text, ':', &behind);
    enum gn_err err;

    parsing->rest = text;
    parsing->is_https = true;
    if (behind.p == NULL || front.len == 0 || front.p[0] == '[')
        return GN_OK;
    if (gn_str_has_prefix(behind, GN_STR("//"))) {
        parsing->rest = (struct gn_str){behind.p + 2, behind.len - 2};
        return take_long_form(front, parsing);
    }
    err = take_scheme(front, parsing);
    if (err == GN_OK)
        parsing->rest = behind;
    if (err != GN_ENOTFOUND)
        return err;
    parsing->is_https = true; /* host:port */
    return GN_OK;
}

static bool is_label(struct gn_str label)
{
    return label.len > 0 && label.len <= LABEL_MAX && label.p[0] != '-' &&
           label.p[label.len - 1] != '-' && memchr(label.p, '~', label.len) == NULL;
}

static bool is_host(struct gn_str host)
{
    if (host.len > HOST_MAX)
        return false;
    if (gn_str_has_suffix(host, GN_STR(".")))
        host.len--; /* a name that is whole */
    do {
        if (!is_label(gn_str_cut(host, '.', &host)))
            return false;
    } while (host.p != NULL);
    return true;
}

static const char *fault_of(const struct gn_url *url)
{
    if (url->userinfo.p != NULL)
        return "credentials do not belong into an address";
    if (url->query.p != NULL)
        return "an address has no query";
    if (!url->is_ipv6 && !is_host(url->host))
        return "the host is no name of DNS and no IP address";
    return NULL;
}

static void write_base(const struct gn_url *url, struct gn_bmc_address *address)
{
    const uint16_t usual = address->is_https ? 443 : 80;
    const char *const scheme = address->is_https ? "https" : "http";
    char host[HOST_MAX + 1];
    int length;

    for (size_t i = 0; i < url->host.len; i++)
        host[i] = (char)tolower((unsigned char)url->host.p[i]);
    length = snprintf(address->base, sizeof address->base,
                      url->is_ipv6 ? "%s://[%.*s]" : "%s://%.*s", scheme, (int)url->host.len, host);
    if (url->port != usual)
        (void)snprintf(address->base + length, sizeof address->base - (size_t)length, ":%u",
                       url->port);
}

/* Redfish itself is at /redfish/v1; anything else is the path of a system. */
static enum gn_err write_system(struct gn_str path, struct gn_bmc_address *address)
{
    struct gn_buf clean = gn_buf_with_limit(GN_URL_MAX + 2);
    struct gn_str system;
    enum gn_err err = GN_OK;

    (void)gn_url_clean_path(path, &clean); /* slashes too many are people's, not meant */
    system = gn_buf_str(&clean);
    while (gn_str_has_suffix(system, GN_STR("/")))
        system.len--;
    if (gn_buf_err(&clean) != GN_OK)
        err = gn_buf_err(&clean);
    else if (system.len >= sizeof address->system)
        err = GN_ELIMIT;
    else if (system.len > 0 && !gn_str_eq(system, GN_STR("/redfish")) &&
             !gn_str_eq(system, GN_STR("/redfish/v1")))
        memcpy(address->system, system.p, system.len);
    gn_buf_free(&clean);
    return err;
}

static enum gn_err take_rest(struct parsing *parsing, struct gn_bmc_address *address)
{
    struct gn_buf text = gn_buf_with_limit(GN_URL_MAX + 16);
    struct gn_url url;
    enum gn_err err;

    gn_buf_puts(&text, parsing->is_https ? "https://" : "http://");
    gn_buf_add_str(&text, parsing->rest);
    err = gn_buf_err(&text);
    if (err == GN_OK)
        err = gn_url_parse(gn_buf_str(&text), &url);
    if (err == GN_EPARSE) {
        parsing->reason = "not of the form scheme://host[:port][/path]";
        err = GN_EINVAL;
    } else if (err == GN_OK) {
        parsing->reason = fault_of(&url);
        err = parsing->reason != NULL ? GN_EINVAL : GN_OK;
    }
    if (err == GN_OK) {
        address->is_https = parsing->is_https;
        write_base(&url, address);
        err = write_system(url.path, address);
    }
    gn_buf_free(&text);
    return err;
}

enum gn_err gn_bmc_address_parse(struct gn_str text, struct gn_bmc_address *address,
                                 const char **reason)
{
    struct parsing parsing = {0};
    enum gn_err err;

    *address = (struct gn_bmc_address){0};
    if (text.len > GN_URL_MAX)
        err = GN_ELIMIT;
    else if (text.len == 0) {
        parsing.reason = "is empty";
        err = GN_EINVAL;
    } else {
        err = take_front(text, &parsing);
    }
    if (err == GN_OK)
        err = take_rest(&parsing, address);
    if (err == GN_ELIMIT)
        parsing.reason = "is too long";
    if (err != GN_OK)
        *address = (struct gn_bmc_address){0};
    if (reason != NULL)
        *reason = err == GN_OK ? "" : parsing.reason != NULL ? parsing.reason : gn_err_text(err);
    return err;
}
