/* The API with everything below it, on loopback sockets and in one thread: real server, client,
 * relay, outbox and store in a folder of its own. The test turns the loop. */
#ifndef GN_TESTS_API_BED_H
#define GN_TESTS_API_BED_H

#include <ftw.h>
#include <netinet/in.h>

#include "http_peer.h"

#include "gurnard/api/admin.h"
#include "gurnard/api/ops.h"
#include "gurnard/api/rest.h"
#include "gurnard/api/v1.h"
#include "gurnard/api/webhook.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"
#include "gurnard/base/metrics.h"
#include "gurnard/net/http_server.h"
#include "gurnard/net/listen.h"
#include "gurnard/transport/transport_http.h"

#define GIVE_UP_MS 20000 /* bound of any wait; never reached when the code is right */
#define TURN_MS    5
#define ANSWER_MAX 262144
#define V1         "/api/ocloudNotifications/v1"
#define REDFISH    "/cluster/node/n1/redfish/v1/Systems"

/* What a test wants otherwise. */
struct bed_config {
    uint32_t probe_timeout_ms;
    bool first_wins;
    bool reject_unreadable;
    bool is_on_disk;         /* the journal; else in memory */
    uint64_t pending_bytes;  /* that the journal takes before it refuses */
    uint32_t disk_spare_pct; /* above 100: the disk is always full (is_on_disk) */
    const struct gn_webhook_token *tokens;
    size_t token_count;
};

static const struct bed_config bed_plain = {.probe_timeout_ms = 10000, .pending_bytes = 1 << 20};

/* One request and its answer. */
struct asker {
    int fd;
    bool is_closed;
    size_t len;
    int status;
    const char *body; /* in text */
    char text[ANSWER_MAX];
};

struct bed {
    char folder[64];
    struct bed_config config;
    struct gn_loop *loop;
    struct gn_metrics *metrics;
    struct gn_worker *worker;
    struct gn_http_client *client;
    struct gn_transport *transports[2];
    struct gn_journal *journal;
    struct gn_deadletters *letters;
    struct gn_outbox *outbox;
    struct gn_state *state;
    struct gn_quarantine *quarantine;
    struct gn_relay *relay;
    struct gn_pubsub *pubsub;
    struct gn_clients *clients;
    struct gn_cne_figures *cne;
    struct gn_webhook *webhook;
    struct gn_v1 *v1;
    struct gn_admin *admin;
    struct gn_ops ops;
    struct gn_rest rest;
    struct gn_http_server *server;
    struct peer *peer; /* endpoints of subscribers */
    uint16_t port;
    gn_http_request_fn handler; /* of the server */
    void *handler_ctx;
    struct asker asker; /* of bed_ask() */
};

static inline void bed_turn(struct bed *bed)
{
    assert_int_equal(gn_loop_turn(bed->loop, TURN_MS), GN_OK);
}

/* ---- building ---- */

/* Small enough for a test; dead letters are always on disk. */
static inline void bed_build_journal(struct bed *bed)
{
    char folder[96];
    const struct gn_journal_config config = {
        .name = "events",
        .folder = bed->config.is_on_disk ? folder : "",
        .max_bytes = 8 << 20,
        .segment_bytes = 1 << 20,
        .pending_bytes = bed->config.pending_bytes,
        .disk_spare_pct = bed->config.disk_spare_pct,
        .keep_ms = 3600000,
    };

    (void)snprintf(folder, sizeof folder, "%s/journal", bed->folder);
    assert_int_equal(gn_journal_open(bed->loop, &config, bed->metrics, &bed->journal), GN_OK);
    (void)snprintf(folder, sizeof folder, "%s/deadletters", bed->folder);
    assert_int_equal(gn_deadletters_open(bed->loop, folder, 16 << 20, bed->metrics, &bed->letters),
                     GN_OK);
}

