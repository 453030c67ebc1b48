/* The AMQP side for measuring: counts the events of the present run that arrive on any address, as
 * sink.c does by HTTP. Its protocol engine is proton's proactor.
 *
 *   bench_amqp_sink listen [PORT]          a peer that stands for a router with a receiver
 *   bench_amqp_sink connect PORT ADDRESS   a receiver of a broker
 *
 * First prints `ports P`. Commands on stdin as for bench_sink, and
 *   close   breaks all connections and listens no more; answers `ok`
 *   open    listens again on the same port; answers `ok`
 * Ends with stdin. */
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/listener.h>
#include <proton/netaddr.h>
#include <proton/proactor.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <pthread.h>
#include <unistd.h>

#include "bench.h"

#define CREDIT        1000
#define SESSION_BYTES (16U << 20)
#define MESSAGE_MAX   65536U
#define COMMAND_MAX   256U
#define BACKLOG       64
#define POLL_US       1000U

/* Counted by the proactor's thread, read and reset by that of stdin. */
static struct {
    pthread_mutex_t lock;
    pn_proactor_t *proactor;
    const char *address; /* NULL: listens */
    char port[32];
    bool is_listening;
    uint8_t *seen; /* a bit for each sequence number of the run */
    uint64_t run, events;
    uint64_t unique, duplicates, strange, connections;
    uint64_t first_ns, last_ns;
    struct histogram latency;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void die(const char *what)
{
    fprintf(stderr, "bench_amqp_sink: %s\n", what);
    _exit(2);
}

/* ---- counting ---- */

static void count_event(const char *bytes, size_t len)
{
    struct mark mark;

    if (!find_mark(bytes, len, &mark) || mark.run != sink.run || mark.seq >= sink.events) {
        sink.strange++;
        return;
    }
    if ((sink.seen[mark.seq / 8] >> (mark.seq % 8) & 1) != 0) {
        sink.duplicates++;
        return;
    }
    sink.seen[mark.seq / 8] = (uint8_t)(sink.seen[mark.seq / 8] | 1U << mark.seq % 8);
    sink.unique++;
    sink.last_ns = now_ns();
    if (sink.first_ns == 0)
        sink.first_ns = sink.last_ns;
    histogram_add(&sink.latency, sink.last_ns - mark.due_ns);
}

static void begin(uint64_t run, uint64_t events)
{
    free(sink.seen);
    sink.seen = calloc(1, events / 8 + 1);
    if (sink.seen == NULL)
        die("no memory");
    sink.run = run;
    sink.events = events;
    sink.unique = sink.duplicates = sink.strange = sink.first_ns = sink.last_ns = 0;
    memset(&sink.latency, 0, sizeof sink.latency);
}

static void report(void)
{
    printf("{\"unique\":%" PRIu64 ",\"least\":%" PRIu64 ",\"duplicates\":%" PRIu64
           ",\"strange\":%" PRIu64 ",\"probes\":0,\"connections\":%" PRIu64 ",\"first_ns\":%" PRIu64
           ",\"last_ns\":%" PRIu64 ",",
           sink.unique, sink.unique, sink.duplicates, sink.strange, sink.connections, sink.first_ns,
           sink.last_ns);
    histogram_print(&sink.latency);
    printf("}\n");
}

/* ---- AMQP ---- */

static void take_message(pn_delivery_t *delivery)
{
    static char bytes[MESSAGE_MAX];
    pn_link_t *link = pn_delivery_link(delivery);
    ssize_t got;

    if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
        return;
    got = pn_link_recv(link, bytes, sizeof bytes);
    (void)pthread_mutex_lock(&sink.lock);
    count_event(bytes, got > 0 ? (size_t)got : 0);
    (void)pthread_mutex_unlock(&sink.lock);
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    if (pn_link_credit(link) < CREDIT / 2)
        pn_link_flow(link, CREDIT - pn_link_credit(link));
}

/* The peer's link: it sends to us, or would receive what we never have. */
static void answer_link(pn_link_t *link)
{
    if (sink.address != NULL)
        return;
    (void)pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    (void)pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_open(link);
    if (pn_link_is_receiver(link))
        pn_link_flow(link, CREDIT);
}

static void begin_connection(pn_connection_t *connection)
{
    pn_session_t *session;
    pn_link_t *link;

    pn_connection_set_container(connection, "bench");
    if (sink.address == NULL)
        return;
    pn_connection_open(connection);
    session = pn_session(connection);
    pn_session_set_incoming_capacity(session, SESSION_BYTES);
    pn_session_open(session);
    link = pn_receiver(session, "bench");
    (void)pn_terminus_set_address(pn_link_source(link), sink.address);
    pn_link_open(link);
    pn_link_flow(link, CREDIT);
}

static void accept_connection(pn_listener_t *listener)
{
    pn_transport_t *transport = pn_transport();

    pn_transport_set_server(transport);
    pn_transport_require_auth(transport, false);
    pn_sasl_allowed_mechs(pn_sasl(transport), "ANONYMOUS");
    pn_listener_accept2(listener, NULL, transport);
    sink.connections++;
}

static void note_port(pn_listener_t *listener)
{
    (void)pthread_mutex_lock(&sink.lock);
    (void)pn_netaddr_host_port(pn_listener_addr(listener), NULL, 0, sink.port, sizeof sink.port);
    sink.is_listening = true;
    (void)pthread_mutex_unlock(&sink.lock);
}

static void note_closed(void)
{
    (void)pthread_mutex_lock(&sink.lock);
    sink.is_listening = false;
    (void)pthread_mutex_unlock(&sink.lock);
}

/* false: the end. */
static bool handle(pn_event_t *event)
{
    switch ((int)pn_event_type(event)) { /* of its many values only these matter */
    case PN_LISTENER_OPEN:
        note_port(pn_event_listener(event));
        break;
    case PN_LISTENER_ACCEPT:
        accept_connection(pn_event_listener(event));
        break;
    case PN_LISTENER_CLOSE:
        note_closed();
        break;
    case PN_CONNECTION_INIT:
        begin_connection(pn_event_connection(event));
        break;
    case PN_CONNECTION_REMOTE_OPEN:
        pn_connection_open(pn_event_connection(event));
        break;
    case PN_SESSION_REMOTE_OPEN:
        pn_session_set_incoming_capacity(pn_event_session(event), SESSION_BYTES);
        pn_session_open(pn_event_session(event));
        break;
    case PN_LINK_REMOTE_OPEN:
        answer_link(pn_event_link(event));
        break;
    case PN_DELIVERY:
        take_message(pn_event_delivery(event));
        break;
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
        pn_link_close(pn_event_link(event));
        break;
    case PN_SESSION_REMOTE_CLOSE:
        pn_session_close(pn_event_session(event));
        break;
    case PN_CONNECTION_REMOTE_CLOSE:
        pn_connection_close(pn_event_connection(event));
        break;
    case PN_PROACTOR_INTERRUPT:
        return false;
    default:
        break;
    }
    return true;
}

/* ---- commands ---- */

static void open_port(void)
{
    char address[PN_MAX_ADDR];

    (void)pn_proactor_addr(address, sizeof address, "127.0.0.1", sink.port);
    pn_proactor_listen(sink.proactor, pn_listener(), address, BACKLOG);
}

static void wait_listening(bool wanted)
{
    bool is_so = false;

    while (!is_so) {
        (void)pthread_mutex_lock(&sink.lock);
        is_so = sink.is_listening == wanted;
        (void)pthread_mutex_unlock(&sink.lock);
        if (!is_so)
            (void)usleep(POLL_US);
    }
}

static void obey(const char *line)
{
    uint64_t run, events;

    if (strncmp(line, "close", 5) == 0) {
        pn_proactor_disconnect(sink.proactor, NULL);
        wait_listening(false);
        printf("ok\n");
    } else if (strncmp(line, "open", 4) == 0) {
        open_port();
        wait_listening(true);
        printf("ok\n");
    } else {
        (void)pthread_mutex_lock(&sink.lock);
        if (sscanf(line, "begin %" SCNu64 " %" SCNu64, &run, &events) == 2) {
            begin(run, events);
            printf("ok\n");
        } else {
            report();
        }
        (void)pthread_mutex_unlock(&sink.lock);
    }
    (void)fflush(stdout);
}

static void *read_commands(void *arg)
{
    char line[COMMAND_MAX];

    (void)arg;
    if (sink.address == NULL)
        wait_listening(true);
    printf("ports %s\n", sink.port);
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL)
        obey(line);
    pn_proactor_interrupt(sink.proactor);
    return NULL;
}

