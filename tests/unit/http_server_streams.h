/* Tests of the HTTP server: answers that go on, and requests that get none. */
#ifndef GN_TESTS_HTTP_SERVER_STREAMS_H
#define GN_TESTS_HTTP_SERVER_STREAMS_H

#include <sys/resource.h>

#include "http_server_bed.h"

#define STREAMS_MAX 200

/* A stream as its user has it. */
struct listener {
    struct gn_http_stream *stream; /* NULL: ended by us, or closed */
    unsigned closed;
};

/* Begins a stream for each request. */
struct crowd {
    struct listener listeners[STREAMS_MAX];
    unsigned count;
    unsigned closed;
    const char *first; /* piece */
};

static void on_stream_closed(void *ctx)
{
    struct listener *listener = ctx;

    listener->closed++;
    listener->stream = NULL;
}

static void begin_stream(struct bed *bed, struct gn_http_request *request)
{
    static const char *const headers[] = {"Cache-Control", "no-cache", NULL};
    struct crowd *crowd = bed->handle_ctx;
    struct gn_http_reply reply = {
        .status = 200,
        .content_type = "text/event-stream",
        .body = gn_str_of(crowd->first),
        .headers = headers,
    };
    struct listener *listener = &crowd->listeners[crowd->count++];

    assert_true(crowd->count <= STREAMS_MAX);
    listener->stream = gn_http_reply_stream(request, &reply, on_stream_closed, listener);
    assert_non_null(listener->stream);
}

static struct crowd *crowd_new(struct bed *bed)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));

    assert_non_null(crowd);
    crowd->first = "";
    bed->handle = begin_stream;
    bed->handle_ctx = crowd;
    return crowd;
}

/* Opens a stream; the client has its headers then. */
static void client_listen(struct client *client, struct bed *bed)
{
    client_open(client, bed);
    client_send(client, GET("/events"));
    assert_true(client_sees(client, "\r\n\r\n"));
    client->len = 0;
    client->text[0] = '\0';
}

static void stream_say(struct listener *listener, const char *text)
{
    gn_http_stream_write(listener->stream, gn_str_of(text));
}

static void stream_end(struct listener *listener, bool cut)
{
    gn_http_stream_end(listener->stream, cut);
    listener->stream = NULL;
}

static void turn_until_closed(struct bed *bed, const struct listener *listener)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (listener->closed == 0 && gn_clock_mono_ms() < end_ms)
        turn(bed);
    assert_int_equal(listener->closed, 1);
}

static void turn_for_ms(struct bed *bed, uint64_t ms)
{
    uint64_t end_ms = gn_clock_mono_ms() + ms;

    while (gn_clock_mono_ms() < end_ms)
        turn(bed);
}

/* The loop sleeps, but for the server's tick. */
static void assert_idle(struct bed *bed)
{
    uint64_t end_ms;
    unsigned turns = 0;

    turn_for_ms(bed, 30); /* the last of what was begun */
    end_ms = gn_clock_mono_ms() + 100;
    for (; gn_clock_mono_ms() < end_ms; turns++)
        assert_int_equal(gn_loop_turn(bed->loop, 100), GN_OK);
    assert_true(turns < 10);
}

static struct bed *bed_of_small_buffers(const struct gn_http_server_config *limits)
{
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    bed->buffer_bytes = 4096;
    bed_open(bed, limits);
    return bed;
}

/* ---- pieces ---- */

