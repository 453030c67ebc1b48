/* Where a redirect leads, and that it stays at the same scheme, host and port. Pure. */
#include "client_priv.h"

#include <string.h>

#include "gurnard/base/url.h"

static bool is_same_place(const struct gn_url *a, const struct gn_url *b)
{
    return gn_str_eq_nocase(a->scheme, b->scheme) && gn_str_eq_nocase(a->host, b->host) &&
           a->port == b->port && a->userinfo.p == NULL;
}

static void add_query(struct gn_buf *out, struct gn_str query)
{
    if (query.p == NULL)
        return;
    gn_buf_putc(out, '?');
    gn_buf_add_str(out, query);
}

/* location has a host. */
static enum gn_err take_absolute(const struct gn_url *base, struct gn_str location,
                                 struct gn_buf *out)
{
    struct gn_url url;

    if (gn_url_parse(location, &url) != GN_OK)
        return GN_EPARSE;
    if (!is_same_place(&url, base))
        return GN_EREFUSED;
    gn_buf_add_str(out, url.path.len > 0 ? url.path : GN_STR("/"));
    add_query(out, url.query);
    return gn_buf_err(out);
}

/* As take_absolute(), with the scheme left off. */
static enum gn_err take_network_path(const struct gn_url *base, struct gn_str location,
                                     struct gn_buf *out)
{
    struct gn_buf whole = gn_buf_with_limit(GN_URL_MAX);
    enum gn_err err;

    gn_buf_add_str(&whole, base->scheme);
    gn_buf_putc(&whole, ':');
    gn_buf_add_str(&whole, location);
    err = gn_buf_err(&whole);
    if (err == GN_OK)
        err = take_absolute(base, gn_buf_str(&whole), out);
    gn_buf_free(&whole);
    return err;
}

/* location is a query, or a path that goes on from the folder of uri. */
static enum gn_err take_relative(const char *uri, struct gn_str location, struct gn_buf *out)
{
    struct gn_buf joined = gn_buf_with_limit(GN_URL_MAX);
    struct gn_str path = gn_str_cut(gn_str_of(uri), '?', &(struct gn_str){NULL, 0});
    struct gn_str query;
    struct gn_str rest = gn_str_cut(location, '?', &query);
    enum gn_err err;

    if (rest.len > 0) {
        while (path.len > 0 && path.p[path.len - 1] != '/')
            path.len--;
        gn_buf_add_str(&joined, path);
        gn_buf_add_str(&joined, rest);
        (void)gn_url_clean_path(gn_buf_str(&joined), out); /* whether it differs is no matter */
    } else {
        gn_buf_add_str(out, path);
    }
    add_query(out, query);
    err = gn_buf_err(&joined) != GN_OK ? gn_buf_err(&joined) : gn_buf_err(out);
    gn_buf_free(&joined);
    return err;
}

/* Whether a scheme stands in front. */
static bool has_scheme(struct gn_str location)
{
    for (size_t i = 0; i < location.len; i++) {
        if (location.p[i] == ':')
            return i > 0;
        if (strchr("/?", location.p[i]) != NULL)
            return false;
    }
    return false;
}

/* Whether base with what was resolved is an URL. */
static enum gn_err check(const char *base, const struct gn_buf *resolved)
{
    struct gn_buf url = gn_buf_with_limit(GN_URL_MAX);
    struct gn_url parts;
    enum gn_err err;

    gn_buf_puts(&url, base);
    gn_buf_add_str(&url, gn_buf_str(resolved));
    err = gn_buf_err(&url);
    if (err == GN_OK)
        err = gn_url_parse(gn_buf_str(&url), &parts);
    gn_buf_free(&url);
    return err;
}

enum gn_err gn_bmc_redirect(const char *base, const char *uri, struct gn_str location,
                            struct gn_buf *out)
{
    struct gn_url place;
    struct gn_str to = gn_str_cut(gn_str_trim(location), '#', &(struct gn_str){NULL, 0});
    enum gn_err err;

    if (to.len == 0 || gn_url_parse(gn_str_of(base), &place) != GN_OK)
        return GN_EPARSE;
    if (has_scheme(to))
        err = take_absolute(&place, to, out);
    else if (gn_str_has_prefix(to, GN_STR("//")))
        err = take_network_path(&place, to, out);
    else if (to.p[0] != '/')
        err = take_relative(uri, to, out);
    else {
        gn_buf_add_str(out, to);
        err = gn_buf_err(out);
    }
    return err == GN_OK ? check(base, out) : err;
}
