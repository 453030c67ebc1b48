/* Loads message registries on a helper thread and hands the finished set to the relay. */
#ifndef GURNARD_APP_REGISTRY_LOADER_H
#define GURNARD_APP_REGISTRY_LOADER_H

#include <stdbool.h>

#include "gurnard/app/settings.h"
#include "gurnard/base/metrics.h"
#include "gurnard/loop/worker.h"
#include "gurnard/relay/relay.h"

struct gn_registry_loader;

/* Called in a turn each time a load has ended, well or not. */
typedef void (*gn_registry_loaded_fn)(void *ctx);

/* paths, cache, worker, relay, metrics: borrowed; cache: a further folder, whose registries those
 * of paths replace; NULL: none; gurnard_registries, gurnard_registry_messages,
 * gurnard_registry_bytes, gurnard_registry_loads_total{result}. NULL when there is no memory. */
struct gn_registry_loader *gn_registry_loader_new(const struct gn_setting_list *paths,
                                                  const char *cache, struct gn_worker *worker,
                                                  struct gn_relay *relay,
                                                  struct gn_metrics *metrics,
                                                  gn_registry_loaded_fn loaded, void *ctx);

/* Starts a load. While one runs, another is started after it, once. */
void gn_registry_loader_start(struct gn_registry_loader *loader);

/* Whether a load has ended yet. */
bool gn_registry_loader_has_loaded(const struct gn_registry_loader *loader);

/* The worker must have been freed first, so that no job runs. NULL is fine. */
void gn_registry_loader_free(struct gn_registry_loader *loader);

#endif