static void a_stream_sends_its_headers_at_once_and_pieces_as_they_are_written(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    client_open(&client, bed);
    client_send(&client, GET("/events"));
    assert_true(client_sees(&client, "\r\n\r\n"));
    assert_non_null(strstr(client.text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(client.text, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(client.text, "Cache-Control: no-cache\r\n"));
    assert_non_null(strstr(client.text, "Transfer-Encoding: chunked\r\n"));
    assert_null(strstr(client.text, "Content-Length"));
    assert_int_equal(gn_http_server_pending(bed->server), 0);
    stream_say(&crowd->listeners[0], "one");
    assert_true(client_sees(&client, "\r\n\r\n3\r\none\r\n"));
    stream_say(&crowd->listeners[0], "");
    turn(bed);
    stream_say(&crowd->listeners[0], "two");
    stream_say(&crowd->listeners[0], "three");
    assert_true(client_sees(&client, "one\r\n8\r\ntwothree\r\n"));
    assert_int_equal(counted(bed, "200"), 1);
    stream_end(&crowd->listeners[0], false);
    assert_true(client_sees(&client, "twothree\r\n0\r\n\r\n"));
    assert_int_equal(crowd->listeners[0].closed, 0);
    client_close(&client);
    free(crowd);
}

static void the_connection_serves_on_after_a_stream_that_ended_in_order(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    crowd->first = "first";
    for (unsigned i = 0; i < 3; i++) {
        if (i == 0)
            client_open(&client, bed);
        client_send(&client, GET("/events"));
        assert_true(client_sees(&client, "\r\n\r\n5\r\nfirst\r\n"));
        stream_say(&crowd->listeners[i], "last");
        stream_end(&crowd->listeners[i], false);
        assert_true(client_sees(&client, "first\r\n4\r\nlast\r\n0\r\n\r\n"));
        client.len = 0;
    }
    bed->handle = NULL;
    bed->answer_text = "plain";
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "\r\n\r\nplain"));
    client_close(&client);
    free(crowd);
}

static void a_stream_may_begin_in_a_later_turn(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    bed->handle = NULL;
    bed->is_holding = true;
    client_open(&client, bed);
    client_send(&client, GET("/events"));
    turn_until_held(bed, 1);
    turn(bed);
    begin_stream(bed, bed->held[0]);
    assert_int_equal(gn_http_server_pending(bed->server), 0);
    stream_say(&crowd->listeners[0], "late");
    stream_end(&crowd->listeners[0], false);
    assert_true(client_sees(&client, "\r\n\r\n4\r\nlate\r\n0\r\n\r\n"));
    client_close(&client);
    free(crowd);
}

static void head_on_a_stream_gets_the_headers_only(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    crowd->first = "first";
    client_open(&client, bed);
    client_send(&client, HEAD("HEAD /events") "\r\n");
    assert_true(client_sees(&client, "\r\n\r\n"));
    turn_until_closed(bed, &crowd->listeners[0]);
    bed->handle = NULL;
    bed->answer_text = "plain";
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "\r\n\r\nplain"));
    assert_non_null(strstr(client.text, "text/event-stream"));
    assert_null(strstr(client.text, "first"));
    client_close(&client);
    free(crowd);
}

static void a_client_of_http_1_0_gets_the_pieces_until_the_connection_ends(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    client_open(&client, bed);
    client_send(&client, "GET /events HTTP/1.0\r\n\r\n");
    assert_true(client_sees(&client, "\r\n\r\n"));
    assert_null(strstr(client.text, "chunked"));
    stream_say(&crowd->listeners[0], "one");
    assert_true(client_sees(&client, "\r\n\r\none"));
    turn(bed);
    stream_say(&crowd->listeners[0], "two");
    assert_true(client_sees(&client, "\r\n\r\nonetwo"));
    stream_end(&crowd->listeners[0], false);
    assert_true(client_sees_end(&client));
    assert_int_equal(crowd->listeners[0].closed, 0);
    client_close(&client);
    free(crowd);
}

/* Reads on and compares with what was written: byte i is the lowest of i / 251. */
static void read_and_compare(struct client *client, size_t *at)
{
    client_read(client);
    for (size_t i = 0; i < client->len; i++, (*at)++)
        if ((unsigned char)client->text[i] != (unsigned char)(*at / 251))
            fail_msg("wrong byte at %zu", *at);
    client->len = 0;
}

static void large_pieces_arrive_whole_and_in_order(void **state)
{
    enum { PIECE = 300000, COUNT = 80, MOST = 1 << 20 };
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;
    char *piece = malloc(PIECE);
    size_t written = 0;
    size_t read = 0;

    assert_non_null(piece);
    client_open(&client, bed);
    client_send(&client, "GET /events HTTP/1.0\r\n\r\n"); /* its body is not chunked */
    assert_true(client_sees(&client, "\r\n\r\n"));
    client.len = 0;
    while (!client.is_closed) {
        if (written < (size_t)PIECE * COUNT && written - read < MOST) {
            for (size_t i = 0; i < PIECE; i++, written++)
                piece[i] = (char)(unsigned char)(written / 251);
            gn_http_stream_write(crowd->listeners[0].stream, (struct gn_str){piece, PIECE});
            if (written == (size_t)PIECE * COUNT)
                stream_end(&crowd->listeners[0], false);
        }
        assert_int_equal(gn_loop_turn(bed->loop, 0), GN_OK);
        read_and_compare(&client, &read);
    }
    assert_int_equal(read, written);
    assert_int_equal(crowd->listeners[0].closed, 0);
    client_close(&client);
    free(piece);
    free(crowd);
}

