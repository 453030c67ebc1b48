/* Receiving: a link for each resource that is wanted or answered for, and the events that came. */
#include "transport_amqp_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"

#define SURVEY_MS 1000 /* how often it is seen whether all receivers are attached */

struct gn_bus_event {
    TAILQ_ENTRY(gn_bus_event) entry;
    struct gn_bus_event_list *list;    /* of its place, or the orphans of the bus */
    struct gn_amqp_delivery *delivery; /* NULL, of an orphan: the peer has it back */
    size_t resource_len;
    char resource[];
};

/* ---- events ---- */

static void event_free(struct gn_bus_event *event)
{
    TAILQ_REMOVE(event->list, event, entry);
    free(event);
}

static struct gn_bus_event *event_new(struct gn_bus_place *place, struct gn_amqp_delivery *delivery)
{
    struct gn_bus_event *event = calloc(1, sizeof(*event) + place->resource_len + 1);

    if (event == NULL)
        return NULL;
    event->list = &place->events;
    event->delivery = delivery;
    event->resource_len = place->resource_len;
    memcpy(event->resource, place->resource, place->resource_len);
    TAILQ_INSERT_TAIL(event->list, event, entry);
    gn_amqp_delivery_set_user(delivery, event);
    return event;
}

struct gn_str gn_bus_event_resource(const struct gn_bus_event *event)
{
    return (struct gn_str){event->resource, event->resource_len};
}

void gn_bus_settle(struct gn_bus_event *event, enum gn_amqp_settlement settlement,
                   const char *reason)
{
    struct gn_amqp_delivery *delivery = event->delivery;

    event_free(event);
    if (delivery == NULL)
        return;
    gn_amqp_delivery_set_user(delivery, NULL);
    gn_amqp_settle(delivery, settlement, reason);
}

/* The receiver has gone, its deliveries with it; the owner still has the events. */
static void disown_events(struct gn_bus_place *place)
{
    struct gn_bus_event_list *orphans = &place->bus->orphans;
    struct gn_bus_event *event;

    TAILQ_FOREACH (event, &place->events, entry) {
        event->list = orphans;
        event->delivery = NULL;
    }
    TAILQ_CONCAT(orphans, &place->events, entry);
}

static void on_gone(void *ctx, struct gn_amqp_delivery *delivery)
{
    struct gn_bus_place *place = ctx;
    struct gn_bus *bus = place->bus;
    struct gn_bus_event *event = gn_amqp_delivery_user(delivery);

    if (event == NULL)
        return;
    bus->handler.gone(bus->handler.ctx, event);
    event_free(event);
}

/* ---- messages ---- */

size_t gn_bus_arena_bytes(size_t message_bytes)
{
    return 4 * message_bytes + ((size_t)256 << 10); /* the message, its properties, texts of both */
}

static bool is_status_place(const struct gn_bus_place *place)
{
    return place->table == &place->bus->answered;
}

/* Whether ce, on a resource that is wanted, is no event but a request: base is what it asks for. */
static bool is_request(const struct gn_bus_place *place, const struct gn_cloudevent *ce,
                       struct gn_str *base)
{
    static const struct gn_str suffix = GN_STR_INIT("/status");
    const struct gn_str resource = {place->resource, place->resource_len};

    *base = resource;
    if (is_status_place(place))
        return true;
    base->len -= suffix.len;
    return gn_str_has_suffix(resource, suffix) && gn_str_eq(ce->type, GN_STR(GN_BUS_STATUS_TYPE));
}

/* It cannot be read: nobody will ever read it, unless it was for want of memory. */
static void on_undecodable(struct gn_bus_place *place, struct gn_amqp_delivery *delivery,
                           enum gn_err err, const char *error)
{
    struct gn_bus *bus = place->bus;
    const char *reason = error[0] != '\0' ? error : gn_err_text(err);
    uint64_t held;

