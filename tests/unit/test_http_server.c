/* The HTTP server, spoken to byte by byte over loopback sockets while the test turns the loop. */
#include "http_server_bed.h"
#include "http_server_streams.h"
#include "http_server_tls.h"

/* ---- clients that leave ---- */

static void who_sends_nothing_more_is_let_go_long_before_the_deadline(void **state)
{
    static const struct gn_http_server_config limits = {
        .max_connections = 300,
        .idle_timeout_ms = 600000,
        .header_deadline_ms = 600000,
        .body_deadline_ms = 200, /* the tick is a quarter */
    };
    static const char *const rows[] = {
        GET("/"), GET("/") GET("/"), "GET / HT", "G", "GET / HTTP/1.1\r\nHost: h\r\nX: y", "\r\n"};
    struct bed *bed = bed_new(&limits);

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct client client;

        client_send_and_end(&client, bed, rows[i]);
        if (!client_sees_end(&client))
            fail_msg("still connected after %s", rows[i]);
        assert_int_equal(count_of(client.text, "HTTP/1.1 200 OK\r\n"), count_of(rows[i], GET("/")));
        client_close(&client);
    }
    turn_until_connections(bed, 0);
    bed_free(bed);
}

static void who_sends_nothing_more_still_gets_the_answer(void **state)
{
    static const struct gn_http_server_config limits = {
        .max_connections = 300,
        .idle_timeout_ms = 40,
        .header_deadline_ms = 600000,
        .body_deadline_ms = 600000,
    };
    struct bed *bed = bed_new(&limits);
    uint64_t end_ms = gn_clock_mono_ms() + 100; /* ten ticks */
    struct client client;

    (void)state;
    bed->is_holding = true;
    client_send_and_end(&client, bed, GET("/"));
    turn_until_held(bed, 1);
    while (gn_clock_mono_ms() < end_ms)
        turn(bed);
    answer(bed, bed->held[0]);
    assert_true(client_sees(&client, "HTTP/1.1 200 OK\r\n"));
    client_close(&client);
    bed_free(bed);
}

/* ---- what the handler sees ---- */

static void a_request_reaches_the_handler_as_it_was_sent(void **state)
{
    static const struct {
        const char *sent, *seen;
    } rows[] = {
        {GET("/"), "GET / - "},
        {GET("/a/b?x=1&y=a%2Fb+c"), "GET /a/b ?x=1&y=a%2Fb+c "},
        {GET("/a%20b/%c3%A9?"), "GET /a%20b/%c3%A9 ? "},
        {HEAD("OPTIONS *") "\r\n", "OPTIONS * - "},
        {HEAD("DELETE /x") "\r\n", "DELETE /x - "},
        {POST("4") "\r\nbody", "POST / - body"},
        {POST("0") "\r\n", "POST / - "},
        {CHUNKED_HEAD "\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n", "POST / - abcdefg"},
        {CHUNKED_HEAD "\r\n1\r\na\r\n0\r\nTrailer: t\r\n\r\n", "POST / - a"},
        {HEAD("PATCH /p") "Content-Encoding: Identity\r\nContent-Length: 1\r\n\r\nz",
         "PATCH /p - z"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct client client;

        client_open(&client, bed);
        client_send(&client, rows[i].sent);
        assert_true(client_sees(&client, "HTTP/1.1 200 OK\r\n"));
        assert_string_equal(bed->seen, rows[i].seen);
        client_close(&client);
    }
    assert_int_equal(counted(bed, "200"), GN_LEN(rows));
    assert_int_equal(gn_http_server_pending(bed->server), 0);
}

static void a_header_is_found_in_any_case(void **state)
{
    static const struct {
        const char *line, *seen;
    } rows[] = {
        {"X-Test: value", "value"},
        {"x-TEST:value 2", "value 2"},
        {"X-Test:", ""},
        {"X-Tester: no", "absent"},
    };
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char text[128];

        client.len = 0;
        snprintf(text, sizeof(text), HEAD("GET /") "%s\r\n\r\n", rows[i].line);
        client_send(&client, text);
        assert_true(client_sees(&client, "\r\n\r\n"));
        assert_string_equal(bed->seen_header, rows[i].seen);
    }
    client_close(&client);
}

