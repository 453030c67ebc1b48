/* A small HTTPS server on loopback for the tests of the client, in the same loop, with certificates
 * of its own making. It answers by path:
 *   /again    asks for a new handshake before the answer (TLS 1.2)
 *   /stream   a chunked answer whose pieces the test sends, see tls_peer_say()
 *   others    200 with a token and the number of the connection in the body. */
#ifndef GN_TESTS_TLS_PEER_H
#define GN_TESTS_TLS_PEER_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include "http_peer.h"

#define TLS_PEER_CONNS_MAX 16
#define TLS_PEER_DAY_S     86400L

/* ---- certificates ---- */

struct tls_cert {
    EVP_PKEY *key;
    X509 *cert;
};

static void tls_cert_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A certificate with a new key. names: subjectAltName, NULL: a CA. issuer: NULL: self-signed. */
static struct tls_cert tls_cert_make(const char *name, const char *names,
                                     const struct tls_cert *issuer, long from_day, long to_day)
{
    struct tls_cert made = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
    X509_NAME *subject;
    static long serial;

    if (issuer == NULL)
        issuer = &made;
    assert_non_null(made.key);
    assert_non_null(made.cert);
    subject = X509_get_subject_name(made.cert);
    assert_int_equal(X509_set_version(made.cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made.cert), from_day * TLS_PEER_DAY_S));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made.cert), to_day * TLS_PEER_DAY_S));
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert)), 1);
    assert_int_equal(X509_set_pubkey(made.cert, made.key), 1);
    if (names == NULL)
        tls_cert_extend(made.cert, issuer->cert, NID_basic_constraints, "critical,CA:TRUE");
    else
        tls_cert_extend(made.cert, issuer->cert, NID_subject_alt_name, names);
    assert_true(X509_sign(made.cert, issuer->key, EVP_sha256()) > 0);
    return made;
}

static void tls_cert_free(struct tls_cert *cert)
{
    X509_free(cert->cert);
    EVP_PKEY_free(cert->key);
}

static void tls_cert_pin(const struct tls_cert *cert, uint8_t pin[32])
{
    assert_int_equal(X509_digest(cert->cert, EVP_sha256(), pin, NULL), 1);
}

static void tls_cert_write(const struct tls_cert *cert, const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert->cert), 1);
    assert_int_equal(fclose(file), 0);
}

/* ---- the server ---- */

struct tls_conn {
    struct tls_peer *peer;
    struct gn_watch *watch; /* NULL: place is free */
    int fd;
    SSL *ssl;
    struct gn_buf in;
    bool is_streaming;
    bool is_owed; /* an answer, behind the handshake that was asked for */
};

struct tls_peer {
    struct gn_loop *loop;
    SSL_CTX *ctx;
    int fd;
    uint16_t port;
    struct gn_watch *watch;
    unsigned accepted; /* TCP connections */
    unsigned requests;
    unsigned handshakes; /* that ended well */
    unsigned resumed;    /* of them */
    struct gn_buf last;  /* text of the last request */
    struct tls_conn conns[TLS_PEER_CONNS_MAX];
};

static void tls_conn_drop(struct tls_conn *conn)
{
    if (conn->watch == NULL)
        return;
    gn_watch_close(conn->watch);
    conn->watch = NULL;
    SSL_free(conn->ssl);
    gn_buf_free(&conn->in);
    close(conn->fd);
}

/* Answers are short: the socket takes them whole. */
static void tls_conn_say(struct tls_conn *conn, const char *text)
{
    assert_int_equal(SSL_write(conn->ssl, text, (int)strlen(text)), (int)strlen(text));
}

