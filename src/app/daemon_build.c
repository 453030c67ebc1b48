/* Builds gurnardd from its parts and takes it apart. Here, and only here, everybody is known. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon_priv.h"
#include "gurnard/app/daemon.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/net/listen.h"
#include "gurnard/transport/transport_http.h"

/* Most connections to subscribers, however many files may be open. */
#define SINK_CONNECTIONS_MAX 4096

/* Bounds of all connections together. */
#define BUDGET_MIN 16U
#define BUDGET_MAX 1000000U

enum gn_err gn_daemon_failed(const char *part, enum gn_err err)
{
    gn_log_error("start.failed part=%s reason=\"%s\"", part, gn_err_text(err));
    return err;
}

enum gn_err gn_daemon_listen_on(const char *name, const char *address, uint16_t port, int *fd,
                                uint16_t *bound)
{
    enum gn_err err = gn_listen_tcp(address, port, fd, bound);

    if (err == GN_EEXIST)
        gn_log_error("listen.failed server=%s address=%s port=%u reason=\"port is taken\"", name,
                     address[0] != '\0' ? address : "any", port);
    else if (err != GN_OK)
        gn_log_error("listen.failed server=%s address=%s port=%u reason=\"%s\"", name,
                     address[0] != '\0' ? address : "any", port, gn_err_text(err));
    return err;
}

/* Raises the soft limit of open files to the hard one and works out how many connections there may
 * be in all. */
static uint32_t connection_budget(void)
{
    struct rlimit limit;
    rlim_t files = 0;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return BUDGET_MIN;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* refused: the soft limit stands */
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    files = limit.rlim_cur < BUDGET_MAX ? limit.rlim_cur : BUDGET_MAX;
    return files < GN_DAEMON_FD_RESERVE + BUDGET_MIN ? BUDGET_MIN
                                                     : (uint32_t)files - GN_DAEMON_FD_RESERVE;
}

enum gn_err gn_daemon_listen(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    char admin_host[256];
    uint16_t admin_port;
    enum gn_err err;

    daemon->connections = connection_budget();
    err = gn_listen_parse(settings->admin_listen, admin_host, sizeof admin_host, &admin_port);
    if (err != GN_OK) {
        gn_log_error("listen.failed server=admin listen=%s reason=\"not host:port\"",
                     settings->admin_listen);
        return err;
    }
    err =
        gn_daemon_listen_on("webhook", settings->webhook_address, (uint16_t)settings->webhook_port,
                            &daemon->webhook_fd, &daemon->webhook_port);
    if (err == GN_OK)
        err = gn_daemon_listen_on("api", settings->api_address, (uint16_t)settings->api_port,
                                  &daemon->api_fd, &daemon->api_port);
    if (err == GN_OK)
        err = gn_daemon_listen_on("admin", admin_host, admin_port, &daemon->admin_fd,
                                  &daemon->admin_port);
    if (err == GN_OK)
        err = gn_daemon_parse_host(daemon);
    if (err == GN_OK)
        err = gn_daemon_listen_transport(daemon);
    return err == GN_OK ? gn_daemon_name_transport(daemon) : err;
}

/* Of all connections six sixteenths go out to subscribers, one to BMCs, four are for BMCs, two for
 * API clients, two for other proxies, one for the admin port. */
static uint32_t sink_connections(const struct daemon *daemon)
{
    uint32_t share = daemon->connections / 16 * 6;

    return share < SINK_CONNECTIONS_MAX ? share : SINK_CONNECTIONS_MAX;
}

static enum gn_err build_client(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_http_client_config client = {
        .max_idle_connections = sink_connections(daemon),
        .connect_timeout_ms = (uint32_t)settings->delivery_timeout,
        .user_agent = "gurnard/" GN_VERSION,
    };

    daemon->client = gn_http_client_new(daemon->loop, &client);
    if (daemon->client == NULL)
        return gn_daemon_failed("http client", GN_ENOMEM);
    daemon->transports[0] = gn_transport_http_new(daemon->client);
    return daemon->transports[0] == NULL ? gn_daemon_failed("http transport", GN_ENOMEM) : GN_OK;
}

