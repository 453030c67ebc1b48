/* The inside of the buses: buses.c (life, what goes out), buses_in.c (what comes in, states). */
#ifndef GURNARD_APP_BUSES_PRIV_H
#define GURNARD_APP_BUSES_PRIV_H

#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/app/buses.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

/* A resource that somebody here publishes. */
struct counted {
    char *resource;
    uint32_t count;
    struct gn_sink *sinks[GN_BUSES_MAX]; /* on each bus; NULL: none */
    UT_hash_handle hh;
};

struct bus {
    struct gn_buses *buses;
    char *name; /* host:port */
    char *url;
    char *prefixes[GN_BUS_PREFIXES_MAX];
    size_t prefix_count;
    struct gn_amqp *amqp;
    struct gn_transport *transport;
};

/* An event that came and waits: for the journal, or for room in it. */
struct bus_wait {
    struct gn_buses *buses;
    struct gn_bus_event *event;
    struct gn_journal_wait journal;
    bool is_refused; /* it is given back when the retry timer runs */
    TAILQ_ENTRY(bus_wait) link;
};

struct gn_buses {
    struct gn_buses_parts parts;
    struct gn_relay *relay;
    struct gn_resolver *resolver;
    struct bus all[GN_BUSES_MAX];
    size_t count;
    uint32_t window;
    bool is_native;
    enum gn_ce_mode mode;
    struct counted *published;
    TAILQ_HEAD(, bus_wait) waits;
    struct gn_timer retry; /* runs while something is refused */
    bool is_stopped;
};

/* NULL: not there. */
struct counted *gn_counted_find(struct counted *list, struct gn_str resource);
/* One more; a new one when it is the first, else NULL (or no memory). One fewer; the one that is to
 * be freed when it was the last, else NULL. */
struct counted *gn_counted_add(struct counted **list, struct gn_str resource);
struct counted *gn_counted_remove(struct counted **list, struct gn_str resource);
void gn_counted_free(struct counted *one);

/* Whether resource goes by this bus. */
bool gn_bus_serves(const struct bus *bus, struct gn_str resource);

/* ---- buses_in.c ---- */

struct gn_transport *gn_bus_make_transport(struct bus *bus, const struct gn_buses_config *config,
                                           const char *pattern);
void gn_bus_on_state(void *ctx, bool is_up, const char *reason);
void gn_buses_on_retry(void *ctx);
void gn_buses_drop_waits(struct gn_buses *buses);

#endif
