/* How a BMC is, in words. */
#include "gurnard/bmc/health.h"

#include <string.h>

#include "gurnard/base/str.h"
#include "gurnard/base/url.h"

const char *gn_bmc_state_name(enum gn_bmc_state state)
{
    static const char *const names[GN_BMC_STATES] = {"new",         "watched",  "subscribed",
                                                     "proven",      "degraded", "refused",
                                                     "unreachable", "auth",     "certificate",
                                                     "hostile"};

    return state < GN_BMC_STATES ? names[state] : "";
}

bool gn_bmc_state_is_good(enum gn_bmc_state state)
{
    return state == GN_BMC_WATCHED || state == GN_BMC_SUBSCRIBED || state == GN_BMC_PROVEN;
}

enum gn_bmc_state gn_bmc_state_of(const struct gn_bmc_answer *answer)
{
    switch (answer->end) {
    case GN_BMC_END_UNREACHABLE:
    case GN_BMC_END_TIMEOUT:
    case GN_BMC_END_NOMEM:
        return GN_BMC_UNREACHABLE;
    case GN_BMC_END_TLS:
        return GN_BMC_CERTIFICATE;
    case GN_BMC_END_AUTH:
    case GN_BMC_END_LOCKED:
        return GN_BMC_AUTH;
    case GN_BMC_END_HOSTILE:
        return GN_BMC_HOSTILE;
    case GN_BMC_END_ANSWER:
        break;
    }
    if (answer->error.fault == GN_FAULT_AUTH)
        return GN_BMC_AUTH;
    return answer->status >= 500 ? GN_BMC_UNREACHABLE : GN_BMC_HOSTILE;
}

/* ---- a proof that failed ---- */

static struct gn_str host_of(const char *url)
{
    struct gn_url parts;

    return gn_url_parse(gn_str_of(url), &parts) == GN_OK ? parts.host : GN_STR_NONE;
}

void gn_proof_reason(const struct gn_proof_facts *facts, struct gn_buf *out)
{
    const struct gn_event_service *service = facts->service;
    bool is_https = strncmp(facts->url, "https:", 6) == 0;
    struct gn_str host = host_of(facts->url);

    if (service->is_disabled)
        gn_buf_puts(out, "the EventService of the BMC is disabled");
    else if (service->condition[0] != '\0')
        gn_buf_printf(out, "alerts are disabled on the BMC: %s", service->condition);
    else if (facts->came_by_stream)
        gn_buf_printf(out,
                      "the test event came by SSE but not by push: no route from the BMC to %.*s, "
                      "or %s refused by it",
                      (int)host.len, host.p != NULL ? host.p : "",
                      is_https ? "the certificate is" : "http is");
    else if (facts->is_refused)
        gn_buf_puts(out, "the BMC refuses every form of test event");
    else if (facts->is_gone)
        gn_buf_puts(out, "the BMC deleted the subscription when it could not deliver");
    else if (facts->is_suspended)
        gn_buf_puts(out, "the BMC suspended the subscription when it could not deliver");
    else if (is_https && facts->verifies)
        gn_buf_puts(out, "the BMC may refuse the webhook's certificate: install its CA there or "
                         "set verify_certificate: no");
    else if (is_https)
        gn_buf_printf(out, "no route or no TLS from the BMC to %.*s", (int)host.len,
                      host.p != NULL ? host.p : "");
    else if (facts->local[0] != '\0' && !gn_str_eq(host, gn_str_of(facts->local)))
        gn_buf_printf(out, "no route from the BMC to %.*s (we reach it from %s), or it wants https",
                      (int)host.len, host.p != NULL ? host.p : "", facts->local);
    else
        gn_buf_printf(out, "no route from the BMC to %.*s, or it wants https", (int)host.len,
                      host.p != NULL ? host.p : "");
}