static enum gn_err build_outbox(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_outbox_config config = {
        .backoff = {.min_ms = (uint32_t)settings->delivery_retry_min,
                    .max_ms = (uint32_t)settings->delivery_retry_max},
        .attempt_timeout_ms = (uint32_t)settings->delivery_timeout,
        .expire_ms = settings->delivery_expire,
        .refused_tries = (uint32_t)settings->delivery_refused_tries,
        .gone_pause_ms = (uint32_t)settings->delivery_gone_pause,
        .sink_concurrency = (uint32_t)settings->delivery_concurrency,
        .max_in_flight = sink_connections(daemon),
        .quota_events = settings->delivery_queue_events,
        .quota_bytes = settings->delivery_queue_size,
        .memory_bytes = settings->delivery_memory,
    };
    const struct gn_outbox_parts parts = {
        .loop = daemon->loop,
        .journal = daemon->journal,
        .letters = daemon->letters,
        .transports = daemon->transports,
        .metrics = daemon->metrics,
        .via = daemon->instance.text,
        .cne = daemon->cne,
        .ended = gn_daemon_on_ended,
        .ended_ctx = daemon,
    };

    daemon->outbox = gn_outbox_new(&config, &parts);
    return daemon->outbox == NULL ? gn_daemon_failed("outbox", GN_ENOMEM) : GN_OK;
}

static enum gn_relay_metrics metric_reports_of(const struct gn_settings *settings)
{
    if (strcmp(settings->metrics_reports, "with") == 0)
        return GN_RELAY_METRICS_WITH;
    return strcmp(settings->metrics_reports, "drop") == 0 ? GN_RELAY_METRICS_DROP
                                                          : GN_RELAY_METRICS_APART;
}

static enum gn_err build_relay(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_relay_config config = {
        .node = settings->node_name,
        .overwrite_severity = strcmp(settings->events_severity, "overwrite") == 0,
        .max_body_bytes = settings->webhook_max_body,
        .instance = daemon->instance.text,
        .metric_reports = metric_reports_of(settings),
        .storm_rate = (uint32_t)settings->storm_rate,
        .storm_burst = (uint32_t)settings->storm_burst,
    };
    struct gn_relay_parts parts;

    daemon->state = gn_state_new();
    if (daemon->state == NULL)
        return gn_daemon_failed("state", GN_ENOMEM);
    parts = (struct gn_relay_parts){
        .loop = daemon->loop,
        .journal = daemon->journal,
        .outbox = daemon->outbox,
        .state = daemon->state,
        .quarantine = daemon->quarantine,
        .metrics = daemon->metrics,
        .alarms = daemon->alarms,
        .acks = daemon->acks,
        .cne = daemon->cne,
    };
    daemon->relay = gn_relay_new(&config, &parts);
    gn_buses_set_relay(daemon->buses, daemon->relay);
    return daemon->relay == NULL ? gn_daemon_failed("relay", GN_ENOMEM) : GN_OK;
}

enum gn_err gn_daemon_log_tokens_err(const struct daemon *daemon, enum gn_err err, unsigned line)
{
    if (err != GN_OK)
        gn_log_error("tokens.bad file=%s line=%u reason=\"%s\"",
                     daemon->settings->webhook_tokens_file, line, gn_err_text(err));
    return err;
}

static bool handle_admin(void *ctx, struct gn_http_request *request)
{
    return gn_admin_handle(ctx, request);
}

static enum gn_err build_api(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    struct gn_webhook_config webhook = {
        .reject_unreadable = strcmp(settings->webhook_unreadable, "reject") == 0,
        .require_token = strcmp(settings->webhook_require_token, "yes") == 0,
        .loop = daemon->loop,
        .registry_wait_ms = (uint32_t)settings->bmc_registry_wait,
    };
    const struct gn_v1_config v1 = {
        .port = daemon->api_port,
        .probe_timeout_ms = (uint32_t)settings->api_probe_timeout,
        .first_wins = strcmp(settings->api_duplicates, "first") == 0,
    };
    const struct gn_v1_parts parts = {
        .loop = daemon->loop,
        .client = daemon->client,
        .pubsub = daemon->pubsub,
        .state = daemon->state,
        .journal = daemon->journal,
        .relay = daemon->relay,
        .metrics = daemon->metrics,
        .remote = gn_daemon_remote(daemon),
        .cne = daemon->cne,
    };
    const struct gn_admin_parts admin = {
        .loop = daemon->loop,
        .relay = daemon->relay,
        .outbox = daemon->outbox,
        .journal = daemon->journal,
        .letters = daemon->letters,
        .quarantine = daemon->quarantine,
        .ops = &daemon->ops,
        .node = settings->node_name,
        .registrar = daemon->registrar,
        .bmcs = daemon->bmcs,
        .inventory = gn_daemon_inventory(daemon),
        .alarms = daemon->alarms,
    };
    struct gn_tokens tokens;
    unsigned line;
    enum gn_err err;

    err = gn_tokens_read(settings->webhook_tokens_file, &tokens, &line);
    if (gn_daemon_log_tokens_err(daemon, err, line) != GN_OK)
        return err;
    webhook.tokens = tokens.items;
    webhook.token_count = tokens.count;
    daemon->webhook = gn_webhook_new(&webhook, daemon->relay, daemon->journal, daemon->metrics);
    gn_tokens_free(&tokens);
    daemon->v1 = gn_v1_new(&v1, &parts);
    daemon->admin = gn_admin_new(&admin);
    daemon->ops.further = handle_admin;
    daemon->ops.further_ctx = daemon->admin;
    return daemon->webhook == NULL || daemon->v1 == NULL || daemon->admin == NULL
               ? gn_daemon_failed("api", GN_ENOMEM)
               : GN_OK;
}

