/* gurnard sim bmc: plays management controllers themselves, with subscriptions, logs and all. */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cli_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/file.h"
#include "gurnard/base/json.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/listen.h"
#include "gurnard/sim/sim.h"

#define VERB         "sim bmc"
#define PEM_MAX      ((size_t)256 << 10)
#define RATE_MAX     1000.0
#define SPEED_MAX    100000.0
#define SKEW_MAX     (INT64_C(100) * 366 * 86400)
#define HOST_MAX     64
#define BACKLOG_MANY 4096 /* thousands of BMCs may be asked at the same moment */

struct options {
    const char *profile, *listen, *certificate, *key, *first_address;
    struct gn_sim_config config;
};

struct bmcs {
    struct options options;
    struct gn_loop *loop;
    struct gn_sim *sim;
    struct gn_buf certificate, key;
    bool is_ending;
};

static const char usage_text[] =
    "usage: gurnard sim bmc [options]\n"
    "\n"
    "Plays BMCs: a Redfish service with subscriptions, events, logs and registries.\n"
    "\n"
    "  --profile NAME          idrac9, idrac10, ilo4, ilo5, openbmc, ami, zt, xcc, supermicro,\n"
    "                          or mixed: one after another (openbmc)\n"
    "  --count N               BMCs, told apart by the address in the URL (1)\n"
    "  --first-address ADDR    of the first BMC, the others follow (127.0.0.1)\n"
    "  --listen HOST:PORT      port 0: any (127.0.0.1:0; with --count 0.0.0.0:0, which turns\n"
    "                          other machines away)\n"
    "  --tls-cert FILE         serve https with this certificate, PEM\n"
    "  --tls-key FILE          and its key\n"
    "  --user NAME             login (root)\n"
    "  --password WORD         its password (gurnard)\n"
    "  --rate EVENTS_PER_S     of each BMC, by themselves (none)\n"
    "  --time-scale N          waits between attempts and the like are N times shorter (1)\n"
    "  --ttl SECONDS           subscriptions expire after so long (as the profile has it)\n"
    "  --allow-http            take http destinations also where the profile wants https\n"
    "  --clock-skew SECONDS    the BMCs' clocks are ahead by so much, or behind if negative (0)\n"
    "  --seed N                equal seeds give equal ids and events (from the clock)\n"
    "\n"
    "POST /sim/events, /sim/reports and /sim/faults make things happen, GET /sim/state tells\n"
    "what did: see gurnard(1).\n";

/* ---- options ---- */

static bool read_skew(const char *text, int64_t *seconds)
{
    char *end = NULL;
    const long long number = strtoll(text, &end, 10);

    if (end != text && *end == '\0' && number >= -SKEW_MAX && number <= SKEW_MAX) {
        *seconds = number;
        return true;
    }
    gn_cli_complain(VERB, "--clock-skew %s: must be a number of seconds", text);
    return false;
}

static bool read_profile(struct options *options)
{
    if (strcmp(options->profile, "mixed") == 0)
        return true;
    options->config.profile = gn_sim_profile_find(gn_str_of(options->profile));
    if (options->config.profile != NULL)
        return true;
    gn_cli_complain(VERB, "--profile %s: unknown; --help tells all", options->profile);
    return false;
}

static bool read_address(struct options *options)
{
    struct in_addr address;

    if (inet_pton(AF_INET, options->first_address, &address) == 1) {
        options->config.first_address = ntohl(address.s_addr);
        return true;
    }
    gn_cli_complain(VERB, "--first-address %s: must be an IPv4 address", options->first_address);
    return false;
}

static bool read_number(const char *name, uint64_t low, uint64_t high, uint32_t *value)
{
    uint64_t number = 0;

    if (!gn_cli_number(VERB, name, optarg, low, high, &number))
        return false;
    *value = (uint32_t)number;
    return true;
}

static bool read_option(struct options *options, int letter, const char *word)
{
    struct gn_sim_config *config = &options->config;

    switch (letter) {
    case 'p':
        options->profile = optarg;
        return true;
    case 'n':
        return read_number("count", 1, GN_SIM_BMCS_MAX, &config->count);
    case 'f':
        options->first_address = optarg;
        return true;
    case 'l':
        options->listen = optarg;
        return true;
    case 'c':
        options->certificate = optarg;
        return true;
    case 'k':
        options->key = optarg;
        return true;
    case 'u':
        config->user = optarg;
        return true;
    case 'w':
        config->password = optarg;
        return true;
    case 'r':
        return gn_cli_rate(VERB, "rate", optarg, RATE_MAX, &config->rate);
    case 't':
        return gn_cli_rate(VERB, "time-scale", optarg, SPEED_MAX, &config->speed);
    case 'e':
        return read_number("ttl", 1, UINT32_MAX / 1000, &config->ttl_s);
    case 'a':
        config->allows_http = true;
        return true;
    case 'o':
        return read_skew(optarg, &config->clock_skew_s);
    case 's':
        return gn_cli_number(VERB, "seed", optarg, 0, UINT64_MAX, &config->seed);
    default:
        gn_cli_complain(VERB, "%s: unknown, or without its value; --help tells all options", word);
        return false;
    }
}

