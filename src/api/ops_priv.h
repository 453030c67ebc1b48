/* What the files of the module ops share. */
#ifndef GURNARD_API_OPS_PRIV_H
#define GURNARD_API_OPS_PRIV_H

#include "gurnard/base/metrics.h"
#include "gurnard/base/str.h"

/* The format of metrics that who sent this Accept header (absent: none) prefers: OpenMetrics only
 * when it is named, else that of Prometheus, also for those who take neither. */
enum gn_metrics_format gn_ops_preferred(struct gn_str accept);

#endif
