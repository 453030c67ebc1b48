/* What the simulated BMC is made of. Requests come in through server.c, are answered by the tree of
 * resources (tree.c), which is a function of the state below and the request; incidents go out
 * through push.c and stream.c. */
#ifndef GURNARD_SIM_PRIV_H
#define GURNARD_SIM_PRIV_H

#include <jansson.h>
#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/id.h"
#include "gurnard/net/http_client.h"
#include "gurnard/redfish/severity.h"
#include "gurnard/sim/faults.h"
#include "gurnard/sim/sim.h"

#define SIM_LOG_MAX        1000U /* entries of a log; then the oldest goes */
#define SIM_RING           200U  /* events kept for Last-Event-ID */
#define SIM_QUEUE_MAX      500U  /* events that wait for one destination; further ones are lost */
#define SIM_SEEN_MAX       500U  /* different requests that are counted by path */
#define SIM_TASKS_MAX      16U   /* the oldest is forgotten */
#define SIM_SESSION_IDLE_S 1800U
#define SIM_ROOT           "/redfish/v1"
#define SIM_SEGMENTS_MAX   12
#define SIM_HEADERS_MAX    8
#define SIM_COUNT_MAX      10000U /* incidents of one wish */

/* glibc lacks it: goes on when the element at hand is removed. */
#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(item, head, field, next)                                                \
    for ((item) = TAILQ_FIRST(head); (item) != NULL && ((next) = TAILQ_NEXT(item, field), 1);      \
         (item) = (next))
#endif

/* ---- incidents ---- */

struct sim_topic {
    const char *key, *vendor_key; /* FanFailed, FAN0001 */
    const char *type_code;        /* Dell's number of the kind */
    enum gn_severity severity;
    const char *text; /* with %1 ... */
    unsigned args;
    const char *part;          /* beginning of the first argument */
    const char *resource_type; /* of OriginOfCondition */
    const char *origin;        /* below the owner: "Chassis:/Sensors/CpuTemp" */
    const char *resolution;
    const char *clears;    /* keys of which it is the end, "" */
    bool is_about_the_bmc; /* for the second log */
};

/* What happened, or a test event, or a metric report. Shared: log, queues and ring each hold one.
 */
struct sim_incident {
    unsigned refs;
    uint64_t number; /* of the BMC's events, from 1 after each start */
    uint64_t serial; /* the same, never going back */
    int64_t at_ns;   /* by the BMC's clock */
    const struct sim_topic *topic;
    enum gn_severity severity;
    char uuid[GN_ID_LEN + 1];
    char key[96];
    char prefix[64];      /* registry, for filters */
    char message_id[160]; /* as events write it */
    char origin[160];     /* "" without */
    char event_id[96];    /* that a test event asked for, "" */
    char type[32];        /* EventType */
    json_t *args;         /* array of strings */
    char *message;
    int log;        /* index of the profile's logs, -1: in none */
    uint64_t entry; /* its Id there */
    bool is_test, is_report;
};

struct sim_bmc;

const struct sim_topic *gn_sim_topic_at(size_t index); /* NULL behind the last */

/* One with that key (either kind), NULL. */
const struct sim_topic *gn_sim_topic_find(struct gn_str key);

/* The key that events of the profile use for it. */
const char *gn_sim_topic_key(const struct gn_sim_profile *profile, const struct sim_topic *topic);

/* A MessageId in the profile's form. */
void gn_sim_message_id(const struct gn_sim_profile *profile, const char *key, char *text,
                       size_t size);

struct sim_wish {
    const struct sim_topic *topic; /* NULL: one by chance */
    struct gn_str message_id;      /* absent: of the topic */
    struct gn_str message;         /* absent: from the topic and args */
    struct gn_str event_id, origin, type;
    enum gn_severity severity; /* GN_SEVERITY_NONE: the topic's */
    const json_t *args;        /* NULL: made up */
    bool is_test, is_report;
};

