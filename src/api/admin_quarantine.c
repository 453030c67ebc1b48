/* The admin API: bodies that could not be read are listed, shown, deleted, and taken in once more.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"
#include "admin_priv.h"

static void answer_no_body(struct gn_http_request *request, enum gn_err err)
{
    if (err == GN_ENOTFOUND)
        gn_reply_error(request, 404, GN_STR("no such body"));
    else if (err == GN_EIO)
        gn_reply_error(request, 500, GN_STR("the body cannot be read"));
    else
        gn_reply_later(request);
}

/* The JSON object of a meta file; NULL when there is none, or none that can be read. */
static json_t *parse_meta(struct gn_str meta)
{
    json_t *root = NULL;

    return meta.len > 0 && gn_json_parse(meta, NULL, &root) == GN_OK ? root : NULL;
}

/* ---- the list ---- */

struct listing {
    struct gn_buf *out;
    unsigned long long left;
};

static bool list_body(void *ctx, const char *name, uint64_t bytes)
{
    struct listing *list = ctx;

    gn_admin_add_element(list->out);
    gn_buf_putc(list->out, '{');
    gn_admin_add_text(list->out, "name", gn_str_of(name));
    gn_admin_add_u64(list->out, "bytes", bytes);
    gn_buf_putc(list->out, '}');
    return --list->left > 0;
}

void gn_admin_bodies(struct gn_admin *admin, const struct gn_admin_call *call)
{
    const struct gn_quarantine *quarantine = admin->parts.quarantine;
    struct gn_buf out = GN_BUF_INIT;
    struct listing list = {&out, call->query.limit};

    gn_buf_putc(&out, '{');
    gn_admin_add_u64(&out, "count", gn_quarantine_count(quarantine));
    gn_admin_add_u64(&out, "bytes", gn_quarantine_bytes(quarantine));
    gn_admin_add_name(&out, "items");
    gn_buf_putc(&out, '[');
    gn_quarantine_each(quarantine, list_body, &list);
    gn_buf_puts(&out, "]}");
    gn_admin_reply(call->request, 200, &out);
}

/* ---- one is read ---- */

/* A body that is being read, or taken in. */
struct reading {
    struct gn_admin_task task;
    void (*show)(struct reading *reading, struct gn_str body, struct gn_str meta); /* takes it */
    char *name;
    enum gn_intake outcome;
    struct gn_journal_wait wait;
};

static void reading_free(struct reading *reading)
{
    free(reading->name);
    free(reading);
}

static void on_read(void *ctx, enum gn_err err, struct gn_str body, struct gn_str meta)
{
    struct reading *reading = ctx;

    if (!gn_admin_task_end(&reading->task)) {
        reading_free(reading);
    } else if (err != GN_OK) {
        answer_no_body(reading->task.request, err);
        reading_free(reading);
    } else {
        reading->show(reading, body, meta);
    }
}

static void begin(struct gn_admin *admin, const struct gn_admin_call *call,
                  void (*show)(struct reading *reading, struct gn_str body, struct gn_str meta))
{
    struct reading *reading = calloc(1, sizeof *reading);
    enum gn_err err = GN_ENOMEM;

    if (reading != NULL) {
        reading->show = show;
        reading->name = gn_str_dup(call->arg);
        if (reading->name != NULL)
            err = gn_quarantine_read(admin->parts.quarantine, call->arg, on_read, reading);
    }
    if (err == GN_OK) {
        gn_admin_task_begin(&reading->task, admin, call->request);
        return;
    }
    answer_no_body(call->request, err);
    if (reading != NULL)
        reading_free(reading);
}

/* ---- shown ---- */

static void show_body(struct reading *reading, struct gn_str body, struct gn_str meta)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *about = parse_meta(meta);

    gn_buf_putc(&out, '{');
    gn_admin_add_text(&out, "name", gn_str_of(reading->name));
    gn_admin_add_u64(&out, "bytes", body.len);
    gn_admin_add_text(&out, "received", gn_json_str(about, "received"));
    gn_admin_add_text(&out, "source", gn_json_str(about, "source"));
    gn_admin_add_text(&out, "reason", gn_json_str(about, "reason"));
    if (gn_text_is_utf8(body)) {
        gn_admin_add_text(&out, "body", body);
    } else {
        gn_admin_add_name(&out, "body_base64");
        gn_buf_putc(&out, '"');
        gn_text_add_base64(&out, body);
        gn_buf_putc(&out, '"');
    }
    gn_buf_putc(&out, '}');
    gn_admin_reply(reading->task.request, 200, &out);
    json_decref(about);
    reading_free(reading);
}

