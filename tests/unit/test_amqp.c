/* The AMQP connection against a scripted peer in the same loop. */
#include "gurnard/net/amqp.h"

#include <stdio.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"
#include "gurnard/net/resolver.h"

#include "amqp_peer.h"
#include "amqp_priv.h"

#define WAIT_MS 10000 /* longest wait for anything */
#define SENDS   4096

/* What the owner was told. */
struct fixture {
    struct gn_loop *loop;
    struct gn_resolver *resolver;
    struct amqp_peer *peer;
    struct gn_amqp_config config;
    struct gn_secret password;
    struct gn_amqp *amqp;
    unsigned ups, downs;
    char down_reason[GN_AMQP_REASON_MAX];
    unsigned ends[GN_AMQP_CANCELED + 1]; /* by outcome */
    unsigned ended;
    char end_reason[256];
    unsigned refused, credits, gone, messages, attached;
    char refused_reason[GN_AMQP_REASON_MAX];
    struct gn_amqp_sender *sender;
    struct gn_amqp_receiver *receiver;
    struct gn_amqp_delivery *deliveries[SENDS];
    unsigned delivery_count;
    bool holds; /* messages are kept, not accepted */
    bool frees_in_callback, stops_in_callback, sends_in_callback;
    struct gn_buf last;
};

/* Turns the loop until cond holds. */
#define UNTIL(fx, cond)                                                                            \
    do {                                                                                           \
        uint64_t end_ms = gn_clock_mono_ms() + WAIT_MS;                                            \
        while (!(cond)) {                                                                          \
            assert_int_equal(gn_loop_turn((fx)->loop, 20), GN_OK);                                 \
            if (gn_clock_mono_ms() > end_ms)                                                       \
                fail_msg("%s:%d: waited in vain for %s", __FILE__, __LINE__, #cond);               \
        }                                                                                          \
    } while (0)

static void turns(struct fixture *fx, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(gn_loop_turn(fx->loop, 1), GN_OK);
}

/* ---- callbacks ---- */

static void on_state(void *ctx, bool is_up, const char *reason)
{
    struct fixture *fx = ctx;

    if (is_up) {
        fx->ups++;
        return;
    }
    fx->downs++;
    (void)snprintf(fx->down_reason, sizeof fx->down_reason, "%s", reason);
}

static void on_sent(void *ctx, enum gn_amqp_outcome outcome, const char *reason)
{
    struct fixture *fx = ctx;

    fx->ends[outcome]++;
    fx->ended++;
    (void)snprintf(fx->end_reason, sizeof fx->end_reason, "%s", reason);
    if (fx->frees_in_callback && fx->sender != NULL) {
        gn_amqp_sender_free(fx->sender);
        fx->sender = NULL;
    }
    if (fx->stops_in_callback)
        gn_amqp_stop(fx->amqp);
}

static void on_refused(void *ctx, const char *reason)
{
    struct fixture *fx = ctx;

    fx->refused++;
    (void)snprintf(fx->refused_reason, sizeof fx->refused_reason, "%s", reason);
    if (fx->frees_in_callback) {
        gn_amqp_sender_free(fx->sender);
        gn_amqp_receiver_free(fx->receiver);
        fx->sender = NULL;
        fx->receiver = NULL;
    }
}

static void on_attached(void *ctx)
{
    struct fixture *fx = ctx;

    fx->attached++;
    if (fx->frees_in_callback) {
        gn_amqp_receiver_free(fx->receiver);
        fx->receiver = NULL;
    }
}

static void on_credit(void *ctx)
{
    struct fixture *fx = ctx;

    fx->credits++;
    if (fx->sends_in_callback)
        assert_int_equal(gn_amqp_send(fx->sender, GN_STR("again"), on_sent, fx, NULL), GN_OK);
}

static void on_message(void *ctx, struct gn_amqp_delivery *delivery, struct gn_str bytes)
{
    struct fixture *fx = ctx;

    fx->messages++;
    gn_buf_reset(&fx->last);
    gn_buf_add_str(&fx->last, bytes);
    assert_null(gn_amqp_delivery_user(delivery));
    gn_amqp_delivery_set_user(delivery, fx);
    if (fx->stops_in_callback)
        gn_amqp_stop(fx->amqp);
    if (fx->frees_in_callback) {
        gn_amqp_receiver_free(fx->receiver);
        fx->receiver = NULL;
    } else if (fx->holds) {
        fx->deliveries[fx->delivery_count++] = delivery;
    } else {
        gn_amqp_settle(delivery, GN_AMQP_ACCEPT, "");
    }
}

static void on_gone(void *ctx, struct gn_amqp_delivery *delivery)
{
    struct fixture *fx = ctx;

    assert_ptr_equal(gn_amqp_delivery_user(delivery), fx);
    fx->gone++;
}

/* ---- set-up ---- */

static int set_up(void **state)
{
    struct fixture *fx = calloc(1, sizeof *fx);

    assert_non_null(fx);
    gn_log_init(GN_LOG_ERROR + 1, GN_LOG_TEXT, 2);
    fx->loop = gn_loop_new(NULL);
    assert_non_null(fx->loop);
    fx->resolver = gn_resolver_new(fx->loop);
    assert_non_null(fx->resolver);
    fx->peer = peer_new(fx->loop);
    fx->last = GN_BUF_INIT;
    fx->config = (struct gn_amqp_config){
        .name = "test",
        .host = "127.0.0.1",
        .port = fx->peer->port,
        .container_id = "gurnard-test",
        .sasl = GN_AMQP_SASL_ANONYMOUS,
        .idle_timeout_ms = 30000,
        .max_frame_bytes = 65536,
        .connect_timeout_ms = 5000,
        .retry_min_ms = 5,
        .retry_max_ms = 40,
        .denied_ms = 60,
        .on_state = on_state,
        .ctx = fx,
    };
    *state = fx;
    return 0;
}

static void stop(struct fixture *fx)
{
    if (fx->amqp == NULL)
        return;
    fx->frees_in_callback = false;
    fx->stops_in_callback = false;
    gn_amqp_sender_free(fx->sender);
    gn_amqp_receiver_free(fx->receiver);
    fx->sender = NULL;
    fx->receiver = NULL;
    gn_amqp_stop(fx->amqp);
    UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
    gn_amqp_free(fx->amqp);
    fx->amqp = NULL;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    stop(fx);
    peer_free(fx->peer);
    gn_resolver_free(fx->resolver);
    gn_loop_free(fx->loop);
    gn_secret_free(&fx->password);
    gn_buf_free(&fx->last);
    free(fx);
    return 0;
}

static void make(struct fixture *fx)
{
    fx->amqp = gn_amqp_new(fx->loop, fx->resolver, &fx->config);
    assert_non_null(fx->amqp);
}

static void begin(struct fixture *fx)
{
    make(fx);
    gn_amqp_start(fx->amqp);
}

static void make_sender(struct fixture *fx, const char *address)
{
    const struct gn_amqp_sender_config config = {.address = address,
                                                 .outcome_ms = 5000,
                                                 .on_refused = on_refused,
                                                 .on_credit = on_credit,
                                                 .ctx = fx};

    fx->sender = gn_amqp_sender_new(fx->amqp, &config);
    assert_non_null(fx->sender);
}

/* Connected, with a sender that has credit. */
static void begin_sending(struct fixture *fx)
{
    begin(fx);
    make_sender(fx, "a/b");
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) > 0);
}

