/* What can be seen of the journal: metrics, status, the list of segments. */
#include <stdio.h>

#include "journal_priv.h"

#define LABEL_MAX 128

/* Gauges are set when they are printed. */
static void collect(void *ctx)
{
    const struct gn_journal *j = ctx;
    const struct gn_journal_metrics *m = &j->metrics;

    gn_metric_set(m->bytes, (double)j->bytes);
    gn_metric_set(m->limit_bytes, (double)j->config.max_bytes);
    gn_metric_set(m->segments, (double)j->segments);
    gn_metric_set(m->pending_bytes, (double)(j->appended_bytes - j->durable_bytes));
    gn_metric_set(m->failing, j->is_failing ? 1 : 0);
    gn_metric_set(m->disk_free, j->disk_free_pct / 100);
}

static void add_gauges(struct gn_journal_metrics *m, const char *label)
{
    m->bytes = gn_metrics_gauge(m->set, "gurnard_journal_bytes", label,
                                "Bytes that the journal's segments take.");
    m->limit_bytes = gn_metrics_gauge(m->set, "gurnard_journal_limit_bytes", label,
                                      "Bytes that the journal may take.");
    m->segments = gn_metrics_gauge(m->set, "gurnard_journal_segments", label,
                                   "Segments that the journal consists of.");
    m->pending_bytes = gn_metrics_gauge(m->set, "gurnard_journal_pending_bytes", label,
                                        "Bytes appended to the journal and not yet durable.");
    m->failing = gn_metrics_gauge(m->set, "gurnard_journal_failing", label,
                                  "1 while the journal cannot be written.");
    m->disk_free = gn_metrics_gauge(m->set, "gurnard_journal_disk_free_ratio", label,
                                    "Free part of the journal's file system, space or inodes.");
}

static void add_counters(struct gn_journal_metrics *m, const char *label)
{
    m->syncs =
        gn_metrics_counter(m->set, "gurnard_journal_syncs_total", label, "Syncs of the journal.");
    m->records = gn_metrics_counter(m->set, "gurnard_journal_records_total", label,
                                    "Records appended to the journal.");
    m->failures = gn_metrics_counter(m->set, "gurnard_journal_failures_total", label,
                                     "Writes or syncs of the journal that failed.");
    m->damaged = gn_metrics_counter(m->set, "gurnard_journal_damaged_total", label,
                                    "Places in the journal that could not be read.");
    m->torn = gn_metrics_counter(m->set, "gurnard_journal_torn_total", label,
                                 "Starts that found the journal's last write cut off.");
    m->lost_events = gn_metrics_counter(m->set, "gurnard_journal_lost_events_total", label,
                                        "Events that the journal could not read, at most.");
}

void gn_journal_metrics_init(struct gn_journal *j, struct gn_metrics *metrics)
{
    static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                    0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};
    char label[LABEL_MAX];

    (void)snprintf(label, sizeof label, "journal=\"%.64s\"", j->name);
    j->metrics.set = metrics;
    add_gauges(&j->metrics, label);
    add_counters(&j->metrics, label);
    j->metrics.sync_seconds =
        gn_metrics_histogram(metrics, "gurnard_journal_sync_seconds", label,
                             "Time to write and sync a batch of records.", bounds, GN_LEN(bounds));
    gn_metrics_on_collect(metrics, collect, j);
}

void gn_journal_metrics_fini(struct gn_journal *j)
{
    if (j->metrics.set != NULL)
        gn_metrics_off_collect(j->metrics.set, collect, j);
}

void gn_journal_status(const struct gn_journal *j, struct gn_journal_status *status)
{
    const struct gn_journal_seg *first = TAILQ_FIRST(&j->segs);

    *status = (struct gn_journal_status){
        .bytes = j->bytes,
        .max_bytes = j->config.max_bytes,
        .refuse_at_bytes = gn_journal_refuse_at(j),
        .segments = j->segments,
        .first_sequence = first != NULL ? first->header.first_sequence : j->next,
        .next_sequence = j->next,
        .durable_next = j->durable_next,
        .pending_bytes = j->appended_bytes - j->durable_bytes,
        .oldest_ns = first != NULL ? first->header.created_ns : 0,
        .syncs = j->syncs,
        .damaged = j->damaged,
        .disk_free_pct = j->disk_free_pct,
        .disk_spare_pct = j->is_memory ? 0 : j->config.disk_spare_pct,
        .is_failing = j->is_failing,
        .is_disk_short = j->is_disk_short,
        .is_in_memory = j->is_memory,
        .os_error = j->os_error,
    };
}

/* Goes on from the last one looked at, so that a pass over all takes one step for each. */
static const struct gn_journal_seg *seg_at(const struct gn_journal *j, size_t place)
{
    const struct gn_journal_seg *seg = j->looked->seg;
    size_t at = j->looked->place;

    if (seg == NULL || place < at) {
        seg = TAILQ_FIRST(&j->segs);
        at = 0;
    }
    for (; seg != NULL && at < place; at++)
        seg = TAILQ_NEXT(seg, link);
    if (seg != NULL)
        *j->looked = (struct gn_journal_place){seg, place};
    return seg;
}

bool gn_journal_segment_at(const struct gn_journal *j, size_t place,
                           struct gn_journal_segment *segment)
{
    const struct gn_journal_seg *seg = seg_at(j, place);

    if (seg == NULL)
        return false;
    *segment = (struct gn_journal_segment){
        .number = seg->header.number,
        .first_sequence = seg->header.first_sequence,
        .end_sequence = seg->end_sequence,
        .bytes = seg->bytes,
        .end_clock_ms = seg->end_clock_ms,
        .created_ns = seg->header.created_ns,
        .is_closed = gn_journal_seg_is_rewritable(j, seg),
    };
    return true;
}
