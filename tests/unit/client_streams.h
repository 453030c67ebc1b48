/* Tests of the Redfish client: streams. */
#ifndef GN_TESTS_CLIENT_STREAMS_H
#define GN_TESTS_CLIENT_STREAMS_H

#include "client_bed.h"

static const struct row sse_rows[] = {
    {"GET", "/sse", NULL, 0, STREAM, {NULL}, NULL},
    {"GET", "/json", NULL, 0, 200, {NULL}, "{\"a\":1}"},
    {"GET", "/empty", NULL, 0, 200, {NULL}, NULL},
    {"GET", "/503", NULL, 0, 503, {NULL}, NULL},
    {"GET", "/held", NULL, 0, HOLD, {NULL}, NULL},
    LAST_ROW,
};

/* What a stream's reader was handed. */
struct reader {
    struct got got; /* first: also the context of on_answer() */
    char text[256];
    unsigned len;
    unsigned opened;
    bool refuses;
};

static bool read_bytes(void *ctx, struct gn_str bytes)
{
    struct reader *reader = ctx;

    assert_int_equal(reader->opened == 0, bytes.len == 0);
    if (bytes.len == 0) {
        reader->opened++;
        return true;
    }
    assert_true(reader->len + bytes.len < sizeof(reader->text));
    memcpy(reader->text + reader->len, bytes.p, bytes.len);
    reader->len += (unsigned)bytes.len;
    return !reader->refuses;
}

static struct gn_bmc_call *open_stream(struct bed *bed, const char *uri, struct reader *reader)
{
    struct gn_bmc_call *call = NULL;

    assert_int_equal(
        gn_bmc_stream(bed->link, uri, GN_STR("41"), read_bytes, on_answer, reader, &call), GN_OK);
    return call;
}

static void wait_for_stream(struct bed *bed)
{
    for (unsigned i = 0; i < 500 && bed->stream == NULL; i++)
        turn(bed);
    assert_non_null(bed->stream);
}

static void the_bytes_of_a_stream_are_handed_on_until_it_ends(void **state)
{
    struct bed *bed = *state;
    struct reader reader = {0};

    use(bed, sse_rows, GN_BMC_AUTH_NONE);
    open_stream(bed, "/sse", &reader);
    wait_for(bed, &reader.opened, 1); /* before any byte has come */
    assert_string_equal(bed->seen[0].last_id, "41");
    assert_string_equal(bed->seen[0].accept, "text/event-stream");
    gn_http_stream_write(bed->stream, GN_STR("id: 1\n"));
    wait_for(bed, &reader.len, 6);
    gn_http_stream_write(bed->stream, GN_STR("{ is no answer behind the first bytes\n\n"));
    wait_for(bed, &reader.len, 45);
    assert_int_equal(reader.got.count, 0);
    gn_http_stream_end(bed->stream, false);
    wait_for(bed, &reader.got.count, 1);
    assert_int_equal(reader.got.end, GN_BMC_END_ANSWER);
    assert_int_equal(reader.got.status, 200);
    assert_string_equal(reader.got.reason, "");
}

static void a_stream_that_breaks_off_is_unreachable(void **state)
{
    struct bed *bed = *state;
    struct reader reader = {0};

    use(bed, sse_rows, GN_BMC_AUTH_NONE);
    open_stream(bed, "/sse", &reader);
    wait_for_stream(bed);
    gn_http_stream_write(bed->stream, GN_STR("id: 1\n"));
    wait_for(bed, &reader.len, 6);
    gn_http_stream_end(bed->stream, true);
    wait_for(bed, &reader.got.count, 1);
    assert_int_equal(reader.got.end, GN_BMC_END_UNREACHABLE);
}

