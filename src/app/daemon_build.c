/* Builds gurnardd from its parts and takes it apart. Here, and only here, everybody is known. */
#include <errno.h>
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

/* Events that may wait for the disk: at 20,000 a second a second's worth. */
#define JOURNAL_PENDING_BYTES ((uint64_t)16 << 20)

static enum gn_err failed(const char *part, enum gn_err err)
{
    gn_log_error("start.failed part=%s reason=\"%s\"", part, gn_err_text(err));
    return err;
}

static enum gn_err listen_on(const char *name, const char *address, uint16_t port, int *fd,
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
    err = listen_on("webhook", settings->webhook_address, (uint16_t)settings->webhook_port,
                    &daemon->webhook_fd, &daemon->webhook_port);
    if (err == GN_OK)
        err = listen_on("api", settings->api_address, (uint16_t)settings->api_port, &daemon->api_fd,
                        &daemon->api_port);
    if (err == GN_OK)
        err = listen_on("admin", admin_host, admin_port, &daemon->admin_fd, &daemon->admin_port);
    return err;
}

/* Half of all descriptors go out, a quarter to BMCs, an eighth to API clients. */
static uint32_t sink_connections(const struct daemon *daemon)
{
    uint32_t share = daemon->connections / 2;

    return share < SINK_CONNECTIONS_MAX ? share : SINK_CONNECTIONS_MAX;
}

static enum gn_err build_ways_out(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_http_client_config client = {
        .max_idle_connections = sink_connections(daemon),
        .connect_timeout_ms = (uint32_t)settings->delivery_timeout,
        .user_agent = "gurnard/" GN_VERSION,
    };
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
    struct gn_outbox_parts parts;

    daemon->client = gn_http_client_new(daemon->loop, &client);
    if (daemon->client == NULL)
        return failed("http client", GN_ENOMEM);
    daemon->transports[0] = gn_transport_http_new(daemon->client);
    if (daemon->transports[0] == NULL)
        return failed("http transport", GN_ENOMEM);
    parts = (struct gn_outbox_parts){
        .loop = daemon->loop,
        .journal = daemon->journal,
        .letters = daemon->letters,
        .transports = daemon->transports,
        .metrics = daemon->metrics,
    };
    daemon->outbox = gn_outbox_new(&config, &parts);
    return daemon->outbox == NULL ? failed("outbox", GN_ENOMEM) : GN_OK;
}

static bool is_lasting(const struct gn_settings *settings)
{
    return strcmp(settings->durability, "journal") == 0;
}

/* The path of an entry of the store; "" when events are to be in memory only. */
static enum gn_err journal_folder(const struct gn_settings *settings, const char *entry,
                                  struct gn_buf *path)
{
    if (is_lasting(settings))
        gn_buf_printf(path, "%s/%s", settings->store_path, entry);
    else
        gn_buf_puts(path, "");
    return gn_buf_err(path);
}

static enum gn_err open_journal(struct daemon *daemon, const char *folder)
{
    const struct gn_settings *settings = daemon->settings;
    uint64_t segment = settings->journal_size / 8;
    const struct gn_journal_config config = {
        .name = "events",
        .folder = folder,
        .max_bytes = settings->journal_size,
        .segment_bytes =
            (uint32_t)(segment < settings->journal_segment ? segment : settings->journal_segment),
        .disk_spare_pct = (uint32_t)settings->journal_disk_spare,
        .pending_bytes = JOURNAL_PENDING_BYTES,
        .keep_ms = settings->journal_keep,
        .accept_gaps = strcmp(settings->journal_repair, "yes") == 0,
    };

    return gn_journal_open(daemon->loop, &config, daemon->metrics, &daemon->journal);
}

/* What goes wrong here was logged with what to do. */
static enum gn_err build_journals(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    struct gn_buf path = GN_BUF_INIT;
    enum gn_err err;

    err = journal_folder(settings, "journal", &path);
    if (err == GN_OK)
        err = open_journal(daemon, path.data);
    gn_buf_reset(&path);
    if (err == GN_OK)
        err = journal_folder(settings, "deadletters", &path);
    if (err == GN_OK)
        err = gn_deadletters_open(daemon->loop, path.data, settings->deadletter_size,
                                  daemon->metrics, &daemon->letters);
    gn_buf_free(&path);
    if (!is_lasting(settings))
        gn_log_warn("durability.memory reason=\"a restart loses what is not delivered\"");
    return err;
}

static enum gn_err build_quarantine(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    struct gn_buf folder = GN_BUF_INIT;
    struct gn_quarantine_config config = {
        .max_files = (uint32_t)settings->quarantine_files,
        .max_bytes = settings->quarantine_size,
        .max_pending_bytes = settings->quarantine_size,
    };
    enum gn_err err;

    gn_buf_printf(&folder, "%s/quarantine", settings->store_path);
    err = gn_buf_err(&folder);
    if (err == GN_OK) {
        config.folder = folder.data;
        err =
            gn_quarantine_open(&config, daemon->store_worker, daemon->metrics, &daemon->quarantine);
    }
    gn_buf_free(&folder);
    return err == GN_OK ? GN_OK : failed("quarantine", err);
}

