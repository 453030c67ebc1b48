/* A scripted HTTP peer on loopback for the tests of the client: raw sockets in the same loop. It
 * reads whole requests, keeps the text of the last one, and answers by path from a table. */
#ifndef GN_TESTS_HTTP_PEER_H
#define GN_TESTS_HTTP_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/buf.h"
#include "gurnard/loop/loop.h"

#define PEER_CONNS_MAX 256

struct peer_row {
    const char *path;
    const char *answer; /* NULL: stays silent */
    size_t filler;      /* bytes of 'x' sent behind it */
    bool closes;        /* after it */
};

struct peer_conn {
    struct peer *peer;
    struct gn_watch *watch; /* NULL: place is free */
    int fd;
    struct gn_buf in;
    struct gn_buf out;
    size_t sent;
    bool closes;
    bool is_held; /* a request has got no answer yet */
};

struct peer {
    struct gn_loop *loop;
    const struct peer_row *rows; /* ended by a path NULL */
    int fd;
    uint16_t port;
    struct gn_watch *watch;
    unsigned accepted;
    unsigned requests;
    unsigned open;      /* connections */
    struct gn_buf last; /* text of the last request */
    struct gn_buf all;  /* of all requests */
    struct peer_conn conns[PEER_CONNS_MAX];
};

static void peer_drop(struct peer_conn *conn)
{
    if (conn->watch == NULL)
        return;
    gn_watch_close(conn->watch);
    conn->watch = NULL;
    conn->peer->open--;
    gn_buf_free(&conn->in);
    gn_buf_free(&conn->out);
    close(conn->fd);
}

static void peer_flush(struct peer_conn *conn)
{
    while (conn->sent < conn->out.len) {
        ssize_t n =
            send(conn->fd, conn->out.data + conn->sent, conn->out.len - conn->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            gn_watch_set(conn->watch, GN_WATCH_READ | GN_WATCH_WRITE);
            return;
        }
        if (n < 0) {
            peer_drop(conn);
            return;
        }
        conn->sent += (size_t)n;
    }
    gn_watch_set(conn->watch, GN_WATCH_READ);
    if (conn->closes)
        peer_drop(conn);
}

/* Length of the first whole request in text, 0 while it is not whole. */
static size_t peer_request_len(const struct gn_buf *in)
{
    const char *end = in->len == 0 ? NULL : memmem(in->data, in->len, "\r\n\r\n", 4);
    const char *field;
    size_t len;

    if (end == NULL)
        return 0;
    len = (size_t)(end - in->data) + 4;
    field = strcasestr(in->data, "\r\nContent-Length:");
    if (field != NULL && field < end)
        len += strtoul(field + 17, NULL, 10);
    return in->len >= len ? len : 0;
}

static const struct peer_row *peer_find_row(struct peer *peer)
{
    const char *path = strchr(peer->last.data, ' ') + 1;
    size_t len = strcspn(path, " ");

    for (const struct peer_row *row = peer->rows; row->path != NULL; row++) {
        if (strlen(row->path) == len && memcmp(row->path, path, len) == 0)
            return row;
    }
    fail_msg("no row for %.*s", (int)len, path);
    return NULL;
}

static void peer_answer(struct peer_conn *conn, size_t len)
{
    struct peer *peer = conn->peer;
    const struct peer_row *row;

    gn_buf_reset(&peer->last);
    gn_buf_add(&peer->last, conn->in.data, len);
    gn_buf_add(&peer->all, conn->in.data, len);
    memmove(conn->in.data, conn->in.data + len, conn->in.len - len);
    conn->in.len -= len;
    peer->requests++;
    row = peer_find_row(peer);
    conn->is_held = row->answer == NULL;
    if (row->answer == NULL)
        return;
    gn_buf_puts(&conn->out, row->answer);
    for (size_t i = 0; i < row->filler; i++)
        gn_buf_putc(&conn->out, 'x');
    conn->closes = row->closes;
    peer_flush(conn);
}

static void peer_on_ready(void *ctx, unsigned ready)
{
    struct peer_conn *conn = ctx;
    char chunk[16384];
    size_t len;
    ssize_t n;

    if ((ready & GN_WATCH_WRITE) != 0) {
        peer_flush(conn);
        return;
    }
    n = recv(conn->fd, chunk, sizeof(chunk), 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        peer_drop(conn);
        return;
    }
    gn_buf_add(&conn->in, chunk, (size_t)n);
    while (conn->watch != NULL && (len = peer_request_len(&conn->in)) > 0)
        peer_answer(conn, len);
}

static void peer_on_accept(void *ctx, unsigned ready)
{
    struct peer *peer = ctx;
    struct peer_conn *conn = peer->conns;
    int fd = accept4(peer->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)ready;
    if (fd < 0)
        return;
    while (conn->watch != NULL)
        conn++;
    *conn = (struct peer_conn){.peer = peer, .fd = fd, .in = GN_BUF_INIT, .out = GN_BUF_INIT};
    conn->watch = gn_watch_new(peer->loop, fd, GN_WATCH_READ, GN_WATCH_INPUT, peer_on_ready, conn);
    assert_non_null(conn->watch);
    peer->accepted++;
    peer->open++;
}

static int peer_bind(uint16_t *port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *port = ntohs(addr.sin_port);
    return fd;
}

static struct peer *peer_new(struct gn_loop *loop, const struct peer_row *rows)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    assert_non_null(peer);
    peer->loop = loop;
    peer->rows = rows;
    peer->last = GN_BUF_INIT;
    peer->all = GN_BUF_INIT;
    peer->fd = peer_bind(&peer->port);
    assert_int_equal(listen(peer->fd, PEER_CONNS_MAX), 0);
    peer->watch = gn_watch_new(loop, peer->fd, GN_WATCH_READ, GN_WATCH_INPUT, peer_on_accept, peer);
    assert_non_null(peer->watch);
    return peer;
}

static void peer_drop_all(struct peer *peer)
{
    for (size_t i = 0; i < PEER_CONNS_MAX; i++)
        peer_drop(&peer->conns[i]);
}

static void peer_free(struct peer *peer)
{
    peer_drop_all(peer);
    gn_watch_close(peer->watch);
    close(peer->fd);
    gn_buf_free(&peer->last);
    gn_buf_free(&peer->all);
    free(peer);
}

#endif
