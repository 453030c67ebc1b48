/* Tests of the HTTP client over TLS. */
#ifndef GN_TESTS_HTTP_CLIENT_TLS_H
#define GN_TESTS_HTTP_CLIENT_TLS_H

#include <signal.h>

#include "http_client_bed.h"
#include "http_client_streams.h"
#include "tls_peer.h"

#define TLS_OLD_CIPHERS "DEFAULT:@SECLEVEL=0" /* let OpenSSL speak what it does not like */
#define TLS_SETTINGS    6

/* ---- certificates ---- */

enum cert_name {
    CERT_CA,
    CERT_OTHER_CA,
    CERT_GOOD,
    CERT_SELF_SIGNED,
    CERT_EXPIRED,
    CERT_FUTURE,
    CERT_OTHER_NAME,
    CERT_OF_OTHER_CA,
    CERT_COUNT,
};

static struct tls_cert certs[CERT_COUNT];
static char cert_folder[] = "/tmp/gurnard-test-tls-XXXXXX";
static char ca_file[64], ca_copy[64], self_signed_file[64], no_file[64];

static void name_file(char path[64], const char *name)
{
    (void)snprintf(path, 64, "%s/%s", cert_folder, name);
}

static int make_certs(void **state)
{
    static const char here[] = "IP:127.0.0.1";
    const struct tls_cert *ca = &certs[CERT_CA];

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL does not hold it back; the daemon ignores it too */
    certs[CERT_CA] = tls_cert_make("ca", NULL, NULL, -9, 9);
    certs[CERT_OTHER_CA] = tls_cert_make("other-ca", NULL, NULL, -9, 9);
    certs[CERT_GOOD] = tls_cert_make("good", here, ca, -9, 9);
    certs[CERT_SELF_SIGNED] = tls_cert_make("self", here, NULL, -9, 9);
    certs[CERT_EXPIRED] = tls_cert_make("expired", here, ca, -9, -1);
    certs[CERT_FUTURE] = tls_cert_make("future", here, ca, 1, 9);
    certs[CERT_OTHER_NAME] = tls_cert_make("other", "DNS:other.example,IP:127.0.0.2", ca, -9, 9);
    certs[CERT_OF_OTHER_CA] = tls_cert_make("stranger", here, &certs[CERT_OTHER_CA], -9, 9);
    assert_non_null(mkdtemp(cert_folder));
    name_file(ca_file, "ca.pem");
    name_file(ca_copy, "copy.pem");
    name_file(self_signed_file, "self.pem");
    name_file(no_file, "no.pem");
    tls_cert_write(ca, ca_file);
    tls_cert_write(ca, ca_copy);
    tls_cert_write(&certs[CERT_SELF_SIGNED], self_signed_file);
    return 0;
}

static int remove_certs(void **state)
{
    (void)state;
    for (size_t i = 0; i < CERT_COUNT; i++)
        tls_cert_free(&certs[i]);
    assert_int_equal(unlink(ca_file), 0);
    assert_int_equal(unlink(ca_copy), 0);
    assert_int_equal(unlink(self_signed_file), 0);
    assert_int_equal(rmdir(cert_folder), 0);
    return 0;
}

/* ---- calls ---- */

static struct gn_http_tls tls_of_ca(const char *file)
{
    return (struct gn_http_tls){.check = GN_HTTP_TLS_CA, .ca_file = file};
}

static struct gn_http_tls tls_of_pin(enum cert_name name)
{
    struct gn_http_tls tls = {.check = GN_HTTP_TLS_PIN};

    tls_cert_pin(&certs[name], tls.pin);
    return tls;
}

static struct gn_http_out tls_request(struct fixture *fx, const struct tls_peer *peer,
                                      const char *path, const struct gn_http_tls *tls)
{
    struct gn_http_out out = request(fx, "GET", path);

    (void)snprintf(fx->url, sizeof(fx->url), "https://127.0.0.1:%u%s", peer->port, path);
    out.tls = tls;
    return out;
}

static const struct gn_http_result *tls_get(struct fixture *fx, const struct tls_peer *peer,
                                            const char *path, const struct gn_http_tls *tls)
{
    struct gn_http_out out = tls_request(fx, peer, path, tls);

    return perform(fx, &out);
}

static void assert_shown(const struct gn_http_result *result, enum cert_name name)
{
    uint8_t pin[GN_HTTP_PIN_BYTES];

    tls_cert_pin(&certs[name], pin);
    assert_true(result->has_cert);
    assert_memory_equal(result->cert_pin, pin, sizeof(pin));
}

