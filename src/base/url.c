/* URLs and request paths. What is accepted is the grammar of RFC 3986, made narrower where its
 * width only serves attacks: a host is a plain name or an IP address, a port has a number. */
#include "gurnard/base/url.h"

#include <arpa/inet.h>
#include <string.h>

/* Where a byte may stand. */
enum {
    IN_SCHEME = 1, /* behind its first letter */
    IN_HOST = 2,
    IN_USERINFO = 4, /* with '%' and ':' */
    IN_PATH = 8,     /* with '%', '/' */
    IN_QUERY = 16,   /* with '%', '/', '?' */
};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The places of RFC 3986 that c may stand in, as a set of the bits above. */
static unsigned places_of(char c)
{
    if (is_alpha(c) || is_digit(c))
        return IN_SCHEME | IN_HOST | IN_USERINFO | IN_PATH | IN_QUERY;
    switch (c) {
    case '-':
    case '.':
        return IN_SCHEME | IN_HOST | IN_USERINFO | IN_PATH | IN_QUERY;
    case '_':
    case '~':
        return IN_HOST | IN_USERINFO | IN_PATH | IN_QUERY;
    case '+':
        return IN_SCHEME | IN_USERINFO | IN_PATH | IN_QUERY;
    case '!':
    case '$':
    case '&':
    case '\'':
    case '(':
    case ')':
    case '*':
    case ',':
    case ';':
    case '=':
    case ':':
    case '%':
        return IN_USERINFO | IN_PATH | IN_QUERY;
    case '@':
    case '/':
        return IN_PATH | IN_QUERY;
    case '?':
        return IN_QUERY;
    default:
        return 0;
    }
}

/* Whether all bytes of s may stand in place and every '%' begins a whole escape. */
static bool is_all(struct gn_str s, unsigned place)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((places_of(s.p[i]) & place) == 0)
            return false;
        if (s.p[i] == '%' && (s.len - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2])))
            return false;
    }
    return true;
}

static bool is_ipv6(struct gn_str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (host.len == 0 || host.len >= sizeof text)
        return false;
    memcpy(text, host.p, host.len);
    text[host.len] = '\0';
    /* inet_pton() would not see what stands behind a NUL */
    return strlen(text) == host.len && inet_pton(AF_INET6, text, &addr) == 1;
}

static uint16_t default_port(struct gn_str scheme)
{
    static const struct {
        struct gn_str scheme;
        uint16_t port;
    } rows[] = {
        {GN_STR_INIT("http"), 80},
        {GN_STR_INIT("https"), 443},
        {GN_STR_INIT("amqp"), 5672},
        {GN_STR_INIT("amqps"), 5671},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        if (gn_str_eq_nocase(scheme, rows[i].scheme))
            return rows[i].port;
    }
    return 0;
}

/* port: what stands behind the host, absent or with its ':'. */
static bool parse_port(struct gn_str port, struct gn_url *url)
{
    unsigned long long number;

    if (port.len == 0) {
        url->port = default_port(url->scheme);
        return true;
    }
    if (port.p[0] != ':' ||
        !gn_str_to_u64((struct gn_str){port.p + 1, port.len - 1}, UINT16_MAX, &number) ||
        number == 0)
        return false;
    url->port = (uint16_t)number;
    url->has_port = true;
    return true;
}

static bool parse_host_port(struct gn_str text, struct gn_url *url)
{
    const char *end;
    size_t taken;

    if (text.len == 0)
        return false;
    if (text.p[0] == '[') {
        end = memchr(text.p, ']', text.len);
        if (end == NULL)
            return false;
        url->is_ipv6 = true;
        url->host = (struct gn_str){text.p + 1, (size_t)(end - text.p) - 1};
        taken = url->host.len + 2;
        if (!is_ipv6(url->host))
            return false;
    } else {
        end = memchr(text.p, ':', text.len);
        taken = end == NULL ? text.len : (size_t)(end - text.p);
        url->host = (struct gn_str){text.p, taken};
        if (taken == 0 || !is_all(url->host, IN_HOST))
            return false;
    }
    return parse_port((struct gn_str){text.p + taken, text.len - taken}, url);
}

static bool parse_authority(struct gn_str text, struct gn_url *url)
{
    const char *at = text.len == 0 ? NULL : memchr(text.p, '@', text.len);

    if (at != NULL) {
        size_t before = (size_t)(at - text.p);

        url->userinfo = (struct gn_str){text.p, before};
        if (!is_all(url->userinfo, IN_USERINFO))
            return false;
        text = (struct gn_str){at + 1, text.len - before - 1};
    }
    return parse_host_port(text, url);
}

/* Cuts the scheme and "://" off *text. */
static bool parse_scheme(struct gn_str *text, struct gn_url *url)
{
    struct gn_str rest;

    url->scheme = gn_str_cut(*text, ':', &rest);
    if (url->scheme.len == 0 || !is_alpha(url->scheme.p[0]) || !is_all(url->scheme, IN_SCHEME))
        return false;
    if (!gn_str_has_prefix(rest, GN_STR("//")))
        return false;
    *text = (struct gn_str){rest.p + 2, rest.len - 2};
    return true;
}

static bool parse(struct gn_str text, struct gn_url *url)
{
    size_t end = 0;

    if (!parse_scheme(&text, url))
        return false;
    while (end < text.len && text.p[end] != '/' && text.p[end] != '?')
        end++;
    if (!parse_authority((struct gn_str){text.p, end}, url))
        return false;
    url->path = gn_str_cut((struct gn_str){text.p + end, text.len - end}, '?', &url->query);
    return is_all(url->path, IN_PATH) && is_all(url->query, IN_QUERY);
}

enum gn_err gn_url_parse(struct gn_str text, struct gn_url *url)
{
    *url = (struct gn_url){0};
    if (text.len > GN_URL_MAX)
        return GN_ELIMIT;
    return parse(text, url) ? GN_OK : GN_EPARSE;
}

bool gn_url_is_web(const struct gn_url *url)
{
    return url->userinfo.p == NULL && (gn_str_eq_nocase(url->scheme, GN_STR("http")) ||
                                       gn_str_eq_nocase(url->scheme, GN_STR("https")));
}

/* Takes the last "/segment" off what out holds behind base. */
static void drop_segment(struct gn_buf *out, size_t base)
{
    size_t len = out->len;

    while (len > base && out->data[len - 1] != '/')
        len--;
    gn_buf_truncate(out, len > base ? len - 1 : base);
}

static void add_segment(struct gn_buf *out, struct gn_str segment)
{
    gn_buf_putc(out, '/');
    gn_buf_add_str(out, segment);
}

bool gn_url_clean_path(struct gn_str path, struct gn_buf *out)
{
    const size_t base = out->len;
    struct gn_str rest = path;

    while (rest.p != NULL && gn_buf_err(out) == GN_OK) {
        struct gn_str segment = gn_str_cut(rest, '/', &rest);

        if (gn_str_eq(segment, GN_STR("..")))
            drop_segment(out, base);
        else if (segment.len > 0 && !gn_str_eq(segment, GN_STR(".")))
            add_segment(out, segment);
    }
    if (out->len == base || gn_str_has_suffix(path, GN_STR("/")))
        gn_buf_putc(out, '/');
    if (gn_buf_err(out) != GN_OK)
        return true;
    return !gn_str_eq(path, (struct gn_str){out->data + base, out->len - base});
}