static void headers_are_listed_by_their_prefix_as_sent(void **state)
{
    static const struct {
        const char *prefix;
        size_t list_max;
        const char *listed;
    } rows[] = {
        {"ce-", 0, "Ce-Id=1;cE-type=a b;Ce-Subject=;CE-ID=2;ce-=x;"},
        {"Ce-", 2, "Ce-Id=1;cE-type=a b;"},
        {"ce-id", 0, "Ce-Id=1;CE-ID=2;"},
        {"Ce-Subjects", 0, ""},
        {"", 3, "Host=h;X-Ce-No=0;Ce-Id=1;"},
    };
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        client.len = 0;
        bed->prefix = rows[i].prefix;
        bed->list_max = rows[i].list_max;
        client_send(&client, HEAD("GET /") "X-Ce-No: 0\r\nCe-Id: 1\r\ncE-type: a b\r\nAccept: *\r\n"
                                           "Ce-Subject:\r\nCE-ID: 2\r\nce-: x\r\n\r\n");
        assert_true(client_sees(&client, "\r\n\r\n"));
        assert_string_equal(bed->listed, rows[i].listed);
    }
    client_close(&client);
}

static void an_ipv4_peer_of_the_dual_socket_is_shown_as_ipv4(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "200"));
    assert_string_equal(bed->peer, "127.0.0.1");
    client_close(&client);
}

static void a_request_sent_byte_by_byte_is_served(void **state)
{
    static const char text[] = POST("5") "\r\nhello";
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        client_send_bytes(&client, text + i, 1);
        assert_int_equal(gn_loop_turn(bed->loop, 0), GN_OK);
    }
    assert_true(client_sees(&client, "\r\n\r\nhello"));
    client_close(&client);
}

static void a_body_of_exactly_the_limit_is_taken(void **state)
{
    struct bed *bed = *state;
    struct client client;
    char head[128];
    char *body = malloc(MAX_BODY + 1);

    assert_non_null(body);
    memset(body, 'x', MAX_BODY);
    body[MAX_BODY] = '\0';
    client_open(&client, bed);
    snprintf(head, sizeof(head), HEAD("POST /") "Content-Length: %d\r\n\r\n", MAX_BODY);
    client_send(&client, head);
    client_send(&client, body);
    assert_true(client_sees(&client, body));
    client_close(&client);
    free(body);
}

/* ---- answers ---- */

static void an_answer_carries_status_type_headers_and_length(void **state)
{
    static const char *const headers[] = {"Location", "/here", "X-Two", "2", NULL};
    struct bed *bed = *state;
    struct client client;

    bed->status = 201;
    bed->content_type = "application/json";
    bed->headers = headers;
    bed->answer_text = "{}";
    for (int i = 0; i < 2; i++) {
        bed->body_is_static = i == 1;
        client_open(&client, bed);
        client_send(&client, GET("/"));
        assert_true(client_sees(&client, "\r\n\r\n{}"));
        assert_non_null(strstr(client.text, "HTTP/1.1 201 Created\r\n"));
        assert_non_null(strstr(client.text, "Content-Type: application/json\r\n"));
        assert_non_null(strstr(client.text, "Content-Length: 2\r\n"));
        assert_non_null(strstr(client.text, "Location: /here\r\n"));
        assert_non_null(strstr(client.text, "X-Two: 2\r\n"));
        client_close(&client);
    }
}