/* A new incident of bmc, numbered and timed; one reference. Not in any log or queue yet. */
struct sim_incident *gn_sim_incident_new(struct sim_bmc *bmc, const struct sim_wish *wish);
struct sim_incident *gn_sim_incident_ref(struct sim_incident *incident);
void gn_sim_incident_unref(struct sim_incident *incident);

/* Makes it happen: the log (unless a test or a report), subscriptions and streams. only_url: to
 * this destination alone; absent: to all. */
void gn_sim_raise(struct sim_bmc *bmc, const struct sim_wish *wish, struct gn_str only_url);

/* ---- a BMC ---- */

struct sim_session {
    uint32_t id;
    char token[GN_ID_LEN + 1]; /* "": the place is free */
    char user[64];
    uint64_t used_at_ms;
};

struct sim_log {
    struct sim_incident **items; /* oldest first */
    uint32_t count, cap;
    uint64_t next_id;
};

struct sim_task {
    uint32_t id; /* 0: none */
    uint64_t done_at_ms;
    char uri[160]; /* of what it made; "" */
};

/* A subscription, pushed or streamed. */
struct sim_sub {
    TAILQ_ENTRY(sim_sub) link;
    struct sim_bmc *bmc; /* NULL: deleted, only its last call is waited for */
    char id[GN_ID_LEN + 1];
    json_t *members; /* as asked for, with the service's defaults */
    enum gn_sim_policy policy;
    bool is_suspended, is_metric, verifies;
    unsigned etag;
    uint64_t expires_at_ms; /* 0: never */
    uint64_t delivered, failed;

    /* push */
    struct sim_incident **queue; /* oldest first; the first may be on its way */
    uint32_t count, cap;
    uint32_t attempts; /* failed ones of the first */
    struct gn_timer timer;
    struct gn_http_call *call;
    struct gn_buf body;
    char **headers; /* "Name: value" lines ended by NULL */
    struct gn_timer heartbeat;

    /* server-sent events */
    bool is_sse;
    struct gn_http_stream *stream; /* NULL in unit tests too */
};

struct sim_bmc {
    struct gn_sim *sim;
    const struct gn_sim_profile *profile;
    uint32_t index;
    char uuid[GN_ID_LEN + 1];
    struct gn_sim_faults faults;
    uint64_t boot_until_ms;
    int64_t reset_at_ns;          /* LastResetTime */
    uint64_t serial;              /* incidents ever */
    uint64_t events;              /* counter since the start */
    struct sim_session *sessions; /* profile->max_sessions of them, or NULL while none */
    uint32_t session_count;
    TAILQ_HEAD(sub_list, sim_sub) subs;
    uint32_t sub_count, sse_count;
    uint32_t last_id; /* of subscriptions, sessions and tasks */
    struct sim_log logs[GN_SIM_LOGS_MAX];
    struct sim_incident **ring; /* the event's number % SIM_RING is its place; or NULL */
    struct sim_task tasks[SIM_TASKS_MAX];
    uint64_t tested_at_ms; /* last SubmitTestEvent, 0 */
    uint32_t retry_attempts, retry_interval_s;
    unsigned service_etag;

    /* figures for /sim/state */
    json_t *seen; /* "GET /redfish/v1": count; NULL while none */
    uint64_t requests, unauthorized, delivered, failed, lost;
    uint32_t now_requests, max_requests;
};

struct sim_pending;

struct gn_sim {
    struct gn_loop *loop;
    struct gn_sim_config config;
    char *user, *password;
    struct gn_http_server *server;
    struct gn_http_client *client;
    struct sim_bmc *bmcs;
    uint64_t now_ms; /* set when something comes in: the tree has no clock */
    int64_t real_ns;
    uint64_t random;
    struct gn_timer rate;  /* incidents by themselves */
    struct gn_timer sweep; /* expiry */
    double rate_owed;
    uint32_t rate_turn;
    TAILQ_HEAD(, sim_pending) pending;   /* requests that are delayed, bodies without an end */
    uint32_t calls;                      /* pushes under way */
    uint32_t now_requests, max_requests; /* of all BMCs together */
    bool is_stopping;
    void (*done)(void *ctx);
    void *done_ctx;
    struct gn_defer done_later;
};

