/* The way of bytes: look-up, connect to one address after another, and proton's connection driver
 * on our socket. A turn's share of reading and of events is bounded; what is left is done in the
 * next turn, so that a busy connection does not hold the others up. */
#include <errno.h>
#include <netinet/tcp.h>
#include <proton/connection.h>
#include <proton/transport.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gurnard/base/err.h"

#include "amqp_priv.h"

#define READ_CHUNK ((size_t)32 << 10)
#define READ_MAX   ((size_t)256 << 10) /* of one turn */
#define EVENTS_MAX 1000                /* of one turn */

/* ---- proton on the socket ---- */

static void on_ready(void *ctx, unsigned ready)
{
    struct gn_amqp *amqp = ctx;

    if ((ready & (GN_WATCH_READ | GN_WATCH_ERROR)) != 0)
        amqp->is_readable = true;
    if ((ready & (GN_WATCH_WRITE | GN_WATCH_ERROR)) != 0)
        amqp->is_blocked = false;
    gn_amqp_turn(amqp);
}

static void broken_socket(struct gn_amqp *amqp, const char *what, int error)
{
    gn_amqp_break(amqp, "%s: %s", what, strerror(error));
    pn_connection_driver_close(&amqp->driver);
}

/* Whether something was written. */
static bool write_out(struct gn_amqp *amqp)
{
    bool has_moved = false;

    while (!amqp->is_blocked) {
        pn_bytes_t bytes = pn_connection_driver_write_buffer(&amqp->driver);
        ssize_t sent;

        if (bytes.size == 0) {
            gn_amqp_presettled_done(amqp);
            break;
        }
        sent = send(amqp->fd, bytes.start, bytes.size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN) {
            amqp->is_blocked = true;
        } else if (sent < 0) {
            broken_socket(amqp, "write", errno);
            break;
        } else {
            pn_connection_driver_write_done(&amqp->driver, (size_t)sent);
            amqp->bytes_out += (uint64_t)sent;
            has_moved = true;
        }
    }
    return has_moved;
}

/* One piece; whether something was read. */
static bool read_in(struct gn_amqp *amqp, size_t *room)
{
    pn_rwbytes_t buffer;
    ssize_t got;

    if (!amqp->is_readable || *room == 0)
        return false;
    buffer = pn_connection_driver_read_buffer_sized(&amqp->driver, READ_CHUNK);
    if (buffer.size == 0) /* full of a part of a frame: this one grows */
        buffer = pn_connection_driver_read_buffer(&amqp->driver);
    if (buffer.size == 0)
        return false;
    got = recv(amqp->fd, buffer.start, buffer.size, 0);
    if (got < 0 && errno == EINTR)
        return true;
    if (got < 0 && errno == EAGAIN) {
        amqp->is_readable = false;
        return false;
    }
    if (got < 0) {
        broken_socket(amqp, "read", errno);
        return false;
    }
    if (got == 0) {
        amqp->is_readable = false;
        gn_amqp_break(amqp, "the peer closed the connection");
        pn_connection_driver_read_close(&amqp->driver);
        return true;
    }
    pn_connection_driver_read_done(&amqp->driver, (size_t)got);
    amqp->bytes_in += (uint64_t)got;
    *room -= (size_t)got < *room ? (size_t)got : *room;
    return true;
}

/* Keeps idle connections alive and notices peers that have gone silent. */
static void tick(struct gn_amqp *amqp)
{
    int64_t now_ms = (int64_t)gn_loop_now_ms(amqp->loop);
    int64_t next_ms = pn_transport_tick(amqp->driver.transport, now_ms);

    if (next_ms == 0)
        gn_timer_stop(&amqp->tick);
    else
        gn_timer_start(&amqp->tick, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 1);
}

static void watch(struct gn_amqp *amqp)
{
    unsigned want = GN_WATCH_READ;

    if (amqp->is_blocked)
        want |= GN_WATCH_WRITE;
    if (want != amqp->watched)
        gn_watch_set(amqp->watch, want);
    amqp->watched = want;
}

void gn_amqp_drive(struct gn_amqp *amqp)
{
    size_t events = EVENTS_MAX;
    size_t room = READ_MAX;
    bool has_moved = true;

    if (amqp->is_broken) {
        gn_amqp_down(amqp); /* nothing may be written any more: perhaps there is no TLS */
        return;
    }
    amqp->is_held_known = false;
    while (has_moved && events > 0) {
        events -= gn_amqp_handle_events(amqp, events);
        if (gn_amqp_attach_queued(amqp))
            gn_amqp_turn_later(amqp);
        tick(amqp);
        has_moved = write_out(amqp);
        /* What writing has brought to light, as a refused login, comes before the stream's end. */
        if (events > 0 && !amqp->is_broken && !pn_connection_driver_has_event(&amqp->driver))
            has_moved = read_in(amqp, &room) || has_moved;
        has_moved = has_moved || pn_connection_driver_has_event(&amqp->driver);
    }
    gn_amqp_sender_held_fell(amqp);
    if (pn_connection_driver_read_closed(&amqp->driver) &&
        !pn_connection_driver_has_event(&amqp->driver))
        gn_amqp_break(amqp, "a frame that cannot be read"); /* unless there is a reason */
    if (amqp->is_broken || pn_connection_driver_finished(&amqp->driver)) {
        gn_amqp_break(amqp, "the connection ended"); /* unless there is a reason */
        gn_amqp_down(amqp);
        return;
    }
    if (events == 0 || (room == 0 && amqp->is_readable))
        gn_amqp_turn_later(amqp);
    watch(amqp);
}

