/* The CloudEvent that a request may carry: its headers collected, then decoded. */
#include "ce_request_priv.h"

#include "gurnard/base/json_scan.h"

#define ARENA_SPARE_BYTES ((size_t)4 << 20) /* what a small body may grow to when decoded */

static const struct gn_json_limits limits = {
    .max_bytes = (size_t)64 << 20, /* the server's own limit is below */
    .max_depth = 32,
    .max_tokens = 262144,
    .repair_utf8 = false,
};

static bool collect(void *ctx, struct gn_str name, struct gn_str value)
{
    struct gn_ce_request *ce = ctx;

    if (ce->http.header_count == GN_LEN(ce->headers)) {
        ce->is_overfull = true;
        return false;
    }
    ce->headers[ce->http.header_count++] = (struct gn_ce_header){name, value};
    return true;
}

void gn_ce_request_init(struct gn_ce_request *ce, const struct gn_http_request *request)
{
    *ce = (struct gn_ce_request){.is_overfull = false};
    ce->http.content_type = gn_http_header(request, "Content-Type");
    ce->http.body = gn_http_body(request);
    ce->http.headers = ce->headers;
    gn_http_each_header(request, "ce-", collect, ce);
    gn_arena_init(&ce->arena, 2 * ce->http.body.len + ARENA_SPARE_BYTES);
}

enum gn_err gn_ce_request_decode_any(struct gn_ce_request *ce)
{
    if (ce->is_overfull)
        return GN_ELIMIT;
    return gn_ce_decode_http(&ce->http, &limits, &ce->arena, &ce->events, ce->error);
}

enum gn_err gn_ce_request_decode(struct gn_ce_request *ce)
{
    enum gn_err err = gn_ce_request_decode_any(ce);

    if (err == GN_OK && (ce->events.mode == GN_CE_BATCH || ce->events.count != 1))
        return GN_EUNSUPPORTED;
    return err;
}

void gn_ce_request_fini(struct gn_ce_request *ce)
{
    gn_arena_fini(&ce->arena);
}

struct gn_relay_ce_source gn_ce_request_source(const struct gn_http_request *request)
{
    return (struct gn_relay_ce_source){
        .peer = gn_http_peer(request),
        .bmc = gn_http_header(request, "Gurnard-Bmc"),
        .via = gn_http_header(request, "Gurnard-Via"),
    };
}
