/* Every route of the API, the admin and the transport port, one row each: whose it is, its method,
 * and its path as a template. The handlers dispatch by hand; this table is what the description in
 * docs/openapi.json, the tests and the lint go by. BMCs' webhook is not in it: its paths are no API
 * but what a BMC is told to call.
 *
 * In a template {resource} and {ResourceAddress} stand for an address, whose slashes stay slashes;
 * every other {} for one segment. */
#ifndef GURNARD_API_ROUTES_H
#define GURNARD_API_ROUTES_H

enum gn_api {
    GN_API_V1,      /* on the API port, under each prefix of v1 (v1.h) */
    GN_API_V2,      /* on the API port, under each prefix of v2 (v2.h) */
    GN_API_NATIVE,  /* on the API port (native_api.h) */
    GN_API_COMMON,  /* on the API port and the admin port (ops.h, openapi.h) */
    GN_API_METRICS, /* on the admin port (ops.h) */
    GN_API_ADMIN,   /* on the admin port, for clients of this host (admin.h) */
    GN_API_PEER,    /* on the transport port (peer.h) */
};

/* GN_ROUTES(ROW) expands ROW(api, METHOD, path) for each route. */
/* clang-format off */
#define GN_ROUTES(ROW) \
    ROW(V1, GET, "/api/ocloudNotifications/v1/subscriptions") \
    ROW(V1, POST, "/api/ocloudNotifications/v1/subscriptions") \
    ROW(V1, DELETE, "/api/ocloudNotifications/v1/subscriptions") \
    ROW(V1, GET, "/api/ocloudNotifications/v1/subscriptions/{id}") \
    ROW(V1, DELETE, "/api/ocloudNotifications/v1/subscriptions/{id}") \
    ROW(V1, PUT, "/api/ocloudNotifications/v1/subscriptions/status/{id}") \
    ROW(V1, GET, "/api/ocloudNotifications/v1/publishers") \
    ROW(V1, POST, "/api/ocloudNotifications/v1/publishers") \
    ROW(V1, DELETE, "/api/ocloudNotifications/v1/publishers") \
    ROW(V1, GET, "/api/ocloudNotifications/v1/publishers/{id}") \
    ROW(V1, DELETE, "/api/ocloudNotifications/v1/publishers/{id}") \
    ROW(V1, GET, "/api/ocloudNotifications/v1/{resource}/CurrentState") \
    ROW(V1, POST, "/api/ocloudNotifications/v1/create/event") \
    ROW(V1, POST, "/api/ocloudNotifications/v1/log") \
    ROW(V1, POST, "/api/ocloudNotifications/v1/dummy") \
    ROW(V1, GET, "/api/ocloudNotifications/v1/health") \
    ROW(V1, HEAD, "/api/ocloudNotifications/v1/health") \
    ROW(V2, GET, "/api/ocloudNotifications/v2/subscriptions") \
    ROW(V2, POST, "/api/ocloudNotifications/v2/subscriptions") \
    ROW(V2, DELETE, "/api/ocloudNotifications/v2/subscriptions") \
    ROW(V2, GET, "/api/ocloudNotifications/v2/subscriptions/{id}") \
    ROW(V2, DELETE, "/api/ocloudNotifications/v2/subscriptions/{id}") \
    ROW(V2, PUT, "/api/ocloudNotifications/v2/subscriptions/status/{id}") \
    ROW(V2, GET, "/api/ocloudNotifications/v2/publishers") \
    ROW(V2, POST, "/api/ocloudNotifications/v2/publishers") \
    ROW(V2, DELETE, "/api/ocloudNotifications/v2/publishers") \
    ROW(V2, GET, "/api/ocloudNotifications/v2/publishers/{id}") \
    ROW(V2, DELETE, "/api/ocloudNotifications/v2/publishers/{id}") \
    ROW(V2, GET, "/api/ocloudNotifications/v2/{ResourceAddress}/CurrentState") \
    ROW(V2, POST, "/api/ocloudNotifications/v2/create/event") \
    ROW(V2, POST, "/api/ocloudNotifications/v2/log") \
    ROW(V2, POST, "/api/ocloudNotifications/v2/dummy") \
    ROW(V2, POST, "/api/ocloudNotifications/v2/dummy2") \
    ROW(V2, GET, "/api/ocloudNotifications/v2/health") \
    ROW(V2, HEAD, "/api/ocloudNotifications/v2/health") \
    ROW(NATIVE, GET, "/api/gurnard/v1/subscriptions") \
    ROW(NATIVE, HEAD, "/api/gurnard/v1/subscriptions") \
    ROW(NATIVE, POST, "/api/gurnard/v1/subscriptions") \
    ROW(NATIVE, OPTIONS, "/api/gurnard/v1/subscriptions") \
    ROW(NATIVE, GET, "/api/gurnard/v1/subscriptions/{id}") \
    ROW(NATIVE, HEAD, "/api/gurnard/v1/subscriptions/{id}") \
    ROW(NATIVE, PUT, "/api/gurnard/v1/subscriptions/{id}") \
    ROW(NATIVE, DELETE, "/api/gurnard/v1/subscriptions/{id}") \
    ROW(NATIVE, OPTIONS, "/api/gurnard/v1/subscriptions/{id}") \
    ROW(NATIVE, POST, "/api/gurnard/v1/events") \
    ROW(NATIVE, OPTIONS, "/api/gurnard/v1/events") \
    ROW(COMMON, GET, "/livez") \
    ROW(COMMON, HEAD, "/livez") \
    ROW(COMMON, GET, "/readyz") \
    ROW(COMMON, HEAD, "/readyz") \
    ROW(COMMON, GET, "/healthz") \
    ROW(COMMON, HEAD, "/healthz") \
    ROW(COMMON, GET, "/openapi.json") \
    ROW(COMMON, HEAD, "/openapi.json") \
    ROW(METRICS, GET, "/metrics") \
    ROW(METRICS, HEAD, "/metrics") \
    ROW(ADMIN, GET, "/admin/v1/status") \
    ROW(ADMIN, GET, "/admin/v1/bmcs") \
    ROW(ADMIN, POST, "/admin/v1/bmcs") \
    ROW(ADMIN, GET, "/admin/v1/bmcs/{name}") \
    ROW(ADMIN, PUT, "/admin/v1/bmcs/{name}") \
    ROW(ADMIN, DELETE, "/admin/v1/bmcs/{name}") \
    ROW(ADMIN, POST, "/admin/v1/bmcs/{name}/test") \
    ROW(ADMIN, POST, "/admin/v1/bmcs/{name}/resync") \
    ROW(ADMIN, GET, "/admin/v1/alarms") \
    ROW(ADMIN, DELETE, "/admin/v1/alarms/{id}") \
    ROW(ADMIN, POST, "/admin/v1/replay") \
    ROW(ADMIN, DELETE, "/admin/v1/replay/{subscription}") \
    ROW(ADMIN, GET, "/admin/v1/deadletters") \
    ROW(ADMIN, DELETE, "/admin/v1/deadletters") \
    ROW(ADMIN, POST, "/admin/v1/deadletters/replay") \
    ROW(ADMIN, GET, "/admin/v1/deadletters/{number}") \
    ROW(ADMIN, DELETE, "/admin/v1/deadletters/{number}") \
    ROW(ADMIN, POST, "/admin/v1/deadletters/{number}/replay") \
    ROW(ADMIN, GET, "/admin/v1/quarantine") \
    ROW(ADMIN, DELETE, "/admin/v1/quarantine") \
    ROW(ADMIN, GET, "/admin/v1/quarantine/{name}") \
    ROW(ADMIN, DELETE, "/admin/v1/quarantine/{name}") \
    ROW(ADMIN, GET, "/admin/v1/quarantine/{name}/body") \
    ROW(ADMIN, POST, "/admin/v1/quarantine/{name}/replay") \
    ROW(PEER, GET, "/health") \
    ROW(PEER, POST, "/subscription") \
    ROW(PEER, POST, "/event") \
    ROW(PEER, GET, "/{resource}/{clientID}/CurrentState")
/* clang-format on */

#endif
