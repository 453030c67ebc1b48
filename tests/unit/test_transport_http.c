/* The HTTP transport: what goes over the wire, and what each answer means. The receiver is a plain
 * socket in the same loop, so the bytes are seen as they are. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/transport/transport_http.h"

#define TURNS_MAX 500 /* bound of any wait; never reached when the code is right */

struct rig {
    struct gn_loop *loop;
    struct gn_http_client *client;
    struct gn_transport *transport;
    int listen_fd, fd;
    struct gn_watch *listen_watch, *watch;
    char url[64];
    char request[4096];
    size_t request_len;
    size_t body_bytes;  /* of the message below */
    const char *answer; /* sent when the request is complete; NULL: silence */
    struct gn_sent ended;
    char said[2 * GN_SENT_ANSWER_MAX]; /* the answer's body as handed on */
    int ends;
};

static void close_connection(struct rig *rig)
{
    if (rig->watch == NULL)
        return;
    gn_watch_close(rig->watch);
    rig->watch = NULL;
    close(rig->fd);
}

static void on_readable(void *ctx, unsigned ready)
{
    struct rig *rig = ctx;
    ssize_t got = recv(rig->fd, rig->request + rig->request_len,
                       sizeof(rig->request) - 1 - rig->request_len, MSG_DONTWAIT);
    const char *end;

    (void)ready;
    if (got <= 0) {
        close_connection(rig);
        return;
    }
    rig->request_len += (size_t)got;
    rig->request[rig->request_len] = '\0';
    end = strstr(rig->request, "\r\n\r\n");
    if (end == NULL || strlen(end + 4) < rig->body_bytes || rig->answer == NULL)
        return;
    assert_int_equal(send(rig->fd, rig->answer, strlen(rig->answer), MSG_NOSIGNAL),
                     strlen(rig->answer));
    close_connection(rig);
}

static void on_connection(void *ctx, unsigned ready)
{
    struct rig *rig = ctx;

    (void)ready;
    close_connection(rig);
    rig->fd = accept(rig->listen_fd, NULL, NULL);
    assert_true(rig->fd >= 0);
    rig->request_len = 0;
    rig->watch = gn_watch_new(rig->loop, rig->fd, GN_WATCH_READ, GN_WATCH_INPUT, on_readable, rig);
}

static void listen_somewhere(struct rig *rig)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);

    rig->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(rig->listen_fd, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(rig->listen_fd, 8), 0);
    assert_int_equal(getsockname(rig->listen_fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(rig->url, sizeof(rig->url), "http://127.0.0.1:%u/hook", ntohs(at.sin_port));
    rig->listen_watch =
        gn_watch_new(rig->loop, rig->listen_fd, GN_WATCH_READ, GN_WATCH_INPUT, on_connection, rig);
}

static int setup(void **state)
{
    static struct rig rig;
    const struct gn_http_client_config config = {.max_idle_connections = 4,
                                                 .connect_timeout_ms = 2000,
                                                 .user_agent = "gurnard/test"};

    memset(&rig, 0, sizeof(rig));
    rig.loop = gn_loop_new(NULL);
    rig.client = gn_http_client_new(rig.loop, &config);
    rig.transport = gn_transport_http_new(rig.client);
    assert_non_null(rig.transport);
    listen_somewhere(&rig);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    close_connection(rig);
    gn_watch_close(rig->listen_watch);
    close(rig->listen_fd);
    rig->transport->ops->free(rig->transport);
    gn_http_client_free(rig->client);
    gn_loop_free(rig->loop);
    return 0;
}

static void on_sent(void *ctx, const struct gn_sent *sent)
{
    struct rig *rig = ctx;

    rig->ends++;
    rig->ended = *sent;
    rig->ended.reason = "";
    assert_true(sent->answer.len < sizeof(rig->said));
    if (sent->answer.len > 0)
        memcpy(rig->said, sent->answer.p, sent->answer.len);
    rig->said[sent->answer.len] = '\0';
    rig->ended.answer.p = sent->answer.p == NULL ? NULL : rig->said;
}

static struct gn_sending *send_to(struct rig *rig, const char *url, uint32_t timeout_ms)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "Gurnard-Event-Id: id-1", NULL};
    static struct gn_message_out message;
    struct gn_sending *sending = NULL;

    message = (struct gn_message_out){.address = url,
                                      .headers = headers,
                                      .body = {GN_STR("{\"id\":\""), GN_STR("s"), GN_STR("\"}")},
                                      .timeout_ms = timeout_ms};
    rig->body_bytes = strlen("{\"id\":\"s\"}");
    rig->ends = 0;
    assert_int_equal(rig->transport->ops->send(rig->transport, &message, on_sent, rig, &sending),
                     GN_OK);
    assert_int_equal(rig->ends, 0);
    return sending;
}

