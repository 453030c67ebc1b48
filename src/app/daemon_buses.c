/* The AMQP connections from the settings; and who is asked for current states. */
#include <stdlib.h>
#include <string.h>

#include "daemon_priv.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/base/text.h"
#include "gurnard/base/url.h"

#define PASSWORD_MAX 1024

/* What the settings say, taken apart. */
struct reading {
    struct gn_bus_config buses[GN_BUSES_MAX];
    char *texts[GN_BUSES_MAX]; /* owned: what buses' texts point into */
    char *urls[GN_BUSES_MAX];  /* owned: without user information */
    size_t count;
    struct gn_buf user, password;
};

static void reading_fini(struct reading *reading)
{
    for (size_t i = 0; i < GN_BUSES_MAX; i++) {
        free(reading->texts[i]);
        free(reading->urls[i]);
    }
    if (reading->password.data != NULL)
        explicit_bzero(reading->password.data, reading->password.len);
    gn_buf_free(&reading->user);
    gn_buf_free(&reading->password);
}

/* The file's first line weighs more than what a URL says. */
static enum gn_err read_password(const struct gn_settings *settings, struct reading *reading)
{
    const char *path = settings->transport_amqp_password_file;
    enum gn_err err;

    if (settings->transport_amqp_user[0] != '\0')
        gn_buf_puts(&reading->user, settings->transport_amqp_user);
    if (path[0] == '\0')
        return gn_buf_err(&reading->user);
    gn_buf_reset(&reading->password);
    err = gn_file_read(path, PASSWORD_MAX, &reading->password);
    if (err != GN_OK) {
        gn_log_error("bus.bad password_file=%s reason=\"%s\"", path, gn_err_text(err));
        return err;
    }
    while (reading->password.len > 0 &&
           strchr("\r\n", reading->password.data[reading->password.len - 1]) != NULL)
        gn_buf_truncate(&reading->password, reading->password.len - 1);
    return gn_buf_err(&reading->user);
}

/* amqp://user:password@host:port to its parts. */
static enum gn_err take_url(struct reading *reading, struct gn_str text, char **url)
{
    struct gn_buf plain = GN_BUF_INIT;
    struct gn_url parsed;
    struct gn_str password = GN_STR_NONE, user;
    enum gn_err err = gn_url_parse(text, &parsed);

    if (err != GN_OK)
        return GN_EINVAL;
    user = gn_str_cut(parsed.userinfo, ':', &password);
    if (user.len > 0 && reading->user.len == 0)
        err = gn_text_percent_decode(user, &reading->user);
    if (err == GN_OK && password.len > 0 && reading->password.len == 0)
        err = gn_text_percent_decode(password, &reading->password);
    gn_buf_printf(&plain, parsed.is_ipv6 ? "%.*s://[%.*s]:%u" : "%.*s://%.*s:%u",
                  (int)parsed.scheme.len, parsed.scheme.p, (int)parsed.host.len, parsed.host.p,
                  parsed.port);
    if (err == GN_OK)
        err = gn_buf_err(&plain);
    if (err == GN_OK)
        *url = gn_buf_take(&plain);
    gn_buf_free(&plain);
    return err;
}

/* An entry of transport.amqp_more, or transport.host: a URL and prefixes behind it. */
static enum gn_err add_bus(const struct daemon *daemon, struct reading *reading, const char *text)
{
    const struct gn_settings *settings = daemon->settings;
    struct gn_bus_config *bus = &reading->buses[reading->count];
    struct gn_transport_host host;
    struct gn_str left;
    char *rest;
    enum gn_err err;

    if (reading->count == GN_BUSES_MAX)
        return GN_ELIMIT;
    reading->texts[reading->count] = rest = strdup(text);
    if (rest == NULL)
        return GN_ENOMEM;
    left = gn_str_of(strsep(&rest, " "));
    err = gn_transport_host_parse(left, gn_str_of(settings->node_name),
                                  gn_str_of(settings->node_ip), &host);
    if (err == GN_OK && host.kind != GN_TRANSPORT_AMQP)
        err = GN_EINVAL;
    if (err == GN_OK)
        err = take_url(reading, gn_str_of(host.url), &reading->urls[reading->count]);
    gn_transport_host_free(&host);
    if (err != GN_OK)
        return err;
    bus->url = reading->urls[reading->count++];
    for (char *prefix; (prefix = strsep(&rest, " ")) != NULL;)
        if (prefix[0] != '\0') {
            if (bus->prefix_count == GN_BUS_PREFIXES_MAX)
                return GN_ELIMIT;
            bus->prefixes[bus->prefix_count++] = prefix;
        }
    return GN_OK;
}

static enum gn_err read_buses(const struct daemon *daemon, struct reading *reading)
{
    const struct gn_setting_list *more = &daemon->settings->transport_amqp_more;
    enum gn_err err = GN_OK;

    if (daemon->transport_host.kind == GN_TRANSPORT_AMQP)
        err = add_bus(daemon, reading, daemon->settings->transport_host);
    for (size_t i = 0; i < more->count && err == GN_OK; i++)
        err = add_bus(daemon, reading, more->items[i]);
    if (err == GN_EINVAL || err == GN_ELIMIT)
        gn_log_error("bus.bad setting=transport.amqp_more reason=\"%s\"",
                     err == GN_ELIMIT ? "too many connections or prefixes"
                                      : "not amqp://host:port");
    return err == GN_OK ? read_password(daemon->settings, reading) : err;
}