static inline void bed_build_ways_out(struct bed *bed)
{
    const struct gn_http_client_config client = {.max_idle_connections = 8,
                                                 .connect_timeout_ms = 2000,
                                                 .user_agent = "gurnard/test"};
    const struct gn_outbox_config outbox = {
        .backoff = {.min_ms = 10, .max_ms = 20},
        .attempt_timeout_ms = 10000,
        .expire_ms = 60000,
        .refused_tries = 1,
        .sink_concurrency = 4,
        .max_in_flight = 100,
        .quota_events = 10000,
        .quota_bytes = 4 << 20,
        .memory_bytes = 4 << 20,
    };
    struct gn_outbox_parts parts;

    bed->client = gn_http_client_new(bed->loop, &client);
    assert_non_null(bed->client);
    bed->transports[0] = gn_transport_http_new(bed->client);
    assert_non_null(bed->transports[0]);
    parts = (struct gn_outbox_parts){.loop = bed->loop,
                                     .journal = bed->journal,
                                     .letters = bed->letters,
                                     .transports = bed->transports,
                                     .metrics = bed->metrics,
                                     .via = "test",
                                     .cne = bed->cne};
    bed->outbox = gn_outbox_new(&outbox, &parts);
    assert_non_null(bed->outbox);
}

static inline void bed_build_relay(struct bed *bed)
{
    char folder[96];
    const struct gn_quarantine_config quarantine = {
        .folder = folder, .max_files = 10, .max_bytes = 1 << 20, .max_pending_bytes = 1 << 20};
    const struct gn_relay_config relay = {.node = "n1", .max_body_bytes = 1 << 20};
    struct gn_relay_parts parts;

    (void)snprintf(folder, sizeof folder, "%s/quarantine", bed->folder);
    assert_int_equal(gn_quarantine_open(&quarantine, bed->worker, bed->metrics, &bed->quarantine),
                     GN_OK);
    bed->state = gn_state_new();
    parts = (struct gn_relay_parts){.loop = bed->loop,
                                    .journal = bed->journal,
                                    .outbox = bed->outbox,
                                    .state = bed->state,
                                    .quarantine = bed->quarantine,
                                    .metrics = bed->metrics,
                                    .cne = bed->cne};
    bed->relay = gn_relay_new(&relay, &parts);
    assert_non_null(bed->relay);
}

static inline void bed_build_store(struct bed *bed)
{
    const struct gn_pubsub_observer observer = {
        .added = gn_relay_subscription_added,
        .removed = gn_relay_subscription_removed,
        .changed = gn_relay_subscription_changed,
        .ctx = bed->relay,
    };
    const struct gn_clients_observer of_clients = {
        .added = gn_relay_client_sub_added,
        .removed = gn_relay_client_sub_removed,
        .ctx = bed->relay,
    };

    assert_int_equal(gn_pubsub_open(bed->folder, bed->worker, &observer, &bed->pubsub), GN_OK);
    bed->clients = gn_clients_new(bed->folder, bed->worker, &of_clients);
    assert_non_null(bed->clients);
    assert_int_equal(gn_pubsub_load(bed->pubsub), GN_OK);
    assert_int_equal(gn_clients_load(bed->clients), GN_OK);
    assert_int_equal(gn_relay_recover(bed->relay, true), GN_OK);
}

static inline void bed_build_api(struct bed *bed)
{
    const struct gn_webhook_config webhook = {
        false, bed->config.reject_unreadable, bed->config.tokens, bed->config.token_count, NULL, 0};
    const struct gn_v1_config v1 = {bed->port, bed->config.probe_timeout_ms,
                                    bed->config.first_wins};
    const struct gn_v1_parts parts = {.loop = bed->loop,
                                      .client = bed->client,
                                      .pubsub = bed->pubsub,
                                      .state = bed->state,
                                      .journal = bed->journal,
                                      .relay = bed->relay,
                                      .metrics = bed->metrics,
                                      .cne = bed->cne};
    const struct gn_admin_parts admin = {.loop = bed->loop,
                                         .relay = bed->relay,
                                         .outbox = bed->outbox,
                                         .journal = bed->journal,
                                         .letters = bed->letters,
                                         .quarantine = bed->quarantine,
                                         .ops = &bed->ops,
                                         .node = "n1"};

    bed->webhook = gn_webhook_new(&webhook, bed->relay, bed->journal, bed->metrics);
    bed->v1 = gn_v1_new(&v1, &parts);
    bed->admin = gn_admin_new(&admin);
    assert_non_null(bed->webhook);
    assert_non_null(bed->v1);
    assert_non_null(bed->admin);
    bed->ops.metrics = bed->metrics;
    bed->rest = (struct gn_rest){.v1 = bed->v1, .ops = &bed->ops};
}