/* Returns the exit code, or -1 to go on. */
static int read_options(struct options *options, int argc, char **argv)
{
    static const struct option rows[] = {
        {"profile", required_argument, NULL, 'p'},
        {"count", required_argument, NULL, 'n'},
        {"first-address", required_argument, NULL, 'f'},
        {"listen", required_argument, NULL, 'l'},
        {"tls-cert", required_argument, NULL, 'c'},
        {"tls-key", required_argument, NULL, 'k'},
        {"user", required_argument, NULL, 'u'},
        {"password", required_argument, NULL, 'w'},
        {"rate", required_argument, NULL, 'r'},
        {"time-scale", required_argument, NULL, 't'},
        {"ttl", required_argument, NULL, 'e'},
        {"allow-http", no_argument, NULL, 'a'},
        {"clock-skew", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, "+:h", rows, NULL)) != -1) {
        if (letter == 'h')
            return fputs(usage_text, stdout) < 0 ? CLI_EXIT_FAILED : 0;
        if (!read_option(options, letter, argv[optind - 1]))
            return CLI_EXIT_USAGE;
    }
    if (optind < argc) {
        gn_cli_complain(VERB, "%s: not an option", argv[optind]);
        return CLI_EXIT_USAGE;
    }
    if ((options->certificate == NULL) != (options->key == NULL)) {
        gn_cli_complain(VERB, "--tls-cert and --tls-key go together");
        return CLI_EXIT_USAGE;
    }
    return read_profile(options) && read_address(options) ? -1 : CLI_EXIT_USAGE;
}

/* ---- life ---- */

static bool read_pem(const char *path, struct gn_buf *pem)
{
    enum gn_err err = gn_file_read(path, PEM_MAX, pem);

    if (err != GN_OK)
        gn_cli_complain(VERB, "%s: %s", path, gn_err_text(err));
    return err == GN_OK;
}

/* Opens the socket; *host is what was asked for. */
static bool open_socket(struct options *options, char host[HOST_MAX])
{
    const bool is_many = options->config.count > 1;
    const char *text = options->listen != NULL ? options->listen
                       : is_many               ? "0.0.0.0:0"
                                               : "127.0.0.1:0";
    uint16_t port;
    enum gn_err err = gn_listen_parse(text, host, HOST_MAX, &port);

    if (err == GN_OK)
        err = gn_listen_tcp(host, port, &options->config.listen_fd, NULL);
    if (err != GN_OK) {
        gn_cli_complain(VERB, "--listen %s: %s", text, gn_err_text(err));
        return false;
    }
    options->config.is_local_only = options->listen == NULL;
    if (is_many) /* the kernel cuts it to what it allows; a shorter queue is no error */
        (void)listen(options->config.listen_fd, BACKLOG_MANY);
    return true;
}

static bool say_where(const struct bmcs *bmcs, const char *host)
{
    const struct options *options = &bmcs->options;
    const bool is_any = host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    struct gn_buf line = GN_BUF_INIT;
    bool is_said;

    gn_buf_printf(&line, "sim bmc: listening on http%s://%s:%u profile=%s count=%" PRIu32 "\n",
                  options->certificate != NULL ? "s" : "", is_any ? options->first_address : host,
                  gn_sim_port(bmcs->sim), options->profile, options->config.count);
    is_said = gn_cli_print(&line);
    gn_buf_free(&line);
    return is_said;
}

static void on_stopped(void *ctx)
{
    struct bmcs *bmcs = ctx;

    gn_loop_stop(bmcs->loop);
}

static void on_signal(void *ctx)
{
    struct bmcs *bmcs = ctx;

    if (bmcs->is_ending)
        return;
    bmcs->is_ending = true;
    gn_sim_stop(bmcs->sim, on_stopped, bmcs);
}

static bool run(struct bmcs *bmcs)
{
    struct gn_sim_config *config = &bmcs->options.config;
    const struct gn_http_server_tls tls = {gn_buf_str(&bmcs->certificate), gn_buf_str(&bmcs->key)};
    char host[HOST_MAX];
    enum gn_err err;

    if (bmcs->options.certificate != NULL)
        config->tls = &tls;
    if (!open_socket(&bmcs->options, host))
        return false;
    err = gn_sim_new(bmcs->loop, config, &bmcs->sim);
    if (err == GN_OK)
        err = gn_signal_watch(bmcs->loop, SIGINT, on_signal, bmcs);
    if (err == GN_OK)
        err = gn_signal_watch(bmcs->loop, SIGTERM, on_signal, bmcs);
    if (err == GN_OK && !say_where(bmcs, host))
        err = GN_EIO;
    if (err == GN_OK)
        err = gn_loop_run(bmcs->loop);
    if (err != GN_OK)
        gn_cli_complain(VERB, "%s",
                        config->tls != NULL && bmcs->sim == NULL
                            ? "certificate or key are of no use"
                            : gn_err_text(err));
    return err == GN_OK;
}

int gn_cli_sim_bmc(int argc, char **argv)
{
    struct bmcs bmcs = {.options = {.profile = "openbmc",
                                    .first_address = "127.0.0.1",
                                    .config = {.count = 1,
                                               .user = "root",
                                               .password = "gurnard",
                                               .speed = 1,
                                               .seed = (uint64_t)gn_clock_real_ns()}},
                        .certificate = GN_BUF_INIT,
                        .key = GN_BUF_INIT};
    int code = read_options(&bmcs.options, argc, argv);
    bool is_fine;

    if (code >= 0)
        return code;
    gn_json_use_must_alloc();
    bmcs.loop = gn_loop_new(NULL);
    is_fine = bmcs.loop != NULL &&
              (bmcs.options.certificate == NULL ||
               (read_pem(bmcs.options.certificate, &bmcs.certificate) &&
                read_pem(bmcs.options.key, &bmcs.key))) &&
              run(&bmcs);
    gn_sim_free(bmcs.sim);
    if (bmcs.loop != NULL)
        gn_loop_free(bmcs.loop);
    gn_buf_free(&bmcs.certificate);
    gn_buf_free(&bmcs.key);
    return is_fine ? 0 : CLI_EXIT_FAILED;
}