static void begin_receiving(struct fixture *fx, uint32_t credit, size_t max_bytes)
{
    const struct gn_amqp_receiver_config config = {.address = "/cluster/node/n1/x",
                                                   .credit = credit,
                                                   .max_message_bytes = max_bytes,
                                                   .on_message = on_message,
                                                   .on_gone = on_gone,
                                                   .on_refused = on_refused,
                                                   .ctx = fx};

    begin(fx);
    fx->receiver = gn_amqp_receiver_new(fx->amqp, &config);
    assert_non_null(fx->receiver);
    UNTIL(fx, gn_amqp_receiver_is_attached(fx->receiver));
    UNTIL(fx, pn_link_credit(peer_link(fx->peer, config.address)) == (int)credit);
}

static void send_one(struct fixture *fx)
{
    assert_int_equal(gn_amqp_send(fx->sender, GN_STR("hello"), on_sent, fx, NULL), GN_OK);
}

static struct gn_amqp_status status_of(struct fixture *fx)
{
    struct gn_amqp_status status;

    gn_amqp_status(fx->amqp, &status);
    return status;
}

/* ---- the connection ---- */

static void a_connection_comes_up_and_is_closed_in_order(void **state)
{
    struct fixture *fx = *state;

    begin(fx);
    assert_false(gn_amqp_is_up(fx->amqp));
    UNTIL(fx, fx->ups == 1);
    assert_true(gn_amqp_is_up(fx->amqp));
    assert_int_equal(status_of(fx).connects, 1);
    assert_true(status_of(fx).bytes_in > 0 && status_of(fx).bytes_out > 0);
    gn_amqp_stop(fx->amqp);
    assert_false(gn_amqp_is_stopped(fx->amqp));
    UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
    assert_int_equal(fx->downs, 1);
    assert_string_equal(fx->down_reason, "stopped");
    assert_string_equal(status_of(fx).last_error, "");
    assert_int_equal(fx->peer->fd, -1);
}

static void a_connection_that_breaks_is_made_again(void **state)
{
    struct fixture *fx = *state;

    begin(fx);
    UNTIL(fx, fx->ups == 1);
    peer_cut(fx->peer);
    UNTIL(fx, fx->downs == 1);
    assert_string_equal(fx->down_reason, "the peer closed the connection");
    UNTIL(fx, fx->ups == 2);
    assert_int_equal(status_of(fx).connects, 2);
    assert_int_equal(status_of(fx).failures, 1);
}

static void a_close_by_the_peer_gives_its_reason(void **state)
{
    struct fixture *fx = *state;

    begin(fx);
    UNTIL(fx, fx->ups == 1);
    peer_close(fx->peer, "amqp:connection:forced");
    UNTIL(fx, fx->downs == 1);
    assert_string_equal(fx->down_reason, "amqp:connection:forced: going down");
    UNTIL(fx, fx->ups == 2);
}

static void a_port_where_nobody_listens_is_tried_again_and_again(void **state)
{
    struct fixture *fx = *state;

    fx->config.port = 1;
    begin(fx);
    UNTIL(fx, status_of(fx).failures >= 3);
    assert_string_equal(status_of(fx).last_error,
                        "connect to 127.0.0.1 port 1: Connection refused");
    assert_int_equal(fx->ups + fx->downs, 0);
}

static void a_host_without_address_is_a_failure_with_its_reason(void **state)
{
    struct fixture *fx = *state;

    fx->config.host = "no host at all";
    begin(fx);
    UNTIL(fx, status_of(fx).failures >= 2);
    assert_non_null(strstr(status_of(fx).last_error, "look-up of no host at all: "));
}

static void the_first_address_that_answers_is_taken(void **state)
{
    struct fixture *fx = *state;

    begin(fx);
    UNTIL(fx, fx->amqp->state == GN_AMQP_CONNECTING);
    gn_amqp_disconnect(fx->amqp);
    fx->amqp->addresses[1] = fx->amqp->addresses[0];
    fx->amqp->addresses[0].name.v4.sin_port = htons(1);
    fx->amqp->address_count = 2;
    fx->amqp->address_next = 0;
    gn_amqp_connect_next(fx->amqp);
    UNTIL(fx, fx->ups == 1);
    assert_int_equal(status_of(fx).failures, 0);
}

static void a_peer_that_says_nothing_is_given_up(void **state)
{
    struct fixture *fx = *state;

    fx->config.connect_timeout_ms = 30;
    fx->peer->is_mute = true;
    begin(fx);
    UNTIL(fx, status_of(fx).failures >= 2);
    assert_string_equal(status_of(fx).last_error, "the peer did not open the connection in time");
    fx->peer->is_mute = false;
    UNTIL(fx, fx->ups == 1);
}

static void a_peer_that_falls_silent_is_noticed_by_the_idle_timeout(void **state)
{
    struct fixture *fx = *state;

    fx->config.idle_timeout_ms = 100;
    begin(fx);
    UNTIL(fx, fx->ups == 1);
    fx->peer->is_frozen = true;
    UNTIL(fx, fx->downs == 1);
    assert_non_null(strstr(fx->down_reason, "amqp:resource-limit-exceeded"));
    UNTIL(fx, fx->ups == 2);
}

static void an_idle_connection_is_kept_alive_for_the_peer(void **state)
{
    struct fixture *fx = *state;
    uint64_t until_ms;

    fx->peer->idle_timeout_ms = 80;
    begin(fx);
    UNTIL(fx, fx->ups == 1);
    until_ms = gn_clock_mono_ms() + 300;
    UNTIL(fx, gn_clock_mono_ms() > until_ms);
    assert_int_equal(fx->downs, 0);
    assert_int_equal(fx->peer->accepted, 1);
}

static void bytes_that_are_no_amqp_end_the_attempt(void **state)
{
    struct fixture *fx = *state;

    fx->peer->is_mute = true;
    begin(fx);
    UNTIL(fx, fx->peer->fd >= 0);
    assert_int_equal(send(fx->peer->fd, "HTTP/1.1 400 Bad\r\n\r\n", 20, MSG_NOSIGNAL), 20);
    UNTIL(fx, status_of(fx).failures == 1);
    assert_non_null(strstr(status_of(fx).last_error, "amqp:connection:framing-error"));
}

static void pauses_double_with_jitter_up_to_their_limit(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        uint32_t count, most_ms;
    } rows[] = {{1, 5}, {2, 10}, {3, 20}, {4, 40}, {5, 40}, {40, 40}, {UINT32_MAX, 40}};

    make(fx);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(gn_amqp_pause_max_ms(fx->amqp, rows[i].count), rows[i].most_ms);
        for (unsigned k = 0; k < 50; k++)
            assert_in_range(gn_amqp_pause_ms(fx->amqp, rows[i].count), rows[i].most_ms / 2,
                            rows[i].most_ms);
    }
}