static void tls_conn_answer(struct tls_conn *conn)
{
    char text[256];

    conn->is_owed = false;
    if (strstr(conn->peer->last.data, " /stream ") != NULL) {
        conn->is_streaming = true;
        tls_conn_say(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Auth-Token: s3cr3t\r\n\r\n%04ld",
                   (long)(conn - conn->peer->conns));
    tls_conn_say(conn, text);
}

static void tls_conn_take(struct tls_conn *conn, size_t len)
{
    struct tls_peer *peer = conn->peer;

    gn_buf_reset(&peer->last);
    gn_buf_add(&peer->last, conn->in.data, len);
    gn_buf_reset(&conn->in); /* one request at a time */
    peer->requests++;
    if (strstr(peer->last.data, " /again ") == NULL) {
        tls_conn_answer(conn);
        return;
    }
    conn->is_owed = true;
    assert_int_equal(SSL_renegotiate(conn->ssl), 1);
    assert_int_equal(SSL_do_handshake(conn->ssl), 1); /* goes on in SSL_read() */
}

static void tls_conn_on_ready(void *ctx, unsigned ready)
{
    struct tls_conn *conn = ctx;
    char chunk[4096];
    size_t len;
    int n;

    (void)ready;
    if (!SSL_is_init_finished(conn->ssl) && conn->in.len == 0 && SSL_accept(conn->ssl) == 1) {
        conn->peer->handshakes++;
        conn->peer->resumed += SSL_session_reused(conn->ssl) == 1 ? 1 : 0;
    }
    while ((n = SSL_read(conn->ssl, chunk, sizeof(chunk))) > 0)
        gn_buf_add(&conn->in, chunk, (size_t)n);
    if (SSL_get_error(conn->ssl, n) != SSL_ERROR_WANT_READ) {
        tls_conn_drop(conn);
        return;
    }
    len = peer_request_len(&conn->in);
    if (len > 0)
        tls_conn_take(conn, len);
    else if (conn->is_owed && SSL_renegotiate_pending(conn->ssl) == 0)
        tls_conn_answer(conn);
}

static void tls_peer_on_accept(void *ctx, unsigned ready)
{
    struct tls_peer *peer = ctx;
    struct tls_conn *conn = peer->conns;
    int fd = accept4(peer->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)ready;
    if (fd < 0)
        return;
    while (conn->watch != NULL)
        conn++;
    assert_true(conn < peer->conns + TLS_PEER_CONNS_MAX);
    *conn = (struct tls_conn){.peer = peer, .fd = fd, .ssl = SSL_new(peer->ctx), .in = GN_BUF_INIT};
    assert_non_null(conn->ssl);
    assert_int_equal(SSL_set_fd(conn->ssl, fd), 1);
    SSL_set_accept_state(conn->ssl);
    conn->watch =
        gn_watch_new(peer->loop, fd, GN_WATCH_READ, GN_WATCH_INPUT, tls_conn_on_ready, conn);
    assert_non_null(conn->watch);
    peer->accepted++;
}

/* Another certificate for the connections to come. */
static void tls_peer_show(struct tls_peer *peer, const struct tls_cert *cert)
{
    assert_int_equal(SSL_CTX_use_certificate(peer->ctx, cert->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(peer->ctx, cert->key), 1);
}

static struct tls_peer *tls_peer_new(struct gn_loop *loop, const struct tls_cert *cert)
{
    struct tls_peer *peer = calloc(1, sizeof(*peer));

    assert_non_null(peer);
    peer->loop = loop;
    peer->last = GN_BUF_INIT;
    peer->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(peer->ctx);
    (void)SSL_CTX_set_options(peer->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    tls_peer_show(peer, cert);
    peer->fd = peer_bind(&peer->port);
    assert_int_equal(listen(peer->fd, TLS_PEER_CONNS_MAX), 0);
    peer->watch =
        gn_watch_new(loop, peer->fd, GN_WATCH_READ, GN_WATCH_INPUT, tls_peer_on_accept, peer);
    assert_non_null(peer->watch);
    return peer;
}

/* Sends one more piece of the stream that is open, an empty one ends it. */
static void tls_peer_say(struct tls_peer *peer, const char *text)
{
    char chunk[256];

    (void)snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(text), text);
    for (struct tls_conn *conn = peer->conns; conn < peer->conns + TLS_PEER_CONNS_MAX; conn++) {
        if (conn->watch != NULL && conn->is_streaming)
            tls_conn_say(conn, chunk);
    }
}

static void tls_peer_drop_all(struct tls_peer *peer)
{
    for (size_t i = 0; i < TLS_PEER_CONNS_MAX; i++)
        tls_conn_drop(&peer->conns[i]);
}

static void tls_peer_free(struct tls_peer *peer)
{
    tls_peer_drop_all(peer);
    gn_watch_close(peer->watch);
    close(peer->fd);
    SSL_CTX_free(peer->ctx);
    gn_buf_free(&peer->last);
    free(peer);
}

#endif