enum gn_err gn_daemon_build(struct daemon *daemon)
{
    enum gn_err err;

    daemon->instance = gn_id_random();
    daemon->cne = gn_cne_figures_new(daemon->metrics);
    if (daemon->cne == NULL)
        return gn_daemon_failed("metrics", GN_ENOMEM);
    daemon->store_worker = gn_worker_new(daemon->loop, "gurnard-store");
    daemon->registry_worker = gn_worker_new(daemon->loop, "gurnard-regs");
    if (daemon->store_worker == NULL || daemon->registry_worker == NULL)
        return gn_daemon_failed("helper threads", GN_ENOMEM);
    err = gn_daemon_open_store(daemon);
    if (err == GN_OK)
        err = gn_daemon_build_journals(daemon);
    if (err == GN_OK)
        err = build_client(daemon);
    if (err == GN_OK)
        err = gn_daemon_build_buses(daemon);
    if (err == GN_OK)
        err = gn_daemon_build_peers(daemon);
    if (err == GN_OK)
        err = build_outbox(daemon);
    if (err == GN_OK)
        err = gn_daemon_build_quarantine(daemon);
    if (err == GN_OK)
        err = gn_daemon_build_alarms(daemon);
    if (err == GN_OK)
        err = build_relay(daemon);
    if (err == GN_OK)
        err = gn_daemon_load_store(daemon);
    if (err == GN_OK)
        err = gn_daemon_build_bmcs(daemon);
    if (err == GN_OK)
        err = build_api(daemon);
    if (err == GN_OK)
        err = gn_daemon_build_peer_apis(daemon);
    return err;
}

static struct gn_http_server_config server_config(const struct daemon *daemon, const char *name,
                                                  int fd, uint64_t wanted, uint32_t budget)
{
    const struct gn_settings *settings = daemon->settings;

    return (struct gn_http_server_config){
        .name = name,
        .listen_fd = fd,
        .max_connections = wanted < budget ? (uint32_t)wanted : budget,
        .max_body_bytes = settings->api_max_body,
        .idle_timeout_ms = (uint32_t)settings->http_idle_timeout,
        .header_deadline_ms = (uint32_t)settings->http_header_deadline,
        .body_deadline_ms = (uint32_t)settings->http_body_deadline,
        .metrics = daemon->metrics,
    };
}

/* Other proxies send as much as BMCs do. */
static enum gn_err serve_transport(struct daemon *daemon)
{
    struct gn_http_server_config config =
        server_config(daemon, "transport", daemon->transport_fd,
                      daemon->settings->api_max_connections, daemon->connections / 8);
    enum gn_err err;

    config.max_body_bytes = daemon->settings->webhook_max_body;
    config.on_request = gn_peer_on_request;
    config.ctx = daemon->peer;
    daemon->transport_fd = -1;
    err = gn_http_server_new(daemon->loop, &config, &daemon->transport_server);
    return err == GN_OK ? GN_OK : gn_daemon_failed("transport server", err);
}

enum gn_err gn_daemon_serve(struct daemon *daemon)
{
    struct gn_http_server_config config;
    enum gn_err err;

