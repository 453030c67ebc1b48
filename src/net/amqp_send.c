/* Sending: a message is proton's delivery, whose context it is, until the peer has said what became
 * of it, the time for that is over, or the link is gone. Proton keeps the bytes until they are in
 * frames, without a limit of its own; ours is over all senders of the connection. */
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>
#include <proton/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#include "amqp_priv.h"

/* ---- ends ---- */

static void watch_oldest(struct gn_amqp_sender *sender)
{
    const struct gn_amqp_sending *oldest = TAILQ_FIRST(&sender->unsettled);
    uint64_t now_ms = gn_loop_now_ms(sender->base.amqp->loop);

    if (oldest == NULL)
        gn_timer_stop(&sender->outcome_timer);
    else
        gn_timer_start(&sender->outcome_timer,
                       oldest->due_ms > now_ms ? oldest->due_ms - now_ms : 0);
}

static void end(struct gn_amqp_sending *sending, enum gn_amqp_outcome outcome, const char *reason)
{
    struct gn_amqp_sender *sender = sending->sender;
    bool was_oldest = sending == TAILQ_FIRST(&sender->unsettled);

    if (sending->delivery != NULL)
        pn_delivery_set_context(sending->delivery, NULL);
    sending->delivery = NULL;
    sending->sender = NULL;
    sending->outcome = outcome;
    (void)snprintf(sending->reason, sizeof sending->reason, "%s", reason); /* cut is fine */
    TAILQ_REMOVE(&sender->unsettled, sending, link);
    sender->unsettled_count--;
    TAILQ_INSERT_TAIL(&sending->amqp->ended, sending, link);
    if (was_oldest)
        watch_oldest(sender);
    gn_amqp_turn_later(sending->amqp);
}

/* Ends it on our side. What is not on its way yet is sent all the same, settled: proton (0.37)
 * loses the credit of a delivery that is aborted before its first byte. */
static void give_up(struct gn_amqp_sending *sending, enum gn_amqp_outcome outcome,
                    const char *reason)
{
    pn_delivery_t *delivery = sending->delivery;

    end(sending, outcome, reason);
    if (delivery != NULL)
        pn_delivery_settle(delivery);
}

/* What is lost is not settled: nothing may be said any more on a session that the peer has ended.
 */
void gn_amqp_sender_end_all(struct gn_amqp_sender *sender, enum gn_amqp_outcome outcome,
                            const char *reason)
{
    struct gn_amqp_sending *sending;

    while ((sending = TAILQ_FIRST(&sender->unsettled)) != NULL) {
        if (outcome == GN_AMQP_LOST)
            end(sending, outcome, reason);
        else
            give_up(sending, outcome, reason);
    }
    if (sender->has_presettled)
        TAILQ_REMOVE(&sender->base.amqp->presettling, sender, presettling);
    sender->has_presettled = false;
}

static void on_outcome_timer(void *ctx)
{
    struct gn_amqp_sender *sender = ctx;
    uint64_t now_ms = gn_loop_now_ms(sender->base.amqp->loop);
    struct gn_amqp_sending *sending;

    while ((sending = TAILQ_FIRST(&sender->unsettled)) != NULL && sending->due_ms <= now_ms)
        give_up(sending, GN_AMQP_UNKNOWN, "no outcome in time");
    watch_oldest(sender);
}

/* A state that is no end (received) is passed over, unless the peer settled with it. */
void gn_amqp_sender_updated(struct gn_amqp_sender *sender, pn_delivery_t *delivery)
{
    struct gn_amqp_sending *sending = pn_delivery_get_context(delivery);
    uint64_t state = pn_delivery_remote_state(delivery);
    enum gn_amqp_outcome outcome = GN_AMQP_RELEASED;
    char text[GN_AMQP_REASON_MAX] = "";

    pn_delivery_clear(delivery);
    if (sending == NULL)
        return;
    GN_ASSERT(sending->sender == sender);
    if (state == PN_ACCEPTED) {
        outcome = GN_AMQP_ACCEPTED;
    } else if (state == PN_REJECTED) {
        outcome = GN_AMQP_REJECTED;
        gn_amqp_condition_text(pn_disposition_condition(pn_delivery_remote(delivery)),
                               "rejected by the peer", text, sizeof text);
    } else if (state == PN_RELEASED || state == PN_MODIFIED) {
        gn_amqp_condition_text(NULL, state == PN_RELEASED ? "released" : "modified", text,
                               sizeof text);
    } else if (pn_delivery_settled(delivery)) {
        gn_amqp_condition_text(NULL, "settled without an outcome", text, sizeof text);
        outcome = GN_AMQP_UNKNOWN;
    } else {
        return;
    }
    end(sending, outcome, text);
    pn_delivery_settle(delivery);
}

