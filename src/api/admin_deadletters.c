/* The admin API: dead letters are listed, shown and forgotten. */
#include <stdlib.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"
#include "gurnard/relay/shape.h"
#include "admin_priv.h"

void gn_admin_answer_no_letter(struct gn_http_request *request, enum gn_err err)
{
    if (err == GN_ENOTFOUND)
        gn_reply_error(request, 404, GN_STR("no such dead letter"));
    else if (err == GN_EPARSE || err == GN_EIO)
        gn_reply_error(request, 500, GN_STR("the dead letter cannot be read"));
    else
        gn_reply_later(request);
}

/* The members that a list shows of each. */
static void add_entry(struct gn_buf *out, const struct gn_deadletter_entry *entry)
{
    gn_admin_add_u64(out, "number", entry->number);
    gn_admin_add_text(out, "subscription", gn_str_of(entry->subscription));
    gn_admin_add_text(out, "event", entry->event_id);
    gn_admin_add_u64(out, "status", (uint64_t)entry->status);
    gn_admin_add_u64(out, "attempts", entry->attempts);
    gn_admin_add_time(out, "last", entry->last_ns);
    gn_admin_add_u64(out, "bytes", entry->bytes);
}

/* ---- the list ---- */

struct listing {
    const struct gn_admin_query *query;
    struct gn_buf *out;
    uint64_t count;
};

static bool list_entry(void *ctx, const struct gn_deadletter_entry *entry)
{
    struct listing *list = ctx;

    if (entry->number <= list->query->after ||
        (list->query->has_subscription &&
         !gn_str_eq(gn_str_of(entry->subscription), gn_buf_str(&list->query->subscription))))
        return true;
    gn_admin_add_element(list->out);
    gn_buf_putc(list->out, '{');
    add_entry(list->out, entry);
    gn_buf_putc(list->out, '}');
    return ++list->count < list->query->limit;
}

void gn_admin_letters(struct gn_admin *admin, const struct gn_admin_call *call)
{
    struct gn_deadletters_status status;
    struct gn_buf out = GN_BUF_INIT;
    struct listing list = {.query = &call->query, .out = &out};

    gn_deadletters_status(admin->parts.letters, &status);
    gn_buf_putc(&out, '{');
    gn_admin_add_u64(&out, "count", status.count);
    gn_admin_add_name(&out, "items");
    gn_buf_putc(&out, '[');
    gn_deadletters_each(admin->parts.letters, call->query.after, list_entry, &list);
    gn_buf_puts(&out, "]}");
    gn_admin_reply(call->request, 200, &out);
}

/* ---- one ---- */

/* A letter that is being read. */
struct shown {
    struct gn_admin_task task;
    uint64_t number;
};

struct found {
    uint64_t number;
    struct gn_buf *out;
    bool is_there;
};

static bool add_if_found(void *ctx, const struct gn_deadletter_entry *entry)
{
    struct found *found = ctx;

    if (entry->number == found->number) {
        found->is_there = true;
        add_entry(found->out, entry);
    }
    return entry->number < found->number;
}

/* A body that is no JSON is shown as a text. */
static void add_shaped(struct gn_buf *out, const struct gn_shaped *shaped)
{
    static const struct gn_json_limits limits = {.max_bytes = (size_t)1 << 30,
                                                 .max_depth = GN_JSON_DEPTH_MAX,
                                                 .max_tokens = UINT32_MAX};
    struct gn_buf body = GN_BUF_INIT;

    for (size_t i = 0; i < GN_MESSAGE_PARTS; i++)
        gn_buf_add_str(&body, shaped->body[i]);
    if (gn_buf_err(&body) == GN_OK && gn_json_check(gn_buf_str(&body), &limits) == GN_OK)
        gn_buf_add_str(out, gn_buf_str(&body));
    else
        gn_text_add_json(out, gn_buf_str(&body));
    gn_buf_free(&body);
}

