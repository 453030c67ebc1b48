/* Sending: each address has a link of its own, and a queue of what waits for the link to be
 * attached and for credit. */
#include "transport_amqp_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "gurnard/base/assert.h"

#define SWEEP_MS 30000 /* how often idle links are looked for */

/* ---- the end of a sending ---- */

static void close_link(struct gn_bus_link *link)
{
    struct gn_bus *bus = link->bus;

    gn_defer_cancel(&link->close);
    HASH_DELETE(hh, bus->links, link);
    gn_amqp_sender_free(link->sender);
    free(link);
}

static void close_brief(void *ctx)
{
    struct gn_bus_link *link = ctx;

    if (link->active == 0)
        close_link(link);
}

static void sending_free(struct gn_sending *sending)
{
    struct gn_bus_link *link = sending->link;
    struct gn_bus *bus = link->bus;

    gn_timer_fini(&sending->timer);
    gn_buf_free(&sending->bytes);
    free(sending);
    bus->sendings--;
    link->active--;
    link->used_at_ms = gn_loop_now_ms(bus->loop);
    if (link->active == 0 && link->is_brief && !bus->is_stopped)
        gn_defer_call(bus->loop, &link->close, close_brief, link);
}

static void finish(struct gn_sending *sending, enum gn_err err, const char *reason)
{
    const struct gn_sent sent = {.err = sending->is_canceled ? GN_ECANCELED : err,
                                 .reason = sending->is_canceled ? "canceled" : reason};
    gn_sent_fn done = sending->done;
    void *ctx = sending->ctx;

    sending_free(sending);
    if (done != NULL)
        done(ctx, &sent);
}

static void on_end(void *ctx)
{
    struct gn_sending *sending = ctx;

    finish(sending, sending->err, sending->why);
}

/* why: static, or of the link. */
static void end_later(struct gn_sending *sending, enum gn_err err, const char *why)
{
    struct gn_bus_link *link = sending->link;

    if (sending->state == GN_SENDING_WAITING) {
        TAILQ_REMOVE(&link->waiting, sending, entry);
        link->waiting_count--;
    }
    gn_timer_fini(&sending->timer);
    sending->state = GN_SENDING_ENDING;
    sending->err = err;
    sending->why = why;
    gn_defer_call(link->bus->loop, &sending->defer, on_end, sending);
}

static void end_waiting(struct gn_bus_link *link, enum gn_err err, const char *why)
{
    struct gn_sending *sending, *next;

    for (sending = TAILQ_FIRST(&link->waiting); sending != NULL; sending = next) {
        next = TAILQ_NEXT(sending, entry);
        end_later(sending, err, why);
    }
}

/* ---- outcomes ---- */

static enum gn_err err_of(enum gn_amqp_outcome outcome)
{
    switch (outcome) {
    case GN_AMQP_ACCEPTED:
        return GN_OK;
    case GN_AMQP_RELEASED:
    case GN_AMQP_UNKNOWN:
        return GN_EBUSY;
    case GN_AMQP_REJECTED:
        return GN_EREFUSED;
    case GN_AMQP_LOST:
        return GN_ECONN;
    case GN_AMQP_CANCELED:
        break;
    }
    return GN_ECANCELED;
}

/* The peer's reason is told where it may hold more than ours. */
static void put_words(char words[GN_BUS_REASON_MAX], enum gn_amqp_outcome outcome,
                      const char *reason)
{
    const char *ours = "";

    switch (outcome) {
    case GN_AMQP_ACCEPTED:
        break;
    case GN_AMQP_RELEASED:
        ours = "released: nobody is receiving there";
        break;
    case GN_AMQP_UNKNOWN:
        ours = "no outcome in time: a receiver does not settle";
        break;
    case GN_AMQP_CANCELED:
        ours = "canceled";
        break;
    case GN_AMQP_REJECTED:
    case GN_AMQP_LOST:
        gn_bus_keep_reason(words, reason);
        return;
    }
    gn_bus_keep_reason(words, ours);
}

static void on_sent(void *ctx, enum gn_amqp_outcome outcome, const char *reason)
{
    struct gn_sending *sending = ctx;
    struct gn_bus *bus = sending->link->bus;
    char words[GN_BUS_REASON_MAX];

    GN_ASSERT(sending->state == GN_SENDING_UNDER_WAY);
    if (outcome != GN_AMQP_CANCELED)
        gn_metric_add(bus->outcomes[outcome], 1);
    put_words(words, outcome, reason);
    finish(sending, err_of(outcome), words);
}

/* ---- the queue ---- */

/* The encoded message: its own, or in the bus's buffer. */
static enum gn_err bytes_of(struct gn_sending *sending, struct gn_str *bytes)
{
    struct gn_bus *bus = sending->link->bus;
    const struct gn_message_out *message = sending->message;
    enum gn_err err;

