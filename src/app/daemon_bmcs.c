/* The management controllers: the inventory feeds them, what they tell goes into the relay, and the
 * table of alarms is kept over restarts. */
#include <stdlib.h>
#include <string.h>

#include "daemon_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"

#define ALARMS_FILE_MAX ((size_t)256 << 20) /* bytes */
#define ALARMS_SAVE_MS  1000U               /* the table is written this long after a change */
#define CONNECT_MS      10000U              /* to a BMC */
#define IDLE_MAX        256U                /* connections to BMCs kept open */
#define OWN_REGISTRY    "Gurnard."

/* ---- alarms ---- */

static char *alarms_path(const struct daemon *daemon)
{
    struct gn_buf path = GN_BUF_INIT;

    gn_buf_printf(&path, "%s/alarms.json", daemon->settings->store_path);
    if (gn_buf_err(&path) != GN_OK)
        gn_buf_free(&path);
    return path.data;
}

/* What was wrong before the start; a table that cannot be read is begun anew. */
static enum gn_err load_alarms(struct daemon *daemon)
{
    struct gn_buf text = GN_BUF_INIT;
    enum gn_err err = gn_file_read(daemon->alarms_path, ALARMS_FILE_MAX, &text);

    if (err == GN_OK)
        err = gn_alarms_load(daemon->alarms, gn_buf_str(&text));
    gn_buf_free(&text);
    if (err == GN_ENOMEM)
        return err;
    if (err != GN_OK && err != GN_ENOTFOUND)
        gn_log_warn("alarms.bad file=%s reason=\"%s\"", daemon->alarms_path, gn_err_text(err));
    daemon->alarms_saved = gn_alarms_version(daemon->alarms);
    return GN_OK;
}

enum gn_err gn_daemon_build_alarms(struct daemon *daemon)
{
    daemon->alarms = gn_alarms_new(daemon->metrics);
    daemon->alarms_path = alarms_path(daemon);
    if (daemon->alarms == NULL || daemon->alarms_path == NULL)
        return gn_daemon_failed("alarms", GN_ENOMEM);
    return load_alarms(daemon);
}

/* On the helper thread, or at the end. */
static void write_alarms(void *ctx)
{
    struct daemon *daemon = ctx;

    daemon->alarms_err = gn_file_replace(daemon->alarms_path, gn_buf_str(&daemon->alarms_text));
}

static void on_alarms_written(void *ctx)
{
    struct daemon *daemon = ctx;

    if (daemon->alarms_err != GN_OK) {
        gn_log_warn("alarms.unwritten file=%s reason=\"%s\"", daemon->alarms_path,
                    gn_err_text(daemon->alarms_err));
        daemon->alarms_saved--; /* another version than any: written again */
    }
    gn_buf_free(&daemon->alarms_text);
    daemon->alarms_job_runs = false;
}

/* Prints the table for writing. false: nothing has changed, or no memory. */
static bool print_alarms(struct daemon *daemon)
{
    if (gn_alarms_version(daemon->alarms) == daemon->alarms_saved)
        return false;
    gn_buf_free(&daemon->alarms_text);
    daemon->alarms_text = gn_buf_with_limit(ALARMS_FILE_MAX);
    if (gn_alarms_save(daemon->alarms, &daemon->alarms_text) != GN_OK)
        return false;
    daemon->alarms_saved = gn_alarms_version(daemon->alarms);
    return true;
}

/* Printing takes about a millisecond for each thousand alarms: where there are many it is done less
 * often, so that it never takes more than a hundredth of the time. What a crash loses of the table
 * is in the journal. */
static void save_alarms(void *ctx)
{
    struct daemon *daemon = ctx;
    uint64_t began_us = gn_clock_mono_us();
    bool is_printed = !daemon->alarms_job_runs && print_alarms(daemon);
    uint64_t rest_ms = (gn_clock_mono_us() - began_us) / 10; /* a hundred times as long */

    gn_timer_start(&daemon->alarms_tick, rest_ms > ALARMS_SAVE_MS ? rest_ms : ALARMS_SAVE_MS);
    if (!is_printed)
        return;
    daemon->alarms_job_runs = true;
    daemon->alarms_job =
        (struct gn_job){.run = write_alarms, .done = on_alarms_written, .ctx = daemon};
    gn_worker_submit(daemon->store_worker, &daemon->alarms_job);
}

