/* Receiving: transfers are put together until a message is whole, then it is handed on and waits
 * for its settlement. Credit is given back in lots, so that not each message costs a flow frame. */
#include <proton/condition.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#include "amqp_priv.h"

#define DROP_CHUNK 4096

/* ---- credit ---- */

/* A peer that waits gets what there is. */
static void top_up(struct gn_amqp_receiver *receiver)
{
    pn_link_t *pn_link = receiver->base.pn_link;

    if (receiver->owed == 0 || receiver->base.state != GN_AMQP_LINK_ATTACHED)
        return;
    if ((uint64_t)receiver->owed * 2 < receiver->credit && pn_link_credit(pn_link) > 0)
        return;
    pn_link_flow(pn_link, (int)receiver->owed);
    receiver->owed = 0;
    gn_amqp_turn_later(receiver->base.amqp);
}

void gn_amqp_receiver_opened(struct gn_amqp_receiver *receiver)
{
    receiver->owed = receiver->credit;
    receiver->has_attached = true;
    top_up(receiver);
}

/* ---- what comes ---- */

static void settle(pn_delivery_t *delivery, uint64_t state, const char *name, const char *reason)
{
    pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));

    if (name != NULL) {
        (void)pn_condition_set_name(condition, name); /* without memory proton aborts */
        (void)pn_condition_set_description(condition, reason);
    }
    pn_delivery_update(delivery, state);
    pn_delivery_settle(delivery);
}

static void drop_bytes(pn_link_t *pn_link)
{
    char chunk[DROP_CHUNK];

    while (pn_link_recv(pn_link, chunk, sizeof chunk) > 0)
        continue;
}

/* The peer is told at once, and may stop; what it sends all the same is thrown away. */
static void reject_too_large(struct gn_amqp_receiver *receiver, pn_delivery_t *delivery)
{
    struct gn_amqp *amqp = receiver->base.amqp;
    pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));
    uint64_t held;

    (void)pn_condition_set_name(condition, "amqp:link:message-size-exceeded");
    pn_delivery_update(delivery, PN_REJECTED);
    receiver->is_dropping = true;
    gn_buf_free(&receiver->buf);
    if (gn_log_allow(&amqp->too_large_log, gn_loop_now_ms(amqp->loop), &held))
        gn_log_warn("amqp.too_large connection=%s address=%s max_bytes=%zu held=%llu",
                    amqp->config.name, receiver->base.address, receiver->buf.limit,
                    (unsigned long long)held);
}

static void read_bytes(struct gn_amqp_receiver *receiver, pn_delivery_t *delivery)
{
    pn_link_t *pn_link = receiver->base.pn_link;
    size_t pending = pn_delivery_pending(delivery);
    char chunk[DROP_CHUNK];
    ssize_t got;

    if (!receiver->is_dropping && pending > receiver->buf.limit - receiver->buf.len)
        reject_too_large(receiver, delivery);
    if (receiver->is_dropping) {
        drop_bytes(pn_link);
        return;
    }
    gn_buf_reserve(&receiver->buf, pending);
    while ((got = pn_link_recv(pn_link, chunk, sizeof chunk)) > 0)
        gn_buf_add(&receiver->buf, chunk, (size_t)got);
}

/* The delivery is through with and leaves nothing to settle. */
static void start_over(struct gn_amqp_receiver *receiver)
{
    gn_buf_free(&receiver->buf);
    receiver->is_dropping = false;
    receiver->owed++;
    top_up(receiver);
}

/* delivery: proton's, whole. More than there was credit for is not taken. */
static void hand_on(struct gn_amqp_receiver *receiver, pn_delivery_t *delivery)
{
    struct gn_amqp_delivery *one = NULL;
    struct gn_buf message = receiver->buf;

    if (gn_buf_err(&message) == GN_OK && receiver->unsettled_count < receiver->credit)
        one = calloc(1, sizeof *one);
    if (one == NULL) {
        settle(delivery, PN_RELEASED, NULL, NULL);
        start_over(receiver);
        return;
    }
    (void)pn_link_advance(receiver->base.pn_link); /* it is the current one */
    one->receiver = receiver;
    one->delivery = delivery;
    TAILQ_INSERT_TAIL(&receiver->unsettled, one, link);
    receiver->unsettled_count++;
    receiver->buf = gn_buf_with_limit(message.limit);
    receiver->on_message(receiver->base.ctx, one, gn_buf_str(&message));
    gn_buf_free(&message);
    if (!receiver->base.is_freed)
        top_up(receiver);
}

void gn_amqp_receiver_readable(struct gn_amqp_receiver *receiver, pn_delivery_t *delivery)
{
    if (pn_delivery_updated(delivery))
        pn_delivery_clear(delivery);
    if (delivery != pn_link_current(receiver->base.pn_link))
        return; /* it was read already, and the peer says something more about it */
    if (pn_delivery_aborted(delivery)) {
        pn_delivery_settle(delivery);
        start_over(receiver);
        return;
    }
    read_bytes(receiver, delivery);
    if (pn_delivery_partial(delivery))
        return;
    if (receiver->is_dropping) {
        pn_delivery_settle(delivery);
        start_over(receiver);
        return;
    }
    hand_on(receiver, delivery);
}

