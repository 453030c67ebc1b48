/* What --transport-host of the replaced programs means. Pure.
 *
 *   http://host:port, https://host:port, host:port   proxy to proxy by HTTP; without a port 9043
 *   amqp://host:port, amqp:host:port, amqps://...    an AMQP 1.0 router or broker; an empty or no
 *                                                    port is 5672, amqps 5671
 *   amqp://nohup, amqp:nohup                         no transport
 *   empty                                            http://localhost with the listener's port
 *
 * NODE_IP in it stands for the node's address, where that is known; otherwise NODE_NAME for the
 * node's name up to its first dot. The first of its kind is replaced. */
#ifndef GURNARD_APP_TRANSPORT_HOST_H
#define GURNARD_APP_TRANSPORT_HOST_H

#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_TRANSPORT_PORT 9043U

enum gn_transport_kind {
    GN_TRANSPORT_HTTP, /* http or https */
    GN_TRANSPORT_AMQP, /* amqp or amqps */
    GN_TRANSPORT_NONE, /* nohup */
};

struct gn_transport_host {
    enum gn_transport_kind kind;
    char *url;     /* owned: HTTP: as given, with "http://" put in front where there was no scheme;
                    * it is our name, and the client id is made of it: nothing else is changed.
                    * Empty when nothing was given */
    char *host;    /* owned; without brackets */
    uint16_t port; /* 0: none was given (HTTP) */
};

/* Reads text. node_ip may be empty. GN_EINVAL: it has none of the forms. GN_ENOMEM. In every case
 * to be freed. */
GN_MUST_CHECK enum gn_err gn_transport_host_parse(struct gn_str text, struct gn_str node_name,
                                                  struct gn_str node_ip,
                                                  struct gn_transport_host *host);
void gn_transport_host_free(struct gn_transport_host *host);

/* Appends text with NODE_IP or NODE_NAME replaced as above: for lists of publishers too. */
void gn_transport_host_expand(struct gn_str text, struct gn_str node_name, struct gn_str node_ip,
                              struct gn_buf *out);

#endif