static enum gn_err build_relay(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_relay_config config = {
        .node = settings->node_name,
        .overwrite_severity = strcmp(settings->events_severity, "overwrite") == 0,
        .max_body_bytes = settings->webhook_max_body,
    };
    struct gn_relay_parts parts;

    daemon->state = gn_state_new();
    if (daemon->state == NULL)
        return failed("state", GN_ENOMEM);
    parts = (struct gn_relay_parts){
        .loop = daemon->loop,
        .journal = daemon->journal,
        .outbox = daemon->outbox,
        .state = daemon->state,
        .quarantine = daemon->quarantine,
        .metrics = daemon->metrics,
    };
    daemon->relay = gn_relay_new(&config, &parts);
    return daemon->relay == NULL ? failed("relay", GN_ENOMEM) : GN_OK;
}

static bool is_redfish_publisher(void *ctx, struct gn_pubsub_item *item)
{
    struct gn_str *wanted = ctx;

    if (!gn_str_eq(gn_str_of(item->resource), *wanted))
        return true;
    *wanted = GN_STR_NONE; /* found */
    return false;
}

/* Nobody waits for it; a failure was logged by the store and takes readiness away. */
static void on_publisher_saved(void *ctx, enum gn_err err)
{
    (void)ctx;
    (void)err;
}

/* gurnard is itself the publisher of Redfish events, as hw-event-proxy was: it has a record. */
static enum gn_err ensure_publisher(struct daemon *daemon)
{
    struct gn_str address = gn_str_of(gn_relay_redfish_address(daemon->relay));
    struct gn_str wanted = address;
    struct gn_pubsub_item *item;
    char endpoint[128];
    char prefix[128];
    enum gn_err err;

    gn_pubsub_each(daemon->pubsub, GN_PUBLISHER, is_redfish_publisher, &wanted);
    if (wanted.p == NULL)
        return GN_OK;
    (void)snprintf(endpoint, sizeof endpoint,
                   "http://localhost:%u/api/ocloudNotifications/v1/dummy", daemon->api_port);
    (void)snprintf(prefix, sizeof prefix,
                   "http://localhost:%u/api/ocloudNotifications/v1/publishers/", daemon->api_port);
    err = gn_pubsub_add(daemon->pubsub, GN_PUBLISHER, address, gn_str_of(endpoint), prefix, &item);
    if (err != GN_OK)
        return failed("publisher", err);
    gn_log_info("publisher.created text=\"Created publisher\" id=%s resource=%s", item->id,
                item->resource);
    return gn_pubsub_commit(daemon->pubsub, GN_PUBLISHER, on_publisher_saved, NULL);
}

/* The folder and its lock, before anything in it is touched. */
static enum gn_err open_store(struct daemon *daemon)
{
    const char *folder = daemon->settings->store_path;
    enum gn_err err = gn_file_mkdirs(folder);

    if (err == GN_OK)
        err = gn_pubsub_open(folder, daemon->store_worker, NULL, &daemon->pubsub);
    if (err == GN_EEXIST)
        gn_log_error("store.locked folder=%s reason=\"another gurnardd uses it: stop that one, or "
                     "set store.path\"",
                     folder);
    else if (err != GN_OK)
        gn_log_error("store.open_failed folder=%s reason=\"%s: make it a folder that gurnardd may "
                     "write to, or set store.path\"",
                     folder, err == GN_EIO ? strerror(errno) : gn_err_text(err));
    return err;
}

/* Without the file of subscriptions the journal's events would belong to nobody. */
static enum gn_err recover(struct daemon *daemon)
{
    bool may_forget = gn_pubsub_had_file(daemon->pubsub, GN_SUBSCRIPTION) ||
                      strcmp(daemon->settings->journal_repair, "yes") == 0;
    enum gn_err err = gn_relay_recover(daemon->relay, may_forget);

    if (err == GN_EREFUSED)
        gn_log_error("store.incomplete folder=%s reason=\"sub.json is missing, and the journal "
                     "holds events of subscriptions: put the file back, or start once with "
                     "--journal-repair=yes to go on without them\"",
                     daemon->settings->store_path);
    if (err != GN_OK)
        return err;
    err = gn_pubsub_make_files(daemon->pubsub);
    if (err != GN_OK)
        gn_log_error("store.open_failed folder=%s reason=\"%s: make room, or set store.path\"",
                     daemon->settings->store_path, strerror(errno));
    return err;
}

static void note_result(void *ctx, enum gn_err err)
{
    enum gn_err *result = ctx;

    *result = err;
}

/* The journal's first segment is on disk, or the daemon does not start: who cannot write an event
 * now had better say so at once. Nothing is served yet, so the loop may be turned here. */
static enum gn_err prove_journal(struct daemon *daemon)
{
    const char *folder = daemon->settings->store_path;
    struct gn_journal_wait wait = {.is_waiting = false};
    struct gn_journal_status status;
    enum gn_err result = GN_OK;
    enum gn_err err = GN_OK;