static void wait_for_end(struct rig *rig)
{
    for (int i = 0; rig->ends == 0; i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(gn_loop_turn(rig->loop, 50), GN_OK);
    }
    assert_int_equal(rig->ends, 1);
}

static void it_takes_http_and_https_urls(void **state)
{
    static const struct {
        const char *address;
        bool want;
    } rows[] = {
        {"http://a/x", true},  {"https://a:8443/", true}, {"HTTP://a", true},
        {"inproc://a", false}, {"amqp://a", false},       {"a", false},
        {"", false},           {"http://", false},        {"http://user@a/", false},
    };
    const struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(rig->transport->ops->takes(rig->transport, rows[i].address), rows[i].want);
    assert_string_equal(rig->transport->ops->name, "http");
}

static void a_message_is_one_post_with_its_parts_joined(void **state)
{
    struct rig *rig = *state;

    rig->answer = "HTTP/1.1 204 No Content\r\n\r\n";
    (void)send_to(rig, rig->url, 2000);
    wait_for_end(rig);
    assert_int_equal(rig->ended.err, GN_OK);
    assert_int_equal(rig->ended.status, 204);
    assert_int_equal(strncmp(rig->request, "POST /hook HTTP/1.1\r\n", 21), 0);
    assert_non_null(strstr(rig->request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(rig->request, "\r\nGurnard-Event-Id: id-1\r\n"));
    assert_non_null(strstr(rig->request, "\r\nContent-Length: 10\r\n"));
    assert_string_equal(strstr(rig->request, "\r\n\r\n") + 4, "{\"id\":\"s\"}");
}

static void each_answer_has_its_meaning(void **state)
{
    static const struct {
        int status;
        enum gn_err want;
    } rows[] = {
        {200, GN_OK},       {202, GN_OK},       {299, GN_OK},        {301, GN_EREFUSED},
        {307, GN_EREFUSED}, {400, GN_EREFUSED}, {401, GN_EREFUSED},  {404, GN_EBUSY},
        {408, GN_EBUSY},    {409, GN_EBUSY},    {410, GN_ENOTFOUND}, {422, GN_EREFUSED},
        {425, GN_EBUSY},    {429, GN_EBUSY},    {500, GN_EBUSY},     {503, GN_EBUSY},
        {508, GN_EREFUSED},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char answer[256];

        (void)snprintf(answer, sizeof(answer),
                       "HTTP/1.1 %d X\r\nContent-Length: 0\r\nLocation: %s\r\n"
                       "Connection: close\r\n\r\n",
                       rows[i].status, rig->url);
        rig->answer = answer;
        (void)send_to(rig, rig->url, 2000);
        wait_for_end(rig);
        assert_int_equal(rig->ended.err, rows[i].want);
        assert_int_equal(rig->ended.status, rows[i].status);
    }
}

static void the_receivers_wish_to_wait_is_passed_on(void **state)
{
    struct rig *rig = *state;

    rig->answer = "HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    (void)send_to(rig, rig->url, 2000);
    wait_for_end(rig);
    assert_int_equal(rig->ended.retry_after_ms, 7000);
}

static void what_a_receiver_says_to_its_refusal_is_passed_on(void **state)
{
    static const struct {
        const char *answer, *want;
    } rows[] = {
        {"400 X\r\nContent-Length: 7\r\n\r\nno room", "no room"},
        {"503 X\r\nContent-Length: 5\r\n\r\nlater", "later"},
        {"410 X\r\nContent-Length: 4\r\n\r\ngone", "gone"},
        {"302 X\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nthere", "there"},
        {"400 X\r\nContent-Length: 0\r\n\r\n", NULL},
        {"200 X\r\nContent-Length: 5\r\n\r\ntaken", NULL},
        {"400 X\r\nContent-Length: 50\r\n\r\ncut off", NULL},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char answer[256];

        (void)snprintf(answer, sizeof(answer), "HTTP/1.1 %s", rows[i].answer);
        rig->answer = answer;
        (void)send_to(rig, rig->url, 2000);
        wait_for_end(rig);
        if (rows[i].want == NULL)
            assert_null(rig->ended.answer.p);
        else
            assert_string_equal(rig->said, rows[i].want);
    }
}

static void of_a_long_answer_the_beginning_is_passed_on(void **state)
{
    char answer[4 * GN_SENT_ANSWER_MAX] = "HTTP/1.1 500 X\r\nContent-Length: 3000\r\n\r\nbegin";
    struct rig *rig = *state;
    size_t len = strlen(answer);

    memset(answer + len, 'x', 3000 - 5);
    rig->answer = answer;
    (void)send_to(rig, rig->url, 2000);
    wait_for_end(rig);
    assert_int_equal(rig->ended.err, GN_EBUSY);
    assert_int_equal(rig->ended.answer.len, GN_SENT_ANSWER_MAX);
    assert_int_equal(strncmp(rig->said, "beginxxx", 8), 0);
}

static void what_is_not_http_is_tried_again(void **state)
{
    struct rig *rig = *state;

    rig->answer = "220 mail.example ESMTP\r\n";
    (void)send_to(rig, rig->url, 2000);
    wait_for_end(rig);
    assert_true(gn_err_is_transient(rig->ended.err));
}

static void a_refused_connection_and_silence_are_told_apart(void **state)
{
    struct rig *rig = *state;

    (void)send_to(rig, rig->url, 30);
    wait_for_end(rig);
    assert_int_equal(rig->ended.err, GN_ETIMEOUT);
    (void)send_to(rig, "http://127.0.0.1:1/", 2000);
    wait_for_end(rig);
    assert_int_equal(rig->ended.err, GN_ECONN);
}

static void a_cancelled_send_ends_once(void **state)
{
    struct rig *rig = *state;
    struct gn_sending *sending = send_to(rig, rig->url, 60000);

    rig->transport->ops->cancel(rig->transport, sending);
    assert_int_equal(rig->ends, 0);
    wait_for_end(rig);
    assert_int_equal(rig->ended.err, GN_ECANCELED);
}

static void what_cannot_be_sent_never_ends(void **state)
{
    static const char *const headers[] = {"X: a\r\nY: b", NULL};
    struct rig *rig = *state;
    const struct gn_message_out message = {.address = rig->url,
                                           .headers = headers,
                                           .timeout_ms = 1000};
    struct gn_sending *sending = NULL;

    assert_int_equal(rig->transport->ops->send(rig->transport, &message, on_sent, rig, &sending),
                     GN_EINVAL);
    assert_int_equal(gn_loop_turn(rig->loop, 0), GN_OK);
    assert_int_equal(rig->ends, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_takes_http_and_https_urls),
        TEST(a_message_is_one_post_with_its_parts_joined),
        TEST(each_answer_has_its_meaning),
        TEST(the_receivers_wish_to_wait_is_passed_on),
        TEST(what_a_receiver_says_to_its_refusal_is_passed_on),
        TEST(of_a_long_answer_the_beginning_is_passed_on),
        TEST(what_is_not_http_is_tried_again),
        TEST(a_refused_connection_and_silence_are_told_apart),
        TEST(a_cancelled_send_ends_once),
        TEST(what_cannot_be_sent_never_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
