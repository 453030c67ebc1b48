/* A small Redfish service on loopback for the tests of the fleet: our own HTTP server, whose
 * answers a test sets by the members of struct fake, and which counts what it was asked. */
#ifndef GN_TESTS_BMC_FAKE_H
#define GN_TESTS_BMC_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"
#include "gurnard/net/http_server.h"
#include "gurnard/net/listen.h"

#define FAKE_SUBS_MAX    16
#define FAKE_ENTRIES_MAX 200
#define FAKE_SEEN_MAX    400
#define FAKE_LOGS        2
#define FAKE_REGISTRIES  4

#define ES   "/redfish/v1/EventService"
#define SUBS "/redfish/v1/EventService/Subscriptions"
#define MGR  "/redfish/v1/Managers/1"

struct fake_sub {
    bool is_used, is_suspended;
    char url[600], context[300];
    int ttl_s; /* 0: none */
};

enum fake_create {
    CREATE_LOCATION,
    CREATE_BARE,    /* 201 without a word where it is */
    CREATE_FOREIGN, /* Location on another host */
    CREATE_NOTHING, /* 201, and nothing is made */
};

enum fake_test {
    TEST_PUSH,        /* the event comes after the answer */
    TEST_PUSH_BEFORE, /* and before it */
    TEST_SILENT,
    TEST_REFUSED,
    TEST_STREAM,
    TEST_HELD, /* nothing is answered until the test does */
};

struct fake_entry {
    char id[32];
    int minute; /* of Created */
    int version;
    int updated; /* minute of Oem.Hpe.Updated; 0: none */
};

/* Entries stand in the order of their writing; how they are shown is set beside. */
struct fake_log {
    bool exists, is_newest_first, has_no_skip, has_no_next, loops;
    int status;  /* other than 0: the answer to its entries */
    size_t page; /* entries of a page, 0: all */
    struct fake_entry entries[FAKE_ENTRIES_MAX];
    size_t count;
};

struct fake_registry {
    const char *member; /* last part of the URI */
    const char *name;   /* Registry */
    const char *body;
    const char *etag;
    int status;
    unsigned asked, unchanged;
};

struct fake;

typedef void (*fake_push_fn)(void *ctx, struct fake *fake, const char *url, struct gn_str body);

struct fake {
    struct gn_loop *loop;
    struct gn_http_server *server;
    uint16_t port;
    char base[64];

    const char *vendor, *model, *firmware, *reset;
    const char *offers;     /* further members of the EventService, with a comma in front */
    const char *refused[8]; /* members of a POST that it does not know */
    int refuse_status;      /* of a POST that is refused without a hint, 0: none */
    const char *refuse_body;
    unsigned limit;
    bool is_one_per_url; /* no two of one Destination */
    bool has_info;       /* the action names an ActionInfo, which is not there */
    enum fake_create create;
    bool hides_context, has_no_service, is_disabled, born_suspended, has_resume, member_fails;
    int resume_status; /* 0: 204 */
    int ttl_s;
    bool is_down, refuses_login, deletes_slowly;
    struct fake_sub subs[FAKE_SUBS_MAX];

    bool has_test;
    enum fake_test test;
    char test_body[1024]; /* the last one asked for */
    struct gn_http_request *held;
    fake_push_fn push;
    void *push_ctx;

    bool has_sse;
    int sse_status;
    struct gn_http_stream *stream;
    unsigned streams;
    char last_id[64], sse_query[256];

    struct fake_log logs[FAKE_LOGS];
    struct fake_registry registries[FAKE_REGISTRIES];

    char seen[FAKE_SEEN_MAX][300]; /* "GET /redfish/v1/..." */
    unsigned seen_count;
    char posted[8][2048]; /* bodies of POSTs for subscriptions */
    unsigned posts;
};

/* ---- answers ---- */

static void fake_answer(struct gn_http_request *request, int status, const char *const *headers,
                        const char *body)
{
    const struct gn_http_reply reply = {.status = status,
                                        .content_type = "application/json",
                                        .headers = headers,
                                        .body = gn_str_of(body)};

    gn_http_reply(request, &reply);
}

static void fake_answer_buf(struct gn_http_request *request, struct gn_buf *body)
{
    assert_int_equal(gn_buf_err(body), GN_OK);
    fake_answer(request, 200, NULL, body->data);
    gn_buf_free(body);
}

