/* An AMQP 1.0 message as gurnard needs it: a content type, application properties, one body. The
 * bytes are those of the AMQP 1.0 types and messaging parts; read and written here without a
 * library, since the bytes come from outside and go through for each event. Pure. */
#ifndef GURNARD_NET_AMQP_MESSAGE_H
#define GURNARD_NET_AMQP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_AMQP_PROPERTIES_MAX 128  /* of one message; more: GN_ELIMIT */
#define GN_AMQP_TEXT_MAX       8192 /* bytes of a name, a value, an address; more: GN_ELIMIT */
#define GN_AMQP_MESSAGE_MAX    ((size_t)64 << 20)

/* The types that CloudEvents can have; others are GN_AMQP_OTHER and have no value. */
enum gn_amqp_type {
    GN_AMQP_STRING,    /* also symbols; text */
    GN_AMQP_BINARY,    /* text, any bytes */
    GN_AMQP_BOOLEAN,   /* number: 0, 1 */
    GN_AMQP_INTEGER,   /* number: any integer type that fits */
    GN_AMQP_TIMESTAMP, /* number: milliseconds since 1970 UTC */
    GN_AMQP_OTHER,     /* null, lists, maps, floats ...: passed over by who reads it */
};

struct gn_amqp_property {
    struct gn_str name;
    enum gn_amqp_type type;
    struct gn_str text;
    int64_t number;
};

/* Texts are views. */
struct gn_amqp_message {
    struct gn_str content_type;          /* absent: none */
    struct gn_str subject, to, reply_to; /* likewise */
    bool is_durable;
    const struct gn_amqp_property *properties;
    size_t property_count;
    struct gn_str body; /* of the data sections, joined; or of a string or binary value */
    bool has_body;
};

/* Appends the message's bytes: header (durable), properties, application properties (strings as
 * string, content type as symbol, GN_AMQP_OTHER as null), one data section. GN_EINVAL: a text that
 * is not UTF-8. GN_ENOMEM, GN_ELIMIT. On an error out may end in a part of it. */
GN_MUST_CHECK enum gn_err gn_amqp_message_encode(const struct gn_amqp_message *message,
                                                 struct gn_buf *out);

/* Reads bytes; everything is copied into the arena. A value of null is no body. GN_EPARSE: no AMQP
 * message, a text that is not UTF-8, or a body that is neither data sections nor a string nor
 * binary. GN_ELIMIT, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_amqp_message_decode(struct gn_str bytes, struct gn_arena *arena,
                                                 struct gn_amqp_message *message);

#endif
