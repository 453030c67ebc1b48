/* Credentials of a BMC: Basic or a session, the log-in that several requests wait for, and the
 * lockout that keeps us from locking an account. Nothing here is logged but the link's name. */
#include "client_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"
#include "gurnard/redfish/event_service.h"

#define SESSIONS_DEFAULT "/redfish/v1/SessionService/Sessions"
#define RENEWALS_MAX     2 /* times that a call goes on with credentials newer than its own */
#define LINE_ROOM        64
#define ESCAPED_MAX      6 /* bytes that one byte may take in a JSON string */

static enum gn_bmc_scheme scheme_of(const struct gn_bmc_link *link)
{
    if (link->auth == GN_BMC_AUTH_NONE || link->user.len == 0)
        return GN_BMC_BY_NOTHING;
    if (link->auth == GN_BMC_AUTH_SESSION)
        return GN_BMC_BY_SESSION;
    if (link->auth == GN_BMC_AUTH_AUTO && link->sessions != NULL && !link->has_refused_sessions)
        return GN_BMC_BY_SESSION;
    return GN_BMC_BY_BASIC;
}

bool gn_bmc_auth_wants(const struct gn_bmc_call *call)
{
    if (call->is_anonymous || call->kind == GN_BMC_LOGIN || call->kind == GN_BMC_LOGOUT)
        return false;
    return scheme_of(call->link) != GN_BMC_BY_NOTHING;
}

/* ---- headers ---- */

static void wipe(struct gn_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->cap);
    gn_buf_free(buf);
}

size_t gn_bmc_auth_room(const struct gn_bmc_call *call)
{
    const struct gn_bmc_link *link = call->link;
    size_t plain = link->user.len + link->password.len + 1;

    return LINE_ROOM + call->token.len + link->token.len + (plain + 2) / 3 * 4;
}

static enum gn_err add_basic(const struct gn_bmc_link *link, struct gn_buf *out)
{
    struct gn_buf plain = GN_BUF_INIT;
    enum gn_err err;

    gn_buf_reserve(&plain, link->user.len + link->password.len + 1); /* so that it never moves */
    gn_buf_add_str(&plain, gn_secret_str(&link->user));
    gn_buf_putc(&plain, ':');
    gn_buf_add_str(&plain, gn_secret_str(&link->password));
    gn_buf_puts(out, "Authorization: Basic ");
    gn_text_add_base64(out, gn_buf_str(&plain));
    err = gn_buf_err(&plain) != GN_OK ? gn_buf_err(&plain) : gn_buf_err(out);
    wipe(&plain);
    return err;
}

static enum gn_err add_token(const struct gn_secret *token, struct gn_buf *out)
{
    gn_buf_puts(out, "X-Auth-Token: ");
    gn_buf_add_str(out, gn_secret_str(token));
    return gn_buf_err(out);
}

enum gn_err gn_bmc_auth_add(const struct gn_bmc_call *call, struct gn_buf *out)
{
    const struct gn_bmc_link *link = call->link;

    if (call->kind == GN_BMC_LOGOUT)
        return add_token(&call->token, out);
    if (!gn_bmc_auth_wants(call))
        return GN_OK;
    return scheme_of(link) == GN_BMC_BY_SESSION ? add_token(&link->token, out)
                                                : add_basic(link, out);
}

/* ---- lockout ---- */

/* Ends what waits for a log-in that has failed. */
static void fail_waiting(struct gn_bmc_link *link, enum gn_bmc_end end, int status,
                         const char *reason)
{
    struct gn_bmc_call *call;
    struct gn_bmc_call *next;

    for (call = TAILQ_FIRST(&link->ready); call != NULL; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (gn_bmc_auth_wants(call))
            gn_bmc_call_fail_later(call, end, status, reason);
    }
}

static void fail_all(struct gn_bmc_calls *calls, bool paused_only)
{
    struct gn_bmc_call *call;
    struct gn_bmc_call *next;

    for (call = TAILQ_FIRST(calls); call != NULL; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (!paused_only || call->state == GN_BMC_CALL_PAUSED)
            gn_bmc_call_fail_later(call, GN_BMC_END_LOCKED, 0, GN_BMC_REASON_LOCKED);
    }
}

static void lock_out(struct gn_bmc_link *link)
{
    struct gn_bmc_client *client = link->client;

    if (gn_bmc_link_is_locked(link))
        return; /* by another request that was under way with the same credentials */
    gn_log_warn("bmc.locked_out bmc=%s for_ms=%llu reason=\"credentials refused\"", link->name,
                (unsigned long long)link->lockout_ms);
    link->locked_until_ms = gn_loop_now_ms(client->loop) + link->lockout_ms;
    link->lockout_ms *= 2;
    if (link->lockout_ms > GN_BMC_LOCKOUT_MAX_MS)
        link->lockout_ms = GN_BMC_LOCKOUT_MAX_MS;
    if (link->login != NULL)
        gn_bmc_call_drop(link->login);
    link->login = NULL;
    fail_all(&link->queue, false);
    fail_all(&link->ready, false);
    fail_all(&link->away, true);
}

