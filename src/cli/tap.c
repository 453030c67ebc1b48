/* gurnard tap: a subscriber for people. Subscribes an HTTP server of its own, prints what is
 * delivered to it, and unsubscribes when it ends. The way to and from the API is in tap_api.c; the
 * tap of an AMQP address is in amqp_tap.c. */
#include "gurnard/cli/cli.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/json_scan.h"
#include "gurnard/cli/show.h"
#include "gurnard/net/listen.h"
#include "tap_priv.h"

#define CONNECTIONS_MAX 64U
#define BODY_MAX        ((size_t)16 << 20)
#define IDLE_MS         3600000U
#define HEADER_MS       10000U
#define BODY_MS         30000U

static const char usage_text[] =
    "usage: gurnard tap [options]\n"
    "       gurnard tap --amqp URL ADDRESS [options]\n"
    "\n"
    "Subscribes to events of gurnardd and prints each as a line. Ctrl-C unsubscribes.\n"
    "With --amqp it receives from an address of an AMQP 1.0 router or broker instead, and\n"
    "accepts whatever comes.\n"
    "\n"
    "  --api URL              the REST API (http://localhost:8089)\n"
    "  --resource ADDRESS     what to subscribe to (the publisher of Redfish events)\n"
    "  --count N              end after N events (none: until Ctrl-C)\n"
    "  --json                 print each event as it was delivered, one JSON text a line\n"
    "  --listen ADDRESS:PORT  where events are taken (127.0.0.1:0; port 0: any free one)\n"
    "  --no-color             no colours (none either when the output is no terminal)\n"
    "\n"
    "  --amqp URL             amqp://host:port or amqps://host:port; --api, --resource and\n"
    "                         --listen do not go with it\n" CLI_AMQP_USAGE_OPTIONS "\n"
    "Exit: 0 when all went well, 1 when not, 2 for wrong usage.\n";

/* ---- options ---- */

static bool read_option(struct tap *tap, int letter, const char *word)
{
    switch (letter) {
    case 'a':
        tap->api = optarg;
        tap->names_api = true;
        return true;
    case 'r':
        tap->resource = optarg;
        tap->names_api = true;
        return true;
    case 'c':
        return gn_cli_number(TAP_VERB, "count", optarg, 1, UINT64_MAX, &tap->count);
    case 'j':
        tap->wants_json = true;
        return true;
    case 'l':
        tap->listen = optarg;
        tap->names_api = true;
        return true;
    case 'n':
        tap->wants_color = false;
        return true;
    default:
        if (gn_cli_amqp_take(&tap->amqp, letter))
            return true;
        gn_cli_complain(TAP_VERB, "%s: unknown, or without its value; --help tells all options",
                        word);
        return false;
    }
}

/* Whether the options go together, and with what stands behind them: an address for AMQP. */
static bool fit_together(const struct tap *tap, int argc, char **argv)
{
    const bool has_amqp = tap->amqp.user != NULL || tap->amqp.password_file != NULL ||
                          tap->amqp.ca_file != NULL || tap->amqp.skips_verify ||
                          tap->amqp.allows_insecure;
    const int words = argc - optind;

    if (tap->amqp.url == NULL && words > 0)
        gn_cli_complain(TAP_VERB, "%s: not an option", argv[optind]);
    else if (tap->amqp.url == NULL && has_amqp)
        gn_cli_complain(TAP_VERB, "user, password and certificates are for --amqp");
    else if (tap->amqp.url != NULL && tap->names_api)
        gn_cli_complain(TAP_VERB, "--api, --resource and --listen do not go with --amqp");
    else if (tap->amqp.url != NULL && (words != 1 || argv[optind][0] == '\0'))
        gn_cli_complain(TAP_VERB, "--amqp needs one address to receive from");
    else
        return true;
    return false;
}

/* Returns the exit code, or -1 to go on. */
static int read_options(struct tap *tap, int argc, char **argv)
{
    static const struct option rows[] = {
        {"api", required_argument, NULL, 'a'},
        {"resource", required_argument, NULL, 'r'},
        {"count", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"listen", required_argument, NULL, 'l'},
        {"no-color", no_argument, NULL, 'n'},
        CLI_AMQP_OPTION_ROWS,
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":h", rows, NULL)) != -1) {
        if (letter == 'h')
            return fputs(usage_text, stdout) < 0 ? CLI_EXIT_FAILED : 0;
        if (!read_option(tap, letter, argv[optind - 1]))
            return CLI_EXIT_USAGE;
    }
    return fit_together(tap, argc, argv) ? -1 : CLI_EXIT_USAGE;
}

/* ---- events ---- */

static void answer(struct gn_http_request *request, int status)
{
    const struct gn_http_reply reply = {.status = status, .body_is_static = true};

    gn_http_reply(request, &reply);
}

/* One line, also when the sender's JSON has line ends between its tokens. */
static void add_json_line(struct gn_buf *out, struct gn_str body)
{
    static const struct gn_json_limits limits = {.max_bytes = BODY_MAX,
                                                 .max_depth = GN_JSON_DEPTH_MAX,
                                                 .max_tokens = 1U << 20};

    if (gn_json_check(body, &limits) == GN_OK) {
        gn_json_add_compact(out, body);
        gn_buf_putc(out, '\n');
    } else {
        gn_cli_complain(TAP_VERB, "%zu bytes came that are no JSON", body.len);
    }
}

