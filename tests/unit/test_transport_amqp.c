/* The AMQP transport against a scripted peer on loopback: sending, what each outcome means, whom a
 * silent or refused address holds back; receiving, settling, and current states asked and told. */
#include <stdio.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function" /* the peer can more than is needed here */
#include "amqp_peer.h"
#pragma GCC diagnostic pop

#include "gurnard/base/clock.h"
#include "gurnard/net/amqp_message.h"
#include "gurnard/transport/transport_amqp.h"

#include "transport_amqp_priv.h" /* to let its long timers run out */

#define WAIT_MS      5000 /* bound of any wait; never reached when the code is right */
#define ENDS_MAX     600
#define EVENTS_MAX   16
#define MESSAGE_MAX  65536
#define RESOURCE     "/cluster/node/n1/redfish/event"
#define METRICS_NAME "{connection=\"bus\""

/* How one send ended. */
struct end {
    int calls;
    enum gn_err err;
    char reason[200];
};

struct bed {
    struct gn_loop *loop;
    struct gn_metrics *metrics;
    struct gn_resolver *resolver;
    struct amqp_peer *peer;
    struct gn_amqp *amqp;
    struct gn_transport *transport;
    struct gn_transport_amqp_config config;
    char url[64];
    struct end ends[ENDS_MAX];

    /* what came */
    struct gn_bus_event *events[EVENTS_MAX];
    char event_ids[EVENTS_MAX][32];
    unsigned event_count;
    struct gn_bus_event *gone;
    bool has_state;
    char asked[64]; /* the resource that the state was asked of */

    /* of a question */
    int answers;
    enum gn_err answer_err;
    char answer_id[32];
};

static void turn(struct bed *bed)
{
    assert_int_equal(gn_loop_turn(bed->loop, 5), GN_OK);
}

#define WAIT(bed, condition)                                                                       \
    do {                                                                                           \
        uint64_t until_ms = gn_clock_mono_ms() + WAIT_MS;                                          \
        while (!(condition)) {                                                                     \
            assert_true(gn_clock_mono_ms() < until_ms);                                            \
            turn(bed);                                                                             \
        }                                                                                          \
    } while (0)

static void put(char *to, size_t size, struct gn_str text)
{
    assert_true(text.len < size);
    memcpy(to, text.p, text.len);
    to[text.len] = '\0';
}

/* ---- what the owner does ---- */

static void on_event(void *ctx, struct gn_bus_event *event, const struct gn_cloudevent *ce)
{
    struct bed *bed = ctx;

    assert_true(bed->event_count < EVENTS_MAX);
    put(bed->event_ids[bed->event_count], sizeof bed->event_ids[0], ce->id);
    bed->events[bed->event_count++] = event;
}

static void on_gone(void *ctx, struct gn_bus_event *event)
{
    struct bed *bed = ctx;

    bed->gone = event;
}

static bool on_state(void *ctx, struct gn_str resource, struct gn_arena *arena,
                     struct gn_cloudevent *ce)
{
    struct bed *bed = ctx;

    put(bed->asked, sizeof bed->asked, resource);
    ce->version = GN_CE_0_3;
    ce->id = (struct gn_str){gn_arena_strdup(arena, GN_STR("state-1")), 7};
    ce->source = GN_STR("/redfish");
    ce->type = GN_STR("state");
    return bed->has_state;
}

/* ---- the bed ---- */

static void start(struct bed *bed)
{
    gn_amqp_start(bed->amqp);
    WAIT(bed, gn_amqp_is_up(bed->amqp));
}

/* Makes the connection and the transport, as config says by now. */
static void make(struct bed *bed)
{
    const struct gn_amqp_config config = {
        .name = "bus",
        .host = "127.0.0.1",
        .port = bed->peer->port,
        .container_id = "test",
        .idle_timeout_ms = 30000,
        .max_frame_bytes = 65536,
        .connect_timeout_ms = 2000,
        .retry_min_ms = 10,
        .retry_max_ms = 50,
        .denied_ms = 10,
    };
    const struct gn_bus_handler handler = {on_event, on_gone, on_state, bed};

    bed->amqp = gn_amqp_new(bed->loop, bed->resolver, &config);
    bed->transport =
        gn_transport_amqp_new(bed->loop, bed->amqp, &bed->config, &handler, bed->metrics);
    assert_non_null(bed->transport);
}

static int setup(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);

    assert_non_null(bed);
    bed->metrics = gn_metrics_new();
    bed->loop = gn_loop_new(NULL);
    bed->resolver = gn_resolver_new(bed->loop);
    bed->peer = peer_new(bed->loop);
    (void)snprintf(bed->url, sizeof bed->url, "amqp://127.0.0.1:%u", bed->peer->port);
    bed->config = (struct gn_transport_amqp_config){.name = "bus",
                                                    .url = bed->url,
                                                    .pattern = "router",
                                                    .time_as_timestamp = true,
                                                    .outcome_ms = 2000,
                                                    .credit = 10,
                                                    .max_message_bytes = MESSAGE_MAX};
    *state = bed;
    return 0;
}

