/* Open-loop load: posts events to a webhook at a fixed rate over keep-alive connections, one BMC
 * each. An event that cannot go out when it is due, because its BMC still waits for an answer, goes
 * out as soon as it can; its due time stays, so that waiting counts as latency.
 *
 *   bench_load PORT RUN RATE EVENTS CONNECTIONS with|without
 *
 * Prints one JSON object; exit 0 when every event was answered 2xx. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define CONNECTIONS_MAX 1024U
#define REQUEST_MAX     2048U
#define ANSWER_MAX      4096U
#define PATIENCE_NS     (10 * NS_PER_S) /* for answers, behind the last due time */
#define READY_MAX       256

struct conn {
    int fd;
    uint32_t number;
    bool waits;           /* for an answer */
    uint64_t next;        /* sequence number of its next event */
    uint64_t due_unsent;  /* events due and not sent */
    uint64_t sent_due_ns; /* due time of the event on its way */
    char request[REQUEST_MAX];
    size_t request_len;
    size_t mark_at; /* in request */
    char answer[ANSWER_MAX];
    size_t answer_len;
};

struct load {
    uint16_t port;
    uint64_t run;
    double period_ns;
    uint64_t events;
    uint32_t conn_count;
    bool with_message;
    struct conn *conns;
    int epoll;
    uint64_t begin_ns;
    uint64_t due;  /* events that have fallen due */
    uint64_t done; /* answered or failed */
    uint64_t failed;
    uint64_t unsent, unsent_max;
    uint64_t last_answer_ns;
    struct histogram answers;  /* due time to answer */
    struct histogram lateness; /* due time to our noticing it: how good this generator is */
};

static const char body_front[] =
    "{\"@odata.context\":\"/redfish/v1/$metadata#Event.Event\",\"@odata.id\":"
    "\"/redfish/v1/EventService/Events/5e004f5a\",\"@odata.type\":\"#Event.v1_5_0.Event\","
    "\"Context\":\"gurnard bench\",\"Events\":[{\"EventId\":\"" MARK_SAMPLE "\",\"EventTimestamp\":"
    "\"2026-11-21T03:49:30-0600\",\"EventType\":\"Alert\",\"MemberId\":\"615703\",";
static const char body_message[] =
    "\"Message\":\"Temperature of CPU 1 is 93 degrees C, over its critical limit of 90.\",";
