/* fuzz folder: base   URLs from clients and request paths: gn_url_parse(), gn_url_clean_path(). */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct gn_str part, struct gn_str text)
{
    if (part.p == NULL) {
        GN_ASSERT(part.len == 0);
        return;
    }
    GN_ASSERT(part.p >= text.p && part.p + part.len <= text.p + text.len);
}

static void add_part(struct gn_buf *out, const char *before, struct gn_str part, const char *behind)
{
    gn_buf_puts(out, before);
    gn_buf_add_str(out, part);
    gn_buf_puts(out, behind);
}

/* The parts put together again are the text, so none was lost and none overlaps another. */
static void check_joined(const struct gn_url *url, struct gn_str text)
{
    struct gn_buf joined = GN_BUF_INIT;

    add_part(&joined, "", url->scheme, "://");
    if (url->userinfo.p != NULL)
        add_part(&joined, "", url->userinfo, "@");
    add_part(&joined, url->is_ipv6 ? "[" : "", url->host, url->is_ipv6 ? "]" : "");
    if (url->has_port) {
        const char *digits = text.p + joined.len + 1;
        size_t len = strspn(digits, "0123456789");

        GN_ASSERT((unsigned long)url->port == strtoul(digits, NULL, 10));
        add_part(&joined, ":", (struct gn_str){digits, len}, "");
    }
    gn_buf_add_str(&joined, url->path);
    if (url->query.p != NULL)
        add_part(&joined, "?", url->query, "");
    GN_ASSERT(gn_buf_err(&joined) == GN_OK && gn_str_eq(gn_buf_str(&joined), text));
    gn_buf_free(&joined);
}

static void parse_url(struct gn_str text)
{
    struct gn_url url;

    if (gn_url_parse(text, &url) != GN_OK)
        return;
    GN_ASSERT(text.len <= GN_URL_MAX && url.scheme.len > 0 && url.host.len > 0);
    GN_ASSERT(!url.has_port || url.port > 0);
    GN_ASSERT(!gn_url_is_web(&url) || (url.userinfo.p == NULL && url.port > 0));
    check_inside(url.scheme, text);
    check_inside(url.userinfo, text);
    check_inside(url.host, text);
    check_inside(url.path, text);
    check_inside(url.query, text);
    check_joined(&url, text);
}

/* A cleaned path begins with '/', has no "//", "." or "..", and is clean already. */
static void clean_path(struct gn_str path)
{
    struct gn_buf once = GN_BUF_INIT, twice = GN_BUF_INIT;
    struct gn_str rest, segment;
    bool is_changed = gn_url_clean_path(path, &once);

    GN_ASSERT(gn_buf_err(&once) == GN_OK && once.len > 0 && once.data[0] == '/');
    GN_ASSERT(is_changed != gn_str_eq(path, gn_buf_str(&once)));
    GN_ASSERT(once.len <= path.len + 1);
    rest = (struct gn_str){once.data + 1, once.len - 1};
    while (rest.p != NULL) {
        segment = gn_str_cut(rest, '/', &rest);
        GN_ASSERT(segment.len > 0 || rest.p == NULL);
        GN_ASSERT(!gn_str_eq(segment, GN_STR(".")) && !gn_str_eq(segment, GN_STR("..")));
    }
    GN_ASSERT(!gn_url_clean_path(gn_buf_str(&once), &twice));
    gn_buf_free(&once);
    gn_buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a copy with a NUL, so that the digits of a port end; the view is without it */
    char *text = gn_str_dup((struct gn_str){(const char *)data, size});

    if (text == NULL)
        return 0;
    parse_url((struct gn_str){text, size});
    clean_path((struct gn_str){text, size});
    free(text);
    return 0;
}
