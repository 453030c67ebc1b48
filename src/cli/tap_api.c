/* gurnard tap's calls of the REST API, one at a time: publishers, create, delete. */
#include "tap_priv.h"

#include <stdio.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"

#define WAIT_MS          10000U /* how long an API that is not there yet is waited for */
#define AGAIN_MS         200U
#define ANSWER_BYTES     ((size_t)1 << 20)
#define SYSTEMS_SUFFIX   "/redfish/v1/Systems"
#define STATUS_NOT_READY 503

static void subscribe(void *ctx);

static enum gn_err call_api(struct tap *tap, const char *method, const char *path,
                            gn_http_done_fn done)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct gn_http_out out = {.method = method,
                              .timeout_ms = TAP_CALL_MS,
                              .max_answer_bytes = ANSWER_BYTES};

    gn_buf_truncate(&tap->url, tap->api_len);
    gn_buf_puts(&tap->url, path);
    if (tap->body.len > 0) {
        out.headers = headers;
        out.body[0] = gn_buf_str(&tap->body);
    }
    if (gn_buf_err(&tap->url) != GN_OK)
        return gn_buf_err(&tap->url);
    out.url = tap->url.data;
    return gn_http_send(tap->client, &out, done, tap, &tap->call);
}

static void fail(struct tap *tap, const char *what, const char *why)
{
    gn_cli_complain(TAP_VERB, "%s at %s: %s", what, tap->api, why);
    tap->exit_code = CLI_EXIT_FAILED;
    gn_tap_end(tap);
}

static void fail_by(struct tap *tap, const char *what, const struct gn_http_result *result)
{
    struct gn_buf why = gn_buf_with_limit(1024);

    gn_cli_explain(result, &why);
    fail(tap, what, gn_buf_err(&why) == GN_OK ? why.data : "refused");
    gn_buf_free(&why);
}

/* While the API starts it is not reachable or not ready; that passes. */
static bool try_again(struct tap *tap, const struct gn_http_result *result)
{
    bool may_pass = result->err == GN_OK ? result->status == STATUS_NOT_READY
                                         : gn_err_is_transient(result->err);

    if (!may_pass || gn_loop_now_ms(tap->loop) >= tap->give_up_at_ms)
        return false;
    gn_timer_start(&tap->again, AGAIN_MS);
    return true;
}

/* ---- unsubscribing ---- */

static void on_deleted(void *ctx, const struct gn_http_result *result)
{
    struct tap *tap = ctx;
    struct gn_buf why = gn_buf_with_limit(1024);

    tap->call = NULL;
    if (!gn_cli_is_success(result)) {
        gn_cli_explain(result, &why);
        gn_cli_complain(TAP_VERB, "subscription %s stays at %s: %s", tap->id, tap->api,
                        gn_buf_err(&why) == GN_OK ? why.data : "refused");
        tap->exit_code = CLI_EXIT_FAILED;
    }
    gn_buf_free(&why);
    gn_loop_stop(tap->loop);
}

static void unsubscribe(struct tap *tap)
{
    char path[sizeof CLI_SUBSCRIPTIONS + 1 + TAP_ID_MAX];
    enum gn_err err;

    gn_buf_reset(&tap->body);
    (void)snprintf(path, sizeof path, "%s/%s", CLI_SUBSCRIPTIONS, tap->id);
    err = call_api(tap, "DELETE", path, on_deleted);
    if (err == GN_OK)
        return;
    gn_cli_complain(TAP_VERB, "subscription %s stays at %s: %s", tap->id, tap->api,
                    gn_err_text(err));
    tap->exit_code = CLI_EXIT_FAILED;
    gn_loop_stop(tap->loop);
}

void gn_tap_end(struct tap *tap)
{
    if (tap->is_ending)
        return;
    tap->is_ending = true;
    gn_timer_stop(&tap->again);
    if (tap->call != NULL)
        return; /* a create may have succeeded: its end is waited for */
    if (tap->id[0] != '\0')
        unsubscribe(tap);
    else
        gn_loop_stop(tap->loop);
}

/* ---- subscribing ---- */