static void fake_error(struct gn_http_request *request, int status, const char *key,
                       const char *arg)
{
    char body[400];

    snprintf(body, sizeof(body),
             "{\"error\":{\"@Message.ExtendedInfo\":[{\"MessageId\":\"Base.1.8.%s\","
             "\"Message\":\"words of the BMC\",\"MessageArgs\":[\"%s\"]}]}}",
             key, arg);
    fake_answer(request, status, NULL, body);
}

static void fake_root(struct fake *fake, struct gn_http_request *request)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_printf(&body,
                  "{\"RedfishVersion\":\"1.9.0\",\"Vendor\":\"%s\",\"Managers\":{\"@odata.id\":"
                  "\"/redfish/v1/Managers\"},\"Registries\":{\"@odata.id\":"
                  "\"/redfish/v1/Registries\"}%s}",
                  fake->vendor,
                  fake->has_no_service ? "" : ",\"EventService\":{\"@odata.id\":\"" ES "\"}");
    fake_answer_buf(request, &body);
}

static void fake_manager(struct fake *fake, struct gn_http_request *request)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_printf(&body,
                  "{\"Model\":\"%s\",\"FirmwareVersion\":\"%s\",\"LastResetTime\":\"%s\","
                  "\"LogServices\":{\"@odata.id\":\"" MGR "/LogServices\"}}",
                  fake->model, fake->firmware, fake->reset);
    fake_answer_buf(request, &body);
}

static void fake_service(struct fake *fake, struct gn_http_request *request)
{
    struct gn_buf body = GN_BUF_INIT;

    if (fake->has_no_service) {
        fake_error(request, 404, "ResourceNotFound", "EventService");
        return;
    }
    gn_buf_printf(&body,
                  "{\"@odata.type\":\"#EventService.v1_8_0.EventService\",\"ServiceEnabled\":%s,"
                  "\"Subscriptions\":{\"@odata.id\":\"" SUBS "\"}%s%s%s%s}",
                  fake->is_disabled ? "false" : "true",
                  fake->has_test ? ",\"Actions\":{\"#EventService.SubmitTestEvent\":{\"target\":"
                                   "\"" ES "/Actions/EventService.SubmitTestEvent\""
                                 : "",
                  !fake->has_test  ? ""
                  : fake->has_info ? ",\"@Redfish.ActionInfo\":\"" ES "/TestInfo\"}}"
                                   : "}}",
                  fake->has_sse ? ",\"ServerSentEventUri\":\"" ES "/SSE\"" : "",
                  fake->offers == NULL ? "" : fake->offers);
    fake_answer_buf(request, &body);
}

/* ---- subscriptions ---- */

static unsigned fake_count_subs(const struct fake *fake)
{
    unsigned count = 0;

    for (size_t i = 0; i < FAKE_SUBS_MAX; i++)
        count += fake->subs[i].is_used;
    return count;
}

/* One that is there; number is its Id. */
static unsigned fake_add_sub(struct fake *fake, const char *url, const char *context)
{
    for (unsigned i = 0; i < FAKE_SUBS_MAX; i++) {
        struct fake_sub *sub = &fake->subs[i];

        if (sub->is_used)
            continue;
        *sub = (struct fake_sub){.is_used = true,
                                 .ttl_s = fake->ttl_s,
                                 .is_suspended = fake->born_suspended};
        snprintf(sub->url, sizeof(sub->url), "%s", url);
        snprintf(sub->context, sizeof(sub->context), "%s", context);
        return i;
    }
    fail_msg("no room in the fake");
    return 0;
}

static void fake_list(struct fake *fake, struct gn_http_request *request)
{
    struct gn_buf body = GN_BUF_INIT;
    const char *comma = "";

    gn_buf_puts(&body, "{\"Members\":[");
    for (unsigned i = 0; i < FAKE_SUBS_MAX; i++) {
        if (!fake->subs[i].is_used)
            continue;
        gn_buf_printf(&body, "%s{\"@odata.id\":\"" SUBS "/%u\"}", comma, i);
        comma = ",";
    }
    gn_buf_puts(&body, "]}");
    fake_answer_buf(request, &body);
}

