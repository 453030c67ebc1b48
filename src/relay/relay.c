/* The relay's life, and publishing. */
#include "gurnard/relay/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/relay/address.h"

#include "relay_priv.h"

#define UNNOTED_MAX 4096 /* events of before a restart that wait for registries */

/* ---- publishing ---- */

void gn_relay_note_refused(struct gn_relay *relay, struct gn_str source, enum gn_err err,
                           size_t count)
{
    uint64_t held;

    gn_metric_add(relay->figures.refused, (double)count);
    if (gn_log_allow(&relay->refused_log, gn_loop_now_ms(relay->parts.loop), &held))
        gn_log_warn("event.refused source=%.*s reason=\"%s\" held=%llu", (int)source.len, source.p,
                    gn_err_text(err), (unsigned long long)held);
}

static void note_unrouted(struct gn_relay *relay, const struct gn_event *event, size_t count)
{
    uint64_t held;

    gn_metric_add(relay->figures.unrouted, (double)count);
    if (relay->parts.acks != NULL && (event->flags & GN_EVENT_PUBLISHED) != 0)
        gn_acks_tell(relay->parts.acks, event->origin, event->resource, false);
    if (gn_str_eq(event->resource, gn_str_of(gn_relay_own_address(relay))))
        return; /* what we say of ourselves is in the log already */
    if (gn_log_allow(&relay->unrouted_log, gn_loop_now_ms(relay->parts.loop), &held))
        gn_log_warn("event.unrouted event=%s resource=%.*s held=%llu", event->id.text,
                    (int)event->resource.len, event->resource.p, (unsigned long long)held);
}

static void remember(struct gn_relay *relay, struct gn_event *event)
{
    enum gn_err err = gn_state_put(relay->parts.state, event);
    uint64_t held;

    if (err != GN_OK && gn_log_allow(&relay->state_log, gn_loop_now_ms(relay->parts.loop), &held))
        gn_log_warn("state.not_kept resource=%.*s reason=\"%s\" held=%llu",
                    (int)event->resource.len, event->resource.p, gn_err_text(err),
                    (unsigned long long)held);
}

void gn_relay_expect_echo(struct gn_relay *relay)
{
    relay->is_echoed = true;
}

/* Without memory an echo is told twice. */
static void note_echoes(struct gn_relay *relay, struct gn_event *const *events, size_t count)
{
    uint64_t clock_ms = gn_journal_clock_ms(relay->parts.journal);
    uint64_t key;

    if (!relay->is_echoed || (events[0]->flags & GN_EVENT_FROM_PEER) != 0 ||
        gn_relay_source_key(relay, events[0]->resource, &key) != GN_OK)
        return;
    for (size_t i = 0; i < count; i++)
        gn_dedup_add(relay->dedup, key, &events[i]->id, clock_ms);
}

enum gn_err gn_relay_publish(struct gn_relay *relay, struct gn_event *const *events, size_t count)
{
    struct gn_sink *const *sinks;
    size_t sink_count;
    enum gn_err err;

    if (count == 0)
        return GN_OK;
    err = gn_routes_find(relay->routes, events, count, relay->node, &sinks, &sink_count);
    if (err == GN_OK)
        err = gn_outbox_push(relay->parts.outbox, events, count, sinks, sink_count);
    if (err != GN_OK)
        return err;
    if (sink_count == 0)
        note_unrouted(relay, events[0], count);
    gn_relay_note_ids(relay, events, count);
    note_echoes(relay, events, count);
    if ((events[0]->flags & GN_EVENT_PLAIN) == 0) /* no API could show it as a state */
        remember(relay, events[count - 1]);
    return GN_OK;
}

static enum gn_err make_cne(struct gn_relay *relay, const struct gn_pubsub_item *publisher,
                            const struct gn_cne_request *request, struct gn_str resource,
                            struct gn_event **event)
{
    int64_t now_ns = gn_clock_real_ns();

    *event = gn_event_new(&(struct gn_event_parts){
        .id = gn_id_random(),
        .type = request->type,
        .source = request->source.len > 0 ? request->source : gn_str_of(publisher->resource),
        .resource = resource,
        .data = gn_buf_str(&request->data),
        .data_schema = request->data_schema,
        .origin = gn_str_of(publisher->id),
        .time_ns = request->time_ns == 0 ? now_ns : request->time_ns,
        .received_ns = now_ns,
        .received_us = gn_loop_now_us(relay->parts.loop),
        .lane = gn_id_digest(gn_str_of(publisher->id)),
        .rank = GN_RANK_HIGH,
        .flags = GN_EVENT_PUBLISHED,
    });
    return *event == NULL ? GN_ENOMEM : GN_OK;
}