/* ---- connecting ---- */

static void close_socket(struct gn_amqp *amqp)
{
    gn_watch_close(amqp->watch);
    amqp->watch = NULL;
    if (amqp->fd >= 0)
        (void)close(amqp->fd); /* nothing is lost by what it may say */
    amqp->fd = -1;
}

static void begin_driver(struct gn_amqp *amqp)
{
    uint64_t now_ms = gn_loop_now_ms(amqp->loop);

    amqp->state = GN_AMQP_OPENING;
    gn_timer_start(&amqp->timer, amqp->deadline_ms > now_ms ? amqp->deadline_ms - now_ms : 1);
    if (pn_connection_driver_init(&amqp->driver, NULL, NULL) != 0) {
        gn_amqp_break(amqp, "no memory");
        return;
    }
    amqp->has_driver = true;
    amqp->is_readable = false;
    amqp->is_blocked = false;
    if (!gn_amqp_prepare(amqp))
        return;
    gn_watch_close(amqp->watch);
    amqp->watched = GN_WATCH_READ;
    amqp->watch =
        gn_watch_new(amqp->loop, amqp->fd, amqp->watched, GN_WATCH_OUTPUT, on_ready, amqp);
    if (amqp->watch == NULL)
        gn_amqp_break(amqp, "watch: %s", strerror(errno));
}

static void note_failed(struct gn_amqp *amqp, int error)
{
    (void)snprintf(amqp->reason, sizeof amqp->reason, "connect to %s port %u: %s",
                   amqp->config.host, amqp->config.port, strerror(error));
    close_socket(amqp);
}

static void on_connected(void *ctx, unsigned ready)
{
    struct gn_amqp *amqp = ctx;
    socklen_t len = sizeof(int);
    int error = 0;

    (void)ready;
    if (getsockopt(amqp->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == 0) {
        begin_driver(amqp);
    } else {
        note_failed(amqp, error);
        gn_amqp_connect_next(amqp);
    }
    gn_amqp_turn(amqp);
}

/* Whether a connection to the address is under way. */
static bool try_address(struct gn_amqp *amqp, const struct gn_address *address)
{
    const int on = 1;
    int fd = socket(address->name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        note_failed(amqp, errno);
        return false;
    }
    amqp->fd = fd;
    /* Without it frames wait for more; no reason to give up. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, &address->name.any, address->len) != 0 && errno != EINPROGRESS &&
        errno != EINTR) {
        note_failed(amqp, errno);
        return false;
    }
    amqp->watch = gn_watch_new(amqp->loop, fd, GN_WATCH_WRITE, GN_WATCH_OUTPUT, on_connected, amqp);
    if (amqp->watch == NULL) {
        note_failed(amqp, errno);
        return false;
    }
    return true;
}

/* What is left of the time is divided among the addresses that are left. */
static uint64_t share_ms(const struct gn_amqp *amqp)
{
    uint64_t now_ms = gn_loop_now_ms(amqp->loop);
    uint64_t left_ms = amqp->deadline_ms > now_ms ? amqp->deadline_ms - now_ms : 1;
    uint64_t share = left_ms / (amqp->address_count - amqp->address_next);

    return share > 0 ? share : 1;
}

void gn_amqp_connect_next(struct gn_amqp *amqp)
{
    if (amqp->fd >= 0)
        note_failed(amqp, ETIMEDOUT);
    while (amqp->address_next < amqp->address_count) {
        uint64_t limit_ms = share_ms(amqp);

        if (try_address(amqp, &amqp->addresses[amqp->address_next++])) {
            gn_timer_start(&amqp->timer, limit_ms);
            return;
        }
    }
    amqp->is_broken = true; /* reason: of the last address */
}

static void on_addresses(void *ctx, const struct gn_addresses *addresses)
{
    struct gn_amqp *amqp = ctx;

    amqp->lookup = NULL;
    if (addresses->err != GN_OK) {
        gn_amqp_break(amqp, "look-up of %s: %s", amqp->config.host, addresses->reason);
    } else {
        memcpy(amqp->addresses, addresses->all, sizeof amqp->addresses);
        amqp->address_count = addresses->count;
        amqp->address_next = 0;
        amqp->state = GN_AMQP_CONNECTING;
        gn_amqp_connect_next(amqp);
    }
    gn_amqp_turn(amqp);
}

void gn_amqp_connect(struct gn_amqp *amqp)
{
    enum gn_err err;

    amqp->state = GN_AMQP_LOOKING_UP;
    amqp->deadline_ms = gn_loop_now_ms(amqp->loop) + amqp->config.connect_timeout_ms;
    gn_timer_start(&amqp->timer, amqp->config.connect_timeout_ms);
    err = gn_resolver_look_up(amqp->resolver, amqp->config.host, amqp->config.port, on_addresses,
                              amqp, &amqp->lookup);
    if (err != GN_OK)
        gn_amqp_break(amqp, "look-up of %s: %s", amqp->config.host, gn_err_text(err));
}

void gn_amqp_disconnect(struct gn_amqp *amqp)
{
    if (amqp->lookup != NULL)
        gn_lookup_cancel(amqp->lookup);
    amqp->lookup = NULL;
    gn_timer_stop(&amqp->timer);
    gn_timer_stop(&amqp->tick);
    close_socket(amqp);
    if (amqp->has_driver)
        pn_connection_driver_destroy(&amqp->driver);
    amqp->has_driver = false;
    amqp->session_count = 0;
}
