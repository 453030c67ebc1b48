/* A scripted AMQP peer on loopback for the tests of the client: proton as server, in the same loop.
 * One connection at a time; what it does with links, messages and bytes is set in its fields. */
#ifndef GN_TESTS_AMQP_PEER_H
#define GN_TESTS_AMQP_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/ssl.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/buf.h"
#include "gurnard/loop/loop.h"

#define PEER_LINKS_MAX 64
#define PEER_HELD_MAX  4096

enum peer_sasl { PEER_SASL_NONE, PEER_SASL_ANONYMOUS, PEER_SASL_EXTERNAL, PEER_SASL_PLAIN };

struct amqp_peer {
    struct gn_loop *loop;
    int listen_fd;
    uint16_t port;
    struct gn_watch *listen_watch;
    int fd; /* -1: nobody is connected */
    struct gn_watch *watch;
    struct gn_defer turn;
    pn_connection_driver_t driver;

    /* the script */
    enum peer_sasl sasl;
    uint8_t plain_outcome;    /* 0: the password is right, 1: it is not */
    pn_ssl_domain_t *tls;     /* owned; NULL: none */
    bool is_mute;             /* takes connections and says nothing at all */
    bool keeps_open;          /* does not open the connection */
    bool is_frozen;           /* neither reads nor writes any more */
    bool reads_nothing;       /* of messages: leaves them where they are */
    bool keeps_close;         /* does not answer a close */
    bool keeps_attach;        /* does not answer attaches */
    int credit;               /* given to each sender of the client, kept up */
    uint64_t outcome;         /* of each message; 0: none is said */
    bool settles_only;        /* without an outcome */
    bool says_received_first; /* a state that is no outcome, before it */
    uint32_t idle_timeout_ms;

    /* what has happened */
    unsigned accepted;
    unsigned opens, attaches, detaches, sessions_ended;
    unsigned received, aborted;
    size_t received_bytes;
    struct gn_buf last;   /* message */
    bool was_settled;     /* the last one, by its sender */
    unsigned outcomes[8]; /* of our messages: 0x24 accepted ... 0x27 modified, by their low bits */
    char condition[128];  /* of the last rejection */
    struct gn_buf plain;  /* sasl-init's bytes */
    unsigned phase;       /* of the PLAIN handshake */
    pn_delivery_t *held[PEER_HELD_MAX]; /* not settled */
    unsigned held_count;
    uint64_t next_tag;
};

static void peer_turn(struct amqp_peer *peer);

static void peer_on_turn(void *ctx)
{
    peer_turn(ctx);
}

static void peer_turn_later(struct amqp_peer *peer)
{
    gn_defer_call(peer->loop, &peer->turn, peer_on_turn, peer);
}

/* Drops the connection without a word. */
static void peer_cut(struct amqp_peer *peer)
{
    if (peer->fd < 0)
        return;
    gn_watch_close(peer->watch);
    peer->watch = NULL;
    (void)close(peer->fd);
    peer->fd = -1;
    peer->held_count = 0;
    peer->phase = 0;
    gn_buf_reset(&peer->plain);
    pn_connection_driver_destroy(&peer->driver);
}

/* ---- links ---- */

static const char *peer_address(pn_link_t *link)
{
    const char *address = pn_terminus_get_address(
        pn_link_is_receiver(link) ? pn_link_remote_target(link) : pn_link_remote_source(link));

    return address == NULL ? "" : address;
}

static void peer_refuse_session(pn_session_t *session)
{
    (void)pn_condition_format(pn_session_condition(session), "amqp:invalid-field", "%s",
                              "unknown destination");
    pn_session_close(session);
}

/* Addresses with "bad" are refused, with "worse" cost the session. */
static void peer_attach(struct amqp_peer *peer, pn_link_t *link)
{
    const char *address = peer_address(link);

    peer->attaches++;
    if (peer->keeps_attach)
        return;
    if (strstr(address, "worse") != NULL) {
        peer_refuse_session(pn_link_session(link));
        return;
    }
    if (strstr(address, "bad") != NULL) {
        (void)pn_terminus_set_type(pn_link_source(link), PN_UNSPECIFIED);
        (void)pn_terminus_set_type(pn_link_target(link), PN_UNSPECIFIED);
        (void)pn_condition_format(pn_link_condition(link), "amqp:not-found", "%s", "no such node");
        pn_link_open(link);
        pn_link_close(link);
        return;
    }
    (void)pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    (void)pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_open(link);
    if (pn_link_is_receiver(link) && peer->credit > 0)
        pn_link_flow(link, peer->credit);
}