static void on_request(void *ctx, struct gn_http_request *request)
{
    struct tap *tap = ctx;
    struct gn_str body = gn_http_body(request);

    if (!gn_str_eq(gn_http_method(request), GN_STR("POST"))) {
        answer(request, 405);
        return;
    }
    if (body.len == 0) {
        answer(request, 204); /* the API's question whether we are there */
        return;
    }
    if (tap->is_ending) {
        answer(request, 503); /* not printed any more, so not taken */
        return;
    }
    if (tap->wants_json)
        add_json_line(&tap->line, body);
    else
        (void)gn_show_event(body, tap->wants_color, &tap->line);
    answer(request, 204);
    tap->printed++;
    if (tap->line.len > 0 && !gn_cli_print(&tap->line)) {
        tap->exit_code = CLI_EXIT_FAILED;
        gn_tap_end(tap); /* nobody reads us any more */
    } else if (tap->count > 0 && tap->printed >= tap->count) {
        gn_tap_end(tap);
    }
}

/* ---- life ---- */

/* Complains when it cannot be done. */
static bool open_server(struct tap *tap)
{
    struct gn_http_server_config config = {.name = "tap",
                                           .listen_fd = -1,
                                           .max_connections = CONNECTIONS_MAX,
                                           .max_body_bytes = BODY_MAX,
                                           .idle_timeout_ms = IDLE_MS,
                                           .header_deadline_ms = HEADER_MS,
                                           .body_deadline_ms = BODY_MS,
                                           .on_request = on_request,
                                           .ctx = tap};
    char host[256] = "";
    uint16_t port = 0;
    enum gn_err err = gn_listen_parse(tap->listen, host, sizeof host, &port);

    if (err == GN_OK &&
        (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0))
        err = GN_EINVAL; /* the API must be told one address */
    if (err == GN_OK)
        err = gn_listen_tcp(host, port, &config.listen_fd, &port);
    if (err == GN_OK)
        err = gn_http_server_new(tap->loop, &config, &tap->server);
    if (err != GN_OK) {
        gn_cli_complain(TAP_VERB, "--listen %s: %s", tap->listen,
                        err == GN_EINVAL ? "must be one address and a port, as 127.0.0.1:0"
                                         : gn_err_text(err));
        return false;
    }
    gn_buf_printf(&tap->endpoint, strchr(host, ':') != NULL ? "http://[%s]:%u/" : "http://%s:%u/",
                  host, port);
    return gn_buf_err(&tap->endpoint) == GN_OK;
}

static void on_signal(void *ctx)
{
    struct tap *tap = ctx;

    if (tap->is_ending && tap->call != NULL)
        gn_http_cancel(tap->call); /* asked twice: now */
    else
        gn_tap_end(tap);
}

static enum gn_err start(struct tap *tap)
{
    const struct gn_http_client_config config = {.max_idle_connections = 1,
                                                 .connect_timeout_ms = TAP_CALL_MS,
                                                 .user_agent = "gurnard-tap/" GN_VERSION};
    enum gn_err err;

    tap->loop = gn_loop_new(NULL);
    if (tap->loop == NULL)
        return GN_ENOMEM;
    err = gn_signal_watch(tap->loop, SIGINT, on_signal, tap);
    if (err == GN_OK)
        err = gn_signal_watch(tap->loop, SIGTERM, on_signal, tap);
    if (err != GN_OK)
        return err;
    if (!open_server(tap)) {
        tap->exit_code = CLI_EXIT_FAILED;
        return GN_OK;
    }
    tap->client = gn_http_client_new(tap->loop, &config);
    if (tap->client == NULL)
        return GN_ENOMEM;
    gn_tap_subscribe(tap);
    return gn_loop_run(tap->loop);
}

static void finish(struct tap *tap)
{
    gn_timer_fini(&tap->again);
    gn_http_client_free(tap->client);
    gn_http_server_free(tap->server);
    if (tap->loop != NULL)
        gn_loop_free(tap->loop);
    gn_buf_free(&tap->url);
    gn_buf_free(&tap->endpoint);
    gn_buf_free(&tap->found);
    gn_buf_free(&tap->body);
    gn_buf_free(&tap->line);
}

int gn_cli_tap(int argc, char **argv)
{
    struct tap tap = {.api = "http://localhost:8089",
                      .listen = "127.0.0.1:0",
                      .wants_color = isatty(STDOUT_FILENO) == 1,
                      .url = GN_BUF_INIT,
                      .endpoint = GN_BUF_INIT,
                      .found = GN_BUF_INIT,
                      .body = GN_BUF_INIT,
                      .line = GN_BUF_INIT};
    int code = read_options(&tap, argc, argv);
    enum gn_err err;

    if (code >= 0)
        return code;
    if (tap.amqp.url != NULL)
        return gn_tap_amqp(&tap, argv[optind]);
    if (!gn_cli_url(TAP_VERB, tap.api, "", &tap.url)) {
        finish(&tap);
        return CLI_EXIT_USAGE;
    }
    err = start(&tap);
    if (err != GN_OK) {
        gn_cli_complain(TAP_VERB, "%s", gn_err_text(err));
        tap.exit_code = CLI_EXIT_FAILED;
    }
    finish(&tap);
    return tap.exit_code;
}