/* As its subscription gets it, or, when that is gone, in the form of v1. */
static void add_body(const struct gn_admin *admin, struct gn_buf *out,
                     const struct gn_deadletter *letter)
{
    const struct gn_sink *sink = gn_outbox_find_sink(admin->parts.outbox, letter->subscription);
    struct gn_interest *interest = sink == NULL
                                       ? gn_interest_new(GN_FACE_V1, GN_STR(""), NULL, NULL)
                                       : gn_interest_ref(gn_sink_interest(sink));
    const struct gn_shape_in in = {.interest = interest,
                                   .event = letter->event,
                                   .subscription = letter->subscription};
    struct gn_shaped shaped;

    gn_admin_add_name(out, "body");
    if (interest != NULL && gn_shape(&in, &shaped) == GN_OK)
        add_shaped(out, &shaped);
    else
        gn_buf_puts(out, "null"); /* its subscription has changed, or there is no memory */
    if (interest != NULL)
        gn_shaped_fini(&shaped);
    gn_interest_unref(interest);
}

static void answer_letter(struct gn_admin *admin, struct gn_http_request *request,
                          const struct gn_deadletter *letter)
{
    struct gn_buf out = GN_BUF_INIT;
    struct found found = {.number = letter->number, .out = &out};

    gn_buf_putc(&out, '{');
    gn_deadletters_each(admin->parts.letters, letter->number - 1, add_if_found, &found);
    if (!found.is_there) { /* forgotten while it was read */
        gn_buf_free(&out);
        gn_admin_answer_no_letter(request, GN_ENOTFOUND);
        return;
    }
    gn_admin_add_url(&out, "endpoint", letter->address);
    gn_admin_add_text(&out, "error", letter->error);
    gn_admin_add_text(&out, "answer", letter->answer);
    gn_admin_add_text(&out, "source", letter->event->origin);
    gn_admin_add_time(&out, "first", letter->first_ns);
    add_body(admin, &out, letter);
    gn_buf_putc(&out, '}');
    gn_admin_reply(request, 200, &out);
}

static void on_shown(void *ctx, enum gn_err err, const struct gn_deadletter *letter)
{
    struct shown *shown = ctx;

    if (gn_admin_task_end(&shown->task)) {
        if (letter == NULL)
            gn_admin_answer_no_letter(shown->task.request, err);
        else
            answer_letter(shown->task.admin, shown->task.request, letter);
    }
    free(shown);
}

void gn_admin_letter(struct gn_admin *admin, const struct gn_admin_call *call)
{
    struct shown *shown = calloc(1, sizeof *shown);
    unsigned long long number = 0;
    enum gn_err err;

    if (shown == NULL) {
        gn_reply_later(call->request);
        return;
    }
    (void)gn_str_to_u64(call->arg, UINT64_MAX, &number); /* the route has seen to it */
    err = gn_deadletters_get(admin->parts.letters, number, on_shown, shown);
    if (err != GN_OK) {
        gn_admin_answer_no_letter(call->request, err);
        free(shown);
        return;
    }
    gn_admin_task_begin(&shown->task, admin, call->request);
}

/* ---- forgetting ---- */

void gn_admin_letter_remove(struct gn_admin *admin, const struct gn_admin_call *call)
{
    unsigned long long number = 0;
    enum gn_err err;

    (void)gn_str_to_u64(call->arg, UINT64_MAX, &number); /* the route has seen to it */
    err = gn_deadletters_remove(admin->parts.letters, number);
    if (err != GN_OK) {
        gn_admin_answer_no_letter(call->request, err);
        return;
    }
    gn_log_info("deadletter.removed number=%llu by=operator", number);
    gn_admin_again_step(admin);
    gn_admin_reply_count(call->request, 200, "removed", 1);
}

void gn_admin_letters_purge(struct gn_admin *admin, const struct gn_admin_call *call)
{
    struct gn_str subscription =
        call->query.has_subscription ? gn_buf_str(&call->query.subscription) : GN_STR_NONE;
    uint64_t count = gn_deadletters_purge(admin->parts.letters, subscription);

    gn_log_info("deadletters.purged count=%llu sink=%.*s by=operator", (unsigned long long)count,
                (int)subscription.len, subscription.p == NULL ? "" : subscription.p);
    gn_admin_again_step(admin);
    gn_admin_reply_count(call->request, 200, "removed", count);
}