static void fake_member(struct fake *fake, struct gn_http_request *request, unsigned index)
{
    const struct fake_sub *sub = &fake->subs[index];
    struct gn_buf body = GN_BUF_INIT;

    if (fake->member_fails) {
        fake_answer(request, 500, NULL, NULL);
        return;
    }
    gn_buf_printf(&body, "{\"@odata.id\":\"" SUBS "/%u\",\"Destination\":\"%s\"", index, sub->url);
    if (!fake->hides_context)
        gn_buf_printf(&body, ",\"Context\":\"%s\"", sub->context);
    if (sub->ttl_s > 0)
        gn_buf_printf(&body, ",\"TTLCount\":%d,\"TTLUnits\":\"seconds\"", sub->ttl_s);
    gn_buf_printf(&body, ",\"Status\":{\"State\":\"%s\"}",
                  sub->is_suspended ? "Disabled" : "Enabled");
    if (fake->has_resume && sub->is_suspended)
        gn_buf_printf(&body,
                      ",\"Actions\":{\"#EventDestination.ResumeSubscription\":{\"target\":\"" SUBS
                      "/%u/Actions/EventDestination.ResumeSubscription\"}}",
                      index);
    gn_buf_puts(&body, "}");
    fake_answer_buf(request, &body);
}

/* Whether it does not want what was posted; then it has answered. */
static bool fake_refuses(struct fake *fake, struct gn_http_request *request, const json_t *body)
{
    for (size_t i = 0; i < 8 && fake->refused[i] != NULL; i++) {
        if (json_object_get(body, fake->refused[i]) == NULL)
            continue;
        fake_error(request, 400, "PropertyUnknown", fake->refused[i]);
        return true;
    }
    if (fake->refuse_status != 0) {
        fake_answer(request, fake->refuse_status, NULL, fake->refuse_body);
        return true;
    }
    for (size_t i = 0; fake->is_one_per_url && i < FAKE_SUBS_MAX; i++) {
        if (!fake->subs[i].is_used ||
            strcmp(fake->subs[i].url, json_string_value(json_object_get(body, "Destination"))) != 0)
            continue;
        fake_error(request, 400, "ResourceAlreadyExists", "Destination");
        return true;
    }
    if (fake->limit > 0 && fake_count_subs(fake) >= fake->limit) {
        fake_error(request, 503, "EventSubscriptionLimitExceeded", "");
        return true;
    }
    return false;
}

static void fake_post(struct fake *fake, struct gn_http_request *request)
{
    struct gn_str text = gn_http_body(request);
    json_t *body = json_loadb(text.p, text.len, 0, NULL);
    const char *context = json_string_value(json_object_get(body, "Context"));
    char location[128];
    const char *headers[] = {"Location", location, NULL};

    assert_non_null(body);
    assert_true(fake->posts < 8);
    snprintf(fake->posted[fake->posts++], sizeof(fake->posted[0]), "%.*s", (int)text.len, text.p);
    if (!fake_refuses(fake, request, body)) {
        unsigned index = 99;

        if (fake->create != CREATE_NOTHING)
            index = fake_add_sub(fake, json_string_value(json_object_get(body, "Destination")),
                                 context == NULL ? "" : context);
        snprintf(location, sizeof(location), "%s" SUBS "/%u",
                 fake->create == CREATE_FOREIGN ? "http://192.0.2.66" : "", index);
        fake_answer(request, 201,
                    fake->create == CREATE_BARE || fake->create == CREATE_NOTHING ? NULL : headers,
                    "{}");
    }
    json_decref(body);
}

static void fake_subscription(struct fake *fake, struct gn_http_request *request,
                              const char *method, const char *rest)
{
    char *end;
    unsigned index = (unsigned)strtoul(rest, &end, 10);

    if (index >= FAKE_SUBS_MAX || !fake->subs[index].is_used) {
        fake_answer(request, 404, NULL, NULL);
    } else if (strcmp(method, "DELETE") == 0 && fake->deletes_slowly) {
        fake->held = request;
    } else if (strcmp(method, "DELETE") == 0) {
        fake->subs[index].is_used = false;
        fake_answer(request, 204, NULL, NULL);
    } else if (strcmp(method, "POST") == 0) {
        fake->subs[index].is_suspended = fake->resume_status != 0;
        fake_answer(request, fake->resume_status == 0 ? 204 : fake->resume_status, NULL, NULL);
    } else {
        fake_member(fake, request, index);
    }
}

/* ---- events ---- */

static void fake_push_all(struct fake *fake, struct gn_str body)
{
    for (size_t i = 0; i < FAKE_SUBS_MAX; i++)
        if (fake->subs[i].is_used && !fake->subs[i].is_suspended)
            fake->push(fake->push_ctx, fake, fake->subs[i].url, body);
}

