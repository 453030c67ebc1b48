/* Status requests that others make: answered by an event sent to the return address, which is the
 * request's source. */
#include "transport_amqp_priv.h"

/* A return address lies below the resource that was asked for: else anybody could have us send
 * wherever we may. */
static bool is_return_address(struct gn_str address, struct gn_str resource)
{
    return address.len > resource.len + 1 && gn_str_has_prefix(address, resource) &&
           address.p[resource.len] == '/' && !gn_str_has_suffix(address, GN_STR("/status"));
}

static void on_answered(void *ctx, const struct gn_sent *sent)
{
    struct gn_bus *bus = ctx;

    bus->answers--;
    if (sent->err != GN_OK)
        gn_log_debug("amqp.unanswered connection=%s reason=\"%s\"", bus->name, sent->reason);
}

static void answer(struct gn_bus *bus, struct gn_str resource, struct gn_str to,
                   struct gn_arena *arena)
{
    struct gn_cloudevent state = {.version = GN_CE_0_3};
    const char *address;
    struct gn_bus_out out = {.is_brief = true,
                             .event = &state,
                             .timeout_ms = GN_BUS_ASK_MS,
                             .done = on_answered,
                             .ctx = bus};
    enum gn_err err;

    if (!bus->handler.state(bus->handler.ctx, resource, arena, &state))
        return;
    address = gn_bus_address(bus, to, GN_STR(""));
    if (address == NULL)
        return;
    out.address = gn_str_of(address);
    err = gn_link_send(bus, &out, NULL);
    if (err == GN_OK)
        bus->answers++;
    else
        gn_log_debug("amqp.unanswered connection=%s reason=\"%s\"", bus->name, gn_err_text(err));
}

/* A request that cannot be answered is accepted all the same, as one for an unknown state is: given
 * back it would come again at once, and its sender waits some seconds only. */
void gn_status_on_request(struct gn_bus *bus, struct gn_str resource,
                          struct gn_amqp_delivery *delivery, struct gn_arena *arena,
                          const struct gn_cloudevent *ce)
{
    const bool is_request = gn_str_eq(ce->type, GN_STR(GN_BUS_STATUS_TYPE));

    if (!is_request || !is_return_address(ce->source, resource)) {
        gn_amqp_settle(delivery, GN_AMQP_REJECT,
                       is_request ? "the source is no address below the resource"
                                  : "no status request");
        return;
    }
    if (gn_place_find(&bus->answered, resource) != NULL && bus->answers < GN_BUS_ANSWERS_MAX)
        answer(bus, resource, ce->source, arena);
    gn_amqp_settle(delivery, GN_AMQP_ACCEPT, NULL);
}

enum gn_err gn_bus_answer(struct gn_transport *transport, struct gn_str resource)
{
    struct gn_bus *bus = gn_bus_of(transport);

    return gn_place_wish(bus, &bus->answered, resource);
}

void gn_bus_answer_no_more(struct gn_transport *transport, struct gn_str resource)
{
    gn_place_unwish(&gn_bus_of(transport)->answered, resource);
}
