/* Tests of the HTTP client: answers that are taken as a stream. */
#ifndef GN_TESTS_HTTP_CLIENT_STREAMS_H
#define GN_TESTS_HTTP_CLIENT_STREAMS_H

#include "http_client_bed.h"

#define STREAM_FDS_MAX 256 /* numbers of descriptors that a test may have */

/* The ctx of a stream's call; begins with what on_done() wants. */
struct stream {
    struct outcome outcome;
    struct fixture *fx;
    struct gn_buf text;
    unsigned opened; /* told without bytes, once and first */
    unsigned pieces;
    unsigned accepts; /* pieces before it refuses; 0: all */
    bool sends;       /* a call of its own at the first piece */
};

static bool on_piece(void *ctx, struct gn_str bytes)
{
    struct stream *stream = ctx;

    if (bytes.len == 0) {
        assert_int_equal(stream->pieces, 0);
        stream->opened++;
        return true;
    }
    assert_int_equal(stream->opened, 1);
    gn_buf_add_str(&stream->text, bytes);
    stream->pieces++;
    if (stream->sends && stream->pieces == 1) {
        struct gn_http_out out = request(stream->fx, "GET", "/200");

        assert_int_equal(
            gn_http_send(stream->fx->client, &out, on_done, &stream->fx->outcome, NULL), GN_OK);
    }
    return stream->accepts == 0 || stream->pieces < stream->accepts;
}

static void stream_begin(struct fixture *fx, struct stream *stream, const struct gn_http_out *out)
{
    struct gn_http_out streamed = *out;

    stream->fx = fx;
    stream->outcome.body = GN_BUF_INIT;
    stream->text = GN_BUF_INIT;
    gn_buf_puts(&stream->text, "");
    streamed.on_data = on_piece;
    assert_int_equal(gn_http_send(fx->client, &streamed, on_done, stream, NULL), GN_OK);
}

static void stream_forget(struct stream *stream)
{
    gn_buf_free(&stream->outcome.body);
    gn_buf_free(&stream->text);
}

static void an_answer_of_2xx_is_told_piece_by_piece(void **state)
{
    static const struct {
        const char *path;
        const char *want;
        bool follows;
    } cases[] = {
        {"/200", "{\"a\":1}", false}, {"/close", "hello", false},     {"/chunked", "x", false},
        {"/204", "", false},          {"/to-200", "{\"a\":1}", true},
    };
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct stream stream = {0};
        struct gn_http_out out = request(fx, "GET", cases[i].path);

        out.max_answer_bytes = 1;
        out.follow_redirects = cases[i].follows;
        stream_begin(fx, &stream, &out);
        wait_for_all(fx);
        assert_int_equal(stream.outcome.count, 1);
        assert_int_equal(stream.outcome.result.err, GN_OK);
        assert_int_equal(stream.outcome.body.len, 0);
        assert_false(stream.outcome.result.is_cut);
        assert_string_equal(stream.text.data, cases[i].want);
        stream_forget(&stream);
    }
}

static void an_answer_that_is_no_success_is_no_stream(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body;
    } cases[] = {{"/busy-body", 503, "wait"}, {"/to-200", 302, "no"}};
    struct fixture *fx = *state;

    for (size_t i = 0; i < GN_LEN(cases); i++) {
        struct stream stream = {0};
        struct gn_http_out out = request(fx, "GET", cases[i].path);

        stream_begin(fx, &stream, &out);
        wait_for_all(fx);
        assert_int_equal(stream.pieces, 0);
        assert_int_equal(stream.outcome.result.status, cases[i].status);
        assert_string_equal(stream.outcome.body.data, cases[i].body);
        stream_forget(&stream);
    }
}

static void an_answer_of_another_type_is_no_stream(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/200");
    struct stream stream = {0};

    out.stream_type = "text/event-stream";
    stream_begin(fx, &stream, &out);
    wait_for_all(fx);
    assert_int_equal(stream.opened, 0);
    assert_int_equal(stream.outcome.result.status, 200);
    assert_string_equal(stream.outcome.body.data, "{\"a\":1}");
    stream_forget(&stream);
}