struct sim_reply;

/* A request that was answered in mind, but not yet on the wire. */
struct sim_pending {
    TAILQ_ENTRY(sim_pending) link;
    struct gn_sim *sim;
    struct sim_bmc *bmc;
    struct gn_http_request *request; /* NULL: stream goes on */
    struct gn_http_stream *stream;   /* a body without an end */
    struct sim_reply *reply;         /* owned */
    enum gn_sim_hostile hostile;
    struct gn_timer timer;
};

/* Takes the clocks over. */
void gn_sim_tick(struct gn_sim *sim);

uint64_t gn_sim_random(struct gn_sim *sim);
void gn_sim_random_id(struct gn_sim *sim, char text[GN_ID_LEN + 1]);

/* A wait of the profile, in milliseconds, made shorter by the speed. */
uint64_t gn_sim_scaled_ms(const struct gn_sim *sim, uint64_t seconds);

/* The BMC that a Host header names; NULL: an address behind the last. */
struct sim_bmc *gn_sim_bmc_of(struct gn_sim *sim, struct gn_str host);

/* Restarts the BMC, forgets its subscriptions, cuts its streams. */
void gn_sim_bmc_reset(struct sim_bmc *bmc, bool loses_subscriptions, uint32_t boot_ms);
void gn_sim_bmc_init(struct sim_bmc *bmc);
void gn_sim_bmc_fini(struct sim_bmc *bmc);

/* The time that the BMC believes it is, plain or in the profile's form. */
int64_t gn_sim_bmc_now_ns(const struct sim_bmc *bmc);
void gn_sim_time_text(enum gn_sim_time form, int64_t ns, char text[GN_ID_LEN + 1]);

/* ---- requests ---- */

struct sim_request {
    struct gn_str method, path, query, body;
    struct gn_str host, authorization, token, if_match, if_none_match, accept, accept_encoding,
        last_event_id;
    bool is_tls;
};

enum sim_kind {
    SIM_ANSWER, /* status, headers, body */
    SIM_EVENTS, /* a stream of events: sub */
};

struct sim_header {
    const char *name; /* static */
    char value[320];
};

struct sim_reply {
    enum sim_kind kind;
    int status;
    json_t *body; /* owned; NULL: bytes */
    struct gn_buf bytes;
    const char *type; /* content type of bytes */
    struct sim_header headers[SIM_HEADERS_MAX];
    size_t header_count;
    struct sim_sub *sub;
};

/* A request on its way through the tree. */
struct sim_visit {
    struct sim_bmc *bmc;
    const struct sim_request *request;
    struct sim_reply *reply;
    struct gn_str segments[SIM_SEGMENTS_MAX]; /* behind /redfish/v1 */
    size_t count;
    json_t *body; /* of the request: an object, or NULL */
};

/* Answers one request: login, faults of the content, resource. */
void gn_sim_answer(struct sim_bmc *bmc, const struct sim_request *request, struct sim_reply *reply);
void gn_sim_reply_fini(struct sim_reply *reply);
void gn_sim_reply_header(struct sim_reply *reply, const char *name, const char *format, ...)
    GN_PRINTF(3, 4);

/* Who asks: whether the credentials are right; counts and answers 401 when not. */
bool gn_sim_login(struct sim_visit *visit);

/* ---- resources: each answers the visit ---- */

typedef void (*sim_visit_fn)(struct sim_visit *visit);