/* The link, on our side, whose address is so; NULL: none. */
static pn_link_t *peer_link(struct amqp_peer *peer, const char *address)
{
    pn_link_t *link;

    if (peer->fd < 0)
        return NULL;
    for (link = pn_link_head(peer->driver.connection, PN_LOCAL_ACTIVE | PN_REMOTE_ACTIVE);
         link != NULL; link = pn_link_next(link, PN_LOCAL_ACTIVE | PN_REMOTE_ACTIVE))
        if (strcmp(peer_address(link), address) == 0)
            return link;
    return NULL;
}

static void peer_detach(struct amqp_peer *peer, const char *address)
{
    pn_link_t *link = peer_link(peer, address);

    assert_non_null(link);
    (void)pn_condition_format(pn_link_condition(link), "amqp:link:detach-forced", "%s",
                              "node\nis\x01gone");
    pn_link_close(link);
    peer_turn_later(peer);
}

static void peer_close(struct amqp_peer *peer, const char *condition)
{
    (void)pn_condition_format(pn_connection_condition(peer->driver.connection), condition, "%s",
                              "going down");
    pn_connection_close(peer->driver.connection);
    peer_turn_later(peer);
}

/* ---- messages to the client ---- */

static pn_delivery_t *peer_begin(struct amqp_peer *peer, const char *address)
{
    uint64_t tag = peer->next_tag++;
    pn_link_t *link = peer_link(peer, address);

    assert_non_null(link);
    return pn_delivery(link, pn_dtag((const char *)&tag, sizeof tag));
}

static void peer_part(struct amqp_peer *peer, pn_delivery_t *delivery, const void *bytes,
                      size_t len)
{
    assert_int_equal(pn_link_send(pn_delivery_link(delivery), bytes, len), (ssize_t)len);
    peer_turn_later(peer);
}

static void peer_end(struct amqp_peer *peer, pn_delivery_t *delivery, bool is_settled)
{
    if (is_settled)
        pn_delivery_settle(delivery);
    else
        (void)pn_link_advance(pn_delivery_link(delivery));
    peer_turn_later(peer);
}

static void peer_send(struct amqp_peer *peer, const char *address, const void *bytes, size_t len)
{
    pn_delivery_t *delivery = peer_begin(peer, address);

    peer_part(peer, delivery, bytes, len);
    peer_end(peer, delivery, false);
}

static void peer_sent_updated(struct amqp_peer *peer, pn_delivery_t *delivery)
{
    pn_disposition_t *remote = pn_delivery_remote(delivery);
    uint64_t state = pn_delivery_remote_state(delivery);
    const char *name = pn_condition_get_name(pn_disposition_condition(remote));

    if (name != NULL)
        (void)snprintf(peer->condition, sizeof peer->condition, "%s %s", name,
                       pn_condition_get_description(pn_disposition_condition(remote)) == NULL
                           ? ""
                           : pn_condition_get_description(pn_disposition_condition(remote)));
    if (state != 0)
        peer->outcomes[state & 7]++;
    pn_delivery_settle(delivery);
}

/* ---- messages of the client ---- */

static void peer_say(struct amqp_peer *peer, pn_delivery_t *delivery)
{
    if (peer->outcome == PN_REJECTED)
        (void)pn_condition_format(pn_disposition_condition(pn_delivery_local(delivery)),
                                  "amqp:decode-error", "%s", "cannot read that");
    if (!peer->settles_only)
        pn_delivery_update(delivery, peer->outcome);
    pn_delivery_settle(delivery);
}