    *bytes = gn_buf_str(&sending->bytes);
    if (message == NULL)
        return GN_OK;
    gn_buf_reset(&bus->bytes);
    err = gn_amqp_event_encode(message->event, message->mode, bus->config.prefix,
                               bus->config.time_as_timestamp, bus->config.is_durable, &bus->bytes);
    *bytes = gn_buf_str(&bus->bytes);
    return err;
}

/* Gives the first that waits to the link. false: the link takes no more for now. */
static bool start_first(struct gn_bus_link *link)
{
    struct gn_sending *sending = TAILQ_FIRST(&link->waiting);
    struct gn_str bytes;
    enum gn_err err = bytes_of(sending, &bytes);

    if (err != GN_OK) {
        end_later(sending, err == GN_ENOMEM ? GN_ENOMEM : GN_EINVAL,
                  err == GN_ELIMIT ? "too large for a message" : gn_err_text(err));
        return true;
    }
    err = gn_amqp_send(link->sender, bytes, on_sent, sending, &sending->net);
    if (err == GN_EFULL || err == GN_ECONN) {
        link->is_dry = true; /* on_credit follows, also when it was not attached */
        return false;
    }
    if (err != GN_OK) {
        end_later(sending, err, gn_err_text(err));
        return true;
    }
    TAILQ_REMOVE(&link->waiting, sending, entry);
    link->waiting_count--;
    gn_timer_fini(&sending->timer);
    sending->state = GN_SENDING_UNDER_WAY;
    return true;
}

/* Gives the link what it takes. */
static void pump(struct gn_bus_link *link)
{
    while (!TAILQ_EMPTY(&link->waiting) && !link->is_dry) {
        if (!start_first(link))
            return;
    }
}

static void on_credit(void *ctx)
{
    struct gn_bus_link *link = ctx;

    link->is_dry = false;
    link->is_refused = false;
    pump(link);
}

static void on_refused(void *ctx, const char *reason)
{
    struct gn_bus_link *link = ctx;

    gn_bus_keep_reason(link->refusal, reason);
    link->is_refused = true;
    gn_metric_add(link->bus->refused_links, 1);
    end_waiting(link, GN_EBUSY, link->refusal);
}

static const char *why_waiting(const struct gn_bus_link *link)
{
    if (!gn_amqp_is_up(link->bus->amqp))
        return "not connected to the broker";
    if (!gn_amqp_sender_is_attached(link->sender))
        return "the broker has not answered for the address";
    return "no credit: nobody is receiving there";
}

static void on_waited(void *ctx)
{
    struct gn_sending *sending = ctx;

    end_later(sending, GN_ETIMEOUT, why_waiting(sending->link));
}

/* ---- links ---- */

static bool is_presettled(const struct gn_bus *bus, struct gn_str address)
{
    for (size_t i = 0; i < bus->config.presettled_count; i++)
        if (gn_str_has_prefix(address, gn_str_of(bus->config.presettled[i])))
            return true;
    return false;
}

static struct gn_bus_link *link_new(struct gn_bus *bus, struct gn_str address, bool is_brief)
{
    struct gn_bus_link *link = calloc(1, sizeof(*link) + address.len + 1);
    struct gn_amqp_sender_config config = {.outcome_ms = bus->config.outcome_ms,
                                           .on_refused = on_refused,
                                           .on_credit = on_credit,
                                           .ctx = link};

    if (link == NULL)
        return NULL;
    link->bus = bus;
    link->address_len = address.len;
    memcpy(link->address, address.p, address.len);
    TAILQ_INIT(&link->waiting);
    HASH_ADD_KEYPTR(hh, bus->links, link->address, link->address_len, link);
    if (link->hh.tbl == NULL) {
        free(link);
        return NULL;
    }
    link->is_brief = is_brief;
    config.is_presettled = is_presettled(bus, address);
    config.address = link->address;
    config.is_durable = !is_brief && gn_amqp_address_is_durable(link->address);
    link->sender = gn_amqp_sender_new(bus->amqp, &config);
    if (link->sender == NULL) {
        HASH_DELETE(hh, bus->links, link);
        free(link);
        return NULL;
    }
    return link;
}

/* The link of the address, a new one if there is none. */
static enum gn_err get_link(struct gn_bus *bus, const struct gn_bus_out *out,
                            struct gn_bus_link **link)
{
    HASH_FIND(hh, bus->links, out->address.p, out->address.len, *link);
    if (*link != NULL) {
        if (!out->is_brief)
            (*link)->is_brief = false;
        return GN_OK;
    }
    if (HASH_CNT(hh, bus->links) >= GN_BUS_RESOURCES_MAX)
        return GN_EFULL;
    *link = link_new(bus, out->address, out->is_brief);
    if (*link == NULL)
        return GN_ENOMEM;
    if (!gn_timer_is_running(&bus->sweep))
        gn_timer_start(&bus->sweep, SWEEP_MS);
    return GN_OK;
}