void gn_amqp_presettled_done(struct gn_amqp *amqp)
{
    struct gn_amqp_sender *sender, *next;

    for (sender = TAILQ_FIRST(&amqp->presettling); sender != NULL; sender = next) {
        uint64_t framed = sender->sent_bytes - pn_session_outgoing_bytes(sender->base.session);
        struct gn_amqp_sending *sending;

        next = TAILQ_NEXT(sender, presettling);
        while ((sending = TAILQ_FIRST(&sender->unsettled)) != NULL && sending->end_bytes <= framed)
            end(sending, GN_AMQP_ACCEPTED, "");
        if (sending == NULL) {
            TAILQ_REMOVE(&amqp->presettling, sender, presettling);
            sender->has_presettled = false;
        }
    }
}

/* ---- room ---- */

static void look_at_held(struct gn_amqp_sender *sender)
{
    struct gn_amqp *amqp = sender->base.amqp;

    amqp->held_bytes -= sender->held_bytes;
    sender->held_bytes =
        sender->base.session == NULL ? 0 : pn_session_outgoing_bytes(sender->base.session);
    amqp->held_bytes += sender->held_bytes;
}

/* All senders are looked at only when they seem to hold too much, once in a turn. */
static bool is_full(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;

    if (amqp->held_bytes > GN_AMQP_HELD_MAX && !amqp->is_held_known) {
        TAILQ_FOREACH (link, &amqp->links, link)
            if (link->is_sender)
                look_at_held(gn_amqp_sender_of(link));
        amqp->is_held_known = true;
    }
    return amqp->held_bytes > GN_AMQP_HELD_MAX;
}

void gn_amqp_sender_held_fell(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;

    if (!amqp->is_held_full || is_full(amqp))
        return;
    amqp->is_held_full = false;
    TAILQ_FOREACH (link, &amqp->links, link)
        if (link->is_sender && gn_amqp_sender_of(link)->wants_credit)
            gn_amqp_note(link);
}

void gn_amqp_sender_reset(struct gn_amqp_sender *sender)
{
    sender->sent_bytes = 0;
    sender->is_draining = false;
    look_at_held(sender);
}

void gn_amqp_sender_report(struct gn_amqp_sender *sender)
{
    if (sender->wants_credit && gn_amqp_sender_credit(sender) > 0 && !is_full(sender->base.amqp)) {
        sender->wants_credit = false;
        if (sender->on_credit != NULL)
            sender->on_credit(sender->base.ctx);
    }
    if (sender->is_draining && !sender->base.is_freed && gn_amqp_sender_is_attached(sender)) {
        sender->is_draining = false;
        (void)pn_link_drained(sender->base.pn_link); /* how much was left matters to the peer */
        gn_amqp_turn_later(sender->base.amqp);
    }
}

/* ---- the owner's calls ---- */

struct gn_amqp_sender *gn_amqp_sender_new(struct gn_amqp *amqp,
                                          const struct gn_amqp_sender_config *config)
{
    struct gn_amqp_sender *sender = calloc(1, sizeof *sender);

    if (sender == NULL)
        return NULL;
    TAILQ_INIT(&sender->unsettled);
    sender->is_presettled = config->is_presettled;
    sender->outcome_ms = config->outcome_ms;
    sender->on_credit = config->on_credit;
    sender->base.is_durable = config->is_durable;
    sender->base.on_refused = config->on_refused;
    sender->base.ctx = config->ctx;
    if (!gn_amqp_link_init(&sender->base, amqp, config->address, true)) {
        free(sender);
        return NULL;
    }
    gn_timer_init(&sender->outcome_timer, amqp->loop, on_outcome_timer, sender);
    return sender;
}

