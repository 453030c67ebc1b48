/* Links and their sessions: attached when the connection is up, attached again after a pause when
 * the peer did not want them, detached when the owner is through with them. */
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#include "amqp_priv.h"

#define ATTACH_MAX 200 /* links attached in one turn */

/* Context of a session that is only waited for until both sides have ended it. */
static char released;

/* Of one that is to be ended once the peer has begun it: proton as a peer (qpid-dispatch) answers a
 * begin and an end that come together with a session of its own, and never with an end. */
static char orphaned;

static void set_state(struct gn_amqp_link *link, enum gn_amqp_link_state state)
{
    if (link->state == GN_AMQP_LINK_QUEUED)
        TAILQ_REMOVE(&link->amqp->queued, link, queue);
    gn_timer_stop(&link->timer);
    link->state = state;
    if (state == GN_AMQP_LINK_QUEUED) {
        TAILQ_INSERT_TAIL(&link->amqp->queued, link, queue);
        gn_amqp_turn_later(link->amqp);
    }
}

/* ---- sessions ---- */

static void release_session(pn_session_t *session)
{
    pn_session_set_context(session, &released);
    pn_session_close(session);
}

struct gn_amqp_link *gn_amqp_session_link(pn_session_t *session)
{
    void *context = pn_session_get_context(session);

    return context == &released || context == &orphaned ? NULL : context;
}

/* Sessions that the peer begins lead nowhere. */
void gn_amqp_session_opened(struct gn_amqp *amqp, pn_session_t *session)
{
    if (pn_session_get_context(session) == &orphaned) {
        release_session(session);
    } else if ((pn_session_state(session) & PN_LOCAL_UNINIT) != 0) {
        amqp->session_count++;
        pn_session_open(session);
        (void)pn_condition_set_name(pn_session_condition(session), "amqp:not-allowed");
        release_session(session);
    }
}

void gn_amqp_session_ended(struct gn_amqp *amqp, pn_session_t *session)
{
    const pn_state_t both = PN_LOCAL_CLOSED | PN_REMOTE_CLOSED;

    if (pn_session_get_context(session) != &released || (pn_session_state(session) & both) != both)
        return;
    pn_session_set_context(session, NULL);
    pn_session_free(session);
    GN_ASSERT(amqp->session_count > 0);
    amqp->session_count--;
}

/* ---- attaching ---- */

static void set_terminus(struct gn_amqp_link *link)
{
    pn_link_t *pn_link = link->pn_link;
    pn_terminus_t *terminus = link->is_sender ? pn_link_target(pn_link) : pn_link_source(pn_link);

    (void)pn_terminus_set_address(terminus, link->address);
    if (link->is_durable)
        (void)pn_terminus_set_durability(terminus, PN_DELIVERIES);
    if (link->is_sender) {
        bool is_presettled = gn_amqp_sender_of(link)->is_presettled;

        pn_link_set_snd_settle_mode(pn_link, is_presettled ? PN_SND_SETTLED : PN_SND_MIXED);
    } else {
        pn_link_set_max_message_size(pn_link, gn_amqp_receiver_of(link)->buf.limit);
    }
    pn_link_set_rcv_settle_mode(pn_link, PN_RCV_FIRST);
}

static void attach(struct gn_amqp_link *link)
{
    struct gn_amqp *amqp = link->amqp;
    struct gn_id name = gn_id_random(); /* else the peer might take it for one it knows */

    set_state(link, GN_AMQP_LINK_ATTACHING);
    if (amqp->session_count > pn_transport_remote_channel_max(amqp->driver.transport)) {
        gn_amqp_link_refused(link, "the peer allows no more sessions");
        return;
    }
    link->session = pn_session(amqp->driver.connection);
    if (link->session != NULL) {
        amqp->session_count++;
        pn_session_set_context(link->session, link);
        pn_session_open(link->session);
        link->pn_link = link->is_sender ? pn_sender(link->session, name.text)
                                        : pn_receiver(link->session, name.text);
    }
    if (link->pn_link == NULL) {
        gn_amqp_link_refused(link, "no memory");
        return;
    }
    pn_link_set_context(link->pn_link, link);
    set_terminus(link);
    pn_link_open(link->pn_link);
    gn_timer_start(&link->timer, amqp->config.connect_timeout_ms);
}

bool gn_amqp_attach_queued(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;

    if (amqp->state != GN_AMQP_UP)
        return false;
    for (size_t i = 0; i < ATTACH_MAX && (link = TAILQ_FIRST(&amqp->queued)) != NULL; i++)
        attach(link);
    return !TAILQ_EMPTY(&amqp->queued);
}

/* An attach without the terminus that was asked for is only the beginning of a refusal. */
void gn_amqp_link_opened(struct gn_amqp_link *link)
{
    pn_terminus_t *terminus = link->is_sender ? pn_link_remote_target(link->pn_link)
                                              : pn_link_remote_source(link->pn_link);

    if (link->state != GN_AMQP_LINK_ATTACHING || pn_terminus_get_type(terminus) == PN_UNSPECIFIED)
        return;
    set_state(link, GN_AMQP_LINK_ATTACHED);
    link->attached_at_ms = gn_loop_now_ms(link->amqp->loop);
    if (!link->is_sender)
        gn_amqp_receiver_opened(gn_amqp_receiver_of(link));
    gn_amqp_note(link);
}

/* ---- detaching ---- */