static void peer_message(struct amqp_peer *peer, pn_delivery_t *delivery)
{
    pn_link_t *link = pn_delivery_link(delivery);
    char chunk[4096];
    ssize_t got;

    if (delivery != pn_link_current(link) || peer->reads_nothing)
        return;
    if (pn_delivery_aborted(delivery)) {
        peer->aborted++;
        pn_delivery_settle(delivery);
        return;
    }
    while ((got = pn_link_recv(link, chunk, sizeof chunk)) > 0) {
        peer->received_bytes += (size_t)got;
        gn_buf_add(&peer->last, chunk, (size_t)got);
    }
    if (pn_delivery_partial(delivery))
        return;
    peer->received++;
    peer->was_settled = pn_delivery_settled(delivery);
    (void)pn_link_advance(link);
    if (pn_link_credit(link) < peer->credit)
        pn_link_flow(link, 1);
    if (peer->says_received_first) {
        pn_delivery_update(delivery, PN_RECEIVED);
        peer->held[peer->held_count++] = delivery;
    } else if (peer->outcome != 0 || peer->settles_only) {
        peer_say(peer, delivery);
    } else if (peer->held_count < PEER_HELD_MAX) {
        peer->held[peer->held_count++] = delivery;
    }
}

/* Says outcome about all that was held. */
static void peer_say_all(struct amqp_peer *peer, uint64_t outcome)
{
    peer->outcome = outcome;
    for (unsigned i = 0; i < peer->held_count; i++)
        peer_say(peer, peer->held[i]);
    peer->held_count = 0;
    peer_turn_later(peer);
}

/* ---- events ---- */

static void peer_handle(struct amqp_peer *peer, pn_event_t *event)
{
    pn_event_type_t type = pn_event_type(event);

    if (type == PN_CONNECTION_REMOTE_OPEN && !peer->keeps_open) {
        peer->opens++;
        pn_connection_set_container(peer->driver.connection, "test-peer");
        pn_connection_open(peer->driver.connection);
    } else if (type == PN_SESSION_REMOTE_OPEN) {
        pn_session_open(pn_event_session(event));
    } else if (type == PN_LINK_REMOTE_OPEN) {
        peer_attach(peer, pn_event_link(event));
    } else if (type == PN_LINK_REMOTE_CLOSE) {
        peer->detaches++;
        pn_link_close(pn_event_link(event));
    } else if (type == PN_SESSION_REMOTE_CLOSE) {
        peer->sessions_ended++;
        pn_session_close(pn_event_session(event));
    } else if (type == PN_CONNECTION_REMOTE_CLOSE && !peer->keeps_close) {
        pn_connection_close(peer->driver.connection);
    } else if (type == PN_DELIVERY) {
        pn_delivery_t *delivery = pn_event_delivery(event);

        if (pn_link_is_receiver(pn_delivery_link(delivery)))
            peer_message(peer, delivery);
        else
            peer_sent_updated(peer, delivery);
    }
}

/* ---- bytes ---- */

/* PLAIN, which proton's server does not offer: frames as they are, then the driver goes on. */
static void peer_plain(struct amqp_peer *peer)
{
    static const char hello[] = "AMQP\3\1\0\0"
                                "\0\0\0\x15\2\1\0\0\0\x53\x40\xc0\x08\1\xa3\5PLAIN";
    char verdict[] = "\0\0\0\x10\2\1\0\0\0\x53\x44\xc0\3\1\x50\0";
    char chunk[1024];
    ssize_t got = recv(peer->fd, chunk, peer->phase == 0 ? 8 : sizeof chunk, 0);

    if (got == 0)
        peer_cut(peer);
    if (got <= 0)
        return;
    if (peer->phase == 0) {
        assert_int_equal(send(peer->fd, hello, sizeof hello - 1, MSG_NOSIGNAL), sizeof hello - 1);
        peer->phase = 1;
        return;
    }
    gn_buf_add(&peer->plain, chunk, (size_t)got);
    verdict[15] = (char)peer->plain_outcome;
    assert_int_equal(send(peer->fd, verdict, 16, MSG_NOSIGNAL), 16);
    peer->phase = 2;
}

static bool peer_read(struct amqp_peer *peer)
{
    pn_rwbytes_t buffer = pn_connection_driver_read_buffer(&peer->driver);
    ssize_t got;

    if (buffer.size == 0)
        return false;
    got = recv(peer->fd, buffer.start, buffer.size, 0);
    if (got < 0)
        return false;
    if (got == 0)
        pn_connection_driver_read_close(&peer->driver);
    else
        pn_connection_driver_read_done(&peer->driver, (size_t)got);
    return true;
}