/* ---- what goes ---- */

static void free_list(struct gn_amqp_delivery_list *list)
{
    struct gn_amqp_delivery *one;

    while ((one = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, one, link);
        free(one);
    }
}

static void forget_all(struct gn_amqp_receiver *receiver)
{
    receiver->unsettled_count = 0;
    receiver->owed = 0;
    receiver->is_dropping = false;
    gn_buf_free(&receiver->buf);
}

void gn_amqp_receiver_lost(struct gn_amqp_receiver *receiver)
{
    struct gn_amqp_delivery *one;

    TAILQ_FOREACH (one, &receiver->unsettled, link)
        one->delivery = NULL;
    TAILQ_CONCAT(&receiver->gone, &receiver->unsettled, link);
    forget_all(receiver);
    if (!TAILQ_EMPTY(&receiver->gone))
        gn_amqp_note(&receiver->base);
}

void gn_amqp_receiver_give_back(struct gn_amqp_receiver *receiver)
{
    struct gn_amqp_delivery *one;

    TAILQ_FOREACH (one, &receiver->unsettled, link)
        settle(one->delivery, PN_RELEASED, NULL, NULL);
    free_list(&receiver->unsettled);
    free_list(&receiver->gone);
    forget_all(receiver);
}

void gn_amqp_receiver_report(struct gn_amqp_receiver *receiver)
{
    struct gn_amqp_delivery *one;

    while ((one = TAILQ_FIRST(&receiver->gone)) != NULL) {
        TAILQ_REMOVE(&receiver->gone, one, link);
        if (receiver->on_gone != NULL)
            receiver->on_gone(receiver->base.ctx, one);
        free(one);
    }
    if (!receiver->has_attached || receiver->base.is_freed)
        return;
    receiver->has_attached = false;
    if (receiver->on_attached != NULL && gn_amqp_receiver_is_attached(receiver))
        receiver->on_attached(receiver->base.ctx);
}

/* ---- the owner's calls ---- */

struct gn_amqp_receiver *gn_amqp_receiver_new(struct gn_amqp *amqp,
                                              const struct gn_amqp_receiver_config *config)
{
    struct gn_amqp_receiver *receiver = calloc(1, sizeof *receiver);

    if (receiver == NULL)
        return NULL;
    TAILQ_INIT(&receiver->unsettled);
    TAILQ_INIT(&receiver->gone);
    receiver->credit = config->credit;
    receiver->buf = gn_buf_with_limit(config->max_message_bytes);
    receiver->on_message = config->on_message;
    receiver->on_gone = config->on_gone;
    receiver->on_attached = config->on_attached;
    receiver->base.is_durable = config->is_durable;
    receiver->base.on_refused = config->on_refused;
    receiver->base.ctx = config->ctx;
    if (!gn_amqp_link_init(&receiver->base, amqp, config->address, false)) {
        free(receiver);
        return NULL;
    }
    return receiver;
}

void gn_amqp_receiver_free(struct gn_amqp_receiver *receiver)
{
    if (receiver == NULL)
        return;
    gn_amqp_receiver_give_back(receiver);
    gn_amqp_link_release(&receiver->base);
}

bool gn_amqp_receiver_is_attached(const struct gn_amqp_receiver *receiver)
{
    return receiver->base.state == GN_AMQP_LINK_ATTACHED &&
           receiver->base.amqp->state == GN_AMQP_UP;
}

void gn_amqp_settle(struct gn_amqp_delivery *delivery, enum gn_amqp_settlement settlement,
                    const char *reason)
{
    struct gn_amqp_receiver *receiver = delivery->receiver;

    if (delivery->delivery == NULL) {
        TAILQ_REMOVE(&receiver->gone, delivery, link);
        free(delivery);
        return;
    }
    TAILQ_REMOVE(&receiver->unsettled, delivery, link);
    receiver->unsettled_count--;
    receiver->owed++;
    if (settlement == GN_AMQP_ACCEPT)
        settle(delivery->delivery, PN_ACCEPTED, NULL, NULL);
    else if (settlement == GN_AMQP_REJECT)
        settle(delivery->delivery, PN_REJECTED, "gurnard:rejected", reason);
    else
        settle(delivery->delivery, PN_RELEASED, NULL, NULL);
    free(delivery);
    top_up(receiver);
    gn_amqp_turn_later(receiver->base.amqp);
}

void gn_amqp_delivery_set_user(struct gn_amqp_delivery *delivery, void *user)
{
    delivery->user = user;
}

void *gn_amqp_delivery_user(const struct gn_amqp_delivery *delivery)
{
    return delivery->user;
}
