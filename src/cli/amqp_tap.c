/* gurnard tap --amqp: a receiver for people. Prints what arrives on an address of a router or
 * broker, and accepts it, whatever it is: a look must leave no dead letters behind. */
#include <stdio.h>

#include "gurnard/cli/show.h"
#include "gurnard/transport/amqp_event.h"
#include "tap_priv.h"

#define CREDIT      100U /* without --count; with it one, to take little more than is printed */
#define ARENA_BYTES (2 * CLI_AMQP_MESSAGE_BYTES)

struct amqp_tap {
    const struct tap *tap;
    const char *address;
    struct cli_amqp conn;
    struct gn_amqp_receiver *receiver;
    struct gn_timer give_up; /* runs until there was a connection */
    struct gn_buf json;
    struct gn_buf line;
    uint64_t printed;
};

/* ---- messages ---- */

static void add_event(struct amqp_tap *at, const struct gn_cloudevent *event)
{
    gn_buf_reset(&at->json);
    gn_ce_write_json(event, &at->json);
    if (!at->tap->wants_json) {
        (void)gn_show_event(gn_buf_str(&at->json), at->tap->wants_color, &at->line);
        return;
    }
    gn_buf_add_str(&at->line, gn_buf_str(&at->json));
    gn_buf_putc(&at->line, '\n');
}

static void add_message(struct amqp_tap *at, struct gn_str bytes)
{
    char error[GN_CE_ERROR_MAX] = "";
    struct gn_cloudevent event;
    struct gn_arena arena;
    enum gn_err err;

    gn_arena_init(&arena, ARENA_BYTES);
    err = gn_amqp_event_decode(bytes, &arena, &event, error);
    if (err == GN_OK)
        add_event(at, &event);
    else
        gn_cli_complain(TAP_VERB, "%zu bytes came that are no CloudEvent: %s", bytes.len,
                        error[0] != '\0' ? error : gn_err_text(err));
    gn_arena_fini(&arena);
}

static void on_message(void *ctx, struct gn_amqp_delivery *delivery, struct gn_str bytes)
{
    struct amqp_tap *at = ctx;

    if (at->conn.is_ending) {
        gn_amqp_settle(delivery, GN_AMQP_RELEASE, NULL); /* not printed any more, so not taken */
        return;
    }
    add_message(at, bytes);
    at->printed++;
    if (at->line.len > 0 && !gn_cli_print(&at->line)) {
        at->conn.exit_code = CLI_EXIT_FAILED;
        gn_cli_amqp_end(&at->conn); /* nobody reads us any more */
        gn_amqp_settle(delivery, GN_AMQP_RELEASE, NULL);
        return;
    }
    gn_amqp_settle(delivery, GN_AMQP_ACCEPT, NULL);
    if (at->tap->count > 0 && at->printed >= at->tap->count)
        gn_cli_amqp_end(&at->conn);
}

/* Messages are settled in the turn they come in, so none is left to be gone. */
static void on_gone(void *ctx, struct gn_amqp_delivery *delivery)
{
    (void)ctx;
    (void)delivery;
}

/* ---- life ---- */

static void on_refused(void *ctx, const char *reason)
{
    struct amqp_tap *at = ctx;

    if (!at->conn.is_ending)
        gn_cli_amqp_fail(&at->conn, "%s: %s", at->address, reason);
}

static void on_up(void *ctx)
{
    struct amqp_tap *at = ctx;

    gn_timer_stop(&at->give_up);
    (void)fprintf(stderr, "receiving from %s at %s:%u\n", at->address, at->conn.host,
                  at->conn.port);
}

static void on_give_up(void *ctx)
{
    struct amqp_tap *at = ctx;

    gn_cli_amqp_fail_unconnected(&at->conn);
}

static void receive(struct amqp_tap *at)
{
    const struct gn_amqp_receiver_config config = {
        .address = at->address,
        .is_durable = gn_amqp_address_is_durable(at->address),
        .credit = at->tap->count > 0 ? 1 : CREDIT,
        .max_message_bytes = CLI_AMQP_MESSAGE_BYTES,
        .on_message = on_message,
        .on_gone = on_gone,
        .on_refused = on_refused,
        .ctx = at,
    };
    enum gn_err err = GN_ENOMEM;

    at->receiver = gn_amqp_receiver_new(at->conn.amqp, &config);
    if (at->receiver != NULL) {
        gn_timer_start(&at->give_up, CLI_AMQP_WAIT_MS);
        err = gn_loop_run(at->conn.loop);
    }
    if (err != GN_OK)
        gn_cli_amqp_fail(&at->conn, "%s", gn_err_text(err));
}

int gn_tap_amqp(const struct tap *tap, const char *address)
{
    struct amqp_tap at = {.tap = tap,
                          .address = address,
                          .conn = {.verb = TAP_VERB, .on_up = on_up},
                          .json = GN_BUF_INIT,
                          .line = GN_BUF_INIT};

    at.conn.ctx = &at;
    if (gn_cli_amqp_open(&at.conn, &tap->amqp)) {
        gn_timer_init(&at.give_up, at.conn.loop, on_give_up, &at);
        receive(&at);
        gn_timer_fini(&at.give_up);
    }
    gn_cli_amqp_stop(&at.conn);
    gn_amqp_receiver_free(at.receiver);
    gn_cli_amqp_close(&at.conn);
    gn_buf_free(&at.json);
    gn_buf_free(&at.line);
    return at.conn.exit_code;
}
