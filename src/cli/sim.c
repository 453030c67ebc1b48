/* gurnard sim: posts the events of a made-up fleet at a given rate, whether or not the answers keep
 * up with it (open loop), as real BMCs do. */
#include "gurnard/cli/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/cli/fleet.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"

#define VERB             "sim"
#define IN_FLIGHT_MAX    64 /* posts without an answer; what falls due beyond is skipped */
#define POST_TIMEOUT_MS  10000U
#define PROGRESS_MS      1000U
#define SUBSCRIBED_MS    30000U /* how long --wait-subscribed waits */
#define ASK_AGAIN_MS     200U
#define ASK_TIMEOUT_MS   5000U
#define ASK_ANSWER_BYTES 4096U /* the beginning of the list is enough */
#define BMCS_MAX         100000U
#define RATE_MAX         100000.0
#define BODY_MAX         4096U
#define US_PER_S         1000000.0

struct sim_options {
    const char *webhook;
    const char *wait_api; /* --wait-subscribed, or NULL */
    uint64_t bmcs;
    double rate;    /* events a second */
    uint64_t count; /* 0: until a signal */
    enum gn_fleet_vendor vendor;
    int with_message; /* as gn_fleet_next() takes it */
    uint64_t seed;
    bool is_quiet;
};

struct sim;

/* One post on its way. */
struct sim_post {
    struct sim *sim;
    struct gn_buf body;
    struct gn_http_call *call; /* NULL: the place is free */
};

struct sim {
    struct sim_options options;
    struct gn_loop *loop;
    struct gn_http_client *client;
    struct gn_fleet fleet;
    struct gn_timer ask;      /* the next look for a subscription */
    struct gn_timer due;      /* the next event */
    struct gn_timer progress; /* the next line */
    struct sim_post posts[IN_FLIGHT_MAX];
    struct gn_http_call *asking; /* the call for the list of subscriptions, or NULL */
    struct gn_buf url;
    struct gn_buf ask_url;
    struct gn_buf line;
    struct gn_buf why; /* the latest failure in words */
    uint64_t begin_us; /* 0: not begun */
    uint64_t ask_until_ms;
    uint64_t scheduled, sent, answered, failed, skipped; /* events */
    uint32_t in_flight;                                  /* posts */
    bool is_ending; /* no further events; the loop stops with the last answer */
    bool gave_up;   /* without having begun */
};

static const char usage_text[] =
    "usage: gurnard sim --webhook URL [options]\n"
    "       gurnard sim bmc [options]: plays BMCs to subscribe to; see gurnard sim bmc --help\n"
    "\n"
    "Posts made-up Redfish events of a fleet of BMCs to URL/<name of the BMC>.\n"
    "\n"
    "  --webhook URL           gurnardd's webhook: http://localhost:9087/webhook\n"
    "  --bmcs N                BMCs in the fleet (8)\n"
    "  --rate EVENTS_PER_S     of the whole fleet (2)\n"
    "  --count N               end after N events (none: until Ctrl-C)\n"
    "  --vendor NAME           idrac, ilo, openbmc or ami (a mixture)\n"
    "  --message always|never  with Message text or without (as each vendor does)\n"
    "  --seed N                equal seeds give equal events (from the clock)\n"
    "  --wait-subscribed URL   begin when the API at URL has a subscription (30 s at most)\n"
    "  --quiet                 no line each second\n"
    "\n"
    "Exit: 0 when every event was answered 2xx, 1 when not, 2 for wrong usage.\n";

/* ---- options ---- */

static bool read_vendor(struct sim_options *options, const char *text)
{
    options->vendor = gn_fleet_vendor_parse(text);
    if (options->vendor != GN_FLEET_VENDORS)
        return true;
    gn_cli_complain(VERB, "--vendor %s: must be idrac, ilo, openbmc or ami", text);
    return false;
}

static bool read_message(struct sim_options *options, const char *text)
{
    options->with_message = strcmp(text, "always") == 0;
    if (options->with_message == 1 || strcmp(text, "never") == 0)
        return true;
    gn_cli_complain(VERB, "--message %s: must be always or never", text);
    return false;
}