static void a_stream_opens_before_its_first_bytes(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/204");
    struct stream stream = {0};

    stream_begin(fx, &stream, &out);
    wait_for_all(fx);
    assert_int_equal(stream.opened, 1);
    assert_int_equal(stream.pieces, 0);
    stream_forget(&stream);
}

static void a_stream_that_breaks_off_has_told_what_came(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/breaks");
    struct stream stream = {0};

    stream_begin(fx, &stream, &out);
    wait_for_all(fx);
    assert_string_equal(stream.text.data, "hello");
    assert_int_equal(stream.outcome.result.err, GN_ECONN);
    stream_forget(&stream);
}

static void a_stream_refused_is_not_told_of_again(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/endless");
    struct stream stream = {.accepts = 2};

    stream_begin(fx, &stream, &out);
    wait_for_all(fx);
    assert_int_equal(stream.pieces, 2);
    assert_int_equal(stream.outcome.count, 1);
    assert_int_equal(stream.outcome.result.err, GN_ECANCELED);
    assert_int_equal(get(fx, "/200")->status, 200); /* nothing of it is left in the handle */
    assert_int_equal(fx->outcome.body.len, 7);
    stream_forget(&stream);
}

/* One without an end would otherwise hold libcurl's longest time. */
static void a_stream_may_outlast_the_default_timeout(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/open");
    struct stream stream = {0};

    out.timeout_ms = GN_HTTP_NO_TIMEOUT;
    stream_begin(fx, &stream, &out);
    while (stream.pieces == 0)
        turn(fx);
    assert_int_equal(stream.outcome.count, 0);
    assert_string_equal(stream.text.data, "hello");
    peer_drop_all(fx->peer);
    wait_for_all(fx);
    assert_int_equal(stream.outcome.result.err, GN_OK); /* closing is its end */
    out = request(fx, "GET", "/silent");
    out.timeout_ms = 60;
    assert_int_equal(perform(fx, &out)->err, GN_ETIMEOUT); /* the handle has not kept it */
    stream_forget(&stream);
}

static void a_call_may_be_sent_from_inside_a_stream(void **state)
{
    struct fixture *fx = *state;
    struct gn_http_out out = request(fx, "GET", "/open");
    struct stream stream = {.sends = true};

    stream_begin(fx, &stream, &out);
    while (fx->outcome.count == 0)
        turn(fx);
    assert_int_equal(fx->outcome.result.status, 200);
    assert_int_equal(stream.outcome.count, 0);
    peer_drop_all(fx->peer);
    wait_for_all(fx);
    stream_forget(&stream);
}

/* Connections of this process to the peer that send keep-alives. */
static unsigned watched_connections(struct fixture *fx)
{
    unsigned count = 0;

    for (int fd = 0; fd < STREAM_FDS_MAX; fd++) {
        struct sockaddr_in addr = {0};
        socklen_t len = sizeof(addr);
        int is_on = 0;

        if (getpeername(fd, (struct sockaddr *)&addr, &len) != 0 || addr.sin_family != AF_INET ||
            ntohs(addr.sin_port) != fx->peer->port)
            continue;
        len = sizeof(is_on);
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &is_on, &len), 0);
        count += is_on != 0 ? 1 : 0;
    }
    return count;
}

static void a_stream_has_a_new_connection_that_the_kernel_watches(void **state)
{
    struct fixture *fx = *state;
    struct stream stream = {0};
    struct gn_http_out out;

    assert_int_equal(get(fx, "/200")->status, 200);
    assert_int_equal(watched_connections(fx), 0);
    out = request(fx, "GET", "/200");
    stream_begin(fx, &stream, &out);
    wait_for_all(fx);
    assert_int_equal(stream.outcome.result.status, 200);
    assert_int_equal(fx->peer->accepted, 2);
    assert_int_equal(watched_connections(fx), 1);
    assert_int_equal(get(fx, "/200")->status, 200);
    assert_int_equal(fx->peer->accepted, 2); /* both are kept */
    stream_forget(&stream);
}

#endif