/* ---- ends ---- */

static void an_idle_stream_is_under_no_deadline(void **state)
{
    const struct gn_http_server_config hasty = {
        .max_connections = 10,
        .idle_timeout_ms = 40,
        .header_deadline_ms = 40,
        .body_deadline_ms = 40,
    };
    struct bed *bed = bed_new(&hasty);
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    (void)state;
    client_listen(&client, bed);
    for (unsigned i = 0; i < 3; i++) {
        turn_for_ms(bed, 100);
        client.len = 0;
        stream_say(&crowd->listeners[0], "still here");
        assert_true(client_sees(&client, "A\r\nstill here\r\n"));
    }
    assert_int_equal(crowd->listeners[0].closed, 0);
    stream_end(&crowd->listeners[0], false);
    client_close(&client);
    bed_free(bed);
    free(crowd);
}

static void a_client_that_leaves_an_idle_stream_is_noticed(void **state)
{
    static const char *const rows[] = {"", "bytes that nobody reads", GET("/next")};
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);

    for (unsigned i = 0; i < GN_LEN(rows); i++) {
        struct client client;

        client_listen(&client, bed);
        client_send(&client, rows[i]);
        turn(bed);
        assert_int_equal(crowd->listeners[i].closed, 0);
        client_close(&client);
        turn_until_closed(bed, &crowd->listeners[i]);
        turn_until_connections(bed, 0);
    }
    assert_int_equal(crowd->count, GN_LEN(rows));
    free(crowd);
}

static void a_client_that_says_it_sends_nothing_more_has_left_its_stream(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    client_send_and_end(&client, bed, GET("/events"));
    assert_true(client_sees_end(&client));
    turn_until_closed(bed, &crowd->listeners[0]);
    turn_until_connections(bed, 0);
    client_close(&client);
    free(crowd);
}

static void a_client_that_left_before_its_stream_began_is_noticed(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    bed->handle = NULL;
    bed->is_holding = true;
    client_open(&client, bed);
    client_send(&client, GET("/events"));
    turn_until_held(bed, 1);
    client_close(&client);
    turn(bed);
    begin_stream(bed, bed->held[0]);
    assert_int_equal(crowd->listeners[0].closed, 0);
    turn_until_closed(bed, &crowd->listeners[0]);
    turn_until_connections(bed, 0);
    free(crowd);
}

static void what_is_idle_or_blocked_costs_no_turns(void **state)
{
    enum { PIECE = 1 << 20 };
    struct bed *bed = bed_of_small_buffers(&patient);
    struct crowd *crowd = crowd_new(bed);
    char *piece = calloc(1, PIECE);
    struct client idle, blocked;

    (void)state;
    assert_non_null(piece);
    client_listen(&idle, bed);
    client_send(&idle, "bytes that nobody reads");
    client_listen(&blocked, bed);
    gn_http_stream_write(crowd->listeners[1].stream, (struct gn_str){piece, PIECE});
    assert_idle(bed);
    client_close(&blocked); /* leaves in the midst of a piece */
    turn_until_closed(bed, &crowd->listeners[1]);
    turn_until_connections(bed, 1);
    assert_idle(bed);
    stream_end(&crowd->listeners[0], false);
    client_close(&idle);
    bed_free(bed);
    free(piece);
    free(crowd);
}

static void a_client_that_breaks_the_connection_off_is_noticed(void **state)
{
    const struct linger at_once = {.l_onoff = 1};
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    client_listen(&client, bed);
    assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    client_close(&client);
    stream_say(&crowd->listeners[0], "into the void");
    turn_until_closed(bed, &crowd->listeners[0]);
    turn_until_connections(bed, 0);
    free(crowd);
}

static void who_ends_a_stream_whose_client_has_left_is_not_told(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    client_listen(&client, bed);
    client_close(&client);
    stream_end(&crowd->listeners[0], false);
    turn_until_connections(bed, 0);
    turn(bed);
    assert_int_equal(crowd->listeners[0].closed, 0);
    free(crowd);
}