static void fake_stream_event(struct fake *fake, const char *id, const char *body)
{
    char text[1200];

    assert_non_null(fake->stream);
    snprintf(text, sizeof(text), "id: %s\ndata: %s\n\n", id, body);
    gn_http_stream_write(fake->stream, gn_str_of(text));
}

static void fake_submit(struct fake *fake, struct gn_http_request *request)
{
    struct gn_str body = gn_http_body(request);
    char event[1100];

    snprintf(fake->test_body, sizeof(fake->test_body), "%.*s", (int)body.len, body.p);
    snprintf(event, sizeof(event), "{\"Events\":[%s]}", fake->test_body);
    if (fake->test == TEST_HELD) {
        fake->held = request;
        return;
    }
    if (fake->test == TEST_REFUSED) {
        fake_answer(request, 400, NULL, NULL);
        return;
    }
    if (fake->test == TEST_PUSH_BEFORE)
        fake_push_all(fake, gn_str_of(event));
    fake_answer(request, 204, NULL, NULL);
    if (fake->test == TEST_PUSH)
        fake_push_all(fake, gn_str_of(event));
    if (fake->test == TEST_STREAM)
        fake_stream_event(fake, "t1", event);
}

static void fake_stream_closed(void *ctx)
{
    struct fake *fake = ctx;

    fake->stream = NULL;
}

static void fake_open_stream(struct fake *fake, struct gn_http_request *request)
{
    const struct gn_http_reply reply = {.status = 200, .content_type = "text/event-stream"};
    struct gn_str id = gn_http_header(request, "Last-Event-ID");
    struct gn_str query = gn_http_query(request);

    snprintf(fake->last_id, sizeof(fake->last_id), "%.*s", (int)id.len, id.p == NULL ? "" : id.p);
    snprintf(fake->sse_query, sizeof(fake->sse_query), "%.*s", (int)query.len,
             query.p == NULL ? "" : query.p);
    fake->streams++;
    if (fake->sse_status != 0) {
        fake_answer(request, fake->sse_status, NULL, NULL);
        return;
    }
    if (fake->stream != NULL)
        gn_http_stream_end(fake->stream, true);
    fake->stream = gn_http_reply_stream(request, &reply, fake_stream_closed, fake);
    assert_non_null(fake->stream);
}

/* ---- logs ---- */

static void fake_write(struct fake *fake, size_t log, const char *id, int minute)
{
    struct fake_log *to = &fake->logs[log];

    assert_true(to->count < FAKE_ENTRIES_MAX);
    to->exists = true;
    snprintf(to->entries[to->count].id, sizeof(to->entries[0].id), "%s", id);
    to->entries[to->count++].minute = minute;
}

/* Entries numbered from first to last, a minute apart. */
static void fake_write_some(struct fake *fake, size_t log, int first, int last)
{
    char id[32];

    for (int i = first; i <= last; i++) {
        snprintf(id, sizeof(id), "%d", i);
        fake_write(fake, log, id, i);
    }
}

static void fake_add_entry(const struct fake_log *log, size_t at, size_t number,
                           struct gn_buf *body)
{
    const struct fake_entry *entry = &log->entries[log->is_newest_first ? log->count - 1 - at : at];

    gn_buf_printf(body,
                  "%s{\"@odata.id\":\"" MGR "/LogServices/L%zu/Entries/%s\",\"Id\":\"%s\","
                  "\"Created\":\"2026-03-01T%02d:%02d:00Z\",\"MessageId\":\"Test.1.0.Entry\","
                  "\"Message\":\"entry %s version %d\"",
                  at > 0 ? "," : "", number, entry->id, entry->id, entry->minute / 60,
                  entry->minute % 60, entry->id, entry->version);
    if (entry->updated > 0)
        gn_buf_printf(body,
                      ",\"Oem\":{\"Hpe\":{\"Count\":%d,"
                      "\"Updated\":\"2026-03-01T%02d:%02d:00Z\"}}",
                      entry->version, entry->updated / 60, entry->updated % 60);
    gn_buf_putc(body, '}');
}