static void assert_refused(struct fixture *fx, enum gn_http_tls_fault fault)
{
    assert_int_equal(fx->outcome.result.err, GN_ECONN);
    assert_int_equal(fx->outcome.result.tls_fault, fault);
    assert_int_equal(fx->outcome.result.status, 0);
    assert_true(strlen(fx->outcome.reason) > 0);
}

/* ---- tests ---- */

static void a_certificate_is_judged_as_the_call_says(void **state)
{
    static const struct gn_http_tls system = {.check = GN_HTTP_TLS_SYSTEM};
    static const struct gn_http_tls off = {.check = GN_HTTP_TLS_OFF};
    const struct gn_http_tls ca = tls_of_ca(ca_file), own = tls_of_ca(self_signed_file);
    const struct gn_http_tls good = tls_of_pin(CERT_GOOD), self = tls_of_pin(CERT_SELF_SIGNED);
    const struct gn_http_tls expired = tls_of_pin(CERT_EXPIRED);
    const struct gn_http_tls other = tls_of_pin(CERT_OTHER_NAME);
    const struct {
        enum cert_name cert;
        const struct gn_http_tls *tls;
        enum gn_http_tls_fault want;
    } cases[] = {
        {CERT_GOOD, &ca, GN_HTTP_TLS_FAULT_NONE},
        {CERT_SELF_SIGNED, &ca, GN_HTTP_TLS_FAULT_UNKNOWN_CA},
        {CERT_OF_OTHER_CA, &ca, GN_HTTP_TLS_FAULT_UNKNOWN_CA},
        {CERT_EXPIRED, &ca, GN_HTTP_TLS_FAULT_TIME},
        {CERT_FUTURE, &ca, GN_HTTP_TLS_FAULT_TIME},
        {CERT_OTHER_NAME, &ca, GN_HTTP_TLS_FAULT_NAME},
        {CERT_SELF_SIGNED, &own, GN_HTTP_TLS_FAULT_NONE},
        {CERT_GOOD, &own, GN_HTTP_TLS_FAULT_UNKNOWN_CA},
        {CERT_GOOD, NULL, GN_HTTP_TLS_FAULT_UNKNOWN_CA},
        {CERT_GOOD, &system, GN_HTTP_TLS_FAULT_UNKNOWN_CA},
        {CERT_SELF_SIGNED, &system, GN_HTTP_TLS_FAULT_UNKNOWN_CA},
        {CERT_GOOD, &good, GN_HTTP_TLS_FAULT_NONE},
        {CERT_SELF_SIGNED, &self, GN_HTTP_TLS_FAULT_NONE},
        {CERT_EXPIRED, &expired, GN_HTTP_TLS_FAULT_NONE},
        {CERT_OTHER_NAME, &other, GN_HTTP_TLS_FAULT_NONE},
        {CERT_SELF_SIGNED, &good, GN_HTTP_TLS_FAULT_PIN},
        {CERT_EXPIRED, &good, GN_HTTP_TLS_FAULT_PIN},
        {CERT_SELF_SIGNED, &off, GN_HTTP_TLS_FAULT_NONE},
        {CERT_EXPIRED, &off, GN_HTTP_TLS_FAULT_NONE},
        {CERT_OTHER_NAME, &off, GN_HTTP_TLS_FAULT_NONE},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct tls_peer *peer = tls_peer_new(fx->loop, &certs[cases[i].cert]);
        const struct gn_http_result *result = tls_get(fx, peer, "/", cases[i].tls);

        if (result->tls_fault != cases[i].want)
            fail_msg("row %zu: fault %d: %s", i, (int)result->tls_fault, fx->outcome.reason);
        assert_shown(result, cases[i].cert);
        assert_string_equal(result->local, "127.0.0.1");
        if (cases[i].want == GN_HTTP_TLS_FAULT_NONE)
            assert_int_equal(result->status, 200);
        else
            assert_refused(fx, cases[i].want);
        assert_int_equal(peer->requests, cases[i].want == GN_HTTP_TLS_FAULT_NONE ? 1 : 0);
        tls_peer_free(peer);
    }
}