/* ---- log-out ---- */

static void on_forgotten(void *ctx, const struct gn_bmc_answer *answer)
{
    (void)ctx;
    (void)answer; /* a session that stays ends by the BMC's timeout */
}

/* Sends the DELETE of the present session, which the link forgets. false: there is none that could
 * be deleted, or no memory. */
static bool send_logout(struct gn_bmc_link *link, gn_bmc_answer_fn done)
{
    struct gn_bmc_call *call;

    if (link->token.len == 0 || link->session == NULL || gn_bmc_link_is_locked(link))
        return false;
    call = gn_bmc_call_new(link, GN_BMC_LOGOUT, "DELETE", link->session);
    if (call == NULL)
        return false;
    call->is_anonymous = true;
    call->token = link->token;
    link->token = (struct gn_secret){0};
    call->timeout_ms = GN_BMC_LOGOUT_MS;
    call->done = done;
    call->ctx = link;
    gn_bmc_call_move(call, GN_BMC_CALL_READY);
    return true;
}

/* Forgets session and proof; with_logout: tells the BMC. */
static void forget(struct gn_bmc_link *link, bool with_logout)
{
    if (with_logout)
        (void)send_logout(link, on_forgotten); /* see there */
    gn_secret_free(&link->token);
    free(link->session);
    link->session = NULL;
    link->is_proven = false;
    link->epoch++;
}

static void on_logout_news(void *ctx)
{
    struct gn_bmc_link *link = ctx;

    if (link->logout_done != NULL)
        link->logout_done(link->logout_ctx); /* link may be gone */
}

static void on_logged_out(void *ctx, const struct gn_bmc_answer *answer)
{
    (void)answer; /* see on_forgotten() */
    on_logout_news(ctx);
}

void gn_bmc_auth_close(struct gn_bmc_link *link)
{
    if (!link->is_closing || link->has_closed || link->begun > 0 || link->login != NULL ||
        !TAILQ_EMPTY(&link->queue))
        return;
    link->has_closed = true;
    if (!send_logout(link, on_logged_out))
        gn_defer_call(link->client->loop, &link->logout_news, on_logout_news, link);
}

/* ---- log-in ---- */

static bool keep_session(struct gn_bmc_link *link, const struct gn_bmc_answer *answer)
{
    char uri[GN_SERVICE_URI_MAX];

    if (!gn_bmc_is_done(answer) || link->login->token.len == 0)
        return false;
    gn_secret_free(&link->token);
    link->token = link->login->token;
    link->login->token = (struct gn_secret){0};
    free(link->session);
    link->session = NULL;
    if (answer->location[0] != '\0')
        link->session = strdup(answer->location);
    else if (gn_service_uri(gn_json_str(answer->body, "@odata.id"), uri))
        link->session = strdup(uri);
    gn_log_info("bmc.logged_in bmc=%s", link->name);
    return true;
}

static bool is_transient(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

/* What a BMC says of a log-in may repeat the password: it is neither logged nor passed on. */
static void on_login(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc_link *link = ctx;
    const bool is_kept = keep_session(link, answer);
    char reason[GN_BMC_REASON_MAX];

    link->login = NULL;
    gn_bmc_client_wake(link);
    if (is_kept)
        return;
    if (answer->end != GN_BMC_END_ANSWER && answer->end != GN_BMC_END_AUTH) {
        (void)snprintf(reason, sizeof(reason), "log-in: %s", answer->reason); /* cut if longer */
        fail_waiting(link, answer->end, answer->status, reason);
        return;
    }
    if (answer->end == GN_BMC_END_ANSWER && link->auth == GN_BMC_AUTH_AUTO) {
        gn_log_info("bmc.session_refused bmc=%s status=%d instead=basic", link->name,
                    answer->status);
        link->has_refused_sessions = true;
        return;
    }
    (void)snprintf(reason, sizeof(reason), "the log-in was answered by HTTP %d%s", answer->status,
                   gn_bmc_is_done(answer) ? " without a token" : ""); /* always fits */
    if (is_transient(answer->status)) {
        fail_waiting(link, GN_BMC_END_ANSWER, answer->status, reason);
        return;
    }
    fail_waiting(link, GN_BMC_END_AUTH, answer->status, reason);
    lock_out(link);
}

static bool write_login(struct gn_bmc_link *link, struct gn_bmc_call *call)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_reserve(&body, LINE_ROOM + ESCAPED_MAX * (link->user.len + link->password.len));
    gn_buf_puts(&body, "{\"UserName\":");
    gn_text_add_json(&body, gn_secret_str(&link->user));
    gn_buf_puts(&body, ",\"Password\":");
    gn_text_add_json(&body, gn_secret_str(&link->password));
    gn_buf_putc(&body, '}');
    call->body_len = body.len;
    call->body = gn_buf_take(&body);
    return call->body != NULL;
}