static void stop(struct bed *bed)
{
    gn_transport_amqp_stop(bed->transport);
    gn_amqp_stop(bed->amqp);
    WAIT(bed, gn_transport_amqp_is_stopped(bed->transport) && gn_amqp_is_stopped(bed->amqp));
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    if (bed->transport != NULL) {
        stop(bed);
        bed->transport->ops->free(bed->transport);
        gn_amqp_free(bed->amqp);
    }
    peer_free(bed->peer);
    gn_resolver_free(bed->resolver);
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    free(bed);
    return 0;
}

/* The value of a series of this connection. */
static double metric(struct bed *bed, const char *name, const char *more)
{
    struct gn_buf text = GN_BUF_INIT;
    char series[128];
    const char *found;
    double value;

    gn_metrics_print(bed->metrics, &text);
    (void)snprintf(series, sizeof series, "\n%s" METRICS_NAME "%s} ", name, more);
    found = strstr(text.data, series);
    assert_non_null(found);
    value = strtod(found + strlen(series), NULL);
    gn_buf_free(&text);
    return value;
}

/* ---- sending ---- */

static const struct gn_cloudevent event_1 = {
    .version = GN_CE_0_3,
    .id = GN_STR_INIT("event-1"),
    .source = GN_STR_INIT(RESOURCE),
    .type = GN_STR_INIT("HW_EVENT"),
    .time = GN_STR_INIT("2026-11-21T18:30:00.5Z"),
    .datacontenttype = GN_STR_INIT("application/json"),
    .kind = GN_CE_JSON,
    .data = GN_STR_INIT("{\"values\":[]}"),
};

/* A message and its address, which live until the send has ended. */
struct letter {
    char address[160];
    struct gn_message_out message;
};

static struct letter letter_to(const struct bed *bed, const char *address)
{
    struct letter letter = {.message = {.event = &event_1, .mode = GN_CE_BINARY}};

    (void)snprintf(letter.address, sizeof letter.address, "%s/%s", bed->url, address);
    letter.message.timeout_ms = 3000;
    return letter;
}

static void on_sent(void *ctx, const struct gn_sent *sent)
{
    struct end *end = ctx;

    end->calls++;
    end->err = sent->err;
    (void)snprintf(end->reason, sizeof end->reason, "%s", sent->reason);
    assert_int_equal(sent->status, 0);
}

/* Sends it; how it ends is noted in bed->ends[at]. */
static struct gn_sending *send_at(struct bed *bed, size_t at, struct letter *letter)
{
    struct gn_sending *sending = NULL;

    assert_true(at < ENDS_MAX);
    letter->message.address = letter->address;
    bed->ends[at] = (struct end){0};
    assert_int_equal(bed->transport->ops->send(bed->transport, &letter->message, on_sent,
                                               &bed->ends[at], &sending),
                     GN_OK);
    assert_int_equal(bed->ends[at].calls, 0);
    assert_non_null(sending);
    return sending;
}

static void wait_end(struct bed *bed, size_t at, enum gn_err err, const char *reason)
{
    WAIT(bed, bed->ends[at].calls > 0);
    assert_int_equal(bed->ends[at].calls, 1);
    assert_int_equal(bed->ends[at].err, err);
    if (reason != NULL && strstr(bed->ends[at].reason, reason) == NULL)
        assert_string_equal(bed->ends[at].reason, reason);
}

/* Decodes what the peer got. */
static void received(const struct bed *bed, struct gn_arena *arena, struct gn_cloudevent *ce)
{
    char error[GN_CE_ERROR_MAX];

    gn_arena_init(arena, (size_t)1 << 20);
    assert_int_equal(gn_amqp_event_decode(gn_buf_str(&bed->peer->last), arena, ce, error), GN_OK);
}

static void it_takes_what_begins_with_its_url(void **state)
{
    static const struct {
        const char *address;
        bool takes;
    } rows[] = {
        {"amqp://broker.lab:5672/a", true},
        {"AMQP://Broker.Lab:5672/%2Fa/b", true},
        {"amqp://broker.lab/a", true},
        {"amqp://broker.lab:5672//a", true},
        {"amqp://broker.lab:5672/", false},
        {"amqp://broker.lab:5672", false},
        {"amqp://broker.lab:56720/a", false},
        {"amqp://broker.lab:5672/a?b", false},
        {"amqp://u:p@broker.lab:5672/a", false},
        {"amqps://broker.lab:5672/a", false},
        {"http://broker.lab:5672/a", false},
        {"amqp://other.lab:5672/a", false},
        {"", false},
    };
    struct bed *bed = *state;

    bed->config.url = "amqp://broker.lab:5672";
    make(bed);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(bed->transport->ops->takes(bed->transport, rows[i].address),
                         rows[i].takes);
    assert_string_equal(bed->transport->ops->name, "amqp");
}

