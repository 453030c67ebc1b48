/* Subscribers for measuring: an HTTP/1.1 server on many loopback ports that answers 204 and counts
 * the events of the present run, each port for itself.
 *
 *   bench_sink PORTS [PORT]     free ports, or the one PORT
 *
 * First prints `ports P1 P2 ...`. Commands on stdin, each answered by one line:
 *   begin RUN EVENTS   forgets what was, counts events of RUN from now on; answers `ok`
 *   report             a JSON object
 * Ends with stdin. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PORTS_MAX   1000U
#define REQUEST_MAX 16384U
#define READY_MAX   256
#define COMMAND_MAX 256U

enum watched { WATCHED_STDIN, WATCHED_PORT, WATCHED_CONN };

struct port {
    enum watched kind;
    int fd;
    uint16_t number;
    uint8_t *seen; /* a bit for each sequence number of the run */
    uint64_t unique;
};

struct conn {
    enum watched kind;
    int fd;
    struct port *port;
    size_t len;
    char request[REQUEST_MAX];
};

static struct {
    int epoll;
    uint32_t port_count;
    struct port ports[PORTS_MAX];
    uint64_t run, events;
    uint64_t unique, duplicates, strange, probes, connections;
    uint64_t first_ns, last_ns;
    struct histogram latency;
} sink;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void watch(int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

    if (epoll_ctl(sink.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void open_port(struct port *port, uint16_t wanted)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(wanted),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int on = 1;

    port->kind = WATCHED_PORT;
    port->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (port->fd < 0 || setsockopt(port->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(port->fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(port->fd, 1024) != 0 ||
        getsockname(port->fd, (struct sockaddr *)&at, &len) != 0)
        die("listen");
    port->number = ntohs(at.sin_port);
    watch(port->fd, port);
}

static void accept_conns(struct port *port)
{
    int fd;
    int on = 1;

    while ((fd = accept4(port->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = malloc(sizeof *conn);

        if (conn == NULL || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
            die("accept");
        conn->kind = WATCHED_CONN;
        conn->fd = fd;
        conn->port = port;
        conn->len = 0;
        sink.connections++;
        watch(fd, conn);
    }
}

static void count_event(struct port *port, const char *body, size_t len)
{
    struct mark mark;

    if (!find_mark(body, len, &mark) || mark.run != sink.run || mark.seq >= sink.events) {
        sink.strange++;
        return;
    }
    if ((port->seen[mark.seq / 8] >> (mark.seq % 8) & 1) != 0) {
        sink.duplicates++;
        return;
    }
    port->seen[mark.seq / 8] = (uint8_t)(port->seen[mark.seq / 8] | 1U << mark.seq % 8);
    port->unique++;
    sink.unique++;
    sink.last_ns = now_ns();
    if (sink.first_ns == 0)
        sink.first_ns = sink.last_ns;
    histogram_add(&sink.latency, sink.last_ns - mark.due_ns);
}

/* Takes one whole request from the front of the buffer; false when there is none. */
static bool take_request(struct conn *conn)
{
    static const char reply[] = "HTTP/1.1 204 No Content\r\n\r\n";
    const char *end;
    const char *length;
    size_t head, body, rest;

    conn->request[conn->len] = '\0';
    end = strstr(conn->request, "\r\n\r\n");
    if (end == NULL)
        return false;
    head = (size_t)(end + 4 - conn->request);
    length = strcasestr(conn->request, "\r\nContent-Length:");
    body = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if (conn->len < head + body)
        return false;
    if (body == 0)
        sink.probes++;
    else
        count_event(conn->port, conn->request + head, body);
    if (send(conn->fd, reply, sizeof reply - 1, MSG_NOSIGNAL) != (ssize_t)sizeof reply - 1)
        return false;
    rest = conn->len - head - body;
    memmove(conn->request, conn->request + head + body, rest);
    conn->len = rest;
    return rest > 0;
}

static void read_conn(struct conn *conn)
{
    ssize_t got = recv(conn->fd, conn->request + conn->len, REQUEST_MAX - 1 - conn->len, 0);

    if (got <= 0) {
        (void)close(conn->fd);
        free(conn);
        return;
    }
    conn->len += (size_t)got;
    while (take_request(conn))
        ;
}

static void begin(uint64_t run, uint64_t events)
{
    sink.run = run;
    sink.events = events;
    sink.unique = sink.duplicates = sink.strange = sink.first_ns = sink.last_ns = 0;
    memset(&sink.latency, 0, sizeof sink.latency);
    for (uint32_t i = 0; i < sink.port_count; i++) {
        struct port *port = &sink.ports[i];

        free(port->seen);
        port->seen = calloc(1, events / 8 + 1);
        port->unique = 0;
        if (port->seen == NULL)
            die("calloc");
    }
    printf("ok\n");
}

static void report(void)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < sink.port_count; i++)
        if (sink.ports[i].unique < least)
            least = sink.ports[i].unique;
    printf("{\"unique\":%" PRIu64 ",\"least\":%" PRIu64 ",\"duplicates\":%" PRIu64
           ",\"strange\":%" PRIu64 ",\"probes\":%" PRIu64 ",\"connections\":%" PRIu64
           ",\"first_ns\":%" PRIu64 ",\"last_ns\":%" PRIu64 ",",
           sink.unique, least, sink.duplicates, sink.strange, sink.probes, sink.connections,
           sink.first_ns, sink.last_ns);
    histogram_print(&sink.latency);
    printf("}\n");
}

/* false: stdin has ended. bench.py waits for each answer, so a read gives one command. */
static bool obey(void)
{
    char line[COMMAND_MAX];
    ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);
    uint64_t run, events;

    if (got <= 0)
        return false;
    line[got] = '\0';
    if (sscanf(line, "begin %" SCNu64 " %" SCNu64, &run, &events) == 2)
        begin(run, events);
    else
        report();
    (void)fflush(stdout);
    return true;
}

static bool serve(void *what)
{
    switch (*(const enum watched *)what) {
    case WATCHED_STDIN:
        return obey();
    case WATCHED_PORT:
        accept_conns(what);
        return true;
    case WATCHED_CONN:
        read_conn(what);
        return true;
    }
    return true;
}

int main(int argc, char **argv)
{
    static enum watched from_stdin = WATCHED_STDIN;
    struct epoll_event ready[READY_MAX];
    bool goes_on = true;
    uint16_t wanted;

    sink.port_count = argc == 2 || argc == 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    wanted = argc == 3 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
    if (sink.port_count == 0 || sink.port_count > PORTS_MAX ||
        (wanted != 0 && sink.port_count != 1)) {
        fprintf(stderr, "usage: bench_sink PORTS [PORT] (at most %u, or the one PORT)\n",
                PORTS_MAX);
        return 2;
    }
    sink.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (sink.epoll < 0)
        die("epoll_create1");
    printf("ports");
    for (uint32_t i = 0; i < sink.port_count; i++) {
        open_port(&sink.ports[i], wanted);
        printf(" %u", sink.ports[i].number);
    }
    printf("\n");
    (void)fflush(stdout);
    watch(STDIN_FILENO, &from_stdin);
    while (goes_on) {
        int count = epoll_wait(sink.epoll, ready, READY_MAX, -1);

        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < count && goes_on; i++)
            goes_on = serve(ready[i].data.ptr);
    }
    return 0;
}
