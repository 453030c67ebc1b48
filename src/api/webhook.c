/* What BMCs talk to. */
#define HASH_NONFATAL_OOM 1 /* a token without memory is reported; the daemon goes on */
#include "gurnard/api/webhook.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/log.h"
#include "gurnard/base/secret.h"
#include "durable_priv.h"
#include "hold_priv.h"

#define RETRY_AFTER_S "5" /* asked for with 503: a BMC's own pause is longer as a rule */

struct token {
    char *name;
    struct gn_secret secret;
    UT_hash_handle hh;
};

struct gn_webhook {
    struct gn_relay *relay;
    struct gn_bmcs *bmcs; /* NULL: there is no inventory */
    bool require_token;
    bool reject_unreadable;
    bool is_stopped;
    struct token *tokens;      /* by name */
    struct gn_durable durable; /* who waits for the journal */
    struct gn_hold hold;       /* who waits for a registry */
    struct gn_metric *unstored;
    struct gn_metric *unauthorized;
    struct gn_metric *loops;
    struct gn_log_limit unauthorized_limit;
    struct gn_log_limit loop_limit;
};

static void free_tokens(struct token **tokens)
{
    struct token *token;
    struct token *next;

    HASH_ITER (hh, *tokens, token, next) {
        HASH_DEL(*tokens, token);
        gn_secret_free(&token->secret);
        free(token->name);
        free(token);
    }
}

static enum gn_err add_token(struct token **tokens, const struct gn_webhook_token *from)
{
    struct gn_str name = gn_str_of(from->name);
    struct token *token;

    HASH_FIND(hh, *tokens, name.p, name.len, token);
    if (token == NULL) {
        token = calloc(1, sizeof *token);
        if (token == NULL)
            return GN_ENOMEM;
        token->name = gn_str_dup(name);
        if (token->name != NULL)
            HASH_ADD_KEYPTR(hh, *tokens, token->name, name.len, token);
        if (token->name == NULL || token->hh.tbl == NULL) {
            free(token->name);
            free(token);
            return GN_ENOMEM;
        }
    }
    gn_secret_free(&token->secret);
    return gn_secret_set(&token->secret, gn_str_of(from->token)) ? GN_OK : GN_ENOMEM;
}

enum gn_err gn_webhook_set_tokens(struct gn_webhook *webhook, const struct gn_webhook_token *tokens,
                                  size_t count)
{
    struct token *fresh = NULL;
    enum gn_err err = GN_OK;

    for (size_t i = 0; i < count && err == GN_OK; i++)
        err = add_token(&fresh, &tokens[i]);
    if (err != GN_OK) {
        free_tokens(&fresh);
        return err;
    }
    free_tokens(&webhook->tokens);
    webhook->tokens = fresh;
    return GN_OK;
}

/* ---- answers ---- */

static void answer_taken(struct gn_http_request *request)
{
    const struct gn_http_reply reply = {.status = 200,
                                        .content_type = "application/json",
                                        .body = GN_STR("{}"),
                                        .body_is_static = true};

    gn_http_reply(request, &reply);
}

static void answer_later(struct gn_http_request *request)
{
    static const char *const headers[] = {"Retry-After", RETRY_AFTER_S, NULL};
    const struct gn_http_reply reply = {.status = 503,
                                        .content_type = "application/json",
                                        .body = GN_STR("{}"),
                                        .body_is_static = true,
                                        .headers = headers};

    gn_http_reply(request, &reply);
}

/* When the journal has the event, or did not get it: the BMC's repeat will be recognised then. */
static void answer_event(void *ctx, struct gn_http_request *request, bool is_durable)
{
    struct gn_webhook *webhook = ctx;

    if (is_durable) {
        answer_taken(request);
        return;
    }
    gn_metric_add(webhook->unstored, 1);
    answer_later(request);
}

static void answer_intake(struct gn_webhook *webhook, struct gn_http_request *request,
                          enum gn_intake outcome)
{
    switch (outcome) {
    case GN_INTAKE_STORED:
    case GN_INTAKE_REPEATED: /* the first may not be on disk either */
    case GN_INTAKE_UNPARSED:
        gn_durable_answer(&webhook->durable, request);
        return;
    case GN_INTAKE_NOT_JSON:
        if (webhook->reject_unreadable)
            gn_reply_error(request, 400, GN_STR("not JSON"));
        else
            answer_taken(request);
        return;
    case GN_INTAKE_FULL:
        break;
    }
    answer_later(request);
}

static void on_released(void *ctx, struct gn_http_request *request, struct gn_str name);

/* ---- life ---- */

struct gn_webhook *gn_webhook_new(const struct gn_webhook_config *config, struct gn_relay *relay,
                                  struct gn_journal *journal, struct gn_metrics *metrics)
{
    struct gn_webhook *webhook = calloc(1, sizeof *webhook);

