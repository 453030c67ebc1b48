/* gurnard send: one CloudEvent to an address of an AMQP router or broker, and what became of it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "amqp_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/file.h"
#include "gurnard/base/id.h"
#include "gurnard/ce/cloudevent.h"
#include "gurnard/cli/cli.h"
#include "gurnard/transport/amqp_event.h"

#define VERB          "send"
#define AGAIN_MS      10U /* between looks whether the link has credit */
#define TIMEOUT_MAX_S 3600.0
#define MS_PER_S      1000.0
#define READ_BYTES    65536U
#define ARENA_BYTES   (2 * CLI_AMQP_MESSAGE_BYTES)

static const char usage_text[] =
    "usage: gurnard send --amqp URL ADDRESS [FILE] [options]\n"
    "       gurnard send --amqp URL ADDRESS --type TYPE --source SOURCE [options]\n"
    "\n"
    "Sends one CloudEvent to an address of an AMQP 1.0 router or broker and waits for the\n"
    "outcome. FILE holds the event in the JSON format; without FILE, or for -, standard input.\n"
    "\n"
    "  --amqp URL             amqp://host:port or amqps://host:port\n"
    "  --type TYPE            instead of FILE: the attributes of an event made here, with a new\n"
    "  --source SOURCE        id and the present time\n"
    "  --subject SUBJECT\n"
    "  --data TEXT            its data: JSON if it is that, else plain text\n"
    "  --structured           send the whole event as JSON (attributes as properties)\n"
    "  --timeout SECONDS      how long a connection, credit and the outcome are waited for "
    "(10)\n" CLI_AMQP_USAGE_OPTIONS "\n"
    "Exit: 0 when it was accepted, 1 when not, 2 for wrong usage.\n";

struct send_options {
    struct cli_amqp_options amqp;
    const char *address;
    const char *file; /* NULL: standard input, or made here */
    const char *type, *source, *subject, *data;
    bool is_structured;
    double timeout_s;
};

struct send {
    struct send_options options;
    struct cli_amqp conn;
    struct gn_arena arena; /* of the event */
    struct gn_buf text;    /* that the event was read from */
    struct gn_buf message;
    struct gn_str id; /* of the event */
    struct gn_id made_id;
    char made_time[GN_TIME_TEXT_MAX];
    struct gn_amqp_sender *sender;
    struct gn_timer again;
    uint64_t give_up_at_ms;
    bool is_through; /* an outcome came */
};

/* ---- options ---- */

static bool read_option(struct send_options *options, int letter, const char *word)
{
    switch (letter) {
    case 't':
        options->type = optarg;
        return true;
    case 's':
        options->source = optarg;
        return true;
    case 'u':
        options->subject = optarg;
        return true;
    case 'd':
        options->data = optarg;
        return true;
    case 'x':
        options->is_structured = true;
        return true;
    case 'o':
        return gn_cli_rate(VERB, "timeout", optarg, TIMEOUT_MAX_S, &options->timeout_s);
    default:
        if (gn_cli_amqp_take(&options->amqp, letter))
            return true;
        gn_cli_complain(VERB, "%s: unknown, or without its value; --help tells all options", word);
        return false;
    }
}

static bool fit_together(struct send_options *options, int argc, char **argv)
{
    const int words = argc - optind;

    if (options->amqp.url == NULL)
        gn_cli_complain(VERB, "needs --amqp; --help tells more");
    else if (words == 0 || argv[optind][0] == '\0')
        gn_cli_complain(VERB, "needs an address to send to");
    else if (words > 2)
        gn_cli_complain(VERB, "%s: not expected here; --help tells more", argv[optind + 2]);
    else if ((options->type == NULL) != (options->source == NULL))
        gn_cli_complain(VERB, "--type and --source go together");
    else if (options->type == NULL && (options->data != NULL || options->subject != NULL))
        gn_cli_complain(VERB, "--data and --subject need --type and --source");
    else if (options->type != NULL && words == 2)
        gn_cli_complain(VERB, "%s: there is an event already, by --type", argv[optind + 1]);
    else {
        options->address = argv[optind];
        options->file = words == 2 ? argv[optind + 1] : NULL;
        return true;
    }
    return false;
}

