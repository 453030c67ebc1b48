/* Status requests of ours: a receiver on a return address, the request once that is attached, and
 * the first message that comes there. */
#include "transport_amqp_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"

#define RETURN_LEN 5 /* characters of a return address behind the resource, as the original */

struct gn_bus_query {
    TAILQ_ENTRY(gn_bus_query) entry;
    struct gn_bus *bus;
    struct gn_amqp_receiver *receiver;
    struct gn_sending *request; /* NULL: not sent yet, or it has ended */
    bool is_asked;
    bool is_over; /* it ends in the next turn, or has */
    enum gn_err err;
    gn_bus_state_fn done; /* NULL: has been called, or nobody waits any more */
    void *ctx;
    struct gn_timer timer;
    struct gn_defer defer;
    size_t resource_len;
    char text[]; /* the return address, as a resource; the resource is its beginning */
};

/* ---- the end ---- */

static struct gn_str resource_of(const struct gn_bus_query *query)
{
    return (struct gn_str){query->text, query->resource_len};
}

static void query_free(struct gn_bus_query *query)
{
    TAILQ_REMOVE(&query->bus->queries, query, entry);
    if (query->request != NULL)
        gn_link_forget(query->request);
    gn_amqp_receiver_free(query->receiver);
    gn_timer_fini(&query->timer);
    gn_defer_cancel(&query->defer);
    free(query);
}

static void on_end(void *ctx)
{
    struct gn_bus_query *query = ctx;
    gn_bus_state_fn done = query->done;
    void *done_ctx = query->ctx;
    enum gn_err err = query->err;

    query_free(query);
    if (done != NULL)
        done(done_ctx, err, NULL);
}

static void end_later(struct gn_bus_query *query, enum gn_err err)
{
    if (query->is_over)
        return;
    query->is_over = true;
    query->err = err;
    gn_timer_stop(&query->timer);
    gn_defer_call(query->bus->loop, &query->defer, on_end, query);
}

static void on_timeout(void *ctx)
{
    struct gn_bus_query *query = ctx;

    end_later(query, query->is_asked ? GN_ETIMEOUT : GN_ECONN);
}

/* ---- the answer ---- */

static void tell(struct gn_bus_query *query, const struct gn_cloudevent *ce)
{
    gn_bus_state_fn done = query->done;

    end_later(query, GN_OK);
    query->done = NULL;
    if (done != NULL)
        done(query->ctx, GN_OK, ce);
}

static void on_message(void *ctx, struct gn_amqp_delivery *delivery, struct gn_str bytes)
{
    struct gn_bus_query *query = ctx;
    char error[GN_CE_ERROR_MAX];
    struct gn_cloudevent ce;
    struct gn_arena arena;
    enum gn_err err;

    gn_arena_init(&arena, gn_bus_arena_bytes(bytes.len));
    err = gn_amqp_event_decode(bytes, &arena, &ce, error);
    if (err == GN_OK)
        gn_amqp_settle(delivery, GN_AMQP_ACCEPT, NULL);
    else
        gn_amqp_settle(delivery, GN_AMQP_REJECT, error[0] != '\0' ? error : gn_err_text(err));
    gn_metric_add(query->bus->received, 1);
    if (err != GN_OK)
        gn_metric_add(query->bus->undecodable, 1);
    else if (!query->is_over)
        tell(query, &ce);
    gn_arena_fini(&arena);
}

static void on_gone(void *ctx, struct gn_amqp_delivery *delivery)
{
    (void)ctx; /* each was settled when it came */
    (void)delivery;
}

static void on_refused(void *ctx, const char *reason)
{
    struct gn_bus_query *query = ctx;

    (void)reason; /* logged below */
    gn_metric_add(query->bus->refused_links, 1);
    end_later(query, GN_ECONN);
}

/* ---- the request ---- */

static void on_asked(void *ctx, const struct gn_sent *sent)
{
    struct gn_bus_query *query = ctx;

    query->request = NULL;
    if (sent->err != GN_OK)
        end_later(query, sent->err == GN_ECANCELED ? GN_ECANCELED : GN_ECONN);
}