    if (webhook == NULL)
        return NULL;
    webhook->relay = relay;
    gn_durable_init(&webhook->durable, journal, answer_event, webhook);
    if (config->registry_wait_ms > 0)
        gn_hold_init(&webhook->hold, config->loop, config->registry_wait_ms, on_released, webhook);
    webhook->require_token = config->require_token;
    webhook->reject_unreadable = config->reject_unreadable;
    webhook->unauthorized = gn_metrics_counter(metrics, "gurnard_webhook_unauthorized_total", NULL,
                                               "POSTs to the webhook without the right token.");
    webhook->loops = gn_metrics_counter(metrics, "gurnard_webhook_loops_total", NULL,
                                        "POSTs to the webhook that came from a gurnardd.");
    webhook->unstored =
        gn_metrics_counter(metrics, "gurnard_webhook_unstored_total", NULL,
                           "Events answered 503 because the journal did not have them in time.");
    if (gn_webhook_set_tokens(webhook, config->tokens, config->token_count) != GN_OK) {
        gn_hold_fini(&webhook->hold);
        free(webhook);
        return NULL;
    }
    return webhook;
}

void gn_webhook_stop(struct gn_webhook *webhook)
{
    webhook->is_stopped = true;
    gn_hold_fini(&webhook->hold);
    gn_durable_stop(&webhook->durable);
}