enum gn_err gn_relay_cne(struct gn_relay *relay, const struct gn_pubsub_item *publisher,
                         const struct gn_cne_request *request)
{
    struct gn_buf resource = GN_BUF_INIT;
    struct gn_event *event = NULL;
    enum gn_err err;

    gn_metric_add(relay->figures.received_api, 1);
    gn_rate_add(&relay->rate, gn_loop_now_ms(relay->parts.loop), 1);
    if (request->type.len == 0 || request->data.len == 0) {
        err = GN_EINVAL;
        goto out;
    }
    gn_address_canonical(gn_str_of(publisher->resource), &resource);
    err = gn_buf_err(&resource);
    if (err != GN_OK)
        goto out;
    err = make_cne(relay, publisher, request, gn_buf_str(&resource), &event);
    if (err != GN_OK)
        goto out;
    gn_log_debug("event.received event=%s publisher=%s bytes=%zu", event->id.text, publisher->id,
                 event->data.len);
    err = gn_relay_publish(relay, &event, 1);
out:
    if (err != GN_OK)
        gn_metric_add(relay->figures.refused, 1);
    gn_event_unref(event);
    gn_buf_free(&resource);
    return err;
}

/* ---- life ---- */

static void register_hits(struct gn_relay_figures *figures, struct gn_metrics *metrics)
{
    static const char *const labels[GN_LOOKUP_HITS] = {
        [GN_LOOKUP_EXACT] = "match=\"exact\"",
        [GN_LOOKUP_NEAREST] = "match=\"nearest\"",
        [GN_LOOKUP_BARE] = "match=\"bare\"",
    };

    for (int i = 0; i < GN_LOOKUP_HITS; i++)
        figures->hits[i] = gn_metrics_counter(metrics, "gurnard_registry_hits_total", labels[i],
                                              "MessageIds that were found in a registry.");
    figures->misses = gn_metrics_counter(metrics, "gurnard_registry_misses_total", NULL,
                                         "MessageIds that no registry has.");
}

static void register_bmc_metrics(struct gn_relay_figures *figures, struct gn_metrics *metrics)
{
    const char *reports = "Metric reports that arrived, by what became of them.";

    figures->reports_published = gn_metrics_counter(metrics, "gurnard_metric_reports_total",
                                                    "result=\"published\"", reports);
    figures->reports_dropped =
        gn_metrics_counter(metrics, "gurnard_metric_reports_total", "result=\"dropped\"", reports);
    figures->folded = gn_metrics_counter(metrics, "gurnard_storm_folded_total", NULL,
                                         "Events of BMCs in a storm that were folded.");
}

static void register_metrics(struct gn_relay_figures *figures, struct gn_metrics *metrics)
{
    static const char *const ways[GN_WAYS] = {
        [GN_WAY_PUSH] = "via=\"webhook\"",
        [GN_WAY_STREAM] = "via=\"stream\"",
        [GN_WAY_LOG] = "via=\"log\"",
        [GN_WAY_OWN] = "via=\"own\"",
    };
    const char *received = "Events that arrived; a body that cannot be read counts as one.";

    for (int i = 0; i < GN_WAYS; i++)
        figures->received[i] =
            gn_metrics_counter(metrics, "gurnard_events_received_total", ways[i], received);
    figures->received_api =
        gn_metrics_counter(metrics, "gurnard_events_received_total", "via=\"api\"", received);
    figures->received_peer =
        gn_metrics_counter(metrics, "gurnard_events_received_total", "via=\"peer\"", received);
    figures->loops = gn_metrics_counter(metrics, "gurnard_events_looped_total", NULL,
                                        "CloudEvents of our own that came back to us.");
    figures->parsed = gn_metrics_counter(metrics, "gurnard_events_parsed_total", NULL,
                                         "Redfish events that were accepted.");
    figures->unparsed =
        gn_metrics_counter(metrics, "gurnard_events_unparsed_total", NULL,
                           "Bodies without a Redfish event, forwarded as they are.");
    figures->repeated = gn_metrics_counter(metrics, "gurnard_events_repeated_total", NULL,
                                           "Events that were sent again, and not delivered again.");
    figures->quarantined = gn_metrics_counter(metrics, "gurnard_events_quarantined_total", NULL,
                                              "Bodies that are not JSON or pass a limit.");
    figures->refused =
        gn_metrics_counter(metrics, "gurnard_events_refused_total", NULL,
                           "Events not accepted for want of room, memory, type or data.");
    figures->unrouted = gn_metrics_counter(metrics, "gurnard_events_unrouted_total", NULL,
                                           "Events that nobody has subscribed to.");
    figures->records = gn_metrics_counter(metrics, "gurnard_records_total", NULL,
                                          "Records in the Redfish events that were read.");
    register_hits(figures, metrics);
    register_bmc_metrics(figures, metrics);
}

static char *address_of(const char *node, struct gn_str suffix)
{
    struct gn_buf address = GN_BUF_INIT;
    char *text;

    gn_address_of_node(gn_str_of(node), suffix, &address);
    text = gn_buf_take(&address);
    gn_buf_free(&address);
    return text;
}

static struct gn_relay *with_buffers(void)
{
    struct gn_relay *relay = calloc(1, sizeof(*relay));