static void head_gets_the_headers_only(void **state)
{
    struct bed *bed = *state;
    struct client client;

    bed->answer_text = "seven b";
    client_open(&client, bed);
    client_send(&client, HEAD("HEAD /") "Connection: close\r\n\r\n");
    assert_true(client_sees_end(&client));
    assert_non_null(strstr(client.text, "Content-Length: 7\r\n"));
    assert_null(strstr(client.text, "seven b"));
    client_close(&client);
}

static void an_empty_answer_says_length_zero_and_204_has_none(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "Content-Length: 0\r\n"));
    client.len = 0;
    bed->status = 204;
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "204 No Content\r\n"));
    assert_true(client_sees(&client, "\r\n\r\n"));
    assert_null(strstr(client.text, "Content-Length"));
    client_close(&client);
}

static void http_1_0_is_closed_unless_it_asks_to_stay(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(client_sees(&client, "200 OK"));
    assert_string_equal(bed->seen, "GET /old - ");
    client_send(&client, "GET /old HTTP/1.0\r\n\r\n");
    assert_true(client_sees_end(&client));
    assert_int_equal(count_of(client.text, "200 OK"), 2);
    client_close(&client);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    enum { COUNT = 20 };
    struct bed *bed = *state;
    struct client client;
    const char *at;

    client_open(&client, bed);
    for (int i = 0; i < COUNT; i++) {
        char text[128];

        snprintf(text, sizeof(text), POST("4") "\r\nn=%02d", i);
        client_send(&client, text);
    }
    assert_true(client_sees(&client, "n=19"));
    at = client.text;
    for (int i = 0; i < COUNT; i++) {
        char want[8];

        snprintf(want, sizeof(want), "n=%02d", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    client_close(&client);
}

static void expect_100_continue_is_granted(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, POST("4") "Expect: 100-continue\r\n\r\n");
    assert_true(client_sees(&client, "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_int_equal(bed->handled, 0);
    client_send(&client, "body");
    assert_true(client_sees(&client, "\r\n\r\nbody"));
    client_close(&client);
}

/* ---- late answers ---- */

static void a_request_may_be_answered_in_a_later_turn(void **state)
{
    struct bed *bed = *state;
    struct client client;

    bed->is_holding = true;
    client_open(&client, bed);
    client_send(&client, POST("4") "\r\nlate" GET("/next"));
    turn_until_held(bed, 1);
    assert_int_equal(gn_http_server_pending(bed->server), 1);
    client_read(&client);
    assert_int_equal(client.len, 0);
    answer(bed, bed->held[0]);
    assert_int_equal(gn_http_server_pending(bed->server), 0);
    assert_true(client_sees(&client, "\r\n\r\nlate"));
    turn_until_held(bed, 2);
    assert_string_equal(bed->seen, "GET /next - ");
    bed->answer_text = "second";
    answer(bed, bed->held[1]);
    assert_true(client_sees(&client, "second"));
    client_close(&client);
}

static void late_answers_may_come_in_any_order(void **state)
{
    struct bed *bed = *state;
    struct client clients[4];

    bed->is_holding = true;
    for (unsigned i = 0; i < GN_LEN(clients); i++) {
        char text[128];

        client_open(&clients[i], bed);
        snprintf(text, sizeof(text), POST("3") "\r\nn=%u", i);
        client_send(&clients[i], text);
        turn_until_held(bed, i + 1);
    }
    for (unsigned i = GN_LEN(clients); i-- > 0;) {
        char want[16];

        answer(bed, bed->held[i]);
        snprintf(want, sizeof(want), "\r\n\r\nn=%hhu", (unsigned char)i);
        assert_true(client_sees(&clients[i], want));
        client_close(&clients[i]);
    }
}

static void a_client_that_left_before_the_late_answer_does_no_harm(void **state)
{
    struct bed *bed = *state;
    struct client client;

    bed->is_holding = true;
    client_open(&client, bed);
    client_send(&client, GET("/"));
    turn_until_held(bed, 1);
    client_close(&client);
    turn(bed);
    answer(bed, bed->held[0]);
    turn_until_connections(bed, 0);
}

/* ---- refusals ---- */

static void what_must_not_reach_the_handler_is_refused(void **state)
{
    static const struct {
        const char *sent, *status;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "400 "},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 "},
        {POST("2") "Content-Length: 3\r\n\r\nabc", "400 "},
        {POST("2") "Content-Length: 2\r\n\r\nab", "400 "},
        {POST("2") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 "},
        {CHUNKED_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 "},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 "},
        {HEAD("POST /") "Content-Length: -1\r\n\r\n", "400 "},
        {HEAD("POST /") "Content-Length: 1x\r\n\r\n", "400 "},
        {HEAD("POST /") "Content-Length : 1\r\n\r\nx", "400 "},
        {HEAD("GET /") "no colon\r\n\r\n", "400 "},
        {CHUNKED_HEAD "\r\nxyz\r\n", "400 "},
        {GET("relative"), "400 "},
        {GET("http://h/absolute"), "400 "},
        {GET("/a b"), "400 "},
        {GET("/a\tb"), "400 "},
        {GET("/a\x7f"), "400 "},
        {GET("/a%2fb"), "400 "},
        {GET("/a%2Fb"), "400 "},
        {GET("/a%5cb"), "400 "},
        {GET("/a%00"), "400 "},
        {GET("/a?q=%00"), "400 "},
        {HEAD("POST /") "Transfer-Encoding: gzip, chunked\r\n\r\n", "501 "},
        {HEAD("POST /") "Transfer-Encoding: xchunked\r\n\r\n", "501 "},
        {HEAD("POST /") "Transfer-Encoding: identity\r\n\r\n", "501 "},
        {"GET / HTTP/1.9\r\nHost: h\r\n\r\n", "505 "},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505 "},
        {POST("4") "Content-Encoding: gzip\r\n\r\nbody", "415 "},
        {POST("99999999999999999999999") "\r\n", "413 "},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct client client;
        char want[32];

        client_open(&client, bed);
        client_send(&client, rows[i].sent);
        snprintf(want, sizeof(want), "HTTP/1.1 %s", rows[i].status);
        if (!client_sees(&client, want))
            fail_msg("row %zu: want %s, got \"%s\"", i, want, client.text);
        client_close(&client);
    }
    assert_int_equal(bed->handled, 0);
}

static void a_nul_in_the_target_is_refused(void **state)
{
    static const char text[] = "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n";
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send_bytes(&client, text, sizeof(text) - 1);
    assert_true(client_sees(&client, "HTTP/1.1 400 "));
    assert_int_equal(bed->handled, 0);
    client_close(&client);
}

static void a_refused_expectation_is_answered_before_the_body(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, POST("4097") "Expect: 100-continue\r\n\r\n");
    assert_true(client_sees_end(&client));
    assert_non_null(strstr(client.text, "HTTP/1.1 413 "));
    assert_null(strstr(client.text, "100 Continue"));
    client_close(&client);
}

static void a_huge_length_is_refused_before_the_body(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, POST("9999999999") "\r\n");
    assert_true(client_sees_end(&client));
    assert_non_null(strstr(client.text, "HTTP/1.1 413 "));
    client_close(&client);
}

static void send_large(struct client *client, size_t len)
{
    char *bytes = malloc(len);

    assert_non_null(bytes);
    memset(bytes, 'x', len);
    client_send_bytes(client, bytes, len);
    free(bytes);
}

static void a_body_too_large_is_read_to_its_end_then_refused(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, POST("500000") "\r\n");
    send_large(&client, 500000);
    assert_true(client_sees_end(&client));
    assert_non_null(strstr(client.text, "HTTP/1.1 413 "));
    assert_non_null(strstr(client.text, "Connection: close\r\n"));
    client_close(&client);
    assert_int_equal(counted(bed, "413"), 1);
    assert_int_equal(bed->handled, 0);
}

