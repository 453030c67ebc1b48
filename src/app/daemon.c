/* gurnardd's life: start, signals, draining, end. */
#include "gurnard/app/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon_priv.h"
#include "gurnard/base/log.h"

#define DRAIN_TICK_MS 20    /* how often a draining daemon looks whether all is out */
#define STOP_BMCS_MS  3000U /* for taking subscriptions back and logging out */
#define MEND_TICK_MS  1000  /* how often a failed write of subscriptions is repeated */

static void serve_webhook(struct daemon *daemon)
{
    if (daemon->webhook_server != NULL || daemon->is_stopping)
        return;
    gn_timer_stop(&daemon->registry_wait);
    if (gn_daemon_serve_webhook(daemon) != GN_OK) {
        daemon->exit_code = 1;
        gn_loop_stop(daemon->loop);
        return;
    }
    gn_daemon_start_bmcs(daemon);
    gn_log_info("gurnardd.ready webhook=%u api=%u admin=%u transport=%u version=%s",
                daemon->webhook_port, daemon->api_port, daemon->admin_port, daemon->transport_port,
                GN_VERSION);
}

static void on_registries_loaded(void *ctx)
{
    struct daemon *daemon = ctx;

    gn_webhook_registries_came(daemon->webhook);
    serve_webhook(daemon);
}

static void on_registries_late(void *ctx)
{
    gn_log_warn("registries.late waited_ms=%d", GN_DAEMON_REGISTRY_WAIT_MS);
    serve_webhook(ctx);
}

static void stop_if_drained(void *ctx)
{
    struct daemon *daemon = ctx;
    uint32_t requests = gn_http_server_pending(daemon->api_server);

    if (daemon->webhook_server != NULL)
        requests += gn_http_server_pending(daemon->webhook_server);
    if (daemon->transport_server != NULL)
        requests += gn_http_server_pending(daemon->transport_server);
    if (requests == 0 && daemon->bmcs_stopped && gn_outbox_is_drained(daemon->outbox)) {
        gn_loop_stop(daemon->loop);
        return;
    }
    gn_timer_start(&daemon->drain_tick, DRAIN_TICK_MS);
}

static void on_drain_over(void *ctx)
{
    struct daemon *daemon = ctx;

    gn_log_warn("gurnardd.drain_over events=%ju", (uintmax_t)gn_outbox_pending(daemon->outbox));
    gn_loop_stop(daemon->loop);
}

/* SIGTERM: no longer ready, no new connections, what is queued goes out within the time given. */
static void on_stop_signal(void *ctx)
{
    struct daemon *daemon = ctx;

    if (daemon->is_stopping) {
        gn_loop_stop(daemon->loop); /* asked twice: now */
        return;
    }
    daemon->is_stopping = true;
    daemon->ops.is_stopping = true;
    if (daemon->api_server == NULL)
        return; /* the start is not over; it looks */
    gn_daemon_stop_bmcs(daemon, STOP_BMCS_MS);
    gn_log_info("gurnardd.stopping undelivered=%ju", (uintmax_t)gn_outbox_pending(daemon->outbox));
    if (daemon->webhook_server != NULL)
        gn_http_server_quiesce(daemon->webhook_server);
    gn_http_server_quiesce(daemon->api_server);
    if (daemon->transport_server != NULL)
        gn_http_server_quiesce(daemon->transport_server);
    gn_v1_stop(daemon->v1);
    gn_daemon_stop_peers(daemon);
    gn_outbox_drain(daemon->outbox);
    gn_timer_start(&daemon->drain_limit, daemon->settings->shutdown_drain);
    stop_if_drained(daemon);
}

/* Told by the store's own log and by readiness. */
static void on_mended(void *ctx, enum gn_err err)
{
    (void)ctx;
    (void)err;
}

static void mend(void *ctx)
{
    struct daemon *daemon = ctx;

    if (gn_clients_write_failed(daemon->clients) &&
        gn_clients_commit(daemon->clients, on_mended, NULL) != GN_OK)
        gn_log_debug("store.mend_failed");
    if (gn_pubsub_write_failed(daemon->pubsub))
        for (unsigned kind = 0; kind < GN_PUBSUB_KINDS; kind++)
            if (gn_pubsub_commit(daemon->pubsub, kind, on_mended, NULL) != GN_OK)
                break; /* no memory: in a second again */
    gn_timer_start(&daemon->mend_tick, MEND_TICK_MS);
}

/* On the helper thread. */
static void read_tokens(void *ctx)
{
    struct daemon *daemon = ctx;

    daemon->tokens_err = gn_tokens_read(daemon->settings->webhook_tokens_file, &daemon->tokens_read,
                                        &daemon->tokens_line);
}

static void on_tokens_read(void *ctx)
{
    struct daemon *daemon = ctx;
    enum gn_err err = gn_daemon_log_tokens_err(daemon, daemon->tokens_err, daemon->tokens_line);

    daemon->tokens_job_runs = false;
    if (err == GN_OK)
        err = gn_webhook_set_tokens(daemon->webhook, daemon->tokens_read.items,
                                    daemon->tokens_read.count);
    if (err == GN_OK)
        gn_log_info("tokens.loaded names=%zu", daemon->tokens_read.count);
    gn_tokens_free(&daemon->tokens_read);
}