    daemon->rest = (struct gn_rest){
        .v1 = daemon->v1,
        .v2 = daemon->v2,
        .native = daemon->native,
        .peer = daemon->transport_port == daemon->api_port ? daemon->peer : NULL,
        .ops = &daemon->ops,
    };
    config = server_config(daemon, "api", daemon->api_fd, daemon->settings->api_max_connections,
                           daemon->connections / 8);
    config.on_request = gn_rest_on_request;
    config.ctx = &daemon->rest;
    daemon->api_fd = -1;
    err = gn_http_server_new(daemon->loop, &config, &daemon->api_server);
    if (err != GN_OK)
        return gn_daemon_failed("api server", err);
    config = server_config(daemon, "admin", daemon->admin_fd, 64, daemon->connections / 16);
    config.on_request = gn_ops_on_request;
    config.ctx = &daemon->ops;
    daemon->admin_fd = -1;
    err = gn_http_server_new(daemon->loop, &config, &daemon->admin_server);
    if (err != GN_OK)
        return gn_daemon_failed("admin server", err);
    gn_registrar_start(daemon->registrar);
    gn_buses_start(daemon->buses);
    return daemon->transport_fd >= 0 ? serve_transport(daemon) : GN_OK;
}

enum gn_err gn_daemon_serve_webhook(struct daemon *daemon)
{
    struct gn_http_server_config config =
        server_config(daemon, "webhook", daemon->webhook_fd,
                      daemon->settings->webhook_max_connections, daemon->connections / 4);
    enum gn_err err;

    config.max_body_bytes = daemon->settings->webhook_max_body;
    config.on_request = gn_webhook_on_request;
    config.ctx = daemon->webhook;
    daemon->webhook_fd = -1;
    err = gn_http_server_new(daemon->loop, &config, &daemon->webhook_server);
    return err == GN_OK ? GN_OK : gn_daemon_failed("webhook server", err);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Calls that were cancelled end in later turns. */
static bool has_calls(const struct daemon *daemon)
{
    return (daemon->client != NULL && gn_http_client_active(daemon->client) > 0) ||
           (daemon->bmc_client != NULL && gn_http_client_active(daemon->bmc_client) > 0) ||
           (daemon->buses != NULL && !gn_buses_is_stopped(daemon->buses));
}

static void wait_for_calls(struct daemon *daemon)
{
    while (has_calls(daemon))
        if (gn_loop_turn(daemon->loop, 100) != GN_OK)
            return;
}

void gn_daemon_tear_down(struct daemon *daemon)
{
    /* The loop turns on below, until what was cancelled has ended: nothing of our own may run in
     * it. */
    daemon->is_stopping = true;
    gn_timer_fini(&daemon->registry_wait);
    gn_timer_fini(&daemon->drain_tick);
    gn_timer_fini(&daemon->drain_limit);
    gn_timer_fini(&daemon->mend_tick);
    if (daemon->v1 != NULL)
        gn_v1_stop(daemon->v1);
    if (daemon->webhook != NULL)
        gn_webhook_stop(daemon->webhook);
    if (daemon->admin != NULL)
        gn_admin_stop(daemon->admin);
    gn_daemon_stop_peers(daemon);
    if (daemon->relay != NULL)
        gn_relay_flush(daemon->relay);
    gn_daemon_free_bmcs(daemon);
    gn_worker_free(daemon->registry_worker);
    gn_worker_free(daemon->store_worker); /* commits end and answer their requests */
    gn_http_server_free(daemon->webhook_server);
    gn_http_server_free(daemon->api_server);
    gn_http_server_free(daemon->admin_server);
    gn_http_server_free(daemon->transport_server);
    gn_clients_free(daemon->clients);
    gn_pubsub_close(daemon->pubsub);
    if (daemon->buses != NULL)
        gn_buses_stop(daemon->buses);
    gn_outbox_free(daemon->outbox);
    gn_deadletters_close(daemon->letters);
    gn_journal_close(daemon->journal);
    wait_for_calls(daemon);
    gn_daemon_free_peers(daemon);
    gn_admin_free(daemon->admin);
    gn_v1_free(daemon->v1);
    gn_webhook_free(daemon->webhook);
    gn_registry_loader_free(daemon->registries);
    gn_relay_free(daemon->relay);
    gn_daemon_free_alarms(daemon);
    gn_quarantine_close(daemon->quarantine);
    gn_state_free(daemon->state);
    if (daemon->transports[0] != NULL)
        daemon->transports[0]->ops->free(daemon->transports[0]);
    gn_http_client_free(daemon->client);
    gn_http_client_free(daemon->bmc_client);
    gn_buses_free(daemon->buses);
    gn_loop_free(daemon->loop);
    gn_cne_figures_free(daemon->cne);
    gn_metrics_free(daemon->metrics);
    close_fd(&daemon->webhook_fd);
    close_fd(&daemon->api_fd);
    close_fd(&daemon->admin_fd);
    close_fd(&daemon->transport_fd);
}
