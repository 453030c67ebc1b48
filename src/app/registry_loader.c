/* Loads message registries on a helper thread and hands the finished set to the relay. */
#include "gurnard/app/registry_loader.h"

#include <stdlib.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"
#include "gurnard/redfish/registry.h"

struct gn_registry_loader {
    const struct gn_setting_list *paths;
    const char *cache; /* may be NULL */
    struct gn_worker *worker;
    struct gn_relay *relay;
    gn_registry_loaded_fn loaded;
    void *ctx;
    struct gn_job job;
    struct gn_registry_set *set; /* the helper thread's while the job runs; NULL after a failure */
    struct gn_registry_report report;
    uint64_t took_us;
    bool is_running;
    bool is_wanted_again;
    bool has_loaded;
    struct gn_metric *registries, *messages, *bytes, *loads_ok, *loads_failed;
};

static enum gn_err load_folder(struct gn_registry_loader *loader, const char *folder)
{
    struct gn_registry_report part = {0};
    enum gn_err err = gn_registry_set_load_folder(loader->set, folder, &part);

    if (err == GN_EIO)
        gn_log_warn("registry.folder_unreadable folder=%s", folder);
    loader->report.loaded += part.loaded;
    loader->report.skipped += part.skipped;
    loader->report.failed += part.failed;
    return err;
}

/* On the helper thread. */
static void load_all(void *ctx)
{
    struct gn_registry_loader *loader = ctx;
    uint64_t began_us = gn_clock_mono_us();
    enum gn_err err = GN_OK;

    loader->report = (struct gn_registry_report){0};
    loader->set = gn_registry_set_new();
    if (loader->set == NULL)
        return;
    if (loader->cache != NULL)
        err = load_folder(loader, loader->cache);
    for (size_t i = 0; i < loader->paths->count && err != GN_ENOMEM; i++)
        err = load_folder(loader, loader->paths->items[i]);
    if (err == GN_ENOMEM || gn_registry_set_seal(loader->set) != GN_OK) {
        gn_registry_set_free(loader->set);
        loader->set = NULL;
    }
    loader->took_us = gn_clock_mono_us() - began_us;
}

static void publish(struct gn_registry_loader *loader)
{
    struct gn_registry_stats stats = gn_registry_set_stats(loader->set);

    gn_metric_set(loader->registries, stats.registries);
    gn_metric_set(loader->messages, stats.messages);
    gn_metric_set(loader->bytes, (double)stats.bytes);
    gn_metric_add(loader->report.failed == 0 ? loader->loads_ok : loader->loads_failed, 1);
    gn_log_info("registries.loaded registries=%u messages=%u bytes=%zu skipped=%u failed=%u us=%ju",
                stats.registries, stats.messages, stats.bytes, loader->report.skipped,
                loader->report.failed, (uintmax_t)loader->took_us);
    gn_relay_set_registries(loader->relay, loader->set);
    loader->set = NULL;
}

static void on_loaded(void *ctx)
{
    struct gn_registry_loader *loader = ctx;

    loader->is_running = false;
    loader->has_loaded = true;
    if (loader->set != NULL) {
        publish(loader);
    } else {
        gn_metric_add(loader->loads_failed, 1);
        gn_log_error("registries.load_failed reason=\"%s\"", gn_err_text(GN_ENOMEM));
    }
    if (loader->is_wanted_again) {
        loader->is_wanted_again = false;
        gn_registry_loader_start(loader);
    }
    loader->loaded(loader->ctx);
}

struct gn_registry_loader *gn_registry_loader_new(const struct gn_setting_list *paths,
                                                  const char *cache, struct gn_worker *worker,
                                                  struct gn_relay *relay,
                                                  struct gn_metrics *metrics,
                                                  gn_registry_loaded_fn loaded, void *ctx)
{
    struct gn_registry_loader *loader = calloc(1, sizeof *loader);

    if (loader == NULL)
        return NULL;
    loader->paths = paths;
    loader->cache = cache;
    loader->worker = worker;
    loader->relay = relay;
    loader->loaded = loaded;
    loader->ctx = ctx;
    loader->job = (struct gn_job){.run = load_all, .done = on_loaded, .ctx = loader};
    loader->registries =
        gn_metrics_gauge(metrics, "gurnard_registries", NULL, "Message registries in use.");
    loader->messages = gn_metrics_gauge(metrics, "gurnard_registry_messages", NULL,
                                        "Messages of all registries in use.");
    loader->bytes = gn_metrics_gauge(metrics, "gurnard_registry_bytes", NULL,
                                     "Memory held by the registries in use.");
    loader->loads_ok =
        gn_metrics_counter(metrics, "gurnard_registry_loads_total", "result=\"ok\"",
                           "Loads of all registries, by whether every file could be used.");
    loader->loads_failed =
        gn_metrics_counter(metrics, "gurnard_registry_loads_total", "result=\"failed\"",
                           "Loads of all registries, by whether every file could be used.");
    return loader;
}

void gn_registry_loader_start(struct gn_registry_loader *loader)
{
    if (loader->is_running) {
        loader->is_wanted_again = true;
        return;
    }
    loader->is_running = true;
    gn_worker_submit(loader->worker, &loader->job);
}

bool gn_registry_loader_has_loaded(const struct gn_registry_loader *loader)
{
    return loader->has_loaded;
}

void gn_registry_loader_free(struct gn_registry_loader *loader)
{
    if (loader == NULL)
        return;
    gn_registry_set_free(loader->set);
    free(loader);
}