    if (err == GN_ENOMEM) {
        gn_amqp_settle(delivery, GN_AMQP_RELEASE, NULL);
        return;
    }
    if (error[0] == '\0' && err == GN_EUNSUPPORTED)
        reason = "no CloudEvent";
    gn_metric_add(bus->undecodable, 1);
    if (gn_log_allow(&bus->undecodable_log, gn_loop_now_ms(bus->loop), &held))
        gn_log_warn("amqp.undecodable connection=%s resource=%s status=%s reason=\"%s\" held=%llu",
                    bus->name, place->resource, is_status_place(place) ? "yes" : "no", reason,
                    (unsigned long long)held);
    gn_amqp_settle(delivery, GN_AMQP_REJECT, reason);
}

static void hand_on(struct gn_bus_place *place, struct gn_amqp_delivery *delivery,
                    const struct gn_cloudevent *ce)
{
    struct gn_bus *bus = place->bus;
    struct gn_bus_event *event = event_new(place, delivery);

    if (event == NULL) {
        gn_amqp_settle(delivery, GN_AMQP_RELEASE, NULL);
        return;
    }
    bus->handler.event(bus->handler.ctx, event, ce);
}

static void on_message(void *ctx, struct gn_amqp_delivery *delivery, struct gn_str bytes)
{
    struct gn_bus_place *place = ctx;
    struct gn_bus *bus = place->bus;
    char error[GN_CE_ERROR_MAX];
    struct gn_cloudevent ce;
    struct gn_arena arena;
    struct gn_str base;
    enum gn_err err;

    gn_metric_add(bus->received, 1);
    gn_arena_init(&arena, gn_bus_arena_bytes(bytes.len));
    err = gn_amqp_event_decode(bytes, &arena, &ce, error);
    if (err != GN_OK)
        on_undecodable(place, delivery, err, error);
    else if (is_request(place, &ce, &base))
        gn_status_on_request(bus, base, delivery, &arena, &ce);
    else
        hand_on(place, delivery, &ce);
    gn_arena_fini(&arena);
}

static void on_refused(void *ctx, const char *reason)
{
    struct gn_bus_place *place = ctx;

    (void)reason; /* logged below */
    gn_metric_add(place->bus->refused_links, 1);
}

/* ---- places ---- */

static struct gn_amqp_receiver *receiver_new(struct gn_bus_place *place)
{
    struct gn_bus *bus = place->bus;
    const struct gn_str resource = {place->resource, place->resource_len};
    const bool is_status = is_status_place(place);
    const char *address = gn_bus_address(bus, resource, is_status ? GN_STR("/status") : GN_STR(""));
    const struct gn_amqp_receiver_config config = {
        .address = address,
        .is_durable = address != NULL && !is_status && gn_amqp_address_is_durable(address),
        .credit = bus->config.credit,
        .max_message_bytes = bus->config.max_message_bytes,
        .on_message = on_message,
        .on_gone = on_gone,
        .on_refused = on_refused,
        .ctx = place,
    };

    return config.address == NULL ? NULL : gn_amqp_receiver_new(bus->amqp, &config);
}

static struct gn_bus_place *place_new(struct gn_bus *bus, struct gn_bus_place **table,
                                      struct gn_str resource)
{
    struct gn_bus_place *place = calloc(1, sizeof(*place) + resource.len + 1);

    if (place == NULL)
        return NULL;
    place->bus = bus;
    place->table = table;
    place->resource_len = resource.len;
    memcpy(place->resource, resource.p, resource.len);
    TAILQ_INIT(&place->events);
    if (!bus->is_stopped) {
        place->receiver = receiver_new(place);
        if (place->receiver == NULL) {
            free(place);
            return NULL;
        }
    }
    HASH_ADD_KEYPTR(hh, *table, place->resource, place->resource_len, place);
    if (place->hh.tbl == NULL) {
        gn_amqp_receiver_free(place->receiver);
        free(place);
        return NULL;
    }
    return place;
}

static void place_free(struct gn_bus_place *place)
{
    HASH_DELETE(hh, *place->table, place);
    gn_amqp_receiver_free(place->receiver);
    disown_events(place);
    free(place);
}