static void the_sink_of_a_resource_is_its_address_encoded(void **state)
{
    static const struct {
        const char *pattern, *resource, *want;
    } rows[] = {
        {"router", "/cluster/node/n1", "amqp://b:5672/%2Fcluster/node/n1"},
        {"router", "a?b#c%d \xC3\xA4", "amqp://b:5672/a%3Fb%23c%25d%20%C3%A4"},
        {"rabbitmq-topic", "/cluster/n1.lab", "amqp://b:5672/%2Ftopic/cluster.n1_lab"},
        {"artemis-multicast", "/a", "amqp://b:5672/multicast://a"},
    };
    struct bed *bed = *state;

    bed->config.url = "amqp://b:5672";
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf sink = GN_BUF_INIT;

        bed->config.pattern = rows[i].pattern;
        make(bed);
        gn_transport_amqp_sink(bed->transport, gn_str_of(rows[i].resource), &sink);
        assert_string_equal(sink.data, rows[i].want);
        assert_true(bed->transport->ops->takes(bed->transport, sink.data));
        gn_buf_free(&sink);
        stop(bed);
        bed->transport->ops->free(bed->transport);
        gn_amqp_free(bed->amqp);
        bed->transport = NULL;
    }
}

static void a_message_goes_to_the_address_of_its_sink(void **state)
{
    struct bed *bed = *state;
    struct gn_buf sink = GN_BUF_INIT;
    struct letter letter = letter_to(bed, "");
    struct gn_cloudevent ce;
    struct gn_arena arena;

    make(bed);
    start(bed);
    gn_transport_amqp_sink(bed->transport, GN_STR(RESOURCE), &sink);
    (void)snprintf(letter.address, sizeof letter.address, "%s", sink.data);
    (void)send_at(bed, 0, &letter);
    wait_end(bed, 0, GN_OK, "");
    assert_non_null(peer_link(bed->peer, RESOURCE));
    received(bed, &arena, &ce);
    assert_true(gn_str_eq(ce.id, event_1.id));
    assert_true(gn_str_eq(ce.time, event_1.time));
    assert_true(gn_str_eq(ce.data, event_1.data));
    assert_int_equal(ce.version, GN_CE_0_3);
    gn_arena_fini(&arena);
    gn_buf_free(&sink);
    assert_true(metric(bed, "gurnard_amqp_connected", "") == 1);
    assert_true(metric(bed, "gurnard_amqp_connects_total", "") == 1);
    assert_true(metric(bed, "gurnard_amqp_links", "") == 1);
    assert_true(metric(bed, "gurnard_amqp_credit", "") > 0);
    assert_true(metric(bed, "gurnard_amqp_unsettled", "") == 0);
}

static void each_outcome_has_its_meaning(void **state)
{
    static const struct {
        uint64_t outcome;
        enum gn_err err;
        const char *reason, *metric;
    } rows[] = {
        {PN_ACCEPTED, GN_OK, "", "accepted"},
        {PN_RELEASED, GN_EBUSY, "released: nobody is receiving there", "released"},
        {PN_MODIFIED, GN_EBUSY, "released: nobody is receiving there", "released"},
        {PN_REJECTED, GN_EREFUSED, "cannot read that", "rejected"},
        {0, GN_EBUSY, "no outcome in time", "unknown"},
    };
    struct bed *bed = *state;
    struct letter letter = letter_to(bed, "a");

    bed->config.outcome_ms = 100;
    make(bed);
    start(bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char label[64];

        bed->peer->outcome = rows[i].outcome;
        (void)send_at(bed, i, &letter);
        wait_end(bed, i, rows[i].err, rows[i].reason);
        (void)snprintf(label, sizeof label, ",outcome=\"%s\"", rows[i].metric);
        assert_true(metric(bed, "gurnard_amqp_outcomes_total", label) >= 1);
    }
    assert_int_equal(bed->peer->attaches, 1);
}

static void what_is_under_way_is_lost_with_the_connection(void **state)
{
    struct bed *bed = *state;
    struct letter letter = letter_to(bed, "a");

    make(bed);
    start(bed);
    bed->peer->outcome = 0;
    (void)send_at(bed, 0, &letter);
    WAIT(bed, bed->peer->received == 1);
    assert_true(metric(bed, "gurnard_amqp_unsettled", "") == 1);
    peer_cut(bed->peer);
    wait_end(bed, 0, GN_ECONN, NULL);
    assert_string_not_equal(bed->ends[0].reason, "");
    bed->peer->outcome = PN_ACCEPTED;
    (void)send_at(bed, 1, &letter); /* waits for the next connection */
    wait_end(bed, 1, GN_OK, "");
    assert_true(metric(bed, "gurnard_amqp_failures_total", "") >= 1);
    assert_true(metric(bed, "gurnard_amqp_outcomes_total", ",outcome=\"lost\"") == 1);
}

static void a_message_waits_for_the_connection(void **state)
{
    struct bed *bed = *state;
    struct letter letter = letter_to(bed, "a");

    make(bed);
    (void)send_at(bed, 0, &letter);
    turn(bed);
    assert_int_equal(bed->ends[0].calls, 0);
    start(bed);
    wait_end(bed, 0, GN_OK, "");
}