static void on_reload_signal(void *ctx)
{
    struct daemon *daemon = ctx;

    if (daemon->is_stopping)
        return;
    gn_log_info("gurnardd.reloading");
    gn_registry_loader_start(daemon->registries);
    gn_bmc_inventory_reload(daemon->inventory);
    if (daemon->tokens_job_runs || daemon->settings->webhook_tokens_file[0] == '\0')
        return;
    daemon->tokens_job_runs = true;
    daemon->tokens_job = (struct gn_job){.run = read_tokens, .done = on_tokens_read, .ctx = daemon};
    gn_worker_submit(daemon->store_worker, &daemon->tokens_job);
}

static const char *check_webhook(void *ctx)
{
    const struct daemon *daemon = ctx;

    return daemon->webhook_server != NULL ? NULL : "not listening yet";
}

static const char *check_registries(void *ctx)
{
    const struct daemon *daemon = ctx;

    return gn_registry_loader_has_loaded(daemon->registries) ? NULL : "still loading";
}

static const char *check_store(void *ctx)
{
    const struct daemon *daemon = ctx;

    return gn_pubsub_write_failed(daemon->pubsub) || gn_clients_write_failed(daemon->clients)
               ? "the last write failed"
               : NULL;
}

static const char *check_journal(void *ctx)
{
    const struct daemon *daemon = ctx;
    struct gn_journal_status status;

    gn_journal_status(daemon->journal, &status);
    if (status.is_failing)
        return "writes fail";
    if (status.is_disk_short)
        return "the disk is full";
    return gn_journal_has_room(daemon->journal, 0) == GN_OK ? NULL : "no room";
}

static void set_checks(struct daemon *daemon)
{
    daemon->checks[0] = (struct gn_ready_check){"webhook", check_webhook, daemon};
    daemon->checks[1] = (struct gn_ready_check){"registries", check_registries, daemon};
    daemon->checks[2] = (struct gn_ready_check){"store", check_store, daemon};
    daemon->checks[3] = (struct gn_ready_check){"journal", check_journal, daemon};
    daemon->ops = (struct gn_ops){.metrics = daemon->metrics,
                                  .checks = daemon->checks,
                                  .check_count = DAEMON_CHECKS};
}

static const int stop_signals[] = {SIGTERM, SIGINT, SIGQUIT};

/* From the first moment: a signal that comes before the loop can take it waits for it. */
static void hold_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    for (size_t i = 0; i < GN_LEN(stop_signals); i++)
        (void)sigaddset(&set, stop_signals[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL); /* cannot fail: the set is a good one */
    (void)signal(SIGPIPE, SIG_IGN);           /* a peer that leaves is seen as EPIPE */
}

static enum gn_err watch_signals(struct daemon *daemon)
{
    enum gn_err err = gn_signal_watch(daemon->loop, SIGHUP, on_reload_signal, daemon);

    for (size_t i = 0; i < GN_LEN(stop_signals) && err == GN_OK; i++)
        err = gn_signal_watch(daemon->loop, stop_signals[i], on_stop_signal, daemon);
    return err == GN_OK ? GN_OK : gn_daemon_failed("signals", err);
}

static enum gn_err start(struct daemon *daemon)
{
    enum gn_err err;

    daemon->metrics = gn_metrics_new();
    daemon->loop = gn_loop_new(daemon->metrics);
    if (daemon->metrics == NULL || daemon->loop == NULL) {
        gn_log_error("start.failed part=loop reason=\"%s\"", gn_err_text(GN_ENOMEM));
        return GN_ENOMEM;
    }
    gn_metrics_add_process(daemon->metrics, GN_VERSION);
    gn_timer_init(&daemon->registry_wait, daemon->loop, on_registries_late, daemon);
    gn_timer_init(&daemon->drain_tick, daemon->loop, stop_if_drained, daemon);
    gn_timer_init(&daemon->drain_limit, daemon->loop, on_drain_over, daemon);
    gn_timer_init(&daemon->mend_tick, daemon->loop, mend, daemon);
    err = watch_signals(daemon); /* before any thread starts, so that all of them block signals */
    if (err == GN_OK)
        err = gn_daemon_listen(daemon);
    set_checks(daemon);
    if (err == GN_OK)
        err = gn_daemon_build(daemon);
    if (err != GN_OK)
        return err;
    daemon->registries =
        gn_registry_loader_new(&daemon->settings->registries_paths, daemon->registry_cache,
                               daemon->registry_worker, daemon->relay, daemon->metrics,
                               on_registries_loaded, daemon);
    if (daemon->registries == NULL)
        return GN_ENOMEM;
    gn_registry_loader_start(daemon->registries);
    gn_timer_start(&daemon->registry_wait, GN_DAEMON_REGISTRY_WAIT_MS);
    gn_timer_start(&daemon->mend_tick, MEND_TICK_MS);
    return gn_daemon_serve(daemon);
}

static void warn_of_settings(const struct gn_settings *settings)
{
    if (strcmp(settings->webhook_require_token, "yes") != 0)
        gn_log_warn("webhook.open reason=\"any sender is taken; see webhook.require_token\"");
}

int gn_daemon_run(const struct gn_settings *settings)
{
    struct daemon daemon = {
        .settings = settings, .webhook_fd = -1, .api_fd = -1, .admin_fd = -1, .transport_fd = -1};
    enum gn_err err;

    hold_signals();
    (void)umask(077);
    warn_of_settings(settings);
    err = start(&daemon);
    if (err == GN_ENOMEM) /* not each part says so itself */
        err = gn_daemon_failed("daemon", err);
    if (err == GN_OK && !daemon.is_stopping)
        err = gn_loop_run(daemon.loop);
    if (err != GN_OK)
        daemon.exit_code = 1;
    gn_daemon_tear_down(&daemon);
    gn_log_info("gurnardd.stopped code=%d", daemon.exit_code);
    return daemon.exit_code;
}
