/* The admin API: stored events once more to one subscription. */
#include "gurnard/api/reply.h"
#include "gurnard/base/clock.h"
#include "admin_priv.h"

enum { SUBSCRIPTION, SINCE, UNTIL, MEMBERS };

/* What a body asks for. */
struct wish {
    struct gn_str subscription;
    int64_t since_ns, until_ns;
};

/* NULL: *wish is whole; else what is wrong. */
static const char *read_wish(const struct gn_str values[MEMBERS], struct wish *wish)
{
    int64_t now_ns = gn_clock_real_ns();

    wish->subscription = values[SUBSCRIPTION];
    wish->until_ns = now_ns;
    if (wish->subscription.p == NULL)
        return "subscription is missing";
    if (values[SINCE].p == NULL)
        return "since is missing";
    if (!gn_admin_parse_point(values[SINCE], now_ns, &wish->since_ns))
        return "since is neither a time (RFC 3339) nor an age such as 90s, 15m, 1h or 7d";
    if (values[UNTIL].p != NULL && !gn_admin_parse_point(values[UNTIL], now_ns, &wish->until_ns))
        return "until is neither a time (RFC 3339) nor an age such as 90s, 15m, 1h or 7d";
    if (wish->until_ns <= wish->since_ns)
        return "until is not after since";
    return NULL;
}

static void answer_begun(struct gn_admin *admin, struct gn_http_request *request,
                         const struct wish *wish)
{
    struct gn_journal_status journal;
    struct gn_buf out = GN_BUF_INIT;
    int64_t from_ns;

    gn_journal_status(admin->parts.journal, &journal);
    from_ns = journal.first_sequence < journal.next_sequence ? journal.oldest_ns : 0;
    gn_buf_putc(&out, '{');
    gn_admin_add_text(&out, "subscription", wish->subscription);
    gn_admin_add_time(&out, "since", wish->since_ns);
    gn_admin_add_time(&out, "until", wish->until_ns);
    gn_admin_add_time(&out, "available_from", from_ns);
    gn_admin_add_bool(&out, "complete", from_ns != 0 && from_ns <= wish->since_ns);
    gn_buf_putc(&out, '}');
    gn_admin_reply(request, 202, &out);
}

static void begin(struct gn_admin *admin, struct gn_http_request *request, const struct wish *wish)
{
    struct gn_sink *sink = gn_outbox_find_sink(admin->parts.outbox, wish->subscription);
    enum gn_err err;

    if (sink == NULL) {
        gn_reply_error(request, 404, GN_STR("no such subscription, or it has no endpoint"));
        return;
    }
    err = gn_outbox_replay(sink, wish->since_ns, wish->until_ns);
    if (err == GN_EEXIST)
        gn_reply_error(request, 409, GN_STR("a replay of this subscription is under way"));
    else if (err != GN_OK)
        gn_reply_later(request);
    else
        answer_begun(admin, request, wish);
}

void gn_admin_replay(struct gn_admin *admin, const struct gn_admin_call *call)
{
    static const char *const names[MEMBERS] = {
        [SUBSCRIPTION] = "subscription", [SINCE] = "since", [UNTIL] = "until"};
    struct gn_str values[MEMBERS];
    struct wish wish;
    const char *problem;
    json_t *body;

    if (!gn_admin_read_body(call->request, names, MEMBERS, values, &body))
        return;
    problem = read_wish(values, &wish);
    if (problem != NULL)
        gn_reply_error(call->request, 400, gn_str_of(problem));
    else
        begin(admin, call->request, &wish);
    json_decref(body);
}

void gn_admin_replay_stop(struct gn_admin *admin, const struct gn_admin_call *call)
{
    struct gn_sink *sink = gn_outbox_find_sink(admin->parts.outbox, call->arg);

    if (sink == NULL || !gn_outbox_replay_stop(sink)) {
        gn_reply_error(call->request, 404, GN_STR("no replay of this subscription is under way"));
        return;
    }
    gn_reply_empty(call->request, 204);
}