static void an_address_without_credit_holds_back_only_its_own(void **state)
{
    struct bed *bed = *state;
    struct letter slow = letter_to(bed, "slow"), quick = letter_to(bed, "quick");

    make(bed);
    start(bed);
    bed->peer->credit = 0;
    (void)send_at(bed, 0, &slow);
    (void)send_at(bed, 1, &slow);
    WAIT(bed, peer_link(bed->peer, "slow") != NULL);
    bed->peer->credit = 100;
    (void)send_at(bed, 2, &quick);
    wait_end(bed, 2, GN_OK, "");
    assert_int_equal(bed->ends[0].calls + bed->ends[1].calls, 0);
    pn_link_flow(peer_link(bed->peer, "slow"), 1);
    peer_turn_later(bed->peer);
    wait_end(bed, 0, GN_OK, "");
    wait_end(bed, 1, GN_OK, "");
    assert_int_equal(bed->peer->received, 3);
}

static void waiting_ends_with_the_time_of_the_message(void **state)
{
    static const struct {
        bool is_up, is_attached;
        const char *reason;
    } rows[] = {
        {false, false, "not connected to the broker"},
        {true, false, "the broker has not answered for the address"},
        {true, true, "no credit: nobody is receiving there"},
    };
    struct bed *bed = *state;
    struct letter letter = letter_to(bed, "a");

    letter.message.timeout_ms = 20;
    make(bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        bed->peer->keeps_attach = !rows[i].is_attached;
        bed->peer->credit = 0;
        (void)snprintf(letter.address, sizeof letter.address, "%s/a%zu", bed->url, i);
        if (rows[i].is_up && !gn_amqp_is_up(bed->amqp))
            start(bed);
        if (rows[i].is_attached) {
            letter.message.timeout_ms = 200;
            (void)send_at(bed, i, &letter);
            WAIT(bed, peer_link(bed->peer, "a2") != NULL);
        } else {
            (void)send_at(bed, i, &letter);
        }
        wait_end(bed, i, GN_ETIMEOUT, rows[i].reason);
    }
}

static void a_refused_address_fails_only_its_own(void **state)
{
    static const struct {
        const char *address, *reason;
    } rows[] = {{"bad", "no such node"}, {"worse", "unknown destination"}};
    struct bed *bed = *state;
    struct letter good = letter_to(bed, "good");

    make(bed);
    start(bed);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct letter bad = letter_to(bed, rows[i].address);

        (void)send_at(bed, 0, &bad);
        (void)send_at(bed, 1, &bad);
        (void)send_at(bed, 2, &good);
        wait_end(bed, 0, GN_EBUSY, rows[i].reason);
        wait_end(bed, 1, GN_EBUSY, rows[i].reason);
        wait_end(bed, 2, GN_OK, "");
        (void)send_at(bed, 3, &bad); /* is not kept waiting */
        wait_end(bed, 3, GN_EBUSY, rows[i].reason);
        assert_true(metric(bed, "gurnard_amqp_refused_links_total", "") >= (double)i + 1);
    }
    assert_int_equal(bed->peer->accepted, 1);
}

static void what_waits_for_one_address_is_bounded(void **state)
{
    struct bed *bed = *state;
    struct letter letter = letter_to(bed, "slow"), other = letter_to(bed, "other");

    make(bed);
    start(bed);
    bed->peer->credit = 0;
    for (size_t i = 0; i < GN_BUS_WAITING_MAX; i++)
        (void)send_at(bed, i, &letter);
    (void)send_at(bed, GN_BUS_WAITING_MAX, &letter);
    wait_end(bed, GN_BUS_WAITING_MAX, GN_EBUSY, "too many messages wait for the address");
    WAIT(bed, peer_link(bed->peer, "slow") != NULL);
    bed->peer->credit = 100;
    (void)send_at(bed, GN_BUS_WAITING_MAX + 1, &other);
    wait_end(bed, GN_BUS_WAITING_MAX + 1, GN_OK, "");
    for (size_t i = 0; i < GN_BUS_WAITING_MAX; i++)
        assert_int_equal(bed->ends[i].calls, 0);
    stop(bed);
    for (size_t i = 0; i < GN_BUS_WAITING_MAX; i++)
        wait_end(bed, i, GN_ECANCELED, NULL);
}

static void a_cancelled_send_ends_so_wherever_it_is(void **state)
{
    struct bed *bed = *state;
    struct letter slow = letter_to(bed, "slow"), a = letter_to(bed, "a");
    struct gn_sending *sendings[3];

    make(bed);
    start(bed);
    bed->peer->outcome = 0;
    sendings[0] = send_at(bed, 0, &a);
    WAIT(bed, bed->peer->received == 1);
    bed->peer->credit = 0;
    sendings[1] = send_at(bed, 1, &slow);
    WAIT(bed, peer_link(bed->peer, "slow") != NULL);
    slow.message.mode = GN_CE_BATCH;
    sendings[2] = send_at(bed, 2, &slow); /* waits behind it, and can be no message */
    for (size_t i = 0; i < GN_LEN(sendings); i++)
        bed->transport->ops->cancel(bed->transport, sendings[i]);
    for (size_t i = 0; i < GN_LEN(sendings); i++)
        assert_int_equal(bed->ends[i].calls, 0);
    for (size_t i = 0; i < GN_LEN(sendings); i++)
        wait_end(bed, i, GN_ECANCELED, "canceled");
}