/* The server asks the bed, so that a test may change the handler. */
static inline void bed_on_request(void *ctx, struct gn_http_request *request)
{
    const struct bed *bed = ctx;

    bed->handler(bed->handler_ctx, request);
}

static inline void bed_serve(struct bed *bed, int fd)
{
    const struct gn_http_server_config config = {
        .name = "test",
        .listen_fd = fd,
        .max_connections = 300,
        .max_body_bytes = 1 << 20,
        .idle_timeout_ms = 600000,
        .header_deadline_ms = 600000,
        .body_deadline_ms = 600000,
        .on_request = bed_on_request,
        .ctx = bed,
        .metrics = bed->metrics,
    };

    assert_int_equal(gn_http_server_new(bed->loop, &config, &bed->server), GN_OK);
}

static inline void bed_start(struct bed *bed)
{
    int fd = -1;

    bed->metrics = gn_metrics_new();
    bed->cne = gn_cne_figures_new(bed->metrics);
    assert_non_null(bed->cne);
    bed->loop = gn_loop_new(NULL);
    bed->worker = gn_worker_new(bed->loop, "test-store");
    assert_non_null(bed->worker);
    assert_int_equal(gn_listen_tcp("", 0, &fd, &bed->port), GN_OK);
    bed_build_journal(bed);
    bed_build_ways_out(bed);
    bed_build_relay(bed);
    bed_build_store(bed);
    bed_build_api(bed);
    bed->handler = gn_rest_on_request;
    bed->handler_ctx = &bed->rest;
    bed_serve(bed, fd);
}

static inline struct bed *bed_new(const struct bed_config *config, const struct peer_row *rows)
{
    struct bed *bed = calloc(1, sizeof *bed);

    assert_non_null(bed);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, STDERR_FILENO);
    (void)snprintf(bed->folder, sizeof bed->folder, "/tmp/gn_test_api.XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    bed->config = *config;
    bed_start(bed);
    bed->peer = rows == NULL ? NULL : peer_new(bed->loop, rows);
    return bed;
}

/* ---- taking apart ---- */

/* In the order of the daemon. */
static inline void bed_stop(struct bed *bed)
{
    gn_v1_stop(bed->v1);
    gn_webhook_stop(bed->webhook);
    gn_admin_stop(bed->admin);
    if (bed->peer != NULL)
        peer_free(bed->peer);
    bed->peer = NULL;
    gn_http_server_free(bed->server);
    gn_worker_free(bed->worker);
    gn_pubsub_close(bed->pubsub);
    gn_clients_free(bed->clients);
    gn_outbox_free(bed->outbox);
    while (gn_http_client_active(bed->client) > 0)
        bed_turn(bed);
    gn_v1_free(bed->v1);
    gn_webhook_free(bed->webhook);
    gn_admin_free(bed->admin);
    gn_deadletters_close(bed->letters);
    gn_journal_close(bed->journal);
    gn_relay_free(bed->relay);
    gn_quarantine_close(bed->quarantine);
    gn_state_free(bed->state);
    bed->transports[0]->ops->free(bed->transports[0]);
    gn_http_client_free(bed->client);
    gn_loop_free(bed->loop);
    gn_cne_figures_free(bed->cne);
    gn_metrics_free(bed->metrics);
}

static inline int bed_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void bed_free(struct bed *bed)
{
    bed_stop(bed);
    (void)nftw(bed->folder, bed_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(bed);
}

/* ---- asking ---- */

static inline void asker_send(struct bed *bed, struct asker *asker, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(asker->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EAGAIN) {
            bed_turn(bed);
            continue;
        }
        assert_true(sent > 0);
        text += sent;
        len -= (size_t)sent;
    }
}

