/* What operators see of the BMCs: JSON for the admin API, and metrics. */
#include "bmcs_priv.h"

#include <string.h>

#include "gurnard/base/clock.h"

/* ---- JSON ---- */

/* Texts of BMCs may be cut within a character, or be no UTF-8 at all. */
static json_t *plain_string(const char *text)
{
    char plain[GN_SERVICE_URI_MAX];
    size_t len = 0;

    for (; text[len] != '\0' && len + 1 < sizeof plain; len++)
        plain[len] = (unsigned char)text[len] < 0x80 ? text[len] : '?';
    plain[len] = '\0';
    return json_string(plain);
}

/* Sets a member to a text, unless it is empty. jansson takes the reference also when it fails. */
static bool put(json_t *obj, const char *key, const char *text)
{
    json_t *value;

    if (text == NULL || text[0] == '\0')
        return true;
    value = json_string(text);
    return json_object_set_new(obj, key, value != NULL ? value : plain_string(text)) == 0;
}

static bool put_int(json_t *obj, const char *key, uint64_t value)
{
    return json_object_set_new(obj, key, json_integer((json_int_t)value)) == 0;
}

static bool put_bool(json_t *obj, const char *key, bool value)
{
    return json_object_set_new(obj, key, json_boolean(value)) == 0;
}

static bool put_time(json_t *obj, const char *key, int64_t ns)
{
    char text[GN_TIME_TEXT_MAX];

    if (ns == 0)
        return true;
    gn_time_format(ns, text);
    return put(obj, key, text);
}

static const char *way_of(const struct gn_bmc *bmc)
{
    if (gn_bmc_stream_is_open(bmc))
        return "sse";
    return bmc->current[0].uri[0] != '\0' ? "push" : "";
}

static json_t *proof_of(const struct gn_bmc *bmc)
{
    const struct bmc_proof *proof = &bmc->proof;
    json_t *obj = json_object();
    bool is_whole = obj != NULL && put(obj, "result",
                                       proof->is_running  ? "running"
                                       : !proof->is_known ? "none"
                                       : proof->is_proven ? "proven"
                                                          : "failed");

    if (is_whole && proof->is_known) {
        is_whole = put_time(obj, "at", proof->at_ns) && put(obj, "reason", proof->reason);
        if (is_whole && proof->is_proven)
            is_whole = json_object_set_new(obj, "latency_ms", json_real(proof->latency_ms)) == 0;
    }
    if (is_whole)
        return obj;
    json_decref(obj);
    return NULL;
}

static bool fill_short(const struct gn_bmc *bmc, json_t *obj)
{
    return put(obj, "name", bmc->spec.name) && put(obj, "address", bmc->spec.address_text) &&
           put(obj, "state", gn_bmc_state_name(bmc->state)) && put(obj, "reason", bmc->reason) &&
           put_time(obj, "since", bmc->state_since_ns) && put(obj, "way", way_of(bmc)) &&
           put(obj, "vendor", bmc->facts.vendor) && put(obj, "model", bmc->facts.model) &&
           put(obj, "firmware", bmc->facts.firmware) &&
           put(obj, "tls", gn_bmc_tls_name(bmc->spec.tls)) &&
           put_time(obj, "last_event", bmc->heard_ns) && put_int(obj, "events", bmc->events) &&
           put_int(obj, "recovered", bmc->recovered) &&
           put_int(obj, "subscriptions_used", bmc->subscriptions_used) &&
           json_object_set_new(obj, "proof", proof_of(bmc)) == 0;
}

static json_t *logs_of(const struct gn_bmc *bmc)
{
    json_t *list = json_array();
    bool is_whole = list != NULL;

    for (size_t i = 0; is_whole && i < bmc->kept->log_count; i++) {
        const struct gn_kept_log *log = &bmc->kept->logs[i];
        json_t *obj = json_object();

        is_whole = obj != NULL && put(obj, "uri", log->uri) &&
                   (!log->has_mark || put(obj, "read_to", log->mark.id));
        is_whole = json_array_append_new(list, obj) == 0 && is_whole;
    }
    if (is_whole)
        return list;
    json_decref(list);
    return NULL;
}

static bool fill_long(const struct gn_bmc *bmc, json_t *obj)
{
    bool is_whole =
        put(obj, "origin", gn_bmc_origin_name(bmc->spec.origin)) &&
        put(obj, "product", bmc->facts.product) && put(obj, "uuid", bmc->facts.uuid) &&
        put(obj, "redfish_version", bmc->facts.redfish) &&
        put(obj, "manager", bmc->facts.manager) && put(obj, "subscription", bmc->current[0].uri) &&
        put(obj, "subscription_state", bmc->current[0].state) &&
        put(obj, "metrics_subscription", bmc->current[1].uri) &&
        put(obj, "context", bmc->context[0]) && put(obj, "missing", bmc->missing) &&
        put(obj, "event_service_condition", bmc->service.condition) &&
        put_bool(obj, "gap", bmc->kept->has_gap) && put_int(obj, "heartbeats", bmc->heartbeats) &&
        put_time(obj, "last_heartbeat", bmc->heartbeat_ns) &&
        put_int(obj, "streams_opened", bmc->stream.opened_count) &&
        put_int(obj, "locked_ms", gn_bmc_link_locked_ms(bmc->link));

    return is_whole && json_object_set_new(obj, "logs", logs_of(bmc)) == 0 &&
           json_object_set_new(obj, "settings", gn_bmc_spec_write(&bmc->spec)) == 0;
}