/* Proton's side of the link is no longer ours. */
static void let_go(struct gn_amqp_link *link, bool is_connected)
{
    pn_session_t *session = link->session;
    bool is_begun = session != NULL && (pn_session_state(session) & PN_REMOTE_UNINIT) == 0;

    if (link->pn_link != NULL) {
        pn_link_set_context(link->pn_link, NULL);
        if (is_connected && is_begun)
            pn_link_close(link->pn_link);
    }
    if (session != NULL) {
        pn_session_set_context(session, &orphaned);
        if (is_connected && is_begun)
            release_session(session);
    }
    link->pn_link = NULL;
    link->session = NULL;
    if (link->is_sender)
        gn_amqp_sender_reset(gn_amqp_sender_of(link));
}

static void lose_content(struct gn_amqp_link *link, const char *reason)
{
    if (link->is_sender)
        gn_amqp_sender_end_all(gn_amqp_sender_of(link), GN_AMQP_LOST, reason);
    else
        gn_amqp_receiver_lost(gn_amqp_receiver_of(link));
}

/* A link that is refused again and again is told once for each reason, at the next refusal when
 * there were too many lines of others. */
static void log_refusal(struct gn_amqp_link *link, const char *reason)
{
    struct gn_amqp *amqp = link->amqp;
    uint64_t held;

    if (link->refusals == 1 || strcmp(link->reason, reason) != 0)
        link->is_logged = false;
    if (link->is_logged)
        return;
    link->is_logged = gn_log_allow(&amqp->refused_log, gn_loop_now_ms(amqp->loop), &held);
    if (link->is_logged)
        gn_log_warn("amqp.link_refused connection=%s address=%s role=%s reason=\"%s\" held=%llu",
                    amqp->config.name, link->address, link->is_sender ? "sender" : "receiver",
                    reason, (unsigned long long)held);
}

/* A link that stood longer than the pause before it has recovered. */
void gn_amqp_link_refused(struct gn_amqp_link *link, const char *reason)
{
    struct gn_amqp *amqp = link->amqp;

    if (link->state == GN_AMQP_LINK_ATTACHED && gn_loop_now_ms(amqp->loop) - link->attached_at_ms >=
                                                    gn_amqp_pause_max_ms(amqp, link->refusals))
        link->refusals = 0;
    link->refusals++;
    log_refusal(link, reason);
    lose_content(link, reason);
    let_go(link, true);
    set_state(link, GN_AMQP_LINK_PAUSED);
    gn_timer_start(&link->timer, gn_amqp_pause_ms(amqp, link->refusals));
    (void)snprintf(link->reason, sizeof link->reason, "%s", reason);
    link->is_refused = true;
    gn_amqp_note(link);
}

static void on_timer(void *ctx)
{
    struct gn_amqp_link *link = ctx;

    if (link->state == GN_AMQP_LINK_ATTACHING)
        gn_amqp_link_refused(link, "the peer did not attach the link in time");
    else if (link->amqp->state == GN_AMQP_UP)
        set_state(link, GN_AMQP_LINK_QUEUED);
    else
        set_state(link, GN_AMQP_LINK_DOWN);
}

void gn_amqp_links_up(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;

    TAILQ_FOREACH (link, &amqp->links, link)
        if (link->state == GN_AMQP_LINK_DOWN)
            set_state(link, GN_AMQP_LINK_QUEUED);
}

void gn_amqp_links_down(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;

    TAILQ_FOREACH (link, &amqp->links, link) {
        lose_content(link, amqp->reason);
        let_go(link, false);
        if (link->state != GN_AMQP_LINK_PAUSED)
            set_state(link, GN_AMQP_LINK_DOWN);
    }
}

/* ---- the owner's side ---- */

bool gn_amqp_link_init(struct gn_amqp_link *link, struct gn_amqp *amqp, const char *address,
                       bool is_sender)
{
    link->address = strdup(address);
    if (link->address == NULL)
        return false;
    link->amqp = amqp;
    link->is_sender = is_sender;
    gn_timer_init(&link->timer, amqp->loop, on_timer, link);
    TAILQ_INSERT_TAIL(&amqp->links, link, link);
    if (amqp->state == GN_AMQP_UP)
        set_state(link, GN_AMQP_LINK_QUEUED);
    return true;
}

void gn_amqp_link_release(struct gn_amqp_link *link)
{
    struct gn_amqp *amqp = link->amqp;

    GN_ASSERT(!link->is_freed);
    if (link->is_noted)
        TAILQ_REMOVE(&amqp->noted, link, note);
    link->is_noted = false;
    link->is_freed = true;
    let_go(link, amqp->has_driver);
    set_state(link, GN_AMQP_LINK_DOWN);
    TAILQ_REMOVE(&amqp->links, link, link);
    TAILQ_INSERT_TAIL(&amqp->dead, link, link);
    gn_amqp_turn_later(amqp);
}

void gn_amqp_reap(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;

    while ((link = TAILQ_FIRST(&amqp->dead)) != NULL) {
        TAILQ_REMOVE(&amqp->dead, link, link);
        gn_timer_fini(&link->timer);
        free(link->address);
        if (link->is_sender) {
            free(gn_amqp_sender_of(link));
        } else {
            gn_buf_free(&gn_amqp_receiver_of(link)->buf);
            free(gn_amqp_receiver_of(link));
        }
    }
}
