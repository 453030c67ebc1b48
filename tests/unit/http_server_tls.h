/* Tests of the HTTP server over TLS. The client is openssl s_client; its standard input and output
 * stand for the socket of a client without TLS. */
#ifndef GN_TESTS_HTTP_SERVER_TLS_H
#define GN_TESTS_HTTP_SERVER_TLS_H

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "gurnard/base/file.h"

#include "http_server_bed.h"
#include "http_server_streams.h"

static char tls_dir[] = "/tmp/gurnard-test-http-XXXXXX";

struct tls_client {
    struct client client;
    pid_t pid;
};

/* ---- certificates ---- */

static const char *tls_file(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", tls_dir, name);
    return path;
}

/* Two certificates that sign themselves, and an old one with RSA. */
static int make_certificates(void **state)
{
    char command[1024];

    (void)state;
    assert_non_null(mkdtemp(tls_dir));
    (void)snprintf(command, sizeof(command),
                   "cd %s && make() { n=$1; shift; openssl req -x509 -nodes -keyout $n.key -out "
                   "$n.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \"$@\" "
                   "2>/dev/null; } && make one -newkey ec -pkeyopt ec_paramgen_curve:P-256 && "
                   "make other -newkey ec -pkeyopt ec_paramgen_curve:P-256 && "
                   "make rsa -newkey rsa:2048",
                   tls_dir);
    return system(command);
}

static int remove_certificates(void **state)
{
    static const char *const names[] = {"one.key",   "one.pem", "other.key",
                                        "other.pem", "rsa.key", "rsa.pem"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(names); i++)
        (void)unlink(tls_file(names[i])); /* some are of one test only */
    return rmdir(tls_dir);
}

static struct gn_buf text_of(const char *name)
{
    struct gn_buf text = GN_BUF_INIT;

    assert_int_equal(gn_file_read(tls_file(name), 65536, &text), GN_OK);
    return text;
}

/* The texts are gone once the server runs. */
static struct bed *tls_bed_new(const struct gn_http_server_config *limits, const char *certificate,
                               const char *key)
{
    struct gn_buf certificate_text = text_of(certificate);
    struct gn_buf key_text = text_of(key);
    const struct gn_http_server_tls tls = {
        .certificate = gn_buf_str(&certificate_text),
        .key = gn_buf_str(&key_text),
    };
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    bed->tls = &tls;
    bed_open(bed, limits);
    bed->tls = NULL;
    memset(certificate_text.data, 'x', certificate_text.len);
    memset(key_text.data, 'x', key_text.len);
    gn_buf_free(&certificate_text);
    gn_buf_free(&key_text);
    return bed;
}

static int tls_setup(void **state)
{
    *state = tls_bed_new(&patient, "one.pem", "one.key");
    return 0;
}

/* ---- the client ---- */

/* In the child. option: a version. */
static void run_s_client(int fd, const char *port, const char *ca, const char *option)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(null, 2) < 0)
        _exit(126);
    (void)execlp("openssl", "openssl", "s_client", "-quiet", "-connect", port, "-CAfile", ca,
                 "-verify_return_error", "-verify_ip", "127.0.0.1", option, "-cipher",
                 "DEFAULT:@SECLEVEL=0", (char *)NULL);
    _exit(127);
}

static void tls_open_as(struct tls_client *tls, struct bed *bed, const char *ca, const char *option)
{
    char port[32];
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    (void)snprintf(port, sizeof(port), "127.0.0.1:%u", (unsigned)bed->port);
    tls->client = (struct client){.bed = bed, .fd = ends[0]};
    tls->pid = fork();
    assert_true(tls->pid >= 0);
    if (tls->pid == 0)
        run_s_client(ends[1], port, tls_file(ca), option);
    close(ends[1]);
}

static void tls_open(struct tls_client *tls, struct bed *bed)
{
    tls_open_as(tls, bed, "one.pem", "-tls1_3");
}

/* The connection ends without any goodbye of TLS. */
static void tls_close(struct tls_client *tls)
{
    (void)kill(tls->pid, SIGKILL); /* it may have ended by itself */
    assert_int_equal(waitpid(tls->pid, NULL, 0), tls->pid);
    client_close(&tls->client);
}