static void a_stop_ends_whatever_is_under_way(void **state)
{
    struct fixture *fx = *state;
    static const enum gn_amqp_state rows[] = {GN_AMQP_IDLE,       GN_AMQP_LOOKING_UP,
                                              GN_AMQP_CONNECTING, GN_AMQP_OPENING,
                                              GN_AMQP_UP,         GN_AMQP_WAITING};

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        make(fx);
        if (rows[i] != GN_AMQP_IDLE)
            gn_amqp_start(fx->amqp);
        if (rows[i] == GN_AMQP_WAITING) {
            UNTIL(fx, gn_amqp_is_up(fx->amqp));
            peer_cut(fx->peer);
        }
        UNTIL(fx, fx->amqp->state == rows[i]);
        gn_amqp_stop(fx->amqp);
        gn_amqp_stop(fx->amqp);
        assert_false(gn_amqp_is_stopped(fx->amqp));
        UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
        gn_amqp_free(fx->amqp);
        fx->amqp = NULL;
        turns(fx, 3);
    }
}

static void a_stop_waits_for_the_peers_close_but_not_for_ever(void **state)
{
    struct fixture *fx = *state;
    uint64_t begin_ms;

    fx->peer->keeps_close = true;
    begin(fx);
    UNTIL(fx, fx->ups == 1);
    begin_ms = gn_clock_mono_ms();
    gn_amqp_stop(fx->amqp);
    UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
    assert_in_range(gn_clock_mono_ms() - begin_ms, GN_AMQP_CLOSE_MS - 50, GN_AMQP_CLOSE_MS + 3000);
}

/* ---- who we are ---- */

static void set_password(struct fixture *fx, const char *password)
{
    fx->config.sasl = GN_AMQP_SASL_PLAIN;
    fx->config.user = "guest";
    assert_true(gn_secret_set(&fx->password, gn_str_of(password)));
    fx->config.password = &fx->password;
    fx->peer->sasl = PEER_SASL_PLAIN;
}

static void a_password_is_not_sent_in_the_clear_unless_allowed(void **state)
{
    struct fixture *fx = *state;

    set_password(fx, "secret");
    begin(fx);
    turns(fx, 20);
    assert_int_equal(fx->peer->accepted, 0);
    assert_non_null(strstr(status_of(fx).last_error, "it needs TLS"));
    assert_false(gn_amqp_is_up(fx->amqp));
}

static void identities_that_cannot_work_are_refused_at_the_start(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        enum gn_amqp_sasl sasl;
        bool use_tls;
        const char *user, *cert_file, *why;
    } rows[] = {
        {GN_AMQP_SASL_EXTERNAL, false, NULL, "cert.pem", "EXTERNAL needs TLS"},
        {GN_AMQP_SASL_EXTERNAL, true, NULL, NULL, "EXTERNAL needs TLS"},
        {GN_AMQP_SASL_PLAIN, true, NULL, NULL, "PLAIN needs a user"},
        {GN_AMQP_SASL_PLAIN, true, "", NULL, "PLAIN needs a user"},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        fx->config.sasl = rows[i].sasl;
        fx->config.use_tls = rows[i].use_tls;
        fx->config.user = rows[i].user;
        fx->config.cert_file = rows[i].cert_file;
        begin(fx);
        turns(fx, 5);
        assert_non_null(strstr(status_of(fx).last_error, rows[i].why));
        stop(fx);
    }
    assert_int_equal(fx->peer->accepted, 0);
}

static void a_right_password_opens_the_connection(void **state)
{
    struct fixture *fx = *state;

    set_password(fx, "secret");
    fx->config.allow_insecure = true;
    begin(fx);
    UNTIL(fx, fx->ups == 1);
    assert_non_null(memmem(fx->peer->plain.data, fx->peer->plain.len, "\0guest\0secret", 13));
}

static void a_wrong_password_is_tried_again_only_after_a_long_pause(void **state)
{
    struct fixture *fx = *state;
    uint64_t begin_ms;

    set_password(fx, "wrong");
    fx->config.allow_insecure = true;
    fx->config.denied_ms = 200;
    fx->peer->plain_outcome = 1;
    begin(fx);
    UNTIL(fx, status_of(fx).failures == 1);
    begin_ms = gn_clock_mono_ms();
    assert_non_null(strstr(status_of(fx).last_error, "amqp:unauthorized-access"));
    assert_null(strstr(status_of(fx).last_error, "wrong"));
    fx->peer->plain_outcome = 0;
    UNTIL(fx, fx->ups == 1);
    assert_true(gn_clock_mono_ms() - begin_ms >= 190);
}

static void without_a_sasl_layer_there_is_none(void **state)
{
    struct fixture *fx = *state;

    fx->config.sasl = GN_AMQP_SASL_NONE;
    fx->peer->sasl = PEER_SASL_NONE;
    begin(fx);
    UNTIL(fx, fx->ups == 1);
}

/* ---- TLS ---- */

static char tls_dir[] = "/tmp/gurnard-amqp-XXXXXX";

static const char *tls_file(const char *name)
{
    static char path[4][128];
    static unsigned next;

    next = (next + 1) % 4;
    (void)snprintf(path[next], sizeof path[next], "%s/%s", tls_dir, name);
    return path[next];
}

static int make_certificates(void **state)
{
    char command[1024];

    (void)state;
    assert_non_null(mkdtemp(tls_dir));
    (void)snprintf(command, sizeof command,
                   "cd %s && for n in one other; do openssl req -x509 -newkey ec -pkeyopt "
                   "ec_paramgen_curve:P-256 -nodes -keyout $n.key -out $n.pem -days 2 -subj "
                   "/CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null; done; "
                   ": > empty.pem",
                   tls_dir);
    assert_int_equal(system(command), 0);
    return 0;
}

static int remove_certificates(void **state)
{
    static const char *const names[] = {"one.key",   "one.pem",   "other.key",
                                        "other.pem", "empty.pem", "moving.pem"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(names); i++)
        (void)unlink(tls_file(names[i])); /* some are of one test only */
    return rmdir(tls_dir);
}

static void use_tls(struct fixture *fx)
{
    fx->peer->tls = pn_ssl_domain(PN_SSL_MODE_SERVER);
    assert_int_equal(pn_ssl_domain_set_credentials(fx->peer->tls, tls_file("one.pem"),
                                                   tls_file("one.key"), NULL),
                     0);
    fx->config.use_tls = true;
    fx->config.verify = true;
    fx->config.host = "localhost";
}

/* The peer asks for a certificate, and knows one. */
static void ask_for_certificate(struct fixture *fx, const char *known)
{
    assert_int_equal(pn_ssl_domain_set_trusted_ca_db(fx->peer->tls, tls_file(known)), 0);
    assert_int_equal(pn_ssl_domain_set_peer_authentication(fx->peer->tls, PN_SSL_VERIFY_PEER,
                                                           tls_file(known)),
                     0);
}