static bool read_option(struct sim_options *options, int letter, const char *word)
{
    switch (letter) {
    case 'w':
        options->webhook = optarg;
        return true;
    case 'b':
        return gn_cli_number(VERB, "bmcs", optarg, 1, BMCS_MAX, &options->bmcs);
    case 'r':
        return gn_cli_rate(VERB, "rate", optarg, RATE_MAX, &options->rate);
    case 'c':
        return gn_cli_number(VERB, "count", optarg, 1, UINT64_MAX, &options->count);
    case 'v':
        return read_vendor(options, optarg);
    case 'm':
        return read_message(options, optarg);
    case 's':
        return gn_cli_number(VERB, "seed", optarg, 0, UINT64_MAX, &options->seed);
    case 'a':
        options->wait_api = optarg;
        return true;
    case 'q':
        options->is_quiet = true;
        return true;
    default:
        gn_cli_complain(VERB, "%s: unknown, or without its value; --help tells all options", word);
        return false;
    }
}

/* Returns the exit code, or -1 to go on. */
static int read_options(struct sim_options *options, int argc, char **argv)
{
    static const struct option rows[] = {
        {"webhook", required_argument, NULL, 'w'},
        {"bmcs", required_argument, NULL, 'b'},
        {"rate", required_argument, NULL, 'r'},
        {"count", required_argument, NULL, 'c'},
        {"vendor", required_argument, NULL, 'v'},
        {"message", required_argument, NULL, 'm'},
        {"seed", required_argument, NULL, 's'},
        {"wait-subscribed", required_argument, NULL, 'a'},
        {"quiet", no_argument, NULL, 'q'},
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
    if (options->webhook == NULL) {
        gn_cli_complain(VERB, "--webhook URL is needed; --help tells all options");
        return CLI_EXIT_USAGE;
    }
    return -1;
}

/* ---- events ---- */

static void end_if_done(struct sim *sim)
{
    if (sim->is_ending && sim->in_flight == 0 && sim->asking == NULL)
        gn_loop_stop(sim->loop);
}

static void end(struct sim *sim)
{
    sim->is_ending = true;
    gn_timer_stop(&sim->ask);
    gn_timer_stop(&sim->due);
    end_if_done(sim);
}

static void give_up(struct sim *sim)
{
    sim->gave_up = true;
    end(sim);
}

static void on_answer(void *ctx, const struct gn_http_result *result)
{
    struct sim_post *post = ctx;
    struct sim *sim = post->sim;

    post->call = NULL;
    sim->in_flight--;
    if (gn_cli_is_success(result)) {
        sim->answered++;
    } else {
        sim->failed++;
        gn_buf_reset(&sim->why);
        gn_cli_explain(result, &sim->why);
    }
    end_if_done(sim);
}

static struct sim_post *free_post(struct sim *sim)
{
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
        if (sim->posts[i].call == NULL)
            return &sim->posts[i];
    return NULL;
}

static void send_event(struct sim *sim, struct sim_post *post)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    size_t webhook_len = sim->url.len;
    struct gn_http_out out = {.method = "POST", .headers = headers, .timeout_ms = POST_TIMEOUT_MS};
    struct gn_str name;
    enum gn_err err;

    gn_buf_reset(&post->body);
    name = gn_fleet_next(&sim->fleet, sim->options.vendor, sim->options.with_message,
                         gn_clock_real_ns(), &post->body);
    gn_buf_putc(&sim->url, '/');
    gn_buf_add_str(&sim->url, name);
    out.url = sim->url.data;
    out.body[0] = gn_buf_str(&post->body);
    err = gn_buf_err(&sim->url) != GN_OK ? gn_buf_err(&sim->url) : gn_buf_err(&post->body);
    if (err == GN_OK)
        err = gn_http_send(sim->client, &out, on_answer, post, &post->call);
    gn_buf_truncate(&sim->url, webhook_len);
    sim->sent++;
    if (err != GN_OK) {
        sim->failed++;
        gn_buf_reset(&sim->why);
        gn_buf_puts(&sim->why, gn_err_text(err));
        return;
    }
    sim->in_flight++;
}