static void fake_entries(struct fake *fake, struct gn_http_request *request, size_t number)
{
    struct fake_log *log = &fake->logs[number];
    struct gn_str query = gn_http_query(request);
    struct gn_buf body = GN_BUF_INIT;
    size_t skip = 0;
    size_t end;

    if (log->status != 0) {
        fake_answer(request, log->status, NULL, NULL);
        return;
    }
    if (query.len > 6 && !log->has_no_skip)
        skip = strtoul(query.p + 6, NULL, 10);
    end = log->page == 0 || skip + log->page > log->count ? log->count : skip + log->page;
    gn_buf_printf(&body, "{\"Members@odata.count\":%zu,\"Members\":[", log->count);
    for (size_t at = skip; at < end; at++) {
        if (at == skip && at > 0) {
            struct gn_buf one = GN_BUF_INIT;

            fake_add_entry(log, at, number, &one);
            gn_buf_puts(&body, one.data + 1); /* without the comma */
            gn_buf_free(&one);
        } else {
            fake_add_entry(log, at, number, &body);
        }
    }
    gn_buf_puts(&body, "]");
    if (log->loops || (end < log->count && !log->has_no_next))
        gn_buf_printf(&body,
                      ",\"Members@odata.nextLink\":\"" MGR "/LogServices/L%zu/Entries?$skip=%zu\"",
                      number, end < log->count ? end : 0);
    gn_buf_puts(&body, "}");
    fake_answer_buf(request, &body);
}

static void fake_log_path(struct fake *fake, struct gn_http_request *request, const char *rest)
{
    struct gn_buf body = GN_BUF_INIT;
    size_t number;

    if (rest[0] == '\0') {
        const char *comma = "";

        gn_buf_puts(&body, "{\"Members\":[");
        for (size_t i = 0; i < FAKE_LOGS; i++)
            if (fake->logs[i].exists) {
                gn_buf_printf(&body, "%s{\"@odata.id\":\"" MGR "/LogServices/L%zu\"}", comma, i);
                comma = ",";
            }
        gn_buf_puts(&body, "]}");
        fake_answer_buf(request, &body);
        return;
    }
    number = (size_t)(rest[2] - '0');
    if (strcmp(rest + 3, "/Entries") == 0) {
        fake_entries(fake, request, number);
        return;
    }
    gn_buf_printf(&body, "{\"Entries\":{\"@odata.id\":\"" MGR "/LogServices/L%zu/Entries\"}}",
                  number);
    fake_answer_buf(request, &body);
}

/* ---- registries ---- */

static void fake_send_registry(struct fake_registry *registry, struct gn_http_request *request)
{
    const char *headers[] = {"ETag", registry->etag, NULL};
    struct gn_str match = gn_http_header(request, "If-None-Match");

    registry->asked++;
    if (registry->etag != NULL && gn_str_eq(match, gn_str_of(registry->etag))) {
        registry->unchanged++;
        fake_answer(request, 304, headers, NULL);
    } else {
        fake_answer(request, registry->status == 0 ? 200 : registry->status,
                    registry->etag == NULL ? NULL : headers, registry->body);
    }
}

static void fake_registry_path(struct fake *fake, struct gn_http_request *request, const char *rest)
{
    struct gn_buf body = GN_BUF_INIT;

    if (rest[0] != '\0') {
        for (size_t i = 0; i < FAKE_REGISTRIES && fake->registries[i].member != NULL; i++) {
            struct fake_registry *registry = &fake->registries[i];
            size_t len = strlen(registry->member);

            if (strncmp(rest + 1, registry->member, len) != 0)
                continue;
            if (strcmp(rest + 1 + len, "/data") == 0) {
                fake_send_registry(registry, request);
                return;
            }
            gn_buf_printf(&body,
                          "{\"Registry\":\"%s\",\"Location\":[{\"Language\":\"en\",\"Uri\":"
                          "\"/redfish/v1/Registries/%s/data\"}]}",
                          registry->name, registry->member);
            fake_answer_buf(request, &body);
            return;
        }
        fake_answer(request, 404, NULL, NULL);
        return;
    }
    gn_buf_puts(&body, "{\"Members\":[");
    for (size_t i = 0; i < FAKE_REGISTRIES && fake->registries[i].member != NULL; i++)
        gn_buf_printf(&body, "%s{\"@odata.id\":\"/redfish/v1/Registries/%s\"}", i > 0 ? "," : "",
                      fake->registries[i].member);
    gn_buf_puts(&body, "]}");
    fake_answer_buf(request, &body);
}