void gn_daemon_free_alarms(struct daemon *daemon)
{
    if (daemon->alarms != NULL && daemon->alarms_path != NULL && print_alarms(daemon)) {
        write_alarms(daemon);
        on_alarms_written(daemon);
    }
    gn_alarms_free(daemon->alarms);
    free(daemon->alarms_path);
}

/* ---- what the BMCs need from above ---- */

static enum gn_bmcs_taken take(void *ctx, const char *bmc, enum gn_bmcs_way way, struct gn_str body)
{
    struct daemon *daemon = ctx;
    const struct gn_relay_source source = {
        .name = gn_str_of(bmc),
        .is_known = true,
        .way = way == GN_BMCS_STREAM ? GN_WAY_STREAM : GN_WAY_LOG,
    };

    switch (gn_relay_redfish(daemon->relay, &source, body)) {
    case GN_INTAKE_FULL:
        return GN_BMCS_LATER;
    case GN_INTAKE_REPEATED:
        return GN_BMCS_KNOWN;
    case GN_INTAKE_STORED:
    case GN_INTAKE_UNPARSED:
    case GN_INTAKE_NOT_JSON:
        break;
    }
    return GN_BMCS_TAKEN;
}

static bool knows(void *ctx, const char *bmc, struct gn_str body)
{
    const struct daemon *daemon = ctx;

    return gn_relay_knows(daemon->relay, gn_str_of(bmc), body);
}

/* One that waits for the journal on behalf of a BMC. */
struct settling {
    struct daemon *daemon;
    gn_bmcs_settled_fn fn;
    void *ctx;
    struct gn_journal_wait wait;
    struct gn_defer now;
    TAILQ_ENTRY(settling) link;
};

static void end_settling(struct settling *settling, bool is_durable)
{
    TAILQ_REMOVE(&settling->daemon->settlings, settling, link);
    settling->fn(settling->ctx, is_durable);
    free(settling);
}

static void on_journal(void *ctx, enum gn_err err)
{
    end_settling(ctx, err == GN_OK);
}

static void on_durable(void *ctx)
{
    end_settling(ctx, true);
}

static bool settle(void *ctx, gn_bmcs_settled_fn fn, void *fn_ctx)
{
    struct daemon *daemon = ctx;
    struct settling *settling = calloc(1, sizeof *settling);

    if (settling == NULL)
        return false;
    settling->daemon = daemon;
    settling->fn = fn;
    settling->ctx = fn_ctx;
    TAILQ_INSERT_TAIL(&daemon->settlings, settling, link);
    if (gn_journal_is_durable(daemon->journal))
        gn_defer_call(daemon->loop, &settling->now, on_durable, settling);
    else
        gn_journal_wait(daemon->journal, &settling->wait, on_journal, settling);
    return true;
}

static void drop_settlings(struct daemon *daemon)
{
    struct settling *settling;

    while ((settling = TAILQ_FIRST(&daemon->settlings)) != NULL) {
        gn_defer_cancel(&settling->now);
        gn_journal_wait_cancel(daemon->journal, &settling->wait);
        end_settling(settling, false);
    }
}

static void tell(void *ctx, const struct gn_bmcs_news *news)
{
    struct daemon *daemon = ctx;
    struct gn_str args[GN_LEN(news->args)];
    struct gn_relay_own own = {
        .bmc = gn_str_of(news->bmc), .key = news->key, .args = args, .severity = news->severity};

    while (own.arg_count < GN_LEN(args) && news->args[own.arg_count] != NULL) {
        args[own.arg_count] = gn_str_of(news->args[own.arg_count]);
        own.arg_count++;
    }
    if (gn_relay_tell(daemon->relay, &own) == GN_INTAKE_FULL)
        gn_log_warn("bmc.untold bmc=%s key=%s reason=\"no room\"", news->bmc, news->key);
}

