/* How a BMC is, in words for operators. Pure. */
#ifndef GURNARD_BMC_HEALTH_H
#define GURNARD_BMC_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/bmc/client.h"
#include "gurnard/redfish/destination.h"
#include "gurnard/redfish/event_service.h"

/* The states of a BMC. Those from GN_BMC_DEGRADED on are trouble. */
enum gn_bmc_state {
    GN_BMC_NEW,         /* not asked yet */
    GN_BMC_WATCHED,     /* reachable; no subscription is wanted */
    GN_BMC_SUBSCRIBED,  /* the subscription is as wanted; the path is not proven */
    GN_BMC_PROVEN,      /* and a test event or another event has come by it */
    GN_BMC_DEGRADED,    /* events may not come: the reason says why */
    GN_BMC_REFUSED,     /* it takes no subscription */
    GN_BMC_UNREACHABLE, /* no answer */
    GN_BMC_AUTH,        /* it does not accept the credentials, or there are none */
    GN_BMC_CERTIFICATE, /* its certificate is not what it must be */
    GN_BMC_HOSTILE,     /* it does not speak Redfish, or breaks a bound */
    GN_BMC_STATES
};

/* "new", "watched", "subscribed", ... */
const char *gn_bmc_state_name(enum gn_bmc_state state);

/* Whether events are expected to come. */
bool gn_bmc_state_is_good(enum gn_bmc_state state);

/* The state that an end without an answer of 2xx means while the BMC is looked at. */
enum gn_bmc_state gn_bmc_state_of(const struct gn_bmc_answer *answer);

/* What is known when a test event did not come. */
struct gn_proof_facts {
    const struct gn_event_service *service;
    const char *url;            /* Destination */
    const char *local;          /* our address as the BMC's network sees it, "" if unknown */
    bool verifies;              /* the BMC checks the webhook's certificate, or may do so */
    bool is_suspended, is_gone; /* the subscription, read again afterwards */
    bool is_refused;            /* it refused every form of test event */
    bool came_by_stream;        /* it came by SSE meanwhile */
};

/* Appends the likely reason in one line: the EventService is disabled; alerts are disabled (a
 * Condition says so); the subscription was suspended or deleted over it; the certificate is refused
 * (https); http is refused (services that want https); no route from the BMC to the webhook. */
void gn_proof_reason(const struct gn_proof_facts *facts, struct gn_buf *out);

#endif
