/* fuzz folder: api   what the admin API reads: points in time, queries, origins, URLs to be shown.
 *
 * Properties: a query that is fine is within its limits; a URL that is shown is JSON and holds no
 * credential that can be told; an age is never later than now. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/url.h"
#include "admin_priv.h"

#define NOW_NS INT64_C(1795232970000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_point(struct gn_str text)
{
    int64_t ns;

    if (gn_admin_parse_point(text, NOW_NS, &ns) && memchr("smhd", text.p[text.len - 1], 4) != NULL)
        GN_ASSERT(ns <= NOW_NS);
}

static void check_query(struct gn_str text)
{
    struct gn_admin_query query;
    const char *problem =
        gn_admin_parse_query(text, GN_ADMIN_SUBSCRIPTION | GN_ADMIN_AFTER | GN_ADMIN_LIMIT, &query);

    if (problem == NULL)
        GN_ASSERT(query.limit >= 1 && query.limit <= GN_ADMIN_LIST_MAX &&
                  query.has_subscription == (query.subscription.len > 0));
    gn_buf_free(&query.subscription);
}

/* What is behind the first line is the Host. */
static void check_origin(struct gn_str text)
{
    struct gn_str host;
    struct gn_str origin = gn_str_cut(text, '\n', &host);

    if (gn_admin_is_own_origin(origin, host))
        GN_ASSERT(gn_str_has_prefix(origin, GN_STR("http://")) && origin.len == host.len + 7);
}

static void check_url(struct gn_str text)
{
    static const struct gn_json_limits limits = {.max_bytes = (size_t)64 << 20,
                                                 .max_depth = 4,
                                                 .max_tokens = 16};
    struct gn_buf out = GN_BUF_INIT;
    struct gn_url url;

    gn_buf_putc(&out, '{');
    gn_admin_add_url(&out, "u", text);
    gn_buf_putc(&out, '}');
    GN_ASSERT(gn_buf_err(&out) == GN_OK);
    GN_ASSERT(gn_json_check(gn_buf_str(&out), &limits) == GN_OK);
    if (gn_url_parse(text, &url) == GN_OK && url.userinfo.len > 0)
        GN_ASSERT(memmem(out.data, out.len, "://***@", 7) != NULL);
    gn_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str text = {(const char *)data, size};

    if (size > 0)
        check_point(text);
    check_query(text);
    check_origin(text);
    check_url(text);
    return 0;
}