static void a_reader_too_slow_for_the_limit_is_cut_off(void **state)
{
    enum { PIECE = 1 << 20 };
    struct bed *bed = bed_of_small_buffers(&patient);
    struct crowd *crowd = crowd_new(bed);
    struct listener *listener = &crowd->listeners[0];
    char *piece = calloc(1, PIECE);
    struct client client;

    (void)state;
    assert_non_null(piece);
    client_listen(&client, bed);
    for (unsigned i = 0; i < GN_HTTP_STREAM_MAX / PIECE; i++)
        gn_http_stream_write(listener->stream, (struct gn_str){piece, PIECE});
    turn(bed);
    turn(bed);
    assert_int_equal(listener->closed, 0);
    for (unsigned i = 0; i < 2; i++) /* what is written afterwards is dropped */
        gn_http_stream_write(listener->stream, (struct gn_str){piece, PIECE});
    assert_int_equal(listener->closed, 0); /* not from inside */
    turn_until_closed(bed, listener);
    turn_until_connections(bed, 0);
    client_close(&client);
    bed_free(bed);
    free(piece);
    free(crowd);
}

static void a_piece_above_the_limit_ends_the_stream(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    char *piece = calloc(1, GN_HTTP_STREAM_MAX + 1);
    struct client client;

    assert_non_null(piece);
    client_listen(&client, bed);
    gn_http_stream_write(crowd->listeners[0].stream,
                         (struct gn_str){piece, GN_HTTP_STREAM_MAX + 1});
    assert_true(client_sees_end(&client));
    assert_int_equal(client.len, 0);
    turn_until_closed(bed, &crowd->listeners[0]);
    client_close(&client);
    free(piece);
    free(crowd);
}

static void a_first_piece_above_the_limit_is_answered_503(void **state)
{
    struct bed *bed = *state;
    char *piece = calloc(1, GN_HTTP_STREAM_MAX + 1);
    struct gn_http_reply reply = {.status = 200, .body = {piece, GN_HTTP_STREAM_MAX + 1}};
    struct client client;

    assert_non_null(piece);
    bed->is_holding = true;
    client_open(&client, bed);
    client_send(&client, GET("/events"));
    turn_until_held(bed, 1);
    assert_null(gn_http_reply_stream(bed->held[0], &reply, on_stream_closed, NULL));
    assert_true(client_sees(&client, "HTTP/1.1 503 "));
    client_close(&client);
    free(piece);
}

static void a_stream_that_cannot_be_watched_is_answered_503(void **state)
{
    struct bed *bed = *state;
    struct gn_http_reply reply = {.status = 200, .body = GN_STR("first")};
    struct rlimit limit, none;
    struct client client;

    bed->is_holding = true;
    client_open(&client, bed);
    client_send(&client, GET("/events"));
    turn_until_held(bed, 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_null(gn_http_reply_stream(bed->held[0], &reply, on_stream_closed, NULL));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(client_sees(&client, "HTTP/1.1 503 "));
    client_close(&client);
}

static void a_reader_that_takes_nothing_is_cut_off_at_the_deadline(void **state)
{
    enum { PIECE = 1 << 20 };
    const struct gn_http_server_config hasty = {
        .max_connections = 10,
        .idle_timeout_ms = 600000,
        .header_deadline_ms = 600000,
        .body_deadline_ms = 60,
    };
    struct bed *bed = bed_of_small_buffers(&hasty);
    struct crowd *crowd = crowd_new(bed);
    char *piece = calloc(1, PIECE);
    struct client client;

    (void)state;
    assert_non_null(piece);
    for (unsigned i = 0; i < 2; i++) {
        client_listen(&client, bed);
        gn_http_stream_write(crowd->listeners[i].stream, (struct gn_str){piece, PIECE});
        if (i == 0)
            turn_until_closed(bed, &crowd->listeners[i]);
        else
            stream_end(&crowd->listeners[i], false); /* the same with an end behind it */
        turn_until_connections(bed, 0);
        client_close(&client);
    }
    bed_free(bed);
    free(piece);
    free(crowd);
}

static void a_stream_cut_has_no_end_behind_what_was_written(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client client;

    for (unsigned i = 0; i < 2; i++) {
        client_listen(&client, bed);
        stream_say(&crowd->listeners[i], "half an ev");
        if (i == 1) /* idle again */
            assert_true(client_sees(&client, "half an ev"));
        stream_end(&crowd->listeners[i], true);
        assert_true(client_sees_end(&client));
        assert_string_equal(client.text, "A\r\nhalf an ev\r\n");
        assert_int_equal(crowd->listeners[i].closed, 0);
        client_close(&client);
    }
    turn_until_connections(bed, 0);
    free(crowd);
}

/* ---- the server goes ---- */

static void a_server_freed_ends_its_streams_and_tells_in_a_later_turn(void **state)
{
    enum { COUNT = 5 };
    struct bed *bed = bed_new(&patient);
    struct crowd *crowd = crowd_new(bed);
    struct client clients[COUNT];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        client_listen(&clients[i], bed);
    for (unsigned i = 0; i < COUNT; i++)
        stream_say(&crowd->listeners[i], "last words");
    stream_end(&crowd->listeners[0], false);
    gn_http_server_free(bed->server);
    bed->server = NULL;
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(crowd->listeners[i].closed, 0);
    stream_say(&crowd->listeners[1], "to nobody");
    stream_end(&crowd->listeners[2], false);
    stream_end(&crowd->listeners[3], true);
    turn(bed);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(crowd->listeners[i].closed, i == 1 || i == 4);
        assert_true(client_sees_end(&clients[i]));
        assert_string_equal(clients[i].text, "A\r\nlast words\r\n0\r\n\r\n");
        client_close(&clients[i]);
    }
    bed_free(bed);
    free(crowd);
}