void gn_admin_body(struct gn_admin *admin, const struct gn_admin_call *call)
{
    begin(admin, call, show_body);
}

static void show_bytes(struct reading *reading, struct gn_str body, struct gn_str meta)
{
    static const char *const headers[] = {"X-Content-Type-Options", "nosniff", NULL};
    const struct gn_http_reply reply = {.status = 200,
                                        .content_type = "application/octet-stream",
                                        .body = body,
                                        .headers = headers};

    (void)meta;
    gn_http_reply(reading->task.request, &reply);
    reading_free(reading);
}

void gn_admin_body_bytes(struct gn_admin *admin, const struct gn_admin_call *call)
{
    begin(admin, call, show_bytes);
}

/* ---- taken in once more ---- */

/* Where it came from; views into about. The meta file holds one text: the name of the webhook's
 * path, or the peer's address when the path had none. */
static struct gn_relay_source source_of(const json_t *about)
{
    struct gn_str text = gn_json_str(about, "source");
    struct gn_relay_source source = {.is_again = true};
    unsigned char address[sizeof(struct in6_addr)];

    if (text.len == 0)
        return source;
    if (inet_pton(AF_INET, text.p, address) == 1 || inet_pton(AF_INET6, text.p, address) == 1)
        source.peer = text;
    else
        source.name = text;
    return source;
}

static const char *name_of(enum gn_intake outcome)
{
    if (outcome == GN_INTAKE_STORED)
        return "stored";
    return outcome == GN_INTAKE_REPEATED ? "repeated" : "unparsed";
}

/* It is on disk as an event: the body may go. Takes reading. */
static void answer_taken(struct reading *reading)
{
    struct gn_quarantine *quarantine = reading->task.admin->parts.quarantine;
    struct gn_buf out = GN_BUF_INIT;
    enum gn_err err;

    gn_log_info("quarantine.replayed name=%s outcome=%s", reading->name, name_of(reading->outcome));
    err = gn_quarantine_remove(quarantine, gn_str_of(reading->name));
    if (err != GN_OK && err != GN_ENOTFOUND) /* taken again, it is a repeat */
        gn_log_warn("quarantine.kept name=%s reason=\"%s\"", reading->name, gn_err_text(err));
    gn_buf_printf(&out, "{\"outcome\":\"%s\"}", name_of(reading->outcome));
    gn_admin_reply(reading->task.request, 200, &out);
    reading_free(reading);
}

static void on_journal(void *ctx, enum gn_err err)
{
    struct reading *reading = ctx;

    if (!gn_admin_task_end(&reading->task)) {
        reading_free(reading);
    } else if (err != GN_OK) {
        gn_reply_later(reading->task.request);
        reading_free(reading);
    } else {
        answer_taken(reading);
    }
}

static void take_again(struct reading *reading, struct gn_str body, struct gn_str meta)
{
    struct gn_admin *admin = reading->task.admin;
    json_t *about = parse_meta(meta);
    const struct gn_relay_source source = source_of(about);

    reading->outcome = gn_relay_redfish(admin->parts.relay, &source, body);
    json_decref(about);
    if (reading->outcome == GN_INTAKE_NOT_JSON) {
        gn_reply_error(reading->task.request, 422, GN_STR("the body still cannot be read"));
        reading_free(reading);
    } else if (reading->outcome == GN_INTAKE_FULL) {
        gn_reply_later(reading->task.request);
        reading_free(reading);
    } else {
        gn_admin_task_begin(&reading->task, admin, reading->task.request);
        gn_journal_wait(admin->parts.journal, &reading->wait, on_journal, reading);
    }
}

void gn_admin_body_again(struct gn_admin *admin, const struct gn_admin_call *call)
{
    json_t *body;

    if (!gn_admin_read_body(call->request, NULL, 0, NULL, &body))
        return;
    begin(admin, call, take_again);
    json_decref(body);
}

/* ---- deleted ---- */

void gn_admin_body_remove(struct gn_admin *admin, const struct gn_admin_call *call)
{
    enum gn_err err = gn_quarantine_remove(admin->parts.quarantine, call->arg);

    if (err != GN_OK) {
        answer_no_body(call->request, err);
        return;
    }
    gn_log_info("quarantine.removed name=%.*s by=operator", (int)call->arg.len, call->arg.p);
    gn_admin_reply_count(call->request, 200, "removed", 1);
}

void gn_admin_bodies_purge(struct gn_admin *admin, const struct gn_admin_call *call)
{
    uint64_t count = gn_quarantine_purge(admin->parts.quarantine);

    gn_log_info("quarantine.purged count=%llu by=operator", (unsigned long long)count);
    gn_admin_reply_count(call->request, 200, "removed", count);
}