/* Turns the loop until count requests are with their handlers. */
static inline void bed_wait_pending(struct bed *bed, uint32_t count)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (gn_http_server_pending(bed->server) != count) {
        assert_true(gn_clock_mono_ms() < end_ms);
        bed_turn(bed);
    }
}

/* Connects and sends a request that asks for the connection's end. extra: header lines. */
static inline void asker_start(struct bed *bed, struct asker *asker, const char *method,
                               const char *path, const char *extra, struct gn_str body)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(bed->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct gn_buf text = GN_BUF_INIT;

    asker->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(asker->fd >= 0);
    assert_int_equal(connect(asker->fd, (struct sockaddr *)&addr, sizeof addr), 0);
    asker->len = 0;
    asker->is_closed = false;
    asker->status = 0;
    gn_buf_printf(&text, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s", method, path,
                  extra);
    if (body.p != NULL)
        gn_buf_printf(&text, "Content-Length: %zu\r\n", body.len);
    gn_buf_puts(&text, "\r\n");
    gn_buf_add_str(&text, body);
    asker_send(bed, asker, text.data, text.len);
    gn_buf_free(&text);
}

static inline void asker_read(struct asker *asker)
{
    while (!asker->is_closed) {
        ssize_t got =
            recv(asker->fd, asker->text + asker->len, ANSWER_MAX - 1 - asker->len, MSG_DONTWAIT);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (got <= 0)
            asker->is_closed = true;
        else
            asker->len += (size_t)got;
    }
    asker->text[asker->len] = '\0';
}

/* Turns the loop until the answer is whole. */
static inline void asker_finish(struct bed *bed, struct asker *asker)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;
    const char *end;

    for (asker_read(asker); !asker->is_closed; asker_read(asker)) {
        assert_true(gn_clock_mono_ms() < end_ms);
        bed_turn(bed);
    }
    close(asker->fd);
    assert_int_equal(strncmp(asker->text, "HTTP/1.1 ", 9), 0);
    asker->status = atoi(asker->text + 9);
    end = strstr(asker->text, "\r\n\r\n");
    assert_non_null(end);
    asker->body = end + 4;
}

/* text with each $P replaced by the peer's port. Static storage, four at a time. */
static inline const char *bed_with_port(const struct bed *bed, const char *text)
{
    static char made[4][8192];
    static unsigned next;
    char *to = made[next++ % 4];
    size_t at = 0;

    for (; *text != '\0'; text++) {
        assert_true(at < sizeof made[0] - 8);
        if (text[0] == '$' && text[1] == 'P') {
            at += (size_t)snprintf(to + at, 8, "%u", bed->peer->port);
            text++;
        } else {
            to[at++] = *text;
        }
    }
    to[at] = '\0';
    return to;
}

/* One request and its whole answer in bed->asker. body NULL: none. Returns the status. */
static inline int bed_ask(struct bed *bed, const char *method, const char *path, const char *body)
{
    asker_start(bed, &bed->asker, method, path, "", gn_str_of(body));
    asker_finish(bed, &bed->asker);
    return bed->asker.status;
}

/* The value of a header of the last answer up to its line's end, or NULL. name with ": ". */
static inline const char *bed_header(const struct bed *bed, const char *name)
{
    static char value[512];
    const char *at = strstr(bed->asker.text, name);

    if (at == NULL || at > bed->asker.body)
        return NULL;
    at += strlen(name);
    (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

static inline void assert_answer(const struct bed *bed, int status, const char *body)
{
    if (bed->asker.status != status || strcmp(bed->asker.body, body) != 0)
        fail_msg("%d %s", bed->asker.status, bed->asker.body);
}

static inline void assert_json_answer(const struct bed *bed, int status, const char *body)
{
    char length[32];

    assert_answer(bed, status, body);
    assert_string_equal(bed_header(bed, "Content-Type: "), "application/json");
    (void)snprintf(length, sizeof length, "%zu", strlen(body));
    assert_string_equal(bed_header(bed, "Content-Length: "), length);
}

/* The value of a series. */
static inline unsigned bed_count(struct bed *bed, const char *name, const char *labels)
{
    return (unsigned)gn_metrics_counter(bed->metrics, name, labels, "")->value;
}

#endif