/* Sends what has fallen due, then waits for the next due time. */
static void on_due(void *ctx)
{
    struct sim *sim = ctx;
    const uint64_t all = sim->options.count == 0 ? UINT64_MAX : sim->options.count;
    const double elapsed_us = (double)(gn_loop_now_us(sim->loop) - sim->begin_us);
    double next_us;

    while (sim->scheduled < all &&
           (double)sim->scheduled * US_PER_S / sim->options.rate <= elapsed_us) {
        struct sim_post *post = free_post(sim);

        sim->scheduled++;
        if (post == NULL)
            sim->skipped++;
        else
            send_event(sim, post);
    }
    if (sim->scheduled == all) {
        end(sim);
        return;
    }
    next_us = (double)sim->scheduled * US_PER_S / sim->options.rate - elapsed_us;
    gn_timer_start(&sim->due, (uint64_t)(next_us / 1000.0) + 1);
}

static void add_last_failure(struct sim *sim)
{
    if (sim->why.len == 0)
        return;
    gn_buf_puts(&sim->line, ", last failure: ");
    gn_buf_add_str(&sim->line, gn_buf_str(&sim->why));
}

static void print_progress(struct sim *sim)
{
    gn_buf_printf(&sim->line,
                  "sent=%" PRIu64 " answered=%" PRIu64 " failed=%" PRIu64 " skipped=%" PRIu64,
                  sim->sent, sim->answered, sim->failed, sim->skipped);
    add_last_failure(sim);
    gn_buf_putc(&sim->line, '\n');
    if (!gn_cli_print(&sim->line))
        end(sim); /* nobody reads us any more */
}

static void on_progress(void *ctx)
{
    struct sim *sim = ctx;

    gn_timer_start(&sim->progress, PROGRESS_MS);
    print_progress(sim);
}

static void begin(void *ctx)
{
    struct sim *sim = ctx;

    sim->begin_us = gn_loop_now_us(sim->loop);
    gn_timer_start(&sim->due, 0);
    if (!sim->options.is_quiet)
        gn_timer_start(&sim->progress, PROGRESS_MS);
}

/* ---- waiting for a subscription ---- */

/* Whether a list's text, possibly cut, has an element. */
static bool holds_an_object(struct gn_str text)
{
    static const struct gn_json_limits limits = {.max_bytes = ASK_ANSWER_BYTES,
                                                 .max_depth = 8,
                                                 .max_tokens = 64};
    struct gn_json_scan scan;
    struct gn_json_token token;

    gn_json_scan_init(&scan, text, &limits);
    return gn_json_next(&scan, &token) == GN_OK && token.type == GN_JSON_ARRAY &&
           gn_json_next(&scan, &token) == GN_OK && token.type == GN_JSON_OBJECT;
}

static void on_list(void *ctx, const struct gn_http_result *result)
{
    struct sim *sim = ctx;

    sim->asking = NULL;
    if (sim->is_ending) {
        end_if_done(sim);
        return;
    }
    if (gn_cli_is_success(result) && holds_an_object(result->body)) {
        begin(sim);
        return;
    }
    if (gn_loop_now_ms(sim->loop) >= sim->ask_until_ms) {
        if (gn_cli_is_success(result))
            gn_buf_puts(&sim->why, "the list is empty");
        else
            gn_cli_explain(result, &sim->why);
        gn_cli_complain(VERB, "no subscription at %s within %u s: %s", sim->options.wait_api,
                        SUBSCRIBED_MS / 1000, sim->why.data);
        give_up(sim);
        return;
    }
    gn_timer_start(&sim->ask, ASK_AGAIN_MS);
}

static void ask_for_list(void *ctx)
{
    struct sim *sim = ctx;
    struct gn_http_out out = {.method = "GET",
                              .url = sim->ask_url.data,
                              .timeout_ms = ASK_TIMEOUT_MS,
                              .max_answer_bytes = ASK_ANSWER_BYTES};
    enum gn_err err = gn_http_send(sim->client, &out, on_list, sim, &sim->asking);

    if (err == GN_OK)
        return;
    gn_cli_complain(VERB, "%s: %s", sim->options.wait_api, gn_err_text(err));
    give_up(sim);
}

/* ---- life ---- */

static void on_signal(void *ctx)
{
    struct sim *sim = ctx;

    if (!sim->is_ending) {
        end(sim);
        return;
    }
    /* Asked twice: what is on its way is given up. */
    if (sim->asking != NULL)
        gn_http_cancel(sim->asking);
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
        if (sim->posts[i].call != NULL)
            gn_http_cancel(sim->posts[i].call);
}

