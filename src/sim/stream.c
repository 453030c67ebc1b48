/* Server-sent events: who may open a stream, what it carries, what was missed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/must_alloc.h"
#include "gurnard/base/text.h"
#include "sim_priv.h"

#define SSE_TYPE "text/event-stream"

/* One event of the stream: each line of the JSON in a data line of its own. */
static void write_frame(uint64_t id, json_t *value, bool is_pretty, struct gn_buf *out)
{
    char *text = json_dumps(value, is_pretty ? JSON_INDENT(2) : JSON_COMPACT);
    struct gn_str rest = gn_str_of(text);

    gn_buf_printf(out, "id: %" PRIu64 "\n", id);
    while (rest.p != NULL) {
        const struct gn_str line = gn_str_cut(rest, '\n', &rest);

        gn_buf_puts(out, "data: ");
        gn_buf_add_str(out, line);
        gn_buf_putc(out, '\n');
    }
    gn_buf_putc(out, '\n');
    free(text);
    json_decref(value);
}

void gn_sim_stream_frame(const struct sim_sub *sub, const struct sim_incident *incident,
                         struct gn_buf *out)
{
    const char *context = json_string_value(json_object_get(sub->members, "Context"));
    const bool is_pretty = (sub->bmc->profile->habits & GN_SIM_MULTILINE) != 0;

    write_frame(incident->number, gn_sim_event(sub->bmc, incident, context == NULL ? "" : context),
                is_pretty, out);
}

static void on_idle(void *ctx)
{
    struct sim_sub *sub = ctx;

    gn_sim_sub_delete(sub);
}

/* The time without an event begins anew. */
static void watch_idle(struct sim_sub *sub)
{
    const struct sim_bmc *bmc = sub->bmc;

    if (bmc->profile->sse_idle_s == 0 || bmc->sim->loop == NULL)
        return;
    if (sub->timer.loop == NULL)
        gn_timer_init(&sub->timer, bmc->sim->loop, on_idle, sub);
    gn_timer_start(&sub->timer, gn_sim_scaled_ms(bmc->sim, bmc->profile->sse_idle_s));
}

void gn_sim_stream_write(struct sim_sub *sub, const struct sim_incident *incident)
{
    struct gn_buf frame = GN_BUF_INIT;

    if (sub->stream == NULL || sub->bmc->faults.mutes_sse)
        return;
    gn_sim_stream_frame(sub, incident, &frame);
    gn_http_stream_write(sub->stream, gn_buf_str(&frame));
    gn_buf_free(&frame);
    sub->delivered++;
    watch_idle(sub);
}

/* What is kept of the events behind id. */
static void write_missed(struct sim_sub *sub, uint64_t id, struct gn_buf *out)
{
    const struct sim_bmc *bmc = sub->bmc;
    const uint64_t oldest = bmc->events > SIM_RING ? bmc->events - SIM_RING + 1 : 1;

    for (uint64_t n = id + 1 > oldest ? id + 1 : oldest; bmc->ring != NULL && n <= bmc->events;
         n++) {
        const struct sim_incident *incident = bmc->ring[n % SIM_RING];

        if (incident != NULL && incident->number == n && gn_sim_sub_wants(sub, incident))
            gn_sim_stream_frame(sub, incident, out);
    }
}

void gn_sim_stream_begin(struct sim_sub *sub, struct gn_str last_event_id, struct gn_buf *first)
{
    const struct sim_bmc *bmc = sub->bmc;
    const uint64_t oldest = bmc->events > SIM_RING ? bmc->events - SIM_RING + 1 : 1;
    unsigned long long id = 0;
    bool is_known;

    watch_idle(sub);
    gn_buf_puts(first, ":\n\n"); /* a comment, so that the client sees the stream begin */
    if (last_event_id.p == NULL)
        return;
    is_known =
        gn_str_to_u64(last_event_id, UINT64_MAX, &id) && id <= bmc->events && id + 1 >= oldest;
    if (!is_known && (bmc->profile->habits & GN_SIM_SSE_STRANGE_ID) != 0) {
        write_frame(bmc->events, gn_sim_message(bmc, "EventBufferExceeded", NULL, NULL), true,
                    first);
        return;
    }
    write_missed(sub, is_known ? id : 0, first);
}

