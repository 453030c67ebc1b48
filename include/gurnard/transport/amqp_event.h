/* CloudEvents as AMQP messages and back: the AMQP binding 1.0.2, and what cloud-event-proxy 1 sends
 * (docs/amqp.md). Pure. */
#ifndef GURNARD_TRANSPORT_AMQP_EVENT_H
#define GURNARD_TRANSPORT_AMQP_EVENT_H

#include <stdbool.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/cloudevent.h"

enum gn_amqp_prefix {
    GN_AMQP_PREFIX_COLON,      /* cloudEvents:id, as 1.0.2 and the original have it */
    GN_AMQP_PREFIX_UNDERSCORE, /* cloudEvents_id, for JMS */
};

/* Appends the encoded message. mode: GN_CE_BINARY (attributes as application properties: strings,
 * but time as timestamp in milliseconds when time_as_timestamp, and literal extensions as Boolean
 * or integer where they are one of 32 bits; datacontenttype as content type; one data section) or
 * GN_CE_STRUCTURED. A time that is no RFC 3339 goes as a string. GN_EUNSUPPORTED: a batch.
 * GN_ENOMEM, GN_ELIMIT, GN_EINVAL (as of gn_amqp_message_encode()). */
GN_MUST_CHECK enum gn_err gn_amqp_event_encode(const struct gn_cloudevent *event,
                                               enum gn_ce_mode mode, enum gn_amqp_prefix prefix,
                                               bool time_as_timestamp, bool is_durable,
                                               struct gn_buf *out);

/* Reads a message: both prefixes, both modes, time as string or timestamp, other property types in
 * their canonical text (binary: base64); those without one are passed over. In the arena. Errors
 * and error as gn_ce_decode_attributes() and gn_ce_decode_json(), and those of
 * gn_amqp_message_decode(); GN_EUNSUPPORTED without a text: no CloudEvent. */
GN_MUST_CHECK enum gn_err gn_amqp_event_decode(struct gn_str message, struct gn_arena *arena,
                                               struct gn_cloudevent *event,
                                               char error[GN_CE_ERROR_MAX]);

/* The address on a broker for a resource: the pattern with {resource} (as it is), {path} (without
 * leading slash), {key} (path with "." for "/", and "_" for "." within it) replaced. Appends. */
void gn_amqp_address_of(const char *pattern, struct gn_str resource, struct gn_buf *out);

/* Whether attaching to the address makes a queue, which is to be asked for as a durable one:
 * RabbitMQ's /queue/NAME takes the durability from the link, and refuses one that differs from an
 * existing queue's (plugin rabbitmq_amqp1_0 3.10, measured). */
bool gn_amqp_address_is_durable(const char *address);

/* The pattern that a name stands for, or the text itself when it holds a {...}:
 *   router           {resource}           skupper-router, qpid-dispatch: as it is
 *   rabbitmq-topic   /topic/{key}
 *   rabbitmq-queue   /queue/{key}
 *   rabbitmq-exchange:NAME   /exchange/NAME/{key}
 *   artemis-multicast        multicast://{path}
 *   artemis-anycast          anycast://{path}
 * Appends. false: neither, or with braces that are none of these; nothing is appended then. */
bool gn_amqp_pattern_of(const char *name, struct gn_buf *pattern);

#endif
