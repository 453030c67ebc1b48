/* What comes in by the buses: events, which are accepted when the journal has them, and questions
 * for the current state of a resource; and such questions of ours. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"
#include "gurnard/ce/cne.h"

#include "buses_priv.h"

#define RETRY_MS 1000U /* until what there is no room for is given back to the broker */

void gn_bus_on_state(void *ctx, bool is_up, const char *reason)
{
    const struct bus *bus = ctx;

    (void)reason; /* the connection has logged it */
    if (!is_up)
        gn_cne_add(bus->buses->parts.cne, GN_CNE_TRANSPORT_CONNECTION_RESET, GN_STR_NONE,
                   GN_CNE_SUCCESS, 1);
}

/* ---- events ---- */

static void wait_end(struct bus_wait *wait, enum gn_amqp_settlement settlement, const char *reason)
{
    TAILQ_REMOVE(&wait->buses->waits, wait, link);
    gn_bus_settle(wait->event, settlement, reason);
    free(wait);
}

static void on_journal(void *ctx, enum gn_err err)
{
    wait_end(ctx, err == GN_OK ? GN_AMQP_ACCEPT : GN_AMQP_RELEASE, "not stored");
}

void gn_buses_on_retry(void *ctx)
{
    struct gn_buses *buses = ctx;
    struct bus_wait *next;

    for (struct bus_wait *wait = TAILQ_FIRST(&buses->waits); wait != NULL; wait = next) {
        next = TAILQ_NEXT(wait, link);
        if (wait->is_refused)
            wait_end(wait, GN_AMQP_RELEASE, "no room now");
    }
}

/* It is settled later: by the journal, or, so that a broker does not send it again at once, when
 * the timer runs. */
static void settle_later(struct gn_buses *buses, struct gn_bus_event *event, enum gn_err err)
{
    struct bus_wait *wait = calloc(1, sizeof *wait);

    if (wait == NULL) {
        gn_bus_settle(event, GN_AMQP_RELEASE, "no memory");
        return;
    }
    wait->buses = buses;
    wait->event = event;
    wait->is_refused = err != GN_OK;
    TAILQ_INSERT_TAIL(&buses->waits, wait, link);
    if (!wait->is_refused)
        gn_journal_wait(buses->parts.journal, &wait->journal, on_journal, wait);
    else if (!gn_timer_is_running(&buses->retry))
        gn_timer_start(&buses->retry, RETRY_MS);
}

/* What we send as CloudEvents 1.0 has ids by which we do not know it again when it comes back. */
static bool is_own(const struct gn_buses *buses, const struct gn_bus_event *event)
{
    return buses->is_native &&
           gn_counted_find(buses->published, gn_bus_event_resource(event)) != NULL;
}