static void a_certificate_that_is_known_is_trusted(void **state)
{
    struct fixture *fx = *state;

    use_tls(fx);
    fx->config.ca_file = tls_file("one.pem");
    begin(fx);
    UNTIL(fx, fx->ups == 1);
    assert_true(pn_transport_is_encrypted(fx->amqp->driver.transport));
    make_sender(fx, "a");
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) > 0);
    send_one(fx);
    UNTIL(fx, fx->ends[GN_AMQP_ACCEPTED] == 1);
}

static void certificates_that_are_not_trusted_end_the_attempt(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        const char *ca, *host;
    } rows[] = {{"other.pem", "localhost"}, {NULL, "localhost"}, {"one.pem", "127.0.0.1"}};

    use_tls(fx);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        fx->config.ca_file = rows[i].ca == NULL ? NULL : tls_file(rows[i].ca);
        fx->config.host = rows[i].host;
        begin(fx);
        UNTIL(fx, status_of(fx).failures >= 1);
        assert_int_equal(fx->ups, 0);
        assert_true(*status_of(fx).last_error != '\0');
        stop(fx);
    }
}

static void nothing_is_verified_when_told_so(void **state)
{
    struct fixture *fx = *state;

    use_tls(fx);
    fx->config.verify = false;
    fx->config.host = "127.0.0.1";
    begin(fx);
    UNTIL(fx, fx->ups == 1);
}

static void files_that_cannot_be_used_are_named(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        const char *ca, *cert, *key, *why;
    } rows[] = {
        {"missing.pem", NULL, NULL, "missing.pem: No such file or directory"},
        {"empty.pem", NULL, NULL, "empty.pem: no certificates in it"},
        {"one.pem", "missing.pem", "one.key", "missing.pem: No such file or directory"},
        {"one.pem", "one.pem", "missing.key", "missing.key: No such file or directory"},
        {"one.pem", "one.pem", "other.key", "no certificate with its key"},
    };

    use_tls(fx);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        fx->config.ca_file = tls_file(rows[i].ca);
        fx->config.cert_file = rows[i].cert == NULL ? NULL : tls_file(rows[i].cert);
        fx->config.key_file = rows[i].key == NULL ? NULL : tls_file(rows[i].key);
        begin(fx);
        UNTIL(fx, status_of(fx).failures >= 2);
        assert_non_null(strstr(status_of(fx).last_error, rows[i].why));
        stop(fx);
    }
    assert_int_equal(fx->ups, 0);
}

static void a_file_is_read_again_for_the_next_connection(void **state)
{
    struct fixture *fx = *state;
    const char *moving = tls_file("moving.pem");

    use_tls(fx);
    fx->config.ca_file = moving;
    begin(fx);
    UNTIL(fx, status_of(fx).failures >= 1);
    assert_int_equal(symlink("one.pem", moving), 0);
    UNTIL(fx, fx->ups == 1);
}

static void a_certificate_of_ours_is_who_we_are(void **state)
{
    struct fixture *fx = *state;

    use_tls(fx);
    ask_for_certificate(fx, "other.pem");
    fx->peer->sasl = PEER_SASL_EXTERNAL;
    fx->config.sasl = GN_AMQP_SASL_EXTERNAL;
    fx->config.ca_file = tls_file("one.pem");
    fx->config.cert_file = tls_file("other.pem");
    fx->config.key_file = tls_file("other.key");
    begin(fx);
    UNTIL(fx, fx->ups == 1);
}

static void a_certificate_that_the_peer_refuses_is_a_denial(void **state)
{
    struct fixture *fx = *state;
    static const char unknown_ca[] = "\x15\3\3\0\2\2\x30"; /* an alert, as servers send it */

    fx->config.use_tls = true;
    fx->config.denied_ms = 100000;
    fx->peer->is_mute = true;
    begin(fx);
    UNTIL(fx, fx->amqp->state == GN_AMQP_OPENING);
    UNTIL(fx, fx->peer->fd >= 0);
    assert_int_equal(send(fx->peer->fd, unknown_ca, 7, MSG_NOSIGNAL), 7);
    UNTIL(fx, status_of(fx).failures >= 1);
    assert_non_null(strstr(status_of(fx).last_error, "alert unknown ca"));
    assert_true(fx->amqp->timer.at_us > gn_clock_mono_us() + 90000000);
}

/* ---- sending ---- */

static void a_message_arrives_and_its_outcome_comes_back(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        uint64_t said;
        enum gn_amqp_outcome outcome;
        const char *reason;
    } rows[] = {
        {PN_ACCEPTED, GN_AMQP_ACCEPTED, ""},
        {PN_RELEASED, GN_AMQP_RELEASED, "released"},
        {PN_MODIFIED, GN_AMQP_RELEASED, "modified"},
        {PN_REJECTED, GN_AMQP_REJECTED, "amqp:decode-error: cannot read that"},
    };

    begin_sending(fx);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        fx->ended = 0;
        memset(fx->ends, 0, sizeof fx->ends);
        gn_buf_reset(&fx->peer->last);
        fx->peer->outcome = rows[i].said;
        send_one(fx);
        assert_int_equal(gn_amqp_sender_unsettled(fx->sender), 1);
        assert_int_equal(fx->ended, 0);
        UNTIL(fx, fx->ended == 1);
        assert_int_equal(fx->ends[rows[i].outcome], 1);
        assert_string_equal(fx->end_reason, rows[i].reason);
        assert_int_equal(gn_amqp_sender_unsettled(fx->sender), 0);
        assert_true(gn_str_eq(gn_buf_str(&fx->peer->last), GN_STR("hello")));
        assert_false(fx->peer->was_settled);
    }
}

static void a_state_that_is_no_outcome_ends_nothing(void **state)
{
    struct fixture *fx = *state;

    fx->peer->says_received_first = true;
    begin_sending(fx);
    send_one(fx);
    UNTIL(fx, fx->peer->received == 1);
    turns(fx, 10);
    assert_int_equal(fx->ended, 0);
    peer_say_all(fx->peer, PN_ACCEPTED);
    UNTIL(fx, fx->ends[GN_AMQP_ACCEPTED] == 1);
}

static void a_message_settled_without_an_outcome_is_unknown(void **state)
{
    struct fixture *fx = *state;

    fx->peer->settles_only = true;
    begin_sending(fx);
    send_one(fx);
    UNTIL(fx, fx->ended == 1);
    assert_int_equal(fx->ends[GN_AMQP_UNKNOWN], 1);
}

static void thousands_of_messages_end_once_each(void **state)
{
    struct fixture *fx = *state;
    unsigned sent = 0;

    begin_sending(fx);
    while (sent < 5000) {
        enum gn_err err = gn_amqp_send(fx->sender, GN_STR("x"), on_sent, fx, NULL);

        if (err == GN_OK) {
            sent++;
            continue;
        }
        assert_int_equal(err, GN_EFULL);
        fx->credits = 0;
        UNTIL(fx, fx->credits > 0);
    }
    UNTIL(fx, fx->ended == sent);
    turns(fx, 5);
    assert_int_equal(fx->ends[GN_AMQP_ACCEPTED], 5000);
    assert_int_equal(fx->peer->received, 5000);
}