static void start(void)
{
    char address[PN_MAX_ADDR];

    sink.proactor = pn_proactor();
    if (sink.proactor == NULL)
        die("no proactor");
    begin(0, 0);
    if (sink.address == NULL) {
        open_port();
        return;
    }
    (void)pn_proactor_addr(address, sizeof address, "127.0.0.1", sink.port);
    pn_proactor_connect2(sink.proactor, NULL, NULL, address);
}

int main(int argc, char **argv)
{
    const bool connects = argc == 4 && strcmp(argv[1], "connect") == 0;
    const bool listens = (argc == 2 || argc == 3) && strcmp(argv[1], "listen") == 0;
    bool goes_on = true;
    pthread_t thread;

    if (!connects && !listens) {
        fprintf(stderr, "usage: bench_amqp_sink listen [PORT] | connect PORT ADDRESS\n");
        return 2;
    }
    (void)snprintf(sink.port, sizeof sink.port, "%s", argc > 2 ? argv[2] : "0");
    sink.address = connects ? argv[3] : NULL;
    start();
    if (pthread_create(&thread, NULL, read_commands, NULL) != 0)
        die("no thread");
    while (goes_on) {
        pn_event_batch_t *batch = pn_proactor_wait(sink.proactor);
        pn_event_t *event;

        while (goes_on && (event = pn_event_batch_next(batch)) != NULL)
            goes_on = handle(event);
        pn_proactor_done(sink.proactor, batch);
    }
    (void)pthread_join(thread, NULL);
    free(sink.seen);
    return 0;
}