static void a_ca_file_that_cannot_be_read_fails_the_call(void **state)
{
    const struct gn_http_tls tls = tls_of_ca(no_file);
    struct fixture *fx = *state;
    struct tls_peer *peer = tls_peer_new(fx->loop, &certs[CERT_GOOD]);

    (void)tls_get(fx, peer, "/", &tls);
    assert_refused(fx, GN_HTTP_TLS_FAULT_OTHER);
    assert_false(fx->outcome.result.has_cert);
    tls_peer_free(peer);
}

static void a_call_without_ca_file_is_refused_at_once(void **state)
{
    static const struct gn_http_tls cases[] = {{.check = GN_HTTP_TLS_CA},
                                               {.check = GN_HTTP_TLS_CA, .ca_file = ""}};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct gn_http_out out = request(fx, "GET", "/200");

        out.tls = &cases[i];
        assert_int_equal(gn_http_send(fx->client, &out, on_done, &fx->outcome, NULL), GN_EINVAL);
        assert_int_equal(get(fx, "/200")->status, 200); /* the handle is of use still */
    }
}

static void tls_below_1_2_is_refused(void **state)
{
    static const struct {
        int version;
        enum gn_err want;
    } cases[] = {{TLS1_1_VERSION, GN_ECONN}, {TLS1_2_VERSION, GN_OK}, {TLS1_3_VERSION, GN_OK}};
    static const struct gn_http_tls off = {.check = GN_HTTP_TLS_OFF};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct tls_peer *peer = tls_peer_new(fx->loop, &certs[CERT_GOOD]);

        assert_int_equal(SSL_CTX_set_cipher_list(peer->ctx, TLS_OLD_CIPHERS), 1);
        assert_int_equal(SSL_CTX_set_min_proto_version(peer->ctx, TLS1_VERSION), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(peer->ctx, cases[i].version), 1);
        assert_int_equal(tls_get(fx, peer, "/", &off)->err, cases[i].want);
        if (cases[i].want != GN_OK)
            assert_refused(fx, GN_HTTP_TLS_FAULT_OTHER);
        tls_peer_free(peer);
    }
}

static void what_fails_before_tls_is_no_fault_of_it(void **state)
{
    static const struct gn_http_tls off = {.check = GN_HTTP_TLS_OFF};
    struct fixture *fx = *state;
    struct tls_peer port = {.port = fx->peer->port};
    struct gn_http_out out = tls_request(fx, &port, "/", &off);
    int fd;

    out.timeout_ms = 60; /* the plain peer waits for the end of this strange request */
    assert_int_equal(perform(fx, &out)->err, GN_ETIMEOUT);
    assert_int_equal(fx->outcome.result.tls_fault, GN_HTTP_TLS_FAULT_NONE);
    assert_false(fx->outcome.result.has_cert);
    fd = peer_bind(&port.port);
    (void)tls_get(fx, &port, "/", &off);
    assert_refused(fx, GN_HTTP_TLS_FAULT_NONE);
    assert_int_equal(fx->outcome.result.os_errno, ECONNREFUSED);
    close(fd);
}

/* Two calls with each pair of settings, the first of which succeeds or not. */
static void a_connection_serves_calls_of_the_same_tls_only(void **state)
{
    static const struct gn_http_tls system = {.check = GN_HTTP_TLS_SYSTEM};
    static const struct gn_http_tls off = {.check = GN_HTTP_TLS_OFF};
    const struct gn_http_tls ca = tls_of_ca(ca_file), copy = tls_of_ca(ca_copy);
    const struct gn_http_tls good = tls_of_pin(CERT_GOOD), bad = tls_of_pin(CERT_EXPIRED);
    const struct {
        const struct gn_http_tls *tls;
        enum gn_http_tls_fault want;
    } settings[TLS_SETTINGS] = {
        {&off, GN_HTTP_TLS_FAULT_NONE},  {&ca, GN_HTTP_TLS_FAULT_NONE},
        {&copy, GN_HTTP_TLS_FAULT_NONE}, {&good, GN_HTTP_TLS_FAULT_NONE},
        {&bad, GN_HTTP_TLS_FAULT_PIN},   {&system, GN_HTTP_TLS_FAULT_UNKNOWN_CA},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < (size_t)TLS_SETTINGS * TLS_SETTINGS; i++) {
        size_t first = i / TLS_SETTINGS, second = i % TLS_SETTINGS;
        bool is_kept = first == second && settings[first].want == GN_HTTP_TLS_FAULT_NONE;
        struct tls_peer *peer = tls_peer_new(fx->loop, &certs[CERT_GOOD]);

        assert_int_equal(tls_get(fx, peer, "/", settings[first].tls)->tls_fault,
                         settings[first].want);
        assert_int_equal(tls_get(fx, peer, "/", settings[second].tls)->tls_fault,
                         settings[second].want);
        assert_int_equal(peer->accepted, is_kept ? 1 : 2);
        assert_int_equal(fx->outcome.result.has_cert, !is_kept);
        if (settings[second].want != GN_HTTP_TLS_FAULT_NONE)
            assert_refused(fx, settings[second].want);
        tls_peer_free(peer);
    }
}

