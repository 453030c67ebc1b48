/* The store of gurnardd: its folder, journals, quarantine and records, opened in the order in which
 * they need each other and read back before anything is served. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon_priv.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"

/* Events that may wait for the disk: at 20,000 a second a second's worth; and always the largest
 * POST, which grows when texts are filled in. */
#define JOURNAL_PENDING_BYTES ((uint64_t)16 << 20)
#define JOURNAL_PENDING_POSTS 4U

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
    uint64_t posts = JOURNAL_PENDING_POSTS * settings->webhook_max_body;
    const struct gn_journal_config config = {
        .name = "events",
        .folder = folder,
        .max_bytes = settings->journal_size,
        .segment_bytes =
            (uint32_t)(segment < settings->journal_segment ? segment : settings->journal_segment),
        .disk_spare_pct = (uint32_t)settings->journal_disk_spare,
        .pending_bytes = posts > JOURNAL_PENDING_BYTES ? posts : JOURNAL_PENDING_BYTES,
        .keep_ms = settings->journal_keep,
        .accept_gaps = strcmp(settings->journal_repair, "yes") == 0,
    };

    return gn_journal_open(daemon->loop, &config, daemon->metrics, &daemon->journal);
}

static void log_incomplete(const char *folder)
{
    gn_log_error("store.incomplete folder=%s reason=\"sub.json is missing, and the journal holds "
                 "events of subscriptions: put the file back, or start once with "
                 "--journal-repair=yes to go on without them\"",
                 folder);
}

/* Who has written a segment had made sub.json before. Looked at before anything is changed, so that
 * putting the file back is enough. */
static enum gn_err check_whole(const struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    struct gn_journal_status status;
    struct gn_buf path = GN_BUF_INIT;
    enum gn_err err;

    gn_journal_status(daemon->journal, &status);
    gn_buf_printf(&path, "%s/sub.json", settings->store_path);
    err = gn_buf_err(&path);
    if (err == GN_OK && status.segments > 0 && !status.is_in_memory &&
        strcmp(settings->journal_repair, "yes") != 0 && access(path.data, F_OK) != 0) {
        log_incomplete(settings->store_path);
        err = GN_EREFUSED;
    }
    gn_buf_free(&path);
    return err;
}

/* What goes wrong here was logged with what to do. */
enum gn_err gn_daemon_build_journals(struct daemon *daemon)
{
    const struct gn_settings *settings = daemon->settings;
    struct gn_buf path = GN_BUF_INIT;
    enum gn_err err;

    err = journal_folder(settings, "journal", &path);
    if (err == GN_OK)
        err = open_journal(daemon, path.data);
    gn_buf_reset(&path);
    if (err == GN_OK)
        err = check_whole(daemon);
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

enum gn_err gn_daemon_build_quarantine(struct daemon *daemon)
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
    return err == GN_OK ? GN_OK : gn_daemon_failed("quarantine", err);
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
        return gn_daemon_failed("publisher", err);
    gn_log_info("publisher.created text=\"Created publisher\" id=%s resource=%s", item->id,
                item->resource);
    return gn_pubsub_commit(daemon->pubsub, GN_PUBLISHER, on_publisher_saved, NULL);
}

/* The folder and its lock, before anything in it is touched. */
enum gn_err gn_daemon_open_store(struct daemon *daemon)
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

/* Without the file of subscriptions the journal's events would belong to nobody. So the file is
 * there before the journal's first segment, whatever becomes of this start. */
static enum gn_err recover(struct daemon *daemon)
{
    const char *folder = daemon->settings->store_path;
    bool may_forget = gn_pubsub_had_file(daemon->pubsub, GN_SUBSCRIPTION) ||
                      strcmp(daemon->settings->journal_repair, "yes") == 0;
    enum gn_err err = gn_pubsub_make_files(daemon->pubsub);

    if (err != GN_OK) {
        gn_log_error("store.open_failed folder=%s reason=\"%s: make room, or set store.path\"",
                     folder, strerror(errno));
        return err;
    }
    err = gn_relay_recover(daemon->relay, may_forget);
    if (err == GN_EREFUSED)
        log_incomplete(folder);
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

enum gn_err gn_daemon_load_store(struct daemon *daemon)
{
    enum gn_err err;

    gn_daemon_observe(daemon);
    err = gn_pubsub_load(daemon->pubsub);
    if (err == GN_OK)
        err = gn_clients_load(daemon->clients);
    if (err != GN_OK)
        return gn_daemon_failed("store", err);
    gn_log_info("store.opened folder=%s subscriptions=%zu publishers=%zu native=%zu v2=%zu "
                "proxies=%zu",
                daemon->settings->store_path, gn_pubsub_count(daemon->pubsub, GN_SUBSCRIPTION),
                gn_pubsub_count(daemon->pubsub, GN_PUBLISHER),
                gn_pubsub_count(daemon->pubsub, GN_NATIVE),
                gn_clients_sub_count(daemon->clients, GN_CLIENT_V2),
                gn_clients_count(daemon->clients, GN_CLIENT_PROXY));
    err = recover(daemon);
    if (err == GN_OK)
        err = prove_journal(daemon);
    return err == GN_OK ? ensure_publisher(daemon) : err;
}