static bool peer_write(struct amqp_peer *peer)
{
    pn_bytes_t bytes = pn_connection_driver_write_buffer(&peer->driver);
    ssize_t sent;

    if (bytes.size == 0)
        return false;
    sent = send(peer->fd, bytes.start, bytes.size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return false;
    if (sent < 0)
        pn_connection_driver_close(&peer->driver);
    else
        pn_connection_driver_write_done(&peer->driver, (size_t)sent);
    return true;
}

static void peer_turn(struct amqp_peer *peer)
{
    bool has_moved = true;

    if (peer->fd < 0 || peer->is_mute || peer->is_frozen)
        return;
    if (peer->sasl == PEER_SASL_PLAIN && peer->phase < 2) {
        peer_plain(peer);
        return;
    }
    while (has_moved) {
        pn_event_t *event;

        has_moved = peer_read(peer);
        while ((event = pn_connection_driver_next_event(&peer->driver)) != NULL)
            peer_handle(peer, event);
        (void)pn_transport_tick(peer->driver.transport, (int64_t)gn_loop_now_ms(peer->loop));
        has_moved = peer_write(peer) || has_moved;
    }
    if (pn_connection_driver_finished(&peer->driver) ||
        (pn_connection_driver_read_closed(&peer->driver) && !peer->keeps_close)) {
        peer_cut(peer);
        return;
    }
    gn_watch_set(peer->watch, pn_connection_driver_write_buffer(&peer->driver).size > 0
                                  ? GN_WATCH_READ | GN_WATCH_WRITE
                                  : GN_WATCH_READ);
}

static void peer_on_ready(void *ctx, unsigned ready)
{
    struct amqp_peer *peer = ctx;

    (void)ready;
    if (peer->is_mute || peer->is_frozen)
        gn_watch_set(peer->watch, 0);
    peer_turn(peer);
}

static void peer_set_up(struct amqp_peer *peer)
{
    pn_transport_t *transport;

    assert_int_equal(pn_connection_driver_init(&peer->driver, NULL, NULL), 0);
    transport = peer->driver.transport;
    pn_transport_set_server(transport);
    if (peer->idle_timeout_ms > 0)
        pn_transport_set_idle_timeout(transport, peer->idle_timeout_ms);
    if (peer->tls != NULL)
        assert_int_equal(pn_ssl_init(pn_ssl(transport), peer->tls, NULL), 0);
    if (peer->sasl == PEER_SASL_ANONYMOUS)
        pn_sasl_allowed_mechs(pn_sasl(transport), "ANONYMOUS");
    if (peer->sasl == PEER_SASL_EXTERNAL)
        pn_sasl_allowed_mechs(pn_sasl(transport), "EXTERNAL");
}

static void peer_on_accept(void *ctx, unsigned ready)
{
    struct amqp_peer *peer = ctx;
    int fd = accept4(peer->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)ready;
    if (fd < 0)
        return;
    peer_cut(peer);
    peer->fd = fd;
    peer->accepted++;
    peer->is_frozen = false;
    peer_set_up(peer);
    peer->watch = gn_watch_new(peer->loop, fd, GN_WATCH_READ, GN_WATCH_INPUT, peer_on_ready, peer);
    assert_non_null(peer->watch);
}

static struct amqp_peer *peer_new(struct gn_loop *loop)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    struct amqp_peer *peer = calloc(1, sizeof *peer);

    assert_non_null(peer);
    *peer = (struct amqp_peer){.loop = loop,
                               .fd = -1,
                               .sasl = PEER_SASL_ANONYMOUS,
                               .credit = 100,
                               .outcome = PN_ACCEPTED,
                               .last = GN_BUF_INIT,
                               .plain = GN_BUF_INIT};
    peer->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(peer->listen_fd >= 0);
    assert_int_equal(bind(peer->listen_fd, (const struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(getsockname(peer->listen_fd, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(listen(peer->listen_fd, 16), 0);
    peer->port = ntohs(addr.sin_port);
    peer->listen_watch =
        gn_watch_new(loop, peer->listen_fd, GN_WATCH_READ, GN_WATCH_INPUT, peer_on_accept, peer);
    assert_non_null(peer->listen_watch);
    return peer;
}

static void peer_free(struct amqp_peer *peer)
{
    peer_cut(peer);
    gn_defer_cancel(&peer->turn);
    gn_watch_close(peer->listen_watch);
    (void)close(peer->listen_fd);
    if (peer->tls != NULL)
        pn_ssl_domain_free(peer->tls);
    gn_buf_free(&peer->last);
    gn_buf_free(&peer->plain);
    free(peer);
}

#endif