static enum gn_err start(struct sim *sim)
{
    const struct gn_http_client_config config = {.max_idle_connections = IN_FLIGHT_MAX,
                                                 .connect_timeout_ms = ASK_TIMEOUT_MS,
                                                 .user_agent = "gurnard-sim/" GN_VERSION};
    enum gn_err err;

    sim->loop = gn_loop_new(NULL);
    if (sim->loop == NULL)
        return GN_ENOMEM;
    err = gn_signal_watch(sim->loop, SIGINT, on_signal, sim);
    if (err == GN_OK)
        err = gn_signal_watch(sim->loop, SIGTERM, on_signal, sim);
    if (err != GN_OK)
        return err;
    sim->client = gn_http_client_new(sim->loop, &config);
    if (sim->client == NULL)
        return GN_ENOMEM;
    gn_fleet_init(&sim->fleet, (uint32_t)sim->options.bmcs, sim->options.seed);
    gn_timer_init(&sim->ask, sim->loop, sim->options.wait_api != NULL ? ask_for_list : begin, sim);
    gn_timer_init(&sim->due, sim->loop, on_due, sim);
    gn_timer_init(&sim->progress, sim->loop, on_progress, sim);
    sim->ask_until_ms = gn_clock_mono_ms() + SUBSCRIBED_MS;
    gn_timer_start(&sim->ask, 0);
    return gn_loop_run(sim->loop);
}

static void print_summary(struct sim *sim)
{
    double seconds = (double)(gn_clock_mono_us() - sim->begin_us) / US_PER_S;

    if (sim->begin_us == 0)
        return;
    gn_buf_printf(&sim->line,
                  "%" PRIu64 " events sent in %.1f s: %" PRIu64 " answered 2xx, %" PRIu64
                  " failed, %" PRIu64 " skipped",
                  sim->sent, seconds, sim->answered, sim->failed, sim->skipped);
    add_last_failure(sim);
    gn_buf_putc(&sim->line, '\n');
    (void)gn_cli_print(&sim->line); /* a reader that has gone misses nothing but this */
}

static void finish(struct sim *sim)
{
    gn_timer_fini(&sim->ask);
    gn_timer_fini(&sim->due);
    gn_timer_fini(&sim->progress);
    gn_http_client_free(sim->client);
    if (sim->loop != NULL)
        gn_loop_free(sim->loop);
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
        gn_buf_free(&sim->posts[i].body);
    gn_buf_free(&sim->url);
    gn_buf_free(&sim->ask_url);
    gn_buf_free(&sim->line);
    gn_buf_free(&sim->why);
}

static void prepare(struct sim *sim)
{
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++) {
        sim->posts[i].sim = sim;
        sim->posts[i].body = gn_buf_with_limit(BODY_MAX);
    }
    sim->url = GN_BUF_INIT;
    sim->ask_url = GN_BUF_INIT;
    sim->line = GN_BUF_INIT;
    sim->why = GN_BUF_INIT;
}

int gn_cli_sim(int argc, char **argv)
{
    struct sim sim = {.options = {.bmcs = 8,
                                  .rate = 2,
                                  .vendor = GN_FLEET_VENDORS,
                                  .with_message = -1,
                                  .seed = (uint64_t)gn_clock_real_ns()}};
    int code;
    enum gn_err err;

    if (argc > 1 && strcmp(argv[1], "bmc") == 0)
        return gn_cli_sim_bmc(argc - 1, argv + 1);
    code = read_options(&sim.options, argc, argv);
    if (code >= 0)
        return code;
    prepare(&sim);
    if (!gn_cli_url(VERB, sim.options.webhook, "", &sim.url) ||
        (sim.options.wait_api != NULL &&
         !gn_cli_url(VERB, sim.options.wait_api, CLI_SUBSCRIPTIONS, &sim.ask_url))) {
        finish(&sim);
        return CLI_EXIT_USAGE;
    }
    err = start(&sim);
    if (err != GN_OK)
        gn_cli_complain(VERB, "%s", gn_err_text(err));
    print_summary(&sim);
    code =
        err == GN_OK && !sim.gave_up && sim.failed == 0 && sim.skipped == 0 ? 0 : CLI_EXIT_FAILED;
    finish(&sim);
    return code;
}