static void what_can_be_no_message_is_refused(void **state)
{
    struct bed *bed = *state;
    struct letter letter = letter_to(bed, "a"), bad;
    struct gn_sending *sending;

    make(bed);
    start(bed);
    letter.message.mode = GN_CE_BATCH;
    (void)send_at(bed, 0, &letter);
    wait_end(bed, 0, GN_EINVAL, "not supported");
    for (size_t i = 0; i < 4; i++) {
        static const char *const addresses[] = {"a", "%FF", "a%00b", "a%0Ab"};

        bad = letter_to(bed, addresses[i]);
        bad.message.address = bad.address;
        if (i == 0)
            bad.message.event = NULL;
        assert_int_equal(bed->transport->ops->send(bed->transport, &bad.message, on_sent,
                                                   &bed->ends[1], &sending),
                         GN_EINVAL);
    }
    turn(bed);
    assert_int_equal(bed->ends[1].calls, 0);
}

static void presettled_messages_are_taken_once_they_are_out(void **state)
{
    static const char *const beginnings[] = {"x", "fast/"};
    struct bed *bed = *state;
    struct letter fast = letter_to(bed, "fast/a"), safe = letter_to(bed, "a");

    bed->config.presettled = beginnings;
    bed->config.presettled_count = GN_LEN(beginnings);
    make(bed);
    start(bed);
    bed->peer->outcome = 0;
    (void)send_at(bed, 0, &fast);
    wait_end(bed, 0, GN_OK, "");
    WAIT(bed, bed->peer->received == 1);
    assert_true(bed->peer->was_settled);
    bed->peer->outcome = PN_ACCEPTED;
    (void)send_at(bed, 1, &safe);
    wait_end(bed, 1, GN_OK, "");
    assert_false(bed->peer->was_settled);
}

static void all_sends_end_when_it_stops(void **state)
{
    struct bed *bed = *state;
    struct letter a = letter_to(bed, "a"), b = letter_to(bed, "b");
    struct gn_sending *sending;

    make(bed);
    start(bed);
    bed->peer->outcome = 0;
    (void)send_at(bed, 0, &a);
    WAIT(bed, bed->peer->received == 1);
    (void)send_at(bed, 1, &b);
    gn_transport_amqp_stop(bed->transport);
    assert_false(gn_transport_amqp_is_stopped(bed->transport));
    assert_int_equal(bed->ends[0].calls + bed->ends[1].calls, 0);
    assert_int_equal(bed->transport->ops->send(bed->transport, &b.message, on_sent, &bed->ends[2],
                                               &sending),
                     GN_ECONN);
    wait_end(bed, 0, GN_ECANCELED, "canceled");
    wait_end(bed, 1, GN_ECANCELED, "canceled");
    WAIT(bed, gn_transport_amqp_is_stopped(bed->transport));
}

static void a_link_that_is_not_used_goes(void **state)
{
    struct bed *bed = *state;
    struct gn_bus *bus;
    struct letter letter = letter_to(bed, "a");

    make(bed);
    bus = gn_bus_of(bed->transport);
    start(bed);
    (void)send_at(bed, 0, &letter);
    wait_end(bed, 0, GN_OK, "");
    bus->links->used_at_ms -= GN_BUS_IDLE_MS - 1000;
    gn_timer_start(&bus->sweep, 0);
    turn(bed);
    turn(bed);
    assert_non_null(bus->links);
    bus->links->used_at_ms -= 1000;
    gn_timer_start(&bus->sweep, 0);
    WAIT(bed, bed->peer->detaches == 1);
    assert_null(bus->links);
    assert_false(gn_timer_is_running(&bus->sweep));
    (void)send_at(bed, 1, &letter);
    wait_end(bed, 1, GN_OK, "");
    assert_int_equal(bed->peer->attaches, 2);
}

/* ---- receiving ---- */

/* Waits for the client's receiver and sends it ce. */
static void deliver(struct bed *bed, const char *address, const struct gn_cloudevent *ce)
{
    struct gn_buf bytes = GN_BUF_INIT;

    WAIT(bed, peer_link(bed->peer, address) != NULL);
    WAIT(bed, pn_link_credit(peer_link(bed->peer, address)) > 0);
    assert_int_equal(
        gn_amqp_event_encode(ce, GN_CE_BINARY, GN_AMQP_PREFIX_COLON, true, false, &bytes), GN_OK);
    peer_send(bed->peer, address, bytes.data, bytes.len);
    gn_buf_free(&bytes);
}

static void want(struct bed *bed, const char *resource)
{
    assert_int_equal(gn_bus_want(bed->transport, gn_str_of(resource)), GN_OK);
}