    if (gn_journal_is_durable(daemon->journal))
        return GN_OK;
    gn_journal_wait(daemon->journal, &wait, note_result, &result);
    while (wait.is_waiting && err == GN_OK)
        err = gn_loop_turn(daemon->loop, 100);
    gn_journal_wait_cancel(daemon->journal, &wait);
    if (err != GN_OK || result == GN_OK)
        return err;
    gn_journal_status(daemon->journal, &status);
    gn_log_error(
        "store.open_failed folder=%s reason=\"%s: the journal cannot be written; make room "
        "for a segment (journal.segment), or set store.path\"",
        folder, strerror(status.os_error));
    return result;
}

static enum gn_err load_store(struct daemon *daemon)
{
    const struct gn_pubsub_observer observer = {
        .added = gn_relay_subscription_added,
        .removed = gn_relay_subscription_removed,
        .ctx = daemon->relay,
    };
    enum gn_err err;

    gn_pubsub_observe(daemon->pubsub, &observer);
    err = gn_pubsub_load(daemon->pubsub);
    if (err != GN_OK)
        return failed("store", err);
    gn_log_info("store.opened folder=%s subscriptions=%zu publishers=%zu",
                daemon->settings->store_path, gn_pubsub_count(daemon->pubsub, GN_SUBSCRIPTION),
                gn_pubsub_count(daemon->pubsub, GN_PUBLISHER));
    err = recover(daemon);
    if (err == GN_OK)
        err = prove_journal(daemon);
    return err == GN_OK ? ensure_publisher(daemon) : err;
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
               ? failed("api", GN_ENOMEM)
               : GN_OK;
}

enum gn_err gn_daemon_build(struct daemon *daemon)
{
    enum gn_err err;

    daemon->store_worker = gn_worker_new(daemon->loop, "gurnard-store");
    daemon->registry_worker = gn_worker_new(daemon->loop, "gurnard-regs");
    if (daemon->store_worker == NULL || daemon->registry_worker == NULL)
        return failed("helper threads", GN_ENOMEM);
    err = open_store(daemon);
    if (err == GN_OK)
        err = build_journals(daemon);
    if (err == GN_OK)
        err = build_ways_out(daemon);
    if (err == GN_OK)
        err = build_quarantine(daemon);
    if (err == GN_OK)
        err = build_relay(daemon);
    if (err == GN_OK)
        err = load_store(daemon);
    if (err == GN_OK)
        err = build_api(daemon);
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

enum gn_err gn_daemon_serve(struct daemon *daemon)
{
    struct gn_http_server_config config;
    enum gn_err err;

    daemon->rest = (struct gn_rest){.v1 = daemon->v1, .ops = &daemon->ops};
    config = server_config(daemon, "api", daemon->api_fd, daemon->settings->api_max_connections,
                           daemon->connections / 8);
    config.on_request = gn_rest_on_request;
    config.ctx = &daemon->rest;
    daemon->api_fd = -1;
    err = gn_http_server_new(daemon->loop, &config, &daemon->api_server);
    if (err != GN_OK)
        return failed("api server", err);
    config = server_config(daemon, "admin", daemon->admin_fd, 64, daemon->connections / 8);
    config.on_request = gn_ops_on_request;
    config.ctx = &daemon->ops;
    daemon->admin_fd = -1;
    err = gn_http_server_new(daemon->loop, &config, &daemon->admin_server);
    return err == GN_OK ? GN_OK : failed("admin server", err);
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
    return err == GN_OK ? GN_OK : failed("webhook server", err);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Calls that were cancelled end in later turns. */
static void wait_for_calls(struct daemon *daemon)
{
    while (daemon->client != NULL && gn_http_client_active(daemon->client) > 0)
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
    gn_worker_free(daemon->registry_worker);
    gn_worker_free(daemon->store_worker); /* commits end and answer their requests */
    gn_http_server_free(daemon->webhook_server);
    gn_http_server_free(daemon->api_server);
    gn_http_server_free(daemon->admin_server);
    gn_pubsub_close(daemon->pubsub);
    gn_outbox_free(daemon->outbox);
    gn_deadletters_close(daemon->letters);
    gn_journal_close(daemon->journal);
    wait_for_calls(daemon);
    gn_admin_free(daemon->admin);
    gn_v1_free(daemon->v1);
    gn_webhook_free(daemon->webhook);
    gn_registry_loader_free(daemon->registries);
    gn_relay_free(daemon->relay);
    gn_quarantine_close(daemon->quarantine);
    gn_state_free(daemon->state);
    if (daemon->transports[0] != NULL)
        daemon->transports[0]->ops->free(daemon->transports[0]);
    gn_http_client_free(daemon->client);
    gn_loop_free(daemon->loop);
    gn_metrics_free(daemon->metrics);
    close_fd(&daemon->webhook_fd);
    close_fd(&daemon->api_fd);
    close_fd(&daemon->admin_fd);
}