static json_t *one(const struct gn_bmc *bmc, bool is_long)
{
    json_t *obj = json_object();

    if (obj != NULL && fill_short(bmc, obj) && (!is_long || fill_long(bmc, obj)))
        return obj;
    json_decref(obj);
    return NULL;
}

static int by_name(const struct gn_bmc *a, const struct gn_bmc *b)
{
    return strcmp(a->spec.name, b->spec.name);
}

json_t *gn_bmcs_list(struct gn_bmcs *fleet)
{
    json_t *root = json_object();
    json_t *list = json_array();
    bool is_whole = root != NULL && list != NULL;

    HASH_SRT(hh, fleet->bmcs, by_name);
    for (struct gn_bmc *bmc = fleet->bmcs; is_whole && bmc != NULL; bmc = bmc->hh.next)
        is_whole = json_array_append_new(list, one(bmc, false)) == 0;
    if (root != NULL)
        is_whole = json_object_set_new(root, "bmcs", list) == 0 && is_whole;
    else
        json_decref(list);
    if (is_whole)
        return root;
    json_decref(root);
    return NULL;
}

json_t *gn_bmcs_show(const struct gn_bmcs *fleet, struct gn_str name)
{
    struct gn_bmc *bmc = NULL;

    if (name.len > 0)
        HASH_FIND(hh, fleet->bmcs, name.p, name.len, bmc);
    return bmc == NULL ? NULL : one(bmc, true);
}

void gn_bmcs_count_states(const struct gn_bmcs *fleet, uint32_t counts[GN_BMC_STATES])
{
    memset(counts, 0, GN_BMC_STATES * sizeof *counts);
    for (const struct gn_bmc *bmc = fleet->bmcs; bmc != NULL; bmc = bmc->hh.next)
        counts[bmc->state]++;
}

/* ---- metrics ---- */

static struct gn_metric *counter(struct gn_metrics *metrics, const char *name, const char *labels,
                                 const char *help)
{
    return gn_metrics_counter(metrics, name, labels, help);
}

static void make_states(struct fleet_metrics *figures, struct gn_metrics *metrics)
{
    for (int state = 0; state < GN_BMC_STATES; state++) {
        struct gn_buf labels = gn_buf_with_limit(64);

        gn_buf_printf(&labels, "state=\"%s\"", gn_bmc_state_name((enum gn_bmc_state)state));
        if (gn_buf_err(&labels) == GN_OK)
            figures->bmcs[state] = gn_metrics_gauge(metrics, "gurnard_bmcs", labels.data,
                                                    "BMCs of the inventory, by their state.");
        gn_buf_free(&labels);
    }
}

void gn_bmcs_make_metrics(struct gn_bmcs *fleet, struct gn_metrics *metrics)
{
    static const char rounds[] = "gurnard_bmc_rounds_total";
    static const char rounds_help[] = "Looks at BMCs, by whether they came to their end.";
    static const char subs[] = "gurnard_bmc_subscriptions_total";
    static const char subs_help[] = "What was done to subscriptions on BMCs.";
    static const char proofs[] = "gurnard_bmc_proofs_total";
    static const char proofs_help[] = "Test events asked for, by whether they came.";
    static const char registries[] = "gurnard_bmc_registries_total";
    static const char registries_help[] = "Message registries fetched from BMCs, by result.";
    static const double bounds[] = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30};
    struct fleet_metrics *figures = &fleet->metrics;

    make_states(figures, metrics);
    figures->rounds_ok = counter(metrics, rounds, "result=\"ok\"", rounds_help);
    figures->rounds_failed = counter(metrics, rounds, "result=\"failed\"", rounds_help);
    figures->created = counter(metrics, subs, "action=\"created\"", subs_help);
    figures->adopted = counter(metrics, subs, "action=\"adopted\"", subs_help);
    figures->repaired = counter(metrics, subs, "action=\"repaired\"", subs_help);
    figures->removed = counter(metrics, subs, "action=\"removed\"", subs_help);
    figures->refused = counter(metrics, subs, "action=\"refused\"", subs_help);
    figures->proofs_ok = counter(metrics, proofs, "result=\"proven\"", proofs_help);
    figures->proofs_failed = counter(metrics, proofs, "result=\"failed\"", proofs_help);
    figures->registries_ok = counter(metrics, registries, "result=\"ok\"", registries_help);
    figures->registries_failed = counter(metrics, registries, "result=\"failed\"", registries_help);
    figures->streams =
        gn_metrics_gauge(metrics, "gurnard_bmc_streams", NULL, "Event streams of BMCs open now.");
    figures->stream_breaks = counter(metrics, "gurnard_bmc_stream_breaks_total", NULL,
                                     "Event streams of BMCs that ended or could not be opened.");
    figures->recovered = counter(metrics, "gurnard_bmc_recovered_total", NULL,
                                 "Events read from the logs of BMCs after an outage.");
    figures->heartbeats = counter(metrics, "gurnard_bmc_heartbeats_total", NULL,
                                  "Heartbeats of BMCs that were asked for.");
    figures->gaps = counter(metrics, "gurnard_bmc_gaps_total", NULL,
                            "Times after which events of a BMC may have been missed.");
    figures->proof_seconds =
        gn_metrics_histogram(metrics, "gurnard_bmc_proof_seconds", NULL,
                             "From the request for a test event to its arrival.", bounds,
                             GN_LEN(bounds));
}
