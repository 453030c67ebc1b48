/* The connection of the verbs that speak AMQP: where to, as whom, and how it begins and ends. */
#include "amqp_priv.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/file.h"
#include "gurnard/base/id.h"
#include "gurnard/base/text.h"
#include "gurnard/base/url.h"

#define PASSWORD_MAX    1024
#define IDLE_MS         30000U
#define FRAME_BYTES     65536U
#define RETRY_MIN_MS    200U
#define RETRY_MAX_MS    5000U
#define DENIED_MS       60000U /* beyond all patience: a second try may lock the account */
#define STOP_TURN_MS    20U
#define CONTAINER_BYTES 64

const struct gn_json_limits gn_cli_amqp_limits = {.max_bytes = CLI_AMQP_MESSAGE_BYTES,
                                                  .max_depth = GN_JSON_DEPTH_MAX,
                                                  .max_tokens = 1U << 20};

/* ---- options ---- */

bool gn_cli_amqp_take(struct cli_amqp_options *options, int letter)
{
    switch (letter) {
    case 'A':
        options->url = optarg;
        return true;
    case 'U':
        options->user = optarg;
        return true;
    case 'P':
        options->password_file = optarg;
        return true;
    case 'C':
        options->ca_file = optarg;
        return true;
    case 'V':
        options->skips_verify = true;
        return true;
    case 'I':
        options->allows_insecure = true;
        return true;
    default:
        return false;
    }
}

static bool complain_usage(struct cli_amqp *conn, const char *text, const char *what)
{
    gn_cli_complain(conn->verb, "%s: %s", text, what);
    conn->exit_code = CLI_EXIT_USAGE;
    return false;
}

/* Takes amqp://[user[:password]@]host[:port] apart. */
static bool read_url(struct cli_amqp *conn, const char *text, struct gn_buf *password)
{
    struct gn_url url;
    struct gn_str secret = GN_STR_NONE, user;
    enum gn_err err = gn_url_parse(gn_str_of(text), &url);

    if (err == GN_OK) {
        conn->use_tls = gn_str_eq_nocase(url.scheme, GN_STR("amqps"));
        if (!conn->use_tls && !gn_str_eq_nocase(url.scheme, GN_STR("amqp")))
            err = GN_EINVAL;
    }
    if (err == GN_OK && (url.path.len > 1 || url.query.p != NULL))
        err = GN_EINVAL; /* an address stands behind the URL, not in it */
    if (err != GN_OK)
        return complain_usage(conn, "--amqp", "must be an URL like amqp://host:port");
    user = gn_str_cut(url.userinfo, ':', &secret);
    if (user.len > 0)
        err = gn_text_percent_decode(user, &conn->user);
    if (err == GN_OK && secret.len > 0)
        err = gn_text_percent_decode(secret, password);
    if (err != GN_OK)
        return complain_usage(conn, "--amqp", "the user's name in it cannot be read");
    conn->port = url.port;
    conn->host = gn_str_dup(url.host);
    if (conn->host != NULL)
        return true;
    gn_cli_amqp_fail(conn, "%s", gn_err_text(GN_ENOMEM));
    return false;
}

static bool read_password_file(struct cli_amqp *conn, const char *path, struct gn_buf *password)
{
    enum gn_err err = gn_file_read(path, PASSWORD_MAX, password);

    if (err != GN_OK) {
        gn_cli_amqp_fail(conn, "%s: %s", path, gn_err_text(err));
        return false;
    }
    while (password->len > 0 && strchr("\r\n", password->data[password->len - 1]) != NULL)
        gn_buf_truncate(password, password->len - 1);
    return true;
}

static bool read_options(struct cli_amqp *conn, const struct cli_amqp_options *options)
{
    struct gn_buf password = gn_buf_with_limit(PASSWORD_MAX);
    bool is_read = read_url(conn, options->url, &password);

    if (is_read && options->user != NULL) {
        gn_buf_reset(&conn->user);
        gn_buf_puts(&conn->user, options->user);
    }
    if (is_read && options->password_file != NULL)
        is_read = read_password_file(conn, options->password_file, &password);
    if (is_read && conn->user.len == 0 && password.len > 0)
        is_read = complain_usage(conn, "--password-file", "needs a user");
    if (is_read && conn->user.len > 0 && !conn->use_tls && !options->allows_insecure)
        is_read = complain_usage(conn, options->url,
                                 "a password goes out without TLS only with --insecure-plain");
    if (is_read && password.len > 0 && !gn_secret_set(&conn->password, gn_buf_str(&password))) {
        gn_cli_amqp_fail(conn, "%s", gn_err_text(GN_ENOMEM));
        is_read = false;
    }
    if (password.data != NULL)
        explicit_bzero(password.data, password.len);
    gn_buf_free(&password);
    return is_read;
}

/* ---- life ---- */

