/* The daemon's parts, shared by the files that build, run and end it. */
#ifndef GURNARD_APP_DAEMON_PRIV_H
#define GURNARD_APP_DAEMON_PRIV_H

#include "gurnard/api/admin.h"
#include "gurnard/api/native_api.h"
#include "gurnard/api/ops.h"
#include "gurnard/api/peer.h"
#include "gurnard/api/rest.h"
#include "gurnard/api/v1.h"
#include "gurnard/api/v2.h"
#include "gurnard/api/webhook.h"
#include "gurnard/app/bmc_inventory.h"
#include "gurnard/app/buses.h"
#include "gurnard/app/registry_loader.h"
#include "gurnard/app/settings.h"
#include "gurnard/app/tokens.h"
#include "gurnard/app/transport_host.h"
#include "gurnard/bmc/bmcs.h"
#include "gurnard/net/http_client.h"
#include "gurnard/net/http_server.h"
#include "gurnard/relay/acks.h"
#include "gurnard/relay/alarms.h"
#include "gurnard/relay/cne_figures.h"
#include "gurnard/relay/outbox.h"
#include "gurnard/relay/relay.h"
#include "gurnard/store/clients.h"
#include "gurnard/store/deadletter.h"
#include "gurnard/store/journal.h"
#include "gurnard/store/pubsub.h"
#include "gurnard/store/quarantine.h"
#include "gurnard/store/state.h"
#include "gurnard/transport/registrar.h"
#include "gurnard/transport/transport.h"

#define DAEMON_CHECKS 4

struct daemon {
    const struct gn_settings *settings;
    struct gn_metrics *metrics;
    struct gn_loop *loop;
    struct gn_worker *store_worker;    /* syncs of subscriptions, quarantine */
    struct gn_worker *registry_worker; /* loads that may take long */
    uint32_t connections;              /* that may be open in all, in and out */
    struct gn_http_client *client;
    struct gn_transport *transports[2 + GN_BUSES_MAX]; /* http, buses; ended by NULL */
    struct gn_journal *journal;
    struct gn_deadletters *letters;
    struct gn_outbox *outbox;
    struct gn_state *state;
    struct gn_quarantine *quarantine;
    struct gn_relay *relay;
    struct gn_pubsub *pubsub;
    struct gn_clients *clients;
    struct gn_registrar *registrar;
    struct gn_acks *acks;
    struct gn_buses *buses;
    struct gn_cne_figures *cne;
    struct gn_transport_host transport_host; /* our own name for other proxies */
    char *link_base;                         /* of links to the v2 and the native API */
    struct gn_id instance;                   /* this process, in what it sends */
    struct gn_registry_loader *registries;
    /* management controllers */
    struct gn_http_client *bmc_client; /* apart from deliveries: other time-outs, own connections */
    struct gn_bmcs *bmcs;
    struct gn_worker *inventory_worker;
    struct gn_bmc_inventory *inventory;
    char *registry_cache; /* folder of registries fetched from BMCs */
    TAILQ_HEAD(, settling) settlings;
    bool bmcs_stopped;
    /* what is wrong now */
    struct gn_alarms *alarms;
    char *alarms_path;
    uint64_t alarms_saved; /* the version that is on disk, or on its way */
    struct gn_buf alarms_text;
    struct gn_timer alarms_tick;
    struct gn_job alarms_job;
    enum gn_err alarms_err;
    bool alarms_job_runs;
    struct gn_webhook *webhook;
    struct gn_v1 *v1;
    struct gn_v2 *v2;
    struct gn_native_api *native;
    struct gn_peer *peer;
    struct gn_admin *admin;
    struct gn_ready_check checks[DAEMON_CHECKS];
    struct gn_ops ops;
    struct gn_rest rest;
    /* listening; -1 once a server owns them, or when there is none */
    int webhook_fd, api_fd, admin_fd, transport_fd;
    uint16_t webhook_port, api_port, admin_port;
    uint16_t transport_port; /* 0: other proxies are not listened to; may be the API's */
    struct gn_http_server *webhook_server, *api_server, *admin_server, *transport_server;
    struct gn_timer registry_wait; /* the webhook serves at the latest when this ends */
    struct gn_timer drain_tick;    /* looks whether all is out */
    struct gn_timer drain_limit;
    struct gn_timer mend_tick; /* repeats writes of the store that failed */
    struct gn_job tokens_job;  /* reads the tokens again at SIGHUP */
    struct gn_tokens tokens_read;
    enum gn_err tokens_err;
    unsigned tokens_line;
    bool tokens_job_runs;
    bool is_stopping;
    int exit_code;
};