/* After its connection was closed: whether with a goodbye of TLS. */
static bool tls_was_ended_in_order(struct tls_client *tls)
{
    int status = 0;

    assert_int_equal(waitpid(tls->pid, &status, 0), tls->pid);
    client_close(&tls->client);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- requests ---- */

static void two_requests_are_served_on_one_tls_connection(void **state)
{
    static const struct {
        const char *certificate, *key, *option;
    } rows[] = {
        {"one.pem", "one.key", "-tls1_3"},
        {"one.pem", "one.key", "-tls1_2"},
        {"rsa.pem", "rsa.key", "-tls1_3"},
        {"rsa.pem", "rsa.key", "-tls1_2"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct bed *bed = tls_bed_new(&patient, rows[i].certificate, rows[i].key);
        struct tls_client tls;

        tls_open_as(&tls, bed, rows[i].certificate, rows[i].option);
        client_send(&tls.client, POST("5") "\r\nfirst");
        if (!client_sees(&tls.client, "\r\n\r\nfirst"))
            fail_msg("%s %s", rows[i].certificate, rows[i].option);
        assert_string_equal(bed->peer, "127.0.0.1");
        client_send(&tls.client, POST("6") "\r\nsecond");
        assert_true(client_sees(&tls.client, "\r\n\r\nsecond"));
        assert_int_equal(connections(bed), 1);
        tls_close(&tls);
        turn_until_connections(bed, 0);
        bed_free(bed);
    }
}

static void versions_before_tls_1_2_are_refused(void **state)
{
    static const char *const rows[] = {"-tls1_1", "-tls1"};
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct tls_client tls;

        tls_open_as(&tls, bed, "one.pem", rows[i]);
        client_send(&tls.client, GET("/"));
        assert_true(client_sees_end(&tls.client));
        assert_int_equal(tls.client.len, 0);
        tls_close(&tls);
        turn_until_connections(bed, 0);
    }
    assert_int_equal(bed->handled, 0);
}

static void turn_until_answers(struct client *client, unsigned count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (count_of(client->text, "HTTP/1.1 200 OK\r\n") < count && gn_clock_mono_ms() < end_ms) {
        turn(client->bed);
        client_read(client);
    }
}

/* All requests come in one record: after its first bytes were read, the socket has nothing more to
 * tell, what is left lies in GnuTLS. */
static void requests_that_share_a_record_are_all_answered(void **state)
{
    enum { COUNT = 60 };
    struct bed *bed = *state;
    struct gn_buf text = GN_BUF_INIT;
    struct tls_client tls;

    for (int i = 0; i < COUNT; i++)
        gn_buf_printf(&text, POST("100") "\r\n%0100d", i);
    gn_buf_puts(&text, POST("4096") "\r\n");
    for (int i = 0; i < MAX_BODY; i++)
        gn_buf_putc(&text, i == MAX_BODY - 1 ? 'z' : 'y');
    assert_int_equal(gn_buf_err(&text), GN_OK);
    bed->answer_text = "taken";
    tls_open(&tls, bed);
    client_send_bytes(&tls.client, text.data, text.len);
    turn_until_answers(&tls.client, COUNT + 1);
    assert_int_equal(count_of(tls.client.text, "\r\n\r\ntaken"), COUNT + 1);
    tls_close(&tls);
    gn_buf_free(&text);
}

static void what_lies_in_tls_while_a_request_is_held_is_served_afterwards(void **state)
{
    struct bed *bed = *state;
    struct tls_client tls;

    bed->is_holding = true;
    tls_open(&tls, bed);
    client_send(&tls.client, GET("/1") GET("/2") GET("/3"));
    for (unsigned i = 0; i < 3; i++) {
        turn_until_held(bed, i + 1);
        answer(bed, bed->held[i]);
    }
    assert_string_equal(bed->seen, "GET /3 - ");
    tls_close(&tls);
}

static void a_large_answer_comes_whole_over_tls(void **state)
{
    enum { LARGE = 60000 };
    struct bed *bed = *state;
    struct tls_client tls;
    char *text = calloc(1, LARGE + 1);

    assert_non_null(text);
    memset(text, 'x', LARGE - 1);
    text[LARGE - 1] = 'z';
    bed->answer_text = text;
    tls_open(&tls, bed);
    client_send(&tls.client, GET("/"));
    assert_true(client_sees(&tls.client, text));
    tls_close(&tls);
    free(text);
}

/* ---- clients of no use ---- */

static void plain_http_on_a_tls_port_is_hung_up(void **state)
{
    static const char *const rows[] = {GET("/"), "x", "\x16\x03\x01\x02"};
    const struct gn_http_server_config hasty = {
        .max_connections = 10,
        .idle_timeout_ms = 600000,
        .header_deadline_ms = 60,
        .body_deadline_ms = 600000,
    };
    struct bed *bed = tls_bed_new(&hasty, "one.pem", "one.key");

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct client client;

        client_open(&client, bed);
        client_send(&client, rows[i]);
        assert_true(client_sees_end(&client));
        assert_null(strstr(client.text, "HTTP"));
        client_close(&client);
        turn_until_connections(bed, 0);
    }
    assert_int_equal(bed->handled, 0);
    bed_free(bed);
}