    if (relay == NULL)
        return NULL;
    relay->name = relay->value = relay->data = relay->attributes = GN_BUF_INIT;
    relay->ids = relay->incident_ids = relay->new_incident_ids = relay->packed = GN_BUF_INIT;
    relay->textless = GN_BUF_INIT;
    relay->unnoted = gn_buf_with_limit(UNNOTED_MAX * sizeof(struct gn_event *));
    return relay;
}

static bool alloc_parts(struct gn_relay *relay, const struct gn_relay_config *config)
{
    relay->node = strdup(config->node);
    relay->address = address_of(config->node, GN_STR(GN_ADDRESS_REDFISH));
    relay->metrics_address = address_of(config->node, GN_STR(GN_ADDRESS_METRICS));
    relay->own_address = address_of(config->node, GN_STR(GN_ADDRESS_OWN));
    relay->dedup = gn_dedup_new();
    relay->incidents = gn_incidents_new();
    relay->routes = gn_routes_new();
    return relay->node != NULL && relay->address != NULL && relay->metrics_address != NULL &&
           relay->own_address != NULL && relay->dedup != NULL && relay->incidents != NULL &&
           relay->routes != NULL &&
           gn_relay_storm_init(relay, config->storm_rate, config->storm_burst) == GN_OK;
}

struct gn_relay *gn_relay_new(const struct gn_relay_config *config,
                              const struct gn_relay_parts *parts)
{
    struct gn_relay *relay = with_buffers();

    if (relay == NULL)
        return NULL;
    relay->parts = *parts;
    relay->overwrite_severity = config->overwrite_severity;
    relay->max_body_bytes = config->max_body_bytes;
    relay->metric_reports = config->metric_reports;
    relay->instance = gn_id_random();
    if (config->instance != NULL)
        (void)snprintf(relay->instance.text, sizeof relay->instance.text, "%s", config->instance);
    if (!alloc_parts(relay, config)) {
        gn_relay_free(relay);
        return NULL;
    }
    register_metrics(&relay->figures, parts->metrics);
    return relay;
}

/* The sinks belong to the outbox, which may be gone already. */
void gn_relay_free(struct gn_relay *relay)
{
    if (relay == NULL)
        return;
    gn_relay_storm_fini(relay);
    gn_relay_note_waiting(relay, true);
    gn_routes_free(relay->routes);
    gn_incidents_free(relay->incidents);
    gn_dedup_free(relay->dedup);
    gn_registry_set_free(relay->registries);
    gn_buf_free(&relay->name);
    gn_buf_free(&relay->value);
    gn_buf_free(&relay->data);
    gn_buf_free(&relay->attributes);
    gn_buf_free(&relay->ids);
    gn_buf_free(&relay->incident_ids);
    gn_buf_free(&relay->new_incident_ids);
    gn_buf_free(&relay->packed);
    gn_buf_free(&relay->textless);
    free(relay->address);
    free(relay->metrics_address);
    free(relay->own_address);
    free(relay->node);
    free(relay);
}

void gn_relay_set_registries(struct gn_relay *relay, struct gn_registry_set *set)
{
    gn_registry_set_free(relay->registries);
    relay->registries = set;
    if (set != NULL && relay->unnoted.len > 0)
        gn_relay_note_waiting(relay, false);
    if (set != NULL && relay->textless.len > 0)
        gn_relay_note_textless(relay);
}

void gn_relay_on_miss(struct gn_relay *relay, gn_relay_miss_fn fn, void *ctx)
{
    relay->on_miss = fn;
    relay->on_miss_ctx = ctx;
}

const struct gn_registry_set *gn_relay_registries(const struct gn_relay *relay)
{
    return relay->registries;
}

const char *gn_relay_redfish_address(const struct gn_relay *relay)
{
    return relay->address;
}

const char *gn_relay_metrics_address(const struct gn_relay *relay)
{
    return relay->metrics_address;
}

const char *gn_relay_own_address(const struct gn_relay *relay)
{
    return relay->own_address;
}

const char *gn_relay_instance(const struct gn_relay *relay)
{
    return relay->instance.text;
}

const char *gn_relay_node(const struct gn_relay *relay)
{
    return relay->node;
}

void gn_relay_status(const struct gn_relay *relay, struct gn_relay_status *status)
{
    const struct gn_relay_figures *figures = &relay->figures;
    uint64_t now_ms = gn_loop_now_ms(relay->parts.loop);
    double received = figures->received_api->value + figures->received_peer->value;

    for (int i = 0; i < GN_WAYS; i++)
        received += figures->received[i]->value;
    *status = (struct gn_relay_status){
        .received = (uint64_t)received,
        .repeated = (uint64_t)figures->repeated->value,
        .unparsed = (uint64_t)figures->unparsed->value,
        .quarantined = (uint64_t)figures->quarantined->value,
        .refused = (uint64_t)figures->refused->value,
        .unrouted = (uint64_t)figures->unrouted->value,
        .in_10s = gn_rate_per_second(&relay->rate, now_ms, 10),
        .in_60s = gn_rate_per_second(&relay->rate, now_ms, 60),
    };
}