static void another_certificate_is_noticed_at_the_next_connection(void **state)
{
    const struct gn_http_tls pin = tls_of_pin(CERT_GOOD);
    struct fixture *fx = *state;
    struct tls_peer *peer = tls_peer_new(fx->loop, &certs[CERT_GOOD]);

    assert_int_equal(tls_get(fx, peer, "/", &pin)->status, 200);
    tls_peer_show(peer, &certs[CERT_SELF_SIGNED]);
    assert_int_equal(tls_get(fx, peer, "/", &pin)->status, 200);
    assert_false(fx->outcome.result.has_cert);
    tls_peer_drop_all(peer);
    (void)tls_get(fx, peer, "/", &pin);
    assert_refused(fx, GN_HTTP_TLS_FAULT_PIN);
    assert_shown(&fx->outcome.result, CERT_SELF_SIGNED);
    assert_non_null(strstr(fx->outcome.reason, "pinned"));
    tls_peer_free(peer);
}

static void a_session_is_not_resumed_for_a_call_with_tls_of_its_own(void **state)
{
    const struct gn_http_tls ca = tls_of_ca(ca_file);
    struct fixture *fx = *state;
    struct tls_peer *peer = tls_peer_new(fx->loop, &certs[CERT_GOOD]);

    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(tls_get(fx, peer, "/", &ca)->status, 200);
        assert_shown(&fx->outcome.result, CERT_GOOD);
        assert_int_equal(peer->handshakes, i);
        tls_peer_drop_all(peer);
    }
    assert_int_equal(peer->resumed, 0);
    tls_peer_free(peer);
}

/* A connection outlives the call that made it, and all that this call knew. */
static void a_certificate_may_be_shown_again_when_its_call_is_gone(void **state)
{
    const struct gn_http_tls pin = tls_of_pin(CERT_GOOD);
    struct fixture *fx = *state;
    struct tls_peer *peer = tls_peer_new(fx->loop, &certs[CERT_GOOD]);
    struct gn_http_out out;

    assert_int_equal(SSL_CTX_set_max_proto_version(peer->ctx, TLS1_2_VERSION), 1);
    assert_int_equal(tls_get(fx, peer, "/", &pin)->status, 200);
    out = request(fx, "GET", "/silent");
    (void)start(fx, &out); /* takes the handle that made the connection */
    out = tls_request(fx, peer, "/again", &pin);
    fx->outcome.count = 0;
    assert_int_equal(gn_http_send(fx->client, &out, on_done, &fx->outcome, NULL), GN_OK);
    while (fx->outcome.count == 0)
        turn(fx);
    assert_int_equal(fx->outcome.result.status, 200);
    assert_false(fx->outcome.result.has_cert);
    assert_int_equal(peer->accepted, 1);
    peer_drop_all(fx->peer);
    wait_for_all(fx);
    tls_peer_free(peer);
}

static void a_stream_comes_over_tls(void **state)
{
    const struct gn_http_tls ca = tls_of_ca(ca_file);
    struct fixture *fx = *state;
    struct tls_peer *peer = tls_peer_new(fx->loop, &certs[CERT_GOOD]);
    struct gn_http_out out = tls_request(fx, peer, "/stream", &ca);
    struct stream stream = {0};

    out.timeout_ms = GN_HTTP_NO_TIMEOUT;
    stream_begin(fx, &stream, &out);
    while (peer->requests == 0)
        turn(fx);
    tls_peer_say(peer, "one");
    while (stream.pieces == 0)
        turn(fx);
    tls_peer_say(peer, "two");
    tls_peer_say(peer, "");
    wait_for_all(fx);
    assert_string_equal(stream.text.data, "onetwo");
    assert_int_equal(stream.outcome.result.err, GN_OK);
    assert_shown(&stream.outcome.result, CERT_GOOD);
    stream_forget(&stream);
    tls_peer_free(peer);
}

#endif