static void without_an_outcome_in_time_it_is_unknown_and_credit_goes_on(void **state)
{
    struct fixture *fx = *state;
    const struct gn_amqp_sender_config config = {
        .address = "slow", .outcome_ms = 30, .on_credit = on_credit, .ctx = fx};

    fx->peer->outcome = 0;
    begin(fx);
    fx->sender = gn_amqp_sender_new(fx->amqp, &config);
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) > 0);
    for (unsigned i = 0; i < 10; i++)
        send_one(fx);
    UNTIL(fx, fx->ended == 10);
    assert_int_equal(fx->ends[GN_AMQP_UNKNOWN], 10);
    assert_int_equal(fx->peer->received, 10);
    peer_say_all(fx->peer, PN_ACCEPTED);
    turns(fx, 10);
    assert_int_equal(fx->ended, 10);
    fx->peer->outcome = PN_ACCEPTED;
    send_one(fx);
    UNTIL(fx, fx->ends[GN_AMQP_ACCEPTED] == 1);
}

static void what_breaks_before_an_outcome_is_lost(void **state)
{
    struct fixture *fx = *state;

    fx->peer->outcome = 0;
    begin_sending(fx);
    for (unsigned i = 0; i < 10; i++)
        send_one(fx);
    UNTIL(fx, fx->peer->received == 10);
    peer_cut(fx->peer);
    UNTIL(fx, fx->ended == 10);
    assert_int_equal(fx->ends[GN_AMQP_LOST], 10);
    assert_string_equal(fx->end_reason, "the peer closed the connection");
    assert_int_equal(gn_amqp_send(fx->sender, GN_STR("x"), on_sent, fx, NULL), GN_ECONN);
    UNTIL(fx, fx->credits == 1); /* attached again, told because it was refused */
    fx->peer->outcome = PN_ACCEPTED;
    send_one(fx);
    UNTIL(fx, fx->ends[GN_AMQP_ACCEPTED] == 1);
}

static void without_credit_nothing_is_sent_and_credit_is_told(void **state)
{
    struct fixture *fx = *state;

    fx->peer->credit = 0;
    fx->sends_in_callback = true;
    begin(fx);
    make_sender(fx, "a");
    assert_int_equal(gn_amqp_send(fx->sender, GN_STR("x"), on_sent, fx, NULL), GN_ECONN);
    UNTIL(fx, gn_amqp_sender_is_attached(fx->sender));
    assert_int_equal(gn_amqp_send(fx->sender, GN_STR("x"), on_sent, fx, NULL), GN_EFULL);
    turns(fx, 10);
    assert_int_equal(fx->credits, 0);
    pn_link_flow(peer_link(fx->peer, "a"), 1);
    peer_turn_later(fx->peer);
    UNTIL(fx, fx->ends[GN_AMQP_ACCEPTED] == 1);
    assert_int_equal(fx->credits, 1);
    assert_int_equal(gn_amqp_sender_credit(fx->sender), 0);
}

static void credit_that_is_called_back_is_given_back(void **state)
{
    struct fixture *fx = *state;
    pn_link_t *link;

    fx->peer->credit = 7;
    begin_sending(fx);
    link = peer_link(fx->peer, "a/b");
    pn_link_drain(link, 0);
    peer_turn_later(fx->peer);
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) == 0);
    UNTIL(fx, !pn_link_draining(link));
}

static void what_proton_holds_is_bounded(void **state)
{
    struct fixture *fx = *state;
    const size_t len = 100000;
    char *big = calloc(1, len);
    unsigned sent = 0;
    enum gn_err err;

    assert_non_null(big);
    fx->peer->credit = 1000;
    begin_sending(fx);
    fx->peer->is_frozen = true;
    while ((err = gn_amqp_send(fx->sender, (struct gn_str){big, len}, on_sent, fx, NULL)) ==
           GN_OK) {
        sent++;
        turns(fx, 1);
    }
    assert_int_equal(err, GN_EFULL);
    assert_in_range(sent, GN_AMQP_HELD_MAX / len, GN_AMQP_HELD_MAX / len + 200);
    fx->peer->is_frozen = false;
    gn_watch_set(fx->peer->watch, GN_WATCH_READ);
    UNTIL(fx, fx->credits == 1);
    UNTIL(fx, fx->ended == sent);
    assert_int_equal(fx->ends[GN_AMQP_ACCEPTED], sent);
    assert_int_equal(fx->peer->received_bytes, sent * len);
    free(big);
}

static void presettled_messages_are_done_when_the_socket_has_them(void **state)
{
    struct fixture *fx = *state;
    const struct gn_amqp_sender_config config = {.address = "fan",
                                                 .is_presettled = true,
                                                 .outcome_ms = 5000,
                                                 .on_credit = on_credit,
                                                 .ctx = fx};

    fx->peer->outcome = 0;
    begin(fx);
    fx->sender = gn_amqp_sender_new(fx->amqp, &config);
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) > 0);
    for (unsigned i = 0; i < 50; i++)
        send_one(fx);
    assert_int_equal(fx->ended, 0);
    UNTIL(fx, fx->ended == 50);
    assert_int_equal(fx->ends[GN_AMQP_ACCEPTED], 50);
    UNTIL(fx, fx->peer->received == 50);
    assert_true(fx->peer->was_settled);
}

static void presettled_messages_that_stay_here_are_lost_or_unknown(void **state)
{
    struct fixture *fx = *state;
    const struct gn_amqp_sender_config config = {
        .address = "fan", .is_presettled = true, .outcome_ms = 50, .ctx = fx};
    const size_t len = (size_t)4 << 20;
    char *big = calloc(1, len);

    assert_non_null(big);
    begin(fx);
    fx->sender = gn_amqp_sender_new(fx->amqp, &config);
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) > 0);
    fx->peer->is_frozen = true;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(gn_amqp_send(fx->sender, (struct gn_str){big, len}, on_sent, fx, NULL),
                         GN_OK);
    UNTIL(fx, fx->ended == 2);
    assert_int_equal(fx->ends[GN_AMQP_UNKNOWN], 2);
    peer_cut(fx->peer);
    UNTIL(fx, fx->downs == 1);
    free(big);
}

static void a_canceled_message_comes_back_once(void **state)
{
    struct fixture *fx = *state;
    struct gn_amqp_sending *sending[3];

    fx->peer->outcome = 0;
    begin_sending(fx);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(gn_amqp_send(fx->sender, GN_STR("x"), on_sent, fx, &sending[i]), GN_OK);
    gn_amqp_cancel(sending[1]); /* before it has left */
    gn_amqp_cancel(sending[1]);
    assert_int_equal(fx->ended, 0);
    UNTIL(fx, fx->ended == 1 && fx->peer->received == 3);
    gn_amqp_cancel(sending[0]); /* on its way */
    UNTIL(fx, fx->ended == 2);
    assert_int_equal(fx->ends[GN_AMQP_CANCELED], 2);
    peer_say_all(fx->peer, PN_ACCEPTED);
    UNTIL(fx, fx->ended == 3);
    assert_int_equal(fx->ends[GN_AMQP_ACCEPTED], 1);
    send_one(fx);
    UNTIL(fx, fx->ends[GN_AMQP_ACCEPTED] == 2);
}

