/* Drives libcurl's multi interface from the loop: sockets by watches, its one clock by a timer,
 * completions by a deferred call. What a request and its answer are is in http_call.c.
 *
 * Work in a turn is bounded twice: at most ENDS_MAX calls are reported, and at most STARTS_MAX are
 * given to libcurl before it has worked on them; the others wait in a list. */
#include "gurnard/net/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/log.h"
#include "gurnard/base/must_alloc.h"

#include "http_client_priv.h"

#define ENDS_MAX   64
#define STARTS_MAX 64
#define IDLE_MAX   128 /* idle calls kept; each holds an easy handle of about 10 KiB */

TAILQ_HEAD(call_list, gn_http_call);

struct gn_http_client {
    struct gn_loop *loop;
    struct gn_http_client_config config;
    CURLM *multi;
    struct gn_http_sockets sockets;
    struct gn_timer timer; /* libcurl's */
    struct gn_defer pump;  /* reports ends, starts what waits */
    struct call_list idle;
    struct call_list waiting;
    struct call_list ended;
    uint32_t idle_count;
    uint32_t ended_count;
    uint32_t active; /* calls whose done was not called yet */
    uint32_t flying; /* of them those that libcurl has */
    uint32_t fresh;  /* of them those it has not worked on yet, at most STARTS_MAX */
    bool is_acting;  /* libcurl is at work and can take no call: one of its callbacks is ours */
    struct gn_log_limit trouble_log;
};

/* ---- libcurl's memory: it does not survive a refusal ---- */

static void *must_malloc(size_t bytes)
{
    return gn_must_malloc("libcurl", bytes);
}

static void *must_realloc(void *old, size_t bytes)
{
    return gn_must_realloc("libcurl", old, bytes);
}

static char *must_strdup(const char *text)
{
    return gn_must_strdup("libcurl", text);
}

static void *must_calloc(size_t count, size_t bytes)
{
    return gn_must_calloc("libcurl", count, bytes);
}

/* ---- calls kept for reuse ---- */

static struct gn_http_call *take_call(struct gn_http_client *client)
{
    struct gn_http_call *call = TAILQ_FIRST(&client->idle);

    if (call == NULL)
        return gn_http_call_new(client, &client->sockets, &client->config);
    TAILQ_REMOVE(&client->idle, call, link);
    client->idle_count--;
    return call;
}

/* The last used comes first: its memory is warm. */
static void put_call(struct gn_http_client *client, struct gn_http_call *call)
{
    if (client->idle_count >= IDLE_MAX) {
        gn_http_call_free(call);
        return;
    }
    gn_http_call_release(call);
    call->state = GN_HTTP_CALL_IDLE;
    TAILQ_INSERT_HEAD(&client->idle, call, link);
    client->idle_count++;
}

/* ---- the ends ---- */

static void on_pump(void *ctx);

static void report(struct gn_http_call *call, const struct gn_http_result *result)
{
    struct gn_http_client *client = call->client;

    call->state = GN_HTTP_CALL_REPORTING;
    client->active--;
    call->done(call->ctx, result);
    put_call(client, call);
}

static void take_back(struct gn_http_call *call)
{
    CURLMcode code = curl_multi_remove_handle(call->client->multi, call->easy);

    GN_ASSERT(code == CURLM_OK); /* it is in there, and we are in none of libcurl's callbacks */
    call->client->flying--;
}

static void end_call(struct gn_http_call *call, enum gn_err err)
{
    struct gn_http_client *client = call->client;

    call->state = GN_HTTP_CALL_ENDED;
    call->end_err = err;
    TAILQ_INSERT_TAIL(&client->ended, call, link);
    client->ended_count++;
    gn_defer_call(client->loop, &client->pump, on_pump, client);
}

/* Those that are ended meanwhile by a done function wait for the next turn. */
static size_t report_ended(struct gn_http_client *client, size_t room)
{
    size_t due = client->ended_count < room ? client->ended_count : room;

    for (size_t i = 0; i < due; i++) {
        struct gn_http_call *call = TAILQ_FIRST(&client->ended);
        struct gn_http_result result;

        TAILQ_REMOVE(&client->ended, call, link);
        client->ended_count--;
        gn_http_call_given_up(call, &result);
        report(call, &result);
    }
    return due;
}

static size_t report_completed(struct gn_http_client *client, size_t room)
{
    size_t reported = 0;

    while (reported < room) {
        int left;
        struct CURLMsg *message = curl_multi_info_read(client->multi, &left);
        struct gn_http_call *call = NULL;
        struct gn_http_result result;

        if (message == NULL)
            break;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call); /* set by us */
        GN_ASSERT(call != NULL && call->state == GN_HTTP_CALL_FLYING);
        gn_http_call_result(call, message->data.result, &result);
        take_back(call); /* message is gone now */
        report(call, &result);
        reported++;
    }
    return reported;
}

/* ---- the starts ---- */

static bool start_call(struct gn_http_client *client, struct gn_http_call *call)
{
    if (curl_multi_add_handle(client->multi, call->easy) != CURLM_OK)
        return false;
    call->state = GN_HTTP_CALL_FLYING;
    client->flying++;
    client->fresh++;
    return true;
}

static void start_waiting(struct gn_http_client *client)
{
    while (client->fresh < STARTS_MAX && !TAILQ_EMPTY(&client->waiting)) {
        struct gn_http_call *call = TAILQ_FIRST(&client->waiting);

        TAILQ_REMOVE(&client->waiting, call, link);
        if (!start_call(client, call))
            end_call(call, GN_ENOMEM);
    }
}