static void on_left(void *ctx, const char *bmc)
{
    const struct daemon *daemon = ctx;

    gn_alarms_forget(daemon->alarms, gn_str_of(bmc));
}

static void load_registries(void *ctx)
{
    struct daemon *daemon = ctx;

    if (!daemon->is_stopping)
        gn_registry_loader_start(daemon->registries);
}

static void on_miss(void *ctx, struct gn_str bmc, struct gn_str message_id)
{
    struct daemon *daemon = ctx;

    if (!gn_str_has_prefix(message_id, GN_STR(OWN_REGISTRY)))
        gn_bmcs_on_miss(daemon->bmcs, bmc, message_id);
}

/* ---- the inventory ---- */

static void on_inventory(void *ctx, const struct gn_bmc_list *list,
                         const struct gn_bmc_credentials *credentials)
{
    struct daemon *daemon = ctx;
    struct gn_bmcs_secret *secrets = calloc(list->count + 1, sizeof *secrets);

    if (secrets == NULL) {
        gn_log_error("bmcs.unapplied reason=\"%s\"", gn_err_text(GN_ENOMEM));
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        secrets[i] = (struct gn_bmcs_secret){
            .user = gn_secret_str(&credentials[i].user),
            .password = gn_secret_str(&credentials[i].password),
            .problem = credentials[i].problem,
            .header_names = credentials[i].header_names,
            .header_values = credentials[i].header_values,
            .header_count = credentials[i].header_count,
        };
    if (gn_bmcs_apply(daemon->bmcs, list, secrets) != GN_OK) {
        gn_log_error("bmcs.unapplied reason=\"%s\"", gn_err_text(GN_ENOMEM));
        gn_bmc_inventory_reload(daemon->inventory);
    }
    free(secrets);
}

/* ---- the inventory for the admin API ---- */

static const struct gn_bmc_list *list_inventory(void *ctx)
{
    const struct daemon *daemon = ctx;

    return gn_bmc_inventory_list(daemon->inventory);
}

static size_t count_wrong(void *ctx)
{
    const struct daemon *daemon = ctx;

    return gn_bmc_inventory_wrong(daemon->inventory);
}

static enum gn_err put_entry(void *ctx, const json_t *entry, bool may_replace,
                             gn_admin_edited_fn done, void *done_ctx, struct gn_buf *why)
{
    struct daemon *daemon = ctx;

    return gn_bmc_inventory_put(daemon->inventory, may_replace ? GN_BMC_REPLACE : GN_BMC_ADD, entry,
                                done, done_ctx, why);
}

static enum gn_err remove_entry(void *ctx, struct gn_str name, gn_admin_edited_fn done,
                                void *done_ctx)
{
    struct daemon *daemon = ctx;

    return gn_bmc_inventory_remove(daemon->inventory, name, done, done_ctx);
}

struct gn_admin_inventory gn_daemon_inventory(struct daemon *daemon)
{
    return (struct gn_admin_inventory){
        .list = list_inventory,
        .wrong = count_wrong,
        .put = put_entry,
        .remove = remove_entry,
        .ctx = daemon,
    };
}

/* ---- life ---- */

static enum gn_err build_bmcs(struct daemon *daemon, const char *folder, const char *registries)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_bmcs_config config = {
        .folder = folder,
        .webhook_url = settings->bmc_webhook_url,
        .webhook_port = daemon->webhook_port,
        .resync_ms = settings->bmc_resync,
        .silence_ms = settings->bmc_silence,
        .proof_timeout_ms = settings->bmc_proof_timeout,
        .spread_ms = (uint32_t)settings->bmc_spread,
        .concurrency = (uint32_t)settings->bmc_concurrency,
        .timeout_ms = (uint32_t)settings->bmc_timeout,
        .fetches_registries = strcmp(settings->bmc_registries, "yes") == 0,
        .registry_folder = registries,
        .registry_language = settings->bmc_registry_language,
        .registry_bytes = settings->bmc_registry_size,
        .metrics = daemon->metrics,
    };
    const struct gn_bmcs_hooks hooks = {
        .take = take,
        .knows = knows,
        .settle = settle,
        .tell = tell,
        .left = on_left,
        .registries = load_registries,
        .ctx = daemon,
    };

    daemon->bmcs = gn_bmcs_new(daemon->loop, daemon->bmc_client, &config, &hooks);
    if (daemon->bmcs != NULL)
        return GN_OK;
    /* whatever else it was has been told by who met it */
    gn_log_error("start.failed part=bmcs reason=\"no memory, or what was said before\"");
    return GN_EIO;
}

