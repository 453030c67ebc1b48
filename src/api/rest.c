/* The REST API port: dispatches by path. */
#include "gurnard/api/rest.h"

#include <string.h>

#include "gurnard/api/openapi.h"
#include "gurnard/api/reply.h"
#include "gurnard/base/url.h"

/* 301 to the cleaned path, as Go's router answers one with "//". */
static void redirect(struct gn_http_request *request, struct gn_buf *location)
{
    struct gn_str query = gn_http_query(request);
    const char *headers[] = {"Location", NULL, NULL};
    struct gn_http_reply reply = {.status = 301, .headers = headers};

    if (query.p != NULL) {
        gn_buf_putc(location, '?');
        gn_buf_add_str(location, query);
    }
    if (gn_buf_err(location) != GN_OK) {
        gn_reply_empty(request, 503);
        return;
    }
    headers[1] = location->data;
    gn_http_reply(request, &reply);
}

/* GET .../v2/././sync/CurrentState: the dots are part of the address. */
static bool is_oran_state(struct gn_str path)
{
    return (gn_str_has_prefix(path, GN_STR("/api/ocloudNotifications/v2/")) ||
            gn_str_has_prefix(path, GN_STR("/ocloudNotifications/v2/"))) &&
           gn_str_has_suffix(path, GN_STR("/CurrentState")) &&
           memmem(path.p, path.len, "//", 2) == NULL && memmem(path.p, path.len, "/../", 4) == NULL;
}

/* Answers request if its path is a known one. */
static bool route(const struct gn_rest *rest, struct gn_http_request *request, struct gn_str path,
                  struct gn_buf *cleaned)
{
    if (path.len == 0 || path.p[0] != '/')
        return false;
    if (!is_oran_state(path) && gn_url_clean_path(path, cleaned)) {
        redirect(request, cleaned);
        return true;
    }
    if (gn_str_eq(path, GN_STR("/"))) {
        gn_reply_text(request, 200, "gurnard\n");
        return true;
    }
    return gn_ops_handle_probe(rest->ops, request) || gn_openapi_handle(request) ||
           gn_v1_handle(rest->v1, request) ||
           (rest->v2 != NULL && gn_v2_handle(rest->v2, request)) ||
           (rest->native != NULL && gn_native_handle(rest->native, request)) ||
           (rest->peer != NULL && gn_peer_handle(rest->peer, request));
}

void gn_rest_on_request(void *ctx, struct gn_http_request *request)
{
    struct gn_buf cleaned = gn_buf_with_limit((size_t)64 << 10);

    if (!route(ctx, request, gn_http_path(request), &cleaned))
        gn_reply_not_found(request);
    gn_buf_free(&cleaned);
}