/* Opens the listening sockets: first of all, so that a taken port ends the start at once. */
GN_MUST_CHECK enum gn_err gn_daemon_listen(struct daemon *daemon);

/* Builds every part but the servers, in the order of their dependence. What failed was logged. */
GN_MUST_CHECK enum gn_err gn_daemon_build(struct daemon *daemon);

/* A listening socket. What failed was logged. */
GN_MUST_CHECK enum gn_err gn_daemon_listen_on(const char *name, const char *address, uint16_t port,
                                              int *fd, uint16_t *bound);

/* Other proxies (daemon_peers.c), in this order. What failed was logged. */
/* Reads transport.host. */
GN_MUST_CHECK enum gn_err gn_daemon_parse_host(struct daemon *daemon);
/* Listens to them, if that is wanted and not on the API's port. */
GN_MUST_CHECK enum gn_err gn_daemon_listen_transport(struct daemon *daemon);
/* Now that all ports are known: our name, and the beginning of our links. */
GN_MUST_CHECK enum gn_err gn_daemon_name_transport(struct daemon *daemon);
/* After the store and the ways out: clients, acknowledgements, registrar. */
GN_MUST_CHECK enum gn_err gn_daemon_build_peers(struct daemon *daemon);
/* The AMQP connections, after the http transport (daemon_buses.c). */
GN_MUST_CHECK enum gn_err gn_daemon_build_buses(struct daemon *daemon);
/* Whom the v1 API asks for current states. */
struct gn_remote gn_daemon_remote(struct daemon *daemon);
/* Before the store is loaded. */
void gn_daemon_observe(struct daemon *daemon);
/* v2, native, and what other proxies call. */
GN_MUST_CHECK enum gn_err gn_daemon_build_peer_apis(struct daemon *daemon);
/* Those that exist: no more calls; and, when all calls have ended: freed. */
void gn_daemon_stop_peers(struct daemon *daemon);
void gn_daemon_free_peers(struct daemon *daemon);
/* For gn_outbox_parts.ended. */
void gn_daemon_on_ended(void *ctx, const struct gn_event *event, bool is_delivered);

/* Logs that part could not be built; returns err. */
GN_MUST_CHECK enum gn_err gn_daemon_failed(const char *part, enum gn_err err);

/* The store (daemon_store.c), in this order; between the third and the last the relay is built.
 * What failed was logged with what to do. */
GN_MUST_CHECK enum gn_err gn_daemon_open_store(struct daemon *daemon);
GN_MUST_CHECK enum gn_err gn_daemon_build_journals(struct daemon *daemon);
GN_MUST_CHECK enum gn_err gn_daemon_build_quarantine(struct daemon *daemon);
GN_MUST_CHECK enum gn_err gn_daemon_load_store(struct daemon *daemon);

/* Starts serving the API and the admin port; the webhook follows with gn_daemon_serve_webhook(). */
GN_MUST_CHECK enum gn_err gn_daemon_serve(struct daemon *daemon);
GN_MUST_CHECK enum gn_err gn_daemon_serve_webhook(struct daemon *daemon);

/* Logs what is wrong with the file of tokens, if anything; returns err. */
GN_MUST_CHECK enum gn_err gn_daemon_log_tokens_err(const struct daemon *daemon, enum gn_err err,
                                                   unsigned line);

/* Ends and frees every part that exists. */
void gn_daemon_tear_down(struct daemon *daemon);

/* Management controllers (daemon_bmcs.c). What failed was logged. Alarms before the relay, the
 * rest when the relay and the webhook are there; started when the webhook serves. */
GN_MUST_CHECK enum gn_err gn_daemon_build_alarms(struct daemon *daemon);
void gn_daemon_free_alarms(struct daemon *daemon);
GN_MUST_CHECK enum gn_err gn_daemon_build_bmcs(struct daemon *daemon);
void gn_daemon_start_bmcs(struct daemon *daemon);
/* Takes back what is not to be kept; bmcs_stopped when it has ended. */
void gn_daemon_stop_bmcs(struct daemon *daemon, uint32_t timeout_ms);
void gn_daemon_free_bmcs(struct daemon *daemon);
/* The inventory as the admin API calls it. */
struct gn_admin_inventory gn_daemon_inventory(struct daemon *daemon);

#endif