static void on_event(void *ctx, struct gn_bus_event *event, const struct gn_cloudevent *ce)
{
    struct bus *bus = ctx;
    struct gn_buses *buses = bus->buses;
    const struct gn_relay_ce_source source = {.peer = gn_str_of(bus->name), .is_proxy = true};
    enum gn_err err;

    if (is_own(buses, event)) {
        gn_bus_settle(event, GN_AMQP_ACCEPT, NULL);
        return;
    }
    err = gn_relay_cloudevent(buses->relay, &source, ce);
    gn_cne_add(buses->parts.cne, GN_CNE_TRANSPORT_EVENTS_RECEIVED, ce->source,
               err == GN_OK || err == GN_EEXIST ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
    if (err == GN_EINVAL || err == GN_ELIMIT)
        gn_bus_settle(event, GN_AMQP_REJECT, "it can never be stored");
    else if ((err == GN_OK || err == GN_EEXIST) && gn_journal_is_durable(buses->parts.journal))
        gn_bus_settle(event, GN_AMQP_ACCEPT, NULL);
    else
        settle_later(buses, event, err == GN_EEXIST ? GN_OK : err);
}

static void wait_drop(struct bus_wait *wait)
{
    TAILQ_REMOVE(&wait->buses->waits, wait, link);
    if (!wait->is_refused)
        gn_journal_wait_cancel(wait->buses->parts.journal, &wait->journal);
    free(wait);
}

/* The link broke: whoever sent it will send it again, and it will be known then. */
static void on_gone(void *ctx, struct gn_bus_event *event)
{
    struct bus *bus = ctx;
    struct bus_wait *wait;

    TAILQ_FOREACH (wait, &bus->buses->waits, link)
        if (wait->event == event) {
            wait_drop(wait);
            return;
        }
}

void gn_buses_drop_waits(struct gn_buses *buses)
{
    struct bus_wait *wait;

    gn_timer_stop(&buses->retry);
    while ((wait = TAILQ_FIRST(&buses->waits)) != NULL) {
        struct gn_bus_event *event = wait->event;

        wait_drop(wait);
        gn_bus_settle(event, GN_AMQP_RELEASE, "stopping");
    }
}

/* ---- states ---- */

static bool on_state_asked(void *ctx, struct gn_str resource, struct gn_arena *arena,
                           struct gn_cloudevent *ce)
{
    struct bus *bus = ctx;
    const struct gn_event *event = gn_relay_last_event(bus->buses->relay, resource);
    char time[GN_TIME_TEXT_MAX];

    gn_cne_add(bus->buses->parts.cne, GN_CNE_STATUS_CHECK_RECEIVED, resource,
               event != NULL ? GN_CNE_SUCCESS : GN_CNE_FAILED, 1);
    if (event == NULL)
        return false;
    gn_time_format(event->time_ns, time);
    *ce = (struct gn_cloudevent){
        .version = GN_CE_0_3,
        .id = gn_str_of(event->id.text),
        .source = event->resource,
        .type = event->type,
        .subject = event->source,
        .time = {gn_arena_strdup(arena, gn_str_of(time)), strlen(time)},
        .datacontenttype = GN_STR(GN_CNE_CONTENT_TYPE),
        .kind = GN_CE_JSON,
        .data = event->data,
    };
    return ce->time.p != NULL;
}

struct gn_transport *gn_bus_make_transport(struct bus *bus, const struct gn_buses_config *config,
                                           const char *pattern)
{
    const struct gn_transport_amqp_config transport = {
        .name = bus->name,
        .url = bus->url,
        .pattern = pattern,
        .prefix = config->prefix,
        .is_durable = true,
        .time_as_timestamp = true,
        .presettled = config->presettled,
        .presettled_count = config->presettled_count,
        .outcome_ms = config->outcome_ms,
        .credit = config->window,
        .max_message_bytes = config->max_message_bytes,
    };
    const struct gn_bus_handler handler = {
        .event = on_event, .gone = on_gone, .state = on_state_asked, .ctx = bus};

    return gn_transport_amqp_new(bus->buses->parts.loop, bus->amqp, &transport, &handler,
                                 bus->buses->parts.metrics);
}

/* ---- questions of ours ---- */

struct question {
    gn_remote_state_fn done;
    void *ctx;
    struct gn_bus_query *query;
};

bool gn_buses_has(void *ctx)
{
    const struct gn_buses *buses = ctx;

    return buses->count > 0 && !buses->is_stopped;
}

static void on_answer(void *ctx, enum gn_err err, const struct gn_cloudevent *ce)
{
    struct question *question = ctx;
    struct gn_buf body = GN_BUF_INIT;
    struct gn_remote_state state = {.err = err};

    if (err == GN_OK) {
        gn_ce_write_json(ce, &body);
        state.err = gn_buf_err(&body);
        state.body = gn_buf_str(&body);
    }
    question->done(question->ctx, &state);
    gn_buf_free(&body);
    free(question);
}

/* The first bus whose resource it is. */
enum gn_err gn_buses_ask(void *ctx, struct gn_str resource, gn_remote_state_fn done, void *done_ctx,
                         void **query)
{
    struct gn_buses *buses = ctx;
    struct question *question = calloc(1, sizeof *question);
    enum gn_err err = question == NULL ? GN_ENOMEM : GN_ECONN;

    for (size_t i = 0; err == GN_ECONN && i < buses->count; i++) {
        if (!gn_bus_serves(&buses->all[i], resource))
            continue;
        question->done = done;
        question->ctx = done_ctx;
        err = gn_bus_ask(buses->all[i].transport, resource, on_answer, question, &question->query);
    }
    if (err == GN_OK)
        *query = question;
    else
        free(question);
    return err;
}

void gn_buses_forget(void *ctx, void *query)
{
    struct question *question = query;

    (void)ctx;
    gn_bus_forget(question->query);
    free(question);
}