static void a_sender_that_is_freed_cancels_and_detaches(void **state)
{
    struct fixture *fx = *state;

    fx->peer->outcome = 0;
    begin_sending(fx);
    for (unsigned i = 0; i < 5; i++)
        send_one(fx);
    gn_amqp_sender_free(fx->sender);
    fx->sender = NULL;
    assert_int_equal(fx->ended, 0);
    UNTIL(fx, fx->ended == 5 && fx->peer->detaches == 1 && fx->peer->sessions_ended == 1);
    assert_int_equal(fx->ends[GN_AMQP_CANCELED], 5);
    UNTIL(fx, fx->amqp->session_count == 0);
    assert_int_equal(fx->downs, 0);
}

static void a_stop_gives_all_messages_back(void **state)
{
    struct fixture *fx = *state;

    fx->peer->outcome = 0;
    begin_sending(fx);
    for (unsigned i = 0; i < 5; i++)
        send_one(fx);
    gn_amqp_stop(fx->amqp);
    assert_int_equal(fx->ended, 0);
    assert_int_equal(gn_amqp_send(fx->sender, GN_STR("x"), on_sent, fx, NULL), GN_ECONN);
    UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
    assert_int_equal(fx->ends[GN_AMQP_CANCELED], 5);
}

static void a_sender_may_be_freed_and_all_be_stopped_in_a_callback(void **state)
{
    struct fixture *fx = *state;

    begin_sending(fx);
    for (unsigned i = 0; i < 5; i++)
        send_one(fx);
    fx->frees_in_callback = true;
    fx->stops_in_callback = true;
    UNTIL(fx, fx->ended == 5);
    UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
}

static void free_when_stopped(void *ctx, bool is_up, const char *reason)
{
    struct fixture *fx = ctx;

    on_state(ctx, is_up, reason);
    if (gn_amqp_is_stopped(fx->amqp)) {
        gn_amqp_free(fx->amqp);
        fx->amqp = NULL;
    }
}

static void it_may_be_freed_when_it_says_that_it_has_stopped(void **state)
{
    struct fixture *fx = *state;

    fx->config.on_state = free_when_stopped;
    begin(fx);
    UNTIL(fx, fx->ups == 1);
    gn_amqp_stop(fx->amqp);
    UNTIL(fx, fx->amqp == NULL);
}

/* ---- links ---- */

static void a_refused_link_is_told_and_tried_again_alone(void **state)
{
    struct fixture *fx = *state;
    static const char *const rows[] = {"bad", "worse"};
    static const char *const reasons[] = {"amqp:not-found: no such node",
                                          "amqp:invalid-field: unknown destination"};

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_amqp_sender *good;

        begin_sending(fx);
        good = fx->sender;
        fx->refused = 0;
        make_sender(fx, rows[i]);
        UNTIL(fx, fx->refused == 1);
        assert_string_equal(fx->refused_reason, reasons[i]);
        assert_false(gn_amqp_sender_is_attached(fx->sender));
        UNTIL(fx, fx->refused == 3);
        assert_true(gn_amqp_sender_is_attached(good));
        assert_int_equal(fx->downs, 0);
        assert_in_range(fx->amqp->session_count, 1, 2);
        gn_amqp_sender_free(good);
        stop(fx);
        fx->downs = 0;
    }
}

static void a_link_that_is_detached_loses_its_messages_and_comes_back(void **state)
{
    struct fixture *fx = *state;

    fx->peer->outcome = 0;
    begin_sending(fx);
    send_one(fx);
    UNTIL(fx, fx->peer->received == 1);
    peer_detach(fx->peer, "a/b");
    UNTIL(fx, fx->refused == 1);
    assert_string_equal(fx->refused_reason, "amqp:link:detach-forced: node is gone");
    UNTIL(fx, fx->ends[GN_AMQP_LOST] == 1);
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) > 0);
    assert_int_equal(fx->downs, 0);
    assert_int_equal(fx->amqp->session_count, 1);
}

static void a_receiver_is_told_each_time_that_it_is_attached(void **state)
{
    struct fixture *fx = *state;
    const struct gn_amqp_receiver_config config = {.address = "a/b",
                                                   .credit = 1,
                                                   .max_message_bytes = 1000,
                                                   .on_message = on_message,
                                                   .on_attached = on_attached,
                                                   .ctx = fx};

    fx->peer->keeps_attach = true;
    begin(fx);
    fx->receiver = gn_amqp_receiver_new(fx->amqp, &config);
    turns(fx, 10);
    assert_int_equal(fx->attached, 0);
    peer_cut(fx->peer);
    fx->peer->keeps_attach = false;
    UNTIL(fx, fx->attached == 1);
    assert_true(gn_amqp_receiver_is_attached(fx->receiver));
    peer_detach(fx->peer, "a/b");
    UNTIL(fx, fx->attached == 2);
    peer_cut(fx->peer);
    fx->frees_in_callback = true;
    UNTIL(fx, fx->attached == 3);
    turns(fx, 5);
    assert_null(fx->receiver);
}

static void a_link_that_is_never_answered_is_given_up(void **state)
{
    struct fixture *fx = *state;

    fx->peer->keeps_attach = true;
    fx->config.connect_timeout_ms = 50;
    begin(fx);
    make_sender(fx, "a");
    UNTIL(fx, fx->refused == 1);
    assert_string_equal(fx->refused_reason, "the peer did not attach the link in time");
    fx->peer->keeps_attach = false;
    UNTIL(fx, gn_amqp_sender_credit(fx->sender) > 0);
}

static void links_may_be_freed_when_they_are_refused(void **state)
{
    struct fixture *fx = *state;

    begin_receiving(fx, 5, 1000);
    fx->frees_in_callback = true;
    make_sender(fx, "bad");
    UNTIL(fx, fx->refused == 1);
    turns(fx, 10);
    assert_null(fx->sender);
    UNTIL(fx, fx->amqp->session_count == 0);
}

static void many_links_are_attached_over_several_turns(void **state)
{
    struct fixture *fx = *state;
    enum { LINKS = 700 };
    struct gn_amqp_sender *senders[LINKS];
    char address[32];

    begin(fx);
    for (unsigned i = 0; i < LINKS; i++) {
        (void)snprintf(address, sizeof address, "a/%u", i);
        make_sender(fx, address);
        senders[i] = fx->sender;
    }
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < LINKS; i++)
            UNTIL(fx, gn_amqp_sender_credit(senders[i]) > 0);
        assert_int_equal(fx->peer->attaches, round * LINKS);
        peer_cut(fx->peer);
        UNTIL(fx, fx->downs == round);
    }
    for (unsigned i = 0; i + 1 < LINKS; i++)
        gn_amqp_sender_free(senders[i]);
}