static void a_chunked_body_that_grows_too_large_is_refused(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, CHUNKED_HEAD "\r\n");
    for (int i = 0; i < 40; i++) {
        client_send(&client, "1000\r\n");
        send_large(&client, 0x1000);
        client_send(&client, "\r\n");
    }
    client_send(&client, "0\r\n\r\n");
    assert_true(client_sees_end(&client));
    assert_non_null(strstr(client.text, "HTTP/1.1 413 "));
    client_close(&client);
    assert_int_equal(bed->handled, 0);
}

static void an_encoded_body_is_refused_and_the_connection_stays(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, POST("4") "Content-Encoding: gzip\r\n\r\nbody");
    assert_true(client_sees(&client, "HTTP/1.1 415 "));
    client_send(&client, GET("/after"));
    assert_true(client_sees(&client, "200 OK"));
    assert_string_equal(bed->seen, "GET /after - ");
    client_close(&client);
}

static void headers_too_large_get_431_and_a_target_414(void **state)
{
    struct bed *bed = *state;
    struct client client;

    client_open(&client, bed);
    client_send(&client, HEAD("GET /") "X-Large: ");
    send_large(&client, 9000);
    assert_true(client_sees(&client, "HTTP/1.1 431 "));
    client_close(&client);
    client_open(&client, bed);
    client_send(&client, "GET /");
    send_large(&client, 9000);
    assert_true(client_sees(&client, "HTTP/1.1 414 "));
    client_close(&client);
    turn_until_connections(bed, 0);
    assert_int_equal(counted(bed, "431"), 1);
}