static void on_pump(void *ctx)
{
    struct gn_http_client *client = ctx;
    size_t reported = report_ended(client, ENDS_MAX);

    reported += report_completed(client, ENDS_MAX - reported);
    start_waiting(client);
    if (reported == ENDS_MAX)
        gn_defer_call(client->loop, &client->pump, on_pump, client);
}

/* ---- libcurl's side ---- */

/* Lets libcurl work. Ends are not reported from here, only noticed. */
static void act(void *ctx, curl_socket_t fd, int mask)
{
    struct gn_http_client *client = ctx;
    int running = 0;
    CURLMcode code;
    uint64_t held;

    client->is_acting = true;
    code = curl_multi_socket_action(client->multi, fd, mask, &running);
    client->is_acting = false;
    if (code != CURLM_OK && gn_log_allow(&client->trouble_log, gn_loop_now_ms(client->loop), &held))
        gn_log_error("http_client.trouble reason=\"%s\" held=%llu", curl_multi_strerror(code),
                     (unsigned long long)held);
    client->fresh = 0;
    if ((uint32_t)running != client->flying || !TAILQ_EMPTY(&client->waiting))
        gn_defer_call(client->loop, &client->pump, on_pump, client);
}

/* May come a little early by libcurl's own clock, since the loop's stands still in a turn. libcurl
 * then does nothing but set the timer again. */
static void on_timer(void *ctx)
{
    act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long delay_ms, void *ctx)
{
    struct gn_http_client *client = ctx;

    (void)multi;
    if (delay_ms < 0)
        gn_timer_stop(&client->timer);
    else
        gn_timer_start(&client->timer, (uint64_t)delay_ms);
    return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct gn_http_client *client = ctx;

    (void)easy;
    (void)socket_ctx; /* forgotten by libcurl between two transfers; we look fd up instead */
    gn_http_sockets_want(&client->sockets, fd, what);
    return 0;
}

static bool set_up_multi(struct gn_http_client *client)
{
    uint32_t kept = client->config.max_idle_connections;
    CURLM *multi = client->multi;

    if (kept == 0)
        kept = 1; /* 0 would mean no limit */
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)kept) == CURLM_OK;
}

/* ---- public ---- */

struct gn_http_client *gn_http_client_new(struct gn_loop *loop,
                                          const struct gn_http_client_config *config)
{
    struct gn_http_client *client;

    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, must_malloc, free, must_realloc, must_strdup,
                             must_calloc) != CURLE_OK)
        return NULL;
    client = gn_http_tls_ready() ? calloc(1, sizeof(*client)) : NULL;
    if (client == NULL) {
        curl_global_cleanup();
        return NULL;
    }
    client->loop = loop;
    client->config = *config;
    TAILQ_INIT(&client->idle);
    TAILQ_INIT(&client->waiting);
    TAILQ_INIT(&client->ended);
    gn_http_sockets_init(&client->sockets, loop, act, client);
    gn_timer_init(&client->timer, loop, on_timer, client);
    client->multi = curl_multi_init();
    if (client->multi == NULL || !set_up_multi(client)) {
        gn_http_client_free(client);
        return NULL;
    }
    return client;
}

void gn_http_client_free(struct gn_http_client *client)
{
    if (client == NULL)
        return;
    GN_ASSERT(client->active == 0);
    while (!TAILQ_EMPTY(&client->idle)) {
        struct gn_http_call *call = TAILQ_FIRST(&client->idle);

        TAILQ_REMOVE(&client->idle, call, link);
        gn_http_call_free(call);
    }
    (void)curl_multi_cleanup(
        client->multi); /* closes the kept connections; can only fail for NULL */
    gn_http_sockets_fini(&client->sockets);
    gn_defer_cancel(&client->pump);
    gn_timer_fini(&client->timer);
    free(client);
    curl_global_cleanup();
}

enum gn_err gn_http_send(struct gn_http_client *client, const struct gn_http_out *out,
                         gn_http_done_fn done, void *ctx, struct gn_http_call **call_out)
{
    struct gn_http_call *call = take_call(client);
    enum gn_err err;

    if (call == NULL)
        return GN_ENOMEM;
    err = gn_http_call_prepare(call, out);
    if (err != GN_OK)
        goto out;
    call->done = done;
    call->ctx = ctx;
    if (client->is_acting || client->fresh == STARTS_MAX || !TAILQ_EMPTY(&client->waiting)) {
        call->state = GN_HTTP_CALL_WAITING;
        TAILQ_INSERT_TAIL(&client->waiting, call, link);
    } else if (!start_call(client, call)) {
        err = GN_ENOMEM;
        goto out;
    }
    client->active++;
    if (call_out != NULL)
        *call_out = call;
    call = NULL;
out:
    if (call != NULL)
        put_call(client, call);
    return err;
}

void gn_http_cancel(struct gn_http_call *call)
{
    struct gn_http_client *client = call->client;

    GN_ASSERT(call->state != GN_HTTP_CALL_IDLE);
    switch (call->state) {
    case GN_HTTP_CALL_WAITING:
        TAILQ_REMOVE(&client->waiting, call, link);
        break;
    case GN_HTTP_CALL_FLYING:
        take_back(call);
        if (client->fresh > 0)
            client->fresh--; /* what waits must not wait for work on calls that are gone */
        break;
    case GN_HTTP_CALL_IDLE:
    case GN_HTTP_CALL_ENDED:
    case GN_HTTP_CALL_REPORTING:
        return;
    }
    end_call(call, GN_ECANCELED);
}

uint32_t gn_http_client_active(const struct gn_http_client *client)
{
    return client->active;
}