struct gn_bus_place *gn_place_find(struct gn_bus_place **table, struct gn_str resource)
{
    struct gn_bus_place *place = NULL;

    if (resource.len > 0)
        HASH_FIND(hh, *table, resource.p, resource.len, place);
    return place;
}

enum gn_err gn_place_wish(struct gn_bus *bus, struct gn_bus_place **table, struct gn_str resource)
{
    struct gn_bus_place *place = gn_place_find(table, resource);

    GN_ASSERT(bus->has_handler && resource.len > 0);
    if (place == NULL) {
        if (HASH_CNT(hh, *table) >= GN_BUS_RESOURCES_MAX)
            return GN_ELIMIT;
        place = place_new(bus, table, resource);
    }
    if (place == NULL)
        return GN_ENOMEM;
    place->wishes++;
    if (!bus->is_stopped && !gn_timer_is_running(&bus->survey))
        gn_timer_start(&bus->survey, SURVEY_MS);
    return GN_OK;
}

void gn_place_unwish(struct gn_bus_place **table, struct gn_str resource)
{
    struct gn_bus_place *place = gn_place_find(table, resource);

    if (place != NULL && --place->wishes == 0)
        place_free(place);
}

enum gn_err gn_bus_want(struct gn_transport *transport, struct gn_str resource)
{
    struct gn_bus *bus = gn_bus_of(transport);

    return gn_place_wish(bus, &bus->wanted, resource);
}

void gn_bus_unwant(struct gn_transport *transport, struct gn_str resource)
{
    gn_place_unwish(&gn_bus_of(transport)->wanted, resource);
}

/* ---- whether they are attached ---- */

static size_t count_attached(const struct gn_bus_place *table)
{
    size_t count = 0;

    for (const struct gn_bus_place *place = table; place != NULL; place = place->hh.next) {
        if (place->receiver != NULL && gn_amqp_receiver_is_attached(place->receiver))
            count++;
    }
    return count;
}

/* One line when all are attached and no more are added, one when some are no more: mostly they come
 * and go together. One that is new may take its time without a line. */
static void on_survey(void *ctx)
{
    struct gn_bus *bus = ctx;
    const size_t all = HASH_CNT(hh, bus->wanted) + HASH_CNT(hh, bus->answered);
    const size_t attached = count_attached(bus->wanted) + count_attached(bus->answered);

    if (attached == all && attached == bus->attached && attached != bus->attached_told) {
        gn_log_info("bus.attached connection=%s receivers=%zu", bus->name, attached);
        bus->attached_told = attached;
    } else if (attached < all && attached < bus->attached && bus->attached_told > 0) {
        gn_log_info("bus.detached connection=%s receivers=%zu attached=%zu", bus->name, all,
                    attached);
        bus->attached_told = 0;
    }
    bus->attached = attached;
    if (all > 0)
        gn_timer_start(&bus->survey, SURVEY_MS);
    else
        bus->attached_told = 0;
}

/* ---- life ---- */

void gn_places_init(struct gn_bus *bus)
{
    TAILQ_INIT(&bus->orphans);
    gn_timer_init(&bus->survey, bus->loop, on_survey, bus);
}

static void stop_table(struct gn_bus_place *table)
{
    for (struct gn_bus_place *place = table; place != NULL; place = place->hh.next) {
        gn_amqp_receiver_free(place->receiver);
        place->receiver = NULL;
        disown_events(place);
    }
}

void gn_places_stop(struct gn_bus *bus)
{
    gn_timer_stop(&bus->survey);
    stop_table(bus->wanted);
    stop_table(bus->answered);
}

void gn_places_fini(struct gn_bus *bus)
{
    while (bus->wanted != NULL)
        place_free(bus->wanted);
    while (bus->answered != NULL)
        place_free(bus->answered);
    while (!TAILQ_EMPTY(&bus->orphans))
        event_free(TAILQ_FIRST(&bus->orphans));
    gn_timer_fini(&bus->survey);
}
