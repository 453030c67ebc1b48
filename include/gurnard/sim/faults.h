/* Faults of a simulated BMC: what a test asks it to do wrong. Pure; src/sim/control.c takes the
 * wishes from POST /sim/faults, src/sim/server.c carries them out. */
#ifndef GURNARD_SIM_FAULTS_H
#define GURNARD_SIM_FAULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/sim/profile.h"

#define GN_SIM_FOREVER      UINT32_MAX /* for counts: until cleared */
#define GN_SIM_FAULT_PATH   128        /* bytes of the path that faults are limited to, with NUL */
#define GN_SIM_DELAY_MAX_MS 600000U

/* Answers that a client must survive. */
enum gn_sim_hostile {
    GN_SIM_TAME,
    GN_SIM_ENDLESS,  /* "endless": a body that never ends */
    GN_SIM_REDIRECT, /* "redirect": 307 to another host */
    GN_SIM_LOOP,     /* "loop": Members@odata.nextLink leads to the same page */
    GN_SIM_TYPES,    /* "types": every value of another type than it should be */
    GN_SIM_BOMB,     /* "bomb": registries packed small that are huge */
    GN_SIM_HALF,     /* "half": the connection ends within the body */
    GN_SIM_GARBAGE,  /* "garbage": 200, but no JSON */
};

/* What holds until it is changed or cleared. */
struct gn_sim_faults {
    char path[GN_SIM_FAULT_PATH]; /* only requests whose path begins so; "": all. For http_status,
                                   * delay_ms, drop and hostile */
    int http_status;              /* answered instead, 0: none */
    uint32_t times;               /* requests left that http_status is for, or GN_SIM_FOREVER */
    uint32_t retry_after_s;       /* goes with http_status, 0: no such header */
    uint32_t delay_ms;            /* before each answer */
    uint32_t drops;               /* requests left to be closed without an answer */
    enum gn_sim_hostile hostile;
    bool is_full;              /* others have taken all subscriptions */
    bool is_disabled;          /* ServiceEnabled is false */
    bool has_alerts_off;       /* subscribing works, nothing is sent; SYS553 is shown */
    bool mutes_push;           /* nothing is pushed, streams work */
    bool mutes_sse;            /* streams stay open and silent */
    enum gn_sim_answer answer; /* to a new subscription; GN_SIM_ANSWERS: the profile's */
};

/* What happens once. */
struct gn_sim_incidents {
    bool resets;              /* the BMC restarts: */
    bool loses_subscriptions; /* without its subscriptions */
    uint32_t boot_ms;         /* and answers nothing for so long */
    bool drops_subscriptions; /* it forgets its subscriptions without a restart */
    bool suspends;            /* it suspends them all */
    bool ends_streams;        /* and cuts all streams */
};

/* No faults. */
void gn_sim_faults_init(struct gn_sim_faults *faults);

/* Applies the members of wish: "clear":true first (back to no faults), then path, http_status with
 * times and retry_after, delay_ms, drop (number, or true), hostile (a word, "" for none), full,
 * service_disabled, alerts_disabled, mute_push, mute_sse, answer (resource, created, error,
 * absolute, collection, body, empty, path, task, "" for the profile's); and those that happen once:
 * reset (true, or {"lose_subscriptions":bool,"boot_ms":n}), drop_subscriptions, suspend,
 * end_streams. GN_EINVAL: *reason (static) says what is wrong, nothing was changed. */
GN_MUST_CHECK enum gn_err gn_sim_faults_read(const json_t *wish, struct gn_sim_faults *faults,
                                             struct gn_sim_incidents *incidents,
                                             const char **reason);

/* What a request meets. */
enum gn_sim_verdict {
    GN_SIM_MEETS_NOTHING, /* it is answered as usual */
    GN_SIM_MEETS_DROP,    /* closed without an answer */
    GN_SIM_MEETS_STATUS,  /* answered http_status */
};

/* Decides, and counts drops and times down. */
enum gn_sim_verdict gn_sim_faults_meet(struct gn_sim_faults *faults, struct gn_str path);

/* The delay, and the hostility, that a request of this path meets. */
uint32_t gn_sim_faults_delay_ms(const struct gn_sim_faults *faults, struct gn_str path);
enum gn_sim_hostile gn_sim_faults_hostile(const struct gn_sim_faults *faults, struct gn_str path);

/* Gives every value of body another type: numbers for texts, texts for numbers, arrays for objects
 * and so on. Returns owned. */
json_t *gn_sim_wrong_types(json_t *body);

#endif