/* ---- the service ---- */

static bool fake_under(const char *path, const char *prefix, const char **rest)
{
    size_t len = strlen(prefix);

    *rest = path + len;
    return strncmp(path, prefix, len) == 0;
}

static void fake_route(struct fake *fake, struct gn_http_request *request, const char *method,
                       const char *path)
{
    const char *rest;

    if (strcmp(path, "/redfish/v1/") == 0)
        fake_root(fake, request);
    else if (fake->refuses_login)
        fake_answer(request, 401, NULL, NULL);
    else if (strcmp(path, "/redfish/v1/Managers") == 0)
        fake_answer(request, 200, NULL, "{\"Members\":[{\"@odata.id\":\"" MGR "\"}]}");
    else if (strcmp(path, MGR) == 0)
        fake_manager(fake, request);
    else if (strcmp(path, ES) == 0 && strcmp(method, "PATCH") == 0)
        fake_answer(request, 200, NULL, NULL);
    else if (strcmp(path, ES) == 0)
        fake_service(fake, request);
    else if (strcmp(path, SUBS) == 0 && strcmp(method, "POST") == 0)
        fake_post(fake, request);
    else if (strcmp(path, SUBS) == 0)
        fake_list(fake, request);
    else if (fake_under(path, SUBS "/", &rest))
        fake_subscription(fake, request, method, rest);
    else if (strcmp(path, ES "/SSE") == 0)
        fake_open_stream(fake, request);
    else if (fake_under(path, ES "/Actions/", &rest))
        fake_submit(fake, request);
    else if (fake_under(path, MGR "/LogServices", &rest))
        fake_log_path(fake, request, rest);
    else if (fake_under(path, "/redfish/v1/Registries", &rest))
        fake_registry_path(fake, request, rest);
    else
        fake_answer(request, 404, NULL, NULL);
}

static void fake_on_request(void *ctx, struct gn_http_request *request)
{
    struct fake *fake = ctx;
    struct gn_str method_text = gn_http_method(request);
    struct gn_str path_text = gn_http_path(request);
    struct gn_str query = gn_http_query(request);
    char method[8];
    char path[200];

    snprintf(method, sizeof(method), "%.*s", (int)method_text.len, method_text.p);
    snprintf(path, sizeof(path), "%.*s", (int)path_text.len, path_text.p);
    assert_true(fake->seen_count < FAKE_SEEN_MAX);
    snprintf(fake->seen[fake->seen_count++], sizeof(fake->seen[0]), "%s %s%s%.*s", method, path,
             query.len > 0 ? "?" : "", (int)query.len, query.p == NULL ? "" : query.p);
    if (fake->is_down)
        gn_http_drop(request);
    else
        fake_route(fake, request, method, path);
}

static void fake_listen(struct fake *fake)
{
    struct gn_http_server_config config = {.name = "bmc",
                                           .max_connections = 50,
                                           .max_body_bytes = 65536,
                                           .idle_timeout_ms = 1000000000,
                                           .header_deadline_ms = 1000000000,
                                           .body_deadline_ms = 1000000000,
                                           .on_request = fake_on_request,
                                           .ctx = fake};

    assert_int_equal(gn_listen_tcp("127.0.0.1", 0, &config.listen_fd, &fake->port), GN_OK);
    assert_int_equal(gn_http_server_new(fake->loop, &config, &fake->server), GN_OK);
    snprintf(fake->base, sizeof(fake->base), "http://127.0.0.1:%u", fake->port);
}

static struct fake *fake_new(struct gn_loop *loop, fake_push_fn push, void *ctx)
{
    struct fake *fake = calloc(1, sizeof(*fake));

    assert_non_null(fake);
    fake->loop = loop;
    fake->vendor = "Acme";
    fake->model = "Plank";
    fake->firmware = "1.0";
    fake->reset = "2026-01-01T00:00:00Z";
    fake->push = push;
    fake->push_ctx = ctx;
    fake_listen(fake);
    return fake;
}

/* Requests whose line begins with text. */
static unsigned fake_seen(const struct fake *fake, const char *text)
{
    unsigned count = 0;

    for (unsigned i = 0; i < fake->seen_count; i++)
        count += strncmp(fake->seen[i], text, strlen(text)) == 0;
    return count;
}

static void fake_forget_seen(struct fake *fake)
{
    fake->seen_count = 0;
    fake->posts = 0;
}

#endif
