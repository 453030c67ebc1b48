/* Calls of the admin API, one at a time, each waited for: these verbs have nothing else to do. */
#include "admin_priv.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/log.h"

#define URL_DEFAULT  "http://127.0.0.1:9091"
#define URL_VARIABLE "GURNARD_ADMIN"
#define CALL_MS      30000U
#define CONNECT_MS   5000U
#define ANSWER_BYTES ((size_t)64 << 20)
#define WHY_BYTES    4096U
#define TURN_MS      1000U /* how long a turn may wait; its length does not matter */

static const struct gn_json_limits limits = {.max_bytes = ANSWER_BYTES,
                                             .max_depth = GN_JSON_DEPTH_MAX,
                                             .max_tokens = 1U << 21};

struct cli_admin gn_cli_admin(const char *verb)
{
    const char *url = getenv(URL_VARIABLE);

    return (struct cli_admin){.verb = verb,
                              .url = url != NULL && url[0] != '\0' ? url : URL_DEFAULT,
                              .call_url = GN_BUF_INIT,
                              .timeout_ms = CALL_MS,
                              .answer = gn_buf_with_limit(ANSWER_BYTES),
                              .why = gn_buf_with_limit(WHY_BYTES)};
}

int gn_cli_admin_open(struct cli_admin *admin)
{
    const struct gn_http_client_config config = {.max_idle_connections = 1,
                                                 .connect_timeout_ms = CONNECT_MS,
                                                 .user_agent = "gurnard/" GN_VERSION};

    if (!gn_cli_url(admin->verb, admin->url, "", &admin->call_url))
        return CLI_EXIT_USAGE;
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, STDERR_FILENO); /* a slow turn is nothing to warn of */
    admin->loop = gn_loop_new(NULL);
    if (admin->loop != NULL)
        admin->client = gn_http_client_new(admin->loop, &config);
    if (admin->client != NULL)
        return CLI_GO_ON;
    gn_cli_complain(admin->verb, "%s", gn_err_text(GN_ENOMEM));
    return CLI_EXIT_FAILED;
}

void gn_cli_admin_close(struct cli_admin *admin)
{
    gn_http_client_free(admin->client);
    if (admin->loop != NULL)
        gn_loop_free(admin->loop);
    gn_buf_free(&admin->call_url);
    gn_buf_free(&admin->answer);
    gn_buf_free(&admin->why);
}

/* ---- one call ---- */

/* An answer of 404 without the API's own error comes from somebody else's port. */
static void explain(struct cli_admin *admin, const struct gn_http_result *result)
{
    if (result->err != GN_OK) {
        gn_buf_printf(&admin->why, "no gurnardd answers at %s: ", admin->url);
        gn_cli_explain(result, &admin->why);
        return;
    }
    gn_cli_explain(result, &admin->why);
    if (result->status == ADMIN_NOT_FOUND &&
        !gn_str_has_prefix(result->content_type, GN_STR("application/json")))
        gn_buf_printf(&admin->why, ": there is no admin API at %s", admin->url);
}

static void on_done(void *ctx, const struct gn_http_result *result)
{
    struct cli_admin *admin = ctx;

    admin->call = NULL;
    admin->status = result->status;
    admin->is_ok = gn_cli_is_success(result);
    if (admin->is_ok)
        gn_buf_add_str(&admin->answer, result->body);
    else
        explain(admin, result);
}

/* A failing loop ends the program: it cannot even end the call that waits in it. */
static void turn(struct cli_admin *admin, uint64_t ms)
{
    if (gn_loop_turn(admin->loop, (uint32_t)(ms < TURN_MS ? ms : TURN_MS)) == GN_OK)
        return;
    gn_cli_complain(admin->verb, "waiting for an answer: %s", gn_err_text(GN_EIO));
    exit(CLI_EXIT_FAILED);
}

static enum gn_err run_call(struct cli_admin *admin, const char *method, const char *path,
                            struct gn_str body)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct gn_http_out out = {.method = method,
                              .headers = body.len > 0 ? headers : NULL,
                              .body = {body},
                              .timeout_ms = admin->timeout_ms,
                              .max_answer_bytes = ANSWER_BYTES};
    enum gn_err err;

    gn_buf_reset(&admin->call_url);
    if (!gn_cli_url(admin->verb, admin->url, path, &admin->call_url))
        return GN_EINVAL;
    out.url = admin->call_url.data;
    err = gn_http_send(admin->client, &out, on_done, admin, &admin->call);
    if (err != GN_OK)
        return err;
    while (admin->call != NULL)
        turn(admin, TURN_MS);
    return GN_OK;
}

int gn_cli_admin_call(struct cli_admin *admin, const char *method, const char *path,
                      struct gn_str body)
{
    enum gn_err err;