static void a_link_may_be_freed_in_any_state(void **state)
{
    struct fixture *fx = *state;
    static const enum gn_amqp_link_state rows[] = {GN_AMQP_LINK_DOWN, GN_AMQP_LINK_QUEUED,
                                                   GN_AMQP_LINK_ATTACHING, GN_AMQP_LINK_ATTACHED,
                                                   GN_AMQP_LINK_PAUSED};

    begin(fx);
    make_sender(fx, "early");
    gn_amqp_sender_free(fx->sender);
    UNTIL(fx, fx->ups == 1);
    for (size_t i = 1; i < GN_LEN(rows); i++) {
        make_sender(fx, rows[i] == GN_AMQP_LINK_PAUSED ? "bad" : "good");
        UNTIL(fx, fx->sender->base.state == rows[i]);
        gn_amqp_sender_free(fx->sender);
        fx->sender = NULL;
        UNTIL(fx, fx->amqp->session_count == 0);
    }
    assert_int_equal(fx->downs, 0);
}

/* ---- receiving ---- */

static void messages_are_handed_on_and_settled(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        enum gn_amqp_settlement settlement;
        uint64_t outcome;
    } rows[] = {{GN_AMQP_ACCEPT, PN_ACCEPTED},
                {GN_AMQP_REJECT, PN_REJECTED},
                {GN_AMQP_RELEASE, PN_RELEASED}};

    fx->holds = true;
    begin_receiving(fx, 10, 1000);
    for (unsigned i = 0; i < GN_LEN(rows); i++) {
        peer_send(fx->peer, "/cluster/node/n1/x", "event", 5);
        UNTIL(fx, fx->messages == i + 1);
        assert_true(gn_str_eq(gn_buf_str(&fx->last), GN_STR("event")));
        turns(fx, 3);
        assert_int_equal(fx->peer->outcomes[rows[i].outcome & 7], 0);
        gn_amqp_settle(fx->deliveries[i], rows[i].settlement, "of no use");
        UNTIL(fx, fx->peer->outcomes[rows[i].outcome & 7] == 1);
    }
    assert_string_equal(fx->peer->condition, "gurnard:rejected of no use");
}

static void thousands_of_messages_come_in_order_of_credit(void **state)
{
    struct fixture *fx = *state;
    unsigned sent = 0;

    begin_receiving(fx, 10, 1000);
    while (sent < 3000) {
        pn_link_t *link = peer_link(fx->peer, "/cluster/node/n1/x");

        if (pn_link_credit(link) > 0) {
            peer_send(fx->peer, "/cluster/node/n1/x", &sent, sizeof sent);
            sent++;
            continue;
        }
        turns(fx, 1);
    }
    UNTIL(fx, fx->peer->outcomes[PN_ACCEPTED & 7] == sent);
    assert_int_equal(fx->messages, sent);
    assert_memory_equal(fx->last.data, &(unsigned){sent - 1}, sizeof sent);
}

static void credit_stops_at_what_is_not_settled_and_goes_on(void **state)
{
    struct fixture *fx = *state;
    pn_link_t *link;

    fx->holds = true;
    begin_receiving(fx, 4, 1000);
    link = peer_link(fx->peer, "/cluster/node/n1/x");
    for (unsigned i = 0; i < 4; i++)
        peer_send(fx->peer, "/cluster/node/n1/x", "m", 1);
    UNTIL(fx, fx->messages == 4);
    assert_int_equal(pn_link_credit(link), 0);
    gn_amqp_settle(fx->deliveries[2], GN_AMQP_ACCEPT, "");
    UNTIL(fx, pn_link_credit(link) == 1);
    for (unsigned i = 0; i < 4; i++)
        if (i != 2)
            gn_amqp_settle(fx->deliveries[i], GN_AMQP_ACCEPT, "");
    UNTIL(fx, pn_link_credit(link) >= 3);
}

static void a_message_in_parts_is_put_together(void **state)
{
    struct fixture *fx = *state;
    pn_delivery_t *delivery;

    begin_receiving(fx, 4, 1000);
    delivery = peer_begin(fx->peer, "/cluster/node/n1/x");
    peer_part(fx->peer, delivery, "one ", 4);
    turns(fx, 10);
    assert_int_equal(fx->messages, 0);
    peer_part(fx->peer, delivery, "two", 3);
    turns(fx, 5);
    peer_end(fx->peer, delivery, true);
    UNTIL(fx, fx->messages == 1);
    assert_true(gn_str_eq(gn_buf_str(&fx->last), GN_STR("one two")));
}

static void an_aborted_message_is_none(void **state)
{
    struct fixture *fx = *state;
    pn_delivery_t *delivery;

    begin_receiving(fx, 1, 1000);
    delivery = peer_begin(fx->peer, "/cluster/node/n1/x");
    peer_part(fx->peer, delivery, "half", 4);
    turns(fx, 10);
    pn_delivery_abort(delivery);
    peer_turn_later(fx->peer);
    UNTIL(fx, pn_link_credit(peer_link(fx->peer, "/cluster/node/n1/x")) == 1);
    peer_send(fx->peer, "/cluster/node/n1/x", "whole", 5);
    UNTIL(fx, fx->messages == 1);
    assert_true(gn_str_eq(gn_buf_str(&fx->last), GN_STR("whole")));
}

static void a_message_that_is_too_large_is_rejected_and_the_next_one_taken(void **state)
{
    struct fixture *fx = *state;
    char big[3000] = "x";
    pn_delivery_t *delivery;

    begin_receiving(fx, 2, 1000);
    delivery = peer_begin(fx->peer, "/cluster/node/n1/x");
    peer_part(fx->peer, delivery, big, sizeof big);
    UNTIL(fx, pn_delivery_remote_state(delivery) == PN_REJECTED); /* while it is still coming */
    peer_sent_updated(fx->peer, delivery);
    peer_turn_later(fx->peer);
    peer_send(fx->peer, "/cluster/node/n1/x", big, sizeof big);
    UNTIL(fx, fx->peer->outcomes[PN_REJECTED & 7] == 2);
    assert_string_equal(fx->peer->condition, "amqp:link:message-size-exceeded ");
    UNTIL(fx, pn_link_credit(peer_link(fx->peer, "/cluster/node/n1/x")) > 0);
    peer_send(fx->peer, "/cluster/node/n1/x", big, 1000);
    UNTIL(fx, fx->messages == 1);
    assert_int_equal(fx->last.len, 1000);
}

static void what_is_not_settled_is_gone_with_the_connection(void **state)
{
    struct fixture *fx = *state;

    fx->holds = true;
    begin_receiving(fx, 10, 1000);
    for (unsigned i = 0; i < 3; i++)
        peer_send(fx->peer, "/cluster/node/n1/x", "m", 1);
    UNTIL(fx, fx->messages == 3);
    gn_amqp_settle(fx->deliveries[0], GN_AMQP_ACCEPT, "");
    UNTIL(fx, fx->peer->outcomes[PN_ACCEPTED & 7] == 1);
    peer_cut(fx->peer);
    UNTIL(fx, fx->gone == 2);
    UNTIL(fx, gn_amqp_receiver_is_attached(fx->receiver));
    UNTIL(fx, peer_link(fx->peer, "/cluster/node/n1/x") != NULL &&
                  pn_link_credit(peer_link(fx->peer, "/cluster/node/n1/x")) == 10);
}