static void a_client_that_does_not_trust_the_certificate_does_no_harm(void **state)
{
    struct bed *bed = *state;
    struct tls_client tls;

    tls_open_as(&tls, bed, "other.pem", "-tls1_3");
    client_send(&tls.client, GET("/"));
    assert_true(client_sees_end(&tls.client));
    tls_close(&tls);
    turn_until_connections(bed, 0);
    assert_int_equal(bed->handled, 0);
}

static void an_unusable_certificate_or_key_is_refused(void **state)
{
    struct gn_buf one = text_of("one.pem");
    struct gn_buf one_key = text_of("one.key");
    struct gn_buf other_key = text_of("other.key");
    struct gn_buf rsa_key = text_of("rsa.key");
    const struct gn_http_server_tls rows[] = {
        {gn_buf_str(&one), gn_buf_str(&other_key)},
        {gn_buf_str(&one), gn_buf_str(&rsa_key)},
        {gn_buf_str(&one), gn_buf_str(&one)},
        {gn_buf_str(&one_key), gn_buf_str(&one_key)},
        {gn_buf_str(&one), GN_STR("")},
        {GN_STR(""), gn_buf_str(&one_key)},
        {GN_STR_NONE, GN_STR_NONE},
        {GN_STR("no certificate"), GN_STR("no key")},
        {gn_buf_str(&one), {one_key.data, one_key.len / 2}},
    };
    struct gn_loop *loop = gn_loop_new(NULL);

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_http_server_config config = patient;
        struct gn_http_server *server = NULL;

        config.name = "test";
        config.on_request = on_request;
        config.tls = &rows[i];
        assert_int_equal(gn_listen_tcp("", 0, &config.listen_fd, NULL), GN_OK);
        if (gn_http_server_new(loop, &config, &server) != GN_EINVAL)
            fail_msg("row %zu", i);
        assert_null(server);
        assert_int_equal(fcntl(config.listen_fd, F_GETFD), -1); /* closed */
    }
    gn_loop_free(loop);
    gn_buf_free(&one);
    gn_buf_free(&one_key);
    gn_buf_free(&other_key);
    gn_buf_free(&rsa_key);
}

/* ---- streams and drops ---- */

static void a_stream_goes_on_and_ends_over_tls(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct tls_client tls;

    tls_open(&tls, bed);
    client_send(&tls.client, GET("/events"));
    assert_true(client_sees(&tls.client, "\r\n\r\n"));
    stream_say(&crowd->listeners[0], "one");
    assert_true(client_sees(&tls.client, "\r\n\r\n3\r\none\r\n"));
    turn(bed);
    stream_say(&crowd->listeners[0], "two");
    assert_true(client_sees(&tls.client, "one\r\n3\r\ntwo\r\n"));
    stream_end(&crowd->listeners[0], false);
    assert_true(client_sees(&tls.client, "two\r\n0\r\n\r\n"));
    bed->handle = NULL;
    bed->answer_text = "plain";
    client_send(&tls.client, GET("/"));
    assert_true(client_sees(&tls.client, "\r\n\r\nplain"));
    tls_close(&tls);
    free(crowd);
}

static void a_client_that_leaves_its_stream_is_noticed_over_tls(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct tls_client tls;

    tls_open(&tls, bed);
    client_send(&tls.client, GET("/events"));
    assert_true(client_sees(&tls.client, "\r\n\r\n"));
    tls_close(&tls);
    turn_until_closed(bed, &crowd->listeners[0]);
    turn_until_connections(bed, 0);
    free(crowd);
}