/* ---- deadlines ---- */

/* Sends the text, then a byte now and then, until the server hangs up. */
static void drip_until_cut(struct bed *bed, const char *begin, char drip)
{
    struct client client;
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;
    uint64_t next_ms = 0;

    client_open(&client, bed);
    client_send(&client, begin);
    while (!client.is_closed && gn_clock_mono_ms() < end_ms) {
        if (gn_clock_mono_ms() >= next_ms) {
            (void)send(client.fd, &drip, 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* fails at the end */
            next_ms = gn_clock_mono_ms() + TURN_MS;
        }
        turn(bed);
        client_read(&client);
    }
    assert_true(client.is_closed);
    assert_null(strstr(client.text, "200 OK"));
    client_close(&client);
}

static void a_client_that_drips_is_cut_off(void **state)
{
    static const struct {
        const char *begin;
        char drip;
    } rows[] = {
        {"", 'G'},                         /* request line */
        {HEAD("GET /") "X-Drip: ", 'x'},   /* headers */
        {POST("3000") "\r\n", 'x'},        /* body, of a length */
        {CHUNKED_HEAD "\r\n7ff\r\n", 'x'}, /* body, chunked */
        {POST("5000") "\r\n", 'x'},        /* body, refused */
    };
    const struct gn_http_server_config hasty = {
        .max_connections = 10,
        .idle_timeout_ms = 600000,
        .header_deadline_ms = 60,
        .body_deadline_ms = 60,
    };
    struct bed *bed = bed_new(&hasty);

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        drip_until_cut(bed, rows[i].begin, rows[i].drip);
    assert_int_equal(bed->handled, 0);
    bed_free(bed);
}

static void an_idle_connection_is_closed(void **state)
{
    const struct gn_http_server_config hasty = {
        .max_connections = 10,
        .idle_timeout_ms = 60,
        .header_deadline_ms = 600000,
        .body_deadline_ms = 600000,
    };
    struct bed *bed = bed_new(&hasty);
    struct client client;

    (void)state;
    client_open(&client, bed);
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "200 OK"));
    assert_true(client_sees_end(&client));
    client_close(&client);
    bed_free(bed);
}

