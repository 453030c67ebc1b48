/* The in-process transport: a message is a call of a function. Its addresses are inproc://NAME. For
 * consumers inside the daemon, and for tests of everything above. */
#ifndef GURNARD_TRANSPORT_TRANSPORT_INPROC_H
#define GURNARD_TRANSPORT_TRANSPORT_INPROC_H

#include <stdbool.h>

#include "gurnard/loop/loop.h"
#include "gurnard/transport/transport.h"

/* Gets each message; fills *sent (preset to GN_OK, status 200). Returns false to leave the send
 * pending until it is cancelled, as a receiver that hangs would. */
typedef bool (*gn_inproc_fn)(void *ctx, const struct gn_message_out *message, struct gn_sent *sent);

/* A new transport; fn is called in the turn after send. NULL when there is no memory. */
struct gn_transport *gn_transport_inproc_new(struct gn_loop *loop, gn_inproc_fn fn, void *ctx);

#endif
