/* What an EventService says that it can do. Pure; tolerant: what is missing or of a wrong type is
 * as if it were not said. */
#ifndef GURNARD_REDFISH_EVENT_SERVICE_H
#define GURNARD_REDFISH_EVENT_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/str.h"

/* Bytes of a URI of a BMC that we keep, with NUL; longer: absent. */
#define GN_SERVICE_URI_MAX 512

/* From the resource at EventService. Texts are NUL-terminated, "" when absent. */
struct gn_event_service {
    char subscriptions[GN_SERVICE_URI_MAX]; /* the collection; path only */
    char test_target[GN_SERVICE_URI_MAX];  /* of SubmitTestEvent; "" when there is no such action */
    char test_info[GN_SERVICE_URI_MAX];    /* its @Redfish.ActionInfo */
    char sse[GN_SERVICE_URI_MAX];          /* ServerSentEventUri */
    uint16_t version_major, version_minor; /* of @odata.type, e.g. 1 and 8; 0, 0: unknown */
    bool is_enabled;                       /* ServiceEnabled; true when it is not said */
    bool is_disabled;                      /* ServiceEnabled is false */
    bool has_event_types;                  /* EventTypesForSubscription: the old style */
    bool takes_alert;        /* and it has Alert (any case), or says nothing but exists */
    bool has_formats;        /* EventFormatTypes: the modern style. An empty list counts as absent,
                              * here and below */
    bool has_metric_reports; /* and MetricReport is among them */
    bool has_prefixes;       /* RegistryPrefixes */
    bool is_openbmc;         /* OpenBMC is among them: bmcweb, which compares bare message keys and
                              * knows no RetryForeverWithBackoff */
    bool has_resource_types; /* ResourceTypes */
    bool has_severities;     /* Severities */
    bool takes_heartbeat;  /* version 1.11 of EventDestination can be assumed: HeartbeatEvent among
                            * RegistryPrefixes, or Heartbeat among ResourceTypes */
    bool sse_takes_filter; /* SSEFilterPropertiesSupported has anything true */
    bool sse_takes_prefix, sse_takes_message_id, sse_takes_format;
    uint32_t retry_attempts, retry_interval_s; /* 0: not said; DeliveryRetryIntervalInSeconds too */
    char condition[200]; /* the first Status.Conditions entry's Message or MessageId: iDRAC says
                          * here that alerts are off (SYS553) */
    char health[16];     /* Status.Health */
};

/* Reads the resource. false: it is no object. */
bool gn_event_service_read(const json_t *resource, struct gn_event_service *service);

/* The action SubmitTestEvent of the resource, for its inline allowable values
 * (gn_test_info_read()). Borrowed. NULL: there is none. */
const json_t *gn_event_service_test_action(const json_t *resource);

/* The path of an URI that a BMC gave: absolute (its host is not looked at), or a path; without
 * trailing slash but for "/", without fragment, with its query. false: neither, too long, or with
 * white space, control characters or bytes beyond ASCII (it goes into a request line); path is ""
 * then. Also used for Location and @odata.id. */
bool gn_service_uri(struct gn_str uri, char path[GN_SERVICE_URI_MAX]);

/* What stands behind the last '/' of a path, trailing ones left off; all of it without one. */
struct gn_str gn_service_last_part(struct gn_str uri);

/* The link member of obj as a path: {"@odata.id": ...}, {"href": ...}, {"extref": ...} (iLO 4) or a
 * string. false when absent; path is "" then. obj: any type, also NULL. */
bool gn_service_link(const json_t *obj, const char *member, char path[GN_SERVICE_URI_MAX]);

#endif