static void a_server_freed_does_not_wait_for_a_slow_reader(void **state)
{
    enum { PIECE = 4 << 20 };
    struct bed *bed = bed_of_small_buffers(&patient);
    struct crowd *crowd = crowd_new(bed);
    char *piece = calloc(1, PIECE);
    struct client clients[2];

    (void)state;
    assert_non_null(piece);
    for (unsigned i = 0; i < 2; i++) {
        client_listen(&clients[i], bed);
        gn_http_stream_write(crowd->listeners[i].stream, (struct gn_str){piece, PIECE});
    }
    turn(bed);
    stream_end(&crowd->listeners[0], false);
    gn_http_server_free(bed->server);
    bed->server = NULL;
    turn(bed);
    assert_int_equal(crowd->listeners[0].closed, 0);
    assert_int_equal(crowd->listeners[1].closed, 1);
    for (unsigned i = 0; i < 2; i++)
        client_close(&clients[i]);
    bed_free(bed);
    free(piece);
    free(crowd);
}

static void a_quiesced_server_ends_its_streams_old_and_new(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client clients[2];

    client_listen(&clients[0], bed);
    bed->handle = NULL;
    bed->is_holding = true;
    client_open(&clients[1], bed);
    client_send(&clients[1], GET("/events"));
    turn_until_held(bed, 1);
    gn_http_server_quiesce(bed->server);
    crowd->first = "first";
    begin_stream(bed, bed->held[0]);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(client_sees(&clients[i], "0\r\n\r\n"));
        turn_until_closed(bed, &crowd->listeners[i]);
        client_close(&clients[i]);
    }
    assert_non_null(strstr(clients[1].text, "Connection: close\r\n"));
    assert_non_null(strstr(clients[1].text, "\r\n\r\n5\r\nfirst\r\n0\r\n\r\n"));
    free(crowd);
}

/* ---- many ---- */

static void two_hundred_streams_go_on_side_by_side(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new(bed);
    struct client *clients = calloc(STREAMS_MAX, sizeof(*clients));

    assert_non_null(clients);
    for (unsigned i = 0; i < STREAMS_MAX; i++)
        client_listen(&clients[i], bed);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < STREAMS_MAX; i++)
            stream_say(&crowd->listeners[i], "to all of you");
        for (unsigned i = 0; i < STREAMS_MAX; i++) {
            assert_true(client_sees(&clients[i], "D\r\nto all of you\r\n"));
            clients[i].len = 0;
        }
    }
    for (unsigned i = 0; i < STREAMS_MAX; i += 2)
        client_close(&clients[i]);
    for (unsigned i = 0; i < STREAMS_MAX; i += 2)
        turn_until_closed(bed, &crowd->listeners[i]);
    turn_until_connections(bed, STREAMS_MAX / 2);
    for (unsigned i = 1; i < STREAMS_MAX; i += 2) {
        stream_say(&crowd->listeners[i], "to the rest");
        stream_end(&crowd->listeners[i], i % 4 == 1);
    }
    for (unsigned i = 1; i < STREAMS_MAX; i += 2) {
        assert_true(client_sees(&clients[i], "to the rest\r\n"));
        client_close(&clients[i]);
        assert_int_equal(crowd->listeners[i].closed, 0);
    }
    turn_until_connections(bed, 0);
    free(clients);
    free(crowd);
}