static void events_are_settled_by_the_owner(void **state)
{
    static const struct {
        enum gn_amqp_settlement settlement;
        uint64_t outcome;
    } rows[] = {
        {GN_AMQP_ACCEPT, PN_ACCEPTED},
        {GN_AMQP_REJECT, PN_REJECTED},
        {GN_AMQP_RELEASE, PN_RELEASED},
    };
    struct bed *bed = *state;

    make(bed);
    start(bed);
    want(bed, RESOURCE);
    for (unsigned i = 0; i < GN_LEN(rows); i++) {
        struct gn_str resource;

        deliver(bed, RESOURCE, &event_1);
        WAIT(bed, bed->event_count == i + 1);
        assert_string_equal(bed->event_ids[i], "event-1");
        resource = gn_bus_event_resource(bed->events[i]);
        assert_true(gn_str_eq(resource, GN_STR(RESOURCE)));
        assert_int_equal(bed->peer->outcomes[rows[i].outcome & 7], 0);
        gn_bus_settle(bed->events[i], rows[i].settlement, "not for us");
        WAIT(bed, bed->peer->outcomes[rows[i].outcome & 7] == 1);
    }
    assert_non_null(strstr(bed->peer->condition, "not for us"));
    assert_true(metric(bed, "gurnard_amqp_received_total", "") == 3);
    assert_true(metric(bed, "gurnard_amqp_undecodable_total", "") == 0);
}

static void what_is_no_event_is_rejected_with_its_reason(void **state)
{
    struct bed *bed = *state;
    struct gn_cloudevent wrong = event_1;

    make(bed);
    start(bed);
    want(bed, RESOURCE);
    wrong.subject = GN_STR("a\tb");
    deliver(bed, RESOURCE, &wrong);
    WAIT(bed, bed->peer->outcomes[PN_REJECTED & 7] == 1);
    assert_non_null(strstr(bed->peer->condition, "subject: MUST NOT hold control characters"));
    peer_send(bed->peer, RESOURCE, "\0Su\xA0\1x", 6);
    WAIT(bed, bed->peer->outcomes[PN_REJECTED & 7] == 2);
    assert_non_null(strstr(bed->peer->condition, "no CloudEvent"));
    assert_int_equal(bed->event_count, 0);
    assert_true(metric(bed, "gurnard_amqp_undecodable_total", "") == 2);
}

static void a_receiver_is_attached_while_its_resource_is_wanted(void **state)
{
    struct bed *bed = *state;

    make(bed);
    start(bed);
    want(bed, RESOURCE);
    want(bed, RESOURCE);
    WAIT(bed, peer_link(bed->peer, RESOURCE) != NULL);
    gn_bus_unwant(bed->transport, GN_STR(RESOURCE));
    gn_bus_unwant(bed->transport, GN_STR("/never/wanted"));
    turn(bed);
    assert_int_equal(bed->peer->detaches, 0);
    assert_true(metric(bed, "gurnard_amqp_links", "") == 1);
    gn_bus_unwant(bed->transport, GN_STR(RESOURCE));
    WAIT(bed, bed->peer->detaches == 1);
    assert_int_equal(bed->peer->attaches, 1);
    want(bed, "/bad");
    WAIT(bed, metric(bed, "gurnard_amqp_refused_links_total", "") >= 1);
}

static void receivers_are_told_of_when_all_are_attached(void **state)
{
    struct bed *bed = *state;
    struct gn_bus *bus;

    make(bed);
    bus = gn_bus_of(bed->transport);
    want(bed, RESOURCE);
    assert_int_equal(gn_bus_answer(bed->transport, GN_STR(RESOURCE)), GN_OK);
    gn_timer_start(&bus->survey, 0);
    turn(bed);
    turn(bed);
    assert_int_equal(bus->attached_told, 0);
    start(bed);
    WAIT(bed, peer_link(bed->peer, RESOURCE) != NULL);
    WAIT(bed, peer_link(bed->peer, RESOURCE "/status") != NULL);
    for (int i = 0; i < 10 && bus->attached_told == 0; i++) {
        gn_timer_start(&bus->survey, 0);
        turn(bed);
    }
    assert_int_equal(bus->attached_told, 2);
    bed->peer->keeps_open = true;
    peer_cut(bed->peer);
    WAIT(bed, !gn_amqp_is_up(bed->amqp));
    gn_timer_start(&bus->survey, 0);
    WAIT(bed, bus->attached_told == 0);
}

static void an_event_wanted_no_more_is_settled_to_no_effect(void **state)
{
    struct bed *bed = *state;

    make(bed);
    start(bed);
    want(bed, RESOURCE);
    for (unsigned i = 0; i < 3; i++) {
        deliver(bed, RESOURCE, &event_1);
        WAIT(bed, bed->event_count == i + 1);
    }
    gn_bus_unwant(bed->transport, GN_STR(RESOURCE));
    WAIT(bed, bed->peer->detaches == 1);
    assert_true(gn_str_eq(gn_bus_event_resource(bed->events[0]), GN_STR(RESOURCE)));
    gn_bus_settle(bed->events[0], GN_AMQP_ACCEPT, NULL);
    gn_bus_settle(bed->events[1], GN_AMQP_REJECT, "late"); /* the third ends with the transport */
    turn(bed);
    assert_int_equal(bed->peer->outcomes[PN_ACCEPTED & 7], 0);
    assert_null(bed->gone);
}