static void ask(struct gn_bus_query *query)
{
    static const char data[] = "{\"version\":\"v1\",\"values\":[]}";
    struct gn_bus *bus = query->bus;
    const struct gn_id id = gn_id_random();
    char time[GN_TIME_TEXT_MAX];
    struct gn_cloudevent ce = {
        .version = GN_CE_0_3,
        .id = gn_str_of(id.text),
        .source = gn_str_of(query->text),
        .type = GN_STR(GN_BUS_STATUS_TYPE),
        .datacontenttype = GN_STR("application/json"),
        .kind = GN_CE_JSON,
        .data = {data, sizeof data - 1},
    };
    struct gn_bus_out out = {
        .event = &ce, .timeout_ms = GN_BUS_ASK_MS, .done = on_asked, .ctx = query};
    const char *address = gn_bus_address(bus, resource_of(query), GN_STR("/status"));
    enum gn_err err = address == NULL ? GN_ENOMEM : GN_OK;

    gn_time_format(gn_clock_real_ns(), time);
    ce.time = gn_str_of(time);
    out.address = gn_str_of(address);
    if (err == GN_OK)
        err = gn_link_send(bus, &out, &query->request);
    query->is_asked = true;
    if (err != GN_OK)
        end_later(query, GN_ECONN);
}

static void on_attached(void *ctx)
{
    struct gn_bus_query *query = ctx;

    if (!query->is_asked && !query->is_over)
        ask(query);
}

/* ---- questions ---- */

/* Random letters and digits, as the original has them. */
static void put_random(char *to)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    const struct gn_id id = gn_id_random();
    uint8_t bytes[GN_ID_BYTES];

    gn_id_pack(&id, bytes);
    for (size_t i = 0; i < RETURN_LEN; i++)
        to[i] = letters[bytes[i] % (sizeof letters - 1)];
}

static struct gn_bus_query *query_new(struct gn_bus *bus, struct gn_str resource)
{
    const size_t len = resource.len + 1 + RETURN_LEN;
    struct gn_bus_query *query = calloc(1, sizeof(*query) + len + 1);
    struct gn_amqp_receiver_config config = {
        .credit = 1,
        .max_message_bytes = bus->config.max_message_bytes,
        .on_message = on_message,
        .on_gone = on_gone,
        .on_refused = on_refused,
        .on_attached = on_attached,
        .ctx = query,
    };

    if (query == NULL)
        return NULL;
    query->bus = bus;
    query->resource_len = resource.len;
    memcpy(query->text, resource.p, resource.len);
    query->text[resource.len] = '/';
    put_random(query->text + resource.len + 1);
    config.address = gn_bus_address(bus, (struct gn_str){query->text, len}, GN_STR(""));
    if (config.address != NULL && !bus->is_stopped)
        query->receiver = gn_amqp_receiver_new(bus->amqp, &config);
    if (query->receiver == NULL && !bus->is_stopped) {
        free(query);
        return NULL;
    }
    return query;
}

enum gn_err gn_bus_ask(struct gn_transport *transport, struct gn_str resource, gn_bus_state_fn done,
                       void *ctx, struct gn_bus_query **query)
{
    struct gn_bus *bus = gn_bus_of(transport);
    struct gn_bus_query *made;

    GN_ASSERT(resource.len > 0);
    made = query_new(bus, resource);
    if (made == NULL)
        return GN_ENOMEM;
    made->done = done;
    made->ctx = ctx;
    gn_timer_init(&made->timer, bus->loop, on_timeout, made);
    TAILQ_INSERT_TAIL(&bus->queries, made, entry);
    if (query != NULL)
        *query = made;
    if (bus->is_stopped) {
        end_later(made, GN_ECANCELED);
    } else if (!gn_amqp_is_up(bus->amqp)) {
        end_later(made, GN_ECONN);
    } else {
        gn_timer_start(&made->timer, GN_BUS_ASK_MS);
    }
    return GN_OK;
}

void gn_bus_forget(struct gn_bus_query *query)
{
    query->done = NULL;
    end_later(query, GN_ECANCELED);
}

/* ---- life ---- */

void gn_bus_queries_init(struct gn_bus *bus)
{
    TAILQ_INIT(&bus->queries);
}

void gn_bus_queries_stop(struct gn_bus *bus)
{
    struct gn_bus_query *query;

    TAILQ_FOREACH (query, &bus->queries, entry)
        end_later(query, GN_ECANCELED);
}

void gn_bus_queries_fini(struct gn_bus *bus)
{
    while (!TAILQ_EMPTY(&bus->queries))
        query_free(TAILQ_FIRST(&bus->queries));
}