static void what_is_no_stream_is_an_answer(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *reason;
    } rows[] = {
        {"/json", 200, "the answer is no text/event-stream"},
        {"/empty", 200, "the answer is no text/event-stream"},
        {"/404", 404, "HTTP 404"},
        {"/503", 503, "HTTP 503"},
    };
    struct bed *bed = *state;

    use(bed, sse_rows, GN_BMC_AUTH_NONE);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct reader reader = {0};

        open_stream(bed, rows[i].path, &reader);
        wait_for(bed, &reader.got.count, 1);
        assert_int_equal(reader.got.end, GN_BMC_END_ANSWER);
        assert_int_equal(reader.got.status, rows[i].status);
        assert_string_equal(reader.got.reason, rows[i].reason);
        assert_int_equal(reader.got.has_json, i == 0);
        assert_int_equal(reader.opened, 0);
    }
}

static void a_stream_gets_401_and_logs_in_once(void **state)
{
    static const struct row rows[] = {
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t1"), NULL},
        {"POST", SESSIONS, NULL, 1, 201, LOGIN_AS("t2"), NULL},
        {"GET", "/sse", "t1", 0, 401, {NULL}, NULL},
        {"GET", "/sse", "t2", 1, STREAM, {NULL}, NULL},
        {"GET", "/sse", NULL, 0, 401, {NULL}, NULL},
        LAST_ROW,
    };
    struct bed *bed = *state;
    struct reader reader = {0};

    use(bed, rows, GN_BMC_AUTH_SESSION);
    open_stream(bed, "/sse", &reader);
    wait_for_stream(bed);
    assert_int_equal(count_seen(bed, "POST", SESSIONS), 2);
    gn_http_stream_end(bed->stream, false);
    wait_for(bed, &reader.got.count, 1);
    assert_int_equal(reader.got.end, GN_BMC_END_ANSWER);
    open_stream(bed, "/sse", &reader); /* 401, and a third log-in is refused by 404 */
    wait_for(bed, &reader.got.count, 2);
    assert_int_equal(reader.got.end, GN_BMC_END_AUTH);
}

static void a_stream_takes_no_place_of_requests(void **state)
{
    struct bed *bed = *state;
    struct reader readers[3] = {0};
    struct got got = {0};

    new_client(bed, 1);
    use(bed, sse_rows, GN_BMC_AUTH_NONE);
    for (size_t i = 0; i < GN_LEN(readers); i++)
        open_stream(bed, "/held", &readers[i]);
    wait_for(bed, &bed->held_count, 3);
    assert_int_equal(gn_bmc_client_active(bed->client), 0);
    assert_int_equal(gn_bmc_client_waiting(bed->client), 0);
    ask(bed->link, "GET", "/json", &got);
    wait_for(bed, &got.count, 1);
    while (bed->released < bed->held_count)
        release(bed, 404, NULL, NULL);
    for (size_t i = 0; i < GN_LEN(readers); i++)
        wait_for(bed, &readers[i].got.count, 1);
}

static void a_stream_that_its_reader_refuses_is_hostile(void **state)
{
    struct bed *bed = *state;
    struct reader reader = {.refuses = true};

    use(bed, sse_rows, GN_BMC_AUTH_NONE);
    open_stream(bed, "/sse", &reader);
    wait_for_stream(bed);
    gn_http_stream_write(bed->stream, GN_STR("data: x\n"));
    wait_for(bed, &reader.got.count, 1);
    assert_int_equal(reader.got.end, GN_BMC_END_HOSTILE);
    assert_int_equal(reader.len, 8);
}

static void a_stream_can_be_given_up(void **state)
{
    struct bed *bed = *state;
    struct reader reader = {0};
    struct gn_bmc_call *call;

    use(bed, sse_rows, GN_BMC_AUTH_NONE);
    gn_bmc_cancel(open_stream(bed, "/sse", &reader));
    call = open_stream(bed, "/sse", &reader);
    wait_for_stream(bed);
    gn_bmc_cancel(call);
    for (unsigned i = 0; i < 500 && bed->stream != NULL; i++) {
        gn_http_stream_write(bed->stream, GN_STR("data: x\n"));
        turn(bed);
    }
    assert_null(bed->stream); /* the BMC notices */
    assert_int_equal(reader.len, 0);
    assert_int_equal(reader.got.count, 0);
}

#endif