void gn_sim_get_versions(struct sim_visit *visit);
void gn_sim_get_root(struct sim_visit *visit);
void gn_sim_get_folder(struct sim_visit *visit); /* Systems, Chassis, Managers */
void gn_sim_get_member(struct sim_visit *visit);
void gn_sim_post_reset(struct sim_visit *visit);
void gn_sim_get_attributes(struct sim_visit *visit);
void gn_sim_patch_attributes(struct sim_visit *visit);
void gn_sim_get_session_service(struct sim_visit *visit);
void gn_sim_get_sessions(struct sim_visit *visit);
void gn_sim_post_session(struct sim_visit *visit);
void gn_sim_get_session(struct sim_visit *visit);
void gn_sim_delete_session(struct sim_visit *visit);
void gn_sim_get_task_folder(struct sim_visit *visit);
void gn_sim_get_task(struct sim_visit *visit);
void gn_sim_get_monitor(struct sim_visit *visit);
void gn_sim_get_event_service(struct sim_visit *visit);
void gn_sim_patch_event_service(struct sim_visit *visit);
void gn_sim_get_test_info(struct sim_visit *visit);
void gn_sim_post_test(struct sim_visit *visit);
void gn_sim_get_subs(struct sim_visit *visit);
void gn_sim_post_sub(struct sim_visit *visit);
void gn_sim_get_sub(struct sim_visit *visit);
void gn_sim_patch_sub(struct sim_visit *visit);
void gn_sim_delete_sub(struct sim_visit *visit);
void gn_sim_post_resume(struct sim_visit *visit);
void gn_sim_get_stream(struct sim_visit *visit);
void gn_sim_get_logs(struct sim_visit *visit);
void gn_sim_get_log(struct sim_visit *visit);
void gn_sim_get_entries(struct sim_visit *visit);
void gn_sim_get_entry(struct sim_visit *visit);
void gn_sim_post_clear(struct sim_visit *visit);
void gn_sim_get_registries(struct sim_visit *visit);
void gn_sim_get_registry_file(struct sim_visit *visit);
void gn_sim_get_registry(struct sim_visit *visit); /* of the profile's registry_uri */

/* Whether path is where the profile's registry lies. */
bool gn_sim_is_registry(const struct gn_sim_profile *profile, struct gn_str path);

/* ---- writing JSON ---- */

void gn_sim_put(json_t *object, const char *key, const char *format, ...) GN_PRINTF(3, 4);
void gn_sim_put_link(json_t *object, const char *key, const char *format, ...) GN_PRINTF(3, 4);

/* {"@odata.id":..}, a new one. */
json_t *gn_sim_link(const char *format, ...) GN_PRINTF(1, 2);

/* A resource: @odata.id, @odata.type "#type", Id, Name. */
json_t *gn_sim_resource(const char *uri, const char *type, const char *id, const char *name);

/* A collection with these members (taken). */
json_t *gn_sim_collection(const char *uri, const char *type, const char *name, json_t *members);

/* Words as an array. */
json_t *gn_sim_words(const char *words);

/* 200 with body (taken). */
void gn_sim_ok(struct sim_visit *visit, json_t *body);

/* ---- messages (error answers and the Base registry) ---- */

/* Appends what the message key with these arguments (ended by NULL) is as a Message object. */
json_t *gn_sim_message(const struct sim_bmc *bmc, const char *key, const char *const *args,
                       const char *property);

/* Answers status with an error of that message. arg may be NULL; property: what it is about. */
void gn_sim_error(struct sim_visit *visit, int status, const char *key, const char *arg,
                  const char *property);
void gn_sim_error2(struct sim_visit *visit, int status, const char *key, const char *arg1,
                   const char *arg2, const char *property);

/* The message as success: {"@Message.ExtendedInfo":[..]}, or inside "error". */
json_t *gn_sim_success(const struct sim_bmc *bmc, const char *key, bool as_error);

/* The Messages of the Base registry. */
json_t *gn_sim_base_messages(void);

/* ---- subscriptions ---- */

struct sim_sub *gn_sim_sub_find(struct sim_bmc *bmc, struct gn_str id);