static void a_client_that_does_not_take_its_answer_is_cut_off(void **state)
{
    enum { LARGE = 250000, SMALL = 4096 };
    const struct gn_http_server_config hasty = {
        .max_connections = 10,
        .idle_timeout_ms = 600000,
        .header_deadline_ms = 600000,
        .body_deadline_ms = 60,
    };
    struct bed *bed = calloc(1, sizeof(*bed));
    struct client client;
    char *text = calloc(1, LARGE);

    (void)state;
    assert_non_null(bed);
    assert_non_null(text);
    bed->buffer_bytes = SMALL;
    bed_open(bed, &hasty);
    memset(text, 'x', LARGE - 1);
    bed->answer_text = text;
    client_open(&client, bed);
    client_send(&client, GET("/"));
    turn_until_connections(bed, 1);
    turn_until_connections(bed, 0); /* nothing was read meanwhile */
    assert_int_equal(bed->handled, 1);
    client_close(&client);
    bed_free(bed);
    free(text);
}

static void a_request_with_the_handler_is_under_no_deadline(void **state)
{
    const struct gn_http_server_config hasty = {
        .max_connections = 10,
        .idle_timeout_ms = 40,
        .header_deadline_ms = 40,
        .body_deadline_ms = 40,
    };
    struct bed *bed = bed_new(&hasty);
    struct client client;
    uint64_t end_ms;

    (void)state;
    bed->is_holding = true;
    bed->answer_text = "patience";
    client_open(&client, bed);
    client_send(&client, GET("/"));
    turn_until_held(bed, 1);
    end_ms = gn_clock_mono_ms() + 200;
    while (gn_clock_mono_ms() < end_ms)
        turn(bed);
    answer(bed, bed->held[0]);
    assert_true(client_sees(&client, "patience"));
    client_close(&client);
    bed_free(bed);
}

/* ---- many, and the end ---- */

static void two_hundred_idle_connections_do_not_keep_others_from_service(void **state)
{
    enum { COUNT = 200 };
    struct bed *bed = *state;
    struct client *idle = calloc(COUNT, sizeof(*idle));
    struct client client;

    assert_non_null(idle);
    for (int i = 0; i < COUNT; i++) {
        client_open(&idle[i], bed);
        turn(bed);
    }
    turn_until_connections(bed, COUNT);
    client_open(&client, bed);
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "200 OK"));
    client_send(&idle[COUNT / 2], GET("/late"));
    assert_true(client_sees(&idle[COUNT / 2], "200 OK"));
    client_close(&client);
    for (int i = 0; i < COUNT; i++)
        client_close(&idle[i]);
    turn_until_connections(bed, 0);
    free(idle);
}

static void clients_above_the_limit_are_served_when_one_leaves(void **state)
{
    struct gn_http_server_config narrow = patient;
    struct client first, second;
    struct bed *bed;

    (void)state;
    narrow.max_connections = 1;
    bed = bed_new(&narrow);
    client_open(&first, bed);
    client_send(&first, GET("/1"));
    assert_true(client_sees(&first, "200 OK"));
    client_open(&second, bed);
    client_send(&second, GET("/2"));
    for (int i = 0; i < 5; i++)
        turn(bed);
    assert_string_equal(bed->seen, "GET /1 - ");
    assert_int_equal(connections(bed), 1);
    client_close(&first);
    assert_true(client_sees(&second, "200 OK"));
    client_close(&second);
    bed_free(bed);
}

static void a_quiesced_server_serves_who_is_there_and_closes(void **state)
{
    struct bed *bed = *state;
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(bed->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client client;
    int other;

    client_open(&client, bed);
    client_send(&client, GET("/"));
    assert_true(client_sees(&client, "200 OK"));
    gn_http_server_quiesce(bed->server);
    gn_http_server_quiesce(bed->server);
    other = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(other, (struct sockaddr *)&addr, sizeof(addr)), 0);
    close(other);
    client_send(&client, GET("/last"));
    assert_true(client_sees_end(&client));
    assert_int_equal(count_of(client.text, "200 OK"), 2);
    assert_int_equal(count_of(client.text, "Connection: close"), 1);
    client_close(&client);
}