void gn_webhook_free(struct gn_webhook *webhook)
{
    if (webhook == NULL)
        return;
    gn_hold_fini(&webhook->hold);
    free_tokens(&webhook->tokens);
    free(webhook);
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and the bytes of marks, 1 to max of them. */
static bool consists_of(struct gn_str text, const char *marks, size_t max)
{
    if (text.len == 0 || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_alnum(text.p[i]) && memchr(marks, text.p[i], strlen(marks)) == NULL)
            return false;
    return true;
}

bool gn_webhook_is_name(struct gn_str text)
{
    return consists_of(text, "._-:", GN_WEBHOOK_NAME_MAX);
}

bool gn_webhook_is_token(struct gn_str text)
{
    return consists_of(text, "-._~!$&'()*+,;=:@", GN_WEBHOOK_TOKEN_MAX); /* RFC 3986, pchar */
}

/* Splits what is behind "/webhook". false: no such path. */
static bool parse_path(struct gn_str rest, struct gn_str *name, struct gn_str *token)
{
    *name = GN_STR_NONE;
    *token = GN_STR_NONE;
    if (rest.len == 0)
        return true;
    if (rest.p[0] != '/')
        return false;
    rest.p++;
    rest.len--;
    *name = gn_str_cut(rest, '/', token);
    if (name->len == 0) {
        *name = GN_STR_NONE;
        return token->len == 0;
    }
    return gn_webhook_is_name(*name) &&
           (token->len == 0 || memchr(token->p, '/', token->len) == NULL);
}

static bool is_authorized(struct gn_webhook *webhook, struct gn_str name, struct gn_str given)
{
    struct gn_str made = webhook->bmcs != NULL ? gn_bmcs_token(webhook->bmcs, name) : GN_STR_NONE;
    const struct token *token = NULL;

    if (name.p != NULL)
        HASH_FIND(hh, webhook->tokens, name.p, name.len, token);
    if (token != NULL && gn_secret_eq(&token->secret, given))
        return true;
    if (made.len > 0)
        return gn_secret_text_eq(made, given);
    return token == NULL && !webhook->require_token;
}

void gn_webhook_watch(struct gn_webhook *webhook, struct gn_bmcs *bmcs)
{
    webhook->bmcs = bmcs;
}

/* The CloudEvents webhook handshake: consent to whoever asks, at any rate. */
static void answer_options(struct gn_http_request *request)
{
    static const char *const consent[] = {
        "Allow", "GET, HEAD, POST, PUT, OPTIONS", "WebHook-Allowed-Origin",
        "*",     "WebHook-Allowed-Rate",          "*",
        NULL};
    static const char *const plain[] = {"Allow", "GET, HEAD, POST, PUT, OPTIONS", NULL};
    bool is_asked = gn_http_header(request, "WebHook-Request-Origin").p != NULL;
    const struct gn_http_reply reply = {.status = 200, .headers = is_asked ? consent : plain};

    gn_http_reply(request, &reply);
}

/* Whether a gurnardd sent this: a delivery, or the probe of a new record's endpoint. */
static bool is_from_gurnardd(const struct gn_http_request *request)
{
    return gn_http_header(request, "Gurnard-Event-Id").p != NULL ||
           gn_http_header(request, "Gurnard-Probe").p != NULL;
}

/* Taken, a delivery would be wrapped as JSON without an event and sent to all subscribers again,
 * this webhook among them: with a few such subscriptions a handful of rounds are millions. */
static void refuse_loop(struct gn_webhook *webhook, struct gn_http_request *request)
{
    struct gn_str peer = gn_http_peer(request);
    uint64_t held;

    gn_metric_add(webhook->loops, 1);
    if (gn_log_allow(&webhook->loop_limit, gn_http_arrived_us(request) / 1000, &held))
        gn_log_warn("webhook.loop peer=%.*s held=%ju", (int)peer.len, peer.p, (uintmax_t)held);
    gn_reply_error(request, 508, GN_STR("this is a webhook of gurnardd, no consumer"));
}

static void take_event(struct gn_webhook *webhook, struct gn_http_request *request,
                       struct gn_str name, bool is_known)
{
    const struct gn_relay_source source = {.name = name,
                                           .peer = gn_http_peer(request),
                                           .is_known = is_known};
    enum gn_intake outcome = gn_relay_redfish(webhook->relay, &source, gn_http_body(request));

    if (is_known && outcome == GN_INTAKE_FULL)
        gn_bmcs_on_refused(webhook->bmcs, name);
    answer_intake(webhook, request, outcome);
}

/* It has waited long enough, or its registry is there. */
static void on_released(void *ctx, struct gn_http_request *request, struct gn_str name)
{
    struct gn_webhook *webhook = ctx;

    if (webhook->is_stopped)
        answer_later(request);
    else
        take_event(webhook, request, name,
                   webhook->bmcs != NULL && gn_bmcs_has(webhook->bmcs, name));
}

/* Whether the event is held: its registry is on its way, or one before it waits. */
static bool is_held(struct gn_webhook *webhook, struct gn_http_request *request, struct gn_str name)
{
    if (webhook->hold.wait_ms == 0)
        return false;
    if (!gn_hold_has(&webhook->hold, name) &&
        (!gn_relay_lacks_text(webhook->relay, name, gn_http_body(request)) ||
         !gn_bmcs_is_fetching(webhook->bmcs, name)))
        return false;
    return gn_hold_put(&webhook->hold, request, name);
}

static void take_known(struct gn_webhook *webhook, struct gn_http_request *request,
                       struct gn_str name)
{
    if (gn_bmcs_on_push(webhook->bmcs, name, gn_http_body(request)))
        answer_taken(request); /* its test event, or a heartbeat */
    else if (!is_held(webhook, request, name))
        take_event(webhook, request, name, true);
}

void gn_webhook_registries_came(struct gn_webhook *webhook)
{
    if (webhook->hold.wait_ms > 0)
        gn_hold_release(&webhook->hold);
}

static void take_post(struct gn_webhook *webhook, struct gn_http_request *request,
                      struct gn_str name)
{
    struct gn_str body = gn_http_body(request);

    if (is_from_gurnardd(request))
        refuse_loop(webhook, request);
    else if (body.len == 0)
        answer_taken(request); /* a probe */
    else if (webhook->is_stopped)
        answer_later(request);
    else if (webhook->bmcs != NULL && gn_bmcs_has(webhook->bmcs, name))
        take_known(webhook, request, name);
    else
        take_event(webhook, request, name, false);
}

static void refuse(struct gn_webhook *webhook, struct gn_http_request *request)
{
    uint64_t held;

    gn_metric_add(webhook->unauthorized, 1);
    if (gn_log_allow(&webhook->unauthorized_limit, gn_http_arrived_us(request) / 1000, &held))
        gn_log_warn("webhook.unauthorized peer=%.*s held=%ju", (int)gn_http_peer(request).len,
                    gn_http_peer(request).p, (uintmax_t)held);
    gn_reply_empty(request, 401);
}

/* hw-event-proxy's own acknowledgement sink: 200 for a body, 204 without. */
static void answer_ack(struct gn_http_request *request)
{
    gn_reply_empty(request, gn_http_body(request).len > 0 ? 200 : 204);
}

void gn_webhook_on_request(void *ctx, struct gn_http_request *request)
{
    struct gn_webhook *webhook = ctx;
    struct gn_str path = gn_http_path(request);
    struct gn_str method = gn_http_method(request);
    struct gn_str root = GN_STR("/webhook");
    struct gn_str name;
    struct gn_str token;

    if (gn_str_eq(path, GN_STR("/ack/event"))) {
        answer_ack(request);
    } else if (!gn_str_has_prefix(path, root) ||
               !parse_path((struct gn_str){path.p + root.len, path.len - root.len}, &name,
                           &token)) {
        gn_reply_not_found(request);
    } else if (!is_authorized(webhook, name, token)) {
        refuse(webhook, request);
    } else if (gn_str_eq(method, GN_STR("POST")) || gn_str_eq(method, GN_STR("PUT"))) {
        take_post(webhook, request, name);
    } else if (gn_str_eq(method, GN_STR("GET")) || gn_str_eq(method, GN_STR("HEAD"))) {
        answer_taken(request);
    } else if (gn_str_eq(method, GN_STR("OPTIONS"))) {
        answer_options(request);
    } else {
        gn_reply_bad_method(request);
    }
}
