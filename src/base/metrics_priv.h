/* Memory that dies with a set of metrics, for collectors that have no other owner. */
#ifndef GURNARD_BASE_METRICS_PRIV_H
#define GURNARD_BASE_METRICS_PRIV_H

#include <stddef.h>

#include "gurnard/base/metrics.h"

/* size zeroed bytes, freed by gn_metrics_free(). Aborts when there is no memory. */
void *gn_metrics_alloc(struct gn_metrics *metrics, size_t size);

#endif