static enum gn_err build_client(struct daemon *daemon)
{
    const struct gn_http_client_config config = {
        .max_idle_connections =
            daemon->connections / 16 < IDLE_MAX ? daemon->connections / 16 : IDLE_MAX,
        .connect_timeout_ms = CONNECT_MS,
        .user_agent = "gurnard/" GN_VERSION,
    };

    daemon->bmc_client = gn_http_client_new(daemon->loop, &config);
    return daemon->bmc_client == NULL ? gn_daemon_failed("bmc client", GN_ENOMEM) : GN_OK;
}

static enum gn_err make_paths(const struct daemon *daemon, struct gn_buf *folder,
                              struct gn_buf *registries)
{
    gn_buf_printf(folder, "%s/bmcs", daemon->settings->store_path);
    gn_buf_printf(registries, "%s/registries", daemon->settings->store_path);
    return gn_buf_err(folder) != GN_OK ? gn_buf_err(folder) : gn_buf_err(registries);
}

enum gn_err gn_daemon_build_bmcs(struct daemon *daemon)
{
    struct gn_buf folder = GN_BUF_INIT;
    struct gn_buf registries = GN_BUF_INIT;
    enum gn_err err = make_paths(daemon, &folder, &registries);

    TAILQ_INIT(&daemon->settlings);
    gn_timer_init(&daemon->alarms_tick, daemon->loop, save_alarms, daemon);
    gn_timer_start(&daemon->alarms_tick, ALARMS_SAVE_MS);
    if (err == GN_OK)
        err = build_client(daemon);
    if (err == GN_OK)
        err = build_bmcs(daemon, folder.data, registries.data);
    if (err == GN_OK) {
        daemon->registry_cache = gn_buf_take(&registries);
        daemon->inventory_worker = gn_worker_new(daemon->loop, "gurnard-inv");
        if (daemon->inventory_worker != NULL)
            daemon->inventory =
                gn_bmc_inventory_new(daemon->settings, daemon->loop, daemon->inventory_worker, 0,
                                     on_inventory, daemon);
        if (daemon->inventory == NULL)
            err = gn_daemon_failed("inventory", GN_ENOMEM);
    }
    if (err == GN_OK)
        gn_relay_on_miss(daemon->relay, on_miss, daemon);
    gn_buf_free(&folder);
    gn_buf_free(&registries);
    return err;
}

void gn_daemon_start_bmcs(struct daemon *daemon)
{
    gn_webhook_watch(daemon->webhook, daemon->bmcs);
    gn_bmc_inventory_start(daemon->inventory);
}

static void on_stopped(void *ctx)
{
    struct daemon *daemon = ctx;

    daemon->bmcs_stopped = true;
}

void gn_daemon_stop_bmcs(struct daemon *daemon, uint32_t timeout_ms)
{
    gn_bmc_inventory_stop(daemon->inventory);
    gn_bmcs_stop(daemon->bmcs, timeout_ms, on_stopped, daemon);
}

void gn_daemon_free_bmcs(struct daemon *daemon)
{
    gn_timer_fini(&daemon->alarms_tick);
    if (daemon->inventory != NULL)
        gn_bmc_inventory_stop(daemon->inventory);
    gn_worker_free(daemon->inventory_worker);
    gn_bmc_inventory_free(daemon->inventory);
    if (daemon->webhook != NULL)
        gn_webhook_watch(daemon->webhook, NULL);
    if (daemon->relay != NULL)
        gn_relay_on_miss(daemon->relay, NULL, NULL);
    gn_bmcs_free(daemon->bmcs);
    daemon->bmcs = NULL;
    if (daemon->journal != NULL && daemon->settlings.tqh_last != NULL)
        drop_settlings(daemon);
    free(daemon->registry_cache);
}