/* A new one with these members (taken), counted and in the list. */
struct sim_sub *gn_sim_sub_new(struct sim_bmc *bmc, json_t *members);

/* Deletes it: its stream ends, its call is cancelled. */
void gn_sim_sub_delete(struct sim_sub *sub);
void gn_sim_subs_delete(struct sim_bmc *bmc, bool streams_too);

/* Takes over what members say of the delivery: after a POST or PATCH. */
void gn_sim_sub_apply(struct sim_sub *sub);

/* Its URI, and the resource as GET shows it. */
void gn_sim_sub_uri(const struct sim_bmc *bmc, const char *id, char *uri, size_t size);
json_t *gn_sim_sub_resource(const struct sim_sub *sub);

/* Whether it asked for such an incident. */
bool gn_sim_sub_wants(const struct sim_sub *sub, const struct sim_incident *incident);

/* Whether the body of a POST is acceptable; answers with an error when not. */
bool gn_sim_may_create(struct sim_visit *visit);

/* A task that is done soon; its id. */
uint32_t gn_sim_task_new(struct sim_bmc *bmc, const char *uri);
void gn_sim_answer_task(struct sim_visit *visit, uint32_t id);

/* ---- events ---- */

/* The incident as an Event or MetricReport for a subscription with that Context ("" none). */
json_t *gn_sim_event(const struct sim_bmc *bmc, const struct sim_incident *incident,
                     const char *context);
json_t *gn_sim_log_entry(const struct sim_bmc *bmc, const struct sim_incident *incident);
void gn_sim_log_add(struct sim_bmc *bmc, struct sim_incident *incident);
void gn_sim_log_clear(struct sim_log *log);

/* The URI of a log of the profile. */
void gn_sim_log_uri(const struct gn_sim_profile *profile, int log, char *uri, size_t size);

/* Puts the incident into the queue and sends on. */
void gn_sim_push(struct sim_sub *sub, struct sim_incident *incident);

/* Sends what waits, after a resume or a changed fault. */
void gn_sim_push_on(struct sim_sub *sub);

/* Starts or ends the heartbeat that members ask for. */
void gn_sim_heartbeat(struct sim_sub *sub);

/* Forgets what waits; the one on its way is finished. */
void gn_sim_push_forget(struct sim_sub *sub);

/* Frees what the push side of a deleted subscription holds, now or when its call has ended. */
void gn_sim_push_end(struct sim_sub *sub);

/* Writes the incident to a stream; what was missed behind Last-Event-ID. */
void gn_sim_stream_write(struct sim_sub *sub, const struct sim_incident *incident);
void gn_sim_stream_begin(struct sim_sub *sub, struct gn_str last_event_id, struct gn_buf *first);
void gn_sim_stream_frame(const struct sim_sub *sub, const struct sim_incident *incident,
                         struct gn_buf *out);

/* The client has left. ctx: struct sim_sub. */
void gn_sim_stream_closed(void *ctx);

/* ---- the wire ---- */

/* A request has come in. ctx: struct gn_sim. */
void gn_sim_on_request(void *ctx, struct gn_http_request *request);

/* Drops all that is delayed and ends bodies without an end. */
void gn_sim_pending_end(struct gn_sim *sim);

/* ---- packed bytes ---- */

/* Appends data as gzip (stored), as a zip archive with one stored member. */
void gn_sim_gzip(struct gn_str data, struct gn_buf *out);
void gn_sim_zip(const char *name, struct gn_str data, struct gn_buf *out);

/* The same of bytes that unpack to `size` blanks. */
void gn_sim_gzip_bomb(uint64_t size, struct gn_buf *out);
void gn_sim_zip_bomb(const char *name, uint64_t size, struct gn_buf *out);

/* ---- /sim ---- */

/* Answers a request below /sim/. */
void gn_sim_control(struct gn_sim *sim, const struct sim_request *request, struct sim_reply *reply);

#endif