    admin->is_ok = false;
    admin->status = 0;
    gn_buf_reset(&admin->answer);
    gn_buf_reset(&admin->why);
    err = run_call(admin, method, path, body);
    if (err == GN_OK && admin->is_ok)
        err = gn_buf_err(&admin->answer);
    if (err == GN_OK && admin->is_ok)
        return 0;
    if (admin->is_interrupted)
        return CLI_EXIT_FAILED;
    if (err != GN_OK)
        gn_buf_puts(&admin->why, gn_err_text(err));
    gn_cli_complain(admin->verb, "%s%s%s", admin->about != NULL ? admin->about : "",
                    admin->about != NULL ? ": " : "",
                    gn_buf_err(&admin->why) == GN_OK ? admin->why.data : "failed");
    return CLI_EXIT_FAILED;
}

/* ---- answers ---- */

int gn_cli_admin_print(struct cli_admin *admin)
{
    if (admin->answer.len > 0 && admin->answer.data[admin->answer.len - 1] != '\n')
        gn_buf_putc(&admin->answer, '\n');
    return admin->answer.len == 0 || gn_cli_print(&admin->answer) ? 0 : CLI_EXIT_FAILED;
}

/* Unlike gn_json_parse() this takes \u0000, which a quarantined body may hold. */
static json_t *parse(struct gn_str text)
{
    if (gn_json_check(text, &limits) != GN_OK)
        return NULL;
    return json_loadb(text.p, text.len, JSON_ALLOW_NUL, NULL);
}

/* Takes the answer as an object; complains when it is none. */
static int take_object(struct cli_admin *admin, json_t **value)
{
    *value = parse(gn_buf_str(&admin->answer));
    if (json_is_object(*value))
        return 0;
    json_decref(*value);
    *value = NULL;
    gn_cli_complain(admin->verb, "what %s answers cannot be shown; see --json", admin->url);
    return CLI_EXIT_FAILED;
}

int gn_cli_admin_ask(struct cli_admin *admin, const char *method, const char *path,
                     struct gn_str body, json_t **value)
{
    int code = gn_cli_admin_call(admin, method, path, body);

    *value = NULL;
    if (code != 0)
        return code;
    return admin->wants_json ? gn_cli_admin_print(admin) : take_object(admin, value);
}

int gn_cli_admin_fetch(struct cli_admin *admin, const char *path, json_t **value)
{
    int code = gn_cli_admin_call(admin, "GET", path, GN_STR_NONE);

    *value = NULL;
    return code == 0 ? take_object(admin, value) : code;
}

int gn_cli_admin_once(struct cli_admin *admin, const char *method, const char *path,
                      struct gn_str body, json_t **value)
{
    int code = gn_cli_admin_open(admin);

    *value = NULL;
    if (code == CLI_GO_ON)
        code = gn_cli_admin_ask(admin, method, path, body, value);
    gn_cli_admin_close(admin);
    return code;
}

int gn_cli_finish_report(struct gn_buf *report)
{
    bool is_printed = gn_cli_print(report);

    gn_buf_free(report);
    return is_printed ? 0 : CLI_EXIT_FAILED;
}

int gn_cli_print_count(const char *member, const char *what, json_t *value)
{
    struct gn_buf line = GN_BUF_INIT;

    gn_buf_printf(&line, "%lld %s\n", gn_json_int(value, member, 0), what);
    json_decref(value);
    return gn_cli_finish_report(&line);
}

/* ---- waiting ---- */

static void on_signal(void *ctx)
{
    struct cli_admin *admin = ctx;

    admin->is_interrupted = true;
    if (admin->call != NULL)
        gn_http_cancel(admin->call);
}

enum gn_err gn_cli_admin_watch_signals(struct cli_admin *admin)
{
    enum gn_err err = gn_signal_watch(admin->loop, SIGINT, on_signal, admin);

    return err == GN_OK ? gn_signal_watch(admin->loop, SIGTERM, on_signal, admin) : err;
}

bool gn_cli_admin_pause(struct cli_admin *admin, uint64_t ms)
{
    const uint64_t end_ms = gn_clock_mono_ms() + ms;
    uint64_t now_ms;

    while (!admin->is_interrupted && (now_ms = gn_clock_mono_ms()) < end_ms)
        turn(admin, end_ms - now_ms);
    return !admin->is_interrupted;
}

/* ---- paths ---- */

void gn_cli_add_encoded(struct gn_buf *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text != '\0'; text++)
        if (strchr(plain, *text) != NULL)
            gn_buf_putc(out, *text);
        else
            gn_buf_printf(out, "%%%02X", (unsigned char)*text);
}

bool gn_cli_is_segment(const char *verb, const char *text)
{
    if (text[0] != '\0' && strcmp(text, ".") != 0 && strcmp(text, "..") != 0)
        return true;
    gn_cli_complain(verb, "'%s': no such name", text);
    return false;
}

void gn_cli_add_subscription(struct gn_buf *path, char sep, const char *id)
{
    if (id == NULL)
        return;
    gn_buf_printf(path, "%csubscription=", sep);
    gn_cli_add_encoded(path, id);
}