void gn_sim_stream_closed(void *ctx)
{
    struct sim_sub *sub = ctx;

    sub->stream = NULL; /* it is gone already */
    gn_sim_sub_delete(sub);
}

/* ---- opening one ---- */

/* "RegistryPrefix eq 'X'" of the filter into the list under key; quotes may lack. */
static void take_filter(struct gn_str filter, const char *property, const char *key,
                        json_t *members)
{
    const size_t len = strlen(property);
    json_t *list = json_array();

    for (size_t i = 0; i + len + 4 < filter.len; i++) {
        struct gn_str rest = {filter.p + i + len, filter.len - i - len};
        struct gn_str value;

        if (memcmp(filter.p + i, property, len) != 0 || !gn_str_has_prefix(rest, GN_STR(" eq ")))
            continue;
        rest = (struct gn_str){rest.p + 4, rest.len - 4};
        if (rest.len > 0 && rest.p[0] == '\'') {
            rest = (struct gn_str){rest.p + 1, rest.len - 1};
            value = gn_str_cut(rest, '\'', &rest);
        } else {
            value = gn_str_cut(gn_str_cut(rest, ' ', &rest), ')', &rest);
        }
        (void)json_array_append_new(list, json_stringn(value.p, value.len));
    }
    if (json_array_size(list) > 0)
        (void)json_object_set(members, key, list);
    json_decref(list);
}

/* What a stream's subscription looks like; its filter is in the query. */
static json_t *members_of(struct sim_visit *visit)
{
    const struct sim_bmc *bmc = visit->bmc;
    json_t *members = json_object();
    struct gn_buf query = GN_BUF_INIT;

    gn_sim_put(members, "SubscriptionType", "SSE");
    gn_sim_put(members, "Protocol", "Redfish");
    gn_sim_put(members, "Context", "SSE-%" PRIu64, gn_sim_random(bmc->sim) % 100000);
    gn_sim_put(members, "EventFormatType", "Event");
    if ((bmc->profile->habits & GN_SIM_SSE_NO_FILTER) == 0 && visit->request->query.p != NULL &&
        gn_text_percent_decode(visit->request->query, &query) == GN_OK) {
        json_t *formats = json_object();

        take_filter(gn_buf_str(&query), "RegistryPrefix", "RegistryPrefixes", members);
        take_filter(gn_buf_str(&query), "MessageId", "MessageIds", members);
        take_filter(gn_buf_str(&query), "EventFormatType", "all", formats);
        if (json_array_size(json_object_get(formats, "all")) > 0)
            (void)json_object_set(members, "EventFormatType",
                                  json_array_get(json_object_get(formats, "all"), 0));
        json_decref(formats);
    }
    gn_buf_free(&query);
    return members;
}

static bool accepts_stream(struct gn_str accept)
{
    struct gn_str rest = accept;

    while (rest.p != NULL) {
        const struct gn_str one = gn_str_trim(gn_str_cut(rest, ',', &rest));

        if (gn_str_has_prefix(one, GN_STR(SSE_TYPE)))
            return true;
    }
    return false;
}

void gn_sim_get_stream(struct sim_visit *visit)
{
    struct sim_bmc *bmc = visit->bmc;
    const struct gn_sim_profile *p = bmc->profile;
    struct sim_sub *sub;

    if (p->sse == NULL || !gn_str_has_prefix(visit->request->path, gn_str_of(p->sse)) ||
        !accepts_stream(visit->request->accept)) {
        gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
        return;
    }
    if (bmc->faults.is_disabled) {
        gn_sim_error(visit, 503, "ServiceDisabled", p->sse, NULL);
        return;
    }
    if (bmc->faults.is_full || bmc->sse_count >= p->max_sse ||
        bmc->sub_count >= p->max_subscriptions) {
        gn_sim_error(visit, 503, "EventSubscriptionLimitExceeded", NULL, NULL);
        return;
    }
    sub = gn_sim_sub_new(bmc, members_of(visit));
    sub->is_sse = true;
    sub->is_metric = strcmp(json_string_value(json_object_get(sub->members, "EventFormatType")),
                            "MetricReport") == 0;
    bmc->sse_count++;
    gn_sim_stream_begin(sub, visit->request->last_event_id, &visit->reply->bytes);
    visit->reply->kind = SIM_EVENTS;
    visit->reply->type = SSE_TYPE;
    visit->reply->sub = sub;
}