static void a_receiver_that_is_freed_gives_its_messages_back(void **state)
{
    struct fixture *fx = *state;

    fx->holds = true;
    begin_receiving(fx, 10, 1000);
    for (unsigned i = 0; i < 3; i++)
        peer_send(fx->peer, "/cluster/node/n1/x", "m", 1);
    UNTIL(fx, fx->messages == 3);
    gn_amqp_receiver_free(fx->receiver);
    fx->receiver = NULL;
    UNTIL(fx, fx->peer->outcomes[PN_RELEASED & 7] == 3 && fx->peer->sessions_ended == 1);
    assert_int_equal(fx->gone, 0);
}

static void a_receiver_may_be_freed_and_all_be_stopped_by_a_message(void **state)
{
    struct fixture *fx = *state;

    begin_receiving(fx, 10, 1000);
    fx->frees_in_callback = true;
    fx->stops_in_callback = true;
    for (unsigned i = 0; i < 3; i++)
        peer_send(fx->peer, "/cluster/node/n1/x", "m", 1);
    UNTIL(fx, fx->messages == 1);
    UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
    assert_int_equal(fx->messages, 1);
}

static void a_stop_leaves_unsettled_messages_to_the_peer(void **state)
{
    struct fixture *fx = *state;

    fx->holds = true;
    begin_receiving(fx, 10, 1000);
    peer_send(fx->peer, "/cluster/node/n1/x", "m", 1);
    UNTIL(fx, fx->messages == 1);
    gn_amqp_stop(fx->amqp);
    UNTIL(fx, gn_amqp_is_stopped(fx->amqp));
    assert_int_equal(fx->gone, 1);
}

static void links_that_the_peer_begins_are_refused(void **state)
{
    struct fixture *fx = *state;
    pn_session_t *session;
    pn_link_t *link;

    begin_sending(fx);
    session = pn_session(fx->peer->driver.connection);
    pn_session_open(session);
    peer_turn_later(fx->peer);
    UNTIL(fx, (pn_session_state(session) & PN_REMOTE_CLOSED) != 0);
    link = pn_sender(pn_link_session(peer_link(fx->peer, "a/b")), "theirs");
    pn_link_open(link);
    peer_turn_later(fx->peer);
    UNTIL(fx, (pn_link_state(link) & PN_REMOTE_CLOSED) != 0);
    send_one(fx);
    UNTIL(fx, fx->ends[GN_AMQP_ACCEPTED] == 1);
}

#define AMQP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AMQP_TEST(a_connection_comes_up_and_is_closed_in_order),
        AMQP_TEST(a_connection_that_breaks_is_made_again),
        AMQP_TEST(a_close_by_the_peer_gives_its_reason),
        AMQP_TEST(a_port_where_nobody_listens_is_tried_again_and_again),
        AMQP_TEST(a_host_without_address_is_a_failure_with_its_reason),
        AMQP_TEST(the_first_address_that_answers_is_taken),
        AMQP_TEST(a_peer_that_says_nothing_is_given_up),
        AMQP_TEST(a_peer_that_falls_silent_is_noticed_by_the_idle_timeout),
        AMQP_TEST(an_idle_connection_is_kept_alive_for_the_peer),
        AMQP_TEST(bytes_that_are_no_amqp_end_the_attempt),
        AMQP_TEST(pauses_double_with_jitter_up_to_their_limit),
        AMQP_TEST(a_stop_ends_whatever_is_under_way),
        AMQP_TEST(a_stop_waits_for_the_peers_close_but_not_for_ever),
        AMQP_TEST(a_password_is_not_sent_in_the_clear_unless_allowed),
        AMQP_TEST(identities_that_cannot_work_are_refused_at_the_start),
        AMQP_TEST(a_right_password_opens_the_connection),
        AMQP_TEST(a_wrong_password_is_tried_again_only_after_a_long_pause),
        AMQP_TEST(without_a_sasl_layer_there_is_none),
        AMQP_TEST(a_certificate_that_is_known_is_trusted),
        AMQP_TEST(certificates_that_are_not_trusted_end_the_attempt),
        AMQP_TEST(nothing_is_verified_when_told_so),
        AMQP_TEST(files_that_cannot_be_used_are_named),
        AMQP_TEST(a_file_is_read_again_for_the_next_connection),
        AMQP_TEST(a_certificate_of_ours_is_who_we_are),
        AMQP_TEST(a_certificate_that_the_peer_refuses_is_a_denial),
        AMQP_TEST(a_message_arrives_and_its_outcome_comes_back),
        AMQP_TEST(a_state_that_is_no_outcome_ends_nothing),
        AMQP_TEST(a_message_settled_without_an_outcome_is_unknown),
        AMQP_TEST(thousands_of_messages_end_once_each),
        AMQP_TEST(without_an_outcome_in_time_it_is_unknown_and_credit_goes_on),
        AMQP_TEST(what_breaks_before_an_outcome_is_lost),
        AMQP_TEST(without_credit_nothing_is_sent_and_credit_is_told),
        AMQP_TEST(credit_that_is_called_back_is_given_back),
        AMQP_TEST(what_proton_holds_is_bounded),
        AMQP_TEST(presettled_messages_are_done_when_the_socket_has_them),
        AMQP_TEST(presettled_messages_that_stay_here_are_lost_or_unknown),
        AMQP_TEST(a_canceled_message_comes_back_once),
        AMQP_TEST(a_sender_that_is_freed_cancels_and_detaches),
        AMQP_TEST(a_stop_gives_all_messages_back),
        AMQP_TEST(a_sender_may_be_freed_and_all_be_stopped_in_a_callback),
        AMQP_TEST(it_may_be_freed_when_it_says_that_it_has_stopped),
        AMQP_TEST(a_refused_link_is_told_and_tried_again_alone),
        AMQP_TEST(a_link_that_is_detached_loses_its_messages_and_comes_back),
        AMQP_TEST(a_receiver_is_told_each_time_that_it_is_attached),
        AMQP_TEST(a_link_that_is_never_answered_is_given_up),
        AMQP_TEST(links_may_be_freed_when_they_are_refused),
        AMQP_TEST(many_links_are_attached_over_several_turns),
        AMQP_TEST(a_link_may_be_freed_in_any_state),
        AMQP_TEST(messages_are_handed_on_and_settled),
        AMQP_TEST(thousands_of_messages_come_in_order_of_credit),
        AMQP_TEST(credit_stops_at_what_is_not_settled_and_goes_on),
        AMQP_TEST(a_message_in_parts_is_put_together),
        AMQP_TEST(an_aborted_message_is_none),
        AMQP_TEST(a_message_that_is_too_large_is_rejected_and_the_next_one_taken),
        AMQP_TEST(what_is_not_settled_is_gone_with_the_connection),
        AMQP_TEST(a_receiver_that_is_freed_gives_its_messages_back),
        AMQP_TEST(a_receiver_may_be_freed_and_all_be_stopped_by_a_message),
        AMQP_TEST(a_stop_leaves_unsettled_messages_to_the_peer),
        AMQP_TEST(links_that_the_peer_begins_are_refused),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
