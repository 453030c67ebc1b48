/* libcurl's sockets in the loop.
 *
 * libcurl asks for a watch at the start of each transfer and drops it at its end. For a connection
 * that is kept open that would be two epoll_ctl() a request, so the watch of a socket that we
 * opened stays, still reading, until the socket closes: the next request finds it as it needs it.
 * What happens on such an idle socket (mostly the peer closing it) silences the watch; libcurl
 * notices by itself before it uses the connection again.
 *
 * A socket that did not get connected libcurl 7.88 closes by itself, without its callback. So the
 * watch of one that is dropped while it connects goes at once; and when the next address is tried
 * with a socket of the same number, libcurl takes it for the one it has asked for already, and so
 * do we. */
#include "http_client_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gurnard/base/log.h"

#define FIRST_SLOT_COUNT 64

struct gn_http_socket {
    struct gn_http_sockets *sockets;
    struct gn_watch *watch; /* NULL until first wanted */
    curl_socket_t fd;
    unsigned armed; /* GN_WATCH_ bits that the watch has */
    bool is_ours;   /* opened by gn_http_sockets_open() */
    bool is_in_use; /* libcurl waits for it; else it lies idle in its pool */
};

static struct gn_http_socket *find(const struct gn_http_sockets *sockets, curl_socket_t fd)
{
    return (size_t)fd < sockets->slot_count ? sockets->slots[fd] : NULL;
}

static bool make_room(struct gn_http_sockets *sockets, size_t fd)
{
    size_t count = sockets->slot_count == 0 ? FIRST_SLOT_COUNT : sockets->slot_count;
    struct gn_http_socket **slots;

    if (fd < sockets->slot_count)
        return true;
    while (count <= fd)
        count *= 2;
    slots = reallocarray(sockets->slots, count, sizeof(struct gn_http_socket *));
    if (slots == NULL)
        return false;
    for (size_t i = sockets->slot_count; i < count; i++)
        slots[i] = NULL;
    sockets->slots = slots;
    sockets->slot_count = count;
    return true;
}

static void forget(struct gn_http_socket *sock)
{
    sock->sockets->slots[sock->fd] = NULL;
    gn_watch_close(sock->watch);
    free(sock);
}

static struct gn_http_socket *add(struct gn_http_sockets *sockets, curl_socket_t fd, bool is_ours)
{
    struct gn_http_socket *sock;

    if (!make_room(sockets, (size_t)fd))
        return NULL;
    sock = calloc(1, sizeof(*sock));
    if (sock == NULL)
        return NULL;
    sock->sockets = sockets;
    sock->fd = fd;
    sock->is_ours = is_ours;
    sockets->slots[fd] = sock;
    return sock;
}

static void on_ready(void *ctx, unsigned ready)
{
    struct gn_http_socket *sock = ctx;
    int mask = 0;

    if (!sock->is_in_use) {
        sock->armed = 0;
        gn_watch_set(sock->watch, 0);
        return;
    }
    if ((ready & GN_WATCH_READ) != 0)
        mask |= CURL_CSELECT_IN;
    if ((ready & GN_WATCH_WRITE) != 0)
        mask |= CURL_CSELECT_OUT;
    if ((ready & GN_WATCH_ERROR) != 0)
        mask |= CURL_CSELECT_ERR;
    sock->sockets->fn(sock->sockets->ctx, sock->fd, mask); /* sock may be gone now */
}

static void arm(struct gn_http_socket *sock, unsigned want)
{
    if (sock->watch == NULL) {
        sock->watch =
            gn_watch_new(sock->sockets->loop, sock->fd, want, GN_WATCH_OUTPUT, on_ready, sock);
        /* The call then ends by its timeout: refusing from here would make libcurl give up all. */
        if (sock->watch == NULL)
            gn_log_error("http_client.unwatched fd=%d errno=%d", sock->fd, errno);
    } else if (sock->armed != want) {
        gn_watch_set(sock->watch, want);
    }
    sock->armed = want;
}

void gn_http_sockets_want(struct gn_http_sockets *sockets, curl_socket_t fd, int what)
{
    struct gn_http_socket *sock = find(sockets, fd);
    unsigned want = 0;

    if (what == CURL_POLL_REMOVE) {
        if (sock == NULL)
            return;
        sock->is_in_use = false;
        if (!sock->is_ours || (sock->armed & GN_WATCH_WRITE) != 0)
            forget(sock);
        return;
    }
    if (sock == NULL)
        sock = add(sockets, fd, false);
    if (sock == NULL)
        return; /* a look-up's socket without memory; libcurl also asks by its timer */
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        want |= GN_WATCH_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        want |= GN_WATCH_WRITE;
    sock->is_in_use = want != 0;
    arm(sock, want);
}

/* Ends what is left of a socket that had the number before. Returns the GN_WATCH_ bits that libcurl
 * still wants for the number, 0 when it has dropped it. */
static unsigned forget_stale(struct gn_http_sockets *sockets, curl_socket_t fd)
{
    struct gn_http_socket *stale = find(sockets, fd);
    unsigned want;

    if (stale == NULL)
        return 0;
    want = stale->is_in_use ? stale->armed : 0;
    forget(stale);
    return want;
}

curl_socket_t gn_http_sockets_open(struct gn_http_sockets *sockets,
                                   const struct curl_sockaddr *addr)
{
    int fd = socket(addr->family, addr->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, addr->protocol);
    struct gn_http_socket *sock;
    unsigned want;

    if (fd < 0)
        return CURL_SOCKET_BAD;
    want = forget_stale(sockets, fd);
    sock = add(sockets, fd, true);
    if (sock == NULL) {
        (void)close(fd); /* never used */
        return CURL_SOCKET_BAD;
    }
    sock->is_in_use = want != 0;
    if (want != 0)
        arm(sock, want);
    return fd;
}

int gn_http_sockets_close(struct gn_http_sockets *sockets, curl_socket_t fd)
{
    struct gn_http_socket *sock = find(sockets, fd);

    if (sock != NULL)
        forget(sock);
    return close(fd);
}

void gn_http_sockets_init(struct gn_http_sockets *sockets, struct gn_loop *loop,
                          gn_http_socket_fn fn, void *ctx)
{
    *sockets = (struct gn_http_sockets){.loop = loop, .fn = fn, .ctx = ctx};
}

void gn_http_sockets_fini(struct gn_http_sockets *sockets)
{
    for (size_t i = 0; i < sockets->slot_count; i++) {
        if (sockets->slots[i] != NULL)
            forget(sockets->slots[i]);
    }
    free(sockets->slots);
}