static void freeing_answers_503_to_what_is_still_with_the_handler(void **state)
{
    struct bed *bed = bed_new(&patient);
    struct client clients[3], idle;

    (void)state;
    bed->is_holding = true;
    client_open(&idle, bed);
    for (unsigned i = 0; i < GN_LEN(clients); i++) {
        client_open(&clients[i], bed);
        client_send(&clients[i], GET("/") GET("/pipelined"));
        turn_until_held(bed, i + 1);
    }
    gn_http_server_free(bed->server);
    bed->server = NULL;
    for (unsigned i = 0; i < GN_LEN(clients); i++) {
        assert_true(client_sees_end(&clients[i]));
        assert_non_null(strstr(clients[i].text, "HTTP/1.1 503 "));
        assert_non_null(strstr(clients[i].text, "Connection: close\r\n"));
        client_close(&clients[i]);
    }
    assert_true(client_sees_end(&idle));
    client_close(&idle);
    assert_int_equal(connections(bed), 0);
    gn_http_server_free(NULL);
    bed_free(bed);
}

static void a_port_is_free_again_after_the_server(void **state)
{
    struct bed *bed = bed_new(&patient);
    uint16_t port = bed->port;
    int fd = -1;

    (void)state;
    bed_free(bed);
    assert_int_equal(gn_listen_tcp("", port, &fd, NULL), GN_OK);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sends_nothing_more_is_let_go_long_before_the_deadline),
        cmocka_unit_test(who_sends_nothing_more_still_gets_the_answer),
        BED_TEST(a_request_reaches_the_handler_as_it_was_sent),
        BED_TEST(a_header_is_found_in_any_case),
        BED_TEST(headers_are_listed_by_their_prefix_as_sent),
        BED_TEST(an_ipv4_peer_of_the_dual_socket_is_shown_as_ipv4),
        BED_TEST(a_request_sent_byte_by_byte_is_served),
        BED_TEST(a_body_of_exactly_the_limit_is_taken),
        BED_TEST(an_answer_carries_status_type_headers_and_length),
        BED_TEST(head_gets_the_headers_only),
        BED_TEST(an_empty_answer_says_length_zero_and_204_has_none),
        BED_TEST(http_1_0_is_closed_unless_it_asks_to_stay),
        BED_TEST(pipelined_requests_are_answered_in_order),
        BED_TEST(expect_100_continue_is_granted),
        BED_TEST(a_request_may_be_answered_in_a_later_turn),
        BED_TEST(late_answers_may_come_in_any_order),
        BED_TEST(a_client_that_left_before_the_late_answer_does_no_harm),
        BED_TEST(what_must_not_reach_the_handler_is_refused),
        BED_TEST(a_nul_in_the_target_is_refused),
        BED_TEST(a_refused_expectation_is_answered_before_the_body),
        BED_TEST(a_huge_length_is_refused_before_the_body),
        BED_TEST(a_body_too_large_is_read_to_its_end_then_refused),
        BED_TEST(a_chunked_body_that_grows_too_large_is_refused),
        BED_TEST(an_encoded_body_is_refused_and_the_connection_stays),
        BED_TEST(headers_too_large_get_431_and_a_target_414),
        cmocka_unit_test(a_client_that_drips_is_cut_off),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(a_client_that_does_not_take_its_answer_is_cut_off),
        cmocka_unit_test(a_request_with_the_handler_is_under_no_deadline),
        BED_TEST(two_hundred_idle_connections_do_not_keep_others_from_service),
        BED_TEST(clients_above_the_limit_are_served_when_one_leaves),
        BED_TEST(a_quiesced_server_serves_who_is_there_and_closes),
        cmocka_unit_test(freeing_answers_503_to_what_is_still_with_the_handler),
        cmocka_unit_test(a_port_is_free_again_after_the_server),
        STREAM_TESTS,
        TLS_TESTS,
    };

    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