static void the_owner_hears_of_events_that_went_with_the_connection(void **state)
{
    struct bed *bed = *state;

    make(bed);
    start(bed);
    want(bed, RESOURCE);
    deliver(bed, RESOURCE, &event_1);
    WAIT(bed, bed->event_count == 1);
    peer_cut(bed->peer);
    WAIT(bed, bed->gone != NULL);
    assert_ptr_equal(bed->gone, bed->events[0]);
    deliver(bed, RESOURCE, &event_1); /* on the next connection */
    WAIT(bed, bed->event_count == 2);
    gn_bus_settle(bed->events[1], GN_AMQP_ACCEPT, NULL);
    WAIT(bed, bed->peer->outcomes[PN_ACCEPTED & 7] == 1);
}

/* ---- current states ---- */

static struct gn_cloudevent request(const char *source)
{
    struct gn_cloudevent ce = event_1;

    ce.type = GN_STR("STATUS");
    ce.source = gn_str_of(source);
    ce.data = GN_STR("{\"version\":\"v1\",\"values\":[]}");
    return ce;
}

static void answer(struct bed *bed, const char *resource)
{
    assert_int_equal(gn_bus_answer(bed->transport, gn_str_of(resource)), GN_OK);
}

static void a_status_request_is_answered_on_its_return_address(void **state)
{
    struct bed *bed = *state;
    const struct gn_cloudevent ce = request(RESOURCE "/a1b2c");
    struct gn_cloudevent got;
    struct gn_arena arena;

    make(bed);
    start(bed);
    bed->has_state = true;
    answer(bed, RESOURCE);
    deliver(bed, RESOURCE "/status", &ce);
    WAIT(bed, bed->peer->received == 1);
    WAIT(bed, bed->peer->outcomes[PN_ACCEPTED & 7] == 1);
    assert_string_equal(bed->asked, RESOURCE);
    received(bed, &arena, &got);
    assert_true(gn_str_eq(got.id, GN_STR("state-1")));
    gn_arena_fini(&arena);
    WAIT(bed, bed->peer->detaches == 1); /* nothing more is sent there */
    assert_null(peer_link(bed->peer, RESOURCE "/a1b2c"));
    assert_int_equal(bed->event_count, 0);
    gn_bus_answer_no_more(bed->transport, GN_STR(RESOURCE));
    WAIT(bed, bed->peer->detaches == 2);
}

static void what_is_no_status_request_is_not_answered(void **state)
{
    static const struct {
        const char *source, *type;
        bool has_state;
        uint64_t outcome;
    } rows[] = {
        {RESOURCE "/a1b2c", "STATUS", false, PN_ACCEPTED}, /* no state is known */
        {RESOURCE "/a1b2c", "HW_EVENT", true, PN_REJECTED},
        {"/queue/of/others", "STATUS", true, PN_REJECTED},
        {RESOURCE, "STATUS", true, PN_REJECTED},
        {RESOURCE "/", "STATUS", true, PN_REJECTED},
        {RESOURCE "s/a1b2c", "STATUS", true, PN_REJECTED},
        {RESOURCE "/status", "STATUS", true, PN_REJECTED},
    };
    struct bed *bed = *state;

    make(bed);
    start(bed);
    answer(bed, RESOURCE);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_cloudevent ce = request(rows[i].source);
        unsigned before = bed->peer->outcomes[rows[i].outcome & 7];

        ce.type = gn_str_of(rows[i].type);
        bed->has_state = rows[i].has_state;
        deliver(bed, RESOURCE "/status", &ce);
        WAIT(bed, bed->peer->outcomes[rows[i].outcome & 7] == before + 1);
    }
    assert_int_equal(bed->peer->received, 0);
    assert_int_equal(bed->peer->attaches, 1);
}

static void a_status_request_is_no_event_for_who_wants_its_address(void **state)
{
    struct bed *bed = *state;
    const struct gn_cloudevent ce = request(RESOURCE "/a1b2c");

    make(bed);
    start(bed);
    want(bed, RESOURCE "/status");
    deliver(bed, RESOURCE "/status", &ce);
    WAIT(bed, bed->peer->outcomes[PN_ACCEPTED & 7] == 1);
    assert_int_equal(bed->event_count, 0);
    assert_int_equal(bed->peer->received, 0);
    deliver(bed, RESOURCE "/status", &event_1);
    WAIT(bed, bed->event_count == 1);
    gn_bus_settle(bed->events[0], GN_AMQP_ACCEPT, NULL);
}