static const char body_back[] =
    "\"MessageArgs\":[\"CPU 1\",\"93\",\"90\"],\"MessageArgs@odata.count\":3,\"MessageId\":"
    "\"Environmental.1.1.TemperatureAboveUpperCriticalThreshold\",\"MessageSeverity\":\"Critical\","
    "\"OriginOfCondition\":{\"@odata.id\":\"/redfish/v1/Chassis/1/Sensors/CpuTemp1\"},"
    "\"Severity\":\"Critical\"}],\"Events@odata.count\":1,\"Id\":\"5e004f5a\",\"Name\":"
    "\"Event Array\",\"Oem\":{\"Dell\":{\"@odata.type\":\"#DellEvent.v1_0_0.DellEvent\","
    "\"ServerHostname\":\"node-001.example.net\"}}}";

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* Loopback connects at once, so blocking here is fine. */
static void open_conn(struct load *load, struct conn *conn)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(load->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    int on = 1;

    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    if (setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
        die("epoll_ctl");
    conn->answer_len = 0;
}

static void prepare_conn(struct load *load, struct conn *conn, uint32_t number)
{
    const char *message = load->with_message ? body_message : "";
    size_t body_len = strlen(body_front) + strlen(message) + strlen(body_back);
    int len = snprintf(conn->request, REQUEST_MAX,
                       "POST /webhook/bmc-%02u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s%s%s",
                       number, load->port, body_len, body_front, message, body_back);

    conn->number = number;
    conn->next = number;
    conn->request_len = (size_t)len;
    conn->mark_at = (size_t)(strstr(conn->request, MARK) - conn->request);
    open_conn(load, conn);
}

static uint64_t due_ns(const struct load *load, uint64_t event)
{
    return load->begin_ns + (uint64_t)((double)event * load->period_ns);
}

static void end_event(struct load *load, struct conn *conn, bool is_taken)
{
    conn->waits = false;
    load->done++;
    load->last_answer_ns = now_ns();
    if (is_taken)
        histogram_add(&load->answers, load->last_answer_ns - conn->sent_due_ns);
    else
        load->failed++;
}

static void reopen(struct load *load, struct conn *conn)
{
    (void)close(conn->fd);
    if (conn->waits)
        end_event(load, conn, false);
    open_conn(load, conn);
}

static void send_next(struct load *load, struct conn *conn)
{
    char *mark = conn->request + conn->mark_at;

    conn->sent_due_ns = due_ns(load, conn->next);
    put_digits(mark + RUN_AT, RUN_DIGITS, load->run);
    put_digits(mark + SEQ_AT, SEQ_DIGITS, conn->next);
    put_digits(mark + DUE_AT, DUE_DIGITS, conn->sent_due_ns);
    conn->next += load->conn_count;
    conn->due_unsent--;
    load->unsent--;
    conn->waits = true;
    if (send(conn->fd, conn->request, conn->request_len, MSG_NOSIGNAL) !=
        (ssize_t)conn->request_len)
        reopen(load, conn);
}

/* Length of the whole answer that text begins with, 0 when it is not whole yet. */
static size_t answer_len(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");

    if (end == NULL)
        return 0;
    end += 4;
    return (size_t)(end - text) +
           (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void on_readable(struct load *load, struct conn *conn)
{
    ssize_t got =
        recv(conn->fd, conn->answer + conn->answer_len, ANSWER_MAX - 1 - conn->answer_len, 0);
    size_t len;

    if (got <= 0) {
        reopen(load, conn);
    } else {
        conn->answer_len += (size_t)got;
        conn->answer[conn->answer_len] = '\0';
        len = answer_len(conn->answer);
        if (len == 0 || len > conn->answer_len)
            return;
        conn->answer_len = 0;
        if (conn->waits)
            end_event(load, conn, conn->answer[9] == '2');
        if (strcasestr(conn->answer, "\r\nConnection: close") != NULL)
            reopen(load, conn);
    }
    if (conn->due_unsent > 0 && !conn->waits)
        send_next(load, conn);
}

static void let_fall_due(struct load *load, uint64_t now)
{
    while (load->due < load->events && due_ns(load, load->due) <= now) {
        struct conn *conn = &load->conns[load->due % load->conn_count];

        histogram_add(&load->lateness, now - due_ns(load, load->due));
        load->due++;
        conn->due_unsent++;
        load->unsent++;
        if (load->unsent > load->unsent_max)
            load->unsent_max = load->unsent;
        if (!conn->waits)
            send_next(load, conn);
    }
}

static void wait_and_read(struct load *load, uint64_t until_ns)
{
    struct epoll_event ready[READY_MAX];
    uint64_t now = now_ns();
    uint64_t wait_ns = until_ns > now ? until_ns - now : 0;
    struct timespec ts = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
                          .tv_nsec = (long)(wait_ns % NS_PER_S)};
    int count = epoll_pwait2(load->epoll, ready, READY_MAX, &ts, NULL);

    if (count < 0 && errno != EINTR)
        die("epoll_pwait2");
    for (int i = 0; i < count; i++)
        on_readable(load, ready[i].data.ptr);
}

static void run(struct load *load)
{
    uint64_t end_ns;

    load->begin_ns = now_ns() + 20 * NS_PER_S / 1000;
    end_ns = due_ns(load, load->events) + PATIENCE_NS;
    while (load->done < load->events && now_ns() < end_ns) {
        wait_and_read(load, load->due < load->events ? due_ns(load, load->due) : end_ns);
        let_fall_due(load, now_ns());
    }
}

static void print_result(const struct load *load)
{
    uint64_t end_ns = due_ns(load, load->events - 1);

    printf("{\"events\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"unanswered\":%" PRIu64 ",\"unsent_max\":%" PRIu64 ",\"body_bytes\":%zu,"
           "\"tail_ms\":%.1f,\"late_p99_us\":%.1f,",
           load->events, load->done - load->failed, load->failed, load->events - load->done,
           load->unsent_max,
           strlen(body_front) + strlen(body_back) + (load->with_message ? strlen(body_message) : 0),
           load->last_answer_ns > end_ns ? (double)(load->last_answer_ns - end_ns) / 1e6 : 0.0,
           (double)histogram_at(&load->lateness, .99) / 1000);
    histogram_print(&load->answers);
    printf("}\n");
}

int main(int argc, char **argv)
{
    static struct load load;

    if (argc != 7) {
        fprintf(stderr, "usage: bench_load PORT RUN RATE EVENTS CONNECTIONS with|without\n");
        return 2;
    }
    load.port = (uint16_t)strtoul(argv[1], NULL, 10);
    load.run = strtoull(argv[2], NULL, 10);
    load.period_ns = (double)NS_PER_S / strtod(argv[3], NULL);
    load.events = strtoull(argv[4], NULL, 10);
    load.conn_count = (uint32_t)strtoul(argv[5], NULL, 10);
    load.with_message = strcmp(argv[6], "with") == 0;
    if (load.events == 0 || load.conn_count == 0 || load.conn_count > CONNECTIONS_MAX)
        return 2;
    /* The kernel would else let each wait last up to 50 us longer. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.conns = calloc(load.conn_count, sizeof *load.conns);
    if (load.epoll < 0 || load.conns == NULL)
        die("start");
    for (uint32_t i = 0; i < load.conn_count; i++)
        prepare_conn(&load, &load.conns[i], i);
    run(&load);
    print_result(&load);
    free(load.conns);
    return load.done == load.events && load.failed == 0 ? 0 : 1;
}