static bool start_login(struct gn_bmc_link *link)
{
    const char *uri = link->sessions != NULL ? link->sessions : SESSIONS_DEFAULT;
    struct gn_bmc_call *call = gn_bmc_call_new(link, GN_BMC_LOGIN, "POST", uri);

    if (call == NULL)
        return false;
    if (!write_login(link, call)) {
        gn_bmc_call_free(call);
        return false;
    }
    call->is_anonymous = true;
    call->done = on_login;
    call->ctx = link;
    link->login = call;
    gn_bmc_call_move(call, GN_BMC_CALL_READY);
    return true;
}

/* ---- what calls ask ---- */

bool gn_bmc_auth_is_ready(struct gn_bmc_call *call)
{
    struct gn_bmc_link *link = call->link;

    if (!gn_bmc_auth_wants(call))
        return true;
    if (scheme_of(link) == GN_BMC_BY_BASIC)
        return link->is_proven || link->trying == 0;
    if (link->token.len > 0)
        return true;
    if (link->login == NULL && !start_login(link))
        gn_bmc_call_fail_later(call, GN_BMC_END_NOMEM, 0, GN_BMC_REASON_NOMEM);
    return false;
}

void gn_bmc_auth_accepted(struct gn_bmc_call *call)
{
    struct gn_bmc_link *link = call->link;

    if (!call->has_credentials || call->epoch != link->epoch)
        return;
    link->is_proven = true;
    link->lockout_ms = link->client->config.lockout_ms;
}

void gn_bmc_auth_refused(struct gn_bmc_call *call)
{
    struct gn_bmc_link *link = call->link;
    const bool is_stale = call->epoch != link->epoch;
    bool goes_on;

    if (!call->has_credentials) {
        gn_bmc_call_fail(call, GN_BMC_END_AUTH, 401, "HTTP 401 to a request without credentials");
        return;
    }
    if (is_stale)
        goes_on = call->renewals < RENEWALS_MAX;
    else
        goes_on = call->renewals == 0 && (scheme_of(link) == GN_BMC_BY_SESSION || link->is_proven);
    if (goes_on) {
        if (!is_stale)
            forget(link, false);
        call->renewals++;
        gn_bmc_call_go_on(call);
        return;
    }
    if (!is_stale)
        lock_out(link);
    gn_bmc_call_fail(call, GN_BMC_END_AUTH, 401, "HTTP 401: the credentials were refused");
}

/* ---- public ---- */

static bool is_same(const struct gn_secret *secret, struct gn_str value)
{
    return value.len == 0 ? secret->len == 0 : gn_secret_eq(secret, value);
}

enum gn_err gn_bmc_link_credentials(struct gn_bmc_link *link, struct gn_str user,
                                    struct gn_str password)
{
    struct gn_secret new_user = {0};
    struct gn_secret new_password = {0};

    if (is_same(&link->user, user) && is_same(&link->password, password))
        return GN_OK;
    if (!gn_secret_set(&new_user, user) || !gn_secret_set(&new_password, password)) {
        gn_secret_free(&new_user);
        gn_secret_free(&new_password);
        return GN_ENOMEM;
    }
    forget(link, true);
    if (link->login != NULL)
        gn_bmc_call_drop(link->login); /* with the old ones; who waits for it gets another */
    link->login = NULL;
    gn_secret_free(&link->user);
    gn_secret_free(&link->password);
    link->user = new_user;
    link->password = new_password;
    link->has_refused_sessions = false;
    link->locked_until_ms = 0;
    link->lockout_ms = link->client->config.lockout_ms;
    gn_bmc_client_wake(link);
    return GN_OK;
}

void gn_bmc_link_sessions_at(struct gn_bmc_link *link, const char *uri)
{
    if (uri[0] != '/' || (link->sessions != NULL && strcmp(link->sessions, uri) == 0))
        return;
    free(link->sessions);
    link->sessions = strdup(uri); /* NULL: as if it had not been told */
    link->has_refused_sessions = false;
    gn_bmc_client_wake(link);
}

void gn_bmc_link_logout(struct gn_bmc_link *link, gn_defer_fn done, void *ctx)
{
    GN_ASSERT(!link->is_closing);
    link->is_closing = true;
    link->logout_done = done;
    link->logout_ctx = ctx;
    gn_bmc_client_wake(link);
}
