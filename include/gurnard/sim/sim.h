/* Simulated management controllers: a Redfish service on loopback to develop and test against.
 *
 * One listening socket plays any number of BMCs; which one is meant is told by the host that a
 * request names: first_address is the first BMC, the next address the second and so on; a name that
 * is no such address means the first. Each has sessions, subscriptions, logs and registries of its
 * own, pushes what happens to it, one event after another for each subscription, and streams it.
 *
 * Under /sim/ (from this machine only, without credentials) a test makes things happen:
 *   POST /sim/events   {"count":n,"severity":"Critical","message_id":"FanFailed","args":[..],
 *                      "message":"..","host":"127.0.0.1"}: incidents, all members optional; answers
 *                      {"raised":n}
 *   POST /sim/reports  {"count":n,"host":..}: metric reports
 *   POST /sim/faults   {"host":.., ...}: as gn_sim_faults_read() takes them; answers {"bmcs":n}
 *   GET /sim/state     what was seen and sent; ?host= for one BMC, else all of them
 * Without "host" all BMCs are meant.
 *
 * Where memory is refused the process ends (base/must_alloc.h). */
#ifndef GURNARD_SIM_SIM_H
#define GURNARD_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"
#include "gurnard/sim/profile.h"

#define GN_SIM_BMCS_MAX 65536U

struct gn_sim;

struct gn_sim_config {
    const struct gn_sim_profile *profile; /* NULL: one after another ("mixed") */
    uint32_t count;                       /* BMCs, 1 ... GN_SIM_BMCS_MAX */
    uint32_t first_address;               /* IPv4 address of the first, 127.0.0.1 is 0x7f000001 */
    int listen_fd;                        /* from gn_listen_tcp(), owned; -1: nothing is served or
                                           * sent (unit tests) */
    const struct gn_http_server_tls *tls; /* NULL: plain HTTP */
    const char *user, *password;          /* of every BMC; copied */
    double rate;                          /* incidents a second and BMC, 0: none by itself */
    double speed;                         /* waits of the profiles are so many times shorter */
    uint64_t seed;                        /* equal seeds give equal ids and incidents */
    int64_t clock_skew_s;                 /* the BMCs' clocks are ahead by so much */
    uint32_t ttl_s;                       /* not 0: subscriptions expire after so long, whatever
                                           * the profile says; not shortened by speed */
    bool allows_http;                     /* destinations of http also where the profile wants
                                           * https */
    bool is_local_only;                   /* other machines are turned away */
};

/* Starts them. On error the listening socket is closed. GN_EINVAL: tls is unusable. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_sim_new(struct gn_loop *loop, const struct gn_sim_config *config,
                                     struct gn_sim **sim);

/* Ends all connections and pushes under way, in a later turn; done(ctx) is called when nothing is
 * left, and gn_sim_free() may be called then (not from inside it). */
void gn_sim_stop(struct gn_sim *sim, void (*done)(void *ctx), void *ctx);

/* Stopped before, or never served. NULL is fine. */
void gn_sim_free(struct gn_sim *sim);

/* The port served; 0 without a socket. */
uint16_t gn_sim_port(const struct gn_sim *sim);

#endif