/* Returns the exit code, or -1 to go on. */
static int read_options(struct send_options *options, int argc, char **argv)
{
    static const struct option rows[] = {
        CLI_AMQP_OPTION_ROWS,
        {"type", required_argument, NULL, 't'},
        {"source", required_argument, NULL, 's'},
        {"subject", required_argument, NULL, 'u'},
        {"data", required_argument, NULL, 'd'},
        {"structured", no_argument, NULL, 'x'},
        {"timeout", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":h", rows, NULL)) != -1) {
        if (letter == 'h')
            return fputs(usage_text, stdout) < 0 ? CLI_EXIT_FAILED : 0;
        if (!read_option(options, letter, argv[optind - 1]))
            return CLI_EXIT_USAGE;
    }
    return fit_together(options, argc, argv) ? -1 : CLI_EXIT_USAGE;
}

/* ---- the event ---- */

static enum gn_err read_input(struct gn_buf *text)
{
    char bytes[READ_BYTES];
    ssize_t got;

    while ((got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0)
        gn_buf_add(text, bytes, (size_t)got);
    return got < 0 ? GN_EIO : gn_buf_err(text);
}

/* Complains when there is no event to be had. */
static bool read_event(struct send *send, struct gn_cloudevent *event)
{
    const char *file = send->options.file;
    const bool is_input = file == NULL || strcmp(file, "-") == 0;
    char error[GN_CE_ERROR_MAX] = "";
    struct gn_ce_events events = {0};
    enum gn_err err = is_input ? read_input(&send->text)
                               : gn_file_read(file, CLI_AMQP_MESSAGE_BYTES, &send->text);

    if (err == GN_OK)
        err = gn_ce_decode_json(gn_buf_str(&send->text), false, &gn_cli_amqp_limits, &send->arena,
                                &events, error);
    if (err != GN_OK) {
        gn_cli_complain(VERB, "%s: %s", is_input ? "standard input" : file,
                        error[0] != '\0' ? error : gn_err_text(err));
        return false;
    }
    *event = events.events[0];
    return true;
}

static void make_event(struct send *send, struct gn_cloudevent *event)
{
    const struct gn_str data = gn_str_of(send->options.data);
    const bool is_json = data.p != NULL && gn_json_check(data, &gn_cli_amqp_limits) == GN_OK;

    send->made_id = gn_id_random();
    gn_time_format(gn_clock_real_ns(), send->made_time);
    *event = (struct gn_cloudevent){
        .version = GN_CE_1_0,
        .id = gn_str_of(send->made_id.text),
        .source = gn_str_of(send->options.source),
        .type = gn_str_of(send->options.type),
        .subject = gn_str_of(send->options.subject),
        .time = gn_str_of(send->made_time),
        .data = data,
    };
    if (data.p == NULL)
        return;
    event->kind = is_json ? GN_CE_JSON : GN_CE_BYTES;
    event->datacontenttype = is_json ? GN_STR("application/json") : GN_STR("text/plain");
}

/* Fills message and id. Complains when it cannot be done. */
static bool encode(struct send *send)
{
    struct gn_cloudevent event = {0};
    enum gn_err err;

    if (send->options.type != NULL)
        make_event(send, &event);
    else if (!read_event(send, &event))
        return false;
    send->id = event.id;
    err =
        gn_amqp_event_encode(&event, send->options.is_structured ? GN_CE_STRUCTURED : GN_CE_BINARY,
                             GN_AMQP_PREFIX_COLON, true, true, &send->message);
    if (err != GN_OK)
        gn_cli_complain(VERB, "the event cannot be sent: %s", gn_err_text(err));
    return err == GN_OK;
}

/* ---- sending ---- */

static const char *outcome_text(enum gn_amqp_outcome outcome)
{
    switch (outcome) {
    case GN_AMQP_ACCEPTED:
        return "accepted";
    case GN_AMQP_RELEASED:
        return "released: nobody has it";
    case GN_AMQP_REJECTED:
        return "rejected";
    case GN_AMQP_LOST:
        return "the connection broke before there was an outcome";
    case GN_AMQP_UNKNOWN:
        return "no outcome in time";
    case GN_AMQP_CANCELED:
        return "interrupted before there was an outcome";
    }
    return "";
}

static void on_sent(void *ctx, enum gn_amqp_outcome outcome, const char *reason)
{
    struct send *send = ctx;

    send->is_through = true;
    if (outcome == GN_AMQP_ACCEPTED) {
        send->conn.exit_code =
            printf("accepted %.*s\n", (int)send->id.len, send->id.p) < 0 || fflush(stdout) != 0
                ? CLI_EXIT_FAILED
                : 0;
        gn_cli_amqp_end(&send->conn);
        return;
    }
    gn_cli_amqp_fail(&send->conn, "%s%s%s", outcome_text(outcome), reason[0] != '\0' ? ": " : "",
                     reason);
}

static void on_refused(void *ctx, const char *reason)
{
    struct send *send = ctx;

    if (!send->conn.is_ending)
        gn_cli_amqp_fail(&send->conn, "%s: %s", send->options.address, reason);
}

/* Looks whether it can go out now. There is no sign for a link that was attached, and this is only
 * one message. */
static void try_send(void *ctx)
{
    struct send *send = ctx;
    enum gn_err err = gn_amqp_send(send->sender, gn_buf_str(&send->message), on_sent, send, NULL);

    if (err == GN_OK)
        return;
    if (err != GN_ECONN && err != GN_EFULL)
        gn_cli_amqp_fail(&send->conn, "%s", gn_err_text(err));
    else if (gn_loop_now_ms(send->conn.loop) < send->give_up_at_ms)
        gn_timer_start(&send->again, AGAIN_MS);
    else if (!gn_amqp_is_up(send->conn.amqp))
        gn_cli_amqp_fail_unconnected(&send->conn);
    else
        gn_cli_amqp_fail(&send->conn, "%s: no credit; nobody receives from it, or it is full",
                         send->options.address);
}

static void deliver(struct send *send)
{
    const uint32_t timeout_ms = (uint32_t)(send->options.timeout_s * MS_PER_S);
    const struct gn_amqp_sender_config config = {
        .address = send->options.address,
        .is_durable = gn_amqp_address_is_durable(send->options.address),
        .outcome_ms = timeout_ms,
        .on_refused = on_refused,
        .ctx = send,
    };
    enum gn_err err = GN_ENOMEM;

    send->sender = gn_amqp_sender_new(send->conn.amqp, &config);
    if (send->sender != NULL) {
        send->give_up_at_ms = gn_clock_mono_ms() + timeout_ms;
        gn_timer_start(&send->again, 0);
        err = gn_loop_run(send->conn.loop);
    }
    if (err != GN_OK)
        gn_cli_amqp_fail(&send->conn, "%s", gn_err_text(err));
    else if (!send->is_through && send->conn.exit_code == 0)
        send->conn.exit_code = CLI_EXIT_FAILED; /* interrupted */
}

static void run(struct send *send)
{
    if (!encode(send)) {
        send->conn.exit_code = CLI_EXIT_FAILED;
        return;
    }
    if (gn_cli_amqp_open(&send->conn, &send->options.amqp)) {
        gn_timer_init(&send->again, send->conn.loop, try_send, send);
        deliver(send);
        gn_timer_fini(&send->again);
    }
    gn_cli_amqp_stop(&send->conn);
    gn_amqp_sender_free(send->sender);
    gn_cli_amqp_close(&send->conn);
}

int gn_cli_send(int argc, char **argv)
{
    struct send send = {.options = {.timeout_s = CLI_AMQP_WAIT_MS / MS_PER_S},
                        .conn = {.verb = VERB},
                        .text = gn_buf_with_limit(CLI_AMQP_MESSAGE_BYTES),
                        .message = GN_BUF_INIT};
    int code = read_options(&send.options, argc, argv);

    if (code >= 0)
        return code;
    gn_arena_init(&send.arena, ARENA_BYTES);
    run(&send);
    gn_buf_free(&send.message);
    gn_buf_free(&send.text);
    gn_arena_fini(&send.arena);
    return send.conn.exit_code;
}