static void what_is_idle_costs_no_turns_over_tls(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct tls_client idle, listening;

    tls_open(&listening, bed);
    client_send(&listening.client, GET("/events") GET("/next"));
    assert_true(client_sees(&listening.client, "\r\n\r\n"));
    bed->handle = NULL;
    tls_open(&idle, bed);
    client_send(&idle.client, GET("/"));
    assert_true(client_sees(&idle.client, "200 OK"));
    assert_idle(bed);
    stream_end(&crowd->listeners[0], false);
    tls_close(&idle);
    tls_close(&listening);
    free(crowd);
}

static void only_an_answer_that_is_the_last_says_goodbye_over_tls(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct tls_client tls;

    tls_open(&tls, bed);
    client_send(&tls.client, GET("/events"));
    assert_true(client_sees(&tls.client, "\r\n\r\n"));
    stream_say(&crowd->listeners[0], "half");
    stream_end(&crowd->listeners[0], true);
    assert_true(client_sees_end(&tls.client));
    assert_non_null(strstr(tls.client.text, "\r\n\r\n4\r\nhalf\r\n"));
    assert_null(strstr(tls.client.text, "0\r\n\r\n"));
    assert_false(tls_was_ended_in_order(&tls));
    bed->handle = drop_request;
    tls_open(&tls, bed);
    client_send(&tls.client, GET("/"));
    assert_true(client_sees_end(&tls.client));
    assert_int_equal(tls.client.len, 0);
    assert_false(tls_was_ended_in_order(&tls));
    bed->handle = NULL;
    tls_open(&tls, bed);
    client_send(&tls.client, HEAD("GET /") "Connection: close\r\n\r\n");
    assert_true(client_sees_end(&tls.client));
    assert_true(tls_was_ended_in_order(&tls));
    turn_until_connections(bed, 0);
    free(crowd);
}

static void a_tls_server_freed_ends_what_is_open(void **state)
{
    struct bed *bed = tls_bed_new(&patient, "one.pem", "one.key");
    struct crowd *crowd = crowd_new(bed);
    struct tls_client listening, waiting_one;

    (void)state;
    tls_open(&listening, bed);
    client_send(&listening.client, GET("/events"));
    assert_true(client_sees(&listening.client, "\r\n\r\n"));
    bed->handle = NULL;
    bed->is_holding = true;
    tls_open(&waiting_one, bed);
    client_send(&waiting_one.client, GET("/"));
    turn_until_held(bed, 1);
    gn_http_server_free(bed->server);
    bed->server = NULL;
    turn_until_closed(bed, &crowd->listeners[0]);
    assert_true(client_sees_end(&listening.client));
    assert_non_null(strstr(listening.client.text, "\r\n0\r\n\r\n"));
    assert_true(client_sees_end(&waiting_one.client));
    assert_non_null(strstr(waiting_one.client.text, "HTTP/1.1 503 "));
    tls_close(&listening);
    tls_close(&waiting_one);
    bed_free(bed);
    free(crowd);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, tls_setup, teardown)

#define TLS_TESTS                                                                                  \
    cmocka_unit_test(two_requests_are_served_on_one_tls_connection),                               \
        TLS_TEST(versions_before_tls_1_2_are_refused),                                             \
        TLS_TEST(requests_that_share_a_record_are_all_answered),                                   \
        TLS_TEST(what_lies_in_tls_while_a_request_is_held_is_served_afterwards),                   \
        TLS_TEST(a_large_answer_comes_whole_over_tls),                                             \
        cmocka_unit_test(plain_http_on_a_tls_port_is_hung_up),                                     \
        TLS_TEST(a_client_that_does_not_trust_the_certificate_does_no_harm),                       \
        cmocka_unit_test(an_unusable_certificate_or_key_is_refused),                               \
        TLS_TEST(a_stream_goes_on_and_ends_over_tls),                                              \
        TLS_TEST(a_client_that_leaves_its_stream_is_noticed_over_tls),                             \
        TLS_TEST(what_is_idle_costs_no_turns_over_tls),                                            \
        TLS_TEST(only_an_answer_that_is_the_last_says_goodbye_over_tls),                           \
        cmocka_unit_test(a_tls_server_freed_ends_what_is_open)

#endif
