/* CurrentState: every publisher is asked at once, the first 2xx is the answer. */
#include "registrar_priv.h"

#include <stdlib.h>

/* One publisher's part. */
struct query_call {
    struct gn_registrar_query *query;
    struct gn_http_call *http; /* NULL: has ended, or could not be started */
};

struct gn_registrar_query {
    struct gn_registrar *registrar;
    TAILQ_ENTRY(gn_registrar_query) link;
    gn_registrar_state_fn done; /* NULL: has been called, or nobody waits any more */
    void *ctx;
    struct gn_defer nobody; /* the end, where nobody could be asked */
    size_t pending;
    bool has_timeout;
    bool has_answer;    /* other than 2xx */
    struct gn_buf body; /* of the last such answer */
    size_t call_count;
    struct query_call calls[];
};

static void query_free(struct gn_registrar_query *query)
{
    TAILQ_REMOVE(&query->registrar->queries, query, link);
    query->registrar->query_count--;
    gn_buf_free(&query->body);
    free(query);
}

static void cancel_calls(struct gn_registrar_query *query)
{
    for (size_t i = 0; i < query->call_count; i++) {
        if (query->calls[i].http != NULL)
            gn_http_cancel(query->calls[i].http);
    }
}

static void tell(struct gn_registrar_query *query, enum gn_err err, struct gn_str body)
{
    const struct gn_registrar_state state = {err, body};
    gn_registrar_state_fn done = query->done;

    query->done = NULL;
    if (done != NULL)
        done(query->ctx, &state);
}

/* What it comes to when nobody has answered 2xx. */
static enum gn_err verdict(const struct gn_registrar_query *query)
{
    if (query->registrar->is_stopped)
        return GN_ECANCELED;
    if (query->has_timeout)
        return GN_ETIMEOUT;
    return query->has_answer ? GN_ENOTFOUND : GN_ECONN;
}

/* All have answered, or could not be asked. */
static void finish(struct gn_registrar_query *query)
{
    enum gn_err err = verdict(query);

    tell(query, err, err == GN_ENOTFOUND ? gn_buf_str(&query->body) : GN_STR_NONE);
    query_free(query);
}

static void on_nobody(void *ctx)
{
    finish(ctx);
}

static void note_answer(struct gn_registrar_query *query, struct gn_str body)
{
    query->has_answer = true;
    gn_buf_reset(&query->body);
    gn_buf_add_str(&query->body, body);
    if (gn_buf_err(&query->body) != GN_OK)
        gn_buf_reset(&query->body); /* the body only explains */
}

static void on_state(void *ctx, const struct gn_http_result *result)
{
    struct query_call *call = ctx;
    struct gn_registrar_query *query = call->query;

    call->http = NULL;
    query->pending--;
    if (query->done != NULL && result->err == GN_OK && result->status / 100 == 2) {
        cancel_calls(query);
        tell(query, GN_OK, result->body);
    } else if (result->err == GN_OK) {
        note_answer(query, result->body);
    } else if (result->err == GN_ETIMEOUT) {
        query->has_timeout = true;
    }
    if (query->pending == 0)
        finish(query);
}

/* Whether the publisher is being asked now. */
static bool ask_one(struct gn_registrar_query *query, struct query_call *call,
                    const char *publisher, struct gn_str resource)
{
    struct gn_registrar *registrar = query->registrar;
    struct gn_buf url = GN_BUF_INIT;
    struct gn_http_out out = {.method = "GET",
                              .timeout_ms = registrar->config.status_ms,
                              .max_answer_bytes = GN_REGISTRAR_ANSWER_MAX,
                              .follow_redirects = true};
    enum gn_err err;

    gn_wire_state_url(&url, publisher, resource, registrar->client_id.text);
    err = gn_buf_err(&url);
    out.url = url.data;
    call->query = query;
    if (err == GN_OK)
        err = gn_http_send(registrar->client, &out, on_state, call, &call->http);
    gn_buf_free(&url);
    return err == GN_OK;
}

enum gn_err gn_registrar_ask(struct gn_registrar *registrar, struct gn_str resource,
                             gn_registrar_state_fn done, void *ctx,
                             struct gn_registrar_query **query_out)
{
    size_t count = registrar->is_running ? registrar->publisher_count : 0;
    struct gn_registrar_query *query = calloc(1, sizeof(*query) + count * sizeof(query->calls[0]));

    if (query == NULL)
        return GN_ENOMEM;
    query->registrar = registrar;
    query->done = done;
    query->ctx = ctx;
    query->body = gn_buf_with_limit(GN_REGISTRAR_ANSWER_MAX);
    query->call_count = count;
    for (size_t i = 0; i < count; i++) {
        if (ask_one(query, &query->calls[i], registrar->publishers[i].url, resource))
            query->pending++;
    }
    if (query->pending == 0)
        gn_defer_call(registrar->loop, &query->nobody, on_nobody, query);
    TAILQ_INSERT_TAIL(&registrar->queries, query, link);
    registrar->query_count++;
    if (query_out != NULL)
        *query_out = query;
    return GN_OK;
}

void gn_registrar_forget(struct gn_registrar_query *query)
{
    query->done = NULL;
    if (query->pending > 0) {
        cancel_calls(query);
        return;
    }
    gn_defer_cancel(&query->nobody);
    query_free(query);
}

void gn_queries_stop(struct gn_registrar *registrar)
{
    struct gn_registrar_query *query;

    TAILQ_FOREACH (query, &registrar->queries, link)
        cancel_calls(query);
}