static bool is_yes(const char *choice)
{
    return strcmp(choice, "yes") == 0;
}

static enum gn_err make(struct daemon *daemon, const struct reading *reading,
                        const struct gn_secret *password)
{
    const struct gn_settings *settings = daemon->settings;
    const struct gn_buses_config config = {
        .buses = reading->buses,
        .count = reading->count,
        .container_id = daemon->instance.text,
        .pattern = settings->transport_amqp_pattern,
        .prefix = strcmp(settings->transport_amqp_prefix, "cloudEvents_") == 0
                      ? GN_AMQP_PREFIX_UNDERSCORE
                      : GN_AMQP_PREFIX_COLON,
        .is_native = strcmp(settings->transport_amqp_format, "v1") != 0,
        .mode = strcmp(settings->transport_amqp_format, "structured") == 0 ? GN_CE_STRUCTURED
                                                                           : GN_CE_BINARY,
        .presettled = (const char *const *)settings->transport_amqp_presettled.items,
        .presettled_count = settings->transport_amqp_presettled.count,
        .window = (uint32_t)settings->transport_amqp_window,
        .outcome_ms = (uint32_t)settings->transport_amqp_outcome_timeout,
        .user = reading->user.data == NULL ? "" : reading->user.data,
        .password = password,
        .allow_insecure = is_yes(settings->transport_amqp_insecure_plain),
        .ca_file = settings->transport_amqp_ca_file,
        .cert_file = settings->transport_amqp_cert_file,
        .key_file = settings->transport_amqp_key_file,
        .verify = is_yes(settings->transport_amqp_verify),
        .retry_min_ms = (uint32_t)settings->transport_retry_min,
        .retry_max_ms = (uint32_t)settings->transport_retry_max,
        .max_message_bytes = settings->webhook_max_body,
    };
    const struct gn_buses_parts parts = {
        .loop = daemon->loop,
        .journal = daemon->journal,
        .metrics = daemon->metrics,
        .cne = daemon->cne,
    };

    return gn_buses_new(&config, &parts, &daemon->buses);
}

enum gn_err gn_daemon_build_buses(struct daemon *daemon)
{
    struct reading reading = {.user = GN_BUF_INIT, .password = GN_BUF_INIT};
    struct gn_secret password = {0};
    enum gn_err err = read_buses(daemon, &reading);

    if (err == GN_OK && reading.password.len > 0 &&
        !gn_secret_set(&password, gn_buf_str(&reading.password)))
        err = GN_ENOMEM;
    if (err == GN_OK)
        err = make(daemon, &reading, &password);
    gn_secret_free(&password);
    reading_fini(&reading);
    if (err == GN_OK)
        (void)gn_buses_transports(daemon->buses, daemon->transports + 1, GN_BUSES_MAX);
    return err;
}

/* ---- current states ---- */

/* A question to publishers, by HTTP. */
struct http_question {
    gn_remote_state_fn done;
    void *ctx;
    struct gn_registrar_query *query;
};

static void on_http_answer(void *ctx, const struct gn_registrar_state *state)
{
    struct http_question *question = ctx;
    const struct gn_remote_state told = {.err = state->err, .body = state->body};

    question->done(question->ctx, &told);
    free(question);
}

static enum gn_err ask_publishers(struct daemon *daemon, struct gn_str resource,
                                  gn_remote_state_fn done, void *done_ctx, void **query)
{
    struct http_question *question = calloc(1, sizeof *question);
    enum gn_err err;

    if (question == NULL)
        return GN_ENOMEM;
    question->done = done;
    question->ctx = done_ctx;
    err = gn_registrar_ask(daemon->registrar, resource, on_http_answer, question, &question->query);
    *query = question;
    if (err != GN_OK)
        free(question);
    return err;
}

static bool has_remote(void *ctx)
{
    const struct daemon *daemon = ctx;

    return gn_registrar_has_publishers(daemon->registrar) || gn_buses_has(daemon->buses);
}

/* Publishers are asked where there are any, else the buses. */
static enum gn_err ask_remote(void *ctx, struct gn_str resource, gn_remote_state_fn done,
                              void *done_ctx, void **query)
{
    struct daemon *daemon = ctx;

    return gn_registrar_has_publishers(daemon->registrar)
               ? ask_publishers(daemon, resource, done, done_ctx, query)
               : gn_buses_ask(daemon->buses, resource, done, done_ctx, query);
}

static void forget_remote(void *ctx, void *query)
{
    struct daemon *daemon = ctx;
    struct http_question *question = query;

    if (!gn_registrar_has_publishers(daemon->registrar)) {
        gn_buses_forget(daemon->buses, query);
        return;
    }
    gn_registrar_forget(question->query);
    free(question);
}

struct gn_remote gn_daemon_remote(struct daemon *daemon)
{
    return (struct gn_remote){
        .has = has_remote, .ask = ask_remote, .forget = forget_remote, .ctx = daemon};
}