/* ---- requests that get no answer ---- */

static void drop_request(struct bed *bed, struct gn_http_request *request)
{
    (void)bed;
    gn_http_drop(request);
}

static void a_dropped_request_closes_its_connection_without_a_byte(void **state)
{
    struct bed *bed = *state;
    struct client client;

    for (unsigned i = 0; i < 2; i++) {
        bed->handle = i == 0 ? drop_request : NULL;
        bed->is_holding = true;
        client_open(&client, bed);
        client_send(&client, POST("4") "\r\nbody" GET("/next"));
        if (i == 1) {
            turn_until_held(bed, 1);
            gn_http_drop(bed->held[0]);
        }
        assert_true(client_sees_end(&client));
        assert_int_equal(client.len, 0);
        assert_int_equal(bed->handled, i + 1);
        client_close(&client);
    }
    turn_until_connections(bed, 0);
    assert_int_equal(gn_http_server_pending(bed->server), 0);
    assert_int_equal(counted(bed, "other"), 0);
}

static void a_server_may_be_freed_right_after_a_drop(void **state)
{
    struct bed *bed = bed_new(&patient);
    struct client client;

    (void)state;
    bed->is_holding = true;
    client_open(&client, bed);
    client_send(&client, GET("/"));
    turn_until_held(bed, 1);
    gn_http_drop(bed->held[0]);
    bed_free(bed);
    client_read(&client);
    assert_true(client.is_closed);
    client_close(&client);
}

#define STREAM_TESTS                                                                               \
    BED_TEST(a_stream_sends_its_headers_at_once_and_pieces_as_they_are_written),                   \
        BED_TEST(the_connection_serves_on_after_a_stream_that_ended_in_order),                     \
        BED_TEST(a_stream_may_begin_in_a_later_turn),                                              \
        BED_TEST(head_on_a_stream_gets_the_headers_only),                                          \
        BED_TEST(a_client_of_http_1_0_gets_the_pieces_until_the_connection_ends),                  \
        BED_TEST(large_pieces_arrive_whole_and_in_order),                                          \
        cmocka_unit_test(an_idle_stream_is_under_no_deadline),                                     \
        BED_TEST(a_client_that_leaves_an_idle_stream_is_noticed),                                  \
        BED_TEST(a_client_that_says_it_sends_nothing_more_has_left_its_stream),                    \
        BED_TEST(a_client_that_left_before_its_stream_began_is_noticed),                           \
        cmocka_unit_test(what_is_idle_or_blocked_costs_no_turns),                                  \
        BED_TEST(a_client_that_breaks_the_connection_off_is_noticed),                              \
        BED_TEST(who_ends_a_stream_whose_client_has_left_is_not_told),                             \
        cmocka_unit_test(a_reader_too_slow_for_the_limit_is_cut_off),                              \
        BED_TEST(a_piece_above_the_limit_ends_the_stream),                                         \
        BED_TEST(a_first_piece_above_the_limit_is_answered_503),                                   \
        BED_TEST(a_stream_that_cannot_be_watched_is_answered_503),                                 \
        cmocka_unit_test(a_reader_that_takes_nothing_is_cut_off_at_the_deadline),                  \
        BED_TEST(a_stream_cut_has_no_end_behind_what_was_written),                                 \
        cmocka_unit_test(a_server_freed_ends_its_streams_and_tells_in_a_later_turn),               \
        cmocka_unit_test(a_server_freed_does_not_wait_for_a_slow_reader),                          \
        BED_TEST(a_quiesced_server_ends_its_streams_old_and_new),                                  \
        BED_TEST(two_hundred_streams_go_on_side_by_side),                                          \
        BED_TEST(a_dropped_request_closes_its_connection_without_a_byte),                          \
        cmocka_unit_test(a_server_may_be_freed_right_after_a_drop)

#endif
