/* What tap.c (options, server, printing), tap_api.c (subscribing) and amqp_tap.c (from an AMQP
 * address instead) share. */
#ifndef GURNARD_CLI_TAP_PRIV_H
#define GURNARD_CLI_TAP_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp_priv.h"
#include "cli_priv.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/id.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_client.h"
#include "gurnard/net/http_server.h"

#define TAP_VERB    "tap"
#define TAP_CALL_MS 15000U /* one call of the API; a create waits for the probe of our server */
#define TAP_ID_MAX  128    /* bytes of a subscription's id */

struct tap {
    const char *api;
    const char *resource; /* --resource, later also what was found */
    const char *listen;
    uint64_t count; /* 0: until a signal */
    bool wants_json;
    bool wants_color;
    bool names_api;               /* an option was given that says where to subscribe */
    struct cli_amqp_options amqp; /* without its url: by the API */

    struct gn_loop *loop;
    struct gn_http_client *client;
    struct gn_http_server *server;
    struct gn_http_call *call; /* the one call of the API under way, or NULL */
    struct gn_timer again;     /* the next attempt to subscribe */
    uint64_t give_up_at_ms;    /* for attempts to subscribe */
    struct gn_buf url;         /* the API's, then that of a call */
    size_t api_len;            /* of url: the API's */
    struct gn_buf endpoint;    /* our own URL */
    struct gn_buf found;       /* the resource that publishers offered */
    struct gn_buf body;        /* of a call */
    struct gn_buf line;
    char id[TAP_ID_MAX + 1]; /* of our subscription, empty: none */
    uint64_t printed;
    bool is_ending;
    int exit_code;
};

/* Prints what arrives on an AMQP address, until Ctrl-C or as many as wanted. Returns the exit code.
 */
int gn_tap_amqp(const struct tap *tap, const char *address);

/* Starts to subscribe: finds the resource where none was given, waits for the API for a while. Ends
 * the tap, with a complaint, when it cannot be done. */
void gn_tap_subscribe(struct tap *tap);

/* Unsubscribes, then stops the loop. Nothing happens when that is under way. */
void gn_tap_end(struct tap *tap);

#endif