static void on_sweep(void *ctx)
{
    struct gn_bus *bus = ctx;
    const uint64_t now_ms = gn_loop_now_ms(bus->loop);
    struct gn_bus_link *link, *next;

    HASH_ITER (hh, bus->links, link, next) {
        if (link->active == 0 && now_ms - link->used_at_ms >= GN_BUS_IDLE_MS)
            close_link(link);
    }
    if (bus->links != NULL)
        gn_timer_start(&bus->sweep, SWEEP_MS);
}

/* ---- sendings ---- */

static struct gn_sending *sending_new(struct gn_bus *bus, const struct gn_bus_out *out,
                                      enum gn_err *err)
{
    struct gn_sending *sending = calloc(1, sizeof(*sending));

    *err = sending == NULL ? GN_ENOMEM : GN_OK;
    if (sending == NULL)
        return NULL;
    sending->bytes = gn_buf_with_limit(GN_BUF_DEFAULT_LIMIT);
    sending->message = out->message;
    sending->done = out->done;
    sending->ctx = out->ctx;
    if (out->message == NULL)
        *err = gn_amqp_event_encode(out->event, GN_CE_BINARY, bus->config.prefix,
                                    bus->config.time_as_timestamp, bus->config.is_durable,
                                    &sending->bytes);
    return sending;
}

/* Puts it into the queue, and as far along as it goes. */
static void enqueue(struct gn_bus_link *link, struct gn_sending *sending, uint32_t timeout_ms)
{
    struct gn_bus *bus = link->bus;
    const bool is_full = link->waiting_count >= GN_BUS_WAITING_MAX;

    sending->link = link;
    bus->sendings++;
    link->active++;
    TAILQ_INSERT_TAIL(&link->waiting, sending, entry);
    link->waiting_count++;
    if (link->is_refused && gn_amqp_is_up(bus->amqp) && !gn_amqp_sender_is_attached(link->sender)) {
        end_later(sending, GN_EBUSY, link->refusal);
        return;
    }
    if (is_full) {
        end_later(sending, GN_EBUSY, "too many messages wait for the address");
        return;
    }
    pump(link);
    if (sending->state == GN_SENDING_WAITING) {
        gn_timer_init(&sending->timer, bus->loop, on_waited, sending);
        gn_timer_start(&sending->timer, timeout_ms);
    }
}

enum gn_err gn_link_send(struct gn_bus *bus, const struct gn_bus_out *out,
                         struct gn_sending **sending)
{
    struct gn_bus_link *link = NULL;
    struct gn_sending *made;
    enum gn_err err;

    if (bus->is_stopped)
        return GN_ECONN;
    made = sending_new(bus, out, &err);
    if (err == GN_OK)
        err = get_link(bus, out, &link);
    if (err != GN_OK) {
        if (made != NULL)
            gn_buf_free(&made->bytes);
        free(made);
        return err;
    }
    if (sending != NULL)
        *sending = made;
    enqueue(link, made, out->timeout_ms);
    return GN_OK;
}

void gn_link_cancel(struct gn_sending *sending)
{
    if (sending->is_canceled)
        return;
    sending->is_canceled = true;
    switch (sending->state) {
    case GN_SENDING_WAITING:
        end_later(sending, GN_ECANCELED, "canceled");
        break;
    case GN_SENDING_UNDER_WAY:
        gn_amqp_cancel(sending->net);
        break;
    case GN_SENDING_ENDING:
        break;
    }
}

void gn_link_forget(struct gn_sending *sending)
{
    sending->done = NULL;
    gn_link_cancel(sending);
}

/* ---- life ---- */

void gn_links_init(struct gn_bus *bus)
{
    bus->scratch = GN_BUF_INIT;
    bus->bytes = GN_BUF_INIT;
    gn_timer_init(&bus->sweep, bus->loop, on_sweep, bus);
}

void gn_links_stop(struct gn_bus *bus)
{
    struct gn_bus_link *link, *next;

    gn_timer_stop(&bus->sweep);
    HASH_ITER (hh, bus->links, link, next) {
        gn_defer_cancel(&link->close);
        end_waiting(link, GN_ECANCELED, "canceled");
        gn_amqp_sender_free(link->sender); /* what is under way comes back as canceled */
        link->sender = NULL;
    }
}

void gn_links_fini(struct gn_bus *bus)
{
    struct gn_bus_link *link, *next;

    GN_ASSERT(bus->sendings == 0);
    HASH_ITER (hh, bus->links, link, next)
        close_link(link);
    gn_timer_fini(&bus->sweep);
    gn_buf_free(&bus->scratch);
    gn_buf_free(&bus->bytes);
}