static void on_answer(void *ctx, enum gn_err err, const struct gn_cloudevent *ce)
{
    struct bed *bed = ctx;

    bed->answers++;
    bed->answer_err = err;
    assert_int_equal(ce != NULL, err == GN_OK);
    if (ce != NULL)
        put(bed->answer_id, sizeof bed->answer_id, ce->id);
}

static struct gn_bus_query *ask(struct bed *bed)
{
    struct gn_bus_query *query = NULL;

    assert_int_equal(gn_bus_ask(bed->transport, GN_STR(RESOURCE), on_answer, bed, &query), GN_OK);
    assert_int_equal(bed->answers, 0);
    assert_non_null(query);
    return query;
}

static void wait_answer(struct bed *bed, enum gn_err err)
{
    WAIT(bed, bed->answers > 0);
    assert_int_equal(bed->answer_err, err);
    assert_int_equal(bed->answers, 1);
}

static void a_state_is_asked_for_and_told(void **state)
{
    struct bed *bed = *state;
    struct gn_cloudevent got;
    struct gn_arena arena;
    char source[128];

    make(bed);
    start(bed);
    (void)ask(bed);
    WAIT(bed, bed->peer->received == 1);
    assert_non_null(peer_link(bed->peer, RESOURCE "/status"));
    received(bed, &arena, &got);
    assert_true(gn_str_eq(got.type, GN_STR("STATUS")));
    assert_int_equal(got.version, GN_CE_0_3);
    assert_true(gn_str_eq(got.data, GN_STR("{\"version\":\"v1\",\"values\":[]}")));
    assert_true(gn_str_has_prefix(got.source, GN_STR(RESOURCE "/")));
    assert_int_equal(got.source.len, strlen(RESOURCE) + 6);
    put(source, sizeof source, got.source);
    gn_arena_fini(&arena);
    deliver(bed, source, &event_1);
    wait_answer(bed, GN_OK);
    assert_string_equal(bed->answer_id, "event-1");
    WAIT(bed, peer_link(bed->peer, source) == NULL);
    assert_int_equal(bed->peer->outcomes[PN_ACCEPTED & 7], 1);
    assert_int_equal(bed->answers, 1);
}

static void a_question_that_cannot_be_put_ends_at_once(void **state)
{
    struct bed *bed = *state;

    make(bed);
    (void)ask(bed);
    wait_answer(bed, GN_ECONN);
    start(bed);
    bed->answers = 0;
    bed->peer->outcome = PN_RELEASED; /* nobody listens there */
    (void)ask(bed);
    wait_answer(bed, GN_ECONN);
    bed->answers = 0;
    assert_int_equal(gn_bus_ask(bed->transport, GN_STR("/bad"), on_answer, bed, NULL), GN_OK);
    wait_answer(bed, GN_ECONN);
}

static void a_stopped_or_forgotten_question_ends(void **state)
{
    struct bed *bed = *state;
    struct gn_bus_query *query;

    make(bed);
    start(bed);
    query = ask(bed);
    WAIT(bed, bed->peer->received == 1);
    gn_bus_forget(query);
    query = ask(bed);
    gn_bus_forget(query);
    WAIT(bed, bed->peer->detaches >= 1);
    assert_int_equal(bed->answers, 0);
    (void)ask(bed);
    stop(bed);
    wait_answer(bed, GN_ECANCELED);
    bed->answers = 0;
    (void)ask(bed);
    wait_answer(bed, GN_ECANCELED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_takes_what_begins_with_its_url),
        TEST(the_sink_of_a_resource_is_its_address_encoded),
        TEST(a_message_goes_to_the_address_of_its_sink),
        TEST(each_outcome_has_its_meaning),
        TEST(what_is_under_way_is_lost_with_the_connection),
        TEST(a_message_waits_for_the_connection),
        TEST(an_address_without_credit_holds_back_only_its_own),
        TEST(waiting_ends_with_the_time_of_the_message),
        TEST(a_refused_address_fails_only_its_own),
        TEST(what_waits_for_one_address_is_bounded),
        TEST(a_cancelled_send_ends_so_wherever_it_is),
        TEST(what_can_be_no_message_is_refused),
        TEST(presettled_messages_are_taken_once_they_are_out),
        TEST(all_sends_end_when_it_stops),
        TEST(a_link_that_is_not_used_goes),
        TEST(events_are_settled_by_the_owner),
        TEST(what_is_no_event_is_rejected_with_its_reason),
        TEST(a_receiver_is_attached_while_its_resource_is_wanted),
        TEST(receivers_are_told_of_when_all_are_attached),
        TEST(an_event_wanted_no_more_is_settled_to_no_effect),
        TEST(the_owner_hears_of_events_that_went_with_the_connection),
        TEST(a_status_request_is_answered_on_its_return_address),
        TEST(what_is_no_status_request_is_not_answered),
        TEST(a_status_request_is_no_event_for_who_wants_its_address),
        TEST(a_state_is_asked_for_and_told),
        TEST(a_question_that_cannot_be_put_ends_at_once),
        TEST(a_stopped_or_forgotten_question_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
