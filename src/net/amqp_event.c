/* What proton has noticed, given to the part that it concerns. Links and sessions of ours carry
 * their owner as context; those that were released carry none. */
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <string.h>

#include "amqp_priv.h"

static void on_connection_closed(struct gn_amqp *amqp, pn_connection_t *connection)
{
    pn_condition_t *condition = pn_connection_remote_condition(connection);
    char text[GN_AMQP_REASON_MAX];
    const char *name = pn_condition_get_name(condition);

    gn_amqp_condition_text(condition, "the peer closed the connection", text, sizeof text);
    if (name != NULL && strcmp(name, "amqp:unauthorized-access") == 0)
        amqp->is_denied = true;
    gn_amqp_break(amqp, "%s", text);
    pn_connection_close(connection);
}

static void on_transport_error(struct gn_amqp *amqp, pn_transport_t *transport)
{
    pn_condition_t *condition = pn_transport_condition(transport);
    char text[GN_AMQP_REASON_MAX];
    const char *name = pn_condition_get_name(condition);

    gn_amqp_condition_text(condition, "the connection broke", text, sizeof text);
    if (!amqp->is_broken && ((name != NULL && strcmp(name, "amqp:unauthorized-access") == 0) ||
                             gn_amqp_is_tls_denial(text)))
        amqp->is_denied = true;
    gn_amqp_break(amqp, "%s", text);
}

/* Links that the peer begins lead nowhere. */
static void on_link_opened(pn_link_t *pn_link)
{
    struct gn_amqp_link *link = pn_link_get_context(pn_link);

    if (link != NULL) {
        gn_amqp_link_opened(link);
    } else if ((pn_link_state(pn_link) & PN_LOCAL_UNINIT) != 0) {
        pn_link_open(pn_link);
        (void)pn_condition_set_name(pn_link_condition(pn_link), "amqp:not-allowed");
        pn_link_close(pn_link);
    }
}

static void on_link_closed(pn_link_t *pn_link)
{
    struct gn_amqp_link *link = pn_link_get_context(pn_link);
    char text[GN_AMQP_REASON_MAX];

    if (link == NULL)
        return;
    gn_amqp_condition_text(pn_link_remote_condition(pn_link), "the peer detached the link", text,
                           sizeof text);
    gn_amqp_link_refused(link, text);
}

static void on_session_closed(struct gn_amqp *amqp, pn_session_t *session)
{
    struct gn_amqp_link *link = gn_amqp_session_link(session);
    char text[GN_AMQP_REASON_MAX];

    if (link != NULL && (pn_session_state(session) & PN_REMOTE_CLOSED) != 0) {
        gn_amqp_condition_text(pn_session_remote_condition(session), "the peer ended the session",
                               text, sizeof text);
        gn_amqp_link_refused(link, text);
    }
    gn_amqp_session_ended(amqp, session);
}

static void on_flow(pn_link_t *pn_link)
{
    struct gn_amqp_link *link = pn_link_get_context(pn_link);

    if (link == NULL || !link->is_sender)
        return;
    gn_amqp_sender_of(link)->is_draining = pn_link_get_drain(pn_link);
    gn_amqp_note(link);
}

static void on_delivery(pn_delivery_t *delivery)
{
    struct gn_amqp_link *link = pn_link_get_context(pn_delivery_link(delivery));

    if (link == NULL)
        return;
    if (link->is_sender)
        gn_amqp_sender_updated(gn_amqp_sender_of(link), delivery);
    else
        gn_amqp_receiver_readable(gn_amqp_receiver_of(link), delivery);
}

/* Types are too many to name those that mean nothing here. */
static void handle(struct gn_amqp *amqp, pn_event_t *event)
{
    pn_event_type_t type = pn_event_type(event);

    if (type == PN_DELIVERY)
        on_delivery(pn_event_delivery(event));
    else if (type == PN_LINK_FLOW)
        on_flow(pn_event_link(event));
    else if (type == PN_LINK_REMOTE_OPEN)
        on_link_opened(pn_event_link(event));
    else if (type == PN_LINK_REMOTE_CLOSE || type == PN_LINK_REMOTE_DETACH)
        on_link_closed(pn_event_link(event));
    else if (type == PN_SESSION_REMOTE_OPEN)
        gn_amqp_session_opened(amqp, pn_event_session(event));
    else if (type == PN_SESSION_REMOTE_CLOSE || type == PN_SESSION_LOCAL_CLOSE)
        on_session_closed(amqp, pn_event_session(event));
    else if (type == PN_CONNECTION_REMOTE_OPEN)
        gn_amqp_opened(amqp);
    else if (type == PN_CONNECTION_REMOTE_CLOSE)
        on_connection_closed(amqp, pn_event_connection(event));
    else if (type == PN_TRANSPORT_ERROR)
        on_transport_error(amqp, pn_event_transport(event));
}

size_t gn_amqp_handle_events(struct gn_amqp *amqp, size_t max)
{
    size_t count = 0;
    pn_event_t *event;

    while (count < max && (event = pn_connection_driver_next_event(&amqp->driver)) != NULL) {
        handle(amqp, event);
        count++;
    }
    return count;
}