void gn_amqp_sender_free(struct gn_amqp_sender *sender)
{
    if (sender == NULL)
        return;
    gn_amqp_sender_end_all(sender, GN_AMQP_CANCELED, "");
    gn_timer_fini(&sender->outcome_timer);
    gn_amqp_link_release(&sender->base);
}

/* Gives the bytes to proton, which copies them. */
static bool hand_over(struct gn_amqp_sender *sender, struct gn_amqp_sending *sending,
                      struct gn_str message)
{
    pn_link_t *pn_link = sender->base.pn_link;
    uint64_t number = sender->next_tag++;
    char tag[sizeof number];
    pn_delivery_t *delivery;

    memcpy(tag, &number, sizeof number);
    delivery = pn_delivery(pn_link, pn_dtag(tag, sizeof tag));
    if (delivery == NULL)
        return false;
    if (pn_link_send(pn_link, message.p, message.len) != (ssize_t)message.len) {
        pn_delivery_abort(delivery);
        return false;
    }
    sender->sent_bytes += message.len;
    sending->end_bytes = sender->sent_bytes;
    if (sender->is_presettled) {
        pn_delivery_settle(delivery);
    } else {
        pn_delivery_set_context(delivery, sending);
        sending->delivery = delivery;
        (void)pn_link_advance(pn_link); /* it is the current one */
    }
    return true;
}

static void take_up(struct gn_amqp_sender *sender, struct gn_amqp_sending *sending)
{
    struct gn_amqp *amqp = sender->base.amqp;
    bool is_oldest = TAILQ_EMPTY(&sender->unsettled);

    TAILQ_INSERT_TAIL(&sender->unsettled, sending, link);
    sender->unsettled_count++;
    amqp->sending_count++;
    if (is_oldest)
        watch_oldest(sender);
    if (sender->is_presettled && !sender->has_presettled) {
        TAILQ_INSERT_TAIL(&amqp->presettling, sender, presettling);
        sender->has_presettled = true;
    }
    look_at_held(sender);
    gn_amqp_turn_later(amqp);
}

enum gn_err gn_amqp_send(struct gn_amqp_sender *sender, struct gn_str message, gn_amqp_sent_fn done,
                         void *ctx, struct gn_amqp_sending **sending)
{
    struct gn_amqp *amqp = sender->base.amqp;
    struct gn_amqp_sending *one;

    if (!gn_amqp_sender_is_attached(sender)) {
        sender->wants_credit = true;
        return GN_ECONN;
    }
    if (gn_amqp_sender_credit(sender) == 0 || is_full(amqp)) {
        amqp->is_held_full = amqp->is_held_full || is_full(amqp);
        sender->wants_credit = true;
        return GN_EFULL;
    }
    one = calloc(1, sizeof *one);
    if (one == NULL)
        return GN_ENOMEM;
    one->amqp = amqp;
    one->sender = sender;
    one->due_ms = gn_loop_now_ms(amqp->loop) + sender->outcome_ms;
    one->done = done;
    one->ctx = ctx;
    if (!hand_over(sender, one, message)) {
        free(one);
        return GN_ENOMEM;
    }
    take_up(sender, one);
    if (sending != NULL)
        *sending = one;
    return GN_OK;
}

void gn_amqp_cancel(struct gn_amqp_sending *sending)
{
    if (sending->sender != NULL)
        give_up(sending, GN_AMQP_CANCELED, "");
}

bool gn_amqp_sender_is_attached(const struct gn_amqp_sender *sender)
{
    return sender->base.state == GN_AMQP_LINK_ATTACHED && sender->base.amqp->state == GN_AMQP_UP &&
           !sender->base.amqp->is_broken;
}

uint32_t gn_amqp_sender_credit(const struct gn_amqp_sender *sender)
{
    int credit;

    if (!gn_amqp_sender_is_attached(sender))
        return 0;
    credit = pn_link_credit(sender->base.pn_link);
    return credit > 0 ? (uint32_t)credit : 0;
}

uint32_t gn_amqp_sender_unsettled(const struct gn_amqp_sender *sender)
{
    return sender->unsettled_count;
}
