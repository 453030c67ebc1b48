/* The AMQP connections of gurnardd (buses): what is published here goes out on each, for each
 * publisher's resource; what subscribers here want comes in; current states are asked and told.
 *
 * A bus has routes: prefixes of resources; without any, all resources are its. */
#ifndef GURNARD_APP_BUSES_H
#define GURNARD_APP_BUSES_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/api/remote.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/metrics.h"
#include "gurnard/base/secret.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/amqp.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/journal.h"
#include "gurnard/transport/transport_amqp.h"

#define GN_BUSES_MAX        8
#define GN_BUS_PREFIXES_MAX 16

struct gn_buses;

/* One connection. Texts are borrowed until gn_buses_new() returns. */
struct gn_bus_config {
    const char *url; /* amqp://host:port, amqps://host:port */
    const char *prefixes[GN_BUS_PREFIXES_MAX];
    size_t prefix_count;
};

/* For all of them. */
struct gn_buses_config {
    const struct gn_bus_config *buses;
    size_t count;
    const char *container_id;
    const char *pattern; /* gn_amqp_pattern_of() */
    enum gn_amqp_prefix prefix;
    bool is_native;       /* CloudEvents 1.0 go out, in this mode; else as cloud-event-proxy's */
    enum gn_ce_mode mode; /* binary or structured */
    /* Addresses that begin so are sent to settled; borrowed as long as the buses live. */
    const char *const *presettled;
    size_t presettled_count;
    uint32_t window; /* messages under way for one resource; and received and not stored */
    uint32_t outcome_ms;
    const char *user; /* "" for ANONYMOUS */
    const struct gn_secret *password;
    bool allow_insecure;
    const char *ca_file, *cert_file, *key_file; /* "" for none */
    bool verify;
    uint32_t retry_min_ms, retry_max_ms;
    size_t max_message_bytes;
};

/* All borrowed. */
struct gn_buses_parts {
    struct gn_loop *loop;
    struct gn_journal *journal;
    struct gn_metrics *metrics;
    struct gn_cne_figures *cne;
};

/* GN_EINVAL: a URL or the pattern is wrong; it was logged. GN_ENOMEM. *buses is to be stopped and
 * freed in any case. */
GN_MUST_CHECK enum gn_err gn_buses_new(const struct gn_buses_config *config,
                                       const struct gn_buses_parts *parts, struct gn_buses **buses);

/* The transports, for the outbox; ended by NULL at count. */
size_t gn_buses_transports(const struct gn_buses *buses, struct gn_transport **transports,
                           size_t max);

/* Names the relay, once it is built. */
void gn_buses_set_relay(struct gn_buses *buses, struct gn_relay *relay);

/* Connects. */
void gn_buses_start(struct gn_buses *buses);

/* Requests, receivers and sendings end. Before the journal goes. */
void gn_buses_stop(struct gn_buses *buses);
/* Stopped, and all has ended: to be turned for after the outbox has gone. */
bool gn_buses_is_stopped(const struct gn_buses *buses);
/* After that. NULL is fine. */
void gn_buses_free(struct gn_buses *buses);

/* Somebody publishes resource (canonical) here, or no longer: counted. */
void gn_buses_publish(struct gn_buses *buses, struct gn_str resource);
void gn_buses_unpublish(struct gn_buses *buses, struct gn_str resource);

/* Somebody here wants the events of resource, or no longer: counted. */
void gn_buses_want(struct gn_buses *buses, struct gn_str resource);
void gn_buses_unwant(struct gn_buses *buses, struct gn_str resource);

/* As struct gn_remote has it; ctx is the buses. */
bool gn_buses_has(void *buses);
enum gn_err gn_buses_ask(void *buses, struct gn_str resource, gn_remote_state_fn done,
                         void *done_ctx, void **query);
void gn_buses_forget(void *buses, void *query);

#endif