static void on_state(void *ctx, bool is_up, const char *reason)
{
    struct cli_amqp *conn = ctx;

    (void)reason; /* the connection has logged it */
    if (is_up && !conn->is_ending && conn->on_up != NULL)
        conn->on_up(conn->ctx);
}

static void on_signal(void *ctx)
{
    gn_cli_amqp_end(ctx);
}

static enum gn_err make_loop(struct cli_amqp *conn)
{
    enum gn_err err;

    conn->loop = gn_loop_new(NULL);
    if (conn->loop == NULL)
        return GN_ENOMEM;
    err = gn_signal_watch(conn->loop, SIGINT, on_signal, conn);
    if (err == GN_OK)
        err = gn_signal_watch(conn->loop, SIGTERM, on_signal, conn);
    if (err != GN_OK)
        return err;
    conn->resolver = gn_resolver_new(conn->loop);
    return conn->resolver == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err connect_to(struct cli_amqp *conn, const struct cli_amqp_options *options)
{
    char container[CONTAINER_BYTES];
    const bool has_user = conn->user.len > 0;
    const struct gn_amqp_config config = {
        .name = conn->verb,
        .host = conn->host,
        .port = conn->port,
        .container_id = container,
        .sasl = has_user ? GN_AMQP_SASL_PLAIN : GN_AMQP_SASL_ANONYMOUS,
        .user = has_user ? conn->user.data : NULL,
        .password = has_user ? &conn->password : NULL,
        .allow_insecure = options->allows_insecure,
        .use_tls = conn->use_tls,
        .ca_file = options->ca_file,
        .verify = !options->skips_verify,
        .idle_timeout_ms = IDLE_MS,
        .max_frame_bytes = FRAME_BYTES,
        .connect_timeout_ms = CLI_AMQP_WAIT_MS,
        .retry_min_ms = RETRY_MIN_MS,
        .retry_max_ms = RETRY_MAX_MS,
        .denied_ms = DENIED_MS,
        .on_state = on_state,
        .ctx = conn,
    };

    (void)snprintf(container, sizeof container, "gurnard-%s-%s", conn->verb, gn_id_random().text);
    conn->amqp = gn_amqp_new(conn->loop, conn->resolver, &config);
    if (conn->amqp == NULL)
        return GN_ENOMEM;
    gn_amqp_start(conn->amqp);
    return GN_OK;
}

bool gn_cli_amqp_open(struct cli_amqp *conn, const struct cli_amqp_options *options)
{
    struct gn_amqp_status status;
    enum gn_err err;

    conn->user = GN_BUF_INIT;
    if (!read_options(conn, options))
        return false;
    err = make_loop(conn);
    if (err == GN_OK)
        err = connect_to(conn, options);
    if (err != GN_OK) {
        gn_cli_amqp_fail(conn, "%s", gn_err_text(err));
        return false;
    }
    gn_amqp_status(conn->amqp, &status);
    if (status.last_error[0] != '\0')
        gn_cli_amqp_fail_unconnected(conn); /* it was not even begun */
    return conn->exit_code == 0;
}

void gn_cli_amqp_end(struct cli_amqp *conn)
{
    conn->is_ending = true;
    if (conn->loop != NULL)
        gn_loop_stop(conn->loop);
}

void gn_cli_amqp_fail(struct cli_amqp *conn, const char *format, ...)
{
    struct gn_buf text = gn_buf_with_limit(1024);
    va_list args;

    va_start(args, format);
    gn_buf_vprintf(&text, format, args);
    va_end(args);
    gn_cli_complain(conn->verb, "%s", gn_buf_err(&text) == GN_OK ? text.data : format);
    gn_buf_free(&text);
    conn->exit_code = CLI_EXIT_FAILED;
    gn_cli_amqp_end(conn);
}

void gn_cli_amqp_fail_unconnected(struct cli_amqp *conn)
{
    struct gn_amqp_status status;

    gn_amqp_status(conn->amqp, &status);
    gn_cli_amqp_fail(conn, "no connection to %s:%u: %s", conn->host, conn->port,
                     status.last_error[0] != '\0' ? status.last_error : "no answer");
}

void gn_cli_amqp_stop(struct cli_amqp *conn)
{
    conn->is_ending = true;
    if (conn->amqp == NULL)
        return;
    gn_amqp_stop(conn->amqp);
    while (!gn_amqp_is_stopped(conn->amqp) && gn_loop_turn(conn->loop, STOP_TURN_MS) == GN_OK)
        ;
}

void gn_cli_amqp_close(struct cli_amqp *conn)
{
    gn_amqp_free(conn->amqp);
    gn_resolver_free(conn->resolver);
    if (conn->loop != NULL)
        gn_loop_free(conn->loop);
    gn_secret_free(&conn->password);
    gn_buf_free(&conn->user);
    free(conn->host);
}
