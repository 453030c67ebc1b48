/* fuzz folder: api   bodies of POST /subscriptions and /publishers: gn_v1_wish_read().
 *
 * Properties: an endpoint that passes is one that the client can send to; one that does not pass
 * has a problem told; a wish can always be finished. The body is also taken as a path of the API.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/url.h"
#include "v1_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_endpoint(const struct gn_v1_wish *wish)
{
    struct gn_buf problem = GN_BUF_INIT;
    struct gn_url url;
    bool is_usable = gn_v1_wish_is_usable(wish, &problem);

    GN_ASSERT(gn_buf_err(&problem) == GN_OK);
    GN_ASSERT(is_usable == (problem.len == 0));
    GN_ASSERT((wish->endpoint.p == NULL) == (wish->endpoint.len == 0));
    if (is_usable && wish->endpoint.p != NULL)
        GN_ASSERT(gn_url_parse(wish->endpoint, &url) == GN_OK && gn_url_is_web(&url));
    gn_buf_free(&problem);
}

static void check_split(struct gn_str path)
{
    struct gn_str prefix;
    struct gn_str rest;

    if (!gn_v1_split(path, &prefix, &rest))
        return;
    GN_ASSERT(prefix.len + rest.len == path.len);
    GN_ASSERT(rest.len == 0 || (rest.p == path.p + prefix.len && rest.p[0] == '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str text = {(const char *)data, size};
    struct gn_v1_wish wish;
    enum gn_err err = gn_v1_wish_read(text, &wish);

    GN_ASSERT(err == GN_OK || err == GN_EPARSE || err == GN_ELIMIT || err == GN_EINVAL);
    if (err == GN_OK)
        check_endpoint(&wish);
    gn_v1_wish_fini(&wish);
    check_split(text);
    return 0;
}