/* The id must be one that can stand in a path as it is. */
static bool keep_id(struct tap *tap, struct gn_str id)
{
    if (!gn_id_is_valid(id) || id.len > TAP_ID_MAX)
        return false;
    memcpy(tap->id, id.p, id.len);
    tap->id[id.len] = '\0';
    return true;
}

/* Takes over what the API made; on an error says why. */
static const char *read_created(struct tap *tap, struct gn_str body)
{
    json_t *object = NULL;
    const char *error = NULL;

    if (gn_json_parse(body, NULL, &object) != GN_OK)
        error = "the answer is no JSON";
    else if (!gn_str_eq(gn_json_str(object, "endpointUri"), gn_buf_str(&tap->endpoint)))
        error = "the resource has a subscription already, and the API gives it only one";
    else if (!keep_id(tap, gn_json_str(object, "id")))
        error = "the answer has no id";
    json_decref(object);
    return error;
}

static void on_created(void *ctx, const struct gn_http_result *result)
{
    struct tap *tap = ctx;
    const char *error;

    tap->call = NULL;
    if (!gn_cli_is_success(result)) {
        if (tap->is_ending)
            gn_loop_stop(tap->loop);
        else if (!try_again(tap, result))
            fail_by(tap, "cannot subscribe", result);
        return;
    }
    error = read_created(tap, result->body);
    if (tap->is_ending) {
        if (error == NULL)
            unsubscribe(tap);
        else
            gn_loop_stop(tap->loop);
        return;
    }
    if (error != NULL)
        fail(tap, "cannot subscribe", error);
    else
        (void)fprintf(stderr, "subscribed to %s, events come to %s\n", tap->resource,
                      tap->endpoint.data);
}

static void create(struct tap *tap)
{
    enum gn_err err;

    gn_buf_reset(&tap->body);
    gn_buf_puts(&tap->body, "{\"endpointUri\":");
    gn_text_add_json(&tap->body, gn_buf_str(&tap->endpoint));
    gn_buf_puts(&tap->body, ",\"resource\":");
    gn_text_add_json(&tap->body, gn_str_of(tap->resource));
    gn_buf_putc(&tap->body, '}');
    err = gn_buf_err(&tap->body);
    if (err == GN_OK)
        err = call_api(tap, "POST", CLI_SUBSCRIPTIONS, on_created);
    if (err != GN_OK)
        fail(tap, "cannot subscribe", gn_err_text(err));
}

/* ---- finding the resource ---- */

static bool find_systems(struct tap *tap, struct gn_str body)
{
    json_t *list = NULL;
    bool is_found = false;

    if (gn_json_parse(body, NULL, &list) == GN_OK)
        for (size_t i = 0; i < json_array_size(list) && !is_found; i++) {
            struct gn_str resource = gn_json_str(json_array_get(list, i), "resource");

            is_found = gn_str_has_suffix(resource, GN_STR(SYSTEMS_SUFFIX));
            if (is_found)
                gn_buf_add_str(&tap->found, resource);
        }
    json_decref(list);
    return is_found && gn_buf_err(&tap->found) == GN_OK;
}

static void on_publishers(void *ctx, const struct gn_http_result *result)
{
    struct tap *tap = ctx;

    tap->call = NULL;
    if (tap->is_ending) {
        gn_loop_stop(tap->loop);
        return;
    }
    if (!gn_cli_is_success(result)) {
        if (!try_again(tap, result))
            fail_by(tap, "no answer from the API", result);
        return;
    }
    if (!find_systems(tap, result->body)) {
        fail(tap, "no publisher of Redfish events", "name a resource by --resource");
        return;
    }
    tap->resource = tap->found.data;
    create(tap);
}

static void subscribe(void *ctx)
{
    struct tap *tap = ctx;
    enum gn_err err;

    if (tap->resource != NULL) {
        create(tap);
        return;
    }
    gn_buf_reset(&tap->body);
    err = call_api(tap, "GET", CLI_PUBLISHERS, on_publishers);
    if (err != GN_OK)
        fail(tap, "no answer from the API", gn_err_text(err));
}

void gn_tap_subscribe(struct tap *tap)
{
    tap->api_len = tap->url.len;
    tap->give_up_at_ms = gn_clock_mono_ms() + WAIT_MS;
    gn_timer_init(&tap->again, tap->loop, subscribe, tap);
    gn_timer_start(&tap->again, 0);
}
